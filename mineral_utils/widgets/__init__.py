"""Thin views over plain state (`mineral_utils.editing`), for notebooks and Voilà pages.

- `Workbench`: the page of lesson 09;
- `ClickablePicture`: JPEG bytes in, clicks and keys out;
- `is_page`, `visitor`: whether Voilà shows the notebook, and to whom.
"""

from __future__ import annotations

from .picture import ClickablePicture
from .workbench import Workbench, is_page, visitor

__all__ = ["ClickablePicture", "Workbench", "is_page", "visitor"]
