"""Names asked of a mosaic: labels as a TIFF written tile by tile, their table, an overview."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
from tqdm.auto import tqdm

from ..profiles import Preset
from ..run import record, replacing, write_json
from ..segmentation import UNKNOWN
from ..trident import bilinear_weights
from .overview import save_overview
from .source import Damage
from .store import MosaicError, differences
from .working import TILES

if TYPE_CHECKING:
    from .mosaic import Mosaic


@dataclass(frozen=True, eq=False)
class Answer:
    """Which mineral where.

    path : the labels, a tiled TIFF of uint8 as large as the photo; 255 is unknown
    names : class names, as asked
    table : one row a mineral, in the order asked, and one for unknown pixels if there are any:
        ``name``, ``share`` of the whole area in [0, 1], ``pixels``, and ``area_mm2`` where the
        scale is known
    cosine : float32 [Q, rows, columns] on the cells of the features
    owner : int64 [Q], the class of each query
    size : (height, width) of the photo in px
    preset : the parameters that were used
    damaged : what of the photo cannot be read, unknown in the labels
    """

    path: Path
    names: tuple[str, ...]
    table: list[dict]
    cosine: np.ndarray
    owner: np.ndarray
    size: tuple[int, int]
    preset: Preset
    damaged: tuple[Damage, ...]

    def labels(self, rows: slice = np.s_[:], cols: slice = np.s_[:]) -> np.ndarray:
        """Labels of a rectangle of the photo, uint8 [rows, cols]; also every so many pixels, as in
        ``labels(np.s_[::8], np.s_[::8])``. The same as in the file."""
        return label_pixels(self, np.arange(self.size[0])[rows], np.arange(self.size[1])[cols])


def answer(
    mosaic: Mosaic,
    cosine: np.ndarray,
    owner: np.ndarray,
    names: tuple[str, ...],
    *,
    stem: str,
    question: Mapping[str, Any],
    preset: Preset,
    tile: int,
    overview: bool,
    credit: str | None,
    progress: bool,
) -> Answer:
    """Write an answer into the mosaic's folder, or take the one that lies there; see
    `Mosaic.segment`."""
    if tile not in range(TILES[0], TILES[1] + 1):
        raise ValueError(
            f"tile is {tile!r}; give whole pixels from {TILES[0]} to {TILES[1]}, such as 512"
        )
    path = mosaic.folder / f"{stem}.tif"
    sidecar = path.with_suffix(".json")
    question = {**question, "prob_thd": preset.prob_thd, "logit_scale": preset.logit_scale}
    unread = [str(damage) for damage in mosaic.damaged]
    basis = {"features": mosaic.key, "unread": unread, "um_per_px": mosaic.um_per_px}
    found = _found(sidecar, path, question)
    size = mosaic.lattice.photo
    result = Answer(path, names, [], cosine, owner, size, preset, mosaic.damaged)
    if found.get("basis") == basis and path.exists():
        result.table.extend(found["table"])
        return result
    # from here on the files of this stem are known to be this question's, whole or not
    write_json(sidecar, {"schema_version": 1, "question": question, "basis": None})
    counts = _write(result, -(-tile // 16) * 16, mosaic.um_per_px, progress)
    result.table.extend(_table(names, counts, mosaic.um_per_px))
    if overview:
        save_overview(mosaic, result, credit)
    write_json(
        sidecar,
        {
            "schema_version": 1,
            "labels": {**dict(enumerate(names)), UNKNOWN: "unknown"},
            "table": result.table,
            "question": question,
            "basis": basis,
            "notes": mosaic.notes,
            "record": record(
                settings={"preset": preset, "lattice": mosaic.lattice, "tile": tile},
                inputs=[mosaic.path],
                device=mosaic.model.encoders.device,
            ),
        },
    )
    return result


def _found(sidecar: Path, path: Path, question: Mapping[str, Any]) -> dict:
    """The sidecar of an answer to this question, empty where there is none."""
    there: dict = {}
    if sidecar.exists():
        with suppress(ValueError):
            there = json.loads(sidecar.read_text("utf-8"))
    if "question" not in there:
        if sidecar.exists() or path.exists():
            raise MosaicError(
                f"{path.name} or {sidecar.name} in {path.parent.name} is no answer of a mosaic; "
                "remove it, or give this answer another stem"
            )
        return {}
    unlike = differences(there["question"], question)
    if unlike:
        said = [text for key, text in unlike.items() if key not in ("vectors", "words")]
        said = said or ["the same names in other words"]
        raise MosaicError(
            f"{path.name} in {path.parent.name} answers another question ({'; '.join(said)}); give "
            "this answer another stem (the photo is not encoded again), or choose another folder"
        )
    return there


def label_pixels(answer: Answer, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Labels of some rows and columns of the photo, uint8 [rows, cols].

    The cosines are resized bilinearly between the centres of the cells, one query after the other,
    by products and sums of single numbers: they round alike wherever a pixel stands in its array.

    Parameters
    ----------
    rows, cols : int64, in px, ascending
    """
    height, width = answer.cosine.shape[1:]
    top, bottom, down = (axis[rows] for axis in bilinear_weights(height, answer.size[0]))
    left, right, across = (axis[cols] for axis in bilinear_weights(width, answer.size[1]))
    cells = slice(top[0], bottom[-1] + 1)
    top, bottom, down = top - top[0], bottom - top[0], down[:, None]
    best = np.full((len(rows), len(cols)), -np.inf, np.float32)
    chosen = np.zeros(best.shape, np.uint8)

    def resized() -> Iterator[np.ndarray]:
        for query in answer.cosine:
            part = query[cells]
            part = part[:, left] * (1 - across) + part[:, right] * across
            yield part[top] * (1 - down) + part[bottom] * down

    for number, plane in enumerate(resized()):
        chosen[plane > best] = answer.owner[number]
        np.maximum(best, plane, out=best)
    if answer.preset.prob_thd > 0:  # the softmax of the best query
        scale = np.float32(answer.preset.logit_scale)
        total = np.zeros_like(best)
        for plane in resized():
            total += np.exp((plane - best) * scale)
        chosen[1 / total < np.float32(answer.preset.prob_thd)] = UNKNOWN
    for damage in answer.damaged:
        hit = (rows >= damage.y1) & (rows < damage.y2)
        chosen[np.ix_(hit, (cols >= damage.x1) & (cols < damage.x2))] = UNKNOWN
    return chosen


def _write(answer: Answer, tile: int, um_per_px: float | None, progress: bool) -> np.ndarray:
    """Write the labels, whole or not at all; how many pixels have each label, int64 [256]."""
    height, width = answer.size
    counts = np.zeros(256, np.int64)
    places = [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)]

    def tiles() -> Iterator[np.ndarray]:
        for y, x in tqdm(places, desc="labels", disable=not progress or len(places) < 64):
            part = answer.labels(np.s_[y : y + tile], np.s_[x : x + tile])
            np.add(counts, np.bincount(part.ravel(), minlength=256), out=counts)
            yield np.pad(part, ((0, tile - part.shape[0]), (0, tile - part.shape[1])))

    known = {}
    if um_per_px is not None and 1e4 / um_per_px < 2**32:  # TIFF's numbers end there
        known = {"resolution": (1e4 / um_per_px,) * 2, "resolutionunit": "CENTIMETER"}
    with replacing(answer.path) as aside:
        tifffile.imwrite(
            aside,
            tiles(),
            shape=(height, width),
            dtype=np.uint8,
            tile=(tile, tile),
            compression="zlib",
            photometric="minisblack",
            metadata=None,
            **known,
        )
    return counts


def _table(names: tuple[str, ...], counts: np.ndarray, um_per_px: float | None) -> list[dict]:
    table = []
    for index, name in [*enumerate(names), (UNKNOWN, "unknown")]:
        count = int(counts[index])
        if index == UNKNOWN and not count:
            continue
        row = {"name": name, "share": count / int(counts.sum()), "pixels": count}
        if um_per_px is not None:
            row["area_mm2"] = count * (um_per_px / 1000) ** 2
        table.append(row)
    return table


def differing(one: Answer, other: Answer, *, tile: int = 1024) -> float:
    """Share of the pixels known in two answers of one photo whose names differ, in [0, 1].

    Raises
    ------
    ValueError
        The answers are of photos of different sizes, or name different minerals.
    """
    if one.size != other.size or one.names != other.names:
        raise ValueError(
            f"the answers have {one.size[1]} x {one.size[0]} and {other.size[1]} x {other.size[0]} "
            "px, or other names; compare answers about the same photo and names"
        )
    unlike = known = 0
    for y in range(0, one.size[0], tile):
        for x in range(0, one.size[1], tile):
            place = np.s_[y : y + tile], np.s_[x : x + tile]
            first, second = one.labels(*place), other.labels(*place)
            both = (first != UNKNOWN) & (second != UNKNOWN)
            known += int(both.sum())
            unlike += int((both & (first != second)).sum())
    return unlike / known if known else 0.0
