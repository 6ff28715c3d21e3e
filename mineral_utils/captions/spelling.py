"""Misspelt names of minerals: what a word was meant to be, or nothing.

A slip is forgiven where the word sounds like a name ("chalcopirit"), or where a letter is wrong,
missing, too many or swapped with its neighbour; two slips in long names. A word that is nearer to a
name outside the vocabulary ("magnesite") is left alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping

SHORTEST = 5  # letters of a word that is looked at
CHANGED = 1.2  # what a changed letter counts
ONE_SLIP, TWO_SLIPS = 7, 10  # letters of a name from which so many slips are forgiven

_SOUND = (
    (re.compile("ph"), "f"),
    (re.compile("th"), "t"),
    (re.compile("c?h?k|ch|q(?!u)"), "c"),
    (re.compile("tz"), "z"),
    (re.compile("ae"), "e"),
    (re.compile("oe"), "o"),
    (re.compile("y"), "i"),
    (re.compile("rh"), "r"),
    (re.compile("e$"), ""),
    (re.compile(r"(.)\1"), r"\1"),
)
_ENDINGS = re.compile("(?:s|es|en|а|у|ом|е|ы|ов|ам|ами|ах)$")
# words that are made from a mineral's name and are none
_DERIVED = re.compile("(?:ic|ical|i[sz]ed?|i[sz]ing|i[sz]ation|iferous|oid|ous|ian|oan|like|ised)$")


def sound(word: str) -> str:
    """How a name in lower case sounds, roughly: ``sound("pyrrhotite") == sound("pirotit")``."""
    for pattern, letters in _SOUND:
        word = pattern.sub(letters, word)
    return word


class Speller:
    """Finds the name that a word misspells.

    Parameters
    ----------
    names : mapping of str to str
        Name in lower case -> mineral.
    others : iterable of str
        Names of other minerals and rocks in lower case: no slips, and slips of them are none.
    everyday : iterable of str
        Words in lower case that are no slips, whatever they sound like ("species", "Argentina").
    """

    def __init__(self, names: Mapping[str, str], others: Iterable[str], everyday: Iterable[str]):
        others = {*others}
        self._others = {*others, *everyday}
        self._by_sound: dict[str, str | None] = {}
        self._by_start: dict[str, list[tuple[str, str, str | None]]] = {}
        known = {**dict.fromkeys(others, None), **names}
        for name, mineral in known.items():
            heard = sound(name)
            if mineral is not None or heard not in self._by_sound:
                self._by_sound[heard] = mineral
            for letter in {heard[0], name[0], name[1]}:  # the first may be missing
                self._by_start.setdefault(letter, []).append((name, heard, mineral))
        self._guessed: dict[str, str | None] = {}

    def guess(self, word: str) -> str | None:
        """The mineral that a word in lower case means, or None."""
        if len(word) < SHORTEST or word in self._others:
            return None
        if word not in self._guessed:
            if len(self._guessed) > 200_000:  # memory stays flat over any number of texts
                self._guessed.clear()
            self._guessed[word] = self._look(word)
        return self._guessed[word]

    def _look(self, word: str) -> str | None:
        if _DERIVED.search(word):
            return None
        bare = _ENDINGS.sub("", word)
        for form in dict.fromkeys((word, bare)):
            if form in self._others:
                return None
            mineral = self._by_sound.get(sound(form))
            if mineral is not None and len(form) >= SHORTEST:
                return mineral
        return self._nearest(word) or (self._nearest(bare) if bare != word else None)

    def _nearest(self, word: str) -> str | None:
        heard = sound(word)
        best, found = math.inf, set()
        for name, name_heard, mineral in self._by_start.get(word[0], ()):
            allowed = 2 if len(name) >= TWO_SLIPS else 1 if len(name) >= ONE_SLIP - 1 else 0
            if not allowed or abs(len(name) - len(word)) > 2:
                continue
            slips = slips_between(word, name, allowed)
            if len(name) < ONE_SLIP and sorted(word) != sorted(name) and not _has_all(name, word):
                continue  # in a short name only a swap, or a letter too many
            if slips > CHANGED and len(name_heard) >= ONE_SLIP:
                # one letter besides those that sound alike
                slips = min(slips, 1.5 * slips_between(heard, name_heard, 1))
            if slips == math.inf:
                continue
            if slips < best:
                best, found = slips, {mineral}
            elif slips == best:
                found.add(mineral)
        return found.pop() if len(found) == 1 else None


def _has_all(name: str, word: str) -> bool:
    """Whether a word is a name with one letter more inside it."""
    letters = iter(word)
    return len(word) == len(name) + 1 and word[-1] == name[-1] and all(c in letters for c in name)


def slips_between(a: str, b: str, most: float) -> float:
    """Letters to add, drop or swap with a neighbour (1 each) or change (1.2); inf if over `most`.

    A dropped letter is a likelier slip than a changed one.
    """
    most *= CHANGED
    if abs(len(a) - len(b)) > most:
        return math.inf
    before, row = [], [*range(len(b) + 1)]
    for i, letter in enumerate(a, 1):
        before, last, row = row, before, [i]
        for j, other in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + CHANGED * (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return math.inf
    return row[-1] if row[-1] <= most else math.inf
