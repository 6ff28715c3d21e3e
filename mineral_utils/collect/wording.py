"""What the words beside a photo say: its kind, its light, whose it is, what one may do with it."""

from __future__ import annotations

import re

POLISHED = ("Polished Section (Polarized Light)", "Polished Section (Slice or Surface)")
THIN = ("Thin Section (Normal Light)", "Thin Section (Polarized Light)")
_KINDS = (  # words -> the name under which photos of this kind are kept
    (r"polished section\W*polari[sz]ed", POLISHED[0]),
    (r"polished section\W*(slice|surface)", POLISHED[1]),
    (r"polished section\b", "Polished Section"),
    (r"thin section\W*(cross(ed)?\W*)?polari[sz]ed", THIN[1]),
    (r"thin section\b", THIN[0]),
)
_POLARS = r"(polars?|polari[sz]\w*|nicols?|polaroids?)"
_CROSSED = re.compile(
    r"(?<!\bun)(?<!\bnot )(?<!\bnon-)(?<!\bnon )(?<!\bun-)("
    r"\bxpl?\b|\bxn\b|\bx-?(nicols|polars)\b"
    rf"|\bcross(ed)?[\s-]+(plane[\s-]+)?{_POLARS}|\b{_POLARS} (are |were )?"
    r"((almost|nearly|slightly|partly|partially|fully|completely) )*(un)?crossed"
    r"|(^|[\s(,;])\+\s?(n\b|nic)|\bcrossed position"
    r"|\banaly[sz]er (in|inserted)\b|\bwith (the )?analy[sz]er"
    r"|\bgekreuzte?n? (nicols|pol)|\b(nicols|polarisatoren) gekreuzt|\b(mit|with) analysator"
    r"|\bn[ií]coles cruzados|\bpolarizadores cruzados|\bnicols crois|\bpolariseurs crois"
    r"|скрещ[её]н\w* (никол|поляр)|(никол|поляриз)\w* (почти |не полностью )?скрещ"
    r"|\bс анализатором|\bникол\w*\s?[x×+хХ](?!\w)"
    r")",
    re.IGNORECASE,
)
_PLANE = re.compile(
    r"\bppl\b|\bplane?[\s-]+polari[sz]ed|\blinear(ly)?[\s-]+polari[sz]ed"
    r"|\b(un|not |non[\s-]?)crossed"
    rf"|\bparallel {_POLARS}|\b{_POLARS} parallel|\b(one|1|single) (polar|nicol)"
    r"|\banaly[sz]er out\b|\b(without|no) analy[sz]er|\bein(em|en)? polarisator"
    r"|\bparallele?n? (nicols|pol)|\bn[ií]coles paralelos|\bpolarizadores paralelos"
    r"|\bpolarisatoren parallel|\bohne analysator|\bnicols parall"
    r"|\bбез анализатора|параллельн\w* никол|никол\w* параллельн|\bодин николь|\bодном николе",
    re.IGNORECASE,
)
_UNCROSSED = re.compile(rf"\b{_POLARS} (are |were )?(not |un|non-?)crossed", re.IGNORECASE)

_SIGN = re.compile(r"copyright|©|\(c\)|photo(graph)?s? by|:", re.IGNORECASE)
_YEARS = re.compile(r"^\W*\d{4}(\s*[-–,]\s*\d{2,4})*\W*\s|[\s,]+\d{4}(\s*[-–]\s*\d{2,4})?$")
_RIGHTS_BEGIN = re.compile(
    r"[\s.,;:(-]*\b(this (image|photo\w*|picture|work)|all rights|unauthori[sz]ed|reproduction|"
    r"licen[sc]ed|public domain|released|creative commons|cc0|cc[\s-]by|used with|not to be|do not|"
    r"no (use|copying|reproduction)|please|some rights|https?:)",
    re.IGNORECASE,
)
_FREE = re.compile(
    r"\bpublic domain\b|\bcc0\b|\bcc[\s-]by(?![\s-]*\w*nd\b)"
    r"|\bcreative commons (attribution|zero)",
    re.IGNORECASE,
)
_NOT_FREE = re.compile(
    r"\b(not|no|never|without|prohibited|forbidden|all rights reserved|unless|except|"
    r"permission|non-?commercial|nc|noderivs|nd)\b",
    re.IGNORECASE,
)


def photo_type(words: str) -> str | None:
    """The kind under its usual name; other kinds as written; None for nothing.

    Examples
    --------
    >>> photo_type("polished section (polarised light)")
    'Polished Section (Polarized Light)'
    """
    words = " ".join(words.split())
    for pattern, name in _KINDS:
        if re.search(pattern, words, re.IGNORECASE):
            return name
    return words or None


def is_polished(kind: str | None) -> bool:
    """Whether a kind is one of polished sections."""
    return kind is not None and kind.startswith("Polished Section")


def is_thin(kind: str | None) -> bool:
    """Whether a kind is one of thin sections."""
    return kind is not None and kind.startswith("Thin Section")


def light_of(words: str) -> str:
    """``"ppl"``, ``"xpl"``, ``"both"`` or ``"unknown"``, by what a text says of the polars.

    "Reflected light" alone says nothing of them, nor does the kind "(Polarized Light)".
    """
    plane = bool(_PLANE.search(words) or _UNCROSSED.search(words))
    crossed = bool(_CROSSED.search(_UNCROSSED.sub(" ", words)))
    return {(True, True): "both", (True, False): "ppl", (False, True): "xpl"}.get(
        (plane, crossed), "unknown"
    )


def photographer_of(copyright_text: str) -> str | None:
    """The name in a copyright text.

    Examples
    --------
    >>> photographer_of("Copyright © 2019 A. Example. All rights reserved.")
    'A. Example'
    """
    name = " ".join(_SIGN.sub(" ", copyright_text).split())
    if begin := _RIGHTS_BEGIN.search(name):
        name = name[: begin.start()]
    name = _YEARS.sub("", _YEARS.sub("", name + " ").strip())
    name = name.strip(" ,;:-–—()[]")
    if name.endswith(".") and not re.search(r"\b(\w|[JS]r|Dr|Inc|Ltd|Co)\.$", name):
        name = name[:-1]
    return name if re.search(r"[^\W\d_]", name) else None


def may_redistribute(licence: str | None) -> bool:
    """True only for an unconditional statement that anyone may pass the picture on."""
    return bool(licence and _FREE.search(licence) and not _NOT_FREE.search(licence))
