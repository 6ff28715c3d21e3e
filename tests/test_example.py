"""The drawing to begin with, and the choice between it and a user's photo."""

from __future__ import annotations

import numpy as np
import pytest

from mineral_utils.example import DRAWN, draw_grains, example_photo
from mineral_utils.minerals import UnknownMineral, vocabulary


def test_the_same_seed_draws_the_same_grains():
    (photo, labels), (again, same) = draw_grains(seed=3), draw_grains(seed=3)
    assert (photo.image == again.image).all() and (labels == same).all()
    assert not (draw_grains(seed=4)[1] == labels).all()


def test_the_drawing_has_the_size_and_the_minerals_asked_for():
    photo, labels = draw_grains(("pyrite", "galena"), size=(100, 160), seed=1)
    assert photo.image.shape == (100, 160, 3) and photo.image.dtype == np.uint8
    assert labels.shape == (100, 160) and labels.dtype == np.uint8
    assert set(np.unique(labels)) == {0, 1}
    assert photo.um_per_px is None, "a drawing has no scale"
    assert set(np.unique(draw_grains()[1])) == set(range(len(DRAWN)))


def test_grains_are_large_and_many():
    _, labels = draw_grains()
    changes = (labels[:, 1:] != labels[:, :-1]).mean()
    assert 0.005 < changes < 0.05


def test_colours_are_those_of_the_reflectance():
    photo, labels = draw_grains()
    colour = {
        name: np.median(photo.image[labels == index], axis=0) for index, name in enumerate(DRAWN)
    }
    for name in ("pyrite", "chalcopyrite"):  # yellow: red and green above blue
        red, green, blue = colour[name]
        assert red >= green > blue + 10
    red, green, blue = colour["galena"]  # white to grey
    assert max(red, green, blue) - min(red, green, blue) < 15
    order = sorted(DRAWN, key=lambda name: colour[name].sum())
    assert order[:2] == ["quartz", "sphalerite"], "the two transparent ones are darkest"


def test_a_grain_is_the_mean_reflectance_through_srgb():
    """Galena at 546 nm, from the vocabulary, by hand."""
    photo, labels = draw_grains(("galena", "quartz"))
    (low, high) = next(
        (r1, r2) for nm, r1, r2 in vocabulary().find("galena").reflectance if nm == 546
    )
    linear = (low + high) / 2 / 60
    encoded = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)
    green = np.median(photo.image[labels == 0][:, 1])
    assert green == pytest.approx(encoded, abs=1)


def test_a_name_that_nobody_knows_cannot_be_drawn():
    with pytest.raises(UnknownMineral, match="unobtainium"):
        draw_grains(("pyrite", "unobtainium"))


@pytest.mark.parametrize("value", [None, ""])
def test_without_lumenstone_the_example_is_drawn(monkeypatch, value):
    if value is None:
        monkeypatch.delenv("LUMENSTONE_DIR", raising=False)
    else:
        monkeypatch.setenv("LUMENSTONE_DIR", value)
    photo = example_photo()
    assert photo.path is None and (photo.image == draw_grains()[0].image).all()


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
