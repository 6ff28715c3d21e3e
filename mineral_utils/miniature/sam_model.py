"""The small segment-anything model: its sizes, its first weights, and how windows go through it.

Same modules as the real one (arXiv 2304.02643), 896 px: photos of 448 px come enlarged twice, and
56 x 56 tokens fill the encoder's 14 x 14 windows exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor, nn

from ..encoders.build import build_sam
from ..profiles import ModelSpec
from .sam_prompts import CELL, Prompts
from .sam_scenes import View
from .sam_start import prime

COMMAND = "python -m mineral_utils.miniature sam"
ARCHITECTURE = {
    "image_size": 896,
    "width": 128,
    "layers": 6,
    "heads": 4,
    "global_attn_indexes": [2, 5],
    "prompt_dim": 96,
    "decoder_mlp_dim": 256,
}


def new_model(seed: int = 20) -> Sam:
    """The small SAM before it has learnt anything, with first weights from which it learns soon:
    torch's own would spend the first thousand steps on finding out what a box is."""
    sam = build_sam(ModelSpec(ARCHITECTURE, seed=seed)).train()
    torch.manual_seed(seed)
    for module in sam.modules():
        if hasattr(module, "reset_parameters"):
            module.reset_parameters()
    encoder, prompts, decoder = sam.image_encoder, sam.prompt_encoder, sam.mask_decoder
    with torch.no_grad():
        for name, parameter in sam.named_parameters():
            if "rel_pos" in name:
                parameter.zero_()
        # `refine` gives masks of about 0.005; the norm behind this layer would pass gradients back
        # two hundred times as large as all others
        prompts.mask_downscaling[0].weight.mul_(200)
        for name, module in decoder.named_modules():
            if isinstance(module, nn.Linear | nn.ConvTranspose2d):
                inputs = module.weight.shape[1 if isinstance(module, nn.Linear) else 0]
                gain = 1.0 if "attn" in name else 2**0.5
                module.weight.normal_(0, gain * inputs**-0.5)
                module.bias.zero_()
    prime(sam)
    with torch.no_grad():
        # the picture carries the code of its places, as prompts carry that of theirs
        code = prompts.get_dense_pe()[0].permute(1, 2, 0)
        encoder.pos_embed.zero_()[..., : code.shape[-1]] = 0.5 * code
    return sam


def whiten(sam: Sam, pixels: Tensor) -> None:
    """Start the patch layer as the principal components of patches, the strong ones held back.

    Random filters would see little but the mean colour, which holds nine tenths of the variance;
    so borders and fine grain are visible from the first step.

    pixels : normalised views, float32 [B, 3, S, S]
    """
    layer = sam.image_encoder.patch_embed.proj
    patches = F.unfold(pixels, layer.kernel_size, stride=layer.stride).transpose(1, 2).flatten(0, 1)
    mean = patches.mean(0)
    values, vectors = torch.linalg.eigh((patches - mean).T.cov())
    strong = values.argsort(descending=True)[: layer.out_channels]
    values = values[strong, None]
    # 0.02: the variance of a noise of 8 levels. Deviations follow the fourth root of the variance:
    # at one for all, colour would drown among a hundred kinds of grain
    scale = (values / values[20]).clamp(1e-3, 30) ** 0.25 / (values + 0.02).sqrt()
    with torch.no_grad():
        rows = vectors[:, strong].T * scale
        layer.weight.copy_(rows.view_as(layer.weight))
        layer.bias.copy_(-rows @ mean)


class Scaffold(nn.Module):
    """Teaches the encoder while boxes and points mean little yet; not part of the model.

    Two tokens, or two cells of the features that the mask decoder will read, shall point the same
    way where they look alike: tens of thousands of pairs a view that need no decoder call. Half of
    the channels serve this; the others stay free for what looks alike and lies apart.
    """

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([5.0, 5.0]))
        self.shift = nn.Parameter(torch.tensor([2.5, 2.5]))

    def forward(
        self, sam: Sam, embedding: Tensor, tokens: Tensor, cells: Tensor, looks: Tensor
    ) -> Tensor:
        """The loss of a view.

        Parameters
        ----------
        embedding : float32 [C, s, s]
        tokens : float32 [s * s, k], share of each look in each token, row by row
        cells : int64 [n], some cells, numbered row by row
        looks : float32 [n, k], share of each look in them
        """
        fine = sam.mask_decoder.output_upscaling(embedding[None])[0].flatten(1).T[cells]
        coarse = embedding.flatten(1).T
        return self._pairs(coarse, tokens, 0) + self._pairs(fine, looks, 1)

    def _pairs(self, features: Tensor, shares: Tensor, which: int) -> Tensor:
        unit = F.normalize(features[:, : features.shape[1] // 2], dim=-1)
        logits = self.scale[which] * (unit @ unit.T) - self.shift[which]
        alike = shares @ shares.T
        other = 1 - alike
        same = (F.softplus(-logits) * alike).sum() / alike.sum().clamp(min=1)
        return same + (F.softplus(logits) * other).sum() / other.sum().clamp(min=1)


# ---- forward, on a window of the canvas --------------------------------------------------------
def encode(sam: Sam, pixels: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
    """Embeddings of views: normalised pixels float32 [B, 3, S, S], first token (row, column) of
    each view on the canvas; float32 [B, prompt_dim, S / 16, S / 16]. The stock encoder takes the
    whole canvas only, and would stretch its tables of relative positions over a smaller one."""
    encoder = sam.image_encoder
    tokens = encoder.patch_embed(pixels)
    side = tokens.shape[1]
    tables = [encoder.pos_embed[0, r : r + side, c : c + side] for r, c in places]
    tokens = tokens + torch.stack(tables)
    for block in encoder.blocks:
        tokens = block(tokens) if block.window_size else _look_around(block, tokens)
    return encoder.neck(tokens.permute(0, 3, 1, 2))


def _look_around(block, tokens: Tensor) -> Tensor:
    """A block with attention over all tokens [B, H, W, D]."""
    attention, (batch, height, width, dim) = block.attn, tokens.shape
    count, heads = height * width, attention.num_heads
    parts = attention.qkv(block.norm1(tokens)).view(batch, count, 3, heads, dim // heads)
    query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [B, heads, n, d]
    grid = query.unflatten(2, (height, width))
    rows, columns = _steps(attention.rel_pos_h, height), _steps(attention.rel_pos_w, width)
    down = torch.einsum("bnhwc,hkc->bnhwk", grid, rows)[..., :, None]
    across = torch.einsum("bnhwc,wkc->bnhwk", grid, columns)[..., None, :]
    bias = (down + across).reshape(batch, heads, count, count)
    scores = torch.baddbmm(
        bias.flatten(0, 1),
        query.flatten(0, 1),
        key.flatten(0, 1).transpose(1, 2),
        alpha=query.shape[-1] ** -0.5,
    )
    out = scores.softmax(-1) @ value.flatten(0, 1)
    out = out.view(batch, heads, count, -1).transpose(1, 2).reshape(tokens.shape)
    tokens = tokens + attention.proj(out)
    return tokens + block.mlp(block.norm2(tokens))


def _steps(table: Tensor, side: int) -> Tensor:
    """Rows of a table of relative positions for `side` tokens, [side, side, d]."""
    at = torch.arange(side, device=table.device)
    return table[at[:, None] - at + len(table) // 2]


def decode(
    sam: Sam,
    embedding: Tensor,
    place: tuple[int, int],
    points: tuple[Tensor, Tensor] | None,
    boxes: Tensor | None,
    masks: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """All four masks of some prompts about one view, float32 [n, 4, cells, cells], and the IoU
    that the decoder expects of each, [n, 4]; coordinates in px of the whole canvas."""
    side = embedding.shape[-1]
    sparse, dense = sam.prompt_encoder(points, boxes, masks)
    position = sam.prompt_encoder.get_dense_pe()
    row, column = place
    return sam.mask_decoder.predict_masks(
        image_embeddings=embedding[None],
        image_pe=position[..., row : row + side, column : column + side],
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense[..., :side, :side],
    )


# ---- losses ------------------------------------------------------------------------------------
def mask_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """Dice and cross-entropy of logits [n, k, cells, cells] against shares [n, 1, cells, cells]:
    [n, k].

    The cross-entropy is a mean over the truth's surroundings plus a mean over the rest, or a small
    thing would hardly count among the pixels of its background."""
    chance = logits.sigmoid()
    both = (chance * truth).sum((-2, -1))
    dice = 1 - (2 * both + 1) / (chance.sum((-2, -1)) + truth.sum((-2, -1)) + 1)
    entropy = F.softplus(logits) - logits * truth  # binary, and broadcast over the k answers
    coarse = F.max_pool2d(truth, 4)  # one token or two around the truth
    reach = F.interpolate(F.max_pool2d(coarse, 5, 1, 2), scale_factor=4)
    count, room = reach.sum((-2, -1)), truth[0, 0].numel()
    near = (entropy * reach).sum((-2, -1))
    far = entropy.sum((-2, -1)) - near
    return dice + near / count.clamp(min=1) + far / (room - count).clamp(min=1)


def true_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU of masks and truths [..., cells, cells], cut at 0 and one half: [...]."""
    said, real = logits > 0, truth > 0.5
    shared = (said & real).sum((-2, -1)).float()
    return shared / (said | real).sum((-2, -1)).clamp(min=1)


# ---- asking -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """What one decoder call gave: loss (a scalar tensor), IoU of each prompt [n], the chosen
    logits [n, cells, cells]."""

    loss: Tensor
    iou: Tensor
    logits: Tensor


def answer(sam: Sam, embedding: Tensor, view: View, prompts: Prompts) -> Answer:
    """Ask, and score. A lone point has three answers, of which the best is taught; all else one."""
    device = embedding.device

    def tensor(array):
        return None if array is None else torch.from_numpy(array).to(device)

    points = None if prompts.points is None else (tensor(prompts.points), tensor(prompts.signs))
    logits, expected = decode(
        sam, embedding, view.place, points, tensor(prompts.boxes), tensor(prompts.masks)
    )
    truth = tensor(prompts.truth)
    several = prompts.kind == "point"
    span = slice(1, 4) if several else slice(0, 1)
    logits, expected = logits[:, span], expected[:, span]
    losses = mask_loss(logits, truth[:, None])
    iou = true_iou(logits.detach(), truth[:, None])
    best = losses.detach().argmin(1)
    row = torch.arange(len(best), device=device)
    # a little of the mean, or an answer that never wins would never learn
    loss = 0.95 * losses[row, best] + 0.05 * losses.mean(1)
    loss = loss.mean() + F.mse_loss(expected, iou)
    return Answer(loss, iou[row, best], logits.detach()[row, best])


def correct(prompts: Prompts, given: Answer, place: tuple[int, int], rng) -> Prompts:
    """The same questions with a click on an error and the logits of the first answer."""
    truth = prompts.truth > 0.5
    wrong = (given.logits.cpu().numpy() > 0) != truth
    points, signs = [], []
    for index, (error, real) in enumerate(zip(wrong, truth, strict=True)):
        places = np.argwhere(error if error.any() else prompts.truth[index] > 0)
        y, x = places[rng.integers(len(places))] if len(places) else (0, 0)
        xy = np.array([x + place[1] * 4, y + place[0] * 4]) * CELL + rng.uniform(0, CELL, 2)
        points.append(xy)
        signs.append(real[y, x])
    points = np.array(points, np.float32)[:, None]
    signs = np.array(signs, np.float32)[:, None]
    if prompts.points is not None:
        points = np.concatenate([prompts.points, points], 1)
        signs = np.concatenate([prompts.signs, signs], 1)
    logits = given.logits.clamp(-20, 20).cpu().numpy()[:, None]
    return Prompts("click", points, signs, prompts.boxes, logits, prompts.truth)
