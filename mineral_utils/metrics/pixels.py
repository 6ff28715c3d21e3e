"""A label map against the true one: confusion counts, IoU, accuracy, boundaries.

Counts are whole numbers, so photos can be added one by one in any order and give the same result::

    total = sum(confusion(truth, guess, n_classes=7) for truth, guess in pairs)
    pixel_scores(total, names).miou

IoU is pooled over the photos (sum of intersections over sum of unions), as petroscope scores
LumenStone; the mean over photos of each photo's own mIoU is ``nanmean(mean_iou(stack))``.
A class of the truth may accept several answers (a LumenStone code is "pyrite or marcasite", its
background any gangue): see `allowed_answers` and `fold`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

UNKNOWN = 255


@dataclass(frozen=True, eq=False)
class PixelScores:
    """Scores of pooled pixels.

    Attributes
    ----------
    names : tuple of str
        Classes of the truth.
    iou : numpy.ndarray
        float64 [K], 0 to 1; NaN for a class that the truth does not hold. Where such a class was
        painted, it already cost the classes that are there.
    miou : float
        Mean of `iou` over the classes that the truth holds.
    accuracy : float
        Share of pixels painted rightly.
    mean_accuracy : float
        Mean over the classes of the share of their own pixels painted rightly.
    pixels : numpy.ndarray
        int64 [K], true pixels of each class.
    """

    names: tuple[str, ...]
    iou: np.ndarray
    miou: float
    accuracy: float
    mean_accuracy: float
    pixels: np.ndarray


def confusion(
    truth: np.ndarray,
    predicted: np.ndarray,
    n_classes: int,
    n_answers: int | None = None,
    keep: np.ndarray | None = None,
) -> np.ndarray:
    """How many pixels of each class got each answer.

    Parameters
    ----------
    truth : numpy.ndarray
        uint8 [H, W], 0 to n_classes - 1; pixels of 255 are not scored.
    predicted : numpy.ndarray
        uint8 [H, W], 0 to n_answers - 1; 255 is the answer "unknown", which is never right.
    n_classes : int
        K, classes of the truth.
    n_answers : int, optional
        P, names that were asked for; default K, the same names in the same order.
    keep : numpy.ndarray, optional
        bool [H, W]: score only these pixels (see `keep_inside`).

    Returns
    -------
    int64 [K, P + 1]
        Row: truth. Column: answer, the last one "unknown".

    Raises
    ------
    ValueError
        If shapes, types or labels do not fit.
    """
    n_answers = n_classes if n_answers is None else n_answers
    for what, given, count in (("truth", truth, n_classes), ("predicted", predicted, n_answers)):
        _check_labels(given, what, count)
    if truth.shape != predicted.shape or (keep is not None and keep.shape != truth.shape):
        shapes = [list(a.shape) for a in (truth, predicted, keep) if a is not None]
        raise ValueError(
            f"truth, predicted (and keep) must have one shape, got {shapes}; bring the prediction"
            " to the size of the truth first (labels by nearest pixel)."
        )
    scored = truth != UNKNOWN if keep is None else (truth != UNKNOWN) & keep
    answers = np.minimum(predicted[scored], n_answers).astype(np.int64)
    pairs = truth[scored].astype(np.int64) * (n_answers + 1) + answers
    counts = np.bincount(pairs, minlength=n_classes * (n_answers + 1))
    return counts.reshape(n_classes, n_answers + 1)


def allowed_answers(classes: Sequence[Collection[str]], names: Sequence[str]) -> np.ndarray:
    """Which answers are right for which class of the truth.

    Parameters
    ----------
    classes : sequence of collections of str
        For each class of the truth the names that it accepts, such as
        ``("Pyrite", "Marcasite")``; names that were not asked for do no harm.
    names : sequence of str
        The P names that were asked for.

    Returns
    -------
    bool [K, P]
    """
    for accepted in classes:
        if isinstance(accepted, str):
            raise ValueError(f"a class accepts a set of names, not the text {accepted!r}.")
    return np.array([[name in set(accepted) for name in names] for accepted in classes], bool)


def fold(matrix: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Confusion of classes with answers, told in classes only.

    An answer that the pixel's class accepts is right. Any other answer counts as the class that
    accepts it (the narrowest if several do), or, if none does, as "other", like "unknown".

    Parameters
    ----------
    matrix : numpy.ndarray
        int64 [..., K, P + 1], from `confusion`.
    allowed : numpy.ndarray
        bool [K, P], from `allowed_answers`.

    Returns
    -------
    int64 [..., K, K + 1]
    """
    n_classes, n_answers = allowed.shape
    home = homes(allowed)
    if matrix.shape[-2:] != (n_classes, n_answers + 1):
        raise ValueError(
            f"the confusion is {list(matrix.shape)}, but {n_classes} classes and {n_answers} names"
            f" need [..., {n_classes}, {n_answers + 1}]."
        )
    column = np.where(allowed, np.arange(n_classes)[:, None], home)
    column = np.concatenate([column, np.full((n_classes, 1), n_classes)], axis=1)
    folded = np.zeros((*matrix.shape[:-1], n_classes + 1), np.int64)
    for k in range(n_classes):
        for p in range(n_answers + 1):
            folded[..., k, column[k, p]] += matrix[..., k, p]
    return folded


def homes(allowed: np.ndarray) -> np.ndarray:
    """The class that each answer counts as: the narrowest that accepts it, K where none does.

    bool [K, P] to int64 [P].
    """
    width = np.where(allowed, allowed.sum(axis=1, keepdims=True), allowed.shape[1] + 1)
    return np.where(allowed.any(axis=0), width.argmin(axis=0), len(allowed))


def iou(matrix: np.ndarray) -> np.ndarray:
    """Intersection over union of each class: float64 [..., K], NaN where the truth has no pixel.

    Parameters
    ----------
    matrix : numpy.ndarray
        int64 [..., K, K + 1], from `confusion` or `fold`.
    """
    n_classes = matrix.shape[-2]
    if matrix.shape[-1] != n_classes + 1:
        raise ValueError(
            f"a confusion [..., K, K + 1] is needed, got {list(matrix.shape)}; where names and"
            " classes differ, fold it first."
        )
    right = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, painted = matrix.sum(axis=-1), matrix[..., :n_classes].sum(axis=-2)
    union = true + painted - right
    return np.where(true > 0, right / np.maximum(union, 1), np.nan)


def mean_iou(matrix: np.ndarray) -> np.ndarray | float:
    """Mean IoU over the classes that the truth holds: float64 [...], NaN where it holds none."""
    each = iou(matrix)
    there = ~np.isnan(each)
    count = there.sum(axis=-1)
    mean = np.where(count > 0, np.nansum(each, axis=-1) / np.maximum(count, 1), np.nan)
    return float(mean) if mean.ndim == 0 else mean


def pixel_scores(matrix: np.ndarray, names: Sequence[str]) -> PixelScores:
    """Scores of a confusion [K, K + 1]; sum those of several photos to pool them."""
    if len(names) != matrix.shape[0]:
        raise ValueError(f"{len(names)} names were given for {matrix.shape[0]} classes.")
    each, true = iou(matrix), matrix.sum(axis=1)
    right, there = np.diagonal(matrix), true > 0
    recall = right[there] / true[there]
    return PixelScores(
        names=tuple(names),
        iou=each,
        miou=mean_iou(matrix),
        accuracy=float(right.sum() / true.sum()) if there.any() else float("nan"),
        mean_accuracy=float(recall.mean()) if there.any() else float("nan"),
        pixels=true,
    )


def keep_inside(labels: np.ndarray, width: int = 2, pad: int = 4) -> np.ndarray:
    """Pixels away from class borders and from the photo's edge: petroscope's "void border".

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 [H, W], the truth.
    width : int
        A pixel is kept if all of a width x width square around it (for even widths reaching one
        further up and left) is in the photo and of one class; 0 keeps borders.
    pad : int
        Pixels to leave out along each edge.

    Returns
    -------
    bool [H, W], True where pixels are to be scored
    """
    keep = np.ones(labels.shape, bool)
    if width > 0:
        framed = np.pad(labels.astype(np.int16), width, constant_values=-1)
        first = width - width // 2  # where the square of the upper left pixel begins in the frame
        for down in range(first, first + width):
            for right in range(first, first + width):
                keep &= framed[down:, right:][: labels.shape[0], : labels.shape[1]] == labels
    if pad > 0:
        keep[:pad], keep[-pad:], keep[:, :pad], keep[:, -pad:] = (False,) * 4
    return keep


def boundary_f(
    truth: np.ndarray, predicted: np.ndarray, n_classes: int, tolerance: float | None = None
) -> np.ndarray:
    """Boundary F1 of each class of one photo (Csurka et al. 2013).

    A pixel is on its class's boundary if a pixel beside, above or below it has another label.
    Precision is the share of painted boundary pixels with a true one of that class within the
    tolerance, recall the reverse.

    Parameters
    ----------
    truth, predicted : numpy.ndarray
        uint8 [H, W], the same classes; where the truth is 255 nothing is scored.
    n_classes : int
    tolerance : float, optional
        px, Euclidean, inclusive; default 0.75 % of the diagonal, at least 1.

    Returns
    -------
    float64 [n_classes]
        NaN for a class without a true boundary (absent, or the whole photo).
    """
    from scipy.ndimage import distance_transform_edt

    for what, given in (("truth", truth), ("predicted", predicted)):
        _check_labels(given, what, n_classes)
    if truth.shape != predicted.shape:
        raise ValueError(f"truth {list(truth.shape)} and predicted {list(predicted.shape)} differ.")
    if tolerance is None:
        tolerance = max(1.0, 0.0075 * float(np.hypot(*truth.shape)))
    scored = truth != UNKNOWN
    pair = (truth, predicted)
    edges = [_on_boundary(labels, scored) for labels in pair]
    scores = np.full(n_classes, np.nan)
    for k in np.unique(truth[edges[0]]):
        true, painted = ((labels == k) & edge for labels, edge in zip(pair, edges, strict=True))
        if not painted.any():
            scores[k] = 0.0
            continue
        precision = (distance_transform_edt(~true)[painted] <= tolerance).mean()
        recall = (distance_transform_edt(~painted)[true] <= tolerance).mean()
        total = precision + recall
        scores[k] = 2 * precision * recall / total if total else 0.0
    return scores


def relabel(labels: np.ndarray, names: Sequence[str], onto: Sequence[str]) -> np.ndarray:
    """The same map in another list of names.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 [H, W], index into `names`; 255 stays.
    names, onto : sequence of str
        Names of the labels, and those wanted; what `onto` lacks becomes 255.

    Returns
    -------
    uint8 [H, W], index into `onto`
    """
    _check_labels(labels, "labels", len(names))
    place = {name: k for k, name in enumerate(onto)}
    table = np.full(256, UNKNOWN, np.uint8)
    table[: len(names)] = [place.get(name, UNKNOWN) for name in names]
    return table[labels]


def _check_labels(labels: np.ndarray, what: str, count: int) -> None:
    if not isinstance(labels, np.ndarray) or labels.dtype != np.uint8 or labels.ndim != 2:
        found = getattr(labels, "dtype", type(labels).__name__)
        raise ValueError(
            f"{what} must be labels, a uint8 array [H, W], got {found}"
            f" {list(getattr(labels, 'shape', []))}."
        )
    known = labels[labels != UNKNOWN]
    if known.size and known.max() >= count:
        raise ValueError(
            f"{what} holds the label {known.max()}, but there are only {count} names (0 to"
            f" {count - 1}, and 255 for unknown)."
        )


def _on_boundary(labels: np.ndarray, scored: np.ndarray) -> np.ndarray:
    """Scored pixels with a scored neighbour (of four) of another label."""
    edge = np.zeros(labels.shape, bool)
    for axis in (0, 1):
        first, second = ([slice(None)] * 2 for _ in range(2))
        first[axis], second[axis] = slice(None, -1), slice(1, None)
        first, second = tuple(first), tuple(second)
        differ = (labels[first] != labels[second]) & scored[first] & scored[second]
        edge[first] |= differ
        edge[second] |= differ
    return edge
