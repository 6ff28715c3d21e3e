"""The vocabulary: values typed in by hand, names found and refused, colours that stay apart."""

from __future__ import annotations

import itertools
import math
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mineral_utils.minerals as module
from mineral_utils.minerals import AmbiguousMineral, UnknownMineral, Vocabulary, vocabulary

FILE = Path(module.__file__).with_name("minerals.yaml")
HYDROTHERMAL = ["Pyrite", "Chalcopyrite", "Galena", "Sphalerite", "Bornite"]
HYDROTHERMAL += ["Tetrahedrite Subgroup", "Quartz"]
MAGMATIC = ["Pyrrhotite", "Chalcopyrite", "Pentlandite", "Magnetite", "Quartz"]
IN_LUMENSTONE_ONLY = ["Pentlandite", "Marcasite", "Gold", "Tennantite"]


@pytest.fixture(scope="module")
def minerals():
    return vocabulary()


# ---- contents


def test_the_paper_has_twenty_classes_and_they_come_first(minerals):
    assert len(minerals) == 52
    assert minerals.paper_names == (
        "Arsenopyrite", "Bismuth", "Bornite", "Calcite", "Chalcedony", "Chalcocite",
        "Chalcopyrite", "Covellite", "Dolomite", "Galena", "Goethite", "Hematite", "Magnetite",
        "Nickeline", "Pyrite", "Pyrrhotite", "Quartz", "Rammelsbergite", "Sphalerite",
        "Tetrahedrite Subgroup",
    )  # fmt: skip
    assert minerals.names[:20] == minerals.paper_names
    assert [m.name for m in minerals] == list(minerals.names)


def test_pyrite_and_covellite_by_hand(minerals):
    pyrite = minerals["pyrite"]
    assert (pyrite.symbol, pyrite.formula, pyrite.crystal_system) == ("Py", "FeS2", "cubic")
    assert pyrite.reflectance == (
        (470, 45.6, 45.6),
        (546, 52.0, 52.0),
        (589, 53.8, 53.8),
        (650, 54.6, 54.6),
    )
    assert pyrite.vickers == (1027, 1620)
    assert pyrite.colour_in_air == "pale yellowish white (creamy)"
    assert "framboids" in pyrite.textures and "Marcasite" in pyrite.associations
    covellite = minerals["covellite"]
    assert covellite.reflectance[2] == (589, 4.0, 20.2)
    assert covellite.anisotropy == "strong (fiery orange to red-brown)"
    assert covellite.associations[0] == "Chalcocite"


@pytest.mark.parametrize(
    ("name", "symbol", "prompt"),
    [
        ("Nickeline", "Nc", "nickeline"),
        ("Pyrrhotite", "Pyh", "pyrrhotite"),
        ("Tetrahedrite Subgroup", "Ttr", "tetrahedrite"),
        ("Loellingite", "Lö", "loellingite"),
        ("Barite", "Brt", "barite"),
        ("Chalcedony", None, "chalcedony"),
        ("Wolframite", None, "wolframite"),
    ],
)
def test_symbols_and_prompts(minerals, name, symbol, prompt):
    assert (minerals[name].symbol, minerals[name].prompt) == (symbol, prompt)


def test_isotropic_minerals_have_one_reflectance(minerals):
    for mineral in minerals:
        if mineral.crystal_system == "cubic":
            assert all(r1 == r2 for _, r1, r2 in mineral.reflectance), mineral.name
        assert mineral.prompt == mineral.prompt.lower(), mineral.name
        assert re.fullmatch("[А-ЯЁ][а-яё ]+", mineral.name_ru), mineral.name


def test_a_mineral_travels_to_another_process(minerals):
    pyrite = minerals["pyrite"]
    assert pickle.loads(pickle.dumps(pyrite)) == pyrite
    assert len({pyrite, minerals["Пирит"]}) == 1


# ---- finding


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Pyrite", "Pyrite"),
        ("  PYRITE\n", "Pyrite"),
        ("Халькопирит", "Chalcopyrite"),
        ("халькозин", "Chalcocite"),
        ("гетит", "Goethite"),
        ("блеклая руда", "Tetrahedrite Subgroup"),
        ("tetrahedrite-subgroup", "Tetrahedrite Subgroup"),
        ("Löllingite", "Loellingite"),
        ("lollingite", "Loellingite"),
        ("Ccp", "Chalcopyrite"),
        ("ccp", "Chalcopyrite"),
        ("Brt", "Barite"),
        ("Tnt", "Tennantite"),
        ("Po", "Pyrrhotite"),
        ("gmt", "Hematite"),
        ("fahlore", "Tetrahedrite Subgroup"),
        ("Zinc Blende", "Sphalerite"),
        ("zinc-blende", "Sphalerite"),
        ("fool’s gold", "Pyrite"),
        ("niccolite", "Nickeline"),
        ("specularite", "Hematite"),
        ("Baryte", "Barite"),
        ("native gold", "Gold"),
    ],
)
def test_find(minerals, typed, name):
    assert minerals.find(typed).name == name
    assert typed in minerals


@pytest.mark.parametrize(
    ("label", "source", "name"),
    [
        ("Brt", "lumenstone_v1", "Bornite"),
        ("Brt", "lumenstone_v2", "Barite"),
        ("Kvl", "lumenstone_v1", "Covellite"),
        ("sh", "lumenstone_v2", "Sphalerite"),
        ("py", "lumenstone_v2", "Pyrite"),
        ("Gal", "captions", "Galena"),
        ("Tetrahedrite-(Zn)", "mindat", "Tetrahedrite Subgroup"),
    ],
)
def test_find_by_source(minerals, label, source, name):
    assert minerals.find(label, source=source).name == name


def test_another_sources_alias_does_not_count(minerals):
    assert minerals.find("Gal").name == "Galena"
    with pytest.raises(UnknownMineral, match="did you mean Galena"):
        minerals.find("Gal", source="mindat")


@pytest.mark.parametrize(
    ("label", "source", "expected"),
    [
        ("brt", None, "Barite (IMA symbol) or Bornite (lumenstone_v1); write the full name, or"),
        ("tnt", None, "Tennantite (IMA symbol)"),
        ("tnt", "lumenstone_v2", "Tetrahedrite Subgroup (lumenstone_v2) or Tennantite"),
        ("Py/Mrc", "lumenstone_v1", "Pyrite (lumenstone_v1) or Marcasite"),
    ],
)
def test_ambiguous_labels_list_the_candidates(minerals, label, source, expected):
    with pytest.raises(AmbiguousMineral, match=re.escape(expected)):
        minerals.find(label, source=source)


def test_only_lumenstone_makes_aliases_ambiguous(minerals):
    for source in ("captions", "mindat", "ru"):
        for mineral in minerals:
            for alias in mineral.aliases.get(source, ()):
                assert minerals.find(alias, source=source) is mineral
                assert minerals.find(alias) is mineral, f"{source} calls {mineral.name} {alias}"


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [
        ("pyrit", "Pyrite"),
        ("chalcopirite", "Chalcopyrite"),
        ("халькапирит", "Халькопирит"),
        ("тетраэдрид", "Подгруппа тетраэдрита"),
        ("sfalerite", "Sphalerite"),
        ("zink blende", "Sphalerite"),
    ],
)
def test_a_misspelling_is_answered_with_the_nearest_name(minerals, typed, nearest):
    with pytest.raises(UnknownMineral, match=f"did you mean {nearest}.*open_vocabulary=True"):
        minerals.find(typed)
    assert typed not in minerals


def test_far_from_everything(minerals):
    with pytest.raises(UnknownMineral, match=r"vocabulary\(\).names lists what is"):
        minerals.find("zzz")


@pytest.mark.parametrize("name", ["", "  \t", None, 5, ["pyrite"]])
def test_a_name_must_be_text(minerals, name):
    with pytest.raises(ValueError, match='a mineral name must .*"pyrite"') as refused:
        minerals.find(name)
    assert not isinstance(refused.value, UnknownMineral)
    assert name not in minerals


def test_unknown_source(minerals):
    with pytest.raises(ValueError, match="'wikipedia'; use one of captions, lumenstone_v1"):
        minerals.find("Brt", source="wikipedia")


# ---- queries


def test_queries_ask_clip_in_english(minerals):
    py, gn, ttr = minerals.queries(["Py", " Галенит ", "блёклая руда"])
    assert (py.name, py.words, py.mineral.name) == ("Py", ("pyrite",), "Pyrite")
    assert (gn.name, gn.words, gn.mineral.name) == ("Галенит", ("galena",), "Galena")
    assert ttr.words == ("tetrahedrite",)
    assert (gn.colour, gn.hatch) == (gn.mineral.colour, gn.mineral.hatch)


def test_free_text_only_when_allowed(minerals):
    with pytest.raises(UnknownMineral, match="open_vocabulary=True"):
        minerals.queries(["pyrite", "resin"])
    with pytest.raises(UnknownMineral, match="open_vocabulary=True"):
        minerals.queries(["эпоксидная смола"])
    names = ["pyrite", "dark, pitted resin", "эпоксидная смола"]
    queries = minerals.queries(names, open_vocabulary=True)
    assert [q.words for q in queries] == [("pyrite",), ("dark, pitted resin",), (names[2],)]
    assert [q.mineral for q in queries[1:]] == [None, None]
    assert queries == minerals.queries(names, open_vocabulary=True)


def test_a_label_is_not_split_at_commas(minerals):
    with pytest.raises(UnknownMineral, match=re.escape('write ["pyrite", "galena"]')):
        minerals.queries(["pyrite, galena"])
    (query,) = minerals.queries(["pyrite, galena"], open_vocabulary=True)
    assert (query.words, query.mineral) == (("pyrite, galena",), None)


def test_ambiguity_is_not_free_text(minerals):
    with pytest.raises(AmbiguousMineral):
        minerals.queries(["brt"], open_vocabulary=True)


def test_254_names_all_look_different(minerals):
    names = [*minerals.names, *(f"class {k}" for k in range(254 - 52))]
    queries = minerals.queries(names, open_vocabulary=True)
    assert [q.name for q in queries] == names
    assert len({(q.colour, q.hatch) for q in queries}) == 254
    free = minerals.queries([f"class {k}" for k in range(254)], open_vocabulary=True)
    assert len({(q.colour, q.hatch) for q in free}) == 254
    with pytest.raises(ValueError, match="255 names were given; name 1 to 254"):
        minerals.queries([f"class {k}" for k in range(255)], open_vocabulary=True)


def test_a_class_with_words_of_its_own(minerals):
    queries = minerals.queries(
        {
            "pyrite": ["Pyrite", "fool's gold", "Py", "пирит"],
            "gangue": ["quartz", "calcite"],
            "zinc ore": "zinc blende",
        }
    )
    assert [q.words for q in queries] == [
        ("pyrite", "fool's gold"),
        ("quartz", "calcite"),
        ("zinc blende",),
    ]
    assert [q.mineral and q.mineral.name for q in queries] == ["Pyrite", None, "Sphalerite"]
    assert queries[1].colour not in {m.colour for m in minerals}


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        ([], "no names were given"),
        ({}, "no names were given"),
        (None, "names must be a list, whose order gives the labels, not NoneType"),
        ({"pyrite", "galena"}, "names must be a list, whose order gives the labels, not set"),
        ("pyrite", 'names must be a list, even for one mineral; write ["pyrite"]'),
        ("pyrite, galena", 'write ["pyrite", "galena"]'),
        (["pyrite", " "], "must not be empty, got ' '"),
        (["pyrite", 3], 'must be text such as "pyrite", not 3'),
        (["pyrite", "pyrite"], "the names 'pyrite' and 'pyrite' both mean Pyrite; name each"),
        (["pyrite", "Пирит"], "the names 'pyrite' and 'Пирит' both mean Pyrite; name each"),
        (["resin", "Resin "], "the names 'resin' and 'Resin' both ask for the same"),
        ({"a": ["pyrite"], "b": "Py"}, "the names 'a' and 'b' both mean Pyrite"),
        ({"gangue": []}, "the class 'gangue' needs at least one word"),
        ({"gangue": None}, "the class 'gangue' needs at least one word"),
        ({"gangue": [""]}, "must not be empty"),
    ],
)
def test_queries_refuse_in_one_sentence(minerals, names, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        minerals.queries(names, open_vocabulary=True)


# ---- LumenStone


def test_lumenstone_codes(minerals):
    v1, v2 = minerals.lumenstone("v1"), minerals.lumenstone()
    assert v1[4].label == "Brt" and v2[4].label == "br"
    assert v1[4].minerals == v2[4].minerals == ("Bornite",)
    assert v1[0].minerals == v2[0].minerals == ()
    assert v1[6].minerals == ("Pyrite", "Marcasite")
    assert v1[11].minerals == v2[11].minerals == ("Tetrahedrite Subgroup", "Tennantite")
    assert (v2[10].label, v2[10].name, v2[10].minerals) == ("gmt", "hematite", ("Hematite",))
    assert list(v2) == list(range(15)) and list(v1) == list(range(13))


@pytest.mark.parametrize(
    ("version", "subset", "codes"),
    [
        ("v1", "S1", [0, 1, 2, 4, 6, 8, 11]),
        ("v2", "S1", [0, 1, 2, 4, 6, 8, 11]),
        ("v1", "S2", [0, 1, 3, 5, 7]),
        ("v2", "S3", [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14]),
    ],
)
def test_lumenstone_sets(minerals, version, subset, codes):
    assert list(minerals.lumenstone(version, subset)) == codes


def test_code_6_is_two_minerals_in_s1_and_one_where_13_exists(minerals):
    assert minerals.lumenstone("v2", "S1")[6].minerals == ("Pyrite", "Marcasite")
    assert minerals.lumenstone("v2", "S3")[6].minerals == ("Pyrite",)
    assert minerals.lumenstone("v2", "S3")[13].minerals == ("Marcasite",)


def test_lumenstone_refuses_what_it_does_not_know(minerals):
    with pytest.raises(ValueError, match="'v3' is not known; use one of v1, v2"):
        minerals.lumenstone("v3")
    with pytest.raises(ValueError, match="v1 has no set 'S3'; use one of S1, S2"):
        minerals.lumenstone("v1", "S3")


# ---- colours

# dichromats' view of linear sRGB (Machado, Oliveira & Fernandes 2009, severity 1)
VISION = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
}
SRGB_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)


def times(matrix, vector):
    return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]


def lab(colour: str, vision: str) -> tuple[float, float, float]:
    """CIELAB (D65) of #RRGGBB as a reader with that vision sees it."""
    rgb = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    seen = [min(1.0, max(0.0, c)) for c in times(VISION[vision], linear)]
    xyz = [v / w for v, w in zip(times(SRGB_TO_XYZ, seen), (0.95047, 1, 1.08883), strict=True)]
    x, y, z = (t ** (1 / 3) if t > (6 / 29) ** 3 else t * 841 / 108 + 4 / 29 for t in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one, two) -> float:
    """Colour difference of two CIELAB colours (Sharma, Wu & Dalal 2005)."""
    (l1, a1, b1), (l2, a2, b2) = one, two
    c7 = ((math.hypot(a1, b1) + math.hypot(a2, b2)) / 2) ** 7
    stretch = 1 + 0.5 * (1 - math.sqrt(c7 / (c7 + 25**7)))
    c1, c2 = math.hypot(a1 * stretch, b1), math.hypot(a2 * stretch, b2)
    h1 = math.degrees(math.atan2(b1, a1 * stretch)) % 360
    h2 = math.degrees(math.atan2(b2, a2 * stretch)) % 360
    dh = (h2 - h1 + 180) % 360 - 180 if c1 * c2 else 0
    hue = (h1 + dh / 2) % 360 if c1 * c2 else h1 + h2
    light, chroma = (l1 + l2) / 2, (c1 + c2) / 2
    t = 1 - 0.17 * math.cos(math.radians(hue - 30)) + 0.24 * math.cos(math.radians(2 * hue))
    t += 0.32 * math.cos(math.radians(3 * hue + 6)) - 0.20 * math.cos(math.radians(4 * hue - 63))
    dl = (l2 - l1) / (1 + 0.015 * (light - 50) ** 2 / math.sqrt(20 + (light - 50) ** 2))
    dc = (c2 - c1) / (1 + 0.045 * chroma)
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(dh / 2)) / (1 + 0.015 * chroma * t)
    turn = math.radians(60 * math.exp(-(((hue - 275) / 25) ** 2)))
    rotation = -2 * math.sqrt(chroma**7 / (chroma**7 + 25**7)) * math.sin(turn)
    return math.sqrt(dl**2 + dc**2 + dh**2 + rotation * dc * dh)


def nearest(colours: dict[str, str]) -> tuple[float, str, str, str]:
    """Least difference among the colours under any vision, and where it is."""
    seen = {v: {name: lab(c, v) for name, c in colours.items()} for v in VISION}
    return min(
        (ciede2000(seen[v][a], seen[v][b]), v, a, b)
        for v in VISION
        for a, b in itertools.combinations(colours, 2)
    )


def test_the_ruler():
    # two rows of the published test data
    assert ciede2000((50, 2.6772, -79.7751), (50, 0, -82.7485)) == pytest.approx(2.0425, abs=1e-4)
    assert ciede2000((50, -1.3802, -84.2814), (50, 0, -82.7485)) == pytest.approx(1.0, abs=1e-4)
    assert lab("#FFFFFF", "normal") == pytest.approx((100, 0, 0), abs=0.01)
    # a protanope sees pure red as a dark olive, which others tell apart at once
    assert lab("#FF0000", "protanopia") == pytest.approx(lab("#6D5F00", "normal"), abs=0.3)
    assert ciede2000(lab("#FF0000", "normal"), lab("#6D5F00", "normal")) > 40
    assert nearest({"red": "#FF0000", "olive": "#6D5F00"})[:2] < (2, "protanopia")


@pytest.mark.parametrize("assemblage", [HYDROTHERMAL, MAGMATIC])
def test_minerals_that_occur_together_stay_far_apart(minerals, assemblage):
    colours = {name: minerals[name].colour for name in assemblage}
    assert nearest(colours)[0] >= 18.5, nearest(colours)
    hatches = [minerals[name].hatch[:1] for name in assemblage]
    assert len(set(hatches)) == len(hatches), "one stroke each, not only another density"


def test_the_papers_and_lumenstones_classes_stay_apart(minerals):
    names = [*minerals.paper_names, *IN_LUMENSTONE_ONLY]
    least = nearest({name: minerals[name].colour for name in names})
    assert least[0] >= 9.8, least


def test_all_colours_stay_apart(minerals):
    free = minerals.queries([f"class {k}" for k in range(12)], open_vocabulary=True)
    colours = {m.name: m.colour for m in minerals} | {q.name: q.colour for q in free}
    assert nearest(colours)[0] >= 4.8, nearest(colours)
    assert len({m.hatch for m in minerals}) == len(minerals)


def test_colours_recall_the_mineral(minerals):
    def seen(name):
        return lab(minerals[name].colour, "normal")

    assert seen("Pyrite")[0] > seen("Chalcopyrite")[0] > seen("Sphalerite")[0] > seen("Quartz")[0]
    assert seen("Chalcopyrite")[2] > 50, "strong yellow"
    assert seen("Covellite")[2] < -50, "indigo"
    assert seen("Galena")[2] < 0 < seen("Galena")[0] - 75, "light and bluish"


# ---- the file and the import


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('colour: "#FFFFB1"', 'colour: "yellow"', "Pyrite: colour is #RRGGBB"),
        ("hatch: 'O'", "hatch: 'q'", "Arsenopyrite: a hatch is made of"),
        ("650: [54.6, 54.6]", "650: [54.6, 154.6]", "Pyrite: reflectance is in percent"),
        ("650: [54.6, 54.6]", "700: [54.6, 54.6]", "Pyrite: give R at (470, 546, 589, 650) nm"),
        ("vickers: [1027, 1620]", "vickers: [1620, 1027]", "Pyrite: vickers is [lowest, highest]"),
        ("  prompt: pyrite\n", "", "Pyrite: missing or unknown fields prompt"),
        ("  prompt: pyrite\n", "  promt: pyrite\n", "missing or unknown fields prompt, promt"),
        ("name: Galena", "name: Pyrite", "a name is given twice: pyrite"),
        ("name_ru: Галенит", "name_ru: Пирит", "a name is given twice: пирит"),
        ("symbol: Gn", "symbol: Py", "a symbol is given twice: Py"),
        ("[Galena]]\n      3", "[Galenite]]\n      3", "LumenStone's Galenite is not among"),
        ("{codes: [0, 1, 3, 5, 7]}", "{codes: [0, 77]}", "lumenstone v1: 77"),
    ],
)
def test_a_faulty_file_is_refused(tmp_path, old, new, sentence):
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "mine.yaml").write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ValueError, match=f"mine.yaml, .*{re.escape(sentence)}"):
        Vocabulary(tmp_path / "mine.yaml")


def test_import_stays_light():
    code = (
        "import sys, mineral_utils.minerals as m; m.vocabulary();"
        "print([n for n in ('torch', 'matplotlib', 'numpy', 'open_clip') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
