"""Metadata that will be asked for next is on its way before that: of one wheel, the right one."""

import json
from pathlib import Path

import pytest

from eggproxy import installers
from tests.frontends import FRONT_ENDS
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream

UNIVERSAL = "foo-2.0-py3-none-any.whl"
WHEELS = {
    "glibc": "foo-2.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "new glibc": "foo-2.0-cp311-cp311-manylinux_2_39_x86_64.whl",
    "musl": "foo-2.0-cp311-cp311-musllinux_1_2_aarch64.whl",
    "abi3": "foo-2.0-cp38-abi3-manylinux_2_17_aarch64.whl",
    "macOS": "foo-2.0-cp311-cp311-macosx_11_0_arm64.whl",
    "Windows": "foo-2.0-cp311-cp311-win_amd64.whl",
    "other Python": "foo-2.0-cp313-cp313-manylinux_2_17_x86_64.whl",
}
METADATA = b"Metadata-Version: 2.1\nName: foo\nVersion: 2.0\n"


def agent(system: str, cpu: str, distro: object = None, python: str = "3.11.7") -> str:
    """Write a User-Agent as pip and uv do."""
    said = {
        "cpu": cpu,
        "distro": distro,
        "implementation": {"name": "CPython", "version": python},
        "installer": {"name": "pip", "version": "26.3"},
        "python": python,
        "system": {"name": system, "release": "6.1"},
    }
    return f"pip/26.3 {json.dumps(said)}"


def linux(cpu: str, lib: str, version: str) -> str:
    """Write the User-Agent of a Linux with that libc."""
    distro = {"name": "Debian", "version": "12", "libc": {"lib": lib, "version": version}}
    return agent("Linux", cpu, distro)


DEBIAN = linux("x86_64", "glibc", "2.36")


def promise(upstream: Upstream, *filenames: str) -> None:
    """Have upstream list wheels with their metadata."""
    for filename in filenames:
        upstream.add("foo", filename, b"no wheel at all", metadata=METADATA)


def stored(server: Server) -> set[str]:
    """Name the metadata on disk."""
    return {path.rpartition("/")[2] for path in server.files() if path.endswith(".metadata")}


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_prefetch__with_the_page(tmp_path: Path, upstream: Upstream, front_end: str) -> None:
    """With a page comes the metadata of the newest version's wheel for the machine that asks."""
    promise(upstream, "foo-1.0-py3-none-any.whl", *WHEELS.values())
    with serving(tmp_path, upstream.index_url, front_end=front_end, prefetch_metadata=1) as server:
        assert server.get("/pypi/foo/", accept=JSON, user_agent=DEBIAN).status == 200
        wanted = WHEELS["glibc"] + ".metadata"
        wait_until(lambda: stored(server) == {wanted})
        assert server.get(f"/pypi/foo/{wanted}").body == METADATA
    assert [request.path.rpartition("/")[2] for request in upstream.asked(".metadata")] == [wanted]


def test_prefetch__joined(tmp_path: Path, upstream: Upstream) -> None:
    """Who asks while it is on its way waits for that, and upstream is asked once."""
    promise(upstream, UNIVERSAL)
    gate = upstream.hang(only=".metadata")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/foo/").status == 200
        upstream.wait_for(1, ".metadata")
        gate.open()
        reply = server.get(f"/pypi/foo/{UNIVERSAL}.metadata")
        assert reply.body == METADATA
    assert len(upstream.asked(".metadata")) == 1


def test_prefetch__switched_off(tmp_path: Path, upstream: Upstream) -> None:
    """With `prefetch_metadata = 0` upstream is asked for nothing that nobody wanted."""
    promise(upstream, UNIVERSAL)
    with serving(tmp_path, upstream.index_url, prefetch_metadata=0) as server:
        server.get("/pypi/foo/", user_agent=DEBIAN)
        # It would have begun before this.
        assert server.get(f"/pypi/foo/{UNIVERSAL}").status == 200
        assert stored(server) == set()
    assert upstream.asked(".metadata") == []


def test_prefetch__new_release(tmp_path: Path, upstream: Upstream) -> None:
    """A page that has changed brings the metadata of its new release; one that has not, nothing."""
    promise(upstream, "foo-1.0-py3-none-any.whl")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1, always_refresh=1) as server:
        server.get("/pypi/foo/")
        wait_until(lambda: stored(server) == {"foo-1.0-py3-none-any.whl.metadata"})
        server.get("/pypi/foo/")
        promise(upstream, UNIVERSAL)
        server.get("/pypi/foo/")
        wait_until(lambda: UNIVERSAL + ".metadata" in stored(server))
    assert len(upstream.asked(".metadata")) == 2


def test_prefetch__upstream_lacks_it(tmp_path: Path, upstream: Upstream) -> None:
    """Metadata that upstream promises and does not have spoils no page; it is told as ever."""
    promise(upstream, UNIVERSAL)
    upstream.fail("metadata", status=404)
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/foo/", accept=JSON).status == 200
        upstream.wait_for(1, ".metadata")
        assert server.get(f"/pypi/foo/{UNIVERSAL}.metadata").status == 404
        (file,) = json.loads(server.get("/pypi/foo/", accept=JSON).body)["files"]
        assert not file.get("core-metadata")
        assert server.get(f"/pypi/foo/{UNIVERSAL}").body == b"no wheel at all"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        (DEBIAN, WHEELS["glibc"]),
        (linux("x86_64", "glibc", "2.39"), WHEELS["new glibc"]),
        (linux("aarch64", "musl", "1.2"), WHEELS["musl"]),
        (linux("aarch64", "glibc", "2.36"), WHEELS["abi3"]),
        (agent("Linux", "x86_64"), WHEELS["new glibc"]),
        (agent("Darwin", "arm64", {"name": "macOS", "version": "14.5"}), WHEELS["macOS"]),
        (agent("Windows", "AMD64"), WHEELS["Windows"]),
        (agent("Linux", "riscv64"), UNIVERSAL),
        (agent("Linux", "x86_64", python="3.9.1"), UNIVERSAL),
        (agent("Linux", "x86_64", python="2.7.18"), UNIVERSAL),
        (agent("Linux", "x86_64", python="three"), UNIVERSAL),
        (agent("Linux", "../" * 9), UNIVERSAL),
        ("curl/8.0", UNIVERSAL),
        ("pip/26.3 {", UNIVERSAL),
        ("pip/26.3 []", UNIVERSAL),
        ('pip/26.3 {"ci": ' + "[" * 1900, UNIVERSAL),
        ('pip/26.3 {"ci": "\ud800"}', UNIVERSAL),
        (DEBIAN + " " * 9000, UNIVERSAL),
        (None, UNIVERSAL),
    ],
)
def test_best_wheel(user_agent: str | None, expected: str) -> None:
    """Of one version's wheels, it is the one that the installer itself would choose."""
    installers.enter(user_agent)
    filenames = ["foo-2.0.tar.gz", "nonsense.whl", UNIVERSAL, *WHEELS.values()]
    assert installers.best_wheel(filenames) == expected
    assert installers.best_wheel(reversed(filenames)) == expected


def test_best_wheel__a_machine_of_dreams() -> None:
    """Numbers beyond all versions do not make it compare a million tags."""
    installers.enter(linux("x86_64", "glibc", "2.999").replace("3.11.7", "3.999.9"))
    assert installers.best_wheel([WHEELS["glibc"], UNIVERSAL]) == UNIVERSAL
    installers.enter(agent("Darwin", "x86_64", {"version": "999.999"}, python="3.999"))
    assert installers.best_wheel([WHEELS["macOS"], UNIVERSAL]) == UNIVERSAL
    assert len(installers._ranks(installers._user_agent.get())) < 20_000


def test_best_wheel__none_suits() -> None:
    """Where no wheel suits, none is chosen."""
    installers.enter(DEBIAN)
    assert installers.best_wheel([WHEELS["musl"], WHEELS["Windows"], "foo-2.0.tar.gz"]) is None
