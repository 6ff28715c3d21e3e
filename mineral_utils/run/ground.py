"""The ground one stands on: versions, machine, memory, git, cache folder, outside data."""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

from .. import __version__
from .device import device_words

PACKAGE = Path(__file__).resolve().parents[1]

# those whose version can move a number or a picture
_LIBRARIES = ("torch", "torchvision", "open_clip_torch", "timm", "segment-anything", "peft")
_LIBRARIES += ("numpy", "scipy", "scikit-learn", "pillow", "matplotlib")
# what the models are built from: distribution -> module to import
_MODEL_LIBRARIES = {"torch": "torch", "open_clip_torch": "open_clip", "timm": "timm"}
_MODEL_LIBRARIES["segment-anything"] = "segment_anything"
_ENOUGH_GB = 2.0  # free memory below which a notebook beside a browser starts to swap


def software() -> dict[str, Any]:
    """Versions of the package, of Python and of what can move a number (None where missing)."""
    libraries = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            libraries[name] = None
    return {
        "package": {"name": "mineral_utils", "version": __version__},
        "python": platform.python_version(),
        "libraries": libraries,
    }


def machine() -> dict[str, Any]:
    """System, processor and the cores that this process may use."""
    cores = os.cpu_count()
    if hasattr(os, "sched_getaffinity"):  # Linux: those this process may use
        cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return {"platform": system, "cpu": _cpu_model(), "cores": cores}


def _cpu_model() -> str:
    if sys.platform.startswith("linux"):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        answer = _ask("sysctl", "-n", "machdep.cpu.brand_string")
        if answer:
            return answer
    return platform.processor() or platform.machine()


def _ask(*command: str) -> str | None:
    """What a command prints, or None where it is missing, fails or hangs."""
    # status must not lock the index under somebody's own git command
    env = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    try:
        done = subprocess.run(
            command, cwd=PACKAGE, env=env, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def git_state() -> dict[str, Any] | None:
    """Commit, and whether the package's folder differs from it; None outside a checkout."""
    # asked for our own file: an environment inside somebody's checkout is not our code's
    if _ask("git", "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _ask("git", "rev-parse", "HEAD")
    changes = _ask("git", "status", "--porcelain", "--", ".")
    return {"commit": commit, "dirty": None if changes is None else changes != ""}


def cache_dir() -> Path:
    """Where downloads are kept: ``MINERAL_CACHE`` if set, else the system's user cache folder."""
    import platformdirs

    named = os.environ.get("MINERAL_CACHE", "").strip()
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("mineral_utils"))


def offline() -> bool:
    """Whether ``MINERAL_OFFLINE`` forbids downloads (set to anything but 0, false, no)."""
    return os.environ.get("MINERAL_OFFLINE", "").strip().lower() not in ("", "0", "false", "no")


def environment() -> dict[str, Any]:
    """Facts about this installation and machine, JSON-serialisable; ``report`` puts them in words.

    Returns
    -------
    dict
        ``package``, ``python``, ``libraries`` (name to version, None where missing), ``broken``
        (name to the reason why it cannot be imported), ``platform``, ``cpu``, ``cores``,
        ``device``, ``memory_free_gb``, ``memory_total_gb`` (10**9 bytes, None where unknown),
        ``git``, ``cache`` (its folder, the home folder as ``~``), ``cache_writable``, ``offline``,
        ``lumenstone`` (``"not set"``, ``"found"`` or ``"missing"``).
    """
    broken = {}
    for name, module in _MODEL_LIBRARIES.items():
        try:
            importlib.import_module(module)
        except (ImportError, OSError, RuntimeError) as error:  # torn binaries raise the latter two
            broken[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    free, total = _memory_gb()
    cache = cache_dir()
    home = Path.home()
    shown = Path("~") / cache.relative_to(home) if cache.is_relative_to(home) else Path(cache.name)
    while not cache.exists():  # the folder is made on first use, where its parent allows it
        cache = cache.parent
    named = os.environ.get("LUMENSTONE_DIR", "").strip()
    lumenstone = ("found" if Path(named).is_dir() else "missing") if named else "not set"
    return {
        **software(),
        "broken": broken,
        **machine(),
        "device": "cpu" if "torch" in broken else device_words(),
        "memory_free_gb": free,
        "memory_total_gb": total,
        "git": git_state(),
        "cache": shown.as_posix(),
        "cache_writable": cache.is_dir() and os.access(cache, os.W_OK | os.X_OK),
        "offline": offline(),
        "lumenstone": lumenstone,
    }


def report() -> None:
    """Print the ground one stands on, a line a fact.

    ``[OK]`` all is well, ``[--]`` absent and not needed, ``[FAIL]`` mend this first; the line says
    how. Folders of the machine are not shown, except the cache folder, from ``~`` on.
    """
    facts = environment()
    if (3, 11) <= sys.version_info[:2] < (3, 13):
        print(f"[OK] mineral_utils {facts['package']['version']}, Python {facts['python']}")
    else:
        print(f"[FAIL] Python {facts['python']}: the suite needs Python 3.11 or 3.12")
    for name in _MODEL_LIBRARIES:
        if name in facts["broken"]:
            print(f"[FAIL] {name}: {facts['broken'][name]}; run `make install` again")
        else:
            print(f"[OK] {name} {facts['libraries'][name] or '(version unknown)'}")
    if facts["device"].startswith("cuda"):
        print(f"[OK] device {facts['device']}")
    else:
        print("[--] no CUDA GPU: nothing to do, the demo road is made for the CPU")
    print(f"[OK] {facts['cores']} cores, {facts['cpu']}")
    free, total = facts["memory_free_gb"], facts["memory_total_gb"]
    if free is None:
        print("[--] free memory is unknown, because psutil is not installed")
    elif free < _ENOUGH_GB:
        print(f"[FAIL] {free:.1f} of {total:.1f} GB memory free: close other programs or notebooks")
    else:
        print(f"[OK] {free:.1f} of {total:.1f} GB memory free")
    if facts["cache_writable"]:
        print(f"[OK] cache folder {facts['cache']} is writable")
    else:
        print(
            f"[FAIL] cache folder {facts['cache']} is not writable: name another in MINERAL_CACHE"
        )
    if facts["offline"]:
        print("[OK] MINERAL_OFFLINE is set: nothing is downloaded")
    else:
        print("[--] MINERAL_OFFLINE is not set: downloads may happen; the demo road needs none")
    lumenstone = {
        "found": "[OK] LUMENSTONE_DIR is set and its folder is there",
        "missing": "[FAIL] LUMENSTONE_DIR names no folder: correct or unset it",
        "not set": "[--] LUMENSTONE_DIR is not set: what wants LumenStone is skipped",
    }
    print(lumenstone[facts["lumenstone"]])


def _memory_gb() -> tuple[float | None, float | None]:
    try:
        import psutil
    except ImportError:
        return None, None
    memory = psutil.virtual_memory()
    free, total = memory.available, memory.total
    # in a container (Binder, JupyterHub) the group's limit counts, not the host's memory
    limit, used = (Path("/sys/fs/cgroup") / f"memory.{name}" for name in ("max", "current"))
    if limit.is_file() and used.is_file() and limit.read_text().strip().isdigit():
        total = min(total, int(limit.read_text()))
        free = min(free, max(0, int(limit.read_text()) - int(used.read_text())))
    return round(free / 1e9, 2), round(total / 1e9, 2)
