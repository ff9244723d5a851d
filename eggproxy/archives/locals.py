"""The headers that stand before each member of a zip archive, held against its directory."""

import struct
import zipfile

from eggproxy.archives.contents import Flaw
from eggproxy.archives.members import shown
from eggproxy.archives.source import Source
from eggproxy.archives.zips import StrictZip

_LOCAL = struct.Struct("<4s5H3L2H")
_FIELD = struct.Struct("<2H")
_MAGIC = b"PK\3\4"
_DESCRIPTOR_MAGIC = b"PK\7\x08"
_DESCRIBED_BEHIND = 0x8
_UTF8 = 0x800
_COMPARED_FLAGS = 0x1 | _DESCRIBED_BEHIND | _UTF8
_FULL = 0xFFFFFFFF
_ZIP64 = 1
_UNICODE_PATH = 0x7075


def check_locals(archive: StrictZip) -> None:
    """Hold every member's own header against the directory, without gaps. Raises Flaw."""
    members = sorted(archive.members, key=lambda member: member.header_offset)
    ends = [member.header_offset for member in members[1:]]
    position = 0
    for member, end in zip(members, [*ends, archive.directory.offset], strict=False):
        if member.header_offset != position:
            raise Flaw("it has bytes before, between or behind what a zip archive has")
        _check_member(archive.source, member, end)
        position = end
    if not members and archive.directory.offset:
        raise Flaw("it has bytes before, between or behind what a zip archive has")


def _check_member(source: Source, member: zipfile.ZipInfo, end: int) -> None:
    """Check one member, from its header to `end`, the offset where the next thing begins."""
    start = member.header_offset
    if end - start < _LOCAL.size:
        raise Flaw(f"its member {shown(member.orig_filename)} overlaps another")
    header = source.read(start, _LOCAL.size)
    magic, _need, flags, method, _t, _d, crc, packed, size, name_size, extra_size = _LOCAL.unpack(
        header
    )
    behind = source.read(start + _LOCAL.size, name_size + extra_size)
    name, extra = behind[:name_size], behind[name_size:]
    if member.flag_bits & _DESCRIBED_BEHIND:
        facts_agree = crc in {0, member.CRC}
    else:
        sizes = _sizes(packed, size, extra)
        facts_agree = (crc, *sizes) == (member.CRC, member.compress_size, member.file_size)
    encoding = "utf-8" if member.flag_bits & _UTF8 else "cp437"
    if (
        magic != _MAGIC
        or not facts_agree
        or (flags ^ member.flag_bits) & _COMPARED_FLAGS
        or method != member.compress_type
        or name != member.orig_filename.encode(encoding)
        or _renames(extra)
        or _renames(member.extra)
    ):
        raise Flaw(f"its member {shown(member.orig_filename)} is not what its directory says")
    data_end = start + _LOCAL.size + name_size + extra_size + member.compress_size
    _check_descriptor(source, member, data_end, end)


def _check_descriptor(source: Source, member: zipfile.ZipInfo, start: int, end: int) -> None:
    """Refuse anything between a member's data and the next thing but its data descriptor."""
    if start == end and not member.flag_bits & _DESCRIBED_BEHIND:
        return
    facts = (member.CRC, member.compress_size, member.file_size)
    ways = [struct.pack("<LQQ", *facts)]
    if max(facts) <= _FULL:
        ways.append(struct.pack("<LLL", *facts))
    ways += [_DESCRIPTOR_MAGIC + way for way in ways]
    length = end - start
    described = member.flag_bits & _DESCRIBED_BEHIND and length in map(len, ways)
    if not described or source.read(start, length) not in ways:
        raise Flaw(f"its member {shown(member.orig_filename)} is not as long as its directory says")


def _fields(extra: bytes) -> list[tuple[int, bytes]]:
    """Take an extra field apart; what does not fit any more is padding."""
    fields = []
    while len(extra) >= _FIELD.size:
        kind, length = _FIELD.unpack_from(extra)
        fields.append((kind, extra[_FIELD.size : _FIELD.size + length]))
        extra = extra[_FIELD.size + length :]
    return fields


def _sizes(packed: int, size: int, extra: bytes) -> tuple[int, int]:
    """Read the sizes of a member, which may be too large for the header itself."""
    if _FULL not in {packed, size}:
        return packed, size
    wide = next((data for kind, data in _fields(extra) if kind == _ZIP64), b"")
    numbers = iter(struct.unpack(f"<{len(wide) // 8}Q", wide[: len(wide) // 8 * 8]))
    size = next(numbers, -1) if size == _FULL else size
    packed = next(numbers, -1) if packed == _FULL else packed
    return packed, size


def _renames(extra: bytes) -> bool:
    """Say whether an extra field gives another name, which some readers obey."""
    return any(kind == _UNICODE_PATH for kind, _data in _fields(extra))
