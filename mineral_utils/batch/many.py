"""Many photos, one after the other or on any executor; resumed where an earlier start ended."""

from __future__ import annotations

import dataclasses
import queue
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from .cluster import places_of_executor, worker_died
from .finding import find_photos, places_of
from .journal import Journal
from .one import segment_one
from .order import BatchError, Order
from .together import write_together

MAX_DEATHS = 3  # as often a process may die under a photo before the photo is given up
Row = dict[str, Any]


@dataclass(frozen=True)
class Summary:
    """What became of the photos.

    done : how many were segmented now
    there : how many had been done before
    failed : key of each photo that could not be segmented -> why
    seconds : time spent on photos now
    written : tables and contact sheets, over all photos of the folder
    left_alone : files of other kinds that lay among the photos, suffix -> how many
    closed : folders that could not be listed
    """

    done: int
    there: int
    failed: dict[str, str]
    seconds: float
    written: list[Path] = field(default_factory=list)
    left_alone: dict[str, int] = field(default_factory=dict)
    closed: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every photo is done."""
        return not self.failed

    @property
    def photos_per_minute(self) -> float:
        """Of those that were worked on now; 0 where there were none."""
        worked = self.done + len(self.failed)
        return 60 * worked / self.seconds if self.seconds and worked else 0.0

    def __str__(self) -> str:
        before = f" ({self.there} before)" if self.there else ""
        photos = self.done + self.there + len(self.failed)
        pace = f", {self.photos_per_minute:.1f} photos a minute" if self.done else ""
        return f"{self.done + self.there} of {photos} photos done{before}{pace}"


def segment_many(
    photos: str | Path | Sequence[str | Path],
    order: Order,
    out: str | Path,
    *,
    executor: Any = None,
    progress: bool = True,
) -> Summary:
    """Segment folders of photos, and go on where an earlier start was killed.

    A photo is done when its files are whole and its line stands in the journal; each photo's files
    are written aside and renamed. A photo that cannot be segmented is noted with its reason, tried
    again at the next start, and stops nothing.

    Parameters
    ----------
    photos : folder, photo, or several of these
    order : what is asked
    out : folder of the results, new or of the same order
    executor : None for this process; or what has ``submit`` as Python's own executors and Dask's
        client have. Paths go to it, one photo a task; processes that die cost a retry, and a photo
        under which three died is given up
    progress : show a bar with photos a minute and time left

    Returns
    -------
    Summary

    Raises
    ------
    BatchError
        The folder belongs to another run or cannot be written, there are no photos, or no process
        can load the model. What was done is kept.
    """
    out = Path(out)
    found = find_photos(photos, leave_out=out)
    if executor is not None and order.threads is None:
        order = dataclasses.replace(order, threads=1)
    with Journal(out, order) as journal:
        done = journal.check(found.photos, progress)
        places = places_of(found.photos, {key: row["place"] for key, row in done.items()})
        asked = [key for key in found.photos if key not in done]
        tasks = {key: (str(found.photos[key]), order, str(out), places[key], key) for key in asked}
        begun, failed = time.monotonic(), {}
        work = _one_by_one(tasks) if executor is None else _spread(tasks, executor)
        with _bar(found.photos, done, progress) as bar:
            for worked, row in enumerate(work, 1):
                journal.add(row)
                if row["state"] == "done":
                    done[row["photo"]] = row
                else:
                    failed[row["photo"]] = row["reason"]
                _tell(bar, 60 * worked / (time.monotonic() - begun + 1e-9), len(failed))
        seconds = time.monotonic() - begun
        written = write_together(out, done, failed, order)
    return Summary(
        done=len(asked) - len(failed),
        there=len(found.photos) - len(asked),
        failed=failed,
        seconds=seconds,
        written=written,
        left_alone=dict(found.left_alone),
        closed=found.closed,
    )


def _one_by_one(tasks: dict[str, tuple]) -> Iterator[Row]:
    for task in tasks.values():
        yield segment_one(*task)


def _spread(tasks: dict[str, tuple], executor: Any) -> Iterator[Row]:
    """Rows as they come from an executor.

    Two tasks a place are under way, so that none waits for the next. A photo whose process died is
    tried again at the end and alone: then it is the only one that can be to blame.
    """
    run = _Tickets(executor)
    deaths = dict.fromkeys(tasks, 0)
    waiting, suspects = list(reversed(tasks)), []
    try:
        while waiting or run.under_way or suspects:
            while waiting and len(run.under_way) < 2 * run.room():
                key = waiting.pop()
                run.submit(key, tasks[key])
            if not run.under_way:
                key = suspects.pop(0)
                run.submit(key, tasks[key])
            key, row = run.next()
            if row is not None:
                yield row
            elif deaths[key] + 1 < MAX_DEATHS:
                deaths[key] += 1
                suspects.append(key)
            else:
                reason = (
                    f"the process that worked on it died {MAX_DEATHS} times; perhaps it needs more "
                    "memory than there is: scale the photo down, or start fewer processes"
                )
                yield {"photo": key, "state": "failed", "reason": reason}
    finally:
        run.cancel()


class _Tickets:
    """Tasks under way on an executor."""

    def __init__(self, executor: Any):
        self._executor, self._places = executor, places_of_executor(executor)
        self._ended: queue.SimpleQueue = queue.SimpleQueue()
        self._run, self._number = secrets.token_hex(4), 0
        self.under_way: dict[str, Any] = {}

    def room(self) -> int:
        """How many tasks it can work on at present, at least 1."""
        return max(1, self._ask(self._places))

    def submit(self, key: str, task: tuple) -> None:
        self._number += 1
        ticket = f"{self._run}-{self._number}"
        future = self._ask(self._executor.submit, _work, ticket, task)
        self.under_way[key] = future
        future.add_done_callback(lambda future, key=key: self._ended.put((key, future)))

    def next(self) -> tuple[str, Row | None]:
        """The next task that ends: its key and row, or None where its process died."""
        key, future = self._ended.get()
        del self.under_way[key]
        try:
            return key, future.result()
        except BatchError:
            raise
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            if worker_died(error):
                return key, None
            raise BatchError(
                f"the workers cannot do the work ({type(error).__name__}: {error}); see to it that "
                "this version of mineral_utils is installed where they run"
            ) from error

    def _ask(self, what: Callable, *words: Any) -> Any:
        try:
            return what(*words)
        except Exception as error:  # each engine has its own words for "I am gone"
            raise BatchError(
                f"the executor takes no more work ({str(error) or type(error).__name__}); start "
                "again with the same words to go on"
            ) from error

    def cancel(self) -> None:
        for future in self.under_way.values():
            future.cancel()


def _work(ticket: str, task: tuple) -> Row:
    """`segment_one`; the ticket makes every call another one, lest an engine remembers results."""
    return segment_one(*task)


def _bar(photos: dict[str, Path], done: dict[str, Row], progress: bool) -> tqdm:
    there = sum(key in done for key in photos)
    shape = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}, {remaining} left{postfix}"
    every = 0.5 if sys.stderr.isatty() else 30  # a log file gets a line now and then
    return tqdm(
        total=len(photos),
        initial=there,
        desc="photos",
        unit="photo",
        smoothing=0.1,
        mininterval=every,
        bar_format=shape,
        disable=not progress,
    )


def _tell(bar: tqdm, pace: float, failed: int) -> None:
    told = f"{pace:.1f} photos/min" + (f", {failed} failed" if failed else "")
    bar.set_postfix_str(told, refresh=False)
    bar.update()
