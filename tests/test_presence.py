"""A packages directory whose disk is away: its names stay ours, and nobody is told they are not."""

import json
import os
import threading
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from eggproxy.archives import read_archive
from eggproxy.names import NormalizedName
from eggproxy.packages import Packages, PackagesAwayError
from eggproxy.packages.presence import Presence
from tests.distributions import make_wheel
from tests.packages import add, drop
from tests.servers import Server, serving, wait_until
from tests.upstream import Upstream

TOOL = NormalizedName("acme-tool")
GONE = NormalizedName("acme-gone")
WHEEL = make_wheel("acme-tool", "1.0")
REMOVED = make_wheel("acme-gone", "1.0")
THEIRS = make_wheel("acme-tool", "9.9")
ROUTES = (
    "/pypi/acme-tool/",
    "/simple/Acme.Tool/index.json",
    f"/pypi/acme-tool/{WHEEL.filename}",
    f"/pypi/acme-tool/{THEIRS.filename}",
    f"/pypi/acme-tool/{THEIRS.filename}.metadata",
    "/pypi/acme-gone/",
)


class Site:
    """A server over an upstream that has our names, too, and what can happen to its directory."""

    def __init__(self, tmp_path: Path, upstream: Upstream) -> None:
        self.upstream = upstream
        self.directory = tmp_path / "own"
        self.memory = tmp_path / "eggs" / ".eggproxy" / "own-names.json"
        self._away = tmp_path / "elsewhere"
        self._tmp_path = tmp_path
        upstream.add("acme-tool", THEIRS.filename, THEIRS.content, metadata=THEIRS.metadata)
        upstream.add("acme-gone", "acme_gone-9.9.tar.gz", b"theirs")

    def run(self) -> AbstractContextManager[Server]:
        """Run a server of two processes."""
        return serving(
            self._tmp_path,
            self.upstream.index_url,
            workers=2,
            eggs=self._tmp_path / "eggs",
            packages_directory=self.directory,
        )

    def remembers(self) -> set[str]:
        """Name what is remembered of the directory."""
        return set(json.loads(self.memory.read_bytes())["names"]) if self.memory.exists() else set()

    def unmount(self, *, leaves_mount_point: bool) -> None:
        """Take the directory's disk away."""
        self.directory.rename(self._away)
        if leaves_mount_point:
            self.directory.mkdir()

    def mount(self) -> None:
        """Have the disk back."""
        if self.directory.exists():
            self.directory.rename(self.directory.with_name("mount-point"))
        self._away.rename(self.directory)


@pytest.fixture
def site(tmp_path: Path, upstream: Upstream) -> Site:
    """Set up a site that has seen its packages: one is there, one is in the trash."""
    site = Site(tmp_path, upstream)
    drop(site.directory, WHEEL)
    packages = Packages(site.directory)
    add(packages, REMOVED)
    packages.remove(GONE)
    with site.run() as server:
        assert server.get("/pypi/acme-tool/").status == 200
        wait_until(lambda: site.remembers() == {"acme-tool", "acme-gone"})
    upstream.forget()
    return site


def assert_away(site: Site, server: Server) -> None:
    """See that each worker says that our own packages are away, and asks nobody else for them."""
    for _worker in range(4):
        for route in ROUTES:
            reply = server.get(route)
            assert (reply.status, b"not mounted" in reply.body) == (503, True), route
        assert json.loads(server.get("/healthz").body)["status"] == "degraded"
    assert [each.path for each in site.upstream.requests if "acme" in each.path] == []


@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_away__at_start(site: Site, *, leaves_mount_point: bool) -> None:
    """A server that starts without the disk knows what is ours; the disk back, all is well."""
    site.unmount(leaves_mount_point=leaves_mount_point)
    with site.run() as server:
        assert_away(site, server)
        # Once for each process that was asked, however often that was.
        assert server.log.count("own is not there") in {1, 2}
        site.mount()
        # Of several processes each finds out by itself.
        wait_until(lambda: all(server.get(ROUTES[0]).status == 200 for _worker in range(8)))
        wait_until(lambda: json.loads(server.get("/healthz").body)["status"] == "ok")
        assert site.remembers() == {"acme-tool", "acme-gone"}


@pytest.mark.parametrize("leaves_mount_point", [False, True])
def test_away__while_it_runs(site: Site, *, leaves_mount_point: bool) -> None:
    """A disk that goes under a running server is noticed by the next request."""
    with site.run() as server:
        for _worker in range(4):
            assert server.get(f"/pypi/acme-tool/{WHEEL.filename}").body == WHEEL.content
        site.unmount(leaves_mount_point=leaves_mount_point)
        assert_away(site, server)
        wait_until(lambda: (server.get("/healthz"), "own is not there" in server.log)[1])
        assert_away(site, server)


def test_removed__by_hand(site: Site) -> None:
    """What was deleted from a directory that is there is forgotten, and upstream's again."""
    (site.directory / WHEEL.filename).unlink()
    with site.run() as server:
        assert server.get(f"/pypi/acme-tool/{THEIRS.filename}").body == THEIRS.content
        wait_until(lambda: site.remembers() == {"acme-gone"})


def test_removed__marker_as_well(site: Site) -> None:
    """Where our folder was emptied with all the rest, the marker is what frees the names."""
    site.unmount(leaves_mount_point=True)
    with site.run() as server:
        assert_away(site, server)
        (site.directory / ".eggproxy").mkdir()
        (site.directory / ".eggproxy" / "present").touch()
        theirs = f"/pypi/acme-tool/{THEIRS.filename}"
        wait_until(lambda: server.get(theirs).body == THEIRS.content)


def test_away__takes_no_files(site: Site, tmp_path: Path) -> None:
    """Below a mount point nothing is put, where it would be hidden when the disk is back."""
    site.unmount(leaves_mount_point=True)
    packages = Packages(site.directory, memory=site.memory)
    (tmp_path / WHEEL.filename).write_bytes(WHEEL.content)
    contents = read_archive(tmp_path / WHEEL.filename, WHEEL.filename)
    with pytest.raises(PackagesAwayError):
        packages.add(tmp_path / WHEEL.filename, WHEEL.filename, contents, overwrite=False)
    with pytest.raises(PackagesAwayError):
        packages.yank(TOOL, "1.0")
    assert list(site.directory.iterdir()) == []


def test_presence__directory_without_marker(tmp_path: Path) -> None:
    """Where no marker can be written a directory is known by the files that were in it."""
    directory, memory = tmp_path / "own", tmp_path / "eggs" / "own-names.json"
    (memory.parent / "tmp").mkdir(parents=True)
    path = drop(directory, WHEEL)
    (directory / ".eggproxy").touch()
    Packages(directory, memory=memory).ownership.remember()
    packages = Packages(directory, memory=memory)
    packages.ownership.demand_here(TOOL)
    path.unlink()
    packages.look()
    assert packages.ownership.keeps(TOOL)
    with pytest.raises(PackagesAwayError):
        packages.ownership.demand_here(TOOL)


def _deny(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Let nobody look into a folder, not even the superuser, whom no permission stops."""
    scandir, stat = os.scandir, os.stat

    def denied(path: object) -> None:
        if f"{os.sep}{folder}{os.sep}" in f"{path}{os.sep}":
            raise PermissionError(13, "Permission denied", str(path))

    def denying_scandir(path: str) -> object:
        denied(path)
        return scandir(path)

    def denying_stat(path: str, **how: bool) -> os.stat_result:
        if not str(path).endswith(folder):
            denied(path)
        return stat(path, **how)

    monkeypatch.setattr(os, "scandir", denying_scandir)
    monkeypatch.setattr(os, "stat", denying_stat)


def test_presence__folder_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in a folder that nobody may read stays ours, and keeps nothing else from anybody."""
    directory, memory = tmp_path / "own", tmp_path / "eggs" / "own-names.json"
    (memory.parent / "tmp").mkdir(parents=True)
    drop(directory, WHEEL, folder="acme-tool")
    drop(directory, make_wheel("other", "1.0"))
    Packages(directory, memory=memory).ownership.remember()
    _deny(monkeypatch, "acme-tool")
    packages = Packages(directory, memory=memory)
    packages.ownership.remember()
    packages.ownership.demand_here(NormalizedName("other"))
    assert packages.ownership.keeps(TOOL)
    with pytest.raises(PackagesAwayError):
        packages.ownership.demand_here(TOOL)


def test_presence__while_it_is_noted(tmp_path: Path) -> None:
    """A directory is there for everybody in the very moment in which its first name is noted."""
    looks: list[bool] = []
    for turn in range(50):
        root, memory = tmp_path / f"{turn}", tmp_path / f"{turn}-eggs" / "own-names.json"
        for folder in (root, memory.parent / "tmp"):
            folder.mkdir(parents=True)
        ours, theirs = (Presence(root, root / ".eggproxy", memory) for _ in range(2))
        noting = threading.Thread(target=ours.note, args=({TOOL}, {WHEEL.filename}))
        noting.start()
        while noting.is_alive():
            looks.append(theirs.is_here())
        noting.join()
    assert looks
    assert all(looks)
