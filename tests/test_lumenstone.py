"""The LumenStone folder: listed, opened, refused. The folders here are written by the tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mineral_utils import lumenstone
from mineral_utils.lumenstone import LumenstoneError, items, load, looks_at_test
from mineral_utils.photos import PhotoError, resize_long_side
from mineral_utils.run import Run

# codes of S1 and what they must become: index into the set's names
S1_NAMES = (
    *("background", "Chalcopyrite", "Galena", "Bornite", "Pyrite", "Sphalerite"),
    "Tetrahedrite Subgroup",
)
CODES = np.zeros((24, 32), np.uint8)
CODES[:8, :8], CODES[8:16, 16:] = 2, 6  # galena, upper left; pyrite or marcasite, middle right
CODES[20:, 4:6] = 11


def put(root: Path, codes: np.ndarray = CODES, *, folder="S1_v1", split="train", stem="train_01"):
    """One photo with its mask in the official layout; the photo shows the codes as grey levels."""
    image, mask = root / folder / "imgs" / split, root / folder / "masks" / split
    for place in (image, mask):
        place.mkdir(parents=True, exist_ok=True)
    grey = np.repeat((codes % 16 * 16).astype(np.uint8)[..., None], 3, axis=2)
    Image.fromarray(grey).save(image / f"{stem}.jpg", quality=95)
    Image.fromarray(codes).save(mask / f"{stem}.png")
    return root


# ---- listing ---------------------------------------------------------------------------------


def test_photos_are_listed_by_set_and_split_without_opening_any(tmp_path):
    for folder, split, stem in (
        ("S1_v1", "train", "train_02"),
        ("S1_v1", "train", "train_01"),
        ("S1_v1", "test", "test_01"),
        ("S2_v1", "train", "train_01"),
    ):
        put(tmp_path, folder=folder, split=split, stem=stem)
    (tmp_path / "S1_v1" / "imgs" / "train" / "train_01.jpg").write_bytes(b"no picture")
    (tmp_path / "V1").mkdir()  # photos without masks: not a set for scoring

    listed = [(i.set, i.version, i.split, i.stem) for i in items(tmp_path)]
    assert listed == [
        ("S1", "v1", "train", "train_01"),
        ("S1", "v1", "train", "train_02"),
        ("S2", "v1", "train", "train_01"),
    ]
    assert [i.stem for i in items(tmp_path, "S1", split="test")] == ["test_01"]
    assert [i.set for i in items(tmp_path / "S2_v1")] == ["S2"], "a set's own folder will do"


def test_the_newest_version_is_taken_unless_one_is_named(tmp_path):
    for folder in ("S1_v1", "S1_v1.5", "S1_v2"):
        put(tmp_path, folder=folder, split="train")
    assert [i.version for i in items(tmp_path)] == ["v2"]
    assert [i.version for i in items(tmp_path, ["S1_v1", "S1_v1.5"])] == ["v1", "v1.5"]


def test_the_folder_comes_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("LUMENSTONE_DIR", str(put(tmp_path)))
    assert [i.stem for i in items()] == ["train_01"]


@pytest.mark.parametrize(
    ("named", "says"),
    [
        (None, "LUMENSTONE_DIR is not set; download S1 or S2 from https://imaging.cs.msu.ru"),
        ("gone", "'gone', which is not there; it should hold S1_v1/imgs/train/.*jpg with .*png"),
        ("empty", "holds nothing, but no set of LumenStone; expected S1_v1/imgs/train"),
        ("other", "holds cat.jpg, but no set of LumenStone"),
    ],
)
def test_a_folder_that_is_not_there_says_what_is_expected_and_where(
    tmp_path, monkeypatch, named, says
):
    monkeypatch.delenv("LUMENSTONE_DIR", raising=False)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "cat.jpg").touch()
    with pytest.raises(LumenstoneError, match=says):
        items(None if named is None else tmp_path / named)


def test_what_was_asked_for_must_be_there(tmp_path):
    put(tmp_path)
    with pytest.raises(LumenstoneError, match="'S3' is not in the folder, which holds S1_v1"):
        items(tmp_path, ["S1", "S3"])
    with pytest.raises(LumenstoneError, match="S1_v1 has no photos in imgs/test"):
        items(tmp_path, split="test")
    with pytest.raises(LumenstoneError, match='"train" and "test"'):
        items(tmp_path, split="val")


# ---- opening ---------------------------------------------------------------------------------


def test_codes_become_labels_of_the_set(tmp_path):
    photo, labels, names = load(items(put(tmp_path))[0])
    assert names == S1_NAMES
    assert (labels.dtype, labels.shape, photo.image.shape) == (np.uint8, (24, 32), (24, 32, 3))
    assert labels[0, 0] == names.index("Galena")
    assert labels[12, 20] == names.index("Pyrite")
    assert labels[22, 5] == names.index("Tetrahedrite Subgroup")
    assert labels[0, 31] == names.index("background")
    assert photo.um_per_px is None and "LumenStone" in photo.credit


def test_a_class_may_be_either_of_two_minerals(tmp_path):
    classes = items(put(tmp_path, folder="S1_v2"))[0].classes
    assert classes[4].code == 6 and classes[4].minerals == ("Pyrite", "Marcasite")
    assert classes[0].minerals == ()


def test_three_equal_channels_mean_the_same_as_one(tmp_path):
    item = items(put(tmp_path))[0]
    single = load(item).labels
    for kept in (
        np.repeat(CODES[..., None], 3, axis=2),
        np.dstack([CODES] * 3 + [CODES * 0 + 255]),
    ):
        Image.fromarray(kept).save(item.mask_path)
        assert (load(item).labels == single).all()


def test_photo_and_mask_shrink_onto_the_same_pixels(tmp_path):
    # 96 x 72 px to 32 x 24: each new pixel's centre lies in the middle of a 3 x 3 block
    codes = np.zeros((72, 96), np.uint8)
    codes[1::3, 1::3] = CODES
    photo, labels, names = load(items(put(tmp_path, codes))[0], long_side=32)
    assert photo.image.shape[:2] == labels.shape == (24, 32)
    assert labels[0, 0] == 2 and labels[12, 20] == 4 and labels[22, 5] == 6


@pytest.mark.parametrize("long_side", [101, 448, 500, 1000])
def test_a_shrunken_edge_stays_where_the_photo_has_it(tmp_path, long_side):
    codes = np.zeros((240, 1000), np.uint8)
    codes[:, 333:] = 6  # grey 96 on black
    item = items(put(tmp_path, codes))[0]
    photo, labels, _ = load(item, long_side)
    assert photo.width == labels.shape[1] == long_side
    bright = photo.image[..., 0] > 48
    assert (bright != (labels > 0)).mean() <= 1.01 / long_side, "off by more than one column"
    assert labels.shape == resize_long_side(load(item).photo.image, long_side)[0].shape[:2]


def test_small_photos_are_not_enlarged(tmp_path):
    assert load(items(put(tmp_path))[0], long_side=4000).labels.shape == (24, 32)


# ---- what cannot be used ---------------------------------------------------------------------


def coloured(mask: Path) -> None:
    Image.fromarray(np.dstack([CODES, CODES * 2, CODES])).save(mask)


def binary(mask: Path) -> None:
    Image.fromarray(CODES > 0).save(mask)


def indexed(mask: Path) -> None:
    picture = Image.fromarray(CODES).convert("P")
    picture.putpalette([255, 0, 0, 0, 255, 0] * 128)
    picture.save(mask)


def half_size(mask: Path) -> None:
    Image.fromarray(CODES[::2, ::2]).save(mask)


def of_another_set(mask: Path) -> None:
    Image.fromarray(CODES + 3).save(mask)


def torn(mask: Path) -> None:
    mask.write_bytes(mask.read_bytes()[:60])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (Path.unlink, r"the mask masks/train/train_01\.png is missing; expected a PNG of codes"),
        (coloured, "coloured mask .*folder masks, not masks_colored"),
        (indexed, "coloured mask"),
        (binary, "not pixels of the kind '1'"),
        (half_size, "the mask has 16 x 12 px, its photo 32 x 24 px"),
        (of_another_set, "unknown codes 3, 5, 9, 14; S1 v1 has 0 BG, 1 Ccp, .*11 Tnt/Ttr"),
        (torn, "cannot be read as a picture"),
    ],
)
def test_masks_that_are_no_masks_are_refused_in_one_sentence(tmp_path, spoil, says):
    item = items(put(tmp_path))[0]
    spoil(item.mask_path)
    with pytest.raises(LumenstoneError, match=says) as error:
        load(item)
    assert str(error.value).endswith(".") and str(tmp_path) not in str(error.value)


def test_a_spoilt_photo_is_the_photos_own_error(tmp_path):
    item = items(put(tmp_path))[0]
    item.image_path.write_bytes(b"")
    with pytest.raises(PhotoError, match="empty"):
        load(item)


# ---- looks at test photos --------------------------------------------------------------------


def test_every_opening_of_a_test_photo_is_counted_and_recorded(tmp_path, monkeypatch):
    monkeypatch.setattr(lumenstone, "_looks", type(lumenstone._looks)())
    put(tmp_path)
    put(tmp_path, split="test", stem="test_01")
    (train,), (test,) = items(tmp_path), items(tmp_path, split="test")
    load(train)
    assert looks_at_test() == 0, "listing and training photos are no looks"
    load(test)
    load(test, long_side=24)
    assert looks_at_test() == 2

    run = Run("demo", "07_evaluate", tmp_path)
    run.save(test_looks=looks_at_test())
    assert '"test_looks": 2' in (run.folder / "run.json").read_text(encoding="utf-8")


# ---- the real ones ---------------------------------------------------------------------------


def test_real_training_photos(lumenstone_dir):
    before = looks_at_test()
    found = items(lumenstone_dir)
    assert found and {item.split for item in found} == {"train"}
    for item in (found[0], found[-1]):
        photo, labels, names = load(item, long_side=448)
        assert labels.shape == photo.image.shape[:2] and max(labels.shape) == 448
        assert labels.max() < len(names)
        # resin, gangue and pits are dark, ore minerals bright: so photo and mask belong together
        light = photo.image.mean(axis=2)
        dark, bright = light[labels == 0], light[labels > 0]
        assert dark.size and bright.size and dark.mean() + 30 < bright.mean()
    assert looks_at_test() == before
