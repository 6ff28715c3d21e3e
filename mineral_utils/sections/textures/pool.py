"""What may be drawn: pools of textures and assemblages, and assemblages out of a pool.

Training never sees some textures and some pairs of minerals, so that a frozen test set can ask for
exactly those.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from ...minerals import vocabulary
from .habits import TEXTURES, can_have, forbidden, gangue, held_out

COUNTS = ((2, 0.10), (3, 0.22), (4, 0.26), (5, 0.22), (6, 0.13), (7, 0.07))


@dataclass(frozen=True)
class Pool:
    """What `compose` may draw.

    Attributes
    ----------
    name : str
    textures : frozenset of str
        Textures that may be drawn.
    events : frozenset of str
        Textures of which one must be the main event of a field; empty for any.
    without : frozenset of frozenset of str
        Pairs of minerals that are never drawn together.
    among : frozenset of frozenset of str
        Pairs of which one must be in every assemblage drawn; empty for none.
    """

    name: str
    textures: frozenset[str] = frozenset(TEXTURES)
    events: frozenset[str] = frozenset()
    without: frozenset[frozenset[str]] = frozenset()
    among: frozenset[frozenset[str]] = frozenset()


_TEXTURES, _PAIRS = held_out()
ALL = Pool("all")
TRAINING = Pool("training", frozenset(TEXTURES) - _TEXTURES, without=_PAIRS)
# plain masses and scattered grains are the canvas on which the unseen is drawn
UNSEEN = Pool("unseen", _TEXTURES | {"massive", "disseminated"}, events=_TEXTURES, among=_PAIRS)


def clash(minerals: Iterable[str]) -> tuple[str, str, str] | None:
    """The first two minerals that never occur together, and why; None if there are none."""
    for a, b in combinations(minerals, 2):
        why = forbidden().get(frozenset((a, b)))
        if why:
            return a, b, why
    return None


@cache
def _affinity() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Names, symmetric affinity [52, 52] in 0-1 from the vocabulary, and how common each is."""
    minerals = tuple(vocabulary())
    names = tuple(m.name for m in minerals)
    table = np.full((len(names), len(names)), 0.02)
    for i, mineral in enumerate(minerals):
        for other in mineral.associations:
            if other in names:
                j = names.index(other)
                table[i, j] += 0.6
                table[j, i] += 0.6
    common = np.array([3.0 if m.paper else 1.0 for m in minerals])
    common[[names.index(g) for g in gangue()]] *= 0.7
    return names, np.minimum(table, 1), common


def draw_minerals(rng: np.random.Generator, pool: Pool, texture: str | None = None) -> list[str]:
    """A believable assemblage of 2 to 7 minerals.

    Parameters
    ----------
    pool : Pool
    texture : str, optional
        A texture that the assemblage must be able to show.

    Returns
    -------
    list of str, the seed of the assemblage first
    """
    names, affinity, common = _affinity()
    never = _never(pool)
    for _ in range(200):
        count = int(rng.choice([n for n, _ in COUNTS], p=[p for _, p in COUNTS]))
        if pool.among:
            pairs = sorted(sorted(pair) for pair in pool.among)
            chosen = [names.index(m) for m in pairs[rng.integers(len(pairs))]]
        elif texture:
            able = can_have(texture, names)
            weight = np.array([common[names.index(m)] for m, _ in able])
            mineral, host = able[rng.choice(len(able), p=weight / weight.sum())]
            chosen = [names.index(m) for m in (mineral, host) if m]
        else:
            chosen = [int(rng.choice(len(names), p=common / common.sum()))]
        if never[np.ix_(chosen, chosen)].any():
            continue
        while len(chosen) < count:
            weight = common * affinity[chosen].mean(0) ** 1.5
            weight[chosen] = 0
            weight[never[chosen].any(0)] = 0
            chosen.append(int(rng.choice(len(names), p=weight / weight.sum())))
        if rng.random() < 0.85:
            _with_gangue(rng, names, chosen, common * affinity, never)
        minerals = [names[k] for k in chosen]
        wanted = [texture] if texture else pool.events
        if not wanted or any(can_have(t, minerals) for t in wanted):
            return minerals
    raise ValueError(
        f"no assemblage of the pool {pool.name!r} shows the texture {texture!r}; "
        "draw it from the pool ALL, or name the minerals"
    )


def _with_gangue(rng, names, chosen, weights, never) -> None:
    """Ore lies in gangue: the last mineral gives way to one if there is none."""
    stony = np.array([name in gangue() for name in names])
    if stony[chosen].any():
        return
    kept = chosen[:-1] if len(chosen) > 2 else chosen
    weight = weights[kept].mean(0) * stony * ~never[kept].any(0)
    if weight.sum() > 0:
        chosen[len(kept) :] = [int(rng.choice(len(names), p=weight / weight.sum()))]


@cache
def _never(pool: Pool) -> np.ndarray:
    """Which minerals the pool never draws together, bool [52, 52]."""
    names = vocabulary().names
    never = np.zeros((len(names), len(names)), bool)
    for pair in pool.without | set(forbidden()):
        i, j = (names.index(mineral) for mineral in pair)
        never[i, j] = never[j, i] = True
    return never
