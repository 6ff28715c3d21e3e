"""What a step of the tracer's training sees: questions about views, and crops around them.

Views are SAM's (`sam_scenes`), with more in them that fills little of its box, or is no border at
all: the layers of a map, sticks, cells of slightly differing brightness, scratches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from ..encoders.tracer import Square, crop, square_around
from .sam_pool import Pool
from .sam_prompts import Pieces, box_of, coarsen, fill_of, inner_point, one_part, pool_cells
from .sam_scenes import Parts, draw_view, hills, lay_net

KINDS = ("box", "deep", "hint", "point")
SHARES = (0.5, 0.1, 0.25, 0.15)
SIDES = (224, 288, 352, 448)  # px of a view, which SAM sees enlarged to its canvas
CANVAS = 896


@dataclass(frozen=True)
class Task:
    """What to draw; everything follows from seed and step.

    views : number of views; asked : questions about each
    """

    seed: int
    step: int
    views: int
    asked: int


@dataclass(frozen=True)
class Questions:
    """Questions of one kind about some views, and their answers.

    kind : ``"box"``; ``"deep"``: box and a point inside; ``"hint"``: box and a coarse mask;
        ``"point"``: a point alone
    pixels : uint8 [views, S, S, 3] RGB
    of : int64 [n], the view of each
    boxes : float32 [n, 4] (x1, y1, x2, y2), ends included, px of the view; NaN where the tracer
        is not told
    asked_boxes : the same as SAM is told it, and always
    points : float32 [n, 2] (x, y), px of the view
    hints : float32 [n, S / 4, S / 4], share of each cell that a coarse mask covers, or None
    squares : float32 [n, 3], see `tracer.square_around`
    crops : uint8 [n, 192, 192, 3]
    truth : uint8 [n, 192, 192], 255 inside
    """

    kind: str
    pixels: np.ndarray
    of: np.ndarray
    boxes: np.ndarray
    asked_boxes: np.ndarray
    points: np.ndarray
    hints: np.ndarray | None
    squares: np.ndarray
    crops: np.ndarray
    truth: np.ndarray


def draw_questions(pool: Pool, task: Task) -> Questions:
    """The questions of a step."""
    rng = np.random.default_rng((task.seed, 1, task.step))
    kind = KINDS[int(rng.choice(len(KINDS), p=SHARES))]
    side = int(rng.choice(SIDES))
    parts: dict[str, list] = {name: [] for name in ("of", "boxes", "points", "hints", "squares")}
    parts |= {"asked_boxes": [], "crops": [], "truth": []}
    views = []
    while len(views) < task.views:
        view = draw_view(pool, rng, side, CANVAS, lay)
        pieces = Pieces(view, smallest=100)
        if not len(pieces.usable):
            continue
        pixels = view.pixels
        for _ in range(task.asked):
            target = draw_target(pieces, rng)
            box = box_of(target)
            parts["of"].append(len(views))
            parts["points"].append(inner_point(target, rng))
            near, told, square = _look(box, kind, side, rng)
            parts["asked_boxes"].append(near)
            parts["boxes"].append(near if told else np.full(4, np.nan))
            parts["squares"].append(square)
            if kind == "hint":
                parts["hints"].append(coarsen(pool_cells(target), rng)[0])
            parts["crops"].append(crop(pixels, square))
            parts["truth"].append(crop(target.view(np.uint8) * np.uint8(255), square))
        views.append(pixels)
    arrays = {name: np.stack(rows) if rows else None for name, rows in parts.items()}
    for name in ("boxes", "asked_boxes", "points", "squares"):
        arrays[name] = arrays[name].astype(np.float32)
    return Questions(kind=kind, pixels=np.stack(views), **arrays)


def draw_target(pieces: Pieces, rng: np.random.Generator) -> np.ndarray:
    """What a question means, bool [S, S]: one part of a piece and all of its look that hangs
    together with it. Half of the time of two the one that fills less of its box."""
    drawn = []
    for _ in range(1 + int(rng.random() < 0.5)):
        piece = pieces.draw(rng)
        target = one_part(pieces.mask(pieces.together(piece)), rng)
        if target.sum() > 0.7 * target.size:
            target = one_part(pieces.mask({piece}), rng)
        drawn.append(target)
    return min(drawn, key=fill_of)


def _look(
    box: np.ndarray, kind: str, side: int, rng: np.random.Generator
) -> tuple[np.ndarray, bool, Square]:
    """A box as it was drawn, whether the tracer is told it, and the crop. Half of the boxes are
    exact, the others a little off; where none was drawn the crop lies around an answer, which may
    be far off."""
    extent = np.tile(box[2:] - box[:2] + 1, 2)
    told = not (kind == "point" or (kind == "hint" and rng.random() < 0.4))
    if rng.random() < 0.5:
        off = rng.uniform(-0.5, 0.5, 4)
    else:
        off = rng.normal(size=4) * np.minimum(0.03 * extent, 4)

    def moved(by: np.ndarray) -> np.ndarray:
        low, high = np.sort((box + by).reshape(2, 2), axis=0)
        return np.clip(np.concatenate([low, high]), 0, side - 1)

    near = moved(off)
    around = near if told else moved(rng.normal(size=4) * 0.12 * extent)
    return near, told, square_around(around)


def lay(parts: Parts, pool: Pool, rng: np.random.Generator) -> Parts:
    """Something over most scenes."""
    kind = rng.choice(5, p=(0.25, 0.25, 0.25, 0.1, 0.15))
    if kind in (1, 3):
        parts = lay_layers(parts, pool, rng)
    if kind in (2, 3):
        parts = lay_sticks(parts, pool, rng)
    if kind == 0:
        parts = lay_net(parts, pool, rng)
    image, segments, looks = parts
    if rng.random() < 0.33:
        image = facets(image, pool, rng)
    if rng.random() < 0.25:
        image = scratch(image, rng)
    return image, segments, looks


def lay_layers(parts: Parts, pool: Pool, rng: np.random.Generator) -> Parts:
    """A map's layers: bands between contour lines of a hilly field or around a place, of two to
    four shades in turn, over all of the scene or over some of its pieces."""
    image, segments, looks = parts
    height, width = segments.shape
    field = hills((height, width), int(rng.integers(2, 6)), rng)
    if rng.random() < 0.6:  # around one place or two, or along a slope
        rows, columns = np.indices((height, width), np.float32)
        away = np.full((height, width), np.inf, np.float32)
        for _ in range(int(rng.integers(1, 4))):
            y, x = rng.uniform(-0.5, 1.5, 2) * (height, width)
            away = np.minimum(away, np.hypot(rows - y, columns - x))
        field = away / height * rng.uniform(3, 15) + field * rng.uniform(0.1, 0.5)
    count = int(rng.integers(4, 30))
    widths = np.exp(rng.normal(size=count) * rng.uniform(0.1, 0.9))
    levels = np.quantile(field[::4, ::4], np.cumsum(widths)[:-1] / widths.sum())
    band = np.searchsorted(levels, field)
    shades = _shades(image, int(rng.integers(2, 5)), rng)
    turn = np.arange(count) % len(shades)
    if rng.random() < 0.5:
        turn = rng.integers(len(shades), size=count)
    if rng.random() < 0.5:
        inside = np.ones(segments.shape, bool)
    else:
        some = rng.choice(len(looks), max(1, len(looks) // 2), replace=False)
        inside = np.isin(segments, some)
    fine = shades[turn][band] + rng.normal(size=(height, width, 1)) * rng.uniform(0, 6)
    image, segments = image.copy(), segments.copy()
    image[inside] = np.clip(fine[inside], 0, 255).astype(np.uint8)
    segments[inside] = len(looks) + band[inside]
    return image, segments, np.concatenate([looks, (looks.max() + 1 + turn).astype(looks.dtype)])


def lay_sticks(parts: Parts, pool: Pool, rng: np.random.Generator) -> Parts:
    """Straight or tapering sticks, scattered; those that touch hang together."""
    image, segments, looks = parts
    height, width = segments.shape
    number = int(np.exp(rng.uniform(np.log(4), np.log(60))))
    drawn, long = Image.new("I", (width, height)), rng.uniform(20, 0.8 * height)
    pen, ways = ImageDraw.Draw(drawn), rng.uniform(0, np.pi, int(rng.integers(1, 5)))
    turn = rng.uniform(0, 1.5) if rng.random() < 0.5 else 0.03
    for index in range(number):
        middle = rng.uniform(0, 1, 2) * (width, height)
        angle = rng.choice(ways) + rng.normal() * turn
        along = np.array([np.cos(angle), np.sin(angle)]) * long * rng.uniform(0.2, 0.6)
        across = np.array([-np.sin(angle), np.cos(angle)]) * rng.uniform(1, 9)
        end = across * rng.choice([0.1, 1, 1])
        corners = (middle - along - across, middle - along + across)
        corners += (middle + along + end, middle + along - end)
        pen.polygon([tuple(corner) for corner in corners], fill=index + 1)
    which = np.asarray(drawn)
    inside = which > 0
    shades = _shades(image, int(rng.integers(1, 3)), rng)
    own = rng.integers(len(shades), size=number + 1)
    fine = shades[own][which] + rng.normal(size=(height, width, 1)) * rng.uniform(0, 6)
    image, segments = image.copy(), segments.copy()
    image[inside] = np.clip(fine[inside], 0, 255).astype(np.uint8)
    segments[inside] = len(looks) + which[inside]
    return image, segments, np.concatenate([looks, (looks.max() + 1 + own).astype(looks.dtype)])


def _shades(image: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Colours of any kind, or not far from the picture's own, float [count, 3]; two are hardly ever
    nearer than six levels."""
    base, shades = image[::8, ::8].reshape(-1, 3).mean(0), []
    spread, tint = rng.uniform(8, 60), rng.uniform(0, 1)
    wild = rng.random() < 0.3
    for _ in range(20 * count):
        shade = rng.uniform(0, 255, 3)
        if not wild:
            shade = base + spread * (rng.normal() + tint * rng.normal(size=3))
        if all(np.abs(shade - other).max() > 6 for other in shades):
            shades.append(np.clip(shade, 0, 255))
        if len(shades) == count:
            break
    return np.array(shades)


def facets(image: np.ndarray, pool: Pool, rng: np.random.Generator) -> np.ndarray:
    """Cells that are no pieces: those of another scene, each a little brighter or darker, as the
    crystals of one mineral are. uint8 [H, W, 3]."""
    cells = np.asarray(pool.segments[int(rng.integers(len(pool)))])
    cells = cells[: image.shape[0], : image.shape[1]].astype(int)
    gain = 1 + rng.normal(size=cells.max() + 1) * rng.uniform(0.005, 0.05)
    return np.clip(image * gain[cells][..., None] + 0.5, 0, 255).astype(np.uint8)


def scratch(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Thin straight lines, darker or brighter, that part nothing. uint8 [H, W, 3]."""
    height, width = image.shape[:2]
    lines = Image.new("L", (2 * width, 2 * height))
    pen, angle = ImageDraw.Draw(lines), rng.uniform(0, np.pi)
    for _ in range(int(rng.integers(1, 25))):
        middle = rng.uniform(0, 2, 2) * (width, height)
        turn, length = angle + rng.normal() * 0.15, rng.uniform(0.05, 1.5) * width
        way = np.array([np.cos(turn), np.sin(turn)]) * length
        ends = (*(middle - way), *(middle + way))
        pen.line(ends, fill=int(rng.integers(60, 256)), width=int(rng.integers(1, 4)))
    share = np.asarray(lines.reduce(2), np.float32)[..., None] / 255 * rng.uniform(0.1, 0.5)
    return np.clip(image * (1 - share) + rng.uniform(0, 255) * share + 0.5, 0, 255).astype(np.uint8)
