"""Teach the small CLIP what a whole picture is about, without touching what Trident reads::

    python -m mineral_utils.miniature whole --export

Of CLIP's last block Trident takes values and output projection only. What the class token makes of
a picture passes that block's queries, keys, norm and MLP as well. A course of those alone changes
what ``encode_image`` says, while dense features, and every map made of them, stay what they were,
bit for bit. All that comes before the last block stays too, so its tokens are computed once a
picture and kept in `out` (50 kB each).

Stopped at any moment, the same command goes on from the last checkpoint.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..clip_lora import base_hash
from ..encoders import ClipText
from ..encoders.clip import class_feature, run_blocks
from ..run import pick_device, replacing, set_seed
from .clip_losses import DENSE_SCALE, equal, match
from .clip_model import ARCHITECTURE, build, read_texts, tokenizer
from .clip_views import collect, crop, main_thing
from .course import append_curve, new_parser, trim_curve
from .store import shipped_state
from .things import COLOURS, SURFACES
from .world import Scene, scene

PICTURES, EPOCHS, BATCH, RATE, DECAY = 16_000, 8, 96, 1e-3, 0.05
# half are about one thing on a ground, which is the hardest to tell, a quarter about one surface
SCENES = ("single", "single", "surface", None)
SHARES = {"sentence": 0.3, "colour": 0.5, "surface": 0.7, "both": 1.0}
BOTH_SCALE = 40.0  # of cosines among all pairs of colour and surface: the suite's own
TEMPLATES = "imagenet80"  # as the suite reads names
SIDE, PART, ROW = 224, 500, 100  # px; pictures in a file, and drawn at once
WARM = 50  # steps
_REPORT, _SAVE = 20, 200.0  # steps a line of the curve; seconds between checkpoints


# ---- what it learns from -----------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures as they enter the last block.

    tokens : float16 [N, 1 + patches, D], class token first
    captions : str [N]
    sentences : float32 [N, E], unit vectors of the captions
    main : int64 [N, 2], colour and surface of what a picture is about; -1 where there is neither
    """

    tokens: np.ndarray
    captions: np.ndarray
    sentences: np.ndarray
    main: np.ndarray

    def some(self, numbers: np.ndarray) -> Pictures:
        """Those of some numbers, int [n]."""
        return Pictures(*(getattr(self, field.name)[numbers] for field in fields(self)))


def drawn_pictures(
    folder: Path, model: nn.Module, number: int, seed: int, progress: bool = True
) -> Pictures:
    """Fresh pictures of the general world, in files of `PART`; those that are there are not drawn
    again.

    Parameters
    ----------
    folder : of one seed and one model
    model : open_clip.CLIP, as shipped
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts = [folder / f"part_{k:03}.npz" for k in range(-(-number // PART))]
    missing = [k for k, path in enumerate(parts) if not path.is_file()]
    bar = tqdm(total=len(parts), initial=len(parts) - len(missing), disable=not progress)
    bar.set_description(f"drawing, {PART} pictures each")
    with bar:
        for k in missing:
            _draw(parts[k], model, np.random.default_rng([seed, 3, k]))
            bar.update()
    return _joined([Pictures(**np.load(path)) for path in parts]).some(np.arange(number))


def _draw(path: Path, model: nn.Module, rng: np.random.Generator) -> None:
    drawn, tokenize = [], tokenizer()
    for _ in range(PART // ROW):
        pieces = [_piece(SCENES[k % len(SCENES)], rng) for k in range(ROW)]
        views = collect(pieces, rng)
        pixels = torch.from_numpy(views.pixels).permute(0, 3, 1, 2).float() / 255
        with torch.inference_mode():
            tokens = run_blocks(model.visual, pixels).half().numpy()
            sentences = read_texts(model, tokenize, views.captions).numpy()
        drawn.append(Pictures(tokens, np.array(views.captions), sentences, views.main))
    with replacing(path) as aside, aside.open("wb") as file:
        np.savez(file, **vars(_joined(drawn)))


def _joined(parts: Sequence[Pictures]) -> Pictures:
    keys = [field.name for field in fields(Pictures)]
    return Pictures(*(np.concatenate([getattr(part, key) for part in parts]) for key in keys))


def _piece(kind: str | None, rng: np.random.Generator) -> tuple[np.ndarray, Scene]:
    """A turned scene of a kind; if of one thing or surface, one that is about it."""
    while True:
        drawn = scene(rng, (SIDE, SIDE), kind, bold=True)
        if kind is None or main_thing(drawn) is not None:
            return crop(drawn, SIDE, rng)


@dataclass(frozen=True, eq=False)
class Words:
    """Unit vectors of names: colours [c, E], surfaces [s, E], both together [c * s, E]."""

    colours: Tensor
    surfaces: Tensor
    both: Tensor

    @classmethod
    def read(cls, model: nn.Module) -> Words:
        """What the text tower, which does not learn here, makes of them."""
        text = ClipText(model, tokenizer(), model.text_projection.device, remember=False)
        pairs = [f"{colour} {surface}" for colour in COLOURS for surface in SURFACES]
        banks = (text.embed(names, TEMPLATES).clone() for names in (COLOURS, SURFACES, pairs))
        return cls(*banks)


def losses(model: nn.Module, words: Words, seen: Pictures) -> dict[str, Tensor]:
    """The parts of the loss, each a scalar (weights in `SHARES`), and shares of right answers.

    sentence : picture and sentence find each other among the batch (symmetric)
    colour, surface, both : what a picture is about, among all colours, all surfaces, all pairs of
        them; over the pictures that are about something
    """
    device = model.text_projection.device
    tokens = torch.from_numpy(seen.tokens).to(device).float()
    image = F.normalize(class_feature(model.visual, tokens), dim=-1)
    scale, same = model.logit_scale.detach().exp(), equal(seen.captions, device)
    sentences = torch.from_numpy(seen.sentences).to(device)
    parts: dict[str, Tensor] = {}
    parts["sentence"], parts["right_sentence"] = match(image, sentences, scale, same)
    mostly = np.flatnonzero(seen.main[:, 0] >= 0)
    about = image[torch.from_numpy(mostly).to(device)]
    colour, surface = torch.from_numpy(seen.main[mostly]).to(device).T
    for key, names, factor, target in (
        ("colour", words.colours, DENSE_SCALE, colour),
        ("surface", words.surfaces, DENSE_SCALE, surface),
        ("both", words.both, BOTH_SCALE, colour * len(SURFACES) + surface),
    ):
        parts[key] = parts[f"right_{key}"] = image.new_zeros(())
        if len(mostly):
            logits = factor * about @ names.T
            parts[key] = F.cross_entropy(logits, target)
            parts[f"right_{key}"] = (logits.detach().argmax(1) == target).float().mean()
    return parts


# ---- what learns -------------------------------------------------------------------------------
def class_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Let only those weights of an open_clip CLIP learn that the image tower's class token alone
    passes through: queries and keys, norm and MLP of the last block. The rows of values stand in
    one matrix with queries and keys; their gradient is set to zero, so they must not decay.

    Returns
    -------
    the parameters: the shared matrix and its bias first
    """
    last = model.visual.transformer.resblocks[-1]
    shared = [last.attn.in_proj_weight, last.attn.in_proj_bias]
    learning = [*shared, *last.ln_2.parameters(), *last.mlp.parameters()]
    model.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    for parameter in shared:
        parameter.register_hook(_without_values)
    return learning


def _without_values(gradient: Tensor) -> Tensor:
    queries, keys, values = gradient.chunk(3)
    return torch.cat([queries, keys, torch.zeros_like(values)])


def train(
    out: str | Path,
    *,
    pictures: int = PICTURES,
    epochs: int = EPOCHS,
    seed: int = 0,
    device: str = "auto",
    resume: bool = True,
    architecture: dict = ARCHITECTURE,
    progress: bool = True,
) -> nn.Module:
    """Draw pictures, and teach the shipped CLIP what they are about; or go on with it.

    Parameters
    ----------
    out : folder for ``pictures/``, ``state.pt`` (all that is needed to go on) and ``curve.jsonl``
    pictures, epochs : how many, and how often each is seen
    resume : go on from what is in `out`

    Returns
    -------
    open_clip.CLIP
        In evaluation mode; on a CPU the same however often it was stopped.

    Raises
    ------
    ValueError
        A state in `out` of another seed, number, or start.
    """
    out, chosen = Path(out), pick_device(device)
    set_seed(seed)
    start, model = (build(seed, architecture).eval() for _ in range(2))
    for one in (start, model):
        one.load_state_dict(shipped_state("clip"))
    made = {"seed": seed, "pictures": pictures, "epochs": epochs, "start": base_hash(start)}
    course = _Course(model.to(chosen), made, out)
    if resume:
        course.go_on()
    else:
        (out / "curve.jsonl").unlink(missing_ok=True)
    folder = out / f"pictures_{made['start'][:8]}_{seed}"
    seen = drawn_pictures(folder, start, pictures, seed, progress)
    words, saved = Words.read(start.to(chosen)), time.monotonic()
    with tqdm(total=course.steps, initial=course.step, disable=not progress) as bar:
        while course.step < course.steps:
            began = time.monotonic()
            course.learn(losses(model, words, seen.some(course.batch())))
            course.seconds += time.monotonic() - began
            bar.update()
            if time.monotonic() - saved > _SAVE:
                course.save()
                saved = time.monotonic()
    course.save()
    return model.eval()


class _Course:
    """Model, optimiser and how far they are: what a checkpoint holds."""

    def __init__(self, model: nn.Module, made: dict[str, int | str], out: Path):
        self.model, self.made, self.out = model, made, out
        self.step, self.seconds = 0, 0.0
        self.steps = made["epochs"] * made["pictures"] // BATCH
        self.learning = class_parameters(model)
        matrices = [p for p in self.learning[2:] if p.ndim >= 2]
        kept = {id(p) for p in matrices}
        groups = [
            {"params": matrices, "weight_decay": DECAY},
            {"params": [p for p in self.learning if id(p) not in kept], "weight_decay": 0.0},
        ]
        self.optimiser = torch.optim.AdamW(groups, lr=RATE, betas=(0.9, 0.98))
        self._sums: dict[str, float] = {}

    def batch(self) -> np.ndarray:
        """Numbers of the pictures of this step: all once an epoch, in an order of its own."""
        number, at = self.made["pictures"], self.step * BATCH
        epochs = range(at // number, (at + BATCH - 1) // number + 1)
        orders = [
            np.random.default_rng([self.made["seed"], 4, e]).permutation(number) for e in epochs
        ]
        return np.concatenate(orders)[at % number :][:BATCH]

    def learn(self, parts: dict[str, Tensor]) -> None:
        loss = sum(weight * parts[key] for key, weight in SHARES.items())
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is not finite at step {self.step}; start again from the checkpoint with "
                "a lower rate"
            )
        falling = 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * self.step / self.steps))
        rate = RATE * min(1, (self.step + 1) / WARM) * falling
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.learning, 1.0)
        self.optimiser.step()
        self.step += 1
        for key, value in parts.items():
            self._sums[key] = self._sums.get(key, 0.0) + float(value.detach())
        if self.step % _REPORT == 0:
            self._report(rate)

    def _report(self, rate: float) -> None:
        row = {"step": self.step, "seconds": round(self.seconds, 1), "rate": rate}
        row |= {key: round(total / _REPORT, 4) for key, total in self._sums.items()}
        append_curve(self.out / "curve.jsonl", row)
        self._sums = {}

    def save(self) -> None:
        state = {"model": self.model.state_dict(), "step": self.step, "seconds": self.seconds}
        state |= {"optimiser": self.optimiser.state_dict(), "made": self.made, "sums": self._sums}
        with replacing(self.out / "state.pt") as aside:
            torch.save(state, aside)

    def go_on(self) -> None:
        """Take up the checkpoint, if there is one; lines of the curve after it are dropped."""
        path = self.out / "state.pt"
        if not path.is_file():
            return
        device = self.model.logit_scale.device
        state = torch.load(path, map_location=device, weights_only=True)
        if state["made"] != self.made:
            raise ValueError(
                f"{path} is of another seed, number of pictures or epochs, or of other shipped "
                "weights; choose another folder, or delete it"
            )
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds, self._sums = state["step"], state["seconds"], state["sums"]
        trim_curve(self.out / "curve.jsonl", self.step)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; see ``python -m mineral_utils.miniature whole --help``."""
    parser = new_parser("whole", __doc__.split("\n")[0])
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    options = parser.parse_args(arguments)
    keys = ("pictures", "epochs", "seed", "device", "resume")
    model = train(options.out, **{key: getattr(options, key) for key in keys})
    if options.export:
        from .clip_measure import export

        print(f"written: {export(model, options.out, numbers=options.numbers, whole=True)}")
    return 0
