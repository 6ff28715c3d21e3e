"""Files written whole or not at all, JSON of what numpy and torch hold, and hashes."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Write a file whole or not at all.

    Gives a temporary name in the same folder (made if need be), with the same suffix; what was
    written there takes the place of ``path`` when the block ends well and is removed when not.

    Yields
    ------
    Path
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield aside
        os.replace(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_json(path: str | Path, obj: Any) -> None:
    """Write ``obj`` as indented UTF-8 JSON, whole or not at all.

    Numpy arrays and scalars and torch tensors become lists and numbers, sets sorted lists, paths
    strings, dataclasses objects; NaN and the infinities, which JSON lacks, become ``null``.

    Raises
    ------
    TypeError
        Something in ``obj`` has no JSON form; the message says what and where.
    """
    text = json.dumps(plain(obj), ensure_ascii=False, indent=2, allow_nan=False)
    with replacing(path) as aside:
        # of a file name that is no UTF-8 the escape is JSON's own
        aside.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")


def plain(value: Any, where: str = "the object") -> Any:
    """The value in what JSON has: see :func:`write_json`; ``where`` is for the error."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item, f"{where}[{str(key)!r}]") for key, item in value.items()}
    if isinstance(value, set | frozenset):
        value = sorted(value)
    if isinstance(value, list | tuple):
        return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value), where)
    if isinstance(value, os.PathLike):
        return Path(value).as_posix()
    if hasattr(value, "tolist"):  # numpy and torch alike
        return plain(value.tolist(), where)
    raise TypeError(
        f"{where} is a {type(value).__name__}, which has no JSON form; "
        "give numbers, text, lists, dicts or arrays."
    )
