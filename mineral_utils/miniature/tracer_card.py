"""The tracer's weights as they ship, and their card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..encoders.build import build_sam
from ..encoders.outline import draw_in_box, look_at, window_around
from ..encoders.sam import SamEncoder
from ..encoders.tracer import ROOM, SIDE, Tracer
from ..profiles import load_profile
from .checkpointed import KNOWN, read_checkpoint
from .sam_measure import draw_grains, held_out, iou
from .sam_prompts import box_of
from .store import FOLDER, save_weights

COMMAND = "python -m mineral_utils.miniature tracer"
SCENES = 12  # held-out scenes that the card measures


def load_average(out: str | Path) -> tuple[Tracer, dict]:
    """The averaged weights of a training folder, in evaluation mode, and what is known of it
    (`KNOWN`).

    Raises
    ------
    FileNotFoundError
        No checkpoint there.
    """
    saved = read_checkpoint(out, COMMAND)
    tracer = Tracer(saved["recipe"]["width"])
    tracer.load_state_dict(saved["mean"])
    return tracer.eval(), {key: saved[key] for key in KNOWN}


def compare(
    encoder: SamEncoder, cases: Iterable[tuple[np.ndarray, np.ndarray]], most: int = 12
) -> dict[str, float]:
    """How well boxes are answered by a closer look, traced and not.

    Parameters
    ----------
    encoder : with a tracer
    cases : pairs of image uint8 [H, W, 3] and labels uint8 [H, W]
    most : grains of one picture

    Returns
    -------
    dict: ``grains``, and mean IoU ``traced`` and ``untraced``
    """
    found = []
    for number, (image, labels) in enumerate(cases):
        grains, _ = draw_grains(labels, number, 400, most, (255,), 0)
        for grain in grains:
            box = box_of(grain)
            window = look_at(encoder, image, window_around(box, grain.shape))
            ways = (window, replace(window, tracer=None))
            drawn = (draw_in_box(encoder.sam, one, grain.shape, box) for one in ways)
            found.append([iou(one.mask, grain) for one in drawn])
    traced, untraced = np.mean(found, 0)
    return {"grains": len(found), "traced": float(traced), "untraced": float(untraced)}


def export(
    out: str | Path,
    folder: str | Path = FOLDER,
    numbers: Mapping[str, object] | None = None,
    scenes: int = SCENES,
) -> Path:
    """Write weights as float16 and their card; the numbers are those of the rounded weights, with
    the shipped SAM, on held-out scenes of the general world.

    Parameters
    ----------
    out : the folder of the training
    folder : where `tracer.safetensors` and `tracer.json` go, the package's own by default
    numbers : measured elsewhere (digital sections, photos), to stand on the card too
    scenes : how many scenes are measured

    Returns
    -------
    Path
        The safetensors file.
    """
    tracer, told = load_average(out)
    tracer.load_state_dict({name: value.half() for name, value in tracer.state_dict().items()})
    encoder = SamEncoder(build_sam(load_profile("demo").sam), tracer=tracer)
    world = {key: round(value, 3) for key, value in compare(encoder, held_out(scenes)).items()}
    changes = "".join(f", {key}={value!r}" for key, value in told["changes"].items())
    card = {
        "title": "Small network that traces outlines after SAM",
        "architecture": {"width": told["recipe"]["width"], "side": SIDE, "room": ROOM},
        "data": (
            f"{told['recipe']['scenes']} scenes of mineral_utils.miniature.world with exact "
            "segments, seen as SAM's training sees them; over them nets, layers as of maps, "
            "scattered sticks, and as what parts nothing, cells of slightly differing brightness "
            "and scratches. No ore texture, no mineral, no photo."
        ),
        "recipe": (
            "U-Net with attention at an eighth of the size. It sees the crop around a box, SAM's "
            "answer, the box and where the picture ends, and learns the truth in the crop's pixels "
            "by cross-entropy and dice. SAM (the shipped one, not trained here) is asked by box; "
            "box and point; box and coarse mask, whose box the tracer is told or not; and point. "
            "Half of the boxes are exact, the others a little off. AdamW, one cosine; running mean "
            "of weights. Made again by: mineral_utils.miniature.tracer.train(out, "
            f"minutes={told['seconds'] / 60:.1f}{changes})"
        ),
        "time": {
            "steps": told["step"],
            "minutes": round(told["seconds"] / 60, 1),
            "hardware": told["hardware"],
        },
        "numbers": {"world_held_out_by_box": world, **(numbers or {})},
        "limits": (
            "Grains that fill little of their box (bands, nets, needles) are still often missed. "
            "Layers and sticks were added to its scenes after a look at what was missed on digital "
            "training sections, so that it is less ignorant of shapes than the other three. Learnt "
            "with the small SAM's answers; what it does after another SAM is not measured. Knows "
            "no mineral; learnt from drawn scenes."
        ),
        "licence": "Apache-2.0",
    }
    return save_weights("tracer", tracer.state_dict(), card, folder)
