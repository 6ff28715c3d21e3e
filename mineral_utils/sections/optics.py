"""From reflectance to colour: what a polished mineral sends into the camera.

Reflectance is known at the four wavelengths of the Commission on Ore Mineralogy. Blue is taken
from 470 nm, green from 546 nm, red from the mean of 589 and 650 nm. In plane-polarised light a
crystal shows a reflectance between R1 and R2, by the angle between its vibration direction and the
polariser; between crossed polars only what its anisotropy turns out of the plane comes through.

Arrays here have one row a crystal and three columns, red, green, blue, in linear light; 1 is a
mirror. Sources: textbook reflected-light optics (Craig & Vaughan, *Ore Microscopy and Ore
Petrography*, chapters 3 and 4); reflectances from ``minerals.yaml``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import yaml

from ..minerals import vocabulary

__all__ = [
    "EMPTY",
    "crossed_polars",
    "internal_reflection",
    "plane_polarised",
    "polish_factors",
    "principal_reflectance",
]

# 470, 546, 589, 650 nm -> red, green, blue
BANDS = np.array([[0, 0, 0.5, 0.5], [0, 1, 0, 0], [1, 0, 0, 0]])
EMPTY = np.array([0.050, 0.050, 0.050], np.float32)  # epoxy resin, n about 1.55

# crossed polars are never perfect: this much of the plane-polarised light leaks through when they
# stand at 90 degrees (strain in the objective, finite aperture)
LEAK = 0.002

# phase between the two vibrations after reflection, radians: absorbing minerals can be strongly
# anisotropic with hardly any bireflectance (arsenopyrite). Chosen so that "strong" sends about 1 %
# of the lamp's light through crossed polars; the words are the vocabulary's.
PHASES = {"none": 0.0, "weak": 0.10, "moderate": 0.20, "strong": 0.32}
# colours of anisotropy that the vocabulary tells; covellite is bireflectant as well, and only a red
# phase of this size turns its brass yellow into orange
TINTS = {"fiery orange": (3.0, 0.3, 0.3)}

# colour words of internal reflections -> what the light looks like on its way back
GLOWS = {
    "red": (1.0, 0.16, 0.10),
    "brown": (0.75, 0.42, 0.16),
    "orange": (1.0, 0.45, 0.10),
    "yellow": (1.0, 0.80, 0.25),
    "white": (1.0, 1.0, 0.95),
    "colourless": (1.0, 1.0, 0.97),
    "violet": (0.7, 0.45, 1.0),
    "green": (0.5, 0.9, 0.55),
}


@cache
def principal_reflectance(name: str) -> np.ndarray:
    """R1 and R2 of a mineral as the camera's three bands see them.

    Returns
    -------
    float64 [2, 3]
        Smallest and largest reflectance, red, green, blue; 0 to 1.
    """
    percent = np.array([row[1:] for row in vocabulary().find(name).reflectance])  # [4, 2]
    return BANDS.dot(percent / 100).T


@cache
def polish_factors() -> dict[str, float]:
    """How much of its reflectance a mineral keeps in an ordinary laboratory's polish.

    Fitted on LumenStone's training photos by `calibrate`, relative to pyrite; minerals that do not
    occur there keep 1. Soft minerals take a worse polish and lose light to scratches and pits.
    """
    path = Path(__file__).with_name("polish.yaml")
    return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["factors"])


def plane_polarised(
    names: Sequence[str],
    azimuth: np.ndarray,
    tilt: np.ndarray,
    stage_deg: float = 0.0,
    polish: bool = True,
) -> np.ndarray:
    """Reflectance of crystals in plane-polarised light.

    Parameters
    ----------
    names : mineral of each of G crystals
    azimuth : float [G]
        Angle of each crystal's first vibration direction on the stage, radians.
    tilt : float [G]
        How much of the full bireflectance this cut through the crystal shows, 0 (along the optic
        axis) to 1 (parallel to it).
    stage_deg : how far the stage is turned, degrees
    polish : apply `polish_factors`

    Returns
    -------
    float32 [G, 3]
        ``R(a) = R1 cos^2 a + R2' sin^2 a`` with ``R2' = R1 + tilt (R2 - R1)``; red, green, blue,
        0 to 1.
    """
    low, high = _principal(names, tilt)
    share = np.sin(np.asarray(azimuth, np.float64) + np.deg2rad(stage_deg))[:, None] ** 2
    reflectance = low + (high - low) * share
    if polish:
        factors = polish_factors()
        reflectance *= np.array([factors.get(name, 1.0) for name in names])[:, None]
    return reflectance.astype(np.float32)


def crossed_polars(
    names: Sequence[str],
    azimuth: np.ndarray,
    tilt: np.ndarray,
    stage_deg: float = 0.0,
    uncrossed_deg: float = 0.0,
) -> np.ndarray:
    """Light of crystals between crossed polars, relative to the same lamp.

    With amplitudes ``r = sqrt(R)`` along the two vibration directions, a phase ``p`` between them
    and the analyser turned by ``d`` from 90 degrees, the amplitude that passes is
    ``r1 cos(a) sin(a - d) - r2 e^(ip) sin(a) cos(a - d)``. At ``d = 0`` its square is
    ``|r1 - r2 e^(ip)|^2 sin^2(2 a) / 4``: four extinctions a turn, black for isotropic minerals.

    Parameters
    ----------
    names, azimuth, tilt, stage_deg : as in `plane_polarised`
    uncrossed_deg : how far the analyser is from 90 degrees

    Returns
    -------
    float32 [G, 3] : red, green, blue; anisotropic minerals 1e-4 to 0.03, isotropic ones near 0
    """
    low, high = _principal(names, tilt)
    r1, r2 = np.sqrt(low), np.sqrt(high)
    a = (np.asarray(azimuth, np.float64) + np.deg2rad(stage_deg))[:, None]
    d = np.deg2rad(uncrossed_deg)
    one, two = r1 * np.cos(a) * np.sin(a - d), r2 * np.sin(a) * np.cos(a - d)
    phase = np.array([anisotropic_phase(name) for name in names]).reshape(-1, 3)
    phase = phase * np.asarray(tilt, np.float64)[:, None]
    passed = one**2 + two**2 - 2 * one * two * np.cos(phase)
    return (passed + LEAK * (low + high) / 2).astype(np.float32)


@cache
def anisotropic_phase(name: str) -> tuple[float, float, float]:
    """Phase between the two vibrations of a mineral in red, green and blue, radians; from the word
    that the vocabulary has for its anisotropy ("none to weak" is the mean of both)."""
    words = vocabulary().find(name).anisotropy
    strength = np.mean([phase for word, phase in PHASES.items() if word in words.split("(")[0]])
    tint = next((np.array(tint) for word, tint in TINTS.items() if word in words), np.ones(3))
    return tuple((strength * tint).tolist())


def internal_reflection(name: str) -> tuple[np.ndarray, float]:
    """Colour and strength of the light that comes back from inside a mineral.

    Returns
    -------
    (float32 [3] red, green, blue at most 1, strength 0 to 1)
        Read from the vocabulary's words: "abundant" is 1, "common" 0.6, "rare" 0.15; "none" and
        unknown colours give strength 0.
    """
    words = vocabulary().find(name).internal_reflections.lower()
    found = [np.array(colour) for word, colour in GLOWS.items() if word in words]
    if not found or words.startswith("none"):
        return np.zeros(3, np.float32), 0.0
    strength = 1.0 if "abundant" in words else 0.6 if "common" in words else 0.35
    if "rare" in words:
        strength = 0.15
    return np.mean(found, axis=0).astype(np.float32), strength


def _principal(names: Sequence[str], tilt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R1 and the R2' of each cut, float64 [G, 3] each."""
    if not len(names):
        return np.zeros((0, 3)), np.zeros((0, 3))
    both = np.stack([principal_reflectance(name) for name in names])
    low = both[:, 0]
    return low, low + np.asarray(tilt, np.float64)[:, None] * (both[:, 1] - low)
