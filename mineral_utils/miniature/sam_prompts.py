"""What SAM is asked while it learns: targets with exact masks, and points, boxes, coarse maps.

The mix is that of `mineral_utils.refine`: a box and a point of a coarse component, with the class's
probability map (times 0.005) as mask prompt; beside it what SAM's paper trains (arXiv 2304.02643,
appendix A): single points, boxes, logits of an earlier answer and a click on its error.

A *cell* is a pixel of the low-resolution masks, 4 px of SAM's input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from .sam_pool import EIGHT
from .sam_scenes import PATCH, View

CELL = 4  # px of SAM's input to a cell
COEFFICIENT = 0.005  # of the mask prompt, as in mineral_utils.profiles.Preset
NETS = 0.6  # how often the one that fills less of its box is taken of two targets
KINDS = ("point", "box", "both", "class", "logits")


@dataclass(frozen=True)
class Prompts:
    """Questions of one kind about one view, and their answers.

    kind : ``"point"``; ``"box"``; ``"both"`` of these; ``"class"``: box, mostly a point,
        and class map;
        ``"logits"``: box and logits of a coarse answer
    points : float32 [n, p, 2] (x, y) in px of SAM's whole canvas, or None
    signs : float32 [n, p], 1 inside, 0 outside, or None
    boxes : float32 [n, 4] (x1, y1, x2, y2), ends included, in px of the whole canvas, or None
    masks : float32 [n, 1, cells, cells] of the view, or None
    truth : float32 [n, cells, cells] in [0, 1], share of the cell
    of : int64 [n], the view that each is about
    """

    kind: str
    points: np.ndarray | None
    signs: np.ndarray | None
    boxes: np.ndarray | None
    masks: np.ndarray | None
    truth: np.ndarray
    of: np.ndarray


def join(parts: Sequence[tuple[int, Prompts]]) -> Prompts:
    """Questions of one kind about several views: pairs of a view's number and its questions."""
    first = parts[0][1]

    def stack(name: str) -> np.ndarray | None:
        if getattr(first, name) is None:
            return None
        return np.concatenate([getattr(part, name) for _, part in parts])

    arrays = {name: stack(name) for name in ("points", "signs", "boxes", "masks", "truth")}
    of = np.repeat([number for number, _ in parts], [len(part.truth) for _, part in parts])
    return Prompts(first.kind, **arrays, of=of)


class Pieces:
    """The pieces of a view: sizes, neighbours, and targets made of them."""

    def __init__(self, view: View, smallest: int = 160):
        self.view = view
        flat = view.segments.ravel() + 1
        self.area = np.bincount(flat, minlength=len(view.looks) + 1)[1:]
        self.spans = ndimage.find_objects(view.segments + 1, max_label=len(self.area))
        room = view.valid[0] * view.valid[1]
        fits = (self.area >= smallest) & (self.area <= 0.8 * room) & (view.looks >= 0)
        self.usable = np.flatnonzero(fits)
        self._neighbours: dict[int, list[int]] | None = None

    def neighbours(self, piece: int) -> list[int]:
        """Pieces that share a border with one."""
        if self._neighbours is None:
            found: dict[int, set[int]] = {}
            segments = self.view.segments
            for a, b in ((segments[:, 1:], segments[:, :-1]), (segments[1:], segments[:-1])):
                part = (a != b) & (a >= 0) & (b >= 0)
                for one, other in np.unique(np.stack([a[part], b[part]], -1), axis=0).tolist():
                    found.setdefault(one, set()).add(other)
                    found.setdefault(other, set()).add(one)
            self._neighbours = {piece: sorted(others) for piece, others in found.items()}
        return self._neighbours.get(piece, [])

    def draw(self, rng: np.random.Generator) -> int:
        """A piece; one of the hundredfold area is six times as likely."""
        weight = self.area[self.usable] ** 0.4
        return int(rng.choice(self.usable, p=weight / weight.sum()))

    def together(self, piece: int) -> set[int]:
        """A piece and all that hang together with it and look the same."""
        looks, seen, waiting = self.view.looks, {piece}, [piece]
        while waiting:
            for other in self.neighbours(waiting.pop()):
                if other not in seen and looks[other] == looks[piece]:
                    seen.add(other)
                    waiting.append(other)
        return seen

    def some(self, piece: int, rng: np.random.Generator) -> set[int]:
        """A piece and one to three that touch it, whatever they look like."""
        chosen = {piece}
        for _ in range(int(rng.integers(1, 4))):
            around = self.neighbours(int(rng.choice(sorted(chosen))))
            if around:
                chosen.add(int(rng.choice(around)))
        return chosen

    def mask(self, pieces: set[int]) -> np.ndarray:
        """Where these pieces are: bool [S, S]."""
        if len(pieces) == 1:
            (piece,) = pieces
            mask = np.zeros(self.view.segments.shape, bool)
            span = self.spans[piece]
            mask[span] = self.view.segments[span] == piece
            return mask
        chosen = np.zeros(len(self.area) + 1, bool)
        chosen[list(pieces)] = True
        return chosen[self.view.segments]  # -1, the padding, reads the last entry


def one_part(mask: np.ndarray, rng: np.random.Generator, smallest: int = 64) -> np.ndarray:
    """One 8-connected part of a mask, bool of the same shape; large ones are likelier. Parts under
    `smallest` px are left out where there are others."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return mask
    span = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    numbered, count = ndimage.label(mask[span], EIGHT)
    if count < 2:
        return mask
    area = np.bincount(numbered.ravel())
    area[0] = 0
    weight = np.sqrt(np.where(area >= min(smallest, area.max()), area, 0))
    part = np.zeros_like(mask)
    part[span] = numbered == rng.choice(count + 1, p=weight / weight.sum())
    return part


def pool_cells(mask: np.ndarray) -> np.ndarray:
    """Share of each cell that a mask covers: bool [S, S] to float32 [S / 4, S / 4]."""
    levels = Image.fromarray(mask.view(np.uint8) * np.uint8(15 * CELL**2)).reduce(CELL)
    return np.asarray(levels, np.float32) / np.float32(15 * CELL**2)  # 15 levels a pixel: exact


def box_of(mask: np.ndarray) -> np.ndarray:
    """Bounding box (x1, y1, x2, y2), ends included, float32 [4]."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return np.array([columns[0], rows[0], columns[-1], rows[-1]], np.float32)


def jitter_box(box: np.ndarray, rng: np.random.Generator, side: int) -> np.ndarray:
    """The box a little off: half of the time up to 2 px a side, else by normal noise of 5 % of
    the side, at most 8 px."""
    extent = box[2:] - box[:2] + 1
    if rng.random() < 0.5:
        off = rng.uniform(-2, 2, 4)
    else:
        off = rng.normal(size=4) * np.tile(np.minimum(0.05 * extent, 8), 2)
    low, high = np.sort((box + off).reshape(2, 2), axis=0)
    return np.clip(np.concatenate([low, high]), 0, side - 1).astype(np.float32)


def inner_point(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A point (x, y) inside: half of the time the one farthest from the border, else any."""
    rows = np.flatnonzero(mask.any(1))
    columns = np.flatnonzero(mask.any(0))
    part = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    step = max(1, int(max(part.shape) // 96))
    thin = part[::step, ::step]
    if thin.any() and rng.random() < 0.5:
        depth = ndimage.distance_transform_edt(np.pad(thin, 1))[1:-1, 1:-1]
        y, x = np.unravel_index(depth.argmax(), thin.shape)
        y, x = y * step, x * step
    else:
        inside = np.flatnonzero(part)
        y, x = np.unravel_index(rng.choice(inside), part.shape)
    return np.array([columns[0] + x, rows[0] + y], np.float32)


def coarsen(
    share: np.ndarray, rng: np.random.Generator, most: float = 6.0
) -> tuple[np.ndarray, np.ndarray]:
    """A coarse map of a mask: shifted to and fro, eroded or grown, its details lost.

    Parameters
    ----------
    share : float32 [cells, cells] in [0, 1]
    most : largest displacement in cells

    Returns
    -------
    (float32 [cells, cells] in [0, 1], bool [cells, cells] where it says yes)
    """
    side = len(share)
    if rng.random() < 0.6:  # maps are often too small rather than too large
        depth = ndimage.distance_transform_edt(share > 0.5)
        share = np.where(depth > rng.uniform(0, min(3.0, max(depth.max() - 0.5, 0))), share, 0)
    reach = rng.uniform(0, most)
    knots = rng.uniform(-1, 1, (2, *(int(rng.integers(3, max(4, side // 6))),) * 2))
    shift = [_enlarge(k.astype(np.float32) * np.float32(reach), side) for k in knots]
    y, x = np.arange(side, dtype=np.float32)[:, None], np.arange(side, dtype=np.float32)[None]
    y = np.clip(y + shift[0] + 0.5, 0, side - 1).astype(np.int32)
    x = np.clip(x + shift[1] + 0.5, 0, side - 1).astype(np.int32)
    coarse = share[y, x]
    blur = rng.uniform(0.4, 3.0)
    if rng.random() < 0.3:  # what a map on the grid of tokens looks like
        tokens = CELL
        coarse = coarse.reshape(side // tokens, tokens, side // tokens, tokens).mean((1, 3))
        coarse = _enlarge(coarse, side)
    else:
        coarse = ndimage.gaussian_filter(coarse, blur, truncate=2.5, mode="nearest")
    threshold = rng.uniform(0.3, 0.8)
    if rng.random() < 0.3 and coarse.max() > threshold:
        coarse = (coarse > threshold).astype(np.float32)
        return coarse, coarse > 0.5
    return coarse, coarse > threshold * max(float(coarse.max()), 1e-6)


def _enlarge(values: np.ndarray, side: int) -> np.ndarray:
    """Bilinear, from the middle of one field to the middle of another, float32 [side, side]."""
    out = values
    for axis in (0, 1):
        count = out.shape[axis]
        at = np.clip((np.arange(side) + 0.5) * count / side - 0.5, 0, count - 1)
        low = np.minimum(at.astype(int), max(count - 2, 0))
        weight = (at - low).astype(np.float32)
        weight = weight[:, None] if axis == 0 else weight[None]
        high = np.minimum(low + 1, count - 1)
        out = out.take(low, axis) * (1 - weight) + out.take(high, axis) * weight
    return out.astype(np.float32)


def class_prompt(
    pieces: Pieces, target: np.ndarray, piece: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What `refine` would ask about a target: mask prompt, box, point, and the truth of it.

    The class holds the target and others of its look, or other pieces now and then. The coarse
    component may run over several of its true parts: those it covers by half are meant.
    """
    side = len(target)
    others = np.zeros_like(target)
    if rng.random() < 0.8:
        looks = pieces.view.looks
        same = set(np.flatnonzero((looks == looks[piece]) & (pieces.area > 0)).tolist())
        if rng.random() < 0.5:  # the more the class holds, the more box and point must say
            same |= {pieces.draw(rng) for _ in range(int(rng.integers(1, 6)))}
        others = pieces.mask(same)
    whole = pool_cells(target | others)
    coarse, yes = coarsen(whole, rng)
    own = pool_cells(target)
    parts, count = ndimage.label(yes, EIGHT)
    overlap = np.bincount(parts.ravel(), own.ravel(), count + 1)
    overlap[0] = 0
    if overlap.max() < 2:  # the coarse map lost it
        coarse = np.maximum(coarse, own)
        parts, overlap = (own > 0.5).astype(np.int32), np.array([0.0, 1.0])
        if not parts.any():
            parts = (own >= own.max()).astype(np.int32)
    component = parts == overlap.argmax()
    truths, number = ndimage.label(whole > 0.25, EIGHT)
    area = np.bincount(truths.ravel(), minlength=number + 1)
    covered = np.bincount(truths.ravel(), component.ravel(), number + 1)
    meant = covered >= 0.5 * area
    meant[np.unique(truths[own > 0.5])] = True
    meant[0] = False
    truth = np.where(meant[truths] | (own > 0), whole, 0) if number else own
    box = box_of(component) * CELL
    box[2:] += CELL - 1
    box = np.clip(box + rng.uniform(-2, 2, 4), 0, side - 1).astype(np.float32)
    if rng.random() < 0.3:  # flat maps: the first pixel is as probable as any
        y, x = np.argwhere(component)[0]
    else:
        y, x = np.unravel_index(np.where(component, coarse, -1).argmax(), component.shape)
    point = np.array([x, y], np.float32) * CELL + rng.uniform(0, CELL, 2)
    low, high = rng.uniform(0, 0.25), rng.uniform(0.35, 1)
    probability = low + (high - low) * coarse
    factor = COEFFICIENT if rng.random() < 0.85 else np.exp(rng.uniform(np.log(1e-3), np.log(10)))
    threshold = 0.1 if rng.random() < 0.7 else rng.uniform(0, 0.3)
    mask = np.where(probability > threshold, factor * probability, 0).astype(np.float32)
    return mask, box, point.astype(np.float32), truth.astype(np.float32)


def fill_of(mask: np.ndarray) -> float:
    """Share of its bounding box that a mask fills."""
    x1, y1, x2, y2 = box_of(mask)
    return float(mask.sum() / ((x2 - x1 + 1) * (y2 - y1 + 1)))


def draw_target(pieces: Pieces, rng: np.random.Generator, kind: str) -> tuple[int, np.ndarray]:
    """What one question means: a piece, mostly with all of its look that hangs together with it,
    now and then with its neighbours. Its number and bool [S, S]."""
    view = pieces.view
    piece, fate = pieces.draw(rng), rng.random()
    chosen = {piece}
    if fate > 0.3:
        chosen = pieces.together(piece)
    if fate > (0.96 if kind in ("point", "box", "both") else 0.88):
        chosen = pieces.some(piece, rng)
    target = one_part(pieces.mask(chosen), rng)
    if target.sum() > 0.85 * view.valid[0] * view.valid[1]:
        target = one_part(pieces.mask({piece}), rng)
    return piece, target


def draw_prompts(
    pieces: Pieces, rng: np.random.Generator, kind: str, number: int, pointless: bool = False
) -> Prompts:
    """Questions of one kind about the pieces of a view, at least one of which must be usable.

    pointless : of kind ``"class"``, by box and map alone
    """
    view = pieces.view
    side, shift = len(view.segments), np.array(view.place[::-1], np.float32) * PATCH
    points, boxes, masks, truths = [], [], [], []
    for _ in range(number):
        piece, target = draw_target(pieces, rng, kind)
        if rng.random() < NETS:
            other, rival = draw_target(pieces, rng, kind)
            if fill_of(rival) < fill_of(target):
                piece, target = other, rival
        if kind == "class":
            mask, box, point, truth = class_prompt(pieces, target, piece, rng)
            if pointless:
                box = jitter_box(box_of(target), rng, side)
            else:
                points.append(point + shift)
            boxes.append(box + np.tile(shift, 2))
            masks.append(mask)
            truths.append(truth)
            continue
        truths.append(pool_cells(target))
        if kind in ("point", "both"):
            points.append(inner_point(target, rng) + shift)
        if kind != "point":
            boxes.append(jitter_box(box_of(target), rng, side) + np.tile(shift, 2))
        if kind == "logits":
            coarse, _ = coarsen(truths[-1], rng)
            masks.append((coarse * 2 - 1) * np.float32(rng.uniform(2, 10)))
    return Prompts(
        kind,
        np.stack(points)[:, None].astype(np.float32) if points else None,
        np.ones((len(points), 1), np.float32) if points else None,
        np.stack(boxes) if boxes else None,
        np.stack(masks)[:, None].astype(np.float32) if masks else None,
        np.stack(truths),
        np.zeros(len(truths), np.int64),
    )
