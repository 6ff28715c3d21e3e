"""``python -m tests.bench.ablation [--seeds 0 1 2] [--cells NAME…]``: what each switch of a recipe
does, alone and together, into ``figures/results/ablation/<cell>-<seed>.json``.

Every cell tunes the small CLIP on the same digital sections for the same number of steps, and is
scored by Trident on the same validation sections, so that cells pair by section. Cells that are
there are not run again: stopped at any moment, the same command goes on. ``--table`` prints what is
there and draws it, every seed a point, as ``figures/ablation.png``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

from mineral_utils import show
from mineral_utils.encoders import SamEncoder
from mineral_utils.metrics import paired
from mineral_utils.metrics.pixels import mean_iou
from mineral_utils.minerals import vocabulary
from mineral_utils.profiles import load_profile
from mineral_utils.recipes import Recipe, load_recipe
from mineral_utils.run import record, write_json
from mineral_utils.scoring import score, section_cases
from mineral_utils.sections import validation_section
from mineral_utils.segmenter import Segmenter, load_model
from mineral_utils.training import Tuned, section_examples, tune

OUT, FIGURE = Path("figures/results/ablation"), Path("figures/ablation.png")
WORK = Path("runs/bench/ablation")
NAMES = vocabulary().paper_names
SECTIONS, EPOCHS, BATCH = 800, 3, 16
SCORED, FIRST = 30, 100  # validation sections: others than those that the recipe was chosen on
MIN_SHARE = 0.01

# cell -> what differs from the paper's objective
MASKS = {"dense": "mask", "balance": 0.5, "ground": "resin"}
CELLS: dict[str, dict] = {
    "base": {},
    "paper": {},
    "prompts": {"prompts": "mineral"},
    "sets": {"targets": "set"},
    "windows": {"view": "window", "zoom": 1.5, "light": 0.05},
    "dense-sets": {"dense": "set"},
    "dense-masks": MASKS,
    "all-without-masks": {
        "prompts": "mineral",
        "targets": "set",
        "contrast": 0.25,
        "dense": "set",
        "view": "window",
        "zoom": 1.5,
        "light": 0.05,
    },
    "all": {
        "prompts": "mineral",
        "targets": "set",
        "contrast": 0.25,
        "view": "window",
        "zoom": 1.5,
        "light": 0.05,
        **MASKS,
    },
}

WORDS = {
    "base": "untuned",
    "paper": "the paper's objective",
    "prompts": "… asked as captions are written",
    "sets": "… lists of minerals are targets",
    "windows": "… windows, not whole photos",
    "dense-sets": "… dense loss, from lists",
    "dense-masks": "… dense loss, from masks",
    "all-without-masks": "all that needs no masks",
    "all": "all",
}


class RememberingSam(SamEncoder):
    """SAM's view of a picture is the same in every cell: each picture is looked at once."""

    def __init__(self, sam: SamEncoder):
        super().__init__(sam.sam, sam.device)
        self._seen: dict[str, object] = {}

    def look(self, image: np.ndarray, **how):
        key = hashlib.sha256(image.tobytes()).hexdigest() + json.dumps(how, sort_keys=True)
        if key not in self._seen:
            self._seen[key] = super().look(image, **how)
        return self._seen[key]


def recipe_of(cell: str, seed: int) -> Recipe:
    return load_recipe(
        "one-hot-small", name=cell, epochs=EPOCHS, batch=BATCH, seed=seed, **CELLS[cell]
    )


def whole(tuned: Tuned) -> Path:
    """The adapter of a course that ran to its end; one that was cut short is not scored."""
    if not tuned.finished:
        sys.exit("interrupted; the same command goes on from the last checkpoint")
    return tuned.adapter


def run_cell(cell: str, seed: int, sam: SamEncoder) -> dict:
    """Tune, score; `base` is scored alone, `prompts` differs from `paper` only when asked."""
    recipe, adapter, began = recipe_of(cell, seed), None, time.perf_counter()
    if cell != "base":
        same = "paper" if cell == "prompts" else cell
        examples = section_examples(SECTIONS, WORK / "sections")
        out = WORK / f"{same}-{seed}"
        adapter = whole(tune("demo", examples, recipe_of(same, seed), out=out))
    seconds = time.perf_counter() - began
    model = load_model("demo", adapter=adapter)
    if cell == "prompts":
        model.encoders.text.prompts = ("Minerals on this photo: {}.",)
    models = replace(model.encoders, sam=sam)
    model = Segmenter(models, model.preset, cell)
    cases = section_cases((validation_section(FIRST + k) for k in range(SCORED)), NAMES)
    (row,) = score(model, cases, NAMES, min_share=MIN_SHARE, label=cell)
    counts = [
        [int(n), int(t), int(p), int(row.confusions[n, t, p])]
        for n, t, p in np.argwhere(row.confusions)
    ]
    return {
        "cell": cell,
        "seed": seed,
        "recipe": asdict(recipe) if cell != "base" else None,
        "seconds": round(seconds, 1),
        "miou": row.miou,
        "f1_macro": row.f1_macro,
        "f1_samples": row.f1_samples,
        "jaccard_macro": row.jaccard_macro,
        "sections": [FIRST, FIRST + SCORED - 1],
        "counts": counts,
        "made": record(settings={"sections": SECTIONS, "min_share": MIN_SHARE}, seed=seed),
    }


def confusions(cell: dict) -> np.ndarray:
    """int64 [sections, K, K + 1] of a cell's file."""
    table = np.zeros((SCORED, len(NAMES), len(NAMES) + 1), np.int64)
    for section, true, said, count in cell["counts"]:
        table[section, true, said] = count
    return table


def read_cells(out: Path = OUT) -> dict[str, list[dict]]:
    """What is there: cell -> its seeds, both in their order."""
    rows = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(out.glob("*.json"))]
    found = {cell: [row for row in rows if row["cell"] == cell] for cell in CELLS}
    return {cell: some for cell, some in found.items() if some}


def table(found: dict[str, list[dict]]) -> str:
    """All cells: every seed's mIoU and F1, and the gain over the paper's recipe, paired by section
    (seeds pooled)."""

    def miou(rows: np.ndarray) -> float:
        return mean_iou(rows.sum(axis=0))

    def pooled(cell: str) -> np.ndarray:
        return np.sum([confusions(row) for row in found[cell]], axis=0)

    lines = [f"{'':<20}{'mIoU by seed':<24}{'F1 macro by seed':<24}gain in mIoU over paper"]
    for cell in found:
        by_seed = (" ".join(f"{r[key]:.3f}" for r in found[cell]) for key in ("miou", "f1_macro"))
        line = f"{cell:<20}" + "".join(f"{text:<24}" for text in by_seed)
        if "paper" in found and cell != "paper":
            gain = paired(miou, pooled("paper"), pooled(cell))
            line += f"{gain.value:+.3f} ({gain.lo:+.3f} to {gain.hi:+.3f})"
        lines.append(line)
    return "\n".join(lines)


def draw(found: dict[str, list[dict]], path: Path = FIGURE) -> Path:
    """Every seed of every cell as a point, F1 and mIoU side by side."""
    marks, panels = "osD", {"f1_macro": "F1, macro", "miou": "pixel mIoU"}
    with plt.rc_context(show.canvas.STYLE):
        fig, axes = plt.subplots(1, 2, figsize=(10, 4.6), sharey=True, layout="constrained")
        for ax, (key, label) in zip(axes, panels.items(), strict=True):
            for place, cell in enumerate(found):
                values = [row[key] for row in found[cell]]
                ax.plot([0, np.mean(values)], [place, place], color="0.8", lw=6, zorder=1)
                rows = found[cell]  # one under the other, so that none hides another
                for k, (row, mark) in enumerate(zip(rows, marks, strict=False)):
                    at = place + 0.27 * (k - (len(rows) - 1) / 2)
                    ax.plot(row[key], at, mark, color="#0072b2", mec="white", ms=7)
            ax.set_yticks(range(len(found)), [WORDS[cell] for cell in found])
            ax.set_xlim(left=0)
            ax.locator_params(axis="x", nbins=5)
            ax.set_xlabel(label)
            ax.grid(axis="x", color="0.9")
        axes[0].invert_yaxis()
        style = {"ls": "", "color": "#0072b2", "mec": "white", "ms": 7}
        handles = [
            Line2D([], [], marker=m, label=f"seed {k}", **style) for k, m in enumerate(marks)
        ]
        handles.append(Line2D([], [], color="0.8", lw=6, label="mean"))
        axes[0].legend(handles=handles, loc="upper right")
    numbers = {
        cell: {key: [row[key] for row in rows] for key in panels} for cell, rows in found.items()
    }
    steps = SECTIONS * EPOCHS // BATCH
    caption = (
        f"What each switch of a recipe is worth: the small CLIP tuned for {steps} steps of {BATCH} "
        f"digital sections, Trident unrefined on {SCORED} validation sections, all 20 names asked. "
        "Each mark is one seed (circle, square, diamond: 0, 1, 2), grey bars end at their mean."
    )
    alt = "Strips of points for nine recipes, in F1 and mIoU; the dense losses stand out."
    credit = "Digital sections and models of this suite."
    return show.save_figure(
        fig, path, alt=alt, caption=caption, credit=credit, numbers=numbers, record=record()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split(":")[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--cells", nargs="+", default=list(CELLS), choices=list(CELLS))
    parser.add_argument("--table", action="store_true", help="run nothing, draw what is there")
    options = parser.parse_args(arguments)
    if not options.table:
        sam = RememberingSam(load_model(load_profile("demo")).encoders.sam)
        for seed in options.seeds:
            for cell in options.cells:
                path = OUT / f"{cell}-{seed}.json"
                if path.exists() or (cell == "base" and seed != options.seeds[0]):
                    continue
                write_json(path, run_cell(cell, seed, sam))
                print(path.name, flush=True)
    found = read_cells()
    print(table(found))
    draw(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
