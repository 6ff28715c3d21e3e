"""Mindat's official API: species, synonyms, varieties and groups. It has no photos or captions.

The key is read from the environment variable ``MINDAT_API_KEY`` and from nowhere else; it goes into
one header of the requests and into no file, message or record.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from .manners import PoliteAdapter, TryAgain, retry_after
from .source import CollectError, LeftOut, Stopped
from .transport import TRIES, agent_words, longer_and_longer

API = "https://api.mindat.org/v1/"
KEY = "MINDAT_API_KEY"
PAGE_SIZE = 800
SPACING_S = 2.0
REPLY_BYTES = 64 * 2**20
FIELDS = (
    *("id", "longid", "name", "entrytype", "synid", "varietyof", "groupid", "shortcode_ima"),
    *("ima_formula", "mindat_formula", "csystem"),
)
# what can be asked for -> number of the API's field entrytype
KINDS = {"species": 0, "synonyms": 1, "varieties": 2, "groups": 5}
# and the field that leads from such an entry to the one it belongs to
BELONGS = {"species": "groupid", "synonyms": "synid", "varieties": "varietyof", "groups": "groupid"}


class MindatApi:
    """The API, asked one page after the other.

    Parameters
    ----------
    address : str
        Of the API.
    contact : str
        Told to the site with every request.
    spacing_s, jitter, state
        As for `Site`.

    Raises
    ------
    CollectError
        If ``MINDAT_API_KEY`` is not set, or cannot be a key.
    """

    def __init__(
        self,
        address: str = API,
        *,
        contact: str = "",
        spacing_s: float = SPACING_S,
        jitter: float = 0.3,
        state=None,
    ):
        self.address = address.rstrip("/") + "/"
        parts = urlsplit(self.address)
        self._adapter = PoliteAdapter(f"{parts.scheme}://{parts.netloc}", spacing_s, jitter, state)
        self._adapter.limit = REPLY_BYTES
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc may replace the key
        self._session.headers["User-Agent"] = agent_words(contact)
        self._session.auth = _Token(_key())
        self._session.max_redirects = 3
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, self._adapter)
        self._wait = longer_and_longer(spacing_s, jitter)

    def entries(self, kind: str, names: Iterable[str] = ()) -> Iterator[dict[str, Any]]:
        """Entries of one kind, with the name that each belongs to.

        Parameters
        ----------
        kind : {"species", "synonyms", "varieties", "groups"}
        names : iterable of str
            Only entries of these names; all by default.

        Yields
        ------
        dict
            The API's `FIELDS`, and ``belongs_to``: the name of the species, group or accepted name
            behind the number, None where there is none.

        Raises
        ------
        CollectError
            If there is no such kind.
        Stopped
            If the API refuses the key, or does not answer.
        """
        if kind not in KINDS:
            raise CollectError(f"the API is asked for {kind!r}; choose one of {', '.join(KINDS)}")
        wanted = [name.strip() for name in names if name.strip()]
        asked: list[dict[str, Any]] = [{"name": name} for name in wanted] or [{}]
        fields = {"fields": ",".join(FIELDS), "entrytype": KINDS[kind]}
        found = [entry for more in asked for entry in self._all("geomaterials/", fields | more)]
        numbers = {entry.get(BELONGS[kind]) for entry in found} - {None, 0, "", "0"}
        heads = {entry["id"]: entry.get("name") for entry in found if "id" in entry}
        missing = sorted(str(number) for number in numbers if number not in heads)
        for k in range(0, len(missing), 100):  # addresses must stay short
            some = {"fields": "id,name", "id__in": ",".join(missing[k : k + 100])}
            heads |= {e["id"]: e.get("name") for e in self._all("geomaterials/", some)}
        for entry in found:
            yield entry | {"belongs_to": heads.get(entry.get(BELONGS[kind]))}

    def close(self) -> None:
        """Let other programs ask the API."""
        self._session.close()
        self._adapter.close()

    def _all(self, path: str, parameters: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Results of all pages; a page that is too large for the server is halved."""
        size, number = PAGE_SIZE, 1
        while True:
            asked = parameters | {"page-size": size, "page": number, "format": "json"}
            answer = self._patiently(path, asked)
            if answer is None:  # no JSON: the page was too large
                if size <= 10:
                    raise Stopped("the API answers in no readable form; try again another day")
                # pages of half the size: twice as many lie behind us
                size, number = size // 2, 2 * (number - 1) + 1
                continue
            results = answer if isinstance(answer, list) else answer.get("results", [answer])
            yield from results
            if isinstance(answer, list) or not answer.get("next"):
                return
            number += 1

    def _patiently(self, path: str, parameters: dict[str, Any]) -> Any:
        tries = Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_attempt(TRIES),
            wait=self._wait,
            before_sleep=self._hold,
            reraise=True,
        )
        try:
            return tries(self._once, path, parameters)
        except TryAgain as error:
            raise Stopped(f"the API: {error}, {TRIES} times in a row; start again later") from None
        except LeftOut as error:
            raise Stopped(f"the API: {error}") from None

    def _hold(self, state) -> None:
        if wait := state.outcome.exception().wait_s:
            self._adapter.gate(self.address).hold(wait)

    def _once(self, path: str, parameters: dict[str, Any]) -> Any:
        try:
            answer = self._session.get(self.address + path, params=parameters)
        except requests.RequestException as error:
            raise TryAgain(f"no answer ({type(error).__name__})") from None  # it holds the headers
        status = answer.status_code
        if status in (401, 403):
            raise Stopped(
                f"the API refused the key in {KEY} ({status}); your key is shown on Mindat under "
                '"Edit my page"'
            )
        if status in (408, 429) or status >= 500:
            raise TryAgain(f"the server answered {status}", retry_after(answer))
        if status != 200:
            raise Stopped(f"the API answered {status} for {path}; it may have changed")
        try:
            return answer.json()
        except ValueError:
            return None


class _Token(requests.auth.AuthBase):
    """Puts the key into the header; shows it nowhere, not even when printed."""

    def __init__(self, key: str):
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Token {self._key}"
        return request

    def __repr__(self) -> str:
        return "_Token(…)"


def _key() -> str:
    key = os.environ.get(KEY, "").strip()
    if not key:
        raise CollectError(
            f"Mindat's API needs a key; copy yours from Mindat (Edit my page) into the environment "
            f"variable {KEY}, and into no file of the project"
        )
    if not re.fullmatch(r"[A-Za-z0-9]{32}", key):
        raise CollectError(f"{KEY} holds no key: a key has 32 letters and digits, this {len(key)}")
    return key
