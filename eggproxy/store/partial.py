"""The growing file of a transfer: one process writes it, anybody follows it while it grows.

While it grows the file is executable by its owner: so it shows to everyone that its digest has not
been verified yet. Where the file system keeps no such mark, the final name shows it, a bit later.

The lock *is* the partial file: `flock` on the writer's own descriptor. It excludes threads and
processes alike, and dies with the process. Lock free and no final file means that the writer
died, and the next one goes on where it stopped.
"""

import contextlib
import fcntl
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from eggproxy.errors import StorageError
from eggproxy.store import atomic

HOLD_BACK = 64 * 1024
"""Bytes at the end that no client gets before the digest of the whole is verified."""

_BLOCK = 1 << 20
_GROWING = stat.S_IXUSR
_EXECUTABLE = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class Announced(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What upstream's headers said of a file; kept beside the partial for other processes."""

    # Size of the whole in bytes; None where upstream does not say.
    total: int | None = None
    # A strong ETag or a date for If-Range; None where upstream gave neither.
    validator: str | None = None
    # Whether the writer that had this answer still goes on with it.
    live: bool = True
    # Whether the file system keeps the mark of a growing file.
    marked: bool = False
    # Upstream's Cache-Status, where it is a cache itself.
    chain: str = ""


class Progress(NamedTuple):
    """Up to which byte a growing file may be read, and whether that is all of it."""

    readable: int
    complete: bool


class Partial:
    """Where a transfer writes; see `lead` and `follow`."""

    def __init__(self, path: Path, final: Path) -> None:
        self.path = path
        self.final = final
        self._announced = path.with_name(f"{path.name}.json")

    @classmethod
    def of(cls, folder: Path, final: Path, identity: str) -> Self:
        """Name the partial of a file; another `identity` never goes on with its bytes."""
        key = hashlib.sha256(f"{identity}\n{final.name}".encode()).hexdigest()[:32]
        # The rest is for people; a name of full length would have no room for it.
        rest = final.name.encode()[-80:].decode(errors="ignore")
        return cls(folder / f"{key}-{rest}", final)

    def lead(self) -> "Writer | None":
        """Become the writer; None if there is one already. Raises StorageError."""
        with atomic.storage_errors(self.path):
            while True:
                flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
                descriptor = os.open(self.path, flags, 0o777)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    os.close(descriptor)
                    return None
                if atomic.is_same(descriptor, self.path):
                    # What a killed writer announced, nobody brings to its end yet.
                    self.suspend()
                    return Writer(self, descriptor)
                # It was renamed or removed while we opened it.
                os.close(descriptor)

    def follow(self, *, marked: bool = False) -> "Tail | None":
        """Open the growing file for reading; None if there is none.

        `marked` is what was announced of it.
        """
        try:
            return Tail(os.open(self.path, os.O_RDONLY | os.O_CLOEXEC), self.final, marked=marked)
        except FileNotFoundError:
            return None

    def announce(self, announced: Announced) -> None:
        """Keep what upstream's headers said."""
        with atomic.storage_errors(self._announced):
            content = msgspec.json.encode(announced)
            atomic.replace({self._announced: content}, scratch=self._announced.parent)

    def announced(self) -> Announced | None:
        """Read what upstream's headers said; None if it has not answered yet."""
        try:
            return msgspec.json.decode(self._announced.read_bytes(), type=Announced)
        except (OSError, msgspec.DecodeError):
            return None

    def suspend(self) -> None:
        """Note that nobody goes on with what was announced, for now."""
        announced = self.announced()
        if announced is not None and announced.live:
            self.announce(msgspec.structs.replace(announced, live=False))

    def forget(self) -> None:
        """Remove what was announced."""
        self._announced.unlink(missing_ok=True)


class Writer:
    """The one writer of a growing file, until it is closed."""

    def __init__(self, partial: Partial, descriptor: int) -> None:
        self.partial = partial
        self._descriptor = descriptor
        facts = os.fstat(descriptor)
        self.size = facts.st_size
        self._mode = stat.S_IMODE(facts.st_mode)
        with contextlib.suppress(OSError):
            # It may be another user's, in a directory that several share.
            os.fchmod(descriptor, self._mode | _GROWING)
        self.marked = bool(os.fstat(descriptor).st_mode & _GROWING)
        os.lseek(descriptor, 0, os.SEEK_END)

    def stored(self) -> Iterator[bytes]:
        """Read what is there already, in blocks."""
        offset = 0
        while block := os.pread(self._descriptor, _BLOCK, offset):
            yield block
            offset += len(block)

    def write(self, data: bytes) -> None:
        """Append; raises StorageError."""
        view = memoryview(data)
        with atomic.storage_errors(self.partial.path):
            while view:
                view = view[os.write(self._descriptor, view) :]
        self.size += len(data)

    def verified(self) -> None:
        """Let go of the bytes held back: the digest is right."""
        with contextlib.suppress(OSError):
            os.fchmod(self._descriptor, self._mode & ~_EXECUTABLE)

    def commit(self) -> None:
        """Give the verified file its final name. Raises StorageError."""
        self.verified()
        with atomic.storage_errors(self.partial.final):
            # A wrong byte after a power cut would be kept for ever under this name.
            os.fsync(self._descriptor)
            atomic.rename(self.partial.path, self.partial.final)
        self.partial.forget()

    def discard(self) -> None:
        """Remove the partial; followers notice, whatever they hold open."""
        self.partial.path.unlink(missing_ok=True)
        self.partial.forget()

    def close(self) -> None:
        """Let go of the lock; what is stored stays for the next writer."""
        if self._descriptor < 0:
            return
        with contextlib.suppress(OSError, StorageError):
            if atomic.is_same(self._descriptor, self.partial.path):
                # Not committed: ours alone to tidy up while the lock is held.
                if self.size == 0:
                    self.discard()
                else:
                    self.partial.suspend()
        os.close(self._descriptor)
        self._descriptor = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class Tail:
    """A reader of a growing file."""

    def __init__(self, descriptor: int, final: Path, *, marked: bool) -> None:
        self.descriptor = descriptor
        self._final = final
        self._marked = marked

    def progress(self, total: int | None) -> Progress:
        """Say how far the file may be read; `total` is its whole size in bytes, if known."""
        facts = os.fstat(self.descriptor)
        if self._marked:
            # The mark goes before the final name comes.
            verified = not facts.st_mode & _GROWING
        else:
            verified = atomic.is_same(self.descriptor, self._final)
        if verified:
            return Progress(os.fstat(self.descriptor).st_size, complete=True)
        end = facts.st_size if total is None else total
        return Progress(max(0, min(facts.st_size, end - HOLD_BACK)), complete=False)

    def read(self, offset: int, count: int) -> bytes:
        """Read `count` bytes at most from `offset`."""
        return os.pread(self.descriptor, count, offset)

    def close(self) -> None:
        """Stop following."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __del__(self) -> None:
        # An answer that is never sent has nobody else who would close it.
        self.close()
