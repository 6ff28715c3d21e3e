"""What the small CLIP learns from: sentences about pictures, and words at the patch.

Beside the contrastive loss of CLIP (arXiv 2103.00020) the features that Trident reads (the last
block's values) are named directly: the world knows which words are true of which patches.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .clip_model import embed, look, read_texts
from .clip_views import PATCH, Views
from .things import COLOURS, SURFACES, vary

# Trident multiplies cosines by 40 before the softmax; half of it here asks for wider gaps
DENSE_SCALE = 20.0
SHARES = {"sentence": 1.0, "whole": 0.3, "colour": 1.0, "surface": 1.0, "both": 0.5, "thing": 0.3}
SHARES |= {"main_colour": 0.5, "main_surface": 0.7, "name": 0.2}
_SPOKEN = 96  # pairs of words, and phrases, that are read at a step: texts cost time
# more than a third of the materials are smooth, and the rest share nine words: without a lower
# weight the answer "smooth" is good enough for long
_COMMON = (1.0, 0.3)
_FORMS = ("{}", "a {} thing", "something {}", "it is {}", "{} things", "on this photo: {}.")


def losses(model: nn.Module, tokenize, views: Views, rng: np.random.Generator) -> dict[str, Tensor]:
    """The parts of the loss, each a scalar (weights in `SHARES`), and shares of right answers
    (``right_*``, no gradient).

    sentence : picture and sentence find each other among the batch (symmetric)
    whole : the same for the mean of the dense features
    colour, surface : a pool's word among all words
    both : colour and surface together among those of the batch
    thing : a thing's phrase among the phrases of the batch
    main_colour, main_surface : the same for pictures that are about one thing or material
    name : a made-up name is the same name in another sentence; without pictures. It keeps names
        apart that the world does not know.
    """
    device = model.text_projection.device
    pixels = torch.from_numpy(np.ascontiguousarray(views.pixels)).to(device)
    room = model.visual.grid_size[0] - pixels.shape[1] // PATCH
    corner = tuple(rng.integers(0, room + 1, 2).tolist())
    image, dense = look(model, pixels.permute(0, 3, 1, 2).float() / 255, corner)
    scale = model.logit_scale.exp()

    bank = _Bank()
    sentences = bank.add(views.captions)
    colours = bank.add(_say(COLOURS, rng))
    surfaces = bank.add(_say(SURFACES, rng))
    pairs, pair = np.unique(np.stack([views.colour, views.surface], 1), axis=0, return_inverse=True)
    few = rng.permutation(len(pairs))[:_SPOKEN]
    both = bank.add(_say([f"{COLOURS[c]} {SURFACES[s]}" for c, s in pairs[few]], rng))
    told = rng.permutation(len(views.phrases))[:_SPOKEN]
    phrases, phrase = np.unique(np.array(views.phrases, dtype=object)[told], return_inverse=True)
    phrases = bank.add(phrases)
    invented = _invent(24, rng)
    once, again = (bank.add(_say(invented, rng)) for _ in range(2))
    text = read_texts(model, tokenize, bank.texts)

    parts = {}
    same = equal(views.captions, device)
    image = F.normalize(image, dim=-1)
    parts["sentence"], parts["right_sentence"] = match(image, text[sentences], scale, same)
    whole = F.normalize(embed(model, dense.mean(1)), dim=-1)
    parts["whole"], _ = match(whole, text[sentences], scale, same)

    pools = _pool(model, dense, views.weights, views.picture)
    for column, key, words, target in (
        (0, "colour", colours, views.colour),
        (1, "surface", surfaces, views.surface),
    ):
        parts[key], parts[f"right_{key}"] = _name(pools, text[words], target, _COMMON[column])
    where = np.full(len(pairs), -1)
    where[few] = np.arange(len(few))
    target = where[pair.ravel()]
    spoken = np.flatnonzero(target >= 0)
    parts["both"], parts["right_both"] = _name(pools[spoken], text[both], target[spoken])
    mostly = np.flatnonzero(views.main[:, 0] >= 0)
    for column, key, words in ((0, "main_colour", colours), (1, "main_surface", surfaces)):
        if len(mostly):
            target = views.main[mostly, column]
            parts[key], parts[f"right_{key}"] = _name(
                image[mostly], text[words], target, _COMMON[column]
            )
        else:
            parts[key] = parts[f"right_{key}"] = image.new_zeros(())
    things = _pool(model, dense, views.thing_weights[told], views.thing_picture[told])
    parts["thing"], parts["right_thing"] = _name(things, text[phrases], phrase.ravel())
    alone = torch.eye(len(invented), dtype=torch.bool, device=device)
    parts["name"], _ = match(text[once], text[again], torch.tensor(20.0), alone)
    return parts


class _Bank:
    """Texts of a step, read together."""

    def __init__(self):
        self.texts: list[str] = []

    def add(self, texts: Sequence[str]) -> slice:
        start = len(self.texts)
        self.texts += list(texts)
        return slice(start, len(self.texts))


def _say(words: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Each word, or a synonym, in a sentence of its own drawing."""
    said = []
    for word in words:
        spoken = vary(word, rng)
        if rng.random() < 0.5:
            said.append(_FORMS[rng.integers(len(_FORMS))].format(spoken))
        else:
            forms = open_clip.OPENAI_IMAGENET_TEMPLATES
            said.append(forms[rng.integers(len(forms))](spoken))
    return said


def _invent(number: int, rng: np.random.Generator) -> list[str]:
    """Names of two to four syllables that mean nothing."""
    made = rng.choice(list("bcdfghklmnprstvz"), (number, 4)), rng.choice(list("aeiou"), (number, 4))
    syllables = np.char.add(*made)
    return ["".join(row[: rng.integers(2, 5)]) + "x" for row in syllables]


def equal(texts: Sequence[str], device: torch.device) -> Tensor:
    """bool [B, B]: the same sentence twice is no wrong answer."""
    _, number = np.unique(np.array(texts, dtype=object), return_inverse=True)
    number = torch.from_numpy(number.ravel()).to(device)
    return number[:, None] == number[None]


def match(left: Tensor, right: Tensor, scale: Tensor, same: Tensor) -> tuple[Tensor, Tensor]:
    """Symmetric contrastive loss of unit vectors [B, E], and how often the right one wins."""
    logits = scale * left @ right.T
    target = same.float() / same.sum(1, keepdim=True)
    loss = -(target * logits.log_softmax(1)).sum(1).mean()
    loss = loss - (target * logits.log_softmax(0)).sum(1).mean()
    right_ones = same[torch.arange(len(same)), logits.detach().argmax(1)].float().mean()
    return loss / 2, right_ones


def _pool(model: nn.Module, dense: Tensor, weights: np.ndarray, picture: np.ndarray) -> Tensor:
    """Unit vectors of pools [M, E]."""
    mixed = torch.einsum(
        "mp,mpd->md",
        torch.from_numpy(weights).to(dense.device),
        dense[torch.from_numpy(picture).to(dense.device)],
    )
    return F.normalize(embed(model, mixed), dim=-1)


def _name(
    pools: Tensor, names: Tensor, target: np.ndarray, common: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Cross entropy of pools among names; `common` is the weight of the first name."""
    weight = torch.ones(len(names), device=names.device)
    weight[0] = common
    logits = DENSE_SCALE * pools @ names.T
    target = torch.from_numpy(np.asarray(target)).to(logits.device)
    right = (logits.detach().argmax(1) == target).float().mean()
    return F.cross_entropy(logits, target, weight, label_smoothing=0.05), right
