"""Stage 2: CLIP is tuned with LoRA on photos of minerals and their texts (the paper, section 3.2).

- `examples`, `pool`: digital sections, a dataset folder, LumenStone;
- `views`, `reading`: what of which photos is seen in a step;
- `losses`: picture against text, patches against names;
- `step`, `together`: gradients, in parts and in several processes;
- `course`, `keeping`, `stopping`: the loop, its checkpoints, its interruption.
"""

from __future__ import annotations

from .course import Course, Tuned, smooth, tune
from .examples import (
    GROUND,
    Examples,
    dataset_examples,
    joined,
    lumenstone_examples,
    section_examples,
)
from .losses import contrastive, from_masks, from_sets, targets
from .reading import Batch, Reader
from .step import Teacher, dino_affinity
from .together import Together
from .views import View, draw_view, patch_shares

__all__ = [
    "GROUND",
    "Batch",
    "Course",
    "Examples",
    "Reader",
    "Teacher",
    "Together",
    "Tuned",
    "View",
    "contrastive",
    "dataset_examples",
    "dino_affinity",
    "draw_view",
    "from_masks",
    "from_sets",
    "joined",
    "lumenstone_examples",
    "patch_shares",
    "section_examples",
    "smooth",
    "targets",
    "tune",
]
