"""The other sources: saved pages, a folder with a table, digital sections, the API."""

from __future__ import annotations

import json
import logging
import os
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from mineral_utils.__main__ import main
from mineral_utils.collect import (
    CollectError,
    DrawnSections,
    MindatApi,
    PhotoTable,
    SavedPages,
    Stopped,
    collect,
)
from mineral_utils.photos import load_photo, picture_path, read_ledger

from .mindat_pages import BAD_PAGES, PhotoFacts, page
from .photo_server import picture

# ---- saved pages -----------------------------------------------------------------------------


def saved(folder, number: int, where: str, content: bytes | None = None, **facts) -> None:
    """A page saved as ``photo-NUMBER.html`` with its picture somewhere."""
    file = folder / where
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture(number) if content is None else content)
    text = page(PhotoFacts(photo_id=number, **facts))
    (folder / f"photo-{number}.html").write_text(text, encoding="utf-8")


def test_pictures_are_found_wherever_browsers_put_them(tmp_path):
    folder = tmp_path / "saved"
    saved(folder, 1, "photo-1_files/a.jpg", picture="photo-1_files/a.jpg")
    saved(folder, 2, "photo-2_files/01234560017000000000002.jpg")
    saved(folder, 3, "photo-3.jpg", caption="PPL, width 1 mm")
    saved(folder, 4, "pictures/4.JPG")
    saved(folder, 5, "photo 5_files/a%20b.jpg")
    (folder / "photo-5.html").write_text(
        page(PhotoFacts(photo_id=5, picture="./photo%205_files/a%2520b.jpg"), "2017")
    )
    (folder / "photo-1_files" / "frame.html").write_text("<html>an advertisement</html>")
    done = collect(SavedPages(folder, "A. Example, letter"), tmp_path / "ledger", progress=False)
    assert (done.added, done.left_out) == (5, {})
    rows = read_ledger(tmp_path / "ledger", strict=True, check_pictures=True)
    assert [row.photo_id for row in rows] == ["1", "2", "3", "4", "5"]
    for row in rows:
        assert picture_path(tmp_path / "ledger", row).read_bytes() == picture(int(row.photo_id))
        assert row.permission == "A. Example, letter" and row.retrieved_at
    assert (rows[2].light, rows[2].field_width_mm) == ("ppl", 1.0)
    assert collect(SavedPages(folder), tmp_path / "ledger", progress=False).had == 5


def test_bad_pages_and_pictures_are_named_and_the_rest_is_taken(tmp_path):
    folder = tmp_path / "saved"
    saved(folder, 1, "1.jpg")
    saved(folder, 2, "2.jpg", content=picture(2)[:-100])
    saved(folder, 3, "3.jpg", content=b"<html>Not Found</html>")
    saved(folder, 4, "elsewhere.jpg")
    saved(folder, 5, "5.jpg", content=b"")
    for name, text in BAD_PAGES.items():
        (folder / f"bad {name}.html").write_text(text, encoding="utf-8")
    with open(folder / "large.htm", "wb") as file:
        file.truncate(200_000_000)
    done = collect(SavedPages(folder), tmp_path / "ledger", progress=False)
    assert done.added == 1 and len(done.left_out) == 4 + len(BAD_PAGES) + 1
    assert "cut off" in done.left_out["photo-2.html"]
    assert "web page" in done.left_out["photo-3.html"]
    assert "save it beside the page as photo-4.jpg" in done.left_out["photo-4.html"]
    assert "200 MB" in done.left_out["large.htm"]
    assert "check for robots" in done.left_out["bad challenge.html"]


def test_a_page_cannot_reach_for_files_outside_its_folder(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(picture(9))
    for number, path in enumerate(
        ("../secret.jpg", str(tmp_path / "secret.jpg"), "..%2Fsecret.jpg")
    ):
        folder = tmp_path / str(number)
        saved(folder, 1, "other.jpg")
        text = page(PhotoFacts(photo_id=1, picture=path), "2017")
        (folder / "photo-1.html").write_text(text)
        done = collect(SavedPages(folder), tmp_path / "ledger", progress=False)
        assert "its picture is not in" in done.left_out["photo-1.html"], path


def test_folders_without_pages_are_refused(tmp_path):
    with pytest.raises(CollectError, match="holds no page"):
        SavedPages(tmp_path)
    with pytest.raises(CollectError, match="is no folder"):
        SavedPages(tmp_path / "none")


def test_thin_sections_are_kept_apart(tmp_path):
    folder = tmp_path / "saved"
    kinds = ("Polished Section (Slice or Surface)", "Thin Section (Polarized Light)", "SEM", None)
    for number, kind in enumerate(kinds, 1):
        saved(folder, number, f"{number}.jpg", kind=kind)
    ids = {"polished": ["1", "4"], "thin": ["2"], "all": ["1", "2", "3", "4"]}
    for name, expected in ids.items():
        out = tmp_path / name
        more = [] if name == "polished" else ["--kinds", name]
        assert main(["collect", "pages", str(folder), "--quiet", "--out", str(out), *more]) == 0
        assert [row.photo_id for row in read_ledger(out)] == expected


# ---- a folder with a table -------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "mine"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "sub/b.jpg", "Ё.jpg")):
        (folder / name).write_bytes(picture(number))
    return folder


TABLE = """file_name,minerals,caption,light,field_width_mm,photographer,licence,may_redistribute
a.jpg,Galena; Pyrite,"no gold, crossed",XPL,"0,5",A. Example,CC BY 4.0,yes
sub\\b.jpg,галенит,,ppl,1.5,,,

Ё.jpg,,,,,,,no
"""


@pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
def test_a_table_becomes_rows(photos, tmp_path, charset):
    (photos / "photos.csv").write_bytes(TABLE.encode(charset))
    done = collect(PhotoTable(photos), tmp_path / "ledger", progress=False)
    assert done.complete and done.added == 3
    first, second, third = read_ledger(tmp_path / "ledger", strict=True, check_pictures=True)
    assert (first.source, first.photo_id, first.light) == ("mine", "a.jpg", "xpl")
    assert (first.title, first.title_minerals) == ("Galena, Pyrite", ["Galena", "Pyrite"])
    assert (first.mineral_names, first.field_width_mm) == (("Galena", "Pyrite"), 0.5)
    assert (first.photographer, first.licence, first.may_redistribute) == (
        "A. Example",
        "CC BY 4.0",
        True,
    )
    assert (second.photo_id, second.mineral_names) == ("sub/b.jpg", ("Galena",))
    assert (third.photo_id, third.may_redistribute, third.light) == ("Ё.jpg", False, "unknown")


def test_semicolons_and_tabs_may_part_columns(photos, tmp_path):
    for sign, quoted in ((";", '"Galena; Pyrite"'), ("\t", "Galena; Pyrite")):
        text = f"file_name{sign}minerals{sign}caption\na.jpg{sign}{quoted}{sign}x\n"
        (photos / "t.csv").write_text(text)
        table = PhotoTable(photos, photos / "t.csv", source="test")
        assert table.rows[0][2].title_minerals == ["Galena", "Pyrite"]
        assert table.rows[0][2].source == "test"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column file_name"),
        ("name,minerals\na.jpg,x\n", "no column file_name"),
        ("file_name,mineral\na.jpg,x\n", "'mineral' is unknown .*did you mean minerals"),
        ("file_name,sha256\na.jpg,x\n", "'sha256' is unknown"),
        ("file_name,caption,caption\n", "given twice"),
        ("file_name,light\na.jpg,dark\n", "line 2: light is 'dark'"),
        ("file_name,field_width_mm\na.jpg,wide\n", "line 2: field_width_mm is 'wide'"),
        ("file_name,may_redistribute\na.jpg,perhaps\n", "write yes or no"),
        ("file_name\na.jpg\na.jpg\n", "line 3: photo a.jpg stands in line 2 already"),
        ("file_name\na.jpg,b,c\n", "line 2: 3 cells under 1 columns"),
        ("file_name,caption\n,words\n", "line 2: file_name is empty"),
        ("file_name,page_url\na.jpg,javascript:x\n", "line 2: page_url"),
        ('file_name,caption\na.jpg,"open\n', "is no CSV table"),
    ],
)
def test_unfit_tables_are_refused_with_the_line(photos, text, said):
    (photos / "photos.csv").write_text(text)
    with pytest.raises(CollectError, match=said):
        PhotoTable(photos)


def test_missing_photos_and_path_tricks_are_named(photos, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(picture(7))
    (photos / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (photos / "half.jpg").write_bytes(picture(1)[:500])
    names = ["../secret.jpg", str(tmp_path / "secret.jpg"), "link.jpg", "none.jpg", "half.jpg"]
    (photos / "photos.csv").write_text("\n".join(["file_name", *names, "a.jpg"]))
    done = collect(PhotoTable(photos), tmp_path / "ledger", progress=False)
    reasons = list(done.left_out.values())
    assert done.added == 1 and len(reasons) == 5
    assert all("lies outside the folder" in reason for reason in reasons[:3])
    assert "cannot be read" in reasons[3] and "cut off" in reasons[4]


def test_a_missing_table_is_said(photos):
    with pytest.raises(CollectError, match="photos.csv cannot be read .*--csv"):
        PhotoTable(photos)
    with pytest.raises(CollectError, match="is no folder"):
        PhotoTable(photos / "none")


# ---- digital sections ------------------------------------------------------------------------


def test_digital_sections_come_with_captions_and_twins(tmp_path):
    assert len(DrawnSections(4)) == 4
    assert collect(DrawnSections(3), tmp_path, progress=False).added == 3
    again = collect(DrawnSections(4), tmp_path, progress=False)
    assert (again.added, again.had) == (1, 3)
    rows = read_ledger(tmp_path, strict=True, check_pictures=True)
    assert [row.photo_id for row in rows] == ["1-0-ppl", "1-0-xpl", "1-1-ppl", "1-2-ppl"]
    assert rows[0].field_group == rows[1].field_group != rows[2].field_group
    assert [row.light for row in rows] == ["ppl", "xpl", "ppl", "ppl"]
    assert len({row.specimen for row in rows}) == 1
    assert all(row.title_minerals and row.mineral_names and row.may_redistribute for row in rows)
    photo = load_photo(picture_path(tmp_path, rows[0]))
    assert (photo.width, photo.height) == (448, 336)
    with pytest.raises(CollectError, match="ask for 1 or more"):
        DrawnSections(0)


# ---- the API ---------------------------------------------------------------------------------

KEY = "k3y" * 10 + "99"
ENTRIES = [
    *({"id": k, "name": f"Mineral {k}", "entrytype": 0, "groupid": 900} for k in range(1, 8)),
    {"id": 20, "name": "Blende", "entrytype": 1, "synid": 3},
    {"id": 21, "name": "Galenite", "entrytype": 1, "synid": 99},
    {"id": 30, "name": "Electrum", "entrytype": 2, "varietyof": 4},
    {"id": 900, "name": "Galena Group", "entrytype": 5, "groupid": 0},
]


@contextmanager
def api_server(faults: list[str], largest: int = 1000):
    """The API as far as we ask it; pages above `largest` are answered by no JSON."""
    asked: list[tuple[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("Authorization", "")))
            query = {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            fault = faults.pop(0) if faults and "robots" not in self.path else ""
            if "robots" in self.path:
                return self._send(404, b"")
            if self.headers.get("Authorization") != f"Token {KEY}":
                return self._send(401, b"{}")
            if fault:
                return self._send(int(fault), b"{}")
            size, number = int(query["page-size"]), int(query["page"])
            if size > largest:
                return self._send(200, b"<html>too large</html>")
            found = [e for e in ENTRIES if str(e["entrytype"]) == query.get("entrytype")]
            if "id__in" in query:
                found = [e for e in ENTRIES if str(e["id"]) in query["id__in"].split(",")]
            if "name" in query:
                found = [e for e in found if e["name"] == query["name"]]
            part = found[size * (number - 1) : size * number]
            more = "next" if size * number < len(found) else None
            answer = {"count": len(found), "next": more, "previous": None, "results": part}
            self._send(200, json.dumps(answer).encode())

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}/v1/", asked
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@pytest.fixture
def key(monkeypatch, tmp_path):
    monkeypatch.setenv("MINDAT_API_KEY", KEY)
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path / "state"))
    return KEY


def ask(address: str, kind: str, **more) -> list[dict]:
    api = MindatApi(address, spacing_s=0.005, jitter=0)
    try:
        return list(api.entries(kind, **more))
    finally:
        api.close()


def test_entries_come_with_the_names_they_belong_to(key):
    with api_server(["503", "429"]) as (address, asked):
        synonyms = ask(address, "synonyms")
        assert [(e["name"], e["belongs_to"]) for e in synonyms] == [
            ("Blende", "Mineral 3"),
            ("Galenite", None),
        ]
        assert ask(address, "varieties")[0]["belongs_to"] == "Mineral 4"
        assert ask(address, "species", names=["Mineral 2"])[0]["belongs_to"] == "Galena Group"
        assert [e["name"] for e in ask(address, "groups")] == ["Galena Group"]
        assert {token for path, token in asked if "robots" not in path} == {f"Token {KEY}"}
        assert not any(KEY in path for path, _ in asked)


def test_pages_that_are_too_large_are_halved(key):
    with api_server([], largest=60) as (address, asked):
        assert len(ask(address, "species")) == 7
        sizes = [parse_qs(urlsplit(path).query).get("page-size") for path, _ in asked]
        assert [size[0] for size in sizes if size][:5] == ["800", "400", "200", "100", "50"]


def test_the_key_is_in_no_file_message_or_log(key, tmp_path, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    with api_server([]) as (address, _):
        words = ["--site", address, "--spacing", "0.005"]
        out = tmp_path / "names.jsonl"
        assert main(["collect", "api", "synonyms", "--out", str(out), *words]) == 0
        assert [json.loads(line)["name"] for line in out.read_text().splitlines()] == [
            "Blende",
            "Galenite",
        ]
        api = MindatApi(address, spacing_s=0.005)
        shown = [repr(vars(api)), str(api._session.headers), repr(api._session.auth)]
        api.close()
    unreachable = MindatApi("http://127.0.0.1:9/v1/", spacing_s=0.001, jitter=0)
    with pytest.raises(Stopped) as told:
        list(unreachable.entries("species"))
    unreachable.close()
    written = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert KEY.encode() not in written and written
    shown += [str(told.value), str(told.value.__cause__), *capsys.readouterr()]
    assert KEY not in " ".join([*shown, caplog.text])


def test_a_refused_or_missing_key_is_said(key, monkeypatch, tmp_path, capsys):
    with api_server(["401"]) as (address, _), pytest.raises(Stopped, match="refused the key"):
        ask(address, "species")
    monkeypatch.setenv("MINDAT_API_KEY", "short")
    with pytest.raises(CollectError, match="holds no key: a key has 32.* this 5"):
        MindatApi()
    monkeypatch.delenv("MINDAT_API_KEY")
    assert main(["collect", "api", "species", "--out", str(tmp_path / "x.jsonl")]) == 2
    assert "environment variable MINDAT_API_KEY" in capsys.readouterr().err
    assert os.listdir(tmp_path) in ([], ["state"])
