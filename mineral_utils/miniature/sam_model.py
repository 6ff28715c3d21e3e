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

READABLE = 1.0  # weight of `unreadable` in the loss
HEARD = 0.3  # weight of `mishearing`
SPREAD = 0.2  # in it, weight of attention that is spread over the own look
COMMAND = "python -m mineral_utils.miniature sam"
ARCHITECTURE = {
    "image_size": 896,
    "width": 128,
    "layers": 6,
    "heads": 4,
    "global_attn_indexes": [2, 5],
    "prompt_dim": 160,
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
    with torch.no_grad():
        for name, parameter in sam.named_parameters():
            if "rel_pos" in name:
                parameter.zero_()
        for name, module in sam.mask_decoder.named_modules():
            if isinstance(module, nn.Linear | nn.ConvTranspose2d):
                inputs = module.weight.shape[1 if isinstance(module, nn.Linear) else 0]
                gain = 1.0 if "attn" in name else 2**0.5
                module.weight.normal_(0, gain * inputs**-0.5)
                module.bias.zero_()
    prime(sam)
    return sam


# ---- forward, on a window of the canvas --------------------------------------------------------
def encode(
    sam: Sam, pixels: Tensor, places: Sequence[tuple[int, int]]
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Embeddings of views. The stock encoder takes the whole canvas only, and would stretch its
    tables of relative positions over a smaller one.

    Parameters
    ----------
    pixels : float32 [B, 3, S, S], normalised
    places : first token (row, column) of each view on the canvas

    Returns
    -------
    (float32 [B, prompt_dim, S / 16, S / 16], (attention [B, heads, n, n], values [B, heads, n, d])
    of the last block, which is where Trident reads its correlation)
    """
    encoder = sam.image_encoder
    tokens = encoder.patch_embed(pixels)
    side = tokens.shape[1]
    tables = [encoder.pos_embed[0, r : r + side, c : c + side] for r, c in places]
    tokens = tokens + torch.stack(tables)
    heard = None
    for block in encoder.blocks:
        if block.window_size:
            tokens = block(tokens)
        else:
            tokens, heard = _look_around(block, tokens)
    return encoder.neck(tokens.permute(0, 3, 1, 2)), heard


def _look_around(block, tokens: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """A block with attention over all tokens [B, H, W, D]; its attention and values too."""
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
    weights = scores.softmax(-1).unflatten(0, (batch, heads))
    out = (weights @ value).transpose(1, 2).reshape(tokens.shape)
    tokens = tokens + attention.proj(out)
    return tokens + block.mlp(block.norm2(tokens)), (weights, value)


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
) -> tuple[Tensor, Tensor, Tensor]:
    """All four masks of some prompts about one view, float32 [n, 4, cells, cells], the IoU that
    the decoder expects of each, [n, 4], and the upscaled picture that masks are read from, [n,
    prompt_dim / 8, cells, cells]; coordinates in px of the whole canvas."""
    decoder, fine = sam.mask_decoder, []
    side = embedding.shape[-1]
    sparse, dense = sam.prompt_encoder(points, boxes, masks)
    position = sam.prompt_encoder.get_dense_pe()
    row, column = place
    hook = decoder.output_upscaling.register_forward_hook(lambda layer, _, out: fine.append(out))
    try:
        logits, expected = decoder.predict_masks(
            image_embeddings=embedding[None],
            image_pe=position[..., row : row + side, column : column + side],
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense[..., :side, :side],
        )
    finally:
        hook.remove()
    return logits, expected, fine[0]


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


def unreadable(fine: Tensor, truth: Tensor, sample: int = 192) -> Tensor:
    """How badly the best linear reading of the upscaled picture tells a target from what lies
    around it: the squared error of a ridge regression on the answer itself, 0 to 1.

    A mask is one linear reading, which the decoder must guess from the prompt. This part of the
    loss asks only that there *be* a good one; without it the first thousand steps, in which the
    guesses are poor, teach the picture to forget its colours.

    fine : float32 [n, c, cells, cells]
    truth : float32 [n, cells, cells]
    sample : cells taken for each target, all over the box around it and a little more
    """
    side, chosen = truth.shape[-1], []
    # evenly spread, and the same at every call: a training that is stopped goes on as it would have
    count = torch.arange(1, sample + 1, device=truth.device, dtype=torch.float64)
    spread = [(count * step) % 1 for step in (0.7548776662466927, 0.5698402909980532)]
    for mask in truth > 0.5:
        ends = []
        for axis in (1, 0):
            at = mask.any(axis).nonzero().flatten()
            low, high = (int(at[0]), int(at[-1])) if len(at) else (0, side - 1)
            margin = 2 + (high - low) // 6
            low, high = max(low - margin, 0), min(high + margin, side - 1)
            ends.append(low + (spread[axis] * (high - low + 1)).long())
        chosen.append(ends[0] * side + ends[1])
    index = torch.stack(chosen)
    seen = fine.flatten(2).gather(2, index[:, None].expand(-1, fine.shape[1], -1)).transpose(1, 2)
    seen = torch.cat([seen, torch.ones_like(seen[..., :1])], -1)
    wanted = truth.flatten(1).gather(1, index) * 2 - 1
    inside = wanted > 0
    weight = inside / inside.sum(1, keepdim=True).clamp(min=1)
    weight = weight + ~inside / (~inside).sum(1, keepdim=True).clamp(min=1)
    weight = weight / weight.sum(1, keepdim=True)
    heavy = seen * weight[..., None]
    square = heavy.transpose(1, 2) @ seen
    square = square + 1e-2 * torch.eye(square.shape[-1], device=square.device)
    reading = torch.linalg.solve(square, heavy.transpose(1, 2) @ wanted[..., None])
    error = (seen @ reading)[..., 0] - wanted
    return (weight * error**2).sum(1).mean()


def mishearing(attention: Tensor, values: Tensor, looks: Tensor) -> tuple[Tensor, Tensor]:
    """How much tokens listen to what looks otherwise, through Trident's correlation.

    Prompts teach a few pieces of a view; this teaches every token of it. Correlation: attention
    where the values' cosine is above 1.2 times its row's mean (arXiv 2411.09219, section 3.3).

    Parameters
    ----------
    attention, values : [heads, n, n], [heads, n, d] of the last block, one view
    looks : int64 [n], equal where two tokens show the same look, -1 where a token shows none

    Returns
    -------
    (loss, share heard of the own look), scalars. The loss is the mean over tokens of three terms:
    -log of that share; the cross-entropy of attention with an even spread over the own look, or a
    token would do best to hear itself alone; and -log of the own look's part of a softmax over ten
    times the cosine, so that the threshold too tells looks apart. A token itself counts nowhere.
    """
    alone = torch.eye(len(looks), dtype=torch.bool, device=looks.device)
    same = (looks[:, None] == looks) & (looks >= 0) & ~alone
    known = same.any(1)
    if not known.any():
        return values.sum() * 0, values.new_tensor(torch.nan)
    unit = F.normalize(values, dim=-1)
    cosine = unit @ unit.transpose(1, 2)
    least = (1.2 * cosine.detach().mean((0, 2))).clamp(max=0.9)[:, None]
    kept = (attention * (cosine.detach() > least)).mean(0).masked_fill(alone, 0)[known]
    same = same[known]
    share = (kept * same).sum(1) / kept.sum(1).clamp(min=1e-6)
    spread = attention.mean(0)[known].clamp(min=1e-6).log()
    logits = (10 * cosine.mean(0)).masked_fill(alone, -torch.inf)[known]
    near = logits.masked_fill(~same, -torch.inf).logsumexp(1)
    loss = (logits.logsumexp(1) - near).mean() - share.clamp(min=1e-4).log().mean()
    loss = loss - SPREAD * ((spread * same).sum(1) / same.sum(1)).mean()
    return loss, share.mean().detach()


def token_looks(view: View, patch: int = 16) -> Tensor:
    """What each token of a view shows, int64 [(S / patch)²]: the look of most of its pixels, -1
    where no look has 60 % of them."""
    side = len(view.segments) // patch
    looks = np.append(view.looks, -1)[view.segments]  # -1, the padding, reads the last entry
    cells = looks.reshape(side, patch, side, patch).transpose(0, 2, 1, 3).reshape(side**2, -1)
    cells = np.sort(cells, axis=1)
    most = cells[:, cells.shape[1] // 2]  # whatever fills over half of a cell holds its middle
    sure = (cells == most[:, None]).mean(1) >= 0.6
    return torch.from_numpy(np.where(sure, most, -1).astype(np.int64))


def true_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU of masks and truths [..., cells, cells], cut at 0 and one half: [...]."""
    said, real = logits > 0, truth > 0.5
    shared = (said & real).sum((-2, -1)).float()
    return shared / (said | real).sum((-2, -1)).clamp(min=1)


# ---- asking -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answer:
    """What one decoder call gave: loss (a scalar tensor), IoU of each prompt [n], the chosen
    logits [n, cells, cells], and `unreadable` (a scalar tensor)."""

    loss: Tensor
    iou: Tensor
    logits: Tensor
    unread: Tensor


def answer(sam: Sam, embedding: Tensor, view: View, prompts: Prompts) -> Answer:
    """Ask, and score. A lone point has three answers, of which the best is taught; all else one."""
    device = embedding.device

    def tensor(array):
        return None if array is None else torch.from_numpy(array).to(device)

    points = None if prompts.points is None else (tensor(prompts.points), tensor(prompts.signs))
    logits, expected, fine = decode(
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
    unread = unreadable(fine, truth)
    loss = loss.mean() + F.mse_loss(expected, iou) + READABLE * unread
    return Answer(loss, iou[row, best], logits.detach()[row, best], unread.detach())


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
