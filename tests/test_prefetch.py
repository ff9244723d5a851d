"""What will be asked for next is on its way before that: the right metadata, and pages."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from eggproxy import config, installers, prefetch, reading
from eggproxy.front import Front
from eggproxy.lookahead import PAGES
from eggproxy.model import File, ProjectDetail
from eggproxy.names import NormalizedName
from eggproxy.responses import Request
from eggproxy.store import Record, Validators
from tests.frontends import FRONT_ENDS
from tests.servers import JSON, PATIENCE, Server, serving, settings_of, wait_until
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
BOMB = "foo-3.0-" + "-".join(f"{tag}.a.b.c.d.e.f.g" for tag in ("py3", "none", "any")) + ".whl"
"""A name that stands for 512 tags; with some more letters, for millions."""

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


def requiring(name: str, *requires: str, version: str = "1.0") -> tuple[str, bytes]:
    """Name a wheel for all, and write its metadata."""
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    return f"{name.replace('-', '_')}-{version}-py3-none-any.whl", "\n".join(
        [*lines, "", "About it."]
    ).encode()


def offer(upstream: Upstream, name: str, *requires: str, version: str = "1.0") -> None:
    """Have upstream list a wheel that requires others."""
    filename, metadata = requiring(name, *requires, version=version)
    upstream.add(name, filename, b"no wheel at all", metadata=metadata)


def pages(upstream: Upstream) -> list[str]:
    """Name the projects whose pages upstream was asked for."""
    return [request.path.split("/")[2] for request in upstream.asked(kind="page")]


@pytest.mark.parametrize("large", [False, True])
def test_prefetch__of_thousands_of_versions(
    tmp_path: Path, upstream: Upstream, *, large: bool
) -> None:
    """The newest version is found in any order, as the public index has them: by their letters."""
    versions = [f"1.{minor}.{patch}" for minor in range(12) for patch in range(60 if large else 5)]
    promise(upstream, *(f"foo-{version}-py3-none-any.whl" for version in sorted(versions)))
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/foo/", user_agent=DEBIAN).status == 200
        wait_until(lambda: stored(server) == {f"foo-{versions[-1]}-py3-none-any.whl.metadata"})
    assert len(upstream.asked(".metadata")) == 1


def test_prefetch__before_all_is_read(
    tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a large page leads to is asked for while the page waits until another one is read."""
    upstream.add("bar", "bar-1.0.tar.gz", b"bar")
    promise(upstream, *(f"foo-1.{number}-py3-none-any.whl" for number in range(1500)))
    begun, gate = threading.Event(), threading.Event()
    read = reading.project_detail

    def read_later(*args: Any) -> object:
        begun.set()
        assert gate.wait(PATIENCE)
        return read(*args)

    monkeypatch.setattr(reading, "project_detail", read_later)
    configuration = config.load(
        environ=settings_of(upstream.index_url, tmp_path / "eggs", prefetch_metadata="1")
    )
    front = Front(configuration)
    front.prepare(configuration)
    with ThreadPoolExecutor() as pool:
        other = pool.submit(front.respond, Request("GET", b"/pypi/bar/", user_agent=DEBIAN))
        assert begun.wait(PATIENCE)
        asked = pool.submit(front.respond, Request("GET", b"/pypi/foo/", user_agent=DEBIAN))
        wait_until(lambda: len(upstream.asked("foo-1.1499-py3-none-any.whl.metadata")) == 1)
        assert not asked.done()
        gate.set()
        assert asked.result(PATIENCE).status == other.result(PATIENCE).status == 200
    assert len(upstream.asked(".metadata")) == 1


@pytest.mark.parametrize("front_end", FRONT_ENDS)
def test_ahead__of_the_client(tmp_path: Path, upstream: Upstream, front_end: str) -> None:
    """One question for a page brings the pages and metadata of all that it needs, once each."""
    offer(upstream, "top", "middle>=1", "Other.Thing")
    offer(upstream, "middle", "base<2")
    offer(upstream, "base", version="1.5")
    offer(upstream, "base", version="2.0")
    offer(upstream, "other-thing", "top")
    with serving(tmp_path, upstream.index_url, front_end=front_end, prefetch_metadata=1) as server:
        assert server.get("/pypi/top/", user_agent=DEBIAN).status == 200
        wait_until(lambda: len(stored(server)) == 4)
        assert "base-1.5-py3-none-any.whl.metadata" in stored(server)
        with upstream.down():
            for project in ("middle", "base", "other-thing"):
                assert server.get(f"/pypi/{project}/").status == 200
    assert sorted(pages(upstream)) == ["base", "middle", "other-thing", "top"]


def test_ahead__only_what_is_needed(tmp_path: Path, upstream: Upstream) -> None:
    """Extras, other systems, other Pythons and direct references are not for who asks."""
    offer(
        upstream,
        "top",
        *("extra-thing; extra == 'more'", "windows-thing; sys_platform == 'win32'"),
        *("old-thing; python_version < '3.8'", "direct @ https://index.example/direct.whl"),
        *("nonsense >> 1", "../escape", "needed; platform_machine == 'x86_64'"),
    )
    offer(upstream, "needed")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/top/", user_agent=DEBIAN).status == 200
        wait_until(lambda: "needed-1.0-py3-none-any.whl.metadata" in stored(server))
    assert pages(upstream) == ["top", "needed"]
    assert "report it" not in server.log


def test_ahead__for_nobody_in_particular(tmp_path: Path, upstream: Upstream) -> None:
    """Who does not say what it runs on has the metadata fetched, and no page."""
    offer(upstream, "top", "needed")
    offer(upstream, "needed")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/top/").status == 200
        wait_until(lambda: len(stored(server)) == 1)
        # It would have begun before this.
        assert server.get("/pypi/top/top-1.0-py3-none-any.whl").status == 200
    assert pages(upstream) == ["top"]


def test_ahead__only_so_far(tmp_path: Path, upstream: Upstream) -> None:
    """However long the chain that somebody has published, one request ends in time."""
    for number in range(PAGES + 20):
        offer(upstream, f"link{number}", f"link{number + 1}")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        assert server.get("/pypi/link0/", user_agent=DEBIAN).status == 200
        wait_until(lambda: len(stored(server)) == 1 + PAGES)
        # The next would have begun before this.
        last = f"link{PAGES}"
        assert server.get(f"/pypi/{last}/{last}-1.0-py3-none-any.whl").status == 200
    assert len(pages(upstream)) == 1 + PAGES


def test_ahead__not_what_is_ours(tmp_path: Path, upstream: Upstream) -> None:
    """A name that is ours is asked about nowhere, whoever requires it."""
    offer(upstream, "top", "our-tool", "needed")
    offer(upstream, "our-tool")
    offer(upstream, "needed")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1, reserve="our-*") as server:
        assert server.get("/pypi/top/", user_agent=DEBIAN).status == 200
        wait_until(lambda: "needed-1.0-py3-none-any.whl.metadata" in stored(server))
    assert sorted(pages(upstream)) == ["needed", "top"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["foo-3.0b1-py3-none-any.whl", UNIVERSAL], UNIVERSAL),
        ([BOMB, UNIVERSAL], UNIVERSAL),
        (["foo-3.0b1-py3-none-any.whl"], "foo-3.0b1-py3-none-any.whl"),
        ([UNIVERSAL, "foo-2.0.post1-py3-none-any.whl"], "foo-2.0.post1-py3-none-any.whl"),
        ([UNIVERSAL, "foo-3.0.tar.gz"], None),
        ([UNIVERSAL, "foo-3.0-cp313-cp313-win_amd64.whl"], UNIVERSAL),
        ([UNIVERSAL, "foo-v3-py3-none-any.whl"], "foo-v3-py3-none-any.whl"),
        ([UNIVERSAL, f"foo-{'9' * 5000}-py3-none-any.whl"], UNIVERSAL),
        ([UNIVERSAL, "foo.whl", "foo-rubbish-py3-none-any.whl", "foo-9.zip"], UNIVERSAL),
        ([], None),
    ],
)
def test_next_wanted(files: list[str], expected: str | None) -> None:
    """It is of the newest final version that suits, as an installer chooses; nothing to build."""
    installers.enter(DEBIAN)
    wanted = next_wanted_of([entry(name) for name in files])
    assert wanted == (expected and f"{expected}.metadata")


def test_next_wanted__what_is_no_choice() -> None:
    """What is yanked, for another Python, or not allowed by who requires it, is passed over."""
    installers.enter(DEBIAN)
    newer = "foo-3.0-py3-none-any.whl"
    for hidden in (entry(newer, yanked="bad"), entry(newer, requires_python=">=3.12")):
        assert next_wanted_of([entry(UNIVERSAL), hidden]) == UNIVERSAL + ".metadata"
    prefetch.enter("<3")
    assert next_wanted_of([entry(UNIVERSAL), entry(newer)]) == UNIVERSAL + ".metadata"
    prefetch.enter("")
    odd = entry(newer, requires_python="about 3")
    assert next_wanted_of([entry(UNIVERSAL), odd]) == newer + ".metadata"


@pytest.mark.parametrize("specifier", ["", "<1.15", "==1.7.*", ">5"])
@pytest.mark.parametrize("early", ["", "b1"])
def test_likely__leads_to_the_same(specifier: str, early: str) -> None:
    """Among the likely files of a page is the one that is wanted of all, or none is found."""
    installers.enter(DEBIAN)
    prefetch.enter(specifier)
    try:
        files = [
            entry(f"foo-1.{number}{early}-{tags}.whl", requires_python=f">=3.{number // 2 + 6}")
            for number in range(30)
            for tags in ("cp311-cp311-win_amd64", "py3-none-any")
        ]
        files.sort(key=lambda file: file.filename)
        places = prefetch.likely([file.filename for file in files])
        assert places == sorted(set(places))
        assert len(places) < len(files)
        found = next_wanted_of([files[place] for place in places])
        assert found in {next_wanted_of(files), None}
        # Without these, the newest are all for a later Python.
        assert (found is not None) == (specifier in {"<1.15", "==1.7.*"})
    finally:
        prefetch.enter("")


def entry(filename: str, **facts: Any) -> File:
    """List a file whose metadata is promised."""
    return File(filename=filename, url=f"/{filename}", hashes={}, core_metadata=True, **facts)


def next_wanted_of(files: list[File]) -> str | None:
    """Name what will be wanted next of a page with these files."""
    detail = ProjectDetail(name=NormalizedName("foo"), files=files)
    wanted = prefetch.next_wanted(detail, Record(url="", validators=Validators()))
    return wanted.filename if wanted is not None else None
