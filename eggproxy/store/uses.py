"""When things were used last, told by the times of empty files."""

import contextlib
from pathlib import Path


class Uses:
    """Times of last use by name, in a folder that need not be there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def note(self, name: str) -> None:
        """Note that something is used now. That nothing can be written is no trouble."""
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / name).touch()

    def last(self, name: str) -> float | None:
        """Tell when something was used last, in seconds since the epoch; None if never."""
        try:
            return (self._folder / name).stat().st_mtime
        except OSError:
            return None

    def forget(self, name: str) -> None:
        """Keep nothing about something that is gone."""
        with contextlib.suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)
