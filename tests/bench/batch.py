"""``python -m tests.bench.batch``: a folder of photos, killed again and again, and on two workers.

The command runs as a program of its own on small digital sections, is killed (SIGKILL) at random
instants, and left to finish; what it then holds is compared with a run that nobody disturbed. Then
the same folder goes through one process and through a local Dask cluster, each process with one
thread, and once more with a worker killed in the middle. The figures go to
``figures/results/batch.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import psutil
from PIL import Image
from tqdm.auto import tqdm

from mineral_utils.batch import Order, open_cluster, segment_many
from mineral_utils.export.tables import read_csv
from mineral_utils.run import record, write_json
from mineral_utils.sections import render

OUT = Path("figures/results/batch.json")
ROOT = Path(__file__).resolve().parents[2]
MINERALS = ("pyrite", "chalcopyrite", "sphalerite", "galena", "quartz")
TABLES = ("photos.csv", "minerals.csv", "overall.csv", "failed.csv", "regions.csv")
ORDER = Order(MINERALS, adapter="miniature:ore", formats=("png", "csv"), device="cpu", threads=1)


def measure(
    photos: int, kills: int, workers: int = 2, seed: int = 0, progress: bool = True
) -> dict:
    """Kill, finish, compare; then one process against several.

    Parameters
    ----------
    photos : how many, each a digital section of 160 x 224 px
    kills : how often the program is killed
    workers : processes of the local cluster
    seed : of sections and instants

    Returns
    -------
    dict
        See the keys of ``figures/results/batch.json``.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _render(folder / "photos", photos, seed, progress)
        alone = _undisturbed(folder)
        killed = _killed(folder, kills, alone, seed, progress)
        spread = _spread(folder, workers, progress)
    return {"photos": photos, "undisturbed": alone, "killed": killed, "cluster": spread}


def _render(folder: Path, photos: int, seed: int, progress: bool) -> None:
    rng = np.random.default_rng(seed)
    for k in tqdm(range(photos), desc="sections", disable=not progress):
        names = rng.choice(MINERALS, 3, replace=False).tolist()
        section = render(names, size=(160, 224), seed=1000 * seed + k)
        path = folder / f"series {k % 4}" / f"{k // 4:03}.png"  # one name in four folders
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(section.image).save(path)


def _start(folder: Path, out: Path) -> subprocess.Popen:
    words = [sys.executable, "-m", "mineral_utils", "segment", str(folder / "photos")]
    words += ["--out", str(out), "--minerals", ",".join(MINERALS), "--adapter", ORDER.adapter]
    words += ["--format", ",".join(ORDER.formats), "--device", "cpu", "--threads", "1", "--quiet"]
    known = os.environ | {"OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(words, cwd=ROOT, env=known, **pipes)


def _undisturbed(folder: Path) -> dict:
    begun = time.monotonic()
    process = _start(folder, folder / "whole")
    _, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(errors)
    seconds = time.monotonic() - begun
    work = sum(row["seconds"] for row in _rows(folder / "whole"))
    return {
        "seconds": round(seconds, 1),
        "work_s": round(work, 1),
        "start_and_end_s": round(seconds - work, 1),
    }


def _killed(folder: Path, kills: int, alone: dict, seed: int, progress: bool) -> dict:
    """Kill at random instants from the start on, spread so that none comes after the end."""
    rng = np.random.default_rng(seed + 1)
    out, each = folder / "killed", []
    longest = alone["start_and_end_s"] + 1.6 * alone["work_s"] / (kills + 1)
    for _ in tqdm(range(kills), desc="kills", disable=not progress):
        delay = float(rng.uniform(0.2, longest))
        process = _start(folder, out)
        try:
            process.communicate(timeout=delay)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        each.append(
            {
                "delay_s": round(delay, 3),
                "killed": process.returncode == -signal.SIGKILL,
                "lines": len(_rows(out)),
                "torn_line": _torn(out),
                "half_files": sum(1 for path in out.rglob("*") if ".part" in path.name),
            }
        )
    process = _start(folder, out)
    _, errors = process.communicate()
    if process.returncode != 0:
        raise RuntimeError(errors)
    lines = Counter(row["photo"] for row in _rows(out))
    return {
        "kills": sum(kill["killed"] for kill in each),
        "photos_there_once": len({row["photo"] for row in read_csv(out / "photos.csv")}),
        "rows_of_photos_csv": len(read_csv(out / "photos.csv")),
        "photos_done_more_than_once": sum(count > 1 for count in lines.values()),
        "equal_to_undisturbed": _equal(folder / "whole", out),
        "half_files_left": sum(1 for path in out.rglob("*") if ".part" in path.name),
        "each_kill": each,
    }


def _spread(folder: Path, workers: int, progress: bool) -> dict:
    """One process and a cluster by turns, all warm; then the cluster with a worker killed."""
    single = []

    def one_process(name: str) -> None:
        begun, used = time.monotonic(), time.process_time()
        segment_many(folder / "photos", ORDER, folder / name, progress=progress)
        wall = time.monotonic() - begun
        share = (time.process_time() - used) / wall
        single.append({"seconds": round(wall, 1), "cpu_share": round(share, 2)})

    warm = sorted((folder / "photos").rglob("*.png"))[: 2 * workers]
    segment_many(warm, ORDER, folder / "warm", progress=False)
    one_process("first")
    with open_cluster(f"local:{workers}") as cluster:
        client = cluster.client
        segment_many(warm, ORDER, folder / "warm too", executor=client, progress=False)
        used = sum(client.run(time.process_time).values())
        begun = time.monotonic()
        segment_many(
            folder / "photos", ORDER, folder / "spread", executor=client, progress=progress
        )
        wall = time.monotonic() - begun
        share = (sum(client.run(time.process_time).values()) - used) / wall
        executor = _KillsOne(client, after=len(_rows(folder / "spread")) // 2)
        killed = segment_many(
            folder / "photos", ORDER, folder / "bereft", executor=executor, progress=progress
        )
    one_process("second")
    alone = float(np.mean([run["seconds"] for run in single]))
    return {
        "workers": workers,
        "one_process": single,
        "spread_s": round(wall, 1),
        "spread_cpu_share": round(share, 2),
        "speed_over_one_process": round(alone / wall, 2),
        "load_of_machine": [round(load, 2) for load in psutil.getloadavg()],
        "equal_to_undisturbed": _equal(folder / "whole", folder / "spread"),
        "worker_killed": executor.killed,
        "with_worker_killed_complete": killed.complete,
        "with_worker_killed_equal": _equal(folder / "whole", folder / "bereft"),
    }


class _KillsOne:
    """A Dask client as it is; after some tasks one of its workers is killed."""

    def __init__(self, client, after: int):
        self._client, self._left, self.killed = client, after, False
        self.nthreads = client.nthreads

    def submit(self, *task):
        self._left -= 1
        if self._left == 0:
            os.kill(min(self._client.run(os.getpid).values()), signal.SIGKILL)
            self.killed = True
        return self._client.submit(*task)


def _rows(out: Path) -> list[dict]:
    """Whole lines of the journal; a broken one inside would raise."""
    journal = out / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True) if journal.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def _torn(out: Path) -> bool:
    journal = out / "journal.jsonl"
    return journal.exists() and not re.search(rb"(^|\n)\Z", journal.read_bytes())


def _equal(one: Path, other: Path) -> bool:
    """Whether all tables and all labels are the same bytes."""
    names = [*TABLES, *(path.relative_to(one) for path in one.rglob("*_indexed.png"))]
    theirs = sum(1 for _ in other.rglob("*_indexed.png"))
    same = all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
    return same and theirs == len(names) - len(TABLES)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batch", description=__doc__)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args()
    found = measure(options.photos, options.kills, options.workers, options.seed)
    settings = {key: value for key, value in vars(options).items() if key != "out"}
    made = record(seed=options.seed, settings=settings, device="cpu")
    write_json(options.out, {**found, "made": made})
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
