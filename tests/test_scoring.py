"""A model's answers between the rows of the honest mirror."""

from __future__ import annotations

import numpy as np

from mineral_utils import scoring
from mineral_utils.example import example_section


def test_a_section_in_the_mirror():
    section = example_section(("pyrite", "galena", "quartz"), size=(96, 128))
    truth = section.labels
    answers = {"all right": truth, "always the first": np.zeros_like(truth)}
    rows = scoring.section_mirror(section, answers, training=3)
    words = list(rows)
    assert words[0] == "chance" and words[-1].startswith("patch ceiling")
    assert words[-3:-1] == list(answers)
    assert rows["all right"] == (1, 1)
    known = truth[truth != 255]
    assert rows["always the first"][1] == np.mean(known == 0)
    assert 0.3 < rows[words[-1]][0] < 1
    for miou, share in rows.values():
        assert 0 <= miou <= 1 and 0 <= share <= 1


def test_the_mirror_stands_alone():
    section = example_section(("pyrite", "quartz"), size=(64, 64))
    assert "boosted trees" in scoring.section_mirror(section, training=2)
