"""Many photos: whole folders, overnight, on one machine or on a cluster, resumed after any kill.

::

    order = Order(["pyrite", "galena"], formats=("map", "csv"))
    done = segment_many("photos", order, "maps")                    # again, to go on after a kill
    with open_cluster("local:4") as cluster:                        # or the address of a scheduler
        done = segment_many("photos", order, "maps", executor=cluster.client)

The folder of results holds the files of each photo, ``journal.jsonl`` (one line a photo that is
done), ``run.json`` (what was asked), tables over all photos and contact sheets. The command is
``python -m mineral_utils segment FOLDER --minerals … --out DIR``.
"""

from __future__ import annotations

from .cluster import Cluster, open_cluster
from .finding import Found, find_photos
from .many import Summary, segment_many
from .one import segment_one
from .order import BatchError, Order

__all__ = [
    "BatchError",
    "Cluster",
    "Found",
    "Order",
    "Summary",
    "find_photos",
    "open_cluster",
    "segment_many",
    "segment_one",
]
