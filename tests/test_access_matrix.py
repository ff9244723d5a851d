"""Who may do what: every route with every kind of caller.

A route, or a new property of one, that has no row here fails `test_matrix__has_every_route`.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple, get_args, get_type_hints

import pytest

from eggproxy import config, paths
from eggproxy.wsgi import make_application
from tests.access_site import CALLERS, FILE, OWN, Site, open_site
from tests.test_wsgi import call
from tests.upstream import Upstream

Guard = Literal["open", "acme", "list"]


class Route(NamedTuple):
    """A request: what one must be allowed to read for it, and how it ends if one is."""

    guard: Guard
    path: str
    status: int = 200
    environ: Mapping[str, str] = {}


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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site that has everything stored and at hand."""
    with open_site(tmp_path_factory.mktemp("matrix")) as site:
        for route in all_routes():
            site.ask("user with right", route.path, **route.environ)
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
    status, headers, body = site.ask(caller, route.path, **route.environ)
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
            status = site.ask(caller, path)[0]
            assert int(status[:3]) == CALLERS[caller][0]
    assert len(site.upstream.requests) == before


def test_matrix__list_names(site: Site) -> None:
    """The list names what all who may read it may read: no closed project of our own."""
    for path in ("/pypi/", "/pypi/index.json", "/simple/index.html"):
        _status, _headers, body = site.ask("user with right", path)
        assert b"wide-own" in body
        assert b"open-tool" in body
        assert b"acme-own" not in body
        assert b"acme-reserved" not in body


@pytest.mark.parametrize("channel", ["", "+other/"])
def test_matrix__list_names_of_an_index(site: Site, channel: str) -> None:
    """The list has no closed project of an index either, in any channel and representation."""
    for path in (f"/pypi/{channel}", f"/pypi/{channel}index.json", f"/simple/{channel}index.html"):
        _status, _headers, body = site.ask("user with right", path)
        assert b"open-tool" in body
        assert b"acme-tool" not in body


def test_list__closed_projects_of_an_index_alone(tmp_path: Path, upstream: Upstream) -> None:
    """Without a project of our own it is so too; what keeps the index from answering is told."""
    (tmp_path / "eggproxy.conf").write_text("[access]\n[[acme-*]]\nread = alice\n")
    options = {"eggs_directory": str(tmp_path / "eggs"), "index": upstream.index_url}
    loaded = config.load(path=tmp_path / "eggproxy.conf", environ={}, options=options)
    application = make_application(loaded)
    upstream.add("acme-tool", FILE, b"wheel")
    upstream.add("open-tool", "open_tool-1.0.zip", b"zip")
    with upstream.down():
        assert call(application, "/pypi/")[0].startswith("50")
    _status, _headers, body = call(make_application(loaded), "/pypi/")
    assert b"open-tool" in body
    assert b"acme-tool" not in body
