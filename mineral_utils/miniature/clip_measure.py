"""How good the small CLIP is on scenes it never saw, how little it knows of minerals, and its card.

All measures use the ways that the suite itself takes: `ClipVisual`, `ClipText` with its templates.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .. import trident
from ..encoders import ClipText, ClipVisual
from ..encoders.vit import CLIP_STATISTICS, normalise
from .clip_model import ARCHITECTURE, build, tokenizer
from .clip_views import main_thing, materials, shares
from .store import FOLDER, save_weights
from .things import COLOURS, SURFACES
from .world import scene

WHOLE = 224
HELD_OUT = 6_000_000_000  # seeds of training are below 2**32
# the names among which held-out pictures are named: 16 colours x 3 surfaces
NAMES = tuple(
    f"{colour} {surface}"
    for colour, surface in itertools.product(
        (
            *("black", "dark grey", "grey", "pale grey", "white", "cream", "beige", "brown"),
            *("red", "orange", "yellow", "green", "turquoise", "blue", "purple", "pink"),
        ),
        ("smooth", "striped", "dotted"),
    )
)


RECIPE = (
    "Symmetric contrastive loss of pictures and sentences at batch 96 (AdamW, one cycle), "
    "pieces of 64 px first, then 112 px, whole scenes of 224 px at the end; surfaces drawn "
    "bold. The patch filters start as mean colours and cosine waves (clip_start). Beside it "
    "weak supervision, as the world's segments are known: what Trident reads (the last block's "
    "values through its output projection, averaged over patches of one material, or single "
    "patches) is matched with the words for colour, surface and shape that are true there, "
    "pictures of one thing with its colour and surface; and made-up names are to be the same "
    "name in every sentence, so that unknown words stay apart."
)


class Reader:
    """A trained model, read the way the suite reads one."""

    def __init__(self, model: nn.Module, templates: str = "imagenet80"):
        model = copy.deepcopy(model).float().eval()
        self.model, self.templates = model, templates
        self.visual = ClipVisual(model.visual)
        self.text = ClipText(model, tokenizer(), remember=False)

    def words(self, words: Sequence[str]) -> Tensor:
        return self.text.embed(words, self.templates)

    @torch.inference_mode()
    def whole(self, images: np.ndarray) -> Tensor:
        """Pictures uint8 [n, 224, 224, 3] to unit vectors, by open_clip's own ``encode_image``."""
        pixels = torch.from_numpy(images.copy()).permute(0, 3, 1, 2).float() / 255
        return self.model.encode_image(normalise(pixels, CLIP_STATISTICS), normalize=True)

    @torch.inference_mode()
    def patches(self, image: np.ndarray, pools: np.ndarray | None = None) -> Tensor:
        """Unit vectors of the patches of a picture, or of pools [m, patches] of them."""
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float() / 255
        seen = self.visual.project_out(self.visual.values(pixels))[0]
        if pools is not None:
            seen = torch.from_numpy(pools.astype(np.float32)) @ seen
        return F.normalize(self.visual.embed(seen), dim=-1)


def evaluate(model: nn.Module, *, pictures: int = 240, scenes: int = 80) -> dict[str, float]:
    """Shares of right answers on held-out scenes of 224 px.

    Returns
    -------
    dict
        naming_48 : pictures of one thing or surface, named among `NAMES`, and its chance
        naming_colour, naming_surface : the same among all colours, all surfaces
        patch_colour, patch_surface : patches (at least three quarters one material) named among
            all colours, all surfaces; pool_…: the mean of all patches of a material
        own_names_miou : pixels of a scene named among its own materials, without DINO and SAM
        own_names_majority : mIoU of naming everything as the largest material
    """
    reader = Reader(model)
    numbers = {"naming_chance": 1 / len(NAMES), **_naming(reader, pictures)}
    return numbers | _dense(reader, scenes)


def _naming(reader: Reader, number: int) -> dict[str, float]:
    banks = [reader.words(bank) for bank in (NAMES, COLOURS, SURFACES)]
    right = [[], [], []]
    for seed in itertools.count():
        if len(right[0]) >= number:
            break
        kind = ("surface", "single")[seed % 2]
        drawn = scene(np.random.default_rng([HELD_OUT, 0, seed]), (WHOLE, WHOLE), kind, bold=True)
        about = main_thing(drawn)
        if about is None:
            continue
        thing = drawn.things[about]
        truths = (f"{thing.colour} {thing.surface}", thing.colour, thing.surface)
        vector = reader.whole(drawn.image[None])[0]
        for names, bank, truth, hits in zip(
            (NAMES, COLOURS, SURFACES), banks, truths, right, strict=True
        ):
            if truth in names:
                hits.append(names[int((bank @ vector).argmax())] == truth)
    keys = ("naming_48", "naming_colour", "naming_surface")
    return {key: float(np.mean(hits)) for key, hits in zip(keys, right, strict=True)}


def _dense(reader: Reader, number: int) -> dict[str, float]:
    colours, surfaces = reader.words(COLOURS), reader.words(SURFACES)
    right: dict[str, list[float]] = {}
    for seed in range(number):
        kind = ("things", "leaves", "land", "mosaic", "mixed")[seed % 5]
        drawn = scene(np.random.default_rng([HELD_OUT, 1, seed]), (WHOLE, WHOLE), kind, bold=True)
        own, pairs = materials(drawn)
        truth = own[drawn.segments]
        share = shares(truth, len(pairs))
        patches = reader.patches(drawn.image)
        cell, material = np.nonzero(share >= 0.75)
        big = np.flatnonzero((share >= 0.5).sum(0) >= 2)
        pools = np.where(share[:, big] >= 0.5, share[:, big], 0)
        pools = reader.patches(drawn.image, (pools / np.maximum(pools.sum(0), 1e-9)).T)
        for what, seen, of in (("patch", patches[cell], material), ("pool", pools, big)):
            for column, (key, bank) in enumerate((("colour", colours), ("surface", surfaces))):
                hits = (seen @ bank.T).argmax(1).numpy() == pairs[of, column]
                right.setdefault(f"{what}_{key}", []).append(float(hits.mean()) if len(of) else 1)
        words = reader.words([f"{COLOURS[c]} {SURFACES[s]}" for c, s in pairs])
        cosine = (patches @ words.T).unflatten(0, (14, 14))
        labels = trident.resize_map(cosine, truth.shape).argmax(-1).numpy()
        right.setdefault("own_names_miou", []).append(_miou(labels, truth, len(pairs)))
        largest = np.full_like(truth, np.bincount(truth.ravel()).argmax())
        right.setdefault("own_names_majority", []).append(_miou(largest, truth, len(pairs)))
    return {key: float(np.mean(values)) for key, values in right.items()}


def _miou(labels: np.ndarray, truth: np.ndarray, number: int) -> float:
    table = np.bincount((truth * number + labels).ravel(), minlength=number**2)
    table = table.reshape(number, number)
    union = table.sum(0) + table.sum(1) - np.diag(table)
    return float((np.diag(table) / np.maximum(union, 1)).mean())


def ignorance(
    model: nn.Module, fields: Iterable[tuple[np.ndarray, int]], names: Sequence[str]
) -> dict[str, float]:
    """How often the model names the mineral that fills most of a field; it should not know.

    Parameters
    ----------
    fields : (uint8 [H, W, 3], index into `names`) of digital sections
    names : minerals, with words that are no colours

    Returns
    -------
    dict
        mineral_naming, mineral_chance (1 / names) and mineral_over_chance
    """
    from PIL import Image

    reader = Reader(model)
    bank, hits = reader.words(names), []
    for image, truth in fields:
        small = np.asarray(Image.fromarray(image).resize((224, 224), Image.Resampling.BILINEAR))
        hits.append(int((bank @ reader.whole(small[None])[0]).argmax()) == truth)
    right, chance = float(np.mean(hits)), 1 / len(names)
    return {
        "mineral_naming": right,
        "mineral_chance": chance,
        "mineral_over_chance": right / chance,
    }


# ---- the card ----------------------------------------------------------------------------------
def export(
    model: nn.Module, out: str | Path, folder: str | Path = FOLDER, numbers: dict | None = None
) -> Path:
    """Write weights and card; the numbers are those of the weights as rounded to float16.

    Parameters
    ----------
    out : the folder of the training, for its curve
    numbers : measured elsewhere (`ignorance`), to stand on the card too
    """
    rounded, sizes = build(0), {"pictures": 240, "scenes": 80}
    rounded.load_state_dict({key: value.half() for key, value in model.state_dict().items()})
    rows = (Path(out) / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(rows[-1])
    measured = {key: round(value, 4) for key, value in evaluate(rounded, **sizes).items()}
    print(json.dumps(measured, indent=1))
    card = {
        "title": "Small CLIP of the general world",
        "architecture": ARCHITECTURE,
        "data": (
            "Scenes of mineral_utils.miniature.world, drawn on the fly: coloured and textured "
            "shapes, dead leaves, fractal landscapes, mosaics, with sentences in everyday words. "
            "No ore texture, no mineral name, no photo."
        ),
        "recipe": RECIPE,
        "time": {
            "steps": last["step"],
            "minutes": round(last["seconds"] / 60, 1),
            "hardware": "one thread of a two-core CPU, shared with other work",
        },
        "measured_on": {**sizes, "size_px": WHOLE, "surfaces": "bold", "seed": HELD_OUT},
        "numbers": measured | {key: round(value, 4) for key, value in (numbers or {}).items()},
        "limits": (
            "Knows about 60 colour words, 10 surfaces and a dozen shapes, and English only. "
            "Brightness is named as drawn, so a strongly under- or overexposed picture is named "
            "wrongly. It knows no mineral, and what it says of one is chance."
        ),
        "licence": "Apache-2.0",
    }
    return save_weights("clip", model.state_dict(), card, folder)
