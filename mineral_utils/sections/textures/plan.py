"""The plan of a field: which mineral takes which texture, where, how much of it, in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .habits import IN_HOST, can_have, gangue, hardness, hosts, own_textures
from .pool import Pool
from .step import Step

# old to young, as cross-cutting shows it; masses come first because all else sits in them
ORDER = (
    *("massive", "polygonal", "colloform", "cataclastic"),
    *("disseminated", "euhedral", "framboidal", "skeletal", "acicular"),
    *("poikilitic", "exsolution", "chalcopyrite disease", "myrmekitic", "veinlets", "rims"),
)
# how much of the field a texture may take at most
MOST = {
    **{"disseminated": 0.16, "euhedral": 0.45, "framboidal": 0.3, "skeletal": 0.25},
    **{"acicular": 0.35, "colloform": 0.6},
}
# how much of its host a guest takes
OF_HOST = {
    "exsolution": (0.08, 0.3),
    "chalcopyrite disease": (0.02, 0.17),
    "rims": (0.15, 0.6),
    "veinlets": (0.03, 0.12),
    "poikilitic": (0.04, 0.2),
    "myrmekitic": (0.3, 0.5),
}
HARD = 700  # Vickers, kg/mm2: harder minerals keep rounded crystals of their own in soft masses


@dataclass(frozen=True)
class Event:
    """The main event: a mineral, its texture, and its host or second mineral if it has one."""

    mineral: str
    texture: str
    other: str | None = None

    @property
    def host(self) -> str | None:
        return self.other if self.texture in IN_HOST else None


@dataclass(frozen=True)
class Plan:
    """What to draw.

    Attributes
    ----------
    ground : tuple of str
        Minerals of the ground mass; empty where grains lie in resin.
    steps : tuple of Step, old to young
    ore : float
        Fraction of the field of one ore body that all masses share; 0 for masses on their own.
    resin : float
        Fraction of the field to take away at the end, 0-1.
    """

    ground: tuple[str, ...]
    steps: tuple[Step, ...]
    ore: float
    resin: float


def draw_plan(
    rng: np.random.Generator, names: Sequence[str], texture: str | None, pool: Pool, scale: float
) -> Plan:
    """Plan a field of these minerals.

    Raises
    ------
    ValueError
        If none of the minerals can have the texture.
    """
    event = main_event(rng, names, texture, pool)
    roles = assign_roles(rng, names, event, pool)
    least = 0.2 if event and event.texture == "rims" else 0.04  # rims want edges to grow from
    background = float(np.clip(rng.normal(0.31, 0.17), least, 0.75))
    ground = _ground(rng, names, roles, event)
    if not ground:
        _promote(rng, names, roles, event)
        ground = _ground(rng, names, roles, event)
    alone = [m for m in names if m not in ground and roles[m][1] is None]
    carrier = None
    if not ground:  # a mass then carries the rest
        solid = [m for m in alone if roles[m][0] in ("massive", "polygonal")]
        carrier = solid[0] if solid else None
    shares = _shares(rng, alone, roles, event, 1 - background if carrier is None else 0.55, carrier)
    steps = []
    for mineral in sorted(alone, key=lambda m: -shares[m]):
        around = ground or ((carrier,) if carrier and mineral != carrier else ())
        step = Step(roles[mineral][0], mineral, shares[mineral], scale, ground=around)
        steps.append(_finished(rng, step, event, pool))
    if carrier:
        resin = background * rng.uniform(0.2, 0.9) if rng.random() < 0.75 else 0.0
    else:
        resin = background * rng.uniform(0.1, 0.6) if ground and rng.random() < 0.2 else 0.0
    together = bool(ground) and rng.random() < 0.75
    ore = _gather(steps, 1 - background, event) if together else 0.0
    if ground and "euhedral" in own_textures(ground[0]) and "euhedral" in pool.textures:
        if rng.random() < 0.3:  # gangue with faces of its own against the ore
            share = rng.uniform(0.02, 0.12)
            steps.append(Step("euhedral", ground[0], share, 1.3 * scale, ground=ground))
    for mineral in names:
        texture, host = roles[mineral]
        if host is not None:
            share = rng.uniform(*OF_HOST[texture])
            style = hosts(texture, mineral)[host]
            steps.append(Step(texture, mineral, share, scale, (host,), style=style))
    steps.sort(key=lambda s: (ORDER.index(s.texture) > 1) * (1 + ORDER.index(s.texture)))
    return Plan(ground, tuple(steps), ore, float(resin))


def main_event(
    rng: np.random.Generator, names: Sequence[str], texture: str | None, pool: Pool
) -> Event | None:
    """Choose the main event of a field.

    Raises
    ------
    ValueError
        If none of the minerals can have the texture.
    """
    if texture is None:
        able = [t for t in sorted(pool.events or pool.textures) if can_have(t, names)]
        if not able:
            return None
        weights = np.array([2.0 if t == "massive" else 1.0 for t in able])
        texture = able[rng.choice(len(able), p=weights / weights.sum())]
    pairs = can_have(texture, names)
    if not pairs:
        raise ValueError(
            f"none of {', '.join(names) or 'no minerals'} can show the texture {texture!r}; "
            "name a mineral that can (and its host), or leave the minerals out"
        )
    pairs = [pair for pair in pairs if pair[0] not in gangue()] or list(pairs)
    mineral, other = pairs[rng.integers(len(pairs))]
    if texture in ("cataclastic", "colloform", "polygonal"):
        other = _partner(rng, mineral, texture, [m for m in names if m != mineral])
    return Event(mineral, texture, other)


def _partner(rng, mineral: str, texture: str, others: list[str]) -> str | None:
    """The second mineral: soft cement, an alternating band, another phase of the foam."""
    if texture == "cataclastic":
        fit = [m for m in others if hardness(m) < 0.8 * hardness(mineral)]
    else:
        fit = [m for m in others if texture in own_textures(m)]
    if sum(m in gangue() for m in others) == 1:  # the only gangue is the ground mass
        fit = [m for m in fit if m not in gangue()]
    return fit[rng.integers(len(fit))] if fit and rng.random() < 0.85 else None


def assign_roles(
    rng: np.random.Generator, names: Sequence[str], event: Event | None, pool: Pool
) -> dict[str, tuple[str, str | None]]:
    """Texture and host (None where it stands by itself) of every mineral.

    A host always stands by itself, so that no mineral waits for another in a circle.
    """
    roles: dict[str, tuple[str, str | None]] = {}
    if event:
        roles[event.mineral] = (event.texture, event.host)
        if event.host:
            roles[event.host] = (_standing(rng, event.host, pool, event.texture), None)
    for mineral in (names[k] for k in rng.permutation(len(names))):
        if mineral in roles:
            continue
        own = [t for t in own_textures(mineral) if t in pool.textures]
        options = [(t, None, 2.0 if k == 0 else 1.2) for k, t in enumerate(own)]
        if mineral in gangue():
            options.append(("massive", None, 14.0))
        for texture in (t for t in IN_HOST if t in pool.textures):
            weight = 0.6 if texture in ("veinlets", "poikilitic") else 3.0
            options += [
                (texture, host, weight)
                for host in hosts(texture, mineral)
                if host in names and _may_host(host, roles, event)
            ]
        options = options or [("disseminated", None, 1.0)]
        weights = np.array([weight for *_, weight in options])
        texture, host, _ = options[rng.choice(len(options), p=weights / weights.sum())]
        roles[mineral] = (texture, host)
        if host and host not in roles:
            roles[host] = (_standing(rng, host, pool, texture), None)
    return roles


def _may_host(host: str, roles, event: Event | None) -> bool:
    if event and host == event.mineral:  # would hide the main event
        return False
    return host not in roles or roles[host][1] is None


def _standing(rng: np.random.Generator, host: str, pool: Pool, texture: str) -> str:
    """The texture of a host: a mass, or crystals large enough to hold a guest."""
    fit = {"massive", "polygonal", "euhedral"}
    if texture in ("rims", "veinlets"):
        fit |= {"disseminated", "colloform", "acicular"} if texture == "rims" else {"colloform"}
    able = [t for t in own_textures(host) if t in fit and t in pool.textures]
    return able[rng.integers(len(able))] if able else "massive"


def _ground(rng, names, roles, event: Event | None) -> tuple[str, ...]:
    """Gangue that the rest lies in."""
    stony = [m for m in names if m in gangue() and roles[m] == ("massive", None)]
    if event and event.mineral in stony and len(names) > len(stony):
        stony.remove(event.mineral)
    return tuple(stony[k] for k in rng.permutation(len(stony)))


def _promote(rng, names, roles, event: Event | None) -> None:
    """Make a mineral massive, gangue first, so that something carries the rest."""
    busy = (event.mineral, event.other) if event else ()
    free = [m for m in names if m in gangue() and m not in busy]
    if not free and not any(
        role in (("massive", None), ("polygonal", None)) for role in roles.values()
    ):
        free = [m for m in names if "massive" in own_textures(m) and m not in busy]
    if free:
        roles[free[rng.integers(len(free))]] = ("massive", None)


def _shares(rng, alone, roles, event: Event | None, total: float, carrier) -> dict[str, float]:
    """How much of the field each mineral that stands by itself aims at."""
    hosting = {host for _, host in roles.values() if host}
    weight = {m: float(np.exp(rng.normal(-0.9, 0.8))) for m in alone}
    for mineral in alone:
        if "massive" not in own_textures(mineral):  # native metals, rutile: never much
            weight[mineral] *= 0.3
    for mineral in alone:
        if mineral in hosting:
            weight[mineral] = max(weight[mineral], 0.8)
        if event and mineral in (event.mineral, event.host):
            weight[mineral] = 1.5
    all_ = sum(w for m, w in weight.items() if m != carrier) or 1.0
    shares = {m: min(total * w / all_, MOST.get(roles[m][0], 1.0)) for m, w in weight.items()}
    if carrier:
        shares[carrier] = 1.0
    return shares


def _gather(steps: list[Step], share: float, event: Event | None) -> float:
    """Let the masses share one ore body between them, the last taking what is left; its share."""
    inner = [k for k, s in enumerate(steps) if s.texture in ("massive", "polygonal")]
    inner = [k for k in inner if steps[k].style != "rounded"]
    if event and event.texture == "polygonal":  # foam shows best with its own outline
        inner = [k for k in inner if steps[k].mineral != event.mineral]
    if not inner:
        return 0.0
    taken = sum(s.share for k, s in enumerate(steps) if k not in inner)
    ore = float(np.clip(share - 0.7 * taken, 0.1, 0.97))
    total = sum(steps[k].share for k in inner)
    for k in inner:
        part = 1.0 if k == inner[-1] else ore * steps[k].share / total
        steps[k] = replace(steps[k], share=part, inside=True)
    return ore


def _finished(rng, step: Step, event: Event | None, pool: Pool) -> Step:
    """A step with what its texture asks for beside the mineral."""
    main = event is not None and event.mineral == step.mineral
    size = step.scale * float(np.exp(rng.normal(0, 0.25)))
    if step.texture == "disseminated":
        size *= 0.35
    if step.texture == "euhedral" and not main:
        size *= 0.7
    if "massive" not in own_textures(step.mineral) and step.texture == "disseminated":
        size *= 0.6
    fill = event.other if main and event.host is None else None
    style = step.style
    if step.texture == "massive" and hardness(step.mineral) > HARD and step.share < 1:
        style = "rounded" if rng.random() < 0.6 else ""
    return replace(step, scale=size, fill=fill, style=style)
