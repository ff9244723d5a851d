"""Other index servers, real ones, as the index behind eggproxy, with real clients before it."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients import programs
from tests.clients.indexes import KINDS, LOCAL, PROJECTS, SDIST, WHEEL
from tests.clients.programs import Client
from tests.indexes import names, page
from tests.servers import Server, serving


class Kind(NamedTuple):
    """A server of some kind, and eggproxy before it."""

    name: str
    address: str
    proxy: Server


@pytest.fixture(scope="module", params=KINDS)
def kind(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kind]:
    """Give each kind of server in turn, run once for all tests, with eggproxy before it."""
    home = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        index = stack.enter_context(KINDS[request.param](home))
        near = tmp_path_factory.mktemp("near")
        yield Kind(request.param, index, stack.enter_context(serving(near, index)))


@pytest.mark.parametrize("client", ["newest_pip", "uv"])
def test_kind__installs(
    request: pytest.FixtureRequest, kind: Kind, tmp_path: Path, client: str
) -> None:
    """A wheel and the source distribution that it needs are installed, under awkward names."""
    program: Client = request.getfixturevalue(client)
    environment = programs.make_environment(program, tmp_path / "home")
    run = environment.install(kind.proxy.index, "--no-build-isolation", "Demo_Tool==1.0")
    assert run.status == 0, run.output
    assert environment.installed().keys() == {"demo-tool", "other-thing"}


def test_kind__page(kind: Kind) -> None:
    """The page names all files of the project and no others."""
    assert sorted(names(kind.proxy, "demo-tool")) == sorted([WHEEL.filename, LOCAL.filename])
    assert names(kind.proxy, "other-thing") == [SDIST.filename]


def test_kind__fields(kind: Kind) -> None:
    """What such a server says of a file is on our page."""
    (wheel,) = [
        f for f in page(kind.proxy, "demo-tool")["files"] if f["filename"] == WHEEL.filename
    ]
    if kind.name in {"devpi", "pypiserver"}:
        assert wheel["hashes"]
    if kind.name == "devpi":
        assert wheel["requires-python"] == ">=3.6"


def test_kind__files(kind: Kind) -> None:
    """The bytes are what they were, with a plus in the name too."""
    for project, distributions in PROJECTS.items():
        for each in distributions:
            quoted = each.filename.replace("+", "%2B")
            assert kind.proxy.get(f"/pypi/{project}/{quoted}").body == each.content


def test_kind__missing(kind: Kind) -> None:
    """What is not there is 404."""
    assert kind.proxy.get("/pypi/nowhere/").status == 404
    assert kind.proxy.get("/pypi/demo-tool/demo_tool-9.0-py3-none-any.whl").status == 404


def test_kind__project_list(kind: Kind) -> None:
    """The list of projects has those of the server."""
    listed = kind.proxy.get("/pypi/", accept="text/html").body
    assert b"demo-tool" in listed.lower().replace(b".", b"-")
