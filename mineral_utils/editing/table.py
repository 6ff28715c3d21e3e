"""How much of each mineral a map shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..metrics import regions
from ..segmentation import UNKNOWN


def shares(
    labels: np.ndarray,
    names: Sequence[str],
    *,
    um_per_px: float | None = None,
    sure: np.ndarray | None = None,
    count_regions: bool = True,
) -> list[dict]:
    """One row a mineral that a map may hold, and one for unknown pixels if there are any.

    Parameters
    ----------
    labels : uint8 [H, W], index into `names`, 255 unknown
    um_per_px : scale of these labels
    sure : float32 [H, W] in [0, 1], how sure the model is
    count_regions : leave it out where no time is to be lost

    Returns
    -------
    list of dict: ``name``; ``share`` of the area in [0, 1]; ``regions`` (8-connected, None for
    unknown); ``mean_confidence`` with `sure`, None where a mineral has no pixels; ``area_mm2``
    with `um_per_px`
    """
    counts = np.bincount(labels.ravel(), minlength=256)
    pieces = regions(labels, len(names)) if count_regions else None
    if sure is not None:
        sums = np.bincount(labels.ravel(), sure.ravel(), minlength=256)
    table = []
    for index, name in [*enumerate(names), (UNKNOWN, "unknown")]:
        count = int(counts[index])
        if index == UNKNOWN and not count:
            continue
        row = {"name": name, "share": count / labels.size}
        if count_regions:
            row["regions"] = int(pieces[index]) if index != UNKNOWN else None
        if sure is not None:
            row["mean_confidence"] = float(sums[index] / count) if count else None
        if um_per_px is not None:
            row["area_mm2"] = count * (um_per_px / 1000) ** 2
        table.append(row)
    return table


def percent(share: float) -> str:
    """A share of the area in words; what is there is never 0."""
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"
