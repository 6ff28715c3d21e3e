"""Width of the field and textures that a caption states."""

from __future__ import annotations

import re

from .cleaning import clean

MM = {"mm": 1.0, "um": 1e-3, "cm": 10.0, "nm": 1e-6}
LONGEST = 20_000  # characters that are read
WIDEST, NARROWEST = 200.0, 0.001  # mm: what a photo of a polished section can show

_UNITS = (
    (r"mm\b|millimet(?:er|re)s?|millimeters?|миллиметр\w*|мм(?!\w)|milimetros?", "mm"),
    (r"[\u00b5\u03bc]m|um\b|microns?\b|micromet(?:er|re)s?|mikrometer|мкм|микрон\w*|micras?", "um"),
    (r"cm\b|centimet(?:er|re)s?|см(?!\w)", "cm"),
)
_UNIT = "|".join(f"(?:{pattern})" for pattern, _ in _UNITS)
_NUMBER = r"(?<!\d)(?:\d{1,3}(?:[ ,]\d{3})+(?!\d)|\d{1,6}(?:[.,]\d{1,6})?|[.,]\d{1,6})"
_TIMES = r"\s*(?:x|\u00d7|\*|by|на|mal|por)\s*"
# a number with its unit, or two ("0.8 x 0.6 mm"): the first is the width
_SIZE = (
    rf"(?P<a>{_NUMBER})\s*(?P<ua>{_UNIT})?(?:{_TIMES}(?P<b>{_NUMBER})\s*(?P<ub>"
    rf"{_UNIT})?)?"
)
_ABOUT = (
    r"(?:\s*(?:is|was|of|ist|von|est|es|de|du|d'|about|around|approx\w*\.?|ca\.?|circa|c\.|roughly|nearly"
    r"|some|only|just|etwa|rund|около|примерно|составляет|aprox\w*\.?|environ|equals?|measures|along|the"
    r"|in|horizontal(?:ly)?|[:=~\u2248,\-\u2013\u2014(\[])){0,6}\s*"
)
_VIEW = (
    r"(?:photo\w*|pictures?|images?|fields?|frames?|views?|fotos?|bild\w*|shots?|micrographs?|scene|crop"
    r"|field\s+of\s+view|fov|sections?|base|lower\s+edge|long\s+(?:side|edge)|bottom\s+edge|снимк\w*|фото"
    r"|изображени\w*|кадр\w*|пол[яе]\w*(?:\s+зрения)?|imagen|foto|champ"
    r"|campo(?:\s+de\s+vision)?|vue)"
)
_WIDTH = (
    r"(?:widths?|wide|across|breite|broad|(?:по\s+)?ширин\w*|ancho|anchura|largeur|larghezza|long"
    r"|length)"
)
_LABEL = (
    r"(?:(?:horizontal\s+)?(?:h\.?)?f\.?o\.?v\.?(?:\s+width)?|hfw|hfv|fow|fw|(?:horizontal\s+)?fields?\s+of\s+view"
    r"(?:\s+width)?|width\s+of\s+(?:the\s+|this\s+)?(?:field(?:\s+of\s+view)?|view|" + _VIEW + r")"
    r"|field(?:\s+of\s+view)?\s+width|"
    + _VIEW
    + r"\s*[\s-]*width|(?:field|frame|view|image|picture|photo)"
    r"|bb|bildbreite|bildfeld\w*|bildausschnitt|sehfeld\w*|gesichtsfeld\w*|breite(?:\s+des\s+bild\w+)?|width\w*"
    r"|ширин\w*(?:\s+(?:пол[яе]\w*|кадра|снимка|фото\w*|изображения))?(?:\s+зрения)?|пол[ея](?:\s+зрения)?"
    r"|ancho(?:\s+de\s+(?:la\s+)?(?:imagen|foto|campo))?(?:\s+de\s+vision)?|anchura(?:\s+de\s+\w+)?"
    r"|campo(?:\s+de\s+vision|\s+visual)?|largeur(?:\s+(?:du|de\s+la|de\s+l')\s*\w+)?|champ(?:\s+de\s+vision)?"
    r"|larghezza(?:\s+\w+)?|base\s+foto)"
)
_RULES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<!\w){_LABEL}{_ABOUT}{_SIZE}",
        rf"{_SIZE}\s*(?:\(?\s*(?:{_WIDTH}|fov|hfov|field\s+of\s+view|{_VIEW}\s+width|width\s+of"
        rf"\s+{_VIEW}|(?:horizontal\s+)?{_VIEW}))(?!\w)",
        rf"{_VIEW}\s+(?:is|shows|covers|spans|measures|ist|zeigt|мест)\s+(?:\w+\s+){{0,3}}?{_SIZE}",
    )
)
# what is measured is a grain, not the picture
_THING = re.compile(
    r"(?:grains?|crystals?|inclusions?|lamella\w*|blebs?|needles?|rims?|veinlets?|veins?|cubes?|specimen"
    r"|sample|laths?|blades?|flakes?|scale\s*bar|bar|spot|hole|зерн\w*|кристалл\w*|Korn|Kristall\w*)"
    r"\s*(?:of\s+[^\s.;]+\s*)?(?:is|are|was|up\s+to|about|ca\.?|:|,)?\s*$",
    re.IGNORECASE,
)


def field_width_mm(text: str) -> float | None:
    """Width of the picture in mm, as a caption states it.

    Parameters
    ----------
    text : str
        "FOV 1.2 mm", "width of field 350 µm", "0.8 x 0.6 mm", "Bildbreite 1,5 mm", "ширина поля
        0,8 мм" and the like; of two sides the first is taken. Sizes of grains and scale bars are
        left alone, and widths under 1 µm or over 200 mm.

    Returns
    -------
    float or None
        None where none is stated.
    """
    if not isinstance(text, str):
        raise TypeError(f"a caption must be text, not {type(text).__name__}")
    plain = clean(text[:LONGEST]).text
    for rule in _RULES:
        for match in rule.finditer(plain):
            width = _width(match)
            if width is None or not NARROWEST <= width <= WIDEST:
                continue
            if _THING.search(plain[: match.start()]) and rule is not _RULES[0]:
                continue
            return width
    # two sides with a unit and no label are those of the picture
    for match in re.finditer(_SIZE, plain, re.IGNORECASE):
        width = _width(match)
        if match["b"] and width and NARROWEST <= width <= WIDEST:
            if not _THING.search(plain[: match.start()]):
                return width
    return None


def _width(match: re.Match[str]) -> float | None:
    unit = match["ua"] or match["ub"]
    if unit is None:
        return None
    factor = next(MM[u] for pattern, u in _UNITS if re.fullmatch(pattern, unit, re.IGNORECASE))
    digits = match["a"]
    if re.fullmatch(r"\d{1,3}(?:[ ,]\d{3})+", digits) and factor == MM["um"]:
        digits = re.sub("[ ,]", "", digits)  # 1,200 µm
    return round(float(digits.replace(",", ".").replace(" ", "")) * factor, 6)


_TEXTURES = {
    "massive": r"massive|massiv\w*|массивн\w+|masiv\w+",
    "disseminated": r"disseminat\w+|sprinkled|scattered|вкрапленн\w+|вкраплени\w+|eingesprengt\w*"
    r"|diseminad\w+",
    "euhedral": r"euhedral|idiomorph\w*|идиоморфн\w+|well-formed|subhedral|automorph\w*",
    "anhedral": r"anhedral|xenomorph\w*|ксеноморфн\w+|allotriomorph\w*",
    "framboidal": r"framboid\w*|фрамбоид\w*",
    "acicular": r"acicular|needles?|felted|игольчат\w+|nadelig\w*|nadeln?|acicular\w*",
    "skeletal": r"skelet(?:al|on)\w*|dendrit\w+|скелетн\w+|дендрит\w*|hopper",
    "colloform": r"colloform|botryoid\w+|kidney|gel-?textures?|колломорфн\w+|почковидн\w+"
    r"|schalenblende|gelmassen",
    "zoned": r"zon(?:ed|ing|ation|al)|зональн\w+|zonar\w*|oscillatory",
    "exsolution": r"exsol\w+|entmisch\w+|распад\w*|flames?|lamell(?:a|ae|ar|as)|ламел\w+",
    "disease": r"disease|chalcopyrite-diseased|эмульси\w+|эмульсионн\w+",
    "myrmekitic": r"m[yi]rme[kc]it\w*|symplectit\w*|graphic|мирмекит\w*|симплектит\w*|wurmartig\w*",
    "poikilitic": r"poikil\w+|пойкил\w+|sieve",
    "veinlets": r"vein(?:let)?s?|stringers?|прожил\w+|жил[аыку]\w*|gangchen|aderchen|vetillas?|"
    r"cracks?\s+filled",
    "rims": r"rim(?:s|med|ming)?|кайм\w+|mantle[ds]?|corona\w*|crusts?|saum|umrandet|bordes?",
    "cataclastic": r"cataclas\w+|brecciat\w+|crushed|катакла\w+|shattered|broken",
    "replacement": r"replac\w+|замещ\w+|verdrang\w+|pseudomorph\w*|псевдоморф\w+|reempla\w+",
    "granoblastic": r"granoblast\w*|triple\s+junctions?|polygonal|гранобласт\w+|mosaic"
    r"|foam\s+texture",
    "boxwork": r"boxworks?|ящичн\w+",
    "twinned": r"twin(?:s|ned|ning)?|двойник\w*|zwilling\w*|verzwillingt",
    "inclusions": r"inclusions?|blebs?|включени\w+|einschlusse?n?|inclusiones",
    "radiating": r"radiat\w+|radial\w*|spherul\w+|rosettes?|радиальн\w+|сферолит\w*",
    "intergrowth": r"intergrow\w+|intergrown|срастани\w+|verwachs\w+|intercrecim\w+",
}
_TEXTURE = {
    name: re.compile(rf"(?<!\w)(?:{p})(?!\w)", re.IGNORECASE) for name, p in _TEXTURES.items()
}


def texture_words(text: str) -> tuple[str, ...]:
    """Textures that a caption speaks of, by their usual English names, in order of first mention.

    They are words of the text, not facts about the picture: "no twinning" is a word too.
    """
    if not isinstance(text, str):
        raise TypeError(f"a caption must be text, not {type(text).__name__}")
    plain = clean(text[:LONGEST]).text
    found = {name: match.start() for name, p in _TEXTURE.items() if (match := p.search(plain))}
    return tuple(sorted(found, key=found.__getitem__))
