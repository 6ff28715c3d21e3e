"""Whole folders: found, segmented, journalled, resumed after any kill, told in tables."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

from mineral_utils.__main__ import main
from mineral_utils.batch import BatchError, Order, find_photos, many, one, segment_many
from mineral_utils.batch.finding import places_of
from mineral_utils.batch.journal import Journal
from mineral_utils.export import FORMATS, read_coco, read_label_studio, read_png
from mineral_utils.export.tables import read_csv
from mineral_utils.profiles import load_preset
from tests.drawing import draw_grains

SMALL = Path(__file__).parent / "data" / "small.yaml"  # random weights, a fiftieth of the time
ORDER = Order(("pyrite", "galena", "quartz"), profile=str(SMALL), formats=("png",), um_per_px=2.0)
TABLES = ("photos.csv", "minerals.csv", "overall.csv", "failed.csv")


def write_photo(path: Path, seed: int = 0, size: tuple[int, int] = (32, 40)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(draw_grains(size=size, seed=seed)[0]).save(path)
    return path


@pytest.fixture
def photos(tmp_path) -> Path:
    """Three photos, two of one name, and a file that is none."""
    folder = tmp_path / "photos"
    write_photo(folder / "a.png", 0)
    write_photo(folder / "deep" / "a.png", 1)
    write_photo(folder / "b.png", 2)
    (folder / "bad.jpg").write_text("no picture at all")
    return folder


def segment(photos: object, out: Path, order: Order = ORDER, **how):
    return segment_many(photos, order, out, progress=False, **how)


def tables_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.glob("*.csv"))}


def labels_of(out: Path) -> dict[str, bytes]:
    return {
        path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*_indexed.png")
    }


def journal_of(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "journal.jsonl").read_text("utf-8").splitlines()]


# ---- finding ---------------------------------------------------------------------------------


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_photos_of_a_folder_are_found_once_and_in_order(tmp_path):
    folder = tmp_path / "ore"
    touch(folder, "b.JPG", "a.tiff", "deep/er/a.tiff", "notes.txt", "raw.cr2", "README")
    touch(folder, ".hidden.png", ".cache/c.png", "maps/a_map.png")
    found = find_photos([folder, folder / "b.JPG", folder], leave_out=folder / "maps")
    assert list(found.photos) == ["ore/a.tiff", "ore/b.JPG", "ore/deep/er/a.tiff"]
    assert found.photos["ore/b.JPG"] == folder / "b.JPG"
    assert found.left_alone == {".txt": 1, ".cr2": 1, "without suffix": 1}


def test_folders_of_one_name_are_told_apart(tmp_path):
    touch(tmp_path, "x/ore/a.png", "y/ore/a.png")
    found = find_photos([tmp_path / "x/ore", tmp_path / "y/ore/a.png"])
    assert list(found.photos) == ["ore/a.png", "ore_2/a.png"]


def test_links_to_a_photo_count_once(tmp_path):
    touch(tmp_path, "ore/a.png", "kept/b.png")
    (tmp_path / "ore" / "c.png").symlink_to(tmp_path / "ore" / "a.png")
    (tmp_path / "ore" / "d.png").symlink_to(tmp_path / "kept" / "b.png")
    assert list(find_photos(tmp_path / "ore").photos) == ["ore/a.png", "ore/d.png"]


def test_links_that_lead_nowhere_stop_nothing(tmp_path):
    touch(tmp_path, "ore/a.png")
    (tmp_path / "ore" / "loop.png").symlink_to("loop.png")
    (tmp_path / "ore" / "gone.png").symlink_to("nowhere.png")
    (tmp_path / "ore" / "round").symlink_to(".")
    found = find_photos(tmp_path / "ore")
    assert list(found.photos) == ["ore/a.png", "ore/gone.png", "ore/loop.png"]
    assert found.left_alone == {"link(s) to folders": 1}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read all")
def test_a_folder_that_must_not_be_entered_is_told(tmp_path):
    touch(tmp_path, "ore/a.png", "ore/closed/b.png", "ore/listed/c.png", "ore/listed/d.txt")
    (tmp_path / "ore" / "closed").chmod(0)
    (tmp_path / "ore" / "listed").chmod(0o444)
    found = find_photos(tmp_path / "ore")
    (tmp_path / "ore" / "closed").chmod(0o755)
    (tmp_path / "ore" / "listed").chmod(0o755)
    assert list(found.photos) == ["ore/a.png", "ore/listed/c.png"]
    assert found.closed == ["closed (Permission denied)"]
    assert found.left_alone == {".txt": 1}


def test_results_of_another_run_are_no_photos(tmp_path):
    touch(tmp_path, "ore/a.png", "ore/maps/ore/a_map.png", "ore/maps/contact_sheet.png")
    touch(tmp_path, "ore/maps/run.json", "ore/maps/journal.jsonl", "ore/day 2/run.json")
    touch(tmp_path, "ore/day 2/b.png")
    found = find_photos(tmp_path / "ore", leave_out=tmp_path / "ore" / "other maps")
    assert list(found.photos) == ["ore/a.png", "ore/day 2/b.png"]
    assert found.left_alone == {".json": 1, "folder(s) of results": 1}


def test_nothing_to_segment_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BatchError, match=r"no photo in empty \(it is empty\); photos end in"):
        find_photos(tmp_path / "empty")
    touch(tmp_path, "texts/a.txt", "texts/b.txt")
    with pytest.raises(BatchError, match=r"only 2 \.txt"):
        find_photos(tmp_path / "texts")
    with pytest.raises(BatchError, match="there is no .*nowhere"):
        find_photos([tmp_path / "texts", tmp_path / "nowhere"])


def test_names_that_cannot_be_are_no_crash(tmp_path):
    with pytest.raises(BatchError, match="there is no"):
        find_photos(tmp_path / ("n" * 300 + ".jpg"))
    (tmp_path / "folder.jpg").mkdir()
    assert list(find_photos(tmp_path / "folder.jpg").photos.values()) == [tmp_path / "folder.jpg"]


def test_no_two_photos_share_a_place():
    keys = ["ore/a.png", "ore/a.jpg", "ore/A.tif", "ore/a.b.png", "ore/.png", "ore/plain"]
    places = places_of(keys, {"ore/z.png": "ore/a_jpg"})
    assert places == {
        "ore/z.png": "ore/a_jpg",  # from before
        "ore/a.png": "ore/a",
        "ore/a.jpg": "ore/a_jpg_2",
        "ore/A.tif": "ore/A_tif",  # many disks do not tell A from a
        "ore/a.b.png": "ore/a.b",
        "ore/.png": "ore/.png",
        "ore/plain": "ore/plain",
    }


def test_outlines_in_um_are_not_those_of_the_next_photo():
    """``a_um.geojson`` is a's in µm, and would be a_um's in px."""
    keys = ["ore/a.png", "ore/a_um.png", "ore/b_um.png", "ore/b.png"]
    assert list(places_of(keys, {}).values()) == ["ore/a", "ore/a_um_png", "ore/b_um", "ore/b_png"]


# ---- a run -----------------------------------------------------------------------------------


def test_a_name_of_any_bytes_is_segmented_and_listed(tmp_path):
    folder = tmp_path / "ore"
    write_photo(folder / "two\nlines.png")
    os.rename(write_photo(folder / "b.png"), os.fsencode(folder) + b"/\xff.png")
    (folder / os.fsdecode(b"\xfe.png")).write_text("no picture")
    done = segment(folder, tmp_path / "maps", dataclasses.replace(ORDER, formats=tuple(FORMATS)))
    assert list(done.failed) == ["ore/\\xfe.png"]
    assert "text file" in done.failed["ore/\\xfe.png"]
    rows = read_csv(tmp_path / "maps" / "photos.csv")
    assert {row["photo"] for row in rows} == {"ore/\\xff.png", "ore/two\nlines.png"}
    assert (
        segment(folder, tmp_path / "maps", dataclasses.replace(ORDER, formats=tuple(FORMATS))).there
        == 2
    )


def test_a_folder_becomes_maps_and_tables(tmp_path, photos):
    out = tmp_path / "maps"
    done = segment(photos, out)
    assert (done.done, done.there, done.complete) == (3, 0, False)
    assert list(done.failed) == ["photos/bad.jpg"]
    assert done.failed["photos/bad.jpg"].startswith("this is a text file, not a photo")
    assert str(tmp_path) not in done.failed["photos/bad.jpg"]
    rows = read_csv(out / "photos.csv")
    assert [row["photo"] for row in rows] == ["photos/a.png", "photos/b.png", "photos/deep/a.png"]
    first = read_png(out / "photos" / "a_indexed.png")
    second = read_png(out / "photos" / "deep" / "a_indexed.png")
    assert first.file_name == "photos/a.png" and second.file_name == "photos/deep/a.png"
    for row, mapped in zip((rows[0], rows[2]), (first, second), strict=True):
        for label, name in enumerate(ORDER.names):
            assert float(row[name]) == pytest.approx((mapped.labels == label).mean(), rel=1e-5)
        assert float(row["area_mm2"]) == pytest.approx(32 * 40 * 4 / 1e6)
    overall = {row["mineral"]: row for row in read_csv(out / "overall.csv")}
    assert sum(float(row["share"]) for row in overall.values()) == pytest.approx(1, abs=1e-5)
    for name in ORDER.names:
        shares = [float(row[name]) for row in rows]
        assert float(overall[name]["mean_share"]) == pytest.approx(np.mean(shares), abs=1e-5)
        assert float(overall[name]["largest_share"]) == pytest.approx(max(shares))
        assert int(overall[name]["photos"]) == sum(share > 0 for share in shares)
    assert [row["photo"] for row in read_csv(out / "failed.csv")] == ["photos/bad.jpg"]
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.width > 3 * 200
    assert json.loads((out / "contact_sheet.json").read_text("utf-8"))["alt"]
    assert set(done.written) <= set(out.iterdir())


def test_a_second_start_does_only_what_is_left(tmp_path, photos, monkeypatch):
    out = tmp_path / "maps"
    segment(photos, out)
    before = tables_of(out)
    write_photo(photos / "bad.jpg", 5)
    worked = []
    plain = many.segment_one
    monkeypatch.setattr(many, "segment_one", lambda *a: worked.append(a[-1]) or plain(*a))
    done = segment(photos, out)
    assert worked == ["photos/bad.jpg"]
    assert (done.done, done.there, done.failed) == (1, 3, {})
    worked.clear()
    again = segment(photos, out)
    assert worked == [] and str(again) == "4 of 4 photos done (4 before)"
    after = tables_of(out)
    assert len(after["photos.csv"].splitlines()) == 5
    assert after["failed.csv"] == "\ufeffphoto,reason\n".encode()
    assert set(before["minerals.csv"].splitlines()) < set(after["minerals.csv"].splitlines())


def test_a_changed_photo_and_a_damaged_file_are_done_again(tmp_path, photos):
    out = tmp_path / "maps"
    segment(photos, out)
    write_photo(photos / "a.png", 9)  # another picture under the old name
    os.utime(photos / "b.png")  # touched, and the same
    damaged = out / "photos" / "deep" / "a_indexed.png"
    content = bytearray(damaged.read_bytes())
    content[-20] ^= 1  # same size
    damaged.write_bytes(content)
    done = segment(photos, out)
    assert (done.done, done.there) == (2, 1)
    assert {row["photo"] for row in journal_of(out)[4:]} == {
        "photos/a.png",
        "photos/deep/a.png",
        "photos/bad.jpg",
    }
    assert segment(photos, out).there == 3


def test_results_inside_the_folder_of_photos_are_no_photos(tmp_path, photos):
    out = photos / "maps"
    segment(photos, out)
    assert segment(photos, out).there == 3
    assert len(read_csv(out / "photos.csv")) == 3


def test_joined_files_hold_every_photo(tmp_path, photos):
    out = tmp_path / "maps"
    order = dataclasses.replace(ORDER, formats=("png", "csv", "coco", "label-studio"))
    segment(photos, out, order)
    for key in ("photos/a.png", "photos/deep/a.png"):
        labels = read_png(out / f"{key[:-4]}_indexed.png").labels
        assert (read_coco(out / "coco.json", key).labels == labels).all()
        assert (read_label_studio(out / "label_studio.json", key).labels == labels).all()
    regions = read_csv(out / "regions.csv")
    assert {row["photo"] for row in regions} == {
        "photos/a.png",
        "photos/b.png",
        "photos/deep/a.png",
    }
    pixels = sum(int(row["area_px"]) for row in regions)
    assert pixels == 3 * 32 * 40


def test_only_bad_photos_leave_a_list_and_no_tables(tmp_path):
    touch(tmp_path, "ore/a.png")
    out = tmp_path / "maps"
    done = segment(tmp_path / "ore", out)
    assert "empty" in done.failed["ore/a.png"]
    assert [path.name for path in done.written] == ["failed.csv"]
    assert not (out / "photos.csv").exists()


def test_a_fault_of_any_kind_stays_with_its_photo(tmp_path, photos, monkeypatch):
    plain = one.load_photo

    def odd(path, **options):
        if path.name == "b.png":
            raise MemoryError
        return plain(path, **options)

    monkeypatch.setattr(one, "load_photo", odd)
    done = segment(photos, tmp_path / "maps")
    assert done.failed["photos/b.png"] == "MemoryError: MemoryError"
    assert done.done == 2


def test_more_than_a_sheet_of_photos_makes_two(tmp_path, photos, monkeypatch):
    monkeypatch.setattr("mineral_utils.batch.sheet.A_SHEET", 2)
    done = segment(photos, tmp_path / "maps")
    assert [p.name for p in done.written[-2:]] == ["contact_sheet.png", "contact_sheet_2.png"]


# ---- the folder of results -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": ("pyrite", "galena")}, "minerals: pyrite, galena, quartz there, pyrite, galena"),
        ({"adapter": "miniature:ore"}, r"clip \(adapter\): none there, miniature:ore \w{12} now"),
        ({"preset": "w224"}, r"preset \(.*crop.*\): .*336.* there, .*224.* now"),
        ({"refine": True}, "refine: no there, yes now"),
        ({"formats": ("png", "csv")}, "formats: png there, png, csv now"),
        ({"um_per_px": None}, "um_per_px: 2.0 there, none now"),
    ],
)
def test_the_folder_of_another_run_is_refused(tmp_path, photos, change, said):
    out = tmp_path / "maps"
    with Journal(out, ORDER):
        pass
    before = sorted(out.rglob("*"))
    with pytest.raises(BatchError, match=f"maps belongs to another run .*{said}"):
        segment(photos, out, dataclasses.replace(ORDER, **change))
    assert sorted(out.rglob("*")) == before


def test_other_machines_and_threads_are_the_same_run(tmp_path):
    with Journal(tmp_path / "maps", ORDER):
        pass
    with Journal(tmp_path / "maps", dataclasses.replace(ORDER, device="cpu", threads=3)):
        pass


def test_a_folder_with_other_things_is_refused(tmp_path, photos):
    out = tmp_path / "home"
    out.mkdir()
    (out / "photos.csv").write_text("my own table")
    with pytest.raises(BatchError, match="home holds other things"):
        segment(photos, out)
    assert [path.name for path in out.iterdir()] == ["photos.csv"]


def test_one_program_at_a_time(tmp_path, photos):
    out = tmp_path / "maps"
    out.mkdir()
    with FileLock(out / ".lock"), pytest.raises(BatchError, match="another program"):
        segment(photos, out)


def test_a_folder_that_cannot_be_made_is_named(tmp_path, photos):
    (tmp_path / "file").write_text("")
    with pytest.raises(BatchError, match="maps cannot be written"):
        segment(photos, tmp_path / "file" / "maps")


def test_a_disk_that_fills_up_stops_the_run_and_keeps_what_is_done(tmp_path, photos, monkeypatch):
    out, flush, flushed = tmp_path / "maps", os.fsync, []

    def full(handle):
        flushed.append(handle)
        if len(flushed) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(handle)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(BatchError, match="No space left.*start again"):
            segment(photos, out)
    assert segment(photos, out).there >= 2


@pytest.mark.parametrize("torn", [b'{"photo": "photos/b.p', b"\xd0", b"{}"])
def test_a_torn_last_line_is_dropped(tmp_path, photos, torn):
    out = tmp_path / "maps"
    segment(photos, out)
    with open(out / "journal.jsonl", "ab") as file:
        file.write(torn)
    assert segment(photos, out).there == 3
    assert len(journal_of(out)) == 5  # four photos, and once more the bad one; every line is whole


def test_a_damaged_line_costs_its_photo_only(tmp_path, photos):
    out = tmp_path / "maps"
    segment(photos, out)
    lines = (out / "journal.jsonl").read_bytes().splitlines(keepends=True)
    index = next(k for k, line in enumerate(lines) if b"photos/b.png" in line)
    for spoilt in (b"\0" * 40 + b"\n", b'{"photo": "photos/b.png", "state": "done"}\n', b"[1]\n"):
        (out / "journal.jsonl").write_bytes(b"".join([*lines[:index], spoilt, *lines[index + 1 :]]))
        assert segment(photos, out).done == 1


def test_run_json_that_cannot_be_read_is_named(tmp_path, photos):
    out = tmp_path / "maps"
    with Journal(out, ORDER):
        pass
    (out / "run.json").write_text("{")
    with pytest.raises(BatchError, match=r"run\.json in maps cannot be read"):
        segment(photos, out)


# ---- killed at any instant -------------------------------------------------------------------


class Killed(BaseException):
    """What a test throws in place of a kill."""


class Reaper:
    """Ends the program at the n-th step that touches the disk; from then on nothing is tidied up,
    as nothing is after a kill."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, last: int):
        self.last, self.steps = last, 0
        for module, name in (
            (os, "replace"),
            (os, "fsync"),
            (shutil, "rmtree"),
            (Path, "unlink"),
            (Path, "mkdir"),
        ):
            monkeypatch.setattr(module, name, self._counted(getattr(module, name)))

    def _counted(self, plain):
        def counted(*arguments, **options):
            self.steps += 1
            if self.steps >= self.last:
                raise Killed
            return plain(*arguments, **options)

        return counted


def test_a_kill_at_any_step_costs_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "photos"
    write_photo(folder / "a.png", 0)
    write_photo(folder / "b.png", 1)
    whole = tmp_path / "whole"
    with monkeypatch.context() as patched:
        reaper = Reaper(patched, 10**9)
        segment(folder, whole)
    assert reaper.steps > 30
    for last in range(1, reaper.steps + 1):
        out = tmp_path / f"killed at {last}"
        with monkeypatch.context() as patched:
            Reaper(patched, last)
            with pytest.raises(Killed):
                segment(folder, out)
        done = segment(folder, out)
        assert done.complete and done.done + done.there == 2
        assert tables_of(out) == tables_of(whole), last
        assert labels_of(out) == labels_of(whole), last
        ours = {path.relative_to(whole) for path in whole.rglob("*")}
        assert {path.relative_to(out) for path in out.rglob("*")} == ours, "something was left"


# ---- executors -------------------------------------------------------------------------------


@pytest.fixture
def threads() -> Iterator[None]:
    """Executors set torch's threads; the next test shall have its own again."""
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


class KilledWorker(Exception):
    """Called as Dask calls it when a process died under a task."""


class MortalExecutor:
    """Runs tasks when they are submitted; its process dies under some photos, so many times."""

    def __init__(self, deaths: dict[str, int], places: int = 1):
        self.deaths, self._max_workers, self.worked = dict(deaths), places, []

    def submit(self, work, ticket, task) -> Future:
        future: Future = Future()
        key = task[-1]
        self.worked.append(key)
        if self.deaths.get(key, 0) > 0:
            self.deaths[key] -= 1
            future.set_exception(KilledWorker(key))
        else:
            future.set_result(work(ticket, task))
        return future


def test_threads_give_the_same_tables(tmp_path, photos, threads):
    segment(photos, tmp_path / "alone")
    with ThreadPoolExecutor(2) as executor:
        done = segment(photos, tmp_path / "spread", executor=executor)
    assert done.done == 3 and list(done.failed) == ["photos/bad.jpg"]
    assert tables_of(tmp_path / "spread") == tables_of(tmp_path / "alone")


def test_a_process_that_dies_costs_a_retry(tmp_path, photos, threads):
    executor = MortalExecutor({"photos/a.png": 2, "photos/deep/a.png": 1})
    done = segment(photos, tmp_path / "maps", executor=executor)
    assert done.done == 3 and list(done.failed) == ["photos/bad.jpg"]
    assert executor.worked.count("photos/a.png") == 3
    assert executor.worked.count("photos/deep/a.png") == 2
    assert executor.worked.count("photos/b.png") == 1


def test_a_photo_under_which_three_processes_died_is_given_up(tmp_path, photos, threads):
    executor = MortalExecutor({"photos/a.png": 99}, places=3)
    done = segment(photos, tmp_path / "maps", executor=executor)
    assert done.done == 2
    assert "died 3 times" in done.failed["photos/a.png"]
    assert executor.worked.count("photos/a.png") == 3
    assert executor.worked[-2:] == ["photos/a.png"] * 2, "it is tried again last, and alone"
    again = segment(photos, tmp_path / "maps", executor=MortalExecutor({}))
    assert (again.done, again.there) == (1, 2)


def test_executors_that_are_closed_or_lack_the_package_end_the_run(tmp_path, photos, threads):
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    with pytest.raises(BatchError, match="takes no more work .*start again"):
        segment(photos, tmp_path / "maps", executor=executor)

    class Bare(MortalExecutor):
        def submit(self, work, ticket, task) -> Future:
            future: Future = Future()
            future.set_exception(ModuleNotFoundError("No module named 'mineral_utils'"))
            return future

    with pytest.raises(BatchError, match="installed where they run"):
        segment(photos, tmp_path / "maps", executor=Bare({}))


def test_a_model_that_cannot_be_loaded_is_no_photo_s_fault(tmp_path, photos):
    order = Order(("pyrite",), formats=("png",), adapter=str(tmp_path / "nowhere.safetensors"))
    with pytest.raises(BatchError, match=r"model cannot be loaded: .*nowhere"):
        segment(photos, tmp_path / "maps", order)
    assert (tmp_path / "maps" / "journal.jsonl").read_text() == ""


# ---- orders ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"names": ("pirite",)}, "Pyrite"),
        ({"names": ()}, "no names"),
        ({"names": ("pyrite", "Unknown"), "open_vocabulary": True}, "leave it out"),
        ({"um_per_px": 0.0}, "um_per_px must be a positive number"),
        ({"max_pixels": 0}, "max_pixels must be a number"),
        ({"threads": 0}, "threads is 0"),
        ({"formats": ("shape",)}, "no format"),
        ({"profile": "nothing"}, "no profile"),
        ({"preset": "nothing"}, "no preset"),
    ],
)
def test_wrong_orders_are_refused_at_once(change, said):
    with pytest.raises(ValueError, match=said):
        dataclasses.replace(ORDER, **change)


def test_an_order_s_identity_is_what_is_asked(tmp_path):
    known = dataclasses.replace(ORDER, preset="w224").identity()
    assert known["preset"] == dataclasses.asdict(load_preset("w224"))
    assert Order(("pyrite",)).identity()["clip"]["weights"].startswith("miniature:clip ")
    adapter = tmp_path / "mine.safetensors"
    adapter.write_bytes(b"one")
    first = dataclasses.replace(ORDER, adapter=str(adapter)).identity()
    adapter.write_bytes(b"two")
    second = dataclasses.replace(ORDER, adapter=str(adapter)).identity()
    assert first["clip"]["adapter"].startswith("mine.safetensors ")  # no folder
    assert first != second, "the same name, another file"


# ---- the command -----------------------------------------------------------------------------


def command(*arguments: object) -> int:
    words = ["--minerals", "pyrite,galena,quartz", "--quiet", "--profile", str(SMALL)]
    return main(["segment", *words, *map(str, arguments)])


def test_the_command_takes_a_folder_and_lists_what_failed(tmp_path, photos, capsys):
    out = tmp_path / "maps"
    assert command(photos, "--out", out, "--format", "png", "--um-per-px", 2) == 1
    said = capsys.readouterr()
    assert "3 of 4 photos done" in said.out and "contact_sheet.png" in said.out
    assert "error: photos/bad.jpg: this is a text file" in said.err
    assert "1 of 4 photos failed" in said.err
    (photos / "bad.jpg").unlink()
    assert command(photos, photos / "a.png", "--out", out, "--format", "png", "--um-per-px", 2) == 0
    assert "3 of 3 photos done (3 before)" in capsys.readouterr().out


def test_of_files_with_several_pictures_the_frame_that_was_asked_for_is_taken(tmp_path, capsys):
    pictures = [Image.fromarray(draw_grains(size=(32, 40), seed=k)[0]) for k in (5, 6)]
    (tmp_path / "photos").mkdir()
    pictures[0].save(tmp_path / "photos" / "two.tif", save_all=True, append_images=pictures[1:])
    pictures[1].save(tmp_path / "photos" / "one.png")
    asked = ["--format", "png", "--um-per-px", 2]
    assert command(tmp_path / "photos", "--out", tmp_path / "none", *asked) == 1
    assert "the file holds 2 frames; choose one with frame=0" in capsys.readouterr().err
    out = tmp_path / "maps"
    assert command(tmp_path / "photos", "--out", out, "--frame", 1, *asked) == 0
    found = {Path(name).stem.split("_")[0]: data for name, data in labels_of(out).items()}
    assert found["two"] == found["one"], "the second picture"
    capsys.readouterr()
    assert command(tmp_path / "photos", "--out", out, "--frame", 0, *asked) == 2
    assert "frame: 1 there, 0 now" in capsys.readouterr().err
    single = tmp_path / "photos" / "two.tif"
    assert command(single, "--out", tmp_path / "alone", "--frame", 1, *asked) == 0
    assert (tmp_path / "alone" / "two_indexed.png").read_bytes() == found["one"]
    capsys.readouterr()
    assert command(single, "--out", tmp_path / "alone", "--frame", -1, *asked) == 2
    assert "frame is -1; give 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--refine"], "another run (refine: no there, yes now)"),
        (["--adapter", "miniature:ore"], "clip (adapter)"),
        (["--format", "map"], "formats: png there, map now"),
        (["--format", "png,shape"], "no format 'shape'"),
        (["--dask", "local:many"], "write local:2"),
    ],
)
def test_the_command_refuses_in_one_sentence(tmp_path, photos, capsys, words, said):
    out = tmp_path / "maps"
    with Journal(out, dataclasses.replace(ORDER, um_per_px=None)):
        pass
    assert command(photos, "--out", out, "--format", "png", *words) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1 and errors[0].startswith("error: ") and said in errors[0]


def test_an_empty_folder_is_wrong_use(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert command(tmp_path / "empty", "--out", tmp_path / "maps") == 2
    assert "there is no photo in empty" in capsys.readouterr().err
    assert not (tmp_path / "maps").exists()


def test_single_photos_keep_a_journal_when_asked(tmp_path, photos, capsys):
    out = tmp_path / "maps"
    words = ("--format", "png", "--profile", "demo", "--adapter", "miniature:ore")
    assert command(photos / "a.png", photos / "b.png", "--out", out, "--resume", *words) == 0
    assert command(photos / "a.png", photos / "b.png", "--out", out, "--resume", *words) == 0
    assert "2 of 2 photos done (2 before)" in capsys.readouterr().out
    plain = tmp_path / "plain"
    assert command(photos / "a.png", "--out", plain, *words) == 0
    assert {p.name for p in plain.iterdir()} == {"a_indexed.png", "a_indexed.json"}
    ours = read_png(out / "photos" / "a_indexed.png").labels
    assert (read_png(plain / "a_indexed.png").labels == ours).all()


def test_help_names_every_format(capsys):
    with pytest.raises(SystemExit):
        main(["segment", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert all(name in said.replace("- ", "-") for name in FORMATS)
