"""Rules for minerals that a text says are not there, or are no more.

A rule is a role, what to tell the reader of a hit, and a regular expression on a sentence in which
minerals are marks (see `grammar`); the minerals inside its group ``x`` get the role, the first
rule that fits being the one that counts. Rules of the role ``present`` are guards.
"""

from __future__ import annotations

from .grammar import ADJECTIVE, ITEM, LIST, MINERAL, PAIR, PART_OF

_MORE = rf"(?:{ADJECTIVE}\s+){{0,3}}"
_FOLLOWS = (  # a verb or the like: the last name of a list belongs to what follows
    r"(?!\s*(?:is|are|was|were|dominates?|predominates?|prevails?|forms?|fills?|occurs?|shows?"
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
    r"(?:absent|missing|nowhere|nil|not\s+there|ruled\s+out|excluded|discounted|out\s+of\s+the"
    r"\s+question|invisible|unseen|(?:lacking|wanting)(?=\s*(?:[,.;)]|$|here|but|and|in\s+this)))"
)
_SIDE = (  # absent from one side only
    r"(?!\s+(?:from|in|at|on|along|near|towards?)\s+(?:the\s+)?(?:\w+\s+)?(?:left|right|upper|lower"
    r"|top|bottom|cores?|rims?|margins?|cent(?:re|er)|edges?|half|corner|inner|outer|interior"
    r"|middle|part|areas?)\b)"
)
_NOT = r"(?:\bnot|n't|\bnever|\bcannot|\bfail(?:s|ed|ing)?\s+to|\bunable\s+to|\bwithout|\bnor)"
_FIND = (
    r"(?:contain|show|include|carry|carries|host|hold|have|find|found|see|seen|saw|observe|detect"
    r"|identify|identified|recogni[sz]e|notice|spot|meet|met|encounter|display|expose|bear|know"
    r"|reveal|contained|exhibit|feature|discover|discern|locate)(?:d|ed|ing|s)?"
)
_ABOUT = r"(?:\s*,\s*[^,;:]{1,60}?,)"
_VIEW = r"(?:view|field|frame|picture|photo\w*|image|shot|crop|section|slice)"
_FULLY = (
    r"(?<!almost )(?<!nearly )(?<!not )(?<!virtually )(?:completely|complete|fully|entirely|totally"
    r"|wholly|thoroughly|altogether|100 ?%|without\s+remains|without\s+a\s+trace|to\s+the\s+last"
    r"|vollständig|vollstandig|völlig|vollig|ganz|komplett|полностью|нацело|целиком|completamente"
    r"|totalmente|complètement|completement)"
)
_CHANGED = (
    r"(?:replaced|altered|converted|transformed|oxidi[sz]ed|pseudomorphed|pseudomorphosed|turned"
    r"|changed|consumed|digested|marti?ti[sz]ed|weathered|destroyed|dissolved|limoniti[sz]ed"
    r"|leached|eaten|lost|gone|overprinted|decomposed|inverted|broken\s+down|hydrated|removed"
    r"|superseded|supplanted|substituted|verdrangt|ersetzt|umgewandelt|zersetzt|oxidiert"
    r"|замещ\w+|окисл\w+|преобраз\w+|разложи\w+|перешел|перешла|reemplazad\w+|sustituid\w+"
    r"|alterad\w+|remplac\w+)"
)
_BE = r"(?:is|are|was|were|has|have|had|been|being|now|here|wurden?|ist|sind|worden|был\w?|esta|fue)"
_GONE = r"(?:gone|vanished|disappeared|no\s+longer\s+(?:there|present|seen|preserved|visible|left))"

GUARDS = (
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
        r"|detected))(?:\s+(?:is|are|was|were)|\s*:)|excluding|no\s+longer"
        r"|rul(?:ed|ing)\s+out|missing\s+(?:from\s+\w+\s+)?(?:is|are))[:\s]+"
        rf"{PART_OF}?{_MORE}(?:or\s+{_MORE})?(?P<x>{LIST}){_FOLLOWS}",
        "said not to be there",
    ),
    (  # the last name belongs to what follows: "no galena, pyrite only"
        r"\b(?:no|without|lacking|devoid\s+of|free\s+(?:of|from))\s+"
        rf"{PART_OF}?{_MORE}(?P<x>{ITEM}(?:\s*,\s*{ITEM})*?)(?=\s*,\s*{ITEM}\s|\s+(?:and|,)\s+{ITEM}\s"
        rf"|\s|[,.;:)]|$)",
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
        rf"(?P<x>{MINERAL}(?:\s*(?:,|/|&|-|and|or)\s*{MINERAL})*)(?:-|\s)free\b"
        rf"(?!\s+(?:{MINERAL}|gold|of))",
        "-free",
    ),
    *(
        (
            rf"(?P<x>{names}){_ABOUT}?\s*(?:,?\s*(?:which|that|though|itself|here|too|however)\s+)?"
            rf"(?:[:\u2013-]\s*)?{verb}{_HOWS}\s*(?:be\s+)?(?:{_ABSENT}|(?:\bnot|n't|\bnever)"
            rf"{_HOWS}\s+{_SEEN}){_SIDE}",
            "said not to be there",
        )
        # "pyrite, gold is not seen" speaks of gold, "pyrite, gold are not seen" of both
        for names, verb in ((LIST, r"(?:are|were|have|do)"), (PAIR, _AUX))
    ),
    (
        rf"(?P<x>{LIST}){_ABOUT}?\s+(?:cannot|can\s+not){_HOWS}\s+{_SEEN}",
        "said not to be there",
    ),
    (
        rf"(?:(?<=[(:])|(?<=[(:]\s))(?P<x>{LIST})\s+(?:{_ABSENT}|(?:not|never){_HOWS}\s+{_SEEN})"
        rf"{_SIDE}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR})\s*(?:[:\u2013-]\s*|,\s*)?(?:here\s+)?(?:{_ABSENT}|(?:not|never){_HOWS}\s+"
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
    (
        rf"(?P<x>{LIST})\s+(?:(?:hier|dagegen|jedoch|aber|ist|sind|wurden?|war|waren|konnten?|kann"
        r"|auch|leider|in\s+diesem\s+\w+)\s+){0,3}(?:fehl(?:t|en)|fehlend|abwesend|nicht\s+(?:\w+\s+)?"
        r"(?:gefunden|beobachtet|vorhanden|sichtbar|nachgewiesen|nachweisbar|zu\s+sehen|erkennbar"
        r"|vor|festgestellt|angetroffen|entdeckt|gesehen|da|dabei))",
        "said not to be there (German)",
    ),
    (
        r"\b(?:нет|без|ни|отсутстви[еяю]м?|лишен\w*|вместо|не\s+(?:видно|содержит|обнаруж\w+"
        r"|найден\w*|встреч\w+|наблюда\w+|отмеч\w+|выявлен\w*|виден|видна|видны|установлен\w*)"
        rf"|отсутству\w+)\s+{_MORE}(?P<x>{LIST})",
        "said not to be there (Russian)",
    ),
    (
        rf"(?P<x>{LIST})\s+(?:(?:здесь|тут|в\s+\w+(?:\s+\w+)?|же|также|тоже|совсем|вовсе|на\s+\w+"
        r"|пока|нами|при\s+этом|визуально)\s+){0,3}(?:нет|отсутству\w+|не\s+(?:был[аио]?\s+)?"
        r"(?:видно|вид\w+|обнаруж\w+|найден\w*|встре\w+|наблюда\w+|отмеч\w+|выяв\w+|установлен\w*"
        r"|диагностир\w+|присутству\w+|зафиксир\w+|определен\w*))(?=\W|$)",
        "said not to be there (Russian)",
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

FORMER = (
    (
        r"\b(?:pseudom\w*|pseudo\.?|pseud\.?|ps\.|psm\.?|paramorph\w*|perimorph\w*|epimorph\w*"
        r"|псевдоморфоз\w*|параморфоз\w*|pseudomorf\w*|pseudomorph\w*)(?:\s+[\w()-]+|\s*"
        rf"{MINERAL}){{0,5}}?\s+(?:after|of|von|nach|по|tras|de|according\s+to|d'apres)\s+"
        rf"{_MORE}(?P<x>{LIST})",
        "pseudomorph after",
    ),
    (
        rf"\b(?:casts?|mou?lds?|ghosts?|boxworks?|epimorphs?)\s+(?:of|after)\s+{_MORE}"
        rf"(?P<x>{PAIR})",
        "only the shape is left",
    ),
    (
        rf"{MINERAL}(?:\s*\([^()]{{1,30}}\))?\s*(?:after|nach|по|ex)\s+{_MORE}(?P<x>{PAIR})"
        r"(?![^.;]*\b(?:crystalli\w+|deposit\w*|precipitat\w+|formed|grew|came|later|stage)\b)",
        "after",
    ),
    (rf"\bex(?:-|\s+)(?P<x>{MINERAL})", "ex-"),
    (
        r"\b(?:former|erstwhile|one-?time|bygone|vanished|pre-existing|preexisting|ehemalig\w*"
        rf"|einstig\w*|бывш\w+|antigu[ao]s?|ancienne?s?)\s+(?:\w+\s+){{0,2}}?(?P<x>{PAIR})",
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
        rf"(?P<x>{PAIR})\s+(?:was|were)\s+(?:here\s+|there\s+|present\s+)?(?:once|formerly|earlier)\b"
        rf"|\b(?:once|formerly)\s+(?:was|were|there\s+(?:was|were))\s+(?P<y>{PAIR})"
        rf"|(?P<z>{PAIR})\s+(?:once|formerly)\s+(?:was|were|stood|sat|filled|grew)\b",
        "was here once",
    ),
    (
        rf"(?P<x>{PAIR})\s*,?\s*(?:(?:of\s+which|which|that|{_BE}|long|since|meanwhile|all|by\s+now"
        rf"|completely|entirely|totally|fully)\s+){{0,5}}{_GONE}\b",
        "gone",
    ),
    (
        rf"(?P<x>{PAIR})\s*,?\s*(?:of\s+which\s+(?:nothing|none|no\s+\w+|not\s+\w+)"
        r"|(?:nothing|none)\s+of\s+which)",
        "nothing left",
    ),
    (
        rf"(?P<x>{PAIR}){_ABOUT}?\s*,?\s*(?:(?:which|that|{_BE})\s+){{0,3}}"
        rf"(?:{_FULLY}\s+(?:{_BE}\s+)?{_CHANGED}|{_CHANGED}\s+{_FULLY})",
        "fully replaced",
    ),
    (
        rf"{_FULLY}\s+{_CHANGED}\s+(?:grains?\s+of\s+)?(?P<x>{ITEM})(?!\s+(?:by|durch)\b)",
        "fully replaced",
    ),
    (
        rf"{_FULLY}\s+(?:replac(?:es|ed|ing)|consum(?:es|ed|ing)|supplant(?:s|ed|ing)"
        rf"|substitut(?:es|ed|ing)|pseudomorph(?:s|ed|ing))\s+{_MORE}(?P<x>{PAIR})",
        "fully replaced",
    ),
    (
        r"\b(?:replac(?:es|ed|ing)|consum(?:es|ed|ing)|supplant(?:s|ed|ing)|substitut(?:es|ed|ing)"
        rf"|verdrangt|ersetzt)\s+(?:all\s+(?:of\s+)?(?:the\s+)?)?{_MORE}(?P<x>{PAIR})\s+{_FULLY}",
        "fully replaced",
    ),
    (
        rf"\ball\s+(?:of\s+)?(?:the\s+)?(?:\w+\s+)?(?P<x>{PAIR})\s+(?:{_BE}\s+){{0,3}}(?:\w+\s+)?"
        rf"{_CHANGED}",
        "all of it replaced",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:{_BE}\s+){{1,3}}(?:etched|plucked|leached|weathered|fallen|dissolved"
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
