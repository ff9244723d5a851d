"""Clients, installed once for all tests, and fresh environments for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clients import programs
from tests.clients.programs import Client, Environment
from tests.servers import Server, serving
from tests.upstream import Upstream

CLIENTS = ("newest_pip", "old_pip", "uv")


@pytest.fixture(scope="session")
def newest_pip(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Give the newest pip."""
    tools = tmp_path_factory.mktemp("newest-pip")
    return Client("newest_pip", "pip", programs.get_tools(tools, "pip", "setuptools"))


@pytest.fixture(scope="session")
def old_pip(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Give an old pip, with a setuptools of its time that still has easy_install."""
    wanted = (f"pip=={programs.OLD_PIP}", "setuptools<80", "wheel<0.46")
    tools = tmp_path_factory.mktemp("old-pip")
    return Client("old_pip", "pip", programs.get_tools(tools, *wanted))


@pytest.fixture(scope="session")
def uv(newest_pip: Client) -> Client:
    """Give uv."""
    programs.uv_program()
    return Client("uv", "uv", newest_pip.tools)


@pytest.fixture(scope="session")
def buildout(tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Give the newest zc.buildout, which installs by pip."""
    tools = tmp_path_factory.mktemp("buildout")
    return Client("buildout", "pip", programs.get_tools(tools, "zc.buildout"))


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the wheel of the recipe that puts projects into a buildout."""
    directory = tmp_path_factory.mktemp("recipe")
    return programs.get_wheel(directory, "zc.recipe.egg")


@pytest.fixture(scope="session")
def clients(newest_pip: Client, old_pip: Client, uv: Client) -> list[Client]:
    """Give all clients."""
    return [newest_pip, old_pip, uv]


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    """Give each client in turn."""
    found: Client = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def environment(client: Client, tmp_path: Path) -> Environment:
    """Give a fresh environment of each client in turn."""
    return programs.make_environment(client, tmp_path / "home")


@pytest.fixture
def proxy(tmp_path: Path, upstream: Upstream) -> Iterator[Server]:
    """Give a proxy over an index of one's own."""
    with serving(tmp_path, upstream.index_url) as server:
        yield server
