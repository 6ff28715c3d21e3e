"""What the reader of a map should be told: names whose area is a guess, names that no light tells
apart, and photos unlike those that the model was taught on.

The light of a photo is read off its own minerals: where the map says pyrite, and pyrite reflects
half of the light, the brightness there says how the photo was exposed. Ranges and rates come from
digital sections (`calibrating`); on any other photo they are a hint.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from .. import trident
from ..dense import working_size
from ..minerals import vocabulary
from ..segmentation import Segmentation
from .unknown import (
    Calibration,
    asked_words,
    average_light,
    load_calibration,
    look_alikes,
    other_model,
    with_unknown,
)

if TYPE_CHECKING:
    from ..segmenter import Scene

SMALL = 0.005  # of the photo: areas below are not worth a sentence
FEW = 0.02  # of the photo: fewer sure pixels say nothing of its light
SAMPLE = 400  # px: colours are read off no more than so many rows and columns

# property of a photo -> what it is below and above its range, and what to do about it
SENTENCES = {
    "exposure": (
        "is darker ({times:.1f} of the light that its minerals should send): expose longer, and "
        "check that the polars are not crossed",
        "is brighter ({times:.1f} times the light that its minerals should send): expose shorter",
    ),
    "red": (
        "has less red ({times:.2f} of what its minerals should send): set the white balance",
        "has more red ({times:.2f} times what its minerals should send): set the white balance",
    ),
    "blue": (
        "has less blue ({times:.2f} of what its minerals should send): set the white balance",
        "has more blue ({times:.2f} times what its minerals should send): set the white balance",
    ),
    "detail": (
        "is smoother, out of focus or enlarged: give it as the camera took it, or smaller",
        "is rougher from pixel to pixel, noisy or sharpened: average frames, or give it smaller",
    ),
}


def warnings_for(
    scene: Scene, result: Segmentation, *, calibration: Calibration | None = None
) -> list[str]:
    """Sentences for the reader of a map, the gravest first; an empty list where all is well.

    Parameters
    ----------
    scene : what was segmented
    result : its segmentation, judged by `with_unknown` or not
    calibration : of the model; the shipped one by default

    Returns
    -------
    list of str
        Of another model than the calibrated one only what needs no measuring.
    """
    calibration = calibration or load_calibration()
    said = [scene.model.banner] if scene.model.banner else []
    other = other_model(scene.model, calibration)
    if other:
        return [*said, other, *_alike(result)]
    if result.confidence is None:
        result = with_unknown(scene, result, calibration=calibration)
    return [
        *said,
        *_unfamiliar(photo_looks(scene, result), calibration.looks),
        *_guessed(result, calibration),
        *_alike(result),
    ]


def photo_looks(scene: Scene, result: Segmentation) -> dict[str, float]:
    """Properties of a photo that may be unlike what a model was taught on.

    Parameters
    ----------
    scene : the photo
    result : judged by `with_unknown`: light is read off the pixels that are known

    Returns
    -------
    dict
        Natural logarithms: ``detail``, how rough the photo is from pixel to pixel against how it
        rises and falls; and where enough is known, ``exposure`` (0 is normal), ``red`` and
        ``blue`` against green (0 is daylight).
    """
    grey = working_size(scene.photo.image, scene.preset).mean(-1, dtype=np.float32)
    rough, slope = (
        sum(np.abs(np.diff(grey, n, axis=axis)).mean() for axis in (0, 1)) for n in (2, 1)
    )
    looks = {"detail": float(np.log((rough + 0.01) / (slope + 0.01)))}
    light = _light(scene.photo.image, result)
    if light is not None:
        red, green, blue = light.tolist()
        looks |= {"exposure": green, "red": red - green, "blue": blue - green}
    return looks


def name_confidence(result: Segmentation) -> tuple[np.ndarray, np.ndarray]:
    """How much each name takes of the photo, and how sure it is there: float64 [K] and [K], both
    in [0, 1], unknown pixels counted with the name that they would have; nan without any."""
    labels = result.coarse_labels() if result.refined is None else result.refined
    counts, sums = np.zeros(256), np.zeros(256)
    for rows in trident.strips(*result.size, 1):
        sure = trident.upsample_rows(result.confidence[..., None], result.size, rows)
        counts += np.bincount(labels[rows].ravel(), minlength=256)
        sums += np.bincount(labels[rows].ravel(), sure.numpy().ravel(), minlength=256)
    own = slice(len(result.names))
    with np.errstate(invalid="ignore"):
        return counts[own] / labels.size, sums[own] / counts[own]


def _light(image: np.ndarray, result: Segmentation) -> np.ndarray | None:
    """Light of a photo against what its minerals reflect, float64 [3], natural logarithms; None
    where too little is known."""
    from ..sections import PLAIN, imaging

    rows, columns = (np.arange(0, side, max(1, side // SAMPLE)) for side in result.size)
    at = np.ix_(rows, columns)
    labels, colours = result.labels[at], image[at]
    steps = imaging.tone_curve(PLAIN)
    found, weights = [], []
    for index, name in enumerate(result.names):
        here = labels == index
        if name not in vocabulary() or here.mean() < FEW:
            continue
        level = np.median(colours[here], axis=0)
        seen = np.interp(level, steps, np.linspace(0, 2, len(steps)))
        due = average_light([vocabulary()[name].name])[0]
        found.append(np.log(np.maximum(seen, 1e-3) / due))
        weights.append(here.mean() * due.mean())
    if not found:
        return None
    return np.array([_weighted_median(each, weights) for each in np.transpose(found)])


def _weighted_median(values: np.ndarray, weights: list[float]) -> float:
    order = np.argsort(values)
    heaped = np.cumsum(np.array(weights)[order])
    return values[order][np.searchsorted(heaped, heaped[-1] / 2)]


def _unfamiliar(looks: Mapping[str, float], ranges: Mapping[str, tuple[float, float]]) -> list[str]:
    said = []
    for key, value in looks.items():
        low, high = ranges.get(key, (-np.inf, np.inf))
        if not low <= value <= high:
            what = SENTENCES[key][value > high].format(times=np.exp(value))
            said.append(f"Compared with what the model was taught on, the photo {what}.")
    return said


def _untaught(result: Segmentation, calibration: Calibration) -> list[str]:
    """Names none of whose words the model was taught."""
    taught = set(calibration.rivals.values())
    owner, words = result.owner.tolist(), asked_words(result)
    known = {index for word, index in zip(words, owner, strict=True) if word in taught}
    return [name for index, name in enumerate(result.names) if index not in known]


def _guessed(result: Segmentation, calibration: Calibration) -> list[str]:
    untaught = _untaught(result, calibration)
    said = []
    if untaught:
        names = " or ".join(filter(None, [", ".join(untaught[:-1]), untaught[-1]]))
        said = [f"The model was not taught what {names} looks like: that area is a guess."]
    shares, sure = name_confidence(result)
    for name, share, mean in zip(result.names, shares, sure, strict=True):
        if share >= SMALL and mean < calibration.guess and name not in untaught:
            said.append(
                f"{name}: its area ({share:.0%} of the photo) is a guess; other names that the "
                f"model knows fit there as well or better (confidence {mean:.2f} on average)."
            )
    return said


def _alike(result: Segmentation) -> list[str]:
    asked = [(name, vocabulary()[name].name) for name in result.names if name in vocabulary()]
    return [
        f"{one} and {two} look the same in reflected light: take their areas together."
        for (one, mineral), (two, other) in combinations(asked, 2)
        if other in look_alikes().get(mineral, ())
    ]
