"""The second column: the small CLIP tuned on digital sections, as an adapter over its weights.

    python -m mineral_utils.miniature ore --export

The three small models know the general world only; this adapter is what teaches the small CLIP the
names of minerals, with the recipe that lesson 05 runs for two minutes, for an hour. It is shipped
so that a class can see the end of that course, and is never loaded unless it is asked for::

    load_model("demo", adapter="miniature:ore")

A second course, on sections that it has not seen and in light that varies three times as much,
makes it steadier where exposure and white balance are others::

    python -m mineral_utils.miniature ore --onward --sections 4000 --epochs 6 --export

A third, short one teaches only what is said of whole photos, by sentences alone; every map stays
what it was, bit for bit. It is due whenever the small CLIP itself has learnt about whole pictures
(`whole`), for then the adapter stands on other weights::

    python -m mineral_utils.miniature ore --whole --epochs 6 --export

Stopped at any moment, the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file

from ..clip_lora import about_adapter, base_hash
from ..encoders import build_clip
from ..profiles import load_profile
from ..recipes import load_recipe
from ..run import file_sha256, replacing, write_json
from ..training import Tuned, section_examples, tune
from .course import new_parser
from .store import CARD_KEYS, FOLDER, read_card, weight_file

RECIPE, SECTIONS, EPOCHS = "dense-small", 4000, 14
# of the second course: its first section, and its spread of exposure and white balance
ONWARD_FIRST, ONWARD_LIGHT = 10_000, 0.15
# of the third: captions of whole sections, many at once, for each is told from all others
WHOLE = {"learns": "class", "dense": "none", "contrast": 1.0, "view": "whole"}
WHOLE |= {"batch": 64, "warm": 0.1, "light": ONWARD_LIGHT, "learn_temperature": False}


def train(
    out: str | Path,
    *,
    sections: int = SECTIONS,
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str = "auto",
    resume: bool = True,
    onward: bool = False,
    whole: bool = False,
) -> Tuned:
    """Tune the small CLIP on `sections` digital sections of the training set.

    out : folder of the drawn sections (600 kB each), checkpoint, curve and adapter
    onward : begin with the shipped adapter, at half the rate, on sections from `ONWARD_FIRST` on
    whole : the same sections, also from the shipped adapter, and only what is said of whole photos
    """
    first = ONWARD_FIRST if onward or whole else 0
    examples = section_examples(sections, Path(out) / "sections", first=first)
    recipe = load_recipe(RECIPE, epochs=epochs, seed=seed)
    how = {"out": Path(out) / "run", "device": device, "resume": resume}
    if whole:
        start = moved(weight_file("ore"), Path(out) / "start.safetensors")
        return tune("demo", examples, recipe.replace(**WHOLE), start=start, **how)
    if not onward:
        return tune("demo", examples, recipe, **how)
    recipe = recipe.replace(rate=recipe.rate / 2, warm=0.1, light=ONWARD_LIGHT)
    return tune("demo", examples, recipe, start=weight_file("ore"), **how)


def moved(source: str | Path, to: Path) -> Path:
    """A copy of an adapter whose header names the small CLIP as it is now, with adapters as they
    were. For bases that agree in all that Trident reads; what is said of whole photos is to be
    taught anew."""
    clip, _ = build_clip(load_profile("demo").clip)
    about = about_adapter(source)
    about["lora"]["base_sha256"] = base_hash(clip)
    to.parent.mkdir(parents=True, exist_ok=True)
    with replacing(to) as aside:
        save_file(load_file(source), aside, {"about": json.dumps(about, ensure_ascii=False)})
    return to


def export(
    out: str | Path, folder: str | Path = FOLDER, numbers: Mapping[str, object] | None = None
) -> Path:
    """Ship the adapter of a finished course, with its card.

    Parameters
    ----------
    out : of `train`
    folder : the package's own by default
    numbers : measures, for the card

    Returns
    -------
    Path of the adapter
    """
    source = Path(out) / "run" / "adapter.safetensors"
    about = about_adapter(source)
    path = Path(folder) / "ore.safetensors"
    card = read_card("ore", folder) if about.get("began_with") else None
    before = card and {"data": card["data"].split(":")[0], **card["time"]}
    with replacing(path) as aside:
        shutil.copyfile(source, aside)
    recipe = {k: v for k, v in about["recipe"].items() if k != "note"}
    time = {
        "steps": about["steps"],
        "minutes": round(about["seconds"] / 60, 1),
        "hardware": "one thread of a two-core CPU, shared with other work",
    }
    facts = {"kind": "ore", "file": path.name, "bytes": path.stat().st_size}
    facts["sha256"] = file_sha256(path)
    if recipe["learns"] == "class":
        what = "what is said of whole photos, by captions; maps stay what they were"
        changed = {key: value for key, value in recipe.items() if card["recipe"].get(key) != value}
        card["whole"] = {"taught": what, "data": about["examples"], "recipe": changed, "time": time}
        card["architecture"] = {"base": about["base"], "lora": about["lora"]}
        card["numbers"] |= dict(numbers or {})
        write_json(path.with_suffix(".json"), card | facts)
        return path
    card = {
        "title": "Small CLIP tuned on digital polished sections",
        "architecture": {"base": about["base"], "lora": about["lora"]},
        "data": (
            f"{about['examples']}: rendered fields with captions in the manner of uploaders and "
            "exact masks. No photo. The frozen test sets are other sections; set b shows textures, "
            "pairs of minerals and cameras that training never draws."
        ),
        "recipe": recipe,
        "time": time | ({"before": before} if before else {}),
        "classes": about["classes"],
        "prompts": about["prompts"],
        "numbers": dict(numbers or {}),
        "limits": (
            "Learnt from renderings only, at 448 x 336 px; on real photos it is a guess to be "
            "checked. Knows the 20 minerals of the paper and one word for resin; what it says of "
            "any other name is no better than its neighbours. Quartz, calcite, dolomite and "
            "chalcedony are hardly separable in plane-polarised reflected light."
        ),
        "licence": "Apache-2.0",
    }
    lacking = [key for key in CARD_KEYS if key not in card]
    if lacking:
        raise ValueError(f"the card of ore lacks {', '.join(lacking)}; every card says these")
    write_json(path.with_suffix(".json"), card | facts)
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature ore --help``."""
    parser = new_parser("ore", __doc__.split("\n")[0])
    parser.add_argument("--sections", type=int, default=SECTIONS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument(
        "--onward", action="store_true", help="begin with the shipped adapter, see above"
    )
    parser.add_argument(
        "--whole", action="store_true", help="teach the shipped adapter about whole photos only"
    )
    options = parser.parse_args(arguments)
    given = {key: getattr(options, key) for key in ("sections", "epochs", "seed", "device")}
    given |= {key: getattr(options, key) for key in ("resume", "onward", "whole")}
    tuned = train(options.out, **given)
    if options.export and tuned.finished:
        print(f"written: {export(options.out, numbers=options.numbers)}")
    return 0
