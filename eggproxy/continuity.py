"""What is kept of the record of a page when upstream sends a new one; pure."""

import msgspec

from eggproxy.model import ProjectDetail
from eggproxy.store import Record


def still_pinned(
    old: Record, before: ProjectDetail, now: ProjectDetail
) -> tuple[ProjectDetail, list[str]]:
    """Keep the digests of files that came before, where upstream still names none."""
    pins = {file.filename: file.hashes for file in before.files if file.filename in old.pinned}
    if not pins:
        return now, []
    files = [
        msgspec.structs.replace(file, hashes=pins[file.filename])
        if not file.hashes and file.filename in pins
        else file
        for file in now.files
    ]
    pinned = [new.filename for new, file in zip(files, now.files, strict=True) if new is not file]
    return msgspec.structs.replace(now, files=files), pinned


def still_withdrawn(old: Record, new: ProjectDetail) -> list[str]:
    """Keep what was withdrawn, unless upstream now promises something else."""
    kept = []
    for name in old.withdrawn:
        before, now = (detail and detail.file(name) for detail in (old.detail, new))
        if before and now and before.core_metadata == now.core_metadata:
            kept.append(name)
    return kept
