"""One photo of many: opened, segmented, written; whatever goes wrong with it stays with it."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ..export import mineral_map, mineral_rows
from ..export.formats import write_formats
from ..photos import Photo, load_photo, resize_long_side
from ..photos.checks import SeveralPictures
from ..run import file_sha256, replacing
from .order import BatchError, Order

if TYPE_CHECKING:
    from ..segmenter import Segmenter

THUMBNAILS = ".thumbnails"
THUMBNAIL_PX = 200
# one model a process, whatever calls it: a loop, a pool's process, a worker of a cluster
_models: dict[tuple, Segmenter] = {}
_loading = threading.Lock()


def segment_one(
    photo: str | Path,
    order: Order,
    out: str | Path,
    place: str | None = None,
    key: str | None = None,
) -> dict[str, Any]:
    """Segment one photo and write its files.

    Paths and plain values go in, a plain row comes out, so that it runs in any process that sees
    the same files; each process builds the model once.

    Parameters
    ----------
    photo : its file
    order : what is asked
    out : folder of the results
    place : folder and start of the file names below `out`; the photo's own name by default
    key : what the photo is called in tables; its file's name by default

    Returns
    -------
    dict
        ``photo`` (the key), ``state``: ``"done"`` with ``place``, ``files`` (name below `out` ->
        size and SHA-256), ``minerals`` (`mineral_rows`), ``width``, ``height``, ``um_per_px``,
        ``sha256``, ``seen`` (size and time of the photo's file), ``notes``, ``device`` (and
        precision), ``seconds``; or ``"failed"`` with ``reason``

    Raises
    ------
    BatchError
        The model cannot be built here, which is no photo's fault.
    """
    photo, out = Path(photo), Path(out)
    key, place = key or photo.name, place or photo.stem
    model = _model(order)
    begun = time.perf_counter()
    try:
        row = _segment(photo, order, out, place, key, model)
    except Exception as error:  # of one photo in thousands: told at the end, the others go on
        reason = " ".join(str(error).replace(f"{photo}: ", "").replace(str(photo), key).split())
        reason = reason or type(error).__name__
        if not isinstance(error, ValueError | OSError):
            reason = f"{type(error).__name__}: {reason}"
        return {"photo": key, "state": "failed", "reason": reason}
    return {**row, "seconds": round(time.perf_counter() - begun, 3)}


def _segment(
    photo: Path, order: Order, out: Path, place: str, key: str, model: Segmenter
) -> dict[str, Any]:
    opened = open_photo(photo, order)
    seen = photo.stat()
    scene = model.encode(opened, progress=False)
    result = scene.segment(
        order.names,
        refine=order.refine,
        open_vocabulary=order.open_vocabulary,
        progress=False,
    )
    mapped = dataclasses.replace(mineral_map(opened, result), file_name=key)
    start = out / place
    known = {"photo": opened, "result": result, "note": model.banner}
    written = write_formats(mapped, start.parent, start.name, order.formats, **known)
    written.append(_thumbnail(opened.image, mapped, out / THUMBNAILS / f"{place}.jpg"))
    files = {
        path.relative_to(out).as_posix(): [path.stat().st_size, file_sha256(path)]
        for path in written
    }
    return {
        "photo": key,
        "state": "done",
        "place": place,
        "files": files,
        "minerals": mineral_rows(mapped),
        "width": opened.width,
        "height": opened.height,
        "um_per_px": opened.um_per_px,
        "sha256": opened.sha256,
        "seen": [seen.st_size, seen.st_mtime_ns],
        "notes": list(opened.notes),
        "device": f"{model.encoders.device} {model.precision}",
    }


def open_photo(path: str | Path, order: Order) -> Photo:
    """A photo of a run; of a file that holds several pictures, the one that the order names."""
    known = {"um_per_px": order.um_per_px, "max_pixels": order.max_pixels, "credit": order.credit}
    try:
        return load_photo(path, **known)
    except SeveralPictures:
        if order.frame is None:
            raise
        return load_photo(path, frame=order.frame, **known)


def _thumbnail(image: Any, mapped: Any, path: Path) -> Path:
    """The photo under its map, small, for the contact sheet; minerals have the legend's numbers."""
    from ..export.signs import write_signs
    from ..show import overlay

    small, _ = resize_long_side(image, THUMBNAIL_PX)
    size = small.shape[1], small.shape[0]
    labels = Image.fromarray(mapped.labels).resize(size, Image.Resampling.NEAREST)
    # colours by hand, because the vocabulary is slow to look up many free names
    colours = ["#" + bytes(colour).hex() for colour in mapped.colours]
    picture = Image.fromarray(overlay(small, labels, mapped.names, colours=colours))
    signs = [str(number) for number in range(1, len(mapped.names) + 1)]
    write_signs(picture, np.asarray(labels), signs, letters=12)
    with replacing(path) as aside:
        picture.save(aside, quality=88)
    return path


def _model(order: Order) -> Segmenter:
    with _loading:
        if order.model not in _models:
            from ..segmenter import load_model

            set_threads(order.threads)
            _models.clear()
            try:
                _models[order.model] = load_model(
                    order.profile, preset=order.preset, adapter=order.adapter, device=order.device
                )
            except (ValueError, RuntimeError, OSError) as error:
                raise BatchError(f"the model cannot be loaded: {error}") from error
        return _models[order.model]


def set_threads(threads: int | None) -> None:
    """Let torch use so many threads in this process; None leaves it as it is."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
