"""Photos with their texts and rights, from several sources into a ledger.

::

    from mineral_utils.collect import DrawnSections, collect
    collect(DrawnSections(20), "my_ledger")          # digital sections, to learn on

    from mineral_utils.collect import SavedPages, read_page
    read_page("photo-7654321.html").row              # what a saved page says
    collect(SavedPages("saved"), "my_ledger")

A run can be killed at any instant and started again. Sources: `SavedPages`, `LivePages` (off unless
a permission is named), `PhotoTable`, `DrawnSections`; `MindatApi` gives names, no photos.
`ImitatedSite` imitates photo pages on this machine, to learn on.
"""

from __future__ import annotations

import importlib

# public name -> module that holds it; HTTP and HTML libraries are loaded with the first use
_HOME = {
    "Candidate": "source",
    "ChallengePage": "page",
    "CollectError": "source",
    "DrawnSections": "drawn",
    "Found": "source",
    "ImitatedSite": "imitation",
    "LeftOut": "source",
    "LivePages": "live",
    "MindatApi": "api",
    "Page": "page",
    "PageError": "page",
    "PhotoTable": "table",
    "SavedPages": "saved",
    "Site": "transport",
    "Source": "source",
    "Stopped": "source",
    "Summary": "runner",
    "collect": "runner",
    "parse_page": "page",
    "read_ids": "live",
    "read_page": "page",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"mineral_utils.collect has no name {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
