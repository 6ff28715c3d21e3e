"""Checkpoint files: read without executing anything, and told apart by the shapes of their tensors.

A ``.pth`` file is a pickle, and a pickle is a small program. Here only tensors and plain containers
are let through, whatever the file is called::

    from mineral_utils.checkpoint import describe, load_state
    state = load_state("sam_vit_b_01ec64.pth")
    print(describe(state))                       # SAM ViT-B (12 blocks, width 768)
"""

from __future__ import annotations

import argparse
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Contents", "WeightError", "describe", "load_state"]

_BACKBONES = {(12, 192): "ViT-Ti", (12, 384): "ViT-S", (12, 768): "ViT-B"}
_BACKBONES |= {(24, 1024): "ViT-L", (32, 1280): "ViT-H"}
_NAMES = {"clip": "CLIP", "dino": "DINO", "sam": "SAM"}
# where training scripts put the weights among optimizer, epoch and the rest; of DINO's two networks
# the teacher is the one that its authors evaluate
_WRAPPERS = ("state_dict", "model", "model_state_dict", "teacher", "student")
_SAFER = "ask whoever made it for a safetensors copy"


class WeightError(RuntimeError):
    """Weights that cannot be had, trusted or fitted; the message says what to do next."""


@dataclass(frozen=True)
class Contents:
    """What a set of tensors holds, read off its names and shapes.

    Attributes
    ----------
    kind : "clip", "dino" (any plain timm ViT looks the same), "sam" or "unknown"
    depth, width : blocks and channels of the image encoder; None where there is none
    patch : side of a patch in pixels
    text_depth, text_width : blocks and channels of CLIP's text encoder
    """

    kind: str
    depth: int | None = None
    width: int | None = None
    patch: int | None = None
    text_depth: int | None = None
    text_width: int | None = None

    @property
    def backbone(self) -> str:
        """Size of the image encoder in the field's shorthand, as in ``ViT-B/16``."""
        size = _BACKBONES.get((self.depth, self.width), "ViT")
        # all of SAM's encoders have 16-px patches, so nobody writes them
        return size if self.kind == "sam" or not self.patch else f"{size}/{self.patch}"

    def __str__(self) -> str:
        if self.kind == "unknown":
            return "no CLIP, DINO or SAM that is known here"
        sizes = [f"{self.depth} blocks, width {self.width}"] if self.depth else []
        if self.text_depth:
            sizes.append(f"text: {self.text_depth} blocks, width {self.text_width}")
        name = f"{_NAMES[self.kind]} {self.backbone}" if self.depth else _NAMES[self.kind]
        return f"{name} ({'; '.join(sizes)})" if sizes else name


def describe(state: Mapping[str, torch.Tensor]) -> Contents:
    """Guess model and size from the names and shapes of the tensors alone.

    Parameters
    ----------
    state : names to tensors, as ``load_state`` or ``module.state_dict()`` give them; tensors may be
        on the ``meta`` device. CLIP's image or text encoder by itself is known too.
    """

    def depth(stem: str) -> int | None:
        found = {key[len(stem) :].split(".")[0] for key in state if key.startswith(stem)}
        return len(found) or None

    def patches(key: str) -> dict[str, int]:  # [width, 3, patch, patch]
        shape = state[key].shape
        return {"width": shape[0], "patch": shape[-1]} if len(shape) == 4 else {}

    if "image_encoder.patch_embed.proj.weight" in state:
        sizes = patches("image_encoder.patch_embed.proj.weight")
        return Contents("sam", depth("image_encoder.blocks."), **sizes)
    if "patch_embed.proj.weight" in state and "cls_token" in state:
        return Contents("dino", depth("blocks."), **patches("patch_embed.proj.weight"))
    image: dict[str, Any] = {}
    for stem in ("visual.", ""):  # with the text encoder, or the image encoder by itself
        if f"{stem}conv1.weight" in state and f"{stem}class_embedding" in state:
            image = {"depth": depth(f"{stem}transformer.resblocks.")}
            image |= patches(f"{stem}conv1.weight")
            break
    if "token_embedding.weight" in state:
        image["text_depth"] = depth("transformer.resblocks.")
        image["text_width"] = state["token_embedding.weight"].shape[-1]
    return Contents("clip", **image) if image else Contents("unknown")


def load_state(path: str | Path, *, kind: str | None = None) -> dict[str, torch.Tensor]:
    """Read the weights in a checkpoint file without executing anything in it.

    Understood by content, not by name: safetensors; torch's zip format (mapped into memory, so that
    only what is used is read) and its older format. Wrappers of training scripts (``state_dict``,
    ``model``, DINO's ``teacher`` and ``student``) and prefixes (``module.``, ``backbone.``) are
    taken off, and DINO's projection head is left out.

    Parameters
    ----------
    path : the file
    kind : "clip", "dino" or "sam" if the file must hold that; None for whatever it holds

    Returns
    -------
    dict
        Names to CPU tensors; floating ones as float32, the rest (position ids, say) as they are.

    Raises
    ------
    WeightError
        For a file that is missing, empty, cut short or no checkpoint; that holds code (a
        TorchScript archive, a pickle that names functions); or that holds another ``kind``.
    """
    import torch

    path = Path(path)
    raw = _read(path, sniff(path))
    state = {}
    for key, value in _unwrap(raw, path).items():
        floating = value.is_floating_point() and value.dtype != torch.float32
        state[key] = value.detach().float() if floating else value.detach()
    found = describe(state)
    if found.kind == "dino":
        state = {key: value for key, value in state.items() if not key.startswith("head.")}
    if kind is not None and found.kind != kind:
        raise WeightError(
            f"{path} holds {found}, but {_NAMES.get(kind, kind)} weights are wanted (its first "
            f"tensors are {', '.join(list(state)[:3])}); choose another file"
        )
    return state


def sniff(path: Path) -> str:
    """Tell what a file is from its first bytes, or say in one sentence why it is no checkpoint.

    Returns "safetensors", "zip" (torch since 1.6) or "pickle" (torch before that).
    """
    if not path.is_file():
        raise WeightError(f"There is no file {path}; check the path or fetch the weights by name")
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise WeightError(f"{path} is empty (0 bytes): its download failed; fetch it again")
    text = head.lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        raise WeightError(
            f"{path} is a web page, not weights: the server (or a login page of the network) "
            "answered with HTML; open the address in a browser, then fetch the file again"
        )
    if text.startswith(b"version https://git-lfs"):
        raise WeightError(
            f"{path} is a Git LFS pointer of {path.stat().st_size} bytes, not the weights "
            "themselves; run `git lfs pull` there, or fetch the file by name"
        )
    # eight bytes of header length, whose first may be any, then JSON
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") <= path.stat().st_size - 8:
        return "safetensors"
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(b"\x80"):
        return "pickle"
    if head[8:9] == b"{":  # cut short; who reads it says so
        return "safetensors"
    raise WeightError(
        f"{path} is no checkpoint that is known here (it starts with {head[:8]!r}); safetensors "
        "and files written by torch.save can be read"
    )


def _read(path: Path, layout: str) -> Any:
    """The object in the file. Nothing is called to build it but torch's own tensor makers."""
    import torch

    cut = f"{path} is cut short or damaged ({path.stat().st_size} bytes); fetch it again"
    if layout == "safetensors":
        import safetensors
        import safetensors.torch

        try:
            return safetensors.torch.load_file(path)
        except safetensors.SafetensorError as error:
            raise WeightError(f"{cut} (safetensors: {error})") from error
    if layout == "zip":
        _refuse_torchscript(path, cut)
    try:
        # the training options in DINO's and timm's checkpoints are an argparse.Namespace, which
        # holds values and runs nothing
        with torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=layout == "zip")
    except pickle.UnpicklingError as error:
        culprit = _culprit(path, str(error))
        if culprit is None:
            raise WeightError(f"{cut}, or {_SAFER}") from error
        raise WeightError(
            f"{path} was not read because it holds more than tensors: it names {culprit}, and "
            f"reading that would run code on this machine; {_SAFER}"
        ) from error
    except (EOFError, RuntimeError, OSError, ValueError, KeyError) as error:
        why = str(error).strip().partition("\n")[0][:120]
        raise WeightError(f"{cut} (torch: {why or 'end of file'})") from error


def _refuse_torchscript(path: Path, cut: str) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except zipfile.BadZipFile as error:
        raise WeightError(cut) from error
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise WeightError(
            f"{path} is a TorchScript archive, that is a program with its weights, and programs "
            f"are not run here; use a safetensors copy (for OpenAI's CLIP ViT-B/16 the registry's "
            "clip-vit-b-16-openai is one)"
        )


def _culprit(path: Path, message: str) -> str | None:
    """What in the pickle is not data; None if nothing is, so the file is damaged."""
    if named := re.search(r"GLOBAL (\S+) was not an allowed global", message):
        return named[1]
    # torch gives up on newer pickle protocols before it meets a name; list the names, call none
    plain = ("torch._utils._rebuild", "collections.OrderedDict", "argparse.Namespace")
    for name in _globals(path):
        if not name.startswith(plain) and not re.fullmatch(r"torch\.\w*Storage", name):
            return name
    return None


def _globals(path: Path) -> Iterator[str]:
    """Names that the pickles at the start of a (not zipped) file would import."""
    with path.open("rb") as file:
        strings: list[str] = []
        try:
            while file.peek(1)[:1] == b"\x80":
                for opcode, argument, _ in pickletools.genops(file):
                    if opcode.name == "GLOBAL":
                        yield argument.replace(" ", ".")
                    elif opcode.name == "STACK_GLOBAL":
                        yield ".".join(strings[-2:])
                    elif isinstance(argument, str):
                        strings.append(argument)
        except ValueError:  # the bytes stop being a pickle; what came before has been listed
            return


def _unwrap(raw: Any, path: Path) -> dict[str, torch.Tensor]:
    """Tensors by name, without wrappers and prefixes."""
    import torch

    while isinstance(raw, Mapping):
        inside = next((key for key in _WRAPPERS if isinstance(raw.get(key), Mapping)), None)
        if inside is None:
            break
        raw = raw[inside]
    tensors = raw if isinstance(raw, Mapping) else {}
    tensors = {str(key): value for key, value in tensors.items() if torch.is_tensor(value)}
    if not tensors:
        what = f"the keys {', '.join(map(str, list(raw)[:5]))}" if isinstance(raw, Mapping) else ""
        raise WeightError(
            f"{path} holds {what or f'a {type(raw).__name__}'} and no tensors by name; a state "
            "dict is expected, as module.state_dict() gives"
        )
    for prefix in ("module.", "_orig_mod."):  # DistributedDataParallel, torch.compile
        if all(key.startswith(prefix) for key in tensors):
            tensors = {key.removeprefix(prefix): value for key, value in tensors.items()}
    body = {key: value for key, value in tensors.items() if key.startswith("backbone.")}
    if body and all(key.startswith("head.") for key in tensors.keys() - body.keys()):
        tensors = {key.removeprefix("backbone."): value for key, value in body.items()}
    return tensors
