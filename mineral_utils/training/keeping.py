"""A course on disk: checkpoint, curve, adapter."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError
from torch import nn

from ..clip_lora import save_adapter, trainable_parameters
from ..clip_lora.adapters import digest
from ..profiles import Preset
from ..run import replacing

if TYPE_CHECKING:
    from .course import Course

FILES = ("last.pt", "curve.jsonl", "adapter.safetensors")
DINO = "DINO and how it is read (their hash)"
ABANDONED = 600.0  # seconds after which nobody is still writing a file
MEMORY_ONLY = ("name", "note", "micro", "forget")  # parts of a recipe that change no number


def save(course: Course) -> None:
    """Write ``last.pt`` and ``curve.jsonl``, each whole or not at all; the main process does.

    Raises
    ------
    OSError
        The disk is full or the folder cannot be written; the file from before is kept.
    """
    if not course.together.is_main:
        return
    course.out.mkdir(parents=True, exist_ok=True)
    state = {
        "what": identity(course),
        "adapters": {k: v.detach() for k, v in trainable_parameters(course.clip).items()},
        "optimiser": course.optimiser.state_dict(),
        "schedule": course.schedule.state_dict(),
        "scaler": course.teacher.scaler.state_dict(),
        "step": course.step,
        "seconds": course.seconds,
        "curve": course.curve,
        "tally": course.tally,
        "skipped": course.skipped,
    }
    with _room(course.out / "last.pt") as aside:
        torch.save(state, aside)
    with _room(course.out / "curve.jsonl") as aside:
        lines = "".join(json.dumps(line) + "\n" for line in course.curve)
        aside.write_text(lines, encoding="utf-8")


@contextmanager
def _room(path: Path) -> Iterator[Path]:
    try:
        with replacing(path) as aside:
            yield aside
    except (OSError, RuntimeError) as error:  # torch's writer raises either for a full disk
        raise _not_written(path, error) from error


def _not_written(path: Path, error: Exception) -> OSError:
    return OSError(
        f"{path} could not be written ({' '.join(str(error).split())}); what was there before is "
        "kept. Make room on the disk or see who may write there: the same call then goes on"
    )


def prepare(course: Course) -> None:
    """Try the folder before hours are spent, and remove what killed courses left half written.

    Raises
    ------
    ValueError
        Nothing can be written there.
    """
    if not course.together.is_main:
        return
    out = course.out
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except OSError as error:
        raise ValueError(
            f"nothing can be written to the folder {out} ({error.strerror or error}); name "
            "another one for `out`"
        ) from error
    for name in map(Path, FILES):
        for left in out.glob(f".{name.stem}.*.part{name.suffix}"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > ABANDONED:
                    left.unlink()


def go_on(course: Course) -> None:
    """Take up the checkpoint, if there is one.

    Raises
    ------
    ValueError
        It is damaged, or of another course; the message names what differs.
    """
    path = course.out / "last.pt"
    if not path.is_file():
        return
    try:
        state = torch.load(path, map_location=course.device, weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise ValueError(
            f"{path} is cut short, damaged or no checkpoint ({path.stat().st_size} bytes, "
            f"{type(error).__name__}); remove it or pass resume=False to begin anew"
        ) from error
    if not isinstance(state, dict) or "what" not in state:
        raise ValueError(
            f"{path} is no checkpoint of a course; choose another folder for `out`, or pass "
            "resume=False to take its place"
        )
    own = identity(course)
    there = {DINO: own[DINO], **state["what"]}  # checkpoints did not always say it
    differ = [
        f"{key}: {there.get(key)!r} there, {value!r} here"
        for key, value in own.items()
        if there.get(key) != value
    ]
    if differ:
        raise ValueError(
            f"{path} is of another course ({'; '.join(differ)}); choose another folder for `out`, "
            "or pass resume=False to begin anew"
        )
    with torch.no_grad():
        for name, place in trainable_parameters(course.clip).items():
            place.copy_(state["adapters"][name])
    course.optimiser.load_state_dict(state["optimiser"])
    course.schedule.load_state_dict(state["schedule"])
    course.teacher.scaler.load_state_dict(state["scaler"])
    course.step, course.seconds = state["step"], state["seconds"]
    course.curve, course.tally = state["curve"], state["tally"]
    course.skipped.extend(tuple(pair) for pair in state["skipped"])


def begin_anew(course: Course) -> None:
    """Remove what an earlier course left, so that nobody takes it for this one's."""
    if course.together.is_main:
        for name in FILES:
            (course.out / name).unlink(missing_ok=True)
    course.together.wait()


def identity(course: Course) -> dict:
    """What makes two courses the same; how much memory they may take does not."""
    recipe = {k: v for k, v in asdict(course.recipe).items() if k not in MEMORY_ONLY}
    recipe = {k: list(v) if isinstance(v, tuple) else v for k, v in recipe.items()}
    examples = course.examples
    taught = json.dumps([examples.texts, examples.files], ensure_ascii=False).encode()
    taught = hashlib.sha256(taught + examples.labels.tobytes()).hexdigest()
    return recipe | {
        "base": course.clip.lora.base_sha256,
        "began with": course.start[:12],
        "photos": len(examples),
        "classes": list(examples.names),
        "texts, labels and file names (their hash)": taught[:12],
        DINO: course.dino,
    }


def mark_of(dino: nn.Module, preset: Preset) -> str:
    """Hash of what the dense losses take from DINO: its weights, and how its tokens are read."""
    read = digest(dino.state_dict()), preset.beta, preset.gamma, preset.affinity_cap
    return hashlib.sha256(repr(read).encode()).hexdigest()[:12]


def export(course: Course) -> Path:
    """Write ``adapter.safetensors`` with all that is needed to use it."""
    path = course.out / "adapter.safetensors"
    if course.together.is_main:
        about = {
            "base": course.profile.clip.weights or "random weights",
            "architecture": course.profile.clip.architecture,
            "classes": list(course.examples.names),
            "prompts": course.recipe.prompts,
            "ground": course.recipe.ground,
            "recipe": asdict(course.recipe),
            "examples": course.examples.note,
            "began_with": course.start,
            "steps": course.step,
            "seconds": round(course.seconds, 1),
        }
        try:
            save_adapter(path, course.clip, about=about)
        except (OSError, SafetensorError) as error:
            raise _not_written(path, error) from error
    course.together.wait()
    return path
