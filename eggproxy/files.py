"""A project's files, and what lies beside them: have it on disk, and say where it is."""

import hashlib
import logging
import math
import os
import stat
from collections.abc import Callable

from eggproxy import policy
from eggproxy.answers import (
    FILE_CACHE_CONTROL,
    PAGE_CACHE_CONTROL,
    Growing,
    GrowingFile,
    Ready,
    Text,
)
from eggproxy.completed import promised_size
from eggproxy.errors import (
    EggProxyError,
    NoSuchFileError,
    NotFoundError,
    OutdatedFileError,
    StorageError,
)
from eggproxy.model import File, ProjectDetail
from eggproxy.names import CHANGING, METADATA, PROVENANCE, NormalizedName, distribution_of
from eggproxy.pages import Pages
from eggproxy.paths import FileTarget
from eggproxy.siblings import Beside, Siblings
from eggproxy.store import EggsDirectory, Record
from eggproxy.transfers import Transfers, Wanted, Whole, strongest

log = logging.getLogger("eggproxy")

OCTETS = "application/octet-stream"
PROVENANCE_V1 = "application/vnd.pypi.integrity.v1+json"


def _never(project: NormalizedName, filename: str) -> bool:
    """Have nothing restored."""
    del project, filename
    return False


class Files:
    """The files of one eggs directory; safe to share among threads."""

    def __init__(
        self, store: EggsDirectory, pages: Pages, transfers: Transfers, siblings: Siblings
    ) -> None:
        self._store = store
        self._pages = pages
        self._transfers = transfers
        self._siblings = siblings
        # Has metadata on disk again that we have read ourselves; False where it is not ours.
        self.restore: Callable[[NormalizedName, str], bool] = _never

    def answer(self, target: FileTarget) -> Ready | Growing | Text:
        """Have a file, or what lies beside one, while upstream is asked. Raises EggProxyError."""
        is_changing = target.filename.endswith(CHANGING)
        return self._changing(target) if is_changing else self._unchanging(target)

    def _unchanging(self, target: FileTarget) -> Ready | Growing:
        try:
            return self._as_listed(target)
        except OutdatedFileError:
            # Its page is another one by now.
            return self._as_listed(target)

    def _as_listed(self, target: FileTarget) -> Ready | Growing:
        is_metadata = target.filename.endswith(METADATA)
        size = self._size_on_disk(target)
        if size is not None:
            # Without a page the file itself must do.
            known = self._as_it_is(target) if is_metadata else self._known(target)
            if self._is_whole(target, size, known):
                return self._stored(target, known, "hit")
        coming = self._under_way(target) if is_metadata else None
        if coming is None:
            coming = self._wanted(target)
            if is_metadata and self.restore(target.project, target.filename):
                return self._stored(target, coming[0], "fwd=uri-miss; stored")
        try:
            return self._coming(target, *coming)
        except NoSuchFileError:
            self._withdraw(target)
            raise

    def _under_way(self, target: FileTarget) -> tuple[File, Wanted] | None:
        """Find what is on its way to this address, without reading a page of thousands of files."""
        wanted = self._transfers.under_way(target.project, target.filename)
        if wanted is None or target.stored:
            return None
        hashes = dict([wanted.digest]) if wanted.digest else {}
        return File(filename=target.filename, url=wanted.url, hashes=hashes), wanted

    def _as_it_is(self, target: FileTarget) -> File | None:
        """Describe a small file by what is in it, without reading a page of thousands of files."""
        try:
            content = self._store.file(target.project, target.filename).read_bytes()
        except OSError:
            return None
        hashes = {"sha256": hashlib.sha256(content).hexdigest()}
        return File(filename=target.filename, url="", hashes=hashes)

    def _wanted(self, target: FileTarget) -> tuple[File, Wanted]:
        """Find what is to be fetched for an address. Raises EggProxyError."""
        if target.stored:
            raise NoSuchFileError(target.project, target.filename, "it is not stored here")
        names = policy.asked_for(target.filename)
        offer = _offered(self._pages.detail(target.project, names), target) or _offered(
            self._pages.settled(target.project, target.filename), target
        )
        if offer is None:
            raise NoSuchFileError(target.project, target.filename)
        file, index = offer
        return file, Wanted.of(target.project, file, index)

    def _changing(self, target: FileTarget) -> Ready | Text | Growing:
        """Have what lies beside a file and may change, as fresh as a page is."""
        sibling = self._store.sibling(target.project, target.filename)
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
        lifetime = self._pages.lifetime_of(target.project)
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
            path=self._store.file(target.project, target.filename),
            content_type=content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status=found.cache_status,
            fresh_until=found.fresh_until,
        )

    def _coming(self, target: FileTarget, file: File, wanted: Wanted) -> Ready | Growing:
        """Have a file come, onto the disk where that can be. Raises EggProxyError."""
        growing: GrowingFile | Whole
        try:
            growing = self._transfers.join(wanted)
            cache_status = "fwd=uri-miss; stored"
        except StorageError:
            growing = self._transfers.pass_on(wanted)
            cache_status = "fwd=uri-miss"
        if growing.joined:
            cache_status += "; collapsed"
        if isinstance(growing, Whole):
            # Where upstream names no digest, the page has one now.
            known = file if file.hashes else self._known(target)
            return self._stored(target, known, cache_status, growing.chain)
        return Growing(
            file=growing,
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status=cache_status,
            chain=growing.chain,
            etag=_etag(file),
        )

    def _withdraw(self, target: FileTarget) -> None:
        """Stop promising metadata that upstream does not have; the file itself stays."""
        if target.filename.endswith(METADATA):
            base = target.filename.removesuffix(METADATA)
            self._pages.withdraw_metadata(target.project, base)

    def _stored(
        self, target: FileTarget, known: File | None, cache_status: str, chain: str = ""
    ) -> Ready:
        return Ready(
            path=self._store.file(target.project, target.filename),
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status=cache_status,
            chain=chain,
            fresh_until=math.inf,
            etag=_etag(known) if known is not None else None,
        )

    def _size_on_disk(self, target: FileTarget) -> int | None:
        try:
            facts = os.stat(self._store.file(target.project, target.filename))  # noqa: PTH116
        except OSError:
            return None
        return facts.st_size if stat.S_ISREG(facts.st_mode) else None

    def _is_whole(self, target: FileTarget, size: int, known: File | None) -> bool:
        """Say whether a file of this size is the one its page means; any other is removed."""
        promised = promised_size(known) if known is not None else None
        if promised in {None, size}:
            return True
        what = f"{target.project}/{target.filename}"
        log.error("%s has %d bytes instead of %d: removed", what, size, promised)
        self._store.remove_file(target.project, target.filename)
        return False

    def _known(self, target: FileTarget) -> File | None:
        """Find what the stored page says of a file, without a word to upstream."""
        record = self._store.record(target.project, files=policy.asked_for(target.filename))
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
