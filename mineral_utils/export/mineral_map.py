"""What every format is written from: labels, their names, and what is known of the photo."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..minerals import MAX_NAMES, vocabulary
from ..photos import Photo
from .regions import measure, number_regions

if TYPE_CHECKING:
    from ..segmentation import Segmentation

UNKNOWN = 255
UNKNOWN_COLOUR = (89, 89, 89)  # the grey of `show`


@dataclass(frozen=True, eq=False)
class MineralMap:
    """Which mineral where, with nothing but what goes into files.

    labels : uint8 [H, W], index into `names`; 255 is unknown
    names : what the labels stand for
    file_name : name of the photo's file, without folder
    um_per_px : scale in micrometres per pixel, None if unknown
    score : float32 [H, W] in [0, 1], each pixel's probability of its own label, None if unknown;
        or a function that gives it when a format asks (`scores`)
    sha256 : of the photo's file, None if unknown

    Raises
    ------
    ValueError
        Labels without a name, names that repeat, a score or scale that cannot be; the message says
        what to give.
    """

    labels: np.ndarray
    names: tuple[str, ...]
    file_name: str = "photo"
    um_per_px: float | None = None
    score: np.ndarray | Callable[[], np.ndarray] | None = None
    sha256: str | None = None

    def __post_init__(self) -> None:
        labels, names = np.asarray(self.labels), tuple(map(str, self.names))
        if labels.ndim != 2 or labels.dtype.kind not in "iu" or not labels.size:
            raise ValueError(
                f"the labels are {labels.dtype} {list(labels.shape)}; give whole numbers [H, W], "
                "one for each pixel"
            )
        if not 1 <= len(names) <= MAX_NAMES or len(set(names)) < len(names):
            raise ValueError(
                f"there are {len(names)} names, {len(set(names))} of them different; give 1 to "
                f"{MAX_NAMES} different ones"
            )
        wrong = np.unique(labels[(labels != UNKNOWN) & ((labels < 0) | (labels >= len(names)))])
        if wrong.size:
            raise ValueError(
                f"the labels hold {', '.join(map(str, wrong[:5]))}, and the {len(names)} names "
                f"stand for 0 to {len(names) - 1} (255 is unknown); give the names that the labels "
                "were made with"
            )
        if self.um_per_px is not None and not 0 < self.um_per_px < np.inf:
            raise ValueError(
                f"um_per_px is {self.um_per_px}; give micrometres per pixel above 0, or None"
            )
        score = self.score
        if not (score is None or callable(score) or np.shape(score) == labels.shape):
            raise ValueError(
                f"the scores are {list(np.shape(score))} and the labels {list(labels.shape)}; "
                "give one score for each pixel, or None"
            )
        object.__setattr__(self, "labels", labels.astype(np.uint8, copy=False))
        object.__setattr__(self, "names", names)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in px."""
        return self.labels.shape

    @cached_property
    def colours(self) -> list[tuple[int, int, int]]:
        """The vocabulary's colour of each name, RGB from 0 to 255."""
        queries = vocabulary().queries(list(self.names), open_vocabulary=True)
        return [tuple(bytes.fromhex(query.colour[1:])) for query in queries]

    @cached_property
    def scores(self) -> np.ndarray | None:
        """Each pixel's probability of its own label, float32 [H, W]; None if unknown."""
        return self.score() if callable(self.score) else self.score

    @cached_property
    def regions(self) -> tuple[np.ndarray, np.ndarray]:
        """Number of each pixel's region (int32 [H, W], 0 where unknown), label of each region
        (uint8 [n], the first is that of number 1)."""
        return number_regions(self.labels)

    @cached_property
    def measures(self) -> dict[str, np.ndarray]:
        """Measures of all regions, see `measure`."""
        return measure(*self.regions, self.scores)


def as_text(name: str) -> str:
    """The name of a file as text that can be written: bytes that are no UTF-8 become ``\\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def mineral_map(
    photo: Photo | str | os.PathLike | None,
    result: Segmentation | MineralMap | np.ndarray,
    *,
    names: Sequence[str] | None = None,
    um_per_px: float | None = None,
    score: np.ndarray | None = None,
) -> MineralMap:
    """Bring a segmentation, or labels that somebody corrected, into the form that is exported.

    Parameters
    ----------
    photo : the `Photo`, or just the name of its file (the file is not opened), or None
    result : a `Segmentation`, or labels: whole numbers [H, W], index into `names`, 255 = unknown
    names : what the labels stand for; a segmentation knows its own
    um_per_px : scale; default: the segmentation's, else the photo's, else unknown
    score : [H, W], each pixel's probability of its label; a segmentation's own by default

    Returns
    -------
    MineralMap

    Raises
    ------
    ValueError
        Labels without names, or that do not fit photo or names.
    """
    if isinstance(result, MineralMap):
        return result
    given = isinstance(result, np.ndarray)
    labels = result if given else result.labels
    names = names if names is not None or given else result.names
    if names is None:
        raise ValueError(
            'labels alone do not say what they stand for; give names=["pyrite", …] with them'
        )
    known = photo if isinstance(photo, Photo) else None
    if known is not None and known.image.shape[:2] != labels.shape:
        raise ValueError(
            f"the labels are of {labels.shape[1]} x {labels.shape[0]} px, the photo of "
            f"{known.width} x {known.height} px; give the labels of this photo"
        )
    if um_per_px is None and not given:
        um_per_px = result.um_per_px
    if um_per_px is None and known is not None:
        um_per_px = known.um_per_px
    path = known.path if known is not None else photo
    return MineralMap(
        labels,
        tuple(names),
        as_text(Path(path).name) if path else "photo",
        um_per_px,
        partial(own_scores, result) if score is None and not given else score,
        known.sha256 if known is not None else None,
    )


def own_scores(result: Segmentation, labels: np.ndarray | None = None) -> np.ndarray:
    """How probable each pixel's own label is.

    Parameters
    ----------
    result : the segmentation
    labels : uint8 [H, W]; corrected ones, the segmentation's own by default

    Returns
    -------
    float32 [H, W] in [0, 1]; 0 where the label is unknown
    """
    labels = result.labels if labels is None else labels
    score = np.zeros(labels.shape, np.float32)
    for start in range(0, labels.shape[0], 64):
        rows = slice(start, start + 64)
        part = labels[rows]
        known = part != UNKNOWN
        index = np.where(known, part, 0).astype(np.int64)[..., None]
        own = np.take_along_axis(result.scores(rows), index, axis=2)[..., 0]
        score[rows] = np.where(known, own, 0)
    return score
