"""CLIP, DINO and SAM from a profile, and the dense features that Trident takes from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..profiles import ModelSpec, Profile
from .build import build_clip, build_clip_visual, build_dino, build_sam, build_tracer, scatter
from .clip import ClipVisual
from .dino import Dino
from .sam import SamEncoder, SamView
from .text import TEMPLATES, ClipText
from .vit import CPU

__all__ = [
    "TEMPLATES",
    "ClipText",
    "ClipVisual",
    "Dino",
    "Encoders",
    "SamEncoder",
    "SamView",
    "build_clip",
    "build_clip_visual",
    "build_dino",
    "build_sam",
    "build_tracer",
    "load_encoders",
    "scatter",
]


@dataclass(frozen=True)
class Encoders:
    """The three models on one device. `text` is None where only images are looked at;
    `random` names the models whose weights are random."""

    clip: ClipVisual
    dino: Dino
    sam: SamEncoder
    text: ClipText | None = None
    random: tuple[str, ...] = ()

    @property
    def device(self) -> torch.device:
        return self.clip.device


def load_encoders(profile: Profile, device: torch.device = CPU) -> Encoders:
    """Build a profile's models and load their weights (downloaded and verified where needed).

    Raises
    ------
    mineral_utils.weights.WeightError
        A checkpoint is absent and cannot be fetched, or does not fit its model.
    """
    clip, tokenizer = build_clip(profile.clip)
    prompts = "imagenet80"
    if profile.clip.adapter:
        clip, about = _adapted(clip, profile.clip)
        prompts = about["prompts"]
    visual = ClipVisual(clip.visual, device)
    trained = profile.clip.weights is not None
    text = ClipText(clip, tokenizer, device, remember=trained, prompts=prompts)
    dino = Dino(build_dino(profile.dino), device)
    sam = SamEncoder(build_sam(profile.sam), device, build_tracer(profile.sam))
    specs: dict[str, ModelSpec] = {"CLIP": profile.clip, "DINO": profile.dino, "SAM": profile.sam}
    random = tuple(name for name, spec in specs.items() if spec.weights is None)
    return Encoders(visual, dino, sam, text, random)


def _adapted(clip: torch.nn.Module, spec: ModelSpec) -> tuple[torch.nn.Module, dict]:
    """An ordinary model with the adapter merged into its weights, and what the adapter says of
    itself."""
    from ..clip_lora import load_adapter, merged_state_dict  # brings peft: half a second
    from ..shipped import PREFIX, weight_file

    path = spec.adapter
    if path.startswith(PREFIX):
        path = weight_file(path.removeprefix(PREFIX))
    about = load_adapter(path, clip)
    # without weights: build_clip must not read them twice
    plain, _ = build_clip(ModelSpec(spec.architecture, None, spec.seed))
    if _activation(plain) != _activation(clip):  # the registry's row may know of another one
        raise ValueError(
            f"the adapter's model computes {_activation(clip)}, {spec.architecture!r} "
            f"{_activation(plain)}; name the architecture with -quickgelu in the profile"
        )
    plain.load_state_dict(merged_state_dict(clip))
    return plain, about


def _activation(clip: torch.nn.Module) -> str:
    return type(clip.visual.transformer.resblocks[0].mlp.gelu).__name__
