"""A map corrected by hand: plain state, which the widgets only show.

- `Draft`: one photo's map, selections, corrections, undo, journal;
- `LiveView`: a draft as JPEG bytes and a table, at display size, in milliseconds;
- `Series`: photos one after the other, what is begun and what is done;
- `Desk`: all that a page of buttons can do, without the page;
- `save_draft`, `save_lumenstone`, `corrected_cases`: corrected maps as truth of pixels;
- `with_names`, `completions`: what was typed, as names.
"""

from __future__ import annotations

from .desk import LUMENSTONE, MODES, Desk
from .display import LONG_SIDE, Display
from .draft import Draft
from .edits import Edit
from .live import LiveView, Shown
from .naming import completions, typed_names, unknown_words, with_names
from .owner import safe_stem
from .picture import Look
from .points import EditError, scale_of_line
from .selection import Selection
from .series import Series
from .table import shares
from .truth import corrected_cases, save_draft, save_lumenstone

__all__ = [
    "LONG_SIDE",
    "LUMENSTONE",
    "MODES",
    "Desk",
    "Display",
    "Draft",
    "Edit",
    "EditError",
    "LiveView",
    "Look",
    "Selection",
    "Series",
    "Shown",
    "completions",
    "corrected_cases",
    "safe_stem",
    "save_draft",
    "save_lumenstone",
    "scale_of_line",
    "shares",
    "typed_names",
    "unknown_words",
    "with_names",
]
