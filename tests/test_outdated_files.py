"""A page changes while a file that it meant is on its way: what comes is not kept as another."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from eggproxy.names import METADATA, NormalizedName
from eggproxy.transfer import Wanted
from eggproxy.transfers import Transfers
from eggproxy.upstream import Upstream as Client
from tests.frontends import FRONT_ENDS
from tests.indexes import names, proxying, section
from tests.servers import JSON, PATIENCE, Reply, Server, serving, wait_until
from tests.test_pages import Case
from tests.upstream import Upstream
from tests.upstream_faults import Kind

FOO = NormalizedName("foo")
NAME = "foo-1.0-py3-none-any.whl"
PATH = f"/pypi/foo/{NAME}"
OLD, NEW = b"old" * 100, b"new" * 100
DAY = 86400


@pytest.fixture
def single(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give one proxy, of the front end that starts soonest."""
    with serving(tmp_path, upstream.index_url, timeout=PATIENCE) as server:
        yield server


@pytest.fixture(params=FRONT_ENDS)
def each(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy with each front end in turn, which upstream may keep waiting."""
    with serving(
        tmp_path, upstream.index_url, front_end=request.param, workers=2, timeout=PATIENCE
    ) as server:
        yield server


@contextmanager
def coming(proxy: Server, upstream: Upstream, path: str = PATH) -> Iterator[Future[Reply]]:
    """Ask for a file, which stands still on its way, but for its last bytes, during the block."""
    kind: Kind = "metadata" if path.endswith(METADATA) else "file"
    gate = upstream.gate(kind, after=1)
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(proxy.get, path)
        try:
            gate.wait_reached()
            yield reply
        finally:
            gate.open()


def test_replaced__is_had_anew(each: Server, upstream: Upstream) -> None:
    """Bytes that upstream has replaced on their way are not kept: who waits has the new ones."""
    upstream.add("foo", NAME, OLD)
    with coming(each, upstream) as reply:
        upstream.add("foo", NAME, NEW)
        each.age_pages(DAY)
        each.get("/pypi/foo/")
    assert reply.result().body == NEW
    wait_until((each.eggs / "foo" / NAME).exists)
    again = each.get(PATH)
    assert (again.body, again.headers["ETag"]) == (NEW, reply.result().headers["ETag"])
    assert (each.eggs / "foo" / NAME).read_bytes() == NEW


def test_replaced__metadata_is_still_promised(single: Server, upstream: Upstream) -> None:
    """Metadata that was replaced on its way comes anew, and goes on being promised."""
    upstream.add("foo", NAME, OLD, metadata=b"Name: foo\n")
    path = f"{PATH}.metadata"
    with coming(single, upstream, path) as reply:
        upstream.add("foo", NAME, OLD, metadata=b"Name: Foo\n")
        single.age_pages(DAY)
        single.get("/pypi/foo/")
    assert reply.result().body == single.get(path).body == b"Name: Foo\n"
    (file,) = json.loads(single.get("/pypi/foo/", accept=JSON).body)["files"]
    assert file["core-metadata"]


def test_quarantined__is_not_kept(single: Server, upstream: Upstream) -> None:
    """A file of a project that is quarantined meanwhile is neither given nor stored (PEP 792)."""
    upstream.add("foo", NAME, OLD)
    with coming(single, upstream) as reply:
        upstream.projects["foo"].keys["project-status"] = {"status": "quarantined"}
        single.age_pages(DAY)
        single.get("/pypi/foo/")
    assert reply.result().status == single.get(PATH).status == 404
    assert not (single.eggs / "foo" / NAME).exists()


def test_switched__is_not_kept(tmp_path: Path, upstream: Upstream) -> None:
    """A file of a project that an earlier index gets meanwhile is neither given nor stored."""
    upstream.add("foo", NAME, OLD)
    with Upstream() as earlier:
        both = section("earlier", earlier), section("later", upstream)
        with proxying(tmp_path, *both, timeout=20) as proxy:
            with coming(proxy, upstream) as reply:
                earlier.add("foo", "foo-0.1.tar.gz", NEW)
                proxy.age_pages(DAY)
                assert names(proxy, "foo") == ["foo-0.1.tar.gz"]
            assert reply.result().status == proxy.get(PATH).status == 404
            assert not (proxy.eggs / "foo" / NAME).exists()


def test_removed__is_kept(single: Server, upstream: Upstream) -> None:
    """A file that upstream only removes meanwhile is given, and stays."""
    upstream.add("foo", NAME, OLD)
    upstream.add("foo", "foo-0.1.tar.gz", b"another")
    with coming(single, upstream) as reply:
        upstream.remove("foo", NAME)
        single.age_pages(DAY)
        assert names(single, "foo") == ["foo-0.1.tar.gz"]
    assert reply.result().body == OLD
    wait_until((single.eggs / "foo" / NAME).exists)
    assert single.get(PATH).body == OLD


def test_unpinned__is_kept(single: Server, upstream: Upstream) -> None:
    """A file without a digest stays when its page is read anew and says as little."""
    upstream.add("foo", NAME, OLD, hashes=None)
    with coming(single, upstream) as reply:
        upstream.add("foo", "foo-0.1.tar.gz", b"another")
        single.age_pages(DAY)
        assert len(names(single, "foo")) == 2
    assert reply.result().body == OLD
    wait_until((single.eggs / "foo" / NAME).exists)
    assert single.get(PATH).body == OLD
    assert len(upstream.asked(NAME)) == 1


def test_in_place__before_the_page_changes(tmp_path: Path, upstream: Upstream) -> None:
    """A file that comes into place while its page is being replaced does not stay."""
    upstream.add("foo", NAME, OLD)
    pages = Case(tmp_path / "eggs", upstream)
    pages.ensure(FOO)
    upstream.add("foo", NAME, NEW)
    pages.later()

    def file_comes(*_page: object) -> bool:
        pages.store.put_file(FOO, NAME, OLD)
        return False

    # Called after stored files were looked at, and before anything of the page is written.
    pages.refresher.on_read = file_comes
    pages.ensure(FOO)
    assert not pages.store.file(FOO, NAME).exists()


def test_in_place__after_the_page_has_changed(tmp_path: Path, upstream: Upstream) -> None:
    """A file that comes into place right after its page has been replaced does not stay."""
    upstream.add("foo", NAME, OLD)
    pages = Case(tmp_path / "eggs", upstream)
    pages.ensure(FOO)
    transfers = Transfers(pages.store, Client(upstream.index_url, timeout=5))
    (file,) = pages.detail(FOO)[0].files

    place = pages.store.file(FOO, NAME)
    changed = threading.Event()

    def is_outdated_by_now(wanted: Wanted, sha256: str) -> bool:
        if place.exists():
            upstream.add("foo", NAME, NEW)
            pages.later()
            pages.ensure(FOO)
            # As if its transfer had given it its name only now.
            pages.store.put_file(FOO, NAME, OLD)
            changed.set()
        return pages.is_outdated(wanted, sha256)

    transfers.is_outdated = is_outdated_by_now
    transfers.begin(Wanted.of(FOO, file, ""))
    assert changed.wait(PATIENCE)
    wait_until(lambda: not place.exists())
