"""Lesson 09 as a Voilà page for a class, in a real browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .conftest import RUN_MS, Server
from .notebook import PageOfLesson09, faults

pytestmark = pytest.mark.ui


def test_the_page_shows_no_code_and_works(page: Page, voila: Server):
    page.goto(f"{voila.url}/?who=anna", timeout=RUN_MS)
    bench = PageOfLesson09(page)
    expect(page.locator("h1")).to_contain_text("09 Segment your photos")
    assert faults(page) == []
    words = page.inner_text("body")
    assert "How to use the page" in words and "import" not in words, "no code"
    assert "Exercises" not in words, "what only readers want is left out"

    before, galena = bench.shown(), bench.area("galena")
    bench.button("galena ✕").click()
    bench.wait_for_picture(before)
    bench.type_name("Gn")
    bench.wait_for_words("quartz, Gn.")
    assert bench.new_area("Gn", -1) == galena > 1
    bench.choose_mode("outline")
    before = bench.shown()
    bench.drag(0.06, 0.46, 0.34, 0.79)
    bench.wait_for_picture(before)
    bench.wait_for_words("SAM expects an IoU")
    bench.button("Look closer").click()
    bench.wait_for_words("pixel by pixel")  # SAM has seen all of this small photo
    sphalerite = bench.area("sphalerite")
    bench.field("Selection is").select_option("sphalerite")
    before = bench.shown()
    bench.button("Assign").click()
    bench.wait_for_picture(before)
    assert bench.new_area("sphalerite", sphalerite) > sphalerite
    bench.button("Save, done").click()
    bench.wait_for_words("marked as done")


def test_a_visitor_comes_back_and_another_begins_anew(page: Page, voila: Server):
    page.goto(f"{voila.url}/?who=anna", timeout=RUN_MS)
    bench = PageOfLesson09(page)
    # Anna's first photo is done, so the second one opens; the first is there as she left it
    bench.wait_for_words("section_8")
    before = bench.shown()
    bench.field("Photo").select_option(label="● section_6 (done)")
    bench.wait_for_picture(before)
    bench.wait_for_words("Resumed with 1 correction by anna.")
    page.goto(f"{voila.url}/?who=boris", timeout=RUN_MS)
    other = PageOfLesson09(page)
    other.wait_for_words("section_6")
    assert "Resumed" not in other.said()
    folders = {path.name for path in voila.folder.glob("runs/demo/*/corrections/*")}
    assert {"anna", "boris"} <= folders
