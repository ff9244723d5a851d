"""What a distribution's filename says, and whether its metadata say the same."""

import re
from typing import Literal

from packaging.version import InvalidVersion, Version

from eggproxy.archives.contents import Flaw
from eggproxy.names import is_project_name, normalize

Kind = Literal["wheel", "tar", "zip", "egg"]

SUFFIXES: dict[str, Kind] = {
    ".whl": "wheel",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".tar.bz2": "tar",
    ".zip": "zip",
    ".egg": "egg",
}
"""Kinds of distributions that can be read, by the end of their names."""

_WHEEL_PARTS = (5, 6)
_MANGLED = re.compile(r"[^A-Za-z0-9.]+")


def split_suffix(filename: str) -> tuple[str, Kind]:
    """Take off the suffix, and say of which kind of distribution it is. Raises Flaw."""
    for suffix, kind in SUFFIXES.items():
        if filename.lower().endswith(suffix):
            return filename[: -len(suffix)], kind
    raise Flaw(f"only {', '.join(SUFFIXES)} are kinds of distributions that are read here")


def named(filename: str) -> list[tuple[str, str]]:
    """Split a filename into name and version, in each way that it may be meant.

    Wheels (binary distribution format) and eggs have one way; the name of an old sdist may hold
    dashes, and so may its version. Raises Flaw where there is none.
    """
    stem, kind = split_suffix(filename)
    parts = stem.split("-")
    if kind == "wheel":
        if len(parts) not in _WHEEL_PARTS or "" in parts:
            raise Flaw("a wheel's name has five or six parts with dashes between")
        return [(parts[0], parts[1])]
    if kind == "egg":
        parts = parts[:2]
    ways = [("-".join(parts[:at]), "-".join(parts[at:])) for at in range(1, len(parts))]
    ways = [(name, version) for name, version in ways if is_project_name(name) and version]
    if not ways:
        raise Flaw("its filename holds no version")
    return ways


def same_name(one: str, other: str) -> bool:
    """Say whether two names are of one project; those in filenames may be escaped (PEP 427)."""
    return normalize(one) == normalize(other)


def same_version(one: str, other: str) -> bool:
    """Say whether two versions are the same one; those in filenames may be escaped (PEP 427)."""
    one, other = one.replace("_", "-"), other.replace("_", "-")
    if _mangled(one) == _mangled(other):
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _mangled(version: str) -> str:
    """Write a version as old setuptools wrote it into filenames."""
    return _MANGLED.sub("-", version.strip()).lower()
