"""Asking upstream: pages whole, files as streams; redirects hop by hop, http(s) only."""

import contextlib
import io
import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.cookiejar import DefaultCookiePolicy
from typing import NamedTuple
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from eggproxy import __version__
from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError

log = logging.getLogger("eggproxy")

ACCEPT_PAGE = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)
MAX_PAGE_SIZE = 256 << 20
"""Largest page that is taken, in bytes after unpacking; the largest real one has 40 MB."""

MAX_HOPS = 10
_POOL = 64
_BLOCK = 256 * 1024
_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_REDIRECTS = {301, 302, 303, 307, 308}
# Those that pass; others would come again however often they are tried.
_PASSING = {408, 425, 429}


class Missing(Exception):  # noqa: N818  an answer, not a fault
    """Upstream says that there is no such thing (404, 410)."""


class NotModified(NamedTuple):
    """Upstream says that the stored page is still right."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A page as it came; `url` is where it was found after redirects."""

    body: bytes
    content_type: str
    url: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Stream:
    """A file that is coming: its first byte is at `start`, `total` is the size of the whole."""

    start: int
    total: int | None
    validator: str | None
    blocks: Iterator[bytes]


def shown(url: str) -> str:
    """Write a URL for people: without credentials, query and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class Upstream:
    """One index.

    `index` is its URL with a slash at the end, with or without credentials; `timeout` the seconds
    to wait for it to connect or to send the next bytes.
    """

    def __init__(self, index: str, timeout: float) -> None:
        parts = urlsplit(index)
        host = parts.netloc.rpartition("@")[2]
        self.index = urlunsplit((parts.scheme, host, parts.path, "", ""))
        self.timeout = timeout
        self._auth = None
        if parts.username is not None:
            self._auth = (unquote(parts.username), unquote(parts.password or ""))
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._pid = 0

    def page(
        self, path: str, *, etag: str | None = None, last_modified: str | None = None
    ) -> Fetched | NotModified:
        """Fetch a page below the index, if it has changed since the given validators.

        Raises Missing, UpstreamUnavailableError, UpstreamNonsenseError.
        """
        headers = {"Accept": ACCEPT_PAGE, "Accept-Encoding": "gzip"}
        if etag:
            headers["If-None-Match"] = etag
        elif last_modified:
            headers["If-Modified-Since"] = last_modified
        with self._asked(urljoin(self.index, path), headers) as response:
            if response.status_code == HTTPStatus.NOT_MODIFIED and (etag or last_modified):
                return NotModified()
            self._demand(response, HTTPStatus.OK)
            with _faults(response.url):
                body = self._whole(response)
            return Fetched(
                body=body,
                content_type=response.headers.get("Content-Type", ""),
                url=response.url,
                etag=response.headers.get("ETag"),
                last_modified=response.headers.get("Last-Modified"),
            )

    @contextlib.contextmanager
    def file(self, url: str, *, start: int = 0, validator: str | None = None) -> Iterator[Stream]:
        """Fetch a file that a page of upstream named, as a stream of blocks.

        `start` asks for the bytes from there on, if the file is still the one of `validator`;
        the answer may begin at 0 all the same.

        Raises Missing, UpstreamUnavailableError, UpstreamNonsenseError; so do the blocks.
        """
        # Packing would change the bytes that the digest is of.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator:
                headers["If-Range"] = validator
        with self._asked(url, headers) as response:
            partial = response.status_code == HTTPStatus.PARTIAL_CONTENT and start > 0
            if not partial:
                self._demand(response, HTTPStatus.OK)
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise UpstreamNonsenseError(shown(url), "packed a file although asked not to")
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isascii() and length.isdigit() else None
            if partial:
                total = _complete_length(response, start)
            yield Stream(
                start=start if partial else 0,
                total=total,
                validator=_strong_validator(response.headers),
                blocks=_blocks(response),
            )

    @contextlib.contextmanager
    def _asked(self, url: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Ask, following redirects; the answer is closed afterwards."""
        for _hop in range(MAX_HOPS):
            if urlsplit(url).scheme not in {"http", "https"}:
                raise UpstreamNonsenseError(shown(url), "is not an http or https address")
            with _faults(url):
                response = self._connected().get(
                    url,
                    headers=dict(headers),
                    auth=self._auth if _origin(url) == _origin(self.index) else None,
                    timeout=(self.timeout, self.timeout),
                    allow_redirects=False,
                    stream=True,
                )
            with contextlib.closing(response):
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                url = urljoin(url, response.headers["Location"])
        raise UpstreamNonsenseError(shown(url), f"redirects more than {MAX_HOPS} times")

    def _demand(self, response: requests.Response, status: HTTPStatus) -> None:
        """Raise unless the answer has that status."""
        code = response.status_code
        if code == status:
            return
        if code in _MISSING:
            raise Missing
        why = f"answers {code} {response.reason or ''}".rstrip()
        if code >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _PASSING:
            raise UpstreamUnavailableError(shown(response.url), why)
        raise UpstreamNonsenseError(shown(response.url), why)

    def _whole(self, response: requests.Response) -> bytes:
        """Read a page to its end, within limits of size and time."""
        # A page that drips in byte by byte never meets the timeout between two of them.
        deadline = time.monotonic() + 60 + 10 * self.timeout
        # Its value is handed over without a copy: the project list has 40 MB.
        body = io.BytesIO()
        while block := response.raw.read1(_BLOCK, decode_content=True):
            body.write(block)
            if body.tell() > MAX_PAGE_SIZE:
                why = f"sent a page of more than {MAX_PAGE_SIZE >> 20} MB"
                raise UpstreamNonsenseError(shown(response.url), why)
            if time.monotonic() > deadline:
                raise UpstreamUnavailableError(shown(response.url), "sends its page too slowly")
        return body.getvalue()

    def _connected(self) -> requests.Session:
        """Make the session where it is first used: connections do not survive a fork."""
        with self._lock:
            if self._session is None or self._pid != os.getpid():
                session = requests.Session()
                session.headers["User-Agent"] = f"eggproxy/{__version__}"
                session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
                for scheme in ("http://", "https://"):
                    session.mount(scheme, HTTPAdapter(pool_maxsize=_POOL))
                self._session, self._pid = session, os.getpid()
            return self._session


@contextlib.contextmanager
def _faults(url: str) -> Iterator[None]:
    """Turn what can go wrong on the way into one error with a plain sentence."""
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise UpstreamNonsenseError(shown(url), "is not a usable address") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise UpstreamUnavailableError(shown(url), "does not answer in time") from error
    except requests.exceptions.SSLError as error:
        raise UpstreamUnavailableError(shown(url), "fails the TLS check") from error
    except (requests.ConnectionError, urllib3.exceptions.NewConnectionError) as error:
        raise UpstreamUnavailableError(shown(url), "cannot be reached") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise UpstreamUnavailableError(shown(url), "broke off its answer") from error


def _blocks(response: requests.Response) -> Iterator[bytes]:
    """Read a file as it comes; whatever has arrived is handed on at once."""
    with _faults(response.url):
        while block := response.raw.read1(_BLOCK, decode_content=False):
            yield block


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", parts.port or default


def _complete_length(response: requests.Response, start: int) -> int | None:
    """Read `bytes START-END/TOTAL` of a 206 (RFC 9110, 14.4)."""
    unit, _, where = response.headers.get("Content-Range", "").partition(" ")
    span, _, total = where.partition("/")
    if unit != "bytes" or not span.startswith(f"{start}-"):
        raise UpstreamNonsenseError(shown(response.url), "sent another range than asked for")
    return int(total) if total.isascii() and total.isdigit() else None


def _strong_validator(headers: Mapping[str, str]) -> str | None:
    etag = headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    return headers.get("Last-Modified")
