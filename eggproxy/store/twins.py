"""A page and its packed twin: each can be made of the other, and each shows what became of it."""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from isal import igzip, isal_zlib

from eggproxy.store.atomic import Replacement

PACKING = 1
"""Level 1 of isal is as small as zlib's 6 and a multiple faster."""

_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
# How our own pages end.
_ENDS = (b"</html>\n", b"}")
_BROKEN = (OSError, EOFError, zlib.error, isal_zlib.error)


def pack(page: bytes) -> bytes:
    """Pack a page; the same bytes each time."""
    return igzip.compress(page, PACKING, mtime=0)


def are_same(packed: Path, plain: Path) -> bool:
    """Say whether a gzip file holds what stands in the plain one beside it.

    It ends with the checksum and the size of that (RFC 1952, 2.3.1): so only the plain one is read.
    Raises OSError.
    """
    beginning, trailer = _ends(packed)
    checksum = size = 0
    for block in _blocks(plain):
        checksum, size = isal_zlib.crc32(block, checksum), size + len(block)
    expected = (size & 0xFFFFFFFF) << 32 | checksum
    return beginning.startswith(_GZIP_MAGIC) and trailer == expected.to_bytes(8, "little")


def repaired(packed: Path, plain: Path, scratch: Path) -> bool:
    """Make both the same if one of them is whole; say whether one is. Raises OSError.

    The packed one is believed first, for its own checksum tells of all its bytes.
    """
    with suppress(FileNotFoundError):
        if are_same(packed, plain):
            return True
    return _made(plain, _unpacked(packed), scratch) or (
        _looks_whole(plain) and _made(packed, _packed(plain), scratch)
    )


def _made(path: Path, blocks: Iterator[bytes], scratch: Path) -> bool:
    replacement = Replacement(path, scratch=scratch)
    try:
        for block in blocks:
            replacement.write(block)
    except _BROKEN:  # type: ignore[misc]  # the stub has isal's error as a value
        replacement.discard()
        return False
    replacement.commit()
    return True


def _unpacked(packed: Path) -> Iterator[bytes]:
    with igzip.open(packed, "rb") as file:  # type: ignore[no-untyped-call]
        while block := file.read(_BLOCK):
            yield block


def _packed(plain: Path) -> Iterator[bytes]:
    # One gzip member: not every client reads on after the first.
    packer = isal_zlib.compressobj(PACKING, isal_zlib.DEFLATED, 16 + isal_zlib.MAX_WBITS)
    for block in _blocks(plain):
        yield packer.compress(block)
    yield packer.flush()


def _looks_whole(plain: Path) -> bool:
    try:
        _beginning, end = _ends(plain)
    except OSError:
        return False
    return end.endswith(_ENDS)


def _blocks(path: Path) -> Iterator[bytes]:
    # In pieces: the project list has 40 MB.
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            yield block


def _ends(path: Path) -> tuple[bytes, bytes]:
    """Read the first and the last eight bytes of a file."""
    with path.open("rb", buffering=0) as file:
        beginning = file.read(8)
        file.seek(max(0, path.stat().st_size - 8))
        return beginning, file.read(8)
