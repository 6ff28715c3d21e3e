"""How one uploader words things: a mineral's name, colour or place, lists, the field's width."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from ..minerals import vocabulary

AND = {"en": " and ", "ru": " и ", "de": " und ", "es": " y "}
CASES = {"r": 1, "t": 2, "p": 3, "d": 4}  # Russian: genitive, instrumental, prepositional, dative

# A piece is (words, None), or (words, (mineral, role)) where the words name a mineral.
Piece = tuple[str, tuple[str, str] | None]


@cache
def phrases() -> dict:
    """The words and sentences of ``phrases.yaml``."""
    with open(Path(__file__).with_name("phrases.yaml"), encoding="utf-8") as lines:
        return yaml.safe_load(lines)


@cache
def shorts(name: str) -> tuple[str, ...]:
    """Abbreviations of a mineral."""
    return tuple(phrases()["minerals"][name].get("ab", ()))


class Wording:
    """The habits of one uploader.

    Parameters
    ----------
    subject : Subject
    drawn : sequence of str
        Minerals of the picture.
    title : sequence of str
        Minerals that the title lists: what is named there may be abbreviated.
    rng : numpy.random.Generator
    """

    def __init__(
        self, subject, drawn: Sequence[str], title: Sequence[str], rng: np.random.Generator
    ):
        self.subject, self.drawn, self.title, self.rng = subject, drawn, title, rng
        self.capital, self.careless = rng.random() < 0.3, rng.random() < 0.12
        self.digits = 2 if rng.random() < 0.7 else 1  # of the field's width

    def pick(self, options: Sequence):
        """One of several, all alike likely."""
        return options[int(self.rng.integers(len(options)))]

    def mineral(self, name: str, form: str | None, role: str, language: str) -> list[Piece] | None:
        """A mineral in the wanted form, or None where it has none."""
        entry, book = phrases()["minerals"][name], phrases()
        if form == "colour":
            words = entry["colour"]
            if self.subject.light == "xpl":
                strength = vocabulary()[name].anisotropy.split()[0]
                words = book["crossed"].get(strength, book["crossed"]["weak"])
            return [(self.pick(words), None)]
        if form == "at":
            place = dict(self.subject.at).get(name)
            return None if place is None else [(book["at"][place[0]][place[1]], None)]
        if form in ("ore", "hue"):
            words = book[form].get(name)
            return None if words is None else [(self.pick(words), (name, role))]
        if form == "place":
            return [(self.pick(book["places"]["named"]).format(z=name), (name, role))]
        if form == "ab":
            short = self.short(name)
            words = [(self.word(name, "en", plain=True), (name, role))]
            return words + ([(" (", None), (short, (name, role)), (")", None)] if short else [])
        if form in CASES:
            forms = _russian(entry["ru"])
            return None if len(forms) <= CASES[form] else [(forms[CASES[form]], (name, role))]
        return [(self.word(name, language), (name, role))]

    def word(self, name: str, language: str, plain: bool = False) -> str:
        """A mineral's name; `plain`: never an abbreviation."""
        entry, chance = phrases()["minerals"][name], self.rng.random()
        if language != "en":
            return _russian(entry["ru"])[0] if language == "ru" else entry[language]
        words = entry.get("en", [name.lower()])
        word = words[0] if self.rng.random() < 0.8 else self.pick(words)
        if not plain and chance < 0.04 and name in self.title and self.short(name):
            return self.short(name)
        if 0.04 <= chance < 0.07 and "old" in entry:
            word = self.pick(entry["old"])
        elif 0.07 <= chance < (0.2 if self.careless else 0.1) and "typo" in entry:
            word = self.pick(entry["typo"])
        return word.capitalize() if self.capital and not self.careless else word

    def short(self, name: str) -> str | None:
        """An abbreviation that no other mineral of the picture could be meant by."""
        taken = {ab.lower() for other in self.drawn if other != name for ab in shorts(other)}
        free = [ab for ab in shorts(name) if ab.lower() not in taken]
        return self.pick(free) if free else None

    def listed(self, form: str | None, language: str) -> list[Piece] | None:
        """All minerals of the title in a row: plain, or with colours or abbreviations."""
        names = self.title[:6]
        if form in ("key", "dash"):
            return self._abbreviated(form, names, language)
        pieces: list[Piece] = []
        for i, name in enumerate(names):
            joint = AND[language] if i == len(names) - 1 else ", "
            pieces += [(joint, None)] * bool(i)
            pieces += self.mineral(name, "ab" if form == "ab" else None, "present", language)
            if form == "colour":
                pieces.append((f" ({self.mineral(name, 'colour', '', language)[0][0]})", None))
        return pieces

    def _abbreviated(self, form: str, names: Sequence[str], language: str) -> list[Piece] | None:
        """A key "Py = pyrite, Gn = galena", or an assemblage "py-gn"."""
        brief = {name: self.short(name) for name in names}
        if None in brief.values() or len(names) < 2:
            return None
        sign, comma = self.pick([" = ", ": ", " - ", "="]), self.pick([", ", "; "])
        joint = comma if form == "key" else self.pick(["-", "-", " + ", "/"])
        pieces: list[Piece] = []
        for name, short in brief.items():
            said = (name, "present")
            pieces += [(joint, None)] * bool(pieces)
            pieces.append((short.lower() if form == "dash" else short, said))
            if form == "key":
                pieces += [(sign, None), (self.word(name, language, plain=True), said)]
        return pieces

    def field(self, language: str) -> tuple[list[Piece] | None, float | None]:
        """The width of the field in words, and as a number in mm."""
        width = self.subject.field_width_mm
        if width is None:
            return None, None
        width = float(f"{width:.{self.digits - 1}e}")
        mm, um = ("мм", ["мкм"]) if language == "ru" else ("mm", ["µm", "um", "microns"])
        if width < 1 and self.rng.random() < 0.3:
            words = f"{width * 1000:.0f} {self.pick(um if language in ('en', 'ru') else um[:1])}"
        else:
            words = f"{width:g}{self.pick([' ', ' ', ' ', ''])}{mm}"
            words = words if language == "en" else words.replace(".", ",")
        return [(words, None)], width

    def detail(self, name: str, language: str) -> str:
        """A place, a number, an objective: what a slot of more than one letter asks for."""
        places, rng = phrases()["places"], self.rng
        bare = self.pick(places["first"] if language == "en" else places[language])
        details = {
            "place": f"{bare} {self.pick(places['kind'])}" if language == "en" else bare,
            "name": bare,
            "country": self.pick(places["country"]),
            "number": str(rng.integers(3, 480)),
            "year": str(rng.integers(1968, 2025)),
            "objective": self.pick(["5x", "10x", "x10", "20x", "x20", "50x", "2.5x"]),
        }
        return details[name]


def _russian(entry: str | list[str]) -> list[str]:
    """Nominative, genitive, instrumental, prepositional, dative; masculine nouns are regular."""
    if isinstance(entry, list):
        return entry
    return [entry + ending for ending in ("", "а", "ом", "е", "у")]
