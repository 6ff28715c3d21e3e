"""How good a result is, how sure one can be, and how good it would have been without the method.

- `sets`: an image as a set of minerals, as the paper scores it;
- `pixels`: a label map against the true one, pooled over photos;
- `regions`: how torn a map is;
- `taken_together`: 20 classes, or 16 and gangue;
- `intervals`: bootstrap over photos, paired differences, leaving one out, Wilson;
- `baselines`: the honest mirror, printed next to every result;
- `ceiling`: what a perfect classifier of patches would reach.

Label maps are uint8 [H, W], an index into ``names``; 255 is "unknown"; in the
truth it is not scored.
"""

from __future__ import annotations

from .baselines import MirrorRow, at_threshold, mirror, score_row
from .ceiling import patch_ceiling, patch_scores
from .colour import NearestColour, normalise
from .intervals import Interval, LeftOut, bootstrap, leave_one_out, paired, wilson
from .pixels import (
    PixelScores,
    allowed_answers,
    boundary_f,
    confusion,
    fold,
    homes,
    iou,
    keep_inside,
    mean_iou,
    pixel_scores,
    relabel,
)
from .regions import regions, regions_per_megapixel
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
from .taken_together import GANGUE, Merge, merge
from .trees import Trees

__all__ = [
    "AVERAGES",
    "GANGUE",
    "Interval",
    "LeftOut",
    "Merge",
    "MirrorRow",
    "NearestColour",
    "PixelScores",
    "SetScores",
    "Trees",
    "allowed_answers",
    "areas",
    "as_matrix",
    "at_threshold",
    "best_threshold",
    "bootstrap",
    "boundary_f",
    "class_scores",
    "confusion",
    "fold",
    "homes",
    "iou",
    "keep_inside",
    "leave_one_out",
    "left_out",
    "mean_iou",
    "merge",
    "mirror",
    "named",
    "normalise",
    "paired",
    "patch_ceiling",
    "patch_scores",
    "pixel_scores",
    "regions",
    "regions_per_megapixel",
    "relabel",
    "score_row",
    "set_scores",
    "threshold_curve",
    "wilson",
]
