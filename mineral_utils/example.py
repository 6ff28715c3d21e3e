"""A picture to begin with: a digital section whose minerals are known, or a user's photo."""

from __future__ import annotations

import os
from pathlib import Path

from .photos import Photo, load_photo
from .sections import Section, render

DRAWN = ("pyrite", "sphalerite", "galena", "chalcopyrite", "quartz")
SEED = 6  # all five minerals are well seen


def example_section(
    minerals: tuple[str, ...] = DRAWN, size: tuple[int, int] = (336, 448), seed: int = SEED
) -> Section:
    """The digital section that lessons open with; ``.labels`` and ``.names`` are its truth.

    Parameters
    ----------
    minerals : names that `vocabulary` knows
    size : (height, width) in px
    seed : of everything drawn, see `mineral_utils.sections.render`
    """
    return render(list(minerals), size=size, seed=seed)


def example_photo() -> Photo:
    """The photo that lessons open with: a LumenStone training photo where ``LUMENSTONE_DIR`` is
    set, else the digital section of `example_section`, with its scale."""
    folder = os.environ.get("LUMENSTONE_DIR")
    photos = sorted(Path(folder).glob("*/imgs/train/*.jpg")) if folder else []
    if photos:
        return load_photo(photos[0], credit="LumenStone, Khvostikov et al. 2021")
    section = example_section()
    return Photo(section.image, um_per_px=section.um_per_px, credit="digital section")
