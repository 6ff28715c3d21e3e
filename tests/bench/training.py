"""``python -m tests.bench.training [CASE…]``: a step of tuning against its floor, into
``figures/results/training.json``.

- ``small``: the small CLIP by the paper's objective (`one-hot-small`), 32 pictures a step;
- ``dense``: the small CLIP by `dense-small`, 16 a step;
- ``full``: ViT-B/16 with random weights by the paper's recipe, 8 a step.

A step is all of it: reading and turning pictures, both towers, losses, gradients, AdamW. The
machine's matrix-product rate is sampled before, between and after. Nothing else should run
meanwhile; how busy the machine was stands in the file.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from mineral_utils.captions import minerals_of
from mineral_utils.dataset import paper_caption
from mineral_utils.encoders import build_dino
from mineral_utils.minerals import vocabulary
from mineral_utils.profiles import Profile, load_profile
from mineral_utils.recipes import Recipe, load_recipe
from mineral_utils.run import record, write_json
from mineral_utils.sections.render import render, reseed
from mineral_utils.sections.textures import TRAINING
from mineral_utils.sections.words import caption
from mineral_utils.training import GROUND, Course, Examples

from .case import FULL
from .floor import product_rate
from .training_floor import StepFloor, step_floor

OUT = Path("figures/results/training.json")
COURSES: dict[str, tuple[Profile, Recipe]] = {
    "small": (load_profile("demo"), load_recipe("one-hot-small", batch=32)),
    "dense": (load_profile("demo"), load_recipe("dense-small")),
    "full": (FULL, load_recipe("one-hot", batch=8)),
}
STEPS = {"small": 9, "dense": 9, "full": 5}


def noise(count: int, names: Sequence[str] | None = None) -> Examples:
    """Pictures of soft noise with the captions of digital sections, which give the texts their
    lengths; 336 x 448 px."""
    names = tuple(names or vocabulary().paper_names)
    labels, texts = np.zeros((count, len(names)), np.float32), []
    for number in range(count):
        section = render(seed=reseed("bench", number), size=(84, 112), pool=TRAINING)
        said = caption(section, seed=number)
        found = [name for name in minerals_of(said.title, said.text) if name in names]
        labels[number, [names.index(name) for name in found]] = 1
        texts.append(paper_caption(found, said.text).text if found else said.text)

    def picture(number: int) -> np.ndarray:
        coarse = np.random.default_rng(number).integers(20, 236, (42, 56, 3), np.uint8)
        return coarse.repeat(8, 0).repeat(8, 1)

    def truth(number: int) -> np.ndarray:
        coarse = np.random.default_rng(number).choice([0, 1, 2, GROUND], (6, 8)).astype(np.uint8)
        return coarse.repeat(56, 0).repeat(56, 1)

    return Examples(names, tuple(texts), labels, picture, truth, note="noise")


def floor_of(course: Course, step: int) -> StepFloor:
    """The floor of one step, over the real lengths of its captions."""
    numbers, tokenizer = course.reader.numbers(step), course.teacher.tokenizer

    def lengths(texts: Sequence[str]) -> list[int]:
        return (tokenizer(list(texts)).argmax(-1) + 1).tolist()

    template = course.teacher.templates[0]
    names = lengths([template.format(word) for word in course.teacher.words])
    dino = None if course.recipe.dense == "none" else build_dino(course.profile.dino)
    captions = lengths([course.examples.texts[int(number)] for number in numbers])
    return step_floor(course.clip, dino, course.recipe, captions, names)


def measure(name: str) -> dict:
    """Median seconds of a step beside the floor."""
    profile, recipe = COURSES[name]
    steps, before = STEPS[name], os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        examples = noise(recipe.batch * 2)
        course = Course(profile, examples, recipe, Path(folder), torch.device("cpu"))
        rates, seconds, work = [product_rate()], [], []
        for step in range(steps + 1):
            work.append(floor_of(course, step).total)
            began = time.perf_counter()
            course._step()
            seconds.append(time.perf_counter() - began)
            if step % 3 == 0:
                rates.append(product_rate())
        course.reader.close()
    rates.append(product_rate())
    rate = float(np.median(rates))
    step_s, flop = float(np.median(seconds[1:])), float(np.median(work[1:]))
    return {
        "batch": recipe.batch,
        "step_s": step_s,
        "gflop": flop / 1e9,
        "gflops_rate": rate / 1e9,
        "rate_spread": (max(rates) - min(rates)) / rate,
        "floor_s": flop / rate,
        "times_floor": step_s * rate / flop,
        "threads": torch.get_num_threads(),
        "load_before": before,
    }


def main(wanted: Sequence[str]) -> int:
    rows = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    for name in tqdm(wanted or [*COURSES], desc="bench"):
        rows[name] = measure(name)
        print(name, json.dumps(rows[name], indent=1))
        write_json(OUT, {**rows, "record": record(device="cpu")})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
