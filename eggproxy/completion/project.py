"""Completing one project: what is missing of its files, found out and put into its record."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Protocol

import msgspec

from eggproxy.completed import (
    CORE_METADATA,
    is_complete,
    lacking,
    lacks_all_metadata,
    lacks_metadata,
)
from eggproxy.completion import legacy
from eggproxy.completion.finding import Finder
from eggproxy.completion.found import Found
from eggproxy.completion.keeping import completed_by
from eggproxy.completion.versions import likely, newest_first
from eggproxy.errors import EggProxyError, UpstreamNonsenseError
from eggproxy.flights import launch
from eggproxy.model import File, ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.remembered import Remembered
from eggproxy.store import EggsDirectory, Record
from eggproxy.upstream import Upstream

CONNECTIONS = 4
"""How many questions are under way at a time."""

FIRST, FIRST_CONNECTIONS = 64, 8
"""How many wheels are looked into while somebody waits for the page, and how many at a time."""

SLICE = 256
"""How many files of a project are looked at before its page is written, and others have a turn."""

NO_SUCH_THING = 86400.0
"""Seconds for which it is remembered that an index has no legacy API, or a host no ranges."""

ASKED_LEGACY = 600.0
"""Seconds until the legacy API is asked of a project again, for what it did not know."""


class Keeper(Protocol):
    """Who keeps pages: changes a project's record under its lock, and writes its pages anew."""

    def rewrite(self, project: NormalizedName, change: Callable[[Record], Record | None]) -> None:
        """Write what `change` makes of the record, unless that is None. Raises StorageError."""


class ProjectCompletion:
    """Completes projects; `upstream_of` gives the index of a file by its record and name."""

    def __init__(
        self,
        store: EggsDirectory,
        keeper: Keeper,
        upstream_of: Callable[[Record, str], Upstream],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._upstream_of = upstream_of
        self._no_legacy = _memory(NO_SUCH_THING)
        self._asked_legacy = _memory(ASKED_LEGACY)
        self._no_ranges = _memory(NO_SUCH_THING)
        self._finder = Finder(self._has_ranges, self._note_no_ranges)

    def complete_some(self, project: NormalizedName) -> bool:
        """Complete some files of a project; say whether there are more. Raises EggProxyError."""
        with self._store.completing(project) as mine:
            record = self._store.record(project) if mine else None
            lacks = self._lacking(project, record) if record else {}
            if record is None or not lacks:
                return False
            self._demand_upstream(record)
            if self._keep(project, self._from_legacy(project, record)):
                return True
            todo = newest_first(project, [file for file, _bits in lacks.values()])[:SLICE]
            search = _Search(self, project, record, [lacks[file.filename] for file in todo])
            news = self._keep(project, search.run())
            if search.error is not None:
                raise search.error
            return news and len(todo) < len(lacks)

    def complete_likely(self, project: NormalizedName) -> None:
        """Have the metadata of the wheels that most clients will choose from.

        Raises EggProxyError.
        """
        with self._store.completing(project) as mine:
            record = self._store.record(project) if mine else None
            if record is None:
                return
            lacks = self._lacking_metadata(project, record)
            todo = likely(project, [file for file, _bits in lacks.values()])[:FIRST]
            search = _Search(self, project, record, [lacks[file.filename] for file in todo])
            self._keep(project, search.run(FIRST_CONNECTIONS))

    def wants_metadata(self, project: NormalizedName, detail: ProjectDetail) -> bool:
        """Say whether there are wheels whose metadata can perhaps be had from afar.

        Not where the index promises some of any: what it has not there is of old wheels.
        """
        if not lacks_all_metadata(detail):
            return False
        record = self._store.record(project)
        return record is not None and bool(self._lacking_metadata(project, record))

    def _lacking_metadata(
        self, project: NormalizedName, record: Record
    ) -> dict[str, tuple[File, int]]:
        if not lacks_metadata(record.detail):
            return {}
        return {
            name: (file, lacks)
            for name, (file, lacks) in self._lacking(project, record).items()
            if lacks & CORE_METADATA and self._has_ranges(file.url)
        }

    def restore(self, project: NormalizedName, filename: str) -> bool:
        """Have a wheel's `.metadata`, which we have read before, on disk again.

        False if it is not ours, or is another one now. Raises EggProxyError.
        """
        base = filename.removesuffix(METADATA)
        record = self._store.record(project, files=[base])
        file = record.detail.file(base) if record and record.detail else None
        if record is None or file is None or not file.looked_for & CORE_METADATA:
            return False
        upstream = self._upstream_of(record, base)
        contents = self._finder.contents(upstream, file, self._store.file(project, base))
        if contents is None or file.core_metadata != _digest(contents.metadata):
            return False
        with self._store.lock(project):
            self._store.put_file(project, filename, contents.metadata)
        return True

    def find(self, project: NormalizedName, record: Record, file: File, lacks: int) -> Found:
        """Find out what a file lacks. Raises EggProxyError where that may work another time."""
        upstream = self._upstream_of(record, file.filename)
        stored = self._store.file(project, file.filename)
        try:
            return self._finder.find(upstream, file, stored, lacks)
        except UpstreamNonsenseError:
            return Found(file=file, looked_for=lacks)

    def _demand_upstream(self, record: Record) -> None:
        """Raise EggProxyError while the index is down, or is not to be asked."""
        upstream = self._upstream_of(record, "")
        refusal = None if upstream.available() else upstream.refusal()
        if refusal is not None:
            raise refusal

    def _lacking(self, project: NormalizedName, record: Record) -> dict[str, tuple[File, int]]:
        """Name the files of which something is missing that can perhaps be had, and what."""
        found: dict[str, tuple[File, int]] = {}
        if record.detail is None or is_complete(record.detail):
            return found
        for file in record.detail.files:
            lacks = lacking(file)
            if lacks == CORE_METADATA and not self._has_ranges(file.url):
                # Once it has come, it can be read.
                lacks *= self._store.file(project, file.filename).exists()
            if lacks:
                found[file.filename] = (file, lacks)
        return found

    def _from_legacy(self, project: NormalizedName, record: Record) -> list[Found]:
        """Ask the legacy API, where there may be one."""
        upstream = self._upstream_of(record, "")
        url = legacy.address(upstream.index, project)
        if url is None or record.detail is None or self._no_legacy.get(upstream.index):
            return []
        if self._asked_legacy.get(project):
            return []
        self._asked_legacy.put(project, True)  # noqa: FBT003  a memory of yes
        found = legacy.ask(upstream, record.detail, url)
        if found is None:
            self._no_legacy.put(upstream.index, True)  # noqa: FBT003  a memory of yes
        return found or []

    def _keep(self, project: NormalizedName, found: Sequence[Found]) -> bool:
        """Put into the record what was found, and metadata beside their files.

        A `.metadata` is there before a page promises it. Says whether there were news. Raises
        StorageError.
        """
        news = False

        def change(record: Record) -> Record | None:
            if record.detail is None:
                return None
            nonlocal news
            detail, used = completed_by(record.detail, found)
            news = bool(used)
            for each in used:
                if each.metadata is not None:
                    self._store.put_file(project, each.file.filename + METADATA, each.metadata)
            return msgspec.structs.replace(record, detail=detail) if used else None

        if found:
            self._keeper.rewrite(project, change)
        return news

    def _has_ranges(self, url: str) -> bool:
        return self._no_ranges.get(_origin(url)) is None

    def _note_no_ranges(self, url: str) -> None:
        self._no_ranges.put(_origin(url), True)  # noqa: FBT003  a memory of yes


class _Search:
    """Looks at files of a project, some at a time; `error` is why it ended before all were seen."""

    def __init__(
        self,
        completion: ProjectCompletion,
        project: NormalizedName,
        record: Record,
        todo: Sequence[tuple[File, int]],
    ) -> None:
        self.error: EggProxyError | None = None
        self._completion = completion
        self._project = project
        self._record = record
        self._lock = threading.Lock()
        self._todo = iter(todo)
        self._found: list[Found] = []

    def run(self, connections: int = CONNECTIONS) -> list[Found]:
        """Look at all, and give what was found."""
        threads: list[Future[None]] = [Future() for _ in range(connections)]
        for thread in threads:
            launch(self._look, thread, name="completion")
        for thread in threads:
            thread.result()
        return self._found

    def _look(self) -> None:
        while self.error is None:
            with self._lock:
                file, lacks = next(self._todo, (None, 0))
            if file is None:
                return
            try:
                found = self._completion.find(self._project, self._record, file, lacks)
            except EggProxyError as error:
                self.error = error
                return
            with self._lock:
                self._found.append(found)


def _digest(metadata: bytes) -> dict[str, str]:
    return {"sha256": hashlib.sha256(metadata).hexdigest()}


def _memory(seconds: float) -> Remembered[str, bool]:
    return Remembered(seconds=seconds, limit=10_000, clock=time.monotonic)


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])
