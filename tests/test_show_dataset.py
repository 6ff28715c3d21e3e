"""Pictures and markings of a dataset: what is drawn, what is refused, what stays text."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest

from mineral_utils import show

from .ledgers import hit


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


GREY = np.full((30, 40, 3), 120, np.uint8)


def _texts(figure) -> list[str]:
    return [text.get_text() for ax in figure.axes for text in ax.texts if text.get_text()]


def test_texts_stand_beside_their_photos():
    long = "word " * 200
    figure = show.show_texts([GREY, GREY, GREY], ["short", long, "$x$ < y"], ["Gold", "", "Pyrite"])
    told = _texts(figure)
    assert told[0] == "Gold" and told[1] == "short" and told[-2:] == ["Pyrite", "$x$ < y"]
    (cut,) = [text for text in told if text.startswith("word")]
    assert cut.endswith("…") and cut.count("\n") == 8
    assert sum(len(ax.images) for ax in figure.axes) == 3
    assert all(text.get_fontsize() >= 11 for ax in figure.axes for text in ax.texts)


def test_no_text_runs_out_of_its_half():
    figure = show.show_texts([GREY] * 2, ["Wide words MMMM WWWW " * 30] * 2, ["Galena, " * 20] * 2)
    figure.canvas.draw()
    for ax in figure.axes[1::2]:
        box = ax.get_window_extent()
        for text in ax.texts:
            drawn = text.get_window_extent()
            assert drawn.x1 <= box.x1 + 12 and drawn.y0 >= box.y0 - 2


def test_bars_carry_numbers_names_and_hatches():
    counts = {"photos": [9, 4], "specimens": [3, 2]}
    ax = show.show_counts(["Gold", "Pyrite"], counts, xlabel="that name it")
    assert [bar.get_width() for bar in ax.patches] == [9, 4, 3, 2]
    assert [bar.get_hatch() for bar in ax.patches] == ["", "", "///", "///"]
    assert [text.get_text() for text in ax.texts] == ["9", "4"]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["photos", "specimens"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first name is on top
    single = show.show_counts(["Gold"], {"photos": [1]})
    assert all(tick == int(tick) for tick in single.get_xticks())  # there is no half photo
    assert single.get_legend() is None


def test_co_occurrence_shades_by_the_row_and_writes_counts():
    ax = show.show_co_occurrence(np.array([[10, 5], [5, 5]]), ["Gold", "Pyrite"])
    shade = np.asarray(ax.images[0].get_array().filled(np.nan))
    assert np.isnan(np.diagonal(shade)).all()
    assert (shade[0, 1], shade[1, 0]) == (0.5, 1.0)
    assert [text.get_text() for text in ax.texts] == ["10", "5", "5", "5"]


@pytest.mark.parametrize(
    "call",
    [
        lambda: show.show_texts([], []),
        lambda: show.show_texts([GREY], ["a", "b"]),
        lambda: show.show_counts([], {"photos": []}),
        lambda: show.show_counts(["a"], {"photos": [1, 2]}),
        lambda: show.show_co_occurrence(np.zeros((2, 3)), ["a", "b"]),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(ValueError, match="give"):
        call()


class _Page(HTMLParser):
    """What a browser would make of a piece of HTML: tags, attributes, text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def test_names_are_marked_and_the_text_is_unchanged():
    text = "Pyrite, no gold & more pyrite"
    hits = [hit("Gold", 11, "text", kept=False), hit("Pyrite", 0, "text"), hit("Galena", 0)]
    page = _Page(show.marked_text(text, hits))
    assert page.text == text
    assert page.tags == ["span", "mark", "mark"]
    titles = [value for name, value in page.attributes if name == "title"]
    assert titles == ["Pyrite: named", "Gold: negated"]
    assert "line-through" in show.marked_text(text, hits).split("gold")[0].rsplit("<mark", 1)[1]


def test_overlapping_hits_are_marked_once():
    page = _Page(
        show.marked_text("chalcopyrite", [hit("Chalcopyrite", 0, "text"), hit("Pyrite", 6, "text")])
    )
    assert page.text == "chalcopyrite" and page.tags.count("mark") == 1


@pytest.mark.parametrize(
    "text",
    [
        '<script>alert("pyrite")</script>',
        "<img src=x onerror=alert(1)>",
        "</span></mark><b>bold</b>",
        "&lt;script&gt; & 'quotes' \" \x00",
    ],
)
def test_what_strangers_wrote_stays_text(text):
    evil = hit("Pyrite", 0, "text") | {"span": [0, 8], "reason": '"><script>x</script>'}
    for hits in ([], [evil]):
        page = _Page(show.marked_text(text, hits))
        assert set(page.tags) <= {"span", "mark"}
        assert {name for name, _ in page.attributes} <= {"title", "style"}
        assert page.text == text


def test_the_lesson_shows_a_script_as_text():
    lesson = Path(__file__).resolve().parents[1] / "notebooks" / "03_explore_dataset.ipynb"
    outputs = [o for cell in nbformat.read(lesson, 4).cells for o in cell.get("outputs", ())]
    pages = ["".join(o["data"]["text/html"]) for o in outputs if "text/html" in o.get("data", {})]
    shown = [_Page(page) for page in pages]
    assert sum('<script>alert("pyrite")</script>' in page.text for page in shown) >= 1
    for page in shown:
        # a table of pandas brings its own style; nothing else may come with it
        assert set(page.tags) <= set("div style table thead tbody tr th td p b span mark".split())
        assert not any(name.startswith("on") for name, _ in page.attributes)
    assert not any({"text/markdown", "text/latex"} & set(o.get("data", {})) for o in outputs)
