"""Through which proxies a question has come: so a proxy that is its own upstream notices.

Each proxy adds itself to CDN-Loop (RFC 8586) and passes on what was there. Not to Via, which would
tell it as well: to whoever sends that, nginx as it comes (`gzip_proxied off`) packs nothing, and a
page of thousands of files is four times as large. What a request came with is known to the thread
that answers it, and to those it starts.
"""

import hashlib
import socket
from contextvars import ContextVar
from pathlib import Path

from eggproxy.upstream.faults import LoopError

_LONGEST = 2000

_came_with: ContextVar[str] = ContextVar("came_with", default="")


def identity(directory: Path) -> str:
    """Name this proxy among others: all processes over one directory are one."""
    place = f"{socket.gethostname()}:{directory}"
    return f"eggproxy-{hashlib.sha256(place.encode()).hexdigest()[:16]}"


def enter(header: str | None, me: str) -> None:
    """Begin to answer a request that came with this CDN-Loop. Raises LoopError."""
    text = header or ""
    if me in text:
        raise LoopError
    usable = len(text) <= _LONGEST and text.isascii() and text.isprintable()
    _came_with.set(text if usable else "")


def header(me: str) -> str:
    """Write the header of a question to upstream."""
    before = _came_with.get()
    return f"{before}, {me}" if before else me
