"""The form of a lesson, checked: ``python -m tests.notebooks.form [FILE.ipynb…]``.

Lessons (``notebooks/NN_name.ipynb``) keep all rules below; solutions (``notebooks/solutions/``)
keep those that a reader of a finished notebook would miss. Each rule yields sentences that say what
to do, so that the list of complaints is a list of tasks.
"""

from __future__ import annotations

import hashlib
import re
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"

MAX_BYTES = 2_000_000
MAX_CELL_LINES = 25
MEDIAN_CELL_LINES = (3, 9)
CLOSING_HEADINGS = ("Summary", "Exercises", "What next")

# "/two/parts" that no word, URL or closing tag leads up to; "C:\" likewise
_MACHINE_PATH = re.compile(
    r"(?<![\w.:/<*~)\]-])/[A-Za-z_][\w.-]*/[\w.-]+|(?<!\w)[A-Za-z]:\\{1,2}\w"
)
_MARKDOWN_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(")
_HTML_IMAGE = re.compile(r"<img\b(?P<rest>[^>]*)>", re.IGNORECASE)
_HTML_ALT = re.compile(r"""\balt\s*=\s*["'][^"']*\w""", re.IGNORECASE)
_EMBEDDED = re.compile(r"base64,[A-Za-z0-9+/=\s]+")


def source_sha256(notebook: NotebookNode) -> str:
    """Fingerprint of a notebook's code: hex digest over the sources of its code cells, in order."""
    digest = hashlib.sha256()
    for cell in _code(notebook):
        digest.update(cell.source.encode("utf-8") + b"\0")
    return digest.hexdigest()


def find_notebooks(notebooks_dir: Path = NOTEBOOKS) -> list[Path]:
    """All lessons, then all solutions."""
    return [
        *sorted(notebooks_dir.glob("*.ipynb")),
        *sorted(notebooks_dir.glob("solutions/*.ipynb")),
    ]


def check_notebook(path: str | Path) -> list[str]:
    """What is wrong with the form of a notebook, a sentence each; empty when all is well.

    A notebook in a folder called ``solutions`` is held to the shorter list of rules.
    """
    path = Path(path)
    complaints = []
    if path.stat().st_size > MAX_BYTES:
        complaints.append(
            f"is {path.stat().st_size / 1e6:.1f} MB, at most 2 are allowed: draw fewer or smaller "
            "figures"
        )
    notebook = nbformat.read(path, as_version=4)
    rules = [_one_title, _kernel, _short_cells, _no_machine_paths, _alt_texts, _executed]
    if path.parent.name != "solutions":
        rules += [_parameters_first, _text_between, _median_cell, _closing_headings]
    for rule in rules:
        complaints += rule(notebook)
    return complaints


def _one_title(notebook: NotebookNode) -> Iterator[str]:
    titles = [text for level, text in _headings(notebook) if level == 1]
    if len(titles) != 1:
        yield f"has {len(titles)} headings of the first level, needs exactly one: {titles}"


def _kernel(notebook: NotebookNode) -> Iterator[str]:
    name = notebook.metadata.get("kernelspec", {}).get("name")
    if name != "python3":
        yield f"names the kernel {name!r}; it must be 'python3' to open on every machine"


def _short_cells(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(_code(notebook), start=1):
        if _lines(cell) > MAX_CELL_LINES:
            yield (
                f"code cell {number} has {_lines(cell)} lines, at most {MAX_CELL_LINES} fit a "
                "projector: split it, or move a helper into the package"
            )


def _no_machine_paths(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, start=1):
        for text in (cell.source, *_texts(cell)):
            found = _MACHINE_PATH.search(_EMBEDDED.sub("", text))
            if found:
                yield f"cell {number} shows the machine's path {found.group()!r}; use relative ones"


def _alt_texts(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells, start=1):
        images = [bool(m["alt"].strip()) for m in _MARKDOWN_IMAGE.finditer(_prose(cell))]
        for text in (_prose(cell), *_texts(cell)):
            images += [bool(_HTML_ALT.search(m["rest"])) for m in _HTML_IMAGE.finditer(text)]
        for output in cell.get("outputs", ()):
            meta = output.get("metadata", {})
            for mime in output.get("data", {}):
                if mime.startswith("image/"):
                    alt = meta.get(mime, {}).get("alt") or cell.metadata.get("alt") or ""
                    images.append(bool(alt.strip()))
        if not all(images):
            yield (
                f"cell {number} shows {images.count(False)} picture(s) without alt text: say what "
                "there is to see in the cell's metadata `alt`, or by display(figure, metadata="
                "{'image/png': {'alt': ...}})"
            )


def _executed(notebook: NotebookNode) -> Iterator[str]:
    cells = [cell for cell in _code(notebook) if cell.source.strip()]
    counts = [cell.execution_count for cell in cells]
    again = "run `python -m tests.notebooks.execute` on it"
    if counts != list(range(1, len(cells) + 1)) or not any(cell.outputs for cell in cells):
        yield f"was not run from top to bottom (execution counts {counts}): {again}"
    for number, cell in enumerate(cells, start=1):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"code cell {number} ended in {output.ename}: mend it, then {again}"
    recorded = notebook.metadata.get("mineral_utils", {}).get("source_sha256")
    if recorded != source_sha256(notebook):
        yield f"has outputs that are older than its code: {again}"


def _parameters_first(notebook: NotebookNode) -> Iterator[str]:
    tagged = ["parameters" in cell.metadata.get("tags", ()) for cell in _code(notebook)]
    if tagged[:1] != [True] or sum(tagged) != 1:
        yield "needs the tag `parameters` on its first code cell, and on no other"


def _text_between(notebook: NotebookNode) -> Iterator[str]:
    number, said = 0, True
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            said = said or _has_sentence(cell.source)
        elif cell.cell_type == "code":
            number += 1
            if not said:
                yield f"code cells {number - 1} and {number} follow each other without a sentence"
            said = False


def _median_cell(notebook: NotebookNode) -> Iterator[str]:
    lines = [_lines(cell) for cell in _code(notebook)[1:]]
    low, high = MEDIAN_CELL_LINES
    if lines and not low <= (median := statistics.median(lines)) <= high:
        yield f"has code cells of {median:g} lines in the median, not {low}-{high}"


def _closing_headings(notebook: NotebookNode) -> Iterator[str]:
    texts = [text.lower() for level, text in _headings(notebook) if level > 1]
    for wanted in CLOSING_HEADINGS:
        if not any(wanted.lower() in text for text in texts):
            yield f"has no heading {wanted!r}"


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _lines(cell: NotebookNode) -> int:
    return sum(bool(line.strip()) for line in cell.source.splitlines())


def _prose(cell: NotebookNode) -> str:
    return cell.source if cell.cell_type == "markdown" else ""


def _headings(notebook: NotebookNode) -> list[tuple[int, str]]:
    found = []
    for cell in notebook.cells:
        fenced = False
        for line in _prose(cell).splitlines():
            fenced ^= line.lstrip().startswith("```")
            match = re.match(r"(#{1,6})\s+(.*)", line)
            if match and not fenced:
                found.append((len(match[1]), match[2].strip()))
    return found


def _has_sentence(markdown: str) -> bool:
    prose = [line for line in markdown.splitlines() if not line.startswith("#")]
    return len(re.findall(r"\w+", " ".join(prose))) >= 3


def _texts(cell: NotebookNode) -> Iterator[str]:
    """Everything that a code cell printed or showed, apart from pictures."""
    for output in cell.get("outputs", ()):
        if output.output_type == "stream":
            yield output.text
        elif output.output_type == "error":
            yield "\n".join(output.traceback)
        else:
            yield from (str(v) for k, v in output.data.items() if not k.startswith("image/"))


def main(arguments: Sequence[str]) -> int:
    """Check the named notebooks (default: all) and return how many have something wrong."""
    wrong = 0
    for path in [Path(argument) for argument in arguments] or find_notebooks():
        complaints = check_notebook(path)
        wrong += bool(complaints)
        for complaint in complaints:
            print(f"{path.name}: {complaint}")
    return wrong


if __name__ == "__main__":
    sys.exit(min(main(sys.argv[1:]), 1))
