"""The house in order: what is installed, what is pinned, what is written down, who imports whom."""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import mineral_utils

from .constraints import installed_tree, pinned, project_requirements

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "mineral_utils"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

PROMISED = (
    *("jupyterlab", "ipywidgets", "torch", "open_clip_torch", "peft", "segment-anything", "timm"),
    *("matplotlib", "pillow", "nbval", "papermill"),
)


@cache
def _committed() -> tuple[Path, ...]:
    """Files of the project: tracked or to be tracked; in an archive, all but what is ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        skipped = {".venv", "runs", ".git", "__pycache__", "build", "dist"}
        names = [p for p in ROOT.rglob("*") if not skipped & set(p.relative_to(ROOT).parts)]
    return tuple(path for path in names if path.is_file())


# ---- what is installed -----------------------------------------------------------------------


def test_every_requirement_is_pinned_within_its_range():
    pins = pinned()
    for group, requirements in project_requirements().items():
        for requirement in requirements:
            pin = pins.get(canonicalize_name(requirement.name))
            assert pin, f"{requirement} ({group or 'dependencies'}) is not in constraints.txt"
            assert requirement.specifier.contains(pin), f"{requirement}: constraints.txt pins {pin}"


def test_requirements_have_a_lower_and_an_upper_end():
    for requirement in project_requirements()[""]:
        signs = {specifier.operator for specifier in requirement.specifier}
        assert signs == {">=", "<"}, f"{requirement}: give a range like >=1,<2"


def test_constraints_are_plain_pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if not line.startswith("#")]
    assert len(lines) > 50
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line
    assert len(pinned()) == len(lines), "a package stands there twice"
    assert canonicalize_name(PROJECT["name"]) not in pinned()


@pytest.mark.skipif(
    (sys.platform, platform.machine(), sys.version_info[:2]) != ("linux", "x86_64", (3, 11)),
    reason="constraints.txt is the tree of Linux x86_64 with Python 3.11; others differ a little",
)
def test_the_whole_tree_is_pinned_and_nothing_else():
    assert {canonicalize_name(name) for name in installed_tree()} == set(pinned())


def test_promised_packages_are_dependencies():
    required = {canonicalize_name(r.name) for r in project_requirements()[""]}
    assert {canonicalize_name(name) for name in PROMISED} <= required


def test_environment_yml_is_in_step():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    *conda, last = environment["dependencies"]
    assert environment["name"] == "mineral"
    assert environment["channels"][0] == "conda-forge"
    assert list(last) == ["pip"], "the pip section must come last"
    conda_pins = dict(line.split("=") for line in conda if "=" in line)
    assert "pip" in conda
    assert SpecifierSet(PROJECT["requires-python"]).contains(conda_pins.pop("python"))
    for name, version in conda_pins.items():
        assert pinned()[canonicalize_name(name)] == version, f"conda pins {name} otherwise"

    options = [line for line in last["pip"] if line.startswith("-")]
    assert "-c constraints.txt" in options
    editable = next(line for line in options if line.startswith("-e ."))
    extras = Requirement(f"x{editable.removeprefix('-e .')}").extras
    assert "test" in extras and extras <= set(PROJECT["optional-dependencies"])
    named = {canonicalize_name(line) for line in last["pip"] if line not in options}
    assert {canonicalize_name(name) for name in PROMISED} <= named
    assert named <= {canonicalize_name(r.name) for r in project_requirements()[""]}


def test_what_the_package_imports_is_declared():
    declared = {canonicalize_name(r.name) for r in project_requirements()[""]}
    # import name -> distribution, where they differ; IPython is ipykernel's other half
    other = {"PIL": "pillow", "yaml": "pyyaml", "open_clip": "open-clip-torch"}
    other |= {"IPython": "ipykernel", "sklearn": "scikit-learn"}
    for path in PACKAGE.rglob("*.py"):
        for name in _imported(path):
            top = name.split(".")[0]
            if top and top not in sys.stdlib_module_names and top != "mineral_utils":
                distribution = canonicalize_name(other.get(top, top))
                assert distribution in declared, f"{path.name} imports {top}"


# ---- commands --------------------------------------------------------------------------------

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def _dry_run(folder: Path, target: str) -> str:
    # `make test` runs this inside make: a make of its own must not take itself for a part of it
    alone = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    command = ["make", "-n", target]
    done = subprocess.run(command, cwd=folder, env=alone, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_make
def test_make_sets_up_once_and_again_when_requirements_change(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    fresh = _dry_run(tmp_path, "demo")
    assert "-m venv .venv" in fresh
    assert "-c constraints.txt --build-constraint constraints.txt -e '.[test,dev,ui]'" in fresh
    assert fresh.splitlines()[-1] == ".venv/bin/python -m mineral_utils demo"

    stamp = tmp_path / ".venv" / ".installed"
    stamp.parent.mkdir()
    stamp.touch()
    assert _dry_run(tmp_path, "demo").splitlines() == [".venv/bin/python -m mineral_utils demo"]
    assert _dry_run(tmp_path, "test").splitlines() == [".venv/bin/python -m pytest -q"]

    later = stamp.stat().st_mtime + 10
    os.utime(tmp_path / "constraints.txt", (later, later))
    assert "-m venv .venv" in _dry_run(tmp_path, "test")


@needs_make
def test_make_refuses_another_python(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    old = tmp_path / "python3"
    old.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 9, 1); '
        'exec(sys.argv[1])" "$2"\n'
    )
    old.chmod(0o755)
    command = ["make", "install", f"PYTHON={old}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Python 3.11 or 3.12 is needed, found 3.9" in done.stderr
    assert not (tmp_path / ".venv").exists()


NO_BROWSER = (("browser", 0, "NOT RUN: the browser tests"), ("browser required", 1, "REQUIRE_UI"))


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_ci_run_finds_outside_data_beside_the_clone(tmp_path):
    clone = tmp_path / "clone"
    (clone / ".ci").mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", clone / ".ci" / "run")
    fake = tmp_path / "bin" / "make"
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho "$PWD|$1|$LUMENSTONE_DIR|$GOLDEN_DIR"\n')
    fake.chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if k not in ("LUMENSTONE_DIR", "GOLDEN_DIR")}
    clean["PATH"] = f"{fake.parent}{os.pathsep}{clean['PATH']}"

    def said() -> list[str]:
        command = [str(clone / ".ci" / "run")]
        done = subprocess.run(command, cwd=tmp_path, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        test, *others = done.stdout.splitlines()
        assert [line.split("|")[1] for line in others] == ["browser", "test-ui"]
        return test.split("|")

    assert said() == [str(clone), "test", "", ""]
    (tmp_path / "shared" / "golden").mkdir(parents=True)
    assert said() == [str(clone), "test", "", str(tmp_path / "shared" / "golden")]
    (tmp_path / "shared" / "lumenstone").mkdir()
    assert said()[2] == str(tmp_path / "shared" / "lumenstone")


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
@pytest.mark.parametrize(
    "fails, ends, told",
    [("test", 1, ""), ("test-ui", 1, "three times"), *NO_BROWSER],
)
def test_ci_run_fails_with_the_tests_and_says_when_there_is_no_browser(tmp_path, fails, ends, told):
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    fake = tmp_path / "make"
    fake.write_text(f'#!/bin/sh\n[ "$1" != "{fails.split()[0]}" ]\n')
    fake.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    env["REQUIRE_UI"] = "1" if "required" in fails else "0"
    done = subprocess.run([str(tmp_path / ".ci" / "run")], env=env, capture_output=True, text=True)
    assert (done.returncode, told in done.stderr) == (ends, True)


# ---- what is written down --------------------------------------------------------------------


def test_licence_is_apache_2_word_for_word():
    # the text as apache.org gives it for repositories, and as several packages ship it
    digest = hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest()
    assert digest == "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"


def test_citation_agrees_with_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == mineral_utils.__version__
    assert citation["license"] == PROJECT["license"]
    works = [citation, citation["preferred-citation"], *citation["references"]]
    assert all(work["title"] and work["authors"] and work["type"] for work in works)
    surnames = {a.get("family-names") for work in works for a in work["authors"]}
    assert {
        "Zagaynov",
        "Shi",
        "Radford",
        "Ilharco",
        "Caron",
        "Kirillov",
        "Hu",
        "Krylov",
    } <= surnames


def test_changelog_tells_of_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = changelog.split("\n## ")[1]
    assert newest.startswith(mineral_utils.__version__)
    assert "Numbers that will change and why" in newest


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (ROOT / target).exists(), f"{name} links to {target}, which is not there"


def test_readme_lists_the_lessons_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\(notebooks/(\d\d_\w+)\.ipynb\)", text))
    assert linked == {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")}
    planned = re.findall(r"\d\d \w+", text.split("Planned,")[1].split(".\n")[0])
    assert planned and not linked & {name.replace(" ", "_") for name in planned}
    assert text.index("<!-- bench:begin -->") < text.index("<!-- bench:end -->")


def test_no_file_tells_about_a_machine():
    homes = "|".join(("/ho" + "me/", "/Us" + "ers/", "/ro" + "ot/", r"[A-Z]:\\Us" + "ers"))
    paths = re.compile(homes + "|" + re.escape(str(Path.home())) + "|" + re.escape(str(ROOT)))
    for path in _committed():
        if path.suffix in {".npz", ".png", ".jpg", ".safetensors", ".pt", ".tif"}:
            continue
        found = paths.search(path.read_text(encoding="utf-8"))
        assert not found, f"{path.relative_to(ROOT)} contains {found.group()}"


def test_no_file_is_large():
    for path in _committed():
        limit = 30_000_000 if path.suffix == ".safetensors" else 3_000_000
        assert path.stat().st_size <= limit, (
            f"{path.relative_to(ROOT)}: {path.stat().st_size} bytes"
        )


# ---- who imports whom ------------------------------------------------------------------------

# room -> the rooms it may lean on, and theirs; the design of the project in one table
MAY_IMPORT = {
    "minerals": (),
    "run": (),
    "profiles": ("minerals",),
    "weights": ("run",),
    "photos": ("minerals",),
    "captions": ("minerals",),
    "sections": ("minerals",),
    "lumenstone": ("minerals", "photos"),
    "collect": ("photos", "captions", "sections"),
    "dataset": ("minerals", "captions", "photos", "run"),
    "encoders": ("weights", "profiles", "clip_lora"),
    "miniature": ("run", "weights", "encoders", "profiles", "trident", "training"),
    "trident": ("encoders",),
    "refine": ("encoders",),
    "segmenter": ("trident", "refine", "minerals", "profiles", "photos", "run"),
    "clip_lora": ("weights", "run"),
    "training": ("clip_lora", "trident", "photos", "run", "dataset", "sections", "lumenstone"),
    "metrics": ("minerals",),
    "show": ("minerals", "run"),
    "demo": (),
}
VIEWS = ("confidence", "export", "batch", "mosaic", "widgets")
MAY_IMPORT |= {name: ("segmenter", "show", "photos") for name in VIEWS}
MAY_IMPORT |= {"export": ("segmenter", "show", "photos", "run")}
MAY_IMPORT |= {"batch": ("segmenter", "show", "photos", "export")}
MAY_IMPORT |= {"example": ("photos", "sections")}
MAY_IMPORT |= {"editing": ("segmenter", "confidence", "export", "metrics", "photos", "run")}
MAY_IMPORT |= {"widgets": ("editing", "export")}
MAY_IMPORT |= {"confidence": ("segmenter", "show", "photos", "sections", "miniature")}

# a room that outgrew one module: module -> its room
ROOM = {"checkpoint": "weights", "download": "weights", "mineral_file": "minerals"}
ROOM |= {"shipped": "weights", "recipes": "profiles"}
ROOM |= {"dense": "segmenter", "segmentation": "segmenter"}
MAY_IMPORT |= {"scoring": ("segmenter", "metrics", "sections")}
MAY_IMPORT |= {"evaluation": ("segmenter", "metrics", "sections", "lumenstone", "run")}


def _imported(path: Path) -> set[str]:
    """Absolute names of what a file imports when it runs, anywhere in it."""
    package = path.relative_to(ROOT).parent.parts
    names: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join((*base, *filter(None, [node.module])))
            names |= {f"{stem}.{alias.name}" for alias in node.names}
    return names


@cache
def _arrows() -> dict[str, frozenset[str]]:
    """Which modules of the package each module imports; a folder counts as one module."""
    modules = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()}
    arrows: dict[str, frozenset[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if not own.startswith("__"):
            inside = {n.split(".")[1] for n in _imported(path) if n.startswith("mineral_utils.")}
            arrows[own] = arrows.get(own, frozenset()) | ((inside & modules) - {own})
    return arrows


def _reachable(start: str, arrows: Mapping[str, Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [*arrows[start]]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += arrows.get(name, ())
    return found


def test_rooms_lean_only_on_the_rooms_that_the_table_allows():
    for module, imports in sorted(_arrows().items()):
        room = ROOM.get(module, module)
        assert room in MAY_IMPORT, f"{module} is new: give it a row in MAY_IMPORT or in ROOM"
        rooms = {ROOM.get(name, name) for name in imports} - {room}
        outside = rooms - _reachable(room, MAY_IMPORT)
        assert not outside, f"{module} must not import {', '.join(sorted(outside))}"


def test_no_module_leads_back_to_itself():
    for module in _arrows():
        assert module not in _reachable(module, _arrows()), f"{module} is part of a circle"


def test_modules_stay_readable():
    lengths = {p.name: len(p.read_text("utf-8").splitlines()) for p in PACKAGE.rglob("*.py")}
    long = {name: lines for name, lines in lengths.items() if lines > 380}
    assert not long, "two nouns in one module?"


IMPORT_TIME = """
import sys, time
start = time.perf_counter()
import mineral_utils
seconds = time.perf_counter() - start
heavy = {"torch", "matplotlib", "open_clip", "pandas", "scipy", "papermill"} & set(sys.modules)
print(seconds, *sorted(heavy))
"""


def test_import_is_quick_and_light():
    command = [sys.executable, "-c", IMPORT_TIME]
    runs = [
        subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
        for _ in range(3)
    ]
    assert min(float(run[0]) for run in runs) <= 0.5
    assert runs[0][1:] == []


def test_the_vocabulary_needs_no_heavy_library():
    code = "import sys, mineral_utils.minerals; print(*{'torch', 'matplotlib'} & set(sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
