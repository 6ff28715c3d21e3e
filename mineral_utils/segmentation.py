"""A segmentation: cosines on the feature grid; labels, scores and tables made in strips of rows.

Nothing of the size classes x height x width is ever held.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from . import refine as _refine
from . import trident
from .profiles import Preset

if TYPE_CHECKING:
    from .segmenter import Scene

UNKNOWN = 255


@dataclass(frozen=True)
class Segmentation:
    """Which mineral where.

    cosine : float32 [h, w, Q] on the feature grid
    owner : int64 [Q], the class of each query
    names : class names, as asked
    size : (height, width) of the photo in px
    preset : the parameters that were used
    um_per_px : scale of the photo, None if unknown
    refined : uint8 [H, W] after refinement, else None
    prompts : SAM's prompts and what became of them, empty before refinement
    words : the text of each query, Q of them; empty where vectors were given instead
    confidence : float32 [h, w] in [0, 1] on the feature grid, from
        `mineral_utils.confidence.with_unknown`; None before
    min_confidence : pixels of less confidence are unknown
    """

    cosine: Tensor
    owner: Tensor
    names: tuple[str, ...]
    size: tuple[int, int]
    preset: Preset
    um_per_px: float | None = None
    refined: np.ndarray | None = None
    prompts: tuple[_refine.Prompt, ...] = field(default=(), repr=False)
    words: tuple[str, ...] = ()
    confidence: Tensor | None = field(default=None, repr=False)
    min_confidence: float = 0.0

    @cached_property
    def labels(self) -> np.ndarray:
        """uint8 [H, W], index into `names`; 255 is unknown."""
        labels = self.coarse_labels() if self.refined is None else self.refined
        if self.confidence is None or self.min_confidence <= 0:
            return labels
        labels = labels.copy()
        for rows in trident.strips(*self.size, 1):
            sure = trident.upsample_rows(self.confidence[..., None], self.size, rows)[..., 0]
            labels[rows][(sure < self.min_confidence).numpy()] = UNKNOWN
        return labels

    def coarse_labels(self, unknown: int = UNKNOWN) -> np.ndarray:
        """Labels before refinement, uint8 [H, W]; `unknown` where no class is probable enough."""
        labels = np.empty(self.size, np.uint8)
        for rows in trident.strips(*self.size, len(self.owner)):
            labels[rows] = trident.label_rows(
                self.cosine,
                self.owner,
                len(self.names),
                self.size,
                rows,
                logit_scale=self.preset.logit_scale,
                prob_thd=self.preset.prob_thd,
                unknown=unknown,
            ).numpy()
        return labels

    def scores(
        self,
        rows: slice | Sequence[int] = slice(None),
        cols: slice | Sequence[int] = slice(None),
        names: Sequence[str] | None = None,
    ) -> np.ndarray:
        """Probabilities of some pixels, made on request.

        Parameters
        ----------
        rows, cols : slices or indices in px
        names : some of the class names, all by default; the softmax runs over all classes anyway

        Returns
        -------
        float32 [rows, cols, names] in [0, 1]

        Raises
        ------
        ValueError
            A name that was not asked.
        """
        wanted = list(self.names if names is None else names)
        for name in wanted:
            if name not in self.names:
                raise ValueError(f"{name!r} was not asked; asked were {', '.join(self.names)}")
        index = [self.names.index(name) for name in wanted]
        chosen = np.arange(self.size[0])[rows].reshape(-1)
        out = []
        for part in np.array_split(chosen, max(1, len(chosen) // 64)):
            out.append(self._probabilities(part)[:, cols][..., index])
        return np.concatenate(out)

    def probability_map(self, index: int) -> Tensor:
        """One class's probability for every pixel, float32 [H, W]."""
        chosen = self.owner == index
        return trident.class_probability(self.cosine, chosen, self._parts, self.preset.logit_scale)

    @cached_property
    def _parts(self) -> tuple[Tensor, Tensor]:
        return trident.softmax_parts(self.cosine, self.size, self.preset.logit_scale)

    def refine(self, scene: Scene, *, unknown: int = UNKNOWN, progress: bool = True):
        """The same segmentation with borders sharpened by SAM's decoder.

        Raises
        ------
        ValueError
            The scene is of another photo.
        """
        if scene.photo.image.shape[:2] != self.size:
            raise ValueError(
                f"this segmentation is of a photo of {self.size[1]} x {self.size[0]} px, the scene "
                f"of one of {scene.photo.width} x {scene.photo.height} px; give its own scene"
            )
        labels, prompts = _refine.refine(
            scene.model.encoders.sam.sam,
            scene.view,
            self.coarse_labels(unknown),
            self.probability_map,
            self.names,
            coarse_thresh=self.preset.coarse_thresh,
            minimal_area=self.preset.minimal_area,
            sam_iou_thresh=self.preset.sam_iou_thresh,
            sam_mask_coff=self.preset.sam_mask_coff,
            batched_mask_prompt=self.preset.batched_mask_prompt,
            progress=progress,
        )
        return replace(self, refined=labels, prompts=tuple(prompts))

    def table(self) -> list[dict]:
        """One row a mineral, in the order asked, and one for unknown pixels if there are any.

        Returns
        -------
        list of dict: ``name``; ``share`` of the area in [0, 1]; ``mean_score`` (mean probability
        of the mineral over its pixels, None where it has none); ``regions`` (8-connected);
        ``area_mm2`` where the scale is known
        """
        labels = self.labels
        counts = np.bincount(labels.ravel(), minlength=256)
        sums = np.zeros(len(self.names))
        for rows in trident.strips(*self.size, len(self.owner)):
            part = torch.from_numpy(labels[rows].astype(np.int64))
            known = part < len(self.names)
            own = self._strip(rows).gather(-1, part.clamp(max=len(self.names) - 1)[..., None])
            sums += np.bincount(
                part[known].numpy(), own[..., 0][known].double().numpy(), len(self.names)
            )
        table = []
        for index, name in [*enumerate(self.names), (UNKNOWN, "unknown")]:
            count = int(counts[index])
            if index == UNKNOWN and not count:
                continue
            row = {
                "name": name,
                "share": count / labels.size,
                "mean_score": float(sums[index] / count) if count and index != UNKNOWN else None,
                "regions": ndimage.label(labels == index, _refine.EIGHT)[1] if count else 0,
            }
            if self.um_per_px is not None:
                row["area_mm2"] = count * (self.um_per_px / 1000) ** 2
            table.append(row)
        return table

    def _strip(self, rows: slice) -> Tensor:
        """Probabilities of some rows, float32 [rows, W, classes]."""
        strip = trident.upsample_rows(self.cosine, self.size, rows)
        return trident.probabilities(strip, self.owner, len(self.names), self.preset.logit_scale)

    def _probabilities(self, rows: np.ndarray) -> np.ndarray:
        strip = trident.upsample_rows(self.cosine, self.size, rows)
        scale = self.preset.logit_scale
        return trident.probabilities(strip, self.owner, len(self.names), scale).numpy()
