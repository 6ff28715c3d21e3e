"""A mineral map under correction: the plain object behind the widgets, usable without them.

    draft = Draft(model.encode(photo), ["pyrite", "galena"], folder="corrections", who="Anna")
    draft.select_box(40, 60, 180, 150)           # SAM draws the grain in the box
    draft.look_closer()                          # on a large photo: at a window around it
    draft.select_point(60, 70, positive=False)   # but not this part of it
    draft.assign("galena")                       # one correction, journalled
    draft.undo(); draft.redo()
    draft.save()                                 # the map; the journal says who, when and how

Opened again with the same folder, it goes on where it stopped, whatever ended the last time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..minerals import vocabulary
from ..photos import Photo
from ..segmentation import Segmentation
from ..segmenter import Scene
from .display import absorb_small, drop_unsure, sureness
from .edits import Edit, apply_edits, edited, names_with
from .history import History, State
from .journal import SUFFIX, Journal
from .naming import identity
from .owner import about_photo, check_owner, safe_stem
from .picture import Look
from .points import EditError, Point, inside, scale_of_line
from .question import answer
from .selection import Selection, closer, region_at, with_box, with_point


def utc_now() -> datetime:
    """The time of a correction."""
    return datetime.now(UTC)


class Draft:
    """A photo's map, the corrections of it, and the journal that keeps them.

    Parameters
    ----------
    scene : the photo, encoded
    names : minerals to ask for; those of the journal by default, if there is one
    folder : where journal and maps go; None keeps nothing, and all is lost with the kernel
    stem : start of the file names; the photo's own by default
    who : who corrects; written with every correction
    free_text : take words that the vocabulary lacks as they are
    clock : gives the time

    Attributes
    ----------
    scene, result : the photo encoded, and the model's answer
    look : how the map is shown, and what of it counts
    done : whether somebody said that the whole map was looked at
    saved : file name to SHA-256, what this draft has written
    notes : sentences on what was found on opening

    Raises
    ------
    EditError
        The folder cannot be written, or holds corrections of another photo under this name.
    ValueError
        No names, or unknown ones.
    """

    def __init__(
        self,
        scene: Scene,
        names: Sequence[str] | None = None,
        *,
        folder: str | Path | None = None,
        stem: str | None = None,
        who: str = "",
        free_text: bool = False,
        clock: Callable[[], datetime] = utc_now,
    ):
        self.scene, self.who, self._clock = scene, who, clock
        self.stem = safe_stem(stem or (scene.photo.path.stem if scene.photo.path else "photo"))
        self.look, self.notes, self.done = Look(), [], False
        self.saved: dict[str, str] = {}
        self._history, self._numbers = History(), 0
        self._kept: tuple[Segmentation, tuple[float, float], np.ndarray] | None = None
        self.journal: Journal | None = None
        if folder is not None:
            about = {"photo": about_photo(scene.photo), "model": scene.model.name}
            path = Path(folder) / f"{self.stem}{SUFFIX}"
            self.journal = Journal(path, {**about, "when": self._now()})
        try:
            kept, refined = self._resume() if self.journal is not None else (None, False)
            if names is None and kept is not None:
                names, free_text = kept["names"], kept["free_text"]
            if not names:
                raise ValueError("no names were given; name the minerals to look for")
            self.result: Segmentation = answer(self.scene, names, free_text=free_text)
            self._keep_question(names, free_text, kept)
            if refined:
                self.sharpen()
        except BaseException:
            self.close()
            raise

    # ---- what is seen ----------------------------------------------------------------------------
    @property
    def photo(self) -> Photo:
        """The photo, with the scale that was measured."""
        return self.scene.photo

    @property
    def edits(self) -> tuple[Edit, ...]:
        """Corrections that count, in their order."""
        return self._history.now.edits

    @property
    def selection(self) -> Selection | None:
        """What is selected and not yet assigned."""
        return self._history.now.selection

    @property
    def names(self) -> tuple[str, ...]:
        """What labels stand for: the names that were asked, then those that only corrections
        brought in."""
        return names_with(self.result.names, self.edits)

    def labels(self) -> np.ndarray:
        """The map of the whole photo, uint8 [H, W], index into `names`, 255 unknown: the model's,
        without what `look` leaves out, under the corrections."""
        return apply_edits(self._counting(), self.edits, self.names)

    def _counting(self) -> np.ndarray:
        """The model's map without what `look` leaves out; kept until one of the two is another."""
        result, filters = self.result, (self.look.confidence, self.look.smallest_region)
        if self._kept is None or self._kept[0] is not result or self._kept[1] != filters:
            labels = drop_unsure(result.labels, sureness(result), self.look.confidence)
            self._kept = result, filters, absorb_small(labels, self.look.smallest_region)
        return self._kept[2]

    def scores_at(self, x: float, y: float) -> dict[str, float]:
        """The probability of each name that was asked, at a point, px of the photo; best first."""
        x, y = inside(x, y, self.result.size)
        found = self.result.scores([y], [x])[0, 0].tolist()
        pairs = zip(self.result.names, found, strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def edited(self) -> np.ndarray:
        """Which pixels somebody decided on, bool [H, W]."""
        return edited(self.edits, self.result.size)

    # ---- questions -------------------------------------------------------------------------------
    def ask(self, names: Sequence[str], *, free_text: bool = False) -> None:
        """Ask for other names; corrections stay as they are.

        Raises
        ------
        ValueError
            No names, an unknown one, or one twice; the old answer stays.
        """
        result = answer(self.scene, names, free_text=free_text)
        self._keep_question(names, free_text, None)
        self.result, self.done = result, False
        if self.look.similarity not in result.names:
            self.look = replace(self.look, similarity="")

    def sharpen(self, *, progress: bool = False) -> None:
        """Refine the borders of the model's answer with SAM's decoder, once for these names."""
        if self.result.refined is None:
            self.result = self.result.refine(self.scene, progress=progress)

    def measure(self, start: Point, end: Point, length_um: float) -> float:
        """Set the scale by a line of known length; see `points.scale_of_line`.

        Returns
        -------
        float : micrometres per pixel
        """
        size = self.result.size
        um_per_px = scale_of_line(inside(*start, size), inside(*end, size), length_um)
        self._write({"event": "scale", "um_per_px": um_per_px, "length_um": length_um})
        self._set_scale(um_per_px)
        self.result = replace(self.result, um_per_px=um_per_px)
        return um_per_px

    # ---- corrections -----------------------------------------------------------------------------
    def select_point(self, x: float, y: float, *, positive: bool = True) -> Selection:
        """Add a point to the selection, inside or outside of what is meant."""
        return self._select(with_point(self.scene, self.selection, x, y, positive=positive))

    def select_box(self, x1: float, y1: float, x2: float, y2: float) -> Selection:
        """Select what SAM draws in a box."""
        return self._select(with_box(self.scene, self.selection, x1, y1, x2, y2))

    def look_closer(self) -> Selection:
        """Let SAM look again, at a window around what is selected; see `selection.closer`."""
        return self._select(closer(self.scene, self.selection))

    def select_region(self, x: float, y: float) -> Selection:
        """Select the region of the map that a point lies in."""
        return self._select(region_at(self.labels(), x, y))

    def drop(self) -> None:
        """Select nothing."""
        if self.selection is not None:
            self._history.go_on(State(self.edits))

    def assign(self, name: str | None) -> Edit:
        """Give the selected pixels to a mineral; None or "unknown": to none.

        Raises
        ------
        EditError
            Nothing is selected, or the journal cannot be written.
        ValueError
            The name is empty, or there are 254 already.
        """
        chosen = self.selection
        if chosen is None or chosen.mask is None:
            raise EditError("nothing is selected; click on a grain or draw a box around it first")
        if name is not None and name.strip().casefold() == "unknown":
            name = None
        if name is not None:
            alike = [own for own in self.names if identity(own) == identity(name)]
            name = alike[0] if alike else name.strip()
            vocabulary().queries([*dict.fromkeys([*self.names, name])], open_vocabulary=True)
        number, model = self._numbers + 1, self.scene.model.name
        edit = Edit.of(number, name, chosen, model=model, who=self.who, when=self._now())
        self._write({"event": "edit", **edit.to_json()})
        self._numbers, self.done = number, False
        self._history.go_on(State((*self.edits, edit)))
        return edit

    def undo(self) -> bool:
        """Take the last step back: a point, a box, or a correction. Whether there was one."""
        return self._step("undo")

    def redo(self) -> bool:
        """Take a step again that was taken back. Whether there was one."""
        return self._step("redo")

    # ---- keeping ---------------------------------------------------------------------------------
    def mark_done(self, done: bool = True) -> None:
        """Say that the whole map was looked at and is as right as one can tell."""
        if done != self.done:
            self._write({"event": "done", "done": done, "who": self.who, "when": self._now()})
            self.done = done

    def note_saved(self, files: dict[str, str]) -> None:
        """Write into the journal which files (name to SHA-256) are this draft's, and what of the
        map counted in them."""
        counted = {k: getattr(self.look, k) for k in ("confidence", "smallest_region")}
        refined = self.result.refined is not None
        event = {"event": "saved", "files": files, **counted, "refined": refined}
        self._write({**event, "when": self._now()})
        self.saved |= files

    def close(self) -> None:
        """Let another notebook have the journal."""
        if self.journal is not None:
            self.journal.close()

    # ---- inside ----------------------------------------------------------------------------------
    def _select(self, selection: Selection) -> Selection:
        self._history.go_on(State(self.edits, selection))
        return selection

    def _step(self, what: str) -> bool:
        by = -1 if what == "undo" else 1
        there = self._history.neighbour(by)
        if there is None:
            return False
        before, after = self.edits, there.edits
        if len(before) != len(after):  # the last of the longer one comes or goes
            longer = before if len(before) > len(after) else after
            self._write({"event": what, "number": longer[-1].number})
            self.done = False
        self._history.move(by)
        return True

    def _now(self) -> str:
        return self._clock().astimezone(UTC).isoformat(timespec="seconds")

    def _set_scale(self, um_per_px: float) -> None:
        self.scene = replace(self.scene, photo=replace(self.scene.photo, um_per_px=um_per_px))

    def _write(self, event: dict) -> None:
        if self.journal is not None:
            self.journal.append(event)

    def _keep_question(self, names: Sequence[str], free_text: bool, last: dict | None) -> None:
        asked = {"event": "ask", "names": list(names), "free_text": free_text}
        if last != asked:
            self._write(asked)

    def _resume(self) -> tuple[dict | None, bool]:
        """Take the journal's steps again. The last question, and whether borders were sharpened."""
        check_owner(self.journal, self.photo)
        question, refined = None, False
        for event in self.journal.events:
            kind = event["event"]
            try:
                if kind == "ask":
                    question, refined = event, False
                elif kind == "scale":
                    self._set_scale(event["um_per_px"])
                elif kind == "edit":
                    edit = Edit.from_json(event)
                    self._numbers = max(self._numbers, edit.number)
                    self._history.go_on(State((*self.edits, edit)))
                elif kind in ("undo", "redo"):
                    self._history.move(-1 if kind == "undo" else 1)
                elif kind == "saved":
                    self.saved |= event["files"]
                    kept = {k: event[k] for k in ("confidence", "smallest_region")}
                    self.look, refined = replace(self.look, **kept), event["refined"]
                if kind in ("ask", "edit", "undo", "redo", "done"):
                    self.done = kind == "done" and event["done"]
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise EditError(
                    f"{self.journal.path.name}: the step {kind!r} cannot be taken again "
                    f"({error}); the journal is damaged, mend it or choose another folder"
                ) from error
        if self.edits:
            who = ", ".join(dict.fromkeys(edit.who for edit in self.edits))
            many = "correction" if len(self.edits) == 1 else "corrections"
            self.notes.append(f"Resumed with {len(self.edits)} {many} by {who}.")
        return question, refined
