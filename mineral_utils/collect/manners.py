"""Good manners towards a web server: one request at a time, well apart, nothing that it forbids.

Everything here sits where requests leave the machine, below redirects, retries and the cache, so
nothing can pass it by. When a host was last asked is kept in a file of the user, so that the
spacing also holds between one run and the next, whatever way the first one ended.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
import requests
from filelock import FileLock, Timeout
from protego import Protego
from requests.adapters import HTTPAdapter

from .page import looks_like_challenge
from .source import LeftOut, Stopped

AGENT = "mineral_utils"
PATIENCE_S = 900.0  # a longer wait than this is for the user to decide
REPLY_S = 180.0  # the longest that one reply may take to arrive
TIMEOUT_S = 30.0  # without a byte
_BLOCK = 2**16
_ROBOTS_BYTES = 2**19


class TryAgain(Exception):
    """A failure that another request may mend.

    Parameters
    ----------
    reason : str
    wait_s : float
        Seconds that the server asked for, 0 where it did not.
    """

    def __init__(self, reason: str, wait_s: float = 0.0):
        super().__init__(reason)
        self.wait_s = wait_s


def state_folder() -> Path:
    """Where it is kept when each host was last asked; ``MINERAL_CACHE`` names its parent."""
    named = os.environ.get("MINERAL_CACHE")
    return Path(named or platformdirs.user_cache_dir(AGENT)) / "hosts"


@contextlib.contextmanager
def _plain_errors(folder: Path) -> Iterator[None]:
    """Without notes on who was asked when, nobody is asked."""
    try:
        yield
    except Timeout:
        raise
    except OSError as error:
        raise Stopped(
            f"when the site was last asked cannot be noted in {folder.name} "
            f"({error.strerror or error}); free some space, or let MINERAL_CACHE name a folder "
            "that you may write to"
        ) from error


class HostGate:
    """Lets one request through at a time, at least `spacing_s` after the last.

    The spacing counts from the last request's answer, or its failure, which is later than its
    start; a request that a killed program had under way counts as asked just now.

    Parameters
    ----------
    host : str
        As in the address, with its port.
    spacing_s : float
        Seconds.
    jitter : float
        The spacing is stretched by a random share of itself, from 0 to this.
    folder : Path, optional
        Instead of `state_folder`.

    Raises
    ------
    Stopped
        If another program is asking this host.
    """

    def __init__(self, host: str, spacing_s: float, jitter: float, folder: Path | None = None):
        folder = folder or state_folder()
        with _plain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        plain = re.sub(r"[^\w.-]", "_", host)
        self.host, self.spacing_s, self.jitter = host, spacing_s, jitter
        self._notes = folder / f"{plain}.json"
        self._lock = FileLock(folder / f"{plain}.lock")
        try:
            with _plain_errors(folder):
                self._lock.acquire(timeout=0)
        except Timeout:
            raise Stopped(
                f"another program is collecting from {host}; photos are never asked for in "
                "parallel: wait until it has ended"
            ) from None
        self._last, self._not_before = self._read()

    def _read(self) -> tuple[float, float]:
        """When the host was last asked, and before when it must not be; seconds since 1970."""
        try:
            notes = json.loads(self._notes.read_text(encoding="utf-8"))
            last, not_before = float(notes["last"]), float(notes["not_before"])
            under_way = bool(notes["under_way"])
        except FileNotFoundError:
            return 0.0, 0.0
        except (OSError, ValueError, KeyError, TypeError):  # torn: as careful as can be
            return time.time(), 0.0
        now = time.time()
        # a clock that was set back must not make anyone wait for hours
        return (now if under_way else min(last, now)), not_before

    def _note(self, under_way: bool) -> None:
        notes = {"last": self._last, "not_before": self._not_before, "under_way": under_way}
        aside = self._notes.with_suffix(f".{os.getpid()}.part")
        with _plain_errors(self._notes.parent):
            aside.write_text(json.dumps(notes), encoding="utf-8")
            os.replace(aside, self._notes)

    def begin(self) -> None:
        """Wait until a request may go, and note that it goes.

        Raises
        ------
        Stopped
            If the server asked for more than `PATIENCE_S`.
        """
        stretched = self.spacing_s * (1 + random.uniform(0, self.jitter))
        due = max(self._last + stretched, self._not_before)
        if due - time.time() > max(PATIENCE_S, 2 * stretched):
            until = time.strftime("%Y-%m-%d %H:%M", time.localtime(due))
            raise Stopped(
                f"{self.host} asks not to be asked again before {until}; start again then"
            )
        while (left := due - time.time()) > 0:
            time.sleep(left)
        self._last = time.time()
        self._note(under_way=True)

    def end(self) -> None:
        """Note that the request was answered, or failed."""
        self._last = time.time()
        self._note(under_way=False)

    def hold(self, seconds: float) -> None:
        """Ask nothing for so long, in later runs neither."""
        self._not_before = max(self._not_before, time.time() + seconds)
        self._note(under_way=False)

    def close(self) -> None:
        """Let other programs ask this host."""
        self._lock.release()


class PoliteAdapter(HTTPAdapter):
    """Sends a request only where it may go, when it may go; reads the reply up to a limit.

    Parameters
    ----------
    site : str
        Address of the site, such as ``https://www.mindat.org``; only its host and hosts below
        its domain are asked.
    spacing_s, jitter, folder
        As for `HostGate`.
    """

    def __init__(self, site: str, spacing_s: float, jitter: float, folder: Path | None = None):
        super().__init__(max_retries=0)  # retries that know of the spacing are made above
        self.site = urlsplit(site)
        self.limit = 2**20  # bytes of a reply; the caller sets it before each request
        self._settings = (spacing_s, jitter, folder)
        self._gates: dict[str, HostGate] = {}
        self._robots: dict[str, Protego] = {}
        self._way: dict[str, object] = {}  # proxies and certificates of the session

    def gate(self, url: str) -> HostGate:
        """The gate of an address's host."""
        host = urlsplit(url).netloc
        if host not in self._gates:
            self._gates[host] = HostGate(host, *self._settings)
        return self._gates[host]

    def send(self, request: requests.PreparedRequest, **options) -> requests.Response:
        url = str(request.url)
        self._way = {k: options[k] for k in ("verify", "cert", "proxies") if k in options}
        if not self._ours(url):
            raise LeftOut(f"it leads to another site ({urlsplit(url).netloc}), which is not asked")
        if not self._rules(url, request.headers["User-Agent"]).can_fetch(url, AGENT):
            raise LeftOut(f"robots.txt forbids {urlsplit(url).path}")
        return self._send(request, self.limit)

    def close(self) -> None:
        super().close()
        for gate in self._gates.values():
            gate.close()
        self._gates.clear()

    def _ours(self, url: str) -> bool:
        """The site itself, or a host of the same domain (pictures may lie on one)."""
        asked = urlsplit(url)
        if asked.scheme not in ("http", "https") or not asked.netloc:
            return False
        if asked.scheme == "http" and self.site.scheme == "https":
            return False
        if asked.netloc == self.site.netloc:
            return True
        host, domain = asked.hostname or "", (self.site.hostname or "").removeprefix("www.")
        named = re.search(r"[a-z]", domain) and "." in domain  # a number has no domain
        return bool(named and not asked.port and (host == domain or host.endswith("." + domain)))

    def _send(self, request: requests.PreparedRequest, limit: int) -> requests.Response:
        gate = self.gate(str(request.url))
        gate.begin()
        try:
            response = super().send(request, stream=True, timeout=TIMEOUT_S, **self._way)
        finally:
            gate.end()
        response._content = _body(response, limit)
        response._content_consumed = True
        return response

    def _rules(self, url: str, agent: str) -> Protego:
        """robots.txt of an address's host, read once a run."""
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        if host not in self._robots:
            self._robots[host] = rules = self._read_robots(f"{host}/robots.txt", agent)
            delay = rules.crawl_delay(AGENT)
            gate = self.gate(url)
            gate.spacing_s = max(gate.spacing_s, float(delay or 0))
        return self._robots[host]

    def _read_robots(self, url: str, agent: str) -> Protego:
        for _ in range(5):  # redirects
            request = requests.Request("GET", url, headers={"User-Agent": agent}).prepare()
            answer = self._send(request, _ROBOTS_BYTES)
            if not answer.is_redirect:
                break
            url = requests.compat.urljoin(url, answer.headers["Location"])
            if not self._ours(url):
                raise Stopped("robots.txt leads to another site, so its rules cannot be read")
        status = answer.status_code
        challenged = status != 200 and looks_like_challenge(answer.content)
        if not challenged and (status in (408, 429) or status >= 500):
            raise TryAgain(f"robots.txt: the server answered {status}", retry_after(answer))
        page = re.match(rb"\s*<(!doctype|html)", answer.content, re.I)
        if challenged or status in (401, 403) or (page and status == 200):
            what = f"{status}" if status in (401, 403) else "a web page"
            raise Stopped(
                f"the site answered {what} instead of its robots.txt, so it does not want to be "
                "asked by programs now; open it in a browser, or write to its owners"
            )
        text = answer.content.decode("utf-8", errors="replace") if status == 200 else ""
        return Protego.parse(text)


def retry_after(answer: requests.Response) -> float:
    """Seconds that a server asks to wait, from a number or a date; 0 where it does not."""
    from email.utils import parsedate_to_datetime

    value = answer.headers.get("Retry-After", "").strip()
    if re.fullmatch(r"\d{1,9}", value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def _body(response: requests.Response, limit: int) -> bytes:
    """The reply's body, whole, or an error."""
    stated = response.headers.get("Content-Length", "")
    too_large = LeftOut(f"the reply is larger than {limit / 1e6:.0f} MB")
    if stated.isdigit() and int(stated) > limit:
        response.close()
        raise too_large
    begun, pieces, size = time.monotonic(), [], 0
    for piece in response.iter_content(_BLOCK):
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            response.close()
            raise too_large
        if time.monotonic() - begun > REPLY_S:
            response.close()
            raise TryAgain(f"the reply did not arrive within {REPLY_S:.0f} s")
    body = b"".join(pieces)
    unmarked = not stated and "chunked" not in response.headers.get("Transfer-Encoding", "")
    kind = response.headers.get("Content-Type", "")
    if unmarked and "html" in kind and body and b"</html" not in body[-2000:].lower():
        raise TryAgain("the page ends before its end")  # only the connection's end marked it
    return body
