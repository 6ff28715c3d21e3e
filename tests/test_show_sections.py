"""Pictures of digital sections: what is named, what lies where, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from mineral_utils import show


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def _section(**changes) -> SimpleNamespace:
    """40 x 60 px: pyrite on the left, quartz on the right, ten columns of no mineral."""
    labels = np.zeros((40, 60), np.uint8)
    labels[:, 20:50], labels[:, 50:] = 1, 255
    image = np.full((40, 60, 3), 90, np.uint8)
    given = {"image": image, "labels": labels, "names": ("Pyrite", "Quartz"), "um_per_px": 2.0}
    return SimpleNamespace(**given | changes)


def test_a_section_stands_beside_its_truth():
    picture, truth = show.show_section(_section())
    legend = [text.get_text().replace("\u2007", "") for text in truth.get_legend().get_texts()]
    assert legend == ["50.0 %  Quartz", "33.3 %  Pyrite", "16.7 %  no mineral"]
    assert [patch.get_gid() for patch in picture.patches] == ["scale-bar"]
    assert "scale unknown" not in [text.get_text() for text in truth.texts]
    picture, _ = show.show_section(_section(um_per_px=None), title="a field")
    assert picture.get_title(loc="left") == "a field" and not picture.patches


def test_a_section_goes_onto_axes_of_ones_own():
    _, axes = plt.subplots(1, 3)
    picture, truth = show.show_section(_section(), axes=axes[::2])
    assert (picture, truth) == (axes[0], axes[2])
    assert not axes[1].images


def test_a_sheet_holds_every_picture_and_its_title():
    images = [np.full((30, 40, 3), level, np.uint8) for level in (10, 20, 30, 40, 50)]
    fig = show.show_sheet(images, list("abcde"), columns=3)
    axes = fig.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["a", "b", "c", "d", "e", ""]
    assert [int(ax.images[0].get_array().max()) for ax in axes[:5]] == [10, 20, 30, 40, 50]
    assert not axes[5].images and not axes[5].axison
    show.show_sheet(images[:1])  # no titles, fewer pictures than columns


@pytest.mark.parametrize(
    ("images", "titles", "columns"), [(0, None, 4), (2, ["one"], 4), (2, None, 0)]
)
def test_a_sheet_that_cannot_be_is_refused(images, titles, columns):
    pictures = [np.zeros((8, 8, 3), np.uint8)] * images
    with pytest.raises(ValueError, match="one title for each picture"):
        show.show_sheet(pictures, titles, columns=columns)


def test_spectra_are_those_of_the_vocabulary():
    ax = show.show_spectra(["pyrite", "covellite"], colours={"pyrite": (255, 0, 0)})
    lines = [line for line in ax.lines if line.get_linestyle() == "-"]
    assert [len(line.get_xdata()) for line in lines] == [4, 4, 4], "R1 = R2, R1, R2"
    assert lines[0].get_xdata().tolist() == [470, 546, 589, 650]
    assert lines[0].get_ydata().tolist() == [45.6, 52, 53.8, 54.6]
    assert lines[0].get_color() == (1, 0, 0)
    assert (lines[1].get_ydata() <= lines[2].get_ydata()).all()
    assert ax.get_ylabel() == "reflectance, %"


def test_names_of_spectra_do_not_overlap():
    names = ["pyrite", "chalcopyrite", "galena", "marcasite", "arsenopyrite", "quartz", "calcite"]
    ax = show.show_spectra(names)
    ax.figure.canvas.draw()
    boxes = sorted((text.get_window_extent() for text in ax.texts), key=lambda box: box.y0)
    assert sorted(text.get_text() for text in ax.texts) == sorted(names)
    heights = [box.y0 for box in boxes]
    tall = min(text.get_size() for text in ax.texts) * ax.figure.dpi / 72
    assert (np.diff(heights) > 0.8 * tall).all()


def test_no_spectrum_is_refused():
    with pytest.raises(ValueError, match="name one"):
        show.show_spectra([])
