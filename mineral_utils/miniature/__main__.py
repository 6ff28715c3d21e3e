"""``python -m mineral_utils.miniature clip | dino | sam | tracer | ore | whole …``: train a small
model on the general world; tune the small CLIP on digital sections, or teach it what whole pictures
are about; measure it, export it. ``… clip --help`` says more."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from .store import KINDS


def main(arguments: Sequence[str] | None = None) -> int:
    """Hand the rest of the line to the module of the model; 2 for wrong use."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] not in (*KINDS, "whole"):
        print(__doc__)
        return 0 if arguments in (["-h"], ["--help"]) else 2
    module = importlib.import_module(f".{arguments[0]}", __package__)
    return int(module.main(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
