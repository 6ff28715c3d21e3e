"""Bytes of a web page into text, also where the page says nothing, or something wrong."""

from __future__ import annotations

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(
    rb"<(?:meta|\?xml)[^>]*?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]+)", re.I
)
_IN_HEADER = re.compile(r"charset\s*=\s*[\"']?\s*([\w.:-]+)", re.I)
# browsers read these as the Windows code page that holds them
_WIDER = {"iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254"}
_UTF8_LETTER = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\xa8\xb8\xc0-\xff]{2,}")


def decode_page(content: bytes, content_type: str | None = None) -> str:
    """Text of a page.

    A byte order mark decides first. Then text that is UTF-8 is taken for it, since hardly any other
    text is valid UTF-8 by chance. Then the charset of the header or of the page counts, and where
    none is given or it cannot be so, a guess between the Western and the two Russian code pages.

    Parameters
    ----------
    content : bytes
    content_type : str, optional
        The header ``Content-Type`` that came with them.
    """
    for mark, name in _BOMS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, errors="replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    for name in (_header(content_type), _in_page(content)):
        if name and name != "utf-8":
            return content.decode(name, errors="replace")
    letters = _UTF8_LETTER.findall(content)
    stray = len(_HIGH.findall(content)) - sum(map(len, letters))
    if len(letters) > stray:  # UTF-8 with a damaged spot
        return content.decode("utf-8", errors="replace")
    return content.decode(_guess(content), errors="replace")


def _header(content_type: str | None) -> str | None:
    found = _IN_HEADER.search(content_type or "")
    return _python_name(found[1]) if found else None


def _in_page(content: bytes) -> str | None:
    found = _DECLARED.search(content[:4096])
    return _python_name(found[1].decode("ascii", "ignore")) if found else None


def _python_name(label: str) -> str | None:
    try:
        name = codecs.lookup(label).name
        b"".decode(name)  # some codecs are no charsets
    except (LookupError, ValueError):
        return None
    if name.startswith("utf-16") or name.startswith("utf-32"):
        return None  # a page that can state it in ASCII is not in it
    return _WIDER.get(name, name)


def _guess(content: bytes) -> str:
    """Western letters stand alone among ASCII ones, Cyrillic ones in runs, small ones mostly."""
    runs = b"".join(_HIGH_RUN.findall(content))
    if 2 * len(runs) <= len(_HIGH.findall(content)):
        return "cp1252"
    small_in_koi8 = sum(0xC0 <= byte <= 0xDF for byte in runs)
    return "koi8-r" if 2 * small_in_koi8 > len(runs) else "cp1251"
