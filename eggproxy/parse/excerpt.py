"""Some files of a project's page in JSON, read without the others: of thousands, a few matter."""

from collections.abc import Callable, Sequence

import msgspec

from eggproxy.model import ProjectDetail
from eggproxy.names import MAX_FILENAME, NormalizedName
from eggproxy.parse import content_type as content_types
from eggproxy.parse import detail_json, json_text
from eggproxy.parse.nonsense import Nonsense

Choose = Callable[[Sequence[str]], Sequence[int]]
"""Chooses among the names of a page's files, in its order, and gives the places of some.

A name that no file can have is empty.
"""


class _Named(msgspec.Struct, gc=False):
    filename: str


_named = msgspec.json.Decoder(list[_Named]).decode
_entries = msgspec.json.Decoder(list[msgspec.Raw]).decode


def project_detail(
    body: bytes, *, content_type: str, url: str, project: NormalizedName, choose: Choose
) -> ProjectDetail | None:
    """Read those files of a project's page that are chosen, as if all were read.

    None for a page in HTML, where only who reads all knows which anchors count; for one that is
    broken; and where so many are chosen that to read all takes no longer. The arguments are those
    of `parse.project_detail`.
    """
    try:
        form, _charset = content_types.read(content_type)
        page = _with_chosen(body, choose) if form == "json" else None
        return None if page is None else detail_json.of_page(page, url=url, project=project)
    except Nonsense:
        return None


def _with_chosen(body: bytes, choose: Choose) -> detail_json.Page | None:
    """Leave out of a page what is not chosen. Raises Nonsense."""
    with json_text.broken_is_nonsense():
        # What is passed over is looked at as well, but for this.
        body.decode()
        page = json_text.top_level(body)
        files = page.get("files", msgspec.Raw(b"[]"))
        names = [entry.filename for entry in _named(files)]
        chosen = choose([name if len(name) <= MAX_FILENAME else "" for name in names])
        if 2 * len(chosen) > len(names):
            return None
        entries = _entries(files)
        page["files"] = msgspec.Raw(b"[%s]" % b",".join([entries[place] for place in chosen]))
        return page
