"""The picture that lessons open with."""

from __future__ import annotations

import numpy as np
import pytest

from mineral_utils.example import DRAWN, example_photo, example_section
from mineral_utils.minerals import UnknownMineral


def test_the_example_shows_all_its_minerals_well():
    section = example_section()
    assert {name.lower() for name in section.names} == set(DRAWN)
    assert min(section.shares.values()) > 0.04
    assert np.array_equal(section.image, example_section().image)


def test_other_minerals_and_seeds_can_be_asked_for():
    section = example_section(("pyrite", "galena"), size=(64, 96), seed=2)
    assert section.image.shape == (64, 96, 3) and section.seed == 2
    with pytest.raises(UnknownMineral, match="unobtainium"):
        example_section(("pyrite", "unobtainium"))


@pytest.mark.parametrize("value", [None, ""])
def test_without_lumenstone_the_example_is_a_digital_section(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("LUMENSTONE_DIR", raising=False)
    else:
        monkeypatch.setenv("LUMENSTONE_DIR", value)
    photo, section = example_photo(), example_section()
    assert photo.path is None and (photo.image == section.image).all()
    assert photo.um_per_px == section.um_per_px and photo.credit == "digital section"


def test_a_folder_without_training_photos_is_no_reason_to_stop(monkeypatch, tmp_path):
    held_out = tmp_path / "S1_v1" / "imgs" / "test"
    held_out.mkdir(parents=True)
    (held_out / "held_out.jpg").write_bytes(b"never opened")
    monkeypatch.setenv("LUMENSTONE_DIR", str(tmp_path))
    assert example_photo().path is None


def test_with_lumenstone_the_example_is_a_training_photo(lumenstone_dir):
    photo = example_photo()
    assert photo.path.parts[-2] == "train" and photo.path.is_relative_to(lumenstone_dir)
    assert "LumenStone" in photo.credit
