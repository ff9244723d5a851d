"""The legacy upload API: what is taken, what is refused, and in which words."""

import base64
import hashlib
import io
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eggproxy.names import normalize
from eggproxy.packages import Packages
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.secrets import basic
from tests.servers import PATIENCE, Server, serving
from tests.uploading import (
    ALICE,
    BOB,
    TYPE,
    fields_of,
    form_of,
    packages_of,
    part,
    post,
    shop,
    stored,
    unfinished,
    upload,
)
from tests.upstream import Upstream

WHEEL = make_wheel("Acme.Tool", "1.0")


@pytest.fixture(scope="module")
def own_upstream() -> Iterator[Upstream]:
    """Give an index that has nothing."""
    with Upstream() as index:
        yield index


@pytest.fixture(scope="module")
def module_server(
    tmp_path_factory: pytest.TempPathFactory, own_upstream: Upstream
) -> Iterator[Server]:
    """Run one server for all tests here."""
    home = tmp_path_factory.mktemp("shop")
    settings = {"max_upload_size": "1M", "overwrite": "acme-nightly*"}
    with shop(home, own_upstream.index_url, **settings) as server:
        yield server


@pytest.fixture
def server(module_server: Server) -> Iterator[Server]:
    """Give that server without packages; uploads leave nothing unfinished."""
    yield module_server
    assert unfinished(module_server) == []


def make(name: str) -> Distribution:
    """Make a wheel of a project that only one test has."""
    return make_wheel(name, "1.0")


@pytest.mark.parametrize("path", ["/pypi/", "/pypi", "/simple/", "/legacy/", "/legacy", "/"])
def test_upload__every_address(server: Server, path: str) -> None:
    """Files are taken at every address that a client may have been given, never redirected."""
    wheel = make(f"acme-at{path.replace('/', '-').strip('-')}-{len(path)}")
    reply = upload(server, wheel, path)
    assert (reply.status, reply.reason) == (200, "OK"), reply
    assert wheel.content in stored(server).values()


def test_upload__is_there(server: Server) -> None:
    """A file lies in its project's folder, with the bytes and under the name it came with."""
    assert upload(server, WHEEL).status == 200
    assert stored(server)["acme-tool/acme_tool-1.0-py3-none-any.whl"] == WHEEL.content


def test_upload__sdist(server: Server) -> None:
    """Source distributions are taken, with dashes in their names as old tools wrote them."""
    sdist = make_sdist("acme-old", "1.0", stem="acme-old")
    assert upload(server, sdist, filetype="sdist", protocol_version=None).status == 200


def test_upload__same_again(server: Server) -> None:
    """The same bytes again are no mistake: whoever lost the answer may ask for it again."""
    wheel = make("acme-same")
    assert [upload(server, wheel).status for _ in range(2)] == [200, 200]


def test_upload__other_bytes(server: Server) -> None:
    """Other bytes under a name that is taken are refused, in words that clients know."""
    wheel = make("acme-other")
    upload(server, wheel)
    reply = upload(server, make_wheel("acme-other", "1.0", size=9))
    assert (reply.status, reply.reason) == (409, "File already exists")
    assert reply.body.startswith(b"File already exists")
    assert wheel.content in stored(server).values()


def test_upload__overwrite(server: Server) -> None:
    """Where the configuration says so, other bytes take the place of the first."""
    upload(server, make("acme-nightly"))
    newer = make_wheel("acme-nightly", "1.0", size=9)
    assert upload(server, newer).status == 200
    assert stored(server)[f"acme-nightly/{newer.filename}"] == newer.content


DIGESTS = {
    "md5 in base64url": {
        "md5_digest": base64.urlsafe_b64encode(
            hashlib.md5(WHEEL.content, usedforsecurity=False).digest()
        ).decode(),
    },
    "md5 without padding": {
        "md5_digest": base64.urlsafe_b64encode(
            hashlib.md5(WHEEL.content, usedforsecurity=False).digest()
        )
        .decode()
        .rstrip("="),
    },
    "none": {"md5_digest": None, "sha256_digest": None, "blake2_256_digest": None},
    "empty ones of twine 1.11": {"blake2_256_digest": "", "md5_digest": ""},
    "blake2b-512 of setuptools 67": {
        "blake2_256_digest": hashlib.blake2b(WHEEL.content).hexdigest()
    },
}


@pytest.mark.parametrize("changes", DIGESTS.values(), ids=DIGESTS)
def test_digests__as_clients_send_them(server: Server, changes: dict[str, Any]) -> None:
    """Whatever digests a client sends, those that can be compared are, and fit."""
    assert upload(server, WHEEL, **changes).status == 200


WRONG = [
    ({"md5_digest": "0" * 32}, "MD5"),
    ({"md5_digest": "junk"}, "MD5"),
    ({"sha256_digest": "0" * 64}, "SHA-256"),
    ({"sha256_digest": "junk"}, "SHA-256"),
    ({"blake2_256_digest": "0" * 64}, "BLAKE2"),
]


@pytest.mark.parametrize(("changes", "kind"), WRONG)
def test_digests__wrong(server: Server, changes: dict[str, Any], kind: str) -> None:
    """A file that was damaged on its way is refused, and which digest told is said."""
    wheel = make("acme-damaged")
    reply = upload(server, wheel, **changes)
    assert reply.status == 400
    assert reply.reason == f"{wheel.filename} does not have the {kind} sent along"
    assert wheel.content not in stored(server).values()


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another name in the form": ({"name": "acme-else"}, "names do not agree"),
    "another version in the form": ({"version": "2.0"}, "versions do not agree"),
    "no version": ({"version": None}, "versions do not agree"),
    "no name": ({"name": None}, "name is missing"),
    "no project's name": ({"name": "../acme"}, "not that of a project"),
    "another name in the filename": ({"filename": "acme_else-1.0-py3-none-any.whl"}, "acme_else"),
    "another version in the filename": (
        {"filename": "acme_refused-2.0-py3-none-any.whl"},
        "acme_refused-2.0",
    ),
    "no distribution": ({"filename": "acme_refused-1.0.exe"}, "kinds of distributions"),
    "a path for a filename": ({"filename": "../acme_refused-1.0-py3-none-any.whl"}, "filename"),
    "a page for a filename": ({"filename": "index.html"}, "filename"),
    "a sibling's name": ({"filename": "acme_refused-1.0-py3-none-any.whl.metadata"}, "filename"),
    "a hidden file": ({"filename": ".eggproxy"}, "filename"),
    "no archive": ({"content": b"<html>Bad gateway</html>"}, "cannot be accepted"),
    "half an archive": ({"content": WHEEL.content[:200]}, "cannot be accepted"),
    "nothing": ({"content": b""}, "cannot be accepted"),
    "another action": ({"action": "doc_upload"}, "Documentation is not kept here"),
    "no action": ({"action": None}, "Nothing is done"),
}


@pytest.mark.parametrize(("changes", "why"), REFUSED.values(), ids=REFUSED)
def test_refused__in_words(server: Server, changes: dict[str, Any], why: str) -> None:
    """What contradicts itself is refused; the reason phrase, which twine shows, tells why."""
    before = stored(server)
    reply = upload(server, make("acme-refused"), **changes)
    assert reply.status == 400
    assert why in reply.reason
    assert reply.reason.encode("ascii") in reply.body
    assert stored(server) == before


def test_refused__zip_bomb(server: Server) -> None:
    """An archive that would grow without bounds is refused."""
    reply = upload(server, make("acme-bomb"), content=bomb())
    assert (reply.status, "cannot be accepted" in reply.reason) == (400, True)


def bomb() -> bytes:
    """Make a wheel with 64 MB of metadata, of which hardly any are sent."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("acme_bomb-1.0.dist-info/METADATA", bytes(64 << 20))
    return buffer.getvalue()


def test_too_large__whole_form_is_read(server: Server) -> None:
    """A client that sends all before it reads gets to know that the file is too large."""
    reply = upload(server, make_wheel("acme-large", "1.0", size=1 << 20))
    assert (reply.status, "larger than 1 MB, the max_upload_size" in reply.reason) == (413, True)


def test_too_large__by_its_length(server: Server) -> None:
    """A body whose length alone is too much is not read, and still the answer arrives."""
    reply = post(server, bytes(40 << 20))
    assert (reply.status, reply.headers["Connection"]) == (413, "close")


def test_registration__without_credentials(server: Server) -> None:
    """`setup.py register`, which sends none, may go on: there is nothing to register."""
    fields = fields_of(WHEEL, action="submit")
    assert post(server, form_of(fields), authorization=None).status == 200
    assert post(server, form_of({**fields, ":action": "verify"}), authorization=None).status == 200


@pytest.mark.parametrize(
    ("authorization", "status", "why"),
    [
        (None, 401, "It takes a user name"),
        (basic("alice", "guess"), 401, "Wrong user name or password"),
    ],
)
def test_credentials__refused(
    server: Server, authorization: str | None, status: int, why: str
) -> None:
    """Who has not proved to be a user uploads nothing, and is told how to."""
    wheel = make("acme-stranger")
    reply = upload(server, wheel, authorization=authorization)
    assert (reply.status, why in reply.reason) == (status, True)
    assert reply.headers["WWW-Authenticate"].startswith("Basic realm=")
    assert wheel.content not in stored(server).values()


def test_credentials__before_the_body(server: Server) -> None:
    """Who may upload nothing is told so before the file is sent, by clients that look."""
    head = (
        "POST /pypi/ HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        f"Content-Type: {TYPE}\r\nContent-Length: 900000\r\n"
        f"Authorization: {basic('alice', 'guess')}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as client:
        client.sendall(head.encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 401 ")


def test_rules__of_the_project(tmp_path: Path, own_upstream: Upstream) -> None:
    """Who may upload is told by project, wherever in the form its name stands."""
    eggproxy_conf = tmp_path / "eggproxy.conf"
    eggproxy_conf.write_text("[access]\n[[acme-*]]\nupload = alice\n[[*]]\nupload = bob\n")
    wheel = make("acme-ruled")
    with shop(tmp_path, own_upstream.index_url, config=eggproxy_conf) as server:
        reply = upload(server, wheel, authorization=BOB)
        assert (reply.status, reply.reason[:38]) == (403, "User bob may not upload acme-ruled: an")
        last = part("content", wheel.content, wheel.filename) + form_of(fields_of(wheel))
        assert post(server, last, authorization=BOB).status == 403
        assert stored(server) == {}
        assert post(server, last, authorization=ALICE).status == 200


def test_nobody__may_upload(tmp_path: Path, own_upstream: Upstream) -> None:
    """Without any user nobody may upload, and the answer says what makes one."""
    with serving(tmp_path, own_upstream.index_url) as server:
        reply = upload(server, WHEEL, authorization=None)
    assert (reply.status, "eggproxy user add" in reply.reason) == (403, True)


def test_project__closed(server: Server) -> None:
    """A project that is archived takes no files (PEP 792)."""
    upload(server, make("acme-closed"))
    Packages(packages_of(server)).set_status(normalize("acme-closed"), "archived", "we moved")
    reply = upload(server, make_wheel("acme-closed", "2.0"))
    assert (reply.status, reply.reason[:30]) == (403, "Project acme-closed is archive")


def test_form__damaged(server: Server) -> None:
    """What is no form of an upload client is refused in words."""
    whole = form_of(fields_of(WHEEL), WHEEL.filename, WHEEL.content)
    cases = {
        whole[:-20]: "the form is damaged",
        b"junk": "the form is damaged",
        form_of(fields_of(WHEEL)): "it has no file",
        form_of({**fields_of(WHEEL), "name": "x" * 2000}): "the field name is too long",
        part("name", b"one") + form_of(fields_of(WHEEL)): "its field name is there twice",
        part("content", b"one") + form_of({}): "its content has no filename",
        part("content", b"one", "a-1.zip") + form_of({}, "b-1.zip"): "more than one file",
        part("name", b"\xff") + form_of({}): "the field name is not UTF-8",
        part("description", bytes(33 << 19)) + form_of({}): "its fields have more than",
        b"".join(part("x", b"") for _ in range(8200)) + form_of({}): "the form is damaged",
    }
    for body, why in cases.items():
        reply = post(server, body)
        assert (reply.status, why in reply.reason) == (400, True), (why, reply)


@pytest.mark.parametrize(
    ("kind", "status"), [("text/xml", 405), ("application/json", 415), ("", 415)]
)
def test_form__of_another_type(server: Server, kind: str, status: int) -> None:
    """What `pip search` sends is not possible, and other types are no forms."""
    reply = post(server, b"<?xml version='1.0'?>", "/pypi", Content_Type=kind)
    assert reply.status == status
    assert status == 415 or "pip search" in reply.reason


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/pypi/", "GET, HEAD, POST"),
        ("DELETE", "/", "GET, HEAD, POST"),
        ("GET", "/legacy/", "POST"),
        ("POST", "/pypi/foo/", "GET, HEAD"),
        ("POST", "/pypi/foo/foo-1.0.tar.gz", "GET, HEAD"),
        ("POST", "/healthz", "GET, HEAD"),
        ("OPTIONS", "/simple/foo/", "GET, HEAD"),
    ],
)
def test_methods__of_each_address(server: Server, method: str, path: str, allow: str) -> None:
    """What cannot be done at an address is refused with what can be (RFC 9110, 15.5.6)."""
    reply = post(server, b"", path, method=method)
    assert (reply.status, reply.headers["Allow"]) == (405, allow)


def test_disk__cannot_be_written(tmp_path: Path, own_upstream: Upstream) -> None:
    """Where nothing can be stored, the answer names the place that has to be seen to."""
    place = tmp_path / "packages"
    place.write_text("in the way")
    with shop(tmp_path, own_upstream.index_url, packages_directory=place) as server:
        reply = upload(server, WHEEL)
    assert (reply.status, "This server cannot store packages" in reply.reason) == (500, True)
    assert str(place).encode() in reply.body
