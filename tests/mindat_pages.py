"""Pages in the shapes that Mindat's had over the years, written for the tests; nothing is real.

::

    facts = PhotoFacts(photo_id=7654321, minerals=("Galena", "Pyrite"))
    page(facts)                                   # as of today
    page(facts, style="2017")                     # of the oldest shape
    page(facts, rng=np.random.default_rng(3))     # written differently, meaning the same
    BAD_PAGES["challenge"]                        # what is no photo page
"""

from __future__ import annotations

import html
from dataclasses import dataclass, field

import numpy as np

STYLES = ("today", "2020", "2017")
PICTURE = "/imagecache/ab/4c/0123456001700{:010d}.jpg"


@dataclass(frozen=True)
class PhotoFacts:
    """What a page shall say; None or empty leaves it out."""

    photo_id: int = 7654321
    minerals: tuple[str, ...] = ("Galena", "Pyrite", "Arsenopyrite")
    caption: str = "Polished section with galena (Gal) and some pyrite (Py). Width 0.5 mm."
    caption_html: str | None = None  # instead of the caption, written as it is
    kind: str | None = "Polished Section (Polarized Light)"
    specimen: str | None = "ABC-123"
    locality: str | None = "Example Mine, Example District, Exampleland"
    rights: str | None = "© A. Example"
    dimensions: str | None = None
    comments: tuple[str, ...] = ('Nice! See also <a href="min-90009.html">Quartz</a>.',)
    site: str = "https://www.mindat.org"
    picture: str | None = None
    more: dict[str, str] = field(default_factory=dict)  # further rows of the table

    @property
    def picture_path(self) -> str:
        return self.picture or PICTURE.format(self.photo_id)


def page(facts: PhotoFacts, style: str = "today", rng: np.random.Generator | None = None) -> str:
    """The page as HTML text; with a generator, quotes, order, case and blanks vary."""
    write = _Writer(rng)
    return {"today": _today, "2020": _of_2020, "2017": _of_2017}[style](facts, write)


class _Writer:
    """Elements with or without variation."""

    def __init__(self, rng: np.random.Generator | None):
        self.rng = rng

    def chance(self, share: float) -> bool:
        return self.rng is not None and self.rng.random() < share

    def text(self, words: str) -> str:
        """Escaped, with some letters as entities."""
        escaped = html.escape(words, quote=False)
        if self.chance(0.4):
            escaped = "".join(
                f"&#{ord(c)};" if ord(c) > 127 and self.chance(0.6) else c for c in escaped
            )
        if self.chance(0.3):
            escaped = escaped.replace("©", "&copy;")
        return escaped.replace(" ", "\n  ", 1) if self.chance(0.3) else escaped

    def attributes(self, **values: str) -> str:
        pairs = [(name.replace("_", "-"), value) for name, value in values.items()]
        if self.rng is not None:
            pairs += [("data-x", "1")] if self.chance(0.5) else []
            pairs += [("style", "color:red")] if self.chance(0.3) else []
            pairs = [pairs[k] for k in self.rng.permutation(len(pairs))]
        written = ""
        for name, value in pairs:
            quote = "'" if self.chance(0.4) and "'" not in value else '"'
            bare = self.chance(0.3) and value and not set(value) & set(" \"'=<>`")
            name = name.upper() if self.chance(0.2) else name
            equals = " = " if self.chance(0.2) else "="
            value = html.escape(value, quote=quote == '"')
            blank = "\n   " if self.chance(0.2) else " "
            written += blank + name + equals + (value if bare else quote + value + quote)
        return written

    def open(self, tag: str, **values: str) -> str:
        return f"<{tag.upper() if self.chance(0.2) else tag}{self.attributes(**values)}>"

    def element(self, tag: str, inside: str, **values: str) -> str:
        return f"{self.open(tag, **values)}{inside}</{tag}>"

    def meta(self, key: str, content: str) -> str:
        return self.open("meta", property=key, content=content)

    def link(self, words: str, target: str) -> str:
        return self.element("a", self.text(words), href=target)


def _minerals(facts: PhotoFacts, write: _Writer) -> str:
    links = []
    for number, name in enumerate(facts.minerals, 90001):
        species, bracket, variety = name.partition(" (Var: ")
        target = f"min-{number}.html" if not write.chance(0.3) else f"/min-{number}.html"
        if write.chance(0.2):
            target = f"{facts.site}/min-{number}.html#photos"
        if bracket and write.chance(0.5):
            inner = write.link(variety.rstrip(")"), f"min-{number + 500}.html")
            links.append(f"{write.link(species, target)} (Var: {inner})")
        else:
            links.append(write.link(name, target))
    comma = "\n, " if write.chance(0.3) else ", "
    return comma.join(links)


MENU = (
    '<nav class="topmenu"><ul><li><a href="/min-90777.html">Chalcopyrite</a></li>'
    '<li><a href="/gm/90777">Bornite photos</a></li><li><a href="loc-80999.html">Else Mine</a></li>'
    "</ul></nav>"
)
FOOTER = (
    '<div id="footer">Copyright © mindat.org and the Hudson Institute of Mineralogy 1993-2026. '
    'Mineral of the day: <a href="min-90888.html">Gold</a></div>'
)


def _titlebar(facts: PhotoFacts, write: _Writer) -> str:
    place = ""
    if facts.locality:
        place = write.element("div", write.link(facts.locality, "loc-80001.html"))
    block = write.element("h2", _minerals(facts, write) + "\n" + place)
    return write.element("div", block, id="titlebar")


def _caption(facts: PhotoFacts, write: _Writer) -> str:
    if facts.caption_html is not None:
        return facts.caption_html
    return "<br>".join(write.text(line) for line in facts.caption.splitlines())


def _comments(facts: PhotoFacts) -> str:
    said = "".join(f"<p>{words}</p>" for words in facts.comments)
    return f'<div class="photocomments">{said}</div>'


def _today(facts: PhotoFacts, write: _Writer) -> str:
    picture = facts.site + facts.picture_path
    metas = [write.meta("og:title", ", ".join(facts.minerals)), write.meta("og:image", picture)]
    if facts.caption or facts.caption_html:
        metas.append(write.meta("og:description", (facts.caption or "A photo")[:60] + " ..."))
    if write.chance(0.4):
        metas.append(write.meta("og:site_name", "mindat.org"))
    if write.rng is not None:
        metas = [metas[k] for k in write.rng.permutation(len(metas))]
    rows = {"Photo ID": str(facts.photo_id), "Type": facts.kind, "Copyright": facts.rights}
    rows |= {"Dimensions": facts.dimensions} | facts.more
    table = ""
    for name, value in rows.items():
        if value:
            colon = ":" if write.chance(0.3) else ""
            cells = f"<th>{name}{colon}</th><td>{write.text(value)}</td>"
            table += f"<tr>{cells.replace('th>', 'td>') if write.chance(0.3) else cells}</tr>"
    body = [write.element("h1", "Photo") if write.chance(0.2) else "", _titlebar(facts, write)]
    if facts.specimen:
        inside = f"minID: {write.link(facts.specimen, '/' + facts.specimen)}"
        body.append(write.element("div", inside, **{"class": "minid_photo_page"}))
    body.append(write.open("img", id="mainphoto", src=facts.picture_path, alt="Quartz"))
    if facts.caption or facts.caption_html:
        body.append(write.element("div", _caption(facts, write), **{"class": "photodesc"}))
    body += [f"<table>{table}</table>", _comments(facts)]
    close = "" if write.chance(0.1) else "</body></html>"
    return (
        f"<!DOCTYPE html>\n<html><head><title>Photo {facts.photo_id}</title>{''.join(metas)}"
        f"<script>var m = 'min-90666.html Cuprite';</script></head>\n<body>{MENU}"
        f"{(chr(10) if write.chance(0.5) else '').join(body)}{FOOTER}{close}"
    )


def _of_2020(facts: PhotoFacts, write: _Writer) -> str:
    """No table and no caption block: the caption stands loose among the comments."""
    specimen = write.element(
        "div", write.link(facts.specimen or "", "/x"), **{"class": "minid_photo_page"}
    )
    said = "".join(f"<p>{words}</p>" for words in facts.comments)
    rights = f"<div>Copyright {write.text(facts.rights)}</div>" if facts.rights else ""
    return (
        f"<html><head>{write.meta('og:image', facts.site + facts.picture_path)}</head><body>{MENU}"
        f"{_titlebar(facts, write)}{specimen if facts.specimen else ''}"
        f'<div class="photocomments">{_caption(facts, write)}{said}</div>{rights}'
        f"<div>Photo ID: {facts.photo_id}</div>{FOOTER}</body></html>"
    )


def _of_2017(facts: PhotoFacts, write: _Writer) -> str:
    """Little more than the title and the picture, which has a relative address."""
    picture = write.open("img", id="mainphoto", src=facts.picture_path, alt="photo")
    return (
        f"<html><head>{write.meta('og:title', ', '.join(facts.minerals))}</head>"
        f"<body>{MENU}{picture}{_comments(facts)}{FOOTER}</body></html>"
    )


def search_rows(ids: range) -> str:
    """Rows of a search, many photos on one page."""
    rows = "".join(
        f'<div class="galrow"><a href="photo-{k}.html"><img src="/imagecache/ab/4c/t_{k}.jpg"></a>'
        f'<a href="min-90001.html">Galena</a>, <a href="min-90004.html">Zinkenite</a> '
        f'<a href="loc-80001.html">Example Mine</a> Felted crystals ... width 0.5 mm '
        f"Dimensions: - Copyright: A. Example Photo ID: {k}</div>"
        for k in ids
    )
    return f"<html><body>{MENU}{rows}(1-10 of 1,234 total)</body></html>"


def gallery(ids: range) -> str:
    """A mineral's gallery of today: pictures that lead to photo pages."""
    cells = "".join(
        f'<div><a href="/photo-{k}.html"><img src="/imagecache/ab/4c/{k}.jpg">'
        f"<br>Galena, Pyrite<br>Example Mine<br>© A. Example</a></div>"
        for k in ids
    )
    head = '<title>Galena gallery</title><meta property="og:image" content="/logo.png">'
    return f"<html><head>{head}</head><body>{MENU}{cells}</body></html>"


CHALLENGES = {
    "challenge": (
        "<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>"
        '<div class="cf-challenge">Checking your browser</div></body></html>'
    ),
    "challenge without title": (
        "<html><body><h1>www.mindat.org</h1><p>Performing security verification</p>"
        '<script src="/cdn-cgi/challenge-platform/h/b/orchestrate.js"></script></body></html>'
    ),
    "challenge by its mark": '<html><body><form id="cf-challenge-form"></form></body></html>',
    "challenge shouting": "<HTML><TITLE>\n JUST A MOMENT...</TITLE><BODY></BODY></HTML>",
}
BAD_PAGES = CHALLENGES | {
    "not found": (
        "<html><head><title>404 Not Found</title></head><body>"
        f"{MENU}<h1>Page not found</h1>{FOOTER}</body></html>"
    ),
    "photo gone": (
        "<html><head><title>Mindat</title>"
        '<meta property="og:image" content="https://www.mindat.org/logo.png"></head>'
        f'<body>{MENU}<div id="titlebar"><h2>This photo was removed</h2></div>'
        f'<a href="photo-5.html"><img src="/imagecache/aa/bb/5.jpg"></a>{FOOTER}</body></html>'
    ),
    "search": search_rows(range(7654321, 7654331)),
    "one search row": search_rows(range(7654321, 7654322)),
    "gallery": gallery(range(7654321, 7654325)),
    "mineral page": (
        '<html><head><title>Galena</title><meta property="og:title" content="Galena: data">'
        '<meta property="og:image" content="/imagecache/aa/bb/1.jpg">'
        '<link rel="canonical" href="https://www.mindat.org/min-90001.html"></head>'
        f'<body>{MENU}<div id="titlebar"><h1>Galena</h1></div><img id="mainphoto" '
        'src="/imagecache/aa/bb/1.jpg"><table><tr><th>Formula</th><td>PbS</td></tr></table></body>'
    ),
    "no picture": page(PhotoFacts())
    .replace("mainphoto", "x")
    .replace("imagecache", "x")
    .replace("og:image", "x"),
    "empty": "",
    "blank": " \n\t \0",
    "plain text": "Galena with pyrite.",
    "only a doctype": "<!DOCTYPE html>",
    "a JSON answer": '{"error": "not allowed <b>"}',
    "torn in the head": page(PhotoFacts())[:150],
}
