"""Packages of our own through the front ends: theirs is never mixed in, and never asked for."""

import http.client
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from eggproxy.names import NormalizedName
from eggproxy.packages import Packages
from tests.distributions import make_sdist, make_wheel
from tests.frontends import BIN, clean_environment
from tests.packages import add, drop
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream

WHEEL = make_wheel("acme-tool", "1.0", python=">=3.8")
LARGE = make_wheel("acme-tool", "1.5", size=3_000_000)
NEWER = make_wheel("acme-tool", "2.0")
THEIRS = make_wheel("acme-tool", "9.9", size=100)
TOOL = NormalizedName("acme-tool")
ROUTES = (
    "/pypi/acme-tool/",
    "/pypi/Acme.Tool/",
    "/simple/acme_tool/",
    "/pypi/acme-tool/index.html",
    "/pypi/acme-tool/index.json",
    f"/pypi/acme-tool/{THEIRS.filename}",
    f"/pypi/acme-tool/{THEIRS.filename}.metadata",
    f"/pypi/acme-tool/{THEIRS.filename}.asc",
    f"/pypi/acme-tool/{WHEEL.filename}.asc",
    "/pypi/+stored/acme-tool/",
    f"/pypi/+stored/acme-tool/{THEIRS.filename}",
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Name the packages directory."""
    return tmp_path / "own"


@pytest.fixture
def server(tmp_path: Path, upstream: Upstream, directory: Path) -> Iterator[Server]:
    """Run a server of two processes that have the directory, in which names are reserved."""
    with serving(
        tmp_path,
        upstream.index_url,
        workers=2,
        packages_directory=directory,
        reserve="reserved-*",
    ) as running:
        yield running


def files(server: Server, project: str = "acme-tool") -> list[str]:
    """Name the files on a project's page; none where there is no page."""
    reply = server.get(f"/pypi/{project}/", accept=JSON)
    if reply.status == 404:
        return []
    assert reply.status == 200
    return [file["filename"] for file in json.loads(reply.body)["files"]]


def projects(server: Server) -> list[str]:
    """Name the projects in the list; none where there is no list."""
    reply = server.get("/pypi/", accept=JSON)
    if reply.status == 503:
        return []
    assert reply.status == 200
    return [project["name"] for project in json.loads(reply.body)["projects"]]


def test_own__every_front_end(proxy: Server) -> None:
    """Page, file, metadata and list have what lies in `packages` beside the eggs directory."""
    directory = proxy.eggs.parent / "packages"
    directory.mkdir()
    # As its administrator does: of the user who serves.
    os.chown(directory, proxy.eggs.stat().st_uid, proxy.eggs.stat().st_gid)
    drop(directory, WHEEL)
    wait_until(lambda: files(proxy) == [WHEEL.filename])
    for headers in ({}, {"accept": JSON}, {"accept_encoding": "gzip"}):
        assert proxy.get("/pypi/acme-tool/", **headers).status == 200
    assert proxy.get(f"/pypi/acme-tool/{WHEEL.filename}").body == WHEEL.content
    assert proxy.get(f"/pypi/acme-tool/{WHEEL.filename}.metadata").body == WHEEL.metadata
    assert projects(proxy) == ["acme-tool"]
    drop(directory, LARGE)
    wait_until(lambda: proxy.get(f"/pypi/acme-tool/{LARGE.filename}").body == LARGE.content)


def test_own__in_a_second_process(server: Server, directory: Path) -> None:
    """What one process adds, another serves in the very next request, though it held the page."""
    packages = Packages(directory)
    add(packages, WHEEL)
    for _worker in range(8):
        assert files(server) == [WHEEL.filename]
    add(packages, NEWER)
    for _worker in range(8):
        assert files(server) == [WHEEL.filename, NEWER.filename]


def test_own__changes_show_at_once(server: Server, directory: Path) -> None:
    """Yanked, quarantined, removed: each request after it shows it."""
    packages = Packages(directory)
    add(packages, WHEEL)
    assert files(server)
    packages.yank(TOOL, "1.0", "broken")
    for _worker in range(4):
        assert b'data-yanked="broken"' in server.get("/pypi/acme-tool/").body
    packages.set_status(TOOL, "quarantined")
    for _worker in range(4):
        assert files(server) == []
    packages.set_status(TOOL, "active")
    packages.remove(TOOL)
    for _worker in range(4):
        assert server.get("/pypi/acme-tool/").status == 404


def test_names__never_asked_upstream(server: Server, upstream: Upstream, directory: Path) -> None:
    """Whatever is asked for by a name that is ours, upstream, which has it too, hears nothing."""
    upstream.add("acme-tool", THEIRS.filename, THEIRS.content, metadata=THEIRS.metadata)
    upstream.add("reserved-name", "reserved_name-1.0.tar.gz", b"theirs")
    drop(directory, WHEEL)
    wait_until(lambda: files(server) == [WHEEL.filename])
    upstream.forget()
    for route in (*ROUTES, *(route.replace("acme-tool", "reserved-name") for route in ROUTES)):
        reply = server.get(route)
        assert THEIRS.filename.encode() not in reply.body or reply.status == 404
    assert upstream.requests == []


def test_names__were_upstreams(server: Server, upstream: Upstream, directory: Path) -> None:
    """A name that was cached from upstream is ours as soon as a file of ours is there."""
    upstream.add("acme-tool", THEIRS.filename, THEIRS.content)
    for _worker in range(4):
        assert server.get(f"/pypi/acme-tool/{THEIRS.filename}").body == THEIRS.content
        assert files(server) == [THEIRS.filename]
    drop(directory, WHEEL)
    wait_until(lambda: all(files(server) == [WHEEL.filename] for _worker in range(8)))
    # Where Apache may serve without asking us nothing is left of it.
    wait_until(lambda: not (server.eggs / "acme-tool").exists())
    theirs = f"/pypi/acme-tool/{THEIRS.filename}"
    wait_until(lambda: all(server.get(theirs).status == 404 for _worker in range(8)))


def test_names__removed(server: Server, upstream: Upstream, directory: Path) -> None:
    """What was removed is not replaced by upstream's of the same name."""
    upstream.add("acme-tool", THEIRS.filename, THEIRS.content)
    packages = Packages(directory)
    add(packages, WHEEL)
    packages.remove(TOOL)
    assert files(server) == []
    assert upstream.asked("acme-tool/") == []


def test_list__with_upstream_and_without(
    server: Server, upstream: Upstream, directory: Path
) -> None:
    """Our names are in the list, once, in each form, whether or not upstream can be asked."""
    upstream.add("numpy", "numpy-1.0.tar.gz", b"numpy")
    upstream.add("Acme_Tool", THEIRS.filename, b"theirs")
    drop(directory, WHEEL)
    drop(directory, make_sdist("zeta", "1.0"))
    wait_until(lambda: projects(server) == ["acme-tool", "zeta", "numpy"])
    page = server.get("/pypi/").body
    assert page.count(b"acme-tool/") == 1
    assert b'href="numpy/"' in page


def test_list__upstream_down(server: Server, upstream: Upstream, directory: Path) -> None:
    """An upstream that has never been reached hides nothing of ours."""
    drop(directory, WHEEL)
    with upstream.down():
        wait_until(lambda: projects(server) == ["acme-tool"])
        assert b'href="acme-tool/"' in server.get("/pypi/index.html").body
        assert files(server) == [WHEEL.filename]


def test_merge__files_of_both(tmp_path: Path, upstream: Upstream, directory: Path) -> None:
    """Where it is wished, upstream's files stand beside ours, and ours win; down, ours are left."""
    upstream.add("acme-tool", THEIRS.filename, THEIRS.content)
    upstream.add("acme-tool", WHEEL.filename, b"theirs of the same name")
    drop(directory, WHEEL)
    conf = tmp_path / "eggproxy.conf"
    conf.write_text("[projects]\n[[acme-tool]]\nupstream = merge\n")
    with serving(tmp_path, upstream.index_url, packages_directory=directory) as server:
        assert files(server) == [WHEEL.filename, THEIRS.filename]
        assert server.get(f"/pypi/acme-tool/{WHEEL.filename}").body == WHEEL.content
        assert server.get(f"/pypi/acme-tool/{THEIRS.filename}").body == THEIRS.content
    with (
        upstream.down(),
        serving(
            tmp_path, upstream.index_url, packages_directory=directory, eggs=tmp_path / "other"
        ) as server,
    ):
        assert files(server) == [WHEEL.filename]


def test_own__directory_that_may_only_be_read(server: Server, directory: Path) -> None:
    """Where nothing can be written beside the packages, they are served all the same."""
    directory.mkdir()
    (directory / ".eggproxy").write_text("no folder")
    drop(directory, WHEEL)
    # Each process sees for itself.
    wait_until(lambda: files(server) == [WHEEL.filename])
    file = f"/pypi/acme-tool/{WHEEL.filename}"
    wait_until(lambda: server.get(file).body == WHEEL.content)
    wait_until(lambda: projects(server) == ["acme-tool"])


def test_chain__ours_of_another_server(server: Server, directory: Path, tmp_path: Path) -> None:
    """Another eggproxy that has this one for its index has our packages, with their metadata."""
    add(Packages(directory), WHEEL)
    home = tmp_path / "next"
    home.mkdir()
    with serving(home, server.index) as following:
        assert files(following) == [WHEEL.filename]
        page = json.loads(following.get("/pypi/acme-tool/", accept=JSON).body)
        assert page["files"][0]["core-metadata"]["sha256"]
        assert page["meta"]["api-version"] == "1.4"
        assert following.get(f"/pypi/acme-tool/{WHEEL.filename}").body == WHEEL.content
        assert following.get(f"/pypi/acme-tool/{WHEEL.filename}.metadata").body == WHEEL.metadata
        assert projects(following) == ["acme-tool"]


def test_quarantine__shows_at_once(server: Server, directory: Path) -> None:
    """No process gives a file of a project in quarantine, though it held it; it is had back."""
    packages = Packages(directory)
    add(packages, WHEEL)
    paths = [f"/pypi/acme-tool/{WHEEL.filename}{end}" for end in ("", ".metadata")]
    for _round in range(3):
        for path in paths * 8:
            assert server.get(path).status == 200
        packages.set_status(TOOL, "quarantined")
        for path in paths * 8:
            assert server.get(path).status == 404
        packages.set_status(TOOL, "active")


def test_quarantine__every_front_end(proxy: Server) -> None:
    """What the commands decide holds in each front end when they return."""
    directory = proxy.eggs.parent / "packages"
    path = f"/pypi/acme-tool/{LARGE.filename}"
    directory.mkdir()
    os.chown(directory, proxy.eggs.stat().st_uid, proxy.eggs.stat().st_gid)
    drop(directory, LARGE)
    wait_until(lambda: proxy.get(path).status == 200)
    assert files(proxy) == [LARGE.filename]
    run_command(directory, "yank", "acme-tool", "1.5", "--reason", "broken")
    assert b'data-yanked="broken"' in proxy.get("/pypi/acme-tool/").body
    run_command(directory, "status", "acme-tool", "quarantined")
    assert (proxy.get(path).status, files(proxy)) == (404, [])
    run_command(directory, "status", "acme-tool", "active")
    assert proxy.get(path).status == 200
    run_command(directory, "remove", "acme-tool")
    assert (proxy.get(path).status, proxy.get("/pypi/acme-tool/").status) == (404, 404)


def run_command(directory: Path, *words: str) -> None:
    """Run a command for our own packages."""
    command = [str(BIN / "eggproxy"), *words, "--packages-directory", str(directory)]
    settings = {"EGGPROXY_EGGS_DIRECTORY": str(directory.parent / "eggs")}
    subprocess.run(command, env=clean_environment(**settings), check=True, capture_output=True)


def test_names__file_on_its_way(server: Server, upstream: Upstream, directory: Path) -> None:
    """A file of upstream's that is on its way when its name becomes ours does not arrive."""
    theirs = make_wheel("acme-tool", "9.9", size=300_000)
    upstream.add("acme-tool", theirs.filename, theirs.content)
    path = f"/pypi/acme-tool/{theirs.filename}"
    gate = upstream.gate(after=150_000)
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(server.get, path)
        gate.wait_reached()
        drop(directory, WHEEL)
        wait_until(lambda: all(files(server) == [WHEEL.filename] for _worker in range(8)))
        gate.open()
        error = client.exception()
    assert isinstance(error, http.client.IncompleteRead)
    assert len(error.partial) < len(theirs.content)
    wait_until(lambda: not (server.eggs / "acme-tool").exists())
    assert all(server.get(path).status == 404 for _worker in range(8))
    assert theirs.filename not in {Path(name).name for name in server.own_files()}


def test_names__page_on_its_way(server: Server, upstream: Upstream, directory: Path) -> None:
    """So it is with a page: who waits for it gets ours, and nothing of theirs stays."""
    upstream.add("acme-tool", THEIRS.filename, THEIRS.content)
    gate = upstream.gate("page", after=0)
    with ThreadPoolExecutor(1) as pool:
        client = pool.submit(server.get, "/pypi/acme-tool/")
        gate.wait_reached()
        drop(directory, WHEEL)
        wait_until(lambda: all(files(server) == [WHEEL.filename] for _worker in range(8)))
        gate.open()
        reply = client.result()
    assert THEIRS.filename.encode() not in reply.body
    assert WHEEL.filename.encode() in reply.body
    wait_until(lambda: not (server.eggs / "acme-tool").exists())


def test_merge__file_on_its_way(tmp_path: Path, upstream: Upstream, directory: Path) -> None:
    """Where both are wanted, a file of upstream's by the name of one of ours is not kept."""
    theirs = make_wheel("acme-tool", "1.0", size=300_000)
    upstream.add("acme-tool", theirs.filename, theirs.content)
    (tmp_path / "eggproxy.conf").write_text("[projects]\n[[acme-tool]]\nupstream = merge\n")
    path = f"/pypi/acme-tool/{WHEEL.filename}"
    gate = upstream.gate(after=150_000)
    with serving(tmp_path, upstream.index_url, packages_directory=directory) as server:
        with ThreadPoolExecutor(1) as pool:
            client = pool.submit(server.get, path)
            gate.wait_reached()
            drop(directory, WHEEL)
            size = str(len(WHEEL.content))
            wait_until(lambda: server.head(path).headers["Content-Length"] == size)
            gate.open()
            assert isinstance(client.exception(), http.client.IncompleteRead)
        assert server.get(path).body == WHEEL.content
        assert not (server.eggs / "acme-tool" / WHEEL.filename).exists()
