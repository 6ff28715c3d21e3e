"""Low-rank adapters on both towers, by peft, and the ordinary weights that they amount to."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from torch import Tensor, nn

from .attention import TOWERS, ExplicitAttention, make_explicit, tower_blocks
from .product import AdaptedLinear

# part of a block -> the linear layers in it that are adapted
PARTS = {
    "attention": ("attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.out_proj"),
    "mlp": ("mlp.c_fc", "mlp.c_proj"),
}
CLASS_ONLY = ("attn.q_proj", "attn.k_proj", "mlp.c_fc", "mlp.c_proj")  # see `hold_all_but_class`
ADAPTER = "default"  # peft's own name for the only adapter there is


@dataclass(frozen=True)
class Lora:
    """How a model was adapted; stands at ``clip.lora``.

    rank, alpha : r and alpha of W + (alpha / r) B A
    dropout : on the adapters' input, while training
    towers, parts : where adapters are, of `TOWERS` and `PARTS`
    base_sha256 : hash of the weights underneath (see `base_hash`); None on the meta device
    """

    rank: int
    alpha: float
    dropout: float
    towers: tuple[str, ...]
    parts: tuple[str, ...]
    base_sha256: str | None

    @property
    def scaling(self) -> float:
        """The factor alpha / r in front of B A."""
        return self.alpha / self.rank


def rank_for(width: int) -> int:
    """A rank that is low for a tower of this width: width / 24, so 32 at ViT-B's 768."""
    return max(1, width // 24)


def add_lora(
    clip: nn.Module,
    rank: int | None = None,
    alpha: float | None = None,
    dropout: float = 0.0,
    towers: Iterable[str] = TOWERS,
    parts: Iterable[str] = tuple(PARTS),
    *,
    learn_temperature: bool = False,
    seed: int = 0,
) -> Lora:
    """Put low-rank adapters on q, k, v, output projection and MLP of every block, in place.

    Each weight W becomes W + (alpha / r) B A (LoRA, arXiv 2106.09685, equation 3). A is drawn
    (peft: Kaiming uniform), B is zero, so the model's outputs do not change yet. Everything else is
    frozen. The attention is written out first (`make_explicit`), as peft's own wrapper of
    ``nn.MultiheadAttention`` adds the output projection's update twice and hides the rest.

    Parameters
    ----------
    clip : open_clip.CLIP with plain transformers in both towers
    rank : r, of both towers; by default `rank_for` the image tower's width (32 for ViT-B)
    alpha : by default twice the rank
    dropout : probability, [0, 1)
    towers : of "image", "text"
    parts : of "attention", "mlp"
    learn_temperature : let ``logit_scale`` learn too
    seed : of A

    Returns
    -------
    Lora
        Also kept as ``clip.lora``.

    Raises
    ------
    ValueError
        Rank below 1 or above the narrowest width, unknown tower or part, adapters already there, a
        tower that is no plain transformer.
    """
    towers, parts = _chosen("tower", towers, TOWERS), _chosen("part", parts, PARTS)
    blocks = [block for tower in towers for _, block in tower_blocks(clip, tower)]
    if lora_layers(clip):
        given = getattr(clip, "lora", "made elsewhere")
        raise ValueError(
            f"the model has adapters already ({given}); train those on, or build the model anew "
            "and fill it with merged_state_dict before adding others"
        )
    widths = {block.mlp.c_fc.in_features for block in blocks}
    if rank is None:
        rank = rank_for(clip.visual.conv1.out_channels)
    if isinstance(rank, bool) or not isinstance(rank, int) or not 1 <= rank <= min(widths):
        raise ValueError(
            f"rank is {rank!r}; write a whole number from 1 to {min(widths)}, the narrowest width "
            f"(about {rank_for(min(widths))} is usual here)"
        )
    alpha = 2.0 * rank if alpha is None else float(alpha)
    if not 0 < alpha < math.inf or not 0 <= dropout < 1:
        raise ValueError(
            f"alpha is {alpha} and dropout {dropout}; write an alpha above 0 and a dropout from 0 "
            "to below 1"
        )
    make_explicit(clip)
    settings = Lora(rank, alpha, dropout, towers, parts, base_hash(clip))
    stems = {"image": r"visual\.transformer", "text": "transformer"}
    leaves = "|".join(leaf.replace(".", r"\.") for part in parts for leaf in PARTS[part])
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=rf"({'|'.join(stems[t] for t in towers)})\.resblocks\.\d+\.({leaves})",
    )
    config._register_custom_module({nn.Linear: AdaptedLinear})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, clip, ADAPTER)
    for name, parameter in clip.named_parameters():
        parameter.requires_grad_(".lora_" in name)
    clip.logit_scale.requires_grad_(learn_temperature)
    clip.train(clip.training)  # new parts are in training mode; the rest decides
    clip.lora = settings
    return settings


def _chosen(what: str, given: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    chosen = (given,) if isinstance(given, str) else tuple(given)
    strange = [name for name in chosen if name not in known]
    if strange or not chosen:
        said = f"no {what} {', '.join(map(repr, strange))}" if strange else f"no {what} was named"
        raise ValueError(f"{said}; there are {', '.join(known)}")
    return tuple(name for name in known if name in chosen)


def lora_layers(clip: nn.Module) -> dict[str, LoraLayer]:
    """Adapted linear layers by their names in the model; empty for an ordinary model.

    Each has ``base_layer`` (W), ``lora_A["default"]`` ([r, in]) and ``lora_B["default"]``
    ([out, r]).
    """
    return {name: part for name, part in clip.named_modules() if isinstance(part, LoraLayer)}


def trainable_parameters(clip: nn.Module) -> dict[str, nn.Parameter]:
    """What an optimizer is to change, by name: adapters, and ``logit_scale`` if it learns.

    ViT-B/16 with rank 32 has 5 308 416 numbers in the image tower and 3 538 944 in the text tower.
    """
    return {name: part for name, part in clip.named_parameters() if part.requires_grad}


def hold_all_but_class(clip: nn.Module) -> None:
    """Of an adapted model let only those adapters learn that the class token alone passes through:
    queries, keys and MLP of the image tower's last block. Trident reads that block's values and
    output projection, so its features keep their bits."""
    *_, (last, _) = tower_blocks(clip, "image")
    learning = [f"{last}.{leaf}." for leaf in CLASS_ONLY]
    for name, parameter in clip.named_parameters():
        parameter.requires_grad_(".lora_" in name and name.startswith(tuple(learning)))


def merged_state_dict(clip: nn.Module) -> dict[str, Tensor]:
    """The ordinary open_clip state dict that the adapted model amounts to.

    Every adapted weight is W + (alpha / r) B A; q, k and v stand in one ``in_proj_weight`` again.
    All tensors are copies: the adapted model is not touched and may learn on.

    Returns
    -------
    dict
        Names to tensors, as the model had them before; loads strictly into a fresh model, and a
        file of them is a checkpoint for a profile.
    """
    # in a layer that peft merged, W holds its update already
    layers = {name: layer for name, layer in lora_layers(clip).items() if not layer.merged}
    return _ordinary(clip, {name: layer.get_delta_weight for name, layer in layers.items()})


def base_state_dict(clip: nn.Module) -> dict[str, Tensor]:
    """The ordinary state dict of the model underneath, without its adapters; copies.

    Raises
    ------
    ValueError
        peft's ``merge`` was called on a layer: what was underneath is no longer there.
    """
    merged = [name for name, layer in lora_layers(clip).items() if layer.merged]
    if merged:
        raise ValueError(
            f"the adapters of {len(merged)} layers are merged into their weights (the first: "
            f"{merged[0]}), so the model underneath cannot be read; call unmerge() on each of "
            "lora_layers(clip), or take merged_state_dict(clip)"
        )
    return _ordinary(clip, {})


def _ordinary(clip: nn.Module, updates: Mapping) -> dict[str, Tensor]:
    state = {
        name.replace(".base_layer.", "."): tensor.detach().clone()
        for name, tensor in clip.state_dict().items()
        if ".lora_" not in name
    }
    for name, update in updates.items():
        weight = state[f"{name}.weight"]
        weight += update(ADAPTER).detach().to(weight.dtype)
    for name, part in clip.named_modules():
        if isinstance(part, ExplicitAttention):
            for kind in ("weight", "bias"):
                rows = [state.pop(f"{name}.{which}_proj.{kind}", None) for which in "qkv"]
                if rows[0] is not None:
                    state[f"{name}.in_proj_{kind}"] = torch.cat(rows)
    return state


def base_hash(clip: nn.Module) -> str | None:
    """SHA-256 of the weights underneath, without ``logit_scale`` and ``logit_bias``, which may
    learn; the same for an ordinary model and an adapted one. None on the meta device."""
    state = base_state_dict(clip)
    state = {name: tensor for name, tensor in state.items() if not name.startswith("logit_")}
    return None if any(tensor.is_meta for tensor in state.values()) else digest(state)


def digest(state: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and numbers (as float32) of tensors, in the order of names."""
    total = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        total.update(f"{name}{tuple(tensor.shape)}".encode())
        total.update(tensor.detach().float().cpu().contiguous().numpy().data)
    return total.hexdigest()
