"""The trash: what was removed, for as long as it may be wanted back."""

import contextlib
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from eggproxy.names import NormalizedName
from eggproxy.store import atomic

_DAY = 86400.0


class Trash:
    """A folder with one for each project, in that one for each removal, in that the files."""

    def __init__(self, folder: Path, days: float) -> None:
        self._folder = folder
        self._seconds = days * _DAY
        self._changed: int | None = None
        self._names: frozenset[str] = frozenset()

    def take(self, project: NormalizedName, paths: list[Path]) -> Path:
        """Move files of a project here, and say where they are. Raises StorageError."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%S.%f")
        place = self._folder / project / now
        with atomic.storage_errors(place):
            place.mkdir(parents=True)
            for path in paths:
                with contextlib.suppress(FileNotFoundError):
                    path.rename(place / path.name)
        return place

    def has(self, project: NormalizedName) -> bool:
        """Say whether something of a project can be had back, so that its name stays ours."""
        try:
            changed = os.stat(self._folder).st_mtime_ns  # noqa: PTH116  it is asked at each request
        except OSError:
            # There has been none yet, or its disk is away: no name is let go of for that.
            return project in self._names
        if changed != self._changed or time.time() - changed / 1e9 < 1:
            with contextlib.suppress(OSError):
                self._names = frozenset(entry.name for entry in self._folder.iterdir())
                self._changed = changed
        return project in self._names

    def names(self) -> frozenset[str]:
        """Name all projects of which something can be had back."""
        self.has(NormalizedName(""))
        return self._names

    def empty(self) -> None:
        """Delete for good what has been here for long enough."""
        oldest = time.time() - self._seconds
        for place in [*self._folder.glob("*/*")]:
            with contextlib.suppress(OSError):
                # Its own time: the moment in which the files came.
                if place.stat().st_mtime > oldest:
                    continue
                for path in place.iterdir():
                    path.unlink()
                place.rmdir()
                place.parent.rmdir()
