"""Rules for minerals looked for in vain, outside the picture, or lost in polishing.

Rules as in `denial`, whose gate holds for these, too.
"""

from __future__ import annotations

from .grammar import LIST, MARKS, MINERAL, MORE, PAIR, PART_OF, THING

_MORE = rf"{PART_OF}?{MORE}"
_VIEW = r"(?:view|field|frame|picture|photo\w*|image|shot|crop|section|slice)"

ABSENT = (
    (
        r"\b(?:search|hunt|quest|look)\s+for\s+(?:\w+\s+)?(?P<x>{LIST})[^.;]{0,40}?\b"
        r"(?:unsuccessful|fruitless|in\s+vain|futile|failed|nothing|no\s+\w+)"
        r"|\b(?:attempts?|tries|efforts)\s+(?:to\s+\w+|at\s+\w+ing)\s+(?:\w+\s+)?"
        r"(?P<y>{LIST})[^.;]{0,40}?\b(?:fail|unsuccess|fruitless|vain|futile|nothing)"
        r"|\bimpossible\s+to\s+(?:find|see|detect|spot|show|identify|confirm)\s+(?:\w+\s+)?"
        r"(?P<z>{LIST})".replace("{LIST}", LIST),
        "looked for, not found",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:(?:was|were|is|are|has\s+been|had\s+been|have\s+been)\s+)?(?:expected"
        r"|looked\s+for|searched\s+for|sought|suspected|hoped\s+for|checked\s+for|assumed|presumed"
        rf"|claimed|predicted|anticipated|wanted)\b[^.;{MINERAL[1:-1]}]{{0,60}}?"
        r"(?:\b(?:but\s+(?!also|not\s+only)|not|none|no|never|in\s+vain|empty-?\s?handed"
        r"|fruitless\w*|without\s+(?:success|luck)|unsuccessfully|nowhere|cannot)\b"
        r"|n't)",
        "looked for, not found",
    ),
    (
        r"\b(?:look(?:ed|ing)?|search(?:ed|ing)?|hunt(?:ed|ing)?|check(?:ed|ing)?|hop(?:ed|ing)?"
        r"|test(?:ed|ing)?)\s+(?:(?P<v>in\s+vain|unsuccessfully)\s+)?(?:\w+\s+){0,4}?for\s+"
        rf"{_MORE}(?P<x>{LIST})(?(v)|[^.;]{{0,60}}?\b(?:in\s+vain|not|none|no|without|unsuccess\w+"
        r"|empty-?\s?handed|fruitless\w*)\b)",
        "looked for, not found",
    ),
    (rf"\bof\s+(?P<x>{LIST})\s*,?\s*(?:\w+\s+){{0,3}}(?:nothing|none|no\s+(?:trace|sign))", "none"),
    (
        rf"(?P<x>{LIST})\s+(?:[^.;:{MARKS}]{{0,40}}?\s)??(?:lies?|is|are|sits?|stays?|remains?"
        rf"|falls?|located)?"
        rf"[\s,]*(?:just\s+|well\s+|hidden\s+|below\s+the\s+surface\s+)?(?:outside(?:\s+of)?"
        rf"|out\s+of|beyond|off)\s+(?:of\s+)?"
        rf"(?:(?:this|the|our|my)\s+)?{_VIEW}",
        "outside the picture",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:is|are|was|were|belongs?|sits?|lies?|occurs?|comes?|stays?"
        rf"|remains?)\s+(?:shown\s+|seen\s+|only\s+|to\s+be"
        r"\s+(?:seen|found)\s+)?(?:to|in|on|from|at)\s+(?:another|a\s+different|the\s+(?:other"
        r"|next|previous|companion)|some\s+other"
        r"|a\s+neighbou?ring|other)\s+(?:\w+\s+)?(?:sections?|samples?|specimens?|slides?"
        r"|photo\w*|pictures?|images?|pieces?|parts?|views?|fields?"
        r"|slices?|blocks?|halves|half|mounts?|veins?)",
        "outside the picture",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:\w+\s+)?(?:was|were|has\s+been|have\s+been|is|are|got|fell"
        rf"|came)\s+(?:\w+ly\s+)?(?:(?:polished|plucked|pulled|torn|ground"
        r"|washed|etched|scratched|worn)\s+)?(?:away|out|off)(?=\s*(?:[.,;:!)]|$|during|while"
        r"|in\s+(?:polishing|preparation|the\s+course)|by|before"
        rf"|when|with))|(?P<y>{PAIR})\s+(?:\w+\s+){{0,3}}?lost\s+(?:in|during|while|to|on)\s+"
        rf"(?:\w+\s+)?(?:polish|prepar|grind|saw|cut)\w*",
        "lost in making the section",
    ),
    (
        rf"(?P<x>{PAIR})[^.;{MARKS}]{{0,60}}?\b(?:but|yet|though|although|however|still)\s*,?\s*"
        rf"(?:none|no\s+trace|nothing|not\s+a\s+\w+|no\s+\w+)(?:\s+of\s+(?:it|them))?\s+(?:is"
        rf"|was|are|were|can|could|has"
        r"|have|did|turned|came|appeared|shows?|seen|found|here|in\s+this)\b",
        "none of it here",
    ),
)
