"""The floor of a training step against torch's own count of operations."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mineral_utils.profiles import load_profile
from mineral_utils.training import Course

from .bench.training import floor_of
from .bench.training_floor import _linear
from .reference import one_thread  # noqa: F401
from .tiny_course import COURSES, PROFILE, examples


@pytest.mark.parametrize("profile", ["demo", PROFILE], ids=["demo", "small"])
@pytest.mark.parametrize("name", [*COURSES])
def test_the_floor_is_what_torch_counts(tmp_path, profile, name):
    """One text for all, so that no caption is padded. What torch counts beyond the floor is done
    twice or for nothing: scores of attention, which the fused kernel computes again backwards;
    names of unequal length; the values of the dense path beside those of the class token."""
    recipe = COURSES[name].replace(side=224, batch=3)
    some = examples()
    some = dataclasses.replace(some, texts=some.texts[:1] * len(some))
    course = Course(load_profile(profile), some, recipe, Path(tmp_path), torch.device("cpu"))
    batch = course.reader.batch(0)
    course.reader.close()
    with FlopCounterMode(display=False) as counter:
        course.teacher.teach(batch, np.random.default_rng(0))
    counted, work = counter.get_total_flops(), floor_of(course, 0).total
    assert work <= 1.001 * counted
    assert work == pytest.approx(counted, rel=0.12)


def test_one_layer_by_hand():
    """4 tokens through 2 x 3 numbers with an adapter of rank 1."""
    base = 2 * 4 * 2 * 3
    down, up = 2 * 4 * 2 * 1, 2 * 4 * 1 * 3
    forwards = base + down + up
    of_weights = down + up
    of_inputs = base + down + up
    assert _linear(4, 2, 3, 1) == forwards + of_weights + of_inputs
    assert _linear(4, 2, 3, 1, first=True) == forwards + of_weights + up
