"""HTTP to upstream over requests: connections, bodies as they arrive, and faults in plain words."""

import contextlib
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3
from isal import igzip_lib
from requests.auth import HTTPBasicAuth
from requests.utils import get_netrc_auth

from eggproxy import __version__
from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.upstream.answers import shown
from eggproxy.upstream.directory import DirectoryAdapter
from eggproxy.upstream.faults import OutageError
from eggproxy.upstream.guarded import GuardedAdapter
from eggproxy.upstream.hosts import Hosts
from eggproxy.upstream.unpacking import unpacker_of

SLOWEST = 1024
"""Bytes a second that must come at least: what drips in never meets the timeout between two."""

FILE_PATIENCE = 3
"""Over how many times the timeout a file must have come with that speed; a page over one."""

_NAME = f"eggproxy/{__version__}"
_POOL = 64
_BLOCK = 256 * 1024


class Wire:
    """A pool of connections.

    `timeout` in seconds is for each wait; `max_page_size` in bytes is that of an unpacked page;
    `hosts` may be connected to, on behalf of an `index`, which may be a directory.
    """

    def __init__(self, timeout: float, max_page_size: int, hosts: Hosts, index: str) -> None:
        self._hosts = hosts
        self._index = index
        self._timeout = timeout
        self._max_page_size = max_page_size
        self._lock = threading.Lock()
        self._session: _Session | None = None
        self._pid = 0

    def get(
        self,
        url: str,
        headers: Mapping[str, str],
        auth: tuple[bytes, bytes] | None,
        verify: bool | str = True,  # noqa: FBT001, FBT002  as requests has it
        *,
        method: str = "GET",
    ) -> requests.Response:
        """Ask, and wait for the headers; redirects are not followed.

        `verify` is the file of certificates to check those of https with, or True for the usual.

        Raises UpstreamUnavailableError, UpstreamNonsenseError.
        """
        with _faults(url):
            try:
                return self._get(url, headers, auth, verify, method)
            except requests.ConnectionError as error:
                if not _hung_up(error):
                    raise
                # As a server may that has kept a connection for long enough (RFC 9110, 9.2.2).
                return self._get(url, headers, auth, verify, method)

    def whole(self, response: requests.Response, limit: int | None = None) -> bytes:
        """Read a page to its end, within limits of size and time; that of a page, or `limit` bytes.

        Raises UpstreamUnavailableError, UpstreamNonsenseError.
        """
        deadline = time.monotonic() + 60 + 10 * self._timeout
        limit = self._max_page_size if limit is None else limit
        # Its value is handed over without a copy: the project list has 40 MB.
        body = io.BytesIO()
        unpacker = unpacker_of(response)
        for block in self._blocks(response, self._timeout):
            with _faults(response.url):
                for piece in unpacker.pieces(block):
                    body.write(piece)
                    if body.tell() > limit:
                        why = f"sent a page of more than {limit / (1 << 20):.3g} MB"
                        raise UpstreamNonsenseError(shown(response.url), why)
            if time.monotonic() > deadline:
                raise OutageError(shown(response.url), "sends too slowly")
        if not unpacker.is_whole():
            raise UpstreamUnavailableError(shown(response.url), "broke off its answer")
        return body.getvalue()

    def blocks(self, response: requests.Response) -> Iterator[bytes]:
        """Read a file as it comes; whatever has arrived is handed on at once.

        Raises UpstreamUnavailableError.
        """
        return self._blocks(response, FILE_PATIENCE * self._timeout)

    def _blocks(self, response: requests.Response, patience: float) -> Iterator[bytes]:
        """Read blocks; over so many seconds of waiting there must come enough of them."""
        came, waited = 0, 0.0
        with _faults(response.url):
            began = time.monotonic()
            while block := response.raw.read1(_BLOCK, decode_content=False):
                waited += time.monotonic() - began
                came += len(block)
                if waited > patience:
                    if came < waited * SLOWEST:
                        raise OutageError(shown(response.url), "sends too slowly")
                    came, waited = 0, 0.0
                yield block
                # Not counting for how long whoever reads us has kept us waiting.
                began = time.monotonic()

    def _get(
        self,
        url: str,
        headers: Mapping[str, str],
        auth: tuple[bytes, bytes] | None,
        verify: bool | str,  # noqa: FBT001  as requests has it
        method: str,
    ) -> requests.Response:
        session = self._connected()
        request = session.plain(method, url, headers, HTTPBasicAuth(*auth) if auth else None)
        address = request.url or url
        settings = session.merge_environment_settings(
            address, proxies={}, stream=True, verify=verify, cert=None
        )
        adapter = session.get_adapter(url=address)
        return adapter.send(request, timeout=(self._timeout, self._timeout), **settings)

    def _connected(self) -> "_Session":
        """Make the session where it is first used: connections do not survive a fork."""
        with self._lock:
            if self._session is None or self._pid != os.getpid():
                session = _Session()
                for scheme in ("http://", "https://"):
                    session.mount(scheme, GuardedAdapter(self._hosts, _POOL))
                if self._index.startswith("file:"):
                    session.mount("file://", DirectoryAdapter(self._index))
                self._session, self._pid = session, os.getpid()
            return self._session


class _Session(requests.Session):
    """As requests has it, for questions without cookies, hooks, forms and redirects.

    What it takes to have those is a third of what a small question costs. And what the environment
    says of a host is looked up once: that of a process does not change.
    """

    def __init__(self) -> None:
        super().__init__()
        self._settings: dict[object, Mapping[str, Any]] = {}

    def plain(
        self, method: str, url: str, headers: Mapping[str, str], auth: HTTPBasicAuth | None
    ) -> requests.PreparedRequest:
        """Make a request without a body; without `auth` that of netrc counts, if there is one."""
        request = requests.PreparedRequest()
        request.prepare_method(method)
        request.prepare_url(url, None)
        request.prepare_headers({"User-Agent": _NAME, "Connection": "keep-alive", **headers})
        request.prepare_body(None, None)
        request.prepare_auth(auth or get_netrc_auth(url), url)
        return request

    # How it is typed is another matter in each version.
    def merge_environment_settings(
        self,
        url: Any,  # noqa: ANN401
        proxies: Any,  # noqa: ANN401
        stream: Any,  # noqa: ANN401
        verify: Any,  # noqa: ANN401
        cert: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Add what the environment says of proxies and certificates."""
        parts = urlsplit(url)
        asked = (parts.scheme, parts.netloc, stream, verify, cert)
        known = self._settings.get(asked)
        if known is None:
            if len(self._settings) >= _POOL:
                self._settings.clear()
            known = super().merge_environment_settings(url, proxies, stream, verify, cert)
            self._settings[asked] = known
        return {**known}


@contextlib.contextmanager
def _faults(url: str) -> Iterator[None]:
    """Turn what can go wrong on the way into one error with a plain sentence."""
    try:
        yield
    except ValueError as error:
        # So do requests, urllib3 and the socket say what is wrong with an address.
        raise UpstreamNonsenseError(shown(url), "is not a usable address") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise OutageError(shown(url), "does not answer in time") from error
    except requests.exceptions.SSLError as error:
        raise OutageError(shown(url), "fails the TLS check") from error
    except (requests.ConnectionError, urllib3.exceptions.NewConnectionError) as error:
        raise OutageError(shown(url), "cannot be reached") from error
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # the stub has it as a value
        raise UpstreamNonsenseError(shown(url), "sent a page that cannot be unpacked") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise UpstreamUnavailableError(shown(url), "broke off its answer") from error


def _hung_up(error: requests.ConnectionError) -> bool:
    """Say whether a connection ended before a word of the answer."""
    reason = error.args[0] if error.args else None
    cause = reason.args[-1] if isinstance(reason, urllib3.exceptions.ProtocolError) else None
    return isinstance(cause, ConnectionError)
