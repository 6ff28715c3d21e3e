"""The bench's closed formula of operations against torch's own count."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mineral_utils import trident
from mineral_utils.dense import look, splice
from mineral_utils.encoders import SamEncoder
from mineral_utils.encoders.build import SAM_SIZES, _sam
from mineral_utils.segmenter import Segmenter, load_model

from .bench.floor import floor, product_rate, sam_floor
from .reference import one_thread, small_model, small_picture  # noqa: F401


def _counted(work) -> tuple[float, object]:
    with FlopCounterMode(display=False) as counter:
        made = work()
    return counter.get_total_flops(), made


MODELS = {"demo": lambda: load_model("demo", device="cpu"), "small": small_model}


@pytest.mark.parametrize("name, size", [("demo", (192, 448)), ("small", (240, 352))])
def test_the_floor_is_what_torch_counts_stage_by_stage(name, size):
    """torch counts matrix products and convolutions, as the formula does; element-wise work,
    softmax, norms and resizing are in neither. DINO's tokens are kept, so nothing runs twice."""
    model: Segmenter = MODELS[name]()
    encoders, preset, image = model.encoders, model.preset, small_picture(size)
    work = floor(encoders, size, preset)
    windows, (spliced, _) = _counted(lambda: splice(encoders, image, preset))
    sam, view = _counted(lambda: look(encoders, image, preset))
    glue, _ = _counted(
        lambda: encoders.clip.embed(trident.aggregate(view.correlation, spliced, view.grid))
    )
    assert work.windows == pytest.approx(windows, rel=0.02)
    assert work.sam == pytest.approx(sam, rel=0.02)
    assert work.glue == pytest.approx(glue, rel=0.02)
    assert work.total == pytest.approx(windows + sam + glue, rel=0.02)


def test_work_done_twice_does_not_raise_the_floor():
    model, image = small_model(), small_picture()
    again = model.preset.replace(pass_memory_mb=0)  # DINO runs twice
    once, _ = _counted(lambda: splice(model.encoders, image, model.preset))
    twice, _ = _counted(lambda: splice(model.encoders, image, again))
    size = image.shape[:2]
    work = floor(model.encoders, size, again)
    assert twice > 1.3 * once
    assert work == floor(model.encoders, size, model.preset)


def test_sam_alone_at_full_size():
    """SAM ViT-B with shapes only, no memory for its weights."""
    meta = torch.device("meta")
    with meta:
        encoder = SamEncoder(_sam(**SAM_SIZES["vit_b"]), meta)
    full = SimpleNamespace(sam=encoder)
    counted, _ = _counted(lambda: encoder.encoder(torch.empty(1, 3, 1024, 1024, device="meta")))
    assert sam_floor(full, 0) == pytest.approx(counted, rel=0.02)
    # the cosines of the correlation come on top: n x n x width, over all heads
    assert sam_floor(full, 3072) - sam_floor(full, 0) == 2 * 3072**2 * 768


def test_the_floor_grows_with_the_windows_alone():
    encoders, preset = small_model().encoders, small_model().preset
    one = floor(encoders, (112, 112), preset)
    twelve = floor(encoders, (240, 352), preset)
    assert twelve.clip == 12 * one.clip and twelve.dino == 12 * one.dino
    denser = floor(encoders, (240, 352), preset.replace(stride=16))
    count = len(trident.windows(240, 352, 112, 16))
    assert count == 9 * 16 and denser.windows == pytest.approx(count * one.windows)
    assert denser.sam == twelve.sam and denser.glue == twelve.glue
    assert floor(encoders, (352, 240), preset).total == twelve.total
    assert floor(encoders, (4000, 3000), preset).sam == pytest.approx(
        floor(encoders, (400, 304), preset).sam, rel=0.05
    )


def test_by_hand_for_one_layer_of_width_one():
    """One window of 2 x 2 patches of 1 px; CLIP and DINO of one block, with an MLP of 4."""

    def attribute(**values):
        return SimpleNamespace(**values)

    block = attribute(mlp=[attribute(out_features=4)])
    clip = attribute(
        patch=1, width=1, embed_dim=3, visual=attribute(transformer=attribute(resblocks=[block]))
    )
    dino = attribute(patch=1, width=1, vit=attribute(blocks=[None]))
    encoders = attribute(clip=clip, dino=dino, sam=small_model().encoders.sam)
    work = floor(encoders, (2, 2), attribute(crop=2, stride=1))
    # CLIP: 4 patches x 3 colours x 2; of its last block v 4 x 2, out 4 x 2, weights @ v 16 x 2
    assert work.clip == 24 + 8 + 8 + 32
    # DINO: patches 24; 5 tokens: q, k, v, out 5 x 2 x 4, MLP 5 x 2 x 8, scores and sum 25 x 2 x 2;
    # cosines 16 x 2
    assert work.dino == 24 + 40 + 80 + 100 + 32
    cells = 16 * 16  # a square photo fills SAM's grid of 256 px
    assert work.glue == 2 * cells**2 + 2 * cells * 3


def test_the_machines_rate_is_a_plausible_number():
    rate = product_rate(side=256)
    assert math.isfinite(rate) and 1e8 < rate < 1e15
