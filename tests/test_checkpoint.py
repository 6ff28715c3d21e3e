"""Checkpoint files: official layouts into the real modules, and bad files told apart."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator

import pytest
import torch
from safetensors.torch import save_file

from mineral_utils.checkpoint import WeightError, describe, load_state
from mineral_utils.weights import find, load_into

from . import checkpoints as ck


def same(state: dict, module: torch.nn.Module) -> bool:
    wanted = module.state_dict()
    return state.keys() == wanted.keys() and all(torch.equal(state[k], wanted[k]) for k in wanted)


MODELS = {"clip": ck.small_clip, "dino": ck.small_vit, "sam": ck.small_sam}
WRITERS = {
    "zip": ck.write_pt,
    "legacy": lambda path, state: ck.write_pt(path, state, legacy=True),
    "safetensors": ck.write_safetensors,
    "training": ck.write_open_clip_training,
    "dino-full": lambda path, state: ck.write_dino_full(
        path, state, ck.small_vit(seed=9).state_dict()
    ),
}


@pytest.mark.parametrize(
    "kind, layout",
    [(kind, layout) for kind in MODELS for layout in ("zip", "legacy", "safetensors")]
    + [("clip", "training"), ("dino", "dino-full")],
)
def test_every_official_layout_fills_the_real_module_exactly(tmp_path, kind, layout):
    source = MODELS[kind](seed=1)
    path = WRITERS[layout](tmp_path / "weights.bin", source.state_dict())  # the suffix says nothing
    state = load_state(path, kind=kind)
    assert same(state, source)
    module = MODELS[kind](seed=2)
    assert not same(state, module)
    assert load_into(module, state, path.name) is module
    assert same(state, module)
    assert all(p.requires_grad == q.requires_grad for p, q in both(module, source))


@pytest.mark.parametrize("low", [0x80, 0x50])
def test_a_header_of_any_length_is_read(tmp_path, low):
    """A file of safetensors begins with the length of its header: 0x80, as a pickle begins, is a
    length like any other."""
    source = ck.small_sam(seed=1)
    for extra in range(0, 2048, 8):
        path = tmp_path / "weights.bin"
        save_file(source.state_dict(), path, {"about": "x" * extra})
        if path.read_bytes()[0] == low:
            break
    assert path.read_bytes()[0] == low and same(load_state(path, kind="sam"), source)


def both(one: torch.nn.Module, two: torch.nn.Module) -> Iterator[tuple]:
    return zip(one.parameters(), two.parameters(), strict=True)


def test_a_filled_module_computes_what_its_source_does(tmp_path):
    source, module = ck.small_vit(seed=1).eval(), ck.small_vit(seed=2).eval()
    state = ck.small_vit(seed=1).state_dict() | {"head.weight": torch.ones(10, 64)}
    path = ck.write_pt(tmp_path / "dino.pth", state)  # with a head, as for linear probing
    load_into(module, load_state(path, kind="dino"), path.name)
    photo = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(photo), source(photo))


def test_half_precision_becomes_float32_and_integers_stay(tmp_path):
    state = {"a": torch.tensor([0.5, 2.0]).half(), "b": torch.tensor([3])}
    read = load_state(ck.write_safetensors(tmp_path / "half.safetensors", state))
    assert read["a"].dtype == torch.float32 and read["a"].tolist() == [0.5, 2.0]
    assert read["b"].dtype == torch.int64 and read["b"].tolist() == [3]


def test_filling_copies_nothing_and_works_from_the_meta_device(tmp_path):
    path = ck.write_pt(tmp_path / "vit.pth", ck.small_vit(seed=1).state_dict())
    state = load_state(path)
    with torch.device("meta"):
        module = ck.small_vit()
    load_into(module, state, path.name)
    assert module.cls_token.data_ptr() == state["cls_token"].data_ptr()
    assert same(state, module)


# ---- files that must not be read ---------------------------------------------------------------
@pytest.mark.parametrize("layout", ["zip", "legacy", "pickle"])
def test_code_in_a_pickle_is_named_and_never_run(tmp_path, layout):
    marker = tmp_path / "it_ran"
    path = ck.write_trap(tmp_path / "trap.pth", marker, layout)
    with pytest.warns() if layout == "pickle" else contextlib.nullcontext():
        with pytest.raises(WeightError, match="exec, and reading that would run code") as error:
            load_state(path)
    assert str(path) in str(error.value) and "safetensors copy" in str(error.value)
    assert not marker.exists()
    pickle.loads(pickle.dumps(ck.Trap(marker)))  # the trap does work: this is what was avoided
    assert marker.exists()


def test_a_whole_module_is_refused_by_the_name_of_its_class(tmp_path):
    path = ck.write_whole_module(tmp_path / "model.pt", torch.nn.Linear(2, 2))
    with pytest.raises(WeightError, match=r"it names torch.nn.modules.linear.Linear"):
        load_state(path)


def test_a_torchscript_archive_is_refused_with_a_way_out(tmp_path):
    path = ck.write_torchscript(tmp_path / "ViT-B-16.pt", torch.nn.Linear(2, 2))
    with pytest.raises(WeightError, match="TorchScript archive.*clip-vit-b-16-openai"):
        load_state(path)
    assert find("clip-vit-b-16-openai").file.endswith(".safetensors")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
@pytest.mark.parametrize("layout", ["zip", "legacy", "safetensors"])
def test_a_file_cut_short_is_said_to_be_so(tmp_path, layout, share):
    path = WRITERS[layout](tmp_path / "cut.pth", ck.small_vit().state_dict())
    size = ck.truncate(path, share).stat().st_size
    with pytest.raises(WeightError, match=rf"cut.pth is cut short or damaged \({size} bytes\)"):
        load_state(path)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"\n<!DOCTYPE html><html>404</html>", "is a web page, not weights"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
        (b"weights?", "is no checkpoint that is known here"),
    ],
)
def test_what_is_no_checkpoint_at_all_is_told_apart(tmp_path, content, words):
    path = tmp_path / "x.pth"
    path.write_bytes(content)
    with pytest.raises(WeightError, match=words) as error:
        load_state(path)
    assert str(path) in str(error.value)


def test_a_missing_file_and_one_without_tensors(tmp_path):
    with pytest.raises(WeightError, match="There is no file .*nowhere.pth"):
        load_state(tmp_path / "nowhere.pth")
    torch.save({"epoch": 3, "lr": 0.1}, tmp_path / "log.pt")
    with pytest.raises(WeightError, match="log.pt holds the keys epoch, lr and no tensors"):
        load_state(tmp_path / "log.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(WeightError, match="holds a list and no tensors"):
        load_state(tmp_path / "list.pt")


# ---- telling models apart ---------------------------------------------------------------------
@pytest.mark.parametrize(
    "model, words",
    [
        ("sam-b", "SAM ViT-B (12 blocks, width 768)"),
        ("sam-l", "SAM ViT-L (24 blocks, width 1024)"),
        ("clip-b", "CLIP ViT-B/16 (12 blocks, width 768; text: 12 blocks, width 512)"),
        ("clip-l", "CLIP ViT-L/14 (24 blocks, width 1024; text: 12 blocks, width 768)"),
        ("dino-8", "DINO ViT-B/8 (12 blocks, width 768)"),
    ],
)
def test_sizes_are_read_off_the_shapes(model, words):
    assert str(describe(ck.full_size(model).state_dict())) == words


def test_the_towers_of_clip_are_known_by_themselves():
    clip = ck.full_size("clip-b")
    assert str(describe(clip.visual.state_dict())) == "CLIP ViT-B/16 (12 blocks, width 768)"
    text = {k: v for k, v in clip.state_dict().items() if not k.startswith("visual.")}
    assert str(describe(text)) == "CLIP (text: 12 blocks, width 512)"
    assert describe({"encoder.weight": torch.zeros(1)}).kind == "unknown"


def test_a_file_for_another_model_is_refused_on_reading(tmp_path):
    path = ck.write_pt(tmp_path / "sam.pth", ck.small_sam().state_dict())
    with pytest.raises(WeightError, match=r"holds SAM ViT \(2 blocks, width 48\), but CLIP"):
        load_state(path, kind="clip")
