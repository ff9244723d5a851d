"""From Apache's request to ours, and from our response to Apache's."""

import time
from http import HTTPStatus
from typing import Any, Protocol

from eggproxy.errors import EggProxyError
from eggproxy.responses import FileBody, GrowingBody, Request, Response, of_error

# Of mod_python.apache, which is there only within httpd. Never return a number above 256:
# mod_python drops its reference to it without the lock that guards reference counts.
OK = 0
DECLINED = -1
DONE = -2
_CONN_CLOSE = 2

DIRECT = 1 << 20
"""Largest body, in bytes, that we write ourselves, with our ETag, the same in all front ends.

Apache's default-handler is no quicker with small ones, and its own ETag, which nothing replaces,
is a weak one in a file's first second. Larger ones it sends without copying, and without holding
a thread for a client that reads slowly.
"""

_BLOCK = 256 * 1024
_POLL = 0.002
_BY_APACHE = {"content-length", "content-range", "accept-ranges", "etag", "content-type"}


class HandlerList(Protocol):
    """Where a handler was configured."""

    directory: str | None


class ApacheRequest(Protocol):
    """What is used of mod_python's request object."""

    # The whole address as it stood in the request line, and its path, decoded by Apache.
    unparsed_uri: str
    uri: str
    method: str
    user: str | None
    main: object | None
    filename: str
    path_info: str | None
    finfo: object
    handler: str
    content_type: str
    status: int
    status_line: str
    headers_in: Any
    headers_out: Any
    connection: Any
    hlist: HandlerList

    def get_options(self) -> Any:  # noqa: ANN401  a table, which has most methods of a dict
        """Give the PythonOptions that apply here."""

    def set_content_length(self, length: int) -> None:
        """Set Content-Length, in bytes."""

    def write(self, data: bytes, flush: int = 1) -> None:
        """Send a part of the body. Raises OSError if the client is gone."""


def request_of(req: ApacheRequest, prefix: str | None) -> Request:
    """Take what matters from Apache's request; `prefix` is where the index is mounted."""
    path, _, query = req.unparsed_uri.partition("?")
    if not path.startswith("/"):
        # A client that believes to talk to a proxy: http://HOST/path
        path = "/" + path.partition("://")[2].partition("/")[2]
    if prefix is not None:
        if not _is_below(path, prefix):
            # Written in another way, such as /%70ypi. Decoded, a % in it is nothing but a %.
            path = req.uri.replace("%", "%25")
        path = path.removeprefix(prefix)
    header = req.headers_in.get
    return Request(
        method=req.method,
        raw_path=path.encode("latin-1"),
        query=query,
        mounted=prefix,
        accept=header("Accept"),
        accept_encoding=header("Accept-Encoding"),
        if_none_match=header("If-None-Match"),
        range=header("Range"),
        if_range=header("If-Range"),
    )


def _is_below(path: str, prefix: str) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in {"", "/"}


def send(req: ApacheRequest, request: Request, response: Response) -> int:
    """Have Apache send a response; return what the fixup handler returns.

    Raises FileChangedError where a stored file is not the one any more that the response is for.
    """
    body = response.body
    if isinstance(body, bytes):
        return _write(req, response, body)
    if isinstance(body, GrowingBody):
        return _stream(req, request, response, body)
    if body.span.stop - body.span.start > DIRECT:
        return _hand_over(req, request, response, body)
    return _write(req, response, _read(body))


def _write(req: ApacheRequest, response: Response, body: bytes) -> int:
    _head(req, response)
    try:
        req.write(body, 0)
    except OSError:
        req.connection.keepalive = _CONN_CLOSE
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
    file, offset, stop = body.file, body.start, body.stop
    begun = False
    try:
        while stop is None or offset < stop or not begun:
            readable, complete = file.progress()
            if stop is None and complete:
                # Apache would end a failed body of unknown length as if it were whole.
                stop = readable
                req.set_content_length(stop - offset)
            end = offset if stop is None else min(readable, stop)
            if offset < end or offset == stop:
                if not begun:
                    _head(req, response)
                    begun = True
                block = file.read(offset, min(_BLOCK, end - offset))
                req.write(block)
                offset += len(block)
            elif complete:
                break
            else:
                time.sleep(_POLL)
    except EggProxyError as error:
        if not begun:
            return _write_error(req, request, error)
        # An error now would append Apache's page to the bytes of a package.
        req.connection.keepalive = _CONN_CLOSE
    except OSError:
        req.connection.keepalive = _CONN_CLOSE
    finally:
        file.close()
    return DONE


def _write_error(req: ApacheRequest, request: Request, error: EggProxyError) -> int:
    response = of_error(error, request)
    assert isinstance(response.body, bytes)  # noqa: S101
    return _write(req, response, response.body)
