"""The network that traces outlines: what it sees, where it draws, how it learns."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from mineral_utils.checkpoint import WeightError
from mineral_utils.encoders import SamEncoder, build_sam, build_tracer
from mineral_utils.encoders.tracer import SIDE, Tracer, crop, see, square_around, trace
from mineral_utils.miniature import tracer as training
from mineral_utils.miniature import tracer_card
from mineral_utils.miniature import tracer_views as views
from mineral_utils.miniature.sam_measure import held_out
from mineral_utils.miniature.sam_pool import draw_pool
from mineral_utils.miniature.sam_prompts import Pieces
from mineral_utils.miniature.tracer_views import Task, draw_questions
from mineral_utils.profiles import load_profile

SMALL = {"scenes": 4, "views": 1, "asked": 3, "width": 8, "warm": 2}


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    return draw_pool(tmp_path_factory.mktemp("pool"), 4, seed=30)


# ---- what it sees ------------------------------------------------------------------------------
def test_a_crop_is_half_as_wide_again_as_the_box_and_never_tiny():
    assert square_around((100, 50, 199, 89)) == (75, -5, 150)
    assert square_around((10, 10, 13, 12)) == (0, 0, 24)


def test_beyond_the_picture_its_edge_goes_on():
    picture = np.zeros((20, 30), np.uint8)
    picture[:, 0], picture[:, -1] = 90, 200
    seen = crop(picture, (-10, -5, 50), 50)
    assert (seen[:, :11] == 90).all() and (seen[:, 39:] == 200).all() and not seen[:, 12:38].any()


def looked(box, square, shape=(120, 160), mask=None):
    cells = torch.full((1, 1, 40, 40), -9.0)
    if mask is not None:
        cells[0, 0, mask[1] // 4 : mask[3] // 4, mask[0] // 4 : mask[2] // 4] = 9.0
    squares = torch.tensor([square], dtype=torch.float32)
    crops = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    boxes = None if box is None else torch.tensor([box], dtype=torch.float32)
    return see(crops, cells, squares, boxes, shape)[0]


def test_box_and_picture_cover_pixels_by_shares():
    box, square = (40.0, 30.0, 79.0, 49.5), (10, -30, 100)
    *_, inside, picture = looked(box, square)
    pixel = (100 / SIDE) ** 2
    assert float(inside.sum()) * pixel == pytest.approx(40 * 20.5, rel=1e-4)
    assert float(picture.sum()) * pixel == pytest.approx(100 * 70, rel=1e-4)
    rows, columns = np.nonzero(inside.numpy() > 0.5)
    found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    wanted = [(40 - 10), (30 + 30), (80 - 10), (50.5 + 30)]
    assert np.abs(np.array(found) * 100 / SIDE - wanted).max() < 100 / SIDE
    assert not looked(None, square)[4].any() and not looked((np.nan,) * 4, square)[4].any()


def test_an_answer_of_sam_lies_where_it_was_drawn():
    square = (20, 10, 96)
    said = looked(None, square, mask=(40, 24, 80, 64))[3] > 0
    rows, columns = np.nonzero(said.numpy())
    found = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) * 96 / SIDE
    assert np.abs(found + [20, 10, 20, 10] - [40, 24, 80, 64]).max() <= 2, "half a cell at most"
    beyond = looked(None, (100, 60, 96), mask=(120, 100, 160, 120))
    assert not beyond[3][beyond[5] == 0].any() and (beyond[3] > 0).any()


def test_contrast_and_exposure_do_not_matter_but_noise_stays_small():
    rng = np.random.default_rng(0)
    dark = rng.integers(20, 60, (1, SIDE, SIDE, 3), dtype=np.uint8)
    squares, cells = torch.tensor([[0.0, 0.0, 96.0]]), torch.zeros(1, 1, 40, 40)

    def colours(pixels):
        return see(torch.from_numpy(pixels), cells, squares, None, (120, 160))[0, :3]

    assert torch.allclose(colours(dark), colours(dark * 3 + 40), atol=1e-4)
    flat = 100 + rng.integers(0, 2, dark.shape, dtype=np.uint8)
    assert float(colours(flat).std()) < 0.2 < 0.9 < float(colours(dark).std())


# ---- where it draws ----------------------------------------------------------------------------
class Fills(torch.nn.Module):
    """Says that the box is what is meant, or all of the picture."""

    def __init__(self, channel):
        super().__init__()
        self.channel = channel

    def forward(self, seen):
        return seen[:, self.channel] * 8 - 4


@pytest.mark.parametrize(
    "box", [(40, 30, 79, 49), (0, 0, 30, 119), (120, 90, 159, 119), (7, 5, 9, 8)]
)
def test_what_is_said_of_the_crop_lands_in_the_picture(box):
    picture = np.zeros((120, 160, 3), np.uint8)
    drawn = trace(Fills(4), picture, torch.zeros(1, 1, 40, 40), box, box)
    x1, y1, x2, y2 = box
    wanted = np.zeros((120, 160), bool)
    wanted[y1 : y2 + 1, x1 : x2 + 1] = True
    assert drawn.dtype == np.float32 and ((drawn > 0) == wanted).all()
    left, top, side = square_around(box)
    everything = trace(Fills(5), picture, torch.zeros(1, 1, 40, 40), box) > 0
    reach = np.zeros((120, 160), bool)
    reach[max(top, 0) : top + side, max(left, 0) : left + side] = True
    assert (everything == reach).all(), "nothing is drawn where the crop does not reach"


# ---- the shipped one ---------------------------------------------------------------------------
def test_the_shipped_one_draws_better_outlines_than_sam_and_colours():
    spec = load_profile("demo").sam
    encoder = SamEncoder(build_sam(spec), tracer=build_tracer(spec))
    assert not encoder.tracer.training
    found = tracer_card.compare(encoder, held_out(4), most=3)
    assert found["grains"] >= 6
    assert found["traced"] > found["untraced"] + 0.005 and found["traced"] > 0.85


def test_a_file_that_holds_no_tracer_is_refused():
    spec = load_profile("demo").sam
    with pytest.raises(WeightError, match="tracer"):
        build_tracer(replace(spec, tracer="miniature:sam"))
    assert build_tracer(replace(spec, tracer=None)) is None


# ---- what it learns from -----------------------------------------------------------------------
@pytest.mark.parametrize("step", range(4))
def test_questions_follow_from_seed_and_step_and_point_at_their_answers(pool, step):
    asked = draw_questions(pool, Task(3, step, 2, 4))
    again = draw_questions(pool, Task(3, step, 2, 4))
    assert asked.kind == again.kind and (asked.crops == again.crops).all()
    assert asked.crops.shape == (8, SIDE, SIDE, 3) and asked.of.tolist() == [0] * 4 + [1] * 4
    for number in range(8):
        truth, square = asked.truth[number] > 127, asked.squares[number]
        x, y = (asked.points[number] + 0.5 - square[:2]) * SIDE / square[2]
        if 0 <= x < SIDE and 0 <= y < SIDE:
            near = truth[max(int(y) - 6, 0) : int(y) + 7, max(int(x) - 6, 0) : int(x) + 7]
            assert near.any(), "the point lies in what is meant"
    told = ~np.isnan(asked.boxes[:, 0])
    assert told.all() if asked.kind in ("box", "deep") else asked.kind == "hint" or not told.any()
    assert (asked.hints is not None) == (asked.kind == "hint")


@pytest.mark.parametrize("lay", [views.lay_layers, views.lay_sticks])
def test_what_is_laid_over_a_scene_is_new_pieces_with_looks(pool, lay):
    rng = np.random.default_rng(1)
    before = (pool.images[0], pool.segments[0].astype(np.int32), pool.looks[0].astype(np.int32))
    old = len(before[2])
    image, segments, looks = lay(before, pool, rng)
    changed = segments != before[1]
    assert changed.any() and (segments[changed] >= old).all() and segments.max() < len(looks)
    assert (image[~changed] == before[0][~changed]).all()
    assert len({*looks[old:].tolist()}) <= 4 and looks[old:].min() > before[2].max()


def test_cells_and_scratches_part_nothing(pool):
    image = pool.images[1]
    for change in (
        views.facets(image, pool, np.random.default_rng(2)),
        views.scratch(image, np.random.default_rng(3)),
    ):
        assert change.shape == image.shape and change.dtype == np.uint8
        assert 0 < np.abs(change.astype(int) - image).mean() < 40


def test_a_target_is_one_part_and_mostly_fills_little(pool):
    rng, fills = np.random.default_rng(4), []
    for _ in range(6):
        view = views.draw_view(pool, rng, 224, views.CANVAS, views.lay)
        pieces = Pieces(view, smallest=100)
        if len(pieces.usable):
            target = views.draw_target(pieces, rng)
            assert views.one_part(target, rng).sum() == target.sum()
            fills.append(views.fill_of(target))
    assert len(fills) >= 3 and np.mean(fills) < 0.7


# ---- how it learns -----------------------------------------------------------------------------
def equal(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_a_training_that_stopped_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    whole = training.train(tmp_path / "a", steps=3, device="cpu", **SMALL)
    learn, count = training._Course.learn, []

    def stop(self, asked, done):
        if len(count) == 2:
            raise KeyboardInterrupt
        count.append(done)
        learn(self, asked, done)

    monkeypatch.setattr(training, "SAVE_EVERY", -1.0)
    with monkeypatch.context() as patch:
        patch.setattr(training._Course, "learn", stop)
        with pytest.raises(KeyboardInterrupt):
            training.train(tmp_path / "b", steps=3, device="cpu", **SMALL)
    assert equal(training.train(tmp_path / "b", steps=3, device="cpu", **SMALL), whole)
    assert not equal(whole, Tracer(8)) and not whole.training
    with pytest.raises(ValueError, match="another recipe"):
        training.train(tmp_path / "b", steps=3, device="cpu", **SMALL | {"rate": 1e-4})
    with pytest.raises(ValueError, match="either minutes or steps"):
        training.train(tmp_path / "b")


def test_weights_leave_with_a_card_and_come_back_at_their_own_width(tmp_path):
    made = training.train(tmp_path / "run", steps=1, device="cpu", **SMALL)
    path = tracer_card.export(tmp_path / "run", tmp_path, {"elsewhere": 0.5}, scenes=1)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["numbers"]["elsewhere"] == 0.5 and card["time"]["steps"] == 1
    assert 0 < card["numbers"]["world_held_out_by_box"]["untraced"] < 1
    back = build_tracer(replace(load_profile("demo").sam, tracer=str(path)))
    for one, other in zip(back.parameters(), made.parameters(), strict=True):
        assert torch.equal(one, other.half().float())
    with pytest.raises(FileNotFoundError, match="train first"):
        tracer_card.export(tmp_path / "nothing")


def test_the_loss_is_least_for_the_truth_and_blind_beyond_the_picture():
    truth, picture = torch.zeros(1, 32, 32), torch.ones(1, 32, 32)
    truth[:, 8:20, 8:20] = 1
    picture[..., 24:] = 0
    right = training.trace_loss(truth * 20 - 10, truth, picture)
    wrong = training.trace_loss(10 - truth * 20, truth, picture)
    beyond = truth.clone()
    beyond[..., 24:] = 1
    assert right < 0.01 < 1.5 < wrong
    assert training.trace_loss(beyond * 20 - 10, truth, picture) == pytest.approx(float(right))
    assert float(training.crop_iou(beyond * 20 - 10, truth, picture)) == 1
