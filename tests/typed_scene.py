"""Encoded photos whose map is typed: each cell of the grid holds the very vector of a name, so the
answer can be read off the letters."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import torch

from mineral_utils.encoders import SamView
from mineral_utils.photos import Photo
from mineral_utils.segmenter import Scene, Segmenter, load_model

NAMES = {"P": "pyrite", "G": "galena", "S": "sphalerite", "Q": "quartz"}
CELL = 8  # px a cell


@cache
def tuned() -> Segmenter:
    """The demo road's models with the adapter that knows the names."""
    return load_model("demo", device="cpu", adapter="miniature:ore")


def typed_scene(rows: Sequence[str], um_per_px: float | None = None, seed: int = 0) -> Scene:
    """A scene of 8 px for each letter of `NAMES`; nothing for SAM's decoder to work with."""
    model, grid = tuned(), (len(rows), len(rows[0]))
    words = model.encoders.text.embed([NAMES[letter] for letter in "".join(rows)])
    size = grid[0] * CELL, grid[1] * CELL
    image = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    photo = Photo(image, um_per_px=um_per_px, credit="typed")
    view = SamView(torch.zeros(0), torch.zeros(0), grid, size, size)
    return Scene(photo, size, words, view, model.preset, model, "photo")
