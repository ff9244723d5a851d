"""Which values of a file are missing upstream, and which of those were found out; pure.

A set of values is an int, a bit for each. A file's `looked_for` has those that upstream does not
say and that were looked for: found or not, nobody looks for them again.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from eggproxy.model import File, ProjectDetail
from eggproxy.names import METADATA, has_room

SIZE, UPLOAD_TIME, REQUIRES_PYTHON, CORE_METADATA = 1, 2, 4, 8

OURS = "_eggproxy"
"""The key under which it is told which values are not upstream's."""

_KEYS = {
    CORE_METADATA: "core-metadata",
    REQUIRES_PYTHON: "requires-python",
    SIZE: "size",
    UPLOAD_TIME: "upload-time",
}
_FIELDS = {bit: key.replace("-", "_") for bit, key in _KEYS.items()}
_NAMES = [
    {"completed": [key for bit, key in _KEYS.items() if bits & bit]} for bits in range(1 << 4)
]


def missing(file: File) -> int:
    """Name the values that a file has not."""
    return (
        (SIZE if file.size is None else 0)
        | (UPLOAD_TIME if file.upload_time is None else 0)
        | (REQUIRES_PYTHON if file.requires_python is None else 0)
        | (0 if file.core_metadata else CORE_METADATA)
    )


def lacking(file: File) -> int:
    """Name the values that are worth a look: what is missing, and was not looked for yet.

    Requires-python, which only few files lack by mistake, comes with metadata.
    """
    wanted = SIZE | UPLOAD_TIME
    if file.filename.endswith(".whl") and has_room(file.filename, METADATA):
        wanted |= CORE_METADATA
    return missing(file) & ~file.looked_for & wanted


def lacks_metadata(detail: ProjectDetail | None) -> bool:
    """Say whether there are wheels of which no metadata is promised."""
    names = [file.filename for file in detail.files if not file.core_metadata] if detail else []
    return ".whl\n" in "\n".join([*names, ""])


def lacks_all_metadata(detail: ProjectDetail) -> bool:
    """Say whether there are wheels, and no metadata is promised of any file."""
    return not any(file.core_metadata for file in detail.files) and lacks_metadata(detail)


def is_complete(detail: ProjectDetail) -> bool:
    """Say whether nothing is missing of any file; costs little, as it is true of most pages."""
    return (
        None not in [file.size for file in detail.files]
        and None not in [file.upload_time for file in detail.files]
        and not lacks_metadata(detail)
    )


def filled_in(file: File, values: Mapping[int, Any], looked_for: int) -> File:
    """Fill in what is missing, by its bit, and note what was looked for besides."""
    lacks = missing(file)
    new = {_FIELDS[bit]: each for bit, each in values.items() if bit & lacks and each is not None}
    looked_for = file.looked_for | looked_for & lacks
    return msgspec.structs.replace(file, looked_for=looked_for, **new)


def value(file: File, bit: int) -> Any:  # noqa: ANN401  it is of any of these types
    """Give a value by its bit."""
    return getattr(file, _FIELDS[bit])


def named_as_ours(file: File) -> dict[str, list[str]] | None:
    """Name the values that are not upstream's, for people and programs; None if all are."""
    found = file.looked_for & ~missing(file)
    return _NAMES[found] if found else None


def promised_size(file: File) -> int | None:
    """Give a file's size in bytes, if upstream says it: what we found out is no promise."""
    return None if file.looked_for & SIZE else file.size


def is_same(one: File, other: File) -> bool:
    """Say whether two entries are of the same bytes; what signs a URL may change."""
    return one.hashes == other.hashes and (
        one.url == other.url or _place(one.url) == _place(other.url)
    )


def _place(url: str) -> str:
    return url.partition("?")[0]
