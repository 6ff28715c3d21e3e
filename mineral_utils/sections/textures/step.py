"""One step of a field's history: which mineral grows, in which texture, where, and how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .canvas import Canvas


@dataclass(frozen=True)
class Step:
    """What one call of a texture draws.

    Attributes
    ----------
    texture, mineral : str
    share : float
        Fraction of the field to aim at (of the host, for textures in a host), 0-1.
    scale : float
        Typical grain size in field widths.
    host : tuple of str
        Minerals that it is drawn in; empty for the ground mass.
    fill : str or None
        The second mineral of textures that have one: bands, cement between fragments, the other
        phase of a foam.
    style : str
        The texture's own variety.
    ground : tuple of str
        Minerals of the ground mass, which gives way.
    inside : bool
        Only inside the ore body.
    """

    texture: str
    mineral: str
    share: float = 0.2
    scale: float = 0.1
    host: tuple[str, ...] = ()
    fill: str | None = None
    style: str = ""
    ground: tuple[str, ...] = ()
    inside: bool = False

    def place(self, canvas: Canvas) -> np.ndarray:
        """Where it may be drawn, bool [H, W]."""
        if self.host:
            return canvas.where(*self.host)
        place = canvas.where(*self.ground) | (canvas.labels == 255)
        return place & canvas.ore if self.inside and canvas.ore is not None else place


def scatter(
    canvas: Canvas, count: int, place: np.ndarray, clustered: float = 0.0, cell: float = 0.2
) -> np.ndarray:
    """Random points in a place, more of them where a smooth field is high.

    Parameters
    ----------
    count : int
        Points wanted; fewer come if the place is small.
    place : bool [H, W]
    clustered : float
        0 even, 1 strongly clustered.

    Returns
    -------
    float64 [n, 2], x and y in px
    """
    frame, rng = canvas.frame, canvas.rng
    if count <= 0:
        return np.zeros((0, 2))
    tries = int(count * (3 + 6 * clustered)) + 40
    x = rng.uniform(0, frame.shape[1], tries)
    y = rng.uniform(0, frame.shape[0], tries)
    keep = place[y.astype(int), x.astype(int)]
    if clustered:
        field = frame.sample(rng, cell, np.stack([x, y], -1) / frame.unit, 1)
        keep &= field + rng.uniform(-1, 1, tries) * (1.2 - clustered) > 0.9 * clustered
    x, y = x[keep][:count], y[keep][:count]
    return np.stack([x, y], -1)


def sizes(rng: np.random.Generator, count: int, median: float, sigma: float) -> np.ndarray:
    """Lognormal sizes, cut at two and a half standard deviations."""
    return median * np.exp(sigma * np.clip(rng.standard_normal(count), -2.5, 2.5))
