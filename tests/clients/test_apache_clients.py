"""Real clients through a real Apache, configured by what `eggproxy apache-config` prints.

All visit an index that has nothing stored, at the same time; then its upstream is cut off, and all
come again in fresh environments.
"""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from eggproxy.apache_config import Module
from eggproxy.default_index import default_index
from tests import httpd
from tests.apache_sites import apache_site, write_configuration
from tests.clients import old_programs, programs
from tests.clients.programs import Client, Run, make_environment
from tests.clients.publishing import publish
from tests.distributions import make_sdist, make_wheel
from tests.httpd import Httpd
from tests.servers import Server, serving, wait_until
from tests.upstream import Upstream

NAMES = ("zope.interface", "MarkupSafe")
"""Real ones, with a dot and with capitals, and with code that was compiled."""

PROJECT = "Zope.Demo"
USE = "import zope.interface, markupsafe, zope_demo; print(zope_demo.version)"
DAY = 86400

BUILDOUT = f"""\
[buildout]
parts = demo
index = {{index}}
versions = versions

[versions]
{{versions}}

[demo]
recipe = zc.recipe.egg
eggs = {PROJECT}
interpreter = py
"""
_RUN_BUILDOUT = "from zc.buildout.buildout import main; main()"

Visitor = Callable[[str, Path], tuple[Run, Run]]
"""Installs the project from an index in a fresh home, and uses it there."""


def by_client(client: Client, index: str, home: Path) -> tuple[Run, Run]:
    """Install with pip or uv."""
    environment = make_environment(client, home)
    quickly = ["--no-compile"] if client.kind == "pip" else []
    return (
        environment.install(index, *quickly, PROJECT),
        programs.run([environment.python, "-c", USE], home),
    )


def by_buildout(client: Client, index: str, home: Path) -> tuple[Run, Run]:
    """Build with zc.buildout, whose only setting is the index."""
    environment = make_environment(client, home)
    (home / "buildout.cfg").write_text(BUILDOUT.format(index=index, versions=""))
    done = programs.run([environment.python, "-c", _RUN_BUILDOUT], home, {"PIP_INDEX_URL": index})
    return done, use_interpreter(done, home)


def by_easy_install(client: Client, index: str, home: Path) -> tuple[Run, Run]:
    """Install with the last easy_install there was."""
    environment = make_environment(client, home)
    (home / "setup.py").write_text("from setuptools import setup\nsetup(name='x')\n")
    command: list[str | Path] = [environment.python, "setup.py", "easy_install"]
    return easy_install(command, environment.python, index, home, {})


def by_old_buildout(python: Path, tools: Path, index: str, home: Path) -> tuple[Run, Run]:
    """Build with zc.buildout 2.13."""
    home.mkdir(parents=True)
    versions = "zc.recipe.egg = 2.0.7"
    (home / "buildout.cfg").write_text(BUILDOUT.format(index=index, versions=versions))
    code = f"import site; site.addsitedir({str(tools)!r}); {_RUN_BUILDOUT}"
    done = programs.run([python, "-c", code], home, {"PYTHONPATH": str(tools)})
    return done, use_interpreter(done, home)


def by_old_easy_install(python: Path, tools: Path, index: str, home: Path) -> tuple[Run, Run]:
    """Install with the easy_install of setuptools 44."""
    home.mkdir(parents=True)
    settings = {"PYTHONPATH": str(tools)}
    return easy_install([python, "-m", "easy_install"], python, index, home, settings)


def easy_install(
    command: list[str | Path], python: Path, index: str, home: Path, settings: Mapping[str, str]
) -> tuple[Run, Run]:
    """Install into `home/eggs`."""
    (home / "eggs").mkdir()
    path = ":".join(filter(None, [settings.get("PYTHONPATH"), str(home / "eggs")]))
    options = ["--index-url", index, "--install-dir", "eggs", PROJECT]
    done = programs.run([*command, *options], home, {"PYTHONPATH": path})
    code = f"import site; site.addsitedir('eggs'); {USE}"
    return done, programs.run([python, "-c", code], home)


def use_interpreter(done: Run, home: Path) -> Run:
    """Use the interpreter that a buildout has made."""
    return programs.run(["bin/py", "-c", USE], home) if done.status == 0 else done


@pytest.fixture(scope="module")
def visitors(
    newest_pip: Client, old_pip: Client, uv: Client, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Visitor]:
    """Give all clients that run on this Python."""
    tools = programs.get_tools(tmp_path_factory.mktemp("buildout"), "zc.buildout")
    return {
        "newest_pip": partial(by_client, newest_pip),
        "old_pip": partial(by_client, old_pip),
        "uv": partial(by_client, uv),
        "buildout": partial(by_buildout, Client("buildout", "pip", tools)),
        "easy_install": partial(by_easy_install, old_pip),
    }


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Get what is real among all that they install."""
    directory = tmp_path_factory.mktemp("wheels")
    # easy_install does not know a zope_interface-8.0 for zope.interface.
    for name in (*NAMES, "zc.recipe.egg", "zope.interface<8"):
        programs.get_wheel(directory, name)
    return sorted(directory.glob("*.whl"))


def stock(upstream: Upstream, files: list[Path]) -> None:
    """Put real files on an index, and the project that needs them."""
    for file in files:
        upstream.add(file.name.split("-")[0], file.name, file.read_bytes())
    publish(upstream, make_wheel(PROJECT, "1.0", requires=NAMES))
    publish(upstream, make_sdist(PROJECT, "1.0", requires=NAMES, stem=PROJECT))


class Rounds(NamedTuple):
    """What all clients did, before and after upstream was cut off.

    `asked` counts the requests that upstream had for each file and page.
    """

    cold: dict[str, tuple[Run, Run]]
    warm: dict[str, tuple[Run, Run]]
    asked: list[str]
    access_log: str


@contextmanager
def index_behind_apache(module: Module, files: list[Path]) -> Iterator[tuple[Httpd, Upstream]]:
    """Serve an index of those files."""
    with httpd.public_directory() as root, Upstream() as upstream:
        stock(upstream, files)
        eggs = root / "eggs"
        eggs.mkdir()
        httpd.give_away(eggs)
        # What is asked for is what clients want: nothing is completed beside that.
        settings = {"complete_metadata": 0}
        file = write_configuration(root / "eggproxy.conf", eggs, upstream.index_url, **settings)
        with apache_site(module, root, file) as apache:
            yield apache, upstream


def play(module: Module, files: list[Path], visitors: Mapping[str, Visitor], home: Path) -> Rounds:
    """Let all clients come, twice."""
    with index_behind_apache(module, files) as (apache, upstream):
        server = Server(apache.process, apache.port, apache.root / "eggs", apache.root / "log")

        def visit_all(where: Path) -> dict[str, tuple[Run, Run]]:
            with ThreadPoolExecutor(len(visitors)) as pool:
                runs = {n: pool.submit(v, server.index, where / n) for n, v in visitors.items()}
                return {name: run.result() for name, run in runs.items()}

        cold = visit_all(home / "cold")
        asked = [request.path for request in upstream.asked()]
        upstream.refuse()
        server.age_pages(DAY)
        warm = visit_all(home / "warm")
        return Rounds(cold, warm, asked, apache.access_log)


@pytest.fixture(scope="module", params=["mod_python", "mod_wsgi"])
def rounds(
    request: pytest.FixtureRequest,
    visitors: dict[str, Visitor],
    wheels: list[Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Rounds:
    """Let all clients visit an index behind Apache."""
    return play(request.param, wheels, visitors, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("client", ["newest_pip", "old_pip", "uv", "buildout", "easy_install"])
def test_apache__installs(rounds: Rounds, client: str) -> None:
    """All is installed and can be used, with upstream and without."""
    for installed, used in (rounds.cold[client], rounds.warm[client]):
        assert installed.status == 0, installed.output
        assert used == Run(0, "1.0\n")


def test_apache__asks_once(rounds: Rounds) -> None:
    """However many clients wanted it, each page and file came from upstream once."""
    assert len(rounds.asked) >= len(NAMES)
    assert [path for path in rounds.asked if rounds.asked.count(path) > 1] == []


def test_apache__no_server_errors(rounds: Rounds) -> None:
    """Apache had an answer for everything."""
    statuses = [line.split()[2] for line in rounds.access_log.splitlines() if "/pypi" in line]
    assert len(statuses) > len(rounds.cold)
    assert [status for status in statuses if status >= "500"] == []


def test_old_clients__install(tmp_path: Path) -> None:
    """So do zc.buildout 2.13 and the easy_install of setuptools 44."""
    python = old_programs.find_python()
    tools = old_programs.get_tools(tmp_path / "tools")
    files = [*old_programs.get_wheels(tmp_path, *NAMES), get_old_recipe(tmp_path)]
    visitors: dict[str, Visitor] = {
        "buildout": partial(by_old_buildout, python, tools),
        "easy_install": partial(by_old_easy_install, python, tools),
    }
    rounds = play("mod_python", files, visitors, tmp_path)
    for installed, used in (*rounds.cold.values(), *rounds.warm.values()):
        assert installed.status == 0, installed.output
        assert used == Run(0, "1.0\n")


def test_static__installs(visitors: dict[str, Visitor], wheels: list[Path], tmp_path: Path) -> None:
    """Pip and uv install from Apache alone what one of them had fetched through eggproxy."""
    with httpd.public_directory() as root:
        with Upstream() as upstream:
            stock(upstream, wheels)
            with serving(root, upstream.index_url, eggs=root / "eggs") as server:
                fetched, _ = visitors["uv"](server.index, tmp_path / "fetching")
                assert fetched.status == 0, fetched.output
                for name in ("zope-demo", "zope-interface", "markupsafe"):
                    wait_until((server.eggs / name / "stored.html").exists)
        subprocess.run(["chmod", "-R", "a+rX", root / "eggs"], check=True)
        file = write_configuration(root / "eggproxy.conf", root / "eggs", upstream.index_url)
        with apache_site("static", root, file) as apache:
            for name in ("newest_pip", "old_pip", "uv"):
                installed, used = visitors[name](f"{apache.url}/pypi/", tmp_path / name)
                assert installed.status == 0, installed.output
                assert used == Run(0, "1.0\n")


def get_old_recipe(directory: Path) -> Path:
    """Get the recipe for old buildouts, which has only an sdist, through our own server."""
    with serving(directory, default_index(), timeout=30) as server:
        reply = server.get(f"/pypi/zc.recipe.egg/{old_programs.RECIPE}")
    assert reply.status == 200, reply.body
    path = directory / old_programs.RECIPE
    path.write_bytes(reply.body)
    return path
