"""Surfaces of the general world: stripes, dots, grain, marble … at any list of points.

Every surface is a function of local coordinates (u, v) in px and gives a relief of zero mean and
about unit range, so that a thing's mean colour stays the colour that it is named for. Noise comes
from a small bank of periodic fields made once; each use enters it somewhere else.
"""

from __future__ import annotations

from functools import cache

import numpy as np

_SIDE = 512
_WAVES = (3.0, 6.0, 12.0, 24.0, 48.0)  # px: the bands of the bank


@cache
def fractal(roughness: float) -> np.ndarray:
    """A periodic field of spectrum 1/f**roughness: float32 [1024, 1024], zero mean, unit deviation.

    1.0 has ragged level lines, 2.0 smooth ones.
    """
    return _field(1024, lambda f: f**-roughness, seed=int(roughness * 10))


@cache
def _band(wave: float) -> np.ndarray:
    return _field(_SIDE, lambda f: np.exp(-((np.log2(f * wave) / 0.45) ** 2)), seed=int(100 + wave))


def _field(side: int, amplitude, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    rows, columns = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = 1
    weight = amplitude(frequency)
    weight[0, 0] = 0
    field = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((side, side))) * weight, (side, side))
    return (field / field.std()).astype(np.float32)


def landscape(rng: np.random.Generator, size: tuple[int, int], roughness: float) -> np.ndarray:
    """A fresh fractal field, float32 [H, W]: two pieces of the bank, turned and added."""
    bank = fractal(roughness)
    out = np.zeros(size, np.float32)
    for _ in range(2):
        start, turn = rng.integers(0, len(bank), 2), rng.integers(8)
        shape = size[::-1] if turn & 4 else size
        rows, columns = ((s + np.arange(n)) % len(bank) for s, n in zip(start, shape, strict=True))
        piece = bank[rows[:: -1 if turn & 1 else 1]][:, columns[:: -1 if turn & 2 else 1]]
        out += piece.T if turn & 4 else piece
    return out


def relief(
    surface: str, u: np.ndarray, v: np.ndarray, period: float, rng: np.random.Generator
) -> np.ndarray:
    """The relief of a surface at points.

    Parameters
    ----------
    surface : one of `things.SURFACES`
    u, v : float32 [n], px along and across the thing
    period : typical width of a stripe, dot, grain … and the next, px

    Returns
    -------
    float32 [n], about -1 to 1, mean about 0
    """
    makers = {
        "striped": _striped,
        "checkered": _checkered,
        "dotted": _dotted,
        "speckled": _speckled,
        "grainy": _grainy,
        "marbled": _marbled,
        "brushed": _brushed,
        "cracked": _cracked,
        "cloudy": _cloudy,
    }
    if surface == "smooth":
        return np.zeros_like(u)
    if surface not in makers:
        raise ValueError(f"no surface {surface!r}; there are smooth, {', '.join(makers)}")
    return makers[surface](u, v, np.float32(period), rng)


def _look_up(bank: np.ndarray, u: np.ndarray, v: np.ndarray, rng: np.random.Generator):
    mask = len(bank) - 1
    row, column = rng.integers(0, len(bank), 2)
    return bank[(v + row).astype(np.int32) & mask, (u + column).astype(np.int32) & mask]


def _noise(u, v, wave: float, rng) -> np.ndarray:
    """Band-passed noise of about `wave` px."""
    near = min(_WAVES, key=lambda known: abs(np.log(known / wave)))
    scale = np.float32(near / wave)
    return _look_up(_band(near), u * scale, v * scale, rng)


def _striped(u, v, period, rng):
    bend = _look_up(fractal(2.0), u, v, rng) * rng.choice([0, 0, 0.15, 0.5])
    wave = np.sin(u * (2 * np.pi / period) + bend, dtype=np.float32)
    return np.clip(wave * np.float32(rng.uniform(1, 6)), -1, 1)


def _checkered(u, v, period, rng):
    pitch = np.float32(np.pi / period)
    return np.sign(np.sin(u * pitch) * np.sin(v * pitch)).astype(np.float32)


def _dotted(u, v, period, rng):
    row = np.floor(v / period)
    half = np.float32(period / 2)
    x = np.mod(u + (row % 2) * half, period) - half
    y = np.mod(v, period) - half
    share = rng.uniform(0.15, 0.4)
    dots = x * x + y * y < share / np.pi * period * period
    return _spots(dots, share)


def _spots(inside: np.ndarray, share: float) -> np.ndarray:
    """Spots of a share of the area: zero mean, range of 2."""
    return np.where(inside, np.float32(2 * (1 - share)), np.float32(-2 * share))


def _speckled(u, v, period, rng):
    field = _noise(u, v, period, rng)
    return _spots(field > 1.05, 0.15) * (1 if rng.random() < 0.5 else -1)


def _grainy(u, v, period, rng):
    return np.clip(_noise(u, v, min(period, 8.0), rng) * np.float32(0.6), -1, 1)


def _marbled(u, v, period, rng):
    swirl = _look_up(fractal(1.6), u, v, rng) * np.float32(rng.uniform(2, 4))
    return np.cos(u * (np.pi / period) + swirl, dtype=np.float32) ** 2 * -2 + 1


def _brushed(u, v, period, rng):
    # long along u, short across
    width = np.float32(1 / max(period / 6, 1.0))
    return np.clip(_look_up(_band(6.0), u / 48 * width, v * width, rng) * 0.6, -1, 1)


def _cracked(u, v, period, rng):
    field = np.abs(_noise(u, v, period * 2, rng))
    return _spots(field < 0.12, 0.1) * np.float32(-1)


def _cloudy(u, v, period, rng):
    return np.clip(_look_up(fractal(1.6), u, v, rng) * np.float32(0.6), -1, 1)
