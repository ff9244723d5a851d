"""Pages of what is on disk: for outages, and for plain static servers over the eggs directory."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, serving, wait_until
from tests.upstream import Upstream

WHEEL = "foo-1.0-py3-none-any.whl"
ARCHIVE = "foo-2.0.tar.gz"
STORED = "/pypi/+stored/foo/"


@pytest.fixture(params=["serve", "mod_wsgi-daemon"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy with two front ends: what is on disk is the same with all."""
    with serving(tmp_path, upstream.index_url, front_end=request.param) as server:
        yield server


@pytest.fixture
def filled(proxy: Server, upstream: Upstream) -> Server:
    """Have a project of two files, of which the wheel is stored."""
    upstream.add("foo", WHEEL, b"wheel" * 1000, metadata=b"Metadata-Version: 2.1\nName: foo\n")
    upstream.add("foo", ARCHIVE, b"archive")
    assert proxy.get(f"/pypi/foo/{WHEEL}").status == 200
    wait_until((proxy.eggs / "foo" / "stored.html").exists)
    return proxy


def listed(server: Server, path: str) -> dict[str, dict[str, object]]:
    """Read the files of a page, by name."""
    page = json.loads(server.get(path, accept="application/vnd.pypi.simple.v1+json").body)
    return {file["filename"]: file for file in page["files"]}


def test_stored_page__only_what_is_on_disk(filled: Server) -> None:
    """It lists the files that are on disk, and no others, in both forms."""
    assert listed(filled, STORED).keys() == {WHEEL}
    assert listed(filled, "/pypi/foo/").keys() == {WHEEL, ARCHIVE}
    page = filled.get(STORED, accept="text/html")
    assert WHEEL.encode() in page.body
    assert ARCHIVE.encode() not in page.body
    assert page.headers["Cache-Control"] == "no-store"
    assert "stored" in page.headers["Cache-Status"]


def test_stored_page__its_links_work(filled: Server) -> None:
    """Its links lead to the stored files, and never to upstream."""
    assert filled.get(STORED + WHEEL).body == b"wheel" * 1000
    assert filled.get(STORED + ARCHIVE).status == 404
    assert not (filled.eggs / "foo" / ARCHIVE).exists()


def test_stored_page__metadata_only_if_stored(filled: Server) -> None:
    """Metadata is advertised there once it is on disk."""
    assert "core-metadata" not in listed(filled, STORED)[WHEEL]
    assert filled.get(f"/pypi/foo/{WHEEL}.metadata").status == 200
    wait_until(lambda: "core-metadata" in listed(filled, STORED)[WHEEL])


def test_stored_page__follows_the_disk(filled: Server) -> None:
    """A file removed by hand is gone from it at once."""
    assert filled.get(f"/pypi/foo/{ARCHIVE}").status == 200
    wait_until(lambda: listed(filled, STORED).keys() == {WHEEL, ARCHIVE})
    (filled.eggs / "foo" / WHEEL).unlink()
    assert listed(filled, STORED).keys() == {ARCHIVE}
    (filled.eggs / "foo" / ARCHIVE).unlink()
    assert filled.get(STORED).status == 404
    assert not (filled.eggs / "foo" / "stored.html").exists()


def test_stored_page__beside_the_other_on_disk(filled: Server) -> None:
    """It lies on disk in both forms, plain and packed, for a plain static server."""
    folder = filled.eggs / "foo"
    for form in ("html", "json"):
        plain = (folder / f"stored.{form}").read_bytes()
        assert gzip.decompress((folder / f"stored.{form}.gz").read_bytes()) == plain
        assert WHEEL.encode() in plain
        assert ARCHIVE.encode() not in plain


@pytest.mark.parametrize("path", ["/pypi/+stored/", "/pypi/+stored/bar/", "/pypi/+stored/foo/x/y"])
def test_stored_page__of_nothing(filled: Server, upstream: Upstream, path: str) -> None:
    """Of what is not stored there is no page, and upstream is not asked."""
    assert filled.get(path).status == 404
    assert upstream.asked("bar") == []


def test_first_digest__is_pinned(proxy: Server, upstream: Upstream) -> None:
    """Where upstream names no digest, that of the first bytes is advertised, and kept to."""
    upstream.add("foo", ARCHIVE, b"first", hashes=None)
    assert listed(proxy, "/pypi/foo/")[ARCHIVE]["hashes"] == {}
    assert proxy.get(f"/pypi/foo/{ARCHIVE}").body == b"first"
    digest = hashlib.sha256(b"first").hexdigest()
    wait_until(lambda: listed(proxy, "/pypi/foo/")[ARCHIVE]["hashes"] == {"sha256": digest})
    upstream.add("foo", "foo-3.0.tar.gz", b"news")
    proxy.age_pages(10_000)
    assert "foo-3.0.tar.gz" in listed(proxy, "/pypi/foo/")
    assert listed(proxy, "/pypi/foo/")[ARCHIVE]["hashes"] == {"sha256": digest}


def test_first_digest__another_is_an_error(proxy: Server, upstream: Upstream) -> None:
    """Other bytes under that name, later, are refused."""
    upstream.add("foo", ARCHIVE, b"first", hashes=None)
    assert proxy.get(f"/pypi/foo/{ARCHIVE}").body == b"first"
    wait_until(lambda: listed(proxy, "/pypi/foo/")[ARCHIVE]["hashes"] != {})
    (proxy.eggs / "foo" / ARCHIVE).unlink()
    upstream.put(f"/files/foo/{ARCHIVE}", b"other")
    reply = proxy.get(f"/pypi/foo/{ARCHIVE}")
    assert (reply.status, b"instead of sha256" in reply.body) == (502, True)


@pytest.mark.parametrize("damage", ["cut", "zeroed", "packed cut", "packed removed"])
def test_damaged_page__is_fetched_anew(filled: Server, damage: str) -> None:
    """A page that was damaged on disk is never served; it is fetched anew."""
    page = filled.eggs / "foo" / ("index.html.gz" if "packed" in damage else "index.html")
    whole = page.read_bytes()
    page.unlink()
    if "removed" not in damage:
        page.write_bytes(bytes(len(whole)) if damage == "zeroed" else whole[:-7])
    reply = filled.get("/pypi/foo/", accept="text/html")
    assert reply.status == 200
    assert ARCHIVE.encode() in reply.body
    assert page.read_bytes() == whole


@pytest.mark.parametrize("damage", ["cut", "cut between lines", "emptied"])
def test_damaged_record__is_made_anew(filled: Server, damage: str) -> None:
    """Half a record is no record: what it said is fetched anew where it is needed."""
    record = filled.eggs / ".eggproxy" / "projects" / "foo" / "record.json"
    lines = record.read_bytes().splitlines(keepends=True)
    left = {"cut": lines[0][:100], "cut between lines": lines[0], "emptied": b""}
    record.write_bytes(left[damage])
    assert filled.get(f"/pypi/foo/{ARCHIVE}").body == b"archive"


def test_old_record__is_read(tmp_path: Path, upstream: Upstream) -> None:
    """An eggs directory outlives an upgrade: a record in one line, as all once were, is read."""
    upstream.add("foo", WHEEL, b"wheel" * 1000)
    with serving(tmp_path, upstream.index_url) as server:
        before = server.get(f"/pypi/foo/{WHEEL}")
        wait_until((server.eggs / "foo" / "stored.html").exists)
    record = server.eggs / ".eggproxy" / "projects" / "foo" / "record.json"
    old, *files = (json.loads(line) for line in record.read_bytes().splitlines())
    del old["length"]
    old["detail"]["files"] = files
    record.write_text(json.dumps(old))
    asked = len(upstream.requests)
    with serving(tmp_path, upstream.index_url) as server:
        after = server.get(f"/pypi/foo/{WHEEL}")
    assert (after.status, after.body) == (200, before.body)
    # Its digest is in the record, and nowhere else.
    assert after.headers["ETag"] == before.headers["ETag"]
    assert len(upstream.requests) == asked


def test_damaged_file__is_fetched_anew(filled: Server) -> None:
    """A stored file that was cut short is not served, but fetched anew."""
    (filled.eggs / "foo" / WHEEL).write_bytes(b"wheel")
    assert filled.get(f"/pypi/foo/{WHEEL}").body == b"wheel" * 1000


def test_damaged_page__needs_no_upstream(filled: Server, upstream: Upstream) -> None:
    """What is left of a page is enough to answer with, though upstream is down."""
    folder = filled.eggs / "foo"
    whole = (folder / "index.html").read_bytes()
    (folder / "index.html").write_bytes(whole[:30])
    (folder / "index.json.gz").unlink()
    upstream.down()
    assert filled.get("/pypi/foo/", accept="text/html").body == whole
    page = filled.get("/pypi/foo/", accept="text/html", accept_encoding="gzip")
    assert gzip.decompress(page.body) == whole
    assert listed(filled, "/pypi/foo/").keys() == {WHEEL, ARCHIVE}


def test_page_before_its_record__no_file_is_missing(filled: Server, upstream: Upstream) -> None:
    """What a page lists can be had, even if its writer was killed before the record was written."""
    record = filled.eggs / ".eggproxy" / "projects" / "foo" / "record.json"
    before = record.read_bytes()
    upstream.add("foo", "foo-3.0.tar.gz", b"news")
    filled.age_pages(10_000)
    assert "foo-3.0.tar.gz" in listed(filled, "/pypi/foo/")
    copy = record.with_name("copy")
    copy.write_bytes(before)
    copy.rename(record)
    assert filled.get("/pypi/foo/foo-3.0.tar.gz").body == b"news"
    assert filled.get("/pypi/foo/foo-4.0.tar.gz").status == 404
