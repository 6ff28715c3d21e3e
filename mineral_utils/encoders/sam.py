"""SAM's image encoder with blockwise attention, and the correlation map of its last block.

The stock encoder builds a [heads, 4096, 4096] attention matrix in every global block. Here the
queries go through in groups of grid rows, so that one group fits in cache, and the last block's
correlation (Trident, arXiv 2411.09219, section 3.3) is gathered on the way. Same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from segment_anything.modeling import Sam
from segment_anything.modeling.image_encoder import (
    get_rel_pos,
    window_partition,
    window_unpartition,
)
from torch import Tensor, nn

from ..run import give_back_memory
from .tracer import Tracer
from .vit import CPU, freeze

# tiles of attention, grid rows x heads: on a CPU 4 x 64 queries x 4096 keys are 4 MB of float32 and
# stay in cache, and one head at a time is a plain matrix product, which is faster than a batch of
# two; a GPU wants few large steps
CPU_TILE, GPU_TILE = (4, 1), (16, 64)
# tokens that go through a linear layer at once: its output stays under the 32 MB from which on the
# C library hands every buffer back, to be mapped anew page by page (ViT-B: 7.4 s against 6.5 s)
GROUP = 1024


@dataclass(frozen=True)
class SamView:
    """What SAM sees of one photo.

    embedding : float32 [1, 256, 64, 64], the encoder's output, padding included
    correlation : float32 [n, n] over the un-padded grid (row-major), rows sum to 1; None where only
        the decoder will ask
    grid : (rows, columns) of the un-padded grid, n = rows * columns
    input_size : (height, width) in px after the resize to SAM's long side
    photo_size : (height, width) in px of the picture that was given
    """

    embedding: Tensor
    correlation: Tensor | None
    grid: tuple[int, int]
    input_size: tuple[int, int]
    photo_size: tuple[int, int]


class SamEncoder:
    """A segment-anything ``Sam``: image encoder here, prompt encoder and decoder for `refine`.

    tracer : draws what SAM answers again, for `outline.look_closer`; None without one
    """

    def __init__(self, sam: Sam, device: torch.device = CPU, tracer: Tracer | None = None):
        self.sam = freeze(sam, device)
        self.tracer = None if tracer is None else freeze(tracer, device)
        self.device = device
        self.encoder = sam.image_encoder
        self.long_side: int = sam.image_encoder.img_size
        self.patch: int = sam.image_encoder.patch_embed.proj.kernel_size[0]

    def input_size(self, height: int, width: int) -> tuple[int, int]:
        """Size of a photo scaled to SAM's long side, rounded as segment-anything does."""
        return longest_side(height, width, self.long_side)

    def pixels(self, image: np.ndarray) -> Tensor:
        """uint8 [H, W, 3] to SAM's padded, normalised input, float32 [1, 3, 1024, 1024]."""
        height, width = self.input_size(*image.shape[:2])
        resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
        pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1)[None]
        return self.sam.preprocess(pixels.to(self.device, torch.float32))

    @torch.inference_mode()
    def look(
        self, image: np.ndarray, *, cos_fac: float = 1.2, refine_neg_cos: bool = True
    ) -> SamView:
        """Encode a photo once.

        Parameters
        ----------
        image : uint8 [H, W, 3]
        cos_fac, refine_neg_cos : see `mineral_utils.profiles.Preset`

        Returns
        -------
        SamView
        """
        gather = _Correlation(self._grid(image), cos_fac, refine_neg_cos)
        return replace(self._view(image, gather), correlation=gather.rows)

    @torch.inference_mode()
    def glance(self, image: np.ndarray) -> SamView:
        """Encode a photo, or a window of one, for the decoder alone: no correlation.

        image : uint8 [H, W, 3]
        """
        return self._view(image, None)

    def _grid(self, image: np.ndarray) -> tuple[int, int]:
        rows, columns = (max(n // self.patch, 1) for n in self.input_size(*image.shape[:2]))
        return rows, columns

    def _view(self, image: np.ndarray, gather: _Correlation | None) -> SamView:
        encoder = self.encoder
        tokens = encoder.patch_embed(self.pixels(image))
        if encoder.pos_embed is not None:
            tokens = tokens + encoder.pos_embed
        *blocks, last = encoder.blocks
        give_back_memory()  # buffers of the input and of the windows before it
        for block in blocks:
            tokens = _block(block, tokens)
        give_back_memory()
        tokens = _block(last, tokens, gather)
        embedding = encoder.neck(tokens.permute(0, 3, 1, 2)).float()
        give_back_memory()
        size = image.shape[:2]
        return SamView(embedding, None, self._grid(image), self.input_size(*size), size)


def longest_side(height: int, width: int, target: int) -> tuple[int, int]:
    """Scale (height, width) so that the long side is `target`, rounding half up."""
    scale = target / max(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


class _Correlation:
    """Collects attention where the cosine of v is above its row's threshold, mean over heads.

    The rows of all heads must come in together, group by group: the threshold of a row is a
    multiple of its mean cosine over all heads.
    """

    def __init__(self, grid: tuple[int, int], cos_fac: float, refine_neg_cos: bool):
        self.grid, self.cos_fac, self.refine_neg_cos = grid, cos_fac, refine_neg_cos

    def start(self, values: Tensor) -> None:
        """values [heads, S, S, d] of the last block, padding included."""
        rows, columns = self.grid
        self.side = values.shape[1]
        self.unit = F.normalize(values[:, :rows, :columns].flatten(1, 2).float(), dim=-1)
        self.rows = values.new_zeros(rows * columns, rows * columns, dtype=torch.float32)

    def add(self, heads: slice, first_row: int, attention: Tensor) -> None:
        """attention [heads, query_rows * S, S * S], for grid rows from `first_row` on."""
        rows, columns = self.grid
        kept = min(attention.shape[1] // self.side, rows - first_row)
        if kept <= 0:
            return
        span = slice(first_row * columns, (first_row + kept) * columns)
        if heads.start == 0:  # half of the rows at a time: the cosines of all heads are large
            half = -(-kept // 2) * columns
            self.similar = torch.cat([self._similar(some) for some in self._split(span, half)], 1)
        part = attention.view(len(attention), -1, self.side, self.side, self.side)
        part = part[:, :kept, :columns, :rows, :columns]
        total = self.rows[span].view(part.shape[1:])
        for head, weights in enumerate(part, start=heads.start):
            total += weights.to(total.dtype) * self.similar[head].view(total.shape)

    @staticmethod
    def _split(span: slice, size: int) -> list[slice]:
        starts = range(span.start, span.stop, size)
        return [slice(start, min(start + size, span.stop)) for start in starts]

    def _similar(self, span: slice) -> Tensor:
        """Where the cosine is above its row's threshold, bool [heads, rows of the span, n]."""
        cosine = self.unit[:, span] @ self.unit.transpose(1, 2)
        threshold = self.cos_fac * cosine.mean(0).mean(-1, keepdim=True)
        if not self.refine_neg_cos:
            threshold = torch.where(threshold < 0, 0.6, threshold)
        return cosine > threshold.clamp(max=0.9)

    def finish(self) -> None:
        self.rows /= len(self.unit)  # the mean over heads, then rows that sum to 1
        self.rows /= self.rows.sum(-1, keepdim=True)


def _block(block: nn.Module, tokens: Tensor, gather: _Correlation | None = None) -> Tensor:
    """One encoder block, [1, S, S, D] to [1, S, S, D]."""
    if block.window_size > 0:
        windows, padded = window_partition(block.norm1(tokens), block.window_size)
        tile = (block.window_size, block.attn.num_heads if tokens.is_cpu else len(windows) * 64)
        group = max(GROUP // block.window_size**2, 1) if tokens.is_cpu else len(windows)
        attended = torch.cat([_attend(block.attn, some, tile) for some in windows.split(group)])
        attended = window_unpartition(
            attended, block.window_size, padded, (tokens.shape[1], tokens.shape[2])
        )
    else:
        tile = CPU_TILE if tokens.is_cpu else GPU_TILE
        attended = _attend(block.attn, tokens, tile, gather, block.norm1)
    tokens = tokens + attended
    for some in tokens.view(-1, tokens.shape[-1]).split(GROUP if tokens.is_cpu else 4096):
        some += block.mlp(block.norm2(some))
    return tokens


def _heads(
    attention: nn.Module, tokens: Tensor, norm: nn.Module | None
) -> tuple[Tensor, Tensor, Tensor]:
    """q, k, v of tokens [B, H, W, D], each [B * heads, H * W, d], contiguous."""
    batch, height, width, dim = tokens.shape
    n, heads = height * width, attention.num_heads
    flat = tokens.view(batch, n, dim)
    # a buffer each: keys and values are let go while the query's holds the answer
    out = [tokens.new_empty(0)] * 3
    for start in range(0, n, GROUP):
        span = slice(start, start + GROUP)
        part = flat[:, span] if norm is None else norm(flat[:, span])
        part = attention.qkv(part).unflatten(-1, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        if start == 0:
            out = [part.new_empty(batch, heads, n, dim // heads) for _ in range(3)]
        for whole, some in zip(out, part, strict=True):
            whole[:, :, span] = some
    query, key, value = (whole.flatten(0, 1) for whole in out)
    return query, key, value


def _relative(attention: nn.Module, query: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Decomposed relative position terms of a query [B, H * W, d].

    Returns rel_h [B, H * W, H] and rel_w [B, H * W, W]: what is added to the score of a key in
    row h and column w.
    """
    height, width = size
    grid = query.unflatten(1, (height, width))
    table_h = get_rel_pos(height, height, attention.rel_pos_h).to(grid.dtype)
    table_w = get_rel_pos(width, width, attention.rel_pos_w).to(grid.dtype)
    rel_h = torch.einsum("bhwc,hkc->bhwk", grid, table_h).flatten(1, 2)
    rel_w = torch.einsum("bhwc,wkc->bhwk", grid, table_w).flatten(1, 2)
    return rel_h, rel_w


def _attend(
    attention: nn.Module,
    tokens: Tensor,
    tile: tuple[int, int],
    gather: _Correlation | None = None,
    norm: nn.Module | None = None,
) -> Tensor:
    """Attention over grids [B, H, W, D], a tile of grid rows times heads at a time.

    Scores are made and summed in the order of the stock encoder, so that even the last bit agrees
    with it on one machine: the correlation's hard threshold would turn it into a visible change.

    norm : applied to the tokens before anything else, a group at a time
    """
    rows, heads = tile
    batch, height, width, dim = tokens.shape
    query, key, value = _heads(attention, tokens, norm)
    if gather is not None:
        gather.start(value.unflatten(1, (height, width)))
    if attention.use_rel_pos:
        rel_h, rel_w = _relative(attention, query, (height, width))
    query *= query.shape[-1] ** -0.5
    starts, firsts = range(0, height * width, rows * width), range(0, len(query), heads)
    room = query.new_empty(min(heads, len(query)), rows * width, height * width)
    # all rows of a head while its keys and values are in cache; the correlation wants all heads of
    # a row together
    order = [(f, s) for f in firsts for s in starts]
    if gather is not None:
        order = [(f, s) for s in starts for f in firsts]
    for first, start in order:
        span, some = slice(start, start + rows * width), slice(first, first + heads)
        asked = query[some, span]
        scores = _product(asked, key[some].transpose(1, 2), room[: len(asked), : asked.shape[1]])
        if attention.use_rel_pos:
            grid = scores.view(len(scores), -1, height, width)
            grid += rel_h[some, span, :, None]
            grid += rel_w[some, span, None, :]
        weights = torch.softmax(scores, -1, out=scores)
        _product(weights, value[some], asked)  # this part of the query has been asked
        if gather is not None:
            gather.add(some, start // width, weights)
    if gather is not None:
        gather.finish()
    del room, key, value
    attended = query.unflatten(0, (batch, -1)).transpose(1, 2)
    return attention.proj(attended.reshape(batch, height, width, dim))


def _product(left: Tensor, right: Tensor, out: Tensor) -> Tensor:
    """Batched matrix product into `out`; one pair goes the faster way of a plain product."""
    if len(left) == 1:
        torch.mm(left[0], right[0], out=out[0])
    else:
        torch.bmm(left, right, out=out)
    return out
