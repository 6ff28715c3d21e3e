"""The course of a tuning: batches in order, one-cycle rate, curve, checkpoints, resuming.

    from mineral_utils.training import section_examples, tune
    examples = section_examples(1000, "runs/sections")
    tuned = tune("demo", examples, "dense-small", out="runs/tuned")
    tuned.adapter                       # a file that load_model("demo", adapter=...) takes

Everything that a step draws follows from the recipe's seed and the step's number, so a course that
was killed and taken up again ends, on a CPU, with the same bits as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..clip_lora import (
    add_lora,
    hold_all_but_class,
    load_adapter,
    merged_state_dict,
    trainable_parameters,
)
from ..encoders import Dino, build_clip, build_dino
from ..minerals import vocabulary
from ..profiles import Profile, load_profile
from ..recipes import Recipe, load_recipe
from ..run import file_sha256, pick_device, set_seed
from . import keeping
from .examples import GROUND, Examples
from .reading import Reader
from .step import Teacher, dino_affinity
from .stopping import Stopping
from .together import Together

SAVE_EVERY = 300.0  # seconds between checkpoints inside an epoch
REPORT_EVERY = 10  # steps between lines of the curve
# how torch says it of the CPU's memory, on Windows and elsewhere
NO_MEMORY = ("not enough memory", "can't allocate memory")
WARMEST = math.log(100)  # highest logit_scale, as CLIP clamps it


@dataclass(frozen=True)
class Tuned:
    """What a course gave.

    clip : the adapted model, in evaluation mode
    adapter : file of the adapters (`mineral_utils.clip_lora.load_adapter`)
    curve : a dict a reported step: ``step``, ``epoch``, ``seconds``, ``rate``, losses,
        ``temperature``
    notes : what was odd about the examples, in sentences
    skipped : (photo, why) of pictures that could not be read
    finished : False if it was interrupted; the same call goes on
    """

    clip: nn.Module
    adapter: Path
    curve: list[dict]
    notes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    finished: bool = True

    def merged(self) -> dict[str, Tensor]:
        """An ordinary open_clip state dict."""
        return merged_state_dict(self.clip)


def tune(
    profile: str | Path | Profile,
    examples: Examples,
    recipe: str | Path | Recipe = "one-hot",
    *,
    out: str | Path,
    device: str = "auto",
    resume: bool = True,
    start: str | Path | None = None,
    watch: Callable[[int, nn.Module, list[dict]], None] | None = None,
    watch_every: int = 0,
    progress: bool = True,
    **changes,
) -> Tuned:
    """Tune a profile's CLIP with LoRA.

    Parameters
    ----------
    profile : whose CLIP, and whose DINO for the dense losses
    examples : what to learn from
    recipe : a name, a YAML file or a `Recipe`; `changes` are single values of it
    out : folder of checkpoint (``last.pt``), curve (``curve.jsonl``), ``adapter.safetensors``
    device : see `mineral_utils.run.pick_device`
    resume : go on from the checkpoint in `out`, if there is one; False removes what is there
    start : an adapter to begin with, of the same base and settings, instead of a zero update
    watch : called as (step, clip in evaluation mode, curve) before the first step, every
        `watch_every` steps (0: every epoch) and at the end: for a live curve, or an early look at
        some photos
    progress : show a bar

    Returns
    -------
    Tuned
        With ``finished=False`` after Ctrl-C, which is heard at the end of a step.

    Raises
    ------
    ValueError
        Examples that cannot teach anything, a recipe that needs masks they do not have, a
        checkpoint of another course (the difference is named), a folder that cannot be written.
    OSError
        The disk is full; the last checkpoint is kept.
    FloatingPointError
        The loss is not finite; the last good state is kept, the message names the batch.
    RuntimeError
        The device has not enough memory; the message names the settings to lower.
    """
    profile, recipe = load_profile(profile), load_recipe(recipe, **changes)
    course = Course(profile, examples, recipe, Path(out), pick_device(device), start)
    keeping.prepare(course)
    if resume:
        keeping.go_on(course)
    else:
        keeping.begin_anew(course)
    return course.run(watch, watch_every, progress)


def _check_precision(precision: str, device: torch.device) -> None:
    if precision != "float32" and device.type != "cuda":
        raise ValueError(
            f"precision {precision!r} needs a CUDA device, this runs on {device.type}; use "
            "precision='float32'"
        )


class Course:
    """Model, optimiser, schedule and how far they are: what a checkpoint holds."""

    def __init__(
        self,
        profile: Profile,
        examples: Examples,
        recipe: Recipe,
        out: Path,
        device: torch.device,
        start: str | Path | None = None,
    ):
        self.notes = examples.check()
        if recipe.batch > len(examples):
            self.notes.append(
                f"a batch is {recipe.batch} pictures, but there are {len(examples)}; each step "
                "sees all of them"
            )
        if recipe.dense == "mask" and examples.truth is None:
            raise ValueError(
                f"recipe {recipe.name!r} learns from masks, but {examples.note or 'the examples'} "
                "have none; use dense='set', which needs only the minerals of each photo"
            )
        _check_precision(recipe.precision, device)
        self.profile, self.examples, self.recipe, self.out = profile, examples, recipe, out
        self.together = Together(device)
        self.device = device = self.together.device
        set_seed(recipe.seed)
        clip, tokenizer = build_clip(profile.clip)
        add_lora(
            clip,
            recipe.rank,
            recipe.alpha,
            recipe.dropout,
            recipe.towers,
            recipe.parts,
            learn_temperature=recipe.learn_temperature,
            seed=recipe.seed,
        )
        if start is not None:
            load_adapter(start, clip)
        if recipe.learns == "class":
            hold_all_but_class(clip)
        self.start = "" if start is None else file_sha256(Path(start))
        self.clip = clip.to(device).train()
        patch = clip.visual.conv1.kernel_size[0]
        if recipe.side % patch:
            raise ValueError(
                f"side is {recipe.side} px, but this CLIP has patches of {patch} px; write "
                f"{recipe.side // patch * patch} or {(recipe.side // patch + 1) * patch}"
            )
        affinity, self.dino = None, ""
        if recipe.dense != "none":
            dino = build_dino(profile.dino)
            self.dino = keeping.mark_of(dino, profile.preset)
            affinity = dino_affinity(Dino(dino, device), profile.preset)
        words = [vocabulary().find(name).prompt for name in examples.names]
        self.taught = len(words) + bool(recipe.ground and recipe.dense == "mask")
        weights = self._weights() if recipe.dense == "mask" and recipe.balance else None
        self.teacher = Teacher(
            self.clip,
            tokenizer,
            words + [recipe.ground] * (self.taught - len(words)),
            recipe,
            affinity,
            weights,
            self.together,
        )
        self.steps_per_epoch = max(len(examples) // recipe.batch, 1)
        self.steps = self.steps_per_epoch * recipe.epochs
        self.reader = Reader(examples, recipe, self.together, patch, self.taught, self.steps)
        self.optimiser = torch.optim.AdamW(
            trainable_parameters(self.clip).values(), lr=recipe.rate, weight_decay=recipe.decay
        )
        # torch steps once more after the last batch; a rise of less than a step would divide by 0
        total = self.steps + 1
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimiser,
            recipe.rate,
            total_steps=total,
            pct_start=max(recipe.warm, 1.001 / total),
        )
        self.step, self.seconds = 0, 0.0
        self.changing = False  # whether weights and curve are between two steps' states
        self.curve: list[dict] = []
        self.tally: list[dict[str, float]] = []

    def _weights(self) -> Tensor:
        """Weights of the classes in the mask loss, from a hundred pictures: frequency to the power
        of -balance, 1 on average over pixels."""
        counts = np.zeros(self.taught)
        rng = np.random.default_rng((self.recipe.seed, 3))
        some = rng.permutation(len(self.examples))[:100]
        for number in some:
            try:
                truth = self.examples.truth(int(number))[::8, ::8].copy()
            except (OSError, ValueError):  # it will be skipped, and listed, when its turn comes
                continue
            if self.taught > len(self.examples.names):
                truth[truth == GROUND] = self.taught - 1
            truth = np.minimum(truth, self.taught)
            counts += np.bincount(truth.ravel(), minlength=self.taught + 1)[: self.taught]
        if not counts.any():
            raise ValueError(
                f"the masks of {len(some)} photos hold none of the classes "
                f"{', '.join(self.examples.names)}; check their labels, or use dense='set'"
            )
        share = np.maximum(counts, counts.sum() / 1000) / counts.sum()
        weights = share**-self.recipe.balance
        weights /= (share * weights).sum()
        return torch.tensor(weights, dtype=torch.float32, device=self.device)

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """(photo, why) of pictures that could not be read."""
        return self.reader.skipped

    # ---- running -------------------------------------------------------------------------------
    def run(self, watch, watch_every: int, progress: bool) -> Tuned:
        """From where the course is to its end; an interruption saves and returns."""
        every = watch_every or self.steps_per_epoch
        shown = progress and self.together.is_main
        bar = tqdm(
            total=self.steps,
            initial=self.step,
            desc=f"tuning, {self.recipe.name}",
            disable=not shown,
        )
        saved = time.monotonic()
        try:
            if watch and self.step == 0:
                self._show(watch)
            with bar, Stopping() as stopping:
                while self.step < self.steps and not self.together.any(stopping.asked):
                    began = time.monotonic()
                    self._step()
                    self.seconds += time.monotonic() - began
                    bar.update()
                    if self.curve:
                        bar.set_postfix(loss=f"{self.curve[-1]['loss']:.3f}", refresh=False)
                    epoch_ended = self.step % self.steps_per_epoch == 0
                    if epoch_ended or time.monotonic() - saved > SAVE_EVERY:
                        keeping.save(self)
                        saved = time.monotonic()
                    if watch and (self.step % every == 0 or self.step == self.steps):
                        self._show(watch)
        except KeyboardInterrupt:  # from outside the held part of a step, as from `watch`
            if self.changing:
                raise
        finally:
            self.reader.close()
        keeping.save(self)
        adapter = keeping.export(self)
        self.clip.eval()
        return Tuned(
            self.clip, adapter, self.curve, self.notes, self.skipped, self.step == self.steps
        )

    def _show(self, watch) -> None:
        if self.together.is_main:
            self.clip.eval()
            with torch.no_grad():
                watch(self.step, self.clip, self.curve)
            self.clip.train()

    def _step(self) -> None:
        recipe, step = self.recipe, self.step
        rng = np.random.default_rng((recipe.seed, 1, step))
        torch.manual_seed(int(rng.integers(2**31)) + self.together.rank)  # of dropout, if any
        self.optimiser.zero_grad(set_to_none=True)
        try:
            losses = self.teacher.teach(self.reader.batch(step), rng)
        except (RuntimeError, MemoryError) as error:  # torch has no class for a full CPU memory
            if not isinstance(error, torch.OutOfMemoryError | MemoryError) and not any(
                words in str(error) for words in NO_MEMORY
            ):
                raise
            raise RuntimeError(
                f"the device has not enough memory for step {step}: lower `micro` (now "
                f"{recipe.micro or 'all ' + str(recipe.batch)}), set forget=True, or lower `batch` "
                f"(now {recipe.batch}; this changes the result) or `side` (now {recipe.side})"
            ) from error
        scaler = self.teacher.scaler
        scaler.unscale_(self.optimiser)
        size = torch.nn.utils.clip_grad_norm_(self.teacher.learning, recipe.clip_norm)
        self._must_be_finite(losses["loss"], size)
        rate = self.optimiser.param_groups[0]["lr"]
        self.changing = True
        scaler.step(self.optimiser)
        scaler.update()
        self.schedule.step()
        with torch.no_grad():
            self.clip.logit_scale.clamp_(0, WARMEST)
        self.step += 1
        self.tally.append({name: float(value) for name, value in losses.items()})
        if self.step % REPORT_EVERY == 0 or self.step == self.steps:
            self._report(rate)
        self.changing = False

    def _must_be_finite(self, loss: Tensor, size: Tensor) -> None:
        """Stop before a step that would spoil the weights: they are the last good state."""
        # in float16 a gradient may be too large for its numbers: the scaler leaves the step out
        # and scales less, for as long as that can help
        scaler = self.teacher.scaler
        too_large = scaler.is_enabled() and scaler.get_scale() > 1
        if torch.isfinite(loss) and (torch.isfinite(size) or too_large):
            return
        keeping.save(self)
        keeping.export(self)
        step, recipe = self.step, self.recipe
        names = ", ".join(self.examples.name_of(int(n)) for n in self.reader.numbers(step))
        raise FloatingPointError(
            f"loss {float(loss):.4g} and gradient {float(size):.4g} at step {step} (epoch "
            f"{step // self.steps_per_epoch + 1}) are not both finite; the state before it is kept "
            f"in {self.out}. Look at the batch: {names}; or begin anew with resume=False and a "
            f"lower `rate` (now {recipe.rate:g})"
        )

    def _report(self, rate: float) -> None:
        names = self.tally[-1]
        line = {
            "step": self.step,
            "epoch": round(self.step / self.steps_per_epoch, 3),
            "seconds": round(self.seconds, 2),
            "rate": rate,
            **{name: float(np.mean([row[name] for row in self.tally])) for name in names},
            "temperature": float(1 / self.clip.logit_scale.detach().exp()),
        }
        self.curve.append(line)
        self.tally = []


def smooth(values: Sequence[float], over: int = 5) -> list[float]:
    """Running mean over the last `over` values, for curves."""
    return [float(np.mean(values[max(0, k - over + 1) : k + 1])) for k in range(len(values))]
