"""Where colours say that an outline runs: SAM's answer, moved to the border that the pixels show.

SAM answers in cells, and knows little of how alike two greys of a polished section may be. The
colours inside of its answer and around it say more: the log of how much likelier each is inside is
added to SAM's logits, as graph cuts do it (Y. Boykov & M.-P. Jolly, ICCV 2001; C. Rother et al.,
GrabCut, SIGGRAPH 2004), here without the cut: SAM's logits are smooth already.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

SURE = 4.0  # what SAM's logits count at most
TOLD = 3.5  # what colours count at most: less, so that they never overrule all of SAM
HALF = 0.5  # what the colours in a box count beside SAM, before its answer is asked about
ROUNDS = 2  # the second asks about colours inside of what the first drew
BINS = (32, 24, 24)  # of brightness, red less blue, green less both
LEAST = (24.0, 16.0, 16.0)  # levels that the bins span at least: noise is no difference
AROUND = 0.12  # how far around an answer colours are looked at, over the root of its box's area
CLICK = 8  # px: what lies so near to a click that leaves out shows what it means
ALIKE = 1.0  # log of how much likelier a colour is there than in the rest, to be left out with it
FINEST = 1024  # px: of a larger part every second, third … pixel is asked
GRAIN, BLUR, SEAM = 0.7, 1.8, 0.7  # px, bins, px: smoothing of picture, of histograms, of evidence


def follow_colours(
    image: np.ndarray, logits: np.ndarray, box: Sequence[float] | None = None
) -> np.ndarray:
    """Add to SAM's logits what colours say.

    Parameters
    ----------
    image : uint8 [h, w, 3] RGB
    logits : float [h, w], of SAM's answer about that picture; above 0 inside
    box : (x1, y1, x2, y2) in px of the picture, if one was drawn: what is rare around it is likely
        meant, as in GrabCut's first step

    Returns
    -------
    float32 [h, w], above 0 inside. SAM's own, cut to `SURE`, where it drew nothing or everything:
        then there are no two kinds of colour to be told apart
    """
    sure = np.clip(logits, -SURE, SURE).astype(np.float32)
    drawn = sure > 0
    if not drawn.any() or drawn.all():
        return sure
    if box is not None:
        held = np.zeros(drawn.shape, np.float32)
        x1, y1, x2, y2 = (max(round(float(end)), 0) for end in box)
        held[y1 : y2 + 1, x1 : x2 + 1] = 1
        if 0 < held.mean() < 1:
            sure = (sure + HALF * held * _told(image, held, held > 0)).clip(-SURE, SURE)
    result = sure
    for _ in range(ROUNDS):
        drawn = result > 0
        if not drawn.any():
            break
        result = sure + _told(image, 1 / (1 + np.exp(-result)), drawn)
    return result


def leave_out(
    image: np.ndarray,
    drawn: np.ndarray,
    point: tuple[float, float],
    inside: Sequence[tuple[float, float]] = (),
) -> np.ndarray:
    """Take out of an answer what a click means that leaves out: a disc around it, and what hangs
    together with that and has its colours rather than those of the rest.

    Parameters
    ----------
    image : uint8 [h, w, 3] RGB
    drawn : bool [h, w], the answer
    point : (x, y) of the click, px of the picture
    inside : clicks on what is meant; what is nearer to one of them than to `point` stays

    Returns
    -------
    bool [h, w]; the same where the click lies outside of the answer
    """
    column, row = (int(end) for end in point)
    if not drawn[row, column]:
        return drawn
    near = _surroundings(drawn)
    step = -(-max(drawn[near].shape) // FINEST)
    part, top, left = drawn[near][::step, ::step], near[0].start, near[1].start
    rows, columns = (at * step + 0.5 for at in np.indices(part.shape, np.float32))
    away = [np.hypot(rows + top - y, columns + left - x) for x, y in (point, *inside)]
    at = (row - top) // step, (column - left) // step
    # no wider than the answer there: the click on a thin part does not speak of what is beside it
    depth = step * ndimage.distance_transform_edt(np.pad(part, 1))[1:-1, 1:-1][at]
    radius = max(min(CLICK, max(depth, 2)), step)
    disc, rest = part & (away[0] <= radius), part & (away[0] > 3 * radius)
    disc[at] = True
    goes = disc
    if rest.any():
        colours = _opponents(image[near][::step, ::step])
        told = _evidence(colours, rest.astype(np.float32), disc.astype(np.float32))
        goes = disc | part & (told < -ALIKE)
    for other in away[1:]:
        goes = goes & (away[0] <= other)
    numbered, _ = ndimage.label(goes, np.ones((3, 3)))
    goes = (goes & (numbered == numbered[at])).repeat(step, 0).repeat(step, 1)
    result = drawn.copy()
    result[near] &= ~goes[: result[near].shape[0], : result[near].shape[1]]
    result[row, column] = False
    return result


def _told(image: np.ndarray, inside: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """What the colours of an answer and its surroundings say, float32 [h, w]; 0 further away, and
    where the answer leaves no surroundings. `inside` : its probability, float32 [h, w]."""
    result, near = np.zeros(drawn.shape, np.float32), _surroundings(drawn)
    if drawn[near].all():
        return result
    size = result[near].shape
    step = -(-max(size) // FINEST)
    share = inside[near][::step, ::step]
    told = _evidence(_opponents(image[near][::step, ::step]), share, 1 - share)
    result[near] = told.repeat(step, 0).repeat(step, 1)[: size[0], : size[1]]
    return result


def _surroundings(drawn: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of an answer and its surroundings."""
    ends = [np.flatnonzero(drawn.any(axis)) for axis in (1, 0)]
    sides = [end[-1] - end[0] + 1 for end in ends]
    margin = max(6, round(AROUND * float(np.prod(sides)) ** 0.5))
    rows, columns = (slice(max(end[0] - margin, 0), end[-1] + margin + 1) for end in ends)
    return rows, columns


def _opponents(image: np.ndarray) -> np.ndarray:
    """Brightness, red less blue, green less both: uint8 [h, w, 3] to float32 [h, w, 3]."""
    smooth = ndimage.gaussian_filter(image.astype(np.float32), (GRAIN, GRAIN, 0))
    red, green, blue = np.moveaxis(smooth, -1, 0)
    return np.stack([smooth.mean(-1), red - blue, green - (red + blue) / 2], -1)


def _evidence(colours: np.ndarray, inside: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Log of how much likelier the colour of each pixel is inside than outside: colours float32
    [h, w, 3] and weights of the pixels in the two, float32 [h, w], to float32 [h, w]."""
    thin = colours[:: max(1, colours.shape[0] // 256), :: max(1, colours.shape[1] // 256)]
    low, high = np.percentile(thin, (1, 99), axis=(0, 1))
    span = np.maximum(high - low, LEAST)
    bins = np.array(BINS)
    at = ((colours - low) / span * bins).astype(int).clip(0, bins - 1)
    at = np.ravel_multi_index(tuple(np.moveaxis(at, -1, 0)), BINS)
    likely = []
    for weight in (inside, outside):
        counts = np.bincount(at.ravel(), weight.ravel(), int(bins.prod())).reshape(BINS)
        counts = ndimage.gaussian_filter(counts, BLUR, mode="constant")
        likely.append(counts.ravel() / max(counts.sum(), 1e-9))
    few = 50e-4 / bins.prod()  # a colour that was hardly seen says nothing
    told = np.log((likely[0] + few) / (likely[1] + few)).clip(-TOLD, TOLD)
    return ndimage.gaussian_filter(told[at], SEAM).astype(np.float32)
