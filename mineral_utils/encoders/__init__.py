"""CLIP, DINO and SAM from a profile, and the dense features that Trident takes from them."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from ..profiles import ModelSpec, Profile
from .build import build_clip, build_clip_visual, build_dino, build_sam, scatter
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
    visual = ClipVisual(clip.visual, device)
    trained = profile.clip.weights is not None
    text = ClipText(clip, tokenizer, device, remember=trained)
    dino = Dino(build_dino(profile.dino), device)
    sam = SamEncoder(build_sam(profile.sam), device)
    specs: dict[str, ModelSpec] = {"CLIP": profile.clip, "DINO": profile.dino, "SAM": profile.sam}
    random = tuple(name for name, spec in specs.items() if spec.weights is None)
    return Encoders(visual, dino, sam, text, random)
