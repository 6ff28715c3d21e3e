"""The small SAM: windows of its canvas, prompts and targets by eye, training that resumes."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from mineral_utils import refine
from mineral_utils.encoders.build import build_sam
from mineral_utils.encoders.sam import SamEncoder
from mineral_utils.miniature import sam as training
from mineral_utils.miniature import sam_batch as batch
from mineral_utils.miniature import sam_card as card
from mineral_utils.miniature import sam_colour, sam_pool, sam_reading, sam_start, world
from mineral_utils.miniature import sam_measure as measure
from mineral_utils.miniature import sam_model as model
from mineral_utils.miniature import sam_prompts as prompts
from mineral_utils.miniature import sam_scenes as scenes
from mineral_utils.miniature.store import FOLDER, shipped_state
from mineral_utils.miniature.things import Thing
from mineral_utils.profiles import ModelSpec
from mineral_utils.segmenter import load_model

SMALL = {"image_size": 448, "width": 32, "layers": 2, "heads": 2, "global_attn_indexes": [1]}
FIRST = torch.zeros(1, dtype=torch.int64)  # one prompt, about the first view
SMALL |= {"prompt_dim": 16, "decoder_mlp_dim": 16}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> sam_pool.Pool:
    return sam_pool.draw_pool(tmp_path_factory.mktemp("pool"), 3, seed=1, size=256)


def _mask(text: str) -> np.ndarray:
    return np.array([[c == "#" for c in row] for row in text.split()])


def _view(numbers: np.ndarray, looks=None, place=(0, 0)) -> scenes.View:
    """A view in which every number is a piece and a grey of its own."""
    looks = np.arange(numbers.max() + 1) if looks is None else np.array(looks)
    pixels = np.repeat((numbers * 60).astype(np.uint8)[..., None], 3, 2)
    return scenes.View(pixels, numbers.astype(np.int32), looks, place, numbers.shape)


def _halves() -> np.ndarray:
    """64 x 64 px: 0 on the left, 1 on the right, and a square of 16 px, 2, across the border."""
    numbers = np.zeros((64, 64), int)
    numbers[:, 32:] = 1
    numbers[16:32, 24:40] = 2
    return numbers


# ---- scenes and views --------------------------------------------------------------------------
def test_looks_are_words_and_colour():
    segments = np.array([[0, 1, 2, 3]])
    image = np.array([[[10, 10, 10], [12, 10, 10], [90, 90, 90], [12, 10, 10]]], np.uint8)
    plain, striped = Thing("grey", "smooth", "tile"), Thing("grey", "striped", "tile")
    looks = sam_pool.find_looks(image, segments, (plain, plain, plain, striped))
    assert looks[0] == looks[1], "two levels apart, same words"
    assert len({looks[0], looks[2], looks[3]}) == 3, "another grey, another surface"


def test_a_pool_goes_on_where_it_ended(tmp_path, pool, monkeypatch):
    drawn, true_scene = [], world.scene

    def counted(rng, size):
        drawn.append(size)
        if len(drawn) == 3:
            raise KeyboardInterrupt
        return true_scene(rng, size=size)

    monkeypatch.setattr(world, "scene", counted)
    with pytest.raises(KeyboardInterrupt):
        sam_pool.draw_pool(tmp_path, 3, seed=1, size=256)
    again = sam_pool.draw_pool(tmp_path, 3, seed=1, size=256)
    assert_array_equal(again.images, pool.images)
    assert_array_equal(again.segments, pool.segments)
    with pytest.raises(ValueError, match="another"):
        sam_pool.draw_pool(tmp_path, 3, seed=2, size=256)


@pytest.mark.parametrize("side", [224, 448])
def test_views_lie_on_the_canvas(pool, side):
    for seed in range(6):
        view = scenes.draw_view(pool, np.random.default_rng(seed), side, 448)
        assert view.pixels.shape == (side, side, 3) and view.segments.shape == (side, side)
        assert 0 <= min(view.place) and max(view.place) * 16 + side <= 448
        height, width = view.valid
        assert (view.segments[:height, :width] >= 0).all()
        assert (view.segments[height:] == -1).all() and (view.segments[:, width:] == -1).all()
        assert view.segments.max() < len(view.looks)
    same = scenes.draw_view(pool, np.random.default_rng(seed), side, 448)
    assert_array_equal(same.pixels, view.pixels)


def test_relight_keeps_borders_where_they_are():
    image = np.full((40, 60, 3), 90, np.uint8)
    image[:, 30:] = 170
    for seed in range(8):
        level = scenes.relight(image, np.random.default_rng(seed)).mean((0, 2))
        assert (
            abs(np.argmax(np.abs(np.diff(np.convolve(level, np.ones(3) / 3, "same")[2:-2]))) - 27)
            <= 3
        )


# ---- targets and prompts -----------------------------------------------------------------------
def test_pieces_by_eye():
    pieces = prompts.Pieces(_view(_halves(), looks=[0, 1, 0]))
    assert pieces.area.tolist() == [64 * 32 - 128, 64 * 32 - 128, 256]
    assert pieces.neighbours(0) == [1, 2]
    assert pieces.together(0) == {0, 2} and pieces.together(1) == {1}
    assert pieces.mask({2}).sum() == 256 and pieces.mask({0, 2}).sum() == 64 * 32 + 128


def test_padding_is_no_piece():
    numbers = _halves()
    numbers[48:] = -1
    pieces = prompts.Pieces(replace(_view(np.abs(numbers)), segments=numbers, valid=(48, 64)))
    assert pieces.mask({0, 1, 2}).sum() == 48 * 64
    assert not pieces.mask({0, 1, 2})[48:].any()


def test_dirt_is_nobodys_target():
    image, segments = np.full((90, 90, 3), 150, np.uint8), np.zeros((90, 90), np.int32)
    drawn = [
        scenes._dirt(image, segments, np.array([7]), np.random.default_rng(s)) for s in range(9)
    ]
    dirty, numbers, looks = max(drawn, key=lambda parts: parts[1].max())
    assert numbers.max() > 10 and (dirty[numbers == 0] == 150).all()
    assert looks[0] == 7 and (looks[1:] == -1).all()
    view = replace(_view(numbers), looks=looks)
    assert prompts.Pieces(view).usable.tolist() in ([0], [])
    assert image.min() == 150, "the scene itself stays clean"


def test_one_part_is_connected_and_leaves_crumbs():
    mask = _mask("##..# ##... ....# ..... ###.. ###..")
    seen = {prompts.one_part(mask, np.random.default_rng(s), smallest=3).sum() for s in range(20)}
    assert seen == {4, 6}


def test_shares_and_boxes_by_eye():
    mask = np.zeros((8, 8), bool)
    mask[0:4, 2:8] = True
    assert prompts.pool_cells(mask).tolist() == [[0.5, 1], [0, 0]]
    assert prompts.box_of(mask).tolist() == [2, 0, 7, 3]


def test_jittered_boxes_stay_near_and_in_the_view():
    box = np.array([10, 10, 49, 29], np.float32)
    for seed in range(50):
        off = prompts.jitter_box(box, np.random.default_rng(seed), 64)
        assert (off >= 0).all() and (off <= 63).all() and (off[2:] >= off[:2]).all()
        assert np.abs(off - box).max() < 16


def test_inner_points_are_inside():
    mask = np.zeros((64, 64), bool)
    mask[10:50, 20] = True
    mask[48:50, 20:60] = True
    for seed in range(20):
        x, y = prompts.inner_point(mask, np.random.default_rng(seed)).astype(int)
        assert mask[y, x]


@pytest.mark.parametrize("kind", prompts.KINDS)
def test_prompts_belong_to_their_truths(kind):
    place = (3, 5)
    pieces = prompts.Pieces(_view(_halves(), place=place))
    drawn = prompts.draw_prompts(pieces, np.random.default_rng(0), kind, 12)
    assert drawn.truth.shape == (12, 16, 16) and drawn.truth.min() >= 0 and drawn.truth.max() <= 1
    assert (drawn.points is None) == (kind in ("box", "logits"))
    assert (drawn.boxes is None) == (kind == "point")
    assert (drawn.masks is None) == (kind in ("point", "box", "both"))
    shift = np.array([5, 3]) * 16
    for index in range(12):
        rows, columns = np.nonzero(drawn.truth[index] > 0.5)
        if kind in ("point", "both"):
            x, y = ((drawn.points[index, 0] - shift) // 4).astype(int)
            assert drawn.truth[index, y, x] > 0
        if kind in ("box", "both"):
            x1, y1, x2, y2 = drawn.boxes[index] - np.tile(shift, 2)
            assert abs(x1 - columns.min() * 4) < 20 and abs(y2 - rows.max() * 4) < 20
            assert x2 > x1 and y2 > y1
    if kind == "class":
        assert (drawn.masks >= 0).all() and (drawn.masks > 0).any((1, 2, 3)).all()
    again = prompts.draw_prompts(pieces, np.random.default_rng(0), kind, 12)
    assert_array_equal(again.truth, drawn.truth)


def test_nets_are_one_look_of_their_own_and_fill_little_of_their_box(pool):
    image, segments = np.full((256, 256, 3), 128, np.uint8), np.zeros((256, 256), np.int32)
    fills = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        drawn, numbers, looks = scenes.lay_net((image, segments, np.array([4])), pool, rng)
        assert set(np.unique(numbers)) <= {0, 1} and looks.tolist() == [4, 5]
        assert (drawn[numbers == 0] == 128).all() and (image == 128).all()
        if (numbers == 1).any():
            fills.append(prompts.fill_of(prompts.one_part(numbers == 1, rng)))
    assert len(fills) >= 8 and np.median(fills) < 0.5


def test_of_two_targets_the_one_that_fills_less_of_its_box_is_taken_more_often(monkeypatch):
    numbers = np.zeros((64, 64), int)
    numbers[:, 34:] = 2
    numbers[4:60, 4:6] = numbers[58:60, 4:60] = 1  # an angle: a twentieth of its box
    pieces = prompts.Pieces(_view(numbers), smallest=100)

    def share_of_angles() -> float:
        drawn = prompts.draw_prompts(pieces, np.random.default_rng(0), "point", 400)
        return float((drawn.truth.sum((1, 2)) < 30).mean())

    often = share_of_angles()
    monkeypatch.setattr(prompts, "NETS", 0.0)
    assert often > share_of_angles() + 0.03


def test_what_a_token_shows_is_the_look_of_most_of_it():
    numbers = np.zeros((32, 32), int)
    numbers[:, 16:] = 1
    numbers[16:, 16:24] = 2  # half of the last token is one look, half another
    assert scenes.token_looks(_view(numbers, looks=[7, 3, 7])).tolist() == [7, 3, 7, -1]
    half = replace(_view(numbers, looks=[7, -1, 7]), segments=np.where(numbers == 1, -1, 0))
    assert scenes.token_looks(half).tolist() == [7, -1, 7, -1]


def test_mishearing_falls_as_tokens_listen_to_their_own_look():
    looks = torch.tensor([[0, 0, 1, 1, -1]])
    same = (looks[0, :, None] == looks[0]) & (looks[0] >= 0)
    values = torch.tensor([[1.0, 0], [1, 0], [0, 1], [0, 1], [1, 1]])[None, None]
    even = torch.full((1, 5, 5), 0.2)
    fair = (same / same.sum(1, keepdim=True).clamp(min=1))[None]
    wrong = (~same / (~same).sum(1, keepdim=True))[None]
    losses, shares = zip(
        *(model.mishearing(a[None], values, looks) for a in (fair, even, wrong)), strict=True
    )
    assert losses[0] < losses[1] < losses[2]
    assert shares[0] == 1 and shares[2] < 0.5
    mixed = torch.tensor([[1.0, 0], [0, 1], [1, 0], [0, 1], [1, 1]])[None, None]
    apart = model.mishearing(fair[None], mixed, looks)[0]
    assert apart > losses[0]  # the threshold must tell them apart


def test_a_token_cannot_please_by_hearing_itself_alone():
    looks, values = torch.tensor([[0, 0, 1, 1]]), torch.eye(4)[None, None]
    alone = torch.eye(4)[None, None].requires_grad_()
    loss, share = model.mishearing(alone, values, looks)
    assert share < 0.5 and loss > 5
    none = model.mishearing(alone, values, torch.tensor([[0, 1, 2, -1]]))
    assert none[0] == 0 and none[1].isnan()  # nobody has company: nothing to teach
    both = model.mishearing(
        *(t.expand(2, -1, -1, -1) for t in (alone, values)),
        torch.tensor([[0, 0, 1, 1], [0, 1, 2, -1]]),
    )
    assert torch.equal(both[0], loss) and torch.equal(both[1], share)  # the other view is left out
    both[0].backward()
    assert alone.grad.isfinite().all()


def test_a_coarse_map_is_near_its_mask():
    share = np.zeros((32, 32), np.float32)
    share[8:24, 8:24] = 1
    for seed in range(20):
        coarse, yes = prompts.coarsen(share, np.random.default_rng(seed))
        assert coarse.shape == (32, 32) and 0 <= coarse.min() and coarse.max() <= 1 + 1e-6
        assert yes[14:18, 14:18].all() and not yes[:2].any() and not yes[:, 30:].any()


# ---- the model on windows ----------------------------------------------------------------------
@pytest.fixture(scope="module")
def small():
    return build_sam(ModelSpec(SMALL, seed=3))


def test_the_whole_canvas_goes_through_as_in_the_stock_encoder(small):
    pixels = torch.randn(1, 3, 448, 448, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        stock, ours = small.image_encoder(pixels), model.encode(small, pixels, [(0, 0)])[0]
    torch.testing.assert_close(ours, stock, atol=2e-5, rtol=1e-4)


def test_relative_places_of_a_window_are_those_of_the_canvas():
    table = torch.arange(-4, 5.0)[:, None]  # of five tokens: entry k - q
    assert model._steps(table, 3)[..., 0].tolist() == [[0, -1, -2], [1, 0, -1], [2, 1, 0]]


def test_a_window_of_the_canvas_asks_with_its_own_positions(small):
    pixels = torch.zeros(2, 3, 224, 224)
    with torch.no_grad():
        here, there = model.encode(small, pixels, [(0, 0), (14, 14)])[0]
        assert not torch.allclose(here, there), "positions of the canvas, not of the window"
        points = (torch.tensor([[[300.0, 300.0]]]), torch.ones(1, 1))
        logits, expected, fine = model.decode(
            small, there[None], [(14, 14)], FIRST, points, None, None
        )
    assert logits.shape == (1, 4, 56, 56) and expected.shape == (1, 4)
    assert fine.shape == (1, 2, 56, 56)


def test_prompts_about_several_views_are_answered_as_by_the_stock_decoder(small):
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(2, 16, 28, 28, generator=generator)
    boxes = torch.rand(3, 4, generator=generator) * 400
    coarse, of = torch.randn(3, 1, 112, 112, generator=generator), torch.tensor([1, 0, 1])
    with torch.no_grad():
        ours = model.decode(small, embeddings, [(0, 0), (0, 0)], of, None, boxes, coarse)
        for number, view in enumerate(of.tolist()):
            sparse, dense = small.prompt_encoder(
                None, boxes[number : number + 1], coarse[number : number + 1]
            )
            stock = small.mask_decoder.predict_masks(
                image_embeddings=embeddings[view : view + 1],
                image_pe=small.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse,
                dense_prompt_embeddings=dense,
            )
            for mine, theirs in zip(ours[:2], stock, strict=True):
                torch.testing.assert_close(mine[number : number + 1], theirs, atol=1e-5, rtol=1e-4)


def _read(seen: torch.Tensor, wanted: torch.Tensor) -> float:
    """Share of the variance of `wanted` [n] that a linear reading of `seen` [n, c] explains."""
    seen = torch.cat([seen, torch.ones(len(seen), 1)], 1)
    error = seen @ torch.linalg.lstsq(seen, wanted[:, None]).solution - wanted[:, None]
    return 1 - float((error**2).mean() / wanted.var())


def test_before_any_training_cells_know_their_colour(pool):
    sam = model.new_model(20)
    views = [scenes.draw_view(pool, np.random.default_rng(s), 224, 896) for s in range(16)]
    pixels = np.stack([view.pixels for view in views])
    pixels = training._pixels(sam, pixels, [view.valid for view in views])
    sam_colour.pass_colours(sam, pixels)
    colours = torch.nn.functional.avg_pool2d(pixels, 4)
    shares = []
    with torch.no_grad():
        for number, view in enumerate(views[:6]):
            embedding = model.encode(sam, pixels[number : number + 1], [view.place])[0][0]
            box = torch.tensor([[30.0, 40.0, 150.0, 170.0]])
            box = box + 16 * torch.tensor([*view.place[::-1]] * 2)
            _, _, fine = model.decode(sam, embedding[None], [view.place], FIRST, None, box, None)
            for colour in colours[number].flatten(1):
                shares.append(_read(fine[0].flatten(1).T, colour))
    assert np.mean(shares) > 0.75


def test_a_coarse_mask_goes_through_before_any_training():
    sam = _started()
    coarse = torch.zeros(1, 1, 56, 56)
    coarse[..., 16:40, 20:44] = 0.9 * prompts.COEFFICIENT
    box = torch.tensor([[60.0, 40.0, 190.0, 180.0]])
    with torch.no_grad():
        embedding = model.encode(sam, torch.zeros(1, 3, 224, 224), [(0, 0)])[0][0]
        logits, _, _ = model.decode(sam, embedding[None], [(0, 0)], FIRST, None, box, coarse)
    assert measure.iou(logits[0, 0].numpy() > 0, coarse[0, 0].numpy() > 0) > 0.7


def test_unreadable_is_nothing_where_a_channel_says_it_and_all_where_none_does():
    truth = torch.zeros(2, 32, 32)
    truth[:, 8:20, 6:18] = 1
    noise = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    told = torch.cat([noise, 3 * truth[:, None]], 1).requires_grad_()
    assert model.unreadable(told, truth) < 0.05
    assert model.unreadable(noise, truth) > 0.85
    model.unreadable(told, truth).backward()
    assert told.grad.abs().sum() > 0


def test_loss_and_iou_by_eye():
    truth = torch.zeros(1, 1, 32, 32)
    truth[..., 8:16, 8:16] = 1
    moved = torch.roll(truth, 4, -1)
    right, off, none = (20 * t - 10 for t in (truth, moved, torch.zeros_like(truth)))
    losses = [model.mask_loss(m, truth).item() for m in (right, off, none)]
    assert losses[0] < 0.01 < losses[1] < losses[2]
    assert model.true_iou(off, truth).item() == pytest.approx(4 / 12)
    assert model.true_iou(right, truth).item() == 1
    assert model.true_iou(none, truth).item() == 0


def test_a_click_lies_on_an_error():
    truth = np.zeros((1, 16, 16), np.float32)
    truth[0, 4:8, 4:8] = 1
    of = np.zeros(1, np.int64)
    asked = prompts.Prompts("box", None, None, np.zeros((1, 4), np.float32), None, truth, of)
    for said, sign in ((torch.full((1, 16, 16), -3.0), 1), (torch.full((1, 16, 16), 3.0), 0)):
        given = model.Answer(torch.tensor(0.0), torch.zeros(1), said, torch.tensor(0.0))
        click = model.correct(asked, given, [(2, 0)], np.random.default_rng(0))
        x, y = click.points[0, 0] // 4
        inside = 4 <= x < 8 and 4 <= y - 8 < 8  # two tokens down: eight cells
        assert click.signs.tolist() == [[sign]] and inside == bool(sign)
        assert click.masks.shape == (1, 1, 16, 16)


# ---- training ----------------------------------------------------------------------------------
QUICK = {"scenes": 2, "views": 1, "prompts": 2, "small": 1.0, "whole": 0.0}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("sam")
    return out, training.train(out, steps=6, device="cpu", **QUICK)


def test_training_goes_on_where_it_was_stopped(trained, tmp_path, monkeypatch):
    learn, calls = training._Course.learn, []

    def stop_at_third(course, batch, done):
        calls.append(done)
        if len(calls) == 3:
            raise KeyboardInterrupt
        learn(course, batch, done)

    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)
    monkeypatch.setattr(training._Course, "learn", stop_at_third)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path, steps=6, device="cpu", **QUICK)
    resumed = training.train(tmp_path, steps=6, device="cpu", **QUICK)
    assert len(calls) == 7, "two steps, the one that broke, four more"
    for name, tensor in trained[1].state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    with pytest.raises(ValueError, match="another recipe"):
        training.train(tmp_path, steps=6, device="cpu", **{**QUICK, "prompts": 3})


def test_helpers_change_nothing(trained, tmp_path):
    helped = training.train(tmp_path, steps=6, device="cpu", helpers=1, **QUICK)
    for name, tensor in trained[1].state_dict().items():
        assert torch.equal(tensor, helped.state_dict()[name]), name


def test_a_batch_asks_about_all_its_views(trained):
    pool = sam_pool.open_pool(trained[0] / "pool")
    drawn = batch.draw_batch(pool, batch.Task(7, 3, 224, 896, 5, 4))
    assert drawn.pixels.shape == (5, 224, 224, 3) and drawn.looks.shape == (5, 196)
    assert len(drawn.questions) == 2
    for asked in drawn.questions:
        counts = np.bincount(asked.of, minlength=5)
        assert set(counts) <= {0, 4} and counts.sum() == len(asked.truth) > 0
        given = [a for a in (asked.points, asked.boxes, asked.masks) if a is not None]
        assert given and {len(a) for a in given} == {len(asked.truth)}


def test_training_changes_every_part(trained):
    fresh = model.new_model(20).state_dict()
    same = [n for n, t in trained[1].state_dict().items() if torch.equal(t, fresh[n])]
    # a table of codes; not drawn in four steps
    allowed = ("pe_layer", "not_a_point", "no_mask", "point_embeddings.0")
    assert all(any(word in name for word in allowed) for name in same), same


def test_how_long_must_be_said_once(tmp_path):
    for wrong in ({}, {"minutes": 1.0, "steps": 3}):
        with pytest.raises(ValueError, match="either minutes or steps"):
            training.train(tmp_path, **wrong)


def test_export_writes_weights_and_card(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(card, "held_out", lambda count: iter([_square()]))
    path = card.export(trained[0], tmp_path, numbers={"elsewhere": 0.5})
    assert path.stat().st_size <= 6_000_000
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["licence"] == "Apache-2.0" and told["time"]["steps"] == 6
    assert "CPU" in told["time"]["hardware"] and "views=1, prompts=2" in told["recipe"]
    numbers = told["numbers"]
    assert numbers["elsewhere"] == 0.5 and 0 <= numbers["world_held_out"]["box"] <= 1
    with pytest.raises(FileNotFoundError, match="train first"):
        card.export(tmp_path / "nowhere", tmp_path)


# ---- measures ----------------------------------------------------------------------------------
def _square() -> tuple[np.ndarray, np.ndarray]:
    """A bright square of 30 px on dark ground, and labels: 1 the square, 255 the ground."""
    image, labels = np.full((60, 80, 3), 40, np.uint8), np.full((60, 80), 255, np.uint8)
    image[10:40, 20:50] = 200
    labels[10:40, 20:50] = 1
    return image, labels


def test_grains_are_components_of_a_class():
    labels = np.zeros((6, 6), np.uint8)
    labels[0:2, 0:2] = 1
    labels[2:4, 2:4] = 1  # touches at a corner
    labels[5, 5] = 1
    sizes = [grain.sum() for grain in measure.find_grains(labels, 1)]
    assert sorted(sizes) == [1, 8, 27]
    assert [g.sum() for g in measure.find_grains(labels, 5, ignore=(0,))] == [8]


def test_what_a_mask_keeps_on_a_coarse_grid():
    whole, thin = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    whole[16:48, 16:48] = True
    thin[:, 30] = True  # a quarter of a cell
    assert sam_reading.finest(whole, 64) == 1 and 0.9 < sam_reading.finest(whole, 16) < 1
    assert sam_reading.finest(thin, 64) == 1 and sam_reading.finest(thin, 16) == 0


def test_the_best_reading_is_right_where_a_channel_tells_and_chance_where_none_does():
    rng = np.random.default_rng(0)
    truth = np.indices((24, 24)).sum(0) // 6 % 3 == 0
    noise = rng.normal(size=(4, 24, 24))
    told = np.concatenate([noise, np.where(truth, 2.0, -1.0)[None]])
    assert_array_equal(sam_reading._read(torch.from_numpy(told), truth), truth)
    share = float((sam_reading._read(torch.from_numpy(noise), truth) == truth).mean())
    assert 0.35 < share < 0.65, "scored on cells that it was not fitted on"


def test_readings_are_two_for_each_grain(trained):
    image, labels = _square()
    grains = [*measure.find_grains(labels, 20)]
    found = sam_reading.readings(trained[1], image, grains)
    assert found.shape == (len(grains), 2) and ((found >= 0) & (found <= 1)).all()
    # flat colours go through before any training: the square is read by its own
    assert found[:, 1].max() > 0.9


def test_otsu_parts_two_greys():
    grey = np.array([10.0, 12, 11, 200, 198])
    assert ((grey > measure.otsu(grey)) == [False, False, False, True, True]).all()
    assert measure.otsu(np.full(4, 7.0)) == 7


def test_baselines_by_eye():
    image, labels = _square()
    dark = image.copy()
    dark[10:40, 20:35] = 40  # half of the box is ground
    truth = labels == 1
    made = measure.baselines(image, prompts.box_of(truth))
    assert made["whole_box"].sum() == 900
    assert made["ellipse"].sum() / 900 == pytest.approx(np.pi / 4, abs=0.03)
    assert measure.iou(measure.baselines(dark, prompts.box_of(truth))["otsu"], truth) < 0.6


def test_a_coarse_grain_keeps_its_heart():
    truth = _square()[1] == 1
    for seed in range(10):
        coarse = measure.coarse_grain(truth, np.random.default_rng(seed))
        assert coarse[25, 35] and 0.4 < measure.iou(coarse, truth) < 1
    speck = np.zeros((9, 9), bool)
    speck[4, 4] = True
    assert measure.coarse_grain(speck, np.random.default_rng(0)).any()


def test_evaluate_says_how_many_and_how_well(trained):
    result = measure.evaluate(trained[1], [_square(), _square()], smallest=100)
    assert (result["grains"], result["photos"]) == (2, 2)
    assert not set(measure.NEAR) & set(result)
    for name in measure.MEASURES:
        assert 0 <= result[name]["low"] <= result[name]["mean"] <= result[name]["high"] <= 1
    assert result["whole_box"]["mean"] == 1
    with pytest.raises(ValueError, match="no grain of 5000 px"):
        measure.evaluate(trained[1], [_square()], smallest=5000)


def test_a_series_measured_in_parts_is_the_series(trained):
    cases = [_square(), _square()]
    parts = [
        one
        for first in range(2)
        for one in measure.score_grains(trained[1], cases[first:][:1], smallest=100, first=first)
    ]
    assert [one.case for one in parts] == [0, 1]
    assert measure.summary(parts) == measure.evaluate(trained[1], cases, smallest=100)
    with pytest.raises(ValueError, match="no score to sum up"):
        measure.summary([])


def test_a_near_look_fits_a_small_grain_of_a_large_photo_better():
    y, x = np.indices((1350, 1800))
    grain = ((y - 900) ** 2 + (x - 1210) ** 2 < 20**2) & ((y - 900) ** 2 + (x - 1222) ** 2 >= 9**2)
    noise = np.random.default_rng(0).normal(0, 4, (*grain.shape, 3))
    image = np.where(grain[..., None], (220, 215, 190), 70) + noise
    case = np.clip(image, 0, 255).astype(np.uint8), grain.astype(np.uint8)
    sam = load_model("demo").encoders.sam.sam
    result = measure.evaluate(sam, [case], ignore=(0,), near=True)
    assert result["grains"] == 1
    assert result["near_box"]["mean"] > 0.9 > result["box"]["mean"] + 0.1
    assert result["near_mask"]["mean"] > result["mask"]["mean"] + 0.1
    assert 0 < result["near_point"]["mean"] <= 1


def test_the_mask_prompt_is_the_one_that_refine_gives(trained):
    sam, truth = trained[1], _square()[1] == 1
    share = torch.from_numpy(np.where(truth, 0.9, 0.0).astype(np.float32))
    theirs = refine._mask_prompt(sam, share, 0.1, prompts.COEFFICIENT)[None]
    ours = measure.mask_prompt(sam, truth)
    assert ours.shape == theirs.shape == (1, 1, 224, 224)
    assert (ours - theirs).abs().mean() < 0.02 * theirs.max()


# ---- downstream --------------------------------------------------------------------------------
def test_encoder_and_refinement_take_a_canvas_of_896_px(trained):
    image, labels = _square()
    view = SamEncoder(trained[1]).look(image)
    assert view.grid == (42, 56) and view.input_size == (672, 896)
    assert view.embedding.shape == (1, 160, 56, 56)
    torch.testing.assert_close(view.correlation.sum(1), torch.ones(42 * 56), atol=1e-4, rtol=0)
    labels = (labels == 1).astype(np.uint8)
    shares = [torch.from_numpy(np.where(labels == k, 0.9, 0.1).astype(np.float32)) for k in (0, 1)]
    refined, asked = refine.refine(
        trained[1],
        view,
        labels,
        shares.__getitem__,
        ["ground", "square"],
        sam_iou_thresh=-9,
        batched_mask_prompt=True,
        progress=False,
    )
    assert refined.shape == labels.shape and [p.name for p in asked] == ["ground", "square"]


# ---- the start: a circuit that reads places ------------------------------------------------------
def _started():
    """An untrained model that passes colours."""
    sam = model.new_model(20)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn(16, 3, 14, 14, generator=generator).repeat_interleave(16, 2)
    sam_colour.pass_colours(sam, pixels.repeat_interleave(16, 3))
    return sam


@torch.inference_mode()
def _first_answer(points=None, boxes=None) -> tuple[np.ndarray, np.ndarray]:
    """An untrained model on a picture of nothing, the window at token (20, 20): mask logits
    float32 [56, 56], and what cells heard of a click, the wide way, float32 [14, 14]."""
    sam, heard = _started(), []
    listening = sam.mask_decoder.transformer.layers[0].cross_attn_image_to_token
    listening.register_forward_hook(lambda module, given, out: heard.append(out[0]))
    embedding = model.encode(sam, torch.zeros(1, 3, 224, 224), [(20, 20)])[0][0]
    logits, _, _ = model.decode(sam, embedding[None], [(20, 20)], FIRST, points, boxes, None)
    wide = sam_start.work(len(sam_start._TYPES) + 5)
    return logits[0, 0].numpy(), heard[0][:, wide].view(14, 14).numpy()


@pytest.mark.parametrize("box", [(64, 48, 150, 120), (20, 100, 90, 200), (100, 20, 200, 110)])
def test_before_any_training_a_box_is_filled(box):
    said = _first_answer(boxes=torch.tensor([box]) + 320.0)[0] > 0
    x1, y1, x2, y2 = (value // 4 for value in box)
    wanted = np.zeros((56, 56), bool)
    wanted[y1 : y2 + 1, x1 : x2 + 1] = True
    assert measure.iou(said, wanted) > 0.5


@pytest.mark.parametrize("click", [(60.0, 160.0), (150.0, 40.0)])
def test_before_any_training_cells_hear_of_a_click_near_them(click):
    point = torch.tensor([[click]]) + 320.0, torch.ones(1, 1)
    heard = _first_answer(points=point)[1]
    rows, columns = np.indices(heard.shape) * 16 + 8
    far = np.hypot(columns - click[0], rows - click[1])
    assert heard[far < 48].mean() > heard[far > 96].mean() + 0.3


def test_the_start_needs_room_beside_the_codes():
    with pytest.raises(ValueError, match="too narrow; take 160 or more"):
        sam_start.prime(build_sam(ModelSpec(SMALL)))


def test_a_training_may_begin_with_the_shipped_weights(pool, tmp_path):
    recipe = training.Recipe(scenes=3, window=224, onward=True)
    course = training._Course(recipe, pool, tmp_path, torch.device("cpu"))
    shipped = shipped_state("sam")
    assert set(shipped) == set(course.sam.state_dict())
    for name, tensor in course.mean.state_dict().items():
        assert torch.equal(tensor, shipped[name])


def test_correlation_with_ones_own_class(trained):
    labels = np.zeros((48, 64), np.uint8)
    labels[:, 32:] = 1
    image = np.where(labels[..., None] == 1, 220, 30).astype(np.uint8).repeat(3, 2)
    found = measure.same_class(trained[1], [(image, labels)])
    assert found["chance"] == pytest.approx(0.5) and 0 <= found["share"] <= 1
    labels[:, 32:] = 255
    assert measure.same_class(trained[1], [(image, labels)]) == {"share": 1, "chance": 1}


@pytest.mark.skipif(not (FOLDER / "sam.safetensors").is_file(), reason="no weights yet: train SAM")
def test_shipped_weights_cut_out_things_of_the_general_world():
    sam = build_sam(ModelSpec(model.ARCHITECTURE, weights="miniature:sam"))
    result = measure.evaluate(sam, measure.held_out(10), most=8)
    # the goals, on digital sections, are 0.80 and 0.83; the card says what was reached
    assert result["box"]["mean"] > result["whole_box"]["mean"] + 0.03
    assert result["box"]["mean"] >= 0.75 and result["mask"]["mean"] >= 0.75
    assert (FOLDER / "sam.safetensors").stat().st_size <= 6_000_000
