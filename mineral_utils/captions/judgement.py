"""What a text says of each mineral that it names: that it is there, or something else."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from functools import cache

from . import (
    affirmed,
    bynames,
    denial,
    elsewhere,
    foreign,
    likeness,
    loss,
    russian,
    supposition,
    unseen,
)
from .grammar import METAL_MARK, MINERAL, NAMED_MARK, NAMED_METAL_MARK, PLAIN_MARK, sentences
from .lexicon import METALS
from .mention import Mention
from .reference import only_these, said_later

_BARE = re.compile(
    r"(?:gold|silver|copper|bismuth|graphite|oro|silber|wismut|bismuto|золот\w*|серебр\w*"
    r"|мед\w*)s?",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"\b(?:abbrev\w*|legend|key|сокращени\w+|обозначени\w+|Abk\w*|Legende)\s*[:.]", re.IGNORECASE
)
_DEFINED = re.compile(r"[A-Za-z]{1,4}\s*=\s*$"), re.compile(r"\s*=\s*[A-Za-z]{1,4}(?!\w)")
_EXPLAINS = re.compile(r"[\"')\]]?\s*[=:,\u2013\u2014-]\s*[\"'(\[]?")
_MARK = re.compile(MINERAL)


# "Galena (Gn), sphalerite (Sp).": at least two, one alone only says what is shown
_ONLY_NAMES = re.compile(
    rf"\s*(?:{MINERAL}\s*[(\[]{MINERAL}[)\]]\s*(?:,|;|&|\+)?\s*(?:and\s+)?){{2,}}[.;]?\s*"
)
_ONLY_A_LIST = re.compile(rf"[\s,;/&+().:]*(?:{MINERAL}[\s,;/&+().:]*)+")


@cache
def _rules() -> tuple:
    """Groups of rules in the order in which they count: role, gate, (reason, pattern) of each."""
    groups = (
        ("place", bynames.PLACE_GATE, bynames.PLACE),
        ("person", bynames.PERSON_GATE, bynames.PERSON),
        ("word", bynames.WORD_GATE, bynames.WORD),
        ("present", denial.GATE, affirmed.GUARDS),
        ("present", likeness.GATE, likeness.GUARDS),
        ("present", russian.GATE, russian.GUARDS),
        ("present", supposition.GATE, supposition.GUARDS),
        ("absent", supposition.GATE, supposition.SUPPOSED),
        ("elsewhere", elsewhere.GATE, elsewhere.MINED),
        ("elsewhere", russian.GATE, russian.ELSEWHERE),
        ("elsewhere", foreign.MINED_GATE, foreign.MINED),
        ("former", loss.FORMER_GATE, loss.FORMER),
        ("former", russian.GATE, russian.FORMER),
        ("compared", supposition.GATE, supposition.LIKENED),
        ("compared", likeness.GATE, likeness.COMPARED),
        ("compared", foreign.COMPARED_GATE, foreign.COMPARED),
        ("compared", russian.GATE, russian.COMPARED),
        ("absent", denial.GATE, denial.ABSENT),
        ("absent", denial.GATE, unseen.ABSENT),
        ("absent", foreign.ABSENT_GATE, foreign.ABSENT),
        ("absent", russian.GATE, russian.ABSENT),
    )
    return tuple(
        (role, gate, [(reason, re.compile(pattern, re.IGNORECASE)) for pattern, reason in rules])
        for role, gate, rules in groups
    )


def judged(text: str, mentions: Sequence[Mention]) -> list[tuple[str, str]]:
    """Role and reason of each mention.

    Parameters
    ----------
    text : str
        Plain text.
    mentions : sequence of Mention
        In order, not overlapping, except that several may share one span.
    """
    roles: dict[int, tuple[str, str]] = {}
    masked, places = _masked(text, mentions)
    spans = sentences(masked)
    for at, verdict in said_later(masked, spans).items():
        roles[places[at]] = verdict
    for start, end in spans:
        sentence = masked[start:end]
        marks = [start + m.start() for m in _MARK.finditer(sentence)]
        if marks:
            for at, verdict in _of_sentence(sentence).items():
                roles.setdefault(places[start + at], verdict)
    first = {m.start: i for i, m in reversed([*enumerate(mentions)])}
    out = []
    in_key = _KEY.search(text) is not None
    defined = _in_key(text, mentions)
    for start, end in spans:
        if _ONLY_NAMES.fullmatch(masked, start, end):
            marks = [places[m.start()] for m in _MARK.finditer(masked, start, end)]
            pairs = zip(marks[::2], marks[1::2], strict=True)
            if all(mentions[name].mineral == mentions[short].mineral for name, short in pairs):
                defined.update(marks)
    for number, mention in enumerate(mentions):
        role = roles.get(first[mention.start])
        if role is None and bynames.is_town(mention.mineral, text[mention.end :]):
            role = ("place", "name of a town") if mention.word[0].isupper() else None
        if role is None:
            known = (
                number in defined
                or in_key
                or _DEFINED[0].search(text[max(0, mention.start - 8) : mention.start])
            )
            known = known or _DEFINED[1].match(text, mention.end)
            role = ("key", "explained") if known else ("present", "said to be there")
        out.append(role)
    shown = only_these(masked)
    if shown is not None:
        named = {mentions[places[mark]].mineral for mark in shown}
        out = [
            ("absent", "explained, but only others are said to be seen")
            if role == "key" and mention.mineral not in named
            else (role, reason)
            for mention, (role, reason) in zip(mentions, out, strict=True)
        ]
    return out


def _in_key(text: str, mentions: Sequence[Mention]) -> set[int]:
    """Mentions that only explain an abbreviation: "Py = pyrite", "Gn - galena"."""
    found: set[int] = set()
    for i, (short, name) in enumerate(itertools.pairwise(mentions)):
        if (
            "abbreviation" in short.how
            and short.mineral == name.mineral
            and _EXPLAINS.fullmatch(text, short.end, name.start)
        ):
            found |= {i, i + 1}
    return found


def _masked(text: str, mentions: Sequence[Mention]) -> tuple[str, dict[int, int]]:
    """Text with a mark for each mention, and from where a mark stands to its first mention."""
    loud = sum(map(str.isupper, text)) > 0.7 * max(12, sum(map(str.isalpha, text)))
    pieces, places, end, length = [], {}, 0, 0
    for i, mention in enumerate(mentions):
        if mention.start < end:
            continue
        before = text[end : mention.start]
        named = mention.word[0].isupper() and not loud and "abbreviation" not in mention.how
        metal = mention.mineral in METALS and _BARE.fullmatch(mention.word)
        mark = (
            (NAMED_METAL_MARK if named else METAL_MARK)
            if metal
            else (NAMED_MARK if named else PLAIN_MARK)
        )
        pieces += [before, mark]
        length += len(before)
        places[length] = i
        length += 1
        end = mention.end
    masked = "".join(pieces) + text[end:]
    return (masked.lower() if loud else masked), places


def _of_sentence(sentence: str) -> dict[int, tuple[str, str]]:
    """Where a mark stands in a sentence -> role and reason; marks that are present are left out."""
    roles: dict[int, tuple[str, str]] = {}
    if _ONLY_A_LIST.fullmatch(sentence) and "?" not in sentence:
        return roles
    lower = sentence.lower()
    for role, gate, rules in _rules():
        # the gates of people see capital letters, the others are quicker without
        opens = gate.search(sentence if role in ("person", "place", "word") else lower)
        for reason, pattern in rules if opens else ():
            for match in pattern.finditer(sentence):
                for group in ("x", "y", "z"):
                    if group in pattern.groupindex and match[group] is not None:
                        for mark in _MARK.finditer(sentence, *match.span(group)):
                            roles.setdefault(mark.start(), (role, reason))
    if len(roles) < len(_MARK.findall(sentence)) and elsewhere.GATE.search(lower):
        waiting = None  # "in the next photo: gold"
        for start, end in _clauses(sentence):
            marks = [*_MARK.finditer(sentence, start, end)]
            found = (r for p, r in elsewhere.ELSEWHERE if _elsewhere(p, sentence, start, end))
            reason = next(found, waiting if sentence[start] in ":\u2013-" else None)
            waiting = reason if not marks else None
            for mark in marks if reason else ():
                roles.setdefault(mark.start(), ("elsewhere", reason))
    return roles


def _elsewhere(pattern: re.Pattern, sentence: str, start: int, end: int) -> bool:
    """Whether a clause speaks of another picture, and does not say "as in the last picture"."""
    match = pattern.search(sentence, start, end)
    return match is not None and not elsewhere.ALIKE.search(sentence, start, match.start())


def _clauses(sentence: str) -> list[tuple[int, int]]:
    cuts = [m.start() for m in elsewhere.CLAUSE.finditer(sentence)]
    return [*zip([0, *cuts], [*cuts, len(sentence)], strict=True)]
