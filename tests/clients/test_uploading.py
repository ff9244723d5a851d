"""Real upload clients publish, and real installers install what they published."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.programs import Client, Environment
from tests.clients.setuptools_era import build, easy_install
from tests.clients.uploaders import UPLOADERS, Place, Uploader, Work, make_project
from tests.distributions import Distribution, make_sdist, make_wheel
from tests.servers import Server
from tests.uploading import shop, stored
from tests.upstream import Upstream

Begin = Callable[..., Work]
Toolbox = Callable[[Uploader], Path]

PASSWORD = "secret"
SKIPPING = ("twine-1.11", "twine-1.15", "twine-3.8", "pdm", "poetry")
OLD = ("twine-1.11", "twine-1.15", "setup.py-2.7", "setup.py-3.6")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run one server for all clients; each has a project of its own."""
    with Upstream() as upstream, shop(tmp_path_factory.mktemp("shop"), upstream.index_url) as it:
        yield it


@pytest.fixture(scope="module", params=UPLOADERS)
def uploader(request: pytest.FixtureRequest) -> Uploader:
    """Give each upload client in turn."""
    return UPLOADERS[request.param]


@pytest.fixture(scope="session")
def toolbox(tmp_path_factory: pytest.TempPathFactory) -> Toolbox:
    """Give a function that gets programs and libraries of a client, once for all tests."""

    @functools.cache
    def get(uploader: Uploader) -> Path:
        uploader.interpreter()
        directory = tmp_path_factory.mktemp("tools")
        return uploader.get_tools(directory) if uploader.requirements else directory

    return get


@pytest.fixture
def begin(uploader: Uploader, toolbox: Toolbox, server: Server, tmp_path: Path) -> Begin:
    """Give a function that makes a fresh home with the client's project."""
    tools = toolbox(uploader)

    def begin(*, password: str = PASSWORD, size: int = 0) -> Work:
        place = Place(server.index, "alice", password)
        home = tmp_path / f"home-{size}"
        make_project(home, f"probe-{uploader.name.replace('.', '-')}", place, size=size)
        return Work(uploader, tools, home, place)

    return begin


def test_publish__succeeds(begin: Begin, server: Server) -> None:
    """It succeeds, and all its files are there, with the very bytes."""
    work = begin()
    before = stored(server).keys()
    status, output = work.publish()
    assert status == 0, output
    new = {path: data for path, data in stored(server).items() if path not in before}
    assert {path.split("/")[0] for path in new} == {work.name}
    if not work.uploader.builds:
        assert sorted(new.values()) == sorted(file.read_bytes() for file in work.files)
        # Whoever lost the answer uploads once more.
        assert work.publish().status == 0


def test_publish__other_bytes(begin: Begin, server: Server) -> None:
    """It fails for a file that is there with other bytes, and says so if it says anything."""
    # If it is not there already, from another test.
    begin().publish()
    before = stored(server)
    work = begin(size=99)
    status, output = work.publish()
    told = "File already exists" in " ".join(output.split())
    assert (status != 0, told) == (True, work.uploader.shows), output
    assert stored(server) == before


def test_publish__wrong_password(begin: Begin, server: Server) -> None:
    """It fails with a wrong password, and says why if it says anything."""
    before = stored(server)
    work = begin(password="guess")
    status, output = work.publish()
    told = "Wrong user name or password" in " ".join(output.split())
    assert (status != 0, told) == (True, work.uploader.shows), output
    assert stored(server) == before


@pytest.mark.parametrize("uploader", SKIPPING, indirect=True)
def test_publish__skips_what_is_there(begin: Begin, server: Server) -> None:
    """Where it is told to, it passes over files that are there, and succeeds."""
    begin().publish()
    before = stored(server)
    status, output = begin(size=99).publish("--skip-existing")
    assert status == 0, output
    assert stored(server) == before


def test_uv__compares_with_the_page(server: Server, tmp_path: Path) -> None:
    """It finds on the page that its files are there, with the hashes that they have."""
    place = Place(server.index, "alice", PASSWORD)
    make_project(tmp_path / "home", "probe-checked", place)
    work = Work(UPLOADERS["uv"], tmp_path, tmp_path / "home", place)
    assert work.publish().status == 0
    status, output = work.publish("--check-url", server.index)
    assert (status, "already exists, skipping" in output) == (0, True), output


@pytest.mark.parametrize("uploader", OLD, indirect=True)
def test_register__as_old_instructions_say(begin: Begin) -> None:
    """Who registers a project first, as one had to once, can go on."""
    work = begin()
    if work.uploader.name.startswith("twine"):
        registered = work.run("-m", "twine", "register", "-r", "office", work.files[0])
    else:
        registered = work.run("setup.py", "register", "-r", "office")
    assert registered.status == 0, registered.output


def publish(home: Path, server: Server, *files: Distribution) -> None:
    """Publish files with uv."""
    place = Place(server.index, "alice", PASSWORD)
    make_project(home, "probe", place)
    for built in (home / "dist").iterdir():
        built.unlink()
    for file in files:
        (home / "dist" / file.filename).write_bytes(file.content)
    done = Work(UPLOADERS["uv"], home, home, place).publish()
    assert done.status == 0, done.output


@pytest.fixture(scope="module")
def published(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Publish a wheel and, as the only file of another project, an sdist; give the index."""
    sdist = make_sdist("probesource", "1.0")
    publish(
        tmp_path_factory.mktemp("author") / "home", server, make_wheel("Probe.Wheel", "1.0"), sdist
    )
    return server.index


def test_install__what_was_published(environment: Environment, published: str) -> None:
    """The installers of today have a wheel and an sdist that was published a moment ago."""
    names = ("--no-build-isolation", "Probe.Wheel", "probesource")
    status, output = environment.install(published, *names)
    assert status == 0, output
    assert environment.installed() == {"probe-wheel": "1.0", "probesource": "1.0"}


def test_easy_install__what_was_published(old_pip: Client, published: str, tmp_path: Path) -> None:
    """So does easy_install, by the name that people write."""
    status, output = easy_install(old_pip, tmp_path / "home", published, "probesource")
    assert status == 0, output


def test_buildout__what_was_published(
    buildout: Client, recipe: Path, server: Server, published: str, tmp_path: Path
) -> None:
    """So does zc.buildout, whose recipe was published as well."""
    publish(tmp_path / "z", server, Distribution(recipe.name, recipe.read_bytes(), b""))
    status, output = build(buildout, tmp_path / "home", published, "Probe.Wheel")
    assert status == 0, output
