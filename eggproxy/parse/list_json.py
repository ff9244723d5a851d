"""The project list in JSON (PEP 691), a batch at a time: it can be a million projects long."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from eggproxy.model import ListedProject, ProjectList
from eggproxy.names import is_project_name
from eggproxy.parse import json_text
from eggproxy.parse.api_version import api_version
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.peek import peeked

_BATCH = 64 * 1024
# Where an array of objects may be cut; in a string, or deeper down, it looks the same.
_BETWEEN_OBJECTS = re.compile(rb"\}\s*,\s*(?=\{)")


def project_list(body: bytes) -> ProjectList:
    """Read the project list, of which the projects are decoded only as they are asked for.

    Raises Nonsense for broken JSON, for entries of which none has a name, and for an API version
    that is not ours. Iterating raises it where JSON breaks in an entry.
    """
    with json_text.broken_is_nonsense():
        page = json_text.top_level(body)
        meta = json_text.meta(page)
        version = api_version(meta.pop("api-version", None))
    if "projects" not in page:
        raise Nonsense("sent JSON without projects")
    return ProjectList(projects=peeked(_projects(page["projects"])), api_version=version, meta=meta)


def _projects(array: msgspec.Raw) -> Iterator[ListedProject]:
    seen = usable = False
    for item in _items(array):
        seen = True
        name = item.pop("name", None) if isinstance(item, dict) else None
        if isinstance(name, str) and is_project_name(name):
            usable = True
            yield ListedProject(name=name, extra=item or None)
    if seen and not usable:
        raise Nonsense("sent a project list with no usable name")


def _items(array: msgspec.Raw, batch_size: int = _BATCH) -> Iterator[Any]:
    """Decode an array of objects, about `batch_size` bytes at a time."""
    text = memoryview(array)
    if text[0] != ord("["):
        raise Nonsense("sent JSON without projects")
    start, end, size = 1, len(text) - 1, batch_size
    while start < end:
        cut = _BETWEEN_OBJECTS.search(text, start + size)
        piece = text[start : cut.start() + 1 if cut else end]
        try:
            with json_text.broken_is_nonsense():
                batch = msgspec.json.decode(b"".join((b"[", piece, b"]")))
        except Nonsense:
            if cut is None:
                raise
            # What was cut was no array, so the cut was not between objects. Each further try has
            # twice the length, so that even of a hostile page no byte is decoded very often.
            size *= 2
            continue
        yield from batch
        start, size = cut.end() if cut else end, batch_size
