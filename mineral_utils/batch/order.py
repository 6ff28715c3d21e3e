"""What is asked of every photo of a run, and by which two runs are told apart."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..export import DEFAULT
from ..export.formats import check_formats
from ..minerals import vocabulary
from ..photos.checks import check_scale, pixel_limit
from ..profiles import ModelSpec, load_preset, load_profile
from ..run import file_sha256
from ..shipped import PREFIX, read_card

_MODEL = ("profile", "clip", "dino", "sam", "preset")


class BatchError(ValueError):
    """A run that cannot begin or go on: what was found and what to do, in one sentence."""


@dataclass(frozen=True)
class Order:
    """What is asked of every photo.

    names : minerals, as for `Scene.segment`
    profile, preset, adapter : which models, and how they look, as for `load_model`
    refine : sharpen borders with SAM's decoder
    open_vocabulary : take unknown names as free text
    formats : keys of `mineral_utils.export.FORMATS`
    um_per_px : scale of all photos in µm per pixel; None takes each photo's own, if it states one
    credit : whose photos these are, for the captions
    frame : which picture of files that hold several, from 0; None refuses such files
    device, threads, max_pixels : where and how, which is free to change between two starts of a
        run: device as for `load_model`; threads of torch a process, None leaves them; largest photo
        to open, in pixels

    Raises
    ------
    ValueError
        A name, profile, preset or format that there is not, or a number out of range; the message
        offers the right ones.
    """

    names: tuple[str, ...]
    profile: str = "demo"
    preset: str | None = None
    adapter: str | None = None
    refine: bool = False
    open_vocabulary: bool = False
    formats: tuple[str, ...] = DEFAULT
    um_per_px: float | None = None
    credit: str | None = None
    device: str = "auto"
    threads: int | None = None
    max_pixels: int | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        queries = vocabulary().queries(self.names, open_vocabulary=self.open_vocabulary)
        if "unknown" in (query.name.casefold() for query in queries):
            raise ValueError(
                '"unknown" is what pixels are called that no name fits; leave it out of the names'
            )
        object.__setattr__(self, "names", tuple(query.name for query in queries))
        object.__setattr__(self, "formats", check_formats(self.formats))
        for key in ("profile", "adapter"):  # workers may run in other folders
            given = getattr(self, key)
            if given is not None and Path(given).is_file():
                object.__setattr__(self, key, str(Path(given).resolve()))
        check_scale(self.um_per_px, "every photo")
        pixel_limit(self.max_pixels, "every photo")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; give 1 or more, or leave it out")
        if self.frame is not None and self.frame < 0:
            raise ValueError(f"frame is {self.frame}; give 0 for the first picture of a file, 1 …")
        load_profile(self.profile)
        if self.preset is not None:
            load_preset(self.preset)

    @cached_property
    def model(self) -> str:
        """What a model is built from, as a key; files are looked at once, not for every photo."""
        parts = {key: value for key, value in self.identity().items() if key in _MODEL}
        return json.dumps({**parts, "device": self.device, "threads": self.threads})

    def identity(self) -> dict[str, Any]:
        """What makes this run this run and no other, as JSON has it; no folders in it."""
        profile = load_profile(self.profile)
        clip = profile.clip
        if self.adapter is not None:
            clip = dataclasses.replace(clip, adapter=str(self.adapter))
        preset = load_preset(self.preset) if self.preset is not None else profile.preset
        models = {"clip": clip, "dino": profile.dino, "sam": profile.sam}
        return {
            "minerals": list(self.names),
            "open": self.open_vocabulary,
            "profile": profile.name,
            **{name: _model(spec) for name, spec in models.items()},
            "preset": dataclasses.asdict(preset),
            "refine": self.refine,
            "formats": list(self.formats),
            "um_per_px": self.um_per_px,
            "credit": self.credit,
            "frame": self.frame,
        }


def differences(was: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Where two identities differ, a phrase each: "minerals: pyrite there, galena now"."""
    found = []
    for key in now:
        if was.get(key) == now[key]:
            continue
        there, here = was.get(key), now[key]
        if isinstance(there, dict) and isinstance(here, dict):
            inner = [k for k in {**there, **here} if there.get(k) != here.get(k)]
            key = f"{key} ({', '.join(inner)})"
            there, here = ([side.get(k) for k in inner] for side in (there, here))
        found.append(f"{key}: {_words(there)} there, {_words(here)} now")
    return found


def _words(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_words, value))
    if isinstance(value, bool):  # 1 and 0 are no words for yes and no
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _model(spec: ModelSpec) -> dict[str, Any]:
    row = dataclasses.asdict(spec)
    for key in ("weights", "adapter"):
        row[key] = _fingerprint(row[key])
    return row


def _fingerprint(given: str | None) -> str | None:
    """Name of weights, with the hash where a file of that name may change."""
    if given is None:
        return None
    if given.startswith(PREFIX):
        return f"{given} {str(read_card(given.removeprefix(PREFIX)).get('sha256'))[:12]}"
    path = Path(given)
    return f"{path.name} {file_sha256(path)[:12]}" if path.is_file() else given
