"""Rules for minerals that are no more: replaced, dissolved, only their shape left.

Rules as in `denial`.
"""

from __future__ import annotations

import re

from .grammar import ITEM, MINERAL, MORE, OTHER, PAIR, PART_OF, THING

_MORE = rf"{PART_OF}?{MORE}"
_ABOUT = r"(?:\s*,\s*[^,;:]{1,60}?,)"
_FULLY = (
    r"(?<!almost )(?<!nearly )(?<!not )(?<!virtually )(?:completely|complete|fully|entirely|totally"
    r"|wholly|thoroughly|throughout|altogether|100 ?%|utterly|in\s+(?:its|their)\s+entirety"
    r"|in\s+toto|to\s+completion|quantitatively|exhaustively|without\s+remains|without\s+a\s+trace"
    r"|to\s+the\s+last|vollstandig|vollig|ganz|komplett|полностью|нацело|целиком|completamente"
    r"|totalmente|completement)"
)
_CHANGED = (
    r"(?:replaced|altered|converted|transformed|oxidi[sz]ed|pseudomorphed|pseudomorphosed|turned"
    r"|changed|consumed|digested|marti?ti[sz]ed|weathered|destroyed|dissolved|limoniti[sz]ed"
    r"|leached|eaten|lost|gone|overprinted|decomposed|inverted|broken\s+down|hydrated|removed"
    r"|(?!re|poly)(?!crystal|polar|recogn|character|mineral|identif|magnif|modif|classif|specif"
    r"|verif)(?:[a-z]+i[sz]|[a-z]+ifi)ed"
    r"|superseded|supplanted|substituted|verdrangt|ersetzt|umgewandelt|zersetzt|oxidiert"
    r"|замещ\w+|окисл\w+|преобраз\w+|разложи\w+|перешел|перешла|reemplazad\w+|sustituid\w+"
    r"|alterad\w+|remplac\w+)"
)
_BE = (
    r"(?:is|are|was|were|has|have|had|been|being|now|here|wurden?|ist|sind|worden|был\w?|esta|fue)"
)
_GONE = r"(?:gone|vanished|disappeared|no\s+longer\s+(?:there|present|seen|preserved|visible|left))"

FORMER_GATE = re.compile(
    r"nothing|psm|oxidat|weather|alterat|decompos|breakdown|dissolu|decay|seudo|pseud|ps[.m]"
    r"|param|perim|epim|псевд|парам|cast|mou?ld|ghost|boxwork|after|nach|по\s|\bex\b"
    r"|former|erst|one-?time|bygone|vanish|pre-?exist|ehemal|einst|бывш|antigu|ancien|once|previous"
    r"|origin|void|cavit|hole|hollow|space|imprint|impress|remain|shape|fruher|vormals|ranee"
    r"|antes|used\s+to|where|what|that\s+was|gone|disappear"
    r"|no\s+longer|which|complete|full|entire|total|wholly|thorough|altogether|utterly|entiret"
    r"|toto|quantit|exhaust|100|remains|trace"
    r"|last|vollst|vollig|ganz|komplett|полност|нацел|целик|etched|plucked|leached|weathered|fallen"
    r"|dissolved|broken|washed|ground|torn|destroyed|lost|removed|consumed|\ball\b|shape|outline"
    r"|form|contour|habit|start|beg[au]n|every|each|place|\bway\b|room|yield|victim|prey|memor"
    r"|legacy|reminder|grave|guise|morphol|deriv|born|now\b|today|heute|jetzt|ныне",
)

FORMER = (
    (
        rf"(?P<x>{MINERAL})\s+(?:casts?|mou?lds?|ghosts?)\b(?!\s+(?:after|of|from|where))|(?P<y>{ITEM})\s+(?:now"
        rf"|today)\s+(?:{MINERAL}|{OTHER})",
        "only the shape is left",
    ),
    (
        r"\b(?:every|each)\s+(?:last\s+|single\s+)?(?:\w+\s+)?(?:of\s+(?:the\s+)?)?"
        rf"(?P<x>{ITEM})\s+(?:\w+\s+)?(?:{_BE}\s+)*(?:\w+\s+)?(?:{_CHANGED}|went|has\s+gone"
        rf"|became|become)\b",
        "all of it replaced",
    ),
    (
        rf"\b(?:tak(?:en|es|ing)|took|usurp\w+)\s+the\s+place\s+of\s+{_MORE}(?P<x>{PAIR})"
        rf"|(?P<y>{PAIR})\s+(?:has|have|had)\s+(?:\w+\s+)?(?:given\s+(?:way|place|up)|made\s+"
        rf"(?:way|room)|yielded)"
        rf"\s+to|(?P<z>{PAIR})\s+(?:\w+\s+){{0,2}}?(?:fell|fallen)\s+(?:\w+\s+)?(?:victim"
        rf"|prey)\s+to",
        "its place is taken",
    ),
    (
        rf"\b(?:keep(?:s|ing)?|kept|retain\w*|preserv\w*|inherit\w*|mimic\w*|has|have"
        rf"|with)\s+the\s+(?:\w+\s+)?(?:shapes?|forms?"
        rf"|outlines?|habits?|morphology|contours?|crystal\s+form)\s+of\s+{_MORE}(?P<x>{PAIR})"
        rf"|\b(?:memory|memories|legacy|reminder|grave|remembrance)\s+of\s+(?:the\s+)?{_MORE}"
        rf"(?P<y>{PAIR})"
        rf"|\bin\s+the\s+(?:shape|outlines?|guise)\s+of\s+{_MORE}(?P<z>{PAIR})",
        "only the shape is left",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:{_BE}\s+)*{_CHANGED}\s+(?:to|into|by|in)\s+(?:{MINERAL}"
        rf"|\w+ite)(?:\s+and\s+(?:{MINERAL}|\w+ite))?\s+{_FULLY}"
        rf"|\bthere\s+(?:used\s+to\s+be|once\s+(?:was|were)|(?:was|were)\s+once)\s+{_MORE}"
        rf"(?P<y>{PAIR})"
        rf"|\b(?:start\w*|began|begun)\s+(?:\w+\s+)?(?:life|out|off|existence"
        rf"|career)\s+as\s+{_MORE}(?P<z>{PAIR})",
        "fully replaced",
    ),
    (
        rf"\b(?<!almost )(?<!nearly )(?<!near-)(?:complete|total|full|entire|thorough"
        rf"|wholesale)\s+(?:replacement|breakdown|disintegration|decomposition|alteration"
        rf"|pseudomorph\w*|dissolution|oxidation"
        rf"|conversion|transformation|destruction|removal|loss|weathering|leaching"
        rf"|marti?ti[sz]ation)\s+of\s+(?:the\s+)?{_MORE}(?P<x>{PAIR})"
        rf"|\b(?:was|were)\s+{_MORE}(?P<y>{PAIR})\s+once\b|(?P<z>{PAIR}){THING}\s+(?:has|have"
        rf"|had)\s+(?:\w+\s+)?been\s+(?:dissolved|destroyed|removed|consumed|leached)\s*(?:$"
        rf"|[.;,!])",
        "fully replaced",
    ),
    (
        rf"(?<!not )(?<!n't )\b(?:replac\w+|consum\w+|destroy\w+|remov\w+|dissolv\w+"
        rf"|eliminat\w+)\s+(?:every|all|each|any)\s+(?:\w+\s+of\s+)?(?:the\s+)?{_MORE}(?P<z>{PAIR})"
        rf"|\b(?:relict|relic|old|remnant|ghostly|vague)\s+(?:shapes?|outlines?|forms?"
        rf"|contours?)\s+of\s+{_MORE}(?P<x>{PAIR})"
        rf"|(?<!partly )(?<!partially )(?<!slightly )\b(?:leached|dissolved|vanished|departed"
        rf"|perished|destroyed|decayed)(?:-out|\s+out)?\s+(?P<y>{PAIR})",
        "only the shape is left",
    ),
    (
        r"\b(?:by|from|through)\s+(?:the\s+)?(?:oxidation|weathering|alteration|decomposition"
        r"|breakdown|dissolution|leaching|decay)\s+of\s+"
        rf"(?!the\s){_MORE}(?P<x>{PAIR})|\b(?:oxidation|weathering"
        rf"|decomposition)\s+products?\s+of\s+(?!the\s){_MORE}(?P<y>{PAIR})",
        "what it came from",
    ),
    (
        rf"(?P<x>{PAIR})\s*[(\[]\s*(?:now|today|since|meanwhile|long\s+since)\s+(?:\w+\s+)?"
        rf"(?:{MINERAL}|{_CHANGED}|[a-z]+ite\b)"
        rf"|(?P<y>{MINERAL})-(?:derived|born)\b",
        "now something else",
    ),
    (
        r"\b(?:pseudom\w*|pseudo\.?|pseud\.?|ps\.|psm\.?|paramorph\w*|perimorph\w*|epimorph\w*"
        rf"|псевдоморфоз\w*|параморфоз\w*|pseudomorf\w*)(?:\s+[\w()-]+|\s*{MINERAL}|\s*,)"
        rf"{{0,6}}?[\s(]+(?:after|nach|по|tras|segun|according\s+to|d'apres)\s+{_MORE}"
        rf"(?P<x>{PAIR})",
        "pseudomorph after",
    ),
    (
        r"\b(?:p?seudomorf\w*|pseudomorphoses?)\s+(?:de|di)\s+"
        rf"(?:{MINERAL}\s+(?:sobre|de|sur|su)\s+)?(?P<x>{PAIR})",
        "pseudomorph after",
    ),
    (
        rf"\b(?:formerly|once|previously|originally)\s+(?:filled|occupied|composed|made|consist\w*)"
        rf"\s+(?:up\s+)?(?:with|by|of)\s+{_MORE}(?P<x>{PAIR})",
        "formerly",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:is|are|has\s+become|have\s+become)\s+(?:now|today)\s+(?:entirely\s+"
        rf"|all\s+)?(?:{MINERAL}|[a-z]+ite\b)",
        "now something else",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:\w+\s+)?{_FULLY}\s+(?:durch|von|by|zu|in|into|to|with)\s+"
        rf"(?:{MINERAL}|\w+)(?:\s+(?:and|und)\s+(?:{MINERAL}|\w+))?\s+{_CHANGED}",
        "fully replaced",
    ),
    (
        r"\b(?:voids?|cavit(?:y|ies)|holes?|mou?lds?|hollows?|spaces?|imprints?|impressions?"
        r"|boxes|cells)\s+(?:\w+\s+){0,2}?(?:after"
        rf"|left\s+(?:behind\s+)?(?:by|after|from)|from|of)\s+(?:the\s+)?(?:(?:leaching"
        rf"|dissolution|solution|removal|weathering|destruction|loss)\s+of\s+)?"
        rf"{_MORE}(?P<x>{PAIR})|(?P<y>{MINERAL})-shaped\b",
        "only the shape is left",
    ),
    (
        r"\b(?:nothing|all\s+that|only|little\s+else)\b[^.;]{0,40}?\b(?:remains?|(?:is"
        r"|was)\s+left|left|survives?|survived)\s+of\s+(?:the\s+)?(?:\w+\s+)?"
        rf"(?P<x>{PAIR})",
        "nothing left",
    ),
    (
        rf"\b(?:casts?|mou?lds?|ghosts?|boxworks?|epimorphs?)\s+(?:of|after)\s+{_MORE}"
        rf"(?P<x>{PAIR})",
        "only the shape is left",
    ),
    (
        rf"(?:{MINERAL}|\b[a-z]+it|{OTHER})(?:\s*\([^()]{{1,30}}\))?[\s(-]*(?:after|nach|по"
        rf"|ex)[\s-]+{_MORE}(?P<x>{PAIR})"
        r"(?![^.;]*\b(?:crystalli\w+|deposit\w*|precipitat\w+|formed|grew|came|later|stage)\b)",
        "after",
    ),
    (
        rf"(?:{MINERAL}|{OTHER})\s+\(?ps(?:eudo|m)?\.?\s+(?P<x>{MINERAL})|\bpseudomorph(?:ed|ing"
        rf"|s|oses)\s+(?:the\s+)?(?P<y>{PAIR})",
        "pseudomorph after",
    ),
    (rf"\bex(?:-|\s+)(?P<x>{MINERAL})", "ex-"),
    (
        r"\b(?:former|erstwhile|one-?time|bygone|vanished|pre-existing|preexisting|ehemalig\w*"
        rf"|einstig\w*|бывш\w+|antigu[ao]s?|ancienne?s?)\s+(?:\w+\s+){{0,2}}?{_MORE}(?P<x>{PAIR})",
        "former",
    ),
    (
        r"\b(?:formerly|once|previously|originally|fruher|vormals|ranee|antes)\s+"
        rf"(?:(?:a|an|the|this\s+was|pure|large)\s+){{0,2}}(?P<x>{PAIR})"
        r"(?!\s+(?:was|were)\s+(?:mined|won|produced|called|named))",
        "formerly",
    ),
    (
        r"\b(?:used\s+to\s+be|where|what\s+was|what\s+were|all\s+that\s+was)\s+(?:once\s+)?"
        rf"{_MORE}(?P<x>{PAIR})(?=\s+once|\s+(?:is|are)\s+now|\s*(?:,|is|are|now|has|$|\.))",
        "used to be",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:was|were)\s+(?:here\s+|there\s+|present\s+)?(?:once|formerly"
        rf"|earlier)\b"
        r"(?!\s+(?:thought|considered|believed|called|named|mined|worked|regarded|known|taken))"
        rf"|\b(?:once|formerly)\s+(?:was|were|there\s+(?:was|were))\s+(?P<y>{PAIR})"
        rf"|(?P<z>{PAIR})\s+(?:once|formerly)\s+(?:was|were|stood|sat|filled|grew)\b",
        "was here once",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s*,?\s*(?:(?:of\s+which|which|that|{_BE}|long|since|meanwhile"
        rf"|all|by\s+now"
        rf"|completely|entirely|totally|fully)\s+){{0,5}}{_GONE}\b",
        "gone",
    ),
    (
        rf"(?P<x>{PAIR})\s*,?\s*(?:of\s+which\s+(?:nothing|none|no\s+\w+|not\s+\w+)"
        r"|(?:nothing|none)\s+of\s+which)",
        "nothing left",
    ),
    (
        rf"(?P<x>{PAIR}){THING}{_ABOUT}?\s*,?\s*(?:(?:which|that|{_BE})\s+){{0,3}}"
        rf"(?:{_FULLY}\s+(?:{_BE}\s+)?{_CHANGED}|{_CHANGED}\s+{_FULLY})",
        "fully replaced",
    ),
    (  # not in Russian, where what replaces it follows
        rf"{_FULLY}(?<![а-я])\s+{_CHANGED}(?<![а-я])\s+(?:grains?\s+of\s+)?(?P<x>{ITEM})"
        r"(?!\s+(?:by|durch)\b)",
        "fully replaced",
    ),
    (
        rf"{_FULLY}\s+(?:replac(?:es|ed|ing)|consum(?:es|ed|ing)|supplant(?:s|ed|ing)"
        rf"|substitut(?:es|ed|ing)|pseudomorph(?:s|ed|ing))\s+{_MORE}(?P<x>{PAIR})",
        "fully replaced",
    ),
    (
        rf"(?:полностью|нацело|целиком)\s+(?:замест\w+|замеща(?:ет|ют|л|ющ)\w*|вытесн(?:ил"
        rf"|я)\w*)\s+(?P<x>{PAIR})",
        "fully replaced",
    ),
    (
        r"\b(?:replac(?:es|ed|ing)|consum(?:es|ed|ing)|supplant(?:s|ed|ing)|substitut(?:es|ed|ing)"
        rf"|verdrangt|ersetzt)\s+(?:all\s+(?:of\s+)?(?:the\s+)?)?{_MORE}(?P<x>{PAIR})\s+(?:so\s+"
        rf"|quite\s+|very\s+)?{_FULLY}",
        "fully replaced",
    ),
    (
        rf"\ball\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?(?P<x>{PAIR})\s+(?:{_BE}\s+){{0,3}}(?:\w+\s+)?"
        rf"{_CHANGED}",
        "all of it replaced",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:{_BE}\s+){{1,3}}(?:etched|plucked|leached|weathered|fallen"
        rf"|dissolved"
        rf"|broken|washed|ground|torn)\s+(?:away|out)\b",
        "etched or fallen out",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:{_BE}\s+){{1,3}}(?:dissolved|destroyed|lost|removed|consumed)\s*"
        rf"(?:without|during|completely|entirely|by\s+etching)",
        "gone",
    ),
    (
        r"\b(?:shapes?|outlines?|forms?|contours?|habits?)\s+of\s+(?:the\s+|an?\s+)?"
        rf"(?:original|former|old|earlier|previous|primary|pre-existing|now)\s+(?P<x>{PAIR})"
        rf"|\boriginal\s+(?P<y>{PAIR})\s+(?:{_BE}\s+)+(?:\w+\s+)?(?:gone|lost|replaced|destroyed)",
        "only the shape is left",
    ),
    (
        rf"(?P<x>{PAIR})\s*,\s*(?:now|today|heute|jetzt|ныне)\s+(?:wholly\s+|entirely\s+|all\s+)?"
        rf"(?:{MINERAL}|{_CHANGED}|[a-z]+ite\b)"
        rf"|(?P<y>{PAIR})\s*,\s*(?:wholly|entirely|completely|fully|totally)\s+(?:{MINERAL}"
        r"|[a-z]+ite\b)",
        "now something else",
    ),
)
