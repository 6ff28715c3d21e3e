"""Recipes: how CLIP is tuned.

A recipe is a named row of ``profiles/recipes.yaml``, or a YAML file of your own; single values are
changed as those of a preset are: ``load_recipe("one-hot", rate=1e-6)``.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .profiles import FOLDER, check_keys

TARGETS, VIEWS, DENSE = ("pair", "set"), ("whole", "window"), ("none", "set", "mask")
LEARNS = ("all", "class")
PRECISIONS = ("float32", "bfloat16", "float16")
LISTS = {"towers": "[image, text]", "parts": "[attention, mlp]"}
# the least that each number may be, written whole where it must be whole; None has rules of its own
NUMBERS = {"epochs": 1, "batch": 1, "side": 16, "micro": 0, "rank": 1, "zoom": 1.0, "decay": 0.0}
NUMBERS |= {"contrast": 0.0, "dense_weight": 0.0, "balance": 0.0, "light": 0.0, "dropout": 0.0}
NUMBERS |= {"rate": None, "warm": None, "alpha": None, "clip_norm": None}


@dataclass(frozen=True)
class Recipe:
    """Every choice of the tuning. Defaults are the paper's, where it says something.

    Adapters
        rank, alpha : r and alpha of W + (alpha / r) B A; None takes the image tower's width / 24
            (32 for ViT-B/16, as the paper) and twice the rank.
        dropout : on the adapters' input.
        towers, parts : of "image", "text"; of "attention", "mlp".
        learns : ``"all"`` adapters; ``"class"``: only those that CLIP's class token alone passes
            through (queries, keys and MLP of the image tower's last block). What is said of whole
            photos changes then; what Trident reads, and so every map, does not.
        learn_temperature : whether ``logit_scale`` learns, clamped to [0, ln 100] as CLIP does.
    Course
        epochs : 10 in the paper's experiments, 5 in its method.
        batch : pictures a step.
        rate : peak of the one-cycle schedule. The paper's "initial rate 1e-6" can mean the first
            value, which torch's OneCycleLR makes the 25th part of its peak (so 2.5e-5), or the
            peak itself.
        warm : share of the steps in which the rate rises.
        decay : AdamW's weight decay.
        clip_norm : gradients longer than this are shortened.
        seed : of adapters, order and views.
    What is taught
        contrast : weight of the image-text loss.
        targets : ``"pair"``: a picture's own caption only (the paper); ``"set"``: captions of the
            same minerals too, by the overlap of their sets.
        dense : ``"none"``; ``"set"``: every patch must be one of the photo's minerals, and each of
            them must be somewhere; ``"mask"``: every patch has its mineral from a mask.
        dense_weight : of that loss.
        ground : words for pixels that hold no mineral (resin, pits), taught with masks; "" leaves
            them out.
        balance : exponent of the classes' weights in the mask loss, 0 equal pixels, 1 equal
            classes.
    What is seen
        view : ``"whole"``: the photo squeezed into a square (the paper); ``"window"``: a window of
            it, as at inference.
        side : of the view, px.
        zoom : windows are enlarged or reduced by up to this factor.
        light : spread of exposure and white balance that is added.
        turn : whether views are turned and mirrored.
    prompts : templates that minerals' names are put into, for the dense loss and afterwards
        (`mineral_utils.encoders.TEMPLATES`).
    Memory
        micro : pictures that go through the model at once; 0 is all. Fewer give the same
            gradients by computing every picture twice.
        forget : recompute activations instead of keeping them (gradient checkpointing).
        precision : ``"float32"``, ``"bfloat16"`` or ``"float16"``; the latter two need CUDA.
    """

    name: str = "one-hot"
    note: str = ""
    rank: int | None = None
    alpha: float | None = None
    dropout: float = 0.0
    towers: tuple[str, ...] = ("image", "text")
    parts: tuple[str, ...] = ("attention", "mlp")
    learns: str = "all"
    learn_temperature: bool = True
    epochs: int = 10
    batch: int = 32
    rate: float = 2.5e-5
    warm: float = 0.3
    decay: float = 0.01
    clip_norm: float = 1.0
    seed: int = 0
    contrast: float = 1.0
    targets: str = "pair"
    dense: str = "none"
    dense_weight: float = 1.0
    ground: str = ""
    balance: float = 0.0
    view: str = "whole"
    side: int = 224
    zoom: float = 1.0
    light: float = 0.0
    turn: bool = True
    prompts: str = "imagenet80"
    micro: int = 0
    forget: bool = False
    precision: str = "float32"

    def __post_init__(self) -> None:
        known = {"targets": TARGETS, "view": VIEWS, "dense": DENSE, "precision": PRECISIONS}
        known |= {"learns": LEARNS}
        for key, words in known.items():
            if getattr(self, key) not in words:
                self._refuse(key, f"write {', '.join(words[:-1])} or {words[-1]}")
        for key, least in NUMBERS.items():
            value = getattr(self, key)
            if value is None and key in ("rank", "alpha"):
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                # YAML reads 1e-6 as text; it wants 1.0e-6
                self._refuse(key, "which is no number; write it as 0.003 or 1.0e-6", ", ")
            if isinstance(least, int) and not isinstance(value, int):
                self._refuse(key, f"write a whole number, {least} or more")
            if least is not None and not least <= value < math.inf:
                self._refuse(key, f"write {least} or more")
        if not self.clip_norm > 0:
            self._refuse("clip_norm", "write a length above 0, such as 1, or .inf to shorten none")
        for key in ("learn_temperature", "turn", "forget"):
            if not isinstance(getattr(self, key), bool):
                self._refuse(key, "write true or false")
        for key in ("towers", "parts"):
            given = getattr(self, key)
            given = (given,) if isinstance(given, str) else given
            if not isinstance(given, tuple) or not all(isinstance(name, str) for name in given):
                self._refuse(key, "write a list of names, such as " + LISTS[key])
            object.__setattr__(self, key, given)
        if not isinstance(self.ground, str):
            self._refuse("ground", "write words, such as resin")
        prompts = (self.prompts,) if isinstance(self.prompts, str) else self.prompts
        if not isinstance(prompts, tuple) or not all(isinstance(form, str) for form in prompts):
            self._refuse("prompts", "write the name of a set, such as mineral, or a list of texts")
        if not 0 < self.rate < 1 or not 0 < self.warm < 1:
            raise ValueError(
                f"recipe {self.name!r}: rate {self.rate} and warm {self.warm} must lie between 0 "
                "and 1; the paper's rate is 2.5e-5, the schedule's usual share of warming up 0.3"
            )
        if self.contrast == 0 and (self.dense == "none" or self.dense_weight == 0):
            raise ValueError(
                f"recipe {self.name!r} teaches nothing: contrast is {self.contrast}, dense is "
                f"{self.dense} and dense_weight {self.dense_weight}; give one of the two losses"
            )
        if self.learns == "class" and (self.dense != "none" or "image" not in self.towers):
            raise ValueError(
                f"recipe {self.name!r}: learns is 'class', which changes what the image tower says "
                f"of whole photos only, but dense is {self.dense!r} and towers are "
                f"{', '.join(self.towers)}; write dense: none and towers with image, or learns: all"
            )
        if self.batch == 1 and self.dense == "none":
            raise ValueError(
                f"recipe {self.name!r} teaches nothing: a batch of 1 has no other picture to "
                "compare with; write 2 or more, as many as memory allows"
            )
        if self.micro and self.dropout:
            raise ValueError(
                f"recipe {self.name!r}: with dropout {self.dropout} every picture would be seen "
                "with two different dropouts when micro is not 0; set one of them to 0"
            )

    def _refuse(self, key: str, advice: str, between: str = "; ") -> NoReturn:
        given = getattr(self, key)
        raise ValueError(f"recipe {self.name!r}: {key} is {given!r}{between}{advice}")

    def replace(self, **changes: Any) -> Recipe:
        """A copy with some values changed; a wrong name is answered with the nearest ones."""
        check_keys(changes, Recipe, f"recipe {self.name!r}")
        changes = {k: tuple(v) if isinstance(v, list) else v for k, v in changes.items()}
        return dataclasses.replace(self, **changes)


def load_recipe(recipe: str | Path | Recipe = "one-hot", **changes: Any) -> Recipe:
    """A shipped recipe by name or your own YAML file by path, with single values changed.

    A file may name a shipped recipe under ``recipe`` and give what differs.

    Raises
    ------
    ValueError
        Unknown recipe or value; the message offers the known ones.
    """
    if isinstance(recipe, Recipe):
        return recipe.replace(**changes)
    if not isinstance(recipe, str | Path):
        raise ValueError(
            f"{recipe!r} is no recipe; give a name, such as one-hot, or the path of a .yaml file"
        )
    path = Path(recipe)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ValueError(f"there is no file {path}; give a recipe's name or a .yaml file")
        try:
            row = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            place = " ".join(str(error).split())
            raise ValueError(f"{path.name} is no YAML ({place})") from error
        if not isinstance(row, dict):
            raise ValueError(f"{path.name} holds no table of keys; see mineral_utils/profiles")
        base = load_recipe(row.pop("recipe", "one-hot"))
        row = {str(key): value for key, value in row.items()}
        return base.replace(**{"name": path.stem, **row, **changes})
    known = recipes()
    if recipe not in known:
        raise ValueError(f"no recipe {str(recipe)!r}; there are {', '.join(sorted(known))}")
    return known[str(recipe)].replace(**changes)


@cache
def recipes() -> dict[str, Recipe]:
    """The shipped recipes by name."""
    rows = yaml.safe_load((FOLDER / "recipes.yaml").read_text(encoding="utf-8"))
    made: dict[str, Recipe] = {}
    for name, row in rows.items():
        base = made[row.pop("like")] if "like" in row else Recipe()
        made[name] = base.replace(**{"name": name, **row})
    return made
