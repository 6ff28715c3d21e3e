"""How well a grain's mask could be read at all: on SAM's grid, and from its upscaled picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam

from ..encoders.sam import SamEncoder, longest_side
from .sam_measure import iou
from .sam_model import decode, fit_reading
from .sam_prompts import box_of


def finest(mask: np.ndarray, cells: int) -> float:
    """The IoU that a grain's own mask keeps on SAM's grid: bool [H, W] pooled so that the photo's
    long side has `cells` cells, enlarged bilinearly, cut at one half. No answer of SAM, which is
    enlarged in the same way, can be expected to fit better."""
    size = longest_side(*mask.shape, cells)
    share = F.interpolate(torch.from_numpy(mask.astype(np.float32))[None, None], size, mode="area")
    back = F.interpolate(share, mask.shape, mode="bilinear", align_corners=False)
    return iou(back[0, 0].numpy() > 0.5, mask)


@torch.inference_mode()
def readings(sam: Sam, image: np.ndarray, grains: Sequence[np.ndarray]) -> np.ndarray:
    """What SAM reads inside a grain's box, and how well a linear reading could do there.

    A mask is one linear reading of the upscaled picture, which the decoder guesses from the prompt.
    This fits the reading on the grain itself: by ridge regression on every second cell of the box,
    like the fields of a chessboard, and scored on the others. What is missing from the first to the
    second is the decoder's guess; what is missing from there to 1, mostly the picture's. No strict
    bound: a reading fitted on all cells, with the best threshold, reaches a little more.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    image : uint8 [H, W, 3]
    grains : bool [H, W] each

    Returns
    -------
    float64 [grains, 2]: IoU in cells of the box, of SAM's answer to the box and of that reading
    """
    encoder = SamEncoder(sam, sam.device)
    embedding = sam.image_encoder(encoder.pixels(image))
    size = longest_side(*image.shape[:2], sam.image_encoder.img_size)
    scale = np.array([size[1] / image.shape[1], size[0] / image.shape[0]], np.float32)
    rows, first = [], torch.zeros(1, dtype=torch.int64, device=sam.device)
    for grain in grains:
        corners = (box_of(grain).reshape(2, 2) * scale).reshape(1, 4)
        box = torch.from_numpy(corners).to(sam.device)
        logits, _, fine = decode(sam, embedding, [(0, 0)], first, None, box, None)
        side = fine.shape[-1]
        cells = longest_side(*grain.shape, side)
        share = F.interpolate(
            torch.from_numpy(grain.astype(np.float32))[None, None], cells, mode="area"
        )
        x1, y1, x2, y2 = (int(v) for v in corners[0] * side / sam.image_encoder.img_size)
        inside = slice(y1, min(y2 + 1, cells[0])), slice(x1, min(x2 + 1, cells[1]))
        truth = share[0, 0][inside].numpy() > 0.5
        said = logits[0, 0][inside].cpu().numpy() > 0
        rows.append((iou(said, truth), iou(_read(fine[0, :, *inside].cpu(), truth), truth)))
    return np.array(rows)


def _read(seen: torch.Tensor, truth: np.ndarray) -> np.ndarray:
    """bool [h, w]: what lies in `truth` by a linear reading of `seen` [c, h, w], each half of the
    chessboard by a reading fitted on the other."""
    design = torch.cat([seen, torch.ones_like(seen[:1])]).double().flatten(1).T[None]
    wanted = torch.from_numpy(np.where(truth, 1.0, -1.0)).view(1, -1)
    odd = torch.from_numpy(np.indices(truth.shape).sum(0) % 2 == 1).flatten()
    said = torch.zeros(truth.size, dtype=torch.bool)
    for half in (odd, ~odd):
        reading, _ = fit_reading(design[:, ~half], wanted[:, ~half], ridge=1e-3)
        said[half] = (design[:, half] @ reading)[0, :, 0] > 0
    return said.view(truth.shape).numpy()
