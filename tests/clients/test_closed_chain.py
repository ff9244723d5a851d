"""An office's cache before a private server with closed projects, before a public index."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.clients import programs
from tests.clients.programs import Client
from tests.clients.publishing import publish
from tests.distributions import make_wheel
from tests.packages import drop
from tests.secrets import basic, write_tokens, write_users
from tests.servers import Server, serving, wait_until
from tests.uploading import upload
from tests.upstream import Upstream

RULES = "[access]\n[[acme-*]]\nread = office, token:ci\nupload = office\n[[*]]\nread = anyone\n"
PASSWORD = "wonder-4711"
WRONG = "mistyped-4712"
TOOL = make_wheel("acme-tool", "1.0", requires=["acme-base", "public"])


class Private(NamedTuple):
    """The private server, and a token for it."""

    server: Server
    token: str


@pytest.fixture
def private(tmp_path: Path, upstream: Upstream) -> Iterator[Private]:
    """Run a private server with closed packages of its own, over a public index."""
    publish(upstream, make_wheel("public", "3.0"))
    publish(upstream, make_wheel("acme-tool", "9.9"))
    home = tmp_path / "private"
    drop(home / "packages", TOOL)
    drop(home / "packages", make_wheel("acme-base", "2.0"))
    (home / "eggproxy.conf").write_text(RULES)
    users = write_users(home / "users", office=PASSWORD)
    tokens = write_tokens(home / "tokens", good=("ci", "read:acme-*"))
    settings: dict[str, Any] = {"config": home / "eggproxy.conf", "users_file": users}
    settings |= {"tokens_file": home / "tokens", "packages_directory": home / "packages"}
    with serving(home, upstream.index_url, **settings) as server:
        yield Private(server, tokens["good"])


@contextmanager
def office(tmp_path: Path, private: Private, user: str, password: str) -> Iterator[Server]:
    """Run an office's cache that has credentials for the private server."""
    home = tmp_path / "office"
    home.mkdir()
    (home / "eggproxy.conf").write_text(
        f"[indexes]\n[[internal]]\nindex = {private.server.index}\n"
        f"username = {user}\npassword = {password}\nupdate_interval = 1 s\n"
    )
    with serving(home, "", config=home / "eggproxy.conf") as server:
        yield server


def assert_secret(server: Server, *secrets: str) -> None:
    """Nothing that a cache has written holds what it was told in confidence."""
    encoded = [basic("office", each).removeprefix("Basic ") for each in secrets]
    encoded += [basic("__token__", each).removeprefix("Basic ") for each in secrets]
    written = {path: path.read_bytes() for path in server.eggs.rglob("*") if path.is_file()}
    for path, content in {**written, server.eggs: server.log.encode()}.items():
        assert not [each for each in (*secrets, *encoded) if each.encode() in content], path


@pytest.mark.parametrize("kind", ["password", "token"])
def test_closed__pip_installs(
    newest_pip: Client, private: Private, tmp_path: Path, kind: str
) -> None:
    """Closed packages and public ones come through the office's cache, by password or by token."""
    user = "office" if kind == "password" else "__token__"
    secret = PASSWORD if kind == "password" else private.token
    environment = programs.make_environment(newest_pip, tmp_path / "home")
    with office(tmp_path, private, user, secret) as server:
        run = environment.install(server.index, "--no-input", "acme-tool")
        assert run.status == 0, run.output
        wanted = {"acme-tool": "1.0", "acme-base": "2.0", "public": "3.0"}
        assert environment.installed() == wanted
        assert secret not in run.output
        for path in ("", "acme-tool/", "acme-tool/index.json", "healthz"):
            assert secret.encode() not in server.get(f"/pypi/{path}").body
        assert_secret(server, secret)


@pytest.mark.parametrize("user", ["office", "__token__", "nobody"])
def test_closed__wrong_credentials(
    newest_pip: Client, private: Private, tmp_path: Path, user: str
) -> None:
    """A wrong secret is an error that tells what to do, never a 404, and is shown to nobody."""
    environment = programs.make_environment(newest_pip, tmp_path / "home")
    with office(tmp_path, private, user, WRONG) as server:
        reply = server.get("/pypi/acme-tool/")
        assert reply.status in {502, 503}
        assert b"answers 401" in reply.body
        assert b"Check the username and password" in reply.body
        run = environment.install(server.index, "--no-input", "--retries=0", "acme-tool")
        assert run.status != 0
        assert environment.installed() == {}
        assert WRONG not in run.output + reply.body.decode() + reply.reason
        assert_secret(server, WRONG)


def test_closed__upload_shows(private: Private, tmp_path: Path) -> None:
    """What is uploaded to the private server is at the office within its update_interval."""
    new = make_wheel("acme-tool", "1.1")
    with office(tmp_path, private, "office", PASSWORD) as server:
        assert new.filename.encode() not in server.get("/pypi/acme-tool/").body
        assert upload(private.server, new, authorization=basic("office", PASSWORD)).status == 200
        wait_until(lambda: new.filename.encode() in server.get("/pypi/acme-tool/").body)
        assert server.get(f"/pypi/acme-tool/{new.filename}").body == new.content
