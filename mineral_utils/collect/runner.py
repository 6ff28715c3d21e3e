"""From a source into a ledger, photo by photo, in a run that can be ended and started again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm.auto import tqdm

from ..captions import find_minerals
from ..photos.ledger import Ledger, Row
from .source import LeftOut, OtherKind, Source, Stopped, Unreachable

IN_A_ROW = 3  # photos that a server does not give before the run ends


@dataclass
class Summary:
    """What a run did.

    Attributes
    ----------
    added, had : int
        Photos stored now; photos that were in the ledger already.
    other_kinds : int
        Photos of kinds that were not asked for.
    left_out : dict of str to str
        Photo -> why it could not be had.
    stopped : str or None
        Why the run ended early.
    rows : int
        Photos in the ledger now.
    """

    added: int = 0
    had: int = 0
    other_kinds: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    stopped: str | None = None
    rows: int = 0

    @property
    def complete(self) -> bool:
        """Whether every photo of the source is in the ledger or of another kind."""
        return not self.left_out and self.stopped is None

    def __str__(self) -> str:
        text = (
            f"{self.added} photos added, {self.had} were there already; {self.rows} in the ledger"
        )
        if self.other_kinds:
            text += f"; {self.other_kinds} of other kinds were not taken"
        if self.left_out:
            text += f"; {len(self.left_out)} could not be had"
        return text


def collect(source: Source, folder: str | Path, *, progress: bool = True) -> Summary:
    """Store every photo of a source that is not in the ledger yet.

    Parameters
    ----------
    source : Source
        Closed at the end.
    folder : path
        The ledger, made if need be.
    progress : bool
        Draw a bar with photos per minute and time left.

    Returns
    -------
    Summary

    Raises
    ------
    LedgerError
        If the ledger cannot be written, or another program writes to it.
    """
    done, silent = Summary(), 0
    words = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} "
    words += "[{elapsed}, {remaining} left{postfix}]"
    bar = tqdm(
        total=len(source),
        desc="collect",
        unit="photo",
        smoothing=0,
        bar_format=words,
        disable=not progress,
    )
    try:
        with bar, Ledger(folder) as ledger:
            done.rows = len(ledger)
            for candidate in source:
                if candidate.key in ledger:
                    done.had += 1
                    if progress:
                        bar.initial += 1  # time left is judged by what takes time
                    bar.update()
                    continue
                try:
                    found = candidate.fetch()
                    ledger.add(with_minerals(found.row), found.image)
                    done.added, done.rows, silent = done.added + 1, len(ledger), 0
                except OtherKind:
                    done.other_kinds += 1
                except LeftOut as error:
                    done.left_out[candidate.label] = str(error)
                    silent = silent + 1 if isinstance(error, Unreachable) else 0
                    if silent == IN_A_ROW:
                        raise Stopped(
                            f"{IN_A_ROW} photos in a row could not be had ({error}); the server "
                            "seems to be in trouble, so leave it alone and start again later"
                        ) from error
                bar.update()
                if progress:
                    minutes = max(bar.format_dict["elapsed"], 1e-3) / 60
                    bar.set_postfix_str(f"{(bar.n - bar.initial) / minutes:.1f} photos/min")
    except Stopped as error:
        done.stopped = str(error)
    finally:
        source.close()
    return done


def with_minerals(row: Row) -> Row:
    """The row with what its title and caption say of minerals, kept or not, and why."""
    return replace(row, minerals=find_minerals(row.title, row.caption))
