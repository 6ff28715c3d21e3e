"""Corrected maps as truth: saved, refused, read back, scored; and series of photos."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from mineral_utils import lumenstone
from mineral_utils.editing import (
    Desk,
    Draft,
    EditError,
    Series,
    corrected_cases,
    save_draft,
    save_lumenstone,
)
from mineral_utils.editing.journal import read_events
from mineral_utils.export import read_png
from mineral_utils.photos import Photo, PhotoError, load_photo
from mineral_utils.segmenter import Segmenter

from .typed_scene import tuned, typed_scene

HALVES = ["PPGG"] * 4


def corrected(folder, *, who: str = "Anna", seed: int = 0, stem: str = "a", **options) -> Draft:
    """The left half, which the model takes for pyrite, is sphalerite."""
    draft = Draft(
        typed_scene(HALVES, seed=seed), ["pyrite", "galena"], folder=folder, who=who, stem=stem
    )
    draft.select_region(3, 3)
    draft.assign("сфалерит")
    return draft


# ---- the suite's own form --------------------------------------------------------------------
def test_a_saved_map_is_read_back_with_its_names(tmp_path):
    draft = corrected(tmp_path)
    written = save_draft(draft)
    assert sorted(path.name for path in written) == [
        "a_corrected_indexed.json",
        "a_corrected_indexed.png",
        "a_photo.png",
    ]
    found = read_png(tmp_path / "a_corrected_indexed.png")
    assert found.names == ("pyrite", "galena", "сфалерит")
    assert (found.labels == draft.labels()).all()
    assert (load_photo(tmp_path / "a_photo.png").image == draft.photo.image).all()
    assert list(read_events(draft.journal.path))[-1]["files"].keys() == {p.name for p in written}


def test_a_map_is_saved_again_and_what_is_not_its_own_is_left_alone(tmp_path):
    draft = corrected(tmp_path)
    save_draft(draft)
    draft.undo()
    save_draft(draft)
    again = Draft(typed_scene(HALVES), folder=tmp_path, stem="a")
    save_draft(again)  # opened anew, they are still its own
    again.close()
    (tmp_path / "a.edits.jsonl").rename(tmp_path / "old.jsonl")
    stranger = Draft(typed_scene(HALVES), ["quartz", "galena"], folder=tmp_path, stem="a")
    before = (tmp_path / "a_corrected_indexed.png").read_bytes()
    with pytest.raises(EditError, match="another photo, or other words"):
        save_draft(stranger)
    assert (tmp_path / "a_corrected_indexed.png").read_bytes() == before


def test_what_counted_in_a_saved_map_counts_when_it_is_opened_again(tmp_path):
    from mineral_utils.editing import Look

    draft = corrected(tmp_path)
    draft.look = Look(opacity=0.9, confidence=0.3, smallest_region=7)
    save_draft(draft)
    look = Draft(typed_scene(HALVES), folder=tmp_path, stem="a").look
    assert (look.confidence, look.smallest_region, look.opacity) == (0.3, 7, 0.45)


def test_nothing_is_saved_without_a_folder():
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"])
    with pytest.raises(EditError, match="has no folder"):
        save_draft(draft)


def test_a_folder_that_lost_its_rights_is_said(tmp_path, monkeypatch):
    draft = corrected(tmp_path)

    def refused(*given):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mineral_utils.photos.photo.os.replace", refused)
    with pytest.raises(PhotoError, match="may write to"):
        save_draft(draft)
    assert [path.name for path in tmp_path.glob("a_*")] == []


# ---- LumenStone's form -----------------------------------------------------------------------
def test_lumenstones_layout_is_opened_by_its_own_module(tmp_path):
    draft = corrected(tmp_path / "work")
    image, mask = save_lumenstone(draft, tmp_path / "truth")
    assert mask.relative_to(tmp_path).as_posix() == "truth/S1_v2/masks/train/a.png"
    codes = np.asarray(Image.open(mask))
    assert codes.shape == (32, 32, 3)
    assert (codes[:, :16] == 8).all() and (codes[:, 16:] == 2).all()  # sphalerite, galena
    (item,) = lumenstone.items(tmp_path / "truth")
    photo, labels, names = lumenstone.load(item)
    assert (photo.image == draft.photo.image).all()
    assert {names[k] for k in np.unique(labels)} == {"Sphalerite", "Galena"}
    save_lumenstone(draft, tmp_path / "truth")


def test_gangue_is_background_and_a_fitting_set_is_found(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a")
    for x, name in ((3, "quartz"), (20, "covellite")):
        draft.select_region(x, 3)
        draft.assign(name)
    _, mask = save_lumenstone(draft, tmp_path / "truth")
    assert mask.parts[-4] == "S3_v2"
    codes = np.asarray(Image.open(mask))
    assert (codes[:, :16] == 0).all() and (codes[:, 16:] == 12).all()


def test_what_has_no_code_is_refused_by_name(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a")
    draft.select_region(3, 3)
    draft.assign("cinnabar")
    with pytest.raises(EditError, match="no code for cinnabar"):
        save_lumenstone(draft, tmp_path / "truth")
    draft.undo()
    draft.assign("unknown")
    with pytest.raises(EditError, match=r"50\.0% of the area is unknown"):
        save_lumenstone(draft, tmp_path / "truth")
    assert not (tmp_path / "truth").exists()


def test_a_real_set_is_not_written_into(tmp_path):
    draft = corrected(tmp_path / "work")
    theirs = tmp_path / "truth" / "S1_v2" / "imgs" / "train" / "a.jpg"
    theirs.parent.mkdir(parents=True)
    theirs.write_bytes(b"somebody's photo")
    with pytest.raises(EditError, match=r"a\.jpg is there already"):
        save_lumenstone(draft, tmp_path / "truth")


# ---- scoring ---------------------------------------------------------------------------------
def test_corrected_maps_are_scored_where_somebody_looked(tmp_path):
    draft = corrected(tmp_path)
    save_draft(draft)
    assert list(corrected_cases(tmp_path, ["Sphalerite"])) == [], "nobody said that it is done"
    draft.mark_done()
    ((image, labels, name, specimen),) = corrected_cases(tmp_path, ["Galena", "Sphalerite"])
    assert (image == draft.photo.image).all() and (name, specimen) == ("a", None)
    assert (labels[:, :16] == 1).all() and (labels[:, 16:] == 0).all()
    ((_, labels, _, _),) = corrected_cases(tmp_path, ["Galena", "Sphalerite"], edited_only=True)
    assert (labels[:, :16] == 1).all() and (labels[:, 16:] == 255).all()
    draft.undo()
    assert list(corrected_cases(tmp_path, ["Galena"])) == [], "changed since"


def test_the_evaluation_takes_corrected_cases(tmp_path):
    from mineral_utils.evaluation import answers
    from mineral_utils.scoring import score

    image = np.zeros((112, 112, 3), np.uint8)
    image[:, 56:] = 200
    draft = Draft(
        tuned().encode(Photo(image), progress=False), ["pyrite", "quartz"], folder=tmp_path
    )
    labels = draft.labels()
    save_draft(draft)
    draft.mark_done()
    names = ["Pyrite", "Quartz"]
    found = answers({"tuned": tuned()}, corrected_cases(tmp_path, names), names, refine=())
    assert found.photos == ("photo",) and found.row("tuned").accuracy == 1.0
    cases = [case[:2] for case in corrected_cases(tmp_path, names)]
    (row,) = score(tuned(), cases, names, progress=False)
    assert row.miou == 1.0 and (cases[0][1] == labels).all(), "a model agrees with its own map"


def test_a_map_that_changed_or_a_photo_that_is_gone_is_named(tmp_path):
    draft = corrected(tmp_path)
    save_draft(draft)
    draft.mark_done()
    (tmp_path / "a_photo.png").unlink()
    with pytest.raises(EditError, match=r"a_photo\.png of a is not in"):
        list(corrected_cases(tmp_path, ["Galena"]))
    Image.new("RGB", (32, 32)).save(tmp_path / "a_photo.png")
    with pytest.raises(EditError, match="other pixels"):
        list(corrected_cases(tmp_path, ["Galena"]))
    Image.new("P", (32, 32)).save(tmp_path / "a_corrected_indexed.png")
    with pytest.raises(EditError, match="not what its journal tells of"):
        list(corrected_cases(tmp_path, ["Galena"]))
    with pytest.raises(EditError, match="no corrections in"):
        list(corrected_cases(tmp_path / "elsewhere", ["Galena"]))


# ---- series ----------------------------------------------------------------------------------
@pytest.fixture
def typed_model(monkeypatch) -> Segmenter:
    """A model that knows every photo's map before it looks: encoding is left out."""
    scenes = {}

    def encode(self, photo, **options):
        key = photo.image.tobytes()
        return scenes.setdefault(key, typed_scene_of(photo))

    monkeypatch.setattr(Segmenter, "encode", encode)
    return tuned()


def typed_scene_of(photo: Photo):
    from dataclasses import replace

    return replace(typed_scene(HALVES), photo=photo)


def photos(count: int) -> dict[str, Photo]:
    return {f"photo {k}": typed_scene(HALVES, seed=k).photo for k in range(count)}


def test_a_series_knows_what_is_begun_and_done(tmp_path, typed_model):
    series = Series(typed_model, photos(3), tmp_path, ["pyrite", "galena"], who="Anna")
    assert series.titles == ("photo_0", "photo_1", "photo_2") and len(series) == 3
    assert series.next_open() == "photo_0"
    draft = series.open("photo_0")
    assert series.status("photo_0") == "new", "opening alone begins nothing"
    draft.select_region(3, 3)
    draft.assign("quartz")
    assert series.status("photo_0") == "begun"
    draft.mark_done()
    assert series.progress() == {"photo_0": "done", "photo_1": "new", "photo_2": "new"}
    assert series.next_open("photo_0") == "photo_1" and series.next_open() == "photo_1"
    assert (series.beside("photo_0", -1), series.beside("photo_0", 1)) == (None, "photo_1")
    later = Series(typed_model, photos(3), tmp_path, ["pyrite"])
    assert later.next_open() == "photo_1"
    assert later.open("photo_0").result.names == ("pyrite", "galena"), "as it was asked then"
    (tmp_path / "photo_1.edits.jsonl").write_text("no journal\n")
    assert later.status("photo_1") == "damaged"
    with pytest.raises(EditError, match="not in this series of 3 photos"):
        later.open("photo_9")


def test_photos_of_one_name_get_numbers(tmp_path, typed_model):
    series = Series(typed_model, ["a/1.jpg", "b/1.jpg", "b/2.jpg"], tmp_path, ["pyrite"])
    assert series.titles == ("1", "1_2", "2")
    series = Series(typed_model, ["a/1.jpg", "b/1.jpg", "b/1_2.jpg"], tmp_path, ["pyrite"])
    assert series.titles == ("1", "1_2", "1_2_2"), "none is lost"
    with pytest.raises(EditError, match="same name"):
        Series(typed_model, {"a b": "x", "a_b": "y"}, tmp_path, ["pyrite"])


def test_a_photo_that_cannot_be_read_does_not_bar_the_way(tmp_path, typed_model):
    for name in ("b.png", "d.png"):
        Image.fromarray(typed_scene(HALVES, seed=5).photo.image).save(tmp_path / name)
    paths = [tmp_path / f"{name}.png" for name in "abcd"]
    paths[0].write_text("no picture")
    paths[2].write_bytes(b"")
    desk = Desk(Series(typed_model, paths, tmp_path / "kept", ["pyrite", "galena"]))
    assert "a.png: this is a text file" in desk.open() and desk.title == "b"
    assert "c.png: the file is empty" in desk.go(+1) and desk.title == "d"
    desk.go(-1)
    assert desk.title == "b"
    with pytest.raises(PhotoError, match="a.png: this is a text file"):
        desk.go(-1)
    assert desk.title == "b"


def test_what_is_no_upload_is_no_photo(tmp_path, typed_model):
    (tmp_path / "uploads").mkdir()
    for name in (".DS_Store", ".a.12345678.part.png", "a.png"):
        (tmp_path / "uploads" / name).write_bytes(b"")
    assert Series(typed_model, {}, tmp_path, ["pyrite"]).titles == ("a",)


def test_an_upload_is_kept_and_what_is_no_picture_is_not(tmp_path, typed_model):
    series = Series(typed_model, {}, tmp_path, ["pyrite", "galena"])
    Image.fromarray(typed_scene(HALVES, seed=5).photo.image).save(tmp_path / "x.png")
    content = (tmp_path / "x.png").read_bytes()
    assert series.add_upload("../../my section.PNG", content) == "my_section"
    assert series.add_upload("C:\\photos\\my section.png", content) == "my_section_2"
    assert (tmp_path / "uploads" / "my_section.png").read_bytes() == content
    assert series.open("my_section_2").photo.path.name == "my_section_2.png"
    for junk in (b"", b"not a picture", content[: len(content) // 2]):
        with pytest.raises(PhotoError):
            series.add_upload("junk.png", junk)
    assert len(series) == 2
    later = Series(typed_model, {"a": "x.jpg"}, tmp_path, ["pyrite"])
    assert later.titles == ("a", "my_section", "my_section_2"), "uploads are there again"
    assert [p.name for p in (tmp_path / "uploads").iterdir() if "junk" in p.name] == []
