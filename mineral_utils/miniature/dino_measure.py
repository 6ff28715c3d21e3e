"""How good dense features are where colour hardly helps, and whom a patch listens to.

The measure takes cells of one patch that lie nearly wholly in one mineral, pairs them within a
photo, and keeps the pairs whose mean colours differ by less than 15 grey levels in *every* channel
(the largest difference of the three; so a grey step of 15 levels counts as 15). The score of a pair
is the cosine of its features, as Trident reads them; the figure is the area under the ROC curve of
"same mineral" against "other mineral". Beside it stand what needs no model: distance of mean
colour, of local variance, and both. Nothing here learns, and labels are used for measuring only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class Cells:
    """A photo cut into square cells, row by row.

    Attributes
    ----------
    owner : int16 [rows, columns], label of the cell, -1 where it is mixed or left out
    colour : float32 [rows, columns, 3], mean RGB in grey levels
    variance : float32 [rows, columns], logarithm of (1 + variance of brightness in the cell)
    """

    owner: np.ndarray
    colour: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class PairScores:
    """AUC of same-mineral against other-mineral pairs of one photo.

    auc : of the features; NaN where one kind of pair is missing
    colour, variance, both : of the baselines, negative distance of mean colour (Euclidean), of
        `Cells.variance`, and of both (each in units of its standard deviation over the photo)
    same, other : numbers of pairs
    """

    auc: float
    colour: float
    variance: float
    both: float
    same: int
    other: int


@dataclass(frozen=True)
class Listening:
    """Whom the cells of a photo listen to under Trident's affinity.

    purity : share of the listened-to cells (the cell itself left out) that show the same mineral
    weighted : the same, each cell by its weight (the cell itself counted in)
    chance : purity if a cell listened to all others
    share : listened-to part of all cells
    reach : listened-to part of the cells of the same mineral
    """

    purity: float
    weighted: float
    chance: float
    share: float
    reach: float


def cut_cells(
    image: np.ndarray,
    labels: np.ndarray,
    *,
    patch: int = 16,
    purity: float = 0.9,
    ignore: Sequence[int] = (255,),
) -> Cells:
    """Cells of `patch` px; pixels beyond the last whole cell are left out.

    Parameters
    ----------
    image : uint8 [H, W, 3]
    labels : uint8 [H, W]
    purity : a cell belongs to a label that fills at least this share of it, above 0.5
    ignore : labels that no cell may belong to (255: unknown)

    Raises
    ------
    ValueError
        If the arrays do not fit together, or the photo is smaller than a cell.
    """
    image, labels = np.asarray(image), np.asarray(labels)
    if image.ndim != 3 or image.shape[2] != 3 or labels.shape != image.shape[:2]:
        raise ValueError(
            f"image is {image.shape} and labels are {labels.shape}; "
            "give an image [H, W, 3] and labels [H, W] of the same pixels"
        )
    if not 0.5 < purity <= 1:
        raise ValueError(f"purity is {purity}; a cell has one owner only from above 0.5 up to 1")
    rows, columns = (side // patch for side in labels.shape)
    if not rows or not columns:
        raise ValueError(
            f"a photo of {labels.shape[1]} x {labels.shape[0]} px holds no cell of {patch} px; "
            "give a larger photo or a smaller patch"
        )

    def blocks(plane: np.ndarray) -> np.ndarray:
        plane = plane[: rows * patch, : columns * patch]
        return plane.reshape(rows, patch, columns, patch).swapaxes(1, 2).reshape(rows, columns, -1)

    channels = np.stack([blocks(image[..., c]) for c in range(3)], -1).astype(np.float32)
    inside = blocks(labels)
    owner = np.full((rows, columns), -1, np.int16)
    for label in np.unique(inside):
        if label not in ignore:
            owner[(inside == label).mean(-1) >= purity] = label
    variance = np.log1p(channels.mean(-1).var(-1))
    return Cells(owner, channels.mean(2), variance.astype(np.float32))


def area_under_curve(same: np.ndarray, other: np.ndarray) -> float:
    """Chance that a score of `same` is above one of `other`, ties counting half; NaN if one is
    empty."""
    if not len(same) or not len(other):
        return float("nan")
    order = np.sort(other)
    below = np.searchsorted(order, same, "left") + np.searchsorted(order, same, "right")
    return float(below.mean() / (2 * len(order)))


def patch_pairs_auc(
    features: np.ndarray,
    image: np.ndarray,
    labels: np.ndarray,
    *,
    patch: int = 16,
    purity: float = 0.9,
    limit: float = 15,
    ignore: Sequence[int] = (255,),
) -> PairScores:
    """Do the features tell minerals apart where mean colours differ by less than `limit` levels?

    Parameters
    ----------
    features : float [rows, columns, D], one vector for each cell of `patch` px; the grid may be
        one row or column longer than the whole cells of the image
    image : uint8 [H, W, 3]
    labels : uint8 [H, W]
    purity, ignore : as in `cut_cells`
    limit : grey levels, below which the largest difference of the three channels must stay

    Returns
    -------
    PairScores

    Raises
    ------
    ValueError
        If features and image do not cover the same cells.
    """
    cells = cut_cells(image, labels, patch=patch, purity=purity, ignore=ignore)
    unit = _unit(features, cells.owner.shape)
    kept = cells.owner >= 0
    owner, colour, variance = cells.owner[kept], cells.colour[kept], cells.variance[kept]
    unit = unit[kept]
    first, second = np.triu_indices(len(owner), 1)
    close = np.abs(colour[first] - colour[second]).max(-1) < limit
    first, second = first[close], second[close]
    same = owner[first] == owner[second]
    apart = np.linalg.norm(colour[first] - colour[second], axis=-1)
    rough = np.abs(variance[first] - variance[second])
    spread = max(float(colour.std(0).mean()), 1e-6) if len(colour) else 1.0
    coarse = max(float(variance.std()), 1e-6) if len(variance) else 1.0
    scores = {
        "auc": (unit @ unit.T)[first, second],
        "colour": -apart,
        "variance": -rough,
        "both": -np.hypot(apart / spread, rough / coarse),
    }
    areas = {name: area_under_curve(s[same], s[~same]) for name, s in scores.items()}
    return PairScores(**areas, same=int(same.sum()), other=int((~same).sum()))


def listening(
    features: np.ndarray,
    image: np.ndarray,
    labels: np.ndarray,
    *,
    patch: int = 16,
    purity: float = 0.9,
    ignore: Sequence[int] = (255,),
    beta: float = 1.2,
    gamma: float = 3.0,
    cap: float | None = None,
) -> Listening:
    """Purity of the neighbourhoods that Trident's affinity makes (`mineral_utils.trident`).

    All cells take part in the mean similarity and in the rows; only those that lie in one mineral
    ask and are counted. Arguments as in `patch_pairs_auc` and `trident.affinity`.
    """
    import torch

    from .. import trident

    cells = cut_cells(image, labels, patch=patch, purity=purity, ignore=ignore)
    unit = torch.from_numpy(_unit(features, cells.owner.shape)).flatten(0, 1)[None]
    mean = trident.mean_similarity(unit)
    weights = trident.affinity(unit, mean, beta=beta, gamma=gamma, cap=cap)[0].numpy()
    owner = cells.owner.ravel()
    kept = owner >= 0
    owner, weights = owner[kept], weights[np.ix_(kept, kept)]
    if len(owner) < 2:
        return Listening(*[float("nan")] * 5)
    alike = owner[:, None] == owner[None]
    others = ~np.eye(len(owner), dtype=bool)
    heard = (weights > 0) & others
    return Listening(
        purity=_share(heard & alike, heard),
        weighted=float(((weights * alike).sum(1) / weights.sum(1)).mean()),
        chance=float((alike & others).sum() / others.sum()),
        share=float(heard.sum() / others.sum()),
        reach=_share(heard & alike, alike & others),
    )


def evaluate(
    look: Callable[[np.ndarray], np.ndarray],
    cases: Iterable[tuple[str, np.ndarray, np.ndarray]],
    *,
    fewest: int = 50,
    **options: object,
) -> dict[str, object]:
    """The measure over photos: means over those with at least `fewest` pairs of either kind.

    Parameters
    ----------
    look : uint8 [H, W, 3] to features float [rows, columns, D]; see `dense_features`
    cases : (name, image uint8 [H, W, 3], labels uint8 [H, W])
    options : as in `patch_pairs_auc`

    Returns
    -------
    dict
        ``pairs`` (means of `PairScores`), ``listening`` (means of `Listening` over the same
        photos), ``photos`` (how many counted), ``worst`` (the lowest AUC), ``cases`` (one row a
        photo, also of those that did not count)
    """
    rows = []
    hearing = {key: value for key, value in options.items() if key != "limit"}
    for name, image, labels in cases:
        features = look(image)
        pairs = asdict(patch_pairs_auc(features, image, labels, **options))
        heard = asdict(listening(features, image, labels, **hearing))
        rows.append({"name": name, **pairs, "listening": heard})
    counted = [row for row in rows if min(row["same"], row["other"]) >= fewest]

    def means(items: list[dict], names: Iterable[str]) -> dict[str, float]:
        return {n: _mean([item[n] for item in items]) for n in names}

    return {
        "pairs": means(counted, ("auc", "colour", "variance", "both")),
        "listening": means([r["listening"] for r in counted], Listening.__dataclass_fields__),
        "photos": len(counted),
        "worst": min((row["auc"] for row in counted), default=float("nan")),
        "cases": rows,
    }


def dense_features(vit: object, *, patch: int = 16) -> Callable[[np.ndarray], np.ndarray]:
    """What Trident reads from a timm ViT, as a function of a photo: uint8 [H, W, 3] to float32
    [rows, columns, D]. Pixels beyond the last whole patch are not looked at."""
    import torch

    from ..encoders.dino import Dino

    dino = Dino(vit)

    def look(image: np.ndarray) -> np.ndarray:
        rows, columns = (side // patch for side in image.shape[:2])
        seen = np.array(image[: rows * patch, : columns * patch])  # a copy: it may be read-only
        pixels = torch.from_numpy(seen).permute(2, 0, 1)[None].float() / 255
        return dino.tokens(pixels)[0].reshape(rows, columns, -1).numpy()

    return look


def _unit(features: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Vectors of unit length, float32 [*grid, D]."""
    features = np.asarray(features, np.float32)
    longer = [have - want for have, want in zip(features.shape, grid, strict=False)]
    if features.ndim != 3 or not all(0 <= extra <= 1 for extra in longer):
        raise ValueError(
            f"features are {features.shape} and the photo has {grid[0]} x {grid[1]} whole cells; "
            "give features [rows, columns, D] of the same photo and patch"
        )
    features = features[: grid[0], : grid[1]]
    return features / np.maximum(np.linalg.norm(features, axis=-1, keepdims=True), 1e-12)


def _mean(values: list[float]) -> float:
    """Mean of what is known: a photo in which no cell listens to another has no purity."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")


def _share(part: np.ndarray, whole: np.ndarray) -> float:
    """Mean over rows of |part| / |whole|; rows that listen to nobody are left out."""
    total = whole.sum(1)
    return float((part.sum(1)[total > 0] / total[total > 0]).mean()) if total.any() else np.nan
