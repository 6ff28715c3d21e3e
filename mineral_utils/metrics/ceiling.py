"""What a perfect classifier of patches would reach.

CLIP sees patches of 16 px, so its map cannot be finer than those cells before refinement. Painting
each cell in its own majority label shows what that alone costs: the number to put beside an mIoU,
and the reason to choose the working long side with care (on training photos). It is a ceiling for
maps that are constant over cells; logits interpolated between cells can get a little above it, by
placing a border inside a cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from .pixels import UNKNOWN, PixelScores, confusion, pixel_scores


def patch_ceiling(labels: np.ndarray, patch: int = 16) -> np.ndarray:
    """Each cell in its most common label.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 [H, W], the truth at the working size; 255 has no vote.
    patch : int
        Side of the cells, px, from the upper left; those at the right and lower edge may be cut.

    Returns
    -------
    uint8 [H, W]
        Of two labels equally common the lower one; 255 where a cell has no label.
    """
    if not isinstance(patch, (int, np.integer)) or patch < 1:
        raise ValueError(f"patch must be a whole number of pixels from 1, got {patch!r}.")
    height, width = labels.shape
    cells = (np.arange(height) // patch)[:, None] * -(-width // patch) + np.arange(width) // patch
    n_cells = int(cells[-1, -1]) + 1
    pairs = cells.ravel() * 256 + labels.ravel()
    votes = np.bincount(pairs, minlength=n_cells * 256).reshape(n_cells, 256)[:, :UNKNOWN]
    winner = np.where(votes.any(axis=1), votes.argmax(axis=1), UNKNOWN).astype(np.uint8)
    return winner[cells]


def patch_scores(
    label_maps: Iterable[np.ndarray], names: Sequence[str], patch: int = 16
) -> PixelScores:
    """Pooled scores of `patch_ceiling` over photos.

    Parameters
    ----------
    label_maps : iterable of numpy.ndarray
        uint8 [H, W] each, index into `names`, at the working size.
    names : sequence of str
    patch : int
        px.

    Returns
    -------
    PixelScores
    """
    total = np.zeros((len(names), len(names) + 1), np.int64)
    for labels in label_maps:
        total += confusion(labels, patch_ceiling(labels, patch), len(names))
    return pixel_scores(total, names)
