"""The paper's dataset: photos with captions in one form, split so that nothing leaks.

From a ledger to a folder that trains::

    from mineral_utils.dataset import export_dataset, make_dataset
    from mineral_utils.photos.ledger import read_ledger
    rows = read_ledger("my_ledger")
    dataset = make_dataset(rows, "my_ledger", minerals=20)
    export_dataset(dataset, "my_ledger", "my_dataset")      # with its card, README.md

and from there ``datasets.load_dataset("imagefolder", data_dir="my_dataset")`` or
``mineral_utils.dataset.torch_photos.PhotoTexts("my_dataset", "train")``.
"""

from __future__ import annotations

from .card import card_text
from .duplicates import NEAR_BITS, Hashes, hash_pictures, near_pairs, perceptual_hash
from .export import (
    DatasetError,
    export_dataset,
    on_earlier_sides,
    read_dataset,
    remember_sides,
)
from .facts import facts
from .labels import (
    Frequency,
    choose,
    co_occurrence,
    frequencies,
    label_matrix,
    labels_of,
    with_minerals,
)
from .making import Dataset, make_dataset
from .pictures import reduced_picture
from .split import SHARES, Groups, group_photos, leaks, share_table, stratify
from .wording import CONTEXT, Wording, count_tokens, paper_caption

__all__ = [
    "CONTEXT",
    "NEAR_BITS",
    "SHARES",
    "Dataset",
    "DatasetError",
    "Frequency",
    "Groups",
    "Hashes",
    "Wording",
    "card_text",
    "choose",
    "co_occurrence",
    "count_tokens",
    "export_dataset",
    "facts",
    "frequencies",
    "group_photos",
    "hash_pictures",
    "label_matrix",
    "labels_of",
    "leaks",
    "make_dataset",
    "near_pairs",
    "on_earlier_sides",
    "paper_caption",
    "perceptual_hash",
    "read_dataset",
    "reduced_picture",
    "remember_sides",
    "share_table",
    "stratify",
    "with_minerals",
]
