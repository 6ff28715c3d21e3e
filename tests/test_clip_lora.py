"""LoRA on CLIP: explicit attention, adapters, merging and files against the formula by hand."""

from __future__ import annotations

import copy
import dataclasses
import json

import open_clip
import pytest
import torch
import torch.nn.functional as F
from open_clip.model import CustomTextCLIP
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from mineral_utils.checkpoint import WeightError, load_state
from mineral_utils.clip_lora import (
    ExplicitAttention,
    about_adapter,
    add_lora,
    load_adapter,
    lora_layers,
    make_explicit,
    merged_state_dict,
    rank_for,
    save_adapter,
    trainable_parameters,
)
from mineral_utils.clip_lora.adapters import base_hash, digest
from mineral_utils.encoders import ClipText, ClipVisual, build_clip
from mineral_utils.profiles import ModelSpec, load_profile
from mineral_utils.segmenter import load_model
from mineral_utils.weights import registry

from .checkpoints import small_clip
from .reference import SMALL, one_thread, small_picture  # noqa: F401

ABOUT = {"base": "small CLIP", "classes": ["pyrite", "galena"], "prompts": "imagenet80"}
OFFICIAL = sorted({row.architecture for row in registry().values() if row.model == "clip"})


def _reduced(name: str, **vision: object) -> open_clip.CLIP:
    """An official CLIP with the parts that it has, at small width and depth."""
    config = copy.deepcopy(open_clip.get_model_config(name))
    head = config["vision_cfg"].get("head_width", 64)
    config["vision_cfg"] |= {"width": 2 * head, "layers": 3, "image_size": 56, **vision}
    config["vision_cfg"]["patch_size"] = min(config["vision_cfg"]["patch_size"], 28)
    config["text_cfg"] |= {"width": 64, "heads": 2, "layers": 2, "vocab_size": 99}
    torch.manual_seed(0)
    keys = ("embed_dim", "vision_cfg", "text_cfg", "quick_gelu")
    return open_clip.CLIP(**{key: config[key] for key in keys if key in config}).eval()


@torch.no_grad()
def _features(clip: nn.Module, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Features of two noise pictures and of two texts that end at different tokens."""
    generator = torch.Generator().manual_seed(seed)
    size = clip.visual.image_size
    pictures = torch.randn(2, 3, *size, generator=generator)
    texts = torch.randint(1, 90, (2, clip.context_length), generator=generator)
    texts[0, 5], texts[1, -1] = 98, 98
    return clip.encode_image(pictures), clip.encode_text(texts)


def _gap(a: nn.Module, b: nn.Module) -> float:
    pairs = zip(_features(a), _features(b), strict=True)
    return max(float((x - y).abs().max() / x.abs().max()) for x, y in pairs)


def _trained(clip: nn.Module, seed: int = 0, **settings: object) -> nn.Module:
    """Adapters as if they had learnt: A and B of numbers that are felt."""
    add_lora(clip, **settings)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in trainable_parameters(clip).values():
            parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
    return clip


# ---- explicit attention ------------------------------------------------------------------------
def _attentions(**options: object) -> tuple[nn.MultiheadAttention, ExplicitAttention]:
    torch.manual_seed(0)
    original = nn.MultiheadAttention(48, 3, **options).eval()
    for parameter in original.parameters():  # torch starts all biases at zero
        nn.init.normal_(parameter, std=0.2)
    return original, ExplicitAttention(original)


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("mask", ["none", "causal", "bool", "per head"])
def test_attention_written_out_equals_the_original(batch_first, bias, mask):
    original, explicit = _attentions(batch_first=batch_first, bias=bias)
    tokens = torch.randn(2, 7, 48) if batch_first else torch.randn(7, 2, 48)
    causal = torch.ones(7, 7, dtype=torch.bool).triu(1)
    masks = {
        "none": None,
        "causal": torch.zeros(7, 7).masked_fill(causal, float("-inf")),
        "bool": causal,
        "per head": torch.randn(2 * 3, 7, 7),
    }
    call = {"need_weights": False, "attn_mask": masks[mask]}
    wanted = original(tokens, tokens, tokens, **call)[0]
    found, weights = explicit(tokens, tokens, tokens, **call)
    assert weights is None
    assert torch.allclose(found, wanted, atol=1e-5)
    assert torch.allclose(explicit(tokens, **call)[0], wanted, atol=1e-5)


def test_attention_looks_at_other_tokens_too():
    original, explicit = _attentions(batch_first=True)
    query, key, value = torch.randn(2, 3, 48), torch.randn(2, 9, 48), torch.randn(2, 9, 48)
    wanted = original(query, key, value, need_weights=False)[0]
    assert torch.allclose(explicit(query, key, value)[0], wanted, atol=1e-5)


def test_attention_that_cannot_be_written_out_is_refused():
    with pytest.raises(ValueError, match="kdim 16"):
        ExplicitAttention(nn.MultiheadAttention(48, 3, kdim=16))
    with pytest.raises(ValueError, match="bias_k"):
        ExplicitAttention(nn.MultiheadAttention(48, 3, add_bias_kv=True))
    with pytest.raises(ValueError, match="need_weights=False"):
        _attentions(batch_first=True)[1](torch.zeros(1, 2, 48), need_weights=True)


def test_writing_out_draws_nothing_and_keeps_mode_and_kind():
    original = nn.MultiheadAttention(48, 3).to(torch.bfloat16).eval().requires_grad_(False)
    before = torch.get_rng_state()
    explicit = ExplicitAttention(original)
    assert torch.equal(torch.get_rng_state(), before)
    assert not explicit.training and not explicit.q_proj.weight.requires_grad
    assert {p.dtype for p in explicit.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize("name", OFFICIAL)
def test_explicit_towers_of_official_kinds_give_the_same_features(name):
    original = _reduced(name)
    explicit = make_explicit(copy.deepcopy(original))
    kinds = {type(m) for m in explicit.modules()}
    assert ExplicitAttention in kinds and nn.MultiheadAttention not in kinds
    assert _gap(original, explicit) < 1e-5


@pytest.mark.parametrize(
    "vision",
    [
        {"ls_init_value": 0.1},
        {"no_ln_pre": True, "pool_type": "avg", "final_ln_after_pool": True},
        {"attentional_pool": True, "attn_pooler_heads": 2, "pool_type": "tok"},
        {"mlp_ratio": 2.5, "head_width": 16},
    ],
    ids=lambda options: next(iter(options)),
)
def test_explicit_towers_of_rarer_kinds_give_the_same_features(vision):
    original = _reduced("ViT-B-16", **vision)
    assert _gap(original, make_explicit(copy.deepcopy(original))) < 1e-5


def test_explicit_towers_of_full_size_give_the_same_features():
    clip = open_clip.create_model("ViT-B-16", pretrained=None).eval()
    before = _features(clip)
    make_explicit(clip)
    for a, b in zip(before, _features(clip), strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_make_explicit_twice_is_once():
    clip = make_explicit(small_clip())
    first = clip.transformer.resblocks[0].attn
    assert make_explicit(clip).transformer.resblocks[0].attn is first


def _resnet() -> nn.Module:
    with torch.device("meta"):
        return open_clip.CLIP(**open_clip.get_model_config("RN50"))


def _timm_tower() -> nn.Module:
    vision = {"timm_model_name": "vit_tiny_patch16_224", "image_size": 224}
    text = {"context_length": 16, "vocab_size": 99, "width": 32, "heads": 2, "layers": 2}
    return open_clip.CLIP(32, vision, text)


def _text_apart() -> nn.Module:
    config = open_clip.get_model_config("ViT-B-32")
    with torch.device("meta"):
        return CustomTextCLIP(**config)


REFUSED = [
    (_resnet, "the image tower .* ModifiedResNet"),
    (_timm_tower, "the image tower .* TimmModel"),
    (_text_apart, "the text tower .* CustomTextCLIP"),
    (lambda: _reduced("ViT-B-16", qk_norm=True), "attend with Attention"),
    (lambda: nn.Linear(2, 2), "the image tower .* absent"),
]


@pytest.mark.parametrize(("build", "words"), REFUSED)
def test_towers_of_another_kind_are_refused_and_left_as_they_were(build, words):
    clip = build()
    kinds = [type(m) for m in clip.modules()]
    for change in (make_explicit, add_lora):
        with pytest.raises(ValueError, match=f"{words}.*choose a model such as ViT-B-16"):
            change(clip)
    assert [type(m) for m in clip.modules()] == kinds


# ---- adapters ----------------------------------------------------------------------------------
def test_new_adapters_change_nothing_and_draw_nothing():
    original = small_clip().eval()
    clip, state = copy.deepcopy(original), torch.get_rng_state()
    add_lora(clip, dropout=0.5)
    assert torch.equal(torch.get_rng_state(), state)
    assert _gap(original, clip) < 1e-5
    assert not any(m.training for m in clip.modules()), "what was evaluating still is"
    for name, tensor in merged_state_dict(clip).items():
        assert torch.equal(tensor, original.state_dict()[name]), name


def test_adapters_are_drawn_from_their_seed():
    def drawn(seed: int) -> torch.Tensor:
        clip = small_clip()
        add_lora(clip, seed=seed)
        return torch.cat([a.flatten() for a in trainable_parameters(clip).values()])

    assert torch.equal(drawn(3), drawn(3))
    assert not torch.equal(drawn(3), drawn(4))


def test_vit_b_16_at_rank_32_has_the_number_of_parameters_that_is_stated():
    with torch.device("meta"):
        clip = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16"))
    frozen = sum(p.numel() for p in clip.parameters())
    settings = add_lora(clip)
    assert (settings.rank, settings.alpha, settings.scaling) == (32, 64, 2)
    sizes = {name: p.numel() for name, p in trainable_parameters(clip).items()}
    image = sum(size for name, size in sizes.items() if name.startswith("visual."))
    # by hand: r (in + out) for q, k, v, out and both layers of the MLP, in twelve blocks
    assert image == 12 * 32 * (4 * (768 + 768) + 2 * (768 + 3072)) == 5_308_416
    assert sum(sizes.values()) - image == 12 * 32 * (4 * 1024 + 2 * 2560) == 3_538_944
    assert sum(sizes.values()) == 8_847_360
    assert sum(p.numel() for p in clip.parameters()) == frozen + 8_847_360
    assert len(lora_layers(clip)) == 2 * 12 * 6


def test_only_adapters_learn_and_the_temperature_by_request():
    clip = small_clip()
    add_lora(clip)
    assert all(".lora_" in name for name in trainable_parameters(clip))
    clip = small_clip()
    add_lora(clip, learn_temperature=True)
    others = [name for name in trainable_parameters(clip) if ".lora_" not in name]
    assert others == ["logit_scale"]


@pytest.mark.parametrize("towers", [("image",), ("text",), ("text", "image")])
@pytest.mark.parametrize("parts", [("attention",), ("mlp",), ("mlp", "attention")])
def test_adapters_stand_where_they_are_asked_for(towers, parts):
    clip = small_clip()
    settings = add_lora(clip, 2, towers=towers, parts=parts)
    assert clip.lora is settings and set(settings.towers) == set(towers)
    found = set(lora_layers(clip))
    wanted = set()
    for tower in towers:
        stem = "visual.transformer" if tower == "image" else "transformer"
        for block in range(2):
            leaves = [f"attn.{q}_proj" for q in ("q", "k", "v", "out")] * ("attention" in parts)
            leaves += ["mlp.c_fc", "mlp.c_proj"] * ("mlp" in parts)
            wanted |= {f"{stem}.resblocks.{block}.{leaf}" for leaf in leaves}
    assert found == wanted


def test_every_adapter_learns_in_the_models_own_training_step():
    clip = small_clip().train()
    add_lora(clip)
    clip.set_grad_checkpointing(True)
    parameters = trainable_parameters(clip)
    optimizer = torch.optim.AdamW(parameters.values(), lr=1e-2)
    frozen = base_hash(clip)
    for step in range(2):
        texts = torch.randint(1, 90, (3, 16))
        texts[:, -1] = 98
        image, text = (
            clip.encode_image(torch.randn(3, 3, 32, 32), True),
            clip.encode_text(texts, True),
        )
        loss = F.cross_entropy(clip.logit_scale.exp() * image @ text.T, torch.arange(3))
        optimizer.zero_grad()
        loss.backward()
        for name, parameter in parameters.items():
            # with B = 0 nothing reaches A in the first step
            moved = bool(parameter.grad.abs().max() > 0)
            assert moved == ("lora_B" in name or step > 0), (name, step)
        optimizer.step()
    assert base_hash(clip) == frozen


BAD = [
    ({"rank": 0}, "rank is 0; write a whole number from 1 to 32"),
    ({"rank": 2.5}, "rank is 2.5"),
    ({"rank": 33}, "the narrowest width"),
    ({"alpha": 0}, "alpha above 0"),
    ({"dropout": 1.0}, "dropout from 0"),
    ({"towers": ["picture"]}, "no tower 'picture'; there are image, text"),
    ({"towers": []}, "no tower was named"),
    ({"parts": ["attention", "norm"]}, "no part 'norm'; there are attention, mlp"),
]


@pytest.mark.parametrize(("settings", "words"), BAD)
def test_settings_that_make_no_sense_are_refused(settings, words):
    clip = small_clip()
    with pytest.raises(ValueError, match=words):
        add_lora(clip, **settings)
    assert not lora_layers(clip) and len(trainable_parameters(clip)) == len(list(clip.parameters()))


def test_adding_twice_is_refused():
    clip = small_clip()
    add_lora(clip, 2, towers="text")
    with pytest.raises(ValueError, match="has adapters already .*rank=2"):
        add_lora(clip, 2, towers="image")
    assert all(name.startswith("transformer") for name in lora_layers(clip))


def test_the_rank_follows_the_width():
    assert [rank_for(width) for width in (768, 512, 128, 96, 8)] == [32, 21, 5, 4, 1]
    clip = small_clip(width=96)
    assert add_lora(clip).rank == 4 and clip.lora.alpha == 8


# ---- merging -----------------------------------------------------------------------------------
def _by_hand(base: dict, adapted: nn.Module, rank: int, alpha: float) -> dict:
    """W + (alpha / r) B A laid into the fused weights of an ordinary state dict."""
    state = {name: tensor.clone() for name, tensor in base.items()}
    held = adapted.state_dict()
    for name in [name for name in held if name.endswith("lora_A.default.weight")]:
        layer = name.removesuffix(".lora_A.default.weight")
        update = alpha / rank * held[name.replace("lora_A", "lora_B")] @ held[name]
        block, _, leaf = layer.rpartition(".")
        if leaf[0] in "qkv":
            width = update.shape[1]
            rows = "qkv".index(leaf[0]) * width
            state[f"{block}.in_proj_weight"][rows : rows + width] += update
        else:
            state[f"{layer}.weight"] += update
    return state


@pytest.mark.parametrize(
    "where",
    [{}, {"towers": ["image"]}, {"towers": ["text"], "parts": ["mlp"]}, {"parts": ["attention"]}],
    ids=str,
)
def test_merged_is_adapted_is_the_formula_by_hand(where):
    base = small_clip().eval()
    adapted = _trained(copy.deepcopy(base), rank=4, alpha=6, **where)
    merged = merged_state_dict(adapted)
    hand = _by_hand(base.state_dict(), adapted, rank=4, alpha=6)
    assert merged.keys() == hand.keys()
    for name in hand:
        assert torch.allclose(merged[name], hand[name], atol=1e-6), name

    fresh = small_clip(seed=5).eval()
    fresh.load_state_dict(merged, strict=True)
    assert _gap(fresh, adapted) < 1e-5
    assert _gap(fresh, base) > 1e-2, "the update is felt"


def test_merging_leaves_the_adapted_model_alone():
    clip = _trained(small_clip().eval(), rank=2)
    before, features = copy.deepcopy(clip.state_dict()), _features(clip)
    for tensor in merged_state_dict(clip).values():
        tensor.fill_(7.0)
    assert all(torch.equal(clip.state_dict()[name], before[name]) for name in before)
    assert all(torch.equal(a, b) for a, b in zip(features, _features(clip), strict=True))


def test_layers_that_peft_merged_are_not_merged_twice():
    clip = _trained(small_clip(), rank=2)
    wanted = merged_state_dict(clip)
    for layer in lora_layers(clip).values():
        layer.merge()
    found = merged_state_dict(clip)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    with pytest.raises(ValueError, match=r"24 layers are merged.*call unmerge\(\)"):
        base_hash(clip)


def test_an_ordinary_model_merges_into_itself():
    clip = small_clip()
    state = clip.state_dict()
    for name, tensor in merged_state_dict(make_explicit(copy.deepcopy(clip))).items():
        assert torch.equal(tensor, state[name])
    assert merged_state_dict(clip).keys() == state.keys()


def test_merging_keeps_the_precision_of_the_base():
    clip = _trained(small_clip().to(torch.bfloat16))
    assert {t.dtype for t in merged_state_dict(clip).values()} == {torch.bfloat16}


# ---- what Trident sees of it -------------------------------------------------------------------
SPEC = load_profile(SMALL).clip


def _dense(clip: nn.Module) -> torch.Tensor:
    """Dense features of the small profile's CLIP, each patch attending to itself."""
    visual = ClipVisual(copy.deepcopy(clip.visual))
    values = visual.values(torch.rand(1, 3, 96, 128, generator=torch.Generator().manual_seed(1)))
    return visual.embed(visual.project_out(values))


def test_dense_features_are_those_of_weights_set_by_hand():
    base, _ = build_clip(SPEC)
    adapted = _trained(copy.deepcopy(base), rank=3, alpha=5)
    merged, hand = copy.deepcopy(base), copy.deepcopy(base)
    merged.load_state_dict(merged_state_dict(adapted))
    hand.load_state_dict(_by_hand(base.state_dict(), adapted, rank=3, alpha=5))
    largest = _dense(base).abs().max()
    assert (_dense(merged) - _dense(base)).abs().max() > 0.05 * largest
    assert (_dense(merged) - _dense(hand)).abs().max() < 1e-5 * largest
    assert (_dense(merged) - _dense(adapted)).abs().max() < 1e-5 * largest


def test_the_last_blocks_value_and_output_adapters_are_felt_and_its_others_are_not():
    base, _ = build_clip(SPEC)
    before = _dense(base)
    add_lora(base, 3)
    last = f"visual.transformer.resblocks.{len(base.visual.transformer.resblocks) - 1}."
    for leaf, felt in {"v_proj": True, "out_proj": True, "q_proj": False, "k_proj": False}.items():
        layer = lora_layers(base)[f"{last}attn.{leaf}"]
        nn.init.normal_(layer.lora_B["default"].weight, std=0.1)
        assert bool((_dense(base) - before).abs().max() > 1e-3) == felt, leaf
        nn.init.zeros_(layer.lora_B["default"].weight)


def test_names_are_read_alike_by_the_adapted_and_the_merged_model():
    base, tokenizer = build_clip(SPEC)
    adapted = _trained(copy.deepcopy(base), rank=3)
    merged = copy.deepcopy(base)
    merged.load_state_dict(merged_state_dict(adapted))
    towers = [ClipText(clip, tokenizer, remember=False) for clip in (base, adapted, merged)]
    first, second, third = (tower.embed(["pyrite", "galena"], "plain") for tower in towers)
    assert torch.allclose(second, third, atol=1e-5)
    assert (first - second).abs().max() > 1e-2
    assert len({tower.hash for tower in towers}) == 3, "nothing remembered is taken for another's"


def test_trident_loads_the_merged_weights_as_any_checkpoint(tmp_path):
    base, _ = build_clip(SPEC)
    adapted = _trained(copy.deepcopy(base), rank=3)
    path = tmp_path / "tuned.safetensors"
    save_file(merged_state_dict(adapted), path)
    profile = load_profile(SMALL)
    tuned = load_model(
        dataclasses.replace(profile, clip=ModelSpec(SPEC.architecture, str(path))), device="cpu"
    )
    pixels = torch.rand(1, 3, 64, 64)
    wanted = ClipVisual(adapted.visual).values(pixels)
    assert torch.allclose(tuned.encoders.clip.values(pixels), wanted, atol=1e-5)
    labels = tuned.encode(small_picture(), progress=False).segment(["pyrite", "galena"]).labels
    assert labels.shape == small_picture().shape[:2]


# ---- files -------------------------------------------------------------------------------------
@pytest.fixture
def saved(tmp_path):
    """An adapter's file and the model that it came from."""
    clip = _trained(small_clip().eval(), rank=3, alpha=4, learn_temperature=True)
    path = tmp_path / "ore.safetensors"
    save_adapter(path, clip, about={**ABOUT, "recipe": "one-hot"})
    return path, clip


def test_an_adapter_comes_back_as_it_was(saved):
    path, clip = saved
    fresh = small_clip().eval()
    about = load_adapter(path, fresh)
    assert all(torch.equal(a, b) for a, b in zip(_features(clip), _features(fresh), strict=True))
    assert fresh.lora == clip.lora and fresh.logit_scale == clip.logit_scale
    assert about == about_adapter(path)
    assert list(path.parent.iterdir()) == [path], "nothing is left beside it"


def test_the_file_is_small_and_says_everything_needed(saved):
    path, clip = saved
    about = about_adapter(path)
    assert {key: about[key] for key in ABOUT} == ABOUT and about["recipe"] == "one-hot"
    lora = {"rank": 3, "alpha": 4, "dropout": 0.0, "towers": ["image", "text"]}
    assert about["lora"].items() >= lora.items()
    assert about["lora"]["base_sha256"] == base_hash(small_clip())
    assert about["activation"] == "GELU"
    assert about["base_model"].startswith("CLIP ViT/16 (2 blocks, width 64")
    assert about["temperature"] == pytest.approx(float(1 / clip.logit_scale.detach().exp()))
    assert about["versions"]["peft"] and about["versions"]["open_clip_torch"]
    with safe_open(path, framework="pt") as file:
        assert {name.rpartition(".")[2] for name in file.keys()} == {"A", "B", "logit_scale"}
    numbers = sum(p.numel() for p in trainable_parameters(clip).values())
    assert path.stat().st_size < 4 * numbers + 20_000


def test_training_goes_on_from_a_file(saved):
    path, clip = saved
    again = small_clip().eval()
    add_lora(again, 3, 4, learn_temperature=True)
    load_adapter(path, again)
    assert _gap(clip, again) == 0
    assert trainable_parameters(again).keys() == trainable_parameters(clip).keys()


def test_a_base_of_other_numbers_or_size_is_refused(saved):
    path, _ = saved
    with pytest.raises(WeightError, match="trained on small CLIP.*build that model") as caught:
        load_adapter(path, small_clip(seed=1))
    assert base_hash(small_clip())[:12] in str(caught.value)
    assert base_hash(small_clip(seed=1))[:12] in str(caught.value)
    other = small_clip(layers=3)
    with pytest.raises(WeightError, match="3 blocks"):
        load_adapter(path, other)
    assert not lora_layers(other)


def test_another_activation_is_refused(saved):
    other = small_clip()
    for name, module in list(other.named_modules()):
        if isinstance(module, nn.GELU):
            other.get_submodule(name.rpartition(".")[0]).gelu = open_clip.transformer.QuickGELU()
    with pytest.raises(WeightError, match="trained with GELU .* computes QuickGELU.*quick_gelu=F"):
        load_adapter(saved[0], other)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rank": 2, "alpha": 4}, r"rank 3 \(the model: 2\)"),
        ({"rank": 3, "alpha": 9}, r"alpha 4.0 \(the model: 9.0\)"),
        ({"rank": 3, "alpha": 4, "towers": "text"}, "towers .*image"),
        ({"rank": 3, "alpha": 4, "parts": "mlp"}, "parts .*attention"),
    ],
)
def test_adapters_of_another_shape_are_refused(saved, settings, words):
    other = small_clip()
    add_lora(other, **settings)
    with pytest.raises(WeightError, match=f"{words}.*without adapters"):
        load_adapter(saved[0], other)


def test_damaged_files_are_refused(saved, tmp_path):
    path, _ = saved
    whole = path.read_bytes()
    damaged = tmp_path / "damaged.safetensors"
    cases = {
        "cut short": whole[: len(whole) // 2],
        "another hash": whole[:-5] + bytes([whole[-5] ^ 0xFF]) + whole[-4:],
        "empty": b"",
    }
    for words, content in cases.items():
        damaged.write_bytes(content)
        clip = small_clip()
        with pytest.raises(WeightError, match=words):
            load_adapter(damaged, clip)
        assert not lora_layers(clip)
    with pytest.raises(WeightError, match="no file"):
        load_adapter(tmp_path / "absent.safetensors", small_clip())


def test_files_of_other_things_are_refused(saved, tmp_path):
    model = tmp_path / "model.safetensors"
    save_file(merged_state_dict(small_clip()), model)
    with pytest.raises(WeightError, match="is no adapter.*naming them in a profile"):
        load_adapter(model, small_clip())
    torch.save(small_clip().state_dict(), tmp_path / "model.pt")
    with pytest.raises(WeightError, match="is no adapter.*torch's own format"):
        about_adapter(tmp_path / "model.pt")
    with pytest.raises(WeightError, match="CLIP weights are wanted"):
        load_state(saved[0], kind="clip")


@pytest.mark.parametrize("key", ["lora", "sha256", "activation", "rank", "tensor", "shape", "json"])
def test_a_header_that_others_wrote_is_checked(saved, tmp_path, key):
    with safe_open(saved[0], framework="pt") as file:
        about = json.loads(file.metadata()["about"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}
    about.pop(key, None), about["lora"].pop(key, None) if "lora" in about else None
    if key == "tensor":
        tensors.popitem()
    if key == "shape":
        tensors["logit_scale"] = torch.zeros(2)
    if "sha256" in about:
        about["sha256"] = digest(tensors)
    path = tmp_path / "other.safetensors"
    save_file(tensors, path, metadata={"about": "{" if key == "json" else json.dumps(about)})
    clip = small_clip()
    words = {
        "tensor": "not there where the settings",
        "shape": "does not fit",
        "json": "no adapter",
    }
    with pytest.raises(WeightError, match=words.get(key, f"its header lacks .*{key}")):
        load_adapter(path, clip)
    assert all(not layer.lora_B["default"].weight.any() for layer in lora_layers(clip).values())


def test_what_could_not_be_loaded_is_not_written(tmp_path):
    path = tmp_path / "ore.safetensors"
    with pytest.raises(ValueError, match="call add_lora"):
        save_adapter(path, small_clip(), about=ABOUT)
    clip = _trained(small_clip())
    with pytest.raises(ValueError, match="names no classes and no prompts"):
        save_adapter(path, clip, about={"base": "small CLIP"})
    with pytest.raises(TypeError):
        save_adapter(path, clip, about={**ABOUT, "model": object()})
    with torch.no_grad():
        clip.visual.ln_post.weight += 1
    with pytest.raises(ValueError, match="outside the adapters have changed"):
        save_adapter(path, clip, about=ABOUT)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_finished_leaves_the_older_one(saved, monkeypatch):
    path, clip = saved
    before = path.read_bytes()

    def full(tensors, filename, metadata):
        filename.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("mineral_utils.clip_lora.adapter_file.save_file", full)
    with pytest.raises(OSError, match="no space"):
        save_adapter(path, clip, about=ABOUT)
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@pytest.mark.gpu
def test_all_of_it_on_a_gpu(tmp_path):
    clip = small_clip().eval()
    here = _trained(copy.deepcopy(clip), rank=3, alpha=4)
    save_adapter(tmp_path / "ore.safetensors", here, about=ABOUT)
    there = clip.cuda()
    load_adapter(tmp_path / "ore.safetensors", there)
    assert {p.device.type for p in there.parameters()} == {"cuda"}
    with torch.autocast("cuda", torch.bfloat16):
        loss = there.encode_image(torch.rand(2, 3, 32, 32, device="cuda")).float().square().sum()
    loss.backward()
    image = [p for name, p in trainable_parameters(there).items() if name.startswith("visual.")]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in image)
    for name, tensor in merged_state_dict(there).items():
        assert torch.allclose(tensor.cpu(), merged_state_dict(here)[name], atol=1e-6), name


def test_the_header_is_json_that_others_can_read(saved):
    with safe_open(saved[0], framework="pt") as file:
        assert json.loads(file.metadata()["about"])["classes"] == ["pyrite", "galena"]
