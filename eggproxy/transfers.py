"""One transfer per file for the whole host: a thread writes it, every client follows it.

The transfer belongs to no client: it goes on when the one that asked first has left. Another
process finds the growing file by its lock, and takes over with a Range request if its writer dies.
"""

import logging
import threading
import time
from concurrent.futures import Future

from eggproxy.errors import (
    DigestMismatchError,
    EggProxyError,
    StorageError,
    UpstreamUnavailableError,
)
from eggproxy.flights import Flights
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Partial, Tail, Writer
from eggproxy.store.partial import HOLD_BACK, Progress
from eggproxy.transfer import StartAgain, Transfer, Wanted, strongest
from eggproxy.upstream import Upstream, shown

__all__ = ["Growing", "Transfers", "Wanted", "strongest"]

log = logging.getLogger("eggproxy")

FAILURE_MEMORY = 2.0
"""Seconds in which a failed file is not asked for again: clients retry at once, and several."""

MISMATCH_MEMORY = 60.0
"""Seconds for which a file that came with wrong bytes twice is refused: clients would go on."""

_LOOK = 0.02


class Growing:
    """An answer that is still growing.

    `total` is its size in bytes, or None; `progress` and `read` never block.
    """

    def __init__(
        self, wanted: Wanted, tail: Tail, total: int | None, flight: Future[None], *, joined: bool
    ) -> None:
        self.wanted = wanted
        self.total = total
        self.joined = joined
        self._tail = tail
        self._flight = flight

    def progress(self) -> Progress:
        """Say up to where the file can be read, and whether that is all of it.

        Raises EggProxyError if it will never be whole.
        """
        ended = self._flight.done()
        progress = self._tail.progress(self.total)
        if ended and not progress.complete:
            self._flight.result()
            raise UpstreamUnavailableError(shown(self.wanted.url), "sent another file meanwhile")
        return progress

    def read(self, offset: int, count: int) -> bytes:
        """Read what `progress` said can be read."""
        return self._tail.read(offset, count)

    def close(self) -> None:
        """Stop following; the transfer itself goes on."""
        self._tail.close()


class Transfers:
    """The transfers of this process, and its way to join those of others."""

    def __init__(self, store: EggsDirectory, upstream: Upstream) -> None:
        self._store = store
        self._upstream = upstream
        # When upstream has answered, when a file is whole, when a transfer has failed.
        self._news = threading.Condition(threading.RLock())
        # What is being written for certain: a killed writer leaves its announcement behind.
        self._written: set[str] = set()
        self._flights: Flights[str, None] = Flights("transfer")
        self._failed: Remembered[str, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=time.monotonic
        )
        self._wrong: Remembered[str, DigestMismatchError] = Remembered(
            seconds=MISMATCH_MEMORY, limit=10_000, clock=time.monotonic
        )
        self._refused: Remembered[str, DigestMismatchError] = Remembered(
            seconds=MISMATCH_MEMORY, limit=10_000, clock=time.monotonic
        )

    def join(self, wanted: Wanted) -> Growing | None:
        """Start a file's transfer or join it; None if the file has just become whole.

        Waits until upstream has answered. Raises NoSuchFileError, UpstreamUnavailableError,
        UpstreamNonsenseError, DigestMismatchError, StorageError.
        """
        partial = self._store.partial(wanted.project, wanted.filename, wanted.identity)
        key = str(partial.path)
        failed = self._refused.get(key) or self._failed.get(key)
        if failed is not None:
            raise failed.again()
        flight, joined = self._fly(key, wanted, partial)
        with self._news:
            while not partial.final.exists():
                growing = self._follow(wanted, partial, flight, joined=joined)
                if growing is not None:
                    return growing
                if flight.done():
                    flight.result()
                    # It was whole, and has been removed by hand since.
                    flight, joined = self._fly(key, wanted, partial)
                # News of other processes come by looking.
                self._news.wait(_LOOK)
        return None

    def _fly(self, key: str, wanted: Wanted, partial: Partial) -> tuple[Future[None], bool]:
        flight, joined = self._flights.join(key, lambda: self._lead(wanted, partial))
        if not joined:
            flight.add_done_callback(lambda _flight: self._end(key))
        return flight, joined

    def _tell(self, key: str) -> None:
        """Tell that there is a writer, and that it gets on."""
        with self._news:
            self._written.add(key)
            self._news.notify_all()

    def _end(self, key: str) -> None:
        with self._news:
            self._written.discard(key)
            self._news.notify_all()

    def _follow(
        self, wanted: Wanted, partial: Partial, flight: Future[None], *, joined: bool
    ) -> Growing | None:
        """Follow a growing file, once upstream has answered."""
        announced = partial.announced() if str(partial.path) in self._written else None
        if announced is None or not announced.live:
            return None
        tail = partial.follow(marked=announced.marked)
        if tail is None:
            return None
        small = announced.total is not None and announced.total <= HOLD_BACK
        if small and not tail.progress(announced.total).complete:
            # Nothing of it can be sent before it is verified; till then an error has a status.
            tail.close()
            return None
        return Growing(wanted, tail, announced.total, flight, joined=joined)

    def _lead(self, wanted: Wanted, partial: Partial) -> None:
        """Bring a file to its end, or stand by while another process does, and take over."""
        while not partial.final.exists():
            writer = partial.lead()
            if writer is None:
                self._tell(str(partial.path))
                time.sleep(_LOOK)
                continue
            with writer:
                if partial.final.exists():
                    writer.discard()
                elif writer.size and wanted.digest is None:
                    # Nothing would prove that old bytes and new ones are of one file.
                    writer.discard()
                else:
                    self._transfer(wanted, writer)

    def _transfer(self, wanted: Wanted, writer: Writer) -> None:
        key = str(writer.partial.path)
        try:
            Transfer(wanted, writer, self._upstream, lambda: self._tell(key)).run()
        except StartAgain:
            return
        except DigestMismatchError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            # Once may be an accident on the way, and is tried afresh.
            (self._refused if self._wrong.get(key) else self._wrong).put(key, error.again())
            raise
        except EggProxyError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            if isinstance(error, StorageError):
                # On a full disk it would keep everything else from being written.
                writer.discard()
            self._failed.put(key, error.again())
            raise
        self._wrong.forget(key)
