"""The eggs directory: pages, records, and what is left when a writer is killed."""

import gzip
import os
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eggproxy.errors import StorageError
from eggproxy.model import File, ProjectDetail, ProjectStatus
from eggproxy.names import NormalizedName
from eggproxy.negotiation import Form
from eggproxy.store import EggsDirectory, Record, Validators
from eggproxy.store.pages import FORMS

FOO = NormalizedName("foo")
URL = "https://index.example/simple/foo/"
PAGES: dict[Form, bytes] = {"html": b"<!DOCTYPE html>" * 99, "json": b'{"name":"foo"}'}
RECORD = Record(url=URL, validators=Validators(etag='"1"'))
NOW = 1_700_000_000.25


@pytest.fixture
def store(tmp_path: Path) -> EggsDirectory:
    """Have an empty directory."""
    store = EggsDirectory(tmp_path / "eggs")
    store.prepare()
    return store


def public(store: EggsDirectory) -> set[str]:
    """Name the files that a web server would serve."""
    files = (path for path in store.root.rglob("*") if path.is_file())
    names = {str(path.relative_to(store.root)) for path in files}
    return {name for name in names if not name.startswith(".eggproxy/")}


def scratch(store: EggsDirectory) -> list[Path]:
    """List what is being written."""
    return list((store.root / ".eggproxy" / "tmp").iterdir())


# Making it ready.


def test_prepare__any_number_of_times(store: EggsDirectory) -> None:
    """A directory is made with all above it; being prepared again changes nothing."""
    store.write(FOO, PAGES, RECORD, NOW)
    store.prepare()
    assert store.record(FOO) == RECORD


def test_prepare__clears_what_crashed_writers_left(store: EggsDirectory) -> None:
    """What was being written an hour ago is gone; what may still be written stays."""
    folder = store.root / ".eggproxy" / "tmp"
    (folder / "old").touch()
    (folder / "new").touch()
    os.utime(folder / "old", (time.time() - 3700,) * 2)
    store.prepare()
    assert scratch(store) == [folder / "new"]


@pytest.mark.parametrize("in_the_way", ["eggs", "eggs/.eggproxy", "eggs/.eggproxy/projects"])
def test_prepare__cannot(tmp_path: Path, in_the_way: str) -> None:
    """Where no directory can be made, an answer names the path."""
    (tmp_path / in_the_way).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / in_the_way).touch()
    with pytest.raises(StorageError, match="eggs"):
        EggsDirectory(tmp_path / "eggs").prepare()


# Pages of projects.


def test_write__all_representations(store: EggsDirectory) -> None:
    """Each form is there plain and packed, and the record says when upstream confirmed it."""
    store.write(FOO, PAGES, RECORD, NOW)
    for form, page in PAGES.items():
        assert store.page(FOO, form, packed=False).read_bytes() == page
        assert gzip.decompress(store.page(FOO, form, packed=True).read_bytes()) == page
    assert public(store) == {f"foo/index.{end}" for end in ("html", "html.gz", "json", "json.gz")}
    assert (store.checked(FOO), store.record(FOO)) == (NOW, RECORD)
    assert scratch(store) == []


def test_write__same_page_same_bytes(store: EggsDirectory) -> None:
    """A page that did not change has the same bytes, packed too, so its ETag stays."""
    store.write(FOO, PAGES, RECORD, NOW)
    packed = store.page(FOO, "html", packed=True).read_bytes()
    store.write(FOO, PAGES, RECORD, NOW + 1000)
    assert store.page(FOO, "html", packed=True).read_bytes() == packed


def test_checked__never(store: EggsDirectory) -> None:
    """Of what was never stored nothing is known, and asking leaves no trace."""
    assert store.checked(FOO) is None
    assert store.checked(None) is None
    assert store.record(FOO) is None
    assert public(store) == set()


@pytest.mark.parametrize("gone", ["index.html", "index.html.gz", "index.json", "index.json.gz", ""])
def test_checked__removed_by_hand(store: EggsDirectory, gone: str) -> None:
    """A page of which a part is missing is not there, and can be written again."""
    store.write(FOO, PAGES, RECORD, NOW)
    if gone:
        (store.root / "foo" / gone).unlink()
    else:
        next((store.root / ".eggproxy" / "projects" / "foo").iterdir()).unlink()
    assert (store.checked(FOO), store.record(FOO)) == (None, None)
    store.write(FOO, PAGES, RECORD, NOW + 1)
    assert store.checked(FOO) == NOW + 1


def test_touch__changes_nothing_but_the_time(store: EggsDirectory) -> None:
    """A confirmed page is younger, and its files are what they were."""
    store.write(FOO, PAGES, RECORD, NOW)
    before = store.page(FOO, "html", packed=False).stat()
    store.touch(FOO, NOW + 60)
    assert (store.checked(FOO), store.record(FOO)) == (NOW + 60, RECORD)
    after = store.page(FOO, "html", packed=False).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_touch__of_nothing(store: EggsDirectory) -> None:
    """What is not there cannot be confirmed."""
    with pytest.raises(StorageError):
        store.touch(FOO, NOW)


def test_record__holds_the_whole_model(store: EggsDirectory) -> None:
    """All that is known of a project is read back as it was."""
    file = File(
        filename="foo-1.zip",
        url="https://files.example/é?a=1",
        hashes={"sha256": "00", "md5": "11"},
        requires_python=">=3",
        core_metadata={"sha256": "22"},
        gpg_sig=False,
        yanked="why",
        size=2**40,
        upload_time="2024-01-02T03:04:05Z",
        provenance="https://p.example/",
        egg_fragment="foo-1",
        extra={"_x": [None, {"a": 1.5}]},
    )
    facts: dict[str, Any] = {"meta": {"_last-serial": 7}, "extra": {"k": None}, "versions": ["1"]}
    status = ProjectStatus(status="archived", reason="\"'<")
    detail = ProjectDetail(name=FOO, files=[file], api_version=(1, 4), status=status, **facts)
    validators = Validators(etag='W/"é"', last_modified="Tue", digest="33")
    record = Record(url=URL, validators=validators, detail=detail, withdrawn=["foo-1.zip"])
    store.write(FOO, PAGES, record, NOW)
    assert store.record(FOO) == record


@pytest.mark.parametrize("damage", [b"", b"{", b"{}", b"null", b"[]", b"\xff", b'{"url":1}'])
def test_record__damaged(store: EggsDirectory, damage: bytes) -> None:
    """A damaged record is none; the page is still there to be served."""
    store.write(FOO, PAGES, RECORD, NOW)
    record = next((store.root / ".eggproxy" / "projects" / "foo").iterdir())
    record.write_bytes(damage)
    assert store.record(FOO) is None
    assert store.checked(FOO) is not None


def test_projects__with_a_stored_page(store: EggsDirectory) -> None:
    """Stored projects are listed in order, and nothing that is no project."""
    for name in ("zope-event", "a", "foo"):
        store.write(NormalizedName(name), PAGES, RECORD, NOW)
    (store.root / ".eggproxy" / "projects" / ".nfs0001").touch()
    assert store.projects() == ["a", "foo", "zope-event"]


def test_lock__leaves_no_trace_of_unknown_projects(store: EggsDirectory) -> None:
    """Whoever asks for a project that is not there fills no directory."""
    with store.lock(FOO):
        pass
    assert store.projects() == []
    assert public(store) == set()


def test_file__in_its_projects_folder(store: EggsDirectory) -> None:
    """Files lie beside their project's page; what grows lies with our own, apart by identity."""
    assert store.file(FOO, "foo-1.zip") == store.root / "foo" / "foo-1.zip"
    one, two = (store.partial(FOO, "foo-1.zip", identity) for identity in ("a", "b"))
    other = store.partial(NormalizedName("bar"), "foo-1.zip", "a")
    assert one.final == two.final == store.root / "foo" / "foo-1.zip"
    assert len({one.path, two.path, other.path}) == 3
    assert ".eggproxy" in one.path.parts


# The project list.


def pieces(count: int) -> Iterator[dict[Form, bytes]]:
    """Give a list in pieces."""
    for number in range(count):
        yield {"html": b"<%d>" % number, "json": b"[%d]" % number}


@pytest.mark.parametrize("count", [0, 1, 5000])
def test_write_list__in_pieces(store: EggsDirectory, count: int) -> None:
    """The list is written from pieces; packed it is a single gzip member, as some clients need."""
    store.write_list(pieces(count), RECORD, NOW)
    for form in FORMS:
        page = store.page(None, form, packed=False).read_bytes()
        assert page == b"".join(piece[form] for piece in pieces(count))
        unpack = zlib.decompressobj(31)
        assert unpack.decompress(store.page(None, form, packed=True).read_bytes()) == page
        assert (unpack.eof, unpack.unused_data) == (True, b"")
    assert (store.checked(None), store.record(None), scratch(store)) == (NOW, RECORD, [])
    assert store.projects() == []


def test_write_list__breaks_off(store: EggsDirectory) -> None:
    """If the pieces end with an error, the old list stays, whole, and nothing else."""

    def broken() -> Iterator[dict[Form, bytes]]:
        yield from pieces(9)
        raise ValueError("nonsense")

    store.write_list(pieces(3), RECORD, NOW)
    with pytest.raises(ValueError, match="nonsense"):
        store.write_list(broken(), RECORD, NOW + 1)
    assert store.page(None, "html", packed=False).read_bytes() == b"<0><1><2>"
    assert (store.checked(None), scratch(store)) == (NOW, [])


# Many at once, and sudden ends.


def test_write__readers_never_see_half_a_page(store: EggsDirectory) -> None:
    """While writers replace a page again and again, whoever reads has one of theirs, whole."""
    contents = [b"%d" % number * 50_000 for number in range(3)]

    def write(content: bytes) -> None:
        for _ in range(20):
            store.write(FOO, {"html": content, "json": content}, RECORD, NOW)

    write(contents[0])
    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, content) for content in contents]
        while not all(writer.done() for writer in writers):
            assert store.page(FOO, "html", packed=False).read_bytes() in contents
            assert gzip.decompress(store.page(FOO, "json", packed=True).read_bytes()) in contents
            assert store.record(FOO) == RECORD
    assert [writer.result() for writer in writers] == [None] * 3
    assert scratch(store) == []


CRASH = """
import os, sys
from pathlib import Path
from eggproxy.store import EggsDirectory, Record, Validators, atomic
left = int(sys.argv[2])
rename = atomic.rename
def crash(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), 9)
    left -= 1
    rename(source, target)
atomic.rename = crash
record = Record(url="new", validators=Validators())
EggsDirectory(Path(sys.argv[1])).write("foo", {"html": b"new", "json": b"new"}, record, 2e9)
"""


@pytest.mark.parametrize("renames", range(5))
@pytest.mark.parametrize("before", [True, False])
def test_write__killed_at_each_step(store: EggsDirectory, renames: int, *, before: bool) -> None:
    """Killed anywhere, a writer leaves each file old or new, and never calls a half page fresh."""
    if before:
        store.write(FOO, {"html": b"old", "json": b"old"}, RECORD, NOW)
    crash = subprocess.run([sys.executable, "-c", CRASH, store.root, str(renames)], check=False)
    assert crash.returncode == -9
    assert store.checked(FOO) == (NOW if before else None)
    assert store.record(FOO) == (RECORD if before else None)
    assert {(store.root / name).read_bytes() for name in public(store) if name[-3:] != ".gz"} <= {
        b"old",
        b"new",
    }
    store.write(FOO, PAGES, RECORD, NOW + 1)
    assert store.record(FOO) == RECORD
