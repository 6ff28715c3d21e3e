"""A segmentation as files: the map with its legend, the labels pixel by pixel, the numbers."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from .photos import Photo, PhotoError
from .run import record, replacing
from .segmenter import Segmentation
from .show import save_figure, show_segmentation


def save_segmentation(
    photo: Photo,
    result: Segmentation,
    folder: str | Path,
    *,
    stem: str | None = None,
    note: str | None = None,
) -> list[Path]:
    """Write a photo's segmentation, all of it or nothing.

    ``<stem>_labels.png`` holds the label of every pixel (8-bit; 255 is unknown),
    ``<stem>_map.png`` the photo under its map with legend and scale, and ``<stem>_map.json`` the
    names by label, the table, the parameters and the run record.

    Parameters
    ----------
    photo : the photo
    result : its segmentation
    folder : made if it is not there
    stem : start of the file names; the photo's own by default
    note : a sentence for the caption, e.g. `Segmenter.banner`

    Returns
    -------
    list of Path

    Raises
    ------
    mineral_utils.photos.PhotoError
        A file cannot be written; the message names it. Nothing is left behind.
    """
    import matplotlib.pyplot as plt

    folder = Path(folder)
    stem = stem or (photo.path.stem if photo.path else "photo")
    table = result.table()
    present = [row for row in table if row["share"] > 0]
    shares = ", ".join(f"{row['name']} {row['share']:.1%}" for row in present)
    caption = f"Minerals by area: {shares}." + (f" {note}" if note else "")
    labels_path, map_path = folder / f"{stem}_labels.png", folder / f"{stem}_map.png"
    ax = show_segmentation(photo, result.labels, result.names)
    try:
        with replacing(labels_path) as aside:
            Image.fromarray(result.labels).save(aside)
            save_figure(
                ax.figure,
                map_path,
                alt=f"Photo of a polished section under a map of minerals: {shares}.",
                caption=caption,
                credit=photo.credit or "photo: credit not given",
                numbers={"labels": dict(enumerate(result.names)), "unknown": 255, "table": table},
                record=record(
                    settings={"preset": result.preset, "refined": result.refined is not None},
                    inputs=[photo.path] if photo.path else None,
                ),
                dpi=150,
            )
    except OSError as error:
        raise PhotoError(
            f"{labels_path.name}: the result could not be written "
            f"({error.strerror or error}); make room or choose another folder"
        ) from error
    finally:
        plt.close(ax.figure)
    return [labels_path, map_path, map_path.with_suffix(".json")]
