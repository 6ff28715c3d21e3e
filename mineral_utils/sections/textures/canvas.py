"""The canvas that textures are painted on, old to young: minerals, crystals, and what was drawn."""

from __future__ import annotations

import numpy as np

from .cells import Cells, mirrored, tessellate
from .fabric import NO_MINERAL, Fabric
from .frame import Frame
from .shapes import Outlines


class Canvas:
    """Labels and crystals while they are drawn; younger ones cover older ones.

    Attributes
    ----------
    frame : Frame
    rng : numpy Generator
    labels, grains : uint8 and int32 [H, W]
        As in `Fabric`.
    ore : bool [H, W] or None
        The ore body that the masses share.
    """

    def __init__(self, frame: Frame, rng: np.random.Generator):
        self.frame = frame
        self.rng = rng
        self.labels = np.full(frame.shape, NO_MINERAL, np.uint8)
        self.grains = np.full(frame.shape, -1, np.int32)
        self.ore: np.ndarray | None = None
        self.names: list[str] = []
        self.textures: list[tuple[str, str]] = []
        self._mineral: list[np.ndarray] = []
        self._axis: list[np.ndarray] = []
        self.guests: dict[str, set[str]] = {}  # host -> minerals intergrown with it
        self.count = 0
        self._rough: np.ndarray | None = None
        self._mosaics: dict[bool, list[tuple[float, Cells]]] = {False: [], True: []}

    def index(self, mineral: str) -> int:
        """The label of a mineral, given to it when it is first asked for."""
        if mineral not in self.names:
            self.names.append(mineral)
        return self.names.index(mineral)

    def note(self, texture: str, mineral: str) -> None:
        """Keep that this texture was drawn with this mineral."""
        if (texture, mineral) not in self.textures:
            self.textures.append((texture, mineral))

    def forget(self, texture: str, mineral: str) -> None:
        """Take back a `note`."""
        if (texture, mineral) in self.textures:
            self.textures.remove((texture, mineral))

    def where(self, *minerals: str) -> np.ndarray:
        """Where any of these minerals is, bool [H, W]."""
        mask = np.zeros(self.frame.shape, bool)
        for mineral in minerals:
            if mineral in self.names:
                mask |= self.labels == self.names.index(mineral)
        return mask

    def share(self, mineral: str) -> float:
        """Fraction of the field that a mineral takes now, 0-1."""
        if mineral not in self.names:
            return 0.0
        return np.count_nonzero(self.labels == self.names.index(mineral)) / self.labels.size

    @property
    def rough(self) -> np.ndarray:
        """Fine noise shared by all ragged outlines, float32 [H, W], unit variance."""
        if self._rough is None:
            self._rough = self.frame.fractal(self.rng, 0.05, 5, 0.62)
        return self._rough

    def mosaic(self, scale: float, straight: bool = False) -> Cells:
        """A tessellation into crystals, straight-sided (foam) or sutured.

        One that was made before serves again, mirrored, if its grain size is about right: making
        them is what takes longest.
        """
        made = self._mosaics[straight]
        for spacing, cells in made:
            if 0.5 < spacing / scale < 2:
                return mirrored(self.frame, cells, int(self.rng.integers(0, 4)))
        shift = None
        if not straight and scale * self.frame.unit > 8:
            amplitude = np.float32(scale * self.rng.uniform(0.05, 0.16))
            field = self.frame.fractal(self.rng, scale * 0.7, 5, 0.55) * amplitude
            shift = (field, field[::-1, ::-1])
        cells = tessellate(self.frame, self.rng, scale, 0.3, shift)
        made.append((scale, cells))
        return cells

    def axes(self) -> np.ndarray:
        """Axis of every crystal so far, float32 [G]."""
        return np.concatenate(self._axis) if self._axis else np.zeros(0, np.float32)

    def enlist(self, mineral: str, axis: np.ndarray | float, count: int | None = None) -> int:
        """Add crystals of a mineral; the id of the first."""
        count = len(axis) if count is None else count
        first = self.count
        self._mineral.append(np.full(count, self.index(mineral), np.uint8))
        self._axis.append(np.broadcast_to(np.asarray(axis, np.float32), (count,)).copy())
        self.count += count
        return first

    def fill(
        self,
        mineral: str,
        mask: np.ndarray,
        cells: np.ndarray | None = None,
        axis: np.ndarray | float | None = None,
    ) -> None:
        """Paint a mask with one mineral, its crystals given by a tessellation.

        Parameters
        ----------
        mask : bool [H, W]
        cells : int32 [H, W], optional
            Number of the crystal at each pixel, from 0; left out, it is one crystal.
        axis : float [crystals], optional
            Axis of each crystal; random where left out.
        """
        count = 1 if cells is None else (len(axis) if np.ndim(axis) else int(cells.max()) + 1)
        axis = self.rng.uniform(0, np.pi, count) if axis is None else axis
        first = self.enlist(mineral, axis, count)
        np.copyto(self.labels, np.uint8(self.index(mineral)), where=mask)
        np.copyto(self.grains, np.int32(first) if cells is None else cells + first, where=mask)

    def put(self, first: int, index: np.ndarray, which: np.ndarray) -> None:
        """Paint single pixels with crystals that were enlisted together.

        Parameters
        ----------
        first : int
            Id of the first of these crystals, from `enlist`.
        index : int [n]
            Flat indices of the pixels.
        which : int [n]
            Number of the crystal of each, from 0.
        """
        self.labels.reshape(-1)[index] = self._label(first)
        self.grains.reshape(-1)[index] = which + first

    def _label(self, grain: int) -> np.uint8:
        """Label of a crystal."""
        for mineral in self._mineral:
            if grain < len(mineral):
                return mineral[grain]
            grain -= len(mineral)
        raise IndexError(f"there is no crystal {grain}")

    def erase(self, mask: np.ndarray) -> None:
        """Resin or a hole."""
        self.labels[mask] = NO_MINERAL
        self.grains[mask] = -1

    def stamp(
        self,
        mineral: str,
        outlines: Outlines,
        within: np.ndarray | None = None,
        ragged: float = 0.0,
        rounded: np.ndarray | None = None,
        host: np.ndarray | None = None,
        axis: np.ndarray | None = None,
        crystal: np.ndarray | None = None,
    ) -> None:
        """Paint outlines, each of them one crystal.

        Parameters
        ----------
        within : bool [H, W], optional
            Where painting is allowed.
        ragged : float
            How far the edge is eaten or pushed, as a fraction of the radius.
        rounded : float [N], optional
            Radius in px of a disc that the outline is cut with: its corners become arcs.
        host : int [N], optional
            Crystal that the outline must not leave.
        axis : float [N], optional
            Axis of each crystal; that of the outline where left out.
        crystal : int [N], optional
            Outlines of the same number, counted from 0, are one crystal.
        """
        if not len(outlines):
            return
        axis = outlines.axis if axis is None else axis
        if crystal is not None:
            axis = axis[np.unique(crystal, return_index=True)[1]]
        first = self.enlist(mineral, axis)
        label = np.uint8(self.index(mineral))
        labels, grains = self.labels.reshape(-1), self.grains.reshape(-1)
        old = self.grains.copy().reshape(-1) if host is not None else None
        for index, which in outlines.pixels(self.frame.shape):
            keep = None if within is None else within.reshape(-1)[index]
            if host is not None:
                same = old[index] == host[which]
                keep = same if keep is None else keep & same
            if ragged or rounded is not None:
                inside = self._inside(outlines, index, which, ragged, rounded)
                keep = inside if keep is None else keep & inside
            if keep is not None:
                index, which = index[keep], which[keep]
            labels[index] = label
            grains[index] = (which if crystal is None else crystal[which]) + first

    def _inside(self, outlines, index, which, ragged, rounded) -> np.ndarray:
        width = self.frame.shape[1]
        row = index // width
        dx = (index - row * width + 0.5) - outlines.centre[which, 0]
        dy = (row + 0.5) - outlines.centre[which, 1]
        square = dx * dx + dy * dy
        radius = outlines.reach / 1.9 if rounded is None else rounded
        limit = radius[which]
        if ragged:
            limit = limit * (1 + ragged * self.rough.reshape(-1)[index])
        return square < limit * np.abs(limit)

    def fabric(self, scale: float) -> Fabric:
        """What was drawn, frozen."""
        mineral = np.concatenate(self._mineral) if self._mineral else np.zeros(0, np.uint8)
        return Fabric(
            tuple(self.names),
            self.labels,
            self.grains,
            mineral,
            self.axes(),
            tuple(self.textures),
            float(scale),
        )
