"""The ledger: nothing lost, nothing doubled, nothing half, whatever happens on the way."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mineral_utils.photos import ledger as module
from mineral_utils.photos.ledger import (
    JOURNAL,
    Ledger,
    LedgerError,
    LedgerWarning,
    Row,
    picture_path,
    read_ledger,
)
from mineral_utils.photos.ledger_row import check_file_name

ROOT = Path(__file__).resolve().parents[1]
FIELDS = (  # the design's list, in its order
    "schema_version, file_name, photo_id, source, page_url, image_url, title, title_minerals, "
    "caption, minerals, photo_type, light, specimen, field_group, locality, photographer, licence, "
    "permission, may_redistribute, field_width_mm, retrieved_at, sha256, split"
).split(", ")


def picture(number: int) -> bytes:
    """A file that begins as JPEGs do; the ledger looks no deeper."""
    return b"\xff\xd8\xff\xe0" + number.to_bytes(4, "big") * 50


def row(number: int, **changes) -> Row:
    return replace(
        Row(
            source="mindat", photo_id=str(number), title="Galena, Pyrite", caption="FOV 0.5 mm\nΓ₁"
        ),
        **changes,
    )


def filled(folder: Path, count: int = 3) -> list[Row]:
    with Ledger(folder) as ledger:
        return [ledger.add(row(k), picture(k)) for k in range(count)]


def lines(folder: Path) -> list[bytes]:
    return (folder / JOURNAL).read_bytes().splitlines(keepends=True)


# ---- rows ------------------------------------------------------------------------------------


def test_a_row_has_the_fields_of_the_design_in_their_order(tmp_path):
    filled(tmp_path, 1)
    assert list(json.loads(lines(tmp_path)[0])) == FIELDS


def test_what_was_stored_is_what_is_read(tmp_path):
    hit = dict(mineral="Galena", span=(0, 6), where="title", words="Galena", reason="x", kept=True)
    full = row(
        1,
        **{"page_url": "https://example.org/photo-1.html", "image_url": "http://example.org/1"},
        **{"title_minerals": ["Galena"], "minerals": [hit, hit | {"kept": False}]},
        **{"photo_type": "Polished Section", "light": "xpl", "specimen": "ABC-123"},
        **{"field_group": "g", "locality": "Mine «Ё»", "photographer": "A. Example"},
        **{"licence": "© A. Example", "permission": "letter", "may_redistribute": True},
        **{"field_width_mm": 1, "split": "train", "retrieved_at": "2026-03-01T12:00:00+00:00"},
    )
    with Ledger(tmp_path) as ledger:
        stored = ledger.add(full, picture(1))
    (read,) = read_ledger(tmp_path)
    assert read == stored
    assert read == replace(full, file_name=read.file_name, sha256=read.sha256)
    assert read.minerals[0]["span"] == [0, 6] and read.field_width_mm == 1.0
    assert read.mineral_names == ("Galena",)
    content = (tmp_path / read.file_name).read_bytes()
    assert content == picture(1) and read.sha256 == hashlib.sha256(content).hexdigest()


def test_hits_may_be_objects():
    @dataclass
    class Found:
        mineral: str = "Pyrite"
        span: tuple[int, int] = (2, 8)
        where: str = "text"
        words: str = "pyrite"
        reason: str = "name"
        kept: bool = False

    given = row(1, minerals=[Found()])
    assert given.minerals[0]["mineral"] == "Pyrite" and given.minerals[0]["span"] == [2, 8]
    assert given.mineral_names == ()


HIT = dict(mineral="Galena", span=[0, 6], where="title", words="Galena", reason="", kept=True)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schema_version": 2}, "schema_version is 2"),
        ({"schema_version": True}, "schema_version"),
        ({"source": " "}, "source is ' '"),
        ({"title": None}, "title is None, expected text"),
        ({"caption": "\ud800"}, "half a character"),
        ({"photo_id": "7\n8"}, "photo_id"),
        ({"photo_id": 7}, "photo_id is 7, expected text"),
        ({"page_url": "javascript:alert(1)"}, "page_url .*https://"),
        ({"image_url": "file:///etc/passwd"}, "image_url"),
        ({"light": "dark"}, "light is 'dark', expected one of ppl"),
        ({"split": "valid"}, "split"),
        ({"field_width_mm": -1}, "field_width_mm is -1"),
        ({"field_width_mm": float("nan")}, "field_width_mm is nan"),
        ({"field_width_mm": True}, "field_width_mm"),
        ({"sha256": "AB" * 32}, "sha256"),
        ({"retrieved_at": "yesterday"}, "retrieved_at"),
        ({"retrieved_at": "2026-03-01T12:00:00"}, "retrieved_at"),  # which zone?
        ({"may_redistribute": 1}, "may_redistribute is 1, expected true or false"),
        ({"title_minerals": "Galena"}, "title_minerals"),
        ({"minerals": [HIT | {"span": [6, 0]}]}, "span"),
        ({"minerals": [HIT | {"where": "menu"}]}, "where"),
        ({"minerals": [{"mineral": "Galena"}]}, "hits with mineral, span"),
        ({"minerals": [7]}, "hits with"),
    ],
)
def test_unfit_fields_are_refused(changes, said):
    with pytest.raises(LedgerError, match=said):
        row(1, **changes)


@pytest.mark.parametrize(
    "name",
    [
        *("../up.jpg", "images/../../up.jpg", "/images/1.jpg", "images", "images/", "1.jpg"),
        *("images//1.jpg", "images/./1.jpg", "images\\1.jpg", "images/..\\1.jpg", "C:/1.jpg"),
        *("images/a:b.jpg", "images/CON.jpg", "images/lpt1", "images/1.jpg.", "images/ 1.jpg"),
        *("images/.hidden.jpg", "images/1\0.jpg", "images/1\n.jpg", "images/" + "n" * 250),
        *("images/a?.jpg", "Images/1.jpg", "images/nul.tar/1.jpg", ""),
    ],
)
def test_path_tricks_in_file_names_are_refused(name):
    with pytest.raises(LedgerError, match="file_name is .*expected a plain path"):
        row(1, file_name=name)


def test_ordinary_file_names_are_taken():
    for name in ("images/1.jpg", "images/Ёлка 2 (b)+c.png", "images/a/b/c.tif", "images/a..b"):
        check_file_name(name)


def test_a_link_that_leads_out_is_refused(tmp_path):
    (tmp_path / "else").mkdir()
    folder = tmp_path / "ledger"
    with Ledger(folder) as ledger:
        (folder / "images" / "away").symlink_to(tmp_path / "else")
        with pytest.raises(LedgerError, match="leads out"):
            ledger.add(row(1, file_name="images/away/1.jpg"), picture(1))
    assert list((tmp_path / "else").iterdir()) == []
    assert lines(folder) == []


@pytest.mark.parametrize("photo_id", ["../../etc/passwd", "a/b\\c", "C:con", "яшма 7", "x" * 500])
def test_odd_photo_ids_get_plain_file_names(tmp_path, photo_id):
    with Ledger(tmp_path / "ledger") as ledger:
        stored = ledger.add(row(1, photo_id=photo_id), picture(1))
    assert re.fullmatch(r"images/[A-Za-z0-9_-]+\.jpg", stored.file_name)
    assert [path.name for path in tmp_path.iterdir()] == ["ledger"]
    assert read_ledger(tmp_path / "ledger") == [stored]


# ---- reading ---------------------------------------------------------------------------------


def test_a_torn_last_line_is_dropped(tmp_path):
    stored = filled(tmp_path)
    whole = (tmp_path / JOURNAL).read_bytes()
    start = len(whole) - len(lines(tmp_path)[-1])
    for end in range(start, len(whole) - 1, 7):
        (tmp_path / JOURNAL).write_bytes(whole[:end])
        assert read_ledger(tmp_path) == stored[:2], end
    with Ledger(tmp_path) as ledger:
        assert len(ledger) == 2
        assert ledger.add(row(2), picture(2)).sha256 == stored[2].sha256
    assert [r.photo_id for r in read_ledger(tmp_path, strict=True)] == ["0", "1", "2"]


def test_a_last_line_that_lacks_only_its_end_counts(tmp_path):
    stored = filled(tmp_path)
    whole = (tmp_path / JOURNAL).read_bytes()
    (tmp_path / JOURNAL).write_bytes(whole[:-1])
    assert read_ledger(tmp_path) == stored
    with Ledger(tmp_path):
        pass
    assert (tmp_path / JOURNAL).read_bytes() == whole


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "no JSON"),
        (b'{"schema_version": 1}\n', "lacks caption"),
        (b"\xff\xfe\n", "no JSON"),
        (b"[" * 100_000 + b"\n", "no JSON"),
        (b"[]\n", "an object"),
        (b'{"schema_version": 9}\n', "schema_version is 9"),
        (b"\0\0\0\0\n", "no JSON"),
        (b'{"schema_version": ' + b"9" * 5000 + b"}\n", "no JSON"),
    ],
)
def test_broken_lines_are_named_and_the_rest_is_usable(tmp_path, line, reason):
    stored = filled(tmp_path)
    first, *others = lines(tmp_path)
    (tmp_path / JOURNAL).write_bytes(b"".join([first, line, *others]))
    with pytest.warns(LedgerWarning, match=f"1 broken .*line 2: .*{reason}.* other 3 rows"):
        assert read_ledger(tmp_path) == stored
    with pytest.raises(LedgerError, match="line 2"):
        read_ledger(tmp_path, strict=True)
    with Ledger(tmp_path) as ledger:
        assert [broken.number for broken in ledger.broken] == [2]
        ledger.add(row(3), picture(3))
    assert line in lines(tmp_path)  # nobody but the user throws it away


def test_rows_with_unknown_fields_or_another_photo_s_picture_are_broken(tmp_path):
    stored = filled(tmp_path, 2)
    first, second = (json.loads(line) for line in lines(tmp_path))
    odd = [first, second | {"extra": 1}, second | {"file_name": first["file_name"]}]
    odd += [second | {"sha256": None}]
    (tmp_path / JOURNAL).write_text("".join(json.dumps(o) + "\n" for o in odd))
    said = "2: the row has unknown extra; line 3: .*earlier photo; line 4: sha256"
    with pytest.warns(LedgerWarning, match=said):
        assert read_ledger(tmp_path) == stored[:1]


def test_a_ledger_saved_by_an_editor_of_windows_is_read(tmp_path):
    stored = filled(tmp_path)
    content = b"\xef\xbb\xbf" + (tmp_path / JOURNAL).read_bytes().replace(b"\n", b"\r\n") + b"\r\n"
    (tmp_path / JOURNAL).write_bytes(content)
    assert read_ledger(tmp_path, strict=True) == stored


def test_missing_and_changed_pictures_are_found(tmp_path):
    stored = filled(tmp_path)
    picture_path(tmp_path, stored[0]).unlink()
    picture_path(tmp_path, stored[1]).write_bytes(b"half")
    assert read_ledger(tmp_path) == stored
    with pytest.warns(LedgerWarning, match="line 1: .*cannot be read.*line 2: .*has changed"):
        assert read_ledger(tmp_path, check_pictures=True) == stored[2:]


def test_no_ledger_is_said(tmp_path):
    with pytest.raises(LedgerError, match="no ledger .*name the folder"):
        read_ledger(tmp_path)


# ---- writing ---------------------------------------------------------------------------------


def test_photos_are_added_once(tmp_path):
    filled(tmp_path, 1)
    before = lines(tmp_path)
    with Ledger(tmp_path) as ledger:
        assert ("mindat", "0") in ledger and ("mindat", "1") not in ledger
        with pytest.raises(LedgerError, match="photo 0 of mindat is in the ledger already"):
            ledger.add(row(0), picture(0))
        ledger.add(row(0, source="mine"), picture(0))  # another source, another photo
    assert lines(tmp_path)[:1] == before and len(lines(tmp_path)) == 2


def test_a_picture_must_be_the_one_that_was_hashed(tmp_path):
    with Ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="not the one its row was written for"):
            ledger.add(row(1, sha256="0" * 64), picture(1))
        with pytest.raises(LedgerError, match="no known format"):
            ledger.add(row(1), b"<html>")
        with pytest.raises(LedgerError, match="without photo_id"):
            ledger.add(row(1, photo_id=None), picture(1))
        ledger.add(row(1, file_name="images/a.jpg"), picture(1))
        with pytest.raises(LedgerError, match="belongs to another photo"):
            ledger.add(row(2, file_name="images/A.jpg"), picture(2))
    assert os.listdir(tmp_path / "images") == ["a.jpg"]


def test_a_second_writer_is_refused_and_reading_is_not(tmp_path):
    stored = filled(tmp_path)
    code = f"from mineral_utils.photos import Ledger\nwith Ledger({str(tmp_path)!r}): pass"
    with Ledger(tmp_path):
        with pytest.raises(LedgerError, match="being written by another program"):
            Ledger(tmp_path).__enter__()
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 1 and "being written by another program" in done.stderr
        assert read_ledger(tmp_path) == stored
    with Ledger(tmp_path) as ledger:
        assert len(ledger) == 3


def test_a_closed_ledger_is_not_written(tmp_path):
    ledger = Ledger(tmp_path)
    with pytest.raises(LedgerError, match="with Ledger"):
        ledger.add(row(1), picture(1))


def test_revised_rows_replace_the_old_on_closing(tmp_path):
    stored = filled(tmp_path)
    with Ledger(tmp_path) as ledger:
        ledger.revise(replace(stored[1], split="test"))
        assert len(lines(tmp_path)) == 4
        assert [r.split for r in read_ledger(tmp_path)] == [None, "test", None]
        with pytest.raises(LedgerError, match="not in the ledger with this picture"):
            ledger.revise(replace(stored[1], sha256="0" * 64))
        with pytest.raises(LedgerError, match="not in the ledger"):
            ledger.revise(row(9))
    assert len(lines(tmp_path)) == 3
    assert [r.split for r in read_ledger(tmp_path)] == [None, "test", None]
    with Ledger(tmp_path) as ledger:  # and the compacted file can be added to
        ledger.add(row(3), picture(3))
    assert [r.photo_id for r in read_ledger(tmp_path)] == ["0", "1", "2", "3"]


def test_compaction_keeps_broken_lines_aside(tmp_path):
    stored = filled(tmp_path, 1)
    with open(tmp_path / JOURNAL, "ab") as file:
        file.write(b"broken\n")
    with Ledger(tmp_path) as ledger:
        ledger.compact()
        assert ledger.broken == []
    assert read_ledger(tmp_path, strict=True) == stored
    assert (tmp_path / ".broken_lines.jsonl").read_bytes() == b"broken\n"


def test_what_a_killed_program_left_is_cleared_away(tmp_path):
    stored = filled(tmp_path, 1)
    images = tmp_path / "images"
    digest = hashlib.sha256(picture(5)).hexdigest()[:12]
    (images / ".aa.part").write_bytes(b"half")
    (images / f"mindat-5-{digest}.jpg").write_bytes(picture(5))  # renamed, but no line yet
    (images / f"holiday-{'0' * 12}.jpg").write_bytes(b"a user's own file")
    (images / "other.jpg").write_bytes(b"another")
    claimed = f"mindat-6-{hashlib.sha256(picture(6)).hexdigest()[:12]}.jpg"
    (images / claimed).write_bytes(picture(6))
    with open(tmp_path / JOURNAL, "ab") as file:
        file.write(b'{"file_name": "images/' + claimed.encode() + b'", broken\n')
    with Ledger(tmp_path):
        pass
    left = {path.name for path in images.iterdir()}
    own = stored[0].file_name.removeprefix("images/")
    assert left == {own, f"holiday-{'0' * 12}.jpg", "other.jpg", claimed}


# ---- a full disk -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_said_and_leaves_the_ledger_whole(tmp_path, monkeypatch, call):
    filled(tmp_path)
    before = lines(tmp_path), sorted(os.listdir(tmp_path / "images"))
    real = getattr(os, call)

    def full(handle, *rest):
        if os.fstat(handle).st_ino == (tmp_path / JOURNAL).stat().st_ino:
            if rest:
                real(handle, rest[0][:20])  # a disk fills up in the middle of a line
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, *rest)

    with Ledger(tmp_path) as ledger:
        monkeypatch.setattr(module.os, call, full)
        with pytest.raises(LedgerError, match="No space left on device.; free some space") as told:
            ledger.add(row(7), picture(7))
        assert "\n" not in str(told.value)
        assert (lines(tmp_path), sorted(os.listdir(tmp_path / "images"))) == before
        monkeypatch.undo()
        ledger.add(row(7), picture(7))  # after space was made
    assert len(read_ledger(tmp_path, strict=True, check_pictures=True)) == 4


LIMITED = """
import resource, signal, sys
from tests.test_ledger import Ledger, LedgerError, picture, row
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
folder, limit = sys.argv[1], int(sys.argv[2])
with Ledger(folder) as ledger:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        for k in range(100):
            ledger.add(row(k), picture(k))
    except LedgerError as error:
        print(len(ledger), error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the limit on file sizes is POSIX")
@pytest.mark.parametrize("limit", [1500, 100])  # the journal is refused; the first picture is
def test_a_write_that_the_system_cuts_short_is_undone(tmp_path, limit):
    command = [sys.executable, "-c", textwrap.dedent(LIMITED), str(tmp_path), str(limit)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    kept = int(done.stdout.split()[0])
    assert "could not be added to" in done.stdout
    assert kept == (2 if limit == 1500 else 0)
    rows = read_ledger(tmp_path, strict=True, check_pictures=True) if kept else []
    assert [r.photo_id for r in rows] == [str(k) for k in range(kept)]
    assert len(os.listdir(tmp_path / "images")) == kept
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == kept


# ---- killed at any instant -------------------------------------------------------------------

VICTIM = """
import os, sys
from tests.test_ledger import Ledger, picture, row
folder, victim = sys.argv[1], int(sys.argv[2])
count = 0
def stop(name, arguments):
    global count
    if name in ("open", "os.rename", "os.truncate", "os.remove") and folder in str(arguments[0]):
        count += 1
        if count == victim:
            os.kill(os.getpid(), 9)
with Ledger(folder) as ledger:
    sys.addaudithook(stop)
    for k in range(3):
        if ("mindat", str(k)) not in ledger:
            ledger.add(row(k), picture(k))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_before_any_step_and_started_again(tmp_path):
    for victim in range(1, 12, 3):
        folder = tmp_path / str(victim)
        command = [sys.executable, "-c", VICTIM, str(folder), str(victim)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == -9, done.stderr
        with Ledger(folder) as ledger:
            had = len(ledger)
            for k in range(3):
                if ("mindat", str(k)) not in ledger:
                    ledger.add(row(k), picture(k))
        assert had <= 3
        rows = read_ledger(folder, strict=True, check_pictures=True)
        assert [r.photo_id for r in rows] == ["0", "1", "2"]
        assert sorted(os.listdir(folder / "images")) == sorted(r.file_name[7:] for r in rows)
