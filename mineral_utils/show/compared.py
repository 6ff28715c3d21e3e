"""Several maps of one photo beside it, under one legend."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke

from .canvas import GREY, STYLE, checked_photo, show_photo
from .looks import ink_on, looks_of
from .maps import UNKNOWN, overlay, show_segmentation

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.legend import Legend


@mpl.rc_context(STYLE)
def show_compared(
    image: Any,
    maps: Mapping[str, np.ndarray],
    names: Sequence[str],
    *,
    um_per_px: float | None = None,
    title: str = "photo",
    columns: int = 2,
    width_in: float = 11,
    alpha: float = 0.55,
    unknown: str = "no mineral",
) -> Figure:
    """A photo and several maps of it, all in the same colours and hatches.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8, or Photo
    maps : mapping of title to ndarray of shape (H, W), integer
        Index into ``names``; 255 is drawn in grey.
    names : sequence of str
        One legend entry each, in this order, whether a map holds it or not.
    um_per_px : float, optional
        Micrometres per pixel; the bar stands in the photo alone.
    title : str
        Of the photo.
    columns : int
    width_in : float
        Width of the figure, inches.
    alpha : float
        Strength of the colours, 0 to 1.
    unknown : str
        What the legend calls 255.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        There is no map, or one does not fit the photo or the names.
    """
    image, um_per_px = checked_photo(image, um_per_px)
    if not maps or columns < 1:
        raise ValueError("There is no map to compare; give at least one, by its title.")
    rows = math.ceil((len(maps) + 1) / columns)
    height = rows * (width_in / columns * image.shape[0] / image.shape[1] + 0.35) + 0.6
    fig, axes = plt.subplots(
        rows, columns, figsize=(width_in, height), layout="constrained", squeeze=False
    )
    for ax in axes.flat:
        ax.set_axis_off()
    first, *others = axes.flat
    show_photo(image, ax=first, um_per_px=um_per_px, title=title)
    for ax, (words, labels) in zip(others, maps.items(), strict=False):
        # no outlines: around the cracks and pits of a truth they would hide what they enclose
        bare = {"legend": False, "scale_note": False, "alpha": alpha, "contours": False}
        show_segmentation(image, labels, names, ax=ax, title=words, um_per_px=None, **bare)
    draw_shared_legend(fig, image, maps.values(), names, alpha=alpha, unknown=unknown)
    return fig


def draw_shared_legend(
    fig: Figure,
    image: Any,
    maps: Iterable[np.ndarray],
    names: Sequence[str],
    *,
    alpha: float = 0.45,
    unknown: str = "unknown",
) -> Legend:
    """One legend for several maps of a photo, below a figure with ``layout="constrained"``: each
    name as it is drawn, on average over the maps.

    Parameters
    ----------
    fig : Figure
    image, names, alpha
        As in :func:`show_segmentation`, with which the maps were drawn.
    maps : of ndarray of shape (H, W), integer
    unknown : str
        What the legend calls 255, where a map holds it.
    """
    image, _ = checked_photo(image)
    looks, tones = looks_of(names, None, None), {}
    for labels in maps:
        mixed = overlay(image, labels, names, alpha=alpha)
        for code in np.unique(labels):
            tones.setdefault(int(code), []).append(mixed[labels == code].mean(axis=0) / 255)
    handles = []
    for code, (name, (colour, hatch)) in enumerate(zip(names, looks, strict=True)):
        # a name that no map holds keeps its own colour
        tone = np.mean(tones[code], axis=0) if code in tones else to_rgb(colour)
        handles.append(_entry(name, tone, hatch))
    if UNKNOWN in tones:
        handles.append(_entry(unknown, to_rgb(GREY), ""))
    return fig.legend(
        handles=handles,
        loc="outside lower center",
        ncols=math.ceil(len(handles) / math.ceil(len(handles) / 5)),  # no entry alone in its row
        handlelength=2.4,
        handleheight=1.5,
    )


def _entry(label: str, tone: Any, hatch: str) -> Patch:
    look = {"facecolor": tuple(tone), "edgecolor": ink_on(tone), "hatch": hatch, "linewidth": 0.5}
    return Patch(label=label, path_effects=[withStroke(linewidth=2, foreground="black")], **look)
