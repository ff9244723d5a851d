"""Where store and upstream meet: have this on disk, fresh, and say where it is."""

import logging
import math
import os
import stat
from collections.abc import Callable

import msgspec

from eggproxy import policy
from eggproxy.answers import (
    FILE_CACHE_CONTROL,
    PAGE_CACHE_CONTROL,
    VARY,
    Answer,
    Growing,
    GrowingFile,
    Moved,
    Ready,
    Text,
)
from eggproxy.completed import promised_size
from eggproxy.errors import (
    EggProxyError,
    NoSuchFileError,
    NotFoundError,
    NothingStoredError,
    StorageError,
)
from eggproxy.health import Health
from eggproxy.home import home_page
from eggproxy.model import File, ProjectDetail
from eggproxy.names import CHANGING, METADATA, PROVENANCE, NormalizedName, distribution_of
from eggproxy.negotiation import Preference
from eggproxy.own import Own
from eggproxy.pages import Pages
from eggproxy.paths import (
    FileTarget,
    HealthTarget,
    HomeTarget,
    ListTarget,
    ProjectTarget,
    RedirectTarget,
    Target,
)
from eggproxy.siblings import Beside, Siblings
from eggproxy.store import EggsDirectory, Record
from eggproxy.transfers import Transfers, Wanted, strongest

log = logging.getLogger("eggproxy")

OCTETS = "application/octet-stream"
PROVENANCE_V1 = "application/vnd.pypi.integrity.v1+json"


def _never(project: NormalizedName, filename: str) -> bool:
    """Have nothing restored."""
    del project, filename
    return False


class Proxy:
    """The proxy over one eggs directory and one upstream; safe to share among threads."""

    def __init__(  # noqa: PLR0913, PLR0917  what it works with
        self,
        store: EggsDirectory,
        pages: Pages,
        transfers: Transfers,
        siblings: Siblings,
        health: Health,
        own: Own | None = None,
    ) -> None:
        self._own = own
        self._health = health
        self.store = store
        self.pages = pages
        self._transfers = transfers
        self._siblings = siblings
        # Has metadata on disk again that we have read ourselves; False where it is not ours.
        self.restore: Callable[[NormalizedName, str], bool] = _never

    def answer(self, target: Target, preference: Preference) -> Answer:
        """Answer a request. Blocks while upstream is asked; raises EggProxyError."""
        if self._own is None:
            return self._answer(target, preference)
        return self._own.answer(target, preference, self._answer)

    def _answer(self, target: Target, preference: Preference) -> Answer:
        """Answer with what the index has."""
        if isinstance(target, ProjectTarget | FileTarget) and self.pages.is_foreign(target.project):
            # A name that has become owned: what another index had under it is not served, ever.
            if target.stored:
                raise NothingStoredError(target.project)
            self.pages.replace_foreign(target.project)
        match target:
            case ProjectTarget():
                return self._project(target, preference)
            case FileTarget():
                return self._file(target)
            case ListTarget(media_type):
                if media_type is not None:
                    preference = preference._replace(media_type=media_type)
                return self._page(None, preference)
            case RedirectTarget(path):
                return Moved(location=path)
            case HomeTarget():
                return Text(body=home_page(), content_type="text/html; charset=utf-8")
            case HealthTarget():
                report = self._health.report(upstream=not self.pages.is_outage())
                return Text(body=report, content_type="application/json")

    def _project(self, target: ProjectTarget, preference: Preference) -> Ready | Text:
        """Have a project's page; in an outage the one that lists what can be had."""
        if target.media_type is not None:
            preference = preference._replace(media_type=target.media_type)
        if target.stored or self.pages.lists_stored(target.project):
            if self.pages.has_stored_page(target.project):
                return self._stored_page(target.project, preference)
            if target.stored:
                raise NothingStoredError(target.project)
        page = self._page(target.project, preference)
        if self.pages.lists_stored(target.project) and self.pages.has_stored_page(target.project):
            # It has just turned out.
            return self._stored_page(target.project, preference)
        return page

    def _stored_page(self, project: NormalizedName, preference: Preference) -> Ready:
        return Ready(
            path=self.store.page(project, preference.form, packed=preference.gzip, kind="stored"),
            content_type=preference.content_type,
            # When the outage is over, it is the wrong one at once.
            cache_control="no-store",
            cache_status="hit; detail=stored-files-only",
            fresh_until=0.0,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
        )

    def _page(self, project: NormalizedName | None, preference: Preference) -> Ready | Text:
        state = self.pages.ensure(project)
        if state.unstored is not None:
            return Text(
                body=state.unstored[preference.form],
                content_type=preference.content_type,
                cache_control="no-store",
                cache_status=state.cache_status,
                vary=VARY,
            )
        return Ready(
            path=self.store.page(project, preference.form, packed=preference.gzip),
            content_type=preference.content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status=state.cache_status,
            chain=state.chain,
            fresh_until=state.fresh_until,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
            age=None if state.cache_status == "hit" else state.age,
        )

    def _file(self, target: FileTarget) -> Ready | Growing | Text:
        is_changing = target.filename.endswith(CHANGING)
        return self._changing(target) if is_changing else self._unchanging(target)

    def _unchanging(self, target: FileTarget) -> Ready | Growing:
        if self._is_whole(target):
            return self._stored(target, "hit")
        file, wanted = self._wanted(target)
        if target.filename.endswith(METADATA) and self.restore(target.project, target.filename):
            return self._stored(target, "fwd=uri-miss; stored")
        try:
            return self._coming(target, file, wanted)
        except NoSuchFileError:
            self._withdraw(target)
            raise

    def _wanted(self, target: FileTarget) -> tuple[File, Wanted]:
        """Find what is to be fetched for an address. Raises EggProxyError."""
        if target.stored:
            raise NoSuchFileError(target.project, target.filename, "it is not stored here")
        offer = _offered(self.pages.detail(target.project), target) or _offered(
            self.pages.settled(target.project, target.filename), target
        )
        if offer is None:
            raise NoSuchFileError(target.project, target.filename)
        file, index = offer
        wanted = Wanted(
            project=target.project,
            filename=target.filename,
            url=file.url,
            size=file.size,
            digest=strongest(file.hashes),
            index=index,
        )
        return file, wanted

    def _changing(self, target: FileTarget) -> Ready | Text | Growing:
        """Have what lies beside a file and may change, as fresh as a page is."""
        sibling = self.store.sibling(target.project, target.filename)
        if target.stored and sibling.is_stored():
            return self._beside(target, Beside(0.0, "hit"))
        try:
            file, wanted = self._wanted(target)
        except NotFoundError:
            raise
        except EggProxyError:
            # Its page is neither here nor to be had.
            if not sibling.is_stored():
                raise
            return self._beside(target, Beside(0.0, "hit; detail=stale-if-error"))
        if file.hashes:
            # Its page lists it as a file of its own.
            return self._unchanging(target)
        lifetime = self.pages.lifetime_of(target.project)
        return self._beside(target, self._siblings.ensure(wanted, lifetime))

    def _beside(self, target: FileTarget, found: Beside) -> Ready | Text:
        is_provenance = target.filename.endswith(PROVENANCE)
        content_type = PROVENANCE_V1 if is_provenance else OCTETS
        if found.unstored is not None:
            return Text(
                body=found.unstored,
                content_type=content_type,
                cache_control="no-store",
                cache_status=found.cache_status,
            )
        return Ready(
            path=self.store.file(target.project, target.filename),
            content_type=content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status=found.cache_status,
            fresh_until=found.fresh_until,
        )

    def _coming(self, target: FileTarget, file: File, wanted: Wanted) -> Ready | Growing:
        """Have a file come, onto the disk where that can be. Raises EggProxyError."""
        growing: GrowingFile | None
        try:
            growing = self._transfers.join(wanted)
            cache_status = "fwd=uri-miss; stored"
        except StorageError:
            growing = self._transfers.pass_on(wanted)
            cache_status = "fwd=uri-miss"
        if growing is None:
            return self._stored(target, cache_status, self._transfers.chain(wanted))
        return Growing(
            file=growing,
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status=cache_status + ("; collapsed" if growing.joined else ""),
            chain=growing.chain,
            etag=_etag(file),
        )

    def _withdraw(self, target: FileTarget) -> None:
        """Stop promising metadata that upstream does not have; the file itself stays."""
        if target.filename.endswith(METADATA):
            base = target.filename.removesuffix(METADATA)
            self.pages.withdraw_metadata(target.project, base)

    def _stored(self, target: FileTarget, cache_status: str, chain: str = "") -> Ready:
        return Ready(
            path=self.store.file(target.project, target.filename),
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status=cache_status,
            chain=chain,
            fresh_until=math.inf,
            etag=self._stored_etag(target),
        )

    def _stored_etag(self, target: FileTarget) -> str | None:
        """Take the digest that the page gives; without a page the file itself must do."""
        file = self._known(target)
        return _etag(file) if file is not None else None

    def _is_whole(self, target: FileTarget) -> bool:
        """Say whether a file is on disk; one that was damaged there is removed."""
        try:
            facts = os.stat(self.store.file(target.project, target.filename))  # noqa: PTH116
        except OSError:
            return False
        size = self._promised_size(target) if stat.S_ISREG(facts.st_mode) else None
        if size is not None and size != facts.st_size:
            what = f"{target.project}/{target.filename}"
            log.error("%s has %d bytes instead of %d: removed", what, facts.st_size, size)
            self.store.remove_file(target.project, target.filename)
            return False
        return stat.S_ISREG(facts.st_mode)

    def _promised_size(self, target: FileTarget) -> int | None:
        """Find how many bytes upstream's page says that a file has."""
        file = self._known(target)
        return promised_size(file) if file is not None else None

    def _known(self, target: FileTarget) -> File | None:
        """Find what the stored page says of a file, without a word to upstream."""
        record = self.store.record(target.project)
        if record is None or record.detail is None:
            return None
        return policy.offered(record.detail, target.filename)


def _offered(
    known: tuple[ProjectDetail, Record] | None, target: FileTarget
) -> tuple[File, str] | None:
    """Find a file and the name of its index, unless it is metadata that upstream does not have."""
    if known is None:
        return None
    detail, record = known
    if target.filename in {name + METADATA for name in record.withdrawn}:
        return None
    file = policy.offered(detail, target.filename)
    if file is None:
        return None
    file = msgspec.structs.replace(file, size=promised_size(file))
    return file, record.sources.get(distribution_of(target.filename), record.index)


def _etag(file: File) -> str | None:
    digest = strongest(file.hashes)
    if digest is None:
        return None
    name, value = digest
    return f'"{value}"' if name == "sha256" else f'"{name}-{value}"'


def _cache_control(filename: str) -> str:
    """Signatures may be added or replaced; all else under a file's name is for ever."""
    return PAGE_CACHE_CONTROL if filename.endswith(CHANGING) else FILE_CACHE_CONTROL
