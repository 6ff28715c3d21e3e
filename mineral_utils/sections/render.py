"""Digital polished sections: pictures of ore under the microscope whose truth is known.

`render` draws minerals and crystals (`textures`), gives every crystal its colour (`optics`), wears
the surface (`artefacts`) and takes a picture of it (`imaging`)::

    section = render(["pyrite", "galena", "quartz"], seed=7)
    section.image, section.labels, section.names
    dark = render(["pyrite", "galena", "quartz"], seed=7, light="xpl", stage_deg=30)  # same field
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from . import artefacts, imaging, optics
from .textures import ALL, NO_MINERAL, Fabric, Pool, compose

__all__ = ["LIGHTS", "RENDERER", "Section", "render", "reseed"]

RENDERER = 1  # part of every seed: a change of what is drawn takes the next number
LIGHTS = ("ppl", "xpl")
SMALLEST, LARGEST = 16, 8192
HOLE = 0.35  # light from a hole, relative to resin


@dataclass(frozen=True)
class Section:
    """A rendered field of view and all that is known about it.

    Attributes
    ----------
    image : uint8 [H, W, 3], RGB
    labels : uint8 [H, W]
        Index into `names` at the pixel's centre; 255 where there is no mineral (resin, pits,
        cracks, open seams).
    names : tuple of str
        Minerals of the vocabulary, gangue included, in the order in which they were drawn.
    grains : int32 [H, W]
        Id of the crystal, -1 where `labels` is 255.
    um_per_px : float, micrometres per pixel
    light : "ppl" (plane-polarised) or "xpl" (crossed polars)
    stage_deg : float
        How far the crystals are turned against the polariser. Frames stay registered: the picture
        does not turn.
    seed : int
    textures : tuple of (texture, mineral)
        What was drawn, old to young.
    drawn : dict
        Everything else that was drawn: camera, preparation, renderer's number, size.
    """

    image: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    grains: np.ndarray
    um_per_px: float
    light: str
    stage_deg: float
    seed: int
    textures: tuple[tuple[str, str], ...]
    drawn: dict[str, Any]

    @property
    def shares(self) -> dict[str, float]:
        """Fraction of all pixels that each mineral takes, 0-1, largest first."""
        counts = np.bincount(self.labels.ravel(), minlength=256) / self.labels.size
        shares = {name: float(counts[k]) for k, name in enumerate(self.names)}
        return dict(sorted(shares.items(), key=lambda item: -item[1]))

    @property
    def field_width_mm(self) -> float:
        """Width of the field of view in millimetres."""
        return self.um_per_px * self.labels.shape[1] / 1000


def render(
    minerals: Sequence[str] | None = None,
    texture: str | None = None,
    size: tuple[int, int] = (336, 448),
    light: str = "ppl",
    stage_deg: float = 0.0,
    seed: int = 0,
    *,
    pool: Pool = ALL,
    camera: imaging.Camera | None = None,
    preparation: artefacts.Preparation | None = None,
    imaging_on: bool = True,
    artefacts_on: bool = True,
    polish: bool = True,
    unseen_camera: bool = False,
) -> Section:
    """Draw one field of a polished section.

    Parameters
    ----------
    minerals : list of str, optional
        Names that the vocabulary knows; None draws an assemblage out of `pool`.
    texture : str, optional
        Main event, one of `textures.TEXTURES`; None draws.
    size : (height, width) in px, 16 to 8192 each
    light : {"ppl", "xpl"}
    stage_deg : float
        Turn of the stage in degrees; field, preparation and lamp stay the same.
    seed : int
        Equal seeds give the same field; 0 or more.
    pool : what may be drawn, see `textures.Pool`
    camera, preparation : given instead of drawn
    imaging_on : False takes an ideal picture: no spread of exposure or white balance, no vignette,
        blur, noise or JPEG
    artefacts_on : False leaves out holes, scratches, seams, tarnish, uneven polish
    polish : apply the polish factors fitted on real photos
    unseen_camera : draw the camera among those that training never sees

    Returns
    -------
    Section
        With imaging and artefacts off, colour is a function of mineral, orientation of the crystal
        and light alone, and the mask has no holes.

    Raises
    ------
    ValueError
        Unknown minerals (with the nearest known names), a mix that never occurs, an unknown
        texture or light, a size out of range.
    TypeError
        A seed that is no integer.
    """
    size, light, stage_deg, seed = _checked(size, light, stage_deg, seed)
    streams = np.random.SeedSequence([RENDERER, seed]).spawn(4)
    shape, crystals, wear, lens = (np.random.default_rng(stream) for stream in streams)
    fabric = compose(minerals, texture, size, shape, pool)
    count = len(fabric.grain_mineral)
    azimuth = crystals.uniform(0, np.pi, count)
    tilt = 1 - crystals.uniform(0, 1, count) ** 2  # axes evenly over the sphere: sin^2 of the tilt
    width_mm = float(np.exp(crystals.uniform(np.log(0.2), np.log(2.6))))

    drawn_preparation = artefacts.draw_preparation(wear)
    preparation = preparation or drawn_preparation
    drawn_camera = imaging.draw_camera(lens, unseen_camera)
    if light == "xpl":  # little light comes through: a long exposure, and its noise
        gain, uncrossed = float(np.exp(lens.uniform(np.log(8), np.log(40)))), lens.normal(0, 1.5)
        drawn_camera = replace(
            drawn_camera, exposure=drawn_camera.exposure * gain, noise=drawn_camera.noise * 2
        )
    else:
        uncrossed = 0.0
    if not imaging_on:
        drawn_camera = replace(imaging.PLAIN, exposure=20.0 if light == "xpl" else 1.0)
        uncrossed = 0.0
    camera = camera or drawn_camera

    names = [fabric.names[k] for k in fabric.grain_mineral]
    if light == "ppl":
        table = optics.plane_polarised(names, azimuth, tilt, stage_deg, polish)
    else:
        table = optics.crossed_polars(names, azimuth, tilt, stage_deg, uncrossed)
    resin = optics.EMPTY if light == "ppl" else optics.EMPTY * optics.LEAK
    table = np.concatenate([table, resin[None]]).astype(np.float32)  # row -1: no mineral

    surface = artefacts.prepare(fabric, preparation) if artefacts_on else None
    glow = _Glow(fabric, light, preparation.seed) if artefacts_on or light == "xpl" else None
    frame = [RENDERER, seed, LIGHTS.index(light), round(stage_deg * 1000) % 360_000]
    noise = np.random.default_rng(frame) if imaging_on else None
    lit = imaging.vignette(size, camera) if camera.vignette else None
    image = np.empty((*size, 3), np.uint8)
    for channel in range(3):
        shown = table[:, channel][fabric.grains]
        if surface is not None:
            shown *= surface.shade
            if surface.film is not None:
                tint = artefacts.tarnish_colours(fabric.names)[:, channel]
                shown *= 1 + surface.film * (tint - 1)[fabric.labels]
        if glow is not None:
            shown += glow.channel(channel)
        if surface is not None:
            shown[surface.holes] = resin[channel] * HOLE
        image[..., channel] = imaging.take(shown, camera, channel, lit, noise)
    if imaging_on and camera.jpeg:
        image = imaging.through_jpeg(image, camera.jpeg)

    labels, grains = fabric.labels, fabric.grains
    if surface is not None:
        labels, grains = labels.copy(), grains.copy()
        labels[surface.holes], grains[surface.holes] = NO_MINERAL, -1
    drawn = {
        "renderer": RENDERER,
        "pool": pool.name,
        "grain_size": fabric.scale,
        "camera": asdict(camera),
        "preparation": asdict(preparation) if artefacts_on else None,
        "polish": polish,
    }
    return Section(
        image=image,
        labels=labels,
        names=fabric.names,
        grains=grains,
        um_per_px=1000 * width_mm / size[1],
        light=light,
        stage_deg=stage_deg,
        seed=seed,
        textures=fabric.textures,
        drawn=drawn,
    )


class _Glow:
    """Internal reflections: light from inside transparent minerals, in cloudy patches."""

    def __init__(self, fabric: Fabric, light: str, seed: int):
        colours = np.zeros((256, 3), np.float32)
        for k, name in enumerate(fabric.names):
            colour, strength = optics.internal_reflection(name)
            # a thousandth of the lamp's light comes back: seen clearly only between crossed polars
            colours[k] = colour * strength * (0.006 if light == "ppl" else 0.0022)
        self.colours, self.labels = colours, fabric.labels
        self.any = bool(colours.any())
        if self.any:
            rng = np.random.default_rng([seed, 2])
            cloud = artefacts.smooth_noise(fabric.labels.shape, rng, 0.015, 0.08)
            cloud += 0.6
            self.cloud = np.clip(cloud, 0, 4, out=cloud)

    def channel(self, channel: int) -> np.ndarray | float:
        if not self.any:
            return 0.0
        return self.colours[:, channel][self.labels] * self.cloud


def reseed(*parts: int | str) -> int:
    """A seed for `render` out of numbers and words, such as ("frozen", "a", 17): 0 to 2**63 - 1."""
    words = [int.from_bytes(str(part).encode(), "little") for part in parts]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> 1)


def _checked(size, light, stage_deg, seed) -> tuple[tuple[int, int], str, float, int]:
    try:
        height, width = (int(side) for side in size)
        whole = (height, width) == tuple(size)
    except (TypeError, ValueError):
        whole = False
    if not whole or not all(SMALLEST <= side <= LARGEST for side in (height, width)):
        raise ValueError(
            f"size must be (height, width), whole pixels from {SMALLEST} to {LARGEST}, "
            f"not {size!r}; write size=(336, 448)"
        )
    if light not in LIGHTS:
        raise ValueError(f'light must be "ppl" or "xpl", not {light!r}')
    if isinstance(stage_deg, bool) or not isinstance(stage_deg, (int, float, np.number)):
        raise ValueError(f"stage_deg must be an angle in degrees, not {stage_deg!r}")
    if not np.isfinite(stage_deg):
        raise ValueError(f"stage_deg must be finite, not {stage_deg!r}")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)):
        raise TypeError(
            f"seed must be a whole number, not {seed!r}; "
            'for words use sections.reseed("my class", 7)'
        )
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, not {seed}")
    return (height, width), light, float(stage_deg), int(seed)
