"""What the trainings of the three small models share: their command line and their curve."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..run import replacing


def read_options(
    kind: str,
    what: str,
    arguments: Sequence[str] | None,
    *,
    minutes: float,
    seed: int = 0,
    onward: bool = False,
    views: bool = False,
) -> argparse.Namespace:
    """The command line of one training.

    Parameters
    ----------
    kind : ``"clip"``, ``"dino"`` or ``"sam"``
    what : one sentence for ``--help``
    arguments : words of the line; None takes those of the process
    minutes : how long, if neither ``--minutes`` nor ``--steps`` is given
    onward : offer ``--onward``
    views : offer ``--views`` and ``--helpers``

    Returns
    -------
    argparse.Namespace
        ``out``, ``minutes`` or ``steps`` (the other is None), ``seed``, ``device``, ``resume``,
        ``export``, ``numbers`` (a dict or None), and ``onward``, ``views``, ``helpers`` where they
        are offered.
    """
    parser = new_parser(kind, what, seed)
    parser.add_argument(
        "--minutes", type=float, help=f"by the clock, over all starts; {minutes:g} if unsaid"
    )
    parser.add_argument("--steps", type=int, help="in steps, so that equal seeds do equal work")
    if onward:
        parser.add_argument(
            "--onward",
            action="store_true",
            help="begin with the shipped weights",
        )
    if views:
        parser.add_argument("--views", type=int, help="a step, 2 if unsaid; a GPU takes 16")
        parser.add_argument(
            "--helpers", type=int, default=0, help="processes that draw views ahead, for a GPU"
        )
    options = parser.parse_args(arguments)
    if options.minutes is None and options.steps is None:
        options.minutes = minutes
    return options


def new_parser(kind: str, what: str, seed: int = 0) -> argparse.ArgumentParser:
    """A command line with what every training is asked: ``--out``, ``--seed``, ``--device``,
    ``--fresh`` (`resume`), ``--export`` and ``--numbers`` (of a JSON file, read)."""
    parser = argparse.ArgumentParser(
        prog=f"python -m mineral_utils.miniature {kind}", description=what
    )
    parser.add_argument("--out", type=Path, default=Path("runs/miniature") / kind)
    parser.add_argument("--seed", type=int, default=seed)
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda …")
    parser.add_argument(
        "--fresh", dest="resume", action="store_false", help="do not go on from a checkpoint"
    )
    parser.add_argument(
        "--export", action="store_true", help="afterwards measure, and write weights and card"
    )
    parser.add_argument(
        "--numbers", type=_read_json, help="JSON file of measures from elsewhere, for the card"
    )
    return parser


def _read_json(path: str) -> dict:
    return json.loads(Path(path).read_text(encoding="utf-8"))


def append_curve(curve: Path, row: Mapping[str, object]) -> None:
    """One more line of a curve; its folder is made."""
    curve.parent.mkdir(parents=True, exist_ok=True)
    with curve.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def trim_curve(curve: Path, step: int) -> None:
    """Drop the lines of a curve that lie behind the checkpoint's step, if there is a curve."""
    if not curve.is_file():
        return
    lines = curve.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if json.loads(line)["step"] <= step]
    with replacing(curve) as aside:
        aside.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
