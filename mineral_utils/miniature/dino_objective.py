"""What the small DINO learns: to agree with its own slow copy about two looks at one scene.

Two parts, both self-distillation (student against a teacher that is the student's moving average),
both without labels:

* *picture*: DINO itself (arXiv 2104.14294). The class tokens of all views of a scene, small ones
  too, choose among prototypes as the teacher's do on the large views; the teacher's choice is
  centred and sharpened.
* *place*: the same for patches. Instead of prototypes, a patch of one view chooses among the
  patches of the other; the teacher's choice is sharpened, and bound to where the patch really lies.
  So the features must part what lies apart and looks different, by a few levels of tint if need be,
  and must not change with light, noise or dust. Some patches are hidden from the student (as in
  iBOT, arXiv 2111.07832): those are known from their surroundings only.

The place part works on the very features that Trident compares: final normalised patch tokens under
the cosine, no head between. What all patches of the world have in common is taken off first (DINO's
centring, here a moving mean of the teacher's patches), for Trident listens above a multiple of the
mean similarity and hears nothing when that mean is near one. In the end the centre goes into the
bias of the last normalisation, so that the weights are those of a plain ViT.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..encoders.vit import IMAGENET_STATISTICS, normalise, patchify, position_table
from .dino_views import PATCH, Frame, cut, disturb, draw_frame, draw_tone, uniform

ARCHITECTURE = {
    "img_size": 224,
    "patch_size": PATCH,
    "embed_dim": 160,
    "depth": 4,
    "num_heads": 5,
}


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the course, seed and length apart.

    scenes, scene_side : pool of scenes, and their side in px
    batch : scenes a step
    side, last_side, last : px of the two large views; of those at the end; share of the work at
        the end that sees them
    small, small_side : number of small views and their px
    hidden : largest share of the patches hidden from the student in a view
    rate, decay, warm : AdamW's learning rate, weight decay, steps of warming up
    momentum : of the teacher, from and to
    prototypes, picture : number of prototypes, weight of the picture part
    sharp, teacher_sharp : temperature of student and teacher in the picture part
    place_sharp, place_teacher : the same in the place part
    trust : shares of the course between which the teacher's own similarities come in; before, the
        place alone says what belongs together, so that fine differences are learnt first
    reach : px of a scene over which a patch counts its neighbours as itself (deviation)
    """

    scenes: int = 3000
    scene_side: int = 320
    batch: int = 12
    side: int = 160
    last_side: int = 224
    last: float = 0.15
    small: int = 2
    small_side: int = 64
    hidden: float = 0.3
    rate: float = 1e-3
    decay: float = 0.04
    warm: int = 50
    momentum: tuple[float, float] = (0.99, 0.998)
    prototypes: int = 512
    picture: float = 0.05
    sharp: float = 0.1
    teacher_sharp: float = 0.05
    place_sharp: float = 0.1
    place_teacher: float = 0.1
    trust: tuple[float, float] = (0.2, 0.6)
    reach: float = 16.0


class Objective(nn.Module):
    """Student and teacher, and the two losses between them."""

    def __init__(self, architecture: dict, recipe: Recipe):
        super().__init__()
        self.recipe = recipe
        self.student = timm.models.VisionTransformer(num_classes=0, **architecture)
        width = architecture["embed_dim"]
        self.head = _Head(width, recipe.prototypes)
        self.hidden = nn.Parameter(torch.zeros(width))
        self.teacher = copy.deepcopy(self.student).requires_grad_(False).eval()
        self.teacher_head = copy.deepcopy(self.head).requires_grad_(False)
        self.register_buffer("centre", torch.zeros(recipe.prototypes))
        self.register_buffer("middle", torch.zeros(width))

    def learners(self) -> list[nn.Parameter]:
        """What the optimiser moves."""
        return [*self.student.parameters(), *self.head.parameters(), self.hidden]

    def forward(
        self,
        scenes: Tensor,
        generator: torch.Generator,
        side: int | None = None,
        trust: float = 1.0,
    ) -> dict[str, Tensor]:
        """Losses of a batch of scenes.

        Parameters
        ----------
        scenes : float32 [B, 3, S, S] in [0, 1], on the generator's device
        side : px of the large views; the recipe's if None
        trust : 0 to 1, weight of the teacher's own similarities in the place part

        Returns
        -------
        dict
            ``place`` and ``picture``, scalars to be made small; ``found``, the share of patches
            whose most similar patch in the other view is no farther than a patch from them
        """
        recipe, side = self.recipe, side or self.recipe.side
        batch, extent = len(scenes), scenes.shape[-1]
        tone = draw_tone(generator, scenes)
        near = uniform(generator, extent / 4, extent * 3 / 4, batch, 2)

        def look(near: Tensor, side: int, wander: float) -> tuple[Frame, Tensor]:
            frame = draw_frame(generator, near, side, extent, wander=wander)
            return frame, disturb(tone(cut(scenes, frame)), generator)

        large = [look(near, side, 0.25) for _ in range(2)]
        frames, views = zip(*large, strict=True)
        small = [
            look(frames[k % 2].centre, recipe.small_side, 0.5 * side / recipe.small_side)
            for k in range(recipe.small)
        ]
        with torch.no_grad():
            taught = tokens(self.teacher, torch.cat(views)).chunk(2)
        patches = (side // PATCH) ** 2
        share = uniform(generator, 0, recipe.hidden, 2 * batch, 1)
        hidden = uniform(generator, 0, 1, 2 * batch, patches) < share
        learnt = tokens(self.student, torch.cat(views), hidden, self.hidden).chunk(2)
        learnt_small = [tokens(self.student, view) for _, view in small]
        place, found = self._place(learnt, taught, frames, trust)
        picture = self._picture([*learnt, *learnt_small], taught)
        return {"place": place, "found": found, "picture": picture}

    def _place(self, learnt, taught, frames, trust) -> tuple[Tensor, Tensor]:
        recipe = self.recipe
        self.middle.lerp_(torch.cat(taught)[:, 1:].mean((0, 1)), 0.05)
        units = [F.normalize(t[:, 1:] - self.middle, dim=-1) for t in taught]
        at = [frame.patches() for frame in frames]
        total, right = 0.0, 0.0
        for own, other in ((0, 1), (1, 0)):
            away = torch.cdist(at[own], at[other]).square()
            logits = -away / (2 * recipe.reach**2)
            alike = units[own] @ units[other].transpose(1, 2)
            logits = logits + alike * (trust / recipe.place_teacher)
            wanted = logits.softmax(-1)
            asked = F.normalize(learnt[own][:, 1:] - self.middle, dim=-1)
            found = asked @ units[other].transpose(1, 2)
            cross = -(wanted * (found / recipe.place_sharp).log_softmax(-1)).sum(-1)
            seen = away.amin(-1) < (0.75 * PATCH) ** 2  # what the other view shows as well
            count = seen.sum().clamp(min=1)
            total = total + (cross * seen).sum() / count
            best = away.gather(-1, found.argmax(-1, keepdim=True))
            right = right + ((best[..., 0] <= PATCH**2) & seen).sum() / count
        return total / 2, right / 2

    def _picture(self, learnt, taught) -> Tensor:
        recipe = self.recipe
        with torch.no_grad():
            votes = [self.teacher_head(t[:, 0]) for t in taught]
            wanted = [((v - self.centre) / recipe.teacher_sharp).softmax(-1) for v in votes]
            self.centre.lerp_(torch.cat(votes).mean(0), 0.1)
        total, count = 0.0, 0
        for number, view in enumerate(learnt):
            chosen = (self.head(view[:, 0]) / recipe.sharp).log_softmax(-1)
            for teacher in range(2):
                if teacher != number:
                    total = total - (wanted[teacher] * chosen).sum(-1).mean()
                    count += 1
        return total / count

    @torch.no_grad()
    def result(self) -> nn.Module:
        """What one keeps: the teacher, a plain timm ViT, with the centre in its last bias."""
        vit = copy.deepcopy(self.teacher).eval()
        vit.norm.bias -= self.middle
        return vit

    @torch.no_grad()
    def follow(self, momentum: float) -> None:
        """The teacher moves a little towards the student."""
        pairs = ((self.teacher, self.student), (self.teacher_head, self.head))
        for slow, quick in pairs:
            for mine, its in zip(slow.parameters(), quick.parameters(), strict=True):
                mine.lerp_(its, 1 - momentum)


class _Head(nn.Module):
    """Class token to cosines with prototypes."""

    def __init__(self, width: int, prototypes: int):
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(width, 256), nn.GELU(), nn.Linear(256, 128))
        self.prototypes = nn.Parameter(torch.randn(prototypes, 128))

    def forward(self, token: Tensor) -> Tensor:
        return F.normalize(self.mlp(token), dim=-1) @ F.normalize(self.prototypes, dim=-1).T


def tokens(
    vit: nn.Module, pixels: Tensor, hidden: Tensor | None = None, stand_in: Tensor | None = None
) -> Tensor:
    """Final normalised tokens, class token first, as `encoders.dino.Dino` computes them.

    Parameters
    ----------
    pixels : float32 [B, 3, H, W] in [0, 1]
    hidden : bool [B, n], patches that are replaced by `stand_in` [width] before the first block

    Returns
    -------
    Tensor [B, 1 + n, width]
    """
    grid = tuple(side // PATCH for side in pixels.shape[-2:])
    seen = patchify(vit.patch_embed.proj, normalise(pixels, IMAGENET_STATISTICS))
    if hidden is not None:
        seen = torch.where(hidden[..., None], stand_in, seen)
    seen = torch.cat([vit.cls_token.expand(len(seen), -1, -1), seen], 1)
    seen = seen + position_table(vit.pos_embed[0], grid)
    for block in vit.blocks:
        seen = block(seen)
    return vit.norm(seen)
