"""The legacy JSON API, which some indexes have beside the simple one: times and sizes at once."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import msgspec

from eggproxy.completed import REQUIRES_PYTHON, SIZE, UPLOAD_TIME, lacking, missing
from eggproxy.completion.found import Found
from eggproxy.model import File, ProjectDetail
from eggproxy.parse.upload_time import upload_time
from eggproxy.upstream import Upstream

MAX_ANSWER = 64 << 20
"""Most bytes of an answer that are read."""


class _File(msgspec.Struct, frozen=True, kw_only=True):
    filename: str
    upload_time_iso_8601: str | None = None
    size: int | None = None
    requires_python: str | None = None
    digests: dict[str, str] = {}


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    releases: dict[str, list[_File]] = {}
    urls: list[_File] = []


def address(index: str, project: str) -> str | None:
    """Say where the legacy API would be; only beside an index that is named `simple` it can be."""
    if not urlsplit(index).path.endswith("/simple/"):
        return None
    return urljoin(index, f"../pypi/{project}/json")


def ask(upstream: Upstream, detail: ProjectDetail, url: str) -> list[Found] | None:
    """Ask for what a page leaves out; None if the index has no such API.

    Raises as `Upstream.probe` does.
    """
    with upstream.probe(url, headers={"Accept": "application/json"}) as answer:
        if answer.status != HTTPStatus.OK:
            return None
        body = answer.body(MAX_ANSWER)
    try:
        known = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    listed = [file for files in known.releases.values() for file in files] + known.urls
    by_name = {file.filename: file for file in listed}
    return [
        Found(file=file, looked_for=sum(values), values=values)
        for file in detail.files
        if lacking(file) and (values := _values(by_name.get(file.filename), file))
    ]


def _values(said: _File | None, file: File) -> dict[int, Any]:
    """Take what is said of a file and missing; nothing that is of other bytes."""
    if said is None or any(
        said.digests.get(name, digest) != digest for name, digest in file.hashes.items()
    ):
        return {}
    values = {
        SIZE: said.size,
        UPLOAD_TIME: upload_time(said.upload_time_iso_8601 or ""),
        REQUIRES_PYTHON: said.requires_python or None,
    }
    lacks = missing(file)
    return {bit: each for bit, each in values.items() if each is not None and bit & lacks}
