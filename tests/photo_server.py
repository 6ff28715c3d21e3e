"""A web server on this machine that imitates photo pages, well or badly, as a test tells it to.

::

    with PhotoServer(count=3) as server:
        server.faults["/photo-7654321.html"] = ["drop", "429", "challenge"]
        ...                           # one fault a request of that path; then it answers well
        assert server.paths()[0] == "/robots.txt"

Run as a program it serves until it is ended: ``python -m tests.photo_server 20``.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from PIL import Image

from .mindat_pages import CHALLENGES, PhotoFacts, page

FIRST_ID = 7654321
ROBOTS = """\
User-agent: *
Disallow: /gallery.php
Disallow: /newgalleryp.php
Disallow: /gm/
Disallow: /*/secret
"""
FORBIDDEN = ("/gallery.php", "/newgalleryp.php", "/gm/", "/x/secret")
FAULTS = (  # what a patient collector gets over
    *("drop", "cut", "429", "503", "500", "slow", "truncated", "wrong type", "html", "redirect"),
    *("reset", "cut without length", "408"),
)
FINAL = ("challenge", "challenge 503", "403")  # what it must stop at


@dataclass(frozen=True)
class Asked:
    """One request: when it came (monotonic seconds), for what, and how it was answered."""

    time: float
    path: str
    fault: str
    agent: str
    referer: str


def picture(number: int, size: tuple[int, int] = (48, 64)) -> bytes:
    """A JPEG of noise, another one for every number."""
    rng = np.random.default_rng(number)
    file = io.BytesIO()
    noise = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, format="JPEG", quality=90)
    return file.getvalue()


class PhotoServer:
    """Photos numbered from `FIRST_ID`, each with a page and a picture.

    Attributes
    ----------
    facts : dict of int to PhotoFacts
    faults : dict of str to list of str
        Path -> what goes wrong, one a request; see `FAULTS` and `FINAL`.
    log : list of Asked
    robots : str
    moved : dict of str to str
        Path -> where a "redirect" leads; by default to the same path with ``?again``.
    slow_s : float
        How long a slow answer takes.
    """

    def __init__(self, count: int = 4, robots: str = ROBOTS):
        self.faults: dict[str, list[str]] = {}
        self.log: list[Asked] = []
        self.robots, self.slow_s, self.retry_after_s = robots, 0.2, 0.0
        self.moved: dict[str, str] = {}
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self.facts = {}
        for number in range(FIRST_ID, FIRST_ID + count):
            said = f"Field no. {number}: galena with pyrite. FOV 0.{number % 9 + 1} mm"
            self.facts[number] = PhotoFacts(photo_id=number, site=self.url, caption=said)
        self.pictures = {f.picture_path: picture(n) for n, f in self.facts.items()}

    def __enter__(self) -> PhotoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def ids(self) -> list[int]:
        return list(self.facts)

    def page_path(self, number: int) -> str:
        return f"/photo-{number}.html"

    def sha256(self, number: int) -> str:
        """Of a photo's picture."""
        return hashlib.sha256(self.pictures[self.facts[number].picture_path]).hexdigest()

    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.path for asked in self.log]

    def closest_s(self) -> float:
        """Seconds between the two requests that came closest."""
        times = [asked.time for asked in self.log]
        return min((b - a for a, b in zip(times, times[1:], strict=False)), default=float("inf"))

    def change(self, number: int, **changes) -> None:
        """Let a photo's page say something else."""
        self.facts[number] = replace(self.facts[number], **changes)

    def answer(self, path: str, headers, arrived: float) -> tuple[str, bytes | None, str]:
        """The fault for this request, the body that belongs to the path, and its type."""
        plain = path.partition("?")[0]
        with self._lock:
            waiting = self.faults.get(path) or self.faults.get(plain) or []
            fault = waiting.pop(0) if waiting else ""
            agent, referer = headers.get("User-Agent", ""), headers.get("Referer", "")
            self.log.append(Asked(arrived, path, fault, agent, referer))
        if plain == "/robots.txt":
            return fault, self.robots.encode(), "text/plain"
        if plain in self.pictures:
            return fault, self.pictures[plain], "image/jpeg"
        for number, facts in self.facts.items():
            if plain == self.page_path(number):
                return fault, page(facts).encode(), "text/html; charset=utf-8"
        return fault, None, ""


def _handler(server: PhotoServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the collector was killed
                super().handle()

        def parse_request(self) -> bool:
            self.arrived = time.monotonic()
            return super().parse_request()

        def do_GET(self) -> None:
            fault, body, kind = server.answer(self.path, self.headers, self.arrived)
            if fault in ("drop", "reset"):
                if fault == "reset":  # the hard way: RST instead of FIN
                    linger = struct.pack("ii", 1, 0)
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                return
            if fault in ("403", "challenge", "challenge 503"):
                content = CHALLENGES["challenge"] if fault != "403" else "<h1>Forbidden</h1>"
                status = {"403": 403, "challenge": 200}.get(fault, 503)
                return self._send(status, content.encode(), "text/html")
            if fault in ("429", "503", "500", "408"):
                wait = {"Retry-After": f"{server.retry_after_s:.0f}"} if fault == "429" else {}
                return self._send(int(fault), b"later", "text/plain", **wait)
            if fault == "redirect":
                target = server.moved.get(self.path, f"{self.path}?again")
                return self._send(302, b"", "text/plain", Location=target)
            if body is None:
                return self._send(404, b"<h1>Not Found</h1>", "text/html")
            half = body[: len(body) // 2]
            if fault == "truncated":
                return self._send(200, half if kind.startswith("image") else body, kind)
            if fault == "html":
                return (
                    self._send(200, b"<html><body>Sorry.</body></html>", kind)
                    if kind.startswith("image")
                    else self._send(500, b"", kind)
                )
            if fault == "wrong type":
                return self._send(200, body, "application/octet-stream")
            if fault == "cut":
                return self._send(200, half, kind, **{"Content-Length": str(len(body))})
            if fault == "cut without length":
                return self._send(200, half, kind, **{"Content-Length": ""})
            return self._send(200, body, kind, slow=fault == "slow")

        def _send(
            self, status: int, body: bytes, kind: str, slow: bool = False, **headers: str
        ) -> None:
            self.send_response(status)
            headers = {"Content-Type": kind, "Content-Length": str(len(body))} | headers
            for name, value in headers.items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            pieces = 10 if slow else 1
            size = len(body) // pieces + 1
            for at in range(0, len(body), size):
                self.wfile.write(body[at : at + size])
                self.wfile.flush()
                time.sleep(server.slow_s / pieces if slow else 0)

        def log_message(self, *_: object) -> None:
            """Quiet: the test output is no place for an access log."""

    return Handler


if __name__ == "__main__":
    with PhotoServer(int(sys.argv[1]) if len(sys.argv) > 1 else 10) as running:
        print(running.url, *running.ids, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
