"""``python -m tests.bench.dataset [--rows N]``: how long the dataset takes, and how much memory.

Writes ``figures/results/dataset.json``. Rows and pictures are made by code and not counted:

- ``texts``: N photo pages of 40 kB parsed, their captions read, the dataset made (frequencies,
  labels, captions of 77 tokens, groups, stratified split), one step after the other in one process;
- ``pictures``: N JPEGs of 640 x 480 px hashed, and all pairs compared;
- ``decode``: pictures a second that the torch dataset gives, one process, from 640 x 480 and from
  2560 x 1920 px, beside decoding all of each picture.

Each part runs in a process of its own, once at a fifth of N and once at N, so that its peak memory
is its own and can be seen to grow or not. What the fifth needs more than an empty start, and what
each further row costs, stand in the file.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from mineral_utils.captions import find_minerals
from mineral_utils.collect import parse_page
from mineral_utils.dataset import (
    facts,
    hash_pictures,
    make_dataset,
    near_pairs,
    perceptual_hash,
    reduced_picture,
)
from mineral_utils.dataset.torch_photos import PhotoTexts
from mineral_utils.dataset.wording import count_tokens
from mineral_utils.minerals import vocabulary
from mineral_utils.run import record, write_json
from mineral_utils.sections.words import Subject, caption

from ..mindat_pages import PhotoFacts, page

OUT = Path("figures/results/dataset.json")
ROWS, SMALLER = 10_000, 5  # the smaller size is a fifth
PAGE_BYTES = 40_000
LIMITS_S = {"texts": 60.0, "pictures": 120.0}
PARTS = ("texts", "pictures", "decode")
SIZE, LARGE = (640, 480), (2560, 1920)  # width, height, px
DECODED = 200  # pictures of each size that are decoded
MENU = '<nav class="topmenu"><ul>{}</ul></nav>'
ITEM = '<li><a href="/min-{0}.html">Chalcopyrite</a> <a href="loc-{0}.html">Else Mine</a></li>'


def pages(count: int) -> Iterator[tuple[str, str]]:
    """(name, HTML) of photo pages: one to six photos of a specimen, minerals with a long tail."""
    names = vocabulary().paper_names
    common = 1 / np.arange(1, len(names) + 1)
    rng = np.random.default_rng(0)
    menu = MENU.format("".join(ITEM.format(90000 + k) for k in range(PAGE_BYTES // 90)))
    number = specimen = 0
    while number < count:
        specimen += 1
        there = rng.choice(names, rng.integers(1, 6), replace=False, p=common / common.sum())
        for _ in range(rng.integers(1, 7)):
            shares = dict(zip(map(str, there), rng.dirichlet(np.ones(len(there))), strict=True))
            words = caption(Subject(shares, (), 0.5), seed=number)
            about = PhotoFacts(
                photo_id=7_000_000 + number,
                minerals=tuple(words.title.split(", ")),
                caption=words.text,
                specimen=f"AAA-{specimen}",
                locality=f"Mine {specimen % 500}, Exampleland",
                rights=f"© Photographer {specimen % 211}",
            )
            yield f"photo-{about.photo_id}.html", page(about).replace("<body>", f"<body>{menu}", 1)
            number += 1
            if number == count:
                return


def texts(count: int) -> dict[str, float]:
    """Seconds of each step from pages to a dataset, and its counts."""
    find_minerals("", "pyrite")  # patterns and tokenizer are loaded once, whatever the count
    count_tokens("")
    spent = {step: np.zeros(2) for step in ("make_pages", "parse", "extract", "split")}
    rows, start = [], _now()
    for name, text in pages(count):
        spent["make_pages"] += _now() - start
        start = _now()
        row = parse_page(text, name=name).row
        spent["parse"] += _now() - start
        start = _now()
        hits = find_minerals(row.title, row.caption)
        row = replace(row, minerals=hits, file_name=f"images/{name}.jpg", sha256=None)
        spent["extract"] += _now() - start
        rows.append(row)
        start = _now()
    start = _now()
    dataset = make_dataset(rows, minerals=20)
    spent["split"] += _now() - start
    counted = sum(seconds for step, seconds in spent.items() if step != "make_pages")
    about = facts(dataset)
    wanted = np.array([told["wanted"] for told in about["sides"].values()])
    sides = np.array([list(told["sides"].values()) for told in about["minerals"]])
    apart = np.abs(sides / sides.sum(axis=1, keepdims=True) - wanted)
    return {
        **{f"{step}_s": float(seconds[0]) for step, seconds in spent.items()},
        "total_s": float(counted[0]),
        "total_cpu_s": float(counted[1]),
        "photos": about["photos"],
        "groups": about["groups"]["number"],
        "largest_share_error": float(apart.max()),
        "leaks": sum(about["leaks"].values()),
        "descriptions": about["captions"]["descriptions"],
        "descriptions_cut": about["captions"]["cut"],
    }


def _now() -> np.ndarray:
    """Seconds of the clock on the wall and of this process's work."""
    return np.array([time.perf_counter(), time.process_time()])


def draw(path: Path, seed: int, size: tuple[int, int]) -> None:
    """A JPEG of patches under fine grain, about as heavy as a photo of that size."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (9, 12, 3), np.uint8)
    picture = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), np.int16)
    grain = rng.integers(-12, 13, (size[1], size[0], 1), np.int16)
    Image.fromarray(np.clip(picture + grain, 0, 255).astype(np.uint8)).save(path, quality=88)


def pictures(count: int) -> dict[str, float]:
    """Seconds to hash pictures and to compare all pairs."""
    perceptual_hash(np.eye(32) * 255)  # scipy is loaded
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.jpg" for number in range(count)]
        start = time.perf_counter()
        for number, path in enumerate(paths):
            draw(path, number, SIZE)
        made = time.perf_counter() - start
        megabytes = sum(path.stat().st_size for path in paths) / 1e6
        start = _now()
        hashes = hash_pictures(paths)
        hashed = _now() - start
        start = _now()
        pairs = near_pairs(hashes)
        compared = _now() - start
    return {
        "make_pictures_s": made,
        "megabytes": megabytes,
        "hash_s": float(hashed[0]),
        "compare_s": float(compared[0]),
        "total_s": float(hashed[0] + compared[0]),
        "total_cpu_s": float(hashed[1] + compared[1]),
        "pictures_per_s": float(count / hashed[0]),
        "near_pairs": len(pairs),
        "unreadable": len(hashes.unreadable),
    }


def decode(count: int) -> dict[str, float]:
    """Pictures a second for CLIP at 224 px, as the torch dataset reads them and whole."""
    count = min(count, DECODED)
    found: dict[str, float] = {}
    for size in (SIZE, LARGE):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "train").mkdir()
            lines = []
            for number in range(count):
                draw(Path(folder) / "train" / f"{number}.jpg", number, size)
                line = {"file_name": f"{number}.jpg", "text": "", "minerals": ["Pyrite"]}
                lines.append(json.dumps(line | {"sha256": "", "group": number}))
            (Path(folder) / "train" / "metadata.jsonl").write_text("\n".join(lines) + "\n")
            photos = PhotoTexts(folder, "train", size=224)
            files = [photos.folder / name for name in photos.files]
            ways: dict[str, Callable[[int], object]] = {
                "torch": photos.__getitem__,
                "reduced": lambda k, files=files: reduced_picture(files[k], 224),
                "whole": lambda k, files=files: _whole(files[k]),
            }
            for way, read in ways.items():
                read(0)
                start = time.perf_counter()
                for number in range(count):
                    read(number)
                seconds = time.perf_counter() - start
                found[f"{way}_{size[0]}px_per_s"] = count / seconds
    return found


def _whole(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB").resize((224, 224), Image.Resampling.BICUBIC)


def peak_mb() -> float:
    """Largest resident size that this process has had, imports included, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def apart(part: str, count: int) -> dict[str, float]:
    """A part in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.dataset", "--part", part, "--rows", str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{part} with {count} rows failed:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where a limit of the full size is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.dataset")
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--part", choices=PARTS, help="this one only, here, as one line of JSON")
    options = parser.parse_args(arguments)
    if options.part:
        idle = peak_mb()
        found = {"texts": texts, "pictures": pictures, "decode": decode}[options.part](options.rows)
        print(json.dumps({**found, "idle_mb": idle, "peak_mb": peak_mb()}))
        return 0
    results: dict[str, object] = {"rows": options.rows}
    broken = []
    for part in PARTS:
        full = apart(part, options.rows)
        results[part] = {"full": full}
        if part in LIMITS_S:
            fewer = options.rows // SMALLER
            fifth = apart(part, fewer)
            more = (full["peak_mb"] - fifth["peak_mb"]) / (options.rows - fewer) * 1000
            results[part] |= {"fifth": fifth, "kb_per_further_row": more}
            results[part]["limit_s"] = LIMITS_S[part]
            if options.rows == ROWS and full["total_s"] > LIMITS_S[part]:
                broken.append(f"{part}: {full['total_s']:.0f} s, at most {LIMITS_S[part]:.0f}")
        print(part, json.dumps(results[part], indent=1), flush=True)
    write_json(options.out, {**results, "record": record(settings={"rows": options.rows})})
    print(*broken, sep="\n")
    return min(len(broken), 1)


if __name__ == "__main__":
    sys.exit(main())
