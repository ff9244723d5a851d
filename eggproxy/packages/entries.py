"""What is known of each file in the packages directory, and what its name alone tells."""

import re
from typing import NamedTuple

import msgspec

from eggproxy.names import NormalizedName, is_filename, is_project_name, normalize

SUFFIXES = (".whl", ".tar.gz", ".tgz", ".tar.bz2", ".zip", ".egg")
"""Ends of the names of files that are packages."""

OWN = ".eggproxy"
"""The folder of our own records within the packages directory."""

_VERSION = re.compile(r"-(?=[vV]?[0-9])")


class Seen(NamedTuple):
    """By what a file shows that it is the one that was read: whoever changes it changes one."""

    modified: int
    size: int
    inode: int


class Entry(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, tag="file"):
    """A package that was read; `path` is relative to the packages directory, `modified` in ns."""

    path: str
    modified: int
    size: int
    inode: int
    project: NormalizedName
    version: str
    sha256: str
    requires_python: str | None = None
    # SHA-256 of the metadata, "" where none is served beside the file.
    metadata: str = ""

    @property
    def filename(self) -> str:
        """The name of the file, without its folder."""
        return self.path.rpartition("/")[2]

    @property
    def seen(self) -> Seen:
        """What the file looked like when it was read."""
        return Seen(self.modified, self.size, self.inode)


class Fault(msgspec.Struct, frozen=True, gc=False, tag="fault"):
    """A file that is listed nowhere, and why: words that follow its path."""

    path: str
    modified: int
    size: int
    inode: int
    why: str

    @property
    def seen(self) -> Seen:
        """What the file looked like when it was read."""
        return Seen(self.modified, self.size, self.inode)


class Gone(msgspec.Struct, frozen=True, gc=False, tag="gone"):
    """That a file was there and is no longer."""

    path: str


Line = Entry | Fault | Gone
"""A line of the journal."""


def is_package(name: str) -> bool:
    """Say whether a file's name is one that a package can have."""
    return name.lower().endswith(SUFFIXES) and is_filename(name)


def claimed(filename: str) -> frozenset[NormalizedName]:
    """Name the projects of which a file may be, as far as its name alone tells.

    >>> sorted(claimed("acme_tool-1.0-py3-none-any.whl"))
    ['acme-tool']
    >>> sorted(claimed("acme-2-tool-1.0.tar.gz"))
    ['acme', 'acme-2-tool']
    """
    if filename.lower().endswith((".whl", ".egg")):
        names = [filename.partition("-")[0]]
    else:
        names = [filename[: match.start()] for match in _VERSION.finditer(filename)]
    return frozenset(normalize(name) for name in names if is_project_name(name))
