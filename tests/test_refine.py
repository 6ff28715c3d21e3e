"""Refinement: components, boxes and points by eye, and SAM's decoder against the slow road."""

from __future__ import annotations

import inspect
import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from mineral_utils import refine, trident
from mineral_utils.segmentation import Segmentation
from mineral_utils.segmenter import Scene

from .reference import (  # noqa: F401
    Original,
    one_thread,
    parting_queries,
    small_model,
    small_picture,
)


def _labels(text: str) -> np.ndarray:
    """Rows of digits; a dot is unknown."""
    rows = [[255 if c == "." else int(c) for c in row] for row in text.split()]
    return np.array(rows, np.uint8)


def _shares(labels: np.ndarray, sure: float = 0.9) -> list[torch.Tensor]:
    """Probability maps of two classes that agree with the labels."""
    one = torch.from_numpy(np.where(labels == 1, sure, 1 - sure).astype(np.float32))
    return [1 - one, one]


# ---- halving and components --------------------------------------------------------------------
def test_half_labels_take_every_second_pixel():
    labels = _labels("0011 0011 2.10 ..01")
    assert refine.half_labels(labels).tolist() == [[0, 1], [2, 1]]
    odd = np.arange(7, dtype=np.uint8)[None]  # 7 to 3: floor(0), floor(7/3), floor(14/3)
    assert refine.half_labels(odd).tolist() == [[0, 2, 4]]
    assert refine.half_labels(odd.T).tolist() == [[0], [2], [4]]


def test_half_labels_are_torchs_nearest_at_any_size():
    for side in range(2, 2500):
        row = torch.arange(side, dtype=torch.float64)[None, None]
        nearest = F.interpolate(row, side // 2, mode="nearest")[0, 0].long()
        half = refine.half_labels(np.arange(side)[None])[0]
        assert half.tolist() == nearest.tolist(), side


def test_half_map_is_the_mean_of_four():
    values = torch.tensor([[0.0, 1.0, 4.0, 4.0], [2.0, 1.0, 4.0, 8.0]])
    assert refine.half_map(values).tolist() == [[1, 5]]
    assert refine.half_map(torch.ones(1, 5)).tolist() == [[1, 1]], "half, but never nothing"


MASK = """
1....
.1.11
...11
1....
"""


def test_components_by_eye():
    mask = _labels(MASK) == 1
    probability = np.zeros((4, 5), np.float32)
    probability[1, 1], probability[2, 3], probability[0, 2] = 0.6, 0.8, 1.0  # the last is outside
    found = refine.find_components(mask, probability, minimal_area=1)
    assert found == [
        ((0, 0, 1, 1), (1, 1), 2),  # two pixels that touch at a corner are one component
        ((3, 1, 4, 2), (3, 2), 4),
        ((0, 3, 0, 3), (0, 3), 1),
    ]
    assert [area for _, _, area in refine.find_components(mask, probability, 2)] == [2, 4]
    assert [area for _, _, area in refine.find_components(mask, probability, 4)] == [4]
    assert refine.find_components(mask, probability, 5) == []
    assert refine.find_components(np.zeros((4, 5), bool), probability, 1) == []


def test_a_component_keeps_out_of_anothers_bounding_box():
    ring = np.ones((5, 5), bool)
    ring[1:4, 1:4] = False
    mask = ring.copy()
    mask[2, 2] = True
    probability = np.full((5, 5), 0.1, np.float32)
    probability[2, 2] = 0.9
    probability[4, 3] = 0.5
    found = refine.find_components(mask, probability, 1)
    assert found == [((0, 0, 4, 4), (3, 4), 16), ((2, 2, 2, 2), (2, 2), 1)]


# ---- prompts -----------------------------------------------------------------------------------
TWO = """
00000000
00000000
00111100
00111100
00111100
00111100
000000..
000000..
"""


def _prompts(labels: np.ndarray, shares: list, **changes) -> list[refine.Prompt]:
    changes = {"coarse_thresh": 0.1, "minimal_area": 1, **changes}
    return refine.find_prompts(labels, shares.__getitem__, ["a", "b"], **changes)


def test_prompts_by_eye_in_pixels_of_the_photo():
    labels = _labels(TWO)
    shares = _shares(labels)
    shares[1][4, 4] = 0.99
    shares[0][0, 6] = 0.99
    around, square = _prompts(labels, shares)
    # at half size: class 0 is a frame, without its unknown corner; class 1 is 2 x 2 cells
    assert (around.index, around.name, around.area) == (0, "a", 11)
    assert around.box == (0, 0, 6, 6) and around.point == (6, 0)
    assert (square.index, square.name, square.area) == (1, "b", 4)
    assert square.box == (2, 2, 4, 4) and square.point == (4, 4)
    assert square.score is None and square.kept is None


def test_prompts_on_odd_sides_are_scaled_by_the_true_ratio():
    labels = np.ones((7, 5), np.uint8)
    (prompt,) = _prompts(labels, _shares(labels))
    assert prompt.area == 3 * 2
    assert prompt.box == pytest.approx((0, 0, 1 * 5 / 2, 2 * 7 / 3))


def test_small_components_make_no_prompts():
    labels = _labels(TWO)
    areas = [
        [p.area for p in _prompts(labels, _shares(labels), minimal_area=n)] for n in (4, 5, 12)
    ]
    assert areas == [[11, 4], [11], []]


def test_pixels_under_the_threshold_are_none():
    labels = np.zeros((4, 8), np.uint8)
    unsure = torch.full((4, 8), 0.9)
    unsure[:, 2:4] = 0.4  # the second column of four at half size
    shares = [unsure, 1 - unsure]
    shares[1][:, 2:4] = 0.3
    (whole,) = _prompts(labels, shares, coarse_thresh=0.3)
    assert whole.area == 8
    left, right = _prompts(labels, shares, coarse_thresh=0.5)
    assert (left.box, left.area) == ((0, 0, 0, 2), 2)
    assert (right.box, right.area) == ((4, 0, 6, 2), 4)
    assert _prompts(labels, shares, coarse_thresh=0.95) == []


def test_without_a_threshold_all_but_unknown_pixels_take_part():
    labels = _labels(TWO)
    shares = [torch.full((8, 8), 0.001), torch.full((8, 8), 0.002)]
    areas = [p.area for p in _prompts(labels, shares, coarse_thresh=0)]
    assert areas == [11, 4], "the unknown corner is no component"


# ---- with SAM's decoder ------------------------------------------------------------------------
@pytest.fixture(scope="module")
def scene() -> Scene:
    return small_model().encode(small_picture(), progress=False)


@pytest.fixture(scope="module")
def queries(scene) -> torch.Tensor:
    return parting_queries(scene.features)


def _asked(scene: Scene, queries: torch.Tensor, **changes) -> Segmentation:
    return scene.compare(
        queries, torch.arange(len(queries)), list("abcd")[: len(queries)], **changes
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"coarse_thresh": 0.0, "minimal_area": 300},
        {"sam_iou_thresh": -9.0, "sam_mask_coff": 1.0},
        {"prob_thd": 0.4, "minimal_area": 100},
    ],
    ids=str,
)
def test_refined_labels_equal_the_slow_road(scene, queries, changes):
    coarse = _asked(scene, queries, **changes)
    fine = coarse.refine(scene, unknown=0, progress=False)
    preset = scene.preset.replace(**changes)
    expected = Original(scene.model.encoders, preset)(scene.photo.image, queries)
    assert (coarse.coarse_labels(unknown=0) == expected["coarse"].numpy()).mean() > 0.9999
    assert (fine.labels == expected["refined"].numpy()).mean() > 0.999
    assert (fine.labels != coarse.labels).mean() > 0.05, "and SAM has something to say"
    kept = [prompt.score for prompt in fine.prompts if prompt.kept]
    assert kept == pytest.approx(expected["accepted_scores"].flatten().tolist(), abs=1e-3)


def test_prompts_come_back_with_their_scores(scene, queries):
    coarse = _asked(scene, queries)
    fine = coarse.refine(scene, progress=False)
    assert len(fine.prompts) > 10 and coarse.prompts == () and coarse.refined is None
    limit = scene.preset.sam_iou_thresh
    assert all(prompt.kept == (prompt.score > limit) for prompt in fine.prompts)
    assert {prompt.kept for prompt in fine.prompts} == {True, False}
    height, width = scene.photo.image.shape[:2]
    for prompt in fine.prompts:
        (x1, y1, x2, y2), (x, y) = prompt.box, prompt.point
        assert 0 <= x1 <= x <= x2 < width and 0 <= y1 <= y <= y2 < height
        assert prompt.name == "abcd"[prompt.index]


def test_where_no_mask_is_kept_the_coarse_labels_stay(scene, queries):
    coarse = _asked(scene, queries, prob_thd=0.4)
    assert (coarse.labels == 255).any()
    fine = coarse.refine(scene, progress=False)
    none = _asked(scene, queries, prob_thd=0.4, sam_iou_thresh=1e9).refine(scene, progress=False)
    assert (none.labels == coarse.labels).all() and len(none.prompts) == len(fine.prompts)
    assert not any(prompt.kept for prompt in none.prompts)
    empty = _asked(scene, queries, minimal_area=10**6).refine(scene, progress=False)
    assert empty.prompts == () and (empty.labels == _asked(scene, queries).labels).all()


def test_pixels_claimed_by_masks_of_two_classes_go_to_the_larger_product(monkeypatch):
    """Masks of class 0 cover all with logit 1, those of class 1 the right half with logit 3."""
    labels = np.zeros((8, 8), np.uint8)
    labels[:, 4:] = 1
    shares = [torch.full((8, 8), 0.6), torch.full((8, 8), 0.4)]
    view = small_model().encoders.sam.look(np.zeros((8, 8, 3), np.uint8))

    def decode(sam, view, part, size, mask_prompt):
        logit = torch.ones(8, 8)
        if part[0].index == 1:
            logit = torch.full((8, 8), -1.0)
            logit[:, 2:] = 3.0
        return logit[None].expand(len(part), -1, -1), torch.ones(len(part))

    monkeypatch.setattr(refine, "_decode", decode)
    monkeypatch.setattr(refine, "_largest", lambda sam, view, masks, size: masks[0])
    sam = small_model().encoders.sam.sam
    settings = {"minimal_area": 1, "sam_iou_thresh": 0.5, "progress": False}
    found, _ = refine.refine(sam, view, labels, shares.__getitem__, ["a", "b"], **settings)
    # 0.6 * sigmoid(1) = 0.439 against 0.4 * sigmoid(3) = 0.381
    assert (found == 0).all()
    shares = [torch.full((8, 8), 0.5), torch.full((8, 8), 0.5)]
    found, _ = refine.refine(sam, view, labels, shares.__getitem__, ["a", "b"], **settings)
    assert (found[:, :2] == 0).all() and (found[:, 2:] == 1).all()


def test_only_the_decoder_runs_and_once_a_batch(scene, queries, monkeypatch):
    sam = scene.model.encoders.sam.sam
    calls = []
    forward = sam.mask_decoder.forward

    def counted(**arguments):
        calls.append(len(arguments["sparse_prompt_embeddings"]))
        return forward(**arguments)

    def never(*arguments):
        raise AssertionError("the image was encoded again")

    monkeypatch.setattr(sam.mask_decoder, "forward", counted)
    monkeypatch.setattr(sam.image_encoder, "forward", never)
    fine = _asked(scene, queries).refine(scene, progress=False)
    per_class = [sum(p.index == index for p in fine.prompts) for index in range(4)]
    batch = inspect.signature(refine.refine).parameters["batch"].default
    assert len(calls) == sum(math.ceil(count / batch) for count in per_class)
    assert sum(calls) == len(fine.prompts) > batch == max(calls)


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_the_size_of_a_batch_changes_nothing(scene, queries, batch):
    result = _asked(scene, queries)

    def refined(**settings):
        return refine.refine(
            scene.model.encoders.sam.sam,
            scene.view,
            result.labels,
            result.probability_map,
            result.names,
            coarse_thresh=0.35,
            minimal_area=60,
            sam_iou_thresh=-0.4,
            progress=False,
            **settings,
        )

    labels, prompts = refined(batch=batch)
    expected, others = refined()
    assert (labels == expected).mean() > 0.9999
    assert [p.score for p in prompts] == pytest.approx([p.score for p in others], abs=1e-4)


def test_the_mask_prompt_with_its_batch_axis_is_another_number(scene, queries):
    as_original = _asked(scene, queries).refine(scene, progress=False)
    as_trained = _asked(scene, queries, batched_mask_prompt=True).refine(scene, progress=False)
    assert len(as_trained.prompts) == len(as_original.prompts)
    differences = [
        abs(a.score - b.score) for a, b in zip(as_trained.prompts, as_original.prompts, strict=True)
    ]
    assert max(differences) > 1e-3


@pytest.mark.parametrize("size", [(187, 251), (64, 48), (100, 33)])
def test_photos_of_odd_sides_are_refined(size, queries):
    scene = small_model().encode(small_picture(size), progress=False)
    fine = _asked(scene, queries, minimal_area=20, sam_iou_thresh=-9.0).refine(
        scene, progress=False
    )
    assert fine.labels.shape == size and fine.labels.dtype == np.uint8
    assert fine.prompts and (fine.labels < 4).all()


# ---- memory ------------------------------------------------------------------------------------
class _Largest(TorchDispatchMode):
    """Notes the largest tensor that any operation makes."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage().nbytes() // tensor.element_size()
                self.numbers = max(self.numbers, storage)
        return made


def test_nothing_of_the_size_names_times_picture_is_made(scene, monkeypatch):
    """With strips of 20 000 numbers, no tensor is much larger than the picture."""
    monkeypatch.setattr(trident, "strips", partial(trident.strips, limit=20_000))
    names = [f"thing number {k}" for k in range(40)]
    pixels = math.prod(scene.photo.image.shape[:2])
    with _Largest() as largest:
        result = scene.segment(names, open_vocabulary=True, templates="plain", coarse_thresh=0.0)
        result.labels  # noqa: B018
        coarse = largest.numbers
        fine = result.refine(scene, progress=False)
    assert fine.prompts and (fine.labels != result.labels).any()
    assert 10_000 < coarse <= pixels and largest.numbers <= 4 * pixels
