"""The body of a request, read in blocks, however the server around gives it."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from eggproxy.errors import EggProxyError
from eggproxy.upload.errors import ClientGoneError

BLOCK = 64 * 1024
"""Bytes read at once."""

MAX_DRAIN = 1 << 30
"""Bytes of a refused body that are read and thrown away, at most."""

DRAIN_TIME = 60.0
"""Seconds for which they are."""


class RequestBody(Protocol):
    """The body of a request. `length` is in bytes, None where only its end will tell."""

    content_type: str
    length: int | None

    def read(self, count: int) -> bytes:
        """Read up to `count` bytes; none at the end. Raises ClientGoneError."""


class NoBody:
    """A request without one."""

    content_type = ""
    length: int | None = 0

    def read(self, _count: int) -> bytes:
        """Read nothing."""
        return b""


def blocks(body: RequestBody, patience: float = math.inf) -> Iterator[bytes]:
    """Read a body block by block, for so many seconds.

    Raises ClientGoneError if it ends before its length, or does not end in that time.
    """
    received = 0
    end = time.monotonic() + patience
    while body.length is None or received < body.length:
        if time.monotonic() > end:
            raise ClientGoneError(f"it took longer than {patience:.0f} s")
        block = body.read(BLOCK)
        if not block:
            break
        received += len(block)
        yield block
    if body.length is not None and received < body.length:
        raise ClientGoneError


def drain(read: Callable[[int], bytes]) -> None:
    """Throw away what is left of a body, within bounds.

    A client that has not sent all yet does not look for an answer, and would find a connection
    that is closed under its hands instead of one.
    """
    end = time.monotonic() + DRAIN_TIME
    left = MAX_DRAIN
    try:
        while left > 0 and time.monotonic() < end:
            block = read(BLOCK)
            if not block:
                return
            left -= len(block)
    except EggProxyError:
        return
