"""What models answered on photos whose truth is known: counts and areas, small enough to keep."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ..metrics import MirrorRow, best_threshold, fold, homes, named, score_row
from ..run import replacing, write_json
from .question import Question

STAGES = ("clip", "dino", "sam", "refined")
PROTOCOLS = ("all", "present")
Key = tuple[str, str, str]  # model, stage, protocol


@dataclass(frozen=True, eq=False)
class Cell:
    """One model, stopped after one stage, asked in one way, on all photos.

    counts : int64 [N, K, P + 1], confusion of each photo (`metrics.confusion`)
    inside : the same without a border around each region (`metrics.keep_inside`)
    shares : float64 [N, P], what of the photo each name covers
    regions : int64 [N], connected pieces of the map
    """

    counts: np.ndarray
    inside: np.ndarray
    shares: np.ndarray
    regions: np.ndarray


@dataclass(frozen=True, eq=False)
class Answers:
    """What some models answered to one question on the same photos.

    Attributes
    ----------
    question : Question
        K classes, P names.
    photos : tuple of str
        N names.
    specimens : tuple of str, or None where they are not known
    truth : float64 [N, K], share of each photo that each class covers
    pixels : int64 [N], size of each photo
    truth_regions : int64 [N]
    cells : (model, stage, protocol) -> Cell
        Stages are ``"clip"`` (its own map), ``"dino"`` (spliced), ``"sam"`` (aggregated: the
        unrefined answer) and ``"refined"``; protocols are ``"all"`` (all names asked) and
        ``"present"`` (only those that are there, as in the paper's text).
    """

    question: Question
    photos: tuple[str, ...]
    specimens: tuple[str, ...] | None
    truth: np.ndarray
    pixels: np.ndarray
    truth_regions: np.ndarray
    cells: Mapping[Key, Cell] = field(repr=False)

    def __len__(self) -> int:
        return len(self.photos)

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models."""
        return tuple(dict.fromkeys(model for model, _, _ in self.cells))

    @property
    def unit(self) -> str:
        """What is drawn anew in intervals: "specimen" where known, else "photo"."""
        return "photo" if self.specimens is None else "specimen"

    @property
    def there(self) -> np.ndarray:
        """bool [N, M]: minerals that each photo holds, from one pixel on."""
        return self.truth[:, self.question.minerals] > 0

    def cell(self, model: str, stage: str = "sam", protocol: str = "all") -> Cell:
        """The raw counts; asked for something that was not run, the error names what was."""
        try:
            return self.cells[model, stage, protocol]
        except KeyError:
            known = "; ".join(", ".join(key) for key in self.cells)
            raise KeyError(
                f"nobody asked {model!r} after {stage!r} under protocol {protocol!r}; there are "
                f"(model, stage, protocol): {known}"
            ) from None

    def confusions(
        self, model: str, stage: str = "sam", protocol: str = "all", *, inside: bool = False
    ) -> np.ndarray:
        """Confusion of each photo in classes, int64 [N, K, K + 1]; `inside` leaves out borders."""
        cell = self.cell(model, stage, protocol)
        return fold(cell.inside if inside else cell.counts, self.question.allowed)

    def shares(self, model: str, stage: str = "sam", protocol: str = "all") -> np.ndarray:
        """What of each photo the map gives to each mineral, float64 [N, M]; an answer counts for
        the narrowest class that accepts it."""
        cell, home = self.cell(model, stage, protocol), homes(self.question.allowed)
        covered = np.zeros((len(self), len(self.question.names) + 1))
        for answer, k in enumerate(home):
            covered[:, k] += cell.shares[:, answer]
        return covered[:, :-1][:, self.question.minerals]

    def threshold(self, model: str, stage: str = "sam", protocol: str = "all", **options) -> float:
        """The share of a photo from which a map should name a mineral: best F1 on these photos, so
        they must be validation photos. Options as in `metrics.best_threshold`."""
        return best_threshold(self.there, self.shares(model, stage, protocol), **options)

    def row(
        self,
        model: str,
        stage: str = "sam",
        protocol: str = "all",
        *,
        min_share: float = 0.0,
        inside: bool = False,
        label: str | None = None,
    ) -> MirrorRow:
        """All scores, in the form of the honest mirror; ``min_share=0`` is the paper's "non-empty
        mask"."""
        shares = self.shares(model, stage, protocol)
        row = score_row(
            label or model,
            self.confusions(model, stage, protocol, inside=inside),
            self.there,
            named(shares, min_share),
        )
        return replace(row, shares=shares)

    def torn(self, model: str | None, stage: str = "sam", protocol: str = "all") -> float:
        """Regions a megapixel over all photos; of the truth, if `model` is None."""
        pieces = self.truth_regions if model is None else self.cell(model, stage, protocol).regions
        return float(pieces.sum() / self.pixels.sum() * 1e6)

    # ---- on disk -------------------------------------------------------------------------------
    def save(self, path: str | Path) -> Path:
        """Write ``<path>.npz`` (numbers) and ``<path>.json`` (names); returns the former."""
        path = Path(path).with_suffix(".npz")
        arrays = {name: getattr(self, name) for name in ("truth", "pixels", "truth_regions")}
        for number, cell in enumerate(self.cells.values()):
            arrays |= {f"{number}.{name}": array for name, array in vars(cell).items()}
        asked = self.question
        about = {
            "schema_version": 1,
            "names": asked.names,
            "asked": {name: list(words) for name, words in asked.asked.items()},
            "accepts": asked.accepts,
            "not_minerals": asked.not_minerals,
            "photos": self.photos,
            "specimens": self.specimens,
            "cells": list(self.cells),
        }
        with replacing(path) as aside:
            np.savez_compressed(aside, **arrays)
        write_json(path.with_suffix(".json"), about)
        return path

    @classmethod
    def load(cls, path: str | Path) -> Answers:
        """Read what `save` wrote.

        Raises
        ------
        FileNotFoundError
            One of the two files is missing.
        ValueError
            They were written by another version.
        """
        path = Path(path).with_suffix(".npz")
        for part in (path, path.with_suffix(".json")):
            if not part.is_file():
                raise FileNotFoundError(
                    f"{part.name} is not in {path.parent.name or '.'}; answers are two files, .npz "
                    "and .json, written by Answers.save: run the evaluation again"
                )
        about = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if about.get("schema_version") != 1:
            raise ValueError(f"{path.stem}.json was written by another version; evaluate again")
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        cells = {
            tuple(key): Cell(
                *(arrays[f"{number}.{name}"] for name in ("counts", "inside", "shares", "regions"))
            )
            for number, key in enumerate(about["cells"])
        }
        asked = Question(
            tuple(about["names"]),
            {name: tuple(words) for name, words in about["asked"].items()},
            tuple(tuple(names) for names in about["accepts"]),
            tuple(about["not_minerals"]),
        )
        specimens = about["specimens"]
        return cls(
            asked,
            tuple(about["photos"]),
            None if specimens is None else tuple(specimens),
            arrays["truth"],
            arrays["pixels"],
            arrays["truth_regions"],
            cells,
        )
