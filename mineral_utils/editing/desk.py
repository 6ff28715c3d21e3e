"""Everything that a page of buttons can do, without the page: the state behind the widgets.

A click, a key and a test drive the same methods; each returns a sentence for the line of status::

    desk = Desk(Series(model, ["a.jpg", "b.jpg"], "corrections", ["pyrite", "galena"]))
    desk.mode = "outline"
    desk.act({"kind": "box", "x1": 10, "y1": 20, "x2": 200, "y2": 150})
    desk.assign("galena")
    desk.save(done=True)
    desk.go(+1)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ..confidence import warnings_for
from ..minerals import OPEN_HINT, UnknownMineral
from ..photos import PhotoError
from ..segmentation import Segmentation
from .draft import Draft
from .live import LiveView
from .naming import corrections_of, with_names
from .points import EditError, inside
from .selection import Selection
from .series import Series
from .table import percent
from .truth import save_draft, save_lumenstone

MODES = {
    "scores": "click on a place to see the score of every name there",
    "outline": "drag a box around a grain, or click on it; with Shift: not this part",
    "leave out": "click on what does not belong to the selection; with Shift: it does",
    "region": "click on a patch of the map to select all of it",
    "scale": "drag along the scale bar, or click on its two ends, then write its length",
}
# what the page offers where code would pass an argument
PAGE_HINT = "take a known name, or ask for it as free text"
LUMENSTONE = "lumenstone"  # as a format beside those of `mineral_utils.export`


class Desk:
    """A series of photos, the draft that lies open, and what the hand does.

    Parameters
    ----------
    series : the photos; the first that is not done is opened
    truth : folder of LumenStone's layout, for the format of that name; default: ``lumenstone`` in
        the series' folder

    Attributes
    ----------
    title, draft, view : of the photo that lies open; None before the first
    mode : a key of `MODES`, what a click means
    scores : name to score at the last click in mode "scores", best first
    line : ends of the scale line, (x, y) in px of the photo, none to two of them
    suggestions : known name that may be meant by an unknown one -> the typed line with it
    """

    def __init__(self, series: Series, *, truth: str | Path | None = None):
        self.series = series
        self.truth = Path(truth) if truth is not None else series.folder / LUMENSTONE
        self.title: str | None = None
        self.draft: Draft | None = None
        self.view: LiveView | None = None
        self.mode = "scores"
        self._lay_out()

    def _lay_out(self) -> None:
        self._doubts: tuple[Segmentation, list[str]] | None = None
        self.scores: dict[str, float] = {}
        self.line: list[tuple[float, float]] = []
        self.suggestions: dict[str, str] = {}

    # ---- photos ----------------------------------------------------------------------------------
    def open(self, title: str | None = None) -> str:
        """Open a photo; by default the first that is not done and can be read."""
        if not title:
            titles = self.series.titles
            open_ones = [each for each in titles if self.series.status(each) != "done"]
            return self._open_first(open_ones or titles)
        draft = self.series.open(title)
        if self.draft is not None and self.draft.journal.path != draft.journal.path:
            self.draft.close()
        self.title, self.draft, self.view = title, draft, LiveView(draft)
        self._lay_out()
        photo = draft.photo
        scale = "scale unknown" if photo.um_per_px is None else f"{photo.um_per_px:.4g} µm per px"
        said = [f"{title}: {photo.width} x {photo.height} px, {scale}."]
        return " ".join([*said, *photo.notes, *draft.notes])

    def go(self, by: int) -> str:
        """Open the photo `by` places after this one (before it, where negative), or if it cannot be
        read the next such."""
        there, titles = self.title or "", []
        while (there := self.series.beside(there, by)) is not None:
            titles.append(there)
        if not titles:
            raise EditError(f"this is the {'last' if by > 0 else 'first'} photo of the series")
        return self._open_first(titles)

    def _open_first(self, titles: Sequence[str]) -> str:
        """Open the first of these that can be read; the sentences name those that cannot."""
        said: list[str] = []
        for title in titles:
            try:
                return " ".join([*said, self.open(title)])
            except PhotoError as error:
                said.append(f"Left out: {error}")
        if said:
            raise PhotoError(" ".join(said))
        raise EditError("there is no photo yet; choose or upload one")

    def upload(self, name: str, content: bytes) -> str:
        """Take a photo that was sent from a browser, and open it."""
        return self.open(self.series.add_upload(name, content))

    def progress(self) -> str:
        """How far the series is, in words."""
        states = list(self.series.progress().values())
        begun = sum(state == "begun" for state in states)
        return f"{states.count('done')} of {len(states)} photos done, {begun} begun"

    # ---- names and look --------------------------------------------------------------------------
    @property
    def _open_draft(self) -> Draft:
        if self.draft is None:
            raise EditError("no photo lies open; choose or upload one first")
        return self.draft

    def type_names(self, text: str, *, free_text: bool = False) -> str:
        """Ask for what was typed as well; of an unknown name `suggestions` are made."""
        draft, asked = self._open_draft, self.asked
        self.suggestions = {}
        try:
            names = with_names(asked, text, free_text=free_text or self.series.free_text)
        except UnknownMineral as error:
            self.suggestions = corrections_of(text)
            raise UnknownMineral(str(error).replace(OPEN_HINT, PAGE_HINT)) from error
        draft.ask(names, free_text=True)  # what was typed is checked by now
        return f"Asked for {', '.join(names)}."

    @property
    def asked(self) -> tuple[str, ...]:
        """The names that the model is asked for."""
        return self._open_draft.result.names

    def remove_name(self, name: str) -> str:
        """Ask no longer for a name."""
        names = [own for own in self.asked if own != name]
        if not names:
            raise EditError(f"{name} is the only name; type another one first")
        self._open_draft.ask(names, free_text=True)
        return f"Asked for {', '.join(names)}."

    def look(self, **changes) -> str:
        """Change opacity, confidence, smallest_region or similarity; see `Look`."""
        draft = self._open_draft
        if changes.get("similarity") and changes["similarity"] not in self.asked:
            raise EditError(
                f"{changes['similarity']} was not asked; asked were {', '.join(self.asked)}"
            )
        draft.look = replace(draft.look, **changes)
        return ""

    def sharpen(self) -> str:
        """Refine the borders with SAM's decoder."""
        draft = self._open_draft
        draft.sharpen()
        kept = sum(bool(prompt.kept) for prompt in draft.result.prompts)
        return f"SAM was asked {len(draft.result.prompts)} times and drew {kept} regions anew."

    def doubts(self) -> list[str]:
        """What the reader of the map should be told; see `mineral_utils.confidence.warnings_for`.
        Found out once for each answer."""
        draft = self._open_draft
        if self._doubts is None or self._doubts[0] is not draft.result:
            self._doubts = draft.result, warnings_for(draft.scene, draft.result)
        return self._doubts[1]

    # ---- the hand --------------------------------------------------------------------------------
    def act(self, message: dict) -> str:
        """Do what a click, a box or a key means in this mode; see `widgets.picture`."""
        kind = message["kind"]
        if kind == "click":
            return self._click(message["x"], message["y"], bool(message.get("minus")))
        if kind == "box":
            return self._box(*(message[end] for end in ("x1", "y1", "x2", "y2")))
        if kind == "assign":
            names = self._open_draft.names
            if not 1 <= message["number"] <= len(names):
                raise EditError(f"there is no mineral number {message['number']} in the list")
            return self.assign(names[message["number"] - 1])
        steps = {"undo": self.undo, "redo": self.redo, "drop": self.drop}
        if kind not in steps:
            raise EditError(f"{kind!r} does nothing; use click, box, assign, undo, redo or drop")
        return steps[kind]()

    def _click(self, x: float, y: float, minus: bool) -> str:
        draft = self._open_draft
        if self.mode == "scores":
            self.scores = draft.scores_at(x, y)
            best, score = next(iter(self.scores.items()))
            return f"At x {x:.0f}, y {y:.0f}: {best} {score:.2f} before all others."
        if self.mode == "region":
            return _told(draft, draft.select_region(x, y))
        if self.mode == "scale":
            ends = [*self.line[:1], (x, y)] if len(self.line) < 2 else [(x, y)]
            inside(x, y, draft.result.size)
            self.line = ends
            return "Click on the other end." if len(ends) < 2 else "Now write its length in µm."
        positive = minus == (self.mode == "leave out")
        return _told(draft, draft.select_point(x, y, positive=positive))

    def _box(self, x1: float, y1: float, x2: float, y2: float) -> str:
        draft = self._open_draft
        if self.mode == "scale":
            for x, y in ((x1, y1), (x2, y2)):
                inside(x, y, draft.result.size)
            self.line = [(x1, y1), (x2, y2)]
            return "Now write its length in µm."
        if self.mode in ("scores", "region"):
            self.mode = "outline"  # whoever drags a box wants what is in it
        return _told(draft, draft.select_box(x1, y1, x2, y2))

    def look_closer(self) -> str:
        """Let SAM look again, at a window around what is selected."""
        draft = self._open_draft
        chosen = draft.look_closer()
        rows, columns = chosen.close.part
        size = f"{columns.stop - columns.start} x {rows.stop - rows.start} px"
        return f"SAM looked at the {size} around it. {_told(draft, chosen)}"

    def assign(self, name: str) -> str:
        """Give the selected pixels to a mineral, or to "unknown"."""
        draft = self._open_draft
        edit = draft.assign(name)
        given = edit.name or "unknown"
        share = percent(edit.mask.area / draft.photo.image[..., 0].size)
        return f"Correction {edit.number}: {share} of the area given to {given}."

    def undo(self) -> str:
        """Take the last step back."""
        return "Undone." if self._open_draft.undo() else "There is nothing to undo."

    def redo(self) -> str:
        """Take a step again."""
        return "Done again." if self._open_draft.redo() else "There is nothing to do again."

    def drop(self) -> str:
        """Select nothing, and forget the scale line."""
        self._open_draft.drop()
        self.line = []
        return "Nothing is selected."

    def measure(self, length_um: float) -> str:
        """Set the scale from the line and its length."""
        draft = self._open_draft
        if len(self.line) < 2:
            raise EditError('a scale needs a line; choose "scale" and click on its two ends')
        um_per_px = draft.measure(*self.line, length_um)
        self.line = []
        return f"Scale: {um_per_px:.4g} µm per px."

    def marks(self) -> list[list]:
        """What is drawn over the picture; see `widgets.picture.ClickablePicture`."""
        chosen = self.draft.selection if self.draft is not None else None
        found: list[list] = []
        if chosen is not None:
            found += [["plus" if p else "minus", x + 0.5, y + 0.5] for x, y, p in chosen.points]
            found += [["box", *chosen.box]] if chosen.box else []
        if len(self.line) == 2:
            found.append(["line", *self.line[0], *self.line[1]])
        return found + [["plus", x, y] for x, y in self.line]

    # ---- keeping ---------------------------------------------------------------------------------
    def save(self, formats: Sequence[str] = ("png",), *, done: bool = False) -> str:
        """Write the map, in the suite's formats and in LumenStone's where asked; mark it done."""
        draft = self._open_draft
        written = []
        if LUMENSTONE in formats:
            written += save_lumenstone(draft, self.truth)
        own = [name for name in formats if name != LUMENSTONE]
        written += save_draft(draft, own or ("png",))
        if done:
            draft.mark_done()
        names = ", ".join(path.name for path in written)
        return f"Saved{' and marked as done' if done else ''}: {names}."


def _told(draft: Draft, chosen: Selection) -> str:
    if chosen.mask is None:
        return "SAM draws nothing there; try a box, or another point."
    share = percent(chosen.mask.area / draft.photo.image[..., 0].size)
    sure = "" if chosen.score is None else f", SAM expects an IoU of {chosen.score:.2f}"
    return f"Selected: {share} of the area{sure}. Assign it, or correct it by further clicks."
