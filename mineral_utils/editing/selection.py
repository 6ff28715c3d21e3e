"""What is to be corrected: pixels chosen by points and a box through SAM's decoder, or a whole
region of the map.

SAM looked at the photo when the scene was encoded; each click runs its decoder only. Its first
answer to a single point is the best of three by SAM's own estimate, for a point may mean a grain or
a part of it. Further clicks correct: the logits of the answer before go in again, with all points
and the box (Segment Anything, arXiv 2304.02643, appendix A).

SAM shrinks a large photo to its own size, and a small grain of it to a few cells of its masks.
`closer` lets it look again, at a window of the photo around what is selected.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from ..encoders import SamView
from ..encoders.sam import AROUND_A_BOX, AROUND_A_POINT, window_around
from ..refine import EIGHT
from ..segmenter import Scene
from .display import one_thread
from .mask import Mask
from .points import EditError, inside

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Close:
    """A window of the photo as SAM sees it: `rows` and `columns` of the photo, and the view."""

    rows: slice
    columns: slice
    view: SamView

    def holds(self, x: int, y: int) -> bool:
        """Whether a pixel lies in the window."""
        rows, columns = self.rows, self.columns
        return rows.start <= y < rows.stop and columns.start <= x < columns.stop


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
    close: Close | None = field(default=None, repr=False)


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
    """The same points and box, asked of a window of the photo around what is selected. Takes one
    pass of SAM's encoder; further points inside the window are asked there.

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
    corners = [(x, y, x, y) for x, y, _ in before.points] + [before.box] * bool(before.box)
    low, high = np.min(corners, 0)[:2], np.max(corners, 0)[2:]
    least = AROUND_A_BOX if before.box else AROUND_A_POINT
    rows, columns = window_around((*low, *high), size, least=least)
    if rows.stop - rows.start == size[0] and columns.stop - columns.start == size[1]:
        raise EditError(
            "what is selected is so large that a closer look would see the whole photo again; "
            "correct the outline by further clicks"
        )
    image = np.ascontiguousarray(scene.photo.image[rows, columns])
    close = Close(rows, columns, scene.model.encoders.sam.glance(image))
    return _asked(scene, replace(before, logits=None, close=close))


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
@torch.inference_mode()
def _asked(scene: Scene, wanted: Selection) -> Selection:
    """The mask that SAM's decoder draws for points and box."""
    sam, whole, view = scene.model.encoders.sam.sam, scene.photo.image.shape[:2], scene.view
    part = slice(0, whole[0]), slice(0, whole[1])
    if wanted.close is not None:
        part, view = (wanted.close.rows, wanted.close.columns), wanted.close.view
    size = part[0].stop - part[0].start, part[1].stop - part[1].start
    corner = torch.tensor([part[1].start, part[0].start])
    scale = torch.tensor([view.input_size[1] / size[1], view.input_size[0] / size[0]])
    points = boxes = None
    if wanted.points:
        places = torch.tensor([point[:2] for point in wanted.points]) + 0.5 - corner
        signs = torch.tensor([[float(point[2]) for point in wanted.points]])
        points = (places * scale)[None].to(sam.device), signs.to(sam.device)
    if wanted.box is not None:
        ends = torch.tensor(wanted.box) + torch.tensor([0.0, 0.0, 1.0, 1.0]) - corner.repeat(2)
        boxes = (ends * scale.repeat(2))[None].to(sam.device)
    sparse, dense = sam.prompt_encoder(points=points, boxes=boxes, masks=wanted.logits)
    # a single click may mean many things
    alone = wanted.box is None and wanted.logits is None and len(wanted.points) == 1
    logits, scores = sam.mask_decoder(
        image_embeddings=view.embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=alone,
    )
    best = int(scores[0].argmax())
    logits = logits[:, best : best + 1]
    fine = sam.postprocess_masks(logits, view.input_size, view.photo_size)
    if view.photo_size != size:
        fine = F.interpolate(fine, size, mode="bilinear")
    drawn = np.zeros(whole, bool)
    drawn[part] = (fine[0, 0] > 0).cpu().numpy()
    return replace(
        wanted,
        mask=Mask.of(drawn) if drawn.any() else None,
        score=float(scores[0, best]),
        logits=logits,
    )
