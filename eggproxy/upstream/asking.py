"""Asking over HTTP on behalf of an index: who we are, where that may lead, and how often."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from eggproxy.errors import UpstreamNonsenseError
from eggproxy.upstream import loops
from eggproxy.upstream.answers import shown
from eggproxy.upstream.hosts import Hosts

if TYPE_CHECKING:
    import requests

    from eggproxy.upstream.wire import Wire

MAX_HOPS = 10

_REDIRECTS = {301, 302, 303, 307, 308}


class Asker:
    """Asks an index and the hosts of its files, following redirects to where that may be.

    `index` is its URL, with or without credentials, which `auth`, a name and a password, stands in
    for; `timeout` is in seconds, `max_page_size` in bytes. `ca_certificate` is what the index's own
    certificate is checked with, `identity` tells proxies who we are.
    """

    def __init__(  # noqa: PLR0913  all that a question may depend on
        self,
        index: str,
        timeout: float,
        *,
        auth: tuple[str, str] | None,
        ca_certificate: Path | None,
        hosts: Hosts | None,
        identity: str,
        max_page_size: int,
    ) -> None:
        parts = urlsplit(index)
        host = parts.netloc.rpartition("@")[2]
        self.index = urlunsplit((parts.scheme, host, parts.path, parts.query, ""))
        self.hosts = hosts or Hosts(self.index)
        if auth is None and parts.username is not None:
            auth = (unquote(parts.username), unquote(parts.password or ""))
        # As bytes: what is given as text, requests sends as Latin-1 (RFC 7617 wants UTF-8).
        self._auth = auth and (auth[0].encode(), auth[1].encode())
        self._ca_certificate = ca_certificate
        self._identity = identity
        self._timeout = timeout
        self._max_page_size = max_page_size
        self._lock = threading.Lock()
        self._made: Wire | None = None

    @contextlib.contextmanager
    def asked(
        self, url: str, headers: Mapping[str, str], method: str = "GET"
    ) -> "Iterator[requests.Response]":
        """Ask, following redirects; the answer is closed afterwards.

        Raises ForbiddenHostError, UpstreamUnavailableError, UpstreamNonsenseError.
        """
        if self._identity:
            headers = {**headers, "CDN-Loop": loops.header(self._identity)}
        for _hop in range(MAX_HOPS):
            self.hosts.demand(url)
            is_own = origin(url) == origin(self.index)
            auth = self._auth if is_own else None
            verify = str(self._ca_certificate) if is_own and self._ca_certificate else True
            with contextlib.closing(
                self.wire().get(url, headers, auth, verify, method=method)
            ) as response:
                if response.status_code not in _REDIRECTS or "Location" not in response.headers:
                    yield response
                    return
                url = _redirected(url, response.headers["Location"])
        raise UpstreamNonsenseError(shown(url), f"redirects more than {MAX_HOPS} times")

    def wire(self) -> "Wire":
        """Have the connections, which are made with the first question."""
        # Imported with the first question: requests takes a third of a server's start.
        from eggproxy.upstream.wire import Wire  # noqa: PLC0415

        with self._lock:
            if self._made is None:
                self._made = Wire(self._timeout, self._max_page_size, self.hosts, self.index)
            return self._made


def _redirected(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise UpstreamNonsenseError(shown(url), "redirects to a broken address") from None


def origin(url: str) -> tuple[str, str, int | None]:
    """Take the part of a URL that credentials are for. Raises UpstreamNonsenseError."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise UpstreamNonsenseError("index", "names a broken address") from None
    if parts.scheme not in {"http", "https", "file"}:
        raise UpstreamNonsenseError(shown(url), "is not an http or https address")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port or default
