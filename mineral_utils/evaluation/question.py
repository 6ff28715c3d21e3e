"""What a model is asked, and which answers are right; the photos that it is asked about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .. import lumenstone
from ..metrics import GANGUE, allowed_answers, relabel
from ..minerals import LumenstoneClass, vocabulary
from ..sections import Section


class Case(NamedTuple):
    """A photo whose truth is known.

    image : uint8 [H, W, 3] RGB
    labels : uint8 [H, W], index into the names of the question; 255 is not scored
    name : what to call it
    specimen : photos of one specimen are drawn together in intervals; None if not known
    """

    image: np.ndarray
    labels: np.ndarray
    name: str = ""
    specimen: str | None = None


@dataclass(frozen=True)
class Question:
    """The classes of the truth, and the names that a model is asked for.

    names : K classes of the labels
    asked : name -> its words, P names; several words are one class, the best of them counts
    accepts : for each class the asked names that are right
    not_minerals : classes that are no mineral: they are painted, but no photo "contains" them
    """

    names: tuple[str, ...]
    asked: Mapping[str, tuple[str, ...]]
    accepts: tuple[tuple[str, ...], ...]
    not_minerals: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.accepts) != len(self.names):
            raise ValueError(
                f"{len(self.names)} classes need as many sets of accepted names, got "
                f"{len(self.accepts)}"
            )
        deaf = [
            name
            for name, accepted in zip(self.names, self.accepts, strict=True)
            if not set(accepted) & set(self.asked)
        ]
        if len(deaf) == len(self.names):
            raise ValueError(
                "no class accepts any of the names that are asked, so no answer could be right; "
                f"asked are {', '.join(self.asked)}"
            )

    @property
    def allowed(self) -> np.ndarray:
        """bool [K, P]: which answer is right for which class."""
        return allowed_answers(self.accepts, tuple(self.asked))

    @property
    def minerals(self) -> np.ndarray:
        """bool [K]: which classes are minerals."""
        return np.array([name not in self.not_minerals for name in self.names])


def question(names: Sequence[str] | Question) -> Question:
    """The plain question: every class is asked by its own name."""
    if isinstance(names, Question):
        return names
    names = tuple(names)
    return Question(names, {name: (name,) for name in names}, tuple((name,) for name in names))


def lumenstone_question(
    classes: Iterable[LumenstoneClass],
    background: Sequence[str],
    *,
    all_names: bool = False,
) -> Question:
    """How LumenStone's masks are asked for.

    Parameters
    ----------
    classes : of one set, as `lumenstone.Item.classes`
    background : words for the class of resin, gangue, pits and cracks (`Profile.background`)
    all_names : ask for the paper's 20 minerals instead of the set's own classes; then the
        background accepts every gangue mineral, and holes have no right answer of their own

    Returns
    -------
    Question
        A code that may be one of two minerals ("pyrite or marcasite") accepts both, and is asked
        with both.
    """
    classes = tuple(classes)
    names = tuple(c.minerals[0] if c.minerals else lumenstone.BACKGROUND for c in classes)
    if all_names:
        asked = {name: (name,) for name in vocabulary().paper_names}
        accepts = tuple(c.minerals or GANGUE["gangue"] for c in classes)
    else:
        words = (tuple(c.minerals) or tuple(background) for c in classes)
        asked = dict(zip(names, words, strict=True))
        accepts = tuple((name,) for name in names)
    return Question(names, asked, accepts, (lumenstone.BACKGROUND,))


def section_cases(
    sections: Iterable[Section], names: Sequence[str], label: str = "section"
) -> Iterator[Case]:
    """Digital sections as cases, each its own specimen; what `names` lacks, and holes, are 255."""
    for number, section in enumerate(sections):
        labels = relabel(section.labels, section.names, names)
        yield Case(section.image, labels, f"{label} {number}", f"{label} {number}")


def lumenstone_cases(items: Iterable[lumenstone.Item], long_side: int | None) -> Iterator[Case]:
    """LumenStone's photos as cases, at the size at which the model looks at them.

    Test photos that are opened here are counted: `lumenstone.looks_at_test`. Which photos are of
    one specimen is not published, so none is named.
    """
    for item in items:
        loaded = lumenstone.load(item, long_side=long_side)
        yield Case(loaded.photo.image, loaded.labels, f"{item.set} {item.split} {item.stem}")
