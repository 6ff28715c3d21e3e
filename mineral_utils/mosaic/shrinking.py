"""Exact area means: a part of the shrunken picture is the same whichever part it is cut from."""

from __future__ import annotations

import numpy as np


def support(start: int, stop: int, n_in: int, n_out: int) -> slice:
    """Pixels of a line of `n_in` px that the shrunken pixels [start, stop) of `n_out` rest on."""
    return slice(start * n_in // n_out, -(-stop * n_in // n_out))


def area_mean(
    part: np.ndarray, rows: slice, cols: slice, size_in: tuple[int, int], size_out: tuple[int, int]
) -> np.ndarray:
    """A rectangle of a picture as it looks at another size, each pixel the mean of its area.

    Whole numbers throughout, so that no rounding depends on what else is read with it.

    Parameters
    ----------
    part : uint8 [h, w, C]
        The pixels that the rectangle rests on, see `support`.
    rows, cols : slice
        The rectangle, in px of the new picture.
    size_in, size_out : (height, width) of the whole picture in px, before and after

    Returns
    -------
    uint8 [rows, cols, C], half rounded up
    """
    if size_in == size_out:
        return part
    sums = _along(part, rows, size_in[0], size_out[0])
    sums = _along(sums.swapaxes(0, 1), cols, size_in[1], size_out[1]).swapaxes(0, 1)
    whole = size_in[0] * size_in[1]
    return ((sums + whole // 2) // whole).astype(np.uint8)


def _along(values: np.ndarray, out: slice, n_in: int, n_out: int) -> np.ndarray:
    """Sums over the first axis, int64: every new pixel is `n_in` long where an old one is
    `n_out`."""
    first = support(out.start, out.stop, n_in, n_out).start
    edges = np.arange(out.start, out.stop + 1) * n_in
    low, rest = edges // n_out - first, edges % n_out
    before = np.zeros((len(values) + 1, *values.shape[1:]), np.int64)
    np.cumsum(values, axis=0, dtype=np.int64, out=before[1:])
    # at the last edge nothing is left over of the next pixel, which need not be there
    inside = values[np.minimum(low, len(values) - 1)].astype(np.int64)
    rest = rest.reshape(-1, *[1] * (values.ndim - 1))
    return np.diff(n_out * before[low] + rest * inside, axis=0)
