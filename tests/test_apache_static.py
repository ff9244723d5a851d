"""Apache alone over an eggs directory: a mirror that needs no Python."""

import gzip
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import httpd
from tests.apache_sites import apache_site, write_configuration
from tests.clients.publishing import publish
from tests.distributions import make_sdist, make_wheel
from tests.httpd import Httpd
from tests.servers import HTML_V1, JSON, Reply, ask, serving, wait_until
from tests.upstream import Upstream

WHEEL = make_wheel("Zope.Demo", "1.0", requires=["PasteDemo"])
SDIST = make_sdist("PasteDemo", "2.0", stem="PasteDemo")
# As long as a file system takes it; beside such a file nothing can lie.
LONGEST = make_wheel("longest", "1" * 230)
PIP = f"{JSON}, {HTML_V1}; q=0.1, text/html; q=0.01"


def fill(root: Path, upstream: Upstream) -> Path:
    """Fill an eggs directory with some projects, one of them with a page alone."""
    publish(upstream, WHEEL)
    publish(upstream, make_wheel("Zope.Demo", "2.0"))
    publish(upstream, SDIST)
    publish(upstream, LONGEST)
    publish(upstream, make_wheel("unused", "1.0"))
    with serving(root, upstream.index_url, eggs=root / "eggs") as server:
        files = {"pastedemo": SDIST, "zope-demo": WHEEL, "longest": LONGEST}
        for path in ("", "unused/", *(f"{name}/{file.filename}" for name, file in files.items())):
            assert server.get(f"/pypi/{path}").status == 200
        assert server.get(f"/pypi/zope-demo/{WHEEL.filename}.metadata").status == 200
        for name in files:
            stored = server.eggs / name / "stored.json"
            wanted = '"core-metadata":{' if name == "zope-demo" else "sha256"
            wait_until(lambda s=stored, w=wanted: s.exists() and w in s.read_text())
    subprocess.run(["chmod", "-R", "a+rX", root / "eggs"], check=True)
    return root / "eggs"


@pytest.fixture(scope="module", params=[True, False], ids=["own-host", "all-hosts"])
def mirror(request: pytest.FixtureRequest) -> Iterator[Httpd]:
    """Serve an eggs directory whose upstream, and whose eggproxy, are no more."""
    with httpd.public_directory() as root:
        with Upstream() as upstream:
            eggs = fill(root, upstream)
        file = write_configuration(root / "eggproxy.conf", eggs, "http://index.example/")
        with apache_site("static", root, file, own_host=request.param) as server:
            yield server


def get(mirror: Httpd, path: str, **headers: str) -> Reply:
    """GET a path below the index."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(mirror.url, f"/pypi/{path}", headers=named)


def test_static__page_lists_what_is_stored(mirror: Httpd) -> None:
    """A page has the files that are there, and not those that were never fetched."""
    page = get(mirror, "zope-demo/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert page.headers["Cache-Control"] == "no-cache"
    assert re.findall(r">([^<>]*\.whl)</a>", page.body.decode()) == [WHEEL.filename]


def test_static__page_without_stored_files(mirror: Httpd) -> None:
    """A project of which nothing is stored keeps its full page, and so does the list."""
    assert b"unused-1.0-py3-none-any.whl" in get(mirror, "unused/").body
    assert b"zope-demo" in get(mirror, "", accept=PIP).body


@pytest.mark.parametrize("accept", [JSON, PIP, f"{JSON}; q=1.0, text/html", f"{JSON},*/*;q=0.1"])
def test_static__json(mirror: Httpd, accept: str) -> None:
    """Who wants JSON most has it."""
    page = get(mirror, "zope-demo/", accept=accept)
    assert page.headers["Content-Type"] == JSON
    (file,) = json.loads(page.body)["files"]
    assert file["filename"] == WHEEL.filename
    assert "Accept" in page.headers["Vary"]


@pytest.mark.parametrize("accept", ["*/*", "text/html", f"text/html, {JSON}; q=0.5"])
def test_static__html(mirror: Httpd, accept: str) -> None:
    """All others have HTML."""
    assert get(mirror, "zope-demo/", accept=accept).body.startswith(b"<!DOCTYPE html>")


@pytest.mark.parametrize("accept", [JSON, "text/html"])
@pytest.mark.parametrize("encoding", ["gzip", "gzip, deflate, zstd", "br, gzip;q=0.5"])
def test_static__packed_page(mirror: Httpd, accept: str, encoding: str) -> None:
    """Who unpacks has the page that lies there packed."""
    packed = get(mirror, "zope-demo/", accept=accept, accept_encoding=encoding)
    assert packed.headers["Content-Encoding"] == "gzip"
    plain = get(mirror, "zope-demo/", accept=accept)
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["ETag"] != plain.headers["ETag"]


@pytest.mark.parametrize("encoding", ["identity", "gzip;q=0", "gzip; q=0.0, deflate", ""])
def test_static__plain_page(mirror: Httpd, encoding: str) -> None:
    """Nobody else has."""
    page = get(mirror, "zope-demo/", accept_encoding=encoding)
    assert page.headers["Content-Encoding"] is None
    assert "Accept-Encoding" in page.headers["Vary"]


@pytest.mark.parametrize("name", ["Zope.Demo", "zope.demo", "ZOPE_DEMO", "zope-_.demo"])
def test_static__names_as_written(mirror: Httpd, name: str) -> None:
    """Old clients ask for a name as a person wrote it, and for files below it."""
    assert get(mirror, f"{name}/").status == 200
    assert get(mirror, f"{name}/{WHEEL.filename}").body == WHEEL.content


def test_static__files(mirror: Httpd) -> None:
    """Files are octets for ever; nobody is to unpack a .tar.gz on its way."""
    file = get(mirror, f"pastedemo/{SDIST.filename}", accept_encoding="gzip")
    assert file.body == SDIST.content
    assert file.headers["Content-Encoding"] is None
    assert file.headers["Content-Type"] == "application/octet-stream"
    assert file.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert get(mirror, f"zope-demo/{WHEEL.filename}", range="bytes=1-2").status == 206
    assert get(mirror, f"zope-demo/{WHEEL.filename}.metadata").body == WHEEL.metadata


def test_static__longest_name(mirror: Httpd) -> None:
    """A file with a name of 255 bytes is listed and had, and nothing is promised beside it."""
    assert len(LONGEST.filename) == 255
    (file,) = json.loads(get(mirror, "longest/", accept=JSON).body)["files"]
    assert file["filename"] == LONGEST.filename
    assert "core-metadata" not in file
    assert get(mirror, f"longest/{file['url']}").body == LONGEST.content


@pytest.mark.parametrize("path", ["", "/", "/projects/zope-demo/record.json", "/list/"])
def test_static__own_records(mirror: Httpd, path: str) -> None:
    """Records are not served."""
    for name in (".eggproxy", "%2Eeggproxy", "/.eggproxy"):
        assert get(mirror, f"{name}{path}").status == 404


def test_static__unknown(mirror: Httpd) -> None:
    """What is not there is a 404, upon which clients ask their next index."""
    for path in ("no-such/", "No.Such/", "zope-demo/zope_demo-2.0-py3-none-any.whl", "a/b/c"):
        assert get(mirror, path).status == 404
