"""Ties of SAM's correlation: pairs of cells whose cosine lies on the threshold itself.

A cell listens to another where their cosine is above a threshold. In float32 a cosine is known to
some 1e-6 only, so for a handful of pairs in a million every kernel (every processor) decides
otherwise, and one pair moves a cell's features by up to 3e-3. A known answer cannot say how such a
pair *should* fall, only how it fell on the machine that made the file. `settle` turns those pairs,
and no others, the way the file has them; everything else must agree by itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from itertools import chain, combinations

import numpy as np
import torch
from torch import Tensor

from mineral_utils import trident
from mineral_utils.encoders import SamEncoder, sam

BAND = 4e-6  # a cosine this close to its threshold is a tie
TOO_FAR = 2e-5  # a cell whose features are further from the file's is looked at
MOST = 10  # tied pairs of one cell that are tried in all combinations


class _Recorder(sam._Correlation):
    """Gathers the correlation, and what each tied pair would add to its row."""

    def start(self, values: Tensor) -> None:
        super().start(values)
        self.pairs: dict[int, list[tuple[int, float, bool]]] = defaultdict(list)

    def add(self, heads: slice, first_row: int, attention: Tensor) -> None:
        super().add(heads, first_row, attention)
        rows, columns = self.grid
        kept = min(attention.shape[1] // self.side, rows - first_row)
        if kept <= 0:
            return
        span = slice(first_row * columns, (first_row + kept) * columns)
        if heads.start == 0:
            cosine = self.unit[:, span] @ self.unit.transpose(1, 2)
            threshold = self.cos_fac * cosine.mean(0).mean(-1, keepdim=True)
            if not self.refine_neg_cos:
                threshold = torch.where(threshold < 0, 0.6, threshold)
            self.near = (cosine - threshold.clamp(max=0.9)).abs_() <= BAND
        part = attention.view(len(attention), -1, self.side, self.side, self.side)
        part = part[:, :kept, :columns, :rows, :columns].reshape(len(attention), -1, rows * columns)
        for head, weights in enumerate(part, start=heads.start):
            for row, column in self.near[head].nonzero().tolist():
                listens = bool(self.similar[head][row, column])
                weight = float(weights[row, column])
                self.pairs[span.start + row].append((column, weight, listens))

    def finish(self) -> None:
        self.rows /= len(self.unit)
        self.sums = self.rows.sum(-1, keepdim=True)
        self.rows /= self.sums


class SettledSam(SamEncoder):
    """A SAM encoder that remembers its ties; once they are settled, it shows that correlation."""

    settled: Tensor | None = None

    def look(self, image: np.ndarray, **options) -> sam.SamView:
        if self.settled is not None:
            return replace(self.view, correlation=self.settled)
        kept, sam._Correlation = sam._Correlation, self._remember
        try:
            self.view = super().look(image, **options)
        finally:
            sam._Correlation = kept
        return self.view

    def _remember(self, *arguments) -> _Recorder:
        self.recorder = _Recorder(*arguments)
        return self.recorder


def settle(
    encoder: SettledSam, spliced: Tensor, embed: Callable[[Tensor], Tensor], wanted: np.ndarray
) -> tuple[int, int]:
    """Turn ties of the cells that differ the way the file has them.

    Parameters
    ----------
    encoder : after one `look`; later ones give the settled correlation
    spliced : float32 [rows, columns, D], the map that the correlation aggregates
    embed : aggregated features [n, D] to CLIP's, [n, E]
    wanted : float32 [n, E], the file's

    Returns
    -------
    (tied pairs in all, pairs turned)
    """
    grid, recorder = encoder.view.grid, encoder.recorder
    cells = trident.resize_map(spliced, grid).flatten(0, 1)
    correlation = encoder.view.correlation.clone()
    wanted = torch.from_numpy(wanted)

    def errors(rows: Tensor) -> Tensor:
        return (embed(rows @ cells) - wanted[cell]).abs().amax(-1)

    turned = 0
    off = (embed(correlation @ cells) - wanted).abs().amax(-1) > TOO_FAR
    for cell in off.nonzero().flatten().tolist():
        pairs = recorder.pairs.get(cell, [])[:MOST]
        if not pairs:
            continue
        choices = [*chain.from_iterable(combinations(pairs, k) for k in range(len(pairs) + 1))]
        rows = correlation[cell].mul(recorder.sums[cell]).repeat(len(choices), 1)
        for row, chosen in zip(rows, choices, strict=True):
            for column, weight, listens in chosen:
                row[column] += (-weight if listens else weight) / len(recorder.unit)
        rows /= rows.sum(-1, keepdim=True)
        best = int(errors(rows).argmin())
        correlation[cell] = rows[best]
        turned += len(choices[best])
    encoder.settled = correlation
    return sum(map(len, recorder.pairs.values())), turned
