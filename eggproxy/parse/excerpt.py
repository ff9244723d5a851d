"""Some files of a project's page, read without the others: of thousands, a few are asked for."""

import re
from collections.abc import Callable, Sequence

import msgspec

from eggproxy.model import ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.parse import content_type as content_types
from eggproxy.parse import detail_html, detail_json, html_text, json_text, wellformed
from eggproxy.parse.nonsense import Nonsense

Choose = Callable[[Sequence[str]], Sequence[int]]
"""Chooses among the names of a page's files, in its order, and gives the places of some."""

_TEXT = re.compile(r'<a [^<>]*+>([^<>"]*+)</a>')


class _Named(msgspec.Struct, gc=False):
    filename: str


_named = msgspec.json.Decoder(list[_Named]).decode
_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


def project_detail(
    body: bytes, *, content_type: str, url: str, project: NormalizedName, choose: Choose
) -> ProjectDetail | None:
    """Read those files of a project's page that are chosen; None if there is no short way to them.

    The arguments are those of `parse.project_detail`. That it can be read says nothing of the rest
    of the page.
    """
    try:
        form, charset = content_types.read(content_type)
        if form == "json":
            return _of_json(body, url, project, choose)
        return _of_html(body, charset, url, project, choose)
    except Nonsense:
        return None


def _of_json(
    body: bytes, url: str, project: NormalizedName, choose: Choose
) -> ProjectDetail | None:
    with json_text.broken_is_nonsense():
        page = json_text.top_level(body)
        files = page.get("files", msgspec.Raw(b"[]"))
        chosen = choose([entry.filename for entry in _named(files)])
        entries = _entries(files)
        page["files"] = msgspec.Raw(b"[%s]" % b",".join([entries[place] for place in chosen]))
    return detail_json.of_page(page, url=url, project=project)


def _of_html(
    body: bytes, charset: str, url: str, project: NormalizedName, choose: Choose
) -> ProjectDetail | None:
    html_text.check(body)
    text = body.decode(charset, "replace")
    names = [name.strip() for name in _TEXT.findall(text)]
    head, *anchors = text.split("<a ")
    if len(names) != len(anchors):
        return None
    short = "<a ".join([head, *(anchors[place] for place in choose(names))])
    # Whatever else can read it takes longer than what is gained.
    page = wellformed.read(short)
    return None if page is None else detail_html.of_page(page, url=url, project=project)
