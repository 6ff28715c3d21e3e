"""Classes taken together: 20 minerals, or 16 and gangue.

Quartz, calcite, dolomite and chalcedony reflect 4 to 8 % of the light and are hardly told apart in
plane-polarised reflected light. A map that confuses them is of as much use to an ore microscopist
as one that does not; so scores are told both for all 20 classes of the paper and for 16 + gangue.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

GANGUE = {"gangue": ("Quartz", "Calcite", "Dolomite", "Chalcedony")}


@dataclass(frozen=True)
class Merge:
    """Which old class goes into which new one.

    names : the new classes: those left alone in their order, then the groups
    target : int64 [K], index of the new class of each old one
    """

    names: tuple[str, ...]
    target: np.ndarray

    def labels(self, labels: np.ndarray) -> np.ndarray:
        """A map uint8 [H, W] in the new classes; 255 stays."""
        table = np.full(256, 255, np.uint8)
        table[: len(self.target)] = self.target
        return table[labels]

    def confusion(self, matrix: np.ndarray) -> np.ndarray:
        """A confusion int64 [..., K, K + 1] in the new classes, [..., M, M + 1]."""
        k, m = len(self.target), len(self.names)
        if matrix.shape[-2:] != (k, k + 1):
            raise ValueError(
                f"the confusion is {list(matrix.shape)}, but {k} classes need [..., {k}, {k + 1}]"
            )
        rows = np.zeros((*matrix.shape[:-2], m, k + 1), matrix.dtype)
        merged = np.zeros((*matrix.shape[:-2], m, m + 1), matrix.dtype)
        for old, new in enumerate(self.target):
            rows[..., new, :] += matrix[..., old, :]
        for old, new in enumerate([*self.target, m]):
            merged[..., new] += rows[..., old]
        return merged

    def shares(self, shares: np.ndarray) -> np.ndarray:
        """Shares of the area [..., K] in the new classes, [..., M]."""
        merged = np.zeros((*shares.shape[:-1], len(self.names)), shares.dtype)
        for old, new in enumerate(self.target):
            merged[..., new] += shares[..., old]
        return merged


def merge(names: Sequence[str], groups: Mapping[str, Collection[str]] = GANGUE) -> Merge:
    """Take classes together.

    Parameters
    ----------
    names : sequence of str
        The K classes as they are.
    groups : mapping of a new name to the old ones that it takes in
        Those that `names` lacks do no harm; default `GANGUE`.

    Raises
    ------
    ValueError
        If a class is in two groups, or a group has the name of a class that stays.
    """
    home: dict[str, str] = {}
    for group, members in groups.items():
        for name in members:
            if name in home:
                raise ValueError(f"{name!r} cannot be both {home[name]!r} and {group!r}.")
            home[name] = group
    kept = [name for name in names if name not in home]
    used = [group for group in groups if any(home.get(name) == group for name in names)]
    double = ", ".join(set(kept) & set(used))
    if double:
        raise ValueError(f"{double}: a class of that name stays; call the group otherwise.")
    new = (*kept, *used)
    place = {name: k for k, name in enumerate(new)}
    return Merge(new, np.array([place[home.get(name, name)] for name in names], np.int64))
