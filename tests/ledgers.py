"""Ledgers for tests: rows written by hand, pictures of smooth noise, all ours."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mineral_utils.photos.ledger import Ledger, Row

POLARIZED = "Polished Section (Polarized Light)"
SURFACE = "Polished Section (Slice or Surface)"


def hit(mineral: str, start: int = 0, where: str = "title", kept: bool = True) -> dict:
    """A found name, as a row holds it."""
    span = [start, start + len(mineral)]
    return {
        "mineral": mineral,
        "span": span,
        "where": where,
        "words": mineral.lower(),
        "reason": "named" if kept else "negated",
        "kept": kept,
    }


def row(photo_id: str, names: Sequence[str] = ("Pyrite",), **fields) -> Row:
    """A row whose title names the minerals."""
    title = ", ".join(names)
    hits = [hit(name, title.index(name)) for name in names]
    given = {
        "source": "tests",
        "photo_id": photo_id,
        "title": title,
        "minerals": hits,
        "photo_type": POLARIZED,
        "light": "ppl",
        "sha256": hashlib.sha256(photo_id.encode()).hexdigest(),
        "file_name": f"images/{photo_id}.jpg",
    }
    return Row(**{**given, **fields})


def picture(seed: int, size: tuple[int, int] = (120, 160), quality: int = 90) -> bytes:
    """A JPEG of smooth coloured noise, (height, width)."""
    noise = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    image = Image.fromarray(noise).resize(size[::-1], Image.Resampling.BICUBIC)
    return jpeg(image, quality)


def jpeg(image: Image.Image, quality: int = 90) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return stream.getvalue()


def write_ledger(folder: Path, rows: Sequence[Row], pictures: Sequence[bytes]) -> list[Row]:
    """Store rows with their pictures; gives them as they are stored."""
    with Ledger(folder) as ledger:
        for one, data in zip(rows, pictures, strict=True):
            ledger.add(Row(**{**one.to_dict(), "file_name": None, "sha256": None}), data)
        return list(ledger)
