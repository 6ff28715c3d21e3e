"""What the tuning teaches: image against text, and patches against names.

Everything here works on tensors and knows no model.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

SCALE = 40.0  # of cosines in the dense losses: what Trident's softmax uses
TOP = 0.05  # share of a picture's patches that speak for a mineral's presence


def targets(labels: Tensor, kind: str = "pair") -> Tensor:
    """Which captions of a batch are right for which pictures.

    Parameters
    ----------
    labels : float32 [N, K], 1 where the photo holds the mineral
    kind : ``"pair"``: its own caption alone (CLIP, arXiv 2103.00020, figure 3); ``"set"``: also
        the captions of other photos, by the Jaccard overlap of their minerals' sets with its own,
        squared so that equal sets count four times as much as half-equal ones

    Returns
    -------
    float32 [N, N], rows sum to 1
    """
    own = torch.eye(len(labels), device=labels.device)
    if kind == "pair":
        return own
    both = labels @ labels.T
    sizes = labels.sum(1)
    either = sizes[:, None] + sizes[None] - both
    overlap = torch.where(either > 0, both / either.clamp(min=1), 0.0).square()
    overlap = torch.maximum(overlap, own)
    return overlap / overlap.sum(1, keepdim=True)


def contrastive(images: Tensor, texts: Tensor, scale: Tensor, wanted: Tensor) -> Tensor:
    """Symmetric cross-entropy of picture to text and text to picture (arXiv 2103.00020, fig. 3).

    Parameters
    ----------
    images, texts : float32 [N, D], any length
    scale : float32 [], factor of the cosines (exp of ``logit_scale``)
    wanted : float32 [N, N] from `targets`, rows sum to 1

    Returns
    -------
    float32 [], the mean over the N pictures and N texts
    """
    logits = scale * F.normalize(images, dim=-1) @ F.normalize(texts, dim=-1).T
    back = wanted.T / wanted.T.sum(1, keepdim=True)
    rows = -(wanted * logits.log_softmax(1)).sum(1).mean()
    columns = -(back * logits.T.log_softmax(1)).sum(1).mean()
    return (rows + columns) / 2


def from_masks(cosine: Tensor, shares: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of patches whose minerals are known.

    Parameters
    ----------
    cosine : float32 [B, n, K] of every patch with every name
    shares : float32 [B, n, K], share of the patch that each mineral takes; a patch counts by what
        is known of it
    weights : float32 [K] of the classes, or None

    Returns
    -------
    float32 [B], a mean over the known part of each picture; 0 where nothing is known
    """
    if weights is not None:
        shares = shares * weights
    entropy = -(shares * (SCALE * cosine).log_softmax(-1)).sum(-1)
    return entropy.sum(-1) / shares.sum((-2, -1)).clamp(min=1e-6)


def from_sets(cosine: Tensor, labels: Tensor) -> Tensor:
    """The same without masks, where only the minerals of the whole photo are known: every patch
    must be one of them, and each of them must be somewhere.

    Parameters
    ----------
    cosine : float32 [B, n, K]
    labels : float32 [B, K], 1 where the photo holds the mineral

    Returns
    -------
    float32 [B]: -log of the probability that a patch gives to the photo's minerals, mean over
    patches, plus -log of each mineral's mean probability in the twentieth of patches where it is
    highest, mean over the minerals; 0 for a photo without labels
    """
    logs = (SCALE * cosine).log_softmax(-1)
    # a photo without labels: everything is allowed, or the logarithm of 0 would spoil its gradient
    held = (labels[:, None] > 0) | (labels.sum(-1) == 0)[:, None, None]
    inside = -logs.masked_fill(~held, -torch.inf).logsumexp(-1).mean(-1)
    most = max(1, round(TOP * cosine.shape[1]))
    present = logs.exp().topk(most, dim=1).values.mean(1).clamp(min=1e-6)
    somewhere = -(labels * present.log()).sum(-1) / labels.sum(-1).clamp(min=1)
    return torch.where(labels.sum(-1) > 0, inside + somewhere, 0.0)
