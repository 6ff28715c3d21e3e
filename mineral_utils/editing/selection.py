"""What is to be corrected: pixels chosen by points and a box through SAM's decoder, or a whole
region of the map.

SAM looked at the photo when the scene was encoded; each click runs its decoder only. Its first
answer to a single point is the best of three by SAM's own estimate, for a point may mean a grain or
a part of it. Further clicks correct: the logits of the answer before go in again, with all points
and the box (Segment Anything, arXiv 2304.02643, appendix A).

SAM shrinks a large photo to its own size, and a small grain of it to a few cells of its masks.
`closer` lets it look again, at a window of the photo around what is selected, and moves its outline
to where the colours there change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage
from torch import Tensor

from ..encoders.outline import Outline, Window, draw_outline, first_window, look_closer
from ..refine import EIGHT
from ..segmenter import Scene
from .display import one_thread
from .mask import Mask
from .points import EditError, inside

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Selection:
    """Chosen pixels and how they were chosen.

    mask : the pixels; None where points and box say nothing that SAM would draw
    tool : ``"outline"`` (SAM) or ``"region"`` (of the map)
    points : (x, y, whether it lies inside), px of the photo, in the order of the clicks
    box : (x1, y1, x2, y2), ends included, or None
    score : SAM's estimate of the IoU of its mask, None for a region
    close : the window that SAM was asked about; None: the whole photo
    """

    mask: Mask | None
    tool: str = "outline"
    points: tuple[tuple[int, int, bool], ...] = ()
    box: Box | None = None
    score: float | None = None
    logits: Tensor | None = field(default=None, repr=False)
    close: Window | None = field(default=None, repr=False)


def with_point(
    scene: Scene, before: Selection | None, x: float, y: float, *, positive: bool = True
) -> Selection:
    """One more point, inside or outside of what is meant.

    Raises
    ------
    EditError
        It lies outside the photo, or it is negative and there is nothing yet to take it from.
    """
    x, y = inside(x, y, scene.photo.image.shape[:2])
    before = _outline(before)
    if not positive and not before.points and before.box is None:
        raise EditError(
            "a point that is left out needs something to be left out of; click on the grain, or "
            "draw a box around it, first"
        )
    if before.close is not None and not before.close.holds(x, y):
        before = replace(before, close=None, logits=None)  # logits of the window say nothing here
    return _asked(scene, replace(before, points=(*before.points, (x, y, positive))))


def with_box(
    scene: Scene, before: Selection | None, x1: float, y1: float, x2: float, y2: float
) -> Selection:
    """A box around what is meant, in place of an earlier one; points that were set stay.

    Raises
    ------
    EditError
        A corner lies outside the photo, or the box is no wider or higher than a pixel.
    """
    size = scene.photo.image.shape[:2]
    (left, top), (right, bottom) = inside(x1, y1, size), inside(x2, y2, size)
    box = min(left, right), min(top, bottom), max(left, right), max(top, bottom)
    if box[2] - box[0] < 2 or box[3] - box[1] < 2:
        raise EditError(
            f"the box from ({left}, {top}) to ({right}, {bottom}) is too thin; drag it from one "
            "corner of the grain to the other"
        )
    return _asked(scene, replace(_outline(before), box=box, logits=None, close=None))


def closer(scene: Scene, before: Selection | None) -> Selection:
    """The same points and box, asked of a window of the photo around what is selected, whose
    colours the outline follows; further points inside the window are asked there. See
    `look_closer`.

    Raises
    ------
    EditError
        Nothing that SAM drew is selected; SAM saw all pixels already; or the window would be the
        whole photo.
    """
    before, size = _outline(before), scene.photo.image.shape[:2]
    seen = min(scene.view.input_size[1], scene.working_size[1])
    if before.box is None and not before.points:
        raise EditError(
            "nothing is selected to look at closer; click on a grain or draw a box around it first"
        )
    if seen >= size[1]:
        raise EditError(
            f"SAM has seen this photo of {size[1]} x {size[0]} px pixel by pixel; there is nothing "
            "closer to see. Correct the outline by further clicks"
        )
    points, box = _middles(before.points), _ends(before.box)
    whole, drawn = (slice(0, size[0]), slice(0, size[1])), None
    if first_window(size, points, box) != whole:
        drawn = look_closer(scene.model.encoders.sam, scene.photo.image, points=points, box=box)
    if drawn is None or drawn.window.part == whole:
        raise EditError(
            "what is selected is so large that a closer look sees the whole photo again; correct "
            "the outline by further clicks"
        )
    return _selected(before, drawn, drawn.window)


def region_at(labels: np.ndarray, x: float, y: float) -> Selection:
    """The whole connected region of a map [H, W] that a point lies in."""
    x, y = inside(x, y, labels.shape)
    numbered, _ = ndimage.label(labels == labels[y, x], EIGHT)
    mask = Mask.of(numbered == numbered[y, x])
    return Selection(mask, "region", ((x, y, True),))


def _outline(before: Selection | None) -> Selection:
    """What SAM is asked from: a region of the map is not added to, but left behind."""
    return before if before is not None and before.tool == "outline" else Selection(None)


@one_thread()
def _asked(scene: Scene, wanted: Selection) -> Selection:
    """The mask that SAM's decoder draws for points and box."""
    size = scene.photo.image.shape[:2]
    whole = Window((slice(0, size[0]), slice(0, size[1])), scene.view)
    drawn = draw_outline(
        scene.model.encoders.sam.sam,
        wanted.close or whole,
        size,
        points=_middles(wanted.points),
        box=_ends(wanted.box),
        hint=wanted.logits,
    )
    return _selected(wanted, drawn, wanted.close)


def _selected(wanted: Selection, drawn: Outline, close: Window | None) -> Selection:
    mask = Mask.of(drawn.mask) if drawn.mask.any() else None
    return replace(wanted, mask=mask, score=drawn.score, logits=drawn.logits, close=close)


def _middles(points: Sequence[tuple[int, int, bool]]) -> list[tuple[float, float, bool]]:
    """The middle of each pixel."""
    return [(x + 0.5, y + 0.5, inside) for x, y, inside in points]


def _ends(box: Box | None) -> tuple[float, float, float, float] | None:
    """The outer ends of a box's pixels."""
    return None if box is None else (box[0], box[1], box[2] + 1.0, box[3] + 1.0)
