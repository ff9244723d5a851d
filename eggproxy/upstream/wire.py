"""HTTP to upstream over requests: connections, bodies as they arrive, and faults in plain words."""

import contextlib
import io
import os
import threading
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import DefaultCookiePolicy

import requests
import urllib3
from isal import igzip_lib, isal_zlib
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from eggproxy import __version__
from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.upstream.answers import shown

MAX_PAGE_SIZE = 256 << 20
"""Largest page that is taken, in bytes after unpacking; the largest real one has 40 MB."""

_POOL = 64
_BLOCK = 256 * 1024


class Wire:
    """A pool of connections; `timeout` in seconds is for each wait."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._lock = threading.Lock()
        self._session: requests.Session | None = None
        self._pid = 0

    def get(
        self, url: str, headers: Mapping[str, str], auth: tuple[bytes, bytes] | None
    ) -> requests.Response:
        """Ask, and wait for the headers; redirects are not followed.

        Raises UpstreamUnavailableError, UpstreamNonsenseError.
        """
        with _faults(url):
            return self._connected().get(
                url,
                headers=dict(headers),
                auth=HTTPBasicAuth(*auth) if auth else None,
                timeout=(self._timeout, self._timeout),
                allow_redirects=False,
                stream=True,
            )

    def whole(self, response: requests.Response) -> bytes:
        """Read a page to its end, within limits of size and time.

        Raises UpstreamUnavailableError, UpstreamNonsenseError.
        """
        # A page that drips in byte by byte never meets the timeout between two of them.
        deadline = time.monotonic() + 60 + 10 * self._timeout
        # Its value is handed over without a copy: the project list has 40 MB.
        body = io.BytesIO()
        unpacker = _unpacker(response)
        for block in self.blocks(response):
            with _faults(response.url):
                for piece in unpacker.pieces(block):
                    body.write(piece)
                    if body.tell() > MAX_PAGE_SIZE:
                        why = f"sent a page of more than {MAX_PAGE_SIZE >> 20} MB"
                        raise UpstreamNonsenseError(shown(response.url), why)
            if time.monotonic() > deadline:
                raise UpstreamUnavailableError(shown(response.url), "sends its page too slowly")
        if not unpacker.is_whole():
            raise UpstreamUnavailableError(shown(response.url), "broke off its answer")
        return body.getvalue()

    def blocks(self, response: requests.Response) -> Iterator[bytes]:
        """Read a file as it comes; whatever has arrived is handed on at once.

        Raises UpstreamUnavailableError.
        """
        with _faults(response.url):
            while block := response.raw.read1(_BLOCK, decode_content=False):
                yield block

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


class _Plain:
    """A page that came as it is."""

    def pieces(self, block: bytes) -> Iterator[bytes]:
        yield block

    def is_whole(self) -> bool:
        return True


class _Gzip:
    """A page that came packed; isal takes half of zlib's time."""

    def __init__(self) -> None:
        self._stream = _gzip_stream()

    def pieces(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._stream.eof:
                # Another member follows (RFC 1952, 2.2).
                self._stream = _gzip_stream()
            # In pieces: a small block may unpack to a thousand times its size.
            piece = self._stream.decompress(block, _BLOCK)
            yield piece
            block = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if not block and piece:
                # What the stream holds back for want of room comes with the next call.
                yield from self._rest()

    def _rest(self) -> Iterator[bytes]:
        while not self._stream.eof and (piece := self._stream.decompress(b"", _BLOCK)):
            yield piece

    def is_whole(self) -> bool:
        return self._stream.eof


def _gzip_stream() -> isal_zlib.Decompress:
    return isal_zlib.decompressobj(16 + isal_zlib.MAX_WBITS)


def _unpacker(response: requests.Response) -> _Plain | _Gzip:
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding == "identity":
        return _Plain()
    if encoding in {"gzip", "x-gzip"}:
        return _Gzip()
    raise UpstreamNonsenseError(shown(response.url), f"packed its page in {encoding[:20]!r}")


@contextlib.contextmanager
def _faults(url: str) -> Iterator[None]:
    """Turn what can go wrong on the way into one error with a plain sentence."""
    try:
        yield
    except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema) as error:
        raise UpstreamNonsenseError(shown(url), "is not a usable address") from error
    except ValueError as error:
        # requests looks at a Location that it is told not to follow.
        raise UpstreamNonsenseError(shown(url), "answers with a broken address") from error
    except (requests.Timeout, urllib3.exceptions.TimeoutError) as error:
        raise UpstreamUnavailableError(shown(url), "does not answer in time") from error
    except requests.exceptions.SSLError as error:
        raise UpstreamUnavailableError(shown(url), "fails the TLS check") from error
    except (requests.ConnectionError, urllib3.exceptions.NewConnectionError) as error:
        raise UpstreamUnavailableError(shown(url), "cannot be reached") from error
    except igzip_lib.IsalError as error:  # type: ignore[misc]  # the stub has it as a value
        raise UpstreamNonsenseError(shown(url), "sent a page that cannot be unpacked") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
        raise UpstreamUnavailableError(shown(url), "broke off its answer") from error
