"""The journal of a run: one flushed line a photo, so that any kill costs at most the photos that
were being worked on."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from tqdm.auto import tqdm

from ..run import file_sha256, record, write_json
from .order import BatchError, Order, differences

JOURNAL, RUN, LOCK = "journal.jsonl", "run.json", ".lock"
SCHEMA_VERSION = 1
# what a killed program leaves of files that were being written
_PART = re.compile(r"\.(.+\.)?[0-9a-f]{8}\.part(\..+)?")


class Journal:
    """A folder of results, open for one run; a context manager, one program at a time.

    On entering, the folder is made if need be and must be new, empty or of the same order; what a
    killed program left half written is cleared away, a torn last line too.

    Parameters
    ----------
    out : the folder
    order : what is asked

    Attributes
    ----------
    rows : dict of key to row, the last line on each photo: ``state`` is ``"done"`` or ``"failed"``

    Raises
    ------
    BatchError
        On entering: the folder belongs to another run (the message names the difference) or holds
        other files, another program writes into it, or it cannot be written.
    """

    def __init__(self, out: str | Path, order: Order):
        self.out, self.order = Path(out), order
        self.rows: dict[str, dict[str, Any]] = {}
        self._lock = FileLock(self.out / LOCK)
        self._file: Any = None

    def __enter__(self) -> Journal:
        try:
            self._enter()
        except OSError as error:
            self._close()
            raise BatchError(
                f"the folder {self.out.name} cannot be written ({error.strerror or error}); make "
                "room, or name another with --out"
            ) from error
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def add(self, row: dict[str, Any]) -> None:
        """Note a photo, and see to it that the line is on the disk.

        Raises
        ------
        BatchError
            The line cannot be written.
        """
        try:
            self._file.write(json.dumps(row, ensure_ascii=False).encode("utf-8") + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise BatchError(
                f"the journal in {self.out.name} cannot be written ({error.strerror or error}); "
                "make room and start again with the same words"
            ) from error
        self.rows[row["photo"]] = row

    def check(self, photos: dict[str, Path], progress: bool = True) -> dict[str, dict[str, Any]]:
        """Rows of photos that are done: their files are whole, and the photo is still the same.

        Parameters
        ----------
        photos : key -> path; of others only the files are looked at
        progress : show a bar

        Returns
        -------
        dict of key to row
        """
        rows = {key: row for key, row in self.rows.items() if row["state"] == "done"}
        with tqdm(
            rows.items(),
            desc="checking what is done",
            unit="photo",
            disable=not progress or not rows,
        ) as bar:
            return {
                key: row
                for key, row in bar
                if self._whole(row) and (key not in photos or _same(photos[key], row))
            }

    def _enter(self) -> None:
        self.out.mkdir(parents=True, exist_ok=True)
        foreign = [p.name for p in self.out.iterdir() if not p.name.startswith(".")]
        if foreign and RUN not in foreign:
            raise BatchError(
                f"the folder {self.out.name} holds other things ({sorted(foreign)[0]} …); name a "
                "new or empty one with --out"
            )
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BatchError(
                f"another program is writing into {self.out.name}; wait until it has ended, or "
                "name another folder with --out"
            ) from None
        self._compare()
        _sweep(self.out)
        self._file = open(self.out / JOURNAL, "a+b")
        whole = self._read()
        # else the next line would be glued to half of one
        self._file.truncate(whole)

    def _compare(self) -> None:
        """Whether the run that lies here is this one; the first time it is written down."""
        now = self.order.identity()
        path = self.out / RUN
        if not path.exists():
            made = record(settings={"threads": self.order.threads}, device="cpu")
            write_json(path, {"schema_version": SCHEMA_VERSION, "order": now, "made": made})
            return
        try:
            was = json.loads(path.read_text(encoding="utf-8"))["order"]
        except (ValueError, KeyError, TypeError) as error:
            raise BatchError(
                f"{RUN} in {self.out.name} cannot be read ({error!r}), so it is not known what was "
                "asked; name another folder with --out"
            ) from error
        unlike = differences(was, json.loads(json.dumps(now)))
        if unlike:
            raise BatchError(
                f"the folder {self.out.name} belongs to another run ({'; '.join(unlike)}); name "
                "another folder with --out, or ask the same"
            )

    def _read(self) -> int:
        """Take the rows in; how many bytes of the file are whole lines."""
        self._file.seek(0)
        whole = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            try:
                row = json.loads(line)
                wanted = {"photo", "state"} | (
                    {"files", "place"} if row["state"] == "done" else set()
                )
                self.rows[row["photo"]] = {key: row[key] for key in wanted} | row
            except (ValueError, KeyError, TypeError):
                continue  # a damaged line: its photo is done once more
        return whole

    def _whole(self, row: dict[str, Any]) -> bool:
        """Whether all files of a photo are there, to the last byte."""
        for name, (size, sha256) in row["files"].items():
            path = self.out / name
            try:
                if path.stat().st_size != size or file_sha256(path) != sha256:
                    return False
            except OSError:
                return False
        return True

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._lock.release()


def _same(path: Path, row: dict[str, Any]) -> bool:
    """Whether a photo is the one that was segmented; it is read only where it was touched since."""
    try:
        seen = path.stat()
        if [seen.st_size, seen.st_mtime_ns] == row["seen"]:
            return True
        return file_sha256(path) == row["sha256"]
    except OSError:
        return False


def _sweep(out: Path) -> None:
    for folder, inner, files in os.walk(out):
        for name in [n for n in inner if _PART.fullmatch(n)]:
            shutil.rmtree(Path(folder, name), ignore_errors=True)
            inner.remove(name)
        for name in files:
            if _PART.fullmatch(name):
                Path(folder, name).unlink(missing_ok=True)
