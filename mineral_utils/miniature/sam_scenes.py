"""Views to train SAM on: windows of SAM's canvas that show scenes of a pool.

Every view is another window, scale, turn, light and dirt. It lies *somewhere* on SAM's square
canvas: it carries its place, so that positions learnt on small, cheap windows are the positions of
the whole canvas.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from .sam_pool import MOST, Pool

PATCH = 16  # px of SAM's input to a token
Parts = tuple[np.ndarray, np.ndarray, np.ndarray]  # image, segments, looks


@dataclass(frozen=True)
class View:
    """A window of SAM's canvas.

    pixels : uint8 [S, S, 3] RGB; rows and columns from `valid` on are padding
    segments : int32 [S, S], number of the piece, -1 in the padding
    looks : int32 [pieces], equal where two pieces have the same colour and surface, -1 for specks
        of dirt, which are nobody's target
    place : (row, column) of the first token on SAM's canvas
    valid : (height, width) in px that hold picture
    """

    pixels: np.ndarray
    segments: np.ndarray
    looks: np.ndarray
    place: tuple[int, int]
    valid: tuple[int, int]


def draw_view(
    pool: Pool,
    rng: np.random.Generator,
    side: int,
    canvas: int,
    lay: Callable[[Parts, Pool, np.random.Generator], Parts] | None = None,
) -> View:
    """A view of `side` px somewhere on a canvas of `canvas` px.

    A window takes 0.5 to 2.4 px of the canvas for a pixel of the scene, as far as the scene is
    large enough. The whole canvas (``side == canvas``) shows a whole scene enlarged, or four at
    their own size, mostly in 4:3 with the rest padded, as photos do.

    lay : what else to lay over the scene, before another camera takes it; without it now and then
        `lay_net`
    """
    if side == canvas and rng.random() < 0.5:
        image, segments, looks = _four(pool, rng)
    else:
        index = int(rng.integers(len(pool)))
        image, segments = pool.images[index], pool.segments[index].astype(np.int32)
        looks = pool.looks[index].astype(np.int32)
    valid = (side, side)
    if side == canvas:
        if rng.random() < 0.7:
            valid = (round(side * 0.75), side) if rng.random() < 0.7 else (side, round(side * 0.75))
        cut = tuple(round(v / side * len(image)) for v in valid)
    else:
        least = max(0.5, side / len(image))
        scale = np.exp(rng.uniform(np.log(least), np.log(2.4)))
        cut = (min(round(side / scale), len(image)),) * 2
    top, left = _eventful(segments, cut, rng)
    image = image[top : top + cut[0], left : left + cut[1]]
    segments = segments[top : top + cut[0], left : left + cut[1]]
    turn, mirror = int(rng.integers(4)) if cut[0] == cut[1] else 0, rng.random() < 0.5
    image, segments = np.rot90(image, turn), np.rot90(segments, turn)
    if mirror:
        image, segments = image[:, ::-1], segments[:, ::-1]
    if lay is not None:
        image, segments, looks = lay((image, segments, looks), pool, rng)
    elif rng.random() < 0.45:
        image, segments, looks = lay_net((image, segments, looks), pool, rng)
    image, segments, looks = _dirt(image, segments, looks, rng)
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture = picture.resize(valid[::-1], Image.Resampling.BILINEAR)
    pixels, numbers = np.zeros((side, side, 3), np.uint8), np.full((side, side), -1, np.int32)
    pixels[: valid[0], : valid[1]] = relight(np.asarray(picture), rng)
    rows, columns = ((np.arange(v) + 0.5) * c / v for v, c in zip(valid, cut, strict=True))
    numbers[: valid[0], : valid[1]] = segments[rows.astype(int)][:, columns.astype(int)]
    free = (canvas - side) // PATCH
    place = (int(rng.integers(free + 1)), int(rng.integers(free + 1)))
    return View(pixels, numbers, looks, place, valid)


def token_looks(view: View) -> np.ndarray:
    """What each token of a view shows, int64 [(S / 16)²]: the look of most of its pixels, -1
    where no look has 60 % of them."""
    side = len(view.segments) // PATCH
    looks = np.append(view.looks, -1)[view.segments]  # -1, the padding, reads the last entry
    cells = looks.reshape(side, PATCH, side, PATCH).transpose(0, 2, 1, 3).reshape(side**2, -1)
    cells = np.sort(cells, axis=1)
    most = cells[:, cells.shape[1] // 2]  # whatever fills over half of a cell holds its middle
    sure = (cells == most[:, None]).mean(1) >= 0.6
    return np.where(sure, most, -1).astype(np.int64)


def _eventful(
    segments: np.ndarray, cut: tuple[int, int], rng: np.random.Generator
) -> tuple[int, int]:
    """Corner (top, left) of a window of a size: of three, the one with most borders in it."""
    thin = segments[::4, ::4]
    border = (thin[1:, 1:] != thin[1:, :-1]) | (thin[1:, 1:] != thin[:-1, 1:])
    corners = [tuple(int(rng.integers(len(segments) - c + 1)) for c in cut) for _ in range(3)]

    def borders(corner: tuple[int, int]) -> int:
        top, left = (at // 4 for at in corner)
        return int(border[top : top + cut[0] // 4, left : left + cut[1] // 4].sum())

    return max(corners, key=borders)


def _four(pool: Pool, rng: np.random.Generator) -> Parts:
    """Four scenes side by side: small pieces on a large canvas."""
    chosen = rng.integers(len(pool), size=4)
    images = [pool.images[i] for i in chosen]
    parts = [pool.segments[i].astype(np.int32) + MOST * n for n, i in enumerate(chosen)]
    looks = [np.where(pool.looks[i] < 0, -1, pool.looks[i].astype(np.int32)) for i in chosen]
    looks = [np.where(look < 0, -1, look + MOST * n) for n, look in enumerate(looks)]
    image = np.vstack([np.hstack(images[:2]), np.hstack(images[2:])])
    return image, np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])]), np.concatenate(looks)


def lay_net(parts: Parts, pool: Pool, rng: np.random.Generator) -> Parts:
    """A net, veins or islands of one look over the picture. Things that fill little of their box
    are rare in scenes of shapes, and a model that has seen few of them fills the box."""
    image, segments, looks = parts
    height, width = segments.shape
    field = hills((height, width), int(rng.integers(3, 12)), rng)
    if rng.random() < 0.7:
        field = -np.abs(field)
    inside = field > np.quantile(field, 1 - rng.uniform(0.06, 0.35))
    if rng.random() < 0.3:  # under some of what lies there, not over all of it
        inside &= ~np.isin(segments, rng.choice(len(looks), max(1, len(looks) // 3)))
    other = pool.images[int(rng.integers(len(pool)))].astype(np.float32)
    other = other[: height // 2 + 1, : width // 2 + 1]
    other = np.tile(other, (height // len(other) + 1, width // other.shape[1] + 1, 1))
    other = (other[:height, :width] - other.mean((0, 1))) * rng.choice([0, 0, 0.1, 0.3])
    if rng.random() < 0.5:  # of any colour, or not far from what lies under it
        shade = rng.uniform(0, 255, 3)
    else:
        shade = image[inside].mean(0) + rng.normal(0, 25, 3) if inside.any() else 0.0
    image, segments = image.copy(), segments.copy()
    image[inside] = np.clip(shade + other[inside], 0, 255).astype(np.uint8)
    segments[inside] = len(looks)
    return image, segments, np.append(looks, looks.max() + 1).astype(looks.dtype)


def hills(shape: tuple[int, int], knots: int, rng: np.random.Generator) -> np.ndarray:
    """A smooth random field of one to three octaves, float32 [H, W]; `knots` : along its height."""
    height, width = shape
    field, weight = np.zeros(shape, np.float32), 1.0
    for _ in range(int(rng.integers(1, 4))):
        rough = rng.standard_normal((knots, max(2, round(knots * width / height))))
        rough = Image.fromarray(rough.astype(np.float32))
        field += weight * np.asarray(rough.resize((width, height), Image.Resampling.BICUBIC))
        knots, weight = knots * 2, weight * rng.uniform(0.2, 0.6)
    return field


def _dirt(
    image: np.ndarray, segments: np.ndarray, looks: np.ndarray, rng: np.random.Generator
) -> Parts:
    """Small specks on half of the views: they leave holes in what they lie on."""
    if rng.random() < 0.5:
        return image, segments, looks
    image, segments = image.copy(), segments.copy()
    height, width = segments.shape
    number = int(rng.integers(1, 60))
    shade = rng.integers(0, 256, 3) if rng.random() < 0.3 else rng.integers(0, 60, 3)
    first = len(looks)
    for index in range(number):
        y, x = rng.uniform(0, height), rng.uniform(0, width)
        a = np.exp(rng.uniform(np.log(1.0), np.log(6.0)))
        b, angle = a * rng.uniform(0.3, 1), rng.uniform(0, np.pi)
        top, left = max(int(y - a), 0), max(int(x - a), 0)
        rows = slice(top, min(int(y + a) + 2, height))
        columns = slice(left, min(int(x + a) + 2, width))
        dy = np.arange(rows.start, rows.stop)[:, None] - y
        dx = np.arange(columns.start, columns.stop)[None] - x
        along, across = dx * np.cos(angle) + dy * np.sin(angle), dy * np.cos(angle)
        across = across - dx * np.sin(angle)
        inside = (along / a) ** 2 + (across / b) ** 2 < 1
        segments[rows, columns][inside] = first + index
        image[rows, columns][inside] = shade
    return image, segments, np.concatenate([looks, np.full(number, -1, looks.dtype)])


def relight(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The same picture by another camera: exposure, white balance, gamma, fading, slope of light,
    blur, noise. uint8 [H, W, 3] to uint8 [H, W, 3]; borders stay where they are."""
    height, width = image.shape[:2]
    level = image.astype(np.float32)
    if rng.random() < 0.3:
        level = level[..., rng.permutation(3)]
    if rng.random() < 0.4:  # towards grey
        grey = level.mean(-1, keepdims=True)
        level = grey + (level - grey) * np.float32(rng.uniform(0, 0.8))
    if rng.random() < 0.3:
        level = np.float32(255) - level
    gain = np.float32(rng.uniform(0.65, 1.25)) * rng.uniform(0.85, 1.15, 3).astype(np.float32)
    if rng.random() < 0.5:  # a vignette or a slope of light
        y, x = np.linspace(-1, 1, height), np.linspace(-1, 1, width)
        slope = 1 + np.add.outer(y * rng.uniform(-0.12, 0.12), x * rng.uniform(-0.12, 0.12))
        slope = slope - np.add.outer(y**2, x**2) * rng.uniform(0, 0.1)
        level *= slope[..., None].astype(np.float32)
    if rng.random() < 0.5:
        level = 255 * (np.clip(level, 0, None) / 255) ** np.float32(np.exp(rng.uniform(-0.4, 0.4)))
    if rng.random() < 0.3:  # faded: all levels nearer to each other
        middle = np.float32(rng.uniform(40, 215))
        level = middle + (level - middle) * np.float32(rng.uniform(0.4, 0.9))
    level = level * gain
    if rng.random() < 0.4:
        from scipy.ndimage import gaussian_filter

        sigma = rng.uniform(0.4, 2.0)
        level = gaussian_filter(level, (sigma, sigma, 0), truncate=2.5)
    if rng.random() < 0.7:
        noise = rng.standard_normal(level.shape, dtype=np.float32)
        level = level + noise * np.float32(rng.uniform(0.5, 9))
    return np.clip(level + 0.5, 0, 255).astype(np.uint8)
