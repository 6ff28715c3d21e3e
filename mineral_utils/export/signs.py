"""Short signs on a map, in the widest place of each mineral: colour must not be all that tells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from ..segmentation import UNKNOWN

LETTERS = 16  # px, height of the type


def write_signs(
    canvas: Image.Image, labels: np.ndarray, signs: Sequence[str], letters: int = LETTERS
) -> None:
    """Write the sign of each mineral in its widest place, if that is wider than the type is high.

    Parameters
    ----------
    canvas : RGB, as large as the labels; it is written on
    labels : uint8 [H, W], index into `signs`; 255 gets none
    signs : one for each label
    letters : height of the type, px
    """
    step = max(1, max(labels.shape) // 96)
    thin = labels[step // 2 :: step, step // 2 :: step]
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(letters)
    for index in np.unique(thin[thin != UNKNOWN]).tolist():
        room = ndimage.distance_transform_cdt(np.pad(thin == index, 1), "chessboard")[1:-1, 1:-1]
        if room.max() * step > letters:
            y, x = np.unravel_index(room.argmax(), room.shape)
            place = int(x) * step + step // 2, int(y) * step + step // 2
            draw.text(
                place, signs[index], "white", font, anchor="mm", stroke_width=2, stroke_fill="black"
            )
