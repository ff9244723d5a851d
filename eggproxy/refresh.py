"""One revalidation of a page: ask upstream, read the answer, put all representations in place."""

import hashlib
import logging
from collections.abc import Callable

import msgspec

from eggproxy import parse, render
from eggproxy.errors import EggProxyError, NoSuchProjectError, UpstreamNonsenseError
from eggproxy.model import ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.store import EggsDirectory, Record, Validators
from eggproxy.turns import Turns
from eggproxy.upstream import Fetched, Missing, NotModified, Upstream, shown

log = logging.getLogger("eggproxy")


class Refresher:
    """Brings pages from upstream into the store; whoever calls it holds the page's lock.

    A name of None stands for the project list. `clock` gives seconds since the epoch.
    """

    def __init__(
        self, store: EggsDirectory, upstream: Upstream, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._upstream = upstream
        self._clock = clock
        self._turns = Turns()

    def refresh(self, name: NormalizedName | None, record: Record | None) -> str:
        """Ask upstream about a page of which `record` is known; say what came of it (RFC 9211).

        Raises EggProxyError; the stored page is as it was then.
        """
        known = record.validators if record else Validators()
        page = self._fetch(name, known)
        if isinstance(page, NotModified):
            self._store.touch(name, self._clock())
            return "fwd=stale; fwd-status=304"
        digest = hashlib.sha256(page.body).hexdigest()
        if record is not None and digest == known.digest and page.url == record.url:
            self._store.touch(name, self._clock())
            return "fwd=stale; fwd-status=200"
        try:
            self._take(name, page, digest, record)
        except parse.Nonsense as nonsense:
            raise UpstreamNonsenseError(shown(page.url), nonsense.why) from None
        except EggProxyError:
            raise
        except Exception as error:
            # A page that our parser trips over must not take down what is stored.
            log.exception("%s: cannot read upstream's page; please report it", name)
            raise UpstreamNonsenseError(shown(page.url), "sent a page beyond reading") from error
        return f"fwd={'uri-miss' if record is None else 'stale'}; fwd-status=200; stored"

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        record = self._store.record(project)
        if record is None or record.detail is None or filename in record.withdrawn:
            return
        changed = msgspec.structs.replace(record, withdrawn=[*record.withdrawn, filename])
        checked = self._store.checked(project) or self._clock()
        self._put_project(project, changed, record.detail, checked)
        log.warning("%s: upstream lacks the metadata it promises for %s", project, filename)

    def _fetch(self, name: NormalizedName | None, known: Validators) -> Fetched | NotModified:
        path = "" if name is None else f"{name}/"
        try:
            return self._upstream.page(path, etag=known.etag, last_modified=known.last_modified)
        except Missing:
            if name is not None:
                raise NoSuchProjectError(name) from None
            where = shown(self._upstream.index)
            raise UpstreamNonsenseError(where, "has no project list at this address") from None

    def _take(
        self, name: NormalizedName | None, page: Fetched, digest: str, old: Record | None
    ) -> None:
        """Read a page that is new, and put it in place. Raises Nonsense."""
        validators = Validators(etag=page.etag, last_modified=page.last_modified, digest=digest)
        record = Record(url=page.url, validators=validators)
        if name is None:
            self._put_list(page, record)
            return
        with self._turns.turn(len(page.body)):
            self._take_project(name, page, record, old)

    def _take_project(
        self, name: NormalizedName, page: Fetched, record: Record, old: Record | None
    ) -> None:
        detail = parse.project_detail(
            page.body, content_type=page.content_type, url=page.url, project=name
        )
        if old is not None and old.detail is not None:
            # PEP 792: a quarantined project MUST NOT offer any file.
            quarantined = detail.status is not None and detail.status.status == "quarantined"
            if old.detail.files and not detail.files and not quarantined:
                had = len(old.detail.files)
                raise parse.Nonsense(f"sent a page without files where {had} were known")
            record = msgspec.structs.replace(record, withdrawn=_still_withdrawn(old, detail))
            self._remove_replaced(old.detail, detail)
        self._put_project(name, record, detail, self._clock())

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
    ) -> None:
        record = msgspec.structs.replace(record, detail=detail)
        kept = _promises_kept(detail, record.withdrawn)
        self._store.write(
            project,
            {
                "json": render.project_detail_json(kept),
                "html": render.project_detail_html(kept),
            },
            record,
            checked,
        )

    def _put_list(self, page: Fetched, record: Record) -> None:
        projects = parse.project_list(page.body, content_type=page.content_type, url=page.url)
        self._store.write_list(render.project_list(projects), record, self._clock())


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
