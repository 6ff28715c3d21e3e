"""From a photo to dense features: windows through DINO and CLIP, and SAM's view of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from . import trident
from .encoders import Encoders, SamView
from .photos import resize_long_side
from .profiles import Preset


def splice(
    encoders: Encoders,
    image: np.ndarray,
    preset: Preset,
    *,
    batch: int = 4,
    progress: bool = False,
    alone: bool = False,
) -> tuple[Tensor, str]:
    """CLIP's features of all windows under DINO's affinity, as one map of the photo.

    Parameters
    ----------
    image : uint8 [H, W, 3]
    alone : CLIP alone: every patch says what it sees itself (MaskCLIP, arXiv 2112.01071)

    Returns
    -------
    (map float32 [rows, columns, width], "photo" or "window": what the mean ran over)
    """
    layout = _Layout(encoders, image.shape[:2], preset)
    out = trident.Splice(layout.map_grid, encoders.clip.width, encoders.device)
    windows = clip_features if alone else window_features
    for boxes, features in windows(encoders, image, preset, batch=batch, progress=progress):
        out.add(features, boxes)
    return out.map(), layout.mean_over


@torch.inference_mode()
def window_features(
    encoders: Encoders,
    image: np.ndarray,
    preset: Preset,
    *,
    batch: int = 4,
    progress: bool = False,
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """CLIP's last block with DINO's affinity for attention, a few windows at a time.

    Memory does not grow with the number of windows, except, up to `preset.pass_memory_mb`, for
    DINO's tokens, which the mean over the whole photo needs before any window can be finished.

    Yields
    ------
    (boxes int64 [B, 4] in cells of the map, features float32 [B, rows, columns, width])
    """
    clip, dino, layout = encoders.clip, encoders.dino, _Layout(encoders, image.shape[:2], preset)
    total = len(layout.boxes) * (2 if layout.mean_over == "photo" else 1)
    bar = tqdm(total=total, desc="windows", disable=not progress or total < 8)

    def chunks() -> Iterator[tuple[np.ndarray, Tensor]]:
        for start in range(0, len(layout.boxes), batch):
            boxes = layout.boxes[start : start + batch]
            yield boxes, trident.cut_windows(image, boxes, layout.size).to(encoders.device)
            bar.update(len(boxes))

    def unit_tokens(pixels: Tensor) -> Tensor:
        return F.normalize(dino.tokens(pixels).float(), dim=-1)

    with bar:
        kept: list[Tensor] = []
        if layout.mean_over == "photo":
            sums = []
            for _, pixels in chunks():
                tokens = unit_tokens(pixels)
                sums.append(trident.mean_similarity(tokens).sum())
                if layout.one_pass:
                    kept.append(tokens)
            mean = torch.stack(sums).sum() / len(layout.boxes)
        for number, (boxes, pixels) in enumerate(chunks()):
            tokens = kept[number] if kept else unit_tokens(pixels)
            if layout.mean_over == "window":
                mean = trident.mean_similarity(tokens)
            weights = trident.affinity(
                tokens, mean, beta=preset.beta, gamma=preset.gamma, cap=preset.affinity_cap
            )
            values = clip.values(pixels)
            seen = trident.attend(
                weights.to(values.dtype), values, layout.dino_grid, layout.clip_grid
            )
            seen = clip.project_out(seen).float().unflatten(1, layout.dino_grid)
            yield layout.in_cells(boxes), layout.resized(seen)


@torch.inference_mode()
def clip_features(
    encoders: Encoders, image: np.ndarray, preset: Preset, *, batch: int = 4, progress: bool = False
) -> Iterator[tuple[np.ndarray, Tensor]]:
    """Like `window_features`, with attention by the identity: each patch's own value, no DINO."""
    clip, layout = encoders.clip, _Layout(encoders, image.shape[:2], preset)
    starts = range(0, len(layout.boxes), batch)
    for start in tqdm(starts, desc="windows", disable=not progress or len(layout.boxes) < 8):
        boxes = layout.boxes[start : start + batch]
        pixels = trident.cut_windows(image, boxes, layout.size).to(encoders.device)
        own = clip.project_out(clip.values(pixels)).float().unflatten(1, layout.clip_grid)
        yield layout.in_cells(boxes), layout.resized(own)


def working_size(image: np.ndarray, preset: Preset) -> np.ndarray:
    """The photo scaled down to the preset's long and short side, never up."""
    target = max(image.shape[:2])
    if preset.long_side:
        target = min(target, preset.long_side)
    if preset.short_side:
        target = min(target, round(preset.short_side * max(image.shape[:2]) / min(image.shape[:2])))
    if target == max(image.shape[:2]):
        return image
    return resize_long_side(image, target)[0]


def look(encoders: Encoders, image: np.ndarray, preset: Preset) -> SamView:
    """SAM's view of the whole photo, sides rounded up to CLIP's patch as in the original."""
    size = tuple(trident.round_up(side, encoders.clip.patch) for side in image.shape[:2])
    if size != image.shape[:2]:
        image = stretch(image, size)
    return encoders.sam.look(image, cos_fac=preset.cos_fac, refine_neg_cos=preset.refine_neg_cos)


def stretch(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear resize in the 8-bit fixed-point arithmetic of OpenCV, bit for bit.

    The original resizes this way, and SAM's correlation has a hard threshold: one grey level of
    rounding moves pixels. Weights have 11 bits; rows are interpolated first, with 4 bits dropped,
    then columns, with each term truncated and the sum rounded.

    Parameters
    ----------
    image : uint8 [H, W, 3]
    size : (height, width) in px

    Returns
    -------
    uint8 [height, width, 3]
    """
    top, bottom, down = _fixed_point(image.shape[0], size[0])
    left, right, across = _fixed_point(image.shape[1], size[1])
    # at the left and right edge the one pixel has all the weight; at the top and bottom edge the
    # same row comes in twice, which truncates twice
    across[:, left == right] = [[2048], [0]]
    across, down = across[..., None], down[..., None, None]
    out = np.empty((*size, image.shape[2]), np.uint8)
    for rows in trident.strips(*size, image.shape[2]):
        upper, lower = (
            (
                image[index].astype(np.int32)[:, left] * across[0]
                + image[index][:, right] * across[1]
            )
            >> 4
            for index in (top[rows], bottom[rows])
        )
        out[rows] = ((upper * down[0, rows] >> 16) + (lower * down[1, rows] >> 16) + 2) >> 2
    return out


def _fixed_point(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One axis: lower and upper index, int64 [n_out], and their weights, int32 [2, n_out] of 2048
    in all."""
    position = ((np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5).astype(np.float32)
    lower = np.floor(position).astype(np.int64)
    upper_weight = position - lower.astype(np.float32)
    weights = np.rint(np.stack([1 - upper_weight, upper_weight]) * 2048).astype(np.int32)
    return lower.clip(0, n_in - 1), (lower + 1).clip(0, n_in - 1), weights


class _Layout:
    """Where the windows lie and how the grids of CLIP, DINO and the map relate."""

    def __init__(self, encoders: Encoders, size: tuple[int, int], preset: Preset):
        clip, dino, crop = encoders.clip, encoders.dino, preset.crop
        if crop % clip.patch or crop % dino.patch or preset.stride % clip.patch:
            raise ValueError(
                f"windows of {crop} px every {preset.stride} px do not fit patches of "
                f"{clip.patch} px (CLIP) and {dino.patch} px (DINO); crop must be a multiple of "
                "both, stride of CLIP's"
            )
        self.size = trident.view_size(*size, crop, clip.patch)
        self.boxes = trident.windows(*self.size, crop, preset.stride)
        self.dino_grid, self.clip_grid = (crop // dino.patch,) * 2, (crop // clip.patch,) * 2
        # a finer DINO grid makes a finer map, in whole multiples of CLIP's cells
        self.ratio = max(round(self.dino_grid[0] / self.clip_grid[0]), 1)
        self.cells = (self.clip_grid[0] * self.ratio,) * 2
        self.map_grid = tuple(side // clip.patch * self.ratio for side in self.size)
        tokens_mb = len(self.boxes) * self.dino_grid[0] ** 2 * dino.width * 4 / 2**20
        self.one_pass = tokens_mb <= preset.pass_memory_mb
        self.mean_over = preset.similarity_mean
        if self.mean_over == "auto":
            self.mean_over = "photo" if self.one_pass else "window"
        self.patch = clip.patch

    def in_cells(self, boxes: np.ndarray) -> np.ndarray:
        """Windows in px as windows in cells of the map."""
        return boxes // self.patch * self.ratio

    def resized(self, features: Tensor) -> Tensor:
        """Features of windows [B, rows, columns, C] on the map's cells."""
        if features.shape[1:3] == self.cells:
            return features
        return torch.stack([trident.resize_map(each, self.cells) for each in features])
