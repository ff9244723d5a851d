"""What lies beside a file and may change: provenance and signatures, had from us."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.distributions import make_wheel
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream
from tests.upstream_pages import Form

WHEEL = make_wheel("foo", "1.0")
PATH = f"/pypi/foo/{WHEEL.filename}"
URL = "/integrity/foo/1.0/foo.whl/provenance"
OBJECT = b'{"version": 1, "attestation_bundles": []}'
OTHER = b'{"version": 1, "attestation_bundles": [{}]}'
SIGNATURE = f"/files/foo/{WHEEL.filename}.asc"
KINDS = {
    ".provenance": (URL, OBJECT, OTHER),
    ".asc": (SIGNATURE, b"-----BEGIN PGP 1", b"-----BEGIN PGP 2"),
}
INTEGRITY = "application/vnd.pypi.integrity.v1+json"


@pytest.fixture
def published(upstream: Upstream) -> Upstream:
    """Give an index with a wheel that has both."""
    upstream.add("foo", WHEEL.filename, WHEEL.content)
    for path, first, _second in KINDS.values():
        upstream.put(path, first)
    upstream.projects["foo"].files[WHEEL.filename] |= {
        "provenance": f"{upstream.url}{URL}",
        "gpg-sig": True,
    }
    return upstream


@pytest.fixture
def server(tmp_path: Path, published: Upstream) -> Iterator[Server]:
    """Give a proxy that asks about pages, and what is beside files, each time."""
    with serving(tmp_path, published.index_url, update_interval=0) as server:
        yield server


each_kind = pytest.mark.parametrize("kind", list(KINDS))


@pytest.mark.parametrize("form", ["json", "html"])
def test_provenance__is_linked_beside_its_file(
    server: Server, published: Upstream, form: Form
) -> None:
    """Both forms of a page lead to us, whichever form upstream has."""
    published.form = form
    (file,) = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
    assert file["provenance"] == f"{WHEEL.filename}.provenance"
    attribute = f'data-provenance="{WHEEL.filename}.provenance"'
    assert attribute in server.get("/pypi/foo/").body.decode()


def test_siblings__on_each_front_end(proxy: Server, published: Upstream) -> None:
    """Each front end serves both, never as something that stays for ever, stored or not."""
    for kind, (path, first, _second) in KINDS.items():
        for _time in range(2):
            reply = proxy.get(f"{PATH}{kind}")
            assert (reply.status, reply.body) == (200, first)
            assert reply.headers["Cache-Control"] == "no-cache"
        assert len(published.asked(path)) == 1
    assert proxy.get(f"{PATH}.provenance").headers["Content-Type"] == INTEGRITY


@each_kind
def test_sibling__changes(server: Server, published: Upstream, kind: str) -> None:
    """It is revalidated as pages are: asked with validators, and taken anew when it changes."""
    path, first, second = KINDS[kind]
    assert server.get(f"{PATH}{kind}").body == first
    assert server.get(f"{PATH}{kind}").body == first
    assert "If-None-Match" in published.asked(path)[-1].headers
    published.put(path, second)
    assert server.get(f"{PATH}{kind}").body == second
    assert (server.eggs / "foo" / f"{WHEEL.filename}{kind}").read_bytes() == second


@each_kind
def test_sibling__outage(server: Server, published: Upstream, kind: str) -> None:
    """In an outage what is stored is served, and its page says that it is there."""
    assert server.get(PATH).status == server.get(f"{PATH}{kind}").status == 200
    stored = server.eggs / "foo" / "stored.json"
    key = {".provenance": '"provenance":', ".asc": '"gpg-sig":true'}[kind]
    wait_until(lambda: stored.exists() and key in stored.read_text())
    with published.down():
        assert server.get(f"{PATH}{kind}").body == KINDS[kind][1]
        assert key in server.get("/pypi/foo/", accept=JSON).body.decode()
    assert server.get(f"/pypi/+stored/foo/{WHEEL.filename}{kind}").body == KINDS[kind][1]


@each_kind
def test_sibling__outage_without_it(server: Server, published: Upstream, kind: str) -> None:
    """Of what is not stored, an outage is no 404, and the page for outages does not promise it."""
    assert server.get(PATH).status == 200
    with published.down():
        assert server.get(f"{PATH}{kind}").status == 503
        (file,) = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
    assert not {"provenance", "gpg-sig"} & file.keys()


@each_kind
def test_sibling__gone(server: Server, published: Upstream, kind: str) -> None:
    """What upstream no longer has is a 404, at once, stored or not."""
    assert server.get(f"{PATH}{kind}").status == 200
    published.path_override[KINDS[kind][0]] = (404, {}, b"")
    assert server.get(f"{PATH}{kind}").status == 404


@each_kind
def test_sibling__nonsense(server: Server, published: Upstream, kind: str) -> None:
    """The page of a captive portal replaces nothing, and an error is no 404."""
    portal = (200, {"Content-Type": "text/html"}, b"<html>Please log in</html>")
    published.path_override[KINDS[kind][0]] = portal
    assert server.get(f"{PATH}{kind}").status == 502
    published.path_override.clear()
    wait_until(lambda: server.get(f"{PATH}{kind}").status == 200)
    published.path_override[KINDS[kind][0]] = portal
    assert server.get(f"{PATH}{kind}").body == KINDS[kind][1]


@each_kind
def test_sibling__too_large(server: Server, published: Upstream, kind: str) -> None:
    """What is larger than any such thing is not taken."""
    published.put(KINDS[kind][0], b"-" * (5 << 20))
    assert server.get(f"{PATH}{kind}").status == 502


def test_provenance__not_from_everywhere(tmp_path: Path, published: Upstream) -> None:
    """It comes only from where files may come from, and never by itself."""
    with (
        Upstream() as other,
        serving(tmp_path, published.index_url, allow_hosts="files.example") as server,
    ):
        other.put(URL, OBJECT)
        file = published.projects["foo"].files[WHEEL.filename]
        file["provenance"] = f"http://localhost:{other.url.rpartition(':')[2]}{URL}"
        assert server.get(f"{PATH}.provenance").status == 502
        assert other.requests == []


def test_provenance__none_upstream(server: Server, published: Upstream) -> None:
    """Where upstream names none, there is none."""
    del published.projects["foo"].files[WHEEL.filename]["provenance"]
    assert server.get(f"{PATH}.provenance").status == 404
    assert published.asked("provenance") == []


def test_provenance__from_a_proxy(tmp_path: Path, server: Server, published: Upstream) -> None:
    """A proxy behind a proxy has it as well, and keeps it when both are cut off."""
    with serving(tmp_path / "second", server.index, eggs=tmp_path / "second") as second:
        assert second.get(f"{PATH}.provenance").body == OBJECT
        with published.down():
            server.process.terminate()
            server.process.wait()
            assert second.get(f"{PATH}.provenance").body == OBJECT
