"""CLIP's image tower as Trident needs it: dense values of the last block, and its output head.

Of the last block only the value and output projections are used, with attention that comes from
elsewhere; no residual, no MLP (Trident, arXiv 2411.09219, section 3; ClearCLIP before it).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from .vit import CLIP_STATISTICS, CPU, freeze, normalise, patchify, position_table


class ClipVisual:
    """An open_clip ``VisionTransformer``, read for dense features.

    Parameters
    ----------
    visual : open_clip.transformer.VisionTransformer
        A plain ViT with a class token and a projection (ViT-B/16, B/32, L/14, H/14 …).
    device : torch.device

    Raises
    ------
    ValueError
        If the tower is not a plain ViT: attentional pooling, timm and ResNet towers have no last
        block of the form that the method replaces.
    """

    def __init__(self, visual: nn.Module, device: torch.device = CPU):
        plain = hasattr(visual, "transformer") and hasattr(visual, "positional_embedding")
        if not plain or getattr(visual, "attn_pool", None) is not None or visual.proj is None:
            raise ValueError(
                f"Trident needs a plain open_clip ViT image tower, but {type(visual).__name__} "
                "was given; choose a model such as ViT-B-16, ViT-L-14 or ViT-H-14"
            )
        self.visual = freeze(visual, device)
        self.device = device
        self.patch: int = visual.conv1.kernel_size[0]
        self.width: int = visual.conv1.out_channels
        self.embed_dim: int = visual.proj.shape[1]

    @torch.inference_mode()
    def values(self, pixels: Tensor) -> Tensor:
        """The last block's values v, class token dropped.

        Parameters
        ----------
        pixels : float32 [B, 3, H, W] in [0, 1], sides multiples of the patch

        Returns
        -------
        Tensor [B, (H/patch) * (W/patch), width]
        """
        tokens = run_blocks(self.visual, pixels)
        last = self.visual.transformer.resblocks[-1]
        return project_values(last.attn, last.ln_1(tokens[:, 1:]))

    def project_out(self, attended: Tensor) -> Tensor:
        """The last block's output projection: [..., width] to [..., width]."""
        return self.visual.transformer.resblocks[-1].attn.out_proj(attended)

    @torch.inference_mode()
    def embed(self, features: Tensor) -> Tensor:
        """Final LayerNorm and projection: [..., width] to [..., embed_dim], not normalised."""
        return self.visual.ln_post(features) @ self.visual.proj


def run_blocks(
    tower: nn.Module,
    pixels: Tensor,
    positions: Tensor | None = None,
    *,
    forget: bool = False,
) -> Tensor:
    """All blocks but the last, with gradients where the weights have them.

    Parameters
    ----------
    tower : open_clip.transformer.VisionTransformer
    pixels : float32 [B, 3, H, W] in [0, 1], sides multiples of the patch
    positions : [1 + patches, D]; by default the tower's table, stretched to the grid
    forget : keep no activations inside blocks for the gradient but compute them anew (gradient
        checkpointing: less memory, a third more time)

    Returns
    -------
    Tensor [B, 1 + (H/patch) * (W/patch), D], class token first: what enters the last block
    """
    patch = tower.conv1.kernel_size[0]
    if positions is None:
        grid = (pixels.shape[-2] // patch, pixels.shape[-1] // patch)
        positions = position_table(tower.positional_embedding, grid)
    tokens = patchify(tower.conv1, normalise(pixels, CLIP_STATISTICS))
    cls = tower.class_embedding.expand(len(tokens), 1, -1).to(tokens.dtype)
    tokens = tower.ln_pre(torch.cat([cls, tokens], 1) + positions)
    for block in tower.transformer.resblocks[:-1]:
        if forget:
            tokens = checkpoint(_block, block, tokens, use_reentrant=False)
        else:
            tokens = _block(block, tokens)
    return tokens


def _block(block: nn.Module, tokens: Tensor) -> Tensor:
    tokens = tokens + block.ls_1(self_attention(block.attn, block.ln_1(tokens)))
    return tokens + block.ls_2(block.mlp(block.ln_2(tokens)))


def class_feature(tower: nn.Module, tokens: Tensor) -> Tensor:
    """The last block as CLIP was trained, for the class token alone: tokens [B, 1 + n, D] from
    `run_blocks` to image features [B, embed_dim], as open_clip's ``encode_image`` gives them."""
    last = tower.transformer.resblocks[-1]
    whole = tokens[:, :1] + last.ls_1(self_attention(last.attn, last.ln_1(tokens), queries=1))
    whole = whole + last.ls_2(last.mlp(last.ln_2(whole)))
    return tower.ln_post(whole[:, 0]) @ tower.proj


def self_attention(attention: nn.Module, tokens: Tensor, queries: int | None = None) -> Tensor:
    """Attention of the first `queries` tokens (all by default) over all: [B, n, D] to [B, q, D].

    ``nn.MultiheadAttention`` has a path of its own for evaluation, slower on a CPU than the fused
    kernel that is asked for here. Explicit layers (`mineral_utils.clip_lora`) are called as
    modules, so that what adapts them takes part.
    """
    if isinstance(attention, nn.MultiheadAttention):
        qkv = F.linear(tokens, attention.in_proj_weight, attention.in_proj_bias).chunk(3, -1)
    else:
        qkv = attention.q_proj(tokens), attention.k_proj(tokens), attention.v_proj(tokens)
    q, k, v = (part.unflatten(-1, (attention.num_heads, -1)).transpose(1, 2) for part in qkv)
    attended = F.scaled_dot_product_attention(q[:, :, :queries], k, v)
    return attention.out_proj(attended.transpose(1, 2).flatten(2))


def project_values(attention: nn.Module, tokens: Tensor) -> Tensor:
    """v of an attention layer, fused (``nn.MultiheadAttention``) or explicit (``v_proj``).

    [..., D] to [..., D]. An explicit projection is called as a module, so that whatever adapts it
    (LoRA) takes part.
    """
    if hasattr(attention, "v_proj"):
        return attention.v_proj(tokens)
    weight = attention.in_proj_weight.chunk(3)[2]
    bias = None if attention.in_proj_bias is None else attention.in_proj_bias.chunk(3)[2]
    return F.linear(tokens, weight, bias)
