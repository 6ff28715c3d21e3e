"""``python -m mineral_utils``: every bad photo is answered by one sentence, and nothing is left."""

from __future__ import annotations

import errno
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from mineral_utils import segmenter
from mineral_utils.__main__ import main
from mineral_utils.profiles import load_profile
from tests.badinput import make_corpus
from tests.checkpoints import small_sam, truncate, write_pt, write_trap
from tests.drawing import draw_grains

NAMES = "pyrite,галенит"


@pytest.fixture(scope="module")
def model() -> segmenter.Segmenter:
    return segmenter.load_model("demo")


@pytest.fixture
def quick(model, monkeypatch):
    """The demo model, built once for all commands of this file."""
    monkeypatch.setattr(segmenter, "load_model", lambda *args, **kwargs: model)


@pytest.fixture
def photo(tmp_path) -> Path:
    path = tmp_path / "Шлиф 7.png"
    Image.fromarray(draw_grains(size=(96, 128))[0]).save(path)
    return path


def segment(*arguments: object) -> int:
    return main(["segment", *map(str, arguments)])


def test_every_bad_file_gets_one_sentence_and_leaves_nothing(tmp_path, quick, capsys):
    corpus = tmp_path / "corpus"
    cases = [c for c in make_corpus(corpus) if c.expect != "ok" and not c.options]
    assert len(cases) >= 60
    before = sorted(p.name for p in corpus.rglob("*"))
    code = segment("--minerals", NAMES, "--out", tmp_path / "out", "--", *[c.path for c in cases])
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert code == 1
    assert len(said) == len(cases)
    for case, line in zip(cases, said, strict=True):
        assert case.path.name in line, case.kind
        assert re.search(case.expect, line), f"{case.kind}: {line}"
        assert "Traceback" not in line
    assert not (tmp_path / "out").exists()
    assert sorted(p.name for p in corpus.rglob("*")) == before


def test_good_files_give_a_map_labels_and_numbers(tmp_path, quick, capsys):
    kinds = {}
    for case in make_corpus(tmp_path / "corpus"):
        if case.expect == "ok" and not case.options:
            kinds.setdefault(case.path.suffix.lower(), case)
    out = tmp_path / "out"
    paths = [case.path for case in kinds.values()][:5]
    assert segment("--minerals", NAMES, "--out", out, "--", *paths) == 0
    assert capsys.readouterr().out.count("_labels.png") == len(paths) == 5
    assert len(list(out.glob("*_labels.png"))) == len(paths)
    assert len(list(out.glob("*_map.png"))) == len(paths)
    for sidecar in out.glob("*_map.json"):
        numbers = json.loads(sidecar.read_text("utf-8"))["numbers"]
        assert numbers["labels"] == {"0": "pyrite", "1": "галенит"}
        assert sum(row["share"] for row in numbers["table"]) == pytest.approx(1)


def test_the_labels_file_is_what_the_segmentation_says(tmp_path, quick, model, photo):
    assert segment(photo, "--minerals", NAMES, "--refine", "--out", tmp_path / "out") == 0
    with Image.open(tmp_path / "out" / "Шлиф 7_labels.png") as picture:
        written = np.array(picture)
    scene = model.encode(photo, progress=False)
    assert (written == scene.segment(["pyrite", "галенит"], refine=True).labels).all()


def test_two_photos_of_one_name_do_not_overwrite_each_other(tmp_path, quick, photo):
    other = tmp_path / "more" / photo.name
    other.parent.mkdir()
    other.write_bytes(photo.read_bytes())
    assert segment(photo, other, "--minerals", NAMES, "--out", tmp_path / "out") == 0
    assert len(list((tmp_path / "out").glob("*_labels.png"))) == 2


def test_a_name_with_a_number_is_not_taken_twice(tmp_path, quick, photo):
    """S.jpg, more/S.jpg and S_2.jpg: the second must not be S_2."""
    paths = [tmp_path / name for name in ("S.jpg", "more/S.jpg", "S_2.jpg")]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(photo.read_bytes())
    assert segment(*paths, "--minerals", "pyrite\ngalena", "--out", tmp_path / "out") == 0
    written = {path.name for path in (tmp_path / "out").glob("*_labels.png")}
    assert written == {"S_labels.png", "S_2_labels.png", "S_2_2_labels.png"}


def test_a_fault_of_any_kind_stays_with_its_photo(tmp_path, quick, photo, capsys, monkeypatch):
    other = tmp_path / "other.jpg"
    other.write_bytes(photo.read_bytes())
    whole = segmenter.Scene.segment

    def faulty(scene, *words, **options):
        if scene.photo.path == other:
            raise RuntimeError("no memory for it")
        return whole(scene, *words, **options)

    monkeypatch.setattr(segmenter.Scene, "segment", faulty)
    assert segment(other, photo, "--minerals", "pyrite,galena", "--out", tmp_path / "out") == 1
    assert f"error: {other}: no memory for it\n1 of 2" in capsys.readouterr().err
    assert len(list((tmp_path / "out").glob("*_labels.png"))) == 1


def test_a_name_with_a_comma_stays_one_name(tmp_path, quick, photo):
    names = 'pyrite,"copper ore, dull"'
    assert segment(photo, "--minerals", names, "--open", "--out", tmp_path) == 0
    numbers = json.loads((tmp_path / "Шлиф 7_map.json").read_text("utf-8"))["numbers"]
    assert numbers["labels"] == {"0": "pyrite", "1": "copper ore, dull"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("pirite,galena", "Pyrite"),
        ("", "no names"),
        ("pyrite,,galena", "empty"),
        ("pyrite,пирит", "both"),
        (",".join(f"stone {k}" for k in range(300)), "254"),
    ],
)
def test_wrong_names_are_answered_before_any_model_is_loaded(tmp_path, photo, capsys, names, said):
    code = segment(photo, "--minerals", names, "--open" if "stone" in names else "--refine",
                   "--out", tmp_path / "out")  # fmt: skip
    assert code == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_two_hundred_free_names(tmp_path, quick, photo):
    names = ",".join(f"stone {k}" for k in range(200))
    assert segment(photo, "--minerals", names, "--open", "--out", tmp_path) == 0
    with Image.open(tmp_path / "Шлиф 7_labels.png") as picture:
        assert np.array(picture).max() < 200


@pytest.mark.parametrize("kind", ["other architecture", "truncated", "pickle with code", "missing"])
def test_wrong_weights_are_one_sentence_that_names_the_file(tmp_path, photo, capsys, kind):
    weights, marker = tmp_path / "my_sam.pth", tmp_path / "ran"
    if kind == "pickle with code":
        write_trap(weights, marker, "zip")
    elif kind != "missing":
        write_pt(weights, small_sam(depth=3).state_dict())
    if kind == "truncated":
        truncate(weights, 0.6)
    demo = load_profile("demo")
    rows = {
        key: {"architecture": getattr(demo, key).architecture} for key in ("clip", "dino", "sam")
    }
    rows["sam"]["weights"] = str(weights)
    profile = tmp_path / "mine.yaml"
    profile.write_text(yaml.safe_dump(rows), encoding="utf-8")
    code = segment(photo, "--minerals", NAMES, "--profile", profile, "--out", tmp_path / "out")
    error = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert code == 2
    assert len(error) == 1 and "my_sam.pth" in error[0]
    assert not marker.exists() and not (tmp_path / "out").exists()


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    tmp_path, quick, photo, monkeypatch, capsys
):
    def full(source, target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    out = tmp_path / "out"
    assert segment(photo, "--minerals", NAMES, "--out", out) == 1
    assert "No space left" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_info_says_what_there_is(capsys):
    assert main(["info"]) == 0
    assert "[OK]" in capsys.readouterr().out
