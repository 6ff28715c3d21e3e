"""``python -m tests.bench.sources [open | photos]``: what CLIP learns from fewer minerals, and from
real photos without masks, into ``figures/results/sources.json``.

- ``open``: tuned on 15 of the 20 minerals, on sections where the other five never occur, and asked
  for all 20: seen and unseen apart, on validation sections.
- ``photos``: tuned on LumenStone's training photos of S1, every window with the minerals of its
  *whole* photo and no mask, alone and after digital sections; scored on the pixels of the same
  set's test photos, whose every opening is counted. Needs ``LUMENSTONE_DIR``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mineral_utils import lumenstone
from mineral_utils.evaluation import (
    answers,
    interval,
    lumenstone_cases,
    lumenstone_question,
    section_cases,
)
from mineral_utils.metrics import iou
from mineral_utils.minerals import vocabulary
from mineral_utils.profiles import load_profile
from mineral_utils.recipes import load_recipe
from mineral_utils.run import write_json
from mineral_utils.sections import validation_section
from mineral_utils.segmenter import load_model
from mineral_utils.training import lumenstone_examples, section_examples, tune

OUT, WORK = Path("figures/results/sources.json"), Path("runs/bench/sources")
NAMES = vocabulary().paper_names
SECTIONS, EPOCHS = 2000, 8  # digital sections to tune on
FIRST, SCORED = 200, 40  # validation sections: looked at by no choice of a recipe
REPEAT, PHOTO_EPOCHS = 40, 4  # windows of each real photo in an epoch


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
        if not {NAMES[k] for k in np.unique(drawn.truth(number)) if k != 255} & set(held_out)
    ]
    examples = section_examples(SECTIONS, WORK / "sections", names=taught).some(clean)
    tuned = tune("demo", examples, "dense-small", epochs=EPOCHS, out=WORK / "open")
    models = {"base": load_model("demo"), "tuned": load_model("demo", adapter=tuned.adapter)}
    cases = section_cases((validation_section(FIRST + k) for k in range(SCORED)), NAMES)
    found = answers(models, cases, NAMES, refine=(), protocols=("all",))
    result: dict = {
        "unseen": list(held_out),
        "sections": len(clean),
        "steps": tuned.curve[-1]["step"],
    }
    for model in models:
        row = found.row(model)
        table = row.confusions.sum(axis=0)
        there = table.sum(axis=1) > 0
        scores = dict(zip(NAMES, iou(table).tolist(), strict=True))
        present = [name for name, some in zip(NAMES, there, strict=True) if some]
        result[model] = {
            "iou": {name: scores[name] for name in present},
            "seen": float(np.mean([scores[n] for n in present if n in taught])),
            "unseen": float(np.mean([scores[n] for n in present if n in held_out])),
        }
    return result


def photos() -> dict:
    """Real photos as a source: LumenStone S1."""
    profile = load_profile("demo")
    items = lumenstone.items(sets="S1", split="test")
    names = tuple(n for n in items[0].names if n in NAMES)
    real = lumenstone_examples(sets="S1", names=names, repeat=REPEAT)
    few = section_examples(SECTIONS, WORK / "sections")
    steps = {"epochs": PHOTO_EPOCHS}
    adapters = {
        "photos": tune("demo", real, load_recipe("sets-small", **steps), out=WORK / "photos"),
        "sections": tune("demo", few, "dense-small", epochs=EPOCHS, out=WORK / "digital"),
    }
    models = {"base": load_model("demo")}
    models |= {k: load_model("demo", adapter=tuned.adapter) for k, tuned in adapters.items()}
    asked = lumenstone_question(items[0].classes, profile.background)
    long_side = profile.preset.long_side
    found = answers(
        models, lumenstone_cases(items, long_side), asked, refine=("all",), protocols=("all",)
    )
    return {
        "photos": len(items),
        "looks_at_test": lumenstone.looks_at_test(),
        "label_sets": len(np.unique(real.labels, axis=0)),
        **{
            f"{model}, {stage}": vars(interval(found.row(model, stage), "miou"))
            for model in models
            for stage in ("sam", "refined")
        },
    }


PARTS = {"open": open_vocabulary, "photos": photos}


def main(wanted: Sequence[str]) -> int:
    before = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    for part in wanted or PARTS:
        found = PARTS[part]()
        if "looks_at_test" in found:
            found["looks_at_test"] += before.get(part, {}).get("looks_at_test", 0)
        before[part] = found
        write_json(OUT, before)
        print(part, json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
