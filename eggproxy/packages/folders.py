"""Which files lie in the packages directory: a folder is listed anew when it has changed."""

import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from eggproxy.packages.entries import Seen, is_package

SETTLED = 2.0
"""Seconds after which a folder's time tells of every change: file systems count in steps."""

_GONE = (FileNotFoundError, NotADirectoryError)


class _Mark(NamedTuple):
    """A folder's time of change (ns), since when it is seen so, and whether that can be trusted."""

    modified: int
    first: float
    settled: bool


class Folders:
    """The files in a directory and in its folders, one level deep; not safe for threads.

    `files` has what each looked like, `odd` why something is left out, both by relative path.
    Hidden names are passed over, and so are links that lead out of the directory. What cannot be
    looked at now is as it was: a file that seemed gone would leave its name to upstream. So it is
    while the directory is not there by what `is_there` says, as when its disk is away; `unreadable`
    has the folders that could not be looked at.
    """

    def __init__(self, root: Path, is_there: Callable[[], bool]) -> None:
        self.files: dict[str, Seen] = {}
        self.odd: dict[str, str] = {}
        self.unreadable: set[str] = set()
        self._root = str(root)
        self._is_there = is_there
        self._marks: dict[str, _Mark | None] = {}
        self._names: dict[str, set[str]] = {}

    def look(self) -> set[str]:
        """Look at the folders; name the files that have come, gone or changed."""
        self._marks.setdefault("", None)
        changed: set[str] = set()
        # The first is the directory itself: what it holds is looked at in the same round.
        todo = list(self._marks)
        while todo:
            folder = todo.pop(0)
            new = self._look_at(folder, changed)
            todo += [each for each in new if each not in todo]
        return changed

    def restat(self, path: str) -> bool:
        """Look at one file; say whether it is not as it was."""
        before = self.files.get(path)
        try:
            seen = _seen(f"{self._root}/{path}")
        except OSError:
            return False
        if seen == before or (seen is None and not self._is_there()):
            return False
        folder = path.rpartition("/")[0]
        if seen is None:
            self.files.pop(path, None)
        elif folder in self._names or "/" not in path:
            self._names.setdefault(folder, set()).add(path)
            self.files[path] = seen
        else:
            self._names[folder] = {path}
            self._marks.setdefault(folder, None)
            self.files[path] = seen
        return True

    def _look_at(self, folder: str, changed: set[str]) -> list[str]:
        """Look at a folder; note files that have changed, return folders that are new in it."""
        try:
            modified = os.stat(f"{self._root}/{folder}").st_mtime_ns  # noqa: PTH116  a thousand of them
        except _GONE:
            if folder and self._is_there():
                self._replace(folder, {}, changed)
                self._marks.pop(folder, None)
                self.unreadable.discard(folder)
            return []
        except OSError:
            self.unreadable.add(folder)
            return []
        mark = self._marks.get(folder)
        if mark is not None and mark.modified == modified and mark.settled:
            return []
        first = time.monotonic()
        if mark is not None and mark.modified == modified:
            first = mark.first
        is_old = time.time() - modified / 1e9 > SETTLED or time.monotonic() - first > SETTLED
        try:
            found, folders = self._listed(folder)
        except OSError:
            self.unreadable.add(folder)
            return []
        if not self._is_there():
            # What was listed may have been the mount point.
            return []
        self.unreadable.discard(folder)
        self._marks[folder] = _Mark(modified, first, is_old)
        self._replace(folder, found, changed)
        return [name for name in folders if self._marks.setdefault(name, None) is None]

    def _replace(self, folder: str, found: dict[str, Seen], changed: set[str]) -> None:
        for path in self._names.get(folder, set()) - found.keys():
            if self.files.pop(path, None) is not None:
                changed.add(path)
        for path, seen in found.items():
            if self.files.get(path) != seen:
                self.files[path] = seen
                changed.add(path)
        self._names[folder] = set(found)

    def _listed(self, folder: str) -> tuple[dict[str, Seen], list[str]]:
        found: dict[str, Seen] = {}
        folders: list[str] = []
        for path, entry in self._entries(folder):
            if entry.is_symlink() and self._leaves(entry.path):
                self.odd[path] = "is a link that leads out of the packages directory"
            elif entry.is_dir():
                if not folder:
                    folders.append(path)
            elif is_package(entry.name):
                facts = _facts(entry)
                if facts is not None and stat.S_ISREG(facts.st_mode):
                    found[path] = Seen(facts.st_mtime_ns, facts.st_size, facts.st_ino)
        return found, folders

    def _entries(self, folder: str) -> Iterator[tuple[str, "os.DirEntry[str]"]]:
        with os.scandir(f"{self._root}/{folder}") as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    yield (f"{folder}/{entry.name}" if folder else entry.name), entry

    def _leaves(self, path: str) -> bool:
        root = os.path.realpath(self._root)
        return not os.path.realpath(path).startswith(f"{root}/")


def look_at(path: str) -> Seen | None:
    """See what a file looks like; None if there is none."""
    try:
        return _seen(path)
    except OSError:
        return None


def _seen(path: str) -> Seen | None:
    """See what a file looks like; None if there is none. Raises OSError where nobody can tell."""
    try:
        facts = os.stat(path)  # noqa: PTH116  it is done for each file of a page
    except _GONE:
        return None
    if not stat.S_ISREG(facts.st_mode):
        return None
    return Seen(facts.st_mtime_ns, facts.st_size, facts.st_ino)


def _facts(entry: "os.DirEntry[str]") -> os.stat_result | None:
    """Take the facts of what is listed; None if it is gone already, or is a link to nothing."""
    try:
        return entry.stat()
    except _GONE:
        return None
