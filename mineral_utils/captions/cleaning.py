"""Text of a web page as plain letters, with the way back to where each letter stood.

Mark-up, entities, soft hyphens, combining accents, super- and subscripts, ligatures, full-width
letters and Latin names typed with a few Cyrillic letters all become the plain letters that a reader
sees, without accents; letter case stays.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

# scripts, styles and comments go as a whole; a break parts words, other tags do not
_STEP = re.compile(
    r"(?P<hidden><script\b.*?(?:</script\s*>|$)|<style\b.*?(?:</style\s*>|$)|<!--.*?(?:-->|$))"
    r"|(?P<line></?(?:br|p|div|li|ul|ol|tr|td|th|table|h[1-6]|hr)\b[^<>]*>)"
    r"|(?P<tag></?[a-z][^<>]*>)"
    r"|(?P<entity>&(?:\#\d{1,7}|\#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});)",
    re.S | re.I,
)
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_PLAIN = {"æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ß": "ss", "ł": "l"}
_PLAIN |= {"ı": "i", "\u2019": "'", "\u02bc": "'", "\u2018": "'", "\u00b4": "'", "`": "'"}
_PLAIN |= dict.fromkeys("\u2010\u2011\u2012\u2212", "-")
_PLAIN |= dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb", '"')
# Cyrillic letters that look like Latin ones
_TWINS = str.maketrans("аеорсухіјѕАВЕКМНОРСТХІЈЅ", "aeopcyxijsABEKMHOPCTXIJS")
_MIXED = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[А-Яа-яЁёІіЈјЅѕ])[^\W\d_]+")
_TORN = re.compile(r"(?<![^\W\d_])([^\W\d_]+)(-[ \t]*(?:\r?\n[ \t]*)?)([^\W\d_]+)")


@dataclass(frozen=True)
class CleanText:
    """Plain text and where its letters came from.

    Attributes
    ----------
    text : str
        What a reader sees, without accents.
    origin : tuple of int
        For each character of `text` and its end, the index in the original.
    """

    text: str
    origin: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where ``text[start:end]`` stands in the original."""
        last = self.origin[end - 1]
        # an accent or a soft hyphen after the last letter is part of the name
        after = self.origin[end]
        return self.origin[start], after if 0 < after - last <= 2 else last + 1


def clean(original: str, known: Callable[[str], bool] | None = None) -> CleanText:
    """Plain letters of a text.

    Parameters
    ----------
    original : str
    known : callable, optional
        Says of a word in lower case whether it is a name; a name torn at the end of a line
        ("sphal-", "erite") is put together.
    """
    if original.isascii() and not re.search(r"[<&-]", original):
        return CleanText(original, tuple(range(len(original) + 1)))
    letters: list[str] = []
    origin: list[int] = []

    def add(piece: str, at: int, step: int) -> None:
        for i, character in enumerate(piece):
            plain = character if character.isascii() else _plain(character)
            letters.extend(plain)
            origin.extend([at + i * step] * len(plain))

    end = 0
    for mark in _STEP.finditer(original):
        add(original[end : mark.start()], end, 1)
        if mark["entity"]:
            add(html.unescape(mark["entity"]), mark.start(), 0)
        elif mark["line"] or mark["hidden"]:
            add("\n" if mark["line"] else " ", mark.start(), 0)
        end = mark.end()
    add(original[end:], end, 1)
    origin.append(len(original))
    text = "".join(letters)
    if known is not None:
        text, origin = _mended(text, origin, known)
    for word in _MIXED.finditer(text):
        twin = word[0].translate(_TWINS)
        if twin.isascii():
            text = text[: word.start()] + twin + text[word.end() :]
    return CleanText(text, tuple(origin))


def _plain(piece: str) -> str:
    """Letters without accents and marks, in compatibility form."""
    piece = "".join(_PLAIN.get(c, c) for c in piece.translate(_INVISIBLE))
    apart = unicodedata.normalize("NFKD", piece)
    return "".join(_PLAIN.get(c, c) for c in apart if not unicodedata.combining(c))


def _mended(text: str, origin: list[int], known: Callable[[str], bool]) -> tuple[str, list[int]]:
    """Words torn by a hyphen ("sphal-erite"), put together where that makes a name.

    Not where the first part is one ("galena-sphalerite").
    """
    for torn in reversed([*_TORN.finditer(text)]):
        whole = (torn[1] + torn[3]).lower()
        if known(whole) and not known(torn[1].lower()):
            text = text[: torn.start(2)] + text[torn.end(2) :]
            origin = origin[: torn.start(2)] + origin[torn.end(2) :]
    return text, origin
