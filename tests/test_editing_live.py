"""The live view: what is shown at display size, in pictures, tables and words."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from mineral_utils.editing import Draft, EditError, LiveView, Look
from mineral_utils.editing.display import Display
from mineral_utils.editing.picture import colours_of, draw_selection, paint_map, sign
from mineral_utils.editing.table import percent, shares
from mineral_utils.photos import Photo
from mineral_utils.show import overlay

from .typed_scene import typed_scene

MAP = ["PPPPPPGG", "PPPPPPGG", "PPPSSPGG", "PPPSSPGG"]  # 64 x 32 px
NAMES = ["pyrite", "galena", "sphalerite"]


@pytest.fixture
def draft() -> Draft:
    return Draft(typed_scene(MAP, um_per_px=2.0), NAMES)


def opened(shown) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(shown.jpeg)))


# ---- display size ----------------------------------------------------------------------------
def test_a_photo_is_shrunk_for_display_and_never_enlarged():
    photo = Photo(np.zeros((30, 40, 3), np.uint8))
    assert Display.of(photo, 20).size == (15, 20)
    assert Display.of(photo, 960).size == (30, 40)
    display = Display.of(photo, 20)
    assert display.rows[:3].tolist() == [1, 3, 5], "the photo's row under each centre"


def test_labels_at_display_size_are_those_of_the_photo(draft):
    whole = draft.labels()
    assert (LiveView(draft).labels() == whole).all()
    half = LiveView(draft, 32)
    assert half.zoom == 0.5 and half.labels().shape == (16, 32)
    assert (half.labels() == half.display.sampled(whole)).mean() > 0.97  # borders may be a px off


def test_refined_labels_are_shown_as_they_are(draft):
    from dataclasses import replace

    refined = np.full((32, 64), 2, np.uint8)
    refined[0, 0] = 1
    draft.result = replace(draft.result, refined=refined)
    assert (LiveView(draft).labels() == refined).all()


def test_filters_and_corrections_are_shown_as_they_will_be_saved(draft):
    draft.select_region(60, 3)
    draft.assign("quartz")
    draft.look = Look(smallest_region=400)  # the sphalerite has about 256 px
    view = LiveView(draft)
    assert (view.labels() == draft.labels()).all()
    assert set(np.unique(view.labels())) == {0, 3}
    small = LiveView(draft, 32)
    assert set(np.unique(small.labels())) == {0, 3}, "the limit counts px of the photo"


# ---- the picture -----------------------------------------------------------------------------
def test_the_picture_is_the_overlay_of_the_figures(draft):
    """Away from borders and letters, as `show.overlay` draws it, unknown pixels too."""
    labels = draft.labels()
    labels[20:, 50:] = 255
    display = Display.of(draft.photo)
    found = paint_map(display, labels, NAMES, 0.45).astype(int)
    expected = overlay(draft.photo, labels, NAMES, alpha=0.45).astype(int)
    inside = np.ones(labels.shape, bool)
    inside[:, 1:] &= labels[:, 1:] == labels[:, :-1]
    inside[1:] &= labels[1:] == labels[:-1]
    assert np.abs(found - expected)[inside].max() <= 2
    assert (found[~inside].mean(axis=-1) < expected[~inside].mean(axis=-1)).all(), "dark borders"


def test_without_opacity_the_photo_is_bare(draft):
    display = Display.of(draft.photo)
    assert (paint_map(display, draft.labels(), NAMES, 0.0) == draft.photo.image).all()


def test_a_mineral_carries_its_number_and_symbol_where_there_is_room():
    image = np.full((200, 200, 3), 90, np.uint8)
    labels = np.zeros((200, 200), np.uint8)
    labels[:, 190:] = 1  # too narrow for letters
    bare = paint_map(Display.of(Photo(image)), labels, ["pyrite", "galena"], 0.5)
    white = (bare == 255).all(-1)
    assert white[60:140].any() and not white[:, 185:].any()
    assert sign(0, "пирит") == "1 Py" and sign(3, "pale grey") == "4"


def test_what_is_selected_is_hatched_in_black_and_white(draft):
    picture = np.full((32, 64, 3), 90, np.uint8)
    chosen = np.zeros((32, 64), bool)
    chosen[8:24, 8:24] = True
    draw_selection(picture, chosen)
    assert {0, 90, 255} == set(np.unique(picture[chosen]).tolist())
    assert (picture[7, 8:24] == 255).all() and (picture[:, 30:] == 90).all()


def test_the_page_gets_a_jpeg_with_words(draft):
    shown = LiveView(draft).show()
    assert shown.jpeg[:3] == b"\xff\xd8\xff" and opened(shown).shape == (32, 64, 3)
    rows = {row["name"]: row["share"] for row in shares(shown.labels, shown.names)}
    assert f"pyrite {percent(rows['pyrite'])}, galena {percent(rows['galena'])}" in shown.alt
    draft.select_region(60, 3)
    assert "Selected: 25.0 %" in LiveView(draft).show().alt


def test_a_similarity_is_bright_where_the_name_fits(draft):
    draft.look = Look(similarity="galena", opacity=1.0)
    shown = LiveView(draft).show()
    brightness = opened(shown).mean(axis=-1)
    assert brightness[:, 56:].min() > brightness[:16, :40].max()
    assert "How like galena" in shown.alt and "to 1.00, yellow" in shown.alt
    draft.ask(["pyrite", "quartz"])
    assert draft.look.similarity == "", "galena is asked no longer"


def test_colours_are_the_vocabularys():
    from mineral_utils import vocabulary

    wanted = vocabulary().find("galena").colour
    assert "#{:02X}{:02X}{:02X}".format(*colours_of(["pyrite", "galena"])[1]) == wanted.upper()


def test_the_live_view_leaves_the_threads_as_they_were(draft):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        LiveView(draft).show()
        draft.ask(["pyrite", "quartz"])
        with pytest.raises(ValueError):
            draft.ask([])
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


# ---- the table -------------------------------------------------------------------------------
def test_the_table_counts_area_regions_and_confidence():
    labels = np.array([[0, 0, 1, 255], [1, 0, 0, 255]], np.uint8)
    sure = np.array([[1, 1, 0.5, 0], [0.7, 0.6, 0.6, 0]], np.float32)
    pyrite, galena, quartz, unknown = shares(
        labels, ["pyrite", "galena", "quartz"], um_per_px=1000.0, sure=sure
    )
    assert (pyrite["share"], pyrite["regions"], pyrite["area_mm2"]) == (0.5, 1, 4.0)
    assert pyrite["mean_confidence"] == pytest.approx(0.8)
    assert (galena["share"], galena["regions"]) == (0.25, 2)
    assert (quartz["share"], quartz["mean_confidence"]) == (0, None)
    assert (unknown["name"], unknown["regions"]) == ("unknown", None)


def test_areas_do_not_depend_on_the_size_of_the_display(draft):
    for long_side in (64, 32):
        view = LiveView(draft, long_side)
        table = view.table(view.labels())
        whole = sum(row["area_mm2"] for row in table)
        assert whole == pytest.approx(64 * 32 * 0.002**2)


def test_a_look_at_a_name_that_was_not_asked_is_refused(draft):
    with pytest.raises(EditError):
        Look(opacity=-1)
    draft.look = Look(similarity="quartz")
    with pytest.raises(ValueError):
        LiveView(draft).show()
