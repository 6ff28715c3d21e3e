"""The picture of the live view: photo, colours, borders, letters, what is selected; as JPEG.

Colour is never the only sign: borders are drawn, and the largest region of each mineral carries its
number in the list and its symbol. Matplotlib would need a second for this; here it is arithmetic on
bytes.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from PIL import Image
from scipy import ndimage
from torch import Tensor

from ..export.signs import write_signs
from ..minerals import vocabulary
from ..segmentation import UNKNOWN
from .display import Display, enlarged
from .naming import short
from .points import EditError

_STRIPES = 6  # px from one line of the selection's hatch to the next


@dataclass(frozen=True)
class Look:
    """How the map is shown, and what of it counts.

    opacity : strength of the colour, 0 (photo alone) to 1
    confidence : pixels of less confidence are unknown, 0 to 1; see `display.sureness`
    smallest_region : regions of fewer px (of the photo) go to their neighbours, from 0
    similarity : a name, to show how like it each place is, instead of the map; "" for the map

    Raises
    ------
    EditError
        A value out of its range.
    """

    opacity: float = 0.45
    confidence: float = 0.0
    smallest_region: float = 0
    similarity: str = ""

    def __post_init__(self) -> None:
        for what in ("opacity", "confidence"):
            if not 0 <= getattr(self, what) <= 1:
                raise EditError(f"{what} is {getattr(self, what)}; choose a number from 0 to 1")
        if not 0 <= self.smallest_region < float("inf"):
            raise EditError(
                f"the smallest region is {self.smallest_region}; give its pixels, from 0"
            )

    def but(self, **changes) -> Look:
        """The same with some values changed."""
        return replace(self, **changes)


def colours_of(names: Sequence[str]) -> np.ndarray:
    """The vocabulary's colours, uint8 [256, 3]; black for labels that no name stands for."""
    table = np.zeros((256, 3), np.uint8)
    queries = vocabulary().queries(list(names), open_vocabulary=True)
    table[: len(names)] = [list(bytes.fromhex(query.colour[1:])) for query in queries]
    return table


def paint_map(
    display: Display, labels: np.ndarray, names: Sequence[str], opacity: float
) -> np.ndarray:
    """The photo under its map, uint8 [h, w, 3]: colours, borders, letters.

    labels : uint8 [h, w] at display size, index into `names`; 255 is unknown, shown in pale grey
    """
    colours = Image.fromarray(labels)
    colours.putpalette(colours_of(names).tobytes())
    mixed = Image.blend(Image.fromarray(display.image), colours.convert("RGB"), opacity)
    unknown = labels == UNKNOWN
    if unknown.any():
        mixed.paste(Image.fromarray(display.faded), mask=_stencil(unknown))
    if opacity > 0:
        mixed.paste((0, 0, 0), mask=_stencil(_borders(labels), 190))
        write_signs(mixed, labels, [sign(k, name) for k, name in enumerate(names)])
    return np.array(mixed)


def paint_similarity(
    display: Display, cosine: Tensor, opacity: float
) -> tuple[np.ndarray, float, float]:
    """The photo in grey under how like a name each place is, and the ends of the colour scale.

    cosine : float32 [rows, columns] on the feature grid

    Returns
    -------
    (uint8 [h, w, 3], least cosine (dark blue), largest cosine (yellow))
    """
    plane = enlarged(cosine, display.size).numpy()
    low, high = float(plane.min()), float(plane.max())
    steps = ((plane - low) * (255 / max(high - low, 1e-6))).round().astype(np.uint8)
    grey = Image.fromarray(display.image).convert("L").convert("RGB")
    colours = Image.fromarray(_cividis()[steps])
    return np.array(Image.blend(grey, colours, opacity)), low, high


def draw_selection(picture: np.ndarray, chosen: np.ndarray) -> None:
    """Mark the chosen pixels, bool [h, w], in a picture: slanted lines, and a border in black and
    white that is seen on any mineral."""
    rows, columns = np.ogrid[: chosen.shape[0], : chosen.shape[1]]
    slant = (rows + columns) % _STRIPES
    picture[chosen & (slant == 0)] = 255
    picture[chosen & (slant == 1)] = 0
    rim = ndimage.binary_dilation(chosen) & ~chosen
    picture[ndimage.binary_dilation(rim)] = 0
    picture[rim] = 255


def jpeg(picture: np.ndarray, quality: int = 82) -> bytes:
    """A picture, uint8 [h, w, 3], as the bytes of a JPEG file."""
    target = io.BytesIO()
    Image.fromarray(picture).save(target, "JPEG", quality=quality)
    return target.getvalue()


def _stencil(where: np.ndarray, strength: int = 255) -> Image.Image:
    """Where to paint, bool [h, w], and how strongly, 0 to 255."""
    return Image.fromarray(where.view(np.uint8) * np.uint8(strength))


def _borders(labels: np.ndarray) -> np.ndarray:
    """Pixels that differ from the one left of them or above, bool [h, w]."""
    border = np.zeros(labels.shape, bool)
    border[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    border[1:] |= labels[1:] != labels[:-1]
    return border


def sign(index: int, name: str) -> str:
    """How a mineral is called in the picture: its number in the list, from 1, and its symbol."""
    return f"{index + 1} {short(name)}".strip()


@cache
def _cividis() -> np.ndarray:
    import matplotlib

    return (matplotlib.colormaps["cividis"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)
