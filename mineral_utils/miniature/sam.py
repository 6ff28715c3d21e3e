"""A small segment-anything model that learns points, boxes and coarse masks on the general world.

    python -m mineral_utils.miniature sam --minutes 90 --export
    python -m mineral_utils.miniature sam --minutes 8 --views 16 --helpers 15 --export  # on a GPU

Stopped at any moment, the same command goes on from the last checkpoint. With ``--steps`` the
course depends on the seed alone; with ``--minutes`` the schedule follows the clock. Most steps see
windows of 448 px of SAM's canvas, which cost a fifth of it; the last ones see all of it. On a GPU
drawing is the slow part: helpers draw ahead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import Tensor

from ..run import pick_device, set_seed
from .checkpointed import Checkpointed
from .course import read_options
from .sam_batch import Batch, Drawer, Task
from .sam_colour import pass_colours
from .sam_model import HEARD, answer, correct, encode, mishearing, new_model
from .sam_pool import Pool, draw_pool
from .sam_prompts import Prompts
from .sam_scenes import draw_view
from .store import shipped_state

SAVE_EVERY = 240.0  # seconds between checkpoints
CLICKS = 0.15  # how often an answer is asked again with a click on an error


@dataclass(frozen=True)
class Recipe:
    """How the small SAM learns.

    seed : of weights, scenes and everything drawn
    scenes : in the pool
    views : images a step; on small windows twice, on the whole canvas half as many
    prompts : a kind and image; on the whole canvas twice as many
    rate : highest learning rate; it warms up over `warm` steps and falls as a cosine to a hundredth
    decay : weight decay of matrices
    window : px of SAM's canvas that a view shows
    small, whole : shares of the training, at its begin on windows of half that side, at its end on
        the whole canvas
    average : of the weights' running mean, which is what is kept
    onward : begin with the shipped weights
    """

    seed: int = 20
    scenes: int = 3000
    views: int = 2
    prompts: int = 5
    rate: float = 6e-4
    warm: int = 100
    decay: float = 0.05
    window: int = 448
    small: float = 0.5
    whole: float = 0.12
    average: float = 0.995
    onward: bool = False

    def task(self, step: int, done: float, canvas: int) -> Task:
        """What a step sees, when a share `done` of the training lies behind it."""
        side, views, prompts = self.window, self.views, self.prompts
        if done < self.small:
            side, views = side // 2, views * 2
        elif done >= 1 - self.whole:
            side, views, prompts = canvas, max(1, views // 2), prompts * 2
        return Task(self.seed, step, side, canvas, views, prompts)


# ---- training ----------------------------------------------------------------------------------
def train(
    out: str | Path,
    minutes: float | None = None,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 20,
    resume: bool = True,
    helpers: int = 0,
    **changes,
) -> Sam:
    """Train the small SAM.

    Parameters
    ----------
    out : folder of checkpoint (``last.pt``), curve (``curve.jsonl``) and pool of scenes
    minutes, steps : how long, one of the two; the learning rate falls over this span. Equal seeds
        and `steps` give equal weights on one machine; `minutes` counts training time over all
        resumed parts
    device : see `mineral_utils.run.pick_device`
    resume : go on from the checkpoint in `out`
    helpers : processes that draw scenes and views ahead; 0 draws them here, which on a CPU costs a
        seventh of the time or less. With `steps` the number changes nothing in the result
    **changes : of `Recipe`

    Returns
    -------
    Sam with the averaged weights, in evaluation mode

    Raises
    ------
    ValueError
        Neither or both of `minutes` and `steps`, or a checkpoint of another recipe.
    """
    if (minutes is None) == (steps is None):
        raise ValueError("give either minutes or steps, to say how long to train")
    out, recipe = Path(out), Recipe(seed=seed, **changes)
    pool = draw_pool(out / "pool", recipe.scenes, seed=recipe.seed, helpers=helpers)
    course = _Course(recipe, pool, out, pick_device(device))
    if resume:
        course.go_on()
    elif course.curve.exists():
        course.curve.unlink()

    def share(step: int) -> float:
        """Of the training that lies behind a step, as far as can be said when it is drawn."""
        return step / steps if steps else course.seconds / (60 * minutes)

    def plan(step: int) -> Task:
        return recipe.task(step, share(step), course.sam.image_encoder.img_size)

    drawer = Drawer(out / "pool", plan, course.step, helpers)
    total, unit = (steps, "step") if steps else (math.ceil(minutes), "min")
    course.go_through(drawer, share, "sam", total, unit, SAVE_EVERY)
    return course.mean


class _Course(Checkpointed):
    """Model, running mean, optimiser and how far they are: what a checkpoint holds."""

    def __init__(self, recipe: Recipe, pool: Pool, out: Path, device: torch.device):
        super().__init__(recipe, out, device)
        self.pool = pool
        set_seed(recipe.seed)
        self.sam = new_model(recipe.seed)
        side, canvas = recipe.window, self.sam.image_encoder.img_size
        first = [
            draw_view(pool, np.random.default_rng((recipe.seed, 2, i)), side, canvas)
            for i in range(32)
        ]
        pixels = np.stack([view.pixels for view in first])
        pass_colours(self.sam, _pixels(self.sam, pixels, [view.valid for view in first]))
        if recipe.onward:
            self.sam.load_state_dict(shipped_state("sam"))
        self.sam.to(device)
        self.mean = deepcopy(self.sam).eval()
        self.optimiser = self._optimiser()

    def _optimiser(self) -> torch.optim.Optimizer:
        """Weight decay for matrices only, not for tables, codes, biases and norms."""
        named = [*self.sam.named_parameters()]
        plain = [p.ndim < 2 or any(w in n for w in ("embed", "rel_pos", "token")) for n, p in named]
        groups = [
            {
                "params": [p for (_, p), x in zip(named, plain, strict=True) if x == skip],
                "weight_decay": 0.0 if skip else self.recipe.decay,
            }
            for skip in (False, True)
        ]
        return torch.optim.AdamW(groups, lr=self.recipe.rate, betas=(0.9, 0.98))

    def learn(self, batch: Batch, done: float) -> None:
        """One step; everything that it draws follows from the seed and its number.

        done : share of the training that lies behind, in [0, 1)
        """
        recipe, sam, step = self.recipe, self.sam, self.step
        rng = np.random.default_rng((recipe.seed, 3, step))
        rate = recipe.rate * min(1, (step + 1) / recipe.warm)
        rate *= 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(done, 1)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        pixels = _pixels(sam, batch.pixels, batch.valid)
        embeddings, (attention, values) = encode(sam, pixels, batch.places)
        looks = torch.from_numpy(batch.looks).to(sam.device)
        loss, share = mishearing(attention, values, looks)
        self.add("heard", share)
        loss = HEARD * loss
        for prompts in batch.questions:
            loss = loss + self._ask(prompts, embeddings, batch.places, rng)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(sam.parameters(), 1.0)
        if not torch.isfinite(norm):
            raise FloatingPointError(
                f"the loss is not finite at step {step}; start again from the checkpoint with "
                "a lower rate"
            )
        self.optimiser.step()
        self.step += 1
        keep = min(recipe.average, self.step / (self.step + 9))
        with torch.no_grad():
            torch._foreach_lerp_([*self.mean.parameters()], [*sam.parameters()], 1 - keep)

    def _ask(self, prompts: Prompts, embeddings: Tensor, places, rng) -> Tensor:
        """The loss of questions about the views, and of clicks now and then."""
        given = answer(self.sam, embeddings, places, prompts)
        loss = given.loss
        self.add(prompts.kind, given.iou.mean())
        self.add("unread", given.unread)
        if rng.random() < CLICKS:
            again = answer(self.sam, embeddings, places, correct(prompts, given, places, rng))
            loss = loss + again.loss
            self.add("click", again.iou.mean())
        return loss

    def parts(self) -> dict:
        return {"sam": self.sam, "mean": self.mean, "optimiser": self.optimiser}


def _pixels(sam: Sam, pixels: np.ndarray, valid: Sequence[tuple[int, int]]) -> Tensor:
    """Normalised pixels of views, zero in their padding: uint8 [B, S, S, 3] to float32 [B, 3, S,
    S]."""
    raw = torch.from_numpy(pixels).to(sam.device).permute(0, 3, 1, 2)
    result = (raw.float() - sam.pixel_mean) / sam.pixel_std
    for number, (height, width) in enumerate(valid):
        result[number, :, height:] = 0
        result[number, :, :, width:] = 0
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature sam --help``."""
    options = read_options(
        "sam", __doc__.split("\n")[0], arguments, minutes=90, seed=20, onward=True, views=True
    )
    keys = ("minutes", "steps", "seed", "device", "resume", "onward", "helpers")
    changes = {} if options.views is None else {"views": options.views}
    train(options.out, **{key: getattr(options, key) for key in keys}, **changes)
    if options.export:
        from .sam_card import export

        print(f"written: {export(options.out, numbers=options.numbers)}")
    return 0
