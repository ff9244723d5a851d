"""A file passed on to one client as it comes, where the disk does not take it.

It is verified all the same: its end is held back until its digest has proved right.
"""

import hashlib
import threading
from concurrent.futures import Future
from typing import Self

from eggproxy.errors import DigestMismatchError, NoSuchFileError, UpstreamUnavailableError
from eggproxy.flights import launch
from eggproxy.store.partial import HOLD_BACK, Progress
from eggproxy.transfer import Wanted
from eggproxy.upstream import Missing, Stream, Upstream, shown

AHEAD = 1 << 20
"""Bytes that are held for a client that is slower than upstream."""

_LOOK = 0.02


class Passing:
    """A file on its way from upstream to one client; it reads as a growing file does.

    `total` is its size in bytes, or None; it is known once `opened` has returned.
    """

    def __init__(self, wanted: Wanted, upstream: Upstream) -> None:
        self.wanted = wanted
        self.total: int | None = None
        self.joined = False
        # What the caches behind this one said is known to who has asked, and told to nobody.
        self.chain = ""
        self._upstream = upstream
        self._changed = threading.Condition()
        # The bytes from `_base` on that have come and have not been read.
        self._held = bytearray()
        self._base = 0
        self._begin = 0
        self._answered = self._verified = self._closed = False
        self._flight: Future[None] = Future()

    @property
    def is_in_memory(self) -> bool:
        """Say that it is nowhere but in memory, a part at a time."""
        return True

    def start(self, offset: int = 0) -> Self:
        """Ask upstream, and wait for nothing; the client wants nothing before `offset`."""
        self._begin = offset
        launch(self._pass, self._flight, name="passing")
        return self

    def wait(self) -> Self:
        """Wait until upstream has answered. Raises EggProxyError."""
        with self._changed:
            while not self._answered and not self._flight.done():
                self._changed.wait(_LOOK)
        if not self._answered:
            self._flight.result()
        return self

    def begin_at(self, offset: int) -> None:
        """Say that the client wants nothing before that byte."""
        with self._changed:
            self._begin = offset
            self._trim(offset)

    def progress(self) -> Progress:
        """Say up to where it can be read. Raises EggProxyError if it will never be whole."""
        if self._flight.done():
            self._flight.result()
        with self._changed:
            end = self._base + len(self._held)
            if self._verified:
                return Progress(end, complete=True)
            return Progress(max(self._base, end - HOLD_BACK), complete=False)

    def read(self, offset: int, count: int) -> bytes:
        """Read what `progress` said can be read; what comes before it is let go."""
        with self._changed:
            self._trim(offset)
            block = bytes(self._held[:count])
            self._trim(offset + len(block))
        return block

    def close(self) -> None:
        """Stop; the connection to upstream ends."""
        with self._changed:
            self._closed = True
            self._held.clear()
            self._changed.notify_all()

    def _trim(self, offset: int) -> None:
        let_go = min(max(0, offset - self._base), len(self._held))
        del self._held[:let_go]
        self._base += let_go
        self._changed.notify_all()

    def _pass(self) -> None:
        name, expected = self.wanted.digest or ("sha256", None)
        digest = hashlib.new(name)
        try:
            with self._upstream.file(self.wanted.url) as stream:
                self._answer(stream)
                for block in stream.blocks:
                    digest.update(block)
                    if not self._hold(block):
                        return
        except Missing:
            why = "upstream no longer has it"
            raise NoSuchFileError(self.wanted.project, self.wanted.filename, why) from None
        if self.total is not None and self._base + len(self._held) != self.total:
            raise UpstreamUnavailableError(shown(self.wanted.url), "broke off its answer")
        got = digest.hexdigest()
        if expected is not None and got != expected:
            raise DigestMismatchError(
                shown(self.wanted.url), self.wanted.filename, f"{name} {expected}", f"{name} {got}"
            )
        with self._changed:
            self._verified = True

    def _answer(self, stream: Stream) -> None:
        with self._changed:
            self.total = stream.total if self.wanted.size is None else self.wanted.size
            self._answered = True
            self._changed.notify_all()

    def _hold(self, block: bytes) -> bool:
        """Hold a block until there is room for the next; say whether anybody still wants it."""
        with self._changed:
            self._held += block
            self._trim(self._begin)
            self._changed.wait_for(lambda: self._closed or len(self._held) <= AHEAD)
            return not self._closed
