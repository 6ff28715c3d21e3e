"""A small network that traces outlines after SAM; it learns on the general world.

    python -m mineral_utils.miniature tracer --minutes 180 --export
    python -m mineral_utils.miniature tracer --minutes 12 --views 16 --helpers 15  # on a GPU

The shipped weights come from the second; what the first reaches on two cores was not measured.

The small SAM answers questions about views (`tracer_views`); the tracer sees its answer, the crop
and the box, and learns the truth in the crop's pixels. Stopped at any moment, the same command goes
on from the last checkpoint. With ``--steps`` the course depends on the seed alone; with
``--minutes`` the schedule follows the clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor

from ..encoders.build import build_sam
from ..encoders.tracer import Tracer, see
from ..profiles import load_profile
from ..run import pick_device, set_seed
from .checkpointed import Checkpointed
from .course import read_options
from .sam_batch import Drawer
from .sam_model import decode, encode
from .sam_pool import draw_pool
from .sam_prompts import COEFFICIENT
from .tracer_views import Questions, Task, draw_questions

SAVE_EVERY = 240.0  # seconds between checkpoints
UNSAID = 0.08  # how often SAM's answer is withheld, so that the pixels are looked at


@dataclass(frozen=True)
class Recipe:
    """How the tracer learns.

    seed : of weights, scenes and everything drawn
    scenes : in the pool
    views : a step
    asked : questions about each view
    rate : highest learning rate; it warms up over `warm` steps and falls as a cosine to a hundredth
    decay : weight decay of matrices
    average : of the weights' running mean, which is what is kept
    width : see `Tracer`
    """

    seed: int = 30
    scenes: int = 4000
    views: int = 2
    asked: int = 6
    rate: float = 1.5e-3
    warm: int = 200
    decay: float = 0.02
    average: float = 0.998
    width: int = Tracer.WIDTH


def train(
    out: str | Path,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 30,
    resume: bool = True,
    helpers: int = 0,
    **changes,
) -> Tracer:
    """Train the tracer.

    Parameters
    ----------
    out : folder of checkpoint (``last.pt``), curve (``curve.jsonl``) and pool of scenes
    minutes, steps : how long, one of the two; the learning rate falls over this span. Equal seeds
        and `steps` give equal weights on one machine; `minutes` counts training time over all
        resumed parts
    device : see `mineral_utils.run.pick_device`
    resume : go on from the checkpoint in `out`
    helpers : processes that draw scenes and views ahead; 0 draws them here
    **changes : of `Recipe`

    Returns
    -------
    Tracer with the averaged weights, in evaluation mode

    Raises
    ------
    ValueError
        Neither or both of `minutes` and `steps`, or a checkpoint of another recipe.
    """
    if (minutes is None) == (steps is None):
        raise ValueError("give either minutes or steps, to say how long to train")
    out, recipe = Path(out), Recipe(seed=seed, **changes)
    draw_pool(out / "pool", recipe.scenes, seed=recipe.seed, helpers=helpers)
    course = _Course(recipe, out, pick_device(device))
    if resume:
        course.go_on()
    elif course.curve.exists():
        course.curve.unlink()

    def share(step: int) -> float:
        return step / steps if steps else course.seconds / (60 * minutes)

    def plan(step: int) -> Task:
        return Task(recipe.seed, step, recipe.views, recipe.asked)

    drawer = Drawer(out / "pool", plan, course.step, helpers, draw_questions)
    total, unit = (steps, "step") if steps else (math.ceil(minutes), "min")
    course.go_through(drawer, share, "tracer", total, unit, SAVE_EVERY)
    return course.mean


class _Course(Checkpointed):
    """Network, running mean, optimiser and how far they are: what a checkpoint holds."""

    def __init__(self, recipe: Recipe, out: Path, device: torch.device):
        super().__init__(recipe, out, device)
        set_seed(recipe.seed)
        self.net = Tracer(recipe.width).to(device)
        if device.type == "cuda":  # convolutions of bfloat16 are faster so
            self.net.to(memory_format=torch.channels_last)
        self.mean = deepcopy(self.net).eval()
        self.sam = build_sam(load_profile("demo").sam).to(device).requires_grad_(False)
        plain = [p for p in self.net.parameters() if p.ndim < 2]
        heavy = [p for p in self.net.parameters() if p.ndim >= 2]
        groups = [{"params": heavy, "weight_decay": recipe.decay}]
        groups.append({"params": plain, "weight_decay": 0.0})
        self.optimiser = torch.optim.AdamW(groups, lr=recipe.rate, betas=(0.9, 0.98))

    def learn(self, asked: Questions, done: float) -> None:
        """One step. `done` : share of the training that lies behind, in [0, 1)."""
        recipe = self.recipe
        rng = np.random.default_rng((recipe.seed, 3, self.step))
        rate = recipe.rate * min(1, (self.step + 1) / recipe.warm)
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with torch.no_grad():
            said = ask(self.sam, asked, rng)
            told = torch.from_numpy(rng.random(len(said)) >= UNSAID).to(self.device)
            seen = self._see(asked, said * told[:, None, None, None])
            truth = torch.from_numpy(asked.truth).to(self.device).float() / 255
        with torch.autocast("cuda", torch.bfloat16, enabled=self.device.type == "cuda"):
            logits = self.net(seen)
        loss = trace_loss(logits.float(), truth, seen[:, 5])
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        if self.step % 50 == 0 and not torch.isfinite(norm):
            raise FloatingPointError(
                f"the loss is not finite at step {self.step}; start again from the checkpoint with "
                "a lower rate"
            )
        self.optimiser.step()
        self.step += 1
        self.add(asked.kind, crop_iou(logits, truth, seen[:, 5]))
        self.add(f"sam_{asked.kind}", crop_iou(seen[:, 3], truth, seen[:, 5]))
        self.add("loss", loss.detach())
        keep = min(recipe.average, self.step / (self.step + 9))
        with torch.no_grad():
            torch._foreach_lerp_([*self.mean.parameters()], [*self.net.parameters()], 1 - keep)

    def _see(self, asked: Questions, said: Tensor) -> Tensor:
        tensors = (torch.from_numpy(a).to(self.device) for a in (asked.crops, asked.squares))
        crops, squares = tensors
        boxes = torch.from_numpy(asked.boxes).to(self.device)
        return see(crops, said, squares, boxes, asked.pixels.shape[1:3])

    def parts(self) -> dict:
        return {"net": self.net, "mean": self.mean, "optimiser": self.optimiser}


# ---- what is learnt ----------------------------------------------------------------------------
@torch.no_grad()
def ask(sam: Sam, asked: Questions, rng: np.random.Generator) -> Tensor:
    """SAM's answers as logits, float32 [n, 1, cells, cells] of the views, which it sees enlarged to
    its canvas; of three answers to a point the one that it likes best."""
    device, canvas, side = sam.device, sam.image_encoder.img_size, asked.pixels.shape[1]

    def tensor(array: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)

    pixels = tensor(asked.pixels).permute(0, 3, 1, 2).float()
    pixels = F.interpolate(pixels, (canvas, canvas), mode="bilinear")
    places = [(0, 0)] * len(pixels)
    embeddings, _ = encode(sam, (pixels - sam.pixel_mean) / sam.pixel_std, places)
    scale, points, boxes, masks = canvas / side, None, None, None
    if asked.kind in ("deep", "point"):
        spots = tensor(asked.points)[:, None] * scale
        points = spots, torch.ones(spots.shape[:2], device=device)
    if asked.kind != "point":
        boxes = tensor(asked.asked_boxes) * scale
    if asked.hints is not None:
        cells = sam.prompt_encoder.mask_input_size
        hints = F.interpolate(tensor(asked.hints)[:, None], cells, mode="bilinear")
        masks = (hints * 2 - 1) * 4 if rng.random() < 0.5 else hints * (0.9 * COEFFICIENT)
    logits, expected, _ = decode(sam, embeddings, places, tensor(asked.of), points, boxes, masks)
    if asked.kind != "point":
        return logits[:, :1]
    best = expected[:, 1:].argmax(1) + 1
    return logits[torch.arange(len(best), device=device), best][:, None]


def trace_loss(logits: Tensor, truth: Tensor, picture: Tensor) -> Tensor:
    """Dice and cross-entropy of logits against shares, all [n, S, S], where a crop lies in the
    picture: a scalar."""
    chance = logits.sigmoid() * picture
    both = (chance * truth).sum((1, 2))
    dice = 1 - (2 * both + 1) / (chance.sum((1, 2)) + (truth * picture).sum((1, 2)) + 1)
    entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none") * picture
    return (dice + entropy.sum((1, 2)) / picture.sum((1, 2)).clamp(min=1)).mean()


def crop_iou(logits: Tensor, truth: Tensor, picture: Tensor) -> Tensor:
    """Mean IoU of what is drawn in the crops, as far as they lie in the picture: a scalar."""
    said, real = (logits.detach() > 0) & (picture > 0.5), (truth > 0.5) & (picture > 0.5)
    shared, either = (said & real).sum((1, 2)), (said | real).sum((1, 2))
    return (shared / either.clamp(min=1)).mean()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature tracer --help``."""
    options = read_options(
        "tracer", __doc__.split("\n")[0], arguments, minutes=180, seed=30, views=True
    )
    keys = ("minutes", "steps", "seed", "device", "resume", "helpers")
    changes = {} if options.views is None else {"views": options.views}
    train(options.out, **{key: getattr(options, key) for key in keys}, **changes)
    if options.export:
        from .tracer_card import export

        print(f"written: {export(options.out, numbers=options.numbers)}")
    return 0
