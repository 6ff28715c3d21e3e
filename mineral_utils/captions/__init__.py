"""What the text of a photo says: minerals, width of the field, words of texture.

::

    minerals_of("Galena, Pyrite", "Galena (white), no sphalerite. FOV 1.2 mm")
    # ('Galena', 'Pyrite')
    find_minerals("", "Galena, no sphalerite")[1].reason
    # 'name: said not to be there'
    field_width_mm("FOV 1.2 mm")   # 1.2
"""

from .audit import Report, audit_report, audit_sample
from .extract import find_minerals, minerals_of
from .mention import Hit
from .view import field_width_mm, texture_words

__all__ = [
    "Hit",
    "Report",
    "audit_report",
    "audit_sample",
    "field_width_mm",
    "find_minerals",
    "minerals_of",
    "texture_words",
]
