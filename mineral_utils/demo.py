"""All lessons on the demo road, one after the other: what ``make demo`` does.

A lesson is executed by papermill in a fresh kernel of the *current* interpreter; whatever a user's
kernelspec ``python3`` points to plays no part. The executed copy and the numbers of a lesson lie in
``runs/demo/<lesson>/``. The tests execute lessons through the same function::

    from mineral_utils.demo import execute_lesson, run_demo
    run_demo(["00_start_here"])        # 0 when all went well
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

__all__ = ["LessonError", "declared_parameters", "execute_lesson", "find_lessons", "run_demo"]

_CHECKOUT = Path(__file__).resolve().parents[1]


class LessonError(RuntimeError):
    """A lesson that did not run to its end; the message names the cell and shows its source."""


class CurrentInterpreterKernel(AsyncKernelManager):
    """A kernel manager that starts this very Python, with this very ``mineral_utils``."""

    @property
    def kernel_spec(self) -> KernelSpec:
        """The kernel's command line and environment."""
        if self._kernel_spec is None:
            paths = [str(_CHECKOUT), os.environ.get("PYTHONPATH", "")]
            env = {
                "PYTHONPATH": os.pathsep.join(path for path in paths if path),
                # debugpy otherwise fills stderr with a warning about frozen modules
                "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            }
            self._kernel_spec = KernelSpec(**get_kernel_dict(), env=env)
        return self._kernel_spec


def find_lessons(notebooks_dir: str | Path | None = None) -> list[Path]:
    """The lessons ``NN_name.ipynb`` of a folder, in reading order.

    Parameters
    ----------
    notebooks_dir : path, optional
        Default: ``notebooks`` of the checkout that this package is installed from.

    Raises
    ------
    FileNotFoundError
        The folder holds no lesson.
    """
    folder = _CHECKOUT / "notebooks" if notebooks_dir is None else Path(notebooks_dir)
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise FileNotFoundError(
            f"{folder} holds no lesson named NN_name.ipynb; the lessons come with the repository, "
            "not with the package: run this from a checkout that was installed with `make install`."
        )
    return found


def declared_parameters(lesson: str | Path) -> tuple[str, ...]:
    """Names that the lesson's ``parameters`` cell sets, in their order."""
    return tuple(papermill.inspect_notebook(str(lesson)))


def execute_lesson(
    lesson: str | Path,
    executed: str | Path,
    parameters: Mapping[str, Any] | None = None,
    *,
    cwd: str | Path | None = None,
    cell_timeout_s: float | None = None,
) -> None:
    """Run a notebook from top to bottom in a fresh kernel of the current interpreter.

    Parameters
    ----------
    lesson, executed : path
        The notebook, which is left as it is, and where its executed copy goes. After a failure the
        copy holds the outputs up to the cell that failed.
    parameters : mapping, optional
        Values for names that the lesson's ``parameters`` cell declares.
    cwd : path, optional
        The kernel's working directory. Default: the lesson's own folder, as in JupyterLab.
    cell_timeout_s : float, optional
        Seconds that one cell may take; default: no limit.

    Raises
    ------
    ValueError
        A parameter is not declared by the lesson.
    LessonError
        A cell raised, took too long, or the kernel died.
    """
    lesson, executed = Path(lesson), Path(executed)
    parameters = dict(parameters or {})
    if parameters:
        declared = declared_parameters(lesson)
        unknown = sorted(set(parameters) - set(declared))
        if unknown:
            raise ValueError(
                f"{lesson.name} has no parameter {', '.join(unknown)}; its cell tagged "
                f"`parameters` sets {', '.join(declared) or 'nothing'}."
            )
    executed.parent.mkdir(parents=True, exist_ok=True)
    try:
        papermill.execute_notebook(
            lesson,
            executed,
            parameters=parameters,
            cwd=lesson.resolve().parent if cwd is None else cwd,
            kernel_name="python3",
            progress_bar=False,
            execution_timeout=cell_timeout_s,
            kernel_manager_class=CurrentInterpreterKernel,
            coalesce_streams=True,
        )
    except PapermillExecutionError as error:
        source = "\n".join(f"    {line}" for line in error.source.splitlines())
        raise LessonError(
            f"{lesson.name}, cell In [{error.exec_count}] raised {error.ename}: {error.evalue}\n"
            f"{source}"
        ) from error
    except CellTimeoutError as error:
        raise LessonError(f"{lesson.name}: a cell took over {cell_timeout_s} s. {error}") from error
    except DeadKernelError as error:
        raise LessonError(
            f"{lesson.name}: its kernel died, most often for want of memory. {error}"
        ) from error


@dataclass
class _Row:
    """One line of the table of results."""

    name: str
    seconds: float
    error: str = ""
    metrics: dict[str, float] = field(default_factory=dict)


def run_demo(
    names: Sequence[str] = (),
    *,
    notebooks_dir: str | Path | None = None,
    runs_dir: str | Path | None = None,
) -> int:
    """Execute lessons on the demo road and print a table of their seconds and headline numbers.

    Parameters
    ----------
    names : sequence of str, optional
        Lessons by name or by the beginning of it (``"06"``). Default: all, in reading order.
    notebooks_dir, runs_dir : path, optional
        Where lessons lie and where runs go. Default: ``notebooks`` and ``runs`` of the checkout.

    Returns
    -------
    int
        How many lessons failed, so that 0 is good; the others run all the same.

    Raises
    ------
    FileNotFoundError
        There is no lesson, or none of a given name.
    """
    lessons = find_lessons(notebooks_dir)
    for name in names:
        if not any(lesson.stem.startswith(name) for lesson in lessons):
            known = ", ".join(lesson.stem for lesson in lessons)
            raise FileNotFoundError(f"No lesson is called {name!r}; there are {known}.")
    if names:
        lessons = [lesson for lesson in lessons if lesson.stem.startswith(tuple(names))]
    root = (_CHECKOUT / "runs" if runs_dir is None else Path(runs_dir)) / "demo"

    rows = []
    for lesson in lessons:
        print(f"{lesson.stem} ...", flush=True)
        rows.append(_run_one(lesson, root.resolve() / lesson.stem))
        if rows[-1].error:
            print(rows[-1].error, flush=True)
    print(_table(rows), flush=True)
    return sum(bool(row.error) for row in rows)


def _run_one(lesson: Path, out_dir: Path) -> _Row:
    # numbers of an earlier run must not pass for this one's
    (out_dir / "metrics.json").unlink(missing_ok=True)
    wanted = {"PROFILE": "demo", "OUT_DIR": str(out_dir)}
    start = time.perf_counter()
    try:
        declared = declared_parameters(lesson)
        parameters = {name: value for name, value in wanted.items() if name in declared}
        execute_lesson(lesson, out_dir / lesson.name, parameters)
        error = ""
    except LessonError as caught:
        error = str(caught)
    seconds = time.perf_counter() - start
    return _Row(lesson.stem, seconds, error, _headlines(out_dir / "metrics.json"))


def _headlines(path: Path) -> dict[str, float]:
    if not path.is_file():
        return {}
    metrics = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in metrics.items() if isinstance(value, int | float)}


def _table(rows: Sequence[_Row]) -> str:
    width = max(len("lesson"), *(len(row.name) for row in rows))
    lines = ["", f"{'lesson':<{width}}  seconds  result  headline numbers"]
    lines.append("-" * len(lines[1]))
    for row in rows:
        numbers = [f"{name} {value:.4g}" for name, value in row.metrics.items()] or ["-"]
        result = "FAILED" if row.error else "ok"
        lines.append(f"{row.name:<{width}}  {row.seconds:7.1f}  {result:<6}  {numbers[0]}")
        lines += [" " * (width + 19) + number for number in numbers[1:]]
    failed = sum(bool(row.error) for row in rows)
    total = sum(row.seconds for row in rows)
    verdict = f"{failed} of {len(rows)} failed" if failed else f"all {len(rows)} ran"
    lines.append(f"{'total':<{width}}  {total:7.1f}  {verdict}")
    return "\n".join(lines)
