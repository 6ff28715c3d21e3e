"""Pictures that show the same: perceptual hashes, pairs of near ones, groups of pairs.

The hash is the DCT hash known as pHash, in its longer form: the picture is reduced to 32 x 32 grey
levels, its cosine transform taken, and the signs of the 255 lowest frequencies against their median
kept. Recompressed, resized or brightened copies differ in a few bits, unrelated pictures in about
half of them. (The usual 63 bits are too few: among 10 000 digital sections hundreds of unrelated
pairs would come as near as a copy that lost 2 % at its borders.) JPEG files are decoded at 1/8
to 1/2 of their size (Pillow's draft mode), which is what makes it fast.

Not found: copies cropped by 5 % or more, turned or mirrored ones, or those with a large label over
them. A picture without structure (nearly black between crossed polars) has no hash and is matched
with nothing but its exact copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..photos import PhotoError
from .pictures import reduced_picture

__all__ = [
    "NEAR_BITS",
    "Hashes",
    "Union",
    "hash_pictures",
    "near_pairs",
    "perceptual_hash",
]

SIDE, LOWEST = 32, 16
BITS = LOWEST**2 - 1
# of 255. Copies of 120 digital sections are at most 14 apart (JPEG quality 40, half the size, 25 %
# brighter), 68 where 3 % is cropped from every side; of 44 850 unrelated pairs none is below 92.
NEAR_BITS = 70
FLAT = 1.0  # grey levels, standard deviation: below it the hash would be the noise's


@dataclass(frozen=True)
class Hashes:
    """Perceptual hashes of pictures.

    Attributes
    ----------
    bits : uint64 [N, 4]
        0 where `usable` is False.
    usable : bool [N]
        False for pictures without structure and for those that could not be read.
    unreadable : dict of int to str
        Number of the picture -> why it could not be read.
    """

    bits: np.ndarray
    usable: np.ndarray
    unreadable: dict[int, str]


class Union:
    """Numbers 0 to `count` - 1 joined into groups (union-find)."""

    def __init__(self, count: int):
        self._parent = list(range(count))

    def find(self, number: int) -> int:
        """The number that stands for the group."""
        root = number
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[number] != root:  # the next look is shorter
            self._parent[number], number = root, self._parent[number]
        return root

    def join(self, a: int, b: int) -> None:
        """Put the groups of two numbers together; the smaller number stands for both."""
        a, b = self.find(a), self.find(b)
        self._parent[max(a, b)] = min(a, b)

    def groups(self) -> list[list[int]]:
        """All groups, each in ascending order, by their first member."""
        found: dict[int, list[int]] = {}
        for number in range(len(self._parent)):
            found.setdefault(self.find(number), []).append(number)
        return list(found.values())


def perceptual_hash(grey: np.ndarray) -> np.ndarray | None:
    """The hash of a small grey picture.

    Parameters
    ----------
    grey : uint8 or float [32, 32]
        Levels 0 to 255.

    Returns
    -------
    uint64 [4] or None
        255 bits, the first of 256 being 0; None for a picture without structure.
    """
    from scipy.fft import dctn

    grey = np.asarray(grey, np.float32)
    if grey.shape != (SIDE, SIDE):
        raise ValueError(f"The picture is {list(grey.shape)}; reduce it to [{SIDE}, {SIDE}] first.")
    if grey.std() < FLAT:
        return None
    lowest = dctn(grey, norm="ortho")[:LOWEST, :LOWEST].ravel()[1:]  # without the mean
    signs = lowest > np.median(lowest)
    return np.packbits(np.concatenate([[False], signs])).view(">u8").astype(np.uint64)


def hash_pictures(
    paths: Iterable[str | Path], *, progress: Callable[[int], None] | None = None
) -> Hashes:
    """Hash picture files one after the other; memory stays that of one small picture.

    Parameters
    ----------
    paths : iterable of path
    progress : callable, optional
        Called with 1 after each picture.

    Returns
    -------
    Hashes
        A picture that cannot be read is named there and does not stop the others.
    """
    bits, usable, unreadable = [], [], {}
    for number, path in enumerate(paths):
        found = None
        try:
            small = reduced_picture(path, SIDE, "L")
            found = perceptual_hash(np.asarray(small.resize((SIDE, SIDE), _box())))
        except (PhotoError, OSError) as error:
            unreadable[number] = str(error)
        bits.append(np.zeros(4, np.uint64) if found is None else found)
        usable.append(found is not None)
        if progress:
            progress(1)
    return Hashes(np.array(bits, np.uint64).reshape(-1, 4), np.array(usable, bool), unreadable)


def near_pairs(hashes: Hashes, bits: int = NEAR_BITS, block: int = 256) -> list[tuple[int, int]]:
    """Pairs of pictures whose hashes differ in at most so many bits.

    All pairs are compared, a block of rows at a time: 10 000 pictures take some seconds, and memory
    is about 10 x `block` x N bytes.

    Parameters
    ----------
    hashes : Hashes
    bits : int
        0 to 255; 70 by default, see `NEAR_BITS`.

    Returns
    -------
    list of (int, int)
        Numbers of pictures, the smaller one first, in ascending order.
    """
    if not 0 <= bits <= BITS:
        raise ValueError(f"bits is {bits}; hashes have {BITS} bits, so give 0 to {BITS}.")
    numbers = np.flatnonzero(hashes.usable)
    known = hashes.bits[numbers]
    pairs: list[tuple[int, int]] = []
    for start in range(0, len(known), block):
        rows = known[start : start + block]
        apart = np.zeros((len(rows), len(known) - start), np.uint16)
        for word in range(known.shape[1]):
            apart += np.bitwise_count(rows[:, None, word] ^ known[None, start:, word])
        first, second = np.nonzero(apart <= bits)
        later = second > first  # each pair once, none with itself
        chosen = numbers[start + first[later]], numbers[start + second[later]]
        pairs += zip(*(side.tolist() for side in chosen), strict=True)
    return pairs


def equal_pairs(keys: Sequence[str | None]) -> list[tuple[int, int]]:
    """Pairs (first, other) of places that hold the same key; None is like nothing."""
    first: dict[str, int] = {}
    pairs = []
    for number, key in enumerate(keys):
        if key is not None and (seen := first.setdefault(key, number)) != number:
            pairs.append((seen, number))
    return pairs


def _box():
    from PIL import Image

    return Image.Resampling.BOX
