"""``python -m mineral_utils segment PHOTO|FOLDER… --minerals a,b,c --out DIR``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ABOUT = """\
Segment photos into minerals by their names. With a folder, --resume or --dask the results get a
journal: the run may be killed at any moment and started again with the same words; it goes on where
it was, and at the end there are tables and contact sheets over all photos."""
FORMATS = "map (default), png, csv, geojson, coco, coco-polygons, label-studio, all"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its options."""
    parser.description = ABOUT
    parser.add_argument("photos", nargs="+", metavar="PHOTO|FOLDER")
    parser.add_argument(
        "--minerals", required=True, help='names with commas between; "a, b" in quotes is one name'
    )
    parser.add_argument("--out", required=True, type=Path, help="folder for the results")
    parser.add_argument("--format", default="map", help=f"with commas between: {FORMATS}")
    parser.add_argument("--refine", action="store_true", help="sharpen borders with SAM's decoder")
    parser.add_argument("--open", action="store_true", help="take unknown names as free text")
    parser.add_argument("--profile", default="demo", help="demo, paper, or a .yaml file")
    parser.add_argument("--adapter", help="a tuned CLIP: a file, or miniature:ore")
    parser.add_argument("--preset", help="w224, bench336 or script336; the profile's by default")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 …")
    parser.add_argument("--threads", type=int, help="threads a process; with --dask 1 by default")
    parser.add_argument("--um-per-px", type=float, help="scale of the photos in micrometres")
    parser.add_argument("--frame", type=int, help="picture of files that hold several, from 0")
    parser.add_argument("--max-pixels", type=int, help="largest picture to open")
    parser.add_argument("--credit", help="whose photos these are, for the captions")
    parser.add_argument(
        "--resume", action="store_true", help="keep a journal for single photos too"
    )
    parser.add_argument(
        "--dask",
        metavar="WHERE",
        help="local:N for N processes here, or a running scheduler: its address or .json file",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(options: argparse.Namespace) -> int:
    """Run it: 0 when all went well, 1 when a photo failed, 2 for wrong use, 130 when ended."""
    from ..minerals import split_names
    from .finding import is_folder
    from .order import Order

    try:
        order = Order(
            names=split_names(options.minerals),
            profile=options.profile,
            preset=options.preset,
            adapter=options.adapter,
            refine=options.refine,
            open_vocabulary=options.open,
            formats=_formats(options.format),
            um_per_px=options.um_per_px,
            credit=options.credit,
            device=options.device,
            threads=options.threads,
            max_pixels=options.max_pixels,
            frame=options.frame,
        )
        if options.resume or options.dask or any(map(is_folder, options.photos)):
            return _many(options, order)
        return _few(options, order)
    except (ValueError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ended; start again with the same words to go on", file=sys.stderr)
        return 130


def _formats(text: str) -> list[str]:
    from ..export import FORMATS

    named = [name.strip() for name in text.split(",")]
    return list(FORMATS) if "all" in named else named


def _many(options: argparse.Namespace, order) -> int:
    """Folders: with a journal, tables and contact sheets."""
    from contextlib import ExitStack

    from .cluster import open_cluster
    from .many import segment_many

    with ExitStack() as stack:
        client = None
        if options.dask:
            cluster = stack.enter_context(open_cluster(options.dask))
            client = cluster.client
            print(f"dashboard: {cluster.link}", file=sys.stderr)
        done = segment_many(
            options.photos, order, options.out, executor=client, progress=not options.quiet
        )
    for label, reason in done.failed.items():
        print(f"error: {label}: {reason}", file=sys.stderr)
    for folder in done.closed:
        print(f"error: the folder {folder} could not be listed", file=sys.stderr)
    if done.left_alone:
        others = ", ".join(f"{n} {suffix}" for suffix, n in sorted(done.left_alone.items()))
        print(f"left alone: {others}", file=sys.stderr)
    print(done)
    print(*done.written, sep="\n")
    if done.failed:
        number = done.done + done.there + len(done.failed)
        said = f"{len(done.failed)} of {number} photos failed; failed.csv lists them"
        print(said, file=sys.stderr)
    return min(len(done.failed) + len(done.closed), 1)


def _few(options: argparse.Namespace, order) -> int:
    """Single photos: their files, and nothing else."""
    from ..export import export_map
    from ..segmenter import load_model
    from .one import open_photo, set_threads

    set_threads(order.threads)
    model = load_model(
        order.profile, device=order.device, preset=order.preset, adapter=order.adapter
    )
    if model.banner:
        print(model.banner, file=sys.stderr)
    failed = 0
    for path, stem in zip(options.photos, _stems(options.photos), strict=True):
        try:
            photo = open_photo(path, order)
            result = model.encode(photo).segment(
                order.names, refine=order.refine, open_vocabulary=order.open_vocabulary
            )
            written = export_map(
                photo, result, options.out, order.formats, stem=stem, note=model.banner
            )
        except (ValueError, OSError, RuntimeError, MemoryError) as error:
            failed += 1
            reason = str(error) or type(error).__name__
            known = isinstance(error, ValueError | OSError)  # these name the photo
            print(f"error: {reason if known else f'{path}: {reason}'}", file=sys.stderr)
            continue
        for note in photo.notes:
            print(f"{Path(path).name}: {note}", file=sys.stderr)
        print(*written, sep="\n")
    if failed:
        print(f"{failed} of {len(options.photos)} photos failed", file=sys.stderr)
    return min(failed, 1)


def _stems(paths: Sequence[str]) -> list[str]:
    """A file name for each photo's results; photos of one name in two folders get a number."""
    from ..export.mineral_map import as_text
    from .finding import begins

    stems, used = [], set()
    for path in paths:
        stem = plain = as_text(Path(path).stem)
        number = 1
        while begins(stem) & used:
            number += 1
            stem = f"{plain}_{number}"
        used |= begins(stem)
        stems.append(stem)
    return stems
