"""Digital sections: colour by physics, truth by construction, pictures by a camera."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from mineral_utils.minerals import UnknownMineral, vocabulary
from mineral_utils.sections import (
    PLAIN,
    Camera,
    Preparation,
    calibrate,
    frozen,
    imaging,
    optics,
    render,
    reseed,
    sets,
)
from mineral_utils.sections.artefacts import smooth_noise

IDEAL = {"imaging_on": False, "artefacts_on": False}
SMALL = (72, 96)


def _same(one, two) -> bool:
    return all(
        np.array_equal(getattr(one, field), getattr(two, field))
        for field in ("image", "labels", "grains")
    )


# ---- optics ----------------------------------------------------------------------------------


def test_colours_in_air_are_those_of_the_textbooks():
    def colour(name):
        return optics.principal_reflectance(name).mean(0)

    red, green, blue = colour("Chalcopyrite")
    assert red > green > 1.2 * blue, "yellow"
    red, green, blue = colour("Covellite")
    assert blue > 1.3 * green, "indigo"
    red, green, blue = colour("Copper")
    assert red > 1.3 * green, "pink"
    assert colour("Silver").min() > 0.9
    assert colour("Quartz").max() < 0.05
    # copper's red is the mean of 589 and 650 nm
    assert colour("Copper")[0] == pytest.approx((0.84 + 0.935) / 2)


def test_bireflectance_follows_the_angle():
    angles = np.deg2rad([0, 45, 90, 180])
    one = optics.plane_polarised(["Covellite"] * 4, angles, np.ones(4), polish=False)
    low, high = optics.principal_reflectance("Covellite")
    assert one[0] == pytest.approx(low) and one[3] == pytest.approx(low, abs=1e-6)
    assert one[2] == pytest.approx(high)
    assert one[1] == pytest.approx((low + high) / 2)
    along_the_axis = optics.plane_polarised(["Covellite"] * 4, angles, np.zeros(4), polish=False)
    assert along_the_axis == pytest.approx(np.tile(low, (4, 1)))
    turned = optics.plane_polarised(["Covellite"], np.zeros(1), np.ones(1), 90, polish=False)
    assert turned[0] == pytest.approx(high)


def test_crossed_polars_go_dark_four_times_a_turn():
    stages = np.arange(0, 360, 5)
    light = np.array(
        [optics.crossed_polars(["Stibnite"], np.zeros(1), np.ones(1), s)[0, 1] for s in stages]
    )
    low, high = optics.principal_reflectance("Stibnite")[:, 1]
    leak = optics.LEAK * (low + high) / 2
    phase = optics.PHASES["strong"]
    square = low + high - 2 * (low * high) ** 0.5 * np.cos(phase)  # |r1 - r2 e^(ip)|^2
    expected = square * np.sin(2 * np.deg2rad(stages)) ** 2 / 4 + leak
    assert light == pytest.approx(expected, abs=1e-7)
    assert stages[light < leak * 1.01].tolist() == [0, 90, 180, 270]
    isotropic = optics.crossed_polars(["Galena"] * 9, np.linspace(0, 3, 9), np.ones(9))
    assert isotropic.max() < 0.002 < 0.3 * light.max()
    # arsenopyrite hardly changes in plane-polarised light and strongly between crossed polars
    low, high = optics.principal_reflectance("Arsenopyrite")
    assert np.ptp([low, high], axis=0).max() < 0.03
    turned = optics.crossed_polars(["Arsenopyrite"], np.ones(1) * np.pi / 4, np.ones(1))
    assert turned.min() > 0.01


def test_internal_reflections_have_the_colour_of_the_words():
    colour, strength = optics.internal_reflection("Cuprite")
    assert strength == 1 and colour[0] > 3 * colour[1], "deep red, abundant"
    assert optics.internal_reflection("Pyrite")[1] == 0
    assert 0 < optics.internal_reflection("Enargite")[1] < 0.2, "rare"


# ---- camera ----------------------------------------------------------------------------------


def test_pyrite_has_the_level_of_real_photos():
    level = imaging.take(np.full((4, 4), 0.52, np.float32), PLAIN, 1)
    assert (level == 181).all()


def test_exposure_and_white_balance_act_on_light():
    grey = np.full((2, 2), 0.2, np.float32)
    camera = Camera(white_balance=(1.15, 1.0, 0.85))
    red, green, blue = (int(imaging.take(grey.copy(), camera, c)[0, 0]) for c in range(3))
    assert red > green > blue
    more = dataclasses.replace(camera, exposure=1.15)
    assert int(imaging.take(grey.copy(), more, 1)[0, 0]) == red
    assert imaging.tone_curve(camera)[-1] == 255


def test_vignette_is_what_its_number_says():
    fall = imaging.vignette((101, 151), Camera(vignette=0.12))
    assert fall[50, 75] == pytest.approx(1, abs=1e-4)
    assert fall[0, 75] == pytest.approx(1 - 0.12 * (100 / 101) ** 2, abs=1e-4)


@pytest.mark.parametrize("size", [(40, 40), (16, 300), (300, 16)])
def test_smooth_noise_is_smooth_and_has_unit_spread(size):
    fields = [smooth_noise(size, np.random.default_rng(s), 0.1) for s in range(40)]
    assert fields[0].shape == size and fields[0].dtype == np.float32
    assert np.std(fields) == pytest.approx(1, abs=0.25)
    assert abs(np.mean(fields)) < 0.25
    assert np.abs(np.diff(fields[0], axis=int(size[1] > size[0]))).max() < 1.7


# ---- sections --------------------------------------------------------------------------------


def test_equal_seeds_give_equal_sections_and_others_do_not():
    one = render(seed=11, size=SMALL)
    assert _same(one, render(seed=11, size=SMALL))
    assert not _same(one, render(seed=12, size=SMALL))
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.seed = 3


def test_without_imaging_and_artefacts_colour_belongs_to_the_crystal():
    section = render(["pyrite", "covellite", "quartz"], seed=5, **IDEAL)
    assert section.drawn["preparation"] is None
    for grain in np.unique(section.grains[section.grains >= 0])[:200]:
        assert len(np.unique(section.image[section.grains == grain], axis=0)) == 1
    by_mineral = [
        len(np.unique(section.image[section.labels == k], axis=0))
        for k in range(len(section.names))
    ]
    counts = dict(zip(section.names, by_mineral, strict=True))
    assert counts["Pyrite"] == 1, "isotropic"
    assert counts["Covellite"] > 3, "strongly bireflectant: a colour a crystal"


def test_frames_of_one_field_share_the_truth_and_go_extinct():
    minerals = ["arsenopyrite", "pyrite", "quartz"]
    plain = render(minerals, seed=8, **IDEAL)
    frames = [
        render(minerals, seed=8, light="xpl", stage_deg=angle, **IDEAL)
        for angle in range(0, 180, 15)
    ]
    assert all(np.array_equal(plain.labels, frame.labels) for frame in frames)
    brightness = np.array([frame.image.mean(-1) for frame in frames])
    swing = np.ptp(brightness, axis=0)
    index = {name: k for k, name in enumerate(plain.names)}
    assert swing[plain.labels == index["Pyrite"]].max() <= 1
    assert np.median(swing[plain.labels == index["Arsenopyrite"]]) > 3
    again = render(minerals, seed=8, light="xpl", stage_deg=90, **IDEAL)
    assert np.array_equal(again.image, frames[0].image), "90 degrees later the same"


def test_every_mineral_can_be_drawn():
    for mineral in vocabulary():
        section = render([mineral.name], seed=1, size=(48, 64))
        assert section.names[0] == mineral.name or mineral.name in section.names
        assert (section.labels == section.names.index(mineral.name)).any()


def test_holes_are_no_mineral_and_dark():
    preparation = Preparation(pits=4, cracks=4, seed=3)
    clean = render(["galena"], seed=4, artefacts_on=False, camera=PLAIN, imaging_on=False)
    worn = render(["galena"], seed=4, preparation=preparation, camera=PLAIN, imaging_on=False)
    holes = (worn.labels == 255) & (clean.labels != 255)
    assert 0.002 < holes.mean() < 0.4
    assert (worn.grains[holes] == -1).all()
    assert worn.image[holes].max() < 60 < clean.image[holes].min()
    kept = worn.labels != 255
    assert np.array_equal(worn.labels[kept], clean.labels[kept])
    assert not (render(["galena"], seed=4, size=SMALL).image == clean.image[:72, :96]).all()


def test_polish_closes_the_gap_to_real_photos():
    one, two = (
        render(["galena"], seed=4, polish=polish, size=SMALL, **IDEAL) for polish in (False, True)
    )
    galena = one.labels == one.names.index("Galena")
    assert two.image[galena].mean() < one.image[galena].mean() - 10


def test_scale_and_shares_are_told():
    section = render(["pyrite", "sphalerite", "quartz"], seed=9)
    assert 0.2 <= section.field_width_mm <= 2.6
    assert section.um_per_px * 448 == pytest.approx(section.field_width_mm * 1000)
    shares = section.shares
    assert [*shares.values()] == sorted(shares.values(), reverse=True)
    none = (section.labels == 255).mean()
    assert sum(shares.values()) + none == pytest.approx(1)


@pytest.mark.parametrize("size", [(16, 16), (17, 400), (257, 33)])
def test_odd_sizes(size):
    section = render(["pyrite", "quartz"], seed=2, size=size)
    assert section.image.shape == (*size, 3) and section.labels.shape == size
    assert section.image.dtype == section.labels.dtype == np.uint8


@pytest.mark.slow
def test_the_largest_size():
    section = render(["pyrite", "galena"], seed=2, size=(8192, 8192))
    assert section.image.shape == (8192, 8192, 3)
    assert len(np.unique(section.labels)) >= 2


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"minerals": ["pyrit"]}, UnknownMineral, "Pyrite"),
        ({"minerals": ["unobtainium"]}, UnknownMineral, "only minerals of the vocabulary can be"),
        ({"minerals": ["pyrite", "nickeline"]}, ValueError, "Nickeline"),
        ({"texture": "marble"}, ValueError, "exsolution"),
        ({"light": "uv"}, ValueError, '"ppl" or "xpl"'),
        ({"size": (15, 400)}, ValueError, "16 to 8192"),
        ({"size": (400, 9000)}, ValueError, "16 to 8192"),
        ({"size": 400}, ValueError, r"\(height, width\)"),
        ({"size": (40.5, 40)}, ValueError, "whole pixels"),
        ({"seed": "seven"}, TypeError, "reseed"),
        ({"seed": True}, TypeError, "whole number"),
        ({"seed": -1}, ValueError, "0 or more"),
        ({"stage_deg": float("nan")}, ValueError, "finite"),
        ({"stage_deg": "90"}, ValueError, "angle in degrees"),
    ],
)
def test_bad_input_is_answered_in_a_sentence(given, error, words):
    with pytest.raises(error, match=words):
        render(**given)


def test_words_make_seeds():
    assert reseed("class", 7) == reseed("class", 7) != reseed("class", 8)
    assert 0 <= reseed("") < 2**63


# ---- sets ------------------------------------------------------------------------------------


def test_frozen_sets_are_those_that_were_recorded():
    recorded = sets.recorded_fingerprints()
    assert set(recorded) == set(sets.FROZEN)
    for name, lines in recorded.items():
        assert len(lines) == sets.FROZEN[name]
        assert sets.frozen_fingerprint(name, 4) == lines[:4], name


@pytest.mark.slow
def test_all_frozen_sections_are_those_that_were_recorded():
    for name, lines in sets.recorded_fingerprints().items():
        assert sets.frozen_fingerprint(name) == lines, name


def test_frozen_c_is_a_in_another_light():
    for one, two in zip(frozen("a", 4), frozen("c", 4), strict=True):
        assert np.array_equal(one.labels, two.labels)
        ratio = two.drawn["camera"]["exposure"] / one.drawn["camera"]["exposure"]
        assert ratio == pytest.approx(0.7) or ratio == pytest.approx(1.3)
        red, blue = (
            two.drawn["camera"]["white_balance"][c] / one.drawn["camera"]["white_balance"][c]
            for c in (0, 2)
        )
        assert sorted((red, blue)) == pytest.approx([0.85, 1.15])


def test_sets_keep_to_the_papers_minerals_and_to_their_seeds():
    papers = set(vocabulary().paper_names)
    sections = [
        *(sets.training_section(k) for k in range(5)),
        *(sets.validation_section(k) for k in range(5)),
        *frozen("a", 5),
        *frozen("b", 5),
    ]
    assert all(set(section.names) <= papers for section in sections)
    assert all(len(section.names) >= 2 for section in sections)
    assert len({section.seed for section in sections}) == len(sections)
    with pytest.raises(ValueError, match="a, b, c"):
        next(frozen("d"))


def test_sets_can_be_drawn_in_another_size():
    usual, small = sets.validation_section(3), sets.validation_section(3, size=(96, 128))
    assert usual.image.shape == (336, 448, 3) and small.image.shape == (96, 128, 3)
    assert small.seed == usual.seed and set(small.names) == set(usual.names)


# ---- calibration -----------------------------------------------------------------------------


def test_measures_of_a_drawn_picture():
    """Left half pyrite (level 200), right half background (30), a galena square (150) in it."""
    image = np.full((100, 100, 3), 30, np.uint8)
    labels = np.zeros((100, 100), np.uint8)
    image[:, :50], labels[:, :50] = 200, 1
    image[40:60, 70:90], labels[40:60, 70:90] = 150, 2
    found = calibrate.measure([(image, labels)], ["background", "pyrite", "galena"])
    assert found["classes"]["pyrite"]["mean"] == [200, 200, 200]
    assert found["classes"]["pyrite"]["share"] == 0.5
    assert found["classes"]["galena"]["ecd"][1] == pytest.approx(2 * (400 / np.pi) ** 0.5 / 100)
    assert found["contacts"] == 0 and found["background"] == pytest.approx(0.46)
    assert found["noise"] == 0
    labels[:, 50:55] = 2  # now pyrite touches galena along 100 px
    found = calibrate.measure([(image, labels)], ["background", "pyrite", "galena"])
    assert found["contacts"] == pytest.approx(100 / (100 + 100 + 80))


def test_polish_factors_are_found_again():
    members = [("Pyrite",), ("Galena",), ("Sphalerite",)]
    names = [group[0] for group in members]

    def cases(polish):
        for seed in range(4):
            section = render([*names, "quartz"], seed=seed, polish=polish, **IDEAL)
            yield calibrate.as_classes(section, members)

    for polish, galena in ((True, optics.polish_factors()["Galena"]), (False, 1.0)):
        fitted = calibrate.fit_polish(cases(polish), members, "Pyrite")
        assert fitted["Pyrite"] == 1
        assert fitted["Galena"] == pytest.approx(galena, abs=0.02)


def test_patches_of_two_kinds_can_be_told_apart():
    rng = np.random.default_rng(0)
    flat = np.full((64, 96, 3), 120, np.uint8)
    rough = rng.integers(0, 255, (64, 96, 3), dtype=np.uint8)
    one, two = calibrate.patch_features(flat), calibrate.patch_features(rough)
    assert one.shape == two.shape == (6, one.shape[1])
    assert np.isfinite(one).all() and np.isfinite(two).all()
    assert not np.allclose(one.mean(0), two.mean(0), atol=1)
