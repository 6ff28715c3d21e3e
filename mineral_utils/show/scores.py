"""Scores as pictures: methods side by side, numbers with intervals, who is taken for whom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter

from .canvas import GREY, STYLE
from .looks import ink_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# told apart by shape as well as by colour; safe for colour-blind readers
MARKS = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#595959", "^"),
    ("#000000", "D"),
    ("#009E73", "v"),
    ("#CC79A7", "P"),
)


@mpl.rc_context(STYLE)
def show_marks(
    names: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    ax: Axes | None = None,
    xlabel: str = "",
    xlim: tuple[float, float] | None = (0, 1),
) -> Axes:
    """One line a name, one mark a series: the same thing measured in several ways.

    Parameters
    ----------
    names : sequence of str
        From top to bottom.
    series : mapping of str to sequence of float
        Up to six, a number for each name; NaN is not drawn.
    ax : Axes, optional
        Default: a new figure.
    xlabel : str
    xlim : (float, float), or None for the data's own

    Returns
    -------
    Axes
    """
    lengths = {len(values) for values in series.values()}
    if not len(names) or not 1 <= len(series) <= len(MARKS) or lengths != {len(names)}:
        raise ValueError(
            f"There are {len(names)} names and series of {sorted(lengths)}; give one to "
            f"{len(MARKS)} series with a number for each name."
        )
    if ax is None:
        size = 8.5, 1.1 + 0.33 * len(names)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    heights = np.arange(len(names))
    table = np.array([list(values) for values in series.values()], float)
    drawn = ~np.isnan(table).all(axis=0)
    ends = np.nanmin(table[:, drawn], axis=0), np.nanmax(table[:, drawn], axis=0)
    ax.hlines(heights[drawn], *ends, color="0.75", linewidth=2, zorder=1)
    for number, (label, values) in enumerate(series.items()):
        colour, mark = MARKS[number]
        style = {"color": colour, "marker": mark, "edgecolor": "white", "linewidth": 0.6}
        # a little apart, so that equal numbers do not hide each other
        apart = 0.13 * (number - (len(series) - 1) / 2)
        ax.scatter(values, heights + apart, s=75, label=label, zorder=2, **style)
    ax.set_yticks(heights, names)
    ax.set(xlabel=xlabel, ylim=(len(names) - 0.4, -0.6))
    if xlim is not None:
        margin = 0.02 * (xlim[1] - xlim[0])
        ax.set_xlim(xlim[0] - margin, xlim[1] + margin)
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    if len(series) > 1:
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(series), handletextpad=0.2)
    return ax


@mpl.rc_context(STYLE)
def show_intervals(
    found: Mapping[str, Any],
    *,
    ax: Axes | None = None,
    xlabel: str = "",
    stressed: Sequence[str] = (),
    bounds: Sequence[str] = (),
    zero: bool = False,
) -> Axes:
    """Numbers with their intervals, one a line, each written at its right.

    Parameters
    ----------
    found : mapping of str to Interval
        With ``value``, ``lo``, ``hi``; from top to bottom.
    ax : Axes, optional
        Default: a new figure.
    xlabel : str
    stressed : sequence of str
        Lines drawn in orange squares instead of blue dots.
    bounds : sequence of str
        Lines drawn in black diamonds: ceilings, which no method competes with.
    zero : bool
        Draw a line at zero and write signs, for differences.

    Returns
    -------
    Axes
    """
    if not found:
        raise ValueError("There is no interval to draw; give at least one.")
    if ax is None:
        size = 8.5, 0.9 + 0.34 * len(found)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    if zero:
        ax.axvline(0, color="black", linewidth=1)
    for height, (name, each) in enumerate(found.items()):
        colour, mark = MARKS[3] if name in bounds else MARKS[name in stressed]
        ax.plot([each.lo, each.hi], [height, height], color=colour, linewidth=2.5)
        ax.plot(each.value, height, mark, color=colour, markersize=9, markeredgecolor="white")
        ax.annotate(
            _signed(each.value) if zero else f"{each.value:.2f}",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            annotation_clip=False,
        )
    ax.set_yticks(range(len(found)), found)
    ax.set(xlabel=xlabel, ylim=(len(found) - 0.4, -0.6))
    ax.grid(axis="x", color="0.9")
    ax.set_axisbelow(True)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _signed(value: float) -> str:
    """With a sign and a true minus; nothing is "-0.00"."""
    text = f"{value:+.2f}"
    return "0.00" if text[1:] == "0.00" else text.replace("-", "−")


@mpl.rc_context(STYLE)
def show_confusion(
    counts: np.ndarray,
    names: Sequence[str],
    *,
    ax: Axes | None = None,
    title: str | None = None,
    least: float = 0.05,
) -> Axes:
    """Who is taken for whom: each row shares out the true pixels of one class over the answers.

    Classes without a true pixel have no row; answers that nobody got have no column.

    Parameters
    ----------
    counts : int [K, K + 1]
        As of ``metrics.confusion``: row truth, column answer, the last column unknown.
    names : sequence of str
    ax : Axes, optional
        Default: a new figure.
    title : str, optional
    least : float
        Shares from this on are written into their cells, in hundredths.

    Returns
    -------
    Axes
    """
    counts = np.asarray(counts)
    if counts.shape != (len(names), len(names) + 1):
        raise ValueError(
            f"The confusion is {list(counts.shape)}; {len(names)} names need "
            f"[{len(names)}, {len(names) + 1}]."
        )
    rows = np.flatnonzero(counts.sum(axis=1))
    if not rows.size:
        raise ValueError("There is no true pixel, so nothing can be mistaken for anything.")
    columns = [k for k in range(len(names) + 1) if counts[:, k].any() or k in rows]
    shares = counts[rows] / counts[rows].sum(axis=1, keepdims=True)
    shares = shares[:, columns]
    if ax is None:
        size = 3.4 + 0.42 * len(columns), 2.6 + 0.36 * len(rows)
        ax = plt.subplots(figsize=size, layout="constrained")[1]
    colours = mpl.colormaps["Blues"]
    drawn = ax.imshow(shares, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            if share >= least:
                ink = ink_on(colours(share)[:3])
                ax.text(x, y, f"{100 * share:.0f}", ha="center", va="center", color=ink)
            if rows[y] == columns[x]:
                frame = {"fill": False, "edgecolor": "black", "linewidth": 1.5}
                ax.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, **frame))
    told = [*names, "unknown"]
    ax.set_xticks(range(len(columns)), [told[k] for k in columns], rotation=45, ha="right")
    ax.set_yticks(range(len(rows)), [names[k] for k in rows])
    ax.tick_params(length=0)
    ax.set(xlabel="answer", ylabel="truth")
    if title:
        ax.set_title(title)
    bar = ax.figure.colorbar(drawn, ax=ax, shrink=0.8, label="share of the true pixels, %")
    bar.formatter = PercentFormatter(1, decimals=0, symbol="")  # as in the cells
    bar.outline.set_edgecolor(GREY)
    return ax
