"""What CLIP sees of a photo in one step: all of it in a square, or a window as at inference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from ..recipes import Recipe


@dataclass(frozen=True)
class View:
    """One picture as the tuning sees it.

    pixels : uint8 [S, S, 3] RGB
    truth : uint8 [S, S], index into the classes, 255 where nothing is known; None without masks
    """

    pixels: np.ndarray
    truth: np.ndarray | None


def draw_view(
    picture: np.ndarray, truth: np.ndarray | None, recipe: Recipe, rng: np.random.Generator
) -> View:
    """A view of a picture.

    Parameters
    ----------
    picture : uint8 [H, W, 3]
    truth : uint8 [H, W] or None
    recipe : `view`, `side`, `zoom`, `light`, `turn`
    rng : draws place, scale, turn and light

    Returns
    -------
    View
    """
    side = recipe.side
    height, width = picture.shape[:2]
    top, left, rows, columns = 0, 0, height, width
    if recipe.view == "window":
        reach = np.log(recipe.zoom)
        size = min(max(round(side / np.exp(rng.uniform(-reach, reach))), 1), height, width)
        top, left = (int(rng.integers(length - size + 1)) for length in (height, width))
        rows = columns = size
    pixels = picture[top : top + rows, left : left + columns]
    if truth is not None:
        # the label at each new pixel's centre, as everywhere in the suite
        down, across = (((np.arange(side) + 0.5) * n / side).astype(int) for n in (rows, columns))
        truth = truth[top : top + rows, left : left + columns][down][:, across]
    if pixels.shape[:2] != (side, side):
        pixels = _resize(pixels, side)
    if recipe.turn:
        quarter, mirror = int(rng.integers(4)), rng.random() < 0.5
        pixels, truth = (_turn(plane, quarter, mirror) for plane in (pixels, truth))
    if recipe.light:
        gain = np.exp(rng.normal(0, recipe.light) + rng.normal(0, recipe.light / 2, 3))
        pixels = np.clip(pixels * gain.astype(np.float32) + 0.5, 0, 255).astype(np.uint8)
    return View(pixels, truth)


def _resize(pixels: np.ndarray, side: int) -> np.ndarray:
    """Bicubic with antialiasing to uint8 [side, side, 3], as Pillow does it (to a grey level or
    two) in a sixth of the time."""
    planes = torch.from_numpy(np.require(pixels, requirements="CW")).permute(2, 0, 1)[None]
    small = F.interpolate(planes, (side, side), mode="bicubic", antialias=True)
    return small[0].permute(1, 2, 0).numpy()


def _turn(plane: np.ndarray | None, quarter: int, mirror: bool) -> np.ndarray | None:
    if plane is None:
        return None
    plane = np.rot90(plane, quarter)
    return plane[:, ::-1] if mirror else plane


def patch_shares(truth: np.ndarray, patch: int, classes: int) -> np.ndarray:
    """Share of every patch that each class takes.

    Parameters
    ----------
    truth : uint8 [S, S], 255 unknown
    patch : side of a patch, px

    Returns
    -------
    float32 [(S / patch)², classes], rows sum to what is known of the patch
    """
    rows, columns = (side // patch for side in truth.shape)
    cut = truth[: rows * patch, : columns * patch].reshape(rows, patch, columns, patch)
    cells = cut.transpose(0, 2, 1, 3).reshape(rows * columns, -1).astype(np.int64)
    cells = np.minimum(cells, classes)  # what is unknown counts in a column that is dropped
    cells += (classes + 1) * np.arange(len(cells))[:, None]
    counts = np.bincount(cells.ravel(), minlength=len(cells) * (classes + 1))
    shares = counts.reshape(len(cells), -1)[:, :classes] / patch**2
    return shares.astype(np.float32)
