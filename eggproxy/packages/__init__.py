"""Packages of our own: a directory of files, served as projects that no other index has."""

from eggproxy.packages.directory import Packages
from eggproxy.packages.errors import (
    ClosedProjectError,
    FileExistsConflictError,
    NoSuchPackageError,
    PackagesAwayError,
)

__all__ = [
    "ClosedProjectError",
    "FileExistsConflictError",
    "NoSuchPackageError",
    "Packages",
    "PackagesAwayError",
]
