"""Corrected maps as truth of pixels: saved in the suite's own form or in LumenStone's, and read
back for scoring.

Own form, in the draft's folder::

    corrections/section.edits.jsonl             every correction: who, when, how, its mask
    corrections/section_corrected_indexed.png   labels (`mineral_utils.export.read_png`)
    corrections/section_corrected_indexed.json  names, colours, scale, shares of area
    corrections/section_photo.png               only where the photo has no file of its own

LumenStone's form is a set that `mineral_utils.lumenstone` opens; where its masks come from stands
in the journal::

    truth/S1_v2/imgs/train/section.png          the photo's pixels
    truth/S1_v2/masks/train/section.png         codes

A file that these corrections did not write is never replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..export import DEFAULT, export_map, read_png
from ..metrics import GANGUE, relabel
from ..minerals import vocabulary
from ..photos import load_photo, save_png
from ..run import file_sha256
from ..segmentation import UNKNOWN
from .draft import Draft
from .edits import Edit
from .journal import SUFFIX, read_events
from .naming import identity
from .owner import pixels_sha256
from .points import EditError

VERSION, SETS = "v2", ("S1", "S2", "S3")  # of LumenStone's table of codes


def save_draft(draft: Draft, formats: Sequence[str] = ("png",)) -> list[Path]:
    """Write a draft's map beside its journal, all of it or nothing.

    Parameters
    ----------
    draft : made with a folder
    formats : of `mineral_utils.export.FORMATS`; ``"png"`` is what `corrected_cases` reads

    Returns
    -------
    list of Path

    Raises
    ------
    EditError
        The draft has no folder, or a file of that name is not its own.
    mineral_utils.photos.PhotoError
        A file cannot be written.
    """
    folder = _folder(draft)
    stem = f"{draft.stem}_corrected"
    for path in sorted(folder.glob(f"{stem}_*")):
        _check_own(draft, path.name, path)
    written = []
    if draft.photo.path is None:
        picture = folder / f"{draft.stem}_photo.png"
        _check_own(draft, picture.name, picture)
        written.append(save_png(picture, draft.photo.image))
    written += export_map(
        draft.photo,
        draft.labels(),
        folder,
        formats or DEFAULT,
        stem=stem,
        names=draft.names,
        um_per_px=draft.photo.um_per_px,
        note=f"Corrected by hand: {draft.edited().mean():.1%} of the area.",
    )
    draft.note_saved({path.name: file_sha256(path) for path in written})
    return written


def save_lumenstone(
    draft: Draft, folder: str | Path, *, subset: str | None = None, split: str = "train"
) -> list[Path]:
    """Write a draft as a photo and a mask of codes in LumenStone's layout.

    Parameters
    ----------
    draft : made with a folder of its own, where its journal is
    folder : holds the sets; made if it is not there
    subset : S1, S2 or S3; by default the first whose codes know all minerals of the map
    split : train or test

    Returns
    -------
    list of Path: photo and mask

    Raises
    ------
    EditError
        A mineral without a code, unknown pixels (LumenStone has no code for them), or files that
        are not these corrections' own.
    mineral_utils.photos.PhotoError
        A file cannot be written.
    """
    _folder(draft)
    labels = draft.labels()
    subset, codes = _codes(labels, draft.names, subset)
    place = Path(folder) / f"{subset}_{VERSION}"
    image = place / "imgs" / split / f"{draft.stem}.png"
    mask = place / "masks" / split / image.name
    known = {path: path.relative_to(folder).as_posix() for path in (image, mask)}
    others = {image, *image.parent.glob(f"{draft.stem}.*")}
    for path in (*sorted(others), mask):
        _check_own(draft, known.get(path, path.name), path)
    for path in known:
        path.parent.mkdir(parents=True, exist_ok=True)
    save_png(image, draft.photo.image)
    save_png(mask, np.repeat(codes[labels][..., None], 3, axis=2))  # as the official masks are
    draft.note_saved({name: file_sha256(path) for path, name in known.items()})
    return [image, mask]


def _codes(labels: np.ndarray, names: Sequence[str], subset: str | None) -> tuple[str, np.ndarray]:
    """A set whose codes fit, and the code of each label, uint8 [256]."""
    if unknown := int((labels == UNKNOWN).sum()):
        raise EditError(
            f"{unknown / labels.size:.1%} of the area is unknown, and LumenStone has no code for "
            "that; lower the confidence, or assign these pixels"
        )
    present = [names[index] for index in np.unique(labels)]
    missing: dict[str, list[str]] = {}
    for candidate in (subset,) if subset else SETS:
        table = vocabulary().lumenstone(VERSION, candidate)
        code = {mineral: c for c, known in table.items() for mineral in known.minerals}
        code |= dict.fromkeys((*GANGUE["gangue"], "background"), 0)
        missing[candidate] = [name for name in present if identity(name)[1] not in code]
        if not missing[candidate]:
            found = np.zeros(256, np.uint8)
            for index, name in enumerate(names):
                found[index] = code.get(identity(name)[1], 0)
            return candidate, found
    nearest = min(missing, key=lambda name: len(missing[name]))
    raise EditError(
        f"LumenStone's set {nearest} has no code for {', '.join(missing[nearest])}; give these "
        "pixels to another mineral, or save in the suite's own form"
    )


def corrected_cases(
    folder: str | Path,
    names: Sequence[str],
    *,
    photos: str | Path | None = None,
    done_only: bool = True,
    edited_only: bool = False,
) -> Iterator[tuple[np.ndarray, np.ndarray, str, None]]:
    """Corrected maps as cases for `mineral_utils.evaluation.answers` or `scoring.score`.

    A corrected map began as a model's: where nobody touched it, it agrees with that model by
    making. To compare models, correct from each model's map in turn, or score `edited_only`.

    Parameters
    ----------
    folder : of drafts that were saved
    names : K classes; pixels of other minerals are 255, not scored
    photos : folder of the photos' files; default: `folder` and its ``uploads``
    done_only : leave out photos that nobody marked as done
    edited_only : score only pixels that somebody decided on

    Yields
    ------
    (image uint8 [H, W, 3], labels uint8 [H, W] index into `names`, stem, None)

    Raises
    ------
    EditError
        There is no saved map, or photo and map do not belong together.
    """
    folder = Path(folder)
    wanted = [identity(name) for name in names]
    journals = sorted(folder.glob(f"*{SUFFIX}"))
    if not journals:
        raise EditError(
            f"there are no corrections in {folder.name} (no file *{SUFFIX}); name the folder that "
            "the drafts were made with"
        )
    for journal in journals:
        header, *events = read_events(journal)
        stem = journal.name.removesuffix(SUFFIX)
        path = folder / f"{stem}_corrected_indexed.png"
        if done_only and not is_done(events):
            continue
        if not path.is_file() or file_sha256(path) != _last_saved(events).get(path.name):
            raise EditError(
                f"{path.name} is missing or is not what its journal tells of; open the photo and "
                "save it again"
            )
        found = read_png(path)
        labels = relabel(found.labels, [identity(name) for name in found.names], wanted)
        if edited_only:
            decided = np.zeros(labels.shape, bool)
            for edit in _counting(events):
                edit.mask.paint(decided, True)
            labels[~decided] = UNKNOWN
        yield _picture(folder, stem, header["photo"], photos), labels, stem, None


def is_done(events: Sequence[dict]) -> bool:
    """Whether the last word on a photo is that it is done; see `Draft.mark_done`."""
    done = False
    for event in events:
        if event["event"] in ("ask", "edit", "undo", "redo", "done"):
            done = event["event"] == "done" and bool(event["done"])
    return done


def _counting(events: Sequence[dict]) -> list[Edit]:
    """Corrections that were not taken back."""
    made: dict[int, dict] = {}
    taken_back: set[int] = set()
    for event in events:
        if event["event"] == "edit":
            made[event["number"]] = event
        elif event["event"] in ("undo", "redo"):
            (taken_back.add if event["event"] == "undo" else taken_back.discard)(event["number"])
    return [Edit.from_json(event) for number, event in made.items() if number not in taken_back]


def _last_saved(events: Sequence[dict]) -> dict[str, str]:
    saved: dict[str, str] = {}
    for event in events:
        saved |= event["files"] if event["event"] == "saved" else {}
    return saved


def _picture(folder: Path, stem: str, about: dict, photos: str | Path | None) -> np.ndarray:
    """The photo's pixels, of a file that is still the same."""
    name = about["file_name"]
    places = [Path(photos)] if photos is not None else [folder, folder / "uploads"]
    files = [place / name for place in places] if name else [folder / f"{stem}_photo.png"]
    for path in files:
        if path.is_file():
            photo = load_photo(path)
            if pixels_sha256(photo) != about["pixels_sha256"]:
                raise EditError(
                    f"{path.name} is not the photo that was corrected (other pixels); bring back "
                    "the one that was"
                )
            return photo.image
    looked = ", ".join(place.name for place in places)
    raise EditError(
        f"the photo {files[0].name} of {stem} is not in {looked}; name its folder in `photos`"
    )


def _folder(draft: Draft) -> Path:
    if draft.journal is None:
        raise EditError(
            "this draft has no folder, so who corrected what cannot be kept; make it with "
            'Draft(scene, names, folder="corrections")'
        )
    return draft.journal.path.parent


def _check_own(draft: Draft, name: str, path: Path) -> None:
    """Refuse to replace what somebody else, or an older draft with other words, has written."""
    if path.exists() and draft.saved.get(name) != file_sha256(path):
        raise EditError(
            f"{path.parent.name}/{path.name} is there already and these corrections did not write "
            "it (another photo, or other words); choose another folder"
        )
