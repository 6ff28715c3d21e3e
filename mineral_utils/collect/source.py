"""What every source of photos gives, and how a run ends that cannot go on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from ..photos.ledger import Row

__all__ = [
    "Candidate",
    "CollectError",
    "Found",
    "LeftOut",
    "OtherKind",
    "Source",
    "Stopped",
    "Unreachable",
]


class CollectError(ValueError):
    """Wrong use: what was given, what was expected, what to do."""


class LeftOut(Exception):
    """One photo that cannot be had, and why; the others can."""


class OtherKind(LeftOut):
    """A photo of a kind that was not asked for."""


class Unreachable(LeftOut):
    """A photo that the server did not give although it was asked several times."""


class Stopped(Exception):
    """Collecting must end at once, and why; what is in the ledger stays."""


@dataclass(frozen=True)
class Found:
    """A photo: its row, and the bytes of its picture's file, whole."""

    row: Row
    image: bytes


@dataclass(frozen=True)
class Candidate:
    """A photo that a source can give.

    Attributes
    ----------
    label : str
        How messages call it.
    key : tuple of (source, photo_id), or None
        Where it is in the ledger already, `fetch` is not called.
    fetch : callable
        Returns `Found`; raises `LeftOut` or `Stopped`.
    """

    label: str
    key: tuple[str, str] | None
    fetch: Callable[[], Found]


class Source(Protocol):
    """Photos one after the other; what costs time waits until `Candidate.fetch`."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Candidate]: ...

    def close(self) -> None:
        """Let go of files and connections."""
