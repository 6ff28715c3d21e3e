"""Train the small DINO on the general world: ``python -m mineral_utils.miniature dino --out DIR``.

Stopped at any moment, the same command goes on from the last checkpoint. With ``--steps`` the
course depends on the seed alone, stopped or not; with ``--minutes`` the schedule follows the clock.
A GPU is used where there is one; that has not been tried.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from ..run import pick_device, replacing
from .course import append_curve, read_options, trim_curve
from .dino_measure import dense_features, evaluate
from .dino_objective import ARCHITECTURE, Objective, Recipe
from .store import FOLDER, save_weights
from .world import scene

# scenes with many neighbours; a single thing, or a surface alone, has few
_KINDS = ("things", "leaves", "land", "mosaic", "mixed", "leaves", "mosaic")
HELD_OUT = 4_000_000_000  # seeds of scenes that training never draws
_REPORT = 20  # steps a line of the curve
_SAVE = 200.0  # seconds between checkpoints


def make_pool(
    path: str | Path, number: int, side: int, seed: int = 0, *, progress: bool = False
) -> np.ndarray:
    """Scenes on disk, drawn once, 40 ms each: uint8 [number, side, side, 3], mapped; a pool that is
    there and has the right shape is taken as it is."""
    path = Path(path)
    if path.is_file():
        pool = np.load(path, mmap_mode="r")
        if pool.shape == (number, side, side, 3):
            return pool
    with replacing(path) as aside:
        pool = np.lib.format.open_memmap(aside, "w+", np.uint8, (number, side, side, 3))
        seeds = np.random.SeedSequence(seed).spawn(number)
        bar = tqdm(seeds, desc="scenes", disable=not progress)
        for row, child in enumerate(bar):
            rng = np.random.default_rng(child)
            pool[row] = scene(rng, (side, side), str(rng.choice(_KINDS))).image
        pool.flush()
        del pool
    return np.load(path, mmap_mode="r")


def train(
    out: str | Path,
    minutes: float | None = None,
    steps: int | None = None,
    device: str | torch.device = "auto",
    seed: int = 0,
    resume: bool = True,
    *,
    recipe: Recipe | None = None,
    architecture: Mapping[str, int] | None = None,
    progress: bool = True,
) -> nn.Module:
    """Train, or go on with, a small DINO.

    Parameters
    ----------
    out : folder for ``state.pt`` (all that is needed to go on), ``curve.jsonl`` (a JSON object
        every 20 steps: step, seconds, rate, the parts of the loss, gradient) and the pool of scenes
    minutes, steps : how long: by the clock, summed over all starts, or in steps; give one
    resume : False starts anew where a state lies in `out`

    Returns
    -------
    timm VisionTransformer
        The teacher, centred, in evaluation mode.

    Raises
    ------
    ValueError
        Neither or both of minutes and steps, or a state in `out` of another seed, recipe or
        architecture.
    FloatingPointError
        The loss is no longer a number.
    """
    if (minutes is None) == (steps is None):
        raise ValueError("say how long to train: give either minutes or steps")
    recipe, out, place = recipe or Recipe(), Path(out), pick_device(device)
    course = _Course(dict(architecture or ARCHITECTURE), recipe, seed, place, out)
    if resume:
        course.go_on()
    name = f"scenes_{seed}_{recipe.scenes}x{recipe.scene_side}.npy"
    pool = make_pool(out / name, recipe.scenes, recipe.scene_side, seed, progress=progress)
    end = 60 * minutes if steps is None else steps
    bar = tqdm(total=math.ceil(end), unit="s" if steps is None else "step", disable=not progress)
    saved = time.monotonic()
    with bar:
        while (done := (course.seconds if steps is None else course.step) / end) < 1:
            start = time.monotonic()
            bar.n = min(math.ceil(done * end), bar.total)
            course.learn(pool, done)
            course.seconds += time.monotonic() - start
            bar.set_postfix(course.shown(), refresh=False)
            bar.update(0)
            if time.monotonic() - saved > _SAVE:
                course.save()
                saved = time.monotonic()
    course.save()
    return course.objective.result()


class _Course:
    """Networks, optimiser and how far they are: what a checkpoint holds."""

    def __init__(self, architecture: dict, recipe: Recipe, seed: int, device, out: Path):
        with torch.random.fork_rng(devices=[]):  # timm draws from the global generator
            torch.manual_seed(seed)
            self.objective = Objective(architecture, recipe).to(device)
        self.recipe, self.seed, self.device, self.out = recipe, seed, device, out
        made = {"seed": seed, "architecture": architecture, "recipe": asdict(recipe)}
        self.made = json.dumps(made, sort_keys=True)
        self.step, self.seconds = 0, 0.0
        learners = self.objective.learners()
        self.optimiser = torch.optim.AdamW(
            [
                {"params": [p for p in learners if p.ndim == 2], "weight_decay": recipe.decay},
                {"params": [p for p in learners if p.ndim != 2], "weight_decay": 0.0},
            ],
            lr=recipe.rate,
            betas=(0.9, 0.95),
        )
        self._sums: dict[str, float] = {}

    def learn(self, pool: np.ndarray, done: float) -> None:
        """One step; `done` in [0, 1) is the share of the whole course."""
        recipe = self.recipe
        # each step has generators of its own, so that a course that goes on is the same course
        seeds = np.random.SeedSequence([self.seed, self.step]).generate_state(2)
        rng = np.random.default_rng(seeds[0])
        generator = torch.Generator(self.device).manual_seed(int(seeds[1]))
        picked = np.sort(rng.choice(len(pool), min(recipe.batch, len(pool)), replace=False))
        scenes = torch.from_numpy(pool[picked]).to(self.device).permute(0, 3, 1, 2).float() / 255
        side = recipe.last_side if done >= 1 - recipe.last else recipe.side
        begin, full = recipe.trust
        trust = min(max((done - begin) / (full - begin), 0.0), 1.0)
        parts = self.objective(scenes, generator, side, trust)
        loss = parts["place"] + recipe.picture * parts["picture"]
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite at step {self.step}; start again at a lower rate"
            )
        rate = recipe.rate * min(1, (self.step + 1) / recipe.warm)
        rate *= 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.objective.learners(), 1.0)
        self.optimiser.step()
        first, last = recipe.momentum
        momentum = last + (first - last) * 0.5 * (1 + math.cos(math.pi * done))
        # a teacher that starts from chance must not remember it for long
        self.objective.follow(min(momentum, (1 + self.step) / (10 + self.step)))
        self.step += 1
        row = {key: float(value.detach()) for key, value in parts.items()} | {"grad": float(norm)}
        for key, value in row.items():
            self._sums[key] = self._sums.get(key, 0.0) + value
        if self.step % _REPORT == 0:
            self._report(rate)

    def shown(self) -> dict[str, str]:
        count = self.step % _REPORT or _REPORT
        return {key: f"{value / count:.2f}" for key, value in self._sums.items()}

    def _report(self, rate: float) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), "rate": rate}
        row["device"] = self.device.type
        row |= {key: round(total / _REPORT, 4) for key, total in self._sums.items()}
        append_curve(self.out / "curve.jsonl", row)
        self._sums = {}

    def save(self) -> None:
        state = {"objective": self.objective.state_dict(), "step": self.step, "made": self.made}
        state |= {"optimiser": self.optimiser.state_dict(), "seconds": self.seconds}
        state["sums"] = self._sums
        with replacing(self.out / "state.pt") as aside:
            torch.save(state, aside)

    def go_on(self) -> None:
        """Take up the checkpoint, if there is one; lines of the curve after it are dropped."""
        path = self.out / "state.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["made"] != self.made:
            raise ValueError(
                f"{path} is of another seed, recipe or architecture; choose another folder, or "
                "pass resume=False (--fresh) to start anew"
            )
        self.objective.load_state_dict(state["objective"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self._sums = state["step"], state["seconds"], state["sums"]
        trim_curve(self.out / "curve.jsonl", self.step)


# ---- weights and card --------------------------------------------------------------------------
def held_out(number: int = 24, size: tuple[int, int] = (336, 448)) -> Iterator[tuple]:
    """Scenes that training never draws, for `evaluate`; a label is one colour and surface word."""
    for seed in range(number):
        rng = np.random.default_rng([HELD_OUT, 3, seed])
        drawn = scene(rng, size, _KINDS[seed % len(_KINDS)])
        words = [(thing.colour, thing.surface) for thing in drawn.things]
        names = sorted(set(words))
        owner = np.array([names.index(pair) for pair in words], np.uint8)
        yield f"scene {seed}", drawn.image, owner[drawn.segments]


def export(
    out: str | Path, folder: str | Path = FOLDER, numbers: Mapping[str, object] | None = None
) -> Path:
    """Write the teacher's weights and their card; what is measured is the weights in float16.

    Parameters
    ----------
    out : the folder of the training
    numbers : measured elsewhere (on digital sections, on photos), to stand on the card too

    Returns
    -------
    Path
        ``dino.safetensors``, with the keys of timm's ``VisionTransformer``, as `build_dino` reads
        them.

    Raises
    ------
    FileNotFoundError
        No training has left a state in `out`.
    """
    path = Path(out) / "state.pt"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; train first, into this folder")
    state = torch.load(path, map_location="cpu", weights_only=True)
    made = json.loads(state["made"])
    made["recipe"] = {k: tuple(v) if isinstance(v, list) else v for k, v in made["recipe"].items()}
    objective = Objective(made["architecture"], Recipe(**made["recipe"]))
    objective.load_state_dict(state["objective"])
    vit = objective.result().half().float()
    seen = evaluate(dense_features(vit), held_out())
    world = {name: round(value, 3) for name, value in seen["pairs"].items()}
    world |= {f"listening_{n}": round(value, 3) for n, value in seen["listening"].items()}
    world |= {"scenes": seen["photos"]}
    card = {
        "title": "Small DINO of the general world",
        "architecture": made["architecture"],
        "data": (
            f"{made['recipe']['scenes']} scenes of mineral_utils.miniature.world of "
            f"{made['recipe']['scene_side']} px, drawn once, without their words and segments; no "
            "ore texture, no mineral, no photo."
        ),
        "recipe": (
            "Self-distillation without labels: class tokens over prototypes with centring and "
            "sharpening, on two large and some small views of a scene (arXiv 2104.14294); and "
            "patches over the patches of the other view, bound to their true place, some hidden "
            "from the student. Views differ in exposure, white balance, vignette, mottling, blur, "
            "noise, specks and scratches; scenes are flattened to low contrast, colour is kept. "
            "AdamW, one cycle. Made again by: python -m mineral_utils.miniature dino --export"
        ),
        "settings": {"seed": made["seed"], **made["recipe"]},
        "time": {
            "steps": state["step"],
            "minutes": round(state["seconds"] / 60, 1),
            "hardware": _hardware(out),
        },
        "numbers": {
            "measure": (
                "AUC of the cosine for same- against other-material pairs of 16-px cells (>= 90 % "
                "one material) whose mean colours differ by less than 15 levels in every channel; "
                "colour, variance, both: the same for baselines without a model"
            ),
            "held_out_scenes": world,
            **(numbers or {}),
        },
        "limits": (
            "Knows tint, brightness against the light around, and surface; no things, no minerals. "
            "Made for windows of 10 x 10 to 21 x 28 patches."
        ),
        "licence": "Apache-2.0",
    }
    return save_weights("dino", vit.state_dict(), card, folder)


def _hardware(out: str | Path) -> str:
    """What the last line of the curve was computed on."""
    curve = Path(out) / "curve.jsonl"
    rows = curve.read_text(encoding="utf-8").splitlines() if curve.is_file() else []
    if rows and json.loads(rows[-1])["device"] != "cpu":
        return "one GPU"
    return "one thread of a two-core CPU, shared with other work"


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature dino --help``."""
    options = read_options("dino", __doc__.split("\n")[0], arguments, minutes=55)
    given = {key: getattr(options, key) for key in ("minutes", "steps", "seed", "device", "resume")}
    train(options.out, **given)
    if options.export:
        print(f"written: {export(options.out, numbers=options.numbers)}")
    return 0
