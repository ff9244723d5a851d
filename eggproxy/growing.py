"""What a client follows: a file that comes from upstream while it is being read."""

from concurrent.futures import Future

from eggproxy.errors import StorageError, UpstreamUnavailableError
from eggproxy.passing import Passing
from eggproxy.store import Tail
from eggproxy.store.partial import Progress
from eggproxy.transfer import Wanted
from eggproxy.upstream import Upstream, shown


class Growing:
    """An answer that is still growing.

    `total` is its size in bytes, or None; `progress` and `read` never block. Where the disk does
    not take the rest of the file, the client has it from upstream all the same.
    """

    def __init__(  # noqa: PLR0913  what, where from, how far
        self,
        wanted: Wanted,
        tail: Tail,
        total: int | None,
        flight: Future[None],
        upstream: Upstream,
        *,
        joined: bool,
        chain: str = "",
    ) -> None:
        self.wanted = wanted
        self.total = total
        self.joined = joined
        # What the caches behind this one said (RFC 9211).
        self.chain = chain
        self._tail = tail
        self._flight = flight
        self._upstream = upstream
        self._offset = 0
        self._passing: Passing | None = None

    @property
    def is_in_memory(self) -> bool:
        """Say whether the disk has not taken it, so that it is only there a part at a time."""
        return self._passing is not None

    def begin_at(self, offset: int) -> None:
        """Say that the client wants nothing before that byte."""
        self._offset = offset

    def progress(self) -> Progress:
        """Say up to where the file can be read, and whether that is all of it.

        Raises EggProxyError if it will never be whole.
        """
        if self._passing is None:
            try:
                return self._followed()
            except StorageError:
                self._passing = Passing(self.wanted, self._upstream).start(self._offset)
        return self._passing.progress()

    def read(self, offset: int, count: int) -> bytes:
        """Read what `progress` said can be read."""
        block = (self._passing or self._tail).read(offset, count)
        self._offset = offset + len(block)
        return block

    def close(self) -> None:
        """Stop following; the transfer itself goes on."""
        self._tail.close()
        if self._passing is not None:
            self._passing.close()

    def _followed(self) -> Progress:
        ended = self._flight.done()
        progress = self._tail.progress(self.total)
        if ended and not progress.complete:
            self._flight.result()
            raise UpstreamUnavailableError(shown(self.wanted.url), "sent another file meanwhile")
        return progress
