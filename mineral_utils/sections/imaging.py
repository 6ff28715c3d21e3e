"""From light to picture: exposure, white balance, contrast curve, vignette, focus, noise, JPEG.

The curve of a camera is taken as ``level = sRGB(K (light / 0.52)^contrast)`` with ``K = 0.46``:
pyrite (reflectance 52 %) at a normal exposure then has level 181 in green, as in LumenStone, where
the contrast exponent is 1.25 to 1.4.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

__all__ = ["PLAIN", "Camera", "draw_camera", "take", "tone_curve"]

REFERENCE, KEY = 0.52, 0.46  # reflectance of pyrite in green, and what it becomes in linear light


@dataclass(frozen=True)
class Camera:
    """Microscope camera and lamp.

    Attributes
    ----------
    exposure : float
        Factor on the light; 1 is normal in plane-polarised light.
    white_balance : three floats
        Factors on red, green, blue.
    contrast : float
        Exponent of the tone curve over linear; 1 is a linear camera.
    shoulder : float
        0: highlights are cut at white; 1: they bend softly, as film does.
    flare : float
        Stray light added everywhere, linear, 0 to 0.02.
    vignette : float
        Loss of light at the middle of the top edge (half the height from the centre), 0-1.
    centre : two floats
        Centre of the vignette, rows and columns, fraction of the half sides from the middle.
    blur : float
        Standard deviation of the point spread, fraction of the field's width.
    noise : float
        Standard deviation of the noise at mid grey, in levels (0-255).
    jpeg : int or None
        Quality of the JPEG that the picture went through.
    """

    exposure: float = 1.0
    white_balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.3
    shoulder: float = 0.0
    flare: float = 0.0
    vignette: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    blur: float = 0.0
    noise: float = 0.0
    jpeg: int | None = None


PLAIN = Camera()


def draw_camera(rng: np.random.Generator, unseen: bool = False) -> Camera:
    """A camera like those of laboratories.

    Parameters
    ----------
    unseen : draw from the curves that training never draws (contrast below 1.0 or above 1.6, or a
        soft shoulder) and from strange lamps
    """
    warm = rng.normal(0.8, 0.5)  # 0 daylight, 1 tungsten
    balance = np.exp([0.12 * warm, 0, -0.13 * warm] + rng.normal(0, 0.02, 3))
    camera = Camera(
        exposure=float(np.exp(rng.normal(0.04, 0.30))),
        white_balance=tuple(float(b) for b in balance),
        contrast=float(rng.uniform(1.12, 1.48)),
        flare=float(rng.uniform(0, 0.012)),
        vignette=float(rng.uniform(0.07, 0.19)),
        centre=tuple(float(c) for c in rng.normal(0, 0.12, 2)),
        blur=float(0.0011 * np.exp(rng.normal(0, 0.35))),
        noise=float(rng.uniform(0.5, 2.2)),
        jpeg=int(rng.integers(78, 97)),
    )
    if not unseen:
        return camera
    curve = rng.choice([rng.uniform(0.8, 1.0), rng.uniform(1.6, 1.85)])
    green = rng.choice([0.93, 1.08])
    red, _, blue = camera.white_balance
    return replace(
        camera,
        contrast=float(curve),
        shoulder=float(rng.uniform(0.5, 1)),
        white_balance=(red, float(green), blue),
    )


def tone_curve(camera: Camera, steps: int = 8192) -> np.ndarray:
    """Levels for light from 0 to 2: float32 [steps], 0-255."""
    light = np.linspace(0, 2, steps)
    linear = KEY * (light / REFERENCE) ** camera.contrast + camera.flare
    soft = 1 - np.exp(-1.35 * linear)
    linear = (1 - camera.shoulder) * np.minimum(linear, 1) + camera.shoulder * soft
    encoded = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    return (255 * encoded).astype(np.float32)


def vignette(size: tuple[int, int], camera: Camera) -> np.ndarray:
    """Share of the light that arrives, float32 [H, W]: ``1 - v r^2``, r = 1 at half the height."""
    height, width = size
    half = height / 2
    y = (np.arange(height, dtype=np.float32) + 0.5 - half) / half - camera.centre[0]
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / half - camera.centre[1]
    fall = 1 - camera.vignette * (y[:, None] ** 2 + x**2)
    return np.maximum(fall, 0.1, out=fall)


def take(
    light: np.ndarray,
    camera: Camera,
    channel: int,
    lit: np.ndarray | None = None,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """One channel of the picture.

    Parameters
    ----------
    light : float32 [H, W], reflected light, 1 is a mirror; used up
    camera : see `Camera`
    channel : 0 red, 1 green, 2 blue
    lit : float32 [H, W] from `vignette`; None for an even field
    rng : of the noise; None for none

    Returns
    -------
    uint8 [H, W]
    """
    width = light.shape[1]
    if camera.blur * width > 0.25:
        light = ndimage.gaussian_filter(light, camera.blur * width, truncate=2.5, mode="nearest")
    if lit is not None:
        light *= lit
    table = tone_curve(camera)
    light *= camera.exposure * camera.white_balance[channel] * (len(table) - 1) / 2
    index = np.clip(light, 0, len(table) - 1, out=light).astype(np.intp)
    level = table[index]
    if rng is not None and camera.noise:
        # shot noise grows with the root of the light, which the curve nearly straightens out
        level += rng.standard_normal(level.shape, dtype=np.float32) * np.float32(camera.noise)
    level += 0.5
    return np.clip(level, 0, 255, out=level).astype(np.uint8)


def through_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    """A picture after a JPEG file of that quality, uint8 [H, W, 3]."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))
