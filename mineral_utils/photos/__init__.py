"""Photos in: any picture file becomes RGB uint8, and has a scale only if it states one.

``load_photo`` reads JPEG, PNG, TIFF (also 16-bit and floating point), BMP, GIF, WebP, AVIF,
JPEG 2000 and PNM. What was converted on the way stands in ``Photo.notes``; what cannot be read
whole is refused with one sentence, :class:`PhotoError`.

Photos with their texts and rights are kept in a ledger: ``Row``, ``read_ledger``, ``Ledger``.
"""

from __future__ import annotations

from .checks import MAX_ASPECT, MAX_PIXELS, MIN_SIDE, PhotoError, check_image
from .ledger import Ledger, LedgerError, LedgerWarning, Row, picture_path, read_ledger
from .photo import Photo, as_photo, load_photo, resize_long_side, save_png

__all__ = [
    "MAX_ASPECT",
    "MAX_PIXELS",
    "MIN_SIDE",
    "Ledger",
    "LedgerError",
    "LedgerWarning",
    "Photo",
    "PhotoError",
    "Row",
    "as_photo",
    "check_image",
    "load_photo",
    "picture_path",
    "read_ledger",
    "resize_long_side",
    "save_png",
]
