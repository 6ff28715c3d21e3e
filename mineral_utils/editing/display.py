"""The live view's arithmetic: a photo at display size, and labels made at that size.

Changing a name must show within a blink, so labels come straight from the cosines on the feature
grid, one name after the other, and never at the photo's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage
from torch import Tensor

from .. import trident
from ..photos import Photo
from ..refine import EIGHT
from ..segmentation import UNKNOWN, Segmentation

LONG_SIDE = 960  # px: what a notebook's column shows


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread for a while. The steps of the live view are so small that threads which
    wait for each other cost more than they do, six times as much on a crowded machine; and a class
    is a crowd."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, eq=False)
class Display:
    """A photo as it is shown.

    image : uint8 [h, w, 3], the photo at display size
    faded : uint8 [h, w, 3], the same in pale grey, which is how unknown pixels look
    rows, columns : int64 [h], [w], the photo's pixel at the centre of each shown one
    """

    image: np.ndarray
    faded: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    @classmethod
    def of(cls, photo: Photo, long_side: int = LONG_SIDE) -> Display:
        """Shrink a photo to at most `long_side` px; smaller ones stay as they are."""
        factor = min(1.0, long_side / max(photo.height, photo.width))
        size = max(1, round(photo.height * factor)), max(1, round(photo.width * factor))
        picture = Image.fromarray(photo.image)
        if size != (photo.height, photo.width):
            picture = picture.resize(size[::-1], Image.Resampling.BOX)
        image = np.asarray(picture)
        grey = image.mean(axis=-1, keepdims=True, dtype=np.float32)
        faded = np.repeat((0.4 * grey + 85).round().astype(np.uint8), 3, axis=2)
        rows, columns = (
            ((np.arange(new) + 0.5) * (old / new)).astype(np.int64)
            for new, old in zip(size, photo.image.shape[:2], strict=True)
        )
        return cls(image, faded, rows, columns)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in px."""
        return self.image.shape[:2]

    def sampled(self, whole: np.ndarray) -> np.ndarray:
        """A map [H, W] of the photo at display size, by its pixel at each centre."""
        return whole[np.ix_(self.rows, self.columns)]

    def labels(self, result: Segmentation) -> np.ndarray:
        """Labels at display size, uint8 [h, w]: of the refined map, else from the cosines."""
        labels = self._best(result) if result.refined is None else self.sampled(result.refined)
        if result.refined is None and result.preset.prob_thd > 0:
            labels = drop_unsure(labels, best_probability(result), result.preset.prob_thd)
        if result.confidence is not None:
            labels = drop_unsure(labels, result.confidence, result.min_confidence)
        return labels

    def _best(self, result: Segmentation) -> np.ndarray:
        best = torch.full(self.size, float("-inf"))
        label = torch.zeros(self.size, dtype=torch.uint8)
        for query, owner in zip(result.cosine.unbind(-1), result.owner.tolist(), strict=True):
            plane = enlarged(query, self.size)
            better = plane > best  # at a tie the first name stays, as in argmax
            label.masked_fill_(better, owner)
            torch.maximum(best, plane, out=best)
        return label.numpy()


def enlarged(grid: Tensor, size: tuple[int, int]) -> Tensor:
    """A map on the feature grid, float32 [rows, columns], bilinear to [size]."""
    return F.interpolate(grid[None, None], size, mode="bilinear")[0, 0]


def sureness(result: Segmentation) -> Tensor:
    """How sure the model is of its answer, float32 [rows, columns] in [0, 1] on the feature grid:
    the segmentation's confidence where it has one, else the probability of the best name."""
    return best_probability(result) if result.confidence is None else result.confidence


def best_probability(result: Segmentation) -> Tensor:
    """Probability of the best name, float32 [rows, columns] in [0, 1] on the feature grid."""
    scale = result.preset.logit_scale
    return trident.probabilities(result.cosine, result.owner, len(result.names), scale).amax(-1)


def drop_unsure(labels: np.ndarray, sure: Tensor, least: float) -> np.ndarray:
    """Labels [H, W] with 255 where the model is less sure than `least`.

    sure : float32 [rows, columns] on the feature grid
    """
    if least <= 0:
        return labels
    labels = labels.copy()
    for rows in trident.strips(*labels.shape, 1):
        strip = trident.upsample_rows(sure[..., None], labels.shape, rows)[..., 0]
        labels[rows][(strip < least).numpy()] = UNKNOWN
    return labels


def absorb_small(labels: np.ndarray, smallest: float) -> np.ndarray:
    """Labels without regions (8-connected) of fewer than `smallest` px: their pixels take the label
    of the nearest larger region. Unknown pixels stay."""
    if smallest <= 1:
        return labels
    small = np.zeros(labels.shape, bool)
    for label in np.unique(labels[labels != UNKNOWN]):
        numbered, count = ndimage.label(labels == label, EIGHT)
        few = np.bincount(numbered.ravel(), minlength=count + 1) < smallest
        few[0] = False
        small |= few[numbered]
    if not small.any() or small.all():
        return labels
    nearest = ndimage.distance_transform_edt(small, return_distances=False, return_indices=True)
    return labels[tuple(nearest)]
