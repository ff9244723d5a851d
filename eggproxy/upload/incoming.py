"""Files that are being uploaded: beside the packages, under no name that anybody sees."""

import contextlib
import errno
import fcntl
import hashlib
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

from eggproxy.store.atomic import is_same
from eggproxy.upload.errors import NoRoomError

log = logging.getLogger("eggproxy")

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Digests(NamedTuple):
    """Digests of a file, as raw bytes."""

    md5: bytes
    sha256: bytes
    blake2_256: bytes


class Incoming:
    """A file that grows in `folder`, and is gone with this object: its place is another by then.

    While it grows it is locked (`flock`), so that what a killed process left can be told apart
    at once: nobody holds it. Raises NoRoomError.
    """

    def __init__(self, folder: Path) -> None:
        self.size = 0
        self._hashes = (
            hashlib.md5(usedforsecurity=False),
            hashlib.sha256(),
            hashlib.blake2b(digest_size=32),
        )
        with _errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            sweep(folder)
            self.path, self._descriptor = _create(folder)

    def write(self, data: bytes) -> None:
        """Add bytes. Raises NoRoomError."""
        for each in self._hashes:
            each.update(data)
        self.size += len(data)
        with _errors(self.path.parent):
            view = memoryview(data)
            while view:
                view = view[os.write(self._descriptor, view) :]

    def digests(self) -> Digests:
        """Give the digests of all that was written."""
        md5, sha256, blake2 = self._hashes
        return Digests(md5.digest(), sha256.digest(), blake2.digest())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        os.close(self._descriptor)


def sweep(folder: Path) -> None:
    """Remove what nobody is writing any more."""
    try:
        leftovers = list(folder.iterdir())
    except OSError:
        # Whoever uploads first will be told.
        return
    for leftover in leftovers:
        with contextlib.suppress(OSError):
            _remove_if_left(leftover)


def _remove_if_left(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(descriptor)


def _create(folder: Path) -> tuple[Path, int]:
    """Make a file and lock it, though somebody may be sweeping in between."""
    while True:
        path = folder / secrets.token_hex(16)
        # Not tempfile: its files are readable by nobody else, and web servers shall read these.
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if is_same(descriptor, path):
            return path, descriptor
        os.close(descriptor)


@contextlib.contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        log.error("upload: %s cannot be written: %s", folder, why)  # noqa: TRY400  it says it all
        raise NoRoomError(str(folder), why, full=error.errno in _FULL) from error
