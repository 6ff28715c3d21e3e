"""``python -m tests.bench.sources [open | recipes | photos]``: what CLIP learns from fewer
minerals, by the paper's recipe, and from real photos without masks, into
``figures/results/sources.json``.

- ``open``: tuned on 15 of the 20 minerals, on sections where the other five never occur, and asked
  for all 20 on validation sections, and for all 52 on sections with one of the 32 rarer minerals
  each: seen, unseen and rarer apart, by all names and by those of the section only.
- ``recipes``: the paper's objective (at the small model's rate) on as many pictures as the shipped
  adapter's first course saw, beside that adapter and the untuned CLIP on frozen set a.
- ``photos``: tuned on LumenStone's training photos of S1, every window with the minerals of its
  *whole* photo and no mask, alone and after digital sections; scored on the pixels of the same
  set's test photos, whose every opening is counted. Needs ``LUMENSTONE_DIR``.

Stopped at any moment, the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mineral_utils import lumenstone
from mineral_utils.evaluation import (
    Answers,
    answers,
    interval,
    lumenstone_cases,
    lumenstone_question,
    section_cases,
)
from mineral_utils.metrics import iou, patch_scores
from mineral_utils.minerals import vocabulary
from mineral_utils.miniature.store import weight_file
from mineral_utils.profiles import load_profile
from mineral_utils.recipes import load_recipe
from mineral_utils.run import record, write_json
from mineral_utils.sections import Section, frozen, render, reseed, validation_section
from mineral_utils.segmenter import load_model
from mineral_utils.training import lumenstone_examples, section_examples, tune

from .ablation import whole

OUT, WORK = Path("figures/results/sources.json"), Path("runs/bench/sources")
NAMES = vocabulary().paper_names
SECTIONS, EPOCHS = 2000, 8  # digital sections to tune on
FIRST, SCORED = 200, 40  # validation sections: looked at by no choice of a recipe
REPEAT, PHOTO_EPOCHS = 20, 4  # windows of each real photo in an epoch
LONG_SECTIONS, LONG_EPOCHS = 4000, 14  # as the shipped adapter's first course
PATCH = 16  # of the perfect classifier that is the ceiling, px
FROZEN = 60  # sections of frozen set a


def unseen() -> tuple[str, ...]:
    """Five of the minerals, drawn once."""
    chosen = np.random.default_rng(5).choice(len(NAMES), 5, replace=False)
    return tuple(NAMES[k] for k in sorted(chosen))


def open_vocabulary() -> dict:
    """Tuned on 15 minerals, asked for 20."""
    held_out = unseen()
    taught = tuple(name for name in NAMES if name not in held_out)
    drawn = section_examples(SECTIONS, WORK / "sections")
    clean = [
        number
        for number in range(len(drawn))
        if not {NAMES[k] for k in np.unique(drawn.truth(number)) if k < len(NAMES)} & set(held_out)
    ]
    examples = section_examples(SECTIONS, WORK / "sections", names=taught).some(clean)
    tuned = tune("demo", examples, "dense-small", epochs=EPOCHS, out=WORK / "open")
    models = {"base": load_model("demo"), "tuned": load_model("demo", adapter=whole(tuned))}
    rarer = tuple(name for name in vocabulary().names if name not in NAMES)
    known = section_cases((validation_section(FIRST + k) for k in range(SCORED)), NAMES)
    strange = section_cases(map(rare_section, rarer), NAMES + rarer)
    of_names = answers(models, known, NAMES, refine=())
    of_rarer = answers(models, strange, NAMES + rarer, refine=())
    result: dict = {
        "unseen": list(held_out),
        "sections": len(clean),
        "steps": tuned.curve[-1]["step"],
    }
    for model in models:
        result[model] = {}
        for protocol in ("all", "present"):
            scores = scores_there(of_names, model, protocol)
            rare = scores_there(of_rarer, model, protocol)
            result[model][protocol] = {
                "seen": float(np.mean([v for n, v in scores.items() if n in taught])),
                "unseen": float(np.mean([v for n, v in scores.items() if n in held_out])),
                "rarer": float(np.mean([v for n, v in rare.items() if n in rarer])),
                "iou": scores | {n: v for n, v in rare.items() if n in rarer},
            }
    return result


def scores_there(found: Answers, model: str, protocol: str) -> dict[str, float]:
    """IoU of every mineral that is there, pooled over the photos."""
    table = found.confusions(model, "sam", protocol).sum(axis=0)
    there = table.sum(axis=1) > 0
    scores = zip(found.question.names, iou(table).tolist(), there, strict=True)
    return {name: score for name, score, some in scores if some}


def rare_section(mineral: str) -> Section:
    """A section with a rarer mineral in company that it can have."""
    for company in (["Quartz", "Pyrite"], ["Quartz"]):
        try:
            return render([mineral, *company], seed=reseed("rarer", mineral))
        except ValueError:  # the two never occur together
            continue
    raise ValueError(f"{mineral} occurs with neither pyrite nor quartz")


def recipes() -> dict:
    """Untuned, tuned as the paper did, tuned as shipped: on frozen set a."""
    drawn = section_examples(LONG_SECTIONS, WORK / "long")
    paper = tune("demo", drawn, "one-hot-small", epochs=LONG_EPOCHS, out=WORK / "paper")
    adapters = {"base": None, "paper's recipe": whole(paper), "shipped": "miniature:ore"}
    models = {name: load_model("demo", adapter=adapter) for name, adapter in adapters.items()}
    choosing = [validation_section(FIRST + k) for k in range(12)]
    chosen = answers(models, section_cases(choosing, NAMES), NAMES, protocols=("all",))
    found = answers(models, section_cases(frozen("a", FROZEN), NAMES), NAMES, protocols=("all",))
    result: dict = {"sections": FROZEN, "paper_steps": paper.curve[-1]["step"]}
    for name in models:
        share = chosen.threshold(name, "refined", "all")
        row = found.row(name, "refined", min_share=share)
        result[name] = {"smallest_share": share} | {
            metric: vars(interval(row, metric)) for metric in ("f1_macro", "miou")
        }
    for metric in ("f1_macro", "miou"):
        values = {name: result[name][metric]["value"] for name in models}
        result[f"{metric}, ratio to base"] = {
            name: value / values["base"] for name, value in values.items()
        }
    return result


def photos() -> dict:
    """Real photos as a source: LumenStone S1."""
    profile = load_profile("demo")
    items = lumenstone.items(sets="S1", split="test")
    names = tuple(n for n in items[0].names if n in NAMES)
    real = lumenstone_examples(sets="S1", names=names, repeat=REPEAT)
    recipe = load_recipe("sets-small", epochs=PHOTO_EPOCHS)
    after = {"rate": recipe.rate / 4, "warm": 0.1}  # what is known already shall stay
    adapters = {
        "photos": whole(tune("demo", real, recipe, out=WORK / "photos")),
        "sections": "miniature:ore",
        "sections, then photos": whole(
            tune("demo", real, recipe, out=WORK / "after", start=weight_file("ore"), **after)
        ),
    }
    models = {"base": load_model("demo")}
    models |= {name: load_model("demo", adapter=adapter) for name, adapter in adapters.items()}
    asked = lumenstone_question(items[0].classes, profile.background)
    long_side = profile.preset.long_side
    cases = [*lumenstone_cases(items, long_side)]
    found = answers(models, cases, asked, refine=("all",), protocols=("all",))
    ceiling = patch_scores((case.labels for case in cases), asked.names, PATCH)
    return {
        "photos": len(items),
        f"ceiling, {PATCH}-px patches at {long_side} px": ceiling.miou,
        "looks_at_test": lumenstone.looks_at_test(),
        "label_sets": len(np.unique(real.labels, axis=0)),
        **{
            f"{model}, {stage}": vars(interval(found.row(model, stage), "miou"))
            for model in models
            for stage in ("sam", "refined")
        },
    }


PARTS = {"open": open_vocabulary, "recipes": recipes, "photos": photos}


def main(wanted: Sequence[str]) -> int:
    before = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    for part in wanted or PARTS:
        found = PARTS[part]()
        if "looks_at_test" in found:
            found["looks_at_test"] += before.get(part, {}).get("looks_at_test", 0)
        before[part] = {**found, "record": record()}
        write_json(OUT, before)
        print(part, json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
