"""A random sample for a person to check, and what the checked sheet says of the extractor.

The sheet is a table (CSV) with one caption a row. The person writes into ``wrong`` those of
``found`` that are not shown according to the caption, into ``missing`` those that are shown and
were not found, with ``;`` between, and anything into ``checked`` when done with a row.
"""

from __future__ import annotations

import csv
import io
import math
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ..minerals import UnknownMineral, Vocabulary, vocabulary
from .extract import minerals_of

COLUMNS = ("row", "title", "text", "found", "wrong", "missing", "checked")
_RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would run a text that begins so


@dataclass(frozen=True)
class Report:
    """Precision and recall of the extractor on a checked sample.

    Attributes
    ----------
    precision, recall : tuple of three floats
        Value, lower and upper end (Wilson); NaN where nothing was found, or nothing is shown.
    found, wrong, missing : int
        Minerals counted over the checked captions.
    captions, perfect, unchecked : int
        Captions checked, those without a mistake, and rows of the sheet left out as unchecked.
    level : float
        Of the intervals, such as 0.95.
    """

    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    found: int
    wrong: int
    missing: int
    captions: int
    perfect: int
    unchecked: int
    level: float

    def __str__(self) -> str:
        shown = [
            f"{name} {value:.3f} [{low:.3f}, {high:.3f}]"
            for name, (value, low, high) in (("precision", self.precision), ("recall", self.recall))
        ]
        return (
            f"{', '.join(shown)} ({self.level:.0%} Wilson): {self.captions} captions checked, "
            f"{self.perfect} without a mistake, {self.unchecked} rows unchecked; "
            f"{self.found} found, {self.wrong} wrong, {self.missing} missing"
        )


def audit_sample(captions: Iterable[tuple[str, str]], count: int = 100, seed: int = 0) -> str:
    """A sheet of captions drawn at random, without putting back.

    Parameters
    ----------
    captions : iterable of (title, text)
        Read once; only the sample is kept in memory.
    count : int
        How many to draw; all if there are fewer.
    seed : int
        Equal seeds draw equal rows.

    Returns
    -------
    str
        CSV with a header, rows in the order of `captions`; ``row`` counts them from 1.

    Raises
    ------
    ValueError
        If `count` is not positive, or there are no captions.
    """
    if count < 1:
        raise ValueError(f"a sample needs at least one caption, not {count}; give count=100, say")
    rng = random.Random(seed)
    kept: list[tuple[int, str, str]] = []
    for row, (title, text) in enumerate(captions, 1):
        if len(kept) < count:
            kept.append((row, title, text))
        elif (place := rng.randrange(row)) < count:
            kept[place] = (row, title, text)
    if not kept:
        raise ValueError("there are no captions to draw from; give at least one")
    sheet = io.StringIO()
    writer = csv.writer(sheet, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row, title, text in sorted(kept):
        found = "; ".join(minerals_of(title, text))
        writer.writerow((row, _safe(title), _safe(text), found, "", "", ""))
    return sheet.getvalue()


def audit_report(sheet: str, level: float = 0.95, minerals: Vocabulary | None = None) -> Report:
    """Precision and recall from a sheet that a person has filled.

    Parameters
    ----------
    sheet : str
        What `audit_sample` gave, filled. Separators "," and ";" are understood, as spreadsheets
        of different countries save them.
    level : float
        Of the intervals, between 0 and 1.
    minerals : Vocabulary, optional
        Names in ``wrong`` and ``missing`` may be any that it knows.

    Raises
    ------
    ValueError
        If columns are missing, no row is checked, a name is unknown, a wrong one was not found, or
        a missing one was; the message names the line.
    """
    if not 0 < level < 1:
        raise ValueError(f"the level of an interval is between 0 and 1, such as 0.95, not {level}")
    minerals = minerals or vocabulary()
    sheet = sheet.removeprefix("\ufeff")
    head = sheet.split("\n", 1)[0]
    reader = csv.DictReader(
        io.StringIO(sheet), delimiter=";" if head.count(";") > head.count(",") else ","
    )
    lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if lacking:
        raise ValueError(
            f"the sheet lacks the columns {', '.join(lacking)}; fill the one that "
            "'captions audit draw' wrote and keep its first line"
        )
    found = wrong = missing = perfect = checked = unchecked = 0
    for row in reader:
        if not (row["checked"] or "").strip():
            unchecked += 1
            continue
        cells = {
            name: _listed(row[name] or "", f"line {reader.line_num}, {name}", minerals)
            for name in ("found", "wrong", "missing")
        }
        odd = sorted(cells["wrong"] - cells["found"])
        twice = sorted(cells["missing"] & cells["found"])
        if odd or twice:
            what = (
                f"wrong names {odd[0]}, which was not found"
                if odd
                else (f"missing names {twice[0]}, which was found")
            )
            raise ValueError(f"line {reader.line_num} of the sheet: {what}; correct the row")
        checked += 1
        found += len(cells["found"])
        wrong += len(cells["wrong"])
        missing += len(cells["missing"])
        perfect += not cells["wrong"] and not cells["missing"]
    if not checked:
        raise ValueError("no row of the sheet is checked; write anything into the column 'checked'")
    right = found - wrong
    return Report(
        wilson(right, found, level),
        wilson(right, right + missing, level),
        found,
        wrong,
        missing,
        checked,
        perfect,
        unchecked,
        level,
    )


def wilson(hits: int, trials: int, level: float = 0.95) -> tuple[float, float, float]:
    """Share of hits with its interval (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    Returns
    -------
    tuple of float
        Value, lower and upper end, 0 to 1; all NaN without trials.
    """
    if trials == 0:
        return math.nan, math.nan, math.nan
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + (z / (2 * trials)) ** 2)
    half /= 1 + z * z / trials
    return share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


def _listed(cell: str, where: str, minerals: Vocabulary) -> set[str]:
    names: set[str] = set()
    for name in cell.replace(",", ";").split(";"):
        if name.strip():
            try:
                names.add(minerals.find(name).name)
            except UnknownMineral as error:
                raise ValueError(f"{where}: {error}") from error
    return names


def _safe(text: str) -> str:
    return "'" + text if text.startswith(_RISKY) else text


def scored(pairs: Sequence[tuple[set[str], set[str]]]) -> dict[str, float | int]:
    """Precision and recall of found against true sets of minerals, counted over all captions."""
    right = sum(len(found & true) for found, true in pairs)
    found = sum(len(found) for found, _ in pairs)
    true = sum(len(true) for _, true in pairs)
    return {
        "precision": right / found if found else math.nan,
        "recall": right / true if true else math.nan,
        "captions": len(pairs),
        "perfect": sum(found == true for found, true in pairs),
        "found": found,
        "true": true,
        "right": right,
    }
