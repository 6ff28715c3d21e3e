"""The weights of the small models on disk: float16 safetensors beside a card in JSON.

`weight_file` finds and checks what ships with the package; `save_weights` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..run import file_sha256, replacing, write_json
from ..shipped import FOLDER, KINDS, read_card, weight_file

if TYPE_CHECKING:
    import torch

__all__ = [
    "CARD_KEYS",
    "FOLDER",
    "KINDS",
    "read_card",
    "save_weights",
    "shipped_state",
    "weight_file",
]

# what every card says; `save_weights` adds kind, file, bytes and sha256
CARD_KEYS = ("title", "architecture", "data", "recipe", "time", "numbers", "limits", "licence")


def shipped_state(kind: str) -> dict[str, torch.Tensor]:
    """The shipped weights of a small model as a state dict, floating ones float32: where a training
    may begin anew with what is known already."""
    from safetensors.torch import load_file

    state = load_file(weight_file(kind))
    return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}


def save_weights(
    kind: str,
    state: Mapping[str, torch.Tensor],
    card: Mapping[str, object],
    folder: str | Path = FOLDER,
) -> Path:
    """Write weights as float16 safetensors and their card beside them, each whole or not at all.

    Parameters
    ----------
    kind : one of `KINDS`
    state : names to tensors, as ``module.state_dict()``; floating ones are stored as float16
    card : JSON object with `CARD_KEYS` at least
    folder : the package's own by default

    Returns
    -------
    Path
        The safetensors file.

    Raises
    ------
    ValueError
        An unknown kind, a card that lacks a key, or a weight that is not finite in float16.
    """
    import torch
    from safetensors.torch import save_file

    if kind not in KINDS:
        raise ValueError(f"no small model is a {kind!r}; there are {', '.join(KINDS)}")
    lacking = [key for key in CARD_KEYS if key not in card]
    if lacking:
        raise ValueError(f"the card of {kind} lacks {', '.join(lacking)}; every card says these")
    half = {}
    for name, tensor in state.items():
        value = tensor.detach().cpu()
        value = value.half() if value.is_floating_point() else value
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ValueError(f"{name} of {kind} is not finite in float16; training went astray")
        half[name] = value.contiguous().clone()
    path = Path(folder) / f"{kind}.safetensors"
    with replacing(path) as aside:
        save_file(half, aside)
    facts = {"kind": kind, "file": path.name, "bytes": path.stat().st_size}
    write_json(path.with_suffix(".json"), {**card, **facts, "sha256": file_sha256(path)})
    return path
