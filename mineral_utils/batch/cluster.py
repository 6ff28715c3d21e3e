"""Dask clusters: one on this machine, or one that runs already; nothing else here knows of Dask."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .order import BatchError

# of several engines: what their futures raise when a process died under a task
_DEATHS = {"KilledWorker", "CancelledError", "FutureCancelledError", "BrokenExecutor"}


@dataclass(frozen=True)
class Cluster:
    """A cluster that takes work.

    client : the executor for `segment_many`
    link : address of the dashboard, for a browser; None where there is none
    """

    client: Any
    link: str | None


@contextmanager
def open_cluster(where: str, *, timeout_s: float = 20) -> Iterator[Cluster]:
    """Start a cluster on this machine, or connect to one.

    Parameters
    ----------
    where : ``"local:4"`` for four processes here, each with one thread; the address of a scheduler
        (``"tcp://host:8786"``); or the path of the ``.json`` file that a scheduler wrote.
        Workers of a cluster elsewhere need this package, and the photos and the folder of results
        under the same paths
    timeout_s : how long to wait for a scheduler's answer

    Yields
    ------
    Cluster

    Raises
    ------
    BatchError
        It cannot be started or reached.
    """
    kind, _, number = where.partition(":")
    if kind == "local":
        if not number.isdecimal() or not int(number):
            raise BatchError(
                f"{where!r} does not say how many processes to start; write local:2, or the "
                "address of a scheduler"
            )
        with _local(int(number)) as client:
            yield Cluster(client, client.dashboard_link)
        return
    with _remote(where, timeout_s) as client:
        yield Cluster(client, client.dashboard_link)


@contextmanager
def _local(processes: int) -> Iterator[Any]:
    import dask
    from distributed import Client, LocalCluster
    from distributed.system import MEMORY_LIMIT  # of the container, where there is one

    settings = {
        # a photo that killed its worker is counted by us, and tried again by itself
        "distributed.scheduler.allowed-failures": 0,
        # models stay in memory: spilling would find nothing to spill, pausing would never end
        "distributed.worker.memory.target": False,
        "distributed.worker.memory.spill": False,
        "distributed.worker.memory.pause": False,
        # Dask would have glibc give every large array back to the system, to be zeroed again for
        # the next: a quarter of the time here
        "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    }
    with dask.config.set(settings):
        try:
            cluster = LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=MEMORY_LIMIT // processes,
                silence_logs=logging.CRITICAL,
            )
        except (OSError, RuntimeError, TimeoutError) as error:
            raise BatchError(
                f"{processes} processes could not be started ({error}); try fewer, or none"
            ) from error
        with cluster, Client(cluster) as client:
            yield client


@contextmanager
def _remote(where: str, timeout_s: float) -> Iterator[Any]:
    from distributed import Client

    try:
        address = _address(where, timeout_s) if Path(where).suffix == ".json" else where
        client = Client(address, timeout=timeout_s)
    except (OSError, ValueError, TimeoutError) as error:
        reason = " ".join(str(error).split())[:150] or type(error).__name__
        raise BatchError(
            f"no scheduler answers at {where} ({reason}); start one (dask scheduler), or write "
            "local:2 for two processes on this machine"
        ) from error
    with client:
        yield client


def _address(path: str, timeout_s: float) -> str:
    """The address in the file that a scheduler writes when it has started, which takes a while;
    Dask itself would wait for it for ever."""
    until = time.monotonic() + timeout_s
    while not Path(path).exists() and time.monotonic() < until:
        time.sleep(0.2)
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))["address"]
    except (KeyError, TypeError) as error:
        raise ValueError("the file names no address") from error


def places_of_executor(executor: Any) -> Callable[[], int]:
    """How many tasks an executor can work on at present: Dask's client, or one of Python's own."""
    if hasattr(executor, "nthreads"):
        return lambda: sum(executor.nthreads().values())
    return lambda: getattr(executor, "_max_workers", 1)


def worker_died(error: BaseException) -> bool:
    """Whether a future failed because its process died, and not because the task did."""
    return bool(_DEATHS & {kind.__name__ for kind in type(error).__mro__})
