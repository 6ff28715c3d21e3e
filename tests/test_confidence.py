"""How sure a map is: unknown pixels, thresholds, and what is said to the reader."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from mineral_utils.confidence import (
    Calibration,
    confidence_map,
    load_calibration,
    look_alikes,
    model_hash,
    name_confidence,
    photo_looks,
    warnings_for,
    with_unknown,
)
from mineral_utils.confidence.__main__ import main
from mineral_utils.confidence.calibrating import (
    EDGES,
    Areas,
    Trials,
    calibrate,
    count_pixels,
    examine,
    judge_areas,
    questions,
    rivals,
)
from mineral_utils.confidence.unknown import SHIPPED, rivals_of, weigh
from mineral_utils.photos import Photo
from mineral_utils.profiles import Preset
from mineral_utils.sections import PLAIN, render, validation_section
from mineral_utils.segmentation import Segmentation
from mineral_utils.segmenter import load_model
from mineral_utils.shipped import read_card

from .reference import small_model, small_picture

RIVALS = rivals(["Pyrite", "Galena", "Quartz", "Calcite", "Sphalerite"], "resin")


@pytest.fixture(scope="module")
def scene():
    return small_model().encode(small_picture((128, 192)), progress=False)


@pytest.fixture(scope="module")
def calibration(scene):
    return Calibration(model_hash(scene.model), RIVALS, 40.0, 0.5)


# ---- one answer against the others -------------------------------------------------------------
def test_an_answer_is_weighed_against_all_that_speaks_against_it():
    # classes 0 and 1 are asked; the third word was not
    logits = torch.tensor([[[3.0, 0, 0], [0, 2, 2], [0, 1, 9]]])
    against = torch.tensor([[False, True, True], [True, False, True]])
    found = weigh(logits, torch.tensor([0, 1]), against)
    e = np.exp
    assert found.shape == (1, 3)
    expected = [e(3) / (e(3) + 2), e(2) / (e(2) + e(2) + 1), e(1) / (e(1) + e(9) + 1)]
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-5)


def test_where_nothing_speaks_against_an_answer_it_is_sure():
    found = weigh(torch.tensor([[[0.3]]]), torch.tensor([0]), torch.tensor([[False]]))
    assert found.item() == 1


def test_look_alikes_and_synonyms_are_no_rivals():
    # one class of two words, then sphalerite; not asked: calcite (looks like quartz), galena
    words, owner = ["quartz", "stone", "sphalerite", "calcite", "galena"], [0, 0, 1]
    assert rivals_of(words, owner).tolist() == [
        [False, False, True, False, True],
        [True, True, False, True, True],
    ]


def test_look_alikes_follow_from_reflectance():
    alike = look_alikes()
    assert alike["Quartz"] == {"Calcite", "Dolomite", "Chalcedony"}
    for name in ("Pyrite", "Chalcopyrite", "Covellite", "Magnetite"):
        assert name not in alike
    assert all(name in alike[other] for name in alike for other in alike[name])


# ---- unknown pixels ----------------------------------------------------------------------------
def test_pixels_below_the_threshold_become_unknown(scene, calibration):
    result = scene.segment(["pyrite", "quartz"])
    judged = with_unknown(scene, result, 0, calibration=calibration)
    assert np.array_equal(judged.labels, result.labels)
    sure = confidence_map(judged)
    assert sure.shape == result.size and sure.dtype == np.float32
    assert 0 <= sure.min() < sure.max() <= 1

    middle = float(np.median(sure))
    labels = replace(judged, min_confidence=middle).labels
    np.testing.assert_array_equal(labels, np.where(sure < middle, 255, result.labels))
    row = replace(judged, min_confidence=middle).table()[-1]
    assert row["name"] == "unknown" and row["share"] == pytest.approx((sure < middle).mean())


def test_unknown_pixels_outlive_refinement(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite", "quartz"]), 1.0, calibration=calibration)
    refined = judged.refine(scene, progress=False)
    assert refined.refined is not None and (refined.labels[confidence_map(judged) < 1] == 255).all()


def test_a_reduced_confidence_map_shows_the_same(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite"]), calibration=calibration)
    small = confidence_map(judged, tuple(judged.confidence.shape))
    np.testing.assert_allclose(small, judged.confidence.numpy(), atol=1e-6)


def test_all_names_asked_leave_no_rival_but_each_other(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite", "galena"]), calibration=calibration)
    few = replace(calibration, rivals={})
    alone = with_unknown(scene, scene.segment(["pyrite", "galena"]), calibration=few)
    assert (alone.confidence >= 0.5).all()
    assert (judged.confidence <= alone.confidence).all()


def test_wrong_use_is_explained(scene, calibration):
    result = scene.segment(["pyrite"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        with_unknown(scene, result, 40, calibration=calibration)
    with pytest.raises(ValueError, match="call with_unknown"):
        confidence_map(result)
    other = scene.model.encode(small_picture((128, 128)), progress=False)
    with pytest.raises(ValueError, match="the scene that the result came from"):
        with_unknown(other, result, calibration=calibration)
    with pytest.raises(ValueError, match="is no calibration"):
        load_calibration("nowhere.json")


def test_a_calibration_of_another_model_is_announced(scene, calibration):
    result = scene.segment(["pyrite"])
    with pytest.warns(UserWarning, match="calibrated for another model"):
        with_unknown(scene, result, calibration=replace(calibration, model="another"))


# ---- the shipped calibration -------------------------------------------------------------------
def test_a_calibration_is_read_as_it_was_written(tmp_path, calibration):
    calibration.save(tmp_path / "own.json")
    assert load_calibration(tmp_path / "own.json") == calibration


def test_the_shipped_calibration_is_of_the_shipped_adapter():
    measured = load_calibration(SHIPPED).measured
    assert measured["adapter_sha256"] == read_card("ore")["sha256"], (
        "the shipped adapter was trained anew: run `python -m mineral_utils.confidence calibrate`"
    )
    assert measured["known_lost"] <= 0.1


# ---- thresholds --------------------------------------------------------------------------------
def test_the_threshold_gives_up_what_it_may():
    def counts(pixels: dict[float, int]) -> np.ndarray:
        row = np.zeros((1, len(EDGES) + 1), int)
        for confidence, number in pixels.items():
            row[0, np.searchsorted(EDGES, confidence, side="right")] = number
        return row

    trials = Trials(
        np.array([0]),
        ("Pyrite",),
        known=counts({0.1: 5, 0.2: 5, 0.9: 90}),
        right=counts({0.1: 1, 0.9: 79}),
        lacking=counts({0.15: 60, 0.95: 40}),
        empty=counts({}),
    )
    # one step higher would give up ten pixels of a hundred
    least = trials.threshold(0.08)
    assert 0.195 < least <= 0.2
    assert trials.unknown("known", least) == 0.05
    assert trials.unknown("right", least) == 1 / 80
    assert trials.unknown("lacking", least) == 0.6
    assert np.isnan(trials.unknown("empty", least))
    assert 0.895 < trials.threshold(0.10) <= 0.9
    assert trials.unknown("known", 0) == 0


def test_a_calibration_is_made_from_sections(scene):
    names = [["pyrite", "quartz"], ["galena", "sphalerite", "calcite"]]
    sections = [render(each, size=(112, 160), seed=k) for k, each in enumerate(names)]
    found = calibrate(scene.model, RIVALS, sections, lost=0.2, progress=False)
    assert found.model == model_hash(scene.model) and found.rivals == RIVALS
    assert found.measured["trials"] == 5 and found.measured["excluded"] == ()
    assert found.measured["known_lost"] <= 0.2
    assert all(low <= high for low, high in found.looks.values())
    # the same threshold in labels: five trials, all pixels of the words' minerals
    lost = total = 0
    for section in sections:
        for name, words in questions(tuple(RIVALS), section)[0]:
            own = scene.model.encode(section.image, progress=False)
            judged = with_unknown(own, own.segment(words), calibration=found)
            known = (section.labels != 255) & (section.labels != section.names.index(name))
            lost, total = lost + (judged.labels[known] == 255).sum(), total + known.sum()
    assert lost / total == pytest.approx(found.measured["known_lost"], abs=1e-6)


def test_sections_without_two_minerals_make_no_calibration(scene):
    lonely = render(["pyrite"], size=(112, 160), seed=1)
    with pytest.raises(ValueError, match="give more"):
        calibrate(scene.model, RIVALS, [lonely], progress=False)


def test_the_command_says_what_is_wrong(capsys):
    assert main(["calibrate", "--sections", "0"]) == 2
    assert "fifty or more" in capsys.readouterr().err
    assert main(["calibrate", "--adapter", "nowhere.safetensors"]) == 2
    assert "nowhere.safetensors" in capsys.readouterr().err


@pytest.mark.slow
def test_the_shipped_model_keeps_what_is_promised():
    """Sections that nothing else draws: 60 % of a missing mineral at 10 % of the others."""
    model, calibration = load_model("demo", adapter="miniature:ore"), load_calibration()
    found = examine(model, map(validation_section, range(4900, 4924)), calibration, progress=False)
    assert found.trials.unknown("lacking", calibration.threshold) >= 0.6
    assert found.trials.unknown("known", calibration.threshold) <= 0.1


def _judged(labels: np.ndarray, names: list[str], confidence: list[list[float]]) -> Segmentation:
    """A map as it is given, with the confidence of each cell."""
    grid = torch.tensor(confidence)
    return Segmentation(
        cosine=torch.zeros(*grid.shape, len(names)),
        owner=torch.arange(len(names)),
        names=tuple(names),
        size=labels.shape,
        preset=Preset(),
        refined=labels,
        confidence=grid,
    )


def test_pixels_are_counted_by_what_they_are():
    section = render(["pyrite", "galena", "quartz"], size=(64, 96), seed=3)
    # all is called quartz
    judged = _judged(np.ones((64, 96), np.uint8), ["Pyrite", "Quartz"], [[0.25]])
    known, right, lacking, empty = count_pixels(section, "Galena", judged)
    step = np.searchsorted(EDGES, 0.25)  # all pixels have one confidence
    assert EDGES[step - 1] < 0.25 < EDGES[step]
    assert (known[step], lacking[step], empty[step]) == (known.sum(), lacking.sum(), empty.sum())
    shares = section.shares
    assert right[step] == right.sum() == round(shares["Quartz"] * 64 * 96)
    assert lacking.sum() == round(shares["Galena"] * 64 * 96)
    assert known.sum() == round((shares["Pyrite"] + shares["Quartz"]) * 64 * 96)
    assert known.sum() + lacking.sum() + empty.sum() == 64 * 96


def test_one_mineral_at_a_time_is_left_out_unless_it_has_a_look_alike():
    section = render(["pyrite", "calcite", "quartz"], size=(64, 96), seed=6)
    asked, refused = questions(["Pyrite", "Calcite", "Quartz"], section)
    assert [(name, set(words)) for name, words in asked] == [("Pyrite", {"Calcite", "Quartz"})]
    assert set(refused) == {("Calcite", "Quartz"), ("Quartz", "Calcite")}
    among = ["Pyrite", "Calcite", "Quartz", "Galena"]
    asked, _ = questions(["Calcite"], section, among)
    assert asked == [("Calcite", ["Pyrite", "Galena"])]


def test_areas_no_better_than_chance_are_told_from_good_ones():
    zero, nothing = np.zeros(4, int), np.ones(4)
    # mostly right; a fifth where a fifth is due; half where six tenths are due; not there at all
    areas = Areas(
        zero, nothing, nothing, np.array([0.9, 0.2, 0.5, 0]), np.array([0.3, 0.2, 0.6, 0])
    )
    assert areas.good.tolist() == [True, False, False, False]
    assert areas.chance.tolist() == [False, True, True, True]


def test_an_area_is_judged_by_its_pixels_and_look_alikes_are_right():
    section = render(["pyrite", "quartz"], size=(64, 96), seed=3, artefacts_on=False)
    pyrite = section.names.index("Pyrite")
    share = (section.labels == pyrite).mean()
    judged = _judged(np.where(section.labels == pyrite, 1, 0), ["calcite", "pyrite"], [[0.5]])
    judged = replace(judged, names=("Calcite", "Pyrite"), refined=None)
    # cosines are equal, so all is the first name: right where quartz is
    assert judge_areas(section, judged) == [pytest.approx((0.5, 1, 1 - share, 1 - share))]


# ---- what is said to the reader ----------------------------------------------------------------
@pytest.mark.parametrize(
    "camera, exposure, red, blue",
    [
        (PLAIN, 0, 0, 0),
        (replace(PLAIN, exposure=0.5), -0.69, 0, 0),
        (replace(PLAIN, white_balance=(1.2, 1, 0.8)), 0, 0.18, -0.22),
    ],
)
def test_light_is_read_off_the_minerals(camera, exposure, red, blue):
    section = render(["pyrite", "quartz"], seed=5, camera=camera, artefacts_on=False)
    judged = _judged(section.labels, list(section.names), [[1.0]])
    scene = SimpleNamespace(photo=Photo(section.image), preset=Preset())
    looks = photo_looks(scene, judged)
    assert looks["exposure"] == pytest.approx(exposure, abs=0.05)
    assert looks["red"] == pytest.approx(red, abs=0.05)
    assert looks["blue"] == pytest.approx(blue, abs=0.05)
    # where nothing is known, no light can be read
    unknown = replace(judged, min_confidence=1.0, confidence=torch.zeros(1, 1))
    assert set(photo_looks(scene, unknown)) == {"detail"}


def test_an_enlarged_photo_is_smoother():
    noise = np.random.default_rng(0).normal(128, 20, (336, 448, 3)).astype(np.uint8)
    large = Image.fromarray(noise).resize((1792, 1344), Image.Resampling.BICUBIC)
    judged = _judged(np.full((336, 448), 255, np.uint8), ["pyrite"], [[1.0]])
    large, noise = (
        photo_looks(SimpleNamespace(photo=Photo(each), preset=Preset()), judged)["detail"]
        for each in (np.array(large)[:336, :448], noise)
    )
    # differences of differences of white noise are root 3 times its differences
    assert large < 0 and noise == pytest.approx(np.log(3) / 2, abs=0.01)


def test_confidence_of_a_name_is_the_mean_over_its_area():
    labels = np.repeat([[0, 0, 1, 255]], 2, axis=0).astype(np.uint8)
    judged = _judged(labels, ["pyrite", "galena", "quartz"], [[0.2, 0.4, 0.9, 0.1]] * 2)
    share, sure = name_confidence(judged)
    assert share.tolist() == [0.5, 0.25, 0]
    np.testing.assert_allclose(sure, [0.3, 0.9, np.nan], rtol=1e-5)


def test_what_is_said(scene, calibration):
    def said(names, **changes):
        result = scene.segment(names, open_vocabulary=True)
        quiet = {key: (-np.inf, np.inf) for key in ("detail", "exposure", "red", "blue")}
        own = replace(calibration, **{"looks": quiet} | changes)
        return [s for s in warnings_for(scene, result, calibration=own) if "random" not in s]

    assert said(["pyrite", "quartz"]) == []
    assert said(["calcite", "quartz"]) == [
        "calcite and quartz look the same in reflected light: take their areas together."
    ]
    (one,) = said(["pyrite", "gold", "paint"])
    assert one == "The model was not taught what gold or paint looks like: that area is a guess."
    (one,) = said(["pyrite"], guess=1.0)
    assert one.startswith("pyrite: its area (100% of the photo) is a guess")
    (one,) = said(["pyrite"], looks={"detail": (5, 6)})
    assert "the photo is smoother" in one
    (one,) = said(["pyrite"], model="another")
    assert "calibrated for another model" in one
