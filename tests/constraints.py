"""Print ``constraints.txt``: every package that pyproject.toml leads to, at its installed version.

``make constraints`` writes the file from the present environment. Unlike a plain ``pip freeze`` it
leaves out what merely happens to be installed beside the project.
"""

from __future__ import annotations

import platform
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]

# what the installation itself runs on
INSTALLERS = ("pip", "setuptools")

HEADER = """\
# The whole tree, pinned: what `make install` and environment.yml install.
# Made by `make constraints` from the environment that the tests were run in
# ({system}, Python {python}); do not edit by hand. Lines that do not apply to a machine
# (the nvidia packages on a Mac, say) are ignored by pip. torch and torchvision are a pair.
"""


def project_requirements() -> dict[str, list[Requirement]]:
    """Requirements of pyproject.toml: ``""`` for the dependencies, then one entry an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = {"": project["dependencies"], **project["optional-dependencies"]}
    return {name: [Requirement(line) for line in lines] for name, lines in groups.items()}


def pinned() -> dict[str, str]:
    """Versions in ``constraints.txt`` by canonical package name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pairs}


def installed_tree() -> dict[str, str]:
    """Name and installed version of all that the project needs here, directly or not.

    Raises
    ------
    importlib.metadata.PackageNotFoundError
        A needed package is not installed.
    """
    waiting = [Requirement(name) for name in INSTALLERS]
    for requirements in project_requirements().values():
        waiting += requirements
    seen: set[tuple[str, str]] = set()
    tree: dict[str, str] = {}
    while waiting:
        requirement = waiting.pop()
        found = distribution(requirement.name)
        tree[found.name] = found.version.split("+")[0]
        for extra in ("", *requirement.extras):
            key = (canonicalize_name(requirement.name), extra)
            if key in seen:
                continue
            seen.add(key)
            needs = [Requirement(line) for line in found.requires or ()]
            waiting += [n for n in needs if n.marker is None or n.marker.evaluate({"extra": extra})]
    return dict(sorted(tree.items(), key=lambda pair: pair[0].lower()))


def main() -> None:
    """Print the file."""
    system = f"{platform.system()} {platform.machine()}"
    print(HEADER.format(system=system, python=platform.python_version()), end="")
    for name, version in installed_tree().items():
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
