"""Rules for minerals that a text compares with, or places elsewhere than in the picture.

Rules as in `denial`. Those of `ELSEWHERE` hold for the clause in which their words stand.
"""

from __future__ import annotations

import re

from .grammar import ADJECTIVE, ITEM, LIST, MARKS, MINERAL, PAIR

_MORE = rf"(?:{ADJECTIVE}\s+){{0,3}}"
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
        r"\b(?:later|earlier|older|younger|sooner|deeper|rarer|more\s+(?:common|abundant|frequent)"
        rf"|less\s+(?:common|abundant|frequent))\s+than\s+{_MORE}(?P<x>{LIST})",
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
        rf"(?P<x>{MINERAL}(?:\s*(?:/|-|or|and)\s*{MINERAL})*)(?:-|\s)?(?:-like|look-?alikes?|-ish\b|like\b|esque\b|oid\b)"
        rf"(?!\s+(?:{MINERAL}))",
        "-like",
    ),
    (
        r"\b(?:unlike|like|resembl\w+|mimic\w*|imitat\w+|simulat\w+|masquerad\w+\s+as|posing\s+as|(?:ringer|lookalike|look-alike|double)\s+(?:for|of)|reminiscent\s+of|recall(?:s|ed|ing)?"
        r"|remind(?:s|ed|ing)?\s+(?:\w+\s+)?of|suggests?|suggestive\s+of|evok\w+|akin\s+to"
        r"|similar(?:ly)?(?:\s+in\s+\w+(?:\s+and\s+\w+)?)?\s+to|comparable\s+(?:to|with)"
        r"|compar(?:e|ed|ing|ison|able)\s+(?:it\s+|this\s+)?(?:to|with)|in\s+contrast\s+(?:to|with)|as\s+opposed\s+to"
        r"|contrary\s+to|as\s+with|the\s+same\s+as|equal\s+to|the\s+way)"
        rf"\s+{_OF}{_MORE}(?P<x>{_BOTH})",
        "compared with",
    ),
    (
        r"\b(?:mistak\w+|mistook|misidentif\w+|mislabel\w*|confus\w+|taken|took|take|takes|pass(?:es|ed)?"
        r"|mixed\s+up|interpreted|misinterpreted|misread|listed|labell?ed|sold|thought|believed"
        r"|determined|described|regarded|held)\s+(?:(?:this|it|them|that|these|at\s+first|first|easily"
        rf"|initially|often|the|this|{MINERAL}|(?:the|this)\s+\w+|earlier|once|originally)\s+){{0,4}}"
        r"(?:for|with|as|to\s+be|it\s+was|it\s+to\s+be|this\s+was)\s+"
        rf"{_OF}{_MORE}(?P<x>{_BOTH})",
        "may be taken for",
    ),
    (
        r"\b(?:think|thought|thinking|suspect\w*|guess(?:ed)?|expect(?:ed)?|assum\w+|reckoned)\s+(?:\w+\s+)?"
        rf"(?:of|it\s+(?:was|is)|this\s+(?:was|is)|that\s+it\s+(?:was|is))\s+{_MORE}(?P<x>{_BOTH})",
        "thought of",
    ),
    (
        r"\b(?:intermediate|colou?r|reflect\w+|hardness|brightness|hue|tint|falls|somewhere|halfway|midway"
        rf"|properties)\s+(?:\w+\s+){{0,3}}between\s+{_OF}(?P<x>{_BOTH})",
        "between the two",
    ),
    (
        r"\b(?:difficult|hard|easy|easier|impossible|possible|how|need\w*)\s+to\s+(?:distinguish|tell"
        rf"|discriminate|separate)\s+(?P<x>{ITEM})\s+(?:from|and)\b",
        "distinguished from",
    ),
    (rf"\b(?:mistake|confuse|take)\s+(?P<x>{ITEM})\s+(?:for|with)\b", "may be taken for"),
    (rf"\b(?:that|those)\s+of\s+{_MORE}(?P<x>{_BOTH})", "compared with"),
    (rf"\b(?:cf\.?|for\s+comparison\s*[,:]?\s*see)\s+{_MORE}(?P<x>{_BOTH})", "compared with"),
    (rf"\bthan\s+{_OF}{_MORE}(?P<x>{_BOTH})", "compared with"),
    (
        rf"\b(?:as|so)\s+(?!well\s+as)(?:\w+\s+)?\w+\s+(?:\w+\s+)?as\s+{_OF}{_MORE}(?P<x>{_BOTH})",
        "as ... as",
    ),
    (
        r"\b(?:red|white|yellow|bright|black|gr[ae]y|brown|blue|pink|hard|soft|shiny|dark|heavy|green)"
        rf"\s+as\s+(?P<x>{_BOTH})",
        "as ... as",
    ),
    (
        r"\b(?:differ\w*|distinguish\w*|distinct|discriminat\w+|told\s+apart|told|tell|separated"
        r"|different|discernible|recogni[sz]ed)\s+(?:it\s+|this\s+|easily\s+|apart\s+|clearly\s+|here\s+"
        rf"|{MINERAL}\s+|\w+ly\s+|in\s+\w+\s+){{0,2}}from\s+{_OF}{_MORE}(?P<x>{_BOTH})",
        "distinguished from",
    ),
    (
        rf"\b(?:colou?rs?|lustre|luster|shine|sheen|hue|tint|tone|guise|reflectance|brightness|hardness"
        rf"|yellow|white|grey|gray|softness|look|appearance)\s+(?:of|like|close\s+to|near(?:ly)?|similar"
        rf"\s+to)\s+(?:that\s+of\s+)?(?:native\s+|pure\s+|polished\s+)?(?P<x>{_BOTH})"
        r"(?!\s+(?:recall\w*|resembl\w*|is|was|here|remind\w*|looks?|stands?|in\s+this|in\s+air|under|shows?|varies"
        rf"|changes?|betrays?|tells?|and\s+{MINERAL}|next\s+to|against)\b)(?<!the\s[{MARKS}])",
        "only its colour",
    ),
    (
        rf"\b{_QUALITY}\s+(?:is\s+|are\s+|was\s+)?(?:very\s+|rather\s+|quite\s+|nearly\s+)?(?:close\s+to"
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
        r"\b(?:supposed|alleged|putative|would-be|pretended|so-called|sogenannt\w*|vermeintlich\w*|мнимы\w*|supuest[oa])"
        rf"\s+[\"']?(?P<x>{_BOTH})",
        "only supposed",
    ),
    (rf"(?:^|[,;]\s*)as\s+(?:in|for|with)\s+{_MORE}(?P<x>{_BOTH})(?=\s*,)", "as in"),
    (
        rf"\b(?:appears?|seems?|looks?)\s+to\s+be\s+(?P<x>{_BOTH})(?=\s+(?:is|was|are|turned|proved|but)"
        rf"|\s*,?\s+but\b)",
        "only seems to be",
    ),
    (
        rf"(?P<x>{_BOTH})\s*\?+\s*(?:no|nope|not|nein|нет|non)\b",
        "asked and denied",
    ),
    (
        rf"\b(?:could|might|may|would|can)\s+(?:\w+\s+)?(?:pass|be\s+taken|do)\s+for\s+(?P<x>{_BOTH})",
        "may be taken for",
    ),
    # German, Russian, Spanish and French
    (
        r"\b(?:wie|ahnlich(?:\s+wie)?|ahnelt|gleicht|verwechsel\w*\s+mit|im\s+Gegensatz\s+zu[mr]?|anders"
        r"\s+als|erinnert\s+an|unterscheide\w+\s+(?:sich\s+)?von|als\s+(?:bei\s+)?(?=\S+\s*(?:[,.]|$)))"
        rf"\s*{_MORE}(?P<x>{_BOTH})",
        "compared with (German)",
    ),
    (rf"(?P<x>{_BOTH})-?(?:ahnlich|farben|farbig|artig)\w*", "compared with (German)"),
    (
        r"\b(?:похож\w*\s+на|напомина\w+|в\s+отличи[еи]\s+от|отлича\w+\s+(?:\w+\s+)?от|подобн\w+|сходн\w*\s+с"
        r"|схож\w*\s+с|как\s+у|как\s+и\s+у|чем\s+у?|принят\w*\s+за|принять\s+за|(?:пере|с)?пута\w+\s+со?"
        rf"|под\s+вид\w*)\s*{_MORE}(?P<x>{_BOTH})",
        "compared with (Russian)",
    ),
    (
        r"\b(?:parecid[oa]s?\s+a|parece|similar(?:es)?\s+a|a\s+diferencia\s+de|(?:no\s+)?(?:se\s+)?conf(?:und\w+|usion)\s+(?:con|avec)|como|mas"
        r"\s+\w+\s+que|recuerda\s+a|ressembl\w+\s+a|semblable\s+a|contrairement\s+a|comme)\s+(?:la\s+|el\s+)?"
        rf"{_MORE}(?P<x>{_BOTH})",
        "compared with (Spanish, French)",
    ),
)

_WON = (
    r"(?:mined|extracted|produced|exploited|worked|won|recovered|smelted|shipped|dug|panned|raised|sought"
    r"|reported\s+from|known\s+from|abgebaut|gefordert|gewonnen|добыва\w+|extraid\w+|explotad\w+)"
)
MINED = (
    (
        rf"\b(?:fur|wegen)\s+{_MORE}(?P<x>{LIST})\s+(?:\w+\s+)?(?:bekannt|beruhmt)",
        "what the place is known for (German)",
    ),
    (
        rf"\bmit\s+{_MORE}(?P<x>{LIST})\s+(?:\w+\s+){{0,2}}(?:zu\s+)?verwechsel\w+",
        "may be taken for (German)",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:(?:was|were|is|are|had\s+been|has\s+been|have\s+been|wurden?|once|formerly|also"
        rf"|mainly|chiefly)\s+){{1,3}}(?:once\s+|formerly\s+|also\s+|mainly\s+|here\s+)?{_WON}\b",
        "what the place yields",
    ),
    (
        rf"\b(?:mined|smelted|panned|dug)\s+{_MORE}(?P<x>{LIST})",
        "what the place yields",
    ),
)
_OTHER_THING = (
    r"(?:photo\w*|pictures?|images?|shots?|samples?|specimens?|slices?|sections?|pits?|mines?|veins?"
    r"|levels?|parts?|views?|pieces?|blocks?|papers?|slides?|deposits?|localit\w+|zones?|places?"
    r"|spots?|lots?|areas?|fields?|upload\w*|stud\w+|mounts?|adits?|shafts?|dumps?)"
)
_PLACE = (
    r"(?:mines?|deposits?|localit\w+|districts?|quarr\w+|dumps?|regions?|orebod\w+|pits?|adits?|camps?"
    r"|ore\s?fields?|occurrences?|prospects?|smelters?|levels?)"
)
ELSEWHERE = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (
            r"\b(?:other|others|another|previous|next|last|earlier|further|second|companion|different"
            r"|neighbou?ring|following|preceding|separate|sister|first|remaining|most)\s+(?:\w+\s+)?"
            rf"{_OTHER_THING}\b",
            "in another picture or place",
        ),
        (r"\belse\s?where\b", "elsewhere"),
        (r"\b(?:photo\w*|picture|image)\s+(?:no\.?\s*|#)?\d{3,}", "in another picture"),
        (r"\b(?:main|chief|principal|only|by-?)\s*products?\b", "what the place yields"),
        (
            rf"\b(?:of|at|in|from|for)\s+(?:the|this)\s+(?:whole\s+)?{_PLACE}\s*$",
            "in the deposit",
        ),
        (r"\bsee\s+(?:also\s+)?(?:my|the|photo|picture|image)\b", "in another picture"),
        (
            r"\b(?:famous|known|noted|renowned|worked|mined|exploited|celebrated|dug|prospected|explored"
            r"|sought\s+after|searched|world-famous)\s+(?:mainly\s+|chiefly\s+|once\s+|also\s+|formerly\s+"
            r"|originally\s+|especially\s+|best\s+|worldwide\s+)?(?:for|as\s+a\s+source)\b",
            "what the place is known for",
        ),
        (
            rf"\b(?:{_PLACE}|miners?|old\s+men|company|ancients|people)\b[^{MARKS}.;]{{0,40}}?\b"
            r"(?:produc(?:e[sd]?|ing)|yield(?:s|ed)?|mined|extracted|delivered|supplied|shipped|won"
            r"|is\s+also|also\s+(?:has|contains|holds|gave|yields|carries)|exploited|worked|worth"
            r"|sought|dug|raised|smelted)\b",
            "what the place yields",
        ),
        (
            r"\b(?:known|reported|mentioned|described|recorded|listed|common|found|occurs?|occurring"
            rf"|present|abundant|frequent|widespread|met|typical)\b[^{MARKS}.;]{{0,30}}?\b(?:from|at|in|for"
            r"|of|throughout)\s+(?:the|this|that|our|some|other|these)\s+(?:same\s+|whole\s+)?(?:"
            rf"{_PLACE}|host\s+rocks?|country\s+rocks?|wall\s?rocks?|literature|area)\b",
            "in the deposit",
        ),
        (
            r"\b(?:associated|accessory|other|further|accompanying|typical)\s+(?:\w+\s+)?(?:minerals?"
            r"|species|phases?)\s+(?:at|from|of|in|known)\b",
            "in the deposit",
        ),
        (r"\btypical\s+(?:of|for)\s+(?:the|this)\b", "in the deposit"),
        (
            r"\b(?:outside(?:\s+of)?|beyond)\s+(?:the|this|our|my)\s+\w+|\bnot\s+in\s+(?:this|the)\s+(?:slice"
            r"|picture|photo|view|section|image|field|frame)\b|\b(?:on|at)\s+(?:its|the)\s+(?:back"
            r"|reverse|other\s+side|rear)\b|\bhand\s+specimen\b|\bfound\s+(?:next|close|near|beside)\b|\bat\s+depth\b",
            "outside the picture",
        ),
        (
            rf"\b(?:from|in|at)\s+the\s+same\s+{_PLACE}",
            "from the same place",
        ),
        (
            r"\b(?:на|в|см\.?|смотрите|другое|другие)\s+(?:также\s+)?(?:на\s+|в\s+)?друг\w+|\bдруг\w+\s+(?:фото\w*|снимк\w+|образ\w+|аншлиф\w*|участк\w+|част\w+)|\bв\s+друг\w+|\bв\s+соседн\w+|\bна\s+соседн\w+|месторождени\w+\s+(?:известн\w+"
            r"|богат\w+|славится)|\bизвест\w+\s+(?:на|в|с|своим\w*)\b|\bдобыва\w+|\bранее\s+здесь",
            "elsewhere (Russian)",
        ),
        (
            r"\bandere[nrms]?\s+(?:\w+\s+)?(?:Fotos?|Bild\w*|Proben?|Stufen?|Schliff\w*|Stellen?|Teil\w*)"
            r"|\b(?:Gruben?|Zechen?|Bergwerke?|Lagerstatten?|Revier|Gange?)\b[^.;]{0,30}?\b(?:lieferte\w*|forderte\w*"
            r"|gewann\w*|fuhrte\w*|ergab\w*)|\bbekannt\s+fur\b|\babgebaut\b|\banderswo\b|\bnachsten\s+(?:Bild|Foto)\w*|\banderenorts"
            r"|\bFundstelle\s+(?:\w+\s+){0,2}fur\b",
            "elsewhere (German)",
        ),
        (
            r"\b(?:otras?|otros?)\s+(?:fotos?|muestras?|zonas?|partes?|secciones)\b|\ben\s+otr[ao]s?\b"
            r"|\bautres?\s+(?:photos?|echantillons?|parties?)\b|\bailleurs\b|\bconocid[ao]\s+por\b",
            "elsewhere (Spanish, French)",
        ),
    )
)
GATE = re.compile(  # no rule of COMPARED fits a sentence without one of these
    r"like|that\s+of|those\s+of|cf|[\"']|between|ringer|double|posing|masquer|esque|oid|resembl|mimic|imitat|simulat|reminisc|recall|remind|suggest|evok|akin|similar|compar"
    r"|contra|opposed|\bas\b|same|equal|the\s+way|mista?[ko]|misid|mislab|confus|take|took|pass|mixed|mis"
    r"|interpret|listed|label|sold|though|thought|think|believ|determin|describ|regard|held|suspect|guess|expect"
    r"|assum|reckon|than|differ|distin|discrim|told|tell|separated|discern|recogni|colou?r|lust|shine|sheen"
    r"|hue|tint|tone|guise|reflect|bright|hard|yellow|white|gr[ae]y|soft|look|appear|habit|seem|aspect"
    r"|suppos|alleged|putative|would-be|pretend|so-called|vermeint|мним|supuest|\?|could|might|may|can"
    r"|wie|hnlich|ahnel|gleich|verwechs|gegensatz|anders|erinner|unterscheid|als|farb|artig|похож|напомина"
    r"|отлич|подобн|сход|схож|как|чем|прин|пут|под\s|parec|diferencia|confund|como|mas\s|recuerda|ressembl"
    r"|semblable|comme|shape|cleav|anisotr|blue|pink|brown",
)
ELSEWHERE_GATE = re.compile(
    r"verwechsel|other|photo|picture|image|product|previous|next|last|earlier|further|second|companion|different|neighb|following|preced|separate"
    r"|sister|first|remain|most|else|see\b|famous|known|noted|renowned|worked|mined|exploit|celebrat|dug"
    r"|prospect|explor|sought|search|mine|deposit|locality|localit|district|quarr|dump|region|orebod|pit|adit"
    r"|camp|field|occur|smelter|level|old\s+men|company|ancients|people|report|mention|describ|record|list"
    r"|common|found|present|abundant|frequent|widespread|met\b|typical|associat|accessory|accompan|outside"
    r"|beyond|not\s+in|back|reverse|other|rear|hand\s+spec|depth|same|друг|соседн|месторожд|извест|добыва"
    r"|ранее|andere|bekannt|abgebaut|lieferte|forderte|gewann|fuhrte|ergab|chsten|fundst|otr[ao]|autre|ailleurs|conocid",
)
CLAUSE = re.compile(
    r"[;:\u2014]|\s[\u2013-]\s|,?\s*\b(?:but|however|while|whereas|though|although|yet|this\s+time|in\s+this"
    r"\s+(?:one|view|picture|photo|section|field|slice|sample)|shown\s+(?:is|are|here)|on\s+the\s+polished"
    r"\s+side|in\s+view|no\s+longer|а\s+здесь|здесь|но|hier|aber|aqui|pero|ici|mais)\b"
    r"|,\s*(?=here\b)|\bhere(?=\s*[:,]|\s+(?:only|there|it|we|you|just)\b)",
    re.IGNORECASE,
)
