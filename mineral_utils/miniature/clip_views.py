"""What the small CLIP sees at a step: crops of scenes, sentences about them, and which words are
true of which patches.

Everything follows from (seed, step), so a training that was stopped goes on as if it had not been.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .things import COLOURS, SURFACES, caption, phrase
from .world import Scene, scene

PATCH = 16
_SIDE = 224  # px of a scene
_KEPT = 192  # scenes in hand
_FRESH = 8  # of them drawn anew at each step
_COLOUR = {name: number for number, name in enumerate(COLOURS)}
_SURFACE = {name: number for number, name in enumerate(SURFACES)}


@dataclass(frozen=True)
class Views:
    """A batch.

    Attributes
    ----------
    pixels : uint8 [B, S, S, 3]
    captions : B sentences
    main : int64 [B, 2], colour and surface of what a picture is about (see `main_thing`), or of
        the material that fills half of it; -1 where there is neither
    weights : float32 [M, P], shares of patches (row by row of the picture) that make up a pool;
        rows sum to 1
    picture : int64 [M], the picture that a pool is of
    colour, surface : int64 [M], indices into `things.COLOURS` and `things.SURFACES` of the
        material that the pool shows
    thing_weights, thing_picture, phrases : the same for whole things, with words for them
    """

    pixels: np.ndarray
    captions: tuple[str, ...]
    main: np.ndarray
    weights: np.ndarray
    picture: np.ndarray
    colour: np.ndarray
    surface: np.ndarray
    thing_weights: np.ndarray
    thing_picture: np.ndarray
    phrases: tuple[str, ...]


class Stream:
    """Batches in the order of training.

    Parameters
    ----------
    seed : of the whole stream; `held_out` streams share no scene with the others
    """

    def __init__(self, seed: int):
        self.seed = seed
        self._scenes: dict[int, Scene] = {}

    def batch(self, step: int, number: int, side: int, about: float | None = None) -> Views:
        """The batch of a step: `number` crops of `side` px; whole scenes if `side` is theirs.

        about : share of crops from scenes about one thing or surface; None takes scenes as drawn
        """
        last = _KEPT + _FRESH * step
        wanted = range(last - _KEPT, last)
        self._scenes = {n: self._scenes.get(n) or self._draw(n) for n in wanted}
        rng = np.random.default_rng([self.seed, 1, step])
        weight = None
        if about is not None:
            single = np.array([self._scenes[n].kind in ("single", "surface") for n in wanted])
            counts = max(single.sum(), 1), max((~single).sum(), 1)
            weight = np.where(single, about / counts[0], (1 - about) / counts[1])
            weight /= weight.sum()
        repeat = number > len(wanted) or about is not None
        chosen = rng.choice(np.array(wanted), number, replace=repeat, p=weight)
        return collect([crop(self._scenes[int(n)], side, rng) for n in chosen], rng)

    def _draw(self, number: int) -> Scene:
        return scene(np.random.default_rng([self.seed, 0, number]), (_SIDE, _SIDE), bold=True)


def crop(drawn: Scene, side: int, rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
    """A square piece of a scene at `side` px, turned and mirrored; sometimes enlarged.

    Returns
    -------
    (uint8 [side, side, 3], the scene with the piece's segments)
    """
    from PIL import Image

    image, segments = drawn.image, drawn.segments
    window = min(side, *segments.shape)
    if side < min(segments.shape) and rng.random() < 0.35:
        window = int(rng.uniform(0.6, 1.5) * side)
        window = min(window, *segments.shape)
    top, left = (int(rng.integers(0, s - window + 1)) for s in segments.shape)
    image = image[top : top + window, left : left + window]
    segments = segments[top : top + window, left : left + window]
    if window != side:
        image = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))
        nearest = ((np.arange(side) + 0.5) * (window / side)).astype(int)
        segments = segments[nearest][:, nearest]
    turn = int(rng.integers(4))
    image, segments = np.rot90(image, turn), np.rot90(segments, turn)
    if rng.random() < 0.5:
        image, segments = image[:, ::-1], segments[:, ::-1]
    return image, Scene(image, segments, drawn.things, drawn.caption, drawn.kind)


def collect(pieces: list[tuple[np.ndarray, Scene]], rng: np.random.Generator) -> Views:
    """Pictures with sentences and pools, as a batch."""
    captions, main, rows, things = [], [], [], []
    for number, (_, piece) in enumerate(pieces):
        areas = np.bincount(piece.segments.ravel(), minlength=len(piece.things))
        captions.append(caption(piece.things, areas, rng))
        share, pairs = _material_shares(piece)
        main.append(_main(piece, share.mean(0), pairs))
        rows += [(number, *row) for row in _materials(share, pairs, rng)]
        things += [(number, *row) for row in _things(piece, areas, rng)]
    patches = (pieces[0][0].shape[0] // PATCH) ** 2
    picture, weights, colour, surface = _columns(rows, 4)
    thing_picture, thing_weights, phrases = _columns(things, 3)
    return Views(
        pixels=np.stack([image for image, _ in pieces]),
        captions=tuple(captions),
        main=np.array(main, np.int64),
        weights=np.array(weights, np.float32).reshape(-1, patches),
        picture=np.array(picture, np.int64),
        colour=np.array(colour, np.int64),
        surface=np.array(surface, np.int64),
        thing_weights=np.array(thing_weights, np.float32).reshape(-1, patches),
        thing_picture=np.array(thing_picture, np.int64),
        phrases=tuple(phrases),
    )


def shares(segments: np.ndarray, number: int) -> np.ndarray:
    """Share of each patch that each id covers: int [H, W] below `number` to float32
    [patches, number]."""
    rows, columns = (side // PATCH for side in segments.shape)
    cells = segments[: rows * PATCH, : columns * PATCH]
    cells = cells.reshape(rows, PATCH, columns, PATCH).swapaxes(1, 2).reshape(rows * columns, -1)
    keys = cells + (np.arange(rows * columns) * number)[:, None]
    counts = np.bincount(keys.ravel(), minlength=rows * columns * number)
    return (counts.reshape(-1, number) / PATCH**2).astype(np.float32)


def materials(piece: Scene) -> tuple[np.ndarray, np.ndarray]:
    """What the things are made of: (int [n], material of each thing; int [m, 2], colour and
    surface index of each material)."""
    words = [(_COLOUR[thing.colour], _SURFACE[thing.surface]) for thing in piece.things]
    pairs, own = np.unique(np.array(words), axis=0, return_inverse=True)
    return own.ravel(), pairs


def main_thing(piece: Scene) -> int | None:
    """The id that a picture of kind ``single`` or ``surface`` is about: the thing, not its ground,
    if it takes 15 % of the picture. None for pictures of several things."""
    if piece.kind not in ("single", "surface"):
        return None
    areas = np.bincount(piece.segments.ravel(), minlength=len(piece.things))
    grounds = [thing.shape == "ground" for thing in piece.things]
    if not all(grounds):
        areas = np.where(grounds, 0, areas)
    most = int(areas.argmax())
    return most if areas[most] >= 0.15 * piece.segments.size else None


def _main(piece: Scene, share: np.ndarray, pairs: np.ndarray) -> tuple[int, int]:
    about = main_thing(piece)
    if about is not None:
        thing = piece.things[about]
        return _COLOUR[thing.colour], _SURFACE[thing.surface]
    most = int(share.argmax())
    return tuple(pairs[most]) if share[most] >= 0.5 else (-1, -1)


def _material_shares(piece: Scene) -> tuple[np.ndarray, np.ndarray]:
    own, pairs = materials(piece)
    return shares(own[piece.segments], len(pairs)), pairs


def _materials(
    share: np.ndarray, pairs: np.ndarray, rng: np.random.Generator, single: int = 6
) -> list[tuple]:
    """Pools of one material each: all of its patches, or some, and single patches."""
    rows = []
    for material in np.flatnonzero(share.max(0) >= 0.5):
        inside = np.where(share[:, material] >= 0.5, share[:, material], 0)
        if rng.random() < 0.5:  # an affinity that finds only some of its like
            inside = inside * (rng.random(len(inside)) < 0.6)
        if inside.sum() > 0:
            rows.append((inside / inside.sum(), *pairs[material]))
    patch, material = np.nonzero(share >= 0.75)
    for pick in rng.permutation(len(patch))[:single]:
        alone = np.zeros(len(share), np.float32)
        alone[patch[pick]] = 1
        rows.append((alone, *pairs[material[pick]]))
    return rows


def _things(piece: Scene, areas: np.ndarray, rng: np.random.Generator) -> list[tuple]:
    """At most two whole things of at least two patches, with words."""
    big = np.flatnonzero(areas >= 2 * PATCH**2)
    rows = []
    for number in rng.permutation(big)[:2]:
        inside = shares((piece.segments == number).astype(np.int32), 2)[:, 1]
        inside = np.where(inside >= 0.4, inside, 0)
        if inside.sum() > 0:
            rows.append((inside / inside.sum(), phrase(piece.things[number], rng)))
    return rows


def _columns(rows: list[tuple], number: int) -> tuple[list, ...]:
    return tuple(list(column) for column in zip(*rows, strict=True)) or ([],) * number
