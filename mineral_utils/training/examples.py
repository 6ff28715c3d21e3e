"""What CLIP is tuned on: photos with texts and sets of minerals, and masks where there are any.

Three sources look alike to the course: digital sections, a dataset folder
(`mineral_utils.dataset`), photos of LumenStone with their minerals but without their masks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..captions import minerals_of
from ..dataset import paper_caption, read_dataset
from ..minerals import vocabulary
from ..photos import load_photo, resize_long_side
from .pool import drawn_sections

GROUND = 254  # label of pixels that hold no mineral: resin, pits, holes


@dataclass(frozen=True)
class Examples:
    """Photos to tune on.

    names : the K classes, English names of the vocabulary
    texts : N captions
    labels : float32 [N, K], 1 where the text names the mineral
    picture : number -> uint8 [H, W, 3] RGB; may raise ValueError or OSError for one that cannot be
        read; is called from several threads
    truth : number -> uint8 [H, W], index into `names`, `GROUND` (254) where there is no mineral,
        255 where it is not known or another one; None without masks
    files : what to call each photo in messages
    note : what they are, for the record of a run
    """

    names: tuple[str, ...]
    texts: tuple[str, ...]
    labels: np.ndarray
    picture: Callable[[int], np.ndarray]
    truth: Callable[[int], np.ndarray] | None = None
    files: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise ValueError(f"the classes name {', '.join(twice)} more than once; name each once")
        if self.labels.shape != (len(self.texts), len(self.names)):
            raise ValueError(
                f"{len(self.texts)} texts and {len(self.names)} classes need labels of that shape, "
                f"but they are {self.labels.shape}"
            )

    def __len__(self) -> int:
        return len(self.texts)

    def name_of(self, number: int) -> str:
        """What a photo is called in messages."""
        return self.files[number] if self.files else f"photo {number}"

    def some(self, numbers: Sequence[int]) -> Examples:
        """Only these photos, in this order."""
        numbers = [int(n) for n in numbers]
        return Examples(
            self.names,
            tuple(self.texts[n] for n in numbers),
            self.labels[numbers],
            lambda k: self.picture(numbers[k]),
            None if self.truth is None else lambda k: self.truth(numbers[k]),
            tuple(self.name_of(n) for n in numbers),
            self.note,
        )

    def check(self) -> list[str]:
        """Refuse what cannot teach anything; return what is odd, in sentences.

        Raises
        ------
        ValueError
            No photos, no mineral at all, or one and the same set of minerals on every photo.
        """
        if not len(self):
            raise ValueError("there are no photos to tune on; give two or more with a mineral each")
        held = self.labels.sum(0)
        if not held.any():
            raise ValueError(
                f"none of the {len(self)} texts names one of the classes {', '.join(self.names)}; "
                "check the classes, or what mineral_utils.captions.minerals_of finds in the texts"
            )
        if len(np.unique(self.labels, axis=0)) < 2:
            only = [n for n, count in zip(self.names, held, strict=True) if count]
            raise ValueError(
                f"every photo holds the same minerals ({', '.join(only)}), so there is nothing to "
                "tell apart; add photos of other minerals"
            )
        odd = []
        absent = [n for n, count in zip(self.names, held, strict=True) if not count]
        if absent:
            odd.append(f"{', '.join(absent)}: on no photo here, so nothing is learnt of them")
        mute = int((self.labels.sum(1) == 0).sum())
        if mute:
            odd.append(f"{mute} of {len(self)} photos name no class; they teach by their text only")
        return odd


# ---- digital sections --------------------------------------------------------------------------
def section_examples(
    count: int,
    folder: str | Path,
    *,
    first: int = 0,
    names: Sequence[str] | None = None,
    workers: int = 2,
    progress: bool = True,
) -> Examples:
    """Digital sections of the training set with captions in the manner of uploaders, and masks.

    Labels are what `mineral_utils.captions` draws out of the captions, as with real photos, not
    what was drawn; the masks are exact.

    Parameters
    ----------
    count, first : sections `first` to `first + count - 1` of the endless training set
    folder : where the drawn sections are kept (600 kB each); those that are there are not drawn
        again
    names : classes; the paper's 20 by default
    workers : processes that draw

    Raises
    ------
    ValueError
        The folder holds other sections, or cannot be used.
    """
    names = _classes(names)
    folder = Path(folder)
    images, labels, rows = drawn_sections(folder, first, count, workers, progress)
    held, texts = np.zeros((count, len(names)), np.float32), []
    for number, row in enumerate(rows):
        found = [n for n in minerals_of(row["title"], row["text"]) if n in names]
        held[number, [names.index(n) for n in found]] = 1
        texts.append(paper_caption(found, row["text"]).text if found else row["text"])
    everything = vocabulary().names
    onto = np.full(256, 255, np.uint8)
    onto[255] = GROUND
    for index, name in enumerate(everything):
        if name in names:
            onto[index] = names.index(name)
    return Examples(
        names,
        tuple(texts),
        held,
        lambda k: np.array(images[k]),
        lambda k: onto[labels[k]],
        tuple(f"section {first + k}" for k in range(count)),
        f"digital sections {first} to {first + count - 1} of the training set",
    )


# ---- photos ------------------------------------------------------------------------------------
def dataset_examples(
    folder: str | Path,
    side: str = "train",
    *,
    names: Sequence[str] | None = None,
    long_side: int = 896,
) -> Examples:
    """One side of a dataset folder (`mineral_utils.dataset.export_dataset`).

    long_side : photos are shrunk to it when they are read, px
    """
    folder = Path(folder)
    lines = read_dataset(folder, side)
    # lines written by hand may spell a name otherwise
    minerals = [[vocabulary().find(name).name for name in line["minerals"]] for line in lines]
    if names is None:
        names = sorted({name for those in minerals for name in those})
    names = _classes(names)
    held = np.zeros((len(lines), len(names)), np.float32)
    for number, those in enumerate(minerals):
        held[number, [names.index(name) for name in those if name in names]] = 1
    files = tuple(line["file_name"] for line in lines)
    return Examples(
        names,
        tuple(line["text"] for line in lines),
        held,
        lambda k: read_photo(folder / side / files[k], long_side),
        None,
        files,
        f"dataset {folder.name}, {side}",
    )


def lumenstone_examples(
    folder: str | Path | None = None,
    sets: str | Iterable[str] | None = None,
    *,
    names: Sequence[str] | None = None,
    long_side: int = 896,
    repeat: int = 1,
) -> Examples:
    """LumenStone's training photos, each with the minerals of its whole mask and a caption that
    lists them; where they are in the photo is not told.

    repeat : how often each photo comes in an epoch (there are few, and each window differs)
    """
    from .. import lumenstone

    names = _classes(names)
    held, files, paths = [], [], []
    for item in lumenstone.items(folder, sets, split="train"):
        loaded = lumenstone.load(item, long_side=long_side)
        there = {loaded.names[k] for k in np.unique(loaded.labels)}
        held.append([float(name in there) for name in names])
        files.append(f"{item.set} {item.stem}")
        paths.append(item.image_path)
    labels = np.array(held, np.float32).repeat(repeat, axis=0)
    texts = [
        paper_caption([n for n, there in zip(names, row, strict=True) if there] or ["ore"]).text
        for row in labels
    ]
    return Examples(
        names,
        tuple(texts),
        labels,
        lambda k: read_photo(paths[k // repeat], long_side),
        None,
        tuple(np.repeat(files, repeat).tolist()),
        f"LumenStone, {len(paths)} training photos, labels of whole photos",
    )


def read_photo(path: str | Path, long_side: int) -> np.ndarray:
    """A photo shrunk to a long side, uint8 [H, W, 3]."""
    image = load_photo(path).image
    return resize_long_side(image, long_side)[0] if max(image.shape[:2]) > long_side else image


def _classes(names: Sequence[str] | None) -> tuple[str, ...]:
    if names is None:
        return vocabulary().paper_names
    return tuple(vocabulary().find(name).name for name in names)


def joined(parts: Sequence[Examples]) -> Examples:
    """Several sources one after the other; they must share their classes. Masks count as unknown
    where a source has none."""
    if len({part.names for part in parts}) != 1:
        raise ValueError("sources with different classes cannot be joined; give all the same names")
    starts = np.cumsum([0, *(len(part) for part in parts)])

    def at(number: int, what: str):
        which = int(np.searchsorted(starts, number, "right")) - 1
        return getattr(parts[which], what), number - int(starts[which])

    def truth(number: int) -> np.ndarray:
        of, inner = at(number, "truth")
        if of is not None:
            return of(inner)
        return np.full(picture(number).shape[:2], 255, np.uint8)

    def picture(number: int) -> np.ndarray:
        of, inner = at(number, "picture")
        return of(inner)

    return Examples(
        parts[0].names,
        tuple(text for part in parts for text in part.texts),
        np.concatenate([part.labels for part in parts]),
        picture,
        truth if any(part.truth for part in parts) else None,
        tuple(part.name_of(k) for part in parts for k in range(len(part))),
        "; ".join(part.note for part in parts),
    )
