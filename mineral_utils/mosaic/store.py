"""The folder of an encoding: what it belongs to, its journal, and its arrays.

``about.json`` says which photo, models and lattice the folder belongs to. ``journal.jsonl`` gets a
line, flushed to the disk, whenever a piece of work lies there whole; a program that is killed loses
the piece that it was at. A piece is known by a hash of the pixels or numbers that it was made from,
so it is made again when those change and never otherwise.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from ..run import replacing, write_json
from ..run.files import plain

FOLDER = "encoded"  # inside the mosaic's folder
ABOUT, JOURNAL, LOCK = "about.json", "journal.jsonl", ".lock"


class MosaicError(ValueError):
    """A folder that belongs to something else, or cannot be used: what, and what to do."""


def digest(*parts: np.ndarray) -> str:
    """32 hexadecimal digits that stand for the shapes, types and bytes of arrays."""
    engine = hashlib.blake2b(digest_size=16)
    for part in parts:
        engine.update(f"{part.dtype}{part.shape}".encode())
        engine.update(np.ascontiguousarray(part).data)
    return engine.hexdigest()


class Store:
    """The folder of an encoding, opened by `opened`.

    Attributes
    ----------
    folder : Path
    lines : list of dict, the journal's lines in the order in which they came
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.lines = list(self._read())
        self._keys: dict[str, str] = {}
        for line in self.lines:
            self._take(line)

    def _read(self) -> Iterator[dict]:
        path = self.folder / JOURNAL
        if not path.exists():
            return
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                row = json.loads(line)
            except ValueError:
                row = None
            if not isinstance(row, dict) or not line.endswith(b"\n"):
                break  # cut off in writing
            whole += len(line)
            yield row
        os.truncate(path, whole)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a line to the journal, on the disk when this returns."""
        with open(self.folder / JOURNAL, "ab") as file:
            file.write(json.dumps(plain(line), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.lines.append(dict(line))
        self._take(line)

    def _take(self, line: Mapping[str, Any]) -> None:
        if "unit" in line:
            self._keys[line["unit"]] = line["key"]
        if "forget" in line:
            kept = {k: v for k, v in self._keys.items() if not k.startswith(line["forget"])}
            self._keys = kept

    def done(self, unit: str, key: str) -> bool:
        """Whether this piece of work was done on just these inputs."""
        return self._keys.get(unit) == key

    def finish(self, unit: str, key: str) -> None:
        """Note that a piece of work lies there whole."""
        self.append({"unit": unit, "key": key})

    def path(self, name: str) -> Path:
        return self.folder / f"{name}.npy"

    def room(self, name: str, shape: tuple[int, ...], kind: type) -> None:
        """Make an array on disk, empty, unless it lies there; what the journal knows of pieces
        ``<name> …`` of another array is forgotten."""
        path = self.path(name)
        if path.exists():
            there = np.load(path, mmap_mode="r")
            if there.shape == shape and there.dtype == kind:
                return
        self.append({"forget": name})
        with replacing(path) as aside:
            np.lib.format.open_memmap(aside, "w+", kind, shape).flush()

    def write_rows(self, name: str, first: int, rows: np.ndarray) -> None:
        """Put rows into an array on disk."""
        with open(self.path(name), "r+b") as file:
            np.lib.format.read_magic(file)
            shape, _, kind = np.lib.format.read_array_header_1_0(file)
            row = int(np.prod(shape[1:])) * kind.itemsize
            file.seek(first * row, os.SEEK_CUR)
            file.write(np.ascontiguousarray(rows, kind).data)
            file.flush()
            os.fsync(file.fileno())

    def read(self, name: str, rows: slice = np.s_[:], cols: slice = np.s_[:]) -> np.ndarray:
        """A copy of a rectangle; the file's pages do not stay in memory."""
        return np.array(np.load(self.path(name), mmap_mode="r")[rows, cols])

    def write(self, name: str, array: np.ndarray) -> None:
        """Write an array, whole or not at all."""
        with replacing(self.path(name)) as aside:
            np.save(aside, array)

    def remove(self, *names: str) -> None:
        """Remove arrays, or folders of arrays, that are not needed any more."""
        for name in names:
            self.path(name).unlink(missing_ok=True)
            shutil.rmtree(self.folder / name, ignore_errors=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One program at a time in a folder; also clears away what a killed one left half written.

    Raises
    ------
    MosaicError
        Another program works in the folder, or it cannot be written.
    """
    lock = FileLock(folder / LOCK, timeout=0)
    try:
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise MosaicError(
            f"another program is working in {folder.name}; wait for it, or choose another folder"
        ) from error
    except OSError as error:
        raise MosaicError(
            f"the folder {folder.name} cannot be written ({error.strerror or error}); make room, "
            "or choose another folder"
        ) from error
    try:
        for left in (*folder.glob(".*.part*"), *(folder / FOLDER).rglob(".*.part*")):
            left.unlink()
        yield
    finally:
        lock.release()


def claim(folder: Path, about: Mapping[str, Any], *, again: Sequence[str] = ()) -> bool:
    """Take a folder for what `about` says, or see that it is taken for just that.

    Parameters
    ----------
    folder : path
    about : nested mapping of what JSON can hold
    again : top keys in which the folder may differ; it is taken anew then

    Returns
    -------
    bool : whether it differed there

    Raises
    ------
    MosaicError
        The folder belongs to something else; the differences are named.
    """
    path, about = folder / ABOUT, plain(about)
    if not path.exists():
        write_json(path, about)
        return False
    try:
        found = dict(json.loads(path.read_text("utf-8")))
    except (ValueError, TypeError) as error:
        raise MosaicError(
            f"{ABOUT} in {folder.parent.name}/{folder.name} cannot be read ({error}), so it is not "
            "known what the folder belongs to; choose another one"
        ) from error
    unlike = differences(found, about)
    refused = [said for key, said in unlike.items() if key.split(".")[0] not in again]
    if refused:
        advice = "choose another folder, or repeat what was asked before"
        if all(key.startswith("photo.") for key in unlike):
            advice = "choose another folder, or say that the same photo was copied anew: same_photo"
        raise MosaicError(
            f"{folder.parent.name} belongs to another run ({'; '.join(refused[:4])}); {advice}"
        )
    if unlike:
        write_json(path, about)
    return bool(unlike)


def differences(found: Mapping, wanted: Mapping) -> dict[str, str]:
    """Where two nested mappings differ: dotted key -> what was there and what is wanted."""
    before, now = dict(_flat(found)), dict(_flat(wanted))
    return {
        key: f"{key} was {before.get(key)}, now it is {value}"
        for key, value in now.items()
        if before.get(key) != value
    }


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(item, f"{name}.{key}" if name else key)
    else:
        yield name, value
