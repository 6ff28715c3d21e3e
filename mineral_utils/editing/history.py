"""Steps that can be taken back and taken again."""

from __future__ import annotations

from dataclasses import dataclass

from .edits import Edit
from .selection import Selection


@dataclass(frozen=True, eq=False)
class State:
    """What undo goes back to: the corrections so far, and what is selected."""

    edits: tuple[Edit, ...] = ()
    selection: Selection | None = None


class History:
    """States one after the other, and where we are among them."""

    def __init__(self) -> None:
        self._states, self._at = [State()], 0

    @property
    def now(self) -> State:
        """The present state."""
        return self._states[self._at]

    def go_on(self, state: State) -> None:
        """A new state after the present one; what had been taken back is forgotten."""
        self._states = [*self._states[: self._at + 1], state]
        self._at += 1

    def neighbour(self, by: int) -> State | None:
        """The state one step back (-1) or on (+1), None at the end."""
        there = self._at + by
        return self._states[there] if 0 <= there < len(self._states) else None

    def move(self, by: int) -> None:
        """Go one step back (-1) or on (+1).

        Raises
        ------
        IndexError
            There is no such step.
        """
        if self.neighbour(by) is None:
            raise IndexError("there is no such step")
        self._at += by
