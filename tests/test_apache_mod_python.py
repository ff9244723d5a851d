"""Apache with mod_python, beyond what all front ends have in common."""

import http.client
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from eggproxy.apache_known import SETTLED
from tests import httpd
from tests.httpd import MOD_PYTHON, Httpd, Mpm
from tests.servers import JSON, PATIENCE, Reply, Server, ask, serving, wait_until
from tests.upstream import Gate, Upstream

NAME = "foo_bar-1.0-py3-none-any.whl"
PATH = f"/pypi/foo-bar/{NAME}"
BIG = bytes(range(256)) * 12_000

CONFIGURATION = """
[eggproxy]
eggs_directory = {eggs}
index = {index}
update_interval = 24
always_refresh = 0
timeout = 3
"""


@pytest.fixture(autouse=True)
def _modules(upstream: Upstream) -> None:
    """Apache is here, and upstream has a wheel of 3 MB."""
    httpd.require("python")
    httpd.require_python_of("python")
    upstream.add("foo-bar", NAME, BIG)


@pytest.fixture
def root() -> Iterator[Path]:
    """Give a directory that httpd's processes reach and may write."""
    with httpd.public_directory() as directory:
        yield directory


@pytest.fixture(params=["prefork", "event"])
def proxy(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy under each kind of httpd in turn."""
    front_end = f"mod_python-{request.param}"
    with serving(tmp_path, upstream.index_url, front_end=front_end) as server:
        yield server


def configure(
    root: Path, upstream: Upstream, name: str = "eggs", user: str | None = None
) -> tuple[Path, Path]:
    """Make an eggs directory, and a configuration file for it."""
    eggs, file = root / name, root / f"{name}.conf"
    eggs.mkdir()
    httpd.give_away(eggs, user)
    file.write_text(CONFIGURATION.format(eggs=eggs, index=upstream.index_url))
    return eggs, file


@contextmanager
def as_written(
    root: Path,
    upstream: Upstream,
    *,
    mpm: Mpm = "event",
    user: str | None = None,
    projects: Sequence[str] = (),
) -> Iterator[Httpd]:
    """Run an httpd with the virtual host as it was written, over `root`/eggs."""
    eggs, file = configure(root, upstream, user=user)
    for project in projects:
        (eggs / project).mkdir()
    environment = {
        "EGGPROXY_CONFIG": str(file),
        "PYTHONPATH": os.pathsep.join(httpd.python_path()),
    }
    directives = httpd.AS_WRITTEN.format(eggs=eggs)
    with httpd.httpd(
        directives, ["python"], root=root, environment=environment, mpm=mpm, user=user
    ) as server:
        yield server


@pytest.mark.parametrize("mpm", ["prefork", "event"])
def test_as_written(root: Path, upstream: Upstream, mpm: Mpm) -> None:
    """The virtual host as its administrator wrote it serves pages, files and redirects."""
    with as_written(root, upstream, mpm=mpm) as server:
        for _ in range(2):
            assert ask(server.url, "/pypi/foo-bar/").status == 200
            page = ask(server.url, "/pypi/foo-bar/", headers={"Accept": JSON})
            assert page.headers["Content-Type"] == JSON
            assert ask(server.url, PATH).body == BIG
            moved = ask(server.url, "/pypi/foo-bar")
            assert (moved.status, moved.headers["Location"]) == (301, "/pypi/foo-bar/")
            assert b"no project none" in ask(server.url, "/pypi/none/").body
        assert "Traceback" not in server.log
    # Parts of the file are asked for as well, to complete what such an index leaves out.
    whole = [each for each in upstream.asked(NAME) if "Range" not in each.headers]
    downloads = [each for each in whole if each.method == "GET"]
    assert len(upstream.asked("/simple/foo-bar/")) == len(downloads) == 1


def test_as_written__projects_are_no_packages(root: Path, upstream: Upstream) -> None:
    """A stored project is never imported in place of a library that is not there.

    mod_python puts the directory of its handler, which is the eggs directory, into `sys.path`.
    """
    upstream.form = "legacy"
    names = ("simplejson", "brotli", "zstandard", "html5lib", "chardet", "cchardet", "h2")
    with as_written(root, upstream, projects=names) as server:
        assert ask(server.url, "/pypi/foo-bar/").status == 200
        assert ask(server.url, PATH).body == BIG


def test_ordinary_user(upstream: Upstream) -> None:
    """An httpd that an ordinary user starts works as well."""
    user = "nobody" if os.getuid() == 0 else None
    with httpd.public_directory(user) as root, as_written(root, upstream, user=user) as server:
        assert ask(server.url, "/pypi/foo-bar/").status == 200
        assert ask(server.url, PATH).body == BIG
        wait_until((root / "eggs" / "foo-bar" / NAME).exists)


def test_virtual_hosts(root: Path, upstream: Upstream) -> None:
    """Each virtual host has its own prefix, directory and configuration."""
    upstream.add("six", "six-1.0.tar.gz", b"six")
    with Upstream() as other:
        other.add("other", "other-1.0.tar.gz", b"other")
        hosts = [("one.example", "/pypi", upstream), ("two.example", "/a/b", other)]
        directives = COMMON.format(root=root, path=httpd.python_path())
        for host, prefix, index in hosts:
            eggs, file = configure(root, index, host)
            directives += HOST.format(host=host, prefix=prefix, eggs=eggs, file=file)
        with httpd.httpd(directives, ["python"], root=root) as server:
            assert ask_host(server, "one.example", "/pypi/six/").status == 200
            assert ask_host(server, "two.example", "/a/b/other/").status == 200
            moved = ask_host(server, "two.example", "/a/b/other")
            assert moved.headers["Location"] == "/a/b/other/"
            assert ask_host(server, "two.example", "/a/b/six/").status == 404
    assert (root / "one.example/six/index.html").exists()
    assert (root / "two.example/other/index.html").exists()


COMMON = """
PythonOption mod_python.mutex_directory "{root}/run"
PythonOption mod_python.mutex_locks 1
PythonInterpreter main_interpreter
PythonPath "{path} + sys.path"
"""
HOST = """
<VirtualHost *>
    ServerName {host}
    Alias {prefix} "{eggs}"
    <Directory "{eggs}">
        Require all granted
        PythonFixupHandler eggproxy.apache_handler::fixup_handler
        PythonOption URLPrefix {prefix}/
        PythonOption EggProxyConfig {file}
    </Directory>
</VirtualHost>
"""


def ask_host(server: Httpd, host: str, path: str) -> Reply:
    """Ask one of the virtual hosts."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.request("GET", path, headers={"Host": host})
    response = connection.getresponse()
    reply = Reply(response.status, response.reason, response.headers, response.read())
    connection.close()
    return reply


def test_eggs_directory__of_the_option(root: Path, upstream: Upstream) -> None:
    """`PythonOption EggsDirectory` wins; that Apache maps another one is said once in the log."""
    eggs, file = configure(root, upstream)
    (other := root / "other").mkdir()
    httpd.give_away(other)
    directives = COMMON.format(root=root, path=httpd.python_path()) + HOST.format(
        host="localhost",
        prefix="/pypi",
        eggs=eggs,
        file=f"{file}\nPythonOption EggsDirectory {other}",
    )
    with httpd.httpd(directives, ["python"], root=root) as server:
        for _ in range(2):
            assert ask(server.url, "/pypi/foo-bar/").status == 200
            assert ask(server.url, PATH).body == BIG
        wait_until((other / "foo-bar" / NAME).exists)
        assert (
            server.log.count(f"Files are stored in {other}, but Apache looks for them in {eggs}")
            == 1
        )
    assert not (eggs / "foo-bar").exists()


def test_configuration__broken(root: Path, upstream: Upstream) -> None:
    """A configuration that cannot be used is a 500 in plain words; the log tells why."""
    with as_written(root, upstream) as server:
        (root / "eggs.conf").write_text("[eggproxy]\nupdate_intervall = 1\n")
        reply = ask(server.url, "/pypi/foo-bar/")
        assert (reply.status, reply.headers["Content-Type"]) == (500, "text/plain; charset=utf-8")
        assert b"log tells why" in reply.body
        assert "did you mean update_interval?" in server.log
        configure_again = CONFIGURATION.format(eggs=root / "eggs", index=upstream.index_url)
        (root / "eggs.conf").write_text(configure_again)
        assert ask(server.url, "/pypi/foo-bar/").status == 200


def test_page__asked_for_often(proxy: Server, upstream: Upstream, tmp_path: Path) -> None:
    """A page that Apache knows by heart is the new one as soon as somebody has renewed it."""
    forms: list[dict[str, str]] = [
        {},
        {"Accept": JSON},
        {"Accept": JSON, "Accept-Encoding": "gzip"},
    ]

    def pages() -> list[tuple[int, bytes]]:
        answers = [proxy.get("/pypi/foo-bar/", **form) for form in forms]
        return [(answer.status, answer.body) for answer in answers]

    old = pages()
    ends = time.monotonic() + 2 * SETTLED
    while time.monotonic() < ends:
        assert pages() == old
    upstream.add("foo-bar", "foo_bar-2.0-py3-none-any.whl", b"new")
    (home := tmp_path / "other").mkdir()
    with serving(home, upstream.index_url, eggs=proxy.eggs, always_refresh=1) as other:
        assert b"foo_bar-2.0" in other.get("/pypi/foo-bar/").body
    new = pages()
    assert not {body for _status, body in new} & {body for _status, body in old}
    assert b"foo_bar-2.0" in new[0][1]
    ends = time.monotonic() + SETTLED
    while time.monotonic() < ends:
        assert pages() == new


def test_log__levels(proxy: Server, upstream: Upstream) -> None:
    """A warning is a warning in Apache's error log, and there is no line for a mere request."""
    upstream.fail("page", status=500)
    assert proxy.get("/pypi/foo-bar/").status == 503
    line = next(line for line in proxy.log.splitlines() if "answers 500" in line)
    assert ":warn]" in line
    assert "GET" not in proxy.log


def test_large_file__by_apache(proxy: Server) -> None:
    """A large stored file is Apache's to send: ranges and conditions by its validator or ours."""
    ours = proxy.get(PATH).headers["ETag"]
    wait_until((proxy.eggs / "foo-bar" / NAME).exists)
    hit = proxy.get(PATH)
    assert (hit.headers["Cache-Status"], hit.body) == ("eggproxy; hit", BIG)
    assert hit.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert proxy.head(PATH).headers["Content-Length"] == str(len(BIG))
    assert proxy.get(PATH, Range="bytes=5-9").body == BIG[5:10]
    assert proxy.get(PATH, Range="bytes=5-9", if_range=ours).body == BIG[5:10]
    assert proxy.get(PATH, Range="bytes=5-9", if_range='"other"').body == BIG
    assert proxy.get(PATH, Range="bytes=5-9,20-29").body == BIG
    assert proxy.get(PATH, Range=f"bytes={len(BIG)}-").status == 416
    for etag in (ours, hit.headers["ETag"]):
        assert proxy.get(PATH, if_none_match=etag).status == 304


def test_stream__cut(proxy: Server, upstream: Upstream) -> None:
    """A stream that fails ends the connection, with nothing but bytes of the file sent."""
    gate = Gate(1_000_000)
    upstream.fail("file", corrupt=True, gate=gate)
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as client:
        client.sendall(f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        answer = client.recv(65536)
        gate.open()
        answer += b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert f"Content-Length: {len(BIG)}".encode() in head
    assert len(body) < len(BIG)
    assert b"html" not in body


def test_stream__of_unknown_length_cut(proxy: Server, upstream: Upstream) -> None:
    """A file that tells no length is sent when it is whole: so no client takes a part for it."""
    upstream.add("old", "old-1.0.tar.gz", BIG, hashes="md5", size=False)
    upstream.chunked = True
    assert proxy.get("/pypi/old/old-1.0.tar.gz").headers["Content-Length"] == str(len(BIG))
    upstream.add("cut", "cut-1.0.tar.gz", BIG, hashes=None, size=False)
    upstream.fail("file", cut_after=2_000_000)
    assert proxy.get("/pypi/cut/cut-1.0.tar.gz").status in {502, 503}


def test_start__first_hundred_at_once(tmp_path: Path, upstream: Upstream) -> None:
    """A hundred requests at once, the first that a server gets, are all answered."""
    with (
        serving(tmp_path, upstream.index_url, front_end="mod_python-event", workers=2) as proxy,
        ThreadPoolExecutor(100) as pool,
    ):
        replies = list(pool.map(proxy.get, ["/pypi/foo-bar/"] * 100))
        assert {reply.status for reply in replies} == {200}
        assert "Traceback" not in proxy.log


@pytest.mark.parametrize("mpm", ["prefork", "event"])
def test_graceful__under_load(tmp_path: Path, upstream: Upstream, mpm: Mpm) -> None:
    """Graceful reloads under load, with streams on their way, fail no request."""
    ending = threading.Event()
    front_end = f"mod_python-{mpm}"
    with (
        serving(tmp_path, upstream.index_url, front_end=front_end, workers=4) as proxy,
        ThreadPoolExecutor(3) as pool,
    ):
        loads = [pool.submit(_ask_until, proxy, ending) for _ in range(2)]
        try:
            for turn in range(8):
                stream = _reload_amid_a_stream(proxy, upstream, pool, f"more-{turn}.0.tar.gz")
                assert stream.result().body == BIG
        finally:
            ending.set()
        assert {status for load in loads for status in load.result()} == {200}


def _reload_amid_a_stream(
    proxy: Server, upstream: Upstream, pool: ThreadPoolExecutor, name: str
) -> "Future[Reply]":
    upstream.add(name.partition(".")[0], name, BIG)
    gate = upstream.gate("file", after=1_000_000, only=name)
    stream = pool.submit(proxy.get, f"/pypi/{name.partition('.')[0]}/{name}")
    upstream.wait_for(1, name)
    reload(proxy)
    gate.open()
    return stream


def _ask_until(proxy: Server, ending: threading.Event) -> list[int]:
    statuses = []
    while not ending.is_set():
        statuses.append(proxy.get("/pypi/foo-bar/").status)
    return statuses


def reload(proxy: Server) -> None:
    """Reload the configuration, and wait until a new child serves."""
    before = set(httpd.children(proxy.process.pid))
    proxy.process.send_signal(signal.SIGUSR1)
    wait_until(lambda: set(httpd.children(proxy.process.pid)) - before)


def test_killed__goes_on_with_what_is_stored(proxy: Server, upstream: Upstream) -> None:
    """When Apache's children are killed amid a download, the next request goes on with it."""
    upstream.gate("file", after=2_000_000)
    partials = proxy.eggs / ".eggproxy" / "partial"
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(proxy.get, PATH)
        upstream.wait_for(1, NAME)
        wait_until(lambda: _size(partials) > 1_500_000)
        for child in httpd.children(proxy.process.pid):
            os.kill(child, signal.SIGKILL)
        with pytest.raises((http.client.HTTPException, OSError)):
            first.result()
    upstream.heal()
    assert proxy.get(PATH).body == BIG
    start = upstream.asked(NAME)[1].headers["Range"].removeprefix("bytes=")
    assert int(start[:-1]) > 1_500_000


def _size(folder: Path) -> int:
    """Add up what lies in a folder, in which files come and go."""
    found = 0
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            found += path.stat().st_size
    return found


@pytest.mark.parametrize(
    ("path", "times"),
    [
        ("/pypi/foo-bar/", 20_000),
        ("/pypi/six/six-1.0.tar.gz", 3_000),
        ("/pypi/six", 3_000),
        (PATH, 500),
    ],
    ids=["page", "file", "redirect", "large-file"],
)
def test_memory__does_not_grow(tmp_path: Path, upstream: Upstream, path: str, times: int) -> None:
    """Requests by the thousand leave no memory behind, but for a few bytes each at most."""
    upstream.add("six", "six-1.0.tar.gz", b"six" * 3000)
    with serving(tmp_path, upstream.index_url, front_end="mod_python-prefork") as proxy:
        _hammer(proxy, path, times // 2)
        before = _resident(proxy)
        _hammer(proxy, path, times)
        assert _resident(proxy) - before < 100_000


def _hammer(proxy: Server, path: str, times: int) -> None:
    command = ["ab", "-q", "-k", "-n", str(times), "-c", "1", f"{proxy.url}{path}"]
    subprocess.run(command, check=True, capture_output=True)


def _resident(proxy: Server) -> int:
    """Measure the memory of httpd's child, in bytes."""
    (child,) = httpd.children(proxy.process.pid)
    return int(Path(f"/proc/{child}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


AUTHENTICATION = """
    AuthType Basic
    AuthName eggs
    AuthBasicProvider file
    AuthUserFile "{root}/users"
"""
AUTH_MODULES = ["python", "authn_core", "authn_file", "auth_basic", "authz_user"]
JOE = {"Authorization": "Basic am9lOnMzY3IzdA=="}


@contextmanager
def with_users(root: Path, upstream: Upstream, require: str) -> Iterator[Httpd]:
    """Run an httpd that knows joe, with some demand in place of `Require all granted`."""
    httpd.require(*AUTH_MODULES)
    eggs, file = configure(root, upstream)
    (root / "users").write_text("joe:{SHA}JauGvtFJymypwcDV23yakTiN3qs=\n")
    directives = MOD_PYTHON.format(
        root=root, eggs=eggs, path=httpd.python_path(), prefix="/pypi"
    ).replace("Require all granted", AUTHENTICATION.format(root=root) + require)
    environment = {"EGGPROXY_CONFIG": str(file)}
    with httpd.httpd(directives, AUTH_MODULES, root=root, environment=environment) as server:
        yield server


def test_authentication__valid_user(root: Path, upstream: Upstream) -> None:
    """Who is not known is refused by Apache, and Python never hears of it."""
    with with_users(root, upstream, "Require valid-user") as server:
        reply = ask(server.url, "/pypi/foo-bar/")
        assert (reply.status, reply.headers["WWW-Authenticate"]) == (401, 'Basic realm="eggs"')
        assert list((root / "eggs").iterdir()) == []
        assert ask(server.url, "/pypi/foo-bar/", headers=JOE).status == 200
        assert ask(server.url, PATH, headers=JOE).body == BIG
        wait_until(lambda: f"GET {PATH} 200 {len(BIG)} joe" in server.access_log)


def test_authentication__limit_except(root: Path, upstream: Upstream) -> None:
    """Reading may be free where all else asks for a name."""
    limit = "<LimitExcept GET HEAD>\nRequire valid-user\n</LimitExcept>"
    with with_users(
        root, upstream, limit + "\n<Limit GET HEAD>\nRequire all granted\n</Limit>"
    ) as server:
        assert ask(server.url, "/pypi/foo-bar/").status == 200
        assert ask(server.url, "/pypi/foo-bar/", method="POST").status == 401
        assert ask(server.url, "/pypi/foo-bar/", method="POST", headers=JOE).status == 405
