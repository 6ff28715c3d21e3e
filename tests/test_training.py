"""Tuning CLIP: losses by hand, views, gradients in parts and in processes, courses that are cut."""

from __future__ import annotations

import copy
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError

from mineral_utils.checkpoint import WeightError
from mineral_utils.clip_lora import (
    about_adapter,
    adapter_file,
    load_adapter,
    trainable_parameters,
)
from mineral_utils.encoders import ClipVisual, build_clip
from mineral_utils.profiles import load_profile
from mineral_utils.segmenter import load_model
from mineral_utils.training import (
    GROUND,
    Course,
    Examples,
    Teacher,
    contrastive,
    dataset_examples,
    draw_view,
    from_masks,
    from_sets,
    joined,
    patch_shares,
    smooth,
    targets,
    tune,
)
from mineral_utils.training import course as course_module

from .reference import one_thread  # noqa: F401
from .tiny_course import BROKEN, COURSES, NAMES, PROFILE, TWO_PROCESSES, dataset, examples

ROOT = Path(__file__).resolve().parents[1]
CPU = torch.device("cpu")
PAIRS, MASKS = COURSES["pairs"], COURSES["masks"]


@pytest.fixture(autouse=True, scope="module")
def one_building():
    """The same base for every course, built once."""
    built = {}

    def copied(spec):
        if str(spec) not in built:
            built[str(spec)] = build_clip(spec)
        clip, tokenizer = built[str(spec)]
        return copy.deepcopy(clip), tokenizer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course_module, "build_clip", copied)
        yield


def run(out, recipe=PAIRS, some=None, **options):
    options = {"device": "cpu", "progress": False, **options}
    return tune(PROFILE, examples() if some is None else some, recipe, out=out, **options)


def learnt(clip) -> dict[str, torch.Tensor]:
    return {name: part.detach().clone() for name, part in trainable_parameters(clip).items()}


def adapters(path: Path) -> dict[str, torch.Tensor]:
    clip, _ = build_clip(load_profile(PROFILE).clip)
    load_adapter(path, clip)
    clip.logit_scale.requires_grad_(True)
    return learnt(clip)


def gap(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    assert a.keys() == b.keys()
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def same_bits(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The course with masks, from its beginning to its end."""
    return run(tmp_path_factory.mktemp("whole"), MASKS)


# ---- losses by hand ----------------------------------------------------------------------------
LABELS = np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0]], np.float32)


def test_pair_targets_are_the_own_caption_alone():
    assert torch.equal(targets(torch.from_numpy(LABELS), "pair"), torch.eye(5))


def test_set_targets_share_by_the_square_of_overlap():
    found = targets(torch.from_numpy(LABELS), "set").numpy()
    weights = np.eye(5)
    for i, a in enumerate(LABELS):
        for j, b in enumerate(LABELS):
            either = np.maximum(a, b).sum()
            if either:
                weights[i, j] = max(weights[i, j], (np.minimum(a, b).sum() / either) ** 2)
    assert np.array_equal(weights, weights.T)
    np.testing.assert_allclose(found, weights / weights.sum(1, keepdims=True), atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-6)
    assert found[0, 0] == found[0, 1] > found[0, 2] > 0  # equal sets share, halves get a quarter
    assert found[3].tolist() == [0, 0, 0, 1, 0]  # nothing is known of it but its own text


def contrastive_by_hand(images, texts, scale, wanted):
    images = images / np.linalg.norm(images, axis=1, keepdims=True)
    texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    logits = scale * images @ texts.T
    back = wanted.T / wanted.T.sum(1, keepdims=True)
    total = 0.0
    for rows, right in ((logits, wanted), (logits.T, back)):
        logs = rows - np.log(np.exp(rows).sum(1, keepdims=True))
        total += -(right * logs).sum(1).mean() / 2
    return total


@pytest.mark.parametrize("kind", ["pair", "set"])
def test_contrastive_loss_against_the_formula(kind):
    rng = np.random.default_rng(0)
    images, texts = rng.normal(size=(2, 5, 8))
    wanted = targets(torch.from_numpy(LABELS), kind)
    args = (torch.tensor(images), torch.tensor(texts), torch.tensor(7.0), wanted.double())
    expected = contrastive_by_hand(images, texts, 7.0, wanted.double().numpy())
    assert float(contrastive(*args)) == pytest.approx(expected, rel=1e-6)
    # the length of a vector says nothing
    assert float(contrastive(3 * args[0], *args[1:])) == pytest.approx(expected, rel=1e-6)


def test_one_caption_each_is_the_cross_entropy_of_clip_and_symmetric():
    generator = torch.Generator().manual_seed(1)
    images, texts = torch.randn(2, 6, 8, generator=generator)
    logits = 10 * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
    right = torch.arange(6)
    expected = (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2
    eye, scale = torch.eye(6), torch.tensor(10.0)
    torch.testing.assert_close(contrastive(images, texts, scale, eye), expected)
    torch.testing.assert_close(contrastive(texts, images, scale, eye), expected)


def test_mask_loss_by_hand():
    cosine = np.array([[[0.10, 0.12], [0.05, 0.00], [0.2, 0.1]]] * 2)
    shares = np.array([[[1, 0], [0.25, 0.5], [0, 0]], [[0, 0]] * 3], float)
    logs = 40 * cosine - np.log(np.exp(40 * cosine).sum(-1, keepdims=True))
    expected = -(shares * logs).sum((1, 2))[0] / 1.75
    found = from_masks(torch.tensor(cosine), torch.tensor(shares))
    assert found.tolist() == pytest.approx([expected, 0])  # nothing known: nothing to learn
    weighted = shares * [1, 3]
    expected = -(weighted * logs).sum((1, 2))[0] / weighted[0].sum()
    weights = torch.tensor([1.0, 3.0])
    assert float(from_masks(torch.tensor(cosine), torch.tensor(shares), weights)[0]) == (
        pytest.approx(expected)
    )


def test_set_loss_by_hand():
    cosine = np.random.default_rng(2).normal(0, 0.05, (3, 40, 3))
    labels = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]], float)
    chances = np.exp(40 * cosine) / np.exp(40 * cosine).sum(-1, keepdims=True)
    expected = []
    for chance, row in zip(chances, labels, strict=True):
        own = np.flatnonzero(row)
        if not len(own):
            expected.append(0)
            continue
        inside = -np.log(chance[:, own].sum(1)).mean()
        two_best = np.sort(chance, axis=0)[-2:].mean(0)  # a twentieth of 40 patches
        expected.append(inside - np.log(two_best[own]).mean())
    leaf = torch.tensor(cosine, requires_grad=True)
    found = from_sets(leaf, torch.tensor(labels))
    assert found.tolist() == pytest.approx(expected)
    found.sum().backward()
    assert leaf.grad.isfinite().all()  # the photo without labels must not spoil the others
    assert not leaf.grad[2].any() and leaf.grad[:2].any()


# ---- views -------------------------------------------------------------------------------------
def test_patch_shares_count_pixels():
    truth = np.array([[0, 0, 1, 1], [0, 255, 1, 1], [2, 2, GROUND, 0], [2, 2, 0, 0]], np.uint8)
    expected = [[0.75, 0, 0], [0, 1, 0], [0, 0, 1], [0.75, 0, 0]]
    assert patch_shares(truth, 2, 3).tolist() == expected
    assert patch_shares(truth, 2, 2).tolist() == [row[:2] for row in expected]


def test_a_whole_view_is_the_photo_in_a_square():
    some = examples(1)
    picture, truth = some.picture(0), some.truth(0)
    plain = PAIRS.replace(view="whole", turn=False, light=0.0)
    view = draw_view(picture, truth, plain, np.random.default_rng(0))
    assert view.pixels.shape == (32, 32, 3) and view.truth.shape == (32, 32)
    assert view.truth[20, 3] == truth[25, 5] and view.truth[-1, 0] == GROUND
    assert draw_view(picture, None, plain, np.random.default_rng(0)).truth is None
    noise = np.random.default_rng(1).integers(0, 256, (45, 61, 3), np.uint8)
    seen = draw_view(noise, None, plain, np.random.default_rng(0)).pixels.astype(int)
    pillow = np.array(Image.fromarray(noise).resize((32, 32), Image.Resampling.BICUBIC))
    assert np.abs(seen - pillow).max() <= 2


def test_a_window_shows_what_its_mask_says():
    """Turned, mirrored and zoomed, pixels and labels stay together."""
    truth = np.random.default_rng(3).integers(0, 3, (5, 6)).repeat(16, 0).repeat(16, 1)
    picture = (truth[..., None] * np.array([80, 40, 20]) + 30).astype(np.uint8)
    recipe = PAIRS.replace(zoom=1.6, light=0.0, side=48)
    seen = set()
    for seed in range(20):
        view = draw_view(picture, truth.astype(np.uint8), recipe, np.random.default_rng(seed))
        nearest = np.rint((view.pixels[..., 0].astype(float) - 30) / 80)
        assert (nearest == view.truth).mean() > 0.85  # all but the blended borders
        seen.add(view.pixels.tobytes())
    assert len(seen) == 20
    again = draw_view(picture, None, recipe, np.random.default_rng(0)).pixels
    assert np.array_equal(again, draw_view(picture, None, recipe, np.random.default_rng(0)).pixels)


def test_a_photo_smaller_than_a_window_is_enlarged():
    picture = np.full((20, 30, 3), 128, np.uint8)
    view = draw_view(picture, None, PAIRS.replace(light=0.0), np.random.default_rng(0))
    assert view.pixels.shape == (32, 32, 3) and (view.pixels == 128).all()


def test_light_changes_exposure_and_balance():
    picture = np.full((40, 40, 3), 100, np.uint8)
    means = np.array(
        [
            draw_view(picture, None, PAIRS.replace(light=0.1), np.random.default_rng(k))
            .pixels.reshape(-1, 3)
            .mean(0)
            for k in range(200)
        ]
    )
    brightness = np.log(means.mean(1) / 100).std()
    balance = np.log(means / means.mean(1, keepdims=True)).std()
    assert 0.07 < brightness < 0.14 and 0.02 < balance < 0.07


# ---- a step ------------------------------------------------------------------------------------
def gradients(tmp_path, recipe, some=None) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    """Of the first step of a course, adapters moved off their zeros first."""
    course = Course(load_profile(PROFILE), some or examples(), recipe, tmp_path, CPU)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(4)
        for part in course.teacher.learning[1:]:
            part += 0.02 * torch.randn(part.shape, generator=generator)
    losses = course.teacher.teach(course.reader.batch(0), np.random.default_rng(0))
    course.reader.close()
    found = {
        name: part.grad
        for name, part in trainable_parameters(course.clip).items()
        if part.grad is not None
    }
    return found, {name: float(value) for name, value in losses.items()}


@pytest.mark.parametrize("name", [*COURSES])
def test_parts_give_the_gradients_of_the_whole(tmp_path, name):
    recipe = COURSES[name].replace(batch=5)
    found, losses = gradients(tmp_path, recipe)
    parts, losses_of_parts = gradients(tmp_path, recipe.replace(micro=2))
    largest = max(float(part.abs().max()) for part in found.values())
    assert largest > 1e-3 and gap(found, parts) < 1e-5 * max(largest, 1)
    assert losses_of_parts == pytest.approx(losses, rel=1e-5)
    assert losses["loss"] == pytest.approx(
        recipe.contrast * losses.get("contrast", 0) + recipe.dense_weight * losses.get("dense", 0)
    )


@pytest.mark.parametrize("tower", ["image", "text"])
@pytest.mark.parametrize("name", ["pairs", "masks"])
def test_one_tower_learns_alone(tmp_path, tower, name):
    """The other one's features lead nowhere; parts give the gradients of the whole here too."""
    recipe = COURSES[name].replace(towers=(tower,))
    found, losses = gradients(tmp_path, recipe)
    parts, _ = gradients(tmp_path, recipe.replace(micro=2, forget=True))
    assert gap(found, parts) < 1e-5
    layers = [part for layer, part in found.items() if "lora_" in layer]
    assert all(("visual" in layer) == (tower == "image") for layer in found if "lora_" in layer)
    assert max(float(part.abs().max()) for part in layers) > 1e-3
    both, of_both = gradients(tmp_path, COURSES[name])
    assert both.keys() > found.keys() and losses.keys() == of_both.keys()


def test_forgetting_activations_changes_no_gradient(tmp_path):
    found, losses = gradients(tmp_path, MASKS)
    forgetful, again = gradients(tmp_path, MASKS.replace(forget=True))
    assert gap(found, forgetful) < 1e-6 and again == pytest.approx(losses, rel=1e-6)


def test_gradient_is_the_slope_of_the_loss(tmp_path):
    """Central differences along a random direction, through the whole step."""
    course = Course(load_profile(PROFILE), examples(), MASKS, tmp_path, CPU)
    batch, learning = course.reader.batch(0), course.teacher.learning
    course.reader.close()
    generator = torch.Generator().manual_seed(6)

    def move(size: float, directions: list[torch.Tensor]) -> float:
        with torch.no_grad():
            for part, direction in zip(learning, directions, strict=True):
                part += size * direction
        return float(course.teacher.teach(batch, np.random.default_rng(0))["loss"])

    move(0.02, [torch.randn(part.shape, generator=generator) for part in learning])
    # along the gradient itself the slope is large, and rounding small beside it
    direction = [torch.zeros(()) if p.grad is None else p.grad.clone() for p in learning]
    slope = sum(float((d * d).sum()) for d in direction)
    up, down = move(0.002, direction), move(-0.004, direction)
    assert (up - down) / 0.004 == pytest.approx(slope, rel=0.02)


def test_the_dense_loss_sees_patches_as_trident_does(tmp_path):
    """Its features are those of `ClipVisual`, under DINO's affinity."""
    recipe = MASKS.replace(turn=False, light=0.0)
    course = Course(load_profile(PROFILE), examples(), recipe, tmp_path, CPU)
    batch = course.reader.batch(0)
    course.reader.close()
    with torch.no_grad():
        found = course.teacher._see(batch, slice(0, 2), "{}")["dense"]
        pixels = batch.pixels[:2].float() / 255
        affinity = course.teacher.affinity(pixels)
    visual = ClipVisual(course.clip.visual)
    dense = visual.embed(visual.project_out(affinity @ visual.values(pixels)))
    with torch.no_grad():
        ids = course.teacher.tokenizer([*NAMES, "resin"])
        names = course.clip.encode_text(ids)
    cosine = F.normalize(dense, dim=-1) @ F.normalize(names, dim=-1).T
    expected = from_masks(cosine, batch.shares[:2], course.teacher.weights)
    torch.testing.assert_close(found, expected.detach(), atol=1e-5, rtol=1e-4)


def test_the_temperature_stays_within_clips_bounds(tmp_path):
    course = Course(load_profile(PROFILE), examples(), PAIRS.replace(rate=0.5), tmp_path, CPU)
    for start in (6.0, -1.0):
        with torch.no_grad():
            course.clip.logit_scale.fill_(start)
        course._step()
        assert 0 <= course.clip.logit_scale.item() <= math.log(100) + 1e-6
    course.reader.close()


def test_the_rate_goes_up_and_down_by_the_step(tmp_path, monkeypatch):
    """One cycle by hand: from the 25th part of the peak, up in a third of the steps, down to 0."""
    monkeypatch.setattr(course_module, "REPORT_EVERY", 1)
    curve = run(tmp_path, PAIRS.replace(epochs=4, rate=2.5e-5)).curve
    steps = 4 * (17 // 5)
    top, last = 0.3 * (steps + 1) - 1, steps
    assert [row["step"] for row in curve] == [*range(1, steps + 1)]
    for number, row in enumerate(curve):
        low, high = (1e-6, 2.5e-5) if number <= top else (1e-10, 2.5e-5)
        way = number / top if number <= top else 1 - (number - top) / (last - top)
        expected = high + (low - high) / 2 * (1 + math.cos(math.pi * way))
        assert row["rate"] == pytest.approx(expected, rel=1e-6)
    assert curve[0]["rate"] == pytest.approx(1e-6)  # the paper's "initial rate", read one way
    assert curve[-1]["epoch"] == 4
    assert {"contrast", "loss", "temperature", "seconds"} <= curve[0].keys()


@pytest.mark.parametrize("warm", [0.25, 0.3, 0.5])
@pytest.mark.parametrize("epochs", [1, 3])
def test_very_short_courses_have_a_schedule(tmp_path, warm, epochs):
    assert run(tmp_path, PAIRS.replace(warm=warm, epochs=epochs, batch=17)).finished


# ---- a course ----------------------------------------------------------------------------------
def test_a_course_learns_and_leaves_a_file_that_trident_takes(whole, tmp_path):
    course = Course(load_profile(PROFILE), examples(), MASKS, tmp_path, CPU)
    before = {name: part for name, part in learnt(course.clip).items() if "lora_B" in name}
    assert all(not part.any() for part in before.values())
    assert all(learnt(whole.clip)[name].any() for name in before if "text" not in name)
    about = about_adapter(whole.adapter)
    assert about["classes"] == list(NAMES) and about["prompts"] == "mineral"
    assert about["recipe"]["name"] == "one-hot" and about["steps"] == 9
    assert about["examples"] == "squares"
    tuned, base = (load_model(PROFILE, device="cpu", adapter=a) for a in (whole.adapter, None))
    picture = np.kron(examples().picture(0), np.ones((4, 4, 1), np.uint8))
    maps = [model.encode(picture, progress=False).segment(NAMES) for model in (tuned, base)]
    assert tuned.encoders.text.prompts == ("Minerals on this photo: {}.",)
    assert (maps[0].cosine - maps[1].cosine).abs().max() > 1e-3
    merged = whole.merged()
    plain, _ = build_clip(load_profile(PROFILE).clip)
    plain.load_state_dict(merged)


def test_more_steps_lower_the_loss(tmp_path):
    tuned = run(tmp_path, MASKS.replace(epochs=25, rate=1e-2))
    losses = [row["loss"] for row in tuned.curve]
    assert losses[-1] < 0.7 * losses[0]
    assert smooth([1, 2, 3, 4], over=2) == [1, 1.5, 2.5, 3.5]


def test_every_epoch_shows_each_photo_once_in_an_order_of_its_own(tmp_path):
    course = Course(load_profile(PROFILE), examples(15), PAIRS, tmp_path, CPU)
    epochs = [np.concatenate([course.reader.numbers(3 * e + k) for k in range(3)]) for e in (0, 1)]
    course.reader.close()
    assert all(sorted(epoch) == list(range(15)) for epoch in epochs)
    assert not np.array_equal(*epochs)


def test_watch_is_called_before_during_and_after(tmp_path):
    seen = []

    def watch(step, clip, curve):
        assert not clip.training and not torch.is_grad_enabled()
        torch.rand(3)  # what a watcher draws must not reach the course
        seen.append(step)

    watched = run(tmp_path / "a", PAIRS, watch=watch, watch_every=4)
    assert seen == [0, 4, 8, 9]
    assert same_bits(learnt(watched.clip), learnt(run(tmp_path / "b", PAIRS).clip))


# ---- cut and taken up again --------------------------------------------------------------------
def test_interrupted_and_resumed_is_bit_equal(whole, tmp_path):
    def impatient(step, clip, curve):
        if step == 4:
            raise KeyboardInterrupt

    half = run(tmp_path, MASKS, watch=impatient, watch_every=1)
    assert not half.finished and about_adapter(half.adapter)["steps"] == 4
    tuned = run(tmp_path, MASKS)
    assert tuned.finished and same_bits(learnt(tuned.clip), learnt(whole.clip))
    assert [row["step"] for row in tuned.curve] == [row["step"] for row in whole.curve]
    assert tuned.curve[-1]["loss"] == whole.curve[-1]["loss"]
    lines = (tmp_path / "curve.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == tuned.curve
    again = run(tmp_path, MASKS)  # nothing is left to do
    assert again.finished and same_bits(learnt(again.clip), learnt(whole.clip))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_within_a_step_is_heard_at_its_end(whole, tmp_path, monkeypatch, number):
    step = torch.optim.AdamW.step
    calls = []

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), number)
            time.sleep(0)  # a moment for the interpreter to hear it
        return step(self, *args, **kwargs)

    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", interrupted)
        half = run(tmp_path, MASKS)
    assert not half.finished and about_adapter(half.adapter)["steps"] == 3
    assert signal.getsignal(number) is before
    assert same_bits(learnt(run(tmp_path, MASKS).clip), learnt(whole.clip))


def test_a_second_interrupt_ends_at_once_and_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    run(tmp_path, PAIRS.replace(epochs=1))
    kept = (tmp_path / "last.pt").read_bytes()

    def torn(self, *args, **kwargs):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

    monkeypatch.setattr(torch.optim.AdamW, "step", torn)
    course = Course(load_profile(PROFILE), examples(), PAIRS, tmp_path, CPU)
    with pytest.raises(KeyboardInterrupt):
        course.run(None, 0, False)
    assert (tmp_path / "last.pt").read_bytes() == kept


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_killed_at_a_random_moment_and_resumed_is_bit_equal(whole, tmp_path):
    step, pause = random.randint(1, 8), random.uniform(0, 0.2)
    command = [sys.executable, "-m", "tests.tiny_course", str(tmp_path), "masks"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as victim:
        for line in victim.stdout:
            if line.split() == ["step", str(step)]:
                time.sleep(pause)
                break
        victim.send_signal(signal.SIGKILL)
    left = torch.load(tmp_path / "masks" / "last.pt")["step"] if step > 3 else 0
    print(f"killed {pause:.3f} s after step {step}; the checkpoint has {left}")
    assert same_bits(learnt(run(tmp_path / "masks", MASKS).clip), learnt(whole.clip))


def test_two_processes_give_the_adapters_of_one(tmp_path):
    """Parts of 3 and 2 pictures, of 2 and 1 with some unreadable, of 1 and none."""
    names = ["masks", "sets", "dense only"]
    command = [*TWO_PROCESSES, "tests.tiny_course", str(tmp_path), *names]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("processes 2\n") == 2
    assert done.stdout.count("step 1\n") == 3  # one process speaks
    for name in names:
        broken = () if name == "masks" else BROKEN
        alone = run(tmp_path / "alone" / name, COURSES[name], examples(broken=broken))
        two = adapters(tmp_path / name / "adapter.safetensors")
        moved = gap(learnt(alone.clip), adapters_at_start(COURSES[name], tmp_path))
        assert moved > 1e-3 and gap(learnt(alone.clip), two) < 1e-5, name
        together = torch.load(tmp_path / name / "last.pt")
        assert together["skipped"] == alone.skipped
        assert together["curve"][-1]["loss"] == pytest.approx(alone.curve[-1]["loss"], rel=1e-4)


def adapters_at_start(recipe, folder) -> dict[str, torch.Tensor]:
    return learnt(Course(load_profile(PROFILE), examples(), recipe, folder, CPU).clip)


def test_resume_false_begins_anew(tmp_path):
    first = run(tmp_path, PAIRS)

    def stop(step, clip, curve):
        raise KeyboardInterrupt

    begun = run(tmp_path, PAIRS, resume=False, watch=stop)
    assert not begun.finished and not begun.curve
    again = run(tmp_path, PAIRS)
    assert same_bits(learnt(again.clip), learnt(first.clip))


# ---- bad input ---------------------------------------------------------------------------------
def test_a_loss_that_is_not_finite_keeps_the_last_good_state(tmp_path, monkeypatch):
    teach = Teacher.teach

    def spoiled(self, batch, rng):
        losses = teach(self, batch, rng)
        spoiled.step = getattr(spoiled, "step", -1) + 1
        return losses | {"loss": losses["loss"] * math.nan} if spoiled.step == 4 else losses

    with monkeypatch.context() as patch:
        patch.setattr(Teacher, "teach", spoiled)
        with pytest.raises(FloatingPointError, match=r"step 4 \(epoch 2\).*photo_\d+.jpg") as hurt:
            run(tmp_path, PAIRS)
    assert "rate" in str(hurt.value) and "nan" in str(hurt.value)
    assert about_adapter(tmp_path / "adapter.safetensors")["steps"] == 4
    assert all(
        part.isfinite().all() for part in adapters(tmp_path / "adapter.safetensors").values()
    )
    whole = run(tmp_path / "whole", PAIRS)
    assert same_bits(learnt(run(tmp_path, PAIRS).clip), learnt(whole.clip))


def test_a_gradient_that_is_not_finite_stops_too(tmp_path, monkeypatch):
    teach = Teacher.teach

    def spoiled(self, batch, rng):
        losses = teach(self, batch, rng)
        self.learning[3].grad[0] = math.inf
        return losses

    monkeypatch.setattr(Teacher, "teach", spoiled)
    with pytest.raises(FloatingPointError, match="gradient"):
        run(tmp_path, PAIRS)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"rate": 1e-3}, "rate: 0.003 there, 0.001 here"),
        ({"epochs": 4}, "epochs: 3 there, 4 here"),
        ({"rank": 2}, "rank: None there, 2 here"),
    ],
)
def test_a_checkpoint_of_another_recipe_is_refused(tmp_path, changes, words):
    run(tmp_path, PAIRS)
    with pytest.raises(ValueError, match="another course") as refused:
        run(tmp_path, PAIRS.replace(**changes))
    assert words in str(refused.value) and "resume=False" in str(refused.value)


def test_a_checkpoint_of_other_examples_is_refused(tmp_path):
    run(tmp_path, PAIRS)
    some = examples()
    fewer = some.some(range(16))
    with pytest.raises(ValueError, match="photos: 17 there, 16 here"):
        run(tmp_path, PAIRS, fewer)
    names = ("Pyrite", "Galena", "Gold")
    others = Examples(names, some.texts, some.labels, some.picture, some.truth, some.files)
    with pytest.raises(ValueError, match="classes: .*Sphalerite.* there, .*Gold.* here"):
        run(tmp_path, PAIRS, others)
    with pytest.raises(ValueError, match="their hash"):
        run(tmp_path, PAIRS, some.some([*range(1, 17), 0]))


def test_a_checkpoint_of_another_base_is_refused(tmp_path):
    tuned = run(tmp_path, PAIRS)
    text = PROFILE.read_text().replace("seed: 11", "seed: 99")
    (tmp_path / "other.yaml").write_text(text)
    with pytest.raises(ValueError, match="base: '.*' there, '.*' here"):
        tune(tmp_path / "other.yaml", examples(), PAIRS, out=tmp_path, device="cpu")
    with pytest.raises(WeightError, match="trained on"):
        load_model(tmp_path / "other.yaml", device="cpu", adapter=tuned.adapter)


def test_a_checkpoint_with_another_dino_is_refused_where_it_is_looked_at(tmp_path):
    profile = load_profile(PROFILE)
    dino = replace(profile, dino=replace(profile.dino, seed=99))
    read = replace(profile, preset=profile.preset.replace(beta=1.5))
    options = {"out": tmp_path / "masks", "device": "cpu", "progress": False}
    run(tmp_path / "masks", MASKS.replace(epochs=1))
    for other in (dino, read):
        with pytest.raises(ValueError, match="another course .DINO and how it is read"):
            tune(other, examples(), MASKS.replace(epochs=1), **options)
    path = tmp_path / "masks" / "last.pt"
    older = torch.load(path)
    del older["what"]["DINO and how it is read (their hash)"]
    torch.save(older, path)
    assert run(tmp_path / "masks", MASKS.replace(epochs=1)).finished
    run(tmp_path / "pairs", PAIRS.replace(epochs=1))  # which has no use for DINO
    options["out"] = tmp_path / "pairs"
    assert tune(dino, examples(), PAIRS.replace(epochs=1), **options).finished


def test_memory_settings_do_not_make_another_course(tmp_path):
    run(tmp_path, PAIRS)
    assert run(tmp_path, PAIRS.replace(micro=2, forget=True, name="saving")).finished


@pytest.mark.parametrize("kind", ["cut", "text", "other"])
def test_a_damaged_checkpoint_is_named(tmp_path, kind):
    run(tmp_path, PAIRS.replace(epochs=1))
    path = tmp_path / "last.pt"
    if kind == "cut":
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "text":
        path.write_text("no checkpoint")
    else:
        torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="last.pt.*resume=False"):
        run(tmp_path, PAIRS.replace(epochs=1))
    assert run(tmp_path, PAIRS.replace(epochs=1), resume=False).finished


def test_unreadable_pictures_are_skipped_counted_and_listed(tmp_path):
    some = examples(broken=BROKEN)
    tuned = run(tmp_path, PAIRS, some)
    assert tuned.finished
    assert sorted(tuned.skipped) == [(f"photo_{k}.jpg", f"photo {k} is cut short") for k in BROKEN]
    assert torch.load(tmp_path / "last.pt")["skipped"] == tuned.skipped
    everything = examples(broken=tuple(range(17)))
    with pytest.raises(ValueError, match="none of the 5 pictures of step 0 could be read.*cut"):
        run(tmp_path / "none", PAIRS, everything)
    masks = run(tmp_path / "masks", MASKS.replace(epochs=1), some)
    assert masks.finished and masks.skipped


def test_pictures_and_masks_of_another_form_are_skipped(tmp_path):
    some = examples()
    forms = {
        2: lambda picture: picture[..., 0],
        5: lambda picture: picture.astype(np.float32),
        7: lambda picture: picture[:20],
    }
    odd = replace(some, picture=lambda k: forms.get(k, lambda p: p)(some.picture(k)))
    masks = run(tmp_path / "masks", MASKS.replace(batch=17), odd)
    told = dict(masks.skipped)
    assert told["photo_2.jpg"] == "the picture is uint8 [40, 48]; expected is uint8 [H, W, 3]"
    assert told["photo_5.jpg"].startswith("the picture is float32 [40, 48, 3]")
    assert told["photo_7.jpg"].startswith("the mask is [40, 48] and its picture [20, 48] px")
    assert len(run(tmp_path / "pairs", PAIRS.replace(batch=17), odd).skipped) == 2


def test_a_damaged_file_of_a_dataset_is_skipped(tmp_path):
    folder = dataset(tmp_path / "set")
    file = folder / "train" / "2.png"
    file.write_bytes(file.read_bytes()[:80])
    found = dataset_examples(folder)
    assert found.names == tuple(sorted(NAMES)) and found.truth is None
    assert found.labels.tolist()[:2] == [[0, 1, 0], [1, 0, 0]]
    tuned = run(tmp_path / "out", PAIRS.replace(batch=3, epochs=2), found)
    assert [name for name, _ in tuned.skipped] == ["2.png"]
    with pytest.raises(ValueError, match="learns from masks.*dataset set, train.*dense='set'"):
        run(tmp_path / "out2", MASKS, found)


def test_lines_written_by_hand_may_spell_a_mineral_otherwise(tmp_path):
    folder = dataset(tmp_path / "set")
    lines = folder / "train" / "metadata.jsonl"
    wanted = dataset_examples(folder)
    text = (
        lines.read_text().replace('["Pyrite"]', '["pyrite"]').replace('["Galena"]', '["галенит"]')
    )
    lines.write_text(text, encoding="utf-8-sig")
    found = dataset_examples(folder)
    assert found.names == wanted.names and np.array_equal(found.labels, wanted.labels)


def blank(labels: np.ndarray) -> Examples:
    texts = tuple("ore" for _ in labels)
    return Examples(NAMES, texts, labels.astype(np.float32), examples().picture)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (np.zeros((0, 3)), "no photos to tune on"),
        (np.zeros((4, 3)), "none of the 4 texts names one of the classes Pyrite, Galena"),
        (np.tile([1, 0, 0], (4, 1)), r"same minerals \(Pyrite\)"),
        (np.tile([1, 0, 1], (4, 1)), r"same minerals \(Pyrite, Sphalerite\)"),
    ],
)
def test_examples_that_teach_nothing_are_refused(tmp_path, labels, words):
    with pytest.raises(ValueError, match=words):
        run(tmp_path, PAIRS, blank(labels))
    assert not (tmp_path / "last.pt").exists()


def test_absent_classes_and_mute_photos_are_told(tmp_path):
    labels = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0]])
    notes = run(tmp_path, PAIRS.replace(batch=3, epochs=1), blank(labels)).notes
    assert notes[0].startswith("Sphalerite: on no photo here")
    assert notes[1].startswith("1 of 3 photos name no class")


def test_a_batch_larger_than_the_photos_is_told(tmp_path):
    tuned = run(tmp_path, PAIRS.replace(batch=40, epochs=2))
    assert tuned.notes[1] == "a batch is 40 pictures, but there are 17; each step sees all of them"
    assert tuned.curve[-1]["step"] == 2


def test_a_class_named_twice_is_refused():
    with pytest.raises(ValueError, match="the classes name Gold more than once"):
        Examples(("Gold", "Gold"), ("a",), np.ones((1, 2), np.float32), lambda k: None)


def test_a_folder_that_cannot_be_written_is_refused_before_the_first_step(tmp_path, monkeypatch):
    monkeypatch.setattr(Course, "_step", lambda self: pytest.fail("a step was taken"))
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        with pytest.raises(ValueError, match="nothing can be written to the folder .*file.*`out`"):
            run(out, PAIRS)


@pytest.mark.parametrize("kind", ["torch's writer", "the system", "the adapter"])
def test_a_full_disk_keeps_the_last_checkpoint(tmp_path, monkeypatch, kind):
    error = {
        "torch's writer": RuntimeError(
            "[enforce fail at inline_container.cc:671] . unexpected pos"
        ),
        "the system": OSError(28, "No space left on device"),
        "the adapter": SafetensorError("I/O error: No space left on device (os error 28)"),
    }[kind]
    whole = run(tmp_path / "whole", PAIRS)
    run(tmp_path / "cut", PAIRS, watch=stop_at(3), watch_every=1)
    kept = {path.name: path.read_bytes() for path in (tmp_path / "cut").iterdir()}

    def full(state, path, **_):
        Path(path).write_bytes(b"half")
        raise error

    with monkeypatch.context() as patch:
        adapter = kind == "the adapter"
        patch.setattr(*(adapter_file, "save_file") if adapter else (torch, "save"), full)
        with pytest.raises(OSError, match="could not be written.*Make room.*then goes on"):
            run(tmp_path / "cut", PAIRS)
    there = {path.name: path.read_bytes() for path in (tmp_path / "cut").iterdir()}
    same = ["adapter.safetensors"] if adapter else [*kept]
    assert there.keys() == kept.keys() and all(there[name] == kept[name] for name in same)
    assert same_bits(learnt(run(tmp_path / "cut", PAIRS).clip), learnt(whole.clip))


def stop_at(wanted: int):
    def watch(step, clip, curve):
        if step == wanted:
            raise KeyboardInterrupt

    return watch


def test_what_a_killed_course_left_half_written_is_removed(tmp_path):
    names = (".last.0a1b2c3d.part.pt", ".adapter.ffff0000.part.safetensors")
    kept = {".other.0a1b2c3d.part.pt": "not ours", ".last.12345678.part.pt": "just being written"}
    for name in (*names, *kept):
        (tmp_path / name).write_bytes(b"half")
    for name in (*names, ".other.0a1b2c3d.part.pt"):
        os.utime(tmp_path / name, (0, time.time() - 3600))
    run(tmp_path, PAIRS.replace(epochs=1))
    found = {path.name for path in tmp_path.iterdir()}
    assert found == {"last.pt", "curve.jsonl", "adapter.safetensors", *kept}


def test_labels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"labels of that shape, but they are \(2, 3\)"):
        Examples(NAMES, ("a", "b", "c"), np.zeros((2, 3), np.float32), lambda k: None)


def test_masks_without_any_class_are_refused(tmp_path):
    some = examples()
    nothing = Examples(
        *(some.names, some.texts, some.labels, some.picture),
        lambda k: np.full((40, 48), 255, np.uint8),
    )
    with pytest.raises(ValueError, match="hold none of the classes Pyrite"):
        run(tmp_path, MASKS, nothing)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_needs_a_gpu(tmp_path, precision):
    with pytest.raises(ValueError, match="needs a CUDA device, this runs on cpu"):
        run(tmp_path, PAIRS.replace(precision=precision))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_learns_the_same(whole, tmp_path, monkeypatch, precision):
    """On a CPU, where it is only slow."""
    monkeypatch.setattr(course_module, "_check_precision", lambda *_: None)
    half = run(tmp_path, MASKS.replace(precision=precision))
    assert half.curve[-1]["loss"] == pytest.approx(whole.curve[-1]["loss"], rel=0.02)
    assert half.clip.visual.transformer.resblocks[0].mlp.c_fc.weight.dtype == torch.float32


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
def test_half_precision_leaves_out_a_step_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(course_module, "_check_precision", lambda *_: None)
    teach, scales = Teacher.teach, []

    def large(self, batch, rng):
        losses = teach(self, batch, rng)
        scales.append(self.scaler.get_scale())
        if len(scales) == 1:
            self.learning[3].grad.fill_(math.inf)
        return losses

    monkeypatch.setattr(Teacher, "teach", large)
    tuned = run(tmp_path, PAIRS.replace(precision="float16"))
    assert scales[1] == scales[0] / 2 and tuned.finished
    assert all(part.isfinite().all() for part in learnt(tuned.clip).values())


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory: you tried"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError("Unable to allocate 512. TiB"),
    ],
)
def test_too_little_memory_names_the_settings(tmp_path, monkeypatch, error):
    def full(self, batch, rng):
        raise error

    monkeypatch.setattr(Teacher, "teach", full)
    with pytest.raises(RuntimeError, match=r"lower `micro` \(now all 5\), set forget=True"):
        run(tmp_path, PAIRS)


def test_other_errors_of_a_step_are_left_alone(tmp_path, monkeypatch):
    def wrong(self, batch, rng):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(Teacher, "teach", wrong)
    with pytest.raises(RuntimeError, match="^shapes do not fit$"):
        run(tmp_path, PAIRS)


def test_a_side_that_patches_do_not_fill_is_refused(tmp_path):
    with pytest.raises(ValueError, match="side is 40 px.*patches of 16 px; write 32 or 48"):
        run(tmp_path, PAIRS.replace(side=40))


# ---- sources -----------------------------------------------------------------------------------
def test_some_and_joined_keep_photos_with_their_texts():
    some = examples()
    few = some.some([5, 2])
    assert few.texts == (some.texts[5], some.texts[2]) and few.name_of(1) == "photo_2.jpg"
    assert np.array_equal(few.picture(0), some.picture(5))
    assert np.array_equal(few.truth(1), some.truth(2))
    photos = Examples(NAMES, some.texts[:3], some.labels[:3], some.picture, note="photos")
    both = joined([few, photos])
    assert len(both) == 5 and both.note == "squares; photos" and both.name_of(3) == "photo 1"
    assert np.array_equal(both.picture(4), some.picture(2))
    assert (both.truth(2) == 255).all() and both.truth(2).shape == (40, 48)
    assert np.array_equal(both.truth(0), some.truth(5))
    assert joined([photos, photos]).truth is None
    with pytest.raises(ValueError, match="different classes"):
        joined([few, Examples(("Gold",), ("a",), np.ones((1, 1), np.float32), some.picture)])


def test_photos_without_masks_teach_no_ground(tmp_path):
    """In a batch of both kinds, only what a mask calls ground is ground."""
    some = examples()
    photos = Examples(NAMES, some.texts, some.labels, some.picture)
    both = joined([some.some([0]), photos.some([1, 2])])
    course = Course(load_profile(PROFILE), both, MASKS.replace(batch=3), tmp_path, CPU)
    shares, own = course.reader.batch(0).shares, course.reader.numbers(0)
    course.reader.close()
    known = shares.sum((1, 2))
    assert known[own == 0] > 0 and not known[own != 0].any()
