"""A start for a small vision transformer that has little time: it sees colours and waves at once.

A transformer that starts at random needs long to find that surfaces differ in the *strength* of
their waves, whatever the phase. So the patch filters start as the mean colour and the cosine waves
of a patch (the basis of JPEG), and the first block's MLP as their strengths, summed over bands of
wavelength and direction. All of it is trained on from there.
"""

from __future__ import annotations

import math

import torch
from torch import nn

_COLOURS = 6  # channels of mean colour
_RINGS, _SECTORS = 6, 5  # bands of wavelength and of direction
_LENGTH = 4.0  # a constant channel of this size keeps LayerNorm from hiding how strong waves are


@torch.no_grad()
def prime(tower: nn.Module) -> None:
    """Set the first weights of an open_clip ``VisionTransformer`` with patches of 16 px.

    Raises
    ------
    ValueError
        If the tower is too narrow to hold colours and bands beside at least 20 waves.
    """
    width, patch = tower.conv1.out_channels, tower.conv1.kernel_size[0]
    bands = _RINGS * _SECTORS
    number = width - _COLOURS - bands - 1
    if number < 20:
        raise ValueError(f"a width of {width} leaves no room for waves; take 64 or more")
    orders = [(u, v) for u in range(patch) for v in range(patch) if u or v]
    orders = sorted(orders, key=lambda order: math.hypot(*order))[:number]

    filters = tower.conv1.weight.normal_(0, 0.002)
    # brightness, red against blue, green against both; each twice, strong and weak
    opponents = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1, 0, -1], [-0.5, 1, -0.5]])
    filters[:3] += (opponents / patch**2)[..., None, None]
    filters[3:_COLOURS] += (opponents / patch**2 * 3)[..., None, None]
    for channel, (u, v) in enumerate(orders, _COLOURS):
        wave = torch.outer(_cosine(u, patch), _cosine(v, patch))
        filters[channel] += wave / wave.norm() / 3
    tower.positional_embedding[:, -1] = _LENGTH

    mlp = tower.transformer.resblocks[0].mlp
    rise, fall = mlp.c_fc, mlp.c_proj
    farthest = math.hypot(*orders[-1]) + 1e-6
    for index, (u, v) in enumerate(orders):
        ring = int(math.hypot(u, v) / farthest * _RINGS)
        sector = min(int(math.atan2(v, u) / (math.pi / 2) * _SECTORS), _SECTORS - 1)
        band = _COLOURS + number + ring * _SECTORS + sector
        for sign, unit in ((1, 2 * index), (-1, 2 * index + 1)):
            # gelu(x) + gelu(-x) is nearly |x|
            rise.weight[unit] = 0
            rise.weight[unit, _COLOURS + index] = float(sign)
            fall.weight[:, unit] = 0
            fall.weight[band, unit] = 0.5


def _cosine(order: int, patch: int) -> torch.Tensor:
    return torch.cos(math.pi * order * (torch.arange(patch) + 0.5) / patch)
