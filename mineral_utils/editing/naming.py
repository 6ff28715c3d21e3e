"""What somebody typed into the box of names, as names that can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..minerals import AmbiguousMineral, UnknownMineral, split_names, vocabulary


def typed_names(text: str) -> list[str]:
    """The names in what was typed or pasted, see `mineral_utils.minerals.split_names`."""
    return [name for name in split_names(text) if name]


def with_names(names: Sequence[str], text: str, *, free_text: bool = False) -> tuple[str, ...]:
    """The names so far and those that were typed, checked as a question.

    Parameters
    ----------
    names : asked so far
    text : one line, see `typed_names`; a name in it that is asked already adds nothing
    free_text : take words that the vocabulary lacks as they are

    Raises
    ------
    mineral_utils.minerals.UnknownMineral
        A word that the vocabulary lacks; ``vocabulary().near`` offers what may be meant.
    ValueError
        Nothing was typed, or a mineral is named twice in two ways.
    """
    typed = typed_names(text)
    if not typed:
        raise ValueError("no name was typed; write one such as pyrite, пирит or Py")
    if "unknown" in map(str.casefold, typed):
        raise ValueError(
            '"unknown" is what pixels are called that no name fits; it cannot be asked for'
        )
    known = {name.casefold() for name in names}
    new = [name for name in dict.fromkeys(typed) if name.casefold() not in known]
    if new:
        vocabulary().queries(new, open_vocabulary=free_text)
    found = (*names, *new)
    vocabulary().queries(found, open_vocabulary=True)  # free text that was asked before stays
    return found


def corrections_of(text: str) -> dict[str, str]:
    """For each known name that is spelt like an unknown one, the typed line with it put right."""
    typed = typed_names(text)
    return {
        name: ", ".join(f'"{n}"' if "," in n else n for n in (*typed[:k], name, *typed[k + 1 :]))
        for k, word in enumerate(typed)
        if identity(word)[0] == "words"
        for name in vocabulary().near(word)
    }


def unknown_words(text: str) -> list[str]:
    """Those of the typed names that the vocabulary lacks."""
    return [name for name in typed_names(text) if identity(name)[0] == "words"]


def identity(name: str) -> tuple[str, str]:
    """What a name stands for, to tell whether two names mean the same: ``("mineral", name)`` or
    ``("words", text)``."""
    try:
        return "mineral", vocabulary().find(name).name
    except AmbiguousMineral:
        raise
    except UnknownMineral:
        return "words", " ".join(name.casefold().split())


def short(name: str) -> str:
    """The mineral's symbol; nothing for free text, which has none."""
    kind, found = identity(name)
    return (vocabulary().find(found).symbol or "") if kind == "mineral" else ""


@cache
def completions() -> tuple[str, ...]:
    """Everything that can be typed: English names, Russian names, symbols."""
    minerals = list(vocabulary())
    names = [m.name for m in minerals] + [m.name_ru for m in minerals]
    return tuple(dict.fromkeys([*names, *(m.symbol for m in minerals if m.symbol)]))
