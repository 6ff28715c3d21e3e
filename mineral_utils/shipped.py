"""Weights that ship inside the package: the small models of `mineral_utils.miniature`.

A profile names them ``miniature:clip``, ``miniature:dino``, ``miniature:sam``, the adapter that
tunes the first of them to digital sections ``miniature:ore``, and the network that traces outlines
after SAM ``miniature:tracer``. Each file lies beside its card (a
JSON file of the same name), which holds its SHA-256.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path

from .checkpoint import WeightError
from .run import file_sha256

FOLDER = Path(__file__).parent / "miniature" / "weights"
KINDS = ("clip", "dino", "sam", "ore", "tracer")
PREFIX = "miniature:"


def weight_file(kind: str, folder: str | Path = FOLDER) -> Path:
    """The shipped weights of a small model, checked against their card.

    Parameters
    ----------
    kind : clip, dino, sam, ore or tracer
    folder : where file and card lie; the package's own by default

    Returns
    -------
    Path
        A safetensors file whose SHA-256 is the one on its card.

    Raises
    ------
    WeightError
        An unknown kind; a file or card that is missing or damaged: the message names the commands
        that bring it back.
    """
    if kind not in KINDS:
        raise WeightError(
            f"There is no small model {kind!r}; there are {', '.join(PREFIX + k for k in KINDS)}"
        )
    path = Path(folder) / f"{kind}.safetensors"
    if not path.is_file():
        raise WeightError(f"The file {path} is missing; {_remedy(kind)}")
    wanted = read_card(kind, folder).get("sha256")
    seen = path.stat()
    if _hash(path, seen.st_size, seen.st_mtime_ns) != wanted:
        raise WeightError(
            f"The file {path} is damaged or not the one that its card describes (SHA-256 differs); "
            f"{_remedy(kind)}"
        )
    return path


def read_card(kind: str, folder: str | Path = FOLDER) -> dict:
    """The card of a small model: data, recipe, time, numbers, limits, licence, SHA-256.

    Raises
    ------
    WeightError
        It is missing or no JSON object.
    """
    path = Path(folder) / f"{kind}.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightError(f"The card {path} is missing; {_remedy(kind)}") from error
    except ValueError as error:
        raise WeightError(f"The card {path} is damaged ({error}); {_remedy(kind)}") from error
    if not isinstance(card, dict):
        raise WeightError(f"The card {path} holds no JSON object; {_remedy(kind)}")
    return card


def _remedy(kind: str) -> str:
    return (
        "bring it back with `git checkout -- mineral_utils/miniature/weights` in a clone, or "
        "`python -m pip install --force-reinstall --no-deps .` from its folder, or train it anew "
        f"with `python -m mineral_utils.miniature {kind} --out runs/miniature/{kind} --export`"
    )


@functools.lru_cache(maxsize=16)
def _hash(path: Path, size: int, written: int) -> str:
    """SHA-256, computed once as long as size and time of writing stay."""
    return file_sha256(path)
