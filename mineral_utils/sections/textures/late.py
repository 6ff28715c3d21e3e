"""What comes late: veinlets, replacement rims; then specks, resin, and a look that all is seen."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .canvas import Canvas
from .frame import quantile, upsample_linear
from .shapes import blebs, quads
from .step import Step, scatter, sizes

EDT_PX = 220  # distances are measured on a grid of at most about so many rows


def veinlets(canvas: Canvas, step: Step) -> None:
    """Cracks of variable aperture, filled; they cut whatever is older, or only the host."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas) if step.host else canvas.labels != 255
    height, width = frame.extent
    count = int(rng.integers(2, 8))
    total = step.share * np.count_nonzero(place) / frame.unit**2
    aperture = np.clip(total / (count * 0.8), 1.3 / frame.unit, 0.035)
    stress = rng.uniform(0, np.pi)
    queue = [
        (
            rng.random(2) * (width, height),
            stress + rng.normal(0, 0.18) + (np.pi / 3 if rng.random() < 0.2 else 0),
            rng.uniform(0.5, 1.7),
            aperture * np.exp(rng.normal(0, 0.4)),
            0,
        )
        for _ in range(count)
    ]
    pieces, axes = [], []
    while queue:
        start, angle, length, open_, order = queue.pop()
        pace = 0.012
        n = max(4, int(length / pace))
        bends = np.cumsum(rng.normal(0, 0.16, n)) * 0.6 + rng.normal(0, 0.12, n)
        heading = angle + bends - bends.mean()
        steps = np.stack([np.cos(heading), np.sin(heading)], -1) * pace
        path = start + np.cumsum(steps, 0) - (steps.sum(0) / 2 if order == 0 else 0)
        swell = np.exp(0.45 * np.convolve(rng.normal(0, 1, n + 14), np.hanning(15) / 2.3, "valid"))
        taper = np.sqrt(
            np.clip(np.minimum(np.arange(n)[::-1], np.arange(n) if order == 0 else n), 0, 12) / 12
        )
        half = (open_ * swell * taper / 2)[:, None]
        side = np.stack([-np.sin(heading), np.cos(heading)], -1)
        left, right = (path + half * side) * frame.unit, (path - half * side) * frame.unit
        pieces.append(np.stack([left[:-1], left[1:], right[1:], right[:-1]], 1))
        axes.append(heading[1:])
        if order < 2:
            for k in np.flatnonzero(rng.random(n) < 0.02):
                turn = heading[k] + rng.choice([-1, 1]) * rng.uniform(0.4, 1.0)
                queue.append(
                    (path[k], turn, length * rng.uniform(0.15, 0.4), open_ * 0.6, order + 1)
                )
    outlines = quads(np.concatenate(pieces))
    # one crystal of the filling is several pieces long
    first = np.arange(len(outlines)) // 6
    canvas.stamp(step.mineral, outlines, place, axis=np.concatenate(axes) % np.pi, crystal=first)
    canvas.note("veinlets", step.mineral)


def rims(canvas: Canvas, step: Step) -> None:
    """Replacement from the edge inwards and along cracks; what is left in the middle is relict."""
    rng, frame = canvas.rng, canvas.frame
    place = step.place(canvas)
    if not place.any():
        return
    # what is intergrown with the host is no edge of it
    guests = set().union(*(canvas.guests.get(host, ()) for host in step.host))
    depth = depth_inside(place | canvas.where(*guests), frame.unit)
    thick = np.clip(step.scale * rng.uniform(0.06, 0.22), 2.0 / frame.unit, 0.05)
    width = thick * (1 + 0.35 * frame.fractal(rng, 0.15, 3, 0.6))
    cracks = rng.integers(0, 4) + (2 if depth.max() > 1 else 0)  # no edge at all: along cracks
    for _ in range(cracks):
        depth = np.minimum(depth, _crack(canvas) * np.float32(1.6))
    if step.style == "martite":  # faster along the octahedral planes
        _speed_along_planes(canvas, depth, place, thick)
    noisy = depth + np.float32(thick * 0.12) * canvas.rough
    mask = place & (noisy < width)
    wanted = step.share * np.count_nonzero(place)
    if np.count_nonzero(mask) < 0.35 * wanted:
        mask = place & (noisy < width * 2.2)
    cells = canvas.mosaic(max(0.04, step.scale * 0.5))
    canvas.fill(step.mineral, mask, cells.ids, rng.uniform(0, np.pi, len(cells)))
    canvas.note("rims", step.mineral)


def depth_inside(place: np.ndarray, unit: float) -> np.ndarray:
    """Distance of every pixel of a place from its edge; the field's own edge is none.

    bool [H, W] to float32 [H, W], field widths; measured on a coarser grid if the field is large.
    """
    step = max(1, round(min(place.shape) / EDT_PX))
    small = place[step // 2 :: step, step // 2 :: step]
    if small.all():
        return np.full(place.shape, 9.0, np.float32)
    depth = ndimage.distance_transform_edt(small).astype(np.float32)
    return upsample_linear(depth, place.shape) * np.float32(step / unit)


def _crack(canvas: Canvas) -> np.ndarray:
    """Distance from one wavy line across the field, float32 [H, W], field widths."""
    rng, frame = canvas.rng, canvas.frame
    angle = rng.uniform(0, np.pi)
    a, b = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x = ((np.arange(frame.shape[1]) + 0.5) / frame.unit).astype(np.float32)
    y = ((np.arange(frame.shape[0]) + 0.5) / frame.unit).astype(np.float32)[:, None]
    at = a * rng.random() * frame.extent[1] + b * rng.random() * frame.extent[0]
    wave = frame.fractal(rng, 0.25, 4, 0.5) * np.float32(0.03)
    return np.abs(a * x + b * y - np.float32(at) + wave)


def _speed_along_planes(canvas: Canvas, depth, place, thick) -> None:
    """Make depth shallow on thin planes at 60 degrees in each crystal."""
    frame = canvas.frame
    index = np.flatnonzero(place)
    row = index // frame.shape[1]
    x, y = (index - row * frame.shape[1]) / frame.unit, row / frame.unit
    axes = canvas.axes()[canvas.grains.reshape(-1)[index]]
    reach = np.ones(len(index), np.float32)
    for k in range(3):
        across = y * np.cos(axes + k * np.pi / 3) - x * np.sin(axes + k * np.pi / 3)
        pitch = 2.2 * thick
        saw = np.abs(across / pitch - np.floor(across / pitch) - 0.5)
        reach = np.where(saw < 0.1, np.float32(0.15), reach)
    flat = depth.reshape(-1)
    flat[index] *= reach


def specks(canvas: Canvas, minerals: list[str]) -> None:
    """Tiny stray grains of what is there anyway: most objects of a real field are such."""
    rng, frame = canvas.rng, canvas.frame
    for mineral in minerals:
        other = (canvas.labels != 255) & ~canvas.where(mineral)
        count = int(rng.integers(8, 90))
        centre = scatter(canvas, count, other, clustered=rng.uniform(0.2, 0.9), cell=0.15)
        radius = sizes(rng, len(centre), rng.uniform(0.0013, 0.003), 0.7) * frame.unit
        outlines = blebs(rng, centre, np.maximum(radius, 0.6), aspect=1.6, sides=7)
        canvas.stamp(mineral, outlines, other, ragged=0.2)


def resin(canvas: Canvas, share: float) -> None:
    """Take away a fraction of the field: beyond the edge of the section, or as holes in it."""
    rng, frame = canvas.rng, canvas.frame
    if share <= 0:
        return
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        x = ((np.arange(frame.shape[1]) + 0.5) / frame.unit).astype(np.float32)
        y = ((np.arange(frame.shape[0]) + 0.5) / frame.unit).astype(np.float32)[:, None]
        side = np.float32(np.cos(angle)) * x + np.float32(np.sin(angle)) * y
        field = side + frame.fractal(rng, 0.3, 6, 0.5) * np.float32(0.05)
    else:
        field = frame.fractal(rng, rng.uniform(0.15, 0.4), 6, 0.5)
        field += np.float32(rng.uniform(0, 0.25)) * canvas.rough
    canvas.erase(field > quantile(field, share))


def assure(canvas: Canvas, minerals: list[str], least: float = 0.004) -> None:
    """Let every mineral be seen: what fell under `least` of the field gets grains of its own."""
    rng, pixels = canvas.rng, canvas.labels.size
    want = max(1, int(np.ceil(min(least, 0.5 / max(1, len(minerals))) * pixels)))
    for attempt in range(4):
        for mineral in minerals:
            if all(m != mineral for _, m in canvas.textures):
                canvas.note("disseminated", mineral)
            have = np.count_nonzero(canvas.where(mineral))
            if have >= want:
                continue
            counts = np.bincount(canvas.labels.reshape(-1), minlength=256)
            place = canvas.labels == np.argmax(counts)
            if attempt < 3:
                centre = scatter(canvas, int(rng.integers(3, 9)), place)
                area = (1.5 * want - have) / max(1, len(centre)) * (1 + attempt)
                radius = np.full(len(centre), max(np.sqrt(area / np.pi), 0.8))
                canvas.stamp(mineral, blebs(rng, centre, radius), place, ragged=0.15)
            else:  # pixel by pixel: the field is tiny
                index = rng.permutation(np.flatnonzero(place))[: want - have]
                canvas.put(canvas.enlist(mineral, 0.0, 1), index, np.zeros(len(index), int))
