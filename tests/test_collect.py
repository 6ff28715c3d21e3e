"""Collecting from live pages: good manners, patience with a bad server, stopping where it must."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from mineral_utils.__main__ import main
from mineral_utils.collect import LivePages, Site, Stopped, collect
from mineral_utils.collect import manners as manners_module
from mineral_utils.collect.live import check_permission, photo_id, read_ids
from mineral_utils.collect.manners import HostGate
from mineral_utils.collect.source import CollectError
from mineral_utils.photos import Ledger, read_ledger

from .bench.collect import measure
from .photo_server import FAULTS, FINAL, FIRST_ID, FORBIDDEN, PhotoServer

ROOT = Path(__file__).resolve().parents[1]
PERMISSION = "A. Example, letter of 2026-03-01"
SPACING = 0.02


@pytest.fixture
def server():
    with PhotoServer(3) as running:
        yield running


@pytest.fixture
def run(server, tmp_path):
    """Collect all photos of the server into ``tmp_path / "ledger"``; gives the summary."""

    def once(ids=None, wanted=lambda kind: True, **settings):
        settings = {"spacing_s": SPACING, "jitter": 0.2, "state": tmp_path / "state"} | settings
        site = Site(server.url, tmp_path / "cache" / "pages.sqlite", **settings)
        source = LivePages(ids or server.ids, PERMISSION, site, wanted)
        return collect(source, tmp_path / "ledger", progress=False)

    return once


def stored(tmp_path: Path) -> dict[str, str]:
    """Photo id -> sha256, after everything was checked."""
    rows = read_ledger(tmp_path / "ledger", strict=True, check_pictures=True)
    images = os.listdir(tmp_path / "ledger" / "images")
    assert sorted(images) == sorted(row.file_name.removeprefix("images/") for row in rows)
    return {row.photo_id: row.sha256 for row in rows}


# ---- a good server ---------------------------------------------------------------------------


def test_photos_come_with_their_texts_and_rights(server, run, tmp_path):
    done = run(contact="b@example.org")
    assert (done.added, done.had, done.complete, done.rows) == (3, 0, True, 3)
    assert stored(tmp_path) == {str(k): server.sha256(k) for k in server.ids}
    row = read_ledger(tmp_path / "ledger")[0]
    assert row.page_url == f"{server.url}/photo-{FIRST_ID}.html"
    assert (row.permission, row.photographer, row.licence) == (
        PERMISSION,
        "A. Example",
        "© A. Example",
    )
    assert row.mineral_names == ("Galena", "Pyrite", "Arsenopyrite")
    assert row.minerals[-1]["where"] == "text" and row.may_redistribute is False
    # one page and one picture a photo, robots.txt first, and the collector says who it is
    assert server.paths()[0] == "/robots.txt"
    assert len(server.log) == 1 + 2 * 3
    agents = {asked.agent for asked in server.log}
    assert len(agents) == 1 and "mineral_utils/" in agents.copy().pop()
    assert "b@example.org" in agents.pop()
    assert server.log[2].referer == row.page_url


def test_a_second_run_asks_for_nothing_that_it_has(server, run, tmp_path):
    run(ids=server.ids[:2])
    before, asked = stored(tmp_path), len(server.log)
    done = run()
    assert (done.added, done.had) == (1, 2)
    assert stored(tmp_path).items() >= before.items()
    assert sorted(server.paths()[asked:]) == sorted(
        ["/robots.txt", f"/photo-{FIRST_ID + 2}.html", server.facts[FIRST_ID + 2].picture_path]
    )
    asked = len(server.log)
    assert run().had == 3 and len(server.log) == asked


def test_pages_are_asked_for_once_also_when_their_picture_failed(server, run):
    path = server.facts[FIRST_ID].picture_path
    server.faults[path] = ["truncated"] * 6
    assert list(run().left_out) == [f"photo {FIRST_ID}"]
    assert run().complete
    assert server.paths().count(f"/photo-{FIRST_ID}.html") == 1
    assert server.paths().count(path) == 7


def test_kinds_that_were_not_asked_for_are_not_taken(server, run, tmp_path):
    server.change(FIRST_ID, kind="Thin Section (Normal Light)")
    done = run(wanted=lambda kind: kind.startswith("Polished"))
    assert (done.added, done.other_kinds, done.complete) == (2, 1, True)
    assert server.facts[FIRST_ID].picture_path not in server.paths()


# ---- a bad server ----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS)
def test_what_can_be_mended_is_mended(server, run, tmp_path, fault):
    server.faults["/robots.txt"] = [fault] if fault in ("503", "drop", "redirect") else []
    server.faults[f"/photo-{FIRST_ID}.html"] = [fault]
    server.faults[server.facts[FIRST_ID].picture_path] = [fault]
    assert run(ids=[FIRST_ID]).complete
    assert stored(tmp_path) == {str(FIRST_ID): server.sha256(FIRST_ID)}
    assert server.closest_s() >= SPACING


def test_only_so_many_tries(server, run):
    server.faults[f"/photo-{FIRST_ID}.html"] = ["503"] * 20
    done = run(spacing_s=0.01)
    assert done.added == 2 and "503 Service Unavailable, 6 times in a row" in str(done.left_out)
    assert server.paths().count(f"/photo-{FIRST_ID}.html") == 6


def test_waits_grow(server, run):
    server.faults[f"/photo-{FIRST_ID}.html"] = ["500"] * 4
    assert run(ids=[FIRST_ID], spacing_s=0.05, jitter=0).complete
    times = [asked.time for asked in server.log if "photo-" in asked.path]
    gaps = [b - a for a, b in zip(times, times[1:], strict=False)]
    assert all(gap >= 0.05 * 2**k for k, gap in enumerate(gaps[:4]))


def test_a_server_in_trouble_is_left_alone(server, run):
    for number in server.ids:
        server.faults[f"/photo-{number}.html"] = ["drop"] * 20
    done = run(spacing_s=0.005)
    assert "leave it alone" in done.stopped and len(done.left_out) == 3


@pytest.mark.parametrize("fault", FINAL)
@pytest.mark.parametrize("where", ["page", "picture", "robots"])
def test_it_stops_at_once_where_it_must(server, run, tmp_path, fault, where):
    paths = {"page": f"/photo-{FIRST_ID + 1}.html", "robots": "/robots.txt"}
    path = paths.get(where, server.facts[FIRST_ID + 1].picture_path)
    server.faults[path] = [fault] * 9
    done = run()
    assert done.stopped and not done.complete
    if where != "robots":
        expected = "403" if fault == "403" else "check for robots"
        assert expected in done.stopped
        assert list(stored(tmp_path)) == [str(FIRST_ID)]
        assert server.paths()[-1] == path and server.paths().count(path) == 1
    elif fault != "challenge 503":
        assert server.paths() == ["/robots.txt"]


def test_missing_photos_and_other_pages_are_named(server, run):
    server.change(FIRST_ID, minerals=(), picture="/imagecache/none.jpg")
    done = run(ids=[FIRST_ID, 99, FIRST_ID + 1])
    assert done.left_out == {
        f"photo {FIRST_ID}": "the server answered 404 Not Found",
        "photo 99": "the server answered 404 Not Found",
    }
    assert done.added == 1


def test_replies_that_are_too_large_are_not_read(server, run, monkeypatch):
    from mineral_utils.collect import transport

    monkeypatch.setattr(transport, "MAX_PICTURE_BYTES", 2000)
    done = run(ids=[FIRST_ID])
    assert "larger than" in done.left_out[f"photo {FIRST_ID}"]


# ---- good manners ----------------------------------------------------------------------------


def test_requests_keep_their_distance_also_between_runs(server, run):
    for number in server.ids:
        server.faults[f"/photo-{number}.html"] = ["drop", "redirect", "429"]
        run(ids=[number], spacing_s=0.06)
    assert len(server.log) >= 15
    assert server.closest_s() >= 0.06


def test_a_request_under_way_in_a_killed_run_counts_as_just_made(tmp_path):
    gate = HostGate("h", 0.2, 0.0, tmp_path)
    gate.begin()
    gate.close()  # killed before the answer: end() was never reached
    time.sleep(0.1)
    gate, begun = HostGate("h", 0.2, 0.0, tmp_path), time.monotonic()
    gate.begin()
    assert time.monotonic() - begun >= 0.19
    gate.end()
    gate.close()
    (tmp_path / "h.json").write_text('{"last": 17')  # torn
    gate, begun = HostGate("h", 0.1, 0.0, tmp_path), time.monotonic()
    gate.begin()
    assert time.monotonic() - begun >= 0.09
    gate.close()


def test_one_host_is_never_asked_in_parallel(tmp_path):
    first = HostGate("h", 0.1, 0.0, tmp_path)
    with pytest.raises(Stopped, match="another program is collecting from h"):
        HostGate("h", 0.1, 0.0, tmp_path)
    HostGate("g", 0.1, 0.0, tmp_path).close()
    first.close()
    HostGate("h", 0.1, 0.0, tmp_path).close()


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_honoured(server, run, form, monkeypatch):
    server.retry_after_s = 1
    if form == "date":
        real = manners_module.retry_after

        def dated(answer):
            answer.headers["Retry-After"] = formatdate(time.time() + 1.5, usegmt=True)
            return real(answer)

        monkeypatch.setattr("mineral_utils.collect.transport.retry_after", dated)
    server.faults[f"/photo-{FIRST_ID}.html"] = ["429"]
    assert run(ids=[FIRST_ID]).complete
    first, second = (asked.time for asked in server.log if "photo-" in asked.path)
    assert second - first >= (1 if form == "seconds" else 0.5)


def test_a_long_retry_after_ends_the_run_and_the_next(server, run):
    server.retry_after_s = 7200
    server.faults[f"/photo-{FIRST_ID}.html"] = ["429"]
    assert "asks not to be asked again before" in run().stopped
    asked = len(server.log)
    assert "asks not to be asked again before" in run().stopped
    assert len(server.log) == asked


def test_robots_txt_is_obeyed_also_on_redirects(server, run):
    server.robots += f"Disallow: /photo-{FIRST_ID + 1}\n"
    server.change(FIRST_ID, picture="/x/secret/1.jpg")
    server.faults[f"/photo-{FIRST_ID + 2}.html"] = ["redirect"]
    server.moved[f"/photo-{FIRST_ID + 2}.html"] = "/gallery.php?min=1"
    done = run()
    assert done.added == 0
    assert [reason.split(" ")[0] for reason in done.left_out.values()] == ["robots.txt"] * 3
    assert not any(
        path.startswith((*FORBIDDEN, f"/photo-{FIRST_ID + 1}")) for path in server.paths()
    )


def test_the_delay_of_robots_txt_counts(server, run):
    server.robots = "User-agent: *\nCrawl-delay: 0.2\n"
    assert run(ids=[FIRST_ID], spacing_s=0.01).complete
    assert server.closest_s() >= 0.2


def test_no_other_site_is_asked(server, run):
    with PhotoServer(1) as other:
        server.change(FIRST_ID, site=other.url)  # its og:image lies there
        server.faults[f"/photo-{FIRST_ID + 1}.html"] = ["redirect"]
        server.moved[f"/photo-{FIRST_ID + 1}.html"] = f"{other.url}/photo-1.html"
        done = run()
        assert other.log == []
    assert done.added == 1
    assert all("leads to another site" in reason for reason in done.left_out.values())


def test_a_full_disk_is_said(server, run, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", full)
        done = run()
    assert "cannot be noted" in done.stopped and "No space left" in done.stopped
    assert server.log == []
    (tmp_path / "cache" / "pages.sqlite").write_bytes(b"no database" * 1000)
    with pytest.raises(CollectError, match="pages cannot be kept in pages.sqlite .*delete that"):
        run()


# ---- permission and ids ----------------------------------------------------------------------


@pytest.mark.parametrize("words", [None, "", "  ", "yes", "2026-03-01"])
def test_without_a_permission_nothing_starts(words):
    with pytest.raises(CollectError, match="needs a permission; say who gave it"):
        check_permission(words)


def test_ids_and_addresses_are_taken_galleries_are_not(tmp_path):
    for given in (77, "77", " 0077 ", "photo-77.html", "https://www.mindat.org/photo-77.html?a"):
        assert photo_id(given) == "77"
    for given in ("", "x", "-1", "https://www.mindat.org/gm/3314", "/gallery.php?min=1", "7 8"):
        with pytest.raises(CollectError, match="no photo id.*never read by program"):
            photo_id(given)
    listed = tmp_path / "ids.txt"
    listed.write_text("# ours\n77\n\nhttps://www.mindat.org/photo-78.html # mine\n")
    assert read_ids(listed) == ["77", "78"]
    for content, said in ((b"77\ngm/1\n", "ids.txt, line 2"), (b"#\n", "holds no photo id")):
        listed.write_bytes(content)
        with pytest.raises(CollectError, match=said):
            read_ids(listed)
    listed.write_bytes(b"\xff\xfe7\x007\x00")
    with pytest.raises(CollectError, match="no text in UTF-8"):
        read_ids(listed)
    with pytest.raises(CollectError, match="cannot be read"):
        read_ids(tmp_path / "none.txt")


def test_sites_and_spacings_are_checked(tmp_path):
    for site in ("mindat.org", "ftp://a", "https://www.mindat.org/photos/all"):
        with pytest.raises(CollectError, match="the site is"):
            Site(site, tmp_path / "c")
    for spacing in (0, -1, float("nan")):
        with pytest.raises(CollectError, match="spacing is"):
            Site("https://www.mindat.org", tmp_path / "c", spacing_s=spacing)


# ---- the command -----------------------------------------------------------------------------


def test_the_command_collects_draws_a_bar_and_goes_on(server, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path))
    ids = tmp_path / "ids.txt"
    ids.write_text("\n".join(map(str, server.ids)))
    server.faults[f"/photo-{FIRST_ID + 1}.html"] = ["403"]
    words = ["collect", "live", str(ids), "--site", server.url, "--spacing", "0.02"]
    words += ["--out", str(tmp_path / "ledger")]
    with pytest.raises(SystemExit):
        main(words)
    assert "--permission" in capsys.readouterr().err and server.log == []
    words += ["--permission", PERMISSION]
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out == "1 photos added, 0 were there already; 1 in the ledger\n"
    assert "stopped: the site answered 403" in said.err
    assert main(words) == 0
    said = capsys.readouterr()
    assert said.out == "2 photos added, 1 were there already; 3 in the ledger\n"
    assert "photos/min" in said.err and " left" in said.err
    assert stored(tmp_path) == {str(k): server.sha256(k) for k in server.ids}


def test_a_ledger_in_use_is_not_collected_into(tmp_path, capsys):
    with Ledger(tmp_path / "ledger"):
        assert main(["collect", "sections", "1", "--quiet", "--out", str(tmp_path / "ledger")]) == 1
    assert capsys.readouterr().err.startswith(
        "error: the ledger ledger is being written by another"
    )


def test_wrong_use_is_said_in_one_sentence(tmp_path, capsys):
    ids = tmp_path / "ids.txt"
    ids.write_text("gm/3314")
    for arguments, said in (
        (("live", ids, "--permission", PERMISSION), "ids.txt, line 1: 'gm/3314' is no photo id"),
        (("live", ids, "--permission", "ok"), "needs a permission"),
        (("pages", tmp_path / "none"), "is no folder"),
        (("sections", 0), "ask for 1 or more"),
    ):
        words = [str(word) for word in (*arguments, "--out", tmp_path / "ledger")]
        assert main(["collect", *words]) == 2, arguments
        told = capsys.readouterr().err
        assert said in told and told.count("\n") == 1 and told.startswith("error: ")
    assert not (tmp_path / "ledger" / "metadata.jsonl").exists()


# ---- killed at any instant -------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_while_writing_and_started_again():
    steps = ("half a picture written", "picture without its line", "half a line written")
    found = measure(3, 3, 0.02, 1, steps, retry_after_s=0, challenges=0, progress=False)
    assert found["steps_covered"] and found["whole_after_every_kill"]
    assert found["photos_there_once"] == found["hashes_right"] == 3
    assert not found["files_without_row"] and not found["photos_unexpected"]
    assert found["photos_doubled"] == found["forbidden_asked"] == 0
    assert found["closest_spacing_s"] >= 0.02


def test_proxies_and_certificates_of_the_session_are_used(monkeypatch):
    import requests
    from requests.adapters import HTTPAdapter

    from mineral_utils.collect.manners import PoliteAdapter

    given = []

    def send(self, request, **options):
        given.append(options)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = 200, request.url, request
        answer.raw = io.BytesIO(b"User-agent: *\nDisallow:\n")
        return answer

    monkeypatch.setattr(HTTPAdapter, "send", send)
    session = requests.Session()
    session.trust_env = False
    session.headers["User-Agent"] = "a test"
    session.proxies, session.verify = {"https": "http://proxy.example:3128"}, "institute.pem"
    session.mount("https://", PoliteAdapter("https://www.mindat.org", 0.0, 0.0))
    session.get("https://www.mindat.org/photo-1.html")
    assert len(given) == 2, "robots.txt and the page"
    for options in given:
        assert options["proxies"]["https"] == "http://proxy.example:3128"
        assert options["verify"] == "institute.pem"
    session.close()
