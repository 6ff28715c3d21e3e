"""Textures of separate crystals: scattered grains, euhedra, framboids, skeletons, needles."""

from __future__ import annotations

import numpy as np

from .canvas import Canvas
from .habits import forms, growth
from .shapes import Outlines, blebs, laths, sections
from .step import Step, scatter, sizes


def disseminated(canvas: Canvas, step: Step) -> None:
    """Scattered grains, lognormal in size, more of them here than there."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    sigma = rng.uniform(0.45, 0.8)
    median = step.scale * 0.35
    mean_area = np.pi * median**2 * np.exp(2 * sigma**2)
    count = int(np.clip(step.share * frame.area / mean_area, 3, 600))
    centre = scatter(canvas, count, place, clustered=rng.uniform(0, 0.8), cell=0.25)
    radius = sizes(rng, len(centre), median, sigma) * frame.unit
    angular = rng.random() < 0.4
    outlines = blebs(rng, centre, radius, aspect=1.5, sides=6 if angular else 11)
    canvas.stamp(step.mineral, outlines, place, ragged=rng.uniform(0.05, 0.3))
    canvas.note("disseminated", step.mineral)


def euhedral(canvas: Canvas, step: Step) -> None:
    """Crystals with faces, cut by a random plane; alone and in groups."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    form, stretch = forms(step.mineral)[rng.integers(len(forms(step.mineral)))]
    sigma = rng.uniform(0.3, 0.7)
    median = float(np.clip(step.scale * 0.32, 0.012, 0.11))
    mean_area = 0.8 * np.pi * median**2 * np.exp(2 * sigma**2) * max(stretch, 1)
    count = int(np.clip(step.share * frame.area / mean_area, 1, 400))
    centre = scatter(canvas, count, place, clustered=rng.uniform(0, 0.9), cell=0.3)
    radius = np.minimum(sizes(rng, len(centre), median, sigma), 0.16) * frame.unit
    order = np.argsort(-radius)  # small crystals sit on large ones
    outlines = sections(rng, centre[order], radius[order], form, stretch)
    allowed = place if step.host else None
    canvas.stamp(step.mineral, outlines, allowed)
    canvas.note("euhedral", step.mineral)


def framboidal(canvas: Canvas, step: Step) -> None:
    """Raspberries: discs packed with equal microcrystals, in clusters."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    median = np.clip(step.scale, 0.04, 0.12) * 0.5
    count = int(np.clip(step.share * frame.area / (np.pi * median**2 * 1.3), 3, 120))
    discs = scatter(canvas, 4 * count, place, clustered=rng.uniform(0.2, 0.9), cell=0.2)
    radius = sizes(rng, len(discs), median, 0.35) * frame.unit
    kept: list[int] = []
    for k in range(len(discs)):  # spheres do not overlap
        if len(kept) == count:
            break
        gap = np.hypot(*(discs[kept] - discs[k]).T) if kept else np.inf
        if np.all(gap > 0.97 * (radius[kept] + radius[k])):
            kept.append(k)
    centres, sizes_px, axes = [], [], []
    for k in kept:
        step_px = max(radius[k] / rng.uniform(4.0, 7.5), 2.6)
        n = int(np.ceil(radius[k] / step_px)) + 1
        row, column = np.mgrid[-n : n + 1, -n : n + 1]
        lattice = np.stack([column + 0.5 * (row % 2), row * 0.866], -1).reshape(-1, 2) * step_px
        turn = rng.uniform(0, np.pi)
        c, s = np.cos(turn), np.sin(turn)
        lattice = lattice @ np.array([[c, s], [-s, c]])
        lattice += rng.normal(0, 0.07 * step_px, lattice.shape)
        lattice = lattice[np.hypot(*lattice.T) < radius[k] - 0.4 * step_px]
        centres.append(discs[k] + lattice)
        sizes_px.append(np.full(len(lattice), 0.46 * step_px))
        axes.append(np.full(len(lattice), turn))
    if not centres:
        return
    # microcrystals strewn between the spheres
    loose = scatter(canvas, count * 3, place, clustered=0.6, cell=0.15)
    centres.append(loose)
    sizes_px.append(sizes(rng, len(loose), median * 0.09 * frame.unit, 0.3))
    axes.append(rng.uniform(0, np.pi, len(loose)))
    centre, radius = np.concatenate(centres), np.concatenate(sizes_px)
    outlines = sections(rng, centre, radius * 1.08, "octahedron")
    canvas.stamp(step.mineral, outlines, place, axis=np.concatenate(axes))
    canvas.note("framboidal", step.mineral)


def acicular(canvas: Canvas, step: Step) -> None:
    """Needles, blades or bent flakes: felted, in bundles, or radiating."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    kind = growth(step.mineral)
    slender = {"needles": (14, 30), "blades": (7, 15), "flakes": (12, 24)}.get(kind, (6, 14))
    length = float(np.clip(step.scale * 2, 0.06, 0.35))
    thin = max(length / rng.uniform(*slender), 1.2 / frame.unit)
    count = int(np.clip(step.share * frame.area / (0.6 * length * thin), 6, 500))
    style = step.style or rng.choice(["felted", "radiating", "bundles"])
    if style == "felted":
        centre = scatter(canvas, count, place, clustered=rng.uniform(0, 0.5))
        angle = rng.uniform(0, np.pi, len(centre))
        if rng.random() < 0.4:  # a preferred direction
            angle = rng.uniform(0, np.pi) + rng.normal(0, 0.4, len(centre))
    else:
        per = rng.integers(8, 22)
        nuclei = scatter(canvas, max(1, count // per), place)
        if not len(nuclei):
            return
        whose = rng.integers(0, len(nuclei), count)
        spread = np.pi if style == "radiating" else 0.18
        angle = rng.uniform(0, 2 * np.pi, len(nuclei))[whose] + rng.uniform(-spread, spread, count)
        if style == "radiating":
            away = rng.uniform(0.3, 0.55, count) * length * frame.unit
            across = np.zeros(count)
        else:
            away = rng.uniform(-0.3, 0.3, count) * length * frame.unit
            across = rng.normal(0, 2.5, count) * thin * frame.unit
        turn = np.stack([np.cos(angle), np.sin(angle)], -1)
        side = np.stack([-turn[:, 1], turn[:, 0]], -1)
        centre = nuclei[whose] + away[:, None] * turn + across[:, None] * side
    n = len(centre)
    if not n:
        return
    long = sizes(rng, n, length * frame.unit, 0.4)
    wide = np.maximum(sizes(rng, n, thin * frame.unit, 0.35), 1.0)
    allowed = place if step.host else place | canvas.where(step.mineral)
    if kind == "flakes":
        outlines, angle = _bent(rng, centre, angle, long, wide)
    else:
        outlines = laths(centre, angle, long, wide, tip=0.9 if kind == "needles" else 0.4)
    canvas.stamp(step.mineral, outlines, allowed, axis=angle % np.pi)
    canvas.note("acicular", step.mineral)


def _bent(rng, centre, angle, long, wide) -> tuple[Outlines, np.ndarray]:
    """Flakes bent twice: three straight pieces each."""
    turn = rng.normal(0, 0.35, (len(centre), 2))
    piece = (long / 3)[:, None]
    first, last = angle - turn[:, 0], angle + turn[:, 1]
    before = centre - (_unit(angle) + _unit(first)) * piece / 2
    after = centre + (_unit(angle) + _unit(last)) * piece / 2
    angles = np.concatenate([first, angle, last])
    return (
        laths(
            np.concatenate([before, centre, after]),
            angles,
            np.tile(long / 3 * 1.1 + wide * 0.3, 3),
            np.tile(wide, 3),
            tip=0.0,
        ),
        angles,
    )


def skeletal(canvas: Canvas, step: Step) -> None:
    """Crystals that grew too fast: dendrites, or hopper crystals with hollow faces."""
    if (step.style or growth(step.mineral)) == "dendritic":
        _dendrites(canvas, step)
    else:
        _hoppers(canvas, step)
    canvas.note("skeletal", step.mineral)


def _dendrites(canvas: Canvas, step: Step) -> None:
    """Stems with side branches, those with side branches of their own."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    length = float(np.clip(step.scale * 1.8, 0.12, 0.4))
    count = int(np.clip(step.share * frame.area / (0.1 * length**2), 1, 40))
    nuclei = scatter(canvas, count, place)
    if not len(nuclei):
        return
    lattice = np.pi / 2 if rng.random() < 0.5 else np.pi / 3
    stems = rng.integers(2, 5, len(nuclei))
    nucleus = np.repeat(np.arange(len(nuclei)), stems)
    turn = np.arange(len(nucleus)) - np.repeat(np.cumsum(stems) - stems, stems)
    axis = rng.uniform(0, np.pi, len(nuclei))[nucleus]
    start, angle = nuclei[nucleus], axis + turn * lattice
    long = length * frame.unit * rng.uniform(0.35, 1.0, len(nucleus))
    wide, whose = long * 0.06, axis
    parts = []
    for order in range(3):
        parts.append((start, angle, long, wide, whose))
        if order == 2:
            break
        pitch = np.maximum(2.1 * wide, 2.5)
        arms = np.clip(long / pitch, 0, 24).astype(int)
        stem = np.repeat(np.arange(len(arms)), 2 * arms)
        k = np.arange(len(stem)) - np.repeat(np.cumsum(2 * arms) - 2 * arms, 2 * arms)
        at = (k // 2 + 1 + rng.uniform(-0.25, 0.25, len(k))) * pitch[stem]
        keep = (at < 0.95 * long[stem]) & (rng.random(len(k)) < 0.85)
        stem, k, at = stem[keep], k[keep], at[keep]
        side = np.where(k % 2, 1, -1)
        start = start[stem] + _unit(angle[stem]) * at[:, None]
        angle = angle[stem] + side * lattice
        long = (long[stem] - at) * rng.uniform(0.2, 0.5, len(stem)) * (0.6 if order else 1.0)
        wide, whose = wide[stem] * (0.75 if order else 0.85), whose[stem]
        keep = long > 2.5
        start, angle, long, wide, whose = (v[keep] for v in (start, angle, long, wide, whose))
    start, angle, long, wide, axis = (np.concatenate(v) for v in zip(*parts, strict=True))
    centre = start + _unit(angle) * long[:, None] / 2
    outlines = laths(centre, angle, long + wide, np.maximum(wide, 1.1), tip=0.7)
    canvas.stamp(step.mineral, outlines, place | canvas.where(step.mineral), axis=axis % np.pi)


def _unit(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _hoppers(canvas: Canvas, step: Step) -> None:
    """Crystals with edges that ran ahead of the faces: crosses, stars, frames."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas).reshape(-1)
    median = float(np.clip(step.scale * 0.35, 0.025, 0.1))
    count = int(np.clip(step.share * frame.area / (2.2 * median**2), 1, 120))
    centre = scatter(canvas, count, place.reshape(frame.shape), clustered=rng.uniform(0, 0.5))
    radius = sizes(rng, len(centre), median, 0.4) * frame.unit
    outlines = sections(rng, centre, radius, str(rng.choice(["cube", "octahedron"])))
    n = len(centre)
    arm = rng.uniform(0.15, 0.35, n).astype(np.float32)
    core = rng.uniform(0.15, 0.4, n).astype(np.float32)
    edge = rng.uniform(0.75, 1.1, n).astype(np.float32)  # above 1: no closed outer frame
    # distance along each face normal, 1 on the face
    least = np.maximum(outlines.offset, 0.15 * radius[:, None])
    gauge = (outlines.normal / least[..., None]).astype(np.float32)
    middle = outlines.centre.astype(np.float32)
    first = canvas.enlist(step.mineral, outlines.axis)
    for index, which in outlines.pixels(frame.shape):
        keep = place[index]
        index, which = index[keep], which[keep]
        row = index // frame.shape[1]
        dx = (index - row * frame.shape[1]).astype(np.float32) + 0.5 - middle[which, 0]
        dy = row.astype(np.float32) + 0.5 - middle[which, 1]
        best, second = np.full((2, len(index)), -9, np.float32)
        for side in range(gauge.shape[1]):
            face = gauge[which, side, 0] * dx + gauge[which, side, 1] * dy
            np.maximum(second, np.minimum(best, face), out=second)
            np.maximum(best, face, out=best)
        solid = (best - second < arm[which]) | (best < core[which]) | (best > edge[which])
        canvas.put(first, index[solid], which[solid])
