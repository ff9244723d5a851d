"""A project's page in JSON (PEP 691)."""

from collections.abc import Sequence
from typing import Any

import msgspec

from eggproxy.model import File, ProjectDetail, ProjectStatus
from eggproxy.names import NormalizedName, normalize
from eggproxy.parse import file_json, json_text
from eggproxy.parse.api_version import api_version
from eggproxy.parse.nonsense import Nonsense, quoted
from eggproxy.parse.urls import Base

_KNOWN_OF_PAGE = frozenset({"meta", "name", "files", "versions", "project-status"})
_KNOWN_OF_META = frozenset({"api-version", "project-status"})

Page = dict[str, msgspec.Raw]
"""The keys of a page, and what they hold as it came."""


_ABSENT = msgspec.Raw()


class _Usual(msgspec.Struct, forbid_unknown_fields=True, gc=False, rename="kebab"):
    """A page as nearly all are: of no other keys, and its files have values of their types.

    Such a page is gone through once, and any other twice: for its keys, and for its files.
    """

    files: list[file_json.Listed]
    meta: msgspec.Raw = _ABSENT
    name: msgspec.Raw = _ABSENT
    versions: msgspec.Raw = _ABSENT
    project_status: msgspec.Raw = _ABSENT
    alternate_locations: msgspec.Raw = _ABSENT

    def keys(self) -> Page:
        """Give what it holds beside the files."""
        names = zip(self.__struct_fields__, self.__struct_encode_fields__, strict=True)
        held = {key: getattr(self, name) for name, key in names if name != "files"}
        return {key: value for key, value in held.items() if value is not _ABSENT}


_decode_usual = msgspec.json.Decoder(_Usual).decode


def project_detail(body: bytes, *, url: str, project: NormalizedName) -> ProjectDetail:
    """Read a project's page; `url` is its own, for relative links.

    Raises Nonsense for broken JSON, another project's page, files of which none is usable, or an
    API version that is not ours.
    """
    body = json_text.without_mark(body)
    with json_text.broken_is_nonsense():
        try:
            usual = _decode_usual(body)
        except msgspec.ValidationError:
            return of_page(json_text.top_level(body), url=url, project=project)
        page = usual.keys()
        meta = _meta(page, project)
        return _detail(page, meta, file_json.mended(usual.files, Base(url)), project)


def of_page(page: Page, *, url: str, project: NormalizedName) -> ProjectDetail:
    """Give what the keys of a page say, as `project_detail` does. Raises Nonsense."""
    with json_text.broken_is_nonsense():
        meta = _meta(page, project)
        if "files" not in page:
            raise Nonsense("sent JSON without files")
        listed = file_json.files(page["files"], Base(url))
        return _detail(page, meta, listed, project)


def _meta(page: Page, project: NormalizedName) -> dict[str, Any]:
    """Read the `meta` of a page of this project, of a version that is ours. Raises Nonsense."""
    meta = json_text.meta(page)
    api_version(meta.get("api-version"))
    _check_name(page, project)
    return meta


def _detail(
    page: Page, meta: dict[str, Any], listed: Sequence[File | None], project: NormalizedName
) -> ProjectDetail:
    """Give what the keys of a page say, and its files, that have been read. Raises Nonsense."""
    return ProjectDetail(
        name=project,
        files=_files(listed),
        api_version=api_version(meta.get("api-version")),
        versions=_versions(page),
        status=_status(page, meta),
        meta={key: meta[key] for key in meta if key not in _KNOWN_OF_META},
        extra={key: _read(page, key) for key in page if key not in _KNOWN_OF_PAGE},
    )


def _read(page: Page, key: str) -> Any:  # noqa: ANN401 (it is upstream's, and can be anything)
    return msgspec.json.decode(page[key]) if key in page else None


def _check_name(page: Page, project: NormalizedName) -> None:
    name = _read(page, "name")
    if isinstance(name, str) and normalize(name) != project:
        raise Nonsense(f"sent the page of another project, {quoted(name)}")


def _files(listed: Sequence[File | None]) -> list[File]:
    usable = [file for file in listed if file is not None]
    if listed and not usable:
        raise Nonsense("sent a page with no usable file")
    if len({file.filename for file in usable}) == len(usable):
        return usable
    first: dict[str, File] = {}
    for file in usable:
        first.setdefault(file.filename, file)
    return list(first.values())


def _versions(page: Page) -> list[str] | None:
    """Read `versions`: a set (PEP 700), in upstream's order."""
    versions = _read(page, "versions")
    if not isinstance(versions, list):
        return None
    return list(dict.fromkeys(version for version in versions if isinstance(version, str)))


def _status(page: Page, meta: dict[str, Any]) -> ProjectStatus | None:
    """Read the status: PEP 792 has it at the top level in its text, in `meta` in its example."""
    claim = _read(page, "project-status") or meta.get("project-status")
    if isinstance(claim, str):
        claim = {"status": claim, "reason": meta.get("project-status-reason")}
    if not isinstance(claim, dict) or not isinstance(claim.get("status"), str):
        return None
    reason = claim.get("reason")
    return ProjectStatus(status=claim["status"], reason=reason if isinstance(reason, str) else None)
