"""One transfer per file for the whole host: a thread writes it, every client follows it.

The transfer belongs to no client: it goes on when the one that asked first has left. Another
process finds the growing file by its lock, and takes over with a Range request if its writer dies.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

from eggproxy.errors import (
    DigestMismatchError,
    EggProxyError,
    NoSuchFileError,
    OutdatedFileError,
    StorageError,
)
from eggproxy.flights import Flights
from eggproxy.growing import Growing
from eggproxy.health import Health
from eggproxy.names import NormalizedName
from eggproxy.passing import Passing
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Partial, Writer
from eggproxy.store.partial import HOLD_BACK
from eggproxy.transfer import StartAgain, Transfer, Wanted, strongest
from eggproxy.upstream import NotAskedError, OfflineError, Upstreams

__all__ = ["Transfers", "Wanted", "strongest"]

log = logging.getLogger("eggproxy")

FAILURE_MEMORY = 2.0
"""Seconds in which a failed file is not asked for again: clients retry at once, and several."""

MISMATCH_MEMORY = 60.0
"""Seconds for which a file that came with wrong bytes twice is refused: clients would go on."""

_LOOK = 0.02
_LOOK_ALL_THE_SAME = 0.25
_STRIPES = 64


def _ignore(wanted: Wanted, sha256: str | None) -> None:
    """Do nothing with the news of a file."""


def _never(project: NormalizedName, filename: str) -> bool:
    """Have nothing of our own."""
    del project, filename
    return False


class Whole(NamedTuple):
    """A file that has just become whole; `chain` is what the caches behind this one said of it."""

    joined: bool
    chain: str


class Transfers:
    """The transfers of this process, and its way to join those of others.

    `on_stored` is told of each file that came, in the transfer's thread, and the SHA-256 of one for
    which upstream names no digest.
    """

    def __init__(
        self,
        store: EggsDirectory,
        upstreams: Upstreams,
        health: Health | None = None,
        on_stored: Callable[[Wanted, str | None], None] = _ignore,
    ) -> None:
        self._health = health or Health()
        self._on_stored = on_stored
        # Says whether a file's name has become our own, so that no index's file may be kept by it.
        self.is_ours: Callable[[NormalizedName, str], bool] = _never
        # Told of each file that is right, and where it lies until it has its final name.
        self.on_verified: Callable[[Wanted, Path], None] = lambda _wanted, _path: None
        # Says whether the page means another file by now than the one that has come.
        self.is_outdated: Callable[[Wanted, str], bool] = lambda _wanted, _sha256: False
        self._store = store
        self._upstreams = upstreams
        # When upstream has answered, when a file is whole, when a transfer has failed. Several, so
        # that hardly anybody is woken by the news of another file.
        self._news = [threading.Condition(threading.RLock()) for _ in range(_STRIPES)]
        # What is being written for certain: a killed writer leaves its announcement behind.
        self._written: set[str] = set()
        # What this very process writes, of which all news come by themselves.
        self._led: set[str] = set()
        self._flights: Flights[str, None] = Flights("transfer")
        # What is wanted by those under way, the last one of each name.
        self._wanted: dict[tuple[NormalizedName, str], Wanted] = {}
        self._chains: Remembered[str, str] = Remembered(
            seconds=FAILURE_MEMORY, limit=1000, clock=time.monotonic
        )
        self._failed: Remembered[str, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=time.monotonic
        )
        self._wrong: Remembered[str, DigestMismatchError] = Remembered(
            seconds=MISMATCH_MEMORY, limit=10_000, clock=time.monotonic
        )
        self._refused: Remembered[str, DigestMismatchError] = Remembered(
            seconds=MISMATCH_MEMORY, limit=10_000, clock=time.monotonic
        )

    def join(self, wanted: Wanted) -> Growing | Whole:
        """Start a file's transfer or join it, unless the file has just become whole.

        Waits until upstream has answered. Raises NoSuchFileError, UpstreamUnavailableError,
        UpstreamNonsenseError, DigestMismatchError, StorageError.
        """
        partial = self._store.partial(wanted.project, wanted.filename, wanted.identity)
        key = str(partial.path)
        failed = self._refused.get(key) or self._failed.get(key)
        if failed is not None:
            raise failed.again()
        flight, joined = self._fly(key, wanted, partial)
        news = self._news_of(key)
        with news:
            while not partial.final.exists():
                growing = self._follow(wanted, partial, flight, joined=joined)
                if growing is not None:
                    return growing
                if flight.done():
                    flight.result()
                    # It was whole, and has been removed by hand since.
                    flight, joined = self._fly(key, wanted, partial)
                # News of other processes come by looking.
                news.wait(_LOOK_ALL_THE_SAME if key in self._led else _LOOK)
        return Whole(joined, self._chains.get(key) or "")

    def under_way(self, project: NormalizedName, filename: str) -> Wanted | None:
        """Tell what is wanted of a file that is on its way here; None if it is not."""
        return self._wanted.get((project, filename))

    def begin(self, wanted: Wanted) -> None:
        """Start a file's transfer for whoever will want it; what comes of it shows then."""
        partial = self._store.partial(wanted.project, wanted.filename, wanted.identity)
        key = str(partial.path)
        if not (partial.final.exists() or self._refused.get(key) or self._failed.get(key)):
            self._fly(key, wanted, partial)

    def pass_on(self, wanted: Wanted) -> Passing:
        """Begin to pass a file on that cannot be stored. Raises EggProxyError."""
        return Passing(wanted, self._upstreams.named(wanted.index)).start().wait()

    def _fly(self, key: str, wanted: Wanted, partial: Partial) -> tuple[Future[None], bool]:
        flight, joined = self._flights.join(key, lambda: self._bring(wanted, partial))
        if not joined:
            self._wanted[wanted.project, wanted.filename] = wanted
            flight.add_done_callback(lambda _flight: self._end(key, wanted))
        return flight, joined

    def _news_of(self, key: str) -> threading.Condition:
        return self._news[hash(key) % _STRIPES]

    def _tell(self, key: str) -> None:
        """Tell that there is a writer, and that it gets on."""
        news = self._news_of(key)
        with news:
            self._written.add(key)
            news.notify_all()

    def _end(self, key: str, wanted: Wanted) -> None:
        self._wanted.pop((wanted.project, wanted.filename), None)
        news = self._news_of(key)
        with news:
            self._written.discard(key)
            self._led.discard(key)
            news.notify_all()

    def _note_news(self, key: str, transfer: Transfer) -> None:
        if transfer.chain:
            self._chains.put(key, transfer.chain)
        self._tell(key)

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
        upstream = self._upstreams.named(wanted.index)
        return Growing(
            *(wanted, tail, announced.total, flight, upstream),
            joined=joined,
            chain=announced.chain,
        )

    def _bring(self, wanted: Wanted, partial: Partial) -> None:
        """Have a file whole on disk, or note that the disk does not take it."""
        try:
            self._lead(wanted, partial)
        except StorageError as error:
            self._failed.put(str(partial.path), error.again())
            self._health.disk_failed(error)
            raise
        self._health.disk_works()

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
                    continue
                if writer.size and wanted.digest is None:
                    # Nothing would prove that old bytes and new ones are of one file.
                    writer.discard()
                    continue
                try:
                    sha256 = self._transfer(wanted, writer)
                except StartAgain:
                    continue
            if self.is_outdated(wanted, sha256 or ""):
                # Its page has changed while it was put in place.
                self._store.remove_file(wanted.project, wanted.filename)
                error = OutdatedFileError(wanted.project, wanted.filename)
                log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
                raise error
            # Not under the file's lock: nobody ever holds two.
            self._on_stored(wanted, sha256)
            return

    def _refusal(self, wanted: Wanted, sha256: str) -> EggProxyError | None:
        if self.is_ours(wanted.project, wanted.filename):
            why = "its name has become one of this server's own"
            return NoSuchFileError(wanted.project, wanted.filename, why)
        if self.is_outdated(wanted, sha256):
            return OutdatedFileError(wanted.project, wanted.filename)
        return None

    def _transfer(self, wanted: Wanted, writer: Writer) -> str | None:
        key = str(writer.partial.path)
        self._led.add(key)
        try:
            upstream = self._upstreams.named(wanted.index)
            transfer = Transfer(wanted, writer, upstream)
            transfer.on_news = lambda: self._note_news(key, transfer)
            transfer.on_verified = lambda: self.on_verified(wanted, writer.partial.path)
            transfer.refusal = lambda sha256: self._refusal(wanted, sha256)
            sha256 = transfer.run()
        except DigestMismatchError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            # Once may be an accident on the way, and is tried afresh.
            (self._refused if self._wrong.get(key) else self._wrong).put(key, error.again())
            raise
        except StorageError:
            # On a full disk it would keep everything else from being written.
            writer.discard()
            raise
        except (NotAskedError, OfflineError):
            # That is known, and costs nothing to say again.
            raise
        except EggProxyError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            self._failed.put(key, error.again())
            raise
        self._wrong.forget(key)
        return sha256
