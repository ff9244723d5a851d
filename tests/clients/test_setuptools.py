"""The clients that the proxy was made for in its first life: easy_install and zc.buildout."""

from pathlib import Path

import pytest

from tests.clients import programs
from tests.clients.programs import Client
from tests.clients.publishing import publish
from tests.clients.setuptools_era import build, easy_install
from tests.distributions import make_sdist, make_wheel
from tests.servers import Server, wait_until
from tests.upstream import Upstream
from tests.upstream_pages import Form


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


def test_buildout__builds(
    buildout: Client, recipe: Path, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """It fetches its recipe, which has dots in its name, and a project with what it needs."""
    upstream.add("zc.recipe.egg", recipe.name, recipe.read_bytes())
    publish(upstream, make_wheel("Zope.Demo", "1.0", requires=["PasteDemo"]))
    publish(upstream, make_wheel("PasteDemo", "2.0"))
    home = tmp_path / "home"
    status, output = build(buildout, home, proxy.index, "Zope.Demo")
    assert status == 0, output
    use = "import zope_demo, pastedemo; print(zope_demo.version, pastedemo.version)"
    assert programs.run(["bin/py", "-c", use], home).output == "1.0 2.0\n"
