"""The clients that the proxy was made for in its first life: easy_install and zc.buildout."""

from pathlib import Path

import pytest

from tests.clients import programs
from tests.clients.programs import Client, Run, make_environment
from tests.clients.publishing import publish
from tests.distributions import make_sdist, make_wheel
from tests.servers import Server, wait_until
from tests.upstream import Upstream
from tests.upstream_pages import Form


def easy_install(client: Client, home: Path, index: str, name: str) -> Run:
    """Let easy_install put a project and what it needs into `home/eggs`."""
    environment = make_environment(client, home)
    (home / "setup.py").write_text("from setuptools import setup\nsetup(name='x')\n")
    (home / "eggs").mkdir()
    options = ["--index-url", index, "--install-dir", "eggs"]
    settings = {"PYTHONPATH": str(home / "eggs")}
    command = [str(environment.python), "setup.py", "easy_install", *options, name]
    return programs.run(command, home, settings)


@pytest.mark.parametrize("form", ["json", "html", "legacy"])
def test_easy_install__names_as_written(
    old_pip: Client, proxy: Server, upstream: Upstream, tmp_path: Path, form: Form
) -> None:
    """It asks for names as people write them, and has page and files directly."""
    upstream.form = form
    publish(upstream, make_sdist("Zope.Demo", "1.0", requires=["PasteDemo"], stem="Zope.Demo"))
    publish(upstream, make_sdist("PasteDemo", "2.0", stem="PasteDemo"))
    home = tmp_path / "home"
    status, output = easy_install(old_pip, home, proxy.index, "Zope.Demo")
    assert status == 0, output
    assert {path.name[:8] for path in home.glob("eggs/*.egg")} == {"Zope.Dem", "PasteDem"}
    wait_until(lambda: "GET /pypi/PasteDemo/PasteDemo-2.0.tar.gz 200" in proxy.log)
    assert "GET /pypi/Zope.Demo/ 200" in proxy.log


def test_easy_install__unknown_project(old_pip: Client, proxy: Server, tmp_path: Path) -> None:
    """It looks through the project list for a project that there is not, and gives up."""
    status, output = easy_install(old_pip, tmp_path / "home", proxy.index, "No.Such.Demo")
    assert status == 1
    assert "Could not find suitable distribution" in output
    wait_until(lambda: "GET /pypi/ 200" in proxy.log)


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


def test_buildout__builds(
    buildout: Client, recipe: Path, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """It fetches its recipe, which has dots in its name, and a project with what it needs."""
    upstream.add("zc.recipe.egg", recipe.name, recipe.read_bytes())
    publish(upstream, make_wheel("Zope.Demo", "1.0", requires=["PasteDemo"]))
    publish(upstream, make_wheel("PasteDemo", "2.0"))
    environment = make_environment(buildout, tmp_path / "home")
    (environment.home / "buildout.cfg").write_text(
        f"[buildout]\nparts = demo\nindex = {proxy.index}\n"
        "[demo]\nrecipe = zc.recipe.egg\neggs = Zope.Demo\ninterpreter = py\n"
    )
    main = "from zc.buildout.buildout import main; main()"
    status, output = programs.run([environment.python, "-c", main], environment.home)
    assert status == 0, output
    use = "import zope_demo, pastedemo; print(zope_demo.version, pastedemo.version)"
    assert programs.run(["bin/py", "-c", use], environment.home).output == "1.0 2.0\n"
