"""Rules for minerals that a text places elsewhere than in the picture.

Rules as in `denial`. Those of `ELSEWHERE` hold for the clause in which their words stand.
"""

from __future__ import annotations

import re

from .grammar import LIST, MARKS, MORE, PAIR, THING

_WON = (
    r"(?:mined|extracted|produced|exploited|worked|won|recovered|smelted|shipped|dug|panned"
    r"|raised|sought"
    r"|reported\s+from|known\s+from|abgebaut|gefordert|gewonnen|добыва\w+|extraid\w+|explotad\w+)"
)
MINED = (
    (
        rf"(?P<x>{LIST}){THING}\s+(?:(?:was|were|is|are|had\s+been|has\s+been|have\s+been"
        rf"|wurden?|once|formerly|also"
        rf"|mainly|chiefly)\s+){{1,3}}(?:once\s+|formerly\s+|also\s+|mainly\s+|here\s+)?{_WON}\b",
        "what the place yields",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:was|were)\s+(?:once\s+)?(?:the|a|an)\s+(?:main|chief|principal"
        rf"|only|major|important)\s+(?:\w+\s+)?(?:ore|product|target|commodity|goal)",
        "what the place yields",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:is|are|was|were)\s+(?:\w+\s+)?(?:discussed|described|treated"
        rf"|mentioned|figured|illustrated|covered|listed)\s+(?:in|on|by)\s+(?:the|my|his|a|an|page"
        rf"|chapter|fig)|\bfor\s+{MORE}(?P<y>{PAIR})\s*,?\s+see\b",
        "what a text is about",
    ),
    (
        rf"\b(?:mined|smelted|panned|dug)\s+{MORE}(?P<x>{LIST})",
        "what the place yields",
    ),
)
_OTHER_THING = (
    r"(?:photo\w*|pictures?|images?|shots?|samples?|specimens?|slices?|sections?|pits?|mines?"
    r"|veins?"
    r"|levels?|parts?|views?|pieces?|blocks?|papers?|slides?|deposits?|localit\w+|zones?|places?"
    r"|spots?|lots?|areas?|fields?|upload\w*|stud\w+|mounts?|adits?|shafts?|dumps?)"
)
_PLACE = (
    r"(?:mines?|deposits?|localit\w+|districts?|quarr\w+|dumps?|regions?|orebod\w+|pits?|adits?"
    r"|camps?"
    r"|ore\s?fields?|occurrences?|prospects?|smelters?|levels?)"
)
ELSEWHERE = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (
            r"\b(?:other|others|another|previous|next|last|earlier|further|second|companion"
            r"|different"
            r"|neighbou?ring|following|preceding|separate|sister|first|remaining|most)\s+"
            r"(?:\w+\s+)?"
            rf"{_OTHER_THING}\b",
            "in another picture or place",
        ),
        (r"\belse\s?where\b", "elsewhere"),
        (r"\b(?:photo\w*|picture|image)\s+(?:no\.?\s*|#)?\d{3,}", "in another picture"),
        (
            rf"\b(?:thesis|theses|dissertation|papers?|articles?|books?|chapters?|talks?"
            rf"|lectures?|monographs?|publications?"
            rf"|reviews?|handbooks?|textbooks?|reports?|notes?|page|entry|stud(?:y|ies)|work"
            rf"|research|literature|expert|authority)"
            rf"\b[^{MARKS}.;]{{0,25}}?\b(?:on|about|treats?|deals?\s+with|dealing\s+with"
            rf"|describ\w+|discuss\w+|covers?"
            r"|devoted\s+to|concern\w+)\s",
            "what a text is about",
        ),
        (
            r"\btype\s+(?:localit\w+|material|specimens?|mine)\s+(?:of|for)\b",
            "what the place is known for",
        ),
        (
            r"\b(?:exploration|prospecting|drill(?:ed|ing)|searching|panning)\s+for\b",
            "what is sought",
        ),
        (r"\b(?:main|chief|principal|only|by-?)\s*products?\b", "what the place yields"),
        (
            rf"\b(?:of|at|in|from|for)\s+(?:the|this)\s+(?:whole\s+)?{_PLACE}\s*$",
            "in the deposit",
        ),
        (r"\bsee\s+(?:also\s+)?(?:my|the|photo|picture|image)\b", "in another picture"),
        (
            r"\b(?:famous|known|noted|renowned|worked|mined|exploited|celebrated|dug|prospected"
            r"|explored"
            r"|sought\s+after|searched|world-famous)\s+(?:mainly\s+|chiefly\s+|once\s+|also\s+"
            r"|formerly\s+"
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
            r"\b(?:known|reported|mentioned|described|recorded|listed|common|found|occurs?"
            r"|occurring"
            rf"|present|abundant|frequent|widespread|met|typical)\b[^{MARKS}.;]{{0,30}}?\b"
            rf"(?:from|at|in|for"
            r"|of|throughout)\s+(?:the|this|that|our|some|other|these)\s+(?:same\s+|whole\s+)?(?:"
            rf"{_PLACE}|host\s+rocks?|country\s+rocks?|wall\s?rocks?|literature|area)\b",
            "in the deposit",
        ),
        (
            r"\b(?:associated|accessory|other|further|accompanying|typical)\s+(?:\w+\s+)?"
            r"(?:minerals?"
            r"|species|phases?)\s+(?:at|from|of|in|known)\b",
            "in the deposit",
        ),
        (r"\btypical\s+(?:of|for)\s+(?:the|this)\b", "in the deposit"),
        (
            r"\b(?:outside(?:\s+of)?|beyond)\s+(?:the|this|our|my)\s+\w+|\bnot\s+in\s+(?:this"
            r"|the)\s+(?:slice"
            r"|picture|photo|view|section|image|field|frame)\b|\b(?:on|at)\s+(?:its|the)\s+(?:back"
            r"|reverse|other\s+side|rear)\b|\bhand\s+specimen\b|\bfound\s+(?:next|close|near"
            r"|beside)\b|\bat\s+depth\b",
            "outside the picture",
        ),
        (
            rf"\b(?:from|in|at)\s+the\s+same\s+{_PLACE}",
            "from the same place",
        ),
        (
            r"\b(?:на|в|см\.?|смотрите|другое|другие)\s+(?:также\s+)?(?:на\s+|в\s+)?друг\w+"
            r"|\bдруг\w+\s+(?:фото\w*|снимк\w+|образ\w+|аншлиф\w*|участк\w+|част\w+)"
            r"|\bв\s+друг\w+|\bв\s+соседн\w+|\bна\s+соседн\w+|месторождени\w+\s+(?:известн\w+"
            r"|богат\w+|славится)|\bизвест\w+\s+(?:на|в|с|своим\w*)\b|\bдобыва\w+|\bранее\s+здесь",
            "elsewhere (Russian)",
        ),
        (
            r"\bandere[nrms]?\s+(?:\w+\s+)?(?:Fotos?|Bild\w*|Proben?|Stufen?|Schliff\w*|Stellen?"
            r"|Teil\w*)"
            r"|\b(?:Gruben?|Zechen?|Bergwerke?|Lagerstatten?|Revier|Gange?)\b[^.;]{0,30}?\b"
            r"(?:lieferte\w*|forderte\w*"
            r"|gewann\w*|fuhrte\w*|ergab\w*)|\bbekannt\s+fur\b|\babgebaut\b|\banderswo\b"
            r"|\bnachsten\s+(?:Bild|Foto)\w*|\banderenorts"
            r"|\bFundstelle\s+(?:\w+\s+){0,2}fur\b",
            "elsewhere (German)",
        ),
        (
            r"\b(?:otras?|otros?)\s+(?:fotos?|muestras?|zonas?|partes?|secciones)\b"
            r"|\ben\s+otr[ao]s?\b"
            r"|\bautres?\s+(?:photos?|echantillons?|parties?)\b|\bailleurs\b|\bconocid[ao]\s+por\b",
            "elsewhere (Spanish, French)",
        ),
    )
)
# before "the last photo": it is there as it is here
ALIKE = re.compile(
    r"\b(?:as|like|than|same)\s+(?:as\s+)?(?:in|on)\s+(?:\w+\s+){0,2}$", re.IGNORECASE
)
GATE = re.compile(
    r"main|chief|principal|product|discuss|treat|figur|illustr|cover|\bsee\b|thes[ie]s|dissert"
    r"|paper|article|book|chapter|talk|lecture|monogr|public|review|page|entry|stud|work"
    r"|research|literat|expert|authority|\bnotes?\b|type\s|explorat|drill|pann|other|photo"
    r"|picture|image|product|previous|next|last|earlier|further|second|companion|different"
    r"|neighb|following|preced|separate"
    r"|sister|first|remain|most|else|see\b|famous|known|noted|renowned|worked|mined|exploit"
    r"|celebrat|dug"
    r"|prospect|explor|sought|search|mine|deposit|locality|localit|district|quarr|dump|region"
    r"|orebod|pit|adit"
    r"|camp|field|occur|smelter|level|old\s+men|company|ancients|people|report|mention|describ"
    r"|record|list"
    r"|common|found|present|abundant|frequent|widespread|met\b|typical|associat|accessory"
    r"|accompan|outside"
    r"|beyond|not\s+in|back|reverse|other|rear|hand\s+spec|depth|same|друг|соседн|месторожд"
    r"|извест|добыва"
    r"|ранее|andere|bekannt|abgebaut|lieferte|forderte|gewann|fuhrte|ergab|chsten|fundst|otr[ao]"
    r"|autre|ailleurs|conocid",
)
CLAUSE = re.compile(
    r"[;:\u2014]|\s[\u2013-]\s|,?\s*\b(?:but|however|while|whereas|though|although|yet"
    r"|this\s+time|in\s+this"
    r"\s+(?:one|view|picture|photo|section|field|slice|sample)|shown\s+(?:is|are|here)"
    r"|on\s+the\s+polished"
    r"\s+side|in\s+view|no\s+longer|а\s+здесь|здесь|но|hier|aber|aqui|pero|ici|mais)\b"
    r"|,\s*(?=(?:here|(?:i\s+|we\s+)?(?:found|got))\b)|\bhere(?=\s*[:,]|\s+(?:only|there|it|we"
    r"|you|just)\b)",
    re.IGNORECASE,
)
