"""Which hosts are asked on behalf of an index, with which credentials and certificates."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from eggproxy.errors import UpstreamError
from eggproxy.upstream import Hosts
from eggproxy.upstream import Upstream as Client
from tests.faults import certificates
from tests.httpd import lacking, public_directory
from tests.indexes import names, proxying, section
from tests.servers import Server, clean_environment
from tests.upstream import Upstream

FILE = "demo-1.0.tar.gz"
BASIC = "Authorization"

ADDRESSES = {
    "index.example": ["93.184.216.34"],
    "within.example": ["10.1.2.3"],
    "both.example": ["93.184.216.34", "10.1.2.3"],
}


def hosts(index: str, *allowed: str) -> Hosts:
    """Give the hosts of an index, names being what `ADDRESSES` says."""
    return Hosts(f"https://{index}/simple/", allowed, resolve=lambda host: ADDRESSES[host])


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "[fc00::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  an address to refuse
        "localhost",
        "a.localhost",
    ],
)
def test_hosts__inner_addresses(address: str) -> None:
    """A public index may name no address of this machine or of a private network; others may."""
    url = f"http://{address}/{FILE}"
    assert not hosts("index.example").permits(url)
    with pytest.raises(UpstreamError, match="may not send this proxy to"):
        hosts("index.example").demand(url)
    for index in ("within.example", "both.example"):
        assert hosts(index).permits(url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://files.example/x", "gopher://x/"])
def test_hosts__other_schemes(upstream: Upstream, url: str) -> None:
    """Only http and https are spoken, whatever a page names."""
    with pytest.raises(UpstreamError), Client(upstream.index_url, 5).file(url):
        pass


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://files.example/x", True),
        ("https://FILES.example:8443/x", True),
        ("https://a.cdn.example/x", True),
        ("https://ported.example:8080/x", True),
        ("https://ported.example/x", False),
        ("https://index.example/x", True),
        ("https://cdn.example/x", False),
        ("https://files.example.evil.example/x", False),
        ("https://evil.example/files.example", False),
        ("https://files.example@evil.example/x", False),
        ("http://127.0.0.1/x", False),
    ],
)
def test_hosts__allowed(url: str, may: bool) -> None:  # noqa: FBT001  what is expected
    """With allow_hosts, these hosts and the index's own are asked, and no others."""
    allowed = ("files.example", "*.cdn.example", "ported.example:8080")
    assert hosts("index.example", *allowed).permits(url) is may


def test_hosts__nobody_can_tell_for_now() -> None:
    """While the index's name cannot be looked up, it counts as public; and is looked up again."""
    answers = iter([[], ["10.1.2.3"]])
    found = Hosts("https://index.example/simple/", resolve=lambda _host: next(answers))
    assert not found.permits("http://127.0.0.1/")
    assert found.permits("http://127.0.0.1/")


def test_hosts__a_name_is_looked_at_once_connected() -> None:
    """What a name stands for is judged by the address that was connected to."""
    public = hosts("index.example")
    assert public.permits("https://files.example/x")
    assert not public.may_connect("files.example", "127.0.0.1")
    assert public.may_connect("files.example", "93.184.216.35")
    assert public.may_connect("index.example", "10.0.0.1")


def test_hosts__a_connection_is_looked_at(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sent to a host whose name turns out to stand for this machine."""
    url = upstream.put(f"/files/{FILE}", b"x")
    seen = hosts("index.example")
    # As if it were a name.
    monkeypatch.setattr(seen, "demand", lambda _url: None)
    client = Client("https://index.example/simple/", 5, hosts=seen)
    with pytest.raises(UpstreamError, match="may not send"), client.file(url):
        pass
    assert upstream.requests == []


@pytest.fixture
def files() -> Iterator[Upstream]:
    """Give another host, for files."""
    with Upstream() as host:
        yield host


def test_allow_hosts__page_names_another(
    tmp_path: Path, upstream: Upstream, files: Upstream
) -> None:
    """Files at a host that is not allowed are left out, and the log says which host that is."""
    upstream.add("demo", FILE, b"ours")
    url = upstream.add("demo", "demo-2.0.tar.gz", b"theirs", on=files)
    there = url.replace("127.0.0.1", "localhost")
    upstream.projects["demo"].files["demo-2.0.tar.gz"]["url"] = there
    with proxying(tmp_path, section("a", upstream, "allow_hosts = files.example")) as proxy:
        assert names(proxy, "demo") == [FILE]
        assert proxy.get(f"/pypi/demo/{FILE}").body == b"ours"
        assert proxy.get("/pypi/demo/demo-2.0.tar.gz").status == 404
        assert "demo: files at http://localhost:" in proxy.log
        assert "name the host in allow_hosts" in proxy.log
    assert files.requests == []


def test_allow_hosts__redirect_to_another(
    tmp_path: Path, upstream: Upstream, files: Upstream
) -> None:
    """A redirect to a host that is not allowed is not followed."""
    upstream.add("demo", FILE, b"ours")
    upstream.redirect_files = files.url.replace("127.0.0.1", "localhost")
    with proxying(tmp_path, section("a", upstream, "allow_hosts = files.example")) as proxy:
        reply = proxy.get(f"/pypi/demo/{FILE}")
        assert (reply.status, b"name it in allow_hosts" in reply.body) == (502, True)
    assert files.requests == []


CREDENTIALS = ("url", "keys", "password_file", "netrc")


@pytest.fixture(params=CREDENTIALS)
def closed(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, files: Upstream
) -> Iterator[Server]:
    """Give a proxy that has the credentials which its index wants, written in each way in turn."""
    way, password = request.param, "p@ss:wörd" if request.param != "netrc" else "pass"
    upstream.expect_auth = ("ci", password)
    upstream.add("demo", FILE, b"ours", metadata=b"Name: demo\n")
    upstream.add("demo", "demo-2.0.tar.gz", b"theirs", on=files)
    lines = section("a", upstream)
    if way == "url":
        lines = lines.replace("http://", "http://ci:p%40ss%3Aw%C3%B6rd@")
    elif way == "keys":
        lines += f'\nusername = ci\npassword = "{password}"'
    elif way == "password_file":
        (tmp_path / "secret").write_text(f"{password}\nmore\n")
        lines += f"\nusername = ci\npassword_file = {tmp_path / 'secret'}"
    else:
        # By the name of a host, which is all that it knows: so the other one has another.
        lines = lines.replace("127.0.0.1", "localhost")
        (tmp_path / ".netrc").write_text(f"machine localhost login ci password {password}\n")
        (tmp_path / ".netrc").chmod(0o600)
    with proxying(tmp_path, lines) as server:
        yield server


def test_credentials__are_sent(closed: Server) -> None:
    """Pages, files and the project list of the index are had with its credentials."""
    assert names(closed, "demo") == [FILE, "demo-2.0.tar.gz"]
    assert closed.get("/pypi/demo/demo-2.0.tar.gz").body == b"theirs"
    assert closed.get("/pypi/").status == 200


def test_credentials__stay_with_their_index(
    closed: Server, upstream: Upstream, files: Upstream
) -> None:
    """They are neither sent to a host of files nor after a redirect to one."""
    upstream.path_override[f"/files/demo/{FILE}"] = (
        302,
        {"Location": files.put(f"/else/{FILE}", b"ours")},
        b"",
    )
    closed.get("/pypi/demo/demo-2.0.tar.gz")
    closed.get(f"/pypi/demo/{FILE}")
    assert files.requests
    assert not [request for request in files.requests if BASIC in request.headers]


def test_credentials__are_nowhere(closed: Server, upstream: Upstream) -> None:
    """Neither a log nor an answer nor what is stored holds them, whatever goes wrong."""
    answers = [closed.get("/pypi/demo/").body, closed.get(f"/pypi/demo/{FILE}").body]
    upstream.expect_auth = ("ci", "another")
    answers.append(closed.get("/pypi/demo2/").body)
    upstream.refuse()
    answers.append(closed.get("/pypi/demo3/").body)
    stored = [path.read_bytes() for path in closed.eggs.rglob("*") if path.is_file()]
    everything = b"".join([*answers, *stored, closed.log.encode()])
    for secret in (b"p@ss", b"p%40ss", "wörd".encode(), b"w%C3%B6rd", b"ci:", b"Basic "):
        assert secret not in everything


def test_credentials__wrong(tmp_path: Path, upstream: Upstream) -> None:
    """Without the right ones the answer says what the index said; it is no 401 for our client."""
    upstream.expect_auth = ("ci", "right")
    with proxying(tmp_path, section("a", upstream, "username = ci", "password = wrong")) as proxy:
        reply = proxy.get("/pypi/demo/")
        assert (reply.status, b"answers 401" in reply.body) == (502, True)


def tls(stack: ExitStack, folder: Path) -> tuple[str, Path]:
    """Run an index that speaks TLS with a certificate of nobody; give its URL and certificate."""
    made = certificates.make(folder)
    (folder / "demo").mkdir()
    (folder / "demo" / FILE).write_bytes(b"ours")
    handler = type(
        "_Handler",
        (http.server.SimpleHTTPRequestHandler,),
        {
            "__init__": lambda self, *args: http.server.SimpleHTTPRequestHandler.__init__(
                self, *args, directory=str(folder)
            ),
            "log_message": lambda *_args: None,
        },
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.socket = made.context().wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"https://127.0.0.1:{server.server_address[1]}/", made.good


def test_ca_certificate(tmp_path: Path) -> None:
    """An index with a certificate of a private authority is trusted by ca_certificate alone."""
    if not certificates.have_openssl():
        lacking("openssl")
    with ExitStack() as stack:
        url, certificate = tls(stack, stack.enter_context(public_directory()))
        lines = section("a", url, f"ca_certificate = {certificate}")
        with proxying(tmp_path / "with", lines) as proxy:
            assert proxy.get(f"/pypi/demo/{FILE}").body == b"ours"
        with proxying(tmp_path / "without", section("a", url)) as proxy:
            reply = proxy.get("/pypi/demo/")
            assert (reply.status, b"fails the TLS check" in reply.body) == (503, True)


def test_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy that http_proxy names is asked, for an index whose name only that one knows."""
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_address[1]}")
    monkeypatch.delenv("no_proxy", raising=False)
    assert "http_proxy" in clean_environment()
    with proxying(tmp_path, section("a", "http://index.example/simple/")) as proxy:
        assert proxy.get("/pypi/demo/").status == 404
    server.shutdown()
    server.server_close()
    assert seen == ["http://index.example/simple/demo/"]
