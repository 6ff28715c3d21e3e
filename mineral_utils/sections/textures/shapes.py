"""Convex outlines as sets of half-planes, and the pixels inside them.

A random plane through a crystal cuts its faces in lines, so the section of a polyhedron is known as
half-planes at once, for a thousand crystals in one product. The same form serves laths, blebs and
fragments. Positions are (x, y) in px; the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np

CHUNK_PX = 3_000_000  # pixels listed at a time, which bounds memory


@dataclass(frozen=True)
class Outlines:
    """N convex outlines of at most E sides.

    Attributes
    ----------
    centre : float64 [N, 2], x and y in px
    normal : float64 [N, E, 2]
    offset : float64 [N, E]
        A point p is inside where ``normal @ (p - centre) <= offset`` for every side.
    reach : float64 [N]
        No point inside is further from the centre, px.
    axis : float64 [N]
        Direction of the crystal, radians.
    """

    centre: np.ndarray
    normal: np.ndarray
    offset: np.ndarray
    reach: np.ndarray
    axis: np.ndarray

    def __len__(self) -> int:
        return len(self.centre)

    def pixels(self, shape: tuple[int, int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Flat indices of the pixels whose centres lie inside, each with the number of its outline.

        Yields
        ------
        (int64 [n], int64 [n]), in the order of the outlines
        """
        height, width = shape
        top = np.maximum(np.ceil(self.centre[:, 1] - self.reach - 0.5), 0).astype(np.int64)
        end = np.minimum(np.floor(self.centre[:, 1] + self.reach - 0.5) + 1, height)
        rows = np.maximum(end.astype(np.int64) - top, 0)
        which, row = _ranges(top, rows)
        for part in range(0, len(which), 200_000):
            w, y = which[part : part + 200_000], row[part : part + 200_000]
            left, right = self._span(w, y)
            first = np.maximum(np.ceil(left - 0.5), 0).astype(np.int64)
            count = np.minimum(np.floor(right - 0.5), width - 1).astype(np.int64) - first + 1
            np.maximum(count, 0, out=count)
            first += y * width
            ends = np.cumsum(count)
            cut = 0
            while cut < len(w):
                before = ends[cut - 1] if cut else 0
                to = max(cut + 1, int(np.searchsorted(ends, before + CHUNK_PX)))
                span, index = _ranges(first[cut:to], count[cut:to])
                yield index, w[cut:to][span]
                cut = to

    def _span(self, which: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each row enters and leaves its outline, x in px."""
        x, y = self.centre[which, 0], self.centre[which, 1]
        dy = row + 0.5 - y
        left, right = -self.reach[which], self.reach[which].copy()
        for side in range(self.normal.shape[1]):
            a, b = self.normal[which, side, 0], self.normal[which, side, 1]
            room = self.offset[which, side] - b * dy
            flat = np.abs(a) < 1e-9
            bound = room / np.where(flat, 1, a)
            right = np.where(~flat & (a > 0), np.minimum(right, bound), right)
            left = np.where(~flat & (a < 0), np.maximum(left, bound), left)
            right = np.where(flat & (room < 0), -np.inf, right)
        right = np.where(right < left, left - 2, right)
        return np.clip(left + x, -1e7, 1e7), np.clip(right + x, -1e7, 1e7)


def _ranges(first: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers first, first + 1, ... of every range in a row, and whose they are."""
    which = np.repeat(np.arange(len(count)), count)
    starts = np.cumsum(count) - count
    return which, np.arange(len(which)) + np.repeat(first - starts, count)


def solid(form: str, stretch: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Face normals [E, 3] and distances [E] of a crystal of unit size, z its long axis.

    Raises
    ------
    KeyError
        For a form that is not known.
    """
    normals, distances = _SOLIDS[form]
    distances = distances.copy()
    distances[np.abs(normals[:, 2]) > 0.9 * np.linalg.norm(normals, axis=1)] *= stretch
    return normals, distances


def _signs(*faces: tuple[float, float, float]) -> np.ndarray:
    """Faces with all signs of their non-zero parts, unit length."""
    found = set()
    for face in faces:
        for signs in product((1, -1), repeat=3):
            found.add(tuple(v * sign + 0.0 for v, sign in zip(face, signs, strict=True)))
    normals = np.array(sorted(found)).reshape(-1, 3)
    return normals / np.linalg.norm(normals, axis=1, keepdims=True)


def _prism(angles: list[float], ends: list[tuple[float, float, float]]) -> np.ndarray:
    sides = [(math.cos(math.radians(a)), math.sin(math.radians(a)), 0.0) for a in angles]
    sides += [(-x, -y, 0.0) for x, y, _ in sides]
    return np.vstack([np.array(sides), _signs(*ends)])


def _rhombohedron(tilt: float) -> np.ndarray:
    """Three faces about the three-fold axis, and their opposites; tilt from the axis, degrees."""
    up, out = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    turn = [math.radians(a) for a in (0, 120, 240)]
    faces = np.array([(out * math.cos(t), out * math.sin(t), up) for t in turn])
    return np.vstack([faces, -faces])


_CUBE = _signs((1, 0, 0), (0, 1, 0), (0, 0, 1))
_SOLIDS: dict[str, tuple[np.ndarray, np.ndarray]] = {
    name: (faces, np.full(len(faces), size))
    for name, faces, size in (
        ("cube", _CUBE, 0.82),
        ("octahedron", _signs((1, 1, 1)), 0.85),
        ("pyritohedron", _signs((2, 1, 0), (0, 2, 1), (1, 0, 2)), 0.95),
        ("dodecahedron", _signs((1, 1, 0), (0, 1, 1), (1, 0, 1)), 0.95),
        ("rhombic prism", _prism([34, 146], [(0, 0.55, 1)]), 0.7),
        ("hexagonal prism", _prism([0, 60, 120], [(0, 0, 1)]), 0.85),
        ("quartz", np.vstack([_prism([0, 60, 120], []), _rhombohedron(51.8)]), 0.8),
        ("tetragonal prism", _prism([0, 90], [(1, 0, 1.4), (0, 1, 1.4)]), 0.75),
        ("rhombohedron", _rhombohedron(44.6), 0.8),
        ("plate", _prism([0, 60, 120], [(0, 0, 1)]), 1.0),
    )
}
FORMS = tuple(_SOLIDS)


def sections(
    rng: np.random.Generator,
    centre: np.ndarray,
    radius: np.ndarray,
    form: str,
    stretch: float = 1.0,
) -> Outlines:
    """Random plane sections through crystals of one form.

    Parameters
    ----------
    centre : float [N, 2], px
    radius : float [N]
        Size in px: about the radius of a disc of the same area for a section near the middle.
    form : str
        One of `FORMS`.
    stretch : float
        Length of a prism over its width; below 1 a plate.
    """
    faces, distance = solid(form, stretch)
    n = len(centre)
    frames = np.linalg.qr(rng.standard_normal((n, 3, 3)))[0]  # columns: two in the plane, one out
    depth = rng.uniform(-0.55, 0.55, n)
    normal = faces @ frames[:, :, :2]
    offset = (distance - depth[:, None] * (faces @ frames[:, :, 2:])[:, :, 0]) * radius[:, None]
    reach = radius * (1.9 * max(1.0, stretch) if "prism" in form or form == "quartz" else 1.9)
    axis = np.arctan2(frames[:, 2, 1], frames[:, 2, 0])
    return Outlines(np.asarray(centre, float), normal, offset, reach, axis)


def laths(
    centre: np.ndarray, angle: np.ndarray, length: np.ndarray, width: np.ndarray, tip: float = 0.5
) -> Outlines:
    """Thin plates seen on edge: rectangles with bevelled (tip 0) to pointed (1) ends.

    centre [N, 2], angle [N] radians, length and width [N]; all in px.
    """
    c, s = np.cos(angle), np.sin(angle)
    along, across = np.stack([c, s], -1), np.stack([-s, c], -1)
    half, thick = np.asarray(length)[:, None] / 2, np.asarray(width)[:, None] / 2
    # the end faces lean over so that they meet at the tip
    lean = tip * np.maximum(half - thick, 0) / np.maximum(thick, 1e-9) * 0.35 + 0.05
    sides = [across, -across]
    offsets = [thick, thick]
    for sign in (1, -1):
        for other in (1, -1):
            sides.append(sign * along + other * lean * across)
            offsets.append(half)
    return Outlines(
        np.asarray(centre, float),
        np.stack(sides, 1),
        np.concatenate(offsets, 1),
        np.hypot(half, thick)[:, 0] + 1,
        np.asarray(angle, float),
    )


def blebs(
    rng: np.random.Generator,
    centre: np.ndarray,
    radius: np.ndarray,
    angle: np.ndarray | None = None,
    aspect: float = 1.3,
    sides: int = 9,
) -> Outlines:
    """Rounded to angular grains without crystal faces.

    Parameters
    ----------
    radius : float [N]
        Radius of a disc of about the same area, px.
    angle : float [N], optional
        Long direction, radians; random where left out.
    aspect : float
        Mean length over width.
    sides : int
        Few sides make angular grains.
    """
    n = len(centre)
    angle = rng.uniform(0, np.pi, n) if angle is None else angle
    turn = (np.arange(sides) + rng.uniform(-0.3, 0.3, (n, sides))) * (2 * np.pi / sides)
    stretch = np.sqrt(1 + (aspect - 1) * 2 * rng.random(n))[:, None]
    # the support function of an ellipse, made uneven
    support = np.hypot(stretch * np.cos(turn), np.sin(turn) / stretch)
    support *= rng.uniform(0.82, 1.08, (n, sides))
    turn = turn + angle[:, None]
    return Outlines(
        np.asarray(centre, float),
        np.stack([np.cos(turn), np.sin(turn)], -1),
        support * radius[:, None],
        radius * 1.9 * stretch[:, 0],
        angle,
    )


def quads(corners: np.ndarray) -> Outlines:
    """Convex quadrangles from their corners in order.

    float [N, 4, 2], px
    """
    centre = corners.mean(1)
    local = corners - centre[:, None]
    edge = np.roll(local, -1, 1) - local
    normal = np.stack([edge[..., 1], -edge[..., 0]], -1)
    offset = (normal * local).sum(-1)
    flip = np.where(offset < 0, -1.0, 1.0)
    reach = np.sqrt((local**2).sum(-1).max(1)) + 1
    return Outlines(centre, normal * flip[..., None], offset * flip, reach, np.zeros(len(corners)))
