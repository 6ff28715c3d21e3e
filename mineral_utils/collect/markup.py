"""Text out of an HTML tree: lines as a reader sees them, tables of facts, the parts of a title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from selectolax.lexbor import LexborHTMLParser, LexborNode

_BLOCKS = frozenset(
    "address article aside blockquote br center dd div dl dt fieldset figcaption figure footer form"
    " h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table tbody td th tr ul".split()
)
_SILENT = frozenset("script style template noscript iframe object svg head title".split())
MAX_DEPTH = 4000  # the time to parse grows with its square
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ENDLESS = frozenset(  # tags that need no end, or close each other
    "area base br col dd dt embed hr img input li link meta option p param source td th tr wbr"
    " tbody thead".split()
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_MINERAL = re.compile(r"(?:^|/)min-\d+\.html?\b", re.I)
_VARIETY = re.compile(r"\s*\(\s*var\b", re.I)
_PLACE = re.compile(r"(?:^|/)loc-\d+\.html?\b", re.I)


def too_deep(text: str) -> bool:
    """Whether elements nest deeper than `MAX_DEPTH`, judged by the tags alone."""
    if text.count("<") - 2 * text.count("</") < MAX_DEPTH:
        return False
    depth = 0
    for end, tag in _TAG.findall(text):
        if tag.lower() not in _ENDLESS:
            depth = max(0, depth - 1) if end else depth + 1
            if depth > MAX_DEPTH:
                return True
    return False


def squeeze(text: str) -> str:
    """One line, single blanks, no control characters."""
    return " ".join(_CONTROLS.sub("", text).split())


def walk(node: LexborNode) -> Iterator[tuple[LexborNode, bool]]:
    """All nodes below one in order, each with whether it is entered (True) or left.

    A generator that is sent True skips the inside of the node just entered. No recursion: pages
    nest as deep as they like.
    """
    current, entering = node.first_child, True
    while current is not None:
        skip = yield current, entering
        child = current.first_child if entering and not skip else None
        if child is not None:
            current = child
            continue
        if entering:
            yield current, False
        if current.next is not None:
            current, entering = current.next, True
            continue
        parent = current.parent
        if parent is None or parent.mem_id == node.mem_id:
            return
        current, entering = parent, False


def lines_of(node: LexborNode, *, scripts_as_text: bool = False, loose: bool = False) -> list[str]:
    """The lines that a reader sees, without empty ones.

    Parameters
    ----------
    node : LexborNode
    scripts_as_text : bool
        Keep script elements as they are written, instead of dropping them.
    loose : bool
        Only the text that stands in no block inside the node.
    """
    pieces: list[str] = []
    steps = walk(node)
    skip = None
    while True:
        try:
            current, entered = steps.send(skip)
        except StopIteration:
            break
        skip = None
        tag = current.tag or ""
        if tag == "-text":
            if entered:
                pieces.append(re.sub(r"\s+", " ", current.text_content or ""))
        elif tag in _SILENT:
            skip = entered
            if entered and scripts_as_text and tag == "script":
                pieces.append(re.sub(r"\s+", " ", current.html or ""))
        elif tag in _BLOCKS:
            pieces.append("\n")
            skip = entered and loose and tag != "br"
        elif tag == "img" and entered:
            pieces.append(" ")
    lines = (squeeze(line) for line in "".join(pieces).split("\n"))
    return [line for line in lines if line]


def text_of(node: LexborNode) -> str:
    """All text below a node."""
    if (node.tag or "") in _SILENT:
        return node.text(deep=True)
    return " ".join(lines_of(node))


def drop(tree: LexborHTMLParser, selector: str, keep: Iterable[str] = ()) -> None:
    """Remove elements, except those that hold something to keep."""
    for node in tree.css(selector):
        if not any(node.css_first(inside) is not None for inside in keep):
            node.decompose()


def table_facts(nodes: Iterable[LexborNode], names: Mapping[str, str]) -> dict[str, str]:
    """What rows of tables (label, value) and definition lists say, under our names for it."""
    facts: dict[str, str] = {}
    for node in nodes:
        cells = [c for c in _children(node) if c.tag in ("td", "th", "dt", "dd")]
        for label, value in zip(cells[::2], cells[1::2], strict=False):
            key = names.get(squeeze(text_of(label)).rstrip(" :").lower())
            said = squeeze(text_of(value))
            if key and said:
                facts.setdefault(key, said)
    return facts


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def title_parts(block: LexborNode) -> tuple[str, list[str], str | None]:
    """Text, minerals in order, and locality of the block of a title.

    A mineral is a part of the text between commas in which a link to a mineral stands, with what
    its brackets add: "Quartz (Var: Chalcedony)".
    """
    text, places = "", []
    spans: list[tuple[int, int]] = []
    steps = walk(block)
    skip, begun = None, None
    while True:
        try:
            node, entered = steps.send(skip)
        except StopIteration:
            break
        skip, tag = None, node.tag or ""
        if tag == "-text":
            text += re.sub(r"\s+", " ", node.text_content or "") if entered else ""
        elif tag in _SILENT:
            skip = entered
        elif tag == "a" and _PLACE.search(node.attributes.get("href") or ""):
            if entered:
                places.append(squeeze(text_of(node)))
                skip = True
        elif entered and tag in _BLOCKS and _is_place(node):
            places.append(squeeze(text_of(node)))
            skip = True
        elif tag == "a" and _MINERAL.search(node.attributes.get("href") or ""):
            begun = len(text) if entered else begun
            if not entered and begun is not None:
                spans.append((begun, len(text)))
        elif tag in _BLOCKS:
            text += "\n"
    minerals: list[str] = []
    last = 0
    for start, end in _parts(text):
        inside = [(a, b) for a, b in spans if start <= a and b <= end]
        for a, b in inside:
            if text.count("(", start, a) > text.count(")", start, a):
                continue  # the variety, inside the brackets of its species
            more = re.match(r"\s*\([^()]*\)", text[b:end])
            named = more and (
                _VARIETY.match(more[0]) or any(b < at < b + more.end() for at, _ in spans)
            )
            minerals.append(squeeze(text[a : b + (more.end() if named else 0)]))
        last = end if inside else last
    title = re.sub(r"\s+([,;)])", r"\1", squeeze(text[:last] if last else text))
    title = re.sub(r"\s+from$", "", title)
    place = ", ".join(dict.fromkeys(name for name in places if name)) or None
    return title.strip(" ,"), list(dict.fromkeys(name for name in minerals if name)), place


def _is_place(node: LexborNode) -> bool:
    """Whether an element links to localities and to no mineral."""
    links = [link.attributes.get("href") or "" for link in node.css("a")]
    return any(map(_PLACE.search, links)) and not any(map(_MINERAL.search, links))


def _parts(text: str) -> Iterator[tuple[int, int]]:
    """Spans between commas, semicolons and line ends that stand outside brackets."""
    depth = start = 0
    for k, sign in enumerate(text + ","):
        depth += (sign == "(") - (sign == ")" and depth > 0)
        if (sign in ",;" and not depth) or sign == "\n":
            yield start, k
            start = k + 1
