"""Captions of digital sections: believable, varied, and true to what they say they mean."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest

from mineral_utils.minerals import vocabulary
from mineral_utils.sections.textures.habits import TEXTURES
from mineral_utils.sections.wording import phrases
from mineral_utils.sections.words import LANGUAGES, Caption, Subject, caption, subject_of

ORE = Subject(
    shares={"Pyrite": 0.5, "Galena": 0.2, "Sphalerite": 0.12, "Quartz": 0.15, "Silver": 0.0},
    textures=(("euhedral", "Pyrite"), ("veinlets", "Galena")),
    field_width_mm=0.8437,
    at={"Galena": (0, 2)},
)
SOURCES = {
    "pyrite": ("Pyrite", "Chalcopyrite", "Arsenopyrite", "Marcasite", "Quartz"),
    "nickel": ("Pyrrhotite", "Pentlandite", "Chalcopyrite", "Magnetite", "Cubanite"),
    "silver": ("Silver", "Nickeline", "Rammelsbergite", "Bismuth", "Calcite"),
    "copper": ("Bornite", "Chalcocite", "Covellite", "Goethite", "Copper"),
}


def subjects(count: int, seed: int = 0) -> list[Subject]:
    """Many different pictures of ores that may occur."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        pool = list(rng.permutation(SOURCES[str(rng.choice(list(SOURCES)))]))
        names = [str(name) for name in pool[: rng.integers(1, 6)]]
        shares = dict(zip(names, rng.dirichlet(np.ones(len(names))).tolist(), strict=True))
        textures = [(str(rng.choice(["massive", "disseminated", "euhedral"])), n) for n in names]
        width = float(rng.uniform(0.1, 3)) if rng.random() < 0.8 else None
        light = "xpl" if rng.random() < 0.3 else "ppl"
        made.append(Subject(shares, tuple(textures), width, light, {names[0]: (1, 0)}))
    return made


@pytest.fixture(scope="module")
def written() -> list[tuple[Subject, Caption]]:
    return [(subject, caption(subject, seed)) for seed, subject in enumerate(subjects(1500))]


# ---- the truth beside ------------------------------------------------------------------------


def test_spans_hold_what_they_say(written):
    for _, made in written:
        for mention in made.truth.mentions:
            source = made.title if mention.where == "title" else made.text
            assert source[mention.start : mention.end] == mention.words != ""
            assert mention.mineral in vocabulary().names


def test_what_is_said_to_be_there_is_there_and_what_is_not_is_not(written):
    for subject, made in written:
        truth = made.truth
        assert set(truth.drawn) == {name for name, share in subject.shares.items() if share > 0}
        assert set(truth.minerals) <= set(truth.drawn)
        for mention in truth.mentions:
            assert (mention.role == "present") == (mention.mineral in truth.drawn)
        assert set(truth.minerals) == {m.mineral for m in truth.mentions if m.role == "present"}
        assert truth.minerals, "the title names one at least"


def test_no_name_stands_in_a_text_unmarked(written):
    """Full English names, wherever they stand, are mentions: nothing is said by accident."""
    plain = {name.lower(): name for name in vocabulary().names if " " not in name}
    looked_for = re.compile(rf"\b({'|'.join(plain)})\b", re.IGNORECASE)
    for _, made in written:
        marked = [m for m in made.truth.mentions if m.where == "text"]
        for hit in looked_for.finditer(made.text):
            assert any(m.start <= hit.start() and hit.end() <= m.end for m in marked), made.text


def test_the_title_lists_by_prominence_and_seldom_forgets():
    titles = [caption(ORE, seed).title.split(", ") for seed in range(300)]
    assert np.mean([title[0] == "Pyrite" for title in titles]) > 0.85
    assert np.mean(["Galena" in title for title in titles]) > 0.9
    quartz = np.mean(["Quartz" in title for title in titles])
    assert 0.3 < quartz < 0.8, "gangue is listed now and then"
    assert not any("Silver" in title for title in titles), "a share of 0 is not there"
    place = [t.index("Quartz") / (len(t) - 1) for t in titles if "Quartz" in t and len(t) > 2]
    assert np.mean(place) > 0.8, "and then late, though it covers more than sphalerite"


def without(text: str) -> str:
    """The text less lengths that are no field of view: "Diamond polish, 1 µm", "mount, 25 mm"."""
    return re.sub("(polish|mount), [0-9]+ [µm]m", "", text, flags=re.IGNORECASE)


def test_the_stated_width_is_the_true_one(written):
    stated = 0
    for subject, made in written:
        found = re.search(r"([\d.,]+) ?(mm|мм|µm|um|microns|мкм)\b", without(made.text))
        if made.truth.field_width_mm is None:
            continue
        stated += 1
        factor = 1 if found[2] in ("mm", "мм") else 1e-3
        assert float(found[1].replace(",", ".")) * factor == pytest.approx(
            made.truth.field_width_mm
        )
        assert made.truth.field_width_mm == pytest.approx(subject.field_width_mm, rel=0.5)
    assert stated > 500
    unknown = [made for subject, made in written if subject.field_width_mm is None]
    assert unknown and all(made.truth.field_width_mm is None for made in unknown)


def test_colour_words_and_light_follow_the_light(written):
    crossed = re.compile("crossed|XPL|nicols|анализатор|скрещ|gekreuzt|cruzad", re.IGNORECASE)
    said = Counter()
    for subject, made in written:
        text = re.sub(
            "not crossed|Parallel nicols|nicols parallel|без анализатора", "", made.text, flags=re.I
        )
        said[subject.light] += bool(crossed.search(text))
    assert said["ppl"] == 0 and said["xpl"] > 50


def test_described_textures_were_drawn(written):
    described = [(subject, t) for subject, made in written for t in made.truth.textures]
    assert len(described) > 200
    assert all(texture in subject.textures for subject, texture in described)


# ---- the manner ------------------------------------------------------------------------------


def test_all_ways_of_naming_what_is_not_there_occur(written):
    roles = Counter(m.role for _, made in written for m in made.truth.mentions)
    assert set(roles) == {
        *("present", "absent", "former", "compared", "elsewhere", "word", "place")
    }
    assert min(roles.values()) >= 10
    share = np.mean([any(m.role != "present" for m in c.truth.mentions) for _, c in written])
    assert 0.1 < share < 0.4


def test_captions_vary(written):
    texts = [made.text for _, made in written]
    assert 0.03 < np.mean([text == "" for text in texts]) < 0.12
    assert len(set(texts)) > 0.85 * len(texts)
    words = [len(text.split()) for text in texts if text]
    assert np.percentile(words, 10) < 8 and np.percentile(words, 90) > 20
    patterns = sum(len(group) for group in phrases()["en"].values())
    assert patterns >= 150


def test_languages_come_as_often_as_planned(written):
    seen = Counter(made.language for _, made in written)
    assert set(seen) <= set(LANGUAGES)
    assert 0.75 < seen["en"] / len(written) < 0.95
    russian = [made for _, made in written if made.language == "ru"]
    assert len(russian) > 30 and all(re.search("[а-яё]", made.text) for made in russian)
    assert not re.search(r"\bс (сф|ск)", " ".join(made.text for made in russian))


def test_names_come_abbreviated_misspelt_and_in_old_form(written):
    words = [m.words for _, c in written for m in c.truth.mentions if m.mineral == "Chalcopyrite"]
    seen = {word.lower() for word in words}
    assert {"chalcopyrite", "cpy", "ccp", "copper pyrites", "халькопирит", "kupferkies"} <= seen
    assert seen & {"chalcopirite", "chalcopyrit", "calcopyrite", "chalkopyrite"}
    assert np.mean([word.lower() == "chalcopyrite" for word in words]) > 0.7, "most spell it right"


def test_an_abbreviation_means_one_mineral_of_the_picture():
    # "cc" is calcite to some and chalcocite to others; "Brt" barite, or bornite elsewhere
    both = Subject({"Calcite": 0.5, "Chalcocite": 0.5})
    for seed in range(200):
        for mention in caption(both, seed).truth.mentions:
            assert mention.words.lower() != "cc"


def test_equal_seeds_write_equal_captions():
    assert caption(ORE, 5) == caption(ORE, 5)
    assert len({caption(ORE, seed).text for seed in range(50)}) > 30


# ---- from a section --------------------------------------------------------------------------


@dataclass
class Drawn:
    """What a caption needs of a digital section."""

    names: tuple[str, ...]
    labels: np.ndarray
    textures: tuple[tuple[str, str], ...] = ()
    um_per_px: float | None = 2.0
    light: str = "ppl"


def test_a_section_tells_shares_scale_and_places():
    labels = np.zeros((90, 120), np.uint8)
    labels[:20, 100:] = 1  # galena in the upper right corner
    labels[60:, :60] = 255  # resin
    subject = subject_of(Drawn(("Pyrite", "Galena", "Gold"), labels))
    assert subject.shares["Galena"] == pytest.approx(400 / 10800)
    assert subject.shares["Gold"] == 0
    assert subject.field_width_mm == pytest.approx(0.24)
    assert subject.at == {"Galena": (0, 2)}, "pyrite is all over the picture"
    texts = " ".join(caption(subject, seed).text.lower() for seed in range(200))
    assert "upper right" in texts
    assert not re.search("(lower|upper) left|lower right|centre|bottom", texts)


def test_without_a_scale_no_width_is_stated():
    section = Drawn(("Pyrite",), np.zeros((20, 20), np.uint8), um_per_px=None)
    assert all(caption(section, seed).truth.field_width_mm is None for seed in range(50))


def test_only_minerals_with_words_can_be_written_about():
    with pytest.raises(ValueError, match="no words for Kryptonite; give minerals of vocabulary"):
        caption(Subject({"Kryptonite": 1.0}))
    with pytest.raises(ValueError, match="no mineral is there"):
        caption(Subject({"Pyrite": 0.0}))


# ---- the words themselves --------------------------------------------------------------------


def test_every_mineral_can_be_written_about_in_every_language():
    assert set(phrases()["minerals"]) == set(vocabulary().names)
    for name, entry in phrases()["minerals"].items():
        assert {"colour", "ru", "de", "es"} <= set(entry), name
        assert set(entry) <= {*("title", "en", "old", "ab", "typo", "colour", "ru", "de", "es")}


def test_tables_name_minerals_of_the_vocabulary():
    book, names = phrases(), set(vocabulary().names)
    for table in ("alike", "after"):
        for name, others in book[table].items():
            assert {name, *others} <= names and name not in others
    assert set(book["often"]) | set(book["gangue"]) | set(book["ore"]) | set(book["hue"]) <= names


def test_every_texture_has_sentences():
    assert set(TEXTURES) <= set(phrases()["en"])


def test_every_sentence_can_be_written():
    """Each pattern, filled by force: every slot is known."""
    from mineral_utils.sections.uploader import Uploader

    subject = Subject(ORE.shares, ORE.textures, 0.5, "ppl", {n: (1, 1) for n in ORE.shares})
    shown = dict(a="Pyrite", b="Galena", c="Sphalerite", g="Quartz", t="Sphalerite", m="Galena")
    shown |= dict(h="Pyrite", z="Copper", y="Marcasite")
    writer = Uploader(subject, np.random.default_rng(0))
    writer.wording.title = ["Pyrite", "Galena"]
    irregular = {"{z.d}"}  # native copper has no regular dative
    for language in ("en", "ru", "de", "es"):
        for group, templates in phrases()[language].items():
            assert isinstance(templates, list) and templates, group
            for template in templates:
                pieces = writer._filled(template, shown, "absent", language)
                assert pieces or any(slot in template for slot in irregular), template
                assert "{" not in "".join(words for words, _ in pieces or ())
