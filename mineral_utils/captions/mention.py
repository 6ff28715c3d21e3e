"""A mineral's name in plain text, and the result of judging it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mention:
    """Where a mineral is named.

    Attributes
    ----------
    start, end : int
        Characters of the plain text.
    mineral : str
        Name in the vocabulary.
    word : str
        What stands there.
    how : str
        How it was recognised: ``"name"``, ``"misspelt name"``, or the kind of abbreviation.
    """

    start: int
    end: int
    mineral: str
    word: str
    how: str = "name"


@dataclass(frozen=True)
class Hit:
    """A mineral named in a caption.

    Attributes
    ----------
    mineral : str
        English name in the vocabulary.
    start, end : int
        Characters ``[start:end]`` of the title or text as given.
    where : str
        ``"title"`` or ``"text"``.
    words : str
        What stands there.
    reason : str
        How it was recognised, and why it was kept or not.
    kept : bool
        Whether the caption says that the mineral is in the picture.
    role : str
        ``"present"``, ``"absent"``, ``"former"`` (replaced), ``"compared"``, ``"elsewhere"``,
        ``"word"`` ("copper ore"), ``"place"``, ``"person"``, or ``"key"`` (only explained).
    """

    mineral: str
    start: int
    end: int
    where: str
    words: str
    reason: str
    kept: bool
    role: str

    @property
    def span(self) -> tuple[int, int]:
        """`start` and `end` together, as a row of the ledger has them."""
        return self.start, self.end
