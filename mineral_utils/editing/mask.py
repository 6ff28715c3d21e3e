"""Some pixels of a photo, kept as their bounding box only: a hundred masks of a large photo fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .points import EditError


@dataclass(frozen=True, eq=False)
class Mask:
    """Which pixels.

    size : (height, width) of the photo in px
    top, left : corner of the bounding box in px
    pixels : bool [h, w], what of the box is meant
    """

    size: tuple[int, int]
    top: int
    left: int
    pixels: np.ndarray

    @classmethod
    def of(cls, whole: np.ndarray) -> Mask:
        """From bool [H, W].

        Raises
        ------
        EditError
            No pixel is meant.
        """
        rows, columns = (np.flatnonzero(whole.any(axis)) for axis in (1, 0))
        if not rows.size:
            raise EditError("no pixel was found there; click on the grain itself, or draw a box")
        top, left = int(rows[0]), int(columns[0])
        pixels = whole[top : rows[-1] + 1, left : columns[-1] + 1].copy()
        return cls(whole.shape, top, left, pixels)

    @property
    def area(self) -> int:
        """Number of pixels."""
        return int(self.pixels.sum())

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the bounding box."""
        height, width = self.pixels.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)

    def whole(self) -> np.ndarray:
        """As bool [H, W]."""
        found = np.zeros(self.size, bool)
        found[self.box] = self.pixels
        return found

    def paint(self, labels: np.ndarray, value: int) -> None:
        """Set the pixels in labels [H, W]."""
        labels[self.box][self.pixels] = value

    def sampled(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The mask at some rows and columns of the photo, in rising order, bool [rows, columns]."""
        found = np.zeros((len(rows), len(columns)), bool)
        ends = zip((rows, columns), self.box, strict=True)
        here, there = (slice(*np.searchsorted(at, (s.start, s.stop))) for at, s in ends)
        inside = np.ix_(rows[here] - self.top, columns[there] - self.left)
        found[here, there] = self.pixels[inside]
        return found

    def to_json(self) -> dict:
        """COCO's uncompressed run lengths: ``size`` and ``counts``, down the columns, outside and
        inside by turns."""
        flat = self.whole().ravel(order="F")
        edges = np.flatnonzero(np.diff(flat.view(np.int8), prepend=0))
        counts = np.diff(edges, prepend=0, append=flat.size)
        return {"size": list(self.size), "counts": counts.tolist()}

    @classmethod
    def from_json(cls, found: dict) -> Mask:
        """The way back.

        Raises
        ------
        ValueError
            The runs do not fill the size.
        """
        height, width = found["size"]
        counts = np.array(found["counts"], np.int64)
        if (counts < 0).any() or counts.sum() != height * width:
            raise ValueError(
                f"the run lengths give {counts.sum()} pixels, the photo has {height * width}"
            )
        flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
        return cls.of(flat.reshape((height, width), order="F"))
