"""The photos that somebody means by a folder, and a name for each that lasts from run to run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ..export.mineral_map import as_text
from .journal import JOURNAL, RUN
from .order import BatchError

SUFFIXES = frozenset(
    (".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".avif", ".jp2")
    + (".j2k", ".pnm", ".ppm", ".pgm")
)


@dataclass(frozen=True)
class Found:
    """Photos, and what else lay there.

    photos : key (the folder's own name and the way from there, with /) to absolute path
    left_alone : how many files of each other suffix, links to folders, folders of other results
    closed : folders that could not be listed
    """

    photos: dict[str, Path] = field(default_factory=dict)
    left_alone: Counter[str] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)


def is_folder(path: str | Path) -> bool:
    """Whether somebody means a folder of photos: one called ``section.jpg`` is a mistake."""
    return os.path.isdir(path) and Path(path).suffix.lower() not in SUFFIXES


def find_photos(given: str | Path | Sequence[str | Path], leave_out: Path | None = None) -> Found:
    """All photos in folders, and single ones; each once, however often it is named.

    Files count by their suffix (`SUFFIXES`); hidden files and folders do not. A file that is named
    by itself is taken whatever its suffix.

    Parameters
    ----------
    given : folder, photo, or several of these
    leave_out : a folder in which nothing is a photo, such as that of the results

    Returns
    -------
    Found
        In the order given; inside a folder by name.

    Raises
    ------
    BatchError
        Something that was named is not there, or there is not one photo.
    """
    given = [Path(one) for one in ([given] if isinstance(given, str | os.PathLike) else given)]
    out = leave_out.resolve() if leave_out is not None else None
    found, known, roots, others = Found(), set(), {}, set()
    for one in given:
        if not os.path.exists(one):  # where pathlib would raise on a name that is too long
            raise BatchError(f"there is no {one}; name a folder of photos, or photos")
        root = (one if is_folder(one) else one.parent).resolve()
        paths = [root / one.name]
        if is_folder(one):
            paths = _in_folder(root, out, others, found.closed)
        name = _root_name(root, roots)
        for path in paths:
            real = os.path.realpath(path)  # where pathlib would raise on a link to itself
            if real not in known:
                known.add(real)
                found.photos[as_text(f"{name}/{path.relative_to(root).as_posix()}")] = path
    found.left_alone.update(map(_kind, others))
    if not found.photos:
        names = ", ".join(one.resolve().name for one in given) or "what was given"
        only = ", ".join(f"{n} {suffix}" for suffix, n in found.left_alone.most_common(5))
        raise BatchError(
            f"there is no photo in {names} ({f'only {only}' if only else 'it is empty'}); "
            f"photos end in {', '.join(sorted(SUFFIXES)[:9])} …"
        )
    return found


def _root_name(root: Path, roots: dict[Path, str]) -> str:
    """The folder's own name; with a number where another folder of this run has it already."""
    if root not in roots:
        name = plain = root.name or "photos"
        taken = {other.casefold() for other in roots.values()}
        number = 1
        while name.casefold() in taken:
            number += 1
            name = f"{plain}_{number}"
        roots[root] = name
    return roots[root]


def _in_folder(
    root: Path, out: Path | None, others: set[Path], closed: list[str]
) -> Iterable[Path]:
    """Photos below a folder; what else lies there goes into `others`, what could not be listed into
    `closed`. Links to folders are not followed: they may lead round in a circle."""

    def note(error: OSError) -> None:
        closed.append(f"{Path(error.filename).name} ({error.strerror})")

    paths = []
    for folder, inner, files in os.walk(root, onerror=note):
        here = Path(folder)
        inner[:] = [n for n in inner if not n.startswith(".") and here / n != out]
        apart = [n for n in inner if os.path.islink(here / n) or _results(here / n)]
        others.update(here / name for name in apart)
        inner[:] = [n for n in inner if n not in apart]
        for name in files:
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                paths.append(here / name)
            elif not name.startswith("."):
                others.add(here / name)
    return sorted(paths, key=lambda path: [part.casefold() for part in path.parts])


def _results(folder: Path) -> bool:
    """Whether another run wrote its maps here: they are no photos."""
    # not pathlib's, which raise where a folder must not be entered
    return all(os.path.isfile(folder / name) for name in (RUN, JOURNAL))


def _kind(path: Path) -> str:
    """What a thing that is left alone is called when it is counted."""
    if os.path.isdir(path):
        return "link(s) to folders" if os.path.islink(path) else "folder(s) of results"
    return path.suffix.lower() or "without suffix"


def places_of(keys: Iterable[str], taken: dict[str, str]) -> dict[str, str]:
    """Where each photo's files go: folder and start of their names, below the results.

    ``photos/a.jpg`` becomes ``photos/a``; where another photo has that already (``a.jpg`` and
    ``a.png`` in one folder), ``photos/a_png``, then ``photos/a_png_2``.

    Parameters
    ----------
    keys : of the photos, in order
    taken : key -> place of photos that have theirs from before

    Returns
    -------
    dict of key to place
    """
    places = dict(taken)
    used = {one for place in taken.values() for one in begins(place)}
    for key in keys:
        if key in places:
            continue
        plain, suffix = PurePosixPath(key).with_suffix("").as_posix(), PurePosixPath(key).suffix[1:]
        place, number = plain, 1
        while begins(place) & used:
            place = f"{plain}_{suffix}" if number == 1 else f"{plain}_{suffix}_{number}"
            number += 1
        places[key] = place
        used |= begins(place)
    return places


def begins(place: str) -> set[str]:
    """What the files of a photo begin with, whatever the case: outlines in µm end in ``_um``, as
    the name of another photo may."""
    return {place.casefold(), f"{place}_um".casefold()}
