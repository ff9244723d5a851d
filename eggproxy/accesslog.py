"""One line for each request, on standard error: who asked for what, and how it was answered."""

import os
import time
from collections.abc import Callable

from eggproxy.characters import consists_of

_PRINTABLE = bytes(range(0x20, 0x7F))


def line(  # noqa: PLR0913  a line has that many columns
    *,
    now: str,
    client: str,
    method: str,
    path: bytes,
    status: int,
    size: int | str,
    cache_status: str,
    seconds: float,
    agent: bytes,
) -> str:
    """Write a line.

    `path` is as in the request line, without its query; headers are not logged at all, and so
    no credentials are. `size` is in bytes. Control characters cannot break the line.
    """
    text = (
        f"{now} {client} {method} {path.decode('latin-1')} {status} {size} "
        f"[{cache_status or '-'}] {seconds * 1000:.1f}ms {agent[:120].decode('latin-1')}"
    )
    if not consists_of(text, _PRINTABLE) and not text.isprintable():
        text = "".join(c if c.isprintable() else "?" for c in text)
    return f"{text}\n"


def timestamp(seconds: float) -> str:
    """Write a time, given in seconds since the epoch, as ISO 8601 with the local offset."""
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))


class AccessLog:
    """Lines, gathered and written several at a time: a system call for each would cost a hit.

    It belongs to one event loop, and is used by no other thread.
    """

    def __init__(self, descriptor: int = 2) -> None:
        self._descriptor = descriptor
        self._lines: list[str] = []
        self._second = 0
        self._now = ""

    def now(self) -> str:
        """Write the time, which changes but once a second."""
        second = int(time.time())
        if second != self._second:
            self._second, self._now = second, timestamp(second)
        return self._now

    def add(self, entry: str, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Add a line; `later` is asked to call `flush` in a tenth of a second."""
        if not self._lines:
            later(0.1, self.flush)
        self._lines.append(entry)

    def flush(self) -> None:
        """Write what has been gathered."""
        lines, self._lines = self._lines, []
        data = "".join(lines).encode("utf-8", "replace")
        while data:
            try:
                data = data[os.write(self._descriptor, data) :]
            except OSError:
                # Nobody reads the log any more: that must not stop a build.
                return
