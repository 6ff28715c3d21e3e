"""Adapters in a file: safetensors with a description in its header, all that loading needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from ..checkpoint import WeightError, describe, sniff
from ..run import replacing
from ..run.files import plain
from .adapters import (
    ADAPTER,
    Lora,
    add_lora,
    base_hash,
    base_state_dict,
    digest,
    lora_layers,
)
from .attention import tower_blocks

FORMAT = "mineral_utils CLIP adapter 1"
NEEDED = ("base", "classes", "prompts")
WRITTEN = (*NEEDED, "lora", "base_model", "activation", "sha256")
LIBRARIES = ("open_clip_torch", "peft", "torch")


def save_adapter(path: str | Path, clip: nn.Module, *, about: Mapping[str, Any]) -> dict[str, Any]:
    """Write the adapters (no base weights) and what is needed to use them, whole or not at all.

    Parameters
    ----------
    path : a ``.safetensors`` file; it holds ``<layer>.A`` [r, in] and ``<layer>.B`` [out, r], and
        ``logit_scale``
    clip : a model that `add_lora` adapted
    about : must name ``base`` (the checkpoint's tag), ``classes`` (names that were taught) and
        ``prompts`` (templates, or the name of a set); more is welcome; JSON holds it

    Returns
    -------
    dict
        The description as written: `about`, with rank, alpha, dropout, towers, parts, the base's
        hash and sizes, activation, temperature, library versions.

    Raises
    ------
    ValueError
        Without adapters, with something missing in `about`, or if the base itself was trained.
    """
    settings = _settings(clip)
    missing = [key for key in NEEDED if key not in about]
    if missing:
        raise ValueError(
            f"about names no {' and no '.join(missing)}; whoever loads the adapter needs "
            f"{', '.join(NEEDED)}, as in about={{'base': 'ViT-B-16 laion400m_e32', "
            "'classes': ['pyrite', …], 'prompts': 'imagenet80'}"
        )
    if base_hash(clip) != settings.base_sha256:
        raise ValueError(
            "weights outside the adapters have changed since add_lora, so adapters alone would "
            "not give this model back; save merged_state_dict(clip) instead"
        )
    tensors = _tensors(clip)
    written = {
        **about,
        "format": FORMAT,
        "lora": asdict(settings),
        "base_model": str(describe(base_state_dict(clip))),
        "activation": _activation(clip),
        "temperature": float(1 / clip.logit_scale.detach().exp()),
        "versions": {name: version(name) for name in LIBRARIES},
        "sha256": digest(tensors),
    }
    header = {"about": json.dumps(plain(written), ensure_ascii=False)}
    with replacing(path) as aside:
        save_file(tensors, aside, metadata=header)
    return written


def about_adapter(path: str | Path) -> dict[str, Any]:
    """What `save_adapter` wrote about an adapter, without reading its weights.

    Raises
    ------
    WeightError
        A file that is missing, damaged or no adapter.
    """
    return _read(Path(path), weights=False)[0]


def load_adapter(path: str | Path, clip: nn.Module) -> dict[str, Any]:
    """Fill a model's adapters from a file; an ordinary model is adapted first.

    Parameters
    ----------
    path : as written by `save_adapter`
    clip : the model that the adapter was trained on: ordinary, or adapted with the same settings
        (to train on)

    Returns
    -------
    dict
        The description, as `about_adapter` gives it. ``logit_scale`` is set too.

    Raises
    ------
    WeightError
        A file that is missing, damaged or no adapter; another base, another activation, or
        adapters of another rank, alpha or place in the model.
    """
    path = Path(path)
    about, tensors = _read(path, weights=True)
    row = about["lora"] | {key: tuple(about["lora"][key]) for key in ("towers", "parts")}
    wanted = Lora(**row)
    found = base_hash(clip)
    if found != wanted.base_sha256:
        raise WeightError(
            f"{path} was trained on {about['base']}, {about['base_model']}, with hash "
            f"{_short(wanted.base_sha256)}, but the model given is "
            f"{describe(base_state_dict(clip))} with hash {_short(found)}; build that model and "
            "fill it with those weights first"
        )
    if _activation(clip) != about["activation"]:
        raise WeightError(
            f"{path} was trained with {about['activation']} but the model given computes "
            f"{_activation(clip)}: the weights fit, the outputs would not. Build it with "
            f"quick_gelu={about['activation'] == 'QuickGELU'}"
        )
    if lora_layers(clip):
        _same_settings(path, wanted, _settings(clip))
    else:
        add_lora(clip, wanted.rank, wanted.alpha, wanted.dropout, wanted.towers, wanted.parts)
    places = _places(clip)
    sizes, held = ({k: tuple(v.shape) for k, v in given.items()} for given in (places, tensors))
    odd = sorted(name for name in sizes | held if sizes.get(name) != held.get(name))
    if odd:
        there, asked = held.get(odd[0], "not there"), sizes.get(odd[0], "nothing")
        raise WeightError(
            f"{path} does not fit its own header: {odd[0]} is {there} where the settings ask for "
            f"{asked}; write the file with save_adapter"
        )
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(tensors[name])
    return about


def _settings(clip: nn.Module) -> Lora:
    settings = getattr(clip, "lora", None)
    if settings is None:
        raise ValueError("the model has no adapters; call add_lora(clip) first")
    return settings


def _same_settings(path: Path, wanted: Lora, found: Lora) -> None:
    names = ("rank", "alpha", "towers", "parts")
    pairs = {name: (getattr(wanted, name), getattr(found, name)) for name in names}
    differ = [f"{name} {a} (the model: {b})" for name, (a, b) in pairs.items() if a != b]
    if differ:
        raise WeightError(
            f"{path} holds adapters with {', '.join(differ)}; load it into a model without "
            "adapters, which then gets the file's settings"
        )


def _places(clip: nn.Module) -> dict[str, Tensor]:
    places = {"logit_scale": clip.logit_scale}
    for name, layer in lora_layers(clip).items():
        places[f"{name}.A"] = layer.lora_A[ADAPTER].weight
        places[f"{name}.B"] = layer.lora_B[ADAPTER].weight
    return places


def _tensors(clip: nn.Module) -> dict[str, Tensor]:
    return {name: part.detach().cpu().contiguous() for name, part in _places(clip).items()}


def _activation(clip: nn.Module) -> str:
    """GELU or QuickGELU; both towers have the same, and no weight tells which."""
    activation = tower_blocks(clip, "image")[0][1].mlp.gelu
    return type(activation).__name__


def _read(path: Path, *, weights: bool) -> tuple[dict[str, Any], dict[str, Tensor]]:
    other = f"{path} is no adapter (a file that save_adapter wrote)"
    if sniff(path) != "safetensors":
        raise WeightError(f"{other}, but weights in torch's own format; give the adapter's file")
    try:
        with safe_open(path, framework="pt") as file:
            header = (file.metadata() or {}).get("about")
            tensors = {name: file.get_tensor(name) for name in file.keys() if weights}
    except SafetensorError as error:
        raise WeightError(
            f"{path} is cut short or damaged ({path.stat().st_size} bytes; safetensors: {error}); "
            "copy it again from where it was written"
        ) from error
    try:
        about = json.loads(header or "{}")
    except ValueError:
        about = {}
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        about = about if isinstance(about, dict) else {}
        raise WeightError(
            f"{other}: its header says {about.get('format', 'nothing about adapters')!r} where "
            f"{FORMAT!r} is expected; whole models are loaded by naming them in a profile"
        )
    wanted = {field.name for field in fields(Lora)}
    lacks = [key for key in WRITTEN if key not in about]
    if not lacks and (not isinstance(about["lora"], dict) or about["lora"].keys() != wanted):
        lacks = [f"one of {', '.join(sorted(wanted))} under lora"]
    if lacks:
        raise WeightError(
            f"{path} does not say all that loading needs: its header lacks {', '.join(lacks)}; "
            "write the file with save_adapter"
        )
    if weights and digest(tensors) != about["sha256"]:
        raise WeightError(
            f"{path} is damaged: its numbers have another hash than the one written with them; "
            "copy it again from where it was written"
        )
    return about, tensors


def _short(digest_: str | None) -> str:
    return f"{digest_[:12]}…" if digest_ else "unknown"
