"""The shipped adapter: moved to other weights of the small CLIP, and taught about whole photos."""

from __future__ import annotations

import json
import shutil

import torch
from safetensors.torch import load_file

from mineral_utils.clip_lora import about_adapter, base_hash, load_adapter
from mineral_utils.encoders import ClipVisual, build_clip
from mineral_utils.encoders.clip import class_feature, run_blocks
from mineral_utils.miniature import ore, store
from mineral_utils.profiles import load_profile


def tuned(path):
    clip, _ = build_clip(load_profile("demo").clip)
    load_adapter(path, clip)
    return clip.eval()


def test_the_shipped_adapter_stands_on_the_shipped_clip():
    clip, _ = build_clip(load_profile("demo").clip)
    card = store.read_card("ore")
    assert card["architecture"]["lora"]["base_sha256"] == base_hash(clip)
    assert about_adapter(store.weight_file("ore"))["lora"]["base_sha256"] == base_hash(clip)


def test_a_moved_adapter_names_the_clip_as_it_is_now(tmp_path, monkeypatch):
    source = store.weight_file("ore")
    monkeypatch.setattr(ore, "base_hash", lambda clip: "f" * 64)
    path = ore.moved(source, tmp_path / "new" / "moved.safetensors")
    was, now = about_adapter(source), about_adapter(path)
    assert now["lora"].pop("base_sha256") == "f" * 64 != was["lora"].pop("base_sha256")
    assert was == now
    one, other = load_file(source), load_file(path)
    assert one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


@torch.no_grad()
def test_a_course_about_whole_photos_leaves_every_map_to_the_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(ore, "WHOLE", ore.WHOLE | {"batch": 4})
    folder = tmp_path / "weights"
    folder.mkdir()
    shutil.copy(store.FOLDER / "ore.json", folder)
    with torch.enable_grad():
        taught = ore.train(tmp_path, sections=8, epochs=1, whole=True, device="cpu")
    assert taught.finished and [line["step"] for line in taught.curve] == [2]
    path = ore.export(tmp_path, folder, {"seen": 1})
    models = [tuned(given) for given in (store.weight_file("ore"), path)]
    pixels = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    said = [class_feature(m.visual, run_blocks(m.visual, pixels)) for m in models]
    read = []
    for visual in (ClipVisual(m.visual) for m in models):
        read.append(visual.embed(visual.project_out(visual.values(pixels))))
    assert torch.equal(*read) and not torch.allclose(*said, atol=1e-4)
    assert torch.equal(*(m.logit_scale for m in models))

    was, card = store.read_card("ore"), json.loads((folder / "ore.json").read_text("utf-8"))
    assert card["recipe"] == was["recipe"] and card["time"] == was["time"]
    assert card["whole"]["recipe"] == card["whole"]["recipe"] | {"learns": "class", "dense": "none"}
    assert card["whole"]["time"]["steps"] == 2 and card["numbers"] == was["numbers"] | {"seen": 1}
    assert card["sha256"] != was["sha256"]
