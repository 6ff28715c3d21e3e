"""Thresholds from digital sections: one of the minerals drawn is left out of the words, and its
pixels should become unknown while those of the others stay.

A trial is a section and the mineral left out; the words are the section's other minerals. Pixels
without a mineral (resin, pits, cracks) are counted apart: they are neither known nor missing.
Trials in which no reflected light can tell the mineral left out from one of the words are left out,
see `look_alikes`. Confidences are counted in steps of a thousandth, so that any threshold can be
looked up afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from tqdm.auto import tqdm

from ..minerals import vocabulary
from ..sections import Section
from .unknown import Calibration, confidence_map, look_alikes, model_hash, with_unknown

if TYPE_CHECKING:
    from ..segmenter import Segmenter

STEPS = 1000
LOST = 0.08  # share of known pixels given up on calibration sections; 0.10 is what is promised
FIRST, SECTIONS = 3000, 100  # validation sections that nothing else draws
LEAST_SHARE = 0.01  # of the section that a mineral must take to be left out


@dataclass(frozen=True)
class Trials:
    """Confidences of pixels, counted: row n is trial n, column k holds those from k / 1000 on.

    section : int64 [N], number of the section
    missing : N minerals, each left out once
    known, lacking, empty : int64 [N, 1001], pixels of the words' minerals, of the one left out, of
        no mineral
    excluded : pairs (mineral left out, its look-alike among the words) that made no trial
    """

    section: np.ndarray
    missing: tuple[str, ...]
    known: np.ndarray
    lacking: np.ndarray
    empty: np.ndarray
    excluded: tuple[tuple[str, str], ...] = ()

    def threshold(self, lost: float = LOST) -> float:
        """The largest threshold that gives up at most this share of the known pixels."""
        below = self.known.sum(0).cumsum() / self.known.sum()
        return int(np.searchsorted(below, lost, side="right")) / STEPS

    def unknown(self, part: str, threshold: float, rows: np.ndarray | None = None) -> float:
        """Share of ``known``, ``lacking`` or ``empty`` pixels below a threshold, pooled."""
        counts = getattr(self, part)[slice(None) if rows is None else rows]
        total = counts.sum()
        return float(counts[:, : round(threshold * STEPS)].sum() / total) if total else float("nan")


def leave_one_out(
    model: Segmenter,
    sections: Iterable[Section],
    calibration: Calibration,
    *,
    among: Sequence[str] | None = None,
    left_out: Sequence[str] | None = None,
    progress: bool = True,
) -> Trials:
    """Confidences on digital sections with one of their minerals left out of the words.

    Parameters
    ----------
    model : Segmenter
    sections : digital sections
    calibration : whose rivals speak; its threshold plays no part
    among : the words are all of these but the one left out; by default the section's own minerals
    left_out : only these are left out; by default any mineral that was taught
    progress : show a bar

    Raises
    ------
    ValueError
        No section gave a trial.
    """
    taught = set(calibration.rivals) if left_out is None else set(left_out)
    rows: list[tuple] = []
    excluded: set[tuple[str, str]] = set()
    for number, section in enumerate(tqdm(sections, desc="trials", disable=not progress)):
        scene = None
        for name, share in section.shares.items():
            if name not in taught or share < LEAST_SHARE:
                continue
            alike = look_alikes().get(name, frozenset())
            words = [n for n in among or section.names if n != name]
            if among is None:
                pairs = [(name, other) for other in words if other in alike]
                excluded.update(pairs)
                if pairs or not words:
                    continue
            words = [n for n in words if n not in alike]
            scene = scene or model.encode(section.image, progress=False)
            judged = with_unknown(scene, scene.segment(words), 0, calibration=calibration)
            step = (confidence_map(judged) * STEPS).astype(np.int64)
            kept = [k for k, n in enumerate(section.names) if n in words]
            parts = (
                np.isin(section.labels, kept),
                section.labels == section.names.index(name),
                section.labels == 255,
            )
            counts = [np.bincount(step[part], minlength=STEPS + 1) for part in parts]
            rows.append((number, name, *counts))
    if not rows:
        raise ValueError("no section has two taught minerals that light can tell apart; give more")
    section_of, missing, *counts = zip(*rows, strict=True)
    counted = (np.array(part) for part in counts)
    return Trials(np.array(section_of), missing, *counted, excluded=tuple(sorted(excluded)))


def rivals(names: Iterable[str], ground: str = "") -> Mapping[str, str]:
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

    model : Segmenter
    names : as from `rivals`
    sections : some fifty or more
    lost : share of known pixels that may become unknown
    """
    plain = Calibration(model_hash(model), names, model.preset.logit_scale, 0.0)
    trials = leave_one_out(model, sections, plain, progress=progress)
    least = trials.threshold(lost)
    measured = {
        "sections": len(np.unique(trials.section)),
        "trials": len(trials.missing),
        "known_lost": trials.unknown("known", least),
        "missing_found": trials.unknown("lacking", least),
        "excluded": trials.excluded,
    }
    return Calibration(plain.model, names, plain.logit_scale, least, measured=measured)
