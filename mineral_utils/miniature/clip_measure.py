"""How good the small CLIP is on scenes it never saw, how little it knows of minerals, and its card.

All measures use the ways that the suite itself takes: `ClipVisual`, `ClipText` with its templates.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

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
from .things import COLOURS, SURFACES, Thing, lab
from .world import scene

WHOLE = 224
HELD_OUT = 10_000_000_000  # seeds of training are below 2**32
# Pictures are named among colour x surface. The eleven basic colour terms of English (Berlin & Kay,
# Basic Color Terms, 1969) stay mostly apart in any light; among sixteen, the light drawn with a
# scene turns dark grey into grey and cream into beige, and `eye` itself names four of five.
BASIC = ("black", "grey", "white", "brown", "red", "orange", "yellow", "green", "blue", "purple")
BASIC += ("pink",)
FINE = (*BASIC, "dark grey", "pale grey", "cream", "beige", "turquoise")
_PLAIN = ("smooth", "striped", "dotted")
BASIC_NAMES = tuple(f"{c} {s}" for c, s in itertools.product(BASIC, _PLAIN))
NAMES = tuple(f"{c} {s}" for c, s in itertools.product(FINE, _PLAIN))


RECIPE = (
    "Symmetric contrastive loss of pictures and sentences at batch 96 (AdamW, one cycle), "
    "pieces of 64 px first, then 112 px, whole scenes of 224 px at the end, and in a second, "
    "lower cycle mostly scenes about one thing; surfaces drawn bold. The patch filters start as "
    "mean colours and cosine waves (clip_start). Beside it "
    "weak supervision, as the world's segments are known: what Trident reads (the last block's "
    "values through its output projection, averaged over patches of one material, or single "
    "patches) is matched with the words for colour, surface and shape that are true there, "
    "pictures of one thing with its colour and surface; and made-up names are to be the same "
    "name in every sentence, so that unknown words stay apart."
)


BEGAN = " Began with the weights shipped before."
CLASS_ONLY = BEGAN + (
    " Then what the class token alone passes through (queries, keys, norm and MLP of the last "
    "block) was taught alone (whole): fresh pictures, drawn before in six minutes, which the time "
    "here leaves out, three quarters of them about one thing or surface; picture and sentence, and "
    "what a picture is about among all colours, all surfaces, all pairs. Dense features did not "
    "change."
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


def evaluate(model: nn.Module, *, pictures: int = 1440, scenes: int = 80) -> dict[str, float]:
    """Shares of right answers on held-out scenes of 224 px.

    Returns
    -------
    dict
        naming_33, naming_48 : pictures of one thing or surface, named among `BASIC_NAMES` and
            `NAMES`; chance of the latter; naming_33_thing and naming_33_surface, the former on
            pictures of one thing on a ground, and of one surface alone
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
    banks = {
        "naming_33": BASIC_NAMES,
        "naming_48": NAMES,
        "naming_colour": COLOURS,
        "naming_surface": SURFACES,
    }
    vectors = {key: reader.words(names) for key, names in banks.items()}
    right: dict[str, list[bool]] = {key: [] for key in banks}
    for image, thing, _, kind in _about(number):
        truths = (f"{thing.colour} {thing.surface}",) * 2 + (thing.colour, thing.surface)
        vector = reader.whole(image[None])[0]
        for (key, names), truth in zip(banks.items(), truths, strict=True):
            if truth in names:
                hit = names[int((vectors[key] @ vector).argmax())] == truth
                right[key].append(hit)
                if key == "naming_33":
                    right.setdefault(f"{key}_{kind}", []).append(hit)
    return {key: float(np.mean(hits)) for key, hits in right.items()}


def _about(
    number: int, stream: int = 0
) -> Iterator[tuple[np.ndarray, Thing, np.ndarray, Literal["thing", "surface"]]]:
    """Held-out pictures about one thing or surface, `number` of them with a word of `NAMES`:
    image, thing, where it is (bool [H, W]), what kind of picture."""
    found = 0
    for seed in itertools.count():
        if found >= number:
            return
        kind = ("surface", "single")[seed % 2]
        rng = np.random.default_rng([HELD_OUT, stream, seed])
        drawn = scene(rng, (WHOLE, WHOLE), kind, bold=True)
        about = main_thing(drawn)
        if about is None:
            continue
        thing = drawn.things[about]
        found += f"{thing.colour} {thing.surface}" in NAMES
        words = "surface" if kind == "surface" else "thing"
        yield drawn.image, thing, drawn.segments == about, words


def eye(number: int = 240, learnt: int = 900) -> dict[str, float]:
    """What somebody names who sees exactly the pixels of the thing, but not the light: share of
    colours right by 11 nearest neighbours in CIELAB among median colours of other pictures.

    Returns
    -------
    dict : eye_33 and eye_48, the colours of `BASIC_NAMES` and of `NAMES`
    """
    from sklearn.neighbors import KNeighborsClassifier

    def colours(count: int, stream: int) -> tuple[np.ndarray, np.ndarray]:
        rows = [
            (lab(np.median(image[where], axis=0)), thing.colour)
            for image, thing, where, _ in _about(count, stream)
        ]
        return np.array([colour for colour, _ in rows]), np.array([word for _, word in rows])

    seen, words = colours(learnt, 2)
    asked, truth = colours(number, 0)
    found = {}
    for key, names in (("eye_33", BASIC), ("eye_48", FINE)):
        known, wanted = np.isin(words, names), np.isin(truth, names)
        judge = KNeighborsClassifier(11).fit(seen[known], words[known])
        found[key] = float(judge.score(asked[wanted], truth[wanted]))
    return found


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


def _card(folder: str | Path) -> dict:
    """The card that lies in a folder; empty where there is none."""
    path = Path(folder) / "clip.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


# ---- the card ----------------------------------------------------------------------------------
def export(
    model: nn.Module,
    out: str | Path,
    folder: str | Path = FOLDER,
    numbers: dict | None = None,
    onward: bool = False,
    whole: bool = False,
) -> Path:
    """Write weights and card; the numbers are those of the weights as rounded to float16.

    Parameters
    ----------
    out : the folder of the training, for its curve
    numbers : measured elsewhere (`ignorance`), to stand on the card too
    onward, whole : the training began with the weights shipped before; `whole` taught only what
        is said of whole pictures
    """
    rounded, sizes = build(0), {"pictures": 1440, "scenes": 80}
    rounded.load_state_dict({key: value.half() for key, value in model.state_dict().items()})
    rows = (Path(out) / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    last = json.loads(rows[-1])
    measured = evaluate(rounded, **sizes) | eye(sizes["pictures"])
    measured = {key: round(value, 4) for key, value in measured.items()}
    print(json.dumps(measured, indent=1))
    card = {
        "title": "Small CLIP of the general world",
        "architecture": ARCHITECTURE,
        "data": (
            "Scenes of mineral_utils.miniature.world, drawn on the fly: coloured and textured "
            "shapes, dead leaves, fractal landscapes, mosaics, with sentences in everyday words. "
            "No ore texture, no mineral name, no photo."
        ),
        "recipe": RECIPE + (CLASS_ONLY if whole else BEGAN if onward else ""),
        "time": {
            "steps": last["step"],
            "minutes": round(last["seconds"] / 60, 1),
            "hardware": "one thread of a two-core CPU, shared with other work",
        }
        | ({"before": _card(folder).get("time")} if onward or whole else {}),
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
