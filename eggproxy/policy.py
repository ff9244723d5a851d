"""Who may have what: one decision, taken before any cache is asked, for every method and route."""

from collections.abc import Set as AbstractSet

import msgspec

from eggproxy.model import File, ProjectDetail
from eggproxy.names import (
    METADATA,
    PROVENANCE,
    SIBLINGS,
    SIGNATURE,
    NormalizedName,
    distribution_of,
    has_room,
)
from eggproxy.paths import (
    FileTarget,
    HealthTarget,
    HomeTarget,
    ListTarget,
    ProjectTarget,
    RedirectTarget,
    Target,
)


def reads(target: Target) -> tuple[NormalizedName | None, ...]:
    """Tell what one must be allowed to read for an answer: projects; None is the project list."""
    match target:
        case ProjectTarget(project=project) | FileTarget(project=project):
            return (project,)
        case ListTarget():
            return (None,)
        case HomeTarget() | HealthTarget() | RedirectTarget():
            # They tell nothing of what is here.
            return ()


def offered(detail: ProjectDetail, filename: str) -> File | None:
    """Find what a project's page offers under a name: a file, or what belongs to one.

    The answer describes that very object: the URL, the digests and the size to expect of it.
    """
    file = detail.file(filename)
    if file is not None:
        return file
    for suffix in SIBLINGS:
        base = detail.file(filename.removesuffix(suffix)) if filename.endswith(suffix) else None
        if base is not None:
            return sibling(base, suffix)
    return None


def asked_for(filename: str) -> frozenset[str]:
    """Name the files of which something must be known to say what is offered under a name."""
    bases = (filename.removesuffix(suffix) for suffix in SIBLINGS)
    return frozenset({filename, distribution_of(filename), *bases})


def sibling(base: File, suffix: str) -> File | None:
    """Describe what belongs to a file, by the end of its name; None if there is no such thing."""
    if suffix == PROVENANCE:
        # That one is wherever upstream says.
        if base.provenance is None:
            return None
        return File(filename=base.filename + suffix, url=base.provenance, hashes={})
    promised = base.core_metadata if suffix == METADATA else base.gpg_sig
    if not promised:
        return None
    hashes = promised if isinstance(promised, dict) else {}
    return File(filename=base.filename + suffix, url=base.url + suffix, hashes=hashes)


def storable(detail: ProjectDetail) -> ProjectDetail:
    """No longer promise what no file system takes: siblings of files with the longest names."""
    names = [file.filename for file in detail.files]
    # Hardly a page has a name that has to be looked at. No character takes more than 4 bytes.
    width = 1 if "".join(names).isascii() else 4
    if has_room("x" * width * max(map(len, names), default=0), METADATA):
        return detail
    return msgspec.structs.replace(detail, files=[_storable(file) for file in detail.files])


def _storable(file: File) -> File:
    if file.core_metadata and not has_room(file.filename, METADATA):
        file = msgspec.structs.replace(file, core_metadata=None)
    if file.gpg_sig and not has_room(file.filename, SIGNATURE):
        file = msgspec.structs.replace(file, gpg_sig=None)
    return file


def on_disk(detail: ProjectDetail, names: AbstractSet[str]) -> ProjectDetail:
    """Leave out what cannot be had in an outage: files, and siblings of files, not on disk.

    `names` are those of the files that are.
    """
    files = detail.files if names else []
    files = [_as_on_disk(file, names) for file in files if file.filename in names]
    return msgspec.structs.replace(detail, files=files)


def _as_on_disk(file: File, names: AbstractSet[str]) -> File:
    if file.core_metadata and file.filename + METADATA not in names:
        file = msgspec.structs.replace(file, core_metadata=None)
    if file.gpg_sig and file.filename + SIGNATURE not in names:
        file = msgspec.structs.replace(file, gpg_sig=None)
    if file.provenance and file.filename + PROVENANCE not in names:
        file = msgspec.structs.replace(file, provenance=None)
    return file
