"""What real clients say of themselves is enough to know which metadata they will ask for."""

import platform
import re
import sys
from pathlib import Path

import pytest

from tests.clients.programs import Client, make_environment
from tests.distributions import make_wheel
from tests.servers import serving, wait_until
from tests.upstream import Upstream

PYTHON = f"cp{sys.version_info.major}{sys.version_info.minor}"
NATIVE = f"{PYTHON}-{PYTHON}-manylinux_2_17_{platform.machine()}.manylinux2014_{platform.machine()}"
TAGS = [
    "py3-none-any",
    f"{PYTHON}-{PYTHON}-macosx_11_0_arm64",
    f"{PYTHON}-{PYTHON}-musllinux_1_1_{platform.machine()}",
    f"{PYTHON}-{PYTHON}-win_amd64",
    f"cp38-cp38-manylinux_2_17_{platform.machine()}",
    f"cp38-abi3-manylinux_2_17_{platform.machine()}",
    NATIVE,
]

PROJECTS = ("top", "middle", "base")
"""Each needs the next one."""


def answers(log: str) -> list[tuple[str, str]]:
    """Find the wheels of which metadata was sent, and how it came."""
    return re.findall(r"GET /pypi/\w+/(\S+)\.metadata 200 \d+ \[(.*?)\]", log)


def publish(upstream: Upstream, name: str, requires: tuple[str, ...] = ()) -> None:
    """Put two versions of a project on the index, with wheels for many machines."""
    for version in ("1.0", "2.0"):
        wheel = make_wheel(name, version, requires=requires)
        for tag in TAGS:
            filename = wheel.filename.replace("py3-none-any", tag)
            upstream.add(name, filename, wheel.content, metadata=wheel.metadata)


@pytest.mark.parametrize("name", ["newest_pip", "uv"])
def test_prefetch__what_the_client_wants(
    tmp_path: Path, upstream: Upstream, name: str, request: pytest.FixtureRequest
) -> None:
    """Of many wheels, the metadata that pip or uv asks for is there or on its way, and no other."""
    client: Client = request.getfixturevalue(name)
    for project, requires in zip(PROJECTS, [*PROJECTS[1:], None], strict=True):
        publish(upstream, project, (requires,) if requires else ())
    environment = make_environment(client, tmp_path / "home")
    with serving(tmp_path, upstream.index_url, prefetch_metadata=1) as server:
        status, output = environment.install(server.index, "top")
        assert status == 0, output
        # Lines may come a moment after the answers.
        wait_until(lambda: len(answers(server.log)) == len(PROJECTS))
        answered = answers(server.log)
    assert environment.installed() == {"top": "2.0", "middle": "2.0", "base": "2.0"}
    wanted = [f"{project}-2.0-{NATIVE}.whl" for project in PROJECTS]
    assert [filename for filename, _status in answered] == wanted
    # One that comes whole while it is being asked for may look like any other.
    assert any(status == "hit" or "collapsed" in status for _filename, status in answered), answered
    asked = [found.path.rpartition("/")[2] for found in upstream.asked(".metadata")]
    assert asked == [filename + ".metadata" for filename in wanted]
