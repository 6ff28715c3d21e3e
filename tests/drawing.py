"""Drawn grains for tests of stages, independent of the renderer: the committed known answer holds
such a picture."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from mineral_utils.minerals import vocabulary

DRAWN = ("pyrite", "sphalerite", "galena", "chalcopyrite", "quartz")


def draw_grains(
    minerals: tuple[str, ...] = DRAWN, size: tuple[int, int] = (336, 448), seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Polygonal grains, each in its mineral's colour in air.

    Parameters
    ----------
    minerals : names that `vocabulary` knows, two or more
    size : (height, width) in px
    seed : of the grains

    Returns
    -------
    (image uint8 [H, W, 3], labels uint8 [H, W], index into `minerals`)

    The colour is the mean reflectance at 650, 546 and 470 nm as red, green and blue, in linear
    light relative to a white of 60 %, with sRGB's curve; no physics beyond that.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    seeds = rng.uniform((0, 0), size, (45, 2))
    kinds = rng.integers(0, len(minerals), len(seeds))
    warp = ndimage.gaussian_filter(rng.normal(0, 1, (2, height, width)), (0, 9, 9)) * 120
    rows, columns = np.mgrid[:height, :width] + warp
    nearest = cKDTree(seeds).query(np.stack([rows, columns], -1))[1]
    labels = kinds[nearest].astype(np.uint8)
    image = np.stack([_colour(name) for name in minerals])[labels]
    seams = ndimage.morphological_gradient(nearest, 2) > 0
    image[seams] //= 3
    image = ndimage.gaussian_filter(image.astype(np.float32), (0.7, 0.7, 0))
    return np.rint(image).astype(np.uint8), labels


def _colour(name: str) -> np.ndarray:
    reflectance = {nm: (r1 + r2) / 2 for nm, r1, r2 in vocabulary().find(name).reflectance}
    linear = np.array([reflectance[nm] for nm in (650, 546, 470)]) / 60
    linear = linear.clip(0, 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * encoded).astype(np.uint8)
