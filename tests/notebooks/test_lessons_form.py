"""Every lesson has the form that readers rely on, and each rule of that form can fail."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from .form import check_notebook, find_notebooks, main, source_sha256


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: path.stem)
def test_form_of(path):
    assert check_notebook(path) == []


def _code(source: str, count: int, outputs: list[NotebookNode], **metadata) -> NotebookNode:
    return new_code_cell(source, execution_count=count, outputs=outputs, metadata=metadata)


def _good() -> NotebookNode:
    """A lesson without a fault: three code cells, one picture, one printed line."""
    picture = new_output(
        "display_data",
        data={"image/png": "aGFsbG8=", "text/plain": "<Figure>"},
        metadata={"image/png": {"alt": "A grey square on black."}},
    )
    cells = [
        new_markdown_cell("# 00 A square\n\nCan we see a square here?"),
        _code("SIDE: int = 4  # pixels", 1, [], tags=["parameters"]),
        new_markdown_cell("## 1 Draw it\n\nThree lines draw the square."),
        _code("a = 1\nb = 2\nshow(a, b)", 2, [picture]),
        new_markdown_cell("We saw that the square is grey."),
        _code("a = 1\nb = 2\nprint(a / b)", 3, [new_output("stream", text="0.5 µm/px\n")]),
        new_markdown_cell("## Summary\n\n- grey\n\n## Exercises\n\n1. Why?\n\n## What next\n\n01"),
    ]
    notebook = new_notebook(cells=cells)
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return _fingerprinted(notebook)


def _fingerprinted(notebook: NotebookNode) -> NotebookNode:
    notebook.metadata["mineral_utils"] = {"source_sha256": source_sha256(notebook)}
    return notebook


def _complaints(notebook: NotebookNode, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    path = folder / "00_square.ipynb"
    nbformat.write(notebook, path)
    return check_notebook(path)


def test_a_good_lesson_has_no_complaint(tmp_path):
    assert _complaints(_good(), tmp_path / "notebooks") == []


def _two_titles(nb):
    nb.cells[2].source = "# Another title\n\nThree lines draw the square."


def _other_kernel(nb):
    nb.metadata.kernelspec["name"] = "my_env"


def _long_cell(nb):
    nb.cells[3].source = "\n".join(["a = 1"] * 26)
    _fingerprinted(nb)


def _path_in_source(nb):
    nb.cells[4].source = "We read /" + "home/ada/section.jpg, a photo."


def _path_in_output(nb):
    nb.cells[5].outputs[0].text = "saved to C:" + "\\Users\\ada\\map.png"


def _picture_without_alt(nb):
    nb.cells[3].outputs[0].metadata = {}


def _markdown_picture_without_alt(nb):
    nb.cells[4].source = "We saw this here: ![](square.png)"


def _html_picture_without_alt(nb):
    nb.cells[4].source = 'We saw this here: <img src="square.png" alt="">'


def _not_in_order(nb):
    nb.cells[5].execution_count = 7


def _never_run(nb):
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None


def _error(nb):
    nb.cells[5].outputs = [new_output("error", ename="ZeroDivisionError", evalue="", traceback=[])]


def _stale(nb):
    nb.cells[5].source += "  # changed since"


def _no_parameters(nb):
    nb.cells[1].metadata = {}


def _heading_but_no_sentence(nb):
    nb.cells[4].source = "## 2 A heading of many words says nothing"


def _short_median(nb):
    nb.cells[3].source = nb.cells[5].source = "show(a)"
    _fingerprinted(nb)


def _no_exercises(nb):
    nb.cells[6].source = "## Summary\n\n- grey\n\n## What next\n\n01"


BREAKS = [
    (_two_titles, "2 headings of the first level"),
    (_other_kernel, "'my_env'"),
    (_long_cell, "code cell 2 has 26 lines"),
    (_path_in_source, "cell 5 shows the machine's path"),
    (_path_in_output, "cell 6 shows the machine's path"),
    (_picture_without_alt, "cell 4 shows 1 picture(s) without alt text"),
    (_markdown_picture_without_alt, "cell 5 shows 1 picture(s) without alt text"),
    (_html_picture_without_alt, "cell 5 shows 1 picture(s) without alt text"),
    (_not_in_order, "execution counts [1, 2, 7]"),
    (_never_run, "execution counts [None, None, None]"),
    (_error, "code cell 3 ended in ZeroDivisionError"),
    (_stale, "older than its code"),
    (_no_parameters, "tag `parameters`"),
    (_heading_but_no_sentence, "code cells 2 and 3 follow each other"),
    (_short_median, "1 lines in the median"),
    (_no_exercises, "no heading 'Exercises'"),
]


@pytest.mark.parametrize(("spoil", "words"), BREAKS, ids=lambda item: getattr(item, "__name__", ""))
def test_each_rule_can_fail(spoil, words, tmp_path):
    notebook = _good()
    spoil(notebook)
    complaints = _complaints(notebook, tmp_path / "notebooks")
    assert any(words in complaint for complaint in complaints), complaints


def test_alt_text_may_stand_with_the_cell(tmp_path):
    notebook = _good()
    _picture_without_alt(notebook)
    notebook.cells[3].metadata["alt"] = "A grey square on black."
    assert _complaints(notebook, tmp_path) == []


def test_solutions_are_held_to_fewer_rules(tmp_path):
    notebook = _good()
    for spoil in (_no_parameters, _heading_but_no_sentence, _no_exercises):
        spoil(notebook)
    assert len(_complaints(notebook, tmp_path / "notebooks")) == 3
    assert _complaints(notebook, tmp_path / "solutions") == []
    _stale(notebook)
    assert len(_complaints(notebook, tmp_path / "solutions")) == 1


def test_a_large_notebook_is_refused(tmp_path):
    notebook = _good()
    notebook.cells[3].outputs[0].data["image/png"] = "A" * 2_100_000
    assert any("2.1 MB" in complaint for complaint in _complaints(notebook, tmp_path / "notebooks"))


def test_the_command_counts_and_prints(tmp_path, capsys):
    notebook = _good()
    _other_kernel(notebook)
    _complaints(notebook, tmp_path)
    assert main([str(tmp_path / "00_square.ipynb")]) == 1
    assert "00_square.ipynb: names the kernel 'my_env'" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    ["see https://arxiv.org/abs/2411.09219", "0.7 µm/px", "</td></tr>", "runs/demo/x", "and/or"],
)
def test_harmless_slashes_are_no_paths(text, tmp_path):
    notebook = _good()
    notebook.cells[5].outputs[0].text = text
    assert _complaints(notebook, tmp_path) == []
