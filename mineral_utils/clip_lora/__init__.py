"""LoRA on CLIP: explicit attention, low-rank adapters on both towers, merging, small files.

A fine-tuned weight is W + (alpha / r) B A, with W frozen and B, A of rank r (LoRA, arXiv
2106.09685, section 4.1). The adapted model is still an open_clip ``CLIP`` whose towers stand at
their ordinary names; merging gives back an ordinary state dict::

    from mineral_utils import clip_lora
    clip_lora.add_lora(clip, rank=32, alpha=64)
    optimizer = torch.optim.AdamW(clip_lora.trainable_parameters(clip).values(), lr=2.5e-5)
    ...
    clip_lora.save_adapter("ore.safetensors", clip, about={"base": "ViT-B-16 laion400m_e32", ...})
    fresh.load_state_dict(clip_lora.merged_state_dict(clip))
"""

from __future__ import annotations

from .adapter_file import about_adapter, load_adapter, save_adapter
from .adapters import (
    PARTS,
    TOWERS,
    Lora,
    add_lora,
    base_hash,
    hold_all_but_class,
    lora_layers,
    merged_state_dict,
    rank_for,
    trainable_parameters,
)
from .attention import ExplicitAttention, make_explicit

__all__ = [
    "PARTS",
    "TOWERS",
    "ExplicitAttention",
    "Lora",
    "about_adapter",
    "add_lora",
    "base_hash",
    "hold_all_but_class",
    "load_adapter",
    "lora_layers",
    "make_explicit",
    "merged_state_dict",
    "rank_for",
    "save_adapter",
    "trainable_parameters",
]
