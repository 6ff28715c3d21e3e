"""``python -m mineral_utils captions``, and the audit of a sample."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from mineral_utils.captions import audit_report, audit_sample, minerals_of
from mineral_utils.captions.audit import COLUMNS, wilson
from mineral_utils.captions.command import run

ROOT = Path(__file__).resolve().parents[1]
LINES = [
    {"title": "Galena, Pyrite", "text": "No sphalerite. FOV 1.2 mm"},
    {"text": "халькопирит в кварце"},
    {"title": "Gold", "text": None},
    {"title": "", "text": ""},
]
ANSWERS = [["Galena", "Pyrite"], ["Chalcopyrite", "Quartz"], ["Gold"], []]


def test_lines_in_lines_out():
    given = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES)
    done = subprocess.run(
        [sys.executable, "-m", "mineral_utils", "captions"],
        input=given.encode(),
        capture_output=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == b""
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert answers == [{"minerals": minerals} for minerals in ANSWERS]


def answered(tmp_path, content: bytes, **options) -> tuple[int, list[dict]]:
    path = tmp_path / "in.jsonl"
    path.write_bytes(content)
    out = io.StringIO()
    code = run([str(path)], out=out, **options)
    return code, [json.loads(line) for line in out.getvalue().splitlines()]


def test_bad_lines_are_named_and_the_rest_is_answered(tmp_path, capsys):
    good = b'{"title": "Pyrite", "text": ""}\n'
    bad = [b"{\n", b"[1]\n", b'{"title": 5}\n', b'{"name": "x"}\n', b'{"text": "\xff"}\n']
    bad += [b"[" * 100_000 + b"\n", b'"galena"\n']
    code, answers = answered(tmp_path, good + b"".join(bad) + b"\n" + good)
    assert code == 1
    assert answers == [{"minerals": ["Pyrite"]}] * 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in told[:-1]] == [f"line {k}" for k in range(2, 9)]
    assert told[-1] == "7 bad lines have no answer, the others have"
    assert all("Traceback" not in line for line in told)


def test_odd_but_good_lines(tmp_path):
    lone = b'{"title": "\\ud800 Galena", "text": "\\u0000pyrite"}\n'
    code, answers = answered(tmp_path, b"\xef\xbb\xbf" + lone + lone.replace(b"\n", b"\r\n"))
    assert code == 0
    assert answers == [{"minerals": ["Galena", "Pyrite"]}] * 2


def test_hits_on_request(tmp_path):
    code, answers = answered(tmp_path, json.dumps(LINES[0]).encode(), hits=True)
    assert code == 0
    assert answers[0]["field_width_mm"] == 1.2
    assert [hit["kept"] for hit in answers[0]["hits"]] == [True, True, False]


def test_wrong_use(tmp_path, capsys):
    assert run([str(tmp_path / "none.jsonl")]) == 2
    assert run(["a", "b"]) == 2
    assert run(["audit"]) == 2
    assert run(["audit", "report"]) == 2
    path = tmp_path / "in.jsonl"
    path.write_text("{}")
    assert run([str(path)], source="moon") == 2
    told = capsys.readouterr().err
    assert told.count("error: ") == 5
    assert "no aliases are kept for the source 'moon'" in told


# ---- audit -----------------------------------------------------------------------------------

CAPTIONS = [(f"Pyrite, Galena no. {k}", f"sphalerite {k}") for k in range(50)]


def filled(sheet: str, **cells: dict[int, str]) -> str:
    """The sheet with cells of some rows (by position) written, all rows checked."""
    rows = list(csv.DictReader(io.StringIO(sheet)))
    for row in rows:
        row["checked"] = "x"
    for column, written in cells.items():
        for position, text in written.items():
            rows[position][column] = text
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def test_sample_is_random_and_repeatable():
    sheet = audit_sample(iter(CAPTIONS), 10, seed=3)
    rows = list(csv.DictReader(io.StringIO(sheet)))
    assert len(rows) == 10
    assert [int(r["row"]) for r in rows] == sorted({int(r["row"]) for r in rows})
    assert all(r["title"] == CAPTIONS[int(r["row"]) - 1][0] for r in rows)
    assert all(r["found"] == "Pyrite; Galena; Sphalerite" for r in rows)
    assert sheet == audit_sample(CAPTIONS, 10, seed=3) != audit_sample(CAPTIONS, 10, seed=4)
    assert len(audit_sample(CAPTIONS, 99).splitlines()) == 51
    drawn = [
        int(line.split(",")[0])
        for seed in range(200)
        for line in audit_sample(CAPTIONS, 1, seed).splitlines()[1:]
    ]
    assert min(drawn) <= 5  # both ends of the file are drawn
    assert max(drawn) >= 46


def test_a_spreadsheet_runs_nothing_of_a_sheet():
    sheet = audit_sample([("=1+1", "@pyrite")], 1)
    assert sheet.splitlines()[1].startswith("1,'=1+1,'@pyrite,Pyrite")


def test_report_by_hand():
    """4 captions of 3 minerals: 12 found, 2 wrong, 1 missing."""
    sheet = audit_sample(CAPTIONS[:4], 4)
    report = audit_report(
        filled(sheet, wrong={0: "galena; pyrite"}, missing={1: "Quartz"}, checked={3: ""})
    )
    assert (report.found, report.wrong, report.missing) == (9, 2, 1)
    assert (report.captions, report.perfect, report.unchecked) == (3, 1, 1)
    assert report.precision[0] == pytest.approx(7 / 9)
    assert report.recall[0] == pytest.approx(7 / 8)
    assert "precision 0.778 [0.453, 0.937], recall 0.875" in str(report)


def test_report_understands_semicolons_of_a_spreadsheet():
    rows = list(csv.reader(io.StringIO(filled(audit_sample(CAPTIONS[:2], 2)))))
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(rows)
    assert audit_report("\ufeff" + out.getvalue()).found == 6


def test_report_names_what_is_wrong_with_a_sheet():
    sheet = audit_sample(CAPTIONS[:3], 3)
    with pytest.raises(ValueError, match="no row of the sheet is checked"):
        audit_report(sheet)
    with pytest.raises(ValueError, match="line 3 of the sheet: wrong names Quartz, which was not"):
        audit_report(filled(sheet, wrong={1: "quartz"}))
    with pytest.raises(ValueError, match="missing names Pyrite, which was found"):
        audit_report(filled(sheet, missing={1: "pyrite"}))
    with pytest.raises(ValueError, match=r"line 2, wrong: 'pyryt' is not in the vocabulary"):
        audit_report(filled(sheet, wrong={0: "pyryt"}))
    with pytest.raises(ValueError, match="the sheet lacks the columns row"):
        audit_report("a,b\n1,2\n")
    with pytest.raises(ValueError, match="at least one caption, not 0"):
        audit_sample(CAPTIONS, 0)
    with pytest.raises(ValueError, match="no captions to draw from"):
        audit_sample([], 5)
    with pytest.raises(ValueError, match=r"between 0 and 1, such as 0\.95, not 95"):
        audit_report(sheet, level=95)


def test_wilson_against_known_values():
    """Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611."""
    assert wilson(81, 263) == pytest.approx((0.30798, 0.2553, 0.3662), abs=1e-4)
    assert wilson(0, 20) == pytest.approx((0, 0, 0.1611), abs=1e-4)
    assert wilson(29, 29)[2] == 1
    assert all(value != value for value in wilson(0, 0))


def test_audit_by_command(tmp_path, capsys):
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"title": a, "text": b}) + "\n" for a, b in CAPTIONS) + "x")
    out = io.StringIO()
    assert run(["audit", "draw", str(path)], count=5, seed=1, out=out) == 1  # one line is bad
    assert "line 51: not JSON" in capsys.readouterr().err
    assert out.getvalue() == audit_sample(CAPTIONS, 5, 1)
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(filled(out.getvalue()), encoding="utf-8")
    out = io.StringIO()
    assert run(["audit", "report", str(sheet)], out=out) == 0
    assert json.loads(out.getvalue())["precision"][0] == 1
    assert "5 captions checked" in capsys.readouterr().err


def test_minerals_of_is_what_the_sheet_holds():
    sheet = audit_sample([("Galena", "no pyrite")], 1)
    found = next(csv.DictReader(io.StringIO(sheet)))["found"]
    assert found == "; ".join(minerals_of("Galena", "no pyrite")) == "Galena"
