"""Which photos come in which step, and what is seen of them: read a step ahead, in threads."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..recipes import Recipe
from .examples import GROUND, Examples
from .together import Together
from .views import draw_view, patch_shares

THREADS = 4  # decoding a JPEG leaves Python's lock to others


@dataclass(frozen=True)
class Batch:
    """What one process sees of a batch of N pictures.

    pixels : uint8 [n, 3, S, S]
    texts : n captions
    own : int64 [n], places of these pictures in the batch
    sizes : how many of the N each process has
    labels : float32 [N, K], of the whole batch
    shares : float32 [n, patches, K + ground], from masks, or None
    """

    pixels: Tensor
    texts: tuple[str, ...]
    own: np.ndarray
    sizes: tuple[int, ...]
    labels: Tensor
    shares: Tensor | None = None


@dataclass(frozen=True)
class _Unreadable:
    why: str


def _check(picture: np.ndarray, truth: np.ndarray | None) -> None:
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise ValueError(
            f"the picture is {picture.dtype} {list(picture.shape)}; expected is uint8 [H, W, 3]"
        )
    if truth is not None and truth.shape != picture.shape[:2]:
        raise ValueError(
            f"the mask is {list(truth.shape)} and its picture {list(picture.shape[:2])} px; they "
            "must be equal"
        )


class Reader:
    """Batches of a course by their step.

    Parameters
    ----------
    examples, recipe, together : of the course
    patch : side of CLIP's patches, px
    taught : columns of the shares: classes, and one more where the ground is taught
    steps : of the whole course

    Attributes
    ----------
    skipped : (photo, why) of pictures that could not be read, each once
    """

    def __init__(
        self,
        examples: Examples,
        recipe: Recipe,
        together: Together,
        patch: int,
        taught: int,
        steps: int,
    ):
        self.examples, self.recipe, self.together = examples, recipe, together
        self.patch, self.taught, self.steps = patch, taught, steps
        self.per_epoch = steps // recipe.epochs
        self.skipped: list[tuple[str, str]] = []
        self._threads = ThreadPoolExecutor(THREADS, "photos")
        self._ahead: tuple[int, list[Future]] = (-1, [])

    def numbers(self, step: int) -> np.ndarray:
        """Photos of a step's batch, int64 [N]: every epoch in an order of its own."""
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng((self.recipe.seed, 2, epoch)).permutation(len(self.examples))
        return order[place * self.recipe.batch : (place + 1) * self.recipe.batch]

    def batch(self, step: int) -> Batch:
        """This process's part of a batch. Pictures that cannot be read are left out in all
        processes, and listed.

        Raises
        ------
        ValueError
            None of the batch could be read.
        """
        ready, views = self._ahead
        if ready != step:
            views = self._send(step)
        self._ahead = step + 1, self._send(step + 1) if step + 1 < self.steps else []
        numbers = self.numbers(step)
        places = self.together.share(np.arange(len(numbers)))
        seen = dict(zip(places.tolist(), (view.result() for view in views), strict=True))
        missing = self.together.joined(
            {place: view.why for place, view in seen.items() if isinstance(view, _Unreadable)}
        )
        for place, why in sorted(missing.items()):
            known = (self.examples.name_of(int(numbers[place])), why)
            if known not in self.skipped:
                self.skipped.append(known)
        there = np.array([place not in missing for place in range(len(numbers))])
        if not there.any():
            raise ValueError(
                f"none of the {len(numbers)} pictures of step {step} could be read; the first was "
                f"{self.examples.name_of(int(numbers[0]))}: {missing[0]}"
            )
        own = [place for place in places.tolist() if there[place]]
        side = self.recipe.side
        pixels = [seen[place][0] for place in own]
        shares = [seen[place][1] for place in own]
        if self.recipe.dense == "mask":
            grid = (side // self.patch) ** 2
            shares = torch.stack(shares) if own else torch.zeros(0, grid, self.taught)
        return Batch(
            torch.stack(pixels) if own else torch.zeros(0, 3, side, side, dtype=torch.uint8),
            tuple(self.examples.texts[int(numbers[place])] for place in own),
            np.cumsum(there)[own] - 1,
            tuple(int(part.sum()) for part in np.array_split(there, self.together.count)),
            torch.from_numpy(self.examples.labels[numbers[there]]),
            shares if self.recipe.dense == "mask" else None,
        )

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _send(self, step: int) -> list[Future]:
        numbers = self.numbers(step)
        return [
            self._threads.submit(self._look, step, int(place), int(numbers[place]))
            for place in self.together.share(np.arange(len(numbers)))
        ]

    def _look(self, step: int, place: int, number: int) -> tuple[Tensor, Tensor | None]:
        examples, recipe = self.examples, self.recipe
        try:
            picture = examples.picture(number)
            truth = examples.truth(number) if recipe.dense == "mask" else None
            _check(picture, truth)
        except (OSError, ValueError) as error:
            return _Unreadable(str(error))
        view = draw_view(
            picture, truth, recipe, np.random.default_rng((recipe.seed, 4, step, place))
        )
        pixels = torch.from_numpy(np.ascontiguousarray(view.pixels.transpose(2, 0, 1)))
        if truth is None:
            return pixels, None
        truth, classes = view.truth, len(examples.names)
        if self.taught > classes:
            truth = np.where(truth == GROUND, classes, truth)
        return pixels, torch.from_numpy(patch_shares(truth, self.patch, self.taught))
