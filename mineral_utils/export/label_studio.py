"""Maps as tasks for Label Studio, to be corrected with its brush, and the way back.

Its brush masks are pictures of four channels, row by row, packed bit by bit: 32 bits for the number
of values, 5 for the bits a value less one, four times 4 for the bits of a length less one; then for
each run a 1, two bits that choose one of these four, the length less one, and the value (after a 0
instead: so many single values).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

import numpy as np

from .. import __version__
from ..run import replacing
from .mineral_map import UNKNOWN, MineralMap
from .spans import alternating, spans

LOCAL_FILES = "/data/local-files/?d="  # Label Studio's address of files on its own machine
_LENGTH_BITS = np.array((4, 8, 12, 16))
_CHANNELS = 4


def label_studio_task(mapped: MineralMap, image_url: str | None = None) -> dict[str, Any]:
    """One photo with one brush mask a mineral, as a prediction that can be corrected.

    Parameters
    ----------
    mapped : the map
    image_url : where Label Studio finds the photo; default: `LOCAL_FILES` and the file's name,
        for a project whose local storage holds the photos

    Returns
    -------
    dict in Label Studio's basic JSON format; the masks' tag is called ``mineral``, the photo's
    ``photo`` (see `labelling_config`)
    """
    height, width = mapped.size
    # one mask a mineral; label + 1, because 0 is no region
    ids = np.where(mapped.labels == UNKNOWN, 0, mapped.labels.astype(np.int16) + 1)
    results = []
    for label, own in enumerate(spans(ids, len(mapped.names))):
        if len(own):
            results.append(
                {
                    "id": f"mineral-{label}",
                    "type": "brushlabels",
                    "from_name": "mineral",
                    "to_name": "photo",
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {
                        "format": "rle",
                        "rle": encode_brush(alternating(own, mapped.labels.size)),
                        "brushlabels": [mapped.names[label]],
                    },
                }
            )
    return {
        "data": {
            "image": image_url or LOCAL_FILES + quote(mapped.file_name),
            "photo": mapped.file_name,
            "names": list(mapped.names),
            "um_per_px": mapped.um_per_px,
            "size": [height, width],
        },
        "predictions": [{"model_version": f"mineral_utils {__version__}", "result": results}],
    }


def labelling_config(mapped: MineralMap) -> str:
    """The labelling configuration (XML) that the tasks fit, with the vocabulary's colours."""
    labels = "\n".join(
        f'    <Label value={quoteattr(name)} background="#{bytes(colour).hex()}"/>'
        for name, colour in zip(mapped.names, mapped.colours, strict=True)
    )
    return (
        '<View>\n  <Image name="photo" value="$image" zoom="true" zoomControl="true"/>\n'
        f'  <BrushLabels name="mineral" toName="photo">\n{labels}\n  </BrushLabels>\n</View>\n'
    )


def write_label_studio(mapped: MineralMap, tasks: Path, config: Path) -> list[Path]:
    """Write the task (a list of one, as the import dialogue takes it) and the configuration."""
    text = json.dumps([label_studio_task(mapped)], ensure_ascii=False, separators=(",", ":"))
    tasks.write_text(text + "\n", encoding="utf-8")
    config.write_text(labelling_config(mapped), encoding="utf-8")
    return [tasks, config]


def join_label_studio(paths: Sequence[str | Path], path: str | Path) -> Path:
    """Several photos' tasks as one list, for one import; none but one is in memory at a time."""
    with replacing(path) as aside, open(aside, "w", encoding="utf-8", newline="\n") as file:
        for k, one in enumerate(paths):
            (task,) = json.loads(Path(one).read_text(encoding="utf-8"))
            line = json.dumps(task, ensure_ascii=False, separators=(",", ":"))
            file.write(f"{',' if k else '['}\n{line}")
        file.write("\n]\n")
    return Path(path)


def read_label_studio(
    path: str | Path, file_name: str | None = None, *, names: Sequence[str] | None = None
) -> MineralMap:
    """Labels of one photo out of Label Studio's JSON export, or out of a file of ours.

    The last annotation counts; a task without annotations has its prediction. Where masks overlap,
    the later one counts.

    Parameters
    ----------
    path : the file (export format *JSON*)
    file_name : which photo; needed where there are several
    names : the classes in the order of their labels; default: those of the task, else the masks'
        own in their order

    Raises
    ------
    ValueError
        No such photo, no brush masks, a class that `names` lacks, or a damaged mask.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        tasks = {_photo_of(task): task for task in content}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path.name} holds no tasks of Label Studio ({error!r}); export the project as JSON"
        ) from error
    if file_name is None and len(tasks) == 1:
        file_name = next(iter(tasks))
    if file_name not in tasks:
        known = ", ".join(list(tasks)[:5])
        raise ValueError(f"{path.name} has no photo {file_name!r}; name one of {known}")
    task = tasks[file_name]
    size = task["data"].get("size")  # of our tasks: then no mask means that all is unknown
    done = (task.get("annotations") or task.get("predictions") or [{}])[-1]
    masks = [one for one in done.get("result", ()) if "rle" in one.get("value", {})]
    if not masks and (size is None or done.get("result")):
        raise ValueError(
            f"{path.name}: {file_name} has no brush masks; label it with the brush, or export "
            "annotations as JSON (not as JSON-MIN)"
        )
    found = [one["value"]["brushlabels"][0] for one in masks]
    names = list(names or task["data"].get("names") or dict.fromkeys(found))
    labels = None if masks else np.full(size, UNKNOWN, np.uint8)
    for one, name in zip(masks, found, strict=True):
        if name not in names:
            raise ValueError(f"{path.name} has the class {name!r}; add it to names")
        size = one["original_height"], one["original_width"]
        labels = np.full(size, UNKNOWN, np.uint8) if labels is None else labels
        labels[decode_brush(one["value"]["rle"], size)] = names.index(name)
    return MineralMap(labels, tuple(names), file_name, task["data"].get("um_per_px"))


def encode_brush(lengths: np.ndarray) -> list[int]:
    """Run lengths (`alternating`, row by row) as bytes of Label Studio's brush format."""
    values = np.where(np.arange(len(lengths)) % 2, 255, 0)
    lengths = np.asarray(lengths, np.int64) * _CHANNELS
    total = int(lengths.sum())
    longest = 1 << int(_LENGTH_BITS[-1])
    parts = -(-lengths // longest)  # of a long run; none of an empty one
    values, last = np.repeat(values, parts), np.cumsum(parts) - 1
    pieces = np.full(len(values), longest)
    pieces[last[parts > 0]] = (lengths - (parts - 1) * longest)[parts > 0]
    choice = np.searchsorted(1 << _LENGTH_BITS, pieces)
    bits = _LENGTH_BITS[choice]
    records = ((4 + choice) << bits | (pieces - 1)) << 8 | values
    widths = 3 + bits + 8
    shifts = widths[:, None] - 1 - np.arange(widths.max())
    stream = (records[:, None] >> shifts.clip(0) & 1)[shifts >= 0]
    sizes = int("".join(f"{n - 1:04b}" for n in _LENGTH_BITS), 2)
    head = (total << 5 | 7) << 16 | sizes
    head_bits = np.array([int(bit) for bit in f"{head:053b}"])
    return np.packbits(np.concatenate([head_bits, stream]).astype(np.uint8)).tolist()


def decode_brush(code: Sequence[int], size: tuple[int, int]) -> np.ndarray:
    """Pixels under a brush mask: those that are not wholly transparent, bool [H, W].

    Raises
    ------
    ValueError
        The mask is cut off, or not of a picture of this size.
    """
    text = (np.unpackbits(np.array(code, np.uint8)) + 48).tobytes().decode("ascii")
    at = 0

    def read(bits: int) -> int:
        nonlocal at
        at += bits
        if at > len(text):
            raise ValueError("a brush mask is cut off; export the project again")
        return int(text[at - bits : at], 2)

    total, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    if total != size[0] * size[1] * _CHANNELS:
        raise ValueError(
            f"a brush mask has {total} values, a photo of {size[1]} x {size[0]} px needs "
            f"{size[0] * size[1] * _CHANNELS}; the file is damaged or of another photo"
        )
    values = np.empty(total, np.uint8)
    begin = 0
    while begin < total:
        same, end = read(1), begin + 1 + read(sizes[read(2)])
        values[begin:end] = read(word) if same else [read(word) for _ in range(begin, end)]
        begin = end
    return values.reshape(*size, _CHANNELS)[..., -1] > 0


def _photo_of(task: dict[str, Any]) -> str:
    """Name of a task's photo: ours says so, of others it is the end of the address."""
    return task["data"].get("photo") or task["data"]["image"].rpartition("/")[2]
