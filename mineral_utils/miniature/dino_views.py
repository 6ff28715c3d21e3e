"""Two looks at one scene: where they lie, what they share, and what differs between them.

What both views of a scene share is what the model shall keep: places, tints, surfaces. What is
drawn for each view anew is what it shall learn to see through: exposure, white balance, a vignette,
mottling, blur, noise, specks and scratches. Colour is never thrown away, because neighbours often
differ by a few levels of tint only; on the contrary, most scenes are flattened to low contrast
first. Everything runs on whole batches with torch, and draws from one generator.

Pixels of a view are (x, y) with the centre of the first at 0.5; pictures are float32
[B, 3, H, W] in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PATCH = 16


@dataclass(frozen=True)
class Frame:
    """Where the views of a batch lie in their scenes.

    matrix : float32 [B, 2, 2], scene px per view px, with turn and flip
    centre : float32 [B, 2], (x, y) of the view's centre in scene px
    side : px of the square view
    """

    matrix: Tensor
    centre: Tensor
    side: int

    def points(self, view_xy: Tensor) -> Tensor:
        """View px [n, 2] to scene px [B, n, 2]."""
        offset = (view_xy - self.side / 2).to(self.matrix.device)
        return offset @ self.matrix.transpose(1, 2) + self.centre[:, None]

    def patches(self) -> Tensor:
        """Centres of the view's patches in scene px, row by row: [B, n, 2]."""
        count = self.side // PATCH
        at = (torch.arange(count) + 0.5) * PATCH
        return self.points(torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).reshape(-1, 2))


def uniform(generator: torch.Generator, low: float, high: float, *shape: int) -> Tensor:
    """Uniform numbers, float32 [*shape]."""
    return torch.rand(shape, generator=generator, device=generator.device) * (high - low) + low


def normal(generator: torch.Generator, *shape: int) -> Tensor:
    """Normal numbers of unit deviation, float32 [*shape]."""
    return torch.randn(shape, generator=generator, device=generator.device)


def draw_frame(
    generator: torch.Generator,
    near: Tensor,
    side: int,
    scene_side: int,
    *,
    wander: float,
    zoom: tuple[float, float] = (0.7, 1.4),
) -> Frame:
    """Views of `side` px whose centres lie within `wander` x side of the points `near`.

    near : float32 [B, 2], (x, y) in scene px; zoom : smallest and largest scale, in scene px per
    view px, even in its logarithm. Turns are free for half of the views and quarters for the rest,
    so that half keep their pixels' own grain. Views stay within the scene where they fit.
    """
    batch = len(near)
    low, high = torch.log(torch.tensor(zoom, dtype=torch.float64)).tolist()
    scale = uniform(generator, low, high, batch).exp()
    scale = scale.clamp(max=scene_side / side)
    turn = uniform(generator, 0, 2 * torch.pi, batch)
    quarter = uniform(generator, 0, 1, batch) < 0.5
    turn = torch.where(quarter, (turn / (torch.pi / 2)).floor() * (torch.pi / 2), turn)
    flip = torch.where(uniform(generator, 0, 1, batch) < 0.5, -1.0, 1.0)
    cos, sin = turn.cos() * scale, turn.sin() * scale
    matrix = torch.stack([cos * flip, -sin, sin * flip, cos], -1).reshape(batch, 2, 2)
    reach = (cos.abs() + sin.abs()) * side / 2
    reach = reach.clamp(max=scene_side / 2)[:, None]
    centre = near + uniform(generator, -wander, wander, batch, 2) * side * scale[:, None]
    return Frame(matrix, torch.clamp(centre, reach, scene_side - reach), side)


def cut(scenes: Tensor, frame: Frame) -> Tensor:
    """Views of scenes [B, 3, S, S] in [0, 1], mirrored beyond the border: [B, 3, side, side]."""
    at = torch.arange(frame.side) + 0.5
    grid = torch.stack(torch.meshgrid(at, at, indexing="xy"), -1).reshape(-1, 2)
    where = frame.points(grid).unflatten(1, (frame.side, frame.side)) / scenes.shape[-1] * 2 - 1
    return F.grid_sample(scenes, where, padding_mode="reflection", align_corners=False)


@dataclass(frozen=True)
class Tone:
    """A map of colours: ``matrix @ rgb + offset``; float32 [B, 3, 3] and [B, 3]."""

    matrix: Tensor
    offset: Tensor

    def __call__(self, views: Tensor) -> Tensor:
        seen = torch.einsum("bij,bjhw->bihw", self.matrix, views)
        return (seen + self.offset[:, :, None, None]).clamp(0, 1)


def draw_tone(generator: torch.Generator, scenes: Tensor) -> Tone:
    """One tone a scene, for all its views: less contrast, less colour, another mean.

    The deviation of a scene comes down to between 4 and 60 levels, where it was more: neighbours
    then part by a few levels, as two cream or two grey materials do. One scene in five stays as it
    is.
    """
    batch = len(scenes)
    small = scenes[:, :, 2::8, 2::8]
    colour = uniform(generator, -1.6, 0.0, batch, 1, 1).exp()
    eye = torch.eye(3, device=scenes.device)
    muted = colour * eye + (1 - colour) / 3
    flat = torch.einsum("bij,bjhw->bihw", muted, small)
    wanted = uniform(generator, 1.4, 4.1, batch).exp() / 255
    contrast = (wanted / flat.std((1, 2, 3)).clamp(min=1e-3)).clamp(max=1).view(-1, 1, 1)
    level = uniform(generator, 0.15, 0.85, batch, 1) + uniform(generator, -0.06, 0.06, batch, 3)
    offset = (1 - contrast[..., 0]) * level
    kept = uniform(generator, 0, 1, batch) < 0.2
    return Tone(
        torch.where(kept[:, None, None], eye, muted * contrast),
        torch.where(kept[:, None], torch.zeros_like(offset), offset),
    )


def disturb(views: Tensor, generator: torch.Generator) -> Tensor:
    """What a camera, a lamp and dust do to a view; drawn for each view anew."""
    batch, _, height, width = views.shape

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return uniform(generator, low, high, batch, *shape)

    def field(cells: int) -> Tensor:
        coarse = normal(generator, batch, 1, cells, cells)
        return F.interpolate(coarse, (height, width), mode="bicubic", align_corners=False)

    # light: exposure and white balance, a slope, a vignette about any point, mottling
    gain = draw(0.88, 1.12, 1, 1, 1) * (1 + draw(-0.03, 0.03, 3, 1, 1))
    y = torch.linspace(-1, 1, height, device=views.device).view(1, 1, -1, 1) - draw(
        -1.2, 1.2, 1, 1, 1
    )
    x = torch.linspace(-1, 1, width, device=views.device).view(1, 1, 1, -1) - draw(
        -1.2, 1.2, 1, 1, 1
    )
    slope = draw(-0.06, 0.06, 1, 1, 1) * x + draw(-0.06, 0.06, 1, 1, 1) * y
    light = 1 + slope - draw(-0.01, 0.07, 1, 1, 1) * (x * x + y * y)
    light = light + draw(0, 0.015, 1, 1, 1) * field(6) + draw(0, 0.015, 1, 1, 1) * field(14)
    views = views * (gain * light.clamp(0.4, 1.4))
    views = views.clamp(1e-3, 1) ** draw(0.9, 1.1, 1, 1, 1)

    # dust and scratches
    grit = F.avg_pool2d(normal(generator, batch, 1, height, width), 3, 1, 1) * 3
    share = uniform(generator, 0, 1, batch) ** 3 * 0.04
    bar = 2**0.5 * torch.erfinv(1 - 2 * share.clamp(min=1e-6)).view(-1, 1, 1, 1)
    specks = torch.sigmoid((grit - bar) * 8)
    views = views * (1 - specks * draw(0.2, 0.9, 1, 1, 1))
    for _ in range(2):
        angle, offset = draw(0, torch.pi, 1, 1, 1), draw(-1, 1, 1, 1, 1)
        across = (x * angle.cos() + y * angle.sin() - offset) * width / 2
        line = torch.exp(-(across**2)) * draw(-0.15, 0.1, 1, 1, 1)
        views = views * (1 + line)

    # lens and sensor: blur, then noise, a part of it shared by the channels
    width_px = draw(0.05, 1.1, 1)
    taps = torch.exp(-(torch.arange(-2, 3.0, device=views.device) ** 2) / (2 * width_px**2))
    taps = (taps / taps.sum(1, keepdim=True)).repeat_interleave(3, 0)
    planes = F.pad(views.reshape(1, -1, height, width), (2, 2, 2, 2), mode="reflect")
    planes = F.conv2d(planes, taps.view(-1, 1, 1, 5), groups=3 * batch)
    planes = F.conv2d(planes, taps.view(-1, 1, 5, 1), groups=3 * batch)
    views = planes.view(batch, 3, height, width)
    noise = normal(generator, batch, 3, height, width)
    noise = noise * 0.6 + normal(generator, batch, 1, height, width) * 0.8
    return (views + noise * draw(0, 0.02, 1, 1, 1)).clamp(0, 1)
