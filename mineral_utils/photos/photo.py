"""The photo as the segmenter sees it: loading, taking, shrinking, and writing pictures back."""

from __future__ import annotations

import errno
import hashlib
import os
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from .checks import PhotoError, check_image, check_scale, open_file, pixel_limit, shown
from .colour import GREY_NOTE
from .files import decode, decode_picture


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as the segmenter sees it.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 [H, W, 3], RGB, 0 to 255, rows from top to bottom. Kept read-only; a writeable
        array is copied.
    path : pathlib.Path or None
        The file it came from; None for an array.
    um_per_px : float or None
        Micrometres per pixel; None means unknown, and is never guessed.
    sha256 : str or None
        Hexadecimal SHA-256 of the file's bytes; None for an array.
    credit : str or None
        Photographer, source or licence, as it should be shown.
    notes : tuple of str
        What was converted on reading, a sentence each.

    Raises
    ------
    PhotoError
        If the image or the scale is not as said above.
    """

    image: np.ndarray
    path: Path | None = None
    um_per_px: float | None = None
    sha256: str | None = None
    credit: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        name = shown(self.path) if self.path else "the array"
        check_image(self.image, name)
        image = self.image
        if image.flags.writeable or not image.flags.c_contiguous:
            image = np.array(image, order="C")
            image.flags.writeable = False
        object.__setattr__(self, "image", image)
        object.__setattr__(self, "path", Path(self.path) if self.path else None)
        object.__setattr__(self, "um_per_px", check_scale(self.um_per_px, name))
        object.__setattr__(self, "notes", tuple(self.notes))

    @property
    def height(self) -> int:
        """Rows, px."""
        return self.image.shape[0]

    @property
    def width(self) -> int:
        """Columns, px."""
        return self.image.shape[1]

    @property
    def field_width_mm(self) -> float | None:
        """Width of the field of view in mm; None while the scale is unknown."""
        return None if self.um_per_px is None else self.width * self.um_per_px / 1000

    def __repr__(self) -> str:
        scale = "scale unknown" if self.um_per_px is None else f"{self.um_per_px:g} µm/px"
        name = self.path.name if self.path else "array"
        return f"Photo({name}, {self.width} x {self.height} px, {scale})"


def load_photo(
    path: str | os.PathLike,
    *,
    um_per_px: float | None = None,
    credit: str | None = None,
    frame: int | None = None,
    max_pixels: int | None = None,
) -> Photo:
    """Read a picture file into a :class:`Photo`.

    EXIF orientation is applied, embedded colour profiles are converted to sRGB, transparency is
    put on black, grey is repeated in R, G and B, deeper data are scaled to 8 bits.

    Parameters
    ----------
    path : str or path-like
        The file. Its content counts, not its suffix.
    um_per_px : float, optional
        Micrometres per pixel. Without it the scale is taken from ImageJ or OME metadata that
        state it in a metric unit; resolution in dpi is never taken for a scale.
    credit : str, optional
        Photographer, source or licence.
    frame : int, optional
        Which picture of an animation or of a multi-page TIFF, from 0; needed only for those.
    max_pixels : int, optional
        Refuse larger photos before decoding. Default: the environment variable
        ``MINERAL_MAX_PIXELS``, else 250 megapixels.

    Returns
    -------
    Photo

    Raises
    ------
    PhotoError
        If there is no such photo, or it cannot be read whole and right.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise PhotoError(
            f"load_photo expects the path of a file, got {type(path).__name__}; as_photo takes"
            " arrays and PIL images."
        )
    name = shown(path)
    um_per_px = check_scale(um_per_px, name)
    limit = pixel_limit(max_pixels, name)
    where = Path(os.path.expanduser(path))
    with open_file(where, name) as file:
        image, notes, stated = decode(file, name, where.suffix.lower(), frame, limit)
        file.seek(0)
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if um_per_px is None and stated is not None:
        um_per_px = stated
        notes.append(f"The scale, {stated:g} µm per pixel, was read from the file's metadata.")
    return Photo(image, where, um_per_px, sha256, credit, tuple(notes))


def as_photo(photo: Photo | str | os.PathLike | Image.Image | np.ndarray) -> Photo:
    """Take anything that holds one photo.

    Parameters
    ----------
    photo : Photo, path, PIL image or numpy.ndarray
        Arrays: uint8, [H, W, 3] RGB or [H, W] grey.

    Returns
    -------
    Photo
        The same object if it is one already.

    Raises
    ------
    PhotoError
        If it is none of these, or unfit.
    """
    if isinstance(photo, Photo):
        return photo
    if isinstance(photo, (str, os.PathLike)):
        return load_photo(photo)
    if isinstance(photo, Image.Image):
        image, notes = decode_picture(photo, "the PIL image")
        return Photo(image, notes=tuple(notes))
    if isinstance(photo, np.ndarray) and photo.ndim == 2 and photo.dtype == np.uint8:
        return Photo(np.repeat(photo[..., None], 3, axis=2), notes=(GREY_NOTE,))
    return Photo(photo)


def resize_long_side(image: np.ndarray, long_side: int) -> tuple[np.ndarray, float]:
    """Shrink a photo so that its longer side has at most ``long_side`` pixels.

    Antialiased (Lanczos over the source pixels that each new one covers); never enlarges.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 [H, W, 3].
    long_side : int
        Largest allowed side, px, at least 1.

    Returns
    -------
    image : numpy.ndarray
        uint8 [h, w, 3]; the same object if it was small enough.
    factor : float
        New over old length of the longer side, at most 1. Micrometres per pixel grow by
        1 / factor.

    Raises
    ------
    PhotoError
        If the image or ``long_side`` is not as said above.
    """
    check_image(image, "the image to resize")
    if not isinstance(long_side, (int, np.integer)) or long_side < 1:
        raise PhotoError(f"long_side must be a whole number of pixels from 1, got {long_side!r}.")
    height, width = image.shape[:2]
    factor = int(long_side) / max(height, width)
    if factor >= 1:
        return image, 1.0
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)), factor


def save_png(path: str | os.PathLike, array: np.ndarray) -> Path:
    """Write labels or an overlay as PNG, whole or not at all.

    Parameters
    ----------
    path : str or path-like
        Ends in ``.png``; its folder exists. An older file is replaced.
    array : numpy.ndarray
        uint8, [H, W] (labels, grey) or [H, W, 3] (RGB).

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    PhotoError
        If the array or the path is unfit, or the disk is full; no half file stays behind.
    """
    path, name = Path(os.path.expanduser(path)), shown(path)
    if path.suffix.lower() != ".png":
        raise PhotoError(f"{name}: the name of a PNG file must end in .png.")
    array = np.asarray(array)
    if array.dtype != np.uint8 or (array.shape[2:] != (3,) and array.ndim != 2) or not array.size:
        raise PhotoError(
            f"{name}: expected a uint8 array [H, W] or [H, W, 3] to save, got {array.dtype}"
            f" {list(array.shape)}; convert it first."
        )
    temporary = path.with_name(f".{uuid.uuid4().hex}.part")
    try:
        with open(temporary, "xb") as file:
            Image.fromarray(array).save(file, format="PNG")
        os.replace(temporary, path)
    except OSError as error:
        advice = {
            errno.ENOSPC: "free some space or choose another disk",
            errno.ENOENT: "create its folder first",
            errno.EACCES: "choose a folder that you may write to",
        }.get(error.errno, "choose another place")
        reason = error.strerror or error
        raise PhotoError(f"{name}: could not be saved ({reason}); {advice}.") from error
    finally:
        with suppress(OSError):  # after success it is gone already
            temporary.unlink()
    return path
