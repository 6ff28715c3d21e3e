"""The small segment-anything model: its sizes, its first weights, and how windows go through it.

Same modules as the real one (arXiv 2304.02643), 896 px: photos of 448 px come enlarged twice, and
56 x 56 tokens fill the encoder's 14 x 14 windows exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from segment_anything.modeling import Sam
from torch import Tensor, nn

from ..encoders.build import build_sam
from ..profiles import ModelSpec
from .sam_prompts import CELL, Prompts
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
    embeddings: Tensor,
    places: Sequence[tuple[int, int]],
    of: Tensor,
    points: tuple[Tensor, Tensor] | None,
    boxes: Tensor | None,
    masks: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """All four masks of prompts about several views. The stock decoder takes one picture at a
    time; this is its `predict_masks` with a picture for each prompt.

    Parameters
    ----------
    embeddings : float32 [B, prompt_dim, side, side]
    places : first token (row, column) of each view on the canvas
    of : int64 [n], the view of each prompt
    points, boxes, masks : as SAM's prompt encoder takes them, in px of the whole canvas

    Returns
    -------
    (mask logits float32 [n, 4, cells, cells], the IoU that the decoder expects of each [n, 4], the
    upscaled picture that masks are read from [n, prompt_dim / 8, cells, cells])
    """
    decoder, side = sam.mask_decoder, embeddings.shape[-1]
    sparse, dense = sam.prompt_encoder(points, boxes, masks)
    canvas = sam.prompt_encoder.get_dense_pe()[0]
    positions = torch.stack([canvas[:, r : r + side, c : c + side] for r, c in places])
    source = embeddings[of] + dense[..., :side, :side]
    output = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([output.expand(len(sparse), -1, -1), sparse], 1)
    said, seen = decoder.transformer(source, positions[of], tokens)
    fine = decoder.output_upscaling(seen.transpose(1, 2).view(source.shape))
    readers = [
        network(said[:, 1 + number])
        for number, network in enumerate(decoder.output_hypernetworks_mlps)
    ]
    logits = torch.einsum("nkc,nchw->nkhw", torch.stack(readers, 1), fine)
    return logits, decoder.iou_prediction_head(said[:, 0]), fine


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
    side, ends = truth.shape[-1], []
    # evenly spread, and the same at every call: a training that is stopped goes on as it would have
    count = torch.arange(1, sample + 1, device=truth.device, dtype=torch.float64)
    for axis, step in ((2, 0.7548776662466927), (1, 0.5698402909980532)):
        at = (truth > 0.5).any(axis).float()
        low, high = at.argmax(1), side - 1 - at.flip(1).argmax(1)  # all of it where nothing is
        margin = 2 + (high - low) // 6
        low, high = (low - margin).clamp(min=0), (high + margin).clamp(max=side - 1)
        ends.append(low[:, None] + ((count * step % 1) * (high - low + 1)[:, None]).long())
    index = ends[0] * side + ends[1]
    seen = fine.flatten(2).gather(2, index[:, None].expand(-1, fine.shape[1], -1)).transpose(1, 2)
    seen = torch.cat([seen, torch.ones_like(seen[..., :1])], -1)
    wanted = truth.flatten(1).gather(1, index) * 2 - 1
    reading, weight = fit_reading(seen, wanted)
    error = (seen @ reading)[..., 0] - wanted
    return (weight * error**2).sum(1).mean()


def fit_reading(seen: Tensor, wanted: Tensor, ridge: float = 1e-2) -> tuple[Tensor, Tensor]:
    """The linear reading that tells inside from outside best, by ridge regression; all that lies
    inside weighs as much as all outside.

    Parameters
    ----------
    seen : [n, cells, c], a constant channel among them
    wanted : [n, cells], above 0 inside; 1 and -1 where a cell lies there whole
    ridge : added to the squares

    Returns
    -------
    (reading [n, c, 1], weight of each cell [n, cells])
    """
    inside = wanted > 0
    weight = inside / inside.sum(1, keepdim=True).clamp(min=1)
    weight = weight + ~inside / (~inside).sum(1, keepdim=True).clamp(min=1)
    weight = weight / weight.sum(1, keepdim=True)
    heavy = seen * weight[..., None]
    square = heavy.transpose(1, 2) @ seen
    square = square + ridge * torch.eye(square.shape[-1], device=square.device)
    return torch.linalg.solve(square, heavy.transpose(1, 2) @ wanted[..., None]), weight


def mishearing(attention: Tensor, values: Tensor, looks: Tensor) -> tuple[Tensor, Tensor]:
    """How much tokens listen to what looks otherwise, through Trident's correlation.

    Prompts teach a few pieces of a view; this teaches every token of it. Correlation: attention
    where the values' cosine is above 1.2 times its row's mean (arXiv 2411.09219, section 3.3).

    Parameters
    ----------
    attention, values : [B, heads, n, n], [B, heads, n, d] of the last block
    looks : int64 [B, n], equal where two tokens of a view show the same look, -1 where a token
        shows none

    Returns
    -------
    (loss, share heard of the own look), scalars: means over tokens that have company, then over
    views that have such tokens; 0 and NaN where none has. The loss is the sum of three terms: -log
    of that share; the cross-entropy of attention with an even spread over the own look, or a token
    would do best to hear itself alone; and -log of the own look's part of a softmax over ten times
    the cosine, so that the threshold too tells looks apart. A token itself counts nowhere.
    """
    alone = torch.eye(looks.shape[1], dtype=torch.bool, device=looks.device)
    same = (looks[:, :, None] == looks[:, None]) & (looks >= 0)[:, None] & ~alone
    known = same.any(2)
    unit = F.normalize(values, dim=-1)
    cosine = unit @ unit.transpose(2, 3)
    least = (1.2 * cosine.detach().mean((1, 3))).clamp(max=0.9)[:, None, :, None]
    kept = (attention * (cosine.detach() > least)).mean(1).masked_fill(alone, 0)
    share = (kept * same).sum(2) / kept.sum(2).clamp(min=1e-6)
    spread = attention.mean(1).clamp(min=1e-6).log()
    even = (spread * same).sum(2) / same.sum(2).clamp(min=1)
    logits = (10 * cosine.mean(1)).masked_fill(alone, -torch.inf)
    near = logits.masked_fill(~same & known[..., None], -torch.inf).logsumexp(2)
    each = logits.logsumexp(2) - near - share.clamp(min=1e-4).log() - SPREAD * even
    count = known.sum(1)
    weight = known / count.clamp(min=1)[:, None]
    views = (count > 0).sum()
    loss = torch.where(known, each * weight, 0).sum() / views.clamp(min=1)
    return loss, (share.detach() * weight).sum() / views


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


def answer(
    sam: Sam, embeddings: Tensor, places: Sequence[tuple[int, int]], prompts: Prompts
) -> Answer:
    """Ask about views, and score. A lone point has three answers, of which the best is taught; all
    else one. Views and places as in `decode`."""
    device = embeddings.device

    def tensor(array):
        return None if array is None else torch.from_numpy(array).to(device)

    points = None if prompts.points is None else (tensor(prompts.points), tensor(prompts.signs))
    boxes, masks = tensor(prompts.boxes), tensor(prompts.masks)
    logits, expected, fine = decode(
        sam, embeddings, places, tensor(prompts.of), points, boxes, masks
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


def correct(
    prompts: Prompts, given: Answer, places: Sequence[tuple[int, int]], rng: np.random.Generator
) -> Prompts:
    """The same questions with a click on an error and the logits of the first answer."""
    truth = prompts.truth > 0.5
    wrong = (given.logits.cpu().numpy() > 0) != truth
    points, signs = [], []
    for index, (error, real) in enumerate(zip(wrong, truth, strict=True)):
        cells = np.flatnonzero(error if error.any() else prompts.truth[index] > 0)
        y, x = divmod(int(rng.choice(cells)) if len(cells) else 0, error.shape[1])
        row, column = places[prompts.of[index]]
        xy = np.array([x + column * 4, y + row * 4]) * CELL + rng.uniform(0, CELL, 2)
        points.append(xy)
        signs.append(real[y, x])
    points = np.array(points, np.float32)[:, None]
    signs = np.array(signs, np.float32)[:, None]
    if prompts.points is not None:
        points = np.concatenate([prompts.points, points], 1)
        signs = np.concatenate([prompts.signs, signs], 1)
    logits = given.logits.clamp(-20, 20).cpu().numpy()[:, None]
    return replace(prompts, kind="click", points=points, signs=signs, masks=logits)
