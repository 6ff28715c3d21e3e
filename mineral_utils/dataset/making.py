"""From a ledger to a dataset: what is kept, how it is labelled, worded and split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .duplicates import NEAR_BITS, Hashes, Union, hash_pictures, near_pairs
from .labels import choose, label_matrix, labels_of, with_minerals
from .split import SHARES, Groups, checked_shares, group_photos, stratify
from .wording import Wording, paper_caption

if TYPE_CHECKING:
    from ..photos.ledger import Row

__all__ = ["Dataset", "make_dataset"]

UNKNOWN_TYPE = "not stated"


@dataclass(frozen=True)
class Dataset:
    """Photos with labels, captions and sides; everything that the card tells.

    Attributes
    ----------
    rows : tuple of Row
        Photos that are kept, in the ledger's order, with `split` filled in.
    names : tuple of str
        Classes.
    labels : bool [N, K]
    wordings : tuple of Wording
        The paper's caption of each photo.
    groups : Groups
    near : tuple of (int, int)
        Near-duplicates among `rows`.
    left_out : dict of str to int
        Reason -> photos of the ledger that are not kept.
    moved : tuple of str
        Photo ids that were on another side in an earlier version and had to join a group.
    settings : dict
        What it was made with.
    """

    rows: tuple[Row, ...]
    names: tuple[str, ...]
    labels: np.ndarray
    wordings: tuple[Wording, ...]
    groups: Groups
    near: tuple[tuple[int, int], ...]
    left_out: Mapping[str, int]
    moved: tuple[str, ...]
    settings: Mapping[str, object]

    @property
    def sides(self) -> tuple[str, ...]:
        """Names of the sides, in order."""
        return tuple(self.settings["shares"])

    @property
    def side_of(self) -> list[str]:
        """Side of each photo."""
        return [row.split for row in self.rows]

    def near_groups(self) -> list[list[int]]:
        """Near-duplicates joined: lists of two or more numbers of photos."""
        union = Union(len(self.rows))
        for a, b in self.near:
            union.join(a, b)
        return [group for group in union.groups() if len(group) > 1]


def make_dataset(
    rows: Sequence[Row],
    folder: str | Path | None = None,
    *,
    minerals: int | Sequence[str] = 20,
    shares: Mapping[str, float] | None = None,
    by: str = "specimen",
    seed: int = 0,
    thin_sections: bool = False,
    hashes: Hashes | None = None,
    near_bits: int = NEAR_BITS,
    keep_splits: bool = True,
    read_again: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Dataset:
    """Choose, label, word and split the photos of a ledger.

    Parameters
    ----------
    rows : sequence of Row
        As :func:`mineral_utils.photos.ledger.read_ledger` gives them. Those without hits have
        their captions read here.
    folder : path, optional
        The ledger's; its pictures are then compared with each other. Without it (and without
        `hashes`) only files with equal bytes count as duplicates.
    minerals : int or sequence of str
        How many of the most frequent minerals, or which ones; see :func:`choose`.
    shares : mapping of str to float, optional
        Sides and their shares; default 0.8 train, 0.1 validation, 0.1 test.
    by : {"specimen", "locality", "photographer"}
        What must not be parted, see :func:`group_photos`.
    seed : int
        Of the split.
    thin_sections : bool
        Keep photos whose type says "thin section": another kind of picture, in light that passes
        through.
    hashes : Hashes, optional
        Of all `rows`, where they were computed before.
    near_bits : int
        How many bits near-duplicates may differ in.
    keep_splits : bool
        Leave groups where rows say that they are (`Row.split`), so that a dataset that grows
        never moves a test photo into training. A group that is said to be on several sides goes
        to the first of them, training: a model has seen it.
    read_again : bool
        Read all captions anew, with the present rules, whatever hits the rows hold.
    progress : callable, optional
        Called with 1 after each picture that is hashed.

    Returns
    -------
    Dataset

    Raises
    ------
    ValueError
        No photo is left, or a setting is out of range.
    """
    shares = checked_shares(SHARES if shares is None else shares)
    if folder is not None and hashes is None:
        hashes = hash_pictures((Path(folder) / row.file_name for row in rows), progress=progress)
    if hashes is not None and len(hashes.bits) != len(rows):
        raise ValueError(
            f"There are {len(hashes.bits)} hashes and {len(rows)} rows; hash them all."
        )
    rows = with_minerals(rows, again=read_again)
    left_out: Counter[str] = Counter()
    unreadable = set() if hashes is None else set(hashes.unreadable)
    usable = []
    for number, row in enumerate(rows):
        if not thin_sections and "thin section" in (row.photo_type or "").casefold():
            left_out["thin section"] += 1
        elif number in unreadable:
            left_out["picture cannot be read"] += 1
        else:
            usable.append(number)
    names = choose([rows[number] for number in usable], minerals)
    wanted = set(names)
    kept = [number for number in usable if wanted.intersection(labels_of(rows[number]))]
    left_out["names none of the chosen minerals"] += len(usable) - len(kept)
    if not kept:
        raise ValueError(
            f"None of {len(rows)} photos names one of {', '.join(names)}; choose other minerals, "
            "or look at what the captions were read as with `frequencies`."
        )
    chosen = [rows[number] for number in kept]
    near = [] if hashes is None else near_pairs(_some(hashes, kept), near_bits)
    labels = label_matrix(chosen, names)
    groups = group_photos(chosen, near, by=by)
    fixed, moved = _earlier(chosen, groups.of, list(shares)) if keep_splits else ({}, ())
    types = _type_columns(chosen)
    sides = stratify(np.hstack([labels, types]), groups.of, shares, seed=seed, fixed=fixed)
    wordings = tuple(
        paper_caption([name for name in labels_of(row) if name in wanted], row.caption)
        for row in chosen
    )
    settings = {
        "minerals": minerals if isinstance(minerals, int) else list(names),
        "shares": shares,
        "by": by,
        "seed": seed,
        "thin_sections": thin_sections,
        "near_bits": near_bits if hashes is not None else None,
        "photos_with_given_side": int(sum(np.isin(groups.of, list(fixed)))),
    }
    return Dataset(
        tuple(replace(row, split=side) for row, side in zip(chosen, sides, strict=True)),
        names,
        labels,
        wordings,
        groups,
        tuple(near),
        {reason: count for reason, count in left_out.items() if count},
        moved,
        settings,
    )


def type_of(row: Row) -> str:
    """The photo type as the source calls it, or "not stated"."""
    return " ".join((row.photo_type or "").split()) or UNKNOWN_TYPE


def _type_columns(rows: Sequence[Row]) -> np.ndarray:
    """Photo types as labels to be spread evenly, bool [N, types]; they count after minerals."""
    kinds = sorted({type_of(row) for row in rows})
    return np.array([[type_of(row) == kind for kind in kinds] for row in rows], bool)


def _some(hashes: Hashes, numbers: Sequence[int]) -> Hashes:
    return Hashes(hashes.bits[numbers], hashes.usable[numbers], {})


def _earlier(
    rows: Sequence[Row], groups: np.ndarray, sides: Sequence[str]
) -> tuple[dict[int, str], tuple[str, ...]]:
    """Sides of groups that have one already, and the photos that must leave theirs."""
    said: dict[int, set[str]] = {}
    for row, group in zip(rows, groups.tolist(), strict=True):
        if row.split is not None:
            if row.split not in sides:
                raise ValueError(
                    f"Photo {row.photo_id} is already on the side {row.split!r}, which is not "
                    f"among {', '.join(sides)}; name that side too, or pass keep_splits=False."
                )
            said.setdefault(group, set()).add(row.split)
    fixed = {group: min(those, key=sides.index) for group, those in said.items()}
    moved = tuple(
        str(row.photo_id)
        for row, group in zip(rows, groups.tolist(), strict=True)
        if row.split is not None and row.split != fixed[group]
    )
    return fixed, moved
