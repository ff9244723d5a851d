"""One revalidation of a page: ask upstream, read the answer, put all representations in place."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import msgspec

from eggproxy import parse, policy, reading
from eggproxy.completed import is_complete, lacks_all_metadata
from eggproxy.completion.keeping import kept
from eggproxy.continuity import still_pinned, still_withdrawn
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    UpstreamNonsenseError,
)
from eggproxy.flights import Given
from eggproxy.model import ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.outcome import Outcome, Taken
from eggproxy.publishing import Ahead, Publisher
from eggproxy.store import EggsDirectory, Gone, Record, Validators
from eggproxy.switching import left_behind
from eggproxy.turns import Turns
from eggproxy.upstream import Fetched, Missing, NotModified, PageSource, Upstreams, shown

log = logging.getLogger("eggproxy")

WITHDRAWN_FOR = 3600.0
"""Seconds for which metadata that upstream does not have is not promised, at least."""


class NewPage(NamedTuple):
    """What upstream has sent of a project of which nothing is known yet.

    `give` is told of the page in JSON, packed, as soon as there is one.
    """

    name: NormalizedName
    pages: Sequence[Fetched]
    digest: str
    give: Callable[[bytes], None]


class Refresher:
    """Brings pages from upstream into the store; whoever calls it holds the page's lock.

    A name of None stands for the project list. `clock` gives seconds since the epoch.
    """

    def __init__(
        self,
        store: EggsDirectory,
        upstreams: Upstreams,
        clock: Callable[[], float],
        publisher: Publisher,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._upstreams = upstreams
        self._clock = clock
        self._turns = Turns()
        # Told what a page says that is new or has changed, before anything of it is written; says
        # whether that was of use.
        self.on_read: Callable[[ProjectDetail, Record], bool] = lambda _detail, _record: False
        # Chooses the files of a large new page of which that is told before the others are read.
        self.likely: parse.Choose | None = None
        # Told of a new page in JSON, packed, that clients may have while it is put in place.
        self.on_rendered: Callable[[NormalizedName, Given], None] = lambda _name, _given: None
        # Has another process take a new page, as `take_new` does.
        self.elsewhere: Callable[[NewPage], Taken] = lambda _new: Taken.NOT

    def refresh(
        self, name: NormalizedName | None, record: Record | None, upstream: PageSource
    ) -> Outcome:
        """Ask upstream about a page of which `record` is known; say what came of it (RFC 9211).

        Raises EggProxyError; the stored page is as it was then.
        """
        if record is not None and record.withdrawn and self._is_due(record):
            # Upstream may have put there what it lacked: the page is read as if it were a new one.
            record = msgspec.structs.replace(record, withdrawn=[], validators=Validators())
        known = record.validators if record else Validators()
        pages = self._fetch(name, known, upstream)
        if isinstance(pages, NotModified):
            self._store.touch(name, self._clock())
            return Outcome("fwd=stale; fwd-status=304")
        first = pages[0]
        chain = _chain(pages)
        digest = reading.digest(pages)
        same = record is not None and (record.url, record.index) == (first.url, first.index)
        if same and digest == known.digest:
            self._store.touch(name, self._clock())
            return Outcome("fwd=stale; fwd-status=200", chain)
        try:
            news, complete = self._bring(name, pages, digest, record)
        except parse.Nonsense as nonsense:
            raise UpstreamNonsenseError(shown(first.url), nonsense.why) from None
        except EggProxyError:
            raise
        except Exception as error:
            # A page that our parser trips over must not take down what is stored.
            log.exception("%s: cannot read upstream's page; please report it", name)
            raise UpstreamNonsenseError(shown(first.url), "sent a page beyond reading") from error
        why = "uri-miss" if record is None else "stale"
        status = f"fwd={why}; fwd-status=200; stored"
        return Outcome(status, chain, news, complete, is_first=record is None)

    def note_gone(self, name: NormalizedName, record: Record) -> Gone:
        """Note that upstream says that it has not, or no longer, what is stored here."""
        now = self._clock()
        since, times = (record.gone.since, record.gone.times) if record.gone else (now, 0)
        gone = Gone(since=since, times=times + 1)
        self._store.amend(name, msgspec.structs.replace(record, gone=gone))
        return gone

    def _is_due(self, record: Record) -> bool:
        return not 0 <= self._clock() - record.withdrawn_at < WITHDRAWN_FOR

    def _fetch(
        self, name: NormalizedName | None, known: Validators, upstream: PageSource
    ) -> Sequence[Fetched] | NotModified:
        try:
            return upstream.pages(name, known)
        except Missing:
            if name is not None:
                raise NoSuchProjectError(name) from None
            where = shown(upstream.index)
            raise UpstreamNonsenseError(where, "has no project list at this address") from None

    def _bring(
        self,
        name: NormalizedName | None,
        pages: Sequence[Fetched],
        digest: str,
        old: Record | None,
    ) -> tuple[ProjectDetail | None, bool]:
        """Put in place what pages say that are new, here or elsewhere. Raises Nonsense.

        Gives what they say, None where nobody needs that now; and whether it is known as complete.
        """
        if name is None:
            # That takes seconds, and others between.
            return self._take(name, pages, digest, old), False
        give = partial(self._give, name, _chain(pages))
        if old is None:
            taken = self.elsewhere(NewPage(name, pages, digest, give))
            if taken is not Taken.NOT and self._store.adopt(name):
                if taken is Taken.COMPLETE:
                    return None, True
                record = self._store.record(name, seen=True)
                if record is not None and record.detail is not None:
                    return record.detail, False
        # What has not to wait is told as soon, and for less, when all of it is read.
        is_told = old is None and self._turns.is_asked_for() and self.tell_likely(name, pages)
        with self._turns.turn(sum(len(page.body) for page in pages)) as turn:
            ahead = Ahead(give, turn.give_way, is_told) if old is None else None
            return self._take(name, pages, digest, old, ahead), False

    def _take(
        self,
        name: NormalizedName | None,
        pages: Sequence[Fetched],
        digest: str,
        old: Record | None,
        ahead: Ahead | None = None,
    ) -> ProjectDetail | None:
        """Read pages that are new, and put what they say in place. Raises Nonsense."""
        page = pages[0]
        validators = Validators(etag=page.etag, last_modified=page.last_modified, digest=digest)
        addresses = {each.index: self._upstreams.named(each.index).index for each in pages}
        record = Record(url=page.url, validators=validators, index=page.index, addresses=addresses)
        if name is None:
            self._publisher.put_list(reading.project_list(pages), record)
            return None
        detail, sources = reading.project_detail(name, pages, self._upstreams)
        record = msgspec.structs.replace(record, sources=sources)
        return self._take_project(name, detail, record, old, ahead)

    def take_new(self, new: NewPage, give_way: Callable[[], None], *, is_told: bool) -> Taken:
        """Put a page in place for another process, which holds the page's lock.

        It is done in a turn, in which it can `give_way`; `is_told` is what `tell_likely` said.
        Raises Nonsense, EggProxyError.
        """
        try:
            ahead = Ahead(new.give, give_way, is_told)
            detail = self._take(new.name, new.pages, new.digest, None, ahead)
        finally:
            self._store.forget()
        return Taken.COMPLETE if detail is None or is_complete(detail) else Taken.INCOMPLETE

    def tell_likely(self, name: NormalizedName, pages: Sequence[Fetched]) -> bool:
        """Tell of the files of a new page that matter most, before it has its turn.

        Says whether that was of use. What is wrong with the page is told by whoever reads all.
        """
        if self.likely is None:
            return False
        page = pages[0]
        try:
            detail = reading.excerpt(name, pages, self._upstreams, self.likely)
        except Exception:
            log.exception("%s: cannot be read in part; please report it", name)
            return False
        if detail is None or detail.is_quarantined:
            return False
        record = Record(url=page.url, validators=Validators(), index=page.index)
        return self._tell(policy.storable(detail), record)

    def _take_project(
        self,
        name: NormalizedName,
        detail: ProjectDetail,
        record: Record,
        old: Record | None,
        ahead: Ahead | None,
    ) -> ProjectDetail:
        if detail.is_quarantined:
            detail = msgspec.structs.replace(detail, files=[])
        detail = policy.storable(detail)
        outdated: list[str] = []
        if old is not None:
            old, outdated = _without_foreign(old, record, detail)
        if old is not None and old.detail is not None:
            if old.detail.files and not detail.files and not detail.is_quarantined:
                had = len(old.detail.files)
                raise parse.Nonsense(f"sent a page without files where {had} were known")
            detail, pinned = still_pinned(old, old.detail, detail)
            detail, obsolete = kept(old.detail, detail)
            for filename in obsolete:
                self._store.remove_file(name, filename + METADATA)
            record = msgspec.structs.replace(
                record,
                withdrawn=still_withdrawn(old, detail),
                withdrawn_at=old.withdrawn_at,
                pinned=pinned,
            )
            outdated += _replaced(old.detail, detail)
        self._remove(name, outdated)
        if ahead is None or not ahead.is_told:
            self._tell(detail, record)
        if lacks_all_metadata(detail):
            # That of the newest version is looked for before anybody gets the page.
            ahead = None
        self._publisher.put(name, record, detail, self._clock(), ahead)
        # A transfer may have ended meanwhile; one that ends from now on finds the new record.
        self._remove(name, outdated)
        if detail.is_quarantined:
            self._store.set_aside(name)
        return detail

    def _tell(self, detail: ProjectDetail, record: Record) -> bool:
        try:
            return self.on_read(detail, record)
        except Exception:
            # The page itself must not suffer.
            log.exception("%s: cannot fetch metadata ahead; please report it", detail.name)
            return False

    def _give(self, name: NormalizedName, chain: str, page: bytes) -> None:
        self.on_rendered(name, Given(page, chain))

    def _remove(self, name: NormalizedName, filenames: Iterable[str]) -> None:
        """Remove stored files that the page no longer means, and what belongs to them."""
        for filename in filenames:
            self._store.remove_file(name, filename)
            self._store.remove_siblings(name, filename)


def _chain(pages: Sequence[Fetched]) -> str:
    """Name the caches behind this one, where there is one answer."""
    return pages[0].cache_status if len(pages) == 1 else ""


def _without_foreign(
    old: Record, record: Record, detail: ProjectDetail
) -> tuple[Record, list[str]]:
    """Leave out files of another index that the one that counts now does not mean; name them."""
    foreign = set(left_behind(old, record, detail))
    if old.detail is None or not foreign:
        return old, []
    log.warning("%s: %d files of another index are left behind", detail.name, len(foreign))
    files = [file for file in old.detail.files if file.filename not in foreign]
    kept = msgspec.structs.replace(old.detail, files=files)
    return msgspec.structs.replace(old, detail=kept), sorted(foreign)


def _replaced(old: ProjectDetail, new: ProjectDetail) -> Iterator[str]:
    """Name the files that upstream has replaced: what is advertised is what is served."""
    before = {file.filename: file.hashes.get("sha256") for file in old.files}
    for file in new.files:
        known, now = before.get(file.filename), file.hashes.get("sha256")
        if known and now and known != now:
            log.warning("%s: upstream has replaced %s", new.name, file.filename)
            yield file.filename
