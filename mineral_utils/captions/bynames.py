"""Rules for words that hold a mineral's name and mean a place, a person, or something else.

Rules as in `denial`. Capital letters count here: a rule that needs them says so with `NAMED`.
"""

from __future__ import annotations

import re

from .grammar import METAL, MINERAL, NAMED
from .lexicon import words

# after a name with a capital letter, itself with a capital letter
_PLACES = (
    "Mine|Mines|Hill|Hills|Creek|Mountain|Mountains|Mt|Mtn|Mount|Lake|Lakes|River|Valley|Island|Islands"
    "|Islet|Bay|City|Town|Township|County|District|Range|Ridge|Peak|Peaks|Canyon|Gulch|Quarry|Harbor"
    "|Harbour|Coast|Queen|King|Prince|Princess|Street|Road|Avenue|Lane|Point|Belt|Camp|Center|Centre"
    "|Bluff|Bluffs|Spring|Springs|Falls|Rock|Rocks|Cliff|Cliffs|Butte|Pass|Bow|Reef|Fields|Park"
    "|Prospect|Claim|Claims|Pit|Shaft|Head|Beach|Basin|Cap|Flat|Flats|Star|Bell|Crown|Horn|Mile"
    "|Standard|Run|Fork|Branch|Bend|Cove|Knob|Knoll|Hollow|Ranch|Reservoir|Dam|Bridge|Corner|Corners"
    "|Junction|Chief|Giant|Eagle|Cup|Dollar|Bullion|Glen|Glance\\s+Mine|Plateau|Pond|Brook"
    "|Swamp|Wells|Well|Tunnel|Adit|Open\\s+Pit|Stope|Museum|Shop|Strike|Rush|Trail|Works|Company|Co\\."
    "|Ltd|Inc|Corp\\w*|Club|Society|Crater|Cave|Caves|Caverns|Dome|Forest|Wash|Arroyo|Dike|Lode|Lodge"
    "|Heights|Grove|Gap|Slope|Shoals|Strait|Peninsula|Triangle|Triangles|Circle|Square|Plant"
    "|Smelter|Mill|Deposit|Deposits|Farm|Village|Region|Zone\\s+Mine|Group\\s+Mine|House|Inn|Hotel|Station|Landing|Crossing|Country|Plume|Books|Resources|Railroad|Railway|Highway|Territory|Foundation|Award|Medal|School|University|Institute|Hall|Church|Drive|Way"
    "|Boulevard|Terrace|Mesa|Gully|Gorge|Bank|Bar|Gate|Belle|Girl|Boy|Nugget|Syndicate|Formation|Limestone|Summit|Glacier|Inlet|Channel|Divide|Gardens"
)
# in any case of letters
_SITES = (
    "mines?|mining|hill|creek|mountains?|lake|river|valley|islands?|islet|bay|city|county|harbou?r|canyon"
    "|gulch|ridge|peaks?|street|road|museum|shop|quarry|prospects?|claims?|smelters?|township|coast"
    "|deposits?|miners?|mineworks|diggings|pits?|adits?|village|company|rocks,|district|belt"
)
_BEFORE = (
    r"(?:Mount|Mt\.?|Lake|Camp|Fort|Port|Rio|Cerro|Point|Cape|Villa(?:ge)?|Mina|Mine|Grube|Zeche"
    r"|Old|New"
    r"|Big|Little|Upper|Lower|North|South|East|West|рудник\w*|гора|река|поселок|шахта|Monte|Sierra"
    r"|Mina\s+(?:de|La|El|Santa|San)|Minas\s+de|Cerro\s+de|Isle\s+of|Bay\s+of|River|Port\s+of)"
)
# words with a capital letter that may follow a mineral without making a name of it
_NEUTRAL = (
    "Crystals?|Grains?|Inclusions?|Veins?|Veinlets?|Ores?|In|On|With|And|From|Group|Subgroup|Series|Polished"
    "|Sections?|Photo\\w*|FOV|Field|Width|Reflected|Rims?|Lamellae|Blebs?|Exsolutions?|Intergrowths?|Matrix"
    "|Needles?|Aggregates?|Mass|Masses|Cubes?|Dendrites?|Wires?|Specimens?|Samples?|Minerals?|After|Pseudom\\w*"
    "|The|This|That|It|Here|Both|All|As|At|By|For|Of|Or|Is|Are|Was|Coll\\w*|Image|Picture|Magnification|Nicols"
    "|Crossed|Plane|Under|Has|Shows|Not|No|I|We|But|Gangue|White|Grey|Gray|Var|Variety|Phase|Texture"
)
_METAL_THING = (
    r"(?:ores?|deposits?|min(?:es?|ing|ers?)|minerali[sz]ation|prospects?|districts?|belts?"
    r"|province|rush"
    r"|grades?|contents?|values?|concentrates?|smelt\w*|assays?|tenors?|produc\w+|prices?|camps?"
    r"|showings?|occurrences?|anomal\w+|skarns?|porphyr\w+|lodes?|systems?|minerals?|sul(?:f"
    r"|ph)ides?"
    r"|sul(?:f|ph)osalts?|sul(?:f|ph)antimonides?|tellurides?|selenides?|arsenides?|antimonides?"
    r"|oxides?"
    r"|carbonates?|halides?|chlorides?|compounds?|phases?|species|ions?|tapes?|wire\s+mesh|grids?"
    r"|foils?|plate[ds]?|coat\w*|lining|laps?|plating|by-?products?|glance|age|coins?|lea[fv]\w*"
    r"|medals?|standards?|analys\w+|alloys?|sulfate|sulphate|schists?|pastes?|pencils?|electrodes?"
    r"|lubricants?|furnaces?|glass|filter|paint|dust|ring|jewel\w*|metal|resources?|reserves?"
    r"|district"
    r"|enrichment|potential|exploration|industry|equivalents?|-?bearing|-?rich|-?poor|-?free"
    r"|-?plated"
    r"|-?coated|-?dominated|amalgam|pyrites|salts?|stain(?:s|ing)?|bloom|works|ounces?|tailings"
    r"|placers?"
    r"|ochre|stage\s+minerals?|bullion|digger\w*|seekers?|pans?|fever|trade|sputter\w*|panning"
    r"|panners?|dis[ck]s?|holders?|stubs?|sheets?|studs?|clad\w*|carbide|conductor|mount|mirror)"
)
_COLOUR = (
    r"(?:colou?r\w*|white|gr[ae]y\w*|red\w*|yellow\w*|brown\w*|pink\w*|sheen|tint\w*|lust(?:re|er)"
    r"|tones?|toned|hue[ds]?|shine|glow|gleam|blue|green|black|orange|violet|purple|shimmer\w*"
    r"|flash"
    r"|tarnish|bright|shades?|gloss|look\w*|streaks?\s+of\s+light)"
)
_GIVEN = "|".join(words()["given"].split())
_ELEMENT = (
    "lead|zinc|tin|nickel|cobalt|uranium|iron|tungsten|molybdenum|antimony|arsenic|platinum|palladium"
    "|tellurium|selenium|mercury|sulfur|sulphur|PGE|polymetallic|base-metal|Pb|Zn|Cu|Ni|Co"
)
_CREDIT = (
    r"(?:photo(?:s|graph(?:s|er|ed|y)?)?|foto|fotograf\w*|фото|автор|picture|image|micrograph"
    r"|coll(?:ection"
    r"|ector|\.)?|сборы|copyright|\u00a9|\(c\)|credits?|courtesy|thanks|thank|donat\w+|leg\."
    r"|don\.|polish\w*"
    r"|prepar\w+|made|cut|identif\w+|determined|analy[sz]ed|taken|shot|sold|lent|given|gift"
    r"|bought|found"
    r"|estate|owner|property|section|sample|specimen|acquired|purchased|exchanged?|study|stud\w+"
    r"|work"
    r"|paper|book|named|described|Sammlung|von|Slg\.?|Praparat)"
)

_ROLES = (
    r"(?:friends?|colleagues?|teachers?|mentors?|wife|husband|son|daughter|brother|sister"
    r"|neighbou?r|boss|professor|student"
    r"|geologist|mineralogist|collector|dealer|photographer|engineer|miner|prospector|surname"
    r"|family|captain)"
)

PLACE_GATE = re.compile(
    rf"{NAMED}|{MINERAL}[\"']?\s+(?:{_SITES}|queen|king|princ|bell|star|crown|chief|eagle|giant)"
    rf"|[\"']{MINERAL}|\b(?:mount|cape|fort|lake)\s+{MINERAL}",
    re.IGNORECASE,
)
PERSON_GATE = re.compile(
    rf"(?:see\s|of\s|{_ROLES}|[A-ZА-Я][\w'-]*|[A-ZА-Я]\.|\bby|\u00a9|\(c\)|[Cc]oll\.|[Ll]eg\."
    rf"|er:?)\s*{NAMED}|{NAMED}(?:'|[\s,]+[a-z(&A-Z])"
    rf"|(?i:\b(?:mr|mrs|ms|dr|prof|[a-z])\b\.?\s*{MINERAL}|\b(?:{_GIVEN})\s+{MINERAL})"
)
WORD_GATE = re.compile(rf"{METAL}|{MINERAL}[\s-][a-z]|\b(?:of|honou?rs?|after)\s", re.IGNORECASE)

PLACE = (
    (
        rf"(?P<x>{NAMED})\s*,\s*(?-i:[A-Z])\w+\s*\(?\s*(?:ghost\s+)?(?:town|village|hamlet)|"
        rf"(?P<y>{NAMED})\s+(?:Pty|GmbH|LLC|plc|AG|S\.A)\b",
        "name of a place",
    ),
    (
        rf"(?P<x>{NAMED})\s+(?:no|nr|n)?\.?\s*\#?\s*\d+\s+(?:mine|shaft|pit|level|adit)\b",
        "name of a place",
    ),
    (
        rf"(?P<x>{NAMED})\s*&\s*(?-i:[A-Z])[a-z]+(?<!ite)(?<!ine)\b|(?P<y>{NAMED})-(?:Str|Weg"
        rf"|Platz|Berg|Gasse|Schacht|Stollen)"
        rf"|(?P<z>{MINERAL})\s+(?:limestones?|formations?|shales?)\b",
        "name of a place",
    ),
    (rf"(?P<x>{NAMED})(?:\s+|-)(?-i:{_PLACES})(?![a-z])", "name of a place"),
    (
        rf"(?P<x>{NAMED})(?:\s+(?-i:[A-Z])[\w'-]*){{1,2}}\s+(?-i:Mine|Pit|Shaft|Quarry|Prospect"
        rf"|Claims?"
        r"|Museum|Adit|Deposit)\b",
        "name of a place",
    ),
    (
        rf"\b(?:from|at|near)\s+(?P<x>{NAMED})\s+(?-i:[A-Z][a-z]+)(?!\s*{MINERAL})(?![a-z])",
        "name of a place",
    ),
    (
        rf"\b(?:the|from|at|near|to|via|towards?|around|old|of\s+the)\s+(?P<x>{NAMED})\s+(?-i:"
        rf"(?!(?:{_NEUTRAL})\b)[A-Z])"
        rf"[a-z]+(?<!ite)(?<!ites)(?!\s*{MINERAL})",
        "part of a name",
    ),
    (rf"(?P<x>{MINERAL})\s+(?:{_SITES})(?!\w)", "name of a place"),
    (
        rf"\b(?:mount|cape|fort|lake)\s+(?P<x>{MINERAL})"
        rf"|(?P<y>{MINERAL})\s+(?:queen|king|prince|princess|bell|star|crown|chief|eagle|giant)\b",
        "name of a place",
    ),
    (rf"(?-i:\b{_BEFORE})\s+[\"']?(?P<x>{NAMED})(?!\s*\()", "name of a place"),
    (
        r"\b(?:town|city|village|hamlet|mine|station|municipality|state|county|parish|settlement"
        r"|ghost"
        rf"\s+town|creek|community)\s+(?:of|called|named)\s+(?:old\s+)?(?P<x>{NAMED})",
        "name of a place",
    ),
    (
        r"(?:\bfrom|\bat|\bnear|\blocality\s*:?|\blocation\s*:?|\bloc\.?\s*:?|\bvisited"
        r"|\boutside)\s+"
        rf"(?:the\s+)?(?P<x>{NAMED})\s*,\s*(?-i:[A-Z][\w.]*)(?:\s*[,.]|$|\s+(?-i:[A-Z]))",
        "name of a place",
    ),
    (
        rf"[\"'](?P<x>{NAMED})[\"']\s+(?:mine|shaft|claim|pit|vein|quarry|deposit)",
        "name of a place",
    ),
    (
        rf"\b(?:рудник\w*|шахт\w+|месторождени\w+|mine|grube|zeche|claim)\s+[\"']"
        rf"(?P<x>{MINERAL})[\"']",
        "name of a place",
    ),
)

PERSON = (
    (rf"(?P<x>{NAMED})\s+(?-i:[A-ZА-Я])\.(?=\s*(?:$|[,;:)]))", "name of a person"),
    (
        r"\b(?:donated|prepared|polished|collected|photographed|identified|described|presented"
        r"|lent|owned|mounted|sent|supplied|ground|sectioned|analysed|analyzed)"
        rf"\s+by\s+(?P<x>{NAMED})(?!\s*{MINERAL})|\bsee\s+(?P<y>{NAMED})\s*[,(]?\s*(?:18|19"
        rf"|20)\d\d|\bhonou?r\s+of\s+(?P<z>{NAMED})",
        "name of a person",
    ),
    (
        rf"\b{_ROLES}\s+"
        rf"(?:(?-i:[A-ZА-Я])[\w.'-]*\s+){{0,2}}(?P<x>{NAMED})(?!\s*(?:crystal|grain|in\b|with\b))",
        "name of a person",
    ),
    (
        r"\b(?:Mr|Mrs|Ms|Miss|Dr|Prof(?:essor)?|Herrn?|Frau|Sir|Madame|Mme|M|Dipl\.?-?\w*|Ing"
        r"|Dott|г-н)\.?"
        rf"\s+(?:(?-i:[A-ZА-Я])[\w.'-]*\s+){{0,2}}(?P<x>{NAMED})",
        "name of a person",
    ),
    # also where all letters are small, or all capital
    (rf"\b(?:Mr|Mrs|Ms|Dr|Prof)\.?\s+(?:[a-z]\.\s*)*(?P<x>{MINERAL})(?!\s*=)", "name of a person"),
    (
        rf"\b{_CREDIT}\s*(?:(?:by|:|is|\(c\)|\u00a9|and|photo)\s*){{0,3}}(?:(?<![.\w])[a-z]\.\s*"
        rf"|(?:{_GIVEN})"
        rf"\s+){{1,3}}(?P<x>{MINERAL})",
        "name of a person",
    ),
    (rf"(?-i:\b(?:{_GIVEN}))\s+(?:(?-i:[A-ZА-Я])\.\s*)?(?P<x>{NAMED})", "name of a person"),
    (
        rf"{_CREDIT}\s*(?:(?:by|of|to|from|is|ex|and|the|with|in|:|,|-|\(c\)|\u00a9|\d{{4}}"
        rf"|photo|foto|coll\.?"
        rf"|collection|Dr\.?|Prof\.?|section|kindly)\s*){{0,4}}"
        rf"(?:(?-i:[A-ZА-Я])(?:\.|[\w'-]+)[\s-]*){{1,3}}(?P<x>{NAMED})(?!\s+(?:crystals?|grains?))",
        "name of a person",
    ),
    (
        rf"(?:(?:^|[,;(]\s*|\b(?:photo\w*|foto\w*|image|picture|coll\w*)\s+)by|\u00a9|\(c\)"
        rf"|\bcopyright|(?:^\s*|[,.;(]\s*|\bex[-.]?\s*)coll\.|\bleg\.|\bphotographer\s*:?)\s*"
        rf"(?:\d{{4}}\s*)?"
        rf"(?P<x>{NAMED})(?=\s*(?:$|[,.;(\d]|and\b|&|collection|coll))",
        "name of a person",
    ),
    (
        rf"(?P<x>{NAMED})'?s?\s+(?:(?:old|late|former|own|private|famous|large)\s+)*(?:coll"
        rf"(?:ection|\.)"
        rf"?|family|estate|et\s+al|cabinet|paper|thesis|book|brothers|bros|& (?-i:[A-ZА-Я]))\b",
        "name of a person",
    ),
    (
        rf"(?P<x>{NAMED})'s\s+(?:(?:old|late|former|own|private|best)\s+)*(?:sample|specimen"
        rf"|photo|section"
        r"|picture|piece|slide|microscope)",
        "name of a person",
    ),
    (
        rf"(?P<x>{NAMED})\s*(?:\((?:19|20)\d\d|,?\s+pers\.?\s+comm|(?:&|and)\s+"
        rf"(?-i:[A-ZА-Я])[\w-]+\s*[(,]?\s*"
        r"(?:19|20)\d\d)",
        "name of a person",
    ),
    (
        rf"(?P<x>{NAMED})\s*(?:&|and)\s*(?P<y>{NAMED})\s*[(,]?\s*(?:18|19|20)\d\d"
        rf"|\b(?:Sammlung|Slg\.|collection)\s*(?P<z>{NAMED})(?=\s*(?:$|[.,;)]))",
        "name of a person",
    ),
    (rf"{_CREDIT}\W{{1,3}}(?P<x>{NAMED})\s*,\s*(?-i:[A-ZА-Я])\.", "name of a person"),
    (  # an initial; "A. Galena, B. Pyrite" is a list
        rf"(?:^|[\s(,])(?-i:[A-ZА-Я])\.\s*(?:(?-i:[A-ZА-Я])\.\s*)*(?P<x>{NAMED})(?![^.;]*\b"
        rf"(?-i:[A-ZА-Я])\.\s*"
        rf"{MINERAL})",
        "name of a person",
    ),
)

WORD = (
    (rf"(?P<x>{METAL})(?:-(?:\w+-)*|\s){_METAL_THING}(?![\w])", "a word of its own"),
    (
        rf"(?P<x>{METAL})(?:\s*(?:-|/|,|and|&)\s*(?:{METAL}|{_ELEMENT})){{1,4}}(?:-"
        rf"|\s){_METAL_THING}\b",
        "a word of its own",
    ),
    (
        rf"(?:{METAL}|\b(?:{_ELEMENT}))(?:\s*(?:-|/)\s*(?:{METAL}|{_ELEMENT})){{0,3}}\s*(?:-"
        rf"|/)\s*(?P<x>{METAL})"
        rf"(?:-|\s)(?:{_METAL_THING}|porphyry|vein)\b",
        "a word of its own",
    ),
    (
        r"\b(?:месторождени\w+|рудник\w*|руд[аыеу]?|добыч\w+|содержани\w+|концентрат\w*"
        r"|соединени\w+"
        rf"|минерал\w*|сульфид\w*)\s+(?P<x>{METAL})|(?P<y>{METAL})-[а-я]+(?:ое|ая|ыи|ого|ои|ые"
        rf"|ых|ую|ом)\b",
        "a metal",
    ),
    (
        rf"(?P<x>{METAL})-(?P<y>{METAL})\s+(?:veins?|lodes?|system|district|skarn"
        rf"|porphyry)\b",
        "a metal",
    ),
    (rf"(?:\b(?:{_ELEMENT}))-(?P<x>{METAL})|(?P<y>{METAL})-(?:{_ELEMENT})\b", "a metal"),
    (rf"(?P<x>{METAL})(?:-|\s){_COLOUR}(?!\w)", "a colour"),
    (rf"(?P<x>{MINERAL})-(?:\w+-)?{_COLOUR}(?!\w)", "a colour"),
    (rf"(?P<x>{MINERAL})(?:-|\s)(?:\w+\s)?colou?red?\b(?!\s+of)", "a colour"),
    (rf"(?P<x>{MINERAL})\s+red\s+(?:internal|reflections?)", "a colour"),
    (rf"\bcolou?rs?\s+(?:of|like)\s+(?:native\s+|pure\s+)?(?P<x>{METAL})", "a colour"),
    (
        r"(?:g/t|gpt|ppm|ppb|oz(?:/t)?|%|percent|per\s+cent|tons?\s+of|tonnes?\s+of|kg\s+of"
        r"|ounces?\s+of"
        r"|content\s+of|grade\s+of|grades\s+in|assays?\s+(?:for|of)|rich\s+in|poor\s+in"
        r"|enriched\s+in"
        r"|source\s+of|production\s+of|price\s+of|traces\s+of\s+dissolved|coated\s+with"
        r"|sputtered\s+with"
        rf"|plated\s+with|ore\s+of|ores\s+of|mined\s+for|age\s+of|made\s+of|polished\s+on)\s+"
        rf"(?P<x>{METAL})",
        "an amount or a substance",
    ),
    (
        r"(?:rich\s+in|poor\s+in|enriched\s+in|ore\s+of|ores\s+of|content\s+of)\s+"
        rf"{METAL}\s*(?:,|and|&)\s*(?P<x>{METAL})",
        "an amount or a substance",
    ),
    (
        rf"(?P<x>{MINERAL})(?:-|\s)(?:structures?|structure\s+type|type\s+structure"
        rf"|lattice\s+type|deposits?"
        r"|schists?|gneiss\w*|porphyr(?:y|ies)|(?:monzo)?diorites?|monzonites?|latites?"
        r"|syenites?|gabbros?"
        r"|norites?|keratophyres?|(?:halogen\s+)?lamps?|wedges?|plates?|prisms?|objectives?"
        r"|lens\w*|filters?|apochromats?"
        r"|glass|marbles?|sandstones?|conglomerates?|arenites?|windows?|tubes?|standards?"
        r"|slides?\s+mount"
        r"|cements?\s+factory|watch\w*|clocks?|radios?|detectors?|jewel\w*|optics|crucibles?"
        r"|paste|type\b(?!\s+local))(?!\w)",
        "a rock, a device, a structure",
    ),
    (
        rf"\b(?:variety|varieties|var\.|kind|form)\s+of\s+(?P<x>{MINERAL})",
        "what it is a variety of",
    ),
    (
        rf"\b(?:after|honou?rs?|honou?r\s+of)\s+(?:the\s+\w+\s+)?(?:(?-i:[A-Z])[\w.]*\s+)+"
        rf"(?P<x>{NAMED})",
        "a name",
    ),
)

_TOWNS = {
    mineral: re.compile(
        rf"\s*,\s*(?:\w+\s+(?:County|Co\.)\s*,\s*)?"
        rf"(?:{'|'.join(map(re.escape, states))})\b",
        re.IGNORECASE,
    )
    for mineral, states in words()["towns"].items()
}


def is_town(mineral: str, after: str) -> bool:
    """Whether a capitalised name is a town: what follows it is the state of a town of that name."""
    return mineral in _TOWNS and _TOWNS[mineral].match(after) is not None
