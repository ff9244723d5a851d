"""Three proxies, each the index of the next; and proxies that lead back to themselves."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.servers import JSON, Server, free_port, serving, wait_until
from tests.upstream import Upstream

FILE = "demo-1.0-py3-none-any.whl"
BODY = b"demo" * 10_000


class Chain(NamedTuple):
    """The proxies, the one that clients ask first; and the index behind the last."""

    near: Server
    middle: Server
    far: Server
    upstream: Upstream

    def states(self, path: str) -> list[str]:
        """Give what each cache says of an answer, the nearest to the index first (RFC 9211)."""
        header = self.near.get(path, accept=JSON).headers["Cache-Status"]
        return [each.strip() for each in header.split(",")]


@pytest.fixture
def chain(tmp_path: Path, upstream: Upstream) -> Iterator[Chain]:
    """Give three proxies in a row, over an index with one project."""
    upstream.add("demo", FILE, BODY, metadata=b"Name: demo\n")
    with ExitStack() as stack:
        servers: list[Server] = []
        index = upstream.index_url
        for name in ("far", "middle", "near"):
            home = tmp_path / name
            home.mkdir()
            servers.append(stack.enter_context(serving(home, index)))
            index = servers[-1].index
        far, middle, near = servers
        yield Chain(near, middle, far, upstream)


def test_chain__cache_status_of_page(chain: Chain) -> None:
    """The header of a page names all three, the farthest first."""
    miss = "eggproxy; fwd=uri-miss; fwd-status=200; stored"
    assert chain.states("/pypi/demo/") == [miss] * 3
    assert chain.states("/pypi/demo/") == ["eggproxy; hit"]


def test_chain__cache_status_tells_who_had_it(chain: Chain) -> None:
    """What a proxy far away has already is a hit there, and a miss on this side."""
    chain.far.get("/pypi/demo/")
    states = chain.states("/pypi/demo/")
    assert states[0] == "eggproxy; hit"
    assert [state.split("; ")[1] for state in states[1:]] == ["fwd=uri-miss"] * 2


@pytest.mark.parametrize("name", [FILE, f"{FILE}.metadata"])
def test_chain__cache_status_of_file(chain: Chain, name: str) -> None:
    """So does that of a file, and of its metadata."""
    assert chain.states(f"/pypi/demo/{name}") == ["eggproxy; fwd=uri-miss; stored"] * 3


def test_chain__everything_arrives(chain: Chain) -> None:
    """The page of the third is that of the first, and the bytes are the index's."""
    pages = [
        server.get("/pypi/demo/", accept=JSON).body
        for server in (chain.near, chain.middle, chain.far)
    ]
    assert pages[0] == pages[1] == pages[2]
    assert chain.near.get(f"/pypi/demo/{FILE}").body == BODY
    assert chain.near.get(f"/pypi/demo/{FILE}.metadata").body == b"Name: demo\n"
    assert [request.kind for request in chain.upstream.requests] == ["page", "file", "metadata"]


@pytest.mark.parametrize("level", ["index", "far", "middle"])
def test_chain__is_cut(chain: Chain, level: str) -> None:
    """Whatever link is cut, what was had is there, page and file; what was not is refused."""
    chain.upstream.add("late", "late-1.0.tar.gz", b"late")
    for name in (FILE, f"{FILE}.metadata"):
        assert chain.near.get(f"/pypi/demo/{name}").status == 200
    wait_until(lambda: chain.near.get("/pypi/+stored/demo/").status == 200)
    if level == "index":
        chain.upstream.refuse()
    else:
        getattr(chain, level).stop()
    for server in (chain.near, chain.middle, chain.far):
        server.age_pages(1e6)
    page = chain.near.get("/pypi/demo/", accept=JSON)
    assert (page.status, FILE.encode() in page.body) == (200, True)
    assert chain.near.get(f"/pypi/demo/{FILE}").body == BODY
    assert chain.near.get("/pypi/late/").status == 503


def test_chain__is_mended(chain: Chain) -> None:
    """When the index is there again, so is all that it has, through all three."""
    with chain.upstream.down():
        assert chain.near.get("/pypi/demo/").status == 503
    wait_until(lambda: chain.near.get("/pypi/demo/").status == 200)
    assert chain.near.get(f"/pypi/demo/{FILE}").body == BODY


def test_chain__missing(chain: Chain) -> None:
    """What the index has not is 404 at the end of the chain, at once."""
    assert chain.near.get("/pypi/nowhere/").status == 404
    assert chain.near.get("/pypi/demo/demo-9.0.tar.gz").status == 404


def test_loop__to_itself(tmp_path: Path) -> None:
    """A proxy that is its own index says so at once."""
    port = free_port()
    began = time.monotonic()
    with serving(tmp_path, f"http://127.0.0.1:{port}/pypi/", port=port, timeout=20) as server:
        reply = server.get("/pypi/demo/")
        assert (reply.status, b"in a loop" in reply.body) == (503, True), reply
        assert server.get("/pypi/").status == 503
    # Nobody has waited for a timeout.
    assert time.monotonic() < began + 20


def test_loop__of_two(tmp_path: Path) -> None:
    """Two proxies that are each other's index say so at once, whichever is asked."""
    first, second = free_port(), free_port()
    began = time.monotonic()
    with ExitStack() as stack:
        servers = []
        for port, other in ((first, second), (second, first)):
            home = tmp_path / str(port)
            home.mkdir()
            index = f"http://127.0.0.1:{other}/pypi/"
            running = serving(home, index, port=port, timeout=20)
            servers.append(stack.enter_context(running))
        for server, project in zip(servers, ("demo", "other"), strict=True):
            reply = server.get(f"/pypi/{project}/")
            assert reply.status == 503
        assert any("in a loop" in server.log for server in servers)
    assert time.monotonic() < began + 20


def test_question__not_via(proxy: Server, upstream: Upstream) -> None:
    """Upstream is told of the proxies, but not by Via: nginx packs nothing for who sends that."""
    upstream.add("demo", FILE, BODY, metadata=b"Name: demo\n")
    for name in ("", FILE, f"{FILE}.metadata"):
        assert proxy.get(f"/pypi/demo/{name}").status == 200
    headers = [request.headers for request in upstream.requests]
    assert [each["Via"] for each in headers] == [None] * len(headers)
    assert all(each["CDN-Loop"].startswith("eggproxy-") for each in headers)
