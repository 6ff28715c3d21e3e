"""Checkpoint files in the layouts of the official ones, with random weights of small models.

The modules are those of open_clip, timm and segment-anything, so the names of the tensors are the
official ones; only widths and depths are small. Bad files of all kinds are made here as well.
"""

from __future__ import annotations

import argparse
import functools
import pickle
import warnings
from collections import OrderedDict
from pathlib import Path

import open_clip
import timm
import torch
from safetensors.torch import save_file
from segment_anything import sam_model_registry
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from timm.models.vision_transformer import VisionTransformer

State = dict[str, torch.Tensor]


# ---- models ------------------------------------------------------------------------------------
def small_clip(seed: int = 0, layers: int = 2, width: int = 64) -> open_clip.CLIP:
    torch.manual_seed(seed)
    return open_clip.CLIP(
        embed_dim=32,
        vision_cfg={
            "image_size": 32,
            "patch_size": 16,
            "width": width,
            "layers": layers,
            "head_width": 32,
        },
        text_cfg={"context_length": 16, "vocab_size": 99, "width": 32, "heads": 2, "layers": 2},
    )


def small_vit(seed: int = 0, depth: int = 2, width: int = 64) -> VisionTransformer:
    torch.manual_seed(seed)
    return VisionTransformer(
        img_size=32, patch_size=16, embed_dim=width, depth=depth, num_heads=2, num_classes=0
    )


def small_sam(seed: int = 0, depth: int = 2, width: int = 48) -> Sam:
    torch.manual_seed(seed)
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=64,
            patch_size=16,
            embed_dim=width,
            depth=depth,
            num_heads=3,
            out_chans=32,
            norm_layer=functools.partial(torch.nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=2,
            global_attn_indexes=(1,),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=32, image_embedding_size=(4, 4), input_image_size=(64, 64), mask_in_chans=16
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=32,
            transformer=TwoWayTransformer(depth=2, embedding_dim=32, mlp_dim=64, num_heads=2),
            iou_head_hidden_dim=32,
        ),
    )


@functools.cache
def full_size(name: str) -> torch.nn.Module:
    """A real architecture on the meta device: names and shapes, no memory for the weights."""
    makers = {
        "sam-b": sam_model_registry["vit_b"],
        "sam-l": sam_model_registry["vit_l"],
        "clip-b": lambda: open_clip.CLIP(**open_clip.get_model_config("ViT-B-16")),
        "clip-l": lambda: open_clip.CLIP(**open_clip.get_model_config("ViT-L-14")),
        "dino-16": lambda: timm.create_model("vit_base_patch16_224.dino"),
        "dino-8": lambda: timm.create_model("vit_base_patch8_224.dino"),
    }
    with torch.device("meta"):
        return makers[name]()


# ---- good files --------------------------------------------------------------------------------
def write_pt(path: Path, state: State, *, legacy: bool = False) -> Path:
    """A state dict as torch.save writes it: SAM's and DINO's ``.pth``, the hub's ``.bin``."""
    torch.save(OrderedDict(state), path, _use_new_zipfile_serialization=not legacy)
    return path


def write_safetensors(path: Path, state: State) -> Path:
    """The hub's ``open_clip_model.safetensors`` and timm's ``model.safetensors``."""
    save_file({key: value.contiguous() for key, value in state.items()}, path)
    return path


def write_open_clip_training(path: Path, state: State) -> Path:
    """What open_clip's training writes: the wrapped model's names begin with ``module.``."""
    optimizer = {"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 5e-4}]}
    wrapped = OrderedDict((f"module.{key}", value) for key, value in state.items())
    torch.save({"epoch": 32, "name": "clip", "state_dict": wrapped, "optimizer": optimizer}, path)
    return path


def write_dino_full(path: Path, teacher: State, student: State) -> Path:
    """What DINO's main_dino.py writes: both networks with their projection heads, and the options.

    The student was wrapped for several GPUs, the teacher was not.
    """
    head = {"head.mlp.0.weight": torch.randn(8, 64), "head.last_layer.weight_g": torch.ones(4, 1)}
    teacher = {f"backbone.{key}": value for key, value in teacher.items()} | head
    student = {f"backbone.{key}": value for key, value in student.items()} | head
    torch.save(
        {
            "student": OrderedDict((f"module.{key}", value) for key, value in student.items()),
            "teacher": OrderedDict(teacher),
            "optimizer": {"state": {}, "param_groups": [{"lr": 5e-4}]},
            "epoch": 400,
            "args": argparse.Namespace(arch="vit_base", patch_size=16, lr=5e-4),
            "dino_loss": OrderedDict(center=torch.zeros(1, 4)),
        },
        path,
    )
    return path


# ---- bad files ---------------------------------------------------------------------------------
class Trap:
    """Unpickling this runs code: it writes the file ``marker``."""

    def __init__(self, marker: Path):
        self.marker = str(marker)

    def __reduce__(self) -> tuple:
        return exec, (f"open({self.marker!r}, 'w').close()",)


def write_trap(path: Path, marker: Path, layout: str) -> Path:
    """A checkpoint that carries code, as ``layout`` "zip", "legacy" or plain "pickle"."""
    content = {"state_dict": {"weight": torch.zeros(3)}, "extra": Trap(marker)}
    if layout == "pickle":
        path.write_bytes(pickle.dumps({"extra": Trap(marker)}))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=layout == "zip")
    return path


def write_torchscript(path: Path, module: torch.nn.Module) -> Path:
    """A program with its weights, as OpenAI ships CLIP."""
    with warnings.catch_warnings():  # torch would rather have everybody export otherwise
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(module), path)
    return path


def write_whole_module(path: Path, module: torch.nn.Module) -> Path:
    """The model object itself instead of its state dict: a frequent mistake."""
    torch.save(module, path)
    return path


def truncate(path: Path, share: float) -> Path:
    """Keep only the first part of a file, as a download that broke off does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path
