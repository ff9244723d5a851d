"""What pages of upstream say of a project, all of them together."""

import hashlib
import logging
from collections.abc import Sequence

import msgspec

from eggproxy import parse
from eggproxy.merging import merged, merged_lists
from eggproxy.model import ProjectDetail, ProjectList
from eggproxy.names import NormalizedName
from eggproxy.upstream import Fetched, Upstreams, shown

log = logging.getLogger("eggproxy")

_LARGE = 200_000
"""Bytes of a page from which on it may wait for its turn, and then take its time."""


def project_detail(
    name: NormalizedName, pages: Sequence[Fetched], upstreams: Upstreams
) -> tuple[ProjectDetail, dict[str, str]]:
    """Read what the pages of a project say, and name the index of each file not of the first.

    Files at hosts that their index must not send us to are left out. Raises Nonsense.
    """
    details = [_read(name, page, upstreams) for page in pages]
    return merged(details), _sources(pages, details) if len(pages) > 1 else {}


def excerpt(
    name: NormalizedName, pages: Sequence[Fetched], upstreams: Upstreams, choose: parse.Choose
) -> ProjectDetail | None:
    """Read those files that are chosen; None where that is no shorter way."""
    (page, *others) = pages
    if others or page.detail or len(page.body) < _LARGE:
        return None
    detail = parse.excerpt(
        page.body, content_type=page.content_type, url=page.url, project=name, choose=choose
    )
    # What is wrong with a page is told by whoever reads all of it.
    return None if detail is None or _refused(detail, page, upstreams) else detail


def project_list(pages: Sequence[Fetched]) -> ProjectList:
    """Read the project lists of several indexes as one. Raises Nonsense, as its projects do."""
    return merged_lists(
        [
            parse.project_list(page.body, content_type=page.content_type, url=page.url)
            for page in pages
        ]
    )


def digest(pages: Sequence[Fetched]) -> str:
    """Tell by what these pages differ from others."""
    if len(pages) == 1:
        return hashlib.sha256(pages[0].body).hexdigest()
    digests = [hashlib.sha256(page.body).digest() for page in pages]
    return hashlib.sha256(b"".join(digests)).hexdigest()


def _read(name: NormalizedName, page: Fetched, upstreams: Upstreams) -> ProjectDetail:
    """Read what a page says of a project, but for files at hosts that must not be asked."""
    detail = page.detail or parse.project_detail(
        page.body, content_type=page.content_type, url=page.url, project=name
    )
    refused = _refused(detail, page, upstreams)
    if not refused:
        return detail
    log.warning(
        "%s: files at %s are left out; if that is right, name the host in allow_hosts",
        *(name, ", ".join(sorted(map(shown, refused)))),
    )
    files = [file for file in detail.files if _place(file.url) not in refused]
    return msgspec.structs.replace(detail, files=files)


def _refused(detail: ProjectDetail, page: Fetched, upstreams: Upstreams) -> set[str]:
    """Name the places of files that their index must not send us to."""
    hosts = upstreams.named(page.index).hosts
    return {place for place in _places(detail) if not hosts.permits(place)}


def _places(detail: ProjectDetail) -> set[str]:
    """Name the hosts, or folders of this machine, that files are at: few, of thousands of files."""
    if not detail.files:
        return set()
    urls = [file.url for file in detail.files]
    # Nearly always one host: what the first and the last of them in order begin with, all do.
    first = _place(min(urls))
    if max(urls).startswith(first) and not first.startswith("file:"):
        return {first}
    return set(map(_place, urls))


def _place(url: str) -> str:
    if url.startswith("file:"):
        return f"{url.rpartition('/')[0]}/"
    return f"{'/'.join(url.split('/', 3)[:3])}/"


def _sources(pages: Sequence[Fetched], details: Sequence[ProjectDetail]) -> dict[str, str]:
    """Name the index of each file that is not from the first of them."""
    index = {
        file.filename: page.index
        for page, detail in reversed(list(zip(pages, details, strict=True)))
        for file in detail.files
    }
    return {filename: name for filename, name in index.items() if name != pages[0].index}
