"""Teaching the small CLIP what whole pictures are about, while all that Trident reads stays."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mineral_utils.miniature import __main__ as command
from mineral_utils.miniature import clip_measure, clip_model, store, whole
from mineral_utils.miniature.things import COLOURS, SURFACES
from tests.test_clip_small import TINY

OPTIONS = {"pictures": 12, "epochs": 2, "seed": 2, "architecture": TINY, "device": "cpu"}
OPTIONS |= {"progress": False}


@pytest.fixture(scope="module")
def start():
    """An untrained model, as if it were the shipped one."""
    return clip_model.build(5, TINY).eval()


@pytest.fixture
def short(monkeypatch, start):
    """Few pictures, small batches, names read once in place of eighty times."""
    monkeypatch.setattr(whole, "shipped_state", lambda kind: start.state_dict())
    for name, value in {"BATCH": 6, "PART": 8, "ROW": 4, "_REPORT": 1, "_SAVE": 0.0}.items():
        monkeypatch.setattr(whole, name, value)
    monkeypatch.setattr(whole, "TEMPLATES", ("{}",))


def pictures(number: int, main: int = 0) -> whole.Pictures:
    """The same picture under several captions."""
    rng = np.random.default_rng(0)
    return whole.Pictures(
        rng.normal(size=(1, 5, 64)).astype(np.float16).repeat(number, 0),
        np.array([f"picture {k}" for k in range(number)]),
        np.eye(number, 16, dtype=np.float32),
        np.full((number, 2), main),
    )


def test_only_what_the_class_token_passes_through_learns(short, start, tmp_path):
    taught = whole.train(tmp_path, **OPTIONS)
    pixels = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        (was, dense), (now, after) = (clip_model.look(m.eval(), pixels) for m in (start, taught))
    assert torch.equal(dense, after) and not torch.allclose(was, now, atol=1e-4)
    pairs = zip(start.state_dict().items(), taught.state_dict().values(), strict=True)
    changed = {name for (name, one), other in pairs if not torch.equal(one, other)}
    block = "visual.transformer.resblocks.1."
    assert changed and all(name.startswith(block) for name in changed)
    assert {name.removeprefix(block).split(".")[0] for name in changed} == {"attn", "ln_2", "mlp"}
    attention = [m.visual.transformer.resblocks[-1].attn for m in (start, taught)]
    for name in ("in_proj_weight", "in_proj_bias"):
        one, other = (getattr(a, name) for a in attention)
        assert torch.equal(one[128:], other[128:]) and not torch.equal(one[:128], other[:128])
    assert torch.equal(*(a.out_proj.weight for a in attention))


def test_a_stopped_course_goes_on_as_if_it_had_not_been(short, tmp_path, monkeypatch):
    straight = whole.train(tmp_path / "straight", **OPTIONS)
    asked, real = [], whole.losses

    def stopping(*args):
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(whole, "losses", stopping)
    with pytest.raises(KeyboardInterrupt):
        whole.train(tmp_path / "stopped", **OPTIONS)
    drawn = {path: path.stat().st_mtime_ns for path in (tmp_path / "stopped").glob("*/*.npz")}
    resumed = whole.train(tmp_path / "stopped", **OPTIONS)
    assert len(drawn) == 2 and all(path.stat().st_mtime_ns == then for path, then in drawn.items())
    pairs = zip(straight.state_dict().values(), resumed.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    lines = (tmp_path / "stopped" / "curve.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="choose another folder"):
        whole.train(tmp_path / "stopped", **{**OPTIONS, "epochs": 3})


def test_pictures_are_fresh_and_mostly_about_one_thing(start, short, tmp_path):
    seen = whole.drawn_pictures(tmp_path, start, 12, 0, progress=False)
    assert seen.tokens.shape == (12, 197, 64) and seen.tokens.dtype == np.float16
    assert len(set(seen.captions)) == 12 and seen.sentences.shape == (12, 16)
    about = [number for number in range(12) if whole.SCENES[number % 4] is not None]
    assert (seen.main[about] >= 0).all() and (seen.main[:, 1] < len(SURFACES)).all()
    again = whole.drawn_pictures(tmp_path, start, 5, 0, progress=False)
    assert np.array_equal(again.tokens, seen.tokens[:5]), "files are read, not drawn again"
    other = whole.drawn_pictures(tmp_path / "other", start, 4, 1, progress=False)
    assert not np.array_equal(other.tokens, seen.tokens[:4])


def test_every_epoch_shows_each_picture_once(start, tmp_path, short):
    made = {"seed": 0, "pictures": 20, "epochs": 3}
    course = whole._Course(clip_model.build(5, TINY), made, tmp_path)
    assert course.steps == 10
    shown = []
    for course.step in range(10):
        shown += course.batch().tolist()
    epochs = [shown[k : k + 20] for k in (0, 20, 40)]
    assert all(sorted(epoch) == list(range(20)) for epoch in epochs) and epochs[0] != epochs[1]


def test_right_words_cost_less_and_pictures_about_nothing_have_none(start):
    torch.manual_seed(0)
    counts = len(COLOURS), len(SURFACES), len(COLOURS) * len(SURFACES)
    words = whole.Words(*(F.normalize(torch.randn(n, 16), dim=-1) for n in counts))
    seen = pictures(4)
    with torch.no_grad():
        image = F.normalize(
            whole.class_feature(start.visual, torch.from_numpy(seen.tokens).float()), dim=-1
        )
        words.colours[0] = words.both[0] = image[0]
        right, wrong = (whole.losses(start, words, given) for given in (seen, pictures(4, main=1)))
        none = whole.losses(start, words, pictures(4, main=-1))
    assert right["colour"] < wrong["colour"] and right["both"] < wrong["both"]
    assert right["right_colour"] == 1 and wrong["right_colour"] == 0
    assert none["colour"] == none["both"] == 0 and none["sentence"] == right["sentence"] > 0


def test_the_command_writes_a_card_that_says_what_came_before(monkeypatch, tmp_path, capsys):
    calls = []
    monkeypatch.setattr(whole, "train", lambda out, **given: calls.append((out, given)) or "model")
    monkeypatch.setattr(
        clip_measure, "export", lambda model, out, **given: calls.append((model, given)) or "there"
    )
    numbers = tmp_path / "numbers.json"
    numbers.write_text('{"mineral_naming": 0.01}', encoding="utf-8")
    line = ["whole", "--out", str(tmp_path), "--pictures", "9", "--export"]
    assert command.main([*line, "--numbers", str(numbers)]) == 0
    assert calls[0][1]["pictures"] == 9 and calls[0][1]["resume"]
    assert calls[1] == ("model", {"numbers": {"mineral_naming": 0.01}, "whole": True})
    assert "written: there" in capsys.readouterr().out
    recipe = store.read_card("clip")["recipe"]
    assert "Dense features did not change" in recipe
