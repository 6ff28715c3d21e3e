"""Scores on pictures small enough to be counted by eye."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mineral_utils import metrics
from mineral_utils.metrics import (
    NearestColour,
    Trees,
    allowed_answers,
    areas,
    as_matrix,
    best_threshold,
    bootstrap,
    boundary_f,
    class_scores,
    confusion,
    fold,
    iou,
    keep_inside,
    left_out,
    mean_iou,
    mirror,
    named,
    normalise,
    paired,
    patch_ceiling,
    patch_scores,
    pixel_scores,
    relabel,
    set_scores,
    threshold_curve,
    wilson,
)
from mineral_utils.metrics.trees import features

NAMES = ("Pyrite", "Galena", "Sphalerite")


def picture(text: str) -> np.ndarray:
    """Labels from rows of digits; "." is 255."""
    rows = [[255 if c == "." else int(c) for c in row] for row in text.split()]
    return np.array(rows, np.uint8)


TRUTH = picture("""
    00001111
    00001111
    00001111
    00001111
    00002222
    00002222
    00002222
    ....2222
""")
# pyrite misses its right column to galena; sphalerite was not found but for 4 pixels, 4 are unknown
GUESS = picture("""
    00011111
    00011111
    00011111
    00011111
    00011111
    00011111
    0001222.
    0000222.
""")
# of 28 pyrite pixels 21 are right and 7 called galena; all 16 of galena are right;
# of 16 sphalerite 6 are right, 8 called galena, 2 unknown; the 4 unscored ones do not count
COUNTS = [[21, 7, 0, 0], [0, 16, 0, 0], [0, 8, 6, 2]]


# ---- pixels ----------------------------------------------------------------------------------


def test_confusion_by_counting():
    matrix = confusion(TRUTH, GUESS, 3)
    assert matrix.tolist() == COUNTS
    assert matrix.dtype == np.int64


def test_iou_and_accuracy_from_the_counts():
    scores = pixel_scores(confusion(TRUTH, GUESS, 3), NAMES)
    # pyrite 21 / 28; galena 16 / (16 + 7 + 8); sphalerite 6 / 16
    assert scores.iou == pytest.approx([21 / 28, 16 / 31, 6 / 16])
    assert scores.miou == pytest.approx((21 / 28 + 16 / 31 + 6 / 16) / 3)
    assert scores.accuracy == pytest.approx(43 / 60)
    assert scores.mean_accuracy == pytest.approx((21 / 28 + 1 + 6 / 16) / 3)
    assert scores.pixels.tolist() == [28, 16, 16]


def test_perfect_and_all_wrong():
    full = np.where(TRUTH == 255, 0, TRUTH).astype(np.uint8)
    assert pixel_scores(confusion(TRUTH, full, 3), NAMES).miou == 1
    wrong = ((full + 1) % 3).astype(np.uint8)
    assert pixel_scores(confusion(TRUTH, wrong, 3), NAMES).miou == 0


def test_photos_are_pooled_and_the_order_does_not_matter():
    one, two = confusion(TRUTH, GUESS, 3), confusion(TRUTH[:4], TRUTH[:4], 3)
    # pyrite: 21 + 16 right of 28 + 16
    assert iou(one + two)[0] == pytest.approx(37 / 44)
    assert (one + two == two + one).all()
    per_photo = mean_iou(np.stack([one, two]))
    assert per_photo == pytest.approx([(21 / 28 + 16 / 31 + 6 / 16) / 3, 1])
    assert mean_iou(one + two) != pytest.approx(per_photo.mean())


def test_a_class_that_the_truth_lacks_has_no_iou_but_costs_the_others():
    matrix = confusion(picture("0000 0000"), picture("0000 0011"), 3)
    assert iou(matrix)[0] == 6 / 8
    assert np.isnan(iou(matrix)[1:]).all()
    assert mean_iou(matrix) == 6 / 8
    nothing = pixel_scores(confusion(picture(".."), picture("01"), 3), NAMES)
    assert math.isnan(nothing.miou) and math.isnan(nothing.accuracy)


def test_answers_that_a_class_accepts():
    # LumenStone's code 6 is pyrite or marcasite, its background any gangue
    classes = [("Quartz", "Calcite"), ("Pyrite", "Marcasite"), ("Marcasite",)]
    asked = ["Pyrite", "Calcite", "Marcasite", "Gold"]
    allowed = allowed_answers(classes, asked)
    assert allowed.tolist() == [[0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0]]
    #            class 0: calcite, pyrite    class 1: pyrite, marcasite   class 2: pyrite, unknown
    truth, guess = picture("000 111 222"), picture("110 022 02.")
    guess[1, 0] = 3  # gold, where pyrite or marcasite is: nobody's
    raw = confusion(truth, guess, 3, n_answers=4)
    assert raw.sum() == 9 and raw.shape == (3, 5)
    assert fold(raw, allowed).tolist() == [
        [2, 1, 0, 0],  # 2 x calcite is right; pyrite counts against class 1
        [0, 2, 0, 1],  # both marcasites are right; gold is "other"
        [0, 1, 1, 1],  # pyrite, marcasite, unknown
    ]
    # a wrong marcasite counts against the class that means marcasite alone
    quartz = confusion(picture("0"), picture("2"), 3, n_answers=4)
    assert fold(quartz, allowed)[0].tolist() == [0, 0, 1, 0]
    assert (fold(np.stack([raw, raw]), allowed)[1] == fold(raw, allowed)).all()
    with pytest.raises(ValueError, match="fold it first"):
        iou(raw)


def test_only_kept_pixels_are_scored():
    keep = np.zeros((8, 8), bool)
    keep[0] = True
    assert confusion(TRUTH, GUESS, 3, keep=keep).tolist() == [[3, 1, 0, 0], [0, 4, 0, 0], [0] * 4]


def test_void_border_of_width_two_reaches_up_and_left():
    labels = picture("00001111 " * 4 + "22222222 " * 4)
    kept = keep_inside(labels, width=2, pad=0)
    # a pixel stays if it, its upper, left and upper-left neighbours are one class in the photo
    assert kept.tolist() == [
        [False] * 8,
        *[[False, True, True, True, False, True, True, True]] * 3,
        [False] * 8,
        *[[False, True, True, True, True, True, True, True]] * 3,
    ]
    assert keep_inside(labels, width=0, pad=3).sum() == 4
    assert keep_inside(labels, width=0, pad=0).all()
    assert keep_inside(labels, width=3, pad=0).sum() == 2 * 2 * 2 + 6 * 2


def test_boundary_f_with_tolerance():
    truth, guess = picture("00001111 " * 8), picture("00000111 " * 8)
    # true borders are columns 3 (pyrite) and 4 (galena), painted ones 4 and 5
    assert boundary_f(truth, guess, 3, tolerance=0).tolist()[:2] == [0, 0]
    assert boundary_f(truth, guess, 3, tolerance=1).tolist()[:2] == [1, 1]
    assert np.isnan(boundary_f(truth, guess, 3)[2])
    # galena painted as half of its border: precision 1, recall 1/2
    half = truth.copy()
    half[4:] = 0
    galena = boundary_f(truth, half, 3, tolerance=0)[1]
    # painted border of the 4 x 4 block: 4 on the left, 3 more along its lower side
    assert galena == pytest.approx(2 * (4 / 7) * (4 / 8) / (4 / 7 + 4 / 8))
    assert boundary_f(truth, np.zeros_like(truth), 3).tolist()[:2] == [0, 0]


def test_boundaries_against_unscored_pixels_do_not_count():
    truth = picture("0000.... " * 8)
    assert np.isnan(boundary_f(truth, picture("00001111 " * 8), 3)).all()


def test_relabel_goes_by_name():
    onto = ["Galena", "Quartz", "Pyrite"]
    assert relabel(picture("01 2."), NAMES, onto).tolist() == [[2, 0], [255, 255]]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: confusion(TRUTH, GUESS[:4], 3), r"one shape, got \[\[8, 8\], \[4, 8\]\]"),
        (lambda: confusion(TRUTH, GUESS, 2), "truth holds the label 2, but there are only 2"),
        (lambda: confusion(TRUTH, GUESS.astype(int), 3), r"predicted must be labels.*int64 \[8, 8"),
        (lambda: confusion([[0]], GUESS, 3), "truth must be labels, a uint8 array"),
        (lambda: allowed_answers(["Pyrite"], NAMES), "not the text 'Pyrite'"),
        (lambda: fold(np.zeros((3, 4), int), np.ones((3, 4), bool)), r"need \[\.\.\., 3, 5\]"),
        (lambda: pixel_scores(np.zeros((3, 4), int), ["Pyrite"]), "1 names were given for 3"),
    ],
)
def test_what_does_not_fit_is_said(call, says):
    with pytest.raises(ValueError, match=says):
        call()


# ---- sets ------------------------------------------------------------------------------------

# four photos: right; one of two found; two named instead of one; nothing there and nothing named
TRUE_SETS = [{"Pyrite"}, {"Pyrite", "Galena"}, {"Sphalerite"}, set()]
NAMED_SETS = [{"Pyrite"}, {"Pyrite"}, {"Sphalerite", "Galena"}, set()]


def test_averages_by_hand():
    scores = set_scores(as_matrix(TRUE_SETS, NAMES), as_matrix(NAMED_SETS, NAMES))
    # classes: pyrite 2 right; galena 1 missed, 1 extra; sphalerite 1 right
    assert (scores["macro"].f1, scores["macro"].jaccard) == pytest.approx((2 / 3, 2 / 3))
    # weighted by photos that hold them: 2, 1, 1
    assert scores["weighted"].f1 == pytest.approx((2 * 1 + 0 + 1) / 4)
    # photos: Jaccard 1, 1/2, 1/2, and 1 for nothing rightly named
    assert scores["samples"].jaccard == pytest.approx((1 + 1 / 2 + 1 / 2 + 1) / 4)
    assert scores["samples"].f1 == pytest.approx((1 + 2 / 3 + 2 / 3 + 1) / 4)
    assert scores["samples"].precision == pytest.approx((1 + 1 + 1 / 2 + 1) / 4)
    assert scores["samples"].recall == pytest.approx((1 + 1 / 2 + 1 + 1) / 4)
    # all together: 3 right, 1 extra, 1 missed
    assert (scores["micro"].f1, scores["micro"].jaccard) == pytest.approx((6 / 8, 3 / 5))
    assert [scores[a].n for a in metrics.AVERAGES] == [3, 3, 4, 4]


def test_f1_of_averages_is_not_the_average_f1():
    scores = set_scores(as_matrix(TRUE_SETS, NAMES), as_matrix(NAMED_SETS, NAMES))["samples"]
    harmonic = 2 * scores.precision * scores.recall / (scores.precision + scores.recall)
    assert scores.f1 != pytest.approx(harmonic)


def test_empty_sets():
    nothing, one = np.zeros((1, 3), bool), np.array([[True, False, False]])
    assert set_scores(nothing, nothing)["samples"].f1 == 1
    assert set_scores(nothing, one)["samples"].f1 == 0
    assert set_scores(one, nothing)["samples"].f1 == 0
    assert math.isnan(set_scores(nothing, nothing)["macro"].f1), "no class was there to be scored"
    assert math.isnan(set_scores(np.zeros((0, 3)), np.zeros((0, 3)))["samples"].f1)


def test_classes_without_a_photo_are_left_out_of_macro_unless_counted():
    truth = as_matrix([{"Pyrite"}, {"Pyrite"}], NAMES)
    guess = as_matrix([{"Pyrite"}, {"Pyrite", "Galena"}], NAMES)
    assert set_scores(truth, guess)["macro"].f1 == pytest.approx(1 / 2)  # galena: 0
    assert set_scores(truth, guess)["macro"].n == 2
    assert set_scores(truth, guess, absent=0)["macro"].f1 == pytest.approx(1 / 3)
    assert class_scores(truth, guess)["support"].tolist() == [2, 0, 0]


def test_only_the_minerals_there_were_asked_for():
    # the paper's protocol B: then every precision is 1 and Jaccard equals recall
    truth = as_matrix([{"Pyrite", "Galena"}, {"Sphalerite", "Galena"}], NAMES)
    guess = as_matrix([{"Pyrite"}, {"Sphalerite", "Galena"}], NAMES)
    samples = set_scores(truth, guess)["samples"]
    assert samples.precision == 1 and samples.jaccard == samples.recall == 3 / 4


def test_names_that_are_no_class_are_refused_or_counted():
    sets = [{"Pyrite", "Sylvanite"}, {"Sylvanite"}, {"Galena", "Gold"}]
    with pytest.raises(ValueError, match="Sylvanite: not among the 3 classes"):
        as_matrix(sets, NAMES)
    assert as_matrix(sets, NAMES, outside="drop").tolist() == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert left_out(sets, NAMES) == {"Sylvanite": 2, "Gold": 1}
    with pytest.raises(ValueError, match="not the text 'Pyrite'"):
        as_matrix(["Pyrite"], NAMES)


def test_area_decides_what_is_named():
    shares = areas(GUESS, 3)
    assert shares == pytest.approx([25 / 64, 31 / 64, 6 / 64])
    assert named(shares).tolist() == [True] * 3
    assert named(shares, 6 / 64).tolist() == [True] * 3
    assert named(shares, 0.1).tolist() == [True, True, False]
    assert not named(np.zeros(3)).any(), "an empty mask names nothing, whatever the threshold"
    with pytest.raises(ValueError, match="the labels hold 2, but there are only 2 classes"):
        areas(GUESS, 2)


def test_threshold_curve_and_its_best_point():
    truth = np.array([[True, False], [True, False]])
    shares = np.array([[0.9, 0.02], [0.03, 0.0]])
    curve = dict(threshold_curve(truth, shares, [0, 0.025, 0.5]))
    assert curve[0]["samples"].f1 == pytest.approx((2 / 3 + 1) / 2)
    assert curve[0.025]["samples"].f1 == 1
    assert curve[0.5]["samples"].f1 == 1 / 2
    assert best_threshold(truth, shares, [0.5, 0.025, 0, 0.029]) == 0.025


# ---- intervals -------------------------------------------------------------------------------


def test_wilson_as_published():
    # Newcombe 1998, table I: 81 of 263 and 0 of 20, 95 %
    some = wilson(81, 263)
    assert (some.lo, some.hi) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    none = wilson(0, 20)
    assert (none.value, none.lo, none.hi) == (0, 0, pytest.approx(0.1611, abs=5e-5))
    assert wilson(20, 20).hi == 1
    with pytest.raises(ValueError, match="3 of 2 is no share"):
        wilson(3, 2)


def test_bootstrap_of_a_mean():
    values = np.random.default_rng(1).normal(10, 2, 100)
    interval = bootstrap(lambda rows: values[rows].mean(), 100)
    assert interval.value == pytest.approx(values.mean())
    half = 1.96 * values.std() / 10
    assert interval.hi - interval.lo == pytest.approx(2 * half, rel=0.1)
    assert interval == bootstrap(lambda rows: values[rows].mean(), 100), "a seed, one answer"
    assert interval != bootstrap(lambda rows: values[rows].mean(), 100, seed=1)
    assert str(interval).startswith(f"{interval.value:.3f} [{interval.lo:.3f}, ")


def test_photos_of_one_specimen_are_drawn_together():
    values = np.repeat([0.0, 1.0], 50)  # two specimens, fifty photos each
    alone = bootstrap(lambda rows: values[rows].mean(), 100)
    grouped = bootstrap(lambda rows: values[rows].mean(), 100, groups=["a"] * 50 + ["b"] * 50)
    assert alone.hi - alone.lo < 0.25
    assert (grouped.lo, grouped.hi, grouped.n) == (0, 1, 2)
    with pytest.raises(ValueError, match="1 groups were given for 2 photos"):
        bootstrap(np.mean, 2, groups=["a"])


def test_pairing_takes_out_what_photos_share():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 1, 40)  # some photos are hard for everyone
    first, second = hard + rng.normal(0, 0.05, 40), hard + 0.1 + rng.normal(0, 0.05, 40)
    difference = paired(np.mean, first, second)
    assert difference.value == pytest.approx(0.1, abs=0.03) and difference.lo > 0
    assert difference.hi - difference.lo < 0.06
    apart = bootstrap(lambda rows: second[rows].mean(), 40)
    assert apart.hi - apart.lo > 0.4
    with pytest.raises(ValueError, match="3 and 2 photos cannot be paired"):
        paired(np.mean, np.zeros(3), np.zeros(2))


def test_intervals_of_pooled_miou():
    matrices = np.stack([COUNTS, confusion(TRUTH, TRUTH, 3)])
    interval = bootstrap(lambda rows: mean_iou(matrices[rows].sum(axis=0)), 2, draws=200)
    assert interval.lo == pytest.approx(mean_iou(matrices[0]))  # the first photo twice
    assert interval.hi == 1
    assert interval.lo < interval.value < interval.hi


def test_draws_without_a_value_are_left_out():
    values = np.array([np.nan, 1.0, 1.0])
    interval = bootstrap(
        lambda rows: np.nan if np.isnan(values[rows]).all() else np.nanmean(values[rows]), 3
    )
    assert (interval.value, interval.lo, interval.hi) == (1, 1, 1)
    nothing = bootstrap(lambda rows: float("nan"), 3, draws=5)
    assert math.isnan(nothing.lo) and nothing.n == 3


@pytest.mark.parametrize("level", [0, 1, 95])
def test_levels_lie_between_zero_and_one(level):
    with pytest.raises(ValueError, match="between 0 and 1, such as 0.95"):
        bootstrap(np.mean, 3, level=level)


# ---- the ceiling -----------------------------------------------------------------------------


def test_each_cell_gets_its_majority():
    labels = picture("""
        00012222
        00112222
        00012222
        01112222
        11110000
        11110000
        22222222
        ....2222
    """)
    # upper left: 9 x 0, 7 x 1; lower left: 8 x 1, 4 x 2, 4 unknown; lower right: a tie
    painted = patch_ceiling(labels, 4)
    assert (painted[:4, :4] == 0).all() and (painted[:4, 4:] == 2).all()
    assert (painted[4:, :4] == 1).all() and (painted[4:, 4:] == 0).all()
    scores = patch_scores([labels], NAMES, 4)
    # 0: 9 + 8 right of 17 true and 32 painted; 1: 8 right of 15 true and 12 painted; 2: 16 of 28
    assert scores.iou == pytest.approx([17 / 32, 8 / 19, 16 / 28])


def test_cells_at_the_edge_are_cut_and_cells_of_one_pixel_are_exact():
    labels = picture("00011 00011 22211 11100 11100 22200")
    assert patch_ceiling(labels, 3).tolist() == picture("00011 " * 3 + "11100 " * 3).tolist()
    assert (patch_ceiling(picture("1... ...."), 4) == 1).all(), "unknown pixels have no vote"
    assert (patch_ceiling(TRUTH, 1) == TRUTH).all()
    assert patch_ceiling(picture(".. .."), 2).tolist() == [[255, 255]] * 2
    with pytest.raises(ValueError, match="whole number of pixels from 1, got 0"):
        patch_ceiling(labels, 0)


def test_finer_photos_have_a_higher_ceiling():
    disc = np.hypot(*(np.indices((256, 256)) - 127.5)) < 100
    fine = disc.astype(np.uint8)
    coarse = patch_scores([fine[::4, ::4].copy()], NAMES[:2], 16).miou
    assert coarse < patch_scores([fine], NAMES[:2], 16).miou < 1


# ---- the mirror ------------------------------------------------------------------------------

LEVELS = np.array([[40, 40, 40], [200, 180, 120], [150, 150, 150]])
CLASSES = ("background", "Pyrite", "Galena")


def case(seed: int, light: float = 1.0, classes: tuple[int, ...] = (0, 1, 2)):
    """A photo of 48 x 64 px in vertical bands of 16 px, with noise, in some light."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(rng.permutation(np.resize(classes, 4)), 16).astype(np.uint8)
    labels = np.tile(labels, (48, 1))
    image = LEVELS[labels] * light + rng.normal(0, 6, (48, 64, 3))
    return image.clip(0, 255).astype(np.uint8), labels


TRAIN = [case(seed, light) for seed, light in enumerate([0.7, 1.0, 1.25, 0.8, 1.1, 0.9])]


def by_name(rows) -> dict:
    return {row.baseline: row for row in rows}


@pytest.fixture(scope="module")
def rows():
    test = [case(10, 0.7), case(11, 1.25), case(12, 1.0, classes=(0, 1)), case(13, 0.8)]
    quick = Trees(per_photo=200, iterations=20)
    return by_name(mirror(iter(TRAIN), iter(test), CLASSES, trees=quick, patch=16))


def test_the_mirror_has_every_row(rows):
    assert list(rows) == [
        *("chance", "naming everything", "majority", "class frequency", "nearest colour"),
        *("nearest colour, grey-world", "nearest colour, percentile", "boosted trees"),
        "patch ceiling, 16 px",
    ]
    for row in rows.values():
        assert row.n == 4 and row.truth.shape == row.named.shape == (4, 2), "two minerals"


def test_the_blind_rows(rows):
    assert rows["chance"].accuracy == pytest.approx(1 / 3, abs=0.02)
    everything = rows["naming everything"]
    assert math.isnan(everything.miou) and everything.named.all()
    # pyrite is in all four photos, galena in three
    assert everything.f1_macro == pytest.approx((1 + 6 / 7) / 2)
    majority = rows["majority"]
    assert majority.named.sum(axis=1).tolist() == [1] * 4
    assert (majority.confusions.sum(axis=(0, 1)) > 0).sum() == 1, "one colour on all photos"
    assert rows["class frequency"].named.all(), "training photos hold two minerals each"


def test_normalised_colour_forgives_the_light_and_raw_colour_does_not(rows):
    raw, stretched = rows["nearest colour"], rows["nearest colour, percentile"]
    assert stretched.miou > 0.95 > raw.miou + 0.1
    assert rows["boosted trees"].miou > 0.8
    assert rows["patch ceiling, 16 px"].miou == 1, "bands of 16 px lie on the cells"
    assert rows["patch ceiling, 16 px"].f1_macro == 1


def test_rows_carry_what_intervals_need(rows):
    raw, stretched = rows["nearest colour"], rows["nearest colour, percentile"]
    assert mean_iou(raw.confusions.sum(axis=0)) == raw.miou
    gain = paired(lambda m: mean_iou(m.sum(axis=0)), raw.confusions, stretched.confusions)
    assert gain.value == pytest.approx(stretched.miou - raw.miou)


def test_the_mirror_is_the_same_each_time():
    quick = dict(per_photo=100, iterations=5)
    one, two = (mirror(TRAIN[:3], TRAIN[3:], CLASSES, trees=Trees(**quick)) for _ in range(2))
    assert [vars(a)["miou"] for a in one[2:]] == [vars(b)["miou"] for b in two[2:]]
    assert [a.f1_macro for a in one] == [b.f1_macro for b in two]


def test_the_mirror_needs_photos():
    with pytest.raises(ValueError, match="needs training photos, got none"):
        mirror([], TRAIN, CLASSES)
    with pytest.raises(ValueError, match="needs test photos, got none"):
        mirror(TRAIN[:1], [], CLASSES, trees=Trees(per_photo=50, iterations=1))


def test_normalisation_by_hand():
    image = np.zeros((10, 10, 3), np.uint8)
    image[:5] = (100, 50, 20)
    image[5:] = (200, 150, 120)
    stretched = normalise(image)
    assert stretched[0, 0].tolist() == [0, 0, 0] and stretched[9, 0].tolist() == [1, 1, 1]
    grey = normalise(image, "grey-world")
    assert grey.mean(axis=(0, 1)) == pytest.approx([1, 1, 1])
    flat = normalise(np.full((4, 4, 3), 7, np.uint8))
    assert np.isfinite(flat).all(), "a photo of one colour divides by no zero"
    with pytest.raises(ValueError, match="'clahe' is not known"):
        normalise(image, "clahe")


def test_colours_never_seen_are_never_painted():
    nearest = NearestColour(3)
    nearest.look(*case(0, classes=(0, 1)))
    assert np.isnan(nearest.means[2]).all()
    assert set(np.unique(nearest.paint(case(1)[0]))) == {0, 1}
    with pytest.raises(ValueError, match="no class has a mean colour yet"):
        NearestColour(3).paint(case(1)[0])


def test_trees_tell_textures_of_one_mean_colour_apart():
    rng = np.random.default_rng(0)

    def pair(seed):
        noise = np.random.default_rng(seed).choice([-60, 60], (48, 64, 1))
        labels = np.zeros((48, 64), np.uint8)
        labels[:, 32:] = 1
        image = 128 + np.where(labels[..., None] == 1, noise, rng.normal(0, 2, (48, 64, 1)))
        return np.repeat(image, 3, axis=2).clip(0, 255).astype(np.uint8), labels

    trees, colour = Trees(per_photo=500, iterations=20), NearestColour(2)
    for seed in range(3):
        trees.look(*pair(seed))
        colour.look(*pair(seed))
    image, labels = pair(9)
    scores = [mean_iou(confusion(labels, who.paint(image), 2)) for who in (trees, colour)]
    assert scores[0] > 0.85 and scores[1] < 0.6


def test_what_trees_see_of_a_pixel():
    image = np.full((40, 40, 3), 100, np.uint8)
    image[:, 20:] = 200
    image[:, 20::2] = 180  # stripes on the right half
    seen = features(image)
    assert (seen.shape, seen.dtype) == ((40, 40, 16), np.float32)
    assert seen[5, 5, :3].tolist() == [100, 100, 100]
    own = normalise(image)
    assert (seen[..., 3:6] == own).all()
    # squares of 5 px: mean (6:9), spread (9), pixel less mean (10); of 15 px the same from 11 on
    assert seen[20, 5, 9] == pytest.approx(0, abs=1e-3), "a flat square has no spread"
    five = own.sum(axis=2)[20, 28:33]
    assert seen[20, 30, 9] == pytest.approx(five.std(), abs=1e-3)
    assert seen[20, 30, 10] == pytest.approx(five[2] - five.mean(), abs=1e-4)
    assert seen[20, 12, 9] == pytest.approx(0, abs=1e-3) and seen[20, 12, 14] == 0
    assert seen[20, 15, 14] > 0.1, "the larger square reaches the stripes"


def test_trees_of_odd_cases():
    one_class = Trees()
    one_class.look(np.full((20, 21, 3), 9, np.uint8), np.full((20, 21), 4, np.uint8))
    painted = one_class.paint(np.zeros((17, 19, 3), np.uint8))
    assert painted.shape == (17, 19) and (painted == 4).all()
    blank = Trees()
    blank.look(case(0)[0], np.full((48, 64), 255, np.uint8))
    with pytest.raises(ValueError, match="saw no labelled pixel"):
        blank.fit()
    odd = Trees(per_photo=100, iterations=2, step=3)
    odd.look(*case(0))
    assert odd.paint(case(1)[0][:47, :61]).shape == (47, 61)
