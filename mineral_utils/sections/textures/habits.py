"""Which textures a mineral can have, and with which other minerals.

What `mineral_utils.minerals` says in words is read from there (habits, associations, hardness);
``habits.yaml`` adds the pairs of host and guest, crystal forms, and the mixes that do not occur.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import yaml

from ...minerals import vocabulary

TEXTURES = (
    "disseminated",
    "polygonal",
    "euhedral",
    "framboidal",
    "exsolution",
    "chalcopyrite disease",
    "rims",
    "veinlets",
    "colloform",
    "cataclastic",
    "skeletal",
    "poikilitic",
    "myrmekitic",
    "acicular",
    "massive",
)
# textures of a guest in or on a host; the others stand by themselves
IN_HOST = ("exsolution", "chalcopyrite disease", "rims", "veinlets", "poikilitic", "myrmekitic")


@cache
def _file() -> dict:
    with open(Path(__file__).with_name("habits.yaml"), encoding="utf-8") as lines:
        return yaml.safe_load(lines)


@cache
def gangue() -> frozenset[str]:
    """Minerals that make the ground mass."""
    return frozenset(_file()["gangue"])


@cache
def own_textures(mineral: str) -> tuple[str, ...]:
    """Textures that a mineral can have by itself, the typical ones first."""
    habits = "; ".join(vocabulary()[mineral].textures)
    found = []
    for texture, words in _file()["words"].items():
        if any(word in habits for word in words):
            found.append(texture)
    for texture, minerals in _file()["also"].items():
        if mineral in minerals and texture not in found:
            found.append(texture)
    if mineral not in _file()["never_massive"]:
        found.append("massive")
    return tuple(found or ["disseminated"])


@cache
def hosts(texture: str, guest: str) -> dict[str, str]:
    """Hosts in which a guest can have a texture, and in which style.

    Raises
    ------
    KeyError
        If the texture is none of a guest in a host.
    """
    table = _file()[texture]
    if texture == "veinlets":
        if guest not in table:
            return {}
        soft = hardness(guest)
        return {m.name: "vein" for m in vocabulary() if hardness(m.name) > 1.15 * soft}
    if texture == "poikilitic":
        own = table["hosts"] if guest in table["guests"] else ()
        return {host: "inclusions" for host in own if host != guest}
    return dict(table.get(guest, {}))


def can_have(texture: str, minerals: Iterable[str]) -> tuple[tuple[str, str | None], ...]:
    """The (mineral, host) pairs among these minerals that can show a texture; host None if none."""
    minerals = tuple(minerals)
    if texture in IN_HOST:
        return tuple((g, h) for g in minerals for h in hosts(texture, g) if h in minerals)
    return tuple((m, None) for m in minerals if texture in own_textures(m))


def hardness(mineral: str) -> float:
    """Mean Vickers hardness, kg/mm2."""
    return sum(vocabulary()[mineral].vickers) / 2


def forms(mineral: str) -> tuple[tuple[str, float], ...]:
    """Crystal forms of a mineral: (form, length over width)."""
    own = _file()["forms"].get(mineral)
    found = own or _file()["forms_by_system"][vocabulary()[mineral].crystal_system]
    return tuple((form, float(stretch)) for form, stretch in found)


def growth(mineral: str) -> str:
    """How a mineral grows where it has no faces: dendritic, flakes, blades or needles."""
    for kind in ("dendritic", "flakes", "blades"):
        if mineral in _file()[kind]:
            return kind
    return "needles"


@cache
def forbidden() -> dict[frozenset[str], str]:
    """Pairs that never occur together, and why."""
    return {frozenset((a, b)): why for a, b, why in _file()["forbidden"]}


@cache
def held_out() -> tuple[frozenset[str], frozenset[frozenset[str]]]:
    """Textures and pairs of minerals that training never draws."""
    table = _file()["held_out"]
    return frozenset(table["textures"]), frozenset(frozenset(pair) for pair in table["pairs"])
