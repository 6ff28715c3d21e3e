"""A field drawn as a history: ground mass, masses, crystals, intergrowths, veins, rims, resin."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ...minerals import OPEN_HINT, UnknownMineral, vocabulary
from . import crystals, intergrowths, late, masses
from .canvas import Canvas
from .fabric import Fabric
from .frame import Frame
from .habits import TEXTURES
from .plan import Plan, draw_plan
from .pool import TRAINING, Pool, clash, draw_minerals
from .step import Step

DRAW: dict[str, Callable[[Canvas, Step], None]] = {
    "massive": masses.massive,
    "polygonal": masses.polygonal,
    "colloform": masses.colloform,
    "cataclastic": masses.cataclastic,
    "disseminated": crystals.disseminated,
    "euhedral": crystals.euhedral,
    "framboidal": crystals.framboidal,
    "skeletal": crystals.skeletal,
    "acicular": crystals.acicular,
    "poikilitic": intergrowths.poikilitic,
    "exsolution": intergrowths.exsolution,
    "chalcopyrite disease": intergrowths.disease,
    "myrmekitic": intergrowths.myrmekitic,
    "veinlets": late.veinlets,
    "rims": late.rims,
}
SIDES = (1, 16384)  # px


def compose(
    minerals: Iterable[str] | None = None,
    texture: str | None = None,
    size: tuple[int, int] = (336, 448),
    rng: np.random.Generator | int = 0,
    pool: Pool = TRAINING,
    impossible: bool = False,
) -> Fabric:
    """Draw the minerals and crystals of a polished section.

    Parameters
    ----------
    minerals : list of str, optional
        Names, symbols or aliases that `mineral_utils.minerals` understands: exactly these are
        drawn, each large enough to be seen if the size allows. Left out, a believable assemblage
        of 2 to 7 minerals is drawn; an empty list is pure resin.
    texture : str, optional
        The main event, one of `TEXTURES`; drawn too where left out.
    size : (height, width) in px
    rng : numpy Generator, or int from 0 for a new one
        All that is drawn by chance comes from here.
    pool : Pool
        `TRAINING`, `UNSEEN` or `ALL`.
    impossible : bool
        Allow minerals that never occur together.

    Returns
    -------
    Fabric

    Raises
    ------
    UnknownMineral
        If a name is unknown; the message offers near ones.
    ValueError
        If two minerals never occur together, if the pool does not hold the texture or a pair of
        minerals, if no mineral can have the texture, or if size or seed is out of range.
    """
    rng = _checked_rng(rng)
    height, width = _checked_size(size)
    _check_texture(texture, pool)
    if minerals is None:
        names = draw_minerals(rng, pool, texture)
    else:
        names = _checked_minerals(minerals, pool, impossible)
    scale = float(np.clip(np.exp(rng.normal(np.log(0.13), 0.5)), 0.04, 0.4))
    wanted = {texture} if texture else pool.events
    for _ in range(4):  # again if the main event found no room, which is rare
        canvas = Canvas(Frame(height, width), rng)
        if names or texture:
            _draw(canvas, names, draw_plan(rng, names, texture, pool, scale))
        if not wanted or any(drawn in wanted for drawn, _ in canvas.textures):
            break
    return canvas.fabric(scale)


def _draw(canvas: Canvas, names: list[str], plan: Plan) -> None:
    """Carry out a plan, old to young."""
    if plan.ground:
        masses.ground(canvas, plan.ground)
    if plan.ore:
        masses.ore_body(canvas, plan.ore)
    for step in plan.steps:
        before = np.count_nonzero(canvas.where(step.mineral))
        DRAW[step.texture](canvas, step)
        if np.count_nonzero(canvas.where(step.mineral)) == before:  # there was no room
            canvas.forget(step.texture, step.mineral)
    late.specks(canvas, [m for m in names if canvas.rng.random() < 0.6])
    late.resin(canvas, plan.resin)
    late.assure(canvas, names)


def _checked_size(size) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError):
        raise ValueError(f"size must be (height, width) in px, not {size!r}") from None
    if not all(SIDES[0] <= side <= SIDES[1] for side in (height, width)):
        raise ValueError(
            f"size is {height} x {width} px; give sides of {SIDES[0]} to {SIDES[1]} px"
        )
    return height, width


def _checked_rng(rng) -> np.random.Generator:
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, (int, np.integer)) and not isinstance(rng, bool) and rng >= 0:
        return np.random.default_rng(int(rng))
    raise ValueError(f"rng must be a numpy Generator or a whole number from 0, not {rng!r}")


def _check_texture(texture, pool: Pool) -> None:
    if texture is None:
        return
    if texture not in TEXTURES:
        raise ValueError(f"{texture!r} is no texture known here; use one of {', '.join(TEXTURES)}")
    if texture not in pool.textures:
        raise ValueError(
            f"the pool {pool.name!r} never draws the texture {texture!r}; pass pool=ALL"
        )


def _checked_minerals(minerals, pool: Pool, impossible: bool) -> list[str]:
    if isinstance(minerals, str):
        raise ValueError(f"minerals must be a list, even for one; write [{minerals!r}]")
    try:
        names = list(dict.fromkeys(vocabulary().find(name).name for name in minerals))
    except UnknownMineral as error:  # free text has no reflectance
        told = str(error).replace(OPEN_HINT, "only minerals of the vocabulary can be drawn")
        raise type(error)(told) from error
    found = clash(names)
    if found and not impossible:
        a, b, why = found
        raise ValueError(
            f"{a} and {b} never occur together ({why}); leave one out, or pass impossible=True"
        )
    for pair in pool.without:
        if pair <= set(names):
            a, b = sorted(pair)
            raise ValueError(f"the pool {pool.name!r} never draws {a} with {b}; pass pool=ALL")
    return names
