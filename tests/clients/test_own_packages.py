"""Real clients install packages of our own, with what they need of upstream's."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eggproxy.packages import Packages
from tests.clients.programs import Client, Environment
from tests.clients.publishing import publish
from tests.clients.setuptools_era import easy_install
from tests.distributions import make_sdist, make_wheel
from tests.packages import add, drop
from tests.servers import Server, serving
from tests.upstream import Upstream


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give a packages directory with a wheel dropped by hand and an sdist in a project's folder."""
    folder = tmp_path / "own"
    drop(folder, make_wheel("Acme.Tool", "1.0", requires=["PasteDemo>=2"]))
    drop(folder, make_sdist("Acme.Old", "1.0", stem="Acme.Old"), folder="Acme.Old")
    return folder


@pytest.fixture
def own(tmp_path: Path, upstream: Upstream, directory: Path) -> Iterator[Server]:
    """Give a proxy over that directory and an index that has more of the same names."""
    publish(upstream, make_sdist("PasteDemo", "2.0", stem="PasteDemo"))
    publish(upstream, make_wheel("acme-tool", "9.0"))
    publish(upstream, make_wheel("acme-old", "9.0"))
    with serving(tmp_path, upstream.index_url, packages_directory=directory) as server:
        yield server


def test_install__ours_and_what_it_needs(
    environment: Environment, own: Server, upstream: Upstream
) -> None:
    """Our wheel and sdist are taken, not upstream's newer ones; what they need is upstream's."""
    names = ("Acme.Tool", "acme_old")
    status, output = environment.install(own.index, "--no-build-isolation", *names)
    assert status == 0, output
    expected = {"acme-tool": "1.0", "acme-old": "1.0", "pastedemo": "2.0"}
    assert environment.installed() == expected
    assert not [request for request in upstream.requests if "acme" in request.path]


def test_install__just_added(environment: Environment, own: Server, directory: Path) -> None:
    """What has been added this moment is installed, and yanked ones are passed over."""
    packages = Packages(directory)
    for version in ("2.0", "3.0"):
        add(packages, make_wheel("acme-tool", version))
    packages.yank(packages.projects()[1], "3.0", "broken")
    status, output = environment.install(own.index, "acme-tool")
    assert status == 0, output
    assert environment.installed() == {"acme-tool": "2.0"}


def test_easy_install__ours(old_pip: Client, own: Server, tmp_path: Path) -> None:
    """easy_install takes it by the name that people write, from the page in HTML."""
    home = tmp_path / "home"
    status, output = easy_install(old_pip, home, own.index, "Acme.Old")
    assert status == 0, output
    assert [path.name[:12] for path in home.glob("eggs/*.egg")] == ["Acme.Old-1.0"]
