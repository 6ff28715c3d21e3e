"""A picture in the page that can be clicked on, by mouse, finger or keyboard.

JPEG bytes go in; what was done to the picture comes out as small messages, in px of the photo
whatever the size at which the browser shows it:

- ``{"kind": "click", "x": 12.3, "y": 45.6, "minus": False}`` (minus: with Shift held)
- ``{"kind": "box", "x1": ..., "y1": ..., "x2": ..., "y2": ...}``
- ``{"kind": "assign", "number": 3}`` (a digit was pressed)
- ``{"kind": "undo"}``, ``{"kind": "redo"}``, ``{"kind": "drop"}``
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import traitlets

_HERE = Path(__file__).parent


class ClickablePicture(anywidget.AnyWidget):
    """The widget.

    Attributes
    ----------
    jpeg : bytes of the picture
    alt : what there is to see
    size : [height, width] of the photo in px, the system that all positions are given in
    marks : drawn over the picture: ``["plus", x, y]``, ``["minus", x, y]``,
        ``["line", x1, y1, x2, y2]``, ``["box", x1, y1, x2, y2]``
    """

    _esm = _HERE / "picture.js"
    _css = _HERE / "picture.css"

    jpeg = traitlets.Bytes(b"").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    size = traitlets.List(trait=traitlets.Int(), default_value=[1, 1]).tag(sync=True)
    marks = traitlets.List(default_value=[]).tag(sync=True)

    def show(
        self, jpeg: bytes, alt: str, size: Sequence[int], marks: Sequence[Sequence] = ()
    ) -> None:
        """Set everything in one message to the page."""
        with self.hold_sync():
            self.jpeg, self.alt = jpeg, alt
            self.size, self.marks = list(size), [list(mark) for mark in marks]

    def on_action(self, react: Callable[[dict], None]) -> None:
        """Call `react` with each message that the page sends."""
        self.on_msg(lambda widget, content, buffers: react(content))
