"""Photos from pages that the user saved in a browser, pictures beside them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .page import Page, PageError, read_page
from .source import Candidate, CollectError, Found, LeftOut, OtherKind
from .transport import MAX_PICTURE_BYTES, what_is_wrong_with

PICTURES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".gif", ".bmp")


class SavedPages:
    """Photos from a folder of saved pages.

    A picture is looked for where its page says (``…_files/`` of a complete web page), then under
    the name that it has on the site, then under the name of the page or of the photo.

    Parameters
    ----------
    folder : path
        Searched with its subfolders for ``.html`` and ``.htm``.
    permission : str, optional
        Written into every row.
    wanted : callable, optional
        As for `LivePages`.

    Raises
    ------
    CollectError
        If the folder is none, or holds no page.
    """

    def __init__(
        self,
        folder: str | Path,
        permission: str | None = None,
        wanted: Callable[[str | None], bool] = lambda kind: True,
    ):
        self.folder, self.permission, self.wanted = Path(folder), permission, wanted
        if not self.folder.is_dir():
            raise CollectError(f"{self.folder} is no folder; name the one with the saved pages")
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        self.pages = [p for p in files if p.suffix.lower() in (".html", ".htm")]
        # frames and advertisements that a browser saved beside a page
        self.pages = [p for p in self.pages if not p.parent.name.endswith("_files")]
        if not self.pages:
            raise CollectError(
                f"{self.folder} holds no page (.html); save photo pages in a browser, complete"
            )
        self._by_name: dict[str, list[Path]] = {}
        for path in files:
            if path.suffix.lower() in PICTURES:
                self._by_name.setdefault(path.name.casefold(), []).append(path)

    def __len__(self) -> int:
        return len(self.pages)

    def __iter__(self) -> Iterator[Candidate]:
        for path in self.pages:
            label = path.relative_to(self.folder).as_posix()
            try:
                page = read_page(path)
            except PageError as error:
                yield Candidate(label, None, partial(_refuse, str(error)))
                continue
            if page.row.photo_id is None:
                reason = f"{path.name} does not tell its photo id; name it photo-NNNNNN.html"
                yield Candidate(label, None, partial(_refuse, reason))
                continue
            yield Candidate(label, page.row.key, partial(self._fetch, path, page))

    def close(self) -> None:
        """Nothing is held open."""

    def _fetch(self, path: Path, page: Page) -> Found:
        row = page.row
        if not self.wanted(row.photo_type):
            raise OtherKind(f"its type is {row.photo_type}")
        picture = self._picture(path, page)
        image = read_picture(picture)
        saved = datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")
        return Found(replace(row, permission=self.permission, retrieved_at=saved), image)

    def _picture(self, path: Path, page: Page) -> Path:
        """The picture's file; it lies inside the folder."""
        root = self.folder.resolve()
        names = []
        for said in page.pictures:
            plain = unquote(urlsplit(said).path)
            if not urlsplit(said).netloc and not plain.startswith("/"):
                beside = (path.parent / plain).resolve()
                if beside.is_relative_to(root) and beside.is_file():
                    return beside
            names.append(re.split(r"[/\\]", plain)[-1])
        stems = [path.stem, f"photo-{page.row.photo_id}", str(page.row.photo_id)]
        names += [stem + suffix for stem in stems for suffix in PICTURES]
        for name in names:
            found = self._by_name.get(name.casefold(), [])
            if len(found) == 1:
                return found[0]
            near = [
                p for p in found if p.parent in (path.parent, path.with_name(f"{path.stem}_files"))
            ]
            if near:
                return near[0]
        raise LeftOut(
            f"its picture is not in {self.folder.name}; save it beside the page as {path.stem}.jpg"
        )


def read_picture(path: Path) -> bytes:
    """A picture's bytes.

    Raises
    ------
    LeftOut
        If it cannot be read, is too large, or is no whole picture.
    """
    try:
        size = path.stat().st_size
        if size > MAX_PICTURE_BYTES:
            raise LeftOut(f"{path.name} has {size / 1e6:.0f} MB; scale the picture down")
        content = path.read_bytes()
    except OSError as error:
        raise LeftOut(f"{path.name} cannot be read ({error.strerror or error})") from error
    if reason := what_is_wrong_with(content):
        raise LeftOut(f"{path.name}: {reason.removeprefix('the picture: ')}")
    return content


def _refuse(reason: str) -> Found:
    raise LeftOut(reason)
