"""A model scored on pictures whose minerals are known, beside the honest mirror::

cases = section_cases(frozen("a"), names)
rows = score(mu.load_model("demo"), cases, names, refine=True)
print(score_table([*mirror(training, cases, names, not_minerals=()), *rows]))
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from tqdm.auto import tqdm

from .metrics import MirrorRow, areas, bootstrap, confusion, named, relabel, score_row
from .metrics.pixels import mean_iou
from .sections import Section
from .segmenter import Segmenter

__all__ = ["miou_interval", "score", "score_table", "section_cases"]

Case = tuple[np.ndarray, np.ndarray]


def section_cases(sections: Iterable[Section], names: Sequence[str]) -> Iterator[Case]:
    """Digital sections as (image, labels in `names`); what `names` lacks, and holes, is 255."""
    for section in sections:
        yield section.image, relabel(section.labels, section.names, names)


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
