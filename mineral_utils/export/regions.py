"""Regions of equal label, and what can be measured on each."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

UNKNOWN = 255
FOUR = ndimage.generate_binary_structure(2, 1)
EIGHT = ndimage.generate_binary_structure(2, 2)


def number_regions(
    labels: np.ndarray, neighbours: np.ndarray = EIGHT
) -> tuple[np.ndarray, np.ndarray]:
    """Number the connected regions of a label map.

    Parameters
    ----------
    labels : uint8 [H, W]; 255 is unknown and makes no regions
    neighbours : bool [3, 3]; with corners (the default, as `Segmentation.table` counts) or without

    Returns
    -------
    numbers : int32 [H, W], from 1 on in the order of labels, then of first pixels; 0 where unknown
    label_of : uint8 [n], the label of region 1, 2, …
    """
    numbers = np.zeros(labels.shape, np.int32)
    label_of = []
    for label in np.unique(labels[labels != UNKNOWN]):
        found, count = ndimage.label(labels == label, neighbours)
        numbers += np.where(found > 0, found + len(label_of), 0).astype(np.int32)
        label_of += [label] * count
    return numbers, np.array(label_of, np.uint8)


def measure(
    numbers: np.ndarray, label_of: np.ndarray, score: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Measure regions in pixels.

    Parameters
    ----------
    numbers, label_of : as `number_regions` gives them
    score : [H, W], averaged over each region

    Returns
    -------
    dict of arrays [n], one value a region
        ``label``; ``area``; ``x``, ``y``: centroid, the centre of the first pixel being (0.5,
        0.5); ``left``, ``top``, ``width``, ``height`` of the bounding box;
        ``equivalent_diameter``: of the disc of equal area; ``perimeter``: Crofton's estimate from
        four directions (right for a disc, 5 % short for straight sides), the frame of the photo
        counting as border; ``touches_frame``: bool, it may go on outside the photo;
        ``mean_score``: NaN without `score`
    """
    count, (height, width) = len(label_of), numbers.shape
    rows, columns = np.ogrid[0.5:height, 0.5:width]

    def mean(weights: np.ndarray) -> np.ndarray:
        weights, sums = np.broadcast_to(weights, numbers.shape), np.zeros(count + 1)
        for start in range(0, height, 256):  # as float64 in strips, never whole
            part = slice(start, start + 256)
            sums += np.bincount(numbers[part].ravel(), weights[part].ravel(), count + 1)
        return sums[1:] / area

    area = np.bincount(numbers.ravel(), minlength=count + 1)[1:]
    boxes = ndimage.find_objects(numbers, count)
    top, bottom, left, right = (
        np.array([getattr(box[axis], end) for box in boxes], np.int64)
        for axis, end in ((0, "start"), (0, "stop"), (1, "start"), (1, "stop"))
    )
    return {
        "label": label_of,
        "area": area,
        "x": mean(columns),
        "y": mean(rows),
        "left": left,
        "top": top,
        "width": right - left,
        "height": bottom - top,
        "equivalent_diameter": 2 * np.sqrt(area / np.pi),
        "perimeter": _perimeter(numbers, count),
        "touches_frame": (left == 0) | (top == 0) | (right == width) | (bottom == height),
        "mean_score": np.full(count, np.nan) if score is None else mean(score),
    }


def _perimeter(numbers: np.ndarray, count: int) -> np.ndarray:
    """Crofton's formula: how often lines in four directions cross the border of each region."""
    padded = np.pad(numbers, 1)
    here, right, below = padded[:, :-1], padded[:, 1:], padded[1:]
    crossings = np.zeros(count + 1)
    for one, other, weight in (
        (here, right, 1),
        (padded[:-1], below, 1),
        (padded[:-1, :-1], padded[1:, 1:], 0.5**0.5),  # diagonals lie nearer to each other
        (padded[:-1, 1:], padded[1:, :-1], 0.5**0.5),
    ):
        differ = one != other
        for side in (one, other):
            crossings += weight * np.bincount(side[differ], minlength=count + 1)
    return np.pi / 8 * crossings[1:]
