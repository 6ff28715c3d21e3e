"""Known faults of the original, each shown with `tests.reference`, and each mended here."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from mineral_utils import trident
from mineral_utils.encoders import Encoders, SamEncoder, build_sam
from mineral_utils.photos import Photo, load_photo
from mineral_utils.profiles import ModelSpec
from mineral_utils.segmenter import Scene, Segmenter

from .reference import (  # noqa: F401
    Original,
    labels_of_batch,
    one_thread,
    parting_queries,
    small_model,
    small_picture,
)

NAMES = list("abcd")


@pytest.fixture(scope="module")
def model() -> Segmenter:
    return small_model()


@pytest.fixture
def original(model) -> Original:
    return Original(model.encoders, model.preset)


@pytest.fixture(scope="module")
def queries(model) -> torch.Tensor:
    return parting_queries(model.encode(small_picture(), progress=False).features)


def _labels(scene: Scene, queries: torch.Tensor) -> np.ndarray:
    return scene.compare(queries, torch.arange(len(queries)), NAMES).labels


def test_a_field_of_one_mineral_was_nan(model, original, queries):
    """Polished pyrite and nothing else: the mean similarity is above 1 / 1.2."""
    field = np.full((128, 160, 3), (235, 222, 170), np.uint8)
    field += np.random.default_rng(0).integers(0, 3, field.shape, np.uint8)
    assert original(field, queries)["window_feats"].isnan().all()
    scene = model.encode(field, progress=False)
    assert scene.features.isfinite().all()
    result = scene.compare(queries, torch.arange(4), NAMES)
    assert np.isfinite(result.scores()).all() and len(np.unique(result.labels)) == 1
    capped = model.encode(field, progress=False, affinity_cap=0.9)
    assert capped.features.isfinite().all()


def test_single_rows_that_were_nan_poisoned_the_whole_photo(model, original, queries):
    """A patch unlike all others under a mean just over 1 / beta: NaN in one window, and SAM's
    correlation spreads it."""
    picture = small_picture((112, 112))
    unit = F.normalize(original.dino_tokens(original.cut_windows(picture)[0]), dim=-1)
    mean = trident.mean_similarity(unit)
    beta, dead = 1 / mean.item(), torch.zeros(1, 49, dtype=torch.bool)
    while not dead.any():  # raise the threshold until the first rows die
        beta += 1e-3
        original.p = model.preset.replace(beta=beta)
        weights = original.affinity(unit)
        dead = weights.isnan().any(-1)
    ours = trident.affinity(unit, mean, beta=beta)
    alone = torch.eye(49)[None].expand_as(ours)[dead]
    assert torch.equal(ours[dead], alone), "a dead row becomes the patch alone"
    torch.testing.assert_close(ours[~dead], weights[~dead], atol=1e-6, rtol=0)
    assert original(picture, queries)["logits"].isnan().all()


@pytest.mark.parametrize("size", [(80, 96), (64, 320), (320, 96)])
def test_pictures_smaller_than_a_window_broke_on_their_shape(model, original, queries, size):
    """Sides that are multiples of 16 px were never enlarged, but padded to multiples of 56."""
    picture = small_picture(size)
    with pytest.raises(RuntimeError, match="shape|size"):
        original(picture, queries)
    labels = _labels(model.encode(picture, progress=False), queries)
    assert labels.shape == size


def test_a_second_picture_in_a_batch_got_the_first_ones_remains(model, original, queries):
    pictures = [small_picture((112, 160)), small_picture((112, 160))[::-1].copy()]
    answers = [original(picture, queries) for picture in pictures]
    logits = torch.stack([answer["logits"] for answer in answers])
    first, second = labels_of_batch(logits, owner=[0, 1, 2, 3])
    assert torch.equal(first, answers[0]["coarse"])
    assert second.shape != (112, 160), "one class's map of the first, reduced along its rows"
    scenes = model.encode(pictures, progress=False)
    for scene, answer in zip(scenes, answers, strict=True):
        assert (_labels(scene, queries) == answer["coarse"].numpy()).mean() > 0.999


def test_synonyms_counted_for_the_first_class_whoever_owned_them(model, original, queries):
    """Queries 1 and 2 are two words for class 1; the original gives word 1 to class 0."""
    picture = small_picture((112, 160))
    logits = original(picture, queries)["logits"]
    best = logits.argmax(0)
    assert (best == 1).any() and (best == 2).any()
    (old,) = labels_of_batch(logits[None], owner=[0, 1, 1, 2])
    assert (old[best == 1] == 0).all()
    scene = model.encode(picture, progress=False)
    new = scene.compare(queries, torch.tensor([0, 1, 1, 2]), ["a", "b", "c"]).labels
    right = torch.tensor([0, 1, 1, 2])[best].numpy()
    assert (new == right).mean() > 0.999
    assert (new[best == 1] == 1).mean() > 0.999 and (old.numpy() == right).mean() < 0.9


def test_a_sam_of_the_largest_kind_could_not_refine(model, queries):
    """The original builds no ``self.sam`` for ViT-H. Here any segment-anything model refines: this
    one has ViT-H's layout (head width 80, every quarter a global block), only smaller."""
    sizes = {"image_size": 256, "width": 160, "layers": 4, "heads": 2, "prompt_dim": 32}
    spec = ModelSpec({**sizes, "global_attn_indexes": [0, 1, 2, 3], "decoder_mlp_dim": 64}, seed=1)
    sam = SamEncoder(build_sam(spec))
    parts = model.encoders
    large = Segmenter(Encoders(parts.clip, parts.dino, sam), model.preset)
    scene = large.encode(small_picture(), progress=False)
    changes = {"sam_iou_thresh": -9.0, "coarse_thresh": 0.1}
    coarse = scene.compare(queries, torch.arange(4), NAMES, **changes)
    fine = coarse.refine(scene, progress=False)
    assert fine.prompts and all(prompt.kept for prompt in fine.prompts)
    expected = Original(large.encoders, model.preset.replace(**changes))(small_picture(), queries)
    assert (fine.labels == expected["refined"].numpy()).mean() > 0.999


def test_every_call_left_a_hook_behind(model, original, queries):
    def hooks(vit: torch.nn.Module) -> int:
        return sum(len(part._forward_hooks) for part in vit.modules())

    picture = small_picture((112, 112))
    for call in range(3):
        original(picture, queries)
        model.encode(picture, progress=False)
        assert hooks(original.dino) == call + 1
        assert hooks(model.encoders.dino.vit) == 0


def test_sam_looked_at_the_file_whatever_was_done_to_the_picture(
    model, original, queries, tmp_path
):
    """Shown with a picture turned upside down after it was read."""
    Image.fromarray(small_picture()).save(tmp_path / "section.png")
    photo = load_photo(tmp_path / "section.png")
    turned = photo.image[::-1].copy()
    stale = original(turned, queries, on_disk=photo.image)["clip"]
    right = original(turned, queries)["clip"]
    assert (stale - right).abs().max() > 0.1
    scene = model.encode(Photo(turned, path=photo.path), progress=False)
    cells = (scene.features - F.normalize(right[0], dim=-1)).abs().amax(-1)
    assert cells.median() < 1e-5
    (tmp_path / "section.png").unlink()
    again = model.encode(Photo(turned, path=photo.path), progress=False)
    assert torch.equal(again.features, scene.features)


def test_a_window_depended_on_how_windows_were_batched(model, original):
    """The mean runs over the whole batch; here it is the photo's or the window's, by name."""
    pixels, _ = original.cut_windows(small_picture())
    tokens = original.dino_tokens(pixels)
    together, alone = original.affinity(tokens), original.affinity(tokens[:1])
    assert (together[:1] - alone).abs().max() > 1e-3
    per_window = model.preset.replace(similarity_mean="window")
    whole = Segmenter(model.encoders, per_window, window_batch=12)
    one_by_one = Segmenter(model.encoders, per_window, window_batch=1)
    features = [m.encode(small_picture(), progress=False).features for m in (whole, one_by_one)]
    assert (features[0] - features[1]).abs().amax(-1).median() < 1e-5
