"""How torn a map is: its regions, and their number a megapixel.

The paper calls the untuned map of its figure 4 strongly fragmented; this is that word as a number.
Set it beside the truth's own: an ore can be finely intergrown, and then many regions are right.
"""

from __future__ import annotations

import numpy as np

_EIGHT = np.ones((3, 3), bool)


def regions(labels: np.ndarray, n_classes: int, smallest: int = 1) -> np.ndarray:
    """Number of connected pieces of each class; pixels that touch by a corner are connected.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 [H, W], index of the class; 255 belongs to none.
    n_classes : int
    smallest : int
        Pieces of fewer pixels are not counted.

    Returns
    -------
    int64 [n_classes]
    """
    from scipy import ndimage

    if smallest < 1:
        raise ValueError(f"smallest={smallest} px: a piece has at least 1 pixel.")
    counts = np.zeros(n_classes, np.int64)
    for k in np.unique(labels[labels < n_classes]):
        pieces, number = ndimage.label(labels == k, _EIGHT)
        if smallest > 1:
            sizes = np.bincount(pieces.ravel(), minlength=number + 1)[1:]
            number = int((sizes >= smallest).sum())
        counts[k] = number
    return counts


def regions_per_megapixel(labels: np.ndarray, n_classes: int, smallest: int = 1) -> float:
    """All regions of a map for a million of its pixels; see `regions`."""
    return float(regions(labels, n_classes, smallest).sum() / labels.size * 1e6)
