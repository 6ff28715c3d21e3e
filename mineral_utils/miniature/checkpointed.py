"""A training that may be stopped at any moment: its checkpoint, its curve, its loop.

What SAM's and the tracer's trainings share; what they learn is theirs.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from ..run import replacing
from .course import append_curve, trim_curve
from .sam_batch import Drawer

KNOWN = ("step", "seconds", "recipe", "changes", "hardware")  # of a training, in its checkpoint


class Checkpointed:
    """How far a training is, and what it keeps.

    recipe : a frozen dataclass; its defaults are what a training is without changes
    out : folder of checkpoint (``last.pt``) and curve (``curve.jsonl``)
    device : where it learns
    """

    def __init__(self, recipe: Any, out: Path, device: torch.device):
        self.recipe, self.out, self.device = recipe, out, device
        self.curve = out / "curve.jsonl"
        self.step, self.seconds = 0, 0.0
        self.shown: dict[str, float] = {}
        self._tally: dict[str, list[Tensor]] = {}

    def parts(self) -> dict[str, Any]:
        """What has a state dict: by name, the running ``mean`` of the weights among them."""
        raise NotImplementedError

    def learn(self, batch: Any, done: float) -> None:
        """One step. `done` : share of the training that lies behind, in [0, 1)."""
        raise NotImplementedError

    def add(self, kind: str, value: Tensor) -> None:
        """A scalar for the curve."""
        self._tally.setdefault(kind, []).append(value)  # read at the report: no waiting for a GPU

    def report(self) -> None:
        """A line of the curve every 50 steps: the means of what was added since the last."""
        if self.step % 50:
            return
        means = {kind: float(torch.stack(v).nanmean()) for kind, v in sorted(self._tally.items())}
        self.shown = {kind: round(mean, 3) for kind, mean in means.items()}
        line = {"step": self.step, "minutes": round(self.seconds / 60, 2), **self.shown}
        append_curve(self.curve, line)
        self._tally = {}

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state |= {"recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds}
        usual = asdict(type(self.recipe)())
        state["changes"] = {k: v for k, v in state["recipe"].items() if v != usual[k]}
        state["hardware"] = "one thread of a CPU"
        if self.device.type == "cuda":
            state["hardware"] = f"one {torch.cuda.get_device_name(self.device)}"
        elif torch.get_num_threads() > 1:
            state["hardware"] = f"{torch.get_num_threads()} threads of a CPU"
        with replacing(self.out / "last.pt") as aside:
            torch.save(state, aside)

    def go_on(self) -> None:
        """Take up the checkpoint, if there is one; lines of the curve after it are dropped.

        Raises
        ------
        ValueError
            It is of another recipe.
        """
        path = self.out / "last.pt"
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{path} is of another recipe; choose another folder, or resume=False")
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.step, self.seconds = state["step"], state["seconds"]
        trim_curve(self.curve, self.step)

    def go_through(
        self,
        drawer: Drawer,
        share: Callable[[int], float],
        name: str,
        total: int,
        unit: str,
        save_every: float,
    ) -> None:
        """Learn until all of the training lies behind.

        share : of the training that lies behind a step, by its number
        name, total, unit : of the progress bar
        save_every : seconds between checkpoints
        """
        saved = time.monotonic()
        with drawer, tqdm(total=total, desc=name, unit=unit, mininterval=5) as bar:
            while True:
                done = share(self.step)
                if time.monotonic() - saved > save_every or done >= 1:
                    self.save()
                    saved = time.monotonic()
                bar.n = min(math.floor(done * bar.total), bar.total)
                bar.set_postfix(self.shown, refresh=done >= 1)
                bar.update(0)
                if done >= 1:
                    return
                begun = time.monotonic()
                self.learn(drawer.draw(), done)
                self.seconds += time.monotonic() - begun
                self.report()


def read_checkpoint(out: str | Path, command: str) -> dict:
    """The checkpoint in a training's folder, on the CPU. `command` : what makes one.

    Raises
    ------
    FileNotFoundError
        No checkpoint there.
    """
    path = Path(out) / "last.pt"
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}; train first: {command} --out {out}")
    return torch.load(path, map_location="cpu", weights_only=True)
