"""Photos too big for one pass (mosaics of fields, up to 400 megapixels), in memory that stays flat.

A mosaic is encoded once into a folder, then asked many times::

    model = load_model("demo")
    mosaic = encode_mosaic(model, "section.tif", "section_mosaic")
    answer = mosaic.segment(["pyrite", "galena", "quartz"])
    answer.path, answer.table

The photo is looked at as a smaller *working picture* (``scale``), on which windows and SAM's views
lie on a lattice fixed to the photo. Tiles are only how pixels are read and written: no label
depends on them. What was done stands in the folder's journal, so a program that was killed goes on
where it was, and other names ask the features that lie there. SAM's refinement of borders is not
offered for mosaics: its prompts come from whole regions, which know no views.
"""

from __future__ import annotations

import importlib

# public name -> module that holds it, imported on first use: most of them bring torch
_HOME = {
    "Answer": "answer",
    "Damage": "source",
    "Lattice": "lattice",
    "Mosaic": "mosaic",
    "MosaicError": "store",
    "differing": "answer",
    "encode_mosaic": "mosaic",
    "open_source": "source",
}

__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"mineral_utils.mosaic has no name {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
