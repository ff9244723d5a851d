"""The main job: real clients install from the public index, and again when it is gone."""

import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from eggproxy.default_index import default_index
from eggproxy.names import normalize
from tests.clients.conftest import CLIENTS
from tests.clients.programs import NOBODY, Client, Run, make_environment
from tests.servers import serving

# Small ones, written as people write them. docopt has to be built, with a setuptools that comes
# from the index as well.
NAMES = (
    *("zope.interface", "PyYAML", "MarkupSafe", "Jinja2", "requests", "six", "attrs", "click"),
    *("Flask", "Werkzeug", "itsdangerous", "certifi", "idna", "urllib3", "charset_normalizer"),
    *("packaging", "pyparsing", "python-dateutil", "pytz", "tomli", "ruamel.yaml"),
    *("jaraco.functools", "docopt"),
)
DAY = 86400


class Visit(NamedTuple):
    """What a client did in an environment of its own; uv cannot download."""

    install: Run
    download: Run | None
    installed: dict[str, str]
    downloaded: set[str]


class Round(NamedTuple):
    """What all clients did at one proxy, at the same time, and what it has logged."""

    visits: dict[str, Visit]
    eggs: Path
    log: str


def visit(client: Client, index: str, home: Path) -> Visit:
    """Install and download everything in a fresh environment."""
    environment = make_environment(client, home)
    quickly = ["--no-compile"] if client.kind == "pip" else []
    install = environment.install(index, *quickly, *NAMES)
    download = None
    if client.kind == "pip":
        download = environment.run("download", index, "--dest", home / "files", *NAMES)
    downloaded = {path.name for path in (home / "files").glob("*")}
    return Visit(install, download, environment.installed(), downloaded)


def play(clients: list[Client], tmp_path: Path, eggs: Path) -> Round:
    """Let all clients visit a proxy over the public index at the same time; then age its pages."""

    def one(client: Client) -> Visit:
        return visit(client, server.index, tmp_path / client.name)

    with (
        serving(tmp_path, default_index(), eggs=eggs, timeout=30) as server,
        ThreadPoolExecutor() as pool,
    ):
        visits = dict(zip([c.name for c in clients], pool.map(one, clients), strict=True))
        server.age_pages(DAY)
    return Round(visits, eggs, server.log)


@pytest.fixture(scope="module")
def cold(clients: list[Client], tmp_path_factory: pytest.TempPathFactory) -> Round:
    """Let all clients visit a proxy that has nothing yet."""
    tmp_path = tmp_path_factory.mktemp("cold")
    return play(clients, tmp_path, tmp_path / "eggs")


@pytest.fixture(scope="module")
def warm(cold: Round, clients: list[Client], tmp_path_factory: pytest.TempPathFactory) -> Round:
    """Let all visit it again in fresh environments: its pages are stale, and the index is gone."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
            patch.setenv(name, NOBODY)
        for name in ("NO_PROXY", "no_proxy"):
            patch.delenv(name, raising=False)
        return play(clients, tmp_path_factory.mktemp("warm"), cold.eggs)


@pytest.mark.parametrize("client", CLIENTS)
def test_public_index__cold(cold: Round, client: str) -> None:
    """All that was asked for is installed and downloaded through a proxy that had nothing."""
    install, download, installed, downloaded = cold.visits[client]
    assert install.status == 0, install.output
    assert {normalize(name) for name in NAMES} <= installed.keys()
    if download is not None:
        assert download.status == 0, download.output
        assert len(downloaded) >= len(NAMES)


@pytest.mark.parametrize("client", CLIENTS)
def test_public_index__warm_without_it(cold: Round, warm: Round, client: str) -> None:
    """The same is installed and downloaded when the index is gone."""
    before, after = cold.visits[client], warm.visits[client]
    assert after.install.status == 0, after.install.output
    assert after.installed == before.installed
    if after.download is not None:
        assert after.download.status == 0, after.download.output
    assert after.downloaded == before.downloaded


def test_public_index__warm_lacks_nothing(warm: Round) -> None:
    """No page and no file was missing in the second round, and the index was really gone."""
    assert "detail=stored-files-only" in warm.log
    assert "uri-miss" not in warm.log
    assert "fwd-status=200" not in warm.log


def test_public_index__asked_once_for_each_thing(cold: Round) -> None:
    """However many clients wanted it, each page and file came from the index once."""
    fetched = re.findall(r"GET (\S+) \d+ \d+ \[fwd=uri-miss(?!.*collapsed\])", cold.log)
    assert len(fetched) > len(NAMES)
    assert [path for path, count in Counter(fetched).items() if count > 1] == []


def test_public_index__everything_is_kept_whole(cold: Round, warm: Round) -> None:
    """What pip downloaded lies in the eggs directory, with nothing unfinished beside it."""
    kept = {path.name for path in cold.eggs.glob("*/*")}
    for name in ("newest_pip", "old_pip"):
        assert warm.visits[name].downloaded <= kept
    for place in ("partial", "tmp"):
        left = (cold.eggs / ".eggproxy" / place).rglob("*")
        assert [path for path in left if path.is_file()] == []


@pytest.mark.parametrize(
    ("name", "option"),
    [("newest_pip", "--uploaded-prior-to"), ("uv", "--exclude-newer")],
)
def test_public_index__as_it_was(
    clients: list[Client], tmp_path: Path, name: str, option: str
) -> None:
    """Clients that leave out what is newer than a day have the times that they need for that."""
    (client,) = [each for each in clients if each.name == name]
    environment = make_environment(client, tmp_path / "home")
    with serving(tmp_path, default_index(), timeout=30, complete_metadata=1) as server:
        done = environment.install(server.index, option, "2020-01-01T00:00:00Z", "six")
    assert done.status == 0, done.output
    assert environment.installed() == {"six": "1.13.0"}
