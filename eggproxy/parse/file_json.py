"""The files of a project's page in JSON: exactly as they are, or else as they were meant.

Thousands of files are looked at in bulk, a column at a time: only if a whole column is not as
usual is there a look at each.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec

from eggproxy.model import File
from eggproxy.names import is_filename
from eggproxy.parse import values
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.urls import USUAL_URL, absolute, fragment_facts

_Metadata = bool | dict[str, str] | None


class Entry(msgspec.Struct, kw_only=True, gc=False, rename="kebab"):
    """A file as pages have it: what may be missing may also be null."""

    filename: str
    url: str
    hashes: dict[str, str] | None = None
    requires_python: str | None = None
    core_metadata: _Metadata = None
    # What core-metadata was called before PEP 714: by PEP 658, and by the public index.
    dist_info_metadata: _Metadata = None
    data_dist_info_metadata: _Metadata = None
    gpg_sig: bool | None = None
    yanked: bool | str | None = None
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    upload_time: str | None = None
    provenance: str | None = None


class _OnlyKnown(Entry, forbid_unknown_fields=True):
    """A file without unknown keys, as nearly all are."""


_TYPES: dict[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(Entry)}
_decode_usual = msgspec.json.Decoder(list[_OnlyKnown]).decode

_USUAL_URLS = re.compile(rf"(?:{USUAL_URL}\n)*+")


def files(array: msgspec.Raw, url: str) -> list[File | None]:
    """Read the files of a page, None for each that cannot be used; `url` is the page's.

    Raises Nonsense if it is no array, msgspec.DecodeError or UnicodeDecodeError for broken JSON.
    """
    try:
        entries = _decode_usual(array)
    except msgspec.ValidationError:
        items = msgspec.json.decode(array)
        if not isinstance(items, list):
            raise Nonsense("sent JSON without files") from None
        return [_unusual(item, url) for item in items]
    if _need_no_repair(entries):
        return [_as_it_is(entry, None) for entry in entries]
    return [_repaired(entry, None, url) for entry in entries]


def _need_no_repair(entries: list[_OnlyKnown]) -> bool:
    pass
