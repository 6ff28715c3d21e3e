"""Digital sections drawn once and kept in a folder, mapped into memory from there."""

from __future__ import annotations

import errno
import json
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import parent_process
from pathlib import Path

import numpy as np
from filelock import FileLock
from tqdm.auto import tqdm

from ..minerals import vocabulary
from ..run import write_json

CHUNK = 100  # sections drawn between two notes of how far the pool is


def drawn_sections(
    folder: Path, first: int, count: int, workers: int, progress: bool
) -> tuple[np.ndarray, np.ndarray, list[dict[str, str]]]:
    """Sections of the training set on disk; those that are there are not drawn again.

    Returns
    -------
    images : uint8 [count, H, W, 3], mapped
    labels : uint8 [count, H, W], mapped, index into the whole vocabulary; 255: no mineral
    rows : ``title`` and ``text`` of each

    Raises
    ------
    ValueError
        The folder holds other sections, or damaged ones, or cannot be made.
    OSError
        The disk has no room for them.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(
            f"{folder} cannot hold drawn sections ({error.strerror}); name another folder"
        ) from error
    with FileLock(folder / ".lock"):  # of several processes one draws, the others wait and read
        return _fill(folder, first, count, workers, progress)


def _fill(folder: Path, first: int, count: int, workers: int, progress: bool):
    from ..sections.sets import SIZE

    note, rows = folder / "pool.json", []
    wanted = {"first": first, "count": count}
    shapes = {"images": (count, *SIZE, 3), "labels": (count, *SIZE)}
    try:
        if note.is_file():
            found = json.loads(note.read_text(encoding="utf-8"))
            rows = found.pop("rows")
            if found != wanted:
                raise _Others(
                    f"{folder} holds {found['count']} sections from {found['first']}, not {count} "
                    f"from {first}; name another folder or remove it"
                )
        if not rows:
            for name, shape in shapes.items():
                _reserve(folder / f"{name}.npy", shape)
        kind = "r" if len(rows) == count else "r+"
        images, labels = (np.load(folder / f"{name}.npy", mmap_mode=kind) for name in shapes)
    except (ValueError, KeyError, EOFError, FileNotFoundError) as error:
        if isinstance(error, _Others):
            raise
        raise ValueError(
            f"{folder} holds a damaged pool of sections ({error}); remove it, and they are drawn "
            "again"
        ) from error
    if len(rows) == count:
        return images, labels, rows
    left = range(first + len(rows), first + count)
    with ProcessPoolExecutor(workers, initializer=_end_with_parent) as pool:
        drawn = pool.map(_draw, left, chunksize=10)
        for image, truth, row in tqdm(
            drawn, total=len(left), desc="drawing sections", disable=not progress
        ):
            images[len(rows)], labels[len(rows)] = image, truth
            rows.append(row)
            if len(rows) % CHUNK == 0 or len(rows) == count:
                images.flush()
                labels.flush()
                write_json(note, wanted | {"rows": rows})
    return images, labels, rows


class _Others(ValueError):
    """A whole pool, but of other sections."""


def _reserve(path: Path, shape: tuple[int, ...]) -> None:
    """An array on disk with room for all of it: a disk that fills up behind a memory map ends the
    process without a word."""
    try:
        np.lib.format.open_memmap(path, "w+", np.uint8, shape).flush()
        if hasattr(os, "posix_fallocate"):
            with path.open("r+b") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    except OSError as error:
        if error.errno == errno.EOPNOTSUPP:  # a file system that reserves nothing
            return
        path.unlink(missing_ok=True)
        raise OSError(
            f"{path.parent} cannot take {shape[0]} drawn sections, {np.prod(shape) / 1e6:.0f} MB "
            f"of {path.stem} ({error.strerror}); make room, lower count, or name another folder"
        ) from error


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work for ever."""

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _draw(number: int) -> tuple[np.ndarray, np.ndarray, dict[str, str]]:
    from ..sections import training_section
    from ..sections.words import caption

    section = training_section(number)
    onto = np.full(256, 255, np.uint8)
    onto[: len(section.names)] = [vocabulary().names.index(name) for name in section.names]
    written = caption(section, seed=number)
    return section.image, onto[section.labels], {"title": written.title, "text": written.text}
