"""Ctrl-C and a scheduler's call to end are heard between two steps, never in the middle of one."""

from __future__ import annotations

import signal
import threading


class Stopping:
    """Holds SIGINT and SIGTERM back while a course runs::

        with Stopping() as stopping:
            while not (finished or stopping.asked):
                ...

    A second Ctrl-C is not held back. Outside the main thread, where Python takes no handlers,
    nothing changes.

    asked : whether a signal came
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # None: a handler that was not set by Python and cannot be put back by it
            signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _hear(self, number: int, frame: object) -> None:
        if self.asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = True
