"""What a drawn field is: which mineral and which crystal at every pixel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NO_MINERAL = 255  # resin, epoxy, holes


@dataclass(frozen=True)
class Fabric:
    """The geometry of a polished section, without colour: exact minerals and crystals.

    Attributes
    ----------
    names : tuple of str
        The minerals of `labels`, gangue included, in the order in which they were drawn.
    labels : uint8 [H, W]
        Index into `names`; 255 where there is no mineral. Decided at the pixel's centre.
    grains : int32 [H, W]
        Id of the crystal, 0 to G - 1; -1 where `labels` is 255.
    grain_mineral : uint8 [G]
        Index into `names` of each crystal. Crystals that later ones hide may be listed.
    grain_axis : float32 [G]
        Direction of the crystal in radians, from x (columns) towards y (rows): of laths, of
        lamellae (theirs is the host's), of cleavage. 0 where it has none; never NaN.
    textures : tuple of (texture, mineral)
        What was drawn, such as ("exsolution", "Cubanite"), old to young.
    scale : float
        Typical size of the main grains as a fraction of the field's width.
    """

    names: tuple[str, ...]
    labels: np.ndarray
    grains: np.ndarray
    grain_mineral: np.ndarray
    grain_axis: np.ndarray
    textures: tuple[tuple[str, str], ...]
    scale: float

    def shares(self) -> dict[str, float]:
        """Fraction of all pixels that each mineral takes, 0-1; resin is what is missing to 1."""
        counts = np.bincount(self.labels.ravel(), minlength=256)
        return {name: counts[k] / self.labels.size for k, name in enumerate(self.names)}
