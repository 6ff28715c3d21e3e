"""A second writer of captions, for tests of what draws minerals out of them.

It shares neither words nor sentences with ``mineral_utils/sections``: short log-book notes, letters
to a forum and labels of old collections instead of descriptions of a rendered picture; its own
ways to say that a mineral is not there, its own abbreviations, its own slips of the pen. Where
there is a rule for how a name is bent (an ending, a slip), the rule stands here and not a list.

``write(seed)`` gives title, text and the minerals that the note says are in the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# names as this writer uses them, the abbreviation that it explains, and Russian and German names
NAMES = {
    "Arsenopyrite": ("arsenopyrite", "Ap", "арсенопирит", "Arsenkies"),
    "Bismuth": ("native bismuth", "Bs", None, "gediegen Wismut"),
    "Bornite": ("bornite", "Bt", "борнит", "Buntkupferkies"),
    "Calcite": ("calcite", "Ct", "кальцит", "Kalkspat"),
    "Chalcedony": ("chalcedony", "Cy", "халцедон", "Chalcedon"),
    "Chalcocite": ("chalcocite", "Cz", "халькозин", "Kupferglanz"),
    "Chalcopyrite": ("chalcopyrite", "Kp", "халькопирит", "Kupferkies"),
    "Covellite": ("covellite", "Co", "ковеллин", "Covellin"),
    "Dolomite": ("dolomite", "Do", "доломит", "Dolomit"),
    "Galena": ("galena", "G", "галенит", "Bleiglanz"),
    "Goethite": ("goethite", "Go", "гётит", "Goethit"),
    "Hematite": ("hematite", "H", "гематит", "Hämatit"),
    "Magnetite": ("magnetite", "M", "магнетит", "Magnetit"),
    "Nickeline": ("nickeline", "Ni", "никелин", "Rotnickelkies"),
    "Pyrite": ("pyrite", "P", "пирит", "Pyrit"),
    "Pyrrhotite": ("pyrrhotite", "Pr", "пирротин", "Magnetkies"),
    "Quartz": ("quartz", "Q", "кварц", "Quarz"),
    "Rammelsbergite": ("rammelsbergite", "Ra", "раммельсбергит", "Rammelsbergit"),
    "Sphalerite": ("sphalerite", "S", "сфалерит", "Zinkblende"),
    "Tetrahedrite Subgroup": ("tetrahedrite", "T", "тетраэдрит", "Fahlerz"),
    "Gold": ("native gold", "A", None, "gediegen Gold"),
    "Silver": ("native silver", "N", None, "gediegen Silber"),
    "Marcasite": ("marcasite", "Ma", "марказит", "Markasit"),
    "Cubanite": ("cubanite", "Cb", "кубанит", "Cubanit"),
    "Pentlandite": ("pentlandite", "Pe", "пентландит", "Pentlandit"),
    "Enargite": ("enargite", "Ea", "энаргит", "Enargit"),
    "Tennantite": ("tennantite", "Te", "теннантит", "Tennantit"),
    "Molybdenite": ("molybdenite", "Mb", "молибденит", "Molybdänit"),
    "Stibnite": ("stibnite", "Sb", "антимонит", "Antimonit"),
    "Ilmenite": ("ilmenite", "I", "ильменит", "Ilmenit"),
    "Chromite": ("chromite", "Cm", "хромит", "Chromit"),
    "Cassiterite": ("cassiterite", "Cs", "касситерит", "Zinnstein"),
    "Cuprite": ("cuprite", "Cu", "куприт", "Cuprit"),
    "Digenite": ("digenite", "D", "дигенит", "Digenit"),
    "Cobaltite": ("cobaltite", "Cl", "кобальтин", "Cobaltin"),
    "Wolframite": ("wolframite", "W", "вольфрамит", "Wolframit"),
    "Realgar": ("realgar", "R", "реальгар", "Realgar"),
    "Cinnabar": ("cinnabar", "Ci", None, "Zinnober"),
    "Zinkenite": ("zinkenite", "Z", "цинкенит", "Zinkenit"),
    "Fluorite": ("fluorite", "F", "флюорит", "Flussspat"),
    "Barite": ("barite", "B", "барит", "Schwerspat"),
    "Siderite": ("siderite", "Si", "сидерит", "Siderit"),
    "Bismuthinite": ("bismuthinite", "Bm", "висмутин", "Bismuthinit"),
    "Loellingite": ("loellingite", "L", "лёллингит", "Löllingit"),
    "Skutterudite": ("skutterudite", "Sk", "скуттерудит", "Skutterudit"),
    "Gersdorffite": ("gersdorffite", "Ge", "герсдорфит", "Gersdorffit"),
    "Rutile": ("rutile", "Ru", "рутил", "Rutil"),
    "Acanthite": ("acanthite", "An", "акантит", "Akanthit"),
    "Pyrargyrite": ("pyrargyrite", "Pa", "пираргирит", "Pyrargyrit"),
}
TITLES = (
    "{list}",
    "{list}",
    "{list}, {place}",
    "{list} ({place})",
    "{list} from {place}",
    "{list}. {place}",
    "Slide {n}",
    "",
)
PLACES = (
    "Alte Hoffnung shaft, Mittweida",
    "Kipushi, DR Congo",
    "Level 340, Huanzala",
    "Akatuy, Transbaikalia",
    "Boliden, Sweden",
    "Ylöjärvi, Finland",
    "Cavnic, Maramures",
)
SHOWN = (
    "{a} and {b} share this view",
    "we are looking at {a} with specks of {b}",
    "the bulk is {a}; {b} fills what is left between the grains",
    "grains of {a} sit in a paste of {b}",
    "{a}, cut by a thread of {b}",
    "lower half {a}, upper half {b}",
    "mostly {a}",
    "{a} makes up the picture and {b} comes second",
    "a bleb of {b} swims in {a}",
    "{b} coats {a}",
    "{a} (bright) against {b} (dull)",
    "big crystal of {a}",
    "both {a} and {b} took a fine polish",
    "nice {a}! the tiny dots are {b}",
    "{a} eaten away at its borders by {b}",
    "{b} grows on {a}",
    "{a}/{b} mixture",
    "{a}, {b}",
    "{a} + {b}",
    "{a}-{b} contact",
    "plenty of {a}, hardly less {b}",
    "a seam of {a} between walls of {b}",
)
ABSENT = (
    "{z} did not turn up",
    "I looked in vain for {z}",
    "there isn't any {z}",
    "nothing of {z} to be seen",
    "{z} is missing",
    "{z} and {y} are both missing",
    "no {z} or {y} anywhere",
    "the slide holds no {z}",
    "never met {z} in this block",
    "{z} was not encountered",
    "the ore is poor, without {z} and without {y}",
    "this piece is {z}-free",
    "neither {z} nor {y} in sight",
    "not a grain of {z}",
    "{z} can be ruled out",
    "{z}: none",
    "{z} does not occur here",
    "free from {z}",
    "{a}, but no {z}",
    "{a} only, no {z} and no {y}",
)
COMPARED = (
    "{a} that I first mistook for {z}",
    "do not confuse this {a} with {z}",
    "the hue of {a} recalls {z}",
    "{a} here is nearly as bright as {z}",
    "{a} polishes better than {z} does",
    "{a} in the guise of {z}",
    "at low power {a} could be taken for {z}",
    "{a} looks much like {z}",
    "{a}, not {z}, as the hardness proves",
    "unlike {z}, {a} stays dark at no position",
    "{a} has the shine of {z}",
    "a {z}-like lustre, yet it is {a}",
)
FORMER = (
    "{a} as a pseudomorph after {z}",
    "{z} was here once; {a} has taken all of its room",
    "all {z} has turned into {a}",
    "{a} ex {z}",
    "{a} replacing {z} completely",
    "{z} has been wholly consumed by {a}",
    "{a} pseudomorphous after {z}",
    "former {z}, now {a}",
)
ELSEWHERE = (
    "{z} is mentioned from the same mine, on other levels",
    "in my previous picture you saw {z}",
    "the neighbouring pit was dug for {z}",
    "other slices of this lump hold {z}",
    "{z} is shown in the next picture",
    "the old men mined {z}",
    "the dump also yields {z}, but not in this slice",
)
WORDS = (
    "a gold deposit of the old sort",
    "block from the silver mine museum",
    "the copper smelter stood nearby",
    "filter: gold-tinted glass",
    "silver grey in colour",
    "ground on a copper lap",
    "quartz diorite is the country rock",
    "a golden glow comes from the lamp",
    "grade 3 g/t gold",
    "bought at Galena Rocks, a shop",
    "from the Pyrite Hill diggings",
    "Silver Lake district",
    "slice made by Mr. Gold",
    "photo: K. Silver",
    "with thanks to Dr. Copper",
    "Magnetite Creek, claim 7",
)
CHATTER = (
    "oil immersion",
    "one polar only",
    "polars crossed",
    "hand-polished, hence the scratches",
    "picture stacked from nine frames",
    "dry lens",
    "not my best photo",
    "the black spots are holes",
    "comments welcome",
    "camera on a tube from the seventies",
    "cut by hand in 1987",
    "no retouching",
)
FIELDS = (
    ("{w} mm across", 1.0),
    ("picture width {w} mm", 1.0),
    ("horizontal field of view: {w} mm", 1.0),
    ("FOV={w}mm", 1.0),
    ("image is {u} µm wide", 1.0),
    ("field {w} x {h} mm", 1.0),
    ("width of the view {u} microns", 1.0),
    ("{w} mm wide", 1.0),
)
RUSSIAN = (
    ("в поле зрения {a} и {b}", "в поле зрения {a}, а вот {z} отсутствует"),
    ("{a}, {b}", "{a}; {zr} здесь нет"),
    ("{a} обрастает {bt}", "без {zr}, только {a}"),
    ("{a} с {bt}", "{a} напоминает {z}"),
    ("срастание {ar} с {bt}", "{a}, псевдоморфоза по {zd}"),
)
GERMAN = (
    ("{a} neben {b}", "{a}, kein {z}"),
    ("{a} und {b}", "{a} ohne {z}"),
    ("viel {a}, wenig {b}", "{z} wurde nicht gefunden, dafür {a}"),
    ("{a}, durchsetzt von {b}", "{a}, ähnlich wie {z}"),
)


@dataclass(frozen=True)
class Note:
    """Title, text, the minerals said to be there, and the width of the field in mm if stated."""

    title: str
    text: str
    minerals: frozenset[str]
    field_width_mm: float | None


class _Writer:
    def __init__(self, seed: int):
        self.rng = np.random.default_rng([seed, 20_317])
        drawn = [str(n) for n in self.rng.permutation(list(NAMES))]
        self.there = drawn[: self.rng.integers(1, 5)]
        self.others = drawn[len(self.there) :]
        self.short = self.rng.random() < 0.25  # explains abbreviations, then uses them
        self.loud = self.rng.random() < 0.06
        self.slips = self.rng.random() < 0.15
        self.said: set[str] = set()
        self.explained: set[str] = set()
        self.field: float | None = None

    def pick(self, options):
        return options[int(self.rng.integers(len(options)))]

    def slip(self, word: str) -> str:
        """A wrong letter in a long name: a final e lost, y for i, one of a pair, two swapped."""
        if len(word) < 8 or " " in word or not self.slips or self.rng.random() < 0.5:
            return word
        at = int(self.rng.integers(3, len(word) - 3))
        doubled = [i for i in range(1, len(word)) if word[i] == word[i - 1]]
        slips = [word[:at] + word[at + 1] + word[at] + word[at + 2 :]]
        slips += [word[:-1]] if word.endswith("e") else []
        slips += [word[: doubled[0]] + word[doubled[0] + 1 :]] if doubled else []
        slips += [word.replace("ph", "f", 1)] if "ph" in word else []
        return self.pick(slips)

    def name(self, mineral: str, present: bool = True) -> str:
        word, brief = NAMES[mineral][:2]
        if present:
            self.said.add(mineral)
            if self.short and mineral in self.explained:
                return brief
            if self.short and self.rng.random() < 0.6:
                self.explained.add(mineral)
                return self.pick([f"{word} ({brief})", f"{word} [{brief}]", f"{word} (= {brief})"])
            word = self.slip(word)
        return word.capitalize() if self.rng.random() < 0.15 else word

    def decoys(self, plain: bool = True) -> list[str]:
        return [n for n in self.others if not plain or " " not in NAMES[n][0]]

    def sentence(self, group: tuple[str, ...]) -> str:
        text = str(self.pick(group))
        a = self.pick(self.there)
        left = [n for n in self.there if n != a]
        if "{b}" in text:
            if not left:
                text = "a view of {a}"
            else:
                text = text.replace("{b}", self.name(self.pick(left)))
        if "{a}" in text:
            text = text.replace("{a}", self.name(a))
        z, y = self.decoys()[:2]
        self.others = self.others[2:] + [z, y]
        return text.replace("{z}", self.name(z, False)).replace("{y}", self.name(y, False))

    def foreign(self, sentences, column: int) -> str:
        able = [n for n in self.there if NAMES[n][column]]
        others = [n for n in self.others if NAMES[n][column] and NAMES[n][column][-1] not in "ьо"]
        if not able:
            return ""
        both, lone = self.pick(sentences)
        words = {"a": NAMES[able[0]][column]}
        self.said.add(able[0])
        if len(able) > 1:
            template = both
            words["b"] = NAMES[able[1]][column]
            self.said.add(able[1])
        else:
            template = lone
            words["z"] = NAMES[others[0]][column]
        for key in "abz":
            if key in words:
                stem = words[key]
                words |= {key + "r": stem + "а", key + "t": stem + "ом", key + "d": stem + "у"}
        return template.format(**words)

    def view(self) -> str:
        template, _ = self.pick(FIELDS)
        width = round(float(self.rng.uniform(0.1, 4)), 2)
        self.field = width
        return template.format(w=width, h=round(width * 0.75, 2), u=round(width * 1000))

    def note(self) -> Note:
        shown = self.there[: self.rng.integers(1, len(self.there) + 1)]
        title = self.pick(TITLES)
        if "{list}" in title:
            self.said |= set(shown)
        joint = self.pick([", ", ", ", " & ", " / ", "; ", " with "])
        listed = joint.join(n if "Sub" in n else NAMES[n][0].capitalize() for n in shown)
        title = title.format(list=listed, place=self.pick(PLACES), n=self.rng.integers(1, 400))
        groups = [SHOWN] * int(self.rng.integers(1, 3))
        for group, chance in ((ABSENT, 0.35), (COMPARED, 0.2), (FORMER, 0.12), (ELSEWHERE, 0.12)):
            groups += [group] * (self.rng.random() < chance)
        groups += [group for group in (WORDS, CHATTER) if self.rng.random() < 0.3]
        sentences = [self.sentence(group) for group in groups]
        if self.rng.random() < 0.08:
            sentences.append(self.foreign(RUSSIAN, 2))
        elif self.rng.random() < 0.06:
            sentences.append(self.foreign(GERMAN, 3))
        if self.rng.random() < 0.4:
            sentences.append(self.view())
        capital = self.rng.random() < 0.7
        sentences = [s[0].upper() + s[1:] if capital else s for s in sentences if s]
        text = self.pick([". ", ". ", ".\n", " // "]).join(sentences)
        text += self.pick(["", ".", "."])
        if self.loud:
            text = text.upper().replace(" µM", " µm").replace(" MM", " mm")
        return Note(title, text, frozenset(self.said), self.field)


def write(seed: int) -> Note:
    """The note of one seed; equal seeds write equal notes."""
    return _Writer(seed).note()
