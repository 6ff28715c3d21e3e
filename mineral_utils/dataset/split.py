"""Training, validation and test photos that share no specimen, no field, no near-duplicate.

Two steps. Photos that must stay together become *groups*; then whole groups are handed out so that
every mineral comes near to its wanted share on every side. The second step is the iterative
stratification of Sechidis, Tsoumakas and Vlahavas (ECML PKDD 2011), for groups instead of single
photos: the rarest mineral is handed out first, its largest groups before its smaller ones, each to
the side that still lacks most of it. Then single groups are moved while that helps, because groups,
unlike photos, may be large; and the best of some starts is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .duplicates import Union, equal_pairs

if TYPE_CHECKING:
    from ..photos.ledger import Row

__all__ = ["BY", "SHARES", "Groups", "group_photos", "leaks", "share_table", "stratify"]

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
MOST_PASSES, STARTS = 20, 8  # of evening out; of which the best is kept
MISSING = 0.3  # as bad as a share of 27 % where 10 % were wanted
BY = ("specimen", "locality", "photographer")


@dataclass(frozen=True)
class Groups:
    """Photos that must stay on one side.

    Attributes
    ----------
    of : int64 [N]
        Number of each photo's group, 0 and up in order of first appearance.
    known_by : tuple of str, one a photo
        What tied it: ``"specimen"``; ``"locality"`` or ``"photographer"`` where the specimen is
        not known; ``"nothing"`` where none of the three is.
    """

    of: np.ndarray
    known_by: tuple[str, ...]

    @property
    def sizes(self) -> np.ndarray:
        """Photos of each group, int64 [number of groups]."""
        return np.bincount(self.of)


def group_photos(
    rows: Sequence[Row], near: Iterable[tuple[int, int]] = (), *, by: str = "specimen"
) -> Groups:
    """Join photos that must not be parted.

    Together are photos of one specimen; of one field (`field_group`: the same place in plane and
    in crossed polars, or at other stage angles); near-duplicates; files with equal bytes. A photo
    of an unknown specimen might show any specimen of its locality, so it ties all photos of that
    locality together. Photos without specimen and locality go together by photographer.

    Parameters
    ----------
    rows : sequence of Row
    near : pairs of int
        Near-duplicates, as of :func:`near_pairs`.
    by : {"specimen", "locality", "photographer"}
        The stricter two also keep whole localities, or whole photographers, together: they ask
        whether a model works at a mine, or with a camera, that it has never seen.

    Returns
    -------
    Groups
    """
    if by not in BY:
        raise ValueError(f"by is {by!r}; split by one of {', '.join(BY)}.")
    keys = [{level: _key(getattr(row, level)) for level in BY} for row in rows]
    known_by = tuple(next((level for level in BY if key[level]), "nothing") for key in keys)
    union = Union(len(rows))
    for pairs in (
        near,
        equal_pairs([row.sha256 or None for row in rows]),
        equal_pairs([_key(row.field_group) for row in rows]),
        equal_pairs([key["specimen"] for key in keys]),
        equal_pairs(
            [
                k["photographer"] if how == "photographer" else None
                for k, how in zip(keys, known_by, strict=True)
            ]
        ),
    ):
        for a, b in pairs:
            union.join(a, b)
    loose = {k["locality"] for k, how in zip(keys, known_by, strict=True) if how == "locality"}
    for level in BY[1 : BY.index(by) + 1]:
        for a, b in equal_pairs([key[level] for key in keys]):
            union.join(a, b)
    tied = [key["locality"] if key["locality"] in loose else None for key in keys]
    for a, b in equal_pairs(tied):
        union.join(a, b)
    roots = [union.find(number) for number in range(len(rows))]
    number_of = {root: k for k, root in enumerate(dict.fromkeys(roots))}
    return Groups(np.array([number_of[root] for root in roots], np.int64), known_by)


def stratify(
    labels: np.ndarray,
    groups: np.ndarray,
    shares: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    fixed: Mapping[int, str] | None = None,
) -> list[str]:
    """Hand out whole groups so that each label comes near to its wanted share on each side.

    Parameters
    ----------
    labels : bool [N, K]
        Minerals of each photo, and whatever else shall be spread evenly, such as photo types.
    groups : int [N]
        Group of each photo.
    shares : mapping of str to float, optional
        Wanted share of the photos on each side, all above 0, sum 1. Default: 0.8 train,
        0.1 validation, 0.1 test.
    seed : int
        Decides between equals; equal seeds give equal splits.
    fixed : mapping of int to str, optional
        Groups whose side is given already, such as those of an earlier version of the dataset.

    Returns
    -------
    list of str, one a photo
        The side that it is on.

    Raises
    ------
    ValueError
        Shares that do not sum to 1, arrays that do not fit together, an unknown side.
    """
    shares = checked_shares(SHARES if shares is None else shares)
    labels, groups = np.asarray(labels, bool), np.asarray(groups)
    if labels.ndim != 2 or groups.shape != labels.shape[:1]:
        raise ValueError(
            f"labels is {list(labels.shape)}, groups {list(groups.shape)}; give bool [N, K] and "
            "int [N]."
        )
    sides = list(shares)
    unknown = sorted({side for side in (fixed or {}).values()} - set(sides))
    if unknown:
        raise ValueError(f"The sides {', '.join(unknown)} are not among {', '.join(sides)}.")
    group_names, which = np.unique(groups, return_inverse=True)
    # one more label, on every photo: its share is the size of the side
    counts = np.zeros((len(group_names), labels.shape[1] + 1), np.int64)
    np.add.at(counts, which, np.column_stack([labels, np.ones(len(labels), bool)]))
    wanted = np.outer(list(shares.values()), counts.sum(axis=0)).astype(float)
    given = {
        group: sides.index(fixed[name])
        for group, name in enumerate(group_names.tolist())
        if fixed and name in fixed
    }
    rng = np.random.default_rng(seed)
    tries = [_handed_out(counts, wanted, given, rng) for _ in range(STARTS)]
    side_of = min(tries, key=lambda one: one[0])[1]
    return [sides[side_of[number]] for number in which]


def _handed_out(
    counts: np.ndarray, wanted: np.ndarray, given: Mapping[int, int], rng: np.random.Generator
) -> tuple[float, np.ndarray]:
    """One round of handing out and evening out: its error, and the side of each group."""
    lacks = wanted.copy()  # photos that a side still lacks of each label
    luck = rng.permutation(len(counts))  # order of equals
    side_of = np.full(len(counts), -1)

    def hand_out(group: int, side: int) -> None:
        side_of[group] = side
        lacks[side] -= counts[group]

    for group, side in given.items():
        hand_out(group, side)
    while (waiting := np.flatnonzero(side_of < 0)).size:
        left = counts[waiting].sum(axis=0)
        rarest = min(np.flatnonzero(left), key=lambda label: (left[label], label))
        having = waiting[counts[waiting, rarest] > 0]
        for group in sorted(having, key=lambda g: (-counts[g, rarest], luck[g])):
            # most of this label is lacking; among equals, most photos; then chance
            lack = np.column_stack([lacks[:, rarest], lacks[:, -1], rng.random(len(lacks))])
            hand_out(group, max(range(len(lacks)), key=lambda side: tuple(lack[side].round(9))))
    free = [group for group in luck.tolist() if group not in given]
    return _even_out(side_of, counts, wanted, free), side_of


def _even_out(
    side_of: np.ndarray, counts: np.ndarray, wanted: np.ndarray, order: Sequence[int]
) -> float:
    """Move single groups as long as that brings the shares nearer to the wanted ones.

    What falls is the sum over sides and labels of (share - wanted)^2 / wanted, so that small sides
    count as much as large ones; the size of a side counts as much as all labels together, and a
    label that is missing on a side, which then has no score, costs `MISSING` more. Changes
    `side_of` [groups] in place; gives what is left of the sum.
    """
    total = np.maximum(counts.sum(axis=0), 1)
    weight = total / wanted.clip(1e-9) / total**2  # (photos / total)^2 / wanted share
    weight[:, -1] *= max(len(total) - 1, 1)
    sides = range(len(wanted))
    has = np.array([counts[side_of == side].sum(axis=0) for side in sides])

    def errors(photos: np.ndarray) -> np.ndarray:
        return ((photos - wanted) ** 2 * weight + MISSING * (photos == 0)).sum(axis=1)

    for _ in range(MOST_PASSES):
        moved = False
        for group in order:
            here, size = side_of[group], counts[group]
            has[here] -= size
            # what the group adds to the error of each side
            gain = (errors(has + size) - errors(has)).round(12)
            best = min(sides, key=lambda side: (gain[side], side != here, side))
            has[best] += size
            side_of[group] = best
            moved |= best != here
        if not moved:
            break
    return float(errors(has).sum())


def share_table(
    labels: np.ndarray, side_of: Sequence[str], sides: Sequence[str] = tuple(SHARES)
) -> np.ndarray:
    """Photos of each label on each side, int64 [sides, K]."""
    labels, side_of = np.asarray(labels, bool), np.asarray(side_of)
    return np.array([labels[side_of == side].sum(axis=0) for side in sides], np.int64)


def leaks(
    rows: Sequence[Row], side_of: Sequence[str], near: Iterable[tuple[int, int]] = ()
) -> dict[str, int]:
    """What stands on more than one side, counted.

    Returns
    -------
    dict of str to int
        ``specimens``, ``fields``, ``files`` (equal bytes) and ``near_duplicates`` (pairs) that
        are parted, and ``loose_localities``: localities on several sides of which some photo's
        specimen is unknown. All 0 for a split by :func:`group_photos`.
    """
    loose = {_key(row.locality) for row in rows if not _key(row.specimen) and _key(row.locality)}
    keys = {
        "specimens": [_key(row.specimen) for row in rows],
        "fields": [_key(row.field_group) for row in rows],
        "files": [row.sha256 or None for row in rows],
        "loose_localities": [key if (key := _key(row.locality)) in loose else None for row in rows],
    }
    found = {what: _parted(column, side_of) for what, column in keys.items()}
    found["near_duplicates"] = sum(side_of[a] != side_of[b] for a, b in near)
    return found


def checked_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """The shares as floats, or one sentence on what is wrong with them."""
    shares = {str(side): float(share) for side, share in shares.items()}
    if not shares or min(shares.values()) <= 0 or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(
            f"The shares are {shares}; give at least one side, each a share above 0, sum 1, such "
            f"as {SHARES}."
        )
    return shares


def _parted(keys: Sequence[str | None], side_of: Sequence[str]) -> int:
    seen = {(key, side) for key, side in zip(keys, side_of, strict=True) if key is not None}
    return sum(count > 1 for count in Counter(key for key, _ in seen).values())


def _key(value: str | None) -> str | None:
    """Names in one spelling: case and blanks do not tell two localities apart."""
    folded = " ".join(str(value or "").casefold().split())
    return folded or None
