"""How sure an answer is, and which pixels hold none of the minerals asked for.

An answer is weighed against every name that the model was taught, asked or not: the words that a
user leaves out are still known to the text tower, and where one of them fits better, none of the
words given is right. Names that no reflected light can tell apart (`look_alikes`) are not weighed
against each other. Of a mineral that the model was never taught, nothing speaks: about half of
it is found out, because it resembles several names a little and none much, the rest is not.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from .. import trident
from ..minerals import vocabulary
from ..run import write_json
from ..segmentation import Segmentation

if TYPE_CHECKING:
    from ..segmenter import Scene, Segmenter

SHIPPED = Path(__file__).with_name("calibration.json")
JUST_SEEN = 2.3  # CIELAB distance that an eye just sees (Mahy et al. 1994)
COMMAND = "python -m mineral_utils.confidence calibrate"

_HASHES: WeakKeyDictionary = WeakKeyDictionary()


@dataclass(frozen=True)
class Calibration:
    """What was measured on digital sections of a model, and is used on any photo.

    model : `model_hash` of the CLIP that it was measured with
    rivals : names that the model was taught -> the word it is asked with
    logit_scale : factor of the cosines
    threshold : least confidence of a known pixel, 0 to 1
    guess : mean confidence over a name's area below which the area is a guess, 0 to 1
    looks : property of a photo -> (least, largest) among digital sections
    measured : on what, with which rates, when; for the reader
    """

    model: str
    rivals: Mapping[str, str]
    logit_scale: float
    threshold: float
    guess: float = 0.0
    looks: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_json(path, self)


def load_calibration(path: str | Path | None = None) -> Calibration:
    """A calibration from its file; the shipped one, of ``miniature:ore``, by default.

    Raises
    ------
    ValueError
        The file is missing or holds no calibration.
    """
    path = SHIPPED if path is None else Path(path)
    try:
        row = json.loads(path.read_text(encoding="utf-8"))
        row["looks"] = {key: (low, high) for key, (low, high) in row["looks"].items()}
        return Calibration(**row)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ValueError(
            f"{path} is no calibration ({error}); write one with `{COMMAND} --out {path.name}`"
        ) from error


def with_unknown(
    scene: Scene,
    result: Segmentation,
    threshold: float | None = None,
    *,
    calibration: Calibration | None = None,
) -> Segmentation:
    """The same segmentation, with 255 where the answer is no better than the rest.

    Parameters
    ----------
    scene : what was segmented: anything with ``model`` and ``compare``
    result : its segmentation, refined or not
    threshold : least confidence of a known pixel, 0 to 1; the calibrated one by default. 0 leaves
        all pixels known and gives the confidence alone
    calibration : of the model; the shipped one by default

    Returns
    -------
    Segmentation
        With ``confidence`` float32 [h, w] on the feature grid and ``min_confidence``; its labels,
        table and pictures follow. ``dataclasses.replace(result, min_confidence=0.4)`` moves the
        threshold without asking the model again.

    Raises
    ------
    ValueError
        A threshold outside 0 to 1, or a result of another scene.

    Warns
    -----
    UserWarning
        The model is another one than the calibration was made with.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}; a confidence lies between 0 and 1")
    calibration = calibration or load_calibration()
    other = other_model(scene.model, calibration)
    if other:
        warnings.warn(other, stacklevel=2)
    asked = asked_words(result)
    rivals = [word for word in calibration.rivals.values() if word not in asked]
    rest = result.cosine[..., :0]
    if rivals:
        queries = scene.model.encoders.text.embed(rivals)
        rest = scene.compare(queries, torch.arange(len(rivals)), rivals).cosine
    if rest.shape[:2] != result.cosine.shape[:2]:
        raise ValueError(
            f"the result has a grid of {tuple(result.cosine.shape[:2])}, the scene one of "
            f"{tuple(rest.shape[:2])}; give the scene that the result came from"
        )
    confidence = weigh(
        torch.cat([result.cosine, rest], -1) * calibration.logit_scale,
        result.owner,
        rivals_of([*asked, *rivals], result.owner.tolist()),
    )
    least = calibration.threshold if threshold is None else threshold
    return replace(result, confidence=confidence, min_confidence=float(least))


def confidence_map(result: Segmentation, size: tuple[int, int] | None = None) -> np.ndarray:
    """How sure the answer is, pixel by pixel.

    Parameters
    ----------
    result : from `with_unknown`
    size : (height, width) in px; the photo's by default. A live view is content with less

    Returns
    -------
    float32 [H, W] in [0, 1]
        Probability of the best name against all others that the model was taught.

    Raises
    ------
    ValueError
        The result was not judged yet.
    """
    if result.confidence is None:
        raise ValueError("this result has no confidence yet; call with_unknown(scene, result)")
    size = result.size if size is None else (int(size[0]), int(size[1]))
    out = np.empty(size, np.float32)
    for rows in trident.strips(*size, 1):
        out[rows] = trident.upsample_rows(result.confidence[..., None], size, rows)[..., 0].numpy()
    return out


def weigh(logits: Tensor, owner: Tensor, rivals: Tensor) -> Tensor:
    """Probability of the best asked class against its rivals.

    Parameters
    ----------
    logits : float32 [h, w, N], the Q asked queries first
    owner : int64 [Q], the class of each asked query
    rivals : bool [K, N], which queries speak against each class

    Returns
    -------
    float32 [h, w] in [0, 1]; 1 where nothing speaks against the best class
    """
    best, query = logits[..., : len(owner)].max(-1)
    label = owner[query]
    against = torch.full_like(best, float("-inf"))
    for index in label.unique().tolist():
        here = label == index
        if rivals[index].any():
            against[here] = logits[here][:, rivals[index]].logsumexp(-1)
    return torch.sigmoid(best - against)


def rivals_of(words: Sequence[str], owner: Sequence[int]) -> Tensor:
    """Which words speak against each class: those of other classes that do not look alike.

    words : N, the Q asked ones first; owner : Q classes; to bool [K, N]
    """
    minerals = [_meant(word) for word in words]
    owner = [*owner, *[-1] * (len(words) - len(owner))]
    rows = []
    for index in range(max(owner) + 1):
        own = {m for m, k in zip(minerals, owner, strict=True) if k == index}
        alike = own.union(*(look_alikes().get(mineral, ()) for mineral in own))
        rows.append([k != index and m not in alike for m, k in zip(minerals, owner, strict=True)])
    return torch.tensor(rows)


@cache
def _meant(word: str) -> str:
    """The mineral that a word stands for, or the word; looking in vain takes milliseconds."""
    return vocabulary()[word].name if word in vocabulary() else word


@cache
def look_alikes() -> dict[str, frozenset[str]]:
    """Minerals that no reflected light can tell apart, for each mineral of the vocabulary that has
    such: their average crystals, as the renderer's camera takes them in plane-polarised light,
    differ by less than an eye can see."""
    from ..miniature.things import lab
    from ..sections import PLAIN, imaging

    names = vocabulary().names
    steps = imaging.tone_curve(PLAIN)
    colour = lab(steps[np.rint(average_light(names) * (len(steps) - 1) / 2).astype(int)])
    near = np.linalg.norm(colour[:, None] - colour, axis=-1) < JUST_SEEN
    np.fill_diagonal(near, False)
    return {
        name: frozenset(names[k] for k in np.flatnonzero(row))
        for name, row in zip(names, near, strict=True)
        if row.any()
    }


def average_light(names: Sequence[str]) -> np.ndarray:
    """What the average crystal of each mineral reflects in plane-polarised light, float32 [n, 3],
    red, green, blue, 0 to 1."""
    from ..sections import optics

    # azimuths and cuts evenly over the sphere: R1 + (R2 - R1) / 3
    return optics.plane_polarised(names, np.full(len(names), np.pi / 4), np.full(len(names), 2 / 3))


def asked_words(result: Segmentation) -> tuple[str, ...]:
    """The text of each query of a result, Q of them."""
    if result.words:
        return result.words
    queries = vocabulary().queries(result.names, open_vocabulary=True)
    words = tuple(word for query in queries for word in query.words)
    if len(words) != len(result.owner):
        raise ValueError(
            f"the result has {len(result.owner)} queries and does not say their words; make it "
            "with scene.segment(names), or give it its words"
        )
    return words


def model_hash(model: Segmenter) -> str:
    """SHA-256 of a model's CLIP, both towers, an adapter merged."""
    clip, text = model.encoders.clip, model.encoders.text
    if clip not in _HASHES:
        digest = hashlib.sha256(text.hash.encode())
        for name, tensor in sorted(clip.visual.state_dict().items()):
            digest.update(f"{name}{tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().float().contiguous().numpy().data)
        _HASHES[clip] = digest.hexdigest()
    return _HASHES[clip]


def other_model(model: Segmenter, calibration: Calibration) -> str | None:
    """A sentence, where a model is not the one that a calibration was made with; else None."""
    if model_hash(model) == calibration.model:
        return None
    adapter = calibration.measured.get("adapter", "unnamed")
    return (
        f"How sure the answers are was calibrated for another model ({adapter}): what becomes "
        f"unknown here is not to be relied on; calibrate your own model with `{COMMAND}`."
    )
