"""One transfer per file for the whole host: a thread writes it, every client follows it.

The transfer belongs to no client: it goes on when the one that asked first has left. Another
process finds the growing file by its lock, and takes over with a Range request if its writer dies.
"""

import logging
import time
from concurrent.futures import Future

from eggproxy.errors import EggProxyError, UpstreamUnavailableError
from eggproxy.flights import Flights
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Partial, Tail, Writer
from eggproxy.store.partial import Progress
from eggproxy.transfer import Transfer, Wanted, strongest
from eggproxy.upstream import Upstream, shown

__all__ = ["Growing", "Transfers", "Wanted", "strongest"]

log = logging.getLogger("eggproxy")

FAILURE_MEMORY = 2.0
"""Seconds in which a failed file is not asked for again: clients retry at once, and several."""

_POLL = 0.002
_STAND_BY = 0.02


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
        self._flights: Flights[str, None] = Flights("transfer")
        self._failed: Remembered[str, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=time.monotonic
        )

    def join(self, wanted: Wanted) -> Growing | None:
        """Start a file's transfer or join it; None if the file has just become whole.

        Waits until upstream has answered. Raises NoSuchFileError, UpstreamUnavailableError,
        UpstreamNonsenseError, DigestMismatchError, StorageError.
        """
        partial = self._store.partial(wanted.project, wanted.filename, wanted.identity)
        key = str(partial.path)
        failed = self._failed.get(key)
        if failed is not None:
            raise failed
        flight, joined = self._flights.join(key, lambda: self._lead(wanted, partial))
        while not partial.final.exists():
            announced = partial.announced()
            tail = partial.follow() if announced is not None and announced.live else None
            if announced is not None and tail is not None:
                return Growing(wanted, tail, announced.total, flight, joined=joined)
            if flight.done():
                flight.result()
            time.sleep(_POLL)
        return None

    def _lead(self, wanted: Wanted, partial: Partial) -> None:
        """Bring a file to its end, or stand by while another process does, and take over."""
        while not partial.final.exists():
            writer = partial.lead()
            if writer is None:
                time.sleep(_STAND_BY)
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
        try:
            Transfer(wanted, writer, self._upstream).run()
        except EggProxyError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            self._failed.put(str(writer.partial.path), error)
            raise
