"""Lessons 00 and 09 in JupyterLab, in a real browser."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from .conftest import Server
from .notebook import NOTEBOOK, PageOfLesson09, faults, open_in_lab, run_all

pytestmark = pytest.mark.ui
NAME = "09_segment_your_photos"


def test_lesson_00_runs_to_its_end_and_its_list_answers(page: Page, lab: Server, lesson):
    lesson(lab.folder, "00_start_here", INTERACTIVE=True)
    open_in_lab(page, lab, "00_start_here.ipynb")
    run_all(page)
    assert faults(page) == []
    counts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    assert [int(text.strip("[]: ")) for text in counts] == list(range(1, len(counts) + 1))
    pick = page.locator(".widget-select-multiple select")
    output = page.locator(".widget-output img")
    expect(output).to_have_count(1)
    before = output.get_attribute("src")
    pick.select_option(["Pyrite", "Galena"])
    expect(output).not_to_have_attribute("src", before)
    page.locator(".widget-select-multiple").scroll_into_view_if_needed()


@pytest.fixture(scope="module")
def lesson_09(page: Page, lab: Server, lesson) -> PageOfLesson09:
    """Lesson 09, run from top to bottom with its page."""
    lesson(lab.folder, NAME, INTERACTIVE=True, WHO="Anna")
    open_in_lab(page, lab, f"{NAME}.ipynb")
    run_all(page)
    assert faults(page) == []
    return PageOfLesson09(page)


def test_a_name_a_slider_and_two_clicks_change_what_the_page_shows(lesson_09):
    quartz, galena = lesson_09.area("quartz"), lesson_09.area("galena")
    before = lesson_09.shown()
    lesson_09.button("galena ✕").click()
    lesson_09.wait_for_picture(before)
    lesson_09.wait_for_words("Asked for pyrite, sphalerite, chalcopyrite, quartz.")
    lesson_09.type_name("галенит")
    lesson_09.wait_for_words("Asked for pyrite, sphalerite, chalcopyrite, quartz, галенит.")
    assert lesson_09.new_area("галенит", -1) == galena > 1

    before, bare = lesson_09.shown(), lesson_09.image.get_attribute("src")
    slider = lesson_09.page.get_by_role("slider").nth(0)
    slider.focus()
    lesson_09.press("ArrowRight", "ArrowRight")
    lesson_09.wait_for_picture(before)
    assert lesson_09.image.get_attribute("src") != bare

    lesson_09.choose_mode("region")
    lesson_09.select(0.63, 0.45)
    assert "Selected" in lesson_09.said() and "Selected" in lesson_09.image.get_attribute("alt")
    pyrite = lesson_09.area("pyrite")
    lesson_09.field("Selection is").select_option("галенит")
    before = lesson_09.shown()
    lesson_09.button("Assign").click()
    lesson_09.wait_for_picture(before)
    lesson_09.wait_for_words("given to галенит")
    assert lesson_09.new_area("pyrite", pyrite) < pyrite - 5
    assert lesson_09.area("quartz") <= quartz + 1
    corrected = lesson_09.area("pyrite")

    before = lesson_09.shown()
    lesson_09.button("↶ Undo").click()
    lesson_09.wait_for_picture(before)
    assert lesson_09.new_area("pyrite", corrected) == pyrite


def test_a_box_around_a_grain_is_outlined_and_assigned_by_keys_alone(lesson_09):
    page, cells = lesson_09.page, lesson_09.page.locator(".jp-Cell").count()
    lesson_09.choose_mode("outline")
    lesson_09.picture.focus()
    before = lesson_09.shown()
    # from the middle to the upper left corner of the banded bodies, then to the lower right one
    lesson_09.press(*["ArrowLeft"] * 4, *["Shift+ArrowLeft"] * 8, "b")
    lesson_09.press(*["Shift+ArrowDown"] * 5, *["Shift+ArrowRight"] * 5, "b")
    lesson_09.wait_for_picture(before)
    lesson_09.wait_for_words("SAM expects an IoU")
    before, sphalerite = lesson_09.shown(), lesson_09.area("sphalerite")
    lesson_09.press("2")
    lesson_09.wait_for_picture(before)
    lesson_09.wait_for_words("given to sphalerite")
    assert lesson_09.new_area("sphalerite", sphalerite) > sphalerite
    for _ in ("the correction", "the box"):
        before = lesson_09.shown()
        lesson_09.press("z")
        lesson_09.wait_for_picture(before)
    assert lesson_09.new_area("sphalerite", None) == sphalerite
    # JupyterLab's own keys (B adds a cell, Z takes it back) did not hear any of this
    assert page.locator(".jp-Cell").count() == cells


def test_a_scale_is_dragged_and_its_length_written(lesson_09):
    lesson_09.choose_mode("scale")
    lesson_09.drag(0.1, 0.9, 0.6, 0.9)
    lesson_09.wait_for_words("Now write its length")
    field = lesson_09.field("Length, µm")
    field.fill("0")
    lesson_09.button("Set scale").click()
    lesson_09.wait_for_words("above 0")
    field.fill("500")
    lesson_09.button("Set scale").click()
    lesson_09.wait_for_words("µm per px")
    width = 448 * 0.5  # px of the line, to within the pixels of the screen
    assert float(lesson_09.said().split()[1]) == pytest.approx(500 / width, rel=0.02)


def test_the_scores_of_a_place_are_shown(lesson_09):
    lesson_09.choose_mode("scores")
    lesson_09.click(0.63, 0.45)
    expect(lesson_09.page.locator(".mineral-scores th").first).to_have_text("pyrite")


def test_unknown_names_are_offered_and_bad_uploads_refused_in_the_page(lesson_09):
    lesson_09.field("Add a name").fill("pentlandit")
    lesson_09.field("Add a name").press("Enter")
    lesson_09.wait_for_words("did you mean Pentlandite")
    lesson_09.button("Pentlandite").click()
    lesson_09.wait_for_words("quartz, галенит, Pentlandite.")
    assert lesson_09.new_area("Pentlandite", -1) >= 0
    lesson_09.upload("letter.jpg", b"Dear colleague")
    lesson_09.wait_for_words("letter.jpg")
    assert lesson_09.said().startswith("Not done")


def test_a_photo_of_twelve_megabytes_is_uploaded(lesson_09):
    noise = np.random.default_rng(0).integers(0, 256, (1600, 2600, 3), dtype=np.uint8)
    target = io.BytesIO()
    Image.fromarray(noise).save(target, "PNG")
    assert len(target.getvalue()) > 12e6
    before = lesson_09.shown()
    lesson_09.upload("large.png", target.getvalue())
    lesson_09.wait_for_picture(before)
    lesson_09.wait_for_words("large: 2600 x 1600 px")
    assert (lesson_09.page.locator(".mineral-picture").bounding_box()["height"]) > 300


def test_a_kernel_that_dies_loses_nothing(page: Page, lab: Server, lesson):
    lesson(lab.folder / "dies", NAME, only_page=True, INTERACTIVE=True, SECTIONS=[6], WHO="Boris")
    open_in_lab(page, lab, f"dies/{NAME}.ipynb")
    run_all(page)
    bench = PageOfLesson09(page)
    bench.choose_mode("region")
    bench.select(0.63, 0.45)
    pyrite = bench.area("pyrite")
    bench.field("Selection is").select_option("galena")
    before = bench.shown()
    bench.button("Assign").click()
    bench.wait_for_picture(before)
    bench.wait_for_words("Correction 1")
    shares = bench.new_area("pyrite", pyrite), bench.area("galena")

    kernel = f"{NOTEBOOK}.sessionContext.session.kernel"
    code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    page.evaluate(f"{kernel}.requestExecute({{code: {code!r}}}); 0")
    page.locator(".jp-Dialog").get_by_role("button", name="OK").click()  # "it will restart"
    page.wait_for_function(f"{kernel}.status === 'idle'")
    run_all(page)
    again = PageOfLesson09(page)
    again.wait_for_words("Resumed with 1 correction by Boris.")
    assert (again.area("pyrite"), again.area("galena")) == shares
