"""The files of a project's page in JSON: exactly as they are, or else as they were meant."""

from collections.abc import Sequence
from itertools import repeat
from typing import Annotated, Any

import msgspec

from eggproxy.model import File
from eggproxy.names import is_filename
from eggproxy.parse.columns import Metadata, all_match, lower_case, mended
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.upload_time import USUAL_UPLOAD_TIME, upload_time
from eggproxy.parse.urls import USUAL_FILENAME, Base, are_usual, fragment_facts

_Extra = dict[str, Any] | None


_NULL = msgspec.Raw(b"null")


class Entry(msgspec.Struct, kw_only=True, gc=False, rename="kebab"):
    """A file as pages have it: what may be missing may also be null."""

    filename: str
    url: str
    hashes: dict[str, str] | None = None
    requires_python: str | None = None
    core_metadata: Metadata = None
    # What core-metadata was called before PEP 714: by PEP 658, and by the public index. They say
    # it once more, and are read only where the new name is not there.
    dist_info_metadata: msgspec.Raw = _NULL
    data_dist_info_metadata: msgspec.Raw = _NULL
    gpg_sig: bool | None = None
    yanked: bool | str | None = None
    size: Annotated[int, msgspec.Meta(ge=0)] | None = None
    upload_time: str | None = None
    provenance: str | None = None


class _OnlyKnown(Entry, forbid_unknown_fields=True):
    """A file without unknown keys, as nearly all are."""


_TYPES: dict[str, Any] = {field.encode_name: field.type for field in msgspec.structs.fields(Entry)}
_OLDER = {key for key, kind in _TYPES.items() if kind is msgspec.Raw}
_decode_usual = msgspec.json.Decoder(list[_OnlyKnown]).decode

_are_usual_filenames = all_match(USUAL_FILENAME)
_are_usual_upload_times = all_match(USUAL_UPLOAD_TIME)


def files(array: msgspec.Raw, base: Base) -> list[File | None]:
    """Read the files of a page, relative to `base`; None for each that cannot be used.

    Raises Nonsense if it is no array, msgspec.DecodeError or UnicodeDecodeError for broken JSON.
    """
    try:
        entries: Sequence[Entry] = _decode_usual(array)
    except msgspec.ValidationError:
        return _unusual(array, base)
    return _files(entries, [None] * len(entries), base)


def _files(entries: Sequence[Entry], extras: Sequence[_Extra], base: Base) -> list[File | None]:
    def resolved(reference: str) -> str | None:
        address = base.absolute(reference)
        # What leads to the page itself, as an empty reference does, leads to nothing.
        return address.url if address and address.url != base.url else None

    said = [entry.url for entry in entries]
    filenames = mended([entry.filename for entry in entries], _are_usual_filenames, _filename)
    urls = mended(said, are_usual, resolved)
    # Each value of all files at once, and all by position: this is most of the work on a page.
    made = map(
        File,
        filenames,
        urls,
        _hashes(entries) if urls is said else _hashes_and_fragments(entries),
        [entry.requires_python or None for entry in entries],
        _core_metadata(entries),
        [entry.gpg_sig for entry in entries],
        # PEP 592, PEP 691: yanked is what has a truthy value.
        [entry.yanked or False for entry in entries],
        [entry.size for entry in entries],
        mended([entry.upload_time for entry in entries], _are_usual_upload_times, upload_time),
        mended([entry.provenance for entry in entries], are_usual, resolved),
        repeat(None),
        repeat(0),
        extras,
    )
    if None not in filenames and None not in urls:
        return list(made)
    return [None if None in {file.filename, file.url} else file for file in made]


def _filename(name: str) -> str | None:
    return name if is_filename(name) else None


def _hashes(entries: Sequence[Entry]) -> list[dict[str, str]]:
    column = lower_case([entry.hashes for entry in entries])
    return [digests if isinstance(digests, dict) else {} for digests in column]


def _hashes_and_fragments(entries: Sequence[Entry]) -> list[dict[str, str]]:
    """Give the digests, and those of fragments, as HTML has them, where there are none."""
    return [
        fragment_facts(entry.url.partition("#")[2]).hashes | digests
        for entry, digests in zip(entries, _hashes(entries), strict=True)
    ]


def _core_metadata(entries: Sequence[Entry]) -> Sequence[Metadata]:
    """Give what is said of metadata; an older name counts only without the new one (PEP 714)."""
    claims = lower_case(
        [
            _older_claim(entry) if entry.core_metadata is None else entry.core_metadata
            for entry in entries
        ]
    )
    # No digests: there is metadata all the same.
    return [True if claim == {} else claim for claim in claims] if {} in claims else claims


def _older_claim(entry: Entry) -> Metadata:
    for raw in (entry.dist_info_metadata, entry.data_dist_info_metadata):
        if raw is not _NULL:
            claim: Metadata = _usable(msgspec.json.decode(raw), Metadata)
            if claim is not None:
                return claim
    return None


def _unusual(array: msgspec.Raw, base: Base) -> list[File | None]:
    """Read files with unknown keys, or with values that are not of their type."""
    items = msgspec.json.decode(array)
    if not isinstance(items, list):
        raise Nonsense("sent JSON without files")
    entries = [_entry(item) for item in items]
    found = [entry for entry in entries if entry is not None]
    extras = [
        {key: item[key] for key in item if key not in _TYPES} or None
        for item, entry in zip(items, entries, strict=True)
        if entry is not None
    ]
    return [*_files(found, extras, base), *([None] * (len(items) - len(found)))]


def _entry(item: Any) -> Entry | None:  # noqa: ANN401 (it is upstream's, and can be anything)
    if not isinstance(item, dict):
        return None
    for key in _OLDER & item.keys():
        item[key] = msgspec.Raw(msgspec.json.encode(item[key]))
    try:
        return msgspec.convert(item, Entry)
    except msgspec.ValidationError:
        usable = {key: _usable(item[key], _TYPES[key]) for key in _TYPES if key in item}
    if usable.get("filename") is None or usable.get("url") is None:
        return None
    return msgspec.convert(usable, Entry)


def _usable(value: Any, kind: Any) -> Any:  # noqa: ANN401 (it is upstream's, and can be anything)
    """Give a value if it is of its type, or as much of its digests as is; else None."""
    if isinstance(value, dict) and value:
        value = {key: digest for key, digest in value.items() if isinstance(digest, str)} or None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
