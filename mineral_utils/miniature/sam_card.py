"""The small SAM's weights as they ship, and their card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from segment_anything.modeling import Sam

from .checkpointed import KNOWN, read_checkpoint
from .sam_measure import evaluate, held_out
from .sam_model import ARCHITECTURE, COMMAND, new_model
from .store import FOLDER, save_weights


def load_average(out: str | Path) -> tuple[Sam, dict]:
    """The averaged weights of a training folder, in evaluation mode, and what is known of it
    (`KNOWN`).

    Raises
    ------
    FileNotFoundError
        No checkpoint there.
    """
    saved = read_checkpoint(out, COMMAND)
    sam = new_model(saved["recipe"]["seed"])
    sam.load_state_dict(saved["mean"])
    return sam.eval(), {key: saved[key] for key in KNOWN}


def export(
    out: str | Path, folder: str | Path = FOLDER, numbers: Mapping[str, object] | None = None
) -> Path:
    """Write weights as float16 and their card; the numbers are those of the rounded weights.

    Parameters
    ----------
    out : the folder of the training
    folder : where `sam.safetensors` and `sam.json` go, the package's own by default
    numbers : measured elsewhere (digital sections, photos), to stand on the card too

    Returns
    -------
    Path
        The safetensors file.
    """
    sam, told = load_average(out)
    sam.load_state_dict({name: value.half() for name, value in sam.state_dict().items()})
    world = evaluate(sam, held_out(48))
    kept = {k: round(v["mean"], 3) if isinstance(v, dict) else v for k, v in world.items()}
    kept.pop("by_fill")
    kept["calibration"] = round(world["calibration"], 3)
    card = {
        "title": "Small SAM of the general world",
        "architecture": ARCHITECTURE,
        "data": (
            f"{told['recipe']['scenes']} scenes of mineral_utils.miniature.world with exact "
            "segments, seen through windows, turns, scales, lights, blur, noise and specks. No "
            "ore texture, no mineral, no photo."
        ),
        "recipe": (
            "Cross-entropy and dice on masks at a quarter of the size, against the share of each "
            "cell that the target covers; targets are pieces, and pieces of one look that hang "
            "together. Prompts: single points (the best of three answers is taught), jittered "
            "boxes, box and point with a coarse class map times 0.005 as refinement gives them, "
            "logits, and clicks on errors. Beside it, what lies around a target must be told from "
            "it by some linear reading of the upscaled picture (sam_model.unreadable), and tokens "
            "of the last block are taught to attend to their own look (sam_model.mishearing), "
            "which is what Trident's correlation reads. A share of the targets lies in nets, veins "
            "and islands laid over the scenes. The first "
            "weights hold circuits that read boxes and clicks and pass colours and coarse masks "
            "on (sam_start, sam_colour). The expected IoU is taught by squared error. AdamW, one "
            "cosine; running mean of weights. First windows of 224 px of the 896-px canvas, then "
            "448, at last all of it. Made again by: "
            f"mineral_utils.miniature.sam.train(out, {_words(told)})"
            + (", begun with the weights that these replace" if told["recipe"]["onward"] else "")
        ),
        "time": {
            "steps": told["step"],
            "minutes": round(told["seconds"] / 60, 1),
            "hardware": told["hardware"],
        },
        "numbers": {"world_held_out": kept} | dict(numbers or {}),
        "limits": (
            "On digital sections a box alone gives a better mask than Otsu's threshold of the grey "
            "levels in it, on photos, from afar, one no better; veins, nets and other grains that "
            "fill less than a third of their box are mostly missed. Photos larger than 896 px are "
            "shrunk: look closer at small grains (encoders.outline.look_closer). "
            "Keep masks above an expected IoU of 0.5, not 0.9. Wants mask prompts with a "
            "batch axis (batched_mask_prompt: true). Knows no mineral; learnt from drawn scenes."
        ),
        "licence": "Apache-2.0",
    }
    return save_weights("sam", sam.state_dict(), card, folder)


def _words(told: Mapping) -> str:
    """The arguments with which a training was called."""
    said = {"minutes": round(told["seconds"] / 60, 1)} | told["changes"]
    return ", ".join(f"{key}={value!r}" for key, value in said.items())
