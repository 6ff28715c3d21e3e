"""Execute lessons in place: ``python -m tests.notebooks.execute NAME… | --stale | --all``.

Lessons are read on the web before they are run, so they are committed with the outputs of a clean
run on the demo road: default parameters, no outside data, no network. The notebook also keeps a
fingerprint of its code, by which a test says when outputs are older than code.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from mineral_utils.demo import LessonError, execute_lesson
from mineral_utils.run import replacing

from .form import check_notebook, find_notebooks, source_sha256
from .harness import sealed_environment

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def execute_in_place(lesson: str | Path) -> None:
    """Run a notebook with its default parameters and store outputs and fingerprint in it.

    The file is replaced only after the last cell ran; cell metadata and sources are left alone.

    Raises
    ------
    mineral_utils.demo.LessonError
        A cell failed; the notebook is as it was.
    """
    lesson = Path(lesson)
    notebook = nbformat.read(lesson, as_version=4)
    with tempfile.TemporaryDirectory() as folder, sealed_environment():
        copy = Path(folder) / lesson.name
        execute_lesson(lesson, copy, cwd=folder)
        executed = nbformat.read(copy, as_version=4)
    for cell, run in zip(notebook.cells, executed.cells, strict=True):
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = run.outputs, run.execution_count
    notebook.metadata.kernelspec = KERNEL
    notebook.metadata.language_info = {"name": "python"}
    notebook.metadata["mineral_utils"] = {"source_sha256": source_sha256(notebook)}
    with replacing(lesson) as aside:
        nbformat.write(notebook, aside)


def is_stale(lesson: str | Path) -> bool:
    """Whether the outputs of a notebook are older than its code."""
    notebook = nbformat.read(lesson, as_version=4)
    recorded = notebook.metadata.get("mineral_utils", {}).get("source_sha256")
    return recorded != source_sha256(notebook)


def _named(name: str) -> list[Path]:
    if Path(name).is_file():
        return [Path(name)]
    found = [path for path in find_notebooks() if path.stem.startswith(name)]
    if not found:
        known = ", ".join(path.stem for path in find_notebooks()) or "none yet"
        sys.exit(f"No notebook is called {name!r}; there are: {known}.")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Execute notebooks and say what their form still lacks; returns how many failed to run."""
    parser = argparse.ArgumentParser(prog="python -m tests.notebooks.execute")
    parser.add_argument("names", nargs="*", help="names, their beginnings (06) or paths")
    parser.add_argument("--all", action="store_true", help="every lesson and solution")
    parser.add_argument("--stale", action="store_true", help="those whose outputs are out of date")
    chosen = parser.parse_args(arguments)
    paths = [path for name in chosen.names for path in _named(name)]
    if chosen.all or chosen.stale:
        paths += [path for path in find_notebooks() if chosen.all or is_stale(path)]
    if not (paths or chosen.stale):
        parser.error("name a notebook, or say --stale or --all")
    failed = 0
    for path in dict.fromkeys(paths):
        start = time.perf_counter()
        try:
            execute_in_place(path)
        except LessonError as error:
            failed += 1
            print(error, file=sys.stderr)
            continue
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")
        for complaint in check_notebook(path):
            print(f"{path.name}: {complaint}")
    return failed


if __name__ == "__main__":
    sys.exit(min(main(), 1))
