"""One revalidation of a page: ask upstream, read the answer, put all representations in place."""

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from eggproxy import parse, policy, render
from eggproxy.completion.keeping import kept
from eggproxy.errors import (
    EggProxyError,
    NoSuchProjectError,
    StorageError,
    UpstreamNonsenseError,
)
from eggproxy.merging import merged, merged_lists
from eggproxy.model import ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.negotiation import Form
from eggproxy.store import EggsDirectory, Gone, Record, Validators
from eggproxy.turns import Turns
from eggproxy.upstream import Fetched, Missing, NotModified, PageSource, Upstreams, shown

log = logging.getLogger("eggproxy")


WITHDRAWN_FOR = 3600.0
"""Seconds for which metadata that upstream does not have is not promised, at least."""


class Outcome(NamedTuple):
    """What came of asking upstream, in the words of Cache-Status (RFC 9211)."""

    cache_status: str
    # What the caches behind this one said, the nearest to the origin first.
    chain: str = ""


class UnstoredError(StorageError):
    """A page that upstream has sent, and that the disk does not take."""

    def __init__(self, error: StorageError, record: Record, pages: Mapping[Form, bytes]) -> None:
        self.record = record
        self.pages = pages
        super().__init__(error.path, error.why)


class Refresher:
    """Brings pages from upstream into the store; whoever calls it holds the page's lock.

    A name of None stands for the project list. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, store: EggsDirectory, upstreams: Upstreams, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._upstreams = upstreams
        self._clock = clock
        self._turns = Turns()

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
        chain = first.cache_status if len(pages) == 1 else ""
        digest = _digest(pages)
        same = record is not None and (record.url, record.index) == (first.url, first.index)
        if same and digest == known.digest:
            self._store.touch(name, self._clock())
            return Outcome("fwd=stale; fwd-status=200", chain)
        try:
            self._take(name, pages, digest, record)
        except parse.Nonsense as nonsense:
            raise UpstreamNonsenseError(shown(first.url), nonsense.why) from None
        except EggProxyError:
            raise
        except Exception as error:
            # A page that our parser trips over must not take down what is stored.
            log.exception("%s: cannot read upstream's page; please report it", name)
            raise UpstreamNonsenseError(shown(first.url), "sent a page beyond reading") from error
        return Outcome(
            f"fwd={'uri-miss' if record is None else 'stale'}; fwd-status=200; stored", chain
        )

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        record = self._store.record(project)
        if record is None or record.detail is None or filename in record.withdrawn:
            return
        changed = msgspec.structs.replace(
            record, withdrawn=[*record.withdrawn, filename], withdrawn_at=self._clock()
        )
        checked = self._store.checked(project) or self._clock()
        self._put_project(project, changed, record.detail, checked)
        log.warning("%s: upstream lacks the metadata it promises for %s", project, filename)

    def pin(self, project: NormalizedName, filename: str, sha256: str) -> None:
        """Keep the digest of a file for which upstream names none, and advertise it from now on."""
        record = self._store.record(project)
        file = record.detail.file(filename) if record and record.detail else None
        if record is None or record.detail is None or file is None or file.hashes:
            return
        files = [
            msgspec.structs.replace(each, hashes={"sha256": sha256}) if each is file else each
            for each in record.detail.files
        ]
        checked = self._store.checked(project) or self._clock()
        detail = msgspec.structs.replace(record.detail, files=files)
        pinned = [*record.pinned, filename]
        record = msgspec.structs.replace(record, pinned=pinned, detail=detail)
        # First what is kept to, then what is advertised.
        self._store.amend(project, record)
        self._put_project(project, record, detail, checked)

    def rewrite(self, project: NormalizedName, change: Callable[[Record], Record | None]) -> None:
        """Put in place what `change` makes of a record, and its pages; nothing if that is None."""
        record = self._store.record(project)
        changed = change(record) if record is not None else None
        if changed is None or changed.detail is None:
            return
        checked = self._store.checked(project) or self._clock()
        # First what is kept to, then what is advertised.
        self._store.amend(project, changed)
        self._put_project(project, changed, changed.detail, checked)

    def have_stored_page(self, project: NormalizedName) -> bool:
        """Have the page of files on disk as it is now; False if there is no file."""
        record = self._store.record(project)
        if record is not None:
            self._write_stored(project, record)
        return self._store.page(project, "json", packed=False, kind="stored").exists()

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

    def _take(
        self,
        name: NormalizedName | None,
        pages: Sequence[Fetched],
        digest: str,
        old: Record | None,
    ) -> None:
        """Read pages that are new, and put what they say in place. Raises Nonsense."""
        page = pages[0]
        validators = Validators(etag=page.etag, last_modified=page.last_modified, digest=digest)
        record = Record(url=page.url, validators=validators, index=page.index)
        if name is None:
            self._put_list(pages, record)
            return
        with self._turns.turn(sum(len(page.body) for page in pages)):
            details = [self._read(name, page) for page in pages]
            detail = merged(details)
            if len(pages) > 1:
                record = msgspec.structs.replace(record, sources=_sources(pages, details))
            self._take_project(name, detail, record, old)

    def _read(self, name: NormalizedName, page: Fetched) -> ProjectDetail:
        """Read what a page says of a project, but for files at hosts that must not be asked."""
        detail = page.detail or parse.project_detail(
            page.body, content_type=page.content_type, url=page.url, project=name
        )
        hosts = self._upstreams.named(page.index).hosts
        # Few hosts, and thousands of files.
        by_host = {file.url.partition("//")[2].partition("/")[0]: file.url for file in detail.files}
        refused = {host for host, url in by_host.items() if not hosts.permits(url)}
        if not refused:
            return detail
        log.warning(
            "%s: files at %s are left out; if that host is right, name it in allow_hosts",
            *(name, ", ".join(sorted(refused))),
        )
        files = [
            file
            for file in detail.files
            if file.url.partition("//")[2].partition("/")[0] not in refused
        ]
        return msgspec.structs.replace(detail, files=files)

    def _take_project(
        self, name: NormalizedName, detail: ProjectDetail, record: Record, old: Record | None
    ) -> None:
        quarantined = detail.status is not None and detail.status.status == "quarantined"
        if quarantined:
            # PEP 792: a quarantined project MUST NOT offer any file.
            detail = msgspec.structs.replace(detail, files=[])
        if old is not None and old.detail is not None:
            if old.detail.files and not detail.files and not quarantined:
                had = len(old.detail.files)
                raise parse.Nonsense(f"sent a page without files where {had} were known")
            detail, pinned = _still_pinned(old, old.detail, detail)
            detail, obsolete = kept(old.detail, detail)
            for filename in obsolete:
                self._store.remove_file(name, filename + METADATA)
            record = msgspec.structs.replace(
                record,
                withdrawn=_still_withdrawn(old, detail),
                withdrawn_at=old.withdrawn_at,
                pinned=pinned,
            )
            self._remove_replaced(old.detail, detail)
            if old.index != record.index:
                self._remove_foreign(old.detail, detail)
        self._put_project(name, record, detail, self._clock())
        if quarantined:
            self._store.set_aside(name)

    def _remove_foreign(self, old: ProjectDetail, new: ProjectDetail) -> None:
        """Remove stored files that another index had, and that the one that counts now has not."""
        known = {file.filename: file.hashes for file in new.files}
        for file in old.files:
            if file.hashes != known.get(file.filename):
                self._store.remove_file(new.name, file.filename)
                self._store.remove_file(new.name, file.filename + METADATA)

    def _remove_replaced(self, old: ProjectDetail, new: ProjectDetail) -> None:
        """Remove stored files that upstream has replaced: what is advertised is what is served."""
        before = {file.filename: file.hashes.get("sha256") for file in old.files}
        for file in new.files:
            known, now = before.get(file.filename), file.hashes.get("sha256")
            if known and now and known != now:
                log.warning("%s: upstream has replaced %s", new.name, file.filename)
                self._store.remove_file(new.name, file.filename)
                self._store.remove_file(new.name, file.filename + METADATA)

    def _put_project(
        self, project: NormalizedName, record: Record, detail: ProjectDetail, checked: float
    ) -> Record:
        record = msgspec.structs.replace(record, detail=detail)
        pages = _rendered(_promises_kept(detail, record.withdrawn))
        try:
            self._store.write(project, pages, record, checked)
        except StorageError as error:
            raise UnstoredError(error, record, pages) from error
        self._write_stored(project, record)
        return record

    def _write_stored(self, project: NormalizedName, record: Record) -> None:
        """Write the page for outages: as the other, but with only the files that are on disk."""
        if record.detail is None:
            return
        kept = policy.on_disk(record.detail, self._store.stored_files(project))
        self._store.write_stored(project, _rendered(kept) if kept.files else {})

    def _put_list(self, pages: Sequence[Fetched], record: Record) -> None:
        lists = [
            parse.project_list(page.body, content_type=page.content_type, url=page.url)
            for page in pages
        ]
        self._store.write_list(render.project_list(merged_lists(lists)), record, self._clock())


def _digest(pages: Sequence[Fetched]) -> str:
    if len(pages) == 1:
        return hashlib.sha256(pages[0].body).hexdigest()
    digests = [hashlib.sha256(page.body).digest() for page in pages]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _sources(pages: Sequence[Fetched], details: Sequence[ProjectDetail]) -> dict[str, str]:
    """Name the index of each file that is not from the first of them."""
    index = {
        file.filename: page.index
        for page, detail in reversed(list(zip(pages, details, strict=True)))
        for file in detail.files
    }
    return {filename: name for filename, name in index.items() if name != pages[0].index}


def _rendered(detail: ProjectDetail) -> dict[Form, bytes]:
    return {
        "json": render.project_detail_json(detail),
        "html": render.project_detail_html(detail),
    }


def _still_pinned(
    old: Record, before: ProjectDetail, now: ProjectDetail
) -> tuple[ProjectDetail, list[str]]:
    """Keep the digests of files that came before, where upstream still names none."""
    pins = {file.filename: file.hashes for file in before.files if file.filename in old.pinned}
    if not pins:
        return now, []
    files = [
        msgspec.structs.replace(file, hashes=pins[file.filename])
        if not file.hashes and file.filename in pins
        else file
        for file in now.files
    ]
    pinned = [new.filename for new, file in zip(files, now.files, strict=True) if new is not file]
    return msgspec.structs.replace(now, files=files), pinned


def _still_withdrawn(old: Record, new: ProjectDetail) -> list[str]:
    """Keep what was withdrawn, unless upstream now promises something else."""
    kept = []
    for name in old.withdrawn:
        before, now = (detail and detail.file(name) for detail in (old.detail, new))
        if before and now and before.core_metadata == now.core_metadata:
            kept.append(name)
    return kept


def _promises_kept(detail: ProjectDetail, withdrawn: list[str]) -> ProjectDetail:
    """Leave out what upstream promises and does not have."""
    if not withdrawn:
        return detail
    gone = set(withdrawn)
    files = [
        msgspec.structs.replace(file, core_metadata=None) if file.filename in gone else file
        for file in detail.files
    ]
    return msgspec.structs.replace(detail, files=files)
