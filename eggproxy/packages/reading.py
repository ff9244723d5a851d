"""Reading a package: what its archive says of it, and its digest."""

import contextlib
import hashlib
from pathlib import Path

from eggproxy.archives import Contents, DamagedArchiveError, read_archive
from eggproxy.names import METADATA, has_room, normalize
from eggproxy.packages.entries import Entry, Seen, claimed
from eggproxy.packages.folders import look_at
from eggproxy.store import atomic


def read_package(root: Path, path: str, seen: Seen, own: Path) -> Entry | None:
    """Read a package below `root`, and keep its metadata below `own`; None if it is changing.

    Raises DamagedArchiveError, OSError.
    """
    place = root / path
    contents = read_archive(place, place.name)
    sha256 = digest_of(place)
    if look_at(str(place)) != seen:
        return None
    return entry_of(path, seen, contents, sha256, own)


def entry_of(path: str, seen: Seen, contents: Contents, sha256: str, own: Path) -> Entry:
    """Make the entry of a package that was read. Raises DamagedArchiveError if it is misnamed."""
    filename = path.rpartition("/")[2]
    project = normalize(contents.name)
    if project not in claimed(filename):
        raise DamagedArchiveError(filename, f"it holds project {contents.name[:80]}")
    return Entry(
        path,
        *seen,
        project=project,
        version=contents.version,
        sha256=sha256,
        requires_python=contents.requires_python,
        metadata=keep_metadata(own, filename, contents.metadata),
    )


def digest_of(path: Path) -> str:
    """Take a file's SHA-256. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def metadata_path(own: Path, digest: str) -> Path:
    """Name the file that holds the metadata of this digest."""
    return own / "metadata" / digest


def keep_metadata(own: Path, filename: str, metadata: bytes) -> str:
    """Keep a wheel's metadata to be served beside it (PEP 658), and return its digest, or "".

    Not that of source archives: before they are built theirs promises nothing (PEP 643). Nor that
    of which the name would be too long.
    """
    if not filename.lower().endswith(".whl") or not has_room(filename, METADATA):
        return ""
    digest = hashlib.sha256(metadata).hexdigest()
    path = metadata_path(own, digest)
    with contextlib.suppress(OSError):
        if not path.exists():
            # Not the directory that it is in, which may just have gone.
            own.mkdir(exist_ok=True)
            path.parent.mkdir(parents=True, exist_ok=True)
            (own / "tmp").mkdir(exist_ok=True)
            atomic.replace({path: metadata}, scratch=own / "tmp")
        return digest
    return ""
