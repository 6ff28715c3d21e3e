"""How well a SAM cuts out grains: IoU for one point, a box, a box with a coarse mask.

A *grain* is an 8-connected component of a class in a label image. Beside SAM stand three that
learnt nothing: the box itself, the ellipse in it, and Otsu's threshold of its grey levels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from segment_anything.modeling import Sam

from ..encoders.outline import (
    Outline,
    Window,
    as_logits,
    draw_in_box,
    draw_outline,
    look_at,
    look_closer,
    mask_cells,
    window_around,
)
from ..encoders.sam import SamEncoder
from ..encoders.tracer import Tracer
from .sam_pool import EIGHT, find_looks
from .sam_prompts import COEFFICIENT, box_of
from .world import scene

NEAR = ("near_point", "near_box", "near_mask", "near_logits", "near_sam")
MEASURES = ("point", "box", "mask", "logits", "whole_box", "ellipse", "otsu")
FILLS = (0.0, 0.3, 0.45, 0.6, 0.75, 1.0)  # share of its box that a grain fills


@dataclass(frozen=True)
class GrainScore:
    """IoU of one grain, by prompt and by baseline.

    case : number of the photo
    area : px of the grain
    point : one point, the one farthest from the border; of three answers the one SAM likes best
    box : the bounding box
    mask : bounding box, and the grain eroded and jittered as mask prompt, as refinement gives it
    logits : the same, the coarse grain as logits of 4 and -4: what SAM itself takes for an earlier
        answer
    whole_box, ellipse, otsu : baselines inside the bounding box
    expected : IoU that SAM expected of its answer to the box
    near_point : the point, by `look_closer`; NaN where that was not measured, as are those that
        follow
    near_box, near_mask, near_logits : box, mask and logits, asked of a window around the box that
        SAM encodes anew; what it answers is traced, where there is a tracer, and follows colours
    near_sam : near_box as SAM says it, without tracer and colours
    """

    case: int
    area: int
    point: float
    box: float
    mask: float
    logits: float
    whole_box: float
    ellipse: float
    otsu: float
    expected: float
    near_point: float = math.nan
    near_box: float = math.nan
    near_mask: float = math.nan
    near_logits: float = math.nan
    near_sam: float = math.nan


def evaluate(
    sam: Sam,
    cases: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    smallest: int = 400,
    most: int = 40,
    ignore: Sequence[int] = (255,),
    seed: int = 0,
    near: bool = False,
    tracer: Tracer | None = None,
) -> dict:
    """Mean IoU over grains, with intervals over photos.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    cases : pairs of image uint8 [H, W, 3] and labels uint8 [H, W]
    smallest : smallest grain in px
    most : grains of one photo, drawn where there are more
    ignore : labels that are no class
    seed : of the draw and of the coarse masks
    near : measure `NEAR` too, three passes of SAM's encoder for each grain; for photos that SAM
        shrinks
    tracer : draws what SAM answers again, in `NEAR` but for ``near_sam``

    Returns
    -------
    dict: ``grains``, ``photos``, and for each of `MEASURES`, and `NEAR` where asked for, a dict of
    ``mean``, ``low``, ``high`` (95 %, photos drawn with replacement), plus ``calibration``: mean
    difference of expected and true IoU of the boxes, and ``by_fill``: grains by the share of their
    box that they fill (a vein or a net between grains fills little of it), each a dict of ``from``,
    ``to``, ``share`` of grains, ``box``, ``mask``, ``otsu``

    Raises
    ------
    ValueError
        No grain of that size in any case.
    """
    options = {"smallest": smallest, "most": most, "ignore": ignore, "seed": seed, "near": near}
    options["tracer"] = tracer
    scores = score_grains(sam, cases, **options)
    if not scores:
        raise ValueError(f"no grain of {smallest} px or more in these photos; lower `smallest`")
    return summary(scores, seed=seed)


def summary(scores: Sequence[GrainScore], *, seed: int = 0) -> dict:
    """What `evaluate` returns, of the scores of one or more calls of `score_grains`.

    Raises
    ------
    ValueError
        No score.
    """
    if not scores:
        raise ValueError("no score to sum up; score_grains found no grain of that size")
    near = not math.isnan(scores[0].near_box)
    numbers = np.array([s.case for s in scores])
    photos = np.unique(numbers)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(photos), size=(1000, len(photos)))
    counts = np.array([(numbers == photo).sum() for photo in photos])
    result = {"grains": len(scores), "photos": len(photos)}
    for name in (*MEASURES, *(NEAR if near else ())):
        values = np.array([asdict(s)[name] for s in scores])
        sums = np.array([values[numbers == photo].sum() for photo in photos])
        means = sums[draws].sum(1) / counts[draws].sum(1)
        low, high = np.quantile(means, (0.025, 0.975))
        result[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
    result["calibration"] = float(np.mean([s.expected - s.box for s in scores]))
    result["by_fill"] = _by_fill(scores)
    return result


def _by_fill(scores: Sequence[GrainScore]) -> list[dict[str, float]]:
    rows = []
    for low, high in zip(FILLS[:-1], FILLS[1:], strict=True):
        some = [s for s in scores if low < s.whole_box <= high]
        if some:
            row = {"from": low, "to": high, "share": len(some) / len(scores)}
            means = {k: float(np.mean([getattr(s, k) for s in some])) for k in ("box", "mask")}
            rows.append(row | means | {"otsu": float(np.mean([s.otsu for s in some]))})
    return rows


def held_out(
    count: int, size: tuple[int, int] = (336, 448), seed: int = 999
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scenes of the general world that no training draws, with looks as labels: pairs of image
    uint8 [H, W, 3] and labels uint8 [H, W], equal where colour and surface are."""
    for number in range(count):
        drawn = scene(np.random.default_rng((seed, 7, number)), size)
        looks = find_looks(drawn.image, drawn.segments, drawn.things)
        yield drawn.image, np.minimum(looks, 254).astype(np.uint8)[drawn.segments]


@torch.inference_mode()
def score_grains(
    sam: Sam,
    cases: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    smallest: int = 400,
    most: int = 40,
    ignore: Sequence[int] = (255,),
    seed: int = 0,
    near: bool = False,
    tracer: Tracer | None = None,
    first: int = 0,
) -> list[GrainScore]:
    """The scores one by one; parameters as in `evaluate`, and `first`: number of the first case,
    where the cases are part of a longer series."""
    encoder, scores = SamEncoder(sam, sam.device, tracer), []
    for number, (image, labels) in enumerate(cases, first):
        grains, rng = draw_grains(labels, number, smallest, most, ignore, seed)
        if not grains:
            continue
        view = encoder.glance(image)
        for mask in grains:
            score = _score(sam, encoder, view, image, mask, number, rng, near)
            scores.append(score)
    return scores


def draw_grains(
    labels: np.ndarray, number: int, smallest: int, most: int, ignore: Sequence[int], seed: int
) -> tuple[list[np.ndarray], np.random.Generator]:
    """The grains of photo `number` that `score_grains` asks about, and its generator after that."""
    rng = np.random.default_rng((seed, number))
    grains = [*find_grains(labels, smallest, ignore)]
    if len(grains) > most:
        grains = [grains[i] for i in sorted(rng.choice(len(grains), most, replace=False))]
    return grains, rng


def find_grains(
    labels: np.ndarray, smallest: int, ignore: Sequence[int] = (255,)
) -> Iterable[np.ndarray]:
    """Grains of a label image uint8 [H, W], each bool [H, W]."""
    for value in np.unique(labels):
        if value in ignore:
            continue
        parts, _ = ndimage.label(labels == value, EIGHT)
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        for part in np.flatnonzero(areas >= smallest):
            yield parts == part


def _score(sam, encoder, view, image, mask, number, rng, near) -> GrainScore:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = (int(at) for at in np.unravel_index(depth.argmax(), mask.shape))
    box, coarse, points = box_of(mask), coarse_grain(mask, rng), [(float(x), float(y), True)]
    whole = Window((slice(0, mask.shape[0]), slice(0, mask.shape[1])), view)
    drawn = {"point": draw_outline(sam, whole, mask.shape, points=points)}
    drawn |= _by_box(sam, whole, box, coarse)
    if near:
        window = look_at(encoder, image, window_around(box, mask.shape))
        drawn["near_point"] = look_closer(encoder, image, points=points)
        closer = _by_box(sam, window, box, coarse)
        drawn |= {f"near_{name}": outline for name, outline in closer.items()}
        drawn["near_box"] = draw_in_box(sam, window, mask.shape, box)
        alone = replace(window, picture=None)
        drawn["near_sam"] = draw_outline(sam, alone, mask.shape, box=box)
    said = {name: outline.mask for name, outline in drawn.items()} | baselines(image, box)
    return GrainScore(
        case=number,
        area=int(mask.sum()),
        expected=drawn["box"].score,
        **{name: iou(one, mask) for name, one in said.items()},
    )


def _by_box(sam: Sam, window: Window, box: np.ndarray, coarse: np.ndarray) -> dict[str, Outline]:
    part = coarse[window.part]
    hints = {"box": None, "mask": mask_prompt(sam, part), "logits": as_logits(sam, part)}
    return {
        name: draw_outline(sam, window, coarse.shape, box=box, hint=hint)
        for name, hint in hints.items()
    }


def same_class(sam: Sam, cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """How much of its correlation a cell of the photo gives to cells of its own class.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    cases : pairs of image uint8 [H, W, 3] and labels uint8 [H, W], 255 takes no part

    Returns
    -------
    dict: ``share``, and ``chance``, if it gave to all cells alike; means over photos
    """
    encoder, share, chance = SamEncoder(sam, sam.device), [], []
    for image, labels in cases:
        view = encoder.look(image)
        rows, columns = (
            ((np.arange(n) + 0.5) * side / n).astype(int)
            for n, side in zip(view.grid, labels.shape, strict=True)
        )
        owner = labels[rows][:, columns].ravel()
        known = torch.from_numpy(owner != 255)
        same = torch.from_numpy(owner[:, None] == owner[None])[known][:, known].float()
        weight = view.correlation.cpu()[known][:, known]
        share.append(float(((weight * same).sum(1) / weight.sum(1).clamp(min=1e-9)).mean()))
        chance.append(float(same.mean()))
    return {"share": float(np.mean(share)), "chance": float(np.mean(chance))}


def iou(said: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks bool [H, W]; 1 where both are empty."""
    union = (said | truth).sum()
    return float((said & truth).sum() / union) if union else 1.0


def coarse_grain(mask: np.ndarray, rng: np.random.Generator, most: float = 8.0) -> np.ndarray:
    """A grain eroded and jittered: bool [H, W] to bool [H, W].

    The border moves to and fro by up to a fifth of the grain's size (the root of its area), at
    most `most` px, and draws back by half of that; the deepest pixel always stays.
    """
    reach = min(most, 0.2 * float(mask.sum()) ** 0.5)
    knots = torch.from_numpy(rng.uniform(-reach, reach, (1, 2, 12, 12)).astype(np.float32))
    shift = F.interpolate(knots, mask.shape, mode="bicubic")[0].numpy()
    rows, columns = np.indices(mask.shape)
    rows = np.clip(np.rint(rows + shift[0]), 0, mask.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(columns + shift[1]), 0, mask.shape[1] - 1).astype(int)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return depth[rows, columns] > min(reach / 2, depth.max() - 0.5)


def mask_prompt(sam: Sam, mask: np.ndarray, sure: float = 0.9) -> torch.Tensor:
    """A mask as `mineral_utils.refine` gives it to SAM, float32 [1, 1, cells, cells]: probability
    `sure` inside and 0 outside, times 0.005."""
    return mask_cells(sam, mask) * (sure * COEFFICIENT)


def baselines(image: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Masks by box (x1, y1, x2, y2), ends included: the whole of it, the ellipse in it, Otsu's
    threshold of its grey levels (the side that holds most of the ellipse). bool [H, W] each."""
    x1, y1, x2, y2 = (int(v) for v in box)
    inside = (slice(y1, y2 + 1), slice(x1, x2 + 1))
    height, width = y2 - y1 + 1, x2 - x1 + 1
    y, x = (2 * np.arange(n) + 1 - n for n in (height, width))  # twice the way from the middle
    round_one = (y[:, None] / height) ** 2 + (x[None] / width) ** 2 <= 1
    grey = image[inside].mean(-1)
    bright = grey > otsu(grey)
    if bright[round_one].mean() < 0.5:
        bright = ~bright
    result = {}
    for name, part in (("whole_box", True), ("ellipse", round_one), ("otsu", bright)):
        result[name] = np.zeros(image.shape[:2], bool)
        result[name][inside] = part
    return result


def otsu(grey: np.ndarray) -> float:
    """The threshold that parts grey levels into two groups as different as can be (N. Otsu 1979),
    in levels: the greatest variance between groups."""
    levels, counts = np.unique(np.rint(grey).astype(int), return_counts=True)
    if len(levels) < 2:
        return float(levels[0])
    below, total = np.cumsum(counts)[:-1], counts.sum()
    sums = np.cumsum(counts * levels)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (total - below)
    best = (below * (total - below) * (high - low) ** 2).argmax()
    return float(levels[best])
