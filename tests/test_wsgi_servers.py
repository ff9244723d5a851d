"""WSGI servers, each as it takes bodies: files that fail on their way, and files handed over."""

import hashlib
import http.client
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import httpd
from tests.distributions import make_wheel
from tests.frontends import BIN, PROJECT, Job, clean_environment, vassal
from tests.packages import drop
from tests.servers import JSON, Reply, Server, ask, serving, settings_of, wait_for_port, wait_until
from tests.upstream import Upstream

SERVERS = ["gunicorn", "uwsgi", "paste"]
SERVERS += ["mod_wsgi-daemon", "mod_wsgi-embedded", "mod_wsgi-express"]
NAME = "foo_bar-1.0-py3-none-any.whl"
PATH = f"/pypi/foo-bar/{NAME}"
# More than is held in memory.
BIG = bytes(range(256)) * 12_000
ETAG = f'"{hashlib.sha256(BIG).hexdigest()}"'


@pytest.fixture(autouse=True)
def _a_project(upstream: Upstream) -> None:
    """Upstream has a wheel of 3 MB."""
    upstream.add("foo-bar", NAME, BIG)


@pytest.fixture(params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give each server in turn."""
    with serving(tmp_path, upstream.index_url, front_end=request.param) as running:
        yield running


def test_failed__before_the_first_byte(server: Server, upstream: Upstream) -> None:
    """A file that fails before any of it could be sent is an error with its status."""
    upstream.ranges = False
    upstream.fail("file", cut_after=0)
    reply = server.get(PATH)
    assert reply.status == 503
    assert b"Try again shortly" in reply.body
    assert "Traceback" not in server.log


def test_failed__in_the_middle(server: Server, upstream: Upstream) -> None:
    """A file that fails later is a body that ends too soon, at once, and no word in the log."""
    upstream.ranges = False
    upstream.fail("file", cut_after=600_000)
    with pytest.raises(http.client.IncompleteRead) as caught:
        server.get(PATH)
    assert BIG.startswith(caught.value.partial)
    assert len(caught.value.partial) > 500_000
    assert "Traceback" not in server.log


def test_failed__without_length(server: Server, upstream: Upstream) -> None:
    """A file of unknown length that fails never looks like a whole one."""
    upstream.add("foo-bar", "old-1.0.tar.gz", BIG, size=False)
    upstream.chunked = True
    upstream.ranges = False
    upstream.fail("file", cut_after=600_000)
    assert server.get("/pypi/foo-bar/old-1.0.tar.gz").status == 503


def test_stored__by_its_validator(server: Server) -> None:
    """A stored file comes again, in parts, or not at all where the client has it."""
    server.get(PATH)
    wait_until(lambda: server.get(PATH).headers["Cache-Status"] == "eggproxy; hit")
    assert server.get(PATH).body == BIG
    assert server.get(PATH, if_none_match=ETAG).status == 304
    assert server.get(PATH, range="bytes=5-9").body == BIG[5:10]
    assert server.get("/pypi/foo-bar/", accept=JSON).headers["Content-Type"] == JSON


def test_stored__several_ranges(server: Server) -> None:
    """Several ranges at once are the whole file, or what Apache makes of them."""
    server.get(PATH)
    wait_until((server.eggs / "foo-bar" / NAME).exists)
    reply = server.get(PATH, Range="bytes=0-1,5-9")
    assert reply.body == BIG or reply.headers["Content-Type"].startswith("multipart/byteranges")


@contextmanager
def nginx(root: Path, directives: str) -> Iterator[str]:
    """Run an nginx with directives for its server, and give its address."""
    port = httpd.free_port()
    file = root / "nginx.conf"
    file.write_text(_NGINX.format(root=root, port=port, directives=directives))
    command = ["nginx", "-p", str(root), "-c", str(file), "-e", str(root / "nginx.log")]
    try:
        process = subprocess.Popen(command)
    except FileNotFoundError:
        httpd.lacking("nginx (Debian's package nginx-light)")
    server = Server(process, port, root, root / "nginx.log")
    try:
        wait_for_port(server)
        yield server.url
    finally:
        httpd.end(process)


_NGINX = """
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {root}/body;
    proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi;
    uwsgi_temp_path {root}/uwsgi;
    scgi_temp_path {root}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {directives}
    }}
}}
"""


def documented_location() -> str:
    """Take the location of nginx out of the explanation of the key."""
    text = (PROJECT / "etc" / "eggproxy.conf").read_text()
    lines = text[text.index("location /eggs/") :].split("}")[0].splitlines()
    return "\n".join(line.lstrip("# ") for line in lines) + "\n}\n"


@pytest.fixture
def behind_nginx(upstream: Upstream) -> Iterator[tuple[str, Server]]:
    """Give the address of an nginx before a gunicorn that hands files over, and the latter."""
    with (
        httpd.public_directory() as root,
        serving(
            root, upstream.index_url, front_end="gunicorn", file_handover="x-accel-redirect:/eggs/"
        ) as behind,
    ):
        location = documented_location().replace("/var/cache/eggproxy/", f"{behind.eggs}/")
        with nginx(root, f"location / {{ proxy_pass {behind.url}; }}\n{location}") as url:
            ask(url, PATH)
            wait_until((behind.eggs / "foo-bar" / NAME).exists)
            yield url, behind


def check_handed_over(url: str) -> None:
    """Check that a stored file comes as it does from us: whole, in parts, by its validator."""
    whole = ask(url, PATH)
    assert (whole.status, whole.body) == (200, BIG)
    expected = {
        "ETag": ETAG,
        "Content-Length": str(len(BIG)),
        "Content-Type": "application/octet-stream",
        "Cache-Control": "public, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
    }
    assert {name: whole.headers.get_all(name) for name in expected} == {
        name: [value] for name, value in expected.items()
    }
    assert {"X-Accel-Redirect", "X-Sendfile"}.isdisjoint(whole.headers)
    head = ask(url, PATH, method="HEAD")
    assert (head.status, head.headers["Content-Length"], head.body) == (200, str(len(BIG)), b"")
    assert ask(url, PATH, headers={"If-None-Match": ETAG}).status == 304
    assert _part(url, {"Range": "bytes=5-9"}).body == BIG[5:10]
    assert _part(url, {"Range": "bytes=-3", "If-Range": ETAG}).body == BIG[-3:]
    assert ask(url, PATH, headers={"Range": "bytes=5-9", "If-Range": '"other"'}).body == BIG
    assert ask(url, PATH, headers={"Range": f"bytes={len(BIG)}-"}).status == 416


def _part(url: str, headers: dict[str, str]) -> Reply:
    reply = ask(url, PATH, headers=headers)
    assert reply.status == 206
    assert reply.headers["Content-Range"].endswith(f"/{len(BIG)}")
    return reply


def test_handover__nginx(behind_nginx: tuple[str, Server]) -> None:
    """Behind nginx, configured as `etc/eggproxy.conf` says, nginx sends stored files."""
    url, behind = behind_nginx
    check_handed_over(url)
    wait_until(lambda: f"{PATH} 200 0 [hit]" in behind.log)
    assert ask(url, f"/eggs/foo-bar/{NAME}").status == 404


def test_handover__mod_xsendfile(upstream: Upstream) -> None:
    """Behind Apache with mod_xsendfile, Apache sends stored files."""
    httpd.require("xsendfile", "proxy", "proxy_http")
    with (
        httpd.public_directory() as root,
        serving(
            root, upstream.index_url, front_end="gunicorn", file_handover="x-sendfile"
        ) as behind,
    ):
        directives = (
            f'XSendFile On\nXSendFilePath "{behind.eggs}"\nProxyPass / {behind.url}/\n'
            f"ProxyPassReverse / {behind.url}/\n"
        )
        with httpd.httpd(directives, ["proxy", "proxy_http", "xsendfile"]) as apache:
            ask(apache.url, PATH)
            wait_until((behind.eggs / "foo-bar" / NAME).exists)
            check_handed_over(apache.url)
            wait_until(lambda: f"{PATH} 200 0 [hit]" in behind.log)


def test_uwsgi__emperor(tmp_path: Path, upstream: Upstream) -> None:
    """The emperor runs the vassal that comes along, and ends it with itself."""
    settings = settings_of(upstream.index_url, tmp_path / "eggs")
    port = httpd.free_port()
    vassal(Job(port, 1, tmp_path, tmp_path / "eggs", {}))
    with _emperor(tmp_path, port, settings) as server:
        assert server.get(PATH).body == BIG
    wait_until(lambda: not _answers(server))


def test_uwsgi__file_of_ones_own(tmp_path: Path, upstream: Upstream) -> None:
    """A vassal that runs an app.py, as with pypiserver, serves a directory of packages."""
    port = httpd.free_port()
    file = vassal(Job(port, 1, tmp_path, tmp_path / "eggs", {}))
    text = file.read_text().replace("eggproxy.wsgi:application", "app:app")
    file.write_text(f"{text}\nchdir = {tmp_path}\n")
    wheel = make_wheel("acme-tool", "1.0")
    drop(tmp_path / "packages", wheel)
    settings = f"root={str(tmp_path / 'packages')!r}, index={upstream.index_url!r}"
    (tmp_path / "app.py").write_text(f"import eggproxy.wsgi\napp = eggproxy.wsgi.app({settings})\n")
    with _emperor(tmp_path, port, {}) as server:
        assert server.get(f"/simple/acme-tool/{wheel.filename}").body == wheel.content
        assert server.get(PATH).body == BIG


@contextmanager
def _emperor(home: Path, port: int, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run uwsgi's emperor over the vassals in a home, until the end of the block."""
    log = home / "emperor.log"
    uwsgi = str(BIN / "uwsgi")
    with log.open("wb") as output:
        process = subprocess.Popen(
            [uwsgi, "--emperor", str(home / "vassals"), "--emperor-wrapper", uwsgi],
            env=clean_environment(**settings),
            stdout=output,
            stderr=output,
        )
    server = Server(process, port, home / "eggs", log)
    try:
        wait_until(lambda: _answers(server))
        yield server
    finally:
        httpd.end(process)


def _answers(server: Server) -> bool:
    try:
        return ask(server.url, "/").status == 200
    except OSError:
        return False


_MOUNTED = """
WSGISocketPrefix "{root}/run/wsgi"
WSGIDaemonProcess eggproxy threads=8 python-path={path}
WSGIProcessGroup eggproxy
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAlias /a/pypi "{root}/eggproxy.wsgi"
<Directory "{root}">
    <Files eggproxy.wsgi>
        Require all granted
    </Files>
</Directory>
"""


def test_mod_wsgi__below_a_prefix(upstream: Upstream) -> None:
    """Under any prefix the index is at that prefix, and addresses count as they were written."""
    httpd.require_python_of("wsgi")
    with httpd.public_directory() as root:
        shutil.copy(PROJECT / "apache" / "eggproxy.wsgi", root)
        directives = _MOUNTED.format(root=root, path=":".join(httpd.python_path()))
        settings = settings_of(upstream.index_url, root / "eggs")
        with httpd.httpd(directives, ["wsgi"], root=root, environment=settings) as apache:
            assert ask(apache.url, f"/a{PATH}").body == BIG
            assert ask(apache.url, "/a/pypi/foo-bar").headers["Location"] == "/a/pypi/foo-bar/"
            assert ask(apache.url, "/%61/pypi/foo%2Dbar/").status == 200
            assert ask(apache.url, "/a/pypi//foo-bar/").status == 404
            assert ask(apache.url, "/a/pypi/x/../foo-bar/").status == 400
    assert {request.path for request in upstream.asked(kind="page")} == {"/simple/foo-bar/"}
