"""Training of the small CLIP: what it sees, what it learns from, and that it can be stopped."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mineral_utils.encoders import ClipVisual, build_clip
from mineral_utils.encoders.vit import CLIP_STATISTICS, normalise
from mineral_utils.miniature import __main__ as command
from mineral_utils.miniature import clip, clip_losses, clip_measure, clip_model, clip_views, store
from mineral_utils.miniature.things import COLOURS, SURFACES, Thing
from mineral_utils.miniature.world import Scene
from mineral_utils.profiles import ModelSpec

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 224, "patch_size": 16, "width": 64, "layers": 2, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


@pytest.fixture(scope="module")
def model():
    return clip_model.build(3, TINY).eval()


@pytest.fixture
def short(monkeypatch):
    """Small batches of few scenes, a checkpoint after every step."""
    monkeypatch.setattr(clip, "BATCH", 4)
    monkeypatch.setattr(clip, "_SAVE", 0.0)
    monkeypatch.setattr(clip, "_REPORT", 1)
    monkeypatch.setattr(clip_views, "_KEPT", 6)
    monkeypatch.setattr(clip_views, "_FRESH", 2)


def halves() -> Scene:
    """Left half red and striped, right half blue and smooth; 32 x 32 px, four patches."""
    segments = np.zeros((32, 32), np.int32)
    segments[:, 16:] = 1
    image = np.where(segments[..., None] == 0, (200, 20, 20), (20, 20, 200)).astype(np.uint8)
    things = (Thing("red", "striped", "square"), Thing("blue", "smooth", "ground"))
    return Scene(image, segments, things, "", "things")


# ---- the model is what the libraries think it is -----------------------------------------------
@torch.no_grad()
def test_training_looks_as_open_clip_and_trident_look(model):
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    image, dense = clip_model.look(model, pixels)
    assert torch.allclose(image, model.encode_image(normalise(pixels, CLIP_STATISTICS)), atol=1e-5)
    small = pixels[..., :112, :160]
    visual = ClipVisual(clip_model.build(3, TINY).visual)
    _, dense = clip_model.look(model, small)
    assert dense.shape == (2, 7 * 10, 64)
    assert torch.allclose(dense, visual.project_out(visual.values(small)), atol=1e-5)


@torch.no_grad()
def test_texts_keep_their_order_and_are_open_clips(model):
    texts = [
        "a pale yellow striped leaf and a dark grey even blob on a black ground, we see",
        "red",
    ]
    texts += ["a photo of a blue star", texts[0] + " again"]
    tokenize = clip_model.tokenizer(TINY)
    ours = clip_model.read_texts(model, tokenize, texts)
    theirs = F.normalize(model.encode_text(tokenize(texts)), dim=-1)
    assert torch.allclose(ours, theirs, atol=1e-5)


# ---- what it sees ------------------------------------------------------------------------------
def test_shares_of_patches_are_counted_pixel_by_pixel():
    segments = np.zeros((32, 32), np.int32)
    segments[:16, 24:] = 2  # the right half of the second patch
    assert clip_views.shares(segments, 3).tolist() == [
        [1, 0, 0],
        [0.5, 0, 0.5],
        [1, 0, 0],
        [1, 0, 0],
    ]


def test_pools_carry_the_words_of_the_patches_in_them():
    piece = halves()
    views = clip_views.collect([(piece.image, piece)] * 3, np.random.default_rng(0))
    assert views.pixels.shape == (3, 32, 32, 3) and len(views.captions) == 3
    assert np.allclose(views.weights.sum(1), 1) and set(views.picture) == {0, 1, 2}
    left = views.weights[:, [0, 2]].sum(1)  # patches 0 and 2 are red, 1 and 3 blue
    assert set(left.round(6)) == {0, 1}
    assert [COLOURS[c] for c in views.colour] == ["red" if on else "blue" for on in left]
    assert [SURFACES[s] for s in views.surface] == ["striped" if on else "smooth" for on in left]


def test_a_picture_is_about_its_thing_not_its_ground():
    piece = halves()
    assert clip_views.main_thing(piece) is None  # a scene of several things
    alone = dataclasses.replace(piece, kind="single")
    assert piece.things[clip_views.main_thing(alone)].shape == "square"
    alone.segments[:, 4:] = 1  # an eighth of the picture is left of the square
    assert clip_views.main_thing(alone) is None


def test_crops_cut_picture_and_segments_alike():
    for seed in range(12):
        rng = np.random.default_rng(seed)
        big = Scene(
            *(
                np.kron(a, np.ones((7, 7) + (1,) * (a.ndim - 2), a.dtype))
                for a in (halves().image, halves().segments)
            ),
            halves().things,
            "",
            "things",
        )
        image, piece = clip_views.crop(big, 112, rng)
        assert image.shape == (112, 112, 3) and piece.segments.shape == (112, 112)
        red = image[..., 0] > 110
        assert ((piece.segments == 0) == red).mean() > 0.98  # enlarging blurs the border a little


def test_a_stream_is_the_same_however_it_is_entered(short):
    long, fresh = clip_views.Stream(5), clip_views.Stream(5)
    for step in range(3):
        walked = long.batch(step, 4, 112)
    jumped = fresh.batch(2, 4, 112)
    assert np.array_equal(walked.pixels, jumped.pixels) and walked.captions == jumped.captions
    other = clip_views.Stream(6).batch(2, 4, 112)
    assert not np.array_equal(walked.pixels, other.pixels)


# ---- what it learns from -----------------------------------------------------------------------
def test_right_answers_cost_less_than_wrong_ones():
    names = torch.eye(3)
    right, share = clip_losses._name(torch.eye(3), names, np.array([0, 1, 2]))
    wrong, none = clip_losses._name(torch.eye(3), names, np.array([1, 2, 0]))
    assert share == 1 and none == 0 and right < 2 < wrong
    twice = clip_losses.equal(("a", "b", "a"), torch.device("cpu"))
    assert twice.int().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    # the two pictures of one sentence may be taken for each other
    same = torch.tensor([[1.0, 0], [0, 1], [1, 0]])
    loss, share = clip_losses.match(same, same, torch.tensor(50.0), twice)
    assert share == 1 and loss == pytest.approx((2 * np.log(2)) / 3, abs=1e-3)


def test_a_few_steps_teach_colours(short, tmp_path):
    torch.manual_seed(0)
    course = clip._Course(clip_model.build(0, TINY), 0, TINY, tmp_path)
    piece = halves()
    costs = []
    for step in range(20):
        rng = np.random.default_rng(step)
        views = clip_views.collect([(piece.image, piece)] * 2, rng)
        parts = clip_losses.losses(course.model, clip_model.tokenizer(TINY), views, rng)
        assert set(parts) >= set(clip_losses.SHARES)
        costs.append(float(parts["colour"].detach()))
        course.learn(parts, 1.0)
    assert np.mean(costs[-3:]) < 0.7 * np.mean(costs[:3])


# ---- it can be stopped -------------------------------------------------------------------------
def test_a_stopped_training_goes_on_as_if_it_had_not_been(short, tmp_path, monkeypatch):
    options = {"steps": 4, "seed": 2, "architecture": TINY, "device": "cpu", "progress": False}
    straight = clip.train(tmp_path / "straight", **options)
    calls = []

    def stopping(*args):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return clip_losses.losses(*args)

    monkeypatch.setattr(clip, "losses", stopping)
    with pytest.raises(KeyboardInterrupt):
        clip.train(tmp_path / "stopped", **options)
    resumed = clip.train(tmp_path / "stopped", **options)
    assert len(calls) == 5  # two steps, the one that was stopped, and the two that were left
    for (name, one), other in zip(
        straight.state_dict().items(), resumed.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other), name
    lines = (tmp_path / "stopped" / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="of another seed or architecture"):
        clip.train(tmp_path / "stopped", **{**options, "seed": 3})


def test_how_long_must_be_said_once(tmp_path):
    for wrong in ({}, {"minutes": 1, "steps": 1}):
        with pytest.raises(ValueError, match="either minutes or steps"):
            clip.train(tmp_path, **wrong)


def test_the_command_explains_itself(capsys):
    assert command.main([]) == 2 and command.main(["mineral"]) == 2
    assert "clip | dino | sam" in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        command.main(["clip", "--help"])
    assert left.value.code == 0 and "--export" in capsys.readouterr().out


# ---- the measures ------------------------------------------------------------------------------
def test_names_are_words_of_the_world():
    assert len(set(clip_measure.NAMES)) == 48 and len(set(clip_measure.BASIC_NAMES)) == 33
    assert set(clip_measure.BASIC_NAMES) < set(clip_measure.NAMES)
    for name in clip_measure.NAMES:
        colour, surface = name.rsplit(" ", 1)
        assert colour in COLOURS and surface in SURFACES


def test_measures_of_maps_by_hand():
    truth, labels = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 1]])
    # of 0: one of two; of 1: two of three
    assert clip_measure._miou(labels, truth, 2) == pytest.approx((1 / 2 + 2 / 3) / 2)


def test_an_untrained_model_measures_as_chance(model):
    numbers = clip_measure.evaluate(model, pictures=24, scenes=5)
    assert numbers["naming_chance"] == pytest.approx(1 / 48)
    assert numbers["naming_48"] <= 0.25 and numbers["patch_colour"] <= 0.3
    fields = [(np.full((64, 64, 3), 40 * i, np.uint8), i % 4) for i in range(6)]
    told = clip_measure.ignorance(model, fields, ["pyrite", "galena", "bornite", "quartz"])
    assert told["mineral_chance"] == 0.25 and 0 <= told["mineral_naming"] <= 1


def test_an_eye_that_sees_the_thing_tells_basic_colours_apart_better_than_fine_ones():
    found = clip_measure.eye(number=40, learnt=120)
    assert 0.4 < found["eye_48"] <= found["eye_33"] <= 1


def test_the_last_cycle_sees_mostly_scenes_about_one_thing():
    stream = clip_views.Stream(3)
    about, others = stream.batch(0, 40, 64, about=1.0), stream.batch(0, 40, 64, about=0.0)
    kinds = {stream._scenes[n].kind for n in stream._scenes}
    assert len(kinds) > 2 and about.pixels.shape == (40, 64, 64, 3)
    assert (about.main[:, 0] >= 0).mean() > (others.main[:, 0] >= 0).mean()
    assert clip._rate(0.0) == pytest.approx(0.1) and clip._rate(0.999999) < 0.01
    assert 0.2 < clip._rate(clip.LAST + 0.1 * (1 - clip.LAST)) <= 0.25


# ---- what is shipped ---------------------------------------------------------------------------
def test_onward_takes_the_last_stage_only():
    for done in (0.0, 0.4, 0.99):
        assert clip._stage(done, True, False) == (224, clip.LAST_ABOUT)
    assert clip._stage(0.1, False, False) == (64, None)
    assert clip._stage(0.99, False, False) == (224, clip.LAST_ABOUT)
    rates = [clip._rate(done / 100, True) for done in range(100)]
    assert max(rates) == pytest.approx(clip.ONWARD_RATE, rel=0.02)
    assert rates[-1] < 0.02 < rates[0] < rates[3]


def test_the_card_of_an_onward_training_keeps_what_was_before(tmp_path):
    assert clip_measure._card(tmp_path) == {}
    (tmp_path / "clip.json").write_text('{"time": {"steps": 7}}', encoding="utf-8")
    assert clip_measure._card(tmp_path)["time"] == {"steps": 7}


def test_the_shipped_model_names_its_own_world_and_fits_the_demo():
    card = store.read_card("clip")
    assert card["numbers"]["naming_33"] >= 0.80
    assert store.weight_file("clip").stat().st_size <= 16e6
    shipped, _ = build_clip(ModelSpec(card["architecture"], "miniature:clip"))
    numbers = clip_measure.evaluate(shipped, pictures=60, scenes=10)
    assert numbers["naming_33"] >= card["numbers"]["naming_33"] - 0.15  # 60 pictures, not 1440
    assert numbers["own_names_miou"] > numbers["own_names_majority"] + 0.2
