"""The tool that stores the outputs of a clean run in a lesson."""

from __future__ import annotations

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from mineral_utils.demo import LessonError

from .execute import execute_in_place, is_stale, main


def _write(folder, code):
    cells = [new_markdown_cell("# Seven"), new_code_cell("A = 7"), new_code_cell(code)]
    cells[1].metadata.tags = ["parameters"]
    nbformat.write(new_notebook(cells=cells), folder / "00_seven.ipynb")
    return folder / "00_seven.ipynb"


def test_outputs_fingerprint_and_nothing_else(tmp_path):
    lesson = _write(tmp_path, "print(A)\nprint(2 * A)")
    assert is_stale(lesson)
    assert main([str(lesson)]) == 0
    notebook = nbformat.read(lesson, as_version=4)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert [cell.metadata for cell in notebook.cells] == [{}, {"tags": ["parameters"]}, {}]
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2]
    assert notebook.cells[2].outputs[0].text == "7\n14\n"
    assert set(notebook.metadata) == {"kernelspec", "language_info", "mineral_utils"}
    assert [path.name for path in tmp_path.iterdir()] == ["00_seven.ipynb"]
    assert not is_stale(lesson)

    notebook.cells[2].source = "print(A + 1)"
    nbformat.write(notebook, lesson)
    assert is_stale(lesson)


def test_a_failing_lesson_stays_as_it_was(tmp_path):
    lesson = _write(tmp_path, "raise RuntimeError('no pyrite')")
    before = lesson.read_bytes()
    with pytest.raises(LessonError, match="no pyrite"):
        execute_in_place(lesson)
    assert lesson.read_bytes() == before


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(SystemExit, match="No notebook is called 'zz'; there are: "):
        main(["zz"])
