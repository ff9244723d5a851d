"""How completed values live on when upstream sends a new page, and what a page may claim; pure."""

from collections.abc import Sequence

import msgspec

from eggproxy.completion.values import (
    CORE_METADATA,
    OURS,
    Found,
    is_same,
    value,
    with_values,
)
from eggproxy.completion.versions import versions_of
from eggproxy.model import File, ProjectDetail
from eggproxy.store import Record

_HONEST_VERSION = (1, 1)


def kept(old: Record, new: ProjectDetail) -> tuple[ProjectDetail, dict[str, list[str]], list[str]]:
    """Keep what was completed of files that are still the same.

    Gives the detail, what is now completed, and the files whose metadata, which we have read, is
    no longer what the page promises.
    """
    if not old.completed or old.detail is None:
        return new, {}, []
    before = {file.filename: file for file in old.detail.files}
    completed: dict[str, list[str]] = {}
    obsolete: list[str] = []
    files = [
        _kept_of(old, before.get(file.filename), file, completed, obsolete) for file in new.files
    ]
    detail = msgspec.structs.replace(new, files=files)
    return with_claims(detail) if completed else detail, completed, obsolete


def _kept_of(
    old: Record,
    before: File | None,
    file: File,
    completed: dict[str, list[str]],
    obsolete: list[str],
) -> File:
    looked_for = old.completed.get(file.filename)
    if looked_for is None or before is None:
        return file
    same = is_same(before, file)
    still = [key for key in looked_for if same and value(file, key) is None]
    replaced = CORE_METADATA in looked_for and CORE_METADATA not in still
    if replaced and value(before, CORE_METADATA) != value(file, CORE_METADATA):
        # Ours is beside the file; what upstream now promises may be something else.
        obsolete.append(file.filename)
    if not still:
        return file
    completed[file.filename] = still
    values = {key: value(before, key) for key in still if value(before, key) is not None}
    return with_values(file, values, still)


def completed_by(record: Record, found: Sequence[Found]) -> tuple[Record, list[Found]]:
    """Put into a record what was found; also give what of it was of use.

    What upstream has meanwhile said otherwise, or of another file, counts.
    """
    if record.detail is None:
        return record, []
    news = {each.file.filename: each for each in found}
    completed, files, used = dict(record.completed), [], []
    for file in record.detail.files:
        new = news.get(file.filename)
        if new is None or not is_same(new.file, file):
            files.append(file)
            continue
        ours = set(completed.get(file.filename, ()))
        ours |= {key for key in new.looked_for if key in ours or value(file, key) is None}
        completed[file.filename] = sorted(ours)
        files.append(with_values(file, new.values, ours))
        used.append(new)
    detail = with_claims(msgspec.structs.replace(record.detail, files=files))
    return msgspec.structs.replace(record, completed=completed, detail=detail), used


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
