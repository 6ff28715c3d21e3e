"""A mosaic encoded: window rows spliced, SAM's views spread over them and blended, all on disk.

Neighbouring views are blended where the method is still linear: each view spreads the *same*
spliced map by its own correlation, and the spread features are averaged with weights that sum to 1.
That is one correlation for the whole photo, whose rows still sum to 1, with the views' correlations
fading into each other. Blending cosines instead would come after the normalisation, which weighs a
view's features by how long they happen to be, and would have to be done again for every question.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from .. import trident
from ..dense import look, window_features
from ..profiles import Preset
from ..run import give_back_memory
from ..segmenter import Segmenter
from .lattice import Lattice
from .store import Store, digest
from .working import PICTURE, picture_key

SPLICED, VIEWS, FEATURES = "spliced", "views", "features"
BLOCK = 32  # rows of cells that are blended at a time


def encode(
    model: Segmenter, store: Store, lattice: Lattice, preset: Preset, *, progress: bool = True
) -> str:
    """Features of the working picture in the store, float32 [rows, columns, embed_dim], unit
    length. Pieces that lie there already are taken as they are.

    Returns
    -------
    str : the key of the features: that of the picture that they were made from
    """
    key = picture_key(store)
    if store.done(FEATURES, key) and store.path(FEATURES).exists():
        return key
    splice_windows(model, store, lattice, preset, progress=progress)
    spread_views(model, store, lattice, preset, progress=progress)
    store.append({"forget": FEATURES})
    blend_views(model, store, lattice)
    store.finish(FEATURES, key)
    return key


def splice_windows(
    model: Segmenter, store: Store, lattice: Lattice, preset: Preset, *, progress: bool = True
) -> None:
    """The spliced map, a row of windows at a time from the top.

    Held are the rows of the map that the last windows reach. On resuming, the windows above that
    reach into the next rows are looked at again, in the same order, so no bit depends on where it
    was stopped.
    """
    tops, cell, crop = lattice.window_starts[0], lattice.spliced_cell, lattice.crop
    grid, width = lattice.spliced_grid, model.encoders.clip.width
    down, across = lattice.window_counts
    store.room(SPLICED, (*grid, width), np.float32)
    held, last = _Held(crop // cell, grid[1], width), None
    for number, top in enumerate(tqdm(tops, desc="window rows", disable=not progress)):
        first = next(k for k in range(number + 1) if tops[k] + crop > top)
        key = digest(store.read(PICTURE, np.s_[tops[first] : top + crop]))
        unit = f"{SPLICED} {number}"
        if store.done(unit, key):
            continue
        if last != number - 1:
            held.sum.zero_()
        for k in range(first if last != number - 1 else number, number + 1):
            held.move_to(tops[k] // cell)
            strip = store.read(PICTURE, np.s_[tops[k] : tops[k] + crop])
            for features, left in _row(model, strip, lattice, preset):
                held.add(features, left)
        last = number
        below = tops[number + 1] // cell if number + 1 < len(tops) else grid[0]
        rows = slice(top // cell, below)
        counts = torch.from_numpy(down[rows, None, None] * across[None, :, None])
        store.write_rows(SPLICED, rows.start, (held.sum[: below - top // cell] / counts).numpy())
        store.finish(unit, key)


class _Held:
    """The rows of the map that are still being summed."""

    def __init__(self, rows: int, columns: int, width: int):
        self.sum, self.first = torch.zeros(rows, columns, width), 0

    def move_to(self, first: int) -> None:
        """Let go of the rows above `first`."""
        gone = first - self.first
        if not 0 <= gone < len(self.sum):
            self.sum.zero_()
        elif gone:
            self.sum[:-gone] = self.sum[gone:].clone()
            self.sum[-gone:] = 0
        self.first = first

    def add(self, features: Tensor, left: int) -> None:
        self.sum[:, left : left + features.shape[1]] += features


def _row(
    model: Segmenter, strip: np.ndarray, lattice: Lattice, preset: Preset
) -> Iterator[tuple[Tensor, int]]:
    """Features of one row of windows, left to right: [rows, columns, width] and the left cell.

    `strip` is uint8 [crop, w, 3]. Where the lattice was moved, the first window lies by itself.
    """
    crop, width = lattice.crop, strip.shape[1]
    move = lattice.window_starts[1]
    alone = len(move) > 1 and move[1] - move[0] != min(lattice.stride, width - crop)
    parts = [(0, strip[:, :crop]), (move[1], strip[:, move[1] :])] if alone else [(0, strip)]
    for left, part in parts:
        with model._autocast():
            for boxes, features in window_features(
                model.encoders, np.ascontiguousarray(part), preset, batch=model._batch
            ):
                for box, feature in zip(boxes, features.float().cpu(), strict=True):
                    yield feature, int(box[1]) + left // lattice.spliced_cell


def spread_views(
    model: Segmenter, store: Store, lattice: Lattice, preset: Preset, *, progress: bool = True
) -> None:
    """What SAM sees in each view, spread over the spliced map: an array a view, float32 [rows,
    columns, width] on the cells of the features."""
    places, cell = list(lattice.views()), lattice.spliced_cell
    for row, column in tqdm(places, desc="views of SAM", disable=not progress or len(places) < 4):
        rows, cols = lattice.view_box(row, column)
        image = store.read(PICTURE, rows, cols)
        spliced = store.read(
            SPLICED,
            np.s_[rows.start // cell : rows.stop // cell],
            np.s_[cols.start // cell : cols.stop // cell],
        )
        key, name = digest(image, spliced), view_name(row, column)
        if store.done(name, key) and store.path(name).exists():
            continue
        with model._autocast():
            seen = look(model.encoders, image, preset)
        there = torch.from_numpy(spliced).to(seen.correlation)
        pooled = trident.aggregate(seen.correlation, there, seen.grid).unflatten(0, seen.grid)
        size = tuple(side // lattice.cell for side in image.shape[:2])
        store.write(name, trident.resize_map(pooled.float(), size).cpu().numpy())
        store.finish(name, key)
        del seen, there, pooled
        give_back_memory()


def blend_views(model: Segmenter, store: Store, lattice: Lattice) -> None:
    """All views blended, embedded by CLIP and brought to unit length, in blocks of rows."""
    rows, columns = lattice.grid
    down, across = lattice.view_weights
    heights, widths = (side // lattice.cell for side in lattice.view)
    clip = model.encoders.clip
    store.room(FEATURES, (rows, columns, clip.embed_dim), np.float32)
    for top in range(0, rows, BLOCK):
        block = np.zeros((min(BLOCK, rows - top), columns, clip.width), np.float32)
        for row, column in lattice.views():
            first, left = (starts[i] // lattice.cell for starts, i in _both(lattice, row, column))
            part = slice(max(top, first), min(top + len(block), first + heights))
            if part.start >= part.stop:
                continue
            seen = store.read(view_name(row, column), slice(part.start - first, part.stop - first))
            weight = down[row, part, None, None] * across[column, left : left + widths, None]
            block[part.start - top : part.stop - top, left : left + widths] += weight * seen
        features = clip.embed(torch.from_numpy(block).to(clip.device))
        store.write_rows(FEATURES, top, F.normalize(features, dim=-1).cpu().numpy())


def _both(lattice: Lattice, row: int, column: int):
    return zip(lattice.view_starts, (row, column), strict=True)


def view_name(row: int, column: int) -> str:
    return f"{VIEWS}/{row:03d}_{column:03d}"


def bytes_needed(model: Segmenter, lattice: Lattice) -> int:
    """Room on disk that an encoding takes at its largest."""
    clip = model.encoders.clip
    cells = lattice.grid[0] * lattice.grid[1]
    seen = len(list(lattice.views())) * lattice.view[0] * lattice.view[1] // lattice.cell**2
    spliced = lattice.spliced_grid[0] * lattice.spliced_grid[1]
    numbers = (seen + spliced) * clip.width + cells * clip.embed_dim
    return 3 * lattice.size[0] * lattice.size[1] + 4 * numbers
