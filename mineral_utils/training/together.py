"""Several processes that share one batch: each sees a part, all teach the same.

Started by ``accelerate launch``; with one process nothing here does anything. Every process draws
the same global batch from seed and step, runs its own part, gathers the others' features and
computes the whole loss. Only its own features carry a gradient, so the sum over processes is the
gradient of one process with the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor, nn


class Together:
    """The processes of one training.

    Attributes
    ----------
    rank, count : number of this process, and of all
    device : what this process computes on: its own GPU where there are several
    """

    def __init__(self, device: torch.device):
        from accelerate import PartialState

        # accelerate sets up the process group where its launcher set the environment
        self.state = PartialState(cpu=device.type == "cpu")
        self.rank: int = self.state.process_index
        self.count: int = self.state.num_processes
        several = self.count > 1 and device.type == "cuda"
        self.device: torch.device = self.state.device if several else device

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and draws bars."""
        return self.rank == 0

    def share(self, numbers: np.ndarray) -> np.ndarray:
        """This process's part of a batch: consecutive, the same for every process but the last
        few."""
        return np.array_split(numbers, self.count)[self.rank]

    def gather(self, own: Tensor, sizes: Sequence[int]) -> Tensor:
        """All processes' rows in the order of the batch; only this one's carry a gradient.

        Parameters
        ----------
        own : float [n, D] of this process
        sizes : rows of each process
        """
        if self.count == 1:
            return own
        from accelerate.utils import gather

        room = own.new_zeros(max(sizes), own.shape[1])
        room[: len(own)] = own.detach()
        parts = gather(room).split(max(sizes))
        parts = [part[:size] for part, size in zip(parts, sizes, strict=True)]
        parts[self.rank] = own
        return torch.cat(parts)

    def add_gradients(self, parameters: Iterable[nn.Parameter], temperature: nn.Parameter) -> None:
        """Sum the gradients of all processes. Each has the temperature's whole gradient already:
        that one is averaged."""
        if self.count == 1:
            return
        from accelerate.utils import reduce

        parameters = [*parameters]
        # one long vector: a hundred small messages would wait for each other; at its end, in how
        # many processes each had a gradient (none has one in a process whose part was empty)
        flat = [
            torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten()
            for p in parameters
        ]
        flat.append(torch.tensor([float(p.grad is not None) for p in parameters]).to(flat[0]))
        *summed, there = reduce(torch.cat(flat), "sum").split([len(part) for part in flat])
        for parameter, total, count in zip(parameters, summed, there.tolist(), strict=True):
            if count:
                if parameter is temperature:
                    total = total / self.count
                parameter.grad = total.view_as(parameter).clone()

    def sum(self, value: Tensor) -> Tensor:
        """Sum of a number over the processes, without gradient."""
        if self.count == 1:
            return value.detach()
        from accelerate.utils import reduce

        return reduce(value.detach().clone(), "sum")

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def joined(self, found: dict) -> dict:
        """What all processes found, in one table."""
        if self.count == 1:
            return found
        from accelerate.utils import gather_object

        return {key: value for part in gather_object([found]) for key, value in part.items()}

    def wait(self) -> None:
        """Until all processes are here."""
        self.state.wait_for_everyone()
