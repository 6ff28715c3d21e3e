"""Textures of a guest inside a host: exsolution, disease, worms, inclusions."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .canvas import Canvas
from .frame import quantile, upsample_linear
from .shapes import blebs, laths
from .step import Step, scatter, sizes

CHUNK_PX = 16384  # pixels at a time, so that they stay in the cache
TABLE = 8191  # random numbers that lamellae draw theirs from, by a hash of where they are

# directions (degrees from the host's axis), spacing, width, length in field widths; lens or lath
STYLES = {
    "laths": ((0, 60, 120), 0.10, 0.012, 0.45, 0.15),
    "trellis": ((0, 60, 120), 0.05, 0.006, 0.30, 0.3),
    "lenses": ((0,), 0.022, 0.006, 0.07, 1.0),
    "lattice": ((0, 90), 0.045, 0.009, 0.11, 0.8),
    "lamellae": ((0, 60, 120), 0.035, 0.006, 0.16, 0.7),
}


def exsolution(canvas: Canvas, step: Step) -> None:
    """Sets of lamellae at fixed angles in each host crystal, ending at its edge."""
    if step.style == "flames":
        _flames(canvas, step)
    else:
        _lamellae(canvas, step)
    _note(canvas, "exsolution", step)


def _note(canvas: Canvas, texture: str, step: Step) -> None:
    canvas.note(texture, step.mineral)
    for host in step.host:
        canvas.guests.setdefault(host, set()).add(step.mineral)


def _lamellae(canvas: Canvas, step: Step) -> None:
    rng, frame = canvas.rng, canvas.frame
    angles, spacing, thick, length, lens = STYLES[step.style]
    zoom = rng.uniform(0.6, 1.6) * np.clip(step.scale / 0.15, 0.5, 1.5)
    spacing, thick, length = spacing * zoom, thick * zoom, length * zoom
    thick = max(thick, 1.1 / frame.unit)
    used = angles[: rng.integers(1, len(angles) + 1)] if step.style == "laths" else angles
    # the share fixes how many of the places for a lamella are taken
    taken = np.clip(step.share * spacing / (0.45 * thick * len(used)), 0.12, 0.9)
    shift, jog, thickness, lot = rng.random((4, TABLE), dtype=np.float32)
    half = 0.5 * (0.45 + 0.55 * rng.random(TABLE, dtype=np.float32))
    thickness = np.float32(thick / 2) * (0.4 + 1.2 * thickness)
    axes = canvas.axes()
    places = np.flatnonzero(step.place(canvas))
    width = np.int32(frame.shape[1])
    grains = canvas.grains.reshape(-1)
    patchy = frame.smooth(rng, 0.25).reshape(-1)
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for at in range(0, len(places), CHUNK_PX):
        index = places[at : at + CHUNK_PX]
        grain = grains[index].astype(np.intp)
        row = (index // width).astype(np.int32)
        x = (index - row * np.int64(width)).astype(np.float32)
        x, y = (x + 0.5) * np.float32(1 / frame.unit), (row + 0.5).astype(np.float32)
        y *= np.float32(1 / frame.unit)
        chance = taken * (1 + np.float32(0.5) * patchy[index])
        seed = grain * np.int32(1327)
        for k, degrees in enumerate(used):
            turned = axes + np.radians(degrees)
            c, s = (f(turned).astype(np.float32)[grain] for f in (np.cos, np.sin))
            across = (y * c - x * s) * np.float32(1 / spacing) + 512
            line = across.astype(np.int32)
            own = ((line * 7919 + seed + k * 4099) % TABLE).astype(np.intp)
            # lamellae of one line follow each other; each has a place, width and length of its own
            along = (x * c + y * s) * np.float32(1 / length) + jog[own] + 512
            piece = along.astype(np.int32)
            away = np.abs(across - line - (0.25 + 0.5 * shift[own])) * np.float32(spacing)
            own = (own * 31 + piece * 6151) % TABLE
            u = np.abs(along - piece - 0.5) / half[own]
            inside = (u < 1) & (away < thickness[own] * (1 - np.float32(lens) * u * u))
            inside &= lot[own] < chance
            inside = np.flatnonzero(inside)
            key = (grain[inside].astype(np.int64) * 4 + k) * 1024 + line[inside]
            found.append((index[inside], key * 1024 + piece[inside]))
    index = np.concatenate([i for i, _ in found]) if found else np.zeros(0, np.int64)
    key = np.concatenate([k for _, k in found]) if found else index
    _paint_keys(canvas, step.mineral, index, key, axes)


def _paint_keys(canvas: Canvas, mineral: str, index, key, axes) -> None:
    """Pixels by key: one key is one crystal, which shares its host's axis."""
    if not len(index):
        return
    _, first_at, which = np.unique(key, return_index=True, return_inverse=True)
    axis = axes[canvas.grains.reshape(-1)[index[first_at]]]
    canvas.put(canvas.enlist(mineral, axis), index, which)


def _flames(canvas: Canvas, step: Step) -> None:
    """Bundles of pointed flames that start at the grain boundary and run inwards."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    axes = canvas.axes()
    grains = canvas.grains
    edge = np.zeros(frame.shape, bool)
    edge[:, 1:] |= grains[:, 1:] != grains[:, :-1]
    edge[1:] |= grains[1:] != grains[:-1]
    seeds = np.flatnonzero(edge & place)
    if not len(seeds):
        seeds = np.flatnonzero(place)
    if not len(seeds):
        return
    length = float(np.clip(step.scale * 0.5, 0.025, 0.08)) * rng.uniform(0.7, 1.3)
    wide = max(length / rng.uniform(5, 9), 1.6 / frame.unit)
    per = 6
    area = step.share * np.count_nonzero(place) / frame.unit**2
    bundles = int(np.clip(area / (per * 0.3 * length * wide), 3, 250))
    at = rng.choice(seeds, bundles)
    whose = np.repeat(np.arange(bundles), per)
    grain = grains.reshape(-1)[at][whose]
    n = len(whose)
    angle = axes[grain] + rng.normal(0, 0.04, n)
    start = np.stack([at % frame.shape[1], at // frame.shape[1]], -1)[whose] + 0.5
    long = sizes(rng, n, length * frame.unit, 0.45)
    thick = sizes(rng, n, wide * frame.unit, 0.35)
    turn = np.stack([np.cos(angle), np.sin(angle)], -1)
    side = np.stack([-turn[:, 1], turn[:, 0]], -1)
    centre = start + turn * (rng.uniform(-0.25, 0.25, n) * long)[:, None]
    centre += side * (rng.normal(0, 1.1, n) * wide * frame.unit)[:, None]
    canvas.stamp(
        step.mineral,
        laths(centre, angle, long, thick, tip=1.0),
        place,
        host=grain,
        axis=axes[grain],
    )


def disease(canvas: Canvas, step: Step) -> None:
    """Chalcopyrite disease: fine blebs on crystallographic rows, and along the host's edges."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    if not place.any():
        return
    median = max(rng.uniform(0.0013, 0.0032), 0.55 / frame.unit)
    area = step.share * np.count_nonzero(place) / frame.unit**2
    count = int(np.clip(area / (np.pi * median**2 * 2.2), 12, 3000))
    near_edge = _near_edge(place, frame, 0.03)
    patch = frame.smooth(rng, rng.uniform(0.1, 0.3))
    x = rng.uniform(0, frame.shape[1], 6 * count)
    y = rng.uniform(0, frame.shape[0], 6 * count)
    column, row = x.astype(int), y.astype(int)
    chance = 0.25 + 0.35 * patch[row, column] + 0.8 * near_edge[row, column]
    keep = place[row, column] & (rng.random(len(x)) < chance)
    x, y = x[keep][:count], y[keep][:count]
    grain = canvas.grains[y.astype(int), x.astype(int)]
    axes = canvas.axes()
    # snap most blebs to rows of their crystal, in one of its directions
    angle = axes[grain] + rng.integers(0, 3, len(x)) * (np.pi / 3)
    c, s = np.cos(angle), np.sin(angle)
    pitch = rng.uniform(0.018, 0.035) * frame.unit
    across = y * c - x * s
    snapped = (np.floor(across / pitch) + 0.5) * pitch + rng.normal(0, 0.04, len(x)) * pitch
    move = np.where(rng.random(len(x)) < 0.75, snapped - across, 0)
    centre = np.stack([x - s * move, y + c * move], -1)
    radius = sizes(rng, len(x), median * frame.unit, 0.5)
    outlines = blebs(rng, centre, radius, angle=angle, aspect=1.6, sides=7)
    canvas.stamp(step.mineral, outlines, place, axis=axes[grain])
    _note(canvas, "chalcopyrite disease", step)


def _near_edge(place: np.ndarray, frame, reach: float) -> np.ndarray:
    """About 1 at the edge of a place to 0 inside, float32 [H, W]; made coarsely."""
    step = max(1, round(reach * frame.unit / 5))
    coarse = place[::step, ::step].astype(np.float32)
    size = max(3, int(2 * reach * frame.unit / step) | 1)
    soft = ndimage.uniform_filter(coarse, size, mode="nearest")
    return np.clip(2 * (1 - upsample_linear(soft, place.shape)), 0, 1)


def myrmekitic(canvas: Canvas, step: Step) -> None:
    """Worms of one mineral in another, in colonies inside the host."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    colony = frame.fractal(rng, rng.uniform(0.2, 0.4), 3, 0.5)
    colony = place & (colony > quantile(colony, rng.uniform(0.6, 1.0), place))
    if not colony.any():
        colony = place
    worms = frame.wormy(rng, np.clip(step.scale * 0.25, 0.015, 0.045))
    share = np.clip(step.share, 0.3, 0.55)
    mask = colony & (worms > quantile(worms, share, colony))
    # the worms of one host crystal are one crystal, which shows in extinction
    index = np.flatnonzero(mask)
    key = canvas.grains.reshape(-1)[index].astype(np.int64)
    _paint_keys(canvas, step.mineral, index, key, canvas.axes())
    _note(canvas, "myrmekitic", step)


def poikilitic(canvas: Canvas, step: Step) -> None:
    """Rounded inclusions in large crystals of the host, more in their cores."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    if not place.any():
        return
    median = rng.uniform(0.006, 0.016)
    area = step.share * np.count_nonzero(place) / frame.unit**2
    count = int(np.clip(area / (np.pi * median**2 * 2.5), 5, 300))
    core = place & (_near_edge(place, frame, 0.02) < 0.5)
    core = core if core.any() else place
    centre = scatter(canvas, count, core, clustered=rng.uniform(0, 0.6), cell=0.15)
    grain = canvas.grains[centre[:, 1].astype(int), centre[:, 0].astype(int)]
    radius = sizes(rng, len(centre), median * frame.unit, 0.6)
    outlines = blebs(rng, centre, radius, aspect=1.4, sides=12)
    canvas.stamp(step.mineral, outlines, place, ragged=0.12, host=grain)
    _note(canvas, "poikilitic", step)
