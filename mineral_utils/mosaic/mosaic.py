"""The face of a mosaic: a photo encoded into a folder, then asked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from .. import trident
from ..minerals import vocabulary
from ..profiles import Preset
from ..run import replacing
from ..segmenter import Segmenter
from . import encoding, working
from .answer import Answer, answer
from .lattice import Lattice, lay
from .shrinking import area_mean, support
from .source import Damage, open_source
from .store import FOLDER, Store, claim, digest, locked

if TYPE_CHECKING:
    from torch import nn

SCHEMA_VERSION = 1
# parameters of a preset that the features depend on; the others belong to questions
LOOKING = ("crop", "stride", "beta", "gamma", "affinity_cap", "cos_fac", "refine_neg_cos")


@dataclass(frozen=True)
class Mosaic:
    """A photo that lies encoded in a folder; knows no words yet.

    model : the `Segmenter` that encoded it
    path : the photo
    folder : where everything lies
    lattice : where windows and views lie, and the sizes of photo and working picture
    preset : the parameters that were used
    damaged : what of the photo cannot be read; unknown in every answer
    um_per_px : micrometres a px of the photo, None if unknown
    notes : what was converted on reading, a sentence each
    key : hash of the picture that the features were made from
    """

    model: Segmenter
    path: Path
    folder: Path
    lattice: Lattice
    preset: Preset
    damaged: tuple[Damage, ...]
    um_per_px: float | None
    notes: tuple[str, ...]
    key: str

    def segment(
        self,
        names: Sequence[str] | Mapping[str, str | Sequence[str]],
        *,
        stem: str = "labels",
        open_vocabulary: bool = False,
        templates: str | Sequence[str] | None = None,
        tile: int = 512,
        overview: bool = True,
        credit: str | None = None,
        progress: bool = True,
        **changes,
    ) -> Answer:
        """Label every pixel of the photo with one of the names.

        Writes ``<stem>.tif`` (uint8, tiled, deflated, as large as the photo; 255 is unknown),
        ``<stem>_overview.png`` with its sidecar, and last ``<stem>.json`` (table, parameters, run
        record). An answer to the same question that lies there whole is taken as it is.

        Parameters
        ----------
        names, open_vocabulary, templates : as in `mineral_utils.segmenter.Scene.segment`
        stem : of the files; another one puts another question's answer beside the first
        tile : px of the tiles that are written, rounded up to a multiple of 16
        overview : draw the overview
        credit : photographer or source, for the overview
        **changes : ``prob_thd``, ``logit_scale``

        Returns
        -------
        Answer

        Raises
        ------
        mineral_utils.minerals.UnknownMineral, ValueError
            As in `Scene.segment`.
        MosaicError
            The files of this stem answer another question; the difference is named.
        """
        refused = set(changes) - {"prob_thd", "logit_scale"}
        if refused:
            raise ValueError(
                f"{', '.join(sorted(refused))} cannot change after encoding; give it to "
                "encode_mosaic, with another folder"
            )
        queries = vocabulary().queries(names, open_vocabulary=open_vocabulary)
        words = [word for query in queries for word in query.words]
        owner = np.array([i for i, query in enumerate(queries) for _ in query.words])
        text = self.model.encoders.text
        if text is None:
            raise ValueError("this model has no text tower; load it with load_model(...)")
        vectors = text.embed(words, templates)
        with locked(self.folder):
            return answer(
                self,
                self._cosine(vectors),
                owner,
                tuple(query.name for query in queries),
                stem=stem,
                question={
                    "names": [query.name for query in queries],
                    "words": words,
                    "vectors": digest(vectors.cpu().numpy()),
                },
                preset=self.preset.replace(**changes),
                tile=tile,
                overview=overview,
                credit=credit,
                progress=progress,
            )

    def _cosine(self, vectors: torch.Tensor) -> np.ndarray:
        """Cosine of every cell with every query, float32 [Q, rows, columns]."""
        store = Store(self.folder / FOLDER)
        rows, columns = self.lattice.grid
        out = np.empty((len(vectors), rows, columns), np.float32)
        for top in range(0, rows, encoding.BLOCK):
            part = store.read(encoding.FEATURES, np.s_[top : top + encoding.BLOCK])
            flat = torch.from_numpy(part).to(vectors).flatten(0, 1)
            cosine = trident.classify(flat, vectors, part.shape[:2])
            out[:, top : top + len(part)] = cosine.permute(2, 0, 1).cpu().numpy()
        return out

    def picture(self, size: tuple[int, int]) -> np.ndarray:
        """The working picture at another (height, width) in px, uint8 [height, width, 3]."""
        store, there = Store(self.folder / FOLDER), self.lattice.size
        out = np.empty((*size, 3), np.uint8)
        for top in range(0, size[0], 64):
            rows = slice(top, min(top + 64, size[0]))
            part = store.read(working.PICTURE, support(rows.start, rows.stop, there[0], size[0]))
            out[rows] = area_mean(part, rows, slice(0, size[1]), there, size)
        return out

    def moved(self, down: int, right: int, *, progress: bool = True) -> Mosaic:
        """The same photo on a lattice moved by so many px of the working picture (rounded to whole
        patches), encoded beside this one: how far answers depend on where the lattice lies."""
        lattice = self.lattice.moved(down, right, self.model.encoders.clip.patch)
        folder = self.folder / f"moved_{lattice.offset[0]}_{lattice.offset[1]}"
        with locked(folder):
            about = _about(self.model, self.preset, lattice) | {"photo": self.key}
            claim(folder / FOLDER, about, again=("photo",))
            store = Store(folder / FOLDER)
            with replacing(store.path(working.PICTURE)) as aside:
                shutil.copyfile(Store(self.folder / FOLDER).path(working.PICTURE), aside)
            key = _encoded(self.model, store, lattice, self.preset, self.damaged, progress)
        return replace(self, folder=folder, lattice=lattice, key=key)


def encode_mosaic(
    model: Segmenter,
    path: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    scale: float | None = None,
    view: int | None = None,
    overlap: int | None = None,
    tile: int = 512,
    tile_origin: tuple[int, int] = (0, 0),
    um_per_px: float | None = None,
    frame: int | None = None,
    max_pixels: int | None = None,
    same_photo: bool = False,
    progress: bool = True,
    **changes,
) -> Mosaic:
    """Encode a photo of any size into a folder, or what of it is missing there.

    Parameters
    ----------
    model : Segmenter
    path : the photo, see `mineral_utils.mosaic.open_source`
    folder : made if need be; belongs to this photo, these models and this lattice from then on
    scale : px of the working picture a px of the photo, at most 1. By default a view of SAM covers
        3584 px of the photo, as if that were one photo: 0.25 for the profile ``demo`` (whose
        preset has a long side of 896 px), 0.29 for ``paper``.
    view : side of SAM's views in px of the working picture; the preset's long side by default
    overlap : how far views overlap, in px of the working picture; half a view by default
    tile, tile_origin : px of the photo that are read at a time, and where one tile begins; no
        result depends on them
    um_per_px : micrometres a px of the photo; by default what the file states
    frame : which page of a TIFF of several
    max_pixels : refuse larger photos; 400 megapixels by default
    same_photo : the file was copied anew since (its size or date differs): read it again and encode
        again what has changed
    **changes : parameters of the preset, e.g. ``stride=224``. Every window thresholds at its own
        mean similarity (``similarity_mean="window"``).

    Returns
    -------
    Mosaic

    Raises
    ------
    mineral_utils.photos.PhotoError
        The photo cannot be used; the message says why and what to do.
    MosaicError
        The folder belongs to another run, or another program works in it.
    ValueError
        A number out of range.
    OSError
        The disk is full; the message says how much is needed.
    """
    preset = model.preset.replace(**changes)
    if changes.get("similarity_mean") == "photo":
        raise ValueError(
            "similarity_mean='photo' runs over all windows of a photo, which a mosaic never holds "
            "together; leave it out, or write similarity_mean='window'"
        )
    preset = replace(preset, similarity_mean="window")
    folder = Path(os.path.expanduser(folder))
    with open_source(path, um_per_px=um_per_px, frame=frame, max_pixels=max_pixels) as source:
        lattice = lay(source.size, model.encoders, preset, scale=scale, view=view, overlap=overlap)
        stat = os.stat(os.path.expanduser(path))
        about = _about(model, preset, lattice)
        about["photo"] = {"bytes": stat.st_size, "modified_ns": stat.st_mtime_ns}
        with locked(folder):
            anew = claim(folder / FOLDER, about, again=("photo",) if same_photo else ())
            store = Store(folder / FOLDER)
            damaged = working.shrink(
                source,
                store,
                lattice,
                tile=tile,
                origin=tile_origin,
                anew=anew,
                progress=progress,
            )
            source.close()  # a photo that had to be decoded whole
            key = _encoded(model, store, lattice, preset, damaged, progress)
    return Mosaic(
        model,
        Path(path),
        folder,
        lattice,
        preset,
        tuple(damaged),
        source.um_per_px,
        tuple(source.notes),
        key,
    )


def _encoded(model, store: Store, lattice: Lattice, preset: Preset, damaged, progress: bool) -> str:
    """Encode what is missing; what only encoding needs goes, unless damage may be mended yet."""
    needed, free = encoding.bytes_needed(model, lattice), shutil.disk_usage(store.folder).free
    there = sum(file.stat().st_size for file in store.folder.rglob("*.npy"))
    if needed - there > free:
        raise OSError(
            f"encoding needs {needed / 1e9:.1f} GB on the disk of {store.folder.parent.name}, "
            f"{free / 1e9:.1f} GB are free; make room, or lower the scale"
        )
    key = encoding.encode(model, store, lattice, preset, progress=progress)
    if not damaged:
        store.remove(encoding.SPLICED, encoding.VIEWS)
    return key


def _about(model: Segmenter, preset: Preset, lattice: Lattice) -> dict:
    """What a folder belongs to, but for the photo's file."""
    encoders = model.encoders
    towers = {"clip": encoders.clip.visual, "dino": encoders.dino.vit, "sam": encoders.sam.encoder}
    return {
        "schema_version": SCHEMA_VERSION,
        "model": {
            **{name: _weights(tower) for name, tower in towers.items()},
            "precision": model.precision,
        },
        "preset": {name: getattr(preset, name) for name in LOOKING},
        "lattice": asdict(lattice),
    }


def _weights(module: nn.Module) -> str:
    """A hash of a model's weights."""
    tensors = sorted(module.state_dict().items())
    parts = [digest(tensor.detach().cpu().numpy()) + name for name, tensor in tensors]
    return digest(np.array(parts))[:12]
