"""A pool of scenes on disk, for SAM to learn from.

Drawing a scene costs more than reading one, so a pool is drawn once and mapped into memory.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..run import write_json
from . import world
from .things import Thing

EIGHT = np.ones((3, 3), dtype=bool)  # neighbours of a pixel, corners included
MOST = 2048  # segments of a scene that the pool can hold
CLOSE = 6.0  # grey levels up to which two pieces of one wording look the same


@dataclass(frozen=True)
class Pool:
    """Scenes on disk, mapped into memory: images uint8 [N, H, W, 3], segments int16 [N, H, W],
    looks int16 [N, 2048] (-1 where a scene has no such piece)."""

    images: np.ndarray
    segments: np.ndarray
    looks: np.ndarray

    def __len__(self) -> int:
        return len(self.images)


def draw_pool(
    folder: str | Path, count: int, *, seed: int, size: int = 448, helpers: int = 0
) -> Pool:
    """Draw square scenes into a folder, or open those that are there and go on where they end.

    Parameters
    ----------
    folder : where `images.npy`, `segments.npy`, `looks.npy` and `pool.json` lie
    count : number of scenes
    seed : scene i is drawn from (seed, i), so a longer pool begins with the shorter one
    size : side of a scene in px
    helpers : processes that draw; 0 draws here

    Raises
    ------
    ValueError
        The folder holds a pool of another recipe.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipe, note = {"count": count, "seed": seed, "size": size}, folder / "pool.json"
    done = 0
    if note.is_file():
        found = json.loads(note.read_text(encoding="utf-8"))
        done = found.pop("done")
        if found != recipe:
            raise ValueError(
                f"{folder} holds a pool of {found}, not of {recipe}; remove it or name another"
            )
    shapes = {
        "images": ((count, size, size, 3), np.uint8),
        "segments": ((count, size, size), np.int16),
        "looks": ((count, MOST), np.int16),
    }
    arrays = {}
    for name, (shape, kind) in shapes.items():
        path = folder / f"{name}.npy"
        if done == 0:  # sparse file of the final size
            np.lib.format.open_memmap(path, "w+", kind, shape).flush()
        arrays[name] = np.lib.format.open_memmap(path, "r" if done == count else "r+")
    pool = Pool(**arrays)
    with ExitStack() as stack:
        jobs = ((seed, index, size) for index in range(done, count))
        drawn = map(_scene, jobs)
        if helpers and done < count:
            spawn = multiprocessing.get_context("spawn")
            others = stack.enter_context(ProcessPoolExecutor(helpers, spawn))
            drawn = others.map(_scene, jobs, chunksize=8)
        bar = tqdm(drawn, "scenes", count, disable=done == count, mininterval=10, initial=done)
        for index, (image, segments, looks) in enumerate(bar, start=done):
            pool.images[index], pool.segments[index] = image, segments
            pool.looks[index] = -1
            pool.looks[index, : len(looks)] = looks
            if (index + 1) % 100 == 0 or index + 1 == count:
                for array in arrays.values():
                    array.flush()
                write_json(note, recipe | {"done": index + 1})
    return pool


def open_pool(folder: str | Path) -> Pool:
    """The pool that `draw_pool` left in a folder, to read."""
    names = ("images", "segments", "looks")
    return Pool(*(np.load(Path(folder) / f"{name}.npy", mmap_mode="r") for name in names))


def _scene(job: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image, segments and looks of scene `index` of a seed, `size` px a side."""
    seed, index, size = job
    rng = np.random.default_rng((seed, index))
    while True:
        drawn = world.scene(rng, size=(size, size))
        looks = find_looks(drawn.image, drawn.segments, drawn.things)
        if len(looks) <= MOST:  # else confetti: draw another
            return drawn.image, drawn.segments, looks


def find_looks(image: np.ndarray, segments: np.ndarray, things: Sequence[Thing]) -> np.ndarray:
    """Which pieces look the same: same words for colour and surface, and mean colours at most 6
    grey levels apart. int32 [pieces]; equal numbers mean equal looks."""
    count = int(segments.max()) + 1
    area = np.maximum(np.bincount(segments.ravel(), minlength=count), 1)
    mean = np.stack(
        [np.bincount(segments.ravel(), image[..., c].ravel(), count) / area for c in range(3)], -1
    )
    known: dict[tuple, list[tuple[np.ndarray, int]]] = {}
    looks = np.zeros(count, np.int32)
    number = 0
    for piece in range(count):
        thing = things[piece]
        seen = known.setdefault((thing.colour, thing.surface), [])
        same = [n for colour, n in seen if np.abs(colour - mean[piece]).max() <= CLOSE]
        if not same:
            seen.append((mean[piece], number))
            same, number = [number], number + 1
        looks[piece] = same[0]
    return looks
