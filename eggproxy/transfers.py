"""One transfer per file for the whole host: a thread writes it, every client follows it.

The transfer belongs to no client: it goes on when the one that asked first has left. Another
process finds the growing file by its lock, and takes over with a Range request if its writer dies.
"""

import hashlib
import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from eggproxy.errors import (
    DigestMismatchError,
    EggProxyError,
    NoSuchFileError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.flights import Flights
from eggproxy.names import NormalizedName
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Partial, Tail, Writer
from eggproxy.store.partial import Announced, Progress
from eggproxy.upstream import Missing, Stream, Upstream, shown

log = logging.getLogger("eggproxy")

DIGESTS = ("sha256", "sha512", "sha384", "sha3_512", "sha3_256", "blake2b", "sha1", "md5")
"""Digests that are verified, the one that is relied on first."""

TRIES = 3
"""How often a transfer that breaks off is resumed before its clients are cut."""

FAILURE_MEMORY = 2.0
"""Seconds in which a failed file is not asked for again: clients retry at once, and several."""

_POLL = 0.002
_STAND_BY = 0.02


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A file as upstream's page names it; `size` in bytes, `digest` as (name, hex)."""

    project: NormalizedName
    filename: str
    url: str
    size: int | None = None
    digest: tuple[str, str] | None = None

    @property
    def identity(self) -> str:
        """What a partial must agree in before its bytes are built upon."""
        return "=".join(self.digest) if self.digest else self.url


def strongest(hashes: dict[str, str]) -> tuple[str, str] | None:
    """Choose the digest to rely on."""
    return next(((name, hashes[name]) for name in DIGESTS if hashes.get(name)), None)


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
            _Transfer(wanted, writer, self._upstream).run()
        except EggProxyError as error:
            log.warning("%s/%s: %s", wanted.project, wanted.filename, error)
            self._failed.put(str(writer.partial.path), error)
            raise


class _Transfer:
    """One attempt of a writer to make a file whole."""

    def __init__(self, wanted: Wanted, writer: Writer, upstream: Upstream) -> None:
        self.wanted = wanted
        self.writer = writer
        self.upstream = upstream
        self.hash = hashlib.new(wanted.digest[0]) if wanted.digest else None

    def run(self) -> None:
        """Fetch, verify, and put in place."""
        for block in self.writer.stored():
            self._digest(block)
        for attempt in range(1, TRIES + 1):
            before = self.writer.size
            try:
                self._receive()
                break
            except Missing:
                raise NoSuchFileError(
                    self.wanted.project, self.wanted.filename, "upstream no longer has it"
                ) from None
            except UpstreamUnavailableError:
                moved = self.writer.size > before
                if attempt == TRIES or self.hash is None or not moved:
                    raise
        self._verify()
        self.writer.commit()

    def _receive(self) -> None:
        """Fetch what is missing."""
        announced = self.writer.partial.announced() or Announced()
        have = self.writer.size
        if have and have == self.wanted.size:
            return
        with self.upstream.file(
            self.wanted.url, start=have, validator=announced.validator
        ) as stream:
            total = self._total(stream)
            self.writer.partial.announce(Announced(total=total, validator=stream.validator))
            for block in self._new_blocks(stream, have):
                self.writer.write(block)
                self._digest(block)
                if total is not None and self.writer.size > total:
                    self._refuse("sent more bytes than it announced")
        if total is not None and self.writer.size < total:
            raise UpstreamUnavailableError(shown(self.wanted.url), "broke off its answer")

    def _total(self, stream: Stream) -> int | None:
        """Size of the whole, by the page and by the answer's headers, which must agree."""
        page = self.wanted.size
        if page is not None and stream.total is not None and page != stream.total:
            self._refuse(f"sends {stream.total} bytes where its page says {page}")
        return stream.total if page is None else page

    def _new_blocks(self, stream: Stream, have: int) -> Iterator[bytes]:
        """Pass over what is stored already, where upstream ignores Range.

        Clients hold those bytes; the digest tells in the end whether they were the same.
        """
        skip = have - stream.start
        for block in stream.blocks:
            if skip < len(block):
                yield block[skip:] if skip else block
            skip = max(0, skip - len(block))

    def _digest(self, block: bytes) -> None:
        if self.hash is not None:
            self.hash.update(block)

    def _verify(self) -> None:
        if self.hash is None or self.wanted.digest is None:
            return
        name, expected = self.wanted.digest
        got = self.hash.hexdigest()
        if got != expected:
            self.writer.discard()
            raise DigestMismatchError(
                shown(self.wanted.url),
                self.wanted.filename,
                f"{name} {expected}",
                f"{name} {got}",
            )

    def _refuse(self, why: str) -> None:
        self.writer.discard()
        raise UpstreamNonsenseError(shown(self.wanted.url), why)
