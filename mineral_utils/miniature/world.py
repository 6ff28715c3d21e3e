"""The general world: seeded pictures of coloured, textured things with exact segments and words.

    scene(np.random.default_rng(7), (224, 224)).caption     # a pale yellow striped leaf on …

Segments are exact at pixel centres: what comes after (seams, scratches, light, blur, noise, JPEG)
changes the picture, never them. Words are of the colour drawn, before the light.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from . import shapes, surfaces
from .things import SURFACES, Thing, caption, colour_name, draw_palette

KINDS = ("single", "things", "leaves", "land", "mosaic", "mixed", "surface")
_SHARES = (0.12, 0.2, 0.2, 0.14, 0.14, 0.14, 0.06)
_LAID = ("circle", "square", "triangle", "star", "leaf", "ring", "bar", "blob", "island")


@dataclass(frozen=True)
class Scene:
    """A picture of the general world, and the truth about it.

    Attributes
    ----------
    image : uint8 [H, W, 3], sRGB
    segments : int32 [H, W], id of the visible thing at each pixel's centre, 0 to n - 1; each thing
        has its own id, in one piece or not, the ground too
    things : n triples of words (colour, surface, shape)
    caption : a sentence about the most prominent things
    kind : one of `KINDS`
    """

    image: np.ndarray
    segments: np.ndarray
    things: tuple[Thing, ...]
    caption: str
    kind: str


def scene(
    rng: np.random.Generator,
    size: tuple[int, int] = (256, 256),
    kind: str | None = None,
    bold: bool = False,
) -> Scene:
    """Draw a scene.

    Parameters
    ----------
    rng : its state decides everything
    size : (height, width) in px, at least 16 each
    kind : one of `KINDS`: one thing (``single``), a few (``things``), dead leaves of all sizes
        (``leaves``), regions of a fractal landscape (``land``), a patchwork (``mosaic``), things
        over one of these (``mixed``), one surface alone (``surface``); None draws it
    bold : surfaces show strongly, within a few px, as for a model that learns their names; else
        many are faint or large

    Raises
    ------
    ValueError
        An unknown kind, or a side under 16 px.
    """
    if min(size) < 16:
        raise ValueError(f"a scene of {size[1]} x {size[0]} px is too small; give sides of >= 16")
    if kind is None:
        kind = KINDS[rng.choice(len(KINDS), p=_SHARES)]
    elif kind not in KINDS:
        raise ValueError(f"no kind of scene is called {kind!r}; there are {', '.join(KINDS)}")
    segments, names = _layout(rng, size, kind)
    segments, names = _visible(segments, names)
    look = _Look(rng, names, kind, bold)
    image = look.paint(rng, segments)
    things = look.things()
    areas = np.bincount(segments.ravel(), minlength=len(things))
    image = _lit(rng, _worn(rng, image, segments))
    return Scene(image, segments, things, caption(things, areas, rng), kind)


# ---- where things lie --------------------------------------------------------------------------
def _layout(rng, size, kind) -> tuple[np.ndarray, list[str]]:
    """Segments (ids may be hidden or missing) and the shape word of each id."""
    reach = min(size)
    segments, names = np.zeros(size, np.int32), ["ground"]
    if kind in ("land", "mixed") and (kind == "land" or rng.random() < 0.6):
        number = int(rng.integers(2, 6 if kind == "land" else 4))
        segments, names = shapes.levels(rng, size, number), ["patch"] * number
    elif kind in ("mosaic", "mixed"):
        number = int(np.exp(rng.uniform(np.log(6), np.log(180 if kind == "mosaic" else 30))))
        segments, names = shapes.mosaic(rng, size, number), ["tile"] * number
    ground = len(names)
    if kind == "single":
        radii = reach * rng.uniform(0.25, 0.6, 1)
    elif kind == "things":
        radii = reach * rng.uniform(0.08, 0.38, rng.integers(2, 8))
    elif kind == "mixed":
        radii = reach * np.exp(rng.uniform(np.log(0.02), np.log(0.3), rng.integers(3, 20)))
    elif kind == "leaves":
        # density of radii r**-2.5 to r**-1.3 from 3 px to the whole field
        number = int(np.exp(rng.uniform(np.log(25), np.log(160))))
        low, high, power = 3.0, reach * rng.uniform(0.2, 1.0), -rng.uniform(0.3, 1.5)
        radii = (rng.random(number) * (high**power - low**power) + low**power) ** (1 / power)
        if rng.random() < 0.4:
            radii = np.sort(radii)[::-1]
    else:
        radii = ()
    family = rng.choice(_LAID, rng.integers(1, 4)) if rng.random() < 0.5 else _LAID
    for radius in radii:
        shape = str(rng.choice(family))
        span = 0.3 if kind == "single" else 1.05
        centre = tuple((0.5 + (rng.random() - 0.5) * span) * side for side in size)
        angle = rng.uniform(0, 2 * np.pi)
        shapes.stamp(segments, len(names), shape, centre, radius, angle, rng)
        names.append(shape)
    if len(names) > ground and rng.random() < 0.3:
        _holes(rng, segments, ground)
    return segments, names


def _holes(rng, segments, ground) -> None:
    """Small holes in things, through which the first of the grounds shows."""
    for _ in range(rng.integers(1, 25)):
        row, column = (int(rng.integers(side)) for side in segments.shape)
        if segments[row, column] >= ground:
            radius, shape = rng.uniform(1, 5), str(rng.choice(("circle", "blob")))
            shapes.stamp(segments, 0, shape, (row, column), radius, rng.uniform(0, 6), rng)


def _visible(segments, names) -> tuple[np.ndarray, list[str]]:
    """Ids of hidden things are taken out."""
    seen = np.flatnonzero(np.bincount(segments.ravel(), minlength=len(names)))
    numbers = np.zeros(len(names), np.int32)
    numbers[seen] = np.arange(len(seen))
    return numbers[segments], [names[i] for i in seen]


# ---- how they look -----------------------------------------------------------------------------
class _Look:
    """Colours and surfaces of a scene: a few materials, each thing made of one of them."""

    def __init__(self, rng: np.random.Generator, names: list[str], kind: str, bold: bool):
        self.names, self.bold = names, bold
        number = int(min(rng.integers(2, 7), max(len(names), 1)))
        self.palette = draw_palette(rng, number, close=rng.random() < 0.5)
        if rng.random() < 0.2:  # a ground that is nearly black
            self.palette[0] = rng.uniform(2, 32) + rng.uniform(-2, 2, 3)
        plain = rng.choice([0.1, 0.3, 0.7] if bold else [0.2, 0.5, 0.9])
        self.surface = [
            "smooth" if rng.random() < plain else str(rng.choice(SURFACES[1:]))
            for _ in range(number)
        ]
        self.material = rng.integers(0, number, len(names))
        if kind in ("single", "land", "surface"):
            self.material = rng.permutation(np.arange(len(names)) % number)
        elif "ground" in names:
            self.material[0] = 0
            if number > 1 and rng.random() < 0.8:
                self.material[1:] = rng.integers(1, number, len(names) - 1)
        # things of one material differ a little: all channels together, and each by itself
        self.spread = float(rng.choice([1.0, 1.0, 3.0, 6.0]))
        shift = rng.normal(0, self.spread, (len(names), 1)) + rng.normal(0, 0.7, (len(names), 3))
        self.colour = np.clip(self.palette[self.material] + shift, 0, 255)

    def things(self) -> tuple[Thing, ...]:
        """The words: the colour's name is the material's, or where things of one material differ
        by more than 2 levels the thing's own."""
        if self.spread > 2:
            named = [colour_name(colour) for colour in self.colour]
        else:
            of_material = [colour_name(colour) for colour in self.palette]
            named = [of_material[number] for number in self.material]
        return tuple(
            Thing(colour, self.surface[number], shape)
            for colour, number, shape in zip(named, self.material, self.names, strict=True)
        )

    def paint(self, rng: np.random.Generator, segments: np.ndarray) -> np.ndarray:
        """float32 [H, W, 3] in levels."""
        image = self.colour.astype(np.float32)[segments]
        if any(surface != "smooth" for surface in self.surface):
            self._texture(rng, segments, image)
        if rng.random() < 0.25:  # every thing shaded towards a side of its own
            height, width = segments.shape
            slope = (rng.normal(0, 0.25, (2, len(self.names))) / min(height, width)).astype("f4")
            y, x = np.arange(height, dtype=np.float32)[:, None], np.arange(width, dtype=np.float32)
            middle = [side / 2 for side in segments.shape]
            shade = slope[0][segments] * (y - middle[0]) + slope[1][segments] * (x - middle[1])
            image *= (1 + np.clip(shade, -0.2, 0.2))[..., None]
        return image

    def _texture(self, rng, segments, image) -> None:
        width = segments.shape[1]
        turn = (
            rng.uniform(0, np.pi) if rng.random() < 0.5 else rng.uniform(0, np.pi, len(self.names))
        )
        turn = np.broadcast_to(turn, len(self.names))
        cos, sin = np.cos(turn).astype("f4"), np.sin(turn).astype("f4")
        start = rng.uniform(0, 500, (2, len(self.names))).astype("f4")  # each has its own piece
        flat, pixels = segments.ravel(), image.reshape(-1, 3)
        material = self.material[flat]
        for number, surface in enumerate(self.surface):
            if surface == "smooth":
                continue
            where = np.flatnonzero(material == number)
            y, x = np.divmod(where.astype(np.int32), np.int32(width))
            y, x, own = y.astype(np.float32), x.astype(np.float32), flat[where]
            u = x * cos[own] + y * sin[own] + start[0][own]
            v = y * cos[own] - x * sin[own] + start[1][own]
            base = self.palette[number]
            low, high = (3.2, 8) if self.bold else (4, 26)
            period = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            # these three are drawn from wide fields; seen from further away they become finer
            zoom = 3.0 if self.bold and surface in ("cloudy", "marbled") else 1.0
            height = surfaces.relief(
                surface, u * np.float32(zoom), v * np.float32(zoom), period * zoom, rng
            )
            low, high = (28, 80) if self.bold else (9, 45)
            strength = float(np.exp(rng.uniform(np.log(low), np.log(high))))
            strength *= 0.5 + 0.5 * base.mean() / 255  # dark things show less of their relief
            tint = 1 + rng.normal(0, 0.15, 3)
            pixels[where] += height[:, None] * (strength * tint).astype(np.float32)


def _worn(rng, image, segments) -> np.ndarray:
    """Seams between things, specks and scratches: on the picture only."""
    if rng.random() < 0.25:
        edge = np.zeros(segments.shape, bool)
        edge[:, 1:] |= segments[:, 1:] != segments[:, :-1]
        edge[1:] |= segments[1:] != segments[:-1]
        if rng.random() < 0.3:
            edge[:-1] |= edge[1:]
        image[edge] *= np.float32(rng.uniform(0.3, 0.9))
    height, width = segments.shape
    if rng.random() < 0.3:
        number = int(rng.integers(3, 80))
        rows, columns = rng.integers(0, height - 2, number), rng.integers(0, width - 2, number)
        level, side = rng.uniform(0, 1) ** 2 * 200, int(rng.integers(1, 4))
        for dy in range(min(side, 2)):
            for dx in range(side - dy):
                image[rows + dy, columns + dx] = level
    if rng.random() < 0.25:
        shift = np.float32(rng.choice([-1, -1, 1]) * rng.uniform(10, 60))
        lean = rng.uniform(0, np.pi)
        for _ in range(rng.integers(1, 14)):
            way = lean + rng.normal(0, 0.1)
            steps = np.arange(0, rng.uniform(0.1, 1.2) * max(height, width), 0.7)
            rows = (rng.uniform(0, height) + np.sin(way) * steps).astype(int)
            columns = (rng.uniform(0, width) + np.cos(way) * steps).astype(int)
            on = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            image[rows[on], columns[on]] += shift
    return image


def _lit(
    rng,
    image,
) -> np.ndarray:
    """Light, lens and camera: to uint8."""
    from PIL import Image
    from scipy.ndimage import gaussian_filter1d

    height, width = image.shape[:2]
    gain = np.exp(rng.normal(0, 0.1)) * (1 + rng.normal(0, 0.03, 3))
    image *= gain.astype(np.float32)
    if rng.random() < 0.4:  # light from a side, and a vignette
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
        x = np.linspace(-1, 1, width, dtype=np.float32)[None]
        slope, fall = rng.normal(0, 0.08, 2).astype("f4"), np.float32(rng.uniform(0, 0.25))
        image *= (1 + slope[0] * y + slope[1] * x - fall * 0.5 * (x * x + y * y))[..., None]
    if rng.random() < 0.6:
        sigma = rng.uniform(0.35, 1.3)
        image = gaussian_filter1d(image, sigma, 0, truncate=2.5)
        image = gaussian_filter1d(image, sigma, 1, truncate=2.5)
    spread = rng.uniform(0, 5) if rng.random() < 0.7 else 0
    if spread:
        grey = rng.standard_normal((height, width, 1), np.float32)
        image += grey * np.float32(spread)
        if rng.random() < 0.5:
            image += rng.standard_normal(image.shape, np.float32) * np.float32(spread / 2)
    image = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        stream = io.BytesIO()
        Image.fromarray(image).save(stream, "JPEG", quality=int(rng.integers(55, 96)))
        image = np.asarray(Image.open(stream))
    return image
