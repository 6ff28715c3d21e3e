"""Shipped weights: written with a card, found, checked, and how to bring them back."""

from __future__ import annotations

import json

import pytest
import torch

from mineral_utils import shipped
from mineral_utils.checkpoint import WeightError
from mineral_utils.miniature import store
from mineral_utils.weights import resolve

CARD = dict.fromkeys(store.CARD_KEYS, "as said")


def write(folder, kind="dino"):
    state = {"a": torch.tensor([1.0, 0.1]), "n": torch.tensor([3])}
    return store.save_weights(kind, state, CARD, folder)


def test_weights_are_kept_in_half_precision_beside_their_card(tmp_path):
    from safetensors.torch import load_file

    path = write(tmp_path)
    assert path == store.weight_file("dino", tmp_path) == tmp_path / "dino.safetensors"
    kept = load_file(path)
    assert kept["a"].dtype == torch.float16 and kept["n"].dtype == torch.int64
    assert kept["a"].tolist() == [1.0, torch.tensor(0.1).half().item()]
    card = store.read_card("dino", tmp_path)
    assert card["kind"] == "dino" and card["bytes"] == path.stat().st_size
    assert len(card["sha256"]) == 64 and card["licence"] == "as said"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dino.json", "dino.safetensors"]


def test_damage_is_found_and_the_message_brings_the_file_back(tmp_path):
    path = write(tmp_path)
    store.weight_file("dino", tmp_path)  # checked once: a later change must be seen all the same
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(WeightError, match="damaged") as found:
        store.weight_file("dino", tmp_path)
    for command in ("git checkout -- mineral_utils/miniature/weights", "miniature dino --out"):
        assert command in str(found.value)
    path.unlink()
    with pytest.raises(WeightError, match="dino.safetensors is missing; bring it back with"):
        store.weight_file("dino", tmp_path)


def test_cards_that_are_missing_or_torn_are_answered(tmp_path):
    path = write(tmp_path)
    card = path.with_suffix(".json")
    card.write_text(card.read_text(encoding="utf-8")[:40], encoding="utf-8")
    with pytest.raises(WeightError, match="dino.json is damaged"):
        store.weight_file("dino", tmp_path)
    card.write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(WeightError, match="holds no JSON object"):
        store.weight_file("dino", tmp_path)
    card.unlink()
    with pytest.raises(WeightError, match="dino.json is missing"):
        store.weight_file("dino", tmp_path)


def test_a_profile_names_small_models_by_kind(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    monkeypatch.setattr(shipped.weight_file, "__defaults__", (tmp_path,))
    assert resolve("miniature:dino") == tmp_path / "dino.safetensors"
    with pytest.raises(WeightError, match="no small model 'clap'; there are miniature:clip"):
        resolve("miniature:clap")


def test_what_cannot_be_kept_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no small model is a 'bert'"):
        store.save_weights("bert", {}, CARD, tmp_path)
    with pytest.raises(ValueError, match="lacks limits, licence"):
        card = {key: "" for key in store.CARD_KEYS if key not in ("limits", "licence")}
        store.save_weights("sam", {}, card, tmp_path)
    with pytest.raises(ValueError, match="w of sam is not finite in float16"):
        store.save_weights("sam", {"w": torch.tensor([1e6])}, CARD, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_all_shipped_weights_fit_into_thirty_megabytes():
    sizes = {path.name: path.stat().st_size for path in store.FOLDER.glob("*.safetensors")}
    assert sum(sizes.values()) <= 30e6, sizes
    for name in sizes:
        kind = name.removesuffix(".safetensors")
        assert store.weight_file(kind) and store.read_card(kind)["licence"] == "Apache-2.0"
