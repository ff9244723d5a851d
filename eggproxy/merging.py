"""What several indexes say of one project, as one page; pure."""

from collections.abc import Iterator, Sequence

import msgspec

from eggproxy.model import ListedProject, ProjectDetail, ProjectList
from eggproxy.names import normalize


def merged(details: Sequence[ProjectDetail]) -> ProjectDetail:
    """Make one project detail of several, the most important first; of two files of one name, it.

    It claims no more than the least of them (PEP 700 wants what it promises of every file).
    """
    first = details[0]
    if len(details) == 1:
        return first
    files = {file.filename: file for detail in reversed(details) for file in reversed(detail.files)}
    versions = None
    if all(detail.versions is not None for detail in details):
        versions = list(dict.fromkeys(v for detail in details for v in detail.versions or ()))
    status = next((detail.status for detail in details if detail.status is not None), None)
    return msgspec.structs.replace(
        first,
        files=list(reversed(files.values())),
        api_version=min(detail.api_version for detail in details),
        versions=versions,
        status=status,
    )


def merged_lists(lists: Sequence[ProjectList]) -> ProjectList:
    """Make one project list of several; a project is listed as the first of them writes it."""
    if len(lists) == 1:
        return lists[0]

    def all_projects() -> Iterator[ListedProject]:
        seen: set[str] = set()
        for number, each in enumerate(lists, 1):
            for project in each.projects:
                name = normalize(project.name)
                if name in seen:
                    continue
                if number < len(lists):
                    # The last one, behind which nothing follows, is as a rule the large one.
                    seen.add(name)
                yield project

    version = min(each.api_version for each in lists)
    return ProjectList(projects=all_projects(), api_version=version, meta=lists[0].meta)
