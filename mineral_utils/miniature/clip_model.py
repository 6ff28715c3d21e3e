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

from ..encoders.clip import class_feature, project_values, run_blocks
from ..encoders.text import text_features
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
    tower, positions = model.visual, None
    if corner is not None:
        patch = tower.conv1.kernel_size[0]
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        positions = _piece(tower.positional_embedding, corner, grid)
    tokens = run_blocks(tower, pixels, positions)
    last = tower.transformer.resblocks[-1]
    dense = last.attn.out_proj(project_values(last.attn, last.ln_1(tokens[:, 1:])))
    return class_feature(tower, tokens), dense


def _piece(table: Tensor, corner: tuple[int, int], grid: tuple[int, int]) -> Tensor:
    side = round((len(table) - 1) ** 0.5)
    (top, left), (rows, columns) = corner, grid
    square = table[1:].unflatten(0, (side, side))[top : top + rows, left : left + columns]
    return torch.cat([table[:1], square.flatten(0, 1)])


def embed(model: nn.Module, features: Tensor) -> Tensor:
    """Final LayerNorm and projection: [..., width] to [..., embed_dim]."""
    return model.visual.ln_post(features) @ model.visual.proj


def read_texts(model: nn.Module, tokenize, texts: Sequence[str]) -> Tensor:
    """Unit vectors of texts, [n, embed_dim]."""
    tokens = tokenize(list(texts)).to(model.text_projection.device)
    return F.normalize(text_features(model, tokens, 12), dim=-1)
