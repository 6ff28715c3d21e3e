"""The formats by name, and the one call that writes them, all of them or none."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..photos import Photo, PhotoError
from .coco import write_coco
from .geojson import write_geojson
from .label_studio import write_label_studio
from .mineral_map import MineralMap, mineral_map
from .picture import write_map
from .png import write_png
from .tables import write_tables

if TYPE_CHECKING:
    from ..segmentation import Segmentation

DEFAULT = ("map",)


@dataclass(frozen=True)
class Format:
    """One way to write a map: what it is good for, and how it is written (map, start of the file
    names, and for pictures the photo and the rest)."""

    about: str
    write: Callable[..., list[Path]]


def _beside(start: Path, end: str) -> Path:
    return start.with_name(start.name + end)


def _geojson(mapped: MineralMap, start: Path, **_: Any) -> list[Path]:
    written = write_geojson(mapped, _beside(start, ".geojson"))
    if mapped.um_per_px is not None:
        written += write_geojson(mapped, _beside(start, "_um.geojson"), "um")
    return written


FORMATS = {
    "map": Format(
        "the photo under its map with legend and scale (_map.png, _map.json), and the labels as a "
        "grey picture (_labels.png)",
        write_map,
    ),
    "png": Format(
        "the labels as an indexed picture in the minerals' colours, and what they stand for "
        "(_indexed.png, _indexed.json)",
        lambda mapped, start, **_: write_png(mapped, _beside(start, "_indexed.png")),
    ),
    "csv": Format(
        "tables: one row a mineral, one row a region (_minerals.csv, _regions.csv)",
        lambda mapped, start, **_: write_tables(
            mapped, _beside(start, "_minerals.csv"), _beside(start, "_regions.csv")
        ),
    ),
    "geojson": Format(
        "outlines with holes, for QuPath (.geojson), and in µm where the scale is known "
        "(_um.geojson)",
        _geojson,
    ),
    "coco": Format(
        "one mask a region, run lengths with holes (_coco.json)",
        lambda mapped, start, **_: write_coco(mapped, _beside(start, "_coco.json")),
    ),
    "coco-polygons": Format(
        "the same with polygons where a region has no hole (_coco_polygons.json)",
        lambda mapped, start, **_: write_coco(
            mapped, _beside(start, "_coco_polygons.json"), polygons=True
        ),
    ),
    "label-studio": Format(
        "a task with brush masks to correct, and the labelling configuration "
        "(_label_studio.json, _label_studio.xml)",
        lambda mapped, start, **_: write_label_studio(
            mapped, _beside(start, "_label_studio.json"), _beside(start, "_label_studio.xml")
        ),
    ),
}


def export_map(
    photo: Photo | str | os.PathLike | None,
    result: Segmentation | MineralMap | np.ndarray,
    folder: str | Path,
    formats: Sequence[str] = DEFAULT,
    *,
    stem: str | None = None,
    names: Sequence[str] | None = None,
    um_per_px: float | None = None,
    score: np.ndarray | None = None,
    note: str | None = None,
) -> list[Path]:
    """Write a map in any of the `FORMATS`, all of it or nothing.

    Parameters
    ----------
    photo : the `Photo`, or the name of its file (enough for all formats but ``"map"``), or None
    result : a `Segmentation`, or labels that somebody corrected: whole numbers [H, W], index into
        `names`, 255 = unknown
    folder : made if it is not there
    formats : keys of `FORMATS`, e.g. ``("png", "csv", "geojson")``, or `FORMATS` for all
    stem : start of the file names; that of the photo's own by default
    names : what labels stand for; a segmentation knows its own
    um_per_px : scale in micrometres per pixel; that of segmentation or photo by default
    score : [H, W], each pixel's probability of its label; a segmentation's own by default
    note : a sentence for the caption of ``"map"``, e.g. `Segmenter.banner`

    Returns
    -------
    list of Path

    Raises
    ------
    ValueError
        An unknown format; labels without names or that do not fit; ``"map"`` without the photo.
    mineral_utils.photos.PhotoError
        A file cannot be written. Nothing is left behind.
    """
    formats = check_formats(formats)
    mapped = mineral_map(photo, result, names=names, um_per_px=um_per_px, score=score)
    stem = stem or Path(mapped.file_name).stem
    return write_formats(mapped, Path(folder), stem, formats, photo=photo, result=result, note=note)


def write_formats(
    mapped: MineralMap, folder: Path, stem: str, formats: Sequence[str], **known: Any
) -> list[Path]:
    """Write a map that is ready, all of it or nothing; `known`: photo, result and note, for
    pictures."""
    aside = folder / f".{secrets.token_hex(4)}.part"
    try:
        aside.mkdir(parents=True)
        written = []
        for name in formats:
            written += FORMATS[name].write(mapped, aside / stem, **known)
        for path in written:
            os.replace(path, folder / path.name)
    except OSError as error:
        raise PhotoError(
            f"{stem}: the results could not be written to {folder.name} "
            f"({error.strerror or error}); make room or choose another folder"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return [folder / path.name for path in written]


def check_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """The names of formats, each once; a wrong one is answered with the right ones."""
    formats = (formats,) if isinstance(formats, str) else tuple(dict.fromkeys(formats))
    for name in formats:
        if name not in FORMATS:
            raise ValueError(f"no format {name!r}; there are {', '.join(FORMATS)}")
    if not formats:
        raise ValueError(f"no format was named; there are {', '.join(FORMATS)}")
    return formats


def save_segmentation(
    photo: Photo,
    result: Segmentation,
    folder: str | Path,
    *,
    stem: str | None = None,
    note: str | None = None,
) -> list[Path]:
    """Write a photo's segmentation as a picture, all of it or nothing.

    ``<stem>_labels.png`` holds the label of every pixel (8-bit; 255 is unknown),
    ``<stem>_map.png`` the photo under its map with legend and scale, and ``<stem>_map.json`` the
    names by label, the table, the parameters and the run record. `export_map` writes other formats.

    Parameters
    ----------
    photo : the photo
    result : its segmentation
    folder : made if it is not there
    stem : start of the file names; the photo's own by default
    note : a sentence for the caption, e.g. `Segmenter.banner`

    Returns
    -------
    list of Path

    Raises
    ------
    mineral_utils.photos.PhotoError
        A file cannot be written; the message names it. Nothing is left behind.
    """
    return export_map(photo, result, folder, ("map",), stem=stem, note=note)
