"""Points on a photo: whether they lie in it, and the scale from a line whose length is known."""

from __future__ import annotations

import math

Point = tuple[float, float]


class EditError(ValueError):
    """A step that cannot be done; the message says what was given and what to do."""


def scale_of_line(start: Point, end: Point, length_um: float) -> float:
    """Micrometres per pixel.

    Parameters
    ----------
    start, end : (x, y) in px of the photo
    length_um : how long the line between them is, micrometres

    Returns
    -------
    float

    Raises
    ------
    EditError
        Both points are one, or the length is not above zero.
    """
    pixels = math.dist(start, end)
    if pixels < 1:
        raise EditError(
            f"both ends of the scale line lie at ({start[0]:g}, {start[1]:g}), so it has no "
            "length; click on its two ends"
        )
    if not (isinstance(length_um, int | float) and 0 < length_um < math.inf):
        raise EditError(
            f"the length of the scale line is {length_um!r}; write its micrometres, above 0"
        )
    return float(length_um) / pixels


def inside(x: float, y: float, size: tuple[int, int]) -> tuple[int, int]:
    """A point as the pixel (x, y) that it lies in.

    Raises
    ------
    EditError
        The point is no number, or lies outside the photo of `size` (height, width).
    """
    if not (math.isfinite(x) and math.isfinite(y) and 0 <= x < size[1] and 0 <= y < size[0]):
        raise EditError(
            f"the point ({x:g}, {y:g}) lies outside the photo of {size[1]} x {size[0]} px; choose "
            f"x from 0 to {size[1] - 1} and y from 0 to {size[0] - 1}"
        )
    return int(x), int(y)
