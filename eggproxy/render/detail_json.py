"""A project's page in JSON (PEP 691, 700, 714, 740, 792)."""

from itertools import starmap
from operator import attrgetter
from typing import Any

import msgspec

from eggproxy.completed import OURS, named_as_ours
from eggproxy.model import File, ProjectDetail
from eggproxy.render.links import all_plain, link, provenance_links
from eggproxy.render.versions import claimed_version, version_text

_encode = msgspec.json.Encoder().encode


def project_detail_json(detail: ProjectDetail) -> bytes:
    """Render a project's page as JSON (PEP 691)."""
    page: dict[str, Any] = {
        "meta": {**detail.meta, "api-version": version_text(claimed_version(detail))},
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
    provenances = provenance_links(files)
    if not all_plain(files):
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


def _with_extra(file: _ListedFile, extra: dict[str, Any]) -> dict[str, Any]:
    """Add the keys that only upstream knows; of what it has completed itself, the names too."""
    known = msgspec.to_builtins(file)
    theirs = extra.get(OURS)
    names = theirs.get("completed") if isinstance(theirs, dict) else None
    if OURS in known and isinstance(names, list):
        both = {name for name in names if isinstance(name, str)} | {*known[OURS]["completed"]}
        known[OURS] = {"completed": sorted(both)}
    return {**extra, **known}
