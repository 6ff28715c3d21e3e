"""The working picture: the photo at the size at which the models look, made tile by tile."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tqdm.auto import tqdm

from ..photos import PhotoError
from .lattice import Lattice
from .shrinking import area_mean, support
from .source import Damage, Source
from .store import Store, digest

PICTURE = "picture"  # uint8 [h, w, 3]
TILES = (16, 4096)


class _Progress:
    """Which rows of the working picture are done, and what could not be read, from the journal."""

    def __init__(self, store: Store, height: int):
        self.done = np.zeros(height, bool)
        self.damaged: dict[tuple, Damage] = {}
        for line in store.lines:
            self.take(line)

    def take(self, line: dict) -> None:
        if "rows" in line:
            self.done[slice(*line["rows"])] = True
            for y1, x1, y2, x2, reason in line["damaged"]:
                self.damaged[y1, x1, y2, x2] = Damage(y1, x1, y2, x2, reason)
        if "again" in line:
            self.done[slice(*line["again"])] = False
            self.damaged = {} if line["last"] else self.damaged
        if line.get("forget") == PICTURE:
            self.done[:] = False
            self.damaged = {}


def shrink(
    source: Source,
    store: Store,
    lattice: Lattice,
    *,
    tile: int = 512,
    origin: tuple[int, int] = (0, 0),
    anew: bool = False,
    progress: bool = True,
) -> list[Damage]:
    """Make the working picture in the store, or what of it is missing.

    What could not be read before is tried again.

    Parameters
    ----------
    tile : px of the photo that are read at a time, down and right
    origin : (row, column) at which one tile of the grid begins; moves the grid
    anew : read everything again: the file is another copy of the same photo

    Returns
    -------
    list of Damage : what cannot be read, from the top left on

    Raises
    ------
    ValueError
        A tile out of range.
    PhotoError
        Nothing of the photo can be read.
    """
    if tile not in range(TILES[0], TILES[1] + 1):
        raise ValueError(
            f"tile is {tile!r}; give whole pixels from {TILES[0]} to {TILES[1]}, such as 512"
        )
    height, width = lattice.size
    store.room(PICTURE, (height, width, 3), np.uint8)
    state = _Progress(store, height)
    again = [(0, height)] if anew else _rows_of(state.damaged.values(), lattice)
    for number, (first, last) in enumerate(again, 1):
        _note(store, state, {"again": [first, last], "last": number == len(again)})
    if source.deep:
        known = [line["highest"] for line in store.lines if "highest" in line]
        if known and not anew:
            source.highest = known[-1]
        else:
            _note(store, state, {"highest": source.highest})
    bands = [band for band in _tiles(0, lattice, tile, origin) if not state.done[band].all()]
    for rows in tqdm(bands, desc="reading", disable=not progress or len(bands) < 4):
        picture, damaged = _band(source, lattice, rows, tile, origin)
        store.write_rows(PICTURE, rows.start, picture)
        places = [[d.y1, d.x1, d.y2, d.x2, d.reason] for d in damaged]
        _note(store, state, {"rows": [rows.start, rows.stop], "damaged": places})
    found = [state.damaged[place] for place in sorted(state.damaged)]
    if sum((d.y2 - d.y1) * (d.x2 - d.x1) for d in found) >= source.size[0] * source.size[1]:
        raise PhotoError(
            f"{source.name}: nothing of the photo can be read ({found[0].reason}); copy or "
            "download it again."
        )
    return found


def picture_key(store: Store) -> str:
    """A hash of the working picture."""
    rows = np.load(store.path(PICTURE), mmap_mode="r").shape[0]
    parts = (store.read(PICTURE, np.s_[top : top + 512]) for top in range(0, rows, 512))
    return digest(np.array([digest(part) for part in parts]))


def _note(store: Store, state: _Progress, line: dict) -> None:
    store.append(line)
    state.take(line)


def _rows_of(damaged, lattice: Lattice) -> list[tuple[int, int]]:
    """Rows of the working picture that rest on damaged places."""
    photo, height = lattice.photo[0], lattice.size[0]
    rows = {(d.y1 * height // photo, -(-d.y2 * height // photo)) for d in damaged}
    return sorted(rows)


def _tiles(axis: int, lattice: Lattice, tile: int, origin: tuple[int, int]) -> Iterator[slice]:
    """One axis of the tiles, in px of the working picture: every pixel belongs to one tile."""
    n_in, n_out = lattice.photo[axis], lattice.size[axis]
    edges = [0, *range(origin[axis] % tile or tile, n_in, tile), n_in]
    edges = [-(-edge * n_out // n_in) for edge in edges]
    for start, stop in zip(edges, edges[1:], strict=False):
        if start < stop:
            yield slice(start, stop)


def _band(
    source: Source, lattice: Lattice, rows: slice, tile: int, origin: tuple[int, int]
) -> tuple[np.ndarray, list[Damage]]:
    """Some rows of the working picture, read tile by tile."""
    band = np.empty((rows.stop - rows.start, lattice.size[1], 3), np.uint8)
    damaged: dict[Damage, None] = {}
    down = support(rows.start, rows.stop, lattice.photo[0], lattice.size[0])
    for cols in _tiles(1, lattice, tile, origin):
        right = support(cols.start, cols.stop, lattice.photo[1], lattice.size[1])
        part, unread = source.read(down, right)
        damaged |= dict.fromkeys(unread)
        band[:, cols] = area_mean(part, rows, cols, lattice.photo, lattice.size)
    return band, list(damaged)
