"""The small DINO: its measure on hand-made arrays, geometry of views, training and weights."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from mineral_utils.encoders.build import build_dino
from mineral_utils.encoders.dino import Dino
from mineral_utils.miniature import dino, dino_objective, dino_views
from mineral_utils.miniature.dino_measure import (
    area_under_curve,
    cut_cells,
    dense_features,
    evaluate,
    listening,
    patch_pairs_auc,
)
from mineral_utils.miniature.dino_objective import Objective, Recipe
from mineral_utils.profiles import ModelSpec
from mineral_utils.weights import WeightError

SMALL = {"img_size": 64, "patch_size": 16, "embed_dim": 32, "depth": 1, "num_heads": 2}
QUICK = Recipe(
    scenes=6,
    scene_side=128,
    batch=4,
    side=64,
    last_side=80,
    last=0.1,
    small_side=32,
    prototypes=8,
    rate=3e-3,
    warm=5,
)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _field(cells: list[list[int]], patch: int = 16) -> np.ndarray:
    return np.kron(np.array(cells, np.uint8), np.ones((patch, patch), np.uint8))


# ---- the measure -------------------------------------------------------------------------------
def test_a_cell_needs_nine_tenths_of_one_mineral():
    labels = _field([[0, 1], [2, 255]])
    labels[:2, :16] = 1  # 2 of 16 rows: 87.5 % left
    labels[:1, 16:] = 0  # 1 of 16 rows: 93.75 % left
    image = np.zeros((32, 33, 3), np.uint8)  # a column beyond the last whole cell
    image[:16, :16] = (10, 20, 30)
    cells = cut_cells(image, np.pad(labels, ((0, 0), (0, 1))))
    assert cells.owner.tolist() == [[-1, 1], [2, -1]]
    assert cells.colour[0, 0].tolist() == [10, 20, 30] and cells.variance[0, 0] == 0
    assert cut_cells(image[:, :32], labels, ignore=(2, 255)).owner.tolist() == [[-1, 1], [-1, -1]]


def test_area_under_curve_counts_ties_as_half():
    assert area_under_curve(np.array([3, 4]), np.array([1, 2])) == 1
    assert area_under_curve(np.array([1, 2]), np.array([3, 4])) == 0
    # pairs: 2>1, 2=2, 3>1, 3>2 -> (1 + 0.5 + 1 + 1) / 4
    assert area_under_curve(np.array([2, 3]), np.array([1, 2])) == 0.875
    assert np.isnan(area_under_curve(np.array([]), np.array([1])))


def test_only_pairs_of_close_colour_count():
    labels = _field([[0, 0, 1, 1]])
    grey = _field([[100, 110, 114, 115]])
    image = np.stack([grey] * 3, -1)
    # 0-0: 10 apart. 0-1: 100-114 (14, counts), 100-115 (15, does not), 110-114, 110-115. 1-1: 1
    features = np.array([[[1, 0], [1, 0], [0, 1], [0, 1]]], float)
    scores = patch_pairs_auc(features, image, labels)
    assert (scores.same, scores.other) == (2, 3)
    assert scores.auc == 1
    # distances of the same: 10, 1; of the others: 14, 4, 5. 10 beats 14; 1 beats all: 4 of 6
    assert scores.colour == pytest.approx(4 / 6)
    assert scores.variance == 0.5 and scores.both == pytest.approx(4 / 6)
    assert patch_pairs_auc(-features[..., ::-1], image, labels).auc == 1  # a cosine has no sign
    assert patch_pairs_auc(np.ones((1, 4, 2)), image, labels).auc == 0.5
    assert patch_pairs_auc(features, image, labels, limit=16).other == 4


def test_one_channel_over_the_limit_parts_a_pair():
    image = np.zeros((16, 32, 3), np.uint8)
    image[:, 16:, 2] = 15
    scores = patch_pairs_auc(np.ones((1, 2, 3)), image, _field([[0, 1]]))
    assert (scores.same, scores.other) == (0, 0) and np.isnan(scores.auc)


def test_variance_parts_rough_from_smooth():
    rng = np.random.default_rng(0)
    image = np.full((16, 64, 3), 100, np.uint8)
    image[:, 32:] = np.clip(100 + 12 * rng.standard_normal((16, 32, 1)), 0, 255)
    scores = patch_pairs_auc(np.ones((1, 4, 2)), image, _field([[0, 0, 1, 1]]))
    assert scores.variance == 1 and scores.auc == 0.5


def test_purity_of_the_neighbourhood():
    labels = _field([[0, 0, 1, 1]])
    image = np.zeros((16, 64, 3), np.uint8)
    apart = np.array([[[1, 0], [1, 0], [0, 1], [0, 1]]], float)
    pure = listening(apart, image, labels)
    assert (pure.purity, pure.weighted, pure.reach) == (1, 1, 1)
    assert pure.chance == pytest.approx(1 / 3) and pure.share == pytest.approx(1 / 3)
    # one cell of mineral 1 looks like mineral 0: mean similarity 10/16, threshold 0.75
    mixed = np.array([[[1, 0], [1, 0], [1, 0], [0, 1]]], float)
    heard = listening(mixed, image, labels)
    # cells 0 and 1 hear one right, one wrong; cell 2 hears two wrong; cell 3 hears nobody
    assert heard.purity == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert heard.weighted == pytest.approx((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4)
    deaf = listening(np.ones((1, 4, 2)), image, labels)
    assert np.isnan(deaf.purity) and deaf.share == 0 and deaf.weighted == 1


def test_evaluate_leaves_out_photos_with_few_pairs():
    image = np.full((48, 64, 3), 90, np.uint8)
    two = _field([[0, 0, 1, 1]] * 3)
    cases = [("two", image, two), ("one", image, np.zeros_like(two))]
    looked = []

    def look(picture):
        looked.append(picture.shape)
        return np.stack([cut_cells(image, two).owner == k for k in (0, 1)], -1).astype(float)

    seen = evaluate(look, cases, fewest=5)
    assert looked == [image.shape] * 2
    assert seen["photos"] == 1 and seen["pairs"]["auc"] == 1 and seen["listening"]["purity"] == 1
    assert [row["name"] for row in seen["cases"]] == ["two", "one"]
    assert np.isnan(evaluate(look, cases[1:])["pairs"]["auc"])


@pytest.mark.parametrize(
    "features, image, labels, message",
    [
        ((2, 2, 3), (32, 32, 3), (32, 16), "image is .* and labels are"),
        ((3, 4, 3), (32, 32, 3), (32, 32), "features are .3, 4, 3. and the photo has 2 x 2"),
        ((2, 1, 3), (32, 32, 3), (32, 32), "features are .2, 1, 3. and"),
        ((1, 1, 3), (8, 32, 3), (8, 32), "32 x 8 px holds no cell of 16 px"),
    ],
)
def test_what_does_not_fit_is_refused(features, image, labels, message):
    with pytest.raises(ValueError, match=message):
        patch_pairs_auc(np.zeros(features), np.zeros(image, np.uint8), np.zeros(labels, np.uint8))


def test_purity_of_a_half_is_refused():
    with pytest.raises(ValueError, match="purity is 0.5"):
        cut_cells(np.zeros((16, 16, 3)), np.zeros((16, 16)), purity=0.5)


# ---- views -------------------------------------------------------------------------------------
def test_views_see_what_their_frames_say():
    """A scene whose red and green are the pixel's place: patch centres must read themselves."""
    side = 200
    place = (torch.arange(side) + 0.5) / side
    scenes = torch.stack([place.expand(side, side), place[:, None].expand(side, side)])
    scenes = torch.cat([scenes, torch.zeros(1, side, side)]).expand(5, -1, -1, -1)
    generator = torch.Generator().manual_seed(3)
    near = dino_views.uniform(generator, 0, side, 5, 2)
    frame = dino_views.draw_frame(generator, near, 80, side, wander=0.2)
    views = dino_views.cut(scenes, frame)
    means = torch.nn.functional.avg_pool2d(views[:, :2], 16).flatten(2).transpose(1, 2)
    assert torch.allclose(means * side, frame.patches(), atol=1.0)
    corners = frame.points(torch.tensor([[0.0, 0], [80, 0], [0, 80], [80, 80]]))
    assert corners.min() > -0.01 and corners.max() < side + 0.01


def test_tone_keeps_order_and_lowers_contrast():
    generator = torch.Generator().manual_seed(0)
    step = torch.linspace(0.1, 0.9, 64).expand(8, 3, 64, 64)
    toned = dino_views.draw_tone(generator, step)(step)
    rise = toned[..., 1:] - toned[..., :-1]
    assert (rise >= 0).all() and (rise.mean((1, 2, 3)) > 1e-4).all()
    assert (toned.std((1, 2, 3)) <= step.std((1, 2, 3)) + 1e-6).all()
    assert toned.std((1, 2, 3)).min() < 0.1


def test_disturbing_differs_by_view_and_keeps_the_picture():
    views = torch.full((2, 3, 64, 64), 0.5)
    views[..., 32:] = 0.8
    seen = dino_views.disturb(views, torch.Generator().manual_seed(1))
    assert seen.shape == views.shape and 0 <= seen.min() and seen.max() <= 1
    assert not torch.equal(seen[0], seen[1])
    middle = seen[..., 24:40].mean((1, 2))
    assert (middle[:, -6:].mean(1) > middle[:, :6].mean(1)).all()
    again = dino_views.disturb(views, torch.Generator().manual_seed(1))
    assert torch.equal(seen, again)


# ---- the objective -----------------------------------------------------------------------------
def test_tokens_are_those_that_trident_takes():
    objective = Objective(SMALL, QUICK).eval()
    pixels = torch.rand(2, 3, 80, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mine = dino_objective.tokens(objective.student, pixels)[:, 1:]
    assert torch.allclose(mine, Dino(objective.teacher).tokens(pixels), atol=1e-6)


def test_what_all_patches_share_goes_into_the_bias():
    objective = Objective(SMALL, QUICK)
    scenes = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    objective(scenes, torch.Generator().manual_seed(1))
    assert objective.middle.norm() > 0.01
    pixels = scenes[..., :64, :64]
    plain, centred = Dino(objective.teacher).tokens(pixels), Dino(objective.result()).tokens(pixels)
    assert torch.allclose(plain - centred, objective.middle, atol=1e-5)


def test_hidden_patches_leave_no_trace():
    objective = Objective(SMALL, QUICK).eval()
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    hidden = torch.zeros(1, 16, dtype=torch.bool)
    hidden[0, 5] = True  # second row, second column
    other = pixels.clone()
    other[..., 16:32, 16:32] = 0
    with torch.no_grad():
        seen, changed = (
            dino_objective.tokens(objective.student, p, hidden, objective.hidden)
            for p in (pixels, other)
        )
    assert torch.equal(seen, changed)


def test_only_the_student_learns_and_the_teacher_follows():
    objective = Objective(SMALL, QUICK)
    scenes = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    parts = objective(scenes, torch.Generator().manual_seed(1))
    assert set(parts) == {"place", "found", "picture"}
    (parts["place"] + parts["picture"]).backward()
    assert all(p.grad is None for p in objective.teacher.parameters())
    assert all(p.grad is not None for p in objective.learners())
    with torch.no_grad():
        for parameter in objective.student.parameters():
            parameter.add_(1)
    before = objective.teacher.cls_token.clone()
    objective.follow(0.75)
    assert torch.allclose(objective.teacher.cls_token - before, torch.tensor(0.25), atol=1e-6)


# ---- training ----------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("dino")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    vit = dino.train(out, steps=40, recipe=QUICK, architecture=SMALL, device="cpu", progress=False)
    torch.set_num_threads(threads)
    return out, vit


def _train(out, steps, **options):
    options = {"recipe": QUICK, "architecture": SMALL, "device": "cpu"} | options
    return dino.train(out, steps=steps, progress=False, **options)


def test_the_loss_falls_and_the_curve_is_json(trained):
    rows = [json.loads(line) for line in (trained[0] / "curve.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [20, 40]
    assert rows[1]["place"] < rows[0]["place"] and 0 < rows[1]["found"] < 1
    assert {"seconds", "rate", "grad", "picture"} <= set(rows[0])


def test_a_course_that_was_stopped_is_the_same_course(trained, tmp_path, monkeypatch):
    (tmp_path / "scenes_0_6x128.npy").symlink_to(trained[0] / "scenes_0_6x128.npy")

    class Stop(Exception):
        pass

    whole, learn = dino._Course.learn, dino._Course.learn

    def stop_at_25(self, *given):
        if self.step == 25:
            self.save()
            raise Stop
        learn(self, *given)

    monkeypatch.setattr(dino._Course, "learn", stop_at_25)
    with pytest.raises(Stop):
        _train(tmp_path, 40)
    monkeypatch.setattr(dino._Course, "learn", whole)
    (tmp_path / "curve.jsonl").open("a").write('{"step": 39}\n')  # written, then lost with the rest
    again = _train(tmp_path, 40).state_dict()
    for key, value in trained[1].state_dict().items():
        assert torch.equal(value, again[key]), key
    rows = [json.loads(line)["step"] for line in (tmp_path / "curve.jsonl").open()]
    assert rows == [20, 40]


def test_another_recipe_does_not_go_on_from_this_state(trained):
    with pytest.raises(ValueError, match="another seed, recipe or architecture"):
        _train(trained[0], 40, seed=1)


def test_length_must_be_said_once(tmp_path):
    for given in ({}, {"minutes": 1.0, "steps": 3}):
        with pytest.raises(ValueError, match="either minutes or steps"):
            dino.train(tmp_path, **given)


def test_weights_are_read_by_the_suite(trained, tmp_path, monkeypatch):
    held_out = dino.held_out
    monkeypatch.setattr(dino, "held_out", lambda: held_out(2, (96, 128)))
    path = dino.export(trained[0], tmp_path, {"digital": {"auc": 0.9}})
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert card["numbers"]["digital"] == {"auc": 0.9} and card["settings"]["scenes"] == 6
    assert card["time"]["steps"] == 40
    architecture = card["architecture"]
    vit = build_dino(ModelSpec(architecture=architecture, weights=str(path)))
    image = np.random.default_rng(0).integers(0, 256, (96, 70, 3), np.uint8)
    mine, shipped = dense_features(trained[1])(image), dense_features(vit)(image)
    assert mine.shape == (6, 4, 32)
    assert np.abs(mine - shipped).max() < 0.02  # float16
    with pytest.raises(WeightError):
        wider = {**architecture, "embed_dim": 64}
        build_dino(ModelSpec(architecture=wider, weights=str(path)))


def test_export_without_training_says_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match="train first"):
        dino.export(tmp_path)


def test_held_out_scenes_have_materials_for_labels():
    name, image, labels = next(iter(dino.held_out(1, (64, 80))))
    assert image.shape == (64, 80, 3) and labels.shape == (64, 80) and labels.dtype == np.uint8
    again = next(iter(dino.held_out(1, (64, 80))))
    assert np.array_equal(image, again[1]) and name == again[0]


def test_the_pool_is_drawn_once(tmp_path):
    path = tmp_path / "pool.npy"
    first = np.array(dino.make_pool(path, 2, 48, seed=5))
    stamp = path.stat().st_mtime_ns
    assert np.array_equal(first, dino.make_pool(path, 2, 48, seed=5))
    assert path.stat().st_mtime_ns == stamp
    assert dino.make_pool(path, 3, 48, seed=5).shape == (3, 48, 48, 3)
    assert not np.array_equal(first[0], first[1])


def test_the_command_line_trains_and_exports(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dino, "Recipe", lambda: QUICK)
    monkeypatch.setattr(dino, "ARCHITECTURE", SMALL)
    written = []
    monkeypatch.setattr(
        dino, "export", lambda out, numbers: written.append((out, numbers)) or "here"
    )
    numbers = tmp_path / "n.json"
    numbers.write_text('{"a": 1}')
    line = ["--out", str(tmp_path), "--steps", "2", "--device", "cpu", "--export"]
    assert dino.main([*line, "--numbers", str(numbers)]) == 0
    assert written == [(tmp_path, {"a": 1})] and "written: here" in capsys.readouterr().out
