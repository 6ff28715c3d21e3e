"""An image as a set of minerals: Jaccard, precision, recall and F1 as in the paper, all averages.

The paper compares, photo by photo, the minerals named with the minerals there, and prints one
number a score without saying how it was averaged. Its figures rule out two readings (micro, and F1
made from the printed precision and recall); macro over classes is the most likely one, by
inference. So all of them are computed, side by side.

What is divided by zero, stated once:

- a *photo* without true and without named minerals was answered rightly: all scores 1; with only
  one of the two sets empty all scores are 0;
- a *class* that is neither true nor named in any photo has no score and is left out of macro
  (give ``absent=0`` to count it as 0, as scikit-learn does); one that is true but never named, or
  named but never true, scores 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

AVERAGES = ("macro", "weighted", "samples", "micro")


@dataclass(frozen=True)
class SetScores:
    """Scores of one kind of averaging, each from 0 to 1 (NaN where nothing could be averaged).

    Attributes
    ----------
    average : str
        ``"macro"`` (mean over classes), ``"weighted"`` (over classes, by the number of photos that
        hold them), ``"samples"`` (mean over photos) or ``"micro"`` (from summed counts).
    jaccard, precision, recall, f1 : float
        `f1` is averaged like the others, not made from mean precision and mean recall.
    n : int
        How many classes or photos were averaged.
    """

    average: str
    jaccard: float
    precision: float
    recall: float
    f1: float
    n: int


def as_matrix(
    sets: Iterable[Collection[str]], names: Sequence[str], outside: str = "raise"
) -> np.ndarray:
    """Sets of names as a table of photos by names.

    Parameters
    ----------
    sets : iterable of collections of str
        One a photo.
    names : sequence of str
        The K classes, in the order of the columns.
    outside : {"raise", "drop"}
        What to do with names that are no class; `left_out` counts them.

    Returns
    -------
    bool [N, K]

    Raises
    ------
    ValueError
        If a set is a bare string, or holds a name that is no class and `outside` is "raise".
    """
    column = {name: k for k, name in enumerate(names)}
    if outside not in ("raise", "drop"):
        raise ValueError(f'outside={outside!r} is not known; use "raise" or "drop".')
    rows = []
    for given in sets:
        if isinstance(given, str):
            raise ValueError(f"a photo's minerals must be a set of names, not the text {given!r}.")
        unknown = sorted(set(given) - set(column))
        if unknown and outside == "raise":
            raise ValueError(
                f"{', '.join(unknown)}: not among the {len(column)} classes; name them too, or give"
                ' outside="drop" and state how many were left out (see left_out).'
            )
        row = np.zeros(len(column), bool)
        row[[column[name] for name in given if name in column]] = True
        rows.append(row)
    return np.array(rows, bool).reshape(-1, len(column))


def left_out(sets: Iterable[Collection[str]], names: Sequence[str]) -> dict[str, int]:
    """Names that are no class, with the number of photos that hold them, most frequent first."""
    counts = Counter(name for given in sets for name in set(given) - set(names))
    return dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def areas(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Share of the image that each class covers.

    Parameters
    ----------
    labels : numpy.ndarray
        uint8 [H, W]; 255 belongs to no class but counts in the area of the image.
    n_classes : int

    Returns
    -------
    float64 [n_classes], 0 to 1
    """
    counts = np.bincount(np.asarray(labels).ravel(), minlength=256)
    if counts[n_classes:255].any():
        beyond = int(n_classes + counts[n_classes:255].argmax())
        raise ValueError(f"the labels hold {beyond}, but there are only {n_classes} classes.")
    return counts[:n_classes] / max(labels.size, 1)


def named(shares: np.ndarray, min_share: float = 0.0) -> np.ndarray:
    """Which classes count as named: those with any pixel, and at least `min_share` of the image.

    The paper says "non-empty mask", which is ``min_share=0``: one stray pixel names a mineral.

    Parameters
    ----------
    shares : numpy.ndarray
        float [..., K], from `areas`.
    min_share : float
        0 to 1.

    Returns
    -------
    bool [..., K]
    """
    if not 0 <= min_share <= 1:
        raise ValueError(f"min_share is a share of the image from 0 to 1, got {min_share!r}.")
    return (shares > 0) & (shares >= min_share)


def class_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, np.ndarray]:
    """Scores of each class over all photos.

    Parameters
    ----------
    truth, predicted : numpy.ndarray
        bool [N, K].

    Returns
    -------
    dict
        ``"jaccard"``, ``"precision"``, ``"recall"``, ``"f1"``: float64 [K], NaN for a class neither
        true nor named; ``"support"``: int64 [K], photos that hold it.
    """
    truth, predicted = _tables(truth, predicted)
    right, extra, missed = _counts(truth, predicted, axis=0)
    return {**_ratios(right, extra, missed, empty=np.nan), "support": right + missed}


def set_scores(
    truth: np.ndarray, predicted: np.ndarray, absent: float | None = None
) -> dict[str, SetScores]:
    """All averages of the paper's scores.

    Parameters
    ----------
    truth, predicted : numpy.ndarray
        bool [N, K], from `as_matrix` or `named`.
    absent : float, optional
        Score of a class neither true nor named; None leaves it out of macro.

    Returns
    -------
    dict of str to SetScores
        ``"macro"``, ``"weighted"``, ``"samples"``, ``"micro"``.

    Raises
    ------
    ValueError
        If the tables differ in shape.
    """
    truth, predicted = _tables(truth, predicted)
    by_class = class_scores(truth, predicted)
    support = by_class.pop("support")
    by_photo = _ratios(*_counts(truth, predicted, axis=1), empty=1.0)
    total = _ratios(*_counts(truth, predicted, axis=None), empty=np.nan)
    if absent is not None:
        by_class = {key: np.nan_to_num(score, nan=absent) for key, score in by_class.items()}
    scored = ~np.isnan(by_class["f1"])
    return {
        "macro": _average("macro", by_class, scored),
        "weighted": _average("weighted", by_class, scored, support),
        "samples": _average("samples", by_photo, np.ones(len(truth), bool)),
        "micro": SetScores("micro", **{k: float(v) for k, v in total.items()}, n=len(truth)),
    }


def threshold_curve(
    truth: np.ndarray, shares: np.ndarray, thresholds: Iterable[float]
) -> list[tuple[float, dict[str, SetScores]]]:
    """Scores at several area thresholds.

    Parameters
    ----------
    truth : numpy.ndarray
        bool [N, K].
    shares : numpy.ndarray
        float [N, K], a row of `areas` a photo.
    thresholds : iterable of float
        Smallest share of the image that counts as named, 0 to 1.

    Returns
    -------
    list of (threshold, scores)
    """
    return [(float(t), set_scores(truth, named(shares, t))) for t in thresholds]


def best_threshold(
    truth: np.ndarray,
    shares: np.ndarray,
    thresholds: Iterable[float] = (0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1),
    average: str = "macro",
) -> float:
    """The area threshold of highest F1; the smallest one among equals.

    To be chosen on validation photos, never on those that are reported.
    """
    curve = threshold_curve(truth, shares, sorted(thresholds))
    return max(curve, key=lambda point: (np.nan_to_num(point[1][average].f1), -point[0]))[0]


def _tables(truth: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    truth, predicted = np.asarray(truth, bool), np.asarray(predicted, bool)
    if truth.ndim != 2 or truth.shape != predicted.shape:
        raise ValueError(
            f"truth is {list(truth.shape)} and predicted {list(predicted.shape)}; both must be"
            " tables [photos, classes] of the same shape."
        )
    return truth, predicted


def _counts(truth: np.ndarray, predicted: np.ndarray, axis: int | None) -> tuple:
    """How often named rightly, named wrongly, and missed."""
    pairs = (truth & predicted, ~truth & predicted, truth & ~predicted)
    return tuple(np.sum(pair, axis=axis, dtype=np.int64) for pair in pairs)


def _ratios(right, extra, missed, empty: float) -> dict[str, np.ndarray]:
    """The four scores from counts; `empty` where there is nothing true and nothing named."""
    nothing = np.equal(right + extra + missed, 0)

    def ratio(above, below):
        return np.where(nothing, empty, above / np.maximum(below, 1))

    return {
        "jaccard": ratio(right, right + extra + missed),
        "precision": ratio(right, right + extra),
        "recall": ratio(right, right + missed),
        "f1": ratio(2 * right, 2 * right + extra + missed),
    }


def _average(
    average: str, scores: dict, scored: np.ndarray, weights: np.ndarray | None = None
) -> SetScores:
    weights = scored.astype(float) if weights is None else np.where(scored, weights, 0)
    n = int(scored.sum())
    if not weights.sum():
        return SetScores(average, *[float("nan")] * 4, n=n)
    means = {
        key: float(np.average(np.where(scored, values, 0), weights=weights))
        for key, values in scores.items()
    }
    return SetScores(average, **means, n=n)
