"""Channels: indexes that are not merged, but served at an address of their own."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.frontends import FRONT_ENDS
from tests.httpd import httpd
from tests.indexes import about, names, proxying, section
from tests.servers import JSON, Server, wait_until
from tests.upstream import Upstream

WHEEL = "torch-2.0+cpu-cp311-cp311-linux_x86_64.whl"
QUOTED = WHEEL.replace("+", "%2B")


@pytest.fixture
def torch() -> Iterator[Upstream]:
    """Give an index of special builds, which has names of the other one too."""
    with Upstream() as index:
        index.add("torch", WHEEL, b"special", metadata=b"Name: torch\n")
        yield index


def over(
    tmp_path: Path, upstream: Upstream, torch: Upstream, front_end: str = "serve"
) -> AbstractContextManager[Server]:
    """Run a proxy over an index of everything, and a channel."""
    upstream.add("torch", "torch-2.0-cp311-cp311-linux_x86_64.whl", b"usual")
    upstream.add("plain", "plain-1.0.tar.gz", b"plain")
    lines = section("public", upstream), section("torch-cpu", torch, "channel = torch-cpu")
    return proxying(tmp_path, *lines, front_end=front_end)


@pytest.fixture(params=FRONT_ENDS)
def each(
    request: pytest.FixtureRequest, tmp_path: Path, upstream: Upstream, torch: Upstream
) -> Iterator[Server]:
    """Give such a proxy, with each front end in turn."""
    with over(tmp_path, upstream, torch, front_end=request.param) as server:
        yield server


@pytest.fixture
def one(tmp_path: Path, upstream: Upstream, torch: Upstream) -> Iterator[Server]:
    """Give such a proxy."""
    with over(tmp_path, upstream, torch) as server:
        yield server


def test_channel__in_every_front_end(each: Server) -> None:
    """Page, file, metadata and list of a channel are at its address, with each front end."""
    base = "/pypi/+torch-cpu"
    assert names(each, "torch", f"{base}/") == [WHEEL]
    for _twice in range(2):
        assert each.get(f"{base}/torch/{QUOTED}").body == b"special"
        assert each.get(f"{base}/torch/{QUOTED}.metadata").body == b"Name: torch\n"
    assert each.get(f"{base}/torch/{QUOTED}", range="bytes=1-3").body == b"pec"
    assert b">torch<" in each.get(f"{base}/", accept="text/html").body
    assert names(each, "torch") == ["torch-2.0-cp311-cp311-linux_x86_64.whl"]


def test_channel__lacks_a_slash(each: Server) -> None:
    """An address of a channel that lacks its last slash is redirected, as others are."""
    for path in ("/pypi/+torch-cpu", "/pypi/+torch-cpu/torch", "/simple/+torch-cpu/torch"):
        reply = each.get(path)
        assert reply.status == 301
        assert reply.headers["Location"].endswith(f"{path}/")


def test_channel__has_only_its_own(one: Server, upstream: Upstream, torch: Upstream) -> None:
    """Neither is asked for what the other has."""
    assert one.get("/pypi/+torch-cpu/plain/").status == 404
    assert about(upstream, "plain") == []
    assert names(one, "plain") == ["plain-1.0.tar.gz"]
    assert names(one, "torch")
    assert len(about(torch, "plain")) == 1
    assert about(torch, "torch") == []


def test_channel__stored_page(one: Server, torch: Upstream) -> None:
    """It has a page of stored files, which is the one for outages too."""
    torch.add("torch", "torch-3.0-py3-none-any.whl", b"not stored")
    one.get(f"/pypi/+torch-cpu/torch/{QUOTED}")
    wait_until(lambda: one.get("/pypi/+torch-cpu/+stored/torch/").status == 200)
    assert names(one, "torch", "/pypi/+torch-cpu/+stored/") == [WHEEL]
    one.age_pages(1e6)
    with torch.down():
        one.get("/pypi/+torch-cpu/torch/")
        assert names(one, "torch", "/pypi/+torch-cpu/") == [WHEEL]


def test_channel__is_no_project(one: Server) -> None:
    """A channel that does not exist is 404, and so is a project that looks like one."""
    for path in ("/pypi/+other/", "/pypi/+other/torch/", "/pypi/+/torch/", "/pypi/+torch-cpu/+x/"):
        assert one.get(path).status == 404


def test_channel__is_not_listed_as_a_project(one: Server) -> None:
    """The list of projects names no channel."""
    names(one, "torch", "/pypi/+torch-cpu/")
    assert b"torch-cpu" not in one.get("/pypi/", accept=JSON).body


def test_channel__down(one: Server, torch: Upstream) -> None:
    """While its index is down, the others go on."""
    with torch.down():
        assert one.get("/pypi/+torch-cpu/torch/").status == 503
        assert names(one, "plain") == ["plain-1.0.tar.gz"]


def test_channel__static(tmp_path: Path, upstream: Upstream, torch: Upstream) -> None:
    """Apache alone serves it out of the eggs directory, with every Python dead."""
    directives = 'DirectoryIndex index.html\nAlias /pypi "{eggs}"\n'
    directives += '<Directory "{eggs}">\nRequire all granted\n</Directory>'
    with over(tmp_path, upstream, torch, front_end="mod_wsgi-embedded") as proxy:
        assert proxy.get(f"/pypi/+torch-cpu/torch/{QUOTED}").status == 200
        # Whoever asked for it had it an instant before the disk.
        wait_until((proxy.eggs / "+torch-cpu" / "torch" / WHEEL).exists)
        with httpd(directives.format(eggs=proxy.eggs), ["dir"]) as apache:
            server = Server(apache.process, apache.port, proxy.eggs, apache.root / "error.log")
            assert WHEEL.encode() in server.get("/pypi/+torch-cpu/torch/").body
            assert server.get(f"/pypi/+torch-cpu/torch/{QUOTED}").body == b"special"
