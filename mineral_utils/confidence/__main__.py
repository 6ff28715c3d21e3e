"""``python -m mineral_utils.confidence calibrate``: how sure is sure enough, and what photos look
familiar, measured on digital sections for a model; minutes on a laptop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .calibrating import FIRST, LOST, SECTIONS, calibrate, rivals
from .unknown import SHIPPED


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when the calibration was written, 2 for wrong use."""
    parser = argparse.ArgumentParser(prog="python -m mineral_utils.confidence", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("calibrate", help="measure a model and write its calibration")
    command.add_argument("--profile", default="demo", help="demo, paper, or a .yaml file")
    command.add_argument("--adapter", default="miniature:ore", help="the tuned CLIP")
    command.add_argument("--device", default="auto", help="auto, cpu, cuda …")
    command.add_argument("--sections", type=int, default=SECTIONS, help="how many to draw")
    command.add_argument("--first", type=int, default=FIRST, help="number of the first of them")
    command.add_argument("--lost", type=float, default=LOST, help="share of known pixels given up")
    command.add_argument("--out", type=Path, default=SHIPPED, help="a .json file")
    return _calibrate(parser.parse_args(arguments))


def _calibrate(options: argparse.Namespace) -> int:
    from ..clip_lora import about_adapter
    from ..run import file_sha256
    from ..sections import validation_section
    from ..segmenter import load_model
    from ..shipped import PREFIX, weight_file

    try:
        if options.sections < 1:
            raise ValueError(
                f"{options.sections} sections were asked for; fifty or more are wanted"
            )
        path = Path(options.adapter)
        if options.adapter.startswith(PREFIX):
            path = weight_file(options.adapter.removeprefix(PREFIX))
        about = about_adapter(path)
        model = load_model(options.profile, device=options.device, adapter=path)
    except (ValueError, RuntimeError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    numbers = range(options.first, options.first + options.sections)
    names = rivals(about["classes"], about.get("ground", ""))
    found = calibrate(model, names, map(validation_section, numbers), lost=options.lost)
    measured = {
        "adapter": options.adapter if options.adapter.startswith(PREFIX) else path.name,
        "adapter_sha256": file_sha256(path),
        "sections": f"validation sections {numbers.start} to {numbers.stop - 1}",
    }
    found = replace(found, measured=found.measured | measured)
    found.save(options.out)
    print(
        f"written: {options.out.name}; below {found.threshold:.3f} "
        f"{found.measured['known_lost']:.1%} of the known pixels are lost and "
        f"{found.measured['missing_found']:.1%} of those of a mineral left out are found"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
