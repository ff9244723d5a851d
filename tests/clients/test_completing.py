"""Real clients over an index that says next to nothing: what it leaves out is there, through us."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients.programs import Client, Run, make_environment, run, uv_program
from tests.distributions import Distribution, make_wheel
from tests.servers import JSON, Server, serving, wait_until
from tests.upstream import Upstream

OLD, NEW = "Tue, 02 Jan 2024 03:04:05 GMT", "Sat, 01 Mar 2025 03:04:05 GMT"
BETWEEN = "2024-06-01T00:00:00Z"
PACKAGES = 30


@pytest.fixture
def bare(upstream: Upstream) -> Upstream:
    """Give an index of HTML, without metadata, sizes and times."""
    upstream.form, upstream.api_version = "html", "1.0"
    return upstream


@pytest.fixture
def completing(tmp_path: Path, bare: Upstream) -> Iterator[Server]:
    """Give a proxy over it that completes metadata."""
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        yield server


def publish(bare: Upstream, wheel: Distribution, modified: str = OLD) -> None:
    """Put a wheel on the index, whose host says when it was put there."""
    project = wheel.filename.split("-")[0]
    bare.add(project, wheel.filename, wheel.content, size=False, upload_time=None)
    bare.put(f"/files/{project}/{wheel.filename}", wheel.content, modified)


def complete(server: Server, *projects: str) -> None:
    """Ask for pages until the newest wheel of each has metadata, and nothing is left."""

    def is_complete(project: str) -> bool:
        files = json.loads(server.get(f"/pypi/{project}/", accept=JSON).body)["files"]
        return all("_eggproxy" in file for file in files) and "core-metadata" in files[-1]

    for project in projects:
        wait_until(lambda project=project: is_complete(project))


def resolve(index: str, home: Path, *names: str) -> Run:
    """Let uv resolve requirements, without anything it has kept, and install nothing."""
    home.mkdir()
    (home / "in.txt").write_text("\n".join(names))
    options = ["--no-cache", "--default-index", index, "--no-header"]
    return run([uv_program(), "pip", "compile", *options, "in.txt"], home)


def resolved(index: str, home: Path, *names: str) -> set[str]:
    """Resolve, and give what was chosen."""
    status, output = resolve(index, home, *names)
    assert status == 0, output
    return set(re.findall(r"^\S+==\S+", output, re.MULTILINE))


def sent(upstream: Upstream) -> int:
    """Count the bytes of all bodies that an index has sent."""
    return sum(request.sent for request in upstream.asked())


def served(log: str) -> int:
    """Count the bytes of all bodies that a server has sent."""
    return sum(map(int, re.findall(r"GET \S+ \d+ (\d+) \[", log)))


def test_times__uv_exclude_newer(
    completing: Server, bare: Upstream, uv: Client, tmp_path: Path
) -> None:
    """What is newer than a day is left out by uv, which finds nothing at all without us."""
    for version, modified in (("1.0", OLD), ("2.0", NEW)):
        publish(bare, make_wheel("demo", version), modified)
    complete(completing, "demo")
    environment = make_environment(uv, tmp_path / "home")
    direct = environment.install(bare.index_url, "--exclude-newer", BETWEEN, "demo")
    assert direct.status != 0, direct.output
    status, output = environment.install(completing.index, "--exclude-newer", BETWEEN, "demo")
    assert status == 0, output
    assert environment.installed() == {"demo": "1.0"}


def test_times__pip_uploaded_prior_to(
    completing: Server, bare: Upstream, newest_pip: Client, tmp_path: Path
) -> None:
    """So does pip."""
    for version, modified in (("1.0", OLD), ("2.0", NEW)):
        publish(bare, make_wheel("demo", version), modified)
    complete(completing, "demo")
    environment = make_environment(newest_pip, tmp_path / "home")
    direct = environment.install(bare.index_url, "--uploaded-prior-to", BETWEEN, "demo")
    assert direct.status != 0, direct.output
    status, output = environment.install(completing.index, "--uploaded-prior-to", BETWEEN, "demo")
    assert status == 0, output
    assert environment.installed() == {"demo": "1.0"}


def test_resolve__big_wheels_stay_where_they_are(
    completing: Server, bare: Upstream, tmp_path: Path
) -> None:
    """Resolving moves less than a hundredth of the wheels, at the very first time, all counted."""
    wheels = [make_wheel("big", f"{n}.0", requires=["small"], size=8 << 20) for n in range(1, 4)]
    for wheel in [*wheels, make_wheel("small", "1.0")]:
        publish(bare, wheel)
    status, output = resolve(completing.index, tmp_path / "home", "big")
    assert status == 0, output
    assert "big==3.0" in output
    assert "small==1.0" in output
    assert sent(bare) < sum(len(wheel.content) for wheel in wheels) / 100


@pytest.mark.parametrize("ranges", [False, True], ids=["plain", "ranges"])
def test_resolve__thirty_packages(tmp_path: Path, bare: Upstream, *, ranges: bool) -> None:
    """Resolving thirty packages moves a tenth of the bytes, or less, through a warm proxy.

    Where the host of the files sends parts of them, no wheel comes whole to a cold one either.
    """
    bare.ranges = ranges
    names = [f"pack{number:02}" for number in range(PACKAGES)]
    for name, needed in zip(names, [*names[1:], None], strict=True):
        requires = [needed] if needed else []
        for version in ("1.0", "2.0"):
            publish(bare, make_wheel(name, version, requires=requires, size=400_000))
    chosen = resolved(bare.index_url, tmp_path / "direct", *names)
    assert len(chosen) == PACKAGES
    direct = sent(bare)
    bare.forget()
    with serving(tmp_path, bare.index_url, complete_metadata=1) as server:
        assert resolved(server.index, tmp_path / "cold", *names) == chosen
        assert not ranges or sent(bare) < PACKAGES * 2 * 400_000 / 10
        complete(server, *names)
        bare.forget()
        before = served(server.log)
        assert resolved(server.index, tmp_path / "warm", *names) == chosen
        warm = served(server.log) - before
    assert sent(bare) == 0
    assert warm * 10 < direct, (warm, direct)
