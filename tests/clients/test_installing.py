"""Real clients choose and install what upstream offers, whatever form its pages have."""

import hashlib
from pathlib import Path

import pytest

from tests.clients.programs import Client, Environment, make_environment
from tests.clients.publishing import publish
from tests.distributions import make_sdist, make_wheel
from tests.servers import Server
from tests.upstream import Upstream
from tests.upstream_pages import Form


@pytest.mark.parametrize("form", ["json", "html", "legacy"])
def test_install__wheel_and_sdist(
    environment: Environment, proxy: Server, upstream: Upstream, form: Form
) -> None:
    """A wheel and the source distribution it needs are installed, by a name with a dot."""
    upstream.form = form
    publish(upstream, make_wheel("Zope.Demo", "1.0", requires=["PasteDemo>=2"]))
    publish(upstream, make_sdist("PasteDemo", "2.0", stem="PasteDemo"))
    status, output = environment.install(proxy.index, "--no-build-isolation", "Zope.Demo")
    assert status == 0, output
    assert environment.installed() == {"zope-demo": "1.0", "pastedemo": "2.0"}


def test_install__with_required_hashes(
    environment: Environment, proxy: Server, upstream: Upstream
) -> None:
    """A file whose hash a person wrote down is installed."""
    wheel = make_wheel("demo", "1.0")
    publish(upstream, wheel)
    status, output = install_with_hash(environment, proxy, wheel.content)
    assert status == 0, output
    assert environment.installed() == {"demo": "1.0"}


def test_install__with_another_hash(
    environment: Environment, proxy: Server, upstream: Upstream
) -> None:
    """A file that is not the one whose hash a person wrote down is refused."""
    publish(upstream, make_wheel("demo", "1.0"))
    status, _output = install_with_hash(environment, proxy, b"other bytes")
    assert status != 0
    assert environment.installed() == {}


def install_with_hash(environment: Environment, proxy: Server, content: bytes) -> tuple[int, str]:
    """Install demo 1.0, which must have this content."""
    requirements = environment.home / "requirements.txt"
    requirements.write_text(f"demo==1.0 --hash=sha256:{hashlib.sha256(content).hexdigest()}\n")
    return environment.install(proxy.index, "--require-hashes", "-r", requirements)


@pytest.mark.parametrize("form", ["json", "html"])
def test_install__newest_that_may_be_had(
    environment: Environment, proxy: Server, upstream: Upstream, form: Form
) -> None:
    """Releases for another Python (PEP 503) and yanked ones (PEP 592) are passed over."""
    upstream.form = form
    publish(upstream, make_wheel("demo", "1.0"), requires_python=">=3.6")
    publish(upstream, make_wheel("demo", "2.0", python=">=4"), requires_python=">=4")
    publish(upstream, make_wheel("demo", "3.0"), yanked="broken")
    status, output = environment.install(proxy.index, "demo")
    assert status == 0, output
    assert environment.installed() == {"demo": "1.0"}


def test_install__yanked_if_it_is_named(
    environment: Environment, proxy: Server, upstream: Upstream
) -> None:
    """A yanked release is there for those who ask for it alone, and says why (PEP 592)."""
    publish(upstream, make_wheel("demo", "1.0"), yanked="broken <on> 32 bits & more")
    status, output = environment.install(proxy.index, "demo==1.0")
    assert status == 0, output
    assert "broken <on> 32 bits & more" in output


def test_install__local_version(
    environment: Environment, proxy: Server, upstream: Upstream
) -> None:
    """A plus in a filename comes through (PEP 440)."""
    publish(upstream, make_wheel("demo", "1.0+cpu.2"))
    status, output = environment.install(proxy.index, "demo==1.0+cpu.2")
    assert status == 0, output
    assert environment.installed() == {"demo": "1.0+cpu.2"}
    assert "demo/demo-1.0+cpu.2-py3-none-any.whl" in proxy.files()


def test_install__unknown_project(environment: Environment, proxy: Server) -> None:
    """A project that upstream does not have fails at once, without the client's retries."""
    status, output = environment.install(proxy.index, "no-such-demo")
    assert status == 1, output
    proxy.stop()
    assert proxy.log.count(" /pypi/no-such-demo/ 404 ") == 1


def test_index_versions__newest_first(
    newest_pip: Client, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """Pip lists the versions there are."""
    for version in ("1.0", "1.10", "1.9"):
        publish(upstream, make_wheel("demo", version))
    environment = make_environment(newest_pip, tmp_path / "home")
    status, output = environment.run("index", proxy.index, "versions", "demo")
    assert status == 0, output
    assert "Available versions: 1.10, 1.9, 1.0" in output


def test_compile__hashes_without_any_file(
    uv: Client, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """Requirements are locked with hashes from pages and metadata alone (PEP 658)."""
    zope, paste = (
        make_wheel("Zope.Demo", "1.0", requires=["paste-demo"]),
        make_wheel("paste-demo", "2.0"),
    )
    publish(upstream, zope)
    publish(upstream, paste)
    environment = make_environment(uv, tmp_path / "home")
    wanted = environment.home / "requirements.in"
    wanted.write_text("zope_demo\n")
    status, output = environment.run("compile", proxy.index, "--generate-hashes", wanted)
    assert status == 0, output
    for wheel in (zope, paste):
        assert f"--hash=sha256:{hashlib.sha256(wheel.content).hexdigest()}" in output
    assert upstream.asked(kind="file") == []
