"""Single photos from their live pages, for which a named person or office gave permission.

Nothing here follows links: only the photos of the list are asked for, one page and one picture
each. Mindat's terms prohibit automatic downloaders, so without a permission in writing this is not
for you; save pages by hand and use `SavedPages`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from .selectors import SITE
from .source import Candidate, CollectError, Found, LeftOut, OtherKind
from .transport import Site

_PHOTO = re.compile(r"(?:https?://[^\s/]+)?/?(?:photo-)?(\d{1,12})(?:\.html?)?(?:[?#]\S*)?")


class LivePages:
    """Photos from the pages of a site.

    Parameters
    ----------
    ids : iterable of str or int
        Photo ids, or addresses of photo pages.
    permission : str
        Who gave it, when, where it is kept: "A. Example, e-mail of 2026-03-01, rights/a.eml". It
        is written into every row.
    site : Site
    wanted : callable, optional
        Given a photo type, says whether to take the photo; all by default.

    Raises
    ------
    CollectError
        If there is no permission, or an id is none.
    """

    def __init__(
        self,
        ids: Iterable[str | int],
        permission: str,
        site: Site,
        wanted: Callable[[str | None], bool] = lambda kind: True,
    ):
        self.ids = [photo_id(given) for given in ids]
        self.ids = list(dict.fromkeys(self.ids))
        self.permission = check_permission(permission)
        self.site, self.wanted = site, wanted

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Candidate]:
        for number in self.ids:
            yield Candidate(f"photo {number}", ("mindat", number), partial(self._fetch, number))

    def close(self) -> None:
        self.site.close()

    def _fetch(self, number: str) -> Found:
        url = f"{self.site.address}/photo-{number}.html"
        page = self.site.page(url)
        row = replace(page.row, photo_id=number, page_url=url, permission=self.permission)
        if not self.wanted(row.photo_type):
            raise OtherKind(f"its type is {row.photo_type}")
        if row.image_url is None:
            raise LeftOut("its page names no picture on the web")
        image = self.site.picture(row.image_url, referer=url)
        return Found(row, image)


def photo_id(given: str | int) -> str:
    """The number in an id or in the address of a photo page.

    Raises
    ------
    CollectError
        If it is neither; galleries and searches are refused.
    """
    words = str(given).strip()
    if found := _PHOTO.fullmatch(words):
        return found[1].lstrip("0") or "0"
    raise CollectError(
        f"{words[:80]!r} is no photo id; write numbers such as 7654321 or addresses of photo pages "
        f"({SITE}/photo-7654321.html). Galleries and searches are never read by program"
    )


def read_ids(path: str | Path) -> list[str]:
    """Photo ids from a text file, one a line; what follows a # is a remark.

    Raises
    ------
    CollectError
        If the file cannot be read, holds none, or a line is no id (its number is told).
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise CollectError(
            f"{path.name} cannot be read ({reason}); give a text file with a photo id a line"
        ) from error
    ids = []
    for number, line in enumerate(lines, 1):
        words = re.sub(r"(^|\s)#.*", "", line).strip()
        if words:
            try:
                ids.append(photo_id(words))
            except CollectError as error:
                raise CollectError(f"{path.name}, line {number}: {error}") from error
    if not ids:
        raise CollectError(f"{path.name} holds no photo id; write one a line, such as 7654321")
    return ids


def check_permission(words: str | None) -> str:
    """The words on a permission without outer blanks.

    Raises
    ------
    CollectError
        If they name nobody.
    """
    named = " ".join((words or "").split())
    if len(re.findall(r"[^\W\d_]", named)) < 5:
        raise CollectError(
            "collecting from live pages needs a permission; say who gave it, when, and where it is "
            'kept: --permission "A. Example, e-mail of 2026-03-01, kept in rights/example.eml"'
        )
    return named
