"""Lessons as regression tests: run one by its spec, and say in words where its numbers differ.

A spec is a YAML file in ``specs/``, named as its lesson::

    notebook: 00_start_here.ipynb   # in notebooks/
    parameters: {N_PHOTOS: 2}       # fast values, of names that the lesson declares; may be empty
    timeout_s: 120                  # for the whole lesson
    nbval: true                     # also compare the outputs of cells tagged nbval-check-output
    slow: false                     # true: only in `make test-all`
    metrics:                        # numbers of the lesson's metrics.json
      digital_miou_after: {value: 0.61, tol: 0.02, sd: 0.008}   # sd: over five seeds
      n_regions: {min: 3, max: 40}

A tolerance is at most 0.03 (3 % for values over one), and three times ``sd`` where the lesson draws
random numbers. A lesson is run once: by nbval where its outputs are compared, else by papermill.
It runs in an empty folder, without outside data and without a way to the network, so that it
cannot lean on where it was started or on what lies on one machine.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mineral_utils.demo import LessonError, declared_parameters, execute_lesson

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NOTEBOOKS = ROOT / "notebooks"
SPECS = HERE / "specs"

MAX_TOLERANCE = 0.03
_ALLOWED_KEYS = {"notebook", "parameters", "timeout_s", "nbval", "slow", "metrics"}
_EXPECTATIONS = ({"value", "tol"}, {"value", "tol", "sd"}, {"min"}, {"max"}, {"min", "max"})


class SpecError(ValueError):
    """A spec that cannot be used; the message names the file and what is wrong with it."""


@dataclass(frozen=True)
class Spec:
    """What a lesson is run with and what it must find (see the module's text for the keys)."""

    notebook: Path
    timeout_s: float
    metrics: Mapping[str, Mapping[str, float]]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    nbval: bool = False
    slow: bool = False

    def __post_init__(self) -> None:
        name = self.notebook.name
        if not self.metrics:
            raise SpecError(f"The spec of {name} expects no metric, so it could not fail; add one.")
        for metric, expected in self.metrics.items():
            if set(expected) not in _EXPECTATIONS:
                raise SpecError(
                    f"The spec of {name} gives {metric} the keys {sorted(expected)}; use value and "
                    "tol (and sd), or min and/or max."
                )
            if not all(_is_number(number) for number in expected.values()):
                raise SpecError(f"The spec of {name} expects {metric} {dict(expected)}: no numbers")
            if "tol" in expected and not 0 <= expected["tol"] <= _widest_tolerance(expected):
                raise SpecError(
                    f"The spec of {name} lets {metric} differ by {expected['tol']:g}; at most "
                    f"{_widest_tolerance(expected):g} is allowed (0.03, and three times sd)."
                )


def load_spec(path: str | Path, notebooks_dir: str | Path = NOTEBOOKS) -> Spec:
    """Read and check a spec.

    Raises
    ------
    SpecError
        An unknown or missing key, a lesson that does not exist, an expectation that could not fail.
    """
    path = Path(path)
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise SpecError(f"{path.name} must hold keys and values; see tests/notebooks/harness.py.")
    unknown = set(content) - _ALLOWED_KEYS
    missing = {"notebook", "timeout_s", "metrics"} - set(content)
    if unknown or missing:
        raise SpecError(
            f"{path.name}: unknown keys {sorted(unknown)}, missing keys {sorted(missing)}; allowed "
            f"are {sorted(_ALLOWED_KEYS)}."
        )
    notebook = Path(notebooks_dir) / content.pop("notebook")
    if not notebook.is_file():
        raise SpecError(f"{path.name} names {notebook.name}, which is not in {notebook.parent}.")
    content["parameters"] = content.get("parameters") or {}
    return Spec(notebook=notebook, **content)


def run_spec(spec: Spec, out_dir: str | Path) -> dict[str, Any]:
    """Run a lesson as its spec says and compare its numbers.

    Parameters
    ----------
    spec : Spec
    out_dir : path
        A folder for the executed notebook, its ``metrics.json`` and the lesson's other files.

    Returns
    -------
    dict
        ``differences`` (list of str, empty when all is well), ``metrics`` (the lesson's headlines),
        ``additional`` (names it wrote that the spec does not mention), ``seconds``.
    """
    out_dir = Path(out_dir).resolve()
    start_dir = out_dir / "started_here"
    start_dir.mkdir(parents=True, exist_ok=True)
    parameters = dict(spec.parameters)
    # the folder of a run, as `mineral_utils.run.Run` knows it: …/<profile>/<notebook>
    run_dir = out_dir / parameters.get("PROFILE", "demo") / spec.notebook.stem
    if "OUT_DIR" in declared_parameters(spec.notebook):
        parameters["OUT_DIR"] = str(run_dir)

    run = _run_by_nbval if spec.nbval else _run_by_papermill
    start = time.perf_counter()
    with sealed_environment():
        differences = run(spec, parameters, start_dir, run_dir)
    seconds = time.perf_counter() - start

    metrics: dict[str, Any] = {}
    try:
        metrics = _read_metrics(run_dir)
    except LookupError as error:
        differences.append(str(error))
    else:
        differences += compare(metrics, spec.metrics)
    if seconds > spec.timeout_s:
        differences.append(f"took {seconds:.0f} s, allowed are {spec.timeout_s:g} s")
    stray = sorted(path.name for path in start_dir.iterdir() if path.name not in _own_files(spec))
    if stray:
        differences.append(f"wrote {', '.join(stray)} where it was started, not under OUT_DIR")
    return {
        "differences": differences,
        "metrics": metrics,
        "additional": sorted(set(metrics) - set(spec.metrics)),
        "seconds": seconds,
    }


def compare(metrics: Mapping[str, Any], expected: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Where found numbers differ from expected ones, a sentence each.

    A missing metric, one that is no number, and one that is not finite are differences too.
    """
    differences = []
    for name, wanted in expected.items():
        found = metrics.get(name)
        if name not in metrics:
            there = ", ".join(sorted(metrics)) or "nothing"
            differences.append(f"{name} is missing; metrics.json holds {there}")
        elif not _is_number(found):
            differences.append(f"{name} is {found!r}, expected a finite number")
        elif "value" in wanted and abs(found - wanted["value"]) > wanted["tol"]:
            differences.append(
                f"{name} is {found:.6g}, expected {wanted['value']:g} within {wanted['tol']:g} "
                f"(off by {found - wanted['value']:+.3g})"
            )
        elif found < wanted.get("min", -math.inf):
            differences.append(f"{name} is {found:.6g}, expected at least {wanted['min']:g}")
        elif found > wanted.get("max", math.inf):
            differences.append(f"{name} is {found:.6g}, expected at most {wanted['max']:g}")
    return differences


def _run_by_papermill(
    spec: Spec, parameters: Mapping[str, Any], start_dir: Path, run_dir: Path
) -> list[str]:
    try:
        execute_lesson(
            spec.notebook,
            run_dir / spec.notebook.name,
            parameters,
            cwd=start_dir,
            cell_timeout_s=spec.timeout_s,
        )
    except LessonError as error:
        return [str(error)]
    return []


def _run_by_nbval(
    spec: Spec, parameters: Mapping[str, Any], start_dir: Path, run_dir: Path
) -> list[str]:
    """Run the lesson with its stored outputs and parameters put in; compare the tagged cells."""
    from papermill.iorw import load_notebook_node, write_ipynb
    from papermill.parameterize import parameterize_notebook

    notebook = load_notebook_node(str(spec.notebook))
    if not any(_checks_output(cell) for cell in notebook.cells):
        return [f"{spec.notebook.name} has no cell tagged nbval-check-output: nothing to compare"]
    write_ipynb(parameterize_notebook(notebook, parameters), str(start_dir / spec.notebook.name))
    run_dir.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", spec.notebook.name, "--nbval-lax"]
    command += ["--nbval-current-env", f"--nbval-sanitize-with={HERE / 'sanitize.cfg'}"]
    command += [f"--nbval-cell-timeout={spec.timeout_s}", "-q", "--no-header", "--color=no"]
    # its own settings: ours would deselect, and would collect our conftest
    command += ["-c", os.devnull, "--rootdir=.", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=start_dir, capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"nbval found differences:\n{done.stdout}{done.stderr}"]


def _own_files(spec: Spec) -> set[str]:
    return {spec.notebook.name} if spec.nbval else set()


def _checks_output(cell: Mapping[str, Any]) -> bool:
    return "nbval-check-output" in cell.metadata.get("tags", ())


@contextlib.contextmanager
def sealed_environment() -> Iterator[None]:
    """No outside data, no downloads of old, no network: what a lesson must do with."""
    before = dict(os.environ)
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ.update(
        PYTHONPATH=os.pathsep.join(path for path in paths if path),
        HF_HUB_OFFLINE="1",
        MINERAL_OFFLINE="1",
        # port 9 discards: whoever asks a server is refused at once, and the lesson fails
        http_proxy="http://127.0.0.1:9",
        https_proxy="http://127.0.0.1:9",
        no_proxy="localhost,127.0.0.1",
        # for this kernel alone, so that a lesson reads as it would in JupyterLab
        MPLBACKEND="module://matplotlib_inline.backend_inline",
    )
    for variable in ("LUMENSTONE_DIR", "GOLDEN_DIR"):
        os.environ.pop(variable, None)
    try:
        with tempfile.TemporaryDirectory() as empty:
            os.environ["MINERAL_CACHE"] = str(Path(empty, "cache"))
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _read_metrics(run_dir: Path) -> dict[str, Any]:
    path = run_dir / "metrics.json"
    if not path.is_file():
        raise LookupError("wrote no metrics.json into OUT_DIR; does the lesson end with its Run?")
    return json.loads(path.read_text(encoding="utf-8"))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _widest_tolerance(expected: Mapping[str, float]) -> float:
    widest = MAX_TOLERANCE * max(1.0, abs(expected["value"]))
    return min(widest, 3 * expected["sd"]) if "sd" in expected else widest
