"""An index that is one page with the files of many projects, as pip's `--find-links` takes it."""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from eggproxy import parse
from eggproxy.errors import UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName, is_of_project
from eggproxy.upstream.answers import Fetched, Missing, NotModified, shown
from eggproxy.upstream.index import Upstream
from eggproxy.upstream.roles import Known

HELD = 5.0
"""Seconds for which the page is not fetched again: a client asks for many projects at a time."""

_ALL = NormalizedName("all")


class FlatUpstream(Upstream):
    """An index whose one page has the files of all its projects; as `Upstream` otherwise."""

    def __init__(self, index: str, timeout: float, **options: object) -> None:
        super().__init__(index, timeout, **options)  # type: ignore[arg-type]  # they are its own
        self._page_lock = threading.Lock()
        self._held: tuple[float, Fetched, ProjectDetail] | None = None
        self._now: Callable[[], float] = time.monotonic

    def pages(self, name: NormalizedName | None, known: Known) -> Sequence[Fetched]:
        """Take the project's files out of the page; a project without any is Missing."""
        del known
        if name is None:
            # What the projects' names are, filenames do not tell for certain.
            raise Missing
        with self._page_lock:
            page, detail = self._whole()
        files = [file for file in detail.files if is_of_project(file.filename, name)]
        if not files:
            raise Missing
        found = msgspec.structs.replace(detail, name=name, files=files)
        # What of the page concerns the project, so that only changes of that count.
        body = msgspec.json.encode(found)
        return [dataclasses.replace(page, body=body, detail=found)]

    def _whole(self) -> tuple[Fetched, ProjectDetail]:
        """Have the whole page, from a moment ago or new."""
        held = self._held
        if held is not None and self._now() < held[0] + HELD:
            return held[1:]
        etag, last_modified = (held[1].etag, held[1].last_modified) if held else (None, None)
        try:
            page = self.page("", etag=etag, last_modified=last_modified)
        except Missing:
            # Of no project it is known then that it is not there.
            raise UpstreamUnavailableError(shown(self.index), "has no page there") from None
        if isinstance(page, NotModified):
            if held is None:
                raise UpstreamNonsenseError(shown(self.index), "knows a page that we do not")
            page, detail = held[1:]
        elif held is not None and page.body == held[1].body:
            detail = held[2]
        else:
            detail = self._read(page)
        self._held = (self._now(), page, detail)
        return page, detail

    def _read(self, page: Fetched) -> ProjectDetail:
        try:
            return parse.project_detail(
                page.body, content_type=page.content_type, url=page.url, project=_ALL
            )
        except parse.Nonsense as nonsense:
            raise UpstreamNonsenseError(shown(page.url), nonsense.why) from None
