"""What preparation does to a section: pits, cracks, scratches, seams, tarnish, uneven polish.

Holes (pits, cracks, wide scratches, the seam at a contact of hard and soft) are no mineral, as in
LumenStone's masks; everything else changes the light only. Sizes are fractions of the field's
width, measured on LumenStone (see `calibrate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from ..minerals import vocabulary
from .optics import principal_reflectance
from .textures import NO_MINERAL, Fabric

__all__ = ["Preparation", "Surface", "draw_preparation", "prepare", "smooth_noise"]

# minerals that tarnish, and what the film does to red, green and blue
TARNISH = {
    "Bornite": (0.75, 0.75, 1.45),
    "Silver": (0.85, 0.74, 0.58),
    "Copper": (0.80, 0.66, 0.60),
    "Bismuth": (0.95, 0.80, 0.74),
    "Chalcopyrite": (1.0, 0.86, 0.95),
    "Acanthite": (0.9, 0.9, 1.0),
}
HARD_GANGUE = 700  # VHN that stands for resin at a contact: its edge wears like gangue's


@dataclass(frozen=True)
class Preparation:
    """How a section was ground and polished. All rates are relative; 1 is ordinary, 0 is none.

    Attributes
    ----------
    pits, cracks, scratches, seams, unevenness : float
        How many or how strong.
    tarnish : float
        Greatest share of a tarnish film's colour, 0-1.
    seed : int
        Of where they lie.
    """

    pits: float = 1.0
    cracks: float = 1.0
    scratches: float = 1.0
    seams: float = 1.0
    unevenness: float = 1.0
    tarnish: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Surface:
    """What the preparation did to one field.

    Attributes
    ----------
    holes : bool [H, W], no mineral there
    shade : float32 [H, W], factor on the light, 0 to about 1.1
    film : float32 [H, W], share of the tarnish film, 0-1; None where there is none
    """

    holes: np.ndarray
    shade: np.ndarray
    film: np.ndarray | None


def draw_preparation(rng: np.random.Generator) -> Preparation:
    """A preparation between good and poor."""
    rate = np.exp(rng.normal(0, (0.6, 0.9, 0.8, 0.4, 0.5)))
    film = rng.uniform(0.2, 0.9) if rng.random() < 0.25 else 0.0
    return Preparation(*(float(r) for r in rate), float(film), int(rng.integers(2**31)))


def prepare(fabric: Fabric, preparation: Preparation) -> Surface:
    """Holes and shades of one field.

    Parameters
    ----------
    fabric : the field before preparation
    preparation : see `Preparation`

    Returns
    -------
    Surface
    """
    rng = np.random.default_rng([preparation.seed, 1])
    labels = fabric.labels
    minerals = [vocabulary().find(name) for name in fabric.names]
    vickers = np.full(256, HARD_GANGUE, np.float32)
    vickers[: len(minerals)] = [sum(m.vickers) / 2 for m in minerals]
    softness = np.clip(1.5 - np.log10(vickers) / 2, 0.05, 1)  # 10 VHN: 1; 1000: 0.05
    softness[NO_MINERAL] = 0.3

    shade = smooth_noise(labels.shape, rng, 0.06, 0.3)
    shade *= 0.03 * preparation.unevenness
    # resin and gangue are transparent: what is seen is cloudy, and how dark depends on the depth
    dark = np.zeros(256, np.float32)
    dark[NO_MINERAL] = 1
    dark[: len(minerals)] = [principal_reflectance(m.name).max() < 0.11 for m in minerals]
    cloud = smooth_noise(labels.shape, rng, 0.02, 0.06, 0.2)
    cloud *= 0.48 * np.exp(rng.normal(0, 0.3))
    cloud += rng.normal(-0.25, 0.4)
    cloud *= dark[labels]
    shade += np.exp(cloud, out=cloud)
    # every crystal takes the polish a little otherwise
    crystal = rng.normal(0, 0.025 * preparation.unevenness, len(fabric.grain_mineral) + 1)
    crystal[-1] = 0
    shade += crystal.astype(np.float32)[fabric.grains]
    # the smallest pits, too small for a hole of their own: a grain, unlike in every mineral
    fine = _grain_noise(labels.shape, rng)
    roughness = (0.04 + 0.18 * rng.beta(1.2, 3, 256).astype(np.float32)) * preparation.pits**0.5
    fine -= 1.3
    np.clip(fine, 0, 2, out=fine)
    fine *= np.minimum(2.5 * roughness, 0.8)[labels]
    shade -= fine

    holes = _pits(fabric, preparation, rng)
    ragged = smooth_noise(labels.shape, rng, 0.004, 0.009)  # plucked patches with ragged outlines
    where = smooth_noise(labels.shape, rng, 0.07, 0.2)
    where *= 0.7
    ragged += where
    holes |= ragged > 3.3 - 0.35 * np.log(max(preparation.pits, 0.05))
    holes |= _cracks(labels.shape, vickers[labels], preparation, rng)
    seam = _seams(labels, vickers, preparation, rng)
    holes |= seam > 0.55
    shade *= 1 - seam
    lines = _scratches(labels.shape, preparation, rng)
    if lines is not None:
        shade *= 1 - lines * softness[labels]
    np.clip(shade, 0, 1.2, out=shade)
    film = None
    if preparation.tarnish and any(name in TARNISH for name in fabric.names):
        film = smooth_noise(labels.shape, rng, 0.05, 0.2)
        film *= 0.35 * preparation.tarnish
        film += 0.5 * preparation.tarnish
        np.clip(film, 0, 1, out=film)
    return Surface(holes, shade, film)


def tarnish_colours(names: tuple[str, ...]) -> np.ndarray:
    """What a full film does to each mineral: float32 [256, 3], 1 where it does nothing."""
    table = np.ones((256, 3), np.float32)
    for k, name in enumerate(names):
        table[k] = TARNISH.get(name, (1, 1, 1))
    return table


def smooth_noise(size: tuple[int, int], rng: np.random.Generator, *scales: float) -> np.ndarray:
    """Smooth random field, float32 [H, W], mean about 0 and deviation about 1.

    scales are feature sizes as fractions of the width; with several, the sum of one field each.
    Drawn on a grid of that pitch and interpolated, so that it costs little at any size.
    """
    height, width = size
    total = np.zeros(size, np.float32)
    for scale in scales:
        pitch = max(scale * max(height, width), 1.0)
        rows, columns = max(round(height / pitch), 1) + 2, max(round(width / pitch), 1) + 2
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        if pitch <= 1.01:
            total += grid[:height, :width]
            continue
        whole = Image.fromarray(grid).resize(
            (width, height), Image.Resampling.BICUBIC, box=(0.5, 0.5, columns - 0.5, rows - 0.5)
        )
        total += np.asarray(whole) * 1.35  # interpolation takes a quarter of the deviation
    return total / np.float32(len(scales) ** 0.5)


def _grain_noise(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Noise with features of 0.3 % of the width, without the lattice that interpolation leaves."""
    sigma = 0.0013 * max(size)
    if sigma > 2:
        return smooth_noise(size, rng, 0.0035)
    noise = rng.standard_normal(size, dtype=np.float32)
    sigma = max(sigma, 0.35)
    noise = ndimage.gaussian_filter(noise, sigma, truncate=2.5)
    return noise * np.float32(max(2 * np.pi**0.5 * sigma, 1.3))


def _pits(fabric: Fabric, preparation: Preparation, rng: np.random.Generator) -> np.ndarray:
    """Plucked spots: round ones anywhere, triangles along the cleavage of galena."""
    height, width = fabric.labels.shape
    picture = Image.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    number = min(int(rng.poisson(130 * preparation.pits * min(width / 448, 4))), 4000)
    clusters = smooth_noise((24, 32), rng, 0.15)
    for x, y, size, aspect in zip(
        *rng.uniform(0, 1, (2, number)),
        np.minimum(0.0011 * np.exp(rng.normal(0, 0.75, number)), 0.012) * width,
        rng.uniform(0.5, 1.0, number),
        strict=True,
    ):
        if clusters[int(y * 24), int(x * 32)] < -0.3:
            continue
        a, b = size, size * aspect
        draw.ellipse((x * width - a, y * height - b, x * width + a, y * height + b), fill=1)
    if "Galena" in fabric.names:
        _cleavage_pits(fabric, draw, rng, preparation.pits)
    return np.array(picture)


def _cleavage_pits(fabric: Fabric, draw: ImageDraw.ImageDraw, rng, rate: float) -> None:
    """Triangles that point one way within a crystal."""
    where = fabric.labels == fabric.names.index("Galena")
    height, width = where.shape
    number = min(int(rng.poisson(90 * rate)), 1500)
    ys, xs = rng.integers(height, size=number), rng.integers(width, size=number)
    sizes = np.minimum(0.003 * np.exp(rng.normal(0, 0.5, number)), 0.012) * width
    corners = np.deg2rad([90, 215, 325])
    for y, x, size in zip(ys, xs, sizes, strict=True):
        if where[y, x]:
            angle = fabric.grain_axis[fabric.grains[y, x]] + corners
            points = [*zip(x + size * np.cos(angle), y + size * np.sin(angle), strict=True)]
            draw.polygon([(float(a), float(b)) for a, b in points], fill=1)


def _cracks(
    size: tuple[int, int], vickers: np.ndarray, preparation: Preparation, rng
) -> np.ndarray:
    """Branching cracks: random walks that fork, drawn where the mineral is brittle."""
    height, width = size
    picture = Image.new("1", (width, height))
    draw = ImageDraw.Draw(picture)
    number = min(int(rng.poisson(4 * preparation.cracks)), 40)
    for _ in range(number):
        start = rng.uniform(0, 1, 2) * (width, height)
        ends = [(start, rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.5), 0)]
        thick = max(0.0022 * np.exp(rng.normal(0, 0.5)) * width, 0.6)
        while ends:
            (x, y), heading, length, depth = ends.pop()
            steps = max(int(length * 40), 2)
            turns = heading + np.cumsum(rng.normal(0, 0.22, steps))
            points = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], -1), 0) * width / 40
            points = np.concatenate([[(x, y)], points + (x, y)])
            path = [(float(a), float(b)) for a, b in points]
            draw.line(path, fill=1, width=max(int(thick / (1 + depth) + 0.5), 1))
            if depth < 2 and rng.random() < 0.6:
                at = int(rng.integers(len(points)))
                side = turns[min(at, steps - 1)] + rng.choice([-1, 1]) * rng.uniform(0.4, 1.2)
                ends.append((points[at], side, length * 0.5, depth + 1))
    cracked = np.array(picture)
    return cracked & (vickers > 90)  # native metals smear over


def _seams(labels: np.ndarray, vickers: np.ndarray, preparation: Preparation, rng) -> np.ndarray:
    """Darkness of the step between neighbours of unequal hardness: float32 [H, W], 0-1."""
    height, width = labels.shape
    step = np.zeros((height, width), np.float32)
    log_hardness = np.log(vickers)[labels]
    for axis in (0, 1):
        one = [slice(None)] * 2
        two = [slice(None)] * 2
        one[axis], two[axis] = slice(None, -1), slice(1, None)
        one, two = tuple(one), tuple(two)
        contact = labels[one] != labels[two]
        rise = np.abs(log_hardness[one] - log_hardness[two])
        rise = np.where(contact, 0.42 + 0.32 * rise, 0).astype(np.float32)
        softer = log_hardness[one] < log_hardness[two]  # the soft side lies lower and is in shadow
        np.maximum(step[one], rise * softer, out=step[one])
        np.maximum(step[two], rise * ~softer, out=step[two])
    wide = 0.0022 * width * np.exp(rng.normal(0, 0.35))  # 2-12 px of 3396, and what blurs them
    if wide > 1.5:
        step = ndimage.grey_dilation(step, size=(int(wide + 0.5),) * 2)
    patchy = smooth_noise(labels.shape, rng, 0.03, 0.12)
    patchy *= 0.35
    patchy += 0.9 * preparation.seams
    np.clip(patchy, 0, 1.6, out=patchy)
    step *= patchy
    return np.clip(step, 0, 0.9, out=step)


def _scratches(size: tuple[int, int], preparation: Preparation, rng) -> np.ndarray | None:
    """Parallel sets of straight fine lines: float32 [H, W], 0-1; None without any."""
    height, width = size
    picture = Image.new("L", (width, height))
    draw = ImageDraw.Draw(picture)
    reach = float(np.hypot(height, width))
    sets = int(rng.poisson(2.2 * preparation.scratches))
    for _ in range(min(sets, 12)):
        heading = rng.uniform(0, np.pi)
        for _ in range(int(rng.poisson(18))):
            angle = heading + rng.normal(0, 0.05)
            x, y = rng.uniform(0, width), rng.uniform(0, height)
            half = reach * rng.uniform(0.03, 0.5) / 2
            dx, dy = half * np.cos(angle), half * np.sin(angle)
            draw.line(
                (float(x - dx), float(y - dy), float(x + dx), float(y + dy)),
                fill=int(rng.uniform(30, 190)),
                width=max(int(0.0016 * width * rng.uniform(0.3, 1.4) + 0.5), 1),
            )
    return np.asarray(picture, np.float32) / 255 if sets else None
