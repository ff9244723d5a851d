"""The ASGI application over the same `Front` as every other front end."""

import asyncio
import dataclasses
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import Future
from typing import Any

from eggproxy.accesslog import AccessLog, line
from eggproxy.errors import EggProxyError, EndingError
from eggproxy.flights import launch
from eggproxy.front import Front
from eggproxy.responses import Body, FileBody, GrowingBody, Request, Response, of_error
from eggproxy.server import memory
from eggproxy.server.bodies import file_blocks, growing_blocks
from eggproxy.server.receiving import ReceivedBody

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

THREADS = 400
"""How many requests may wait in threads at once; equal ones wait as one.

So many that a silent upstream, for which some hundred clients wait, keeps nobody from what is
stored; a thread that waits takes some tens of kilobytes.
"""

SWITCH_INTERVAL = 0.0005
"""Seconds after which a busy thread lets others go on.

With Python's own 5 ms a small answer, which passes through several threads, waits for that long at
each of them while another thread reads a large page.
"""

AT_REST = 0.05
"""Seconds after its start, in which a server begins to listen."""

WHOLE = "eggproxy.whole"
"""ASGI extension: sends a whole response, with a reason phrase, for which ASGI has no room."""

CUT = "eggproxy.cut"
"""ASGI extension: ends the connection in the middle of a body."""

_POLL = 0.02

_HEADERS = {
    b"accept": "accept",
    b"accept-encoding": "accept_encoding",
    b"if-none-match": "if_none_match",
    b"range": "range",
    b"if-range": "if_range",
    b"authorization": "authorization",
    b"cdn-loop": "cdn_loop",
    b"user-agent": "user_agent",
}


class Application:
    """The proxy as an ASGI application."""

    def __init__(self, front: Front, log: AccessLog | None = None) -> None:
        self.front = front
        self.log = log
        self._free = asyncio.Semaphore(THREADS)
        self._cold: dict[bytes, asyncio.Future[Response]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of ASGI's: a request, or the server's own life."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        began = time.perf_counter()
        request = request_of(scope)
        response = self.front.respond_hot(request)
        if response is None:
            try:
                if request.method in {"GET", "HEAD"}:
                    response = await self._respond_cold(request)
                else:
                    response = await self._take(request, ReceivedBody(scope, receive))
            except asyncio.CancelledError:
                # The grace after a signal is over.
                response = of_error(EndingError(), request)
        sent = await self._send(response, scope, receive, send)
        self._note(scope, request, response, sent, began)

    async def _respond_cold(self, request: Request) -> Response:
        """Have a thread answer; whoever asks for the same meanwhile waits without one."""
        running = self._cold.get(request.raw_path)
        if running is not None and self.front.is_loop(request):
            # It would wait for what waits for it.
            return await self._in_thread(request)
        if running is not None:
            await asyncio.wait([running])
            hot = self.front.respond_hot(request)
            return hot or await self._in_thread(request)
        running = asyncio.ensure_future(self._in_thread(request))
        self._cold[request.raw_path] = running
        running.add_done_callback(lambda _done: self._cold.pop(request.raw_path, None))
        return await running

    async def _take(self, request: Request, body: ReceivedBody) -> Response:
        """Have a thread answer that reads the body; in the end nobody waits for more of it."""
        try:
            return await self._in_thread(request, body)
        finally:
            body.end()

    async def _in_thread(self, request: Request, body: ReceivedBody | None = None) -> Response:
        future: Future[Response] = Future()
        async with self._free:
            launch(lambda: self.front.respond(request, body), future, name="request")
            return await asyncio.wrap_future(future)

    async def _send(self, response: Response, scope: Scope, receive: Receive, send: Send) -> int:
        """Send a response and return how many bytes of its body were sent."""
        body = response.body
        if isinstance(body, GrowingBody) and body.stop is None and scope["http_version"] == "1.0":
            # There is no other way to tell such a client where a file ends that has no length yet.
            response, body = await _when_whole(response, body)
        extensions = scope.get("extensions") or {}
        if isinstance(body, bytes) and WHOLE in extensions and extensions[WHOLE](response):
            return len(body)
        await send(
            {
                "type": "http.response.start",
                "status": int(response.status),
                "headers": [
                    (name.lower().encode("latin-1"), value.encode("latin-1"))
                    for name, value in response.headers
                ],
            }
        )
        if isinstance(body, bytes):
            await send({"type": "http.response.body", "body": body})
            return len(body)
        return await self._stream(body, extensions.get(CUT), receive, send)

    async def _stream(
        self,
        body: FileBody | GrowingBody,
        cut: Callable[[], None] | None,
        receive: Receive,
        send: Send,
    ) -> int:
        """Send a body block by block, as fast as the client takes it, while it is there."""
        gone = asyncio.ensure_future(_disconnected(receive))
        blocks = (
            file_blocks(body) if isinstance(body, FileBody) else growing_blocks(body, gone.done)
        )
        sent = 0
        try:
            async for block in blocks:
                if gone.done():
                    return sent
                await send({"type": "http.response.body", "body": block, "more_body": True})
                sent += len(block)
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        except (EggProxyError, OSError, asyncio.CancelledError):
            # The response stays open, and the connection ends: so the client notices. Cancelled is
            # who still has not read all when the server's time to end is over.
            if cut is not None:
                cut()
                await asyncio.wait([gone], timeout=1)
        finally:
            gone.cancel()
            await blocks.aclose()
        return sent

    def _note(
        self, scope: Scope, request: Request, response: Response, sent: int, began: float
    ) -> None:
        """Write the request's line into the log."""
        if self.log is None:
            return
        expected = _length(response.body)
        cut = expected is not None and sent < expected
        agent = next((value for name, value in scope["headers"] if name == b"user-agent"), b"-")
        entry = line(
            now=self.log.now(),
            client=scope["client"][0] if scope.get("client") else "-",
            method=request.method,
            path=request.raw_path,
            status=int(response.status),
            size=sent,
            cache_status=f"{response.cache_status}; cut" if cut else response.cache_status,
            seconds=time.perf_counter() - began,
            agent=agent,
        )
        self.log.add(entry, asyncio.get_running_loop().call_later)

    def _warm_up(self) -> None:
        """Load, in a thread, what the first question to upstream takes: a quarter of a start."""

        def load() -> None:
            self.front.warm_up()
            memory.relieve_collector()

        launch(load, Future(), name="warm-up")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                memory.keep_memory_together()
                sys.setswitchinterval(SWITCH_INTERVAL)
                asyncio.get_running_loop().call_later(AT_REST, self._warm_up)
            elif message["type"] == "lifespan.shutdown":
                await asyncio.to_thread(self.front.finish)
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return


def request_of(scope: Scope) -> Request:
    """Take what matters from ASGI's scope."""
    found = {
        field: value.decode("latin-1")
        for name, value in scope["headers"]
        if (field := _HEADERS.get(name)) is not None
    }
    root = scope.get("root_path") or None
    raw_path = scope["raw_path"]
    if root is not None:
        raw_path = raw_path.removeprefix(root.encode())
    # Other servers leave it out, or have none where they listen at a path.
    client = (scope.get("client") or (None,))[0]
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], raw_path, query, root, client=client, **found)


def _length(body: Body) -> int | None:
    """Bytes that a whole body has; None where nobody knows yet."""
    if isinstance(body, FileBody):
        return body.span.stop - body.span.start
    if isinstance(body, GrowingBody):
        return None if body.stop is None else body.stop - body.start
    return len(body)


async def _when_whole(
    response: Response, body: GrowingBody
) -> tuple[Response, bytes | GrowingBody]:
    """Wait until a growing file is whole, and tell its length."""
    whole: bytes | GrowingBody
    try:
        while not (progress := body.file.progress()).complete:
            if body.file.is_in_memory:
                # It comes only as fast as it is read.
                whole = b"".join([bytes(block) async for block in growing_blocks(body)])
                headers = [*response.headers, ("Content-Length", str(len(whole)))]
                return dataclasses.replace(response, headers=headers, body=whole), whole
            await asyncio.sleep(_POLL)
    except EggProxyError:
        # It is told by a body that ends too soon.
        return response, dataclasses.replace(body, stop=body.start + 1)
    length = ("Content-Length", str(progress.readable - body.start))
    whole = dataclasses.replace(body, stop=progress.readable)
    headers = [*response.headers, length]
    return dataclasses.replace(response, headers=headers, body=whole), whole


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
