"""``make demo`` on a folder of small lessons: order, parameters, numbers, failures, interpreter."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from mineral_utils.demo import (
    LessonError,
    declared_parameters,
    execute_lesson,
    find_lessons,
    run_demo,
)

ROOT = Path(__file__).resolve().parents[1]

REPORTS = """\
import json, os, sys
from pathlib import Path
Path(OUT_DIR, "seen.json").write_text(json.dumps([PROFILE, sys.executable, os.getcwd()]))
Path(OUT_DIR, "metrics.json").write_text(json.dumps({"miou": 0.123456, "n": 3, "note": "x"}))
"""


def _write(path, parameters, code):
    cells = [new_code_cell(parameters, metadata={"tags": ["parameters"]}), new_code_cell(code)]
    notebook = new_notebook(cells=cells)
    # a kernel that no machine has: the demo must not ask for it
    notebook.metadata.kernelspec = {"name": "elsewhere", "display_name": "-", "language": "python"}
    nbformat.write(notebook, path)
    return path


def test_lessons_run_in_order_and_a_failure_does_not_stop_the_rest(tmp_path, capsys):
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    _write(notebooks / "02_reports.ipynb", 'PROFILE = "paper"\nOUT_DIR = ""', REPORTS)
    _write(notebooks / "01_fails.ipynb", 'NAME = "galena"', "raise KeyError(NAME)")
    _write(notebooks / "draft.ipynb", "A = 1", "1 / 0")
    old = tmp_path / "runs" / "demo" / "01_fails"
    old.mkdir(parents=True)
    (old / "metrics.json").write_text('{"miou": 0.99}')

    failed = run_demo(notebooks_dir=notebooks, runs_dir=tmp_path / "runs")

    printed = capsys.readouterr().out
    assert failed == 1
    assert (
        "01_fails.ipynb, cell In [2] raised KeyError: 'galena'\n    raise KeyError(NAME)" in printed
    )
    table = printed[printed.index("lesson ") :].splitlines()
    assert [line.split()[0] for line in table[2:4]] == ["01_fails", "02_reports"]
    assert table[2].split()[2:] == ["FAILED", "-"], "numbers of an earlier run must not show"
    assert table[3].split()[2:] == ["ok", "miou", "0.1235"]
    assert table[4].split() == ["n", "3"]
    assert table[5].endswith("1 of 2 failed")

    run = tmp_path / "runs" / "demo" / "02_reports"
    seen = json.loads((run / "seen.json").read_text())
    assert seen == ["demo", sys.executable, str(notebooks)]
    assert (run / "02_reports.ipynb").is_file()


def test_only_named_lessons_run(tmp_path, capsys):
    _write(tmp_path / "00_a.ipynb", "A = 1", "A")
    _write(tmp_path / "01_b.ipynb", "A = 1", "1 / 0")
    assert run_demo(["00"], notebooks_dir=tmp_path, runs_dir=tmp_path / "runs") == 0
    assert "all 1 ran" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="No lesson is called '07'; there are 00_a, 01_b"):
        run_demo(["07"], notebooks_dir=tmp_path)


def test_an_undeclared_parameter_is_refused_before_the_kernel_starts(tmp_path):
    lesson = _write(tmp_path / "00_a.ipynb", "SEED: int = 1  # any\nSTEPS = 3", "SEED")
    assert declared_parameters(lesson) == ("SEED", "STEPS")
    with pytest.raises(ValueError, match="has no parameter SED; .* sets SEED, STEPS"):
        execute_lesson(lesson, tmp_path / "out.ipynb", {"SED": 2})
    assert not (tmp_path / "out.ipynb").exists()


def test_a_cell_that_takes_too_long_is_stopped(tmp_path):
    lesson = _write(tmp_path / "00_a.ipynb", "A = 1", "import time; time.sleep(60)")
    with pytest.raises(LessonError, match="a cell took over 1 s"):
        execute_lesson(lesson, tmp_path / "out.ipynb", cell_timeout_s=1)


def test_a_folder_without_lessons_is_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="holds no lesson named NN_name.ipynb"):
        find_lessons(tmp_path)


# ---- without a network -----------------------------------------------------------------------

CUT_OFF = ["unshare", "--net", "--map-root-user", "sh", "-c"]
LOOPBACK = "ip link set lo up && exec "
REACH_OUT = """
import socket
try:
    socket.create_connection(("192.0.2.1", 80), timeout=2)
except OSError as error:
    print(error.strerror)
"""
ONE_PHOTO = """
import mineral_utils as mu
scene = mu.load_model("demo", device="cpu").encode(mu.example_photo(), progress=False)
fine = scene.segment(["pyrite", "galena"], refine=True, progress=False)
print(fine.labels.shape, fine.labels.max())
"""


def _cut_off(command: list[str], **options) -> subprocess.CompletedProcess:
    """A command in a network namespace of its own, where only loopback is up."""
    line = LOOPBACK + shlex.join([sys.executable, *command])
    clean = {k: v for k, v in os.environ.items() if k not in ("LUMENSTONE_DIR", "MINERAL_OFFLINE")}
    return subprocess.run(
        [*CUT_OFF, line], cwd=ROOT, env=clean, capture_output=True, text=True, **options
    )


@pytest.fixture(scope="module")
def cut_off():
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("needs the Linux tools unshare and ip")
    tried = _cut_off(["-c", REACH_OUT], timeout=60)
    if tried.returncode:
        pytest.skip(f"no network namespace can be made here: {tried.stderr.strip()[:120]}")
    assert "unreachable" in tried.stdout, "the namespace must have no way out"
    return _cut_off


def test_the_demo_models_need_no_network(cut_off):
    done = cut_off(["-c", ONE_PHOTO], timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split("\n")[0].startswith("(336, 448)")


@pytest.mark.slow
def test_all_lessons_run_without_a_network(cut_off, tmp_path):
    run = f"assert not run_demo(runs_dir={str(tmp_path)!r})"
    code = f"from mineral_utils.demo import run_demo; {run}"
    done = cut_off(["-c", code], timeout=1800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert " ran" in done.stdout.splitlines()[-1]
