"""A photo too big for memory, read rectangle by rectangle; what cannot be read is named.

TIFF and BigTIFF are read where they lie (see ``segments``). Other formats have to be decoded whole,
so they may have at most `WHOLE_PX` pixels.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..photos import PhotoError
from ..photos.checks import check_scale, open_file, pixel_limit, shown
from ..photos.files import decode

WHOLE_PX = 120_000_000  # decoded: 7 bytes a pixel for a moment, with a colour profile 11
MOSAIC_PX = 400_000_000  # default limit
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


@dataclass(frozen=True)
class Damage:
    """A rectangle of the photo that cannot be read: y1, x1, y2, x2 in px, end excluded, and why."""

    y1: int
    x1: int
    y2: int
    x2: int
    reason: str

    def __str__(self) -> str:
        place = f"rows {self.y1} to {self.y2 - 1}, columns {self.x1} to {self.x2 - 1}"
        return f"{place}: {self.reason}"


class Source:
    """A photo in a file, open for reading; a context manager.

    Attributes
    ----------
    name : str, for messages
    size : (height, width) in px
    um_per_px : float or None, micrometres per pixel where given or stated
    notes : list of str, what is converted on reading, a sentence each
    deep : bool, whether it has 16 bits a sample; `highest` is then the highest value, which says
        how many of them are used
    """

    deep = False
    highest = 0

    def __init__(self, name: str, size: tuple[int, int], um_per_px: float | None, notes: list[str]):
        self.name, self.size, self.um_per_px, self.notes = name, size, um_per_px, notes
        self._resources = ExitStack()

    def read(self, rows: slice, cols: slice) -> tuple[np.ndarray, list[Damage]]:
        """A rectangle: uint8 [rows, cols, 3], RGB, grey 128 where the file is damaged, and the
        damaged pieces of the file that it touches."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the file and let go of what was decoded."""
        self._resources.close()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Whole(Source):
    """A photo that was decoded in one piece."""

    def __init__(self, name: str, image: np.ndarray, um_per_px: float | None, notes: list[str]):
        super().__init__(name, image.shape[:2], um_per_px, notes)
        self.image = image

    def read(self, rows: slice, cols: slice) -> tuple[np.ndarray, list[Damage]]:
        return self.image[rows, cols], []

    def close(self) -> None:
        self.image = None


def open_source(
    path: str | os.PathLike,
    *,
    um_per_px: float | None = None,
    frame: int | None = None,
    max_pixels: int | None = None,
) -> Source:
    """Open a photo for reading in pieces.

    Parameters
    ----------
    path : path
        TIFF or BigTIFF (tiles or strips; any compression that Pillow or zlib reads; 8 bits, or 16
        uncompressed or deflated) of any size; other formats up to 120 megapixels.
    um_per_px : float, optional
        Micrometres per pixel; by default what ImageJ or OME metadata state.
    frame : int, optional
        Which page of a TIFF of several, from 0.
    max_pixels : int, optional
        Refuse larger photos; 400 megapixels by default.

    Returns
    -------
    Source

    Raises
    ------
    PhotoError
        The photo cannot be read in pieces; the message says why and what to do.
    """
    name = shown(path)
    um_per_px = check_scale(um_per_px, name)
    limit = pixel_limit(MOSAIC_PX if max_pixels is None else max_pixels, name)
    where = Path(os.path.expanduser(path))
    with ExitStack() as stack:
        file = stack.enter_context(open_file(where, name))
        head = file.read(4)
        file.seek(0)
        if head in _TIFF:
            from .segments import open_tiff

            source = open_tiff(file, name, where.suffix.lower(), frame, limit)
            source._resources = stack.pop_all()
        else:
            image, notes, stated = _decode_whole(file, name, where.suffix.lower(), frame, limit)
            source = _Whole(name, image, stated, notes)
    if um_per_px is not None:
        source.um_per_px = um_per_px
    return source


def _decode_whole(file, name: str, suffix: str, frame: int | None, limit: float):
    try:
        return decode(file, name, suffix, frame, min(limit, WHOLE_PX))
    except PhotoError as error:
        if "max_pixels" not in str(error) or limit <= WHOLE_PX:
            raise
        raise PhotoError(
            f"{name}: only TIFF is read in pieces, other formats up to {WHOLE_PX // 10**6}"
            " megapixels; save this photo as a tiled TIFF (QuPath, ImageJ and libvips do)."
        ) from error
