"""A disk that takes nothing more: answers go through, nothing partial stays, no restart."""

import http.server
import json
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import PATIENCE, Server, serving, wait_until
from tests.upstream import Upstream

ROOM = 2 << 20
BIG = os.urandom(6 << 20)
SMALL = b"small" * 1000
JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Have a small file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "eggproxy-test", str(folder)]
    if subprocess.run(mounted, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=["serve", "gunicorn"])
def proxy(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, disk: Path
) -> Iterator[Server]:
    """Give a proxy whose eggs directory has little room."""
    upstream.add("foo", "foo-1.0.tar.gz", BIG)
    upstream.add("foo", "foo-0.1.tar.gz", SMALL)
    with serving(
        tmp_path, upstream.index_url, front_end=request.param, eggs=disk / "eggs"
    ) as server:
        yield server


def fill(disk: Path) -> Path:
    """Leave no room at all."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def partials(server: Server) -> list[Path]:
    """List what is left of transfers."""
    return [*(server.eggs / ".eggproxy" / "partial").iterdir()]


def test_file__larger_than_the_room(proxy: Server) -> None:
    """A file that finds no room reaches its client whole; nothing of it stays on disk."""
    for _ in range(2):
        assert proxy.get("/pypi/foo/foo-1.0.tar.gz").body == BIG
        wait_until(lambda: partials(proxy) == [])
    assert not (proxy.eggs / "foo" / "foo-1.0.tar.gz").exists()
    assert proxy.log.count("serving without storing") == 1
    assert "No space left" in proxy.log


def test_file__range_of_what_finds_no_room(proxy: Server) -> None:
    """A part of such a file is that part."""
    reply = proxy.get("/pypi/foo/foo-1.0.tar.gz", range="bytes=3000000-4999999")
    assert reply.status == 206
    assert reply.body == BIG[3_000_000:5_000_000]


def test_page__no_room(proxy: Server, disk: Path) -> None:
    """A page that finds no room is answered all the same, and so are its files."""
    fill(disk)
    for _ in range(2):
        page = json.loads(proxy.get("/pypi/foo/", accept=JSON).body)
        assert [file["filename"] for file in page["files"]] == ["foo-1.0.tar.gz", "foo-0.1.tar.gz"]
        assert proxy.get("/pypi/foo/foo-0.1.tar.gz").body == SMALL
    assert b"foo-0.1.tar.gz" in proxy.get("/pypi/foo/", accept="text/html").body
    assert proxy.files() == set()


def test_page__stale_and_no_room(proxy: Server, upstream: Upstream, disk: Path) -> None:
    """A stored page that cannot be replaced does not hide what is new."""
    assert proxy.get("/pypi/foo/").status == 200
    before = (proxy.eggs / "foo" / "index.json").read_bytes()
    proxy.age_pages(10_000)
    fill(disk)
    upstream.add("foo", "foo-2.0.tar.gz", b"news")
    assert b"foo-2.0.tar.gz" in proxy.get("/pypi/foo/").body
    assert proxy.get("/pypi/foo/foo-2.0.tar.gz").body == b"news"
    assert (proxy.eggs / "foo" / "index.json").read_bytes() == before


def test_health__tells(proxy: Server, disk: Path) -> None:
    """The health address tells of a full disk, and no longer once there is room again."""
    assert json.loads(proxy.get("/healthz").body)["status"] == "ok"
    filler = fill(disk)
    assert proxy.get("/pypi/foo/foo-0.1.tar.gz").body == SMALL
    report = json.loads(proxy.get("/healthz").body)
    assert report["status"] == "degraded"
    assert "No space left" in report["trouble"]
    filler.unlink()
    wait_until(lambda: proxy.get("/pypi/foo/foo-0.1.tar.gz").headers["Cache-Status"] == HIT)
    assert json.loads(proxy.get("/healthz").body)["status"] == "ok"


HIT = "eggproxy; hit"


class _NoLength(http.server.BaseHTTPRequestHandler):
    """An index that never says how long its file is."""

    def do_GET(self) -> None:
        """Send the page, or the file, and hang up behind it."""
        is_page = self.path.endswith("/")
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "application/octet-stream")
        self.end_headers()
        self.wfile.write(b'<!DOCTYPE html><a href="big-1.0.tar.gz">big</a>' if is_page else BIG)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("front_end", ["serve", "gunicorn"])
def test_file__of_unknown_length_over_http_1_0(disk: Path, tmp_path: Path, front_end: str) -> None:
    """A client of old gets a file of unknown length whole, though it finds no room on disk."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _NoLength) as index:
        threading.Thread(target=index.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{index.server_port}/simple/"
        with serving(tmp_path, url, front_end=front_end, eggs=disk / "eggs") as proxy:
            assert proxy.get("/pypi/big/").status == 200
            fill(disk)
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client:
                client.sendall(b"GET /pypi/big/big-1.0.tar.gz HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(65536), b""))
        index.shutdown()
    assert answer.partition(b"\r\n\r\n")[2] == BIG
