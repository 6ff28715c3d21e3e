"""The imitated site says what its photos say, obeys what it is told, and can be collected from."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
import requests
from PIL import Image

from mineral_utils.collect import (
    ChallengePage,
    ImitatedSite,
    LivePages,
    PageError,
    SavedPages,
    Site,
    collect,
    parse_page,
)
from mineral_utils.collect.imitation import FAULTS, FIRST_ID, RIGHTS
from mineral_utils.collect.source import CollectError, Found
from mineral_utils.photos import Row, read_ledger

PERMISSION = "A. Example, letter of 2026-03-01"
A, B, C, D = range(FIRST_ID, FIRST_ID + 4)


def found(number: int, **fields) -> Found:
    """A photo of noise; photos 0 and 1 show one field, and two photos a specimen."""
    file = io.BytesIO()
    noise = np.random.default_rng(number).integers(0, 256, (24, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, format="PNG")
    minerals = ["Galena", "Löllingite"]
    values = {
        "source": "sections",
        "photo_id": str(number),
        "title": ", ".join(minerals),
        "title_minerals": minerals,
        "caption": f"Galena no. {number}, 3 < 4 & no pyrite.\nFOV 0.5 mm",
        "photo_type": "Polished Section (Polarized Light)",
        "specimen": f"digital-{number // 2}",
        "field_group": f"digital-{number if number > 1 else 0}",
        "locality": "Digital deposit 0",
    }
    return Found(Row(**(values | fields)), file.getvalue())


@pytest.fixture
def site():
    with ImitatedSite([found(number) for number in range(4)]) as running:
        yield running


@pytest.fixture
def run(site, tmp_path):
    def once(ids=None, spacing_s=0.01):
        transport = Site(
            site.url,
            tmp_path / "pages.sqlite",
            spacing_s=spacing_s,
            jitter=0,
            state=tmp_path / "state",
        )
        source = LivePages(ids or site.ids, PERMISSION, transport)
        return collect(source, tmp_path / "ledger", progress=False)

    return once


def get(site, path, **headers):
    session = requests.Session()
    session.trust_env = False  # no proxy on the way to this machine
    return session.get(site.url + path, headers=headers, timeout=5)


# ---- pages -----------------------------------------------------------------------------------


def test_the_parser_reads_from_a_page_what_the_row_says(site):
    row = parse_page(site.page(B), url=site.url + site.page_path(B)).row
    said = site.rows[B]
    for name in ("photo_id", "page_url", "image_url", "title", "photo_type", "specimen"):
        assert getattr(row, name) == getattr(said, name), name
    assert row.title_minerals == ["Galena", "Löllingite"]  # neither menu, comment nor footer
    lines = ["Galena no. 1, 3 < 4 & no pyrite.", "FOV 0.5 mm", f"The same field: {A}"]
    assert row.caption == "\n".join(lines)
    assert row.field_group == f"mindat:{A}" and row.field_width_mm == 0.5
    assert row.locality == "Digital deposit 0, Example District, Exampleland"


def test_each_specimen_has_an_owner_and_only_one_of_them_gives_leave(site):
    rows = [parse_page(site.page(n)).row for n in site.ids]
    assert [row.specimen for row in rows] == ["DIG-000", "DIG-000", "DIG-001", "DIG-001"]
    assert [row.photographer for row in rows] == ["A. Example"] * 2 + ["B. Sample"] * 2
    assert [row.licence for row in rows] == [RIGHTS[0]] * 2 + [RIGHTS[1]] * 2
    third = ImitatedSite([found(n) for n in (0, 2, 4)])
    third.close()
    kept = [parse_page(third.page(n)).row.may_redistribute for n in third.ids]
    assert kept == [False, False, True]


def test_markup_in_a_text_stays_text(site):
    bad = '<script>alert("x")</script> </div><img src=x onerror=alert(1)>'
    site.change(A, caption=bad, locality='"><b>Mine')
    assert "<script" not in site.page(A) and "<img src=x" not in site.page(A)
    row = parse_page(site.page(A)).row
    assert row.caption.splitlines()[0] == bad and row.locality == '"><b>Mine'


def test_a_page_saved_as_a_browser_does_is_collected_with_its_picture(site, tmp_path):
    for number in site.ids[:2]:
        assert site.save(number, tmp_path / "saved").name == f"photo-{number}.html"
    done = collect(SavedPages(tmp_path / "saved"), tmp_path / "ledger", progress=False)
    assert done.complete and done.added == 2 and site.log == []
    rows = read_ledger(tmp_path / "ledger", strict=True, check_pictures=True)
    assert {row.photo_id: row.sha256 for row in rows} == {
        str(n): site.sha256(n) for n in site.ids[:2]
    }


def test_digital_sections_are_the_photos_by_default():
    site = ImitatedSite(2)
    site.close()
    row = parse_page(site.page(FIRST_ID)).row
    assert row.photo_type == "Polished Section (Polarized Light)" and row.title_minerals
    assert Image.open(io.BytesIO(site.picture(FIRST_ID))).format == "JPEG"


# ---- answers ---------------------------------------------------------------------------------


def test_it_answers_on_this_machine_alone_and_not_after_its_end(site):
    assert site._http.server_address[0] == "127.0.0.1" and site._thread.daemon
    assert get(site, "/elsewhere").status_code == 404
    site.close()
    with pytest.raises(requests.ConnectionError):
        get(site, "/robots.txt")


def test_pictures_want_their_page_as_referer(site):
    path = site.picture_path(A)
    assert get(site, path).status_code == 403
    assert get(site, path, Referer=site.url + site.page_path(B)).status_code == 403
    answer = get(site, path, Referer=site.url + site.page_path(A))
    assert answer.content == site.picture(A) and answer.headers["Content-Type"] == "image/jpeg"
    assert [asked.outcome for asked in site.log] == ["403", "403", "200"]


def test_galleries_are_there_but_forbidden(site):
    page = get(site, "/gm/999777").text
    assert all(f"photo-{n}.html" in page for n in site.ids)
    with pytest.raises(PageError, match="gallery"):
        parse_page(page, url=f"{site.url}/gm/999777")
    assert "Disallow: /gm/" in get(site, "/robots.txt").text
    assert site.forbidden_asked() == ["/gm/999777"]


def test_a_collector_obeys_its_robots_txt(site, run, tmp_path):
    site.forbidden.append(site.page_path(B))
    site.crawl_delay_s = 0.08
    done = run(spacing_s=0.01)
    assert (done.added, done.rows) == (3, 3) and not done.complete
    assert done.left_out == {f"photo {B}": f"robots.txt forbids /photo-{B}.html"}
    assert site.forbidden_asked() == [] and site.paths()[0] == "/robots.txt"
    assert len(site.log) == 1 + 2 * 3 and site.closest_s() >= 0.08
    rows = read_ledger(tmp_path / "ledger", strict=True, check_pictures=True)
    assert {row.photo_id: row.sha256 for row in rows} == {str(n): site.sha256(n) for n in (A, C, D)}
    assert {row.permission for row in rows} == {PERMISSION}


# ---- troubles --------------------------------------------------------------------------------


def test_troubles_are_made_as_told_and_end(site):
    for fault in ("429", "challenge", "truncated"):
        site.add_fault(A, fault)
    answers = [get(site, site.page_path(A)) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 503, 200, 200]
    assert answers[0].headers["Retry-After"] == "1"
    with pytest.raises(ChallengePage):
        parse_page(answers[1].content)
    assert len(answers[2].content) == len(answers[3].content) // 2
    site.add_fault(A, "drop")
    with pytest.raises(requests.ConnectionError):
        get(site, site.page_path(A))
    site.slow_s = 0.2
    site.add_fault(A, "slow")
    begun = time.monotonic()
    assert get(site, site.page_path(A)).content == answers[3].content
    assert time.monotonic() - begun >= 0.2


def test_a_collector_gets_over_troubles_and_stops_at_a_challenge(site, run):
    site.retry_after_s = 1.0
    site.add_fault(A, "429")
    site.add_fault(A, "truncated", "picture", times=2)
    site.add_fault(B, "drop", "picture")
    site.add_fault(C, "challenge")
    begun = time.monotonic()
    done = run()
    assert time.monotonic() - begun >= 1.0
    assert done.added == 2 and "check for robots" in done.stopped
    assert site.paths()[-1] == site.page_path(C)
    assert run().complete


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"fault": "fire"}, f"it has {', '.join(FAULTS)}"),
        ({"number": 5}, "one of the site's ids"),
        ({"where": "caption"}, "where='page' or 'picture'"),
        ({"times": 0}, "times of 1 or more"),
    ],
)
def test_unknown_troubles_are_refused(site, wrong, words):
    with pytest.raises(CollectError, match=words):
        site.add_fault(**({"number": A, "fault": "drop"} | wrong))


def test_a_site_needs_photos_and_a_delay_that_can_be():
    with pytest.raises(CollectError, match="at least one"):
        ImitatedSite([])
    with pytest.raises(CollectError, match="0 or more"):
        ImitatedSite(1, crawl_delay_s=-1)
