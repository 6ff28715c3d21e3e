"""A start for a small SAM that has little time: it can read boxes and points before it has learnt.

Left to chance, attention over places is what a promptable decoder learns last: until it has found
out where a box is, nothing that it could say of colours and borders is of use. So its first weights
hold a plain circuit for places. All of it is trained on from there.

- Position codes are sines and cosines along x and along y; two thirds of the channels get none
  of them and are left to what the picture holds.
- Cells of the picture learn from the corners of a box on which side of its four edges they lie
  (odd multiples of one frequency sum up to a step), and from clicks how near they are.
- Tokens look around the middle of their prompts, since the sum of the codes of two corners is
  most like that of the point half way.
- One channel of the upscaled picture says *inside all four edges*; every mask begins with it.
"""

from __future__ import annotations

import numpy as np
import torch
from segment_anything.modeling import Sam
from torch import nn

# cycles a unit; the canvas is two units wide. 1/4, 3/4, 5/4: the first terms of a step
FREQUENCIES = (0.25, 0.5, 0.75, 1.25, 2.0, 3.5, 6.0, 10.0)
_COUNT = len(FREQUENCIES)
_TYPES = ("outside", "inside", "first", "second")  # kinds of points, as in the prompt encoder
_WORK = 24  # channels beside the codes that the circuit uses; the rest is the picture's
MASK, CONSTANT = (12, 13, 14, 15), (16, 17)  # of these, what `sam_colour` uses
_TYPE = 3.0  # length of a kind's code
_EDGE = 3.0  # what a cell inside an edge carries in its channel


def prime(sam: Sam) -> None:
    """Set the first weights of prompt encoder, mask decoder and the encoder's neck.

    Raises
    ------
    ValueError
        If the prompt dimension leaves no room for position codes beside the picture's channels.
    """
    layer = sam.prompt_encoder.pe_layer
    codes = layer.positional_encoding_gaussian_matrix
    half = codes.shape[1]
    if half < 2 * _COUNT + _WORK + 40:
        raise ValueError(f"a prompt dimension of {2 * half} is too narrow; take 160 or more")
    with torch.no_grad():
        codes.zero_()
        codes[0, :_COUNT] = torch.tensor(FREQUENCIES)
        codes[1, _COUNT : 2 * _COUNT] = torch.tensor(FREQUENCIES)
        _prompts(sam, half)
        _tokens(sam.mask_decoder.transformer, half)
        first, second = sam.mask_decoder.transformer.layers
        _edges(first.cross_attn_image_to_token, half)
        second.cross_attn_image_to_token.out_proj.weight.mul_(0.02)
        _upscaling(sam.mask_decoder)


def _wave(axis: int, frequency: float, half: int) -> tuple[int, int]:
    """Channels of the sine and the cosine of a frequency along x (0) or y (1)."""
    column = axis * _COUNT + FREQUENCIES.index(frequency)
    return column, half + column


def work(number: int) -> int:
    """A channel that carries neither code nor picture."""
    return 2 * _COUNT + number


def code_channels(half: int) -> tuple[list[int], list[int]]:
    """Channels of the sines and of the cosines of places."""
    return [*range(2 * _COUNT)], [*range(half, half + 2 * _COUNT)]


def picture_channels(half: int) -> list[int]:
    """Channels that carry neither code nor circuit."""
    return [*range(2 * _COUNT + _WORK, half), *range(half + 2 * _COUNT, 2 * half)]


def _hear(linear: nn.Linear, row: int, channel: int, gain: float) -> None:
    """Read a channel of a token, less what its norm took from every channel: the mean, which the
    empty channels show."""
    empty = slice(work(len(_TYPES)), work(_WORK))
    linear.weight[row] = 0
    linear.weight[row, empty] = -gain / (empty.stop - empty.start)
    linear.weight[row, channel] = gain


def _prompts(sam: Sam, half: int) -> None:
    """Kinds of points in channels of their own; the picture stays out of codes and kinds."""
    prompts, decoder = sam.prompt_encoder, sam.mask_decoder
    for number, kind in enumerate(prompts.point_embeddings):
        kind.weight.zero_()[0, work(number)] = _TYPE
        # a frequency of 0 has a cosine of 1: taken away, or norms would shift all codes by it
        kind.weight[0, half + 2 * _COUNT :] = -1
    prompts.not_a_point_embed.weight.zero_()
    taken = [*range(2 * _COUNT + _WORK), *range(half, half + 2 * _COUNT)]
    for table in (decoder.iou_token, decoder.mask_tokens):
        table.weight.normal_()[:, taken] = 0
        table.weight[:, half:] = 0
    prompts.no_mask_embed.weight.zero_()


def _tokens(transformer: nn.Module, half: int) -> None:
    """Tokens hear themselves in the first layer and all others in the second; then they look around
    the place that they heard of, some narrowly, some widely."""
    known = torch.zeros(2 * half)
    known[: 2 * _COUNT] = known[half : half + 2 * _COUNT] = 1
    known[2 * _COUNT : 2 * _COUNT + len(_TYPES)] = 2
    heard = known.clone()
    heard[2 * _COUNT + len(_TYPES) : half] = 1  # by which tokens without a place know themselves
    for number, layer in enumerate(transformer.layers):
        attention = layer.self_attn
        nn.init.orthogonal_(attention.k_proj.weight)
        attention.k_proj.weight.mul_(heard * (2.5 if number == 0 else 0.3))
        attention.q_proj.weight.copy_(attention.k_proj.weight)
        for linear in (attention.v_proj, attention.out_proj):
            nn.init.eye_(linear.weight)
        layer.mlp.lin2.weight.mul_(0.3)
        # codes and kinds stay as they are: nothing else writes to their channels
        for linear in (layer.mlp.lin2, layer.cross_attn_token_to_image.out_proj):
            linear.weight[: 2 * _COUNT + _WORK] = linear.weight[half : half + 2 * _COUNT] = 0
        _around(layer.cross_attn_token_to_image, half)
    _around(transformer.final_attn_token_to_image, half)


def _around(attention: nn.Module, half: int) -> None:
    """Attention that falls with the distance, from 1/30 of the canvas to a quarter of it."""
    width = attention.internal_dim // attention.num_heads
    reach = np.geomspace(0.04, 0.3, attention.num_heads)  # units, one standard deviation
    for head, sigma in enumerate(reach):
        frequency = 0.5 if sigma < 0.15 else 0.25
        strength = 1 / (2 * np.pi * frequency * sigma) ** 2
        # a token's code counts about twice: in its query, and as the position added to it
        gain = float((strength * width**0.5 / 2) ** 0.5)
        rows = slice(head * width, (head + 1) * width)
        for linear in (attention.q_proj, attention.k_proj):
            linear.weight[rows] *= 0.2
        at = head * width
        for axis in (0, 1):
            for channel in _wave(axis, frequency, half):
                attention.k_proj.weight[at] = 0
                attention.k_proj.weight[at, channel] = gain
                _hear(attention.q_proj, at, channel, gain)
                at += 1


def _edges(attention: nn.Module, half: int) -> None:
    """Heads by which a cell learns of the edges of a box and of clicks near it (the wide ones: the
    narrow have to be learnt, because tokens without a place outweigh them)."""
    query, key = attention.q_proj, attention.k_proj
    width = attention.internal_dim // attention.num_heads
    for parameter in attention.parameters():
        parameter.zero_()
    plan = [("first", 0, 1), ("second", 0, -1), ("first", 1, 1), ("second", 1, -1)]
    for head, (kind, axis, sign) in enumerate(plan):
        at = head * width
        for frequency in (0.25, 0.75):
            sine, cosine = _wave(axis, frequency, half)
            gain = (12 * width**0.5 * 0.25 / frequency) ** 0.5
            # sin(u) cos(v) - cos(u) sin(v) = sin(u - v)
            query.weight[at, sine], query.weight[at + 1, cosine] = sign * gain, -sign * gain
            _hear(key, at, cosine, gain)
            _hear(key, at + 1, sine, gain)
            at += 2
        _listen(attention, head, at, kind, 1.6)
    for head, (kind, sigma) in enumerate(
        (("inside", 0.06), ("inside", 0.2), ("outside", 0.06), ("outside", 0.2)), len(plan)
    ):
        at = head * width
        strength = 1 / (np.pi * sigma) ** 2
        gain = float((strength * width**0.5 / 2) ** 0.5)
        for axis in (0, 1):
            for channel in _wave(axis, 0.5, half):
                query.weight[at, channel] = gain
                _hear(key, at, channel, gain)
                at += 1
        _listen(attention, head, at, kind, 1.6 - 4 * strength / 2)


def _listen(attention: nn.Module, head: int, at: int, kind: str, lift: float) -> None:
    """A head hears one kind of prompt, lifted by so much over the tokens that have no place; what
    it hears goes to a channel of its own."""
    width = attention.internal_dim // attention.num_heads
    attention.q_proj.bias[at] = width**0.5
    # kinds count twice (see `_around`)
    for number, name in enumerate(_TYPES):
        attention.k_proj.weight[at, work(number)] = (lift if name == kind else -12.0) / (2 * _TYPE)
    attention.v_proj.weight[head * width, work(_TYPES.index(kind))] = 1 / _TYPE
    attention.out_proj.weight[work(len(_TYPES) + head), head * width] = _EDGE


def _upscaling(decoder: nn.Module) -> None:
    """One channel is constant and says that most cells are outside, one says inside the box, one
    near a click."""
    first, _, _, last, _ = decoder.output_upscaling
    edges = [work(len(_TYPES) + head) for head in range(4)]
    first.weight[:, :2] = 0
    first.weight[edges, 0] = 1.2
    first.bias[0] = -1.2 * 5.07 * _EDGE  # four edges give 5.4 of it, three 4.7 at most
    first.weight[work(len(_TYPES) + 4), 1] = 2.0
    first.bias[1] = -0.5 * _EDGE
    last.weight[:, :3] = 0
    last.weight[0, 1], last.weight[1, 2] = 4.0, 1.0
    last.bias[0], last.bias[1:3] = 1, 0
    for head in decoder.output_hypernetworks_mlps:
        final = head.layers[-1]
        final.weight *= 0.05
        final.bias[0], final.bias[1], final.bias[2] = -1.8, 1.0, 1.5
        final.bias[3], final.bias[4] = 1.5, -2.5
