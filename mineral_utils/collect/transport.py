"""Pages and pictures from one site: cached, tried again where that may help, stopped where not."""

from __future__ import annotations

import io
import sqlite3
from pathlib import Path

import requests
import requests_cache
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_base, wait_exponential, wait_random

from ..photos.checks import MAX_PIXELS, PhotoError
from ..photos.files import decode
from .manners import PoliteAdapter, TryAgain, retry_after
from .page import ChallengePage, Page, PageError, looks_like_challenge, parse_page
from .selectors import MAX_PAGE_BYTES
from .source import CollectError, LeftOut, Stopped, Unreachable

SPACING_S = 6.0
JITTER = 0.3
TRIES = 6
LONGEST_WAIT_S = 120.0
MAX_PICTURE_BYTES = 64 * 2**20
CACHE_DAYS = 30


class Site:
    """Photo pages and pictures of one site, politely.

    Parameters
    ----------
    address : str
        Such as ``https://www.mindat.org``.
    cache : path
        File for the pages that were read; pages younger than 30 days are not asked for again.
    contact : str
        E-mail address or page of the user, told to the site with every request.
    spacing_s, jitter : float
        Least seconds between two requests, and by what share of it at random more.
    state : path, optional
        Folder that remembers when each host was last asked.

    Raises
    ------
    CollectError
        If the address or the spacing is unfit.
    """

    def __init__(
        self,
        address: str,
        cache: str | Path,
        *,
        contact: str = "",
        spacing_s: float = SPACING_S,
        jitter: float = JITTER,
        state: str | Path | None = None,
    ):
        if not address.startswith(("http://", "https://")) or len(address.split("/")) > 4:
            raise CollectError(
                f"the site is {address!r}; give its address alone, such as https://www.mindat.org"
            )
        if not spacing_s > 0 or not 0 <= jitter <= 10:
            raise CollectError(
                f"spacing is {spacing_s} s and jitter {jitter}; give seconds above 0 and a share "
                "from 0 to 10"
            )
        self.address = address.rstrip("/")
        self._adapter = PoliteAdapter(
            self.address, spacing_s, jitter, Path(state) if state else None
        )
        self._cache = Path(cache)
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            self._session = requests_cache.CachedSession(
                str(cache),
                backend="sqlite",
                expire_after=CACHE_DAYS * 86400,
                allowable_codes=(200,),
                filter_fn=_is_photo_page,
            )
        except (OSError, sqlite3.Error) as error:
            raise CollectError(self._no_cache(error)) from error
        self._session.headers["User-Agent"] = agent_words(contact)
        self._session.max_redirects = 5
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        self._wait = longer_and_longer(spacing_s, jitter)

    def page(self, url: str) -> Page:
        """A photo page, parsed.

        Raises
        ------
        LeftOut
            If it cannot be had, or is no photo page.
        Stopped
            If the site shows a check for robots, or says 403.
        """

        def once() -> Page:
            answer = self._answer(url, MAX_PAGE_BYTES, {})
            try:
                kind = answer.headers.get("Content-Type")
                return parse_page(answer.content, url=url, content_type=kind)
            except ChallengePage as error:
                raise Stopped(str(error)) from error
            except PageError as error:
                raise LeftOut(str(error)) from error

        return self._patiently(once)

    def picture(self, url: str, referer: str) -> bytes:
        """A picture's file, decoded once to be sure that it is whole.

        Raises
        ------
        LeftOut
            If it cannot be had; `Unreachable` if it may come later.
        Stopped
            As for `page`.
        """

        def once() -> bytes:
            with self._session.cache_disabled():
                answer = self._answer(url, MAX_PICTURE_BYTES, {"Referer": referer})
            reason = what_is_wrong_with(answer.content)
            if reason is None:
                return answer.content
            if looks_like_challenge(answer.content[:100_000]):
                raise Stopped(_challenge(url))
            raise TryAgain(reason)

        return self._patiently(once)

    def close(self) -> None:
        """Let other programs ask the site."""
        self._session.close()
        self._adapter.close()

    def _answer(self, url: str, limit: int, headers: dict[str, str]) -> requests.Response:
        """A reply of status 200, or an error that says what to do about another one."""
        self._adapter.limit = limit
        try:
            answer = self._session.get(url, headers=headers)
        except requests.TooManyRedirects as error:
            raise LeftOut("it is redirected in circles") from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
            raise LeftOut(f"{url} cannot be asked for ({error})") from error
        except requests.RequestException as error:
            raise TryAgain(_wire(error)) from error
        except sqlite3.Error as error:
            raise Stopped(self._no_cache(error)) from error
        status = answer.status_code
        if status == 200:
            return answer
        if status in (401, 403, 407, 429, 503) and looks_like_challenge(answer.content):
            raise Stopped(_challenge(url))
        if status in (401, 403, 407, 451):
            raise Stopped(
                f"the site answered {status} ({answer.reason}) for {url}: it does not allow this; "
                "stop, and write to its owners before you try again"
            )
        if status in (408, 425, 429) or status >= 500:
            raise TryAgain(f"the server answered {status} {answer.reason}", retry_after(answer))
        raise LeftOut(f"the server answered {status} {answer.reason}".rstrip())

    def _no_cache(self, error: Exception) -> str:
        return (
            f"pages cannot be kept in {self._cache.name} ({error}); free some space, or, if it is "
            "damaged, delete that file"
        )

    def _patiently(self, once):
        """Try up to `TRIES` times, ever longer apart, or as long as the server asks."""
        tries = Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_attempt(TRIES),
            wait=self._wait,
            before_sleep=self._hold,
            reraise=True,
        )
        try:
            return tries(once)
        except TryAgain as error:
            raise Unreachable(f"{error}, {TRIES} times in a row; start again later") from error

    def _hold(self, state) -> None:
        """What the server asked for also holds for the next run."""
        error = state.outcome.exception()
        if error.wait_s:
            self._adapter.gate(self.address).hold(error.wait_s)


def longer_and_longer(spacing_s: float, jitter: float) -> wait_base:
    """Waits between tries: the spacing, doubled each time, up to two minutes."""
    doubled = wait_exponential(multiplier=spacing_s, max=LONGEST_WAIT_S)
    return doubled + wait_random(0, spacing_s * jitter)


def agent_words(contact: str) -> str:
    """How requests introduce themselves."""
    from .. import __version__

    who = contact.strip() or "no contact given"
    return f"mineral_utils/{__version__} (single photos with permission; {who})".encode(
        "ascii", "replace"
    ).decode()


def what_is_wrong_with(content: bytes) -> str | None:
    """Why bytes are no whole picture, or None."""
    try:
        decode(io.BytesIO(content), "the picture", ".jpg", None, MAX_PIXELS)
    except PhotoError as error:
        return str(error).split(";")[0]
    return None


def _is_photo_page(answer: requests.Response) -> bool:
    """Only what can be used is kept, so that a bad page is asked for again."""
    try:
        parse_page(answer.content, content_type=answer.headers.get("Content-Type"), url=answer.url)
    except PageError:
        return False
    return True


def _challenge(url: str) -> str:
    return (
        f"the site answered {url} with its check for robots; collecting ends here: open the page "
        "in a browser, or write to the site's owners"
    )


def _wire(error: requests.RequestException) -> str:
    if isinstance(error, requests.Timeout):
        return "the server did not answer in time"
    return "the connection broke off"
