"""Pretrained weights: where each checkpoint comes from, fetched once, checked, and read safely.

The registry (``weights.yaml``) names every checkpoint's address, size, licence and hash. Files are
kept in a cache folder (``MINERAL_CACHE``, else the user's cache) and never replaced by something
that was not checked; ``MINERAL_OFFLINE=1`` keeps everything on this machine::

    from mineral_utils.weights import fetch_weights, load_into, load_state
    path = fetch_weights("sam-vit-b")            # downloads 375 MB the first time
    load_into(model, load_state(path, kind="sam"), path.name)
"""

from __future__ import annotations

import datetime
import difflib
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from tqdm.auto import tqdm

from . import download, shipped
from .checkpoint import Contents, WeightError, describe, load_state, sniff
from .run import cache_dir
from .run import offline as offline_by_choice

if TYPE_CHECKING:
    import torch

__all__ = [
    "Checkpoint",
    "Contents",
    "WeightError",
    "cache_dir",
    "check_architecture",
    "describe",
    "fetch_weights",
    "find",
    "load_into",
    "load_state",
    "registry",
    "resolve",
]


@dataclass(frozen=True)
class Checkpoint:
    """One row of the registry; the head of ``weights.yaml`` says what each field means."""

    name: str
    model: str
    architecture: str
    tag: str
    backbone: str
    url: str
    file: str
    licence: str
    licence_source: str
    size: int | None = None
    sha256: str | None = None
    sha256_prefix: str | None = None
    hash_source: str | None = None
    note: str | None = None


@functools.cache
def _rows() -> tuple[Checkpoint, ...]:
    text = Path(__file__).with_name("weights.yaml").read_text(encoding="utf-8")
    return tuple(Checkpoint(**row) for row in yaml.safe_load(text))


def registry() -> dict[str, Checkpoint]:
    """All known checkpoints by name."""
    return {row.name: row for row in _rows()}


def find(name: str) -> Checkpoint:
    """A checkpoint by its name in the registry or by its file name.

    Raises
    ------
    WeightError
        For an unknown name, with the nearest known ones.
    """
    rows = registry()
    for row in rows.values():
        if name in (row.name, row.file):
            return row
    near = [known for known in rows if name.lower() in known]
    near = near or difflib.get_close_matches(name.lower(), rows, n=3, cutoff=0.4) or list(rows)
    raise WeightError(
        f"No checkpoint is called {name!r}; nearest: {', '.join(near)}. A path to a file of your "
        "own is accepted in its place"
    )


def resolve(name_or_path: str | Path, **options: object) -> Path:
    """A checkpoint's file: fetched if it is a registry name, from the package if it is one of the
    small models (``miniature:clip``), else the user's own path as it is.

    Parameters
    ----------
    name_or_path : a name in the registry, one of `shipped.KINDS` (``miniature:clip``), or a path
    options : as for `fetch_weights`

    Raises
    ------
    WeightError
        If it is neither a known name nor a file, cannot be fetched, or was damaged.
    """
    if str(name_or_path).startswith(shipped.PREFIX):
        return shipped.weight_file(str(name_or_path).removeprefix(shipped.PREFIX))
    if str(name_or_path) in registry():
        return fetch_weights(str(name_or_path), **options)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if path.suffix or len(path.parts) > 1:
        raise WeightError(
            f"There is no file {path.absolute()}; give the path of a checkpoint or one of the "
            f"names {', '.join(registry())}"
        )
    return fetch_weights(str(name_or_path), **options)


def fetch_weights(
    name: str,
    *,
    offline: bool | None = None,
    cache: str | Path | None = None,
    base_url: str | None = None,
    progress: bool = True,
    timeout: float = 30.0,
) -> Path:
    """Give the path of a checkpoint on this machine, downloading it the first time.

    A download that breaks off is resumed, now or by a later call. A file is put in place only
    when size and hash are right. Where no hash is published, the one found at first use is noted in
    ``hashes.json`` beside the file, said, and required from then on. Several processes may ask for
    the same file: one downloads, the others wait.

    Parameters
    ----------
    name : name in the registry
    offline : True to never use the network; None asks ``MINERAL_OFFLINE``
    cache : folder of the files; None for `cache_dir`
    base_url : address of a mirror that serves the files under their names in the cache
    progress : draw a bar
    timeout : seconds of silence after which the server is given up, and asked again

    Returns
    -------
    Path
        The verified file.

    Raises
    ------
    WeightError
        If it cannot be fetched: then the message says which file to put where, and how to check it.
        If size or hash are wrong: then the file is kept aside as ``<file>.rejected``.
    """
    row = find(name)
    folder = cache_dir() if cache is None else Path(cache).expanduser()
    target = folder / row.file
    if offline is None:
        offline = offline_by_choice()
    url = f"{base_url.rstrip('/')}/{row.file}" if base_url else row.url
    try:
        if target.is_file():
            return _checked(row, target, target)
        if offline:
            raise WeightError(
                f"{row.name} is not on this machine, and MINERAL_OFFLINE (or offline=True) forbids "
                f"to fetch it: {_by_hand(row, url, target)}"
            )
        folder.mkdir(parents=True, exist_ok=True)
        with download.lock(target):
            if target.is_file():  # another process was quicker
                return _checked(row, target, target)
            part = target.with_name(target.name + ".part")
            download.fetch(url, part, size=row.size, progress=progress, timeout=timeout)
            part.with_name(part.name + ".json").unlink(missing_ok=True)
            return _checked(row, part, target)
    except download.DownloadError as error:
        raise WeightError(
            f"{row.name} could not be fetched: {error}. Or without this program: "
            f"{_by_hand(row, url, target)}"
        ) from error
    except OSError as error:
        raise WeightError(
            f"{row.name} could not be kept in {folder} ({error}); let MINERAL_CACHE name a folder "
            "that you may write to"
        ) from error


def _by_hand(row: Checkpoint, url: str, target: Path) -> str:
    """What a person with another way to the network has to do."""
    size = f"{row.size:,} bytes" if row.size else "size not published"
    if row.sha256 or row.sha256_prefix:
        must = f"is {row.sha256}" if row.sha256 else f"begins with {row.sha256_prefix}"
        check = f"its SHA-256 {must} (sha256sum, or certutil -hashfile FILE SHA256)"
    else:
        check = "no SHA-256 is published for it, so compare two downloads"
    return (
        f"download {url} elsewhere ({size}, licence {row.licence}) and save it as {target}; {check}"
    )


# ---- is it the right file? ---------------------------------------------------------------------
def _checked(row: Checkpoint, path: Path, target: Path) -> Path:
    """Move ``path`` to ``target`` if it is what the registry, or its first use, says it is."""
    notes = target.with_name("hashes.json")
    noted = _notes(notes).get(row.file, {})
    published = row.sha256 or row.sha256_prefix
    wanted = (published or noted.get("sha256", "")).lower()
    seen = path.stat()
    untouched = (noted.get("size"), noted.get("mtime_ns")) == (seen.st_size, seen.st_mtime_ns)
    if path == target and untouched and noted.get("sha256", "").startswith(wanted or "-"):
        return target  # hashed before, and not written to since
    if row.size is not None and seen.st_size != row.size:
        _reject(path, target, f"it has {seen.st_size:,} bytes instead of {row.size:,}")
    try:
        sniff(path)
    except WeightError as error:  # a web page, an empty file, a Git LFS pointer
        _reject(path, target, str(error))
    found = _sha256(path)
    if not found.startswith(wanted):
        where = "in the registry" if published else f"at first use (noted in {notes})"
        _reject(path, target, f"its SHA-256 is {found} and not {wanted} as {where}")
    if path != target:
        os.replace(path, target)
        seen = target.stat()
    if not wanted:
        tqdm.write(
            f"{row.file}: no SHA-256 is published, so the one found now, {found}, is noted in "
            f"{notes} and required from now on"
        )
    note = {"sha256": found, "size": seen.st_size, "mtime_ns": seen.st_mtime_ns}
    try:
        _add_note(notes, row.file, note)
    except OSError as error:  # a shared cache that may only be read: good to use all the same
        tqdm.write(f"{row.file} was checked, but this cannot be noted in {notes} ({error})")
    return target


def _reject(path: Path, target: Path, reason: str) -> None:
    rejected = target.with_name(target.name + ".rejected")
    os.replace(path, rejected)
    raise WeightError(
        f"{target.name} was refused because {reason}; it is kept as {rejected} and nothing is in "
        "its place: fetch it again, and if that gives the same, do not use it but tell the "
        "maintainers"
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _notes(path: Path) -> dict[str, dict]:
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise WeightError(
            f"{path} is damaged ({error}); delete it, and the files beside it are checked anew"
        ) from error
    return notes


def _add_note(path: Path, file: str, note: dict) -> None:
    note = {**note, "checked": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")}
    with download.lock(path):
        notes = _notes(path) | {file: note}
        aside = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        aside.write_text(json.dumps(notes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        os.replace(aside, path)


# ---- does it fit the model? --------------------------------------------------------------------
def check_architecture(
    state: Mapping[str, torch.Tensor], module: torch.nn.Module, name: str
) -> None:
    """Raise unless the tensors have exactly the names and shapes of the module's.

    Parameters
    ----------
    state : as `load_state` gives
    module : the model to be filled
    name : what to call the weights in the message, their file say

    Raises
    ------
    WeightError
        Which model and size the weights hold and which was asked for, or the first of the tensors
        that differ.
    """
    wanted = {key: tuple(value.shape) for key, value in module.state_dict().items()}
    given = {key: tuple(value.shape) for key, value in state.items()}
    if wanted == given:
        return
    held, asked = describe(state), describe(module.state_dict())
    if held != asked and "unknown" not in (held.kind, asked.kind):
        rows = [row for row in registry().values() if row.model == asked.kind]
        fitting = [row.name for row in rows if row.backbone == asked.backbone]
        choice = f"choose {' or '.join(fitting)}" if fitting else "choose a checkpoint of that size"
        raise WeightError(
            f"{name} holds {held} but {asked} was asked for; {choice}, or build the model that the "
            "checkpoint is for"
        )
    differ = [key for key in wanted.keys() & given.keys() if wanted[key] != given[key]]
    shapes = [f"{key} {list(given[key])} instead of {list(wanted[key])}" for key in sorted(differ)]
    parts = [
        _first("missing", [key for key in wanted if key not in given]),
        _first("not in the model", [key for key in given if key not in wanted]),
        _first("of another shape", shapes),
    ]
    raise WeightError(
        f"{name} ({held}) does not fit {type(module).__name__}: {'; '.join(filter(None, parts))}; "
        "build the model with the settings that the checkpoint was made with"
    )


def _first(what: str, items: list[str], shown: int = 3) -> str:
    more = ", …" if len(items) > shown else ""
    return f"{len(items)} {what} ({', '.join(items[:shown])}{more})" if items else ""


def load_into(
    module: torch.nn.Module, state: Mapping[str, torch.Tensor], name: str
) -> torch.nn.Module:
    """Fill a model strictly: every tensor has its place, and every place its tensor.

    The module takes the tensors themselves over (as float32), so nothing is copied; do not fill a
    second module with the same ``state``, or the two share their weights. The module may have been
    built on the ``meta`` device. Move it to another device afterwards.

    Parameters
    ----------
    module, state, name : as for `check_architecture`

    Returns
    -------
    torch.nn.Module
        The same module.

    Raises
    ------
    WeightError
        If they do not fit.
    """
    check_architecture(state, module, name)
    # Measured with SAM ViT-B (375 MB, .pth) and a module on "meta": the process grows by 1 MB here
    # and by 377 MB once all weights were used; building, reading and copying peaked at 718 MB.
    plain = {k: v.float() if v.is_floating_point() else v for k, v in state.items()}
    module.load_state_dict(plain, strict=True, assign=True)
    return module
