"""The card of a dataset: its facts in words, as Markdown."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["card_text"]

SHOWN = 20  # rows of long tables; all of them are in dataset.json


def card_text(about: Mapping[str, Any]) -> str:
    """The card as Markdown with the header that Hugging Face reads.

    Names and licences come from strangers' pages: they are escaped and stay text.

    Parameters
    ----------
    about : mapping
        As of :func:`facts`.

    Returns
    -------
    str
    """
    sides = list(about["sides"])
    forbidden = sum(right["photos"] for right in about["rights"] if not right["may_redistribute"])
    captions, groups, near = about["captions"], about["groups"], about["near_duplicates"]
    parts = [
        _header(about["photos"], forbidden),
        "# Photos of polished sections with the minerals that their captions name",
        _may_be_passed_on(about["photos"], forbidden),
        "## Counts",
        _table(
            ["side", "photos", "share", "wanted", "groups"],
            [
                [
                    side,
                    told["photos"],
                    _share(told["photos"], about["photos"]),
                    f"{told['wanted']:.1%}",
                    told["groups"],
                ]
                for side, told in about["sides"].items()
            ],
        ),
        f"Specimens: {groups['specimens']}; localities: {groups['localities']}; photographers: "
        f"{groups['photographers']}; minerals a photo on average: {captions['minerals_mean']:.1f}.",
        _left_out(about["left_out"]),
        "## Minerals",
        _table(
            ["mineral", "photos", "specimens", "photographers", "named in title", *sides],
            [
                [
                    told["mineral"],
                    told["photos"],
                    told["specimens"],
                    told["photographers"],
                    told["in_title"],
                    *(told["sides"][side] for side in sides),
                ]
                for told in about["minerals"]
            ],
        ),
        "A photo counts for each mineral that it names: columns sum to more than the photos.",
        "## Minerals that occur together",
        _together(about),
        "## Photo types",
        _by_side(about["photo_types"], sides, "type"),
        'The types are different kinds of picture and are to be scored apart. "Slice or Surface" '
        "also covers polished agates, slabs and meteorites, which no ore microscope has seen.",
        "## Light",
        _by_side(about["light"], sides, "light"),
        "`ppl`: plane-polarised; `xpl`: between crossed polars. Photos of one field in both lights "
        "are on one side.",
        "## Split",
        _split_words(about),
        "## Near-duplicates",
        f"{near['pairs']} pairs of pictures show nearly the same, in {len(near['groups'])} groups; "
        "each group is on one side. Copies that are turned, mirrored, or cropped by 5 % and more "
        "are not found by the perceptual hash.",
        _list([" = ".join(_plain(name) for name in group) for group in near["groups"][:SHOWN]]),
        "## Captions",
        f'Form: "Minerals on this photo: Galena, Pyrite. Description: …". The list is first, so '
        f"that CLIP's 77 tokens never cut it. Of {captions['descriptions']} descriptions "
        f"{captions['cut']} are cut" + _kept(captions) + f"; {captions['lists_shortened']} lists "
        f"were shortened. The longest caption has {captions['longest_tokens']} tokens.",
        "## Rights",
        _table(
            ["photographer", "licence", "permission", "may be passed on", "photos"],
            [
                [
                    right["photographer"],
                    right["licence"],
                    right["permission"],
                    "yes" if right["may_redistribute"] else "no",
                    right["photos"],
                ]
                for right in about["rights"][:SHOWN]
            ],
        ),
        _more(len(about["rights"]) - SHOWN, "rows"),
        "Every photo's photographer, licence and permission stand in its line of `metadata.jsonl`.",
        "## Known noise",
        _list(_noise(about)),
        "## How it was made",
        _made(about),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _header(photos: int, forbidden: int) -> str:
    sizes = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))
    size = next((words for limit, words in sizes if photos < limit), "100K<n<1M")
    lines = [
        "---",
        "license: other",
        "pretty_name: Photos of polished sections with their minerals",
        "task_categories: [zero-shot-image-classification, image-segmentation]",
        f"size_categories: [{size}]",
        "tags: [mineralogy, ore microscopy]",
        *(["extra_gated_heading: Not to be redistributed"] if forbidden else []),
        "---",
    ]
    return "\n".join(lines)


def _may_be_passed_on(photos: int, forbidden: int) -> str:
    if not forbidden:
        return f"All {photos} photos may be passed on under the licences named below."
    return (
        f"**Do not pass this folder on.** {forbidden} of {photos} photos may not be "
        "redistributed; see *Rights*."
    )


def _left_out(left_out: Mapping[str, int]) -> str:
    if not left_out:
        return "No photo of the ledger was left out."
    words = "; ".join(f"{reason}: {count}" for reason, count in left_out.items())
    return f"Left out of the ledger's photos: {words}."


def _together(about: Mapping[str, Any]) -> str:
    names = [told["mineral"] for told in about["minerals"]]
    counts = np.array(about["co_occurrence"])
    pairs = [(counts[a, b], a, b) for a in range(len(names)) for b in range(a)]
    pairs = sorted((pair for pair in pairs if pair[0]), key=lambda pair: (-pair[0], pair[1:]))
    if not pairs:
        return "No photo names two of the minerals."
    rows = [
        [names[b], names[a], count, _share(count, counts[b, b]), _share(count, counts[a, a])]
        for count, a, b in pairs[:SHOWN]
    ]
    table = _table(["one", "other", "photos with both", "of the one's", "of the other's"], rows)
    return f"{table}\n\n{_more(len(pairs) - SHOWN, 'pairs')}".strip()


def _by_side(counted: Mapping[str, Mapping[str, int]], sides: Sequence[str], what: str) -> str:
    rows = [[kind, sum(by.values()), *(by[side] for side in sides)] for kind, by in counted.items()]
    return _table([what, "photos", *sides], rows)


def _split_words(about: Mapping[str, Any]) -> str:
    settings, groups = about["made_with"]["settings"], about["groups"]
    known = ", ".join(f"{count} by {how}" for how, count in groups["known_by"].items())
    parted = {what: count for what, count in about["leaks"].items() if count}
    words = [
        f"Split by {settings['by']}, seed {settings['seed']}, in {groups['number']} groups that "
        f"stay whole (the largest has {groups['largest']} photos). Photos are tied: {known}. Where "
        "the specimen is not known, the whole locality stays together, and where that is not "
        "known either, the photographer's photos.",
        "On several sides: "
        + ("; ".join(f"{k} {v}" for k, v in parted.items()) or "nothing")
        + ".",
    ]
    if about["moved"]:
        words.append(
            f"{len(about['moved'])} photos were on another side in an earlier version and had to "
            "join a group: results on the earlier sides do not compare."
        )
    return "\n\n".join(words)


def _kept(captions: Mapping[str, Any]) -> str:
    if not captions["cut"]:
        return ""
    return f" (of those, {captions['kept_of_cut_mean']:.0%} of the description is read on average)"


def _noise(about: Mapping[str, Any]) -> list[str]:
    sides = len(about["sides"])
    few = [m["mineral"] for m in about["minerals"] if 0 < m["groups"] < sides]
    missing = [
        f"{m['mineral']} on {' and '.join(side for side, n in m['sides'].items() if not n)}"
        for m in about["minerals"]
        if 0 in m["sides"].values()
    ]
    only_text = sum(m["photos"] - m["in_title"] for m in about["minerals"])
    words = [
        "A label says that title or text name the mineral as present. A mineral that nobody named "
        "may still be in the picture: absent labels are not proof of absence.",
        f"{only_text} labels rest on the text alone, where regular expressions can err; "
        f"{about['hits_not_kept']} names were found and not kept (negations, comparisons, places).",
        "Labels speak of photos, never of pixels.",
    ]
    if few:
        words.append(f"Fewer groups than sides, so not on every side: {', '.join(few)}.")
    if missing:
        words.append(f"No photo of {'; '.join(missing)}: such scores do not exist.")
    return words


def _made(about: Mapping[str, Any]) -> str:
    made = about["made_with"]
    settings = json.dumps(made["settings"], ensure_ascii=False, indent=2)
    commit = ((made["git"] or {}).get("commit") or "unknown")[:12]
    return (
        f"By {made['package']['name']} {made['package']['version']} (commit {commit}) at "
        f"{made['time_utc']}, with\n\n"
        f"```json\n{settings}\n```\n\n"
        f"Fingerprint of all pictures, sides and texts (SHA-256): `{about['fingerprint']}`. Each "
        "photo's own SHA-256 stands in its line of `metadata.jsonl`."
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _more(count: int, what: str) -> str:
    return f"… and {count} more {what} in `dataset.json`." if count > 0 else ""


def _list(items: Sequence[str]) -> str:
    return "\n".join(f"- {item}" for item in items)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _plain(cell: Any) -> str:
    """Text that is neither HTML nor Markdown, on one line."""
    text = "not stated" if cell is None or cell == "" else str(cell)
    text = html.escape(" ".join(text.split()), quote=False)
    for sign in "\\`*_[]|":
        text = text.replace(sign, f"&#{ord(sign)};")
    return text
