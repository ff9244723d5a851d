"""Writing whole files, and locks that die with their process."""

import contextlib
import errno
import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from eggproxy.errors import StorageError

# A folder may go between two looks; one that never stays is something else, a broken link perhaps.
_TRIES = 100


class Signature(NamedTuple):
    """By what a replaced file shows: files are replaced by renaming, so its inode changes."""

    modified: int
    size: int
    inode: int


def signature(path: Path | int | str) -> Signature:
    """Take a file's signature, by its path or descriptor. Raises OSError."""
    facts = os.stat(path)  # noqa: PTH116  making a Path would cost as much as the rest
    return Signature(facts.st_mtime_ns, facts.st_size, facts.st_ino)


class Mark(NamedTuple):
    """What a file showed at some moment, None if there was none."""

    path: str
    signature: Signature | None

    @classmethod
    def of(cls, path: Path | str) -> Self:
        """Look at a file. Raises OSError where nobody can tell."""
        try:
            return cls(str(path), signature(path))
        except (FileNotFoundError, NotADirectoryError):
            return cls(str(path), None)

    def holds(self) -> bool:
        """Say whether the file still shows the same. Raises OSError where nobody can tell."""
        return self.of(self.path) == self


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says into a StorageError that names the path."""
    try:
        yield
    except OSError as error:
        raise StorageError(str(path), error.strerror or type(error).__name__) from error


class Replacement:
    """New content for a path, elsewhere on the same file system until it is whole."""

    def __init__(self, path: Path, *, scratch: Path) -> None:
        self._path = path
        # Not by process number, which in containers is often the one of who crashed before.
        # The rest is for people; a name of full length would have no room for it.
        rest = path.name.encode()[-80:].decode(errors="ignore")
        self._temporary = scratch / f"{secrets.token_hex(8)}-{rest}"
        # Not tempfile: its files are readable by nobody else, and web servers shall read these.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        # Content comes in large pieces: a buffer would only cost something.
        self._file = os.fdopen(os.open(self._temporary, flags, 0o666), "wb", buffering=0)

    def write(self, data: bytes) -> None:
        """Add content. Raises OSError."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        """End the content: whatever the disk has against it, it has said now. Raises OSError."""
        self._file.close()

    def commit(self) -> None:
        """Put it in place: old or new at any moment, never half of one. Raises OSError."""
        self.finish()
        rename(self._temporary, self._path)

    def discard(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)


def replace(contents: Mapping[Path, bytes | tuple[bytes, ...]], *, scratch: Path) -> None:
    """Put files in place, whole; `scratch` is a folder on the same file system.

    The content of each is in one piece or in several.

    None is replaced before there is room for all. Raises OSError; nothing is left behind then.
    """
    with contextlib.ExitStack() as undo:
        replacements = []
        for path, content in contents.items():
            replacement = Replacement(path, scratch=scratch)
            undo.callback(replacement.discard)
            for piece in content if isinstance(content, tuple) else (content,):
                replacement.write(piece)
            replacement.finish()
            replacements.append(replacement)
        for replacement in replacements:
            replacement.commit()
        undo.pop_all()


def rename(source: Path, target: Path) -> None:
    """Move a finished file to its final name, making the folder for it if need be."""
    try:
        source.rename(target)
    except FileNotFoundError:
        target.parent.mkdir(exist_ok=True)
        source.rename(target)


@contextlib.contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold a folder for oneself, across threads and processes, waiting for it.

    The lock is `flock` on the folder itself: no lock files pile up, and it dies with the process.
    Raises StorageError if there cannot be such a folder.

    A folder that holds nothing afterwards is removed, under the lock; who waited for that one
    notices and takes the new one.
    """
    while True:
        descriptor = _opened(folder)
        try:
            with storage_errors(folder):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            if not is_same(descriptor, folder):
                continue
            try:
                yield
            finally:
                _remove_if_empty(folder)
            return
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def folder_lock_if_free(folder: Path) -> Iterator[bool]:
    """Hold a folder for oneself as `folder_lock` does, without waiting; False if another does.

    Raises StorageError if there cannot be such a folder.
    """
    descriptor = _opened(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        if not is_same(descriptor, folder):
            yield False
            return
        try:
            yield True
        finally:
            _remove_if_empty(folder)
    finally:
        os.close(descriptor)


def holds(path: Path, content: bytes) -> bool:
    """Say whether a file has this content."""
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except OSError:
        return False


def _opened(folder: Path) -> int:
    """Open a folder, making it if need be, though others may be removing it."""
    with storage_errors(folder):
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        for _try in range(_TRIES):
            try:
                return os.open(folder, flags)
            except FileNotFoundError:
                with contextlib.suppress(FileExistsError, FileNotFoundError):
                    folder.mkdir(parents=True)
        return os.open(folder, flags)


def is_same(descriptor: int, path: Path) -> bool:
    """Say whether an open file is the one that now stands at the path."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    here = os.fstat(descriptor)
    return (here.st_ino, here.st_dev) == (there.st_ino, there.st_dev)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT}:
            raise
