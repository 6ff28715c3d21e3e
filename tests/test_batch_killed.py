"""Whole folders, killed for real: the program itself, and workers of a Dask cluster."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from mineral_utils.batch import BatchError, Order, open_cluster
from mineral_utils.export.tables import read_csv

from .test_batch import ORDER, labels_of, segment, tables_of, write_photo

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = dataclasses.replace(ORDER, threads=1)


def start(photos: Path, out: Path, order: Order, *words: str) -> subprocess.Popen:
    """The command as a program of its own."""
    line = [sys.executable, "-m", "mineral_utils", "segment", str(photos), "--out", str(out)]
    line += ["--minerals", ",".join(order.names), "--format", ",".join(order.formats)]
    line += ["--profile", order.profile, "--um-per-px", str(order.um_per_px), *words]
    known = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(line, cwd=ROOT, env=known, stderr=subprocess.PIPE, text=True)


def wait_for(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "it never came so far"
        time.sleep(0.02)


def lines_of(out: Path) -> int:
    journal = out / "journal.jsonl"
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


@pytest.fixture
def photos(tmp_path) -> Path:
    for k in range(24):
        write_photo(tmp_path / "photos" / f"{k:02}.png", k)
    return tmp_path / "photos"


@pytest.mark.slow
def test_a_program_that_is_killed_goes_on(tmp_path, photos):
    whole, out = tmp_path / "whole", tmp_path / "maps"
    segment(photos, whole, ONE_THREAD)
    for k, wanted in enumerate((1, 8, 15)):
        process = start(photos, out, ORDER, "--threads", "1")
        wait_for(lambda n=wanted: lines_of(out) >= n, process)
        time.sleep(0.007 * k)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert wanted <= lines_of(out) < 24
    process = start(photos, out, ORDER, "--threads", "1")
    process.communicate()
    assert process.returncode == 0
    assert lines_of(out) == 24, "a photo was done twice"
    assert tables_of(out) == tables_of(whole)
    assert labels_of(out) == labels_of(whole)
    assert not list(out.rglob("*.part*"))


class Trap:
    """Set up in every worker: a photo called poison.png ends the process that opens it."""

    name = "trap"

    def setup(self, worker) -> None:
        from mineral_utils.batch import one

        plain = one.load_photo

        def load(path, **options):
            if path.name == "poison.png":
                os._exit(1)
            return plain(path, **options)

        one.load_photo = load


@pytest.mark.slow
def test_two_workers_of_which_one_is_killed_give_the_same_tables(tmp_path, photos):
    from distributed import WorkerPlugin

    class Plugin(Trap, WorkerPlugin):
        pass

    whole, out = tmp_path / "whole", tmp_path / "maps"
    segment(photos, whole, ONE_THREAD)
    with open_cluster("local:2") as cluster:
        assert cluster.link.startswith("http://127.0.0.1:")
        first = set(cluster.client.run(os.getpid).values())
        executor = KillsOne(cluster.client, min(first), after=6)
        done = segment(photos, out, executor=executor)
        assert done.complete and done.done == 24
        assert tables_of(out) == tables_of(whole)
        assert labels_of(out) == labels_of(whole)
        assert not psutil.pid_exists(min(first))

        write_photo(photos / "poison.png")
        write_photo(photos / "zz.png", 50)
        cluster.client.register_plugin(Plugin())
        again = segment(photos, out, executor=cluster.client)
        assert again.there == 24 and again.done == 1
        assert "died 3 times" in again.failed["photos/poison.png"]
    assert [row["photo"] for row in read_csv(out / "failed.csv")] == ["photos/poison.png"]


class KillsOne:
    """A Dask client as it is; after some tasks a process of its cluster is killed."""

    def __init__(self, client, pid: int, after: int):
        self._client, self._pid, self._left = client, pid, after
        self.nthreads = client.nthreads

    def submit(self, *task):
        self._left -= 1
        if self._left == 0:
            os.kill(self._pid, signal.SIGKILL)
        return self._client.submit(*task)


@pytest.mark.slow
def test_a_client_that_is_killed_leaves_no_workers_and_can_go_on(tmp_path, photos):
    whole, out = tmp_path / "whole", tmp_path / "maps"
    segment(photos, whole, ONE_THREAD)
    process = start(photos, out, ORDER, "--dask", "local:2")
    wait_for(lambda: lines_of(out) >= 3, process)
    workers = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    gone, alive = psutil.wait_procs(workers, timeout=30)
    assert len(gone) >= 2 and not alive
    done = segment(photos, out)
    assert done.complete and 3 <= done.there
    assert tables_of(out) == tables_of(whole)


@pytest.fixture
def elsewhere(tmp_path):
    """A scheduler and a worker as they are started by hand or by SLURM; gives the scheduler's file
    and its process."""
    file = tmp_path / "scheduler.json"
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    known = {**os.environ, "PYTHONPATH": str(ROOT)}
    local = ["--host", "127.0.0.1", "--no-dashboard"]

    def dask(kind: str, *words: str) -> subprocess.Popen:
        line = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(file)]
        return subprocess.Popen([*line, *local, *words], env=known, **quiet)

    scheduler = dask("scheduler", "--port", "0")
    wait_for(file.exists, scheduler)
    worker = dask("worker", "--nthreads", "1", "--nworkers", "1")
    try:
        yield file, scheduler
    finally:
        for process in (worker, scheduler):
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.slow
def test_a_scheduler_that_runs_already_and_then_is_gone(tmp_path, photos, elsewhere):
    file, scheduler = elsewhere
    whole, out = tmp_path / "whole", tmp_path / "maps"
    segment(photos, whole, ONE_THREAD)
    with open_cluster(str(file)) as cluster:
        done = segment(photos, out, executor=cluster.client)
        assert done.complete and tables_of(out) == tables_of(whole)
        again = tmp_path / "again"
        executor = KillsOne(cluster.client, scheduler.pid, after=6)
        with pytest.raises(BatchError, match="start again"):
            segment(photos, again, executor=executor)
    done = segment(photos, again, ONE_THREAD)
    assert done.complete and done.there >= 3
    assert tables_of(again) == tables_of(whole)


def test_nothing_answers(tmp_path):
    with pytest.raises(BatchError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9 "):
        with open_cluster("tcp://127.0.0.1:9", timeout_s=1):
            pass
    for words, said in (("nowhere.json", "No such file"), ("run.json", "names no address")):
        (tmp_path / "run.json").write_text('{"order": 1}')
        with (
            pytest.raises(BatchError, match=said),
            open_cluster(str(tmp_path / words), timeout_s=0.1),
        ):
            pass
    for words in ("local:", "local:0", "local:two"):
        with pytest.raises(BatchError, match="write local:2"), open_cluster(words):
            pass
