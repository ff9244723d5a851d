"""From the model to the bytes of pages; the one writer that escapes whatever goes into HTML.

Links are relative to the page's own folder, so that the same bytes serve every front end, every
prefix, and a plain static server.
"""

import re
from collections.abc import Iterable, Iterator
from html import escape
from itertools import islice, starmap
from operator import attrgetter
from string import ascii_letters, digits
from typing import Any
from urllib.parse import quote

import msgspec

from eggproxy.characters import consists_of
from eggproxy.completed import OURS, named_as_ours
from eggproxy.model import API_VERSION, File, ListedProject, ProjectDetail, ProjectList
from eggproxy.names import PROVENANCE, has_room, normalize
from eggproxy.negotiation import Form

# Strongest first; these are what pip takes in a fragment.
_FRAGMENT_DIGESTS = ("sha256", "sha512", "sha384", "sha224", "sha1", "md5")
# RFC 3986: what may stand in a path segment unescaped, among what filenames hold.
_SAFE_IN_LINK = "+!@=,()~"
_LIST_BATCH = 2000
# Text that means the same quoted, escaped or as it stands. Nearly all names and digests are such,
# and a page has thousands of them.
_is_plain = re.compile(r"[\w.+!=,()~:/ -]*\Z", re.ASCII).match
_PLAIN_IN_LINK = f"{ascii_letters}{digits}_.+!-".encode()
_HEX = b"0123456789abcdef"

_encode = msgspec.json.Encoder().encode


def claimed_version(detail: ProjectDetail) -> tuple[int, int]:
    """Newest API version that is true of the data.

    PEP 700: from 1.1 on every file MUST have a size, and `versions` MUST be there.
    """
    claim = min(detail.api_version, API_VERSION)
    complete = detail.versions is not None and all(file.size is not None for file in detail.files)
    return claim if complete else (1, 0)


def link(filename: str) -> str:
    """Write the relative URL of a file beside the page."""
    return (
        filename if consists_of(filename, _PLAIN_IN_LINK) else quote(filename, safe=_SAFE_IN_LINK)
    )


def project_detail_json(detail: ProjectDetail) -> bytes:
    """Render a project's page as JSON (PEP 691)."""
    page: dict[str, Any] = {
        "meta": {**detail.meta, "api-version": _version(claimed_version(detail))},
        "name": detail.name,
        "files": _files_json(detail.files),
    }
    if detail.versions is not None:
        page["versions"] = detail.versions
    if detail.status is not None:
        page["project-status"] = detail.status
    return _encode({**detail.extra, **page})


class _ListedFile(msgspec.Struct, frozen=True, omit_defaults=True, gc=False, rename="kebab"):
    """A file as the page has it; its fields are those of `File`, made by position for speed."""

    filename: str
    url: str
    hashes: dict[str, str]
    requires_python: str | None = None
    core_metadata: bool | dict[str, str] | None = None
    gpg_sig: bool | None = None
    yanked: bool | str = False
    size: int | None = None
    upload_time: str | None = None
    provenance: str | None = None


class _CompletedFile(_ListedFile, frozen=True, omit_defaults=True, gc=False, rename="kebab"):
    """One of which not everything is upstream's word."""

    ours: dict[str, list[str]] | None = msgspec.field(default=None, name=OURS)


def _files_json(files: list[File]) -> list[Any]:
    provenances = _provenances(files)
    if not _all_plain(files):
        return [
            _file_json(file, link(file.filename), provenance)
            for file, provenance in zip(files, provenances, strict=True)
        ]
    page: list[Any]
    if any(provenances):
        rows = zip(map(_as_listed, files), provenances, strict=True)
        page = list(starmap(_ListedFile, ((*values, provenance) for values, provenance in rows)))
    else:
        page = list(starmap(_ListedFile, map(_as_listed, files)))
    for place, file in enumerate(files):
        if file.looked_for or file.extra:
            page[place] = _file_json(file, file.filename, provenances[place])
    return page


# The values of `_ListedFile` but the last, provenance; a plain filename is its own link.
_as_listed = attrgetter(
    *("filename", "filename"),
    *(
        name
        for name in _ListedFile.__struct_fields__
        if name not in {"filename", "url", "provenance"}
    ),
)


def _file_json(file: File, url: str, provenance: str | None) -> _ListedFile | dict[str, Any]:
    ours = named_as_ours(file) if file.looked_for else None
    name, _name, *values = _as_listed(file)
    kind, more = (_CompletedFile, (ours,)) if ours else (_ListedFile, ())
    listed = kind(name, url, *(*values, provenance, *more))
    return _with_extra(listed, file.extra) if file.extra else listed


def _provenances(files: list[File]) -> list[str | None]:
    """Say where the provenance of each file is: beside it, where there is room for its name."""
    theirs = [file.provenance for file in files]
    if not any(theirs):
        return theirs
    longest = max([len(file.filename) for file in files])
    if _all_plain(files) and has_room("x" * longest, PROVENANCE):
        return [f"{file.filename}{PROVENANCE}" if file.provenance else None for file in files]
    return [
        _provenance(file.filename, url) if url else None
        for file, url in zip(files, theirs, strict=True)
    ]


def _provenance(filename: str, upstream: str) -> str:
    """Write the URL of provenance, which is upstream's own where ours could not be stored."""
    return f"{link(filename)}{PROVENANCE}" if has_room(filename, PROVENANCE) else upstream


def _with_extra(file: _ListedFile, extra: dict[str, Any]) -> dict[str, Any]:
    """Add the keys that only upstream knows; of what it has completed itself, the names too."""
    known = msgspec.to_builtins(file)
    theirs = extra.get(OURS)
    names = theirs.get("completed") if isinstance(theirs, dict) else None
    if OURS in known and isinstance(names, list):
        both = {name for name in names if isinstance(name, str)} | {*known[OURS]["completed"]}
        known[OURS] = {"completed": sorted(both)}
    return {**extra, **known}


def project_detail_html(detail: ProjectDetail) -> bytes:
    """Render a project's page as HTML (PEP 503, 592, 658, 714, 740, 792)."""
    status = ""
    if detail.status is not None:
        status = _meta("pypi:project-status", detail.status.status)
        if detail.status.reason is not None:
            status += _meta("pypi:project-status-reason", detail.status.reason)
    head = _head(f"Links for {detail.name}", detail.api_version, status)
    return "".join((head, *_anchors(detail.files), _FOOT)).encode()


def _anchors(files: list[File]) -> Iterable[str]:
    """Write the links; the text of each MUST be its filename (PEP 503).

    Each part is written for all files at once: there can be thousands, and all much alike.
    """
    names = [file.filename for file in files]
    parts = zip(names, _fragments(files), _requirements(files), _others(files), strict=True)
    if _all_plain(files):
        return [
            f'<a href="{name}{fragment}"{requirement}{other}>{name}</a><br>\n'
            for name, fragment, requirement, other in parts
        ]
    return [
        f'<a href="{_escape(link(name))}{fragment}"{requirement}{other}>{_escape(name)}</a><br>\n'
        for name, fragment, requirement, other in parts
    ]


def _fragments(files: list[File]) -> Iterable[str]:
    """Write what follows the URL of each file: a digest, or else what setuptools wants there."""
    digests = _digests([file.hashes for file in files], "#")
    if "" not in digests:
        return digests
    return [digest or _egg(file) for digest, file in zip(digests, files, strict=True)]


def _requirements(files: list[File]) -> Iterable[str]:
    """Write data-requires-python of each file; a project has few that differ."""
    specifiers = [file.requires_python for file in files]
    written = {
        specifier: "" if specifier is None else f' data-requires-python="{_escape(specifier)}"'
        for specifier in set(specifiers)
    }
    return [written[specifier] for specifier in specifiers]


def _others(files: list[File]) -> Iterable[str]:
    """Write the other attributes of each file."""
    claims = [file.core_metadata for file in files]
    # Those of archives, which have none, must not keep the others from the quick way.
    digests = iter(_digests([claim for claim in claims if claim and isinstance(claim, dict)]))
    claimed = [_claimed(claim, digests) if claim else "" for claim in claims]
    rare = [
        place
        for place, file in enumerate(files)
        if file.yanked or file.gpg_sig is not None or file.provenance is not None
    ]
    provenances = _provenances(files) if rare else []
    for place in rare:
        claimed[place] += _rare_attributes(files[place], provenances[place])
    return claimed


def _claimed(claim: bool | dict[str, str], digests: Iterator[str]) -> str:  # noqa: FBT001  it is data
    """Write what is said of metadata; the digests are those of all claims that have some."""
    claimed = next(digests) or "true" if isinstance(claim, dict) else "true"
    return f' data-core-metadata="{claimed}"'


def _all_plain(files: list[File]) -> bool:
    """Say whether all filenames are the same quoted, escaped and as they stand."""
    return consists_of("".join([file.filename for file in files]), _PLAIN_IN_LINK)


def _rare_attributes(file: File, provenance: str | None) -> str:
    attributes = ""
    if file.yanked:
        reason = "" if file.yanked is True else _escape(file.yanked)
        attributes += f' data-yanked="{reason}"'
    if file.gpg_sig is not None:
        attributes += f' data-gpg-sig="{"true" if file.gpg_sig else "false"}"'
    if provenance:
        attributes += f' data-provenance="{_escape(provenance)}"'
    return attributes


def _egg(file: File) -> str:
    return "" if file.egg_fragment is None else f"#egg={_escape(quote(file.egg_fragment))}"


def _digests(column: list[dict[str, str]], prefix: str = "") -> list[str]:
    """Write the strongest of each file's digests as `name=hex`; "" if there is none."""
    usual = [hashes.get("sha256", "") for hashes in column]
    if "" not in usual and consists_of("".join(usual), _HEX):
        prefix += "sha256="
        return [prefix + digest for digest in usual]
    return [_digest(hashes, prefix) for hashes in column]


def _digest(hashes: dict[str, str], prefix: str) -> str:
    for name in _FRAGMENT_DIGESTS:
        if digest := hashes.get(name):
            return f"{prefix}{name}={_escape(digest)}"
    return ""


def project_list(projects: ProjectList) -> Iterator[dict[Form, bytes]]:
    """Render the project list in pieces of each form: there can be a million names."""
    version = min(projects.api_version, API_VERSION)
    meta = _encode({**projects.meta, "api-version": _version(version)})
    yield {
        "html": _head("Simple index", version).encode(),
        "json": b'{"meta":' + meta + b',"projects":[',
    }
    comma = b""
    for batch in _batches(projects.projects):
        # A batch is a JSON array; without its brackets it is a run of the whole array's items.
        items = _encode([_listed_json(project) for project in batch])[1:-1]
        yield {"html": _project_links(batch), "json": comma + items}
        comma = b","
    yield {"html": _FOOT.encode(), "json": b"]}"}


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


def _head(title: str, version: tuple[int, int], more: str = "") -> str:
    # PEP 833 freezes the HTML form at 1.4.
    claim = _meta("pypi:repository-version", _version(min(version, API_VERSION)))
    title = _escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{claim}{more}'
        f"<title>{title}</title>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )


_FOOT = "</body>\n</html>\n"


def _meta(name: str, content: str) -> str:
    return f'<meta name="{name}" content="{_escape(content)}">\n'


def _version(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"


def _escape(text: str) -> str:
    """Escape for text and attributes alike."""
    return text if _is_plain(text) else escape(text)
