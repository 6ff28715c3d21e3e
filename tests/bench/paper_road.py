"""``python -m tests.bench.paper_road [LESSON…]``: the paper road, dry.

Lessons 01, 03 and 05 to 08 with full-size models whose weights are random but lie in files of the
official layouts, a ledger of 40 small pictures of ours, three steps of training, two small photos:
every cell must pass, and every lesson must write the names of its numbers. Minutes on a CPU. What
passed goes into ``figures/results/paper_road.json``.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import open_clip
import timm
import torch
import yaml
from PIL import Image
from segment_anything import sam_model_registry

from mineral_utils.dataset import export_dataset, make_dataset
from mineral_utils.demo import declared_parameters, execute_lesson, find_lessons
from mineral_utils.photos.ledger import Ledger
from mineral_utils.run import write_json
from mineral_utils.sections import training_section
from tests.checkpoints import write_open_clip_training, write_pt
from tests.ledgers import row

OUT = Path("figures/results/paper_road.json")
LESSONS = ("01", "03", "05", "06", "07", "08")
PICTURES, SIDE = 40, (168, 224)
MINERALS = ("Pyrite", "Galena", "Sphalerite", "Chalcopyrite", "Quartz")


def write_profile(folder: Path) -> Path:
    """The paper's three models with random weights, each in the layout of its publisher."""
    torch.manual_seed(0)
    clip = open_clip.CLIP(**open_clip.get_model_config("ViT-B-16"))
    write_open_clip_training(folder / "clip.pt", clip.state_dict())
    dino = timm.create_model("vit_base_patch16_224.dino", num_classes=0)
    write_pt(folder / "dino.pth", dino.state_dict())
    write_pt(folder / "sam.pth", sam_model_registry["vit_b"]().state_dict())
    profile = {
        "name": "paper-dry",
        "note": "full-size models with random weights",
        "warning": "The weights are random: this road was walked to see that it is passable.",
        "clip": {"architecture": "ViT-B-16", "weights": str(folder / "clip.pt")},
        "dino": {
            "architecture": "vit_base_patch16_224.dino",
            "weights": str(folder / "dino.pth"),
        },
        "sam": {"architecture": "vit_b", "weights": str(folder / "sam.pth")},
        "preset": "script336",
    }
    path = folder / "paper-dry.yaml"
    path.write_text(yaml.safe_dump(profile), encoding="utf-8")
    return path


def write_ledger(folder: Path) -> Path:
    """Forty small pictures of two minerals each, with titles and texts."""
    import io

    with Ledger(folder) as ledger:
        for number in range(PICTURES):
            section = training_section(number)
            picture = Image.fromarray(section.image).resize(SIDE[::-1], Image.Resampling.BICUBIC)
            file = io.BytesIO()
            picture.save(file, "PNG")
            names = [MINERALS[number % 5], MINERALS[(number // 5 + number + 1) % 5]]
            names = names[:1] if names[0] == names[1] else names
            one = row(
                f"dry-{number}",
                names,
                caption=f"{' with '.join(names)}. FOV 1 mm",
                specimen=f"specimen {number // 2}",
                locality=f"deposit {number // 8}",
                photographer=f"photographer {number // 10}",
                licence="Apache-2.0",
                may_redistribute=True,
            )
            ledger.add(
                type(one)(**{**one.to_dict(), "file_name": None, "sha256": None}), file.getvalue()
            )
    return folder


def parameters(lesson: Path, places: dict[str, str]) -> dict:
    """Small values for the knobs that the lesson has."""
    known = declared_parameters(lesson)
    wanted = {
        "PROFILE": places["profile"],
        "LEDGER": places["ledger"],
        "DATASET": places["dataset"],
        "PHOTO": places["photo"],
        "ADAPTER": places.get("adapter", ""),  # of lesson 05, once it has run
        "RECIPE": "one-hot",
    }
    wanted |= SMALL.get(lesson.stem[:2], {})
    return {name: value for name, value in wanted.items() if name in known}


# knobs of single lessons, as small as they go
SMALL: dict[str, dict] = {
    "01": {"LEDGER": "my_ledger"},
    "03": {"TOP": 5, "DRAWS": 3},
    "05": {"EPOCHS": 3, "VALIDATION": 1, "EARLY": [1]},
    "07": {"SETS": "validation", "COUNTS": {"validation": 2}, "CHOOSING": 1, "TRAINING": 2},
    "08": {"TEXTS": 4, "TABLES": 1},
}


def main(wanted: Sequence[str]) -> int:
    found: dict[str, dict] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        ledger = write_ledger(folder / "ledger")
        with Ledger(ledger) as rows:
            dataset = make_dataset(list(rows), minerals=len(MINERALS))
        export_dataset(dataset, ledger, folder / "dataset")
        Image.fromarray(training_section(3).image).save(folder / "photo.png")  # a window high
        places = {
            "profile": str(write_profile(folder)),
            "ledger": str(ledger),
            "dataset": str(folder / "dataset"),
            "photo": str(folder / "photo.png"),
        }
        for lesson in find_lessons():
            if lesson.stem[:2] not in (wanted or LESSONS):
                continue
            out, began = folder / "runs" / lesson.stem, time.perf_counter()
            given = parameters(lesson, places) | {"OUT_DIR": str(folder / "runs")}
            execute_lesson(lesson, out / lesson.name, given)
            written = sorted((folder / "runs").rglob(f"{lesson.stem}/metrics.json"))
            numbers = json.loads(written[-1].read_text(encoding="utf-8"))
            found[lesson.stem] = {"metrics": sorted(numbers)}
            seconds = round(time.perf_counter() - began)
            print(f"{lesson.stem}, {seconds} s:", *sorted(numbers), flush=True)
            places["adapter"] = str(next((folder / "runs").rglob("tuned/adapter.safetensors"), ""))
    before = json.loads(OUT.read_text(encoding="utf-8")) if OUT.exists() else {}
    write_json(OUT, before | found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
