"""The text tower against open_clip's own, and its memory on disk."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mineral_utils.encoders import TEMPLATES, ClipText, build_clip
from mineral_utils.profiles import ModelSpec, load_profile

from .reference import SMALL, one_thread  # noqa: F401


@pytest.fixture(scope="module")
def clip() -> tuple[nn.Module, object]:
    model, tokenizer = build_clip(load_profile(SMALL).clip)
    return model.eval(), tokenizer


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


class Counted(ClipText):
    """Counts the texts that go through the tower."""

    texts = 0

    def encode(self, texts):
        self.texts += len(texts)
        return super().encode(texts)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


# ---- the tower ---------------------------------------------------------------------------------
def test_features_are_open_clips_whatever_the_length(clip):
    model, tokenizer = clip
    texts = [
        "",
        "pyrite",
        "galena",  # as long as pyrite, or not: groups of one and of several
        "a photo of the chalcopyrite.",
        "Minerals on this photo: sphalerite, tetrahedrite, arsenopyrite, covellite, quartz.",
        "very " * 200 + "long",  # cut at 77 tokens
    ]
    tokens = tokenizer(texts)
    assert tokens.shape == (6, 77)
    assert tokens[-1, -1] == tokens.max(), "the long one is cut, its end-of-text token kept"
    assert len(set(tokens.argmax(-1).tolist())) >= 4
    with torch.inference_mode():
        expected = model.encode_text(tokens)
    found = ClipText(model, tokenizer, remember=False).encode(texts)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)
    assert (found[1] - found[2]).abs().max() > 1e-3


def test_templates_are_averaged_as_unit_vectors(clip):
    model, tokenizer = clip
    forms = ("a photo of {}.", "{} under the microscope", "{}")
    with torch.inference_mode():
        each = model.encode_text(tokenizer([form.format("pyrite") for form in forms]))
    expected = F.normalize(F.normalize(each, dim=-1).mean(0), dim=-1)
    text = ClipText(model, tokenizer, remember=False)
    found = text.embed(["galena", "pyrite"], forms)
    assert found.shape == (2, 16) and found.dtype == torch.float32
    torch.testing.assert_close(found[1], expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(found.norm(dim=-1), torch.ones(2))
    plain = F.normalize(each[2], dim=-1)
    torch.testing.assert_close(text.embed(["pyrite"], "plain")[0], plain, atol=1e-5, rtol=0)


def test_the_shipped_template_sets():
    assert len(TEMPLATES["imagenet80"]) == 80
    assert "a bad photo of a {}." in TEMPLATES["imagenet80"]
    assert TEMPLATES["mineral"] == ("Minerals on this photo: {}.",)
    assert all(form.count("{}") == 1 for forms in TEMPLATES.values() for form in forms)


def test_wrong_templates_are_named(clip):
    text = ClipText(*clip, remember=False)
    with pytest.raises(ValueError, match="no template set 'imagenet'; there are imagenet80, plain"):
        text.embed(["pyrite"], "imagenet")
    with pytest.raises(ValueError, match="'a photo' has no {} where the name goes"):
        text.embed(["pyrite"], ["a photo of {}", "a photo"])


def test_towers_of_another_form_are_refused(clip):
    model, tokenizer = clip

    class Foreign(nn.Module):
        transformer = token_embedding = ln_final = nn.Identity()

    with pytest.raises(ValueError, match="Foreign has no text tower of CLIP's own form; choose"):
        ClipText(Foreign(), tokenizer)


# ---- memory ------------------------------------------------------------------------------------
def test_a_word_goes_through_the_tower_once_even_after_a_restart(clip, folder):
    first = Counted(*clip)
    made = first.embed(["pyrite", "galena", "pyrite"], "plain")
    assert first.texts == 2 and torch.equal(made[0], made[2])
    assert len(_files(folder)) == 2 and all(path.suffix == ".npy" for path in _files(folder))
    first.embed(["galena"], "plain")
    assert first.texts == 2
    second = Counted(*clip)
    assert torch.equal(second.embed(["galena", "pyrite"], "plain"), made[[1, 0]])
    assert second.texts == 0
    second.embed(["galena"], "mineral")
    assert second.texts == 1, "other templates are another question"


def test_words_and_templates_cannot_be_taken_for_one_another(clip, folder):
    text = Counted(*clip)
    one = text.embed(["x"], ["{} a", "{} b"])
    other = text.embed(["x"], ["{} b", "{} a c"])
    assert len(_files(folder)) == 2 and not torch.allclose(one, other)


@pytest.mark.parametrize("left", [0, 5, 100, -1])
def test_a_torn_file_is_made_anew(clip, folder, left):
    made = Counted(*clip).embed(["pyrite"], "plain")
    (path,) = _files(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:left])
    again = Counted(*clip)
    assert torch.equal(again.embed(["pyrite"], "plain"), made) and again.texts == 1
    assert path.read_bytes() == whole and _files(folder) == [path]


def test_another_tower_has_another_folder(clip, folder):
    model, tokenizer = clip
    one = ClipText(model, tokenizer)
    changed = copy.deepcopy(model)
    with torch.no_grad():
        changed.text_projection[0, 0] += 1e-3
    other = Counted(changed, tokenizer)
    assert one.hash != other.hash
    one.embed(["pyrite"], "plain")
    other.embed(["pyrite"], "plain")
    assert other.texts == 1
    assert len({path.parent for path in _files(folder)}) == 2
    assert ClipText(copy.deepcopy(model), tokenizer).hash == one.hash


def test_the_same_weights_under_another_activation_have_another_folder(clip):
    """QuickGELU and GELU have no weights of their own."""
    model, tokenizer = clip
    other, _ = build_clip(ModelSpec({**load_profile(SMALL).clip.architecture, "quick_gelu": True}))
    other.load_state_dict(model.state_dict())
    one, two = (ClipText(m, tokenizer, remember=False) for m in (model, other))
    assert not torch.allclose(one.embed(["pyrite"]), two.embed(["pyrite"]), atol=1e-3)
    assert one.hash != two.hash


def test_a_cache_that_cannot_be_written_stops_nobody(clip, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path / "file" / "cache"))
    text = Counted(*clip)
    expected = ClipText(*clip, remember=False).embed(["pyrite"], "plain")
    assert torch.equal(text.embed(["pyrite"], "plain"), expected)
    assert not text.remember and (tmp_path / "file").read_text() == "in the way"


def test_a_full_disk_leaves_no_half_written_file(clip, folder, monkeypatch):
    def no_space(file, array, allow_pickle):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", no_space)
    text = Counted(*clip)
    assert text.embed(["pyrite"], "plain").isfinite().all()
    assert _files(folder) == []


def test_nothing_is_kept_where_weights_are_random(clip, folder):
    text = ClipText(*clip, remember=False)
    text.embed(["pyrite"], "plain")
    assert not folder.exists()
