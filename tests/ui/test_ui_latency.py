"""How long a hand waits for the eye, in a real browser: measured, written down, never judged here.

Times run from the event in the page (the key, the click) to the ``load`` event of the new picture,
so network, kernel and browser are all in them. Written to ``runs/ui/latency.json``, from which
``python -m tests.bench.live`` takes them into ``figures/results/live.json``.
"""

from __future__ import annotations

import statistics

import pytest
from playwright.sync_api import Page

from mineral_utils.run import write_json

from .conftest import OUT, Server
from .notebook import PageOfLesson09, open_in_lab, run_all

# a measurement, not a check: `python -m pytest -m "ui and slow" tests/ui` on a quiet machine
pytestmark = [pytest.mark.ui, pytest.mark.slow]
EIGHT = ["pyrite", "sphalerite", "chalcopyrite", "quartz", "magnetite", "bornite", "pyrrhotite"]
TIMES = 12
ARROWS, ENDS = ("ArrowRight", "ArrowLeft"), ("End", "Home")


def test_latency_from_the_hand_to_the_pixels(page: Page, lab: Server, lesson):
    name = "09_segment_your_photos"
    size = {"SECTIONS": [6], "SIZE": [768, 1024], "MINERALS": EIGHT}
    lesson(lab.folder / "latency", name, only_page=True, INTERACTIVE=True, **size)
    open_in_lab(page, lab, f"latency/{name}.ipynb")
    run_all(page)
    bench = PageOfLesson09(page)
    found: dict[str, list[float]] = {"name": [], "opacity": [], "confidence": [], "click": []}
    for _ in range(TIMES):
        found["name"].append(bench.type_name("galena"))  # the eighth
        before = bench.shown()
        bench.button("galena ✕").click()
        found["name"].append(bench.wait_for_picture(before))
    for kind, number, keys in (("opacity", 0, ARROWS), ("confidence", 1, ENDS)):
        page.get_by_role("slider").nth(number).focus()
        for step in range(TIMES):
            before = bench.shown()
            bench.press(keys[step % 2])
            found[kind].append(bench.wait_for_picture(before))
    bench.choose_mode("outline")
    for step in range(TIMES):
        found["click"].append(bench.select(0.3 + 0.03 * step, 0.5))
    assert all(len(times) >= TIMES and min(times) > 0 for times in found.values())
    rows = {
        kind: {
            "median_ms": round(statistics.median(times), 1),
            "worst_ms": round(max(times), 1),
            "times": len(times),
        }
        for kind, times in found.items()
    }
    write_json(OUT / "latency.json", {"photo": "1024 x 768 px", "names": 8, "browser": rows})
