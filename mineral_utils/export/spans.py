"""Spans: pixels of one region that follow each other, along rows or down columns.

Run-length formats are written from them: one pass over the map finds the spans of all regions.
"""

from __future__ import annotations

import numpy as np


def spans(numbers: np.ndarray, count: int) -> list[np.ndarray]:
    """Spans of all regions along the rows, from the end of a row on to the next.

    Parameters
    ----------
    numbers : whole numbers [H, W], 1 to `count`, 0 where there is no region; transposed, the spans
        run down the columns
    count : how many regions there are

    Returns
    -------
    list of int64 [spans, 2], one a region
        Position of each span's first pixel in the flattened map, and its length.
    """
    flat = np.ascontiguousarray(numbers).ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    lengths = np.diff(starts, append=flat.size)
    owner = flat[starts]
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(count + 2))
    pairs = np.stack([starts, lengths], axis=1)[order]
    return [pairs[ends[k] : ends[k + 1]] for k in range(1, count + 1)]


def alternating(own: np.ndarray, total: int) -> np.ndarray:
    """Lengths of what lies before, in, between … and behind spans; the first may be 0.

    Parameters
    ----------
    own : int64 [spans, 2], start and length
    total : pixels of the whole map

    Returns
    -------
    int64, outside and inside by turns; their sum is `total`, only the first may be 0
    """
    edges = np.stack([own[:, 0], own.sum(axis=1)], axis=1).ravel()
    lengths = np.diff(edges, prepend=0, append=total)
    return lengths if lengths[-1] else lengths[:-1]


def positions(lengths: np.ndarray, total: int) -> np.ndarray:
    """The pixels inside: the way back from `alternating`, int64 positions in the flattened map.

    Raises
    ------
    ValueError
        The lengths do not fill the map.
    """
    lengths = np.asarray(lengths, np.int64)
    if (lengths < 0).any() or lengths.sum() != total:
        raise ValueError(
            f"the run lengths of a mask give {lengths.sum()} pixels, the photo has {total}; the "
            "file is damaged or of another photo"
        )
    starts, inside = np.cumsum(lengths)[0::2][: len(lengths) // 2], lengths[1::2]
    before = np.cumsum(inside) - inside
    return np.arange(inside.sum()) + np.repeat(starts - before, inside)
