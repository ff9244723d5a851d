"""Who may do what: every route with every kind of caller.

A route, or a new property of one, that has no row here fails `test_matrix__has_every_route`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple, get_args, get_type_hints
from urllib.parse import unquote
from wsgiref.types import WSGIApplication

import pytest

from eggproxy import config, paths
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
upload = alice, token:ci
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

Guard = Literal["open", "acme", "list"]


class Route(NamedTuple):
    """A request: what one must be allowed to read for it, and how it ends if one is."""

    guard: Guard
    path: str
    status: int = 200
    environ: Mapping[str, str] = {}


FILE = "acme_tool-1.0.whl"
OWN = make_wheel("acme-own", "1.0")
WIDE = make_wheel("wide-own", "1.0")
HEAD = {"REQUEST_METHOD": "HEAD"}
RANGE = {"HTTP_RANGE": "bytes=0-0"}
ANY_ETAG = {"HTTP_IF_NONE_MATCH": "*"}

ROUTES: Mapping[type[object], tuple[Route, ...]] = {
    paths.HomeTarget: (Route("open", "/"), Route("open", "/", environ=HEAD)),
    paths.HealthTarget: (Route("open", "/healthz"), Route("open", "/pypi/+healthz")),
    paths.RedirectTarget: (
        Route("open", "/pypi", 301),
        Route("open", "/pypi/acme-tool", 301),
        Route("open", "/pypi/+stored/acme-tool", 301),
    ),
    paths.ListTarget: (
        Route("list", "/pypi/"),
        Route("list", "/simple/", environ=HEAD),
        Route("list", "/pypi/index.json"),
        Route("list", "/pypi/", 304, ANY_ETAG),
    ),
    paths.ProjectTarget: (
        Route("open", "/pypi/open-tool/"),
        Route("acme", "/pypi/acme-tool/"),
        Route("acme", "/simple/acme-tool/"),
        Route("acme", "/pypi/Acme._Tool/"),
        Route("acme", "/pypi/%61cme-tool/"),
        Route("acme", "/pypi/acme-tool/index.html"),
        Route("acme", "/pypi/acme-tool/index.json"),
        Route("acme", "/pypi/acme-tool/", 304, ANY_ETAG),
        Route("acme", "/pypi/acme-tool/", environ=HEAD),
        Route(
            "acme", "/pypi/acme-tool/", environ={"QUERY_STRING": "format=application/vnd.pypi.v1"}
        ),
        Route("acme", "/pypi/+stored/acme-tool/"),
        Route("acme", "/pypi/+stored/ACME.tool/index.json"),
        Route("acme", "/pypi/acme-none/", 404),
        Route("acme", "/pypi/acme-own/"),
        Route("acme", "/pypi/Acme.Own/index.json", environ=HEAD),
        Route("acme", "/pypi/acme-reserved/", 404),
    ),
    paths.FileTarget: (
        Route("open", "/pypi/open-tool/open_tool-1.0.zip"),
        # By the project in the address, whatever the file is called.
        Route("acme", f"/pypi/acme-tool/{FILE}"),
        Route("acme", f"/pypi/ACME.Tool/{FILE}"),
        Route("acme", f"/pypi/acme-tool/{FILE}", environ=HEAD),
        Route("acme", f"/pypi/acme-tool/{FILE}", 206, RANGE),
        Route("acme", f"/pypi/acme-tool/{FILE}", 304, ANY_ETAG),
        Route("acme", f"/pypi/acme-tool/{FILE}.metadata"),
        Route("acme", f"/pypi/acme-tool/{FILE}.asc", 404),
        Route("acme", f"/pypi/+stored/acme-tool/{FILE}"),
        Route("acme", f"/pypi/+stored/acme-tool/{FILE}.metadata", environ=HEAD),
        Route("acme", "/pypi/acme-tool/acme_tool-9.zip", 404),
        Route("open", f"/pypi/open-tool/{FILE}", 404),
        Route("acme", f"/pypi/acme-own/{OWN.filename}"),
        Route("acme", f"/pypi/acme-own/{OWN.filename}", 206, RANGE),
        Route("acme", f"/pypi/acme-own/{OWN.filename}.metadata"),
    ),
    # By the same rules as in the index itself.
    paths.ChannelTarget: (
        Route("open", "/pypi/+other/open-tool/"),
        Route("open", "/pypi/+other/acme-tool", 301),
        Route("list", "/pypi/+other/"),
        Route("acme", f"/pypi/+other/acme-own/{OWN.filename}"),
        Route("acme", "/pypi/+other/acme-tool/"),
        Route("acme", "/pypi/+other/Acme.Tool/index.json"),
        Route("acme", f"/pypi/+other/acme-tool/{FILE}", 206, RANGE),
        Route("acme", f"/simple/+other/acme-tool/{FILE}.metadata"),
        Route("acme", "/pypi/+other/+stored/acme-tool/", environ=HEAD),
    ),
}

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

    def ask(self, route: Route, caller: str) -> tuple[str, dict[str, str], bytes]:
        """Ask as some kind of caller, each from an address of its own."""
        address = f"192.0.2.{list(CALLERS).index(caller)}"
        environ: dict[str, Any] = {"REMOTE_ADDR": address, "REQUEST_URI": route.path}
        environ.update(self.callers[caller], **route.environ)
        return call(self.application, unquote(route.path), **environ)


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give an application that has everything stored and at hand."""
    folder = tmp_path_factory.mktemp("matrix")
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
        site = Site(make_application(loaded), upstream, callers(tokens))
        for routes in ROUTES.values():
            for route in routes:
                site.ask(route, "user with right")
        yield site


def shown(route: object) -> str:
    """Write a row as the name of a test."""
    if not isinstance(route, Route):
        return str(route)
    return f"{route.environ.get('REQUEST_METHOD', 'GET')} {route.path} {route.status}"


def all_routes() -> list[Route]:
    """List all rows."""
    return [route for routes in ROUTES.values() for route in routes]


def test_matrix__has_every_route() -> None:
    """Each kind of target has rows, and with each of its properties one that makes use of it."""
    assert set(ROUTES) == set(get_args(get_type_hints(paths.resolve)["return"]))
    for kind, routes in ROUTES.items():
        targets = [
            paths.resolve(paths.decode(route.path.encode()), channels={"other"}) for route in routes
        ]
        assert {type(target) for target in targets} == {kind}
        for field in dataclasses.fields(targets[0]):
            used = {getattr(target, field.name) for target in targets} - {field.default}
            assert used, f"no row has {kind.__name__}.{field.name}"


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("route", all_routes(), ids=shown)
def test_matrix__reading(site: Site, route: Route, caller: str) -> None:
    """Everything that is stored and at hand is given to those who may read it alone."""
    acme, of_list = CALLERS[caller]
    refused = {"open": None, "acme": acme, "list": of_list}[route.guard]
    status, headers, body = site.ask(route, caller)
    assert int(status[:3]) == (refused or route.status)
    assert ("WWW-Authenticate" in headers) == (refused == 401)
    if refused:
        assert headers["Cache-Control"] == "no-store"
        assert b"wheel" not in body
    elif route.guard != "open" and route.status < 300:
        assert headers["Cache-Control"].startswith(("private, ", "no-store"))


@pytest.mark.parametrize("caller", [caller for caller in CALLERS if CALLERS[caller][0]])
def test_matrix__nothing_is_asked_for_strangers(site: Site, caller: str) -> None:
    """Who may not read a project makes nobody ask for it, whether it exists or not."""
    before = len(site.upstream.requests)
    for name in ("acme-tool", "acme-secret"):
        for path in (f"/pypi/{name}/", f"/pypi/{name}/{FILE}", f"/pypi/{name}/never-1.0.zip"):
            status = site.ask(Route("acme", path), caller)[0]
            assert int(status[:3]) == CALLERS[caller][0]
    assert len(site.upstream.requests) == before


def test_matrix__list_names(site: Site) -> None:
    """The list names what all who may read it may read: no closed project of our own."""
    for path in ("/pypi/", "/pypi/index.json", "/simple/index.html"):
        _status, _headers, body = site.ask(Route("list", path), "user with right")
        assert b"wide-own" in body
        assert b"open-tool" in body
        assert b"acme-own" not in body
        assert b"acme-reserved" not in body
