"""Digital sections measured beside real photos: colour, spread, noise, vignette, grains, contacts.

Every measure takes *cases*, pairs of (image, labels) with one list of class names, whether rendered
or photographed. Class 0 is the background (resin, gangue, pits), as in LumenStone. Only training
photos may be measured here; the polish factors in ``polish.yaml`` come from `fit_polish`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from .optics import principal_reflectance
from .render import Section
from .textures import NO_MINERAL

__all__ = ["as_classes", "compare", "fit_polish", "measure", "patch_features"]

BACKGROUND = 0
FEWEST = 200  # interior pixels that a class must have in a picture to count there
CONTRAST = 1.3  # exponent of the tone curve, see imaging


def as_classes(
    section: Section, classes: Sequence[str | tuple[str, ...]]
) -> tuple[np.ndarray, np.ndarray]:
    """A section as (image, labels) in classes like LumenStone's.

    classes : names, or tuples of names that count as one; class 0 is what none of them names.
    labels are uint8 [H, W], 0 to len(classes).
    """
    table = np.zeros(256, np.uint8)
    for number, members in enumerate(classes, start=1):
        for name in (members,) if isinstance(members, str) else members:
            if name in section.names:
                table[section.names.index(name)] = number
    return section.image, table[section.labels]


def measure(cases: Iterable[tuple[np.ndarray, np.ndarray]], names: Sequence[str]) -> dict[str, Any]:
    """What a set of pictures looks like.

    Parameters
    ----------
    cases : iterable of (image uint8 [H, W, 3], labels uint8 [H, W], index into `names`);
        255 is ignored
    names : classes, the background first

    Returns
    -------
    dict
        ``classes``: per name, ``images`` with at least 200 interior pixels, ``share`` of pixels
        (0-1), ``mean`` RGB, ``between`` (SD of the image means), ``within`` (SD inside an image,
        mean of channels; all in levels), ``ecd`` (area-weighted 10th, 50th and 90th percentile of
        the equal-circle diameter of connected regions, as fractions of the width).
        ``noise``: median absolute deviation from the 5 x 5 median inside classes, levels.
        ``vignette``: loss of light at half the height from the centre, 0-1, median.
        ``contacts``: share of label changes between neighbouring pixels that join two minerals.
        ``background``: share of all pixels.
    """
    means: list[list[np.ndarray]] = [[] for _ in names]
    within: list[list[float]] = [[] for _ in names]
    sizes: list[list[np.ndarray]] = [[] for _ in names]
    pixels = np.zeros(256)
    noises, falls = [], []
    changes = joins = 0
    for image, labels in cases:
        pixels += np.bincount(labels.ravel(), minlength=256)
        one, two = _neighbours(labels)
        changes += len(one)
        joins += int(((one != BACKGROUND) & (two != BACKGROUND)).sum())
        inside = _interior(labels)
        grey = image.mean(-1, dtype=np.float32)
        rough = np.abs(grey - ndimage.uniform_filter(grey, 5))
        if (inside & (labels > 0)).any():
            noises.append(float(np.median(rough[inside & (labels > 0) & (labels != NO_MINERAL)])))
        falls.append(_vignette(grey, labels, inside))
        for k in range(len(names)):
            chosen = inside & (labels == k)
            if chosen.sum() >= FEWEST:
                values = image[chosen]
                means[k].append(values.mean(0))
                within[k].append(float(values.std(0).mean()))
            sizes[k].append(_diameters(labels == k) / labels.shape[1])
    rows = {}
    for k, name in enumerate(names):
        found = np.array(means[k]) if means[k] else np.full((1, 3), np.nan)
        rows[name] = {
            "images": len(means[k]),
            "share": float(pixels[k] / max(pixels.sum(), 1)),
            "mean": found.mean(0).round(1).tolist(),
            "between": float(found.std(0, ddof=len(found) > 1).mean()),
            "within": float(np.mean(within[k])) if within[k] else float("nan"),
            "ecd": _weighted(np.concatenate(sizes[k])) if sizes[k] else [float("nan")] * 3,
        }
    falls = [fall for fall in falls if fall is not None]
    return {
        "classes": rows,
        "noise": float(np.median(noises)) if noises else float("nan"),
        "vignette": float(np.median(falls)) if falls else float("nan"),
        "contacts": joins / max(changes, 1),
        "background": float(pixels[BACKGROUND] / max(pixels.sum(), 1)),
    }


def compare(real: dict[str, Any], rendered: dict[str, Any]) -> list[dict[str, Any]]:
    """Two results of `measure` side by side: rows with ``what``, ``real``, ``rendered``."""
    rows = []
    for name, one in real["classes"].items():
        two = rendered["classes"].get(name)
        if two is None or not one["images"] or not two["images"]:
            continue
        for key, what in (
            ("mean", "mean RGB"),
            ("between", "SD between images"),
            ("within", "SD within"),
            ("ecd", "grain size p10 / p50 / p90, of the width"),
        ):
            rows.append({"what": f"{name}: {what}", "real": one[key], "rendered": two[key]})
    for key, what in (
        ("noise", "noise, levels"),
        ("vignette", "vignette at half the height"),
        ("contacts", "share of mineral-mineral contacts"),
        ("background", "share of background"),
    ):
        rows.append({"what": what, "real": real[key], "rendered": rendered[key]})
    return rows


def fit_polish(
    cases: Iterable[tuple[np.ndarray, np.ndarray]],
    members: Sequence[tuple[str, ...]],
    reference: str,
    reference_factor: float = 1.0,
) -> dict[str, float]:
    """Polish factors: how bright a mineral is beside another in the same photo, over what its
    reflectance promises.

    Parameters
    ----------
    cases : (image, labels); label 0 is background, label k is ``members[k - 1]``
    members : minerals of each class; several share one reflectance (their mean)
    reference : a mineral that most photos show, with `reference_factor`

    Returns
    -------
    dict, mineral to factor: the median over photos of ``(L / L_ref)^(1 / 1.3) R_ref / R``, mean of
    the channels in logarithms, L being the linear light of sRGB.
    """
    promised = [np.mean([principal_reflectance(m).mean(0) for m in group], 0) for group in members]
    base = next(k for k, group in enumerate(members) if reference in group)
    ratios: list[list[float]] = [[] for _ in members]
    for image, labels in cases:
        inside = _interior(labels)
        light = []
        for k in range(len(members)):
            chosen = inside & (labels == k + 1)
            enough = chosen.sum() >= FEWEST
            light.append(_linear(image[chosen]).mean(0) if enough else None)
        if light[base] is None:
            continue
        for k, value in enumerate(light):
            if value is not None:
                kept = np.log(value / light[base]) / CONTRAST
                kept -= np.log(promised[k] / promised[base])
                ratios[k].append(float(kept.mean()))
    return {
        mineral: round(float(np.exp(np.median(found))) * reference_factor, 3)
        for group, found in zip(members, ratios, strict=True)
        for mineral in group
        if found
    }


def patch_features(image: np.ndarray, side: int = 32) -> np.ndarray:
    """What a small classifier of real against rendered patches looks at.

    Returns
    -------
    float32 [n, 30], one row a patch of side x side px: per channel mean, deviation, percentiles;
    energies of four octaves; strength, skewness and direction of edges; correlation of channels.
    """
    height, width = (n // side * side for n in image.shape[:2])
    pixels = image[:height, :width].astype(np.float32)
    grey = pixels.mean(-1)
    layers = [*np.moveaxis(pixels, -1, 0)]
    smooth = grey
    for sigma in (0.7, 1.4, 2.8, 5.6):
        blurred = ndimage.gaussian_filter(grey, sigma)
        layers.append(smooth - blurred)
        smooth = blurred
    dy, dx = np.gradient(grey)
    layers += [np.hypot(dy, dx), dy, dx]

    def cut(layer: np.ndarray) -> np.ndarray:
        cells = layer.reshape(height // side, side, width // side, side)
        return cells.swapaxes(1, 2).reshape(-1, side * side)

    columns = []
    for number, layer in enumerate(layers):
        cells = cut(layer)
        spread = cells.std(1)
        centred = cells - cells.mean(1, keepdims=True)
        columns += [spread, (centred**3).mean(1) / (spread**3 + 1)]
        if number < 3:
            columns += [cells.mean(1), *np.percentile(cells, (5, 95), axis=1)]
    red_blue = cut(pixels[..., 0] - pixels[..., 2])
    columns.append(red_blue.std(1))
    return np.stack(columns, 1).astype(np.float32)


def _neighbours(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Labels on both sides of every change between neighbouring pixels."""
    ones, twos = [], []
    for axis in (0, 1):
        one = labels.take(range(labels.shape[axis] - 1), axis)
        two = labels.take(range(1, labels.shape[axis]), axis)
        change = (one != two) & (one != NO_MINERAL) & (two != NO_MINERAL)
        ones.append(one[change])
        twos.append(two[change])
    return np.concatenate(ones), np.concatenate(twos)


def _interior(labels: np.ndarray, reach: int = 2) -> np.ndarray:
    """Pixels further than `reach` from another label."""
    window = 2 * reach + 1
    return ndimage.maximum_filter(labels, window) == ndimage.minimum_filter(labels, window)


def _diameters(mask: np.ndarray) -> np.ndarray:
    """Equal-circle diameters of connected regions, px."""
    regions, count = ndimage.label(mask)
    areas = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    return 2 * np.sqrt(areas / np.pi)


def _weighted(diameters: np.ndarray) -> list[float]:
    """10th, 50th and 90th percentile, weighted by area."""
    if not len(diameters):
        return [float("nan")] * 3
    order = np.sort(diameters)
    cumulated = np.cumsum(order**2)
    return [float(order[np.searchsorted(cumulated, q * cumulated[-1])]) for q in (0.1, 0.5, 0.9)]


def _vignette(grey: np.ndarray, labels: np.ndarray, inside: np.ndarray) -> float | None:
    """v of ``1 - v r^2`` fitted to the linear light of all mineral classes, each with its own
    level; None where too little is covered."""
    height, width = grey.shape
    y = (np.arange(height) + 0.5 - height / 2) / (height / 2)
    x = (np.arange(width) + 0.5 - width / 2) / (height / 2)
    square = y[:, None] ** 2 + x**2
    rise = spread = 0.0
    for k in np.unique(labels[inside]):
        chosen = inside & (labels == k)
        if k in (BACKGROUND, NO_MINERAL) or chosen.sum() < 20 * FEWEST:
            continue
        light, r2 = _linear(grey[chosen]), square[chosen]
        light = light / light.mean()
        rise += float(((light - 1) * (r2 - r2.mean())).sum())
        spread += float(((r2 - r2.mean()) ** 2).sum())
    if not spread:
        return None
    slope = rise / spread
    return -slope / (1 - slope * float(square.mean())) / CONTRAST


def _linear(levels: np.ndarray) -> np.ndarray:
    """sRGB levels (0-255) to linear light (0-1)."""
    value = np.asarray(levels, np.float64) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
