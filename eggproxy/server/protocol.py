"""uvicorn's HTTP protocol, with a short way for hits and with reason phrases.

A hit is answered right where its request has been read: no task, no ASGI messages. All else goes
uvicorn's usual way. This module alone knows anything of uvicorn's inside; `tests/test_serve.py`
tells when a new version changes that.
"""

import asyncio
import functools
import time
from typing import Any, cast

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from eggproxy.accesslog import AccessLog, line
from eggproxy.conditional import not_modified
from eggproxy.hot import HotAnswers, Prepared, wire
from eggproxy.negotiation import Preference
from eggproxy.recalling import cached_preference
from eggproxy.responses import MAX_HEADER, Response
from eggproxy.server.asgi import CUT, WHOLE, Application
from eggproxy.upload.body import DRAIN_TIME, MAX_DRAIN

_SMALL = 16 * 1024
"""A body up to so many bytes is copied behind its head: that costs less than a second write."""

_SHORT = 0.001

_GET_OR_HEAD = frozenset({b"GET", b"HEAD"})
_READ = frozenset(
    {
        *(b"accept", b"accept-encoding", b"if-none-match", b"user-agent"),
        *(b"range", b"content-length", b"transfer-encoding", b"expect"),
    }
)


def _preference(accept: bytes | None, accept_encoding: bytes | None) -> Preference | None:
    """Choose a representation; None for headers of a size that is about to be refused."""
    if len(accept or b"") + len(accept_encoding or b"") > MAX_HEADER:
        return None
    return _small_preference(accept, accept_encoding)


@functools.lru_cache(maxsize=512)
def _small_preference(accept: bytes | None, accept_encoding: bytes | None) -> Preference:
    decoded = [
        None if header is None else header.decode("latin-1") for header in (accept, accept_encoding)
    ]
    return cached_preference(decoded[0], decoded[1], None)


class EggProxyProtocol(HttpToolsProtocol):
    """One connection."""

    _hit = False
    # Bytes of a body that may still come after the answer to it.
    _to_drain: int | None = None
    # When the connection fell idle, by the loop's clock; None while a request is under way.
    _idle_since: float | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Find the application behind the server."""
        super().connection_made(transport)
        application = _application(self.app)
        self._recaller = application.front.recaller
        self._hot: HotAnswers = application.front.hot
        # Where reading is restricted, no answer is given without a look at who asks.
        self._quick = _GET_OR_HEAD if application.front.access.is_open else frozenset()
        self._log: AccessLog | None = application.log
        self._server_headers = _ServerHeaders(self.server_state)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the timer, which would hold the connection's memory till it is due."""
        super()._unset_keepalive_if_required()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin a request; what uvicorn prepares for it, a hit has no use for."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Answer a hit at once, if nothing before it is still being answered."""
        cycle: RequestResponseCycle | None = self.cycle
        idle = cycle is None or cycle.response_complete
        self._hit = idle and not self.flow.write_paused and self._answer_hit()
        if not self._hit:
            url, headers, expect = self.url, self.headers, self.expect_100_continue
            super().on_message_begin()
            self.url, self.expect_100_continue = url, expect
            self.headers.extend(headers)
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Pass over a body that came with a hit, or that has been answered before its end."""
        if self._to_drain is not None:
            self._to_drain -= len(body)
            if self._to_drain < 0:
                self.transport.close()
        elif not self._hit:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Pass over the end of a hit."""
        if self._to_drain is not None:
            self.transport.close()
        elif not self._hit:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Go on with the next request, or wait for one."""
        follows = bool(self.pipeline)
        if follows or self.timeout_keep_alive_task is None:
            super().on_response_complete()
        else:
            # The timer runs already, and will see that there is news.
            self.server_state.total_requests += 1
            self.flow.resume_reading()
        self._idle_since = None if follows else self.loop.time()

    def _unset_keepalive_if_required(self) -> None:
        """Let the timer run: one for all requests costs less than one each."""
        self._idle_since = None

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has been idle for so long."""
        self.timeout_keep_alive_task = None
        if self._idle_since is None:
            return
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > _SHORT:
            self.timeout_keep_alive_task = self.loop.call_later(
                left, self.timeout_keep_alive_handler
            )
        else:
            super().timeout_keep_alive_handler()

    def _answer_hit(self) -> bool:
        """Answer if it is a hit, and say so."""
        method = self.parser.get_method()
        if method not in self._quick:
            return False
        began = time.perf_counter()
        accept = accept_encoding = known = None
        agent = b"-"
        for name, value in self.headers:
            if name in _READ:
                if name == b"user-agent":
                    agent = value
                elif name == b"accept":
                    accept = value
                elif name == b"accept-encoding":
                    accept_encoding = value
                elif name == b"if-none-match":
                    known = value
                else:
                    # It wants more than what lies ready.
                    return False
        preference = _preference(accept, accept_encoding)
        prepared = preference and self._hot.get((self.url, None, preference))
        if prepared is None or prepared.body is None or not self._recaller.may_answer(prepared):
            return False
        has_it = known is not None and not_modified(known.decode("latin-1"), prepared.etag)
        status = 304 if has_it else 200
        sent = self._write_hit(method, status, prepared)
        if self._log is not None:
            entry = line(
                now=self._log.now(),
                client=self.client[0] if self.client else "-",
                method=method.decode("ascii"),
                path=self.url,
                status=status,
                size=sent,
                cache_status=prepared.cache_status,
                seconds=time.perf_counter() - began,
                agent=agent,
            )
            self._log.add(entry, self.loop.call_later)
        return True

    def _write_hit(self, method: bytes, status: int, prepared: Prepared) -> int:
        """Write the response; return the bytes of its body."""
        keep_alive = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        body = prepared.body if status == 200 and method == b"GET" else None  # noqa: PLR2004
        if status == 304:  # noqa: PLR2004
            head = self._status_line(b"304 Not Modified", keep_alive) + prepared.wire_not_modified
        else:
            head = self._status_line(b"200 OK", keep_alive) + prepared.wire
        if body is None:
            self.transport.write(head)
        elif len(body) < _SMALL:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)
        if not keep_alive:
            self.transport.close()
        self.on_response_complete()
        return len(body or b"")

    def _status_line(self, status: bytes, keep_alive: bool) -> bytes:  # noqa: FBT001
        close = b"" if keep_alive else b"connection: close\r\n"
        return b"HTTP/1.1 " + status + b"\r\n" + self._server_headers.wire() + close

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        """Offer our extensions to the application."""
        # ASGI's types have extensions as plain data; ours are within one process.
        scope = cast("dict[str, Any]", cycle.scope)
        scope["extensions"] = {
            WHOLE: functools.partial(self._send_whole, cycle),
            CUT: self.transport.close,
        }
        super()._start_asgi_task(cycle, app)

    def _send_whole(self, cycle: RequestResponseCycle, response: Response) -> bool:
        """Send a response that is whole, with its own reason phrase.

        Says whether it did: to a client that does not read, it is sent the slow way, in its time.
        """
        if self.flow.write_paused:
            return False
        if cycle.disconnected:
            return True
        if cycle.more_body:
            # Who still sends does not read yet, and would lose the answer if we closed at once.
            self._to_drain = MAX_DRAIN
            self.loop.call_later(DRAIN_TIME, self.transport.close)
            cycle.keep_alive = False
        reason = response.reason or response.status.phrase
        status = f"{int(response.status)} {reason}".encode("latin-1", "replace")
        head = self._status_line(status, cycle.keep_alive) + wire(response.headers)
        if not isinstance(response.body, bytes):
            raise TypeError("only a body that is whole can be sent at once")
        self.transport.write(head + response.body)
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.message_event.set()
        if not cycle.keep_alive and not cycle.more_body:
            self.transport.close()
        cycle.on_response()
        return True


class _ServerHeaders:
    """The headers that uvicorn puts into every answer, as they go over the wire."""

    def __init__(self, state: ServerState) -> None:
        self._state = state
        self._seen: list[tuple[bytes, bytes]] = []
        self._wire = b""

    def wire(self) -> bytes:
        """Write them anew when uvicorn has made a new list: once a second, for the date."""
        headers = self._state.default_headers
        if headers is not self._seen:
            self._seen = headers
            self._wire = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        return self._wire


def _application(app: Any) -> Application:  # noqa: ANN401  whatever wraps it
    """Look through what uvicorn wraps round an application."""
    while not isinstance(app, Application):
        app = app.app
    return app
