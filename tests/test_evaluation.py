"""Several models asked about the same photos: shared looks, protocols, stages, tables, files."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mineral_utils import lumenstone
from mineral_utils.encoders import ClipVisual, build_clip, build_sam
from mineral_utils.encoders.sam import SamEncoder
from mineral_utils.evaluation import (
    PAPER_TABLES,
    Answers,
    Case,
    Question,
    answers,
    averages_table,
    best,
    difference,
    gangue_together,
    interval,
    log_answers,
    lumenstone_cases,
    lumenstone_question,
    mirror_table,
    paper_table,
    question,
    section_cases,
    some_photos,
    value,
    whole_photo_scores,
)
from mineral_utils.metrics import (
    areas,
    confusion,
    keep_inside,
    named,
    regions,
    score_row,
    set_scores,
)
from mineral_utils.minerals import vocabulary
from mineral_utils.profiles import load_profile
from mineral_utils.run import Run
from mineral_utils.sections import validation_section
from mineral_utils.segmenter import encode_together

from .drawing import draw_grains
from .reference import SMALL, one_thread, small_model  # noqa: F401

NAMES = ("Chalcopyrite", "Dolomite", "Galena", "Rammelsbergite")


def other_clip(model):
    """The same model with a CLIP of other random weights."""
    spec = replace(load_profile(SMALL).clip, seed=77)
    visual = ClipVisual(build_clip(spec)[0].visual, model.encoders.device)
    return replace(model, encoders=replace(model.encoders, clip=visual))


def cases(count: int = 3) -> list[Case]:
    """Drawn grains of two or three classes, with a hole."""
    found = []
    for seed in range(count):
        image, labels = draw_grains(size=(128, 160), seed=seed)[:2]
        labels = (labels % (2 + seed % 2)).astype(np.uint8)
        labels[:10, :10] = 255
        found.append(Case(image, labels, f"grains {seed}", "ab"[seed > 0]))
    return found


@pytest.fixture(scope="module")
def models():
    return {"base": small_model(), "tuned": other_clip(small_model())}


@pytest.fixture(scope="module")
def found(models) -> Answers:
    return answers(models, cases(), NAMES, parts=True, progress=False)


# ---- one look --------------------------------------------------------------------------------


def test_together_gives_what_each_gives_alone(models, monkeypatch):
    image, looks = cases(1)[0].image, []
    look = SamEncoder.look
    monkeypatch.setattr(SamEncoder, "look", lambda *a, **k: looks.append(1) or look(*a, **k))
    scenes = encode_together(models, image, keep_stages=True)
    assert len(looks) == 1
    for name, model in models.items():
        alone = model.encode(image, keep_stages=True, progress=False)
        assert torch.equal(scenes[name].features, alone.features)
        assert torch.equal(scenes[name].stages["spliced"], alone.stages["spliced"])
        assert scenes[name].model is model
    assert not torch.equal(scenes["base"].features, scenes["tuned"].features)


def test_the_map_before_dino_is_each_patch_by_itself(models):
    model = models["base"]
    image = cases(1)[0].image[:112, :112]  # one window: nothing is averaged
    scene = encode_together({"base": model}, image, keep_stages=True)["base"]
    clip = model.encoders.clip
    pixels = torch.from_numpy(image / np.float32(255)).permute(2, 0, 1)[None]
    with torch.inference_mode():
        own = F.normalize(clip.embed(clip.project_out(clip.values(pixels)[0])), dim=-1)
    early = scene.after("clip")
    assert early.view.grid == (7, 7)
    assert torch.allclose(early.features, own, atol=1e-6)
    assert scene.after("sam") is scene
    dino = scene.after("dino").features
    assert dino.shape == own.shape and not torch.allclose(dino, own, atol=1e-3)


def test_models_that_differ_in_more_than_clip_are_refused(models):
    base, image = models["base"], cases(1)[0].image
    spec = replace(load_profile(SMALL).sam, seed=5)
    sam = SamEncoder(build_sam(spec), base.encoders.device)
    seen = replace(base, encoders=replace(base.encoders, sam=sam))
    with pytest.raises(ValueError, match="'other' and 'base' differ in SAM; models"):
        encode_together({"base": base, "other": seen}, image)
    looked = replace(base, preset=base.preset.replace(stride=64))
    with pytest.raises(ValueError, match="differ in preset"):
        encode_together({"base": base, "other": looked}, image)
    with pytest.raises(ValueError, match="no model"):
        encode_together({}, image)
    alike = replace(base, encoders=replace(base.encoders, sam=SamEncoder(base.encoders.sam.sam)))
    assert len(encode_together({"base": base, "again": alike}, image)) == 2


def test_stages_that_were_not_kept_are_named(models):
    scene = models["base"].encode(cases(1)[0].image, progress=False)
    with pytest.raises(ValueError, match=r"encode_together\(..., keep_stages=True\)"):
        scene.after("clip")


# ---- answers ---------------------------------------------------------------------------------


def test_every_cell_is_what_the_model_says_when_asked_directly(models, found):
    every = ("clip", "all"), ("dino", "all"), ("sam", "all"), ("refined", "all")
    every += ("sam", "present"), ("refined", "present")
    assert set(found.cells) == {(m, s, p) for m in models for s, p in every}
    assert found.photos == ("grains 0", "grains 1", "grains 2") and len(found) == 3
    assert (found.specimens, found.unit) == (("a", "b", "b"), "specimen")
    case = cases()[1]
    scene = models["tuned"].encode(case.image, progress=False)
    for stage, refine in (("sam", False), ("refined", True)):
        labels = scene.segment(NAMES, refine=refine, progress=False).labels
        cell = found.cell("tuned", stage)
        assert cell.counts[1].tolist() == confusion(case.labels, labels, 4).tolist()
        inside = confusion(case.labels, labels, 4, keep=keep_inside(case.labels))
        assert cell.inside[1].tolist() == inside.tolist()
        assert cell.shares[1] == pytest.approx(areas(labels, 4))
        assert cell.regions[1] == regions(labels, 4).sum()
    assert found.truth[1] == pytest.approx(areas(case.labels, 4))


def test_only_minerals_that_are_there_are_asked_under_present(models, found):
    for model in models:
        for stage in ("sam", "refined"):
            given = found.cell(model, stage, "present").shares > 0
            assert not (given & ~(found.truth > 0)).any()
            # then nothing that is named is wrong: the paper's precision could not be below 1
            row = found.row(model, stage, "present")
            assert set_scores(row.truth, row.named)["samples"].precision == 1
    two = cases()[0]
    scene = models["base"].encode(two.image, progress=False)
    labels = scene.segment(NAMES[:2]).labels
    wanted = confusion(two.labels, labels, 4)
    assert found.cell("base", "sam", "present").counts[0].tolist() == wanted.tolist()


def test_what_was_not_asked_is_named(found):
    with pytest.raises(KeyError, match="nobody asked 'tuned' after 'clip' under protocol 'pres"):
        found.cell("tuned", "clip", "present")


def test_less_can_be_asked(models):
    some = answers(models, cases(1), NAMES, protocols=["all"], refine=(), progress=False)
    assert set(some.cells) == {("base", "sam", "all"), ("tuned", "sam", "all")}
    with pytest.raises(ValueError, match="protocol 'none' is not known; use all or present"):
        answers(models, cases(1), NAMES, protocols=["none"], progress=False)
    with pytest.raises(ValueError, match="no photos"):
        answers(models, [], NAMES, progress=False)


def test_bare_pairs_are_cases_and_then_photos_are_drawn(models):
    pairs = [case[:2] for case in cases(2)]
    some = answers(models, pairs, NAMES, protocols=["all"], refine=(), progress=False)
    assert some.photos == ("photo 0", "photo 1")
    assert some.specimens is None and some.unit == "photo"


def test_rows_thresholds_and_regions_come_from_the_cells(found):
    row = found.row("base", min_share=0.1, label="base, stricter")
    shares = found.cell("base").shares
    assert row.baseline == "base, stricter" and row.n == 3
    assert row.named.tolist() == named(shares, 0.1).tolist()
    assert row.truth.tolist() == (found.truth > 0).tolist()
    chosen = found.threshold("base")
    scores = [found.row("base", min_share=t).f1_macro for t in (0, 0.001, 0.01, 0.05, 0.1, chosen)]
    assert scores[-1] == max(scores)
    pieces = found.cell("base").regions.sum() / (3 * 128 * 160) * 1e6
    assert found.torn("base") == pytest.approx(pieces)
    assert found.torn(None) == pytest.approx(found.truth_regions.sum() / found.pixels.sum() * 1e6)


def test_answers_come_back_from_disk(found, tmp_path):
    path = found.save(tmp_path / "runs" / "answers")
    again = Answers.load(path)
    assert again.question == found.question and again.photos == found.photos
    assert again.specimens == found.specimens and list(again.cells) == list(found.cells)
    for key, cell in found.cells.items():
        for name, array in vars(cell).items():
            assert np.array_equal(array, getattr(again.cells[key], name))
    assert again.row("tuned", "refined").miou == found.row("tuned", "refined").miou
    path.with_suffix(".json").write_text('{"schema_version": 0}')
    with pytest.raises(ValueError, match="another version"):
        Answers.load(path)
    path.with_suffix(".json").unlink()
    with pytest.raises(FileNotFoundError, match="answers.json is not in runs; answers are two"):
        Answers.load(path)


# ---- questions -------------------------------------------------------------------------------


def test_a_lumenstone_code_may_be_one_of_two_minerals():
    classes = vocabulary().lumenstone("v1", "S1").values()
    own = lumenstone_question(classes, ("quartz", "resin"))
    assert own.names[0] == "background" and own.asked["background"] == ("quartz", "resin")
    assert own.asked["Pyrite"] == ("Pyrite", "Marcasite")
    assert own.allowed.tolist() == np.eye(7, dtype=bool).tolist()
    assert own.minerals.tolist() == [False] + [True] * 6

    every = lumenstone_question(classes, ("quartz",), all_names=True)
    right = every.allowed
    assert right.shape == (7, 20)
    place = {name: k for k, name in enumerate(every.asked)}
    row = dict(zip(every.names, right, strict=True))
    gangue = {name for name, k in place.items() if row["background"][k]}
    assert gangue == {"Quartz", "Calcite", "Dolomite", "Chalcedony"}
    assert np.flatnonzero(row["Tetrahedrite Subgroup"]).tolist() == [place["Tetrahedrite Subgroup"]]


def test_a_question_with_a_background_of_several_words(models):
    labels = cases(1)[0].labels  # 0 and 1
    asked = Question(
        ("background", "Galena"),
        {"background": ("quartz", "resin"), "Galena": ("Galena",)},
        (("background",), ("Galena",)),
        ("background",),
    )
    one = Case(cases(1)[0].image, labels, "one")
    some = answers({"base": models["base"]}, [one], asked, progress=False)
    scene = models["base"].encode(one.image, progress=False)
    drawn = scene.segment(dict(asked.asked), open_vocabulary=True).labels
    assert some.cell("base").counts[0].tolist() == confusion(labels, drawn, 2).tolist()
    assert some.there.shape == some.shares("base").shape == (1, 1)  # the background is no mineral


def test_answers_outside_the_classes_count_for_the_class_that_accepts_them(models):
    asked = Question(
        ("background", "Galena"),
        {name: (name,) for name in ("Galena", "Quartz", "Calcite", "Pyrite")},
        (("Quartz", "Calcite"), ("Galena",)),
        ("background",),
    )
    some = answers({"base": models["base"]}, cases(1), asked, refine=(), progress=False)
    raw, folded = some.cell("base").counts[0], some.confusions("base")[0]
    assert raw.shape == (2, 5) and folded.shape == (2, 3)
    assert folded[0, 0] == raw[0, 1] + raw[0, 2] and folded[1, 1] == raw[1, 0]
    assert folded[:, 2].tolist() == (raw[:, 3] + raw[:, 4]).tolist()  # pyrite is nobody's
    assert some.shares("base")[0, 0] == pytest.approx(some.cell("base").shares[0, 0])


def test_questions_without_a_right_answer_are_refused():
    with pytest.raises(ValueError, match="no answer could be right; asked are Pyrite"):
        Question(("Galena",), {"Pyrite": ("Pyrite",)}, (("Galena",),))
    with pytest.raises(ValueError, match="2 classes need as many"):
        Question(("Galena", "Pyrite"), {"Pyrite": ("Pyrite",)}, (("Galena",),))
    plain = question(NAMES)
    assert question(plain) is plain


def test_sections_are_their_own_specimens():
    names = vocabulary().paper_names
    section = validation_section(3)
    (case,) = section_cases([section], names, "validation")
    assert (case.name, case.specimen) == ("validation 0", "validation 0")
    for k in np.unique(case.labels[case.labels != 255]):
        there = case.labels == k
        assert (section.labels[there] == section.names.index(names[k])).all()


def test_lumenstone_photos_come_at_the_working_size(lumenstone_dir):
    items = lumenstone.items(lumenstone_dir, "S1", split="train")[:1]
    before = lumenstone.looks_at_test()
    (case,) = lumenstone_cases(items, 448)
    assert max(case.image.shape) == 448 and case.labels.shape == case.image.shape[:2]
    assert case.specimen is None and lumenstone.looks_at_test() == before


# ---- CLIP on the whole photo -----------------------------------------------------------------


def test_the_whole_photo_is_scored_as_open_clip_scores_it():
    profile = load_profile(SMALL)
    clip, _ = build_clip(profile.clip)
    model = small_model()
    found = whole_photo_scores({"base": model}, cases(2), NAMES)["base"]
    assert found.shape == (2, 4) and found.sum(axis=1) == pytest.approx(1)
    from PIL import Image

    from mineral_utils.encoders.vit import CLIP_STATISTICS, normalise

    square = Image.fromarray(cases(1)[0].image).resize((224, 224), Image.Resampling.BICUBIC)
    pixels = torch.from_numpy(np.array(square)).permute(2, 0, 1)[None] / 255
    with torch.inference_mode():
        image = clip.eval().encode_image(normalise(pixels, CLIP_STATISTICS), normalize=True)
        words = [vocabulary().find(name).prompt for name in NAMES]
        wanted = (40 * image @ model.encoders.text.embed(words).T).softmax(-1)
    assert found[0] == pytest.approx(wanted[0].numpy(), abs=1e-4)


# ---- numbers and tables ----------------------------------------------------------------------


def test_differences_are_of_the_same_photos(found):
    base, tuned = found.row("base"), found.row("tuned")
    for metric in ("miou", "accuracy", "f1_macro", "recall_samples"):
        gap = difference(base, tuned, metric, draws=50)
        assert gap.value == pytest.approx(value(tuned, metric) - value(base, metric))
        assert gap.lo <= gap.hi
    assert value(base, "miou") == base.miou and value(base, "f1_micro") == base.f1_micro
    grouped = interval(base, "miou", specimens=found.specimens, draws=50)
    assert grouped.n == 2 and interval(base, "miou", draws=50).n == 3
    elsewhere = score_row("other", None, ~base.truth, base.named)
    with pytest.raises(ValueError, match="not scored on the same photos"):
        difference(base, elsewhere)
    with pytest.raises(ValueError, match="draws no map"):
        interval(elsewhere, "miou")
    with pytest.raises(ValueError, match="there is no number 'f2_macro'"):
        value(base, "f2_macro")
    assert best([elsewhere, base, tuned], "miou") in (base, tuned)


def test_a_row_of_some_photos(found):
    row = found.row("tuned")
    part = some_photos(row, [2, 0])
    assert part.n == 2 and part.truth.tolist() == row.truth[[2, 0]].tolist()
    assert part.shares.tolist() == row.shares[[2, 0]].tolist()
    assert some_photos(row, np.arange(3)).miou == row.miou
    blind = score_row("blind", None, row.truth, row.named)
    assert some_photos(blind, row.truth.any(axis=1)).confusions is None


def test_the_papers_tables_stand_beside_ours(found):
    rows = {"base": found.row("base"), "tuned": found.row("tuned")}
    table = paper_table(rows)
    assert list(table.index) == ["Jaccard", "Recall", "Precision", "F1-score"]
    theirs = table["Table 2, tuned", "paper (not comparable)"]
    assert (
        theirs.tolist() == list(PAPER_TABLES["tuned"].values()) == [0.2929, 0.5795, 0.4405, 0.4326]
    )
    assert PAPER_TABLES["base"]["f1"] == 0.1645
    ours = set_scores(rows["base"].truth, rows["base"].named)["macro"]
    assert table.loc["F1-score", ("Table 1, base", "here")] == ours.f1
    wide = averages_table(rows)
    assert wide.shape == (4, 8)
    assert wide.loc["Jaccard", ("base", "macro")] == ours.jaccard


def test_the_mirror_table_has_a_dash_where_there_is_no_map(found):
    row = found.row("base")
    blind = score_row("naming everything", None, row.truth, np.ones_like(row.truth))
    table = mirror_table([blind, row], draws=20)
    assert list(table.index) == ["naming everything", "base"]
    assert np.isnan(table["mIoU"].iloc[0]) and table["mIoU, 95 %"].iloc[0] == "—"
    assert table["mIoU"].iloc[1] == row.miou


def test_gangue_is_taken_together_in_pixels_and_sets(models):
    names = ("Quartz", "Galena", "Dolomite", "Pyrite")
    some = answers(models, cases(2), names, protocols=["all"], refine=(), progress=False)
    row = some.row("base")
    fewer = gangue_together(row, names, 0.0)
    assert fewer.truth.shape == (2, 3) and fewer.confusions.shape == (2, 3, 4)
    assert fewer.truth[:, 2].tolist() == (row.truth[:, 0] | row.truth[:, 2]).tolist()
    assert fewer.accuracy >= row.accuracy
    with pytest.raises(ValueError, match="no map of 3 minerals"):
        gangue_together(row, names[:3], 0.0)


def test_a_run_gets_every_number_in_its_long_form(found, tmp_path):
    run = Run("demo", "07_evaluate", tmp_path)
    shares = {("tuned", "sam", "all"): 0.1}
    log_answers(run, found, min_shares=shares, set="grains", preset="small", draws=20)
    run.save()
    lines = (run.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]

    def one(metric, model="tuned", protocol="all", refined=False, mineral=None):
        wanted = {"metric": metric, "model": model, "protocol": protocol, "refined": refined}
        (row,) = [r for r in rows if wanted.items() <= r.items() and r["mineral"] == mineral]
        assert row["set"] == "grains" and row["preset"] == "small" and row["n"] == 3
        return row

    row = found.row("tuned", min_share=0.1)
    assert one("f1_macro")["value"] == row.f1_macro
    assert one("f1_macro")["lo"] <= row.f1_macro <= one("f1_macro")["hi"]
    assert one("miou")["value"] == row.miou and one("min_share")["value"] == 0.1
    assert one("regions_per_megapixel")["value"] == found.torn("tuned")
    assert one("miou", model="base, clip")["value"] == found.row("base", "clip").miou
    refined = found.row("tuned", "refined", "present")
    assert one("miou", protocol="present", refined=True)["value"] == refined.miou
    inside = found.row("tuned", inside=True)
    assert one("miou_without_borders")["value"] == inside.miou
    hangs = one("miou_leave_one_out")
    assert hangs["lo"] <= hangs["value"] <= hangs["hi"]
    assert one("iou", mineral="Chalcopyrite")["value"] >= 0


def test_photos_of_a_single_specimen_are_logged_without_leaving_it_out(found, tmp_path):
    run = Run("demo", "07_evaluate", tmp_path)
    log_answers(run, replace(found, specimens=("one",) * len(found)), draws=5)
    run.save()
    text = (run.folder / "metrics.jsonl").read_text(encoding="utf-8")
    assert '"miou"' in text and "miou_leave_one_out" not in text
