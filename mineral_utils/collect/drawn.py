"""Digital polished sections with captions, as if someone had uploaded them.

Three fields count as one specimen, though each is drawn by itself (their minerals need not agree);
every other field comes twice, in plane-polarised light and between crossed polars.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial

from PIL import Image

from ..photos.ledger import Row
from ..sections import RENDERER, training_section
from ..sections.words import caption
from .source import Candidate, CollectError, Found
from .wording import POLISHED

FIELDS = 3  # of a specimen
SPECIMENS = 3  # of a locality


class DrawnSections:
    """The first `count` photos of an endless collection of digital sections.

    Parameters
    ----------
    count : int
        1 and up.
    first : int
        Number of the first field.

    Raises
    ------
    CollectError
        If a number is out of range.
    """

    def __init__(self, count: int, first: int = 0):
        if count < 1 or first < 0:
            raise CollectError(
                f"{count} digital sections from {first} were asked for; ask for 1 or more, from 0"
            )
        self.count, self.first = count, first

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Candidate]:
        given, number = 0, self.first
        while given < self.count:
            for light in ("ppl", "xpl") if number % 2 == 0 else ("ppl",):
                if given < self.count:
                    key = f"{RENDERER}-{number}-{light}"
                    fetch = partial(_draw, key, number, light)
                    yield Candidate(f"section {key}", ("sections", key), fetch)
                    given += 1
            number += 1

    def close(self) -> None:
        """Nothing is held open."""


def _draw(key: str, number: int, light: str) -> Found:
    section = training_section(number, light=light)
    written = caption(section, seed=number if light == "ppl" else number + 10**6)
    file = io.BytesIO()
    Image.fromarray(section.image).save(file, format="PNG")
    specimen = number // FIELDS
    row = Row(
        photo_id=key,
        source="sections",
        title=written.title,
        title_minerals=[name for name in written.title.split(", ") if name],
        caption=written.text,
        photo_type=POLISHED[0],
        light=light,
        specimen=f"digital-{specimen}",
        field_group=f"digital-{number}",
        locality=f"Digital deposit {specimen // SPECIMENS}",
        photographer=f"mineral_utils, renderer {RENDERER}",
        licence="Apache-2.0",
        may_redistribute=True,
        field_width_mm=section.field_width_mm,
    )
    return Found(row, file.getvalue())
