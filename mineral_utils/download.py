"""Large files over HTTP: resumed after a cut, tried again when it may help, one writer at a time.

What has arrived lies in ``<file>.part``; beside it ``<file>.part.json`` says which version of which
address it is part of, because a range of another version must never be glued to it. Nothing here
decides whether the bytes are the right ones: that is the caller's to check before it moves the
file into place.
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import json
import os
import shutil
import socket
import threading
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from pathlib import Path

import requests
from tqdm.auto import tqdm
from urllib3.exceptions import NewConnectionError

__all__ = ["DownloadError", "fetch", "lock"]

RETRIES = 5  # in a row without a gain of GAIN bytes
GAIN = 2**20
BACKOFF_S = 0.5  # doubled each time
PATIENCE_S = 60.0  # the longest wait between two tries, whatever Retry-After says
BEAT_S = 1.0  # how often a lock is touched
STALE_S = 15.0  # a lock that nobody touches for so long was left behind
SPARE_BYTES = 16 * 2**20  # left free on the disk
_BLOCK = 2**16


class DownloadError(Exception):
    """Why a file did not arrive, as a clause that fits into the caller's sentence."""


class _TryAgain(Exception):
    def __init__(self, reason: str, wait: float | None = None, *, unreachable: bool = False):
        super().__init__(reason)
        self.wait = wait  # seconds that the server asked for
        self.unreachable = unreachable


def fetch(
    url: str,
    part: Path,
    *,
    size: int | None = None,
    progress: bool = True,
    timeout: float = 30.0,
) -> None:
    """Bring the file behind an address into ``part``, going on where an earlier call stopped.

    Parameters
    ----------
    url : http or https address
    part : where to write; its folder exists
    size : bytes that the file must have, if known
    progress : draw a bar
    timeout : seconds without an answer or a byte after which a try is given up

    Raises
    ------
    DownloadError
        When the server refuses, stays silent or breaks off too often, when it offers another size,
        when there is no way to it, or when the disk is full. ``part`` is kept where it can be
        resumed.
    """
    failures, arrived = 0, False
    while True:
        before = _size(part)
        try:
            return _attempt(url, part, size, progress, timeout)
        except _TryAgain as failure:
            gained = _size(part) - before
            arrived = arrived or gained > 0
            if failure.unreachable and not arrived:  # no network at all: say so at once
                raise DownloadError(str(failure)) from failure
            failures = 1 if gained >= GAIN else failures + 1
            if failures > RETRIES:
                raise DownloadError(
                    f"{failure}, {failures} times in a row ({_size(part):,} bytes have arrived and "
                    "are kept: call again to go on)"
                ) from failure
            wait = BACKOFF_S * 2 ** (failures - 1) if failure.wait is None else failure.wait
            time.sleep(min(wait, PATIENCE_S))


def _attempt(url: str, part: Path, size: int | None, progress: bool, timeout: float) -> None:
    """One request, written to the end; raises _TryAgain where another one may help."""
    validator = _noted_version(url, part)
    offset = _size(part) if validator else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "mineral_utils"}
    if offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    with _transport_errors(url):
        answer = requests.get(url, headers=headers, stream=True, timeout=timeout)
    with answer:
        span = answer.headers.get("Content-Range", "")  # "bytes 100-199/200" or "bytes */200"
        total = int(span.rpartition("/")[2]) if span[-1:].isdigit() else None
        if answer.status_code == 416 and offset and total == offset:
            return  # all of it had arrived already
        other = answer.status_code == 206 and not _goes_on(answer, offset, validator)
        if answer.status_code == 416 or other:
            _forget(part)
            raise _TryAgain("the file on the server changed while it was fetched", wait=0.0)
        _check_status(answer, url)
        if answer.status_code == 200:  # from the start: a new file, or a server without ranges
            offset = 0
            length = answer.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
        if size is not None and total is not None and total != size:
            raise DownloadError(
                f"the server offers {total:,} bytes where {size:,} are expected: the file behind "
                f"{url} has changed"
            )
        _check_space(part, (total or size or offset) - offset)
        try:
            if offset == 0:
                _note_version(url, part, answer)
            _write(answer, url, part, offset, total, progress)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise DownloadError(
                f"the disk of {part.parent} is full; {_size(part):,} bytes are kept in {part.name}:"
                " free some space and call again to go on"
            ) from error


def _write(
    answer: requests.Response, url: str, part: Path, offset: int, total: int | None, progress: bool
) -> None:
    bar = tqdm(
        desc=part.name.removesuffix(".part"),
        total=total,
        initial=offset,
        unit="B",
        unit_scale=True,
        disable=not progress,
    )
    with bar, part.open("ab" if offset else "wb") as out:
        blocks = answer.iter_content(_BLOCK)
        while True:
            with _transport_errors(url):
                block = next(blocks, b"")
            if not block:
                break
            out.write(block)
            bar.update(len(block))
        out.flush()
        os.fsync(out.fileno())


@contextlib.contextmanager
def _transport_errors(url: str) -> Iterator[None]:
    """Turn what goes wrong on the wire into _TryAgain."""
    host = urllib.parse.urlsplit(url).netloc
    try:
        yield
    except requests.Timeout as error:
        raise _TryAgain(f"{host} did not answer in time") from error
    except (requests.exceptions.SSLError, requests.exceptions.ProxyError) as error:
        raise _TryAgain(f"no safe connection to {host} ({error})", unreachable=True) from error
    except requests.ConnectionError as error:
        reason = getattr(error.args[0] if error.args else None, "reason", None)
        if isinstance(reason, NewConnectionError):
            raise _TryAgain(f"there is no connection to {host}", unreachable=True) from error
        raise _TryAgain(f"{host} broke off the connection") from error
    except requests.exceptions.ChunkedEncodingError as error:
        raise _TryAgain(f"{host} broke off the connection") from error
    except requests.RequestException as error:
        raise DownloadError(f"{url} cannot be asked for ({error})") from error


def _check_status(answer: requests.Response, url: str) -> None:
    if answer.status_code in (200, 206):
        return
    said = f"the server answered {answer.status_code} {answer.reason}".rstrip()
    if answer.status_code in (408, 429) or answer.status_code >= 500:
        raise _TryAgain(said, wait=_retry_after(answer.headers.get("Retry-After")))
    raise DownloadError(f"{said} for {url}")


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from a number or a date."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _check_space(part: Path, missing: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if missing + SPARE_BYTES > free:
        raise DownloadError(
            f"{missing:,} bytes are still to come and the disk of {part.parent} has {free:,} free; "
            "make room, or let MINERAL_CACHE name a folder on another disk"
        )


# ---- the version that a part belongs to --------------------------------------------------------
def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _validator(answer: requests.Response) -> str | None:
    """What If-Range may be asked with: a strong ETag, else a date."""
    etag = answer.headers.get("ETag", "")
    return etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified")


def _note_version(url: str, part: Path, answer: requests.Response) -> None:
    _forget(part)
    if validator := _validator(answer):  # without one a part cannot be resumed safely
        _note(part).write_text(json.dumps({"url": url, "version": validator}), encoding="utf-8")


def _noted_version(url: str, part: Path) -> str | None:
    try:
        noted = json.loads(_note(part).read_text(encoding="utf-8"))
        return noted["version"] if noted["url"] == url and part.is_file() else None
    except (OSError, ValueError, KeyError, TypeError):  # no note, or one cut short
        return None


def _goes_on(answer: requests.Response, offset: int, version: str | None) -> bool:
    """Does a 206 begin where the part ends, in the same version? (Servers may ignore If-Range.)"""
    start = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return start == str(offset) and _validator(answer) in (None, version)


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


# ---- one writer at a time ----------------------------------------------------------------------
@contextlib.contextmanager
def lock(target: Path) -> Iterator[None]:
    """Hold ``<target>.lock``; wait for another thread or process that holds it.

    The holder touches the file every BEAT_S seconds. One that was not touched for STALE_S seconds
    was left by a process that died, and is taken over. Works on every system and shared disk,
    because it needs no more than exclusive creation; the waiting side watches for changes and
    never compares clocks.
    """
    path = target.with_name(target.name + ".lock")
    mine = f"{socket.gethostname()} {os.getpid()} {uuid.uuid4().hex}"
    _acquire(path, mine)
    done = threading.Event()
    beat = threading.Thread(target=_keep_touching, args=(path, done), daemon=True)
    beat.start()
    try:
        yield
    finally:
        done.set()
        beat.join()
        with contextlib.suppress(OSError):  # taken over meanwhile: then it is not ours to remove
            if path.read_text() == mine:
                path.unlink()


def _acquire(path: Path, mine: str) -> None:
    seen: tuple[str, float] | None = None
    begun = since = time.monotonic()
    said = False
    while True:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        except (FileExistsError, PermissionError) as error:
            if isinstance(error, PermissionError) and not path.exists():
                raise  # the folder cannot be written; Windows says this of a lock being deleted
        else:
            with os.fdopen(handle, "w") as file:
                file.write(mine)
            return
        try:
            now = (path.read_text(), path.stat().st_mtime)
        except OSError:  # let go just now
            time.sleep(0.01)
            continue
        if not said and time.monotonic() - begun > 2.0:
            said = True
            tqdm.write(f"waiting for process {now[0].split(' ')[1]}, which fetches {path.stem}")
        if now != seen:
            seen, since = now, time.monotonic()
        elif _is_gone(now[0]) or time.monotonic() - since > STALE_S:
            _break(path, now[0])
        else:
            time.sleep(0.05)


def _is_gone(holder: str) -> bool:
    """Is the holder a process of this machine that has ended? (Asked where asking is harmless.)"""
    host, _, rest = holder.partition(" ")
    pid = rest.partition(" ")[0]
    if os.name != "posix" or host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _break(path: Path, holder: str) -> None:
    """Remove a lock left behind; of several waiting, one does, and none removes a new lock."""
    aside = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        path.rename(aside)
        if aside.read_text() == holder:
            aside.unlink()
        else:
            aside.rename(path)
    except OSError:  # another one was quicker
        return


def _keep_touching(path: Path, done: threading.Event) -> None:
    while not done.wait(BEAT_S):
        with contextlib.suppress(OSError):
            os.utime(path)
