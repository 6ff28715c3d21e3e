"""The face of the suite: a model, a scene (one photo, encoded once), a segmentation.

Encoding costs nearly everything and does not know the words; asking an encoded scene for minerals
costs milliseconds; refinement runs SAM's decoder only, because its image embedding is in the
scene::

    model = load_model("demo")
    scene = model.encode("section.jpg")
    result = scene.segment(["pyrite", "galena"])
    fine = scene.segment(["pyrite", "galena"], refine=True)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import trident
from .dense import look, splice, working_size
from .encoders import Encoders, SamView, load_encoders
from .minerals import vocabulary
from .photos import Photo, as_photo
from .profiles import Preset, Profile, load_preset, load_profile
from .run import pick_device
from .segmentation import Segmentation

PRECISIONS = {"float32": None, "float16": torch.float16, "bfloat16": torch.bfloat16}


def load_model(
    profile: str | Path | Profile = "demo",
    *,
    device: str = "auto",
    preset: str | Preset | None = None,
    precision: str = "auto",
    adapter: str | Path | None = None,
) -> Segmenter:
    """Build a profile's three models on a device.

    Parameters
    ----------
    profile : a shipped profile (``"demo"``, ``"paper"``), your own YAML file, or a `Profile`
    device : ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …
    preset : how photos are looked at; the profile's own by default
    precision : ``"float32"``; ``"float16"`` or ``"bfloat16"`` (autocast, CUDA only); ``"auto"``
        is float16 on CUDA and float32 elsewhere
    adapter : a tuned CLIP: the file that `mineral_utils.training.tune` wrote; the profile's own,
        if it names one, by default. Names are then asked with the prompts that it was taught with

    Raises
    ------
    ValueError
        Unknown profile, preset or precision, or half precision without CUDA.
    mineral_utils.weights.WeightError
        A checkpoint is absent and cannot be fetched, or does not fit.
    """
    profile = load_profile(profile)
    if adapter is not None:
        # what the profile warns of is that its CLIP has not been tuned
        profile = replace(profile, clip=replace(profile.clip, adapter=str(adapter)), warning="")
    where = pick_device(device)
    if precision == "auto":
        precision = "float16" if where.type == "cuda" else "float32"
    if precision not in PRECISIONS:
        raise ValueError(f"precision is {precision!r}; write auto, {', '.join(PRECISIONS)}")
    if precision != "float32" and where.type != "cuda":
        raise ValueError(
            f"precision {precision!r} needs a CUDA device, but the model runs on {where.type}; "
            "use precision='float32' (half precision is slower than float32 on a CPU)"
        )
    chosen = load_preset(preset) if preset is not None else profile.preset
    models = load_encoders(profile, where)
    return Segmenter(models, chosen, profile.name, precision, warning=profile.warning)


@dataclass(frozen=True)
class Segmenter:
    """Three models and a way of looking. `window_batch` windows go through at once: 4 keep the
    largest buffer of a ViT-B in cache-sized blocks on a CPU; a GPU takes 32."""

    encoders: Encoders
    preset: Preset = field(default_factory=Preset)
    name: str = "custom"
    precision: str = "float32"
    window_batch: int | None = None
    warning: str = ""

    @property
    def banner(self) -> str | None:
        """What to say with every picture: that weights are random, and the profile's own warning;
        None where there is nothing to say."""
        random, said = self.encoders.random, []
        if random == ("SAM",):
            said.append("SAM: random weights, so refined outlines mean nothing yet.")
        elif random:
            said.append(
                f"{', '.join(random)}: random weights. Every stage can be followed; "
                "the map means nothing yet."
            )
        if self.warning:
            said.append(self.warning)
        return " ".join(said) or None

    def encode(self, photo, *, keep_stages: bool = False, progress: bool = True, **changes):
        """Encode one photo, or each of a list.

        Parameters
        ----------
        photo : `Photo`, path, or uint8 array [H, W, 3] RGB; or a list of these
        keep_stages : keep the spliced map and SAM's correlation in the scene, for looking at
        progress : show a bar over the windows
        **changes : parameters of the preset for this call, e.g. ``stride=224``

        Returns
        -------
        Scene, or list of Scene

        Raises
        ------
        mineral_utils.photos.PhotoError
            The picture cannot be used; the message says why and what to do.
        """
        if isinstance(photo, (list, tuple)):
            return [
                self.encode(p, keep_stages=keep_stages, progress=progress, **changes) for p in photo
            ]
        photo = as_photo(photo)
        preset = self.preset.replace(**changes)
        image = working_size(photo.image, preset)
        spliced, mean_over = self._splice(image, preset, progress=progress)
        with self._autocast():
            view = look(self.encoders, image, preset)
        stages = {"spliced": spliced, "correlation": view.correlation} if keep_stages else {}
        return self._scene(photo, image, preset, spliced, mean_over, view, stages)

    def _splice(self, image: np.ndarray, preset: Preset, **options) -> tuple[Tensor, str]:
        with self._autocast():
            return splice(self.encoders, image, preset, batch=self._batch, **options)

    def _scene(
        self,
        photo: Photo,
        image: np.ndarray,
        preset: Preset,
        spliced: Tensor,
        mean_over: str,
        view: SamView,
        stages: dict[str, Tensor],
    ) -> Scene:
        """What SAM saw, spread over the spliced map."""
        pooled = trident.aggregate(view.correlation, spliced, view.grid)
        features = F.normalize(self.encoders.clip.embed(pooled), dim=-1)
        view = replace(view, correlation=None)  # the largest array of all is not needed any more
        return Scene(photo, image.shape[:2], features, view, preset, self, mean_over, stages)

    @property
    def _batch(self) -> int:
        return self.window_batch or (32 if self.encoders.device.type == "cuda" else 4)

    def _autocast(self):
        dtype = PRECISIONS[self.precision]
        if dtype is None:
            return nullcontext()
        return torch.autocast(self.encoders.device.type, dtype)


@dataclass(frozen=True)
class Scene:
    """One photo, encoded; knows no words yet.

    photo : the photo
    working_size : (height, width) in px at which it was looked at
    features : float32 [n, embed_dim], unit length, on SAM's grid, row-major
    view : what refinement needs of SAM (embedding, sizes)
    preset : the parameters that were used
    model : the `Segmenter` that encoded it
    similarity_mean : ``"photo"`` or ``"window"``, what the mean ran over
    stages : maps before the last stage, where asked for: ``"spliced"``, ``"correlation"``, from
        `encode_together` also ``"own"``
    """

    photo: Photo
    working_size: tuple[int, int]
    features: Tensor
    view: SamView
    preset: Preset
    model: Segmenter
    similarity_mean: str
    stages: dict[str, Tensor] = field(default_factory=dict)

    def segment(
        self,
        names: Sequence[str] | Mapping[str, str | Sequence[str]],
        *,
        refine: bool = False,
        open_vocabulary: bool = False,
        templates: str | Sequence[str] | None = None,
        progress: bool = True,
        **changes,
    ) -> Segmentation:
        """Label every pixel with one of the names.

        Parameters
        ----------
        names : minerals (English or Russian names, symbols, aliases), or a mapping of a class to
            its word or words (synonyms)
        refine : sharpen the borders with SAM's decoder
        open_vocabulary : take unknown names as free text instead of refusing them
        templates : prompt templates, see `mineral_utils.encoders.TEMPLATES`; those of the model by
            default
        **changes : parameters of the preset for this call, e.g. ``prob_thd=0.3``

        Returns
        -------
        Segmentation

        Raises
        ------
        mineral_utils.minerals.UnknownMineral
            An unknown name; the message offers the nearest ones.
        ValueError
            No names, an empty or repeated one, more than 254.
        """
        queries = vocabulary().queries(names, open_vocabulary=open_vocabulary)
        words = [word for query in queries for word in query.words]
        owner = torch.tensor([i for i, query in enumerate(queries) for _ in query.words])
        text = self.model.encoders.text
        if text is None:
            raise ValueError("this model has no text tower; load it with load_model(...)")
        result = self.compare(
            text.embed(words, templates), owner, [query.name for query in queries], **changes
        )
        result = replace(result, words=tuple(words))
        return result.refine(self, progress=progress) if refine else result

    def compare(
        self, queries: Tensor, owner: Tensor, names: Sequence[str], **changes
    ) -> Segmentation:
        """Like `segment`, with ready unit vectors [Q, embed_dim]; `owner` [Q] gives the class of
        each."""
        preset = self.preset.replace(**changes)
        cosine = trident.classify(self.features, queries.to(self.features), self.view.grid)
        return Segmentation(
            cosine=cosine.cpu(),
            owner=owner.cpu(),
            names=tuple(names),
            size=self.photo.image.shape[:2],
            preset=preset,
            um_per_px=self.photo.um_per_px,
        )

    def after(self, stage: str) -> Scene:
        """The photo as the method knows it after an earlier stage; for words, not for refinement.

        Parameters
        ----------
        stage : ``"clip"`` (CLIP's own map, patch by patch), ``"dino"`` (spliced under DINO's
            affinity) or ``"sam"`` (all: this scene)

        Raises
        ------
        ValueError
            An unknown stage, or one that was not kept: see `encode_together`.
        """
        if stage == "sam":
            return self
        key = {"clip": "own", "dino": "spliced"}.get(stage)
        if key not in self.stages:
            raise ValueError(
                f"there is no map after {stage!r} in this scene; stages are clip, dino and sam, "
                "and encode_together(..., keep_stages=True) keeps the first two"
            )
        kept = self.stages[key]
        features = F.normalize(self.model.encoders.clip.embed(kept.flatten(0, 1)), dim=-1)
        view = replace(self.view, grid=tuple(kept.shape[:2]))
        return replace(self, features=features, view=view, stages={})

    def similarity(self, name: str, *, open_vocabulary: bool = False, templates=None) -> np.ndarray:
        """Cosine of every cell with one mineral, float32 [rows, columns] in [-1, 1]."""
        result = self.segment([name], open_vocabulary=open_vocabulary, templates=templates)
        return result.cosine.amax(-1).numpy()


def encode_together(
    models: Mapping[str, Segmenter],
    photo,
    *,
    keep_stages: bool = False,
    progress: bool = False,
    **changes,
) -> dict[str, Scene]:
    """Encode one photo with models that differ in CLIP alone: SAM, the costly part, looks once.

    Parameters
    ----------
    models : name -> model, such as the base and the tuned one
    photo, progress, **changes : as in `Segmenter.encode`
    keep_stages : keep CLIP's own map and the spliced one, for `Scene.after`

    Returns
    -------
    dict of name to Scene

    Raises
    ------
    ValueError
        No models, or they differ in more than CLIP: another preset, DINO or SAM.
    """
    if not models:
        raise ValueError("there is no model to encode with; give at least one, by name")
    first, *others = models.values()
    for name, other in zip([*models][1:], others, strict=True):
        unlike = [
            what
            for what, alike in (
                ("preset", first.preset == other.preset),
                ("DINO", _same(first.encoders.dino.vit, other.encoders.dino.vit)),
                ("SAM", _same(first.encoders.sam.sam, other.encoders.sam.sam)),
            )
            if not alike
        ]
        if unlike:
            raise ValueError(
                f"{name!r} and {next(iter(models))!r} differ in {' and '.join(unlike)}; models "
                "that encode together may differ in CLIP alone: encode the others by themselves"
            )
    photo, preset = as_photo(photo), first.preset.replace(**changes)
    image = working_size(photo.image, preset)
    with first._autocast():
        view = look(first.encoders, image, preset)
    scenes = {}
    for name, model in models.items():
        spliced, mean_over = model._splice(image, preset, progress=progress)
        stages = {}
        if keep_stages:
            own, _ = model._splice(image, preset, progress=progress, alone=True)
            stages = {"own": own, "spliced": spliced}
        scenes[name] = model._scene(photo, image, preset, spliced, mean_over, view, stages)
    return scenes


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two models hold the same weights."""
    if one is other:
        return True
    first, second = one.state_dict(), other.state_dict()
    return first.keys() == second.keys() and all(
        value.shape == second[key].shape and torch.equal(value, second[key])
        for key, value in first.items()
    )
