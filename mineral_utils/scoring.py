"""A model scored on pictures whose minerals are known, beside the honest mirror::

cases = section_cases(frozen("a"), names)
rows = score(mu.load_model("demo"), cases, names, refine=True)
print(score_table([*mirror(training, cases, names, not_minerals=()), *rows]))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from tqdm.auto import tqdm

from .metrics import (
    MirrorRow,
    areas,
    bootstrap,
    confusion,
    mirror,
    named,
    pixel_scores,
    relabel,
    score_row,
)
from .metrics.pixels import mean_iou
from .sections import Section, training_section
from .segmenter import Segmenter

__all__ = ["miou_interval", "score", "score_table", "section_cases", "section_mirror"]

Case = tuple[np.ndarray, np.ndarray]


def section_cases(sections: Iterable[Section], names: Sequence[str]) -> Iterator[Case]:
    """Digital sections as (image, labels in `names`); what `names` lacks, and holes, is 255."""
    for section in sections:
        yield section.image, relabel(section.labels, section.names, names)


def section_mirror(
    section: Section, answers: Mapping[str, np.ndarray] | None = None, *, training: int = 16
) -> dict[str, tuple[float, float]]:
    """The honest mirror of one digital section, with the answers of a model between its rows.

    Parameters
    ----------
    section : whose minerals are the classes
    answers : words for an answer -> labels uint8 [H, W], index into ``section.names``
    training : digital sections of the training set from which the baselines learn

    Returns
    -------
    dict : row -> (mIoU, share of all pixels that are right), both in [0, 1]; first the baselines
        without and with learning, then the answers, then what a perfect classifier of 16-px
        patches would reach. Rows without a map are left out.
    """
    names = section.names
    cases = section_cases((training_section(number) for number in range(training)), names)
    rows = mirror(cases, section_cases([section], names), names, not_minerals=())
    found = {row.baseline: (row.miou, row.accuracy) for row in rows if row.confusions is not None}
    top = next(name for name in found if name.startswith("patch ceiling"))
    ceiling = found.pop(top)
    for words, labels in (answers or {}).items():
        scores = pixel_scores(confusion(section.labels, labels, len(names)), names)
        found[words] = scores.miou, scores.accuracy
    return found | {top: ceiling}


def score(
    model: Segmenter,
    cases: Iterable[Case],
    names: Sequence[str],
    *,
    refine: bool = False,
    asked: Sequence[str] | None = None,
    min_share: float = 0.01,
    label: str = "Trident",
    progress: bool = True,
    **changes,
) -> tuple[MirrorRow, ...]:
    """Segment pictures and score the maps, by pixels and as sets of minerals.

    Parameters
    ----------
    model : Segmenter
    cases : iterable of (image uint8 [H, W, 3], labels uint8 [H, W], index into `names`, 255 not
        scored)
    names : the classes of the labels
    refine : score the refined maps too
    asked : words that the model is asked with, one a class; default `names`
    min_share : share of the picture from which a map names a mineral
    label : first word of the rows' names
    **changes : of the preset, see `Segmenter.encode`

    Returns
    -------
    tuple of MirrorRow : one row, or with `refine` two
    """
    asked = list(names if asked is None else asked)
    kinds = ["coarse", "refined"] if refine else ["coarse"]
    counts: dict[str, list] = {kind: [] for kind in kinds}
    shares: dict[str, list] = {kind: [] for kind in kinds}
    there = []
    for image, labels in tqdm(cases, desc="scoring", disable=not progress):
        scene = model.encode(image, progress=False, **changes)
        result = scene.segment(asked)
        maps = {"coarse": result.labels}
        if refine:
            maps["refined"] = result.refine(scene, progress=False).labels
        there.append(areas(labels, len(names)) > 0)
        for kind in kinds:
            counts[kind].append(confusion(labels, maps[kind], len(names)))
            shares[kind].append(areas(maps[kind], len(names)))
    truth = np.array(there)
    return tuple(
        score_row(
            label if kind == "coarse" else f"{label}, {kind}",
            np.array(counts[kind]),
            truth,
            named(np.array(shares[kind]), min_share),
        )
        for kind in kinds
    )


def miou_interval(row: MirrorRow, seed: int = 0) -> tuple[float, float]:
    """95 % interval of a row's pooled mIoU, by bootstrap over pictures."""
    found = bootstrap(
        lambda rows: mean_iou(row.confusions[rows].sum(axis=0)), len(row.confusions), seed=seed
    )
    return found.lo, found.hi


def score_table(rows: Iterable[MirrorRow]) -> str:
    """The rows as text: pooled mIoU with its interval, and the scores of the sets."""
    lines = [f"{'':<28}{'mIoU':>7}  {'95 % interval':<16}{'F1 macro':>9}{'F1 a photo':>11}{'J':>7}"]
    for row in rows:
        if row.confusions is None:
            pixels = f"{'—':>7}  {'':<16}"
        else:
            low, high = miou_interval(row)
            pixels = f"{row.miou:7.3f}  {f'{low:.3f} to {high:.3f}':<16}"
        sets = f"{row.f1_macro:9.3f}{row.f1_samples:11.3f}{row.jaccard_macro:7.3f}"
        lines.append(f"{row.baseline:<28}{pixels}{sets}")
    return "\n".join(lines)
