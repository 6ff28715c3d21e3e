"""Pictures decoded fast: as small as they are needed, straight out of the file."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageOps, JpegImagePlugin

from ..photos import MAX_PIXELS, PhotoError, load_photo

__all__ = ["reduced_picture"]


def reduced_picture(path: str | Path, side: int, mode: str = "RGB") -> Image.Image:
    """A picture of at least `side` px on its short side, decoded no larger than need be.

    A JPEG is decoded at 1/8, 1/4 or 1/2 of its size where that is enough (draft mode of libjpeg):
    two to five times faster than decoding all of it. Every other file is read whole by
    :func:`mineral_utils.load_photo`, and so is a JPEG in CMYK.

    Parameters
    ----------
    path : path
    side : int
        Wanted length of the short side, px; a smaller picture keeps its size.
    mode : {"RGB", "L"}

    Returns
    -------
    PIL.Image.Image
        Upright, of the given mode. Its proportions are those of the file.

    Raises
    ------
    PhotoError
        The file is no whole picture, or too large.
    OSError
        It cannot be read.
    """
    path = Path(path)
    with path.open("rb") as stream:
        if stream.read(3) == b"\xff\xd8\xff":
            stream.seek(0)
            picture = _draft(stream, path.name, side, mode)
            if picture is not None:
                return picture
    return Image.fromarray(load_photo(path).image).convert(mode)


def _draft(stream, name: str, side: int, mode: str) -> Image.Image | None:
    """A JPEG at reduced size; None for the colour spaces that `load_photo` had better convert."""
    try:
        picture = JpegImagePlugin.JpegImageFile(stream)
        if picture.mode not in ("RGB", "L"):
            return None
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise PhotoError(
                f"{name}: {width} x {height} pixels are more than {MAX_PIXELS:.0f}; reduce it."
            )
        # draft() stays at or above the size that it is given
        factor = side / min(width, height)
        picture.draft(mode, (max(1, int(width * factor)), max(1, int(height * factor))))
        picture.load()
    except PhotoError:
        raise
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise PhotoError(
            f"{name}: the JPEG cannot be decoded whole ({error}); get the picture again."
        ) from error
    return ImageOps.exif_transpose(picture).convert(mode)
