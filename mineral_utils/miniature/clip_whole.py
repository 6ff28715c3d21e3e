"""What a picture is about, taught without touching what Trident reads.

Of CLIP's last block Trident takes values and output projection only. What the class token makes of
a whole picture passes that block's queries, keys and MLP as well. A course of those alone
(``python -m mineral_utils.miniature clip --whole``) changes what ``encode_image`` says, while dense
features, and every map made of them, stay what they were, bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders import ClipText
from ..encoders.clip import class_feature, run_blocks
from .clip_losses import COMMON, equal, match, name_among
from .clip_model import read_texts
from .clip_views import Views
from .things import COLOURS, SURFACES

SHARES = {"sentence": 0.3, "main_colour": 0.5, "main_surface": 0.7, "main_both": 1.0}
BOTH_SCALE = 40.0  # of cosines among all pairs of colour and surface: the suite's own
TEMPLATES = "imagenet80"  # as the suite reads names


def class_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Let only those weights of an open_clip CLIP learn that the image tower's class token alone
    passes through: queries and keys, norm and MLP of the last block. The rows of values stand in
    one matrix with queries and keys; their gradient is set to zero, so they must not decay.

    Returns
    -------
    the parameters: the shared matrix and its bias first
    """
    last = model.visual.transformer.resblocks[-1]
    shared = [last.attn.in_proj_weight, last.attn.in_proj_bias]
    learning = [*shared, *last.ln_2.parameters(), *last.mlp.parameters()]
    model.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    for parameter in shared:
        parameter.register_hook(_without_values)
    return learning


def _without_values(gradient: Tensor) -> Tensor:
    queries, keys, values = gradient.chunk(3)
    return torch.cat([queries, keys, torch.zeros_like(values)])


@dataclass(frozen=True, eq=False)
class Words:
    """Unit vectors of names: colours [c, E], surfaces [s, E], both together [c * s, E]."""

    colours: Tensor
    surfaces: Tensor
    both: Tensor

    @classmethod
    def read(cls, model: nn.Module, tokenize) -> Words:
        """What the text tower, which does not learn here, makes of them."""
        device = model.text_projection.device
        text = ClipText(model, tokenize, device, remember=False)
        pairs = [f"{colour} {surface}" for colour in COLOURS for surface in SURFACES]
        banks = (text.embed(names, TEMPLATES).clone() for names in (COLOURS, SURFACES, pairs))
        return cls(*banks)


def whole_losses(model: nn.Module, tokenize, words: Words, views: Views) -> dict[str, Tensor]:
    """The parts of the loss, each a scalar (weights in `SHARES`), and shares of right answers.

    sentence : picture and sentence find each other among the batch (symmetric)
    main_colour, main_surface, main_both : what a picture is about, among all colours, all surfaces,
        all pairs of them
    """
    device = model.text_projection.device
    pixels = torch.from_numpy(np.ascontiguousarray(views.pixels)).to(device)
    with torch.no_grad():
        tokens = run_blocks(model.visual, pixels.permute(0, 3, 1, 2).float() / 255)
        sentences = read_texts(model, tokenize, views.captions)
    image = F.normalize(class_feature(model.visual, tokens), dim=-1)
    parts: dict[str, Tensor] = {}
    scale, same = model.logit_scale.detach().exp(), equal(views.captions, device)
    parts["sentence"], parts["right_sentence"] = match(image, sentences, scale, same)
    mostly = np.flatnonzero(views.main[:, 0] >= 0)
    if not len(mostly):
        nothing = {key: image.new_zeros(()) for key in SHARES if key != "sentence"}
        return parts | nothing | {f"right_{key}": value for key, value in nothing.items()}
    colour, surface = views.main[mostly].T
    about = image[torch.from_numpy(mostly).to(device)]
    for key, bank, target, common in (
        ("main_colour", words.colours, colour, COMMON[0]),
        ("main_surface", words.surfaces, surface, COMMON[1]),
    ):
        parts[key], parts[f"right_{key}"] = name_among(about, bank, target, common)
    parts["main_both"], parts["right_main_both"] = name_among(
        about, words.both, colour * len(SURFACES) + surface, scale=BOTH_SCALE
    )
    return parts
