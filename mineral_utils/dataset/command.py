"""``python -m mineral_utils dataset count | make | check``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..run import file_sha256

EARLIER = "earlier dataset whose photos stay on their sides"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give the command its own commands and options."""
    commands = parser.add_subparsers(required=True, metavar="WHAT")
    count = commands.add_parser("count", help="how often each mineral is named in a ledger")
    count.add_argument("ledger", type=Path)
    count.set_defaults(dataset=_count)

    make = commands.add_parser("make", help="a ledger into a dataset folder with its card")
    make.add_argument("ledger", type=Path)
    make.add_argument("--out", required=True, type=Path, help="folder to make")
    what = make.add_mutually_exclusive_group()
    what.add_argument("--top", type=int, default=20, help="so many most frequent minerals (20)")
    what.add_argument("--minerals", help="these instead, with commas between")
    what.add_argument("--paper", action="store_true", help="the paper's 20 instead")
    make.add_argument(
        "--shares", default="train=0.8,validation=0.1,test=0.1", help="sides and their shares"
    )
    make.add_argument("--by", default="specimen", help="specimen, locality or photographer")
    make.add_argument("--seed", type=int, default=0, help="of the split (0)")
    make.add_argument("--thin-sections", action="store_true", help="keep thin sections too")
    make.add_argument("--earlier", type=Path, metavar="DATASET", help=EARLIER)
    make.add_argument("--read-again", action="store_true", help="read all captions anew")
    make.add_argument("--remember", action="store_true", help="write the sides into the ledger")
    make.add_argument("--replace", action="store_true", help="take an earlier dataset's place")
    make.set_defaults(dataset=_make)

    check = commands.add_parser("check", help="pictures of a dataset against its hashes and sides")
    check.add_argument("folder", type=Path)
    check.set_defaults(dataset=_check)


def run(options: argparse.Namespace) -> int:
    """Run it: 0 when all went well, 1 where `check` found something, 2 for wrong use."""
    try:
        return options.dataset(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def _count(options: argparse.Namespace) -> int:
    from ..photos.ledger import read_ledger
    from .labels import frequencies, with_minerals

    rows = with_minerals(read_ledger(options.ledger))
    print(f"{'mineral':<24}{'photos':>8}{'specimens':>11}{'people':>8}{'in title':>10}")
    for f in frequencies(rows):
        numbers = f"{f.photos:>8}{f.specimens:>11}{f.photographers:>8}{f.in_title:>10}"
        print(f"{f.mineral:<24}{numbers}")
    print(f"{len(rows)} photos, {sum(not row.mineral_names for row in rows)} name no mineral")
    return 0


def _make(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    from ..minerals import vocabulary
    from ..photos.ledger import read_ledger
    from .export import export_dataset, on_earlier_sides, remember_sides
    from .facts import facts
    from .making import make_dataset

    minerals: int | list[str] = options.top
    if options.paper:
        minerals = list(vocabulary().paper_names)
    elif options.minerals:
        minerals = [name.strip() for name in options.minerals.split(",")]
    rows = read_ledger(options.ledger)
    if options.earlier:
        rows = on_earlier_sides(rows, options.earlier)
    with tqdm(total=len(rows), unit="photo", desc="comparing pictures", disable=None) as bar:
        dataset = make_dataset(
            rows,
            options.ledger,
            minerals=minerals,
            shares=_shares(options.shares),
            by=options.by,
            seed=options.seed,
            thin_sections=options.thin_sections,
            read_again=options.read_again,
            progress=bar.update,
        )
    with tqdm(total=len(dataset.rows), unit="photo", desc="copying", disable=None) as bar:
        out = export_dataset(
            dataset, options.ledger, options.out, replace=options.replace, progress=bar.update
        )
    if options.remember:
        remember_sides(dataset, options.ledger)
    about = facts(dataset)
    sides = ", ".join(f"{side} {told['photos']}" for side, told in about["sides"].items())
    print(f"{about['photos']} photos ({sides}), {len(dataset.names)} minerals, in {out}")
    print(f"{about['captions']['cut']} of {about['captions']['descriptions']} descriptions are cut")
    for reason, count in dataset.left_out.items():
        print(f"left out, {reason}: {count}")
    print(f"near-duplicates: {len(about['near_duplicates']['groups'])} groups")
    print("read", out / "README.md", "first")
    return 0


def _check(options: argparse.Namespace) -> int:
    from .export import METADATA, DatasetError, read_dataset

    sides = sorted(path.parent.name for path in options.folder.glob(f"*/{METADATA}"))
    if not sides:
        raise DatasetError(f"{options.folder.name} holds no side with its {METADATA}.")
    found, side_of, photos = [], {}, 0
    for side in sides:
        for line in read_dataset(options.folder, side):
            photos += 1
            path = options.folder / side / line["file_name"]
            if not path.is_file():
                found.append(f"{side}/{line['file_name']} is missing")
            elif file_sha256(path) != line["sha256"]:
                found.append(f"{side}/{line['file_name']} is not the picture that was collected")
            first = side_of.setdefault(line["group"], side)
            if first != side:
                found.append(f"group {line['group']} stands in {first} and in {side}")
    for sentence in dict.fromkeys(found):
        print(sentence)
    print(f"{photos} photos looked at, {len(dict.fromkeys(found))} things wrong")
    return min(len(found), 1)


def _shares(text: str) -> dict[str, float]:
    try:
        pairs = (part.split("=") for part in text.split(","))
        return {side.strip(): float(share) for side, share in pairs}
    except ValueError:
        raise ValueError(
            f"--shares is {text!r}; write it as train=0.8,validation=0.1,test=0.1"
        ) from None
