"""Labels to SAM prompts to sharper labels (Trident, arXiv 2411.09219, section 3.4).

At half size, every 8-connected component of a class that is confident and large enough becomes a
prompt: its most probable pixel, its bounding box, and the class's probability map as mask prompt.
SAM's decoder draws a mask; where its own estimate of the IoU is good enough, the mask's pixels
compete for the class with sigmoid(mask logit) times the class's probability. Pixels that no mask
claims keep their coarse label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from segment_anything.modeling import Sam
from torch import Tensor
from tqdm.auto import tqdm

from .encoders.sam import SamView, longest_side

EIGHT = np.ones((3, 3), dtype=bool)


@dataclass(frozen=True)
class Prompt:
    """One component of one class, and what SAM made of it.

    index, name : the class
    box : (x1, y1, x2, y2) in px of the photo, ends included
    point : (x, y) in px of the photo, the most probable pixel
    area : px at half size
    score : SAM's predicted IoU of its mask, None before the decoder ran
    kept : whether the mask took part, None before the decoder ran
    """

    index: int
    name: str
    box: tuple[float, float, float, float]
    point: tuple[float, float]
    area: int
    score: float | None = None
    kept: bool | None = None


def half_size(height: int, width: int) -> tuple[int, int]:
    """The size at which components are found: half, but never nothing."""
    return max(height // 2, 1), max(width // 2, 1)


def half_labels(labels: np.ndarray) -> np.ndarray:
    """Labels [H, W] at half size by the nearest pixel (index floor(i * H / h))."""
    height, width = labels.shape
    rows, columns = half_size(height, width)
    return labels[np.arange(rows) * height // rows][:, np.arange(columns) * width // columns]


def half_map(values: Tensor) -> Tensor:
    """A float map [H, W] at half size, bilinear."""
    return F.interpolate(values[None, None], half_size(*values.shape), mode="bilinear")[0, 0]


def find_components(
    mask: np.ndarray, probability: np.ndarray, minimal_area: int
) -> list[tuple[tuple[int, int, int, int], tuple[int, int], int]]:
    """8-connected components of a class at half size.

    Parameters
    ----------
    mask : bool [h, w]
    probability : float32 [h, w]
    minimal_area : smallest area in px

    Returns
    -------
    list of (box (x1, y1, x2, y2) with ends included, point (x, y), area)
    """
    numbered, count = ndimage.label(mask, EIGHT)
    areas = np.bincount(numbered.ravel(), minlength=count + 1)
    found = []
    for number, where in enumerate(ndimage.find_objects(numbered), start=1):
        if areas[number] < minimal_area:
            continue
        rows, columns = where
        inside = np.where(numbered[where] == number, probability[where], -1)
        y, x = np.unravel_index(inside.argmax(), inside.shape)
        box = (columns.start, rows.start, columns.stop - 1, rows.stop - 1)
        found.append((box, (columns.start + int(x), rows.start + int(y)), int(areas[number])))
    return found


def find_prompts(
    labels: np.ndarray,
    probability: Callable[[int], Tensor],
    names: Sequence[str],
    *,
    coarse_thresh: float = 0.1,
    minimal_area: int = 225,
) -> list[Prompt]:
    """Every component that SAM will be asked about, before its decoder runs.

    Parameters
    ----------
    labels : uint8 [H, W], index into `names`, 255 unknown
    probability : class index to float32 [H, W]
    names : class names
    coarse_thresh, minimal_area : see `mineral_utils.profiles.Preset`
    """
    height, width = labels.shape
    small = half_labels(labels)
    rows, columns = small.shape
    across, down = width / columns, height / rows
    best: Tensor | None = None
    if coarse_thresh > 0:  # the most probable class *after* halving decides
        for index in range(len(names)):
            halved = half_map(probability(index))
            best = halved if best is None else torch.maximum(best, halved)
    prompts = []
    for index in np.unique(small):
        if index >= len(names):
            continue
        halved = half_map(probability(int(index)))
        if halved.max() < coarse_thresh:
            continue
        mask = small == index
        if best is not None:
            mask &= best.cpu().numpy() >= np.float32(coarse_thresh)
        for box, point, area in find_components(mask, halved.cpu().numpy(), minimal_area):
            x1, y1, x2, y2 = box
            box = (x1 * across, y1 * down, x2 * across, y2 * down)
            point = (point[0] * across, point[1] * down)
            prompts.append(Prompt(int(index), names[index], box, point, area))
    return prompts


@torch.inference_mode()
def refine(
    sam: Sam,
    view: SamView,
    labels: np.ndarray,
    probability: Callable[[int], Tensor],
    names: Sequence[str],
    *,
    coarse_thresh: float = 0.1,
    minimal_area: int = 225,
    sam_iou_thresh: float = 0.9,
    sam_mask_coff: float = 0.005,
    batched_mask_prompt: bool = False,
    batch: int = 2,
    progress: bool = True,
) -> tuple[np.ndarray, list[Prompt]]:
    """Sharpen labels with SAM's decoder; its image embedding is in the view.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    view : what SAM saw of the photo
    labels : uint8 [H, W], index into `names`, 255 unknown
    probability : class index to float32 [H, W], at the photo's size
    names : class names
    coarse_thresh, minimal_area, sam_iou_thresh, sam_mask_coff, batched_mask_prompt : see
        `mineral_utils.profiles.Preset`
    batch : prompts a decoder call
    progress : show a bar

    Returns
    -------
    (labels uint8 [H, W], prompts with their scores)
    """
    prompts = find_prompts(
        labels, probability, names, coarse_thresh=coarse_thresh, minimal_area=minimal_area
    )
    refined = labels.copy()
    best = torch.zeros(labels.shape)
    answered: list[Prompt] = []
    bar = tqdm(total=len(prompts), desc="refine", disable=not progress or len(prompts) < 10)
    for index in sorted({p.index for p in prompts}):
        chosen = [p for p in prompts if p.index == index]
        share = probability(index)
        mask_prompt = _mask_prompt(sam, share, coarse_thresh, sam_mask_coff)
        if batched_mask_prompt:
            mask_prompt = mask_prompt[None]
        masks = []  # low-resolution logits of the kept masks
        for start in range(0, len(chosen), batch):
            part = chosen[start : start + batch]
            logits, scores = _decode(sam, view, part, labels.shape, mask_prompt)
            kept = scores > sam_iou_thresh
            masks.extend(logits[kept])
            for prompt, score in zip(part, scores.tolist(), strict=True):
                answered.append(replace(prompt, score=score, kept=score > sam_iou_thresh))
            bar.update(len(part))
        if not masks:
            continue
        # sigmoid and the product with the class's share are monotonic: only the largest logit of
        # each pixel counts
        logit = _largest(sam, view, masks, labels.shape).cpu()
        claim = torch.where(logit > 0, logit.sigmoid() * share.cpu(), 0)
        better = claim > best  # at equal claims the first class stays, as argmax does
        best = torch.where(better, claim, best)
        refined[better.numpy()] = index
    bar.close()
    return refined, answered


def _mask_prompt(sam: Sam, share: Tensor, coarse_thresh: float, coff: float) -> Tensor:
    """The class's probability map as SAM's mask prompt, [1, 256, 256]; one for all its components,
    as in the original."""
    side = sam.prompt_encoder.mask_input_size[0]
    height, width = longest_side(*share.shape, side)
    small = F.interpolate(
        half_map(share)[None, None], (max(height, 1), max(width, 1)), mode="bilinear"
    )
    small = torch.where(small > coarse_thresh, coff * small, 0.0)
    return F.pad(small, (0, side - small.shape[-1], 0, side - small.shape[-2]))[0].to(sam.device)


def _decode(
    sam: Sam, view: SamView, prompts: list[Prompt], size: tuple[int, int], mask_prompt: Tensor
) -> tuple[Tensor, Tensor]:
    """Low-resolution logits [n, 256, 256] and predicted IoU [n] of some prompts of one class."""
    height, width = longest_side(*half_size(*size), sam.image_encoder.img_size)
    scale = torch.tensor([width / size[1], height / size[0]])
    points = torch.tensor([p.point for p in prompts]) * scale
    boxes = torch.tensor([p.box for p in prompts]) * scale.repeat(2)
    sparse, dense = sam.prompt_encoder(
        points=(points[:, None].to(sam.device), torch.ones(len(prompts), 1, device=sam.device)),
        boxes=boxes.to(sam.device),
        masks=mask_prompt,
    )
    logits, scores = sam.mask_decoder(
        image_embeddings=view.embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=False,
    )
    return logits[:, 0], scores[:, 0]


def _largest(sam: Sam, view: SamView, masks: list[Tensor], size: tuple[int, int]) -> Tensor:
    """The largest logit of each pixel over some masks, float32 [H, W] at the photo's size."""
    largest: Tensor | None = None
    for mask in masks:
        logit = sam.postprocess_masks(mask[None, None], view.input_size, view.photo_size)
        if view.photo_size != tuple(size):
            logit = F.interpolate(logit, size, mode="bilinear")
        largest = logit[0, 0] if largest is None else torch.maximum(largest, logit[0, 0])
    return largest
