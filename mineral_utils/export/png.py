"""The label of every pixel as an indexed PNG: the numbers for programs, the colours for people."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from ..run import file_sha256, write_json
from .mineral_map import UNKNOWN, UNKNOWN_COLOUR, MineralMap
from .tables import mineral_rows


def write_png(mapped: MineralMap, path: Path) -> list[Path]:
    """Write the labels as an 8-bit PNG with palette, and what they stand for beside it.

    The value of a pixel is its label, 255 is unknown; the palette has the vocabulary's colours.
    Programs that ignore palettes must be told to read indices (Pillow does so by itself; OpenCV
    gives colours).

    Returns
    -------
    list of Path: the picture, and the ``.json`` with names, colours, scale, shares of area
    """
    palette = np.zeros((256, 3), np.uint8)
    palette[: len(mapped.names)] = mapped.colours
    palette[UNKNOWN] = UNKNOWN_COLOUR
    picture = Image.fromarray(mapped.labels)
    picture.putpalette(palette.tobytes())
    picture.save(path, format="PNG", bits=8)
    about = {
        "schema_version": 1,
        "picture": path.name,
        "sha256": file_sha256(path),
        "photo": {"file_name": mapped.file_name, "sha256": mapped.sha256},
        "size_px": [mapped.size[1], mapped.size[0]],
        "um_per_px": mapped.um_per_px,
        "labels": dict(enumerate(mapped.names)),
        "colours": {
            name: "#{:02x}{:02x}{:02x}".format(*colour)
            for name, colour in zip(mapped.names, mapped.colours, strict=True)
        },
        "unknown": UNKNOWN,
        "table": mineral_rows(mapped),
    }
    beside = path.with_suffix(".json")
    write_json(beside, about)
    return [path, beside]


def read_png(path: str | Path) -> MineralMap:
    """Read labels back, with names and scale from the ``.json`` beside the picture.

    Raises
    ------
    ValueError
        The picture is not indexed, or the file beside it does not belong to it.
    FileNotFoundError
        One of the two is missing.
    """
    path = Path(path)
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    try:
        picture = PngImageFile(path)  # Image.open would refuse maps of large photos
    except SyntaxError as error:
        raise ValueError(f"{path.name} is no PNG; give the file that export_map wrote") from error
    with picture:
        if picture.mode != "P":
            raise ValueError(
                f"{path.name} has no palette (mode {picture.mode}), so it is no map of this suite; "
                "give the file that export_map wrote as png"
            )
        labels = np.array(picture)
    if [labels.shape[1], labels.shape[0]] != about.get("size_px"):
        raise ValueError(
            f"{path.name} is {labels.shape[1]} x {labels.shape[0]} px, the .json beside it tells "
            f"of {about.get('size_px')}; give a picture with its own .json"
        )
    return MineralMap(
        labels,
        tuple(about["labels"].values()),
        about["photo"]["file_name"],
        about["um_per_px"],
        sha256=about["photo"]["sha256"],
    )
