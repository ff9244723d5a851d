"""Stored answers made ready to send: one `stat` tells whether they still hold.

That is all a hit costs: no parsing, no decisions, no second look at any record.
"""

import copy
import hashlib
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from eggproxy.answers import Ready
from eggproxy.negotiation import Preference
from eggproxy.store.atomic import signature

MAX_BODY = 2 << 20
"""Largest body that is held in memory, in bytes; larger ones are sent from their file."""

MAX_BODIES = 24 << 20
"""Memory for bodies, in bytes; the least recently used give way."""

MAX_ANSWERS = 4096
"""How many answers are held, with or without a body."""


Key = tuple[bytes, str | None, Preference]
"""A raw path, the prefix it is mounted under, and the representation that suits."""


class Prepared:
    """A stored answer with all of its headers.

    `headers` go with every status, `content_headers` with a body, `all_headers` with a whole one;
    `body` is None for a large file.
    """

    __slots__ = (
        "all_headers",
        "body",
        "cache_status",
        "content_headers",
        "decided_by",
        "etag",
        "fresh_until",
        "headers",
        "path",
        "place",
        "signature",
        "size",
        "wire",
        "wire_not_modified",
    )

    def __init__(self, ready: Ready) -> None:
        with ready.path.open("rb") as file:
            self.signature = signature(file.fileno())
            self.size = self.signature.size
            self.body = file.read() if self.size <= MAX_BODY else None
        self.path = ready.path
        self.place = str(ready.path)
        self.fresh_until = ready.fresh_until
        self.decided_by = ready.decided_by
        self.etag = ready.etag or self._make_etag()
        self.content_headers = [("Content-Type", ready.content_type)]
        if "html" in ready.content_type:
            # Whatever upstream managed to write into a page, it runs nowhere.
            self.content_headers.append(("Content-Security-Policy", "default-src 'none'"))
        if ready.encoding:
            self.content_headers.append(("Content-Encoding", ready.encoding))
        self.describe(ready)

    def later(self, ready: Ready) -> Self:
        """Make the answer to the next request of the same: `ready` has the same file."""
        again = copy.copy(self)
        again.describe(ready)
        return again

    def without_body(self) -> Self:
        """Make the same answer, to be sent from its file."""
        again = copy.copy(self)
        again.body = None
        return again

    def _make_etag(self) -> str:
        """Make a strong validator of the bytes, or of a large file's signature."""
        if self.body is None:
            return '"{:x}-{:x}-{:x}"'.format(*self.signature)
        return etag_of(self.body)

    def describe(self, ready: Ready) -> None:
        """Write the headers that `ready` asks for."""
        self.cache_status = ready.cache_status
        self.headers = [
            ("Cache-Control", ready.cache_control),
            ("Cache-Status", said(ready.cache_status, ready.chain)),
            ("ETag", self.etag),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if ready.vary:
            self.headers.append(("Vary", ready.vary))
        if ready.age is not None:
            self.headers.append(("Age", str(ready.age)))
        content = [
            *self.content_headers,
            ("Accept-Ranges", "bytes"),
            ("Content-Length", str(self.size)),
        ]
        self.all_headers = [*self.headers, *content]
        self.wire = wire(self.all_headers)
        self.wire_not_modified = wire(self.headers)

    def holds(self, now: float) -> bool:
        """Say whether this is still the answer."""
        if now >= self.fresh_until:
            return False
        known = self.signature
        try:
            # What `signature` does, but for the tuple it makes: this is done for every request.
            facts = os.stat(self.place)  # noqa: PTH116  making a Path would cost as much
            if self.decided_by is not None and not self.decided_by.holds():
                return False
        except OSError:
            return False
        return (
            facts.st_mtime_ns == known.modified
            and facts.st_size == known.size
            and facts.st_ino == known.inode
        )


def etag_of(body: bytes) -> str:
    """Make the strong validator of a page's bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def said(cache_status: str, chain: str = "") -> str:
    """Write Cache-Status (RFC 9211): the caches behind this one, then this one."""
    return f"{chain}, eggproxy; {cache_status}" if chain else f"eggproxy; {cache_status}"


def wire(headers: list[tuple[str, str]]) -> bytes:
    """Write headers as they go over the wire, with the empty line after them."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    return f"{lines}\r\n".encode("latin-1")


class HotAnswers:
    """Prepared answers by request, bounded in number and in bytes.

    `room` is the memory for bodies, in bytes, `MAX_BODIES` if it is None. A body that would take
    more than a sixteenth of it is not held, and is sent from its file.
    """

    def __init__(self, clock: Callable[[], float] = time.time, room: int | None = None) -> None:
        self._clock = clock
        self._room = room
        self._lock = threading.Lock()
        self._answers: OrderedDict[Key, Prepared] = OrderedDict()
        self._bytes = 0

    def get(self, key: Key) -> Prepared | None:
        """Recall an answer that still holds."""
        prepared = self._answers.get(key)
        if prepared is None:
            return None
        if prepared.holds(self._clock()):
            try:  # noqa: SIM105  a third of the time of the whole
                self._answers.move_to_end(key)
            except KeyError:
                # Another thread has just dropped it.
                pass
            return prepared
        self._drop(key)
        return None

    def keeps(self, key: Key, prepared: Prepared) -> bool:
        """Say whether this answer is still kept, and fresh; its file is for others to look at."""
        if self._answers.get(key) is not prepared or self._clock() >= prepared.fresh_until:
            return False
        with suppress(KeyError):
            # Another thread may just have dropped it.
            self._answers.move_to_end(key)
        return True

    def put(self, key: Key, prepared: Prepared) -> None:
        """Keep an answer; those that were not used for longest give way."""
        room = MAX_BODIES if self._room is None else self._room
        if self._room is not None and len(prepared.body or b"") > room // 16:
            prepared = prepared.without_body()
        with self._lock:
            self._forget(key)
            self._answers[key] = prepared
            self._bytes += len(prepared.body or b"")
            while len(self._answers) > MAX_ANSWERS or self._bytes > room:
                self._forget(next(iter(self._answers)))

    def clear(self) -> None:
        """Forget all answers."""
        with self._lock:
            self._answers.clear()
            self._bytes = 0

    def _drop(self, key: Key) -> None:
        with self._lock:
            self._forget(key)

    def _forget(self, key: Key) -> None:
        gone = self._answers.pop(key, None)
        if gone is not None:
            self._bytes -= len(gone.body or b"")
