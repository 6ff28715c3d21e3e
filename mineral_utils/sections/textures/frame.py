"""The field as a frame of relative coordinates, and the smooth random fields over it.

Lengths are fractions of the field's width (more exactly of ``sqrt(4/3 H W)``, which is the width of
a 4:3 field), so that one recipe draws the same character at any size. A random field is a
cubic B-spline over a small grid of normal numbers. Only sums and products touch its pixels, so
that it is the same to the last bit on every machine.
"""

from __future__ import annotations

import math

import numpy as np

MAX_NODES = 1024  # per axis: a field of any size is drawn from at most so many random numbers
MIN_CELL_PX = 1.5
SPLINE_SD = 0.476  # standard deviation of a B-spline over normal nodes, mean over the plane


class Frame:
    """A field of `height` x `width` pixels in relative coordinates.

    Attributes
    ----------
    shape : (height, width) in px
    unit : float
        Pixels per field width.
    extent : (float, float)
        Height and width of the field in field widths.
    """

    def __init__(self, height: int, width: int):
        self.shape = (int(height), int(width))
        self.unit = max(1.0, math.sqrt(height * width * 4 / 3))
        self.extent = (height / self.unit, width / self.unit)

    @property
    def area(self) -> float:
        """Area of the field in squared field widths."""
        return self.extent[0] * self.extent[1]

    def smooth(self, rng: np.random.Generator, cell: float | tuple[float, float]) -> np.ndarray:
        """A smooth random field of zero mean and unit variance.

        Parameters
        ----------
        cell : float or (float, float)
            Correlation length; (along rows, along columns) if it differs.

        Returns
        -------
        float32 [H, W]
        """
        return self.fractal(rng, cell, octaves=1)

    def fractal(
        self,
        rng: np.random.Generator,
        cell: float | tuple[float, float],
        octaves: int = 4,
        gain: float = 0.5,
    ) -> np.ndarray:
        """Sum of smooth fields, each of half the cell and `gain` times the amplitude of the last.

        Returns
        -------
        float32 [H, W], zero mean, unit variance
        """
        cells = self._cells(cell)
        nodes = rng.standard_normal(self._node_shape(cells), dtype=np.float32)
        variance = 1.0
        for octave in range(1, octaves):
            finer = (cells[0] / 2, cells[1] / 2)
            if min(finer) * self.unit < MIN_CELL_PX or max(self._node_shape(finer)) > MAX_NODES:
                break
            cells = finer
            size = self._node_shape(cells)
            nodes = _subdivide(_subdivide(nodes, size[0], 0), size[1], 1)
            # uniform numbers of the same variance: fine octaves are many, and nobody sees it
            fine = rng.random(size, dtype=np.float32)
            fine -= np.float32(0.5)
            fine *= np.float32(gain**octave * math.sqrt(12))
            nodes += fine
            variance += gain ** (2 * octave)
        return self._upsample(nodes, cells) * np.float32(1 / (SPLINE_SD * math.sqrt(variance)))

    def sample(
        self, rng: np.random.Generator, cell: float, points: np.ndarray, octaves: int = 2
    ) -> np.ndarray:
        """A fractal field at a few points only; points outside take the value at the edge.

        Parameters
        ----------
        points : float [N, 2], x and y in field widths

        Returns
        -------
        float64 [N], zero mean, unit variance
        """
        total, variance = np.zeros(len(points)), 0.0
        for octave in range(octaves):
            cells = self._cells(cell / 2**octave)
            nodes = rng.standard_normal(self._node_shape(cells))
            column, across = _weights(points[:, 0] / cells[1], nodes.shape[1])
            row, down = _weights(points[:, 1] / cells[0], nodes.shape[0])
            for i in range(4):
                part = sum(across[j] * nodes[row + i, column + j] for j in range(4))
                total += 0.5**octave * down[i] * part
            variance += 0.25**octave
        return total / (SPLINE_SD * math.sqrt(variance))

    def wormy(self, rng: np.random.Generator, wavelength: float) -> np.ndarray:
        """Band-passed noise: level sets are worms about half a wavelength wide.

        Returns
        -------
        float32 [H, W], zero mean, about unit variance
        """
        cells = self._cells(wavelength / 2.4)
        nodes = rng.standard_normal(self._node_shape(cells), dtype=np.float32)
        broad = nodes
        for axis in (0, 1):
            for _ in range(2):
                broad = (broad + np.roll(broad, 1, axis)) / 2
                broad = (broad + np.roll(broad, -1, axis)) / 2
        return self._upsample(nodes - broad, cells) * np.float32(2.4)

    def _cells(self, cell: float | tuple[float, float]) -> tuple[float, float]:
        cells = cell if isinstance(cell, tuple) else (cell, cell)
        least = [max(MIN_CELL_PX / self.unit, e / (MAX_NODES - 4)) for e in self.extent]
        return max(cells[0], least[0]), max(cells[1], least[1])

    def _node_shape(self, cells: tuple[float, float]) -> tuple[int, int]:
        rows, columns = (
            math.ceil(e / c - 1e-9) + 3 for e, c in zip(self.extent, cells, strict=True)
        )
        return rows, columns

    def _upsample(self, nodes: np.ndarray, cells: tuple[float, float]) -> np.ndarray:
        wide = _spline(nodes, self.shape[1], cells[1] * self.unit, axis=1)
        return _spline(wide, self.shape[0], cells[0] * self.unit, axis=0)


def _weights(position: np.ndarray, nodes: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """First of the four nodes at each position (in cells), and the weights of the four."""
    position = np.clip(position, 0, nodes - 3 - 1e-6)
    first = position.astype(np.int64)
    f = position - first
    return first, [
        (1 - f) ** 3 / 6,
        (3 * f**3 - 6 * f**2 + 4) / 6,
        (-3 * f**3 + 3 * f**2 + 3 * f + 1) / 6,
        f**3 / 6,
    ]


def _spline(nodes: np.ndarray, count: int, cell_px: float, axis: int) -> np.ndarray:
    """Cubic B-spline at pixel centres along one axis; node k stands at (k - 1) cells."""
    first, weights = _weights((np.arange(count) + 0.5) / cell_px, nodes.shape[axis])
    out = None
    for k, weight in enumerate(weights):
        weight = weight.astype(np.float32)
        part = np.take(nodes, first + k, axis=axis)
        part *= weight[:, None] if axis == 0 else weight
        out = part if out is None else np.add(out, part, out=out)
    return out


def _subdivide(nodes: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Nodes of the same spline on a grid of half the cell: an identity of cubic B-splines."""
    a = np.moveaxis(nodes, axis, 0)
    fine = np.empty((2 * len(a) - 3, *a.shape[1:]), np.float32)
    fine[0::2] = (a[:-1] + a[1:]) / 2
    fine[1::2] = (a[:-2] + 6 * a[1:-1] + a[2:]) / 8
    return np.moveaxis(fine[:count], 0, axis)


def upsample_linear(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bilinear resize (pixel centres) of a field that was computed coarsely.

    float [h, w] to float32 [shape]
    """
    out = values.astype(np.float32, copy=False)
    for axis, count in ((1, shape[1]), (0, shape[0])):
        size = out.shape[axis]
        if size == count:
            continue
        position = np.clip((np.arange(count) + 0.5) * (size / count) - 0.5, 0, size - 1)
        low = position.astype(np.int64)
        weight = (position - low).astype(np.float32)
        weight = weight[:, None] if axis == 0 else weight
        lower = np.take(out, low, axis=axis)
        upper = np.take(out, np.minimum(low + 1, size - 1), axis=axis)
        upper -= lower
        upper *= weight
        out = np.add(lower, upper, out=lower)
    return out


def quantile(values: np.ndarray, share: float, within: np.ndarray | None = None) -> float:
    """The level above which the given share (0-1) of the field lies, from every few pixels."""
    step = max(1, int(math.sqrt(values.size / 9000)))
    sample = values[::step, ::step]
    if within is not None:
        inside = sample[within[::step, ::step]]
        sample = inside if inside.size else sample
    sample = np.sort(sample, axis=None)
    return float(sample[min(sample.size - 1, max(0, int((1 - share) * sample.size)))])
