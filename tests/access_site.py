"""A site with open and closed projects, and every kind of caller that may come to it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote
from wsgiref.types import WSGIApplication

from eggproxy import config
from eggproxy.wsgi import make_application
from tests.distributions import make_wheel
from tests.packages import drop
from tests.secrets import basic, write_tokens, write_users
from tests.test_wsgi import call
from tests.upstream import Upstream

RULES = """
[access]
[[open-*]]
read = anyone
[[acme-*]]
read = @staff, token:ci
upload = @staff, token:ci
[[*]]
read = users
upload =
[groups]
staff = alice, carol
"""

INDEXES = """
[indexes]
[[main]]
index = {index}
[[other]]
index = {index}
channel = other
"""

FILE = "acme_tool-1.0.whl"
OWN = make_wheel("acme-own", "1.0")
WIDE = make_wheel("wide-own", "1.0")

# What becomes of each kind of caller at what they need a right for; None: it goes through.
CALLERS: Mapping[str, tuple[int | None, int | None]] = {
    # acme, list
    "anonymous": (401, 401),
    "another scheme": (401, 401),
    "broken": (401, 401),
    "empty password": (401, 401),
    "wrong password": (401, 401),
    "unknown user": (401, 401),
    "user without right": (403, None),
    "user with right": (None, None),
    "token with scope": (None, 403),
    "token as its user's password": (None, 403),
    "token as another's password": (401, 401),
    "token with wrong scope": (403, 403),
    "token that has expired": (401, 401),
    "token that was revoked": (401, 401),
    "server's user with right": (None, None),
    "server's user without right": (403, None),
    "server's user, wrong password": (None, None),
    "user named in a header": (401, 401),
}


class Site(NamedTuple):
    """An application whose answers are all in its memory, and what callers send to it."""

    application: WSGIApplication
    upstream: Upstream
    callers: Mapping[str, Mapping[str, str]]

    def ask(self, caller: str, path: str, **environ: Any) -> tuple[str, dict[str, str], bytes]:
        """Ask as some kind of caller, each from an address of its own."""
        address = f"192.0.2.{list(CALLERS).index(caller)}"
        about: dict[str, Any] = {"REMOTE_ADDR": address, "REQUEST_URI": path}
        about.update(self.callers[caller], **environ)
        return call(self.application, unquote(path), **about)


def callers(tokens: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Write what each kind of caller sends, or what the server around says of it."""
    header = {
        "another scheme": "Bearer abc",
        "broken": "Basic ???",
        "empty password": basic("alice", ""),
        "wrong password": basic("alice", "builder"),
        "unknown user": basic("eve", "wonder"),
        "user without right": basic("bob", "builder"),
        "user with right": basic("alice", "wonder"),
        "token with scope": basic("__token__", tokens["good"]),
        "token as its user's password": basic("ci", tokens["good"]),
        "token as another's password": basic("alice", tokens["good"]),
        "token with wrong scope": basic("__token__", tokens["wrong"]),
        "token that has expired": basic("__token__", tokens["expired"]),
        "token that was revoked": basic("__token__", tokens["revoked"]),
    }
    return {
        "anonymous": {},
        **{caller: {"HTTP_AUTHORIZATION": value} for caller, value in header.items()},
        "server's user with right": {"REMOTE_USER": "carol"},
        "server's user without right": {"REMOTE_USER": "bob"},
        "server's user, wrong password": {
            "REMOTE_USER": "alice",
            "HTTP_AUTHORIZATION": header["wrong password"],
        },
        "user named in a header": {"HTTP_REMOTE_USER": "alice", "HTTP_X_REMOTE_USER": "alice"},
    }


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """Make an application in an empty folder."""
    with Upstream() as upstream:
        (folder / "eggproxy.conf").write_text(RULES + INDEXES.format(index=upstream.index_url))
        upstream.add("acme-tool", FILE, b"wheel", metadata=b"Name: acme-tool\n")
        upstream.add("open-tool", "open_tool-1.0.zip", b"zip")
        for distribution in (OWN, WIDE):
            drop(folder / "packages", distribution)
        options = {"eggs_directory": str(folder / "eggs"), "reserve": "acme-reserved"}
        users = write_users(folder / "users", alice="wonder", bob="builder")
        tokens = write_tokens(
            folder / "tokens",
            good=("ci", "read:acme-*", "upload:acme-*"),
            wrong=("ci", "upload:other-*", "read:acme-other"),
            expired=("ci", "read:*", "upload:*"),
            revoked=("ci", "read:*", "upload:*"),
        )
        options |= {"users_file": str(users), "tokens_file": str(folder / "tokens")}
        loaded = config.load(path=folder / "eggproxy.conf", environ={}, options=options)
        yield Site(make_application(loaded), upstream, callers(tokens))
