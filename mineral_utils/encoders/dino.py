"""DINO: patch tokens whose cosine says which patches show the same thing (arXiv 2104.14294)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .vit import CPU, IMAGENET_STATISTICS, freeze, normalise, patchify, position_table


class Dino:
    """A timm ``VisionTransformer`` with one class token, read for its final patch tokens."""

    def __init__(self, vit: nn.Module, device: torch.device = CPU):
        self.vit = freeze(vit, device)
        self.device = device
        self.patch: int = vit.patch_embed.proj.kernel_size[0]
        self.width: int = vit.embed_dim

    @torch.inference_mode()
    def tokens(self, pixels: Tensor) -> Tensor:
        """Final normalised patch tokens, class token dropped.

        Parameters
        ----------
        pixels : float32 [B, 3, H, W] in [0, 1], sides multiples of the patch

        Returns
        -------
        Tensor [B, (H/patch) * (W/patch), width]
        """
        vit = self.vit
        grid = (pixels.shape[-2] // self.patch, pixels.shape[-1] // self.patch)
        tokens = patchify(vit.patch_embed.proj, normalise(pixels, IMAGENET_STATISTICS))
        tokens = torch.cat([vit.cls_token.expand(len(tokens), 1, -1).to(tokens.dtype), tokens], 1)
        tokens = tokens + position_table(vit.pos_embed[0], grid)
        for block in vit.blocks:
            tokens = block(tokens)
        return vit.norm(tokens)[:, 1:]
