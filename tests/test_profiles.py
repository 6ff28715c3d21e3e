"""Profiles and presets: shipped values, the user's own files, and what is wrong in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mineral_utils.profiles import ModelSpec, Preset, Profile, load_preset, load_profile

from .reference import SMALL

OWN = """
clip: {architecture: ViT-B-16, weights: my-clip.pt}
dino: {architecture: vit_base_patch8_224.dino}
sam: {architecture: vit_l, seed: 7}
"""


def _file(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# ---- presets -----------------------------------------------------------------------------------
def test_the_defaults_are_the_originals_constructor():
    preset = Preset()
    assert (preset.crop, preset.stride) == (336, 112)
    assert (preset.long_side, preset.short_side) == (None, None)
    assert (preset.beta, preset.gamma, preset.affinity_cap) == (1.2, 3.0, None)
    assert (preset.cos_fac, preset.refine_neg_cos) == (1.2, True)
    assert (preset.logit_scale, preset.prob_thd) == (40, 0)
    assert (preset.coarse_thresh, preset.minimal_area) == (0.10, 225)
    assert (preset.sam_iou_thresh, preset.sam_mask_coff) == (0.9, 0.005)
    assert not preset.batched_mask_prompt


@pytest.mark.parametrize(
    "name, differs",
    [
        ("w224", {"crop": 224, "stride": 112}),
        (
            "bench336",
            {
                "crop": 336,
                "stride": 224,
                "short_side": 448,
                "long_side": 2048,
                "coarse_thresh": 0.2,
                "sam_iou_thresh": 0.8,
            },
        ),
        ("script336", {"crop": 336, "stride": 112, "coarse_thresh": 0.2}),
    ],
)
def test_shipped_presets(name, differs):
    assert load_preset(name) == Preset(name=name, **differs)


def test_single_parameters_can_be_changed_and_the_preset_stays():
    preset = load_preset("w224", prob_thd=0.3)
    assert (preset.crop, preset.prob_thd) == (224, 0.3)
    assert load_preset("w224").prob_thd == 0
    assert load_preset(preset) is preset
    assert load_preset(preset, beta=1.0).beta == 1.0 and preset.beta == 1.2


def test_an_unknown_preset_is_answered_with_all():
    with pytest.raises(ValueError, match="no preset 'w225'; there are bench336, script336, w224"):
        load_preset("w225")


@pytest.mark.parametrize(
    "wrong, near", [("cosfac", "cos_fac"), ("prob_threshold", "prob_thd"), ("strid", "stride")]
)
def test_an_unknown_parameter_is_answered_with_the_nearest(wrong, near):
    with pytest.raises(ValueError, match=f"preset 'w224' has no '{wrong}'; did you mean .*{near}"):
        load_preset("w224", **{wrong: 1})


@pytest.mark.parametrize(
    "crop, stride", [(0, 1), (-16, 16), (336, 0), (336, -112), (224, 225)], ids=str
)
def test_windows_that_leave_gaps_are_refused(crop, stride):
    with pytest.raises(
        ValueError, match=f"{crop} px every {stride} px do not cover a photo; write"
    ):
        Preset(crop=crop, stride=stride)
    with pytest.raises(ValueError, match="do not cover"):
        load_preset("script336", crop=crop, stride=stride)


def test_the_mean_runs_over_the_photo_or_the_window():
    with pytest.raises(ValueError, match="similarity_mean is 'image'; write 'auto', 'photo' or"):
        Preset(similarity_mean="image")


# ---- profiles ----------------------------------------------------------------------------------
def test_the_shipped_profiles():
    paper = load_profile("paper")
    assert paper.clip == ModelSpec("ViT-B-16", "clip-vit-b-16-laion400m_e32")
    assert paper.dino == ModelSpec("vit_base_patch16_224.dino", "dino-vit-b-16")
    assert paper.sam == ModelSpec("vit_b", "sam-vit-b")
    assert paper.preset == load_preset("script336")
    demo = load_profile()
    assert demo.name == "demo" and isinstance(demo.clip.architecture, dict)
    assert load_profile(demo) is demo


def test_a_profile_of_ones_own(tmp_path):
    profile = load_profile(_file(tmp_path, OWN))
    assert profile == Profile(
        name="mine",
        clip=ModelSpec("ViT-B-16", "my-clip.pt"),
        dino=ModelSpec("vit_base_patch8_224.dino"),
        sam=ModelSpec("vit_l", seed=7),
    )
    named = load_profile(_file(tmp_path, OWN + "name: lab\nnote: ours\npreset: w224\n"))
    assert (named.name, named.note, named.preset) == ("lab", "ours", load_preset("w224"))
    assert load_profile(str(tmp_path / "mine.yaml")) == named


def test_a_profile_says_how_the_background_is_asked_for(tmp_path):
    assert load_profile().background == ("quartz", "calcite", "dolomite", "resin")
    own = load_profile(_file(tmp_path, OWN + "background: [epoxy, silicate]\n"))
    assert own.background == ("epoxy", "silicate")
    for wrong in ("epoxy", "[]", "[1]"):
        with pytest.raises(ValueError, match="write a list of words, such as"):
            load_profile(_file(tmp_path, OWN + f"background: {wrong}\n"))


def test_a_profile_may_change_parameters_of_a_preset(tmp_path):
    changed = OWN + "preset: {name: bench336, prob_thd: 0.25}\n"
    preset = load_profile(_file(tmp_path, changed)).preset
    assert preset == load_preset("bench336", prob_thd=0.25)
    free = load_profile(_file(tmp_path, OWN + "preset: {stride: 56}\n")).preset
    assert free == load_preset("script336", stride=56)
    assert load_profile(SMALL).preset.crop == 112


@pytest.mark.parametrize(
    "text, words",
    [
        ("clip: {architecture: a}\nsam: {architecture: b}\n", "mine.yaml names no dino; all three"),
        ("note: nothing\n", "names no clip and no dino and no sam; all three are needed"),
        (OWN + "presets: w224\n", "profile mine.yaml has no 'presets'; did you mean preset"),
        (
            OWN.replace("seed", "seeed"),
            "profile mine.yaml, sam has no 'seeed'; did you mean seed",
        ),
        (
            OWN.replace("_patch8_224.dino", "_patch8_224.dino, tracer: miniature:tracer"),
            "mine.yaml, dino: only sam takes a key 'tracer'; move it there",
        ),
        (
            OWN.replace("seed: 7", "adapter: mine.safetensors"),
            "mine.yaml, sam: only clip takes a key 'adapter'",
        ),
        (OWN + "preset: w336\n", "no preset 'w336'; there are"),
        (OWN + "preset: {crop: 112, stride: 336}\n", "do not cover a photo"),
        ("- clip\n- dino\n", "profile mine.yaml holds no table of keys; see"),
        ("", "profile mine.yaml holds no table of keys; see"),
    ],
)
def test_what_is_wrong_in_a_profile_is_said(tmp_path, text, words):
    with pytest.raises(ValueError, match=words):
        load_profile(_file(tmp_path, text))


def test_a_missing_profile_is_answered_with_the_shipped_ones(tmp_path):
    with pytest.raises(ValueError, match="no profile 'papr'; shipped are demo, paper, your own"):
        load_profile("papr")
    with pytest.raises(ValueError, match=r"no profile '.*lab.yaml'; shipped are demo, paper"):
        load_profile(tmp_path / "lab.yaml")


@pytest.mark.parametrize(
    "text",
    [
        OWN.replace("{architecture: vit_l, seed: 7}", "{weights: sam-vit-l}"),
        OWN + "preset: 3\n",
        "clip: {architecture: [unclosed\n",
    ],
    ids=["no architecture", "a number for a preset", "no YAML"],
)
def test_malformed_profiles_are_refused_in_one_sentence(tmp_path, text):
    with pytest.raises(ValueError, match="mine.yaml") as error:
        load_profile(_file(tmp_path, text))
    assert len(str(error.value)) < 400
