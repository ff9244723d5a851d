"""Pages on disk and fresh: the project list, and the page of each project."""

import hashlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass

import msgspec

from eggproxy import freshness, parse, render
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    UpstreamNonsenseError,
    UpstreamUnavailableError,
)
from eggproxy.flights import Flights
from eggproxy.freshness import Lifetime
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Record, Validators
from eggproxy.upstream import Fetched, Missing, NotModified, Upstream, shown

log = logging.getLogger("eggproxy")

MISSING_MEMORY = 60.0
"""Seconds for which upstream's 404 for a project is remembered."""

FAILURE_MEMORY = 2.0
"""Seconds in which a failed page is not asked for again: clients retry at once, and several."""

Name = NormalizedName | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PageState:
    """A stored page: fresh until then, confirmed `age` seconds ago, and how it came (RFC 9211)."""

    fresh_until: float
    age: int
    cache_status: str


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
    ) -> None:
        self.store = store
        self.lifetime = lifetime
        self._upstream = upstream
        self._clock = clock
        self._flights: Flights[Name, str] = Flights("page")
        self._missing: Remembered[Name, NoSuchProjectError] = Remembered(
            seconds=MISSING_MEMORY, limit=10_000, clock=clock
        )
        self._failed: Remembered[Name, EggProxyError] = Remembered(
            seconds=FAILURE_MEMORY, limit=10_000, clock=clock
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
        self._recall_missing(name, checked)
        error = self._failed.get(name)
        if error is not None:
            return self._stale(checked, error)
        flight, joined = self._flights.join(name, lambda: self._refresh(name, now))
        if name is None and checked is not None and not self.lifetime.always_refresh:
            # Nobody waits 40 MB long for names that were right half an hour ago.
            return self._state(checked, "hit; detail=revalidating")
        try:
            outcome = self._wait(flight, stored=checked is not None)
        except EggProxyError as failure:
            return self._stale(checked, failure)
        how = f"{outcome}; collapsed" if joined else outcome
        return self._state(self.store.checked(name) or now, how)

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
        self.ensure(project)
        record = self.store.record(project)
        if record is None or record.detail is None:
            self.revalidate(project)
            record = self.store.record(project)
        if record is None or record.detail is None:
            raise NoSuchProjectError(project)
        return record.detail, record

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        with self.store.lock(project):
            record = self.store.record(project)
            if record is None or record.detail is None or filename in record.withdrawn:
                return
            withdrawn = [*record.withdrawn, filename]
            changed = msgspec.structs.replace(record, withdrawn=withdrawn)
            checked = self.store.checked(project) or self._clock()
            self._write_project(project, changed, record.detail, checked)
        log.warning("%s: upstream lacks the metadata it promises for %s", project, filename)

    def _state(self, checked: float, cache_status: str) -> PageState:
        return PageState(
            fresh_until=self.lifetime.fresh_until(checked),
            age=freshness.age(checked, self._clock()),
            cache_status=cache_status,
        )

    def _stale(self, checked: float | None, error: EggProxyError) -> PageState:
        """Serve what is stored instead of an error, however old; without it, raise."""
        if checked is None:
            raise error
        status = f"fwd=stale; fwd-status={int(error.status)}; detail=stale-if-error"
        age = freshness.age(checked, self._clock())
        return PageState(fresh_until=0.0, age=age, cache_status=status)

    def _recall_missing(self, name: Name, checked: float | None) -> None:
        if checked is not None or self.lifetime.always_refresh:
            return
        missing = self._missing.get(name)
        if missing is not None:
            raise missing

    def _wait(self, flight: Future[str], *, stored: bool) -> str:
        """Wait for a refresh: with a stored page no longer than the timeout in all."""
        try:
            return flight.result(self._upstream.timeout if stored else None)
        except TimeoutError:
            # The refresh goes on; whoever comes later has its result.
            where = shown(self._upstream.index)
            raise UpstreamUnavailableError(where, "does not answer in time") from None

    def _refresh(self, name: Name, since: float) -> str:
        """Ask upstream, under the page's lock, unless somebody else has done so `since`."""
        with self.store.lock(name):
            checked = self.store.checked(name)
            if checked is not None and checked >= since:
                return "fwd=stale; collapsed"
            record = self.store.record(name)
            try:
                outcome = self._fetch(name, record)
            except EggProxyError as error:
                self._note_failure(name, error, stored=record is not None)
                raise
        self._missing.forget(name)
        self._failed.forget(name)
        return outcome

    def _note_failure(self, name: Name, error: EggProxyError, *, stored: bool) -> None:
        if isinstance(error, NoSuchProjectError) and not stored:
            self._missing.put(name, error)
            return
        self._failed.put(name, error)
        kept = "the stored page stays" if stored else "nothing is stored"
        log.warning("%s: %s (%s)", name or "project list", error, kept)

    def _fetch(self, name: Name, record: Record | None) -> str:
        known = record.validators if record else Validators()
        path = "" if name is None else f"{name}/"
        try:
            page = self._upstream.page(path, etag=known.etag, last_modified=known.last_modified)
        except Missing:
            if name is None:
                raise UpstreamNonsenseError(
                    shown(self._upstream.index), "has no project list at this address"
                ) from None
            raise NoSuchProjectError(name) from None
        if isinstance(page, NotModified):
            self.store.touch(name, self._clock())
            return "fwd=stale; fwd-status=304"
        digest = hashlib.sha256(page.body).hexdigest()
        if record is not None and digest == known.digest and page.url == record.url:
            self.store.touch(name, self._clock())
            return "fwd=stale; fwd-status=200"
        try:
            self._write(name, page, digest, record)
        except parse.Nonsense as nonsense:
            raise UpstreamNonsenseError(shown(page.url), nonsense.why) from None
        return f"fwd={'uri-miss' if record is None else 'stale'}; fwd-status=200; stored"

    def _write(self, name: Name, page: Fetched, digest: str, old: Record | None) -> None:
        validators = Validators(etag=page.etag, last_modified=page.last_modified, digest=digest)
        record = Record(url=page.url, validators=validators)
        if name is None:
            self._write_list(page, record)
            return
        detail = parse.project_detail(
            page.body, content_type=page.content_type, url=page.url, project=name
        )
        if old is not None and old.detail is not None:
            if old.detail.files and not detail.files:
                had = len(old.detail.files)
                raise parse.Nonsense(f"sent a page without files where {had} were known")
            record = msgspec.structs.replace(record, withdrawn=old.withdrawn)
        self._write_project(name, record, detail, self._clock())

    def _write_project(
        self, project: NormalizedName, record: Record, detail: ProjectDetail, checked: float
    ) -> None:
        record = msgspec.structs.replace(record, detail=detail)
        honest = _advertised(detail, record.withdrawn)
        self.store.write(
            project,
            {
                "json": [render.project_detail_json(honest)],
                "html": [render.project_detail_html(honest)],
            },
            record,
            checked,
        )

    def _write_list(self, page: Fetched, record: Record) -> None:
        def read() -> parse.ProjectList:
            return parse.project_list(page.body, content_type=page.content_type, url=page.url)

        self.store.write(
            None,
            # Read twice, for each form: a million names are not kept in memory.
            {
                "json": render.project_list_json(read()),
                "html": render.project_list_html(read()),
            },
            record,
            self._clock(),
        )


def _advertised(detail: ProjectDetail, withdrawn: list[str]) -> ProjectDetail:
    """Leave out promises that cannot be kept."""
    if not withdrawn:
        return detail
    gone = set(withdrawn)
    files = [
        msgspec.structs.replace(file, core_metadata=None) if file.filename in gone else file
        for file in detail.files
    ]
    return msgspec.structs.replace(detail, files=files)
