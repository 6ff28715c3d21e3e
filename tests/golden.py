"""Known answers for Trident: ``python -m tests.golden FILE.npz…`` prints one JSON line a file.

Each file holds small random models, one picture, and what the original implementation computes
from them. Printed are the largest absolute errors of ``window_feats``, ``clip`` and ``logits``
(null where the file lacks them) and the shares of equal pixels ``coarse_agree``,
``refined_agree``.

SAM's correlation has a hard threshold, and for a handful of pairs in a million the cosine lies on
it, to the last bit: each processor decides otherwise, and one cell in 3000 or so moves by 1e-3.
Such ties are turned the way the file has them (see `tests.ties`): ``ties`` says how many pairs lie
within 4e-6 of their threshold, ``ties_turned`` how many were turned, ``clip_unsettled`` and
``coarse_unsettled`` what ``clip`` and ``coarse_agree`` were before. AVX2 kernels, as those that
made the files, are asked for before torch is loaded; they leave the fewest ties to turn.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

if "torch" not in sys.modules:
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
    os.environ.setdefault("DNNL_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("MKL_CBWR", "AVX2")

import numpy as np
import torch

from mineral_utils import trident
from mineral_utils.dense import window_features
from mineral_utils.encoders import (
    ClipVisual,
    Dino,
    Encoders,
    build_clip_visual,
    build_dino,
    build_sam,
)
from mineral_utils.profiles import ModelSpec, Preset
from mineral_utils.segmenter import Segmenter
from mineral_utils.weights import load_into

from .ties import SettledSam, settle

PARAMETERS = (
    *("crop", "stride", "logit_scale", "prob_thd", "beta", "gamma", "cos_fac", "refine_neg_cos"),
    *("coarse_thresh", "minimal_area", "sam_mask_coff", "sam_iou_thresh"),
)


def load_case(path: Path) -> tuple[dict, dict[str, np.ndarray], Segmenter]:
    """The configuration, the arrays, and a segmenter with the file's models."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    config = json.loads(str(arrays.pop("config")))
    clip = build_clip_visual(**config["clip"])
    dino_sizes = config["dino"]
    dino = build_dino(
        ModelSpec(
            {
                "img_size": 224,
                "patch_size": 16,
                "embed_dim": dino_sizes["width"],
                "depth": dino_sizes["layers"],
                "num_heads": dino_sizes["heads"],
            }
        )
    )
    sam = build_sam(ModelSpec(config["sam"]))
    for module, prefix in ((clip, "clip_visual/"), (dino, "dino/"), (sam, "sam/")):
        state = {
            key.removeprefix(prefix): torch.from_numpy(value).float()
            for key, value in arrays.items()
            if key.startswith(prefix)
        }
        load_into(module, state, f"{prefix[:-1]} of {path.name}")
    preset = Preset(
        name=path.stem,
        similarity_mean="photo",
        **{key: config[key] for key in PARAMETERS if key in config},
    )
    return (
        config,
        arrays,
        Segmenter(Encoders(ClipVisual(clip), Dino(dino), SettledSam(sam)), preset),
    )


def check(path: Path) -> dict:
    """Compare one file; see the module's docstring for what is returned."""
    config, arrays, model = load_case(path)
    image = arrays["image"]
    scene = model.encode(image, keep_stages=True, progress=False)
    row: dict = {"file": path.name, "window_feats": None, "clip": None, "logits": None}
    if "window_feats" in arrays:
        seen = [f.flatten(1, 2) for _, f in window_features(model.encoders, image, model.preset)]
        found = torch.cat(seen).transpose(0, 1).numpy()[::4, :6]
        row["window_feats"] = float(np.abs(found - arrays["window_feats"]).max())
    queries = torch.from_numpy(arrays["queries"])
    if "clip" in arrays:
        stages, embed = scene.stages, model.encoders.clip.embed
        wanted = arrays["clip"][0]

        def error() -> float:
            pooled = trident.aggregate(scene.stages["correlation"], stages["spliced"], grid)
            return float(np.abs(embed(pooled).numpy() - wanted).max())

        grid = scene.view.grid
        row["clip_unsettled"] = error()
        if "coarse" in arrays:
            row["coarse_unsettled"] = _coarse_agree(scene, queries, arrays)
        ties = settle(model.encoders.sam, stages["spliced"], embed, wanted)
        row["ties"], row["ties_turned"] = ties
        if row["ties_turned"]:
            scene = model.encode(image, keep_stages=True, progress=False)
        row["clip"] = error()
    classes = len(queries)
    result = scene.compare(queries, torch.arange(classes), [str(k) for k in range(classes)])
    if "logits" in arrays:
        height, width = image.shape[:2]
        whole = trident.upsample_rows(result.cosine, (height, width), slice(None))
        found = whole.permute(2, 0, 1)[:, ::4, ::4].numpy()
        row["logits"] = float(np.abs(found - arrays["logits"]).max())
    row["coarse_agree"] = row["refined_agree"] = None
    if "coarse" in arrays:
        row["coarse_agree"] = _coarse_agree(scene, queries, arrays)
    if "refined" in arrays:
        fine = result.refine(scene, unknown=0, progress=False)
        row["refined_agree"] = float((fine.labels == arrays["refined"]).mean())
    return row


def _coarse_agree(scene, queries: torch.Tensor, arrays: dict[str, np.ndarray]) -> float:
    """Share of pixels whose coarse label is the file's. The original gives pixels under prob_thd
    to class 0, before refinement too."""
    classes = len(queries)
    result = scene.compare(queries, torch.arange(classes), [str(k) for k in range(classes)])
    return float((result.coarse_labels(unknown=0) == arrays["coarse"]).mean())


def main(paths: list[str]) -> int:
    if not paths:
        print(__doc__)
        return 2
    for path in paths:
        print(json.dumps(check(Path(path))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
