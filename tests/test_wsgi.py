"""The WSGI front end by itself: loading it does nothing, and a prefix before it is no trouble."""

import io
import subprocess
import sys
import wsgiref.util
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication
from wsgiref.validate import validator

import pytest
from paste.deploy import loadapp

from eggproxy import config
from eggproxy.errors import ConfigurationError
from eggproxy.wsgi import _Lazy, app, make_application
from eggproxy.wsgi_request import request_of
from tests.distributions import make_wheel
from tests.packages import drop
from tests.servers import wait_until
from tests.upstream import Upstream

# More than is held in memory.
BIG = bytes(range(256)) * 12_000


def call(
    application: WSGIApplication, path: str, **environ: Any
) -> tuple[str, dict[str, str], bytes]:
    """Call an application as a server that is strict about PEP 3333 does."""
    request: dict[str, Any] = {"PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", **environ}
    wsgiref.util.setup_testing_defaults(request)
    request["wsgi.errors"] = io.StringIO()
    started: list[Any] = []

    def start_response(*arguments: Any) -> Callable[[bytes], object]:
        started[:] = arguments
        return started.append

    blocks: Iterable[bytes] = validator(application)(request, start_response)
    body = b"".join(blocks)
    blocks.close()  # type: ignore[attr-defined]
    return started[0], dict(started[1]), body


@pytest.fixture
def application(tmp_path: Path, upstream: Upstream) -> WSGIApplication:
    """Give an application over an upstream with one file."""
    upstream.add("foo", "foo-1.0.tar.gz", b"foo" * 100_000)
    options = {"index": upstream.index_url, "eggs_directory": str(tmp_path / "eggs")}
    return make_application(config.load(environ={}, options=options))


def test_wsgi__follows_the_standard(application: WSGIApplication) -> None:
    """The validator of wsgiref finds no fault with page, file, range, redirect or error."""
    for path in ("/pypi/foo/", "/pypi/foo/foo-1.0.tar.gz", "/pypi/foo", "/pypi/none/", "/x"):
        for _ in range(2):
            status, _headers, body = call(application, path)
            assert status[:3] in {"200", "301", "404"}
            assert body
    file = "/pypi/foo/foo-1.0.tar.gz"
    assert call(application, file, HTTP_RANGE="bytes=0-5")[2] == b"foofoo"
    assert call(application, file, REQUEST_METHOD="HEAD")[2] == b""


@pytest.mark.parametrize("prefix", ["/pypi", "/eggs", "/a/b"])
def test_wsgi__mounted(application: WSGIApplication, prefix: str) -> None:
    """Under a prefix that the server takes off, the index is at that prefix itself."""
    assert call(application, "/foo/", SCRIPT_NAME=prefix)[0] == "200 OK"
    status, headers, _body = call(application, "/foo", SCRIPT_NAME=prefix)
    assert (status[:3], headers["Location"]) == ("301", f"{prefix}/foo/")
    assert call(application, "", SCRIPT_NAME=prefix)[1]["Location"] == f"{prefix}/"


def test_wsgi__reason_phrase(application: WSGIApplication) -> None:
    """The reason phrase of an error is its sentence: it is all that many clients show."""
    assert call(application, "/pypi/none/")[0] == "404 The index has no project none"


def test_wsgi__hidden_slash(application: WSGIApplication, upstream: Upstream) -> None:
    """A slash hidden in an escape is refused, though the server has decoded it."""
    path = {"REQUEST_URI": "/pypi/foo%2Ffoo-1.0.tar.gz"}
    assert call(application, "/pypi/foo/foo-1.0.tar.gz", **path)[0].startswith("400")
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("environ", "raw_path"),
    [
        ({"PATH_INFO": "/foo/", "REQUEST_URI": "/pypi/foo/?x=%2f"}, b"/foo/"),
        ({"PATH_INFO": "/f\xc3\xb6/t+1", "REQUEST_URI": "/pypi/f%C3%B6/t%2B1"}, b"/f%C3%B6/t%2B1"),
        ({"PATH_INFO": "/foo/", "RAW_URI": "/pypi//foo/"}, b"//foo/"),
        ({"PATH_INFO": "/", "REQUEST_URI": "/pypi/foo/.."}, b"/foo/.."),
        ({"PATH_INFO": "", "REQUEST_URI": "/pypi"}, b""),
        ({"PATH_INFO": "/foo/", "REQUEST_URI": "/%70ypi/foo/"}, b"/foo/"),
        ({"PATH_INFO": "/foo/", "REQUEST_URI": "/pypifoo/"}, b"/foo/"),
        ({"PATH_INFO": "/foo/", "REQUEST_URI": "/rewritten"}, b"/foo/"),
        ({"PATH_INFO": "/foo/", "REQUEST_URI": "http://host/pypi/foo/"}, b"/foo/"),
        ({"PATH_INFO": "/100%25"}, b"/100%2525"),
    ],
)
def test_request__path(environ: dict[str, str], raw_path: bytes) -> None:
    """The path counts as it was written, where that means what the server has made of it."""
    request = request_of({"REQUEST_METHOD": "GET", "SCRIPT_NAME": "/pypi", **environ})
    assert (request.mounted, request.raw_path) == ("/pypi", raw_path)


def test_request__user() -> None:
    """The name that the server around has checked is that of the user."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "REMOTE_USER": "joe"}
    assert request_of(environ).user == "joe"
    assert request_of({**environ, "REMOTE_USER": ""}).user is None


def test_request__who_asks() -> None:
    """A request has its credentials and its sender's address, which its repr keeps to itself."""
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/foo/", "REMOTE_ADDR": "192.0.2.7"}
    request = request_of({**environ, "HTTP_AUTHORIZATION": "Basic c2VjcmV0"})
    assert (request.authorization, request.client) == ("Basic c2VjcmV0", "192.0.2.7")
    assert repr(request) == "Request('GET', b'/foo/')"


def test_wsgi__file_gone_at_the_last_moment(
    application: WSGIApplication, tmp_path: Path, upstream: Upstream
) -> None:
    """A stored file that is removed by hand is fetched anew."""
    path = "/pypi/foo/big-1.0.tar.gz"
    upstream.add("foo", "big-1.0.tar.gz", BIG)
    for _ in range(2):
        assert call(application, path)[2] == BIG
        wait_until((tmp_path / "eggs" / "foo" / "big-1.0.tar.gz").exists)
    (tmp_path / "eggs" / "foo" / "big-1.0.tar.gz").unlink()
    assert call(application, path)[2] == BIG


@pytest.mark.parametrize(
    ("handover", "name", "value"),
    [
        ("x-sendfile", "X-Sendfile", "{root}/my%20%25%20eggs/big/big-1.0+local.tar.gz"),
        ("x-accel-redirect:/a/b/", "X-Accel-Redirect", "/a/b/big/big-1.0+local.tar.gz"),
    ],
)
def test_handover__names_the_file(
    tmp_path: Path, upstream: Upstream, handover: str, name: str, value: str
) -> None:
    """What hands a large file over is a quoted header, and no body."""
    upstream.add("big", "big-1.0+local.tar.gz", BIG)
    options = {"index": upstream.index_url, "eggs_directory": str(tmp_path / "my % eggs")}
    loaded = config.load(environ={}, options={**options, "file_handover": handover})
    application = make_application(loaded)
    path = "/pypi/big/big-1.0+local.tar.gz"
    assert call(application, path)[2] == BIG
    wait_until((tmp_path / "my % eggs" / "big" / "big-1.0+local.tar.gz").exists)
    status, headers, body = call(application, path, HTTP_RANGE="bytes=5-9")
    assert (status, body, headers["Content-Length"]) == ("200 OK", b"", "0")
    assert headers[name] == value.format(root=tmp_path)


def test_handover__small_file(tmp_path: Path, upstream: Upstream) -> None:
    """A file that is held in memory is sent at once, whatever the way."""
    upstream.add("foo", "foo-1.0.tar.gz", b"foo" * 100_000)
    options = {"index": upstream.index_url, "eggs_directory": str(tmp_path / "eggs")}
    application = make_application(
        config.load(environ={}, options={**options, "file_handover": "x-sendfile"})
    )
    call(application, "/pypi/foo/foo-1.0.tar.gz")
    _status, headers, body = call(application, "/pypi/foo/foo-1.0.tar.gz")
    assert len(body) == int(headers["Content-Length"]) == 300_000


def test_wsgi__loading_does_nothing(tmp_path: Path) -> None:
    """Importing the application reads no configuration and makes nothing."""
    code = "import eggproxy.wsgi; assert callable(eggproxy.wsgi.application)"
    broken = tmp_path / "broken.conf"
    broken.write_text("no configuration at all [")
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env={"EGGPROXY_CONFIG": str(broken), "HOME": str(tmp_path)},
    )
    assert [path.name for path in tmp_path.iterdir()] == ["broken.conf"]


def test_paste(tmp_path: Path, upstream: Upstream) -> None:
    """Paste makes the application from its own configuration, under any prefix."""
    upstream.add("foo", "foo-1.0.tar.gz", b"foo")
    paste = tmp_path / "paste.ini"
    paste.write_text(
        "[app:main]\nuse = egg:eggproxy\n"
        f"eggs_directory = {tmp_path / 'eggs'}\nindex = {upstream.index_url}\n"
    )
    application = loadapp(f"config:{paste}")
    assert call(application, "/foo/", SCRIPT_NAME="/pypi")[0] == "200 OK"
    assert (tmp_path / "eggs" / "foo" / "index.html").exists()


def test_application__configuration_of_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers with a sentence, the log says what is wrong, and nothing is repeated as secret."""
    monkeypatch.setenv("EGGPROXY_INDEX", "ftp://joe:secret@index.example/")
    status, headers, body = call(_Lazy(), "/pypi/foo/")
    assert status.startswith("500 ")
    assert b"log tells why" in body
    assert b"secret" not in body
    assert headers["Content-Type"].startswith("text/plain")


def test_app__directory_of_packages(tmp_path: Path, upstream: Upstream) -> None:
    """An application is made of a directory of packages and settings, as of pypiserver's."""
    wheel = make_wheel("acme-tool", "1.0")
    drop(tmp_path / "packages", wheel)
    upstream.add("foo", "foo-1.0.tar.gz", b"foo")
    made = app(root=tmp_path / "packages", index=upstream.index_url, reserve=["acme-*"], timeout=5)
    assert call(made, f"/simple/acme-tool/{wheel.filename}")[2] == wheel.content
    assert call(made, "/simple/foo/foo-1.0.tar.gz")[2] == b"foo"
    wait_until((tmp_path / "eggs" / "foo" / "foo-1.0.tar.gz").exists)


@pytest.mark.parametrize("handover", ["x-sendfile", "x-accel-redirect:/eggs/"])
def test_app__hands_over_only_what_is_stored(
    tmp_path: Path, upstream: Upstream, handover: str
) -> None:
    """A large package of our own is sent by us: the server in front knows of one directory."""
    wheel = make_wheel("acme-tool", "1.0", size=3_000_000)
    drop(tmp_path / "packages", wheel)
    made = app(root=tmp_path / "packages", index=upstream.index_url, file_handover=handover)
    assert call(made, f"/simple/acme-tool/{wheel.filename}")[2] == wheel.content


@pytest.mark.parametrize("eggs", ["packages", "packages/eggs", "."])
def test_app__directories_within_each_other(tmp_path: Path, upstream: Upstream, eggs: str) -> None:
    """Our packages must not lie where a web server may give files to everybody."""
    with pytest.raises(ConfigurationError, match="one is within the other"):
        app(
            root=tmp_path / "packages",
            eggs_directory=tmp_path / eggs,
            index=upstream.index_url,
        )
