"""The record of what made a result, and the numbers of a run."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .device import device_words
from .files import file_sha256, plain, replacing, write_json
from .ground import git_state, machine, software

if TYPE_CHECKING:
    import torch

METRIC_COLUMNS = (
    *("set", "model", "recipe", "protocol", "preset", "refined", "metric", "mineral"),
    *("value", "lo", "hi", "n", "seed"),
)
_MEASURED = ("value", "lo", "hi", "n")  # the other columns say which number it is


def record(
    *,
    settings: Mapping[str, Any] | None = None,
    inputs: str | Path | Sequence[str | Path] | None = None,
    seed: int | None = None,
    device: str | torch.device | None = None,
) -> dict[str, Any]:
    """What made a result: versions, machine, code, inputs, settings, seed and time.

    Parameters
    ----------
    settings : mapping, optional
        Anything that JSON can hold. Absolute paths in it are cut to their last part, so that a
        record tells nothing about the folders of the machine.
    inputs : path or sequence of path, optional
        Files that were read; each is recorded by its name and SHA-256.
    seed : int, optional
    device : str or torch.device, optional
        What the computing ran on; default: what ``pick_device`` chooses, or the CPU in a process
        that has not loaded torch.

    Returns
    -------
    dict
        JSON-serialisable: ``schema_version``, ``package``, ``python``, ``libraries``, ``platform``,
        ``cpu``, ``cores``, ``device``, ``git`` (``commit`` and ``dirty``, whether the package's
        folder differs from it; None outside a checkout), ``time_utc`` (ISO 8601), ``inputs``,
        ``settings``, ``seed``.

    Raises
    ------
    FileNotFoundError
        An input is not a file.
    """
    if isinstance(inputs, str | os.PathLike):
        inputs = [inputs]
    return {
        "schema_version": 1,
        **software(),
        **machine(),
        "device": device_words(device),
        "git": git_state(),
        "time_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "inputs": [_fingerprint(Path(path)) for path in inputs or ()],
        "settings": _without_folders(plain(dict(settings or {}), "settings")),
        "seed": plain(seed, "seed"),
    }


def _fingerprint(path: Path) -> dict[str, str]:
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.name} is not a file, so the run record cannot hold its hash; "
            "pass the files that were read, one by one."
        )
    return {"name": path.name, "sha256": file_sha256(path)}


def _without_folders(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    if isinstance(value, str) and os.path.isabs(value):
        return Path(value).name or value
    return value


class Run:
    """The numbers of one notebook on one profile, and the record of what made them.

    Parameters
    ----------
    profile, notebook : str
        As in ``runs/<profile>/<notebook>/``; of a profile in a file, the file's name without
        folder and ending.
    out_dir : path
        The folder of all runs, or already this run's own folder ``…/<profile>/<notebook>``.

    Attributes
    ----------
    folder : Path
    """

    def __init__(self, profile: str, notebook: str, out_dir: str | Path = "runs") -> None:
        out_dir, profile = Path(out_dir), re.sub(r"\.ya?ml$", "", Path(profile).name)
        own = out_dir.parts[-2:] == (profile, notebook)
        self.profile, self.notebook = profile, notebook
        self.folder = out_dir if own else out_dir / profile / notebook
        # keyed, so that running a cell twice corrects a number instead of doubling it
        self._rows: dict[tuple, dict[str, Any]] = {}
        self._headlines: dict[str, float | None] = {}

    def log(
        self,
        metric: str,
        value: float | None,
        *,
        set: str | None = None,
        model: str | None = None,
        recipe: str | None = None,
        protocol: str | None = None,
        preset: str | None = None,
        refined: bool | None = None,
        mineral: str | None = None,
        lo: float | None = None,
        hi: float | None = None,
        n: int | None = None,
        seed: int | None = None,
    ) -> None:
        """Keep one number for ``metrics.jsonl``; the same number logged again replaces it.

        Parameters
        ----------
        metric : str
            Its name, such as ``"iou"``.
        value, lo, hi : float, optional
            The number and the ends of its interval; None or NaN where it is not defined.
        n : int, optional
            How many photos or pixels it rests on.
        set, model, recipe, protocol, preset, refined, mineral, seed : optional
            Which number it is.

        Raises
        ------
        TypeError
            ``value``, ``lo`` or ``hi`` is not a number.
        ValueError
            ``lo`` is above ``hi``.
        """
        given = locals()
        row = {name: plain(given[name], name) for name in METRIC_COLUMNS}
        for name in ("value", "lo", "hi"):
            row[name] = _number(given[name], f"{name} of metric {metric!r}")
        if row["lo"] is not None and row["hi"] is not None and row["lo"] > row["hi"]:
            raise ValueError(
                f"The interval of metric {metric!r} runs from {lo} to {hi}; give lo <= hi."
            )
        self._rows[tuple(row[name] for name in METRIC_COLUMNS if name not in _MEASURED)] = row

    def headline(self, name: str, value: float | None) -> None:
        """Keep one of the few numbers that the table of results shows, for ``metrics.json``."""
        self._headlines[name] = _number(value, f"headline {name!r}")

    def save(
        self,
        settings: Mapping[str, Any] | None = None,
        inputs: str | Path | Sequence[str | Path] | None = None,
        test_looks: int = 0,
        *,
        seed: int | None = None,
        device: str | torch.device | None = None,
    ) -> dict[str, float | None]:
        """Write ``run.json``, ``metrics.jsonl`` and ``metrics.json``, replacing an earlier run's.

        Parameters
        ----------
        settings, inputs, seed, device
            As in :func:`record`.
        test_looks : int
            How often this run looked at the real test photos.

        Returns
        -------
        dict
            The headlines, name to value (None where not defined).
        """
        made = record(settings=settings, inputs=inputs, seed=seed, device=device)
        about = {"profile": self.profile, "notebook": self.notebook, "test_looks": test_looks}
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in self._rows.values()]
        write_json(self.folder / "run.json", {**about, **made})
        with replacing(self.folder / "metrics.jsonl") as aside:
            aside.write_text("".join(lines), encoding="utf-8")
        # last: where it lies, the run is whole
        write_json(self.folder / "metrics.json", self._headlines)
        return dict(self._headlines)


def _number(value: Any, what: str) -> float | int | None:
    value = plain(value, what)
    if isinstance(value, bool) or not isinstance(value, int | float | None):
        raise TypeError(f"The {what} is {value!r}; give a number, or None where there is none.")
    return value
