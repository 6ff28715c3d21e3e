"""A Chromium to test with: ``python -m tests.ui.browser`` finds one, or installs Debian's by apt,
and starts it once.

Playwright's own browsers are not downloaded: they would be 400 MB more, from another server than
the one that the system trusts. Ends with 0 and the path, or with 3 and a sentence on what to do.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
VARIABLE = "CHROMIUM"
ADVICE = (
    "no Chromium was found, so the browser tests cannot run; install one (Debian, Ubuntu: "
    f"sudo apt-get install chromium) or name its file in {VARIABLE}"
)
# Chromium's sandbox refuses root, and containers often have little shared memory
OPTIONS = ["--disable-dev-shm-usage"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    OPTIONS.append("--no-sandbox")
NONE = 3  # exit status: nothing is broken, there is just no browser


def find() -> str | None:
    """Path of a Chromium or Chrome: the one that ``CHROMIUM`` names, else the first on the path."""
    named = os.environ.get(VARIABLE, "").strip()
    if named:
        return shutil.which(named)
    return next(filter(None, map(shutil.which, NAMES)), None)


def install() -> None:
    """Debian's package, where this user may install packages; says what apt said if it fails."""
    if shutil.which("apt-get") is None or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return
    print("no Chromium here; trying apt-get install chromium", flush=True)
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "--quiet", *command],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            print("\n".join(done.stderr.splitlines()[-3:]), file=sys.stderr)


def why_not(path: str, patience_s: float = 120) -> str:
    """Why a browser does not start here; empty if it does."""
    command = [path, "--headless", "--disable-gpu", *OPTIONS, "--dump-dom", "about:blank"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=patience_s)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0:
        return ""
    return "\n".join([f"it ended with {done.returncode}", *done.stderr.splitlines()[-5:]])


def main() -> int:
    """Find or install one, and try it."""
    if find() is None and not os.environ.get(VARIABLE, "").strip():
        install()
    path = find()
    if path is None:
        print(ADVICE, file=sys.stderr)
        return NONE
    wrong = why_not(path)
    if wrong:
        print(f"{path} is there but does not start: {wrong}", file=sys.stderr)
        return NONE
    print(f"browser: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
