"""The versions of a project, by the names of its files; pure."""

from collections.abc import Iterable

from packaging.version import InvalidVersion, Version

from eggproxy.archives.contents import Flaw
from eggproxy.archives.filenames import named, same_name
from eggproxy.model import File
from eggproxy.names import NormalizedName

_OLDEST = Version("0.dev0")


def version_of(project: NormalizedName, filename: str) -> str | None:
    """Read the version off a filename; None where it cannot be told from the name."""
    try:
        ways = named(filename)
    except Flaw:
        return None
    found = [version for name, version in ways if same_name(name, project)]
    # Of a wheel and an egg, a dash within would end the version.
    return found[0].replace("_", "-") if found else None


def versions_of(project: NormalizedName, files: Iterable[File]) -> list[str] | None:
    """List the versions of all files, the oldest first; None if one file's cannot be told."""
    found = {version_of(project, file.filename) for file in files}
    if None in found:
        return None
    versions = {version: parsed(version) for version in found if version is not None}
    written = {
        name if version is None else str(version): version or _OLDEST
        for name, version in versions.items()
    }
    return sorted(written, key=lambda name: (written[name], name))


def newest_first(project: NormalizedName, files: Iterable[File]) -> list[File]:
    """Order files by version: those that most clients want come first."""
    known: dict[str | None, Version] = {}

    def rank(file: File) -> Version:
        version = version_of(project, file.filename)
        if version not in known:
            known[version] = (version is not None and parsed(version)) or _OLDEST
        return known[version]

    return sorted(files, key=rank, reverse=True)


def parsed(version: str) -> Version | None:
    """Read a version; None for one from before there were rules (PEP 440)."""
    try:
        return Version(version)
    except InvalidVersion:
        return None
