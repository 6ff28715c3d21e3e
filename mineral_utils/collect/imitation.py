"""A web server on this machine that imitates photo pages, to learn collecting without a network.

Its photos are digital sections with their captions; people, places and numbers are invented. It
answers on 127.0.0.1 alone, with robots.txt, pages, pictures, and the troubles that it is told to
make::

    with ImitatedSite(12) as site:
        site.add_fault(site.ids[3], "429")
        pages = LivePages(site.ids, "A. Example, letter", Site(site.url, "pages.sqlite"))
        collect(pages, "my_ledger")
        site.paths()          # what was asked for, in order
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from PIL import Image

from ..photos.ledger import Row
from .drawn import DrawnSections
from .imitated_page import CHALLENGE, gallery_page, photo_page
from .source import CollectError, Found

FIRST_ID = 990_000_001  # far above any number that the real site has given
FAULTS = ("drop", "429", "truncated", "slow", "challenge")
FORBIDDEN = ("/gallery.php", "/newgalleryp.php", "/gbif_thumbs/", "/gm/")
RIGHTS = (  # of invented people, one for each specimen in turn
    "© A. Example",
    "© 2019 B. Sample. All rights reserved.",
    "© C. Specimen. Creative Commons Attribution 4.0 (CC BY 4.0)",
)


@dataclass(frozen=True)
class Asked:
    """One request: when it came (monotonic seconds), for which path, and what came of it."""

    time: float
    path: str
    outcome: str


class ImitatedSite:
    """Photos with a page and a picture each, served on 127.0.0.1 at a free port.

    A context manager; or call `start` and `close`. Pictures are refused without the page that
    they belong to as ``Referer``, as on the real site.

    Parameters
    ----------
    photos : int or iterable of Found
        So many digital sections, or photos of your own; they get new numbers, people and places.
    crawl_delay_s : float
        Seconds between requests that robots.txt asks for; 0 asks for none.

    Attributes
    ----------
    ids : list of int
    rows : dict of int to Row
        What each page says; see `change`.
    forbidden : list of str
        Beginnings of paths that robots.txt forbids.
    log : list of Asked
    retry_after_s, slow_s : float
        What a "429" asks for; how long a "slow" answer takes.

    Raises
    ------
    CollectError
        If there is no photo, or the delay is negative.
    """

    def __init__(self, photos: int | Iterable[Found] = 12, *, crawl_delay_s: float = 0.0):
        if isinstance(photos, int):
            photos = (candidate.fetch() for candidate in DrawnSections(photos))
        if crawl_delay_s < 0:
            raise CollectError(f"crawl_delay_s is {crawl_delay_s}; give seconds, 0 or more")
        self.crawl_delay_s, self.retry_after_s, self.slow_s = crawl_delay_s, 1.0, 3.0
        self.forbidden, self.log = list(FORBIDDEN), []
        self._faults: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        given = dict(enumerate(photos, FIRST_ID))
        if not given:
            raise CollectError("a site without photos has nothing to collect; give at least one")
        self._pictures = {number: _jpeg(found.image) for number, found in given.items()}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.rows = {}
        for number, found in given.items():
            self.rows[number] = self._as_uploaded(number, found.row)
        self._paths = {self.page_path(n): (n, "page") for n in given}
        self._paths |= {self.picture_path(n): (n, "picture") for n in given}

    def __enter__(self) -> ImitatedSite:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> ImitatedSite:
        """Begin to answer."""
        self._thread.start()
        return self

    def close(self) -> None:
        """Answer no more."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.server_close()

    # ---- what there is -------------------------------------------------------------------------
    @property
    def url(self) -> str:
        """The site's address, such as ``http://127.0.0.1:40123``."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def ids(self) -> list[int]:
        """Numbers of the photos."""
        return list(self.rows)

    @property
    def robots(self) -> str:
        """The text of robots.txt."""
        delay = [f"Crawl-delay: {self.crawl_delay_s:g}"] if self.crawl_delay_s else []
        lines = ["User-agent: *", *delay, *(f"Disallow: {path}" for path in self.forbidden)]
        return "\n".join(lines) + "\n"

    def page_path(self, number: int) -> str:
        """``/photo-NNN.html``"""
        return f"/photo-{number}.html"

    def picture_path(self, number: int) -> str:
        """``/imagecache/HH/HH/DDD.jpg``"""
        digest = self.sha256(number)
        return f"/imagecache/{digest[:2]}/{digest[2:4]}/{number:023d}.jpg"

    def page(self, number: int) -> str:
        """The photo's page, HTML."""
        return photo_page(self.rows[number], self.picture_path(number), self._fields_of(number))

    def picture(self, number: int) -> bytes:
        """The picture's file, JPEG."""
        return self._pictures[number]

    def sha256(self, number: int) -> str:
        """Of the picture's file, hexadecimal."""
        return hashlib.sha256(self._pictures[number]).hexdigest()

    def save(self, number: int, folder: str | Path) -> Path:
        """Save a page as a browser does ("web page, complete"); gives the page's file."""
        name = f"photo-{number}"
        beside = Path(folder) / f"{name}_files"
        beside.mkdir(parents=True, exist_ok=True)
        picture = self.picture_path(number).rsplit("/", 1)[1]
        (beside / picture).write_bytes(self._pictures[number])
        src = f'src="{self.picture_path(number)}"'
        page = self.page(number).replace(src, f'src="./{beside.name}/{picture}"')
        path = Path(folder) / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        return path

    # ---- what it is told -----------------------------------------------------------------------
    def change(self, number: int, **fields) -> None:
        """Let a photo's page say something else: fields of the ledger's `Row`."""
        self.rows[number] = replace(self.rows[number], **fields)

    def add_fault(self, number: int, fault: str, where: str = "page", times: int = 1) -> None:
        """Make trouble at the next requests for a photo; after that, answers are good.

        Parameters
        ----------
        number : int
        fault : {"drop", "429", "truncated", "slow", "challenge"}
            The connection breaks off; too many requests, with Retry-After; half of the file; ten
            pieces within `slow_s` seconds; a check for robots instead.
        where : {"page", "picture"}
        times : int
            For so many requests, 1 and up.

        Raises
        ------
        CollectError
            If a value is unknown.
        """
        if number not in self.rows or where not in ("page", "picture") or times < 1:
            raise CollectError(
                f"there is no {where!r} of photo {number}, {times} times; give one of the site's "
                "ids, where='page' or 'picture', and times of 1 or more"
            )
        if fault not in FAULTS:
            raise CollectError(f"{fault!r} is no fault of this site; it has {', '.join(FAULTS)}")
        path = self.page_path(number) if where == "page" else self.picture_path(number)
        self._faults.setdefault(path, []).extend([fault] * times)

    # ---- what was asked ------------------------------------------------------------------------
    def paths(self) -> list[str]:
        """Paths that were asked for, in order."""
        return [asked.path for asked in self.log]

    def forbidden_asked(self) -> list[str]:
        """Paths that were asked for although robots.txt forbids them."""
        return [path for path in self.paths() if path.startswith(tuple(self.forbidden))]

    def closest_s(self) -> float:
        """Seconds between the beginnings of the two requests that came closest."""
        times = sorted(asked.time for asked in self.log)
        return min((b - a for a, b in zip(times, times[1:], strict=False)), default=float("inf"))

    # ---- inside --------------------------------------------------------------------------------
    def _as_uploaded(self, number: int, row: Row) -> Row:
        """The row as the site would have it, with the site's numbers and invented people."""
        place = number - FIRST_ID
        digits = "".join(filter(str.isdigit, row.specimen or "")) or str(place)
        rights = RIGHTS[int(digits) % len(RIGHTS)]
        return replace(
            row,
            source="mindat",
            photo_id=str(number),
            page_url=self.url + self.page_path(number),
            image_url=self.url + self.picture_path(number),
            specimen=f"DIG-{int(digits) % 1000:03d}",
            locality=f"{row.locality or 'Example Mine'}, Example District, Exampleland",
            photographer=None,
            licence=rights,
            may_redistribute=False,
        )

    def _fields_of(self, number: int) -> list[str]:
        """Numbers of other photos of the same field."""
        group = self.rows[number].field_group
        alike = [row.photo_id for n, row in self.rows.items() if n != number]
        return [
            photo_id
            for photo_id in alike
            if group is not None and self.rows[int(str(photo_id))].field_group == group
        ]

    def _answer(self, path: str, referer: str, arrived: float) -> tuple[int, bytes, str, str]:
        """Status, body and its type for a request, and the trouble to make."""
        plain = path.partition("?")[0]
        with self._lock:
            waiting = self._faults.get(plain, [])
            fault = waiting.pop(0) if waiting else ""
            status, body, kind = 404, b"<html><h1>Not Found</h1></html>", "text/html"
            number, what = self._paths.get(plain, (None, None))
            if plain == "/robots.txt":
                status, body, kind = 200, self.robots.encode(), "text/plain"
            elif what == "page":
                status, body, kind = 200, self.page(number).encode(), "text/html; charset=utf-8"
            elif what == "picture" and not referer.endswith(self.page_path(number)):
                status, body = 403, b"<html><h1>Forbidden</h1></html>"
            elif what == "picture":
                status, body, kind = 200, self._pictures[number], "image/jpeg"
            elif plain.startswith("/gm/"):
                status, body = 200, gallery_page(self.rows.values()).encode()
            if fault == "429":
                status, body, kind = 429, b"later", "text/plain"
            elif fault == "challenge":
                status, body, kind = 503, CHALLENGE.encode(), "text/html"
            elif fault == "truncated":
                body = body[: len(body) // 2]
            self.log.append(Asked(arrived, path, fault or str(status)))
        return status, body, kind, fault


def _jpeg(image: bytes) -> bytes:
    file = io.BytesIO()
    Image.open(io.BytesIO(image)).convert("RGB").save(file, format="JPEG", quality=90)
    return file.getvalue()


def _handler(site: ImitatedSite) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # whoever asked has gone
                super().handle()

        def parse_request(self) -> bool:
            self.arrived = time.monotonic()
            return super().parse_request()

        def do_GET(self) -> None:
            referer = self.headers.get("Referer", "")
            status, body, kind, fault = site._answer(self.path, referer, self.arrived)
            if fault == "drop":
                self.connection.close()
                return
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            if fault == "429":
                self.send_header("Retry-After", f"{site.retry_after_s:.0f}")
            self.end_headers()
            pieces = 10 if fault == "slow" else 1
            size = len(body) // pieces + 1
            for at in range(0, len(body), size):
                time.sleep(site.slow_s / pieces if fault == "slow" else 0)
                self.wfile.write(body[at : at + size])

        def log_message(self, *_: object) -> None:
            """Quiet: a lesson is no place for an access log."""

    return Handler
