"""The packages directory: files are its data, all else is derived from them or decided beside."""

import os
import time
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from pathlib import Path

import msgspec

from eggproxy.archives import Contents
from eggproxy.errors import StorageError
from eggproxy.model import ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.packages.adding import put
from eggproxy.packages.catalogue import Catalogue
from eggproxy.packages.describing import describe
from eggproxy.packages.entries import OWN, Entry, Gone, Line, Seen
from eggproxy.packages.errors import (
    ClosedProjectError,
    FileExistsConflictError,
    NoSuchPackageError,
)
from eggproxy.packages.folders import look_at
from eggproxy.packages.ownership import Ownership
from eggproxy.packages.presence import Presence
from eggproxy.packages.reading import digest_of, entry_of, metadata_path
from eggproxy.packages.site import Site
from eggproxy.packages.states import CLOSED, State, States, Status, is_same_version
from eggproxy.packages.trash import Trash
from eggproxy.store import atomic

_SCRATCH_MAX_AGE = 3600


class Packages:
    """Packages of our own in a directory; any number of processes and threads may share it.

    `reserve` are patterns of names that are ours before there is a file, `always` names that are;
    `merge` names whose page has files of upstream beside ours. `trash_days` is how long what was
    removed is kept. `memory` is a file elsewhere that remembers which names are ours, for when the
    directory is away.
    """

    def __init__(  # noqa: PLR0913  what is ours, by each way to say so
        self,
        directory: Path,
        *,
        reserve: Iterable[str] = (),
        always: AbstractSet[NormalizedName] = frozenset(),
        merge: AbstractSet[NormalizedName] = frozenset(),
        trash_days: float = 30.0,
        memory: Path | None = None,
    ) -> None:
        self.directory = directory
        self.own = directory / OWN
        presence = Presence(directory, self.own, memory)
        self._catalogue = Catalogue(directory, self.own, presence)
        self._states = States(self.own / "state", self.own / "tmp")
        self.trash = Trash(self.own / "trash", trash_days)
        self.site = Site(self.own / "pages")
        self.ownership = Ownership(
            *(self._catalogue, presence, self.trash),
            directory=directory,
            reserve=reserve,
            always=always,
            merge=merge,
            memory=memory,
        )

    @property
    def generation(self) -> int:
        """A number that changes whenever the name of a project comes or goes."""
        return self._catalogue.generation

    @property
    def catalogue(self) -> Catalogue:
        """What is known of the files."""
        return self._catalogue

    def is_due(self) -> bool:
        """Say whether nobody has looked for a second whether files have come or gone."""
        return self._catalogue.is_due()

    def look(self) -> None:
        """Look whether files have come or gone, if nobody has for a second."""
        self._catalogue.look()

    def projects(self) -> list[NormalizedName]:
        """Name the projects that have files here, in order."""
        return self._catalogue.names()

    def state_mark(self, project: NormalizedName) -> atomic.Mark:
        """Take, before a decision, what tells whether the state of a project has changed since."""
        return self._states.mark(project)

    def facts(self, project: NormalizedName) -> tuple[list[Entry], State]:
        """Give all that the detail of a project is made of: the same facts, the same detail."""
        return self._catalogue.entries(project), self._states.get(project)

    def detail(self, project: NormalizedName) -> ProjectDetail | None:
        """Describe a project; None if no file of it is here. Raises StorageError."""
        entries, state = self.facts(project)
        return describe(project, entries, state) if entries else None

    def path(self, project: NormalizedName, filename: str) -> Path | None:
        """Find a file, or the metadata of one; None if it is not offered. Raises StorageError."""
        found = self.find(project, filename)
        return found[0] if found else None

    def find(self, project: NormalizedName, filename: str) -> tuple[Path, str] | None:
        """Find a file, or the metadata of one, and its SHA-256; None if it is not offered."""
        entries, state = self.facts(project)
        if state.status == "quarantined":
            return None
        for entry in entries:
            if entry.filename == filename:
                return self.directory / entry.path, entry.sha256
            if entry.metadata and entry.filename + METADATA == filename:
                return metadata_path(self.own, entry.metadata), entry.metadata
        return None

    def prepare(self) -> Path:
        """Make the folders for files that come, and give the one where they may grow.

        Raises StorageError.
        """
        scratch = self.own / "tmp"
        with atomic.storage_errors(scratch):
            scratch.mkdir(parents=True, exist_ok=True)
        return scratch

    def tidy(self) -> None:
        """Delete what crashed writers left an hour ago, and what the trash has held for long."""
        self.trash.empty()
        for leftover in (self.own / "tmp").glob("*"):
            with suppress(OSError):
                if time.time() - leftover.stat().st_mtime > _SCRATCH_MAX_AGE:
                    leftover.unlink()

    def add(self, incoming: Path, filename: str, contents: Contents, *, overwrite: bool) -> bool:
        """Take a file that lies in `prepare()`'s folder, and has been read, into the directory.

        Returns False if the same bytes are here already. It is on the project's page when this
        returns, in every process. `incoming` stays where it is: remove it. Raises
        FileExistsConflictError, ClosedProjectError, DamagedArchiveError, StorageError,
        PackagesAwayError.
        """
        self.ownership.demand_directory()
        with atomic.storage_errors(self.directory / filename):
            # What it is called must be what it holds, before it is anywhere.
            draft = entry_of(filename, Seen(0, 0, 0), contents, digest_of(incoming), self.own)
            project = draft.project
            self.demand_open(project)
            path = self._place(project, filename)
            target = self.directory / path
            if not self._is_within(target.parent):
                raise FileExistsConflictError(filename)
            is_new = put(incoming, target, overwrite=overwrite)
            seen = look_at(str(target))
        if seen is not None and is_new:
            self._catalogue.note([msgspec.structs.replace(draft, path=path, **seen._asdict())])
            self._publish(project)
        return is_new

    def demand_open(self, project: NormalizedName) -> None:
        """Raise ClosedProjectError if a project takes no files (PEP 792), PackagesAwayError."""
        self.ownership.demand_here(project)
        state = self._states.get(project)
        if state.status in CLOSED:
            raise ClosedProjectError(project, state.status, state.reason)

    def yank(self, project: NormalizedName, version: str, reason: str = "") -> list[str]:
        """Yank a version (PEP 592), and name its files. Raises NoSuchPackageError, StorageError."""
        files = self._of_version(project, version)
        with self._states.changing(project):
            state = self._states.get(project)
            yanked = {**_without(state.yanked, version), files[0].version: reason or True}
            self._states.put(project, msgspec.structs.replace(state, yanked=yanked))
        self._publish(project)
        return [entry.filename for entry in files]

    def unyank(self, project: NormalizedName, version: str) -> list[str]:
        """Take a yank back, and name the files. Raises NoSuchPackageError, StorageError."""
        files = self._of_version(project, version)
        with self._states.changing(project):
            state = self._states.get(project)
            yanked = _without(state.yanked, version)
            self._states.put(project, msgspec.structs.replace(state, yanked=yanked))
        self._publish(project)
        return [entry.filename for entry in files]

    def set_status(self, project: NormalizedName, status: Status, reason: str = "") -> None:
        """Give a project a status (PEP 792). Raises NoSuchPackageError, StorageError."""
        self._of_version(project, None)
        with self._states.changing(project):
            state = self._states.get(project)
            changed = msgspec.structs.replace(state, status=status, reason=reason)
            self._states.put(project, changed)
        self._publish(project)

    def remove(self, project: NormalizedName, version: str | None = None) -> tuple[Path, list[str]]:
        """Move the files of a project, or of one version, to the trash; say where and which.

        Raises NoSuchPackageError, StorageError.
        """
        names = {entry.filename for entry in self._of_version(project, version)}
        # Those of the same name in other folders as well: else they would take their place.
        everything, _faults, _odd = self._catalogue.everything()
        files = [e for e in everything if e.project == project and e.filename in names]
        place = self.trash.take(project, [self.directory / entry.path for entry in files])
        gone: list[Line] = [Gone(entry.path) for entry in files]
        self._catalogue.note(gone)
        with suppress(OSError):
            (self.directory / project).rmdir()
        self._publish(project)
        return place, sorted(names)

    def _publish(self, project: NormalizedName) -> None:
        """Replace the page on disk, by which all processes see that theirs holds no longer."""
        facts = self.facts(project)
        with suppress(StorageError):
            # Where a page cannot be written, none is kept.
            if facts[0] and not self.ownership.merges(project):
                self.site.have(
                    project,
                    lambda: self.facts(project),
                    lambda: describe(project, *self.facts(project)),
                )
            else:
                self.site.drop(project)

    def _of_version(self, project: NormalizedName, version: str | None) -> list[Entry]:
        self.ownership.demand_here(project)
        entries = self._catalogue.entries(project)
        found = [e for e in entries if version is None or is_same_version(e.version, version)]
        if not found:
            raise NoSuchPackageError(project, version, sorted({e.version for e in entries}))
        return found

    def _place(self, project: NormalizedName, filename: str) -> str:
        """Find where a file belongs: where it is already, or in its project's folder."""
        for entry in self._catalogue.entries(project):
            if entry.filename == filename:
                return entry.path
        return f"{project}/{filename}"

    def _is_within(self, folder: Path) -> bool:
        """Say whether a folder is where it seems to be: what is written must not follow a link."""
        return Path(os.path.realpath(folder)).is_relative_to(os.path.realpath(self.directory))


def _without(yanked: dict[str, str | bool], version: str) -> dict[str, str | bool]:
    return {v: reason for v, reason in yanked.items() if not is_same_version(v, version)}
