"""`eggproxy import`: taking the packages of another server's directory."""

import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from eggproxy.archives import read_archive
from eggproxy.errors import EggProxyError
from eggproxy.packages.directory import Packages
from eggproxy.packages.entries import is_package


def found(source: Path) -> tuple[list[Path], list[Path]]:
    """Find all files below a directory, in order: those that are packages by name, and others."""
    packages: list[Path] = []
    others: list[Path] = []
    for folder, folders, names in os.walk(source):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            (packages if is_package(name) and not path.is_symlink() else others).append(path)
    return packages, others


def take(packages: Packages, path: Path) -> str:
    """Take a package, by a hard link where that can be; say what came of it: "" if it is new.

    The file keeps its time, which is that of its upload. Raises EggProxyError, OSError.
    """
    incoming = packages.prepare() / secrets.token_hex(8)
    try:
        try:
            incoming.hardlink_to(path)
        except OSError:
            # On another file system, or another's file, of which one may not make links.
            shutil.copy2(path, incoming)
        contents = read_archive(incoming, path.name)
        is_new = packages.add(incoming, path.name, contents, overwrite=False)
    finally:
        incoming.unlink(missing_ok=True)
    return "" if is_new else "is here already"


def take_all(packages: Packages, paths: list[Path]) -> Iterator[tuple[Path, str, bool]]:
    """Take packages; yields each with what came of it, "" if it is new, and whether it is here."""
    for path in paths:
        try:
            yield path, take(packages, path), True
        except EggProxyError as error:
            yield path, str(error), False
        except OSError as error:
            yield path, f"cannot be read: {error.strerror}.", False
