"""Which values of a file are missing, and what was found in their place; pure.

Values go by the names of their JSON keys. A record's `completed` has, for each file that was looked
at, the keys that were looked for: whether found or not, nobody looks for them again.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from eggproxy.model import File

SIZE, UPLOAD_TIME, REQUIRES_PYTHON, CORE_METADATA = (
    "size",
    "upload-time",
    "requires-python",
    "core-metadata",
)

OURS = "_eggproxy"
"""The key under which it is told which values are not upstream's."""

_FIELDS = {
    key: key.replace("-", "_") for key in (SIZE, UPLOAD_TIME, REQUIRES_PYTHON, CORE_METADATA)
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """What was found out of a file.

    `values` by JSON key has those that were found, `looked_for` the keys that need not be looked
    for again; `metadata` are the bytes of a wheel's METADATA.
    """

    file: File
    looked_for: frozenset[str]
    values: Mapping[str, Any] = field(default_factory=dict)
    metadata: bytes | None = None


def is_wheel(file: File) -> bool:
    """Say whether a file is one that has metadata beside it (PEP 658)."""
    return file.filename.endswith(".whl")


def missing(file: File) -> set[str]:
    """Name the values that a file could have, and has not."""
    lacks = set()
    if file.size is None:
        lacks.add(SIZE)
    if file.upload_time is None:
        lacks.add(UPLOAD_TIME)
    if not file.core_metadata and is_wheel(file):
        lacks.add(CORE_METADATA)
    return lacks


def is_same(one: File, other: File) -> bool:
    """Say whether two entries are of the same bytes; what signs a URL may change."""
    return one.hashes == other.hashes and _place(one.url) == _place(other.url)


def value(file: File, key: str) -> Any:  # noqa: ANN401  it is of any of these types
    """Give a value by its JSON key; None if it is missing."""
    return getattr(file, _FIELDS[key]) or None if key != SIZE else file.size


def with_values(file: File, values: Mapping[str, Any], looked_for: Collection[str]) -> File:
    """Fill in what is missing, and name what is not upstream's among what was looked for."""
    new = {_FIELDS[key]: values[key] for key in values if value(file, key) is None}
    changed = msgspec.structs.replace(file, **new) if new else file
    ours = [key for key in looked_for if value(changed, key) is not None]
    return named_as_ours(changed, ours)


def named_as_ours(file: File, keys: Collection[str]) -> File:
    """Name the values that are not upstream's, beside those that upstream says are not its own."""
    extra = file.extra or {}
    theirs = extra.get(OURS)
    before = theirs.get("completed") if isinstance(theirs, dict) else None
    names = sorted({*keys, *(name for name in before or () if isinstance(name, str))})
    if names == (before or []):
        return file
    return msgspec.structs.replace(file, extra={**extra, OURS: {"completed": names}})


def _place(url: str) -> str:
    return url.partition("?")[0].partition("#")[0]
