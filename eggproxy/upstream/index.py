"""One index: what is asked of it, and what its statuses and headers mean."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.upstream.answers import (
    Fetched,
    Missing,
    NotModified,
    RangeRefused,
    Stream,
    shown,
)

if TYPE_CHECKING:
    import requests

    from eggproxy.upstream.wire import Wire

ACCEPT_PAGE = (
    "application/vnd.pypi.simple.v1+json, "
    "application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
)
MAX_HOPS = 10

_MISSING = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_REDIRECTS = {301, 302, 303, 307, 308}
# Those that pass; others would come again however often they are tried.
_PASSING = {408, 425, 429}


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
            # As bytes: what is given as text, requests sends as Latin-1 (RFC 7617 wants UTF-8).
            self._auth = (unquote(parts.username).encode(), unquote(parts.password or "").encode())
        self._lock = threading.Lock()
        self._made: Wire | None = None

    def available(self) -> bool:
        """Say whether it can be asked now."""
        return True

    def warm_up(self) -> None:
        """Load what it takes to ask, which takes longer than a server's start may."""
        self._wire()

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
            _demand(response, HTTPStatus.OK)
            body = self._wire().whole(response)
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

        Raises Missing, RangeRefused, UpstreamUnavailableError, UpstreamNonsenseError; the blocks
        raise the latter two.
        """
        # Packing would change the bytes that the digest is of.
        headers = {"Accept": "*/*", "Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if validator:
                headers["If-Range"] = validator
        with self._asked(url, headers) as response:
            if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and start:
                raise RangeRefused
            partial = response.status_code == HTTPStatus.PARTIAL_CONTENT and start > 0
            if not partial:
                _demand(response, HTTPStatus.OK)
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
                blocks=self._wire().blocks(response),
            )

    @contextlib.contextmanager
    def _asked(self, url: str, headers: Mapping[str, str]) -> "Iterator[requests.Response]":
        """Ask, following redirects; the answer is closed afterwards."""
        for _hop in range(MAX_HOPS):
            auth = self._auth if _origin(url) == _origin(self.index) else None
            with contextlib.closing(self._wire().get(url, headers, auth)) as response:
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                url = _redirected(url, response.headers["Location"])
        raise UpstreamNonsenseError(shown(url), f"redirects more than {MAX_HOPS} times")

    def _wire(self) -> "Wire":
        # Imported with the first question: requests takes a third of a server's start.
        from eggproxy.upstream.wire import Wire  # noqa: PLC0415

        with self._lock:
            if self._made is None:
                self._made = Wire(self.timeout)
            return self._made


def _demand(response: "requests.Response", status: HTTPStatus) -> None:
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


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise UpstreamNonsenseError(shown(url), "redirects to a broken address") from None


def _origin(url: str) -> tuple[str, str, int | None]:
    """Take the part of a URL that credentials are for. Raises UpstreamNonsenseError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UpstreamNonsenseError("index", "names a broken address") from None
    if parts.scheme not in {"http", "https"}:
        raise UpstreamNonsenseError(shown(url), "is not an http or https address")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port or default


def _complete_length(response: "requests.Response", start: int) -> int | None:
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
