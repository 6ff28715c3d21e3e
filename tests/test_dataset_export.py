"""The dataset folder: written whole, loaded by others, its card, its command."""

from __future__ import annotations

import errno
import json
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mineral_utils.__main__ import main
from mineral_utils.dataset import (
    DatasetError,
    card_text,
    export,
    export_dataset,
    facts,
    make_dataset,
    on_earlier_sides,
    read_dataset,
    reduced_picture,
    remember_sides,
)
from mineral_utils.dataset.torch_photos import PhotoTexts
from mineral_utils.photos import PhotoError
from mineral_utils.photos.ledger import read_ledger
from mineral_utils.run import file_sha256

from .ledgers import SURFACE, hit, picture, row, write_ledger

SCRIPT = '<script>alert("x")</script> | [a](javascript:b) `c` & *d*'


@pytest.fixture(scope="module")
def ledger(tmp_path_factory) -> Path:
    """24 photos of 12 specimens; the last two show the same; one caption is a script."""
    folder = tmp_path_factory.mktemp("collected") / "ledger"
    rows, pictures = [], []
    for number in range(24):
        names = (["Pyrite"], ["Galena", "Pyrite"], ["Gold"])[number // 2 % 3]
        fields = {
            "specimen": f"S{number // 2}",
            "caption": SCRIPT if number == 0 else "Width 0.5 mm. " * (number % 3 * 20),
            "photographer": SCRIPT if number < 4 else "Ada",
            "licence": "CC BY 4.0",
            "may_redistribute": number >= 4,
            "photo_type": SURFACE if number % 4 == 0 else "Polished Section (Polarized Light)",
            "field_width_mm": 0.5 if number == 1 else None,
        }
        rows.append(row(f"p{number}", names, **fields))
        pictures.append(picture(min(number, 22), quality=60 + number))
    write_ledger(folder, rows, pictures)
    return folder


@pytest.fixture(scope="module")
def dataset(ledger):
    shares = {"train": 0.5, "validation": 0.25, "test": 0.25}
    return make_dataset(read_ledger(ledger), ledger, minerals=3, shares=shares)


@pytest.fixture(scope="module")
def folder(dataset, ledger, tmp_path_factory) -> Path:
    return export_dataset(dataset, ledger, tmp_path_factory.mktemp("made") / "photos")


def test_every_picture_is_there_once_with_its_line(folder, dataset, ledger):
    for side in dataset.sides:
        lines = read_dataset(folder, side)
        files = {path.name for path in (folder / side).iterdir()} - {"metadata.jsonl"}
        assert files == {line["file_name"] for line in lines}
        for line in lines:
            assert file_sha256(folder / side / line["file_name"]) == line["sha256"]
            assert line["split"] == side
    known = {one.sha256 for one in read_ledger(ledger)}
    told = [line["sha256"] for side in dataset.sides for line in read_dataset(folder, side)]
    assert len(told) == len(set(told)) == 24 and set(told) == known


def test_hugging_face_loads_it(folder, tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_OFFLINE", True)
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache")
    )
    assert set(loaded) == {"train", "validation", "test"}
    assert sum(len(side) for side in loaded.values()) == 24
    for side, photos in loaded.items():
        lines = {line["sha256"]: line for line in read_dataset(folder, side)}
        for photo in photos:
            line = lines[photo["sha256"]]
            assert photo["image"].size == (160, 120)
            assert (photo["text"], photo["minerals"]) == (line["text"], line["minerals"])
            assert photo["may_redistribute"] is line["may_redistribute"]


def test_torch_reads_it(folder):
    photos = PhotoTexts(folder, "train", names=["gold", "Pyrite", "Galena"], size=96)
    lines = read_dataset(folder, "train")
    assert photos.names == ("Gold", "Pyrite", "Galena") and len(photos) == len(lines)
    for item, line in zip((photos[k] for k in range(len(photos))), lines, strict=True):
        assert item["image"].dtype == torch.uint8 and item["image"].shape == (3, 96, 96)
        assert item["text"] == line["text"]
        assert item["labels"].tolist() == [name in line["minerals"] for name in photos.names]
    batches = torch.utils.data.DataLoader(photos, batch_size=5, num_workers=0)
    assert sum(len(batch["text"]) for batch in batches) == len(photos)


def test_the_fast_picture_is_the_slow_one(folder):
    photos = PhotoTexts(folder, "train", size=40)
    path = photos.folder / photos.files[0]
    fast = photos[0]["image"].permute(1, 2, 0).numpy().astype(int)
    slow = Image.open(path).convert("RGB").resize((40, 40), Image.Resampling.BICUBIC)
    assert np.abs(fast - np.asarray(slow)).mean() < 4  # levels
    assert reduced_picture(path, 40).size == (80, 60)  # half: the smallest that is large enough
    assert reduced_picture(path, 200).size == (160, 120)


def test_cropping_keeps_proportions(tmp_path):
    stripes = np.zeros((64, 128, 3), np.uint8)
    stripes[:, 32:96] = 255  # the middle square is white
    one = row("1")
    (tmp_path / "train").mkdir()
    Image.fromarray(stripes).save(tmp_path / "train" / "1.png")
    line = {"file_name": "1.png", "text": "t", "minerals": ["Gold"], "sha256": one.sha256}
    line["group"] = 0
    (tmp_path / "train" / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    assert PhotoTexts(tmp_path, size=32, fit="crop")[0]["image"].min() > 200
    assert PhotoTexts(tmp_path, size=32, fit="squeeze")[0]["image"].min() < 50
    own = PhotoTexts(tmp_path, size=32, transform=lambda picture: picture.size)
    assert own[0]["image"] == (128, 64)
    with pytest.raises(ValueError, match="squeeze or crop"):
        PhotoTexts(tmp_path, fit="pad")


def test_upside_down_photos_are_turned_upright(tmp_path):
    image = Image.fromarray(np.tile(np.arange(160, dtype=np.uint8)[:, None, None], (1, 96, 3)))
    exif = Image.Exif()
    exif[0x0112] = 3  # turned by 180 degrees
    image.save(tmp_path / "a.jpg", exif=exif)
    upright = np.asarray(reduced_picture(tmp_path / "a.jpg", 24, "L"))
    assert upright[0].mean() > 140 and upright[-1].mean() < 20


def test_a_torn_jpeg_is_an_error_with_its_name(tmp_path):
    (tmp_path / "torn.jpg").write_bytes(picture(1)[:-800])
    with pytest.raises(PhotoError, match="torn.jpg"):
        reduced_picture(tmp_path / "torn.jpg", 32)


# ---- refusals --------------------------------------------------------------------------------


def test_a_dataset_is_replaced_only_when_asked_and_another_folder_never(dataset, ledger, tmp_path):
    out = export_dataset(dataset, ledger, tmp_path / "d")
    with pytest.raises(DatasetError, match="--replace"):
        export_dataset(dataset, ledger, out)
    (out / "stray.txt").write_text("x")
    export_dataset(dataset, ledger, out, replace=True)
    assert not (out / "stray.txt").exists()
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "text.txt").write_text("all my work")
    with pytest.raises(DatasetError, match="no dataset of this suite"):
        export_dataset(dataset, ledger, thesis, replace=True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d", "thesis"]


def test_a_picture_that_changed_is_refused_and_nothing_is_left(tmp_path):
    folder = tmp_path / "ledger"
    (one,) = write_ledger(folder, [row("1")], [picture(1)])
    dataset = make_dataset([one], minerals=1)
    (folder / one.file_name).write_bytes(picture(2))
    with pytest.raises(DatasetError, match="not the picture that was collected as photo 1"):
        export_dataset(dataset, folder, tmp_path / "d")
    (folder / one.file_name).unlink()
    with pytest.raises(DatasetError, match="not in the ledger's folder"):
        export_dataset(dataset, folder, tmp_path / "d")
    assert [p.name for p in tmp_path.iterdir()] == ["ledger"]


def test_a_full_disk_leaves_nothing_and_keeps_the_earlier_dataset(
    dataset, ledger, tmp_path, monkeypatch
):
    out = export_dataset(dataset, ledger, tmp_path / "d")
    before = (out / "dataset.json").read_bytes()
    copies = iter(range(100))

    def copy(*given, original=export._copy):
        if next(copies) == 7:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        original(*given)

    monkeypatch.setattr(export, "_copy", copy)
    with pytest.raises(OSError, match="No space left"):
        export_dataset(dataset, ledger, out, replace=True)
    assert [p.name for p in tmp_path.iterdir()] == ["d"]
    assert (out / "dataset.json").read_bytes() == before


def test_pictures_of_one_name_in_two_folders_both_come(tmp_path):
    rows = [
        row("1", specimen="A", file_name="images/a/x.jpg"),
        row("2", specimen="A", file_name="images/b/X.jpg"),
    ]
    for one, seed in zip(rows, (1, 2), strict=True):
        (tmp_path / one.file_name).parent.mkdir(parents=True)
        (tmp_path / one.file_name).write_bytes(picture(seed))
    rows = [type(r)(**{**r.to_dict(), "sha256": file_sha256(tmp_path / r.file_name)}) for r in rows]
    out = export_dataset(make_dataset(rows, minerals=1), tmp_path, tmp_path / "d")
    assert [line["file_name"] for line in read_dataset(out, "train")] == ["x.jpg", "X_2.jpg"]


def test_a_broken_line_is_named(folder, tmp_path):
    (tmp_path / "train").mkdir()
    good = (folder / "train" / "metadata.jsonl").read_text("utf-8").splitlines()[0]
    (tmp_path / "train" / "metadata.jsonl").write_text(good + "\n{torn", "utf-8")
    with pytest.raises(DatasetError, match="line 2, is no row"):
        read_dataset(tmp_path, "train")
    with pytest.raises(DatasetError, match="it has train"):
        read_dataset(tmp_path, "test")
    wrong = [{"text": None}, {"file_name": 5}, {"minerals": "Pyrite"}, {"minerals": None}]
    for text in [*(json.dumps(json.loads(good) | change) for change in wrong), good + "\n[]"]:
        (tmp_path / "train" / "metadata.jsonl").write_text(text, "utf-8")
        with pytest.raises(DatasetError, match="line [12], is no row"):
            read_dataset(tmp_path, "train")
    (tmp_path / "train" / "metadata.jsonl").write_text(f"{good}\n{good}", "utf-16")
    with pytest.raises(DatasetError, match="line 1, is no row"):
        read_dataset(tmp_path, "train")


# ---- the card --------------------------------------------------------------------------------


def test_the_card_counts_what_is_there(dataset):
    about = facts(dataset)
    told = {entry["mineral"]: entry for entry in about["minerals"]}
    assert {name: entry["photos"] for name, entry in told.items()} == {
        "Pyrite": 16,
        "Galena": 8,
        "Gold": 8,
    }
    assert all(sum(e["sides"].values()) == e["photos"] for e in about["minerals"])
    assert told["Pyrite"]["specimens"] == 8
    names = [entry["mineral"] for entry in about["minerals"]]
    together = about["co_occurrence"]
    assert together[names.index("Pyrite")][names.index("Galena")] == 8
    assert sum(sum(by.values()) for by in about["photo_types"].values()) == 24
    assert about["near_duplicates"]["groups"] == [["p22", "p23"]]
    assert set(about["leaks"].values()) == {0}
    assert about["rights"][0]["photos"] == 20 and about["rights"][1]["may_redistribute"] is False
    # captions of 0, 20 and 40 times "Width 0.5 mm. ", 8 of each but for the script
    assert about["captions"]["descriptions"] == 17 and about["captions"]["cut"] == 16


def test_the_fingerprint_follows_pictures_sides_and_texts(dataset):
    same = facts(dataset)["fingerprint"]
    assert facts(dataset)["fingerprint"] == same
    assert (
        facts(make_dataset(dataset.rows, minerals=3, seed=5, keep_splits=False))["fingerprint"]
        != same
    )


class _Tags(HTMLParser):
    """Tags that a browser would make of a text."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)


def test_what_strangers_wrote_stays_text_in_the_card(folder):
    card = (folder / "README.md").read_text("utf-8")
    tags = _Tags()
    tags.feed(card)
    assert tags.found == []
    assert "javascript:b" in card and "](javascript" not in card
    line = next(text for text in card.splitlines() if "alert" in text)
    assert line.count("|") == 6  # five cells: the stranger's bar makes no sixth
    assert "Do not pass this folder on" in card and "4 of 24" in card


def test_the_card_says_what_is_missing():
    rows = [row(str(k), ["Pyrite"], specimen=f"S{k}") for k in range(20)]
    rows.append(row("x", ["Gold"], specimen="SX", may_redistribute=True))
    card = card_text(facts(make_dataset(rows, minerals=2)))
    assert "Fewer groups than sides, so not on every side: Gold." in card
    assert "No photo of Gold on validation and test" in card


def test_hits_that_were_not_kept_are_counted():
    one = row("1", ["Pyrite"])
    hits = [*one.minerals, hit("Gold", 0, "text", kept=False)]
    changed = type(one)(**{**one.to_dict(), "minerals": hits})
    assert facts(make_dataset([changed], minerals=1))["hits_not_kept"] == 1


# ---- sides that stay, and the command --------------------------------------------------------


def test_sides_are_remembered_by_the_ledger_and_by_the_dataset(dataset, folder, tmp_path):
    rows = [one for one in dataset.rows][:6]
    data = [picture(k, quality=60 + k) for k in range(6)]
    stored = write_ledger(
        tmp_path / "l", [type(r)(**{**r.to_dict(), "split": None}) for r in rows], data
    )
    assert {one.split for one in stored} == {None}
    assert remember_sides(dataset, tmp_path / "l") == 6
    again = read_ledger(tmp_path / "l")
    assert [one.split for one in again] == [one.split for one in rows]
    assert remember_sides(dataset, tmp_path / "l") == 0
    assert [one.split for one in on_earlier_sides(stored, folder)] == [one.split for one in rows]


def test_the_command_makes_counts_and_checks(ledger, tmp_path, capsys):
    out = tmp_path / "made"
    assert main(["dataset", "count", str(ledger)]) == 0
    assert "Pyrite" in capsys.readouterr().out
    shares = "train=0.5,validation=0.25,test=0.25"
    arguments = ["dataset", "make", str(ledger), "--out", str(out), "--shares", shares]
    assert main([*arguments, "--minerals", "py, Gn, Gold"]) == 0
    said = capsys.readouterr().out
    assert "24 photos" in said and "16 of 17 descriptions are cut" in said
    assert main(["dataset", "check", str(out)]) == 0
    assert "24 photos looked at, 0 things wrong" in capsys.readouterr().out

    victim = next((out / "train").glob("*.jpg"))
    victim.write_bytes(b"other")
    assert main(["dataset", "check", str(out)]) == 1
    assert f"{victim.name} is not the picture" in capsys.readouterr().out
    assert main(arguments) == 2  # 20 minerals are wanted, three are named
    assert "error: 20 minerals are wanted" in capsys.readouterr().err
    assert main(["dataset", "make", str(ledger), "--out", str(out), "--shares", "a"]) == 2
    assert "--shares is 'a'" in capsys.readouterr().err
    assert main(["dataset", "check", str(tmp_path)]) == 2


def test_a_folder_that_is_no_ledger_gets_one_sentence(tmp_path, capsys):
    assert main(["dataset", "count", str(tmp_path / "nothing")]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and "Traceback" not in said
