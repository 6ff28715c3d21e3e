"""``python -m mineral_utils.widgets [--port 8866] [--ip 0.0.0.0]``: lesson 09 as a page for a
class.

Voilà runs the lesson for each visitor in a kernel of its own and leaves out what only a reader of
the lesson wants (cells tagged ``lesson``). ``?who=anna`` in the address says who corrects, and
takes Anna's corrections up again.
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "09_segment_your_photos.ipynb"


def command(lesson: str | Path = LESSON, *, port: int = 8866, ip: str = "localhost") -> list[str]:
    """The command line of the page."""
    return [
        *(sys.executable, "-m", "voila", str(lesson), "--no-browser"),
        *(f"--port={port}", f"--Voila.ip={ip}"),
        "--TagRemovePreprocessor.remove_cell_tags=lesson",
        # photos of up to 100 MB come by websocket; and Voilà 0.5 refuses its own page's farewell,
        # which ends the kernel, for want of a cookie that it never set: nothing else is posted here
        "--Voila.tornado_settings="
        "{'websocket_max_message_size': 104857600, 'disable_check_xsrf': True}",
        # visitors who never said farewell
        *(
            "--MappingKernelManager.cull_idle_timeout=1800",
            "--MappingKernelManager.cull_interval=60",
        ),
        "--VoilaConfiguration.show_tracebacks=True",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the page until it is stopped."""
    parser = argparse.ArgumentParser(prog="python -m mineral_utils.widgets", description=__doc__)
    parser.add_argument("lesson", nargs="?", default=LESSON, help="lesson 09 by default")
    parser.add_argument("--port", type=int, default=8866)
    parser.add_argument("--ip", default="localhost", help="0.0.0.0 lets other machines in")
    options = parser.parse_args(arguments)
    if importlib.util.find_spec("voila") is None:
        print("error: voila is not installed; run: pip install -e '.[ui]'", file=sys.stderr)
        return 2
    if not Path(options.lesson).is_file():
        print(
            f"error: {Path(options.lesson).name} is not there; lessons come with the repository, "
            "not with the package",
            file=sys.stderr,
        )
        return 2
    return subprocess.call(command(options.lesson, port=options.port, ip=options.ip))


if __name__ == "__main__":
    sys.exit(main())
