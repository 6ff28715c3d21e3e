"""Mineral names out of a photo's title and text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from ..minerals import Vocabulary
from . import abbreviations
from .cleaning import CleanText, clean
from .judgement import judged
from .lexicon import Lexicon, default_lexicon
from .mention import Hit, Mention

LONGEST = 20_000  # characters of a title or text that are read
_LETTERS = re.compile(r"[^\W\d_]{5,}")
_TAIL = re.compile(
    r"[\s-]*\((?:Zn|Fe|Cu|Hg|Cd|Ni|Mn|Ag|In|Pb|Sn)\)|\s+(?:sub|super)?-?(?:group|series)\b",
    re.IGNORECASE,
)
_SERIES = ("Tetrahedrite Subgroup", "Tennantite", "Wolframite")
_VARIETY = re.compile(r"\s*[(,]?\s*var(?:iety|\.)?[:.\s]*(?:of\s+)?$", re.IGNORECASE)


@lru_cache(maxsize=4)
def _lexicon_of(vocabulary: Vocabulary) -> Lexicon:
    return Lexicon(vocabulary)


def find_minerals(
    title: str,
    text: str = "",
    vocabulary: Vocabulary | None = None,
    source: str | None = None,
) -> list[Hit]:
    """Every mention of a mineral in a photo's title and text, and what is said of it.

    Parameters
    ----------
    title, text : str
        As they stand on the page; mark-up and entities may be in them. Of each, the first
        20 000 characters are read.
    vocabulary : Vocabulary, optional
        The package's by default.
    source : str, optional
        One of ``vocabulary.sources`` whose abbreviations the text uses without explaining them.

    Returns
    -------
    list of Hit
        Those of the title first, each in order.

    Raises
    ------
    TypeError
        If title or text is no text.
    ValueError
        If the source is unknown.
    """
    for name, value in (("title", title), ("text", text)):
        if not isinstance(value, str):
            raise TypeError(
                f"the {name} of a caption must be text, not {type(value).__name__}; use an empty "
                "text where there is none"
            )
    lexicon = default_lexicon() if vocabulary is None else _lexicon_of(vocabulary)
    table = lexicon.source_symbols(source) if source else {}
    parts = {"title": clean(title[:LONGEST], lexicon.__contains__)}
    parts["text"] = clean(text[:LONGEST], lexicon.__contains__)
    named = {where: _names(part.text, lexicon) for where, part in parts.items()}
    short: dict[str, str] = {}
    for where, part in parts.items():
        short |= abbreviations.explained(part.text, named[where], lexicon)
    hits: list[Hit] = []
    for where, part in parts.items():
        mentions = named[where]
        mentions = _ordered(mentions, abbreviations.uses(part.text, short, mentions))
        if source:
            more = abbreviations.of_source(part.text, table, source, mentions)
            mentions = _ordered(mentions, more)
        if where == "title" or not part.text.isupper():
            more = abbreviations.common(part.text, lexicon.symbols, mentions)
            mentions = _ordered(mentions, more)
        hits += _hits(where, part, title if where == "title" else text, mentions)
    return _decided(hits)


def minerals_of(
    title: str,
    text: str = "",
    vocabulary: Vocabulary | None = None,
    source: str | None = None,
) -> tuple[str, ...]:
    """Minerals that a photo's title and text say are in the picture.

    Parameters as of `find_minerals`. English names of the vocabulary: those of the title first, as
    uploaders list minerals by prominence, then those of the text in order.
    """
    hits = find_minerals(title, text, vocabulary, source)
    return tuple(dict.fromkeys(hit.mineral for hit in hits if hit.kept))


def _names(text: str, lexicon: Lexicon) -> list[Mention]:
    """Names and misspelt names in plain text, in order."""
    lower = text.lower()
    if len(lower) != len(text):  # a letter whose lower case is two
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    mentions: list[Mention] = []
    taken: list[tuple[int, int]] = []
    for match in lexicon.pattern.finditer(lower):
        mineral = lexicon.mineral_of(match[0])
        start, end = match.span()
        taken.append((start, end))
        if mineral is None:
            continue
        tail = _TAIL.match(text, end) if mineral in _SERIES else None
        end = tail.end() if tail else end
        before = mentions[-1] if mentions else None
        if before and _VARIETY.fullmatch(text[before.end : start]) and mineral == "Chalcedony":
            start = before.start  # "Quartz (Var: Chalcedony)" is no quartz
            mentions.pop()
        how = "adjective" if lexicon.is_adjective(match[0]) else "name"
        mentions.append(Mention(start, end, mineral, text[start:end], how))
    guessed: list[Mention] = []
    at = 0
    for match in _LETTERS.finditer(lower):
        while at < len(taken) and taken[at][1] <= match.start():
            at += 1
        if at < len(taken) and taken[at][0] < match.end():
            continue
        mineral = lexicon.guess(match[0])
        if mineral is not None:
            start, end = match.span()
            guessed.append(Mention(start, end, mineral, text[start:end], "misspelt name"))
    return _ordered(mentions, guessed)


def _ordered(mentions: Sequence[Mention], more: Sequence[Mention]) -> list[Mention]:
    return sorted([*mentions, *more], key=lambda m: m.start) if more else [*mentions]


def _hits(where: str, part: CleanText, given: str, mentions: Sequence[Mention]) -> list[Hit]:
    hits = []
    for mention, (role, reason) in zip(mentions, judged(part.text, mentions), strict=True):
        start, end = part.span(mention.start, mention.end)
        why = f"{mention.how}: {reason}"
        kept = role in ("present", "key")
        hits.append(Hit(mention.mineral, start, end, where, given[start:end], why, kept, role))
    return hits


def _decided(hits: list[Hit]) -> list[Hit]:
    """Hits after what title, key and text say of one mineral was weighed.

    A mineral of the title or of a list of abbreviations counts as shown unless the text says that
    it is not there and nowhere that it is.
    """
    said: dict[str, set[str]] = {}
    for hit in hits:
        if hit.where == "text":
            said.setdefault(hit.mineral, set()).add(hit.role)
    out = []
    for hit in hits:
        roles = said.get(hit.mineral, set())
        denied = "absent" in roles and "present" not in roles
        if hit.kept and denied and (hit.where == "title" or hit.role == "key"):
            hit = Hit(
                hit.mineral,
                hit.start,
                hit.end,
                hit.where,
                hit.words,
                hit.reason + ", but the text says that it is not there",
                False,
                hit.role,
            )
        out.append(hit)
    return out
