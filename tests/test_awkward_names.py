"""Awkward names of projects and files: each is on its page, and its link leads to its bytes."""

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest

from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream
from tests.upstream_pages import Form

NAMES = [
    # As people and tools have written projects...
    ("zope.interface", "zope.interface-5.0.tar.gz"),
    ("Zope.Interface", "Zope.Interface-5.1.tar.gz"),
    ("ZOPE_interface", "zope_interface-5.2-py3-none-any.whl"),
    ("zope--interface", "zope-interface-5.3.tar.gz"),
    ("a", "a-1.tar.gz"),
    ("A", "A-2.tar.gz"),
    ("0", "0-0.0.0.tar.gz"),
    ("3to2", "3to2-1.0.zip"),
    ("2mp3", "2mp3-1.2.3.tar.bz2"),
    ("x.y.z", "x.y.z-1.tar.gz"),
    ("x-_-y", "x-_-y-1.tar.gz"),
    ("ruamel.yaml.clib", "ruamel.yaml.clib-0.2.8-cp311-cp311-win32.whl"),
    ("backports.ssl_match_hostname", "backports.ssl_match_hostname-3.7.0.1.tar.gz"),
    ("PasteDeploy", "PasteDeploy-1.3.3-py2.5.egg"),
    ("index", "index-1.0.tar.gz"),
    ("stored", "stored-1.0.tar.gz"),
    ("pypi", "pypi-2.1.tar.gz"),
    ("simple", "simple-0.1.1.tar.gz"),
    ("metadata", "metadata-1.metadata.tar.gz"),
    ("con", "con-1.0.tar.gz"),
    ("n" * 200, "n-1.0.tar.gz"),
    # ...and versions.
    ("torch", "torch-2.1.0+cu118-cp311-cp311-linux_x86_64.whl"),
    ("torch", "torch-2.1.0+cpu.cxx11.abi-cp311-cp311-linux_x86_64.whl"),
    ("local", "local-1.0+ubuntu.1.tar.gz"),
    ("epoch", "epoch-1!2.0.tar.gz"),
    ("epoch", "epoch-1!2.0-py3-none-any.whl"),
    ("legacy", "legacy-2004d.tar.gz"),
    ("legacy", "legacy-0.1dev-r1716.tar.gz"),
    ("legacy", "legacy-1.0-final-1.zip"),
    ("legacy", "legacy-@VERSION@.tar.gz"),
    ("legacy", "legacy-1.0~rc1.tar.gz"),
    ("legacy", "legacy-1.0 beta.tar.gz"),
    ("legacy", "legacy-1.0(2).zip"),
    ("legacy", "legacy-1.0,2.zip"),
    ("legacy", "legacy-v1.0=final.zip"),
    ("legacy", "legacy-trunk.tar.gz"),
    ("legacy", "legacy-1.0$Rev-1$.tar.gz"),
    ("post", "post-1.0-1.tar.gz"),
    ("post", "post-1.0.post1-2-py2.py3-none-any.whl"),
    ("dev", "dev-1.0.dev20240101+g1234567.d20240102.tar.gz"),
    ("calver", "calver-20240229.235959.tar.gz"),
    # Kinds of files.
    ("kinds", "kinds-1.0.win32.exe"),
    ("kinds", "kinds-1.0.win-amd64-py2.7.exe"),
    ("kinds", "kinds-1.0-py2.7-macosx-10.9-x86_64.egg"),
    ("kinds", "kinds-1.0.win32-py2.7.msi"),
    ("kinds", "kinds-1.0.tar.bz2"),
    ("kinds", "kinds-1.0.tgz"),
    ("kinds", "kinds-1.0.zip"),
    ("kinds", "kinds-1.0.tar.xz"),
    ("kinds", "kinds-1.0.tar.Z"),
    ("kinds", "kinds-1.0-1.noarch.rpm"),
    ("kinds", "kinds-1.0-1.src.rpm"),
    ("kinds", "kinds_1.0_all.deb"),
    ("kinds", "kinds-1.0.dmg"),
    ("kinds", "kinds-1.0.linux-x86_64.tar.gz"),
    ("kinds", "KINDS-1.0.ZIP"),
    # Characters that mean something elsewhere.
    ("odd", "odd-1.0%2B.zip"),
    ("odd", "odd-1.0%.zip"),
    ("odd", "odd-1.0?x=y.zip"),
    ("odd", "odd-1.0#sha256=00.zip"),
    ("odd", "odd-1.0&amp;.zip"),
    ("odd", "odd-1.0<b>.zip"),
    ("odd", "odd-1.0'\".zip"),
    ("odd", "odd-1.0;x.zip"),
    ("odd", "odd:1.0.zip"),
    ("odd", "odd-1.0é.zip"),
    ("odd", "odd-1.0\u65e5\u672c.zip"),
    ("odd", "..odd-1.0.zip".removeprefix("..")),
    ("odd", "odd-1.0..zip"),
    ("odd", "-odd-1.0.zip"),
    ("odd", "~odd-1.0.zip"),
    ("odd", "index.html.zip"),
    # Lengths.
    ("long", f"long-{'1' * (230 - 9)}.zip"),
    ("long", f"long-{'1' * (255 - 9)}.zip"),
    ("long", f"long-{'1' * (255 - 22)}-py3-none-any.whl"),
    ("long", f"long-{'1' * (244 - 9)}.zip"),
    ("long", f"long-{'1' * (245 - 9)}.zip"),
    ("long", f"long-{'1' * (246 - 9)}.zip"),
    ("long", f"long-{'1' * (247 - 9)}.zip"),
    ("long", f"long-{'1.' * 100}0-py3-none-any.whl"),
    ("long", f"long-{'é' * 110}.zip"),
    ("long", f"long-{'é' * 123}.zip"),
]


class Case(NamedTuple):
    """A file of a project, as it was published."""

    project: str
    filename: str
    content: bytes


CASES = [Case(*name, f"{number} {name[1]}".encode()) for number, name in enumerate(NAMES)]


@pytest.fixture(scope="module", params=["json", "html"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """Give a proxy over an index with all of them."""
    form: Form = request.param
    with Upstream() as upstream:
        upstream.form = form
        for project, filename, content in CASES:
            upstream.add(project, filename, content)
        with serving(tmp_path_factory.mktemp(form), upstream.index_url) as server:
            yield server


class _Links(HTMLParser):
    """The links of a page: where each leads, by its text."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._href = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self._href = dict(attrs)["href"] or ""

    def handle_data(self, data: str) -> None:
        if self._href and data.strip():
            self.found[data] = self._href
            self._href = ""


def test_longer_than_can_be_stored__is_left_out(tmp_path: Path, upstream: Upstream) -> None:
    """A name of 256 bytes, which no file system takes, keeps nobody from the others."""
    long = f"foo-{'1' * 248}.zip"
    for filename in (long, "foo-1.0.zip"):
        upstream.add("foo", filename, b"x")
    with serving(tmp_path, upstream.index_url) as server:
        files = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
        assert server.get(f"/pypi/foo/{long}").status == 404
    assert [file["filename"] for file in files] == ["foo-1.0.zip"]


@pytest.mark.parametrize("length", [246, 247, 255])
def test_metadata_of_a_long_name__only_if_it_can_be_stored(
    tmp_path: Path, upstream: Upstream, length: int
) -> None:
    """Metadata are advertised where their own name has room, and the wheel is had all the same."""
    name = f"foo-{'1' * (length - 21)}-py3-none-any.whl"
    assert len(name) == length
    upstream.add("foo", name, b"wheel", metadata=b"its own")
    upstream.projects["foo"].files[name]["gpg-sig"] = True
    upstream.put(f"/files/foo/{name}.asc", b"its signature")
    with serving(tmp_path, upstream.index_url) as server:
        (file,) = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
        assert ("core-metadata" in file) == (length + 9 <= 255)
        assert ("gpg-sig" in file) == (length + 4 <= 255)
        assert (server.get(f"/pypi/foo/{name}.metadata").body == b"its own") == (length + 9 <= 255)
        assert server.get(f"/pypi/foo/{name}").body == b"wheel"


def test_longest_name__replaced_upstream(tmp_path: Path, upstream: Upstream) -> None:
    """A stored file of 255 bytes is replaced as any other is, though no sibling can lie beside."""
    name = f"foo-{'1' * 247}.zip"
    upstream.add("foo", name, b"old")
    with serving(tmp_path, upstream.index_url, update_interval=0) as server:
        assert server.get(f"/pypi/foo/{name}").body == b"old"
        upstream.add("foo", name, b"anew")
        wait_until(lambda: '"size":4' in server.get("/pypi/foo/", accept=JSON).body.decode())
        assert server.get(f"/pypi/foo/{name}").body == b"anew"


def test_table_is_long_enough() -> None:
    """There are at least sixty."""
    assert len(set(NAMES)) == len(NAMES) >= 60


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case.filename[:40]))
def test_awkward_name__is_listed_and_leads_there(server: Server, case: Case) -> None:
    """The file is on its page in both forms, under its own name, and both links have its bytes."""
    path = f"/pypi/{quote(case.project)}/"
    files = json.loads(server.get(path, accept=JSON).body)["files"]
    in_json = {file["filename"]: file["url"] for file in files}
    in_html = _Links(server.get(path).body).found
    for links in (in_json, in_html):
        where = urlsplit(urljoin(f"{server.url}{path}", links[case.filename]))
        assert unquote(where.path).endswith(f"/{case.filename}")
        reply = server.get(where.path)
        assert (reply.status, reply.body) == (200, case.content)
