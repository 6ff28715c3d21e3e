"""Labels, the paper's caption, near-duplicates and the split."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from mineral_utils.dataset import (
    CONTEXT,
    Hashes,
    choose,
    co_occurrence,
    count_tokens,
    frequencies,
    group_photos,
    hash_pictures,
    label_matrix,
    labels_of,
    leaks,
    make_dataset,
    near_pairs,
    paper_caption,
    perceptual_hash,
    share_table,
    stratify,
    with_minerals,
)
from mineral_utils.dataset.duplicates import Union
from mineral_utils.minerals import UnknownMineral, vocabulary
from mineral_utils.sections import training_section

from .ledgers import POLARIZED, SURFACE, hit, jpeg, picture, row

# ---- labels ----------------------------------------------------------------------------------

FOUR = [
    row("1", ["Pyrite", "Galena"], specimen="A", photographer="Ada"),
    row("2", ["Galena"], specimen="A", photographer="Ada"),
    row("3", ["Galena", "Pyrite", "Gold"], specimen="B", photographer="Ben"),
    row("4", [], specimen=None),
]


def test_labels_are_the_kept_hits_title_first():
    hits = [
        hit("Quartz", 0, "text"),
        hit("Galena", 9, "title"),
        hit("Gold", 4, "text", kept=False),
        hit("Pyrite", 0, "title"),
        hit("Pyrite", 7, "text"),
    ]
    assert labels_of(row("1", [], minerals=hits)) == (
        "Pyrite",
        "Galena",
        "Quartz",
    )


def test_captions_are_read_where_a_row_holds_no_hit():
    unread = row("1", ["Galena"], minerals=[], caption="Galena and pyrite, no gold.")
    read = row("2", ["Galena"], caption="Galena and pyrite.")
    assert [labels_of(one) for one in with_minerals([unread, read])] == [
        ("Galena", "Pyrite"),
        ("Galena",),
    ]
    again = with_minerals([read], again=True)
    assert labels_of(again[0]) == ("Galena", "Pyrite")
    dataset = make_dataset([unread, read], minerals=["Pyrite"])
    assert [one.photo_id for one in dataset.rows] == ["1"]


def test_frequencies_count_photos_specimens_and_people():
    found = [dataclasses.astuple(f) for f in frequencies(FOUR)]
    assert found == [("Galena", 3, 2, 2, 3), ("Pyrite", 2, 2, 2, 2), ("Gold", 1, 1, 1, 1)]


def test_choosing_the_most_frequent_or_a_list():
    assert choose(FOUR, 2) == ("Galena", "Pyrite")
    assert choose(FOUR, ["py", "галенит", "Covellite"]) == ("Pyrite", "Galena", "Covellite")
    assert len(choose([row("1", vocabulary().paper_names)], 20)) == 20


def test_equally_frequent_minerals_come_by_name():
    assert choose([row("1", ["Sphalerite", "Bornite", "Gold"])], 2) == ("Bornite", "Gold")


@pytest.mark.parametrize(
    ("minerals", "words"),
    [
        (0, "0 minerals are wanted, but the rows name 3"),
        (4, "4 minerals are wanted, but the rows name 3"),
        ([], "no name"),
        (["Pyrite", "py"], "Pyrite more than once"),
        ("Pyrite", "a list of names"),
        (True, "a list of names"),
    ],
)
def test_bad_choices_are_refused(minerals, words):
    with pytest.raises(ValueError, match=words):
        choose(FOUR, minerals)


def test_an_unknown_name_gets_a_hint():
    with pytest.raises(UnknownMineral, match="Pyrite"):
        choose(FOUR, ["pyrrite"])


def test_co_occurrence_by_hand():
    matrix = label_matrix(FOUR, ["Galena", "Pyrite", "Gold"])
    assert matrix.tolist() == [
        [True, True, False],
        [True, False, False],
        [True, True, True],
        [False, False, False],
    ]
    assert co_occurrence(matrix).tolist() == [[3, 2, 1], [2, 2, 1], [1, 1, 1]]


# ---- the caption -----------------------------------------------------------------------------


def test_the_papers_caption():
    wording = paper_caption(["Galena", "Pyrite"], " Polished section,\n 0.5 mm wide. ")
    assert wording.text == (
        "Minerals on this photo: Galena, Pyrite. Description: Polished section, 0.5 mm wide."
    )
    assert (wording.listed, wording.is_cut) == (("Galena", "Pyrite"), False)
    assert wording.description_kept == 1
    assert paper_caption(["Gold"], "").text == "Minerals on this photo: Gold."
    assert paper_caption(["Gold"], None).text == "Minerals on this photo: Gold."


def test_tokens_are_counted_as_open_clip_counts_them():
    import open_clip

    text = paper_caption(["Galena", "Pyrite"], "Шлиф & <b>0.5 mm</b> wide, " * 2).text
    tokens = open_clip.tokenize([text], context_length=300)[0]
    assert count_tokens(text) == int((tokens != 0).sum())


def test_a_long_description_is_cut_and_the_list_never():
    import open_clip

    wording = paper_caption(vocabulary().paper_names[:8], "word " * 300)
    assert (
        wording.is_cut
        and wording.read == CONTEXT
        and wording.listed == tuple(vocabulary().paper_names[:8])
    )
    assert 0 < wording.description_kept < 0.2
    read = open_clip.tokenizer.SimpleTokenizer().decode(
        open_clip.tokenize([wording.text])[0][1:-1].tolist()
    )
    for name in wording.listed:
        assert name.lower() in read
    # the tokens that are kept, counted in another way: 300 words are 300 tokens
    assert wording.description_kept == pytest.approx(read.count("word") / 300, abs=1 / 300)


def test_a_list_that_would_be_cut_is_shortened_or_refused():
    names = vocabulary().names
    wording = paper_caption(names, "text")
    assert 5 < len(wording.listed) < len(names)
    assert wording.listed == names[: len(wording.listed)]
    one_more = paper_caption(names[: len(wording.listed) + 1], context=500)
    assert one_more.tokens > CONTEXT >= count_tokens(paper_caption(wording.listed).text)
    with pytest.raises(ValueError, match="keep fewer classes"):
        paper_caption(names, shorten=False)
    with pytest.raises(ValueError, match="at least one mineral"):
        paper_caption([])


# ---- near-duplicates -------------------------------------------------------------------------


def _files(folder, pictures):
    paths = [folder / f"{number:02}.jpg" for number in range(len(pictures))]
    for path, data in zip(paths, pictures, strict=True):
        path.write_bytes(data)
    return paths


def test_copies_are_found_and_others_are_not(tmp_path):
    pictures, wanted = [], set()
    for number in range(4):
        image = Image.fromarray(training_section(number).image).resize((640, 480))
        width, height = image.size
        box = (0.02 * width, 0.02 * height, 0.98 * width, 0.98 * height)
        copies = [
            image,
            image.resize((width // 2, height // 2)),
            ImageEnhance.Brightness(image).enhance(1.25),
            image.crop(box).resize((width, height)),
        ]
        first = len(pictures)
        pictures += [jpeg(copy, 50 + 10 * k) for k, copy in enumerate(copies)]
        wanted |= {(first + a, first + b) for b in range(4) for a in range(b)}
    hashes = hash_pictures(_files(tmp_path, pictures))
    assert set(near_pairs(hashes)) == wanted
    assert near_pairs(hashes, block=3) == near_pairs(hashes)


def test_pictures_without_structure_match_nothing(tmp_path):
    black = Image.fromarray(np.full((96, 128, 3), 3, np.uint8))
    hashes = hash_pictures(_files(tmp_path, [jpeg(black), jpeg(black), picture(0)]))
    assert hashes.usable.tolist() == [False, False, True]
    assert near_pairs(hashes) == []


def test_unreadable_pictures_are_named_and_stop_nothing(tmp_path):
    paths = _files(tmp_path, [picture(0), picture(1)[:600], b"<html>", picture(0, quality=40)])
    hashes = hash_pictures([*paths, tmp_path / "missing.jpg"])
    assert sorted(hashes.unreadable) == [1, 2, 4]
    assert "01.jpg" in hashes.unreadable[1] and "get the picture again" in hashes.unreadable[1]
    assert near_pairs(hashes) == [(0, 3)]


def test_png_and_grey_and_cmyk_pictures_are_hashed_alike(tmp_path):
    image = Image.open(io.BytesIO(picture(5)))
    image.save(tmp_path / "a.png")
    image.convert("L").save(tmp_path / "b.jpg")
    image.convert("CMYK").save(tmp_path / "c.jpg")
    hashes = hash_pictures([tmp_path / name for name in ("a.png", "b.jpg", "c.jpg")])
    assert near_pairs(hashes) == [(0, 1), (0, 2), (1, 2)]


def test_the_hash_by_hand():
    x = np.arange(32)
    wave = 100 + 50 * np.cos(np.pi * (x + 0.5) / 32 * 3)  # the fourth of the cosines, along x
    bits = np.unpackbits(perceptual_hash(np.tile(wave, (32, 1))).astype(">u8").view(np.uint8))
    assert bits[3] == 1 and len(bits) == 256  # bit 0 would be the mean
    with pytest.raises(ValueError, match=r"reduce it to \[32, 32\]"):
        perceptual_hash(np.zeros((8, 8)))


def test_bits_out_of_range_are_refused():
    with pytest.raises(ValueError, match="255 bits"):
        near_pairs(Hashes(np.zeros((1, 4), np.uint64), np.ones(1, bool), {}), bits=256)


def test_union_joins_chains():
    union = Union(6)
    for a, b in ((4, 5), (1, 4), (0, 3)):
        union.join(a, b)
    assert union.groups() == [[0, 3], [1, 4, 5], [2]]


# ---- groups ----------------------------------------------------------------------------------


def _groups(rows, near=(), by="specimen"):
    return group_photos(rows, near, by=by).of.tolist()


def test_specimen_field_near_duplicates_and_equal_files_stay_together():
    rows = [
        row("0", specimen="A"),
        row("1", specimen="B", field_group="f"),
        row("2", specimen="a"),  # the same specimen in other letters
        row("3", specimen="C", field_group="f", light="xpl"),
        row("4", specimen="D"),
        row("5", specimen="E"),
        row("6", specimen="F", sha256=row("4").sha256),
    ]
    assert _groups(rows) == [0, 1, 0, 1, 2, 3, 2]
    assert _groups(rows, near=[(0, 5)]) == [0, 1, 0, 1, 2, 0, 2]


def test_a_photo_of_an_unknown_specimen_ties_its_locality():
    rows = [
        row("0", specimen="A", locality="Mine 1"),
        row("1", specimen="B", locality="Mine 1"),
        row("2", specimen="C", locality="Mine 2"),
        row("3", specimen="D", locality="Mine 2"),
        row("4", locality="mine  1"),
    ]
    assert _groups(rows) == [0, 0, 1, 2, 0]
    assert _groups(rows[:4]) == [0, 1, 2, 3]


def test_without_specimen_and_locality_the_photographer_counts():
    rows = [row("0", photographer="Ada"), row("1", photographer="ada"), row("2"), row("3")]
    rows.append(row("4", photographer="Ada", specimen="A"))
    found = group_photos(rows)
    assert found.of.tolist() == [0, 0, 1, 2, 3]
    assert found.known_by == ("photographer", "photographer", "nothing", "nothing", "specimen")


def test_stricter_splits_keep_localities_and_photographers_whole():
    rows = [
        row("0", specimen="A", locality="M", photographer="Ada"),
        row("1", specimen="B", locality="M", photographer="Ben"),
        row("2", specimen="C", locality="N", photographer="Ben"),
        row("3", specimen="D", locality="O", photographer="Eve"),
    ]
    assert _groups(rows) == [0, 1, 2, 3]
    assert _groups(rows, by="locality") == [0, 0, 1, 2]
    assert _groups(rows, by="photographer") == [0, 0, 0, 1]
    with pytest.raises(ValueError, match="split by one of"):
        _groups(rows, by="month")


# ---- the split -------------------------------------------------------------------------------


def _many(seed: int, count: int = 900):
    """Labels and groups as collected photos have them: long tails, one to many a specimen."""
    rng = np.random.default_rng(seed)
    common = 1 / np.arange(1, 21)
    groups, labels = [], []
    while len(groups) < count:
        there = rng.choice(20, rng.integers(1, 5), replace=False, p=common / common.sum())
        group = groups[-1] + 1 if groups else 0
        for _ in range(rng.geometric(0.3)):
            named = np.zeros(20, bool)
            named[there[rng.random(len(there)) < 0.85]] = True
            named[there[0]] = True
            groups.append(group)
            labels.append(named)
    return np.array(labels), np.array(groups)


@pytest.mark.parametrize("seed", range(3))
def test_shares_are_near_for_every_mineral_and_no_group_is_parted(seed):
    labels, groups = _many(seed)
    sides = stratify(labels, groups, seed=seed)
    for group in np.unique(groups):
        assert len({sides[k] for k in np.flatnonzero(groups == group)}) == 1
    table = share_table(labels, sides)
    assert table.sum(axis=0).tolist() == labels.sum(axis=0).tolist()
    shares = table / table.sum(axis=0)
    # off by no more than a specimen has photos
    assert np.abs(table - np.outer((0.8, 0.1, 0.1), labels.sum(axis=0))).max() <= 6
    sizes = [sides.count(side) / len(sides) for side in ("train", "validation", "test")]
    assert np.abs(np.subtract(sizes, (0.8, 0.1, 0.1))).max() < 0.03
    # whole groups handed out by chance do worse: what the stratifying is for
    chance = np.random.default_rng(seed).choice(3, groups.max() + 1, p=(0.8, 0.1, 0.1))[groups]
    by_chance = np.array([labels[chance == k].sum(axis=0) for k in range(3)]) / labels.sum(axis=0)
    wanted = np.array([[0.8], [0.1], [0.1]])
    assert np.abs(shares - wanted).mean() < 0.5 * np.abs(by_chance - wanted).mean()


def test_equal_seeds_split_equally_and_others_otherwise():
    labels, groups = _many(0, 300)
    first = stratify(labels, groups, seed=3)
    assert stratify(labels, groups, seed=3) == first
    assert stratify(labels, groups, seed=4) != first


def test_the_split_is_the_same_in_another_process():
    code = (
        "from tests.test_dataset import _many; from mineral_utils.dataset import stratify;"
        "print(*stratify(*_many(0, 200), seed=1))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == stratify(*_many(0, 200), seed=1)


def test_three_groups_of_a_rare_mineral_go_where_they_are_lacking():
    # ten photos, each its own group; half on each side
    labels = np.zeros((10, 2), bool)
    labels[:4, 0] = True
    labels[4:, 1] = True
    sides = stratify(labels, np.arange(10), {"train": 0.5, "test": 0.5}, seed=0)
    assert share_table(labels, sides, ("train", "test")).tolist() == [[2, 3], [2, 3]]


def test_given_sides_stay():
    labels, groups = _many(1, 300)
    given = {0: "test", 1: "test", 2: "validation"}
    sides = stratify(labels, groups, fixed=given)
    for group, side in given.items():
        assert {sides[k] for k in np.flatnonzero(groups == group)} == {side}
    with pytest.raises(ValueError, match="exam"):
        stratify(labels, groups, fixed={0: "exam"})


@pytest.mark.parametrize(
    "shares", [{}, {"train": 1.0, "test": 0.0}, {"train": 0.8, "test": 0.1}, {"a": 1.5, "b": -0.5}]
)
def test_shares_that_do_not_sum_to_one_are_refused(shares):
    with pytest.raises(ValueError, match="sum 1"):
        stratify(np.ones((2, 1), bool), np.arange(2), shares)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"bool \[N, K\]"):
        stratify(np.ones((2, 1), bool), np.arange(3))


# ---- the dataset -----------------------------------------------------------------------------


def _collected(count: int = 240, seed: int = 0):
    """Rows with several photos of a specimen, fields in both lights, and gaps."""
    rng = np.random.default_rng(seed)
    names = vocabulary().paper_names[:6]
    rows = []
    while len(rows) < count:
        specimen = len(rows)
        there = list(rng.choice(names, 2, replace=False))
        known = rng.random() < 0.8
        for field in range(rng.integers(1, 4)):
            for light in ("ppl", "xpl")[: rng.integers(1, 3)]:
                fields = {
                    "specimen": f"S{specimen}" if known else None,
                    "field_group": f"F{specimen}-{field}",
                    "locality": f"Mine {specimen % 40}" if rng.random() < 0.9 else None,
                    "photographer": f"P{specimen % 7}",
                    "photo_type": SURFACE if specimen % 5 == 0 else POLARIZED,
                    "light": light,
                }
                rows.append(row(str(len(rows)), there, **fields))
    return rows


@pytest.mark.parametrize("seed", range(3))
def test_nothing_leaks(seed):
    rows = _collected(seed=seed)
    dataset = make_dataset(rows, minerals=6, seed=seed)
    assert set(dataset.side_of) == {"train", "validation", "test"}
    assert set(leaks(dataset.rows, dataset.side_of).values()) == {0}
    # the count can tell: sides drawn photo by photo part nearly everything
    by_photo = np.random.default_rng(0).choice(["train", "test"], len(rows)).tolist()
    parted = leaks(rows, by_photo)
    assert parted["specimens"] > 20 and parted["fields"] > 20 and parted["loose_localities"] > 0


def test_both_photo_types_are_on_all_sides():
    dataset = make_dataset(_collected(), minerals=6)
    found = {(one.photo_type, one.split) for one in dataset.rows}
    assert len(found) == 6


def test_what_is_left_out_is_counted():
    rows = [
        row("1", ["Pyrite"]),
        row("2", ["Gold"]),
        row("3", []),
        row("4", ["Pyrite"], photo_type="Thin section (Polarized Light)"),
    ]
    dataset = make_dataset(rows, minerals=["Pyrite"])
    assert [one.photo_id for one in dataset.rows] == ["1"]
    assert dataset.left_out == {"thin section": 1, "names none of the chosen minerals": 2}
    assert len(make_dataset(rows, minerals=["Pyrite"], thin_sections=True).rows) == 2
    with pytest.raises(ValueError, match="choose other minerals"):
        make_dataset(rows, minerals=["Covellite"])


def test_labels_and_captions_hold_the_chosen_minerals_only():
    rows = [row("1", ["Galena", "Gold", "Pyrite"], caption="Gold in galena.")]
    dataset = make_dataset(rows, minerals=["Pyrite", "Galena"])
    assert dataset.labels.tolist() == [[True, True]]
    assert dataset.wordings[0].text == (
        "Minerals on this photo: Galena, Pyrite. Description: Gold in galena."
    )


def test_a_dataset_that_grows_leaves_its_photos_where_they_are():
    rows = _collected(400)
    first = make_dataset(rows[:200], minerals=6)
    grown = make_dataset([*first.rows, *rows[200:]], minerals=6, seed=9)
    sides = {one.photo_id: one.split for one in grown.rows}
    stayed = [sides[one.photo_id] == one.split for one in first.rows]
    assert len(stayed) - sum(stayed) == len(grown.moved)
    for one in first.rows:  # who moved went to training, because a group had a photo there
        assert sides[one.photo_id] in (one.split, "train", "validation")
    anew = make_dataset([*first.rows, *rows[200:]], minerals=6, seed=9, keep_splits=False)
    assert anew.side_of != grown.side_of and anew.moved == ()


def test_near_duplicates_of_two_specimens_join_them(tmp_path):
    rows = [row(str(k), specimen=f"S{k}") for k in range(4)]
    (tmp_path / "images").mkdir()
    seeds = [0, 1, 2, 0]
    for one, seed in zip(rows, seeds, strict=True):
        (tmp_path / one.file_name).write_bytes(picture(seed, quality=60 + int(one.photo_id)))
    dataset = make_dataset(rows, tmp_path, minerals=1)
    assert dataset.near == ((0, 3),)
    assert dataset.near_groups() == [[0, 3]]
    assert dataset.groups.of.tolist() == [0, 1, 2, 0]


def test_a_picture_that_cannot_be_read_is_left_out(tmp_path):
    rows = [row("1"), row("2")]
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "1.jpg").write_bytes(picture(1))
    (tmp_path / "images" / "2.jpg").write_bytes(picture(2)[:500])
    dataset = make_dataset(rows, tmp_path, minerals=1)
    assert len(dataset.rows) == 1 and dataset.left_out == {"picture cannot be read": 1}
