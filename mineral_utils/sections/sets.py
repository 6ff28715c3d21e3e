"""Sets of digital sections: endless ones to train and validate on, three frozen ones to test on.

All show assemblages of the paper's 20 minerals, at 448 x 336 px. Training and validation never
draw four of the textures, twelve of the pairs of minerals, or the strange cameras; the frozen sets
were fixed, by seed and renderer, before any model was trained:

====  ==========================================================================================
a     unseen seeds, drawn as training is
b     textures, assemblages and camera curves that training never draws
c     the fields of a, exposed 30 % more or less and with the white balance 15 % off
====  ==========================================================================================

``frozen.yaml`` keeps a fingerprint of each, so that a change of the renderer cannot pass unseen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from ..minerals import vocabulary
from .imaging import Camera
from .render import RENDERER, Section, render, reseed
from .textures import TRAINING, UNSEEN, Pool
from .textures.pool import draw_minerals

__all__ = ["FROZEN", "frozen", "frozen_fingerprint", "training_section", "validation_section"]

SIZE = (336, 448)
FROZEN = {"a": 60, "b": 60, "c": 60}  # set -> number of sections
EXPOSURES, BALANCES = (0.7, 1.3), (0.85, 1.15)


def training_section(number: int, **changes) -> Section:
    """Section `number` (0 and up) of the endless training set; `changes` go to `render`."""
    return _draw(("training", number), TRAINING, **changes)


def validation_section(number: int, **changes) -> Section:
    """Section `number` (0 and up) of the endless validation set, drawn as training is."""
    return _draw(("validation", number), TRAINING, **changes)


def frozen(name: str, count: int | None = None) -> Iterator[Section]:
    """The sections of a frozen test set, in order.

    Parameters
    ----------
    name : {"a", "b", "c"}
    count : only the first so many
    """
    if name not in FROZEN:
        raise ValueError(f"there is no frozen set {name!r}; choose one of {', '.join(FROZEN)}")
    for number in range(FROZEN[name] if count is None else min(count, FROZEN[name])):
        if name == "b":
            yield _draw(("frozen b", number), UNSEEN, unseen_camera=True)
            continue
        section = _draw(("frozen a", number), TRAINING)
        if name == "c":
            camera = Camera(**section.drawn["camera"])
            red, green, blue = camera.white_balance
            more, warm = EXPOSURES[number % 2], BALANCES[number // 2 % 2]
            camera = replace(
                camera,
                exposure=camera.exposure * more,
                white_balance=(red * warm, green, blue * (2 - warm)),
            )
            section = _draw(("frozen a", number), TRAINING, camera=camera)
        yield section


def frozen_fingerprint(name: str, count: int | None = None) -> list[str]:
    """One line a section: minerals with shares in tenths of a percent, and the mean colour."""
    lines = []
    for section in frozen(name, count):
        shares = ", ".join(
            f"{mineral} {share * 1000:.0f}" for mineral, share in sorted(section.shares.items())
        )
        red, green, blue = section.image.mean((0, 1))
        lines.append(f"{shares}; {red:.1f} {green:.1f} {blue:.1f}")
    return lines


@cache
def recorded_fingerprints() -> dict[str, list[str]]:
    """What ``frozen.yaml`` says of each set, for the renderer that it names."""
    path = Path(__file__).with_name("frozen.yaml")
    recorded = yaml.safe_load(path.read_text(encoding="utf-8"))
    if recorded["renderer"] != RENDERER:
        raise ValueError(
            f"{path.name} was recorded with renderer {recorded['renderer']}, this is {RENDERER}: "
            "the frozen sets are no longer those that results were reported on"
        )
    return recorded["sets"]


def _draw(key: tuple[str | int, ...], pool: Pool, **changes) -> Section:
    seed = reseed(*key)
    minerals = _assemblage(np.random.default_rng([seed, 7]), pool)
    return render(minerals, seed=seed, pool=pool, **{"size": SIZE, **changes})


def _assemblage(rng: np.random.Generator, pool: Pool) -> list[str]:
    """At least two of the paper's minerals that the pool draws together."""
    known = set(vocabulary().paper_names)
    while True:
        minerals = [name for name in draw_minerals(rng, pool) if name in known]
        pairs = {frozenset((a, b)) for a in minerals for b in minerals}
        if len(minerals) > 1 and (not pool.among or pairs & pool.among):
            return minerals
