"""What every vision transformer here shares: pixels in, position table at any window size.

Photos enter as uint8 RGB; each encoder applies its own mean and standard deviation.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CPU = torch.device("cpu")
# (mean, standard deviation) of RGB in [0, 1]
CLIP_STATISTICS = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET_STATISTICS = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def normalise(pixels: Tensor, statistics: tuple[tuple[float, ...], tuple[float, ...]]) -> Tensor:
    """Pixels [B, 3, H, W] in [0, 1] to zero mean and unit deviation per channel."""
    mean, deviation = (pixels.new_tensor(values)[:, None, None] for values in statistics)
    return (pixels - mean).div_(deviation)


def position_table(table: Tensor, grid: tuple[int, int], cls_tokens: int = 1) -> Tensor:
    """Resize a learned position table to another grid of patches.

    Bicubic by the *scale factors* (n + 0.1) / n0, which enter the sampling: this is how DINO does
    it, and Trident's CLIP after it. Resizing to a size, or with antialiasing, gives other numbers
    in the third decimal. The native grid is returned untouched.

    Parameters
    ----------
    table : Tensor [cls_tokens + n0 * n0, D]
    grid : (rows, columns) in patches

    Returns
    -------
    Tensor [cls_tokens + rows * columns, D], row-major
    """
    side = round((table.shape[0] - cls_tokens) ** 0.5)
    if grid == (side, side):
        return table
    native = table[cls_tokens:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    scale = tuple((n + 0.1) / side for n in grid)
    resized = F.interpolate(native.float(), scale_factor=scale, mode="bicubic")
    if resized.shape[-2:] != grid:
        raise ValueError(f"position table came out as {tuple(resized.shape[-2:])}, not {grid}")
    return torch.cat([table[:cls_tokens], resized[0].flatten(1).T.to(table.dtype)])


def patchify(conv: nn.Conv2d, pixels: Tensor) -> Tensor:
    """Non-overlapping patches through a convolution whose stride is its kernel, as one product.

    [B, 3, H, W] to [B, rows * columns, D]. The same sums as the convolution; one matrix product
    is several times quicker on a CPU.
    """
    size = conv.kernel_size[0]
    batch, channels, height, width = pixels.shape
    rows, columns = height // size, width // size
    cells = pixels.reshape(batch, channels, rows, size, columns, size)
    cells = cells.permute(0, 2, 4, 1, 3, 5).reshape(batch, rows * columns, -1)
    return F.linear(cells, conv.weight.flatten(1), conv.bias)


def freeze(module: nn.Module, device: torch.device) -> nn.Module:
    """Evaluation mode, no gradients, on the device."""
    return module.eval().requires_grad_(False).to(device)
