"""Brittle fracture: a block halved again and again by cracks, the pieces shifted and tilted.

A crack halves one piece and ends at older cracks, so corners are sharp and sizes spread widely.
Every pixel is traced back to where it was before the block broke, crack by crack: outlines and
older cracks are offset across younger ones, as on real faults.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .frame import Frame

LEVELS = 9
POINTS = 3000
CHUNK = 16384  # pixels at a time, so that they stay in the cache


@dataclass(frozen=True)
class Shards:
    """Pixels after fracture.

    Attributes
    ----------
    piece : int64 [n]
        Number of the fragment, 0 to 2**LEVELS - 1.
    open : bool [n]
        Whether the pixel lies in an open crack.
    x, y : float32 [n]
        Where it was before, field widths.
    """

    piece: np.ndarray
    open: np.ndarray
    x: np.ndarray
    y: np.ndarray


def shatter(
    frame: Frame, rng: np.random.Generator, scale: float, x: np.ndarray, y: np.ndarray
) -> Shards:
    """Break the field, crushed strongly in places.

    Parameters
    ----------
    scale : float
        Size of the largest fragments in field widths.
    x, y : float32 [n]
        Pixels to trace back, field widths.
    """
    cracks = _cracks(frame, rng, scale)
    piece, gap = np.zeros(len(x), np.intp), np.zeros(len(x), bool)
    x, y = x.copy(), y.copy()
    for at in range(0, len(x), CHUNK):
        part = slice(at, at + CHUNK)
        _trace(cracks, piece[part], gap[part], x[part], y[part])
    return Shards(piece, gap, x, y)


def _cracks(frame: Frame, rng: np.random.Generator, scale: float) -> list:
    """Cracks level by level: which pieces are cut, and by what.

    Found with random points that are sorted into the pieces as they come about. Columns: unit
    normal, distance from the origin, middle along the crack, half aperture and its change along
    the crack, slip.
    """
    height, width = frame.extent
    points = rng.random((POINTS, 2)) * (width, height)
    crush = np.clip(0.5 + 0.4 * frame.sample(rng, 0.35, points), 0, 1)
    wanted = scale * np.select([crush > 0.75, crush > 0.55], [0.14, 0.4], 1.0)
    at = np.zeros(POINTS, np.intp)
    levels = []
    for level in range(LEVELS):
        n = 2**level
        count = np.maximum(np.bincount(at, minlength=n), 1)

        def mean(values, at=at, n=n, count=count):
            return np.bincount(at, values, n) / count

        mx, my = mean(points[:, 0]), mean(points[:, 1])
        dx, dy = points[:, 0] - mx[at], points[:, 1] - my[at]
        long = 0.5 * np.arctan2(2 * mean(dx * dy), mean(dx * dx) - mean(dy * dy))
        angle = long + rng.normal(0, 0.45, n)
        c, s = np.cos(angle), np.sin(angle)
        size = np.sqrt(count / POINTS * frame.area)
        offset = mx * c + my * s + rng.normal(0, 0.12, n) * size
        cut = (size > mean(wanted) * rng.uniform(0.9, 1.7, n)) & (count > 8)
        loose = mean(np.clip(crush - 0.25, 0, 1))
        half = 0.0007 + 0.02 * loose**1.5 * np.minimum(1, 0.25 + size / 0.3)
        half = np.maximum(half * rng.gamma(2, 0.5, n), 0.55 / frame.unit)
        tilt = rng.normal(0, 0.8, n) * half / np.maximum(size, 0.01)
        slip = rng.normal(0, 1.2, n) * half
        table = np.stack([c, s, offset, my * c - mx * s, half, tilt, slip]).astype(np.float32)
        levels.append((cut, table))
        at = 2 * at + (cut[at] & (points[:, 0] * c[at] + points[:, 1] * s[at] < offset[at]))
    return levels


def _trace(cracks: list, piece, gap, x, y) -> None:
    """Trace pixels back through all cracks, in place."""
    for cut, table in cracks:
        now = np.flatnonzero(cut[piece])  # most pieces are whole after a few cracks
        node = piece[now]
        c, s, offset, along, half, tilt, slip = (row[node] for row in table)
        px, py = x[now], y[now]
        side = px * c + py * s - offset
        half += np.maximum(-half, tilt * (py * c - px * s - along))
        below = side < 0
        gap[now] |= np.abs(side) < half
        # close the crack, and slide back along it
        half *= np.where(below, np.float32(1), np.float32(-1))
        slip *= np.where(below, np.float32(1), np.float32(-1))
        x[now] = px + half * c - slip * s
        y[now] = py + half * s + slip * c
        piece *= 2
        piece[now] += below
