"""`eggproxy serve`: starting, ending, workers, slow clients, and what it writes."""

import http.client
import re
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from tests.servers import BIN, clean_environment, serving, wait_until
from tests.upstream import Upstream

NAME = "foo-1.0-py3-none-any.whl"
PATH = f"/pypi/foo/{NAME}"
BIG = bytes(range(256)) * 8192


def run(*arguments: str, cwd: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command until it ends by itself."""
    return subprocess.run(
        [BIN / "eggproxy", *arguments],
        cwd=cwd,
        env=clean_environment(HOME=str(cwd), **settings),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def refused(tmp_path: Path, *arguments: str) -> str:
    """Run a server that must not start, and return its one sentence."""
    result = run("serve", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    return result.stderr


def test_serve__unknown_key(tmp_path: Path) -> None:
    """An unknown key is named with its file and line, and nothing is started."""
    conf = tmp_path / "my.conf"
    conf.write_text("[eggproxy]\n\nupdate_intervall = 3\n")
    sentence = refused(tmp_path, "--config", str(conf))
    assert str(conf) in sentence
    assert "3" in sentence
    assert "did you mean update_interval" in sentence
    assert [path.name for path in tmp_path.iterdir()] == ["my.conf"]


def test_serve__unusable_directory(tmp_path: Path) -> None:
    """A directory that cannot be made is named with the option that set it."""
    (tmp_path / "file").write_text("")
    sentence = refused(tmp_path, "--eggs-directory", str(tmp_path / "file" / "eggs"))
    assert "eggs-directory" in sentence
    assert "Not a directory" in sentence


def test_serve__port_taken(tmp_path: Path) -> None:
    """A port that somebody else has is told in a sentence, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        sentence = refused(tmp_path, "--port", str(taken.getsockname()[1]))
    assert "Address already in use" in sentence


def test_serve__greets(tmp_path: Path, upstream: Upstream) -> None:
    """It tells at once how to point pip, uv, buildout and easy_install at it."""
    with serving(tmp_path, upstream.index_url) as proxy:
        for words in ("pip install --index-url", "uv pip install", "index =", "easy_install -i"):
            assert re.search(rf"{words}.* ?{re.escape(proxy.index)}", proxy.log)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_serve__ends_well(
    tmp_path: Path, upstream: Upstream, number: signal.Signals, workers: int
) -> None:
    """A signal lets a running answer end, and then the exit status is 0."""
    upstream.add("foo", NAME, BIG)
    gate = upstream.gate("file", after=1_000_000)
    with serving(tmp_path, upstream.index_url, workers=workers) as proxy:
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=30)
        connection.request("GET", PATH)
        response = connection.getresponse()
        first = response.read(500_000)
        proxy.process.send_signal(number)
        wait_until(lambda: not _accepts(proxy.port))
        gate.open()
        assert first + response.read() == BIG
        connection.close()
        assert proxy.process.wait(10) == 0
        assert "Traceback" not in proxy.log


def test_serve__ends_while_upstream_hangs(tmp_path: Path, upstream: Upstream) -> None:
    """A silent upstream does not keep the server from ending."""
    upstream.add("foo", NAME, BIG)
    upstream.hang("page")
    with serving(tmp_path, upstream.index_url, timeout=600) as proxy, ThreadPoolExecutor() as pool:
        waiting = pool.submit(proxy.get, "/pypi/foo/")
        upstream.wait_for(1)
        assert proxy.stop() == 0
        assert waiting.result().reason == "This server is being ended"


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_workers__share_the_directory(tmp_path: Path, upstream: Upstream) -> None:
    """Many clients of several workers have a cold file and page right, and upstream sends once."""
    upstream.add("foo", NAME, BIG)
    with (
        serving(tmp_path, upstream.index_url, workers=3) as proxy,
        ThreadPoolExecutor(24) as pool,
    ):
        bodies = {reply.body for reply in pool.map(lambda _: proxy.get(PATH), range(24))}
    assert bodies == {BIG}
    assert len(upstream.asked(NAME)) == 1
    assert len(upstream.asked(kind="page")) == 1


def test_workers__killed_one_is_replaced(tmp_path: Path, upstream: Upstream) -> None:
    """A worker that dies is replaced, and the others go on meanwhile."""
    with serving(tmp_path, upstream.index_url, workers=2) as proxy:
        before = _children(proxy.process.pid)
        assert len(before) >= 2
        subprocess.run(["kill", "-9", before[-1]], check=True)
        wait_until(lambda: set(_children(proxy.process.pid)) - set(before))
        assert proxy.get("/pypi/none/").status == 404


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_slow_clients__block_nobody(tmp_path: Path, upstream: Upstream) -> None:
    """A hundred clients that stop reading block nobody, and cost next to no memory."""
    size = 32 << 20
    upstream.add("foo", NAME, b"x" * size)
    with serving(tmp_path, upstream.index_url) as proxy, ExitStack() as stack:
        assert len(proxy.get(PATH).body) == size
        before = _memory(proxy.process.pid)
        for _ in range(100):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", proxy.port)))
            client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(100)
        assert proxy.get("/pypi/foo/").status == 200
        # A hundred whole answers would be 3.2 GB.
        assert _memory(proxy.process.pid) - before < 64 << 20


def test_slow_clients__leaving_is_noticed(tmp_path: Path, upstream: Upstream) -> None:
    """A client that leaves in the middle lets go of its file."""
    upstream.add("foo", NAME, b"x" * (32 << 20))
    with serving(tmp_path, upstream.index_url) as proxy:
        proxy.get(PATH)
        wait_until((proxy.eggs / "foo" / NAME).exists)
        wait_until(lambda: not _holds(proxy.process.pid, NAME))
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert client.recv(100)
            wait_until(lambda: _holds(proxy.process.pid, NAME))
        wait_until(lambda: not _holds(proxy.process.pid, NAME))


def _holds(pid: int, name: str) -> bool:
    """Say whether a process has a file of that name open."""
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            if descriptor.readlink().name.startswith(name):
                return True
    return False


def _memory(pid: int) -> int:
    """Resident memory of a process in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    match = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert match
    return int(match[1]) * 1024


def test_log__one_line_a_request(tmp_path: Path, upstream: Upstream) -> None:
    """Each request is one line with the words of Cache-Status; credentials are in none."""
    upstream.add("foo", NAME, BIG)
    with serving(tmp_path, upstream.index_url) as proxy:
        proxy.get("/pypi/foo/?token=s3cr3t", Authorization="Basic am9lOnMzY3IzdA==")
        proxy.get("/pypi/foo/", user_agent="a\x80b")
        proxy.get("/pypi/foo/")
        wait_until(lambda: proxy.log.count(" /pypi/foo/ 200 ") == 3)
        lines = [line for line in proxy.log.splitlines() if "/pypi/foo/" in line][-3:]
        assert "[fwd=uri-miss; fwd-status=200; stored]" in lines[0]
        assert "[hit]" in lines[2]
        assert "s3cr3t" not in proxy.log
        assert "am9l" not in proxy.log
        assert "a?b" in lines[1]


def test_pipelined_requests(tmp_path: Path, upstream: Upstream) -> None:
    """Requests sent at once on one connection, hits and misses, are answered in their order."""
    upstream.add("foo", NAME, BIG)
    upstream.add("bar", "bar-1.0.tar.gz", b"bar")
    with serving(tmp_path, upstream.index_url) as proxy:
        proxy.get("/pypi/foo/")
        paths = ["/pypi/foo/", "/pypi/bar/", "/pypi/foo/", "/pypi/foo", "/pypi/foo/"]
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
            head = "Host: x\r\nConnection: {}\r\n\r\n"
            requests = [f"GET {path} HTTP/1.1\r\n{head.format('keep-alive')}" for path in paths]
            requests[-1] = requests[-1].replace("keep-alive", "close")
            client.sendall("".join(requests).encode())
            answer = b"".join(iter(lambda: client.recv(65536), b""))
    statuses = re.findall(rb"HTTP/1.1 (\d+) ", answer)
    titles = re.findall(rb"<title>(.*?)</title>", answer)
    assert statuses == [b"200", b"200", b"200", b"301", b"200"]
    foo = b"Links for foo"
    assert titles == [foo, b"Links for bar", foo, b"Moved", foo]


def test_http_1_0(tmp_path: Path, upstream: Upstream) -> None:
    """A client of HTTP/1.0 has its answer, and the connection is closed behind it."""
    upstream.add("foo", NAME, BIG)
    with serving(tmp_path, upstream.index_url) as proxy:
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=30) as client:
                client.sendall(b"GET /pypi/foo/ HTTP/1.0\r\n\r\n")
                answer = b"".join(iter(lambda: client.recv(65536), b""))
            assert answer.startswith(b"HTTP/1.1 200")
            assert answer.endswith(b"</html>\n")


@pytest.mark.parametrize("name", ["eggproxy_run", "eggproxy_update"])
def test_old_names(name: str) -> None:
    """The old names of the commands are there."""
    result = subprocess.run([BIN / name, "--help"], capture_output=True, text=True, check=True)
    assert name in result.stdout
