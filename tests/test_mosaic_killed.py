"""A mosaic whose program is killed again and again ends as one that was left alone.

``python -m tests.test_mosaic_killed FOLDER`` is the victim: it forks a child a life, and each child
is killed by SIGKILL as it writes its fourth line into the journal (before the line, or with half of
it written), or its third tile of labels.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

ROOT = Path(__file__).resolve().parents[1]
NAMES = ["pyrite", "galena", "quartz"]
LINES, TILES = 4, 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the victim forks its lives")
def test_killed_again_and_again_it_ends_as_if_left_alone(tmp_path):
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "tests.test_mosaic_killed", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["killed"] >= 6
    # dying as a line is written costs one piece a life; each life does three
    assert told["looked"] <= told["pieces"] + 3 * told["killed"]

    calm, killed = tmp_path / "calm", tmp_path / "killed"
    for name in ("encoded/features.npy", "encoded/picture.npy", "labels.tif"):
        assert (killed / name).read_bytes() == (calm / name).read_bytes(), name
    assert len(np.unique(tifffile.imread(killed / "labels.tif"))) > 1
    one, two = (json.loads((f / "labels.json").read_text("utf-8")) for f in (calm, killed))
    assert one["table"] == two["table"]
    left = sorted(p.relative_to(killed).as_posix() for p in killed.rglob("*") if p.is_file())
    assert left == sorted(p.relative_to(calm).as_posix() for p in calm.rglob("*") if p.is_file())


# ---- the victim --------------------------------------------------------------------------------


def main(folder: Path) -> None:
    import torch

    from mineral_utils.mosaic import encode_mosaic
    from mineral_utils.segmenter import load_model
    from tests.drawing import draw_grains

    torch.set_num_threads(1)
    model = load_model(ROOT / "tests" / "data" / "small.yaml")
    image = draw_grains(size=(700, 900))[0]
    tifffile.imwrite(folder / "section.tif", image, tile=(128, 128), photometric="rgb")

    def life(out: Path) -> None:
        mosaic = encode_mosaic(
            model, folder / "section.tif", out, scale=0.5, tile=128, progress=False
        )
        mosaic.segment(NAMES, tile=256, overview=False, progress=False)

    life(folder / "calm")
    deaths, looked = 0, folder / "looked"
    while True:
        child = os.fork()
        if child == 0:
            doom(deaths, looked)
            life(folder / "killed")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        deaths += 1
        if os.WTERMSIG(status) != signal.SIGKILL or deaths > 60:
            sys.exit("a life ended otherwise, or none came to an end")
    if os.WEXITSTATUS(status):
        sys.exit("a life ended in an error")
    journal = (folder / "calm" / "encoded" / "journal.jsonl").read_text("utf-8")
    pieces = sum('"unit": "spliced' in line or "views/" in line for line in journal.splitlines())
    told = {"killed": deaths, "pieces": pieces, "looked": len(looked.read_text("utf-8"))}
    print(json.dumps(told))


def doom(life: int, looked: Path) -> None:
    """Make this process kill itself, and count what it looks at."""
    from mineral_utils.mosaic import answer, encoding, store

    append, label, seen = store.Store.append, answer.label_pixels, {"lines": 0, "tiles": 0}

    def dying_append(self, line):
        seen["lines"] += 1
        if seen["lines"] == LINES:
            if life % 2:  # torn in the middle
                with open(self.folder / store.JOURNAL, "ab") as file:
                    file.write(json.dumps(line).encode()[:9])
                    file.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, line)

    def dying_labels(*args):
        seen["tiles"] += 1
        if seen["tiles"] == TILES and not (looked.parent / "labelled").exists():
            (looked.parent / "labelled").touch()  # only once: labels begin at the top again
            os.kill(os.getpid(), signal.SIGKILL)
        return label(*args)

    def counted(work):
        def call(*args, **options):
            with open(looked, "a", encoding="utf-8") as file:
                file.write(".")
            return work(*args, **options)

        return call

    store.Store.append, answer.label_pixels = dying_append, dying_labels
    encoding.window_features, encoding.look = (
        counted(encoding.window_features),
        counted(encoding.look),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
