"""The least work of a step of tuning with LoRA, in floating-point operations.

A closed formula, as in `tests.bench.floor`: every matrix product once, [m, k] times [k, n] counted
as 2 m k n; nothing element-wise, nothing done twice. A frozen weight costs its product forwards and
the product that passes the gradient on to its input; its adapter costs those of A and B forwards,
and both their gradients and the gradient's way through them backwards. Texts count with their own
lengths, not with the 77 tokens that they are padded to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from mineral_utils.recipes import Recipe


@dataclass(frozen=True)
class StepFloor:
    """Operations of one step: both towers with gradients, DINO without."""

    image: float
    text: float
    dino: float

    @property
    def total(self) -> float:
        return self.image + self.text + self.dino


def step_floor(
    clip: nn.Module,
    dino: nn.Module | None,
    recipe: Recipe,
    lengths: Sequence[int],
    names: Sequence[int] = (),
) -> StepFloor:
    """Operations of a step.

    Parameters
    ----------
    clip : adapted open_clip model
    dino : timm ViT, where the recipe has a dense loss
    recipe : Recipe, with adapters on both towers
    lengths : tokens of each caption of the batch, start and end included; also the batch's size
    names : tokens of each name that the dense loss asks for
    """
    rank, batch = clip.lora.rank, len(lengths)
    tower = clip.visual
    width, patch = tower.conv1.out_channels, tower.conv1.kernel_size[0]
    patches = (recipe.side // patch) ** 2
    tokens, layers = patches + 1, len(tower.transformer.resblocks)
    contrast, dense = bool(recipe.contrast), recipe.dense != "none"
    embed = tower.proj.shape[1]
    mlp = tower.transformer.resblocks[0].mlp.c_fc.out_features

    image = 2 * patches * 3 * patch**2 * width  # patches: frozen, and nothing learns before them
    for layer in range(layers - 1):
        image += _block(tokens, width, mlp, rank, first=layer == 0)
    last_first = layers == 1
    seen = tokens if contrast else patches
    image += _linear(seen, width, width, rank, last_first)  # v, for whoever asks
    if contrast:  # the class token alone asks all others, and goes on
        image += _linear(tokens, width, width, rank, last_first)  # k
        image += _linear(1, width, width, rank, last_first)  # q
        image += _linear(1, width, width, rank) + _mlp(1, width, mlp, rank)  # out, MLP
        image += 3 * 4 * tokens * width + 4 * width * embed
    if dense:
        image += 4 * patches**2 * width  # DINO's attention over the values, and back to them
        image += _linear(patches, width, width, rank) + 4 * patches * width * embed
        image += 3 * 2 * patches * embed * len(names)

    asked = [*(lengths if contrast else ()), *(names if dense else ())]
    text = sum(_text(clip, length, rank) for length in asked)
    if contrast:
        text += 3 * 2 * batch * batch * embed
    looked = _dino(dino, recipe.side) * batch if dense else 0.0
    return StepFloor(image * batch, text, looked)


def _linear(n: int, wide: int, high: int, rank: int, first: bool = False) -> float:
    """A frozen layer with its adapter, forwards and backwards; the `first` passes nothing on."""
    base, adapter = 2 * n * wide * high, 2 * n * rank * (wide + high)
    if first:
        return base + 2 * adapter + 2 * n * rank * high
    return 2 * base + 3 * adapter


def _mlp(n: int, width: int, mlp: int, rank: int) -> float:
    return _linear(n, width, mlp, rank) + _linear(n, mlp, width, rank)


def _block(n: int, width: int, mlp: int, rank: int, first: bool) -> float:
    attention = 3 * _linear(n, width, width, rank, first) + _linear(n, width, width, rank)
    return attention + _mlp(n, width, mlp, rank) + 3 * 4 * n * n * width


def _text(clip: nn.Module, length: int, rank: int) -> float:
    """One text of so many tokens, of which the last speaks."""
    width, embed = clip.text_projection.shape
    mlp = clip.transformer.resblocks[0].mlp.c_fc.out_features
    layers = len(clip.transformer.resblocks)
    blocks = (_block(length, width, mlp, rank, layer == 0) for layer in range(layers))
    return sum(blocks) + 4 * width * embed


def _dino(vit: nn.Module, side: int) -> float:
    """Forwards only, with the cosines of its patches."""
    patch, width = vit.patch_embed.proj.kernel_size[0], vit.embed_dim
    patches = (side // patch) ** 2
    tokens = patches + 1
    block = 24 * tokens * width**2 + 4 * tokens**2 * width
    return 2 * patches * 3 * patch**2 * width + len(vit.blocks) * block + 2 * patches**2 * width
