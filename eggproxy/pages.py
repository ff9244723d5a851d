"""Pages on disk and fresh: the project list, and the page of each project."""

import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace

from eggproxy import page_state, policy
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    StorageError,
)
from eggproxy.findings import Findings, Name
from eggproxy.freshness import Lifetime
from eggproxy.health import Health
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName, distribution_of
from eggproxy.outage_pages import OutagePages
from eggproxy.outcome import Outcome
from eggproxy.outdated import is_outdated
from eggproxy.page_flights import PageFlights
from eggproxy.page_state import PageState
from eggproxy.publishing import Publisher
from eggproxy.refresh import Refresher
from eggproxy.revalidation import REMOVAL_GRACE, Revalidator
from eggproxy.store import EggsDirectory, Record
from eggproxy.switching import is_moved
from eggproxy.transfer import Wanted
from eggproxy.upstream import PageSource, Upstream, Upstreams


class Pages:
    """Keeps stored pages fresh.

    `clock` gives seconds since the epoch, `removal_grace` is in seconds, `keeps` says of a project
    that no index may be asked for it. A name of None stands for the project list.
    """

    def __init__(  # noqa: PLR0913, PLR0917  what it works with, and by which rules
        self,
        store: EggsDirectory,
        upstreams: Upstreams,
        lifetime: Lifetime,
        clock: Callable[[], float] = time.time,
        health: Health | None = None,
        removal_grace: float = REMOVAL_GRACE,
        outage_pages: str = "stored",
        keeps: Callable[[NormalizedName], bool] = lambda _project: False,
    ) -> None:
        self._lists_stored = outage_pages == "stored"
        self._health = health or Health()
        self.store = store
        self.lifetime = lifetime
        self._upstreams = upstreams
        self._publisher = Publisher(store, clock)
        self.refresher = refresher = Refresher(store, upstreams, clock, self._publisher)
        self._clock = clock
        self._settled: set[Name] = set()
        self._findings = Findings(clock, always_refresh=lifetime.always_refresh)
        revalidator = Revalidator(
            store, upstreams, clock, self._health, self._findings, refresher, removal_grace
        )
        self.flights = PageFlights(revalidator, self._findings, keeps, clock)
        refresher.on_rendered = self.flights.give
        # Told of each file that has come.
        self.on_file: Callable[[Wanted], None] = lambda _wanted: None
        self._outage_pages = OutagePages(store, self._publisher, self._health)

    def ensure(  # noqa: PLR0911  so many ways are there to have a page
        self, name: Name, *, given: bool = False
    ) -> PageState:
        """Have a page on disk, fresh if it can be had, and say how it stands.

        With `given` one that is not stored yet may be had in JSON, packed, on its way there.

        Raises NoSuchProjectError, OfflineError, UpstreamUnavailableError, UpstreamNonsenseError
        only where nothing is stored.
        """
        now = self._clock()
        checked = self.store.checked(name)
        upstream = self._source(name, stored=checked is not None)
        lifetime = self._lifetime_from(upstream)
        # After an outage, the first request finds out whether what is fresh still is. And what
        # came from another address is none of this index's.
        trusted = not upstream.is_doubtful() and not (checked and self._is_moved(name))
        if checked is not None and lifetime.is_fresh(checked, now) and trusted:
            return page_state.confirmed(Outcome("hit"), checked, lifetime, now)
        known = self._findings.recall(name, stored=checked is not None) or _refusal(upstream)
        if known is not None:
            return page_state.instead_of(known, checked, now, offline=upstream.offline)
        outage = not upstream.available()
        flight, joined = self.flights.join(name)
        if checked is not None and outage:
            # Perhaps it is over; nobody waits to see.
            return page_state.left_alone(checked, now, offline=upstream.offline)
        if checked is not None and trusted and _is_passable(lifetime, name, checked, now):
            revalidating = Outcome("hit; detail=revalidating")
            return page_state.confirmed(revalidating, checked, lifetime, now)
        try:
            if given and checked is None:
                page = self.flights.wait_for_page(name, flight, upstream)
                if page is not None:
                    return page_state.on_its_way(page, joined=joined)
            outcome = self.flights.wait(name, flight, upstream, stored=checked is not None)
        except EggProxyError as error:
            return page_state.instead_of(error, checked, self._clock(), offline=upstream.offline)
        if joined:
            outcome = outcome.collapsed()
        checked = self.store.checked(name) or now
        return page_state.confirmed(outcome, checked, lifetime, self._clock())

    def _is_moved(self, name: Name) -> bool:
        """Say whether a stored page is from an index that is now at another address."""
        if name in self._settled:
            return False
        if is_moved(self.store.addresses(name), self._upstreams):
            return True
        # Addresses change with a restart only; it need not be read each time.
        self._settled.add(name)
        return False

    def is_foreign(self, project: NormalizedName) -> bool:
        """Say whether what is stored came from an index that has no say in the project now."""
        if isinstance(self._upstreams, Upstream):
            return False
        record = self.store.record(project, files=())
        return record is not None and self._upstreams.disowns(project, record.indexes())

    def replace_foreign(self, project: NormalizedName) -> None:
        """Put what its own index says in place of what `is_foreign`. Raises EggProxyError."""
        upstream = self._source(project)
        known = self._findings.recall(project, stored=False) or _refusal(upstream)
        if known is not None:
            raise known.again()
        self._demand(project)

    def is_outage(self, name: Name = None) -> bool:
        """Say whether upstream cannot be asked now, so that only what is on disk can be had.

        That is upstream as a whole, or what is asked about the project of that name.
        """
        if name is None:
            return not self._upstreams.available()
        return not self._source(name).available()

    def lists_stored(self, name: Name = None) -> bool:
        """Say whether pages are to list only the files that are on disk, as in an outage."""
        return self._lists_stored and self.is_outage(name)

    def may_be_hot(self) -> bool:
        """Say whether fresh pages may be answered without a second thought."""
        return not self.lists_stored() and not self._upstreams.is_doubtful()

    def _source(self, name: Name, *, stored: bool = True) -> PageSource:
        """Find who is asked for a page; who else there is matters only where it is not stored."""
        if isinstance(self._upstreams, Upstream):
            return self._upstreams
        record = self.store.record(name, files=()) if stored else None
        return self._upstreams.of(name, record.index if record else None)

    def _demand(self, project: NormalizedName, *, anew: bool = False) -> None:
        """Ask upstream, and wait for what it says. Raises EggProxyError."""
        flight, _joined = self.flights.join(project, anew=anew)
        self.flights.wait(project, flight, self._source(project), stored=False)

    def _lifetime_from(self, upstream: PageSource) -> Lifetime:
        interval = upstream.update_interval
        if interval is None or interval == self.lifetime.interval:
            return self.lifetime
        return replace(self.lifetime, interval=interval)

    def lifetime_of(self, name: Name) -> Lifetime:
        """Say for how long a page, and what belongs to its files, stays fresh."""
        return self._lifetime_from(self._source(name))

    def note_sibling(self, project: NormalizedName) -> None:
        """Note that something has come that lies beside a file."""
        self._outage_pages.note(project)

    def is_worth_asking(self, project: NormalizedName) -> bool:
        """Say whether a page is not stored, and nothing is known that keeps it from being had."""
        if self.store.checked(project) is not None:
            return False
        known = self._findings.recall(project, stored=False)
        return known is None and self._source(project, stored=False).available()

    def is_fresh(self, name: Name) -> bool:
        """Say whether a page is stored and fresh."""
        checked = self.store.checked(name)
        lifetime = self.lifetime_of(name)
        if checked is None or not lifetime.is_fresh(checked, self._clock()):
            return False
        return not self._is_moved(name)

    def revalidate(self, name: Name) -> str:
        """Ask upstream about a page now, whatever its age; say what came of it (RFC 9211).

        Raises EggProxyError.
        """
        return self.flights.join(name)[0].result().cache_status

    def detail(
        self, project: NormalizedName, files: Collection[str] | None = None
    ) -> tuple[ProjectDetail, Record]:
        """Read what is known of a project, made fresh before. Raises EggProxyError.

        `files` names those of its files that are wanted, if not all are: of others it may know
        nothing.
        """
        unstored = self.ensure(project).unstored
        held = self._findings.unstored(project) if unstored is not None else None
        record = self.store.record(project, seen=True, files=files) if held is None else held.record
        if record is None or record.detail is None:
            self._demand(project)
            record = self.store.record(project, files=files)
        if record is None or record.detail is None:
            raise NoSuchProjectError(project)
        return record.detail, record

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        with self.store.lock(project):
            self._publisher.withdraw_metadata(project, filename)

    def rewrite(self, project: NormalizedName, change: Callable[[Record], Record | None]) -> None:
        """Put in place what `change` makes of a record, and its pages; nothing if that is None.

        Raises StorageError.
        """
        with self.store.lock(project):
            self._publisher.rewrite(project, change)

    def settled(
        self, project: NormalizedName, filename: str
    ) -> tuple[ProjectDetail, Record] | None:
        """Read what is stored of a project whose record does not know a file, once it is settled.

        A page comes before its record: it may list files already of which that knows nothing; and
        for ever, if the writer was killed between the two. Raises EggProxyError.
        """
        files = policy.asked_for(filename)
        known = self._read_settled(project, files)
        distribution = distribution_of(filename)
        if known is not None and known[0].file(distribution) is None:
            if not self.store.lists(project, distribution):
                return known
            self._demand(project, anew=True)
            known = self._read_settled(project, files)
        return known

    def _read_settled(
        self, project: NormalizedName, files: Collection[str]
    ) -> tuple[ProjectDetail, Record] | None:
        with suppress(StorageError), self.store.lock(project):
            record = self.store.record(project, files=files)
            if record is not None and record.detail is not None:
                return record.detail, record
        return None

    def is_outdated(self, wanted: Wanted, sha256: str) -> bool:
        """Say whether a page means another file by now than the one that came; see `outdated`."""
        if wanted.digest and self.store.mentions(wanted.project, wanted.digest[1]):
            # Nearly always so, and a page of thousands of files takes long to read.
            return False
        files = policy.asked_for(wanted.filename)
        return is_outdated(wanted, sha256, self.store.record(wanted.project, files=files))

    def note_stored(self, wanted: Wanted, sha256: str | None) -> None:
        """Note that a file has come; `sha256` is of one for which upstream names no digest."""
        if sha256 is not None:
            self._outage_pages.pin(wanted.project, wanted.filename, sha256)
        self.on_file(wanted)
        distribution = distribution_of(wanted.filename)
        if self.store.file(wanted.project, distribution).exists():
            # Metadata without its distribution is on no page of what is on disk.
            self._outage_pages.note(wanted.project)

    def list_stored(self) -> None:
        """Bring the pages of files on disk up to date, where files have come."""
        self._outage_pages.write_noted()

    def has_stored_page(self, project: NormalizedName) -> bool:
        """Have the page of files on disk as it is now; False if there is none.

        Nobody waits for upstream; in an outage it is asked beside that, now and then, whether it
        is over.
        """
        upstream = self._source(project)
        if not upstream.available() and upstream.refusal() is None:
            self.flights.join(project)
        return self._outage_pages.have(project)


def _refusal(upstream: PageSource) -> EggProxyError | None:
    return None if upstream.available() else upstream.refusal()


def _is_passable(lifetime: Lifetime, name: Name, checked: float, now: float) -> bool:
    """Say whether a stale page is served at once; upstream is being asked."""
    if name is None and not lifetime.always_refresh:
        # Nobody waits 40 MB long for names that were right half an hour ago.
        return True
    return lifetime.is_passable(checked, now)
