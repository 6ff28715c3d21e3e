"""Rules for minerals that a text says are not there.

A rule is a role, what to tell the reader of a hit, and a regular expression on a sentence in which
minerals are marks (see `grammar`); the minerals inside its group ``x`` get the role, the first
rule that fits being the one that counts. Rules of the role ``present`` are guards.
"""

from __future__ import annotations

import re

from .grammar import ADJECTIVE, LIST, MINERAL, PAIR, PART_OF, THING

_MORE = rf"(?:{ADJECTIVE}\s+){{0,3}}"
_SHOWN = r"visible|seen|present|left|found|observed|detected|noted|recognised|to\s+be|here|there"
_FOLLOWS = (  # a verb or the like: the last name of a list belongs to what follows
    rf"(?!\s*(?:(?:is|are|was|were)(?!\s+(?:{_SHOWN}))|dominates?|predominates?|prevails?|forms?|fills?|occurs?|shows?"
    r"|only|alone|abundant|present|common|has|have|surrounds?|replaces?|rims?|encloses?|makes?"
    r"|with|contains?|throughout|instead|ist|sind|есть|преобладает)\b)"
)
_AUX = (
    r"(?:is|are|was|were|has|have|had|can|could|ca|may|might|will|would|wo|does|do|did|seems?"
    r"|appears?|remain(?:s|ed)?|proved|turned out)"
)
_HOW = (
    r"(?:both|all|also|clearly|quite|totally|completely|entirely|wholly|conspicuously|here|notably"
    r"|probably|apparently|simply|unfortunately|obviously|definitely|generally|thus|therefore"
    r"|so far|still|yet|been|be|to be|ever|really|actually|at all|even|positively|directly|now"
    r"|of course|however|too|either|sadly|strangely|surprisingly|altogether|as good as)"
)
_HOWS = rf"(?:\s+{_HOW}){{0,3}}"
_SEEN = (
    r"(?:seen|found|observed|detected|identified|present|visible|noted|recogni[sz]ed|encountered"
    r"|met|shown|here|there|occur(?:ring)?|exist(?:ing)?|turn(?:ed)?\s+up|appear(?:ing)?|reported"
    r"|confirmed|proven|contained|included|developed|noticed|spotted|recorded|to\s+be\s+\w+"
    r"|any ?where|part\s+of|preserved|among|within|discernible|discovered|captured|pictured"
    r"|depicted|displayed|located|hit|exposed|represented|show(?:ing)?(?:\s+up)?|made\s+out"
    r"|(?:in|on)\s+(?:this|the|my)\s+(?:field|view|picture|photo\w*|section|slide|image|slice"
    r"|sample|specimen|frame|shot|mount))"
)
_ABSENT = (
    r"(?:absent|missing|nowhere|nil|not\s+there|ruled\s+out|excluded|discounted|conspicuous(?:ly)?\s+(?:by\s+\w+\s+absence|absent)|out\s+of\s+the"
    r"\s+question|invisible|unseen|(?:lacking|wanting)(?=\s*(?:[,.;)]|$|here|but|and|in\s+this)))"
)
_SIDE = (  # absent from one side only
    r"(?!\s+(?:from|in|at|on|along|near|towards?)\s+the\s+(?:\w+\s+)?(?:left|right|upper|lower"
    r"|top|bottom|cores?|rims?|margins?|cent(?:re|er)|edges?|half|corner|inner|outer|interior"
    r"|middle)\b)"
)
_NOT = r"(?:\bnot|n't|\bnever|\bcannot|\bfail(?:s|ed|ing)?\s+to|\bunable\s+to|\bwithout|\bnor)"
_FIND = (
    r"(?:contain|show|include|carry|carries|host|hold|have|find|found|see|seen|saw|observe|detect"
    r"|identify|identified|recogni[sz]e|notice|spot|meet|met|encounter|display|expose|bear|know"
    r"|reveal|contained|exhibit|feature|discover|discern|locate)(?:d|ed|ing|s)?"
)
_ABOUT = r"(?:\s*,\s*[^,;:]{1,60}?,)"
_VIEW = r"(?:view|field|frame|picture|photo\w*|image|shot|crop|section|slice)"

ABSENT_GATE = re.compile(  # no rule of ABSENT or GUARDS fits a sentence without one of these
    r"\bno\b|not|nor\b|\bnon|n't|nothing|never|neither|without|w/o|lack|absen|missing|devoid"
    r"|free|void|bare|empty|barren|vain|hardly|scarcely|barely|instead|place|lieu|rather|zero|minus"
    r"|nil\b|exclu|rul(?:ed|ing)|cannot|fail|unable|nowhere|out\s+of|outside|beyond|off\b|n\.?d\b"
    r"|0 ?%|\?|invisible|unseen|discount|wanting|nope|nada|kein|ohne|weder|noch|frei|statt|anstelle"
    r"|nicht|fehl|abwesend|нет|без|ни\b|отсут|лишен|вместо|не\s|\bsin\b|ausen|carece|\bni\b|falta"
    r"|vez|sans|\bpas\b|aucun|au\s+lieu|senza|assenza|\bne\b",
)

GUARDS = (
    (
        r"\b(?:(?:almost|nearly|virtually|practically|next\s+to)\s+no|not\s+(?:very\s+)?(?:much|many"
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
    (rf"\bnot\s+(?:without|devoid\s+of|free\s+(?:of|from))\s+{_MORE}(?P<x>{LIST})", "not without"),
    (rf"(?P<x>{LIST})(?:\s+{_AUX})?\s+not\s+(?:missing|absent|lacking|excluded)", "not missing"),
)

ABSENT = (
    (
        r"\b(?:no|nor|neither|without|w/o|lacks?|lacking|lacked|devoid\s+of|free\s+(?:of|from)"
        r"|absence\s+of|void\s+of|bare\s+of|empty\s+of|barren\s+(?:of|in)|in\s+vain\s+for|lack\s+of"
        r"|instead\s+of|in\s+place\s+of|in\s+lieu\s+of|rather\s+than|zero|minus|nothing\s+of"
        r"|none\s+of\s+the|(?:absent|missing|not\s+(?:shown|seen|present|found|visible|observed"
        r"|detected))(?:\s+(?:is|are|was|were)|\s*:)|absence\s*:|excluding|no\s+longer"
        r"|rul(?:ed|ing)\s+out|missing\s+(?:from\s+\w+\s+)?(?:is|are))[:\s]+"
        rf"{PART_OF}?{_MORE}(?:or\s+{_MORE})?(?:(?P<x>{LIST}){_FOLLOWS}|(?P<y>{PAIR}))",
        "said not to be there",
    ),
    (
        rf"\bnone\s+of\s+(?:the|these|them)\b(?:\s+\w+){{0,3}}?\s+(?:is|are|was|were)\s+{_MORE}"
        rf"(?P<x>{PAIR})",
        "said to be something else",
    ),
    (
        rf"\b(?:present|visible|seen|found|observed|there|detected)\b[^.;]*?(?:whereas|but|while|,)\s+"
        rf"(?:the\s+)?(?P<x>{PAIR})\s+(?:is|are|was|were)(?:\s+not|n't)\s*(?:$|[.,;])",
        "said not to be there",
    ),
    (rf"\bnot?\s+(?:a|one|the\s+slightest|the\s+least)\s+{PART_OF}{_MORE}(?P<x>{LIST})", "not a"),
    (
        rf"{_NOT}\s+(?:\w+ly\s+|yet\s+|ever\s+|even\s+|been\s+|able\s+to\s+)?{_FIND}\s+"
        rf"(?:any(?:thing\s+of)?\s+)?{PART_OF}?{_MORE}(?P<x>{LIST})",
        "not found",
    ),
    (
        r"(?:\b(?:is|are|was|were|it|this|that|nothing|but)\s*|[,(:;]\s*|^\s*|n't\s|-\s)"
        r"(?:\bnot|n't|\bnever|(?<=n't)|\bno(?=\s+more))\s*"
        r"(?:(?:really|actually|the|a|an|any|even|quite|truly|in\s+fact|indeed|of|as|pure|native"
        rf"|by|from)\s+){{0,2}}(?P<x>{PAIR})(?!-(?:rich|bearing|poor))",
        "said to be something else",
    ),
    (
        rf"(?P<x>{MINERAL}(?:\s*(?:,|/|&|-|and|or)\s*{MINERAL})*)"
        rf"(?:-free\b|\sfree\b(?!\s+(?:{MINERAL}|gold|of)))",
        "-free",
    ),
    *(
        (
            rf"(?P<x>{names}){THING}{_ABOUT}?\s*(?:,?\s*(?:which|that|though|itself|here|too|however)\s+)?"
            rf"(?:[:\u2013-]\s*)?{verb}{_HOWS}\s*(?:be\s+)?(?:{_ABSENT}|(?:\bnot|n't|\bnever)"
            rf"{_HOWS}\s+{_SEEN}){_SIDE}",
            "said not to be there",
        )
        # "pyrite, gold is not seen" speaks of gold, "pyrite, gold are not seen" of both
        for names, verb in ((LIST, r"(?:are|were|have|do)"), (PAIR, _AUX))
    ),
    (
        rf"(?P<x>{LIST}){THING}{_ABOUT}?\s+(?:cannot|can\s+not){_HOWS}\s+{_SEEN}",
        "said not to be there",
    ),
    (
        rf"(?:(?<=[(:])|(?<=[(:]\s))(?P<x>{LIST})\s+(?:{_ABSENT}|(?:not|never){_HOWS}\s+{_SEEN})"
        rf"{_SIDE}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s*(?:[:\u2013-]\s*|,\s*)?(?:here\s+)?(?:{_ABSENT}|(?:not|never){_HOWS}\s+"
        rf"{_SEEN}){_SIDE}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{LIST})\s*(?:[:?=]\s*|\s[\u2013-]\s+|[\u2013-](?=\s))(?:none|no|nil|nope|absent|not"
        r"\s+\w+|0 ?%|n\.?d\.?|nein|нет|keine?[rs]?|nichts|missing|nada)(?=\W|$)",
        "said not to be there",
    ),
    (
        rf"(?P<x>{LIST})\s*\((?:absent|missing|not\s+\w+|none|lacking)\b[^)]*\)",
        "said not to be there",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:(?:was|were|is|are|has\s+been|had\s+been|have\s+been)\s+)?(?:expected"
        r"|looked\s+for|searched\s+for|sought|suspected|hoped\s+for|checked\s+for|assumed|presumed"
        rf"|claimed|predicted|anticipated|wanted)\b[^.;{MINERAL[1:-1]}]{{0,60}}?"
        r"(?:\b(?:not|none|no|never|in\s+vain|without\s+success|unsuccessfully|nowhere|cannot)\b"
        r"|n't)",
        "looked for, not found",
    ),
    (
        r"\b(?:look(?:ed|ing)?|search(?:ed|ing)?|hunt(?:ed|ing)?|check(?:ed|ing)?|hop(?:ed|ing)?"
        r"|test(?:ed|ing)?)\s+(?:(?P<v>in\s+vain|unsuccessfully)\s+)?(?:everywhere\s+)?for\s+"
        rf"{_MORE}(?P<x>{LIST})(?(v)|[^.;]{{0,50}}?\b(?:in\s+vain|not|none|no|without|unsuccess\w+)\b)",
        "looked for, not found",
    ),
    (rf"\bof\s+(?P<x>{LIST})\s*,?\s*(?:\w+\s+){{0,3}}(?:nothing|none|no\s+(?:trace|sign))", "none"),
    (
        rf"(?P<x>{LIST})\s+(?:\w+\s+){{0,2}}(?:lies?|is|are|sits?|stays?|remains?|falls?|located)?"
        rf"\s*(?:just\s+|well\s+)?(?:outside(?:\s+of)?|out\s+of|beyond|off)\s+(?:of\s+)?"
        rf"(?:(?:this|the|our|my)\s+)?{_VIEW}",
        "outside the picture",
    ),
    # German, Russian, Spanish and French
    (
        r"\b(?:kein(?:e[nmrs]?)?(?:\s+Spur(?:en)?\s+von)?|ohne|weder|noch|frei\s+von|statt|anstatt"
        r"|anstelle\s+von|nicht|es\s+fehlen|es\s+fehlt|fehlend\w*|keinerlei)\s+(?:\w+\s+von\s+)?"
        rf"{_MORE}(?P<x>{LIST})",
        "said not to be there (German)",
    ),
    *(
        (
            rf"(?P<x>{names})\s+(?:(?:hier|dagegen|jedoch|aber|ist|sind|wurden?|war|waren|konnten?|kann"
            r"|auch|leider|in\s+diesem\s+\w+)\s+){0,3}"
            rf"(?:{verb}|nicht\s+(?:\w+\s+)?(?:gefunden|beobachtet|vorhanden|sichtbar|nachgewiesen"
            r"|nachweisbar|zu\s+sehen|erkennbar|vor|festgestellt|angetroffen|entdeckt|gesehen|da|dabei))",
            "said not to be there (German)",
        )
        for names, verb in ((LIST, "fehlen"), (PAIR, "fehlt|fehlend|abwesend"))
    ),
    (
        r"\b(?:нет|без|ни|отсутстви[еяю]м?|лишен\w*|вместо|не\s+(?:видно|содержит|обнаруж\w+"
        r"|найден\w*|встреч\w+|наблюда\w+|отмеч\w+|выявлен\w*|виден|видна|видны|установлен\w*)"
        rf"|отсутству\w+)\s+{_MORE}(?P<x>{LIST})",
        "said not to be there (Russian)",
    ),
    *(
        (
            rf"(?P<x>{names})\s+(?:(?:здесь|тут|в\s+\w+(?:\s+\w+)?|же|также|тоже|совсем|вовсе"
            r"|на\s+\w+|пока|нами|при\s+этом|визуально)\s+){0,3}"
            rf"(?:{verb}|не\s+(?:был[аио]?\s+)?(?:видно|вид\w+|обнаруж\w+|найден\w*|встре\w+"
            r"|наблюда\w+|отмеч\w+|выяв\w+|установлен\w*|диагностир\w+|присутству\w+|зафиксир\w+"
            r"|определен\w*))(?=\W|$)",
            "said not to be there (Russian)",
        )
        for names, verb in ((LIST, "отсутствуют"), (PAIR, "нет|отсутствует|отсутствуют"))
    ),
    (
        r"\b(?:sin|no\s+hay|no\s+se\s+(?:\w+)|ausencia\s+de|carece\s+de|ni|falta|faltan|en\s+vez\s+de"
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
