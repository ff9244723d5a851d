"""An index that is one page with the files of many projects, as pip's `--find-links` takes it."""

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence

import msgspec

from eggproxy import parse
from eggproxy.errors import RETRY_AFTER, UpstreamNonsenseError, UpstreamUnavailableError
from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName, is_of_project
from eggproxy.upstream.answers import Fetched, Missing, NotModified, shown
from eggproxy.upstream.faults import NotAskedError
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
        page, detail = self._held_now() or self._in_turn()
        files = [file for file in detail.files if is_of_project(file.filename, name)]
        if not files:
            raise Missing
        found = msgspec.structs.replace(detail, name=name, files=files)
        # What of the page concerns the project, so that only changes of that count.
        body = msgspec.json.encode(found)
        return [dataclasses.replace(page, body=body, detail=found)]

    def _held_now(self) -> tuple[Fetched, ProjectDetail] | None:
        """Give the whole page, if it is from a moment ago."""
        held = self._held
        return held[1:] if held is not None and self._now() < held[0] + HELD else None

    def _in_turn(self) -> tuple[Fetched, ProjectDetail]:
        """Have the whole page by one question for all; nobody waits for that one for ever."""
        refusal = self.refusal()
        if refusal is not None:
            raise refusal
        if not self._page_lock.acquire(timeout=self.timeout):
            why = "has not answered another question in time"
            raise NotAskedError(shown(self.index), why, RETRY_AFTER)
        try:
            return self._held_now() or self._whole()
        finally:
            self._page_lock.release()

    def _whole(self) -> tuple[Fetched, ProjectDetail]:
        """Ask for the whole page; the lock is held."""
        held = self._held
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
