"""One case of the bench, in a process of its own, so that its peak memory is its own.

``python -m tests.bench.case NAME`` prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from mineral_utils import load_photo, trident
from mineral_utils.dense import look, splice
from mineral_utils.encoders import Encoders, SamView, load_encoders
from mineral_utils.minerals import vocabulary
from mineral_utils.photos import as_photo
from mineral_utils.profiles import ModelSpec, Profile, load_preset
from mineral_utils.refine import refine
from mineral_utils.segmenter import Scene, Segmenter

from .floor import floor, product_rate

SIZES = {
    "448x336": (336, 448),
    "1024x768": (768, 1024),
    "12MP": (3000, 4000),
    "48MP": (6000, 8000),
}
FULL = Profile(
    name="bench",
    clip=ModelSpec("ViT-B-16", seed=1),
    dino=ModelSpec("vit_base_patch16_224.dino", seed=2),
    sam=ModelSpec("vit_b", seed=3),
    preset=load_preset("script336"),
)


def grains(size: tuple[int, int]) -> np.ndarray:
    """A picture of many soft blobs, uint8 [H, W, 3]: structure for the models, no data."""
    rng = np.random.default_rng(0)
    coarse = torch.from_numpy(rng.integers(20, 236, (1, 3, 24, 32))).float()
    picture = torch.nn.functional.interpolate(coarse, size, mode="bilinear")[0]
    return picture.round().byte().permute(1, 2, 0).numpy()


def timed(work: Callable, repeats: int = 1) -> tuple[float, object]:
    """Median seconds of a call, and its last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return sorted(seconds)[len(seconds) // 2], result


def peak_gb() -> float:
    """Largest resident size of this process so far, in GB (10^9 bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def measure(image: np.ndarray, model: Segmenter) -> dict:
    """Encode once stage by stage, ask again, refine; every time beside the machine's floor."""
    preset, encoders = model.preset, model.encoders
    work = floor(encoders, image.shape[:2], preset)
    rates, rounds = [product_rate()], []
    for _ in range(3 if image.size < 2**20 else 1):  # a small photo is over before a hiccup is
        view = spliced = embedded = None  # or two rounds would be in memory at once
        windows_s, (spliced, mean_over) = timed(lambda: splice(encoders, image, preset))
        rates.append(product_rate())
        sam_s, view = timed(lambda: look(encoders, image, preset))
        rates.append(product_rate())
        glue_s, embedded = timed(lambda view=view, map=spliced: _glue(encoders, view, map))
        rounds.append((windows_s, sam_s, glue_s))
    windows_s, sam_s, glue_s = (
        sorted(stage)[len(rounds) // 2] for stage in zip(*rounds, strict=True)
    )
    rate = sorted(rates)[len(rates) // 2]
    names = list(vocabulary().paper_names)
    encode_s = windows_s + sam_s + glue_s
    features = torch.nn.functional.normalize(embedded, dim=-1)
    view = replace(view, correlation=None)  # a user's scene does not hold it
    scene = Scene(as_photo(image), image.shape[:2], features, view, preset, model, mean_over)
    row = {
        "stages": {"windows_s": windows_s, "sam_s": sam_s, "aggregate_s": glue_s},
        "windows": window_count(image.shape[:2], model),
        "similarity_mean": mean_over,
        "gflop": work.total / 1e9,
        "gflops_rate": rate / 1e9,
        "rate_spread": (max(rates) - min(rates)) / rate,
        "floor_s": work.total / rate,
        "floor_stages_s": {"windows_s": work.windows / rate, "sam_s": work.sam / rate},
        "encode_s": encode_s,
    }
    text = encoders.text
    text.remember = False
    new_s, _ = timed(lambda: text.embed([names[0]]))
    scene.segment(names)
    ask_s, result = timed(lambda: scene.segment(names).labels, repeats=5)
    total = encode_s + ask_s
    return row | {
        "total_s": total,
        "times_floor": total / row["floor_s"],
        "new_name_s": new_s,
        "ask_again_s": ask_s,
        "requery_over_encode": ask_s / encode_s,
        "labels_found": int(len(np.unique(result))),
        "refine_s_per_prompt": refine_per_prompt(encoders, scene.view, image.shape[:2]),
        "peak_gb": peak_gb(),
    }


def _glue(encoders: Encoders, view: SamView, spliced: torch.Tensor) -> torch.Tensor:
    return encoders.clip.embed(trident.aggregate(view.correlation, spliced, view.grid))


def refine_per_prompt(encoders: Encoders, view: SamView, size: tuple[int, int]) -> float:
    """Seconds a prompt on a fixed map of 20 square components."""
    labels = np.full(size, 255, np.uint8)
    height, width = size[0] // 4, size[1] // 5
    for row in range(4):
        for column in range(5):
            top, left = row * height, column * width
            labels[top + 4 : top + height - 4, left + 4 : left + width - 4] = 0
    share = torch.full(size, 0.9)
    seconds, (_, prompts) = timed(
        lambda: refine(
            encoders.sam.sam,
            view,
            labels,
            lambda index: share,
            ["one"],
            sam_iou_thresh=-1e9,
            progress=False,
        )
    )
    if len(prompts) != 20:
        raise RuntimeError(f"the fixed map has {len(prompts)} components, not 20")
    return seconds / 20


def thin(encoders: Encoders) -> list[torch.nn.Module]:
    """Cut every tower to one layer at full width. Returns what was cut: kept alive, its memory
    goes on counting as it would."""
    visual, vit, encoder = encoders.clip.visual, encoders.dino.vit, encoders.sam.encoder
    cut = [visual.transformer.resblocks, vit.blocks, encoder.blocks]
    visual.transformer.resblocks = torch.nn.ModuleList([cut[0][0], cut[0][-1]])
    vit.blocks = torch.nn.Sequential(cut[1][0])
    encoder.blocks = torch.nn.ModuleList([cut[2][-1]])
    return cut


def window_count(size: tuple[int, int], model: Segmenter) -> int:
    crop, patch = model.preset.crop, model.encoders.clip.patch
    return len(trident.windows(*trident.view_size(*size, crop, patch), crop, model.preset.stride))


def main(name: str) -> None:
    if name in SIZES:
        image = grains(SIZES[name])
    else:
        image = load_photo(Path(os.environ["LUMENSTONE_DIR"]) / name).image
    model = Segmenter(load_encoders(FULL), FULL.preset, FULL.name)
    if name.endswith("MP"):
        cut = thin(model.encoders)
        seconds, scene = timed(lambda: model.encode(image, progress=False))
        scene.segment(list(vocabulary().paper_names)).labels  # noqa: B018
        row = {
            "windows": window_count(image.shape[:2], model),
            "layers_cut": sum(len(blocks) for blocks in cut) - 4,
            "similarity_mean": scene.similarity_mean,
            "thin_encode_s": seconds,
            "peak_gb": peak_gb(),
        }
    else:
        model.encode(grains((336, 448)), progress=False)  # warm up
        row = measure(image, model)
    print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1])
