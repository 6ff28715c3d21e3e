"""Profiles (which models, data and machine) and presets (how Trident looks at a photo).

Both are YAML files checked on reading; `load_profile("demo")` and `load_preset("w224")` find the
shipped ones, a path finds your own.
"""

from __future__ import annotations

import dataclasses
import difflib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "profiles"


@dataclass(frozen=True)
class Preset:
    """Every parameter of Trident. Defaults are the original's constructor (arXiv 2411.09219).

    Looking
        crop, stride : window and step in px. Constructor 336/112; benchmarks 336/224 (VOC20
            336/112); the mineral paper's text says 224.
        long_side, short_side : the photo is scaled to fit, before anything else, never enlarged;
            None leaves it. Benchmarks: long side at most 2048, short side 448 (VOC21,
            COCO-Object), 336 (VOC20), 576 (Context, ADE20K), 688 (Cityscapes).
    DINO's affinity
        beta, gamma : threshold as a multiple of the mean similarity, sharpness. 1.2, 3.0.
        similarity_mean : over what the mean runs. ``"photo"``: all windows of the photo, as the
            original (DINO runs twice where its tokens do not fit in `pass_memory_mb`);
            ``"window"``: each window for itself; ``"auto"``: photo where one pass is enough,
            window beyond.
        pass_memory_mb : memory for the DINO tokens of all windows, in MB.
        affinity_cap : highest threshold, None as the original.
    SAM's correlation
        cos_fac : threshold as a multiple of the mean cosine. 1.2; VOC20 0.0, Cityscapes 3.0.
        refine_neg_cos : True leaves negative thresholds; False makes them 0.6 (Cityscapes,
            ADE20K).
    Classes
        logit_scale : factor before the softmax. 40.
        prob_thd : pixels whose best class is less probable are unknown (the original: class 0).
            0; VOC21 0.20, Context60 0.15, COCO-Object 0.25.
    Refinement with SAM's decoder
        coarse_thresh : pixels less probable than this make no prompts. Constructor 0.10, demo
            script and benchmarks 0.2; Context 0.15, COCO-Object 0.25, COCO-Stuff and ADE20K
            0.05, Cityscapes 0.10. It has to fall as the number of classes grows.
        minimal_area : smallest component that makes a prompt, in px at half size. 225.
        sam_iou_thresh : masks whose predicted IoU is not above this are dropped. Constructor
            0.9, benchmarks 0.80.
        sam_mask_coff : factor of the mask prompt. 0.005.
        batched_mask_prompt : the original hands the mask prompt over without a batch axis, and the
            prompt encoder's normalisation then runs along image rows instead of channels. False
            keeps the original's numbers, True does what SAM was trained with.

    Two switches of the original are not offered: PAMR smoothing (0 steps in all its
    configurations) and Cityscapes' SAM view in two halves.
    """

    name: str = "script336"
    crop: int = 336
    stride: int = 112
    long_side: int | None = None
    short_side: int | None = None
    beta: float = 1.2
    gamma: float = 3.0
    similarity_mean: str = "auto"
    pass_memory_mb: int = 512
    affinity_cap: float | None = None
    cos_fac: float = 1.2
    refine_neg_cos: bool = True
    logit_scale: float = 40.0
    prob_thd: float = 0.0
    coarse_thresh: float = 0.10
    minimal_area: int = 225
    sam_iou_thresh: float = 0.9
    sam_mask_coff: float = 0.005
    batched_mask_prompt: bool = False

    def __post_init__(self) -> None:
        if self.similarity_mean not in ("auto", "photo", "window"):
            raise ValueError(
                f"similarity_mean is {self.similarity_mean!r}; write 'auto', 'photo' or 'window'"
            )
        if self.crop < 1 or self.stride < 1 or self.stride > self.crop:
            raise ValueError(
                f"windows of {self.crop} px every {self.stride} px do not cover a photo; "
                "write a crop above 0 and a stride between 1 and the crop"
            )

    def replace(self, **changes: Any) -> Preset:
        """A copy with some parameters changed; a wrong name is answered with the nearest ones."""
        check_keys(changes, Preset, f"preset {self.name!r}")
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True)
class ModelSpec:
    """One model of a profile.

    architecture : a name (open_clip ``ViT-B-16``, timm ``vit_base_patch16_224.dino``, SAM
        ``vit_b``) or, for small models, a mapping of sizes
    weights : a name in the registry, a path, or None for random weights
    seed : of the random weights
    adapter : of CLIP only: a file of `mineral_utils.clip_lora.save_adapter`, or a shipped one
        (``miniature:ore``), laid over the weights
    tracer : of SAM only: weights of the network that traces outlines when one looks closer, a path
        or ``miniature:tracer``
    """

    architecture: str | dict
    weights: str | None = None
    seed: int = 0
    adapter: str | None = None
    tracer: str | None = None


@dataclass(frozen=True)
class Profile:
    """Which models, and how they look at photos unless told otherwise. `note` says in a few words
    what they are; `warning` is shown with every picture; `background` holds the words that ask for
    what is no ore (LumenStone's masks have one class for resin, gangue, pits and cracks)."""

    name: str
    clip: ModelSpec
    dino: ModelSpec
    sam: ModelSpec
    preset: Preset = field(default_factory=Preset)
    note: str = ""
    warning: str = ""
    background: tuple[str, ...] = ("quartz", "calcite", "dolomite", "resin")

    def __post_init__(self) -> None:
        words = self.background
        if isinstance(words, str) or not words or not all(isinstance(w, str) for w in words):
            raise ValueError(
                f"profile {self.name!r}: background is {words!r}; write a list of words, such as "
                "[quartz, calcite, dolomite, resin]"
            )
        object.__setattr__(self, "background", tuple(words))


def load_preset(preset: str | Preset = "script336", **changes: Any) -> Preset:
    """A shipped preset by name, with single parameters changed on request.

    Raises
    ------
    ValueError
        Unknown preset or parameter; the message offers the known ones.
    """
    if isinstance(preset, Preset):
        return preset.replace(**changes) if changes else preset
    known = _presets()
    if preset not in known:
        raise ValueError(f"no preset {preset!r}; there are {', '.join(sorted(known))}")
    return known[preset].replace(**changes) if changes else known[preset]


def load_profile(profile: str | Path | Profile = "demo") -> Profile:
    """A shipped profile by name (``demo``, ``paper``) or your own YAML file by path.

    Raises
    ------
    ValueError
        Unknown name, missing file, or a key that no profile has.
    """
    if isinstance(profile, Profile):
        return profile
    path = Path(profile)
    if path.suffix not in (".yaml", ".yml"):
        path = FOLDER / f"{profile}.yaml"
    if not path.is_file():
        others = ("presets", "recipes")
        names = sorted(p.stem for p in FOLDER.glob("*.yaml") if p.stem not in others)
        raise ValueError(
            f"no profile {str(profile)!r}; shipped are {', '.join(names)}, "
            "your own is given as the path of a .yaml file"
        )
    where = f"profile {path.name}"
    try:
        row = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = " ".join(str(error).split())
        raise ValueError(f"{where} is no YAML ({place}); see mineral_utils/profiles") from error
    if not isinstance(row, dict):
        raise ValueError(f"{where} holds no table of keys; see mineral_utils/profiles/demo.yaml")
    row.setdefault("name", path.stem)
    check_keys(row, Profile, where)
    missing = [key for key in ("clip", "dino", "sam") if key not in row]
    if missing:
        raise ValueError(f"{where} names no {' and no '.join(missing)}; all three are needed")
    for key in ("clip", "dino", "sam"):
        if not isinstance(row[key], dict) or "architecture" not in row[key]:
            raise ValueError(
                f"{where}, {key}: {row[key]!r} names no architecture; "
                "write {architecture: …, weights: …}"
            )
        check_keys(row[key], ModelSpec, f"{where}, {key}")
        row[key] = ModelSpec(**row[key])
    for what, owner in (("adapter", "clip"), ("tracer", "sam")):
        for key in {"clip", "dino", "sam"} - {owner}:
            if getattr(row[key], what) is not None:
                raise ValueError(
                    f"{where}, {key}: only {owner} takes a key {what!r}; move it there"
                )
    if "preset" in row:
        row["preset"] = _own_preset(row["preset"], where)
    return Profile(**row)


def _own_preset(chosen: str | dict, where: str) -> Preset:
    """A preset by name, or a shipped one (key ``name``) with single parameters changed."""
    if isinstance(chosen, str):
        return load_preset(chosen)
    if not isinstance(chosen, dict):
        raise ValueError(
            f"{where}, preset: {chosen!r} is neither a name nor a table; "
            "write preset: w224, or preset: {name: w224, stride: 56}"
        )
    changes = dict(chosen)
    return load_preset(changes.pop("name", "script336"), **changes)


@cache
def _presets() -> dict[str, Preset]:
    rows = yaml.safe_load((FOLDER / "presets.yaml").read_text(encoding="utf-8"))
    return {name: Preset(name=name).replace(**changes) for name, changes in rows.items()}


def check_keys(row: dict, kind: type, where: str) -> None:
    known = [f.name for f in dataclasses.fields(kind)]
    for key in row:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 3, 0.5) or known
            raise ValueError(f"{where} has no {key!r}; did you mean {', '.join(near)}?")
