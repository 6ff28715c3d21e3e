"""Models are asked about photos whose truth is known; SAM looks at each photo once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from tqdm.auto import tqdm

from .. import trident
from ..encoders.clip import class_feature, run_blocks
from ..metrics import areas, confusion, keep_inside, regions
from ..minerals import vocabulary
from ..segmenter import Scene, Segmenter, encode_together
from .question import Case, Question, question
from .result import PROTOCOLS, Answers, Cell, Key


def answers(
    models: Mapping[str, Segmenter],
    cases: Iterable[Case],
    names: Sequence[str] | Question,
    *,
    protocols: Sequence[str] = PROTOCOLS,
    refine: Sequence[str] = PROTOCOLS,
    parts: bool = False,
    progress: bool = True,
    **changes,
) -> Answers:
    """Ask models that differ in CLIP alone about the same photos.

    Parameters
    ----------
    models : name -> model, such as ``{"base": ..., "tuned": ...}``
    cases : photos with their truth, one at a time
    names : classes of the labels, or a whole `Question`
    protocols : ``"all"``: all names are asked; ``"present"``: only those that are in the photo
    refine : protocols whose answers SAM's decoder refines too; half of the time goes there
    parts : under protocol "all" also what CLIP says alone, and with DINO but without SAM
    progress : show a bar
    **changes : of the preset, see `Segmenter.encode`

    Returns
    -------
    Answers

    Raises
    ------
    ValueError
        No photos, an unknown protocol, or models that differ in more than CLIP.
    """
    asked = question(names)
    for protocol in (*protocols, *refine):
        if protocol not in PROTOCOLS:
            raise ValueError(f"protocol {protocol!r} is not known; use {' or '.join(PROTOCOLS)}")
    photos, specimens, truth, pixels, pieces = [], [], [], [], []
    tables: dict[Key, list[tuple[np.ndarray, ...]]] = {}
    for number, case in enumerate(tqdm(cases, desc="asking", disable=not progress)):
        case = Case(*case)
        photos.append(case.name or f"photo {number}")
        specimens.append(case.specimen)
        truth.append(areas(case.labels, len(asked.names)))
        pixels.append(case.labels.size)
        pieces.append(regions(case.labels, len(asked.names)).sum())
        keep = keep_inside(case.labels)
        scenes = encode_together(models, case.image, keep_stages=parts, **changes)
        for model, scene in scenes.items():
            for stage, protocol, labels in _maps(scene, asked, truth[-1], refine, parts, protocols):
                found = _counted(case.labels, labels, keep, asked)
                tables.setdefault((model, stage, protocol), []).append(found)
    if not photos:
        raise ValueError("there are no photos to ask about; give at least one case")
    known = None not in specimens
    return Answers(
        asked,
        tuple(photos),
        tuple(specimens) if known else None,
        np.array(truth),
        np.array(pixels),
        np.array(pieces),
        {key: Cell(*map(np.array, zip(*rows, strict=True))) for key, rows in tables.items()},
    )


def _maps(
    scene: Scene,
    asked: Question,
    shares: np.ndarray,
    refine: Sequence[str],
    parts: bool,
    protocols: Sequence[str],
) -> Iterator[tuple[str, str, np.ndarray]]:
    """Stage, protocol and labels uint8 [H, W], index into all asked names, of one photo."""
    order = {name: k for k, name in enumerate(asked.asked)}
    for protocol in protocols:
        words = dict(asked.asked)
        if protocol == "present":
            right = asked.allowed[shares > 0].any(axis=0)
            words = {name: words[name] for name, k in order.items() if right[k]} or words
        place = np.full(256, 255, np.uint8)
        place[: len(words)] = [order[name] for name in words]
        for stage in ("clip", "dino") if parts and protocol == "all" else ():
            early = scene.after(stage).segment(words, open_vocabulary=True)
            yield stage, protocol, place[early.labels]
        result = scene.segment(words, open_vocabulary=True)
        yield "sam", protocol, place[result.labels]
        if protocol in refine:
            yield "refined", protocol, place[result.refine(scene, progress=False).labels]


def _counted(
    truth: np.ndarray, labels: np.ndarray, keep: np.ndarray, asked: Question
) -> tuple[np.ndarray, ...]:
    """The four parts of a `Cell`, of one photo."""
    sizes = len(asked.names), len(asked.asked)
    return (
        confusion(truth, labels, *sizes),
        confusion(truth, labels, *sizes, keep=keep),
        areas(labels, sizes[1]),
        regions(labels, sizes[1]).sum(),
    )


@torch.inference_mode()
def whole_photo_scores(
    models: Mapping[str, Segmenter], cases: Iterable[Case], names: Sequence[str]
) -> dict[str, np.ndarray]:
    """What CLIP says of the whole photo, squeezed into its square: zero-shot without any map.

    The strongest simple answer to "which minerals are here": if a map does not beat it, the map
    adds nothing to the list of minerals.

    Parameters
    ----------
    models : name -> model
    cases : photos
    names : K minerals

    Returns
    -------
    dict of model to float64 [N, K]
        Softmax over the names of 40 times the cosine; name a mineral from some value on, chosen on
        validation photos with `metrics.best_threshold`.
    """
    cases = [Case(*case) for case in cases]
    words = [vocabulary().find(name).prompt for name in names]
    found = {}
    for name, model in models.items():
        clip, text = model.encoders.clip, model.encoders.text
        side = round((len(clip.visual.positional_embedding) - 1) ** 0.5) * clip.patch
        queries, rows = text.embed(words), []
        for case in cases:
            square = Image.fromarray(case.image).resize((side, side), Image.Resampling.BICUBIC)
            pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None] / 255
            tokens = run_blocks(clip.visual, pixels.to(clip.device))
            feature = F.normalize(class_feature(clip.visual, tokens), dim=-1)
            owner = torch.arange(len(words), device=queries.device)
            scale = model.preset.logit_scale
            shares = trident.probabilities(feature @ queries.T, owner, len(words), scale)
            rows.append(shares[0].double().cpu().numpy())
        found[name] = np.array(rows)
    return found
