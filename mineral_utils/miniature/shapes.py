"""Outlines of the general world: circles, stars, leaves, ragged islands, and mosaics of tiles."""

from __future__ import annotations

import numpy as np

from .surfaces import landscape

_ANGLES = np.linspace(0, 2 * np.pi, 720, endpoint=False)


def outline(shape: str, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Radius by angle, and how much wider than high.

    Parameters
    ----------
    shape : circle, square, triangle, star, leaf, ring, bar, blob or island

    Returns
    -------
    (float32 [720], the largest 1; aspect >= 1)
    """
    aspect = 1.0
    if shape in ("circle", "ring"):
        radius, aspect = np.ones(720), rng.uniform(1, 1.5)
    elif shape in ("square", "bar"):
        radius = 1 / np.maximum(np.abs(np.cos(_ANGLES)), np.abs(np.sin(_ANGLES)))
        aspect = rng.uniform(3, 7) if shape == "bar" else rng.uniform(1, 1.6)
    elif shape == "triangle":
        radius = 1 / np.cos(np.mod(_ANGLES, 2 * np.pi / 3) - np.pi / 3)
        aspect = rng.uniform(1, 1.3)
    elif shape == "star":
        points, depth = rng.integers(4, 9), rng.uniform(0.35, 0.6)
        spike = np.abs(np.mod(_ANGLES * points / (2 * np.pi), 1) * 2 - 1)
        radius = depth + (1 - depth) * spike
    elif shape == "leaf":  # two arcs that meet in two tips
        bend = rng.uniform(0.6, 1.6)
        side = np.abs(np.sin(_ANGLES)) * bend
        radius = np.sqrt(side**2 + 1) - side
    elif shape in ("blob", "island"):
        ragged = shape == "island"
        number = np.arange(1, 60 if ragged else 5)
        size = number ** (-1.15 if ragged else -0.8) * rng.normal(size=(2, len(number)))
        size *= (0.33 if ragged else 0.22) / (1 if ragged else 1.3)
        turn = np.multiply.outer(_ANGLES, number)
        radius = np.exp(np.cos(turn) @ size[0] + np.sin(turn) @ size[1])
        aspect = rng.uniform(1, 1.8)
    else:
        raise ValueError(f"no outline of a {shape!r}; see mineral_utils.miniature.things.SHAPES")
    return (radius / radius.max()).astype(np.float32), float(aspect)


def stamp(
    segments: np.ndarray,
    number: int,
    shape: str,
    centre: tuple[float, float],
    radius: float,
    angle: float,
    rng: np.random.Generator,
) -> None:
    """Lay a shape over the segments: pixels whose centre is inside get `number`.

    segments int32 [H, W], changed; centre (row, column) and radius (half the longest extent) in
    px; angle in radians.
    """
    table, aspect = outline(shape, rng)
    height, width = segments.shape
    top, left = (max(int(np.floor(c - radius)), 0) for c in centre)
    bottom = min(int(np.ceil(centre[0] + radius)) + 1, height)
    right = min(int(np.ceil(centre[1] + radius)) + 1, width)
    if top >= bottom or left >= right:
        return
    y = (np.arange(top, bottom, dtype=np.float32) - np.float32(centre[0]))[:, None]
    x = (np.arange(left, right, dtype=np.float32) - np.float32(centre[1]))[None]
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    u, v = x * cos + y * sin, (y * cos - x * sin) * np.float32(aspect)
    square = u * u + v * v
    if shape in ("circle", "ring"):
        inside = square < radius**2
        if shape == "ring":
            inside &= square > (radius * rng.uniform(0.4, 0.75)) ** 2
    else:
        turn = np.arctan2(v, u)
        turn *= np.float32(720 / (2 * np.pi))
        limit = (table * np.float32(radius)) ** 2
        inside = square < limit[turn.astype(np.int32) % 720]
    segments[top:bottom, left:right][inside] = number


def mosaic(rng: np.random.Generator, size: tuple[int, int], number: int) -> np.ndarray:
    """A patchwork of `number` tiles (Voronoi cells), straight or with ragged borders.

    Returns
    -------
    int32 [H, W], 0 to number - 1
    """
    from scipy.ndimage import distance_transform_edt

    height, width = size
    seeds = np.full(size, -1, np.int32)
    rows, columns = rng.integers(0, height, number), rng.integers(0, width, number)
    seeds[rows, columns] = np.arange(number)
    nearest = distance_transform_edt(seeds < 0, return_distances=False, return_indices=True)
    tiles = seeds[nearest[0], nearest[1]]
    sway = rng.choice([0.0, 0.0, 1.0, 2.5]) * min(size) / 256
    if sway:
        shift = landscape(rng, size, 1.6) * np.float32(sway)
        other = landscape(rng, size, 1.6) * np.float32(sway)
        y = np.clip(np.arange(height)[:, None] + shift, 0, height - 1).astype(np.int32)
        x = np.clip(np.arange(width)[None] + other, 0, width - 1).astype(np.int32)
        tiles = tiles[y, x]
    return tiles


def levels(rng: np.random.Generator, size: tuple[int, int], number: int) -> np.ndarray:
    """Regions between level lines of a fractal landscape: int32 [H, W], 0 to number - 1."""
    field = landscape(rng, size, float(rng.choice([1.2, 1.4, 1.6, 2.0])))
    shares = np.sort(rng.uniform(0.1, 0.9, number - 1))
    sample = field[:: max(size[0] // 64, 1), :: max(size[1] // 64, 1)]
    return np.searchsorted(np.quantile(sample, shares), field).astype(np.int32)
