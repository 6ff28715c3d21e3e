"""Pictures, by what is drawn: lengths, texts, pixels and the files that are saved."""

from __future__ import annotations

import hashlib
import json
import os
import time
from types import SimpleNamespace

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from PIL import Image

from mineral_utils import show
from mineral_utils.minerals import vocabulary


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def _grey(height: int, width: int, level: int = 128) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def _halves(height: int = 60, width: int = 80) -> np.ndarray:
    """Label 0 on the left, 1 on the right."""
    labels = np.zeros((height, width), np.uint8)
    labels[:, width // 2 :] = 1
    return labels


def _pixels(ax, box: tuple[float, float, float, float]) -> np.ndarray:
    """What is rendered over x1, y1, x2, y2 of the picture, uint8 [h, w, 3]."""
    canvas = ax.figure.canvas
    canvas.draw()
    rendered = np.asarray(canvas.buffer_rgba())[..., :3]
    (x1, y1), (x2, y2) = ax.transData.transform([box[:2], box[2:]]).astype(int)
    height = rendered.shape[0]
    return rendered[height - y1 : height - y2, x1:x2]


def _legend(ax) -> list[str]:
    return [text.get_text().strip("\u2007") for text in ax.get_legend().get_texts()]


def _texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def _bar(ax) -> Rectangle | None:
    return next((patch for patch in ax.patches if patch.get_gid() == "scale-bar"), None)


# ---- photo and scale -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("um_per_px", "width", "um", "label"),
    [
        (0.5, 1000, 100, "100 µm"),
        (1.3, 1024, 200, "200 µm"),
        (2.0, 1000, 500, "500 µm"),
        (5.0, 1000, 1000, "1 mm"),
        (10.0, 1000, 2000, "2 mm"),
        (0.004, 500, 0.5, "0.5 µm"),
    ],
)
def test_scale_bar_is_round_and_true(um_per_px, width, um, label):
    ax = show.show_photo(_grey(20, width), um_per_px=um_per_px)
    bar = _bar(ax)
    assert bar.get_width() == pytest.approx(um / um_per_px)
    assert 0.12 < bar.get_width() / width < 0.33
    assert bar.get_x() + bar.get_width() < width - 0.5, "inside the picture"
    assert _texts(ax) == [label]


def test_scale_bar_is_seen_on_black_and_on_white():
    for level in (0, 255):
        ax = show.show_photo(_grey(300, 400, level), um_per_px=1.0)
        bar = _bar(ax)
        ax.figure.canvas.draw()
        x1, y1, x2, y2 = bar.get_window_extent().extents
        drawn = np.asarray(ax.figure.canvas.buffer_rgba())[..., 0]
        around = drawn[len(drawn) - int(y2) - 3 : len(drawn) - int(y1) + 3, int(x1) + 5 : int(x2)]
        assert around.min() < 60 and around.max() > 195


def test_unknown_scale_is_said_and_no_bar_is_drawn():
    ax = show.show_photo(_grey(30, 40))
    assert _bar(ax) is None and _texts(ax) == ["scale unknown"]
    ax.figure.canvas.draw()
    note = ax.texts[0].get_window_extent()
    assert note.y1 < ax.transAxes.transform((0, 0))[1], "below the picture"
    assert note.y0 >= 0, "inside the figure"
    assert _texts(show.show_photo(_grey(30, 40), scale_note=False)) == []


def test_a_photo_object_brings_its_scale():
    photo = SimpleNamespace(image=_grey(30, 400), um_per_px=0.5)
    assert _texts(show.show_photo(photo)) == ["50 µm"]
    assert _texts(show.show_photo(photo, um_per_px=5.0)) == ["500 µm"], "a given one goes first"


def test_helpers_draw_on_a_given_axes_in_pixels_of_the_photo():
    _, ax = plt.subplots()
    assert show.show_photo(_grey(3000, 2500, 50), ax=ax, title="costs $5 or $6") is ax
    assert ax.get_xlim() == (-0.5, 2499.5) and ax.get_ylim() == (2999.5, -0.5)
    assert ax.images[0].get_extent() == [-0.5, 2499.5, 2999.5, -0.5]
    assert max(ax.images[0].get_size()) == 2000, "a large photo is reduced for drawing"
    assert ax.get_title(loc="left") == "costs $5 or $6"
    ax.figure.canvas.draw()


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_rgb_photo_is_refused(image):
    with pytest.raises(ValueError, match=r"must be uint8 \[H, W, 3\].*load_photo"):
        show.show_photo(image)


@pytest.mark.parametrize("scale", [0, -1.0, float("nan")])
def test_a_senseless_scale_is_refused(scale):
    with pytest.raises(ValueError, match="um_per_px is .*above 0"):
        show.show_photo(_grey(4, 4), um_per_px=scale)


# ---- mineral maps ----------------------------------------------------------------------------


def test_overlay_mixes_photo_and_colour():
    labels = np.array([[0, 1, 255]], np.uint8)
    image = np.array([[[100, 100, 100], [200, 100, 0], [30, 60, 90]]], np.uint8)
    mixed = show.overlay(image, labels, ["a", "b"], alpha=0.5, colours=["#ff0000", "#0000ff"])
    assert mixed.dtype == np.uint8
    assert mixed[0, 0].tolist() == [178, 50, 50]  # (100 + 255) / 2 = 177.5, rounded to even
    assert mixed[0, 1].tolist() == [100, 50, 128]
    assert mixed[0, 2].tolist() == [109, 109, 109], "unknown is grey: 0.4 * 60 + 85"
    names = ["galena", "pyrite"]
    pure = show.overlay(_grey(60, 80), _halves(), names, alpha=1)
    looks = vocabulary().queries(names)
    assert to_hex(pure[0, 0] / 255) == looks[0].colour.lower()
    assert to_hex(pure[0, -1] / 255) == looks[1].colour.lower()


def test_each_mineral_is_drawn_in_its_colour_and_ink():
    how = {"colours": ["#ff0000", "#0000ff"], "hatches": ["", ""], "contours": False}
    ax = show.show_segmentation(_grey(60, 80), _halves(), ["a", "b"], alpha=1, **how)
    assert np.unique(_pixels(ax, (10, 10, 30, 40)).reshape(-1, 3), axis=0).tolist() == [[255, 0, 0]]
    assert np.unique(_pixels(ax, (50, 10, 70, 40)).reshape(-1, 3), axis=0).tolist() == [[0, 0, 255]]


def test_hatch_tells_minerals_apart_without_colour():
    how = {"colours": ["#e0e0e0", "#e0e0e0"], "contours": False}
    names, labels = ["a", "b"], _halves()
    ax = show.show_segmentation(_grey(60, 80), labels, names, hatches=["/", "."], **how)
    left, right = _pixels(ax, (5, 5, 35, 40)), _pixels(ax, (45, 5, 75, 40))
    plain = show.show_segmentation(_grey(60, 80), labels, names, hatches=["", ""], **how)
    clean = _pixels(plain, (5, 5, 35, 40))
    assert np.ptp(clean) == 0 and np.ptp(left) > 50 and np.ptp(right) > 50
    strokes, dots = (part.mean(axis=-1) < clean.mean() - 20 for part in (left, right))
    assert strokes.any(axis=0).all(), "each column of the picture meets an oblique stroke"
    assert not dots.any(axis=0).all(), "dots leave columns free"
    light = show.show_segmentation(
        _grey(60, 80, 0), labels, names, hatches=["/", "/"], colours=["#000000"] * 2
    )
    assert _pixels(light, (5, 5, 35, 40)).max() > 100, "white strokes on a dark mineral"


def test_hatch_and_outline_follow_the_pixels():
    labels = np.full((4, 4), 255, np.uint8)
    labels[1:3, 1:3] = 0
    ax = show.show_segmentation(_grey(4, 4), labels, ["pyrite"], hatches=["x"])
    outline = ax.collections[-1].get_paths()[0]
    assert outline.vertices.min(axis=0) == pytest.approx([0.5, 0.5], abs=0.01)
    assert outline.vertices.max(axis=0) == pytest.approx([2.5, 2.5], abs=0.01)
    assert np.ptp(_pixels(ax, (-0.4, -0.4, 0.3, 3.4))) == 0, "nothing on unknown pixels"
    bare = show.show_segmentation(_grey(4, 4), labels, ["pyrite"], contours=False)
    assert len(ax.collections) == len(bare.collections) + 2


def test_legend_names_shares_and_what_is_missing():
    labels = np.zeros((10, 100), np.uint8)
    labels[:, :60], labels[:, 60:90], labels[0, 99] = 2, 1, 255
    names = ["галенит", "pyrite", "сфалерит", "gold", "bornite"]
    ax = show.show_segmentation(_grey(10, 100), labels, names)
    assert _legend(ax) == [
        "60.0 %  сфалерит",
        "30.0 %  pyrite",
        "9.9 %  галенит",
        "0.1 %  unknown",
        "not found: gold, bornite",
    ]
    bare = show.show_segmentation(_grey(10, 100), labels, names, shares=False)
    assert _legend(bare)[:2] == ["сфалерит", "pyrite"]
    none = show.show_segmentation(_grey(10, 100), labels, names, legend=False)
    assert none.get_legend() is None


def test_a_share_too_small_to_print_is_not_zero():
    labels = np.zeros((100, 100), np.uint8)
    labels[0, 0] = 1
    ax = show.show_segmentation(_grey(100, 100), labels, ["pyrite", "gold"])
    assert _legend(ax) == ["100.0 %  pyrite", "<0.1 %  gold"]


def test_legend_swatch_looks_like_its_region():
    how = {"colours": {"pyrite": "#ff0000"}, "alpha": 0.5}
    ax = show.show_segmentation(_grey(60, 80, 100), _halves(), ["pyrite", "galena"], **how)
    first, second = ax.get_legend().get_patches()
    assert np.multiply(first.get_facecolor()[:3], 255) == pytest.approx([178, 50, 50], abs=0.5)
    galena = np.multiply(to_rgb(vocabulary().queries(["galena"])[0].colour), 255)
    expected = (100 + galena) / 2
    assert np.multiply(second.get_facecolor()[:3], 255) == pytest.approx(expected, abs=0.6)
    assert first.get_hatch() != second.get_hatch()


NAMES = vocabulary().names


@pytest.mark.parametrize("minerals", [1, 3, 8, 20])
@pytest.mark.parametrize("shape", [(9, 12), (90, 120), (150, 60), (40, 300)])
def test_nothing_is_clipped_or_overlaps(minerals, shape):
    labels = np.random.default_rng(0).integers(0, minerals, shape).astype(np.uint8)
    ax = show.show_segmentation(_grey(*shape), labels, NAMES[: minerals + 2], title="A section")
    figure = ax.figure
    figure.canvas.draw()
    legend = ax.get_legend().get_window_extent()
    picture = ax.get_window_extent()
    assert not legend.overlaps(picture)
    drawn = [legend, picture, ax.texts[0].get_window_extent()]
    drawn.append(ax.get_tightbbox())
    for box in drawn:
        assert box.x0 >= -1 and box.x1 <= figure.bbox.width + 1
        assert box.y0 >= -1 and box.y1 <= figure.bbox.height + 1
    assert not legend.overlaps(ax.texts[0].get_window_extent())
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) >= 11
    share = picture.width / 100 * picture.height / 100
    assert share > 1, "the picture keeps at least a square inch"


def test_on_axes_of_ones_own_the_legend_finds_room():
    figure, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
    for ax in axes:
        show.show_segmentation(_grey(60, 80), _halves(), ["pyrite", "galena"], ax=ax)
    figure.canvas.draw()
    legends = [ax.get_legend().get_window_extent() for ax in axes]
    assert not legends[0].overlaps(axes[1].get_window_extent())
    assert legends[1].x1 <= figure.bbox.width


def test_twenty_minerals_draw_quickly():
    tiles = np.random.default_rng(0).integers(0, 20, (24, 32)).astype(np.uint8)
    labels = tiles.repeat(32, axis=0).repeat(32, axis=1)
    seconds = []
    for _ in range(3):
        start = time.process_time()
        show.show_segmentation(_grey(768, 1024), labels, NAMES[:20])
        seconds.append(time.process_time() - start)
    # about 0.4 s where nothing else runs; other work on the machine may slow us fourfold
    assert min(seconds) < 2.5


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="hold 7, 9, and the 2 names stand for 0 to 1"):
        labels = np.array([[0, 7], [9, 255]])
        show.show_segmentation(_grey(2, 2), labels, ["pyrite", "galena"])
    with pytest.raises(ValueError, match=r"uint8 \[2, 3\] and the image is \[2, 2\]"):
        show.show_segmentation(_grey(2, 2), np.zeros((2, 3), np.uint8), ["pyrite"])
    with pytest.raises(ValueError, match="float64.*whole numbers"):
        show.show_segmentation(_grey(2, 2), np.zeros((2, 2)), ["pyrite"])
    with pytest.raises(ValueError, match="1 names and 2 values of colour"):
        show.overlay(_grey(2, 2), np.zeros((2, 2), int), ["pyrite"], colours=["red", "blue"])


def test_a_map_of_unknown_pixels_only():
    labels = np.full((6, 8), 255, np.uint8)
    ax = show.show_segmentation(_grey(6, 8), labels, ["pyrite"])
    assert _legend(ax) == ["100.0 %  unknown", "not found: pyrite"]
    ax.figure.canvas.draw()


def test_mineral_table_reads_well():
    rows = [
        {"name": "galena", "share": 0.2, "mean_score": 0.714, "regions": 3},
        {"name": "gold", "share": 0.0, "mean_score": None, "regions": 0},
        {"name": "pyrite", "share": 0.8, "mean_score": 0.9, "regions": 12, "area_mm2": 0.12345},
    ]
    table = show.mineral_table(rows)
    lines = [line.split() for line in str(table).splitlines()]
    assert lines[0] == "share of area mean score regions area, mm²".split()
    assert lines[2:] == [
        ["pyrite", "80.0", "%", "0.90", "12", "0.123"],
        ["galena", "20.0", "%", "0.71", "3", "—"],
        ["gold", "0.0", "%", "—", "0", "—"],
    ]
    assert "<td>80.0 %</td>" in table._repr_html_()


# ---- inside the method -----------------------------------------------------------------------


def test_similarity_cells_lie_where_they_belong():
    sim = np.array([[0.1, 0.2], [0.3, 0.9]], np.float32)
    _, ax = plt.subplots()
    assert show.show_similarity(sim, ax=ax, image=_grey(40, 80), name="pyrite", point=(5, 7)) is ax
    drawn = ax.images[-1]
    assert drawn.get_extent() == [-0.5, 79.5, 39.5, -0.5]
    assert drawn.get_interpolation() == "nearest" and drawn.get_cmap().name == "cividis"
    assert drawn.get_clim() == pytest.approx((0.1, 0.9))
    assert ax.figure.axes[1].get_ylabel() == "cosine similarity"
    assert ax.get_title(loc="left") == "similarity to pyrite"
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[5, 7]]]
    corner = _pixels(ax, (45, 25, 75, 37)).reshape(-1, 3)
    assert np.ptp(corner, axis=0).max() == 0, "one cell, one colour"
    assert corner[0, 0] > corner[0, 2] + 50, "the highest cell is cividis's yellow"


def test_similarity_without_axes_stands_beside_its_photo():
    ax = show.show_similarity(np.eye(2), image=_grey(40, 80), point=(5, 7), vmin=-1, vmax=1)
    photo, mapped, bar = ax.figure.axes
    assert ax is mapped and ax.images[-1].get_clim() == (-1, 1)
    assert photo.get_title(loc="left") == "photo" and bar.get_ylabel() == "cosine similarity"
    assert all(len(each.lines) == 1 for each in (photo, mapped))
    alone = show.show_similarity(np.eye(3))
    assert alone.images[0].get_extent() == [-0.5, 2.5, 2.5, -0.5]
    with pytest.raises(ValueError, match=r"float64 \[2, 2, 2\]; give one map"):
        show.show_similarity(np.zeros((2, 2, 2)))


def test_windows_are_offset_counted_and_the_first_stands_out():
    windows = np.array([[y, x, y + 40, x + 40] for y in (0, 20) for x in (0, 20, 40)])
    ax = show.show_windows(_grey(60, 80), windows)
    assert _texts(ax) == ["6 windows, each pixel in 1 to 4; the first in orange"]
    counts = ax.images[-1].get_array()
    assert (counts[0, 0], counts[30, 0], counts[0, 30], counts[30, 30]) == (1, 2, 2, 4)
    frames = [patch for patch in ax.patches if isinstance(patch, Rectangle)]
    assert len(frames) == 6
    assert [patch.get_linewidth() for patch in frames].count(3.5) == 1
    assert frames[-1].get_linewidth() == 3.5, "the first window is drawn last, over the others"
    edges = {(round(f.get_x(), 2), round(f.get_y(), 2)) for f in frames}
    assert len(edges) == 6
    rows_of_first_column = {round(f.get_x(), 2) for f in frames if f.get_x() < 10}
    assert len(rows_of_first_column) == 2, "upright edges of one column do not coincide"
    for frame, (y1, x1, y2, x2) in zip(reversed(frames), windows, strict=True):
        assert x1 - 0.5 < frame.get_x() < x1 + 3 and y1 - 0.5 < frame.get_y() < y1 + 3
        assert x2 - 4 < frame.get_x() + frame.get_width() < x2 - 0.5
        assert y2 - 4 < frame.get_y() + frame.get_height() < y2 - 0.5


def test_one_window_and_windows_that_are_none():
    one = show.show_windows(_grey(20, 30), np.array([[0, 0, 20, 30]]))
    assert _texts(one) == ["1 window, each pixel in 1; the first in orange"]
    one.figure.canvas.draw()
    with pytest.raises(ValueError, match="y 0 to 21, x 0 to 30 does not lie in .*20 x 30"):
        show.show_windows(_grey(20, 30), np.array([[0, 0, 21, 30]]))
    with pytest.raises(ValueError, match=r"\[0\]; give integers \[n, 4\]"):
        show.show_windows(_grey(20, 30), np.array([]))


def test_prompts_in_the_colour_of_their_mineral_dashed_when_rejected():
    pyrite, galena = (query.colour for query in vocabulary().queries(["pyrite", "galena"]))
    prompts = [
        {"name": "pyrite", "box": (10, 5, 29, 24), "point": (15, 9), "kept": True, "score": 0.912},
        SimpleNamespace(name="galena", box=(40, 5, 60, 30), point=None, kept=False, score=0.5),
        {"name": "galena", "point": (70, 40)},
    ]
    ax = show.show_prompts(_grey(60, 80), prompts)
    kept, rejected = ax.patches
    assert kept.get_bbox().extents.tolist() == [9.5, 4.5, 29.5, 24.5], "both ends included"
    assert (kept.get_linestyle(), rejected.get_linestyle()) == ("-", "--")
    assert [to_hex(p.get_edgecolor()) for p in (kept, rejected)] == [pyrite.lower(), galena.lower()]
    assert [line.get_xydata().tolist() for line in ax.lines] == [[[15, 9]], [[70, 40]]]
    assert [to_hex(line.get_color()) for line in ax.lines] == [pyrite.lower(), galena.lower()]
    assert _texts(ax) == ["0.91", "0.50"]
    assert _legend(ax) == ["pyrite", "galena", "kept: 1", "rejected: 1"]
    with pytest.raises(ValueError, match="Prompt 0 has neither a box nor a point"):
        show.show_prompts(_grey(60, 80), [{"name": "pyrite"}])
    assert show.show_prompts(_grey(60, 80), []).get_legend() is None


# ---- saving ----------------------------------------------------------------------------------

TEXTS = {
    "alt": "Пирит fills the left half, galena the right; no other mineral was found.",
    "caption": "A digital section.",
    "credit": "mineral_utils, digital section, CC0",
}


def _figure():
    return show.show_segmentation(_grey(30, 40), _halves(30, 40), ["pyrite", "galena"]).figure


def test_a_saved_figure_says_everything(tmp_path):
    path = tmp_path / "figures" / "fig01_map.png"
    numbers = {"share": {"pyrite": np.float32(0.5)}}
    assert show.save_figure(_figure(), path, numbers=numbers, **TEXTS) == path
    assert sorted(os.listdir(path.parent)) == ["fig01_map.json", "fig01_map.png"]
    about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert {key: about[key] for key in TEXTS} == TEXTS
    assert about["picture"] == "fig01_map.png"
    assert about["numbers"] == {"share": {"pyrite": 0.5}}
    assert about["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert about["record"]["package"]["name"] == "mineral_utils" and about["record"]["time_utc"]
    with Image.open(path) as picture:
        assert about["size_px"] == list(picture.size)
        assert min(picture.size) > 400
        assert picture.info["Description"] == TEXTS["alt"]
        assert picture.info["Author"] == TEXTS["credit"]
        assert picture.info["Software"].startswith("mineral_utils ")


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_equal_figures_give_equal_bytes(tmp_path, suffix):
    first = show.save_figure(_figure(), tmp_path / "a" / f"f.{suffix}", record={}, **TEXTS)
    second = show.save_figure(_figure(), tmp_path / "b" / f"f.{suffix}", record={}, **TEXTS)
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".json").read_text() == second.with_suffix(".json").read_text()
    about = json.loads(first.with_suffix(".json").read_text())
    assert about["record"] == {} and (about["size_px"] is None) == (suffix != "png")


def test_a_failure_leaves_nothing_and_spoils_nothing(tmp_path, monkeypatch):
    figure, path = _figure(), tmp_path / "f.png"

    def half(aside, **kwargs):
        with open(aside, "wb") as stream:
            stream.write(b"half a picture")
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(figure, "savefig", half)
        with pytest.raises(OSError, match="disk full"):
            show.save_figure(figure, path, **TEXTS)
    assert os.listdir(tmp_path) == []

    show.save_figure(figure, path, **TEXTS)
    before = {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)}
    with pytest.raises(TypeError, match="numbers.*function"):
        show.save_figure(_figure(), path, numbers={"f": len}, **TEXTS)
    assert {name: (tmp_path / name).read_bytes() for name in os.listdir(tmp_path)} == before


@pytest.mark.parametrize("alt", ["", "  ", "fig01.png", "Fig 01", "fig_01 .PNG", "figure"])
def test_alt_text_that_says_nothing_is_refused(tmp_path, alt):
    with pytest.raises(ValueError, match="fig01.png: the alt text.*one or two sentences"):
        show.save_figure(_figure(), tmp_path / "fig01.png", **{**TEXTS, "alt": alt})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("field", ["caption", "credit"])
def test_caption_and_credit_are_required(tmp_path, field):
    with pytest.raises(ValueError, match=f"the {field} is empty; write"):
        show.save_figure(_figure(), tmp_path / "fig01.png", **{**TEXTS, field: " "})
    with pytest.raises(ValueError, match="fig01.jpg: figures are saved as .png, .svg or .pdf"):
        show.save_figure(_figure(), tmp_path / "fig01.jpg", **TEXTS)


def test_an_array_is_saved_pixel_by_pixel(tmp_path):
    labels = np.array([[0, 1], [255, 7]], np.uint8)
    path = show.save_picture(labels, tmp_path / "labels.png", record={"seed": 1}, **TEXTS)
    with Image.open(path) as picture:
        assert np.array_equal(np.asarray(picture), labels)
        assert picture.info["Description"] == TEXTS["alt"]
    about = json.loads(path.with_suffix(".json").read_text())
    assert (about["size_px"], about["record"]) == ([2, 2], {"seed": 1})
    again = show.save_picture(labels, tmp_path / "b" / "labels.png", **TEXTS)
    assert again.read_bytes() == path.read_bytes()
    with pytest.raises(ValueError, match="labels.jpg: arrays are saved without loss"):
        show.save_picture(labels, tmp_path / "labels.jpg", **TEXTS)
    with pytest.raises(ValueError, match=r"float64 \[2, 2\]; give uint8"):
        show.save_picture(labels / 2, tmp_path / "x.png", **TEXTS)
