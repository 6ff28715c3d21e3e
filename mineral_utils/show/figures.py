"""Pictures on disk: the one door, with alt text, caption, credit, numbers and run record."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .. import __version__, run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(
    fig: Figure,
    path: str | Path,
    *,
    alt: str,
    caption: str,
    credit: str,
    numbers: Any = None,
    record: Mapping[str, Any] | None = None,
    dpi: float = 200,
) -> Path:
    """Save a figure with everything a reader needs; the one door for every picture.

    Beside ``fig01.png`` it writes ``fig01.json``: alt text, caption, credit, the numbers drawn,
    the run record, and the picture's SHA-256 and size. Equal figures give equal bytes.

    Parameters
    ----------
    fig : Figure
    path : path
        Ending in .png, .svg or .pdf.
    alt : str
        What is seen, for those who cannot see it: one or two sentences.
    caption, credit : str
        The text under the figure; whose photos and data it shows, and under which licence.
    numbers : optional
        What the figure draws, as JSON can hold it.
    record : mapping, optional
        Default: :func:`mineral_utils.run.record`.
    dpi : float
        Pixels per inch of a .png.

    Returns
    -------
    Path
        Of the picture.

    Raises
    ------
    ValueError
        The suffix is another, or alt text, caption or credit says nothing. Nothing is written then.
    """
    path = Path(path)
    software = f"mineral_utils {__version__}"
    metadata = {
        ".png": {"Description": alt, "Author": credit, "Software": software},
        ".svg": {"Description": alt, "Rights": credit, "Creator": software, "Date": None},
        ".pdf": {"Subject": alt, "Author": credit, "Creator": software, "CreationDate": None},
    }.get(path.suffix.lower())
    if metadata is None:
        raise ValueError(f"{path.name}: figures are saved as .png, .svg or .pdf; change its end.")
    about = _about(path, alt, caption, credit, numbers, record)

    def write(aside: Path) -> None:
        with mpl.rc_context({"svg.hashsalt": path.stem}):
            fig.savefig(aside, dpi=dpi, bbox_inches="tight", pad_inches=0.1, metadata=metadata)

    return _save(path, write, about)


def save_picture(
    array: np.ndarray,
    path: str | Path,
    *,
    alt: str,
    caption: str,
    credit: str,
    numbers: Any = None,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Save an array pixel by pixel as PNG, with the same .json beside it as :func:`save_figure`.

    Parameters
    ----------
    array : ndarray of shape (H, W, 3) or (H, W), uint8
        RGB (:func:`overlay`), or grey or labels.
    path, alt, caption, credit, numbers, record
        As in :func:`save_figure`; the path ends in .png.

    Returns
    -------
    Path
    """
    path, array = Path(path), np.asarray(array)
    if path.suffix.lower() != ".png":
        raise ValueError(f"{path.name}: arrays are saved without loss; let the name end in .png.")
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or array.shape[2:] not in ((), (3,)):
        raise ValueError(
            f"The array is {array.dtype} {list(array.shape)}; give uint8 [H, W, 3] or [H, W]."
        )
    info = PngInfo()
    texts = {"Description": alt, "Author": credit, "Software": f"mineral_utils {__version__}"}
    for key, text in texts.items():
        info.add_text(key, text)
    about = _about(path, alt, caption, credit, numbers, record)
    return _save(path, lambda aside: Image.fromarray(array).save(aside, pnginfo=info), about)


def _about(
    path: Path, alt: str, caption: str, credit: str, numbers: Any, record: Mapping | None
) -> dict[str, Any]:
    def letters(text: str) -> str:
        return re.sub(r"[\W_]+", "", text).lower()

    if letters(alt) in ("", letters(path.stem), letters(path.name)) or len(alt.split()) < 2:
        raise ValueError(
            f"{path.name}: the alt text {alt!r} says nothing to someone who cannot see the figure; "
            "write one or two sentences: what is shown, what is large or small, and what to notice."
        )
    for word, text in (("caption", caption), ("credit", credit)):
        if not text.strip():
            example = "what the figure shows" if word == "caption" else "whose photo and licence"
            raise ValueError(f"{path.name}: the {word} is empty; write {example}.")
    texts = {"alt": alt, "caption": caption, "credit": credit}
    record = run.record() if record is None else record
    return {
        "schema_version": 1,
        "picture": path.name,
        **texts,
        "numbers": numbers,
        "record": record,
    }


def _save(path: Path, write: Callable[[Path], None], about: dict[str, Any]) -> Path:
    # both lie ready before either takes its place
    with run.replacing(path) as aside, run.replacing(path.with_suffix(".json")) as aside_json:
        write(aside)
        size = None
        if path.suffix.lower() == ".png":
            with Image.open(aside) as picture:
                size = picture.size
        about = {**about, "sha256": run.file_sha256(aside), "size_px": size}
        run.write_json(aside_json, about)
    return path
