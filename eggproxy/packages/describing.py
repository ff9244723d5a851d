"""From what is known of packages to the detail of their project; pure."""

from datetime import UTC, datetime

from eggproxy.model import API_VERSION, File, ProjectDetail, ProjectStatus
from eggproxy.names import NormalizedName
from eggproxy.packages.entries import Entry
from eggproxy.packages.states import State


def describe(project: NormalizedName, entries: list[Entry], state: State) -> ProjectDetail:
    """Describe a project of our own, all of it true (API 1.4)."""
    status = None
    if state.status != "active":
        status = ProjectStatus(status=state.status, reason=state.reason or None)
    # PEP 792: a quarantined project MUST NOT offer any file.
    offered = [] if state.status == "quarantined" else entries
    return ProjectDetail(
        name=project,
        files=[_file(entry, state) for entry in offered],
        api_version=API_VERSION,
        versions=sorted({entry.version for entry in entries}),
        status=status,
    )


def _file(entry: Entry, state: State) -> File:
    return File(
        filename=entry.filename,
        url=entry.filename,
        hashes={"sha256": entry.sha256},
        requires_python=entry.requires_python,
        core_metadata={"sha256": entry.metadata} if entry.metadata else None,
        yanked=state.yank_of(entry.version),
        size=entry.size,
        upload_time=_time(entry.modified),
    )


def _time(modified: int) -> str:
    """Write a time in nanoseconds as PEP 700 wants it."""
    moment = datetime.fromtimestamp(modified // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{modified % 1_000_000_000 // 1000:06d}Z"
