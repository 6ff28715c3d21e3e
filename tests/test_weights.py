"""Weights: the registry, fetching over real HTTP on this machine, and fitting into models."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path

import open_clip
import pytest
import timm
import torch
from segment_anything import sam_model_registry

from mineral_utils import download, weights
from mineral_utils.weights import (
    Checkpoint,
    WeightError,
    check_architecture,
    fetch_weights,
    find,
    load_into,
    registry,
    resolve,
)

from . import checkpoints as ck
from .weight_server import Answer, WeightServer

DATA = b"\x80" + random.Random(0).randbytes(699_999)  # begins like a pickle, so passes for weights
OTHER = b"\x80" + random.Random(1).randbytes(699_999)
FILE = "tiny.pth"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ---- the registry ------------------------------------------------------------------------------
def test_every_row_says_where_each_fact_was_read():
    rows = list(registry().values())
    assert {row.model for row in rows} == {"clip", "dino", "sam"}
    assert len({row.file for row in rows}) == len({row.url for row in rows}) == len(rows)
    for row in rows:
        assert row.url.startswith("https://"), row.name
        assert row.licence and row.licence_source, row.name
        assert row.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", row.sha256), row.name
        assert row.sha256_prefix is None or re.fullmatch(r"[0-9a-f]{6,63}", row.sha256_prefix)
        if row.sha256 or row.sha256_prefix or row.size:
            assert row.hash_source, row.name


def test_rows_agree_with_what_the_libraries_themselves_would_fetch():
    for row in registry().values():
        if row.model == "clip":
            assert open_clip.get_model_config(row.architecture), row.name
            own = open_clip.get_pretrained_cfg(row.architecture.removesuffix("-quickgelu"), row.tag)
            at_home = own["hf_hub"].rstrip("/")
            assert row.url == own["url"] or f"huggingface.co/{at_home}/" in row.url, row.name
            assert own.get("quick_gelu", False) == row.architecture.endswith("-quickgelu")
        elif row.model == "dino":
            own = timm.get_pretrained_cfg(row.architecture)
            assert row.url == own.url or f"huggingface.co/{own.hf_hub_id}/" in row.url, row.name
        else:
            assert row.architecture in sam_model_registry


def test_open_clips_digits_in_the_file_name_are_those_of_the_registry():
    row = find("clip-vit-b-16-laion400m_e32")
    assert row.sha256.startswith("55e67d44") and "-55e67d44.pt" in row.url


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(WeightError, match="'sam-vitb'.*nearest: sam-vit-b") as error:
        find("sam-vitb")
    assert "path" in str(error.value)
    with pytest.raises(WeightError, match="nearest: clip-vit-b-16-openai"):
        find("OpenAI")
    assert find("sam_vit_b_01ec64.pth").name == "sam-vit-b"


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path))
    assert weights.cache_dir() == tmp_path
    monkeypatch.delenv("MINERAL_CACHE")
    assert "mineral_utils" in str(weights.cache_dir())


# ---- fetching ----------------------------------------------------------------------------------
@pytest.fixture
def server(monkeypatch) -> Iterator[WeightServer]:
    monkeypatch.setattr(download, "BACKOFF_S", 0.01)
    monkeypatch.delenv("MINERAL_OFFLINE", raising=False)
    with WeightServer() as server:
        server.files[FILE] = DATA
        yield server


@pytest.fixture
def row(server, monkeypatch) -> Callable[..., Checkpoint]:
    """Puts one row, for the server's file, in the place of the registry."""

    def put(**changes) -> Checkpoint:
        fields = {"name": "tiny", "model": "dino", "architecture": "vit", "tag": "test"}
        fields |= {"backbone": "ViT", "url": f"{server.url}/{FILE}", "file": FILE}
        fields |= {"licence": "MIT", "licence_source": "here", "sha256": sha256(DATA)}
        made = Checkpoint(**(fields | changes))
        monkeypatch.setattr(weights, "registry", lambda: {made.name: made})
        return made

    return put


def fetch(cache: Path, **options) -> Path:
    return fetch_weights("tiny", cache=cache, progress=False, **options)


def test_a_file_is_fetched_once_and_nothing_is_left_lying_about(server, row, tmp_path):
    row(size=len(DATA))
    path = fetch(tmp_path / "new" / "cache")
    assert path.read_bytes() == DATA
    assert sorted(p.name for p in path.parent.iterdir()) == ["hashes.json", FILE]
    assert fetch(path.parent) == path == fetch(path.parent, offline=True)
    assert server.ranges(FILE) == [None]


def test_a_mirror_serves_files_under_their_cache_names(server, row, tmp_path):
    row(url="https://example.invalid/elsewhere/model.safetensors")
    assert fetch(tmp_path, base_url=server.url + "/").read_bytes() == DATA


def test_a_cut_download_goes_on_where_it_stopped(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(cut_after=300_000), Answer(cut_after=200_000), Answer()]
    assert fetch(tmp_path).read_bytes() == DATA
    first, *later = server.ranges(FILE)
    starts = [int(span.removeprefix("bytes=").rstrip("-")) for span in later]
    assert first is None and len(starts) == 2
    # a cut costs no more than the block of 64 KiB that was under way
    assert 300_000 - 65_536 <= starts[0] <= 300_000 < starts[1] <= 500_000
    assert server.statuses(FILE) == [200, 206, 206]


def test_a_later_call_resumes_what_an_earlier_one_gave_up(server, row, tmp_path, monkeypatch):
    row()
    monkeypatch.setattr(download, "RETRIES", 0)
    server.answers[FILE] = [Answer(cut_after=400_000), Answer()]
    with pytest.raises(WeightError, match="broke off.*bytes have arrived and are kept"):
        fetch(tmp_path)
    assert (tmp_path / f"{FILE}.part").stat().st_size > 300_000
    assert not (tmp_path / f"{FILE}.lock").exists()
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.statuses(FILE) == [200, 206]


def test_a_server_without_ranges_is_read_from_the_start(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(cut_after=300_000), Answer(ignore_range=True)]
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.statuses(FILE) == [200, 200] and server.ranges(FILE)[1].startswith("bytes=")


@pytest.mark.parametrize("heeds_if_range", [True, False])
def test_parts_of_two_versions_are_never_glued(server, row, tmp_path, heeds_if_range):
    row()
    server.answers[FILE] = [
        Answer(cut_after=300_000, etag='"old"', data=OTHER),
        Answer(etag='"new"', ignore_if_range=not heeds_if_range),
    ]
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.statuses(FILE) == ([200, 200] if heeds_if_range else [200, 206, 200])


def test_without_a_version_from_the_server_a_part_is_not_resumed(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(cut_after=300_000, etag=None), Answer(etag=None)]
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.ranges(FILE) == [None, None]


def test_a_busy_server_is_asked_again_when_it_says(server, row, tmp_path, monkeypatch):
    row()
    waits: list[float] = []
    monkeypatch.setattr(download.time, "sleep", waits.append)
    in_a_minute = formatdate(time.time() + 20, usegmt=True)
    server.answers[FILE] = [
        Answer(status=503, retry_after="3"),
        Answer(status=429, retry_after=in_a_minute),
        Answer(status=503, retry_after="86400"),
        Answer(status=500),
        Answer(),
    ]
    # the server's own thread sleeps through the same function, for nothing
    assert fetch(tmp_path).read_bytes() == DATA
    waits = [wait for wait in waits if wait > 0]
    assert waits[0] == 3.0
    assert 15 < waits[1] <= 20
    assert waits[2] == download.PATIENCE_S
    assert waits[3] == pytest.approx(download.BACKOFF_S * 8)


def test_a_broken_server_is_given_up_after_a_bounded_number_of_tries(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(status=502)]
    with pytest.raises(WeightError, match="502 Bad Gateway, 6 times in a row"):
        fetch(tmp_path)
    assert len(server.requests) == download.RETRIES + 1 == 6


@pytest.mark.parametrize("status, words", [(404, "404 Not Found"), (403, "403 Forbidden")])
def test_a_refusal_is_not_argued_with(server, row, tmp_path, status, words):
    row(size=len(DATA))
    server.answers[FILE] = [Answer(status=status)]
    with pytest.raises(WeightError, match=words) as error:
        fetch(tmp_path)
    assert len(server.requests) == 1
    for needed in (server.url, str(tmp_path / FILE), "700,000 bytes", "MIT", sha256(DATA)):
        assert needed in str(error.value)


def test_a_silent_server_is_asked_again(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(delay_s=0.6), Answer()]
    assert fetch(tmp_path, timeout=0.2).read_bytes() == DATA
    assert server.answers[FILE] == [Answer()]  # the slow one was given up and used up


def test_no_connection_is_said_at_once_with_what_to_do(row, tmp_path):
    with socket.socket() as unused:  # a port that nobody listens on
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}/{FILE}"
    row(url=address, size=len(DATA))
    begun = time.monotonic()
    with pytest.raises(WeightError, match="there is no connection to 127.0.0.1") as error:
        fetch(tmp_path)
    assert time.monotonic() - begun < 1 and "in a row" not in str(error.value)
    assert address in str(error.value) and str(tmp_path / FILE) in str(error.value)


def test_a_name_that_cannot_be_looked_up_is_no_connection(row, tmp_path, monkeypatch):
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    row(url=f"https://weights.example/{FILE}")
    with pytest.raises(WeightError, match="there is no connection to weights.example"):
        fetch(tmp_path)


def test_offline_names_the_file_the_place_and_the_check(server, row, tmp_path, monkeypatch):
    row(size=len(DATA))
    monkeypatch.setenv("MINERAL_OFFLINE", "1")
    with pytest.raises(WeightError, match="MINERAL_OFFLINE") as error:
        fetch(tmp_path)
    for needed in (server.url, str(tmp_path / FILE), "700,000 bytes", "licence MIT", sha256(DATA)):
        assert needed in str(error.value)
    assert server.requests == []
    (tmp_path / FILE).write_bytes(DATA)  # as the message says
    assert fetch(tmp_path).read_bytes() == DATA


def test_a_wrong_byte_is_refused_and_kept_aside(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(corrupt_at=123_456), Answer()]
    with pytest.raises(WeightError, match="SHA-256 is .* in the registry") as error:
        fetch(tmp_path)
    rejected = tmp_path / f"{FILE}.rejected"
    assert str(rejected) in str(error.value)
    assert len(rejected.read_bytes()) == len(DATA) and rejected.read_bytes() != DATA
    assert not (tmp_path / FILE).exists() and not (tmp_path / f"{FILE}.part").exists()
    assert fetch(tmp_path).read_bytes() == DATA


def test_a_file_of_another_size_is_not_even_fetched(server, row, tmp_path):
    row(size=len(DATA) + 1)
    with pytest.raises(WeightError, match="offers 700,000 bytes where 700,001 are expected"):
        fetch(tmp_path)
    assert not (tmp_path / f"{FILE}.part").exists()


def test_a_content_length_that_promises_too_much_does_no_harm(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(content_length=len(DATA) + 500), Answer()]
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.statuses(FILE)[0] == 200 and server.statuses(FILE)[-1] in (206, 416)


def test_a_content_length_that_promises_too_little_is_noticed(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(content_length=len(DATA) - 500)]
    with pytest.raises(WeightError, match="refused because its SHA-256"):
        fetch(tmp_path)


def test_a_login_page_in_the_place_of_weights_is_recognised(server, row, tmp_path):
    row(sha256=None)
    server.answers[FILE] = [Answer(data=b"<!DOCTYPE html><title>Campus login</title>")]
    with pytest.raises(WeightError, match="is a web page, not weights"):
        fetch(tmp_path)
    assert not (tmp_path / FILE).exists() and not (tmp_path / "hashes.json").exists()


def test_a_prefix_of_the_hash_is_enough_and_is_checked(row, tmp_path):
    row(sha256=None, sha256_prefix=sha256(DATA)[:8])
    assert fetch(tmp_path).read_bytes() == DATA
    row(sha256=None, sha256_prefix="0" * 8)  # the registry was corrected: the cache is not trusted
    with pytest.raises(WeightError, match="SHA-256 is .* and not 00000000 as in the registry"):
        fetch(tmp_path)


def test_without_a_published_hash_the_first_one_is_noted_said_and_kept_to(
    server, row, tmp_path, capsys
):
    row(sha256=None)
    path = fetch(tmp_path)
    assert (
        f"no SHA-256 is published, so the one found now, {sha256(DATA)}" in capsys.readouterr().out
    )
    assert json.loads((tmp_path / "hashes.json").read_text())[FILE]["sha256"] == sha256(DATA)
    fetch(tmp_path)
    assert capsys.readouterr().out == ""
    path.unlink()
    server.files[FILE] = OTHER
    with pytest.raises(WeightError, match=f"and not {sha256(DATA)} as at first use"):
        fetch(tmp_path)


def test_a_cached_file_that_was_changed_is_noticed(row, tmp_path):
    row()
    path = fetch(tmp_path)
    os.utime(path)  # touched but unchanged: hashed again, and good
    assert fetch(tmp_path) == path
    path.write_bytes(OTHER)
    with pytest.raises(WeightError, match="refused because its SHA-256"):
        fetch(tmp_path)
    assert not path.exists() and (tmp_path / f"{FILE}.rejected").read_bytes() == OTHER


def test_a_cache_that_cannot_be_noted_in_is_used_all_the_same(row, tmp_path, monkeypatch, capsys):
    row()
    (tmp_path / FILE).write_bytes(DATA)

    def forbidden(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(weights, "_add_note", forbidden)
    assert fetch(tmp_path).read_bytes() == DATA
    assert "was checked, but this cannot be noted" in capsys.readouterr().out


def test_a_damaged_list_of_hashes_is_said(row, tmp_path):
    row()
    (tmp_path / "hashes.json").write_text('{"tiny.pth": {"sha')
    with pytest.raises(WeightError, match="hashes.json is damaged"):
        fetch(tmp_path)


def test_space_is_looked_at_before_the_first_byte(server, row, tmp_path, monkeypatch):
    row()
    usage = shutil.disk_usage(tmp_path)._replace(free=download.SPARE_BYTES + len(DATA) - 1)
    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(WeightError, match="700,000 bytes are still to come and the disk of"):
        fetch(tmp_path)
    assert not (tmp_path / f"{FILE}.part").exists()


def test_a_disk_that_fills_up_keeps_what_has_arrived(server, row, tmp_path, monkeypatch):
    row()
    full = True
    plain_open = Path.open

    def open_on_a_small_disk(path: Path, mode: str = "r", *args, **options):
        file = plain_open(path, mode, *args, **options)
        if path.suffix == ".part" and full:
            plain_write = file.write

            class Small:
                def __getattr__(self, name):
                    return getattr(file, name)

                def __enter__(self):
                    return self

                def __exit__(self, *_):
                    file.close()

                def write(self, block):
                    if file.tell() + len(block) > 400_000:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    return plain_write(block)

            return Small()
        return file

    monkeypatch.setattr(Path, "open", open_on_a_small_disk)
    with pytest.raises(WeightError, match="the disk of .* is full; 393,216 bytes are kept"):
        fetch(tmp_path)
    full = False
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.ranges(FILE) == [None, "bytes=393216-"]


def test_two_threads_fetch_once(server, row, tmp_path):
    row()
    server.answers[FILE] = [Answer(block_delay_s=0.005)]
    paths: list[Path] = []
    threads = [threading.Thread(target=lambda: paths.append(fetch(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert paths == [tmp_path / FILE] * 2 and paths[0].read_bytes() == DATA
    assert server.ranges(FILE) == [None]


def test_a_killed_process_is_taken_over_and_its_part_resumed(server, row, tmp_path):
    made = row()
    server.answers[FILE] = [Answer(block_delay_s=0.05), Answer()]
    program = textwrap.dedent(
        f"""
        from mineral_utils import weights
        row = weights.Checkpoint(**{dataclasses.asdict(made)!r})
        weights.registry = lambda: {{row.name: row}}
        weights.fetch_weights("tiny", cache={str(tmp_path)!r}, progress=False)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parents[1])
    part = tmp_path / f"{FILE}.part"
    try:
        until = time.monotonic() + 20
        while not (part.exists() and part.stat().st_size > 100_000):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.01)
    finally:
        process.kill()
        process.wait()
    assert (tmp_path / f"{FILE}.lock").exists() and not (tmp_path / FILE).exists()
    begun = time.monotonic()
    assert fetch(tmp_path).read_bytes() == DATA
    assert server.statuses(FILE) == [200, 206]
    if os.name == "posix":  # where it can be asked whether the holder lives, nobody waits
        assert time.monotonic() - begun < 5


def test_a_lock_is_waited_for_while_it_is_touched_and_taken_over_when_not(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "BEAT_S", 0.05)
    monkeypatch.setattr(download, "STALE_S", 0.4)
    target, order = tmp_path / "x.bin", []

    def hold() -> None:
        with download.lock(target):
            order.append("held")
            time.sleep(1.0)
            order.append("let go")

    holder = threading.Thread(target=hold)
    holder.start()
    while "held" not in order:
        time.sleep(0.01)
    with download.lock(target):
        order.append("mine")
    holder.join()
    assert order == ["held", "let go", "mine"]
    lock = tmp_path / "x.bin.lock"
    lock.write_text("another-machine 1 abc")  # left behind: nobody touches it
    begun = time.monotonic()
    with download.lock(target):
        assert 0.4 <= time.monotonic() - begun < 3
        assert lock.read_text().startswith(socket.gethostname())
    assert not lock.exists()


def test_own_files_are_taken_as_they_are(row, tmp_path, monkeypatch):
    row()
    monkeypatch.setenv("MINERAL_CACHE", str(tmp_path))
    own = tmp_path / "mine.safetensors"
    own.write_bytes(b"anything")
    assert resolve(own) == own == resolve(str(own))
    assert resolve("tiny", progress=False) == tmp_path / FILE
    with pytest.raises(WeightError, match="no file .*absent.pth; give the path"):
        resolve(tmp_path / "absent.pth")
    with pytest.raises(WeightError, match="nearest: tiny"):
        resolve("tinny")


# ---- files for another model -------------------------------------------------------------------
@pytest.mark.parametrize(
    "held, asked, words",
    [
        (
            "sam-l",
            "sam-b",
            "x.pth holds SAM ViT-L (24 blocks, width 1024) but SAM ViT-B (12 blocks, width 768) "
            "was asked for; choose sam-vit-b, or",
        ),
        ("dino-16", "dino-8", "choose dino-vit-b-8 or dino-vit-b-8-timm, or"),
        ("clip-b", "clip-l", "choose clip-vit-l-14-laion400m_e32, or"),
        ("clip-b", "dino-16", "but DINO ViT-B/16 (12 blocks, width 768) was asked for"),
    ],
)
def test_another_size_is_explained_with_a_choice(held, asked, words):
    with pytest.raises(WeightError, match=re.escape(words)):
        check_architecture(ck.full_size(held).state_dict(), ck.full_size(asked), "x.pth")


def test_small_models_have_no_choice_in_the_registry():
    with pytest.raises(WeightError, match="3 blocks.*choose a checkpoint of that size"):
        check_architecture(ck.small_vit().state_dict(), ck.small_vit(depth=3), "x.pth")


def test_tensors_that_differ_are_counted_and_the_first_are_named():
    module = ck.small_vit()
    state = dict(module.state_dict())
    kept = {k: v for k, v in state.items() if not k.startswith("blocks.1.attn")}
    kept |= {"extra": torch.zeros(1), "norm.weight": torch.zeros(3)}
    with pytest.raises(WeightError) as error:
        load_into(module, kept, "x.pth")
    said = str(error.value)
    assert "4 missing (blocks.1.attn.qkv.weight, blocks.1.attn.qkv.bias, blocks.1.attn.proj" in said
    assert "1 not in the model (extra)" in said
    assert "1 of another shape (norm.weight [3] instead of [64])" in said
