"""Train the small CLIP on the general world: ``python -m mineral_utils.miniature clip --out DIR``.

Stopped at any moment, the same command goes on from the last checkpoint. With ``--steps`` the
course depends on the seed alone; with ``--minutes`` the schedule follows the clock.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm.auto import tqdm

from ..run import pick_device, replacing, set_seed
from .clip_losses import SHARES, losses
from .clip_model import ARCHITECTURE, build, tokenizer
from .clip_views import Stream
from .course import append_curve, read_options, trim_curve
from .store import shipped_state

BATCH = 96
# higher rates learn colours, but lose what the first weights know of surfaces
RATE = 4e-4
# words are few and their vectors start small: they may move faster
WORD_RATE = 1e-2
# (until which share of the time, of the steps, px of the pictures): small pieces first, which cost
# little and show little to talk about; whole scenes at the end
STAGES = ((0.26, 0.4263, 64), (0.69, 0.8715, 112), (1.0, 1.0, 224))
# from this share on a second, lower cycle, mostly on pictures that are about one thing: what a
# picture is about is told from its ground only when the whole of it is seen
LAST, LAST_RATE, LAST_ABOUT = 18 / 19, 0.25, 0.6
# who goes on from weights that know all stages: the second cycle only, a little higher
ONWARD_RATE = 0.5
_REPORT = 20  # steps a line of the curve
_SAVE = 200.0  # seconds between checkpoints


def train(
    out: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    seed: int = 0,
    device: str = "auto",
    resume: bool = True,
    onward: bool = False,
    architecture: dict = ARCHITECTURE,
    progress: bool = True,
) -> nn.Module:
    """Train, or go on with, a small CLIP.

    Parameters
    ----------
    out : folder for ``state.pt`` (all that is needed to go on) and ``curve.jsonl`` (a JSON object
        every 20 steps: step, seconds, rate, the parts of the loss, shares of right answers)
    minutes, steps : how long: by the clock, summed over all starts, or in steps; give one
    resume : go on from the checkpoint in `out`
    onward : begin with the shipped weights, and take the last stage only

    Returns
    -------
    open_clip.CLIP
        In evaluation mode.

    Raises
    ------
    ValueError
        Neither or both of minutes and steps, or a state in `out` of another seed or architecture.
    """
    if (minutes is None) == (steps is None):
        raise ValueError("say how long to train: give either minutes or steps")
    chosen, out = pick_device(device), Path(out)
    set_seed(seed)
    model = build(seed, architecture)
    if onward:
        model.load_state_dict(shipped_state("clip"))
    course = _Course(model.to(chosen), seed, architecture, out, onward)
    if resume:
        course.go_on()
    else:
        (out / "curve.jsonl").unlink(missing_ok=True)
    end = 60 * minutes if steps is None else steps
    stream, tokenize = Stream(seed), tokenizer(architecture)
    bar = tqdm(total=math.ceil(end), unit="s" if steps is None else "step", disable=not progress)
    saved = time.monotonic()
    with bar:
        while (done := (course.seconds if steps is None else course.step) / end) < 1:
            start = time.monotonic()
            bar.n = min(math.ceil(done * end), bar.total)
            side, about = _stage(done, onward, steps is None)
            views = stream.batch(course.step, BATCH, side, about)
            rng = np.random.default_rng([seed, 2, course.step])
            course.learn(losses(course.model, tokenize, views, rng), _rate(done, onward))
            course.seconds += time.monotonic() - start
            bar.set_postfix(course.shown(), refresh=False)
            bar.update(0)
            if time.monotonic() - saved > _SAVE:
                course.save()
                saved = time.monotonic()
    course.save()
    return course.model.eval()


def _stage(done: float, onward: bool, by_clock: bool) -> tuple[int, float | None]:
    """Side of the pictures in px, and the share of them that are about one thing."""
    if onward:
        return STAGES[-1][-1], LAST_ABOUT
    side = next(px for *ends, px in STAGES if done < ends[0 if by_clock else 1])
    return side, LAST_ABOUT if done >= LAST else None


def _rate(done: float, onward: bool = False) -> float:
    """Two cycles, as a share of the highest rate: up, then a cosine down; the second is lower, and
    the only one of who goes onward."""
    if onward:
        return ONWARD_RATE * _cycle(done, 0.03)
    if done < LAST:
        return _cycle(done / LAST, 0.02)
    return LAST_RATE * _cycle((done - LAST) / (1 - LAST), 0.1)


def _cycle(done: float, warm: float) -> float:
    if done < warm:
        return 0.1 + 0.9 * done / warm
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (done - warm) / (1 - warm)))


class _Course:
    """Model, optimisers and how far they are: what a checkpoint holds."""

    def __init__(
        self, model: nn.Module, seed: int, architecture: dict, out: Path, onward: bool = False
    ):
        self.model, self.out = model.train(), out
        self.made = {"seed": seed, "architecture": json.dumps(architecture, sort_keys=True)}
        self.made |= {"onward": onward}
        self.step, self.seconds = 0, 0.0
        table = model.token_embedding.weight
        rest = [(n, p) for n, p in model.named_parameters() if p is not table]
        plain = ("bias", "positional_embedding", "class_embedding", "logit_scale")
        decayed = [p for n, p in rest if p.ndim >= 2 and not n.endswith(plain)]
        kept = {id(p) for p in decayed}
        groups = [
            {"params": decayed, "weight_decay": 0.05},
            {"params": [p for _, p in rest if id(p) not in kept], "weight_decay": 0.0},
        ]
        self.dense = [p for _, p in rest]
        self.optimisers = (
            torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98), eps=1e-6),
            torch.optim.SparseAdam([table], lr=WORD_RATE, betas=(0.9, 0.98)),
        )
        self._sums: dict[str, float] = {}
        self._count = 0

    def learn(self, parts: dict[str, torch.Tensor], rate: float) -> None:
        loss = sum(weight * parts[key] for key, weight in SHARES.items())
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite at step {self.step}; start again from the checkpoint with "
                "a lower rate"
            )
        for optimiser, highest in zip(self.optimisers, (RATE, WORD_RATE), strict=True):
            optimiser.zero_grad(set_to_none=True)
            for group in optimiser.param_groups:
                group["lr"] = rate * highest
        loss.backward()
        nn.utils.clip_grad_norm_(self.dense, 1.0)
        for optimiser in self.optimisers:
            optimiser.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(max=math.log(100))
        self.step += 1
        for key, value in parts.items():
            self._sums[key] = self._sums.get(key, 0.0) + float(value.detach())
        self._count += 1
        if self.step % _REPORT == 0:
            self._report(rate)

    def shown(self) -> dict[str, str]:
        keys = ("right_sentence", "right_colour", "right_surface")
        means = {key.removeprefix("right_"): self._sums.get(key, 0.0) for key in keys}
        return {k: f"{v / max(self._count, 1):.2f}" for k, v in means.items()}

    def _report(self, rate: float) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), "rate": rate}
        row |= {key: round(total / self._count, 4) for key, total in self._sums.items()}
        append_curve(self.out / "curve.jsonl", row)
        self._sums, self._count = {}, 0

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "step": self.step, "seconds": self.seconds}
        state |= {"optimisers": [o.state_dict() for o in self.optimisers], "made": self.made}
        with replacing(self.out / "state.pt") as aside:
            torch.save(state, aside)

    def go_on(self) -> None:
        """Take up the checkpoint, if there is one; lines of the curve after it are dropped."""
        path = self.out / "state.pt"
        if not path.is_file():
            return
        device = self.model.logit_scale.device
        state = torch.load(path, map_location=device, weights_only=True)
        if state["made"] != self.made:
            raise ValueError(
                f"{path} is of another seed or architecture; choose another folder, or delete it"
            )
        self.model.load_state_dict(state["model"])
        for optimiser, kept in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(kept)
        self.step, self.seconds = state["step"], state["seconds"]
        trim_curve(self.out / "curve.jsonl", self.step)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature clip --help``."""
    options = read_options("clip", __doc__.split("\n")[0], arguments, minutes=60, onward=True)
    given = {key: getattr(options, key) for key in ("minutes", "steps", "seed", "device", "resume")}
    model = train(options.out, onward=options.onward, **given)
    if options.export:
        from .clip_measure import export

        print(
            f"written: {export(model, options.out, numbers=options.numbers, onward=options.onward)}"
        )
    return 0
