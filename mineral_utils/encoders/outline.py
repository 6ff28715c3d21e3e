"""What SAM draws for points, a box and a hint: from afar, and by a closer look.

SAM shrinks a large photo to its own size, and a small grain of it to a few cells of its masks. A
closer look encodes a window of the photo around what is meant, at one more pass of the encoder, has
the outline traced in its pixels where the profile has a tracer, and lets the colours of the window
decide where exactly it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from segment_anything.modeling import Sam
from torch import Tensor

from .colours import follow_colours, leave_out
from .sam import SamEncoder, SamView, longest_side
from .tracer import Tracer, trace

AROUND_A_BOX, AROUND_A_POINT = 336, 672  # px, smallest window; see `window_around`
MAIN = 0.7  # share of the largest piece's area from which on a piece is meant too
SMALLER, SAME = 0.025, 0.7  # of a box's sides; IoU: see `draw_in_box`
TRUST = 0.7  # what the tracer's logits count: it is surer than it is right (training photos)
Part = tuple[slice, slice]


@dataclass(frozen=True, eq=False)
class Window:
    """Rows and columns of a photo, and what SAM sees of them.

    part : (rows, columns) in px of the photo
    view : SAM's view of them
    picture : uint8 [rows, columns, 3], the pixels, whose colours its answers follow; None: SAM's
        answers as they are
    tracer : what draws an answer again before that, see `tracer.trace`
    """

    part: Part
    view: SamView
    picture: np.ndarray | None = None
    tracer: Tracer | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in px."""
        rows, columns = self.part
        return rows.stop - rows.start, columns.stop - columns.start

    @property
    def corner(self) -> Tensor:
        """(x, y) of its first pixel in the photo, int64 [2]."""
        return torch.tensor([self.part[1].start, self.part[0].start])

    def holds(self, x: float, y: float) -> bool:
        """Whether a point (x, y) in px of the photo lies in it."""
        rows, columns = self.part
        return rows.start <= y < rows.stop and columns.start <= x < columns.stop


@dataclass(frozen=True, eq=False)
class Outline:
    """What SAM drew.

    mask : bool [H, W] of the photo
    score : the IoU that SAM expects of it
    logits : float32 [1, 1, cells, cells] of the window, to be given back with further points
    window : what SAM was asked about
    """

    mask: np.ndarray
    score: float
    logits: Tensor
    window: Window


def window_around(
    box: Sequence[float], size: tuple[int, int], *, wider: float = 3.0, least: int = AROUND_A_BOX
) -> Part:
    """Where to look closer at a part of a photo.

    Parameters
    ----------
    box : (x1, y1, x2, y2) in px of the photo, ends included
    size : (height, width) of the photo
    wider : side of the window over the longer side of the box: SAM wants surroundings
    least : px, smallest side of the window. Chosen on LumenStone's training photos; around a point,
        whose grain may be of any size, `AROUND_A_POINT` (chosen on validation sections)

    Returns
    -------
    (rows, columns) : a square with the box in its middle, moved and cut at the photo's edges
    """
    x1, y1, x2, y2 = box
    side = max(round(wider * max(x2 - x1 + 1, y2 - y1 + 1)), least)
    spans = []
    for low, high, end in ((y1, y2, size[0]), (x1, x2, size[1])):
        first = min(max(round((low + high + 1 - side) / 2), 0), max(end - side, 0))
        spans.append(slice(first, min(first + side, end)))
    return spans[0], spans[1]


def first_window(
    size: tuple[int, int],
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
) -> Part:
    """Where `look_closer` looks first; parameters as there. Of points alone this is a guess."""
    places = [(x, y, x, y) for x, y, _ in points]
    if box is not None:
        return window_around(_reach([*places, box]), size)
    return window_around(_reach(places), size, least=AROUND_A_POINT)


@torch.inference_mode()
def draw_outline(
    sam: Sam,
    window: Window,
    size: tuple[int, int],
    *,
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
    hint: Tensor | None = None,
) -> Outline:
    """Ask SAM's decoder.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    window : what to ask about
    size : (height, width) of the photo
    points : (x, y, whether it lies inside) each, px of the photo
    box : (x1, y1, x2, y2), px of the photo
    hint : mask prompt of the window, float32 [1, 1, cells, cells]: logits of an earlier answer, or
        `as_logits`

    Returns
    -------
    Outline : a lone point may mean many things; of its three answers the one that SAM likes best.
        In a window with its picture the mask is traced, follows colours (`follow_colours`), a point
        outside takes out what it means (`leave_out`), and scattered pieces are left out: points
        alone mean the pieces that they lie in, a box the largest, and what else is not much smaller
    """
    logits, score = _ask(sam, window, points, box, hint)
    return _outline(sam, window, size, logits, score, points=points, box=box, hint=hint)


def _ask(
    sam: Sam,
    window: Window,
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
    hint: Tensor | None = None,
) -> tuple[Tensor, float]:
    """SAM's answer as logits float32 [1, 1, cells, cells], and the IoU that it expects; parameters
    as for `draw_outline`."""
    (height, width), view = window.shape, window.view
    scale = torch.tensor([view.input_size[1] / width, view.input_size[0] / height])
    asked = boxes = None
    if points:
        places = (torch.tensor([point[:2] for point in points]) - window.corner) * scale
        signs = torch.tensor([[float(point[2]) for point in points]])
        asked = places[None].to(sam.device), signs.to(sam.device)
    if box is not None:
        ends = torch.as_tensor(box).view(2, 2) - window.corner
        boxes = (ends * scale).view(1, 4).float().to(sam.device)
    hint = None if hint is None else hint.to(sam.device)
    sparse, dense = sam.prompt_encoder(points=asked, boxes=boxes, masks=hint)
    logits, scores = sam.mask_decoder(
        image_embeddings=window.view.embedding,
        image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse,
        dense_prompt_embeddings=dense,
        multimask_output=box is None and hint is None and len(points) == 1,
    )
    best = int(scores[0].argmax())
    return logits[:, best : best + 1], float(scores[0, best])


def _outline(
    sam: Sam,
    window: Window,
    size: tuple[int, int],
    logits: Tensor,
    score: float,
    *,
    points: Sequence[tuple[float, float, bool]],
    box: Sequence[float] | None,
    hint: Tensor | None = None,
) -> Outline:
    """What logits amount to in px of the photo."""
    fine = sam.postprocess_masks(logits, window.view.input_size, window.view.photo_size)
    if window.view.photo_size != window.shape:
        fine = F.interpolate(fine, window.shape, mode="bilinear")
    answer, mask = fine[0, 0].cpu().numpy(), np.zeros(size, bool)
    drawn = answer > 0
    if window.picture is not None:
        ends = None if box is None else np.subtract(box, np.tile(window.corner, 2))
        x, y = window.corner.tolist()
        held = [(p[0] - x, p[1] - y, p[2]) for p in points if window.holds(p[0], p[1])]
        # a hint and the tracer say better than a box what is meant
        told = ends if hint is None and window.tracer is None else None
        if window.tracer is not None and drawn.any():
            around = _span(_pieces(drawn, held)) if ends is None else ends
            answer = TRUST * trace(window.tracer, window.picture, logits, around, ends)
        drawn = follow_colours(window.picture, answer, told) > 0
        meant = [(x, y) for x, y, inside in held if inside]
        for point in ((x, y) for x, y, inside in held if not inside):
            drawn = leave_out(window.picture, drawn, point, meant)
        drawn = _pieces(drawn, held, ends)
    mask[window.part] = drawn
    return Outline(mask, score, logits, window)


def _pieces(
    mask: np.ndarray,
    points: Sequence[tuple[float, float, bool]],
    box: Sequence[float] | None = None,
) -> np.ndarray:
    """The 8-connected pieces that are meant: those that points inside lie in; for a box, or where
    no point lies in one, all that have `MAIN` of the area of the largest. What runs on beyond a box
    is left out first."""
    if box is not None:
        x1, y1, x2, y2 = (max(round(float(end)), 0) for end in box)
        held = np.zeros_like(mask)
        held[y1 : y2 + 1, x1 : x2 + 1] = mask[y1 : y2 + 1, x1 : x2 + 1]
        mask = held
    numbered, _ = ndimage.label(mask, np.ones((3, 3)))
    area = np.bincount(numbered.ravel())
    area[0] = 0
    meant = {int(numbered[int(y), int(x)]) for x, y, inside in points if inside} - {0}
    if box is not None or not meant:
        meant |= set(np.flatnonzero((area > 0) & (area >= MAIN * area.max())).tolist())
    return np.isin(numbered, sorted(meant))


def look_at(encoder: SamEncoder, image: np.ndarray, part: Part) -> Window:
    """A window of a photo uint8 [H, W, 3], encoded; its answers follow its colours."""
    picture = np.ascontiguousarray(image[part])
    return Window(part, encoder.glance(picture), picture, encoder.tracer)


def look_closer(
    encoder: SamEncoder,
    image: np.ndarray,
    *,
    points: Sequence[tuple[float, float, bool]] = (),
    box: Sequence[float] | None = None,
) -> Outline:
    """Ask about a window around the box (`draw_in_box`). Points alone do not say how large a grain
    is: they are asked of a window of 672 px, with the answer a second time, and then, with what was
    drawn as a hint, of a window around that.

    Parameters
    ----------
    encoder : passes once for a box, twice for points
    image : uint8 [H, W, 3], the photo
    points, box : as for `draw_outline`; one of them at least

    Returns
    -------
    Outline
    """
    sam, size = encoder.sam, image.shape[:2]
    around = look_at(encoder, image, first_window(size, points, box))
    if box is not None:
        return draw_in_box(sam, around, size, box, points)
    first = draw_outline(sam, around, size, points=points)
    second = draw_outline(sam, around, size, points=points, hint=first.logits)
    if not second.mask.any():
        return second
    reach = _reach([*((x, y, x, y) for x, y, _ in points), _span(second.mask)])
    part = window_around(reach, size)
    around = look_at(encoder, image, part)
    hint = as_logits(sam, second.mask[part])
    return draw_outline(sam, around, size, points=points, hint=hint)


@torch.inference_mode()
def draw_in_box(
    sam: Sam,
    window: Window,
    size: tuple[int, int],
    box: Sequence[float],
    points: Sequence[tuple[float, float, bool]] = (),
) -> Outline:
    """Ask SAM's decoder about a box three times: as it is, a little smaller, and with a point in
    the depth of the first answer. The mean of the three is steadier than each. Without a tracer the
    first stays where the mean says something else (an IoU under `SAME`).

    Parameters
    ----------
    sam, window, size, box, points : as for `draw_outline`; the window with its picture. With points
        of the user's own SAM is asked once

    Returns
    -------
    Outline
    """
    logits, score = _ask(sam, window, points, box)
    if points:
        return _outline(sam, window, size, logits, score, points=points, box=box)
    plain = replace(window, tracer=None)
    first = _outline(sam, plain, size, logits, score, points=(), box=box)
    depth = ndimage.distance_transform_edt(np.pad(first.mask[window.part], 1))[1:-1, 1:-1]
    if not depth.any():
        return first
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    deepest = *(torch.tensor([column, row]) + 0.5 + window.corner).tolist(), True
    x1, y1, x2, y2 = box
    less = SMALLER * np.array([x2 - x1, y2 - y1])
    smaller = np.array(box, float) + np.concatenate([less, -less])
    others = _ask(sam, window, (), smaller)[0], _ask(sam, window, [deepest], box)[0]
    mean = _outline(sam, window, size, sum(others, logits) / 3, score, points=(), box=box)
    if window.tracer is not None:
        return mean
    either, both = (first.mask | mean.mask).sum(), (first.mask & mean.mask).sum()
    return mean if both >= SAME * either else first


def _span(mask: np.ndarray) -> tuple[int, int, int, int]:
    """The box (x1, y1, x2, y2) around a mask that is not empty, ends included."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


def _reach(boxes: Sequence[Sequence[float]]) -> np.ndarray:
    """The box around some boxes."""
    return np.concatenate([np.min(boxes, 0)[:2], np.max(boxes, 0)[2:]])


def as_logits(sam: Sam, mask: np.ndarray, sure: float = 4.0) -> Tensor:
    """A mask as SAM gives back its own: bool [h, w] of a window to logits float32 [1, 1, cells,
    cells], `sure` inside and its negative outside."""
    return (mask_cells(sam, mask) * 2 - 1) * sure


def mask_cells(sam: Sam, mask: np.ndarray) -> Tensor:
    """Share of each cell of SAM's masks that a mask covers, bool [h, w] of a window to float32
    [1, 1, cells, cells]; 0 beyond the window."""
    side = sam.prompt_encoder.mask_input_size[0]
    size = longest_side(*mask.shape, side)
    share = torch.from_numpy(mask.astype(np.float32))[None, None]
    small = F.interpolate(share, size, mode="bilinear", antialias=True)
    return F.pad(small, (0, side - size[1], 0, side - size[0]))
