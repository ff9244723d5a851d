"""WSGI (PEP 3333): for mod_wsgi, uwsgi, gunicorn, waitress and Paste.

`application` reads the configuration with its first request, never on import; `app_factory` is
for Paste, `make_application` for whoever has a configuration already.
"""

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from eggproxy import config
from eggproxy.accesslog import line, timestamp
from eggproxy.config import Configuration
from eggproxy.errors import BadRequestError, ConfigurationError
from eggproxy.front import Front, UnusableConfigurationError
from eggproxy.responses import Request, Response, of_error
from eggproxy.upload import drain
from eggproxy.wsgi_body import Bodies
from eggproxy.wsgi_request import InputBody, refusal, request_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def make_application(configuration: Configuration) -> "WSGIApplication":
    """Make a WSGI application. Raises ConfigurationError if the directory cannot be used."""
    front = Front(configuration)
    front.prepare(configuration)
    bodies = Bodies(configuration.file_handover, str(configuration.eggs_directory))
    return _Application(front, bodies)


def app_factory(global_conf: dict[str, str], **local_conf: str) -> "WSGIApplication":
    """Make a WSGI application for Paste: `config` names a file, other keys are settings.

    `global_conf` is Paste's [DEFAULT] section, of which nothing is taken.
    """
    del global_conf
    named = local_conf.pop("config", None)
    path = Path(named) if named else None
    return make_application(config.load(path=path, environ=os.environ, options=local_conf))


def app(root: str | Path | None = None, **settings: object) -> "WSGIApplication":
    """Make a WSGI application for a file of one's own: `app = eggproxy.wsgi.app(root="/srv/pkgs")`.

    `root` is the directory of one's own packages, `config` names a configuration file, all others
    are settings by their names; without `eggs_directory` that is `eggs` beside `root`. Raises
    ConfigurationError.
    """
    named = settings.pop("config", None)
    given = {name: _written(value) for name, value in settings.items()}
    if root is not None:
        given["packages_directory"] = str(root)
    path = Path(str(named)) if named else None
    bindir = Path(sys.prefix) / "bin"
    loaded = config.load(path=path, environ=os.environ, options=given, bindir=bindir)
    if root is not None and "eggs_directory" not in loaded.origins:
        given["eggs_directory"] = str(loaded.packages_directory.parent / "eggs")
        loaded = config.load(path=path, environ=os.environ, options=given, bindir=bindir)
    return make_application(loaded)


def _written(value: object) -> str:
    """Write a setting as it stands in a configuration file."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(str, value))
    return str(value)


class _Application:
    """The proxy as a WSGI application."""

    def __init__(self, front: Front, bodies: Bodies) -> None:
        self._front = front
        self._bodies = bodies

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        began = time.monotonic()
        request = request_of(environ)
        response, body = self._respond(request, environ)
        start_response(_status_line(response), response.headers)
        if "mod_wsgi.version" not in environ:
            # Apache has a log of requests of its own, and takes what is written here for errors.
            environ["wsgi.errors"].write(_log_line(environ, request, response, began))
        return body

    def _respond(
        self, request: Request, environ: "WSGIEnvironment"
    ) -> tuple[Response, Iterable[bytes]]:
        why = refusal(environ)
        if why is not None:
            return self._bodies.of(of_error(BadRequestError(why), request), request, environ)
        if request.method not in {"GET", "HEAD"}:
            sent = InputBody(environ)
            return self._with_rest(self._front.respond(request, sent), sent)
        try:
            return self._bodies.of(self._front.respond(request), request, environ)
        except OSError:
            # A stored file has been removed between two looks at it: now it is known to be gone.
            return self._bodies.of(self._front.respond(request), request, environ)

    @staticmethod
    def _with_rest(response: Response, sent: InputBody) -> tuple[Response, Iterable[bytes]]:
        """Answer, and then take what is left of the body, lest the client miss the answer."""

        def blocks() -> Iterator[bytes]:
            yield response.body if isinstance(response.body, bytes) else b""
            drain(sent.read)

        return response, blocks()


def _status_line(response: Response) -> str:
    return f"{int(response.status)} {response.reason or response.status.phrase}"


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


class _Lazy:
    """An application that is made with the first request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: WSGIApplication | None = None

    def __call__(
        self, environ: "WSGIEnvironment", start_response: "StartResponse"
    ) -> Iterable[bytes]:
        try:
            made = self._made or self._make()
        except ConfigurationError as error:
            environ["wsgi.errors"].write(f"eggproxy: {error}\n")
            response = of_error(UnusableConfigurationError(), request_of(environ))
            start_response(_status_line(response), response.headers)
            return [response.body] if isinstance(response.body, bytes) else []
        return made(environ, start_response)

    def _make(self) -> "WSGIApplication":
        with self._lock:
            if self._made is None:
                bindir = Path(sys.prefix) / "bin"
                self._made = make_application(config.load(environ=os.environ, bindir=bindir))
            return self._made


application = _Lazy()
"""The application that servers load by name; its configuration is found as by the command."""
