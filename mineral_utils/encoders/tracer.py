"""A network that traces outlines: SAM's answer about a box, drawn again in the pixels.

SAM's masks have cells of several px, and SAM looks at the whole window. The tracer looks at the
crop around one box, at its own size, and says for each of its pixels whether it belongs to what the
box means: a U-Net (O. Ronneberger et al., MICCAI 2015) with attention where the crop is small, so
that far pixels of a colour find each other. What SAM said is one of the things it sees, as in mask
refinement (H. K. Cheng et al., CascadePSP, CVPR 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

SIDE = 192  # px of a crop as the tracer sees it
ROOM = 1.5  # side of a crop over the longer side of its box
LEAST = 24  # px: smallest side of a crop
FLAT = 4.0  # levels: what a crop's spread counts at least, or noise would fill it
SURE = 4.0  # SAM's logits are bent towards this
Square = tuple[int, int, int]  # left, top, side, in px


class Tracer(nn.Module):
    """The network.

    width : channels at full size; twice, three and four times as many at the smaller ones
    heads : of attention
    """

    WIDTH = 40

    def __init__(self, width: int = WIDTH, heads: int = 4):
        super().__init__()
        widths = [width, 2 * width, 3 * width, 4 * width]
        self.begin = nn.Conv2d(6, width, 3, padding=1)
        self.down = nn.ModuleList(
            _Convolve(a, b) for a, b in zip([width, *widths[:-1]], widths, strict=True)
        )
        self.around = nn.Sequential(*(_Attend(4 * width, heads) for _ in range(3)))
        self.up = nn.ModuleList(
            _Convolve(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.end = nn.Conv2d(width, 1, 1)

    def forward(self, seen: Tensor) -> Tensor:
        """What `see` gives, float32 [n, 6, S, S], to logits [n, S, S]; S a multiple of 8."""
        field, kept = self.begin(seen), []
        for number, layer in enumerate(self.down):
            field = layer(F.avg_pool2d(field, 2) if number else field)
            kept.append(field)
        field = self.around(kept.pop())
        for layer in self.up:
            field = F.interpolate(field, scale_factor=2.0, mode="bilinear")
            field = layer(torch.cat([field, kept.pop()], 1))
        return self.end(field)[:, 0]


class _Convolve(nn.Module):
    """Two convolutions, and a way past them."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.norms = nn.ModuleList(nn.GroupNorm(8, outputs) for _ in range(2))
        self.past = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else nn.Identity()

    def forward(self, field: Tensor) -> Tensor:
        new = F.silu(self.norms[0](self.first(field)))
        return F.silu(self.norms[1](self.second(new)) + self.past(field))


class _Attend(nn.Module):
    """A transformer block over all places; where they are is told by a convolution of the field
    (X. Chu et al., arXiv 2102.10882)."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.place = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, field: Tensor) -> Tensor:
        field = field + self.place(field)
        count, width, height, breadth = field.shape
        tokens = field.flatten(2).transpose(1, 2)
        parts = self.qkv(self.norms[0](tokens)).view(count, -1, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        heard = F.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.out(heard.transpose(1, 2).flatten(2))
        tokens = tokens + self.mlp(self.norms[1](tokens))
        return tokens.transpose(1, 2).reshape(count, width, height, breadth)


# ---- what it sees ------------------------------------------------------------------------------
def square_around(box: Sequence[float], room: float = ROOM) -> Square:
    """The crop of a box (x1, y1, x2, y2), ends included: (left, top, side) in px; it may reach
    beyond the picture."""
    x1, y1, x2, y2 = box
    side = max(round(room * max(x2 - x1 + 1, y2 - y1 + 1)), LEAST)
    return round((x1 + x2 + 1 - side) / 2), round((y1 + y2 + 1 - side) / 2), side


def crop(picture: np.ndarray, square: Square, size: int = SIDE) -> np.ndarray:
    """A square of a picture at another size; beyond the edges the edge goes on.

    picture : uint8 [h, w] or [h, w, 3]
    square : (left, top, side) in px, part of which lies in the picture

    Returns
    -------
    uint8 [size, size] or [size, size, 3]
    """
    left, top, side = square
    rows = np.arange(top, top + side).clip(0, picture.shape[0] - 1)
    columns = np.arange(left, left + side).clip(0, picture.shape[1] - 1)
    part = Image.fromarray(np.ascontiguousarray(picture[rows][:, columns]))
    return np.asarray(part.resize((size, size), Image.Resampling.BILINEAR))


def see(
    crops: Tensor, logits: Tensor, squares: Tensor, boxes: Tensor | None, shape: tuple[int, int]
) -> Tensor:
    """The six channels that the tracer looks at.

    Parameters
    ----------
    crops : uint8 [n, S, S, 3], see `crop`
    logits : float32 [n, 1, cells, cells], SAM's, of the whole picture; SAM scales its long side to
        all cells
    squares : float32 [n, 3], (left, top, side) in px of the picture
    boxes : float32 [n, 4] in px of the picture, ends included, NaN where a question has none; None
        where none has
    shape : (height, width) of the picture

    Returns
    -------
    float32 [n, 6, S, S]: three colours, less their mean, over the crop's spread; SAM's logits
    between -1 and 1; the share of each pixel that lies in the box; 1 within the picture, 0 beyond
    """
    side, device = crops.shape[1], crops.device
    steps = (torch.arange(side, device=device) + 0.5) / side
    x, y = (squares[:, axis, None] + steps * squares[:, 2, None] for axis in (0, 1))  # [n, S]
    colour = crops.permute(0, 3, 1, 2).float()
    colour = colour - colour.mean((2, 3), keepdim=True)
    spread = colour.square().mean((1, 2, 3), keepdim=True).sqrt()
    grid = (
        torch.stack([x[:, None].expand(-1, side, -1), y[:, :, None].expand(-1, -1, side)], -1)
        * (2 / max(shape))
        - 1
    )
    said = F.grid_sample(logits, grid, padding_mode="border", align_corners=False)
    pixel = squares[:, 2, None] / side
    within = [
        _covered(at, pixel, torch.zeros_like(pixel), torch.full_like(pixel, end))
        for at, end in ((x, shape[1]), (y, shape[0]))
    ]
    if boxes is None:
        inside = torch.zeros_like(said)
    else:
        spans = [
            _covered(at, pixel, boxes[:, axis, None], boxes[:, axis + 2, None] + 1)
            for at, axis in ((x, 0), (y, 1))
        ]
        inside = (spans[1][:, :, None] * spans[0][:, None]).nan_to_num(0)[:, None]
    picture = (within[1][:, :, None] * within[0][:, None])[:, None]
    return torch.cat(
        [colour / spread.clamp(min=FLAT), torch.tanh(said / SURE) * picture, inside, picture], 1
    )


def _covered(at: Tensor, pixel: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Share of each pixel, given by its middle and size, between two ends: [n, S]."""
    first = torch.maximum(at - pixel / 2, low)
    last = torch.minimum(at + pixel / 2, high)
    return ((last - first) / pixel).clamp(0, 1)


@torch.inference_mode()
def trace(
    tracer: Tracer,
    picture: np.ndarray,
    logits: Tensor,
    around: Sequence[float],
    box: Sequence[float] | None = None,
) -> np.ndarray:
    """Draw an outline again.

    Parameters
    ----------
    tracer : on the device of `logits`
    picture : uint8 [h, w, 3] RGB
    logits : float32 [1, 1, cells, cells], of SAM's answer about that picture
    around : (x1, y1, x2, y2), ends included, px of the picture: where to look
    box : what the user drew, likewise; None where points alone said what is meant

    Returns
    -------
    float32 [h, w], above 0 inside; -4 further away than the crop reaches
    """
    shape, square = picture.shape[:2], square_around(around)
    crops = torch.from_numpy(crop(picture, square).copy())[None].to(logits.device)
    boxes = None if box is None else torch.tensor([[float(end) for end in box]])
    seen = see(
        crops,
        logits.float(),
        torch.tensor([square], dtype=torch.float32, device=logits.device),
        None if boxes is None else boxes.to(logits.device),
        shape,
    )
    said = tracer(seen)[:, None]
    left, top, side = square
    fine = F.interpolate(said, (side, side), mode="bilinear", antialias=side < SIDE)[0, 0]
    result = np.full(shape, -SURE, np.float32)
    rows = slice(max(top, 0), min(top + side, shape[0]))
    columns = slice(max(left, 0), min(left + side, shape[1]))
    result[rows, columns] = fine[
        rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
    ].cpu()
    return result
