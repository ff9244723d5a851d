"""Where store and upstream meet: have this on disk, fresh, and say where it is."""

import math

from eggproxy import policy
from eggproxy.answers import (
    FILE_CACHE_CONTROL,
    PAGE_CACHE_CONTROL,
    VARY,
    Answer,
    Growing,
    Moved,
    Ready,
    Text,
)
from eggproxy.errors import DigestMismatchError, NoSuchFileError, UpstreamNonsenseError
from eggproxy.home import home_page
from eggproxy.model import File
from eggproxy.names import METADATA, SIGNATURE, NormalizedName
from eggproxy.negotiation import Preference
from eggproxy.pages import Pages
from eggproxy.paths import (
    FileTarget,
    HomeTarget,
    ListTarget,
    ProjectTarget,
    RedirectTarget,
    Target,
)
from eggproxy.store import EggsDirectory
from eggproxy.transfers import Transfers, Wanted, strongest

OCTETS = "application/octet-stream"


class Proxy:
    """The proxy over one eggs directory and one upstream; safe to share among threads."""

    def __init__(self, store: EggsDirectory, pages: Pages, transfers: Transfers) -> None:
        self.store = store
        self.pages = pages
        self._transfers = transfers

    def answer(self, target: Target, preference: Preference) -> Answer:
        """Answer a request. Blocks while upstream is asked; raises EggProxyError."""
        match target:
            case ProjectTarget(project, media_type):
                return self._page(project, media_type, preference)
            case FileTarget():
                return self._file(target)
            case ListTarget(media_type):
                return self._page(None, media_type, preference)
            case RedirectTarget(path):
                return Moved(location=path)
            case HomeTarget():
                return Text(body=home_page(), content_type="text/html; charset=utf-8")

    def _page(
        self, project: NormalizedName | None, media_type: str | None, preference: Preference
    ) -> Ready:
        if media_type is not None:
            preference = preference._replace(media_type=media_type)
        state = self.pages.ensure(project)
        return Ready(
            path=self.store.page(project, preference.form, packed=preference.gzip),
            content_type=preference.content_type,
            cache_control=PAGE_CACHE_CONTROL,
            cache_status=state.cache_status,
            fresh_until=state.fresh_until,
            encoding="gzip" if preference.gzip else None,
            vary=VARY,
            age=None if state.cache_status == "hit" else state.age,
        )

    def _file(self, target: FileTarget) -> Ready | Growing:
        if self.store.file(target.project, target.filename).is_file():
            return self._stored(target, "hit")
        detail, record = self.pages.detail(target.project)
        file = policy.offered(detail, target.filename)
        if file is None or target.filename in {name + METADATA for name in record.withdrawn}:
            raise NoSuchFileError(target.project, target.filename)
        try:
            growing = self._transfers.join(
                Wanted(
                    project=target.project,
                    filename=target.filename,
                    url=file.url,
                    size=file.size,
                    digest=strongest(file.hashes),
                )
            )
        except (NoSuchFileError, DigestMismatchError, UpstreamNonsenseError):
            self._withdraw(target)
            raise
        if growing is None:
            return self._stored(target, "fwd=uri-miss; stored")
        return Growing(
            file=growing,
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status="fwd=uri-miss; stored" + ("; collapsed" if growing.joined else ""),
            etag=_etag(file),
        )

    def _withdraw(self, target: FileTarget) -> None:
        """Stop promising metadata that upstream does not have; the file itself stays."""
        if target.filename.endswith(METADATA):
            base = target.filename.removesuffix(METADATA)
            self.pages.withdraw_metadata(target.project, base)

    def _stored(self, target: FileTarget, cache_status: str) -> Ready:
        return Ready(
            path=self.store.file(target.project, target.filename),
            content_type=OCTETS,
            cache_control=_cache_control(target.filename),
            cache_status=cache_status,
            fresh_until=math.inf,
            etag=self._stored_etag(target),
        )

    def _stored_etag(self, target: FileTarget) -> str | None:
        """Take the digest that the page gives; without a page the file itself must do."""
        record = self.store.record(target.project)
        if record is None or record.detail is None:
            return None
        file = policy.offered(record.detail, target.filename)
        return _etag(file) if file is not None else None


def _etag(file: File) -> str | None:
    digest = strongest(file.hashes)
    if digest is None:
        return None
    name, value = digest
    return f'"{value}"' if name == "sha256" else f'"{name}-{value}"'


def _cache_control(filename: str) -> str:
    """Signatures may be added or replaced; all else under a file's name is for ever."""
    return PAGE_CACHE_CONTROL if filename.endswith(SIGNATURE) else FILE_CACHE_CONTROL
