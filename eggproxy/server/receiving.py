"""The body of a request, as ASGI gives it, for a thread that reads it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import CancelledError, Future
from typing import Any

from eggproxy.upload import ClientGoneError

Message = MutableMapping[str, Any]

IDLE = 120.0
"""Seconds for which a client may send nothing."""


class ReceivedBody:
    """The body of a request: read from a thread, received by the event loop, block by block.

    A block is received when it is asked for, so that a client sends no quicker than the disk
    writes.
    """

    def __init__(self, scope: Message, receive: Callable[[], Awaitable[Message]]) -> None:
        headers = dict(scope["headers"])
        length = headers.get(b"content-length", b"")
        self.content_type = headers.get(b"content-type", b"").decode("latin-1")
        self.length = int(length) if length.isdigit() else None
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._waiting: Future[Message] | None = None
        self._ended = False

    def read(self, _count: int) -> bytes:
        """Read a block as it comes, of some 64 KB; none at the end. Raises ClientGoneError."""
        block = b""
        while not block and not self._ended:
            message = self._next()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            block = message.get("body", b"")
            self._ended = not message.get("more_body", False)
        return block

    def end(self) -> None:
        """Let nobody wait for it any longer."""
        self._receive = _disconnected
        if self._waiting is not None:
            self._waiting.cancel()

    def _next(self) -> Message:
        try:
            self._waiting = asyncio.run_coroutine_threadsafe(self._received(), self._loop)
            return self._waiting.result(IDLE)
        except (CancelledError, TimeoutError, RuntimeError) as error:
            if self._waiting is not None:
                self._waiting.cancel()
            raise ClientGoneError(f"nothing came for {IDLE:.0f} s") from error

    async def _received(self) -> Message:
        return await self._receive()


async def _disconnected() -> Message:
    return {"type": "http.disconnect"}
