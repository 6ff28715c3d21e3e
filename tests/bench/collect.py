"""``python -m tests.bench.collect``: the collector killed again and again, against a bad server.

The collector runs as a program of its own against a server on this machine that drops connections,
answers 429, 500 and 503, trickles, cuts pages and pictures off, redirects, and now and then shows a
check for robots. It is killed (SIGKILL) at random instants that cover every step of writing, then
left to finish. What the ledger then holds is compared with what the server could give. The figures
go to ``figures/results/collect.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from mineral_utils.photos import read_ledger
from mineral_utils.run import record, write_json

from ..photo_server import FAULTS, FORBIDDEN, PhotoServer
from .collect_victim import STEPS, State

OUT = Path("figures/results/collect.json")
ROOT = Path(__file__).resolve().parents[2]
PAUSE_S = 0.06  # how long each step of writing is stretched


def measure(
    kills: int,
    photos: int,
    spacing_s: float,
    seed: int = 0,
    steps: tuple[str, ...] = STEPS,
    unaware: int = 0,
    retry_after_s: float = 1.0,
    challenges: int = 2,
    progress: bool = True,
) -> dict:
    """Kill the collector, let it finish, and compare.

    Parameters
    ----------
    kills : int
        How often, at steps taken in turn from `steps`.
    photos : int
        On the server; two more cannot be given (one is missing, one lies where robots.txt forbids).
    spacing_s : float
        Set spacing of requests.
    seed : int
        Of faults and instants.
    unaware : int
        How many more kills, of the collector as it is, at random seconds after its start.
    retry_after_s : float
        What the server asks for with 429.
    challenges : int
        How often it shows a check for robots, at which the collector ends.

    Returns
    -------
    dict
        See the keys of ``figures/results/collect.json``.
    """
    rng = np.random.default_rng(seed)

    def missed(done: list[dict]) -> list[str]:
        return [step for step in steps if step not in {kill["step"] for kill in done}]

    with tempfile.TemporaryDirectory() as place, PhotoServer(photos + 2) as server:
        folder = Path(place)
        missing, hidden = server.ids[-2:]
        given = server.ids[:-2]
        server.change(missing, picture="/imagecache/gone.jpg")
        server.change(hidden, picture="/x/secret/1.jpg")
        server.retry_after_s = retry_after_s
        planned = _plan_faults(server, given, rng, challenges)
        (folder / "ids.txt").write_text("\n".join(map(str, rng.permutation(server.ids))))
        done = []
        with tqdm(total=kills, desc="kills", disable=not progress) as bar:
            while len(done) < kills or len(done) < 3 * kills and missed(done):
                # a kill that came late hit the next step, so some steps are aimed at again
                left = missed(done) if len(done) >= kills else steps
                target = left[len(done) % len(left)]
                killed = _kill(server, folder, spacing_s, target, rng)
                if killed:
                    done.append(killed | _state_of(folder, server))
                    bar.update()
                elif _here(folder) >= set(map(str, given)):
                    break  # nothing is left to kill it at
        plain = [
            _kill_unaware(server, folder, spacing_s, rng) | _state_of(folder, server)
            for _ in range(unaware)
        ]
        runs = _finish(server, folder, spacing_s, set(map(str, given)))
        found = _state_of(folder, server)
        lines = (folder / "ledger" / "metadata.jsonl").read_text("utf-8").splitlines()
        ids = Counter(json.loads(line)["photo_id"] for line in lines)
        images = {p.name for p in (folder / "ledger" / "images").iterdir()}
        named = {json.loads(line)["file_name"].removeprefix("images/") for line in lines}
        by_step = Counter(kill["step"] for kill in done)
        return {
            "photos_to_give": len(given),
            "photos_there_once": sum(ids[str(k)] == 1 for k in given),
            "photos_doubled": sum(count > 1 for count in ids.values()),
            "photos_unexpected": sorted(set(ids) - set(map(str, given))),
            "hashes_right": found["hashes_right"],
            "files_without_row": sorted(images - named),
            "kills": len(done),
            "kills_by_step": {step: by_step[step] for step in ("starting", *STEPS)},
            "steps_covered": all(by_step[step] for step in steps),
            "whole_after_every_kill": all(k["rows"] == k["hashes_right"] for k in done + plain),
            "runs_to_finish": runs,
            "set_spacing_s": spacing_s,
            "closest_spacing_s": round(server.closest_s(), 4),
            "requests": len(server.log),
            "forbidden_asked": sum(path.startswith(FORBIDDEN) for path in server.paths()),
            "faults_planned": planned,
            "faults_met": dict(Counter(asked.fault for asked in server.log if asked.fault)),
            "kills_at_any_second": sum(kill["killed"] for kill in plain),
            "each_kill": done,
            "each_kill_at_any_second": plain,
        }


def _plan_faults(
    server: PhotoServer, given: list[int], rng: np.random.Generator, challenges: int
) -> int:
    """Every photo's page and picture fail up to twice; all kinds of faults occur if they can."""
    kinds = [str(fault) for fault in rng.permutation(FAULTS)]
    paths = [path for k in given for path in (server.page_path(k), server.facts[k].picture_path)]
    for number, path in enumerate(rng.permutation(paths)):
        count = int(rng.integers(0, 3)) if number >= len(kinds) else 1
        drawn = [kinds[number]] if number < len(kinds) else rng.choice(FAULTS, count).tolist()
        server.faults[str(path)] = drawn
    for path in rng.choice(paths, challenges, replace=False):
        server.faults[str(path)].append("challenge")
    # and once it redirects where none may go
    tempting = server.page_path(server.ids[-2])
    server.faults[tempting] = ["redirect"]
    server.moved[tempting] = "/gallery.php?min=1"
    return sum(map(len, server.faults.values()))


def _command(server: PhotoServer, folder: Path, spacing_s: float) -> list[str]:
    words = ["collect", "live", str(folder / "ids.txt"), "--site", server.url, "--quiet"]
    words += ["--permission", "A. Example, letter of 2026-03-01", "--contact", "test@example.org"]
    return [*words, "--spacing", str(spacing_s), "--out", str(folder / "ledger")]


def _start(folder: Path, words: list[str]) -> subprocess.Popen:
    known = os.environ | {"MINERAL_CACHE": str(folder), "OMP_NUM_THREADS": "1"}
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, env=known, **quiet)


def _kill(
    server: PhotoServer, folder: Path, spacing_s: float, target: str, rng: np.random.Generator
) -> dict | None:
    """One run, killed at a random instant after a step was entered; None where it ended before."""
    state = State(str(folder / "state"), create=True)
    words = ["-m", "tests.bench.collect_victim", str(folder / "state"), str(PAUSE_S)]
    begun = time.monotonic()
    process = _start(folder, words + _command(server, folder, spacing_s))
    k, entry = STEPS.index(target), int(rng.integers(1, 3))
    later = float(rng.uniform(0, PAUSE_S))
    while process.poll() is None and state.read()[1][k] < entry:
        time.sleep(0.001)
    time.sleep(later)
    ended, delay = process.poll() is not None, time.monotonic() - begun
    process.send_signal(signal.SIGKILL)
    _, errors = process.communicate()
    if ended or process.returncode != -signal.SIGKILL:
        if "Traceback" in errors:
            raise RuntimeError(errors)
        return None
    step = state.read()[0]
    name = STEPS[step] if step >= 0 else "starting"
    return {"delay_s": round(delay, 3), "aimed_at": target, "entry": entry, "step": name}


def _kill_unaware(
    server: PhotoServer, folder: Path, spacing_s: float, rng: np.random.Generator
) -> dict:
    """One run of the collector as it is, killed at a random instant, wherever that may be."""
    delay = float(rng.uniform(0.3, 12))
    process = _start(folder, ["-m", "mineral_utils", *_command(server, folder, spacing_s)])
    try:
        process.communicate(timeout=delay)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    return {"delay_s": round(delay, 3), "killed": process.returncode == -signal.SIGKILL}


def _finish(server: PhotoServer, folder: Path, spacing_s: float, given: set[str]) -> int:
    """Run undisturbed until a run ends of itself with all photos; how many that took."""
    for run in range(1, 12):
        words = ["-m", "mineral_utils", *_command(server, folder, spacing_s)]
        process = _start(folder, words)
        _, errors = process.communicate()
        if "Traceback" in errors:
            raise RuntimeError(errors)
        if "stopped:" not in errors and _here(folder) >= given:
            return run
    raise RuntimeError(f"the collector never came to an end: {errors}")


def _here(folder: Path) -> set[str]:
    if not (folder / "ledger" / "metadata.jsonl").exists():
        return set()
    return {row.photo_id for row in read_ledger(folder / "ledger", strict=True)}


def _state_of(folder: Path, server: PhotoServer) -> dict:
    """Rows of the ledger as a reader sees it now, and how many have the server's picture."""
    if not (folder / "ledger" / "metadata.jsonl").exists():
        return {"rows": 0, "hashes_right": 0}
    rows = read_ledger(folder / "ledger", strict=True, check_pictures=True)
    right = sum(row.sha256 == server.sha256(int(row.photo_id)) for row in rows)
    return {"rows": len(rows), "hashes_right": right}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.collect", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--spacing", type=float, default=0.25, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    found = measure(
        options.kills, options.photos, options.spacing, options.seed, unaware=options.kills // 2
    )
    made = record(seed=options.seed, settings=vars(options), device="cpu")
    write_json(OUT, {**found, "made": made})
    shown = {k: v for k, v in found.items() if not k.startswith("each_kill")}
    print(json.dumps(shown, indent=1))


if __name__ == "__main__":
    main()
