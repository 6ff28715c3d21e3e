"""The map as a picture: the photo under its map, the labels in grey, the numbers beside them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..photos import Photo
from ..run import record
from .mineral_map import UNKNOWN, MineralMap
from .tables import mineral_rows

if TYPE_CHECKING:
    from ..segmentation import Segmentation

_KEPT = ("share", "mean_score", "regions", "area_mm2")  # what `Segmentation.table` tells


def write_map(
    mapped: MineralMap,
    start: Path,
    *,
    photo: Any,
    result: Segmentation | MineralMap | np.ndarray,
    note: str | None = None,
) -> list[Path]:
    """Write ``_labels.png`` (8-bit grey), ``_map.png`` and ``_map.json``.

    Raises
    ------
    ValueError
        Only the name of the photo is known, so there is nothing to draw on.
    """
    import matplotlib.pyplot as plt

    from ..show import save_figure, show_segmentation

    if not isinstance(photo, Photo):
        raise ValueError(
            "the format 'map' draws on the photo; give the Photo (load_photo) instead of a name"
        )
    labels_path = start.with_name(f"{start.name}_labels.png")
    map_path = start.with_name(f"{start.name}_map.png")
    Image.fromarray(mapped.labels).save(labels_path)
    table = map_table(mapped)
    present = [row for row in table if row["share"] > 0]
    shares = ", ".join(f"{row['name']} {row['share']:.1%}" for row in present)
    preset = getattr(result, "preset", None)
    settings = {"labels": "given"}
    if preset is not None:
        settings = {"preset": preset, "refined": result.refined is not None}
    ax = show_segmentation(photo, mapped.labels, mapped.names, um_per_px=mapped.um_per_px)
    try:
        save_figure(
            ax.figure,
            map_path,
            alt=f"Photo of a polished section under a map of minerals: {shares}.",
            caption=f"Minerals by area: {shares}." + (f" {note}" if note else ""),
            credit=photo.credit or "photo: credit not given",
            numbers={
                "labels": dict(enumerate(mapped.names)),
                "unknown": UNKNOWN,
                "table": table,
            },
            record=record(settings=settings, inputs=[photo.path] if photo.path else None),
            dpi=150,
        )
    finally:
        plt.close(ax.figure)
    return [labels_path, map_path, map_path.with_suffix(".json")]


def map_table(mapped: MineralMap) -> list[dict[str, Any]]:
    """The rows of `Segmentation.table`, of corrected labels too."""
    left_out = () if mapped.um_per_px is not None else ("area_mm2",)
    return [
        {"name": row["mineral"], **{key: row[key] for key in _KEPT if key not in left_out}}
        for row in mineral_rows(mapped)
    ]
