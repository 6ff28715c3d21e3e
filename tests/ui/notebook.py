"""A lesson in a page of JupyterLab or Voilà: opened, run, clicked on, read."""

from __future__ import annotations

import re

from playwright.sync_api import Locator, Page, expect

from .conftest import PATIENCE_MS, RUN_MS, TOKEN, Server

expect.set_options(timeout=PATIENCE_MS)
NOTEBOOK = "window.jupyterapp.shell.currentWidget"
READY = f"{NOTEBOOK}?.sessionContext?.session?.kernel?.connectionStatus === 'connected'"
# the time of what a hand did last, by the same clock as the widget's mark
LISTEN = """
if (!window.handListens) {
  window.handListens = true;
  for (const kind of ["keydown", "pointerdown", "pointerup", "input", "change"]) {
    const note = () => { window.handAt = performance.now(); };
    document.addEventListener(kind, note, true);
  }
}
"""


def open_in_lab(page: Page, lab: Server, name: str) -> None:
    """Show a notebook of the server's folder and wait for its kernel."""
    page.goto(f"{lab.url}/lab/tree/{name}?token={TOKEN}&reset", timeout=RUN_MS)
    page.wait_for_function(READY, timeout=RUN_MS)


def run_all(page: Page) -> None:
    """Run all cells and wait until the last one has ended."""
    idle = f"{NOTEBOOK}.sessionContext.session.kernel.status === 'idle'"
    page.evaluate("window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(idle, timeout=RUN_MS)


def faults(page: Page) -> list[str]:
    """Errors that stand in the page as output of a cell."""
    wrong = page.locator(".jp-OutputArea-output[data-mime-type*='error'], .jp-RenderedText pre")
    return [text for text in wrong.all_inner_texts() if "Traceback" in text]


class PageOfLesson09:
    """The workbench as a hand and an eye have it."""

    def __init__(self, page: Page):
        self.page = page
        self.picture = page.locator(".mineral-picture")
        self.image = page.locator(".mineral-picture-image")
        self.legend = page.locator(".mineral-legend")
        expect(self.image).to_have_attribute("data-shown", re.compile(r"\d+"), timeout=RUN_MS)
        page.evaluate(LISTEN)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def field(self, label: str) -> Locator:
        return self.page.get_by_label(label, exact=True)

    def shown(self) -> int:
        """How many pictures have come."""
        return int(self.image.get_attribute("data-shown"))

    def wait_for_picture(self, before: int) -> float:
        """Wait until more pictures have come than `before`; ms from the hand to the last one."""
        self.page.wait_for_function(
            "n => Number(document.querySelector('.mineral-picture-image').dataset.shown) > n",
            arg=before,
        )
        return self.page.evaluate(
            "performance.getEntriesByName('mineral-picture').at(-1).startTime - window.handAt"
        )

    def area(self, name: str) -> float:
        """The share of the area of a mineral, in percent, as the page shows it."""
        row = self.legend.locator("tr", has=self.page.locator(f"th:text-is('{name}')"))
        return float(row.locator("td").nth(1).inner_text().strip("<% "))

    def new_area(self, name: str, before: float | None) -> float:
        """The share of a mineral, once it is another than before; the table comes after the
        picture. With None: what it is after a moment."""
        for _ in range(200):
            self.page.wait_for_timeout(500 if before is None else 100)
            rows = self.legend.locator(f"th:text-is('{name}')")
            if rows.count() and (before is None or self.area(name) != before):
                break
        return self.area(name)

    def said(self) -> str:
        """The line of status."""
        return self.page.locator(".mineral-status, .mineral-error").inner_text()

    def wait_for_words(self, words: str) -> None:
        expect(self.page.locator(".mineral-status, .mineral-error")).to_contain_text(words)

    def type_name(self, name: str) -> float:
        """Type a name that changes the map and wait for the picture; ms."""
        before, field = self.shown(), self.field("Add a name")
        field.fill(name)
        field.press("Enter")
        return self.wait_for_picture(before)

    def choose_mode(self, name: str) -> None:
        self.button(name).click()
        self.page.wait_for_timeout(100)

    def click(self, x: float, y: float) -> None:
        """Click at a place, in parts of width and height."""
        box = self.image.bounding_box()
        self.image.click(position={"x": x * box["width"], "y": y * box["height"]})

    def select(self, x: float, y: float) -> float:
        """Click where a click selects, and wait for the picture; ms."""
        before = self.shown()
        self.click(x, y)
        return self.wait_for_picture(before)

    def drag(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """Drag from one place to another, in parts of width and height."""
        self.image.scroll_into_view_if_needed()
        box = self.image.bounding_box()
        ends = [
            (box["x"] + x * box["width"], box["y"] + y * box["height"])
            for x, y in ((x1, y1), ((x1 + x2) / 2, (y1 + y2) / 2), (x2, y2))
        ]
        self.page.mouse.move(*ends[0])
        self.page.mouse.down()
        for end in ends[1:]:
            self.page.mouse.move(*end)
        self.page.mouse.up()

    def upload(self, name: str, content: bytes) -> None:
        """Choose a file in the browser's own dialog."""
        with self.page.expect_file_chooser() as dialog:
            self.page.locator(".widget-upload").click()
        dialog.value.set_files({"name": name, "mimeType": "image/png", "buffer": content})

    def press(self, *keys: str) -> None:
        """Keys, one after the other, in what has the focus."""
        for key in keys:
            self.page.keyboard.press(key)
