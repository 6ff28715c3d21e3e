"""Seeds, devices, run records, metrics files and the report."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import torch

import mineral_utils
from mineral_utils import run, weights
from mineral_utils.profiles import load_preset
from mineral_utils.run import device, ground

# ---- seed and device -------------------------------------------------------------------------


def _draws() -> tuple:
    return random.random(), float(np.random.rand()), float(torch.rand(1))


def test_same_seed_same_numbers():
    run.set_seed(7)
    first = _draws()
    run.set_seed(np.int64(7))
    assert _draws() == first
    run.set_seed(8)
    assert all(a != b for a, b in zip(_draws(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, "0", True])
def test_seed_must_be_whole_and_in_range(seed):
    with pytest.raises(ValueError, match=f"{re.escape(repr(seed))}.*whole number from 0"):
        run.set_seed(seed)


def test_auto_takes_a_working_gpu_else_the_cpu(monkeypatch):
    works = []
    monkeypatch.setattr(device, "_trouble", lambda d: "" if d.type in works else "no")
    assert run.pick_device() == torch.device("cpu")
    works.append("mps")
    assert run.pick_device("auto") == torch.device("cpu"), "mps only when asked for by name"
    assert run.pick_device("mps") == torch.device("mps")
    works.append("cuda")
    assert run.pick_device("auto") == torch.device("cuda")


def test_a_gpu_that_torch_sees_and_cannot_use_is_not_picked(monkeypatch):
    def broken(*args, device, **kwargs):
        raise RuntimeError("CUDA driver version is insufficient\nlong trace")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "zeros", broken)
    assert run.pick_device("auto") == torch.device("cpu")
    with pytest.raises(RuntimeError, match=r"cuda.*\(CUDA driver version is insufficient\).*cpu"):
        run.pick_device("cuda")


def test_absent_or_unknown_device_says_what_to_do(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(RuntimeError, match='device="cuda:1".*no CUDA GPU.*device="auto"'):
        run.pick_device("cuda:1")
    with pytest.raises(ValueError, match="'gpu' is no device.*auto"):
        run.pick_device("gpu")


# ---- files -----------------------------------------------------------------------------------


def test_json_holds_numpy_and_torch_and_has_null_for_nan(tmp_path):
    path = tmp_path / "new" / "x.json"
    given = {
        "name": "пирит",
        3: np.float32(0.5),
        "n": np.int64(4),
        "yes": np.bool_(True),
        "array": np.array([[1.0, np.nan], [np.inf, 4.0]]),
        "tensor": torch.tensor([1, 2]),
        "names": {"b", "a"},
        "nested": [(float("nan"),), Path("a/b.png")],
    }
    run.write_json(path, given)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "name": "пирит",
        "3": 0.5,
        "n": 4,
        "yes": True,
        "array": [[1.0, None], [None, 4.0]],
        "tensor": [1, 2],
        "names": ["a", "b"],
        "nested": [[None], "a/b.png"],
    }
    assert "пирит" in path.read_text(encoding="utf-8"), "people read these files"


def test_what_json_cannot_hold_is_named_and_the_old_file_stays(tmp_path):
    path = tmp_path / "x.json"
    run.write_json(path, {"a": 1})
    with pytest.raises(TypeError, match=r"\['rows'\]\[1\]\['f'\] is a function"):
        run.write_json(path, {"rows": [{}, {"f": lambda: 0}]})
    assert json.loads(path.read_text()) == {"a": 1}
    assert os.listdir(tmp_path) == ["x.json"]


def test_replacing_leaves_no_half_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")
    with pytest.raises(KeyError), run.replacing(path) as aside:
        assert aside.parent == tmp_path and aside.suffix == ".txt"
        aside.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    with run.replacing(path) as aside:
        aside.write_text("new")
    assert path.read_text() == "new"
    assert os.listdir(tmp_path) == ["x.txt"]


# ---- the run record --------------------------------------------------------------------------


def test_record_says_what_made_it(tmp_path):
    photo = tmp_path / "section.png"
    photo.write_bytes(b"pixels")
    before = datetime.now(UTC).replace(microsecond=0)
    made = run.record(settings={"beta": np.float32(0.5)}, inputs=photo, seed=np.int64(3))
    assert made == json.loads(json.dumps(made))
    assert made["package"] == {"name": "mineral_utils", "version": mineral_utils.__version__}
    assert made["libraries"]["numpy"] == np.__version__
    assert made["libraries"]["torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert made["python"] == sys.version.split()[0]
    assert made["cpu"] and made["platform"] and made["cores"] >= 1
    assert made["device"].startswith(("cpu", "cuda"))
    assert before <= datetime.fromisoformat(made["time_utc"]) <= datetime.now(UTC)
    digest = hashlib.sha256(b"pixels").hexdigest()
    assert made["inputs"] == [{"name": "section.png", "sha256": digest}]
    assert (made["settings"], made["seed"]) == ({"beta": 0.5}, 3)


def test_record_tells_no_folder_of_this_machine(tmp_path):
    photo = tmp_path / "section.png"
    photo.write_bytes(b"")
    settings = {"out": str(tmp_path / "runs"), "photos": [photo], "config": "configs/a.yaml"}
    made = run.record(settings=settings, inputs=[photo])
    expected = {"out": "runs", "photos": ["section.png"], "config": "configs/a.yaml"}
    assert made["settings"] == expected
    assert str(tmp_path) not in json.dumps(made) and str(Path.home()) not in json.dumps(made)


def test_record_takes_a_preset_as_it_is():
    preset = load_preset("w224")
    recorded = run.record(settings={"preset": preset})["settings"]["preset"]
    assert (recorded["name"], recorded["crop"]) == ("w224", preset.crop)


def test_record_of_a_missing_input_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="^gone.png is not a file"):
        run.record(inputs=[tmp_path / "gone.png"])


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout of its own, with ``run`` believing that the package lies there."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").write_text("1\n")
    monkeypatch.setattr(ground, "PACKAGE", package)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))

    def git(*words: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(
            ["git", *who, *words], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    return package, git


def test_git_commit_and_whether_the_package_differs_from_it(checkout):
    package, git = checkout
    assert run.record()["git"] is None, "no checkout"
    git("init")
    assert run.record()["git"] is None, "a checkout that does not hold this file"
    git("add", ".")
    assert run.record()["git"] == {"commit": None, "dirty": True}, "nothing committed yet"
    git("commit", "-m", "first")
    clean = {"commit": git("rev-parse", "HEAD"), "dirty": False}
    assert run.record()["git"] == clean
    (package.parent / "figure.png").write_text("drawn")
    assert run.record()["git"] == clean, "only the package's own folder counts"
    (package / "__init__.py").write_text("2\n")
    assert run.record()["git"] == {**clean, "dirty": True}


def test_no_git_no_crash(checkout, monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert run.record()["git"] is None


# ---- a run -----------------------------------------------------------------------------------


def test_run_writes_its_three_files(tmp_path):
    lesson = run.Run("demo", "07_evaluate", tmp_path)
    lesson.log("iou", np.float32(0.5), set="digital", mineral="pyrite", lo=0.25, hi=0.75, n=40)
    lesson.log("iou", float("nan"), set="digital", mineral="gold", refined=True, seed=1)
    lesson.headline("digital_miou_after", np.float64(0.5))
    lesson.headline("lumenstone_s1_miou_after", None)
    headlines = lesson.save(settings={"preset": "w224"}, test_looks=2, seed=1)

    folder = tmp_path / "demo" / "07_evaluate"
    assert sorted(os.listdir(folder)) == ["metrics.json", "metrics.jsonl", "run.json"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    columns = "set model recipe protocol preset refined metric mineral value lo hi n seed".split()
    assert [list(row) for row in rows] == [columns, columns]
    given = {"set": "digital", "metric": "iou", "mineral": "pyrite"}
    given |= {"value": 0.5, "lo": 0.25, "hi": 0.75, "n": 40}
    assert rows[0] == dict.fromkeys(columns) | given
    assert (rows[1]["value"], rows[1]["refined"], rows[1]["seed"]) == (None, True, 1)
    expected = {"digital_miou_after": 0.5, "lumenstone_s1_miou_after": None}
    assert headlines == json.loads((folder / "metrics.json").read_text()) == expected
    made = json.loads((folder / "run.json").read_text())
    assert (made["profile"], made["notebook"], made["test_looks"]) == ("demo", "07_evaluate", 2)
    assert (made["settings"], made["seed"]) == ({"preset": "w224"}, 1)


def test_a_profile_in_a_file_gives_the_run_its_name(tmp_path):
    for file in (tmp_path / "lab.v2.yaml", "own/lab.v2.yml", "lab.v2"):
        lesson = run.Run(str(file), "07", tmp_path)
        assert (lesson.profile, lesson.folder) == ("lab.v2", tmp_path / "lab.v2" / "07")


def test_a_number_logged_again_is_corrected_not_doubled(tmp_path):
    lesson = run.Run("demo", "07", tmp_path)
    for value in (0.1, 0.2):
        lesson.log("iou", value, mineral="pyrite", n=3)
        lesson.log("iou", value, mineral="galena")
    lesson.save()
    rows = map(json.loads, (lesson.folder / "metrics.jsonl").read_text().splitlines())
    assert [(row["mineral"], row["value"]) for row in rows] == [("pyrite", 0.2), ("galena", 0.2)]


def test_a_rerun_replaces(tmp_path):
    first = run.Run("demo", "07", tmp_path)
    first.log("iou", 0.1)
    first.headline("old", 1)
    first.save()
    again = run.Run("demo", "07", first.folder)  # the run's own folder does as well
    assert again.folder == first.folder
    again.headline("new", 2)
    again.save()
    assert (first.folder / "metrics.jsonl").read_text() == ""
    assert json.loads((first.folder / "metrics.json").read_text()) == {"new": 2}


def test_what_is_no_number_is_refused(tmp_path):
    lesson = run.Run("demo", "07", tmp_path)
    with pytest.raises(TypeError, match="value of metric 'iou' is '0.5'"):
        lesson.log("iou", "0.5")
    with pytest.raises(TypeError, match="headline 'best' is True"):
        lesson.headline("best", True)
    with pytest.raises(ValueError, match="'iou' runs from 0.9 to 0.1"):
        lesson.log("iou", 0.5, lo=0.9, hi=0.1)


# ---- the ground ------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home folder and no settings."""
    home = tmp_path / "ada"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("MINERAL_CACHE", "MINERAL_OFFLINE", "LUMENSTONE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MINERAL_CACHE", str(home / "cache" / "mineral_utils"))
    monkeypatch.setattr(ground, "_memory_gb", lambda: (4.0, 8.0))
    return home


def _report(capsys) -> list[str]:
    assert run.report() is None
    lines = capsys.readouterr().out.splitlines()
    assert all(re.match(r"\[(OK|--|FAIL)\] \S", line) for line in lines)
    return lines


def test_report_on_good_ground(home, capsys):
    lines = _report(capsys)
    text = "\n".join(lines)
    assert not any(line.startswith("[FAIL]") for line in lines)
    assert lines[0].startswith(f"[OK] mineral_utils {mineral_utils.__version__}, Python 3.")
    for name in ("torch", "open_clip_torch", "timm", "segment-anything"):
        assert f"[OK] {name} " in text
    assert "[OK] cache folder ~/cache/mineral_utils is writable" in lines
    assert "[OK] 4.0 of 8.0 GB memory free" in lines
    assert "[--] MINERAL_OFFLINE is not set" in text and "[--] LUMENSTONE_DIR is not set" in text
    assert str(home) not in text
    assert not (home / "cache").exists(), "looking makes no folders"


def test_report_of_what_is_set_and_what_is_wrong(home, capsys, monkeypatch):
    monkeypatch.setenv("MINERAL_OFFLINE", "1")
    monkeypatch.setenv("LUMENSTONE_DIR", str(home))
    lines = _report(capsys)
    assert "[OK] MINERAL_OFFLINE is set: nothing is downloaded" in lines
    assert "[OK] LUMENSTONE_DIR is set and its folder is there" in lines

    (home / "file").write_text("no folder")
    monkeypatch.setenv("MINERAL_CACHE", str(home / "file" / "cache"))
    monkeypatch.setenv("LUMENSTONE_DIR", str(home / "gone"))
    monkeypatch.setattr(ground, "_memory_gb", lambda: (0.5, 8.0))
    monkeypatch.setitem(sys.modules, "timm", None)  # importing it fails from now on
    failed = [line for line in _report(capsys) if line.startswith("[FAIL]")]
    assert [line.split()[1] for line in failed] == ["timm:", "0.5", "cache", "LUMENSTONE_DIR"]
    assert "make install" in failed[0] and "MINERAL_CACHE" in failed[2]
    assert str(home) not in "\n".join(failed)


def test_report_and_weights_agree_on_the_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("MINERAL_CACHE", raising=False)
    assert run.cache_dir() == Path(weights.cache_dir())
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path))
    assert run.cache_dir() == tmp_path == Path(weights.cache_dir())


@pytest.mark.parametrize(("value", "is_offline"), [("1", True), ("yes", True), ("0", False)])
def test_offline_is_anything_but_no(monkeypatch, value, is_offline):
    monkeypatch.setenv("MINERAL_OFFLINE", value)
    assert run.offline() is is_offline
    monkeypatch.delenv("MINERAL_OFFLINE")
    assert run.offline() is False


def test_environment_is_facts_for_a_machine_to_read(home):
    facts = run.environment()
    assert facts == json.loads(json.dumps(facts))
    assert facts["broken"] == {} and facts["memory_free_gb"] == 4.0
    assert (facts["cache"], facts["cache_writable"]) == ("~/cache/mineral_utils", True)
    assert (facts["offline"], facts["lumenstone"]) == (False, "not set")


def test_memory_is_what_the_machine_has():
    free, total = ground._memory_gb()
    assert 0 < free <= total < 1e5


def test_run_alone_loads_no_torch():
    code = "import sys, mineral_utils.run as r; r.record(); print('torch' in sys.modules)"
    root = Path(mineral_utils.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_freed_memory_goes_back_where_the_system_takes_it(monkeypatch):
    from mineral_utils.run import device

    calls = []
    monkeypatch.setattr(device, "_trimmer", lambda: calls.append)
    device.give_back_memory()
    assert calls == [0]
    monkeypatch.setattr(device, "_trimmer", lambda: None)
    device.give_back_memory()  # macOS, Windows, musl: nothing to do
    assert calls == [0]
    monkeypatch.undo()
    device._trimmer.cache_clear()
    monkeypatch.setattr(device.sys, "platform", "win32")
    assert device._trimmer() is None
    device._trimmer.cache_clear()
