"""Minerals told apart by their mean colour alone, raw or after taking exposure out of a photo."""

from __future__ import annotations

import numpy as np

from .pixels import UNKNOWN

NORMALISATIONS = ("raw", "grey-world", "percentile")


def normalise(image: np.ndarray, how: str = "percentile") -> np.ndarray:
    """A photo with exposure and white balance taken out, from its own pixels alone.

    Parameters
    ----------
    image : numpy.ndarray
        uint8 [H, W, 3].
    how : {"percentile", "grey-world", "raw"}
        ``"percentile"``: each channel's 1 % and 99 % quantile become 0 and 1. ``"grey-world"``:
        each channel is divided by its mean. ``"raw"``: 0 to 255 becomes 0 to 1.

    Returns
    -------
    float32 [H, W, 3]
    """
    values = image.astype(np.float32)
    if how == "percentile":
        low, high = np.percentile(image, (1, 99), axis=(0, 1)).astype(np.float32)
        return (values - low) / np.maximum(high - low, 1)
    if how == "grey-world":
        return values / np.maximum(values.mean(axis=(0, 1)), 1)
    if how == "raw":
        return values / 255
    raise ValueError(f"how={how!r} is not known; use one of {', '.join(NORMALISATIONS)}.")


class NearestColour:
    """Each pixel gets the class whose mean colour is nearest (Euclidean, in normalised R, G, B).

    Parameters
    ----------
    n_classes : int
    how : str
        As in `normalise`.
    """

    def __init__(self, n_classes: int, how: str = "raw"):
        self.how = how
        self._sums = np.zeros((n_classes, 3))
        self._pixels = np.zeros(n_classes)

    def look(self, image: np.ndarray, labels: np.ndarray) -> None:
        """Take a training photo: uint8 [H, W, 3] with labels uint8 [H, W], 255 left out."""
        known = labels != UNKNOWN
        colours, label = normalise(image, self.how)[known], labels[known]
        n_classes = len(self._pixels)
        for channel in range(3):
            self._sums[:, channel] += np.bincount(label, colours[:, channel], n_classes)
        self._pixels += np.bincount(label, minlength=n_classes)

    @property
    def means(self) -> np.ndarray:
        """Mean colour of each class over all its pixels, float64 [K, 3]; NaN if never seen."""
        seen = self._pixels[:, None] > 0
        return np.where(seen, self._sums / np.maximum(self._pixels, 1)[:, None], np.nan)

    def paint(self, image: np.ndarray) -> np.ndarray:
        """The label map of a photo, uint8 [H, W]; classes never seen are never painted."""
        seen = np.flatnonzero(self._pixels)
        if not seen.size:
            raise ValueError("no class has a mean colour yet; give training photos with labels.")
        means = self.means[seen].astype(np.float32)
        colours = normalise(image, self.how)
        # |c - m|^2 without |c|^2, which is the same for all classes
        nearest = (means**2).sum(axis=1) - 2 * colours @ means.T
        return seen[nearest.argmin(axis=2)].astype(np.uint8)
