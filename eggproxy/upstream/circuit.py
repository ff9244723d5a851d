"""Breakers at work: one for each host, shared by the threads of this process."""

import contextlib
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Hashable, Iterator

from eggproxy.upstream.answers import Missing, RangeRefused, shown
from eggproxy.upstream.breaker import Breaker
from eggproxy.upstream.faults import NotAskedError, OutageError

log = logging.getLogger("eggproxy")

HOSTS = 256
"""How many hosts are remembered; a page of upstream may name any number."""


class Circuit:
    """The way to one host; `clock` gives seconds and never goes back."""

    def __init__(self, host: str, patience: float, clock: Callable[[], float]) -> None:
        self._host = host
        self._clock = clock
        self._lock = threading.Lock()
        self._breaker = Breaker(patience)
        self._why = ""
        # To be read without the lock, by everybody who is answered from disk.
        self._down = False

    def is_down(self) -> bool:
        """Say whether the host is down, as far as is known; costs next to nothing."""
        return self._down and self._breaker.is_open(self._clock())

    def is_doubtful(self) -> bool:
        """Say whether it was down when it was last heard of, long ago; costs next to nothing."""
        return self._down and self._breaker.is_doubtful(self._clock())

    def refusal(self, url: str) -> NotAskedError | None:
        """Make the error for who comes now, if nobody may ask now."""
        with self._lock:
            pause = self._breaker.pause(self._clock())
        return self._refused(url, pause) if pause else None

    @contextlib.contextmanager
    def asking(self, url: str) -> Iterator[None]:
        """Ask in this block, if that may be; an outage and a clear no are noted.

        Raises NotAskedError.
        """
        with self._lock:
            pause = self._breaker.admit(self._clock())
        if pause:
            raise self._refused(url, pause)
        try:
            yield
        except OutageError as error:
            self._fail(error)
            raise
        except (Missing, RangeRefused):
            self.succeeded()
            raise

    def succeeded(self) -> None:
        """Note that what came makes sense."""
        with self._lock:
            self._breaker.succeeded()
            was_down, self._down = self._down, False
        if was_down:
            log.warning("upstream %s answers again", self._host)

    def doubted(self, page: str | None, why: str) -> None:
        """Note that what came of a page makes no sense; of None, that proves nothing."""
        with self._noting(why) as now:
            self._breaker.doubted(now, random.random(), page)  # noqa: S311  no secret

    def _fail(self, error: OutageError) -> None:
        with self._noting(error.why) as now:
            self._breaker.failed(now, random.random(), error.asked_for)  # noqa: S311  no secret
            error.retry_after = max(error.retry_after, math.ceil(self._breaker.pause(now)))

    @contextlib.contextmanager
    def _noting(self, why: str) -> Iterator[float]:
        """Note something at the time that is given; the log has it if the host is down by it."""
        with self._lock:
            now = self._clock()
            was_open = self._breaker.is_open(now)
            yield now
            self._down = self._breaker.is_open(now)
            self._why = why
            begins = self._down and not was_open
            pause = self._breaker.pause(now)
        if begins:
            log.warning("upstream %s %s: left alone for %.0f s", self._host, why, pause)

    def _refused(self, url: str, pause: float) -> NotAskedError:
        return NotAskedError(shown(url), self._why, max(1, math.ceil(pause)))


class Circuits:
    """The ways to all hosts; `patience` is how many seconds a question may take."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._lock = threading.Lock()
        self._by_host: dict[Hashable, Circuit] = {}

    def to(self, host: str, key: Hashable) -> Circuit:
        """Give the way to a host, which `key` tells from others; `host` is for people."""
        with self._lock:
            circuit = self._by_host.get(key)
            if circuit is None:
                while len(self._by_host) >= HOSTS:
                    del self._by_host[next(iter(self._by_host))]
                circuit = self._by_host[key] = Circuit(host, self._patience, self._clock)
            return circuit
