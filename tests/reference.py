"""Trident told plainly: the slow road that the fast one must equal, faults included.

One picture after arXiv 2411.09219 as its authors' program computes it, in float32 and our own
words: every window in one batch, every matrix in full, every class at the picture's full size, the
stock blocks and predictor of segment-anything. What is known to be wrong there is kept and marked
FAULT, so that tests can show it. ``python -m tests.reference FILE.npz`` writes a known answer in
the form that `tests.golden` reads, with the models of ``data/small.yaml``.

Only pictures whose sides are multiples of 16 px are taken: the others pass through OpenCV's
resize, which is tested by itself.
"""

from __future__ import annotations

import copy
import json
import os
import sys
from functools import cache
from pathlib import Path

if "torch" not in sys.modules:  # the kernels that `tests.golden` asks for
    os.environ.setdefault("ATEN_CPU_CAPABILITY", "avx2")
    os.environ.setdefault("DNNL_MAX_CPU_ISA", "AVX2")
    os.environ.setdefault("MKL_CBWR", "AVX2")

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import ndimage
from segment_anything import SamPredictor
from segment_anything.modeling.image_encoder import add_decomposed_rel_pos
from torch import Tensor

from mineral_utils.encoders import Encoders
from mineral_utils.profiles import Preset, load_profile
from mineral_utils.segmenter import Segmenter, load_model

from .drawing import draw_grains
from .golden import PARAMETERS

PATCH = 16
SMALL = Path(__file__).parent / "data" / "small.yaml"


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """For modules of tests on small arrays: there, threads wait for each other longer than they
    work, and on a busy machine many times longer."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def small_model() -> Segmenter:
    """The small models in a segmenter, built once a session; nothing may change them."""
    return load_model(SMALL, device="cpu")


def small_picture(size: tuple[int, int] = (240, 352)) -> np.ndarray:
    """Drawn grains, uint8 [H, W, 3]."""
    return draw_grains(size=size, seed=7)[0]


def parting_queries(features: Tensor) -> Tensor:
    """Four unit vectors that part `small_picture` into four classes: some of its own features
    [160, D], across to what all have in common."""
    features = F.normalize(features, dim=-1)
    common = F.normalize(features.mean(0), dim=0)
    across = features - (features @ common)[:, None] * common
    return F.normalize(across[[20, 44, 90, 140]], dim=-1)


class Original:
    """The three models and one way of looking, on copies of the modules."""

    def __init__(self, encoders: Encoders, preset: Preset):
        self.clip = copy.deepcopy(encoders.clip.visual)
        self.dino = copy.deepcopy(encoders.dino.vit)
        self.sam = copy.deepcopy(encoders.sam.sam)
        self.p = preset

    @torch.no_grad()
    def __call__(
        self, image: np.ndarray, queries: Tensor, on_disk: np.ndarray | None = None
    ) -> dict[str, Tensor]:
        """Segment a picture uint8 [H, W, 3] by unit queries [Q, D].

        Gives ``windows`` [n, 4] in patches, ``window_feats`` [h * w, n, width], ``sam_hw``,
        ``clip`` [1, n, D] before normalisation, ``logits`` [Q, H, W] (cosines), ``coarse`` and
        ``refined`` [H, W], ``accepted_scores`` [m, 1].

        FAULT: SAM looks at `on_disk`, the picture in the file, whatever was done to the image.
        """
        height, width = image.shape[:2]
        pixels, boxes = self.cut_windows(image)
        weights = self.affinity(self.dino_tokens(pixels))
        features = self.last_clip_block(pixels, weights)
        spliced = splice(features, boxes, (height // PATCH, width // PATCH))
        seen = image if on_disk is None else on_disk
        predictor = SamPredictor(self.sam)
        predictor.set_image(seen)
        correlation, grid = self.correlation(predictor, seen)
        spliced = F.interpolate(spliced[None], grid, mode="bilinear")
        pooled = correlation @ spliced[0].flatten(1).T
        embedded = self.clip.ln_post(pooled) @ self.clip.proj
        cosine = F.normalize(embedded, dim=-1) @ queries.T
        logits = F.interpolate(cosine.T.unflatten(1, grid)[None], (height, width), mode="bilinear")
        probability = (logits[0] * self.p.logit_scale).softmax(0)
        best, coarse = probability.max(0)
        coarse = torch.where(best < self.p.prob_thd, 0, coarse)
        refined, scores = self.refine(predictor, coarse, probability)
        return {
            "windows": torch.tensor(boxes),
            "window_feats": features.transpose(0, 1),
            "sam_hw": torch.tensor(grid),
            "clip": embedded[None],
            "logits": logits[0],
            "coarse": coarse,
            "refined": refined,
            "accepted_scores": scores,
        }

    def cut_windows(self, image: np.ndarray) -> tuple[Tensor, list[tuple]]:
        """All windows [n, 3, h, w] in [0, 1], and where they belong, in patches."""
        (height, width), crop, stride = image.shape[:2], self.p.crop, self.p.stride
        assert height % PATCH == width % PATCH == 0, "only sides that are multiples of 16 px"
        whole = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
        cut, boxes = [], []
        for row in range(max(height - crop + stride - 1, 0) // stride + 1):
            for column in range(max(width - crop + stride - 1, 0) // stride + 1):
                y2, x2 = min(row * stride + crop, height), min(column * stride + crop, width)
                y1, x1 = max(y2 - crop, 0), max(x2 - crop, 0)
                window = whole[:, y1:y2, x1:x2]
                # FAULT: smaller pictures are padded here, but pasted as if they were not
                down, across = -(y2 - y1) % 56, -(x2 - x1) % 56
                pad = (across // 2, across - across // 2, down // 2, down - down // 2)
                cut.append(F.pad(window, pad))
                boxes.append((y1 // PATCH, x1 // PATCH, y2 // PATCH, x2 // PATCH))
        return torch.stack(cut), boxes

    def dino_tokens(self, pixels: Tensor) -> Tensor:
        # FAULT: a hook on every call, never removed, its output never read
        self.dino.blocks[-1].attn.qkv.register_forward_hook(lambda module, given, made: None)
        mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        tokens = embed_patches(
            (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(deviation)[:, None, None],
            self.dino.patch_embed.proj,
            self.dino.cls_token[0],
            self.dino.pos_embed[0],
        )
        return self.dino.norm(self.dino.blocks(tokens))[:, 1:]

    def affinity(self, tokens: Tensor) -> Tensor:
        """FAULT: where the mean is above 1 / beta even a patch's likeness to itself is masked, and
        the softmax of a row of -inf is NaN."""
        unit = F.normalize(tokens, dim=-1)
        cosine = unit @ unit.transpose(1, 2)
        scores = (cosine - self.p.beta * cosine.mean()) * self.p.gamma
        scores[scores < 0] = float("-inf")
        return scores.softmax(-1)

    def last_clip_block(self, pixels: Tensor, weights: Tensor) -> Tensor:
        """Windows to [n, h * w, width]: only v and the output projection of the last block."""
        mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
        deviation = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
        tower = self.clip
        tokens = embed_patches(
            (pixels - mean) / deviation,
            tower.conv1,
            tower.class_embedding[None],
            tower.positional_embedding,
        )
        tokens = tower.ln_pre(tokens)
        for block in tower.transformer.resblocks[:-1]:
            tokens = block(tokens)
        last = tower.transformer.resblocks[-1]
        qkv = F.linear(last.ln_1(tokens[:, 1:]), last.attn.in_proj_weight, last.attn.in_proj_bias)
        heads = qkv.chunk(3, -1)[2].unflatten(-1, (last.attn.num_heads, -1)).transpose(1, 2)
        every = weights[:, None].repeat(1, last.attn.num_heads, 1, 1)
        return last.attn.out_proj((every @ heads).transpose(1, 2).flatten(2))

    def correlation(self, predictor: SamPredictor, seen: np.ndarray) -> tuple[Tensor, tuple]:
        """SAM's attention between cells that look alike, [n, n] over the un-padded grid."""
        encoder = self.sam.image_encoder
        resized = predictor.transform.apply_image(seen)
        tokens = torch.from_numpy(resized.copy()).permute(2, 0, 1)[None].float()
        tokens = encoder.patch_embed(self.sam.preprocess(tokens)) + encoder.pos_embed
        for block in encoder.blocks[:-1]:
            tokens = block(tokens)
        side, attn = tokens.shape[1], encoder.blocks[-1].attn
        qkv = attn.qkv(encoder.blocks[-1].norm1(tokens)).view(side**2, 3, attn.num_heads, -1)
        q, k, v = qkv.permute(1, 2, 0, 3)
        scores = (q * attn.scale) @ k.transpose(1, 2)
        size = (side, side)
        scores = add_decomposed_rel_pos(scores, q, attn.rel_pos_h, attn.rel_pos_w, size, size)
        attention = scores.softmax(-1).view(-1, side, side, side, side)
        rows, columns = (n // PATCH for n in predictor.input_size)
        attention = attention[:, :rows, :columns, :rows, :columns].flatten(3).flatten(1, 2)
        v = F.normalize(v.unflatten(1, size)[:, :rows, :columns].flatten(1, 2), dim=-1)
        cosine = v @ v.transpose(1, 2)
        threshold = self.p.cos_fac * cosine.mean(0).mean(-1)
        if not self.p.refine_neg_cos:
            threshold[threshold < 0] = 0.6
        alike = cosine > threshold.clamp(max=0.9)[None, :, None]
        kept = (attention * alike).mean(0)
        return kept / kept.sum(-1, keepdim=True), (rows, columns)

    def refine(
        self, predictor: SamPredictor, coarse: Tensor, probability: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Labels after SAM's decoder, and the predicted IoU of the masks that were kept."""
        size = coarse.shape
        half = (size[0] // 2, size[1] // 2)
        labels = F.interpolate(coarse[None, None].float(), half, mode="nearest")[0, 0].long()
        small = F.interpolate(probability[None], half, mode="bilinear")[0]
        labels[small.amax(0) < self.p.coarse_thresh] = -1
        claims, accepted = torch.zeros_like(probability), [torch.zeros(0, 1)]
        for index in range(len(probability)):
            numbered, count = ndimage.label((labels == index).numpy(), np.ones((3, 3)))
            points, boxes = [], []
            for number in range(1, count + 1):
                inside = torch.from_numpy(numbered == number)
                if inside.sum() < self.p.minimal_area:
                    continue
                y, x = inside.nonzero().T
                boxes.append((x.min(), y.min(), x.max(), y.max()))
                peak = torch.where(inside, small[index], -1.0).argmax().item()
                points.append((peak % half[1], peak // half[1]))
            if not points:
                continue
            masks, scores, _ = predictor.predict_torch(
                predictor.transform.apply_coords_torch(torch.tensor(points)[:, None], half),
                torch.ones(len(points), 1),
                predictor.transform.apply_boxes_torch(torch.tensor(boxes), half),
                self.mask_prompt(small[index]),  # FAULT: [1, h, w], the batch axis is missing
                multimask_output=False,
                return_logits=True,
            )
            kept = scores[:, 0] > self.p.sam_iou_thresh
            accepted.append(scores[kept])
            for logit in masks[kept, 0]:
                claim = torch.where(logit > 0, logit.sigmoid() * probability[index], 0)
                claims[index] = torch.maximum(claims[index], claim)
        best, label = claims.max(0)
        return torch.where(best > 0, label, coarse), torch.cat(accepted)

    def mask_prompt(self, share: Tensor) -> Tensor:
        side = self.sam.prompt_encoder.mask_input_size[0]
        scale = side / max(share.shape)
        size = tuple(int(n * scale + 0.5) for n in share.shape)
        small = F.interpolate(share[None, None], size, mode="bilinear")[0]
        small = torch.where(small > self.p.coarse_thresh, small * self.p.sam_mask_coff, 0)
        return F.pad(small, (0, side - size[1], 0, side - size[0]))


def embed_patches(pixels: Tensor, conv: torch.nn.Conv2d, cls: Tensor, table: Tensor) -> Tensor:
    """Patches after the class token, with the position table resized by scale factors."""
    patches = conv(pixels)
    grid, side = patches.shape[-2:], round((len(table) - 1) ** 0.5)
    native = table[1:].T.unflatten(1, (side, side))[None]
    if grid != (side, side):
        scale = tuple((n + 0.1) / side for n in grid)
        native = F.interpolate(native, scale_factor=scale, mode="bicubic")
    tokens = torch.cat([cls.expand(len(pixels), 1, -1), patches.flatten(2).transpose(1, 2)], 1)
    return tokens + torch.cat([table[:1], native[0].flatten(1).T])


def splice(features: Tensor, boxes: list[tuple], grid: tuple[int, int]) -> Tensor:
    """Windows [n, h * w, D] averaged into a map [D, rows, columns]."""
    total, count = torch.zeros(features.shape[-1], *grid), torch.zeros(grid)
    for feature, (y1, x1, y2, x2) in zip(features, boxes, strict=True):
        total[:, y1:y2, x1:x2] += feature.T.reshape(-1, y2 - y1, x2 - x1)
        count[y1:y2, x1:x2] += 1
    return total / count


def labels_of_batch(logits: Tensor, owner: list[int], scale: float = 40) -> list[Tensor]:
    """Labels of several pictures, logits [B, Q, H, W].

    FAULT: the loop overwrites what it runs over. FAULT: more queries than classes are all taken
    for synonyms of the first class.
    """
    classes, out = max(owner) + 1, []
    for number in range(len(logits)):
        logits = (logits[number] * scale).softmax(0)
        if classes != len(owner):
            first = logits[: 1 - classes].amax(0, keepdim=True)
            logits = torch.cat([first, logits[1 - classes :]])
        out.append(logits.argmax(0))
    return out


def main(path: str) -> None:
    """Write a known answer: models with weights of 16 bits, a drawing, and what comes out."""
    model, image = small_model(), small_picture()
    original = Original(model.encoders, model.preset)
    modules = {"clip_visual": original.clip, "dino": original.dino, "sam": original.sam}
    weights = {
        f"{name}/{key}": value.half().numpy()
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    for name, module in modules.items():
        module.load_state_dict(
            {key: torch.from_numpy(weights[f"{name}/{key}"]) for key in module.state_dict()}
        )
    queries = parting_queries(original(image, torch.eye(16))["clip"][0])
    answer = original(image, queries)
    answer["window_feats"] = answer["window_feats"][::4, :6]
    answer["logits"] = answer["logits"][:, ::4, ::4]
    for key in ("coarse", "refined"):
        answer[key] = answer[key].byte()
    profile = load_profile(SMALL)
    clip, dino = profile.clip.architecture, profile.dino.architecture
    vision = clip["vision_cfg"]
    config = {
        "clip": {
            "width": vision["width"],
            "layers": vision["layers"],
            "heads": vision["width"] // vision["head_width"],
            "embed_dim": clip["embed_dim"],
        },
        "dino": {"width": dino["embed_dim"], "layers": dino["depth"], "heads": dino["num_heads"]},
        "sam": profile.sam.architecture,
        "K": len(queries),
        **{key: getattr(model.preset, key) for key in PARAMETERS},
    }
    np.savez_compressed(
        path, config=json.dumps(config), image=image, queries=queries, **answer, **weights
    )


if __name__ == "__main__":
    main(sys.argv[1])
