"""Exported files say exactly what the map said: read back by us and by independent readers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from shapely.geometry import Point, shape

from mineral_utils.export import (
    FORMATS,
    export_map,
    fill,
    measure,
    mineral_map,
    mineral_rows,
    number_regions,
    outlines,
    own_scores,
    read_coco,
    read_geojson,
    read_label_studio,
    read_png,
    region_rows,
)
from mineral_utils.export.coco import decode_counts, encode_counts, join_coco
from mineral_utils.export.label_studio import join_label_studio
from mineral_utils.export.signs import write_signs
from mineral_utils.export.tables import read_csv
from mineral_utils.minerals import vocabulary
from mineral_utils.photos import Photo, PhotoError
from mineral_utils.segmenter import load_model
from tests.drawing import draw_grains

# pycocotools' own affair with numpy 2
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ("pyrite", "галенит", "copper ore, dull")
# p: a ring round a hole that holds galena; two pieces that touch at a corner; a C that closes at a
# corner; c: a hole of two pixels that touch at a corner, with unknown in them
DRAWN = """
p p p . . . . c c c c
p g p . . p p c . c c
p p p . . p p c c . c
. . . g g . . c c c c
g . g . g p p p p . .
. g . . g p . . p . .
. . . g g p . p . . p
"""
OF = {"p": 0, "g": 1, "c": 2, ".": 255}
LABELS = np.array([[OF[c] for c in row.split()] for row in DRAWN.split("\n") if row], np.uint8)
READERS = {
    "png": ("_indexed.png", read_png),
    "geojson": (".geojson", read_geojson),
    "coco": ("_coco.json", read_coco),
    "coco-polygons": ("_coco_polygons.json", read_coco),
    "label-studio": ("_label_studio.json", read_label_studio),
}


def random_labels(seed: int, size: tuple[int, int] = (33, 47), count: int = 3) -> np.ndarray:
    """Noise: every pixel drawn by itself, the hardest map to outline."""
    rng = np.random.default_rng(seed)
    return rng.choice(np.array([*range(count), 255], np.uint8), size)


MAPS = {
    "drawn": LABELS,
    "one mineral all over": np.zeros((16, 20), np.uint8),
    "nothing known": np.full((16, 20), 255, np.uint8),
    "one pixel": np.where(np.arange(320).reshape(16, 20) == 319, 2, 255).astype(np.uint8),
    "chessboard": (np.indices((16, 17)).sum(0) % 2 * 255).astype(np.uint8),
    "noise": random_labels(0),
    "grains": draw_grains(size=(96, 128))[1] % 3,
}


def paths_of(written: list[Path], end: str) -> Path:
    return next(path for path in written if path.name == f"section 7{end}")


# ---- every format, there and back ------------------------------------------------------------


@pytest.mark.parametrize("name", MAPS)
@pytest.mark.parametrize("kind", READERS)
def test_read_back_exactly(tmp_path, kind, name):
    end, read = READERS[kind]
    labels = MAPS[name]
    written = export_map("section 7.jpg", labels, tmp_path, [kind], names=NAMES, um_per_px=0.37)
    assert sorted(written) == sorted(tmp_path.iterdir())
    back = read(paths_of(written, end))
    assert back.labels.dtype == np.uint8 and (back.labels == labels).all()
    assert (back.names, back.um_per_px, back.file_name) == (NAMES, 0.37, "section 7.jpg")


@pytest.mark.parametrize("seed", range(4))
def test_noise_of_odd_sizes_goes_through_all_formats(tmp_path, seed):
    labels = random_labels(seed, (1 + 7 * seed, 40 - 9 * seed), count=1 + seed)
    names = [f"stone {k}" for k in range(1 + seed)]
    written = export_map("section 7.png", labels, tmp_path, READERS, names=names)
    for end, read in READERS.values():
        assert (read(paths_of(written, end)).labels == labels).all(), end


def test_254_names_fit(tmp_path):
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    labels[labels == 254] = 255
    names = [f"stone {k}" for k in range(254)]
    written = export_map("section 7.png", labels, tmp_path, READERS, names=names)
    for end, read in READERS.values():
        assert (read(paths_of(written, end)).labels == labels).all(), end


# ---- independent readers ---------------------------------------------------------------------


def test_png_is_indexed_and_in_the_vocabulary_s_colours(tmp_path):
    path = export_map("section 7.jpg", LABELS, tmp_path, ["png"], names=NAMES)[0]
    with Image.open(path) as picture:
        assert picture.mode == "P"
        assert (np.array(picture) == LABELS).all()
        seen = np.array(picture.convert("RGB"))
    pyrite = bytes.fromhex(vocabulary().find("pyrite").colour[1:])
    assert tuple(seen[0, 0]) == tuple(pyrite)
    assert tuple(seen[0, 3]) == (89, 89, 89)
    about = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert about["labels"] == {"0": "pyrite", "1": "галенит", "2": "copper ore, dull"}
    assert about["size_px"] == [11, 7]


def test_a_map_of_a_large_photo_is_read(tmp_path, monkeypatch):
    """Pillow's guard against bombs stands far below the photos that are segmented here."""
    path = export_map("a.jpg", LABELS, tmp_path, ["png"], names=NAMES)[0]
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert (read_png(path).labels == LABELS).all()
    path.write_text("no picture")
    with pytest.raises(ValueError, match="is no PNG"):
        read_png(path)


def test_png_of_another_map_is_refused(tmp_path):
    export_map("a.jpg", LABELS, tmp_path, ["png"], names=NAMES)
    Image.fromarray(LABELS).save(tmp_path / "a_indexed.png")
    with pytest.raises(ValueError, match="no palette"):
        read_png(tmp_path / "a_indexed.png")


@pytest.mark.parametrize("kind", ["coco", "coco-polygons"])
@pytest.mark.parametrize("name", ["drawn", "chessboard", "noise", "grains"])
def test_pycocotools_decodes_the_same_masks(tmp_path, capsys, kind, name):
    labels = MAPS[name]
    path = export_map("section 7.jpg", labels, tmp_path, [kind], names=NAMES)[0]
    coco = COCO(path)
    numbers, label_of = number_regions(labels)
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(NAMES)
    assert len(coco.anns) == len(label_of)
    for k, annotation in coco.anns.items():
        mask = coco.annToMask(annotation).astype(bool)
        assert (mask == (numbers == k)).all()
        assert annotation["category_id"] == label_of[k - 1] + 1
        assert annotation["area"] == mask.sum()
        if isinstance(annotation["segmentation"], dict):
            assert annotation["bbox"] == coco_mask.toBbox(annotation["segmentation"]).tolist()
            own = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
            assert annotation["segmentation"]["counts"] == own["counts"].decode()
    kinds = {type(a["segmentation"]) for a in coco.anns.values()}
    assert (list in kinds) == (kind == "coco-polygons")


def test_counts_of_any_length_survive_coco_s_characters():
    counts = np.array([0, 1, 31, 32, 5, 16, 1023, 1024, 33_000, 7, 2**26, 1, 1, 900_000, 2])
    assert (decode_counts(encode_counts(counts)) == counts).all()
    size = [1, int(counts.sum())]
    theirs = coco_mask.frPyObjects({"counts": counts.tolist(), "size": size}, *size)
    assert theirs["counts"].decode() == encode_counts(counts)


def test_coco_of_others_is_read(tmp_path):
    """Uncompressed lengths, polygons off the pixel grid, ids of their own, several photos."""
    theirs = {
        "images": [
            {"id": 7, "file_name": "a.jpg", "width": 4, "height": 3},
            {"id": 9, "file_name": "b.jpg", "width": 4, "height": 3},
        ],
        "categories": [{"id": 20, "name": "galena"}, {"id": 3, "name": "pyrite"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 9,
                "category_id": 20,
                "segmentation": {"size": [3, 4], "counts": [0, 2, 10]},
            },
            {
                "id": 2,
                "image_id": 9,
                "category_id": 3,
                "segmentation": [[2.2, 0.2, 3.8, 0.2, 3.8, 1.8, 2.2, 1.8]],
            },
        ],
    }
    path = tmp_path / "theirs.json"
    path.write_text(json.dumps(theirs))
    back = read_coco(path, "b.jpg")
    assert back.names == ("pyrite", "galena")
    expected = [[1, 255, 0, 0], [1, 255, 0, 0], [255, 255, 255, 255]]
    assert back.labels.tolist() == expected
    with pytest.raises(ValueError, match=r"name one of a\.jpg, b\.jpg"):
        read_coco(path)


@pytest.mark.parametrize(
    ("kind", "join", "read"),
    [("coco", join_coco, read_coco), ("label-studio", join_label_studio, read_label_studio)],
)
def test_photos_of_a_folder_become_one_file(tmp_path, kind, join, read):
    maps = {"a.jpg": LABELS, "пустой.jpg": np.full((4, 5), 255, np.uint8), "b.jpg": LABELS[::-1]}
    paths = [export_map(k, v, tmp_path, [kind], names=NAMES)[0] for k, v in maps.items()]
    path = join(paths, tmp_path / "all.json")
    assert (read(path, "a.jpg").labels == LABELS).all()
    assert (read(path, "b.jpg").labels == LABELS[::-1]).all()
    if kind == "coco":
        ids = [a["id"] for a in json.loads(path.read_text("utf-8"))["annotations"]]
        assert ids == list(range(1, len(ids) + 1))
        assert COCO(path).imgs[2]["file_name"] == "пустой.jpg"


@pytest.mark.parametrize("name", ["drawn", "chessboard", "noise", "grains"])
def test_geojson_is_valid_geometry_and_covers_the_pixels(tmp_path, name):
    labels = MAPS[name]
    written = export_map("section 7.jpg", labels, tmp_path, ["geojson"], names=NAMES)
    features = json.loads(paths_of(written, ".geojson").read_text("utf-8"))["features"]
    numbers, label_of = number_regions(labels)
    assert len(features) == len(label_of)
    for k, feature in enumerate(features, 1):
        area = shape(feature["geometry"])
        assert area.is_valid  # GEOS's judgement, and QuPath's: no ring touches itself
        assert area.area == (numbers == k).sum()
        assert area.bounds == measured_bounds(numbers == k)
        row, column = np.argwhere(numbers == k)[0]
        assert area.contains(Point(column + 0.5, row + 0.5))


def measured_bounds(mask: np.ndarray) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def test_geojson_has_what_qupath_reads(tmp_path):
    written = export_map("section 7.jpg", LABELS, tmp_path, ["geojson"], names=NAMES, um_per_px=2.0)
    content = json.loads(paths_of(written, ".geojson").read_text("utf-8"))
    assert content["type"] == "FeatureCollection"
    assert content["coordinates"]["unit"] == "px" and "y down" in content["coordinates"]["axes"]
    first = content["features"][0]
    # the ring of pyrite: outside right and down (x, y), inside the other way round
    assert first["geometry"]["coordinates"] == [
        [[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]],
        [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]],
    ]
    properties = first["properties"]
    assert properties["objectType"] == "annotation"
    assert properties["classification"]["name"] == "pyrite"
    red, green, blue = properties["classification"]["color"]
    assert f"#{red:02x}{green:02x}{blue:02x}" == vocabulary().find("pyrite").colour.lower()
    assert properties["measurements"]["Area µm^2"] == 8 * 4
    micrometres = json.loads(paths_of(written, "_um.geojson").read_text("utf-8"))
    assert micrometres["coordinates"]["unit"] == "um"
    assert micrometres["features"][0]["geometry"]["coordinates"][0][2] == [6.0, 6.0]
    assert (read_geojson(paths_of(written, "_um.geojson")).labels == LABELS).all()


def test_geojson_that_qupath_wrote_is_read(tmp_path):
    """A bare list without our members, corners between pixels, a class that is new."""

    def feature(name, rings):
        properties = {"objectType": "annotation", "classification": {"name": name}}
        geometry = {"type": "Polygon", "coordinates": rings}
        return {"type": "Feature", "geometry": geometry, "properties": properties}

    square = [[0.4, 0.4], [3.6, 0.4], [3.6, 2.6], [0.4, 2.6], [0.4, 0.4]]
    triangle = [[2, 0], [4, 0], [4, 2], [2, 0]]
    path = tmp_path / "theirs.geojson"
    path.write_text(json.dumps([feature("gangue", [square]), feature("pyrite", [triangle])]))
    back = read_geojson(path, size=(3, 4), names=["pyrite", "gangue"])
    # a pixel whose centre lies on a side belongs to what begins there
    assert back.labels.tolist() == [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]]
    with pytest.raises(ValueError, match="size"):
        read_geojson(path)
    with pytest.raises(ValueError, match="'gangue'"):
        read_geojson(path, size=(3, 4), names=["pyrite"])
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    path.write_text(json.dumps({**feature("pyrite", []), "geometry": line}))
    with pytest.raises(ValueError, match="LineString"):
        read_geojson(path, size=(3, 4))


def published_decoder(code: list[int]) -> np.ndarray:
    """Label Studio's brush format read bit by bit, as its documentation has it."""
    bits = "".join(f"{byte:08b}" for byte in code)
    total, word = int(bits[:32], 2), int(bits[32:37], 2) + 1
    sizes = [int(bits[37 + 4 * k : 41 + 4 * k], 2) + 1 for k in range(4)]
    at, values = 53, []
    while len(values) < total:
        same, size = bits[at] == "1", sizes[int(bits[at + 1 : at + 3], 2)]
        length = int(bits[at + 3 : at + 3 + size], 2) + 1
        at += 3 + size
        for _ in range(1 if same else length):
            value = int(bits[at : at + word], 2)
            values += [value] * (length if same else 1)
            at += word
    return np.array(values, np.uint8)


def test_label_studio_has_what_its_import_needs(tmp_path):
    written = export_map("Шлиф 7.jpg", LABELS, tmp_path, ["label-studio"], names=NAMES)
    (task,) = json.loads(written[0].read_text("utf-8"))
    assert task["data"]["image"].endswith("?d=%D0%A8%D0%BB%D0%B8%D1%84%207.jpg")
    (prediction,) = task["predictions"]
    for label, result in enumerate(prediction["result"]):
        assert result["type"] == "brushlabels" and result["value"]["format"] == "rle"
        assert result["value"]["brushlabels"] == [NAMES[label]]
        assert (result["original_width"], result["original_height"]) == (11, 7)
        assert (result["from_name"], result["to_name"]) == ("mineral", "photo")
        values = published_decoder(result["value"]["rle"]).reshape(7, 11, 4)
        assert (values == values[..., :1]).all() and set(np.unique(values)) == {0, 255}
        assert ((values[..., 3] == 255) == (LABELS == label)).all()
    config = written[1].read_text("utf-8")
    assert '<BrushLabels name="mineral" toName="photo">' in config
    assert 'value="copper ore, dull"' in config


def test_a_name_that_is_no_utf_8_is_written_as_its_bytes(tmp_path):
    photo = os.fsdecode(b"S\xff7.jpg")
    written = export_map(photo, LABELS, tmp_path, READERS, names=NAMES)
    for end, read in READERS.values():
        back = read(next(path for path in written if path.name == f"S\\xff7{end}"))
        assert back.file_name == "S\\xff7.jpg" and (back.labels == LABELS).all()


def test_label_studio_s_long_runs_are_split(tmp_path):
    labels = np.full((300, 400), 255, np.uint8)
    labels[100:, :] = 0  # 80 000 pixels, four values each, in runs of at most 65 536
    path = export_map("a.jpg", labels, tmp_path, ["label-studio"], names=["pyrite"])[0]
    (task,) = json.loads(path.read_text("utf-8"))
    code = task["predictions"][0]["result"][0]["value"]["rle"]
    values = published_decoder(code).reshape(300, 400, 4)
    assert ((values[..., 3] > 0) == (labels == 0)).all()
    assert (read_label_studio(path).labels == labels).all()


def test_label_studio_s_corrections_are_read(tmp_path):
    """Annotations count before predictions; single values instead of runs are read too."""
    bits = f"{2 * 2 * 4:032b}" + f"{7:05b}" + "0010" * 4
    bits += "0" + "00" + "111" + "".join(f"{v:08b}" for v in (0, 0, 0, 0, 9, 9, 9, 70))
    bits += "1" + "00" + "111" + f"{0:08b}"
    bits += "0" * (-len(bits) % 8)
    code = [int(bits[k : k + 8], 2) for k in range(0, len(bits), 8)]
    result = {
        "original_width": 2,
        "original_height": 2,
        "value": {"format": "rle", "rle": code, "brushlabels": ["galena"]},
    }
    task = {
        "data": {"image": "/data/upload/1/b.jpg"},
        "annotations": [{"result": []}, {"result": [result]}],
        "predictions": [{"result": []}],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    back = read_label_studio(path, "b.jpg", names=["pyrite", "galena"])
    assert back.labels.tolist() == [[255, 1], [255, 255]]
    code[3] = 99
    path.write_text(json.dumps([task]))
    with pytest.raises(ValueError, match="values"):
        read_label_studio(path)


@pytest.mark.parametrize(
    ("read", "said"),
    [(read_coco, "COCO"), (read_geojson, "GeoJSON"), (read_label_studio, "Label Studio")],
)
@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"features": [1]}', "[{}]"])
def test_other_files_are_refused_in_one_sentence(tmp_path, read, said, text):
    path = tmp_path / "thing.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=said) as error:
        read(path)
    assert "thing.json" in str(error.value)


# ---- measures --------------------------------------------------------------------------------


def test_measures_of_drawn_shapes():
    labels = np.full((6, 8), 255, np.uint8)
    labels[1:3, 2:6] = 0
    labels[5, 7] = 1
    found = measure(*number_regions(labels), score=np.where(labels == 0, 0.5, 0.25))
    assert found["label"].tolist() == [0, 1]
    assert found["area"].tolist() == [8, 1]
    assert (found["x"].tolist(), found["y"].tolist()) == ([4.0, 7.5], [2.0, 5.5])
    box = [found[side].tolist() for side in ("left", "top", "width", "height")]
    assert box == [[2, 7], [1, 5], [4, 1], [2, 1]]
    assert found["equivalent_diameter"][0] == pytest.approx(2 * (8 / np.pi) ** 0.5)
    assert found["touches_frame"].tolist() == [False, True]
    assert found["mean_score"].tolist() == [0.5, 0.25]


def test_perimeter_of_a_disc_and_of_a_square():
    rows, columns = np.indices((240, 240)) - 119.5
    disc = np.where(np.hypot(rows, columns) < 100, 0, 255).astype(np.uint8)
    assert measure(*number_regions(disc))["perimeter"][0] == pytest.approx(
        2 * np.pi * 100, rel=0.01
    )
    square = np.zeros((100, 100), np.uint8)  # its border is the frame
    assert measure(*number_regions(square))["perimeter"][0] == pytest.approx(400, rel=0.06)


def test_tables_in_px_and_um(tmp_path):
    mapped = mineral_map("a.jpg", LABELS, names=NAMES, um_per_px=2.0)
    minerals = {row["mineral"]: row for row in mineral_rows(mapped)}
    assert minerals["pyrite"]["area_px"] == (LABELS == 0).sum() == 21
    assert minerals["pyrite"]["area_um2"] == 84.0
    assert minerals["pyrite"]["area_mm2"] == pytest.approx(84e-6)
    assert minerals["pyrite"]["regions"] == 4
    assert minerals["unknown"]["area_px"] == (LABELS == 255).sum()
    assert sum(row["share"] for row in minerals.values()) == pytest.approx(1)
    rows = region_rows(mapped)
    assert rows[0]["x_px"] == 1.5 and rows[0]["x_um"] == 3.0 and rows[0]["mean_score"] is None
    assert sum(row["area_px"] for row in rows) == (LABELS != 255).sum()
    export_map("a.jpg", LABELS, tmp_path, ["csv"], names=NAMES)
    first = read_csv(tmp_path / "a_regions.csv")[0]
    assert (first["mineral"], first["area_px"], first["area_um2"]) == ("pyrite", "8", "")
    assert read_csv(tmp_path / "a_minerals.csv")[1]["mineral"] == "галенит"
    assert (tmp_path / "a_regions.csv").read_bytes()[:3] == b"\xef\xbb\xbf"


def test_fill_takes_pixels_whose_centre_is_inside():
    triangle = [(0, 0), (4, 0), (0, 4)]
    assert fill([triangle], (4, 4)).sum(axis=1).tolist() == [3, 2, 1, 0]
    outside = [(-5, -5), (20, -5), (20, 20), (-5, 20)]
    assert fill([outside], (3, 4)).all()
    assert not fill([], (3, 4)).any()


def test_outlines_split_where_pieces_touch_at_corners():
    labels = np.array([[0, 255], [255, 0]], np.uint8)
    (region,) = outlines(labels, *number_regions(labels)[:1], 1)
    assert region == [[[(0, 0), (1, 0), (1, 1), (0, 1)]], [[(1, 1), (2, 1), (2, 2), (1, 2)]]]


# ---- the one call ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def segmented():
    image = draw_grains(size=(96, 128))[0]
    photo = Photo(image, path=Path("grains.png"), um_per_px=1.5)
    scene = load_model("demo").encode(photo, progress=False)
    words = ["yellow", "grey", "dark"]
    sure = own_scores(scene.segment(words, open_vocabulary=True))
    # half of the pixels are too unsure to be known
    result = scene.segment(words, open_vocabulary=True, prob_thd=float(np.median(sure)))
    assert {1, 255} <= set(np.unique(result.labels))
    return photo, result


def test_a_segmentation_brings_names_scale_and_scores(tmp_path, segmented, monkeypatch):
    photo, result = segmented
    photo = Photo(photo.image, um_per_px=1.5)
    written = export_map(photo, result, tmp_path, FORMATS)
    assert sorted(written) == sorted(tmp_path.iterdir())
    for end, read in READERS.values():
        back = read(tmp_path / f"photo{end}")
        assert (back.labels == result.labels).all(), end
        assert (back.names, back.um_per_px) == (result.names, 1.5)
    for ours, theirs in zip(mineral_rows(mineral_map(photo, result)), result.table(), strict=True):
        assert ours["mineral"] == theirs["name"]
        for key in ("share", "regions", "area_mm2"):
            assert ours[key] == pytest.approx(theirs[key])
        assert ours["mean_score"] == pytest.approx(theirs["mean_score"], abs=1e-6)


def test_own_scores_are_those_of_the_labels(segmented):
    _, result = segmented
    score = own_scores(result)
    assert score[result.labels == 255].max() == 0
    row, column = np.argwhere(result.labels != 255)[40]
    all_scores = result.scores([row], [column])[0, 0]
    assert score[row, column] == all_scores[result.labels[row, column]]


def test_corrected_labels_go_into_every_format(tmp_path, segmented):
    photo, result = segmented
    photo = Photo(photo.image)
    corrected = result.labels.copy()
    corrected[:20, :30] = 2
    written = export_map(photo, corrected, tmp_path, FORMATS, names=result.names, stem="mended")
    assert {path.name[:6] for path in written} == {"mended"}
    with Image.open(tmp_path / "mended_labels.png") as picture:
        assert (np.array(picture) == corrected).all()
    numbers = json.loads((tmp_path / "mended_map.json").read_text("utf-8"))["numbers"]
    share = (corrected == 2).mean()
    assert numbers["table"][2] == {
        "name": "dark",
        "share": pytest.approx(share),
        "mean_score": None,
        "regions": number_regions(corrected)[1].tolist().count(2),
    }
    assert not (tmp_path / "mended_um.geojson").exists()  # the scale is unknown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"formats": ["shapefile"]}, "no format 'shapefile'; there are map, png"),
        ({"formats": []}, "no format"),
        ({"names": None}, "names="),
        ({"names": ["pyrite"]}, "255 is unknown"),
        ({"names": ["pyrite", "galena", "pyrite"]}, "different"),
        ({"um_per_px": -1.0}, "above 0"),
        ({"score": np.zeros((2, 2))}, "one score for each pixel"),
        ({"formats": ["map"]}, "load_photo"),
        ({"result": np.zeros((3, 4, 2), np.uint8)}, "whole numbers"),
        ({"result": np.zeros((3, 4))}, "whole numbers"),
        ({"photo": Photo(np.zeros((20, 20, 3), np.uint8))}, "20 x 20"),
    ],
)
def test_wrong_use_is_one_sentence_and_writes_nothing(tmp_path, change, said):
    given = {"photo": "a.jpg", "result": LABELS, "formats": ["png"], "names": NAMES} | change
    with pytest.raises(ValueError, match=said):
        export_map(folder=tmp_path / "out", **given)
    assert not list(tmp_path.rglob("*.*"))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PhotoError, match="could not be written to out"):
        export_map("a.jpg", LABELS, tmp_path / "file" / "out", ["png"], names=NAMES)


def test_signs_stand_in_the_widest_place_of_each_mineral_and_only_where_there_is_room():
    labels = np.full((60, 120), 255, np.uint8)
    labels[:, :50] = 0
    labels[10:50, 60:110] = 1
    labels[55:59, 60:110] = 2  # narrower than the type
    canvas = Image.new("RGB", (120, 60), "#777777")
    write_signs(canvas, labels, ["1", "2", "3"], letters=12)
    drawn = (np.asarray(canvas) != 0x77).any(-1)
    columns = np.flatnonzero(drawn.any(0))
    assert 15 < columns[columns < 50].mean() < 35 and 75 < columns[columns > 60].mean() < 95
    assert not drawn[52:].any() and not drawn[:, 50:60].any()
