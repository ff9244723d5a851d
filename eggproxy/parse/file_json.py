"""The files of a project's page in JSON: exactly as they are, or else as they were meant."""

from collections.abc import Sequence
from itertools import repeat
from operator import is_not
from typing import Any, Literal

import msgspec
from msgspec.structs import force_setattr

from eggproxy.model import OF_RECORDS, File, change_all
from eggproxy.names import is_filename
from eggproxy.parse import columns
from eggproxy.parse.columns import Metadata, all_match
from eggproxy.parse.nonsense import Nonsense
from eggproxy.parse.upload_time import are_upload_times, upload_time
from eggproxy.parse.urls import USUAL_FILENAME, Base, are_usual, fragment_facts

_NULL = msgspec.Raw(b"null")


class Listed(File, frozen=True, forbid_unknown_fields=True, gc=False, rename="kebab"):
    """A file as an index has it, which is the file itself once its values are mended."""

    # What core-metadata was called before PEP 714: by PEP 658, and by the public index. They say
    # it once more, and are read only where the new name is not there.
    dist_info_metadata: msgspec.Raw = _NULL
    data_dist_info_metadata: msgspec.Raw = _NULL
    # What only our own records know: to an index, such a key is one like any other.
    egg_fragment: None = msgspec.field(default=None, name="_egg")
    looked_for: Literal[0] = msgspec.field(default=0, name="_looked_for")
    extra: None = msgspec.field(default=None, name="_extra")


_TYPES: dict[str, Any] = {
    field.encode_name: field.type
    for field in msgspec.structs.fields(Listed)
    if field.name not in OF_RECORDS
}
_OLDER = ("dist_info_metadata", "data_dist_info_metadata")
_OLDER_KEYS = {key for key, kind in _TYPES.items() if kind is msgspec.Raw}
_decode = msgspec.json.Decoder(list[Listed]).decode

_MENDED = (
    *("filename", "url", "hashes", "requires_python"),
    *("core_metadata", "yanked", "upload_time", "provenance"),
)
_are_usual_filenames = all_match(USUAL_FILENAME)


def files(array: msgspec.Raw, base: Base) -> Sequence[File | None]:
    """Read the files of a page, relative to `base`; None for each that cannot be used.

    Raises Nonsense if it is no array, msgspec.DecodeError or UnicodeDecodeError for broken JSON.
    """
    try:
        entries = _decode(array)
    except msgspec.ValidationError:
        return _unusual(array, base)
    return mended(entries, base)


def mended(entries: list[Listed], base: Base) -> Sequence[File | None]:
    """Make the files that were read of a page what they were meant to be.

    They are the caller's own: those that `files` would give are made of them.
    """

    def resolved(reference: str) -> str | None:
        address = base.absolute(reference)
        # What leads to the page itself, as an empty reference does, leads to nothing.
        return address.url if address and address.url != base.url else None

    # Each value of all files at once: this is most of the work on a page.
    said: tuple[list[Any], ...] = (
        [entry.filename for entry in entries],
        [entry.url for entry in entries],
        [entry.hashes for entry in entries],
        [entry.requires_python for entry in entries],
        [entry.core_metadata for entry in entries],
        [entry.yanked for entry in entries],
        [entry.upload_time for entry in entries],
        [entry.provenance for entry in entries],
    )
    filenames, urls, hashes, requirements, metadata, yanked, times, provenances = said
    addresses = columns.mended(urls, are_usual, resolved)
    digests = columns.lower_case(hashes)
    meant = [
        columns.mended(filenames, _are_usual_filenames, _filename),
        addresses,
        digests if addresses is urls else _with_fragments(digests, urls),
        [value or None for value in requirements] if "" in requirements else requirements,
        _core_metadata(metadata, entries),
        # PEP 592, PEP 691: yanked is what has a truthy value.
        [value or False for value in yanked] if "" in yanked else yanked,
        columns.mended(times, are_upload_times, upload_time),
        columns.mended(provenances, are_usual, resolved),
    ]
    for name, old, new in zip(_MENDED, said, meant, strict=True):
        if new is not old:
            change_all(entries, name, new)
    older: tuple[list[Any], ...] = (
        [entry.dist_info_metadata for entry in entries],
        [entry.data_dist_info_metadata for entry in entries],
    )
    for name, raws in zip(_OLDER, older, strict=True):
        # Not by whether they are equal: a null that upstream has written is another one.
        if any(map(is_not, raws, repeat(_NULL))):
            # What is as it came holds on to the whole page.
            change_all(entries, name, repeat(_NULL))
    if meant[0] is filenames and addresses is urls:
        return entries
    return [None if None in {entry.filename, entry.url} else entry for entry in entries]


def _filename(name: str) -> str | None:
    return name if is_filename(name) else None


def _with_fragments(column: Sequence[Any], urls: Sequence[str]) -> Sequence[dict[str, str]]:
    """Give the digests, and those of fragments, as HTML has them, where there are none."""
    return [
        fragment_facts(url.partition("#")[2]).hashes | digests
        for url, digests in zip(urls, column, strict=True)
    ]


def _core_metadata(claims: Sequence[Metadata], entries: Sequence[Listed]) -> Sequence[Metadata]:
    """Give what is said of metadata; an older name counts only without the new one (PEP 714)."""
    if None in claims:
        claims = [
            _older_claim(entry) if claim is None and _has_older(entry) else claim
            for claim, entry in zip(claims, entries, strict=True)
        ]
    claims = columns.lower_case(claims)
    # No digests: there is metadata all the same.
    return [True if claim == {} else claim for claim in claims] if {} in claims else claims


def _has_older(entry: Listed) -> bool:
    return entry.dist_info_metadata is not _NULL or entry.data_dist_info_metadata is not _NULL


def _older_claim(entry: Listed) -> Metadata:
    for raw in (entry.dist_info_metadata, entry.data_dist_info_metadata):
        if raw is not _NULL:
            claim: Metadata = _usable(msgspec.json.decode(raw), Metadata)
            if claim is not None:
                return claim
    return None


def _unusual(array: msgspec.Raw, base: Base) -> Sequence[File | None]:
    """Read files with unknown keys, or with values that are not of their type."""
    items = msgspec.json.decode(array)
    if not isinstance(items, list):
        raise Nonsense("sent JSON without files")
    entries = [entry for entry in map(_entry, items) if entry is not None]
    return [*mended(entries, base), *([None] * (len(items) - len(entries)))]


def _entry(item: Any) -> Listed | None:  # noqa: ANN401 (it is upstream's, and can be anything)
    if not isinstance(item, dict):
        return None
    known = {key: item[key] for key in _TYPES if item.get(key) is not None}
    for key in _OLDER_KEYS & known.keys():
        known[key] = msgspec.Raw(msgspec.json.encode(known[key]))
    try:
        entry = msgspec.convert({"hashes": {}} | known, Listed)
    except msgspec.ValidationError:
        usable = {key: _usable(value, _TYPES[key]) for key, value in known.items()}
        if usable.get("filename") is None or usable.get("url") is None:
            return None
        present = {key: value for key, value in usable.items() if value is not None}
        entry = msgspec.convert({"hashes": {}} | present, Listed)
    force_setattr(entry, "extra", {key: item[key] for key in item if key not in _TYPES} or None)
    return entry


def _usable(value: Any, kind: Any) -> Any:  # noqa: ANN401 (it is upstream's, and can be anything)
    """Give a value if it is of its type, or as much of its digests as is; else None."""
    if isinstance(value, dict) and value:
        value = {key: digest for key, digest in value.items() if isinstance(digest, str)} or None
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return None
