"""Pages of an index and our own made one: their files beside ours, their projects beside ours."""

import dataclasses
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from eggproxy import parse
from eggproxy.answers import Answer, Ready, Text
from eggproxy.errors import EggProxyError
from eggproxy.model import API_VERSION, ListedProject, ProjectDetail, ProjectList
from eggproxy.names import NormalizedName, normalize
from eggproxy.negotiation import JSON_V1, Preference
from eggproxy.paths import ListTarget, ProjectTarget, Target
from eggproxy.store.atomic import signature

# The page was written by ourselves: its links are relative, and only their names are used.
_BASE = "https://index.invalid/"

Otherwise = Callable[[Target, Preference], Answer]
"""How the rest of the proxy answers."""


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    """A page of an index, as the proxy would serve it; `token` differs where it does."""

    token: str
    source: Path | bytes

    def body(self) -> bytes:
        """Read the page, in JSON. Raises OSError."""
        return self.source if isinstance(self.source, bytes) else self.source.read_bytes()


def ask(target: ProjectTarget | ListTarget, otherwise: Otherwise) -> Theirs | None:
    """Have the page of the index; None where it cannot be had."""
    try:
        return have(target, otherwise)
    except (EggProxyError, OSError):
        return None


def have(target: ProjectTarget | ListTarget, otherwise: Otherwise) -> Theirs | None:
    """Have the page of the index. Raises EggProxyError, OSError."""
    answer = otherwise(dataclasses.replace(target, media_type=None), Preference(JSON_V1))
    if isinstance(answer, Ready):
        return Theirs(str(tuple(signature(answer.path))), answer.path)
    if isinstance(answer, Text):
        return Theirs(hashlib.sha256(answer.body).hexdigest(), answer.body)
    return None


def merged(ours: ProjectDetail, theirs: Theirs) -> ProjectDetail:
    """Add the files of the index to our own; ours win where the names are the same."""
    try:
        detail = parse.project_detail(
            theirs.body(), content_type=JSON_V1, url=_BASE, project=ours.name
        )
    except (parse.Nonsense, OSError):
        return ours
    own = {file.filename for file in ours.files}
    files = [*ours.files, *(file for file in detail.files if file.filename not in own)]
    versions = None
    if ours.versions is not None and detail.versions is not None:
        versions = list(dict.fromkeys([*detail.versions, *ours.versions]))
    return msgspec.structs.replace(
        detail,
        files=files,
        versions=versions,
        status=ours.status or detail.status,
    )


def listed(
    ours: list[NormalizedName],
    theirs: Theirs | None,
    is_listed: Callable[[NormalizedName], bool] | None = None,
) -> ProjectList:
    """List our projects, and then those of the index that may be listed; None: all may.

    Raises what reading that list raises.
    """
    own = [ListedProject(name=name) for name in ours]
    if theirs is None:
        return ProjectList(projects=own, api_version=API_VERSION)
    found = parse.project_list(theirs.body(), content_type=JSON_V1, url=_BASE)
    return ProjectList(
        projects=_beside(own, frozenset(ours), found, is_listed),
        api_version=found.api_version,
        meta=found.meta,
    )


def _beside(
    own: list[ListedProject],
    names: frozenset[NormalizedName],
    found: ProjectList,
    is_listed: Callable[[NormalizedName], bool] | None,
) -> Iterator[ListedProject]:
    yield from own
    for project in found.projects:
        name = normalize(project.name)
        if name not in names and (is_listed is None or is_listed(name)):
            yield project
