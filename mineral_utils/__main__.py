"""``python -m mineral_utils info | demo | segment | collect | captions | dataset | train |
mosaic``: batch, scripts, CI."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .batch import command as batch_command
from .collect import command as collect_command
from .dataset import command as dataset_command
from .mosaic import command as mosaic_command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all went well, 1 when a photo or lesson failed, 2 for wrong use."""
    options = _parser().parse_args(arguments)
    return options.run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mineral_utils", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    info = commands.add_parser("info", help="say what this machine and installation offer")
    info.set_defaults(run=_info)

    demo = commands.add_parser("demo", help="run the lessons and print their results")
    demo.add_argument("lessons", nargs="*", help="names or numbers, all by default")
    demo.set_defaults(run=_demo)

    segment = commands.add_parser("segment", help="segment photos, or whole folders, by names")
    batch_command.add_arguments(segment)
    segment.set_defaults(run=batch_command.run)

    collect_command.add_parser(commands)

    dataset = commands.add_parser("dataset", help="a ledger into a dataset that can be trusted")
    dataset_command.add_arguments(dataset)
    dataset.set_defaults(run=dataset_command.run)

    mosaic = commands.add_parser("mosaic", help="segment a photo too big for one pass")
    mosaic_command.add_arguments(mosaic)

    train = commands.add_parser("train", help="tune a profile's CLIP on photos of minerals")
    train.add_argument("config", type=Path, metavar="CONFIG", help="a .yaml file")
    train.add_argument("--out", type=Path, help="folder of the results, in place of the file's")
    train.add_argument("--device", help="auto, cpu, cuda, cuda:1 …")
    train.add_argument("--fresh", action="store_true", help="begin anew, whatever lies there")
    train.set_defaults(run=_train)

    captions = commands.add_parser(
        "captions",
        help="minerals out of titles and texts: JSON lines in, JSON lines out",
        usage="%(prog)s [FILE | audit draw [FILE] | audit report SHEET] [options]",
    )
    captions.add_argument("words", nargs="*", metavar="FILE", help="standard input by default")
    captions.add_argument("--source", help="whose abbreviations the texts use")
    captions.add_argument("--hits", action="store_true", help="write each mention and its reason")
    captions.add_argument("--count", type=int, default=100, help="captions to draw for the audit")
    captions.add_argument("--seed", type=int, default=0, help="of the audit's random sample")
    captions.set_defaults(run=_captions)
    return parser


def _info(options: argparse.Namespace) -> int:
    from .run import report

    report()
    return 0


def _demo(options: argparse.Namespace) -> int:
    from .demo import run_demo

    return min(run_demo(options.lessons), 1)


def _captions(options: argparse.Namespace) -> int:
    from .captions.command import run

    return run(
        options.words,
        source=options.source,
        hits=options.hits,
        count=options.count,
        seed=options.seed,
    )


def _train(options: argparse.Namespace) -> int:
    from .training.command import run  # brings torch

    return run(options.config, out=options.out, device=options.device, fresh=options.fresh)


if __name__ == "__main__":
    sys.exit(main())
