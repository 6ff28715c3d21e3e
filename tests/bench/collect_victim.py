"""The collector, slowed down at every step of writing, so that a kill can be aimed at each.

``python -m tests.bench.collect_victim STATE PAUSE collect live …`` runs the command as it is; only,
at each step it notes in the file STATE where it is and waits PAUSE seconds. Pictures and lines are
written in two halves, so that a kill between leaves a real half.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time

STEPS = (
    "waiting for the host",
    "request under way",
    "half a picture written",
    "picture not yet flushed",
    "picture not yet renamed",
    "picture without its line",
    "half a line written",
    "line not yet flushed",
    "line flushed",
)
FORMAT = f"{1 + len(STEPS)}q"  # the present step, -1 at first; how often each was entered


class State:
    """Where the collector is, in a file that outlives it."""

    def __init__(self, path: str, create: bool = False):
        if create:
            with open(path, "wb") as file:
                file.write(struct.pack(FORMAT, -1, *[0] * len(STEPS)))
        with open(path, "r+b") as file:
            self._memory = mmap.mmap(file.fileno(), struct.calcsize(FORMAT))

    def read(self) -> tuple[int, list[int]]:
        """The present step and how often each was entered."""
        step, *counts = struct.unpack(FORMAT, self._memory[:])
        return step, counts

    def enter(self, step: str) -> None:
        """Note that a step begins."""
        k = STEPS.index(step)
        _, counts = self.read()
        counts[k] += 1
        self._memory[:] = struct.pack(FORMAT, k, *counts)


class _Instead:
    """A module with some functions replaced, for one user of it only."""

    def __init__(self, module, **functions):
        self.__dict__.update(functions)
        self._module = module

    def __getattr__(self, name: str):
        return getattr(self._module, name)


class _HalfByHalf:
    """A file that writes pictures in two halves."""

    def __init__(self, file, pause):
        self._file, self._pause = file, pause

    def write(self, content: bytes) -> int:
        half = len(content) // 2
        self._file.write(content[:half])
        self._file.flush()
        self._pause("half a picture written")
        self._file.write(content[half:])
        self._file.flush()
        self._pause("picture not yet flushed")
        return len(content)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def __getattr__(self, name: str):
        return getattr(self._file, name)


def slow_down(state: State, seconds: float) -> None:
    """Put the steps into the collector."""
    from requests.adapters import HTTPAdapter

    from mineral_utils.collect import manners
    from mineral_utils.photos import ledger, ledger_journal

    def pause(step: str) -> None:
        state.enter(step)
        time.sleep(seconds)

    def slow_open(path, mode):
        file = open(path, mode)
        return _HalfByHalf(file, pause) if "x" in mode and "images" in str(path) else file

    def slow_replace(source, target):
        pause("picture not yet renamed")
        os.replace(source, target)
        pause("picture without its line")

    def slow_write(handle, content):
        half = len(content) // 2
        os.write(handle, content[:half])
        pause("half a line written")
        return half + os.write(handle, content[half:])

    def slow_fsync(handle):
        pause("line not yet flushed")
        os.fsync(handle)
        pause("line flushed")

    ledger_journal.open = slow_open
    ledger_journal.os = _Instead(os, replace=slow_replace)
    ledger.os = _Instead(os, write=slow_write, fsync=slow_fsync)
    begin, send = manners.HostGate.begin, HTTPAdapter.send

    def noted_begin(self):
        state.enter("waiting for the host")
        return begin(self)

    def noted_send(self, *arguments, **options):
        state.enter("request under way")
        return send(self, *arguments, **options)

    manners.HostGate.begin, HTTPAdapter.send = noted_begin, noted_send


if __name__ == "__main__":
    from mineral_utils.__main__ import main

    slow_down(State(sys.argv[1]), float(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
