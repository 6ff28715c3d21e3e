"""Scores against scikit-learn and torchmetrics on random cases, and what single photos weigh."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn import metrics as sk
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassJaccardIndex,
    MultilabelF1Score,
    MultilabelJaccardIndex,
    MultilabelPrecision,
    MultilabelRecall,
)

from mineral_utils.evaluation import interval
from mineral_utils.metrics import (
    GANGUE,
    at_threshold,
    class_scores,
    confusion,
    fold,
    homes,
    iou,
    leave_one_out,
    mean_iou,
    merge,
    named,
    pixel_scores,
    regions,
    regions_per_megapixel,
    score_row,
    set_scores,
)
from mineral_utils.minerals import vocabulary

AVERAGES = ("macro", "weighted", "samples", "micro")
SEEDS = range(5)


def tables(seed: int, photos: int = 30, classes: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Random sets of minerals; every class is there and named at least once."""
    rng = np.random.default_rng(seed)
    truth, guess = rng.random((2, photos, classes)) < rng.uniform(0.1, 0.5, (2, 1, classes))
    truth[rng.integers(photos, size=classes), np.arange(classes)] = True
    guess[rng.integers(photos, size=classes), np.arange(classes)] = True
    return truth, guess


# ---- sets of minerals ------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_sets_as_scikit_learn_scores_them(seed):
    truth, guess = tables(seed)
    found = set_scores(truth, guess)
    for average in AVERAGES:
        precision, recall, f1, _ = sk.precision_recall_fscore_support(
            truth, guess, average=average, zero_division=0
        )
        jaccard = sk.jaccard_score(truth, guess, average=average, zero_division=0)
        wanted = {"precision": precision, "recall": recall, "f1": f1, "jaccard": jaccard}
        if average == "samples":
            # a photo with nothing true and nothing named is right here, and nothing there
            empty = ~(truth | guess).any(axis=1)
            wanted = {key: number + empty.mean() for key, number in wanted.items()}
        for key, number in wanted.items():
            assert getattr(found[average], key) == pytest.approx(number, abs=1e-12), (average, key)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
def test_sets_as_torchmetrics_scores_them(seed, average):
    truth, guess = tables(seed)
    found = set_scores(truth, guess)[average]
    options = {"num_labels": truth.shape[1], "average": average}
    pair = torch.from_numpy(guess).int(), torch.from_numpy(truth).int()
    for kind, key in (
        (MultilabelPrecision, "precision"),
        (MultilabelRecall, "recall"),
        (MultilabelF1Score, "f1"),
        (MultilabelJaccardIndex, "jaccard"),
    ):
        wanted = float(kind(**options)(*pair))
        assert getattr(found, key) == pytest.approx(wanted, abs=1e-6), key


def test_a_class_that_nobody_saw_or_named_counts_only_where_asked():
    truth, guess = tables(0)
    truth[:, 2] = guess[:, 2] = False
    scores = class_scores(truth, guess)
    assert math.isnan(scores["f1"][2])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = sk.f1_score(truth, guess, average="macro", zero_division=0)
    assert set_scores(truth, guess, absent=0)["macro"].f1 == pytest.approx(wanted)
    assert set_scores(truth, guess)["macro"].f1 == pytest.approx(wanted * 8 / 7)


# ---- pixels ----------------------------------------------------------------------------------


def maps(seed: int, classes: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """A random truth with holes, and an answer that is right in half of the pixels."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, (40, 50)).astype(np.uint8)
    guess = np.where(rng.random(truth.shape) < 0.5, truth, rng.integers(0, classes, truth.shape))
    truth[rng.random(truth.shape) < 0.1] = 255
    return truth, guess.astype(np.uint8)


@pytest.mark.parametrize("seed", SEEDS)
def test_pixels_as_scikit_learn_and_torchmetrics_score_them(seed):
    truth, guess = maps(seed)
    scores = pixel_scores(confusion(truth, guess, 6), [""] * 6)
    known = truth != 255
    assert scores.iou == pytest.approx(sk.jaccard_score(truth[known], guess[known], average=None))
    assert scores.accuracy == pytest.approx(sk.accuracy_score(truth[known], guess[known]))
    wanted = sk.balanced_accuracy_score(truth[known], guess[known])
    assert scores.mean_accuracy == pytest.approx(wanted)
    counted = sk.confusion_matrix(truth[known], guess[known])
    assert confusion(truth, guess, 6)[:, :6].tolist() == counted.tolist()

    pair = [torch.from_numpy(labels.astype(np.int64)) for labels in (guess, truth)]
    options = {"num_classes": 6, "ignore_index": 255}
    jaccard = MulticlassJaccardIndex(**options, average="macro")(*pair)
    assert scores.miou == pytest.approx(float(jaccard), abs=1e-6)
    accuracy = MulticlassAccuracy(**options, average="micro")(*pair)
    assert scores.accuracy == pytest.approx(float(accuracy), abs=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
def test_pooling_is_scoring_all_pixels_at_once(seed):
    photos = [maps(10 * seed + k) for k in range(4)]
    pooled = np.sum([confusion(*photo, 6) for photo in photos], axis=0)
    truth, guess = (np.concatenate(part) for part in zip(*photos, strict=True))
    assert pooled.tolist() == confusion(truth, guess, 6).tolist()


# ---- regions ---------------------------------------------------------------------------------


def test_regions_are_counted_by_class_and_corners_connect():
    labels = np.array([[0, 0, 1, 1], [2, 0, 1, 255], [0, 2, 2, 1], [1, 1, 255, 1]], np.uint8)
    # 0: three in the corner, and (2, 0), which touches (1, 1) by a corner; 1: (0..1, 2..3) and
    # (2..3, 3), which (1, 2) touches by a corner, and the pair below; 2: all touch by corners
    assert regions(labels, 4).tolist() == [1, 2, 1, 0]
    assert regions(labels, 4, smallest=3).tolist() == [1, 1, 1, 0]
    assert regions_per_megapixel(labels, 4) == pytest.approx(4 / 16 * 1e6)
    assert regions(np.full((3, 3), 255, np.uint8), 2).tolist() == [0, 0]
    with pytest.raises(ValueError, match="at least 1 pixel"):
        regions(labels, 4, smallest=0)


def test_a_torn_map_has_more_regions():
    whole = np.zeros((64, 64), np.uint8)
    whole[:, 32:] = 1
    torn = whole.copy()
    torn[::4, ::4] = 1 - torn[::4, ::4]
    assert regions_per_megapixel(torn, 2) > 50 * regions_per_megapixel(whole, 2)


# ---- classes taken together ------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_taking_classes_together_before_and_after_counting_is_the_same(seed):
    names = tuple("abcdef")
    fewer = merge(names, {"x": ("b", "e"), "y": ("c", "zz")})
    assert fewer.names == ("a", "d", "f", "x", "y")
    truth, guess = maps(seed)
    before = confusion(fewer.labels(truth), fewer.labels(guess), 5)
    after = fewer.confusion(confusion(truth, guess, 6))
    assert before.tolist() == after.tolist()
    shares = np.bincount(guess.ravel(), minlength=6) / guess.size
    wanted = np.bincount(fewer.labels(guess).ravel(), minlength=5) / guess.size
    assert fewer.shares(shares) == pytest.approx(wanted)


def test_sixteen_minerals_and_gangue():
    fewer = merge(vocabulary().paper_names)
    assert len(fewer.names) == 17 and fewer.names[-1] == "gangue"
    assert not set(GANGUE["gangue"]) & set(fewer.names)
    stacked = np.ones((3, 20, 21), np.int64)
    assert fewer.confusion(stacked).sum() == stacked.sum()
    with pytest.raises(ValueError, match="need"):
        fewer.confusion(np.ones((4, 5), np.int64))


def test_groups_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="cannot be both 'x' and 'y'"):
        merge("abc", {"x": "ab", "y": "b"})
    with pytest.raises(ValueError, match="call the group otherwise"):
        merge("abc", {"c": "ab"})


def test_the_home_of_an_answer_is_the_narrowest_class_that_accepts_it():
    # pyrite or marcasite; sulphide: any of three; nothing accepts the last
    allowed = np.array([[1, 1, 0, 0], [1, 1, 1, 0]], bool)
    assert homes(allowed).tolist() == [0, 0, 1, 2]
    matrix = np.arange(10).reshape(2, 5)
    assert fold(matrix, allowed).sum() == matrix.sum()


# ---- leaving one out -------------------------------------------------------------------------


def test_leaving_one_out_finds_the_photo_on_which_a_number_hangs():
    numbers = np.array([1.0, 1.0, 1.0, 9.0])
    found = leave_one_out(lambda some: numbers[some].mean(), 4)
    assert (found.value, found.lo, found.hi) == (3, 1, pytest.approx(11 / 3))
    assert (found.lowest, found.highest, found.n) == (3, 0, 4)
    together = leave_one_out(lambda some: numbers[some].mean(), 4, groups=list("aabb"))
    assert (together.lo, together.hi, together.lowest) == (1, 5, "b")
    assert "without one of 2 from 1.000 to 5.000" in str(together)


def test_leaving_one_out_needs_two_and_survives_numbers_that_do_not_exist():
    with pytest.raises(ValueError, match="at least two"):
        leave_one_out(lambda some: 0.0, 1)
    with pytest.raises(ValueError, match="at least two groups, but there is one, of 3 photos"):
        leave_one_out(lambda some: 0.0, 3, groups="aaa")
    with pytest.raises(ValueError, match=r"1 of 3 photos have no group \(None\); give every photo"):
        leave_one_out(lambda some: 0.0, 3, groups=["a", None, "b"])
    counts = np.zeros((2, 2, 3), np.int64)
    counts[0, 0, 0] = 5
    found = leave_one_out(lambda some: mean_iou(counts[some].sum(axis=0)), 2)
    assert found.lo == found.hi == 1  # without the first there is nothing to score
    assert math.isnan(leave_one_out(lambda some: math.nan, 3).lo)


# ---- thresholds ------------------------------------------------------------------------------


def test_a_row_takes_another_threshold_and_keeps_its_maps():
    shares = np.array([[0.5, 0.02, 0.0], [0.0, 0.3, 0.004]])
    truth = np.array([[1, 0, 0], [0, 1, 1]], bool)
    counts = np.ones((2, 3, 4), np.int64)
    row = replace(score_row("map", counts, truth, named(shares)), shares=shares)
    assert row.named.tolist() == [[True, True, False], [False, True, True]]
    stricter = at_threshold(row, 0.01)
    assert stricter.named.tolist() == [[True, True, False], [False, True, False]]
    assert stricter.miou == row.miou and stricter.shares is shares
    blind = score_row("all", None, truth, np.ones_like(truth))
    assert at_threshold(blind, 0.5) is blind


def test_a_photo_without_known_truth_is_left_out_without_a_word():
    """Neither a warning, nor an accuracy of 0 in the draws that hold it alone."""
    right = np.array([[9, 0, 0], [0, 0, 0]])
    truth = np.array([[False, False], [True, False]])
    row = score_row("map", np.array([np.zeros_like(right), right]), truth, truth)
    assert row.photo_miou == row.miou == row.accuracy == 1
    assert (interval(row, "accuracy").lo, interval(row, "miou").lo) == (1, 1)
    void = score_row("void", np.zeros((1, 2, 3), np.int64), truth[:1], truth[:1])
    assert all(math.isnan(number) for number in (void.miou, void.photo_miou, void.accuracy))
    assert math.isnan(interval(void, "accuracy").value)


def test_iou_of_a_stack_is_that_of_each():
    stack = np.array([confusion(*maps(seed), 6) for seed in SEEDS])
    assert iou(stack) == pytest.approx(np.array([iou(each) for each in stack]))
