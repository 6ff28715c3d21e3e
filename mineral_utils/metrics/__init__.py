"""How good a result is, how sure one can be, and how good it would have been without the method.

- `sets`: an image as a set of minerals, as the paper scores it;
- `pixels`: a label map against the true one, pooled over photos;
- `intervals`: bootstrap over photos, paired differences, Wilson;
- `baselines`: the honest mirror, printed next to every result;
- `ceiling`: what a perfect classifier of patches would reach.

Label maps are uint8 [H, W], an index into ``names``; 255 is "unknown"; in the
truth it is not scored.
"""

from __future__ import annotations

from .baselines import MirrorRow, mirror, score_row
from .ceiling import patch_ceiling, patch_scores
from .colour import NearestColour, normalise
from .intervals import Interval, bootstrap, paired, wilson
from .pixels import (
    PixelScores,
    allowed_answers,
    boundary_f,
    confusion,
    fold,
    iou,
    keep_inside,
    mean_iou,
    pixel_scores,
    relabel,
)
from .sets import (
    AVERAGES,
    SetScores,
    areas,
    as_matrix,
    best_threshold,
    class_scores,
    left_out,
    named,
    set_scores,
    threshold_curve,
)
from .trees import Trees

__all__ = [
    "AVERAGES",
    "Interval",
    "MirrorRow",
    "NearestColour",
    "PixelScores",
    "SetScores",
    "Trees",
    "allowed_answers",
    "areas",
    "as_matrix",
    "best_threshold",
    "bootstrap",
    "boundary_f",
    "class_scores",
    "confusion",
    "fold",
    "iou",
    "keep_inside",
    "left_out",
    "mean_iou",
    "mirror",
    "named",
    "normalise",
    "paired",
    "patch_ceiling",
    "patch_scores",
    "pixel_scores",
    "relabel",
    "score_row",
    "set_scores",
    "threshold_curve",
    "wilson",
]
