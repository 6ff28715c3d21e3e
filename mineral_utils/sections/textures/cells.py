"""Tessellations: mosaics of crystals that meet in threes, as grains do that grew side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .frame import Frame

STRIP_PX = 24576  # pixels at a time, so that they stay in the cache
NEIGHBOURS = 6  # at most 8, see _compare


@dataclass(frozen=True)
class Cells:
    """A relaxed Laguerre tessellation.

    Attributes
    ----------
    ids : int32 [H, W]
        Number of the cell at each pixel, 0 to N - 1.
    sites : float64 [N, 2]
        Where the cells grew from, x and y in field widths; some lie outside the field.
    """

    ids: np.ndarray
    sites: np.ndarray

    def __len__(self) -> int:
        return len(self.sites)


def sites(
    frame: Frame, rng: np.random.Generator, spacing: float, relax: int = 2, most: int = 2500
) -> np.ndarray:
    """Random points, spread evenly by Lloyd's steps.

    Parameters
    ----------
    spacing : float
        Mean distance of neighbours in field widths.

    Returns
    -------
    float64 [N, 2], x and y in field widths, reaching a little beyond the field
    """
    height, width = frame.extent
    spacing = max(spacing, math.sqrt(frame.area / most), 2.2 / frame.unit)
    margin = 1.2 * spacing
    low = np.array([-margin, -margin])
    size = np.array([width + 2 * margin, height + 2 * margin])
    columns, rows = np.maximum(np.round(size / spacing), 2).astype(int)
    grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
    points = low + (grid + rng.random(grid.shape)) * size / (columns, rows)
    for _ in range(relax if len(points) < 700 else min(relax, 1)):
        sample = low + rng.random((10 * len(points), 2)) * size
        nearest = cKDTree(points).query(sample)[1]
        weight = np.bincount(nearest, minlength=len(points)) + 1
        points = np.stack(
            [
                (np.bincount(nearest, sample[:, k], len(points)) + points[:, k]) / weight
                for k in (0, 1)
            ],
            -1,
        )
    return points


def mirrored(frame: Frame, cells: Cells, flip: int) -> Cells:
    """The same tessellation seen in a mirror: left-right (flip 1), upside down (2), both (3)."""
    ids, points = cells.ids, cells.sites.copy()
    if flip & 1:
        ids, points[:, 0] = ids[:, ::-1], frame.extent[1] - points[:, 0]
    if flip & 2:
        ids, points[:, 1] = ids[::-1], frame.extent[0] - points[:, 1]
    return Cells(np.ascontiguousarray(ids), points)


def tessellate(
    frame: Frame,
    rng: np.random.Generator,
    spacing: float,
    uneven: float = 0.2,
    warp: tuple[np.ndarray, np.ndarray] | None = None,
    relax: int = 2,
    stretch: tuple[float, float] = (1.0, 1.0),
) -> Cells:
    """A mosaic of crystals.

    Parameters
    ----------
    spacing : float
        Mean grain size in field widths.
    uneven : float
        Spread of sizes: Laguerre weights up to this fraction of the squared spacing.
    warp : (float32 [H, W], float32 [H, W]), optional
        Shift in x and in y, field widths: bends and serrates the boundaries.
    relax : int
        Lloyd's steps; 0 leaves grains of very different shape.
    """
    points = sites(frame, rng, spacing, relax)
    weights = uneven * spacing**2 * rng.random(len(points))
    return Cells(assign(frame, points, weights, warp), points)


def assign(
    frame: Frame,
    points: np.ndarray,
    weights: np.ndarray | None = None,
    warp: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """The cell of every pixel: least squared distance minus weight.

    Only the few sites near a block of pixels are compared, found for its centre.

    Returns
    -------
    int32 [H, W], index into points
    """
    height, width = frame.shape
    unit = frame.unit
    weights = np.zeros(len(points)) if weights is None else weights
    lift = np.sqrt(weights.max() - weights)  # a power distance is a plain one from higher up
    tree = cKDTree(np.column_stack([points, lift]))
    spacing = math.sqrt(np.prod(np.ptp(points, axis=0) + 1e-9) / len(points)) * unit
    block = max(1, min(round(0.55 * spacing), 256))
    few = min(NEIGHBOURS, len(points))
    out = np.empty((height, width), np.int32)
    strip = max(1, STRIP_PX // (width * block)) * block
    x0 = ((np.arange(width) + 0.5) / unit).astype(np.float32)
    across = np.minimum(np.arange(0, width, block) + block // 2, width - 1)
    for top in range(0, height, strip):
        rows = np.arange(top, min(top + strip, height))
        down = np.minimum(np.arange(top, rows[-1] + 1, block) + block // 2, height - 1)
        y = ((rows[:, None] + 0.5) / unit).astype(np.float32) + np.zeros(width, np.float32)
        x = np.broadcast_to(x0, y.shape)
        if warp is not None:
            x, y = x + warp[0][rows], y + warp[1][rows]
        centre = np.stack([x[np.ix_(down - top, across)], y[np.ix_(down - top, across)]], -1)
        centre = np.concatenate([centre, np.zeros((*centre.shape[:2], 1))], -1)
        near = tree.query(centre.reshape(-1, 3), k=few)[1].reshape(len(down), len(across), few)
        out[rows] = _compare(x, y, near, points, weights, block)
    return out


def _compare(x, y, near, points, weights, block) -> np.ndarray:
    """Best of the candidates `near` [block rows, block columns, k] for every pixel.

    Scores are positive floats whose last three bits carry the number of the candidate: read as
    integers they sort alike, so that one minimum keeps both.
    """
    height, width = x.shape
    full = near.shape[0] * block
    if full != height:  # so that rows fall into blocks
        x, y = (np.pad(a, ((0, full - height), (0, 0)), mode="edge") for a in (x, y))
    x, y = (a.reshape(near.shape[0], block, width) for a in (x, y))
    column = np.arange(width) // block
    lift = max(float(np.abs(x).max()) ** 2 + float(np.abs(y).max()) ** 2, 0.1) * 1.1
    to_x, to_y = (-2 * points).astype(np.float32).T
    constant = ((points**2).sum(1) - weights + weights.max() + lift).astype(np.float32)
    best = None
    part, score = np.empty(x.shape, np.float32), np.empty(x.shape, np.float32)
    for k in range(near.shape[2]):
        site = np.take(near[:, :, k], column, axis=1)[:, None]
        np.multiply(x, to_x[site], out=score)
        np.multiply(y, to_y[site], out=part)
        np.add(score, part, out=score)
        np.add(score, constant[site], out=score)
        bits = score.view(np.int32)
        np.bitwise_and(bits, ~7, out=bits)
        np.bitwise_or(bits, k, out=bits)
        best = bits.copy() if best is None else np.minimum(best, bits, out=best)
    best &= 7
    best += ((np.arange(near.shape[0])[:, None] * near.shape[1] + column) * near.shape[2]).astype(
        np.int32
    )[:, None]
    return np.take(near.reshape(-1).astype(np.int32), best).reshape(full, width)[:height]
