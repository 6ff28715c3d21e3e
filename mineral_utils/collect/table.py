"""A folder of photos with a table (CSV) that says what they show."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from pathlib import Path

from ..photos.ledger import LedgerError, Row
from .charset import decode_page
from .saved import read_picture
from .source import Candidate, CollectError, Found, LeftOut

MAX_TABLE_BYTES = 64 * 2**20
_GIVEN = {f.name for f in fields(Row)} - {"schema_version", "sha256"}
_LISTS = ("minerals", "title_minerals")
_YES = {"true": True, "yes": True, "1": True, "да": True, "false": False, "no": False}
_YES |= {"0": False, "": False, "нет": False}


class PhotoTable:
    """Photos that a CSV file lists.

    The first line names the columns, as the ledger does: ``file_name`` (path from the folder),
    and any of photo_id, title, minerals, caption, photo_type, light, specimen, field_group,
    locality, photographer, licence, permission, may_redistribute, field_width_mm … Several
    minerals stand in one cell with ``;`` between. Without photo_id the path is the id; without
    source the name of the folder is.

    Parameters
    ----------
    folder : path
    table : path, optional
        ``photos.csv`` in the folder by default. Commas, semicolons or tabs between columns.
    source : str, optional
        Name of the collection.

    Raises
    ------
    CollectError
        If the table cannot be read, a column is unknown, or a line is unfit (with its number).
    """

    def __init__(self, folder: str | Path, table: str | Path | None = None, source: str = ""):
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise CollectError(f"{self.folder} is no folder; name the one with the photos")
        self.source = source.strip() or self.folder.resolve().name or "folder"
        self.table = Path(table) if table else self.folder / "photos.csv"
        self.rows = list(self._rows(_read_table(self.table)))
        seen: dict[tuple, int] = {}
        for number, _, row in self.rows:
            first = seen.setdefault(row.key, number)
            if first != number:
                raise self._wrong(number, f"photo {row.photo_id} stands in line {first} already")

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Candidate]:
        for number, path, row in self.rows:
            label = f"line {number} ({path})"
            yield Candidate(label, (row.source, str(row.photo_id)), partial(self._fetch, path, row))

    def close(self) -> None:
        """Nothing is held open."""

    def _fetch(self, path: str, row: Row) -> Found:
        whole = (self.folder / path).resolve()
        if not whole.is_relative_to(self.folder.resolve()):
            raise LeftOut(f"{path} lies outside the folder; copy the photo into it")
        return Found(row, read_picture(whole))

    def _rows(self, lines: list[tuple[int, list[str]]]) -> Iterator[tuple[int, str, Row]]:
        header = [name.strip() for name in lines[0][1]] if lines else []
        if "file_name" not in header:
            raise CollectError(
                f"{self.table.name} has no column file_name; its first line must name the columns,"
                " such as file_name,minerals,caption"
            )
        for name in header:
            if name not in _GIVEN or header.count(name) > 1:
                near = difflib.get_close_matches(name, _GIVEN, 1)
                hint = (
                    f"did you mean {near[0]}?" if near else f"known are {', '.join(sorted(_GIVEN))}"
                )
                raise CollectError(
                    f"{self.table.name}: the column {name!r} is unknown or given twice ({hint})"
                )
        for number, cells in lines[1:]:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) > len(header):
                raise self._wrong(number, f"{len(cells)} cells under {len(header)} columns")
            given = {n: c.strip() for n, c in zip(header, cells, strict=False) if c.strip()}
            if "file_name" not in given:
                raise self._wrong(number, "file_name is empty")
            try:
                given["file_name"] = given["file_name"].replace("\\", "/")
                yield number, given["file_name"], self._row(given)
            except (LedgerError, ValueError) as error:
                raise self._wrong(number, str(error)) from error

    def _row(self, given: dict[str, str]) -> Row:
        path = given["file_name"]
        values: dict = {k: v for k, v in given.items() if k not in (*_LISTS, "file_name")}
        listed = given.get("title_minerals") or given.get("minerals") or ""
        names = [name.strip() for name in listed.split(";") if name.strip()]
        values |= {"title_minerals": names, "title": given.get("title") or ", ".join(names)}
        values |= {"source": given.get("source", self.source)}
        values |= {"photo_id": given.get("photo_id", path)}
        if "field_width_mm" in given:
            width = given["field_width_mm"].replace(",", ".")
            if not re.fullmatch(r"\d+(\.\d+)?", width):
                raise ValueError(f"field_width_mm is {width!r}; write a number in millimetres")
            values["field_width_mm"] = float(width)
        if "may_redistribute" in given:
            said = given["may_redistribute"].lower()
            if said not in _YES:
                raise ValueError(f"may_redistribute is {said!r}; write yes or no")
            values["may_redistribute"] = _YES[said]
        if "light" in given:
            values["light"] = given["light"].lower()
        return replace(Row(source=values["source"]), **values)

    def _wrong(self, number: int, what: str) -> CollectError:
        return CollectError(f"{self.table.name}, line {number}: {what}; correct the line")


def _read_table(path: Path) -> list[tuple[int, list[str]]]:
    """Each record with the number of its first line."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise CollectError(f"{path.name} is larger than {MAX_TABLE_BYTES / 1e6:.0f} MB")
        content = path.read_bytes()
    except OSError as error:
        raise CollectError(
            f"{path.name} cannot be read ({error.strerror or error}); name the table with --csv"
        ) from error
    text = decode_page(content).lstrip("\ufeff")
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        records, line = [], 1
        for cells in reader:
            records.append((line, cells))
            line = reader.line_num + 1
        return records
    except csv.Error as error:
        raise CollectError(
            f"{path.name} is no CSV table ({error}); export it anew from the spreadsheet"
        ) from error
