"""From our response to Apache's: written by us, or left to its default-handler."""

import importlib
from http import HTTPStatus

from eggproxy.apache_request import ApacheRequest
from eggproxy.blocks import growing_blocks, when_whole
from eggproxy.errors import EggProxyError
from eggproxy.hot import Prepared
from eggproxy.responses import (
    FileBody,
    GrowingBody,
    Request,
    Response,
    of_error,
    of_prepared,
)

# Of mod_python.apache, which is there only within httpd. Never return a number above 256:
# mod_python drops its reference to it without the lock that guards reference counts.
OK = 0
DECLINED = -1
DONE = -2
CONN_CLOSE = 1

DIRECT = 1 << 20
"""Largest body, in bytes, that we write ourselves, with our ETag, the same in all front ends.

Apache's default-handler is no quicker with small ones, and its own ETag, which nothing replaces,
is a weak one in a file's first second. Larger ones it sends without copying, and without holding
a thread for a client that reads slowly.
"""

_BY_APACHE = {"content-length", "content-range", "accept-ranges", "etag", "content-type"}


def send_prepared(req: ApacheRequest, request: Request, prepared: Prepared) -> int:
    """Have Apache send something stored: as `send` does, quicker where nothing is conditional."""
    body = prepared.body
    if body is None or request.if_none_match or request.range or request.method == "HEAD":
        return send(req, request, of_prepared(prepared, request))
    return send_whole(req, prepared, body)


def send_whole(req: ApacheRequest, prepared: Prepared, body: bytes) -> int:
    """Send something stored, which is held in memory, to whoever wants just that."""
    table = req.headers_out
    for name, value in prepared.headers:
        table[name] = value
    for name, value in prepared.content_headers:
        if name == "Content-Type":
            req.content_type = value
        else:
            table[name] = value
    table["Accept-Ranges"] = "bytes"
    req.set_content_length(prepared.size)
    return _write(req, body)


def send(req: ApacheRequest, request: Request, response: Response) -> int:
    """Have Apache send a response; return what the fixup handler returns.

    Raises FileChangedError where a stored file is not the one any more that the response is for.
    """
    body = response.body
    if isinstance(body, bytes):
        _head(req, response)
        return _write(req, body)
    if isinstance(body, GrowingBody):
        return _stream(req, request, response, body)
    if body.span.stop - body.span.start > DIRECT:
        return _hand_over(req, request, response, body)
    data = _read(body)
    _head(req, response)
    return _write(req, data)


def _write(req: ApacheRequest, body: bytes) -> int:
    try:
        req.write(body, 0)
    except OSError:
        req.connection.keepalive = CONN_CLOSE
    return DONE


def _head(req: ApacheRequest, response: Response) -> None:
    """Set status and headers; they leave with the first bytes, or at the end."""
    status = int(response.status)
    if status != 200:  # noqa: PLR2004
        req.status = status
        if response.reason is not None:
            req.status_line = f"{status} {response.reason}"
    table = req.headers_out
    for name, value in response.headers:
        if name == "Content-Type":
            req.content_type = value
        elif name == "Content-Length":
            req.set_content_length(int(value))
        else:
            table[name] = value


class FileChangedError(Exception):
    """A stored file has been replaced or removed between two looks at it."""


def _read(body: FileBody) -> bytes:
    start, stop = body.span
    try:
        with body.path.open("rb", buffering=0) as file:
            file.seek(start)
            data = file.read(stop - start)
    except OSError:
        raise FileChangedError from None
    if len(data) != stop - start:
        raise FileChangedError
    return data


def _hand_over(req: ApacheRequest, request: Request, response: Response, body: FileBody) -> int:
    """Have Apache's default-handler send a stored file, which knows ranges and conditions.

    Clients may hold our ETag or Apache's. What matches ours is settled here, the rest there.
    """
    apache = importlib.import_module("mod_python.apache")
    for name, value in response.headers:
        if name.lower() not in _BY_APACHE:
            req.headers_out[name] = value
        elif name == "Content-Type":
            req.content_type = value
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        del req.headers_in["If-Range"]
    elif request.if_range is None:
        # Several ranges at once, or units that nobody knows, mean the whole.
        del req.headers_in["Range"]
    place = str(body.path)
    try:
        req.finfo = apache.stat(place, apache.APR_FINFO_MIN)
    except OSError:
        raise FileChangedError from None
    req.filename = place
    req.path_info = ""
    req.handler = "default-handler"
    return OK


def _stream(req: ApacheRequest, request: Request, response: Response, body: GrowingBody) -> int:
    """Send a growing file as it grows; if it never becomes whole, the connection ends."""
    blocks = growing_blocks(body)
    try:
        if body.stop is None:
            # Apache would end a body without a length that breaks off as if it were whole.
            blocks, length = when_whole(body)
            req.set_content_length(length)
        first = next(blocks, b"")
    except EggProxyError as error:
        body.file.close()
        return send(req, request, of_error(error, request))
    _head(req, response)
    try:
        req.write(first)
        for block in blocks:
            req.write(block)
    except (EggProxyError, OSError):
        # An error now would append Apache's page to the bytes of a package. OSError: the client
        # has left; the transfer goes on without it.
        req.connection.keepalive = CONN_CLOSE
    finally:
        body.file.close()
    return DONE
