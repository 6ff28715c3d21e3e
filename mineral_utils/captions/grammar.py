"""Building blocks of the rules: how a sentence looks once the minerals in it are marks.

Every mention of a mineral becomes one character, so that rules can speak of minerals whatever
their names: `MINERAL` is any, `NAMED` one with a capital letter, `METAL` a bare "gold", "silver",
"copper", "bismuth" or "graphite", which may also be a colour, a substance or a word.
"""

from __future__ import annotations

import re

PLAIN_MARK, NAMED_MARK, METAL_MARK, NAMED_METAL_MARK = "\ue000", "\ue001", "\ue002", "\ue003"
MARKS = f"{PLAIN_MARK}{NAMED_MARK}{METAL_MARK}{NAMED_METAL_MARK}"
MINERAL = f"[{MARKS}]"
NAMED = f"[{NAMED_MARK}{NAMED_METAL_MARK}]"
METAL = f"[{METAL_MARK}{NAMED_METAL_MARK}]"

# minerals outside the vocabulary take part in lists
_NOT_MINERALS = (
    "white|quite|despite|opposite|site|composite|favou?rite|definite|finite|infinite|invite|write"
    "|elite|bite|kite|polite|suite|unite|exquisite|requisite|satellite|rewrite|ignite|recite"
)
OTHER = rf"(?!(?:{_NOT_MINERALS})s?\b)\b[a-z]{{3,}}ites?\b"

# small words and adjectives that may stand before a name without changing what is said of it
ADJECTIVE = (
    r"(?:any|either|both|the|a|an|some|much|more|other|further|even|such|single|sure|real"
    r"|visible|free|native"
    r"|gediegene?[ns]?|earlier|earliest|later|latest|original|former|older|oldest|younger"
    r"|previous|first|second|third|last|remaining|usual|expected|primary|secondary|relict|relic"
    r"|fresh|trace|usual|common|commonly|fine|coarse"
    r"|tiny|small|large|big|pure|true|clear|bright|typical|its|their|this|these|that"
    r"|sichtbare[ns]?|der|die|das|den|dem|des|ein|eine[nmrs]?|el|la|los|las|un|una|le|les|une|du"
    r"|[а-я]+(?:ого|его|ои|еи|их|ых|им|ым|ую|юю|ому|ему|ая|ое|ые|ии|ыи|ими|ыми|егося|ихся)"
    r"|видимо\w+|самородн\w+|other than"
    r"|\w{3,}(?:ed|al|ic|ous|ible|able|ish|less|ular|ary|ical|ant|ent|ive|ful|ing|est|ny|dy|ky"
    r"|ry|ty|oid)"
    r"|dark|light|dull|soft|hard|thin|thick|long|short|broad|deep|pale|rich|poor|red|green|blue"
    r"|black|white|brown|yellow|pink"
    r"|gr[ae]y|old|new|young|early|late|good|nice|beautiful|well|rare|odd|great|micron-?\w*|\w+-"
    r"(?:grained|sized|poor|rich))"
)
# up to three of them; a comma stands only between two ("coarse, bright galena")
MORE = rf"(?:{ADJECTIVE}(?:,\s+(?!(?:the|an?|this|its)\b)(?={ADJECTIVE}\s)|\s+)){{0,3}}"
_PART = (
    "trace|sign|hint|grain|speck|evidence|indication|inclusion|remnant|relic|relict|crystal"
    "|lamella|lamellae|bleb|vein|veinlet|rim|particle|spot|fleck|flake|needle|exsolution"
    "|presence|amount|bit|vestige|film|shred|mention|show|patch|generation|variety|kind|type|form|piece|occurrence|sliver|whisker"
)
PART_OF = rf"(?:(?:\w+\s+){{0,2}}(?:{_PART})s?\s+of\s+)"
# what a name may be followed by and still be the subject: "pentlandite flames are absent"
THING = (
    r"(?:\s+(?:flames?|lamellae?|lamellas|inclusions?|grains?|blebs?|rims?|veinlets?|crystals?"
    r"|stars?"
    r"|needles?|exsolutions?|laths?|flakes?|specks?|particles?|cubes?|minerals?|intergrowths?"
    r"|disease|films?|coatings?|cores?|relics?|remnants?|dendrites?|wires?|itself|too|either"
    r"|mass(?:es)?|aggregates?|octahedra|rhombs?|rhombohedra|matrix|phases?|framboids?|spheres?"
    r"|nodules?|bands?|spots?"
    r"|patches|areas?|fragments?|veins?|stringers?|dust|impregnations?|minerali[sz]ation|ore"
    r"|of\s+(?:the|this|that|an?)\s+(?:\w+\s+)?(?:generation|kind|type|stage|size)"
    r"|\([^()]{1,25}\)){1,2})?"
)
_BRACKET = r"(?:\s*[(\[][^()\[\]]{1,30}[)\]])"
_JOINT = (
    r"(?:\s*(?:,\s*)?\b(?:and|or|nor|und|oder|noch|sowie|и|или|ни|y|o|ni|et|ou|e|as well as)\s+"
    r"|\s*(?:,|/|&|\+)\s*|\s?[-\u2013]\s?)"
)
_BEFORE = r"(?:(?:any|the|a|some|no|visible|native|other|even|also|both|much|few|gediegene?s?)\s+)"
ITEM = rf"{_BEFORE}{{0,2}}(?:{MINERAL}|{OTHER}){_BRACKET}?"
LIST = rf"{ITEM}(?:{_JOINT}{ITEM})*"
# a list that surely goes together: two with "and", "or", or one
_AND = "and|or|nor|und|oder|noch|и|или|y|o|et|ou"
PAIR = rf"{ITEM}(?:(?:\s*[,/]\s*{ITEM})*\s*(?:,\s*)?\b(?:{_AND})\s+{ITEM})?"

LONGEST_SENTENCE = 400  # characters
_SENTENCE = re.compile(
    r"(?<!\b[A-Za-z])(?<!\b[A-Za-z]r)(?<!\bMrs)(?<!\bProf)(?<!\bcoll)(?<!\bColl)(?<!\bvar)"
    r"(?<!\bVar)"
    r"(?<!\bcf)(?<!\bca)(?<!\bapprox)(?<!\bNo)(?<!\bincl)(?<!\bresp)(?<!\bMt)(?<!\bSt)(?<!\bps)"
    r"(?<!\bpseud)(?<!\bged)(?<!\bbzw)(?<!\bvs)(?<!\bfig)(?<!\bFig)(?<!\be\.g)(?<!\bi\.e)"
    r"(?<!\bpseudo)(?<!\bpers)(?<!\bdet)(?<!\bex)(?<!\bEx)(?<!\bleg)(?<!\bsp)(?<!\bmin)"
    r"\.(?=\s|$)"
    r"|!+|\?+(?!\s*(?i:no|nope|not|nein|нет|non)\b)|;(?!\s*(?:the\s+)?[\ue000-\ue003]\s+(?:is"
    r"|are|was|were|does|do|did|has|have|could|can)(?:\s+not|n't)\s*(?:[.,;)]|$))|\s//\s|\s\|\s"
    r"|\u2022|\.{3}|\u2026"
    r"|\n\s*\n|(?<!\b(?:no|of|or))(?<!\b(?:and|the|for|nor))(?<!\b(?:with|from|like|than))"
    r"(?<!\bafter)(?<!\bwithout)(?<![,:\-])\n",
)


def sentences(masked: str) -> list[tuple[int, int]]:
    """Where the sentences of a text begin and end; every character is in one."""
    spans, start = [], 0
    for stop in _SENTENCE.finditer(masked):
        spans += _pieces(masked, start, stop.end())
        start = stop.end()
    return spans + _pieces(masked, start, len(masked))


def _pieces(masked: str, start: int, end: int) -> list[tuple[int, int]]:
    """A sentence, or where it is endless, pieces of it: the time of the rules grows with length."""
    pieces = []
    while end - start > LONGEST_SENTENCE:
        stop = start + LONGEST_SENTENCE
        blank = masked.rfind(" ", start + LONGEST_SENTENCE // 2, stop)
        stop = blank + 1 if blank > 0 else stop
        pieces.append((start, stop))
        start = stop
    return [*pieces, (start, end)] if start < end else pieces
