"""A mineral map as files: pictures, tables, outlines and masks that other programs open.

One call writes any of the `FORMATS`, of a `Segmentation` or of labels that somebody corrected::

    export_map(photo, result, "maps", ("png", "csv", "geojson"))
    export_map("section.jpg", labels, "maps", ("coco",), names=["pyrite", "galena"], um_per_px=0.5)

Coordinates are those of the photo's pixels everywhere: x to the right, y down, the origin at the
outer corner of the top left pixel, so that the centre of that pixel is (0.5, 0.5). Where the scale
is known, lengths and areas stand there in micrometres too. What was written, and what other
programs made of it, is read back by `read_png`, `read_geojson`, `read_coco`, `read_label_studio`.
"""

from __future__ import annotations

from .coco import read_coco
from .formats import DEFAULT, FORMATS, export_map, save_segmentation
from .geojson import read_geojson
from .label_studio import read_label_studio
from .mineral_map import MineralMap, mineral_map, own_scores
from .outlines import fill, outlines
from .png import read_png
from .regions import measure, number_regions
from .tables import mineral_rows, region_rows

__all__ = [
    "DEFAULT",
    "FORMATS",
    "MineralMap",
    "export_map",
    "fill",
    "measure",
    "mineral_map",
    "mineral_rows",
    "number_regions",
    "outlines",
    "own_scores",
    "read_coco",
    "read_geojson",
    "read_label_studio",
    "read_png",
    "region_rows",
    "save_segmentation",
]
