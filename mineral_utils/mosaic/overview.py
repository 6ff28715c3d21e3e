"""A quick look at a mosaic: its map over a reduced photo, with the legend."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..run import record
from ..segmentation import UNKNOWN
from ..show import save_figure, show_segmentation

if TYPE_CHECKING:
    from .answer import Answer
    from .mosaic import Mosaic

LONG_SIDE = 2000  # px


def save_overview(mosaic: Mosaic, answer: Answer, credit: str | None = None) -> Path:
    """Draw ``<stem>_overview.png`` and its sidecar.

    Labels are those of every so many pixels; the shares in the legend are theirs, those in the
    caption are of all pixels.
    """
    import matplotlib.pyplot as plt

    height, width = answer.size
    factor = min(LONG_SIDE, max(mosaic.lattice.size)) / max(height, width)
    small = max(1, round(height * factor)), max(1, round(width * factor))
    rows, cols = (
        (np.arange(n) * 2 + 1) * side // (2 * n) for n, side in zip(small, answer.size, strict=True)
    )
    labels = answer.labels(rows, cols)
    um_per_px = mosaic.um_per_px and mosaic.um_per_px * width / small[1]
    shares = ", ".join(f"{row['name']} {row['share']:.1%}" for row in answer.table if row["share"])
    banner = mosaic.model.banner
    ax = show_segmentation(mosaic.picture(small), labels, answer.names, um_per_px=um_per_px)
    try:
        return save_figure(
            ax.figure,
            answer.path.with_name(f"{answer.path.stem}_overview.png"),
            alt=f"Mosaic of a polished section under a map of minerals: {shares}.",
            caption=f"Minerals by area: {shares}." + (f" {banner}" if banner else ""),
            credit=credit or "photo: credit not given",
            numbers={"labels": dict(enumerate(answer.names)), "unknown": UNKNOWN},
            record=record(
                settings={"preset": answer.preset, "lattice": mosaic.lattice},
                device=mosaic.model.encoders.device,
            ),
            dpi=150,
        )
    finally:
        plt.close(ax.figure)
