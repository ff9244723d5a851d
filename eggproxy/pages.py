"""Pages on disk and fresh: the project list, and the page of each project."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import dataclass

from eggproxy import freshness
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    StorageError,
    UpstreamUnavailableError,
)
from eggproxy.flights import Flights, launch
from eggproxy.freshness import CLOCK_SKEW, Lifetime
from eggproxy.health import Health
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Form
from eggproxy.refresh import Refresher, UnstoredError
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Record
from eggproxy.transfer import Wanted
from eggproxy.upstream import Upstream, shown

log = logging.getLogger("eggproxy")

MISSING_MEMORY = 60.0
"""Seconds for which upstream's 404 for a project is remembered."""

FAILURE_MEMORY = 2.0
"""Seconds in which a failed page is not asked for again: clients retry at once, and several."""

UNSTORED_MEMORY = 30.0
"""Seconds for which a page that the disk does not take is held; then it is tried again."""

UNSTORED_PAGES = 16
"""How many of such pages are held: a large one takes some megabytes."""

STORED_DELAY = 0.5
"""Seconds after a file has come until the page of files on disk lists it, for plain servers."""

Name = NormalizedName | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PageState:
    """A stored page: fresh until then, confirmed `age` seconds ago, and how it came (RFC 9211)."""

    fresh_until: float
    age: int
    cache_status: str
    # The page itself, where the disk does not take it.
    unstored: Mapping[Form, bytes] | None = None


class Pages:
    """Keeps stored pages fresh.

    `clock` gives seconds since the epoch. A name of None stands for the project list.
    """

    def __init__(
        self,
        store: EggsDirectory,
        upstream: Upstream,
        lifetime: Lifetime,
        clock: Callable[[], float] = time.time,
        health: Health | None = None,
    ) -> None:
        self._health = health or Health()
        self.store = store
        self.lifetime = lifetime
        self._upstream = upstream
        self._refresher = Refresher(store, upstream, clock)
        self._clock = clock
        self._flights: Flights[Name, str] = Flights("page")
        self._missing: Remembered[Name, NoSuchProjectError] = Remembered(
            seconds=MISSING_MEMORY, limit=10_000, clock=clock
        )
        self._failed: Remembered[Name, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=clock
        )
        self._noted_lock = threading.Lock()
        self._noted: set[NormalizedName] = set()
        self._unstored: Remembered[Name, UnstoredError] = Remembered(
            seconds=UNSTORED_MEMORY, limit=UNSTORED_PAGES, clock=clock
        )

    def ensure(self, name: Name) -> PageState:
        """Have a page on disk, fresh if it can be had, and say how it stands.

        Raises NoSuchProjectError, UpstreamUnavailableError, UpstreamNonsenseError only where
        nothing is stored.
        """
        now = self._clock()
        checked = self.store.checked(name)
        if checked is not None and self.lifetime.is_fresh(checked, now):
            return self._state(checked, "hit")
        remembered = self._remembered(name, checked)
        if remembered is not None:
            return remembered
        flight, joined = self._flights.join(name, lambda: self._refresh(name, now))
        if name is None and checked is not None and not self.lifetime.always_refresh:
            # Nobody waits 40 MB long for names that were right half an hour ago.
            return self._state(checked, "hit; detail=revalidating")
        try:
            outcome = self._wait(name, flight, stored=checked is not None)
        except EggProxyError as error:
            if isinstance(error, UnstoredError):
                return self._passed_on(error)
            return self._stale(checked, error)
        how = f"{outcome}; collapsed" if joined else outcome
        return self._state(self.store.checked(name) or now, how)

    def is_outage(self) -> bool:
        """Say whether upstream cannot be asked now, so that only what is on disk can be had."""
        return not self._upstream.available()

    def is_fresh(self, name: Name) -> bool:
        """Say whether a page is stored and fresh."""
        checked = self.store.checked(name)
        return checked is not None and self.lifetime.is_fresh(checked, self._clock())

    def revalidate(self, name: Name) -> str:
        """Ask upstream about a page now, whatever its age; say what came of it (RFC 9211).

        Raises EggProxyError.
        """
        flight, _joined = self._flights.join(name, lambda: self._refresh(name, self._clock()))
        return flight.result()

    def detail(self, project: NormalizedName) -> tuple[ProjectDetail, Record]:
        """Read what is known of a project, made fresh before. Raises EggProxyError."""
        unstored = self.ensure(project).unstored
        held = self._unstored.get(project) if unstored is not None else None
        record = self.store.record(project) if held is None else held.record
        if record is None or record.detail is None:
            self.revalidate(project)
            record = self.store.record(project)
        if record is None or record.detail is None:
            raise NoSuchProjectError(project)
        return record.detail, record

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        with self.store.lock(project):
            self._refresher.withdraw_metadata(project, filename)

    def note_stored(self, wanted: Wanted, sha256: str | None) -> None:
        """Note that a file has come; `sha256` is of one for which upstream names no digest."""
        if sha256 is not None:
            self._amend(
                wanted.project,
                lambda: self._refresher.pin(wanted.project, wanted.filename, sha256),
            )
        with self._noted_lock:
            self._noted.add(wanted.project)
            if len(self._noted) > 1:
                return
        # Nobody waits for it, and files come in crowds: those who do wait go first.
        launch(self._list_stored, Future(), name="stored")

    def _list_stored(self) -> None:
        """Bring the pages of files on disk up to date, where files have come."""
        time.sleep(STORED_DELAY)
        with self._noted_lock:
            noted, self._noted = self._noted, set()
        for project in noted:
            self.has_stored_page(project)

    def _amend(self, project: NormalizedName, change: Callable[[], None]) -> None:
        try:
            with self.store.lock(project):
                change()
        except StorageError as error:
            self._health.disk_failed(error)

    def has_stored_page(self, project: NormalizedName) -> bool:
        """Have the page of files on disk as it is now; False if there is none. No upstream."""
        try:
            # Not under the page's lock, with which somebody may be waiting for a silent upstream.
            return self._refresher.have_stored_page(project)
        except StorageError as error:
            self._health.disk_failed(error)
            return False

    def _passed_on(self, unstored: UnstoredError) -> PageState:
        return PageState(
            fresh_until=0.0,
            age=0,
            cache_status="fwd=uri-miss; detail=not-stored",
            unstored=unstored.pages,
        )

    def _state(self, checked: float, cache_status: str) -> PageState:
        return PageState(
            fresh_until=self.lifetime.fresh_until(checked),
            age=freshness.age(checked, self._clock()),
            cache_status=cache_status,
        )

    def _stale(self, checked: float | None, error: EggProxyError) -> PageState:
        """Serve what is stored instead of an error, however old; without it, raise."""
        if checked is None:
            raise error.again()
        status = f"fwd=stale; fwd-status={int(error.status)}; detail=stale-if-error"
        age = freshness.age(checked, self._clock())
        return PageState(fresh_until=0.0, age=age, cache_status=status)

    def _remembered(self, name: Name, checked: float | None) -> PageState | None:
        """Answer, or raise, from what was found out a moment ago."""
        unstored = self._unstored.get(name)
        if unstored is not None:
            return self._passed_on(unstored)
        self._recall_missing(name, checked)
        error = self._failed.get(name)
        return None if error is None else self._stale(checked, error)

    def _recall_missing(self, name: Name, checked: float | None) -> None:
        if checked is not None or self.lifetime.always_refresh:
            return
        missing = self._missing.get(name)
        if missing is not None:
            raise missing.again()

    def _wait(self, name: Name, flight: Future[str], *, stored: bool) -> str:
        """Wait for a refresh: with a stored page no longer than the timeout in all."""
        try:
            return flight.result(self._upstream.timeout if stored else None)
        except TimeoutError:
            # The refresh goes on; whoever comes later has its result, or does not wait as long.
            error = UpstreamUnavailableError(shown(self._upstream.index), "does not answer in time")
            self._failed.put(name, error.again())
            raise error from None

    def _refresh(self, name: Name, since: float) -> str:
        """Ask upstream, under the page's lock, unless somebody else has done so `since`."""
        with ExitStack() as held:
            try:
                held.enter_context(self.store.lock(name))
            except StorageError as error:
                # Who cannot lock cannot write either.
                self._health.disk_failed(error)
            checked = self.store.checked(name)
            if checked is not None and since <= checked <= self._clock() + CLOCK_SKEW:
                return "fwd=stale; collapsed"
            record = self.store.record(name)
            try:
                outcome = self._refresher.refresh(name, record)
            except UnstoredError as error:
                self._health.disk_failed(error)
                self._unstored.put(name, error)
                raise
            except EggProxyError as error:
                self._note_failure(name, error, stored=record is not None)
                raise
        self._missing.forget(name)
        self._failed.forget(name)
        return outcome

    def _note_failure(self, name: Name, error: EggProxyError, *, stored: bool) -> None:
        if isinstance(error, NoSuchProjectError) and not stored:
            self._missing.put(name, error.again())
            return
        self._failed.put(name, error.again())
        kept = "the stored page stays" if stored else "nothing is stored"
        log.warning("%s: %s (%s)", name or "project list", error, kept)
