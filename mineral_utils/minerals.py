"""The minerals that the suite knows by name, and how what a user typed becomes a question to CLIP.

`vocabulary()` reads ``minerals.yaml`` once. A mineral can be named in English or Russian, by its
IMA symbol, or by what one source calls it::

    minerals = vocabulary()
    minerals.find("халькопирит").symbol              # 'Ccp'
    minerals.find("Brt").name                        # 'Barite', the IMA symbol
    minerals.find("Brt", source="lumenstone_v1").name  # 'Bornite'
    [query.words for query in minerals.queries(["Py", "галенит"])]  # [('pyrite',), ('galena',)]
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from .mineral_file import MAX_NAMES, LumenstoneClass, Mineral, fold, read_vocabulary

__all__ = [
    "MAX_NAMES",
    "AmbiguousMineral",
    "LumenstoneClass",
    "Mineral",
    "Query",
    "UnknownMineral",
    "Vocabulary",
    "split_names",
    "vocabulary",
]

OPEN_HINT = "to ask for it as free text, pass open_vocabulary=True"


class UnknownMineral(ValueError):
    """A name that no mineral of the vocabulary answers to."""


class AmbiguousMineral(UnknownMineral):
    """A name that several minerals answer to, depending on who wrote it."""


@dataclass(frozen=True)
class Query:
    """One class as CLIP is asked for it.

    Attributes
    ----------
    name : str
        The label as the user wrote it, without outer blanks.
    words : tuple of str
        Texts to put into the prompts: the mineral's `prompt`, or free text.
    mineral : Mineral or None
        None for free text and for classes of several minerals.
    colour, hatch : str
        ``#RRGGBB`` and matplotlib hatch; no two queries of one call share the pair.
    """

    name: str
    words: tuple[str, ...]
    mineral: Mineral | None
    colour: str
    hatch: str


class Vocabulary:
    """All minerals of a ``minerals.yaml``, found by any of their names.

    Iterating gives every `Mineral` in the order of the file, the paper's classes first;
    ``vocabulary["pyrite"]`` is `find`, and ``"pyrite" in vocabulary`` asks whether that works.

    Parameters
    ----------
    path : str or Path
        The file; the package's own explains its fields.

    Raises
    ------
    ValueError
        If an entry is missing, misspelt, out of range or a duplicate.
    """

    def __init__(self, path: str | Path):
        self._minerals, self._lumenstone, self._free_looks = read_vocabulary(Path(path))
        self._by_name = {m.name: m for m in self}
        self._by_symbol = {m.symbol: m for m in self if m.symbol}
        self._by_folded_name = {fold(n): m for m in self for n in (m.name, m.name_ru)}
        # source -> folded alias -> minerals; symbols in the wrong case are one more source
        self._aliases: dict[str, dict[str, list[Mineral]]] = {}
        for mineral in self:
            symbols = {"IMA symbol": (mineral.symbol,)} if mineral.symbol else {}
            for source, aliases in (symbols | mineral.aliases).items():
                for key in {fold(alias) for alias in aliases}:
                    self._aliases.setdefault(source, {}).setdefault(key, []).append(mineral)

    @property
    def names(self) -> tuple[str, ...]:
        """English names of all minerals."""
        return tuple(self._by_name)

    @property
    def paper_names(self) -> tuple[str, ...]:
        """English names of the 20 classes of the paper, in the paper's order."""
        return tuple(m.name for m in self if m.paper)

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources that aliases are kept for: what `find` accepts as `source`."""
        return tuple(sorted(set(self._aliases) - {"IMA symbol"}))

    def __len__(self) -> int:
        return len(self._minerals)

    def __iter__(self) -> Iterator[Mineral]:
        return iter(self._minerals)

    def __getitem__(self, name: str) -> Mineral:
        return self.find(name)

    def __contains__(self, name: object) -> bool:
        try:
            return name in self._minerals or self.find(name) is not None
        except ValueError:
            return False

    def find(self, name: str, source: str | None = None) -> Mineral:
        """The mineral that a name stands for.

        Letter case, blanks, hyphens and diacritics do not matter, except that a symbol in its exact
        case comes before everything else ("Brt" is barite).

        Parameters
        ----------
        name : str
            English or Russian name, IMA symbol, or alias.
        source : str, optional
            Who wrote it, one of `sources`: then that source's aliases come first and no other
            source's count.

        Raises
        ------
        AmbiguousMineral
            If it stands for several minerals.
        UnknownMineral
            If it stands for none; the message offers the nearest known names.
        ValueError
            If it is no text, or the source is unknown.
        """
        name = _checked(name)
        key = fold(name)
        if source is not None and source not in self.sources:
            raise ValueError(
                f"no aliases are kept for the source {source!r}; use one of "
                f"{', '.join(self.sources)}, or leave it out"
            )
        own = source is not None and key in self._aliases[source]
        if not own and name in self._by_symbol:
            return self._by_symbol[name]
        if not own and key in self._by_folded_name:
            return self._by_folded_name[key]
        found: dict[str, str] = {}  # mineral -> who calls it so
        for origin in [source] if own else ["IMA symbol"] if source else self._aliases:
            for mineral in self._aliases[origin].get(key, ()):
                found.setdefault(mineral.name, origin)
        if not found:
            raise UnknownMineral(self._unknown(name))
        if len(found) > 1:
            candidates = " or ".join(f"{mineral} ({origin})" for mineral, origin in found.items())
            also = ", or name the source" if len(set(found.values())) > 1 else ""
            raise AmbiguousMineral(f"{name!r} may be {candidates}; write the full name{also}")
        return self._by_name[next(iter(found))]

    def _unknown(self, name: str) -> str:
        """One sentence on a name that nothing answers to, with the nearest known names."""
        parts = [part.strip() for part in name.split(",") if part.strip()]
        if len(parts) > 1 and all(part in self for part in parts):
            several = ", ".join(f'"{part}"' for part in parts)
            return f"{name!r} is one name but several minerals; write [{several}], or, {OPEN_HINT}"
        near = self.near(name)
        hint = f"did you mean {', '.join(near)}?" if near else "vocabulary().names lists what is"
        return f"{name!r} is not in the vocabulary ({hint}); {OPEN_HINT}"

    def near(self, name: str) -> tuple[str, ...]:
        """Up to three known names that are spelt much like `name`, in its language; the best
        first."""
        spelt = {
            key: minerals[0]
            for known in self._aliases.values()
            for key, minerals in known.items()
            if len(key) > 4 and len(minerals) == 1
        } | self._by_folded_name
        near = [spelt[key] for key in difflib.get_close_matches(fold(name), spelt, 3, cutoff=0.65)]
        russian = re.search("[а-яё]", name.casefold())
        return tuple(dict.fromkeys(m.name_ru if russian else m.name for m in near))

    def queries(
        self,
        names: Iterable[str] | Mapping[str, str | Iterable[str]],
        open_vocabulary: bool = False,
    ) -> tuple[Query, ...]:
        """What CLIP is asked for the names that a user typed.

        Parameters
        ----------
        names : list of str, or dict of str to str or list of str
            The classes, 1 to 254 of them, in the order of their labels. A list names minerals, each
            asked by its prompt. A dict gives each class its own words: everyday English ones are
            asked as written, symbols and Russian ones by the mineral's prompt.
        open_vocabulary : bool
            Accept words that the vocabulary lacks as free text, never split at commas.

        Raises
        ------
        UnknownMineral
            If a word is unknown and `open_vocabulary` is off.
        ValueError
            If there are no names or too many, if one is empty or no text, or if two are the same.
        """
        looks = iter(self._free_looks)
        taken: dict[str, int] = {}  # text, casefolded -> position of the class that asks for it
        queries: list[Query] = []
        for k, (label, words) in enumerate(_checked_names(names)):
            found = [self._find_or_free(word, open_vocabulary) for word in words or [label]]
            if words is None:
                mineral = found[0]
                texts = [mineral.prompt if mineral else label]
            else:
                mineral = self._of_class(label, found)
                texts = [_spoken(w, m) if m else w for w, m in zip(words, found, strict=True)]
            for text in (*texts, label, mineral.prompt if mineral else label):
                first = taken.setdefault(" ".join(text.casefold().split()), k)
                if first != k:
                    what = f"mean {mineral.name}" if mineral else "ask for the same"
                    raise ValueError(
                        f"the names {queries[first].name!r} and {label!r} both {what}; "
                        "name each class once"
                    )
            colour, hatch = (mineral.colour, mineral.hatch) if mineral else next(looks)
            queries.append(Query(label, tuple(dict.fromkeys(texts)), mineral, colour, hatch))
        return tuple(queries)

    def _find_or_free(self, word: str, open_vocabulary: bool) -> Mineral | None:
        """The mineral, or None for free text where that is allowed."""
        try:
            return self.find(word)
        except UnknownMineral as error:
            if open_vocabulary and not isinstance(error, AmbiguousMineral):
                return None
            raise

    def _of_class(self, label: str, found: list[Mineral | None]) -> Mineral | None:
        """The mineral of a class with words of its own: the label's, or that of all words."""
        try:
            return self.find(label)
        except UnknownMineral:  # a label of the user's own, such as "gangue"
            return found[0] if len(set(found)) == 1 else None

    def lumenstone(
        self, version: str = "v2", subset: str | None = None
    ) -> dict[int, LumenstoneClass]:
        """What the codes of LumenStone masks stand for, by code.

        Parameters
        ----------
        version : {"v2", "v1"}
            Labels changed between the versions, codes did not.
        subset : {"S1", "S2", "S3"}, optional
            Only the codes of that set. In S1, code 6 is pyrite or marcasite in both versions.
        """
        if version not in self._lumenstone:
            known = ", ".join(self._lumenstone)
            raise ValueError(f"LumenStone version {version!r} is not known; use one of {known}")
        sets = self._lumenstone[version]
        if subset not in sets:
            known = ", ".join(name for name in sets if name)
            raise ValueError(f"LumenStone {version} has no set {subset!r}; use one of {known}")
        return dict(sets[subset])


@cache
def vocabulary() -> Vocabulary:
    """The vocabulary of the package, read and checked once."""
    return Vocabulary(Path(__file__).with_name("minerals.yaml"))


def split_names(text: str) -> list[str]:
    """Names with commas or line breaks between them; ``"a, b"`` in quotes is one name. An empty
    place is an empty name."""
    line = ",".join(text.splitlines())
    return [name.strip() for name in next(csv.reader([line], skipinitialspace=True), [])]


def _spoken(word: str, mineral: Mineral) -> str:
    """A word as CLIP shall hear it: everyday English as written, all else by the prompt."""
    everyday = (*mineral.aliases.get("captions", ()), *mineral.aliases.get("mindat", ()))
    # abbreviations have at most four letters
    return word if fold(word) in {fold(a) for a in everyday if len(a) > 4} else mineral.prompt


def _checked(name: object) -> str:
    """A name without outer blanks, or one sentence on why it is none."""
    if not isinstance(name, str):
        raise ValueError(f'a mineral name must be text such as "pyrite", not {name!r}')
    if not name.strip():
        raise ValueError(
            f'a mineral name must not be empty, got {name!r}; write one such as "pyrite"'
        )
    return str(name).strip()


def _checked_names(names: object) -> list[tuple[str, list[str] | None]]:
    """Labels, each with its own words or None, or one sentence on what is wrong with them."""
    if isinstance(names, str):
        parts = ", ".join(f'"{part.strip()}"' for part in names.split(",") if part.strip())
        raise ValueError(f"names must be a list, even for one mineral; write [{parts or '...'}]")
    if isinstance(names, (set, frozenset)) or not isinstance(names, Iterable):
        raise ValueError(
            f"names must be a list, whose order gives the labels, not {type(names).__name__}; "
            'write ["pyrite", "galena"]'
        )
    if isinstance(names, Mapping):
        items = []
        for label, words in names.items():
            label, words = _checked(label), [words] if isinstance(words, str) else words
            if not isinstance(words, Iterable) or not (words := list(words)):
                raise ValueError(f"the class {label!r} needs at least one word to ask CLIP with")
            items.append((label, [_checked(word) for word in words]))
    else:
        items = [(_checked(name), None) for name in names]
    if not 1 <= len(items) <= MAX_NAMES:
        raise ValueError(
            f"{len(items) or 'no'} names were given; name 1 to {MAX_NAMES} minerals, because "
            "labels are 8-bit numbers and 255 means unknown"
        )
    return items
