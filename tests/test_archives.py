"""Reading distributions: real ones are read, damaged and crafted ones are refused."""

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from eggproxy.archives import DamagedArchiveError, FileSource, read_archive, read_wheel
from tests.distributions import make_metadata, make_sdist, make_wheel

METADATA = make_metadata("Foo.Bar", "1.0+cu118", [], ">=3.8")
WHEEL = "foo_bar-1.0+cu118-py3-none-any.whl"
INFO = "foo_bar-1.0+cu118.dist-info"
SDIST = "foo_bar-1.0+cu118.tar.gz"


def zipped(*members: tuple[str, bytes], comment: bytes = b"") -> bytes:
    """Write a zip archive, with whatever names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.comment = comment
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def tarred(*members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w:gz") -> bytes:
    """Write a tar archive; a member without content is a TarInfo."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """Make a link, a device or the like."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


GOOD_WHEEL = zipped((f"{INFO}/METADATA", METADATA), ("foo_bar.py", b"x = 1\n"))
PKG_INFO = ("foo_bar-1.0/PKG-INFO", METADATA)


def refused(tmp_path: Path, filename: str, content: bytes) -> str:
    """Say why a distribution is refused; '' if it is not."""
    path = tmp_path / "incoming"
    path.write_bytes(content)
    try:
        read_archive(path, filename)
    except DamagedArchiveError as error:
        return f"{error.status}: {error}"
    return ""


@pytest.mark.parametrize(
    ("filename", "content"),
    [
        (WHEEL, GOOD_WHEEL),
        ("Foo.Bar-1.0+cu118-1-py3-none-any.whl", GOOD_WHEEL),
        (SDIST, tarred(PKG_INFO)),
        ("foo-bar-1.0+cu118.tgz", tarred(PKG_INFO)),
        ("Foo.Bar-1.0_cu118.tar.bz2", tarred(PKG_INFO, mode="w:bz2")),
        ("foo_bar-1.0+cu118.zip", zipped(PKG_INFO, comment=b"0123456789abcdef")),
        ("foo_bar-1.0_cu118-py2.7.egg", zipped(("EGG-INFO/PKG-INFO", METADATA))),
        ("foo_bar-1.0+cu118-py2.7-linux-x86_64.egg", zipped(("EGG-INFO/PKG-INFO", METADATA))),
        (SDIST, tarred(("./a/PKG-INFO", METADATA), ("a/b.egg-info/PKG-INFO", b"x"))),
        (SDIST, tarred(PKG_INFO, special("a/b/c", tarfile.SYMTYPE, "../x"))),
    ],
)
def test_read__gives_what_it_says(tmp_path: Path, filename: str, content: bytes) -> None:
    """Each kind of distribution is read, under each way to write its name."""
    path = tmp_path / filename
    path.write_bytes(content)
    contents = read_archive(path, filename)
    assert (contents.name, contents.version) == ("Foo.Bar", "1.0+cu118")
    assert contents.requires_python == ">=3.8"
    assert contents.metadata == METADATA


def test_read__made_by_tools(tmp_path: Path) -> None:
    """What the other tests serve to real clients is read too."""
    for made in (make_wheel("six", "1.2", size=100_000), make_sdist("zope.event", "5.0")):
        (tmp_path / made.filename).write_bytes(made.content)
        assert read_archive(tmp_path / made.filename, made.filename).metadata == made.metadata


def test_read__every_cut_is_noticed(tmp_path: Path) -> None:
    """A wheel or sdist that ends early is refused, wherever it ends."""
    for filename, whole in ((WHEEL, GOOD_WHEEL), (SDIST, tarred(PKG_INFO))):
        for length in range(0, len(whole), 7):
            assert refused(tmp_path, filename, whole[:length])


def test_read__flipped_bits_never_crash(tmp_path: Path) -> None:
    """Whatever byte is changed, it is read or refused with a sentence."""
    streamed = io.BytesIO()
    with zipfile.ZipFile(_Unseekable(streamed), "w") as archive:
        archive.writestr(f"{INFO}/METADATA", METADATA)
    assert not refused(tmp_path, WHEEL, streamed.getvalue())
    for filename, whole in ((WHEEL, streamed.getvalue()), (SDIST, tarred(PKG_INFO))):
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 0xFF
            refused(tmp_path, filename, bytes(changed))


class _Unseekable(io.RawIOBase):
    """A pipe: zip archives written to one have data descriptors."""

    def __init__(self, file: io.BytesIO) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        return self._file.write(data)  # type: ignore[arg-type]


def _lying_name(content: bytes) -> bytes:
    """Give a member another name in its own header than in the directory."""
    return content.replace(b"foo_bar.py", b"foo_baz.py", 1)


def _duplicate() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return zipped((f"{INFO}/METADATA", METADATA), (f"{INFO}/METADATA", b""))


def _two_ends() -> bytes:
    """Append a whole second archive to a first one."""
    return GOOD_WHEEL + GOOD_WHEEL


def _gap() -> bytes:
    """Hide bytes between the members and the directory, which points past them."""
    at = GOOD_WHEEL.index(b"PK\1\2")
    end = GOOD_WHEEL.rindex(b"PK\5\6") + 16
    offset = (at + 4).to_bytes(4, "little")
    return GOOD_WHEEL[:at] + b"hide" + GOOD_WHEEL[at:end] + offset + GOOD_WHEEL[end + 4 :]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: b"", "no zip"),
        (lambda: b"#!/bin/sh\n" + GOOD_WHEEL, "before"),
        (lambda: GOOD_WHEEL + b"junk", "behind"),
        (_two_ends, "before"),
        (_gap, "not as long"),
        (lambda: _lying_name(GOOD_WHEEL), "not what its directory says"),
        (_duplicate, "two members of one name"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA), ("/etc/x", b"")), "absolute"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA), ("a/../../x", b"")), "climbing"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA), ("a\\b", b"")), "ambiguous"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA), ("a", bytes(70 << 20))), "times its size"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA + bytes(9 << 20))), "larger than"),
        (lambda: zipped(("foo_bar.py", b"")), "exactly one .dist-info"),
        (lambda: zipped(("x-1.dist-info/METADATA", METADATA)), "another distribution"),
        (lambda: zipped((f"{INFO}/WHEEL", b"")), "has no"),
        (
            lambda: zipped((f"{INFO}/METADATA", METADATA), ("x-1.dist-info/METADATA", METADATA)),
            "exactly one .dist-info",
        ),
        (lambda: zipped((f"{INFO}/METADATA", b"Name: foo-bar\n")), "one Name and one Version"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA.replace(b"1.0", b"1.1"))), "1.1+cu118"),
        (lambda: zipped((f"{INFO}/METADATA", METADATA.replace(b"Foo", b"Food"))), "Food.Bar"),
        (lambda: zipped((f"{INFO}/METADATA", b"Name: a\n" + METADATA)), "one Name"),
        (lambda: zipped((f"{INFO}/METADATA", b"Name: \xff\nVersion: 1\n")), "its metadata"),
    ],
)
def test_wheel__refused(tmp_path: Path, make: Callable[[], bytes], why: str) -> None:
    """A wheel that is damaged, dangerous, or another one than its name says, is refused."""
    assert why in refused(tmp_path, WHEEL, make())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "damaged"),
        (b"no gzip at all", "damaged"),
        (gzip.compress(b"no tar at all"), "damaged"),
        (bz2.compress(b""), "damaged"),
        (tarred(("foo/setup.py", b"")), "exactly one PKG-INFO"),
        (tarred(PKG_INFO, PKG_INFO), "exactly one PKG-INFO"),
        (tarred(PKG_INFO, ("bar/PKG-INFO", METADATA)), "exactly one PKG-INFO"),
        (tarred(PKG_INFO, ("/etc/passwd", b"")), "absolute"),
        (tarred(PKG_INFO, ("a/../../b", b"")), "climbing"),
        (tarred(PKG_INFO, special("a/b", tarfile.SYMTYPE, "../../etc")), "leads out"),
        (tarred(PKG_INFO, special("a/b", tarfile.SYMTYPE, "/etc")), "leads out"),
        (tarred(PKG_INFO, special("a/b", tarfile.LNKTYPE, "../b")), "leads out"),
        (tarred(PKG_INFO, special("a/b", tarfile.CHRTYPE)), "neither file"),
        (tarred(PKG_INFO, special("a/b", tarfile.FIFOTYPE)), "neither file"),
        (tarred(PKG_INFO, ("a/zeros", bytes(70 << 20))), "times its size"),
        (tarred(("a/PKG-INFO", bytes(9 << 20))), "larger than"),
        (tarred(PKG_INFO) + b"junk", "damaged"),
        (gzip.compress(gzip.decompress(tarred(PKG_INFO)) + b"junk"), "behind the end"),
    ],
    # Bytes with the time in them would be another name in each process.
    ids=lambda value: None if isinstance(value, str) else "content",
)
def test_sdist__refused(tmp_path: Path, content: bytes, why: str) -> None:
    """An sdist that is damaged or dangerous is refused."""
    assert why in refused(tmp_path, SDIST, content)


@pytest.mark.parametrize(
    ("filename", "why"),
    [
        ("foo_bar-1.0+cu118.exe", "kinds of distributions"),
        ("foo_bar.whl", "five or six parts"),
        ("foobar-1.0+cu118-py3-none-any.whl", "another distribution"),
        ("foo_bar.zip", "exactly one PKG-INFO"),
        ("foo_bar.egg", "has no EGG-INFO"),
    ],
)
def test_name__refused(tmp_path: Path, filename: str, why: str) -> None:
    """A good wheel under a wrong name is refused."""
    assert why in refused(tmp_path, filename, GOOD_WHEEL)


class _Counted(FileSource):
    """A file of which it is counted what was read."""

    count = 0

    def read(self, offset: int, count: int) -> bytes:
        """Read, and count."""
        data = super().read(offset, count)
        self.count += len(data)
        return data


def test_wheel__of_any_source_is_read_at_its_end(tmp_path: Path) -> None:
    """Of a large wheel only the directory and its metadata are read."""
    made = make_wheel("big", "1.0", size=1 << 20)
    (tmp_path / made.filename).write_bytes(made.content)
    with (tmp_path / made.filename).open("rb") as file:
        source = _Counted(file.fileno())
        assert read_wheel(source, made.filename).metadata == made.metadata
    assert source.count < 4096
