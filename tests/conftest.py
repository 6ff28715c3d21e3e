"""What every test may lean on: outside data, marks that skip themselves, and no network."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# before any test imports matplotlib: pictures are drawn, never shown
os.environ.setdefault("MPLBACKEND", "Agg")
# libraries that would ask a server for news keep quiet
os.environ.setdefault("HF_HUB_OFFLINE", "1")


def _outside_folder(variable: str) -> Path:
    named = os.environ.get(variable, "")
    if not named:
        pytest.skip(f"{variable} is not set: it names a folder of outside data")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"{variable} names {folder}, which is no folder; correct or unset it")
    return folder


@pytest.fixture(scope="session")
def lumenstone_dir() -> Path:
    """The LumenStone folder that ``LUMENSTONE_DIR`` names; skips where unset or empty."""
    return _outside_folder("LUMENSTONE_DIR")


@pytest.fixture(scope="session")
def golden_dir() -> Path:
    """The known answers that ``GOLDEN_DIR`` names; skips where unset or empty."""
    return _outside_folder("GOLDEN_DIR")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked ``gpu`` on a machine without one, and say so."""
    wanting = [item for item in items if item.get_closest_marker("gpu")]
    if not wanting:
        return
    import torch

    if not torch.cuda.is_available():
        for item in wanting:
            item.add_marker(pytest.mark.skip(reason="torch sees no CUDA device"))


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections leave this machine only in tests marked ``network``."""
    if request.node.get_closest_marker("network"):
        return
    connect = socket.socket.connect

    def connect_here(self: socket.socket, address: object) -> None:
        host = address[0] if isinstance(address, tuple) else ""
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(str(host)):
            pytest.fail(f"this test reached for the network ({host}); mark it `network` if it must")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect_here)


def _is_here(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
