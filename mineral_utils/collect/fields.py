"""The fields of a photo page, each out of the places where pages of some year have it."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from . import wording
from .markup import lines_of, squeeze, text_of, title_parts
from .selectors import FACTS, SELECTORS, SITE

PHOTO_ID = re.compile(r"photo-(\d{1,12})\.html?\b", re.I)
_LONG_ID = re.compile(r"\b1:4:(\d{1,12}):\d+\b")
MINID = re.compile(r"\b[0-9A-Z]{2,5}(?:-[0-9A-Z]{2,5}){1,3}\b")
OF_FIELD = re.compile(r"\b(h?fo?v|field|view|width)\b", re.I)
_SAVED_FROM = re.compile(r"<!--\s*saved from url=\(\d+\)(\S+)", re.I)
_SAME_FIELD = re.compile(
    r"\b(same|identical) (field|view|area|spot|frame)\b|\bfield of (the )?(photo|previous)"
    r"|то же поле|gleicher? (ausschnitt|bildausschnitt)|mismo campo",
    re.I,
)
_RIGHTS_LINE = re.compile(
    r"^this (image|photo\w*|picture) is (copyright|in the public domain|public domain|licen[sc]ed"
    r"|released)",
    re.I,
)
_SITE_RIGHTS = re.compile(r"mindat\.org|hudson institute", re.I)


def page_title(tree: LexborHTMLParser) -> str:
    found = tree.css_first(SELECTORS["page title"])
    return squeeze(text_of(found)) if found is not None else ""


def meta_of(tree: LexborHTMLParser) -> dict[str, str]:
    """First content of each meta element, by its property or name, small letters."""
    found: dict[str, str] = {}
    for node in tree.css(SELECTORS["meta"]):
        key = node.attributes.get("property") or node.attributes.get("name") or ""
        content = node.attributes.get("content") or ""
        if content.strip():
            found.setdefault(key.strip().lower(), content.strip())
    return found


def own_url(tree: LexborHTMLParser, meta: dict[str, str], text: str, url: str | None) -> str | None:
    """The page's address: as given, as it says itself, or as the browser noted on saving."""
    link = tree.css_first(SELECTORS["canonical"])
    noted = _SAVED_FROM.search(text[:4096])
    says = [url, link.attributes.get("href") if link is not None else None, meta.get("og:url")]
    says += [noted[1] if noted else None]
    whole = [urljoin(SITE + "/", said.strip()) for said in says if said]
    whole = [said for said in whole if re.match(r"https?://[^\s/]+\S*$", said)]
    return next((said for said in whole if PHOTO_ID.search(said)), next(iter(whole), None))


def photo_id_of(
    own: str | None, facts: dict[str, str], tree: LexborHTMLParser, name: str | None
) -> str | None:
    if own and (found := PHOTO_ID.search(own)):
        return found[1]
    if found := re.search(r"\d[\d,]{0,15}", facts.get("photo id", "")):
        return found[0].replace(",", "")
    if found := _LONG_ID.search(tree.html or ""):
        return found[1]
    if name and (found := re.search(r"photo[-_ ]?(\d{1,12})\b", name, re.I)):
        return found[1]
    return None


def title_of(tree: LexborHTMLParser, meta: dict[str, str]) -> tuple[str, list[str], str | None]:
    """Title, its minerals in order, and the locality below it."""
    blocks = tree.css(SELECTORS["title block"]) or tree.css(SELECTORS["title bar"])[:1]
    parts = [title_parts(block) for block in blocks]
    title, minerals, place = next(
        (part for part in parts if part[1]), parts[0] if parts else ("", [], None)
    )
    shared = re.sub(r"\s*[-|–]\s*mindat\b.*$", "", squeeze(meta.get("og:title", "")), flags=re.I)
    if not minerals and (not parts or squeeze(title) == shared):
        title = title or shared
        listed = re.split(r"\s+(?:from|[-–|])\s+", shared)[0]
        if not re.search(r"\bmindat\b|\bphotos?\b", listed, re.I):
            pieces = (piece.strip() for piece in re.split(r",(?![^(]*\))", listed))
            minerals = list(dict.fromkeys(piece for piece in pieces if piece))
    return title or shared, minerals, place


def caption_of(tree: LexborHTMLParser, meta: dict[str, str], loose: str) -> tuple[str, str | None]:
    """The photographer's text, and the id of a photo of the same field that it links to."""
    block = tree.css_first(SELECTORS["caption"])
    if block is not None:
        text = "\n".join(lines_of(block, scripts_as_text=True))
        links = [link.attributes.get("href") or "" for link in block.css("a")]
        other = next((f[1] for link in links if (f := PHOTO_ID.search(link))), None)
        return text, other if _SAME_FIELD.search(text) else None
    shared = meta.get("og:description", "")
    if re.match(r"mindat\.org (is|-)", shared, re.I):
        shared = ""
    lines = [squeeze(line) for line in shared.splitlines()]
    return "\n".join(line for line in lines if line) or loose, None


def loose_caption(tree: LexborHTMLParser) -> str:
    """On older pages the text stands loose in the block whose paragraphs are comments."""
    block = tree.css_first(SELECTORS["caption and comments"])
    return "\n".join(lines_of(block, loose=True)) if block is not None else ""


def line_facts(lines: list[str]) -> dict[str, str]:
    """ "Copyright: A. Example Photo ID: 7654321" and the like, out of loose text."""
    labels = "|".join(sorted(map(re.escape, FACTS), key=len, reverse=True))
    start = re.compile(rf"(?:^({labels})\b\s*:?\s*|\b({labels})\s*:\s*)", re.I)
    facts: dict[str, str] = {}
    for line in lines:
        found = list(start.finditer(line))
        if not found or found[0].start() > 0 and ":" not in line:
            continue
        ends = [match.start() for match in found[1:]] + [len(line)]
        for match, end in zip(found, ends, strict=True):
            label = FACTS[(match[1] or match[2]).lower()]
            value = line[match.end() : end].strip()
            if match[1] and ":" not in match[0] and label not in ("copyright", "photo id"):
                continue  # "Type locality of …" is no type
            if value and not (label == "copyright" and _SITE_RIGHTS.search(value)):
                facts.setdefault(label, value)
    return facts


def kind_among(lines: list[str]) -> str:
    """A line that is nothing but the kind of a section photo."""
    for line in lines:
        if re.match(r"(polished|thin) section\b", line, re.I) and len(line) < 60:
            kind = wording.photo_type(line)
            if kind in wording.POLISHED + wording.THIN:
                return line
    return ""


def rights_of(facts: dict[str, str], lines: list[str]) -> str | None:
    """The copyright text and what the page adds to it."""
    said = [facts["copyright"]] if facts.get("copyright") else []
    said += [line for line in lines if _RIGHTS_LINE.match(line) and line not in " ".join(said)]
    said += [
        line
        for line in lines
        if not said and line.startswith("©") and not _SITE_RIGHTS.search(line)
    ][:1]
    return " ".join(dict.fromkeys(said)) or None


def any_picture(tree: LexborHTMLParser) -> str | None:
    """Address of the first picture that lies where the site keeps photos."""
    node = tree.css_first(SELECTORS["any picture"])
    return next(iter(_sources(node)), None)


def main_pictures(tree: LexborHTMLParser, meta: dict[str, str]) -> list[str]:
    """og:image, then the addresses that the main picture states."""
    shared = [meta.get("og:image", ""), meta.get("og:image:secure_url", "")]
    return [s for s in shared if s] + _sources(tree.css_first(SELECTORS["picture"]))


def _sources(node: LexborNode | None) -> list[str]:
    stated = (node.attributes.get(key) for key in ("src", "data-src")) if node is not None else ()
    return [s.strip() for s in stated if s and s.strip() and not s.startswith("data:")]


def picture_address(pictures: tuple[str, ...], page_url: str | None) -> str | None:
    """The first of the pictures that has an address on the web."""
    for picture in pictures:
        if re.match(r"\.{0,2}/?[^/]*_files/|file:|[A-Za-z]:\\", picture):
            continue  # where the browser put its copy
        whole = urljoin(page_url or SITE + "/", picture)
        if re.match(r"https?://[^\s/]+/\S+$", whole):
            return whole
    return None
