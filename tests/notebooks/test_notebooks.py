"""Lessons find the numbers that their specs expect, and the harness sees it when they do not."""

from __future__ import annotations

import json
import math
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from .harness import NOTEBOOKS, SPECS, Spec, SpecError, compare, load_spec, run_spec

SPEC_FILES = sorted(SPECS.glob("*.yaml"))


def _cases() -> list:
    cases = []
    for path in SPEC_FILES:
        slow = load_spec(path).slow
        cases.append(pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if slow else []))
    return cases


@pytest.mark.parametrize("path", _cases())
def test_lesson(path, tmp_path):
    result = run_spec(load_spec(path), tmp_path)
    print(f"{path.stem}: {result['seconds']:.0f} s; also wrote {result['additional']}")
    assert not result["differences"], "\n".join(result["differences"])


def test_every_lesson_has_a_spec():
    lessons = {path.stem for path in NOTEBOOKS.glob("*.ipynb")}
    assert lessons == {path.stem for path in SPEC_FILES}
    assert all(load_spec(path).notebook.stem == path.stem for path in SPEC_FILES)


# ---- the harness itself, on lessons of three cells -------------------------------------------

EXPECTED = {"half": {"value": 0.5, "tol": 0.01}}


def _lesson(folder: Path, *last_cells, name: str = "00_tiny.ipynb") -> Path:
    """A lesson that writes half = NUMERATOR / 2 to its metrics.json, then does what is asked."""
    metrics = '{"half": NUMERATOR / 2, "extra": 1, "label": "x"}'
    cells = [
        new_code_cell('NUMERATOR = 1.0\nOUT_DIR = ""', metadata={"tags": ["parameters"]}),
        new_code_cell("import json, os, sys\nfrom pathlib import Path"),
        new_code_cell(f"(Path(OUT_DIR) / 'metrics.json').write_text(json.dumps({metrics}))"),
        *last_cells,
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    folder.mkdir(exist_ok=True)
    nbformat.write(notebook, folder / name)
    return folder / name


def _spec(lesson: Path, **changes) -> Spec:
    return Spec(**{"notebook": lesson, "timeout_s": 60, "metrics": EXPECTED} | changes)


def test_a_right_number_is_green_and_a_wrong_one_red(tmp_path):
    lesson = _lesson(tmp_path / "notebooks")
    right = run_spec(_spec(lesson), tmp_path / "right")
    assert right["differences"] == []
    assert right["metrics"]["half"] == 0.5
    assert right["additional"] == ["extra", "label"]
    assert (tmp_path / "right" / "demo" / "00_tiny" / "00_tiny.ipynb").is_file()

    wrong = run_spec(_spec(lesson, parameters={"NUMERATOR": 1.2}), tmp_path / "wrong")
    assert wrong["differences"] == ["half is 0.6, expected 0.5 within 0.01 (off by +0.1)"]


def test_a_raising_cell_is_red_and_shown(tmp_path):
    bad_cell = new_code_cell("share = 1 - 1\nprint(1 / share)")
    result = run_spec(_spec(_lesson(tmp_path / "n", bad_cell)), tmp_path / "out")
    (difference,) = result["differences"]
    assert "00_tiny.ipynb, cell In [5] raised ZeroDivisionError: division by zero" in difference
    assert "    print(1 / share)" in difference


def test_lessons_run_sealed_off_and_must_not_litter(tmp_path, monkeypatch):
    monkeypatch.setenv("LUMENSTONE_DIR", str(tmp_path))
    monkeypatch.setenv("GOLDEN_DIR", str(tmp_path))
    asks = "assert not {'LUMENSTONE_DIR', 'GOLDEN_DIR'} & set(os.environ)\n"
    asks += "import requests\n"
    asks += "try:\n    requests.get('https://example.org', timeout=2)\n"
    asks += "except requests.exceptions.ProxyError:\n    pass\n"
    asks += "else:\n    raise AssertionError('the network answered')\n"
    asks += "Path('litter.txt').write_text('x')"
    result = run_spec(_spec(_lesson(tmp_path / "n", new_code_cell(asks))), tmp_path / "out")
    assert result["differences"] == ["wrote litter.txt where it was started, not under OUT_DIR"]


def _checked_cell(stored: str):
    """A cell that prints half, with a stored output that nbval compares."""
    output = new_output("stream", text=stored)
    tags = {"tags": ["nbval-check-output"]}
    source = "print(NUMERATOR / 2)"
    return new_code_cell(source, execution_count=4, outputs=[output], metadata=tags)


def test_nbval_runs_once_and_compares_outputs_and_metrics(tmp_path):
    lesson = _lesson(tmp_path / "n", _checked_cell("0.5\n"))
    assert run_spec(_spec(lesson, nbval=True), tmp_path / "right")["differences"] == []

    both = run_spec(_spec(lesson, nbval=True, parameters={"NUMERATOR": 3.0}), tmp_path / "wrong")
    outputs, number = both["differences"]
    assert "print(NUMERATOR / 2)" in outputs and "1.5" in outputs
    assert number == "half is 1.5, expected 0.5 within 0.01 (off by +1)"


def test_nbval_without_a_cell_to_compare_is_red(tmp_path):
    result = run_spec(_spec(_lesson(tmp_path / "n"), nbval=True), tmp_path / "out")
    assert "no cell tagged nbval-check-output" in result["differences"][0]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ({}, "half is missing; metrics.json holds nothing"),
        ({"haf": 0.5}, "half is missing; metrics.json holds haf"),
        ({"half": math.nan}, "half is nan, expected a finite number"),
        ({"half": math.inf}, "half is inf, expected a finite number"),
        ({"half": None}, "half is None, expected a finite number"),
        ({"half": "0.5"}, "half is '0.5', expected a finite number"),
        ({"half": 0.48}, "half is 0.48, expected 0.5 within 0.01 (off by -0.02)"),
    ],
)
def test_compare_says_what_differs(found, words):
    assert compare(json.loads(json.dumps(found)), EXPECTED) == [words]


def test_compare_keeps_to_bounds():
    bounds = {"n": {"min": 3, "max": 5}}
    assert [compare({"n": n}, bounds) for n in (3, 5)] == [[], []]
    assert compare({"n": 2}, bounds) == ["n is 2, expected at least 3"]
    assert compare({"n": 6}, bounds) == ["n is 6, expected at most 5"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notebook: a.ipynb\ntimeout_s: 5\nmetrics: {}", "expects no metric"),
        ("notebook: a.ipynb\ntimeout_s: 5\nmetrics: {x: {value: 1}}", "use value and tol"),
        ("notebook: a.ipynb\ntimeout_s: 5\nmetrics: {x: {value: a, tol: 0}}", "no numbers"),
        ("notebook: a.ipynb\ntimeout_s: 5\nmetrics: {x: {value: .5, tol: .04}}", "at most 0.03"),
        (
            "notebook: a.ipynb\ntimeout_s: 5\nmetrics: {x: {value: .5, tol: .02, sd: .001}}",
            "at most 0.003",
        ),
        ("notebook: b.ipynb\ntimeout_s: 5\nmetrics: {x: {min: 1}}", "names b.ipynb"),
        ("notebook: a.ipynb\ntimeout: 5\nmetrics: {x: {min: 1}}", "unknown keys ['timeout']"),
        ("- a.ipynb", "must hold keys and values"),
    ],
)
def test_specs_that_could_not_fail_are_refused(text, words, tmp_path):
    (tmp_path / "a.ipynb").write_text("{}")
    (tmp_path / "spec.yaml").write_text(text)
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "spec.yaml", notebooks_dir=tmp_path)
    assert words in str(caught.value)
