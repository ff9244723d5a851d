"""The body of a request under mod_python: read on Apache's thread, for one that Python made."""

import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

from eggproxy.apache_request import ApacheRequest
from eggproxy.apache_response import CONN_CLOSE
from eggproxy.errors import EggProxyError
from eggproxy.responses import Response
from eggproxy.upload import ClientGoneError, LengthRequiredError, drain


class HandedOverBody:
    """The body of a request. While one thread reads it, Apache's own has to `serve` it."""

    def __init__(self, req: ApacheRequest) -> None:
        length = req.headers_in.get("Content-Length") or "0"
        chunked = req.headers_in.get("Transfer-Encoding") is not None
        self.content_type: str = req.headers_in.get("Content-Type") or ""
        self.length = None if chunked or not length.isdigit() else int(length)
        self._left = self.length
        self._req = req
        self._wanted: SimpleQueue[int | None] = SimpleQueue()
        self._blocks: SimpleQueue[bytes | EggProxyError] = SimpleQueue()

    def read(self, count: int) -> bytes:
        """Have up to `count` bytes read; none at the end. Raises ClientGoneError."""
        self._wanted.put(count)
        block = self._blocks.get()
        if isinstance(block, EggProxyError):
            raise block
        return block

    def serve(self, future: "Future[Response]") -> None:
        """Read what is wanted, on this thread, until there is a result."""
        future.add_done_callback(lambda _future: self._wanted.put(None))
        while (count := self._wanted.get()) is not None:
            try:
                self._blocks.put(self._read(count))
            except EggProxyError as error:
                self._blocks.put(error)

    def send_and_drain(self, send: Callable[[], int]) -> int:
        """Answer, and then take what is left, lest the client miss the answer."""
        if self._left == 0:
            return send()
        self._req.connection.keepalive = CONN_CLOSE
        status = send()
        if not self._is_held_back():
            with contextlib.suppress(OSError):
                self._req.flush()
                drain(self._read)
        return status

    def _is_held_back(self) -> bool:
        """Say whether the client waits for a word before it sends (RFC 9110, 10.1.1)."""
        return self._left == self.length and self._req.headers_in.get("Expect") is not None

    def _read(self, count: int) -> bytes:
        if self._left is None:
            raise LengthRequiredError
        count = min(count, self._left)
        try:
            block = self._req.read(count) if count else b""
        except Exception as error:
            # mod_python has several, one of which is no more than a number.
            raise ClientGoneError from error
        self._left = self._left - len(block) if block else 0
        return block
