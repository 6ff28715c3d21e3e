"""Abbreviations of minerals: those that a text explains, and those of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .lexicon import Lexicon, key_of
from .mention import Mention

_SHORT = r"(?:[A-Z][A-Za-z]{0,3}|[a-z]{1,4})"
_AFTER = (
    re.compile(rf"\s*[(\[]\s*(?:=\s*|abbr\.?\s*)?[\"']?({_SHORT})[\"']?\s*[)\]]"),
    re.compile(rf"\s*=\s*[\"']?({_SHORT})[\"']?(?!\w)"),
)
_BEFORE = (
    re.compile(rf"(?<![\w&])[\"'(\[]?({_SHORT})[\"')\]]?\s*(?:=|:|-|\u2013|\u2014)\s*$"),
    re.compile(rf"[(\[]({_SHORT})[)\]]\s*$"),
    re.compile(rf"(?<![\w&])({_SHORT})\s*\(\s*=?\s*$"),
)
# "Cp, chalcopyrite; Bn, bornite": two such pairs make a key
_PAIRED = re.compile(r"(?:^|[;.:(\n]\s*)([A-Z][A-Za-z]{0,3}|[a-z]{2,4})\s*,\s*$")
_LISTED = re.compile(rf"(?<![\w&])({_SHORT})\s*,?\s+$")
_KEY = re.compile(
    r"\b(?:abbrev\w*|legend|key|labels?|letters|symbols|сокращени\w+|обозначени\w+|Abk\w*|Legende"
    r"|leyenda|abreviat\w+|legende)\b",
    re.IGNORECASE,
)
# words that look like abbreviations and mean something else wherever they stand alone
_WORDS = {
    *("a", "an", "as", "at", "by", "do", "en", "go", "he", "i", "if", "in", "is", "it", "la", "le"),
    *("me", "my", "no", "of", "on", "or", "so", "to", "up", "us", "we", "el", "de", "da", "du"),
    *("x", "mm", "um", "cm", "ppl", "xpl", "fov", "and", "the", "for", "not", "but", "are", "was"),
    *("A", "I", "In", "No", "It", "As", "At", "So", "En", "To", "On", "The", "And", "Mt", "Mag"),
}
_ELEMENTS = {"Au", "Ag", "Cu", "Bi"}
# alone they are something else: a mountain, a magnification, a river, calories
_UNSAFE = {
    "Mt",
    "Mag",
    "Cal",
    "Bi",
    "Cu",
    "Ag",
    "Au",
    "En",
    "Cob",
    "Cub",
    "Lo",
    "Pent",
    "Nic",
    "Gal",
}
_UNSAFE |= {
    "Bor",
    "Ars",
    "Asp",
    "Moly",
    "Bin",
    "Sid",
    "Tet",
    "Stb",
    "Cov",
    "Rut",
    "Cin",
    "Chr",
    "Gr",
}
_UNSAFE |= {"Mc", "Td", "Tn", "Sp", "Po", "Sl", "Dol", "Mol", "Hem", "Hm", "Cp", "Sd", "Rt", "Dg"}
_TOKEN = re.compile(r"(?<![^\W_])[A-Za-z]{2,4}(?![^\W_])")
_CHAIN = re.compile(
    r"(?<![^\W_])([A-Za-z]{2,4}(?:\s*[+/&\u2013-]\s*[A-Za-z]{2,4})+)(?![^\W_]|\s?[+/-]\w)"
)
_PHRASE = re.compile(  # "Au in apy", "Mag with ilm lamellae"
    r"(?<![^\W_])([A-Za-z]{2,4}(?:\s+(?:blebs?\s+in|inclusions?\s+in|lamellae\s+in|in|with|and"
    r"|on|around|after"
    r"|rimmed\s+by|replaced\s+by|replacing|enclosed\s+(?:in|by)"
    r"|intergrown\s+with)\s+[A-Za-z]{2,4})+)(?![^\W_])"
)
_NATIVE = re.compile(
    r"(?:native|free|gediegen|ged\.|самородн\w+)\s+(Au|Ag|Cu|Bi)(?![^\W_])", re.IGNORECASE
)
# everyday words that are also somebody's abbreviations
_EVERYDAY = {
    "cob",
    "cub",
    "pent",
    "nic",
    "bin",
    "tin",
    "mag",
    "mt",
    "gal",
    "mol",
    "sid",
    "tet",
    "au",
    "ag",
    "bi",
}
_EVERYDAY |= {
    "cal",
    "lo",
    "bor",
    "cov",
    "rut",
    "mc",
    "cu",
    "dol",
    "chr",
    "gr",
    "hm",
    "stub",
    "cut",
    "gold",
}
_LINKS = {"in", "with", "and", "on", "by", "after", "minor", "bleb"}
_COMMAS = re.compile(
    r"(?<![^\W_])([A-Z][a-z]{1,3}(?:(?:\s*,\s*(?:and\s+|minor\s+)?|\s+and\s+(?:minor\s+)?)"
    r"[A-Z][a-z]{1,3})+)(?![^\W_])"
)


def explained(text: str, mentions: Sequence[Mention], lexicon: Lexicon) -> dict[str, str]:
    """Abbreviations that a text explains: as written -> mineral.

    Parameters
    ----------
    text : str
        Plain text.
    mentions : sequence of Mention
        Names in it.
    """
    table: dict[str, str] = {}
    is_key = _KEY.search(text) is not None
    heads = [text[max(0, m.start - 12) : m.start] for m in mentions]
    paired = sum(_PAIRED.search(head) is not None for head in heads) > 1
    for mention, head in zip(mentions, heads, strict=True):
        found = [p.match(text, mention.end) for p in _AFTER]
        found += [p.search(head) for p in _BEFORE]
        if is_key:
            found.append(_LISTED.search(head))
        if paired:
            found.append(_PAIRED.search(head))
        for match in found:
            if match and (_fits(match[1], mention, lexicon) or _used(match, text)):
                table.setdefault(match[1], mention.mineral)
    return table


def _fits(short: str, mention: Mention, lexicon: Lexicon) -> bool:
    """Whether letters may stand for a mineral: its table's, or letters of its name in order."""
    if short in _WORDS:
        return False
    if any(k.lower() == short.lower() and m == mention.mineral for k, m in lexicon.symbols.items()):
        return True
    names = [mention.word.lower(), key_of(mention.mineral)]
    for name in names:
        if name.startswith(short[0].lower()) or (" " in name and short[0].lower() in name):
            letters = iter(name)
            if all(letter in letters for letter in short.lower()):
                return True
    return False


def _used(match: re.Match[str], text: str) -> bool:
    """Whether letters in brackets after a name, odd as they are, are used again in the text."""
    short = match[1]
    if match[0].lstrip()[0] not in "([" or short in _WORDS or not short[0].isupper():
        return False
    return len(re.findall(rf"(?<![^\W_]){short}(?![^\W_])", text)) > 1


def uses(text: str, table: Mapping[str, str], taken: Iterable[Mention]) -> list[Mention]:
    """Where explained abbreviations stand in a text, in the case in which they were explained."""
    if not table:
        return []
    spans = [(m.start, m.end) for m in taken]
    listed = "|".join(sorted(map(re.escape, table), key=len, reverse=True))
    return [
        Mention(m.start(), m.end(), table[m[0]], m[0], "abbreviation that the text explains")
        for m in re.finditer(rf"(?<![^\W_])(?:{listed})(?![^\W_])", text)
        if not any(a < m.end() and m.start() < b for a, b in spans)
    ]


def of_source(
    text: str, table: Mapping[str, Sequence[str]], source: str, taken: Iterable[Mention]
) -> list[Mention]:
    """Abbreviations of a source's table, in their exact case; one may name several minerals."""
    spans = [(m.start, m.end) for m in taken]
    return [
        Mention(m.start(), m.end(), mineral, m[0], f"abbreviation of {source}")
        for m in re.finditer(r"(?<![^\W_])[A-Za-z]{1,4}(?![^\W_])", text)
        for mineral in table.get(m[0], ())
        if not any(a < m.end() and m.start() < b for a, b in spans)
    ]


def common(text: str, symbols: Mapping[str, str], taken: Iterable[Mention]) -> list[Mention]:
    """Abbreviations that nobody explained, where it is sure that they are some.

    That is in assemblages ("Py+Gn+Sp", "po-pn-ccp"), and where two of them that cannot be mistaken
    stand in one text. Chemical elements alone ("Cu-Au", "Ag") are no minerals.
    """
    found: dict[tuple[int, int], tuple[str, str]] = {}
    for pattern in (_CHAIN, _COMMAS, _PHRASE):
        for chain in pattern.finditer(text):
            parts = [*_TOKEN.finditer(text, chain.start(1), chain.end(1))]
            parts = [p for p in parts if p[0] not in _LINKS]
            small = pattern is _PHRASE or all(p[0] == p[0].lower() for p in parts)
            known = {k.lower(): m for k, m in reversed(symbols.items())} if small else {}
            known |= symbols
            minerals = [known.get(p[0]) for p in parts]
            sure = sum(p[0] not in _ELEMENTS for p in parts)
            if None in minerals or sure < (1 if pattern is _PHRASE else 2):
                continue
            if any(p[0] in _WORDS and p[0] not in ("Mag", "Mt", "En", "en") for p in parts):
                continue
            for part, mineral in zip(parts, minerals, strict=True):
                found[part.span()] = (str(mineral), "abbreviation in an assemblage")
    for native in _NATIVE.finditer(text):
        found[native.span()] = (symbols[native[1]], "symbol of a native element")
    if any(text[a:b].islower() for a, b in found):  # "cp in sp, gn around"
        known = {k.lower(): m for k, m in reversed(symbols.items()) if k not in _WORDS}
        for m in _TOKEN.finditer(text):
            if m[0] in known and m[0] not in _WORDS | _EVERYDAY:
                found.setdefault(m.span(), (known[m[0]], "abbreviation beside an assemblage"))
    singles = [m for m in _TOKEN.finditer(text) if m[0] in symbols]
    sure = {m[0] for m in singles if m[0] not in _UNSAFE}
    if len(sure) >= 2 or (sure and found):
        for m in singles:
            # in company of sure ones, all but those that are often something else
            if m[0] not in _ELEMENTS and m[0] not in _WORDS:
                found.setdefault(m.span(), (symbols[m[0]], "common abbreviation"))
    spans = [(m.start, m.end) for m in taken]
    return [
        Mention(start, end, mineral, text[start:end], how)
        for (start, end), (mineral, how) in sorted(found.items())
        if not any(a < end and start < b for a, b in spans)
    ]
