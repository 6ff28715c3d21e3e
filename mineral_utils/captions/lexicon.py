"""Every form in which a mineral's name may stand in a text, as one regular expression.

Names come from the vocabulary (English, Russian, aliases of all kinds) and from ``names.yaml``
(other languages, common slips). Russian names are declined. Names of several words are found with
blanks or hyphens between; longer names come before shorter ones.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from ..minerals import Vocabulary, vocabulary
from .cleaning import clean
from .spelling import Speller

# names that are also metals, or substances of which much else is made
METALS = {"Gold", "Silver", "Copper", "Bismuth", "Graphite"}
# shorter names than this in the vocabulary are abbreviations, unless they are plain words
LONGEST_SYMBOL = 4
_WORDS = {"gold", "oro", "prase", "mispickel", "achat", "agat", "агат", "медь", "blende"}

_HARD = ["", "а", "у", "ом", "е", "ы", "ов", "ам", "ами", "ах"]
_NOUN = {  # last letters of a Russian noun -> its endings
    "ь": ["ь", "и", "ью", "ей", "ям", "ями", "ях"],
    "о": ["о", "а", "у", "ом", "е"],
    "а": ["а", "ы", "и", "у", "ой", "ою", "е", "", "ам", "ами", "ах"],
}
_ADJECTIVE = ["ыи", "ого", "ому", "ым", "ом", "ая", "ои", "ую", "ое", "ые", "ых", "ыми"]
_SOFT = ["ии", "его", "ему", "им", "ем", "яя", "еи", "юю", "ее", "ие", "их", "ими"]
_RUSSIAN = re.compile("[а-я]")


@cache
def words() -> dict:
    """The tables of ``names.yaml``."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = Path(__file__).with_name("names.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=loader)


def key_of(name: str) -> str:
    """A name for looking up: plain letters in lower case, one blank for blanks and hyphens."""
    return re.sub(r"[\s-]+", " ", clean(name).text.lower()).strip()


class Lexicon:
    """Names of a vocabulary, found in plain text.

    Attributes
    ----------
    pattern : re.Pattern
        Finds names in plain text in lower case; `minerals_of_name` says whose they are.
    symbols : dict of str to str
        Abbreviation in its exact case -> mineral, of IMA and of captions in general.
    """

    def __init__(self, minerals: Vocabulary):
        self.vocabulary = minerals
        self._names: dict[str, str | None] = {}
        self._adjectives: set[str] = set()
        self.symbols: dict[str, str] = {}
        plain: dict[str, str] = {}  # names of one word, for the speller
        for mineral in minerals:
            names = [mineral.name, mineral.name_ru, *words()["further"].get(mineral.name, ())]
            for source in ("mindat", "captions", "ru"):
                names += [n for n in mineral.aliases.get(source, ()) if not _is_symbol(n)]
            for name in names:
                key = key_of(name)
                for form in _forms(key):
                    self._names.setdefault(form, mineral.name)
                if " " not in key and len(key) >= 6:
                    plain.setdefault(key, mineral.name)
                if _RUSSIAN.search(key) and " " not in key and mineral.name not in METALS:
                    stem = re.sub("[ьа]$", "", key)
                    for ending in _ADJECTIVE:
                        form = f"{stem}{'ев' if stem.endswith('ц') else 'ов'}{ending}"
                        self._names.setdefault(form, mineral.name)
                        self._adjectives.add(form)
        # the exact symbols of IMA first, then what captions use
        for mineral in minerals:
            if mineral.symbol:
                self.symbols.setdefault(mineral.symbol, mineral.name)
        for mineral in minerals:
            for alias in mineral.aliases.get("captions", ()):
                if _is_symbol(alias):
                    self.symbols.setdefault(alias, mineral.name)
        for name in words()["skipped"]:
            self._names.setdefault(key_of(name), None)
        listed = "|".join([_trie(self._names)])
        self.pattern = re.compile(rf"(?<![^\W\d_])(?:{listed})(?![^\W\d_])")
        others, everyday = (map(key_of, words()[table]) for table in ("others", "everyday"))
        self._speller = Speller(plain, others, everyday)

    def __contains__(self, word: str) -> bool:
        return key_of(word) in self._names

    def mineral_of(self, name: str) -> str | None:
        """Mineral of a name that `pattern` found; None for names that only contain one."""
        return self._names[re.sub(r"[\s-]+", " ", name)]

    def is_adjective(self, name: str) -> bool:
        """Whether a name that `pattern` found is a Russian adjective."""
        return name in self._adjectives

    def guess(self, word: str) -> str | None:
        """Mineral whose name a word in lower case misspells, or None."""
        return self._speller.guess(word)

    def source_symbols(self, source: str) -> dict[str, tuple[str, ...]]:
        """Abbreviations of one source -> the minerals that each may be.

        Raises
        ------
        ValueError
            If the vocabulary keeps no aliases for that source.
        """
        if source not in self.vocabulary.sources:
            raise ValueError(
                f"no aliases are kept for the source {source!r}; use one of "
                f"{', '.join(self.vocabulary.sources)}, or leave it out"
            )
        table: dict[str, tuple[str, ...]] = {}
        for mineral in self.vocabulary:
            for alias in mineral.aliases.get(source, ()):
                for part in alias.split("/"):
                    if len(part) <= LONGEST_SYMBOL:
                        table[part] = (*table.get(part, ()), mineral.name)
        return table


@cache
def default_lexicon() -> Lexicon:
    """The lexicon of the package's vocabulary, built once."""
    return Lexicon(vocabulary())


def _is_symbol(name: str) -> bool:
    return len(name) <= LONGEST_SYMBOL and name.lower() not in _WORDS


def _forms(key: str) -> Iterable[str]:
    """A name with its plurals and cases."""
    if _RUSSIAN.search(key):
        grown = [""]
        for word in key.split(" "):
            grown = [f"{start} {form}".strip() for start in grown for form in _declined(word)]
        return grown
    forms = [key]
    if not key.endswith("s"):
        forms += [key + "s"]
    if key.endswith(("it", "kies", "glanz", "spat", "stein", "in", "erz", "arz")):  # German
        forms += [key + ending for ending in ("e", "es", "en")]
    return forms


def _declined(word: str) -> list[str]:
    for endings, last in ((_ADJECTIVE, ("ыи", "ои", "ая", "ое")), (_SOFT, ("ии", "яя", "ее"))):
        if word.endswith(last) and len(word) > 4:
            return [word[:-2] + ending for ending in endings]
    endings = _NOUN.get(word[-1])
    return [word[:-1] + e for e in endings] if endings else [word + ending for ending in _HARD]


def _trie(names: Iterable[str]) -> str:
    """A regular expression of all names that shares their beginnings and prefers longer ones."""
    root: dict = {}
    for name in names:
        node = root
        for letter in name:
            node = node.setdefault(letter, {})
        node[""] = {}

    def written(node: dict) -> str:
        letters = sorted(letter for letter in node if letter)
        parts = [_letter(letter) + written(node[letter]) for letter in letters]
        if not parts:
            return ""
        body = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
        return f"(?:{body})?" if "" in node else body

    return written(root)


def _letter(letter: str) -> str:
    return r"[\s-]+" if letter == " " else re.escape(letter)
