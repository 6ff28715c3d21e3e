"""A web server on this machine that serves weights, well or badly, as a test tells it to.

::

    with WeightServer() as server:
        server.files["vit.pth"] = data
        server.answers["vit.pth"] = [Answer(cut_after=1000), Answer(status=503), Answer()]
        ...                                   # one answer a request; the last one stays
        assert server.ranges("vit.pth") == [None, "bytes=1000-", "bytes=1000-"]
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_BLOCK = 2**14


@dataclass(frozen=True)
class Answer:
    """How one request is answered; by default as a good server does."""

    status: int | None = None  # an error, with an empty body
    retry_after: str | None = None
    cut_after: int | None = None  # bytes of the body, then the connection is closed
    delay_s: float = 0.0  # before the headers
    block_delay_s: float = 0.0  # after every 16 KiB
    corrupt_at: int | None = None  # position in the file of a byte that is flipped
    ignore_range: bool = False
    ignore_if_range: bool = False
    etag: str | None = '"v1"'
    content_length: int | None = None  # a lie
    data: bytes | None = None  # another body than the file's


class WeightServer:
    """Serves ``files`` under ``url`` and notes what was asked in ``requests``."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, str | None, int]] = []  # file, Range, status
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> WeightServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def ranges(self, file: str) -> list[str | None]:
        """The Range header of every request for a file, in order."""
        return [span for name, span, _ in self.requests if name == file]

    def statuses(self, file: str) -> list[int]:
        return [status for name, _, status in self.requests if name == file]

    def next_answer(self, file: str) -> Answer:
        with self._lock:
            answers = self.answers.get(file) or [Answer()]
            return answers.pop(0) if len(answers) > 1 else answers[0]

    def note(self, file: str, span: str | None, status: int) -> None:
        with self._lock:
            self.requests.append((file, span, status))


def _handler(server: WeightServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def handle(self) -> None:
            # in some tests the client goes away in the middle
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                super().handle()

        def do_GET(self) -> None:
            file = self.path.lstrip("/")
            answer = server.next_answer(file)
            span = self.headers.get("Range")
            data = server.files.get(file) if answer.data is None else answer.data
            time.sleep(answer.delay_s)
            if data is None or answer.status is not None:
                return self._error(file, span, answer)
            start = 0
            if span and not answer.ignore_range and self._same_version(answer):
                start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data) > 0:
                server.note(file, span, 416)
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                return self.end_headers()
            body = bytearray(data[start:])
            if answer.corrupt_at is not None and 0 <= answer.corrupt_at - start < len(body):
                body[answer.corrupt_at - start] ^= 0xFF
            server.note(file, span, 206 if start else 200)
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            if answer.etag:
                self.send_header("ETag", answer.etag)
            length = len(body) if answer.content_length is None else answer.content_length
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self._send(body[: answer.cut_after], answer)

        def _same_version(self, answer: Answer) -> bool:
            asked = self.headers.get("If-Range")
            return asked is None or answer.ignore_if_range or asked == answer.etag

        def _error(self, file: str, span: str | None, answer: Answer) -> None:
            status = answer.status or 404
            server.note(file, span, status)
            self.send_response(status)
            if answer.retry_after is not None:
                self.send_header("Retry-After", answer.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _send(self, body: bytes, answer: Answer) -> None:
            for at in range(0, len(body), _BLOCK):
                self.wfile.write(body[at : at + _BLOCK])
                time.sleep(answer.block_delay_s)

        def log_message(self, *_: object) -> None:
            """Quiet: the test output is no place for an access log."""

    return Handler
