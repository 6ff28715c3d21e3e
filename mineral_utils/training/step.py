"""One step: a batch through both towers, its losses, and the gradients of the adapters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.clip import class_feature, project_values, run_blocks
from ..encoders.text import find_templates, text_features
from ..recipes import Recipe
from .losses import contrastive, from_masks, from_sets, targets
from .reading import Batch
from .together import Together

Affinity = Callable[[Tensor], Tensor]


class Teacher:
    """The model with all that a step needs; no state that changes but the weights' gradients.

    Parameters
    ----------
    clip : an adapted open_clip model (`mineral_utils.clip_lora.add_lora`)
    tokenizer : texts to int64 [n, 77]
    words : names of the K classes as CLIP is asked for them, and the ground's words if it is taught
    recipe : Recipe
    affinity : pixels float32 [B, 3, S, S] in [0, 1] -> attention of the last block [B, n, n] (see
        `dino_affinity`); None reads every patch for itself
    weights : float32 [K + ground] of the classes in the mask loss, or None
    together : the processes
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenizer,
        words: Sequence[str],
        recipe: Recipe,
        affinity: Affinity | None,
        weights: Tensor | None,
        together: Together,
    ):
        self.clip, self.tokenizer, self.words, self.recipe = clip, tokenizer, words, recipe
        self.affinity, self.weights, self.together = affinity, weights, together
        self.device = clip.logit_scale.device
        # half precision loses small gradients unless they are made larger on the way
        self.scaler = torch.amp.GradScaler(
            self.device.type, init_scale=1024.0, enabled=recipe.precision == "float16"
        )
        self.templates = find_templates(recipe.prompts)
        self.learning = [p for p in clip.parameters() if p.requires_grad]

    def teach(self, batch: Batch, rng: np.random.Generator) -> dict[str, Tensor]:
        """Losses of a batch, their gradients (times `scaler`'s factor) added to the adapters'.

        Where the batch goes through in parts (`Recipe.micro`), features are computed without
        gradients first, the loss's gradient with respect to them is kept, and every part is
        computed again to pass it on (GradCache, arXiv 2101.06983): the gradients of the whole
        batch at the memory of a part.

        Returns
        -------
        dict of the losses that the recipe has: ``contrast``, ``dense``, and ``loss``, their sum;
        scalars without gradient
        """
        recipe, count, total = self.recipe, len(batch.own), len(batch.labels)
        size = recipe.micro or max(count, 1)
        parts = [slice(k, k + size) for k in range(0, count, size)]
        sentence = self.templates[int(rng.integers(len(self.templates)))]
        losses: dict[str, Tensor] = {}
        kept = None
        slopes = [None] * len(parts)
        if recipe.contrast:
            with nullcontext() if len(parts) == 1 else torch.no_grad():
                seen = [self._see(batch, part, sentence) for part in parts]
            kept = seen[0] if len(parts) == 1 else None
            leaves = (
                [
                    torch.cat([s[k] for s in seen]).detach().requires_grad_()
                    for k in ("image", "text")
                ]
                if seen
                else self._nothing()
            )
            whole = [self.together.gather(leaf, batch.sizes) for leaf in leaves]
            wanted = targets(batch.labels.to(self.device), recipe.targets)
            loss = contrastive(*whole, self.clip.logit_scale.exp(), wanted)
            self.scaler.scale(recipe.contrast * loss).backward()
            losses["contrast"] = loss.detach()
            slopes = [[leaf.grad[part] for leaf in leaves] for part in parts]
        dense = torch.zeros((), device=self.device)
        for part, slope in zip(parts, slopes, strict=True):
            seen = kept or self._see(batch, part, sentence)
            roots, grads = [], []
            if slope is not None:
                roots, grads = [seen["image"], seen["text"]], [*slope]
            if "dense" in seen:
                one = seen["dense"].sum() / total
                dense = dense + one.detach()
                roots.append(self.scaler.scale(recipe.dense_weight * one))
                grads.append(torch.ones_like(one))
            # without adapters in a tower its features lead nowhere
            pairs = [pair for pair in zip(roots, grads, strict=True) if pair[0].requires_grad]
            torch.autograd.backward(*zip(*pairs, strict=True))
        if recipe.dense != "none":
            losses["dense"] = self.together.sum(dense)
        self.together.add_gradients(self.learning, self.clip.logit_scale)
        weights = {"contrast": recipe.contrast, "dense": recipe.dense_weight}
        return losses | {"loss": sum(weights[k] * v for k, v in losses.items())}

    def _nothing(self) -> list[Tensor]:
        width = self.clip.visual.proj.shape[1]
        return [torch.zeros(0, width, device=self.device, requires_grad=True) for _ in range(2)]

    def _see(self, batch: Batch, part: slice, sentence: str) -> dict[str, Tensor]:
        """Features and dense losses of some pictures: ``image``, ``text`` [n, D], ``dense`` [n]."""
        recipe, tower, seen = self.recipe, self.clip.visual, {}
        kind = torch.float32 if recipe.precision == "float32" else getattr(torch, recipe.precision)
        with torch.autocast(self.device.type, kind, enabled=recipe.precision != "float32"):
            pixels = batch.pixels[part].to(self.device).float().div_(255)
            tokens = run_blocks(tower, pixels, forget=recipe.forget)
            if recipe.contrast:
                seen["image"] = class_feature(tower, tokens).float()
                ids = self.tokenizer(list(batch.texts[part])).to(self.device)
                seen["text"] = text_features(self.clip, ids).float()
            if recipe.dense != "none":
                last = tower.transformer.resblocks[-1]
                dense = project_values(last.attn, last.ln_1(tokens[:, 1:]))
                if self.affinity is not None:
                    dense = self.affinity(pixels).to(dense.dtype) @ dense
                dense = tower.ln_post(last.attn.out_proj(dense)) @ tower.proj
                ids = self.tokenizer([sentence.format(w) for w in self.words]).to(self.device)
                names = text_features(self.clip, ids)
        if recipe.dense != "none":
            cosine = F.normalize(dense.float(), dim=-1) @ F.normalize(names.float(), dim=-1).T
            if recipe.dense == "mask":
                shares = batch.shares[part].to(self.device)
                seen["dense"] = from_masks(cosine, shares, self.weights)
            else:
                labels = batch.labels[batch.own[part]].to(self.device)
                seen["dense"] = from_sets(cosine[..., : labels.shape[1]], labels)
        return seen


def dino_affinity(dino, preset) -> Affinity:
    """DINO's attention for the last block, window by window, as Trident has it.

    dino : `mineral_utils.encoders.Dino`; preset : `mineral_utils.profiles.Preset`
    """
    from .. import trident

    def affinity(pixels: Tensor) -> Tensor:
        with torch.no_grad():
            tokens = F.normalize(dino.tokens(pixels).float(), dim=-1)
            return trident.affinity(
                tokens,
                trident.mean_similarity(tokens),
                beta=preset.beta,
                gamma=preset.gamma,
                cap=preset.affinity_cap,
            ).clone()  # what inference mode made takes no part in a gradient

    return affinity
