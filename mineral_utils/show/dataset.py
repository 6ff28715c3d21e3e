"""Photos with their texts, how often minerals are named and together, names marked in a text."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.font_manager import FontProperties
from matplotlib.ticker import MaxNLocator

from .canvas import STYLE, axes_for, checked_photo, draw_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# safe for colour-blind readers; the second bar is hatched too
_FIRST, _SECOND = "#0072B2", "#E69F00"


@mpl.rc_context(STYLE)
def show_texts(
    images: Sequence[np.ndarray],
    texts: Sequence[str],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 2,
    width_in: float = 12,
    lines: int = 9,
) -> Figure:
    """Photos with the text of each beside it.

    Parameters
    ----------
    images : sequence of uint8 [H, W, 3]
    texts : sequence of str
        Wrapped to the room that there is; what is longer ends in "…".
    titles : sequence of str, optional
        Set in bold above each text.
    columns : int
        Pairs of picture and text beside each other.
    width_in : float
        Width of the sheet, inches.
    lines : int
        Longest text, lines.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        There is no picture, or the numbers of pictures, texts and titles differ.
    """
    images = [checked_photo(image)[0] for image in images]
    titles = [""] * len(images) if titles is None else list(titles)
    if not images or len({len(images), len(texts), len(titles)}) != 1 or columns < 1:
        raise ValueError(
            f"There are {len(images)} pictures, {len(texts)} texts and {len(titles)} titles; give "
            "one of each for every picture, at least one."
        )
    rows = -(-len(images) // columns)
    half = width_in / columns / 2
    tall = max(half * image.shape[0] / image.shape[1] for image in images)
    fig, axes = plt.subplots(
        rows, 2 * columns, figsize=(width_in, rows * (tall + 0.15)), squeeze=False
    )
    fig.subplots_adjust(0.005, 0.01, 0.995, 0.985, wspace=0.04, hspace=0.08)
    for ax in axes.flat:
        ax.set_axis_off()
    for number, (image, text, title) in enumerate(zip(images, texts, titles, strict=True)):
        left, right = axes.flat[2 * number : 2 * number + 2]
        axes_for(left, image.shape[:2], None)
        draw_picture(left, image, image.shape[:2])
        left.set_anchor("NW")
        room = 0.94 * right.get_position().width * width_in
        head = _wrapped(title, room, 2, "bold")
        body = _wrapped(text, room, lines - len(head))
        style = {"ha": "left", "va": "top", "transform": right.transAxes, "fontsize": 11}
        line = 14.5 / 72 / tall  # of text, as a share of the axes
        right.text(0.02, 0.99, "\n".join(head), weight="bold", **style)
        right.text(0.02, 0.99 - line * (len(head) + 0.2 * bool(head)), "\n".join(body), **style)
    return fig


def _wrapped(text: str, width_in: float, most: int, weight: str = "normal") -> list[str]:
    """Lines of 11 pt text no wider than so many inches, at most so many lines."""
    measure = RendererAgg(10, 10, 72).get_text_width_height_descent  # at 72 dpi a pixel is a point
    font = FontProperties(family=STYLE["font.family"], size=11, weight=weight)

    def fits(line: str) -> bool:
        return measure(line, font, ismath=False)[0] <= 72 * width_in

    lines = [""]
    for word in text.split():
        while not fits(word) and len(word) > 1:  # a word wider than the room
            word = word[: len(word) // 2] + "…"
        longer = f"{lines[-1]} {word}".strip()
        if fits(longer):
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            while lines[-1] and not fits(f"{lines[-1]} …"):
                lines[-1] = lines[-1].rpartition(" ")[0]
            lines[-1] = f"{lines[-1]} …".strip()
            break
    return [line for line in lines if line]


@mpl.rc_context(STYLE)
def show_counts(
    names: Sequence[str],
    counts: Mapping[str, Sequence[float]],
    *,
    ax: Axes | None = None,
    xlabel: str = "number",
) -> Axes:
    """Horizontal bars, one or two for each name, with the first one's number at its end.

    Parameters
    ----------
    names : sequence of str
        From top to bottom.
    counts : mapping of str to sequence of float
        One or two series by name, such as ``{"photos": [...], "specimens": [...]}``.
    ax : Axes, optional
        Default: a new figure.
    xlabel : str

    Returns
    -------
    Axes
    """
    if (
        not len(names)
        or not 1 <= len(counts) <= 2
        or {len(v) for v in counts.values()} != {len(names)}
    ):
        raise ValueError(
            f"There are {len(names)} names and series of {[len(v) for v in counts.values()]}; give "
            "one or two series with a number for each name."
        )
    if ax is None:
        ax = plt.subplots(figsize=(8.5, 0.8 + 0.36 * len(names)), layout="constrained")[1]
    thick = 0.8 / len(counts)
    looks = (_FIRST, ""), (_SECOND, "///")
    for k, ((label, values), (colour, hatch)) in enumerate(
        zip(counts.items(), looks, strict=False)
    ):
        at = np.arange(len(names)) + (k - (len(counts) - 1) / 2) * thick
        style = {"color": colour, "hatch": hatch, "edgecolor": "black", "linewidth": 0.8}
        bars = ax.barh(at, values, thick, label=label, **style)
        if k == 0:
            ax.bar_label(bars, padding=4, fontsize=11)
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel=xlabel, ylim=(len(names) - 0.4, -0.6))
    ax.margins(x=0.08)
    if all(float(value).is_integer() for values in counts.values() for value in values):
        ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True))
    ax.spines[["top", "right"]].set_visible(False)
    if len(counts) > 1:
        ax.legend(loc="lower right")
    return ax


@mpl.rc_context(STYLE)
def show_co_occurrence(counts: np.ndarray, names: Sequence[str], *, ax: Axes | None = None) -> Axes:
    """How many photos name both of two minerals, and which share of the row's that is.

    The shade is the share of the row's photos that also name the column's mineral; the number
    written in each cell is the count. The diagonal holds how many photos name the mineral.

    Parameters
    ----------
    counts : int [K, K]
        As of ``dataset.co_occurrence``.
    names : sequence of str
    ax : Axes, optional
        Default: a new figure.

    Returns
    -------
    Axes
    """
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names)) or not len(names):
        raise ValueError(
            f"The counts are {list(counts.shape)} for {len(names)} names; give [K, K]."
        )
    if ax is None:
        side = 2.6 + 0.5 * len(names)
        ax = plt.subplots(figsize=(side + 1, side), layout="constrained")[1]
    own = np.maximum(np.diagonal(counts), 1)[:, None]
    share = np.where(np.eye(len(names), dtype=bool), np.nan, counts / own)
    shown = ax.imshow(share, cmap="cividis", vmin=0, vmax=max(0.01, np.nanmax(share, initial=0)))
    for row, column in np.ndindex(counts.shape):
        if row == column:
            ax.text(
                column, row, counts[row, row], ha="center", va="center", fontsize=11, weight="bold"
            )
        elif counts[row, column]:
            light = shown.norm(share[row, column]) > 0.55
            ax.text(
                column,
                row,
                counts[row, column],
                ha="center",
                va="center",
                fontsize=11,
                color="black" if light else "white",
            )
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.figure.colorbar(shown, ax=ax, label="share of the row's photos", shrink=0.8)
    ax.spines[:].set_visible(False)
    return ax


def marked_text(text: str, hits: Iterable[Any], where: str = "text") -> str:
    """A text as HTML with the found names marked; everything else in it stays text.

    Kept names stand in bold on yellow, names that were found and not kept struck through on grey;
    the reason is shown when the mouse rests on one. What a stranger wrote is escaped, scripts too.

    Parameters
    ----------
    text : str
    hits : iterable of mapping
        With ``mineral``, ``span`` ([start, end] in characters), ``where``, ``reason``, ``kept``.
    where : {"text", "title"}
        Which of the hits to mark.

    Returns
    -------
    str
        HTML, a ``<span>``; show it with ``IPython.display.HTML``.
    """
    pieces, end = [], 0
    here = [hit for hit in hits if hit["where"] == where]
    for hit in sorted(here, key=lambda hit: tuple(hit["span"])):
        start, stop = hit["span"]
        if start < end:  # a name inside another one that is marked already
            continue
        pieces.append(html.escape(text[end:start]))
        note = html.escape(f"{hit['mineral']}: {hit['reason']}", quote=True)
        words = html.escape(text[start:stop])
        if hit["kept"]:
            style = "background:#FFE08A;color:black;font-weight:bold"
        else:
            style = "background:#DDDDDD;color:black;text-decoration:line-through"
        pieces.append(f'<mark title="{note}" style="{style}">{words}</mark>')
        end = stop
    pieces.append(html.escape(text[end:]))
    return f"<span>{''.join(pieces)}</span>"
