"""Which minerals a row names, how often each is named, which are kept, which occur together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..captions import find_minerals
from ..minerals import vocabulary

if TYPE_CHECKING:
    from ..photos.ledger import Row

__all__ = [
    "Frequency",
    "choose",
    "co_occurrence",
    "frequencies",
    "label_matrix",
    "labels_of",
    "with_minerals",
]


@dataclass(frozen=True)
class Frequency:
    """How often a mineral is named.

    Attributes
    ----------
    mineral : str
        English name in the vocabulary.
    photos, specimens, photographers : int
        Photos that name it, and the different specimens and photographers behind them. A hundred
        photos of one specimen are one thing seen a hundred times. A photo without a known
        specimen counts as a specimen of its own.
    in_title : int
        Photos whose title names it; elsewhere only the text does.
    """

    mineral: str
    photos: int
    specimens: int
    photographers: int
    in_title: int


def with_minerals(rows: Iterable[Row], *, again: bool = False) -> list[Row]:
    """Rows whose title and caption have been read for names of minerals.

    Parameters
    ----------
    rows : iterable of Row
    again : bool
        Read all of them anew; else only those that hold no hit yet.

    Returns
    -------
    list of Row
    """
    return [
        replace(row, minerals=find_minerals(row.title, row.caption))
        if again or not row.minerals
        else row
        for row in rows
    ]


def labels_of(row: Row) -> tuple[str, ...]:
    """Minerals that a row says are there: those of the title in order, then those of the text.

    Parameters
    ----------
    row : Row
        Hits of its ``minerals`` that were not kept, such as those under a negation, do not count.

    Returns
    -------
    tuple of str
        Each name once.
    """
    return tuple(name for name, _ in _ordered(row))


def frequencies(rows: Iterable[Row]) -> list[Frequency]:
    """How often each mineral is named, most photos first, equal ones by name.

    Parameters
    ----------
    rows : iterable of Row

    Returns
    -------
    list of Frequency
        Only minerals that some row names.
    """
    photos: Counter[str] = Counter()
    titles: Counter[str] = Counter()
    specimens: dict[str, set] = {}
    people: dict[str, set] = {}
    for number, row in enumerate(rows):
        for name, where in _ordered(row):
            photos[name] += 1
            titles[name] += where == "title"
            specimens.setdefault(name, set()).add(row.specimen or number)
            people.setdefault(name, set()).add(row.photographer or "")
    order = sorted(photos, key=lambda name: (-photos[name], name))
    return [
        Frequency(name, photos[name], len(specimens[name]), len(people[name]), titles[name])
        for name in order
    ]


def choose(rows: Iterable[Row], minerals: int | Sequence[str] = 20) -> tuple[str, ...]:
    """The minerals that a dataset keeps.

    Parameters
    ----------
    rows : iterable of Row
    minerals : int or sequence of str
        How many of the most frequent ones (equal ones by name), or a list: any names that the
        vocabulary knows, kept in that order whether or not a row names them.

    Returns
    -------
    tuple of str
        English names of the vocabulary.

    Raises
    ------
    ValueError
        Fewer than one is asked for, fewer than so many are named by the rows, a name stands in
        the list twice.
    UnknownMineral
        A name that the vocabulary does not know, with the nearest known ones.
    """
    if isinstance(minerals, bool) or isinstance(minerals, str):
        raise ValueError(
            f"minerals is {minerals!r}; give how many to keep, such as 20, or a list of names."
        )
    if isinstance(minerals, int | np.integer):
        counted = frequencies(rows)
        if not 1 <= minerals <= len(counted):
            raise ValueError(
                f"{minerals} minerals are wanted, but the rows name {len(counted)}; give a number "
                f"from 1 to {len(counted)}, or collect more photos."
            )
        return tuple(frequency.mineral for frequency in counted[:minerals])
    names = tuple(vocabulary().find(name).name for name in minerals)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice or not names:
        what = f"{', '.join(twice)} more than once" if twice else "no name"
        raise ValueError(f"The list of minerals holds {what}; give each class once, at least one.")
    return names


def label_matrix(rows: Sequence[Row], names: Sequence[str]) -> np.ndarray:
    """Which row names which mineral.

    Returns
    -------
    bool [len(rows), len(names)]
    """
    column = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(rows), len(names)), bool)
    for number, row in enumerate(rows):
        for name in labels_of(row):
            if name in column:
                matrix[number, column[name]] = True
    return matrix


def co_occurrence(matrix: np.ndarray) -> np.ndarray:
    """How many photos name both of two minerals; the diagonal holds how many name the one.

    Parameters
    ----------
    matrix : bool [N, K]
        As of :func:`label_matrix`.

    Returns
    -------
    int64 [K, K], symmetric
    """
    counts = np.asarray(matrix, np.int64)
    return counts.T @ counts


def _ordered(row: Row) -> list[tuple[str, str]]:
    """(mineral, where it is named first) of a row, each mineral once."""
    kept = [hit for hit in row.minerals if hit["kept"]]
    kept.sort(key=lambda hit: (hit["where"] != "title", hit["span"]))
    first: dict[str, str] = {}
    for hit in kept:
        first.setdefault(hit["mineral"], hit["where"])
    return list(first.items())
