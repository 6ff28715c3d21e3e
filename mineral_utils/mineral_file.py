"""The file behind the vocabulary: ``minerals.yaml`` read into minerals, and checked.

Everything that can be wrong in the file (a missing field, a value out of range, a name or a look
given twice) is found here, once, when it is read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import yaml

MAX_NAMES = 254  # class labels are uint8 and 255 means "unknown"
WAVELENGTHS_NM = (470, 546, 589, 650)  # the four of the Commission on Ore Mineralogy
HATCH_CHARACTERS = r"/\|-+xoO.*"  # what matplotlib can draw


@dataclass(frozen=True)
class Mineral:
    """One mineral: its names, how it looks in reflected light, and how we draw it.

    Attributes
    ----------
    name, name_ru : str
        English and Russian name.
    symbol : str or None
        IMA-CNMNC approved symbol (Warr 2021); None for what is not a species.
    formula, crystal_system : str
    reflectance : tuple of (int, float, float)
        Wavelength in nm, R1 and R2 in percent (0-100), in air; at 470, 546, 589 and 650 nm.
    colour_in_air, bireflectance, anisotropy, internal_reflections : str
    vickers : tuple of two ints
        Lowest and highest Vickers hardness, kg/mm2.
    textures, associations : tuple of str
        Associations may name minerals outside the vocabulary.
    aliases : dict of str to tuple of str
        Other names per source: mindat, captions, ru, lumenstone_v1, lumenstone_v2. A LumenStone
        label that stands for either of two minerals is listed with both.
    prompt : str
        The lower-case English word(s) that CLIP is asked with.
    colour, hatch : str
        sRGB as ``#RRGGBB``, and a matplotlib hatch. The pair is unique in the vocabulary.
    source : str
        Where reflectance and hardness come from.
    paper : bool
        True for the 20 classes of the paper.
    """

    name: str
    name_ru: str
    symbol: str | None
    formula: str
    crystal_system: str
    reflectance: tuple[tuple[int, float, float], ...]
    colour_in_air: str
    bireflectance: str
    anisotropy: str
    internal_reflections: str
    vickers: tuple[int, int]
    textures: tuple[str, ...]
    associations: tuple[str, ...]
    aliases: Mapping[str, tuple[str, ...]] = field(hash=False)
    prompt: str
    colour: str
    hatch: str
    source: str
    paper: bool = False


@dataclass(frozen=True)
class LumenstoneClass:
    """One code of a LumenStone mask.

    Attributes
    ----------
    code : int
        Pixel value in the mask.
    label, name : str
        As that version of LumenStone spells them.
    minerals : tuple of str
        Names of the minerals that the code may stand for; empty for the background.
    """

    code: int
    label: str
    name: str
    minerals: tuple[str, ...]


def fold(name: str) -> str:
    """A name without case, diacritics, blanks, underscores and hyphens, for comparing."""
    plain = unicodedata.normalize("NFKD", name.casefold().replace("\u2019", "'"))
    return re.sub(r"[\u0300-\u036f\s_\u2010-\u2014-]", "", plain)


def read_vocabulary(path: Path) -> tuple:
    """Minerals, LumenStone tables and looks for free text from a vocabulary file, all checked."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the one in C, where built, is quick
    table = yaml.load(path.read_text(encoding="utf-8"), Loader=loader)
    part = "minerals, free, lumenstone"
    try:
        lumenstone = {}
        for version, entry in table["lumenstone"].items():
            part = f"lumenstone {version}"
            lumenstone[version] = _lumenstone(entry)
        minerals = []
        for row in table["minerals"]:
            part = row.get("name", "a mineral without name")
            minerals.append(_mineral(row, lumenstone))
        part = "all together"
        colours, hatches = table["free"]["colours"], table["free"]["hatches"]
        looks = [(colours[k % len(colours)], hatches[k % len(hatches)]) for k in range(MAX_NAMES)]
        coded = {m for sets in lumenstone.values() for c in sets[None].values() for m in c.minerals}
        for what, entries in {
            "a name": [fold(name) for m in minerals for name in (m.name, m.name_ru)],
            "a symbol": [m.symbol for m in minerals if m.symbol],
            "a prompt": [m.prompt for m in minerals],
            "a colour with hatch": [(m.colour, m.hatch) for m in minerals] + looks,
        }.items():
            twice = sorted({str(entry) for entry in entries if entries.count(entry) > 1})
            _require(not twice, f"{what} is given twice: {', '.join(twice)}")
        nowhere = sorted(coded - {m.name for m in minerals})
        _require(not nowhere, f"LumenStone's {', '.join(nowhere)} is not among the minerals")
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path.name}, {part}: {error}") from error
    return tuple(minerals), lumenstone, tuple(looks)


def _require(holds: object, what: str) -> None:
    if not holds:
        raise ValueError(what)


def _mineral(row: dict, lumenstone: dict) -> Mineral:
    """One entry of the file, checked; LumenStone's labels join its aliases."""
    known = {f.name for f in fields(Mineral)}
    odd = (known - {"paper", "aliases"} - set(row)) | (set(row) - known)
    _require(not odd, f"missing or unknown fields {', '.join(sorted(odd))}")
    reflectance = tuple((nm, float(r1), float(r2)) for nm, (r1, r2) in row["reflectance"].items())
    low, high = row["vickers"]
    percent = [r for _, *pair in reflectance for r in pair]
    _require(tuple(row["reflectance"]) == WAVELENGTHS_NM, f"give R at {WAVELENGTHS_NM} nm")
    _require(all(0 <= r <= 100 for r in percent), "reflectance is in percent, 0 to 100")
    _require(0 < low <= high, "vickers is [lowest, highest]")
    _require(re.fullmatch("#[0-9A-F]{6}", row["colour"]), "colour is #RRGGBB, in capitals")
    _require(set(row["hatch"]) <= set(HATCH_CHARACTERS), f"a hatch is made of {HATCH_CHARACTERS}")
    aliases = dict(row.get("aliases", {}))
    for version, sets in lumenstone.items():
        mine = [c for c in sets[None].values() if row["name"] in c.minerals]
        labels = [x for c in mine for x in (c.label, c.name) if x != row["name"].lower()]
        aliases |= {f"lumenstone_{version}": labels} if labels else {}
    return Mineral(
        **row
        | {"reflectance": reflectance, "vickers": (low, high)}
        | {"textures": tuple(row["textures"]), "associations": tuple(row["associations"])}
        | {"aliases": {source: tuple(names) for source, names in aliases.items()}}
    )


def _lumenstone(entry: dict) -> dict[str | None, dict[int, LumenstoneClass]]:
    """One version of LumenStone: the classes of each set by code, and of all (None)."""
    classes = {
        code: LumenstoneClass(code, label, name, tuple(minerals))
        for code, (label, name, minerals) in entry["classes"].items()
    }
    sets: dict[str | None, dict[int, LumenstoneClass]] = {None: classes}
    for subset, content in entry["sets"].items():
        sets[subset] = {code: classes[code] for code in content["codes"]}
        for code, minerals in content.get("minerals", {}).items():
            sets[subset][code] = replace(sets[subset][code], minerals=tuple(minerals))
    return sets
