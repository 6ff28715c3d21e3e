"""Rules for German, Spanish and French texts; Russian ones are in `russian`.

Rules as in `denial`. Letters have lost their accents: what stands here as "u" may be "ü".
"""

from __future__ import annotations

import re

from .grammar import ITEM, LIST, MORE, PAIR, PART_OF

_MORE = rf"{PART_OF}?{MORE}"
# no commas: "wie Pyrit, Galenit ist weich"
_BOTH = rf"{ITEM}(?:(?:\s*/\s*|\s+(?:and|or|nor|und|oder|y|o|et|ou)\s+){ITEM})*"

ABSENT_GATE = re.compile(
    r"kein|ohne|weder|noch|frei|statt|anstelle|nicht|fehl|abwesend|\bsin\b|\bno\b|ausen|carece"
    r"|\bni\b|falta"
    r"|vez|sans|\bpas\b|aucun|au\s+lieu|senza|assenza|absen|\bne\b"
)
COMPARED_GATE = re.compile(
    r"wie|hnlich|ahnel|gleich|verwechs|gegensatz|anders|erinner|unterscheid|als|\bfur\b|farb"
    r"|artig|parec"
    r"|similar|diferencia|conf[uo]|como|mas\s|recuerda|ressembl|semblable|contrairement|comme"
)
MINED_GATE = re.compile(r"bekannt|beruhmt|verwechsel")

ABSENT = (
    (
        r"\b(?:kein(?:e[nmrs]?)?(?:\s+Spur(?:en)?\s+von)?|ohne(?:\s+jed\w+)?|weder|noch"
        r"|frei\s+von|statt|anstatt"
        r"|anstelle\s+von|nicht|es\s+fehlen|es\s+fehlt|fehlend\w*|keinerlei)\s+(?:\w+\s+von\s+)?"
        rf"{_MORE}(?P<x>{LIST})",
        "said not to be there (German)",
    ),
    *(
        (
            rf"(?P<x>{names})\s+(?:(?:hier|dagegen|jedoch|aber|ist|sind|wurden?|war|waren"
            rf"|konnten?|kann"
            r"|auch|leider|in\s+diesem\s+\w+)\s+){0,3}"
            rf"(?:{verb}|komm\w+\s+nicht\s+vor|tritt\s+nicht\s+auf|nicht\s+(?:\w+\s+)?"
            rf"(?:gefunden|beobachtet|vorhanden|sichtbar|nachgewiesen"
            r"|nachweisbar|zu\s+sehen|erkennbar|vor|festgestellt|angetroffen|entdeckt|gesehen|da"
            r"|dabei))",
            "said not to be there (German)",
        )
        for names, verb in ((LIST, "fehlen"), (PAIR, "fehlt|fehlend|abwesend"))
    ),
    (
        r"\b(?:sin|no\s+hay|no\s+se\s+(?:\w+)|ausencia\s+de|carece\s+de|ni|falta|faltan"
        r"|en\s+vez\s+de"
        r"|sans|pas\s+de|pas\s+d'|absence\s+de|aucune?|au\s+lieu\s+de|senza|assenza\s+di)\s*"
        rf"(?:rastro\s+de\s+|trace\s+de\s+)?{_MORE}(?P<x>{LIST})",
        "said not to be there (Spanish, French)",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:(?:est|esta|estan|es|no|ne|n'est)\s+)?(?:ausentes?|absentes?"
        r"|no\s+(?:se\s+)?(?:observ\w+|ve|ven|aparece\w*|visible\w*|est\w+)|pas\s+visible)",
        "said not to be there (Spanish, French)",
    ),
)

COMPARED = (
    (
        r"\b(?:wie|ahnlich(?:\s+wie)?|ahnelt|gleicht|verwechsel\w*\s+mit"
        r"|im\s+Gegensatz\s+zu[mr]?|anders"
        r"\s+als|erinnert\s+an|unterscheide\w+\s+(?:sich\s+)?von|als\s+(?:bei\s+)?(?=\S+\s*"
        r"(?:[,.]|$)))"
        rf"\s*{MORE}(?P<x>{_BOTH})",
        "compared with (German)",
    ),
    (
        rf"\b(?:fur|als)\s+{MORE}(?P<x>{_BOTH})\s+(?:\w+\s+)?(?:gehalten|angesehen|bestimmt"
        rf"|beschrieben|verkauft|bezeichnet|etikettiert|angesprochen)",
        "taken for (German)",
    ),
    (rf"(?P<x>{_BOTH})-?(?:ahnlich|farben|farbig|artig)\w*", "compared with (German)"),
    (
        r"\b(?:parecid[oa]s?\s+a|parece|similar(?:es)?\s+a|a\s+diferencia\s+de|(?:no\s+)?"
        r"(?:se\s+)?conf(?:und\w+|usion)\s+(?:con|avec)|como|mas"
        r"\s+\w+\s+que|recuerda\s+a|ressembl\w+\s+a|semblable\s+a|contrairement\s+a|comme)\s+"
        r"(?:la\s+|el\s+)?"
        rf"{MORE}(?P<x>{_BOTH})",
        "compared with (Spanish, French)",
    ),
)

MINED = (
    (
        rf"\b(?:fur|wegen)\s+{MORE}(?P<x>{LIST})\s+(?:\w+\s+)?(?:bekannt|beruhmt)",
        "what the place is known for (German)",
    ),
    (
        rf"\bmit\s+{MORE}(?P<x>{LIST})\s+(?:\w+\s+){{0,2}}(?:zu\s+)?verwechsel\w+",
        "may be taken for (German)",
    ),
)
