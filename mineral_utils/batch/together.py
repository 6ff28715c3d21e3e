"""What is written over all photos of a run: tables, joined files, contact sheets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..export.coco import join_coco
from ..export.label_studio import join_label_studio
from ..export.tables import MINERAL_COLUMNS, REGION_COLUMNS, read_csv, write_csv
from .order import BatchError, Order
from .sheet import write_sheets

Row = dict[str, Any]
# format -> the end of its files, what becomes of all of them, and how
JOINED: dict[str, tuple[str, str, Callable]] = {
    "coco": ("_coco.json", "coco.json", join_coco),
    "coco-polygons": ("_coco_polygons.json", "coco_polygons.json", join_coco),
    "label-studio": ("_label_studio.json", "label_studio.json", join_label_studio),
}
OVERALL_COLUMNS = (
    *("mineral", "photos", "area_px", "area_mm2", "share", "mean_share", "least_share"),
    *("largest_share", "mean_score", "regions"),
)


def write_together(
    out: Path, done: dict[str, Row], failed: dict[str, str], order: Order
) -> list[Path]:
    """Write everything that speaks of all photos; the same rows give the same tables.

    ``photos.csv`` (one row a photo, the share of each mineral), ``minerals.csv`` (one row a photo
    and mineral), ``overall.csv`` (one row a mineral), ``failed.csv``, contact sheets; and, where
    these formats were asked, ``regions.csv``, ``coco.json``, ``label_studio.json``.

    Parameters
    ----------
    out : folder of the results
    done : key -> row of each photo that is done
    failed : key -> reason
    order : what was asked

    Returns
    -------
    list of Path

    Raises
    ------
    BatchError
        A file cannot be written.
    """
    rows = [done[key] for key in sorted(done, key=lambda key: (key.casefold(), key))]
    try:
        return _write(out, rows, failed, order)
    except OSError as error:
        raise BatchError(
            f"the tables could not be written to {out.name} ({error.strerror or error}); make room "
            "and start again with the same words"
        ) from error


def _write(out: Path, rows: list[Row], failed: dict[str, str], order: Order) -> list[Path]:
    listed = [{"photo": key, "reason": reason} for key, reason in sorted(failed.items())]
    write_csv(out / "failed.csv", ("photo", "reason"), listed)
    if not rows:
        return [out / "failed.csv"]
    names = [*order.names, "unknown"]
    columns = ("photo", "width_px", "height_px", "um_per_px", "area_mm2", "largest", *names)
    write_csv(out / "photos.csv", columns, [_photo(row, names) for row in rows])
    minerals = [one for row in rows for one in row["minerals"]]
    write_csv(out / "minerals.csv", MINERAL_COLUMNS, minerals)
    write_csv(out / "overall.csv", OVERALL_COLUMNS, _overall(rows, names))
    written = [out / f"{name}.csv" for name in ("photos", "minerals", "overall", "failed")]
    if "csv" in order.formats:
        regions = (one for row in rows for one in read_csv(out / f"{row['place']}_regions.csv"))
        write_csv(out / "regions.csv", REGION_COLUMNS, regions)
        written.append(out / "regions.csv")
    for name, (end, joined, join) in JOINED.items():
        if name in order.formats:
            written.append(join([out / f"{row['place']}{end}" for row in rows], out / joined))
    return written + write_sheets(out, rows, order)


def _photo(row: Row, names: list[str]) -> Row:
    shares = {one["mineral"]: one["share"] for one in row["minerals"]}
    scale = row["um_per_px"]
    return {
        "photo": row["photo"],
        "width_px": row["width"],
        "height_px": row["height"],
        "um_per_px": scale,
        "area_mm2": None if scale is None else row["width"] * row["height"] * scale**2 / 1e6,
        "largest": max(shares, key=shares.get),
        **{name: shares.get(name, 0.0) for name in names},
    }


def _overall(rows: list[Row], names: list[str]) -> list[Row]:
    """Each mineral over all photos: `share` of the whole area in pixels, `mean_share` over photos;
    areas in mm² and the area only of photos with a scale."""
    total = sum(row["width"] * row["height"] for row in rows)
    table = []
    for name in names:
        own = [one for row in rows for one in row["minerals"] if one["mineral"] == name]
        shares = np.array([one["share"] for one in own] + [0.0] * (len(rows) - len(own)))
        areas = np.array([one["area_px"] for one in own], float)
        scores = np.array([one["mean_score"] for one in own], float)  # None becomes NaN
        seen = ~np.isnan(scores)
        scaled = [one["area_mm2"] for one in own if one["area_mm2"] is not None]
        if name == "unknown" and not own:
            continue
        table.append(
            {
                "mineral": name,
                "photos": sum(one["area_px"] > 0 for one in own),
                "area_px": int(areas.sum()),
                "area_mm2": float(sum(scaled)) if scaled else None,
                "share": float(areas.sum() / total),
                "mean_share": float(shares.mean()),
                "least_share": float(shares.min()),
                "largest_share": float(shares.max()),
                "mean_score": float(np.average(scores[seen], weights=areas[seen]))
                if seen.any()
                else None,
                "regions": sum(one["regions"] for one in own),
            }
        )
    return table
