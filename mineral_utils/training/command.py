"""``python -m mineral_utils train CONFIG.yaml``, also in several processes, one a GPU::

    accelerate launch --multi_gpu --num_processes 4 -m mineral_utils train CONFIG.yaml

A configuration names a profile, a recipe, one source of photos or several, and a folder::

    profile: demo                   # whose CLIP (and DINO)
    recipe: {name: dense-small, epochs: 4}    # or a name alone, or the path of a .yaml file
    sections: {count: 1000, first: 0}         # digital sections, or
    dataset: {folder: my_dataset, side: train}    # a dataset folder (a path alone will do), or
    lumenstone: {sets: [S1], repeat: 8}           # LumenStone's training photos
    names: [pyrite, galena]         # classes; by default the paper's 20, or the dataset's own
    out: runs/tuned                 # checkpoint, curve, adapter.safetensors, run.json
    device: auto
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..minerals import vocabulary
from ..profiles import Profile, load_profile
from ..recipes import Recipe, load_recipe

if TYPE_CHECKING:
    from .examples import Examples

CUT_SHORT = "interrupted; the same command goes on from there"
KEYS = ("profile", "recipe", "sections", "dataset", "lumenstone", "names", "out", "device")
SOURCES = {  # source -> its keys with their kinds; the first must be there
    "sections": {"count": int, "first": int, "folder": str, "workers": int},
    "dataset": {"folder": str, "side": str, "long_side": int},
    "lumenstone": {"sets": list, "folder": str, "repeat": int, "long_side": int},
}


@dataclass(frozen=True)
class Config:
    """A configuration that was read and found whole.

    sources : name of a source -> what it is asked with
    names : the classes in English, or None
    """

    profile: Profile
    recipe: Recipe
    sources: dict[str, dict[str, Any]]
    names: list[str] | None
    out: Path
    device: str


def read_config(
    path: str | Path, *, out: str | Path | None = None, device: str | None = None
) -> Config:
    """Read and check a configuration; `out` and `device` take the place of its own.

    Returns
    -------
    Config

    Raises
    ------
    ValueError
        No YAML, an unknown key (the nearest is offered), something missing or of the wrong kind.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(
            f"there is no file {path}; write one, see mineral_utils/training/command.py"
        )
    try:
        row = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no YAML ({' '.join(str(error).split())})") from error
    if not isinstance(row, dict):
        raise ValueError(f"{path.name} holds no table of keys; it needs recipe, a source and out")
    _known(row, KEYS, path.name)
    sources = {name: _source(name, row[name], path.name) for name in SOURCES if name in row}
    if not sources:
        raise ValueError(
            f"{path.name} names no photos to tune on; write one of sections: {{count: 1000}}, "
            "dataset: FOLDER, lumenstone: {sets: [S1]}"
        )
    for key, such in (("profile", "demo"), ("out", "runs/tuned"), ("device", "auto")):
        if not isinstance(row.get(key, ""), str):
            raise ValueError(f"{path.name}, {key}: {row[key]!r} is no text; write {key}: {such}")
    out = out or row.get("out")
    if not out:
        raise ValueError(f"{path.name} names no folder; write out: runs/tuned, or say --out FOLDER")
    names = row.get("names")
    if names is not None and not (isinstance(names, list) and names):
        raise ValueError(f"{path.name}, names: {names!r} is no list; write [pyrite, galena]")
    names = names and [vocabulary().find(str(name)).name for name in names]
    return Config(
        load_profile(row.get("profile", "demo")),
        _recipe(row.get("recipe", "one-hot"), path.name),
        sources,
        names,
        Path(out),
        device or row.get("device", "auto"),
    )


def _known(row: Mapping, keys: Iterable[str], where: str) -> None:
    keys = list(keys)
    for key in row:
        if key not in keys:
            near = difflib.get_close_matches(str(key), keys, 3, 0.5) or keys
            raise ValueError(f"{where} has no {key!r}; did you mean {', '.join(near)}?")


def _recipe(given: Any, where: str) -> Recipe:
    if isinstance(given, str):
        return load_recipe(given)
    if not isinstance(given, dict) or not isinstance(given.get("name"), str):
        raise ValueError(
            f"{where}, recipe: {given!r} names none; write recipe: dense-small, or "
            "recipe: {name: dense-small, epochs: 4}"
        )
    changes = {str(key): value for key, value in given.items() if key != "name"}
    return load_recipe(given["name"], **changes)


def _source(name: str, given: Any, where: str) -> dict[str, Any]:
    kinds = SOURCES[name]
    first = next(iter(kinds))
    if isinstance(given, str) and name == "dataset":
        given = {"folder": given}
    if not isinstance(given, dict) or first not in given:
        raise ValueError(f"{where}, {name}: {given!r} names no {first}; write {{{first}: …}}")
    _known(given, kinds, f"{where}, {name},")
    for key, value in given.items():
        if not isinstance(value, kinds[key]) or isinstance(value, bool):
            kind = {int: "a whole number", str: "a text", list: "a list"}[kinds[key]]
            raise ValueError(f"{where}, {name}, {key}: {value!r} is not {kind}")
        if kinds[key] is list and not (value and all(isinstance(one, str) for one in value)):
            raise ValueError(f"{where}, {name}, {key}: {value!r} names none; write [S1]")
        if kinds[key] is int and value < (key != "first"):
            raise ValueError(f"{where}, {name}, {key}: {value} is too small")
    return dict(given)


def gather_examples(config: Config, progress: bool = True) -> Examples:
    """The photos that a configuration names; several sources one after the other, with the paper's
    20 classes unless it names others."""
    from .examples import dataset_examples, joined, lumenstone_examples, section_examples

    names = config.names
    if names is None and len(config.sources) > 1:
        names = vocabulary().paper_names
    parts = []
    for source, given in config.sources.items():
        given = dict(given)
        if source == "sections":
            folder = given.pop("folder", config.out / "sections")
            part = section_examples(
                given.pop("count"), folder, names=names, progress=progress, **given
            )
        elif source == "dataset":
            part = dataset_examples(given.pop("folder"), names=names, **given)
        else:
            part = lumenstone_examples(names=names, **given)
        parts.append(part)
    return parts[0] if len(parts) == 1 else joined(parts)


def run(
    path: str | Path,
    *,
    out: str | Path | None = None,
    device: str | None = None,
    fresh: bool = False,
) -> int:
    """Run it: 0 when the course is finished, 1 when it was cut short, 2 for wrong use."""
    from ..weights import WeightError

    try:
        return _train(read_config(path, out=out, device=device), Path(path), fresh)
    except (ValueError, WeightError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    # a full disk, a loss that is not finite, a full device
    except (OSError, FloatingPointError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before the first step, or a second one within a step
        print(CUT_SHORT, file=sys.stderr)
        return 1


def _train(config: Config, path: Path, fresh: bool) -> int:
    from ..run import pick_device, record, write_json
    from .course import tune
    from .together import Together

    device = pick_device(config.device)
    together = Together(device)
    examples = gather_examples(config, progress=together.is_main)
    tuned = tune(
        config.profile,
        examples,
        config.recipe,
        out=config.out,
        device=str(device),
        resume=not fresh,
    )
    if not together.is_main:
        return 0 if tuned.finished else 1
    last = tuned.curve[-1] if tuned.curve else {}
    settings = {
        "profile": asdict(config.profile),
        "recipe": asdict(config.recipe),
        "sources": config.sources,
        "classes": examples.names,
        "examples": examples.note,
        "photos": len(examples),
        "notes": tuned.notes,
        "skipped": tuned.skipped,
        "processes": together.count,
        "finished": tuned.finished,
        "last": last,
    }
    made = record(settings=settings, inputs=path, seed=config.recipe.seed, device=device)
    write_json(config.out / "run.json", made)
    for note in tuned.notes:
        print(f"note: {note}")
    for name, why in tuned.skipped:
        print(f"skipped: {name}: {why}")
    if tuned.skipped:
        print(f"{len(tuned.skipped)} of {len(examples)} photos could not be read")
    if not tuned.finished:
        print(CUT_SHORT, file=sys.stderr)
        return 1
    print(f"{len(examples)} photos, {last['step']} steps, loss {last['loss']:.3f}: {tuned.adapter}")
    return 0
