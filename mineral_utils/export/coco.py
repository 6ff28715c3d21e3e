"""Regions in COCO's format for object segmentation, as training tools and labelling tools read it.

A mask is kept as run lengths down the columns, outside and inside by turns, written with COCO's
characters: five bits a character, lowest first, from the third length on the difference to the last
length but one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..run import replacing
from .mineral_map import UNKNOWN, MineralMap
from .outlines import fill_in, outlines
from .spans import alternating, positions, spans


def coco(mapped: MineralMap, *, polygons: bool = False) -> dict[str, Any]:
    """One photo in COCO's format.

    Parameters
    ----------
    mapped : the map
    polygons : write regions without holes as polygons; all others are run lengths (RLE), which
        keep holes

    Returns
    -------
    dict
        ``images`` (one, also with ``um_per_px``), ``categories`` (id is the label + 1, because 0 is
        background to many tools), ``annotations``: one a region, boxes and areas in px, ``score``
        where known. Unknown pixels are in no annotation.
    """
    numbers, label_of = mapped.regions
    measures, (height, width) = mapped.measures, mapped.size
    down = spans(numbers.T, len(label_of))
    rings = outlines(mapped.labels, numbers, len(label_of)) if polygons else None
    annotations = []
    for k, label in enumerate(label_of.tolist()):
        counts = alternating(down[k], mapped.labels.size)
        segmentation: Any = {"size": [height, width], "counts": encode_counts(counts)}
        if rings and all(len(polygon) == 1 for polygon in rings[k]):
            segmentation = [np.ravel(polygon[0]).tolist() for polygon in rings[k]]
        box = [int(measures[side][k]) for side in ("left", "top", "width", "height")]
        annotation = {
            "id": k + 1,
            "image_id": 1,
            "category_id": label + 1,
            "segmentation": segmentation,
            "area": int(measures["area"][k]),
            "bbox": box,
            "iscrowd": 0,
        }
        if not np.isnan(measures["mean_score"][k]):
            annotation["score"] = float(f"{measures['mean_score'][k]:.6g}")
        annotations.append(annotation)
    image = {"id": 1, "file_name": mapped.file_name, "width": width, "height": height}
    return {
        "info": {"description": "minerals of a polished section, segmented by mineral_utils"},
        "licenses": [],
        "images": [{**image, "um_per_px": mapped.um_per_px}],
        "categories": [
            {"id": label + 1, "name": name, "supercategory": "mineral"}
            for label, name in enumerate(mapped.names)
        ],
        "annotations": annotations,
    }


def write_coco(mapped: MineralMap, path: Path, *, polygons: bool = False) -> list[Path]:
    """Write `coco` as a file."""
    path.write_text(
        json.dumps(coco(mapped, polygons=polygons), ensure_ascii=False) + "\n", encoding="utf-8"
    )
    return [path]


def read_coco(path: str | Path, file_name: str | None = None) -> MineralMap:
    """Labels of one photo out of a COCO file, of ours or of somebody else's.

    Parameters
    ----------
    path : the file
    file_name : which photo, as the file names it; needed where there are several

    Raises
    ------
    ValueError
        No such photo in it, or it is no COCO file with masks.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        images = {image["file_name"]: image for image in content["images"]}
        categories = sorted(content["categories"], key=lambda category: category["id"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path.name} is no COCO file ({error!r}); it needs images, categories and annotations"
        ) from error
    if file_name is None and len(images) == 1:
        file_name = next(iter(images))
    if file_name not in images:
        raise ValueError(
            f"{path.name} has no photo {file_name!r}; name one of {', '.join(list(images)[:5])}"
        )
    image = images[file_name]
    size = image["height"], image["width"]
    label_of = {category["id"]: label for label, category in enumerate(categories)}
    labels = np.full(size, UNKNOWN, np.uint8)
    for annotation in content["annotations"]:
        if annotation["image_id"] == image["id"]:
            put_mask(labels, annotation["segmentation"], label_of[annotation["category_id"]])
    names = tuple(category["name"] for category in categories)
    return MineralMap(labels, names, file_name, image.get("um_per_px"))


def put_mask(labels: np.ndarray, segmentation: Any, label: int) -> None:
    """Give the pixels of a ``segmentation`` of COCO (polygons, or run lengths in either form) their
    label, in place."""
    height, width = labels.shape
    if isinstance(segmentation, list):
        for corners in segmentation:  # each by itself: the parts of a region never are holes
            fill_in(labels, [np.reshape(corners, (-1, 2)).astype(float)], label)
        return
    if segmentation["size"] != [height, width]:
        raise ValueError(
            f"a mask is of {segmentation['size']}, the photo of {[height, width]} (rows, columns); "
            "the file is damaged"
        )
    counts = segmentation["counts"]
    counts = decode_counts(counts) if isinstance(counts, str) else counts
    column, row = np.divmod(positions(counts, labels.size), height)
    labels[row, column] = label


def encode_counts(counts: np.ndarray) -> str:
    """Run lengths in COCO's characters."""
    left = np.array(counts, np.int64)
    left[3:] -= np.asarray(counts, np.int64)[1:-2]
    characters, there = [], []
    going = np.ones(len(left), bool)
    while going.any():
        five = left & 31
        left >>= 5
        there.append(going)
        # the sign is the highest bit of the last character
        going = going & (left != np.where(five & 16, -1, 0))
        characters.append(five + 32 * going + 48)
    return np.array(characters, np.uint8).T[np.array(there).T].tobytes().decode("ascii")


def decode_counts(text: str) -> np.ndarray:
    """Run lengths out of COCO's characters, int64."""
    counts: list[int] = []
    value = shift = 0
    for code in text.encode("ascii"):
        five = code - 48
        value |= (five & 31) << shift
        shift += 5
        if not five & 32:
            if five & 16:
                value -= 1 << shift
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return np.array(counts, np.int64)


def join_coco(paths: Sequence[str | Path], path: str | Path) -> Path:
    """Several photos' files as one, ids counted on; none but one is in memory at a time.

    Parameters
    ----------
    paths : files that `write_coco` wrote, of the same names
    path : file to write, whole or not at all
    """
    images, count = [], 0
    with replacing(path) as aside, open(aside, "w", encoding="utf-8", newline="\n") as file:
        for one in paths:
            content = json.loads(Path(one).read_text(encoding="utf-8"))
            if not images:
                head = {key: content[key] for key in ("info", "licenses", "categories")}
                file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "annotations": [')
            images.append({**content["images"][0], "id": len(images) + 1})
            for annotation in content["annotations"]:
                row = {**annotation, "id": count + 1, "image_id": len(images)}
                file.write(f"{',' if count else ''}\n{json.dumps(row)}")
                count += 1
        file.write(f'\n], "images": {json.dumps(images, ensure_ascii=False)}}}\n')
    return Path(path)
