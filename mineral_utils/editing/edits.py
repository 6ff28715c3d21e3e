"""Corrections: which pixels became what, by whom, when and how; and the maps that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from ..segmentation import UNKNOWN
from .mask import Mask
from .naming import identity
from .selection import Box, Selection

NOBODY = "not named"


@dataclass(frozen=True, eq=False)
class Edit:
    """One correction.

    number : from 1, in the order in which they were made; never used twice
    name : the mineral that the pixels were given; None: unknown
    mask : the pixels
    tool, points, box, score : how they were chosen, see `Selection`
    model : whose decoder or map that was, e.g. ``"demo"``
    who : name of the person
    when : ISO 8601, UTC
    """

    number: int
    name: str | None
    mask: Mask
    tool: str
    points: tuple[tuple[int, int, bool], ...]
    box: Box | None
    score: float | None
    model: str
    who: str
    when: str

    @classmethod
    def of(
        cls, number: int, name: str | None, chosen: Selection, *, model: str, who: str, when: str
    ) -> Edit:
        """From a selection that has a mask."""
        how = chosen.tool, chosen.points, chosen.box, chosen.score
        return cls(number, name, chosen.mask, *how, model, who.strip() or NOBODY, when)

    def to_json(self) -> dict:
        """Everything, the mask as COCO's uncompressed run lengths."""
        return {
            "number": self.number,
            "name": self.name,
            "tool": self.tool,
            "points": [list(point) for point in self.points],
            "box": list(self.box) if self.box else None,
            "score": self.score,
            "model": self.model,
            "who": self.who,
            "when": self.when,
            "area_px": self.mask.area,
            "mask": self.mask.to_json(),
        }

    @classmethod
    def from_json(cls, found: dict) -> Edit:
        """The way back.

        Raises
        ------
        KeyError, TypeError, ValueError
            Something is missing or damaged.
        """
        return cls(
            int(found["number"]),
            found["name"],
            Mask.from_json(found["mask"]),
            found["tool"],
            tuple((int(x), int(y), bool(sign)) for x, y, sign in found["points"]),
            tuple(map(int, found["box"])) if found["box"] else None,
            found["score"],
            found["model"],
            found["who"],
            found["when"],
        )


def names_with(names: Sequence[str], edits: Iterable[Edit]) -> tuple[str, ...]:
    """The names that were asked, and after them those that only corrections brought in."""
    known = {identity(name) for name in names}
    found = list(names)
    for edit in edits:
        if edit.name is not None and identity(edit.name) not in known:
            known.add(identity(edit.name))
            found.append(edit.name)
    return tuple(found)


def values_of(edits: Iterable[Edit], names: Sequence[str]) -> list[int]:
    """The label that each correction paints; `names` as from `names_with`."""
    place = {identity(name): index for index, name in enumerate(names)}
    return [UNKNOWN if e.name is None else place[identity(e.name)] for e in edits]


def apply_edits(labels: np.ndarray, edits: Sequence[Edit], names: Sequence[str]) -> np.ndarray:
    """Labels [H, W] of the whole photo with the corrections painted over them, later ones last."""
    labels = labels.copy()
    for edit, value in zip(edits, values_of(edits, names), strict=True):
        edit.mask.paint(labels, value)
    return labels


def edited(edits: Iterable[Edit], size: tuple[int, int]) -> np.ndarray:
    """Which pixels a person has decided on, bool [H, W]."""
    found = np.zeros(size, bool)
    for edit in edits:
        edit.mask.paint(found, True)
    return found
