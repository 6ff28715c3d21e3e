"""A dataset as a folder: one folder a side, its pictures, ``metadata.jsonl``, and the card.

The layout is Hugging Face's ``imagefolder``::

    from datasets import load_dataset
    photos = load_dataset("imagefolder", data_dir="my_dataset")   # train, validation, test
    photos["train"][0]["text"]      # 'Minerals on this photo: Galena, Pyrite. Description: …'
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..photos.ledger import Ledger
from ..run import write_json
from .card import card_text
from .facts import facts
from .labels import labels_of
from .making import Dataset

if TYPE_CHECKING:
    from ..photos.ledger import Row

__all__ = [
    "DatasetError",
    "METADATA",
    "export_dataset",
    "on_earlier_sides",
    "read_dataset",
    "remember_sides",
]

METADATA = "metadata.jsonl"
ABOUT = "dataset.json"  # marks a folder as ours
_FIELDS = (
    *("photo_id", "source", "page_url", "title", "caption", "photo_type", "light", "specimen"),
    *("field_group", "locality", "photographer", "licence", "permission", "may_redistribute"),
    *("sha256", "split"),
)


class DatasetError(ValueError):
    """A dataset folder that cannot be written or read: what was found and what to do."""


def export_dataset(
    dataset: Dataset,
    ledger: str | Path,
    out: str | Path,
    *,
    replace: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Path:
    """Write a dataset as an image folder, whole or not at all.

    Pictures are copied, and their hashes checked on the way. Everything is written aside and
    takes its name at the end.

    Parameters
    ----------
    dataset : Dataset
    ledger : path
        Folder of the ledger that its rows are from.
    out : path
        Folder to make.
    replace : bool
        Take the place of an earlier dataset there. Another folder is never replaced.
    progress : callable, optional
        Called with 1 after each picture.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DatasetError
        The folder exists; a picture is missing, or is not the one that the ledger's hash speaks
        of.
    OSError
        The disk is full or the folder cannot be written; what was written is removed.
    """
    ledger, out = Path(ledger), Path(out)
    _free(out, replace)
    aside = out.with_name(f".{out.name}.{secrets.token_hex(4)}.part")
    try:
        aside.mkdir(parents=True)
        lines = {side: [] for side in dataset.sides}
        measured = {row.split for row in dataset.rows if row.field_width_mm is not None}
        widths = measured == set(dataset.side_of)
        for number, name in enumerate(_names(dataset)):
            row = dataset.rows[number]
            (aside / row.split).mkdir(exist_ok=True)
            _copy(ledger / row.file_name, aside / row.split / name, row)
            lines[row.split].append({"file_name": name, **_line(dataset, number, widths)})
            if progress:
                progress(1)
        for side, told in lines.items():
            if told:
                text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in told)
                (aside / side / METADATA).write_text(text, encoding="utf-8")
        about = facts(dataset)
        (aside / "README.md").write_text(card_text(about), encoding="utf-8")
        write_json(aside / ABOUT, about)
        if out.exists():
            old = out.with_name(f".{out.name}.{secrets.token_hex(4)}.old")
            os.replace(out, old)
            os.replace(aside, out)
            shutil.rmtree(old)
        else:
            os.replace(aside, out)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return out


def read_dataset(folder: str | Path, side: str) -> list[dict[str, Any]]:
    """The lines of one side of a dataset folder.

    Returns
    -------
    list of dict
        One a photo, with ``file_name`` relative to ``folder / side``.

    Raises
    ------
    DatasetError
        There is no such side, or a line is broken (named by its number).
    """
    folder = Path(folder)
    path = folder / side / METADATA
    if not path.is_file():
        there = sorted(p.parent.name for p in folder.glob(f"*/{METADATA}"))
        raise DatasetError(
            f"{folder.name} has no side {side!r}; it has {', '.join(there) or 'none'}. Datasets "
            "are made with `python -m mineral_utils dataset make`."
        )
    lines = []
    with path.open("rb") as stream:
        for number, text in enumerate(stream, start=1):
            try:
                line = json.loads(text)
                line["sha256"], line["group"]
                words = [line["file_name"], line["text"], *line["minerals"]]
                if isinstance(line["minerals"], str) or not all(isinstance(w, str) for w in words):
                    raise TypeError("file_name and text must be texts, minerals a list of texts")
            except (ValueError, KeyError, TypeError) as error:
                raise DatasetError(
                    f"{side}/{METADATA}, line {number}, is no row of a dataset ({error}); make the "
                    "dataset again."
                ) from error
            lines.append(line)
    return lines


def on_earlier_sides(rows: Sequence[Row], folder: str | Path) -> list[Row]:
    """Rows with the sides that an earlier dataset folder gives them, known by the picture's hash.

    Returns
    -------
    list of Row
        Rows that the folder does not know are as they were.
    """
    sides = [path.parent.name for path in sorted(Path(folder).glob(f"*/{METADATA}"))]
    if not sides:
        raise DatasetError(f"{Path(folder).name} is no dataset: it holds no side.")
    side_of = {line["sha256"]: side for side in sides for line in read_dataset(folder, side)}
    return [
        dataclasses.replace(row, split=side_of[row.sha256]) if row.sha256 in side_of else row
        for row in rows
    ]


def remember_sides(dataset: Dataset, ledger: str | Path) -> int:
    """Write the sides into the ledger's rows, so that photos stay there when it grows.

    Returns
    -------
    int
        Rows that were revised.

    Raises
    ------
    LedgerError
        The ledger is open for writing elsewhere, or cannot be written.
    """
    revised = 0
    with Ledger(ledger) as opened:
        for row in dataset.rows:
            known = opened.get(row.source, row.photo_id)
            if known is not None and known.split != row.split:
                opened.revise(dataclasses.replace(known, split=row.split))
                revised += 1
    return revised


def _line(dataset: Dataset, number: int, widths: bool) -> dict[str, Any]:
    row, wording = dataset.rows[number], dataset.wordings[number]
    wanted = set(dataset.names)
    # imagefolder wants one type a column on all sides: no null among texts, and widths only where
    # each side knows one
    told = {field: getattr(row, field) for field in _FIELDS}
    told = {field: "" if value is None else value for field, value in told.items()}
    if widths:
        told["field_width_mm"] = row.field_width_mm
    return {
        "text": wording.text,
        "minerals": [name for name in labels_of(row) if name in wanted],
        "group": int(dataset.groups.of[number]),
        "tokens": wording.tokens,
        **told,
    }


def _names(dataset: Dataset) -> Iterator[str]:
    """File names, one a photo: those of the ledger, numbered where two are equal."""
    taken: set[tuple[str, str]] = set()
    for row in dataset.rows:
        name = Path(row.file_name).name
        stem, suffix = os.path.splitext(name)
        number = 1
        while (row.split, name.casefold()) in taken:
            number += 1
            name = f"{stem}_{number}{suffix}"
        taken.add((row.split, name.casefold()))
        yield name


def _copy(source: Path, target: Path, row: Row) -> None:
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, target.open("xb") as writing:
            while piece := reading.read(1 << 20):
                digest.update(piece)
                writing.write(piece)
    except FileNotFoundError as error:
        raise DatasetError(
            f"{row.file_name} of photo {row.photo_id} is not in the ledger's folder; collect it "
            "again, or take its row out."
        ) from error
    if row.sha256 and digest.hexdigest() != row.sha256:
        raise DatasetError(
            f"{row.file_name} is not the picture that was collected as photo {row.photo_id}: its "
            "SHA-256 differs from the ledger's; collect it again, or take its row out."
        )


def _free(out: Path, replace: bool) -> None:
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    if not (out / ABOUT).is_file():
        raise DatasetError(f"{out.name} exists and is no dataset of this suite; name a new folder.")
    if not replace:
        raise DatasetError(
            f"{out.name} holds a dataset already; name a new folder, or replace it (--replace)."
        )
