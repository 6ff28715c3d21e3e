"""Modules of the public libraries from a `ModelSpec`: by name, or small from a table of sizes."""

from __future__ import annotations

from functools import partial

import open_clip
import timm
import torch
from open_clip.transformer import VisionTransformer
from segment_anything.modeling import (
    ImageEncoderViT,
    MaskDecoder,
    PromptEncoder,
    Sam,
    TwoWayTransformer,
)
from torch import nn

from ..profiles import ModelSpec
from ..weights import load_into, load_state, registry, resolve
from .tracer import Tracer

# segment-anything's three sizes (arXiv 2304.02643, appendix A)
SAM_SIZES = {
    "vit_b": {"width": 768, "layers": 12, "heads": 12, "global_attn_indexes": [2, 5, 8, 11]},
    "vit_l": {"width": 1024, "layers": 24, "heads": 16, "global_attn_indexes": [5, 11, 17, 23]},
    "vit_h": {"width": 1280, "layers": 32, "heads": 16, "global_attn_indexes": [7, 15, 23, 31]},
}


def build_clip(spec: ModelSpec) -> tuple[nn.Module, object]:
    """An open_clip model and its tokenizer.

    ``spec.architecture`` is an open_clip name, or a mapping with ``embed_dim``, ``vision_cfg``
    and ``text_cfg`` as in open_clip's model configurations.
    """
    name = spec.architecture
    torch.manual_seed(spec.seed)
    if isinstance(name, dict):
        model = open_clip.CLIP(**name)
        tokenizer = open_clip.SimpleTokenizer(context_length=name["text_cfg"]["context_length"])
        label = "small CLIP"
    else:
        row = registry().get(spec.weights)
        name = row.architecture if row else name  # the row knows about QuickGELU
        if open_clip.get_model_config(name) is None:
            known = [n for n in open_clip.list_models() if n.startswith("ViT-")]
            raise ValueError(f"open_clip has no model {name!r}; it has {', '.join(known)}")
        model = open_clip.create_model(name, pretrained=None)
        tokenizer = open_clip.get_tokenizer(name)
        label = f"CLIP {name}"
    return _fill(model, spec, "clip", label), tokenizer


def build_clip_visual(width: int, layers: int, heads: int, embed_dim: int) -> nn.Module:
    """An image tower alone: 224 px, patch 16, GELU."""
    return VisionTransformer(
        image_size=224,
        patch_size=16,
        width=width,
        layers=layers,
        heads=heads,
        mlp_ratio=4.0,
        output_dim=embed_dim,
    )


def build_dino(spec: ModelSpec) -> nn.Module:
    """A timm ViT without a head: a timm name, or a mapping of `VisionTransformer` arguments."""
    torch.manual_seed(spec.seed)
    if isinstance(spec.architecture, dict):
        model = timm.models.VisionTransformer(num_classes=0, **spec.architecture)
        label = "small DINO"
    else:
        model = timm.create_model(spec.architecture, pretrained=False, num_classes=0)
        label = f"DINO {spec.architecture}"
    if not hasattr(model, "cls_token") or model.num_prefix_tokens != 1:
        raise ValueError(
            f"{label} is not a plain ViT with one class token; choose "
            "vit_base_patch16_224.dino, vit_base_patch8_224.dino or vit_small_patch16_224.dino"
        )
    return _fill(model, spec, "dino", label)


def build_sam(spec: ModelSpec) -> Sam:
    """A segment-anything model: ``vit_b``, ``vit_l``, ``vit_h``, or a mapping of sizes (width,
    layers, heads, global_attn_indexes, and optionally image_size, prompt_dim, decoder_mlp_dim)."""
    torch.manual_seed(spec.seed)
    if isinstance(spec.architecture, dict):
        model, label = _sam(**spec.architecture), "small SAM"
    elif spec.architecture in SAM_SIZES:
        model, label = _sam(**SAM_SIZES[spec.architecture]), f"SAM {spec.architecture}"
    else:
        raise ValueError(f"no SAM {spec.architecture!r}; there are {', '.join(SAM_SIZES)}")
    return _fill(model, spec, "sam", label)


def build_tracer(spec: ModelSpec) -> Tracer | None:
    """The network that traces outlines after a SAM, None where its spec names none.

    Raises
    ------
    mineral_utils.weights.WeightError
        A file that is missing, damaged, or holds something else.
    """
    if spec.tracer is None:
        return None
    path = resolve(spec.tracer)
    state = load_state(path)
    first = state.get("begin.weight")
    tracer = Tracer(len(first) if first is not None else Tracer.WIDTH)
    load_into(tracer, state, f"tracer from {path.name}")
    return tracer.eval()


def _sam(
    width: int,
    layers: int,
    heads: int,
    global_attn_indexes: list[int],
    image_size: int = 1024,
    prompt_dim: int = 256,
    decoder_mlp_dim: int = 2048,
) -> Sam:
    side = image_size // 16
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=image_size,
            patch_size=16,
            embed_dim=width,
            depth=layers,
            num_heads=heads,
            out_chans=prompt_dim,
            norm_layer=partial(nn.LayerNorm, eps=1e-6),
            use_rel_pos=True,
            window_size=14,
            global_attn_indexes=global_attn_indexes,
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=prompt_dim,
            image_embedding_size=(side, side),
            input_image_size=(image_size, image_size),
            mask_in_chans=16,
        ),
        mask_decoder=MaskDecoder(
            transformer_dim=prompt_dim,
            transformer=TwoWayTransformer(
                depth=2, embedding_dim=prompt_dim, mlp_dim=decoder_mlp_dim, num_heads=8
            ),
            iou_head_hidden_dim=prompt_dim,
        ),
    ).eval()


def _fill(model: nn.Module, spec: ModelSpec, kind: str, label: str) -> nn.Module:
    """Weights from the checkpoint, or random ones that keep patches distinguishable."""
    if spec.weights is None:
        return scatter(model, spec.seed)
    path = resolve(spec.weights)
    load_into(model, load_state(path, kind=kind), f"{label} from {path.name}")
    return model


def scatter(model: nn.Module, seed: int) -> nn.Module:
    """Random weights whose features vary over a picture (the usual small initial values leave
    all patches nearly alike): matrices of unit gain, zero tables drawn."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                spread = parameter[0].numel() ** -0.5
                parameter.normal_(0, spread, generator=generator)
    return model
