"""Mineral maps over a photo, their legend and their table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.path import Path as MplPath
from matplotlib.patheffects import withStroke
from PIL import Image

from .canvas import (
    GREY,
    STYLE,
    axes_for,
    checked_photo,
    draw_legend,
    draw_picture,
    draw_scale,
    picture_inches,
    reduced,
)
from .looks import ink_on, looks_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

FIGURE_SPACE = "\u2007"  # as wide as a digit
UNKNOWN = 255  # the label of a pixel that no mineral claims
_LEGEND_NAMES = 24  # longer lists are cut: the sidecar has them all
_TRACED_PX = 800  # outlines are traced on this long side: finer than their line width
_WIDE = 2.2  # from this width-to-height ratio on the legend goes below the picture


@mpl.rc_context(STYLE)
def show_segmentation(
    image: Any,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    ax: Axes | None = None,
    alpha: float = 0.45,
    um_per_px: float | None = None,
    title: str | None = None,
    colours: Sequence[str] | Mapping[str, str] | None = None,
    hatches: Sequence[str] | Mapping[str, str] | None = None,
    legend: bool = True,
    shares: bool = True,
    contours: bool = True,
    unknown: str = "unknown",
    scale_note: bool = True,
) -> Axes:
    """A photo under its mineral map: colour, hatch and outline for each mineral, and a legend.

    The legend lists the minerals that were found, largest share of the area first, then what is
    unknown, then the names that were not found. It stands right of the picture, or below a wide
    one; in a figure of your own, ``layout="constrained"`` makes room for it.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8, or Photo
    labels : ndarray of shape (H, W), integer
        Index into ``names``; 255 = unknown, drawn in grey.
    names : sequence of str
    ax, um_per_px, title
        As in :func:`show_photo`.
    alpha : float
        Strength of the colour, 0 (photo alone) to 1.
    colours, hatches : sequence or mapping from name, optional
        Matplotlib's colours and hatches; default, and where a mapping lacks a name: the
        vocabulary's. Hatches are drawn one step denser than named.
    legend, shares, contours : bool
        Whether to draw the legend, the shares of area in it, and the outlines.
    unknown : str
        What the legend calls pixels of label 255; a truth calls them "no mineral".
    scale_note : bool
        Whether to say so when the scale is unknown.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        Image and labels do not fit each other, or a label has no name.
    """
    image, um_per_px = checked_photo(image, um_per_px)
    labels, shape = _labels(image, labels, names), image.shape[:2]
    looks = looks_of(names, colours, hatches)
    drawn = reduced(labels, Image.Resampling.NEAREST)
    small = reduced(image, Image.Resampling.BOX)
    mixed = overlay(small, drawn, names, alpha=alpha, colours=[colour for colour, _ in looks])
    tones = _tones(mixed, drawn)
    handles, where, room = [], {}, (0, 0)
    if legend:
        handles = _legend_entries(labels, names, looks, tones, shares, unknown)
        below = shape[1] > _WIDE * shape[0]
        where, room = _legend_place(handles, picture_inches(shape, ax), below)
    ax = axes_for(ax, shape, title, room)
    draw_picture(ax, mixed, shape)
    hatches = {
        code: (hatch, ink_on(tones[code])) for code, (_, hatch) in enumerate(looks) if code in tones
    }
    _textures(ax, drawn, shape, hatches, contours)
    draw_scale(ax, um_per_px, shape[1], scale_note)
    if handles:
        draw_legend(ax, handles, **where)
    return ax


def overlay(
    image: np.ndarray,
    labels: np.ndarray,
    names: Sequence[str],
    *,
    alpha: float = 0.45,
    colours: Sequence[str] | Mapping[str, str] | None = None,
) -> np.ndarray:
    """The photo with each mineral's colour laid over it, at full resolution; no hatches.

    Parameters
    ----------
    image, labels, names, alpha, colours
        As in :func:`show_segmentation`.

    Returns
    -------
    ndarray of shape (H, W, 3), uint8
        ``(1 - alpha) * photo + alpha * colour``; unknown pixels without colour, towards mid-grey.
    """
    image, _ = checked_photo(image)
    labels = _labels(image, labels, names)
    table = np.zeros((256, 3), np.float32)
    for code, (colour, _) in enumerate(looks_of(names, colours, [""] * len(names))):
        table[code] = np.multiply(to_rgb(colour), 255)
    mixed = np.float32(1 - alpha) * image + alpha * table[labels]
    unknown = labels == UNKNOWN
    mixed[unknown] = 0.4 * image[unknown].mean(axis=-1, keepdims=True) + 85
    return mixed.round().astype(np.uint8)


def _labels(image: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> np.ndarray:
    labels = np.asarray(labels)
    if labels.shape != image.shape[:2] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"The labels are {labels.dtype} {list(labels.shape)} and the image is "
            f"{list(image.shape[:2])}; give whole numbers, one for each pixel of this image."
        )
    wrong = np.unique(labels[(labels != UNKNOWN) & ((labels < 0) | (labels >= len(names)))])
    if wrong.size:
        raise ValueError(
            f"The labels hold {', '.join(map(str, wrong[:5]))}, and the {len(names)} names stand "
            f"for 0 to {len(names) - 1} (255 is unknown); pass the names the labels were made with."
        )
    return labels.astype(np.uint8)


def _textures(
    ax: Axes,
    labels: np.ndarray,
    shape: tuple[int, int],
    hatches: Mapping[int, tuple[str, str]],
    contours: bool,
) -> None:
    """Hatch and outline of each label, as paths: the pitch is the same at any size.

    ``hatches``: label to hatch and its ink.
    """
    labels = reduced(labels, Image.Resampling.NEAREST, _TRACED_PX)
    # a contour cuts the corners of pixels; made of many pixels, corners stay square
    grow = math.ceil(_TRACED_PX / 2 / max(labels.shape))
    labels = labels.repeat(grow, axis=0).repeat(grow, axis=1)
    outlines: list[MplPath] = []
    for code in np.unique(labels[labels != UNKNOWN]):
        hatch, ink = hatches[code]
        mask = labels == code
        rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        top, left = rows[0], columns[0]
        mask = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(np.uint8)
        y = (top + np.arange(mask.shape[0]) - 0.5) * shape[0] / labels.shape[0] - 0.5
        x = (left + np.arange(mask.shape[1]) - 0.5) * shape[1] / labels.shape[1] - 0.5
        region = ax.contourf(x, y, mask, levels=[0.5, 1.5], colors="none", hatches=[hatch])
        region.set(edgecolor=(ink, 0.6), linewidth=0)
        outlines += region.get_paths()
    # white on black is seen on any mineral
    for ink, width in (("black", 1.3), ("white", 0.5)) if contours else ():
        lines = PathCollection(outlines, facecolor="none", edgecolor=ink, linewidth=width)
        ax.add_collection(lines, autolim=False)


def _tones(mixed: np.ndarray, labels: np.ndarray) -> dict[int, np.ndarray]:
    """Mean colour of each label as drawn, RGB 0 to 1: a legend must look like its map."""
    sums = [np.bincount(labels.ravel(), mixed[..., c].ravel(), 256) for c in range(3)]
    counts = np.bincount(labels.ravel(), minlength=256)
    return {
        int(k): np.array([s[k] for s in sums]) / counts[k] / 255 for k in np.flatnonzero(counts)
    }


def _legend_entries(
    labels: np.ndarray,
    names: Sequence[str],
    looks: Sequence[tuple[str, str]],
    tones: Mapping[int, np.ndarray],
    shares: bool,
    unknown: str,
) -> list[Patch]:
    counts = np.bincount(labels.ravel(), minlength=256)
    found = sorted((code for code in range(len(names)) if counts[code]), key=lambda c: -counts[c])
    entries = [(code, names[code], *looks[code]) for code in found]
    if counts[UNKNOWN]:
        entries.append((UNKNOWN, unknown, GREY, ""))
    percents = [_percent(counts[code] / labels.size) for code, *_ in entries]
    widest = max(map(len, percents))
    handles = []
    for (code, name, colour, hatch), percent in zip(entries, percents, strict=True):
        label = f"{percent.rjust(widest, FIGURE_SPACE)}  {name}" if shares else name
        tone = tones.get(code, to_rgb(colour))  # not drawn, if its few pixels fell between
        look = {"facecolor": tone, "edgecolor": ink_on(tone), "hatch": hatch}
        frame = [withStroke(linewidth=2, foreground="black")]
        handles.append(Patch(label=label, linewidth=0.5, path_effects=frame, **look))
    if len(handles) > _LEGEND_NAMES:
        more = f"and {len(handles) - _LEGEND_NAMES} more"
        handles = handles[:_LEGEND_NAMES]
        handles.append(Patch(facecolor="none", edgecolor="none", label=more))
    missing = [name for code, name in enumerate(names) if not counts[code]]
    if missing:
        told = ", ".join(missing[:_LEGEND_NAMES])
        if len(missing) > _LEGEND_NAMES:
            told += f" and {len(missing) - _LEGEND_NAMES} more"
        text = textwrap.fill(f"not found: {told}", 30)
        handles.append(Patch(facecolor="none", edgecolor="none", label=text))
    return handles


def _legend_place(
    handles: Sequence[Patch], picture: tuple[float, float], below: bool
) -> tuple[dict[str, Any], tuple[float, float]]:
    """Side and number of columns of a legend, and the room it takes right and below, in inches."""
    wide, high = picture
    lines = [line for handle in handles for line in handle.get_label().split("\n")]
    entry = 0.65 + 0.09 * max(map(len, lines))  # inches, at 11 pt
    if below:
        columns = min(len(handles), max(1, int(wide / entry)))
        return {"below": True, "ncols": columns}, (0, 0.5 + 0.24 * math.ceil(len(lines) / columns))
    columns = math.ceil(len(lines) / max(6, int(high / 0.24)))
    return {"ncols": columns}, (columns * entry, 0)


def _percent(share: float) -> str:
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


def mineral_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A segmentation's table in words that a reader can take in, largest share first.

    Parameters
    ----------
    rows : sequence of mapping
        ``name``, ``share`` (0 to 1), ``mean_score`` (0 to 1), ``regions``, and whatever else
        (``area_mm2``); None where a value does not exist.

    Returns
    -------
    pandas.DataFrame
        Of text, one row a mineral: a table in a notebook, aligned columns when printed; an em dash
        stands for None.
    """
    import pandas as pd

    words = {"share": "share of area", "mean_score": "mean score", "area_mm2": "area, mm²"}
    forms = {"share": _percent, "mean_score": "{:.2f}".format, "area_mm2": "{:.3g}".format}
    ordered = sorted(rows, key=lambda row: -(row["share"] or 0))
    columns = dict.fromkeys(key for row in ordered for key in row if key != "name")
    texts = {
        words.get(key, key): [
            "—" if row.get(key) is None else forms.get(key, str)(row[key]) for row in ordered
        ]
        for key in columns
    }
    return pd.DataFrame(texts, index=pd.Index([row["name"] for row in ordered], name="mineral"))
