"""Where windows and SAM's views lie on a mosaic: fixed to the photo, whatever the tiles.

The photo is looked at as a smaller picture, the *working picture*. On it lie CLIP's and DINO's
windows, and SAM's views, which overlap; all begin at whole patches of CLIP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product

import numpy as np

from ..encoders import Encoders
from ..profiles import Preset

# Long side in px of an ordinary photo. By default one view of SAM covers as much of a mosaic, so
# that it is looked at as a single photo would be.
FIELD_PX = 3584


@dataclass(frozen=True)
class Lattice:
    """The lattice of one photo.

    photo : (height, width) of the photo in px
    size : (height, width) of the working picture in px
    spliced_cell : px a cell of the spliced map: CLIP's patch, or part of it where DINO sees finer
    cell : px a cell of the features: the same, or part of it where SAM sees finer
    crop, stride : windows, in px of the working picture
    view : (height, width) of SAM's views in px of the working picture
    overlap : how far neighbouring views overlap at least, in px of the working picture
    offset : (down, right), how far the lattice was moved, in px of the working picture
    """

    photo: tuple[int, int]
    size: tuple[int, int]
    spliced_cell: int
    cell: int
    crop: int
    stride: int
    view: tuple[int, int]
    overlap: int
    offset: tuple[int, int] = (0, 0)

    @property
    def scale(self) -> tuple[float, float]:
        """Working px a px of the photo, down and right."""
        return self.size[0] / self.photo[0], self.size[1] / self.photo[1]

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the features."""
        return self.size[0] // self.cell, self.size[1] // self.cell

    @property
    def spliced_grid(self) -> tuple[int, int]:
        """(rows, columns) of the spliced map."""
        return self.size[0] // self.spliced_cell, self.size[1] // self.spliced_cell

    @cached_property
    def window_starts(self) -> tuple[list[int], list[int]]:
        """Tops and lefts of the windows in px."""
        return tuple(
            starts(side, self.crop, self.stride, move)
            for side, move in zip(self.size, self.offset, strict=True)
        )

    @cached_property
    def view_starts(self) -> tuple[list[int], list[int]]:
        """Tops and lefts of SAM's views in px."""
        return tuple(
            starts(side, view, view - self.overlap, move)
            for side, view, move in zip(self.size, self.view, self.offset, strict=True)
        )

    @cached_property
    def window_counts(self) -> tuple[np.ndarray, np.ndarray]:
        """How many tops (lefts) cover each row (column) of the spliced map, float32."""
        counts = []
        for side, begins in zip(self.spliced_grid, self.window_starts, strict=True):
            count = np.zeros(side, np.float32)
            for begin in begins:
                count[begin // self.spliced_cell : (begin + self.crop) // self.spliced_cell] += 1
            counts.append(count)
        return tuple(counts)

    @cached_property
    def view_weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Share of each top (left) in each row (column) of cells, float32 [tops, cells].

        They rise from a view's border over the overlap and sum to 1 in every cell, so the product
        of both axes is a partition of unity over the views.
        """
        weights = []
        for side, view, begins in zip(self.grid, self.view, self.view_starts, strict=True):
            length = view // self.cell
            ramp = max(self.overlap // self.cell, 1)
            inside = np.arange(length) + 0.5
            rise = np.minimum(np.minimum(inside, length - inside), ramp) / ramp
            share = np.zeros((len(begins), side))
            for row, begin in zip(share, begins, strict=True):
                row[begin // self.cell : begin // self.cell + length] = rise
            weights.append((share / share.sum(0)).astype(np.float32))
        return tuple(weights)

    def views(self) -> Iterator[tuple[int, int]]:
        """(row, column) of all views, row by row."""
        return product(*(range(len(begins)) for begins in self.view_starts))

    def view_box(self, row: int, column: int) -> tuple[slice, slice]:
        """A view in px of the working picture."""
        top, left = self.view_starts[0][row], self.view_starts[1][column]
        return slice(top, top + self.view[0]), slice(left, left + self.view[1])

    def moved(self, down: int, right: int, patch: int) -> Lattice:
        """The same lattice moved by so many px of the working picture, rounded to whole patches."""
        offset = (patch * round(down / patch), patch * round(right / patch))
        return Lattice(**{**asdict(self), "offset": offset})


def starts(side: int, length: int, step: int, offset: int = 0) -> list[int]:
    """First pixels of pieces of `length` that cover a side: one at the very beginning, then from
    `offset` on every `step`, the last shifted back inside."""
    last = side - length
    if last <= 0:  # one piece sees it all
        return [0]
    return sorted({0, *range(offset % step, last, step), last})


def lay(
    photo: tuple[int, int],
    encoders: Encoders,
    preset: Preset,
    *,
    scale: float | None = None,
    view: int | None = None,
    overlap: int | None = None,
) -> Lattice:
    """The lattice of a photo.

    Parameters
    ----------
    photo : (height, width) in px
    scale : px of the working picture a px of the photo, at most 1; by default so that a view of
        SAM covers `FIELD_PX` px of the photo
    view : side of SAM's views in px of the working picture; by default the preset's long side, or
        what SAM takes in
    overlap : how far views overlap, in px of the working picture; half a view by default: the
        more, the less labels depend on where views lie, and the more views there are

    Raises
    ------
    ValueError
        A number out of range, or a photo that is smaller than a window.
    """
    patch = encoders.clip.patch
    if preset.crop % patch or preset.crop % encoders.dino.patch or preset.stride % patch:
        raise ValueError(
            f"windows of {preset.crop} px every {preset.stride} px do not fit patches of {patch} px"
            f" (CLIP) and {encoders.dino.patch} px (DINO); crop must be a multiple of both, stride "
            "of CLIP's"
        )
    view = view or preset.long_side or encoders.sam.long_side
    view -= view % patch
    overlap = view // 2 if overlap is None else overlap
    overlap -= overlap % patch
    if not preset.crop <= view or not 0 <= overlap < view:
        raise ValueError(
            f"views of {view} px with an overlap of {overlap} px do not fit windows of "
            f"{preset.crop} px; a view must be at least a window long, the overlap shorter than it"
        )
    scale = min(view / FIELD_PX, 1.0) if scale is None else scale
    if not 0 < scale <= 1:
        raise ValueError(
            f"the scale is {scale}; give working pixels a pixel of the photo, above 0 and up to 1"
        )
    size = tuple(patch * round(side * scale / patch) for side in photo)
    if min(size) < preset.crop:
        raise ValueError(
            f"at a scale of {scale:.3g} this photo is {size[1]} x {size[0]} px, smaller than a "
            f"window of {preset.crop} px; raise the scale, or segment it in one pass "
            "(model.encode, or the command segment)"
        )
    seen = tuple(min(side, view) for side in size)
    dino = patch // max(round(patch / encoders.dino.patch), 1)
    sam = max(seen) * encoders.sam.patch / encoders.sam.long_side  # px a cell of SAM's grid
    finer = max(round(dino / sam), 1)
    while dino % finer:
        finer -= 1
    return Lattice(
        tuple(photo), size, dino, dino // finer, preset.crop, preset.stride, seen, overlap
    )
