"""Scores as pictures: what is drawn where, and what is refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mineral_utils.metrics import Interval
from mineral_utils.show import show_compared, show_confusion, show_intervals, show_marks
from mineral_utils.show.scores import MARKS


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_marks_stand_at_their_numbers_and_differ_in_shape():
    series = {"base": [0.1, 0.2, np.nan], "tuned": [0.5, np.nan, np.nan]}
    ax = show_marks(["a", "b", "c"], series, xlabel="IoU")
    dots = [each for each in ax.collections if each.get_label() in series]
    assert [each.get_label() for each in dots] == ["base", "tuned"]
    places = np.array(dots[0].get_offsets()[:2])
    assert np.allclose(places[:, 0], [0.1, 0.2]) and np.allclose(places[:, 1], [0, 1], atol=0.2)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b", "c"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first name is on top
    assert len({mark for _, mark in MARKS}) == len({colour for colour, _ in MARKS}) == len(MARKS)


@pytest.mark.parametrize(
    "series", [{}, {"x": [1]}, {str(k): [0, 0] for k in range(7)}], ids=["none", "short", "many"]
)
def test_series_that_do_not_fit_are_refused(series):
    with pytest.raises(ValueError, match="give one to 6 series"):
        show_marks(["a", "b"], series)


def test_intervals_have_their_number_beside_them():
    found = {"base": Interval(0.1, 0.05, 0.2, 9, 0.95), "tuned": Interval(0.6, 0.5, 0.7, 9, 0.95)}
    ax = show_intervals(found, stressed=["tuned"])
    assert {text.get_text() for text in ax.texts} == {"0.10", "0.60"}
    spans = [line.get_xdata() for line in ax.lines if list(line.get_ydata()) == [1, 1]]
    assert [list(span) for span in spans] == [[0.5, 0.7]]
    colours = {line.get_color() for line in ax.lines if line.get_marker() in "os"}
    assert colours == {MARKS[0][0], MARKS[1][0]}
    gaps = {"x": Interval(-0.001, -0.1, 0.1, 9, 0.95), "y": Interval(-0.2, -0.3, 0, 9, 0.95)}
    ax = show_intervals(gaps | {"top": found["tuned"]}, zero=True, bounds=["top"])
    assert [text.get_text() for text in ax.texts] == ["0.00", "−0.20", "+0.60"]
    assert ax.lines[-1].get_marker() == MARKS[3][1]
    with pytest.raises(ValueError, match="no interval"):
        show_intervals({})


def test_a_confusion_shares_out_each_row():
    counts = np.array([[8, 2, 0, 0], [0, 0, 0, 0], [0, 96, 0, 4]])
    ax = show_confusion(counts, ["a", "b", "c"], title="tuned")
    (image,) = ax.images
    # b was never true: no row; it was an answer: a column; c was true: a column of its own
    assert np.allclose(image.get_array(), [[0.8, 0.2, 0, 0], [0, 0.96, 0, 0.04]])
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "c"]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["a", "b", "c", "unknown"]
    assert sorted(text.get_text() for text in ax.texts) == ["20", "80", "96"]
    assert len(ax.patches) == 2  # the right answers are framed
    bar = ax.figure.axes[-1]
    bar.figure.canvas.draw()
    assert bar.get_yticklabels()[-1].get_text() == "100"  # per cent, as in the cells
    known = show_confusion(np.array([[3, 1, 0], [0, 5, 0]]), ["a", "b"])
    assert [text.get_text() for text in known.get_xticklabels()] == ["a", "b"]


def test_confusions_that_show_nothing_are_refused():
    with pytest.raises(ValueError, match=r"2 names need \[2, 3\]"):
        show_confusion(np.ones((2, 2), int), ["a", "b"])
    with pytest.raises(ValueError, match="no true pixel"):
        show_confusion(np.zeros((2, 3), int), ["a", "b"])


def test_maps_of_one_photo_share_one_legend():
    image = np.full((60, 80, 3), 120, np.uint8)
    truth = np.zeros((60, 80), np.uint8)
    truth[:, 40:] = 1
    truth[:5] = 255
    other = np.full_like(truth, 2)
    names = ["pyrite", "galena", "quartz", "sylvanite"]
    fig = show_compared(image, {"truth": truth, "tuned": other}, names, um_per_px=2.0, columns=3)
    titles = [ax.get_title(loc="left") for ax in fig.axes]
    assert titles == ["photo", "truth", "tuned"]
    (legend,) = fig.legends
    assert [text.get_text() for text in legend.get_texts()] == [*names, "no mineral"]
    hatches = [patch.get_hatch() for patch in legend.get_patches()]
    assert len(set(hatches[:4])) == 4  # told apart without colour
    bars = [patch for ax in fig.axes for patch in ax.patches if patch.get_gid() == "scale-bar"]
    assert len(bars) == 1
    assert not any(ax.get_legend() for ax in fig.axes)
    with pytest.raises(ValueError, match="no map to compare"):
        show_compared(image, {}, names)
    with pytest.raises(ValueError, match="one for each pixel"):
        show_compared(image, {"x": truth[:5]}, names)
