"""Small pieces of page: the legend with its table, the scores of a place, the line of status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from ..editing.picture import colours_of, sign
from ..editing.table import percent

UNKNOWN_COLOUR = "rgb(160, 160, 160)"
_CELL = "padding: 1px 4px; text-align: right"
_TABLE = "font-size: 90%; line-height: 1.35; white-space: nowrap; border-collapse: collapse"


def legend(table: Sequence[Mapping], names: Sequence[str], *, corrected: float = 0.0) -> str:
    """The legend that is also the table: number and symbol as in the picture, colour, share of
    the area, regions, confidence, and area where the scale is known.

    Parameters
    ----------
    table : from `LiveView.table`
    names : what labels stand for
    corrected : share of the area that somebody decided on

    Returns
    -------
    str : HTML
    """
    colours = colours_of(names)
    heads = ["", "mineral", "share", "regions", "confidence"]
    if table and "area_mm2" in table[0]:
        heads.append("area, mm²")
    rows = []
    for row in table:
        known = row["name"] in names
        index = names.index(row["name"]) if known else 0
        colour = "rgb({}, {}, {})".format(*colours[index]) if known else UNKNOWN_COLOUR
        called = escape(sign(index, row["name"])) if known else ""
        swatch = (
            f'<span style="display: inline-block; width: 1.6em; height: 1em; border: 1px solid '
            f'black; background: {colour}"></span> {called}'
        )
        cells = [
            percent(row["share"]),
            "—" if row["regions"] is None else str(row["regions"]),
            "—" if row["mean_confidence"] is None else f"{row['mean_confidence']:.2f}",
        ]
        if "area_mm2" in row:
            cells.append(f"{row['area_mm2']:.3g}")
        name = f'<th scope="row" style="text-align: left">{escape(row["name"])}</th>'
        values = "".join(f'<td style="{_CELL}">{cell}</td>' for cell in cells)
        rows.append(f"<tr><td>{swatch}</td>{name}{values}</tr>")
    head = "".join(f'<th scope="col" style="{_CELL}">{text}</th>' for text in heads)
    note = f"Corrected by hand: {percent(corrected)} of the area."
    return (
        f'<table class="mineral-legend" style="{_TABLE}">'
        f'<caption style="caption-side: bottom">{note}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def score_bars(scores: Mapping[str, float]) -> str:
    """The scores of one place as bars with numbers, best first, as HTML."""
    rows = [
        f'<tr><th scope="row" style="text-align: left">{escape(name)}</th>'
        f'<td style="{_CELL}">{score:.2f}</td>'
        f'<td><span style="display: inline-block; height: 0.8em; background: #0072b2; '
        f'width: {8 * score:.2f}em"></span></td></tr>'
        for name, score in scores.items()
    ]
    return f'<table class="mineral-scores" style="{_TABLE}">{"".join(rows)}</table>' if rows else ""


def doubts(said: Sequence[str]) -> str:
    """Sentences that the reader of a map should know, as an HTML list."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in said)
    style = "margin: 0; padding-left: 1.2em; line-height: 1.35"
    return f'<ul class="mineral-doubts" style="{style}">{items}</ul>' if said else ""


def status(text: str, *, wrong: bool = False) -> str:
    """The line of status, which screen readers speak; what went wrong says so in a word."""
    kind, role = ("mineral-error", "alert") if wrong else ("mineral-status", "status")
    lead, colour = ("Not done: ", "#a00000") if wrong else ("", "inherit")
    return (
        f'<p class="{kind}" role="{role}" style="margin: 2px; line-height: 1.4; color: {colour}">'
        f"{lead}{escape(text)}</p>"
    )
