"""Real clients with credentials: in the URL, and where each of them keeps its own."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.clients import programs
from tests.clients.programs import Client, Environment, Run
from tests.clients.publishing import publish
from tests.clients.setuptools_era import easy_install
from tests.distributions import make_sdist, make_wheel
from tests.secrets import write_tokens, write_users
from tests.servers import Server, serving, wait_until
from tests.upstream import Upstream

RULES = "[access]\n[[acme-*]]\nread = alice, token:ci\nupload = token:ci\n[[*]]\nread = anyone\n"
PASSWORD = "wonder"


class Site(NamedTuple):
    """A server on which acme-tool, and what it needs, takes credentials."""

    server: Server
    token: str

    def index_for(self, name: str, password: str) -> str:
        """Write the address of the index with credentials."""
        return self.server.index.replace("//", f"//{name}:{password}@", 1)


@pytest.fixture
def site(tmp_path: Path, upstream: Upstream) -> Iterator[Site]:
    """Give such a server."""
    publish(upstream, make_wheel("acme-tool", "1.0", requires=["acme-base", "public"]))
    publish(upstream, make_sdist("acme-base", "2.0", stem="acme_base"))
    publish(upstream, make_wheel("public", "3.0"))
    users = write_users(tmp_path / "users", alice=PASSWORD, bob="builder")
    tokens = write_tokens(tmp_path / "tokens", good=("ci", "read:acme-*", "upload:acme-new"))
    (tmp_path / "eggproxy.conf").write_text(RULES)
    with serving(
        tmp_path,
        upstream.index_url,
        config=tmp_path / "eggproxy.conf",
        users_file=users,
        tokens_file=tmp_path / "tokens",
    ) as server:
        yield Site(server, tokens["good"])


def assert_installed(environment: Environment, run: Run) -> None:
    """All three came."""
    assert run.status == 0, run.output
    wanted = {"acme-tool": "1.0", "acme-base": "2.0", "public": "3.0"}
    assert environment.installed() == wanted


def netrc(home: Path, password: str = PASSWORD) -> None:
    """Write a netrc file, where requests and uv look for it."""
    (home / ".netrc").write_text(f"machine 127.0.0.1 login alice password {password}\n")
    (home / ".netrc").chmod(0o600)


def install(environment: Environment, index: str) -> Run:
    """Install the tool, without a keyring and without anybody who could be asked."""
    options = ["--no-build-isolation", "acme-tool"]
    if environment.client.kind == "pip":
        options.insert(0, "--no-input")
    return environment.install(index, *options)


def test_credentials__in_the_url(environment: Environment, site: Site) -> None:
    """Name and password in the address of the index are good for pages and files."""
    assert_installed(environment, install(environment, site.index_for("alice", PASSWORD)))


def test_credentials__token(environment: Environment, site: Site) -> None:
    """So is a token, as the password of __token__."""
    assert_installed(environment, install(environment, site.index_for("__token__", site.token)))


def test_credentials__netrc(environment: Environment, site: Site) -> None:
    """The netrc file has them for pip and uv."""
    netrc(environment.home)
    assert_installed(environment, install(environment, site.server.index))


def test_credentials__none(environment: Environment, site: Site) -> None:
    """Without credentials nothing comes of what takes some, and all of what does not."""
    run = install(environment, site.server.index)
    assert run.status != 0
    assert environment.installed() == {}
    assert environment.install(site.server.index, "public").status == 0
    wait_until(lambda: " 401 " in site.server.log)


def test_credentials__wrong(environment: Environment, site: Site) -> None:
    """A wrong password ends in an error soon, and does not make anybody wait."""
    run = install(environment, site.index_for("alice", "wrong"))
    assert run.status != 0
    wait_until(lambda: " 401 " in site.server.log)
    assert " 429 " not in site.server.log
    right = install(environment, site.index_for("alice", PASSWORD))
    assert_installed(environment, right)


def test_credentials__not_allowed(environment: Environment, site: Site) -> None:
    """Who is known and may not gets nothing."""
    run = install(environment, site.index_for("bob", "builder"))
    assert run.status != 0
    wait_until(lambda: " 403 " in site.server.log)
    # pip tells why only to those who ask it to be verbose.
    assert environment.client.kind == "pip" or "403" in run.output


def test_credentials__stay_out_of_the_cache(newest_pip: Client, site: Site, tmp_path: Path) -> None:
    """Nothing that pip keeps of answers holds a password: they do not vary by Authorization."""
    environment = programs.make_environment(newest_pip, tmp_path / "home")
    netrc(environment.home)
    cache = str(tmp_path / "cache")
    command = [str(environment.python), "-m", "pip", "--cache-dir", cache, "install"]
    options = ["--no-build-isolation", "--index-url", site.server.index, "acme-tool"]
    assert_installed(environment, programs.run([*command, *options], environment.home))
    kept = [path.read_bytes() for path in Path(cache).rglob("*") if path.is_file()]
    assert kept
    assert not [data for data in kept if b"Basic " in data or PASSWORD.encode() in data]


def test_easy_install__in_the_url(old_pip: Client, site: Site, tmp_path: Path) -> None:
    """easy_install takes credentials from the address, for pages and for files."""
    home = tmp_path / "home"
    status, output = easy_install(old_pip, home, site.index_for("alice", PASSWORD), "acme-base")
    assert status == 0, output
    assert [path.name[:9] for path in home.glob("eggs/*.egg")] == ["acme_base"]


def test_easy_install__pypirc(old_pip: Client, site: Site, tmp_path: Path) -> None:
    """It takes them from ~/.pypirc, too, where the repository is the index."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".pypirc").write_text(
        "[distutils]\nindex-servers = ours\n"
        f"[ours]\nrepository = {site.server.index}\nusername = alice\npassword = {PASSWORD}\n"
    )
    status, output = easy_install(old_pip, home, site.server.index, "acme-base")
    assert status == 0, output


BUILDOUT = """
[buildout]
parts = tool
index = {index}
eggs-directory = eggs
[tool]
recipe = zc.recipe.egg
eggs = acme-tool
"""


def test_buildout__in_the_url(site: Site, upstream: Upstream, tmp_path: Path) -> None:
    """zc.buildout takes credentials from the address."""
    tools = programs.get_tools(tmp_path / "tools", "zc.buildout", "setuptools<82")
    recipe = programs.get_wheel(tmp_path / "recipe", "zc.recipe.egg")
    upstream.add("zc.recipe.egg", recipe.name, recipe.read_bytes())
    client = Client("buildout", "pip", tools)
    environment = programs.make_environment(client, tmp_path / "home")
    text = BUILDOUT.format(index=site.index_for("alice", PASSWORD))
    (environment.home / "buildout.cfg").write_text(text)
    command = [str(environment.python), "-m", "zc.buildout.buildout"]
    status, output = programs.run([*command, "-N"], environment.home)
    assert status == 0, output


def test_publish__token(site: Site, tmp_path: Path) -> None:
    """By a token, uv publishes what is in its scope, and is told why where something is not."""
    command = [programs.uv_program(), "publish", "--publish-url", f"{site.server.url}/legacy/"]
    runs = []
    for name in ("acme-new", "acme-other", "public"):
        wheel = make_wheel(name, "7.0")
        (tmp_path / wheel.filename).write_bytes(wheel.content)
        arguments = ["--token", site.token, str(tmp_path / wheel.filename)]
        runs.append(programs.run([*command, *arguments], tmp_path))
    assert [run.status != 0 for run in runs] == [False, True, True], runs
    # uv breaks lines.
    told = [" ".join(run.output.split()) for run in runs]
    assert "The token for ci may not upload acme-other: an administrator can" in told[1]
    assert "can make one with --scope upload:public." in told[2]
    assert site.token not in site.server.log
