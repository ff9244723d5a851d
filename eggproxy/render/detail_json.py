"""A project's page in JSON (PEP 691, 700, 714, 740, 792)."""

from operator import attrgetter
from typing import Any

import msgspec

from eggproxy.completed import OURS, named_as_ours
from eggproxy.model import OF_RECORDS, File, ProjectDetail, change_all
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


class _CompletedFile(File, frozen=True, kw_only=True, gc=False, rename="kebab"):
    """A file, and which of its values are not upstream's word, if there are such."""

    ours: dict[str, list[str]] | None = msgspec.field(default=None, name=OURS)


def _files_json(files: list[File]) -> list[Any]:
    """Make the files what they are on the page: theirs is another URL."""
    page: list[Any] = list(map(msgspec.structs.replace, files))
    names = [file.filename for file in files]
    change_all(page, "url", names if all_plain(files) else map(link, names))
    provenances = provenance_links(files)
    if any(provenances):
        change_all(page, "provenance", provenances)
    for place, file in enumerate(files):
        if file.looked_for or file.extra is not None or file.egg_fragment is not None:
            page[place] = _more(page[place])
    return page


def _more(file: File) -> File | dict[str, Any]:
    """Write what only some have, and leave out what is for ourselves."""
    ours = named_as_ours(file) if file.looked_for else None
    listed = _CompletedFile(*_known(file), ours=ours)
    return _with_extra(listed, file.extra) if file.extra else listed


# All but what is for ourselves, in this order.
_known = attrgetter(*(name for name in File.__struct_fields__ if name not in OF_RECORDS))


def _with_extra(file: File, extra: dict[str, Any]) -> dict[str, Any]:
    """Add the keys that only upstream knows; of what it has completed itself, the names too."""
    known = msgspec.to_builtins(file)
    theirs = extra.get(OURS)
    names = theirs.get("completed") if isinstance(theirs, dict) else None
    if OURS in known and isinstance(names, list):
        both = {name for name in names if isinstance(name, str)} | {*known[OURS]["completed"]}
        known[OURS] = {"completed": sorted(both)}
    return {**extra, **known}
