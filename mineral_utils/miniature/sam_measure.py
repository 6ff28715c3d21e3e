"""How well a SAM cuts out grains: IoU for one point, a box, a box with a coarse mask.

A *grain* is an 8-connected component of a class in a label image. Beside SAM stand three that
learnt nothing: the box itself, the ellipse in it, and Otsu's threshold of its grey levels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from segment_anything.modeling import Sam

from ..encoders.sam import SamEncoder, longest_side
from .sam_model import ARCHITECTURE, COMMAND, new_model
from .sam_prompts import COEFFICIENT, EIGHT, box_of
from .sam_scenes import find_looks
from .store import FOLDER, save_weights
from .world import scene

MEASURES = ("point", "box", "mask", "whole_box", "ellipse", "otsu")
FILLS = (0.0, 0.3, 0.45, 0.6, 0.75, 1.0)  # share of its box that a grain fills


@dataclass(frozen=True)
class GrainScore:
    """IoU of one grain, by prompt and by baseline.

    case : number of the photo
    area : px of the grain
    point : one point, the one farthest from the border; of three answers the one SAM likes best
    box : the bounding box
    mask : bounding box, and the grain eroded and jittered as mask prompt
    whole_box, ellipse, otsu : baselines inside the bounding box
    expected : IoU that SAM expected of its answer to the box
    """

    case: int
    area: int
    point: float
    box: float
    mask: float
    whole_box: float
    ellipse: float
    otsu: float
    expected: float


def evaluate(
    sam: Sam,
    cases: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    smallest: int = 400,
    most: int = 40,
    ignore: Sequence[int] = (255,),
    seed: int = 0,
) -> dict:
    """Mean IoU over grains, with intervals over photos.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    cases : pairs of image uint8 [H, W, 3] and labels uint8 [H, W]
    smallest : smallest grain in px
    most : grains of one photo, drawn where there are more
    ignore : labels that are no class
    seed : of the draw and of the coarse masks

    Returns
    -------
    dict: ``grains``, ``photos``, and for each of ``point``, ``box``, ``mask``, ``whole_box``,
    ``ellipse``, ``otsu`` a dict of ``mean``, ``low``, ``high`` (95 %, photos drawn with
    replacement), plus ``calibration``: mean difference of expected and true IoU of the boxes, and
    ``by_fill``: grains by the share of their box that they fill (a vein or a net between grains
    fills little of it), each a dict of ``from``, ``to``, ``share`` of grains, ``box``, ``mask``,
    ``otsu``

    Raises
    ------
    ValueError
        No grain of that size in any case.
    """
    scores = score_grains(sam, cases, smallest=smallest, most=most, ignore=ignore, seed=seed)
    if not scores:
        raise ValueError(f"no grain of {smallest} px or more in these photos; lower `smallest`")
    numbers = np.array([s.case for s in scores])
    photos = np.unique(numbers)
    rng = np.random.default_rng(seed)
    draws = rng.integers(len(photos), size=(1000, len(photos)))
    counts = np.array([(numbers == photo).sum() for photo in photos])
    result = {"grains": len(scores), "photos": len(photos)}
    for name in MEASURES:
        values = np.array([asdict(s)[name] for s in scores])
        sums = np.array([values[numbers == photo].sum() for photo in photos])
        means = sums[draws].sum(1) / counts[draws].sum(1)
        low, high = np.quantile(means, (0.025, 0.975))
        result[name] = {"mean": float(values.mean()), "low": float(low), "high": float(high)}
    result["calibration"] = float(np.mean([s.expected - s.box for s in scores]))
    result["by_fill"] = _by_fill(scores)
    return result


def _by_fill(scores: Sequence[GrainScore]) -> list[dict[str, float]]:
    rows = []
    for low, high in zip(FILLS[:-1], FILLS[1:], strict=True):
        some = [s for s in scores if low < s.whole_box <= high]
        if some:
            row = {"from": low, "to": high, "share": len(some) / len(scores)}
            means = {k: float(np.mean([getattr(s, k) for s in some])) for k in ("box", "mask")}
            rows.append(row | means | {"otsu": float(np.mean([s.otsu for s in some]))})
    return rows


def held_out(
    count: int, size: tuple[int, int] = (336, 448), seed: int = 999
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Scenes of the general world that no training draws, with looks as labels: pairs of image
    uint8 [H, W, 3] and labels uint8 [H, W], equal where colour and surface are."""
    for number in range(count):
        drawn = scene(np.random.default_rng((seed, 7, number)), size)
        looks = find_looks(drawn.image, drawn.segments, drawn.things)
        yield drawn.image, np.minimum(looks, 254).astype(np.uint8)[drawn.segments]


@torch.inference_mode()
def score_grains(
    sam: Sam,
    cases: Iterable[tuple[np.ndarray, np.ndarray]],
    *,
    smallest: int = 400,
    most: int = 40,
    ignore: Sequence[int] = (255,),
    seed: int = 0,
) -> list[GrainScore]:
    """The scores one by one; parameters as in `evaluate`."""
    encoder, scores = SamEncoder(sam, sam.device), []
    for number, (image, labels) in enumerate(cases):
        rng = np.random.default_rng((seed, number))
        grains = [g for g in find_grains(labels, smallest, ignore)]
        if len(grains) > most:
            grains = [grains[i] for i in sorted(rng.choice(len(grains), most, replace=False))]
        if not grains:
            continue
        embedding = sam.image_encoder(encoder.pixels(image))
        for mask in grains:
            scores.append(_score(sam, embedding, image, mask, number, rng))
    return scores


def find_grains(
    labels: np.ndarray, smallest: int, ignore: Sequence[int] = (255,)
) -> Iterable[np.ndarray]:
    """Grains of a label image uint8 [H, W], each bool [H, W]."""
    for value in np.unique(labels):
        if value in ignore:
            continue
        parts, _ = ndimage.label(labels == value, EIGHT)
        areas = np.bincount(parts.ravel())
        areas[0] = 0
        for part in np.flatnonzero(areas >= smallest):
            yield parts == part


def _score(sam, embedding, image, mask, number, rng) -> GrainScore:
    height, width = mask.shape
    scale = torch.tensor(longest_side(height, width, sam.image_encoder.img_size))
    scale = (scale / torch.tensor([height, width])).flip(0)
    box = box_of(mask)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    y, x = np.unravel_index(depth.argmax(), mask.shape)
    point = (torch.tensor([[[float(x), float(y)]]]) * scale).to(sam.device)
    corners = (torch.from_numpy(box).view(2, 2) * scale).view(1, 4).to(sam.device)
    hint = mask_prompt(sam, coarse_grain(mask, rng)).to(sam.device)

    def ask(points=None, boxes=None, masks=None, several=False) -> tuple[float, float]:
        signs = None if points is None else (points, torch.ones(1, 1, device=sam.device))
        sparse, dense = sam.prompt_encoder(signs, boxes, masks)
        logits, expected = sam.mask_decoder(
            image_embeddings=embedding,
            image_pe=sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=several,
        )
        best = int(expected[0].argmax())
        size = longest_side(height, width, sam.image_encoder.img_size)
        said = sam.postprocess_masks(logits[:, best : best + 1], size, (height, width))
        return iou(said[0, 0].cpu().numpy() > 0, mask), float(expected[0, best])

    from_box, expected = ask(boxes=corners)
    return GrainScore(
        case=number,
        area=int(mask.sum()),
        point=ask(points=point, several=True)[0],
        box=from_box,
        mask=ask(boxes=corners, masks=hint)[0],
        expected=expected,
        **{name: iou(said, mask) for name, said in baselines(image, box).items()},
    )


def same_class(sam: Sam, cases: Iterable[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """How much of its correlation a cell of the photo gives to cells of its own class.

    Parameters
    ----------
    sam : segment_anything.modeling.Sam
    cases : pairs of image uint8 [H, W, 3] and labels uint8 [H, W], 255 takes no part

    Returns
    -------
    dict: ``share``, and ``chance``, if it gave to all cells alike; means over photos
    """
    encoder, share, chance = SamEncoder(sam, sam.device), [], []
    for image, labels in cases:
        view = encoder.look(image)
        rows, columns = (
            ((np.arange(n) + 0.5) * side / n).astype(int)
            for n, side in zip(view.grid, labels.shape, strict=True)
        )
        owner = labels[rows][:, columns].ravel()
        known = torch.from_numpy(owner != 255)
        same = torch.from_numpy(owner[:, None] == owner[None])[known][:, known].float()
        weight = view.correlation.cpu()[known][:, known]
        share.append(float(((weight * same).sum(1) / weight.sum(1).clamp(min=1e-9)).mean()))
        chance.append(float(same.mean()))
    return {"share": float(np.mean(share)), "chance": float(np.mean(chance))}


def iou(said: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks bool [H, W]; 1 where both are empty."""
    union = (said | truth).sum()
    return float((said & truth).sum() / union) if union else 1.0


def coarse_grain(mask: np.ndarray, rng: np.random.Generator, most: float = 8.0) -> np.ndarray:
    """A grain eroded and jittered: bool [H, W] to bool [H, W].

    The border moves to and fro by up to a fifth of the grain's size (the root of its area), at
    most `most` px, and draws back by half of that; the deepest pixel always stays.
    """
    reach = min(most, 0.2 * float(mask.sum()) ** 0.5)
    knots = torch.from_numpy(rng.uniform(-reach, reach, (1, 2, 12, 12)).astype(np.float32))
    shift = F.interpolate(knots, mask.shape, mode="bicubic")[0].numpy()
    rows, columns = np.indices(mask.shape)
    rows = np.clip(np.rint(rows + shift[0]), 0, mask.shape[0] - 1).astype(int)
    columns = np.clip(np.rint(columns + shift[1]), 0, mask.shape[1] - 1).astype(int)
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return depth[rows, columns] > min(reach / 2, depth.max() - 0.5)


def mask_prompt(sam: Sam, mask: np.ndarray, sure: float = 0.9) -> torch.Tensor:
    """A mask as `mineral_utils.refine` gives it to SAM, float32 [1, 1, cells, cells]: probability
    `sure` inside and 0 outside, times 0.005."""
    side = sam.prompt_encoder.mask_input_size[0]
    size = longest_side(*mask.shape, side)
    share = torch.from_numpy(mask.astype(np.float32))[None, None]
    small = F.interpolate(share, size, mode="bilinear", antialias=True) * (sure * COEFFICIENT)
    return F.pad(small, (0, side - size[1], 0, side - size[0]))


def baselines(image: np.ndarray, box: np.ndarray) -> dict[str, np.ndarray]:
    """Masks by box (x1, y1, x2, y2), ends included: the whole of it, the ellipse in it, Otsu's
    threshold of its grey levels (the side that holds most of the ellipse). bool [H, W] each."""
    x1, y1, x2, y2 = (int(v) for v in box)
    inside = (slice(y1, y2 + 1), slice(x1, x2 + 1))
    height, width = y2 - y1 + 1, x2 - x1 + 1
    y, x = (2 * np.arange(n) + 1 - n for n in (height, width))  # twice the way from the middle
    round_one = (y[:, None] / height) ** 2 + (x[None] / width) ** 2 <= 1
    grey = image[inside].mean(-1)
    bright = grey > otsu(grey)
    if bright[round_one].mean() < 0.5:
        bright = ~bright
    result = {}
    for name, part in (("whole_box", True), ("ellipse", round_one), ("otsu", bright)):
        result[name] = np.zeros(image.shape[:2], bool)
        result[name][inside] = part
    return result


def otsu(grey: np.ndarray) -> float:
    """The threshold that parts grey levels into two groups as different as can be (N. Otsu 1979),
    in levels: the greatest variance between groups."""
    levels, counts = np.unique(np.rint(grey).astype(int), return_counts=True)
    if len(levels) < 2:
        return float(levels[0])
    below, total = np.cumsum(counts)[:-1], counts.sum()
    sums = np.cumsum(counts * levels)
    low, high = sums[:-1] / below, (sums[-1] - sums[:-1]) / (total - below)
    best = (below * (total - below) * (high - low) ** 2).argmax()
    return float(levels[best])


# ---- weights and card --------------------------------------------------------------------------
def load_average(out: str | Path) -> tuple[Sam, dict]:
    """The averaged weights of a training folder, in evaluation mode, and what is known of it
    (``step``, ``seconds``, ``recipe``).

    Raises
    ------
    FileNotFoundError
        No checkpoint there.
    """
    path = Path(out) / "last.pt"
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint {path}; train first: {COMMAND} --out {out}")
    saved = torch.load(path, map_location="cpu", weights_only=True)
    sam = new_model(saved["recipe"]["seed"])
    sam.load_state_dict(saved["mean"])
    return sam.eval(), {key: saved[key] for key in ("step", "seconds", "recipe")}


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
            f"{COMMAND} --minutes {told['seconds'] / 60:.0f} --export"
            + (" --onward, from the weights shipped before" if told["recipe"]["onward"] else "")
        ),
        "time": {
            "steps": told["step"],
            "minutes": round(told["seconds"] / 60, 1),
            "hardware": "one thread of a two-core CPU, shared with other work",
        },
        "numbers": {"world_held_out": kept} | dict(numbers or {}),
        "limits": (
            "Trained for a short time: on digital sections a box alone gives a better mask than "
            "the ellipse in it, and hardly one better than Otsu's threshold of the grey levels "
            "there; veins, nets and other grains that fill little of their box are mostly missed. "
            "Keep masks above an expected IoU of 0.5, not 0.9. Wants mask prompts with a "
            "batch axis (batched_mask_prompt: true). Knows no mineral; learnt from drawn scenes."
        ),
        "licence": "Apache-2.0",
    }
    return save_weights("sam", sam.state_dict(), card, folder)
