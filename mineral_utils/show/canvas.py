"""What all pictures share: style, axes in pixels, scale bar, legend; and the plain photo."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.transforms import ScaledTranslation
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# legible on a projector: nothing below 11 pt
STYLE = {
    "font.family": "DejaVu Sans",  # has Cyrillic, Greek and tabular figures
    "font.size": 12,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "legend.fontsize": 11,
    "legend.frameon": False,
    "hatch.linewidth": 0.8,
    "text.parse_math": False,  # a "$" in somebody's title is a dollar
}
GREY = "#595959"
HALO = [withStroke(linewidth=3, foreground="black")]
_PICTURE_IN = (7.5, 5.6)  # a new figure's picture fits into this width and height, inches
_DRAWN_PX = 2000  # longer pictures are reduced for drawing: no screen shows more


@mpl.rc_context(STYLE)
def show_photo(
    image: Any,
    *,
    ax: Axes | None = None,
    um_per_px: float | None = None,
    title: str | None = None,
    scale_note: bool = True,
) -> Axes:
    """A photo with its scale bar, or with the words "scale unknown" below it.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8, or Photo
        RGB.
    ax : Axes, optional
        Default: a new figure.
    um_per_px : float, optional
        Micrometres per pixel; default: the Photo's own, else unknown.
    title : str, optional
    scale_note : bool
        Whether to say so when the scale is unknown.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        The image is not uint8 [H, W, 3], or the scale is not above 0.
    """
    image, um_per_px = checked_photo(image, um_per_px)
    ax = axes_for(ax, image.shape[:2], title)
    draw_picture(ax, reduced(image, Image.Resampling.BOX), image.shape[:2])
    draw_scale(ax, um_per_px, image.shape[1], scale_note)
    return ax


@mpl.rc_context(STYLE)
def scale_bar(ax: Axes, um_per_px: float, width_px: float) -> Axes:
    """A bar of round length (1, 2 or 5 times a power of ten), about a fifth of the picture's width.

    Parameters
    ----------
    ax : Axes
        In pixels of a picture whose left edge is at -0.5.
    um_per_px : float
        Micrometres per pixel of the picture.
    width_px : float
        Width of the picture, px.
    """
    wanted = um_per_px * width_px / 5
    decade = 10.0 ** math.floor(math.log10(wanted))
    um = min((m * decade for m in (1, 2, 5, 10)), key=lambda m: abs(math.log(m / wanted)))
    text = f"{um / 1000:g} mm" if um >= 1000 else f"{um:g} µm"
    length, right = um / um_per_px, 0.965 * width_px - 0.5
    across = ax.get_xaxis_transform()  # x in pixels, y as a share of the height
    bar = Rectangle((right - length, 0.035), length, 0.018, transform=across)
    ax.add_patch(bar).set(facecolor="white", edgecolor="black", linewidth=1.5, gid="scale-bar")
    # right-aligned, so that a label longer than its bar stays inside the picture
    ax.text(right, 0.066, text, transform=across, ha="right", va="bottom").set(
        color="white", fontweight="bold", path_effects=HALO
    )
    return ax


def draw_scale(ax: Axes, um_per_px: float | None, width_px: int, note: bool = True) -> None:
    if um_per_px is not None:
        scale_bar(ax, um_per_px, width_px)
    elif note:
        note_below(ax, "scale unknown")


def note_below(ax: Axes, text: str) -> None:
    below = {"xycoords": "axes fraction", "xytext": (0, -5), "textcoords": "offset points"}
    ax.annotate(text, (0, 0), **below, va="top", color=GREY, fontsize=11)


def checked_photo(image: Any, um_per_px: float | None = None) -> tuple[np.ndarray, float | None]:
    """The array and the scale of an array or a Photo, checked."""
    if um_per_px is None:
        um_per_px = getattr(image, "um_per_px", None)
    array = np.asarray(getattr(image, "image", image))
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        raise ValueError(
            f"The image is {array.dtype} {list(array.shape)}; it must be uint8 [H, W, 3], RGB: "
            "read it with mineral_utils.load_photo."
        )
    if um_per_px is not None and not (math.isfinite(um_per_px) and um_per_px > 0):
        raise ValueError(
            f"um_per_px is {um_per_px}; give micrometres per pixel above 0, or None if unknown."
        )
    return array, um_per_px


def reduced(array: np.ndarray, how: Image.Resampling, longest: int = _DRAWN_PX) -> np.ndarray:
    """The picture or labels with a long side of at most ``longest`` px."""
    height, width = array.shape[:2]
    factor = longest / max(height, width)
    if factor >= 1:
        return array
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(Image.fromarray(array).resize(size, how))


def axes_for(
    ax: Axes | None, shape: tuple[int, int], title: str | None, room: tuple[float, float] = (0, 0)
) -> Axes:
    """Axes in pixels of a picture; a new figure leaves ``room`` (inches right and below)."""
    height, width = shape
    if ax is None:
        wide, high = picture_inches(shape)
        figsize = max(3.0, wide) + room[0], max(1.5, high) + 0.6 + room[1]
        ax = plt.subplots(figsize=figsize, layout="constrained")[1]
    ax.set(xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), aspect="equal")
    ax.set_axis_off()
    if title:
        ax.set_title(title)
    return ax


def picture_inches(shape: tuple[int, int], ax: Axes | None = None) -> tuple[float, float]:
    """Width and height that a picture gets, on ``ax`` (before the layout) or in a new figure."""
    wide, high = _PICTURE_IN
    if ax is not None:
        box = ax.get_position()
        wide, high = (box.width, box.height) * ax.figure.get_size_inches()
    zoom = min(wide / shape[1], high / shape[0])
    return shape[1] * zoom, shape[0] * zoom


def draw_picture(ax: Axes, array: np.ndarray, shape: tuple[int, int], **how: Any) -> Any:
    """Draw an array over the whole of a picture of ``shape``, whatever its own size."""
    ax.autoscale(False)
    extent = (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    return ax.imshow(array, extent=extent, aspect="equal", **how)


def draw_legend(ax: Axes, handles: Sequence[Any], *, below: bool = False, ncols: int = 1) -> None:
    """A legend outside the picture: right of it, or below it and its note on the scale."""
    at, shift = ((0, 0), (0, -24)) if below else ((1, 1), (8, 0))
    points = ScaledTranslation(shift[0] / 72, shift[1] / 72, ax.figure.dpi_scale_trans)
    where = {"loc": "upper left", "bbox_to_anchor": at, "bbox_transform": ax.transAxes + points}
    sizes = {"handlelength": 2.4, "handleheight": 1.5, "labelspacing": 0.35, "borderaxespad": 0}
    ax.legend(handles=handles, ncols=ncols, borderpad=0, **where, **sizes)
    ax.set_anchor("NW" if below else "W")  # what room is left over goes to the legend
