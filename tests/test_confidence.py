"""How sure a map is: unknown pixels, thresholds, and what is said to the reader."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mineral_utils.confidence import (
    Calibration,
    confidence_map,
    load_calibration,
    look_alikes,
    model_hash,
    with_unknown,
)
from mineral_utils.confidence.calibrating import Trials, rivals
from mineral_utils.confidence.unknown import SHIPPED, rivals_of, weigh
from mineral_utils.shipped import read_card

from .reference import small_model, small_picture

RIVALS = rivals(["Pyrite", "Galena", "Quartz", "Calcite", "Sphalerite"], "resin")


@pytest.fixture(scope="module")
def scene():
    return small_model().encode(small_picture((128, 192)), progress=False)


@pytest.fixture(scope="module")
def calibration(scene):
    return Calibration(model_hash(scene.model), RIVALS, 40.0, 0.5)


# ---- one answer against the others -------------------------------------------------------------
def test_an_answer_is_weighed_against_all_that_speaks_against_it():
    # classes 0 and 1 are asked; the third word was not
    logits = torch.tensor([[[3.0, 0, 0], [0, 2, 2], [0, 1, 9]]])
    against = torch.tensor([[False, True, True], [True, False, True]])
    found = weigh(logits, torch.tensor([0, 1]), against)
    e = np.exp
    assert found.shape == (1, 3)
    expected = [e(3) / (e(3) + 2), e(2) / (e(2) + e(2) + 1), e(1) / (e(1) + e(9) + 1)]
    np.testing.assert_allclose(found[0].numpy(), expected, rtol=1e-5)


def test_where_nothing_speaks_against_an_answer_it_is_sure():
    found = weigh(torch.tensor([[[0.3]]]), torch.tensor([0]), torch.tensor([[False]]))
    assert found.item() == 1


def test_look_alikes_and_synonyms_are_no_rivals():
    # one class of two words, then sphalerite; not asked: calcite (looks like quartz), galena
    words, owner = ["quartz", "stone", "sphalerite", "calcite", "galena"], [0, 0, 1]
    assert rivals_of(words, owner).tolist() == [
        [False, False, True, False, True],
        [True, True, False, True, True],
    ]


def test_look_alikes_follow_from_reflectance():
    alike = look_alikes()
    assert alike["Quartz"] == {"Calcite", "Dolomite", "Chalcedony"}
    for name in ("Pyrite", "Chalcopyrite", "Covellite", "Magnetite"):
        assert name not in alike
    assert all(name in alike[other] for name in alike for other in alike[name])


# ---- unknown pixels ----------------------------------------------------------------------------
def test_pixels_below_the_threshold_become_unknown(scene, calibration):
    result = scene.segment(["pyrite", "quartz"])
    judged = with_unknown(scene, result, 0, calibration=calibration)
    assert np.array_equal(judged.labels, result.labels)
    sure = confidence_map(judged)
    assert sure.shape == result.size and sure.dtype == np.float32
    assert 0 <= sure.min() < sure.max() <= 1

    middle = float(np.median(sure))
    labels = replace(judged, min_confidence=middle).labels
    np.testing.assert_array_equal(labels, np.where(sure < middle, 255, result.labels))
    row = replace(judged, min_confidence=middle).table()[-1]
    assert row["name"] == "unknown" and row["share"] == pytest.approx((sure < middle).mean())


def test_unknown_pixels_outlive_refinement(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite", "quartz"]), 1.0, calibration=calibration)
    refined = judged.refine(scene, progress=False)
    assert refined.refined is not None and (refined.labels[confidence_map(judged) < 1] == 255).all()


def test_a_reduced_confidence_map_shows_the_same(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite"]), calibration=calibration)
    small = confidence_map(judged, tuple(judged.confidence.shape))
    np.testing.assert_allclose(small, judged.confidence.numpy(), atol=1e-6)


def test_all_names_asked_leave_no_rival_but_each_other(scene, calibration):
    judged = with_unknown(scene, scene.segment(["pyrite", "galena"]), calibration=calibration)
    few = replace(calibration, rivals={})
    alone = with_unknown(scene, scene.segment(["pyrite", "galena"]), calibration=few)
    assert (alone.confidence >= 0.5).all()
    assert (judged.confidence <= alone.confidence).all()


def test_wrong_use_is_explained(scene, calibration):
    result = scene.segment(["pyrite"])
    with pytest.raises(ValueError, match="between 0 and 1"):
        with_unknown(scene, result, 40, calibration=calibration)
    with pytest.raises(ValueError, match="call with_unknown"):
        confidence_map(result)
    other = scene.model.encode(small_picture((128, 128)), progress=False)
    with pytest.raises(ValueError, match="the scene that the result came from"):
        with_unknown(other, result, calibration=calibration)
    with pytest.raises(ValueError, match="is no calibration"):
        load_calibration("nowhere.json")


def test_a_calibration_of_another_model_is_announced(scene, calibration):
    result = scene.segment(["pyrite"])
    with pytest.warns(UserWarning, match="calibrated for another model"):
        with_unknown(scene, result, calibration=replace(calibration, model="another"))


# ---- the shipped calibration -------------------------------------------------------------------
def test_a_calibration_is_read_as_it_was_written(tmp_path, calibration):
    calibration.save(tmp_path / "own.json")
    assert load_calibration(tmp_path / "own.json") == calibration


def test_the_shipped_calibration_is_of_the_shipped_adapter():
    measured = load_calibration(SHIPPED).measured
    assert measured["adapter_sha256"] == read_card("ore")["sha256"], (
        "the shipped adapter was trained anew: run `python -m mineral_utils.confidence calibrate`"
    )
    assert measured["known_lost"] <= 0.1


# ---- thresholds --------------------------------------------------------------------------------
def test_the_threshold_gives_up_what_it_may():
    def counts(**steps):
        row = np.zeros((1, 1001), int)
        for step, pixels in steps.items():
            row[0, int(step[1:])] = pixels
        return row

    trials = Trials(
        np.array([0]),
        ("Pyrite",),
        known=counts(_100=5, _200=5, _900=90),
        lacking=counts(_150=60, _950=40),
        empty=counts(),
    )
    # one step higher would give up the ten pixels of 0.200 to 0.201
    assert trials.threshold(0.08) == 0.2
    assert trials.unknown("known", 0.2) == 0.05
    assert trials.unknown("lacking", 0.2) == 0.6
    assert trials.threshold(0.10) == 0.9
