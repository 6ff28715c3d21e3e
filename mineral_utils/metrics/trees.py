"""Boosted trees on colour and local texture: the strongest of the simple answers.

A pixel is described by its colour, raw and normalised per photo, and by the means and spreads of
squares around it. No shapes, no names, no pretrained model; what a method adds to this is what it
is good for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .colour import normalise
from .pixels import UNKNOWN

SQUARES = (5, 15)  # px, sides of the squares around a pixel


def features(image: np.ndarray) -> np.ndarray:
    """What the trees see of each pixel.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 [H, W, 3].

    Returns
    -------
    float32 [H, W, 16]
        R, G, B (0 to 255); the same normalised per photo; for squares of 5 and 15 px the mean of
        normalised R, G, B and the standard deviation of their sum; and the pixel's sum less that of
        each square.
    """
    from scipy.ndimage import uniform_filter

    own = normalise(image)
    light = own.sum(axis=2)
    parts = [image.astype(np.float32), own]
    for side in SQUARES:
        mean = uniform_filter(own, (side, side, 1))
        square = uniform_filter(light * light, side) - uniform_filter(light, side) ** 2
        spread = np.sqrt(np.maximum(square, 0))
        parts += [mean, spread[..., None], (light - mean.sum(axis=2))[..., None]]
    return np.concatenate(parts, axis=2, dtype=np.float32)


@dataclass
class Trees:
    """Gradient-boosted trees that paint label maps.

    Parameters
    ----------
    per_photo : int
        Training pixels taken from each photo: half anywhere, half evenly from its classes, so that
        rare minerals are learnt too.
    max_pixels : int
        Training pixels in all; more photos give fewer each.
    iterations : int
        Boosting rounds (each grows one tree a class).
    step : int
        Only each step-th pixel of each step-th row is classified; its answer is painted on all
        step x step pixels.
    seed : int
    """

    per_photo: int = 2000
    max_pixels: int = 60_000
    iterations: int = 100
    step: int = 2
    seed: int = 0
    _seen: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list, repr=False)
    _model: object = field(default=None, repr=False)

    def look(self, image: np.ndarray, labels: np.ndarray) -> None:
        """Take training pixels of one photo (uint8 [H, W, 3] with labels uint8 [H, W])."""
        rng = np.random.default_rng((self.seed, len(self._seen)))
        flat = labels.ravel()
        known = np.flatnonzero(flat != UNKNOWN)
        if not known.size:
            return
        there, counts = np.unique(flat[known], return_counts=True)
        chance = np.zeros(256)
        chance[there] = 0.5 / known.size + 0.5 / (len(there) * counts)
        weight = chance[flat[known]]
        rows = rng.choice(known, min(self.per_photo, known.size), p=weight / weight.sum())
        self._seen.append((features(image).reshape(flat.size, -1)[rows], flat[rows]))
        self._model = None

    def fit(self) -> Trees:
        """Grow the trees from what was looked at.

        Raises
        ------
        ValueError
            If no labelled pixel was seen.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        if not self._seen:
            raise ValueError("the trees saw no labelled pixel; give training photos with labels.")
        seen, labels = (np.concatenate(part) for part in zip(*self._seen, strict=True))
        if len(labels) > self.max_pixels:
            rng = np.random.default_rng(self.seed)
            rows = rng.choice(len(labels), self.max_pixels, replace=False)
            seen, labels = seen[rows], labels[rows]
        self._model = HistGradientBoostingClassifier(
            max_iter=self.iterations, early_stopping=False, random_state=self.seed
        )
        if len(np.unique(labels)) > 1:
            self._model.fit(seen, labels)
        else:  # nothing to learn
            self._model = int(labels[0])
        return self

    def paint(self, image: np.ndarray) -> np.ndarray:
        """The most likely label of each pixel: uint8 [H, W] for uint8 [H, W, 3]."""
        if self._model is None:
            self.fit()
        height, width = image.shape[:2]
        if isinstance(self._model, int):
            return np.full((height, width), self._model, np.uint8)
        grid = features(image)[:: self.step, :: self.step]
        labels = self._model.predict(grid.reshape(-1, grid.shape[2])).astype(np.uint8)
        labels = labels.reshape(grid.shape[:2])
        return labels.repeat(self.step, axis=0).repeat(self.step, axis=1)[:height, :width]
