"""Putting a file in its place: whole or not at all, once, whoever comes at the same time."""

import contextlib
import os
import secrets
from pathlib import Path

from eggproxy.packages.errors import FileExistsConflictError

_TRIES = 10


def put(incoming: Path, target: Path, *, overwrite: bool) -> bool:
    """Move a file to its place on the same file system, and have it on the disk for good.

    Returns False if the same bytes are there already. Raises FileExistsConflictError if others
    are, OSError; then nothing has changed.
    """
    _flush(incoming)
    try:
        _link(incoming, target)
    except FileExistsError:
        if is_same(incoming, target):
            return False
        if not overwrite:
            raise FileExistsConflictError(target.name) from None
        _replace(incoming, target)
    _flush(target.parent)
    return True


def is_same(one: Path, other: Path) -> bool:
    """Say whether two files have the same bytes. Raises OSError."""
    if one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as first, other.open("rb") as second:
        while block := first.read(1 << 20):
            if block != second.read(1 << 20):
                return False
    return True


def _link(incoming: Path, target: Path) -> None:
    """Give a file its name; who removes a project's last file may be removing the folder as well.

    Unlike a renaming this never replaces: of all who come at once one is the first.
    """
    for _again in range(_TRIES):
        with contextlib.suppress(FileExistsError):
            target.parent.mkdir(parents=True)
        with contextlib.suppress(FileNotFoundError):
            target.hardlink_to(incoming)
            return
    target.hardlink_to(incoming)


def _replace(incoming: Path, target: Path) -> None:
    # Where it is swept up if we are killed.
    beside = incoming.with_name(secrets.token_hex(8))
    beside.hardlink_to(incoming)
    try:
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Have a file, or the names in a folder, outlive a power failure."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
