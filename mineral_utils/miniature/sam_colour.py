"""A start for a small SAM that has little time: its first weights pass colours through.

Left to chance, hundreds of steps go by before a cell of the upscaled picture knows its own colour:
patches, six blocks and three norms lie between. Here they hand on the mean colour of each of the
sixteen cells of a patch, and the last layer unfolds it into slopes that begin at different levels,
so that one layer more can tell a colour from its neighbours. All of it is trained on from there.

- Two channels carry a large constant of either sign. Norms divide by what they find in a place;
  beside the constant that is nearly the same everywhere, so brightness survives.
- A coarse mask goes through in four channels, one for each quarter of a token, and one head of the
  tokens looks where it is.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor, nn

from .sam_start import CONSTANT, MASK, code_channels, picture_channels, work

CELLS = 4  # along the side of a patch
AXES = 3  # of colour: brightness, red against green, yellow against blue
_COLOURS = AXES * CELLS**2
_STEADY = 7.0  # the constant
_KNOTS = (0.08, 0.3, 0.5, 0.7, 0.92)  # quantiles of a colour axis where slopes begin
# channels of the half upscaled picture; those before are `sam_start`'s
_PLUS, _MINUS = 6, 6 + AXES * 4


def pass_colours(sam: Sam, pixels: Tensor) -> None:
    """Set the first weights of image encoder, mask prompt and upscaling, as said above.

    pixels : normalised views, float32 [B, 3, S, S], from which principal components of what cells
        leave over, and quantiles, are taken
    """
    with torch.no_grad():
        _patches(sam.image_encoder, pixels)
        _neck(sam)
        _centre(sam, pixels)
        _mask(sam.prompt_encoder)
        _upscale(sam.mask_decoder.output_upscaling)
        for layer in _lookers(sam):
            _colours_heard(layer, sam)
        _slopes(sam, pixels)


def _axes() -> Tensor:
    """Rows: brightness, red against green, yellow against blue, of normalised R, G, B."""
    return torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1.5, -1.5, 0], [0.75, 0.75, -1.5]])


def _patches(encoder: nn.Module, pixels: Tensor) -> None:
    layer = encoder.patch_embed.proj
    width, side = layer.out_channels, layer.kernel_size[0]
    cell = side // CELLS
    rows = torch.zeros(CELLS, CELLS, AXES, 3, side, side)
    for i in range(CELLS):
        for j in range(CELLS):
            place = (slice(i * cell, (i + 1) * cell), slice(j * cell, (j + 1) * cell))
            rows[i, j, :, :, place[0], place[1]] = _axes()[:, :, None, None] / cell**2
    rows = rows.view(_COLOURS, -1)
    patches = F.unfold(pixels, side, stride=side).transpose(1, 2).flatten(0, 1)
    spread = (patches @ rows.T).view(-1, AXES).std(0)
    middle = (patches @ rows.T).view(-1, AXES).mean(0)
    rows = rows / spread.repeat(CELLS**2)[:, None]
    # what is left when each cell is as even as its mean colour: texture
    basis = torch.linalg.qr(rows.T).Q
    rest = patches - (patches @ basis) @ basis.T
    values, vectors = torch.linalg.eigh(rest.T.cov())
    number = width - _COLOURS - 2 - 2 * len(code_channels(1)[0])
    strong = values.argsort(descending=True)[:number]
    grain = vectors[:, strong].T * 0.5 / (values[strong, None] + 0.02).sqrt()
    layer.weight.zero_()
    layer.bias.zero_()
    layer.weight[: _COLOURS + number] = torch.cat([rows, grain]).view(-1, 3, side, side)
    layer.bias[:_COLOURS] = -(middle / spread).repeat(CELLS**2)
    layer.bias[_COLOURS + number] = _STEADY
    layer.bias[_COLOURS + number + 1] = -_STEADY
    for block in encoder.blocks:
        for linear in (block.attn.proj, block.mlp.lin2):
            linear.weight.mul_(0.1)
            linear.weight[_COLOURS + number :] = 0
            linear.bias.zero_()
        for norm in (block.norm1, block.norm2):  # a constant to everyone would shift all colours
            norm.weight[[_COLOURS + number, _COLOURS + number + 1]] = 0


def _neck(sam: Sam) -> None:
    encoder = sam.image_encoder
    first, _, second, norm = encoder.neck
    width, dim = encoder.patch_embed.proj.out_channels, first.out_channels
    sines, cosines = code_channels(dim // 2)
    count = width - 2 * len(sines)  # residual channels that are no code
    picture = picture_channels(dim // 2)
    steady = [work(n) for n in CONSTANT]
    seen = picture[: count - 2]
    free = picture[count - 2 :]
    keep = first.weight[free].clone()
    keep[:, count - 2 :] = 0
    first.weight.zero_()
    first.weight[free] = keep
    first.weight[seen, torch.arange(count - 2), 0, 0] = 1
    first.weight[steady, torch.arange(count - 2, count), 0, 0] = 1
    second.weight.mul_(0.1)
    blank = [c for c in range(dim) if c not in set(picture)]
    second.weight[blank] = 0
    second.weight[:, steady] = 0
    second.weight[[*picture, *steady], [*picture, *steady], 1, 1] += 1
    norm.weight[blank] = 0.02
    norm.weight[steady] = 1
    code = sam.prompt_encoder.get_dense_pe()[0, [*sines, *cosines]].permute(1, 2, 0)
    encoder.pos_embed.zero_()[..., count:] = 0.5 * code


def _centre(sam: Sam, pixels: Tensor) -> None:
    """Take away what blocks and neck add to every place alike; it differs from cell to cell."""
    from .sam_model import encode

    norm = sam.image_encoder.neck[-1]
    seen = picture_channels(len(norm.bias) // 2)
    views, _ = encode(sam, pixels[:16], [(0, 0)] * len(pixels[:16]))
    norm.bias[seen] -= views.mean((0, 2, 3))[seen]


def _mask(prompts: nn.Module) -> None:
    """Quarters of a token: more or less than a third of the mask's probability."""
    first, _, _, second, _, _, last = prompts.mask_downscaling
    dim = last.out_channels
    gain = 4.0 * 200  # `refine` gives masks of about 0.005
    first.weight.zero_()
    first.weight[0], first.weight[1] = gain / 4, -gain / 4
    first.bias.copy_(torch.tensor([-1.3, 1.3, 3.0, -3.0]))
    second.weight[:10] = 0
    second.bias[:10] = 0
    for i in range(2):
        for j in range(2):
            at = 2 * (2 * i + j)
            second.weight[at, :2, i, j] = torch.tensor([1.0, -1.0])
            second.weight[at + 1, :2, i, j] = torch.tensor([-1.0, 1.0])
    second.bias[8], second.bias[9] = 3.0, -3.0
    second.weight[10:] *= 0.3
    last.weight.mul_(0.1)
    taken = [c for c in range(dim) if c not in set(picture_channels(dim // 2))]
    last.weight[taken] = 0
    last.bias[taken] = 0
    for quarter, number in enumerate(MASK):
        last.weight[work(number), 2 * quarter] = 2.0
        last.weight[work(number), 2 * quarter + 1] = -2.0


def _upscale(layers: nn.Sequential) -> None:
    first, _, _, last, _ = layers
    dim = first.in_channels
    picture = picture_channels(dim // 2)
    first.weight[:, 2 : _MINUS + AXES * 4] = 0
    for i in range(2):
        for j in range(2):
            first.weight[work(MASK[2 * i + j]), 2:4, i, j] = torch.tensor([1.5, -1.5])
            for n in range(4):
                cell = (2 * i + n // 2) * CELLS + 2 * j + n % 2
                for axis in range(AXES):
                    channel = picture[cell * AXES + axis]
                    first.weight[channel, _PLUS + n * AXES + axis, i, j] = 1
                    first.weight[channel, _MINUS + n * AXES + axis, i, j] = -1
    first.bias[2:] = 0
    first.bias[4], first.bias[5] = 6.0, -6.0
    last.weight[:, 3 : 5 + AXES * len(_KNOTS)] = 0
    last.weight[2, 3], last.weight[3, 4] = 1.0, 1.0
    for n in range(4):
        for axis in range(AXES):
            span = slice(5 + axis * len(_KNOTS), 5 + (axis + 1) * len(_KNOTS))
            last.weight[_PLUS + n * AXES + axis, span, n // 2, n % 2] = 1
            last.weight[_MINUS + n * AXES + axis, span, n // 2, n % 2] = -1


def _lookers(sam: Sam) -> list[nn.Module]:
    transformer = sam.mask_decoder.transformer
    layers = [layer.cross_attn_token_to_image for layer in transformer.layers]
    return [*layers, transformer.final_attn_token_to_image]


def _colours_heard(attention: nn.Module, sam: Sam) -> None:
    """Every head hears the mean colour of where it looks; the last looks where a mask is."""
    width = attention.internal_dim // attention.num_heads
    picture = picture_channels(attention.embedding_dim // 2)
    for head in range(attention.num_heads):
        for axis in range(AXES):
            row = head * width + axis
            attention.v_proj.weight[row] = 0
            attention.v_proj.weight[row, picture[axis:_COLOURS:AXES]] = 1.5 / CELLS**2
    at = (attention.num_heads - 1) * width
    attention.q_proj.weight[at : at + width] = 0
    attention.q_proj.bias[at] = 4.0
    attention.k_proj.weight[at] = 0
    attention.k_proj.weight[at, [work(n) for n in MASK]] = 0.5


def _slopes(sam: Sam, pixels: Tensor) -> None:
    """Where slopes begin, so that each axis of colour is cut into even parts."""
    from .sam_model import encode

    layers = sam.mask_decoder.output_upscaling
    count = len(_KNOTS)
    views, _ = encode(sam, pixels[:16], [(0, 0)] * len(pixels[:16]))
    tokens = F.layer_norm(views.permute(0, 2, 3, 1), views.shape[1:2]).permute(0, 3, 1, 2)
    half = layers[2](layers[1](layers[0](tokens)))
    colour = layers[3](half)[:, 5 : 5 + AXES * count : count]
    levels = torch.quantile(
        colour.transpose(0, 1).reshape(AXES, -1)[:, ::37], torch.tensor(_KNOTS), dim=1
    )  # [knots, axes]
    for axis in range(AXES):
        span = slice(5 + axis * count, 5 + (axis + 1) * count)
        gain = 2.5 / (levels[-1, axis] - levels[0, axis])
        layers[3].weight[:, span] *= 2 * gain
        layers[3].bias[span] = -2 * gain * levels[:, axis]
