"""Who may read, in each front end: what servers around make of credentials is theirs to decide."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.access_site import RULES
from tests.distributions import make_wheel
from tests.frontends import FRONT_ENDS
from tests.httpd import give_away, public_directory
from tests.secrets import basic, write_tokens, write_users
from tests.servers import Reply, Server, ask, serving, wait_until
from tests.uploading import fields_of, form_of, post
from tests.upstream import Upstream

FILE = "/pypi/acme-tool/acme_tool-1.0.whl"
PAGE = "/pypi/acme-tool/"


class Site(NamedTuple):
    """A server over rules, and the files of users and tokens."""

    server: Server
    users: Path
    tokens: Mapping[str, str]

    def ask(self, path: str, who: str | None = None, **headers: str) -> Reply:
        """GET a path with credentials."""
        given = {} if who is None else {"Authorization": who}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return ask(self.server.url, path, headers=given | named)


@pytest.fixture(scope="module", params=FRONT_ENDS)
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Give a server with each front end in turn."""
    with Upstream() as upstream, public_directory() as folder:
        upstream.add("acme-tool", "acme_tool-1.0.whl", b"wheel" * 100, metadata=b"Name: a\n")
        upstream.add("open-tool", "open_tool-1.0.zip", b"zip")
        upstream.add("acme-large", "acme_large-1.0.zip", b"large" * 1_000_000)
        users = write_users(folder / "users", alice="wonder", bob="builder")
        tokens = write_tokens(
            folder / "tokens", good=("ci", "read:acme-*"), revoked=("ci", "read:*")
        )
        (folder / "eggproxy.conf").write_text(RULES)
        for path in (users, folder / "tokens"):
            path.chmod(0o600)
            if FRONT_ENDS[request.param].drops_root:
                give_away(path)
        with serving(
            tmp_path_factory.mktemp("site"),
            upstream.index_url,
            front_end=request.param,
            config=folder / "eggproxy.conf",
            users_file=users,
            tokens_file=folder / "tokens",
        ) as server:
            yield Site(server, users, tokens)


ALICE = basic("alice", "wonder")


def test_front_ends__reading(site: Site) -> None:
    """Only those whom a rule lets in have page, file and metadata; and all have what is open."""
    for _ in range(2):
        for path in (PAGE, FILE, f"{FILE}.metadata"):
            assert site.ask(path, ALICE).status == 200
            assert site.ask(path, basic("__token__", site.tokens["good"])).status == 200
            assert site.ask(path).status == 401
            assert site.ask(path, basic("alice", "builder")).status == 401
            assert site.ask(path, basic("__token__", site.tokens["revoked"])).status == 401
            assert site.ask(path, basic("bob", "builder")).status == 403
        assert site.ask("/pypi/open-tool/").status == 200
        assert site.ask("/pypi/open-tool/", basic("alice", "builder")).status == 200


def test_front_ends__list(site: Site) -> None:
    """The list of projects is for those who may read all that no rule names."""
    assert [site.ask("/pypi/", who).status for who in (None, ALICE)] == [401, 200]


def test_front_ends__parts_and_methods(site: Site) -> None:
    """Neither HEAD, nor a range, nor a validator gets a stranger in."""
    etag = site.ask(FILE, ALICE).headers["ETag"]
    assert site.ask(FILE, ALICE, Range="bytes=0-4").body == b"wheel"
    assert site.ask(FILE, ALICE, If_None_Match=etag).status == 304
    assert site.ask(FILE, Range="bytes=0-4").status == 401
    assert site.ask(FILE, If_None_Match=etag).status == 401
    assert site.server.head(FILE).status == 401
    assert site.server.head(FILE, Authorization=ALICE).status == 200


def test_front_ends__headers(site: Site) -> None:
    """An answer tells how to sign in and what to do, and what took credentials is private."""
    stranger, page, file = site.ask(PAGE), site.ask(PAGE, ALICE), site.ask(FILE, ALICE)
    assert stranger.headers["WWW-Authenticate"] == 'Basic realm="eggproxy", charset="UTF-8"'
    assert stranger.reason.startswith("It takes a user name and a password or token to read acme-")
    assert stranger.reason in stranger.body.decode()
    assert page.headers["Cache-Control"] == "private, no-cache"
    assert file.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    bob = site.ask(PAGE, basic("bob", "builder"))
    assert bob.reason.startswith("User bob may not read acme-tool: an administrator can")


def test_front_ends__uploading(site: Site) -> None:
    """Who may not upload is refused, and who may is not."""
    wheel = make_wheel("acme-new", "1.0")
    body = form_of(fields_of(wheel), wheel.filename, wheel.content)
    token = basic("__token__", site.tokens["good"])
    for who, status in {None: 401, basic("bob", "builder"): 403, token: 403, ALICE: 200}.items():
        assert post(site.server, body, authorization=who).status == status
        listed = site.ask("/pypi/acme-new/", ALICE).body.count(wheel.filename.encode())
        assert (listed > 0) == (status == 200)


def test_front_ends__large_files(site: Site) -> None:
    """A file is guarded and private while it comes, and when the server around sends it."""
    path = "/pypi/acme-large/acme_large-1.0.zip"
    for _ in range(3):
        whole = site.ask(path, ALICE)
        assert (whole.status, len(whole.body)) == (200, 5_000_000)
        assert whole.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert [site.ask(path, Range="bytes=0-4").status for _ in range(2)] == [401, 401]
        wait_until((site.server.eggs / "acme-large" / "acme_large-1.0.zip").exists)
    assert site.ask(path, ALICE, Range="bytes=5-9").body == b"large"


def test_front_ends__nobody_names_himself(site: Site) -> None:
    """A name in any header is worth nothing: only the server around tells one."""
    names = ("Remote-User", "Remote_User", "X-Remote-User", "X-Forwarded-User", "REMOTE-USER")
    for name in names:
        assert ask(site.server.url, PAGE, headers={name: "alice"}).status == 401


def test_front_ends__address(site: Site) -> None:
    """An address in a header is worth nothing either: guessers have to wait all the same."""
    site.ask(PAGE, ALICE)
    replies = (
        site.ask(PAGE, basic("alice", f"guess-{n}"), X_Forwarded_For=f"192.0.2.{n}")
        for n in range(20)
    )
    # On a busy machine the first wait may be over before the next guess comes.
    refused = next(reply for reply in replies if reply.status == 429)
    assert int(refused.headers["Retry-After"]) > 0
    assert "try again in" in refused.reason
    # Who is known already does not wait.
    assert site.ask(PAGE, ALICE).status == 200


def test_front_ends__users_change(site: Site) -> None:
    """A user who is removed is let in no more, at once."""
    kept = site.users.read_bytes()
    assert site.ask(PAGE, ALICE).status == 200
    try:
        site.users.write_bytes(kept.replace(b"alice:", b"alina:"))
        assert site.ask(PAGE, ALICE).status in {401, 429}
    finally:
        site.users.write_bytes(kept)
    wait_until(lambda: site.ask(PAGE, ALICE).status == 200)


def test_front_ends__log(site: Site) -> None:
    """No credentials are in any log."""
    site.ask(PAGE, ALICE)
    site.ask(f"{PAGE}?password=wonder", ALICE)
    logs = [site.server.log, *(path.read_text() for path in site.server.eggs.parent.glob("*.log"))]
    secrets = [ALICE, "wonder", "builder", "guess-", *site.tokens.values()]
    assert site.server.log
    for secret in secrets:
        assert not [log for log in logs if secret.removeprefix("Basic ") in log]
