"""Outlines as GeoJSON: in the form that QuPath takes, and for whatever reads polygons."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .mineral_map import UNKNOWN, MineralMap
from .outlines import Polygon, fill_in, outlines

AXES = "x to the right, y down; origin at the outer corner of the top left pixel"


def write_geojson(mapped: MineralMap, path: Path, unit: str = "px") -> list[Path]:
    """Write one feature a region, its outline along the edges of the pixels, holes left out.

    In the form that QuPath takes by drag and drop: features are annotations (``objectType``), the
    mineral is their classification with the vocabulary's colour, measures are measurements.
    Regions whose pieces touch at corners only are MultiPolygons. Unknown pixels have no feature.
    The member ``image`` names photo, size, scale and names; ``coordinates`` says what x and y are.

    Parameters
    ----------
    mapped : the map
    path : file to write
    unit : of the coordinates, ``"px"`` (QuPath needs these) or ``"um"``

    Raises
    ------
    ValueError
        Micrometres are asked for and the scale is unknown.
    """
    scale = {"px": 1, "um": mapped.um_per_px}[unit]
    if scale is None:
        raise ValueError("the scale is unknown, so there are no micrometres; give um_per_px")
    numbers, label_of = mapped.regions
    about = {
        "type": "FeatureCollection",
        "image": {
            "file_name": mapped.file_name,
            "sha256": mapped.sha256,
            "width": mapped.size[1],
            "height": mapped.size[0],
            "um_per_px": mapped.um_per_px,
            "names": mapped.names,
        },
        "coordinates": {"unit": unit, "axes": AXES},
    }
    head = json.dumps(about, ensure_ascii=False)[:-1]
    colours = mapped.colours
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(f'{head}, "features": [')
        for k, polygons in enumerate(outlines(mapped.labels, numbers, len(label_of))):
            label = int(label_of[k])
            properties = {
                "objectType": "annotation",
                "classification": {"name": mapped.names[label], "color": colours[label]},
                "measurements": _measurements(mapped, k),
                "region": k + 1,
                "label": label,
            }
            feature = {
                "type": "Feature",
                "geometry": _geometry(polygons, scale),
                "properties": properties,
            }
            line = json.dumps(feature, ensure_ascii=False, separators=(",", ":"))
            file.write(f"{',' if k else ''}\n{line}")
        file.write("\n]}\n")
    return [path]


def read_geojson(
    path: str | Path,
    *,
    names: Sequence[str] | None = None,
    size: tuple[int, int] | None = None,
) -> MineralMap:
    """Fill the outlines of a file of ours, or of one that QuPath wrote after corrections.

    A pixel takes the class in whose outline its centre lies; where features overlap, the later one
    counts.

    Parameters
    ----------
    path : the file
    names : the classes, in the order of their labels; default: those that the file names, else its
        classifications in the order of their first features
    size : (height, width) in px of the photo; needed where the file does not tell it (QuPath's)

    Raises
    ------
    ValueError
        It is no GeoJSON, has lines or points instead of areas, a class that `names` lacks, or no
        size.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        features = _features(content)
        image = content.get("image") or {} if isinstance(content, dict) else {}
        classes = [_class_of(feature) for feature in features]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name} is no GeoJSON of classified areas ({error!r}); export it from QuPath "
            "with File, Object data, Export as GeoJSON"
        ) from error
    names = list(names or image.get("names") or dict.fromkeys(classes))
    strange = sorted(set(classes) - set(names))
    if strange:
        raise ValueError(
            f"{path.name} has the class {strange[0]!r}, the names are {', '.join(names)}; "
            "add it to names"
        )
    if size is None and image:
        size = (image["height"], image["width"])
    if size is None:
        raise ValueError(
            f"{path.name} does not say how large the photo is; give size=(rows, columns)"
        )
    unit = content.get("coordinates", {}).get("unit") if image else "px"
    scale = image["um_per_px"] if unit == "um" else 1
    labels = np.full(size, UNKNOWN, np.uint8)
    for number, (feature, name) in enumerate(zip(features, classes, strict=True), 1):
        geometry = feature["geometry"]
        if geometry["type"] not in ("Polygon", "MultiPolygon"):
            raise ValueError(
                f"{path.name}: feature {number} is a {geometry['type']}; only areas can be filled, "
                "so remove lines and points"
            )
        one = geometry["type"] == "Polygon"
        for polygon in [geometry["coordinates"]] if one else geometry["coordinates"]:
            fill_in(
                labels,
                [np.array(ring, float)[:, :2] / scale for ring in polygon],
                names.index(name),
            )
    return MineralMap(
        labels,
        tuple(names),
        image.get("file_name", "photo"),
        image.get("um_per_px"),
        sha256=image.get("sha256"),
    )


def _features(content: Any) -> list[dict[str, Any]]:
    """Features of a collection, of a bare list, or a single one: QuPath writes all three."""
    if isinstance(content, list):
        return content
    return [content] if content["type"] == "Feature" else content["features"]


def _class_of(feature: dict[str, Any]) -> str:
    classification = feature["properties"].get("classification")
    if not classification:
        raise ValueError("a feature without classification")
    return classification["name"]


def _geometry(polygons: list[Polygon], scale: float) -> dict[str, Any]:
    def closed(ring: Sequence[tuple[int, int]]) -> Iterator[tuple[float, float]]:
        for x, y in [*ring, ring[0]]:
            yield (x, y) if scale == 1 else (x * scale, y * scale)

    coordinates = [[list(closed(ring)) for ring in polygon] for polygon in polygons]
    if len(coordinates) == 1:
        return {"type": "Polygon", "coordinates": coordinates[0]}
    return {"type": "MultiPolygon", "coordinates": coordinates}


def _measurements(mapped: MineralMap, k: int) -> dict[str, float]:
    """What QuPath lists as measurements, with the units that it uses."""
    measures, scale = mapped.measures, mapped.um_per_px
    found = {"Area px^2": float(measures["area"][k])}
    if scale is not None:
        found["Area µm^2"] = float(f"{measures['area'][k] * scale**2:.6g}")
        found["Equivalent diameter µm"] = float(f"{measures['equivalent_diameter'][k] * scale:.6g}")
    score = measures["mean_score"][k]
    if not np.isnan(score):
        found["Mean score"] = float(f"{score:.6g}")
    return found
