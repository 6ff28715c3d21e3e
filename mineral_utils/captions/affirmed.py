"""Rules for denials that deny no mineral: "not only pyrite", "no lack of gold", "never rare".

Rules as in `denial`; these guard against it, with the role ``present``.
"""

from __future__ import annotations

from .denial import AUX, NOT_THERE, SEEN
from .grammar import LIST, MORE, PAIR, PART_OF, THING

_MORE = rf"{PART_OF}?{MORE}"

GUARDS = (
    (
        rf"\b(?:neither|nor)\s+(?P<x>{LIST})\s+(?:has|have|had|is|are|was|were|does|do|did"
        rf"|shows?)\s+(?:been\s+|yet\s+|\w+ly\s+)?"
        rf"(?!{SEEN}|{NOT_THERE}|been\b)\w+",
        "denied is only how it is",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:is|are|was|were|does|do|did|has|have)(?:\s+not|n't)\s+(?:been\s+)?"
        rf"(?:occur|found|associated|accompanied"
        rf"|intergrown|coexist)\w*\s+(?:with|by)\s",
        "denied is only the company",
    ),
    (
        r"\bno\s+(?:lack|shortage|want|dearth|absence|doubt|question|end|mistaking|overlooking"
        r"|escaping|missing"
        r"|less|fewer|scarcity)\b(?:\s+(?:of|about|than|that|it|this|is|are|the|a|an|here"
        r"|\d+\s*%|\w+\s+\w+\s+of"
        rf"|\w+\s+of)){{0,4}}\s+{_MORE}(?P<x>{LIST})",
        "surely there",
    ),
    (
        r"\bno(?:t\s+(?:a|one)(?:\s+single)?)?\s+(?:\w+\s+){1,3}(?:is\s+|are\s+|was\s+)?"
        r"(?:without|lacks?|free\s+of|devoid\s+of)"
        rf"\s+{_MORE}(?P<x>{LIST})",
        "everywhere",
    ),
    (
        r"\b(?:not\s+to\s+(?:mention|forget|overlook)|none\s+other\s+than|nothing\s+(?:less"
        r"|other)\s+than|no"
        rf"\s+other\s+than|not\s+(?:far|away)\s+from|by\s+no\s+means\s+(?:only"
        rf"|without))\s+{_MORE}(?P<x>{LIST})",
        "surely there",
    ),
    (
        rf"(?P<x>{LIST}){THING}\s+(?:can|could|is|are|may|must|should)\s*(?:not|n't|never"
        rf"|hardly)\s+(?:to\s+)?(?:be\s+)?"
        r"(?:missed|overlooked|ignored|mistaken|missing|absent|lacking|rare|uncommon|scarce"
        r"|forgotten|denied)",
        "surely there",
    ),
    (
        r"\b(?:(?:almost|nearly|virtually|practically|next\s+to)\s+no|not\s+(?:very\s+)?(?:much"
        r"|many"
        rf"|a\s+lot\s+of|all))\s+{_MORE}(?P<x>{LIST})",
        "little",
    ),
    (rf"\bno\s+other\s+(?:\w+\s+){{0,3}}than\s+{_MORE}(?P<x>{LIST})", "nothing but"),
    (
        r"(?:\bnot|n't)\s+(?:only|just|merely|simply|solely|exclusively)\s+(?:\w+\s+){0,2}?"
        rf"(?P<x>{LIST})",
        "not only",
    ),
    (
        r"\b(?:nothing|none|no(?:\s+\w+){0,4}?)\s+(?:but|except(?:\s+for)?|other\s+than|besides"
        rf"|else\s+than|apart\s+from|beyond|save)\s+{_MORE}(?P<x>{LIST})",
        "nothing but",
    ),
    (rf"\b(?:nicht nur|не только|no solo|pas seulement)\s+(?P<x>{LIST})", "not only"),
    (
        r"\bwithout\s+(?:a\s+)?(?:doubt|question|exception)\s*,?\s*(?:this\s+is\s+)?"
        rf"(?P<x>{LIST})",
        "without doubt",
    ),
    (
        r"\b(?:hardly|scarcely|barely)\s+(?:less|any|more|inferior)\s+"
        rf"(?P<x>{LIST})",
        "little",
    ),
    (rf"\bwith\s+or\s+without\s+{_MORE}(?P<x>{LIST})", "perhaps"),
    (rf"\bnot\s+(?:without|devoid\s+of|free\s+(?:of|from))\s+{_MORE}(?P<x>{LIST})", "not without"),
    (rf"(?P<x>{LIST})(?:\s+{AUX})?\s+not\s+(?:missing|absent|lacking|excluded)", "not missing"),
)
