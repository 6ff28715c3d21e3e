"""Captions in the manner of people who upload photos of polished sections, with the truth beside.

A caption is written from what was drawn: a title that lists species by prominence, and a text that
may be empty, terse or chatty. It names minerals by abbreviation, in wrong spelling or another
language, and also minerals that are *not* there, in all the ways in which texts do that. What each
name was meant to say is kept, so that whatever draws minerals out of captions can be scored::

    caption(section, seed=3)
    # Caption(title='Pyrite, Galena', text='Pyrite with a little galena. No gold here. FOV 0.8 mm',
    #         language='en', truth=Truth(minerals=('Pyrite', 'Galena'), ...))

Words and sentences stand in ``phrases.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .uploader import Uploader
from .wording import Piece, phrases

__all__ = ["LANGUAGES", "Caption", "Mention", "Subject", "Truth", "caption", "subject_of"]

LANGUAGES = {"en": 0.84, "ru": 0.06, "de": 0.03, "es": 0.03, "en+ru": 0.03, "en+de": 0.01}


@dataclass(frozen=True)
class Mention:
    """A mineral's name in a caption.

    Attributes
    ----------
    mineral : str
        Name in the vocabulary.
    role : str
        ``"present"``; ``"absent"`` (said not to be there), ``"former"`` (fully replaced),
        ``"compared"``, ``"elsewhere"`` (in the deposit, in other photos), ``"word"`` ("copper
        ore"), ``"place"`` ("Galena Hill").
    where : str
        ``"title"`` or ``"text"``.
    start, end : int
        Characters ``[start:end]`` of the title or text.
    words : str
        What stands there.
    """

    mineral: str
    role: str
    where: str
    start: int
    end: int
    words: str


@dataclass(frozen=True)
class Truth:
    """What a caption says and what is so.

    Attributes
    ----------
    minerals : tuple of str
        Minerals that title or text say are there (all of them are), in order of first mention.
    drawn : tuple of str
        All minerals of the picture, most prominent first; a caption need not name all.
    mentions : tuple of Mention
    field_width_mm : float or None
        As stated in the text, rounded as there.
    textures : tuple of (texture, mineral)
        Those that the text describes.
    """

    minerals: tuple[str, ...]
    drawn: tuple[str, ...]
    mentions: tuple[Mention, ...]
    field_width_mm: float | None
    textures: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Caption:
    """Title and text of a photo, the language (``"en"``, ``"ru"``, ``"en+ru"`` …), the truth."""

    title: str
    text: str
    language: str
    truth: Truth


@dataclass(frozen=True)
class Subject:
    """What a caption is written from.

    Attributes
    ----------
    shares : mapping of str to float
        Share of the picture of each mineral, 0 to 1; those of 0 are not there.
    textures : tuple of (texture, mineral)
    field_width_mm : float or None
        None: the caption states none.
    light : str
        ``"ppl"`` or ``"xpl"``.
    at : mapping of str to (int, int)
        Row and column of the third of the picture where a mineral is gathered; those spread over
        the picture are left out.
    """

    shares: Mapping[str, float]
    textures: tuple[tuple[str, str], ...] = ()
    field_width_mm: float | None = None
    light: str = "ppl"
    at: Mapping[str, tuple[int, int]] = ()


def subject_of(section) -> Subject:
    """What is to be said about a digital section.

    Parameters
    ----------
    section : Section
        Anything with `names`, `labels` (uint8 [H, W], 255 = no mineral), `textures`, `um_per_px`
        and `light`.
    """
    height, width = section.labels.shape
    shares, at = {}, {}
    for k, name in enumerate(section.names):
        rows, cols = np.nonzero(section.labels == k)
        shares[name] = rows.size / section.labels.size
        if rows.size:
            place = (rows.mean() / height, cols.mean() / width)
            spread = np.hypot(rows.std() / height, cols.std() / width)
            if spread < 0.27:  # 0.41 if all over the picture
                at[name] = tuple(int(np.clip(3 * p, 0, 2)) for p in place)
    scale = getattr(section, "um_per_px", None)
    field = None if scale is None else scale * width / 1000
    return Subject(shares, tuple(section.textures), field, section.light, at)


def caption(section, seed: int | np.random.Generator = 0) -> Caption:
    """Write a caption.

    Parameters
    ----------
    section : Section or Subject
    seed : int or numpy.random.Generator
        Equal seeds write equal captions.

    Returns
    -------
    Caption

    Raises
    ------
    ValueError
        If no mineral is there, or one has no words in ``phrases.yaml``.
    """
    subject = section if isinstance(section, Subject) else subject_of(section)
    there = {name for name, share in subject.shares.items() if share > 0}
    unknown = sorted(there - set(phrases()["minerals"]))
    if unknown or not there:
        what = f"there are no words for {', '.join(unknown)}" if unknown else "no mineral is there"
        raise ValueError(
            f"a caption cannot be written: {what}; give minerals of vocabulary().names that cover"
            " some of the picture."
        )
    rng = np.random.default_rng(seed)
    language = str(rng.choice(list(LANGUAGES), p=list(LANGUAGES.values())))
    uploader = Uploader(subject, rng)
    title, mentions = _assembled(uploader.title(), "title")
    text, more = _assembled(uploader.text(language), "text")
    mentions += more
    named = tuple(dict.fromkeys(m.mineral for m in mentions if m.role == "present"))
    truth = Truth(named, uploader.drawn, mentions, uploader.field, tuple(uploader.textures))
    return Caption(title, text, "+".join(uploader.languages) or "en", truth)


def _assembled(pieces: list[Piece], where: str) -> tuple[str, tuple[Mention, ...]]:
    text, mentions = "", []
    for words, meant in pieces:
        if meant is not None:
            mentions.append(Mention(*meant, where, len(text), len(text) + len(words), words))
        text += words
    return text, tuple(mentions)
