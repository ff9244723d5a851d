"""What whoever resolves will ask for next: the metadata of a version, the pages of what it needs.

Who reads a page asks then for the metadata of the newest version that suits, and who reads that for
the pages of its dependencies. Each is a way to upstream and back that need not wait until the one
before is written, sent and read.
"""

from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from itertools import islice

from packaging.markers import UndefinedComparison
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import Version

from eggproxy import installers, policy
from eggproxy.completion.versions import newest_versions
from eggproxy.model import File, ProjectDetail
from eggproxy.names import METADATA
from eggproxy.store import Record
from eggproxy.transfer import Wanted

_VERSIONS, _FILES = 10, 200
"""How many versions are looked at first, and with how many files those are enough."""

_REQUIRES = b"requires-dist:"

_specifier: ContextVar[str] = ContextVar("specifier", default="")


def enter(specifier: str) -> None:
    """Begin to fetch a page for the sake of these versions of its project."""
    _specifier.set(specifier)


def current() -> str:
    """Give the versions for the sake of which a page is being fetched; empty if that is unknown."""
    return _specifier.get()


def next_wanted(detail: ProjectDetail, record: Record) -> Wanted | None:
    """Find the metadata that whoever asks for this page will most likely ask for next."""
    file = _next_metadata(detail)
    if file is None:
        return None
    index = record.sources.get(file.filename.removesuffix(METADATA), record.index)
    return Wanted.of(detail.name, file, index)


def likely(filenames: Sequence[str]) -> list[int]:
    """Choose, by their names alone, the files among which `next_wanted` finds its own; places.

    Those of the newest versions, until there are enough. What suits whoever asks is among them, if
    any of these versions does.
    """
    chosen: list[int] = []
    for _version, places in islice(_newest_allowed(filenames), _VERSIONS):
        chosen += places
        if len(chosen) > _FILES:
            break
    return sorted(chosen)


def _next_metadata(detail: ProjectDetail) -> File | None:
    """Find the metadata of the wheel that suits, of the newest version that has one."""
    for _version, places in _newest_allowed([file.filename for file in detail.files]):
        usable = {
            file.filename: file
            for file in map(detail.files.__getitem__, places)
            if not file.yanked and installers.takes(file.requires_python or "")
        }
        if not usable:
            continue
        wheel = installers.best_wheel(name for name in usable if name.endswith(".whl"))
        if wheel is not None:
            return policy.sibling(usable[wheel], METADATA)
        if not all(name.endswith(".whl") for name in usable):
            # It will be built from source.
            return None
    return None


def _newest_allowed(filenames: Sequence[str]) -> Iterator[tuple[Version, list[int]]]:
    """Give the newest of the versions that are wanted, with the places of their files."""
    try:
        allowed = SpecifierSet(_specifier.get())
    except InvalidSpecifier:
        allowed = SpecifierSet()
    for version, places in newest_versions(filenames):
        if allowed.contains(version, prereleases=True):
            yield version, places


def dependencies(metadata: bytes) -> Iterator[Requirement]:
    """Name what an installation needs besides, by its core metadata, where an installer asks.

    Not what extras need; nothing for an installer that does not say what it runs on.
    """
    environment = installers.environment()
    if environment is None:
        return
    for line in metadata.replace(b"\r\n", b"\n").partition(b"\n\n")[0].split(b"\n"):
        if not line.lower().startswith(_REQUIRES) or b"extra" in line.partition(b";")[2]:
            continue
        try:
            requirement = Requirement(line[len(_REQUIRES) :].decode().strip())
            marker = requirement.marker
            is_needed = marker is None or marker.evaluate(dict(environment))
        except (InvalidRequirement, UndefinedComparison, UnicodeDecodeError):
            continue
        if is_needed and requirement.url is None:
            yield requirement
