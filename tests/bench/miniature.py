"""``python -m tests.bench.miniature [PART…]``: what the small models are good for, into
``figures/results/miniature.json``.

Parts, all by default:

- ``dino``, ``sam``, ``clip``: the measures of their own trades, on validation sections and, where
  ``LUMENSTONE_DIR`` is set, on LumenStone's training photos (never the test ones);
- ``near``: SAM from afar and looking closer at each grain: digital sections of a camera's size and
  as the other parts take them (448 x 336), and LumenStone's training photos; an hour;
- ``masks``: the IoU that a grain's own mask keeps on the grid of SAM's masks;
- ``reading``: what SAM reads inside a grain's box, and what a linear reading fitted there would;
- ``render``: digital sections a second, in two processes;
- ``sides``: the working long side, on LumenStone's training photos: patch ceiling of each set,
  DINO's AUC, seconds;
- ``refine``: SAM's refinement of a coarse map made from the truth, beside a majority filter;
- ``a``, ``b``, ``c``: Trident on a frozen set, coarse and refined, in the honest mirror. The sets
  are looked at last; every look is counted in the file.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from mineral_utils import lumenstone
from mineral_utils.encoders import build_clip, build_dino
from mineral_utils.metrics import confusion, mirror, paired, patch_scores
from mineral_utils.metrics.pixels import mean_iou
from mineral_utils.minerals import vocabulary
from mineral_utils.miniature import clip_measure, dino_measure, sam_measure, sam_reading
from mineral_utils.profiles import load_profile
from mineral_utils.run import record, write_json
from mineral_utils.scoring import miou_interval, score, score_table, section_cases
from mineral_utils.sections import frozen, training_section, validation_section
from mineral_utils.segmenter import load_model

OUT = Path("figures/results/miniature.json")
NAMES = vocabulary().paper_names
TRADES, SETS = (
    ("render", "dino", "sam", "near", "masks", "reading", "clip", "sides", "refine"),
    ("a", "b", "c"),
)
SECTIONS, TRAINING = 40, 100
SIDES = (448, 672, 896, 1344)  # px: working long sides to choose from
CAMERA = (1344, 1792)  # px of a digital section, near LumenStone's half size
NEAR = range(122, 201)  # sections that nothing was chosen on
LONG_SIDE, HALF = 448, 1698  # px: where DINO is measured; LumenStone's photos at half size


def validation(count: int = SECTIONS) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    return section_cases((validation_section(k) for k in range(count)), NAMES)


def photos(long_side: int) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """LumenStone's training photos: name, image, labels."""
    for item in lumenstone.items(split="train"):
        loaded = lumenstone.load(item, long_side=long_side)
        yield item.stem, loaded.photo.image, loaded.labels


def _render(number: int) -> int:
    return training_section(number).seed


def render(real: bool) -> dict:
    """Sections of 448 x 336 px a second, two processes side by side; best of three rounds."""
    rates = []
    with ProcessPoolExecutor(2) as pool:
        [*pool.map(_render, range(8))]
        for start in (100, 200, 300):
            began = time.perf_counter()
            count = len([*pool.map(_render, range(start, start + 60), chunksize=5)])
            rates.append(count / (time.perf_counter() - began))
    return {"sections_per_second": max(rates), "rounds": rates}


def dino(real: bool) -> dict:
    """AUC of same against other mineral among patches of nearly the same mean colour."""
    look = dino_measure.dense_features(build_dino(load_profile("demo").dino))
    cases = {"digital": ((str(k), *case) for k, case in enumerate(validation()))}
    if real:
        rows = photos(LONG_SIDE)
        cases["lumenstone"] = ((n, image, np.where(y == 0, 255, y)) for n, image, y in rows)
    return {
        where: {k: v for k, v in dino_measure.evaluate(look, rows).items() if k != "cases"}
        for where, rows in cases.items()
    }


def sam(real: bool) -> dict:
    """IoU of grains for a point, a box, a box with a coarse mask; what the correlation finds."""
    model = load_model("demo").encoders.sam.sam
    found = {"digital": sam_measure.evaluate(model, validation())}
    found["correlation"] = sam_measure.same_class(model, validation(20))
    if real:  # SAM scales them to its own canvas
        cases = ((image, labels) for _, image, labels in photos(HALF))
        found["lumenstone"] = sam_measure.evaluate(model, cases, smallest=400, ignore=(0, 255))
    return found


def near(real: bool) -> dict:
    """IoU of grains where SAM sees a whole photo, and where it sees a window around each grain."""
    parts = [("lumenstone", range(0))] if real else []
    for where in ("digital", "digital_small"):
        parts += [(where, NEAR[at : at + 8]) for at in range(0, len(NEAR), 8)]
    scores: dict[str, list[sam_measure.GrainScore]] = {}
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        bar = tqdm(pool.map(_near, parts), desc="near", total=len(parts))
        for (where, numbers), found in zip(parts, bar, strict=True):
            box = np.mean([one.near_box for one in found])
            bar.write(f"{where}, {numbers}: {len(found)} grains, box {box:.3f}")
            scores.setdefault(where, []).extend(found)
    sections = {"first": NEAR[0], "last": NEAR[-1]}
    return {where: sam_measure.summary(rows) for where, rows in scores.items()} | sections


def _near(part: tuple[str, range]) -> list[sam_measure.GrainScore]:
    import torch

    torch.set_num_threads(1)  # two of these run side by side
    encoder, (where, numbers) = load_model("demo").encoders.sam, part
    if where == "lumenstone":
        cases, first = ((image, labels) for _, image, labels in photos(HALF)), 0
        options = {"ignore": (0, 255), "most": 20}
    else:
        small = where == "digital_small"
        changes = {} if small else {"size": CAMERA}
        cases = section_cases((validation_section(k, **changes) for k in numbers), NAMES)
        first, options = numbers[0] - NEAR[0], {"most": 6 if small else 12}
    options |= {"smallest": 400, "near": True, "tracer": encoder.tracer, "first": first}
    return sam_measure.score_grains(encoder.sam, cases, **options)


def masks(real: bool) -> dict:
    """What a grain's own mask keeps on SAM's grid (`sam_reading.finest`), mean over the grains."""
    cells = load_profile("demo").sam.architecture["image_size"] // 4
    cases = {"digital": ((labels for _, labels in validation()), (255,))}
    if real:
        cases["lumenstone"] = ((labels for _, _, labels in photos(HALF)), (0, 255))
    found = {}
    for where, (maps, ignore) in cases.items():
        kept = [
            sam_reading.finest(grain, cells)
            for number, labels in enumerate(maps)
            for grain in sam_measure.draw_grains(labels, number, 400, 40, ignore, 0)[0]
        ]
        found[where] = {"grains": len(kept), "iou": float(np.mean(kept))}
    return found


def reading(real: bool) -> dict:
    """What the decoder's guess loses, and what the encoder's picture (`sam_reading.readings`): mean
    IoU over the grains, digital sections and SAM's own world."""
    model, found = load_model("demo").encoders.sam.sam, {}
    for where, cases in {"digital": validation(), "world": sam_measure.held_out(48)}.items():
        scores = [
            sam_reading.readings(
                model, image, sam_measure.draw_grains(labels, number, 400, 40, (255,), 0)[0]
            )
            for number, (image, labels) in enumerate(cases)
        ]
        said, fitted = np.concatenate([rows for rows in scores if len(rows)]).mean(0)
        found[where] = {"said": float(said), "fitted": float(fitted)}
    return found


def clip(real: bool) -> dict:
    """Naming of its own world, and ignorance of minerals."""
    model, _ = build_clip(load_profile("demo").clip)
    fields = []
    for image, labels in validation(120):
        shares = np.bincount(labels[labels < 255], minlength=len(NAMES))
        if shares.sum():
            fields.append((image, int(shares.argmax())))
    words = [vocabulary().find(name).prompt for name in NAMES]
    return clip_measure.evaluate(model) | clip_measure.ignorance(model, fields, words)


def sides(real: bool) -> dict:
    """What each working long side allows, and what it costs, on LumenStone's training photos."""
    model, found = load_model("demo"), {}
    look = dino_measure.dense_features(model.encoders.dino.vit)
    for side in SIDES if real else ():
        maps: dict[tuple[str, ...], list[np.ndarray]] = {}
        rows, seconds = [], []
        for item in tqdm(lumenstone.items(split="train"), desc=f"{side} px"):
            loaded = lumenstone.load(item, long_side=side)
            maps.setdefault((item.set, *loaded.names), []).append(loaded.labels)
            rows.append(
                (item.stem, loaded.photo.image, np.where(loaded.labels == 0, 255, loaded.labels))
            )
            if len(seconds) < 3:
                began = time.perf_counter()
                model.encode(loaded.photo, progress=False, long_side=side)
                seconds.append(time.perf_counter() - began)
        pairs = dino_measure.evaluate(look, rows)["pairs"]
        found[str(side)] = {
            "patch_ceiling_miou": {
                subset: patch_scores(labels, names).miou
                for (subset, *names), labels in maps.items()
            },
            "dino_auc": pairs["auc"],
            "colour_auc": pairs["colour"],
            "encode_s": sorted(seconds)[1],
        }
    return found


def _nearest(kept: np.ndarray) -> tuple[np.ndarray, ...]:
    """Row and column of the nearest kept pixel of each pixel."""
    found = ndimage.distance_transform_edt(~kept, return_distances=False, return_indices=True)
    return tuple(found)


def coarsened(labels: np.ndarray, classes: int, rng: np.random.Generator, reach: int = 8):
    """The truth eroded and jittered: borders move to and fro by up to `reach` px, what is within
    half of that of a border goes to the nearest class further in; 255 takes part in nothing."""
    filled = labels
    if (labels == 255).any() and (labels != 255).any():
        filled = labels[_nearest(labels != 255)]
    window = 2 * (reach // 2) + 1
    deep = ndimage.maximum_filter(filled, window) == ndimage.minimum_filter(filled, window)
    if deep.any():
        filled = filled[_nearest(deep)]
    height, width = labels.shape
    knots = rng.uniform(-reach, reach, (2, height // 32 + 2, width // 32 + 2))
    zoom = (1, height / knots.shape[1], width / knots.shape[2])
    shift = ndimage.zoom(knots, zoom, order=1)[:, :height, :width]
    rows, columns = np.indices(labels.shape)
    rows = np.clip(np.rint(rows + shift[0]), 0, height - 1).astype(int)
    columns = np.clip(np.rint(columns + shift[1]), 0, width - 1).astype(int)
    return filled[rows, columns]


def majority(labels: np.ndarray, classes: int, side: int = 9) -> np.ndarray:
    """The most frequent label of a square around each pixel."""
    counts = [
        ndimage.uniform_filter((labels == k).astype(np.float32), side) for k in range(classes)
    ]
    return np.argmax(counts, axis=0).astype(np.uint8)


def refine(real: bool) -> dict:
    """Pixel mIoU of coarse, filtered and refined maps, with paired intervals over pictures."""
    import torch

    from mineral_utils import refine as refining

    model = load_model("demo")
    preset, decoder = model.preset, model.encoders.sam
    kinds = ("coarse", "majority", "refined")
    tables: dict[str, list[np.ndarray]] = {kind: [] for kind in kinds}
    for number, (image, labels) in enumerate(tqdm(validation(), total=SECTIONS, desc="refine")):
        present = [k for k in range(len(NAMES)) if (labels == k).any()]
        truth = np.full(256, 255, np.uint8)
        truth[present] = np.arange(len(present))
        truth = truth[labels]
        coarse = coarsened(truth, len(present), np.random.default_rng([17, number]))

        def share(index: int, coarse=coarse, present=present) -> torch.Tensor:
            soft = ndimage.gaussian_filter((coarse == index).astype(np.float32), 5)
            return torch.from_numpy(0.9 * soft + 0.1 / len(present))

        refined, _ = refining.refine(
            decoder.sam,
            decoder.look(image),
            coarse,
            share,
            [NAMES[k] for k in present],
            coarse_thresh=preset.coarse_thresh,
            minimal_area=preset.minimal_area,
            sam_iou_thresh=preset.sam_iou_thresh,
            sam_mask_coff=preset.sam_mask_coff,
            batched_mask_prompt=preset.batched_mask_prompt,
            progress=False,
        )
        maps = {"coarse": coarse, "majority": majority(coarse, len(present)), "refined": refined}
        back = np.array([*present, *[255] * (256 - len(present))], np.uint8)
        for kind, found in maps.items():
            tables[kind].append(confusion(labels, back[found], len(NAMES)))
    stacked = {kind: np.array(rows) for kind, rows in tables.items()}

    def miou(rows: np.ndarray) -> float:
        return mean_iou(rows.sum(axis=0))

    found: dict = {kind: miou(rows) for kind, rows in stacked.items()}
    for other in ("coarse", "majority"):
        gain = paired(miou, stacked[other], stacked["refined"])
        found[f"refined_over_{other}"] = asdict(gain)
    return found


def frozen_set(name: str) -> dict:
    """Trident in the mirror, on one frozen set."""
    training = section_cases((training_section(k) for k in range(TRAINING)), NAMES)

    def cases():
        return section_cases(frozen(name), NAMES)

    rows = [
        *mirror(training, cases(), NAMES, not_minerals=()),
        *score(load_model("demo"), cases(), NAMES, refine=True, label="Trident, untuned"),
    ]
    print(f"frozen set {name}\n{score_table(rows)}")
    found = []
    for row in rows:
        numbers = {k: v for k, v in vars(row).items() if isinstance(v, (str, int, float))}
        if row.confusions is not None:
            numbers["miou_low"], numbers["miou_high"] = miou_interval(row)
        found.append({k: None if v != v else v for k, v in numbers.items()})
    return {"rows": found}


MEASURES = {
    "render": render,
    "dino": dino,
    "sam": sam,
    "near": near,
    "masks": masks,
    "reading": reading,
    "clip": clip,
    "sides": sides,
    "refine": refine,
}


def main(wanted: Sequence[str]) -> int:
    before = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    real = bool(os.environ.get("LUMENSTONE_DIR"))
    for part in wanted or (*TRADES, *SETS):
        if part in SETS:
            looks = before.get(part, {}).get("looks", 0) + 1
            found = {**frozen_set(part), "looks": looks}
        else:
            found = MEASURES[part](real)
            print(part, json.dumps(found, indent=1))
        before[part] = {**found, "record": record()}
        write_json(OUT, before)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
