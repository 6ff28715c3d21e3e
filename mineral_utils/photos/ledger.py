"""The ledger: a folder with ``images/`` and ``metadata.jsonl``, one line a photo.

That is the ``imagefolder`` layout of Hugging Face `datasets`. The file is an append-only journal:
the picture is written aside, checked and renamed, then its line is added and flushed to the disk,
so whatever instant a program ends at, a line never stands there without its whole picture::

    with Ledger("my_photos") as ledger:
        if ("mindat", "7654321") not in ledger:
            ledger.add(Row(source="mindat", photo_id="7654321", title="Galena"), image_bytes)
    rows = read_ledger("my_photos")
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from .ledger_journal import (
    JOURNAL,
    BrokenLine,
    LedgerWarning,
    file_sha256,
    picture_path,
    read_ledger,
    read_lines,
    write_whole,
)
from .ledger_row import PICTURES, SCHEMA_VERSION, LedgerError, Row

__all__ = [
    "JOURNAL",
    "SCHEMA_VERSION",
    "BrokenLine",
    "Ledger",
    "LedgerError",
    "LedgerWarning",
    "Row",
    "picture_path",
    "read_ledger",
]

LOCK = ".ledger.lock"  # names with a dot are no part of the dataset
ASIDE = ".broken_lines.jsonl"  # where compaction keeps lines that it could not read
_FLAGS = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
_OURS = re.compile(r"-([0-9a-f]{12})\.\w+")  # end of a name that the ledger itself gave
_PART = re.compile(r"\..+\.part")
_SUFFIXES = (  # first bytes -> suffix
    (rb"\xff\xd8\xff", ".jpg"),
    (rb"\x89PNG\r\n\x1a\n", ".png"),
    (rb"II[*+]\0|MM\0[*+]", ".tif"),
    (rb"GIF8[79]a", ".gif"),
    (rb"BM", ".bmp"),
    (rb"RIFF....WEBP", ".webp"),
    (rb"\0\0\0\x0cjP  ", ".jp2"),
    (rb"....ftyp.{0,40}avi[fs]", ".avif"),
)


class Ledger:
    """A ledger open for writing; a context manager, one writer at a time.

    On entering, the folder is made if need be, what a killed program left half written is cleared
    away (a torn last line, parts of pictures, pictures without a line), and the rows are read.

    Parameters
    ----------
    folder : path

    Attributes
    ----------
    folder : Path
    broken : list of BrokenLine
        Lines that could not be read; they stay in the file.

    Raises
    ------
    LedgerError
        On entering: if another program has it open for writing, or the folder cannot be written.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        self.broken: list[BrokenLine] = []
        self._rows: dict[tuple[str, str | None], Row] = {}
        self._names: dict[str, tuple[str, str | None]] = {}  # file names, casefolded -> key
        self._lock = FileLock(self.folder / LOCK)
        self._file: int | None = None
        self._size = 0  # bytes of the journal that are whole lines
        self._stale = 0  # lines that a later one replaces

    def __enter__(self) -> Ledger:
        with self._plain_errors("opened"):
            (self.folder / PICTURES).mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise LedgerError(
                    f"the ledger {self.folder.name} is being written by another program; wait "
                    "until it has ended, or choose another folder"
                ) from None
        try:
            with self._plain_errors("opened"):
                self._open()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if self._stale and kind is None:
                self.compact()
        finally:
            self._close()

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(list(self._rows.values()))

    def __contains__(self, key: object) -> bool:
        return key in self._rows

    def get(self, source: str, photo_id: str) -> Row | None:
        """The row of a photo, or None."""
        return self._rows.get((source, photo_id))

    def add(self, row: Row, image: bytes) -> Row:
        """Store a new photo: the picture first, then its line.

        Parameters
        ----------
        row : Row
            Without file_name it gets one; without retrieved_at, the present time. A sha256 that
            it states must be the picture's.
        image : bytes
            The picture's file as it came.

        Returns
        -------
        Row
            As stored.

        Raises
        ------
        LedgerError
            If the photo is in the ledger already, the row or the picture is unfit, or the disk
            is full; the ledger is then as it was before.
        """
        self._check_open()
        if row.photo_id is None:
            raise LedgerError("a row without photo_id cannot be stored; give it one")
        if row.key in self._rows:
            raise LedgerError(
                f"photo {row.photo_id} of {row.source} is in the ledger already; "
                "use revise to change its row"
            )
        digest = hashlib.sha256(image).hexdigest()
        if row.sha256 not in (None, digest):
            raise LedgerError(
                f"the picture of photo {row.photo_id} is not the one its row was written for "
                f"(sha256 {digest[:12]}… instead of {row.sha256[:12]}…); fetch it again"
            )
        name = row.file_name or _name_for(row, image, digest)
        if name.casefold() in self._names:
            raise LedgerError(f"{name} belongs to another photo already; choose another file_name")
        now = datetime.now(UTC).isoformat(timespec="seconds")
        row = replace(row, file_name=name, sha256=digest, retrieved_at=row.retrieved_at or now)
        line, path = row.to_line(), picture_path(self.folder, row)
        with self._plain_errors(f"added to with photo {row.photo_id}"):
            new = not path.exists()
            write_whole(path, [image], digest)
            try:
                self._append(line)
            except OSError:
                if new:
                    path.unlink(missing_ok=True)
                raise
        self._keep(row)
        return row

    def revise(self, row: Row) -> None:
        """Replace what is known about a stored photo; its picture stays.

        The new line is appended; the old one goes when the ledger is closed.

        Raises
        ------
        LedgerError
            If the photo is not in the ledger, or its picture is not the stored one.
        """
        self._check_open()
        old = self._rows.get(row.key)
        if old is None or (old.file_name, old.sha256) != (row.file_name, row.sha256):
            raise LedgerError(
                f"photo {row.photo_id} of {row.source} is not in the ledger with this picture; "
                "take the row from the ledger and change it with dataclasses.replace"
            )
        if old != row:
            with self._plain_errors(f"added to with photo {row.photo_id}"):
                self._append(row.to_line())
            self._stale += 1
            self._keep(row)

    def compact(self) -> None:
        """Write the journal anew, one line a photo; broken lines go to a file of their own.

        Raises
        ------
        LedgerError
            If the disk is full; the journal is then as it was.
        """
        self._check_open()
        journal = self.folder / JOURNAL
        with self._plain_errors("compacted"):
            if self.broken:
                kept = b"".join(line.raw.rstrip(b"\n") + b"\n" for line in self.broken)
                before = (
                    (self.folder / ASIDE).read_bytes() if (self.folder / ASIDE).exists() else b""
                )
                if not before.endswith(kept):  # from a compaction that was killed
                    write_whole(self.folder / ASIDE, [before, kept])
            os.close(self._file)  # some systems replace no file that is open
            self._file = None
            try:
                write_whole(journal, (row.to_line() for row in self._rows.values()))
            finally:
                self._file = os.open(journal, _FLAGS)
                self._size = os.fstat(self._file).st_size
        self.broken, self._stale = [], 0

    # ---- inside --------------------------------------------------------------------------------
    def _open(self) -> None:
        journal = self.folder / JOURNAL
        self._file = os.open(journal, _FLAGS | os.O_CREAT, 0o666)
        rows, self.broken, whole = read_lines(self.folder)
        self._size = whole
        if os.fstat(self._file).st_size > whole:
            os.ftruncate(self._file, whole)
        with open(journal, "rb") as content:
            content.seek(max(whole - 1, 0))
            if content.read(1) not in (b"", b"\n"):  # a whole row without its end
                self._append(b"\n")
        self._rows = {}
        for row in rows.values():
            self._keep(row)
        self._clear()

    def _clear(self) -> None:
        """Remove what a killed program left: parts, and pictures that never got their line.

        Such a picture carries its own hash in its name, so nobody else's file is touched.
        """
        claimed = b"\n".join(line.raw for line in self.broken)
        for path in (self.folder / PICTURES).iterdir():
            name = f"{PICTURES}/{path.name}"
            if _PART.fullmatch(path.name):
                path.unlink()
            elif (ours := _OURS.search(path.name)) and name.casefold() not in self._names:
                if name.encode("utf-8") not in claimed and file_sha256(path).startswith(ours[1]):
                    path.unlink()
        for path in self.folder.glob(".*.part"):
            path.unlink()

    def _keep(self, row: Row) -> None:
        self._rows[row.key] = row
        self._names[str(row.file_name).casefold()] = row.key

    def _append(self, line: bytes) -> None:
        """One line at the end, on the disk when this returns; all of it or nothing."""
        try:
            if os.fstat(self._file).st_size != self._size:  # an earlier one could not be undone
                os.ftruncate(self._file, self._size)
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            with contextlib.suppress(OSError):  # else the next opening drops it
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def _check_open(self) -> None:
        if self._file is None:
            raise LedgerError('the ledger is not open; write "with Ledger(folder) as ledger:"')

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._lock.release()

    @contextlib.contextmanager
    def _plain_errors(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            advice = {
                errno.ENOSPC: "free some space and start again, nothing was lost",
                errno.EFBIG: "the disk takes no larger file; choose another disk",
                errno.EDQUOT: "your share of the disk is full; free some space and start again",
                errno.EACCES: "choose a folder that you may write to",
                errno.EROFS: "choose a folder that you may write to",
            }.get(error.errno, "choose another folder")
            raise LedgerError(
                f"the ledger {self.folder.name} could not be {what} "
                f"({error.strerror or error}); {advice}"
            ) from error


def _name_for(row: Row, image: bytes, digest: str) -> str:
    """A name that says whose photo it is, and by 12 digits of its hash that the ledger gave it."""
    suffix = next((s for head, s in _SUFFIXES if re.match(head, image[:64], re.DOTALL)), None)
    if suffix is None:
        raise LedgerError(
            f"the picture of photo {row.photo_id} is of no known format; give JPEG, PNG or TIFF"
        )
    key = f"{row.source}-{row.photo_id}"
    slug = re.sub(r"[^A-Za-z0-9-]+", "_", key)[:80]
    if slug != key:  # two names may end up alike
        slug += "-" + hashlib.sha256(repr(row.key).encode()).hexdigest()[:8]
    return f"{PICTURES}/{slug}-{digest[:12]}{suffix}"
