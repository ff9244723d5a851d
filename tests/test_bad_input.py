"""Bad input through every front end: a sentence, nothing on disk, nothing asked upstream."""

import socket

import pytest

from tests.servers import Server, ask
from tests.upstream import Upstream

BAD_ADDRESSES = [
    ("/pypi/../../etc/passwd", {400, 404}),
    ("/pypi/foo/..", {400, 404}),
    ("/pypi/%2e%2e/%2e%2e/etc/passwd", {400, 404}),
    ("/pypi/foo%2fbar/", {400, 404}),
    ("/pypi/foo/..%2f..%2fetc%2fpasswd", {400, 404}),
    ("/pypi/foo%5cbar/", {400}),
    ("/pypi/foo%00/", {400}),
    ("/pypi/foo%0d%0aX-Evil:%20yes/", {400, 404}),
    ("/pypi/foo%0d%0aX-Evil:%20yes", {400, 404}),
    ("/pypi/foo\\bar/", {400}),
    (f"/pypi/{'a' * 5000}/", {404, 414}),
    (f"/pypi/foo/{'a' * 5000}.whl", {404, 414}),
    ("/pypi/.eggproxy/", {400, 404}),
    ("/pypi/.eggproxy/projects/foo/record.json", {400, 404}),
    ("/pypi/foo/.hidden", {400, 404}),
    ("/pypi/-foo-/", {404}),
    ("/pypi/f%C3%B6%C3%B6/", {404}),
    ("/pypi//foo/", {404}),
    ("/pypi/foo//bar.whl", {404}),
    ("/pypi/foo/a/b", {404}),
    ("/nowhere/", {404}),
]


@pytest.mark.parametrize(("path", "statuses"), BAD_ADDRESSES, ids=range(len(BAD_ADDRESSES)))
def test_bad_address(proxy: Server, upstream: Upstream, path: str, statuses: set[int]) -> None:
    """An address that can be nothing is refused in plain words, and has no effect at all."""
    reply = ask(proxy.url, path)
    assert reply.status in statuses | proxy.refusals
    assert len(reply.body) > 10
    assert "X-Evil" not in reply.headers
    assert upstream.requests == []
    assert proxy.files() == set()
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_bad_method(proxy: Server, upstream: Upstream, method: str) -> None:
    """Only GET and HEAD are answered; a 405 says so."""
    reply = ask(proxy.url, "/pypi/foo/", method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")
    assert b"GET and HEAD" in reply.body
    assert upstream.requests == []


def test_bad_method__unknown(proxy: Server, upstream: Upstream) -> None:
    """A method that nobody knows is refused."""
    assert ask(proxy.url, "/pypi/foo/", method="BREW").status in {400, 405}
    assert upstream.requests == []


def test_huge_accept(proxy: Server, upstream: Upstream) -> None:
    """A huge Accept header is refused with a sentence."""
    reply = proxy.get("/pypi/foo/", Accept="text/html," * 3000)
    assert reply.status in {400, 431}
    assert upstream.requests == []
    assert "Traceback" not in proxy.log


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /pypi/foo\x01/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /pypi/foo/%zz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"\x00\x01\x02\r\n\r\n",
        b"GET /pypi/foo/ HTTP/9.9\r\nHost: x\r\n\r\n",
    ],
)
def test_broken_request(proxy: Server, upstream: Upstream, request_: bytes) -> None:
    """A request that is broken on the wire gets a 4xx or a closed door, and harms nobody."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
        client.sendall(request_)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer == b"" or answer.split()[1][:1] in {b"4", b"5"}
    assert upstream.requests == [] or (proxy.any_version and b"HTTP/9.9" in request_)
    assert proxy.get("/").status == 200
