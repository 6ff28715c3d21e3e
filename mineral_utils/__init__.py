"""Polished ore sections under the microscope, segmented into minerals from their names.

The names below are the whole public face; everything heavy (torch, open_clip, matplotlib) is
imported when it is first used, so ``import mineral_utils`` itself is quick::

    import mineral_utils as mu
    model = mu.load_model("demo")
    scene = model.encode(mu.load_photo("section.jpg"))
    result = scene.segment(["pyrite", "galena", "sphalerite"])
"""

from __future__ import annotations

import importlib

__version__ = "0.1.0"

# public name -> module that holds it
_HOME = {
    "load_model": "segmenter",
    "encode_mosaic": "mosaic",
    "Segmenter": "segmenter",
    "Scene": "segmenter",
    "Segmentation": "segmenter",
    "load_photo": "photos",
    "example_photo": "example",
    "example_section": "example",
    "Photo": "photos",
    "PhotoError": "photos",
    "render": "sections",
    "Section": "sections",
    "vocabulary": "minerals",
    "Mineral": "minerals",
    "UnknownMineral": "minerals",
    "load_profile": "profiles",
    "load_preset": "profiles",
    "fetch_weights": "weights",
    "WeightError": "weights",
    "set_seed": "run",
    "pick_device": "run",
    "report": "run",
    "Run": "run",
    "save_segmentation": "export",
    "export_map": "export",
    "segment_many": "batch",
    "with_unknown": "confidence",
    "confidence_map": "confidence",
    "warnings_for": "confidence",
    "save_figure": "show",
    "show_photo": "show",
    "show_segmentation": "show",
    "show_similarity": "show",
}
_MODULES = (
    "batch",
    "collect",
    "confidence",
    "dataset",
    "dense",
    "editing",
    "encoders",
    "evaluation",
    "example",
    "export",
    "lumenstone",
    "metrics",
    "minerals",
    "miniature",
    "mosaic",
    "photos",
    "profiles",
    "refine",
    "run",
    "scoring",
    "sections",
    "segmenter",
    "show",
    "trident",
    "weights",
    "widgets",
)

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"mineral_utils has no name {name!r}; it has {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])
