"""CLIP's text tower: names of minerals to unit vectors, remembered on disk.

Each word goes through a set of templates; the unit vectors are averaged and scaled back to unit
length (CLIP, arXiv 2103.00020, section 3.1.4; the 80 ImageNet templates are open_clip's).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..run import give_back_memory
from ..weights import cache_dir
from .vit import CPU, freeze

TEMPLATES: dict[str, tuple[str, ...]] = {
    "imagenet80": tuple(template("{}") for template in open_clip.OPENAI_IMAGENET_TEMPLATES),
    "plain": ("{}",),
    "mineral": ("Minerals on this photo: {}.",),
}


class ClipText:
    """An open_clip text tower.

    Parameters
    ----------
    clip : open_clip.CLIP
        Holds ``transformer``, ``token_embedding``, ``positional_embedding``, ``ln_final``,
        ``text_projection`` (the towers of OpenAI's and LAION's CLIP).
    tokenizer : callable
        Texts to int64 [n, 77].
    remember : bool
        Keep embeddings in the cache folder, under the hash of the tower's weights.
    prompts : str or list of str
        Templates that names are put into where nothing else is said.
    """

    def __init__(
        self,
        clip: nn.Module,
        tokenizer,
        device: torch.device = CPU,
        remember: bool = True,
        prompts: str | Sequence[str] = "imagenet80",
    ):
        self.prompts = find_templates(prompts)
        parts = ("token_embedding", "transformer", "ln_final", "text_projection")
        if not all(hasattr(clip, part) for part in parts):
            raise ValueError(
                f"{type(clip).__name__} has no text tower of CLIP's own form; choose a model "
                "such as ViT-B-16 (SigLIP and Hugging Face text towers are not supported)"
            )
        self.parts = nn.ModuleDict(
            {p: getattr(clip, p) for p in parts if isinstance(getattr(clip, p), nn.Module)}
        )
        freeze(self.parts, device)
        self.device = device
        self.positions = clip.positional_embedding.detach().to(device)
        self.projection = clip.text_projection
        if isinstance(self.projection, nn.Parameter):
            self.projection = self.projection.detach().to(device)
        self.pool = getattr(clip, "text_pool_type", "argmax")
        self.tokenizer = tokenizer
        self.remember = remember
        self._hash: str | None = None
        self._memory: dict[tuple[str, tuple[str, ...]], Tensor] = {}

    @property
    def hash(self) -> str:
        """SHA-256 over the tower's modules and the names, shapes and bytes of its weights."""
        if self._hash is None:
            digest = hashlib.sha256(str(self.parts).encode())  # activations have no weights
            tensors = dict(self.parts.state_dict(), positions=self.positions)
            if isinstance(self.projection, Tensor):
                tensors["projection"] = self.projection
            for name, tensor in sorted(tensors.items()):
                digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                digest.update(tensor.detach().cpu().contiguous().numpy().data)
            self._hash = digest.hexdigest()
        return self._hash

    def embed(self, words: Sequence[str], templates: str | Sequence[str] | None = None) -> Tensor:
        """Unit vectors of words.

        Parameters
        ----------
        words : texts to put into the templates
        templates : a name in `TEMPLATES`, or format strings with one ``{}``; the tower's own
            `prompts` by default

        Returns
        -------
        float32 [len(words), embed_dim], unit length, on the tower's device

        Raises
        ------
        ValueError
            Unknown template set, or a template without ``{}``.
        """
        forms = self.prompts if templates is None else find_templates(templates)
        missing = [word for word in dict.fromkeys(words) if not self._recall(word, forms)]
        for start in range(0, len(missing), 16):  # 16 names make up to 1280 prompts at a time
            some = missing[start : start + 16]
            texts = [form.format(word) for word in some for form in forms]
            features = F.normalize(self.encode(texts), dim=-1).unflatten(0, (len(some), -1))
            for word, feature in zip(some, F.normalize(features.mean(1), dim=-1), strict=True):
                self._remember(word, forms, feature.cpu().clone())
        if missing:
            give_back_memory()
        return torch.stack([self._memory[word, forms] for word in words]).to(self.device)

    def _path(self, word: str, forms: tuple[str, ...]) -> Path:
        name = hashlib.sha256("\0".join([word, *forms]).encode()).hexdigest()[:32]
        return cache_dir() / "text" / self.hash[:32] / f"{name}.npy"

    def _recall(self, word: str, forms: tuple[str, ...]) -> bool:
        """Whether the word is in memory, or was found on disk and is now."""
        if (word, forms) in self._memory:
            return True
        if not self.remember:
            return False
        try:
            feature = torch.from_numpy(np.load(self._path(word, forms), allow_pickle=False))
        except (OSError, ValueError, EOFError):
            return False  # absent, or torn by a crash: it is made anew
        self._memory[word, forms] = feature
        return True

    def _remember(self, word: str, forms: tuple[str, ...], feature: Tensor) -> None:
        self._memory[word, forms] = feature
        if not self.remember:
            return
        try:
            _write(self._path(word, forms), feature.numpy())
        except OSError:
            self.remember = False  # a full or read-only disk must not stop a lesson

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> Tensor:
        """Text features as open_clip's ``encode_text``, not normalised, float32 [n, embed_dim].

        Under the causal mask nothing after the end-of-text token can matter, so texts run in
        groups of equal length instead of 77 tokens each.
        """
        tokens = self.tokenizer(list(texts)).to(self.device)
        ends = tokens.argmax(-1)  # end-of-text has the highest number
        out: Tensor | None = None
        for end in ends.unique().tolist():
            chosen = (ends == end).nonzero()[:, 0]
            features = self._tower(tokens[chosen, : end + 1])
            if out is None:
                out = features.new_empty(len(tokens), features.shape[-1])
            out[chosen] = features
        return out

    def _tower(self, tokens: Tensor) -> Tensor:
        length = tokens.shape[1]
        x = self.parts["token_embedding"](tokens) + self.positions[:length]
        mask = torch.full((length, length), float("-inf"), device=x.device).triu_(1)
        x = self.parts["transformer"](x, attn_mask=mask)
        last = self.parts["ln_final"](x[:, -1])
        if isinstance(self.projection, nn.Module):
            return self.projection(last)
        return last @ self.projection if self.projection is not None else last


def text_features(clip: nn.Module, tokens: Tensor, step: int = 26) -> Tensor:
    """Text features with gradients, as open_clip's ``encode_text`` gives them, not normalised.

    Nothing after the end of text matters under the causal mask, so texts run in groups whose
    lengths differ by less than `step` tokens, cut behind the longest of the group.

    tokens : int64 [n, 77]; to float32 [n, embed_dim]
    """
    ends = tokens.argmax(-1)  # end-of-text has the highest number
    kinds = ends.div(step, rounding_mode="floor")
    groups = [(kinds == kind).nonzero()[:, 0] for kind in kinds.unique()]
    found = []
    for rows in groups:
        end, some = ends[rows], tokens[rows]
        length = int(end.max()) + 1
        x = clip.token_embedding(some[:, :length]) + clip.positional_embedding[:length]
        mask = torch.full((length, length), float("-inf"), device=x.device).triu_(1)
        x = clip.ln_final(clip.transformer(x, attn_mask=mask))[torch.arange(len(x)), end]
        projection = clip.text_projection
        found.append(projection(x) if isinstance(projection, nn.Module) else x @ projection)
    return torch.cat(found)[torch.cat(groups).argsort()]


def find_templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    """Templates by the name of their set, or those given, each checked for its ``{}``."""
    if isinstance(templates, str):
        if templates not in TEMPLATES:
            raise ValueError(
                f"no template set {templates!r}; there are {', '.join(TEMPLATES)}, "
                "or give a list of sentences with {} where the name goes"
            )
        return TEMPLATES[templates]
    for form in templates:
        if "{}" not in form:
            raise ValueError(f"the template {form!r} has no {{}} where the name goes")
    return tuple(templates)


def _write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            np.save(file, array, allow_pickle=False)
        os.replace(aside, path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
        raise
