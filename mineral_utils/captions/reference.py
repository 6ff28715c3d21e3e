"""What later words say of minerals named before: "the latter is absent", "Gold? There is none",
"both are visible", "galena. Correction: stibnite".

The other rules read one sentence; these look back from such words to the names they stand for.
Like them they see minerals as marks (see `grammar`), and what they say goes before the others.
"""

from __future__ import annotations

import re

from .grammar import MARKS, MINERAL, PAIR

LOOKED_BACK = 240  # characters in which the names are sought
_MARK = re.compile(MINERAL)
_AGAIN = re.compile(
    r"\b(?P<which>(?:the\s+|this\s+)?(?:latter|last-named|second\s+(?:one|of\s+the\s+two)|former"
    r"|first-named"
    r"|first\s+(?:one|of\s+the\s+two)))\b(?:\s+(?:mineral|one|two|phase))?",
    re.IGNORECASE,
)
_SECOND = re.compile(r"latter|last|second", re.IGNORECASE)
_ONLY_ONE = re.compile(  # before the word: what is said holds for that one alone
    r"(?:\bonly|\bjust|\bsolely|\bit\s+is|\bthis\s+is|\bit's|\bthis\s+one\s+is|\bis\s+clearly"
    r"|\bhere\s+(?:it\s+is|is|we\s+(?:see|have))|\bfavou?r(?:s|ed)?|\bpoints?\s+to|\bconfirm(?:s"
    r"|ed)?"
    r"|\bprov(?:es?|ed)(?:\s+to\s+be)?|\bspeaks?\s+for|\bindicates?|\bshows?|\bsupports?"
    r"|\bsuggests?"
    r"|\bsettled?\s+(?:on|for)|\bdecided?\s+(?:on|for)|\bchose|\bturn(?:s|ed)\s+out\s+to\s+be)\s*$",
    re.IGNORECASE,
)
_LONE = re.compile(  # after it
    r"\s*,?\s*(?:alone|only|instead|is\s+(?:right|correct|the\s+case|true|meant)|it\s+is|wins?\b)",
    re.IGNORECASE,
)
_NOT = (
    r"(?:is|are|was|were|has|have|had|does|do|did|can|could|will|would)(?:\s+(?:also|clearly|here"
    r"|however|simply|both|all))?(?:\s*n't|\s*not|\s+never|not)\b"
)
_SEEN = (
    r"(?:visible|seen|present|found|shown|here|there|in\s+(?:this|the|view)\b|observed|detected"
    r"|recogni[sz]\w+|been|be\s+\w+|occur|appear|show\s+up|exist|turn\s+up|\s*[.,;!)]|\s*$)"
)
_GONE = re.compile(
    rf"\s*,?\s*(?:\([^)]*\)\s*)?(?:however\s*,?\s*)?(?:{_NOT}\s*(?:\w+ly\s+)?{_SEEN}|(?:is|are"
    rf"|was|were|being|remains?)\s+"
    r"(?:\w+\s+)?(?:absent|missing|lacking|excluded|ruled\s+out|invisible|nowhere|wanting|gone"
    r"|outside"
    r"|elsewhere|out\s+of)|not\s+(?:visible|seen|present|found|shown|here|observed|detected)|absent"
    r"|missing|fails?\s+to|(?:has|have|had|is|are)\s+(?:\w+\s+){0,2}?(?:vanished|disappeared)"
    r"|(?:is|are|was|were|has\s+been|have\s+been|being|now)?\s*(?:completely|fully|entirely|totally"
    r"|wholly)\s+(?:\w+ed|gone|replaced)\b)",
    re.IGNORECASE,
)
_SOME = re.compile(
    r"\b(?:relics?|relicts?|remnants?|remains|cores?|remainders?|rests?|islands?)\s+of\s*$",
    re.IGNORECASE,
)
_FREE = re.compile(r"(?:\bno|\bwithout|\black(?:s|ing)|\bnot|\babsence\s+of|\bexclud\w+)\s*$", re.I)
_BOTH = re.compile(
    r"\b(?:both|the\s+two|all\s+(?:three|four|five|of\s+(?:them|these|which))|they|each)\s+"
    r"(?:minerals\s+|of\s+"
    r"(?:them|these|which)\s+|phases\s+)?(?:are|can\s+be|is|occur|appear|coexist|lie|sit"
    r"|exist)\s*(?:clearly\s+|well\s+"
    r"|plainly\s+|easily\s+|to\s+be\s+|side\s+by\s+side\s*)?(?:visible|seen|present|shown|here"
    r"|in\s+(?:view"
    r"|this|the|one)|there|found|recogni[sz]\w+|together|abundant|common|side)",
    re.IGNORECASE,
)
_BOTH_OTHERWISE = re.compile(
    r"\bboth\s+(?:in|within|with|on)\s|\b(?:оба|обе|все\s+три)\s+(?:\w+\s+)?(?:минерал|фаз|видн"
    r"|присутств|есть)|\bbeide\s+(?:sind\s+)?(?:sichtbar"
    r"|vorhanden|zu\s+sehen)",
    re.IGNORECASE,
)
_ONLY_THESE = re.compile(
    rf"\b(?:only|just)\s+{PAIR}\s+(?:(?:can|could)\s+be|is|are|was|were|occurs?|appears?)\s*"
    rf"(?:clearly\s+|actually\s+)?"
    r"(?:seen|visible|present|shown|here|in\s+(?:view|this|the)|found|recogni[sz]\w+)"
    rf"|{PAIR}\s+(?:is|are)\s+the\s+only\s+\w+\s+(?:visible|seen|present|shown|here|in\s+(?:view"
    rf"|this|the))",
    re.IGNORECASE,
)
_NONE = re.compile(  # a sentence that only denies
    r"\s*(?:but\s+|alas\s*,?\s*|sadly\s*,?\s*|sorry\s*,?\s*|unfortunately\s*,?\s*|well\s*,?\s*"
    r"|yet\s+)?(?:there\s+(?:is|are|was"
    r"|were)\s+(?:simply\s+)?(?:none|no\s+such|not\s+any)|none(?:\s+(?:\w+\s+)?(?:seen|found|here"
    r"|visible|detected|at\s+all|whatsoever|present|in\s+\w+(?:\s+\w+)?|was\s+\w+|is\s+\w+))?"
    r"|nowhere"
    r"(?:\s+to\s+be\s+(?:seen|found))?|(?:it|they)\s+(?:is|are|was|were|do|does|did|has|have"
    r"|could|can)(?:\s*n't|\s+not"
    r"|not)\s+(?:\w+\s+)?(?:here|there|present|visible|seen|shown|found|occur|appear|turn\s+up"
    r"|show\s+up"
    r"|in\s+(?:this|the|view)|detected|exist|be\s+\w+|been\s+\w+)|(?:it|they)\s+(?:is|are|was"
    r"|were)\s+(?:absent|missing"
    r"|nowhere)|(?:not|never)\s+(?:here|there|seen|found|in\s+(?:this|the)\b|a\s+(?:trace|speck"
    r"|grain|bit)|at\s+all"
    r"|present|visible|observed|detected)|no\s+(?:luck|such\s+luck|trace|sign|chance|way)"
    r"|in\s+vain|absent|missing"
    r"|(?:no\s*,\s*)?(?:it|this|they|these)\s+(?:is|are|was|were)(?:\s+not|n't)(?=\s*[.!])"
    r"|nothing\s+of\s+the\s+(?:kind|sort)|nope|nein|его\s+нет|их\s+нет|ее\s+нет|нет|не\s+видно|увы)"
    r"(?=\s*(?:[.,;:!]|$|in\b|here\b|on\b|this\b|that\b|to\b|of\s+(?:it|them)\b|either\b|\u2013"
    r"|-))",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\?\s*$|\b(?:hop(?:e|ed|ing)|look(?:ed|ing)?|search(?:ed|ing)?|expect(?:ed)?|hunt(?:ed"
    r"|ing)?|wanted"
    r"|want|sought|seek\w*|wish\w*|promised|suspected|predicted|anticipated|listed|label\w*"
    r"|wonder\w*"
    r"|check(?:ed)?\s+for|test(?:ed)?\s+for|reported|claimed)\b|^\s*(?:and|what\s+about|but)\b",
    re.IGNORECASE,
)
_TAKEN_BACK = re.compile(
    r"\s*(?:[(\[]\s*)?(?:(?:correction|corrigendum|erratum|edit|update|upd|errata)\s*"
    r"(?:\([^)]*\)\s*)?[:,\u2013-]+\s*(?=(?:it\s+is\s+"
    rf"|it's\s+|this\s+is\s+|now\s+|actually\s+|is\s+|really\s+|should\s+(?:be|read)\s+)?"
    rf"(?:{MINERAL}|[a-z]+ite\b))"
    r"|(?:it\s+)?(?:turned\s+out|proved)\s+to\s+be\s|wrong\s*[!,:.]|no\s*,\s*(?:that\s+was|this\s+was|i\s+was)\s+(?:wrong|a\s+mistake)|(?:that"
    r"|this)\s+(?:was"
    r"|is|proved|turned\s+out)\s+(?:to\s+be\s+)?(?:wrong|a\s+mistake|an?\s+error|incorrect"
    r"|not\s+(?:so|true"
    r"|the\s+case|correct))|(?:i|we)\s+(?:was|were|stand|am)\s+(?:wrong|mistaken|corrected)"
    r"|scratch\s+that"
    r"|strike\s+that|i\s+(?:take|took)\s+(?:that|it)\s+back|my\s+mistake|not\s+so\s*[!,:.]"
    r"|far\s+from\s+it"
    r"|i\s+(?:now\s+)?retract|i\s+withdraw)",
    re.IGNORECASE,
)


def only_these(masked: str) -> list[int] | None:
    """Marks of "only Bn and Cv can be seen here", or None where nothing of that kind is said."""
    said = _ONLY_THESE.search(masked)
    if said is None:
        return None
    return [m.start() for m in _MARK.finditer(masked, *said.span())]


def said_later(masked: str, sentences: list[tuple[int, int]]) -> dict[int, tuple[str, str]]:
    """Where marks stand whose role later words change -> role and reason.

    Parameters
    ----------
    masked : str
        Text with marks for minerals.
    sentences : list of (int, int)
        Where its sentences begin and end.
    """
    roles: dict[int, tuple[str, str]] = {}
    for word in _AGAIN.finditer(masked):
        _former_or_latter(masked, word, roles)
    for (start, end), (after, stop) in zip(sentences, sentences[1:], strict=False):
        before, sentence = masked[start:end], masked[after:stop]
        if not _MARK.search(before):
            continue
        if _NONE.match(sentence) and _ASKS.search(before.rstrip(" ")):
            reason = "the next sentence says that there is none"
        elif _TAKEN_BACK.match(sentence):
            reason = "the next sentence takes it back"
        else:
            continue
        for mark in _last_list(masked, start, end):
            roles.setdefault(mark, ("absent", reason))
    for pattern in (_BOTH, _BOTH_OTHERWISE):
        for word in pattern.finditer(masked):
            at = next(i for i, (a, b) in enumerate(sentences) if a <= word.start() < b)
            start = sentences[at][0]
            for earlier in range(at - 1, max(-1, at - 3), -1):
                if _MARK.search(masked, start, word.start()):
                    break
                start = sentences[earlier][0]
            if re.search(r"\b(?:not|n't|neither|nor|no)\b", masked[start : word.start()], re.I):
                continue
            for mark in _MARK.finditer(masked, start, word.start()):
                roles.setdefault(mark.start(), ("present", "both are said to be there"))
    return roles


def _last_list(masked: str, start: int, end: int) -> list[int]:
    """Marks of the last list of minerals in a sentence."""
    lists = [*re.finditer(PAIR, masked[start:end], re.IGNORECASE)]
    lists = [m for m in lists if _MARK.search(m[0])]
    if not lists:
        return []
    return [start + lists[-1].start() + m.start() for m in _MARK.finditer(lists[-1][0])]


def _former_or_latter(masked: str, word: re.Match[str], roles: dict[int, tuple[str, str]]) -> None:
    """Judges the two minerals of which a word means one."""
    start = max(0, word.start() - LOOKED_BACK)
    marks = [m.start() for m in _MARK.finditer(masked, start, word.start())]
    if len(marks) < 2 or re.match(rf"\s+[{MARKS}]", masked[word.end() :]):
        return  # "former pyrite"
    second = _SECOND.search(word["which"]) is not None
    meant, other = (marks[-1], marks[-2]) if second else (marks[-2], marks[-1])
    before, after = masked[start : word.start()], masked[word.end() :]
    if _SOME.search(before):
        roles[meant] = ("present", f"some of {word['which']} is left")
    elif _GONE.match(after) or _FREE.search(before):
        roles[meant] = ("absent", f"{word['which']} is said not to be there")
    elif _ONLY_ONE.search(before) or _LONE.match(after):
        roles[other] = ("absent", f"only {word['which']} is said to be there")
