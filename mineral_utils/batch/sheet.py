"""Contact sheets: all maps of a run, small, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..minerals import vocabulary
from .one import THUMBNAIL_PX, THUMBNAILS
from .order import Order

A_SHEET = 80  # photos
COLUMNS = 8
_GAP, _LINE = 12, 22  # px
_INK, _SOFT = "black", "#595959"


def write_sheets(out: Path, rows: Sequence[dict[str, Any]], order: Order) -> list[Path]:
    """Write ``contact_sheet.png``, with more than 80 photos also ``contact_sheet_2.png`` …

    Each photo is drawn under its map, with its name and its largest minerals by share below it.
    Colour is never the only sign: wide patches carry the mineral's number in the legend.

    Parameters
    ----------
    out : folder of the results
    rows : rows of `segment_one`, in order
    order : what was asked

    Returns
    -------
    list of Path
    """
    from ..show import save_picture

    pages = [rows[begin : begin + A_SHEET] for begin in range(0, len(rows), A_SHEET)]
    written = []
    for number, page in enumerate(pages, 1):
        path = out / ("contact_sheet.png" if number == 1 else f"contact_sheet_{number}.png")
        shares = {row["photo"]: _largest(row) for row in page}
        save_picture(
            _sheet(out, page, order),
            path,
            alt=f"{len(page)} small photos of polished sections, each under its map of minerals, "
            "with name and largest shares below.",
            caption=f"Contact sheet {number} of {len(pages)}: minerals asked for were "
            f"{', '.join(order.names)}.",
            credit=order.credit or "photos: credit not given",
            numbers={photo: dict(found) for photo, found in shares.items()},
        )
        written.append(path)
    return written


def _sheet(out: Path, rows: Sequence[dict[str, Any]], order: Order) -> np.ndarray:
    """One sheet, uint8 [H, W, 3]."""
    font, small = _font(15), _font(13)
    columns = min(COLUMNS, max(3, math.ceil(math.sqrt(1.5 * len(rows)))))
    pictures = [out / THUMBNAILS / f"{row['place']}.jpg" for row in rows]
    high = max(_height(path) for path in pictures)
    cell = THUMBNAIL_PX + _GAP, high + 2 * _LINE + _GAP
    width = columns * cell[0] + _GAP
    entries = _legend(order, font, width)
    top = _GAP + (1 + entries[-1][1]) * _LINE
    sheet = Image.new("RGB", (width, top + _GAP + -(-len(rows) // columns) * cell[1]), "white")
    draw = ImageDraw.Draw(sheet)
    for left, line, name, colour in entries:
        y = _GAP + line * _LINE
        draw.rectangle((left, y + 2, left + 16, y + 16), fill=colour, outline=_INK)
        draw.text((left + 22, y), name, fill=_INK, font=font)
    for k, (row, path) in enumerate(zip(rows, pictures, strict=True)):
        x = _GAP + k % columns * cell[0]
        y = top + _GAP + k // columns * cell[1]
        with Image.open(path) as picture:
            at = x + (THUMBNAIL_PX - picture.width) // 2, y + high - picture.height
            sheet.paste(picture, at)
        shares = ", ".join(f"{name} {share:.0%}" for name, share in _largest(row))
        # the end of a name tells more than its beginning
        name = _short(row["photo"].partition("/")[2] or row["photo"], small, end=True)
        draw.text((x, y + high + 3), name, fill=_SOFT, font=small)
        draw.text((x, y + high + _LINE), _short(shares, small), fill=_INK, font=small)
    return np.asarray(sheet)


def _height(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.height


def _largest(row: dict[str, Any]) -> list[tuple[str, float]]:
    """The two largest shares of a photo, if they are half a percent at least."""
    found = [(one["mineral"], one["share"]) for one in row["minerals"] if one["share"] >= 0.005]
    return sorted(found, key=lambda pair: -pair[1])[:2]


def _legend(order: Order, font: Any, width: int) -> list[tuple[int, int, str, str]]:
    """Left edge, line, number and name, and colour of each entry."""
    queries = vocabulary().queries(order.names, open_vocabulary=True)
    entries, left, line = [], _GAP, 0
    known = [(f"{number} {_line(q.name)}", q.colour) for number, q in enumerate(queries, 1)]
    for name, colour in [*known, ("unknown", _SOFT)]:
        wide = 22 + int(font.getlength(name)) + 2 * _GAP
        if left + wide > width and left > _GAP:
            left, line = _GAP, line + 1
        entries.append((left, line, name, colour))
        left += wide
    return entries


def _line(text: str) -> str:
    """The text without line breaks and the like, which no font can draw."""
    return "".join(c if c.isprintable() else " " for c in text)


def _short(text: str, font: Any, end: bool = False) -> str:
    """The text in one line, cut to the width of a thumbnail."""
    text = _line(text)
    if font.getlength(text) <= THUMBNAIL_PX:
        return text
    while text and font.getlength(f"{text}…") > THUMBNAIL_PX:
        text = text[1:] if end else text[:-1]
    return f"…{text}" if end else f"{text}…"


def _font(size: int) -> Any:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), size)
