"""The eggs directory: a static index that anybody can serve, and beside it our own records.

index.html index.json (.gz)             the project list
numpy/index.html numpy/index.json (.gz) project pages, links relative to the folder
numpy/stored.html numpy/stored.json     the same, but only the files that are on disk
numpy/numpy-2.1.0-....whl (.metadata)   files, whole and verified
.eggproxy/                              records, partial downloads, scratch: never served
"""

import os
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import MappingProxyType

import msgspec

from eggproxy.errors import StorageError
from eggproxy.names import (
    SIBLINGS,
    NormalizedName,
    has_room,
    is_file_or_sibling,
    is_project_name,
    normalize,
)
from eggproxy.negotiation import Form
from eggproxy.store import atomic
from eggproxy.store.pages import PageFiles, PageKind
from eggproxy.store.partial import Partial
from eggproxy.store.record import Record, encode
from eggproxy.store.records import Records
from eggproxy.store.siblings import Sibling

_SCRATCH_MAX_AGE = 3600
# What nobody has gone on with for a week, nobody will; a running transfer writes all the time.
_PARTIAL_MAX_AGE = 7 * 86400


class EggsDirectory:
    """One eggs directory; any number of processes and threads may share it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._own = root / ".eggproxy"
        self._scratch = self._own / "tmp"
        self._partials = self._own / "partial"
        self._records = Records()
        self._pages = PageFiles(root, self._scratch)

    def prepare(self) -> None:
        """Make the folders, and clear away what crashed writers left an hour ago or before.

        Raises StorageError where the directory cannot be made or written.
        """
        for folder in (self._scratch, self._partials, self._own / "projects"):
            with atomic.storage_errors(folder):
                folder.mkdir(parents=True, exist_ok=True)
        if not os.access(self._scratch, os.W_OK | os.X_OK) or not os.access(self.root, os.W_OK):
            raise StorageError(str(self.root), "it cannot be written by this user")
        _sweep(self._scratch, _SCRATCH_MAX_AGE)
        _sweep(self._partials, _PARTIAL_MAX_AGE)

    def page(
        self,
        project: NormalizedName | None,
        form: Form,
        *,
        packed: bool,
        kind: PageKind = "index",
    ) -> Path:
        """Name the page of a project, or of the project list (None).

        The page `stored` has only those files of a project that are on disk.
        """
        return self._pages.path(project, form, packed=packed, kind=kind)

    def file(self, project: NormalizedName, filename: str) -> Path:
        """Name a distribution or a sibling of one; it is whole if it is there."""
        return self.root.joinpath(project, filename)

    def lists(self, project: NormalizedName, filename: str) -> bool:
        """Say whether a project's page, as it is on disk, lists a file. Raises StorageError."""
        page = self.page(project, "json", packed=False)
        with atomic.storage_errors(page):
            return f'"filename":"{filename}"'.encode() in page.read_bytes()

    def stored_files(self, project: NormalizedName) -> frozenset[str]:
        """Name the files of a project that are on disk, whole, and what belongs to them."""
        try:
            names = os.listdir(self.root / project)  # noqa: PTH208  names are all it takes
        except FileNotFoundError:
            return frozenset()
        except OSError as error:
            raise StorageError(str(self.root / project), str(error.strerror)) from error
        return frozenset(name for name in names if is_file_or_sibling(name))

    def remove_file(self, project: NormalizedName, filename: str) -> None:
        """Remove a file that is no longer the one its page names. Raises StorageError."""
        path = self.file(project, filename)
        if not has_room(filename, ""):
            # A sibling that never could be stored.
            return
        with atomic.storage_errors(path):
            path.unlink(missing_ok=True)

    def remove_siblings(self, project: NormalizedName, filename: str) -> None:
        """Remove what belongs to a file that is no longer the same. Raises StorageError."""
        for suffix in SIBLINGS:
            self.remove_file(project, filename + suffix)

    def set_aside(self, project: NormalizedName) -> None:
        """Move all files of a project to where no server sees them. Raises StorageError."""
        place = self._own / "quarantined" / project
        for filename in self.stored_files(project):
            path = self.file(project, filename)
            with atomic.storage_errors(path):
                place.mkdir(parents=True, exist_ok=True)
                path.rename(place / filename)

    def folders(self) -> list[NormalizedName]:
        """List the projects that have a folder, with or without a page. Raises StorageError."""
        with atomic.storage_errors(self.root):
            names = [entry.name for entry in os.scandir(self.root) if entry.is_dir()]
        return [normalize(name) for name in names if is_project_name(name)]

    def displace(self, project: NormalizedName) -> Path | None:
        """Move the folder of a project out of sight; say where it is, None if somebody has done it.

        Raises StorageError.
        """
        place = self._own / "displaced" / f"{project}-{secrets.token_hex(4)}"
        # Under the lock, so that whoever asks upstream now has written; and without its record
        # nothing is ever written again of what upstream said.
        with self.lock(project), atomic.storage_errors(self.root / project):
            place.parent.mkdir(exist_ok=True)
            self._record(project).unlink(missing_ok=True)
            try:
                (self.root / project).rename(place)
            except FileNotFoundError:
                return None
        return place

    def partial(self, project: NormalizedName, filename: str, identity: str) -> Partial:
        """Name the growing file of a transfer; `identity` tells apart what upstream may send."""
        return Partial.of(self._partials, self.file(project, filename), f"{project}\n{identity}")

    def projects(self) -> list[NormalizedName]:
        """List the projects with a stored page, in order of name."""
        with atomic.storage_errors(self._own / "projects"):
            names = sorted(entry.name for entry in os.scandir(self._own / "projects"))
        return [normalize(name) for name in names if is_project_name(name)]

    def checked(self, project: NormalizedName | None) -> float | None:
        """Say when upstream last confirmed a page, in seconds since the epoch; None if never.

        A page of which somebody removed or damaged a part is one that we do not have.
        """
        try:
            return self._record(project).stat().st_mtime if self._is_whole(project) else None
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageError(str(self._record(project)), str(error.strerror)) from error

    def _is_whole(self, project: NormalizedName | None) -> bool:
        return self._pages.is_whole(project) or self._pages.repaired(project)

    def touch(self, project: NormalizedName | None, now: float) -> None:
        """Note that upstream has confirmed a page at `now`."""
        with atomic.storage_errors(self._record(project)):
            os.utime(self._record(project), (now, now))

    def record(
        self,
        project: NormalizedName | None,
        *,
        seen: bool = False,
        files: Collection[str] | None = None,
    ) -> Record | None:
        """Read the record of a page; None if there is no whole page, or if it is damaged.

        `seen` says that the page has just been found whole. With `files` it has of its files only
        those with these names, and is not for writing: so it need not all be read.
        """
        try:
            if not seen and not self._is_whole(project):
                return None
            path = self._record(project)
            if files is not None:
                return self._records.excerpt(project, path, files)
            return self._records.read(project, path)
        except (FileNotFoundError, msgspec.DecodeError):
            return None
        except OSError as error:
            raise StorageError(str(self._record(project)), str(error.strerror)) from error

    def mentions(self, project: NormalizedName, word: str) -> bool:
        """Say whether a word stands in the record of a page, which is not read for it."""
        try:
            return word.encode() in self._record(project).read_bytes()
        except OSError:
            return False

    def adopt(self, project: NormalizedName) -> bool:
        """Note that another process has put a page in place, under a lock held here; if it has."""
        try:
            self._pages.adopt(project)
        except OSError:
            return False
        return True

    def forget(self) -> None:
        """Hold no record in memory."""
        self._records.clear()

    def addresses(self, project: NormalizedName | None) -> dict[str, str]:
        """Give the addresses of the indexes that a page is from, by name; empty if unknown."""
        return self._records.addresses(project, self._record(project))

    def lock(self, project: NormalizedName | None) -> AbstractContextManager[None]:
        """Hold the page of a project for oneself, across threads and processes."""
        return atomic.folder_lock(self._record(project).parent)

    def completing(self, project: NormalizedName) -> AbstractContextManager[bool]:
        """Be the only one, across processes, that completes a project; False if another does."""
        return atomic.folder_lock_if_free(self._own / "completing" / project)

    def sibling(self, project: NormalizedName, filename: str) -> Sibling:
        """Name a sibling of a file that may change."""
        folder = self._own / "siblings" / project / filename
        return Sibling(self.file(project, filename), folder, self._scratch)

    def put_file(self, project: NormalizedName, filename: str, content: bytes) -> None:
        """Put a small file in place, whole; its page's lock is held. Raises StorageError."""
        path = self.file(project, filename)
        with atomic.storage_errors(path):
            if not atomic.holds(path, content):
                atomic.replace({path: content}, scratch=self._scratch)

    def write(
        self,
        project: NormalizedName,
        pages: Mapping[Form, bytes],
        record: Record,
        now: float,
        packed: Mapping[Form, bytes] = MappingProxyType({}),
    ) -> None:
        """Put all representations of a project's page in place.

        `pages` has the page in each form, `packed` those that are packed already. Raises
        StorageError.
        """
        self._pages.write(project, pages, packed=packed)
        self._write_record(project, record, now)

    def write_pages(self, project: NormalizedName, pages: Mapping[Form, bytes]) -> None:
        """Put the page of a project in place whose record is written. Raises StorageError."""
        self._pages.write(project, pages)

    def write_stored(self, project: NormalizedName, pages: Mapping[Form, bytes]) -> None:
        """Put the page in place that has only the files on disk; without `pages` there is none.

        Raises StorageError.
        """
        self._pages.write_stored(project, pages)

    def amend(self, project: NormalizedName, record: Record) -> None:
        """Write a record anew; what it says of when the page was confirmed stays.

        Raises StorageError.
        """
        with atomic.storage_errors(self._record(project)):
            confirmed = self._record(project).stat().st_mtime
        self._write_record(project, record, confirmed)

    def write_list(
        self, pieces: Iterable[Mapping[Form, bytes]], record: Record, now: float
    ) -> None:
        """Put all representations of the project list in place; it is never held at once.

        `pieces` have each a piece of every form. Raises StorageError, and what `pieces` raise.
        """
        self._pages.write_list(pieces)
        self._write_record(None, record, now)

    def _write_record(self, project: NormalizedName | None, record: Record, now: float) -> None:
        """Write the record, after the page: a record implies a page."""
        path = self._record(project)
        with atomic.storage_errors(path):
            atomic.replace({path: encode(record)}, scratch=self._scratch)
            os.utime(path, (now, now))
            self._records.hold(project, path, record)

    def _record(self, project: NormalizedName | None) -> Path:
        if project is None:
            return self._own.joinpath("list", "record.json")
        return self._own.joinpath("projects", project, "record.json")


def _sweep(folder: Path, max_age: float) -> None:
    """Remove the files that nobody has written for so many seconds."""
    for leftover in folder.iterdir():
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > max_age:
                leftover.unlink()
