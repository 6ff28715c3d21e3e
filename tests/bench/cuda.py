"""Half precision on a GPU beside float32. The CPU bench calls it only where CUDA is present;
it has not been run to its end yet."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from mineral_utils.encoders import load_encoders
from mineral_utils.minerals import vocabulary
from mineral_utils.segmenter import PRECISIONS, Segmenter

from .case import FULL, SIZES, grains


def measure_cuda(photos: int = 8) -> dict:
    """Photos a second, peak memory, and the share of labels equal to float32's, per precision."""
    device = torch.device("cuda")
    model = Segmenter(load_encoders(FULL, device), FULL.preset, FULL.name)
    image, names = grains(SIZES["1024x768"]), list(vocabulary().paper_names)
    row: dict = {"device": torch.cuda.get_device_name(device)}
    expected = None
    for precision in PRECISIONS:
        half = replace(model, precision=precision)
        labels = half.encode(image, progress=False).segment(names).labels  # warm up
        expected = labels if expected is None else expected
        torch.cuda.reset_peak_memory_stats(device)
        torch.cuda.synchronize(device)
        start = time.perf_counter()
        for _ in range(photos):
            half.encode(image, progress=False)
        torch.cuda.synchronize(device)
        row[precision] = {
            "photos_per_s": photos / (time.perf_counter() - start),
            "peak_gb": torch.cuda.max_memory_allocated(device) / 1e9,
            "labels_equal": float((labels == expected).mean()),
        }
    return row
