"""Photo pages into rows: every shape, written in every way; and what is no photo page."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from mineral_utils.collect import wording
from mineral_utils.collect.charset import decode_page
from mineral_utils.collect.page import ChallengePage, PageError, parse_page, read_page
from mineral_utils.collect.selectors import MAX_PAGE_BYTES
from mineral_utils.photos import Row

from .mindat_pages import BAD_PAGES, CHALLENGES, STYLES, PhotoFacts, page

ROOT = Path(__file__).resolve().parents[1]


def parsed(facts: PhotoFacts, style: str = "today", name: str = "photo-7654321.html", **how) -> Row:
    return parse_page(page(facts, style, **how), name=name).row


# ---- what a page says ------------------------------------------------------------------------


def test_a_page_of_today():
    assert parsed(PhotoFacts(), name="saved.html") == Row(
        photo_id="7654321",
        source="mindat",
        page_url="https://www.mindat.org/photo-7654321.html",
        image_url="https://www.mindat.org/imagecache/ab/4c/01234560017000007654321.jpg",
        title="Galena, Pyrite, Arsenopyrite",
        title_minerals=["Galena", "Pyrite", "Arsenopyrite"],
        caption="Polished section with galena (Gal) and some pyrite (Py). Width 0.5 mm.",
        photo_type="Polished Section (Polarized Light)",
        specimen="ABC-123",
        locality="Example Mine, Example District, Exampleland",
        photographer="A. Example",
        licence="© A. Example",
        field_width_mm=0.5,
    )


def test_a_page_of_2020_says_nearly_as_much():
    row, today = parsed(PhotoFacts(), "2020"), parsed(PhotoFacts())
    assert row == replace(today, photo_type=None)


def test_a_page_of_2017_says_title_and_picture():
    row = parsed(PhotoFacts(), "2017")
    assert (row.title_minerals, row.caption) == (["Galena", "Pyrite", "Arsenopyrite"], "")
    assert row.photo_id == "7654321"  # by the file's name
    assert row.image_url.startswith("https://www.mindat.org/imagecache/")
    assert parsed(PhotoFacts(), "2017", name="old.html").photo_id is None


NAMES = ("Galena", "Löllingite", "Quartz (Var: Chalcedony)", "Tetrahedrite Subgroup")
NAMES += ("Tetrahedrite-(Fe)", "Hübnerite", "'Psilomelane'", "Baryte", "Gold (Var: Electrum)")


@pytest.mark.parametrize("seed", range(60))
def test_the_same_page_written_otherwise_gives_the_same_row(seed):
    rng = np.random.default_rng(seed)

    def some(*values):
        return values[rng.integers(len(values))]

    facts = PhotoFacts(
        photo_id=int(rng.integers(1, 2_000_000)),
        minerals=tuple(rng.permutation(NAMES)[: rng.integers(0, 5)].tolist()),
        caption=some("", "Löllingite & pyrite <b> é²\nXPL, width 0.5 mm", "Галенит. FOV 2 mm"),
        kind=some(None, "Polished Section (Slice or Surface)", "Thin Section (Normal Light)"),
        specimen=some(None, "XYZ-0AA"),
        locality=some(None, "Рудник, Exampleland", "«Ägypten» & <Co>"),
        rights=some(None, "© Ä. Example", "Jane van der Example"),
        dimensions=some(None, "FOV 0.5 mm", "5 cm x 3 cm"),
    )
    plain = parsed(facts, name="x")
    assert plain.title_minerals == list(facts.minerals)
    assert plain.caption == facts.caption
    assert (plain.photo_type, plain.specimen) == (facts.kind, facts.specimen)
    assert (plain.locality, plain.licence) == (facts.locality, facts.rights)
    assert parsed(facts, name="x", rng=rng) == plain
    assert parsed(facts, name="x", rng=rng) == plain


def test_menus_comments_scripts_and_captions_name_no_labels():
    comments = ('<b>Gold!</b> <a href="min-90009.html">Gold</a>', "FOV 9 mm, crossed polars")
    linked = 'With <a href="min-90006.html">sphalerite</a>.'
    for style in STYLES:
        row = parsed(PhotoFacts(minerals=(), caption_html=linked, comments=comments), style)
        assert row.title_minerals == []
        assert "Gold" not in row.caption and row.field_width_mm is None and row.light == "unknown"
        assert row.caption == ("" if style == "2017" else "With sphalerite.")


def test_a_page_without_caption_does_not_take_a_comment_for_one():
    for style in STYLES:
        row = parsed(PhotoFacts(caption="", comments=("A comment, width 3 mm",)), style)
        assert (row.caption, row.field_width_mm) == ("", None)


@pytest.mark.parametrize(
    ("written", "caption"),
    [
        ("Cu<sub>2</sub>S and Fe<sup>3+</sup>", "Cu2S and Fe3+"),
        ("galena&nbsp;&amp; pyrite &lt;5 &micro;m", "galena & pyrite <5 µm"),
        ("one<br>two<p>three</p>four", "one\ntwo\nthree\nfour"),
        ("  much \n\t space  ", "much space"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("a <script>alert('galena')</script> b", "a <script>alert('galena')</script> b"),
        ("<b>bo<i>ld</b> it</i>", "bold it"),
        ("null\0byte and &#0; &#xD800;", "nullbyte and \ufffd \ufffd"),
        ("<style>p {}</style>seen", "seen"),
        ("e\u0301 keeps its accent", "e\u0301 keeps its accent"),
    ],
)
def test_captions_are_text(written, caption):
    assert parsed(PhotoFacts(caption="", caption_html=written)).caption == caption


@pytest.mark.parametrize(
    ("title", "minerals"),
    [
        ('<a href="min-1.html">Galena</a>', ["Galena"]),
        (
            '<a href="/min-1.html">Galena</a> &amp; <a href="/min-2.html">Gold</a>',
            ["Galena", "Gold"],
        ),
        ('<a href="min-1.html">Galena</a><br><a href="min-2.html">Gold</a>', ["Galena", "Gold"]),
        ('<a href="min-1.html">A</a>, <a href="min-1.html">A</a>', ["A"]),
        ('<a href="min-1.html">Quartz (Var: Agate)</a>', ["Quartz (Var: Agate)"]),
        ('<a href="min-1.html">Galena</a> (TL)', ["Galena"]),
        ('<a href="min-1.html"><b>Ga</b>lena</a> from <a href="loc-1.html">B</a>', ["Galena"]),
        ('<a href="min-1.html"><img src="x"></a>, <a href="admin-1.html">Staff</a>', []),
        ("Unknown", []),
        ("", []),
    ],
)
def test_titles(title, minerals):
    text = page(PhotoFacts(minerals=())).replace("<h2>", f"<h2>{title}", 1)
    assert parse_page(text).row.title_minerals == minerals


def test_a_caption_of_a_megabyte_is_kept_and_searched_at_its_beginning():
    words = "FOV 2 mm, crossed polars. " + "galena & pyrite polars " * 40_000
    row = parsed(PhotoFacts(caption=words.strip()))
    assert row.caption == words.strip()
    assert (row.field_width_mm, row.light) == (2.0, "xpl")


def test_localities_may_be_linked_in_parts():
    parts = '<a href="loc-1.html">Mine</a>, <a href="loc-2.html">District</a>, Exampleland'
    whole = page(PhotoFacts())
    old = '<a href="loc-80001.html">Example Mine, Example District, Exampleland</a>'
    assert parse_page(whole.replace(old, parts)).row.locality == "Mine, District, Exampleland"
    loose = whole.replace(f"<div>{old}</div>", ' from <a href="loc-1.html">Mine</a>')
    row = parse_page(loose).row
    assert (row.locality, row.title) == ("Mine", "Galena, Pyrite, Arsenopyrite")


def test_a_page_needs_few_things_to_be_one():
    head = '<meta property="og:image" content="https://www.mindat.org/imagecache/a/b/1.jpg">'
    title = '<div id="titlebar"><h2><a href="min-1.html">Galena</a></h2></div>'
    row = parse_page(f"{head}{title}", name="photo-12.html").row
    assert (row.photo_id, row.title_minerals, row.caption) == ("12", ["Galena"], "")
    listed = "<table><tr><td>Photo ID:</td><td>1,234,567</td></tr><tr><td>Type</td><td>SEM</td>"
    row = parse_page(f"{head}{listed}").row
    assert (row.photo_id, row.photo_type) == ("1234567", "SEM")


def test_the_page_s_address_decides_the_id():
    text = page(PhotoFacts(photo_id=5))
    assert parse_page(text, name="photo-9.html").row.photo_id == "5"
    assert parse_page(text, url="https://www.mindat.org/photo-7.html?x=1").row.photo_id == "7"
    canonical = '<head><link rel="canonical" href="https://www.mindat.org/photo-8.html">'
    assert parse_page(text.replace("<head>", canonical)).row.photo_id == "8"
    saved = "<!-- saved from url=(0041)https://www.mindat.org/photo-6.html -->"
    row = parse_page(page(PhotoFacts(), "2017").replace("<html>", f"<html>{saved}")).row
    assert (row.photo_id, row.page_url) == ("6", "https://www.mindat.org/photo-6.html")
    long_id = page(PhotoFacts(), "2017").replace("<body>", "<body>mindat:1:4:695342:0 ")
    assert parse_page(long_id).row.photo_id == "695342"


def test_the_picture_of_the_photo_is_chosen():
    text = page(PhotoFacts())
    logo = text.replace('property="og:image" content="', 'property="og:image" content="/logo.png?')
    assert parse_page(logo).row.image_url.endswith("/imagecache/ab/4c/01234560017000007654321.jpg")
    local = page(PhotoFacts(picture="./photo-7654321_files/1.jpg"), "2017")
    found = parse_page(local, name="photo-7654321.html")
    assert found.row.image_url is None and found.pictures == ("./photo-7654321_files/1.jpg",)
    old = page(PhotoFacts(picture="/photos/123/45/01234560012345678901.jpg"), "2017")
    assert parse_page(old).row.image_url == (
        "https://www.mindat.org/photos/123/45/01234560012345678901.jpg"
    )


def test_photos_of_one_field_are_grouped_where_a_caption_says_so():
    words = 'Same field as <a href="photo-100.html">this photo</a>, crossed polars.'
    row = parsed(PhotoFacts(photo_id=101, caption_html=words), name="x")
    assert (row.field_group, row.light) == ("mindat:100", "xpl")
    other = words.replace("Same field as", "Compare")
    assert parsed(PhotoFacts(photo_id=101, caption_html=other), name="x").field_group is None


def test_facts_in_loose_lines_are_found():
    lines = "<p>Type: Thin section (normal light)</p><p>Copyright: B. Example Photo ID: 77</p>"
    text = page(PhotoFacts(kind=None, rights=None), "2017").replace("</body>", f"{lines}</body>")
    row = parse_page(text).row
    assert (row.photo_type, row.photographer) == ("Thin Section (Normal Light)", "B. Example")
    assert (row.licence, row.photo_id) == ("B. Example", "77")


def test_the_site_s_own_copyright_is_not_the_photographer_s():
    for style in STYLES:
        row = parsed(PhotoFacts(rights=None), style)
        assert (row.photographer, row.licence) == (None, None), style


# ---- words -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("Polished Section (Polarized Light)", "Polished Section (Polarized Light)"),
        ("polished section  (polarised light)", "Polished Section (Polarized Light)"),
        ("Polished Section (Slice or Surface)", "Polished Section (Slice or Surface)"),
        ("Polished Section", "Polished Section"),
        ("Thin section (normal light)", "Thin Section (Normal Light)"),
        ("Thin Section (Polarized Light)", "Thin Section (Polarized Light)"),
        ("SEM", "SEM"),
        (" ", None),
    ],
)
def test_kinds(words, kind):
    assert wording.photo_type(words) == kind
    assert wording.is_polished(kind) == (kind or "").startswith("Polished")
    assert wording.is_thin(kind) == (kind or "").startswith("Thin")


@pytest.mark.parametrize(
    ("words", "light"),
    [
        ("Reflected light.", "unknown"),
        ("Polished Section (Polarized Light)", "unknown"),
        ("PPL.", "ppl"),
        ("Plane polarized reflected light, in air.", "ppl"),
        ("Reflected light, polarisers not crossed.", "ppl"),
        ("Uncrossed polars", "ppl"),
        ("Incident light, one polar.", "ppl"),
        ("Без анализатора.", "ppl"),
        ("Николи параллельны.", "ppl"),
        ("Nicols parallel.", "ppl"),
        ("Nícoles paralelos.", "ppl"),
        ("XPL", "xpl"),
        ("Crossed polars.", "xpl"),
        ("Polarisers almost crossed.", "xpl"),
        ("+ nicols", "xpl"),
        ("partially crossed polarizers", "xpl"),
        ("Николи скрещены.", "xpl"),
        ("Скрещенные николи, отражённый свет.", "xpl"),
        ("Gekreuzte Nicols.", "xpl"),
        ("Luz reflejada, polarizadores cruzados.", "xpl"),
        ("Left PPL, right XPL", "both"),
        ("crossed by a veinlet of galena", "unknown"),
        ("Apply an exploded view", "unknown"),
    ],
)
def test_light(words, light):
    assert wording.light_of(words) == light


@pytest.mark.parametrize(
    ("rights", "name", "free"),
    [
        ("© A. Example", "A. Example", False),
        ("Copyright © 2019 Jane Doe. All rights reserved.", "Jane Doe", False),
        ("(c) J. Doe 2011-2014", "J. Doe", False),
        ("J. Doe Jr.", "J. Doe Jr.", False),
        ("© Ё. Пример. This image is copyrighted. No reproduction.", "Ё. Пример", False),
        ("A. Example, released into the public domain", "A. Example", True),
        ("Jane Doe, CC BY-SA 4.0", "Jane Doe", True),
        ("Jane Doe, CC BY-NC 4.0", "Jane Doe", False),
        ("Jane Doe, CC BY-ND 4.0", "Jane Doe", False),
        ("Jane Doe. This is not public domain.", "Jane Doe. This is not", False),
        ("©", None, False),
    ],
)  # fmt: skip
def test_rights(rights, name, free):
    assert wording.photographer_of(rights) == name
    assert wording.may_redistribute(rights) is free


# ---- encodings -------------------------------------------------------------------------------

WESTERN = PhotoFacts(caption="Löllingite, Hübnerite, Señor, déjà vu ½ °", rights="© J. Müller")
RUSSIAN = PhotoFacts(caption="Галенит и пирит в кварце, рудник", rights="© И. Пример")
BOTH = PhotoFacts(caption="Löllingite и галенит")


def declared(text: str, charset: str) -> str:
    return text.replace("<head>", f'<head><meta charset="{charset}">', 1)


@pytest.mark.parametrize("style", ["today", "2020"])
@pytest.mark.parametrize(
    ("facts", "charset", "stated"),
    [
        (WESTERN, "utf-8", None),
        (WESTERN, "utf-8", "utf-8"),
        (WESTERN, "utf-8", "iso-8859-1"),  # wrong
        (WESTERN, "utf-8-sig", None),
        (WESTERN, "utf-16", None),
        (WESTERN, "latin-1", "iso-8859-1"),
        (WESTERN, "latin-1", None),
        (WESTERN, "latin-1", "utf-8"),  # wrong
        (WESTERN, "cp1252", "no-such-charset"),
        (RUSSIAN, "cp1251", "windows-1251"),
        (RUSSIAN, "cp1251", None),
        (RUSSIAN, "cp1251", "utf-8"),  # wrong
        (RUSSIAN, "koi8-r", "koi8-r"),
        (RUSSIAN, "koi8-r", None),
        (BOTH, "utf-8", None),
    ],
)
def test_encodings(facts, charset, stated, style):
    text = page(facts, style).replace("\u00a9 mindat", "mindat")
    text = declared(text, stated) if stated else text
    content = text.encode(charset, errors="xmlcharrefreplace")
    row = parse_page(content).row
    assert (row.caption, row.photographer) == (facts.caption, facts.rights.removeprefix("© "))


def test_the_header_states_the_charset():
    content = page(RUSSIAN).encode("koi8-r", errors="xmlcharrefreplace")
    row = parse_page(content, content_type="text/html; charset=KOI8-R").row
    assert row.caption == RUSSIAN.caption


def test_a_damaged_spot_does_not_spoil_a_page():
    content = page(RUSSIAN).encode().replace("Галенит".encode(), "Гал".encode() + b"\xd0", 1)
    assert "пирит в кварце" in decode_page(content)


# ---- what is no photo page -------------------------------------------------------------------


@pytest.mark.parametrize("name", BAD_PAGES)
def test_bad_pages_are_refused(name):
    expected = ChallengePage if name in CHALLENGES else PageError
    for content in (BAD_PAGES[name], BAD_PAGES[name].encode()):
        with pytest.raises(PageError) as told:
            parse_page(content, name="page.html")
        assert type(told.value) is expected
        assert "page.html" in str(told.value) and "\n" not in str(told.value)


def test_words_of_a_challenge_in_a_caption_are_none():
    row = parsed(PhotoFacts(caption="Just a moment of luck: gold. Security check passed"))
    assert row.caption.startswith("Just a moment")


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7 <<", b"\x89PNG\r\n\x1a\n<", b"\xff\xd8\xff\xe0<", bytes(range(256)) * 40, b"<",
        b"<html" * 1000, b"<div>" * 50_000, b"<table><tr><td>" * 20_000, b"<!--" * 1000,
        b"<a href='photo-1.html'><img src='/imagecache/1.jpg'>" * 2000,
    ],
)  # fmt: skip
def test_rubbish_is_refused(content):
    with pytest.raises(PageError):
        parse_page(content)


@pytest.mark.parametrize("end", ["</h2>", "</div>", "</td>", "</th>", "</tr>", "</p>", "</table>"])
def test_pages_without_some_end_tags_are_read(end):
    row, whole = parse_page(page(PhotoFacts()).replace(end, "")).row, parsed(PhotoFacts())
    assert row.title_minerals == whole.title_minerals
    assert (row.photo_id, row.photo_type) == (whole.photo_id, whole.photo_type)
    assert (row.caption, row.photographer) == (whole.caption, whole.photographer)


def test_deep_pages_are_read_up_to_a_depth():
    text = page(PhotoFacts())
    assert parse_page("<b>" * 3000 + text).row.title_minerals[0] == "Galena"
    assert parse_page(text + "<div>" * 3000).row.title_minerals[0] == "Galena"
    assert parse_page(text + "<p>a<br><img>" * 10_000).row.title_minerals[0] == "Galena"
    with pytest.raises(PageError, match="too deep"):
        parse_page(text + "<div>" * 100_000)


# ---- the command -----------------------------------------------------------------------------


def parse(*arguments: str | Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mineral_utils", "collect", "parse", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8")


def test_the_command_prints_the_row(tmp_path):
    file = tmp_path / "photo-7654321.html"
    file.write_text(page(PhotoFacts(caption="Löllingite <script>")), encoding="utf-8")
    done = parse(file)
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert list(said) == [f.name for f in fields(Row)]
    assert said | {"minerals": []} == read_page(file).row.to_dict()
    names = [hit["mineral"] for hit in said["minerals"] if hit["kept"]]
    assert names[:3] == ["Galena", "Pyrite", "Arsenopyrite"]
    assert said["caption"] == "Löllingite <script>"


def test_the_command_refuses_in_one_sentence(tmp_path):
    file = tmp_path / "page.html"
    file.write_text(BAD_PAGES["challenge"])
    done = parse(file)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: page.html is the site's check for robots")
    assert done.stderr.count("\n") == 1


def test_a_200_mb_page_is_refused_before_it_is_read(tmp_path, monkeypatch):
    large = tmp_path / "large.html"
    with open(large, "wb") as file:
        file.write(page(PhotoFacts()).encode())
        file.truncate(200_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda self: pytest.fail("it was read"))
    with pytest.raises(PageError, match="large.html has 200 MB, a photo page at most 8"):
        read_page(large)
    with pytest.raises(PageError, match="a photo page at most"):
        parse_page(b" " * (MAX_PAGE_BYTES + 1))


@pytest.mark.parametrize("name", ["missing.html", ".", "x\0y.html", "n" * 300])
def test_what_is_no_file_is_said(tmp_path, name):
    with pytest.raises(PageError, match="no file|cannot be read"):
        read_page(tmp_path / name)
