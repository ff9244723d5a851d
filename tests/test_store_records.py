"""Records on disk: a line, and one for each file of the page, which is found without the rest."""

import json
import tracemalloc
from pathlib import Path

import msgspec
import pytest

from eggproxy.model import File, ProjectDetail
from eggproxy.names import METADATA, NormalizedName
from eggproxy.store import Gone, Record, Validators
from eggproxy.store.record import decode, encode, excerpt_of
from eggproxy.store.records import FEW, SMALL, Records

FOO = NormalizedName("foo")
AWKWARD = ['foo-1 "a".zip', "foo-1\\b.zip", "foo-1\té\u2028.zip", "foo-1\n{.zip", 'foo-1",.zip']
NAMES = [*AWKWARD, *(f"foo-{number}-py3-none-any.whl" for number in range(1000))]
WHEEL, LAST = "foo-7-py3-none-any.whl", NAMES[-1]


def file(name: str) -> File:
    """Make a file of which all is to be told apart from that of others."""
    digests = {"sha256": name.encode().hex()}
    return File(filename=name, url=f"https://files.example/{name}", hashes=digests, size=len(name))


def written(record: Record) -> bytes:
    """Write a record as it lies on disk, in one piece."""
    return b"".join(encode(record))


DETAIL = ProjectDetail(name=FOO, files=[file(name) for name in NAMES], versions=["1"])
RECORD = Record(
    url="https://index.example/simple/foo/",
    validators=Validators(etag='"1"'),
    detail=DETAIL,
    addresses={"main": "https://index.example/simple/"},
    withdrawn=[WHEEL],
    gone=Gone(since=1.5, times=2),
    sources={WHEEL: "other"},
)
BARE = Record(url="https://index.example/simple/", validators=Validators())
WHOLE = written(RECORD)
OLD = msgspec.json.encode(RECORD)
"""As records were written once: all in one line."""

CUTS = {
    "empty": b"",
    "in the first line": WHOLE[:99],
    "after the first line": WHOLE[: WHOLE.index(b"\n")],
    "after its newline": WHOLE[: WHOLE.index(b"\n") + 1],
    "in a line": WHOLE[:-9],
    "between lines": WHOLE[: WHOLE.rindex(b"\n", 0, -1) + 1],
    "before the last newline": WHOLE[:-1],
    "old": OLD[:-9],
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Have a large record on disk."""
    path = tmp_path / "record.json"
    path.write_bytes(WHOLE)
    assert len(WHOLE) > SMALL
    return path


def only(*names: str) -> Record:
    """Give the record as it is with these files only."""
    detail = msgspec.structs.replace(DETAIL, files=[file(name) for name in names])
    return msgspec.structs.replace(RECORD, detail=detail)


@pytest.mark.parametrize("record", [RECORD, only(WHEEL), only(), BARE])
def test_encode__round_trip(record: Record) -> None:
    """A record is read back as it was, with files or without."""
    assert decode(written(record)) == record


def test_encode__a_line_for_each_file() -> None:
    """The first line has all but the files; each further one is a file, in JSON."""
    head, *lines = (json.loads(line) for line in WHOLE.removesuffix(b"\n").split(b"\n"))
    assert (head["url"], head["detail"]["files"]) == (RECORD.url, [])
    assert [line["filename"] for line in lines] == NAMES


@pytest.mark.parametrize("record", [RECORD, only(WHEEL), only(), BARE])
def test_decode__old(record: Record) -> None:
    """A record that an older version has written is read."""
    assert decode(msgspec.json.encode(record)) == record


@pytest.mark.parametrize("data", CUTS.values(), ids=CUTS)
def test_cut__is_damage(path: Path, data: bytes) -> None:
    """Wherever a record was cut, that is found out, whether all is read or one file of it."""
    path.write_bytes(data)
    with pytest.raises(msgspec.DecodeError):
        Records().read(FOO, path)
    with pytest.raises(msgspec.DecodeError):
        Records().excerpt(FOO, path, [WHEEL])


@pytest.mark.parametrize("data", [WHOLE + b"{}\n", OLD + b"\n{}\n"])
def test_more__is_damage(data: bytes) -> None:
    """What stands behind a record does not belong to it."""
    with pytest.raises(msgspec.DecodeError):
        decode(data)


@pytest.mark.parametrize("name", [*AWKWARD, NAMES[5], WHEEL, LAST])
def test_excerpt__of_one_file(path: Path, name: str) -> None:
    """A file is found by its name, whatever is in that, and all that is no file comes with it."""
    assert excerpt_of(path, [name]) == only(name)
    assert Records().excerpt(FOO, path, [name]) == only(name)


def test_excerpt__of_several(path: Path) -> None:
    """Files come in the order of the page; a name that is none of a file's changes nothing."""
    names = [LAST, WHEEL + METADATA, WHEEL, WHEEL]
    assert Records().excerpt(FOO, path, names) == only(WHEEL, LAST)
    assert Records().excerpt(FOO, path, NAMES[: FEW + 1]) == only(*NAMES[: FEW + 1])


@pytest.mark.parametrize("name", [WHEEL[:-1], WHEEL[1:], "", 'foo-1"'])
def test_excerpt__of_what_is_not_there(path: Path, name: str) -> None:
    """What only begins or ends as a file's name is none."""
    assert Records().excerpt(FOO, path, [name]) == only()


def test_excerpt__of_no_file(path: Path) -> None:
    """Who wants no file has what is known besides."""
    assert Records().excerpt(FOO, path, []) == only()


@pytest.mark.parametrize("data", [OLD, written(BARE), msgspec.json.encode(BARE)])
def test_excerpt__of_others(path: Path, data: bytes) -> None:
    """Of a record in one line, or without files, it is the same."""
    path.write_bytes(data)
    expected = only(WHEEL) if data == OLD else BARE
    assert Records().excerpt(FOO, path, [WHEEL]) == expected


def test_excerpt__damaged_elsewhere(path: Path) -> None:
    """Where a line was overwritten, its file does not count as absent; others are still found."""
    name = b'{"filename":"%b"' % WHEEL.encode()
    path.write_bytes(WHOLE.replace(name, bytes(len(name))))
    assert Records().excerpt(FOO, path, [LAST]) == only(LAST)
    with pytest.raises(msgspec.DecodeError):
        Records().excerpt(FOO, path, [WHEEL])


def test_excerpt__of_what_is_held(path: Path) -> None:
    """A record that is held is not read again, and stays whole."""
    records = Records()
    whole = records.read(FOO, path)
    assert records.excerpt(FOO, path, [WHEEL]) == only(WHEEL)
    assert records.read(FOO, path) is whole
    assert whole == RECORD


def test_excerpt__holds_nothing(path: Path) -> None:
    """However often files of large records are asked for, no memory is taken for it."""
    records = Records()
    records.excerpt(FOO, path, [WHEEL])
    tracemalloc.start()
    try:
        for number, name in enumerate(NAMES[-50:]):
            records.excerpt(NormalizedName(f"foo-{number}"), path, [name, name + METADATA])
        assert tracemalloc.get_traced_memory()[0] < 10_000
    finally:
        tracemalloc.stop()


def test_addresses(path: Path) -> None:
    """The addresses are in the first line, and in a record in one line; damage has none."""
    for data in (WHOLE, OLD):
        path.write_bytes(data)
        assert Records().addresses(FOO, path) == RECORD.addresses
    path.write_bytes(WHOLE[:99])
    assert Records().addresses(FOO, path) == {}
