"""How completed values live on when upstream sends a new page, and what a page may claim; pure."""

from collections.abc import Sequence

import msgspec

from eggproxy.completed import (
    CORE_METADATA,
    OURS,
    REQUIRES_PYTHON,
    SIZE,
    UPLOAD_TIME,
    filled_in,
    is_same,
    missing,
    value,
)
from eggproxy.completion.found import Found
from eggproxy.completion.versions import versions_of
from eggproxy.model import File, ProjectDetail

_BITS = (SIZE, UPLOAD_TIME, REQUIRES_PYTHON, CORE_METADATA)
_HONEST_VERSION = (1, 1)


def kept(old: ProjectDetail, new: ProjectDetail) -> tuple[ProjectDetail, list[str]]:
    """Keep what was completed of files that are still the same.

    Also names the files whose metadata, which we have read, is not what the page now promises.
    """
    completed = {file.filename: file for file in old.files if file.looked_for}
    if not completed:
        return new, []
    files = []
    obsolete = []
    for file in new.files:
        before = completed.get(file.filename)
        now = file if before is None else _kept_of(before, file)
        files.append(now)
        read = before is not None and before.looked_for & CORE_METADATA
        if before and read and before.core_metadata not in (None, now.core_metadata):
            obsolete.append(file.filename)
    return with_claims(msgspec.structs.replace(new, files=files)), obsolete


def _kept_of(before: File, file: File) -> File:
    if not is_same(before, file):
        return file
    still = before.looked_for & missing(file)
    return filled_in(file, {bit: value(before, bit) for bit in _BITS if bit & still}, still)


def completed_by(
    detail: ProjectDetail, found: Sequence[Found]
) -> tuple[ProjectDetail, list[Found]]:
    """Fill in what was found; also give what of it was of use.

    What upstream has meanwhile said otherwise, or of another file, counts.
    """
    news = {each.file.filename: each for each in found}
    files, used = [], []
    for file in detail.files:
        new = news.get(file.filename)
        if new is None or not is_same(new.file, file):
            files.append(file)
            continue
        now = filled_in(file, new.values, new.looked_for)
        files.append(now)
        if now != file:
            used.append(new)
    return with_claims(msgspec.structs.replace(detail, files=files)), used


def with_claims(detail: ProjectDetail) -> ProjectDetail:
    """Name the versions, and claim API 1.1, where that has become true (PEP 700)."""
    if detail.versions is not None or any(file.size is None for file in detail.files):
        return detail
    versions = versions_of(detail.name, detail.files)
    if versions is None:
        return detail
    return msgspec.structs.replace(
        detail,
        versions=versions,
        api_version=max(detail.api_version, _HONEST_VERSION),
        extra={**detail.extra, OURS: {"completed": ["versions"]}},
    )
