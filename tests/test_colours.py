"""Outlines that follow colours: SAM's logits, moved to the border that the pixels show."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mineral_utils.encoders.colours import SURE, TOLD, follow_colours, leave_out
from mineral_utils.encoders.outline import _pieces


def grain(inside=(150, 150, 140), around=(120, 120, 118), noise=4.0, seed=0):
    """A disc of 30 px in a field of 120 x 160 px: (uint8 [h, w, 3], bool [h, w])."""
    rows, columns = np.indices((120, 160))
    truth = (rows - 60) ** 2 + (columns - 80) ** 2 < 30**2
    level = np.where(truth[..., None], inside, around).astype(float)
    level += np.random.default_rng(seed).normal(0, noise, level.shape)
    return level.clip(0, 255).astype(np.uint8), truth


def answer(truth: np.ndarray, shift: int = 6, slope: float = 0.4) -> np.ndarray:
    """An answer of SAM that lies `shift` px off; it grows surer by so much with each px from its
    border."""
    drawn = np.roll(truth, shift, 1)
    inner, outer = (ndimage.distance_transform_edt(part) for part in (drawn, ~drawn))
    return (slope * (inner - outer)).clip(-9, 9).astype(np.float32)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return (one & other).sum() / (one | other).sum()


@pytest.mark.parametrize("colour", [(150, 150, 140), (90, 92, 90), (120, 104, 136)])
def test_an_outline_moves_to_the_border_of_colours(colour):
    image, truth = grain(colour)
    logits = answer(truth)
    before, after = iou(logits > 0, truth), iou(follow_colours(image, logits) > 0, truth)
    assert before < 0.8 and after > 0.93


def test_colours_do_not_overrule_what_sam_is_sure_of():
    image, truth = grain()
    far = np.zeros_like(truth)
    far[50:70, 75:85] = True  # the same colour as around it, but SAM knows that it is another thing
    logits = np.where(truth & ~far, 9.0, -9.0)
    result = follow_colours(image, logits)
    assert iou(result > 0, truth & ~far) > 0.9
    assert np.abs(result).max() <= SURE + TOLD


def test_without_a_difference_of_colour_the_answer_stays():
    image, truth = grain((120, 120, 118), noise=3.0)
    logits = answer(truth, slope=3.0)
    assert iou(follow_colours(image, logits) > 0, logits > 0) > 0.97


def test_what_lies_far_away_is_left_alone():
    image, truth = grain()
    image[:8, :8] = (150, 150, 140)  # the colour of the grain, in a corner
    logits = answer(truth)
    result = follow_colours(image, logits)
    assert (result[:8, :8] == -SURE).all()


@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_nothing_or_everything_has_no_border(sign):
    image, truth = grain()
    logits = np.full(truth.shape, sign * 9, np.float32)
    assert (follow_colours(image, logits) == sign * SURE).all()


def test_a_mirrored_picture_has_a_mirrored_outline():
    image, truth = grain(noise=0.0)
    logits = answer(truth)
    mirrored = follow_colours(image[:, ::-1], logits[:, ::-1])[:, ::-1]
    assert iou(mirrored > 0, follow_colours(image, logits) > 0) > 0.99


def test_a_box_says_what_is_rare_around_it():
    image, truth = grain()
    vein = np.zeros_like(truth)
    vein[:, 78:82] = True
    image[vein] = (200, 200, 190)
    logits = np.where(truth & ~vein, 0.5, -0.5)  # SAM leaves out what crosses the grain, unsure
    found = [follow_colours(image, logits, box) > 0 for box in (None, (50, 30, 110, 90))]
    assert iou(found[1], truth) > iou(found[0], truth) + 0.03
    everything = follow_colours(image, logits, (0, 0, 159, 119)) > 0
    assert (everything == found[0]).all(), "a box around all has no surroundings"


def test_a_large_part_is_asked_more_coarsely():
    image, truth = grain()
    image, truth = (part.repeat(16, 0).repeat(16, 1) for part in (image, truth))
    logits = answer(truth, 96, slope=0.4 / 16)
    result = follow_colours(image, logits) > 0
    assert iou(logits > 0, truth) < 0.8 and iou(result, truth) > 0.93


def test_a_click_that_leaves_out_takes_what_it_lies_in():
    image, truth = grain()
    arm = np.zeros_like(truth)
    arm[55:65, 108:150] = True  # another mineral that hangs on to the grain
    image[arm & ~truth] = (175, 176, 172)
    both = truth | arm
    left = leave_out(image, both, (140.5, 60.5))
    assert not left[60, 140] and iou(both, truth) < 0.9 < 0.97 < iou(left, truth)
    assert not (left & ~both).any() and both[60, 140], "the answer that was given is not changed"
    assert leave_out(image, both, (5.5, 5.5)) is both, "a click beside it"
    # nearer to a click inside than to the one outside: it stays
    held = leave_out(image, both, (140.5, 60.5), [(118.5, 60.5)])
    assert held[60, 118] and not held[60, 140]


def test_a_click_on_a_large_part_is_asked_more_coarsely():
    image, truth = grain()
    arm = np.zeros_like(truth)
    arm[55:65, 108:150] = True
    image[arm & ~truth] = (175, 176, 172)
    large = [part.repeat(16, 0).repeat(16, 1) for part in (image, truth | arm, truth)]
    left = leave_out(large[0], large[1], (140.5 * 16, 60.5 * 16))
    assert not left[60 * 16 + 8, 140 * 16 + 8] and iou(left, large[2]) > 0.97


def test_a_click_on_a_neighbour_of_the_same_colour_takes_a_disc():
    image, truth = grain((120, 120, 118), noise=0.0)
    left = leave_out(image, truth, (80.5, 60.5))
    rows, columns = np.nonzero(truth & ~left)
    assert not left[60, 80] and 100 < len(rows) < 300
    assert np.hypot(rows - 60, columns - 80).max() <= 8
    thin = np.zeros_like(truth)
    thin[60:63, 20:140] = True
    assert 5 <= (thin & ~leave_out(image, thin, (80.5, 61.5))).sum() <= 15, "no wider than a vein"


def test_a_click_means_the_piece_that_it_lies_in_and_a_box_the_largest():
    mask, whole = np.zeros((20, 30), bool), (0, 0, 29, 19)
    mask[2:8, 2:8] = mask[10:15, 10:20] = mask[2:5, 20:24] = True  # 36, 50 and 12 px
    one = _pieces(mask, [(12.5, 12.5, True), (3.5, 3.5, False)])
    assert one.sum() == 50 and one[12, 12]
    assert _pieces(mask, [(12.5, 12.5, True), (3.5, 3.5, True)]).sum() == 86
    assert _pieces(mask, [], whole).sum() == 86, "0.72 of the largest is meant too, a quarter not"
    assert (_pieces(mask, [(21.5, 3.5, True)], whole) == mask).all(), "a click adds its piece"
    assert _pieces(mask, [], (0, 0, 15, 19)).sum() == 66, "what runs on beyond a box ends there"
    beside = _pieces(mask, [(0.5, 0.5, True)])
    assert beside.sum() == 86, "a click beside all of them"
    assert not _pieces(np.zeros((4, 4), bool), [(1.5, 1.5, True)], whole).any()
