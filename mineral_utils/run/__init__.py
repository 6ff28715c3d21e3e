"""What a number was made with (seed, device, versions, inputs) and the metrics of a run.

A run is a folder ``runs/<profile>/<notebook>/`` with ``run.json`` (what made it), ``metrics.jsonl``
(one row a number) and ``metrics.json`` (the headlines)::

    from mineral_utils.run import Run, set_seed
    set_seed(0)
    run = Run("demo", "07_evaluate")
    run.log("iou", 0.81, set="digital", mineral="pyrite", n=40)
    run.headline("digital_miou_after", 0.74)
    run.save(settings={"preset": "w224"}, inputs=["section.png"])
"""

from __future__ import annotations

from .device import give_back_memory, pick_device, set_seed
from .files import file_sha256, replacing, write_json
from .ground import cache_dir, environment, offline, report
from .journal import METRIC_COLUMNS, Run, record

__all__ = [
    "METRIC_COLUMNS",
    "Run",
    "cache_dir",
    "environment",
    "file_sha256",
    "give_back_memory",
    "offline",
    "pick_device",
    "record",
    "replacing",
    "report",
    "set_seed",
    "write_json",
]
