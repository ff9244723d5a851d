"""The versions of a project, by the names of its files; pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from packaging.version import Version

from eggproxy.archives.contents import Flaw
from eggproxy.archives.filenames import named, same_name
from eggproxy.model import File
from eggproxy.names import NormalizedName, normalize

_OLDEST = Version("0.dev0")
_SDIST = ".tar.gz"
_NEWEST = 32
_RELEASE = re.compile(r"v?([0-9]{1,18}(?:\.[0-9]{1,18})*)", re.ASCII)


class _Reader:
    """Reads versions off the names of a project's files; they are many, and much alike."""

    def __init__(self, project: NormalizedName) -> None:
        self._project = project
        self._is_project: dict[str, bool] = {}

    def version(self, filename: str) -> str | None:
        """Read the version off a filename; None where it cannot be told from the name."""
        name, _dash, rest = filename.partition("-")
        if filename.endswith(".whl"):
            return rest.partition("-")[0].replace("_", "-") if self._matches(name) else None
        if filename.endswith(_SDIST):
            name, _dash, version = filename.removesuffix(_SDIST).rpartition("-")
            if self._matches(name) and version:
                return version
        return _version_of(self._project, filename)

    def _matches(self, name: str) -> bool:
        matches = self._is_project.get(name)
        if matches is None:
            matches = self._is_project[name] = normalize(name) == self._project
        return matches


def _version_of(project: NormalizedName, filename: str) -> str | None:
    try:
        ways = named(filename)
    except Flaw:
        return None
    found = [version for name, version in ways if same_name(name, project)]
    # In an egg's name, a dash within would end the version.
    return found[0].replace("_", "-") if found else None


def versions_of(project: NormalizedName, files: Iterable[File]) -> list[str] | None:
    """List the versions of all files, the oldest first; None if one file's cannot be told."""
    read = _Reader(project).version
    found = {read(file.filename) for file in files}
    if None in found:
        return None
    written: dict[str, Version] = {}
    for name in found:
        version = _parsed(name or "")
        written[(name or "") if version is None else str(version)] = version or _OLDEST
    return sorted(written, key=lambda name: (written[name], name))


def newest_first(project: NormalizedName, files: Iterable[File]) -> list[File]:
    """Order files by version: those that most clients want come first."""
    return sorted(files, key=_ranking(project), reverse=True)


def newest_versions(filenames: Sequence[str]) -> Iterator[tuple[Version, list[int]]]:
    """Give the versions of wheels and sdists, the newest first, each with the places of its files.

    Those that are final, and those before a first final one only if there is none; only of the
    newest `_NEWEST` releases, for there can be thousands.
    """
    names = list(map(_named_version, filenames))
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_release(name), []).append(name)
    early: list[tuple[str, Version]] = []
    has_final = False
    for release in sorted(alike, reverse=True)[:_NEWEST]:
        versions = {name: version for name in alike[release] if (version := _parsed(name))}
        for name in sorted(versions, key=versions.__getitem__, reverse=True):
            if versions[name].is_prerelease:
                early.append((name, versions[name]))
            else:
                has_final = True
                yield versions[name], _places(names, name)
    if not has_final:
        for name, version in early:
            yield version, _places(names, name)


def _named_version(filename: str) -> str:
    """Read the version off the name of a wheel or sdist; empty for what is neither."""
    if filename.endswith(".whl"):
        # Between the first two dashes, whatever project it is of.
        return filename.partition("-")[2].partition("-")[0]
    if filename.endswith(_SDIST):
        return filename.removesuffix(_SDIST).rpartition("-")[2]
    return ""


def _places(names: Sequence[str], wanted: str) -> list[int]:
    return [place for place, name in enumerate(names) if name == wanted]


def _release(version: str) -> tuple[int, ...]:
    """Read the numbers that a version begins with, by which most can be put in order."""
    try:
        return tuple(map(int, version.split(".")))
    except ValueError:
        found = _RELEASE.match(version)
        return tuple(map(int, found[1].split("."))) if found else ()


def likely(project: NormalizedName, files: Iterable[File]) -> list[File]:
    """Choose the files that most clients will choose from: of the newest version that is final.

    Of the newest of all if none is final, or all are yanked.
    """
    rank = _ranking(project)
    found = list(files)
    usual = [file for file in found if not file.yanked and not rank(file).is_prerelease] or found
    newest = max(map(rank, usual), default=_OLDEST)
    return [file for file in usual if rank(file) == newest]


def _ranking(project: NormalizedName) -> Callable[[File], Version]:
    read = _Reader(project).version
    known: dict[str | None, Version] = {}

    def rank(file: File) -> Version:
        name = read(file.filename)
        if name not in known:
            known[name] = _parsed(name or "") or _OLDEST
        return known[name]

    return rank


def _parsed(version: str) -> Version | None:
    """Read a version; None for one from before there were rules (PEP 440), or beyond numbers."""
    try:
        return Version(version)
    except ValueError:
        # InvalidVersion is one, and so is what Python says of thousands of digits.
        return None
