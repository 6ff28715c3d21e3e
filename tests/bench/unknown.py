"""``python -m tests.bench.unknown [PART…]``: what becomes unknown when a mineral is missing from
the words, and how often warnings are right, into ``figures/results/unknown.json``.

All on digital sections that neither training nor calibration nor a frozen set draws. Parts, all by
default:

- ``ideas``: scores that were tried, on sections of the calibration: what each finds at 10 % lost;
- ``tuned``: the tuned model with the shipped calibration;
- ``base``: the untuned model, calibrated in the same way on the same sections;
- ``unseen``: textures, pairs of minerals and cameras that training never draws;
- ``strangers``: the mineral that is missing was never taught;
- ``photos``: the same sections taken too bright, too dark, with a cast, enlarged, shrunk.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm.auto import tqdm

from mineral_utils.confidence import (
    Calibration,
    load_calibration,
    look_alikes,
    photo_looks,
    with_unknown,
)
from mineral_utils.confidence.calibrating import (
    FIRST,
    Areas,
    Examined,
    Trials,
    calibrate,
    count_pixels,
    examine,
    questions,
)
from mineral_utils.metrics import bootstrap
from mineral_utils.minerals import vocabulary
from mineral_utils.run import record, write_json
from mineral_utils.sections import (
    TRAINING,
    UNSEEN,
    Camera,
    Pool,
    Section,
    render,
    reseed,
    validation_section,
)
from mineral_utils.sections.textures.pool import draw_minerals
from mineral_utils.segmenter import Scene, Segmenter, load_model

OUT = Path("figures/results/unknown.json")
TAUGHT = vocabulary().paper_names
REPORTED, COUNT = 4100, 80  # validation sections that are reported on
SOME, FEW = 40, 25  # sections of the smaller parts, and of `photos`, each taken ten times
PROMISED = {"missing_found": 0.60, "known_lost": 0.10}
LOSSES = (0.02, 0.05, 0.08, 0.10, 0.15, 0.20)


class Remembered:
    """A model that encodes each section once."""

    def __init__(self, model: Segmenter):
        self.model, self.scenes = model, {}

    def __getattr__(self, name: str):
        return getattr(self.model, name)

    def encode(self, image: np.ndarray, **options) -> Scene:
        key = hash(image.tobytes())
        if key not in self.scenes:
            self.scenes[key] = self.model.encode(image, **options)
        return self.scenes[key]


def reported(count: int = COUNT) -> Iterator[Section]:
    return map(validation_section, range(REPORTED, REPORTED + count))


def drawn(key: str, count: int, pool: Pool, fits: Callable[[Sequence[str]], bool], **options):
    """Sections of this bench's own: seeds by `key`, assemblages of the pool that fit."""
    for number in range(count):
        seed = reseed(key, number)
        rng = np.random.default_rng([seed, 7])
        while not fits(minerals := draw_minerals(rng, pool)):
            pass
        yield render(minerals, seed=seed, pool=pool, **options)


def tuned() -> Segmenter:
    return load_model("demo", adapter="miniature:ore")


def rates(trials: Trials, threshold: float) -> dict:
    """Shares of pixels below the threshold, with 95 % intervals over sections."""
    found = {"threshold": threshold, "trials": len(trials.missing)}
    found["sections"] = len(np.unique(trials.section))
    for part, words in (
        ("lacking", "missing_found"),
        ("known", "known_lost"),
        ("right", "right_lost"),
        ("empty", "no_mineral_unknown"),
    ):
        interval = bootstrap(
            lambda rows, part=part: trials.unknown(part, threshold, rows),
            len(trials.missing),
            groups=trials.section.tolist(),
        )
        found[words] = [interval.value, interval.lo, interval.hi]
    all_known, all_right = trials.known.sum(), trials.right.sum()
    found["right_of_known"] = float(all_right / all_known)
    kept = all_known * (1 - found["known_lost"][0])
    found["right_of_kept"] = float(all_right * (1 - found["right_lost"][0]) / kept)
    return found


def trade_off(trials: Trials) -> dict:
    """What is found where the threshold is set to lose just so much here."""
    return {f"{lost:.2f}": trials.unknown("lacking", trials.threshold(lost)) for lost in LOSSES}


def by_mineral(trials: Trials, threshold: float) -> dict:
    missing = np.array(trials.missing)
    return {
        name: {
            "trials": int((missing == name).sum()),
            "found": trials.unknown("lacking", threshold, np.flatnonzero(missing == name)),
        }
        for name in sorted(set(trials.missing))
    }


def alarms(areas: Areas, guess: float) -> dict:
    """How often areas no better than chance are called a guess, and good ones are."""
    called = areas.confidence < guess
    return {
        "guess_below": guess,
        "chance": int(areas.chance.sum()),
        "good": int(areas.good.sum()),
        "hit_rate": float(called[areas.chance].mean()) if areas.chance.any() else None,
        "false_alarms": float(called[areas.good].mean()) if areas.good.any() else None,
    }


def unfamiliar(looks: Mapping[str, np.ndarray], ranges: Mapping[str, tuple]) -> dict:
    """Share of photos outside of each range, and of any; nan (not read) is inside."""
    outside = {
        key: (values < ranges[key][0]) | (values > ranges[key][1]) for key, values in looks.items()
    }
    found = {key: float(rows.mean()) for key, rows in outside.items()}
    return found | {"any": float(np.any([*outside.values()], axis=0).mean())}


def summary(found: Examined, calibration: Calibration) -> dict:
    return {
        **rates(found.trials, calibration.threshold),
        "trade_off": trade_off(found.trials),
        "names": alarms(found.areas, calibration.guess),
    }


# ---- parts -------------------------------------------------------------------------------------
def part_tuned() -> dict:
    model, calibration = Remembered(tuned()), load_calibration()
    found = examine(model, reported(), calibration)
    nineteen = examine(model, reported(), calibration, among=TAUGHT)
    return {
        "promised": PROMISED,
        "calibration": calibration.measured,
        "reported": f"validation sections {REPORTED} to {REPORTED + COUNT - 1}",
        **summary(found, calibration),
        "by_mineral": by_mineral(found.trials, calibration.threshold),
        "excluded_pairs": found.excluded,
        "photos_unfamiliar": unfamiliar(found.looks, calibration.looks),
        "all_other_names_asked": rates(nineteen.trials, calibration.threshold),
    }


def part_base() -> dict:
    model, names = Remembered(load_model("demo")), load_calibration().rivals
    sections = map(validation_section, range(FIRST, FIRST + SOME))
    calibration = calibrate(model, names, sections)
    return summary(examine(model, reported(SOME), calibration), calibration)


def part_unseen() -> dict:
    def fits(minerals: Sequence[str]) -> bool:
        return set(minerals) <= set(TAUGHT)

    sections = drawn("unseen and reported", SOME, UNSEEN, fits, unseen_camera=True)
    calibration = load_calibration()
    found = examine(tuned(), sections, calibration)
    looks = unfamiliar(found.looks, calibration.looks)
    return summary(found, calibration) | {"photos_unfamiliar": looks}


def part_strangers() -> dict:
    """Assemblages with one mineral that was never taught, beside two or more that were."""

    def fits(minerals: Sequence[str]) -> bool:
        return len(minerals) > 2 and len(set(minerals) - set(TAUGHT)) == 1

    strangers = [name for name in vocabulary().names if name not in TAUGHT]
    sections = drawn("stranger", COUNT, TRAINING, fits)
    calibration = load_calibration()
    found = examine(tuned(), sections, calibration, left_out=strangers)
    row = summary(found, calibration)
    return row | {"by_mineral": by_mineral(found.trials, calibration.threshold)}


def part_ideas() -> dict:
    """Scores of a cell, each monotonously brought into 0 to 1; the higher the surer."""

    def margin(asked, rest):
        if asked.shape[-1] == 1:  # nothing to compare with: sure
            return asked.new_ones(asked.shape[:2])
        two = asked.topk(2).values
        return 1 - (-40 * (two[..., 0] - two[..., 1])).exp()

    ideas = {
        "best minus second of the names asked": margin,
        "best cosine": lambda asked, rest: asked.amax(-1).clamp(0, 1),
        "energy (log of the sum of the names asked)": lambda asked, rest: (
            (40 * asked).logsumexp(-1) / 80
        ).clamp(0, 1),
        "best asked against best other": lambda asked, rest: torch.sigmoid(
            40 * (asked.amax(-1) - rest.amax(-1))
        ),
        "names asked together against all others": lambda asked, rest: torch.sigmoid(
            (40 * asked).logsumexp(-1) - (40 * rest).logsumexp(-1)
        ),
    }
    model, calibration = tuned(), load_calibration()
    counts = {name: [] for name in (*ideas, "best asked against all others (taken)")}
    where, lacking = [], []
    for number in tqdm(range(FIRST, FIRST + SOME), desc="ideas"):
        section = validation_section(number)
        scene = model.encode(section.image, progress=False)
        for missing, words in questions(TAUGHT, section)[0]:
            result = scene.segment(words)
            judged = with_unknown(scene, result, 0, calibration=calibration)
            near = {n for word in words for n in look_alikes().get(word, ())}
            others = [w for n, w in calibration.rivals.items() if n not in words and n not in near]
            queries = model.encoders.text.embed(others)
            rest = scene.compare(queries, torch.arange(len(others)), others).cosine
            grids = {name: idea(result.cosine, rest) for name, idea in ideas.items()}
            grids["best asked against all others (taken)"] = judged.confidence
            for name, grid in grids.items():
                graded = replace(judged, confidence=grid)
                counts[name].append(count_pixels(section, missing, graded))
            where.append(number)
            lacking.append(missing)
    return {
        name: trade_off(
            Trials(np.array(where), tuple(lacking), *(np.array(p) for p in zip(*rows, strict=True)))
        )
        for name, rows in counts.items()
    }


def part_photos() -> dict:
    """Hit rates of what is said of the photo, one row a change; also of photos left as they are."""
    model, calibration = tuned(), load_calibration()
    looks: dict[str, list] = {name: [] for name in (*CHANGES, ENLARGED, SHRUNK)}
    for number in tqdm(range(REPORTED, REPORTED + FEW), desc="photos"):
        section, images = changed(number)
        for name, image in images.items():
            scene = model.encode(image, progress=False)
            judged = with_unknown(scene, scene.segment(list(section.names)))
            looks[name].append(photo_looks(scene, judged))
    keys = calibration.looks
    return {
        name: unfamiliar({k: np.array([r.get(k, np.nan) for r in rows]) for k in keys}, keys)
        for name, rows in looks.items()
    }


CHANGES = {
    "as it is": {},
    "exposure x 2": {"exposure": 2},
    "exposure x 3": {"exposure": 3},
    "exposure x 0.5": {"exposure": 1 / 2},
    "exposure x 0.33": {"exposure": 1 / 3},
    "red x 1.4, blue / 1.4": {"white_balance": (1.4, 1, 1 / 1.4)},
    "blue x 1.4, red / 1.4": {"white_balance": (1 / 1.4, 1, 1.4)},
    "green x 1.4": {"white_balance": (1, 1.4, 1)},
}
ENLARGED, SHRUNK = "enlarged x 4", "shrunk x 4"


def changed(number: int) -> tuple[Section, dict[str, np.ndarray]]:
    """A validation section, and its picture under every change of `CHANGES`: taken anew by another
    camera, or resampled."""
    section, found = validation_section(number), {}
    camera = Camera(**section.drawn["camera"])
    for name, change in CHANGES.items():
        balance = np.multiply(camera.white_balance, change.get("white_balance", 1)).tolist()
        exposure = camera.exposure * change.get("exposure", 1)
        other = replace(camera, exposure=exposure, white_balance=tuple(balance))
        found[name] = validation_section(number, camera=other).image
    picture = Image.fromarray(section.image)
    width, height = picture.size
    box = (width * 3 // 8, height * 3 // 8, width * 5 // 8, height * 5 // 8)
    enlarged = picture.resize(picture.size, Image.Resampling.BICUBIC, box=box)
    # a field four times as wide, mirrored at its edges
    wide = np.pad(section.image, ((0, height * 3), (0, width * 3), (0, 0)), "symmetric")
    shrunk = Image.fromarray(wide).resize(picture.size, Image.Resampling.BOX)
    return section, found | {ENLARGED: np.array(enlarged), SHRUNK: np.array(shrunk)}


PARTS = {
    "ideas": part_ideas,
    "tuned": part_tuned,
    "base": part_base,
    "unseen": part_unseen,
    "strangers": part_strangers,
    "photos": part_photos,
}


def main(wanted: Sequence[str]) -> int:
    for name in wanted or PARTS:
        if name not in PARTS:
            print(f"there is no part {name!r}; there are {', '.join(PARTS)}", file=sys.stderr)
            return 2
        row = PARTS[name]()
        found = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
        write_json(OUT, {**found, name: {**row, "record": record()}})
        print(name, json.dumps(row, indent=1, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
