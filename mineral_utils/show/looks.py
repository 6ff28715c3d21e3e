"""Colour and hatch of minerals, and the ink that stands out from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from ..minerals import vocabulary


def looks_of(names: Sequence[str], colours: Any, hatches: Any) -> list[tuple[str, str]]:
    """Colour and hatch of each name."""
    # one step denser than named, or a small grain would hold no stroke of it
    dense = [hatch + "".join(dict.fromkeys(hatch)) for hatch in _chosen(names, hatches, "hatch")]
    return list(zip(_chosen(names, colours, "colour"), dense, strict=True))


def _chosen(names: Sequence[str], given: Any, attribute: str) -> list[str]:
    if given is None or isinstance(given, Mapping):
        queries = vocabulary().queries(list(names), open_vocabulary=True)
        own = dict(zip(names, (getattr(query, attribute) for query in queries), strict=True))
        return list({**own, **{k: v for k, v in (given or {}).items() if k in own}}.values())
    if len(given) != len(names):
        raise ValueError(
            f"There are {len(names)} names and {len(given)} values of {attribute}; "
            "give one for each name, or a dict with some of the names."
        )
    return list(given)


def ink_on(colour: Any) -> str:
    """Black or white, whichever stands out from a colour (a name or RGB 0 to 1)."""
    return "black" if np.dot(to_rgb(colour), (0.299, 0.587, 0.114)) > 0.45 else "white"
