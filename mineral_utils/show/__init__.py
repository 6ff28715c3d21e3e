"""Every picture of the suite: photos, maps, digital sections, similarities, prompts, scores, saved
figures.

Helpers take an image (uint8 [H, W, 3] RGB, or a ``Photo``, whose scale is then known) and an
``ax``, and return the axes, whose coordinates are pixels of the image, x to the right and y down::

    ax = show_segmentation(photo, result.labels, result.names)
    save_figure(ax.figure, "figures/fig01.png", alt="...", caption="...", credit="...")

A mineral is told by colour *and* hatch and named in the legend, never by colour alone.
"""

from __future__ import annotations

from .canvas import scale_bar, show_photo
from .compared import draw_shared_legend, show_compared
from .dataset import marked_text, show_co_occurrence, show_counts, show_texts
from .figures import save_figure, save_picture
from .maps import mineral_table, overlay, show_segmentation
from .scores import show_confusion, show_intervals, show_marks
from .sections import show_section, show_sheet, show_spectra
from .steps import show_prompts, show_similarity, show_windows

__all__ = [
    "draw_shared_legend",
    "marked_text",
    "mineral_table",
    "overlay",
    "save_figure",
    "save_picture",
    "scale_bar",
    "show_co_occurrence",
    "show_compared",
    "show_confusion",
    "show_counts",
    "show_intervals",
    "show_marks",
    "show_photo",
    "show_prompts",
    "show_section",
    "show_segmentation",
    "show_sheet",
    "show_similarity",
    "show_spectra",
    "show_texts",
    "show_windows",
]
