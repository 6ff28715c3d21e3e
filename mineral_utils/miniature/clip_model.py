"""The small CLIP: its sizes, and both ways of looking that training needs in one pass.

`look` gives what open_clip's own ``encode_image`` gives, and beside it what Trident reads: the
last block's values through its output projection, patch by patch.
"""

from __future__ import annotations

from collections.abc import Sequence

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.clip import project_values
from ..encoders.vit import CLIP_STATISTICS, normalise, patchify, position_table
from .clip_start import prime

ARCHITECTURE = {
    "embed_dim": 128,
    "vision_cfg": {
        "image_size": 224,
        "patch_size": 16,
        "width": 128,
        "layers": 6,
        "head_width": 32,
    },
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 96, "heads": 3, "layers": 3},
}


def build(seed: int = 0, architecture: dict = ARCHITECTURE) -> nn.Module:
    """An untrained open_clip model, ready to learn (see `clip_start`)."""
    torch.manual_seed(seed)
    model = open_clip.CLIP(**architecture)
    prime(model.visual)
    # only the rows of words that were read get a gradient; the table is most of the model
    model.token_embedding.sparse = True
    return model


def tokenizer(architecture: dict = ARCHITECTURE):
    """Texts to int64 [n, context length]."""
    return open_clip.SimpleTokenizer(context_length=architecture["text_cfg"]["context_length"])


def look(
    model: nn.Module, pixels: Tensor, corner: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Pictures in one pass.

    Parameters
    ----------
    pixels : float32 [B, 3, H, W] in [0, 1], sides multiples of 16
    corner : where a small picture lies in the field of the position table, (row, column) in
        patches: it is then a piece of a larger view. None stretches the table, as Trident does.

    Returns
    -------
    (image features [B, embed_dim], dense features [B, patches, width]); `embed` makes the latter,
    or averages of them, into vectors of the former kind
    """
    tower = model.visual
    patch = tower.conv1.kernel_size[0]
    grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
    tokens = patchify(tower.conv1, normalise(pixels, CLIP_STATISTICS))
    tokens = torch.cat([tower.class_embedding.expand(len(tokens), 1, -1), tokens], 1)
    positions = tower.positional_embedding
    if corner is None:
        positions = position_table(positions, grid)
    else:
        positions = _piece(positions, corner, grid)
    tokens = tower.ln_pre(tokens + positions)
    *blocks, last = tower.transformer.resblocks
    for block in blocks:
        tokens = tokens + _attend(block.attn, block.ln_1(tokens))
        tokens = tokens + block.mlp(block.ln_2(tokens))
    normed = last.ln_1(tokens)
    dense = last.attn.out_proj(project_values(last.attn, normed[:, 1:]))
    whole = tokens[:, :1] + _attend(last.attn, normed, queries=1)  # only the class token goes on
    whole = whole + last.mlp(last.ln_2(whole))
    return embed(model, whole[:, 0]), dense


def _piece(table: Tensor, corner: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    side = round((len(table) - 1) ** 0.5)
    (top, left), (rows, columns) = corner, grid
    square = table[1:].unflatten(0, (side, side))[top : top + rows, left : left + columns]
    return torch.cat([table[:1], square.flatten(0, 1)])


def embed(model: nn.Module, features: Tensor) -> Tensor:
    """Final LayerNorm and projection: [..., width] to [..., embed_dim]."""
    return model.visual.ln_post(features) @ model.visual.proj


def _attend(attention: nn.Module, tokens: Tensor, queries: int | None = None) -> Tensor:
    batch, n, width = tokens.shape
    qkv = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
    q, k, v = qkv.view(batch, n, 3, attention.num_heads, -1).permute(2, 0, 3, 1, 4)
    attended = F.scaled_dot_product_attention(q[:, :, :queries], k, v)
    return attention.out_proj(attended.transpose(1, 2).reshape(batch, -1, width))


def read(model: nn.Module, tokens: Tensor) -> Tensor:
    """Text features, int64 [n, length] to [n, embed_dim], equal to open_clip's ``encode_text``.

    Nothing after the end of text matters under the causal mask, so tokens may be cut behind the
    longest text.
    """
    length = int(tokens.argmax(-1).max()) + 1
    tokens = tokens[:, :length]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    mask = torch.full((length, length), float("-inf"), device=x.device).triu_(1)
    x = model.ln_final(model.transformer(x, attn_mask=mask))
    return x[torch.arange(len(x)), tokens.argmax(-1)] @ model.text_projection


def read_texts(model: nn.Module, tokenize, texts: Sequence[str], short: int = 12) -> Tensor:
    """Unit vectors of texts, [n, embed_dim]; texts of up to `short` tokens run by themselves,
    not as long as the longest."""
    tokens = tokenize(list(texts)).to(model.text_projection.device)
    long = tokens.argmax(-1) >= short
    order = torch.cat([(~long).nonzero()[:, 0], long.nonzero()[:, 0]])
    parts = [read(model, tokens[chosen]) for chosen in (~long, long) if chosen.any()]
    return F.normalize(torch.cat(parts), dim=-1)[order.argsort()]
