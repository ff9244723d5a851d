"""What is known of a stored page, and how that lies on disk: a line, and a line for each file.

So a file can be found among thousands without any other being read.
"""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Self

import msgspec

from eggproxy.model import File, ProjectDetail


class Validators(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """By what upstream can tell that a page has not changed."""

    etag: str | None = None
    last_modified: str | None = None
    # SHA-256 of the page as it came, for upstreams that give neither.
    digest: str = ""


class Gone(msgspec.Struct, frozen=True, kw_only=True):
    """That upstream no longer has a project: since when, and how often it has said so."""

    # Seconds since the epoch.
    since: float
    times: int


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a stored page; the time of its file is when upstream last confirmed it."""

    url: str
    validators: Validators
    # The addresses of the indexes that it is from, by their names.
    addresses: dict[str, str] = {}
    # None for the project list, which is read from nowhere but its pages.
    detail: ProjectDetail | None = None
    # Files whose `.metadata` upstream promised and did not have.
    withdrawn: list[str] = []
    # When that was found out last, in seconds since the epoch.
    withdrawn_at: float = 0.0
    # Files for which upstream names no digest: theirs, in `detail`, is of what came first.
    pinned: list[str] = []
    gone: Gone | None = None
    # The name of the index that the page came from; of files from others, theirs by filename.
    index: str = ""
    sources: dict[str, str] = {}

    def indexes(self) -> set[str]:
        """Name the indexes that it is from."""
        return {self.index, *self.sources.values()}

    @property
    def weight(self) -> int:
        """How much memory it takes, in files."""
        return 1 + (len(self.detail.files) if self.detail is not None else 0)


class _Head(Record, frozen=True, kw_only=True, omit_defaults=True):
    """The first line of a record: all but the files."""

    # How many bytes follow. None in a record of a single line, as all once were: with its files.
    length: int | None = None

    @classmethod
    def of(cls, record: Record, length: int) -> Self:
        return cls(**msgspec.structs.asdict(_with_files(record, [])), length=length)

    def record(self) -> Record:
        return Record(**{name: getattr(self, name) for name in Record.__struct_fields__})


class _Addresses(msgspec.Struct, frozen=True):
    """The little of a record that says where its page came from."""

    addresses: dict[str, str] = {}


_encoder = msgspec.json.Encoder()
_decode_head = msgspec.json.Decoder(_Head).decode
_decode_addresses = msgspec.json.Decoder(_Addresses).decode
_decode_file = msgspec.json.Decoder(File).decode
_decode_files = msgspec.json.Decoder(File).decode_lines


def encode(record: Record) -> tuple[bytes, bytes]:
    """Write a record as it lies on disk, in two pieces: the second has the size of a large page."""
    lines = _encoder.encode_lines(record.detail.files if record.detail is not None else [])
    return _encoder.encode_lines([_Head.of(record, len(lines))]), lines


def decode(data: bytes) -> Record:
    """Read a record, whole. Raises msgspec.DecodeError."""
    line, _newline, lines = data.partition(b"\n")
    head = _decode_head(line)
    _check(head, len(lines))
    if head.length is None:
        return head.record()
    return _with_files(head.record(), _decode_files(lines))


def excerpt_of(path: Path, filenames: Collection[str]) -> Record | None:
    """Read a record with only these of its files; None if all must be read to find them.

    Raises OSError, msgspec.DecodeError.
    """
    with path.open("rb") as file:
        line = file.readline()
        if not line.endswith(b"\n"):
            # All in one line.
            return None
        head = _decode_head(line)
        if not filenames:
            # Cut or not, the first line is whole.
            return head.record()
        # With the newline before the first of them, as there is one before each.
        file.seek(-1, os.SEEK_CUR)
        lines = file.read()
    # A record that was cut is found out here, wherever that was, as it is when all is read: what it
    # has lost must not be taken for what upstream does not have.
    _check(head, len(lines) - 1)
    starts = sorted(start for name in set(filenames) if (start := _find(lines, name)) >= 0)
    if not starts:
        # Seldom; and if it is for damage in the midst of the record, who reads all will know.
        return None
    files = [_decode_file(lines[start : lines.find(b"\n", start + 1)]) for start in starts]
    return _with_files(head.record(), files)


def with_only(record: Record, filenames: Collection[str]) -> Record:
    """Leave out all files but these."""
    if record.detail is None:
        return record
    names = set(filenames)
    return _with_files(record, [file for file in record.detail.files if file.filename in names])


def addresses_in(path: Path) -> dict[str, str]:
    """Read of a record only the addresses. Raises OSError, msgspec.DecodeError."""
    with path.open("rb") as file:
        return _decode_addresses(file.readline()).addresses


def _with_files(record: Record, files: list[File]) -> Record:
    if record.detail is None:
        return record
    detail = msgspec.structs.replace(record.detail, files=files)
    return msgspec.structs.replace(record, detail=detail)


def _check(head: _Head, length: int) -> None:
    """See that what follows the first line is all there. Raises msgspec.DecodeError."""
    if length != (head.length or 0):
        raise msgspec.DecodeError("the record was cut")


def _find(lines: bytes, filename: str) -> int:
    """Find where the line of a file begins, at the newline before it; -1 if there is none.

    A newline never stands within JSON, and the name is the first that `File` has.
    """
    return lines.find(b'\n{"filename":%b,' % _encoder.encode(filename))
