"""What was decided about a project: its status, and which of its versions are yanked."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec
from packaging.version import InvalidVersion, Version

from eggproxy.errors import StorageError
from eggproxy.names import NormalizedName
from eggproxy.store import atomic

Status = Literal["active", "archived", "deprecated", "quarantined"]
"""Status of a project (PEP 792)."""

STATUSES: tuple[Status, ...] = ("active", "archived", "deprecated", "quarantined")

CLOSED: tuple[Status, ...] = ("archived", "quarantined")
"""Those in which a project takes no more files."""


class State(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided about a project; in its file a person can read and change it."""

    status: Status = "active"
    reason: str = ""
    # By version, why; true where nobody said.
    yanked: dict[str, str | bool] = {}

    def yank_of(self, version: str) -> str | bool:
        """Say whether a version is yanked: why, or true without a reason (PEP 592)."""
        for other, reason in self.yanked.items():
            if is_same_version(version, other):
                return reason or True
        return False


USUAL = State()
"""The state of a project about which nothing was decided."""

_decode = msgspec.json.Decoder(State).decode


class States:
    """The states of all projects, each in a file of its own in a folder."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch
        self._lock = threading.Lock()
        self._held: dict[NormalizedName, tuple[atomic.Signature, State]] = {}

    def get(self, project: NormalizedName) -> State:
        """Read the state of a project, if it has changed.

        Raises StorageError for one that nobody can read: what is quarantined must stay so.
        """
        path = self._path(project)
        try:
            changed = atomic.signature(path)
            held = self._held.get(project)
            if held is not None and held[0] == changed:
                return held[1]
            state = _decode(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return USUAL
        except (OSError, msgspec.DecodeError) as error:
            raise StorageError(str(path), str(error)) from error
        with self._lock:
            self._held[project] = changed, state
        return state

    def mark(self, project: NormalizedName) -> atomic.Mark:
        """Take what tells whether the state of a project has changed since. Raises StorageError."""
        path = self._path(project)
        with atomic.storage_errors(path):
            return atomic.Mark.of(path)

    @contextlib.contextmanager
    def changing(self, project: NormalizedName) -> Iterator[None]:
        """Hold the state of a project for oneself, across processes."""
        with atomic.folder_lock(self._folder / ".locks" / project):
            yield

    def put(self, project: NormalizedName, state: State) -> None:
        """Write the state of a project. Raises StorageError."""
        path = self._path(project)
        with atomic.storage_errors(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._scratch.mkdir(parents=True, exist_ok=True)
            if state == USUAL:
                path.unlink(missing_ok=True)
                return
            text = msgspec.json.format(msgspec.json.encode(state), indent=2) + b"\n"
            atomic.replace({path: text}, scratch=self._scratch)

    def projects(self) -> list[str]:
        """Name the projects about which something was decided."""
        try:
            names = os.listdir(self._folder)  # noqa: PTH208  names are all it takes
        except OSError:
            return []
        return [name.removesuffix(".json") for name in names if name.endswith(".json")]

    def _path(self, project: NormalizedName) -> Path:
        return self._folder / f"{project}.json"


def is_same_version(one: str, other: str) -> bool:
    """Say whether two versions are the same, as 1.0 and 1.0.0 are (PEP 440)."""
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False
