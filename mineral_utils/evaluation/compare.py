"""Numbers with their intervals, and differences of two methods on the same photos."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

import numpy as np

from ..metrics import (
    Interval,
    MirrorRow,
    bootstrap,
    mean_iou,
    paired,
    score_row,
    set_scores,
)

AVERAGED = ("macro", "weighted", "samples", "micro")
SCORES = ("jaccard", "recall", "precision", "f1")  # in the paper's order


def interval(
    row: MirrorRow,
    metric: str = "f1_macro",
    *,
    specimens: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """A row's number with its 95 % interval.

    Parameters
    ----------
    row : MirrorRow
    metric : ``"miou"``, ``"accuracy"``, or a score and its average, such as ``"f1_macro"``
    specimens : of each photo, where they are known: photos of one are drawn together; without
        them photos are drawn, and the interval is too short if several show one specimen
    draws, seed : of the bootstrap
    """
    kept, number = _kept(row, metric)
    return bootstrap(lambda some: number(kept[some]), len(kept), **_how(specimens, draws, seed))


def difference(
    first: MirrorRow,
    second: MirrorRow,
    metric: str = "f1_macro",
    *,
    specimens: Sequence[Hashable] | None = None,
    draws: int = 1000,
    seed: int = 0,
) -> Interval:
    """`second` minus `first`, both on the same draws of photos; above zero as a whole: better.

    Parameters as in `interval`. The rows must be of the same photos in the same order.
    """
    if not np.array_equal(first.truth, second.truth):
        raise ValueError(
            f"{first.baseline!r} and {second.baseline!r} were not scored on the same photos"
        )
    (one, number), (other, _) = _kept(first, metric), _kept(second, metric)
    return paired(number, one, other, **_how(specimens, draws, seed))


def value(row: MirrorRow, metric: str) -> float:
    """One number of a row, such as ``"recall_weighted"``; NaN for pixels of a row without a map."""
    if metric in ("miou", "accuracy"):
        return getattr(row, metric)
    kept, number = _kept(row, metric)
    return number(kept)


def best(rows: Sequence[MirrorRow], metric: str = "f1_macro") -> MirrorRow:
    """The row with the highest value; the first among equals."""
    return max(rows, key=lambda row: np.nan_to_num(value(row, metric), nan=-1))


def some_photos(row: MirrorRow, which: Sequence[int] | np.ndarray) -> MirrorRow:
    """The row's scores on some of its photos, int positions or a bool mask [n]."""
    which = np.asarray(which)
    counts = None if row.confusions is None else row.confusions[which]
    part = score_row(row.baseline, counts, row.truth[which], row.named[which])
    return replace(part, shares=None if row.shares is None else row.shares[which])


def _how(specimens: Sequence[Hashable] | None, draws: int, seed: int) -> dict:
    return {"groups": specimens, "draws": draws, "seed": seed}


def _kept(row: MirrorRow, metric: str) -> tuple[np.ndarray, Callable[[np.ndarray], float]]:
    """What of each photo the number needs, [n, ...], and how it is made."""
    if metric in ("miou", "accuracy"):
        if row.confusions is None:
            raise ValueError(f"{row.baseline!r} draws no map, so it has no {metric}")
        return row.confusions, _miou if metric == "miou" else _accuracy
    score, _, average = metric.partition("_")
    if score not in SCORES or average not in AVERAGED:
        raise ValueError(
            f"there is no number {metric!r}; use miou, accuracy, or one of {', '.join(SCORES)} "
            f"with one of {', '.join(AVERAGED)}, such as f1_macro"
        )
    sets = np.stack([row.truth, row.named], axis=1)
    return sets, lambda some: getattr(set_scores(some[:, 0], some[:, 1])[average], score)


def _miou(counts: np.ndarray) -> float:
    return mean_iou(counts.sum(axis=0))


def _accuracy(counts: np.ndarray) -> float:
    pooled = counts.sum(axis=0)
    return float(np.trace(pooled) / pooled.sum()) if pooled.any() else float("nan")
