"""The honest mirror: what simple answers reach on the same photos, printed next to every result.

====================  ===========================================  ==============================
row                   its label map                                its set of minerals
====================  ===========================================  ==============================
chance                every pixel a name at random                 as many names as training photos
                                                                   hold on average, at random
naming everything     none                                         all names
majority              the class of most training pixels            the mineral of most photos
class frequency       names at random, as often as in training     the most frequent minerals, as
                      pixels                                       many as photos hold on average
nearest colour        nearest mean colour: raw, after grey-world,  what its map covers
                      after percentile stretch of each photo
boosted trees         trees on colour and local texture            what its map covers
patch ceiling         the truth, one label a cell of 16 px         what its map covers
====================  ===========================================  ==============================

A map names a mineral when it covers at least ``min_share`` of the photo. Background and other
``not_minerals`` are classes of the maps, but no minerals: the sets leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .ceiling import patch_ceiling
from .colour import NORMALISATIONS, NearestColour
from .pixels import confusion, mean_iou, pixel_scores
from .sets import areas, named, set_scores
from .trees import Trees

Case = tuple[np.ndarray, np.ndarray]  # image uint8 [H, W, 3], labels uint8 [H, W]
CHANCE_DRAWS = 50  # sets a photo, whose scores are averaged: one draw alone is a lottery


@dataclass(frozen=True, eq=False)
class MirrorRow:
    """One baseline on the test photos.

    Attributes
    ----------
    baseline : str
    miou, accuracy : float
        Of pixels, pooled over the photos; NaN for a baseline without a map.
    photo_miou : float
        Mean over the photos of each photo's own mIoU.
    f1_macro, f1_samples, f1_micro, jaccard_macro, jaccard_samples : float
        Of the sets of minerals (see `sets`).
    n : int
        Test photos.
    confusions : numpy.ndarray or None
        int64 [n, K, K + 1], one a photo, for intervals and paired differences.
    truth, named : numpy.ndarray
        bool [n, M]: minerals there, and named (for chance: one draw of many).
    shares : numpy.ndarray or None
        float [n, M], what of each photo the map covers, where that decides what is named: see
        `at_threshold`.
    """

    baseline: str
    miou: float
    accuracy: float
    photo_miou: float
    f1_macro: float
    f1_samples: float
    f1_micro: float
    jaccard_macro: float
    jaccard_samples: float
    n: int
    confusions: np.ndarray | None = field(repr=False)
    truth: np.ndarray = field(repr=False)
    named: np.ndarray = field(repr=False)
    shares: np.ndarray | None = field(default=None, repr=False)


def mirror(
    train_cases: Iterable[Case],
    test_cases: Iterable[Case],
    names: Sequence[str],
    *,
    not_minerals: Sequence[str] = ("background",),
    min_share: float = 0.01,
    patch: int = 16,
    trees: Trees | None = None,
    seed: int = 0,
) -> tuple[MirrorRow, ...]:
    """Fit every baseline on training photos and score it on test photos.

    Both are read once, one photo at a time, so generators do.

    Parameters
    ----------
    train_cases, test_cases : iterable of (image, labels)
        uint8 [H, W, 3] with uint8 [H, W], index into `names`, 255 not scored; what else a case
        holds is passed over. No photo may be in both.
    names : sequence of str
        The K classes of the labels.
    not_minerals : sequence of str
        Names that are no minerals.
    min_share : float
        Share of the photo from which a map names a mineral (the truth names from one pixel on).
    patch : int
        Side of the cells of the ceiling, px.
    trees : Trees, optional
        Settings of the trees; default ``Trees(seed=seed)``.
    seed : int

    Returns
    -------
    tuple of MirrorRow, in the order of the table above

    Raises
    ------
    ValueError
        If there are no training or no test photos, or labels do not fit.
    """
    names = tuple(names)
    mineral = np.array([name not in not_minerals for name in names])
    trees = Trees(seed=seed) if trees is None else trees
    colours = {how: NearestColour(len(names), how) for how in NORMALISATIONS}
    learnt = _Frequencies(len(names))
    for image, labels, *_ in train_cases:
        learnt.look(labels)
        for fitted in (*colours.values(), trees):
            fitted.look(image, labels)
    if not learnt.photos:
        raise ValueError("the mirror needs training photos, got none.")
    rng = np.random.default_rng(seed)
    painters: dict[str, Callable[[Case], np.ndarray]] = {
        "chance": lambda case: _noise(case, learnt.even, rng),
        "majority": lambda case: np.full_like(case[1], learnt.pixels.argmax()),
        "class frequency": lambda case: _noise(case, learnt.often, rng),
        **{
            "nearest colour" + ("" if how == "raw" else f", {how}"): _painter(fitted)
            for how, fitted in colours.items()
        },
        "boosted trees": _painter(trees.fit()),
        f"patch ceiling, {patch} px": lambda case: patch_ceiling(case[1], patch),
    }
    counts = {name: [] for name in painters}
    shares = {name: [] for name in painters}
    there = []
    for case in test_cases:
        there.append(areas(case[1], len(names)) > 0)
        for name, paint in painters.items():
            labels = paint(case)
            counts[name].append(confusion(case[1], labels, len(names)))
            shares[name].append(areas(labels, len(names)))
    if not there:
        raise ValueError("the mirror needs test photos, got none.")
    truth = np.array(there)[:, mineral]
    size, order = learnt.usual(mineral)
    always = np.zeros((3, mineral.sum()), bool)  # names given whatever the photo shows
    always[0], always[1, order[:1]], always[2, order[:size]] = True, True, True
    everything, one, several = (np.tile(row, (len(truth), 1)) for row in always)
    by_order = {"majority": one, "class frequency": several}
    rows = [_chance(truth, np.array(counts["chance"]), size, rng)]
    rows.append(score_row("naming everything", None, truth, everything))
    for name in list(painters)[1:]:
        if name in by_order:
            rows.append(score_row(name, np.array(counts[name]), truth, by_order[name]))
            continue
        cover = np.array(shares[name])[:, mineral]
        row = score_row(name, np.array(counts[name]), truth, named(cover, min_share))
        rows.append(replace(row, shares=cover))
    return tuple(rows)


class _Frequencies:
    """How often classes were seen in training: in pixels, and in photos."""

    def __init__(self, n_classes: int):
        self.pixels = np.zeros(n_classes)
        self.holding = np.zeros(n_classes, np.int64)
        self.photos = 0

    def look(self, labels: np.ndarray) -> None:
        share = areas(labels, len(self.pixels))
        self.pixels += share * labels.size
        self.holding += share > 0
        self.photos += 1

    @property
    def even(self) -> np.ndarray:
        return np.full(len(self.pixels), 1 / len(self.pixels))

    @property
    def often(self) -> np.ndarray:
        return self.pixels / self.pixels.sum()

    def usual(self, mineral: np.ndarray) -> tuple[int, np.ndarray]:
        """How many minerals a photo holds on average, and all minerals, most frequent first."""
        holding = self.holding[mineral]
        size = int(np.clip(round(holding.sum() / self.photos), 1, len(holding)))
        return size, np.argsort(-holding, kind="stable")


def _painter(fitted: NearestColour | Trees) -> Callable[[Case], np.ndarray]:
    return lambda case: fitted.paint(case[0])


def _noise(case: Case, chances: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels at random, each pixel by itself."""
    edges = np.cumsum(chances)
    drawn = np.searchsorted(edges, rng.random(case[1].shape) * edges[-1], side="right")
    return drawn.clip(0, len(chances) - 1).astype(np.uint8)


def _chance(
    truth: np.ndarray, confusions: np.ndarray, size: int, rng: np.random.Generator
) -> MirrorRow:
    """Random sets: the mean score of many draws."""
    rows = []
    for _ in range(CHANCE_DRAWS):
        ranks = rng.random(truth.shape).argsort(axis=1).argsort(axis=1)
        rows.append(score_row("chance", confusions, truth, ranks < size))
    means = {key: float(np.mean([getattr(r, key) for r in rows])) for key in _SET_SCORES}
    return MirrorRow(**(vars(rows[-1]) | means))


def at_threshold(row: MirrorRow, min_share: float) -> MirrorRow:
    """The same maps, with another share of the photo from which they name a mineral.

    Rows whose set does not come from a map (chance, naming everything, frequencies) stay as they
    are. A fair comparison gives every row the threshold that is best for it on validation photos
    (`best_threshold`).
    """
    if row.shares is None:
        return row
    again = score_row(row.baseline, row.confusions, row.truth, named(row.shares, min_share))
    return replace(again, shares=row.shares)


_SET_SCORES = ("f1_macro", "f1_samples", "f1_micro", "jaccard_macro", "jaccard_samples")


def score_row(
    baseline: str, confusions: np.ndarray | None, truth: np.ndarray, guess: np.ndarray
) -> MirrorRow:
    """Scores of any method, in the form of the mirror.

    Parameters
    ----------
    baseline : what it is called
    confusions : int64 [n, K, K + 1], one a photo, from `confusion`; None without maps
    truth, guess : bool [n, M], minerals there, and named
    """
    scores = set_scores(truth, guess)
    sets = {key: getattr(scores[key.split("_")[1]], key.split("_")[0]) for key in _SET_SCORES}
    miou = accuracy = photo_miou = float("nan")
    if confusions is not None:
        pooled = confusions.sum(axis=0)
        pooled = pixel_scores(pooled, [""] * len(pooled))
        miou, accuracy = pooled.miou, pooled.accuracy
        of_photos = np.atleast_1d(mean_iou(confusions))
        known = of_photos[~np.isnan(of_photos)]  # a photo whose truth is unknown has none
        photo_miou = float(known.mean()) if known.size else photo_miou
    return MirrorRow(
        baseline,
        miou,
        accuracy,
        photo_miou,
        **sets,
        n=len(truth),
        confusions=confusions,
        truth=truth,
        named=guess,
    )
