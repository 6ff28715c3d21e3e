"""One uploader writing one caption, sentence by sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from .textures.habits import IN_HOST, hosts
from .wording import Piece, Wording, phrases, shorts

ROLES = ("present", "absent", "former", "compared", "elsewhere", "word", "place")
_SLOT = re.compile(r"\{(\w+)(?:[.:](\w+))?\}")


class Uploader:
    """Writes title and text about a picture, as pieces that know which minerals they name.

    Parameters
    ----------
    subject : Subject
    rng : numpy.random.Generator

    Attributes
    ----------
    drawn : tuple of str
        Minerals of the picture, most prominent first.
    field : float or None
        Width of the field in mm as stated so far.
    textures : list of (texture, mineral)
        Described so far.
    languages : list of str
        Used so far.
    """

    def __init__(self, subject, rng: np.random.Generator):
        self.subject, self.rng = subject, rng
        self.drawn = _by_prominence(subject.shares, rng)
        self.gangue = [name for name in self.drawn if name in phrases()["gangue"]]
        self.ore = [name for name in self.drawn if name not in self.gangue] or list(self.drawn)
        self.listed = self._titled()
        self.wording = Wording(subject, self.drawn, self.listed, rng)
        self.said: set[str] = set()
        self.textures: list[tuple[str, str]] = []
        self.languages: list[str] = []
        self.field: float | None = None

    def title(self) -> list[Piece]:
        """The species, comma between."""
        pieces: list[Piece] = []
        for name in self.listed:
            forms = phrases()["minerals"][name].get("title", [name])
            form = forms[0] if self.rng.random() < 0.85 else self.wording.pick(forms)
            pieces += [(", ", None)] * bool(pieces) + [(form, (name, "present"))]
        return pieces

    def text(self, language: str) -> list[Piece]:
        """The description; with two languages ("en+ru") a little of each."""
        sentences = []
        for part in language.split("+"):
            written = self._sentences(part, short="+" in language)
            self.languages += [part] * bool(written)
            sentences += written
        return self._joined(sentences)

    def _titled(self) -> list[str]:
        """Species as the uploader lists them: not all, and gangue only now and then."""
        kept = []
        for name in self.drawn:
            left_out = 0.45 if name in self.gangue else 0.04
            if self.subject.shares[name] < 0.004:
                left_out = max(left_out, 0.4)
            if self.rng.random() >= left_out or name == self.ore[0]:
                kept.append(name)
        return kept

    def _sentences(self, language: str, short: bool) -> list[list[Piece]]:
        book, weights = phrases()[language], [s["weight"] for s in phrases()["styles"]]
        style = phrases()["styles"][
            self.rng.choice(len(weights), p=np.divide(weights, sum(weights)))
        ]
        kinds = [k for k, chance in style.items() if k != "weight" and self.rng.random() < chance]
        sentences = []
        for kind in kinds[:2] if short else kinds:
            for group in self._groups(kind, book):
                sentence = self._sentence(group, book, language)
                if sentence:
                    sentences.append(sentence)
                    break
        return sentences

    def _groups(self, kind: str, book: Mapping) -> Iterable[str]:
        """Groups of sentences to try, in order, for one kind of a style."""
        if kind == "show":
            most = min(len(self.ore), 3)
            n = most if self.rng.random() < 0.75 else int(self.rng.integers(1, most + 1))
            return [f"show{n}"]
        if kind in ("texture", "second"):
            return ["texture"]
        if kind == "doubt":
            groups = ["absent", "absent", "former", "compared", "compared", "elsewhere", "word"]
            return [str(g) for g in self.rng.permutation(groups) if g in book]
        if kind == "view":
            if self.subject.field_width_mm is None:
                return ["lens"] if self.rng.random() < 0.5 else []
            return ["scale"]
        if kind == "where":
            return ["decoy", "place"] if self.rng.random() < 0.35 and "decoy" in book else ["place"]
        return [self.subject.light if kind == "light" else kind]

    def _sentence(self, group: str, book: Mapping, language: str) -> list[Piece] | None:
        """A sentence of a group as pieces of text, or None where none can be filled."""
        shown = dict(zip("abc", self.ore, strict=False))
        rest = [name for name in self.drawn if name not in self.said]
        shown["t"] = next((name for name in reversed(rest) if name not in self.gangue), None)
        shown["g"] = next((n for n in self.gangue if n not in self.said), None)
        role, texture = "present", None
        if group == "texture":
            texture = self._texture()
            if texture is None:
                return None
            shown["m"] = texture[1]
            shown["h"] = self._host(texture)
            group = texture[0] if texture[0] in book else "texture"
        elif group in (*ROLES, "decoy"):
            role = "place" if group == "decoy" else group
            shown["z"], shown["y"] = self._not_there(role, shown["a"])
        for template in self.rng.permutation(book.get(group, [])):
            pieces = self._filled(str(template), shown, role, language)
            if pieces is not None:
                self.said |= {m[0] for _, m in pieces if m and m[1] == "present"}
                if texture and language == "en":
                    self.textures.append(texture)
                return pieces
        return None

    def _texture(self) -> tuple[str, str] | None:
        left = [t for t in self.subject.textures if t[1] in self.drawn and t not in self.textures]
        return self.wording.pick(left) if left else None

    def _host(self, texture: tuple[str, str]) -> str | None:
        if texture[0] not in IN_HOST:
            return None
        able = hosts(*texture)
        return next((name for name in self.drawn if name in able and name != texture[1]), None)

    def _not_there(self, role: str, a: str) -> tuple[str | None, str | None]:
        """Two minerals that are not in the picture and fit what is to be said."""
        book = phrases()
        options = book["often"]
        if role in ("compared", "former"):
            options = book["alike" if role == "compared" else "after"].get(a, [])
        elif role == "word":
            options = [*book["ore"], *book["hue"]]
        elif role == "place":
            options = [n for n in book["often"] if " " not in n]
        options = [n for n in dict.fromkeys(options) if n not in self.subject.shares]
        chosen = [str(n) for n in self.rng.permutation(options)[:2]]
        return (*chosen, None, None)[:2]

    def _filled(
        self, template: str, shown: Mapping, role: str, language: str
    ) -> list[Piece] | None:
        """A sentence with its slots filled, or None where one cannot be."""
        pieces, end, stated = [], 0, self.field
        for slot in _SLOT.finditer(template):
            pieces.append((template[end : slot.start()], None))
            end = slot.end()
            name, form = slot.groups()
            if name == "all":
                filled = self.wording.listed(form, language)
            elif name == "fov":
                filled, stated = self.wording.field(language)
            elif len(name) > 1:
                filled = [(self.wording.detail(name, language), None)]
            elif shown.get(name) is None:
                filled = None
            else:
                meant = role if name in "zy" else "present"
                filled = self.wording.mineral(shown[name], form, meant, language)
            if filled is None:
                return None
            pieces += filled
        self.field = stated
        return _smooth([*pieces, (template[end:], None)], language)

    def _joined(self, sentences: list[list[Piece]]) -> list[Piece]:
        """Sentences in a row, with capitals and full stops as this uploader sets them."""
        out: list[Piece] = []
        for i, pieces in enumerate(sentences):
            if not self.wording.careless:
                first, meant = pieces[0]
                keep = meant is not None and first in shorts(meant[0])
                pieces[0] = (first if keep else first[0].upper() + first[1:], meant)
            out += [(" " if self.rng.random() < 0.93 else "\n", None)] * bool(i) + pieces
            if i < len(sentences) - 1 and pieces[-1][0][-1] not in ".!?":
                out.append((self.wording.pick([".", ".", ",", ""]), None))
        if self.wording.careless:
            out = [(words.lower(), meant) for words, meant in out]
        if out and out[-1][1] is None and self.rng.random() < 0.3:
            out[-1] = (out[-1][0].removesuffix("."), None)
        return out


def _smooth(pieces: list[Piece], language: str) -> list[Piece]:
    """Small words as the next word wants them: Russian "со сфалеритом", Spanish "e ilmenita"."""
    rule = {"ru": ("с ", "со ", ("сф", "ск", "ст")), "es": ("y ", "e ", ("i", "hi"))}.get(language)
    pieces = [piece for piece in pieces if piece[0]]
    if rule is None:
        return pieces
    small, wanted, starts = rule
    for i, (words, meant) in enumerate(pieces[:-1]):
        if (" " + words).endswith(" " + small) and pieces[i + 1][0].startswith(starts):
            pieces[i] = (words.removesuffix(small) + wanted, meant)
    return pieces


def _by_prominence(shares: Mapping[str, float], rng: np.random.Generator) -> tuple[str, ...]:
    """Ore minerals by area, judged by eye; gangue is dark and counts for less."""
    seen = {
        name: share * rng.lognormal(0, 0.3) * (0.2 if name in phrases()["gangue"] else 1)
        for name, share in shares.items()
        if share > 0
    }
    return tuple(sorted(seen, key=lambda name: -seen[name]))
