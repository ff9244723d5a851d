"""One question to upstream about a page, under its lock, and what its answer tells of both."""

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import msgspec

from eggproxy import freshness
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    StorageError,
    UpstreamError,
    UpstreamUnavailableError,
)
from eggproxy.findings import Findings, Name
from eggproxy.freshness import CLOCK_SKEW
from eggproxy.health import Health
from eggproxy.names import NormalizedName
from eggproxy.outcome import Outcome
from eggproxy.refresh import Refresher
from eggproxy.store import EggsDirectory, Record, Validators
from eggproxy.switching import is_moved
from eggproxy.upstream import (
    NotAskedError,
    OfflineError,
    OutageError,
    PageSource,
    Upstreams,
    shown,
)

log = logging.getLogger("eggproxy")

SLACK = 0.25
"""Part of the timeout that waiting for others may take, beside the timeout itself."""

REMOVAL_GRACE = 86400.0
"""Seconds for which upstream must deny a stored project until it counts as removed there."""


class Revalidator:
    """Asks upstream about pages; what it finds out is told to whoever should know.

    `clock` gives seconds since the epoch, `removal_grace` is in seconds. A name of None stands for
    the project list.
    """

    def __init__(  # noqa: PLR0913, PLR0917  all that an answer of upstream may change
        self,
        store: EggsDirectory,
        upstreams: Upstreams,
        clock: Callable[[], float],
        health: Health,
        findings: Findings,
        refresher: Refresher,
        removal_grace: float,
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._clock = clock
        self._health = health
        self._findings = findings
        self._refresher = refresher
        self._removal_grace = removal_grace

    def run(self, name: Name, since: float, *, anew: bool = False) -> Outcome:
        """Ask upstream, under the page's lock, unless somebody else has done so `since`.

        With `anew` the page is taken again even if it has not changed upstream. Says what came of
        it (RFC 9211). Raises EggProxyError; what is stored is as it was then.
        """
        began = time.monotonic()
        with ExitStack() as held:
            try:
                held.enter_context(self._store.lock(name))
            except StorageError as error:
                # Who cannot lock cannot write either.
                self._health.disk_failed(error)
            checked = self._store.checked(name)
            if checked is not None and since <= checked <= self._clock() + CLOCK_SKEW:
                return Outcome("fwd=stale; collapsed")
            record = self._store.record(name)
            upstream = self._upstreams.of(name, record.index if record else None)
            if time.monotonic() - began > upstream.timeout * SLACK:
                # Processes that ask one after the other would each wait for their turn as well.
                why = "has not answered another process in time"
                waited = UpstreamUnavailableError(shown(upstream.index), why)
                self._findings.note(name, waited)
                raise waited
            if record is not None and (anew or is_moved(record.addresses, self._upstreams)):
                # What another index said of its page says nothing of this one's.
                record = msgspec.structs.replace(record, validators=Validators())
            outcome = self._ask(name, record, upstream)
        self._findings.forget(name)
        return outcome

    def _ask(self, name: Name, record: Record | None, upstream: PageSource) -> Outcome:
        """Ask upstream, and note what came of it; the page's lock is held."""
        try:
            outcome = self._refresher.refresh(name, record, upstream)
            if name is not None and record is not None and record.gone is not None:
                self._welcome_back(name)
        except (NotAskedError, OfflineError):
            raise
        except StorageError as error:
            upstream.trust()
            self._health.disk_failed(error)
            self._findings.note(name, error)
            raise
        except EggProxyError as error:
            self._note_failure(name, error, record, upstream)
            raise
        upstream.trust()
        return outcome

    def _note_failure(
        self, name: Name, error: EggProxyError, record: Record | None, upstream: PageSource
    ) -> None:
        # With the host down as a whole, nothing is known of the page.
        if not isinstance(error, OutageError):
            self._findings.note(name, error)
        if isinstance(error, NoSuchProjectError):
            if record is not None:
                self._note_denied(error.project, record)
            return
        if isinstance(error, UpstreamError) and not isinstance(error, OutageError):
            upstream.doubt(witness(name, stored=record is not None), error.why)
        kept = "nothing is stored" if record is None else "the stored page stays"
        log.warning("%s: %s (%s)", name or "project list", error, kept)

    def _note_denied(self, project: str, record: Record) -> None:
        """Note that upstream says 404 of what is stored: perhaps for a moment, perhaps for good."""
        name = NormalizedName(project)
        try:
            gone = self._refresher.note_gone(name, record)
        except StorageError as error:
            self._health.disk_failed(error)
            return
        since = datetime.fromtimestamp(gone.since, UTC).isoformat(timespec="minutes")
        removed = freshness.is_removed(
            since=gone.since, times=gone.times, now=self._clock(), grace=self._removal_grace
        )
        says = "has removed it" if removed else "says that it has no such project"
        log.warning(
            "%s: upstream %s (404 since %s, %d times): what is stored stays",
            *(name, says, since, gone.times),
        )

    def _welcome_back(self, project: NormalizedName) -> None:
        record = self._store.record(project)
        if record is not None and record.gone is not None:
            self._store.amend(project, msgspec.structs.replace(record, gone=None))


def witness(name: Name, *, stored: bool) -> str | None:
    """Name a page that has once made sense, and so can tell of upstream; None for any other."""
    return (name or "project list") if stored else None
