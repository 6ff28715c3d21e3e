"""What the method sees on its way: similarities, sliding windows, prompts for SAM."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import BoundaryNorm
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from PIL import Image

from .canvas import (
    GREY,
    HALO,
    STYLE,
    axes_for,
    checked_photo,
    draw_legend,
    draw_picture,
    note_below,
    reduced,
    show_photo,
)
from .looks import ink_on, looks_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@mpl.rc_context(STYLE)
def show_similarity(
    sim: np.ndarray,
    *,
    ax: Axes | None = None,
    image: Any = None,
    title: str | None = None,
    name: str | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    point: tuple[float, float] | None = None,
) -> Axes:
    """A map of cosine similarity to one mineral's name or to one clicked point.

    Parameters
    ----------
    sim : ndarray of shape (h, w), float
        Cosine, -1 to 1; NaN is drawn in grey. Smaller than the image (a feature grid), its cells
        are drawn as they are, over the image's whole extent.
    ax : Axes, optional
        Default: a new figure, with the photo beside the map when ``image`` is given; on an axes
        of your own the photo lies faintly under the map.
    image : ndarray of shape (H, W, 3), uint8, or Photo, optional
    title, name : str, optional
        The title, or the mineral's name to make it from.
    vmin, vmax : float, optional
        Ends of the colour scale; default: of the data. Give them to compare maps.
    point : (x, y), optional
        Marked, in px of the image (of ``sim`` where there is none).

    Returns
    -------
    Axes
        The map's.

    Raises
    ------
    ValueError
        ``sim`` is not two-dimensional floats.
    """
    sim = np.asarray(sim)
    if sim.ndim != 2 or sim.dtype.kind != "f" or not sim.size:
        raise ValueError(
            f"The similarity is {sim.dtype} {list(sim.shape)}; give one map, float [h, w], such as "
            "the cosines of one mineral."
        )
    photo = None if image is None else checked_photo(image)[0]
    shape = sim.shape if photo is None else photo.shape[:2]
    title = title or (f"similarity to {name}" if name else None)
    axes = []
    if photo is not None and ax is None:
        zoom = min(5.0 / shape[1], 4.5 / shape[0])
        size = 2 * max(2.5, zoom * shape[1]) + 1.4, max(2.0, zoom * shape[0]) + 0.6
        left, ax = plt.subplots(1, 2, figsize=size, layout="constrained")[1]
        axes.append(show_photo(photo, ax=left, title="photo", scale_note=False))
        photo = None
    ax = axes_for(ax, shape, title, room=(1.2, 0))
    if photo is not None:
        draw_picture(ax, reduced(photo, Image.Resampling.BOX).mean(-1), shape, cmap="gray")
    colours = mpl.colormaps["cividis"].with_extremes(bad="0.6")
    how = {"cmap": colours, "vmin": vmin, "vmax": vmax, "interpolation": "nearest"}
    drawn = draw_picture(ax, sim, shape, alpha=None if photo is None else 0.75, **how)
    bar = ax.figure.colorbar(drawn, ax=ax, label="cosine similarity", shrink=0.9)
    bar.solids.set(alpha=1)
    for each in [*axes, ax] if point is not None else ():
        each.plot(*point, "*", markersize=18, color="white", markeredgecolor="black")
    return ax


@mpl.rc_context(STYLE)
def show_windows(image: Any, windows_px: np.ndarray, *, ax: Axes | None = None) -> Axes:
    """The sliding windows over a photo, the first one highlighted, and how many share a pixel.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8, or Photo
    windows_px : ndarray of shape (n, 4), integer
        y1, x1, y2, x2 in px, the ends not included. Outlines are drawn a little inside their
        window, each by another step, so that neighbours do not hide each other.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        The windows are not [n, 4], empty, or reach outside the image.
    """
    image, _ = checked_photo(image)
    windows, shape = np.asarray(windows_px), image.shape[:2]
    if windows.ndim != 2 or windows.shape[1] != 4 or not len(windows):
        raise ValueError(
            f"The windows are {list(windows.shape)}; give integers [n, 4], y1, x1, y2, x2 in px."
        )
    counts = np.zeros(shape, int)
    for y1, x1, y2, x2 in windows:
        if not (0 <= y1 < y2 <= shape[0] and 0 <= x1 < x2 <= shape[1]):
            raise ValueError(
                f"Window y {y1} to {y2}, x {x1} to {x2} does not lie in the image of "
                f"{shape[0]} x {shape[1]} px (height x width); give y1, x1, y2, x2 inside it."
            )
        counts[y1:y2, x1:x2] += 1

    ax = axes_for(ax, shape, None, room=(1.2, 0))
    # faint and grey, so that the colours of the counts read as in their bar
    faint = reduced(image, Image.Resampling.BOX).mean(axis=-1)
    draw_picture(ax, faint, shape, cmap="gray", vmin=-255, vmax=300)
    least, most = counts.min(), counts.max()
    steps = {"cmap": mpl.colormaps["cividis"].resampled(most - least + 1)}
    steps["norm"] = BoundaryNorm(np.arange(least, most + 2) - 0.5, most - least + 1)
    drawn = draw_picture(ax, counts, shape, alpha=0.6, interpolation="nearest", **steps)
    ticks = np.arange(least, most + 1, math.ceil((most - least + 1) / 12))
    bar = ax.figure.colorbar(drawn, ax=ax, label="windows over a pixel", ticks=ticks, shrink=0.9)
    bar.ax.minorticks_off()
    step = 0.012 * min(windows[0, 2] - windows[0, 0], windows[0, 3] - windows[0, 1])
    row, column = (np.unique(windows[:, k], return_inverse=True)[1].ravel() for k in (0, 1))
    for number, (y1, x1, y2, x2) in reversed(list(enumerate(windows))):
        # windows of one column differ in row, so their upright edges lie side by side
        dx, dy = step * (1 + row[number] % 5), step * (1 + column[number] % 5)
        look = {"edgecolor": "white", "linewidth": 1.0}
        if number == 0:
            look = {"edgecolor": "#d55e00", "linewidth": 3.5}
        corner, size = (x1 - 0.5 + dx, y1 - 0.5 + dy), (x2 - x1 - 2 * dx, y2 - y1 - 2 * dy)
        ax.add_patch(Rectangle(corner, *size, fill=False, **look))
    number = f"{least} to {most}" if least < most else str(most)
    plural = "s" if len(windows) > 1 else ""
    note_below(ax, f"{len(windows)} window{plural}, each pixel in {number}; the first in orange")
    return ax


@mpl.rc_context(STYLE)
def show_prompts(image: Any, prompts: Sequence[Any], *, ax: Axes | None = None) -> Axes:
    """The prompts for SAM over a photo: boxes and points, dashed where the mask was rejected.

    Parameters
    ----------
    image : ndarray of shape (H, W, 3), uint8, or Photo
    prompts : sequence of object or mapping
        With ``name``, ``box`` (x1, y1, x2, y2 in px, ends included) and/or ``point`` (x, y in px),
        and, once the decoder has answered, ``kept`` (bool) and ``score``.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        A prompt has neither a box nor a point.
    """
    image, _ = checked_photo(image)
    ax = axes_for(ax, image.shape[:2], None, room=(2.4, 0))
    draw_picture(ax, reduced(image, Image.Resampling.BOX), image.shape[:2])

    def get(prompt: Any, field: str) -> Any:
        if isinstance(prompt, Mapping):
            return prompt.get(field)
        return getattr(prompt, field, None)

    names = list(dict.fromkeys(get(prompt, "name") for prompt in prompts))
    looks = looks_of(names, None, None) if names else []
    colours = {name: colour for name, (colour, _) in zip(names, looks, strict=True)}
    for number, prompt in enumerate(prompts):
        box, point, score = (get(prompt, field) for field in ("box", "point", "score"))
        if box is None and point is None:
            raise ValueError(f"Prompt {number} has neither a box nor a point; give one of them.")
        colour = colours[get(prompt, "name")]
        halo = [withStroke(linewidth=4, foreground=ink_on(colour))]
        line = "--" if get(prompt, "kept") is False else "-"
        if box is not None:
            x1, y1, x2, y2 = box
            frame = Rectangle((x1 - 0.5, y1 - 0.5), x2 - x1 + 1, y2 - y1 + 1, fill=False)
            frame.set(edgecolor=colour, linewidth=2, linestyle=line, path_effects=halo)
            ax.add_patch(frame)
        if point is not None:
            ax.plot(*point, "*", markersize=15, color=colour, markeredgecolor=ink_on(colour))
        if score is not None:
            at = point if box is None else (box[0], box[1])
            inside = {"xytext": (5, -5), "textcoords": "offset points", "va": "top"}
            ax.annotate(f"{score:.2f}", at, **inside, color="white", path_effects=HALO)
    star = {"marker": "*", "markersize": 13, "linewidth": 2}
    handles = [
        Line2D(
            [], [], color=colours[name], markeredgecolor=ink_on(colours[name]), label=name, **star
        )
        for name in names
    ]
    answers = [get(prompt, "kept") for prompt in prompts]
    for answer, line in ((True, "-"), (False, "--")):
        if answer in answers:
            word = f"{'kept' if answer else 'rejected'}: {answers.count(answer)}"
            handles.append(Line2D([], [], color=GREY, linestyle=line, linewidth=2, label=word))
    if handles:
        draw_legend(ax, handles)
    return ax
