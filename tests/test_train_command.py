"""``python -m mineral_utils train``: what a configuration may say, and what a run leaves."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from mineral_utils.clip_lora import about_adapter
from mineral_utils.minerals import vocabulary
from mineral_utils.recipes import load_recipe
from mineral_utils.training import GROUND, command, section_examples

from .reference import one_thread  # noqa: F401
from .tiny_course import NAMES, PROFILE, TWO_PROCESSES, dataset

ROOT = Path(__file__).resolve().parents[1]
RECIPE = {"name": "one-hot", "batch": 3, "epochs": 2, "side": 32, "rate": 0.003}


def config(folder: Path, **changes) -> Path:
    """A configuration that runs, with some keys changed; None leaves a key out."""
    row = {
        "profile": str(PROFILE),
        "recipe": RECIPE,
        "dataset": str(folder / "set"),
        "out": str(folder / "out"),
        "device": "cpu",
    }
    row = {key: value for key, value in {**row, **changes}.items() if value is not None}
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(row), encoding="utf-8")
    return path


def test_a_run_leaves_adapter_curve_and_record(tmp_path, capsys):
    dataset(tmp_path / "set")
    (tmp_path / "set" / "train" / "2.png").write_bytes(b"no picture")
    assert command.run(config(tmp_path)) == 0
    out = tmp_path / "out"
    made = json.loads((out / "run.json").read_text())
    assert made["settings"]["recipe"]["batch"] == 3 and made["seed"] == 0
    assert made["settings"]["classes"] == sorted(NAMES) and made["settings"]["finished"]
    assert made["settings"]["last"]["step"] == 4 and made["settings"]["processes"] == 1
    assert made["settings"]["skipped"][0][0] == "2.png"
    assert made["inputs"][0]["name"] == "config.yaml"
    assert str(tmp_path) not in json.dumps(made)
    assert about_adapter(out / "adapter.safetensors")["steps"] == 4
    said = capsys.readouterr().out
    assert "skipped: 2.png: " in said and "1 of 6 photos could not be read" in said
    assert "6 photos, 4 steps, loss" in said
    assert json.loads((out / "curve.jsonl").read_text().splitlines()[-1])["step"] == 4

    first = (out / "last.pt").stat().st_mtime_ns
    assert command.run(config(tmp_path)) == 0  # finished already
    assert command.run(config(tmp_path, recipe={**RECIPE, "epochs": 3})) == 2
    assert "epochs: 2 there, 3 here" in capsys.readouterr().err
    assert command.run(config(tmp_path, recipe={**RECIPE, "epochs": 3}), fresh=True) == 0
    assert (out / "last.pt").stat().st_mtime_ns > first
    assert command.run(config(tmp_path), out=tmp_path / "elsewhere") == 0
    assert (tmp_path / "elsewhere" / "run.json").is_file()


def test_sections_are_drawn_once_with_ground_apart(tmp_path):
    folder = tmp_path / "sections"
    section_examples(4, folder, workers=1, progress=False)
    stamp = (folder / "images.npy").stat().st_mtime_ns
    some = section_examples(4, folder, progress=False)
    assert (folder / "images.npy").stat().st_mtime_ns == stamp
    assert some.names == vocabulary().paper_names and some.labels.any()
    assert some.picture(3).shape == (336, 448, 3)
    found = np.unique(np.concatenate([some.truth(k).ravel() for k in range(4)]))
    assert GROUND in found and found[found < GROUND].max() < 20 and 255 not in found
    known = [some.names[k] for k in found[found < GROUND]]
    few = section_examples(4, folder, names=known[:1], progress=False)
    of_few = np.concatenate([few.truth(k).ravel() for k in range(4)])
    assert set(np.unique(of_few)) == {0, GROUND, 255}  # another mineral is not ground
    with pytest.raises(ValueError, match="holds 4 sections from 0, not 5 from 0"):
        section_examples(5, folder, progress=False)


@pytest.mark.slow
def test_the_command_line_in_two_processes(tmp_path):
    """One process draws the sections and writes; the other waits for them."""
    path = config(tmp_path, dataset=None, sections={"count": 4, "workers": 1})
    done = subprocess.run(
        [*TWO_PROCESSES, "mineral_utils", "train", str(path)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("4 photos, 2 steps") == 1
    made = json.loads((tmp_path / "out" / "run.json").read_text())
    assert made["settings"]["processes"] == 2
    assert made["settings"]["examples"].startswith("digital sections 0 to 3")


def test_an_interrupted_run_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    dataset(tmp_path / "set")
    step = torch.optim.AdamW.step

    def interrupted(self, *args, **kwargs):
        os.kill(os.getpid(), 2)
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", interrupted)
        assert command.run(config(tmp_path)) == 1
    assert "the same command goes on" in capsys.readouterr().err
    assert not json.loads((tmp_path / "out" / "run.json").read_text())["settings"]["finished"]
    assert command.run(config(tmp_path)) == 0


def test_sources_are_joined_under_the_papers_names(tmp_path):
    dataset(tmp_path / "set")
    path = config(tmp_path, sections={"count": 2, "workers": 1}, names=["pyrite", "галенит"])
    chosen = command.read_config(path)
    some = command.gather_examples(chosen, progress=False)
    assert some.names == ("Pyrite", "Galena") and len(some) == 8
    assert some.note.startswith("digital sections") and some.note.endswith("dataset set, train")
    assert (some.truth(5) == 255).all()
    everything = command.read_config(config(tmp_path, sections={"count": 2, "workers": 1}))
    assert command.gather_examples(everything, progress=False).names == vocabulary().paper_names


def test_recipes_by_name_by_table_and_by_file(tmp_path):
    assert command.read_config(config(tmp_path, recipe="sets")).recipe == load_recipe("sets")
    assert command.read_config(config(tmp_path, recipe=None)).recipe == load_recipe("one-hot")
    (tmp_path / "mine.yaml").write_text("batch: 7\n")
    chosen = command.read_config(config(tmp_path, recipe=str(tmp_path / "mine.yaml")))
    assert chosen.recipe.batch == 7 and chosen.recipe.name == "mine"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recipee": "one-hot"}, "has no 'recipee'; did you mean recipe"),
        ({"recipe": "dense"}, "no recipe 'dense'; there are"),
        ({"recipe": {"epochs": 3}}, "recipe: {'epochs': 3} names none; write recipe: dense-small"),
        ({"recipe": {"name": "one-hot", "epoch": 3}}, "did you mean epochs"),
        ({"profile": "demmo"}, "no profile 'demmo'; shipped are demo, paper"),
        ({"dataset": None}, "names no photos to tune on; write one of sections"),
        ({"dataset": {"side": "train"}}, "names no folder; write {folder: …}"),
        ({"dataset": {"folder": "x", "sides": "train"}}, "did you mean side"),
        ({"sections": 100}, "sections: 100 names no count; write {count: …}"),
        ({"sections": {"count": "many"}}, "sections, count: 'many' is not a whole number"),
        ({"sections": {"count": 0}}, "count: 0 is too small"),
        ({"lumenstone": {"sets": "S1"}}, "lumenstone, sets: 'S1' is not a list"),
        ({"names": "pyrite"}, "names: 'pyrite' is no list; write [pyrite, galena]"),
        ({"names": ["pyrit"]}, "did you mean Pyrite"),
        ({"out": None}, "names no folder; write out: runs/tuned, or say --out FOLDER"),
        ({"device": "gpu"}, "is no device"),
        ({"device": ["cpu"]}, "device: ['cpu'] is no text; write device: auto"),
        ({"out": 5}, "out: 5 is no text; write out: runs/tuned"),
        ({"profile": ["demo"]}, "profile: ['demo'] is no text; write profile: demo"),
        ({"recipe": {"name": ["one-hot"]}}, "names none; write recipe: dense-small"),
        ({"recipe": {"name": "one-hot", "batch": 2.5}}, "batch is 2.5; write a whole number"),
        ({"lumenstone": {"sets": []}}, "lumenstone, sets: [] names none; write [S1]"),
        ({"lumenstone": {"sets": [["S1"]]}}, "sets: [['S1']] names none; write [S1]"),
        ({"sections": {"count": 2, "folder": __file__}}, "cannot hold drawn sections"),
        ({}, "no side 'train'"),
    ],
)
def test_what_is_wrong_is_explained(tmp_path, capsys, changes, words):
    (tmp_path / "set").mkdir()
    assert command.run(config(tmp_path, **changes)) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and words in said.replace(str(tmp_path), "")
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_configuration(tmp_path, capsys):
    assert command.run(tmp_path / "none.yaml") == 2
    assert "there is no file" in capsys.readouterr().err
    for text, words in (("a: [", "is no YAML"), ("- 1", "holds no table of keys")):
        (tmp_path / "bad.yaml").write_text(text)
        assert command.run(tmp_path / "bad.yaml") == 2
        assert words in capsys.readouterr().err


def test_an_interruption_before_the_first_step_is_no_traceback(tmp_path, capsys, monkeypatch):
    dataset(tmp_path / "set")

    def pressed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "gather_examples", pressed)
    assert command.run(config(tmp_path)) == 1
    assert capsys.readouterr().err == "interrupted; the same command goes on from there\n"


def test_a_pool_of_sections_that_cannot_be_is_explained(tmp_path, monkeypatch):
    folder = tmp_path / "pool"

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full, raising=False)
        with pytest.raises(OSError, match="cannot take 2 drawn sections, 1 MB of images .*lower"):
            section_examples(2, folder, workers=1, progress=False)
    assert not list(folder.glob("*.npy"))
    section_examples(2, folder, workers=1, progress=False)
    (folder / "labels.npy").write_bytes(b"short")
    with pytest.raises(ValueError, match="pool holds a damaged pool of sections.*remove it"):
        section_examples(2, folder, progress=False)


WAITING = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from mineral_utils.training.pool import _end_with_parent
pool = ProcessPoolExecutor(2, initializer=_end_with_parent)
list(pool.map(time.sleep, [0.2, 0.2]))
print(*pool._processes, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_workers_end_with_a_parent_that_is_killed():
    with subprocess.Popen([sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE) as one:
        workers = [int(word) for word in one.stdout.readline().split()]
        one.kill()
        # the pipe is the workers' too: it ends when the last of them does
        ended, _, _ = select.select([one.stdout], [], [], 60)
        for worker in workers if not ended else ():
            os.kill(worker, signal.SIGKILL)
        assert len(workers) == 2 and ended


def test_a_run_that_cannot_go_on_is_no_wrong_use(tmp_path, capsys, monkeypatch):
    dataset(tmp_path / "set")

    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("mineral_utils.training.Teacher.teach", full)
    assert command.run(config(tmp_path)) == 1
    assert "lower `micro`" in capsys.readouterr().err
