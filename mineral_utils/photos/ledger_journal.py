"""Reading a ledger: its lines one by one, the broken ones named, and what lies on the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .ledger_row import LedgerError, Row, check_file_name

JOURNAL = "metadata.jsonl"
LONGEST_LINE = 2**24  # bytes


class LedgerWarning(UserWarning):
    """Lines of a ledger that cannot be used."""


@dataclass(frozen=True)
class BrokenLine:
    """A line that is no row: its number (from 1), what is wrong with it, its bytes."""

    number: int
    reason: str
    raw: bytes

    def __str__(self) -> str:
        return f"line {self.number}: {self.reason}"


def read_ledger(
    folder: str | Path, *, strict: bool = False, check_pictures: bool = False
) -> list[Row]:
    """Rows of a ledger, in the order in which the photos came.

    Of several lines on one photo the last counts. A last line that was cut off in writing is
    dropped. Other broken lines are named in a `LedgerWarning` and left out.

    Parameters
    ----------
    folder : path
        It holds ``metadata.jsonl``.
    strict : bool
        Raise instead of warning.
    check_pictures : bool
        Read every picture too, and take a row whose picture is missing or changed for broken.

    Raises
    ------
    LedgerError
        If there is no ledger; with `strict`, if a line is broken.
    """
    folder = Path(folder)
    numbers: dict[tuple, int] = {}
    rows, broken, _ = read_lines(folder, numbers)
    if check_pictures:
        for row in list(rows.values()):
            if reason := _wrong_picture(folder, row):
                broken.append(BrokenLine(numbers[row.key], reason, row.to_line()))
                del rows[row.key]
    if broken:
        shown = "; ".join(str(line) for line in broken[:10])
        more = f"; and {len(broken) - 10} more" if len(broken) > 10 else ""
        message = (
            f"{folder.name}/{JOURNAL}: {len(broken)} broken "
            f"({shown}{more}); the other {len(rows)} rows can be used"
        )
        if strict:
            raise LedgerError(message)
        warnings.warn(message, LedgerWarning, stacklevel=2)
    return list(rows.values())


def picture_path(folder: str | Path, row: Row) -> Path:
    """Where the picture of a stored row lies.

    Raises
    ------
    LedgerError
        If the row names no picture, or the name leads out of the folder.
    """
    if row.file_name is None:
        raise LedgerError(f"the row of photo {row.photo_id} names no picture: it was never stored")
    check_file_name(row.file_name)
    folder = Path(folder)
    path = folder / row.file_name
    if not path.parent.resolve().is_relative_to(folder.resolve()):  # by a link
        raise LedgerError(f"{row.file_name} leads out of the ledger {folder.name}; remove the link")
    return path


def read_lines(
    folder: Path, numbers: dict[tuple, int] | None = None
) -> tuple[dict[tuple, Row], list[BrokenLine], int]:
    """Rows by key, broken lines, and how many bytes of the journal are whole lines."""
    rows: dict[tuple, Row] = {}
    broken: list[BrokenLine] = []
    owners: dict[str, tuple] = {}
    whole = 0
    try:
        journal = open(folder / JOURNAL, "rb")
    except FileNotFoundError as error:
        raise LedgerError(
            f"there is no ledger in {folder.name} (no {JOURNAL}); name the folder that holds it, "
            "or collect photos first"
        ) from error
    with journal:
        for number, line in enumerate(journal, 1):
            content = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            try:
                if len(content) > LONGEST_LINE:
                    raise LedgerError(f"it has {len(content):,} bytes, too many for a row")
                row = Row.from_line(content) if content.strip() else None
                if row and owners.setdefault(str(row.file_name).casefold(), row.key) != row.key:
                    raise LedgerError(f"{row.file_name} belongs to an earlier photo")
            except LedgerError as error:
                if not line.endswith(b"\n"):
                    break  # cut off in writing
                broken.append(BrokenLine(number, str(error), line))
            else:
                if row:
                    rows[row.key] = row
                    if numbers is not None:
                        numbers[row.key] = number
            whole += len(line)
    return rows, broken, whole


def _wrong_picture(folder: Path, row: Row) -> str | None:
    """What is wrong with the picture of a row, or None."""
    try:
        path = picture_path(folder, row)
        if file_sha256(path) != row.sha256:
            return f"{row.file_name} has changed since it was stored"
    except LedgerError as error:
        return str(error)
    except OSError as error:
        return f"{row.file_name} cannot be read ({error.strerror or error})"
    return None


def write_whole(path: Path, pieces: Iterable[bytes], digest: str = "") -> None:
    aside = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with open(aside, "xb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        if digest and file_sha256(aside) != digest:
            raise OSError(errno.EIO, "the disk gave back other bytes than were written")
        os.replace(aside, path)
        _flush_folder(path.parent)
    finally:
        with contextlib.suppress(OSError):  # after success it is gone already
            aside.unlink(missing_ok=True)


def _flush_folder(folder: Path) -> None:
    """Make a rename last; systems without folders that can be opened do so by themselves."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def file_sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
