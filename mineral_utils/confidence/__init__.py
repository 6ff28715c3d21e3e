"""Where a map is sure of itself, which pixels hold none of the minerals asked for, and what to say
to the reader of the map.

    result = scene.segment(["pyrite", "galena"])
    judged = with_unknown(scene, result)      # 255 where another name would fit better
    confidence_map(judged)                    # float32 [H, W] in [0, 1]
    warnings_for(scene, judged)               # sentences, none where there is nothing to say

- `unknown`: confidence against all names that the model was taught, and the threshold;
- `doubts`: names whose area is a guess, photos unlike those that the model was taught on;
- `calibrating`: thresholds and ranges from digital sections.
"""

from __future__ import annotations

from .doubts import name_confidence, photo_looks, warnings_for
from .unknown import (
    Calibration,
    confidence_map,
    load_calibration,
    look_alikes,
    model_hash,
    with_unknown,
)

__all__ = [
    "Calibration",
    "confidence_map",
    "load_calibration",
    "look_alikes",
    "model_hash",
    "name_confidence",
    "photo_looks",
    "warnings_for",
    "with_unknown",
]
