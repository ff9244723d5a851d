"""A sibling of a file that may change, beside that file, and what is known of it, in a folder."""

import os
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from eggproxy.store import atomic
from eggproxy.store.record import Validators


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where a sibling came from; the time of this file is when upstream last confirmed it."""

    url: str
    validators: Validators


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Record).decode


class Sibling:
    """A sibling at `path`; `folder` is for its record, `scratch` on the same file system."""

    def __init__(self, path: Path, folder: Path, scratch: Path) -> None:
        self.path = path
        self._folder = folder
        self._record = folder / "record.json"
        self._scratch = scratch

    def is_stored(self) -> bool:
        """Say whether there is one, however old."""
        return self.path.is_file()

    def checked(self, url: str) -> float | None:
        """Say when it was last confirmed at that address, in seconds since the epoch."""
        if self._known(url) is None:
            return None
        try:
            return self._record.stat().st_mtime
        except OSError:
            return None

    def validators(self, url: str) -> Validators:
        """Give those of what is stored, if that is from this address."""
        known = self._known(url)
        return known.validators if known is not None else Validators()

    def lock(self) -> AbstractContextManager[None]:
        """Hold it for oneself, across threads and processes. Raises StorageError."""
        return atomic.folder_lock(self._folder)

    def touch(self, now: float) -> None:
        """Note that upstream has confirmed it. Raises StorageError."""
        with atomic.storage_errors(self._record):
            os.utime(self._record, (now, now))

    def write(self, body: bytes, url: str, validators: Validators, now: float) -> None:
        """Put it in place, and its record last; its lock is held. Raises StorageError."""
        record = _encode(_Record(url=url, validators=validators))
        with atomic.storage_errors(self.path):
            # What is known is of the old one.
            self._record.unlink(missing_ok=True)
            if not atomic.holds(self.path, body):
                atomic.replace({self.path: body}, scratch=self._scratch)
            atomic.replace({self._record: record}, scratch=self._scratch)
            os.utime(self._record, (now, now))

    def remove(self) -> None:
        """Keep nothing of what upstream does not have; its lock is held. Raises StorageError."""
        with atomic.storage_errors(self.path):
            self._record.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def _known(self, url: str) -> _Record | None:
        if not self.is_stored():
            return None
        try:
            record = _decode(self._record.read_bytes())
        except (OSError, msgspec.DecodeError):
            return None
        return record if record.url == url else None
