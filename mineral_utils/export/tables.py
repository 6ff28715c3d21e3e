"""Tables of numbers (CSV): one row a region, and one row a mineral, in pixels and micrometres."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from ..run import replacing
from .mineral_map import UNKNOWN, MineralMap
from .regions import EIGHT

MINERAL_COLUMNS = (
    *("photo", "mineral", "area_px", "area_um2", "area_mm2", "share", "mean_score", "regions"),
)
_LENGTHS = ("x", "y", "left", "top", "width", "height", "equivalent_diameter", "perimeter")
REGION_COLUMNS = (
    *("photo", "region", "mineral", "area_px", "area_um2", "share", "mean_score"),
    *(f"{name}_px" for name in _LENGTHS),
    *(f"{name}_um" for name in _LENGTHS),
    "touches_frame",
)


def mineral_rows(mapped: MineralMap) -> list[dict[str, Any]]:
    """One row a mineral, in the order of the names, and one for unknown pixels if there are any.

    Returns
    -------
    list of dict with the keys `MINERAL_COLUMNS`; None where the scale or the score is unknown, or
    the mineral does not occur; ``share`` of the photo's area, 0 to 1; ``regions`` are 8-connected
    """
    counts = np.bincount(mapped.labels.ravel(), minlength=256)
    measures, rows = mapped.measures, []
    for label, name in [*enumerate(mapped.names), (UNKNOWN, "unknown")]:
        area, own = int(counts[label]), measures["label"] == label
        if label == UNKNOWN and not area:
            continue
        score, regions = None, int(own.sum())
        if own.any():
            score = np.average(measures["mean_score"][own], weights=measures["area"][own])
        if label == UNKNOWN:
            regions = ndimage.label(mapped.labels == UNKNOWN, EIGHT)[1]
        rows.append(
            {
                "photo": mapped.file_name,
                "mineral": name,
                "area_px": area,
                "area_um2": _scaled(area, mapped.um_per_px, 2),
                "area_mm2": _scaled(area, mapped.um_per_px, 2, 1e-6),
                "share": area / mapped.labels.size,
                "mean_score": _number(score),
                "regions": regions,
            }
        )
    return rows


def region_rows(mapped: MineralMap) -> list[dict[str, Any]]:
    """One row a region: `measure` with names, in px and, where the scale is known, in µm.

    Returns
    -------
    list of dict with the keys `REGION_COLUMNS`, in the order of `MineralMap.regions`
    """
    measures, rows = mapped.measures, []
    for k in range(len(measures["label"])):
        one = {name: values[k].item() for name, values in measures.items()}
        rows.append(
            {
                "photo": mapped.file_name,
                "region": k + 1,
                "mineral": mapped.names[one["label"]],
                "area_px": one["area"],
                "area_um2": _scaled(one["area"], mapped.um_per_px, 2),
                "share": one["area"] / mapped.labels.size,
                "mean_score": _number(one["mean_score"]),
                **{f"{name}_px": one[name] for name in _LENGTHS},
                **{f"{name}_um": _scaled(one[name], mapped.um_per_px, 1) for name in _LENGTHS},
                "touches_frame": int(one["touches_frame"]),
            }
        )
    return rows


def write_tables(mapped: MineralMap, minerals: Path, regions: Path) -> list[Path]:
    """Write both tables."""
    write_csv(minerals, MINERAL_COLUMNS, mineral_rows(mapped))
    write_csv(regions, REGION_COLUMNS, region_rows(mapped))
    return [minerals, regions]


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
    """Write a table, whole or not at all.

    UTF-8 with a byte-order mark, which spreadsheets need for names that are not English (pandas
    skips it); numbers with six digits; an empty field for None.
    """
    with replacing(path) as aside, open(aside, "w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows([_text(row[column]) for column in columns] for row in rows)


def read_csv(path: str | Path) -> list[dict[str, str]]:
    """Rows of a table that `write_csv` wrote, all as text."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)


def _scaled(px: float, um_per_px: float | None, power: int, factor: float = 1.0) -> float | None:
    return None if um_per_px is None else px * um_per_px**power * factor
