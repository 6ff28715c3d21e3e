"""The seed of all generators, and the device to compute on; torch is loaded when needed."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch


def set_seed(seed: int) -> None:
    """Seed the generators of Python, numpy and torch (all devices).

    Parameters
    ----------
    seed : int
        0 to 2**32 - 1, the range that numpy takes.

    Raises
    ------
    ValueError
        The seed is not a whole number in that range.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise ValueError(
            f"The seed is {seed!r}; it must be a whole number from 0 to {2**32 - 1}, such as 0."
        )
    import torch

    random.seed(int(seed))
    np.random.seed(int(seed))
    torch.manual_seed(int(seed))


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device to compute on.

    Parameters
    ----------
    device : str or torch.device
        ``"auto"``: the first CUDA GPU that works, else the CPU (Apple's ``"mps"`` only when asked
        for by name, because its numbers differ). Otherwise ``"cpu"``, ``"cuda"``, ``"cuda:1"`` …

    Returns
    -------
    torch.device

    Raises
    ------
    ValueError
        The name is no device that torch knows.
    RuntimeError
        The device was asked for by name and does not work here.
    """
    import torch

    if device == "auto":
        return torch.device("cpu" if _trouble(torch.device("cuda")) else "cuda")
    try:
        wanted = torch.device(device)
    except RuntimeError as error:
        raise ValueError(
            f'device={device!r} is no device; use "auto", "cpu", "cuda" or "cuda:1".'
        ) from error
    trouble = _trouble(wanted)
    if trouble:
        raise RuntimeError(
            f'device="{wanted}" does not work here ({trouble}); use device="auto" or "cpu", '
            "which is slower and as exact, or install a torch build for your GPU."
        )
    return wanted


def give_back_memory() -> None:
    """Hand memory that was freed back to the system.

    glibc keeps what was freed in its heap, in pieces too small for the next large buffer, and the
    process grows by as much. Elsewhere (macOS, Windows, musl) nothing happens.
    """
    trim = _trimmer()
    if trim is not None:
        trim(0)


@cache
def _trimmer() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)


def _trouble(device: torch.device) -> str:
    """Why a tensor cannot live on ``device``; empty when it can."""
    import torch

    if device.type == "cuda" and not torch.cuda.is_available():
        return "torch finds no CUDA GPU"
    if device.type == "mps" and not torch.backends.mps.is_available():
        return "torch finds no Apple GPU"
    try:
        # a driver too old for torch, or a GPU number too high, shows only on use
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        return str(error).strip().splitlines()[0]
    return ""


def device_words(device: str | torch.device | None = None) -> str:
    """The device in words, with the GPU's name; the CPU where torch was never loaded."""
    if device is None and "torch" not in sys.modules:
        return "cpu"
    import torch

    chosen = pick_device("auto") if device is None else torch.device(device)
    if chosen.type == "cuda" and torch.cuda.is_available():
        return f"{chosen} ({torch.cuda.get_device_name(chosen)})"
    return str(chosen)
