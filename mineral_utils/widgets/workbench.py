"""The page: a thin view over a `mineral_utils.editing.Desk`.

    desk = Desk(Series(model, photos, "corrections", names))
    Workbench(desk)                       # the last line of a cell shows it

Every button, slider and click calls one method of the desk and shows what it said; whatever goes
wrong stands in the page, in the line of status or, where the program is at fault, below it.
"""

from __future__ import annotations

import os
import secrets
import traceback
from collections.abc import Callable
from urllib.parse import parse_qs

import ipywidgets as widgets
from IPython.display import display

from ..editing import Desk, safe_stem
from ..segmentation import Segmentation
from .controls import Controls
from .pages import doubts, legend, score_bars, status
from .picture import ClickablePicture

MAP = "map of minerals"


class Workbench:
    """Controls and picture of a desk.

    Parameters
    ----------
    desk : what the page works on; its first photo is opened

    Attributes
    ----------
    desk, controls, picture
    page : the widget that holds all
    """

    def __init__(self, desk: Desk):
        self.desk = desk
        self.controls, self.picture = Controls(), ClickablePicture()
        self.page = self.controls.page(self.picture)
        self.controls.who.value = desk.series.who
        self._quiet = False  # True while controls are set by the program
        self._doubted: Segmentation | None = None  # the answer that the doubts are about
        self._connect()
        self._do(desk.open)

    def _ipython_display_(self) -> None:
        display(self.page)

    # ---- doing and telling -----------------------------------------------------------------------
    def _do(self, step: Callable[..., str], *given, **named) -> None:
        """Take a step of the desk, say what came of it, and show the desk as it is now."""
        self.controls.faults.outputs = ()
        try:
            self._say(step(*given, **named))
            self._show()
        except (ValueError, OSError) as error:
            self._say(str(error), wrong=True)
            self._offer()
        except Exception as error:
            self._say(f"{type(error).__name__}: {error} (a fault of the program)", wrong=True)
            self.controls.faults.append_stderr(traceback.format_exc())

    def _say(self, text: str, *, wrong: bool = False) -> None:
        if text:
            self.controls.status.value = status(text, wrong=wrong)

    def _show(self) -> None:
        """The picture first, which the eye waits for; the doubts last, they take longest."""
        desk = self.desk
        if desk.draft is None:
            return
        shown = desk.view.show()
        size = desk.draft.photo.height, desk.draft.photo.width
        self.picture.show(shown.jpeg, shown.alt, size, desk.marks())
        controls, corrected = self.controls, desk.draft.edited().mean() if desk.draft.edits else 0.0
        if self._doubted is not desk.draft.result:
            controls.doubts.value = ""  # of another answer
        controls.legend.value = legend(
            desk.view.table(shown.labels), shown.names, corrected=corrected
        )
        controls.scores.value = score_bars(desk.scores)
        self._set_controls()
        self._offer()
        controls.doubts.value, self._doubted = doubts(desk.doubts()), desk.draft.result

    def _set_controls(self) -> None:
        """Let the controls say what the desk holds, without calling it again."""
        desk, controls = self.desk, self.controls
        self._quiet = True
        try:
            controls.set_photos(desk.series.progress(), desk.title)
            controls.progress.value = desk.progress()
            controls.set_names(desk.asked, lambda name: self._do(desk.remove_name, name))
            controls.set_maps([MAP, *desk.asked], desk.draft.look.similarity or MAP)
            controls.set_targets([*desk.draft.names, "unknown"])
            for slider in ("opacity", "confidence", "smallest_region"):
                getattr(controls, slider).value = getattr(desk.draft.look, slider)
            controls.mode.value = desk.mode
        finally:
            self._quiet = False

    def _offer(self) -> None:
        """Buttons for what may have been meant by an unknown name."""
        typed = self.controls.new_name.value
        offers = self.desk.suggestions.items()
        buttons = [(name, lambda line=line: self._typed(line)) for name, line in offers]
        if self.desk.suggestions or self._refused(typed):
            buttons.append((f'ask "{typed}" as free text', lambda: self._typed(typed, True)))
        self.controls.set_offers(buttons if typed else [])

    def _refused(self, typed: str) -> bool:
        return bool(typed) and "mineral-error" in self.controls.status.value

    # ---- what the controls call ------------------------------------------------------------------
    def _connect(self) -> None:
        desk, controls = self.desk, self.controls
        self.picture.on_action(lambda message: self._do(desk.act, message))
        self._on(controls.photo, lambda value: self._open(desk.open, value))
        controls.previous.on_click(lambda _: self._open(desk.go, -1))
        controls.next.on_click(lambda _: self._open(desk.go, +1))
        self._on(controls.upload, self._upload)
        self._on(controls.new_name, lambda value: value.strip() and self._typed(value))
        self._on(controls.shown, self._choose_map)
        for slider in ("opacity", "confidence", "smallest_region"):
            self._on(
                getattr(controls, slider),
                lambda value, slider=slider: self._do(desk.look, **{slider: value}),
            )
        controls.sharpen.on_click(lambda _: self._slow(desk.sharpen, "Sharpening borders …"))
        self._on(controls.mode, self._choose_mode)
        controls.assign.on_click(lambda _: self._do(desk.assign, controls.targets.value))
        controls.closer.on_click(lambda _: self._slow(desk.look_closer, "SAM looks closer …"))
        for name in ("undo", "redo", "drop"):
            getattr(controls, name).on_click(lambda _, name=name: self._do(getattr(desk, name)))
        controls.measure.on_click(lambda _: self._do(desk.measure, controls.length.value))
        self._on(controls.who, self._sign)
        controls.save.on_click(lambda _: self._save(False))
        controls.save_done.on_click(lambda _: self._save(True))

    def _on(self, control: widgets.Widget, react: Callable) -> None:
        """Call `react` with a control's new value, unless the program itself has set it."""
        control.observe(lambda change: None if self._quiet else react(change["new"]), names="value")

    def _slow(self, step: Callable[..., str], notice: str, *given) -> None:
        self._say(notice)
        self._do(step, *given)

    def _open(self, step: Callable[..., str], given) -> None:
        self._slow(step, "Encoding the photo; this takes seconds …", given)
        if self.desk.draft is not None:
            self.desk.draft.who = self.controls.who.value

    def _upload(self, files: tuple) -> None:
        for file in files[:1]:
            notice = "Reading and encoding the photo; this takes seconds …"
            self._slow(self.desk.upload, notice, file["name"], bytes(file["content"]))
        self._quiet = True
        self.controls.upload.value = ()  # so that the same file can be sent again
        self._quiet = False

    def _typed(self, text: str, free_text: bool = False) -> None:
        self._set_typed("")  # first: what a quick hand types meanwhile must not be taken away
        self._do(self.desk.type_names, text, free_text=free_text)
        if self._refused(text):
            self._set_typed(text)
            self._offer()
        else:
            self.controls.set_offers([])

    def _set_typed(self, text: str) -> None:
        self._quiet = True
        self.controls.new_name.value = text
        self._quiet = False

    def _choose_map(self, value: str) -> None:
        self._do(self.desk.look, similarity="" if value == MAP else value)

    def _choose_mode(self, value: str) -> None:
        self.desk.mode = value
        self.controls.set_mode(value)

    def _sign(self, value: str) -> None:
        self.desk.series.who = value
        if self.desk.draft is not None:
            self.desk.draft.who = value

    def _save(self, done: bool) -> None:
        formats = self.controls.formats.value
        self._do(self.desk.save, formats, done=done)


def visitor(default: str = "") -> str:
    """Who works here, fit for the name of a folder: in a notebook the default; on a Voilà page who
    the address names (``?who=anna``), else a new name, so that visitors do not write into each
    other's work."""
    if not is_page():
        return safe_stem(default) if default else ""
    asked = parse_qs(os.environ.get("QUERY_STRING", "")).get("who", [""])[0]
    return safe_stem(asked) if asked.strip() else f"visitor-{secrets.token_hex(3)}"


def is_page() -> bool:
    """Whether this kernel serves a Voilà page rather than a notebook."""
    return "voila" in os.environ.get("SERVER_SOFTWARE", "").casefold()
