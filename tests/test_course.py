"""The command line and the curve that the trainings of the small models share."""

from __future__ import annotations

import json

import pytest

from mineral_utils.miniature import course


def test_how_long_is_said_once(tmp_path):
    numbers = tmp_path / "numbers.json"
    numbers.write_text('{"auc": 0.8}', encoding="utf-8")
    plain = course.read_options("clip", "Train.", [], minutes=60)
    assert (plain.minutes, plain.steps, plain.resume, plain.numbers) == (60, None, True, None)
    assert plain.out.as_posix() == "runs/miniature/clip"
    assert not hasattr(plain, "onward")
    line = ["--steps", "7", "--fresh", "--onward", "--numbers", str(numbers)]
    chosen = course.read_options("sam", "Train.", line, minutes=90, seed=20, onward=True)
    assert chosen.onward
    assert (chosen.minutes, chosen.steps, chosen.resume, chosen.seed) == (None, 7, False, 20)
    assert chosen.numbers == {"auc": 0.8}


def test_help_says_what_is_trained(capsys):
    with pytest.raises(SystemExit) as left:
        course.read_options("dino", "Train the small DINO.", ["--help"], minutes=55)
    said = capsys.readouterr().out
    assert left.value.code == 0 and "Train the small DINO." in said and "55 if unsaid" in said


def test_lines_behind_the_checkpoint_are_dropped(tmp_path):
    curve = tmp_path / "curve.jsonl"
    course.trim_curve(curve, 5)
    assert not curve.exists()
    curve.write_text("".join(json.dumps({"step": k}) + "\n" for k in (2, 4, 6)), encoding="utf-8")
    course.trim_curve(curve, 4)
    assert curve.read_text(encoding="utf-8").count("\n") == 2
    assert [p.name for p in tmp_path.iterdir()] == ["curve.jsonl"]
