"""A Mindat photo page as a row of the ledger.

What stands where on a page is written down in `SELECTORS`, and nowhere else. Only the block of the
title says which minerals are labels: menus, comments and captions link to minerals too.
"""

from __future__ import annotations

import re
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from selectolax.lexbor import LexborHTMLParser

from ..captions import field_width_mm
from ..photos.ledger import LedgerError, Row
from . import fields, wording
from .charset import decode_page
from .markup import drop, lines_of, squeeze, table_facts, text_of, too_deep
from .selectors import FACTS, MAX_PAGE_BYTES, SELECTORS, SITE

__all__ = [
    "MAX_PAGE_BYTES",
    "SELECTORS",
    "SITE",
    "ChallengePage",
    "Page",
    "PageError",
    "looks_like_challenge",
    "parse_page",
    "read_page",
]

LONGEST_SAID = 20_000  # characters of a caption that are searched for scale and light
_OTHER_PAGES = re.compile(
    r"/(gm|gallery|newgallery\w*|photosearch|photoscroll|search)\b[^/]*(/|$)|/(min|loc)-\d+\.html"
)
_CHALLENGE_TITLE = re.compile(
    r"^\s*(just a moment|performing security verification|attention required|checking your browser"
    r"|security check|verifying you are human|one more step|ddos-guard)",
    re.I,
)
_CHALLENGE = re.compile(
    r"just a moment|cf-challenge|cf[-_]chl|performing security verification|challenge-platform"
    r"|checking your browser|verify(ing)? (that )?you are (a )?human|g-recaptcha|h-captcha",
    re.I,
)


class PageError(ValueError):
    """A page that is no photo page: what it is instead, and what to do."""


class ChallengePage(PageError):
    """The site asks for proof that a person is there; collecting must stop."""


@dataclass(frozen=True)
class Page:
    """A parsed photo page.

    Attributes
    ----------
    row : Row
        Without file_name, sha256 and retrieved_at; photo_id is None where the page does not tell.
    pictures : tuple of str
        Where the page says that its picture lies, as written there, most trusted first.
    """

    row: Row
    pictures: tuple[str, ...]


def read_page(path: str | Path, url: str | None = None) -> Page:
    """Parse a saved page.

    Raises
    ------
    PageError
        If the file cannot be read, is too large (it is then not even opened), or no photo page.
    """
    path = Path(path)
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise PageError(f"{path.name} is no file; name a page that was saved as HTML")
        _check_size(about.st_size, path.name)
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a name that no system takes
        if isinstance(error, PageError):
            raise
        reason = getattr(error, "strerror", None) or error
        raise PageError(
            f"{path.name} cannot be read ({reason}); name a page that was saved as HTML"
        ) from error
    return parse_page(content, url=url, name=path.name)


def parse_page(
    content: bytes | str,
    *,
    url: str | None = None,
    name: str | None = None,
    content_type: str | None = None,
) -> Page:
    """Parse a photo page.

    Parameters
    ----------
    content : bytes or str
        At most `MAX_PAGE_BYTES`.
    url : str, optional
        Where it came from; decides the photo id.
    name : str, optional
        Its file name, such as ``photo-7654321.html``; the last resort for the id.
    content_type : str, optional
        The header that came with it.

    Returns
    -------
    Page

    Raises
    ------
    ChallengePage
        If it is the site's check for robots.
    PageError
        If it is no photo page.
    """
    what = name or url or "the page"
    _check_size(len(content), what)
    text = content if isinstance(content, str) else decode_page(content, content_type)
    if not text.strip("\0 \t\r\n"):
        raise PageError(f"{what} is empty; save the photo's page again")
    if "<" not in text or text.lstrip().startswith(("%PDF", "PK\x03\x04", "\x89PNG", "GIF8")):
        raise PageError(f"{what} is no HTML; save the photo's page as HTML")
    if too_deep(text):
        raise PageError(f"{what} nests elements too deep to be a photo page; save the page again")
    tree = LexborHTMLParser(text.replace("\0", ""))
    head = fields.page_title(tree)
    if _CHALLENGE_TITLE.match(head):
        raise ChallengePage(_challenge(what))
    meta = fields.meta_of(tree)
    own = fields.own_url(tree, meta, text, url)
    _refuse_others(tree, own, what, head, text)
    return _page(tree, meta, own, name, what)


def looks_like_challenge(content: bytes | str) -> bool:
    """Whether a reply that is no photo page is a check for robots."""
    text = content if isinstance(content, str) else decode_page(content[:MAX_PAGE_BYTES])
    return bool(_CHALLENGE.search(text[:200_000]))


# ---- is it a photo page? ---------------------------------------------------------------------
def _refuse_others(
    tree: LexborHTMLParser, own: str | None, what: str, head: str, text: str
) -> None:
    """Raise where the page shows no sign of being the page of one photo."""
    own_photo = bool(own and fields.PHOTO_ID.search(own))
    main = tree.css_first(SELECTORS["picture"])
    block = tree.css_first(SELECTORS["title bar"])
    mind = tree.css_first(SELECTORS["specimen"])
    other = own and not own_photo and _OTHER_PAGES.search(urlsplit(own).path)
    rows = tree.css(SELECTORS["gallery"])
    if other or (rows and main is None):
        raise PageError(
            f"{what} is a gallery, a search or the page of a mineral or locality, not of one photo;"
            " save the photo's own page (photo-NNNNNN.html)"
        )
    signs = [main, mind, tree.css_first(SELECTORS["caption and comments"])]
    signs += [block and tree.css_first(SELECTORS["caption"])]
    if any(signs):
        return
    facts = table_facts(tree.css(SELECTORS["facts"]), FACTS)
    titled = block is not None and bool(block.css(SELECTORS["minerals"]))
    if "photo id" in facts and (titled or "type" in facts or "copyright" in facts):
        return
    shared = re.search(r"imagecache/|/photos/", fields.meta_of(tree).get("og:image", ""))
    if (own_photo or shared) and (titled or "photo id" in facts):
        return
    if looks_like_challenge(text):
        raise ChallengePage(_challenge(what))
    if len(_linked_photos(tree)) > 1:
        raise PageError(
            f"{what} shows many photos, as galleries do; save the page of each photo"
            " (photo-NNNNNN.html)"
        )
    said = f' (its title is "{head[:60]}")' if head else ""
    raise PageError(
        f"{what} is not the page of a photo{said}: it has no main picture, no title bar and no"
        " photo id; save the photo's page again"
    )


def _challenge(what: str) -> str:
    return (
        f"{what} is the site's check for robots, not a photo page; do not collect by program now:"
        " open the page in a browser, or ask the site"
    )


def _linked_photos(tree: LexborHTMLParser) -> set[str]:
    links = (link.attributes.get("href") or "" for link in tree.css(SELECTORS["photo links"]))
    return {found[1] for link in links if (found := fields.PHOTO_ID.search(link))}


# ---- what it says ----------------------------------------------------------------------------
def _page(
    tree: LexborHTMLParser, meta: dict[str, str], own: str | None, name: str | None, what: str
) -> Page:
    named = fields.main_pictures(tree, meta)
    minid = tree.css_first(SELECTORS["specimen"])
    minid_text = squeeze(text_of(minid)) if minid is not None else ""
    title, minerals, place = fields.title_of(tree, meta)
    loose = fields.loose_caption(tree)
    kept = [SELECTORS[part] for part in ("title bar", "picture", "specimen", "caption")]
    drop(tree, SELECTORS["comments"], kept)
    drop(tree, SELECTORS["menus"], kept)
    facts = table_facts(tree.css(SELECTORS["facts"]), FACTS)
    # a caption whose end tag is missing holds the rest of the page
    drop(tree, SELECTORS["in no caption"])
    caption, sibling = fields.caption_of(tree, meta, loose)
    drop(tree, SELECTORS["caption"], kept[:3])
    drop(tree, SELECTORS["never text"])
    lines = lines_of(tree.body) if tree.body is not None else []
    for label, value in fields.line_facts(lines).items():
        facts.setdefault(label, value)
    named += [other] if (other := fields.any_picture(tree)) else []
    # a picture of the site's own may be shared instead of the photo
    pictures = tuple(
        sorted(dict.fromkeys(named), key=lambda s: not re.search(r"imagecache/|/photos/", s))
    )
    if not pictures:
        raise PageError(f"{what} has no picture; save the photo's page again, when it has loaded")
    photo_id = fields.photo_id_of(own, facts, tree, name)
    page_url = own if own and photo_id and f"photo-{photo_id}.htm" in own else None
    if page_url is None and photo_id:
        page_url = f"{SITE}/photo-{photo_id}.html"
    if place is None:
        found = tree.css_first(SELECTORS["locality"])
        place = facts.get("locality") or (squeeze(text_of(found)) if found is not None else None)
    rights = fields.rights_of(facts, lines)
    copyright_text = facts.get("copyright", "")
    kind = wording.photo_type(facts.get("type", "") or fields.kind_among(lines))
    said = caption[:LONGEST_SAID]
    width = field_width_mm(said)
    if width is None and "field" in facts:
        width = field_width_mm(f"FOV {facts['field']}")
    if width is None and fields.OF_FIELD.search(facts.get("dimensions", "")):
        width = field_width_mm(facts["dimensions"])  # else it is the specimen's size
    specimen = fields.MINID.search(minid_text.replace("minID", "")) or fields.MINID.search(
        facts.get("minid", "")
    )
    group = None
    if sibling and photo_id:
        group = f"mindat:{min(int(photo_id), int(sibling))}"
    try:
        row = Row(
            photo_id=photo_id,
            source="mindat",
            page_url=page_url,
            image_url=fields.picture_address(pictures, page_url),
            title=title,
            title_minerals=minerals,
            caption=caption,
            photo_type=kind,
            light=wording.light_of(f"{said}\n{facts.get('light', '')}"),
            specimen=specimen[0] if specimen else None,
            field_group=group,
            locality=place or None,
            photographer=facts.get("photographer") or wording.photographer_of(copyright_text),
            licence=rights,
            may_redistribute=wording.may_redistribute(rights),
            field_width_mm=width,
        )
    except LedgerError as error:
        raise PageError(f"{what} cannot become a row: {error}") from error
    return Page(row, pictures)


def _check_size(size: int, what: str) -> None:
    if size > MAX_PAGE_BYTES:
        raise PageError(
            f"{what} has {size / 1e6:.0f} MB, a photo page at most {MAX_PAGE_BYTES / 1e6:.0f}; "
            "save the photo's page alone"
        )
