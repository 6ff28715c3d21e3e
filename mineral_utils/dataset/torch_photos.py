"""A side of a dataset folder for torch: pictures decoded fast, captions, labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import Dataset as TorchDataset

from ..minerals import vocabulary
from .export import read_dataset
from .pictures import reduced_picture

__all__ = ["FITS", "PhotoTexts"]

FITS = ("squeeze", "crop")


class PhotoTexts(TorchDataset):
    """Photos of one side with their captions and labels.

    Each item is a dict: ``image`` (uint8 tensor [3, size, size], RGB; or what `transform` gives),
    ``text`` (the paper's caption), ``labels`` (float32 tensor [K], 0 or 1), ``number`` (int, its
    place). Normalising is left to the model's device, so that a worker passes a quarter of the
    bytes.

    Parameters
    ----------
    folder : path
        As written by :func:`export_dataset`.
    side : str
        ``"train"``, ``"validation"`` or ``"test"``.
    names : sequence of str, optional
        Classes of `labels`, in order; default: those that the folder's lines name, sorted.
    size : int
        Side of the picture, px.
    fit : {"squeeze", "crop"}
        Squeeze the whole photo into a square, as the paper, or crop its middle.
    transform : callable, optional
        Takes the PIL picture (short side at least `size` px) and replaces `fit`.

    Raises
    ------
    DatasetError
        No such side, or a broken line.
    """

    def __init__(
        self,
        folder: str | Path,
        side: str = "train",
        *,
        names: Sequence[str] | None = None,
        size: int = 224,
        fit: str = "squeeze",
        transform: Callable[[Image.Image], Any] | None = None,
    ):
        if fit not in FITS:
            raise ValueError(f"fit is {fit!r}; choose {' or '.join(FITS)}.")
        if size < 1:
            raise ValueError(f"size is {size}; give the side of the picture in px, such as 224.")
        self.folder, self.size, self.fit, self.transform = Path(folder) / side, size, fit, transform
        lines = read_dataset(folder, side)
        if names is None:
            names = sorted({name for line in lines for name in line["minerals"]})
        self.names = tuple(vocabulary().find(name).name for name in names)
        self.files = [line["file_name"] for line in lines]
        self.texts = [line["text"] for line in lines]
        column = {name: k for k, name in enumerate(self.names)}
        self.labels = np.zeros((len(lines), len(self.names)), np.float32)
        for number, line in enumerate(lines):
            for name in line["minerals"]:
                if name in column:
                    self.labels[number, column[name]] = 1

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> dict[str, Any]:
        picture = reduced_picture(self.folder / self.files[number], self.size)
        if self.transform:
            image = self.transform(picture)
        else:
            image = torch.from_numpy(_square(picture, self.size, self.fit)).permute(2, 0, 1)
            image = image.contiguous()
        return {
            "image": image,
            "text": self.texts[number],
            "labels": torch.from_numpy(self.labels[number]),
            "number": number,
        }


def _square(picture: Image.Image, size: int, fit: str) -> np.ndarray:
    box = None
    if fit == "crop":
        width, height = picture.size
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        box = left, top, left + side, top + side
    # reducing_gap: a large picture is first halved by whole numbers, which costs little
    return np.array(picture.resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=2.0))
