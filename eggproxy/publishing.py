"""Putting pages in place: all representations of what a record says, and what changes a record."""

import logging
from collections.abc import Callable, Mapping
from typing import NamedTuple

import msgspec

from eggproxy import policy, render
from eggproxy.errors import StorageError
from eggproxy.model import ProjectDetail, ProjectList
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Form
from eggproxy.store import EggsDirectory, Record, twins

log = logging.getLogger("eggproxy")


class Ahead(NamedTuple):
    """What is done with a page before it is in place: it is given, in JSON and packed.

    Then others may go first, for nobody waits for the rest. `is_told` says that it has been told
    what it leads to.
    """

    give: Callable[[bytes], None]
    give_way: Callable[[], None]
    is_told: bool


class UnstoredError(StorageError):
    """A page that upstream has sent, and that the disk does not take."""

    def __init__(self, error: StorageError, record: Record, pages: Mapping[Form, bytes]) -> None:
        self.record = record
        self.pages = pages
        super().__init__(error.path, error.why)


class Publisher:
    """Writes records and their pages; whoever calls it holds the page's lock.

    `clock` gives seconds since the epoch.
    """

    def __init__(self, store: EggsDirectory, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    def put(
        self,
        project: NormalizedName,
        record: Record,
        detail: ProjectDetail,
        checked: float,
        ahead: Ahead | None = None,
    ) -> None:
        """Put a project's pages in place, which upstream has confirmed at `checked`.

        Raises UnstoredError, which has what the disk does not take.
        """
        record = msgspec.structs.replace(record, detail=detail)
        promised = _promises_kept(detail, record.withdrawn)
        packed: dict[Form, bytes] = {}
        pages: dict[Form, bytes] = {"json": render.project_detail_json(promised)}
        if ahead is not None:
            packed["json"] = twins.pack(pages["json"])
            ahead.give(packed["json"])
            ahead.give_way()
        pages["html"] = render.project_detail_html(promised)
        if ahead is not None:
            ahead.give_way()
            # Who has come meanwhile and waits for this need not ask upstream again.
            checked = self._clock()
        try:
            self._store.write(project, pages, record, checked, packed)
        except StorageError as error:
            raise UnstoredError(error, record, pages) from error
        self._write_stored(project, record)

    def put_list(self, projects: ProjectList, record: Record) -> None:
        """Put the project list in place. Raises StorageError; Nonsense, as its projects do."""
        self._store.write_list(render.project_list(projects), record, self._clock())

    def withdraw_metadata(self, project: NormalizedName, filename: str) -> None:
        """No longer advertise a `.metadata` that upstream promised and does not have."""
        record = self._store.record(project)
        if record is None or record.detail is None or filename in record.withdrawn:
            return
        changed = msgspec.structs.replace(
            record, withdrawn=[*record.withdrawn, filename], withdrawn_at=self._clock()
        )
        checked = self._store.checked(project) or self._clock()
        self.put(project, changed, record.detail, checked)
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
        detail = msgspec.structs.replace(record.detail, files=files)
        pinned = [*record.pinned, filename]
        self._amend(project, msgspec.structs.replace(record, pinned=pinned, detail=detail), detail)

    def rewrite(self, project: NormalizedName, change: Callable[[Record], Record | None]) -> None:
        """Put in place what `change` makes of a record, and its pages; nothing if that is None."""
        record = self._store.record(project)
        changed = change(record) if record is not None else None
        if changed is None or changed.detail is None:
            return
        self._amend(project, changed, changed.detail)

    def _amend(self, project: NormalizedName, record: Record, detail: ProjectDetail) -> None:
        """Put in place what is known better now: first what is kept to, then what is advertised."""
        self._store.amend(project, record)
        self._store.write_pages(project, _rendered(_promises_kept(detail, record.withdrawn)))
        self._write_stored(project, record)

    def have_stored_page(self, project: NormalizedName) -> bool:
        """Have the page of files on disk as it is now; False if there is no file."""
        # What comes meanwhile is noted, and listed the next time.
        record = self._store.record(project, files=self._store.stored_files(project))
        if record is not None:
            self._write_stored(project, record)
        return self._store.page(project, "json", packed=False, kind="stored").exists()

    def _write_stored(self, project: NormalizedName, record: Record) -> None:
        """Write the page for outages: as the other, but with only the files that are on disk."""
        if record.detail is None:
            return
        kept = policy.on_disk(record.detail, self._store.stored_files(project))
        self._store.write_stored(project, _rendered(kept) if kept.files else {})


def _rendered(detail: ProjectDetail) -> dict[Form, bytes]:
    return {
        "json": render.project_detail_json(detail),
        "html": render.project_detail_html(detail),
    }


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
