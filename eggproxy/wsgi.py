"""WSGI (PEP 3333): for mod_wsgi, uwsgi, gunicorn, waitress and Paste.

`application` reads the configuration with its first request, never on import; `app_factory` is
for Paste, `make_application` for whoever has a configuration already.
"""

import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eggproxy import config
from eggproxy.accesslog import line, timestamp
from eggproxy.config import Configuration
from eggproxy.errors import BadRequestError
from eggproxy.front import Front
from eggproxy.responses import FileBody, GrowingBody, Request, Response, of_error

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_BLOCK = 256 * 1024
_POLL = 0.002
# The server around has decoded the path, and with it the trap: %2f, %5c, %00, or a broken escape.
_TRAP = re.compile(r"%(?:2f|5c|00|(?![0-9a-f]{2}))", re.IGNORECASE)


def make_application(configuration: Configuration) -> "WSGIApplication":
    """Make a WSGI application. Raises ConfigurationError if the directory cannot be used."""
    front = Front(configuration)
    front.prepare(configuration)
    return _Application(front)


def app_factory(global_conf: dict[str, str], **local_conf: str) -> "WSGIApplication":
    """Make a WSGI application for Paste: `config` names a file, other keys are settings.

    `global_conf` is Paste's [DEFAULT] section, of which nothing is taken.
    """
    del global_conf
    named = local_conf.pop("config", None)
    path = Path(named) if named else None
    return make_application(config.load(path=path, environ=os.environ, options=local_conf))


class _Application:
    """The proxy as a WSGI application."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began = time.monotonic()
        request = _request(environ)
        written = environ.get("REQUEST_URI") or environ.get("RAW_URI") or ""
        if _TRAP.search(written.partition("?")[0]):
            why = "the address holds a broken % escape, or hides a slash or a NUL in one"
            response = of_error(BadRequestError(why), request)
        else:
            response = self._front.respond(request)
        reason = response.reason or response.status.phrase
        start_response(f"{int(response.status)} {reason}", response.headers)
        environ["wsgi.errors"].write(_log_line(environ, request, response, began))
        return _body(response, environ)


def _request(environ: "WSGIEnvironment") -> Request:
    path = environ.get("PATH_INFO", "").encode("latin-1")
    return Request(
        method=environ["REQUEST_METHOD"],
        # Decoded already: a % in it is nothing but a %.
        raw_path=path.replace(b"%", b"%25"),
        query=environ.get("QUERY_STRING", ""),
        mounted=environ.get("SCRIPT_NAME") or None,
        accept=environ.get("HTTP_ACCEPT"),
        accept_encoding=environ.get("HTTP_ACCEPT_ENCODING"),
        if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
        range=environ.get("HTTP_RANGE"),
        if_range=environ.get("HTTP_IF_RANGE"),
    )


def _log_line(
    environ: "WSGIEnvironment", request: Request, response: Response, began: float
) -> str:
    place = (request.mounted or "").encode("latin-1", "replace")
    size = next((value for name, value in response.headers if name == "Content-Length"), "-")
    return line(
        now=timestamp(time.time()),
        client=environ.get("REMOTE_ADDR") or "-",
        method=request.method,
        path=place + request.raw_path,
        status=int(response.status),
        size=size,
        cache_status=response.cache_status,
        seconds=time.monotonic() - began,
        agent=environ.get("HTTP_USER_AGENT", "-").encode("latin-1"),
    )


def _body(response: Response, environ: "WSGIEnvironment") -> Iterable[bytes]:
    body = response.body
    if isinstance(body, bytes):
        return [body]
    if isinstance(body, GrowingBody):
        return GrowingBlocks(body)
    wrapper: Callable[[Any, int], Iterable[bytes]] | None = environ.get("wsgi.file_wrapper")
    if wrapper is not None and int(response.status) == 200:  # noqa: PLR2004
        return wrapper(body.path.open("rb"), _BLOCK)
    return _blocks(body)


def _blocks(body: FileBody) -> Iterator[bytes]:
    with body.path.open("rb") as file:
        file.seek(body.span.start)
        left = body.span.stop - body.span.start
        while left > 0 and (block := file.read(min(_BLOCK, left))):
            left -= len(block)
            yield block


class GrowingBlocks:
    """The blocks of a growing file, as they come.

    Raises EggProxyError in the middle where it will never be whole: the server around then ends
    the connection short of Content-Length, and the client knows.
    """

    def __init__(self, body: GrowingBody) -> None:
        self._body = body
        self._blocks = self._follow()

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        """Let go when the client has all, or has left."""
        self._body.file.close()

    def _follow(self) -> Iterator[bytes]:
        file, offset, stop = self._body.file, self._body.start, self._body.stop
        while stop is None or offset < stop:
            readable, complete = file.progress()
            end = readable if stop is None else min(readable, stop)
            if offset < end:
                block = file.read(offset, min(_BLOCK, end - offset))
                offset += len(block)
                yield block
            elif complete:
                return
            else:
                time.sleep(_POLL)


class _Lazy:
    """An application that is made with the first request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: WSGIApplication | None = None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        if self._made is None:
            with self._lock:
                if self._made is None:
                    bindir = Path(sys.prefix) / "bin"
                    loaded = config.load(environ=os.environ, bindir=bindir)
                    self._made = make_application(loaded)
        return self._made(environ, start_response)


application = _Lazy()
"""The application that servers load by name; its configuration is found as by the command."""
