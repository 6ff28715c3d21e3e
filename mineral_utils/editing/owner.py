"""Whose corrections these are: the photo that a journal belongs to.

A photo is known by its pixels, so that a renamed file, a copy and an array of it are the same, and
another photo under the same name is not.
"""

from __future__ import annotations

import hashlib
import re

from ..photos import Photo
from .journal import Journal
from .points import EditError


def safe_stem(text: str) -> str:
    """A name as the start of file names: letters, digits, dots, hyphens, underscores."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "photo"


def pixels_sha256(photo: Photo) -> str:
    """SHA-256 of size and pixels, 64 hexadecimal digits."""
    digest = hashlib.sha256(f"{photo.height} {photo.width} ".encode())
    digest.update(photo.image.data)
    return digest.hexdigest()


def about_photo(photo: Photo) -> dict:
    """What a journal's first line says of its photo."""
    return {
        "file_name": photo.path.name if photo.path else None,
        "pixels_sha256": pixels_sha256(photo),
        "width": photo.width,
        "height": photo.height,
        "credit": photo.credit,
    }


def check_owner(journal: Journal, photo: Photo) -> None:
    """Refuse a journal of another photo.

    Raises
    ------
    EditError
        Its photo has other pixels.
    """
    theirs = journal.header.get("photo") or {}
    if theirs.get("pixels_sha256") != pixels_sha256(photo):
        raise EditError(
            f"{journal.path.name} holds corrections of another photo "
            f"({theirs.get('file_name') or 'without a name'}, {theirs.get('width')} x "
            f"{theirs.get('height')} px); choose another folder for this one, or another stem"
        )
