"""The proxies behind one Apache: each configuration and directory has its own, made when needed."""

import logging
import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from eggproxy import config
from eggproxy.apache_body import HandedOverBody
from eggproxy.apache_known import KnownRequests, Words, words_of
from eggproxy.apache_log import ErrorLog
from eggproxy.apache_request import ApacheRequest, request_of
from eggproxy.apache_response import (
    DECLINED,
    FileChangedError,
    send,
    send_prepared,
    send_whole,
)
from eggproxy.errors import (
    BadRequestError,
    ConfigurationError,
    EggProxyError,
    OverloadedError,
)
from eggproxy.flights import launch
from eggproxy.front import Front, UnexpectedError, UnusableConfigurationError
from eggproxy.recalling import hot_key
from eggproxy.responses import Request, Response, of_error

MAX_FRONTS = 64
"""How many are kept; those that were made first give way."""

ROOM = 4 << 20
"""Memory for bodies in each of Apache's processes, of which there may be many, in bytes."""

_PROTOCOLS = {9, 1000, 1001, 2000, 3000}

_Key = tuple[str | None, str | None, str | None]

log = logging.getLogger("eggproxy")


class Fronts:
    """The fronts of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fronts: dict[_Key, Front] = {}
        self._known = KnownRequests()
        ErrorLog.install(log)

    def handle(self, req: ApacheRequest) -> int:
        """Answer a request, or tell Apache which file to serve: mod_python's fixup phase.

        What is stored and fresh is answered on Apache's thread, all else in a thread that Python
        made: on Apache's own, C extensions crash under its threaded servers.
        """
        if req.main is not None:
            # Another module only asks what would be at some address.
            return DECLINED
        # Apache's own would stay where the native route found no file and left it to us.
        req.status = 200
        options = req.get_options()
        words = words_of(req, options)
        known = self._known.recall(req, words) if words is not None else None
        if known is not None and known.body is not None:
            return send_whole(req, known, known.body)
        prefix = (options.get("URLPrefix") or "").rstrip("/") or None
        request = request_of(req, prefix)
        try:
            return self._answer(req, request, options, words)
        except EggProxyError as error:
            return send(req, request, of_error(error, request))
        except Exception:
            log.exception("cannot answer %s %r", request.method, request.raw_path)
            return send(req, request, of_error(UnexpectedError(), request))

    def _answer(
        self,
        req: ApacheRequest,
        request: Request,
        options: Mapping[str, str],
        words: Words | None,
    ) -> int:
        key = (options.get("EggProxyConfig"), options.get("EggsDirectory"), req.hlist.directory)
        front = self._fronts.get(key)
        prepared = None if front is None else front.recaller.recall(request)
        if front is not None and prepared is not None:
            if words is not None:
                self._known.note(req, words, front.recaller, hot_key(request), prepared)
            try:
                return send_prepared(req, request, prepared)
            except FileChangedError:
                # Between two looks at it a stored file was replaced or removed.
                log.debug("%s has changed just now", prepared.place)
        if req.proto_num not in _PROTOCOLS:
            raise BadRequestError("there is no such version of HTTP")
        mapped = _mapped(req, request) if front is None else ""
        if request.method in {"GET", "HEAD"}:
            return send(req, request, self._in_thread(key, request, mapped))
        body = HandedOverBody(req)
        response = self._in_thread(key, request, mapped, body)
        return body.send_and_drain(lambda: send(req, request, response))

    def _in_thread(
        self, key: _Key, request: Request, mapped: str, body: HandedOverBody | None = None
    ) -> Response:
        future: Future[Response] = Future()
        try:
            launch(lambda: self._respond(key, request, mapped, body), future, name="request")
        except RuntimeError as error:
            raise OverloadedError(str(error)) from error
        if body is not None:
            body.serve(future)
        return future.result()

    def _respond(
        self, key: _Key, request: Request, mapped: str, body: HandedOverBody | None
    ) -> Response:
        try:
            front = self._front(key, mapped)
        except ConfigurationError as error:
            log.error("%s", error)  # noqa: TRY400  the sentence says it all
            return of_error(UnusableConfigurationError(), request)
        return front.respond(request, body)

    def _front(self, key: _Key, mapped: str) -> Front:
        with self._lock:
            front = self._fronts.get(key)
            if front is None:
                front = _make_front(key, mapped)
                while len(self._fronts) >= MAX_FRONTS:
                    del self._fronts[next(iter(self._fronts))]
                self._fronts[key] = front
            return front


def _make_front(key: _Key, mapped: str) -> Front:
    """Make a front as `PythonOption`s say; `mapped` is the directory at this address for Apache."""
    named, directory, block = key
    # Apache's home is that of root, who started it, not of the user who serves.
    environ: dict[str, str] = {k: v for k, v in os.environ.items() if k != "HOME"}
    options = {"eggs_directory": directory} if directory else {}
    loaded = config.load(path=Path(named) if named else None, environ=environ, options=options)
    if "eggs_directory" not in loaded.origins and block and Path(block).is_dir():
        options = {"eggs_directory": block}
        loaded = config.load(path=Path(named) if named else None, environ=environ, options=options)
    front = Front(loaded, ROOM)
    front.prepare(loaded)
    if mapped and not _is_same(loaded.eggs_directory, mapped):
        log.warning(
            "Files are stored in %s, but Apache looks for them in %s: write Alias, <Directory> "
            "and eggs_directory (or PythonOption EggsDirectory) with the same path.",
            loaded.eggs_directory,
            mapped,
        )
    return front


def _mapped(req: ApacheRequest, request: Request) -> str:
    """Find the directory to which Apache maps the index: the file's path without the rest."""
    place = req.filename + (req.path_info or "")
    below = req.uri[len(request.mounted or "") :]
    return place.removesuffix(below) if below.strip("/") else place


def _is_same(one: Path, other: str) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False
