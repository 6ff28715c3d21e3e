"""The LumenStone folder as photos with masks.

LumenStone (Khvostikov et al. 2021, doi 10.5194/isprs-archives-XLIV-2-W1-2021-113-2021) holds real
photos of polished sections with a mask of codes each, for research use and not to be passed on::

    folder/S1_v1/imgs/train/train_01.jpg    folder/S1_v1/masks/train/train_01.png
    folder/S2_v2/imgs/test/test_01.jpg      folder/S2_v2/masks/test/test_01.png

>>> for item in lumenstone.items(sets="S1"):                  # the training photos of S1
...     photo, labels, names = lumenstone.load(item, long_side=896)

Whoever opens a test photo learns from it, so each opening is counted; a lesson writes the count
into its record with ``Run.save(test_looks=lumenstone.looks_at_test())``.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from .minerals import LumenstoneClass, vocabulary
from .photos import MAX_PIXELS, Photo, load_photo, resize_long_side

__all__ = ["BACKGROUND", "Item", "LumenstoneError", "Masked", "items", "load", "looks_at_test"]

BACKGROUND = "background"  # resin, gangue, pits and cracks: a class of the masks, no mineral
CREDIT = "LumenStone, Lomonosov Moscow State University (research use, not redistributed)"
PAGE = "https://imaging.cs.msu.ru/en/research/geology/lumenstone"
SPLITS = ("train", "test")
_LAYOUT = "S1_v1/imgs/train/*.jpg with S1_v1/masks/train/*.png"
_FOLDER = re.compile(r"(S\d+)_v(\d+)((?:\.\d+)*)")
_PICTURES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}

_looks: Counter[Path] = Counter()  # openings of test photos in this process


class LumenstoneError(ValueError):
    """A LumenStone folder or mask that cannot be used: what was found and what to do."""


@dataclass(frozen=True)
class Item:
    """One photo of LumenStone and where its mask is.

    Attributes
    ----------
    set, version : str
        ``"S1"``, ``"S2"`` or ``"S3"``, and ``"v1"``, ``"v1.5"`` or ``"v2"``.
    split : str
        ``"train"`` or ``"test"``.
    stem : str
        File name without suffix, the same for photo and mask.
    image_path, mask_path : pathlib.Path
    """

    set: str
    version: str
    split: str
    stem: str
    image_path: Path
    mask_path: Path

    @property
    def classes(self) -> tuple[LumenstoneClass, ...]:
        """What the labels stand for, in the order of `names`; a class may be one of two minerals.

        Raises
        ------
        ValueError
            If the vocabulary knows no table of codes for this set and version.
        """
        # v1.5 keeps the table of v1: codes are the same in all versions, only labels changed
        table = vocabulary().lumenstone(self.version.split(".")[0], self.set)
        return tuple(table[code] for code in sorted(table))

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, index = label: the first mineral that a code may be, or "background"."""
        return tuple(c.minerals[0] if c.minerals else BACKGROUND for c in self.classes)


class Masked(NamedTuple):
    """A photo with its truth.

    Attributes
    ----------
    photo : Photo
    labels : numpy.ndarray
        uint8 [H, W], index into `names`.
    names : tuple of str
        As `Item.names`; the same for all photos of a set.
    """

    photo: Photo
    labels: np.ndarray
    names: tuple[str, ...]


def items(
    folder: str | os.PathLike | None = None,
    sets: str | Iterable[str] | None = None,
    split: str = "train",
) -> tuple[Item, ...]:
    """List the photos, without opening any.

    Parameters
    ----------
    folder : path, optional
        Where the sets lie, or one set's own folder; default: what ``LUMENSTONE_DIR`` names.
    sets : str or list of str, optional
        ``"S1"`` takes the newest version that is there, ``"S1_v1"`` that one; default: the newest
        version of every set (v2 contains v1, so two versions at once would count photos twice).
    split : {"train", "test"}
        LumenStone's own split.

    Returns
    -------
    tuple of Item
        Sorted by set and file name.

    Raises
    ------
    LumenstoneError
        If the folder, a set or its photos are not there, with what is expected and where to get it.
    """
    if split not in SPLITS:
        raise LumenstoneError(f'split={split!r} is not known; LumenStone has "train" and "test".')
    found = []
    for place in _chosen(_sets_in(_root(folder)), sets):
        photos = _pictures(place / "imgs" / split)
        if not photos:
            raise LumenstoneError(
                f"{place.name} has no photos in imgs/{split}; expected {_LAYOUT}, as downloaded"
                f" from {PAGE}."
            )
        name, major, minor = _FOLDER.fullmatch(place.name).groups()
        masks = place / "masks" / split
        for path in photos:
            mask = masks / f"{path.stem}.png"
            found.append(Item(name, f"v{major}{minor}", split, path.stem, path, mask))
    return tuple(found)


def load(item: Item, long_side: int | None = None) -> Masked:
    """Open a photo with its mask; a test photo's opening is counted.

    Parameters
    ----------
    item : Item
        From `items`.
    long_side : int, optional
        Shrink so that the longer side has at most that many pixels: the photo by
        `photos.resize_long_side`, the mask by the label at each new pixel's centre.

    Returns
    -------
    Masked
        ``(photo, labels, names)``. The scale of the photo is unknown: LumenStone states none.

    Raises
    ------
    LumenstoneError
        If the mask is missing, shaped unlike the photo, coloured, or has unknown codes.
    PhotoError
        If the photo cannot be read.
    """
    if item.split == "test":
        _looks[item.image_path] += 1
    photo = load_photo(item.image_path, credit=CREDIT)
    labels = _labels_of(_codes(item, photo), item)
    if long_side is not None:
        image, _ = resize_long_side(photo.image, long_side)
        labels = labels[np.ix_(*map(_centres, labels.shape, image.shape[:2]))]
        photo = Photo(image, photo.path, None, photo.sha256, photo.credit, photo.notes)
    return Masked(photo, np.ascontiguousarray(labels), item.names)


def looks_at_test() -> int:
    """How many times test photos were opened in this process, repeats included."""
    return _looks.total()


def _root(folder: str | os.PathLike | None) -> Path:
    """The folder that holds the sets."""
    named = os.environ.get("LUMENSTONE_DIR", "").strip() if folder is None else folder
    if not named:
        raise LumenstoneError(
            "No LumenStone folder was given and LUMENSTONE_DIR is not set; download S1 or S2 from"
            f" {PAGE}, unpack it, and name the folder that then holds {_LAYOUT}."
        )
    root = Path(os.path.abspath(os.path.expanduser(named)))
    if not root.is_dir():
        origin = "LUMENSTONE_DIR names" if folder is None else "the given folder is"
        raise LumenstoneError(
            f"{origin} {root.name!r}, which is not there; it should hold {_LAYOUT}, to be had from"
            f" {PAGE}."
        )
    return root


def _sets_in(root: Path) -> list[Path]:
    """Folders of sets in a folder, or the folder itself if it is one."""
    if _FOLDER.fullmatch(root.name) and (root / "imgs").is_dir():
        return [root]
    places = [p for p in sorted(root.iterdir()) if _FOLDER.fullmatch(p.name) and p.is_dir()]
    if not places:
        held = ", ".join(sorted(p.name for p in root.iterdir())[:4]) or "nothing"
        raise LumenstoneError(
            f"The folder {root.name!r} holds {held}, but no set of LumenStone; expected"
            f" {_LAYOUT}, as downloaded from {PAGE}."
        )
    return places


def _chosen(places: list[Path], sets: str | Iterable[str] | None) -> list[Path]:
    """The folders that were asked for: by full name, or the newest version of a set."""
    newest: dict[str, Path] = {}
    for place in sorted(places, key=lambda p: _version(p.name)):
        newest[_FOLDER.fullmatch(place.name)[1]] = place
    if sets is None:
        return sorted(newest.values())
    by_name = {place.name: place for place in places} | newest
    wanted = [sets] if isinstance(sets, str) else list(sets)
    for name in wanted:
        if name not in by_name:
            raise LumenstoneError(
                f"The set {name!r} is not in the folder, which holds"
                f" {', '.join(place.name for place in places)}; choose one of those or get it from"
                f" {PAGE}."
            )
    return sorted({by_name[name] for name in wanted})


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.partition("_v")[2].split("."))


def _pictures(folder: Path) -> list[Path]:
    """Photos directly in a folder (further folders, such as S3's rotations, are not entered)."""
    if not folder.is_dir():
        return []
    return sorted(
        p for p in folder.iterdir() if p.suffix.lower() in _PICTURES and not p.name.startswith(".")
    )


def _codes(item: Item, photo: Photo) -> np.ndarray:
    """The mask as it is stored: uint8 [H, W] of LumenStone's codes."""
    where = f"masks/{item.split}/{item.mask_path.name}"
    if not item.mask_path.is_file():
        raise LumenstoneError(
            f"{item.set}_{item.version}: the mask {where} is missing; expected a PNG of codes with"
            f" the stem of the photo {item.image_path.name}."
        )
    try:
        with Image.open(item.mask_path) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise LumenstoneError(f"{where}: {picture.size} px is no mask of a photo.")
            mode = picture.mode
            stored = np.asarray(picture.convert("RGB") if mode == "P" else picture)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise LumenstoneError(
            f"{where}: cannot be read as a picture ({error}); unpack the set again."
        ) from error
    if mode not in ("L", "LA", "P", "RGB", "RGBA") and not mode.startswith("I;16"):
        raise LumenstoneError(
            f"{where}: a mask holds codes in one or three equal channels of 8 bits, not pixels of"
            f" the kind {mode!r}; save it as 8-bit grey."
        )
    if stored.ndim == 3:
        channels = stored[..., :1] if mode == "LA" else stored[..., :3]
        if (channels != channels[..., :1]).any():
            raise LumenstoneError(
                f"{where}: this is a coloured mask (R, G and B differ), and colours changed between"
                " versions; put the set's folder masks, not masks_colored or masks_human, there."
            )
        stored = channels[..., 0]
    if stored.shape != photo.image.shape[:2]:
        raise LumenstoneError(
            f"{where}: the mask has {stored.shape[1]} x {stored.shape[0]} px, its photo"
            f" {photo.width} x {photo.height} px; they must be equal, so take both from the same"
            " version of the set."
        )
    return stored


def _labels_of(codes: np.ndarray, item: Item) -> np.ndarray:
    """Codes to labels; codes outside the set's table are refused."""
    table = np.full(256, 255, np.uint8)
    for label, known in enumerate(item.classes):
        table[known.code] = label
    present = np.unique(codes).astype(int)
    unknown = [int(code) for code in present if not 0 <= code < 256 or table[code] == 255]
    if unknown:
        known = ", ".join(f"{c.code} {c.label}" for c in item.classes)
        raise LumenstoneError(
            f"masks/{item.split}/{item.mask_path.name}: unknown code{'s' * (len(unknown) > 1)}"
            f" {', '.join(map(str, unknown[:6]))}; {item.set} {item.version} has {known}. Check"
            " that the folder's name says the right set and version."
        )
    return table[codes]


def _centres(n_in: int, n_out: int) -> np.ndarray:
    """Index of the old pixel that holds each new pixel's centre, int64 [n_out]."""
    return ((np.arange(n_out) + 0.5) * (n_in / n_out)).astype(np.int64).clip(0, n_in - 1)
