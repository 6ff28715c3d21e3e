"""Thresholds from digital sections, whose minerals are known at every pixel.

A trial is a section and one of its minerals, left out of the words: its pixels should become
unknown while those of the others stay. Pixels without a mineral (resin, pits, cracks) are counted
apart: they are neither known nor missing. Trials in which no reflected light can tell the mineral
left out from one of the words are left out, see `look_alikes`. Confidences are counted in narrow
steps, so that any threshold can be looked up afterwards.

The same trials, with two words more that are not there, say from which mean confidence on a name's
area is a guess; the sections with all their own words say what light and detail are familiar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from ..minerals import vocabulary
from ..sections import Section
from ..segmentation import Segmentation
from .doubts import SMALL, name_confidence, photo_looks
from .unknown import Calibration, confidence_map, look_alikes, model_hash, with_unknown

if TYPE_CHECKING:
    from ..segmenter import Scene, Segmenter

# steps of confidence, even in log odds: those of an untuned model are all close to 0
EDGES = 1 / (1 + np.exp(-np.linspace(-15, 15, 3001)))
START = 0.2  # threshold while light is read for the first time
LOST = 0.06  # share of known pixels given up on calibration sections; 0.10 is what is promised
FALSE_ALARMS = 0.05  # share of good areas that may be called a guess
# standard deviations to each side that are familiar; exposures of good photos and bad ones overlap
WIDTHS = {"exposure": 2.0, "red": 2.5, "blue": 2.5, "detail": 2.5}
FIRST, SECTIONS = 3000, 100  # validation sections that nothing else draws
LEAST_SHARE = 0.01  # of the section that a mineral must take to be left out
ABSENT = 2  # words asked that are not there, when areas are judged


@dataclass(frozen=True)
class Trials:
    """Confidences of pixels, counted: row n is trial n, column k holds those below ``EDGES[k]`` and
    not below the edge before, the last column the rest.

    section : int64 [N], number of the section
    missing : N minerals, each left out once
    known, right, lacking, empty : int64 [N, 3002], pixels of the words' minerals, those of them
        that have the right name, pixels of the mineral left out, of no mineral
    """

    section: np.ndarray
    missing: tuple[str, ...]
    known: np.ndarray
    right: np.ndarray
    lacking: np.ndarray
    empty: np.ndarray

    def threshold(self, lost: float = LOST) -> float:
        """The largest edge that gives up at most this share of the known pixels; 0 if none does."""
        below = self.known.sum(0).cumsum()[: len(EDGES)] / self.known.sum()
        fitting = int(np.searchsorted(below, lost, side="right"))
        return float(EDGES[fitting - 1]) if fitting else 0.0

    def unknown(self, part: str, threshold: float, rows: np.ndarray | None = None) -> float:
        """Share of one kind of pixels below a threshold, pooled; such as ``part="known"``."""
        counts = getattr(self, part)[slice(None) if rows is None else rows]
        total = counts.sum()
        below = counts[:, : np.searchsorted(EDGES, threshold, side="right")]
        return float(below.sum() / total) if total else float("nan")


@dataclass(frozen=True)
class Areas:
    """Areas of names: section int64 [N]; mean confidence, share of the photo, share of it that is
    right, share of the photo that would be right, float64 [N] each."""

    section: np.ndarray
    confidence: np.ndarray
    share: np.ndarray
    right: np.ndarray
    due: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """bool [N]: most of the area is right, and more than anywhere else."""
        return (self.right >= 0.5) & (self.right > self.due)

    @property
    def chance(self) -> np.ndarray:
        """bool [N]: no better than the same area laid anywhere, or nearly nothing right."""
        return self.right <= np.maximum(self.due, 0.05)


def questions(
    names: Sequence[str], section: Section, among: Sequence[str] | None = None
) -> tuple[list[tuple[str, list[str]]], list[tuple[str, str]]]:
    """What is asked of a section, one mineral left out at a time.

    Parameters
    ----------
    names : minerals that may be left out
    section : digital section
    among : the words are all of these but the one left out and its look-alikes; by default the
        section's own minerals

    Returns
    -------
    (list of (mineral left out, words), list of (mineral, look-alike among the words) that make no
    question)
    """
    asked, refused = [], []
    for name, share in section.shares.items():
        if name not in names or share < LEAST_SHARE:
            continue
        alike = look_alikes().get(name, frozenset())
        words = [n for n in among or section.names if n != name]
        if among is None and alike & set(words):
            refused += [(name, other) for other in words if other in alike]
        elif words:
            asked.append((name, [n for n in words if n not in alike]))
    return asked, refused


def count_pixels(section: Section, missing: str, judged: Segmentation) -> list[np.ndarray]:
    """Pixels by confidence, int64 [3002] each: the four kinds of `Trials`."""
    step = np.searchsorted(EDGES, confidence_map(judged), side="right")
    answer = np.full(256, 254, np.uint8)  # truth -> the label that it should have
    for k, name in enumerate(section.names):
        if name in judged.names:
            answer[k] = judged.names.index(name)
    answer = answer[section.labels]
    parts = (
        answer != 254,
        answer == judged.labels,
        section.labels == section.names.index(missing),
        section.labels == 255,
    )
    return [np.bincount(step[part], minlength=len(EDGES) + 1) for part in parts]


def judge_areas(section: Section, judged: Segmentation) -> list[tuple[float, ...]]:
    """Mean confidence, share, share that is right, and due share, of each name's area."""
    labels = judged.coarse_labels()
    shares, sure = name_confidence(judged)
    found = []
    for index, name in enumerate(judged.names):
        accepted = {name} | look_alikes().get(name, frozenset())
        right = np.isin(section.labels, [k for k, n in enumerate(section.names) if n in accepted])
        scored = section.labels != 255
        here = (labels == index) & scored
        if shares[index] >= SMALL and here.any():
            found.append((sure[index], shares[index], right[here].mean(), right[scored].mean()))
    return found


@dataclass(frozen=True)
class Examined:
    """All that was measured on some sections: trials, areas, and the looks of photos, property ->
    float64 [S], nan where it could not be read; `excluded` pairs of look-alikes made
    no trial."""

    trials: Trials
    areas: Areas
    looks: Mapping[str, np.ndarray]
    excluded: tuple[str, ...]


def examine(
    model: Segmenter,
    sections: Iterable[Section],
    calibration: Calibration,
    *,
    among: Sequence[str] | None = None,
    left_out: Sequence[str] | None = None,
    progress: bool = True,
) -> Examined:
    """Measure a model on digital sections.

    Parameters
    ----------
    model : Segmenter
    sections : digital sections that it was not taught on
    calibration : whose rivals speak; light is read off the pixels that its threshold leaves known
    among, left_out : as `among` and `names` of `questions`; by default a section's own minerals
        are the words, and any that was taught is left out

    Raises
    ------
    ValueError
        No section gave a trial.
    """
    minerals = [name for name in calibration.rivals if name in vocabulary()]
    rows, areas, looks, excluded = [], [], [], set()
    for number, section in enumerate(tqdm(sections, desc="sections", disable=not progress)):
        scene = model.encode(section.image, progress=False)
        looks.append(_looks(scene, section, calibration))
        asked, refused = questions(left_out or minerals, section, among)
        excluded.update(" and ".join(sorted(pair)) for pair in refused)
        rng = np.random.default_rng([17, number])
        near = {n for name in section.names for n in look_alikes().get(name, ())}
        strange = [n for n in minerals if n not in near and n not in section.names]
        for name, words in asked:
            judged = with_unknown(scene, scene.segment(words), 0, calibration=calibration)
            rows.append((number, name, *count_pixels(section, name, judged)))
            if among is None:
                some = rng.choice(strange, min(ABSENT, len(strange)), replace=False).tolist()
                words = [*words, *some]
                judged = with_unknown(scene, scene.segment(words), 0, calibration=calibration)
                areas += [(number, *row) for row in judge_areas(section, judged)]
    if not rows:
        raise ValueError("no section has two taught minerals that light can tell apart; give more")
    numbers, missing, *counts = zip(*rows, strict=True)
    trials = Trials(np.array(numbers), missing, *(np.array(part) for part in counts))
    table = np.array(areas, float).reshape(-1, 5)
    keys = {key for each in looks for key in each}
    return Examined(
        trials,
        Areas(table[:, 0].astype(np.int64), *table[:, 1:].T),
        {key: np.array([each.get(key, np.nan) for each in looks]) for key in sorted(keys)},
        tuple(sorted(excluded)),
    )


def _looks(scene: Scene, section: Section, calibration: Calibration) -> dict[str, float]:
    judged = with_unknown(scene, scene.segment(list(section.names)), calibration=calibration)
    return photo_looks(scene, judged)


def rivals(names: Iterable[str], ground: str = "") -> dict[str, str]:
    """Names that a model was taught, and the word for what is no mineral, as it is asked for
    them."""
    queries = vocabulary().queries([*names, *filter(None, [ground])], open_vocabulary=True)
    return {query.name: query.words[0] for query in queries}


def calibrate(
    model: Segmenter,
    names: Mapping[str, str],
    sections: Iterable[Section],
    *,
    lost: float = LOST,
    progress: bool = True,
) -> Calibration:
    """A calibration of a model on digital sections that it was not taught on.

    Parameters
    ----------
    model : Segmenter
    names : as from `rivals`
    sections : some fifty or more
    lost : share of known pixels that may become unknown

    Raises
    ------
    ValueError
        No section gave a trial.
    """
    plain = Calibration(model_hash(model), names, model.preset.logit_scale, START)
    found = examine(model, sections, plain, progress=progress)
    least = found.trials.threshold(lost)
    good = found.areas.confidence[found.areas.good]
    looks = {}
    for key, values in found.looks.items():
        middle, width = np.nanmean(values), WIDTHS[key] * np.nanstd(values)
        looks[key] = float(middle - width), float(middle + width)
    measured = {
        "trials": len(found.trials.missing),
        "known_lost": found.trials.unknown("known", least),
        "missing_found": found.trials.unknown("lacking", least),
        "excluded": found.excluded,
    }
    guess = float(np.quantile(good, FALSE_ALARMS)) if len(good) else 0.0
    return replace(plain, threshold=least, guess=guess, looks=looks, measured=measured)
