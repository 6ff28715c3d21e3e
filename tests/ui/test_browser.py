"""Where the browser comes from; no real one is started here."""

from __future__ import annotations

import subprocess

import pytest

from . import browser


@pytest.fixture
def bare(monkeypatch, tmp_path) -> list[list[str]]:
    """A machine without a browser; what is run there is kept, and nothing is."""
    ran: list[list[str]] = []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(browser.VARIABLE, raising=False)

    start = subprocess.run

    def run(command, **options):
        if command[0] != "apt-get":
            return start(command, **options)
        ran.append(command)
        return subprocess.CompletedProcess(command, 100, "", "E: no such package")

    monkeypatch.setattr(browser.subprocess, "run", run)
    return ran


def program(folder, name: str, does: str = "") -> str:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{does}\n")
    path.chmod(0o755)
    return str(path)


def test_without_a_browser_it_says_what_to_install(bare, capsys):
    assert browser.main() == browser.NONE and bare == []
    assert "sudo apt-get install chromium" in capsys.readouterr().err


def test_root_tries_apt_and_hears_why_it_failed(bare, tmp_path, monkeypatch, capsys):
    program(tmp_path, "apt-get")
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0, raising=False)
    assert browser.main() == browser.NONE
    assert [command[2] for command in bare] == ["update", "install"]
    assert "E: no such package" in capsys.readouterr().err


def test_a_named_browser_comes_before_one_on_the_path(bare, tmp_path, monkeypatch, capsys):
    there = program(tmp_path, "chromium")
    assert browser.find() == there
    own = program(tmp_path, "my-own")
    monkeypatch.setenv(browser.VARIABLE, own)
    assert browser.main() == 0 and own in capsys.readouterr().out
    monkeypatch.setenv(browser.VARIABLE, str(tmp_path / "gone"))
    assert browser.main() == browser.NONE and bare == [], "a wrong name is not mended by apt"


def test_a_browser_that_does_not_start_is_none(bare, tmp_path, capsys):
    program(tmp_path, "chromium", "echo no display >&2; exit 7")
    assert browser.main() == browser.NONE
    assert "does not start: it ended with 7\nno display" in capsys.readouterr().err
    slow = program(tmp_path, "slow", "while :; do :; done")
    assert "timed out" in browser.why_not(slow, patience_s=0.2)
