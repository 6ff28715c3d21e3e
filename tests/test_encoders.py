"""CLIP, DINO and SAM against the libraries' own forward passes."""

from __future__ import annotations

import copy

import open_clip
import pytest
import torch
import torch.nn.functional as F
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from segment_anything import SamPredictor, sam_model_registry
from torch import nn

from mineral_utils.dense import look, splice
from mineral_utils.encoders import (
    ClipVisual,
    Dino,
    Encoders,
    SamEncoder,
    build_clip,
    build_clip_visual,
    build_dino,
    build_sam,
    load_encoders,
    scatter,
)
from mineral_utils.encoders.build import SAM_SIZES, _sam
from mineral_utils.encoders.clip import project_values
from mineral_utils.encoders.outline import window_around
from mineral_utils.encoders.vit import (
    CLIP_STATISTICS,
    IMAGENET_STATISTICS,
    normalise,
    patchify,
    position_table,
)
from mineral_utils.profiles import ModelSpec, Preset, load_profile
from mineral_utils.weights import registry

from .reference import SMALL, Original, one_thread, small_model, small_picture  # noqa: F401

NATIVE = (224, 224)


@pytest.fixture(scope="module")
def encoders() -> Encoders:
    return small_model().encoders


def _pixels(size: tuple[int, int], batch: int = 2) -> torch.Tensor:
    return torch.rand(batch, 3, *size, generator=torch.Generator().manual_seed(1))


# ---- what all share ----------------------------------------------------------------------------
def test_pixels_get_zero_mean_and_unit_deviation():
    mean, deviation = (torch.tensor(values) for values in CLIP_STATISTICS)
    pixels = torch.stack([mean, mean + deviation], -1)[None, :, None]
    found = normalise(pixels, CLIP_STATISTICS)
    expected = torch.tensor([0.0, 1.0]).expand(1, 3, 1, 2)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_patches_are_the_convolutions():
    conv = nn.Conv2d(3, 5, 4, stride=4)
    pixels = _pixels((8, 12))
    expected = conv(pixels).flatten(2).transpose(1, 2)
    torch.testing.assert_close(patchify(conv, pixels), expected, atol=1e-6, rtol=0)


def test_the_native_position_table_is_untouched():
    table = torch.randn(1 + 9, 4)
    assert position_table(table, (3, 3)) is table


def test_position_tables_are_resized_by_scale_factors():
    table = torch.randn(1 + 14 * 14, 8, generator=torch.Generator().manual_seed(0))
    native = table[1:].T.reshape(1, 8, 14, 14)
    for rows, columns in [(21, 21), (7, 7), (7, 14), (3, 40)]:
        found = position_table(table, (rows, columns))
        assert found.shape == (1 + rows * columns, 8)
        assert torch.equal(found[0], table[0]), "the class token has no place in the grid"
        by_factor = F.interpolate(
            native, scale_factor=((rows + 0.1) / 14, (columns + 0.1) / 14), mode="bicubic"
        )
        by_size = F.interpolate(native, (rows, columns), mode="bicubic")
        assert torch.equal(found[1:].T.reshape(by_factor.shape[1:]), by_factor[0])
        assert (by_factor - by_size).abs().max() > 1e-3, "the two ways differ, visibly"


# ---- CLIP --------------------------------------------------------------------------------------
def test_clip_values_at_the_native_size_are_open_clips(encoders):
    visual, pixels = encoders.clip.visual, _pixels(NATIVE)
    with torch.inference_mode():
        made = visual.forward_intermediates(
            normalise(pixels, CLIP_STATISTICS),
            indices=[len(visual.transformer.resblocks) - 2],
            stop_early=True,
            intermediates_only=True,
            normalize_intermediates=False,
            output_fmt="NLC",
        )
        before = made["image_intermediates"][0]
        last = visual.transformer.resblocks[-1]
        qkv = F.linear(last.ln_1(before), last.attn.in_proj_weight, last.attn.in_proj_bias)
    found = encoders.clip.values(pixels)
    assert found.shape == (2, 14 * 14, encoders.clip.width)
    torch.testing.assert_close(found, qkv.chunk(3, -1)[2], atol=1e-5, rtol=0)


def test_clips_head_is_open_clips(encoders):
    """Through the last block as it is, the class token embeds to what open_clip says."""
    visual, pixels = encoders.clip.visual, normalise(_pixels(NATIVE), CLIP_STATISTICS)
    with torch.inference_mode():
        tokens = visual.transformer(visual._embeds(pixels))
        expected = visual(pixels)
    torch.testing.assert_close(encoders.clip.embed(tokens[:, 0]), expected, atol=1e-5, rtol=0)


def test_the_whole_last_block_with_clips_own_attention(encoders):
    """Values and output projection, with the weights that the layer itself would have used."""
    attention = encoders.clip.visual.transformer.resblocks[-1].attn
    tokens = torch.randn(2, 9, encoders.clip.width, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected, weights = attention(tokens, tokens, tokens, average_attn_weights=False)
        values = project_values(attention, tokens).unflatten(-1, (attention.num_heads, -1))
        seen = (weights @ values.transpose(1, 2)).transpose(1, 2).flatten(2)
        found = encoders.clip.project_out(seen)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_values_from_an_explicit_projection_go_through_the_module():
    class Explicit(nn.Module):
        def __init__(self):
            super().__init__()
            self.v_proj = nn.Linear(4, 4)

    attention, tokens = Explicit(), torch.randn(2, 3, 4)
    fused = nn.MultiheadAttention(4, 1, batch_first=True)
    with torch.no_grad():
        fused.in_proj_weight[8:] = attention.v_proj.weight
        fused.in_proj_bias[8:] = attention.v_proj.bias
    torch.testing.assert_close(project_values(attention, tokens), project_values(fused, tokens))
    attention.v_proj.register_forward_hook(lambda module, given, made: made + 1)  # as LoRA would
    torch.testing.assert_close(project_values(attention, tokens), project_values(fused, tokens) + 1)


def _vit(**changes) -> VisionTransformer:
    sizes = {"image_size": 32, "patch_size": 16, "width": 16, "layers": 2, "heads": 2}
    return VisionTransformer(**{**sizes, "mlp_ratio": 2.0, "output_dim": 8, **changes})


def _without_projection() -> VisionTransformer:
    tower = _vit()
    tower.proj = None
    return tower


@pytest.mark.parametrize(
    "make, name",
    [
        (
            lambda: ModifiedResNet([1, 1, 1, 1], 8, heads=2, image_size=32, width=8),
            "ModifiedResNet",
        ),
        (lambda: TimmModel("test_vit", 8, image_size=160, pool="map", proj="none"), "TimmModel"),
        (lambda: _vit(attentional_pool=True, attn_pooler_heads=2), "VisionTransformer"),
        (_without_projection, "VisionTransformer"),
    ],
    ids=["ResNet", "SigLIP", "attentional pooling", "no projection"],
)
def test_towers_of_another_form_are_refused_in_a_sentence(make, name):
    with pytest.raises(ValueError, match=rf"plain open_clip ViT .* {name} was given; choose") as e:
        ClipVisual(make())
    assert "ViT-B-16" in str(e.value) and "\n" not in str(e.value)


def test_unknown_architectures_are_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no model 'ViT-Z-99'; it has .*ViT-B-16"):
        build_clip(ModelSpec("ViT-Z-99"))
    with pytest.raises(ValueError, match="no SAM 'vit_x'; there are vit_b, vit_l, vit_h"):
        build_sam(ModelSpec("vit_x"))


# ---- DINO --------------------------------------------------------------------------------------
def test_dino_tokens_at_the_native_size_are_timms(encoders):
    pixels = _pixels(NATIVE)
    with torch.inference_mode():
        expected = encoders.dino.vit.forward_features(normalise(pixels, IMAGENET_STATISTICS))
    found = encoders.dino.tokens(pixels)
    assert found.shape == (2, 14 * 14, encoders.dino.width)
    torch.testing.assert_close(found, expected[:, 1:], atol=1e-5, rtol=0)


def test_dino_with_registers_is_refused():
    sizes = {"img_size": 32, "patch_size": 16, "embed_dim": 16, "depth": 1, "num_heads": 2}
    with pytest.raises(ValueError, match="not a plain ViT with one class token.*patch16_224.dino"):
        build_dino(ModelSpec({**sizes, "reg_tokens": 4}))


def test_window_features_equal_the_slow_road(encoders):
    """CLIP and DINO at other than the native size, the last block replaced."""
    preset = small_model().preset
    original = Original(encoders, preset)
    with torch.no_grad():
        pixels, _ = original.cut_windows(small_picture())
        dino = original.dino_tokens(pixels)
    torch.testing.assert_close(encoders.dino.tokens(pixels), dino, atol=1e-5, rtol=0)


# ---- SAM ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("size", [(240, 352), (352, 240), (256, 256), (32, 320), (16, 992)])
def test_sams_view_is_that_of_the_stock_encoder(encoders, size):
    image, sam = small_picture(size), encoders.sam.sam
    view = encoders.sam.look(image)
    predictor = SamPredictor(sam)
    predictor.set_image(image)
    torch.testing.assert_close(view.embedding, predictor.features, atol=1e-5, rtol=0)
    assert (view.input_size, view.photo_size) == (predictor.input_size, size)
    rows, columns = (max(side // 16, 1) for side in predictor.input_size)
    assert view.grid == (rows, columns)
    assert view.correlation.shape == (rows * columns,) * 2
    torch.testing.assert_close(view.correlation.sum(-1), torch.ones(rows * columns))


@pytest.mark.parametrize(
    "changes",
    [{}, {"cos_fac": 0.0}, {"cos_fac": 3.0}, {"cos_fac": -0.5, "refine_neg_cos": False}],
    ids=str,
)
@pytest.mark.parametrize("size", [(240, 352), (352, 240)])
def test_sams_correlation_equals_the_slow_road(encoders, size, changes):
    image, preset = small_picture(size), small_model().preset.replace(**changes)
    original = Original(encoders, preset)
    predictor = SamPredictor(original.sam)
    predictor.set_image(image)
    with torch.no_grad():
        expected, grid = original.correlation(predictor, image)
    view = look(encoders, image, preset)
    assert view.grid == grid
    # a hard threshold: one bit may move a cell's row, but no more than a few of them
    rows = (view.correlation - expected).abs().amax(-1)
    assert rows.median() < 1e-6 and (rows > 1e-5).float().mean() < 0.02


def test_the_correlation_changes_with_its_parameters(encoders):
    image, preset = small_picture(), small_model().preset
    shares = [
        (look(encoders, image, preset.replace(cos_fac=factor)).correlation > 0).float().mean()
        for factor in (0.0, 1.2, 3.0)
    ]
    assert 1 > shares[0] > shares[1] > shares[2] > 0


def test_sam_sees_the_photo_rounded_up_to_clips_patch(encoders):
    image = small_picture()[:187, :251]
    view = look(encoders, image, small_model().preset)
    assert view.photo_size == (192, 256) and view.input_size == (192, 256)
    assert view.grid == (12, 16)


@pytest.mark.parametrize("size", sorted(SAM_SIZES))
def test_sam_is_built_with_the_official_shapes(size):
    with torch.device("meta"):
        ours, official = _sam(**SAM_SIZES[size]), sam_model_registry[size]()
    shapes = {key: value.shape for key, value in ours.state_dict().items()}
    assert shapes == {key: value.shape for key, value in official.state_dict().items()}
    pairs = zip(ours.image_encoder.blocks, official.image_encoder.blocks, strict=True)
    assert all(
        (a.window_size, a.attn.num_heads, a.norm1.eps) == (b.window_size, b.attn.num_heads, 1e-6)
        for a, b in pairs
    )


# ---- other patches, layouts and weights --------------------------------------------------------
def _mixed(clip_patch: int, dino_patch: int) -> Encoders:
    visual = scatter(_vit(image_size=224, patch_size=clip_patch, width=32, output_dim=16), 1)
    sizes = {"img_size": 224, "embed_dim": 32, "depth": 1, "num_heads": 2}
    dino = build_dino(ModelSpec({**sizes, "patch_size": dino_patch}, seed=2))
    return Encoders(ClipVisual(visual), Dino(dino), small_model().encoders.sam)


@pytest.mark.parametrize(
    "clip_patch, dino_patch, finer", [(16, 16, 1), (16, 8, 2), (14, 16, 1), (14, 8, 2), (32, 8, 4)]
)
def test_a_finer_dino_makes_a_finer_map(clip_patch, dino_patch, finer):
    encoders = _mixed(clip_patch, dino_patch)
    preset = Preset(crop=224, stride=112 if clip_patch != 32 else 96, pass_memory_mb=0)
    image = small_picture()  # 240 x 352
    spliced, _ = splice(encoders, image, preset)
    rows, columns = -(-240 // clip_patch), -(-352 // clip_patch)
    assert spliced.shape == (rows * finer, columns * finer, 32)
    assert spliced.isfinite().all() and spliced.std(dim=(0, 1)).min() > 0


def test_windows_that_fit_no_patches_are_refused():
    with pytest.raises(
        ValueError, match="of 200 px every 112 px do not fit patches of 16 px .CLIP"
    ):
        splice(_mixed(16, 16), small_picture(), Preset(crop=200))
    with pytest.raises(ValueError, match="crop must be a multiple of both, stride of CLIP's"):
        splice(_mixed(16, 16), small_picture(), Preset(crop=224, stride=100))


def test_random_models_are_the_same_every_time_and_named():
    first, second = small_model().encoders, load_encoders(load_profile(SMALL))
    for a, b in [(first.clip.visual, second.clip.visual), (first.dino.vit, second.dino.vit)]:
        assert all(torch.equal(p, q) for p, q in zip(a.parameters(), b.parameters(), strict=True))
    other = copy.deepcopy(second.sam.sam)
    scatter(other, 99)
    assert not torch.equal(other.image_encoder.pos_embed, first.sam.sam.image_encoder.pos_embed)
    assert first.random == ("CLIP", "DINO", "SAM") and "random weights" in small_model().banner
    assert all(not p.requires_grad for p in first.clip.visual.parameters())


def test_the_registry_knows_which_activation_the_weights_want():
    """QuickGELU or GELU cannot be told from the weights, and the wrong one only lowers scores."""
    quick = {
        name: bool(open_clip.get_model_config(row.architecture).get("quick_gelu"))
        for name, row in registry().items()
        if name.startswith("clip-")
    }
    assert quick["clip-vit-b-16-openai"] and not quick["clip-vit-b-16-laion400m_e32"]


def test_the_image_tower_alone_is_open_clips():
    tower = build_clip_visual(32, 2, 2, 16)
    ours = {key: value.shape for key, value in tower.state_dict().items()}
    stock = small_model().encoders.clip.visual.state_dict()
    assert ours == {key: value.shape for key, value in stock.items()}
    tower.load_state_dict(stock)
    pixels = _pixels(NATIVE)
    with torch.inference_mode():
        assert torch.equal(tower.eval()(pixels), small_model().encoders.clip.visual(pixels))


def test_sam_encoder_reads_its_sizes_off_the_model():
    encoder = SamEncoder(small_model().encoders.sam.sam)
    assert (encoder.long_side, encoder.patch) == (256, 16)
    assert encoder.input_size(240, 352) == (175, 256)  # 240 * 256 / 352 = 174.5, half up


def test_a_glance_gives_the_decoder_the_embedding_of_a_look():
    encoder, image = SamEncoder(small_model().encoders.sam.sam), small_picture()
    glance, look = encoder.glance(image), encoder.look(image)
    assert glance.correlation is None and look.correlation is not None
    assert torch.equal(glance.embedding, look.embedding)
    sizes = [(view.grid, view.input_size, view.photo_size) for view in (glance, look)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize(
    ("box", "size", "rows", "columns"),
    [
        ((600, 400, 699, 439), (1000, 2000), (270, 570), (500, 800)),  # three times 100 px
        ((600, 400, 639, 439), (1000, 2000), (320, 520), (520, 720)),  # at least 200 px
        ((0, 990, 39, 999), (1000, 2000), (800, 1000), (0, 200)),  # moved into the photo
        ((0, 0, 1000, 500), (1000, 2000), (0, 1000), (0, 2000)),  # no larger than the photo
    ],
)
def test_the_window_around_a_box(box, size, rows, columns):
    assert window_around(box, size, least=200) == (slice(*rows), slice(*columns))
