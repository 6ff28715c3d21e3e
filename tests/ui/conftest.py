"""Servers, a browser, and lessons to open in it; a picture of every page goes to ``runs/ui``."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from mineral_utils.widgets.__main__ import command as voila_command

from .browser import ADVICE, OPTIONS, find

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

if importlib.util.find_spec("playwright") is None:  # not installed: pip install -e '.[ui]'
    collect_ignore_glob = ["test_ui_*.py"]

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "runs" / "ui"
TOKEN = "tests"
PATIENCE_MS = 120_000  # a crowded machine is slow, not broken
RUN_MS = 600_000  # a whole lesson


@dataclass(frozen=True)
class Server:
    """A server of this machine, and the folder that it shows."""

    url: str
    folder: Path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    path = find()
    if path is None:
        pytest.fail(ADVICE)
    for old in OUT.glob("test_*.png"):  # an earlier run's pictures must not pass for this one's
        old.unlink()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """For servers and their kernels: nothing of the user's own settings, no outside data."""
    home = tmp_path_factory.mktemp("jupyter")
    own = {
        "JUPYTER_CONFIG_DIR": home / "config",
        "JUPYTER_DATA_DIR": home / "data",
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "MINERAL_CACHE": home / "cache",
    }
    # no question about news, and every output in the page, seen or not
    write_setting(
        home, "apputils-extension/notification.jupyterlab-settings", '{"fetchNews": "false"}'
    )
    write_setting(
        home, "notebook-extension/tracker.jupyterlab-settings", '{"windowingMode": "none"}'
    )
    kept = {k: v for k, v in os.environ.items() if k not in ("LUMENSTONE_DIR", "GOLDEN_DIR")}
    return {
        **kept,
        **{key: str(path) for key, path in own.items()},
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "MINERAL_OFFLINE": "1",
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }


def write_setting(home: Path, name: str, text: str) -> None:
    path = home / "settings" / "@jupyterlab" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="session")
def lab(environment, tmp_path_factory) -> Iterator[Server]:
    """A JupyterLab over an empty folder."""
    folder = tmp_path_factory.mktemp("lab")
    port = free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--ServerApp.token={TOKEN}", f"--ServerApp.root_dir={folder}"),
        *(f"--ServerApp.port={port}", "--LabApp.expose_app_in_browser=True"),
        "--ServerApp.tornado_settings={'websocket_max_message_size': 104857600}",
    ]
    yield from serving(command, f"http://localhost:{port}", "/api", folder, environment)


@pytest.fixture(scope="session")
def voila(environment, tmp_path_factory, lesson) -> Iterator[Server]:
    """A Voilà that serves lesson 09, started as ``make page`` starts it."""
    folder = tmp_path_factory.mktemp("voila")
    path = lesson(folder, "09_segment_your_photos", INTERACTIVE=False)
    port = free_port()
    command = voila_command(path, port=port)
    url = f"http://localhost:{port}"
    yield from serving(command, url, "/voila/static/voila.js", folder, environment)


def free_port() -> int:
    with socket.socket() as some:
        some.bind(("localhost", 0))
        return some.getsockname()[1]


def serving(command, url, probe, folder, environment) -> Iterator[Server]:
    """Start a server, wait until it answers, stop it at the end."""
    OUT.mkdir(parents=True, exist_ok=True)
    log = OUT / f"{command[2]}.log"
    with open(log, "w") as told:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=told, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(240):
                if server.poll() is not None or answers(url + probe):
                    break
                time.sleep(0.5)
            assert server.poll() is None, f"{command[2]} ended: {log.read_text()[-2000:]}"
            yield Server(url, Path(folder))
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except urllib.error.HTTPError:
        return True  # it is there and says no
    except OSError:
        return False
    return True


@pytest.fixture(scope="session")
def lesson() -> Callable[..., Path]:
    """Copies a lesson, with other parameters; ``only_page=True`` leaves out what Voilà leaves
    out."""

    def copy(folder: Path, name: str, *, only_page: bool = False, **parameters) -> Path:
        notebook = nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4)
        if only_page:
            cells = notebook.cells
            notebook.cells = [c for c in cells if "lesson" not in c.metadata.get("tags", ())]
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
            if "parameters" in cell.metadata.get("tags", ()):
                cell.source += "".join(f"\n{key} = {value!r}" for key, value in parameters.items())
        path = Path(folder) / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return copy


@pytest.fixture(scope="module")
def page(browser: Browser) -> Iterator[Page]:
    """A window of the browser, for all tests of a file."""
    context = browser.new_context(viewport={"width": 1500, "height": 1200})
    context.set_default_timeout(PATIENCE_MS)
    window = context.new_page()
    yield window
    context.close()


@pytest.fixture(autouse=True)
def picture_of_the_page(request: pytest.FixtureRequest) -> Iterator[None]:
    """What the page looked like at the end of each test."""
    yield
    if "page" in request.fixturenames:
        OUT.mkdir(parents=True, exist_ok=True)
        window = request.getfixturevalue("page")
        if not window.is_closed():
            window.screenshot(path=OUT / f"{request.node.name}.png")
