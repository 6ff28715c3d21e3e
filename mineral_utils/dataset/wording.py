"""The paper's caption of a photo, and what CLIP's 77 tokens leave of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

__all__ = ["CONTEXT", "Wording", "count_tokens", "paper_caption"]

CONTEXT = 77  # tokens that CLIP reads, those for begin and end among them
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Wording:
    """A photo's caption as CLIP is taught with it.

    Attributes
    ----------
    text : str
        "Minerals on this photo: <names>. Description: <text>"; without a description only the
        first sentence.
    listed : tuple of str
        Names in the list; fewer than given where the list itself would not fit.
    tokens : int
        Tokens of the whole text, begin and end included.
    read : int
        Tokens that CLIP reads: `tokens`, at most the context.
    description_kept : float
        Share of the description's tokens that CLIP reads, 0 to 1; 1 where there is none.
    """

    text: str
    listed: tuple[str, ...]
    tokens: int
    read: int
    description_kept: float

    @property
    def is_cut(self) -> bool:
        """Whether CLIP reads only a part of the description."""
        return self.tokens > self.read


def paper_caption(
    names: Sequence[str],
    description: str | None = "",
    *,
    context: int = CONTEXT,
    shorten: bool = True,
) -> Wording:
    """Write the paper's caption: the list of minerals first, so that it is never cut.

    Parameters
    ----------
    names : sequence of str
        Minerals, most prominent first; at least one.
    description : str, optional
        What the photographer wrote. White space is folded, nothing else is changed.
    context : int
        Tokens that the text tower reads.
    shorten : bool
        What happens to a list that would itself be cut: True leaves out the last names until it
        fits (`Wording.listed` says which stayed), False refuses.

    Returns
    -------
    Wording

    Raises
    ------
    ValueError
        No name; a list that does not fit while `shorten` is off, or whose first name alone does
        not fit.
    """
    names = tuple(names)
    if not names:
        raise ValueError(
            "A caption needs at least one mineral; leave photos without one out of the dataset."
        )
    listed, used = names, count_tokens(_list(names))
    while used > context:
        if not shorten or len(listed) == 1:
            raise ValueError(
                f"The list of {len(listed)} minerals takes {used} tokens, CLIP reads {context}; "
                "keep fewer classes, or pass shorten=True."
            )
        listed = listed[:-1]
        used = count_tokens(_list(listed))
    description = _SPACE.sub(" ", description or "").strip()
    if not description:
        return Wording(_list(listed), listed, used, used, 1.0)
    text = f"{_list(listed)} Description: {description}"
    tokens = count_tokens(text)
    # of all after the list, the label "Description:" takes the first two tokens
    wanted = max(tokens - used - _label_tokens(), 1)
    kept = max(min(tokens, context) - used - _label_tokens(), 0) / wanted
    return Wording(text, listed, tokens, min(tokens, context), min(kept, 1.0))


def count_tokens(text: str) -> int:
    """Tokens of a text as open_clip's CLIP tokenizer makes them, begin and end included."""
    return len(_tokenizer().encode(text)) + 2


def _list(names: Sequence[str]) -> str:
    return f"Minerals on this photo: {', '.join(names)}."


@cache
def _label_tokens() -> int:
    return count_tokens("Description:") - 2


@cache
def _tokenizer():
    from open_clip.tokenizer import SimpleTokenizer  # brings torch: seconds

    return SimpleTokenizer()
