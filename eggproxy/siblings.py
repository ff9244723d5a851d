"""What lies beside a file and may change: provenance and signatures, revalidated as pages are."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import NamedTuple

import msgspec

from eggproxy.errors import (
    EggProxyError,
    NoSuchFileError,
    StorageError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.findings import FAILURE_MEMORY
from eggproxy.flights import Flights
from eggproxy.freshness import Lifetime
from eggproxy.health import Health
from eggproxy.names import PROVENANCE, NormalizedName
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Validators
from eggproxy.transfer import Wanted
from eggproxy.upstream import (
    Missing,
    NotAskedError,
    NotModified,
    OfflineError,
    Upstream,
    Upstreams,
    shown,
)

log = logging.getLogger("eggproxy")

MAX_SIZE = 4 << 20
"""Largest sibling that is taken, in bytes; real ones have some kilobytes."""

_MOMENT = 0.25


class Beside(NamedTuple):
    """How a sibling stands: fresh until then, and how it came (RFC 9211).

    `unstored` are its bytes where the disk does not take them.
    """

    fresh_until: float
    cache_status: str
    unstored: bytes | None = None


class _UnstoredError(StorageError):
    """A sibling that upstream has sent, and that the disk does not take."""

    def __init__(self, error: StorageError, body: bytes) -> None:
        self.body = body
        super().__init__(error.path, error.why)


class Siblings:
    """Keeps siblings fresh; safe to share among threads.

    `on_stored` is told of each project of which one has come; `clock` gives seconds since the
    epoch.
    """

    def __init__(
        self,
        store: EggsDirectory,
        upstreams: Upstreams,
        health: Health,
        on_stored: Callable[[NormalizedName], None] = lambda _project: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._health = health
        self._on_stored = on_stored
        self._clock = clock
        self._flights: Flights[str, str] = Flights("sibling")
        self._failed: Remembered[str, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=1000, clock=time.monotonic
        )

    def ensure(self, wanted: Wanted, lifetime: Lifetime) -> Beside:
        """Have a sibling on disk, fresh if it can be had.

        Raises NoSuchFileError if upstream says so; other EggProxyErrors only where none is stored.
        """
        sibling = self._store.sibling(wanted.project, wanted.filename)
        checked = sibling.checked(wanted.url)
        now = self._clock()
        if checked is not None and lifetime.is_fresh(checked, now):
            return Beside(lifetime.fresh_until(checked), "hit")
        try:
            cache_status = self._refreshed(wanted, now)
        except _UnstoredError as error:
            return Beside(0.0, "fwd=uri-miss; detail=not-stored", error.body)
        except NoSuchFileError:
            raise
        except EggProxyError as error:
            if not sibling.is_stored():
                raise error.again() from None
            if isinstance(error, NotAskedError | OfflineError):
                why = "offline" if isinstance(error, OfflineError) else "upstream-unavailable"
                return Beside(0.0, f"hit; detail={why}")
            status = f"fwd=stale; fwd-status={int(error.status)}; detail=stale-if-error"
            return Beside(0.0, status)
        return Beside(lifetime.fresh_until(sibling.checked(wanted.url) or now), cache_status)

    def _refreshed(self, wanted: Wanted, since: float) -> str:
        """Ask upstream, or join who does, for no longer than the timeout. Raises EggProxyError."""
        key = f"{wanted.project}/{wanted.filename}"
        failed = self._failed.get(key)
        if failed is not None:
            raise failed.again()
        upstream = self._upstreams.named(wanted.index)
        flight, joined = self._flights.join(key, lambda: self._ask(wanted, upstream, key, since))
        try:
            cache_status = flight.result(upstream.timeout + _MOMENT)
        except TimeoutError:
            late = UpstreamUnavailableError(shown(wanted.url), "does not answer in time")
            self._failed.put(key, late.again())
            raise late from None
        return f"{cache_status}; collapsed" if joined else cache_status

    def _ask(self, wanted: Wanted, upstream: Upstream, key: str, since: float) -> str:
        try:
            return self._asked(wanted, upstream, since)
        except (NotAskedError, OfflineError):
            # That is known, and costs nothing to say again.
            raise
        except EggProxyError as error:
            log.warning("%s: %s", key, error)
            if not isinstance(error, _UnstoredError):
                self._failed.put(key, error.again())
            raise

    def _asked(self, wanted: Wanted, upstream: Upstream, since: float) -> str:
        """Ask upstream under the sibling's lock, unless another process has done so `since`."""
        sibling = self._store.sibling(wanted.project, wanted.filename)
        with ExitStack() as held:
            # Who cannot lock cannot write either, and hands on what comes.
            with suppress(StorageError):
                held.enter_context(sibling.lock())
            checked = sibling.checked(wanted.url)
            if checked is not None and checked >= since:
                return "fwd=stale; collapsed"
            try:
                found = upstream.small(wanted.url, sibling.validators(wanted.url), MAX_SIZE)
            except Missing:
                with suppress(StorageError):
                    sibling.remove()
                why = "upstream does not have it"
                raise NoSuchFileError(wanted.project, wanted.filename, why) from None
            if isinstance(found, NotModified):
                sibling.touch(self._clock())
                return "fwd=stale; fwd-status=304"
            _demand_sense(wanted, found.body)
            is_new = not sibling.is_stored()
            validators = Validators(etag=found.etag, last_modified=found.last_modified)
            try:
                sibling.write(found.body, wanted.url, validators, self._clock())
            except StorageError as error:
                self._health.disk_failed(error)
                raise _UnstoredError(error, found.body) from error
        self._on_stored(wanted.project)
        return f"fwd={'uri-miss' if is_new else 'stale'}; fwd-status=200; stored"


def _demand_sense(wanted: Wanted, body: bytes) -> None:
    """Refuse what is no such thing: the page of a captive portal, perhaps."""
    if wanted.filename.endswith(PROVENANCE):
        try:
            makes_sense = isinstance(msgspec.json.decode(body), dict)
        except msgspec.DecodeError:
            makes_sense = False
    else:
        makes_sense = bool(body) and not body.lstrip().startswith(b"<")
    if not makes_sense:
        raise UpstreamNonsenseError(shown(wanted.url), f"sent no {wanted.filename}")
