"""What clients see while upstream is down, wrong or not to be asked, and what upstream sees."""

import gzip
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.servers import JSON, Reply, Server, serving, wait_until
from tests.upstream import Upstream

NAMES = ("foo", "bar", "baz", "qux")
DAY = 86_400


def sdist(name: str, version: str = "1.0") -> str:
    """Name a file of a project."""
    return f"{name}-{version}.tar.gz"


def status_of(reply: Reply) -> str:
    """Read how the cache came by an answer."""
    return reply.headers["Cache-Status"]


@pytest.fixture
def index(upstream: Upstream) -> Upstream:
    """Publish some projects."""
    for name in NAMES:
        upstream.add(name, sdist(name), name.encode() * 100)
    return upstream


@pytest.fixture
def server(tmp_path: Path, index: Upstream) -> Iterator[Server]:
    """Give a server that has nothing stored."""
    with serving(tmp_path, index.index_url, timeout=1) as server:
        yield server


@pytest.fixture
def stale(server: Server, index: Upstream) -> Server:
    """Give a server whose stored pages are all out of date; of foo the file is stored too."""
    for name in NAMES:
        assert server.get(f"/pypi/{name}/").status == 200
    assert server.get(f"/pypi/foo/{sdist('foo')}").status == 200
    wait_until((server.eggs / "foo" / "stored.json").exists)
    server.age_pages(DAY)
    index.forget()
    return server


def wait_for_refresh(server: Server, name: str, what: str) -> None:
    """Wait until a project's page has something new."""
    wait_until(lambda: what.encode() in server.get(f"/pypi/{name}/").body)


# The breaker.


def test_down__everybody_else_is_answered_at_once(stale: Server, index: Upstream) -> None:
    """After one failure nobody waits: all get what is stored, and upstream is left alone."""
    gate = index.hang()
    assert stale.get("/pypi/bar/").status == 200
    asked = len(index.requests)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        paths = [f"/pypi/{name}/" for name in NAMES for _ in range(5)]
        replies = list(pool.map(stale.get, paths))
    # None of the twenty has waited as long as one alone would have.
    assert time.monotonic() - began < 1
    assert {reply.status for reply in replies} == {200}
    assert len(index.requests) - asked <= 1
    gate.open()


def test_down__nothing_stored(server: Server, index: Upstream) -> None:
    """With nothing stored the answer is a 503 that says why, and in how many seconds to come."""
    with index.down():
        first, second = server.get("/pypi/foo/"), server.get("/pypi/bar/")
    assert (first.status, second.status) == (503, 503)
    assert int(first.headers["Retry-After"]) == 5
    assert 1 <= int(second.headers["Retry-After"]) <= 3
    assert b"cannot be reached; it is asked again in" in second.body
    assert index.requests == []


def test_down__over_by_itself(stale: Server, index: Upstream) -> None:
    """When upstream is back, pages are fresh again soon, without anybody's help."""
    index.add("foo", sdist("foo", "2.0"), b"new")
    with index.down():
        stale.get("/pypi/bar/")
        assert b"2.0" not in stale.get("/pypi/foo/").body
    wait_for_refresh(stale, "foo", sdist("foo", "2.0"))
    assert "answers again" in stale.log
    assert stale.log.count("left alone") == 1


def test_down__pages_list_what_can_be_had(stale: Server, index: Upstream) -> None:
    """Meanwhile a page lists the files that are stored; one of which none is stays whole."""
    index.add("foo", sdist("foo", "2.0"), b"new")
    wait_for_refresh(stale, "foo", sdist("foo", "2.0"))
    stale.age_pages(DAY)
    with index.down():
        bar = stale.get("/pypi/bar/")
        foo = stale.get("/pypi/foo/")
        assert b"1.0" in foo.body
        assert b"2.0" not in foo.body
        assert foo.headers["Cache-Control"] == "no-store"
        assert sdist("bar").encode() in bar.body
        assert status_of(stale.get("/pypi/bar/")) == "eggproxy; hit; detail=upstream-unavailable"
        assert stale.get(f"/pypi/foo/{sdist('foo')}").status == 200


@pytest.mark.parametrize("front_end", ["serve", "gunicorn"])
def test_down__not_even_a_fresh_page_names_what_cannot_be_had(
    tmp_path: Path, index: Upstream, front_end: str
) -> None:
    """A page that is fresh, and held in memory, gives way as well."""
    with serving(tmp_path, index.index_url, front_end=front_end) as server:
        index.add("foo", sdist("foo", "2.0"), b"new")
        assert server.get(f"/pypi/foo/{sdist('foo')}").status == 200
        assert b"2.0" in server.get("/pypi/foo/").body
        assert status_of(server.get("/pypi/foo/")) == "eggproxy; hit"
        with index.down():
            assert server.get("/pypi/bar/").status == 503
            assert b"2.0" not in server.get("/pypi/foo/").body


def test_down__all_pages_if_so_configured(tmp_path: Path, index: Upstream) -> None:
    """With outage_pages = all, pages stay as they are, whatever of them can be had."""
    with serving(tmp_path, index.index_url, timeout=1, outage_pages="all") as server:
        index.add("foo", sdist("foo", "2.0"), b"new")
        assert server.get(f"/pypi/foo/{sdist('foo')}").status == 200
        with index.down():
            assert server.get("/pypi/bar/").status == 503
            assert b"2.0" in server.get("/pypi/foo/").body


def test_down__the_first_to_find_out_gets_what_can_be_had(stale: Server, index: Upstream) -> None:
    """The request that finds upstream down is answered as those after it."""
    index.add("foo", sdist("foo", "2.0"), b"new")
    wait_for_refresh(stale, "foo", sdist("foo", "2.0"))
    stale.age_pages(DAY)
    with index.down():
        assert b"2.0" not in stale.get("/pypi/foo/").body


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_status__of_the_whole_host(stale: Server, index: Upstream, status: int) -> None:
    """A host that is overloaded is asked by nobody until the time that it names."""
    index.fail("page", status=status, headers={"Retry-After": "77"})
    assert stale.get("/pypi/foo/").status == stale.get("/pypi/bar/").status == 200
    assert len(index.requests) == 1
    missing = stale.get("/pypi/none/")
    assert missing.status == 503
    assert 70 < int(missing.headers["Retry-After"]) <= 77


def test_status__of_one_page(stale: Server, index: Upstream) -> None:
    """A 500 of one page says nothing of the others; three pages in a row do."""
    index.fail("page", status=500)
    for number, name in enumerate(NAMES[:3], 1):
        assert "fwd-status=503; detail=stale-if-error" in status_of(stale.get(f"/pypi/{name}/"))
        assert len(index.requests) == number
    assert "upstream-unavailable" in status_of(stale.get("/pypi/qux/"))
    assert len(index.requests) == 3


def test_file_host__has_a_breaker_of_its_own(tmp_path: Path, index: Upstream) -> None:
    """When the host of files is down, pages are still fresh, and files are refused at once."""
    with Upstream() as files, serving(tmp_path, index.index_url, timeout=1) as server:
        for name in ("one", "two"):
            index.add(name, sdist(name), b"x", on=files)
            assert server.get(f"/pypi/{name}/").status == 200
        files.hang("file")
        assert server.get(f"/pypi/one/{sdist('one')}").status == 503
        second = server.get(f"/pypi/two/{sdist('two')}")
        assert (second.status, len(files.requests)) == (503, 1)
        assert server.get("/pypi/bar/").status == 200
        assert json.loads(server.get("/healthz").body)["upstream"] == "ok"


def test_many_processes__wait_together(tmp_path: Path, index: Upstream) -> None:
    """Processes that want the same page of a silent upstream do not wait one after the other."""
    eggs = tmp_path / "eggs"
    index.hang()
    timeout = 2.0
    with (
        serving(tmp_path, index.index_url, eggs=eggs, timeout=timeout) as one,
        serving(tmp_path, index.index_url, eggs=eggs, timeout=timeout) as two,
        serving(tmp_path, index.index_url, eggs=eggs, timeout=timeout) as three,
        ThreadPoolExecutor(3) as pool,
    ):
        began = time.monotonic()
        replies = list(pool.map(lambda server: server.get("/pypi/foo/"), (one, two, three)))
        took = time.monotonic() - began
    assert {reply.status for reply in replies} == {503}
    # One after the other it would be three times the timeout.
    assert took < 2 * timeout


# A page a little past its lifetime.


def test_revalidating__nobody_waits(tmp_path: Path, index: Upstream) -> None:
    """Just past its lifetime a page is served at once, and who comes later has the new one."""
    with serving(tmp_path, index.index_url, update_interval="1000s") as server:
        server.get("/pypi/foo/")
        server.age_pages(1030)
        index.add("foo", sdist("foo", "2.0"), b"new")
        gate = index.hang("page")
        reply = server.get("/pypi/foo/")
        assert status_of(reply) == "eggproxy; hit; detail=revalidating"
        assert int(reply.headers["Age"]) >= 1030
        assert b"2.0" not in reply.body
        gate.open()
        wait_for_refresh(server, "foo", sdist("foo", "2.0"))
        assert len(index.asked(kind="page")) == 2


@pytest.mark.parametrize("settings", [{"always_refresh": 1}, {"update_interval": 0}], ids=str)
def test_revalidating__not_if_pages_are_never_fresh(
    tmp_path: Path, index: Upstream, settings: dict[str, Any]
) -> None:
    """Who wants no page without a question to upstream gets none."""
    with serving(tmp_path, index.index_url, **settings) as server:
        server.get("/pypi/foo/")
        index.add("foo", sdist("foo", "2.0"), b"new")
        assert b"2.0" in server.get("/pypi/foo/").body


# Offline.


@pytest.fixture(scope="module")
def offline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Upstream]]:
    """Give a server that never asks, over what another one has stored, and its index."""
    path = tmp_path_factory.mktemp("offline")
    with Upstream() as index:
        for name in ("foo", "bar"):
            index.add(name, sdist(name), name.encode() * 100)
        with serving(path, index.index_url) as server:
            for wanted in (f"foo/{sdist('foo')}", "bar/"):
                assert server.get(f"/pypi/{wanted}").status == 200
            server.age_pages(DAY)
        index.forget()
        with serving(path, index.index_url, eggs=server.eggs, offline=1) as server:
            yield server, index


def test_offline__what_is_stored(offline: tuple[Server, Upstream]) -> None:
    """What is stored is served, however old, and upstream hears nothing."""
    server, index = offline
    assert b"1.0" in server.get("/pypi/foo/").body
    assert server.get(f"/pypi/foo/{sdist('foo')}").body == b"foo" * 100
    bar = server.get("/pypi/bar/")
    assert (bar.status, status_of(bar)) == (200, "eggproxy; hit; detail=offline")
    assert index.requests == []


@pytest.mark.parametrize("path", ["/pypi/none/", f"/pypi/bar/{sdist('bar')}", "/pypi/"])
def test_offline__what_is_not(offline: tuple[Server, Upstream], path: str) -> None:
    """What is not stored is refused with the setting that forbids it; coming again is no help."""
    server, index = offline
    reply = server.get(path)
    assert reply.status == 503
    assert "offline" in reply.reason
    assert b"take offline = 1 out of its configuration" in reply.body
    assert "Retry-After" not in reply.headers
    assert index.requests == []


# Answers that make no sense.


def gzipped(body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Answer with something packed."""
    return 200, {"Content-Type": JSON, "Content-Encoding": "gzip"}, gzip.compress(body)


GOOD = b'{"meta":{"api-version":"1.0"},"name":"foo","files":[{"filename":"a","url":"a","hashes":{}}'
SENSELESS = {
    "captive portal": (200, {"Content-Type": "text/html"}, b"<form><input type=password></form>"),
    "wrong type": (200, {"Content-Type": "image/png"}, GOOD + b"]}"),
    "empty": (200, {}, b""),
    "cut JSON": (200, {"Content-Type": JSON}, GOOD),
    "short": (200, {"Content-Type": JSON}, GOOD + b"]}" + b" " * 1000),
    "another project": (200, {"Content-Type": JSON}, GOOD.replace(b'"foo"', b'"bar"') + b"]}"),
    "too large": (200, {"Content-Type": JSON}, GOOD + b"]" + b" " * 100_000 + b"}"),
    "bomb": gzipped(bytes(50_000_000)),
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Upstream]]:
    """Give a server that takes pages up to 64 KB, and its index; each test has its own project."""
    path = tmp_path_factory.mktemp("strict")
    with (
        Upstream() as index,
        serving(path, index.index_url, max_page_size="64K", timeout=1) as server,
    ):
        yield server, index


@pytest.mark.parametrize("kind", SENSELESS)
def test_senseless__never_replaces_a_good_page(strict: tuple[Server, Upstream], kind: str) -> None:
    """A 200 that makes no sense leaves the page as it is, and the log says once why."""
    server, index = strict
    name = kind.replace(" ", "-").lower()
    index.add(name, sdist(name), b"x")
    page = server.get(f"/pypi/{name}/")
    assert page.status == 200
    server.age_pages(DAY)
    index.page_override[name] = SENSELESS[kind]
    if kind == "short":
        index.fail("page", cut_after=len(GOOD) + 2, only=f"/{name}/")
    for _ in range(3):
        again = server.get(f"/pypi/{name}/")
        assert (again.status, again.body) == (200, page.body)
        assert "stale-if-error" in status_of(again)
    assert server.log.count(f"WARNING {name}: ") == 1
    # What makes sense breaks the row.
    assert server.get("/pypi/").status == 200


# Removed upstream.


def test_removed__said_in_log_and_record(tmp_path: Path, index: Upstream) -> None:
    """A project that upstream has denied for long counts as removed there; its files stay."""
    with serving(tmp_path, index.index_url, always_refresh=1, removal_grace="0s") as server:
        server.get(f"/pypi/foo/{sdist('foo')}")
        index.remove("foo")
        for _ in range(3):
            assert "fwd-status=404" in status_of(server.get("/pypi/foo/"))
        assert server.log.count("upstream says that it has no such project") == 2
        assert "foo: upstream has removed it" in server.log
        assert server.get(f"/pypi/foo/{sdist('foo')}").status == 200
    record = next((server.eggs / ".eggproxy" / "projects" / "foo").glob("record.json"))
    assert json.loads(record.read_bytes().splitlines()[0])["gone"]["times"] == 3


def test_removed__and_back(tmp_path: Path, index: Upstream) -> None:
    """If upstream has it again, nothing was."""
    with serving(tmp_path, index.index_url, always_refresh=1) as server:
        server.get("/pypi/foo/")
        project = index.projects.pop("foo")
        assert "fwd-status=404" in status_of(server.get("/pypi/foo/"))
        index.projects["foo"] = project
        assert "fwd-status=304" in status_of(server.get("/pypi/foo/"))
    record = next((server.eggs / ".eggproxy" / "projects" / "foo").glob("record.json"))
    assert not json.loads(record.read_bytes().splitlines()[0]).get("gone")
