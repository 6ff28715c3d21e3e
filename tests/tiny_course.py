"""A course of a few seconds, for tests: ``python -m tests.tiny_course OUT [COURSE…]``, which also
runs in two processes.

The pictures are squares of flat colours with a texture of their own, one colour a mineral.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mineral_utils.recipes import Recipe, load_recipe
from mineral_utils.training import GROUND, Examples, Together, tune

PROFILE = Path(__file__).parent / "data" / "small.yaml"
NAMES = ("Pyrite", "Galena", "Sphalerite")
COLOURS = np.array([(230, 210, 150), (190, 200, 210), (110, 110, 115), (30, 30, 30)])
BROKEN = (1, 4, 9)  # photos that cannot be read, where there are any such

# accelerate's own word for torch's launcher; on a CPU its processes meet as well
TWO_PROCESSES = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu"]
TWO_PROCESSES += ["--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no"]
TWO_PROCESSES += ["--dynamo_backend", "no", "--main_process_port", "0", "-m"]
RECIPE = load_recipe(
    *("one-hot",),
    **{"rate": 3e-3, "batch": 5, "epochs": 3, "side": 32, "view": "window", "zoom": 1.5},
    light=0.05,
)
COURSES: dict[str, Recipe] = {
    "pairs": RECIPE,
    "masks": RECIPE.replace(
        dense="mask", balance=0.5, ground="resin", prompts="mineral", targets="set", contrast=0.25
    ),
    "sets": RECIPE.replace(dense="set", targets="set", batch=3),
    "dense only": RECIPE.replace(dense="mask", contrast=0.0, batch=2, prompts="mineral"),
}


def examples(
    count: int = 17, broken: tuple[int, ...] = (), called: Callable[[int], None] | None = None
) -> Examples:
    """`count` photos, 40 x 48 px, of two minerals side by side over a strip of resin; the text of
    photo 3 counts as naming none."""
    rng = np.random.default_rng(5)
    pairs = [rng.choice(3, 2, replace=False) for _ in range(count)]
    labels = np.zeros((count, 3), np.float32)
    for number, pair in enumerate(pairs):
        labels[number, pair] = number != 3
    texts = [", ".join(NAMES[k] for k in pair) for pair in pairs]

    def truth(number: int) -> np.ndarray:
        found = np.full((40, 48), GROUND, np.uint8)
        found[:32, :24], found[:32, 24:] = pairs[number]
        found[:4, :4] = 255
        return found

    def picture(number: int) -> np.ndarray:
        if called:
            called(number)
        if number in broken:
            raise ValueError(f"photo {number} is cut short")
        noise = np.random.default_rng(number).normal(0, 8, (40, 48, 1))
        colours = COLOURS[np.minimum(truth(number), 3)]
        return np.clip(colours + noise, 0, 255).astype(np.uint8)

    return Examples(
        NAMES,
        tuple(f"Minerals on this photo: {text}." for text in texts),
        labels,
        picture,
        truth,
        tuple(f"photo_{number}.jpg" for number in range(count)),
        "squares",
    )


def dataset(folder: Path, count: int = 6) -> Path:
    """A dataset folder of such photos, one mineral each."""
    side = folder / "train"
    side.mkdir(parents=True)
    lines = []
    for number in range(count):
        name, mineral = f"{number}.png", NAMES[number % 3]
        Image.fromarray(examples().picture(number)).save(side / name)
        line = {"file_name": name, "text": f"Some {mineral}.", "minerals": [mineral]}
        lines.append(json.dumps(line | {"sha256": "", "group": name}) + "\n")
    (side / "metadata.jsonl").write_text("".join(lines))
    return folder


def main(out: Path, courses: list[str]) -> None:
    """Run courses into ``out/COURSE``, saying each step as it ends; those after the first have
    photos that cannot be read."""
    torch.set_num_threads(1)
    # in one piece: the launcher's processes are unbuffered, and two pieces can come between two
    sys.stdout.write(f"processes {Together(torch.device('cpu')).count}\n")
    sys.stdout.flush()
    for name in courses or ["masks"]:
        tune(
            PROFILE,
            examples(broken=BROKEN if name in ("sets", "dense only") else ()),
            COURSES[name],
            out=out / name,
            device="cpu",
            watch=lambda step, clip, curve: print("step", step, flush=True),
            watch_every=1,
            progress=False,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
