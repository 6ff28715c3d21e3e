"""Photos: every file of the bad-input corpus, arrays, the limits, resizing and saving."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageFile

from mineral_utils.photos import (
    Photo,
    PhotoError,
    as_photo,
    check_image,
    checks,
    load_photo,
    photo,
    resize_long_side,
    save_png,
)
from tests.badinput import Case, four_colours, icc_profile, make_corpus, png_bytes

# pytest lifts the filter that the package sets for Pillow's tag reader
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.TiffImagePlugin")

FOLDER = tempfile.TemporaryDirectory(prefix="badinput")  # removed when the interpreter ends
CASES = make_corpus(FOLDER.name)
BY_NAME = {case.path.name: case for case in CASES}


def outcome(case: Case) -> Photo | str:
    """The photo, or the error sentence."""
    try:
        return load_photo(case.path, **case.options)
    except PhotoError as error:
        return str(error)


def one_sentence(text: str) -> bool:
    """One line, ending in a full stop, that no traceback has slipped into."""
    return text.endswith(".") and text.isprintable() and "Traceback" not in text


# ---- the corpus ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=[c.path.name[:40] for c in CASES])
def test_corpus(case):
    result = outcome(case)
    if case.expect != "ok":
        assert isinstance(result, str), f"{case.kind} should have been refused"
        assert re.search(case.expect, result), result
        assert case.path.name in result
        assert one_sentence(result)
        assert len(result) < 300 + len(str(case.path))
        return
    assert isinstance(result, Photo), result
    assert result.image.dtype == np.uint8
    assert result.image.shape == case.pixels.shape
    difference = np.abs(result.image.astype(int) - case.pixels)
    assert difference.max() <= case.tolerance
    assert re.search(case.note, " ".join(result.notes)), result.notes
    assert all(one_sentence(note) for note in result.notes)
    if case.um_per_px is None:
        assert result.um_per_px is None
    else:
        assert result.um_per_px == pytest.approx(case.um_per_px, rel=1e-4)
    assert result.sha256 == hashlib.sha256(case.path.read_bytes()).hexdigest()


def test_corpus_is_large_and_of_both_sorts():
    good = [case for case in CASES if case.expect == "ok"]
    assert len(good) >= 60
    assert len(CASES) - len(good) >= 60


def test_a_plain_photo_needs_no_note():
    assert load_photo(BY_NAME["plain.png"].path).notes == ()


def test_reading_is_silent_and_leaves_no_trace(capfd):
    """Nothing printed, warned, written, or switched in Pillow, over the whole corpus."""
    folder = Path(FOLDER.name)

    def listing() -> list:
        entries = [(p.name, p.lstat().st_size, p.lstat().st_mtime_ns) for p in folder.iterdir()]
        return sorted(entries)

    before, limit = listing(), Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        # pytest put its own filters over the one that the package has for Pillow's tag reader
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")
        for case in CASES:
            outcome(case)
    assert [str(warning.message) for warning in caught] == []
    assert capfd.readouterr() == ("", "")
    assert listing() == before
    assert Image.MAX_IMAGE_PIXELS == limit
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def test_threads_agree_with_one_after_the_other():
    def fingerprint(case: Case) -> str:
        result = outcome(case)
        return result if isinstance(result, str) else result.image.tobytes().hex()

    alone = [fingerprint(case) for case in CASES]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fingerprint, CASES))
    assert together == alone


# ---- large photos ----------------------------------------------------------------------------


def test_bombs_are_refused_at_once_and_without_memory():
    resource = pytest.importorskip("resource")  # not on Windows
    bombs = [case for case in CASES if case.path.name.startswith("bomb.")]
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    results = [outcome(case) for case in bombs]
    seconds = time.perf_counter() - start
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert len(results) >= 5
    assert all("max_pixels=250000000" in result for result in results)
    assert seconds < 1
    # kilobytes on Linux, bytes on macOS; decoded, the smallest would take 10 GB
    assert grown / (1024 if sys.platform == "darwin" else 1) < 100_000


@pytest.mark.parametrize(
    "name",
    ["plain.jpg", "plain.png", "plain.bmp", "raw.tif", "tiff_lzw.tif", "palette.tif", "tiles.tif"]
    + ["plain.ppm", "still.gif", "16 bit.png", "12 in 16 bit packed II.tif", "second of two.tiff"],
)
def test_pillows_own_limit_does_not_interfere(name, monkeypatch):
    """Pillow would warn above its limit, and refuse above twice that; the photos have 6144 px."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    case = BY_NAME[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = load_photo(case.path, **case.options)
    assert np.abs(loaded.image.astype(int) - case.pixels).max() <= case.tolerance
    assert Image.MAX_IMAGE_PIXELS == 1000


def test_the_limit_comes_from_the_call_or_the_environment(monkeypatch):
    path = BY_NAME["plain.png"].path  # 96 x 64 = 6144 px
    monkeypatch.setenv("MINERAL_MAX_PIXELS", "6143")
    with pytest.raises(PhotoError, match="max_pixels=6143 .*MINERAL_MAX_PIXELS"):
        load_photo(path)
    assert load_photo(path, max_pixels=6144).width == 96
    monkeypatch.setenv("MINERAL_MAX_PIXELS", "many")
    with pytest.raises(PhotoError, match="MINERAL_MAX_PIXELS must be a number .* got 'many'"):
        load_photo(path)
    with pytest.raises(PhotoError, match="max_pixels must be a number"):
        load_photo(path, max_pixels=0)


# ---- files that need a closer look -----------------------------------------------------------


def test_half_photos_are_refused_even_if_pillow_is_told_to_accept_them(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(PhotoError, match="LOAD_TRUNCATED_IMAGES is on"):
        load_photo(BY_NAME["half.jpg"].path)


@pytest.mark.parametrize("share", np.linspace(0.02, 0.98, 25))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "PPM", "TIFF"])
def test_no_cut_passes(kind, share, tmp_path):
    buffer = io.BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    path = tmp_path / "cut.img"
    path.write_bytes(buffer.getvalue()[: int(share * buffer.tell())])
    with pytest.raises(PhotoError, match="cut.img: "):
        load_photo(path)


def test_no_flipped_bit_in_a_png_passes(tmp_path):
    content = png_bytes(four_colours(), 2)
    path = tmp_path / "flipped.png"
    for at in range(8, len(content), 7):
        path.write_bytes(content[:at] + bytes([content[at] ^ 4]) + content[at + 1 :])
        with pytest.raises(PhotoError, match="flipped.png: "):
            load_photo(path)


def test_random_damage_raises_nothing_but_photo_error(tmp_path):
    """Some damage shows in nothing but the pixels; what is refused is refused in a sentence."""
    random = np.random.default_rng(5)
    refused = 0
    for case in [c for c in CASES if c.expect == "ok" and "lzw" not in c.path.name]:
        content = bytearray(case.path.read_bytes())
        for at in random.integers(0, min(400, len(content)), 3):  # headers, mostly
            content[at] = random.integers(256)
        path = tmp_path / f"damaged{case.path.suffix}"
        path.write_bytes(content)
        result = outcome(Case(path, "", "", options=case.options))
        refused += isinstance(result, str)
        assert isinstance(result, Photo) or (one_sentence(result) and path.name in result)
    assert refused > 30


def test_no_permission(monkeypatch):
    def refuse(path, mode):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(checks, "open", refuse, raising=False)
    with pytest.raises(PhotoError, match="plain.png: no permission to read the file; change"):
        load_photo(BY_NAME["plain.png"].path)


def test_relative_paths_and_home_are_understood(monkeypatch):
    monkeypatch.chdir(FOLDER.name)
    assert load_photo("plain.png").width == 96
    with pytest.raises(
        PhotoError, match="nowhere.png: there is no such file .looked in .*badinput"
    ):
        load_photo("nowhere.png")
    monkeypatch.setenv("HOME", FOLDER.name)
    monkeypatch.setenv("USERPROFILE", FOLDER.name)
    assert load_photo("~/plain.png").width == 96


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names and no pipes")
def test_names_that_would_break_a_line_and_pipes_that_would_wait(tmp_path):
    for name in (b"two\nlines.jpg", b"latin-1 \xe9.jpg", b"bell\a.jpg"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(b"")
        assert one_sentence(outcome(Case(path, "", "")))
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(PhotoError, match="a device or a pipe"):
        load_photo(tmp_path / "pipe.jpg")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("https://example.org/a.jpg", "web address; download"),
        ("nul\0character.jpg", "cannot be opened"),
        (None, "expects the path of a file, got NoneType"),
        (np.zeros((20, 20, 3), np.uint8), "got ndarray; as_photo takes"),
    ],
)
def test_what_is_no_path(given, said):
    with pytest.raises(PhotoError, match=said):
        load_photo(given)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "0.5", True, [0.5]])
def test_wrong_scales(wrong):
    with pytest.raises(PhotoError, match=r"plain.png: um_per_px must be a positive number"):
        load_photo(BY_NAME["plain.png"].path, um_per_px=wrong)


def test_the_given_scale_goes_before_the_stated_one():
    loaded = load_photo(BY_NAME["ome.tif"].path, um_per_px=2)
    assert loaded.um_per_px == 2.0
    assert loaded.field_width_mm == pytest.approx(96 * 2 / 1000)
    assert loaded.notes == ()


@pytest.mark.parametrize("resolution", [(0, 1), (1, 1), (1, 0), (1, 4_000_000_000)])
def test_broken_scale_metadata_are_no_scale(resolution, tmp_path):
    path = tmp_path / "odd.tif"
    tifffile.imwrite(path, four_colours(), imagej=True, metadata={"unit": "micron"})
    with tifffile.TiffFile(path, mode="r+") as container:
        for tag in ("XResolution", "YResolution"):
            container.pages.first.tags[tag].overwrite(resolution)
    assert load_photo(path).um_per_px is None


# ---- photos from arrays ----------------------------------------------------------------------


def test_a_photo_keeps_its_pixels_to_itself():
    array = four_colours()
    taken = as_photo(array)
    array[:] = 0
    assert np.array_equal(taken.image, four_colours())
    with pytest.raises(ValueError, match="read-only"):
        taken.image[0, 0] = 0
    with pytest.raises(AttributeError):
        taken.um_per_px = 1.0
    with pytest.raises(ValueError, match="read-only"):
        load_photo(BY_NAME["plain.png"].path).image[0, 0] = 0


def test_a_photo_tells_its_size():
    made = Photo(four_colours(), um_per_px=5, credit="A. Student")
    assert (made.height, made.width, made.field_width_mm) == (64, 96, pytest.approx(0.48))
    assert (made.path, made.sha256, made.notes) == (None, None, ())
    assert repr(made) == "Photo(array, 96 x 64 px, 5 µm/px)"
    assert Photo(four_colours()).field_width_mm is None
    loaded = load_photo(BY_NAME["plain.png"].path, credit="A. Student")
    assert loaded.credit == "A. Student"
    assert repr(loaded) == "Photo(plain.png, 96 x 64 px, scale unknown)"


def test_as_photo_takes_what_holds_a_photo():
    scene = four_colours()
    made = Photo(scene)
    assert as_photo(made) is made
    for given in (str(BY_NAME["plain.png"].path), BY_NAME["plain.png"].path, scene[:, ::1]):
        assert np.array_equal(as_photo(given).image, scene)
    assert np.array_equal(as_photo(scene[:, ::-1]).image, scene[:, ::-1])
    grey = as_photo(scene[..., 0])
    assert np.array_equal(grey.image, np.repeat(scene[..., :1], 3, axis=2))
    assert "grey" in grey.notes[0]


def test_as_photo_takes_pil_images():
    scene = four_colours()
    assert np.array_equal(as_photo(Image.fromarray(scene)).image, scene)
    with Image.open(BY_NAME["exif 6.png"].path) as lazy:  # turned, as by load_photo
        assert np.array_equal(as_photo(lazy).image, scene)
    with Image.open(BY_NAME["16 bit grey.png"].path) as deep:
        assert np.array_equal(as_photo(deep).image[..., 0], scene[..., 0])
    with Image.open(BY_NAME["half.jpg"].path) as half:
        with pytest.raises(PhotoError, match="the PIL image: the picture is cut off"):
            as_photo(half)
    with pytest.raises(PhotoError, match="the PIL image: 9 x 40 px is too small"):
        as_photo(Image.new("RGB", (9, 40)))


SHAPE = (20, 30, 3)
WRONG_ARRAYS = {
    "float01": (np.full(SHAPE, 0.5), r"float64 \[20, 30, 3\].*multiply by 255"),
    "float255": (np.full(SHAPE, 99.0), r"np\.rint\(array\)\.astype\(np\.uint8\)"),
    "nan": (np.full(SHAPE, np.nan, np.float32), "float32"),
    "uint16": (np.full(SHAPE, 40_000, np.uint16), "array // 257"),
    "bool": (np.zeros(SHAPE, bool), r"array\.astype\(np\.uint8\) \* 255"),
    "grey float": (np.full(SHAPE[:2], 0.5), "multiply by 255"),
    "channels first": (np.zeros((3, 20, 30), np.uint8), r"array\.transpose\(1, 2, 0\)"),
    "alpha": (np.zeros((20, 30, 4), np.uint8), r"array\[\.\.\., :3\]"),
    "batch": (np.zeros((5, 20, 30, 3), np.uint8), r"array\[0\]"),
    "two channels": (np.zeros((20, 30, 2), np.uint8), r"uint8 \[20, 30, 2\]"),
    "line": (np.zeros(30, np.uint8), r"uint8 \[30\]"),
    "empty": (np.zeros((0, 30, 3), np.uint8), "30 x 0 px is too small"),
    "ribbon": (np.zeros((16, 1025, 3), np.uint8), "longer than 64:1"),
    "list": ([[0, 1], [2, 3]], "got list"),
    "none": (None, "got NoneType"),
}


@pytest.mark.parametrize("name", WRONG_ARRAYS)
def test_wrong_arrays_are_told_how_to_become_right(name):
    array, said = WRONG_ARRAYS[name]
    with pytest.raises(PhotoError, match=said) as caught:
        as_photo(array)
    assert one_sentence(str(caught.value))
    with pytest.raises(PhotoError, match="^my photo: "):
        check_image(array, "my photo")


def test_the_advice_on_arrays_works():
    scene = four_colours()
    assert np.array_equal(np.rint(scene / 255 * 255).astype(np.uint8), scene)
    for array in (np.rint((scene / 255.0) * 255), scene.astype(np.uint16) * 257 // 257):
        assert np.array_equal(as_photo(array.astype(np.uint8)).image, scene)


# ---- smaller, and saved ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "side"), [(300, 400, 100), (400, 300, 100), (64, 900, 50)]
)
def test_resizing_keeps_the_shape(height, width, side):
    image = np.full((height, width, 3), (10, 120, 240), np.uint8)
    small, factor = resize_long_side(image, side)
    assert max(small.shape) == side
    assert factor == pytest.approx(side / max(height, width))
    assert small.shape[:2] == (round(height * factor), round(width * factor))
    assert (small == (10, 120, 240)).all()


def test_resizing_averages_and_never_enlarges():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 200  # finer than the new pixels: 100 everywhere, no moiré
    small, _ = resize_long_side(stripes, 16)
    assert np.abs(small[:, 2:-2].astype(int) - 100).max() <= 2
    scene = four_colours()
    same, factor = resize_long_side(scene, 96)
    assert same is scene and factor == 1.0
    same, factor = resize_long_side(scene, 2000)
    assert same is scene and factor == 1.0
    half, _ = resize_long_side(scene, 48)
    assert np.array_equal(half[8, 12], scene[0, 0])
    assert np.array_equal(half[24, 36], scene[-1, -1])


@pytest.mark.parametrize("wrong", [0, -5, 10.5, "100", None])
def test_resizing_to_nothing(wrong):
    with pytest.raises(PhotoError, match="long_side must be a whole number"):
        resize_long_side(four_colours(), wrong)


def test_what_is_saved_comes_back(tmp_path):
    scene = four_colours()
    path = save_png(tmp_path / "overlay.png", scene)
    assert np.array_equal(load_photo(path).image, scene)
    labels = np.arange(64 * 4, dtype=np.uint8).reshape(64, 4)
    save_png(path, labels)  # replaces the older file; labels keep their numbers
    with Image.open(path) as saved:
        assert saved.mode == "L"
        assert np.array_equal(np.asarray(saved), labels)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.png"]


class FullDisk(io.FileIO):
    """A file on a disk with room for 100 bytes."""

    def write(self, data) -> int:
        if self.tell() + len(data) > 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_full_disk_leaves_the_older_file(tmp_path, monkeypatch):
    path = save_png(tmp_path / "labels.png", four_colours())
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(photo, "open", FullDisk, raising=False)
        with pytest.raises(
            PhotoError, match="labels.png: could not be saved .*free some"
        ) as caught:
            save_png(path, 255 - four_colours())
    assert one_sentence(str(caught.value))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["labels.png"]


def test_a_file_that_cannot_be_replaced(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PhotoError, match="Permission denied.; choose a folder that you may write"):
        save_png(tmp_path / "labels.png", four_colours())
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_saved(tmp_path):
    scene = four_colours()
    with pytest.raises(PhotoError, match="create its folder first"):
        save_png(tmp_path / "nowhere" / "labels.png", scene)
    with pytest.raises(PhotoError, match="must end in .png"):
        save_png(tmp_path / "labels.jpg", scene)
    for wrong in (scene / 255, scene[None], scene[..., :2], np.zeros((0, 5), np.uint8), None):
        with pytest.raises(PhotoError, match=r"expected a uint8 array \[H, W\]"):
            save_png(tmp_path / "labels.png", wrong)
    assert list(tmp_path.iterdir()) == []


def test_icc_profiles_of_the_corpus_are_what_they_say():
    """The corpus's own profiles, read by littleCMS: else the colour cases would prove nothing."""
    from PIL import ImageCms

    for space in (b"RGB ", b"GRAY", b"CMYK"):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile("Named so", space)))
        assert profile.profile.xcolor_space.encode() == space
        assert ImageCms.getProfileDescription(profile).strip() == "Named so"
