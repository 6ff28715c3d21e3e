"""Photos too big for one pass: no label depends on tiles, and nothing is done twice."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mineral_utils import segmenter
from mineral_utils.__main__ import main
from mineral_utils.minerals import UnknownMineral
from mineral_utils.mosaic import MosaicError, differing, encode_mosaic, encoding, mosaic, segments
from mineral_utils.mosaic.lattice import lay, starts
from mineral_utils.mosaic.store import locked
from mineral_utils.photos import PhotoError
from tests.drawing import draw_grains
from tests.test_mosaic_source import spoil

PROFILE = Path(__file__).parent / "data" / "small.yaml"
NAMES = ["pyrite", "galena", "quartz"]
SIZE = (900, 1120)  # px; at half the size 448 x 560: 6 x 7 windows, 3 x 4 views


@pytest.fixture(scope="module")
def model() -> segmenter.Segmenter:
    return segmenter.load_model(PROFILE)


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """Drawn grains in tiles of 128 px, deflated."""
    path = tmp_path_factory.mktemp("photo") / "section.tif"
    image = draw_grains(size=SIZE)[0]
    tifffile.imwrite(path, image, tile=(128, 128), compression="zlib", photometric="rgb")
    return path


@pytest.fixture(scope="module")
def undisturbed(model, photo, tmp_path_factory):
    """The photo encoded in one go; nobody writes into this folder but answers of other stems."""
    return encode(model, photo, tmp_path_factory.mktemp("undisturbed"))


def encode(model, photo, folder, **options):
    return encode_mosaic(model, photo, folder, **{"scale": 0.5, "progress": False} | options)


def ask(of, **options):
    return of.segment(NAMES, **{"overview": False, "progress": False} | options)


def middling(of) -> float:
    """A probability that about half of the photo's pixels reach."""
    cosine = ask(of, stem="coarse").cosine * 40
    share = np.exp(cosine - cosine.max(0))
    return float(np.median(1 / share.sum(0)))


def features(of) -> np.ndarray:
    return np.load(of.folder / "encoded" / "features.npy")


def pieces(of) -> list[str]:
    """Names of the pieces of work that the journal tells of, in order."""
    lines = (of.folder / "encoded" / "journal.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["unit"] for line in lines if "unit" in line]


# ---- the lattice -------------------------------------------------------------------------------


def test_pieces_cover_a_side_from_end_to_end():
    assert starts(10, 4, 3) == [0, 3, 6]
    assert starts(11, 4, 3) == [0, 3, 6, 7]  # the last shifted back inside
    assert starts(11, 4, 3, offset=2) == [0, 2, 5, 7]
    assert starts(4, 4, 3, offset=2) == [0]


def test_weights_of_the_views_fade_into_each_other(model):
    lattice = lay((112, 400), model.encoders, model.preset, scale=1, view=192, overlap=64)
    assert (lattice.size, lattice.cell, lattice.view) == ((112, 400), 16, (112, 192))
    down, across = lattice.view_weights
    assert down.tolist() == [[1] * 7]
    # views of 12 cells begin at cells 0, 8 and 13; over 4 cells they fade
    np.testing.assert_allclose(across[0][7:12], [1, 0.875, 0.625, 0.375, 0.125])
    np.testing.assert_allclose(across.sum(0), 1, atol=1e-6)
    assert lattice.window_starts == ([0], [0, 80, 160, 240, 288])
    # in cells: 0-6, 5-11, 10-16, 15-21, 18-24
    assert lattice.window_counts[1].tolist() == [1] * 5 + [2] * 2 + [1] * 3 + [2] * 2 + [1] * 3 + (
        [2] * 2 + [1] + [2] * 4 + [1] * 3
    )


def test_working_size_is_whole_patches_and_said(undisturbed):
    lattice = undisturbed.lattice
    assert (lattice.photo, lattice.size) == (SIZE, (448, 560))
    assert lattice.scale == pytest.approx((0.4978, 0.5), abs=1e-4)
    assert [len(side) for side in lattice.window_starts] == [6, 7]
    assert [len(side) for side in lattice.view_starts] == [3, 4]


def test_default_scale_shows_a_view_as_much_as_an_ordinary_photo():
    demo = segmenter.load_model("demo")
    lattice = lay((10_000, 10_000), demo.encoders, demo.preset)
    assert lattice.scale[0] == pytest.approx(0.25, abs=0.001)
    assert (lattice.view, lattice.overlap) == ((896, 896), 448)


# ---- labels ------------------------------------------------------------------------------------


def test_one_view_gives_what_one_pass_gives(model, tmp_path):
    image = draw_grains(size=(240, 256))[0]
    Image.fromarray(image).save(tmp_path / "small.png")
    found = ask(encode(model, tmp_path / "small.png", tmp_path / "out", scale=1))
    scene = model.encode(image, similarity_mean="window", progress=False)
    wanted = scene.segment(NAMES)
    assert len(np.unique(wanted.labels)) >= 2
    np.testing.assert_allclose(
        found.cosine, wanted.cosine.permute(2, 0, 1).numpy(), atol=2e-6, rtol=0
    )
    assert (found.labels() == wanted.labels).mean() > 0.999


@pytest.mark.parametrize(
    "tile, origin, storage",
    [
        (1000, (0, 0), {"tile": (128, 128), "compression": "zlib"}),
        (300, (77, 131), {"rowsperstrip": 11}),
    ],
)
def test_no_label_depends_on_tiles(model, photo, undisturbed, tmp_path, tile, origin, storage):
    path = tmp_path / "stored_otherwise.tif"
    tifffile.imwrite(path, tifffile.imread(photo), photometric="rgb", **storage)
    other = encode(model, path, tmp_path / "out", tile=tile, tile_origin=origin)
    np.testing.assert_array_equal(features(other), features(undisturbed))
    for stem, threshold in (("all", 0.0), ("sure", middling(undisturbed))):
        one = ask(undisturbed, stem=stem, prob_thd=threshold)
        two = ask(other, stem=stem, prob_thd=threshold, tile=tile)
        labels = tifffile.imread(one.path)
        np.testing.assert_array_equal(tifffile.imread(two.path), labels)
        assert two.table == one.table
        assert (0.2 < (labels == 255).mean() < 0.8) if threshold else (255 not in labels)
        np.testing.assert_array_equal(one.labels(np.s_[3:70], np.s_[7::9]), labels[3:70, 7::9])


def test_labels_are_a_tiled_deflated_tiff_and_the_table_counts_them(model, photo, tmp_path):
    answer = ask(encode(model, photo, tmp_path, um_per_px=2.0))
    with tifffile.TiffFile(answer.path) as file:
        page = file.pages[0]
        assert (page.shape, page.dtype, page.is_tiled) == (SIZE, np.uint8, True)
        assert page.compression.name == "ADOBE_DEFLATE"
        assert page.tags["XResolution"].value == (5000, 1)  # px a centimetre
        labels = page.asarray()
    for number, row in enumerate(answer.table):
        assert row["name"] == NAMES[number]
        assert row["pixels"] == (labels == number).sum() == round(row["share"] * labels.size)
        assert row["area_mm2"] == pytest.approx(row["pixels"] * 4e-6)
    told = json.loads(answer.path.with_suffix(".json").read_text("utf-8"))
    assert told["table"] == answer.table
    assert told["labels"] == {"0": "pyrite", "1": "galena", "2": "quartz", "255": "unknown"}
    assert told["record"]["inputs"][0]["name"] == "section.tif"


def test_a_moved_lattice_gives_nearly_the_same(undisturbed):
    moved = undisturbed.moved(40, 44, progress=False)
    assert moved.lattice.offset == (32, 48)  # whole patches
    assert moved.lattice.window_starts[0] == [0, 32, 112, 192, 272, 336]
    one, two = ask(undisturbed, stem="still"), ask(moved)
    assert 0 < differing(one, two) < 0.3
    assert differing(one, one) == 0
    assert differing(one, two) == pytest.approx((one.labels() != two.labels()).mean())
    with pytest.raises(ValueError, match="same photo and names"):
        differing(one, undisturbed.segment(NAMES[:2], stem="two", overview=False, progress=False))


# ---- asked again -------------------------------------------------------------------------------


def test_other_names_do_not_encode_again(model, photo, undisturbed, monkeypatch):
    def looked(*args, **options):
        raise AssertionError("the photo was looked at again")

    monkeypatch.setattr(encoding, "window_features", looked)
    monkeypatch.setattr(encoding, "look", looked)
    again = encode(model, photo, undisturbed.folder)
    answer = again.segment(
        ["sphalerite", "chalcopyrite"], stem="sulphides", overview=False, progress=False
    )
    assert answer.names == ("sphalerite", "chalcopyrite")
    assert sum(row["share"] for row in answer.table) == pytest.approx(1)


def test_an_answer_is_written_once_and_never_over_another(undisturbed, monkeypatch):
    first = ask(undisturbed, stem="mine")
    written = first.path.stat().st_mtime_ns
    assert ask(undisturbed, stem="mine").table == first.table
    assert first.path.stat().st_mtime_ns == written
    with pytest.raises(MosaicError, match=r"mine.tif .*names was .*galena.*, now it is .*topaz"):
        undisturbed.segment(["topaz"], stem="mine", open_vocabulary=True)
    with pytest.raises(MosaicError, match="prob_thd was 0.0, now it is 0.4"):
        ask(undisturbed, stem="mine", prob_thd=0.4)
    with pytest.raises(MosaicError, match="the same names in other words"):
        ask(undisturbed, stem="mine", templates="plain")
    (undisturbed.folder / "theirs.tif").write_text("something else")
    with pytest.raises(MosaicError, match="theirs.json .* is no answer of a mosaic"):
        ask(undisturbed, stem="theirs")


def test_questions_are_checked_before_anything_is_written(undisturbed):
    before = sorted(undisturbed.folder.iterdir())
    with pytest.raises(UnknownMineral, match="did you mean Pyrite"):
        undisturbed.segment(["pyrit"], stem="new")
    with pytest.raises(ValueError, match="stride cannot change after encoding"):
        ask(undisturbed, stem="new", stride=16)
    with pytest.raises(ValueError, match="tile is 5; give whole pixels from 16 to 4096"):
        ask(undisturbed, stem="new", tile=5)
    assert sorted(undisturbed.folder.iterdir()) == before


# ---- whose folder it is ------------------------------------------------------------------------


def test_a_folder_of_another_run_is_refused_with_the_difference(
    model, photo, undisturbed, tmp_path
):
    def refused(words: str, other_model=model, path=photo, **options) -> None:
        with pytest.raises(MosaicError, match=words):
            encode(other_model, path, undisturbed.folder, **options)

    refused("preset.stride was 80, now it is 48", stride=48)
    refused(r"lattice.size was \[448, 560\], now it is \[896, 1120\]", scale=1)
    encoders = model.encoders
    other = segmenter.load_encoders(segmenter.load_profile(PROFILE))
    other.dino.vit.pos_embed[:] += 1
    refused("model.dino was", replace(model, encoders=replace(encoders, dino=other.dino)))
    copy = tmp_path / "copy.tif"
    shutil.copy(photo, copy)
    refused("photo.modified_ns was .* the same photo was copied anew: same_photo", path=copy)
    larger = tmp_path / "larger.tif"
    tifffile.imwrite(larger, np.zeros((1000, 1120, 3), np.uint8), photometric="rgb")
    refused(
        r"lattice.photo was \[900, 1120\], now it is \[1000, 1120\]", path=larger, same_photo=True
    )


def test_a_photo_copied_anew_is_read_again_and_not_encoded_again(model, photo, tmp_path):
    path = tmp_path / "section.tif"
    shutil.copy(photo, path)
    first = encode(model, path, tmp_path / "out")
    before = pieces(first)
    os.utime(path, (1, 1))
    second = encode(model, path, tmp_path / "out", same_photo=True)
    assert pieces(second) == before
    assert encode(model, path, tmp_path / "out").key == second.key  # no need to say it again


def test_a_photo_that_did_change_is_encoded_again(model, photo, tmp_path):
    image = tifffile.imread(photo)
    image[:40, :40] = 0
    path, calm = tmp_path / "section.tif", tmp_path / "calm.tif"
    shutil.copy(photo, path)
    encode(model, path, tmp_path / "out")
    for each in (path, calm):
        tifffile.imwrite(each, image, photometric="rgb")
    changed = encode(model, path, tmp_path / "out", same_photo=True)
    wanted = features(encode(model, calm, tmp_path / "calm"))
    np.testing.assert_array_equal(features(changed), wanted)


@pytest.mark.parametrize("lost", ["picture", "spliced", "features"])
def test_an_array_that_was_lost_is_made_again(model, photo, undisturbed, tmp_path, lost):
    path = tmp_path / "section.tif"
    shutil.copy(photo, path)
    spoil(path, 0)  # so that the spliced map is kept
    hurt = encode(model, path, tmp_path / "out")
    wanted = features(hurt)
    for name in {lost, "features"}:
        (tmp_path / "out" / "encoded" / f"{name}.npy").unlink()
    np.testing.assert_array_equal(features(encode(model, path, tmp_path / "out")), wanted)


def test_one_program_at_a_time(model, photo, tmp_path):
    with (
        locked(tmp_path),
        pytest.raises(MosaicError, match="another program is working in .*wait"),
    ):
        encode(model, photo, tmp_path)


def test_a_folder_that_cannot_be_used_is_named(model, photo, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(MosaicError, match="the folder file cannot be written .*another folder"):
        encode(model, photo, tmp_path / "file")
    (tmp_path / "out" / "encoded").mkdir(parents=True)
    (tmp_path / "out" / "encoded" / "about.json").write_text('{"photo"')
    with pytest.raises(MosaicError, match="about.json in out/encoded cannot be read"):
        encode(model, photo, tmp_path / "out")


def test_what_cannot_be_done_is_said_before_the_work(model, photo, tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="at a scale of 0.1 this photo is 112 x 96 px, smaller"):
        encode(model, photo, tmp_path / "a", scale=0.1)
    with pytest.raises(ValueError, match="the scale is 2;"):
        encode(model, photo, tmp_path / "a", scale=2)
    with pytest.raises(ValueError, match="similarity_mean='photo' runs over all windows"):
        encode(model, photo, tmp_path / "a", similarity_mean="photo")
    with pytest.raises(ValueError, match="views of 96 px .* at least a window long"):
        encode(model, photo, tmp_path / "a", view=100)
    assert not (tmp_path / "a").exists()
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(mosaic.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(OSError, match=r"encoding needs 0.0 GB .* make room, or lower the scale"):
        encode(model, photo, tmp_path / "b")


# ---- damage ------------------------------------------------------------------------------------


def test_a_damaged_tile_is_unknown_and_mended_later(model, photo, undisturbed, tmp_path):
    path = tmp_path / "section.tif"
    shutil.copy(photo, path)
    spoil(path, 9 * 6 + 2)  # 8 rows of 9 tiles: rows 768 to 895, columns 256 to 383
    hurt = encode(model, path, tmp_path / "out")
    (damage,) = hurt.damaged
    assert str(damage).startswith("rows 768 to 895, columns 256 to 383: ")
    answer = ask(hurt)
    labels = tifffile.imread(answer.path)
    assert (labels[768:896, 256:384] == 255).all()
    assert (labels == 255).sum() == 128 * 128
    assert answer.table[-1]["name"] == "unknown"
    assert answer.table[-1]["pixels"] == 128 * 128
    told = json.loads(answer.path.with_suffix(".json").read_text("utf-8"))
    assert told["basis"]["unread"] == [str(damage)]

    # the same file: tried again, found the same, and nothing encoded again
    before = pieces(hurt)
    again = encode(model, path, tmp_path / "out")
    assert (again.damaged, pieces(again)) == (hurt.damaged, before)

    # mended: what did not see the place is kept, and the result is that of a sound file
    shutil.copy(photo, path)
    mended = encode(model, path, tmp_path / "out", same_photo=True)
    assert mended.damaged == ()
    np.testing.assert_array_equal(features(mended), features(undisturbed))
    redone = pieces(mended)[len(before) :]
    assert "spliced 0" not in redone and "spliced 5" in redone
    assert "views/000_002" not in redone and "views/002_000" in redone
    sound = ask(mended)  # the answer of before was another picture's
    assert [row["name"] for row in sound.table] == NAMES
    np.testing.assert_array_equal(tifffile.imread(sound.path), ask(undisturbed, stem="s").labels())


def test_a_disk_that_fails_for_a_while_is_tried_again(
    model, photo, undisturbed, tmp_path, monkeypatch
):
    whole = segments._Tiff._bytes

    def failing(self, i, j, plane):
        if (i, j) == (1, 1):
            raise OSError(5, "Input/output error")
        return whole(self, i, j, plane)

    monkeypatch.setattr(segments._Tiff, "_bytes", failing)
    first = encode(model, photo, tmp_path)
    assert [str(d) for d in first.damaged] == [
        "rows 128 to 255, columns 128 to 255: [Errno 5] Input/output error"
    ]
    monkeypatch.setattr(segments._Tiff, "_bytes", whole)
    second = encode(model, photo, tmp_path, tile=333)
    assert second.damaged == ()
    np.testing.assert_array_equal(features(second), features(undisturbed))


def test_a_photo_of_which_nothing_can_be_read_is_refused(model, photo, tmp_path):
    path = tmp_path / "section.tif"
    shutil.copy(photo, path)
    for number in range(9 * 8):
        spoil(path, number)
    with pytest.raises(PhotoError, match="nothing of the photo can be read"):
        encode(model, path, tmp_path / "out")


def test_a_photo_that_one_view_sees_gets_the_map_that_the_segmenter_draws(model, tmp_path):
    image = draw_grains(size=(192, 256))[0]  # as wide as SAM's canvas
    tifffile.imwrite(tmp_path / "small.tif", image, photometric="rgb")
    found = encode(model, tmp_path / "small.tif", tmp_path / "out", scale=1.0)
    assert found.lattice.view_starts == ([0], [0])
    scene = model.encode(image, similarity_mean="window", progress=False)
    same = ask(found).labels() == scene.segment(NAMES).labels
    assert same.mean() > 0.99


# ---- the command -------------------------------------------------------------------------------


def command(*arguments: object) -> int:
    return main(["mosaic", *map(str, arguments), "--profile", str(PROFILE), "--scale", "0.5"])


def test_command_writes_labels_table_and_overview(photo, tmp_path, capsys):
    out = tmp_path / "out"
    assert command(photo, "--minerals", "pyrite,галенит", "--out", out, "--um-per-px", 1.5) == 0
    said = capsys.readouterr()
    assert "1120 x 900 px, looked at with 0.5 working pixels a pixel" in said.out
    assert "галенит" in said.out and "mm²" in said.out
    assert "random weights" in said.err
    assert sorted(p.name for p in out.iterdir() if p.name[0] != ".") == [
        "encoded",
        "labels.json",
        "labels.tif",
        "labels_overview.json",
        "labels_overview.png",
    ]
    sidecar = json.loads((out / "labels_overview.json").read_text("utf-8"))
    assert sidecar["alt"].startswith("Mosaic of a polished section under a map of minerals: ")

    assert command(photo, "--minerals", "hematite", "--out", out) == 2
    said = capsys.readouterr().err
    assert "answers another question" in said and "a --stem" in said


def test_command_says_what_is_damaged(photo, tmp_path, capsys):
    path = tmp_path / "section.tif"
    shutil.copy(photo, path)
    spoil(path, 0)
    assert command(path, "--minerals", "pyrite,galena", "--out", tmp_path / "out") == 1
    said = capsys.readouterr()
    assert "1 places cannot be read and are unknown:\n  rows 0 to 127, columns 0 to" in said.err
    assert "unknown" in said.out


def test_command_that_is_ended_says_how_to_go_on(photo, tmp_path, capsys, monkeypatch):
    def ended(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("mineral_utils.mosaic.mosaic.encode_mosaic", ended)
    assert command(photo, "--minerals", "pyrite", "--out", tmp_path / "out") == 130
    assert "start again with the same words" in capsys.readouterr().err


def test_a_scale_beyond_tiff_s_numbers_stands_in_the_table_alone(undisturbed):
    """TIFF states pixels a centimetre as a fraction of two numbers of 32 bits."""
    found = ask(replace(undisturbed, um_per_px=1e-9), stem="beyond")
    assert found.path.exists() and found.table[0]["area_mm2"] < 1e-15


def test_command_refuses_bad_photos_and_names_in_a_sentence(photo, tmp_path, capsys):
    (tmp_path / "no.tif").write_text("no photo")
    out = tmp_path / "out"
    assert command(tmp_path / "no.tif", "--minerals", "pyrite", "--out", out) == 1
    assert command(photo, "--minerals", "pyrit", "--out", out) == 2
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "this is a text file, not a photo" in said[0]
    assert "pyrit" in said[1]
    assert not out.exists()
