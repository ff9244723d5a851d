"""Real clients, and an upstream that sends wrong bytes, breaks off or is away for a while."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.clients.programs import Client, Environment, make_environment
from tests.clients.publishing import publish
from tests.distributions import make_wheel
from tests.servers import Server, serving, wait_until
from tests.upstream import Gate, Upstream

WHEEL = make_wheel("demo", "1.0", size=1_000_000)
STORED = f"demo/{WHEEL.filename}"
# For clients that are to fail: they try again for half a minute otherwise.
AT_ONCE = {"PIP_RETRIES": "0", "PIP_RESUME_RETRIES": "0", "UV_HTTP_RETRIES": "0"}


@pytest.fixture(autouse=True)
def _a_project(upstream: Upstream) -> None:
    """Upstream has a wheel of a megabyte."""
    publish(upstream, WHEEL)


def test_corrupt_file__refused_and_not_kept(
    environment: Environment, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """Wrong bytes are neither installed nor kept: once upstream is well all is well."""
    upstream.fail("file", corrupt=True)
    assert environment.install(proxy.index, "demo", **AT_ONCE).status != 0
    assert environment.installed() == {}
    assert STORED not in proxy.files()
    upstream.heal()
    # The server itself refuses the file for a minute, if the client had it come wrong twice.
    with serving(tmp_path, upstream.index_url, eggs=proxy.eggs) as anew:
        assert environment.install(anew.index, "demo", **AT_ONCE).status == 0
    assert environment.installed() == {"demo": "1.0"}


def test_transfer_breaks_off__clients_see_nothing_of_it(
    environment: Environment, proxy: Server, upstream: Upstream
) -> None:
    """A transfer that upstream breaks off is resumed under way."""
    upstream.fail("file", cut_after=600_000, times=1)
    status, output = environment.install(proxy.index, "demo")
    assert status == 0, output
    ranges = [request.headers["Range"] for request in upstream.asked(kind="file")]
    assert ranges == [None, "bytes=600000-"]


@pytest.mark.parametrize("name", ["newest_pip", "uv"])
def test_upstream_killed__and_back(
    request: pytest.FixtureRequest, name: str, proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """Clients that resume get over an upstream that ends in the middle of a file."""
    client: Client = request.getfixturevalue(name)
    environment = make_environment(client, tmp_path / "home")
    gate = Gate(after=600_000)
    upstream.fail("file", gate=gate, cut_after=600_001)
    with ThreadPoolExecutor() as pool:
        install = pool.submit(environment.install, proxy.index, "demo")
        gate.wait_reached()
        upstream.refuse()
        wait_until(lambda: f"{STORED}: " in proxy.log)
        upstream.listen()
        status, output = install.result()
    assert status == 0, output + proxy.log
    assert environment.installed() == {"demo": "1.0"}
    assert upstream.asked(kind="file")[-1].headers["Range"].startswith("bytes=600")


def test_upstream_away__clients_try_again(
    clients: list[Client], proxy: Server, upstream: Upstream, tmp_path: Path
) -> None:
    """All clients ask again after the 503 for what is not stored, and find upstream back."""
    upstream.refuse()
    environments = [make_environment(client, tmp_path / client.name) for client in clients]
    with ThreadPoolExecutor() as pool:
        installs = [pool.submit(each.install, proxy.index, "demo") for each in environments]
        wait_until(lambda: proxy.log.count(" /pypi/demo/ 503 ") >= len(installs))
        upstream.listen()
        ends = [install.result() for install in installs]
    assert [end.status for end in ends] == [0, 0, 0], ends
