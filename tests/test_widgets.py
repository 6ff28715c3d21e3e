"""The page without a browser: its controls are set, its buttons pressed, its words read."""

from __future__ import annotations

import re
from html import unescape

import numpy as np
import pytest

from mineral_utils.editing import MODES, Desk, EditError, Series
from mineral_utils.photos import Photo
from mineral_utils.segmenter import Segmenter
from mineral_utils.widgets import Workbench, is_page, visitor
from mineral_utils.widgets import __main__ as main_of_page
from mineral_utils.widgets.pages import legend, score_bars, status

from .test_editing_truth import HALVES, typed_model, typed_scene_of  # noqa: F401
from .typed_scene import typed_scene


@pytest.fixture
def desk(tmp_path, typed_model: Segmenter) -> Desk:  # noqa: F811
    photos = {f"photo {k}": typed_scene(HALVES, seed=k).photo for k in range(2)}
    return Desk(Series(typed_model, photos, tmp_path, ["pyrite", "galena"], who="Anna"))


@pytest.fixture
def page(desk) -> Workbench:
    return Workbench(desk)


def said(page: Workbench) -> str:
    return unescape(re.sub("<[^>]+>", "", page.controls.status.value))


def click(page: Workbench, x: float, y: float, minus: bool = False) -> None:
    """As the browser tells it."""
    page.picture._handle_custom_msg({"kind": "click", "x": x, "y": y, "minus": minus}, [])


def row(page: Workbench, name: str) -> list[str]:
    """The cells of one mineral in the legend."""
    rows = re.findall("<tr>.*?</tr>", page.controls.legend.value)
    (own,) = [r for r in rows if f">{name}</th>" in r]
    return [unescape(re.sub("<[^>]+>", "", cell)) for cell in re.findall("<td.*?</td>", own)]


# ---- the desk alone --------------------------------------------------------------------------
def test_each_mode_means_something_else_by_a_click(desk):
    desk.open()
    message = {"kind": "click", "x": 3.0, "y": 3.0, "minus": False}
    assert "pyrite" in desk.act(message) and list(desk.scores) == ["pyrite", "galena"]
    desk.mode = "region"
    assert "Selected: 50.0 %" in desk.act(message)
    assert desk.marks() == [["plus", 3.5, 3.5]]
    desk.mode = "scale"
    assert "other end" in desk.act(message)
    desk.act({"kind": "click", "x": 3.0, "y": 23.0, "minus": False})
    assert desk.line == [(3.0, 3.0), (3.0, 23.0)] and ["line", 3.0, 3.0, 3.0, 23.0] in desk.marks()
    assert "Scale: 5 µm" in desk.measure(100) and desk.line == []
    desk.act(message)
    desk.act(message)
    with pytest.raises(EditError, match="has no length"):
        desk.measure(100)
    with pytest.raises(EditError, match="does nothing"):
        desk.act({"kind": "dance"})


def test_a_scale_line_is_dragged_too_and_one_click_is_not_enough(desk):
    desk.open()
    desk.mode = "scale"
    desk.act({"kind": "click", "x": 1, "y": 1})
    with pytest.raises(EditError, match="needs a line"):
        desk.measure(100)
    desk.act({"kind": "box", "x1": 0, "y1": 0, "x2": 30, "y2": 0})
    assert "Scale: 2 µm" in desk.measure(60)


def test_digits_assign_and_letters_undo(desk):
    desk.open()
    desk.mode = "region"
    desk.act({"kind": "click", "x": 3, "y": 3})
    assert "given to galena" in desk.act({"kind": "assign", "number": 2})
    assert desk.act({"kind": "undo"}) == "Undone." and desk.act({"kind": "redo"}) == "Done again."
    with pytest.raises(EditError, match="no mineral number 9"):
        desk.act({"kind": "assign", "number": 9})


def test_a_desk_without_photos_waits_for_one(tmp_path, typed_model):  # noqa: F811
    desk = Desk(Series(typed_model, {}, tmp_path, ["pyrite"]))
    for step in (
        desk.open,
        desk.sharpen,
        desk.look_closer,
        lambda: desk.type_names("galena"),
        desk.save,
    ):
        with pytest.raises(EditError, match="photo"):
            step()
    assert "no photo yet" in said(Workbench(desk))


# ---- the page --------------------------------------------------------------------------------
def test_a_closer_look_that_shows_nothing_new_is_said(page):
    page.controls.closer.click()
    assert "nothing is selected to look at closer" in said(page)


def test_the_page_opens_with_picture_legend_and_words(page):
    assert page.picture.jpeg[:3] == b"\xff\xd8\xff" and page.picture.size == [32, 32]
    assert page.picture.alt == "Photo under a map of minerals: pyrite 50.0 %, galena 50.0 %."
    assert row(page, "pyrite")[:2] == [" 1 Py", "50.0 %"]
    assert said(page) == "photo_0: 32 x 32 px, scale unknown."
    assert page.controls.progress.value == "0 of 2 photos done, 0 begun"


def test_a_typed_name_changes_the_map_and_can_be_taken_away(page):
    before = page.picture.jpeg
    page.controls.new_name.value = "Sp"
    assert [b.description for b in page.controls.names.children] == [
        "pyrite ✕",
        "galena ✕",
        "Sp ✕",
    ]
    assert page.controls.new_name.value == "" and row(page, "Sp")[1] == "0.0 %"
    page.controls.names.children[0].click()
    assert page.desk.asked == ("galena", "Sp") and page.picture.jpeg != before


def test_an_unknown_name_offers_near_ones_and_free_text(page):
    page.controls.new_name.value = "quartz, pirite"
    assert "did you mean Pyrite" in said(page) and "open_vocabulary" not in said(page)
    offers = {button.description: button for button in page.controls.offers.children}
    assert {"Pyrite", 'ask "quartz, pirite" as free text'} <= set(offers)
    page.controls.new_name.value = "pale grey"
    (offer,) = [b for b in page.controls.offers.children if "free text" in b.description]
    offer.click()
    assert page.desk.asked == ("pyrite", "galena", "pale grey")
    assert not page.controls.offers.children
    page.controls.new_name.value = "quartz, calcitte"
    next(b for b in page.controls.offers.children if b.description == "Calcite").click()
    assert page.desk.asked[-2:] == ("quartz", "Calcite")


def test_sliders_reach_the_map(page):
    bare = page.picture.jpeg
    page.controls.opacity.value = 0.9
    assert page.desk.draft.look.opacity == 0.9 and page.picture.jpeg != bare
    page.controls.confidence.value = 1.0
    assert row(page, "unknown")[1] == "100.0 %"
    page.controls.confidence.value = 0.0
    page.controls.smallest_region.value = 600
    page.controls.shown.value = "galena"
    assert "How like galena" in page.picture.alt
    page.controls.shown.value = page.controls.shown.options[0][1]
    assert "map of minerals" in page.picture.alt


def test_two_clicks_and_the_area_in_the_page_changes(page):
    page.controls.mode.value = "region"
    assert page.controls.help.value == MODES["region"]
    click(page, 3, 3)
    assert "Selected: 50.0 %" in said(page) and page.picture.marks == [["plus", 3.5, 3.5]]
    page.controls.targets.value = "galena"
    page.controls.assign.click()
    assert row(page, "galena")[1] == "100.0 %" and page.picture.marks == []
    assert "Corrected by hand: 50.0 %" in page.controls.legend.value
    page.controls.undo.click()
    assert row(page, "galena")[1] == "50.0 %"
    page.controls.redo.click()
    page.controls.save_done.click()
    assert "marked as done" in said(page) and "1 of 2 photos done" in page.controls.progress.value
    page.controls.next.click()
    assert page.desk.title == "photo_1" and page.controls.photo.value == "photo_1"
    page.controls.next.click()
    assert said(page) == "Not done: this is the last photo of the series"
    assert page.desk.draft.who == "Anna", "as the series says"
    page.controls.who.value = "Boris"
    assert page.desk.draft.who == "Boris"
    page.controls.photo.value = "photo_0"
    assert "Resumed with 1 correction by Anna." in said(page)
    assert page.desk.draft.who == "Boris"


def test_scores_are_shown_where_one_clicks(page):
    click(page, 30, 3)
    names = re.findall("<th.*?>(.*?)</th>", page.controls.scores.value)
    assert names == ["galena", "pyrite"]


def test_the_scale_line_is_asked_for_only_in_its_mode(page):
    assert page.controls.scale.layout.display == "none"
    page.controls.mode.value = "scale"
    assert page.controls.scale.layout.display is None
    click(page, 0, 0)
    click(page, 0, 20)
    page.controls.length.value = 0
    page.controls.measure.click()
    assert "above 0" in said(page)
    page.controls.length.value = 50
    page.controls.measure.click()
    assert "2.5 µm per px" in said(page) and len(row(page, "pyrite")) == 5


def test_bad_uploads_are_said_and_good_ones_open(page, tmp_path):
    import io

    from PIL import Image

    file = {"name": "letter.txt", "type": "", "size": 5, "content": memoryview(b"Dear!")}
    page._upload((file,))
    assert said(page).startswith("Not done: letter.txt")
    target = io.BytesIO()
    Image.fromarray(typed_scene(HALVES, seed=7).photo.image).save(target, "PNG")
    page._upload(({**file, "name": "my.png", "content": memoryview(target.getvalue())},))
    assert page.desk.title == "my" and len(page.desk.series) == 3


def test_a_folder_that_cannot_be_written_is_said_in_the_page(tmp_path, typed_model):  # noqa: F811
    (tmp_path / "file").write_text("")
    photos = {"a": typed_scene(HALVES).photo}
    page = Workbench(Desk(Series(typed_model, photos, tmp_path / "file", ["pyrite"])))
    assert "choose a folder that you may write to" in said(page)


def test_faults_of_the_program_are_not_swallowed(page, monkeypatch):
    def broken(message):
        raise RuntimeError("a wheel came off")

    monkeypatch.setattr(page.desk, "act", broken)
    page.picture._msg_callbacks.callbacks.clear()
    page.picture.on_action(lambda message: page._do(page.desk.act, message))
    click(page, 3, 3)
    assert "RuntimeError: a wheel came off" in said(page)
    assert "Traceback" in page.controls.faults.outputs[0]["text"]
    page.controls.opacity.value = 0.3
    assert page.controls.faults.outputs == ()


def test_the_page_says_what_the_reader_should_doubt(page):
    assert "marcasite" not in page.controls.doubts.value
    page.controls.new_name.value = "marcasite"
    assert "not taught what marcasite looks like" in page.controls.doubts.value


def test_the_command_of_the_page_leaves_out_the_lesson(tmp_path, capsys):
    given = main_of_page.command("some.ipynb", port=9000, ip="0.0.0.0")
    assert given[1:4] == ["-m", "voila", "some.ipynb"] and "--port=9000" in given
    assert "--TagRemovePreprocessor.remove_cell_tags=lesson" in given
    assert main_of_page.LESSON.is_file()
    assert main_of_page.main([str(tmp_path / "gone.ipynb")]) == 2
    assert "gone.ipynb is not there" in capsys.readouterr().err


# ---- words -----------------------------------------------------------------------------------
def test_what_a_user_typed_is_never_read_as_html():
    evil = "<img src=x onerror=alert(1)>"
    table = [{"name": evil, "share": 1.0, "regions": 1, "mean_confidence": 0.5}]
    for html in (legend(table, [evil]), score_bars({evil: 1.0}), status(evil)):
        assert "<img" not in html and "&lt;img" in html


def test_a_voila_page_knows_its_visitor(monkeypatch):
    monkeypatch.delenv("SERVER_SOFTWARE", raising=False)
    monkeypatch.delenv("QUERY_STRING", raising=False)
    assert not is_page() and visitor("Anna B.") == "Anna_B" and visitor() == ""
    monkeypatch.setenv("SERVER_SOFTWARE", "voila/0.5.13")
    monkeypatch.setenv("QUERY_STRING", "who=../Boris&x=1")
    assert is_page() and visitor("Anna") == "Boris"
    monkeypatch.setenv("QUERY_STRING", "")
    assert visitor() != visitor() and visitor("Anna").startswith("visitor-")


def test_a_photo_that_is_not_there_leaves_the_open_one_open(tmp_path, typed_model):  # noqa: F811
    photos = {"a": typed_scene(HALVES).photo, "b": tmp_path / "gone.jpg"}
    page = Workbench(Desk(Series(typed_model, photos, tmp_path / "work", ["pyrite", "galena"])))
    page.controls.photo.value = "b"
    assert "no such file" in said(page) and page.desk.title == "a"
    page.controls.mode.value = "region"
    click(page, 3, 3)
    assert "Selected" in said(page)


def test_photos_of_any_size_are_shown_whole(typed_model, tmp_path):  # noqa: F811
    image = np.zeros((64, 1200, 3), np.uint8)
    desk = Desk(Series(typed_model, {"wide": Photo(image)}, tmp_path, ["pyrite", "galena"]))
    assert Workbench(desk).picture.size == [64, 1200]
