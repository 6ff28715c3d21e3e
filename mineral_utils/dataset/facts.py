"""What is in a dataset, whose it is, how it was split: counted, as JSON can hold it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

import numpy as np

from ..run import record
from .labels import co_occurrence, frequencies
from .making import Dataset, type_of
from .split import leaks, share_table

__all__ = ["facts"]


def facts(dataset: Dataset) -> dict[str, Any]:
    """Everything that the card tells, as JSON can hold it.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    dict
        ``schema_version``, ``photos``, ``left_out``, ``sides``, ``minerals`` (one entry a class),
        ``co_occurrence``, ``photo_types``, ``light``, ``groups``, ``near_duplicates``, ``leaks``,
        ``captions``, ``rights``, ``fingerprint`` (SHA-256 over every photo's hash, side and text),
        ``made_with``.
    """
    rows, sides = dataset.rows, dataset.sides
    per_side = Counter(dataset.side_of)
    spread = {
        "photo_types": Counter((type_of(row), row.split) for row in rows),
        "light": Counter((row.light, row.split) for row in rows),
    }
    cut = [wording for wording in dataset.wordings if wording.is_cut]
    listed = [len(wording.listed) for wording in dataset.wordings]
    return {
        "schema_version": 1,
        "photos": len(rows),
        "left_out": dict(dataset.left_out),
        "sides": {
            side: {
                "photos": per_side[side],
                "wanted": dataset.settings["shares"][side],
                "groups": len(set(dataset.groups.of[np.array(dataset.side_of) == side].tolist())),
            }
            for side in sides
        },
        "minerals": _minerals(dataset),
        "co_occurrence": co_occurrence(dataset.labels).tolist(),
        **{
            what: {
                kind: {side: counted[kind, side] for side in sides}
                for kind in sorted({kind for kind, _ in counted})
            }
            for what, counted in spread.items()
        },
        "groups": {
            "number": len(dataset.groups.sizes),
            "largest": int(dataset.groups.sizes.max()),
            "known_by": dict(Counter(dataset.groups.known_by).most_common()),
            "specimens": len({row.specimen for row in rows if row.specimen}),
            "localities": len({row.locality for row in rows if row.locality}),
            "photographers": len({row.photographer for row in rows if row.photographer}),
        },
        "near_duplicates": {
            "pairs": len(dataset.near),
            "groups": [[str(rows[k].photo_id) for k in group] for group in dataset.near_groups()],
        },
        "leaks": leaks(rows, dataset.side_of, dataset.near),
        "moved": list(dataset.moved),
        "captions": {
            "descriptions": sum(bool(row.caption.strip()) for row in rows),
            "cut": len(cut),
            "kept_of_cut_mean": float(np.mean([w.description_kept for w in cut])) if cut else None,
            "longest_tokens": max(wording.tokens for wording in dataset.wordings),
            "lists_shortened": sum(
                kept < named for kept, named in zip(listed, dataset.labels.sum(1), strict=True)
            ),
            "minerals_mean": float(dataset.labels.sum(axis=1).mean()),
        },
        "hits_not_kept": sum(not hit["kept"] for row in rows for hit in row.minerals),
        "rights": _rights(dataset),
        "fingerprint": _fingerprint(dataset),
        "made_with": record(settings=dataset.settings, seed=dataset.settings["seed"]),
    }


def _minerals(dataset: Dataset) -> list[dict[str, Any]]:
    counted = {frequency.mineral: frequency for frequency in frequencies(dataset.rows)}
    table = share_table(dataset.labels, dataset.side_of, dataset.sides)
    found = []
    for k, name in enumerate(dataset.names):
        frequency = counted.get(name)
        groups = len(set(dataset.groups.of[dataset.labels[:, k]].tolist()))
        found.append(
            {
                "mineral": name,
                "photos": int(dataset.labels[:, k].sum()),
                "specimens": frequency.specimens if frequency else 0,
                "photographers": frequency.photographers if frequency else 0,
                "in_title": frequency.in_title if frequency else 0,
                "groups": groups,
                "sides": dict(zip(dataset.sides, table[:, k].tolist(), strict=True)),
            }
        )
    return found


def _rights(dataset: Dataset) -> list[dict[str, Any]]:
    counted = Counter(
        (row.photographer, row.licence, row.permission, row.may_redistribute)
        for row in dataset.rows
    )
    fields = ("photographer", "licence", "permission", "may_redistribute")
    return [
        {**dict(zip(fields, right, strict=True)), "photos": count}
        for right, count in counted.most_common()
    ]


def _fingerprint(dataset: Dataset) -> str:
    """SHA-256 over what a model sees: any other picture, side or text changes it."""
    lines = sorted(
        json.dumps([row.sha256, row.split, wording.text], ensure_ascii=False)
        for row, wording in zip(dataset.rows, dataset.wordings, strict=True)
    )
    return hashlib.sha256("\n".join(lines).encode("utf-8")).hexdigest()
