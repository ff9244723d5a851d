"""Zip archives, read so that no two readers can take one for two different things.

The central directory must be all there is behind the members, name each once, and, where the whole
archive is at hand, say of each what its own header says, without gaps between.
"""

import struct
import zipfile
import zlib
from typing import NamedTuple

from eggproxy.archives.contents import Flaw
from eggproxy.archives.members import MAX_MEMBERS, check_name, check_total
from eggproxy.archives.source import Source, SourceFile

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR = struct.Struct("<4sLQL")
_END_MAGIC, _END64_MAGIC, _LOCATOR_MAGIC = b"PK\5\6", b"PK\6\6", b"PK\6\7"
_MAX_COMMENT = 65_535
_MAX_DIRECTORY = 64 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40 | 0x2000


class Directory(NamedTuple):
    """Where the central directory lies, in bytes, and how many members it names."""

    offset: int
    size: int
    members: int


class StrictZip:
    """A zip archive that has been checked; all but its members' own headers, that is."""

    def __init__(self, source: Source) -> None:
        """Read the central directory. Raises Flaw, and what the source raises."""
        self.source = source
        self.directory = _directory(source)
        try:
            self._archive = zipfile.ZipFile(SourceFile(source))
        except (zipfile.BadZipFile, ValueError, struct.error, NotImplementedError):
            raise Flaw("its zip directory is damaged") from None
        self.members = self._archive.infolist()
        self._check()

    def read(self, name: str, limit: int) -> bytes:
        """Read a member of at most `limit` bytes. Raises Flaw."""
        member = self._archive.getinfo(name)
        if member.file_size > limit:
            raise Flaw(f"its {name} is larger than {limit} bytes")
        if member.compress_type not in _METHODS:
            raise Flaw(f"its {name} is packed in an unusual way")
        try:
            with self._archive.open(member) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError):
            raise Flaw(f"its {name} cannot be unpacked") from None
        if len(data) != member.file_size:
            raise Flaw(f"its {name} is not as long as it says")
        return data

    def _check(self) -> None:
        if len(self.members) != self.directory.members:
            raise Flaw("its zip directory miscounts its members")
        seen = set()
        for member in self.members:
            check_name(member.orig_filename)
            if member.flag_bits & _ENCRYPTED:
                raise Flaw("it is encrypted")
            seen.add(member.orig_filename.rstrip("/"))
        if len(seen) != len(self.members):
            raise Flaw("it holds two members of one name")
        check_total(sum(member.file_size for member in self.members), self.source.size)


def _directory(source: Source) -> Directory:
    """Find the central directory; it, and nothing else, must reach to the end."""
    start, end = _end(source)
    _magic, disk, first_disk, here, count, size, offset, _comment = end
    locator = source.read(start - _LOCATOR.size, _LOCATOR.size) if start >= _LOCATOR.size else b""
    if locator.startswith(_LOCATOR_MAGIC):
        start, wide = _end64(source, start - _LOCATOR.size, locator)
        _check_narrow((disk, first_disk, here, count, size, offset), wide)
        disk, first_disk, here, count, size, offset = wide
    if disk or first_disk or here != count or offset + size != start:
        raise Flaw("it has bytes before, between or behind what a zip archive has")
    if count > MAX_MEMBERS or size > _MAX_DIRECTORY:
        raise Flaw("it has too many members")
    return Directory(offset, size, count)


def _end(source: Source) -> tuple[int, tuple[bytes, int, int, int, int, int, int, int]]:
    """Find the end record: the only one, with nothing but its own comment behind it."""
    length = min(source.size, _END.size)
    tail = source.read(source.size - length, length)
    if length == _END.size and tail.startswith(_END_MAGIC) and tail.endswith(b"\0\0"):
        return source.size - length, _END.unpack(tail)
    length = min(source.size, _END.size + _MAX_COMMENT)
    tail = source.read(source.size - length, length)
    at = tail.find(_END_MAGIC)
    if at < 0 or len(tail) < at + _END.size:
        raise Flaw("it is no zip archive, or the end of it is missing")
    end = _END.unpack_from(tail, at)
    if at + _END.size + end[-1] != len(tail) or tail.rfind(_END_MAGIC) != at:
        raise Flaw("it has bytes behind the end of the zip archive")
    return source.size - length + at, end


def _end64(
    source: Source, locator_at: int, locator: bytes
) -> tuple[int, tuple[int, int, int, int, int, int]]:
    start = locator_at - _END64.size
    _magic, disk, at, disks = _LOCATOR.unpack(locator)
    record = source.read(start, _END64.size) if start >= 0 else b""
    if disk or disks > 1 or at != start or not record.startswith(_END64_MAGIC):
        raise Flaw("the end of its zip64 archive is damaged")
    _magic, length, _made, _needed, *wide = _END64.unpack(record)
    if length != _END64.size - 12:
        raise Flaw("the end of its zip64 archive is damaged")
    disk, first_disk, here, count, size, offset = wide
    return start, (disk, first_disk, here, count, size, offset)


def _check_narrow(narrow: tuple[int, ...], wide: tuple[int, ...]) -> None:
    """Refuse an archive that tells readers without zip64 another story."""
    for field, (small, large) in enumerate(zip(narrow, wide, strict=True)):
        full = 0xFFFF if field < 4 else 0xFFFFFFFF  # noqa: PLR2004  four shorts, two longs
        if small not in {full, large}:
            raise Flaw("it has two ends of a zip archive that differ")
