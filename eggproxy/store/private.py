"""Small files that hold secrets: changed whole, by one at a time, and read by their owner alone."""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

_MODE = 0o600


def read(path: Path) -> str:
    """Read a file; one that is not there is empty. Raises OSError, UnicodeDecodeError."""
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError:
        return ""


def change(path: Path, edit: Callable[[str], str], *, like: Path) -> None:
    """Replace what a file says by what `edit` makes of it, in one step.

    An existing file keeps its owner and mode. A new one is for its owner alone; where root makes
    it, that is the owner of `like`, if there is such a path. Raises OSError, UnicodeDecodeError.
    """
    path = path.resolve()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # It ends with the descriptor. The file itself is replaced, and cannot be locked.
        fcntl.flock(folder, fcntl.LOCK_EX)
        _replace(path, edit(read(path)).encode(), like)
    finally:
        os.close(folder)


def _replace(path: Path, data: bytes, like: Path) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            _adopt(file.fileno(), path, like)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _adopt(descriptor: int, path: Path, like: Path) -> None:
    """Give a new file the owner and mode that it is to have."""
    facts = next((place.stat() for place in (path, like) if place.exists()), None)
    if facts is None:
        return
    with contextlib.suppress(PermissionError):
        # Only root may give files away.
        os.fchown(descriptor, facts.st_uid, facts.st_gid)
    if path.exists():
        os.fchmod(descriptor, stat.S_IMODE(facts.st_mode))
