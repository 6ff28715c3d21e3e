"""The least work that the algorithm can be done with, in floating-point operations.

A closed formula of tokens, widths and windows: every matrix product of Trident once, each product
of [m, k] with [k, n] counted as 2 m k n. Element-wise work, resizing and anything done twice are
left out, so nothing that the code does clumsily can raise the floor. Divided by the machine's
matrix-product rate it is a time that no implementation on this machine can beat by much.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from mineral_utils import trident
from mineral_utils.encoders import Encoders
from mineral_utils.profiles import Preset


@dataclass(frozen=True)
class Floor:
    """Operations of each stage of encoding one photo."""

    clip: float
    dino: float
    sam: float
    glue: float

    @property
    def total(self) -> float:
        return self.clip + self.dino + self.sam + self.glue

    @property
    def windows(self) -> float:
        return self.clip + self.dino


def floor(encoders: Encoders, size: tuple[int, int], preset: Preset) -> Floor:
    """Operations for a photo of `size` (height, width)."""
    clip, dino = encoders.clip, encoders.dino
    view = trident.view_size(*size, preset.crop, clip.patch)
    count = len(trident.windows(*view, preset.crop, preset.stride))
    clip_n, dino_n = (preset.crop // clip.patch) ** 2, (preset.crop // dino.patch) ** 2
    layers = len(clip.visual.transformer.resblocks)
    mlp = encoders.clip.visual.transformer.resblocks[0].mlp[0].out_features / clip.width
    clip_work = count * (
        _patches(clip_n, clip.patch, clip.width)
        + (layers - 1) * _block(clip_n + 1, clip.width, mlp)
        + 2 * clip_n * clip.width**2  # v
        + 2 * dino_n * clip.width**2  # out
        + 2 * dino_n**2 * clip.width  # weights @ v
    )
    dino_work = count * (
        _patches(dino_n, dino.patch, dino.width)
        + len(dino.vit.blocks) * _block(dino_n + 1, dino.width, 4)
        + 2 * dino_n**2 * dino.width  # cosines
    )
    rounded = [trident.round_up(side, clip.patch) for side in size]
    n = 1
    for side in encoders.sam.input_size(*rounded):
        n *= max(side // encoders.sam.patch, 1)
    glue = 2 * n * n * clip.width + 2 * n * clip.width * clip.embed_dim
    return Floor(clip_work, dino_work, sam_floor(encoders, n), glue)


def sam_floor(encoders: Encoders, n: int) -> float:
    """SAM's image encoder and the cosines of its correlation over `n` un-padded cells."""
    encoder = encoders.sam.encoder
    side = encoders.sam.long_side // encoders.sam.patch
    cells = side * side
    width = encoder.patch_embed.proj.out_channels
    work = _patches(cells, encoders.sam.patch, width)
    for block in encoder.blocks:
        work += 4 * cells * width * block.mlp.lin1.out_features
        if block.window_size:
            inside = block.window_size**2
            tokens = (-(-side // block.window_size)) ** 2 * inside
            reach, axis = inside, block.window_size
        else:
            tokens, reach, axis = cells, cells, side
        work += 8 * tokens * width**2 + 4 * tokens * reach * width
        if block.attn.use_rel_pos:
            work += 2 * tokens * 2 * axis * width
    out = encoder.neck[0].out_channels
    work += 2 * cells * (width * out + 9 * out * out)
    return work + 2 * n * n * width


def _patches(n: int, patch: int, width: int) -> float:
    return 2 * n * 3 * patch**2 * width


def _block(n: int, width: int, mlp: float) -> float:
    """A transformer block on n tokens: four projections, two MLP layers, scores, weighted sum."""
    return 2 * n * width**2 * (4 + 2 * mlp) + 4 * n * n * width


def product_rate(device: torch.device | str = "cpu", side: int = 2048) -> float:
    """The machine's float32 matrix-product rate in operations a second, the median of five."""
    a, b = torch.rand(2, side, side, device=device)
    rates = []
    for _ in range(6):
        start = time.perf_counter()
        a @ b
        if torch.device(device).type == "cuda":
            torch.cuda.synchronize(device)
        rates.append(2 * side**3 / (time.perf_counter() - start))
    return sorted(rates[1:])[2]
