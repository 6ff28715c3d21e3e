"""The journal of a photo's corrections: one flushed line for each step, so that a kernel that dies
takes at most the line that it was writing.

The first line says which photo the corrections belong to. A last line that was cut off in writing
is dropped on opening; a broken line before it is named, because what follows may rest on it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from .points import EditError

SUFFIX = ".edits.jsonl"
SCHEMA = 1
PATIENCE_S = 2.0  # a kernel that is being ended, as by reloading a page, takes a moment

_open: dict[Path, Journal] = {}  # of this process: opening again takes over


class Journal:
    """Lines of JSON in one file, written by one program at a time.

    Parameters
    ----------
    path : the file; folder and file are made if they are not there
    header : of the first line if the file is new

    Attributes
    ----------
    events : list of dict, what was read, without the header
    header : dict

    Raises
    ------
    EditError
        Another notebook has it open, it cannot be written, or a line is broken.
    """

    def __init__(self, path: str | Path, header: dict):
        self.path = Path(path).absolute()
        if earlier := _open.pop(self.path, None):
            earlier.close()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(
                self.path.with_name(f".{self.path.name}.lock"), timeout=PATIENCE_S
            )
            self._lock.acquire()
            self._file = open(self.path, "a+b")
        except Timeout as error:
            raise EditError(
                f"{self.path.name} is open in another notebook; close it there, or choose another "
                "folder"
            ) from error
        except OSError as error:
            raise EditError(
                f"corrections cannot be kept in {self.path.parent.name}/{self.path.name} "
                f"({error.strerror or error}); choose a folder that you may write to"
            ) from error
        try:
            self._read(header)
        except BaseException:
            self.close()
            raise
        _open[self.path] = self

    def _read(self, header: dict) -> None:
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):  # cut off in writing
            self._file.truncate(whole)
        lines = content[:whole].splitlines()
        self.events = [_parsed(line, number, self.path) for number, line in enumerate(lines, 1)]
        if not self.events:
            self.header = {"event": "open", "schema_version": SCHEMA, **header}
            self.append(self.header)
            self.events.clear()
        else:
            self.header = self.events.pop(0)
        if self.header.get("event") != "open" or self.header.get("schema_version") != SCHEMA:
            raise EditError(
                f"{self.path.name} does not begin as a journal of corrections does (version "
                f"{SCHEMA}); choose another folder"
            )

    def append(self, event: dict) -> None:
        """Write one line and see it onto the disk.

        Raises
        ------
        EditError
            It could not be written; the journal is as it was.
        """
        if self._file.closed:
            raise EditError(
                f"{self.path.name} was opened again elsewhere in this notebook; go on there"
            )
        # of a file name that is no UTF-8 the escape is JSON's own
        line = json.dumps(event, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        end = self._file.seek(0, os.SEEK_END)
        try:
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(end)
            raise EditError(
                f"{self.path.name} could not be written ({error.strerror or error}), so this step "
                "was not taken; make room on the disk and try again"
            ) from error
        self.events.append(event)

    def close(self) -> None:
        """Let another program have it."""
        _open.pop(self.path, None)
        with contextlib.suppress(AttributeError):
            self._file.close()
        self._lock.release()


def read_events(path: str | Path) -> Iterator[dict]:
    """The whole lines of a journal, header first, without opening it for writing.

    Raises
    ------
    EditError
        A line is broken.
    """
    content = Path(path).read_bytes()
    for number, line in enumerate(content[: content.rfind(b"\n") + 1].splitlines(), 1):
        yield _parsed(line, number, Path(path))


def _parsed(line: bytes, number: int, path: Path) -> dict:
    try:
        event = json.loads(line)
    except ValueError as error:
        raise EditError(
            f"{path.name}, line {number}: {error}; mend or remove this line, later ones may rest "
            "on it"
        ) from error
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise EditError(f"{path.name}, line {number}: it names no event; mend or remove this line")
    return event
