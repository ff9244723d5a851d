"""The project list, in pieces: there can be a million names."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import msgspec

from eggproxy.model import API_VERSION, ListedProject, ProjectList
from eggproxy.names import normalize
from eggproxy.negotiation import Form
from eggproxy.render.html import FOOT, head
from eggproxy.render.versions import version_text

_LIST_BATCH = 2000
_encode = msgspec.json.Encoder().encode


def project_list(projects: ProjectList) -> Iterator[dict[Form, bytes]]:
    """Render the project list in pieces of each form: there can be a million names."""
    version = min(projects.api_version, API_VERSION)
    meta = _encode({**projects.meta, "api-version": version_text(version)})
    yield {
        "html": head("Simple index", version).encode(),
        "json": b'{"meta":' + meta + b',"projects":[',
    }
    comma = b""
    for batch in _batches(projects.projects):
        # A batch is a JSON array; without its brackets it is a run of the whole array's items.
        items = _encode([_listed_json(project) for project in batch])[1:-1]
        yield {"html": _project_links(batch), "json": comma + items}
        comma = b","
    yield {"html": FOOT.encode(), "json": b"]}"}


def _project_links(batch: list[ListedProject]) -> bytes:
    """Write links to projects; what is a project's name needs no escaping."""
    lines = (f'<a href="{normalize(project.name)}/">{project.name}</a><br>\n' for project in batch)
    return "".join(lines).encode()


def _listed_json(project: ListedProject) -> ListedProject | dict[str, Any]:
    return {**project.extra, "name": project.name} if project.extra else project


def _batches(projects: Iterable[ListedProject]) -> Iterator[list[ListedProject]]:
    remaining = iter(projects)
    while batch := list(islice(remaining, _LIST_BATCH)):
        yield batch
