"""Tar archives of sdists, read from the first byte to the last without unpacking anything."""

import bz2
import gzip
import posixpath
import tarfile
import zlib
from typing import BinaryIO, Protocol

from eggproxy.archives.contents import Flaw
from eggproxy.archives.members import MAX_MEMBERS, check_name, check_total, shown
from eggproxy.archives.metadata import MAX_METADATA

_BLOCK = 256 << 10
# Headers beyond that are made to fill the memory of who reads them.
_MAX_READ = 16 << 20
_ALLOWED = (
    tarfile.REGTYPE,
    tarfile.AREGTYPE,
    tarfile.DIRTYPE,
    tarfile.SYMTYPE,
    tarfile.LNKTYPE,
)


class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Unpacked:
    """Unpacked bytes, counted: only forward, never too many; what tarfile takes for a file."""

    def __init__(self, packed: _Readable, packed_size: int) -> None:
        self._packed = packed
        self._packed_size = packed_size
        self._position = 0

    def tell(self) -> int:
        return self._position

    def read(self, count: int) -> bytes:
        if count > _MAX_READ:
            raise Flaw("one of its members has a header of absurd size")
        data = self._packed.read(count)
        self._position += len(data)
        check_total(self._position, self._packed_size)
        return data

    def seek(self, position: int) -> None:
        if position < self._position:
            raise Flaw("its members overlap")
        while self._position < position:
            if not self.read(min(_BLOCK, position - self._position)):
                break


def read_pkg_info(file: BinaryIO, size: int, filename: str) -> bytes:
    """Read the PKG-INFO of an sdist of `size` bytes, and check every member. Raises Flaw."""
    packed = bz2.BZ2File(file) if filename.lower().endswith(".bz2") else gzip.GzipFile(fileobj=file)
    try:
        with packed:
            return _pkg_info(_Unpacked(packed, size))
    except (tarfile.TarError, zlib.error, EOFError, ValueError, OSError):
        raise Flaw("its tar archive is damaged or cut off") from None


def _pkg_info(unpacked: _Unpacked) -> bytes:
    found: list[bytes] = []
    count = 0
    # `errorlevel` and the like only matter to extraction, which never happens.
    with tarfile.open(fileobj=unpacked, mode="r:", ignore_zeros=False) as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            count += 1
            if count > MAX_MEMBERS:
                raise Flaw("it has too many members")
            _check(member)
            if member.isreg() and _is_pkg_info(member.name):
                found.append(_content(archive, member))
            # They are kept for extraction.
            archive.members.clear()
    _check_rest(unpacked)
    if len(found) != 1:
        raise Flaw("it has not exactly one PKG-INFO below its top folder")
    return found[0]


def _check(member: tarfile.TarInfo) -> None:
    check_name(member.name)
    if member.type not in _ALLOWED or member.issparse():
        raise Flaw(f"its member {shown(member.name)} is neither file, folder nor link")
    if member.issym() or member.islnk():
        # A symbolic link starts where it stands, a hard one at the top.
        start = posixpath.dirname(member.name) if member.issym() else ""
        place = posixpath.normpath(posixpath.join(start, member.linkname))
        if place.startswith(("/", "../")) or place == "..":
            raise Flaw(f"its link {shown(member.name)} leads out of it")


def _is_pkg_info(name: str) -> bool:
    steps = [step for step in name.split("/") if step not in {"", "."}]
    return len(steps) == 2 and steps[1] == "PKG-INFO"  # noqa: PLR2004  folder and file


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.size > MAX_METADATA:
        raise Flaw(f"its PKG-INFO is larger than {MAX_METADATA} bytes")
    file = archive.extractfile(member)
    data = file.read() if file else b""
    if len(data) != member.size:
        raise Flaw("its tar archive is damaged or cut off")
    return data


def _check_rest(unpacked: _Unpacked) -> None:
    """Refuse what stands behind the end of the archive, but for the zeros it is filled up with."""
    while block := unpacked.read(_BLOCK):
        if block.strip(b"\0"):
            raise Flaw("it has bytes behind the end of the tar archive")
