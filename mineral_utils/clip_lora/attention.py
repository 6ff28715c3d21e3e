"""Attention written out: four linear layers that an adapter can take hold of.

``nn.MultiheadAttention`` keeps q, k and v in one bare parameter (``in_proj_weight``) and reads the
weight of its output projection without calling it, so nothing can be put in front of either.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

TOWERS = ("image", "text")


class ExplicitAttention(nn.Module):
    """Multi-head attention (arXiv 1706.03762, section 3.2.2) with ``q_proj``, ``k_proj``,
    ``v_proj`` and ``out_proj`` as ``nn.Linear``, called as open_clip's blocks call theirs.

    Parameters
    ----------
    original : nn.MultiheadAttention
        Self-attention with one width for q, k and v; its numbers are copied.

    Raises
    ------
    ValueError
        If it has parts that CLIP's blocks never have: other widths for keys or values, learned
        key and value vectors, a column of zeros.
    """

    def __init__(self, original: nn.MultiheadAttention):
        super().__init__()
        odd = original.bias_k is not None or original.add_zero_attn
        if odd or original.in_proj_weight is None:
            raise ValueError(
                "only plain self-attention can be written out (one width for q, k and v, no "
                "bias_k, bias_v or zero column); this nn.MultiheadAttention has "
                f"embed_dim {original.embed_dim}, kdim {original.kdim}, vdim {original.vdim}"
            )
        self.num_heads: int = original.num_heads
        self.batch_first: bool = original.batch_first
        self.dropout: float = original.dropout
        weights = original.in_proj_weight.chunk(3)
        biases = (None,) * 3 if original.in_proj_bias is None else original.in_proj_bias.chunk(3)
        pairs = zip(weights, biases, strict=True)
        self.q_proj, self.k_proj, self.v_proj = (_linear(*pair) for pair in pairs)
        out = original.out_proj  # torch's own subclass of nn.Linear: a plain one takes its place
        self.out_proj = _linear(out.weight, out.bias)
        learns = original.in_proj_weight.requires_grad
        self.train(original.training).requires_grad_(learns)

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        *,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Attend.

        Parameters
        ----------
        query : float [B, n, D], or [n, B, D] if the original was not ``batch_first``
        key, value : float, the same with m tokens in place of n; None is the query
        attn_mask : [n, m], or [B * heads, n, m]; added to the logits if floating, True where
            nobody may look if bool (as ``nn.MultiheadAttention`` has it)

        Returns
        -------
        (float tensor of the query's shape, None): the None stands where the original gives its
        weights

        Raises
        ------
        ValueError
            With ``need_weights=True``: the fused kernel never forms them.
        """
        if need_weights:
            raise ValueError(
                "the fused kernel forms no attention weights; call with need_weights=False, or "
                "compute softmax(q k^T / sqrt(d)) from q_proj and k_proj"
            )
        key = query if key is None else key
        value = key if value is None else value
        if not self.batch_first:
            query, key, value = (tokens.transpose(0, 1) for tokens in (query, key, value))
        q, k, v = (
            projection(tokens).unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for projection, tokens in (
                (self.q_proj, query),
                (self.k_proj, key),
                (self.v_proj, value),
            )
        )
        if attn_mask is not None:
            if attn_mask.dtype == torch.bool:
                attn_mask = ~attn_mask  # torch's two attentions mean the opposite by True
            else:
                attn_mask = attn_mask.to(q.dtype)
            if attn_mask.ndim == 3:
                attn_mask = attn_mask.unflatten(0, (-1, self.num_heads))
        dropout = self.dropout if self.training else 0.0
        attended = F.scaled_dot_product_attention(q, k, v, attn_mask, dropout_p=dropout)
        out = self.out_proj(attended.transpose(1, 2).flatten(2))
        return (out if self.batch_first else out.transpose(0, 1)), None


def _linear(weight: Tensor, bias: Tensor | None) -> nn.Linear:
    # on "meta" first: no memory, and no random numbers drawn for weights that are replaced
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias is not None, device="meta")
    linear.weight = nn.Parameter(weight.detach().clone())
    if bias is not None:
        linear.bias = nn.Parameter(bias.detach().clone())
    return linear


def make_explicit(clip: nn.Module) -> nn.Module:
    """Write out the attention of every block of both towers, in place.

    Outputs stay the same to rounding (1e-5). Blocks that are explicit already are left alone.

    Parameters
    ----------
    clip : open_clip.CLIP
        With plain transformers in both towers: any ViT of OpenAI's and LAION's CLIP, small ones
        too.

    Returns
    -------
    nn.Module
        The same model.

    Raises
    ------
    ValueError
        For a tower of another kind (ResNet, timm, Hugging Face, blocks with attention of their
        own); the model is then as it was.
    """
    found = [block for tower in TOWERS for _, block in tower_blocks(clip, tower)]
    for block in found:
        if isinstance(block.attn, nn.MultiheadAttention):
            block.attn = ExplicitAttention(block.attn)
    return clip


def tower_blocks(clip: nn.Module, tower: str) -> list[tuple[str, nn.Module]]:
    """(name in the model, residual block) of one tower, ``"image"`` or ``"text"``, in order.

    Raises
    ------
    ValueError
        If the tower is not a plain transformer of open_clip's.
    """
    stem = "visual.transformer" if tower == "image" else "transformer"
    holder = getattr(clip, "visual", None) if tower == "image" else clip
    blocks = getattr(getattr(holder, "transformer", None), "resblocks", ())
    plain = (nn.MultiheadAttention, ExplicitAttention)
    kinds = {type(getattr(block, "attn", None)) for block in blocks}
    odd = sorted(kind.__name__ for kind in kinds if not issubclass(kind, plain))
    if not blocks or odd:
        what = f"its blocks attend with {', '.join(odd)}" if odd else f"it is {_kind(holder)}"
        raise ValueError(
            f"the {tower} tower is no plain transformer of open_clip's: {what}. Adapters are put "
            f"on blocks at {stem}.resblocks with nn.MultiheadAttention; choose a model such as "
            "ViT-B-16, ViT-B-32 or ViT-L-14"
        )
    return [(f"{stem}.resblocks.{i}", block) for i, block in enumerate(blocks)]


def _kind(holder: object) -> str:
    return "absent" if holder is None else f"part of a {type(holder).__name__}"
