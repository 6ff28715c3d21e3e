"""Everyday words of the general world: colours drawn and named, things, captions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

COLOURS = (
    *("black", "dark grey", "grey", "pale grey", "white", "cream", "beige", "mustard", "orange"),
    *(
        f"{shade}{colour}"
        for colour in ("brown", "olive", "pink", "red", "yellow", "green", "turquoise", "blue")
        for shade in ("", "pale ", "dark ")
        if f"{shade}{colour}" not in ("pale red", "dark yellow")
    ),
    *("purple", "pale purple", "dark purple"),
    *(
        f"{shade}{tint} grey"
        for tint in (
            "pinkish",
            "reddish",
            "brownish",
            "yellowish",
            "greenish",
            "bluish",
            "purplish",
        )
        for shade in ("", "pale ", "dark ")
    ),
    *("pinkish white", "reddish white", "greenish white", "bluish white", "purplish white"),
)
SURFACES = (
    "smooth",
    "striped",
    "checkered",
    "dotted",
    "speckled",
    "grainy",
    "marbled",
    "brushed",
    "cracked",
    "cloudy",
)
SHAPES = (
    "circle",
    "square",
    "triangle",
    "star",
    "leaf",
    "ring",
    "bar",
    "blob",
    "island",
    "tile",
    "patch",
    "ground",
)
# hue angle in CIELAB (degrees) up to which a colour has the name; and as a tint of grey or white
_HUES = (
    (12.0, "pink", "pinkish"),
    (46.0, "red", "reddish"),
    (72.0, "orange", "brownish"),
    (107.0, "yellow", "yellowish"),
    (168.0, "green", "greenish"),
    (228.0, "turquoise", "bluish"),
    (302.0, "blue", "bluish"),
    (338.0, "purple", "purplish"),
    (360.0, "pink", "pinkish"),
)
# what else a word may be called in a caption
_SYNONYMS = {
    "pale": ("pale", "light"),
    "grey": ("grey", "gray"),
    "circle": ("circle", "disc", "round thing"),
    "square": ("square", "box"),
    "leaf": ("leaf", "lens"),
    "bar": ("bar", "stick"),
    "blob": ("blob", "rounded lump"),
    "island": ("island", "ragged lump"),
    "tile": ("tile", "angular piece"),
    "patch": ("patch", "winding area"),
    "ground": ("ground", "background"),
    "smooth": ("smooth", "plain", "even"),
    "striped": ("striped", "banded"),
    "checkered": ("checkered", "chequered"),
    "dotted": ("dotted", "spotted"),
    "speckled": ("speckled", "flecked"),
    "grainy": ("grainy", "rough"),
    "brushed": ("brushed", "streaky"),
    "cracked": ("cracked", "veined"),
    "cloudy": ("cloudy", "mottled"),
}


class Thing(NamedTuple):
    """Words of one segment: its colour (one to three words), its surface, its shape."""

    colour: str
    surface: str
    shape: str


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB [..., 3] in levels of 0 to 255 to CIELAB (D65), float64 [..., 3]."""
    level = np.asarray(rgb, float) / 255
    linear = np.where(level > 0.04045, ((level + 0.055) / 1.055) ** 2.4, level / 12.92)
    xyz = linear @ _TO_XYZ.T / _WHITE
    root = np.where(xyz > 216 / 24389, np.cbrt(xyz), (xyz * 24389 / 27 + 16) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def rgb(lab_colour: np.ndarray) -> np.ndarray:
    """CIELAB [..., 3] to sRGB levels, float64 [..., 3], clipped to 0 to 255."""
    lightness, a, b = np.moveaxis(np.asarray(lab_colour, float), -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], -1)
    xyz = np.where(root > 6 / 29, root**3, (116 * root - 16) * 27 / 24389) * _WHITE
    linear = np.clip(xyz @ np.linalg.inv(_TO_XYZ).T, 0, 1)
    level = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, linear * 12.92)
    return level * 255


# sRGB to XYZ, and the white of D65 (IEC 61966-2-1)
_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]],
)
_WHITE = _TO_XYZ.sum(1)


def colour_name(rgb_colour: Sequence[float]) -> str:
    """The everyday name of a colour: ``pale yellow``, ``bluish grey``, ``dark brown``, ``cream`` …

    Parameters
    ----------
    rgb_colour : three levels of 0 to 255

    Returns
    -------
    str
        One of about fifty names: a base word, with pale or dark, or a tint before grey or white.
    """
    lightness, a, b = lab(np.asarray(rgb_colour, float))
    chroma, hue = float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360)
    base, tint = next((name, tint) for end, name, tint in _HUES if hue <= end)
    if lightness < 15 and chroma < 13 or lightness < 7:
        return "black"
    if chroma < 4:
        return _grey(lightness)
    if chroma < 13:
        if tint in ("yellowish", "brownish") and lightness >= 72:
            return "cream" if lightness >= 84 else "beige"
        *shade, grey = _grey(lightness).split()
        return " ".join((*shade, tint, grey))
    if base == "purple" and hue < 312 and chroma > 60:
        base = "blue"  # CIELAB bends the most vivid blues towards purple
    if base == "orange" and chroma < 32 or base == "yellow" and chroma < 20 and lightness < 84:
        base = "beige" if lightness > 66 else "olive" if base == "yellow" else "brown"
    elif base == "orange" and lightness < 58 or base == "red" and chroma < 30 and lightness < 62:
        base = "brown"
    elif base == "red" and lightness >= 64:
        base = "pink"
    elif base == "yellow" and lightness < 74:
        base = "olive" if lightness < 58 or chroma < 32 else "mustard"
    if base in ("beige", "mustard", "orange"):
        return base
    if base in ("brown", "olive"):
        return f"dark {base}" if lightness < 32 else f"pale {base}" if lightness > 54 else base
    if lightness > 76 and chroma < 38:
        return f"pale {base}"
    return f"dark {base}" if lightness < (28 if base in ("blue", "purple") else 36) else base


def _grey(lightness: float) -> str:
    for end, name in ((15, "black"), (38, "dark grey"), (64, "grey"), (88, "pale grey")):
        if lightness < end:
            return name
    return "white"


def draw_palette(rng: np.random.Generator, number: int, close: bool) -> np.ndarray:
    """Colours of a scene: float64 [number, 3], sRGB levels.

    close : every colour after the first lies 5 to 15 levels beside an earlier one, as two greys
        or cream and yellow do; otherwise each is drawn for itself.
    """
    colours = [_draw_colour(rng, muted=close)]
    while len(colours) < number:
        if not close:
            colours.append(_draw_colour(rng, muted=rng.random() < 0.3))
            continue
        near = colours[rng.integers(len(colours))]
        step = rng.normal(size=3) * (0.7, 1.0, 1.4)  # tints part sooner along blue and yellow
        step *= rng.uniform(3, 9) / np.linalg.norm(step)
        colours.append(np.clip(near + step, (3, -90, -90), (98, 90, 90)))
    return rgb(np.array(colours))


def _draw_colour(rng: np.random.Generator, muted: bool) -> np.ndarray:
    """One colour in CIELAB; pale, greyish and dark ones as often as saturated ones."""
    hue = rng.uniform(0, 2 * np.pi)
    if rng.random() < 0.5:  # equal angles would make yellow and red rare
        hue = np.radians(rng.choice((0, 30, 58, 90, 140, 195, 265, 320)) + rng.normal(0, 8))
    style = rng.uniform(0.45, 1.0) if muted else rng.random()
    if muted and rng.random() < 0.4:
        hue = np.radians(rng.normal(85, 25))  # cream, yellow, beige, brown: common in the world
    if style < 0.45:
        lightness, chroma = rng.uniform(30, 88), rng.uniform(32, 85)
    elif style < 0.68:
        lightness, chroma = rng.uniform(70, 97), rng.uniform(4, 32)
    elif style < 0.9:
        lightness, chroma = rng.uniform(14, 97), rng.uniform(0, 12)
    else:
        lightness, chroma = rng.uniform(3, 34), rng.uniform(0, 30)
    return np.array([lightness, chroma * np.cos(hue), chroma * np.sin(hue)])


def phrase(thing: Thing, rng: np.random.Generator, keep: Sequence[bool] = (True, True)) -> str:
    """A thing in words, ``a pale yellow striped leaf``; `keep` says whether colour and surface are
    told. Order and synonyms are drawn."""
    colour = vary(thing.colour, rng) if keep[0] else ""
    surface = vary(thing.surface, rng) if keep[1] else ""
    shape = vary(thing.shape, rng)
    words = [colour, surface] if rng.random() < 0.7 else [surface, colour]
    if colour and rng.random() < 0.12:
        told = " ".join(word for word in (surface, shape) if word)
        return f"{_article(told)} in {colour}"
    return _article(" ".join(word for word in (*words, shape) if word))


def caption(
    things: Sequence[Thing], areas: Sequence[int], rng: np.random.Generator, most: int = 4
) -> str:
    """One sentence about the most prominent things, equal ones named once.

    Parameters
    ----------
    things : words of the segments
    areas : px of each
    most : at most so many are named
    """
    total: dict[Thing, int] = {}
    for thing, area in zip(things, areas, strict=True):
        total[thing] = total.get(thing, 0) + int(area)
    order = sorted(total, key=total.get, reverse=True)
    enough = [t for t in order if total[t] >= 0.01 * sum(total.values())] or order[:1]
    others = [thing for thing in enough if thing.shape != "ground"]
    grounds = [thing for thing in enough if thing.shape == "ground"]
    others = others[: int(rng.integers(1, most + 1))]
    if others and rng.random() < 0.4:
        grounds = []
    if rng.random() < 0.3:
        rng.shuffle(others)
    draw = rng.random()
    keep = (True, True) if draw < 0.6 else (True, False) if draw < 0.85 else (False, True)
    said = [phrase(thing, rng, keep) for thing in others]
    text = _list(said)
    if grounds:
        ground = phrase(grounds[0], rng, keep)
        text = f"{text} on {ground}" if text else ground
    opening = ("", "", "a picture of ", "a photo of ", "this shows ", "we see ", "there is ")
    return opening[rng.integers(len(opening))] + text


def _list(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return ", ".join(parts[:-1]) + " and " + parts[-1]


def _article(words: str) -> str:
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def vary(words: str, rng: np.random.Generator) -> str:
    """The same in other words now and then: ``pale grey``, ``light gray``."""
    return " ".join(
        choices[rng.integers(len(choices))] if (choices := _SYNONYMS.get(word)) else word
        for word in words.split()
    )
