"""Trident's arithmetic on arrays small enough to be checked by eye."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mineral_utils import trident
from mineral_utils.dense import stretch

from .reference import Original, one_thread, small_model  # noqa: F401


def _draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def _picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def _resized(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """[rows, columns, C] by torch's own bilinear resize."""
    return F.interpolate(values.permute(2, 0, 1)[None], size, mode="bilinear")[0].permute(1, 2, 0)


# ---- windows -----------------------------------------------------------------------------------
def test_the_last_window_is_shifted_back_inside():
    #                 y: 0, then 2 instead of 3;  x: 0, 3, then 4 instead of 6
    assert trident.windows(6, 8, crop=4, stride=3).tolist() == [
        [0, 0, 4, 4],
        [0, 3, 4, 7],
        [0, 4, 4, 8],
        [2, 0, 6, 4],
        [2, 3, 6, 7],
        [2, 4, 6, 8],
    ]
    assert trident.windows(4, 4, crop=4, stride=3).tolist() == [[0, 0, 4, 4]]


@pytest.mark.parametrize(
    "width, height, stride, count",
    [
        (1600, 1200, 112, 117),
        (2592, 1944, 112, 352),
        (4000, 3000, 112, 850),
        (1600, 1200, 224, 35),
        (2592, 1944, 224, 108),
        (4000, 3000, 224, 234),
    ],
)
def test_number_of_windows_of_common_photos(width, height, stride, count):
    size = trident.view_size(height, width, 336, 16)
    boxes = trident.windows(*size, 336, stride)
    assert len(boxes) == count
    covered = np.zeros([side // 16 for side in size], bool)
    for y1, x1, y2, x2 in boxes // 16:
        assert (y2 - y1, x2 - x1) == (21, 21)
        covered[y1:y2, x1:x2] = True
    assert covered.all() and (boxes % 16 == 0).all()


def test_windows_refuse_a_picture_smaller_than_one():
    with pytest.raises(ValueError, match="100 x 400 px picture is smaller than a window of 336 px"):
        trident.windows(400, 100, 336, 112)


@pytest.mark.parametrize(
    "size, seen",
    [
        ((336, 448), (336, 448)),  # as it is
        ((1944, 2592), (1952, 2592)),
        ((403, 601), (416, 608)),  # long side up to 608, the other to 403 * 608 / 601 = 407, to 416
        ((190, 250), (336, 336)),
        ((240, 320), (336, 336)),  # multiples of 16, but smaller than a window
        ((336, 320), (336, 336)),
        ((1000, 17), (1008, 336)),
    ],
)
def test_size_at_which_a_photo_is_looked_at(size, seen):
    assert trident.view_size(*size, 336, 16) == seen


def test_any_photo_gets_a_view_that_windows_can_cover():
    rng = np.random.default_rng(0)
    for height, width in rng.integers(1, 3000, (300, 2)).tolist():
        seen = trident.view_size(height, width, 112, 14)
        assert all(side % 14 == 0 and side >= 112 for side in seen)
        assert all(s >= side for s, side in zip(seen, (height, width), strict=True))


# ---- bilinear resizing -------------------------------------------------------------------------
def test_bilinear_weights_by_eye():
    lower, upper, weight = trident.bilinear_weights(2, 4)
    # centres at -0.25 (held at 0), 0.25, 0.75 and 1.25 (held at 1)
    assert lower.tolist() == [0, 0, 0, 1] and upper.tolist() == [1, 1, 1, 1]
    assert weight.tolist() == [0, 0.25, 0.75, 0.25]
    row = trident.resize_map(torch.tensor([[[0.0], [4.0]]]), (1, 4))
    assert row.flatten().tolist() == [0, 1, 3, 4]


@pytest.mark.parametrize("size", [(5, 7), (5, 20), (13, 3), (1, 1), (64, 48)])
def test_resizing_a_map_equals_torch(size):
    values = _draw(5, 7, 3)
    found = trident.resize_map(values, size)
    torch.testing.assert_close(found, _resized(values, size), atol=5e-6, rtol=0)


@pytest.mark.parametrize("size", [(48, 64), (50, 61), (37, 90), (30, 33)])
def test_windows_cut_one_by_one_equal_those_of_the_resized_photo(size):
    image = _picture(37, 61)
    boxes = trident.windows(*size, crop=24, stride=10)
    whole = _resized(torch.from_numpy(image).float() / 255, size).permute(2, 0, 1)
    expected = torch.stack([whole[:, y1:y2, x1:x2] for y1, x1, y2, x2 in boxes])
    found = trident.cut_windows(image, boxes, size)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)


def test_windows_of_a_photo_at_its_own_size_are_its_pixels():
    image = _picture(6, 8)
    (window,) = trident.cut_windows(image, np.array([[1, 2, 5, 6]]), (6, 8))
    assert (window * 255).round().byte().permute(1, 2, 0).tolist() == image[1:5, 2:6].tolist()


def test_stretching_in_fixed_point_by_hand():
    def stretched(*row: int) -> list[int]:
        image = np.repeat(np.array(row, np.uint8)[None, :, None], 3, 2)
        return stretch(image, (1, 2 * len(row)))[0, :, 0].tolist()

    assert stretched(0, 100) == [0, 25, 75, 100]
    # 2.5: 10 * 512 >> 4 = 320; 320 * 2048 >> 16 = 10; (10 + 2) >> 2 = 3. 7.5: (30 + 2) >> 2 = 8
    assert stretched(0, 10) == [0, 3, 8, 10]
    # 0.25: 512 >> 4 = 32; 32 * 2048 >> 16 = 1; (1 + 2) >> 2 = 0. 0.75: (3 + 2) >> 2 = 1
    assert stretched(0, 1) == [0, 0, 1, 1]


@pytest.mark.parametrize("size", [(61, 83), (64, 80), (208, 304), (30, 41), (60, 83)])
def test_stretching_stays_within_one_grey_level_of_exact_bilinear(size):
    image = _picture(60, 83)
    exact = _resized(torch.from_numpy(image).double(), size).numpy()
    found = stretch(image, size)
    assert found.dtype == np.uint8 and found.shape == (*size, 3)
    assert np.abs(found - exact).max() < 1
    if size == (60, 83):
        assert (found == image).all()


def test_stretching_equals_opencv_bit_for_bit():
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed; nothing here needs it")
    for number, (height, width) in enumerate([(61, 83), (190, 250), (403, 601), (17, 1000)]):
        image = _picture(height, width, number)
        size = (trident.round_up(height, 16), trident.round_up(width, 16))
        assert (stretch(image, size) == cv2.resize(image, size[::-1])).all()


# ---- DINO's affinity ---------------------------------------------------------------------------
def test_mean_similarity_is_the_mean_of_the_cosine_matrix():
    tokens = F.normalize(_draw(3, 50, 8) + 0.5, dim=-1)
    whole = (tokens @ tokens.transpose(1, 2)).mean((1, 2))
    torch.testing.assert_close(trident.mean_similarity(tokens), whole)


def test_affinity_by_hand():
    # two patches alike, one across: cosines 1, 0, 1 / 0, 1, 0 / 1, 0, 1, mean 5/9, threshold 2/3
    tokens = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]])
    mean = trident.mean_similarity(tokens)
    assert mean.item() == pytest.approx(5 / 9)
    half = [[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]]
    assert trident.affinity(tokens, mean)[0].tolist() == pytest.approx(np.array(half))
    # without a threshold all take part, weighted by exp(cosine): e / (2 e + 1) and 1 / (2 e + 1)
    free = trident.affinity(tokens, mean, beta=0, gamma=1)[0]
    alike, across = np.e / (2 * np.e + 1), 1 / (2 * np.e + 1)
    assert free[0].tolist() == pytest.approx([alike, across, alike])


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.8])
def test_affinity_equals_the_originals_rule_where_that_is_finite(shift):
    original = Original(small_model().encoders, small_model().preset)
    tokens = _draw(4, 30, 6) + shift
    expected = original.affinity(tokens)
    unit = F.normalize(tokens, dim=-1)
    found = trident.affinity(unit, trident.mean_similarity(unit).mean())
    finite = expected.isfinite().all(-1)
    assert finite.any()
    torch.testing.assert_close(found[finite], expected[finite], atol=1e-6, rtol=0)
    torch.testing.assert_close(found.sum(-1), torch.ones(4, 30))


def test_affinity_with_a_cap_averages_a_uniform_field_over_its_like():
    tokens = torch.ones(1, 4, 1)
    mean = trident.mean_similarity(tokens)  # 1, so the threshold is 1.2
    assert trident.affinity(tokens, mean)[0].tolist() == torch.eye(4).tolist()
    assert (trident.affinity(tokens, mean, cap=0.9) == 0.25).all()


def test_each_window_may_have_its_own_mean():
    tokens = F.normalize(_draw(2, 20, 5) + torch.tensor([0.2, 1.0])[:, None, None], dim=-1)
    means = trident.mean_similarity(tokens)
    both = trident.affinity(tokens, means)
    for number in range(2):
        alone = trident.affinity(tokens[number : number + 1], means[number])
        torch.testing.assert_close(both[number : number + 1], alone)


def test_attention_over_values_of_another_grid():
    weights = torch.eye(4)[None]  # DINO's grid is 2 x 2 and every patch sees itself alone
    values = torch.arange(16.0).view(1, 16, 1)  # CLIP's is 4 x 4
    seen = trident.attend(weights, values, (2, 2), (4, 4))
    assert seen.flatten().tolist() == [2.5, 4.5, 10.5, 12.5]  # means of 2 x 2 cells
    same = trident.attend(weights, values[:, :4], (2, 2), (2, 2))
    assert same.flatten().tolist() == [0, 1, 2, 3]


# ---- splice, aggregate, classify ---------------------------------------------------------------
def test_splice_averages_where_windows_overlap():
    out = trident.Splice((1, 3), 1, torch.device("cpu"))
    ones, threes = torch.ones(1, 2, 1), torch.full((1, 2, 1), 3.0)
    out.add(torch.stack([ones, threes]), np.array([[0, 0, 1, 2], [0, 1, 1, 3]]))
    assert out.map().flatten().tolist() == [1, 2, 3]


def test_aggregate_spreads_by_the_correlation_and_resizes_first():
    spliced = torch.tensor([[[0.0], [4.0]]])
    assert trident.aggregate(torch.eye(4), spliced, (1, 4)).flatten().tolist() == [0, 1, 3, 4]
    everywhere = torch.full((4, 4), 0.25)
    assert trident.aggregate(everywhere, spliced, (1, 4)).flatten().tolist() == [2, 2, 2, 2]


def test_classify_gives_cosines_cell_by_cell():
    features = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]])
    cosine = trident.classify(features, torch.eye(2), (2, 2))
    assert cosine.shape == (2, 2, 2)
    assert cosine[1, 0].tolist() == pytest.approx([0.6, 0.8])
    assert cosine[1, 1].tolist() == [-1, 0]


# ---- strips and pixels -------------------------------------------------------------------------
@pytest.mark.parametrize("height, width, channels", [(1, 1, 1), (100, 10, 3), (7, 10_000, 254)])
def test_strips_cover_every_row_once_within_the_limit(height, width, channels):
    strips = list(trident.strips(height, width, channels, limit=1000))
    assert strips[0].start == 0 and strips[-1].stop == height
    assert all(a.stop == b.start for a, b in pairwise(strips))
    for rows in strips:
        count = rows.stop - rows.start
        assert count == 1 or count * width * channels <= 1000


@pytest.mark.parametrize("size", [(40, 52), (41, 53), (3, 2), (4, 6)])
def test_strips_of_rows_equal_the_whole_map(size):
    cosine = _draw(4, 6, 3)
    whole = _resized(cosine, size)
    for step in (1, 7, 100):
        parts = [
            trident.upsample_rows(cosine, size, slice(start, min(start + step, size[0])))
            for start in range(0, size[0], step)
        ]
        torch.testing.assert_close(torch.cat(parts), whole, atol=1e-6, rtol=0)
    some = trident.upsample_rows(cosine, size, np.array([2, 0, 2]))
    torch.testing.assert_close(some, whole[[2, 0, 2]], atol=1e-6, rtol=0)


def test_probabilities_are_a_softmax_at_the_logit_scale():
    share = trident.probabilities(torch.tensor([0.0, math.log(3) / 40]), torch.arange(2), 2)
    assert share.tolist() == pytest.approx([0.25, 0.75])


@pytest.mark.parametrize("owner", [[0, 0, 1, 2], [0, 1, 1, 2], [0, 1, 2, 2], [2, 0, 1, 0]])
def test_synonyms_of_any_class_count_by_their_best(owner):
    shares = [0.1, 0.2, 0.3, 0.4]
    cosine = torch.tensor(shares).log() / 40
    found = trident.probabilities(cosine, torch.tensor(owner), 3)
    expected = [max(s for s, o in zip(shares, owner, strict=True) if o == k) for k in range(3)]
    assert found.tolist() == pytest.approx(expected)


def test_labels_of_queries_given_out_of_order():
    cosine = torch.eye(3)[None]  # three cells, each like one query
    owner = torch.tensor([2, 0, 1])
    found = trident.label_rows(cosine, owner, 3, (1, 3), slice(None))
    assert found.tolist() == [[2, 0, 1]]


def test_pixels_that_no_class_wins_clearly_are_unknown():
    cosine = torch.tensor([[[0.0, 0.0], [math.log(4) / 40, 0]]])  # shares 1/2, 1/2 and 4/5, 1/5

    def labels(prob_thd: float, unknown: int = 255) -> list:
        found = trident.label_rows(
            cosine, torch.arange(2), 2, (1, 2), slice(None), prob_thd=prob_thd, unknown=unknown
        )
        assert found.dtype == torch.uint8
        return found[0].tolist()

    assert labels(0) == [0, 0] and labels(0.49) == [0, 0]
    assert labels(0.51) == [255, 0] and labels(0.81) == [255, 255]
    assert labels(0.51, unknown=7) == [7, 0]
