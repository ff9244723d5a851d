"""The packages there are: what lies in the directory, together with what was read from it."""

import fcntl
import logging
import os
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from pathlib import Path

from eggproxy.archives import DamagedArchiveError
from eggproxy.flights import launch
from eggproxy.names import NormalizedName
from eggproxy.packages.entries import Entry, Fault, Line, Seen
from eggproxy.packages.folders import Folders
from eggproxy.packages.journal import Journal
from eggproxy.packages.presence import Presence
from eggproxy.packages.reading import read_package
from eggproxy.packages.register import Register

log = logging.getLogger("eggproxy")

LOOK = 1.0
"""Seconds for which the folders are not looked at again."""

RESTLESS = 0.25
"""The same, while files are being copied in."""

SETTLING = 0.75
"""Seconds for which a file must not have changed before it is read."""

PATIENCE = 10.0
"""Seconds for which a file must not have changed until what cannot be read counts as damaged."""

_GARBAGE = 1000


class Catalogue:
    """The packages in a directory, for all threads; other processes have theirs, and one journal.

    `own` is the folder of our records; `presence` knows whether the directory is there.
    """

    def __init__(self, root: Path, own: Path, presence: Presence) -> None:
        self._root = root
        self._own = own
        self._presence = presence
        self._is_away = False
        self._lock = threading.RLock()
        self._folders = Folders(root, presence.is_here)
        self._register = Register(self._folders.files)
        self._journal = Journal(own / "index.jsonl")
        self._told: set[tuple[str, Seen | None]] = set()
        self._due = 0.0
        self._reading: Future[None] | None = None

    @property
    def generation(self) -> int:
        """A number that changes whenever the name of a project comes or goes."""
        return self._register.generation

    def is_due(self) -> bool:
        """Say whether the folders have not been looked at for a second."""
        return time.monotonic() >= self._due

    @property
    def is_partial(self) -> bool:
        """Say whether there may be more than could be seen: the directory, or a folder, is away."""
        return self._is_away or bool(self._folders.unreadable)

    @property
    def is_empty(self) -> bool:
        """Say whether there is, and was, nothing that could be away."""
        return not (self._register.projects or self._register.claims or self._presence.names())

    def claimed(self) -> tuple[set[NormalizedName], set[str]]:
        """Name all projects of which there are files, or may be, and the paths of the files."""
        with self._lock:
            register = self._register
            return {*register.projects, *register.claims}, set(self._folders.files)

    def names(self) -> list[NormalizedName]:
        """Name the projects that have packages, in order."""
        self.read_for(0.5)
        with self._lock:
            return sorted(self._register.projects)

    def has(self, project: NormalizedName) -> bool:
        """Say whether there are packages of a project, or files that may be, readable or not."""
        self.look()
        with self._lock:
            return self._register.has(project)

    def entries(self, project: NormalizedName) -> list[Entry]:
        """Give the packages of a project as they are now, each name once, in order of name."""
        register = self._register
        with self._lock:
            self.look()
            known = [*register.projects.get(project, ()), *register.claims.get(project, ())]
            register.move([path for path in known if self._folders.restat(path)])
            unread = [path for path in register.claims.get(project, ()) if path in register.unread]
        for path in sorted(unread):
            self.read(path)
        with self._lock:
            found = register.projects.get(project, {})
            by_name = {found[path].filename: found[path] for path in sorted(found, reverse=True)}
        return [by_name[name] for name in sorted(by_name)]

    def everything(self) -> tuple[list[Entry], list[Fault], dict[str, str]]:
        """Give all packages, all files at fault, and why others are passed over, after a look."""
        with self._lock:
            self.look(now=True)
            register = self._register
            found = [entry for each in register.projects.values() for entry in each.values()]
            return found, list(register.faults.values()), dict(self._folders.odd)

    def unread(self) -> list[str]:
        """Name the files that nobody has read yet."""
        with self._lock:
            return sorted(self._register.unread)

    def look(self, *, now: bool = False) -> None:
        """Take up what has changed: at once what others have noted, once a second the rest."""
        # Nearly always there is nothing, and nobody is kept waiting for the disk to say so. Whoever
        # is at it now is waited for: what that has read is no news any more, but known only then.
        has_work = now or self.is_due() or self._journal.has_news()
        with self._lock:
            if not has_work:
                return
            self._take(self._journal.news())
            if not now and not self.is_due():
                return
            register = self._register
            waiting = [*self._young(), *register.faults]
            self._note_presence()
            changed = set() if self._is_away else self._folders.look()
            register.move(changed | {path for path in waiting if self._folders.restat(path)})
            self._due = time.monotonic() + (RESTLESS if self._young() else LOOK)
            if register.unread and (self._reading is None or self._reading.done()):
                self._reading = Future()
                launch(self._read_all, self._reading, name="packages")

    def _note_presence(self) -> None:
        """See whether the directory is there, and say so when that changes."""
        was_away = self._is_away
        self._is_away = not self._presence.is_here() and not self.is_empty
        if self._is_away and not was_away:
            log.error(
                "packages: %s is not there, or its disk is not mounted: what was in it is "
                "answered with 503. If it is meant to be empty: touch %s",
                *(self._root, self._presence.marker),
            )
        elif was_away and not self._is_away:
            log.warning("packages: %s is there again", self._root)

    def note(self, lines: list[Line]) -> None:
        """Note what was read, or removed, for all processes."""
        try:
            # Not the directory itself: if that has just gone, it must not seem to be there, empty.
            self._own.mkdir(exist_ok=True)
            self._journal.append(lines)
        except OSError as error:
            # Nothing is lost but time: each process reads for itself.
            log.warning("packages: the index cannot be written (%s)", error.strerror)
        with self._lock:
            self._take(lines)

    def read_for(self, seconds: float) -> None:
        """Read what is new, for so long; what is left is read in the background."""
        self.look()
        end = time.monotonic() + seconds
        for path in self.unread():
            if time.monotonic() > end:
                return
            self.read(path)

    def read(self, path: str, *, patience: float = PATIENCE) -> None:
        """Read a file, if it is there to be read, and note what came of it."""
        with self._lock:
            seen, since = self._register.unread.get(path, (None, 0.0))
        if seen is None:
            return
        age = max(time.time() - seen.modified / 1e9, time.monotonic() - since)
        if age < min(SETTLING, patience):
            return
        try:
            line: Entry | Fault | None = read_package(self._root, path, seen, self._own)
        except DamagedArchiveError as error:
            line = Fault(path, *seen, why=error.why) if age >= patience else None
        except FileNotFoundError:
            line = None
        except OSError as error:
            self._tell(path, None, f"it cannot be read ({error.strerror})")
            return
        if line is None:
            # It is gone, or not what it was: whoever looks next sees it anew.
            with self._lock:
                if self._folders.restat(path):
                    self._register.move([path])
            return
        self.note([line])
        if isinstance(line, Fault):
            self._tell(path, seen, line.why)

    def _young(self) -> list[str]:
        """Name the files that are being copied in, as it seems."""
        now = time.time()
        unread = self._register.unread.items()
        return [
            path for path, (seen, _since) in unread if abs(now - seen.modified / 1e9) < PATIENCE
        ]

    def _read_all(self) -> None:
        """Read all there is to read, unless another process is doing that."""
        descriptor = self._opened()
        try:
            if descriptor is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in self.unread():
                with self._lock:
                    self._take(self._journal.news())
                self.read(path)
            self.tidy()
        except BlockingIOError:
            return
        except Exception:
            log.exception("packages: what is new cannot be read")
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _opened(self) -> int | None:
        """Open the folder of our records, to lock it; None where there cannot be one."""
        try:
            self._own.mkdir(exist_ok=True)
            return os.open(self._own, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return None

    def tidy(self) -> None:
        """Write the journal anew where most of it no longer counts."""
        with self._lock:
            self._take(self._journal.news())
            known = self._register.known()
            if self._journal.lines > 2 * len(known) + _GARBAGE:
                self._journal.rewrite(known)

    def _tell(self, path: str, seen: Seen | None, why: str) -> None:
        """Say once why a file is listed nowhere."""
        if (path, seen) not in self._told:
            self._told.add((path, seen))
            log.error("packages: %s is listed nowhere: %s", path, why)

    def _take(self, lines: Iterable[Line]) -> None:
        changed = set()
        for line in lines:
            self._register.take(line)
            changed.add(line.path)
            # Before the first look all that is there is still to be seen.
            if self._due:
                self._folders.restat(line.path)
        self._register.move(changed)
