"""Bodies for WSGI, and the ways in which the servers around take them."""

import errno
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

from eggproxy.blocks import BLOCK, file_blocks, growing_blocks, when_whole
from eggproxy.errors import EggProxyError
from eggproxy.responses import FileBody, GrowingBody, Request, Response, of_error

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

WRAPPER = "wsgi.file_wrapper"
"""The way of PEP 3333 to hand over an open file, and the default."""

X_SENDFILE = "x-sendfile"
X_ACCEL_REDIRECT = "x-accel-redirect:"

# What the server in front says itself: nginx says it again beside what it was told.
_BY_FRONT = {
    "X-Sendfile": {"content-length", "content-range"},
    "X-Accel-Redirect": {"content-length", "content-range", "accept-ranges"},
}


class Bodies:
    """Makes bodies; `handover` is the configuration's `file_handover`, `eggs` its directory."""

    def __init__(self, handover: str, eggs: str) -> None:
        self._handover = handover
        self._eggs = eggs

    def of(
        self, response: Response, request: Request, environ: "WSGIEnvironment"
    ) -> tuple[Response, Iterable[bytes]]:
        """Make a response's body, and the response as it is to be begun: it may have to change.

        Raises OSError where a stored file is gone that the response is for.
        """
        body = response.body
        if isinstance(body, bytes):
            return response, [body]
        if isinstance(body, GrowingBody):
            return _begin(response, body, request, environ)
        if request.if_range is None:
            # Our validators are not those of the server in front.
            header = self._header(str(body.path))
            if header is not None:
                return _handed_over(response, header), [b""]
        return response, self._file(response, body, environ)

    def _header(self, path: str) -> tuple[str, str] | None:
        """Write the header that hands a file over, quoted as the servers in front unquote it."""
        if not path.startswith(f"{self._eggs}/"):
            # The server in front may not know of the folder of our own packages.
            return None
        if self._handover == X_SENDFILE:
            return "X-Sendfile", _quoted(path)
        if self._handover.startswith(X_ACCEL_REDIRECT):
            place = self._handover.removeprefix(X_ACCEL_REDIRECT)
            return "X-Accel-Redirect", place + _quoted(path.removeprefix(f"{self._eggs}/"))
        return None

    def _file(
        self, response: Response, body: FileBody, environ: "WSGIEnvironment"
    ) -> Iterable[bytes]:
        file: BinaryIO = body.path.open("rb")
        wrapper: Callable[[Any, int], Iterable[bytes]] | None = environ.get(WRAPPER)
        if wrapper is not None and self._handover == WRAPPER and response.status == HTTPStatus.OK:
            return wrapper(file, BLOCK)
        return file_blocks(file, body.span)


class GrowingBlocks:
    """The blocks of a growing file, as they come, from the first on, which is there.

    Where it never becomes whole the connection has to end short of Content-Length, so that the
    client knows. `quietly`: the server around sees to that if the blocks just end; others want an
    error, and log it, unless it is the one of a client that has left.
    """

    def __init__(
        self, body: GrowingBody, first: bytes, rest: Iterator[bytes], *, quietly: bool
    ) -> None:
        self._body = body
        self._quietly = quietly
        self._blocks = self._follow(first, rest)

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        """Let go when the client has all, or has left."""
        self._body.file.close()

    def _follow(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        yield first
        try:
            yield from rest
        except EggProxyError as error:
            if not self._quietly:
                raise ConnectionResetError(errno.ECONNRESET, str(error)) from error


def _begin(
    response: Response, body: GrowingBody, request: Request, environ: "WSGIEnvironment"
) -> tuple[Response, Iterable[bytes]]:
    """Have the first block, or the error that comes instead: as long as that has a status."""
    headers = list(response.headers)
    try:
        blocks = growing_blocks(body)
        if body.stop is None:
            # Without a length, some servers end a body that breaks off as if it were whole.
            blocks, length = when_whole(body)
            headers.append(("Content-Length", str(length)))
        first = next(blocks, b"")
    except EggProxyError as error:
        body.file.close()
        failed = of_error(error, request)
        return failed, [failed.body] if isinstance(failed.body, bytes) else []
    if "mod_wsgi.version" in environ:
        # Else Apache leaves the connection of a body that ends too soon open.
        headers.append(("Connection", "close"))
    begun = Response(response.status, headers, body, response.reason, response.cache_status)
    quietly = _ends_short_bodies(environ)
    return begun, GrowingBlocks(body, first, blocks, quietly=quietly)


def _ends_short_bodies(environ: "WSGIEnvironment") -> bool:
    """Say whether the server around ends the connection if a body ends short of its length."""
    known = ("mod_wsgi.version", "uwsgi.version", "waitress.client_disconnected")
    return any(name in environ for name in known)


def _handed_over(response: Response, header: tuple[str, str]) -> Response:
    """Leave the body to the server in front, which knows ranges by itself."""
    kept = [pair for pair in response.headers if pair[0].lower() not in _BY_FRONT[header[0]]]
    headers = [*kept, ("Content-Length", "0"), header]
    return Response(HTTPStatus.OK, headers, b"", None, response.cache_status)


def _quoted(path: str) -> str:
    return quote(path, safe="/+!=@,:~")
