"""Trident on arrays: windows, DINO affinity, splice, SAM correlation, classes, pixels.

Splice, then segment (Shi et al., Trident, arXiv 2411.09219): CLIP sees overlapping windows, DINO
says inside each window which patches belong together, the windows are spliced into one map, SAM's
view of the whole photo aggregates that map globally, and a cosine with the names' text features
gives the class of every cell. Nothing here keeps state; what turns a photo into features is in
`mineral_utils.encoders`, what a user holds is in `mineral_utils.segmenter`.

Maps are row-major [rows, columns, channels]; positions are (row, column); windows are
(y1, x1, y2, x2), end excluded.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def view_size(height: int, width: int, crop: int, patch: int) -> tuple[int, int]:
    """Size at which CLIP and DINO look at a photo.

    A photo whose sides are multiples of the patch and at least one window long is looked at as it
    is. Otherwise the long side is rounded up to a multiple of the patch, the other follows the
    aspect and is rounded up too, and no side stays under one window (the original skips that last
    step for small photos with patch-sized sides, and then breaks).

    Returns
    -------
    (height, width) in px
    """
    if height % patch == 0 and width % patch == 0 and min(height, width) >= crop:
        return height, width
    long_side = max(height, width)
    target = round_up(long_side, patch)
    sides = (round_up(int(side * target / long_side), patch) for side in (height, width))
    return tuple(max(side, crop) for side in sides)


def round_up(value: int, step: int) -> int:
    """The next multiple of `step`."""
    return -(-value // step) * step


def windows(height: int, width: int, crop: int, stride: int) -> np.ndarray:
    """Sliding windows; the last row and column are shifted back inside.

    Returns
    -------
    int64 [n, 4]: y1, x1, y2, x2 in px, row by row

    Raises
    ------
    ValueError
        If the picture is smaller than a window (see `view_size`).
    """
    if min(height, width) < crop:
        raise ValueError(
            f"a {width} x {height} px picture is smaller than a window of {crop} px; "
            "enlarge it to view_size(...) first"
        )
    tops, lefts = (
        [min(i * stride, side - crop) for i in range(-(-(side - crop) // stride) + 1)]
        for side in (height, width)
    )
    return np.array([(y, x, y + crop, x + crop) for y in tops for x in lefts], dtype=np.int64)


def bilinear_weights(n_in: int, n_out: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One axis of bilinear resizing (pixel centres, `align_corners=False`, no antialiasing).

    Returns
    -------
    (lower index, upper index, weight of the upper), int64, int64, float32, each [n_out]
    """
    position = np.maximum((np.arange(n_out) + 0.5) * (n_in / n_out) - 0.5, 0)
    lower = np.minimum(position.astype(np.int64), n_in - 1)
    upper = np.minimum(lower + 1, n_in - 1)
    return lower, upper, (position - lower).astype(np.float32)


def resize_map(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear resize of a map [rows, columns, C] to [size, C] (pixel centres, no antialiasing)."""
    if values.shape[:2] == tuple(size):
        return values
    planes = values.permute(2, 0, 1)[None]
    return F.interpolate(planes, size, mode="bilinear")[0].permute(1, 2, 0)


def cut_windows(image: np.ndarray, boxes: np.ndarray, size: tuple[int, int]) -> Tensor:
    """Windows of a photo as it looks at `size`, without ever holding the resized photo.

    Parameters
    ----------
    image : uint8 [H, W, 3]
    boxes : int [n, 4], y1, x1, y2, x2 in px of the resized photo
    size : (height, width) in px of the resized photo

    Returns
    -------
    float32 [n, 3, crop, crop] in [0, 1]
    """
    axes = [bilinear_weights(*axis) for axis in zip(image.shape[:2], size, strict=True)]
    cut = []
    for y1, x1, y2, x2 in boxes:
        if image.shape[:2] == tuple(size):
            window = image[y1:y2, x1:x2].astype(np.float32)
        else:
            window = _bilinear_cut(image, axes, slice(y1, y2), slice(x1, x2))
        cut.append(torch.from_numpy(window).permute(2, 0, 1))
    return torch.stack(cut) / 255


def _bilinear_cut(image: np.ndarray, axes: list, rows: slice, columns: slice) -> np.ndarray:
    (top, bottom, down), (left, right, across) = axes
    down = down[rows, None, None]
    first, last = left[columns][0], right[columns][-1] + 1
    strip = image[:, first:last]
    strip = strip[top[rows]] * (1 - down) + strip[bottom[rows]] * down
    across = across[columns, None]
    left, right = left[columns] - first, right[columns] - first
    return (strip[:, left] * (1 - across) + strip[:, right] * across).astype(np.float32)


def mean_similarity(tokens: Tensor) -> Tensor:
    """Mean of each window's cosine matrix, from the mean unit vector: O(n d), not O(n n d).

    tokens [B, n, D], unit length, to [B].
    """
    return tokens.mean(1).square().sum(-1)


def affinity(
    tokens: Tensor, mean: Tensor, *, beta: float = 1.2, gamma: float = 3.0, cap: float | None = None
) -> Tensor:
    """DINO's attention for CLIP's last block (arXiv 2411.09219, eq. 3; ProxyCLIP before it).

    softmax over gamma * (S - t), entries under the threshold t = beta * mean left out. A patch
    always keeps itself: where the field is so uniform that t exceeds 1, the original masks every
    entry and its softmax is NaN, while here the row becomes the patch alone, which is also the
    limit as t comes up to 1.

    Parameters
    ----------
    tokens : float32 [B, n, D], unit length
    mean : float32 [] or [B], mean similarity of the photo or of each window
    beta, gamma : threshold as a multiple of the mean, sharpness
    cap : highest threshold; None leaves the original's rule. 0.9 makes uniform fields average
        over their like instead of keeping each patch to itself.

    Returns
    -------
    float32 [B, n, n], rows sum to 1
    """
    threshold = beta * mean.reshape(-1, 1, 1)
    if cap is not None:
        threshold = threshold.clamp(max=cap)
    scores = (tokens @ tokens.transpose(1, 2) - threshold) * gamma
    own = torch.eye(tokens.shape[1], dtype=torch.bool, device=tokens.device)
    return scores.masked_fill((scores < 0) & ~own, float("-inf")).softmax(-1)


def attend(weights: Tensor, values: Tensor, dino_grid: tuple, clip_grid: tuple) -> Tensor:
    """Attention with DINO's weights over CLIP's values; the grids may differ.

    weights [B, n, n] on DINO's grid; values [B, m, D] on CLIP's grid; to [B, n, D].
    """
    if dino_grid != clip_grid:
        values = torch.stack([resize_map(v.unflatten(0, clip_grid), dino_grid) for v in values])
        values = values.flatten(1, 2)
    return weights @ values


class Splice:
    """Window features laid into one map, averaged where windows overlap.

    Parameters
    ----------
    grid : (rows, columns) of the whole map, in cells
    width : channels
    """

    def __init__(self, grid: tuple[int, int], width: int, device: torch.device):
        self.sum = torch.zeros(*grid, width, device=device)
        self.count = torch.zeros(*grid, 1, device=device)

    def add(self, features: Tensor, boxes: np.ndarray) -> None:
        """features [B, rows, columns, width] at boxes [B, 4] in cells."""
        for feature, (y1, x1, y2, x2) in zip(features, boxes.tolist(), strict=True):
            self.sum[y1:y2, x1:x2] += feature
            self.count[y1:y2, x1:x2] += 1

    def map(self) -> Tensor:
        """The mean map [rows, columns, width]; uses up the sum."""
        return self.sum.div_(self.count)


def aggregate(correlation: Tensor, spliced: Tensor, grid: tuple[int, int]) -> Tensor:
    """Spread features over the photo by SAM's correlation (arXiv 2411.09219, section 3.3).

    correlation [n, n], rows sum to 1; spliced [rows, columns, D] of any size; to [n, D] on SAM's
    grid, row-major.
    """
    return correlation @ resize_map(spliced, grid).flatten(0, 1)


def classify(features: Tensor, queries: Tensor, grid: tuple[int, int]) -> Tensor:
    """Cosine of every cell with every query: features [n, D], queries [Q, D], both unit length,
    to float32 [rows, columns, Q] in [-1, 1]."""
    return (features @ queries.T).unflatten(0, grid)


def strips(height: int, width: int, channels: int, limit: int = 4_000_000) -> Iterator[slice]:
    """Rows of a picture in strips of at most `limit` numbers (16 MB of float32)."""
    step = max(1, limit // max(width * channels, 1))
    for start in range(0, height, step):
        yield slice(start, min(start + step, height))


def upsample_rows(cosine: Tensor, size: tuple[int, int], rows: slice) -> Tensor:
    """Rows of the cosine map at the picture's size.

    cosine [h, w, Q] to [rows, W, Q], bilinear; the same numbers as the whole map would have.
    """
    for axis, (n_out, part) in enumerate(zip(size, (rows, slice(None)), strict=True)):
        lower, upper, weight = (
            torch.from_numpy(x[part]).to(cosine.device)
            for x in bilinear_weights(cosine.shape[axis], n_out)
        )
        weight = weight.view(-1, 1, 1) if axis == 0 else weight.view(-1, 1)
        below, above = cosine.index_select(axis, lower), cosine.index_select(axis, upper)
        cosine = torch.lerp(below, above, weight)
    return cosine


def probabilities(cosine: Tensor, owner: Tensor, classes: int, logit_scale: float = 40) -> Tensor:
    """Softmax over all queries, then the best query of each class.

    Parameters
    ----------
    cosine : float32 [..., Q]
    owner : int64 [Q], the class of each query (synonyms share one; the original supports them
        for the first class only)
    classes : number of classes

    Returns
    -------
    float32 [..., classes] in [0, 1]
    """
    share = (cosine * logit_scale).softmax(-1)
    if owner.tolist() == list(range(classes)):
        return share
    best = share.new_zeros(*share.shape[:-1], classes)
    return best.scatter_reduce(-1, owner.expand_as(share), share, "amax")


def softmax_parts(
    cosine: Tensor, size: tuple[int, int], logit_scale: float = 40
) -> tuple[Tensor, Tensor]:
    """Largest logit, and the sum of exp(logit - largest), at every pixel: each float32 [H, W].

    With these two, `class_probability` needs no other class. Sums run in the order of the
    queries, as in a softmax over the first axis, and maps are resized by torch's own kernel: SAM's
    points lie where a probability is largest, and a last bit would move them about on a plateau.
    """
    top = torch.full(size, float("-inf"), device=cosine.device)
    for query in cosine.unbind(-1):
        torch.maximum(top, _logits(query, size, logit_scale), out=top)
    total = torch.zeros(size, device=cosine.device)
    for query in cosine.unbind(-1):
        total += _logits(query, size, logit_scale).sub_(top).exp_()
    return top, total


def class_probability(
    cosine: Tensor, chosen: Tensor, parts: tuple[Tensor, Tensor], logit_scale: float = 40
) -> Tensor:
    """Probability of one class at every pixel, float32 [H, W]: that of its best query.

    cosine [h, w, Q]; chosen bool [Q], the class's queries; parts as from `softmax_parts`.
    """
    top, total = parts
    best = torch.zeros_like(top)
    for query in cosine[..., chosen].unbind(-1):
        share = _logits(query, top.shape, logit_scale).sub_(top).exp_().div_(total)
        torch.maximum(best, share, out=best)
    return best


def _logits(query: Tensor, size: tuple[int, int], logit_scale: float) -> Tensor:
    """One query's cosines [h, w] as logits at the picture's size."""
    return F.interpolate(query[None, None], size, mode="bilinear")[0, 0].mul_(logit_scale)


def label_rows(
    cosine: Tensor,
    owner: Tensor,
    classes: int,
    size: tuple[int, int],
    rows: slice,
    *,
    logit_scale: float = 40,
    prob_thd: float = 0,
    unknown: int = 255,
) -> Tensor:
    """Labels of some rows of the picture, uint8 [rows, W]: the most probable class; `unknown`
    where it is less probable than `prob_thd`."""
    strip = upsample_rows(cosine, size, rows)
    if prob_thd <= 0:
        return owner[strip.argmax(-1)].to(torch.uint8)  # the best query's class is the best class
    best, label = probabilities(strip, owner, classes, logit_scale).max(-1)
    return torch.where(best < prob_thd, unknown, label).to(torch.uint8)
