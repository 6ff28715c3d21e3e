"""What a step of SAM's training sees, views and questions, drawn here or ahead by others.

Everything in a batch follows from the seed and the step's number, whoever draws it: a training with
fifteen helpers, as a GPU wants, learns what one without would.
"""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .sam_pool import Pool, open_pool
from .sam_prompts import Pieces, Prompts, draw_prompts, join
from .sam_scenes import draw_view, token_looks

# the two kinds of prompts that the views of a step are asked with
MIX = (("point", "class"), ("box", "class"), ("both", "box"), ("point", "both"), ("box", "logits"))
SHARES = (0.2, 0.3, 0.2, 0.2, 0.1)
POINTLESS = 0.3  # how often a class map comes with a box alone
AHEAD = 2  # batches that wait or are being drawn, for each helper


@dataclass(frozen=True)
class Task:
    """What to draw.

    seed, step : everything drawn follows from these two
    side, canvas : px of a view, and of SAM's whole canvas
    views : number of views
    prompts : of a kind, for each view
    """

    seed: int
    step: int
    side: int
    canvas: int
    views: int
    prompts: int


@dataclass(frozen=True)
class Batch:
    """Views and questions about them.

    pixels : uint8 [B, S, S, 3] RGB, 0 in the padding
    valid : (height, width) in px of each view that hold picture
    places : first token (row, column) of each view on SAM's canvas
    looks : int64 [B, (S / 16)²], see `sam_scenes.token_looks`
    questions : of one kind each, about all views; none where no view has a piece to ask about
    """

    pixels: np.ndarray
    valid: tuple[tuple[int, int], ...]
    places: tuple[tuple[int, int], ...]
    looks: np.ndarray
    questions: tuple[Prompts, ...]


def draw_batch(pool: Pool, task: Task) -> Batch:
    """Draw the views of a step, and questions of two kinds about each."""
    rng = np.random.default_rng((task.seed, 1, task.step))
    kinds = MIX[int(rng.choice(len(MIX), p=SHARES))]
    pointless = bool(rng.random() < POINTLESS)
    views, asked = [], {kind: [] for kind in kinds}
    for number in range(task.views):
        own = np.random.default_rng((task.seed, 1, task.step, number))
        view = draw_view(pool, own, task.side, task.canvas)
        pieces = Pieces(view)
        if len(pieces.usable):
            for kind in kinds:
                drawn = draw_prompts(pieces, own, kind, task.prompts, pointless)
                asked[kind].append((number, drawn))
        views.append(view)
    return Batch(
        pixels=np.stack([view.pixels for view in views]),
        valid=tuple(view.valid for view in views),
        places=tuple(view.place for view in views),
        looks=np.stack([token_looks(view) for view in views]),
        questions=tuple(join(parts) for parts in asked.values() if parts),
    )


class Drawer:
    """Batches one after the other; with helpers, drawn ahead.

    Parameters
    ----------
    folder : of the pool of scenes, see `sam_pool.draw_pool`
    plan : the task of a step, by its number
    first : the step to begin with
    helpers : processes beside this one; 0 draws here, when a batch is wanted
    how : pool and task to batch, a function of a module
    """

    def __init__(
        self,
        folder: Path,
        plan: Callable[[int], Any],
        first: int,
        helpers: int = 0,
        how: Callable[[Pool, Any], Any] = draw_batch,
    ):
        self._plan, self._next, self._helpers, self._how = plan, first, helpers, how
        self._waiting: deque[Future] = deque()
        self._pool = None if helpers else open_pool(folder)
        self._others = None
        if helpers:
            self._others = ProcessPoolExecutor(
                helpers, multiprocessing.get_context("spawn"), _open, (folder,)
            )

    def __enter__(self) -> Drawer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._others is not None:
            self._others.shutdown(cancel_futures=True)

    def draw(self) -> Any:
        """The batch of the next step."""
        if self._others is None:
            self._next += 1
            return self._how(self._pool, self._plan(self._next - 1))
        while len(self._waiting) < AHEAD * self._helpers:
            self._waiting.append(self._others.submit(_draw, self._how, self._plan(self._next)))
            self._next += 1
        return self._waiting.popleft().result()


_POOL: list[Pool] = []  # of a helper


def _open(folder: Path) -> None:
    _POOL[:] = [open_pool(folder)]


def _draw(how: Callable[[Pool, Any], Any], task: Any) -> Any:
    return how(_POOL[0], task)
