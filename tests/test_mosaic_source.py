"""Photos read in pieces: as `load_photo` would read them whole, and damage stays where it is."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from mineral_utils.mosaic import open_source, segments, source
from mineral_utils.mosaic.shrinking import area_mean, support
from mineral_utils.photos import PhotoError, load_photo

SIZE = (150, 210)


def picture(depth: type = np.uint8, channels: int = 3) -> np.ndarray:
    """A smooth picture with some noise, so that JPEG and predictors have something to do."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    planes = [np.sin(x / (9 + k)) * np.cos(y / (11 + 2 * k)) for k in range(channels)]
    values = 0.5 + 0.4 * np.stack(planes, -1) + rng.normal(0, 0.02, (*SIZE, channels))
    return np.rint(values.clip(0, 1) * np.iinfo(depth).max).astype(depth)


def jpeg_tiles(path: Path, image: np.ndarray, side: int = 64) -> None:
    """A TIFF of JPEG tiles, as slide scanners write it."""
    padded = np.pad(image, ((0, -SIZE[0] % side), (0, -SIZE[1] % side), (0, 0)), "edge")

    def tiles():
        for y in range(0, padded.shape[0], side):
            for x in range(0, padded.shape[1], side):
                file = io.BytesIO()
                Image.fromarray(padded[y : y + side, x : x + side]).save(file, "JPEG", quality=90)
                yield file.getvalue()

    encoded(path, tiles(), (side, side), compression=7, photometric=6)


def encoded(path: Path, tiles, tile: tuple[int, int], *, compression: int, photometric: int = 2):
    """A TIFF of tiles that are encoded already."""
    what = {"shape": (*SIZE, 3), "dtype": np.uint8, "tile": tile, "photometric": "rgb"}
    tifffile.imwrite(path, iter(tiles), metadata=None, **what)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages[0].tags[259].overwrite(compression)
        file.pages[0].tags[262].overwrite(photometric)


def by_tifffile(path: Path, image: np.ndarray, **how) -> None:
    tifffile.imwrite(path, image, metadata=None, **{"photometric": "rgb", **how})


def by_pillow(path: Path, image: np.ndarray, **how) -> None:
    Image.fromarray(image).save(path, **how)


KINDS = {
    "strips": lambda p: by_tifffile(p, picture(), rowsperstrip=16),
    "one strip": lambda p: by_tifffile(p, picture()),
    "big-endian": lambda p: by_tifffile(p, picture(), byteorder=">", rowsperstrip=7),
    "BigTIFF": lambda p: by_tifffile(p, picture(), bigtiff=True, tile=(64, 32)),
    "deflated tiles": lambda p: by_tifffile(p, picture(), tile=(32, 64), compression="zlib"),
    "predictor": lambda p: by_tifffile(
        p, picture(), tile=(64, 64), compression="zlib", predictor=True
    ),
    "planes": lambda p: by_tifffile(
        p, picture().transpose(2, 0, 1).copy(), planarconfig="separate", rowsperstrip=40
    ),
    "deflated planes": lambda p: by_tifffile(
        p,
        picture().transpose(2, 0, 1).copy(),
        planarconfig="separate",
        tile=(48, 48),
        compression="zlib",
    ),
    "grey": lambda p: by_tifffile(p, picture(channels=1)[..., 0], photometric="minisblack"),
    "white is 0": lambda p: by_tifffile(p, picture(channels=1)[..., 0], photometric="miniswhite"),
    "transparent": lambda p: by_tifffile(p, picture(channels=4), extrasamples="unassalpha"),
    "palette": lambda p: by_tifffile(
        p,
        picture(channels=1)[..., 0],
        photometric="palette",
        colormap=np.arange(768, dtype=np.uint16).reshape(3, 256) * 80,
    ),
    "CMYK": lambda p: by_tifffile(p, picture(channels=4), photometric="separated"),
    "16 bits": lambda p: by_tifffile(p, picture(np.uint16), rowsperstrip=30, compression="zlib"),
    "12 of 16 bits": lambda p: by_tifffile(p, picture(np.uint16) >> 4, tile=(64, 64)),
    "16-bit grey, white is 0": lambda p: by_tifffile(
        p, picture(np.uint16, 1)[..., 0], photometric="miniswhite"
    ),
    "LZW": lambda p: by_pillow(p, picture(), compression="tiff_lzw"),
    "JPEG strips": lambda p: by_pillow(p, picture(), compression="jpeg", quality=85),
    "JPEG tiles": lambda p: jpeg_tiles(p, picture()),
    "a preview beside it": lambda p: with_preview(p),
}


def with_preview(path: Path) -> None:
    with tifffile.TiffWriter(path) as writer:
        writer.write(picture(), tile=(64, 64), photometric="rgb", metadata=None)
        writer.write(picture()[::4, ::4], photometric="rgb", subfiletype=1, metadata=None)


@pytest.mark.parametrize("kind", KINDS)
def test_rectangles_are_those_of_the_whole_photo(tmp_path, kind):
    path = tmp_path / "photo.tif"
    KINDS[kind](path)
    whole = load_photo(path).image
    assert whole.std() > 20
    with open_source(path) as photo:
        assert photo.size == SIZE
        for y1, y2, x1, x2 in ((0, 150, 0, 210), (13, 14, 200, 210), (31, 97, 60, 129)):
            found, damaged = photo.read(slice(y1, y2), slice(x1, x2))
            assert not damaged
            np.testing.assert_array_equal(found, whole[y1:y2, x1:x2])


def test_a_small_cache_reads_the_same(tmp_path, monkeypatch):
    path = tmp_path / "photo.tif"
    KINDS["deflated tiles"](path)
    monkeypatch.setattr(segments, "KEPT_BYTES", 2 * 32 * 64 * 3)
    with open_source(path) as photo:
        found, _ = photo.read(slice(0, 150), slice(0, 210))
        assert 0 < photo._held <= segments.KEPT_BYTES < found.nbytes
    np.testing.assert_array_equal(found, picture())


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_other_formats_are_decoded_whole_up_to_a_size(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"photo{suffix}"
    by_pillow(path, picture())
    with open_source(path) as photo:
        found, _ = photo.read(slice(10, 40), slice(5, 60))
    np.testing.assert_array_equal(found, load_photo(path).image[10:40, 5:60])
    monkeypatch.setattr(source, "WHOLE_PX", 1000)
    with pytest.raises(PhotoError, match="save this photo as a tiled TIFF"):
        open_source(path)
    with pytest.raises(PhotoError, match="210 x 150 px is more than max_pixels=500"):
        open_source(path, max_pixels=500)


def test_scale_is_that_of_the_metadata_or_the_users(tmp_path):
    path = tmp_path / "photo.tif"
    tifffile.imwrite(
        path,
        picture(),
        ome=True,
        photometric="rgb",
        metadata={"PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    with open_source(path) as stated, open_source(path, um_per_px=2) as given:
        assert (stated.um_per_px, given.um_per_px) == (0.5, 2.0)


def test_many_bits_are_counted_over_all_of_the_photo(tmp_path):
    path = tmp_path / "photo.tif"
    image = picture(np.uint16) >> 8  # 8 bits of 16 ...
    image[140, 200] = 40_000  # ... but for one bright pixel at the end
    by_tifffile(path, image, rowsperstrip=10)
    with open_source(path) as photo:
        assert (photo.deep, photo.highest) == (True, 40_000)
        found, _ = photo.read(slice(0, 10), slice(0, 210))
    np.testing.assert_array_equal(found, load_photo(path).image[:10])


# ---- damage ------------------------------------------------------------------------------------


def tile_bytes(path: Path, number: int) -> tuple[int, int]:
    with tifffile.TiffFile(path) as file:
        page = file.pages[0]
        return page.dataoffsets[number], page.databytecounts[number]


def spoil(path: Path, number: int) -> None:
    """Flip the bytes in the middle of a tile."""
    offset, count = tile_bytes(path, number)
    with open(path, "r+b") as file:
        file.seek(offset + count // 2)
        some = file.read(20)
        file.seek(offset + count // 2)
        file.write(bytes(255 - byte for byte in some))


def test_a_damaged_tile_is_named_and_grey(tmp_path):
    path = tmp_path / "photo.tif"
    KINDS["deflated tiles"](path)  # 5 rows of 4 tiles of 32 x 64 px
    whole = load_photo(path).image
    spoil(path, 6)  # second row, third column
    with open_source(path) as photo:
        found, damaged = photo.read(slice(0, 150), slice(0, 210))
        assert photo.read(slice(0, 32), slice(0, 210))[1] == []
    (one,) = damaged
    assert (one.y1, one.x1, one.y2, one.x2) == (32, 128, 64, 192)
    assert str(one).startswith("rows 32 to 63, columns 128 to 191: ")
    assert (found[32:64, 128:192] == 128).all()
    found[32:64, 128:192] = whole[32:64, 128:192]
    np.testing.assert_array_equal(found, whole)


def test_a_file_cut_off_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "photo.tif"
    KINDS["strips"](path)  # 10 strips of 16 rows
    offset, count = tile_bytes(path, 7)
    os.truncate(path, offset + count // 2)
    with open_source(path) as photo:
        found, damaged = photo.read(slice(0, 150), slice(0, 210))
    assert [(d.y1, d.y2) for d in damaged] == [(112, 128), (128, 144), (144, 150)]
    assert "too early" in damaged[0].reason
    np.testing.assert_array_equal(found[:112], picture()[:112])


def test_a_tile_that_was_never_written_is_named(tmp_path):
    path = tmp_path / "photo.tif"
    tiles = iter([bytes(32 * 64 * 3)] * 3 + [b""] + [bytes(32 * 64 * 3)] * 16)
    tifffile.imwrite(
        path, tiles, shape=(*SIZE, 3), dtype=np.uint8, tile=(32, 64), photometric="rgb"
    )
    with open_source(path) as photo:
        _, damaged = photo.read(slice(0, 150), slice(0, 210))
    assert [str(d) for d in damaged] == [
        "rows 0 to 31, columns 192 to 209: the file holds nothing for this place"
    ]


BAD = {
    "float": (
        lambda p: by_tifffile(p, picture().astype(np.float32)),
        "32 bits that are no whole numbers",
    ),
    "turned": (
        lambda p: by_tifffile(p, picture(), extratags=[(274, 3, 1, 6, True)]),
        "turn it upright",
    ),
    "JPEG 2000": (
        lambda p: encoded(p, [b"x"] * 20, (32, 64), compression=34712),
        "compressed in a way that is not read here",
    ),
    "a text": (lambda p: p.write_text("not a photo"), "this is a text file"),
    "tiny": (lambda p: by_tifffile(p, picture()[:10, :10]), "too small"),
    "broken directory": (lambda p: p.write_bytes(b"II*\0" + b"\xff" * 40), "damaged|cut off"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_cannot_be_read_in_pieces_is_refused_in_a_sentence(tmp_path, kind):
    path = tmp_path / "photo.tif"
    make, words = BAD[kind]
    make(path)
    with pytest.raises(PhotoError, match=words):
        open_source(path)


# ---- shrinking ---------------------------------------------------------------------------------


def test_means_of_areas_by_hand():
    line = np.array([0, 30, 60], np.uint8).reshape(1, 3, 1)
    two = area_mean(line, slice(0, 1), slice(0, 2), (1, 3), (1, 2))
    assert two.ravel().tolist() == [10, 50]  # (0 + 30/2) / 1.5 and (30/2 + 60) / 1.5
    square = np.array([[0, 1], [1, 1]], np.uint8)[..., None]
    assert area_mean(square, slice(0, 1), slice(0, 1), (2, 2), (1, 1)).item() == 1  # 0.75
    assert area_mean(square[:, ::-1] * 2, slice(0, 1), slice(0, 1), (2, 2), (1, 1)).item() == 2


@pytest.mark.parametrize("size", [(150, 210), (64, 96), (149, 32), (160, 224)])
def test_a_part_shrinks_as_the_whole_does(size):
    image = picture()
    whole = area_mean(image, slice(0, size[0]), slice(0, size[1]), SIZE, size)
    assert abs(whole.mean() - image.mean()) < 0.5
    for rows, cols in (
        (slice(0, 7), slice(11, size[1])),
        (slice(size[0] - 1, size[0]), slice(3, 5)),
    ):
        part = image[
            support(rows.start, rows.stop, SIZE[0], size[0]),
            support(cols.start, cols.stop, SIZE[1], size[1]),
        ]
        np.testing.assert_array_equal(area_mean(part, rows, cols, SIZE, size), whole[rows, cols])
