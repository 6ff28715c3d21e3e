"""Several processes that share one batch: each sees a part, all teach the same.

Started by ``accelerate launch``; with one process nothing here does anything. Every process draws
the same global batch from seed and step, runs its own part, gathers the others' features and
computes the whole loss. Only its own features carry a gradient, so the sum over processes is the
gradient of one process with the whole batch.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn


class Together:
    """The processes of one training.

    Attributes
    ----------
    rank, count : number of this process, and of all
    """

    def __init__(self, device: torch.device):
        from accelerate import PartialState

        # accelerate sets up the process group where its launcher set the environment
        self.state = PartialState(cpu=device.type == "cpu")
        self.rank: int = self.state.process_index
        self.count: int = self.state.num_processes

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and draws bars."""
        return self.rank == 0

    def share(self, numbers: np.ndarray) -> np.ndarray:
        """This process's part of a batch: consecutive, the same for every process but the last
        few."""
        return np.array_split(numbers, self.count)[self.rank]

    def gather(self, features: Tensor, own: Tensor, total: int) -> Tensor:
        """All processes' rows in the order of the batch, `own` standing for this one's.

        Parameters
        ----------
        features : float [n, D] of this process, without gradient
        own : the same with gradient
        total : rows of all processes together
        """
        if self.count == 1:
            return own
        from accelerate.utils import gather

        sizes = [len(part) for part in np.array_split(np.arange(total), self.count)]
        room = features.new_zeros(max(sizes), features.shape[1])
        room[: len(features)] = features
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

        for parameter in parameters:
            if parameter.grad is None:  # a process whose part was empty
                parameter.grad = torch.zeros_like(parameter)
            how = "mean" if parameter is temperature else "sum"
            parameter.grad.copy_(reduce(parameter.grad, how))

    def mean(self, value: Tensor) -> Tensor:
        """Mean of a number over the processes."""
        if self.count == 1:
            return value
        from accelerate.utils import reduce

        return reduce(value.detach().clone(), "mean")

    def wait(self) -> None:
        """Until all processes are here."""
        self.state.wait_for_everyone()
