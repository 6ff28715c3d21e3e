"""Digital polished sections: rendered fields of ore whose minerals are known at every pixel.

>>> from mineral_utils.sections import render
>>> section = render(["pyrite", "quartz"], size=(64, 96), seed=3)
>>> section.image.shape, section.light, sorted(section.names)
((64, 96, 3), 'ppl', ['Pyrite', 'Quartz'])
"""

from .artefacts import Preparation
from .imaging import PLAIN, Camera
from .render import RENDERER, Section, render, reseed
from .sets import FROZEN, frozen, training_section, validation_section
from .textures import ALL, TEXTURES, TRAINING, UNSEEN, Pool

__all__ = [
    "ALL",
    "FROZEN",
    "PLAIN",
    "RENDERER",
    "TEXTURES",
    "TRAINING",
    "UNSEEN",
    "Camera",
    "Pool",
    "Preparation",
    "Section",
    "frozen",
    "render",
    "reseed",
    "training_section",
    "validation_section",
]
