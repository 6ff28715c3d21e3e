"""The general world: exact segments, true words, equal seeds, no ore."""

from __future__ import annotations

import numpy as np
import pytest

from mineral_utils.minerals import vocabulary
from mineral_utils.miniature import shapes, surfaces, things, world
from mineral_utils.miniature.things import Thing, colour_name
from mineral_utils.miniature.world import KINDS, scene


def draw(seed: int, size=(96, 128), kind=None) -> world.Scene:
    return scene(np.random.default_rng(seed), size, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scene_has_a_word_for_every_segment_and_nothing_else(kind):
    for seed in range(8):
        drawn = draw(seed, kind=kind)
        assert drawn.image.shape == (96, 128, 3) and drawn.image.dtype == np.uint8
        assert drawn.segments.shape == (96, 128) and drawn.segments.dtype == np.int32
        # ids run from 0 without a gap, so each thing is seen somewhere
        assert np.unique(drawn.segments).tolist() == list(range(len(drawn.things)))
        for thing in drawn.things:
            assert thing.surface in things.SURFACES and thing.shape in things.SHAPES
        assert drawn.caption and drawn.kind == kind


def test_equal_seeds_draw_equal_scenes_and_others_do_not():
    one, same, other = draw(5), draw(5), draw(6)
    assert np.array_equal(one.image, same.image) and np.array_equal(one.segments, same.segments)
    assert one.things == same.things and one.caption == same.caption
    assert not np.array_equal(one.image, other.image)


def test_kinds_hold_what_they_promise():
    assert {len(draw(s, kind="surface").things) for s in range(5)} == {1}
    assert {len(draw(s, kind="single").things) for s in range(5)} <= {1, 2}
    many = [len(draw(s, (256, 256), "leaves").things) for s in range(8)]
    assert max(many) > 40
    sizes = np.bincount(draw(1, (256, 256), "leaves").segments.ravel())
    assert sizes.max() / sizes.min() > 500  # from a few pixels to much of the field
    assert any(t.shape == "tile" for t in draw(0, kind="mosaic").things)
    assert any(t.shape == "patch" for t in draw(0, kind="land").things)


def test_what_a_circle_covers_is_decided_at_the_pixel_centres():
    segments = np.zeros((7, 7), np.int32)
    shapes.stamp(segments, 3, "circle", (3.0, 3.0), 2.1, 0.0, _Round())
    assert segments.tolist() == [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 3, 0, 0, 0],
        [0, 0, 3, 3, 3, 0, 0],
        [0, 3, 3, 3, 3, 3, 0],
        [0, 0, 3, 3, 3, 0, 0],
        [0, 0, 0, 3, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]


class _Round:
    """A generator that draws the lower end: a circle without stretch."""

    @staticmethod
    def uniform(low, high):
        return low


def test_a_mosaic_gives_every_pixel_to_its_nearest_seed():
    for seed in range(20):  # some are straight, some are swayed: look at a straight one
        rng = np.random.default_rng(seed)
        tiles = shapes.mosaic(rng, (40, 50), 6)
        again = np.random.default_rng(seed)
        rows, columns = again.integers(0, 40, 6), again.integers(0, 50, 6)
        y, x = np.indices((40, 50))
        apart = (y[..., None] - rows) ** 2 + (x[..., None] - columns) ** 2
        own = np.take_along_axis(apart, tiles[..., None], -1)[..., 0]
        if (own == apart.min(-1)).all():
            return
    pytest.fail("no straight mosaic in 20 draws")


def test_words_name_the_colour_that_is_there(monkeypatch):
    # without light, wear and relief the mean colour of a segment is the colour it is named for
    monkeypatch.setattr(world, "_lit", lambda rng, image: image)
    monkeypatch.setattr(world, "_worn", lambda rng, image, segments: image)
    near = total = 0
    for seed in range(40):
        drawn = draw(seed, kind="things")
        for number, thing in enumerate(drawn.things):
            if thing.surface == "smooth" and (drawn.segments == number).sum() > 50:
                mean = drawn.image[drawn.segments == number].mean(0)
                near += colour_name(mean) == thing.colour
                total += 1
    assert total > 50 and near / total > 0.9  # shading may carry a colour over a border of names


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((60, 60, 60), "dark grey"),
        ((200, 200, 200), "pale grey"),
        ((220, 30, 30), "red"),
        ((255, 140, 0), "orange"),
        ((250, 220, 40), "yellow"),
        ((235, 230, 195), "pale yellow"),
        ((245, 240, 225), "cream"),
        ((40, 160, 60), "green"),
        ((0, 0, 255), "blue"),
        ((10, 20, 70), "dark blue"),
        ((110, 60, 140), "purple"),
        ((255, 150, 190), "pink"),
        ((120, 72, 40), "brown"),
        ((150, 160, 175), "pale bluish grey"),
    ],
)
def test_colours_have_their_everyday_names(colour, name):
    assert colour_name(colour) == name


def test_lab_agrees_with_its_inverse_and_with_known_colours():
    colours = np.random.default_rng(0).uniform(0, 255, (50, 3))
    assert np.allclose(things.rgb(things.lab(colours)), colours, atol=0.05)
    assert things.lab(np.array([255, 0, 0])) == pytest.approx([53.2, 80.1, 67.2], abs=0.2)


def test_close_palettes_differ_by_a_few_levels_only():
    rng = np.random.default_rng(3)
    steps = []
    for _ in range(60):
        first, second = things.draw_palette(rng, 2, close=True)
        steps.append(np.abs(first - second).max())
    assert 4 < np.median(steps) < 25
    apart = [np.abs(np.diff(things.draw_palette(rng, 2, close=False), axis=0)).max() for _ in steps]
    assert np.median(apart) > 60


@pytest.mark.parametrize("surface", things.SURFACES)
def test_surfaces_leave_the_mean_colour_where_it_was(surface):
    y, x = np.indices((128, 128), dtype=np.float32).reshape(2, -1)
    rng = np.random.default_rng(2)
    relief = np.stack([surfaces.relief(surface, x, y, 10, rng) for _ in range(8)])
    assert relief.dtype == np.float32 and np.abs(relief).max() <= 2.01
    assert abs(relief.mean()) < 0.25
    assert (relief.std() == 0) == (surface == "smooth")


def test_bold_surfaces_are_more_and_stronger():
    steps = {False: [], True: []}
    for seed in range(40):
        for bold, found in steps.items():
            drawn = scene(np.random.default_rng(seed), (96, 96), "surface", bold)
            if drawn.things[0].surface != "smooth":
                found.append(np.abs(np.diff(drawn.image.astype(float), axis=1)).mean())
    assert len(steps[True]) > len(steps[False]) > 5
    assert np.mean(steps[True]) > 1.5 * np.mean(steps[False])


def test_captions_say_what_is_there_and_the_biggest_first():
    seen = (Thing("red", "striped", "leaf"), Thing("pale grey", "smooth", "ground"))
    told = {things.caption(seen, (100, 900), np.random.default_rng(s)) for s in range(60)}
    assert len(told) > 30  # many ways to say it
    assert any("pale grey" in text or "light grey" in text for text in told)
    for text in told:
        assert "leaf" in text or "lens" in text
        assert not {"blue", "circle"} & set(text.split())


def test_the_world_knows_no_mineral():
    words = " ".join(draw(seed, (48, 48)).caption for seed in range(150)).lower()
    for name in vocabulary().names:
        assert name.lower() not in words.split()


def test_bad_input_is_answered():
    with pytest.raises(ValueError, match="no kind of scene is called 'ore'; there are single"):
        draw(0, kind="ore")
    with pytest.raises(ValueError, match="8 x 20 px is too small"):
        draw(0, (20, 8))
    with pytest.raises(ValueError, match="no surface 'furry'"):
        surfaces.relief("furry", np.zeros(3), np.zeros(3), 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="no outline of a 'ground'"):
        shapes.outline("ground", np.random.default_rng(0))
