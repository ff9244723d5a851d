"""Which names are ours, so that no index is ever asked for them; also while the disk is away."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from pathlib import Path

from eggproxy.names import NormalizedName, distribution_of
from eggproxy.packages.catalogue import Catalogue
from eggproxy.packages.errors import PackagesAwayError
from eggproxy.packages.presence import Presence
from eggproxy.packages.trash import Trash
from eggproxy.store import atomic


class Ownership:
    """Says which names are ours: those of files here, of the trash, and of the configuration.

    `reserve` are patterns of names that are ours before there is a file, `always` names that are;
    `merge` names whose page has files of upstream beside ours. `memory` is a file elsewhere that
    remembers which names are ours, for when the directory is away.
    """

    def __init__(  # noqa: PLR0913  what is ours, by each way to say so
        self,
        catalogue: Catalogue,
        presence: Presence,
        trash: Trash,
        *,
        directory: Path,
        reserve: Iterable[str],
        always: AbstractSet[NormalizedName],
        merge: AbstractSet[NormalizedName],
        memory: Path | None,
    ) -> None:
        self._catalogue = catalogue
        self._presence = presence
        self._trash = trash
        self._directory = directory
        self._reserve = tuple(reserve)
        self._always = frozenset(always)
        self._merge = frozenset(merge)
        self._memory = memory

    def owns(self, project: NormalizedName) -> bool:
        """Say whether a name is ours: of files here, or in the trash, or reserved."""
        return (
            self._catalogue.has(project)
            or project in self._always
            or any(fnmatchcase(project, pattern) for pattern in self._reserve)
            or self._trash.has(project)
            or (self._catalogue.is_partial and project in self._presence.names())
        )

    @property
    def trouble(self) -> str | None:
        """Say in a sentence what is wrong with the directory; None if nothing is."""
        if self._is_away() or (self._catalogue.is_partial and not self._catalogue.is_empty):
            return str(self._away())
        return None

    def demand_here(self, project: NormalizedName) -> None:
        """Raise PackagesAwayError if nobody can tell now what there is of a project."""
        # In a folder that cannot be read there may be those that were remembered, and no others.
        is_hidden = (
            self._catalogue.is_partial
            and project in self._presence.names()
            and not self._catalogue.has(project)
        )
        if is_hidden:
            raise self._away()
        self.demand_directory()

    def demand_directory(self) -> None:
        """Raise PackagesAwayError if the directory is not there, and had files."""
        if self._is_away():
            raise self._away()

    def _away(self) -> PackagesAwayError:
        return PackagesAwayError(str(self._directory), str(self._presence.marker))

    def _is_away(self) -> bool:
        return not self._presence.is_here() and not self._catalogue.is_empty

    def remember(self) -> None:
        """Have the names that are ours now known while the directory is away. Raises StorageError.

        What has been removed is forgotten, if the directory can be seen.
        """
        if self._memory is None:
            return
        with atomic.folder_lock(self._memory.with_suffix(".lock")):
            # What is seen under the lock is the newest: nobody writes down an older view.
            self._catalogue.look(now=True)
            if not self._presence.is_here():
                return
            names, paths = self._catalogue.claimed()
            known = {*names, *self._trash.names()}
            if self._catalogue.is_partial:
                known |= self._presence.names()
            self._presence.note(known, paths)

    def merges(self, project: NormalizedName) -> bool:
        """Say whether files of upstream are wanted beside our own."""
        return project in self._merge

    def is_meant(self, project: NormalizedName) -> bool:
        """Say whether the configuration names a project, so that its name is known to be taken."""
        return project in self._always or project in self._merge

    def keeps(self, project: NormalizedName) -> bool:
        """Say whether no index may ever be asked for a name: it is ours, and ours alone."""
        return project not in self._merge and self.owns(project)

    def has_to_itself(self, project: NormalizedName, filename: str) -> bool:
        """Say whether no index's file may be kept by a name: its project, or that file, is ours."""
        if not self.merges(project):
            return self.owns(project)
        name = distribution_of(filename)
        return any(entry.filename == name for entry in self._catalogue.entries(project))
