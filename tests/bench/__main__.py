"""``python -m tests.bench [--readme] [CASE…]``: times, floors and memory of full-size models.

Random weights, preset ``script336``. Every case runs in a process of its own; the table is printed
and written to ``runs/bench/bench.json``, one object a case, as soon as the case is measured;
``--readme`` only puts what stands there into README.md. Nothing else should run meanwhile.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from tqdm.auto import tqdm

from mineral_utils.run import record, write_json

from .case import SIZES

OUT = Path("runs/bench/bench.json")
COLUMNS = (
    ("total_s", "total s", "{:.1f}"),
    ("floor_s", "floor s", "{:.1f}"),
    ("times_floor", "x floor", "{:.2f}"),
    ("gflops_rate", "GFLOP/s", "{:.0f}"),
    ("rate_spread", "spread", "{:.0%}"),
    ("ask_again_s", "ask again s", "{:.3f}"),
    ("requery_over_encode", "/ encode", "{:.5f}"),
    ("new_name_s", "new name s", "{:.2f}"),
    ("refine_s_per_prompt", "refine s/prompt", "{:.3f}"),
    ("estimated_total_s", "estimate s", "{:.0f}"),
    ("peak_gb", "peak GB", "{:.2f}"),
)


def cases() -> list[str]:
    """The sizes, and two real photos where ``LUMENSTONE_DIR`` is set."""
    folder = os.environ.get("LUMENSTONE_DIR")
    photos = []
    if folder:
        for subset in ("S1_v1", "S2_v1"):
            found = sorted(Path(folder).glob(f"{subset}/imgs/train/*.jpg"))
            photos += [path.relative_to(folder).as_posix() for path in found[:1]]
    return [*SIZES, *photos]


def table(rows: dict[str, dict]) -> str:
    """The rows as text, an em dash where a case has no such number."""
    width = max(map(len, [*rows, "case"]))
    lines = ["case".ljust(width) + "".join(title.rjust(17) for _, title, _ in COLUMNS)]
    for name, row in rows.items():
        cells = (form.format(row[key]) if key in row else "—" for key, _, form in COLUMNS)
        lines.append(name.ljust(width) + "".join(cell.rjust(17) for cell in cells))
    return "\n".join(lines)


def estimate(rows: dict[str, dict]) -> None:
    """Seconds for the megapixel cases from the windows a second of the 1024 x 768 case."""
    sample = rows.get("1024x768")
    for row in rows.values():
        if "thin_encode_s" in row and sample:
            per_window = sample["stages"]["windows_s"] / sample["windows"]
            row["estimated_total_s"] = row["windows"] * per_window + sample["stages"]["sam_s"]


README_COLUMNS = (
    ("total_s", "encode + segment, s", "{:.1f}"),
    ("floor_s", "floor, s", "{:.1f}"),
    ("times_floor", "ratio", "{:.2f}"),
    ("requery_over_encode", "ask again / encode", "{:.4f}"),
    ("new_name_s", "new name, s", "{:.2f}"),
    ("refine_s_per_prompt", "refine, s a prompt", "{:.3f}"),
    ("estimated_total_s", "estimate, s", "{:.0f}"),
    ("peak_gb", "peak, GB", "{:.2f}"),
)


def write_readme(path: Path = Path("README.md")) -> None:
    """Put the numbers of the last bench between the marks in the README."""
    found = json.loads(OUT.read_text(encoding="utf-8"))
    machine = found.pop("record")
    rows = {name: row for name, row in found.items() if name != "cuda"}
    rate = sorted(row["gflops_rate"] for row in rows.values() if "gflops_rate" in row)
    head = ["photo", *(title for _, title, _ in README_COLUMNS)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for name, row in rows.items():
        cells = (form.format(row[key]) if key in row else "—" for key, _, form in README_COLUMNS)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += [
        "",
        f"`make bench` on {machine['cpu']}, {machine['cores']} cores, float32; matrix products run "
        f"at {rate[0]:.0f} to {rate[-1]:.0f} GFLOP/s there.",
    ]
    before, rest = path.read_text(encoding="utf-8").split("<!-- bench:begin -->")
    after = rest.split("<!-- bench:end -->")[1]
    text = "\n".join([before + "<!-- bench:begin -->", *lines, "<!-- bench:end -->"]) + after
    path.write_text(text, encoding="utf-8")


def keep(rows: dict[str, dict], name: str, row: dict) -> None:
    """Add one case to the rows and to the file: a bench cut short leaves what it has measured."""
    rows[name] = row
    estimate(rows)
    write_json(OUT, {**rows, "record": record(settings={"preset": "script336"})})


def main(wanted: list[str]) -> int:
    if wanted == ["--readme"]:
        write_readme()
        return 0
    rows = json.loads(OUT.read_text(encoding="utf-8")) if wanted and OUT.exists() else {}
    rows.pop("record", None)
    for name in tqdm(wanted or cases(), desc="bench"):
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.case", name], capture_output=True, text=True
        )
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            return done.returncode
        keep(rows, name, json.loads(done.stdout.strip().splitlines()[-1]))
    if torch.cuda.is_available():
        from .cuda import measure_cuda

        keep(rows, "cuda", measure_cuda())
    else:
        print("cuda: skipped, no CUDA device here")
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
