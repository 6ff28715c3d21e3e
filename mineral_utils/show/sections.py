"""Digital sections: picture beside truth, sheets of many pictures, spectra of reflectance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from ..minerals import vocabulary
from .canvas import GREY, STYLE, axes_for, checked_photo, draw_picture, picture_inches, show_photo
from .maps import show_segmentation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NO_MINERAL = "no mineral"  # what the label 255 says in a truth: resin, pits, cracks
_OUTLINE = [withStroke(linewidth=6.5, foreground="black")]  # pale minerals on white paper


@mpl.rc_context(STYLE)
def show_section(
    section: Any, *, axes: Sequence[Axes] | None = None, title: str | None = None
) -> tuple[Axes, Axes]:
    """A digital section and its truth side by side, with the legend of the minerals.

    Parameters
    ----------
    section : Section
        Anything with ``image`` (uint8 [H, W, 3]), ``labels`` (uint8 [H, W], 255 = no mineral),
        ``names`` and, where the scale is known, ``um_per_px``.
    axes : two Axes, optional
        Default: a new figure.
    title : str, optional
        Of the picture; default "picture".

    Returns
    -------
    (Axes, Axes)
        Of the picture and of its truth.
    """
    if axes is None:
        axes = plt.subplots(1, 2, figsize=(12, 3.7), layout="constrained")[1]
    left, right = axes
    um_per_px = getattr(section, "um_per_px", None)
    show_photo(section.image, ax=left, um_per_px=um_per_px, title=title or "picture")
    bare = {"alpha": 1.0, "contours": False, "unknown": NO_MINERAL, "scale_note": False}
    show_segmentation(section.image, section.labels, section.names, ax=right, title="truth", **bare)
    return left, right


@mpl.rc_context(STYLE)
def show_sheet(
    images: Sequence[np.ndarray],
    titles: Sequence[str] | None = None,
    *,
    columns: int = 4,
    width_in: float = 12,
) -> Figure:
    """Many pictures on one sheet, row by row.

    Parameters
    ----------
    images : sequence of uint8 [H, W, 3]
        Of one shape, or of several: each keeps its own proportions.
    titles : sequence of str, optional
        One a picture.
    columns : int
    width_in : float
        Width of the sheet, inches.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        There is no picture, or the numbers of pictures and titles differ.
    """
    images = [checked_photo(image)[0] for image in images]
    titles = [""] * len(images) if titles is None else list(titles)
    if not images or len(titles) != len(images) or columns < 1:
        raise ValueError(
            f"There are {len(images)} pictures, {len(titles)} titles and {columns} columns; give "
            "one title for each picture, at least one picture and one column."
        )
    rows = -(-len(images) // columns)
    cell = width_in / columns
    tall = max(image.shape[0] / image.shape[1] for image in images)
    lines = max(title.count("\n") + bool(title) for title in titles)
    size = width_in, rows * (cell * tall + 0.25 * lines + 0.05)
    fig, axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        axes_for(ax, image.shape[:2], None)
        ax.set_title(title, fontsize=12)
        zoom = picture_inches(image.shape[:2], ax)[0] * fig.dpi / image.shape[1]
        # pixels that are enlarged stay square: nobody should take smoothing for focus
        draw_picture(ax, image, image.shape[:2], interpolation="nearest" if zoom > 1.5 else "auto")
    return fig


@mpl.rc_context(STYLE)
def show_spectra(
    names: Sequence[str],
    *,
    colours: Mapping[str, Sequence[int]] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Reflectance of minerals against wavelength, each line named at its right end.

    Between the smallest and the largest reflectance of a bireflectant mineral the area is filled.

    Parameters
    ----------
    names : sequence of str
        That the vocabulary knows.
    colours : mapping from name to (red, green, blue), 0-255, optional
        Of the lines; default: the vocabulary's.
    ax : Axes, optional
        Default: a new figure.

    Returns
    -------
    Axes
        x in nm, y in percent.
    """
    if not len(names):
        raise ValueError('There is no mineral to draw; name one, such as ["pyrite"].')
    if ax is None:
        ax = plt.subplots(figsize=(8.5, 4.8), layout="constrained")[1]
    ends = {}
    for name in names:
        mineral = vocabulary().find(name)
        nm, low, high = np.array(mineral.reflectance, float).T
        given = (colours or {}).get(name)
        colour = mineral.colour if given is None else tuple(np.asarray(given) / 255)
        ax.fill_between(nm, low, high, color=colour, alpha=0.45, linewidth=0)
        for side in [low] if np.array_equal(low, high) else [low, high]:
            ax.plot(nm, side, color=colour, linewidth=5, path_effects=_OUTLINE)
            ax.plot(nm, side, "o", color=colour, markersize=11, markeredgecolor="black")
        ends[name] = (low[-1] + high[-1]) / 2
    top = max(ends.values()) * 1.12 + 3
    ax.set(xlabel="wavelength, nm", ylabel="reflectance, %", xlim=(460, 725), ylim=(0, top))
    ax.set_xticks(nm)
    ax.spines[["top", "right"]].set_visible(False)
    for name, height in _apart(ends, 0.07 * top).items():
        leader = {"arrowstyle": "-", "color": GREY, "shrinkA": 0, "shrinkB": 6}
        ax.annotate(name, (650, ends[name]), (666, height), va="center", arrowprops=leader)
    return ax


def _apart(heights: Mapping[str, float], least: float) -> dict[str, float]:
    """Heights of labels, in order, none nearer than `least` to the one below; centred as before."""
    names = sorted(heights, key=heights.get)
    wanted = np.array([heights[name] for name in names])
    placed = wanted.copy()
    for _ in range(50):  # neighbours that are too near push each other, half of the gap each
        gaps = np.maximum(least - np.diff(placed), 0) / 2
        placed[:-1] -= gaps
        placed[1:] += gaps
    return dict(zip(names, placed.tolist(), strict=True))
