"""What a photo must be, and the one sentence that says what is wrong with one that is not."""

from __future__ import annotations

import math
import os
import re
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

MIN_SIDE = 16  # px: one patch of the vision models
MAX_ASPECT = 64  # beyond it a long side of 1024 px leaves the short one under a 16-px patch
MAX_PIXELS = 250_000_000  # default limit; MINERAL_MAX_PIXELS in the environment replaces it
EXPORT = "export the picture as PNG, TIFF or JPEG and load that"


class PhotoError(ValueError):
    """A photo that cannot be used: which one, what was found, what to do, in one sentence."""


class SeveralPictures(PhotoError):
    """A file that holds several pictures, of which none was chosen."""


def check_image(image: np.ndarray, name: str) -> None:
    """Check that ``image`` is uint8 [H, W, 3], at least 16 px a side and at most 64:1.

    Parameters
    ----------
    image : numpy.ndarray
        What should be a photo.
    name : str
        How the error message calls it.

    Raises
    ------
    PhotoError
        With what was found and how to convert it.
    """
    wanted = "expected a uint8 array [H, W, 3] of RGB from 0 to 255"
    if not isinstance(image, np.ndarray):
        raise PhotoError(
            f"{name}: {wanted}, got {type(image).__name__}; give a path, a PIL image or a NumPy"
            " array (a torch tensor: .permute(1, 2, 0).cpu().numpy())."
        )
    found = f"{wanted}, got {image.dtype} {list(image.shape)}"
    if image.dtype != np.uint8:
        raise PhotoError(f"{name}: {found}; convert it with {_conversion(image)}.")
    if image.ndim == 3 and image.shape[2] == 4:
        raise PhotoError(f"{name}: {found}; drop the fourth channel with array[..., :3].")
    if image.ndim == 3 and image.shape[0] == 3 != image.shape[2]:
        raise PhotoError(f"{name}: {found}; move the channels last: array.transpose(1, 2, 0).")
    if image.ndim == 4:
        raise PhotoError(f"{name}: {found}; give one photo at a time, for example array[0].")
    if image.ndim != 3 or image.shape[2] != 3:
        raise PhotoError(f"{name}: {found}; repeat or choose channels until there are three.")
    check_size(image.shape[1], image.shape[0], name)


def check_size(width: int, height: int, name: str, limit: float = math.inf) -> None:
    """Refuse photos that no model can look at.

    Parameters
    ----------
    width, height : int
        px.
    name : str
        How the error message calls the photo.
    limit : float
        Largest number of pixels.

    Raises
    ------
    PhotoError
        If there are more pixels than ``limit``, a side is under 16 px, or the sides' ratio is
        over 64.
    """
    if width * height > limit:
        raise PhotoError(
            f"{name}: {width} x {height} px is more than max_pixels={limit:.0f} allows; scale the"
            " photo down, or, if you trust the file, raise max_pixels (or MINERAL_MAX_PIXELS in"
            " the environment)."
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(
            f"{name}: {width} x {height} px is too small, since both sides need at least"
            f" {MIN_SIDE} px; give the full-size photo, not an icon or a preview."
        )
    longest = MAX_ASPECT * min(width, height)
    if max(width, height) > longest:
        raise PhotoError(
            f"{name}: {width} x {height} px is longer than {MAX_ASPECT}:1, so SAM would see less"
            f" than one row of patches; cut it into pieces of at most {longest} px."
        )


def open_file(path: Path, name: str) -> IO[bytes]:
    """Open an ordinary, non-empty file for reading.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        How the error message calls it.

    Returns
    -------
    binary file object

    Raises
    ------
    PhotoError
        If it is missing, a folder, empty, or not to be read.
    """
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise PhotoError(f"{name}: this is a folder; give one photo in it.")
        if not stat.S_ISREG(status.st_mode):
            raise PhotoError(f"{name}: this is a device or a pipe; give an ordinary file.")
        if status.st_size == 0:
            raise PhotoError(f"{name}: the file is empty (0 bytes); copy or download it again.")
        return open(path, "rb")
    except PhotoError:
        raise
    except FileNotFoundError as error:
        what, advice = "there is no such file", "check the path"
        if re.match(r"https?:/", str(path)):
            what, advice = "this is a web address", "download the photo and give its path"
        elif os.path.islink(path):
            what = f"this is a link to {shown(os.readlink(path))}, which does not exist"
            advice = "give the photo itself"
        elif not path.is_absolute():
            what += f" (looked in {shown(os.getcwd())})"
        raise PhotoError(f"{name}: {what}; {advice}.") from error
    except PermissionError as error:
        raise PhotoError(
            f"{name}: no permission to read the file; change its permissions or copy it."
        ) from error
    except (OSError, ValueError) as error:  # a name too long, or with a NUL character
        reason = getattr(error, "strerror", None) or error
        raise PhotoError(f"{name}: the file cannot be opened ({reason}); rename it.") from error


def shown(path: str | os.PathLike) -> str:
    """Return a path as it may stand in a one-line message, whatever characters it holds."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def check_scale(um_per_px: float | None, name: str) -> float | None:
    """Return micrometres per pixel as a float above 0, or None; PhotoError for anything else."""
    if um_per_px is None:
        return None
    with suppress(TypeError, ValueError):
        if not isinstance(um_per_px, (bool, str)) and 0 < float(um_per_px) < math.inf:
            return float(um_per_px)
    raise PhotoError(
        f"{name}: um_per_px must be a positive number of micrometres per pixel, or None while it"
        f" is unknown, got {um_per_px!r}."
    )


def pixel_limit(max_pixels: int | None, name: str) -> float:
    """Return the largest allowed number of pixels: as asked, from the environment, or default."""
    source, value = "max_pixels", max_pixels
    if max_pixels is None:
        source, value = "MINERAL_MAX_PIXELS", os.environ.get("MINERAL_MAX_PIXELS") or MAX_PIXELS
    with suppress(TypeError, ValueError):
        if float(value) >= 1:
            return float(value)
    raise PhotoError(f"{name}: {source} must be a number of pixels from 1, got {value!r}.")


def pick_frame(frame: int | None, frames: int, name: str) -> int:
    """Return the number, from 0, of the picture wanted out of ``frames``; PhotoError if unclear."""
    if frame is None and frames > 1:
        raise SeveralPictures(
            f"{name}: the file holds {frames} frames; choose one with frame=0 to"
            f" frame={frames - 1}."
        )
    if frame is not None and frame not in range(frames):
        held, advice = f"{frames} frames", f"choose one with frame=0 to frame={frames - 1}"
        if frames == 1:
            held, advice = "one picture", "leave frame out"
        raise PhotoError(
            f"{name}: frame={frame!r} is out of range, since the file holds {held}; {advice}."
        )
    return int(frame or 0)


def _conversion(image: np.ndarray) -> str:
    """The line of code that brings an array of another type to uint8."""
    if image.dtype == bool:
        return "array.astype(np.uint8) * 255"
    if image.dtype == np.uint16 and image.size and image.max() > 255:
        return "(array // 257).astype(np.uint8)"
    if image.dtype.kind == "f" and image.size and (image <= 1).all():
        return "np.rint(array * 255).astype(np.uint8), that is, multiply by 255 first"
    return "np.rint(array).astype(np.uint8) once its values lie between 0 and 255"
