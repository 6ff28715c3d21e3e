"""One row of the ledger: what is known about one photo, and what may stand in each field."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

__all__ = ["HIT_FIELDS", "LIGHTS", "SCHEMA_VERSION", "SPLITS", "LedgerError", "Row"]

SCHEMA_VERSION = 1
LIGHTS = ("ppl", "xpl", "both", "unknown")  # both: one picture that shows the two side by side
SPLITS = ("train", "validation", "test")
HIT_FIELDS = ("mineral", "span", "where", "words", "reason", "kept")
PICTURES = "images"  # the only folder of a ledger that holds pictures

_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\.|$)")
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


class LedgerError(ValueError):
    """A row, a line or a ledger that cannot be used: what was found and what to do."""


@dataclass(frozen=True)
class Row:
    """What is known about one photo.

    Attributes
    ----------
    schema_version : int
        Of this list of fields; 1.
    file_name : str or None
        The picture, relative to the ledger: ``images/…``. None until it is stored.
    photo_id : str or None
        The source's own name of the photo. None only where a page does not tell; such a row
        cannot be stored. Source and photo_id together are given once in a ledger.
    source : str
        ``"mindat"``, ``"sections"``, or the name of a user's collection.
    page_url, image_url : str or None
        http or https addresses.
    title : str
        Title as the source has it; may be empty.
    title_minerals : list of str
        Minerals of the title in order, most prominent first, spelt as there.
    caption : str
        The photographer's text; may be empty.
    minerals : list of dict
        Names found in title and caption, each with ``mineral`` (the vocabulary's English name),
        ``span`` ([start, end] in characters), ``where`` (``"title"`` or ``"text"``), ``words``
        (what stands there), ``reason`` and ``kept`` (False: named, but not said to be there).
        Objects with these attributes are taken too.
    photo_type : str or None
        As the source calls it, such as ``"Polished Section (Polarized Light)"``.
    light : {"ppl", "xpl", "both", "unknown"}
        Plane-polarised, crossed polars, a picture that shows both, not known.
    specimen, field_group : str or None
        What several photos share: the specimen; the same field of view.
    locality, photographer : str or None
    licence : str or None
        Copyright or licence text as the source has it.
    permission : str or None
        Whose permission the collecting rests on, and where it is kept.
    may_redistribute : bool
        Whether the picture may be passed on.
    field_width_mm : float or None
        Width of the field of view, mm, above 0.
    retrieved_at : str or None
        ISO 8601 with time zone.
    sha256 : str or None
        Of the picture's file, 64 hexadecimal digits. None until it is stored.
    split : {"train", "validation", "test"} or None

    Raises
    ------
    LedgerError
        If a field is not as said here.
    """

    schema_version: int = SCHEMA_VERSION
    file_name: str | None = None
    photo_id: str | None = None
    source: str = ""
    page_url: str | None = None
    image_url: str | None = None
    title: str = ""
    title_minerals: list[str] = field(default_factory=list)
    caption: str = ""
    minerals: list[dict[str, Any]] = field(default_factory=list)
    photo_type: str | None = None
    light: str = "unknown"
    specimen: str | None = None
    field_group: str | None = None
    locality: str | None = None
    photographer: str | None = None
    licence: str | None = None
    permission: str | None = None
    may_redistribute: bool = False
    field_width_mm: float | None = None
    retrieved_at: str | None = None
    sha256: str | None = None
    split: str | None = None

    def __post_init__(self) -> None:
        if self.schema_version != SCHEMA_VERSION or isinstance(self.schema_version, bool):
            raise LedgerError(
                f"schema_version is {self.schema_version!r}; this version of the package reads "
                f"{SCHEMA_VERSION}: use the version that wrote the ledger, or a newer one"
            )
        for name in ("source", "title", "caption", "light"):
            _check_text(name, getattr(self, name))
        for name in _OPTIONAL_TEXT:
            if getattr(self, name) is not None:
                _check_text(name, getattr(self, name))
        _require(self.source.strip(), "source", self.source, "who the photo is from")
        for name in ("photo_id", "specimen", "field_group"):
            value = getattr(self, name)
            tidy = value is None or (value == value.strip() != "" and value.isprintable())
            _require(tidy, name, value, "a name without line breaks or outer blanks, or null")
        for name in ("page_url", "image_url"):
            value = getattr(self, name)
            good = value is None or re.match(r"https?://[^\s/]", value)
            _require(good, name, value, "an address that begins with https:// or http://, or null")
        _require(self.light in LIGHTS, "light", self.light, f"one of {', '.join(LIGHTS)}")
        good = self.split is None or self.split in SPLITS
        _require(good, "split", self.split, f"one of {', '.join(SPLITS)}, or null")
        redistribute = self.may_redistribute
        _require(isinstance(redistribute, bool), "may_redistribute", redistribute, "true or false")
        good = self.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", self.sha256)
        _require(good, "sha256", self.sha256, "64 small hexadecimal digits, or null")
        if self.file_name is not None:
            check_file_name(self.file_name)
        if self.retrieved_at is not None:
            _check_time(self.retrieved_at)
        object.__setattr__(self, "field_width_mm", _width(self.field_width_mm))
        names = self.title_minerals
        good = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        _require(good, "title_minerals", names, "a list of names")
        for name in names:
            _check_text("title_minerals", name)
        object.__setattr__(self, "title_minerals", list(names))
        _require(isinstance(self.minerals, list | tuple), "minerals", self.minerals, "a list")
        object.__setattr__(self, "minerals", [_hit(found) for found in self.minerals])

    @property
    def key(self) -> tuple[str, str | None]:
        """What makes the photo one and the same: source and photo_id."""
        return self.source, self.photo_id

    @property
    def mineral_names(self) -> tuple[str, ...]:
        """Names of the kept hits, each once, in order."""
        return tuple(dict.fromkeys(found["mineral"] for found in self.minerals if found["kept"]))

    def to_dict(self) -> dict[str, Any]:
        """All fields in the order of the ledger, as JSON has them."""
        return dataclasses.asdict(self)

    def to_line(self) -> bytes:
        """The row as one line of UTF-8 JSON with its line feed."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
        return text.encode("utf-8") + b"\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """A row from what JSON has; every field must be there and no other.

        Raises
        ------
        LedgerError
            If not, or if a field is unfit.
        """
        if not isinstance(values, Mapping):
            raise LedgerError(f"a row is an object {{…}}, not {type(values).__name__}")
        if values.get("schema_version") == SCHEMA_VERSION:
            names = {f.name for f in fields(cls)}
            for odd, what in ((names - set(values), "lacks"), (set(values) - names, "has unknown")):
                if odd:
                    raise LedgerError(f"the row {what} {', '.join(sorted(map(str, odd)))}")
            return cls(**values)
        return cls(schema_version=values.get("schema_version"))  # says what is wrong with it

    @classmethod
    def from_line(cls, line: bytes) -> Row:
        """A stored row from one line of the journal.

        Raises
        ------
        LedgerError
            If the line is no such row, or names no picture.
        """
        try:
            values = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise LedgerError(f"this is no JSON ({error})") from error
        row = cls.from_dict(values)
        for name in ("file_name", "photo_id", "sha256"):
            _require(getattr(row, name), name, None, "given in a stored row")
        return row


_OPTIONAL_TEXT = (
    *("file_name", "photo_id", "page_url", "image_url", "photo_type", "specimen", "field_group"),
    *("locality", "photographer", "licence", "permission", "retrieved_at", "sha256", "split"),
)


def check_file_name(name: str) -> None:
    """Refuse names that lead out of the ledger's ``images`` or that some system cannot hold.

    Raises
    ------
    LedgerError
    """
    first, *parts = name.split("/")
    for part in parts:
        bad = not part or part[0] in ". " or part[-1] in ". " or _FORBIDDEN.search(part)
        if bad or _DEVICES.match(part) or len(part.encode("utf-8")) > 200:
            parts = []
            break
    expected = f"a plain path such as {PICTURES}/7654321.jpg inside the ledger"
    _require(first == PICTURES and parts, "file_name", name, expected)


def _require(holds: object, name: str, value: object, expected: str) -> None:
    if not holds:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else shown[:77] + "…"
        raise LedgerError(f"{name} is {shown}, expected {expected}")


def _check_text(name: str, value: object) -> None:
    _require(isinstance(value, str), name, value, "text")
    try:
        str(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise LedgerError(f"{name} holds half a character ({error.reason}); replace it") from error


def _check_time(value: str) -> None:
    try:
        zone = datetime.fromisoformat(value).tzinfo
    except ValueError:
        zone = None
    _require(zone, "retrieved_at", value, "a time such as 2026-03-01T12:00:00+00:00")


def _width(value: object) -> float | None:
    if value is None:
        return None
    number = isinstance(value, int | float) and not isinstance(value, bool)
    good = number and math.isfinite(value) and value > 0
    _require(good, "field_width_mm", value, "millimetres above 0, or null")
    return float(value)  # type: ignore[arg-type]


def _hit(found: object) -> dict[str, Any]:
    """One found name as a plain dict, checked."""
    if not isinstance(found, Mapping):
        lacking = [name for name in HIT_FIELDS if not hasattr(found, name)]
        _require(not lacking, "minerals", found, f"hits with {', '.join(HIT_FIELDS)}")
        found = {name: getattr(found, name) for name in HIT_FIELDS}
    _require(set(found) == set(HIT_FIELDS), "minerals", found, f"hits with {', '.join(HIT_FIELDS)}")
    for name in ("mineral", "words", "reason"):
        _check_text(f"{name} of a hit in minerals", found[name])
    where, span = found["where"], found["span"]
    _require(where in ("title", "text"), "where of a hit in minerals", where, "title or text")
    whole = isinstance(span, list | tuple) and [type(end) for end in span] == [int, int]
    _require(whole and 0 <= span[0] <= span[1], "span of a hit in minerals", span, "[start, end]")
    kept = found["kept"]
    _require(isinstance(kept, bool), "kept of a hit in minerals", kept, "true or false")
    return {name: found[name] for name in HIT_FIELDS} | {"span": list(span)}
