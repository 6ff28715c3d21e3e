"""A layer with its adapter as one product: the weight it amounts to, made anew at every step."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from peft.tuners.lora import Linear
from torch import Tensor


class AdaptedLinear(Linear):
    """peft's adapted layer, which computes x (W + (alpha / r) B A)^T instead of x W^T + (alpha / r)
    (x A^T) B^T where both are the same to rounding: one adapter, no dropout, full precision.

    With hundreds of rows for each column of W, adding B A to W costs next to nothing, while the
    two products, the factor and the sum on all outputs take over a quarter of a step on narrow
    towers.
    Everything else (other precisions, dropout, several adapters) is left to peft.
    """

    def forward(self, x: Tensor, *args, **kwargs) -> Tensor:
        names = [name for name in self.active_adapters if name in self.lora_A]
        base, kind = self.base_layer, x.device.type
        plain = (
            len(names) == 1
            and not (self.disable_adapters or self.merged or args or kwargs)
            and not self.lora_variant
            and isinstance(self.lora_dropout[names[0]], torch.nn.Identity)
            and not base.weight.requires_grad
            and x.dtype == base.weight.dtype == torch.float32
            and self.lora_A[names[0]].weight.dtype == torch.float32
            # on "meta" torch refuses to say whether it is enabled
            and not (torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind))
        )
        if not plain:
            return super().forward(x, *args, **kwargs)
        low, high = self.lora_A[names[0]].weight, self.lora_B[names[0]].weight
        return _Product.apply(x, base.weight, base.bias, low, high, self.scaling[names[0]])


class _Product(torch.autograd.Function):
    """x [..., in], W [out, in], bias [out], A [r, in], B [out, r] -> [..., out]; W and the bias are
    frozen. The merged weight is made twice, so that none of that size is kept for each layer."""

    @staticmethod
    def forward(ctx, x, weight, bias, low, high, scaling):
        ctx.save_for_backward(x, weight, low, high)
        ctx.scaling = scaling
        return F.linear(x, torch.addmm(weight, high, low, alpha=scaling), bias)

    @staticmethod
    def backward(ctx, grad):
        x, weight, low, high = ctx.saved_tensors
        rows, grads = (part.reshape(-1, part.shape[-1]) for part in (x, grad))
        to_x = None
        if ctx.needs_input_grad[0]:
            to_x = (grads @ torch.addmm(weight, high, low, alpha=ctx.scaling)).view_as(x)
        # r is small, and libraries multiply by few long rows up to four times as fast as by few
        # columns, and far sooner from the left
        to_low = _slope(grads, high.T.contiguous(), rows, ctx.scaling)
        to_high = _slope(rows, low, grads, ctx.scaling).T
        return to_x, None, None, to_low, to_high, None


def _slope(given: Tensor, through: Tensor, other: Tensor, scaling: float) -> Tensor:
    """scaling · (given throughᵀ)ᵀ other: [n, a], [r, a], [n, b] to [r, b]."""
    return (given @ through.T).mul_(scaling).T @ other
