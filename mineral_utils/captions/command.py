"""``python -m mineral_utils captions``: JSON lines in, JSON lines out; and the audit."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

from .audit import audit_report, audit_sample
from .extract import find_minerals
from .view import field_width_mm, texture_words

USAGE = """\
captions [FILE]               {"title", "text"} a line -> {"minerals"} a line
captions audit draw [FILE]    a random sample as a sheet (CSV) for a person to check
captions audit report SHEET   precision and recall from the filled sheet"""


def run(
    words: list[str],
    *,
    source: str | None = None,
    hits: bool = False,
    count: int = 100,
    seed: int = 0,
    out: TextIO | None = None,
) -> int:
    """Run the command; 0 if all went well, 1 if some lines were bad, 2 for wrong use.

    Parameters
    ----------
    words : list of str
        What stands after ``captions``; see `USAGE`. Without a file, or with "-", standard input is
        read.
    source : str, optional
        Whose abbreviations the texts use.
    hits : bool
        Write every mention with its span and reason, the field's width and words of texture too.
    count, seed : int
        Of the sample.
    out : text stream, optional
        Standard output by default.
    """
    out = out or sys.stdout
    try:
        if words[:1] == ["audit"]:
            return _audit(words[1:], count, seed, out)
        if len(words) > 1:
            raise ValueError(f"one file at most, got {', '.join(words)}; use\n{USAGE}")
        return _answer(_lines(words), source, hits, out)
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _answer(lines: Iterable[bytes], source: str | None, hits: bool, out: TextIO) -> int:
    bad = 0
    find_minerals("", "", source=source)  # an unknown source is wrong use, not a bad line
    for number, line in enumerate(lines, 1):
        try:
            caption = _caption(line)
        except ValueError as error:
            bad += 1
            print(f"line {number}: {error}", file=sys.stderr)
            continue
        if caption is None:
            continue
        found = find_minerals(*caption, source=source)
        answer = {"minerals": [*dict.fromkeys(hit.mineral for hit in found if hit.kept)]}
        if hits:
            answer["hits"] = [asdict(hit) for hit in found]
            answer["field_width_mm"] = field_width_mm(caption[1])
            answer["textures"] = [*texture_words(caption[1])]
        print(json.dumps(answer), file=out)
    out.flush()
    if bad:
        print(f"{bad} bad lines have no answer, the others have", file=sys.stderr)
    return min(bad, 1)


def _audit(words: list[str], count: int, seed: int, out: TextIO) -> int:
    if not words or words[0] not in ("draw", "report") or len(words) > 2:
        raise ValueError(f"audit what? Use\n{USAGE}")
    if words[0] == "report":
        if len(words) < 2:
            raise ValueError(f"which sheet? Use\n{USAGE}")
        try:
            sheet = Path(words[1]).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ValueError(f"{words[1]} is not UTF-8 text; save the sheet as UTF-8") from error
        report = audit_report(sheet)
        print(json.dumps(asdict(report)), file=out)
        print(report, file=sys.stderr)
        return 0
    bad: list[str] = []

    def captions() -> Iterator[tuple[str, str]]:
        for number, line in enumerate(_lines(words[1:]), 1):
            try:
                caption = _caption(line)
            except ValueError as error:
                bad.append(f"line {number}: {error}")
                continue
            if caption is not None:
                yield caption

    sheet = audit_sample(captions(), count, seed)
    print(sheet, end="", file=out)
    out.flush()
    print(*bad, sep="\n", end="\n" * bool(bad), file=sys.stderr)
    return int(bool(bad))


def _lines(words: list[str]) -> Iterator[bytes]:
    if not words or words[0] == "-":
        yield from sys.stdin.buffer
        return
    with open(words[0], "rb") as stream:
        yield from stream


def _caption(line: bytes) -> tuple[str, str] | None:
    """Title and text of a line, None of a blank one, or one sentence on what is wrong."""
    try:
        plain = line.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 text (byte {error.start}); save the file as UTF-8") from None
    if not plain:
        return None
    try:
        row = json.loads(plain)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON ({error}); expected {_EXPECTED}") from None
    if not isinstance(row, dict):
        raise ValueError(f"{type(row).__name__} instead of an object; expected {_EXPECTED}")
    if "title" not in row and "text" not in row:
        raise ValueError(f"neither title nor text; expected {_EXPECTED}")
    values = [row.get(key) for key in ("title", "text")]
    for key, value in zip(("title", "text"), values, strict=True):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{key} is {type(value).__name__}, not text; expected {_EXPECTED}")
    return values[0] or "", values[1] or ""


_EXPECTED = '{"title": "Galena, Pyrite", "text": "Galena with pyrite"}'
