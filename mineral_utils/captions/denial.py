"""Rules for minerals that a text says are not there.

A rule is a role, what to tell the reader of a hit, and a regular expression on a sentence in which
minerals are marks (see `grammar`); the minerals inside its group ``x`` get the role, the first
rule that fits being the one that counts. What only sounds like a denial is in `affirmed`, what was
looked for in vain in `unseen`.
"""

from __future__ import annotations

import re

from .grammar import LIST, MARKS, MINERAL, MORE, PAIR, PART_OF, THING

_MORE = rf"{PART_OF}?{MORE}"
_SHOWN = r"visible|seen|present|left|found|observed|detected|noted|recognised|to\s+be|here|there"
_FOLLOWS = (  # a verb or the like: the last name of a list belongs to what follows
    rf"(?!\s*(?:(?:is|are|was|were)(?!\s+(?:{_SHOWN}))|dominates?|predominates?|prevails?|forms?"
    rf"|fills?|occurs?|shows?"
    r"|only|alone|abundant|present|common|has|have|surrounds?|replaces?|rims?|encloses?|makes?"
    r"|with|contains?|throughout|instead|ist|sind|есть|преобладает)\b)"
)
AUX = (
    r"(?:is|are|was|were|has|have|had|can|could|ca|may|might|will|would|wo|does|do|did|seems?"
    r"|appears?|remain(?:s|ed)?|proved|turned out)"
)
_HOW = (
    r"(?:both|all|also|clearly|quite|totally|completely|entirely|wholly|conspicuously|here|notably"
    r"|probably|apparently|simply|unfortunately|obviously|definitely|generally|thus|therefore"
    r"|so far|still|yet|been|be|to be|ever|really|actually|at all|even|positively|directly|now"
    r"|of course|however|too|alone|only|either|sadly|strangely|surprisingly|altogether|as good as)"
)
_HOWS = rf"(?:\s+{_HOW}){{0,3}}"
SEEN = (
    r"(?:seen|found|observed|detected|identified|present|visible|noted|recogni[sz]ed|encountered"
    r"|met|shown|here|there|occur(?:ring)?|exist(?:ing)?|turn(?:ed)?\s+up|(?:appear|show)"
    r"(?:ing)?(?=\s*(?:$|[.,;:!)]|up\b|here\b|in\b|on\b|at\b"
    r"|to\s+be\s+(?:present|there)))|reported"
    r"|confirmed|proven|contained|included|developed|noticed|spotted|recorded|to\s+be\s+"
    r"(?!confused|mistaken|missed|taken|overlooked)\w+"
    r"|any ?where|part\s+of|preserved|among|within|discernible|discovered|captured|pictured"
    r"|depicted|displayed|located|hit|exposed|represented|made\s+out|recogni[sz]able"
    r"|identifiable|discernable|distinguishable"
    r"|(?:in|on)\s+(?:this|the|my)\s+(?:field|view|picture|photo\w*|section|slide|image|slice"
    r"|sample|specimen|frame|shot|mount))"
)
NOT_THERE = (
    r"(?:absent|missing|nowhere|nil|not\s+there|ruled\s+out|excluded|discounted|conspicuous"
    r"(?:ly)?\s+(?:by\s+\w+\s+absence|absent)|out\s+of\s+the"
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
    r"|reveal|contained|exhibit|feature|discover|discern|locate|confirm|prove|indicate|yield"
    r"|support|establish|verify|got|get)"
    r"(?:d|ed|ing|s)?"
)
_ABOUT = r"(?:\s*,\s*[^,;:]{1,60}?,)"

GATE = re.compile(  # no rule of ABSENT or GUARDS fits a sentence without one of these
    r"\bno\b|less|success|fruitless|futile|attempt|impossib|sterile|avail|\byet\b|remain|hidden"
    r"|\ball\b|thing|nobody|noone|miss|unknown|\b0|not|nor\b|\bnon|n't|nothing|never|neither"
    r"|without|w/o|lack|absen|missing|devoid"
    r"|free|void|bare|empty|barren|vain|hardly|scarcely|barely|instead|place|lieu|rather|zero|minus"
    r"|nil\b|nix|nary|omit|elud|escap|evad|\bun\w+ed\b|unavail|undetect|bereft|want\s|elusive"
    r"|lost|refus|\b0\b|[\u2013\u2014-]\s*(?:$|[.,;])|stay|away|other|differ|next|previous"
    r"|companion|neighb|kept|exclu|rul(?:ed|ing)|cannot|fail|unable|nowhere|out\s+of|outside"
    r"|beyond|off\b|\bn\.\s?d\b|\bnd\b"
    r"|0 ?%|\?|invisible|unseen|discount|wanting|nope|nada|nein|kein|nicht|нет|\bsans\b",
)

ABSENT = (
    (
        r"\b(?:no|nor|neither|without|w/o|lacks?|lacking(?:\s+in)?|lacked|nor\s+(?:is"
        r"|are)\s+there|devoid\s+of|free\s+(?:of|from)"
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
        rf"\b(?:present|visible|seen|found|observed|there|detected)\b[^.;]*?(?:whereas|but|while"
        rf"|,)\s+"
        rf"(?:the\s+)?(?P<x>{PAIR})\s+(?:is|are|was|were)(?:\s+not|n't)\s*(?:$|[.,;])",
        "said not to be there",
    ),
    (
        rf"(?:\bnot?|n't)\s+(?:an?|one|any|the\s+slightest|the\s+least)\s+{PART_OF}{_MORE}"
        rf"(?P<x>{LIST})",
        "not a",
    ),
    (
        r"\b(?:there\s+(?:is|are)\s+neither|nary\s+an?|not\s+so\s+much\s+as|not\s+even"
        r"|bereft\s+of|for\s+want\s+of"
        r"|for\s+lack\s+of|absent\s+any|without\s+(?:leaving|showing|containing|any\s+of\s+the)"
        r"|misse[sd]|instead\s+of\s+the\s+expected"
        rf"|omits?|omitted|(?:the|its|their)\s+(?:missing|absent|lost|elusive)|sans|nil"
        rf"|nix)\s+{PART_OF}?{_MORE}"
        rf"(?P<x>{LIST}){_FOLLOWS}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:(?:has|have|had|which|that|also|always|so\s+far)\s+){{0,3}}"
        rf"(?:elud\w+|escap(?:es|ed)\s+(?:me|us"
        r"|detection|notice|the)|evad\w+|(?:takes?|took|plays?|played|has|have|had)\s+no\s+"
        r"(?:part|role|place|share)"
        r"|stays?\s+away|kept\s+away|(?:remain(?:s|ed)?|went|goes|stay(?:s|ed)?|is|are|was"
        r"|were)\s+(?:\w+ly\s+)?"
        r"(?:un(?:detected|detectable|seen|observed|found|represented|recorded|noticed|available"
        r"|discovered"
        r"|confirmed|proven|known)|below\s+detection|non-?existent|a\s+no-show|in\s+vain)"
        r"|(?:fail(?:s|ed)?\s+to|refus(?:es|ed)\s+to)\s+(?:appear|show|turn|form|occur"
        r"|materiali[sz]e|be\s+\w+)"
        rf"|(?:did|does|do|has|have|had|could|can|is|are|was|were|would)(?:\s+not|n't|\s+never"
        rf"|\s+nowhere)\s+(?:\w+ly\s+)?"
        r"(?:survive|survived|participat\w+|figure|feature|materiali[sz]ed?|develop|form|grow"
        r"|make\s+an"
        r"\s+appearance|persist|contribut\w+|accompany|part\s+of|among|to\s+be\s+\w+|involved"
        r"|come\s+into"
        r"|emerge|crystalli[sz]e|reach|arrive|belong)\b"
        r"|never\s+(?:(?!touch|exceed|reach|form)\w+ed|made\s+it|got|came|grew|arrived|existed)\b)",
        "said not to be there",
    ),
    (
        rf"\b(?:visible|seen|found|present|shown|observed|detected|here|recogni[sz]able"
        rf"|recogni[sz]ed|identifi\w+|discernible|confirmed"
        rf"|occurs?|common|abundant|contains?|includes?)\b[^.]*?[,;]?\s*(?:whereas|but|while|,|;"
        rf"|and|though|although|unlike)\s+(?:the\s+)?(?P<x>{PAIR})"
        r"\s+(?:is|are|was|were|does|do|did|has|have|could|can)(?:\s*not|n't)\s*(?:$|[.,;)])",
        "said not to be there",
    ),
    (
        rf"(?P<x>{MINERAL}(?:\s*(?:,|/|&|-|and|or)\s*{MINERAL})*)(?:-?less\b|\s+0"
        rf"(?:[.,]0+)?\s*%(?=\s*(?:$|[.,;)])))"
        rf"|\bnon-?(?P<y>{MINERAL})",
        "none of it",
    ),
    (
        rf"(?:^|[.;,:]\s*)(?P<x>{PAIR})\s+(?:it|this|that)\s+(?:is|was)(?:\s+not|n't)(?=\s*(?:$"
        rf"|[.,;:!]))",
        "said to be something else",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:no\s+longer\s+(?:exists?|occurs?|present|visible|seen|there"
        rf"|preserved)|n\.\s?d\.|being\s+{NOT_THERE}|poor\s+or\s+{MINERAL}\s+free)",
        "said not to be there",
    ),
    (
        rf"\bnone\s+of\s+(?!the\b|these\b|them\b){MORE}(?P<x>{PAIR})|\bno\s+(?:\w+\s+){{1,2}}[(]"
        rf"(?P<y>{LIST})[)]",
        "said not to be there",
    ),
    (
        rf"\b(?:presence|existence|occurrence)\s+of\s+{_MORE}"
        rf"(?P<x>{LIST})[^.;,:{MARKS}]{{0,40}}?(?:\bnot|n't|\bnever|\bun\w+ed|\bdoubt\w*"
        rf"|\bdisproved|\bexcluded|\bruled)"
        rf"|\b(?:nowhere|never|not\s+once|at\s+no\s+\w+|in\s+no\s+\w+"
        rf"|nor)\b[^.;,:{MARKS}]{{0,40}}?\b(?:do|does|did|is|are|was|were|has|have|can"
        rf"|could)\s+{_MORE}(?P<y>{PAIR})",
        "said not to be there",
    ),
    (
        rf"\b(?:nobody|no\s*one|none\s+of\s+(?:us|them)|few\s+if\s+any)\s+(?:(?:has|have|had"
        rf"|ever|yet|could|can)\s+){{0,3}}{_FIND}\s+(?:any\s+)?"
        rf"{_MORE}(?P<x>{LIST})",
        "not found",
    ),
    (
        rf"\b(?:none|nothing|not\s+(?:one|a|any)|no)\b(?!\s+(?:but|except|other"
        rf"|else))[^.;,:{MARKS}]{{0,40}}?\b(?:is|are|was|were|represents?)\s+"
        rf"{_MORE}(?P<x>{PAIR})(?!-)",
        "said to be something else",
    ),
    (
        r"\b(?:cannot|can\s*not|can't|could\s*n[o']t|could\s+not|must\s+not|need\s+not"
        r"|may\s+not)\s+(?:possibly\s+|really\s+|have\s+been\s+|well\s+)?be\s+"
        rf"{_MORE}(?P<x>{PAIR})",
        "said to be something else",
    ),
    (
        r"(?:^|\b(?:is|are|was|were|and|but|it's|that's)\s+|[,(:;\u2013-]\s*)(?:\w+ly\s+|hence\s+|thus\s+|therefore\s+|so\s+"
        r"|maybe\s+|perhaps\s+|of\s+course\s+|all\s+in\s+all\s+)?"
        rf"(?:not\s*,[^,]{{1,40}},|not|hardly|scarcely|isn't)\s+(?:an?\s+|the\s+)?(?P<x>{PAIR})"
        rf"(?!-)(?=\s*(?:$|[.,;:!?)]|but|as|either|\u2013|-\s|{MINERAL}|[a-z]+ite))",
        "said to be something else",
    ),
    (
        rf"(?:^|[.;]\s*)(?:missing|absent|lacking|not\s+(?:seen|found|shown|present|visible"
        rf"|observed|detected|included))(?:\s+\w+){{0,2}}\s*:\s*{_MORE}(?P<x>{LIST})|\bain't\s+"
        rf"(?:no\s+)?(?P<y>{PAIR})"
        rf"|\bno\s+(?:sign|trace|hint|evidence|indication|proof|spectrum)s?\s+(?:\w+\s+){{0,2}}"
        rf"(?:of|for)\s+{_MORE}(?P<z>{LIST})",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:\w+\s+)?(?:alone|only|hidden|buried|concealed)\s+(?:is|are|was"
        rf"|were)\s+{NOT_THERE}"
        rf"|(?P<y>{PAIR})\s+(?:is|are|was|were|lies?)\s+(?:hidden|buried|concealed)\s+(?:beneath"
        rf"|below|under)\s+(?:the\s+)?(?:surface|polish)"
        rf"|(?P<z>{PAIR})\s*,?\s+but\s+no\s*(?:$|[.!,])",
        "said not to be there",
    ),
    (
        rf"\b(?:no|without|lacks?|lacking|devoid\s+of|free\s+(?:of|from)|absence\s+of)\s+"
        rf"(?:\w+\s+){{1,4}}?(?:such\s+as|like|including|e\.g\.|namely"
        rf"|for\s+example)\s*,?\s*{_MORE}(?P<x>{LIST})",
        "of what is not there",
    ),
    (
        rf"\b\w+\s*(?:\(|,\s*(?:such\s+as|like|including)\s+|\s(?:such\s+as|like|including)\s+)"
        rf"(?P<x>{LIST})\s*(?:\)|,)?\s*(?:are|were|is|was)\s+{NOT_THERE}",
        "of what is not there",
    ),
    (
        rf"\b(?:everything|anything|all)\b[^.;{MARKS}]{{0,40}}?\b(?:but|except(?:\s+for)?"
        rf"|save)\s+{_MORE}(?P<x>{PAIR})"
        r"(?=\s*(?:$|[.,;!]|(?:are|is|were|was)\s+(?:there|present|seen|visible|shown|found)"
        r"|occurs?\b))",
        "all but this",
    ),
    (
        rf"(?<![\d.,])0(?:[.,]0+)?\s*%\s*(?:of\s+)?(?P<x>{PAIR})|(?P<y>{PAIR})\s*=\s*(?:0"
        rf"(?![.,\d])|none|nil)",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s+(?:(?:has|have|is|are|was|were)\s+(?:\w+\s+)?yet\s+to\s+(?:be"
        rf"|turn|appear|come)|(?:remains?|remained|is|are)\s+to\s+be\s+(?:found|seen"
        rf"|confirmed|proven|detected|discovered|identified|verified)|(?:is|are)\s+"
        rf"(?:\w+ly\s+)?unknown\s+(?:in|from|at|to|here)"
        rf"|(?:is|are|was|were)(?:\s+not|n't)\s+an?\s+(?:\w+\s+)?(?:constituent|component|member"
        rf"|part|ingredient)\b|(?:did|does)(?:\s+not|n't)\s+make\s+it)",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR})\s+(?:that|which|who|whose|\w{{3,}}ed|seen|shown|known"
        rf"|found)\s+[^.;,{MARKS}]{{1,60}}?\s{AUX}(?:\s*not|n't|\s+never){_HOWS}\s+{SEEN}"
        rf"|(?P<y>{PAIR})\s+(?:that|which|whose|\w{{3,}}ed|seen|shown|known"
        rf"|found)\s+[^.;,{MARKS}]{{1,60}}?\s(?:cannot|can\s+not){_HOWS}\s+{SEEN}"
        rf"|(?P<z>{PAIR})\s+(?:that|which|whose|\w{{3,}}ed|seen|shown|known"
        rf"|found)\s+[^.;,{MARKS}]{{1,60}}?\s{AUX}{_HOWS}\s+{NOT_THERE}",
        "said not to be there",
    ),
    (
        rf"\b(?:absent|missing|lacking|unseen|invisible)\b[^.;,:{MARKS}]{{0,50}}?\b(?:is|are|was"
        rf"|were)\s+{_MORE}(?P<x>{PAIR})(?=\s*(?:$|[.,;:]))",
        "said not to be there",
    ),
    (
        rf"(?:\bnot|n't)\s+(?:occur|found|seen|associated|intergrown|together|accompanied"
        rf"|coexist\w*|grow\w*)\s+(?:\w+ly\s+)?(?:with|by)\s+{_MORE}(?P<x>{PAIR})",
        "said not to be with it",
    ),
    (
        rf"{_NOT}\s+(?:\w+ly\s+|yet\s+|ever\s+|even\s+|been\s+|able\s+to\s+)?{_FIND}\s+"
        rf"(?:any(?:thing)?\s+(?:of\s+(?:the\s+)?)?)?{PART_OF}?{_MORE}(?P<x>{LIST})",
        "not found",
    ),
    (
        r"(?:\b(?:is|are|was|were|it|this|that|nothing|but)\s*|[,(:;?]\s*|^\s*|n't\s|-\s)"
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
            rf"(?P<x>{names}){THING}{_ABOUT}?\s*(?:,?\s*(?:which|that|though|itself|here|too"
            rf"|however)\s+)?"
            rf"(?:[:\u2013-]\s*)?{verb}{_HOWS}\s*(?:be\s+)?(?:{NOT_THERE}|(?:\bnot|n't|\bnever)"
            rf"{_HOWS}\s+{SEEN}){_SIDE}",
            "said not to be there",
        )
        # "pyrite, gold is not seen" speaks of gold, "pyrite, gold are not seen" of both
        for names, verb in ((LIST, r"(?:are|were|have|do)"), (PAIR, AUX))
    ),
    (
        rf"(?P<x>{LIST}){THING}{_ABOUT}?\s+(?:cannot|can\s+not){_HOWS}\s+{SEEN}",
        "said not to be there",
    ),
    (
        rf"(?:(?<=[(:])|(?<=[(:]\s))(?P<x>{LIST})\s+(?:{NOT_THERE}|(?:not|never){_HOWS}\s+{SEEN})"
        rf"{_SIDE}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{PAIR}){THING}\s*(?:[:\u2013-]\s*|,\s*)?(?:here\s+)?(?:{NOT_THERE}|(?:not"
        rf"|never){_HOWS}\s+"
        rf"{SEEN}){_SIDE}",
        "said not to be there",
    ),
    (
        rf"(?P<x>{LIST}){THING}\s*(?:[:?=]\s*|\s[\u2013-]\s+|[\u2013-](?=\s))(?:none|no|nil|nope"
        rf"|absent|not"
        r"\s+\w+|[\u2013\u2014-](?=\s*(?:$|[.,;]))|0 ?%|n\.?d\.?|nein|нет|keine?[rs]?|nichts"
        r"|missing|nada)(?=\W|$)",
        "said not to be there",
    ),
    (
        rf"(?P<x>{LIST})\s*\((?:absent|missing|not\s+\w+|none|lacking)\b{_SIDE}[^)]*\)",
        "said not to be there",
    ),
)
