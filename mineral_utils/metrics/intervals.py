"""How sure a number is: bootstrap over photos, paired differences, leaving one out, Wilson.

Pixels of one photo are not independent, nor are photos of one section: what is drawn anew is
whole photos, or whole groups of them where the groups (specimens, sections) are known. Intervals
are percentile intervals; with fewer than about ten photos they are too short, so say how many.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A number with its interval.

    Attributes
    ----------
    value, lo, hi : float
        The number on the photos as they are, and the ends of the interval.
    n : int
        What was drawn anew, or counted: photos, groups of photos, trials.
    level : float
        Such as 0.95.
    """

    value: float
    lo: float
    hi: float
    n: int
    level: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.lo:.3f}, {self.hi:.3f}]"


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    n: int,
    *,
    groups: Sequence[Hashable] | None = None,
    draws: int = 2000,
    level: float = 0.95,
    seed: int | np.random.Generator = 0,
) -> Interval:
    """Interval of any number that is computed from photos.

    Parameters
    ----------
    statistic : function
        Takes positions of photos, int64 [m] in 0 .. n - 1 with repeats, and gives the number, such
        as ``lambda rows: mean_iou(confusions[rows].sum(axis=0))``. Draws for which it is NaN (no
        pixel of any class, say) are left out.
    n : int
        Number of photos.
    groups : sequence, optional
        Specimen or section of each photo: photos of one group are drawn together.
    draws : int
        Number of resamplings.
    level : float
        Of the interval, 0 to 1.
    seed : int or numpy.random.Generator

    Returns
    -------
    Interval

    Raises
    ------
    ValueError
        If there are no photos, or `groups` has another length or holds None.
    """
    members = _members(n, groups)
    low, high = _tails(level)
    if draws < 1:
        raise ValueError(f"draws={draws} resamplings are too few; 1000 or more are usual.")
    rng = np.random.default_rng(seed)
    value = float(statistic(np.arange(n)))
    drawn = np.empty(draws)
    for i in range(draws):
        chosen = rng.integers(0, len(members), len(members))
        drawn[i] = statistic(np.concatenate([members[k] for k in chosen]))
    drawn = drawn[~np.isnan(drawn)]
    lo, hi = np.quantile(drawn, (low, high)) if drawn.size else (math.nan, math.nan)
    return Interval(value, float(lo), float(hi), len(members), level)


def paired(
    statistic: Callable[[np.ndarray, np.ndarray], float],
    first: np.ndarray,
    second: np.ndarray,
    **options,
) -> Interval:
    """Interval of the difference ``statistic(second) - statistic(first)`` on the same photos.

    Both are computed on the same draws, so what the photos have in common cancels.

    Parameters
    ----------
    statistic : function
        Takes what is kept of some photos, such as confusions [m, K, K + 1], and gives the number,
        such as ``lambda each: mean_iou(each.sum(axis=0))`` or ``np.mean``.
    first, second : numpy.ndarray
        [n, ...], one entry a photo, in the same order.
    **options
        `groups`, `draws`, `level`, `seed` of `bootstrap`.

    Returns
    -------
    Interval
        Above zero as a whole: `second` is better.
    """
    first, second = np.asarray(first), np.asarray(second)
    if len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} photos cannot be paired; score both on the same ones."
        )
    return bootstrap(
        lambda rows: statistic(second[rows]) - statistic(first[rows]), len(first), **options
    )


@dataclass(frozen=True)
class LeftOut:
    """How far a number hangs on single photos.

    Attributes
    ----------
    value : float
        On all photos.
    lo, hi : float
        The lowest and the highest value when one photo (or group) is left out.
    lowest, highest : int or hashable
        Whose absence gives them: position of the photo, or name of the group.
    n : int
        How many were left out, each in its turn.
    """

    value: float
    lo: float
    hi: float
    lowest: Hashable
    highest: Hashable
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f}, without one of {self.n} from {self.lo:.3f} to {self.hi:.3f}"


def leave_one_out(
    statistic: Callable[[np.ndarray], float], n: int, *, groups: Sequence[Hashable] | None = None
) -> LeftOut:
    """The range of a number over leaving out each photo, or each group of photos, once.

    Parameters
    ----------
    statistic, n, groups
        As in `bootstrap`.

    Raises
    ------
    ValueError
        If fewer than two photos or groups are there.
    """
    members = _members(n, groups)
    if len(members) < 2:
        raise ValueError(
            f"leaving one out needs at least two {'photos' if groups is None else 'groups'}, but "
            f"there is one{'' if groups is None else f', of {n} photos'}; nothing would be left."
        )
    names = list(range(n)) if groups is None else list(dict.fromkeys(groups))
    without = np.array(
        [float(statistic(np.setdiff1d(np.arange(n), rows))) for rows in members], float
    )
    value = float(statistic(np.arange(n)))
    if np.isnan(without).all():
        return LeftOut(value, math.nan, math.nan, names[0], names[0], len(members))
    low, high = int(np.nanargmin(without)), int(np.nanargmax(without))
    lo, hi = float(without[low]), float(without[high])
    return LeftOut(value, lo, hi, names[low], names[high], len(members))


def wilson(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's interval of a share of independent trials (Wilson 1927).

    Stays inside 0 to 1 and is sensible at 0 and at all. Pixels are no independent trials: use
    `bootstrap` for them.

    Raises
    ------
    ValueError
        If there are no trials, or more successes than trials.
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"{successes} of {trials} is no share; give 0 <= successes <= trials and trials >= 1."
        )
    z = NormalDist().inv_cdf(_tails(level)[1])
    share = successes / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials)
    half *= math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    lo = 0.0 if successes == 0 else middle - half  # exactly, where rounding would leave 1e-17
    hi = 1.0 if successes == trials else middle + half
    return Interval(share, lo, hi, trials, level)


def _tails(level: float) -> tuple[float, float]:
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1, such as 0.95.")
    return (1 - level) / 2, (1 + level) / 2


def _members(n: int, groups: Sequence[Hashable] | None) -> list[np.ndarray]:
    """Positions of the photos of each group, in order of first appearance."""
    if n < 1:
        raise ValueError("an interval needs at least one photo, got none.")
    if groups is None:
        return [np.array([i]) for i in range(n)]
    if len(groups) != n:
        raise ValueError(f"{len(groups)} groups were given for {n} photos; give one for each.")
    unknown = sum(group is None for group in groups)
    if unknown:  # as one group they would be drawn together
        raise ValueError(
            f"{unknown} of {n} photos have no group (None); give every photo one, a name of its "
            "own where nothing is known of it, or leave groups out."
        )
    together: dict[Hashable, list[int]] = {}
    for i, group in enumerate(groups):
        together.setdefault(group, []).append(i)
    return [np.array(rows) for rows in together.values()]
