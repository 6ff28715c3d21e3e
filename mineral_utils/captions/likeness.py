"""Rules for minerals that a text compares with what is in the picture.

Rules as in `denial`.
"""

from __future__ import annotations

import re

from .grammar import ITEM, LIST, MARKS, MINERAL, MORE, PAIR

_OF = (
    r"(?:(?:that|those|the\s+one|the\s+ones|the\s+\w+|its|some|most|a|an|any|typical|of|in|for|to)"
    r"\s+){0,3}"
)
# no commas: "unlike pyrite, galena is soft"
_BOTH = rf"{ITEM}(?:(?:\s*/\s*|\s+(?:and|or|nor|und|oder|и|или|y|o|et|ou)\s+){ITEM})*"
_QUALITY = (
    r"(?:colou?rs?|lustre|luster|shine|sheen|hue|tint|tone|reflectance|reflectivity|brightness"
    r"|hardness|habit|look|looks|appearance|aspect|guise|softness|cleavage|shape|anisotropy"
    r"|yellow|white|grey|gray|blue|pink|brown)"
)
# the compared mineral is beside it, in the same picture
_BESIDE = (
    r"(?:adjacent|neighbou?ring|surrounding|nearby|adjoining|enclosing|host|accompanying|enclosed"
    r"|associated|intergrown|coexisting|next|other)"
)
_THERE = (
    r"(?=\s+(?:next\s+to|beside|around|nearby|adjacent|to\s+(?:its|the)\s+\w+|at\s+|on\s+the|below"
    r"|above|here|in\s+(?:the|this)|alongside|\())"
)

GUARDS = (
    (
        rf"\bunlike\s+(?:the|its)\s+(?P<x>{PAIR})\s+(?:in|at|on|of|below|above|to)\s+the\s+"
        rf"(?:\w+\s+)?(?:left|right|upper|lower|top|bottom|part|half|corner|cent(?:re|er)|rim"
        rf"|core|middle|edge)",
        "compared, but beside it",
    ),
    (
        rf"\b(?:more|less|fewer)\s+(?:of\s+(?:the\s+)?)?{ITEM}\s+than\s+(?:of\s+)?(?P<x>{PAIR})",
        "compared is only how much",
    ),
    (
        r"\b(?:later|earlier|older|younger|sooner|deeper|rarer|more\s+(?:common|abundant|frequent)"
        rf"|less\s+(?:common|abundant|frequent))\s+than\s+{MORE}(?P<x>{LIST})",
        "compared, but in the same section",
    ),
    (
        rf"\b(?:than|from|to|with|unlike|resembles|like|as)\s+(?:\w+\s+){{0,2}}{_BESIDE}\s+"
        rf"(?P<x>{LIST})",
        "compared, but beside it",
    ),
    (
        rf"\bthan\s+(?:the|its|this|these)\s+(?:\w+\s+)?(?P<x>{LIST})"
        rf"(?!\s+(?:of|from|in\s+(?:my|other|another)|shown|elsewhere|does|do|would|is)\b)",
        "compared, but beside it",
    ),
    (
        r"\b(?:in\s+contrast|compared|as\s+opposed)\s+(?:to|with)\s+the\s+(?:\w+\s+)?"
        rf"(?P<x>{LIST})(?!\s+(?:of|from|in\s+(?:my|other|another)|shown|elsewhere)\b)",
        "compared, but beside it",
    ),
    (rf"\bthan\s+(?:\w+\s+)?(?P<x>{PAIR}){_THERE}", "compared, but beside it"),
)

COMPARED = (
    (
        rf"(?P<x>{MINERAL}(?:\s*(?:/|-|or|and)\s*{MINERAL})*)(?:-?(?:like|ish|esque|oid)\b"
        rf"|[\s-]?look-?alikes?"
        r"|\slike(?=\s+(?:mineral|phase|lust|colou?r|appearance|grain|material|look|sheen"
        r"|substance)))",
        "-like",
    ),
    (
        r"(?<!-)\b(?:unlike|like|resembl\w+|mimic\w*|imitat\w+|simulat\w+|masquerad\w+\s+as"
        r"|posing\s+as|(?:ringer|lookalike|look-alike|double)\s+(?:for|of)|reminiscent\s+of"
        r"|recall(?:s|ed|ing)?"
        r"|remind(?:s|ed|ing)?\s+(?:\w+\s+)?of|suggests?|suggestive\s+of|evok\w+|akin\s+to"
        r"|analogous\s+to"
        r"|similar(?:ly)?(?:\s+in\s+\w+(?:\s+and\s+\w+)?)?\s+to|comparable\s+(?:to|with)"
        r"|compar(?:e|ed|ing|ison|able)\s+(?:it\s+|this\s+)?(?:to|with)|in\s+contrast\s+(?:to"
        r"|with)|as\s+opposed\s+to"
        r"|contrary\s+to|as\s+with|(?:the\s+)?same\s+(?:\w+\s+){0,3}as|(?:relative"
        r"|in\s+comparison|by\s+comparison)\s+(?:to|with)|equal\s+to|the\s+way)"
        rf"\s+{_OF}{MORE}(?P<x>{_BOTH})",
        "compared with",
    ),
    (
        r"\b(?:mistak\w+|mistook|misidentif\w+|mislabel\w*|confus\w+|taken|took|take|takes|pass"
        r"(?:es|ed)?"
        r"|mixed\s+up|interpreted|misinterpreted|misread|listed|labell?ed|thought|believed"
        r"|determined|described|regarded|held)\s+(?:(?:this|it|them|that|these|at\s+first|first"
        r"|easily"
        rf"|initially|often|the|this|{MINERAL}|(?:the|this)\s+\w+|earlier|once"
        rf"|originally)\s+){{0,4}}"
        r"(?:for|with|as|to\s+be|it\s+was|it\s+to\s+be|this\s+was)\s+"
        rf"{_OF}{MORE}(?P<x>{_BOTH})",
        "may be taken for",
    ),
    (
        r"\b(?:thinks?|thought|thinking|suspect\w*|guess(?:ed)?|expect(?:ed)?|assum\w+"
        r"|reckoned)\s+(?:\w+\s+)?"
        rf"(?:of|it\s+(?:was|is)|this\s+(?:was|is)|that\s+it\s+(?:was|is))\s+{MORE}(?P<x>{_BOTH})",
        "thought of",
    ),
    (
        r"\b(?:intermediate|colou?r|reflect\w+|hardness|brightness|hue|tint|falls|somewhere"
        r"|halfway|midway"
        rf"|properties)\s+(?:\w+\s+){{0,3}}between\s+{_OF}(?P<x>{_BOTH})",
        "between the two",
    ),
    (
        r"\b(?:difficult|hard|easy|easier|impossible|possible|how|need\w*)\s+to\s+(?:distinguish"
        r"|tell"
        rf"|discriminate|separate)\s+(?P<x>{ITEM})\s+(?:from|and)\b",
        "distinguished from",
    ),
    (rf"\b(?:mistake|confuse|take)\s+(?P<x>{ITEM})\s+(?:for|with)\b", "may be taken for"),
    (rf"\b(?:that|those)\s+of\s+{MORE}(?P<x>{_BOTH})", "compared with"),
    (
        r"\b(?:analogues?|polymorphs?|dimorphs?|relatives?|cousins?|counterparts?|equivalents?"
        r"|isostructural|isotyp\w+"
        rf"|dimorphous|isomorphous|related)\s+(?:of|to|with)\s+{_OF}(?P<x>{_BOTH})",
        "related to",
    ),
    (
        r"\b(?:approach(?:es|ing)|rival(?:s|ling|ing|led|ed)?|outshin\w+|surpass\w*|exceed\w*"
        r"|smack\w*\s+of|verg\w+\s+on"
        rf"|approximat\w+|matching|hint(?:s|ing)\s+at|passes?\s+as)\s+(?!the\s)(?:that\s+of\s+)?"
        rf"(?P<x>{_BOTH})",
        "compared with",
    ),
    (
        rf"\bin\s+{_QUALITY}\b[^.;:,{MARKS}]{{0,40}}?\b(?:to|from|like|as|with|match\w*|equals?"
        rf"|equalling|near)\s+{_OF}(?P<x>{_BOTH})",
        "only its colour",
    ),
    (
        rf"\b(?:reflect\w+|hardness|brightness|R(?=\s))\s*(?:\w+\s+)?(?:above|below|under|over"
        rf"|near|about|around|equals?|equalling|between|exceeding)\s+{_OF}{MORE}(?P<x>{_BOTH})"
        rf"|\b(?:has|have|with|shows?|of)\s+(?P<y>{MINERAL})'s\s+{_QUALITY}|\ban?\s+(?:\w+\s+)?"
        rf"(?P<z>{MINERAL})\s+(?:colou?r|tint|lust(?:re|er)|hue|tone|sheen)\b",
        "only its colour",
    ),
    (rf"(?P<x>{MINERAL})-(?:looking|resembling|imitating|mimicking|style)\b", "-like"),
    (rf"\b(?:cf\.?|for\s+comparison\s*[,:]?\s*see)\s+{MORE}(?P<x>{_BOTH})", "compared with"),
    (rf"\bthan\s+{_OF}{MORE}(?P<x>{_BOTH})", "compared with"),
    (
        rf"\b(?:as|so)\s+(?!well\s+as)(?:\w+\s+)?\w+\s+(?:\w+\s+)?as\s+{_OF}{MORE}(?P<x>{_BOTH})",
        "as ... as",
    ),
    (
        r"\b(?:red|white|yellow|bright|black|gr[ae]y|brown|blue|pink|hard|soft|shiny|dark|heavy"
        r"|green)"
        rf"\s+as\s+(?P<x>{_BOTH})",
        "as ... as",
    ),
    (
        r"\b(?:differ\w*|distinguish\w*|distinct|discriminat\w+|told\s+apart|told|tell|separated"
        r"|different|discernible|indistinguishable|inseparable|indiscernible|recogni[sz]ed)\s+"
        r"(?:it\s+|this\s+|easily\s+|apart\s+|clearly\s+|here\s+"
        rf"|{MINERAL}\s+|\w+ly\s+|in\s+\w+\s+){{0,2}}from\s+{_OF}{MORE}(?P<x>{_BOTH})",
        "distinguished from",
    ),
    (
        rf"\b(?:colou?rs?|lustre|luster|shine|sheen|hue|tint|tone|guise|reflectance|brightness"
        rf"|hardness"
        rf"|yellow|white|grey|gray|softness|look|appearance)\s+(?:of|like|close\s+to|near(?:ly)?"
        rf"|similar"
        rf"\s+to)\s+(?:that\s+of\s+)?(?:native\s+|pure\s+|polished\s+)?(?P<x>{_BOTH})"
        r"(?!\s+(?:recall\w*|resembl\w*|is|was|here|remind\w*|looks?|stands?|in\s+this|in\s+air"
        r"|under|shows?|varies"
        rf"|changes?|betrays?|tells?|and\s+{MINERAL}|next\s+to|against)\b)(?<!the\s[{MARKS}])",
        "only its colour",
    ),
    (
        rf"\b{_QUALITY}\s+(?:is\s+|are\s+|was\s+)?(?:very\s+|rather\s+|quite\s+|nearly\s+)?"
        rf"(?:close\s+to"
        rf"|near|similar\s+to|like|as\s+(?:in|of|for))\s+{_OF}(?P<x>{_BOTH})",
        "only its colour",
    ),
    (
        rf"^\s*(?:or\s+|perhaps\s+|maybe\s+)?(?P<x>{_BOTH})\s*\?\s*$",
        "only asked",
    ),
    (
        rf"[\"'](?P<x>{_BOTH})[\"']\s+(?:is|are|was|were|turned|proved|has|ist|это)\b",
        "only called so",
    ),
    (
        r"\b(?:supposed|alleged|putative|would-be|pretended|so-called|sogenannt\w*"
        r"|vermeintlich\w*|мнимы\w*|supuest[oa])"
        rf"\s+[\"']?(?P<x>{_BOTH})",
        "only supposed",
    ),
    (
        rf"\bshar(?:es?|ed|ing)\s+(?:\w+\s+){{1,4}}with\s+(?!the\s){MORE}(?P<x>{_BOTH})|:\s*as\s+"
        rf"(?P<y>{_BOTH})(?=\s*(?:[,.;]|$))",
        "compared with",
    ),
    (rf"(?:^|[,;]\s*)as\s+(?:in|for|with)\s+{MORE}(?P<x>{_BOTH})(?=\s*,)", "as in"),
    (
        rf"\b(?:appears?|seems?|looks?)\s+to\s+be\s+(?P<x>{_BOTH})(?=\s+(?:is|was|are|turned"
        rf"|proved|but)"
        rf"|\s*,?\s+but\b)",
        "only seems to be",
    ),
    (
        rf"(?P<x>{_BOTH})(?:\s+\w+)?\s*\?+\s*(?:no|nope|not|nein|нет|non)\b",
        "asked and denied",
    ),
    (
        rf"\b(?:could|might|may|would|can)\s+(?:\w+\s+)?(?:pass|be\s+taken|do)\s+for\s+"
        rf"(?P<x>{_BOTH})",
        "may be taken for",
    ),
)

GATE = re.compile(  # no rule of COMPARED fits a sentence without one of these
    r"like|ish\b|analog|that\s+of|those\s+of|cf|[\"']|between|ringer|double|posing|masquer|esque"
    r"|oid|resembl|mimic|imitat|simulat|reminisc|recall|remind|suggest|evok|akin|similar|compar"
    r"|contra|opposed|\bas\b|same|equal|the\s+way|mista?[ko]|misid|mislab|confus|take|took|pass"
    r"|mixed|mis"
    r"|interpret|listed|label|sold|though|thought|think|believ|determin|describ|regard|held"
    r"|suspect|guess|expect"
    r"|assum|reckon|than|differ|distin|discrim|told|tell|separated|discern|recogni|colou?r|lust"
    r"|shine|sheen"
    r"|hue|tint|tone|guise|reflect|bright|hard|yellow|white|gr[ae]y|soft|look|appear|habit|seem"
    r"|aspect"
    r"|suppos|alleged|putative|would-be|pretend|so-called|vermeint|мним|supuest|\?|could|might"
    r"|may|can"
    r"|analog|morph|relat|cousin|counterpart|equiv|iso|approach|rival|outshin|surpass|exceed"
    r"|smack|verg|approx|match|hint|style|shar"
    r"|shape|cleav|anisotr|blue|pink|brown",
)
