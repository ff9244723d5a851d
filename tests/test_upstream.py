"""The test upstream itself: what the other tests build on."""

import hashlib
import threading
import time

import pytest
import requests

from tests.distributions import make_sdist, make_wheel
from tests.upstream import Upstream

JSON = {"Accept": "application/vnd.pypi.simple.v1+json"}
BODY = bytes(range(256)) * 1000


@pytest.fixture
def url(upstream: Upstream) -> str:
    """Publish a file of 256,000 bytes and give its URL."""
    return upstream.add("Foo.Bar", "foo_bar-1.0.tar.gz", BODY, metadata=b"Name: Foo.Bar\n")


def test_page__json(upstream: Upstream, url: str) -> None:
    """A JSON page carries the keys of PEP 691, 700 and 714, and those of a test."""
    upstream.add("foo-bar", "foo_bar-1.1.tar.gz", b"x", hashes="md5", yanked="bad", odd=1)
    page = requests.get(upstream.index_url + "foo-bar/", headers=JSON, timeout=5).json()
    first, second = page["files"]
    assert (page["versions"], first["url"], first["size"]) == (["1.0", "1.1"], url, len(BODY))
    assert first["hashes"] == {"sha256": hashlib.sha256(BODY).hexdigest()}
    assert (second["yanked"], second["odd"], list(second["hashes"])) == ("bad", 1, ["md5"])


def test_page__html(upstream: Upstream, url: str) -> None:
    """HTML pages have attributes; the legacy ones have a fragment and rel only."""
    upstream.add("foo-bar", "foo_bar-1.0.tar.gz", BODY, requires_python=">=3", hashes="md5")
    upstream.form = "html"
    modern = requests.get(upstream.index_url + "foo-bar/", headers=JSON, timeout=5).text
    upstream.form = "legacy"
    legacy = requests.get(upstream.index_url + "foo-bar/", headers=JSON, timeout=5).text
    assert 'data-requires-python="&gt;=3"' in modern
    assert f'href="{url}#md5=' in legacy
    assert "data-" not in legacy


@pytest.mark.usefixtures("url")
def test_page__redirects_and_404(upstream: Upstream) -> None:
    """Names are normalized by a redirect; an unknown project is a 404."""
    assert requests.get(upstream.index_url + "Foo.Bar", timeout=5).url.endswith("/foo-bar/")
    assert requests.get(upstream.index_url + "nothing/", timeout=5).status_code == 404
    assert "foo-bar" in requests.get(upstream.index_url, timeout=5).text


@pytest.mark.usefixtures("url")
def test_validators__304(upstream: Upstream) -> None:
    """Pages answer 304 by ETag and by Last-Modified, until they change."""
    upstream.last_modified = "Tue, 02 Jan 2024 03:04:05 GMT"
    page = upstream.index_url + "foo-bar/"
    etag = requests.get(page, timeout=5).headers["ETag"]
    for header in ({"If-None-Match": etag}, {"If-Modified-Since": upstream.last_modified}):
        assert requests.get(page, headers=header, timeout=5).status_code == 304
    upstream.remove("foo-bar", "foo_bar-1.0.tar.gz")
    assert requests.get(page, headers={"If-None-Match": etag}, timeout=5).status_code == 200


@pytest.mark.parametrize(
    ("asked", "status", "part"),
    [
        ("bytes=10-19", 206, BODY[10:20]),
        ("bytes=-5", 206, BODY[-5:]),
        ("bytes=255990-", 206, BODY[-10:]),
        ("bytes=256000-", 416, b""),
        ("lines=1-2", 200, BODY),
    ],
)
def test_file__range(url: str, asked: str, status: int, part: bytes) -> None:
    """One range of a file can be had."""
    response = requests.get(url, headers={"Range": asked}, timeout=5)
    assert (response.status_code, response.content) == (status, part)


def test_file__redirected_to_another_host(upstream: Upstream, url: str) -> None:
    """A file can live on another host, and be reached by a redirect."""
    with Upstream() as other:
        other.put("/files/foo-bar/foo_bar-1.0.tar.gz", b"there")
        upstream.redirect_files = other.url
        assert requests.get(url, timeout=5).content == b"there"
        assert len(other.asked("foo_bar-1.0.tar.gz", kind="file")) == 1


def test_file__chunked(upstream: Upstream, url: str) -> None:
    """A file can come without its length."""
    upstream.chunked = True
    response = requests.get(url, timeout=5)
    assert "Content-Length" not in response.headers
    assert response.content == BODY


def test_auth__401(upstream: Upstream, url: str) -> None:
    """Without the credentials it wants, everything is a 401."""
    upstream.expect_auth = ("user", "password")
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=("user", "password"), timeout=5).status_code == 200


def test_fault__status_some_times(upstream: Upstream, url: str) -> None:
    """A fault can end by itself, and hits only its kind of answer."""
    upstream.fail("file", status=503, headers={"Retry-After": "1"}, times=2)
    assert requests.get(url + ".metadata", timeout=5).status_code == 200
    assert [requests.get(url, timeout=5).status_code for _ in range(3)] == [503, 503, 200]
    assert [request.status for request in upstream.asked("1.0.tar.gz")] == [503, 503, 200]


def test_fault__cut_and_corrupt(upstream: Upstream, url: str) -> None:
    """A body can be cut short, or changed in one byte."""
    upstream.fail("file", cut_after=1000)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        _ = requests.get(url, timeout=5).content
    assert upstream.asked("1.0.tar.gz")[0].sent == 1000
    upstream.heal()
    upstream.fail("file", corrupt=True)
    got = requests.get(url, timeout=5).content
    assert sum(a != b for a, b in zip(got, BODY, strict=True)) == 1


def test_gate__holds_the_rest(upstream: Upstream, url: str) -> None:
    """A gate lets the first bytes out at once, and the rest when it is opened."""
    gate = upstream.gate("file", after=5000)
    with requests.get(url, stream=True, timeout=5) as response:
        first = response.raw.read(5000)
        gate.wait_reached()
        assert not upstream.asked("1.0.tar.gz")[0].done
        gate.open()
        assert first + response.raw.read() == BODY


@pytest.mark.usefixtures("url")
def test_hang__until_released(upstream: Upstream) -> None:
    """A hanging upstream has taken the request and says nothing."""
    gate = upstream.hang("page")
    answers: list[int] = []
    page = upstream.index_url + "foo-bar/"
    client = threading.Thread(
        target=lambda: answers.append(requests.get(page, timeout=30).status_code)
    )
    client.start()
    assert upstream.wait_for(1, kind="page")[0].status == 0
    gate.open()
    client.join()
    assert answers == [200]


def test_rate__takes_its_time(upstream: Upstream, url: str) -> None:
    """A slow link makes a file take at least as long as it should."""
    upstream.fail("file", rate=2_560_000, latency=0.05)
    begin = time.monotonic()
    assert requests.get(url, timeout=5).content == BODY
    assert time.monotonic() - begin > 0.14


def test_refuse__and_listen_again(upstream: Upstream, url: str) -> None:
    """An upstream can go down, cutting all connections, and come back on the same port."""
    with requests.Session() as session:
        session.get(url, timeout=5)
        with upstream.down(), pytest.raises(requests.ConnectionError):
            session.get(url, timeout=5)
        assert session.get(url, timeout=5).content == BODY


def test_distributions__have_names_and_metadata() -> None:
    """Distributions are named as their files should be, and repeat byte for byte."""
    wheel, sdist = make_wheel("A.b", "1.0", requires=["c>1"]), make_sdist("A.b", "1.0")
    assert (wheel.filename, sdist.filename) == ("a_b-1.0-py3-none-any.whl", "a_b-1.0.tar.gz")
    assert b"Requires-Dist: c>1\n" in wheel.metadata
    assert make_wheel("A.b", "1.0", requires=["c>1"]) == wheel
