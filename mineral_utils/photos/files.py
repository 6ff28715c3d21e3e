"""Picture files, decoded whole or refused with one sentence.

Pillow decodes, except deep TIFFs (see ``tiff``). Nothing global is switched on the way, Pillow's
``MAX_IMAGE_PIXELS`` neither, so many threads may decode at once.

Damage is found where the format allows it: by the checksums of PNG, elsewhere by data that end
too early. A flipped bit or a false end mark inside a JPEG, or wrong values in an uncompressed
picture, have nothing to betray them.
"""

from __future__ import annotations

import logging
import re
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import numpy as np
from PIL import AvifImagePlugin as avif
from PIL import BmpImagePlugin as bmp
from PIL import GifImagePlugin as gif
from PIL import Image, ImageFile
from PIL import Jpeg2KImagePlugin as jpeg2000
from PIL import JpegImagePlugin as jpeg
from PIL import PngImagePlugin as png
from PIL import PpmImagePlugin as pnm
from PIL import TiffImagePlugin as pil_tiff
from PIL import WebPImagePlugin as webp

from .checks import EXPORT, PhotoError, check_size, pick_frame
from .colour import from_samples, negative, to_rgb, to_shallow
from .tiff import read_page

# Pillow warns and logs about odd metadata; the pixels are judged on their own.
logging.getLogger("PIL").addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")

# First bytes of a file -> the Pillow class that reads it. The classes are called directly:
# Image.open would warn about large photos, and takes a phone's JPEG with a preview for two frames.
_READERS = (
    (rb"\xff\xd8\xff", jpeg.JpegImageFile),
    (rb"\x89PNG\r\n\x1a\n", png.PngImageFile),
    (rb"II[*+]\0|MM\0[*+]", pil_tiff.TiffImageFile),
    (rb"GIF8[79]a", gif.GifImageFile),
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", bmp.BmpImageFile),
    (rb"RIFF....WEBP", webp.WebPImageFile),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", jpeg2000.Jpeg2KImageFile),
    (rb"....ftyp.{0,40}avi[fs]", avif.AvifImageFile),
    (rb"P[1-6f]\s", pnm.PpmImageFile),
)
# First bytes of what people hand over instead of a photo.
_FOREIGN = (
    (rb"\s*%PDF", "a PDF document"),
    (
        rb"(?i)(\xef\xbb\xbf)?\s*(<!doctype html|<html|<head)",
        "a web page (HTML), perhaps saved in place of the picture",
    ),
    (rb"(?i)(\xef\xbb\xbf)?\s*(<\?xml.{0,600})?<svg", "an SVG drawing"),
    (rb"%!PS", "a PostScript drawing"),
    (rb"8BPS", "a Photoshop file (PSD)"),
    (rb"....ftyp(hei|hev|mif1|msf1)", "a HEIC photo"),
    (rb"....ftypcrx|FUJIFILMCCD-RAW|IIR[OS]|IIU\0", "a camera's RAW file"),
    (rb"....ftyp", "a video"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "a JPEG XL picture"),
    (rb"ZISRAWFILE", "a Zeiss CZI file"),
    (rb"PK\x03\x04", "a ZIP archive or an office document"),
)
_JPEG_MARKER = re.compile(rb"\xff+([^\0\xff\xd0-\xd7])")  # in pixel data 00, D0 to D7 follow FF
# How Pillow unpacks 16-bit colour into its high bytes -> the same samples, low bytes.
_LOW_BYTES = {
    f"{bands};16{order}": f"{bands};16{other}"
    for bands in ("RGB", "RGBA", "RGBX")
    for order, other in ("BL", "LB", "NB" if np.little_endian else "NL")
}


def decode(
    file: IO[bytes], name: str, suffix: str, frame: int | None, limit: float
) -> tuple[np.ndarray, list[str], float | None]:
    """Decode an open picture file.

    Parameters
    ----------
    file : binary file object
        At its beginning.
    name : str
        How the error message calls it.
    suffix : str
        Of the file's name, lower case; only tells RAW files from other TIFFs.
    frame : int or None
        Which picture, if there are several, from 0.
    limit : float
        Largest number of pixels; checked before decoding.

    Returns
    -------
    image : numpy.ndarray
        uint8 [H, W, 3], RGB, upright.
    notes : list of str
        What was converted, a sentence each.
    um_per_px : float or None
        The scale, if ImageJ or OME metadata state one.

    Raises
    ------
    PhotoError
        If the picture cannot be decoded whole and right.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise PhotoError(
            f"{name}: PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so half a photo would pass for a"
            " whole one; set it to False."
        )
    notes: list[str] = []
    scale = picture = page = None
    with reading(name):
        reader = _recognise(file.read(1024), name)
        if reader is pil_tiff.TiffImageFile:
            page = read_page(file, name, suffix, frame, limit, notes)
            frame, scale, picture = page.frame, page.um_per_px, page.picture
        if picture is None:
            picture = _read(reader, file, name, frame, limit, notes)
            picture = negative(picture) if page and page.inverted else picture
        return to_rgb(picture, notes), notes, scale


def decode_picture(picture: Image.Image, name: str) -> tuple[np.ndarray, list[str]]:
    """Bring a PIL image, loaded or lazy, to RGB uint8.

    Parameters
    ----------
    picture : PIL.Image.Image
        Any mode.
    name : str
        How the error message calls it.

    Returns
    -------
    image : numpy.ndarray
        uint8 [H, W, 3], RGB, upright.
    notes : list of str
        What was converted, a sentence each.

    Raises
    ------
    PhotoError
        If it cannot be done.
    """
    check_size(*picture.size, name)
    notes: list[str] = []
    with reading(name):
        picture.load()
        return to_rgb(to_shallow(picture, name, notes), notes), notes


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn what decoders raise on damaged bytes, which is nearly anything, into a sentence."""
    try:
        yield
    except PhotoError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise PhotoError(
            f"{name}: the photo is too large to decode here; scale it down, or cut it into pieces."
        ) from error
    except Exception as error:
        reason = "its structure cannot be followed"
        if isinstance(error, (OSError, SyntaxError, ValueError)):
            reason = " ".join(str(error).split())[:120] or reason
        short = re.search("truncated|ends before|ends at|failed to read", reason, re.IGNORECASE)
        what = "cut off" if short else "damaged or of a rare kind"
        raise PhotoError(
            f"{name}: the picture is {what} ({reason}); copy or download it again, or {EXPORT}."
        ) from error


def _recognise(head: bytes, name: str) -> type[ImageFile.ImageFile]:
    """The Pillow class for these first bytes; an error that says what they are instead."""
    for pattern, reader in _READERS:
        if re.match(pattern, head, re.DOTALL):
            return reader
    for pattern, what in _FOREIGN:
        if re.match(pattern, head, re.DOTALL):
            raise PhotoError(f"{name}: this is {what}, which cannot be read here; {EXPORT}.")
    if not re.search(rb"[\x00-\x08\x0e-\x1f]", head):
        raise PhotoError(f"{name}: this is a text file, not a photo; {EXPORT}.")
    raise PhotoError(f"{name}: no picture format was recognised in this file; {EXPORT}.")


def _read(
    reader: type[ImageFile.ImageFile],
    file: IO[bytes],
    name: str,
    frame: int | None,
    limit: float,
    notes: list[str],
) -> Image.Image:
    """One frame by Pillow, 8 bits a sample, with the file's EXIF and colour profile in info."""

    file.seek(0)
    picture = reader(file)
    check_size(*picture.size, name, limit)
    index = pick_frame(frame, getattr(picture, "n_frames", 1), name)
    if reader is png.PngImageFile:
        _check_png_sums(file)
    if reader is jpeg.JpegImageFile:
        _check_jpeg_end(file)
    picture = _open_frame(reader, file, index)
    rawmode = _rawmode(picture)
    _load(picture)
    blended = index and reader is png.PngImageFile  # into the frame before
    if rawmode not in _LOW_BYTES or blended:
        if ";16" in rawmode and picture.mode[0] != "I":
            notes.append("Of its 16 bits a sample the upper 8 were kept.")
        return to_shallow(picture, name, notes)
    # Pillow has no 16-bit colour: it is put together from two readings.
    low = _open_frame(reader, file, index)
    low.tile = [_with_rawmode(tile, _LOW_BYTES[rawmode]) for tile in low.tile]
    _load(low)
    samples = np.asarray(picture).astype(np.uint16) << 8
    samples |= np.asarray(low)
    deep = from_samples(samples, name, notes)
    deep.info |= {k: v for k, v in picture.info.items() if k != "transparency"}
    return deep


def _open_frame(
    reader: type[ImageFile.ImageFile], file: IO[bytes], index: int
) -> ImageFile.ImageFile:
    file.seek(0)
    picture = reader(file)
    if index:
        picture.seek(index)
    return picture


def _load(picture: ImageFile.ImageFile) -> None:
    if isinstance(picture, pil_tiff.TiffImageFile):
        # Else Pillow makes this memory itself, and warns about its size.
        picture.im = Image.core.new(picture.mode, picture._tile_size)
    picture.load()


def _rawmode(picture: ImageFile.ImageFile) -> str:
    args = picture.tile[0].args if picture.tile else ""
    args = args[0] if isinstance(args, tuple) and args else args
    return args if isinstance(args, str) else ""


def _with_rawmode(tile: ImageFile._Tile, rawmode: str) -> ImageFile._Tile:
    return tile._replace(
        args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode
    )


def _check_png_sums(file: IO[bytes]) -> None:
    """Check the checksum of every chunk up to IEND; Pillow skips those of the pixels."""
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        head = file.read(8)
        if len(head) < 8:
            raise OSError("the file ends before its PNG end mark")
        length, kind = struct.unpack(">I4s", head)
        body, checksum = file.read(length), file.read(4)
        if len(checksum) < 4:
            raise OSError("the file ends before its PNG end mark")
        if checksum != struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))):
            raise OSError("a PNG checksum is wrong")


def _check_jpeg_end(file: IO[bytes]) -> None:
    """Walk the markers to the end mark; a download filled up with zeros would decode to grey."""
    file.seek(0)
    content, at = file.read(), 2
    while marker := _JPEG_MARKER.search(content, at):
        if marker[1] == b"\xd9":
            return
        at = marker.end() + int.from_bytes(content[marker.end() : marker.end() + 2], "big")
    raise OSError("the file ends before its JPEG end mark")
