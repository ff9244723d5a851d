"""Files through every front end: streamed while stored, verified, then served from disk."""

import hashlib
import http.client
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers import Server, ask, serving, wait_until
from tests.upstream import Upstream

NAME = "foo_bar-1.0-py3-none-any.whl"
PATH = f"/pypi/foo-bar/{NAME}"
BIG = bytes(range(256)) * 4096
SHA256 = hashlib.sha256(BIG).hexdigest()


@pytest.fixture(autouse=True)
def _a_project(upstream: Upstream) -> None:
    """Upstream has a wheel of 1 MiB, and its metadata."""
    upstream.add("foo-bar", NAME, BIG, metadata=b"its metadata")


def leftovers(proxy: Server) -> set[str]:
    """Name what a transfer has left among eggproxy's own files."""
    return {name for name in proxy.own_files() if name.startswith(("partial/", "tmp/"))}


def is_refused(proxy: Server) -> bool:
    """Say whether the wheel came as an error, or as a body that ends too soon.

    It depends on how much of it was there before the proxy knew.
    """
    try:
        return proxy.get(PATH).status == 502
    except http.client.IncompleteRead:
        return True


def test_file__miss_then_hit(proxy: Server, upstream: Upstream) -> None:
    """A file comes from upstream once, and from disk ever after, with the same headers."""
    miss = proxy.get(PATH)
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    hit = proxy.get(PATH)
    assert miss.body == hit.body == BIG
    assert "fwd=uri-miss" in miss.headers["Cache-Status"]
    assert hit.headers["Cache-Status"] == "eggproxy; hit"
    for reply in (miss, hit):
        assert reply.headers["ETag"] == f'"{SHA256}"'
        assert reply.headers["Content-Type"] == "application/octet-stream"
        assert reply.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert reply.headers["Content-Length"] == str(len(BIG))
    assert len(upstream.asked(NAME)) == 1
    wait_until(lambda: leftovers(proxy) == set())


def test_file__needs_no_upstream_once_stored(proxy: Server, upstream: Upstream) -> None:
    """A stored file is served although its page is stale and upstream is down."""
    proxy.get(PATH)
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    proxy.age_pages(3600)
    with upstream.down():
        assert proxy.get(PATH).body == BIG


def test_file__streamed_while_stored(proxy: Server, upstream: Upstream) -> None:
    """The client has its first bytes while upstream still holds back the rest."""
    gate = upstream.gate("file", after=600_000)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    connection.request("GET", PATH)
    response = connection.getresponse()
    assert response.read(300_000) == BIG[:300_000]
    assert not (proxy.eggs / "foo-bar" / NAME).exists()
    gate.open()
    assert response.read() == BIG[300_000:]
    connection.close()
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    assert (proxy.eggs / "foo-bar" / NAME).read_bytes() == BIG


def test_file__goes_on_without_its_client(proxy: Server, upstream: Upstream) -> None:
    """A transfer does not depend on the client that asked first."""
    gate = upstream.gate("file", after=600_000)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
    connection.request("GET", PATH)
    connection.getresponse().read(1000)
    connection.close()
    gate.open()
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    assert len(upstream.asked(NAME)) == 1


def test_file__one_transfer_for_many(proxy: Server, upstream: Upstream) -> None:
    """However many want a cold file at once, upstream sends it once, and all have it right."""
    gate = upstream.gate("file", after=100_000)
    with ThreadPoolExecutor(10) as pool:
        replies = [pool.submit(proxy.get, PATH) for _ in range(10)]
        upstream.wait_for(1, NAME)
        gate.open()
        assert {reply.result().body for reply in replies} == {BIG}
    assert len(upstream.asked(NAME)) == 1


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=1000000-", 1_000_000, len(BIG)),
        ("bytes=-22", len(BIG) - 22, len(BIG)),
        ("bytes=5-99999999", 5, len(BIG)),
    ],
)
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "cold"])
def test_file__range(proxy: Server, wanted: str, start: int, stop: int, *, stored: bool) -> None:
    """A range of a file, stored or on its way, is a 206 with those bytes."""
    if stored:
        proxy.get(PATH)
    reply = proxy.get(PATH, Range=wanted)
    assert (reply.status, reply.body) == (206, BIG[start:stop])
    assert reply.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(BIG)}"


def test_file__range_outside(proxy: Server) -> None:
    """A range outside the file is a 416 that tells its size."""
    for _ in range(2):
        reply = proxy.get(PATH, Range=f"bytes={len(BIG)}-")
        assert (reply.status, reply.headers["Content-Range"]) == (416, f"bytes */{len(BIG)}")
        proxy.get(PATH)


@pytest.mark.parametrize("wanted", ["bytes=abc", "bytes=9-1", "bytes", "bytes=-"])
def test_file__broken_range(proxy: Server, wanted: str) -> None:
    """A range that cannot be read is a 400 with a sentence."""
    proxy.get(PATH)
    reply = proxy.get(PATH, Range=wanted)
    assert reply.status == 400
    assert b"Range header" in reply.body


def test_file__if_range(proxy: Server) -> None:
    """If-Range gives the part to who has the same file, and the whole to who has another."""
    proxy.get(PATH)
    same = proxy.get(PATH, Range="bytes=5-9", if_range=f'"{SHA256}"')
    other = proxy.get(PATH, Range="bytes=5-9", if_range='"other"')
    assert (same.status, same.body) == (206, BIG[5:10])
    assert (other.status, other.body) == (200, BIG)


def test_file__head_and_304(proxy: Server) -> None:
    """HEAD tells size and digest without a body; a client that has the file gets a 304."""
    for _ in range(2):
        head = proxy.head(PATH)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(BIG))
        assert proxy.get(PATH, if_none_match=f'"{SHA256}"').status == 304
        proxy.get(PATH)


def test_file__never_packed(proxy: Server) -> None:
    """A file has no Content-Encoding, whatever the client takes."""
    for _ in range(2):
        reply = proxy.get(PATH, accept_encoding="gzip, deflate, zstd")
        assert "Content-Encoding" not in reply.headers
        assert reply.body == BIG


def test_file__plus_in_name(proxy: Server, upstream: Upstream) -> None:
    """`+` and `%2B` in an address mean the same file."""
    name = "torch-2.1.0+cpu-py3-none-any.whl"
    upstream.add("torch", name, b"torch")
    assert proxy.get(f"/pypi/torch/{name}").body == b"torch"
    assert proxy.get(f"/pypi/torch/{name.replace('+', '%2B')}").body == b"torch"
    assert len(upstream.asked(kind="file")) == 1


def test_metadata__beside_its_wheel(proxy: Server, upstream: Upstream) -> None:
    """The `.metadata` of a wheel comes without the wheel, is verified, and is kept."""
    for _ in range(2):
        assert proxy.get(f"{PATH}.metadata").body == b"its metadata"
    assert len(upstream.asked(".metadata")) == 1
    assert upstream.asked(kind="file") == []


def test_metadata__promised_but_missing(proxy: Server, upstream: Upstream) -> None:
    """Metadata that upstream promises and does not have is advertised no longer."""
    assert b"data-core-metadata" in proxy.get("/pypi/foo-bar/").body
    upstream.path_override[f"/files/foo-bar/{NAME}.metadata"] = (404, {}, b"")
    assert proxy.get(f"{PATH}.metadata").status == 404
    page = proxy.get("/pypi/foo-bar/").body
    assert NAME.encode() in page
    assert b"data-core-metadata" not in page


@pytest.mark.parametrize(
    "name", ["other-9.9.tar.gz", "index.html.bak", f"{NAME}.asc", "a.metadata"]
)
def test_file__not_on_the_page(proxy: Server, upstream: Upstream, name: str) -> None:
    """What the project's page does not name is a 404, and never asked for."""
    upstream.put(f"/files/foo-bar/{name}", b"there all the same")
    assert proxy.get(f"/pypi/foo-bar/{name}").status == 404
    assert upstream.asked(name) == []


def test_file__wrong_digest(proxy: Server, upstream: Upstream) -> None:
    """Wrong bytes never reach a client whole, and nothing of them is kept."""
    upstream.fail("file", corrupt=True)
    assert is_refused(proxy)
    assert not (proxy.eggs / "foo-bar" / NAME).exists()
    wait_until(lambda: leftovers(proxy) == set())
    assert "instead of sha256" in proxy.log
    upstream.heal()
    wait_until(lambda: proxy.get(PATH).status == 200)
    assert proxy.get(PATH).body == BIG


def test_file__wrong_digest_again_and_again(proxy: Server, upstream: Upstream) -> None:
    """Wrong bytes are tried afresh once, and then refused: no client makes upstream go on."""
    upstream.fail("file", corrupt=True)
    for _ in range(2):
        assert is_refused(proxy)
        wait_until(lambda: leftovers(proxy) == set())
    for _ in range(5):
        reply = proxy.get(PATH)
        assert reply.status == 502
        assert b"instead of sha256" in reply.body
    assert len(upstream.asked(NAME)) == 2


def test_file__small_wrong_digest(proxy: Server, upstream: Upstream) -> None:
    """Not a byte of a small file is sent before its digest is known to be right."""
    upstream.add("foo-bar", "small-1.0.tar.gz", b"small")
    upstream.fail("file", corrupt=True)
    reply = proxy.get("/pypi/foo-bar/small-1.0.tar.gz")
    assert reply.status == 502
    assert b"instead of sha256" in reply.body


def test_file__broken_off_is_resumed(proxy: Server, upstream: Upstream) -> None:
    """A transfer that breaks off goes on where it stopped; the client notices nothing."""
    upstream.fail("file", cut_after=500_000, times=1)
    assert proxy.get(PATH).body == BIG
    _first, second = upstream.asked(NAME)
    assert second.headers["Range"] == "bytes=500000-"


def test_file__broken_off_without_ranges(proxy: Server, upstream: Upstream) -> None:
    """Where upstream ignores Range the client still has every byte right."""
    upstream.ranges = False
    upstream.fail("file", cut_after=500_000, times=1)
    assert proxy.get(PATH).body == BIG


def test_file__upstream_lost_it(proxy: Server, upstream: Upstream) -> None:
    """A file that the page names and upstream no longer has is a 404 that says so."""
    upstream.path_override[f"/files/foo-bar/{NAME}"] = (404, {}, b"")
    reply = proxy.get(PATH)
    assert reply.status == 404
    assert b"upstream no longer has it" in reply.body


def test_file__upstream_down(proxy: Server, upstream: Upstream) -> None:
    """A file that is not stored is a 503 while upstream is down, and nothing is left of it."""
    proxy.get("/pypi/foo-bar/")
    with upstream.down():
        reply = proxy.get(PATH)
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert leftovers(proxy) == set()


@pytest.mark.parametrize("hashes", ["md5", None])
def test_file__old_digests(proxy: Server, upstream: Upstream, hashes: str | None) -> None:
    """A file with an old digest, or none, comes through; with neither size nor length too."""
    upstream.add("foo-bar", "old-1.0.tar.gz", BIG, hashes=hashes, size=False)
    upstream.chunked = True
    for _ in range(2):
        assert proxy.get("/pypi/foo-bar/old-1.0.tar.gz").body == BIG


def test_file__size_differs(proxy: Server, upstream: Upstream) -> None:
    """A file of another size than its page says is a 502, and nothing is kept."""
    upstream.projects["foo-bar"].files[NAME]["size"] = 5
    assert proxy.get(PATH).status == 502
    assert not (proxy.eggs / "foo-bar" / NAME).exists()


def test_file__on_another_host(proxy: Server, upstream: Upstream) -> None:
    """Files may lie on another host, behind a redirect; credentials do not follow there."""
    with Upstream() as elsewhere:
        elsewhere.put(f"/files/foo-bar/{NAME}", BIG)
        upstream.redirect_files = elsewhere.url
        assert proxy.get(PATH).body == BIG
        assert len(elsewhere.requests) == 1
        assert "Authorization" not in elsewhere.requests[0].headers


@pytest.mark.parametrize("where", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_file__redirect_to_another_scheme(proxy: Server, upstream: Upstream, where: str) -> None:
    """A redirect to anything but http(s) is a 502, and is not followed."""
    upstream.path_override[f"/files/foo-bar/{NAME}"] = (302, {"Location": where}, b"")
    reply = proxy.get(PATH)
    assert reply.status == 502
    assert b"root:" not in reply.body


def test_file__cold_file_in_two_processes(tmp_path: Path, upstream: Upstream) -> None:
    """Two servers over one directory fetch a file once; both have all of it right."""
    eggs = tmp_path / "eggs"
    gate = upstream.gate("file", after=600_000)
    with (
        serving(tmp_path, upstream.index_url, eggs=eggs) as one,
        serving(tmp_path, upstream.index_url, eggs=eggs) as two,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(one.get, PATH)
        upstream.wait_for(1, NAME)
        second = pool.submit(two.get, PATH)
        wait_until(lambda: len(upstream.asked(kind="page")) >= 1)
        gate.open()
        assert first.result().body == second.result().body == BIG
    assert len(upstream.asked(NAME)) == 1


def test_file__leader_killed(tmp_path: Path, upstream: Upstream) -> None:
    """When the process that fetches a file is killed, another goes on with what it has stored."""
    eggs = tmp_path / "eggs"
    gate = upstream.gate("file", after=600_000)
    with (
        serving(tmp_path, upstream.index_url, eggs=eggs) as one,
        serving(tmp_path, upstream.index_url, eggs=eggs) as two,
        ThreadPoolExecutor(2) as pool,
    ):
        first = pool.submit(one.get, PATH)
        upstream.wait_for(1, NAME)
        partial = eggs / ".eggproxy" / "partial"
        wait_until(lambda: sum(path.stat().st_size for path in partial.iterdir()) > 500_000)
        second = pool.submit(two.get, PATH)
        one.process.kill()
        gate.open()
        assert second.result().body == BIG
        with pytest.raises((http.client.HTTPException, OSError)):
            first.result()
    assert int(upstream.asked(NAME)[1].headers["Range"].removeprefix("bytes=")[:-1]) > 500_000


def test_static__the_directory_is_an_index(proxy: Server) -> None:
    """What is stored is, served by any static server, an index with the same pages and files."""
    page = proxy.get("/pypi/foo-bar/").body
    proxy.get(PATH)
    proxy.get("/pypi/")
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    assert (proxy.eggs / "foo-bar" / "index.html").read_bytes() == page
    assert (proxy.eggs / "foo-bar" / NAME).read_bytes() == BIG
    assert f'href="{NAME}#sha256={SHA256}"'.encode() in page
    assert b'href="foo-bar/"' in (proxy.eggs / "index.html").read_bytes()


def test_absolute_request_line(proxy: Server) -> None:
    """A client that believes it talks to a proxy, with a whole URL in its request, is answered."""
    assert ask(proxy.url, f"{proxy.url}/pypi/foo-bar/").status == 200
