"""Minerals and crystals of a polished section, drawn old to young; geometry only.

>>> fabric = compose(["Pyrite", "Galena", "Quartz"], size=(120, 160), rng=1)
>>> sorted(fabric.names), fabric.labels.shape
(['Galena', 'Pyrite', 'Quartz'], (120, 160))
"""

from .fabric import NO_MINERAL, Fabric
from .habits import TEXTURES
from .history import compose
from .pool import ALL, TRAINING, UNSEEN, Pool

__all__ = ["ALL", "NO_MINERAL", "TEXTURES", "TRAINING", "UNSEEN", "Fabric", "Pool", "compose"]
