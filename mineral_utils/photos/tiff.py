"""What is special about TIFF: pages, previews, RAW files, deep samples, and a stated scale.

tifffile describes every TIFF, and decodes the deep ones that Pillow refuses or would cut down to
8 bits; all others are left to Pillow.
"""

from __future__ import annotations

import logging
import math
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import numpy as np
import tifffile
from PIL import Image

from .checks import EXPORT, PhotoError, check_size, pick_frame
from .colour import TURNED_NOTE, from_samples, negative

# tifffile logs about odd metadata; the pixels are judged on their own.
logging.getLogger("tifffile").addHandler(logging.NullHandler())

# RAW files that are TIFFs inside, with a small preview that would pass for the photo.
_RAW_SUFFIXES = {".dng", ".nef", ".nrw", ".arw", ".cr2", ".pef", ".srw", ".3fr", ".erf", ".iiq"}
_MICROMETRES = dict.fromkeys(("µm", "μm", "\\u00b5m", "um", "micron", "microns"), 1.0)
_MICROMETRES |= {"nm": 1e-3, "mm": 1e3}


@dataclass(frozen=True)
class Page:
    """One page of a TIFF: which one, decoded here (8 bits a sample) or left to Pillow.

    Parameters
    ----------
    frame : int
        Its number, from 0.
    um_per_px : float or None
        The scale, if ImageJ or OME metadata state one.
    picture : PIL.Image.Image or None
        None where Pillow reads it as well.
    inverted : bool
        Pillow will show a negative of it.
    """

    frame: int
    um_per_px: float | None
    picture: Image.Image | None
    inverted: bool


def read_page(
    file: IO[bytes], name: str, suffix: str, frame: int | None, limit: float, notes: list[str]
) -> Page:
    """Look at a TIFF, and decode the wanted page if it is a deep one.

    Parameters are those of ``files.decode``; what was converted is appended to ``notes``.

    Raises
    ------
    PhotoError
        If it is a camera's RAW file, has too many pixels, or needs ``frame``.
    OSError
        If it is cut off.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    with tifffile.TiffFile(file) as container:
        frame = choose_page(container, name, suffix, frame, limit, notes)
        page = container.pages[frame]
        ends = np.add(page.dataoffsets, page.databytecounts)
        if page.compression != 1 and ends.max() > size:  # libtiff would print on stderr
            raise OSError(f"the file ends at byte {size}, its pixels at {ends.max()}")
        scale = None
        with suppress(ArithmeticError, KeyError, TypeError, ValueError):  # metadata at odds
            scale = stated_scale(container)
        bits = int(np.max(page.bitspersample))
        picture = _deep(page, bits, name, notes) if bits > 8 else None
        inverted = page.photometric == 0 and bits > 8  # Pillow turns only up to 8 bits
        if picture is None and tag_value(page, 274) in range(2, 9):  # Pillow does it on loading
            notes.append(TURNED_NOTE)
        return Page(frame, scale, picture, inverted)


def choose_page(
    container: tifffile.TiffFile,
    name: str,
    suffix: str,
    frame: int | None,
    limit: float,
    notes: list[str],
) -> int:
    """The number of the wanted page, checked to be a photo of fit size; see `read_page`."""
    pages = container.pages
    sensor = pages.first.photometric in (32803, 34892)  # a colour filter array, linear RAW
    if sensor or pages.first.is_dng or suffix in _RAW_SUFFIXES:
        raise PhotoError(
            f"{name}: this is a camera's RAW file, which cannot be read here; {EXPORT}."
        )
    photos = [i for i in range(len(pages)) if not pages[i].subfiletype & 5]
    if frame is None and len(photos) == 1 < len(pages):
        frame = photos[0]
        notes.append("Previews and masks stored beside the photo were left out.")
    frame = pick_frame(frame, len(pages), name)
    page = pages[frame]
    if not page.imagewidth or not page.imagelength:
        raise OSError("its directory describes no pixels")
    check_size(page.imagewidth, page.imagelength, name, limit)
    return frame


def tag_value(page: tifffile.TiffPage, code: int) -> object:
    return page.tags[code].value if code in page.tags else None


def _deep(page: tifffile.TiffPage, bits: int, name: str, notes: list[str]) -> Image.Image | None:
    """More than 8 bits a sample by tifffile; None where colours or packing are left to Pillow."""
    separate = page.planarconfig == 2 and page.samplesperpixel > 1
    known = page.compression in (1, 8, 32946) and page.predictor <= 2  # none, deflate, deflate
    known = known and page.photometric in (0, 1, 2)  # white is 0, black is 0, RGB
    if not known or page.dtype is None or bits != page.dtype.itemsize * 8:
        if separate:  # Pillow has only their high bytes
            raise PhotoError(
                f"{name}: compressed colour planes of {bits} bits cannot be read; save the TIFF"
                " uncompressed."
            )
        return None
    samples = page.asarray()
    samples = np.moveaxis(samples, 0, -1) if separate else samples
    if samples.ndim == 3:
        colours = 3 if samples.shape[2] >= 3 else 1
        alpha = page.samplesperpixel > colours and page.extrasamples[:1] in ((1,), (2,))
        samples = samples[..., : colours + alpha]
    picture = from_samples(samples, name, notes)
    picture = negative(picture) if page.photometric == 0 else picture
    picture.info["icc_profile"] = tag_value(page, 34675)
    picture.getexif()[274] = tag_value(page, 274)
    return picture


def stated_scale(container: tifffile.TiffFile) -> float | None:
    """µm per pixel, only where OME or ImageJ metadata give a metric unit; a dpi is no scale."""
    x = y = None
    if container.is_ome:
        number = {}
        for axis in "XY":
            size = re.search(rf'PhysicalSize{axis}="([^"]+)"', container.ome_metadata)
            unit = re.search(rf'PhysicalSize{axis}Unit="([^"]+)"', container.ome_metadata)
            factor = _MICROMETRES.get(unit[1].lower() if unit else "µm")  # OME's default unit
            number[axis] = float(size[1]) * factor if size and factor else None
        x, y = number["X"], number["Y"]
    elif container.is_imagej:
        tags = container.pages.first.tags
        unit = _MICROMETRES.get(str(container.imagej_metadata.get("unit")).lower())
        # ImageJ counts pixels per its own unit; other programs write real centimetres or inches.
        per = {2: 25_400.0, 3: 10_000.0}.get(tag_value(container.pages.first, 296), unit)
        if unit and tags[282].value != (1, 1):  # which is what writers put if not told
            x, y = (per * below / above for above, below in (tags[282].value, tags[283].value))
    if x is None or y is None or not math.isclose(x, y, rel_tol=0.01):
        return None
    return x if 1e-3 < x < 50 else None  # coarser is a print resolution, not a microscope
