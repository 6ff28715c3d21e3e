"""The live view: a draft and a look as JPEG bytes, a table, and words for who cannot see it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .display import (
    LONG_SIDE,
    Display,
    absorb_small,
    drop_unsure,
    enlarged,
    one_thread,
    sureness,
)
from .draft import Draft
from .edits import values_of
from .picture import draw_selection, jpeg, paint_map, paint_similarity
from .table import percent, shares


@dataclass(frozen=True, eq=False)
class Shown:
    """What the page shows.

    jpeg : bytes of the picture
    alt : what there is to see, in a sentence
    labels : uint8 [h, w] at display size, index into `names`
    names : what the labels stand for
    """

    jpeg: bytes
    alt: str
    labels: np.ndarray
    names: tuple[str, ...]


class LiveView:
    """A draft at display size; everything is made anew in milliseconds.

    Parameters
    ----------
    draft : what is shown
    long_side : of the picture, px
    """

    def __init__(self, draft: Draft, long_side: int = LONG_SIDE):
        self.draft = draft
        self.display = Display.of(draft.photo, long_side)
        self._kept: tuple | None = None

    @property
    def zoom(self) -> float:
        """Shown px for one px of the photo, at most 1."""
        return self.display.size[1] / self.draft.photo.width

    @one_thread()
    def labels(self) -> np.ndarray:
        """`Draft.labels` at display size, uint8 [h, w]; regions are filtered at this size."""
        draft, look = self.draft, self.draft.look
        labels = self.display.labels(draft.result)
        labels = drop_unsure(labels, sureness(draft.result), look.confidence)
        labels = absorb_small(labels, look.smallest_region * self.zoom**2)
        if draft.edits:
            where, values = self._corrections()
            labels = np.where(where, values, labels)
        return labels

    def _corrections(self) -> tuple[np.ndarray, np.ndarray]:
        """Where somebody decided, bool [h, w], and on what, uint8 [h, w]; made anew only when
        corrections or names are others."""
        draft = self.draft
        key = (draft.names, *(edit.number for edit in draft.edits))
        if self._kept is None or self._kept[0] != key:
            where, values = np.zeros(self.display.size, bool), np.zeros(self.display.size, np.uint8)
            for edit, value in zip(draft.edits, values_of(draft.edits, draft.names), strict=True):
                mask = edit.mask.sampled(self.display.rows, self.display.columns)
                where |= mask
                values[mask] = value
            self._kept = key, where, values
        return self._kept[1:]

    @one_thread()
    def show(self) -> Shown:
        """The picture as the look wants it, with what is selected."""
        draft, look, names = self.draft, self.draft.look, self.draft.names
        labels = self.labels()
        if look.similarity:
            index = draft.result.names.index(look.similarity)
            cosine = draft.result.cosine[..., draft.result.owner == index].amax(-1)
            picture, low, high = paint_similarity(self.display, cosine, look.opacity)
            alt = (
                f"How like {look.similarity} each place is: cosine from {low:.2f}, dark blue, to "
                f"{high:.2f}, yellow."
            )
        else:
            picture = paint_map(self.display, labels, names, look.opacity)
            alt = (
                "Photo under a map of minerals: "
                + told(shares(labels, names, count_regions=False))
                + "."
            )
        selection = draft.selection
        if selection is not None and selection.mask is not None:
            chosen = selection.mask.sampled(self.display.rows, self.display.columns)
            draw_selection(picture, chosen)
            alt += f" Selected: {percent(selection.mask.area / np.prod(draft.result.size))}."
        return Shown(jpeg(picture), alt, labels, names)

    @one_thread()
    def table(self, labels: np.ndarray) -> list[dict]:
        """`table.shares` of labels at display size, with how sure the model is."""
        draft = self.draft
        sure = enlarged(sureness(draft.result), self.display.size).numpy()
        scale = draft.photo.um_per_px
        return shares(labels, draft.names, um_per_px=scale and scale / self.zoom, sure=sure)


def told(table: list[dict]) -> str:
    """The minerals that are there and their shares, largest first, as words."""
    present = sorted((row for row in table if row["share"]), key=lambda row: -row["share"])
    return ", ".join(f"{row['name']} {percent(row['share'])}" for row in present)
