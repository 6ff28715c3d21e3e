"""Textures that fill space: masses, foam, mosaics of gangue, bands, crushed rock."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .cells import Cells, assign, sites
from .fracture import LEVELS, shatter
from .frame import quantile
from .shapes import blebs
from .step import Step, sizes


def random_axes(canvas: Canvas, cells: Cells) -> np.ndarray:
    """An orientation for every crystal."""
    return canvas.rng.uniform(0, np.pi, len(cells))


def body(
    canvas: Canvas, share: float, style: str, place: np.ndarray, cells: Cells | None = None
) -> np.ndarray:
    """The outline of an irregular mass.

    Parameters
    ----------
    share : float
        Fraction of the field to take, 0-1; all of the place if that is less.
    style : {"lobed", "ragged", "grainy", "banded"}
        Smooth lobes; frayed with many satellites; whole crystals of `cells` with their outlines;
        bands across the field.
    place : bool [H, W]

    Returns
    -------
    bool [H, W]
    """
    frame, rng = canvas.frame, canvas.rng
    room = np.count_nonzero(place) / place.size
    if room == 0 or share >= 0.97 * room:
        return place
    if style == "ragged":
        field = frame.fractal(rng, rng.uniform(0.25, 0.6), 8, rng.uniform(0.55, 0.68))
    elif style == "banded":
        field = _bands(canvas)
    else:
        field = frame.fractal(rng, rng.uniform(0.3, 0.7), 7, rng.uniform(0.38, 0.52))
    if cells is not None and style != "lobed":  # crystals are in or out as a whole, mostly
        strength = {"grainy": rng.uniform(0.7, 1.3), "ragged": 0.3}.get(style, 0.5)
        field += (strength * rng.standard_normal(len(cells))).astype(np.float32)[cells.ids]
    field += np.float32(rng.uniform(0, 0.3)) * canvas.rough  # frayed more or less
    return (field > quantile(field, share / room, place)) & place


def _bands(canvas: Canvas) -> np.ndarray:
    """A field that varies across bands of any direction, float32 [H, W]."""
    frame, rng = canvas.frame, canvas.rng
    angle = rng.uniform(0, np.pi)
    x = ((np.arange(frame.shape[1]) + 0.5) / frame.unit).astype(np.float32)
    y = ((np.arange(frame.shape[0]) + 0.5) / frame.unit).astype(np.float32)[:, None]
    across = y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))
    across += np.float32(0.04) * frame.fractal(rng, 0.4, 6, 0.5)
    pitch = rng.uniform(0.004, 0.01)
    table = np.convolve(rng.standard_normal(4096), np.hanning(15), "same").astype(np.float32)
    level = table[(across * np.float32(1 / pitch)).astype(np.int32) & 4095]
    return level / table.std() + np.float32(0.5) * frame.fractal(rng, 0.2, 6, 0.6)


def ore_body(canvas: Canvas, share: float) -> None:
    """Set the outline that the ore minerals' masses share, ragged and with satellites."""
    rng = canvas.rng
    style = str(rng.choice(["lobed", "ragged", "grainy", "banded"], p=[0.2, 0.35, 0.35, 0.1]))
    cells = canvas.mosaic(0.1)
    everywhere = np.ones(canvas.frame.shape, bool)
    canvas.ore = body(canvas, share, style, everywhere, cells)


def massive(canvas: Canvas, step: Step) -> None:
    """A large anhedral mass of many crystals."""
    rng = canvas.rng
    place = step.place(canvas)
    if step.style == "rounded":
        rounded(canvas, step, place)
    else:
        cells = canvas.mosaic(float(np.clip(step.scale, 0.05, 0.25)))
        odds = [0.25, 0.3, 0.4, 0.05]
        style = step.style or str(rng.choice(["lobed", "ragged", "grainy", "banded"], p=odds))
        mask = body(canvas, step.share, style, place, cells)
        canvas.fill(step.mineral, mask, cells.ids, random_axes(canvas, cells))
    canvas.note("massive", step.mineral)


def rounded(canvas: Canvas, step: Step, place: np.ndarray) -> None:
    """A mass of rounded, corroded crystals, as hard minerals stand in soft ones."""
    rng, frame = canvas.rng, canvas.frame
    scale = float(np.clip(step.scale * rng.uniform(0.8, 3.5), 0.06, 0.5))
    for spacing, part in ((scale, 0.85), (scale * 0.35, 0.15)):
        points = sites(frame, rng, spacing)
        field = frame.sample(rng, 0.4, points, 3) + rng.normal(0, 0.35, len(points))
        chosen = field > np.quantile(field, 1 - min(1.0, step.share * part * 1.15))
        points = points[chosen][np.argsort(-field[chosen])]
        radius = sizes(rng, len(points), 0.6 * spacing, 0.3) * frame.unit
        facets = radius * rng.uniform(1.0, 1.3, len(points))  # flat sides, more or less of them
        outlines = blebs(rng, points * frame.unit, facets, aspect=1.4, sides=12)
        canvas.stamp(step.mineral, outlines, place, ragged=rng.uniform(0.05, 0.14), rounded=radius)


def polygonal(canvas: Canvas, step: Step) -> None:
    """Foam: straight boundaries that meet in threes near 120 degrees; of one or two minerals."""
    rng, frame = canvas.rng, canvas.frame
    cells = canvas.mosaic(float(np.clip(step.scale * 0.7, 0.03, 0.16)), straight=True)
    place = step.place(canvas)
    # whole crystals belong to the mass or to the second phase
    field = frame.sample(rng, rng.uniform(0.3, 0.6), cells.sites, 3)
    field += rng.normal(0, 0.25, len(cells))
    room = max(np.count_nonzero(place) / place.size, 1e-6)
    kind = (field >= np.quantile(field, np.clip(1 - step.share / room, 0, 1))).astype(np.uint8)
    if step.fill:
        kind[(kind == 1) & (rng.random(len(kind)) < rng.uniform(0.15, 0.45))] = 2
    kind = kind[cells.ids]
    axis = random_axes(canvas, cells)
    canvas.fill(step.mineral, (kind == 1) & place, cells.ids, axis)
    canvas.note("polygonal", step.mineral)
    if step.fill:
        canvas.fill(step.fill, (kind == 2) & place, cells.ids, axis)
        canvas.note("polygonal", step.fill)


def ground(canvas: Canvas, minerals: tuple[str, ...]) -> None:
    """The ground mass: a mosaic over the whole field, of one or more minerals."""
    rng, frame = canvas.rng, canvas.frame
    cells = canvas.mosaic(float(np.exp(rng.normal(np.log(0.13), 0.4))))
    axis = random_axes(canvas, cells)
    canvas.fill(minerals[0], np.ones(frame.shape, bool), cells.ids, axis)
    canvas.note("massive", minerals[0])
    for mineral in minerals[1:]:
        place = canvas.where(minerals[0])
        style = str(rng.choice(["lobed", "grainy", "banded"]))
        mask = body(canvas, rng.uniform(0.2, 0.45) * place.mean(), style, place, cells)
        canvas.fill(mineral, mask, cells.ids, axis)
        canvas.note("massive", mineral)


def colloform(canvas: Canvas, step: Step) -> None:
    """Concentric bands of botryoidal growth around rows of seeds; minerals or voids alternate."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    width_height = np.array(frame.extent[::-1])
    seeds, start = [], []
    for _ in range(rng.integers(1, 4)):  # seeds sit along a wall
        n = rng.integers(3, 14)
        angle = rng.uniform(0, np.pi)
        along = np.cumsum(sizes(rng, n, rng.uniform(0.025, 0.1), 0.5))
        along -= along.mean()
        wall = rng.random(2) * width_height + along[:, None] * (np.cos(angle), np.sin(angle))
        seeds.append(wall + rng.normal(0, 0.012, (n, 2)))
        start.append(rng.uniform(0, 0.055, n) ** 2)
    seeds, start = np.concatenate(seeds), np.concatenate(start)
    wobble = frame.fractal(rng, 0.08, 5, 0.55) * np.float32(0.006)
    which = assign(frame, seeds, start).astype(np.intp)
    x = ((np.arange(frame.shape[1]) + 0.5) / frame.unit).astype(np.float32)
    y = ((np.arange(frame.shape[0]) + 0.5) / frame.unit).astype(np.float32)[:, None]
    dx, dy = x - seeds[:, 0].astype(np.float32)[which], y - seeds[:, 1].astype(np.float32)[which]
    power = dx * dx + dy * dy
    power += (start.max() - start).astype(np.float32)[which]
    distance = np.sqrt(power) + wobble
    room = max(np.count_nonzero(place) / place.size, 1e-6)
    outer = -quantile(-distance, min(1.0, step.share / room), place)
    # from outside in, lognormal: thick bands of the mineral, thin ones of the second or of nothing
    edges, at = [], outer
    thin = 0.35 if step.fill else 0.16
    while at > 0 and len(edges) < 80:
        edges.append(at)
        wide = 0.22 * (1.0 if len(edges) % 2 else thin)
        at -= float(np.clip(sizes(rng, 1, step.scale * wide, 0.6)[0], 1.2 / frame.unit, 0.06))
    edges = np.array(edges[::-1])
    steps = 8191 / max(1e-6, float(outer) * 1.001)  # the band is looked up, not searched for
    table = np.append(np.searchsorted(edges, np.arange(8191) / steps), len(edges)).astype(np.int32)
    band = table[np.clip(distance * np.float32(steps), 0, 8191).astype(np.intp)]
    inside = place & (band < len(edges))
    own = (len(edges) - 1 - band) % 2 == 0
    # crystals: sectors of each band, as fibres grow outwards
    sector = ((np.abs(dx) > np.abs(dy)) * 2 + (dx > 0)).astype(np.int32)
    cells = (which * len(edges) + np.minimum(band, len(edges) - 1)) * 4 + sector
    count = len(seeds) * len(edges) * 4
    axis = np.tile([np.pi / 2, np.pi / 2, 0, 0], count // 4) + rng.normal(0, 0.2, count)
    cells = cells.astype(np.int32)
    canvas.fill(step.mineral, inside & own, cells, axis)
    canvas.note("colloform", step.mineral)
    if step.fill:
        canvas.fill(step.fill, inside & ~own, cells, axis)
        canvas.note("colloform", step.fill)


def cataclastic(canvas: Canvas, step: Step) -> None:
    """A brittle mass broken into turned and shifted fragments, cemented by the fill."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    room = max(np.count_nonzero(place) / place.size, 1e-6)
    field = frame.fractal(rng, rng.uniform(0.35, 0.7), 6, 0.45)
    share = min(1.0, 1.3 * step.share / room)
    mass = (field > quantile(field, share, place)) & place
    if step.fill:
        cells = canvas.mosaic(0.12)
        canvas.fill(step.fill, mass, cells.ids, random_axes(canvas, cells))
        canvas.note("cataclastic", step.fill)
    index = np.flatnonzero(place)
    row = index // frame.shape[1]
    x = ((index - row * frame.shape[1] + 0.5) / frame.unit).astype(np.float32)
    y = ((row + 0.5) / frame.unit).astype(np.float32)
    broken = shatter(frame, rng, float(np.clip(1.6 * step.scale, 0.1, 0.5)), x, y)
    row = np.clip(broken.y * frame.unit, 0, frame.shape[0] - 1).astype(np.int64)
    column = np.clip(broken.x * frame.unit, 0, frame.shape[1] - 1).astype(np.int64)
    solid = mass[row, column] & ~broken.open
    first = canvas.enlist(step.mineral, rng.uniform(0, np.pi, 2**LEVELS))
    canvas.put(first, index[solid], broken.piece[solid])
    canvas.note("cataclastic", step.mineral)
