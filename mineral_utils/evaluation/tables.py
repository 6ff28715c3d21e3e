"""Tables that people read, and the same numbers in a run's long form."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..metrics import (
    MirrorRow,
    iou,
    leave_one_out,
    mean_iou,
    merge,
    named,
    pixel_scores,
    score_row,
    set_scores,
)
from ..run import Run
from .compare import AVERAGED, SCORES, interval, value
from .result import Answers

if TYPE_CHECKING:
    import pandas as pd

# tables 1 and 2 of the paper: its photos, its models, its (unnamed) way of averaging
PAPER_TABLES = {
    "base": {"jaccard": 0.1006, "recall": 0.3106, "precision": 0.1278, "f1": 0.1645},
    "tuned": {"jaccard": 0.2929, "recall": 0.5795, "precision": 0.4405, "f1": 0.4326},
}
_WORDS = {"jaccard": "Jaccard", "recall": "Recall", "precision": "Precision", "f1": "F1-score"}


def paper_table(rows: Mapping[str, MirrorRow], average: str = "macro") -> pd.DataFrame:
    """The paper's tables 1 and 2 with our numbers beside them.

    Other photos, other models: the columns cannot be compared, and their heads say so. How the
    paper averaged is inferred (see `metrics.sets`).

    Parameters
    ----------
    rows : ``"base"`` and ``"tuned"`` -> row
    average : of our columns
    """
    import pandas as pd

    titles = {"base": "Table 1, base", "tuned": "Table 2, tuned"}
    columns = {}
    for model, row in rows.items():
        scores = set_scores(row.truth, row.named)[average]
        columns[titles[model], "here"] = [getattr(scores, score) for score in SCORES]
        columns[titles[model], "paper (not comparable)"] = [
            PAPER_TABLES[model][score] for score in SCORES
        ]
    return pd.DataFrame(columns, index=pd.Index([_WORDS[s] for s in SCORES], name=average))


def averages_table(rows: Mapping[str, MirrorRow]) -> pd.DataFrame:
    """The four scores in all four averages side by side, one block a row."""
    import pandas as pd

    columns = {}
    for name, row in rows.items():
        found = set_scores(row.truth, row.named)
        for average in AVERAGED:
            columns[name, average] = [getattr(found[average], score) for score in SCORES]
    return pd.DataFrame(columns, index=[_WORDS[score] for score in SCORES])


def mirror_table(
    rows: Sequence[MirrorRow], *, specimens: Sequence[Hashable] | None = None, draws: int = 500
) -> pd.DataFrame:
    """Methods and baselines, one a line: F1 (macro) and pooled mIoU with intervals, Jaccard,
    accuracy. NaN, and a dash for its interval, stand where a row draws no map."""
    import pandas as pd

    lines = []
    for row in rows:
        f1 = interval(row, "f1_macro", specimens=specimens, draws=draws)
        line = {"F1, macro": f1.value, "F1, 95 %": _range(f1), "Jaccard": row.jaccard_macro}
        line |= {"mIoU": np.nan, "mIoU, 95 %": "—", "accuracy": np.nan}
        if row.confusions is not None:
            miou = interval(row, "miou", specimens=specimens, draws=draws)
            line |= {"mIoU": miou.value, "mIoU, 95 %": _range(miou), "accuracy": row.accuracy}
        lines.append(line)
    return pd.DataFrame(lines, index=pd.Index([row.baseline for row in rows], name="method"))


def _range(found) -> str:
    return f"{found.lo:.3f} to {found.hi:.3f}"


def gangue_together(row: MirrorRow, names: Sequence[str], min_share: float) -> MirrorRow:
    """The row's scores with quartz, calcite, dolomite and chalcedony as one class.

    Parameters
    ----------
    row : MirrorRow
        Of a map; its minerals are all of its classes.
    names : of the classes, 20 in the paper
    min_share : from which a map names a class

    Raises
    ------
    ValueError
        The row has no map, or classes that are no minerals.
    """
    if row.confusions is None or row.shares is None or row.truth.shape[1] != len(names):
        raise ValueError(f"{row.baseline!r} has no map of {len(names)} minerals to take together")
    fewer = merge(names)
    shares = fewer.shares(row.shares)
    there = fewer.shares(row.truth.astype(np.int64)) > 0
    counts = fewer.confusion(row.confusions)
    return replace(score_row(row.baseline, counts, there, named(shares, min_share)), shares=shares)


def log_row(
    run: Run,
    row: MirrorRow,
    *,
    names: Sequence[str] | None = None,
    specimens: Sequence[Hashable] | None = None,
    draws: int = 500,
    seed: int = 0,
    **which,
) -> None:
    """Write every number of a row into a run, in its long form.

    Parameters
    ----------
    run : Run
    row : MirrorRow
        Its name becomes the column `model` unless `which` gives one.
    names : K classes; then IoU of each is written too
    specimens, draws, seed : of the intervals (95 %) of F1 (macro) and mIoU
    **which : set, model, recipe, protocol, preset, refined, as `Run.log`
    """
    which = {"model": row.baseline, **which, "n": row.n, "seed": seed}
    for score in SCORES:
        for average in AVERAGED:
            metric = f"{score}_{average}"
            ends = {}
            if metric == "f1_macro":
                found = interval(row, metric, specimens=specimens, draws=draws, seed=seed)
                ends = {"lo": found.lo, "hi": found.hi}
            run.log(metric, value(row, metric), **ends, **which)
    if row.confusions is None:
        return
    found = interval(row, "miou", specimens=specimens, draws=draws, seed=seed)
    run.log("miou", found.value, lo=found.lo, hi=found.hi, **which)
    run.log("accuracy", row.accuracy, **which)
    run.log("photo_miou", row.photo_miou, **which)
    if len(set(specimens or range(row.n))) > 1:  # something must be left
        hangs = leave_one_out(
            lambda some: mean_iou(row.confusions[some].sum(axis=0)), row.n, groups=specimens
        )
        run.log("miou_leave_one_out", hangs.value, lo=hangs.lo, hi=hangs.hi, **which)
    for name, each in zip(names or (), iou(row.confusions.sum(axis=0)), strict=bool(names)):
        if not np.isnan(each):
            run.log("iou", float(each), mineral=name, **which)


def log_answers(
    run: Run,
    found: Answers,
    *,
    min_shares: Mapping[tuple[str, str, str], float] | float = 0.0,
    draws: int = 500,
    seed: int = 0,
    **which,
) -> None:
    """Write all cells of some answers into a run: scores, scores without borders, regions.

    Parameters
    ----------
    run : Run
    found : Answers
    min_shares : the threshold of each (model, stage, protocol), or one for all
    **which : set, recipe, preset of these answers

    The stage stands in the column `model` ("tuned, clip"), but for ``"sam"`` and ``"refined"``,
    which differ in the column `refined`.
    """
    for model, stage, protocol in found.cells:
        key = (model, stage, protocol)
        share = min_shares.get(key, 0.0) if isinstance(min_shares, Mapping) else min_shares
        where = {
            **which,
            "model": model if stage in ("sam", "refined") else f"{model}, {stage}",
            "protocol": protocol,
            "refined": stage == "refined",
        }
        options = {"names": found.question.names, "specimens": found.specimens}
        row = found.row(*key, min_share=share)
        log_row(run, row, **options, draws=draws, seed=seed, **where)
        where |= {"n": len(found), "seed": seed}
        inside = found.row(*key, inside=True)
        scores = pixel_scores(inside.confusions.sum(axis=0), found.question.names)
        run.log("miou_without_borders", scores.miou, **where)
        run.log("accuracy_without_borders", scores.accuracy, **where)
        run.log("min_share", share, **where)
        run.log("regions_per_megapixel", found.torn(*key), **where)
