"""Outlines of regions along the edges of pixels, and the way back from outlines to pixels.

A point (x, y) is a corner of pixels: pixel (row, column) covers x from column to column + 1 and y
from row to row + 1. Along pixel edges nothing is rounded, so filling an outline gives back exactly
the pixels that it was drawn around.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .regions import FOUR, number_regions

Ring = list[tuple[int, int]]  # corners (x, y) in order, the first not repeated
Polygon = list[Ring]  # the outer ring, then its holes


def outlines(labels: np.ndarray, numbers: np.ndarray, count: int) -> list[list[Polygon]]:
    """Outlines of all regions.

    Parameters
    ----------
    labels : uint8 [H, W]
    numbers : int32 [H, W], the region of each pixel from 1 to `count`, 0 where there is none
    count : how many regions there are

    Returns
    -------
    list of lists of polygons, one list a region
        Each polygon is one piece whose pixels share edges (where pieces touch at corners only, a
        region has several): the outer ring, then the rings of its holes. No ring touches itself.
        Signed areas in (x, y) are positive for outer rings, negative for holes.
    """
    pieces, label_of = number_regions(labels, FOUR)
    region_of = np.zeros(len(label_of) + 1, np.int32)
    region_of[pieces] = numbers
    polygons: list[Polygon] = [[] for _ in range(len(label_of) + 1)]
    for piece, ring in _rings(pieces):
        # the outer ring of a piece is the only one with a positive area
        polygons[piece].insert(0 if signed_area(ring) > 0 else len(polygons[piece]), ring)
    found: list[list[Polygon]] = [[] for _ in range(count)]
    for piece, polygon in enumerate(polygons):
        if polygon and region_of[piece]:
            found[region_of[piece] - 1].append(polygon)
    return found


def signed_area(ring: Sequence[tuple[float, float]]) -> float:
    """Area of a ring in (x, y), negative where it runs the other way round."""
    x, y = np.array(ring, float).T
    return float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) / 2


def fill(rings: Iterable[Sequence[tuple[float, float]]], size: tuple[int, int]) -> np.ndarray:
    """Pixels whose centres lie inside rings, by the even-odd rule: a ring within a ring is a hole.

    Parameters
    ----------
    rings : corners (x, y), in px; any polygons, closed or not; parts outside are cut off
    size : (height, width) in px

    Returns
    -------
    bool [height, width]
    """
    height, width = size
    sides = [np.zeros((0, 4))]
    for ring in rings:
        start = np.array(ring, float).reshape(-1, 2)
        sides.append(np.hstack([start, np.roll(start, -1, axis=0)]))
    x0, y0, x1, y1 = np.concatenate(sides).T
    # each side crosses the centre lines of some rows, that through its lower end included
    first = np.ceil(np.minimum(y0, y1) - 0.5).clip(0, height).astype(np.int64)
    count = np.ceil(np.maximum(y0, y1) - 0.5).clip(0, height).astype(np.int64) - first
    side = np.repeat(np.arange(len(count)), count)
    rows = np.arange(len(side)) - np.repeat(np.cumsum(count) - count, count) + first[side]
    slope = (x1 - x0)[side] / (y1 - y0)[side]
    x = x0[side] + (rows + 0.5 - y0[side]) * slope
    columns = np.ceil(x - 0.5).clip(0, width).astype(np.int64)
    crossed = np.bincount(rows * (width + 1) + columns, minlength=height * (width + 1))
    inside = np.bitwise_xor.accumulate((crossed & 1).reshape(height, width + 1), axis=1)
    return inside[:, :width].astype(bool)


def fill_in(labels: np.ndarray, rings: list[np.ndarray], label: int) -> None:
    """Give the pixels inside a polygon (outer ring first, float [n, 2]) their label, in place."""
    outer = rings[0]  # only the part of the map that it lies in is looked at
    left, top = np.floor(outer.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(outer.max(axis=0)).astype(int).clip(0)
    part = labels[top:bottom, left:right]
    part[fill([ring - (left, top) for ring in rings], part.shape)] = label


def _rings(pieces: np.ndarray) -> Iterable[tuple[int, Ring]]:
    """All rings of all pieces, each with the number of its piece.

    Corners of pieces are found first. Along each row of the grid a piece's corners belong together
    in pairs, by level sides, and along each column by upright ones; a ring goes from side to side.
    """
    piece, x, y, across, down, first_across = _corners(pieces)
    level = _partners(piece, y, x, across)
    upright = _partners(piece, x, y, down)
    touching = _repeated(piece, x, y)
    xs, ys, owners = x.tolist(), y.tolist(), piece.tolist()
    visited = bytearray(len(owners))
    for start in np.lexsort((x, y, piece)).tolist():
        if visited[start]:
            continue
        # the topmost left corner: of a piece one walks right from it, round a hole down
        steps = (level, upright) if first_across[start] else (upright, level)
        corners, at, turn, split = [], start, 0, False
        while not visited[at]:
            visited[at] = True
            corners.append((xs[at], ys[at]))
            split |= touching[at]
            at, turn = steps[turn][at], 1 - turn
        for ring in _simple(corners) if split else [corners]:
            yield owners[start], ring


def _corners(pieces: np.ndarray) -> tuple[np.ndarray, ...]:
    """Corners of pieces: piece, x, y; of two at one point the order along the row and down the
    column; whether the piece lies below right of it (else the hole does)."""
    padded = np.pad(pieces, 1)
    quarters = (padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:])
    found = []
    for k, here in enumerate(quarters):  # above left, above right, below left, below right
        beside, over, opposite = quarters[k ^ 1], quarters[k ^ 2], quarters[3 - k]
        lies_right, lies_below = k & 1, k >> 1
        for owner, chosen, convex in (
            (here, (here > 0) & (here != beside) & (here != over), True),
            (over, (over > 0) & (over == beside) & (over == opposite) & (over != here), False),
        ):
            y, x = np.nonzero(chosen)
            order = [np.full(len(y), v) for v in (lies_right, lies_below, k == 3 and convex)]
            found.append((owner[y, x], x, y, *order))
    return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))


def _partners(
    piece: np.ndarray, line: np.ndarray, along: np.ndarray, order: np.ndarray
) -> list[int]:
    """The other end of the side that each corner begins on its line of the grid."""
    sorted_ = np.lexsort((order, along, line, piece))
    partner = np.empty(len(sorted_), np.int64)
    partner[sorted_[0::2]], partner[sorted_[1::2]] = sorted_[1::2], sorted_[0::2]
    return partner.tolist()


def _repeated(piece: np.ndarray, x: np.ndarray, y: np.ndarray) -> list[bool]:
    """Corners that share their point with another corner of the same piece."""
    wide, high = x.max(initial=0) + 1, y.max(initial=0) + 1
    point = (piece.astype(np.int64) * high + y) * wide + x
    _, which, counts = np.unique(point, return_inverse=True, return_counts=True)
    return (counts[which] > 1).tolist()


def _simple(corners: Ring) -> list[Ring]:
    """A ring that passes some points twice, as rings that do not."""
    rings: list[Ring] = []
    path: Ring = []
    where: dict[tuple[int, int], int] = {}
    for corner in corners:
        if corner in where:
            begin = where[corner]
            rings.append(path[begin:])
            for passed in path[begin:]:
                del where[passed]
            del path[begin:]
        where[corner] = len(path)
        path.append(corner)
    return [*rings, path]
