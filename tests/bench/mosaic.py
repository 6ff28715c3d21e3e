"""``python -m tests.bench.mosaic [--megapixels N] [--scale S]``: photos too big for one pass.

A TIFF of digital sections of 2048 px side by side (about 100 megapixels by default, deflated) is
encoded and asked with the profile ``demo``, in fresh processes: once with tiles of 512 px, once
with tiles of 1000 px on a grid that begins elsewhere, and on lattices moved by half a stride of the
windows and by half a step of the views. Writes ``figures/results/mosaic.json``:

- ``first``: peak memory, minutes on the clock and of the processor, the table;
- ``other_tiles``: whether features and labels are equal, bit for bit;
- ``moved``: share of the pixels whose label differs on the moved lattice;
- ``seams``: how much more the features of neighbouring cells differ across the borders of views
  than elsewhere (1: no seam);
- ``asked_again``: seconds for other names.

Every process runs on one core: ``OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tifffile
from tqdm import tqdm

from mineral_utils.mosaic import Mosaic, differing, encode_mosaic
from mineral_utils.run import record, write_json
from mineral_utils.sections import render, reseed
from mineral_utils.segmenter import load_model

OUT, WORK = Path("figures/results/mosaic.json"), Path("runs/bench/mosaic")
SECTION, TILE = 2048, 512  # px
NAMES = ("pyrite", "galena", "sphalerite", "chalcopyrite", "quartz")
OTHERS = ("magnetite", "pyrrhotite", "calcite")
LIMIT_GB = 3.0


def make_photo(path: Path, across: int) -> None:
    """A square of digital sections, a row of them in memory at a time."""

    def tiles() -> Iterator[np.ndarray]:
        for row in tqdm(range(across), desc="drawing"):
            seeds = (reseed("mosaic", row, column) for column in range(across))
            drawn = [render(seed=seed, size=(SECTION, SECTION)).image for seed in seeds]
            for top in range(0, SECTION, TILE):
                for section in drawn:
                    for left in range(0, SECTION, TILE):
                        yield section[top : top + TILE, left : left + TILE]

    side = across * SECTION
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_suffix(".part.tif")
    tifffile.imwrite(
        aside,
        tiles(),
        shape=(side, side, 3),
        dtype=np.uint8,
        tile=(TILE, TILE),
        photometric="rgb",
        compression="zlib",
        compressionargs={"level": 1},
        metadata=None,
    )
    os.replace(aside, path)


def first(path: Path, folder: Path, scale: float | None, tile: int, origin: int) -> dict:
    """Encode and ask, as a user would, in this process."""
    loading = time.perf_counter()
    model = load_model("demo", device="cpu")
    start, worked = time.perf_counter(), time.process_time()
    mosaic = encode_mosaic(
        model, path, folder, scale=scale, tile=tile, tile_origin=(origin, origin // 3)
    )
    encoded = time.perf_counter()
    answer = mosaic.segment(NAMES, tile=tile)
    ended = time.perf_counter()
    height, width = mosaic.lattice.photo
    return {
        "megapixels": height * width / 1e6,
        "scale": mosaic.lattice.scale[1],
        "working_px": mosaic.lattice.size,
        "windows": int(np.prod([len(side) for side in mosaic.lattice.window_starts])),
        "views": len(list(mosaic.lattice.views())),
        "load_s": start - loading,
        "encode_s": encoded - start,
        "ask_s": ended - encoded,
        "minutes": (ended - start) / 60,
        "cpu_minutes": (time.process_time() - worked) / 60,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
        "folder_mb": sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6,
        "table": answer.table,
    }


def moved(path: Path, folder: Path, scale: float | None) -> dict:
    """Other names, other lattices, and seams, from the features that lie there."""
    model = load_model("demo", device="cpu")
    mosaic = encode_mosaic(model, path, folder, scale=scale, progress=False)
    still = mosaic.segment(NAMES)
    start = time.perf_counter()
    mosaic.segment(OTHERS, stem="others", overview=False)
    found = {"asked_again": {"seconds": time.perf_counter() - start, "names": OTHERS}}
    lattice = mosaic.lattice
    steps = {"window": lattice.stride, "view": min(lattice.view) - lattice.overlap}
    found["moved"] = {}
    for what, step in steps.items():
        other = mosaic.moved(step // 2, step // 2)
        share = differing(still, other.segment(NAMES, overview=False))
        found["moved"][f"half_a_{what}_stride"] = {
            "working_px": other.lattice.offset[0],
            "share_that_differs": share,
        }
    return found | {"seams": seams(mosaic)}


def seams(mosaic: Mosaic) -> float:
    """Mean cosine distance of neighbouring cells across borders of views, over that of all."""
    features = np.load(mosaic.folder / "encoded" / "features.npy", mmap_mode="r")
    lattice, borders, others = mosaic.lattice, [], []
    for axis in (0, 1):
        lines = np.moveaxis(features, axis, 0)
        begins, view = lattice.view_starts[axis], lattice.view[axis]
        edges = {b // lattice.cell for b in begins} | {(b + view) // lattice.cell for b in begins}
        for line in range(1, len(lines)):
            apart = 1 - (lines[line - 1] * lines[line]).sum(-1).mean()
            (borders if line in edges else others).append(float(apart))
    return float(np.mean(borders) / np.mean(others)) if borders else 1.0


def same_labels(one: Path, other: Path) -> bool:
    """Whether two TIFFs hold equal pixels; a tenth of them have to be something else than the
    commonest label, or the comparison would say nothing."""
    first, second = tifffile.imread(one), tifffile.imread(other)
    if np.bincount(first.ravel()).max() > 0.9 * first.size:
        raise RuntimeError("nearly all pixels have one label; equal maps would prove nothing")
    return bool(np.array_equal(first, second))


def apart(*arguments: object) -> dict:
    """A part in a process of its own, on one core."""
    command = [sys.executable, "-m", "tests.bench.mosaic", *map(str, arguments)]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed, see above")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where labels depend on tiles or memory does not stay low."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.mosaic")
    parser.add_argument("--megapixels", type=float, default=100)
    parser.add_argument("--scale", type=float, help="working pixels a pixel; that of the package")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--part", nargs=3, metavar=("WHAT", "FILE", "FOLDER"))
    parser.add_argument("--tile", type=int, default=512)
    parser.add_argument("--origin", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.part:
        what, path, folder = options.part[0], *map(Path, options.part[1:])
        if what == "first":
            found = first(path, folder, options.scale, options.tile, options.origin)
        else:
            found = moved(path, folder, options.scale)
        print(json.dumps(found))
        return 0
    across = max(1, round((options.megapixels * 1e6) ** 0.5 / SECTION))
    photo = WORK / f"sections_{across}.tif"
    if not photo.exists():
        make_photo(photo, across)
    scale = ["--scale", options.scale] if options.scale else []
    stem = f"{across}_{options.scale or 'default'}"
    one, two = (WORK / f"{stem}_{name}" for name in ("one", "two"))
    if one.exists() or two.exists():
        sys.exit(f"{one} or {two} is there from before: its time would not be measured; remove it")
    found = {"first": apart("--part", "first", photo, one, *scale)}
    print(json.dumps(found["first"], indent=1), flush=True)
    tiles = {"tile": 1000, "origin": 333}
    other = apart("--part", "first", photo, two, *scale, "--tile", 1000, "--origin", 333)
    names = [folder / "encoded" / "features.npy" for folder in (one, two)]
    found["other_tiles"] = tiles | {
        "features_equal": names[0].read_bytes() == names[1].read_bytes(),
        "labels_equal": same_labels(one / "labels.tif", two / "labels.tif"),
        "peak_gb": other["peak_gb"],
        "cpu_minutes": other["cpu_minutes"],
    }
    found |= apart("--part", "moved", photo, one, *scale)
    print(json.dumps({k: v for k, v in found.items() if k != "first"}, indent=1))
    settings = {"sections": across**2, "section_px": SECTION, "profile": "demo", "threads": 1}
    write_json(options.out, {**found, "record": record(settings=settings, device="cpu")})
    equal = found["other_tiles"]["features_equal"] and found["other_tiles"]["labels_equal"]
    low = max(found["first"]["peak_gb"], other["peak_gb"]) <= LIMIT_GB
    print(f"labels {'do not depend' if equal else 'DEPEND'} on tiles; memory {LIMIT_GB} GB: {low}")
    return 0 if equal and low else 1


if __name__ == "__main__":
    sys.exit(main())
