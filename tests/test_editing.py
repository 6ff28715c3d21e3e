"""A map under correction: names, points, masks, undo, the journal; maps are typed as letters."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mineral_utils.editing import (
    Draft,
    EditError,
    Look,
    completions,
    scale_of_line,
    typed_names,
    with_names,
)
from mineral_utils.editing.display import absorb_small, drop_unsure
from mineral_utils.editing.journal import Journal, _open, read_events
from mineral_utils.editing.mask import Mask
from mineral_utils.editing.naming import corrections_of, short
from mineral_utils.minerals import UnknownMineral
from mineral_utils.photos import Photo
from mineral_utils.segmenter import Scene

from .typed_scene import tuned, typed_scene

HALVES = ["PPGG"] * 4  # left half pyrite, right half galena; 32 x 32 px


def halves(**options) -> Draft:
    return Draft(typed_scene(HALVES, **options), ["pyrite", "galena"])


@pytest.fixture(scope="module")
def scene() -> Scene:
    """A white square of 60 px on black, encoded: something that SAM can outline."""
    image = np.zeros((112, 160, 3), np.uint8)
    image[30:90, 40:100] = 230
    return tuned().encode(Photo(image), progress=False)


# ---- names -----------------------------------------------------------------------------------
def test_names_are_typed_with_commas_and_quotes():
    assert typed_names(' pyrite, "pale, grey" ,Py ') == ["pyrite", "pale, grey", "Py"]
    assert typed_names("  ") == []
    assert typed_names("pyrite\ngalena\n") == ["pyrite", "galena"]


def test_names_are_added_in_any_language_and_not_twice():
    assert with_names(["pyrite"], "галенит, Sp") == ("pyrite", "галенит", "Sp")
    assert with_names(["pyrite"], "Pyrite, galena") == ("pyrite", "galena")
    with pytest.raises(ValueError, match="both mean Pyrite"):
        with_names(["pyrite"], "пирит")
    with pytest.raises(ValueError, match="cannot be asked for"):
        with_names(["pyrite"], "Unknown", free_text=True)
    with pytest.raises(ValueError, match="no name was typed"):
        with_names(["pyrite"], " , ")


def test_an_unknown_name_is_refused_with_near_ones_and_taken_as_free_text_on_request():
    with pytest.raises(UnknownMineral, match="did you mean Pyrite"):
        with_names([], "pirite")
    lines = corrections_of("quartz, pirite")
    assert lines["Pyrite"] == "quartz, Pyrite"
    assert with_names(["pyrite"], "pale grey", free_text=True) == ("pyrite", "pale grey")


def test_completion_offers_all_three_ways_of_writing():
    assert {"Pyrite", "Пирит", "Py"} <= set(completions())
    assert (short("pyrite"), short("пирит"), short("pale grey")) == ("Py", "Py", "")


# ---- points and scale ------------------------------------------------------------------------
def test_scale_is_length_over_pixels():
    assert scale_of_line((10, 20), (40, 60), 100) == 2  # 30 and 40 make 50 px


@pytest.mark.parametrize("end, length", [((10, 20), 100), ((40, 60), 0), ((40, 60), -3)])
def test_no_scale_from_one_point_or_no_length(end, length):
    with pytest.raises(EditError, match="scale line"):
        scale_of_line((10, 20), end, length)


@pytest.mark.parametrize("length", [float("nan"), float("inf"), "ten", None])
def test_no_scale_from_what_is_no_length(length):
    with pytest.raises(EditError, match="micrometres"):
        scale_of_line((0, 0), (10, 0), length)


def test_a_measured_scale_reaches_the_table_and_outlives_the_kernel(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path)
    assert draft.photo.um_per_px is None
    assert draft.measure((0, 0), (0, 20), 50) == 2.5
    assert draft.result.um_per_px == 2.5
    again = Draft(typed_scene(HALVES), folder=tmp_path)
    assert (again.photo.um_per_px, again.result.um_per_px) == (2.5, 2.5)
    with pytest.raises(EditError, match="outside the photo of 32 x 32 px"):
        draft.measure((0, 0), (32, 5), 50)


# ---- masks -----------------------------------------------------------------------------------
def test_a_mask_is_kept_as_its_box_and_comes_back_as_run_lengths():
    whole = np.zeros((4, 5), bool)
    whole[1:3, 2:4] = True
    whole[1, 2] = False
    mask = Mask.of(whole)
    assert (mask.top, mask.left, mask.area) == (1, 2, 3)
    # down the columns: 10 outside (columns 0, 1 and the first two pixels of column 2) ...
    assert mask.to_json() == {"size": [4, 5], "counts": [10, 1, 2, 2, 5]}
    assert (Mask.from_json(mask.to_json()).whole() == whole).all()
    rows, columns = np.array([0, 2]), np.array([2, 3, 4])
    assert (mask.sampled(rows, columns) == whole[np.ix_(rows, columns)]).all()


def test_no_mask_of_nothing():
    with pytest.raises(EditError, match="no pixel"):
        Mask.of(np.zeros((4, 4), bool))


# ---- what of the map counts ------------------------------------------------------------------
def test_small_regions_go_to_the_nearest_larger_one():
    labels = np.zeros((5, 8), np.uint8)
    labels[:, 5:] = 1
    labels[1, 1] = 1  # one pixel of 1 in 0
    labels[3, 6:8] = 2  # two pixels of 2 in 1
    labels[4, 0] = 255
    expected = labels.copy()
    expected[1, 1], expected[3, 6:8] = 0, 1
    assert (absorb_small(labels, 3) == expected).all()
    expected[3, 6:8] = 2
    assert (absorb_small(labels, 2) == expected).all(), "a region of the smallest size stays"
    assert (absorb_small(labels, 0) == labels).all()
    assert (absorb_small(labels[:1, :3], 99) == labels[:1, :3]).all(), "nothing to go to"


def test_the_unsure_become_unknown():
    import torch

    labels = np.zeros((4, 8), np.uint8)
    sure = torch.tensor([[0.2, 0.8]])  # left unsure; in between 0.2, 0.35, 0.5, ... from column 2
    found = drop_unsure(labels, sure, 0.45)
    assert found[0].tolist() == [255, 255, 255, 255, 0, 0, 0, 0]
    assert (labels == 0).all() and (drop_unsure(labels, sure, 0) == 0).all()


@pytest.mark.parametrize(
    "wrong", [{"opacity": 1.2}, {"confidence": -0.1}, {"smallest_region": float("inf")}]
)
def test_a_look_out_of_range_is_refused(wrong):
    with pytest.raises(EditError, match="choose|give"):
        Look(**wrong)


# ---- corrections -----------------------------------------------------------------------------
def test_the_typed_map_is_what_the_model_answers():
    labels = halves().labels()
    assert (labels[:, :16] == 0).all() and (labels[:, 16:] == 1).all()


def test_a_region_is_given_to_another_mineral_and_back():
    draft = halves()
    draft.select_region(3, 3)
    edit = draft.assign("сфалерит")
    assert draft.names == ("pyrite", "galena", "сфалерит")
    assert (draft.labels()[:, :16] == 2).all() and (draft.labels()[:, 16:] == 1).all()
    assert (edit.number, edit.tool, edit.points, edit.who) == (
        *(1, "region", ((3, 3, True),)),
        "not named",
    )
    assert draft.edited().mean() == 0.5
    assert draft.undo() and (draft.labels()[:, :16] == 0).all()
    assert draft.names == ("pyrite", "galena")
    assert draft.selection is not None, "the selection is back, to be given to another one"
    assert draft.redo() and (draft.labels()[:, :16] == 2).all()
    assert not draft.redo()


def test_undo_takes_single_steps_and_a_new_step_forgets_the_old_ones():
    draft = halves()
    draft.select_region(3, 3)
    draft.select_region(20, 3)
    assert draft.undo() and draft.selection.points == ((3, 3, True),)
    assert draft.undo() and draft.selection is None and not draft.undo()
    assert draft.redo()
    draft.assign("galena")
    assert not draft.redo(), "the second region was forgotten"
    assert (draft.labels() == 1).all()


def test_a_name_that_means_the_same_is_the_same_mineral():
    draft = halves()
    draft.select_region(3, 3)
    draft.assign("Gn")
    assert draft.names == ("pyrite", "galena") and (draft.labels() == 1).all()


def test_corrections_stay_when_other_names_are_asked_and_outlive_filters():
    draft = halves()
    draft.select_region(3, 3)
    draft.assign("sphalerite")
    draft.ask(["galena", "quartz"])
    assert draft.names == ("galena", "quartz", "sphalerite")
    assert (draft.labels()[:, :16] == 2).all()
    draft.look = Look(confidence=1.0)
    assert set(np.unique(draft.labels())) == {2, 255}, "what a person said is not unsure"
    with pytest.raises(UnknownMineral):
        draft.ask(["galena", "pirite"])
    assert draft.result.names == ("galena", "quartz"), "the old answer stays"


def test_pixels_can_be_given_to_unknown():
    draft = halves()
    draft.select_region(3, 3)
    assert draft.assign("unknown").name is None
    assert (draft.labels()[:, :16] == 255).all() and draft.names == ("pyrite", "galena")


def test_nothing_is_assigned_without_a_selection_or_to_an_empty_name():
    draft = halves()
    with pytest.raises(EditError, match="nothing is selected"):
        draft.assign("galena")
    draft.select_region(3, 3)
    with pytest.raises(ValueError, match="empty"):
        draft.assign("  ")
    assert draft.edits == ()


def test_scores_of_a_place_are_all_names_best_first():
    scores = halves().scores_at(3, 3)
    assert list(scores) == ["pyrite", "galena"] and sum(scores.values()) == pytest.approx(1)
    with pytest.raises(EditError, match=r"\(-1, 3\) lies outside"):
        halves().scores_at(-1, 3)


# ---- SAM's decoder ---------------------------------------------------------------------------
def test_a_box_selects_the_grain_in_it(scene):
    draft = Draft(scene, ["pyrite", "quartz"])
    chosen = draft.select_box(35, 25, 105, 95)
    truth = np.zeros((112, 160), bool)
    truth[30:90, 40:100] = True
    mask = chosen.mask.whole()
    assert (mask & truth).sum() / (mask | truth).sum() > 0.7
    assert 0 < chosen.score <= 1.2 and chosen.tool == "outline"


def test_further_points_go_in_with_the_box_and_the_answer_before(scene):
    draft = Draft(scene, ["pyrite", "quartz"])
    first = draft.select_box(105, 95, 35, 25)  # from corner to corner, whichever came first
    assert first.box == (35, 25, 105, 95)
    second = draft.select_point(70, 60)
    third = draft.select_point(45, 35, positive=False)
    assert third.points == ((70, 60, True), (45, 35, False)) and third.box == first.box
    assert second.logits is not first.logits
    again = Draft(scene, ["pyrite", "quartz"])
    again.select_box(35, 25, 105, 95)
    again.select_point(70, 60)
    assert (again.selection.mask.whole() == second.mask.whole()).all(), "the same twice"


def test_what_cannot_be_selected_is_said(scene):
    draft = Draft(scene, ["pyrite", "quartz"])
    with pytest.raises(EditError, match="left out of"):
        draft.select_point(5, 5, positive=False)
    with pytest.raises(EditError, match="too thin"):
        draft.select_box(5, 5, 6, 40)
    with pytest.raises(EditError, match=r"\(160, 5\) lies outside"):
        draft.select_point(160, 5)
    assert draft.selection is None


@pytest.fixture(scope="module")
def large() -> tuple[Scene, np.ndarray]:
    """A photo twice as wide as SAM sees it, and where its one grain is: 40 px, with a hole."""
    y, x = np.indices((1350, 1800))
    grain = ((y - 900) ** 2 + (x - 1210) ** 2 < 20**2) & ((y - 900) ** 2 + (x - 1222) ** 2 >= 9**2)
    noise = np.random.default_rng(0).normal(0, 4, (*grain.shape, 3))
    image = np.where(grain[..., None], (220, 215, 190), 70) + noise
    photo = Photo(np.clip(image, 0, 255).astype(np.uint8))
    return tuned().encode(photo, progress=False), grain


def test_a_closer_look_finds_what_a_small_grain_is_like(large):
    scene, truth = large
    draft = Draft(scene, ["pyrite", "quartz"])

    def fit() -> float:
        mask = draft.selection.mask.whole()
        return (mask & truth).sum() / (mask | truth).sum()

    draft.select_box(1188, 878, 1232, 922)
    far = fit()
    chosen = draft.look_closer()
    assert chosen.close.part == (slice(733, 1069), slice(1043, 1379))
    assert fit() > 0.9 > far + 0.1
    again = draft.select_point(1222, 900, positive=False)  # the hole: asked of the same window
    assert again.close is chosen.close and fit() > 0.9
    draft.undo()
    assert draft.selection is chosen and chosen.mask.whole()[900, 1198]
    assert not draft.select_point(1198, 900, positive=False).mask.whole()[900, 1198], (
        "a click counts"
    )
    draft.undo()
    whole = draft.select_point(300, 200, positive=False)  # outside of the window
    assert whole.close is None and whole.box == chosen.box
    assert draft.select_box(1188, 878, 1232, 922).close is None, "a new box is looked at from afar"


def test_a_closer_look_at_a_click_ends_at_what_was_drawn(large):
    scene, truth = large
    draft = Draft(scene, ["pyrite", "quartz"])
    fits = []
    for step in (lambda: draft.select_point(1198, 900), draft.look_closer):
        mask = step().mask.whole()
        fits.append((mask & truth).sum() / (mask | truth).sum())
    assert fits[1] > 0.9 > fits[0] + 0.1
    rows, columns = draft.selection.close.part
    assert rows.stop - rows.start == columns.stop - columns.start == 336
    assert draft.selection.close.holds(1198.5, 900.5)


def test_a_closer_look_keeps_a_correction_and_its_words(large):
    draft = Draft(large[0], ["pyrite", "quartz"])
    draft.select_box(1188, 878, 1232, 922)
    mask = draft.look_closer().mask
    edit = draft.assign("pyrite")
    assert edit.mask is mask and (draft.labels()[mask.whole()] == 0).all()


def test_where_there_is_nothing_closer_to_see(scene, large):
    draft = Draft(scene, ["pyrite", "quartz"])
    with pytest.raises(EditError, match="nothing is selected to look at closer"):
        draft.look_closer()
    draft.select_box(35, 25, 105, 95)
    with pytest.raises(EditError, match="160 x 112 px pixel by pixel"):
        draft.look_closer()
    draft = Draft(large[0], ["pyrite", "quartz"])
    draft.select_box(10, 10, 1700, 1300)
    with pytest.raises(EditError, match="sees the whole photo again"):
        draft.look_closer()
    draft.select_region(700, 700)
    with pytest.raises(EditError, match="nothing is selected to look at closer"):
        draft.look_closer()


# ---- the journal -----------------------------------------------------------------------------
def test_a_draft_goes_on_where_it_stopped(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, who="Anna")
    for name in ("sphalerite", "quartz"):
        draft.select_region(3, 3)
        draft.assign(name)
    draft.undo()
    draft.undo()
    draft.redo()  # sphalerite's selection ... and further steps that the journal need not know
    draft.redo()
    draft.undo()
    labels = draft.labels()
    assert (labels[:, :16] == 2).all() and draft.names[2] == "sphalerite"

    again = Draft(typed_scene(HALVES), folder=tmp_path)
    assert again.notes == ["Resumed with 1 correction by Anna."]
    assert again.result.names == ("pyrite", "galena") and (again.labels() == labels).all()
    assert again.redo() and again.names == ("pyrite", "galena", "sphalerite", "quartz")
    again.select_region(20, 3)
    assert again.assign("pyrite").number == 3, "numbers are never used twice"


def test_every_correction_says_who_when_and_how(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, who="Anna", stem="a")
    draft.select_region(3, 3)
    draft.assign("galena")
    header, asked, edit = read_events(tmp_path / "a.edits.jsonl")
    assert header["photo"]["width"] == 32 and header["photo"]["credit"] == "typed"
    assert asked == {"event": "ask", "names": ["pyrite", "galena"], "free_text": False}
    assert (edit["who"], edit["tool"], edit["name"], edit["area_px"]) == (
        *("Anna", "region", "galena"),
        16 * 32,
    )
    assert edit["when"].endswith("+00:00") and edit["mask"]["counts"] == [0, 512, 512]


def test_a_torn_last_line_is_dropped_and_work_goes_on_behind_it(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a")
    draft.select_region(3, 3)
    draft.assign("galena")
    draft.close()
    path = tmp_path / "a.edits.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + whole.splitlines(keepends=True)[-1][:-40])
    again = Draft(typed_scene(HALVES), folder=tmp_path, stem="a")
    assert len(again.edits) == 1
    assert path.read_bytes() == whole
    again.select_region(3, 3)
    again.assign("quartz")
    assert [e["event"] for e in read_events(path)] == ["open", "ask", "edit", "edit"]


def test_a_broken_line_in_the_middle_is_named(tmp_path):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a")
    draft.select_region(3, 3)
    draft.assign("galena")
    draft.close()
    path = tmp_path / "a.edits.jsonl"
    first, second, third = path.read_text().splitlines()
    path.write_text("\n".join([first, second[:20], third]) + "\n")
    with pytest.raises(EditError, match="line 2"):
        Draft(typed_scene(HALVES), folder=tmp_path, stem="a")
    edit = json.loads(third)
    edit["mask"]["counts"][0] += 1
    path.write_text("\n".join([first, second, json.dumps(edit)]) + "\n")
    with pytest.raises(EditError, match="cannot be taken again"):
        Draft(typed_scene(HALVES), folder=tmp_path, stem="a")
    path.write_text(second + "\n")
    with pytest.raises(EditError, match="does not begin as a journal"):
        Draft(typed_scene(HALVES), folder=tmp_path, stem="a")


def in_a_child(work) -> int:
    """Run a function in a process of its own; what it died of, as `os.waitpid` says."""
    child = os.fork()
    if not child:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@needs_fork
def test_a_kernel_that_is_killed_leaves_its_corrections_and_no_lock(tmp_path):
    path = tmp_path / "a.edits.jsonl"

    def work():
        journal = Journal(path, {"photo": "x"})
        for number in range(5):
            journal.append({"event": "edit", "number": number})
        with open(path, "ab") as half:  # dies while it writes the sixth
            half.write(b'{"event": "edit", "num')
        os.kill(os.getpid(), signal.SIGKILL)

    assert in_a_child(work) == signal.SIGKILL
    journal = Journal(path, {})
    assert [event["number"] for event in journal.events] == [0, 1, 2, 3, 4]
    journal.close()


@needs_fork
def test_two_notebooks_do_not_write_one_journal(tmp_path):
    path = tmp_path / "a.edits.jsonl"
    journal = Journal(path, {"photo": "x"})

    def work():
        _open.clear()  # another process knows nothing of ours
        try:
            Journal(path, {})
        except EditError as error:
            os._exit(7 if "open in another notebook" in str(error) else 1)

    assert os.waitstatus_to_exitcode(in_a_child(work)) == 7
    journal.append({"event": "edit"})
    journal.close()
    Journal(path, {}).close()


def test_running_a_cell_again_takes_the_journal_over(tmp_path):
    first = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path)
    second = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path)
    first.select_region(3, 3)
    with pytest.raises(EditError, match="opened again"):
        first.assign("galena")
    assert first.edits == (), "what was not written down was not done"
    second.select_region(3, 3)
    second.assign("galena")


def test_a_folder_of_another_photo_is_refused(tmp_path):
    Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a").close()
    with pytest.raises(EditError, match="corrections of another photo"):
        Draft(typed_scene(HALVES, seed=1), ["pyrite"], folder=tmp_path, stem="a")
    Draft(typed_scene(HALVES, seed=1), ["pyrite"], folder=tmp_path, stem="b").close()


def test_a_folder_that_cannot_be_made_is_said(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(EditError, match="choose a folder that you may write to"):
        Draft(typed_scene(HALVES), ["pyrite"], folder=tmp_path / "file")


def test_a_full_disk_takes_no_step(tmp_path, monkeypatch):
    draft = Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a")
    draft.select_region(3, 3)

    def full(handle):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("mineral_utils.editing.journal.os.fsync", full)
        with pytest.raises(EditError, match="No space left on device"):
            draft.assign("galena")
    assert draft.edits == () and draft.selection is not None
    draft.assign("galena")
    assert len(list(read_events(tmp_path / "a.edits.jsonl"))) == 3


def test_other_names_than_the_journals_are_asked_and_noted(tmp_path):
    Draft(typed_scene(HALVES), ["pyrite", "galena"], folder=tmp_path, stem="a").close()
    draft = Draft(typed_scene(HALVES), ["quartz", "galena"], folder=tmp_path, stem="a")
    assert draft.result.names == ("quartz", "galena")
    asked = [e["names"] for e in read_events(draft.journal.path) if e["event"] == "ask"]
    assert asked == [["pyrite", "galena"], ["quartz", "galena"]]


def test_no_names_at_all_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no names were given"):
        Draft(typed_scene(HALVES), folder=tmp_path)
    with pytest.raises(UnknownMineral):
        Draft(typed_scene(HALVES), ["pirite"], folder=tmp_path)
    # and neither keeps the journal to itself
    Journal(Path(tmp_path) / "photo.edits.jsonl", {}).close()


def test_a_threshold_of_the_preset_holds_in_a_draft_too():
    scene = typed_scene(HALVES)
    strict = replace(scene, preset=scene.preset.replace(prob_thd=1.1))
    assert (Draft(strict, ["pyrite", "galena"]).labels() == 255).all()
