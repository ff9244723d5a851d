"""Uploads through every front end: to each the body comes in its own way."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from eggproxy.apache_config import Module
from tests import httpd
from tests.apache_sites import apache_site, write_configuration
from tests.distributions import make_wheel
from tests.frontends import FRONT_ENDS
from tests.httpd import Httpd
from tests.secrets import basic, write_users
from tests.servers import PATIENCE, Server, ask, wait_until
from tests.uploading import (
    ALICE,
    TYPE,
    fields_of,
    form_of,
    packages_of,
    post,
    shop,
    stored,
    unfinished,
    upload,
)
from tests.upstream import Upstream

WHEEL = make_wheel("Acme.Tool", "1.0")
LARGE = make_wheel("acme-large", "1.0", size=3 << 20)


@pytest.fixture(scope="module", params=FRONT_ENDS)
def any_front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Run each front end in turn, with two workers, over an index that has nothing."""
    home = tmp_path_factory.mktemp(request.param)
    with (
        Upstream() as upstream,
        shop(home, upstream.index_url, request.param, max_upload_size="4M", workers=2) as server,
    ):
        yield server


@pytest.fixture
def front(any_front: Server) -> Iterator[Server]:
    """Give that server; uploads leave nothing unfinished."""
    yield any_front
    wait_until(lambda: unfinished(any_front) == [])


def test_upload__is_on_its_page_at_once(front: Server) -> None:
    """Whichever worker is asked, a file is on the page as soon as its upload was answered."""
    wheels = [make_wheel("acme-pages", f"1.{number}") for number in range(6)]
    for wheel in wheels:
        assert upload(front, wheel).status == 200
        for _worker in range(4):
            assert wheel.filename.encode() in front.get("/pypi/acme-pages/").body
    assert front.get(f"/pypi/acme-pages/{wheels[-1].filename}").body == wheels[-1].content


def test_upload__larger_than_any_buffer(front: Server) -> None:
    """Bytes come through whole, without a slash and with one."""
    assert upload(front, LARGE, "/pypi").status == 200
    assert stored(front)[f"acme-large/{LARGE.filename}"] == LARGE.content


def test_upload__refusals(front: Server) -> None:
    """Reasons and bodies come through, whatever of the body was read."""
    upload(front, WHEEL)
    other = upload(front, make_wheel("Acme.Tool", "1.0", size=9))
    assert (other.status, other.reason) == (409, "File already exists")
    wrong = upload(front, LARGE, authorization=basic("alice", "guess"))
    assert (wrong.status, wrong.reason[:10]) == (401, "Wrong user")
    large = upload(front, make_wheel("acme-giant", "1.0", size=5 << 20))
    assert (large.status, "max_upload_size" in large.reason) == (413, True)
    assert large.body.startswith(large.reason.encode())


def test_upload__refused_before_it_is_sent(front: Server) -> None:
    """A body that is refused for its length alone leaves the client its answer."""
    reply = post(front, bytes(30 << 20))
    assert (reply.status, "max_upload_size" in reply.reason) == (413, True)


def test_upload__client_leaves(front: Server) -> None:
    """Half an upload leaves nothing."""
    body = form_of(fields_of(LARGE), LARGE.filename, LARGE.content)
    head = (
        f"POST /pypi/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TYPE}\r\n"
        f"Content-Length: {len(body)}\r\nAuthorization: {ALICE}\r\n\r\n"
    )
    before = stored(front)
    with socket.create_connection(("127.0.0.1", front.port), timeout=PATIENCE) as client:
        client.sendall(head.encode() + body[: 2 << 20])
    wait_until(lambda: unfinished(front) == [])
    assert stored(front) == before


def test_upload__one_file_at_once(front: Server) -> None:
    """Many who upload the same file all succeed, and it is there once."""
    wheel = make_wheel("acme-herd", "1.0", size=100_000)
    with ThreadPoolExecutor(20) as pool:
        replies = list(pool.map(lambda _: upload(front, wheel).status, range(20)))
    assert replies == [200] * 20
    assert [path for path in stored(front) if "herd" in path] == [f"acme-herd/{wheel.filename}"]


def test_upload__many_files_at_once(front: Server) -> None:
    """Many who upload different files all succeed, and the page has them all."""
    wheels = [make_wheel("acme-many", f"1.{number}") for number in range(50)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda wheel: upload(front, wheel).status, wheels))
    assert replies == [200] * 50
    page = front.get("/pypi/acme-many/").body
    assert all(wheel.filename.encode() in page for wheel in wheels)
    assert len(list((packages_of(front) / "acme-many").iterdir())) == 50


def test_methods__in_words(front: Server) -> None:
    """What cannot be done at an address is refused with what can be."""
    reply = post(front, b"x" * 100_000, "/pypi/foo/", method="PUT")
    assert (reply.status, reply.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("module", ["mod_python", "mod_wsgi"])
def test_apache_config__lets_uploads_in(module: Module, upstream: Upstream) -> None:
    """Apache, configured as we say, takes uploads, and more than the 1 GB of its own limit."""
    with httpd.public_directory() as root:
        (root / "eggs").mkdir()
        users = write_users(root / "users", alice="secret")
        for path in (root / "eggs", users):
            httpd.give_away(path)
        index = upstream.index_url
        file = write_configuration(root / "eggproxy.conf", root / "eggs", index, users_file=users)
        with apache_site(module, root, file) as apache:
            assert upload(apache, WHEEL).status == 200
            assert WHEEL.filename.encode() in ask(apache.url, "/pypi/acme-tool/").body
            assert begins(apache, 3 << 29).startswith(b"HTTP/1.1 100 Continue")


def begins(server: Httpd, length: int) -> bytes:
    """Begin an upload of so many bytes, and give the first word that comes."""
    head = (
        f"POST /pypi/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: {TYPE}\r\n"
        f"Content-Length: {length}\r\nAuthorization: {ALICE}\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(head.encode())
        return client.recv(65536)
