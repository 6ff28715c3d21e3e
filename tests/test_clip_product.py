"""An adapted layer as one product, against peft's own and against numerical gradients."""

from __future__ import annotations

import pytest
import torch
from peft import LoraConfig
from peft.tuners.lora import Linear
from torch import nn

from mineral_utils.clip_lora import add_lora, lora_layers
from mineral_utils.clip_lora.product import AdaptedLinear, _Product

from .checkpoints import small_clip


def layer(bias: bool = True, **settings) -> AdaptedLinear:
    torch.manual_seed(0)
    base = nn.Linear(24, 40, bias=bias).requires_grad_(False)
    settings = {"r": 3, "lora_alpha": 7, "init_lora_weights": False} | settings
    config = LoraConfig(**settings)
    return AdaptedLinear(base, "default", config=config, r=settings["r"], lora_alpha=7)


def slopes(forward, adapted: AdaptedLinear, x: torch.Tensor) -> list[torch.Tensor]:
    """Output, and gradients of A, B and, where it asks for one, the input."""
    x = x.detach().requires_grad_(x.requires_grad)
    out = forward(x)
    learning = [adapted.lora_A["default"].weight, adapted.lora_B["default"].weight]
    weights = torch.linspace(-1, 1, out.numel()).view_as(out)
    wanted = learning + [x] * x.requires_grad
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), wanted)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("shape", [(24,), (5, 24), (2, 7, 24), (0, 24), (3, 0, 24)])
def test_output_and_gradients_are_pefts(bias, first, shape):
    adapted = layer(bias)
    x = torch.randn(shape).requires_grad_(not first)
    ours = slopes(adapted, adapted, x)
    theirs = slopes(lambda given: Linear.forward(adapted, given), adapted, x)
    assert len(ours) == len(theirs) == 3 + (not first)
    for found, wanted in zip(ours, theirs, strict=True):
        largest = float(wanted.abs().max()) if wanted.numel() else 0.0
        assert found.shape == wanted.shape
        assert torch.allclose(found, wanted, atol=1e-5 * largest)


def test_inputs_and_gradients_may_lie_anyhow_in_memory():
    adapted, slope = layer(), torch.randn(2, 40, 7).transpose(1, 2)
    learning = [adapted.lora_A["default"].weight, adapted.lora_B["default"].weight]
    x = torch.randn(2, 24, 7, requires_grad=True)
    found, wanted = (
        torch.autograd.grad(forward(x.transpose(1, 2)), [x, *learning], slope)
        for forward in (adapted, lambda given: Linear.forward(adapted, given))
    )
    for ours, theirs in zip(found, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


def test_gradients_are_those_of_small_steps():
    torch.manual_seed(1)
    x, low, high = (
        torch.randn(shape, dtype=torch.float64, requires_grad=True)
        for shape in ((2, 3, 6), (2, 6), (5, 2))
    )
    weight, bias = torch.randn(5, 6, dtype=torch.float64), torch.randn(5, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda *given: _Product.apply(given[0], weight, bias, *given[1:], 2.5), (x, low, high)
    )


@pytest.mark.parametrize(
    "case", ["plain", "dropout", "half", "off", "learning base", "finer adapter"]
)
def test_whatever_is_not_plain_is_left_to_peft(case, monkeypatch):
    adapted = layer(**({"lora_dropout": 0.5} if case == "dropout" else {}))
    x = torch.randn(4, 24)
    seen = []
    theirs = Linear.forward
    monkeypatch.setattr(
        Linear, "forward", lambda self, *a, **k: seen.append(1) or theirs(self, *a, **k)
    )
    if case == "off":
        adapted.enable_adapters(False)
    if case == "learning base":
        adapted.base_layer.weight.requires_grad_(True)
    if case == "finer adapter":
        adapted.lora_A.double(), adapted.lora_B.double()
    with torch.autocast("cpu", torch.bfloat16, enabled=case == "half"):
        out = adapted(x)
    assert bool(seen) == (case != "plain")
    assert out.dtype == (torch.bfloat16 if case == "half" else torch.float32)
    if case == "off":
        assert torch.equal(out, adapted.base_layer(x))


def test_every_adapted_layer_of_a_model_is_one():
    clip = small_clip()
    add_lora(clip, rank=2)
    layers = lora_layers(clip).values()
    assert layers and all(type(part) is AdaptedLinear for part in layers)


def test_on_the_meta_device_shapes_come_out():
    with torch.device("meta"):
        clip = small_clip()
    add_lora(clip, rank=2)
    assert clip.encode_image(torch.zeros(3, 3, 32, 32, device="meta")).shape == (3, 32)
