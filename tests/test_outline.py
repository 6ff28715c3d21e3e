"""Boxes asked several times, answers that end where the box does, and pieces."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mineral_utils.encoders import outline
from mineral_utils.encoders.outline import Window, draw_in_box

SIZE, PART = (300, 400), (slice(50, 170), slice(100, 260))
BOX = (140.0, 80.0, 220.0, 140.0)  # of the photo: columns 40 to 120, rows 30 to 90 of the window


@pytest.fixture
def asked(monkeypatch):
    """A decoder that answers with a rectangle for each question, and notes the questions."""
    questions, answers = [], []

    def ask(sam, window, points=(), box=None, hint=None):
        questions.append((tuple(points), tuple(map(float, box)), hint))
        rows, columns = answers[min(len(questions), len(answers)) - 1]
        logits = torch.full((1, 1, 120, 160), -1.5)
        logits[..., rows, columns] = 1.5
        return logits, 0.9 - 0.1 * len(questions)

    monkeypatch.setattr(outline, "_ask", ask)
    return questions, answers


@pytest.fixture
def window():
    """A bright rectangle, as large as the box, on a dark ground."""
    picture = np.full((120, 160, 3), 60, np.uint8)
    picture[30:90, 40:120] = 190
    picture = picture + np.random.default_rng(0).integers(0, 8, picture.shape, dtype=np.uint8)
    return Window(PART, SimpleNamespace(input_size=(120, 160), photo_size=(120, 160)), picture)


SAM = SimpleNamespace(postprocess_masks=lambda logits, inner, size: F.interpolate(logits, size))


def drawn(window, **options):
    return draw_in_box(SAM, window, SIZE, BOX, **options)


def test_a_box_is_asked_as_it_is_smaller_and_with_a_point_in_its_depth(asked, window):
    questions, answers = asked
    answers.append((slice(32, 88), slice(42, 118)))
    found = drawn(window)
    assert [len(points) for points, *_ in questions] == [0, 0, 1]
    boxes = [np.array(box) for _, box, _ in questions]
    assert np.allclose(boxes[0], BOX) and np.allclose(boxes[2], BOX)
    assert np.allclose(boxes[1] - BOX, [2.0, 1.5, -2.0, -1.5]), "2.5 % of each side, on each side"
    ((x, y, inside),) = questions[2][0]
    assert inside and 165 < x < 195 and abs(y - 110) < 3, "px of the photo, in the middle"
    truth = np.zeros(SIZE, bool)
    truth[80:140, 140:220] = True
    assert (found.mask & truth).sum() / (found.mask | truth).sum() > 0.93
    assert found.score == pytest.approx(0.8), "what SAM expected of its first answer"


def test_answers_that_say_something_else_do_not_count(asked, window):
    questions, answers = asked
    answers += [(slice(32, 88), slice(42, 118)), *[(slice(0, 20), slice(0, 20))] * 2]
    found = drawn(window)
    assert len(questions) == 3 and found.mask[110, 180] and found.mask.sum() > 4000


def test_an_answer_ends_where_the_box_does(asked, window):
    window.picture[30:90, 120:140] = 190  # a neighbour of the same colour
    asked[1].append((slice(30, 90), slice(40, 130)))
    found = drawn(window).mask
    assert found[80:140, 140:220].mean() > 0.98 and not found[:, 222:].any()


def test_with_points_of_its_user_a_box_is_asked_once(asked, window):
    asked[1].append((slice(32, 88), slice(42, 118)))
    drawn(window, points=[(180.5, 110.5, True)])
    assert len(asked[0]) == 1
    asked[1][0] = (slice(0, 0), slice(0, 0))
    assert not drawn(window).mask.any() and len(asked[0]) == 2, "nothing drawn, nothing to ask for"


class Whole(torch.nn.Module):
    """A tracer that says: the box."""

    def forward(self, seen):
        return seen[:, 4] * 16 - 8


def test_with_a_tracer_its_word_counts_more_than_that_of_sam(asked, window):
    window.picture[:] = 120  # nothing to see
    asked[1].append((slice(36, 60), slice(42, 90)))
    alone = drawn(window).mask
    found = drawn(replace(window, tracer=Whole())).mask
    truth = np.zeros(SIZE, bool)
    truth[80:140, 140:220] = True
    assert (found & truth).sum() / (found | truth).sum() > 0.97
    assert (alone & truth).sum() / (alone | truth).sum() < 0.9
    assert len(asked[0]) == 6, "three questions each"
    with_points = drawn(replace(window, tracer=Whole()), points=[(180.5, 110.5, True)]).mask
    assert (with_points & truth).sum() / (with_points | truth).sum() > 0.97
