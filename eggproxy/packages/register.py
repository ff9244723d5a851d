"""The register: which file is a package of which project, which is at fault, which is unread."""

import time
from collections.abc import Iterable

from eggproxy.names import NormalizedName
from eggproxy.packages.entries import Entry, Fault, Gone, Line, Seen, claimed


class Register:
    """Puts each file where it belongs, by what it looks like and what was read from it.

    `projects` has the packages of each project by path; `claims` the paths of files that may be of
    a project, as far as their names tell: those at fault, and those that nobody has read yet.
    `generation` changes whenever a name of a project comes or goes. Not safe for threads.
    """

    def __init__(self, files: dict[str, Seen]) -> None:
        self.generation = 0
        self.projects: dict[NormalizedName, dict[str, Entry]] = {}
        self.claims: dict[NormalizedName, set[str]] = {}
        self.faults: dict[str, Fault] = {}
        # With the time (of a clock that never goes back) since when they are as they are.
        self.unread: dict[str, tuple[Seen, float]] = {}
        self._files = files
        self._facts: dict[str, Entry | Fault] = {}
        self._entries: dict[str, Entry] = {}

    def has(self, project: NormalizedName) -> bool:
        """Say whether there is a package of a project, or a file that may be one."""
        return project in self.projects or project in self.claims

    def take(self, line: Line) -> None:
        """Take up what was read from a file."""
        if isinstance(line, Gone):
            self._facts.pop(line.path, None)
        else:
            self._facts[line.path] = line

    def known(self) -> list[Entry | Fault]:
        """Give what was read from files that are still there."""
        return [fact for path, fact in self._facts.items() if path in self._files]

    def move(self, paths: Iterable[str]) -> None:
        """Put files where they belong now."""
        for path in paths:
            seen = self._files.get(path)
            before = self._take_away(path)
            after = set() if seen is None else self._put(path, seen)
            if before != after:
                self.generation += 1

    def _put(self, path: str, seen: Seen) -> set[NormalizedName]:
        fact = self._facts.get(path)
        if isinstance(fact, Entry) and fact.seen == seen:
            self._entries[path] = fact
            self.projects.setdefault(fact.project, {})[path] = fact
            return {fact.project}
        if isinstance(fact, Fault) and fact.seen == seen:
            self.faults[path] = fact
        else:
            self.unread[path] = (seen, time.monotonic())
        names = claimed(path.rpartition("/")[2])
        for name in names:
            self.claims.setdefault(name, set()).add(path)
        return set(names)

    def _take_away(self, path: str) -> set[NormalizedName]:
        entry = self._entries.pop(path, None)
        if entry is not None:
            _discard(self.projects, entry.project, path)
            return {entry.project}
        fault = self.faults.pop(path, None)
        unread = self.unread.pop(path, None)
        if fault is None and unread is None:
            return set()
        names = claimed(path.rpartition("/")[2])
        for name in names:
            _discard(self.claims, name, path)
        return set(names)


def _discard(
    places: dict[NormalizedName, dict[str, Entry]] | dict[NormalizedName, set[str]],
    name: NormalizedName,
    path: str,
) -> None:
    """Take a path out of a name's own, and the name too where nothing is left."""
    there = places.get(name)
    if isinstance(there, set):
        there.discard(path)
    elif there is not None:
        there.pop(path, None)
    if not there:
        places.pop(name, None)
