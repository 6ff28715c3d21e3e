"""The geometry of digital sections: each texture shows what an ore microscopist knows it by."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from mineral_utils.minerals import UnknownMineral, vocabulary
from mineral_utils.sections.textures import (
    ALL,
    TEXTURES,
    TRAINING,
    UNSEEN,
    Fabric,
    compose,
    crystals,
    intergrowths,
    late,
    masses,
)
from mineral_utils.sections.textures.canvas import Canvas
from mineral_utils.sections.textures.frame import Frame
from mineral_utils.sections.textures.habits import can_have, forbidden, gangue, held_out
from mineral_utils.sections.textures.pool import draw_minerals
from mineral_utils.sections.textures.shapes import FORMS, sections
from mineral_utils.sections.textures.step import Step

SIZE = (168, 224)
SMALL = (60, 80)
_LEAST, _MOST = ndimage.minimum, ndimage.maximum


def _sound(fabric: Fabric, size: tuple[int, int]) -> None:
    assert fabric.labels.shape == fabric.grains.shape == size
    assert fabric.labels.dtype == np.uint8 and fabric.grains.dtype == np.int32
    assert fabric.grain_mineral.dtype == np.uint8 and fabric.grain_axis.dtype == np.float32
    assert len(fabric.grain_mineral) == len(fabric.grain_axis)
    there = fabric.labels != 255
    assert np.array_equal(there, fabric.grains >= 0)
    assert (fabric.grain_mineral[fabric.grains[there]] == fabric.labels[there]).all()
    assert np.isfinite(fabric.grain_axis).all()
    assert len(set(fabric.names)) == len(fabric.names)
    assert {mineral for _, mineral in fabric.textures} == set(fabric.names)
    assert {texture for texture, _ in fabric.textures} <= set(TEXTURES)


def _canvas(*minerals: str, seed: int = 0, size=SIZE, cells: float | None = None) -> Canvas:
    """A canvas filled with a single crystal, or a mosaic, of the first mineral."""
    canvas = Canvas(Frame(*size), np.random.default_rng(seed))
    if minerals:
        mosaic = canvas.mosaic(cells) if cells else None
        canvas.fill(minerals[0], np.ones(size, bool), mosaic.ids if mosaic else None)
    return canvas


def _disc(size, y, x, radius) -> np.ndarray:
    rows, columns = np.ogrid[: size[0], : size[1]]
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


def _pieces(mask: np.ndarray, least: int = 1) -> list[np.ndarray]:
    """Pixels (row, column) of each connected piece of at least so many pixels."""
    numbers, count = ndimage.label(mask)
    found = ndimage.find_objects(numbers)
    pieces = []
    for k in range(count):
        local = np.argwhere(numbers[found[k]] == k + 1)
        if len(local) >= least:
            pieces.append(local + [s.start for s in found[k]])
    return pieces


def _solidity(pixels: np.ndarray) -> float:
    """Area over the area of the convex hull; 1 for a convex piece."""
    corners = np.concatenate([pixels + (dy, dx) for dy in (0, 1) for dx in (0, 1)])
    return len(pixels) / ConvexHull(corners).volume


def _direction(pixels: np.ndarray) -> tuple[float, float]:
    """Long axis in radians (x towards y) and length over width."""
    y, x = (pixels - pixels.mean(0)).T
    xx, yy, xy = (x * x).mean() + 1 / 12, (y * y).mean() + 1 / 12, (x * y).mean()
    spread = np.hypot((xx - yy) / 2, xy)
    middle = (xx + yy) / 2
    return 0.5 * np.arctan2(2 * xy, xx - yy), np.sqrt((middle + spread) / (middle - spread))


def _off(angle: float, others: list[float], turn: float = np.pi) -> float:
    """Degrees from the nearest of some directions."""
    away = [abs((angle - other + turn / 2) % turn - turn / 2) for other in others]
    return float(np.degrees(min(away)))


# ---- whole fields ------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(16, 16), (1, 1), (17, 31), (30, 500), (333, 447)])
def test_fields_of_any_size_are_sound(size):
    for seed in range(3):
        _sound(compose(rng=seed, pool=ALL, size=size), size)


def test_the_same_seed_draws_the_same_field_and_another_seed_another():
    one, two = (compose(rng=np.random.default_rng(5), size=SIZE) for _ in range(2))
    assert one.names == two.names and one.textures == two.textures
    assert np.array_equal(one.labels, two.labels) and np.array_equal(one.grains, two.grains)
    assert np.array_equal(one.grain_axis, two.grain_axis)
    assert not np.array_equal(one.labels, compose(rng=6, size=SIZE).labels)


def test_global_random_state_does_not_matter():
    np.random.seed(1)
    one = compose(rng=3, size=SMALL)
    np.random.seed(2)
    assert np.array_equal(one.labels, compose(rng=3, size=SMALL).labels)


def test_the_same_seed_at_another_size_has_the_same_minerals_and_scale():
    small, large = (compose(rng=11, size=size) for size in (SMALL, SIZE))
    assert set(small.names) == set(large.names) and small.scale == large.scale


def test_every_mineral_can_be_drawn_alone():
    for name in vocabulary().names:
        fabric = compose([name], rng=1, pool=ALL, size=SMALL)
        _sound(fabric, SMALL)
        assert fabric.names == (name,) and fabric.shares()[name] > 0.003


def test_exactly_the_minerals_asked_for_are_seen():
    asked = ["Gold", "Py", "галенит", "quartz", "Sphalerite", "Chalcopyrite"]
    wanted = {"Gold", "Pyrite", "Galena", "Quartz", "Sphalerite", "Chalcopyrite"}
    for seed in range(8):
        shares = compose(asked, rng=seed, size=SIZE).shares()
        assert set(shares) == wanted and min(shares.values()) >= 0.003
    assert set(compose(asked[::-1], rng=1, size=SMALL).names) == wanted


def test_all_minerals_at_once_fit_even_a_tiny_field():
    names = vocabulary().names
    for size in ((16, 16), SIZE):
        fabric = compose(names, rng=0, pool=ALL, size=size, impossible=True)
        _sound(fabric, size)
        assert min(fabric.shares().values()) > 0 and set(fabric.names) == set(names)


def test_gangue_alone_and_resin_alone():
    stone = compose(["Calcite"], rng=0, size=SIZE)
    assert len(np.unique(stone.grains)) > 5, "a mosaic of several crystals"
    resin = compose([], rng=0, size=SIZE)
    assert resin.names == () and (resin.labels == 255).all() and (resin.grains == -1).all()


def test_masses_consist_of_several_crystals_with_axes_of_their_own():
    fabric = compose(["Pyrrhotite", "Quartz"], texture="massive", rng=2, size=SIZE)
    seen = np.unique(fabric.grains[fabric.labels == fabric.names.index("Pyrrhotite")])
    assert len(seen) > 10 and np.std(fabric.grain_axis[seen]) > 0.3


def test_shares_look_like_real_fields():
    fields = [compose(rng=seed, size=SIZE) for seed in range(60)]
    barren = [1 - sum(v for n, v in f.shares().items() if n not in gangue()) for f in fields]
    assert 0.25 < np.mean(barren) < 0.55 and min(barren) < 0.15 and max(barren) > 0.6
    sizes = [
        np.sqrt(len(piece) * 4 / np.pi) / SIZE[1]
        for f in fields[:25]
        for k, name in enumerate(f.names)
        if name not in gangue()
        for piece in _pieces(f.labels == k)
    ]
    order = np.sort(sizes)
    by_area = order[np.searchsorted(np.cumsum(order**2) / np.sum(order**2), [0.1, 0.5, 0.9])]
    # real fields: 0.06-0.10, 0.31-0.41, 0.77-0.80, and most objects tiny
    assert by_area[0] < 0.2 and 0.25 < by_area[1] < 0.6 and by_area[2] > 0.6
    assert np.median(sizes) < 0.02


# ---- assemblages and pools -----------------------------------------------------------------------
def test_minerals_that_never_meet_are_refused_with_the_reason():
    with pytest.raises(ValueError, match="Galena and Stibnite never occur together.*zinkenite"):
        compose(["Quartz", "Galena", "Stibnite"])
    fabric = compose(["Galena", "Stibnite"], impossible=True, size=SMALL)
    assert set(fabric.names) == {"Galena", "Stibnite"}
    assert len(forbidden()) == 5


def test_drawn_assemblages_are_believable():
    rng = np.random.default_rng(0)
    drawn = [draw_minerals(rng, ALL) for _ in range(700)]
    assert {m for minerals in drawn for m in minerals} == set(vocabulary().names)
    for minerals in drawn:
        assert 2 <= len(minerals) <= 7 and len(set(minerals)) == len(minerals)
        assert not any(pair <= set(minerals) for pair in forbidden())
    known = {m.name: set(m.associations) for m in vocabulary()}
    pairs = [(a, b) for minerals in drawn for a in minerals for b in minerals if a < b]
    assert np.mean([b in known[a] or a in known[b] for a, b in pairs]) > 0.6


def test_training_never_draws_what_is_held_out():
    textures, pairs = held_out()
    assert len(textures) == 4 and len(pairs) == 12
    seen = set()
    for seed in range(300):
        fabric = compose(rng=seed, pool=TRAINING, size=(36, 48))
        assert not textures & {texture for texture, _ in fabric.textures}
        assert not any(pair <= set(fabric.names) for pair in pairs)
        seen |= {texture for texture, _ in fabric.textures}
    assert seen == set(TEXTURES) - textures


def test_unseen_fields_show_a_held_out_texture_in_a_held_out_assemblage():
    textures, pairs = held_out()
    seen = set()
    for seed in range(40):
        fabric = compose(rng=seed, pool=UNSEEN, size=(36, 48))
        drawn = {texture for texture, _ in fabric.textures}
        assert drawn & textures and drawn <= textures | {"massive", "disseminated"}
        assert any(pair <= set(fabric.names) for pair in pairs)
        seen |= drawn & textures
    assert seen == textures


def test_what_a_pool_lacks_is_refused():
    with pytest.raises(ValueError, match="'training' never draws the texture 'framboidal'"):
        compose(texture="framboidal")
    with pytest.raises(ValueError, match="never draws Bornite with Digenite; pass pool=ALL"):
        compose(["Digenite", "Bornite"])


@pytest.mark.parametrize("texture", TEXTURES)
def test_the_texture_asked_for_is_drawn_with_every_mineral_that_can_have_it(texture):
    done = set()
    for mineral, host in can_have(texture, vocabulary().names):
        pair = {mineral, host or "Quartz"}
        if mineral in done or frozenset(pair) in forbidden():
            continue
        done.add(mineral)
        fabric = compose(pair, texture=texture, rng=3, pool=ALL, size=SMALL)
        _sound(fabric, SMALL)
        assert texture in {t for t, _ in fabric.textures}, (mineral, host)
    assert texture in {t for t, _ in compose(texture=texture, pool=ALL, size=SMALL).textures}


# ---- bad input -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given, message",
    [
        ({"minerals": "Pyrite"}, "must be a list"),
        ({"texture": "spotted"}, "no texture known here; use one of disseminated"),
        ({"size": (0, 100)}, "sides of 1 to 16384 px"),
        ({"size": 100}, r"size must be \(height, width\)"),
        ({"rng": "seven"}, "whole number"),
        ({"rng": -1}, "whole number"),
        ({"minerals": ["Quartz"], "texture": "exsolution"}, "none of Quartz can show"),
        ({"minerals": [], "texture": "massive"}, "none of no minerals can show"),
    ],
)
def test_bad_input_is_explained(given, message):
    with pytest.raises(ValueError, match=message):
        compose(**given)


def test_an_unknown_mineral_is_answered_with_near_names():
    with pytest.raises(UnknownMineral, match="Pyrite"):
        compose(["Pyritte"])


# ---- each texture --------------------------------------------------------------------------------
def test_polygonal_grains_meet_in_threes_near_120_degrees():
    size = (336, 448)
    canvas = _canvas(size=size)
    ids = canvas.mosaic(0.09, straight=True).ids
    blocks = np.stack([ids[:-1, :-1], ids[1:, :-1], ids[:-1, 1:], ids[1:, 1:]], -1)
    blocks.sort(-1)
    kinds = 1 + (np.diff(blocks, axis=-1) != 0).sum(-1)
    assert (kinds == 4).sum() <= 0.05 * (kinds >= 3).sum(), "four grains hardly ever meet"
    turn = np.radians(np.arange(720) / 2)
    angles = []
    for y, x in np.argwhere(kinds == 3):
        if not (12 < y < size[0] - 12 and 12 < x < size[1] - 12):
            continue
        ring = ids[
            np.round(y + 0.5 + 9 * np.sin(turn)).astype(int),
            np.round(x + 0.5 + 9 * np.cos(turn)).astype(int),
        ]
        around = np.unique(ring, return_counts=True)[1] / 2
        if len(around) == 3:
            angles += list(around)
    assert len(angles) > 150
    assert np.std(angles) < 27 and np.mean(np.abs(np.array(angles) - 120) < 35) > 0.75


def test_foam_of_two_minerals_consists_of_whole_crystals():
    canvas = _canvas()
    cells = canvas.mosaic(0.08, straight=True).ids  # serves again, maybe mirrored
    masses.polygonal(canvas, Step("polygonal", "Pyrite", 1.0, 0.12, fill="Sphalerite"))
    assert min(canvas.share("Pyrite"), canvas.share("Sphalerite")) > 0.08
    whole = []
    for ids in (cells, cells[:, ::-1], cells[::-1], cells[::-1, ::-1]):
        least, most = (f(canvas.labels, ids, np.unique(ids)) for f in (_LEAST, _MOST))
        whole.append(np.array_equal(least, most))
    assert any(whole)


def test_disseminated_grains_are_scattered_and_of_many_sizes():
    canvas = _canvas("Quartz")
    crystals.disseminated(canvas, Step("disseminated", "Pyrite", 0.08, 0.05, ground=("Quartz",)))
    areas = np.array([len(p) for p in _pieces(canvas.where("Pyrite"), 3)])
    assert len(areas) > 8 and areas.sum() < 0.2 * canvas.labels.size
    assert areas.max() > 4 * np.median(areas)


@pytest.mark.parametrize("form", FORMS)
def test_sections_through_crystals_are_convex_and_have_few_straight_sides(form):
    canvas = _canvas()
    centre = np.stack(np.meshgrid([40, 112, 184], [40, 120]), -1).reshape(-1, 2).astype(float)
    canvas.stamp("Pyrite", sections(canvas.rng, centre, np.full(6, 14.0), form))
    pieces = _pieces(canvas.where("Pyrite"), 20)
    assert len(pieces) >= 5
    assert all(_solidity(piece) > 0.9 for piece in pieces)


def test_a_cube_is_cut_in_triangles_to_hexagons():
    outlines = sections(np.random.default_rng(2), np.zeros((300, 2)), np.ones(300), "cube")
    around = np.linspace(0, 2 * np.pi, 1440, endpoint=False)
    ray = np.stack([np.cos(around), np.sin(around)])
    counts = []
    for normal, offset in zip(outlines.normal, outlines.offset, strict=True):
        if offset.min() > 0.05:  # the centre lies inside: which side does each ray meet first?
            reach = normal @ ray
            first = np.where(reach > 1e-9, offset[:, None] / np.maximum(reach, 1e-9), 99).argmin(0)
            counts.append(len(np.unique(first)))
    assert len(counts) > 100 and min(counts) >= 3 and max(counts) == 6


def test_framboids_are_discs_of_many_equal_crystals():
    size = (336, 448)
    canvas = _canvas("Calcite", size=size)
    step = Step("framboidal", "Pyrite", 0.15, 0.12, ground=("Calcite",))
    crystals.framboidal(canvas, step)
    pyrite = canvas.where("Pyrite")
    grains, areas = np.unique(canvas.grains[pyrite], return_counts=True)
    assert len(grains) > 150
    assert np.percentile(areas, 90) < 6 * np.percentile(areas, 30), "crystals are alike"
    clusters = [p for p in _pieces(ndimage.binary_closing(pyrite, iterations=2), 300)]
    assert clusters and np.median([_solidity(p) for p in clusters]) > 0.75, "clusters are round"


def test_lamellae_run_at_fixed_angles_in_each_host_crystal_and_share_its_axis():
    canvas = _canvas("Chalcopyrite", size=(336, 448), cells=0.3)
    hosts = canvas.grains.copy()
    axes = canvas.axes()
    step = Step("exsolution", "Cubanite", 0.15, 0.2, ("Chalcopyrite",), style="laths")
    intergrowths.exsolution(canvas, step)
    checked = 0
    for grain in np.unique(canvas.grains[canvas.where("Cubanite")]):
        pixels = np.argwhere(canvas.grains == grain)
        host = np.unique(hosts[canvas.grains == grain])
        assert len(host) == 1, "a lamella stops at the edge of its host"
        assert canvas.axes()[grain] == axes[host[0]]
        angle, aspect = _direction(pixels)
        if len(pixels) > 40 and aspect > 5:
            third = [axes[host[0]] + k * np.pi / 3 for k in range(3)]
            assert _off(angle, third) < 6
            checked += 1
    assert checked > 20


def test_trellis_has_three_directions_in_one_crystal():
    canvas = _canvas("Magnetite", size=(336, 448))
    step = Step("exsolution", "Ilmenite", 0.3, 0.15, ("Magnetite",), style="trellis")
    intergrowths.exsolution(canvas, step)
    sets = {0: 0, 1: 0, 2: 0}
    for grain in np.unique(canvas.grains[canvas.where("Ilmenite")]):
        pixels = np.argwhere(canvas.grains == grain)
        angle, aspect = _direction(pixels) if len(pixels) > 40 else (0, 0)
        if aspect > 6:
            for k in sets:
                sets[k] += _off(angle, [canvas.axes()[0] + k * np.pi / 3]) < 6
    assert min(sets.values()) >= 3


def test_flames_start_at_grain_boundaries_and_follow_the_host():
    canvas = _canvas("Pyrrhotite", size=(336, 448), cells=0.2)
    hosts, axes = canvas.grains.copy(), canvas.axes()
    edge = np.zeros(hosts.shape, bool)
    edge[:, 1:] |= hosts[:, 1:] != hosts[:, :-1]
    edge[1:] |= hosts[1:] != hosts[:-1]
    step = Step("exsolution", "Pentlandite", 0.12, 0.1, ("Pyrrhotite",), style="flames")
    intergrowths.exsolution(canvas, step)
    flames = canvas.where("Pentlandite")
    away = ndimage.distance_transform_edt(~edge)
    assert away[flames].mean() < 0.75 * away[~flames].mean()
    off = []
    for grain in np.unique(canvas.grains[flames]):
        pixels = np.argwhere(canvas.grains == grain)
        angle, aspect = _direction(pixels) if len(pixels) > 25 else (0, 0)
        if aspect > 4:
            off.append(_off(angle, [axes[hosts[tuple(pixels[0])]]]))
    assert len(off) > 10 and np.median(off) < 8


def test_chalcopyrite_disease_is_many_fine_blebs_inside_sphalerite():
    size = (336, 448)
    canvas = _canvas("Quartz", size=size)
    host = _disc(size, 168, 224, 150)
    canvas.fill("Sphalerite", host, canvas.mosaic(0.2).ids)
    step = Step("chalcopyrite disease", "Chalcopyrite", 0.08, 0.1, ("Sphalerite",))
    intergrowths.disease(canvas, step)
    blebs = canvas.where("Chalcopyrite")
    assert not blebs[~host].any()
    pieces = _pieces(blebs)
    assert len(pieces) > 100 and np.median([len(p) for p in pieces]) < 30
    assert 0.02 < blebs.sum() / host.sum() < 0.2
    rim = host & ~ndimage.binary_erosion(host, iterations=18)
    assert blebs[rim].mean() > blebs[host & ~rim].mean(), "more of them along the edge"


def test_worms_are_narrow_and_stay_in_their_host():
    size = (336, 448)
    canvas = _canvas("Quartz", size=size)
    host = _disc(size, 168, 224, 150)
    canvas.fill("Bornite", host, canvas.mosaic(0.2).ids)
    intergrowths.myrmekitic(canvas, Step("myrmekitic", "Chalcocite", 0.45, 0.1, ("Bornite",)))
    worms = canvas.where("Chalcocite")
    assert not worms[~host].any() and 0.15 < worms.sum() / host.sum() < 0.6
    depth = ndimage.distance_transform_edt(worms)
    assert depth.max() < 0.03 * size[1], "narrow"
    assert max(len(p) for p in _pieces(worms)) > 150, "and long"


def test_poikilitic_inclusions_lie_inside_single_crystals():
    size = (336, 448)
    canvas = _canvas("Quartz", size=size)
    host = _disc(size, 168, 224, 140)
    canvas.fill("Pyrite", host)
    intergrowths.poikilitic(canvas, Step("poikilitic", "Pyrrhotite", 0.1, 0.1, ("Pyrite",)))
    pieces = _pieces(canvas.where("Pyrrhotite"), 3)
    assert len(pieces) > 5
    quartz = ndimage.binary_dilation(canvas.where("Quartz"))
    inside = [not quartz[tuple(p.T)].any() for p in pieces]
    assert np.mean(inside) > 0.8


def test_rims_follow_the_outline_of_their_core():
    size = (336, 448)
    canvas = _canvas("Quartz", size=size)
    grain = _disc(size, 168, 224, 120)
    canvas.fill("Chalcopyrite", grain)
    late.rims(canvas, Step("rims", "Covellite", 0.4, 0.15, ("Chalcopyrite",)))
    rim, core = canvas.where("Covellite"), canvas.where("Chalcopyrite")
    assert not rim[~grain].any() and rim.any() and core.sum() > 0.2 * grain.sum(), "a relict core"
    outline = grain & ~ndimage.binary_erosion(grain, iterations=2)
    assert rim[outline].mean() > 0.97, "the rim is closed"
    depth = ndimage.distance_transform_edt(grain)
    assert np.median(depth[rim]) < 0.5 * np.median(depth[core])


def test_veinlets_cut_what_is_older():
    size = (336, 448)
    canvas = _canvas("Quartz", size=size)
    band = np.zeros(size, bool)
    band[:, 190:250] = True
    canvas.fill("Pyrite", band)
    late.veinlets(canvas, Step("veinlets", "Galena", 0.05, 0.1))
    vein = canvas.where("Galena")
    assert vein[band].any() and vein[~band].any()
    assert len(_pieces(canvas.grains == 1, 100)) >= 2, "one crystal of pyrite in two pieces"
    assert ndimage.distance_transform_edt(vein).max() < 0.05 * size[1]
    widths = ndimage.distance_transform_edt(vein)
    ridge = widths == ndimage.maximum_filter(widths, 5)
    assert np.std(widths[ridge & vein]) > 0.3, "the aperture varies"

    confined = _canvas("Quartz", size=size, seed=1)
    confined.fill("Pyrite", band)
    late.veinlets(confined, Step("veinlets", "Gold", 0.05, 0.1, ("Pyrite",)))
    assert confined.where("Gold").any() and not confined.where("Gold")[~band].any()


def test_colloform_bands_alternate_around_seeds():
    canvas = _canvas("Quartz", size=(336, 448))
    step = Step("colloform", "Sphalerite", 0.6, 0.15, fill="Galena", ground=("Quartz",))
    masses.colloform(canvas, step)
    labels = canvas.labels
    changes = max(
        np.count_nonzero(np.diff((line == canvas.index("Galena")).astype(int)))
        for line in (*labels, *labels.T)
    )
    assert changes >= 6
    assert min(canvas.share("Galena"), canvas.share("Sphalerite")) > 0.05


def test_cataclastic_fragments_are_many_angular_and_cemented():
    canvas = _canvas("Quartz", size=(336, 448))
    step = Step("cataclastic", "Pyrite", 0.6, 0.15, fill="Galena", ground=("Quartz",))
    masses.cataclastic(canvas, step)
    pieces = _pieces(canvas.where("Pyrite"), 40)
    assert len(pieces) > 12
    assert np.median([_solidity(p) for p in pieces]) > 0.88
    areas = [len(p) for p in pieces]
    assert max(areas) > 8 * np.median(areas), "large and small ones"
    near = ndimage.binary_dilation(canvas.where("Pyrite"), iterations=3) & ~canvas.where("Pyrite")
    assert canvas.where("Galena")[near].mean() > 0.5, "the soft phase fills the gaps"


def test_skeletal_crystals_are_hollow_and_dendrites_branch():
    for mineral, style in (("Magnetite", "hopper"), ("Silver", "dendritic")):
        canvas = _canvas("Quartz", size=(336, 448))
        step = Step("skeletal", mineral, 0.05, 0.25, style=style, ground=("Quartz",))
        crystals.skeletal(canvas, step)
        pieces = _pieces(canvas.where(mineral), 100)
        assert pieces and np.median([_solidity(p) for p in pieces]) < 0.75, mineral


def test_needles_are_long_and_straight_along_their_axis():
    canvas = _canvas("Quartz", size=(336, 448))
    step = Step("acicular", "Zinkenite", 0.1, 0.1, style="felted", ground=("Quartz",))
    crystals.acicular(canvas, step)
    off, aspects = [], []
    for grain in np.unique(canvas.grains[canvas.where("Zinkenite")]):
        pixels = np.argwhere(canvas.grains == grain)
        if len(pixels) > 30 and len(_pieces(canvas.grains == grain)) == 1:
            angle, aspect = _direction(pixels)
            off.append(_off(angle, [canvas.axes()[grain]]))
            aspects.append(aspect)
    assert len(off) > 5 and np.median(aspects) > 5 and np.percentile(off, 80) < 6


def test_a_mass_dominates_and_is_ragged():
    canvas = _canvas("Quartz", size=(336, 448))
    step = Step("massive", "Galena", 0.4, 0.15, style="ragged", ground=("Quartz",))
    masses.massive(canvas, step)
    pieces = sorted((len(p) for p in _pieces(canvas.where("Galena"))), reverse=True)
    assert abs(canvas.share("Galena") - 0.4) < 0.05
    assert pieces[0] > 0.3 * sum(pieces) and len(pieces) > 20


# ---- the tools below ---------------------------------------------------------------------------
def test_random_fields_have_unit_spread_and_the_points_agree_with_nothing_but_themselves():
    frame = Frame(200, 260)
    rng = np.random.default_rng(0)
    for field in (frame.smooth(rng, 0.03), frame.fractal(rng, 0.05, 4), frame.wormy(rng, 0.05)):
        assert field.shape == (200, 260) and field.dtype == np.float32
        assert abs(field.mean()) < 0.15 and 0.6 < field.std() < 1.25
    points = np.random.default_rng(1).random((500, 2))
    assert 0.6 < frame.sample(rng, 0.05, points).std() < 1.25


def test_refining_a_spline_does_not_change_it():
    frame = Frame(64, 96)
    plain = frame.fractal(np.random.default_rng(4), 0.3, octaves=1)
    fine = frame.fractal(np.random.default_rng(4), 0.3, octaves=3, gain=0.0)
    assert np.allclose(plain, fine, atol=1e-5)


def test_large_fields_have_the_same_character():
    small, large = (
        compose(["Galena", "Quartz"], texture="massive", rng=4, size=s) for s in (SMALL, (240, 320))
    )
    assert abs(small.shares()["Galena"] - large.shares()["Galena"]) < 0.12
